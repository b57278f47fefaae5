/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Relays to other nodes: the content handler behind "stentor_relay".  This
 * file reads a request into a query, finds out whether it comes from a node of
 * ours, and refuses what cannot be answered; a session does the rest.  What
 * goes over the wire is stn_relay.h's.
 *
 *     GET /relay/live/NAME?node=ID[&after=MSN.PART:CRC][&epoch=N]
 */

#include "ngx_http_stentor_relay.h"
#include "relay/stn_relay_auth.h"
#include "relay/stn_relay_query.h"


/* Sessions of a worker, unless "max" says otherwise. */
#define NGX_HTTP_STENTOR_RELAY_MAX  4096

/* A connection whose other end does not acknowledge what was sent is given up.
 * Longer than who takes nothing is waited for: the kernel also counts the time
 * that a slow reader has no room for a whole packet. */
#define NGX_HTTP_STENTOR_RELAY_USER_TIMEOUT_MS  30000


typedef struct {
    ngx_http_stentor_relays_t  *relays;
    ngx_uint_t                  enable;   /* boolean: there is a location */
} ngx_http_stentor_relay_main_conf_t;


typedef struct {
    ngx_uint_t                  enable;   /* boolean */
    ngx_uint_t                  max;      /* sessions of a worker */
} ngx_http_stentor_relay_conf_t;


static ngx_int_t ngx_http_stentor_relay_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_relay_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_relay_answer(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_http_stentor_relay_query_t *q);
static ngx_int_t ngx_http_stentor_relay_refuse(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_int_t status, const char *reason);
static const char *ngx_http_stentor_relay_query(ngx_http_request_t *r,
    ngx_http_stentor_relay_query_t *q);
static ngx_int_t ngx_http_stentor_relay_name(ngx_http_request_t *r,
    ngx_str_t *name);
static const char *ngx_http_stentor_relay_forbidden(ngx_http_request_t *r,
    ngx_stentor_cluster_conf_t *conf, ngx_http_stentor_relay_query_t *q);
static ngx_uint_t ngx_http_stentor_relay_is_local(struct sockaddr *sa);
static void ngx_http_stentor_relay_socket(ngx_connection_t *c);
static ngx_int_t ngx_http_stentor_relay_init_process(ngx_cycle_t *cycle);
static void *ngx_http_stentor_relay_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_stentor_relay_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_stentor_relay_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_stentor_relay(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_stentor_relay_commands[] = {

    { ngx_string("stentor_relay"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_stentor_relay,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_stentor_relay_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_stentor_relay_create_main_conf,
                                           /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_stentor_relay_create_loc_conf,
                                           /* create location configuration */
    ngx_http_stentor_relay_merge_loc_conf  /* merge location configuration */
};


ngx_module_t  ngx_http_stentor_relay_module = {
    NGX_MODULE_V1,
    &ngx_http_stentor_relay_module_ctx,    /* module context */
    ngx_http_stentor_relay_commands,       /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_stentor_relay_init_process,   /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_stentor_relay_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    const char                          *reason;
    ngx_http_stentor_relays_t           *relays;
    ngx_http_stentor_relay_query_t       q;
    ngx_http_stentor_relay_main_conf_t  *rmcf;

    if (r->method != NGX_HTTP_GET || r != r->main) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rmcf = ngx_http_get_module_main_conf(r, ngx_http_stentor_relay_module);
    relays = rmcf->relays;

    ngx_http_stentor_relay_count(relays, NGX_STENTOR_RELAY_REQUESTS, 1);

    if (ngx_http_stentor_relay_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&q, sizeof(ngx_http_stentor_relay_query_t));

    if (ngx_http_stentor_relay_name(r, &q.name) != NGX_OK) {
        return ngx_http_stentor_relay_refuse(r, relays, NGX_HTTP_NOT_FOUND,
                                             "names no stream");
    }

    reason = ngx_http_stentor_relay_query(r, &q);

    if (reason) {
        return ngx_http_stentor_relay_refuse(r, relays, NGX_HTTP_BAD_REQUEST,
                                             reason);
    }

    reason = ngx_http_stentor_relay_forbidden(r, relays->scf->cluster, &q);

    if (reason) {
        return ngx_http_stentor_relay_refuse(r, relays, NGX_HTTP_FORBIDDEN,
                                             reason);
    }

    return ngx_http_stentor_relay_answer(r, relays, &q);
}


/* Those that a refusal has as well. */

static ngx_int_t
ngx_http_stentor_relay_headers(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    return NGX_OK;
}


static ngx_int_t
ngx_http_stentor_relay_answer(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_http_stentor_relay_query_t *q)
{
    ngx_int_t                       rc;
    ngx_stentor_reader_t           *rd;
    ngx_stentor_worker_t           *worker;
    ngx_http_stentor_relay_conf_t  *rcf;

    rcf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_relay_module);
    worker = &relays->scf->worker;

    if (ngx_exiting || relays->sessions >= rcf->max) {
        return ngx_http_stentor_relay_refuse(r, relays,
                                             NGX_HTTP_SERVICE_UNAVAILABLE,
                                             "comes to a worker that is full, "
                                             "or exits");
    }

    rd = ngx_stentor_reader_get(worker->shelf, &q->name);

    rc = rd ? ngx_http_stentor_relay_refused(relays, q, rd->stream) : NGX_OK;

    if (rc == NGX_HTTP_CONFLICT) {
        return ngx_http_stentor_relay_refuse(r, relays, rc,
                                             "knows of a later owner");
    }

    if (rc == NGX_HTTP_STENTOR_LOOP) {
        return ngx_http_stentor_relay_refuse(r, relays, rc,
                                             "is where it comes from");
    }

    rc = rd ? NGX_AGAIN : ngx_stentor_cluster_want(worker->cluster, &q->name);

    if (rc == NGX_BUSY) {
        return ngx_http_stentor_relay_refuse(r, relays,
                                             NGX_HTTP_SERVICE_UNAVAILABLE,
                                             "is one of too many names");
    }

    if (rc != NGX_AGAIN) {
        return ngx_http_stentor_relay_refuse(r, relays, NGX_HTTP_NOT_FOUND,
                                             "is for what nobody has");
    }

    ngx_http_stentor_relay_socket(r->connection);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    ngx_str_set(&r->headers_out.content_type,
                "application/vnd.stentor.relay");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_stentor_relay_begin(r, relays, q, rd);
}


static ngx_int_t
ngx_http_stentor_relay_refuse(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_int_t status, const char *reason)
{
    ngx_uint_t  level;

    level = (status == NGX_HTTP_FORBIDDEN) ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0,
                  "relay request is answered %i: it %s", status, reason);

    ngx_http_stentor_relay_count(relays, NGX_STENTOR_RELAY_REFUSED, 1);

    return status;
}


/* Reads the arguments.  Returns why they are wrong, or NULL. */

static const char *
ngx_http_stentor_relay_query(ngx_http_request_t *r,
    ngx_http_stentor_relay_query_t *q)
{
    stn_str_t           args;
    const char         *reason;
    stn_relay_query_t   asked;

    args.data = (char *) r->args.data;
    args.len = r->args.len;

    reason = stn_relay_query(&asked, &args);

    q->node.data = (u_char *) asked.node.data;
    q->node.len = asked.node.len;
    q->epoch = asked.epoch;
    q->msn = asked.msn;
    q->part = asked.part;
    q->crc = asked.crc;
    q->after = asked.after;

    return reason;
}


/* The stream's full name is what follows the location. */

static ngx_int_t
ngx_http_stentor_relay_name(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len <= clcf->name.len
        || ngx_strncmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return NGX_DECLINED;
    }

    name->data = r->uri.data + clcf->name.len;
    name->len = r->uri.len - clcf->name.len;

    if (*name->data == '/') {
        name->data++;
        name->len--;
    }

    if (name->len > NGX_STENTOR_NAME_MAX
        || ngx_strlchr(name->data, name->data + name->len, '/') == NULL)
    {
        return NGX_DECLINED;
    }

    return ngx_stentor_name_check(name);
}


/* Whether it comes from a node of ours: who knows the secret, or, as long as
 * there is none, who is on this machine.  Returns why not, or NULL. */

static const char *
ngx_http_stentor_relay_forbidden(ngx_http_request_t *r,
    ngx_stentor_cluster_conf_t *conf, ngx_http_stentor_relay_query_t *q)
{
    ngx_uint_t        i;
    stn_str_t         value, uri, node, secrets[2];
    ngx_table_elt_t  *h;

    if (conf->secrets[0].len == 0) {
        return ngx_http_stentor_relay_is_local(r->connection->sockaddr)
               ? NULL : "is from another host, and there is no secret";
    }

    h = r->headers_in.authorization;

    if (h == NULL) {
        return "has no signature";
    }

    for (i = 0; i < 2; i++) {
        secrets[i].data = (char *) conf->secrets[i].data;
        secrets[i].len = conf->secrets[i].len;
    }

    value.data = (char *) h->value.data;
    value.len = h->value.len;
    uri.data = (char *) r->unparsed_uri.data;
    uri.len = r->unparsed_uri.len;
    node.data = (char *) q->node.data;
    node.len = q->node.len;

    return stn_relay_auth_check(&value, secrets, &uri, &node, ngx_time());
}


static ngx_uint_t
ngx_http_stentor_relay_is_local(struct sockaddr *sa)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr)) {
            return 1;
        }

        return IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)
               && sin6->sin6_addr.s6_addr[12] == 127;
#endif

    default: /* AF_INET */
        sin = (struct sockaddr_in *) sa;
        addr = ntohl(sin->sin_addr.s_addr);

        return addr >> 24 == 127;
    }
}


/* Parts leave at once, and the other end may vanish without a word: keep-alive
 * finds that out while nothing is sent, the time-out while something is. */

static void
ngx_http_stentor_relay_socket(ngx_connection_t *c)
{
    int  on;
#ifdef TCP_USER_TIMEOUT
    int  timeout;
#endif

    on = 1;

    (void) ngx_tcp_nodelay(c);

    if (setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, (const void *) &on,
                   sizeof(int))
        == -1)
    {
        ngx_log_error(NGX_LOG_ERR, c->log, ngx_socket_errno,
                      "setsockopt(SO_KEEPALIVE) failed");
    }

#ifdef TCP_USER_TIMEOUT

    timeout = NGX_HTTP_STENTOR_RELAY_USER_TIMEOUT_MS;

    if (c->sockaddr->sa_family != AF_UNIX
        && setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
                      (const void *) &timeout, sizeof(int))
           == -1)
    {
        ngx_log_error(NGX_LOG_ERR, c->log, ngx_socket_errno,
                      "setsockopt(TCP_USER_TIMEOUT) failed");
    }

#endif
}


static ngx_int_t
ngx_http_stentor_relay_init_process(ngx_cycle_t *cycle)
{
    ngx_stentor_conf_t                  *scf;
    ngx_http_stentor_relay_main_conf_t  *rmcf;

    if (ngx_stentor_worker_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    scf = ngx_stentor_conf(cycle);
    rmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_stentor_relay_module);

    if (rmcf == NULL || !rmcf->enable || scf->worker.shelf == NULL) {
        return NGX_OK;
    }

    rmcf->relays = ngx_http_stentor_relays_create(cycle, scf);

    return rmcf->relays ? NGX_OK : ngx_stentor_worker_fail(cycle);
}


static void *
ngx_http_stentor_relay_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_relay_main_conf_t));
}


static void *
ngx_http_stentor_relay_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_stentor_relay_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_relay_conf_t));

    if (conf) {
        conf->max = NGX_CONF_UNSET_UINT;
    }

    return conf;
}


static char *
ngx_http_stentor_relay_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_stentor_relay_conf_t *prev = parent;
    ngx_http_stentor_relay_conf_t *conf = child;

    ngx_conf_merge_uint_value(conf->max, prev->max,
                              NGX_HTTP_STENTOR_RELAY_MAX);
    return NGX_CONF_OK;
}


/* stentor_relay [max=NUMBER] */

static char *
ngx_http_stentor_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_stentor_relay_conf_t *rcf = conf;

    ngx_int_t                            n;
    ngx_str_t                           *value;
    ngx_http_core_loc_conf_t            *clcf;
    ngx_http_stentor_relay_main_conf_t  *rmcf;

    if (rcf->enable) {
        return "is duplicate";
    }

    rcf->enable = 1;

    rmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_stentor_relay_module);
    rmcf->enable = 1;

    /* whether there is a cluster {} block is known when all has been read */

    ngx_stentor_conf(cf->cycle)->relays = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_stentor_relay_handler;

    if (cf->args->nelts == 1) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;
    n = (ngx_strncmp(value[1].data, "max=", 4) == 0)
        ? ngx_atoi(value[1].data + 4, value[1].len - 4) : NGX_ERROR;

    if (n < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    rcf->max = (ngx_uint_t) n;

    return NGX_CONF_OK;
}
