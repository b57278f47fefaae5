/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Control: opening and closing streams over HTTP, JSON in and out.
 *
 *     GET  .../streams                         what is open
 *     POST .../open   {"stream": "live/x"}     doors open: hold audio plays
 *     POST .../close  {"stream": "live/x"}     the playlist ends
 *
 * A wish is written into the store; the keepers and live threads of whatever
 * worker act on it, and the answer waits until it is done.  Only addresses on
 * the directive's list are served, loopback by default, and no page of
 * another site that somebody's browser shows, be its name pointed here.
 */

#include "store/ngx_stentor_wake.h"
#include "stn_buf.h"
#include "told/stn_wish.h"

#include <jansson.h>
#include <ngx_http.h>


/* The longest request, and answer. */
#define NGX_HTTP_STENTOR_CONTROL_BODY  4096
#define NGX_HTTP_STENTOR_CONTROL_MAX   (4 * 1024 * 1024)

/* How often a request looks whether its wish has come true, and how long. */
#define NGX_HTTP_STENTOR_CONTROL_LOOK_MS  20
#define NGX_HTTP_STENTOR_CONTROL_WAIT_MS  10000

/* Once the operator has closed a stream nobody else opens it for so long: an
 * encoder that still runs would be back at once. */
#define NGX_HTTP_STENTOR_CONTROL_BAR_MS  600000


typedef struct {
    ngx_array_t              *allow;     /* of ngx_cidr_t; NULL: loopback */
    ngx_array_t              *names;     /* of ngx_str_t: the server's */
    ngx_uint_t                any;       /* boolean: whoever gets here */
    ngx_uint_t                enable;    /* boolean */
} ngx_http_stentor_control_conf_t;


/* A request whose wish is being fulfilled. */

typedef struct {
    ngx_http_request_t       *request;
    ngx_stentor_store_t      *store;
    ngx_stentor_stream_t     *stream;
    ngx_uint_t                open;      /* boolean: not close */
    ngx_msec_t                since;
    ngx_event_t               timer;
    ngx_str_t                 name;
    stn_wish_t                wish;      /* that name */
} ngx_http_stentor_control_t;


static ngx_int_t ngx_http_stentor_control_handler(ngx_http_request_t *r);
static const char *ngx_http_stentor_control_forbidden(ngx_http_request_t *r);
static ngx_uint_t ngx_http_stentor_control_allowed(ngx_http_request_t *r);
static ngx_uint_t ngx_http_stentor_control_foreign(ngx_http_request_t *r);
static ngx_uint_t ngx_http_stentor_control_renamed(ngx_http_request_t *r);
static void ngx_http_stentor_control_verb(ngx_http_request_t *r,
    ngx_str_t *verb);
static void ngx_http_stentor_control_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_control_read(ngx_http_request_t *r,
    u_char *body, size_t *len);
static ngx_int_t ngx_http_stentor_control_wish(ngx_http_request_t *r,
    u_char *body, size_t len);
static ngx_stentor_app_t *ngx_http_stentor_control_app(
    ngx_stentor_conf_t *scf, ngx_str_t *full);
static ngx_int_t ngx_http_stentor_control_act(ngx_http_stentor_control_t *ctl,
    ngx_stentor_conf_t *scf);
static ngx_uint_t ngx_http_stentor_control_elsewhere(
    ngx_http_stentor_control_t *ctl);
static ngx_int_t ngx_http_stentor_control_wait(
    ngx_http_stentor_control_t *ctl);
static void ngx_http_stentor_control_look(ngx_event_t *ev);
static void ngx_http_stentor_control_gone(void *data);
static ngx_int_t ngx_http_stentor_control_done(
    ngx_http_stentor_control_t *ctl);
static ngx_int_t ngx_http_stentor_control_list(ngx_http_request_t *r);
static const char *ngx_http_stentor_control_state(ngx_stentor_stream_t *st);
static ngx_int_t ngx_http_stentor_control_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const char *reason);
static ngx_int_t ngx_http_stentor_control_error(ngx_http_request_t *r,
    ngx_uint_t status, const char *reason);
static ngx_int_t ngx_http_stentor_control_json(ngx_http_request_t *r,
    ngx_uint_t status, json_t *json);
static ngx_int_t ngx_http_stentor_control_header(ngx_http_request_t *r,
    const char *key, const char *value);
static void *ngx_http_stentor_control_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_stentor_control_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_stentor_control(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_stentor_control_commands[] = {

    { ngx_string("stentor_control"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_stentor_control,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_stentor_control_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_stentor_control_create_loc_conf,
                                           /* create location configuration */
    ngx_http_stentor_control_merge_loc_conf
                                           /* merge location configuration */
};


ngx_module_t  ngx_http_stentor_control_module = {
    NGX_MODULE_V1,
    &ngx_http_stentor_control_module_ctx,  /* module context */
    ngx_http_stentor_control_commands,     /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_stentor_control_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_str_t            verb;
    const char          *reason;
    ngx_stentor_conf_t  *scf;

    scf = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle);

    if (scf->store == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"stentor_control\" needs a \"stentor\" block");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    reason = ngx_http_stentor_control_forbidden(r);

    if (reason) {
        return ngx_http_stentor_control_refuse(r, NGX_HTTP_FORBIDDEN, reason);
    }

    ngx_http_stentor_control_verb(r, &verb);

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        if (verb.len == 0
            || (verb.len == 7 && ngx_memcmp(verb.data, "streams", 7) == 0))
        {
            return ngx_http_stentor_control_list(r);
        }

        return ngx_http_stentor_control_error(r, NGX_HTTP_NOT_FOUND,
                                              "there is only \"streams\" to "
                                              "get");
    }

    if (r->method != NGX_HTTP_POST) {
        return ngx_http_stentor_control_refuse(r, NGX_HTTP_NOT_ALLOWED,
                                               "only GET and POST");
    }

    if (r->headers_in.content_length_n > NGX_HTTP_STENTOR_CONTROL_BODY) {
        return ngx_http_stentor_control_refuse(r,
                                            NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                            "the request is too long");
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_stentor_control_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/* Why nobody who asks like that may control the node; NULL: he may. */

static const char *
ngx_http_stentor_control_forbidden(ngx_http_request_t *r)
{
    if (!ngx_http_stentor_control_allowed(r)) {
        return "this address may not control the node";
    }

    if (ngx_http_stentor_control_foreign(r)) {
        return "pages of other sites may not control the node";
    }

    if (ngx_http_stentor_control_renamed(r)) {
        return "pages of other sites may not control the node: this host is "
               "no \"server_name\" of it";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_stentor_control_allowed(ngx_http_request_t *r)
{
    struct sockaddr                  *sa;
    struct in6_addr                  *addr6;
    ngx_http_stentor_control_conf_t  *ccf;

    ccf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_control_module);
    sa = r->connection->sockaddr;

    if (ccf->any) {
        return 1;
    }

    if (ccf->allow) {
        return ngx_cidr_match(sa, ccf->allow) == NGX_OK;
    }

    switch (sa->sa_family) {

    case AF_INET:
        return (ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr) >> 24)
               == 127;

    case AF_INET6:
        addr6 = &((struct sockaddr_in6 *) sa)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(addr6)
               || (IN6_IS_ADDR_V4MAPPED(addr6) && addr6->s6_addr[12] == 127);

    default:
        return sa->sa_family == AF_UNIX;
    }
}


/* A browser says which site sends it here, if it is another one (Fetch
 * Standard, "Origin"). */

static ngx_uint_t
ngx_http_stentor_control_foreign(ngx_http_request_t *r)
{
    ngx_str_t         origin;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 6
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Origin", 6) == 0)
        {
            break;
        }
    }

    origin = h[i].value;

    return r->headers_in.host == NULL
           || origin.len < r->headers_in.host->value.len + 3
           || ngx_strncasecmp(origin.data + origin.len
                              - r->headers_in.host->value.len,
                              r->headers_in.host->value.data,
                              r->headers_in.host->value.len)
              != 0
           || origin.data[origin.len - r->headers_in.host->value.len - 1]
              != '/';
}


/* A site may point its own name here (DNS rebinding): its pages are then this
 * host's own to the browser, which names it as the host.  An address has no
 * owner who could do that, and "localhost" and the operator's names neither. */

static ngx_uint_t
ngx_http_stentor_control_renamed(ngx_http_request_t *r)
{
    ngx_str_t                        *host, *name;
    ngx_uint_t                        i;
    ngx_http_stentor_control_conf_t  *ccf;

    ccf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_control_module);

    /* without the port, in lower case; empty: no browser's */

    host = &r->headers_in.server;

    if (ccf->any || host->len == 0 || host->data[0] == '['
        || ngx_inet_addr(host->data, host->len) != INADDR_NONE
        || (host->len == 9 && ngx_memcmp(host->data, "localhost", 9) == 0))
    {
        return 0;
    }

    name = ccf->names->elts;

    for (i = 0; i < ccf->names->nelts; i++) {
        if (name[i].len == host->len
            && ngx_memcmp(name[i].data, host->data, host->len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* What follows the location in the URI, without slashes around it. */

static void
ngx_http_stentor_control_verb(ngx_http_request_t *r, ngx_str_t *verb)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    *verb = r->uri;

    if (verb->len >= clcf->name.len
        && ngx_strncmp(verb->data, clcf->name.data, clcf->name.len) == 0)
    {
        verb->data += clcf->name.len;
        verb->len -= clcf->name.len;
    }

    while (verb->len && *verb->data == '/') {
        verb->data++;
        verb->len--;
    }

    while (verb->len && verb->data[verb->len - 1] == '/') {
        verb->len--;
    }
}


static void
ngx_http_stentor_control_body(ngx_http_request_t *r)
{
    size_t     len;
    u_char     body[NGX_HTTP_STENTOR_CONTROL_BODY];
    ngx_int_t  rc;

    rc = ngx_http_stentor_control_read(r, body, &len);

    if (rc == NGX_OK) {
        rc = ngx_http_stentor_control_wish(r, body, len);
    } else {
        rc = ngx_http_stentor_control_error(r,
                                            NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                            "the request is too long");
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* Copies the body together.  NGX_ERROR: it is longer than may be. */

static ngx_int_t
ngx_http_stentor_control_read(ngx_http_request_t *r, u_char *body,
    size_t *len)
{
    size_t        n;
    ngx_chain_t  *cl;

    *len = 0;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        if (cl->buf->in_file) {
            return NGX_ERROR;
        }

        n = cl->buf->last - cl->buf->pos;

        if (n > NGX_HTTP_STENTOR_CONTROL_BODY - *len) {
            return NGX_ERROR;
        }

        if (n) {
            ngx_memcpy(body + *len, cl->buf->pos, n);
            *len += n;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_stentor_control_wish(ngx_http_request_t *r, u_char *body, size_t len)
{
    ngx_str_t                    verb;
    const char                  *reason;
    ngx_stentor_conf_t          *scf;
    ngx_http_stentor_control_t  *ctl;

    ctl = ngx_pcalloc(r->pool, sizeof(ngx_http_stentor_control_t));
    if (ctl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_stentor_control_verb(r, &verb);

    ctl->open = (verb.len == 4 && ngx_memcmp(verb.data, "open", 4) == 0);

    if (!ctl->open
        && !(verb.len == 5 && ngx_memcmp(verb.data, "close", 5) == 0))
    {
        return ngx_http_stentor_control_error(r, NGX_HTTP_NOT_FOUND,
                                              "there is only \"open\" and "
                                              "\"close\" to post to");
    }

    reason = stn_wish_read(&ctl->wish, (char *) body, len);

    if (reason) {
        return ngx_http_stentor_control_error(r, NGX_HTTP_BAD_REQUEST,
                                              reason);
    }

    scf = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle);

    ctl->name.data = ctl->wish.name;
    ctl->name.len = ctl->wish.len;
    ctl->request = r;
    ctl->store = scf->store;

    return ngx_http_stentor_control_act(ctl, scf);
}


/* The application that the longest part of the name before a slash names. */

static ngx_stentor_app_t *
ngx_http_stentor_control_app(ngx_stentor_conf_t *scf, ngx_str_t *full)
{
    ngx_str_t           name;
    ngx_stentor_app_t  *app;

    name = *full;

    while (name.len) {
        name.len--;

        if (full->data[name.len] == '/') {
            app = ngx_stentor_app(scf, &name);

            if (app) {
                return app;
            }
        }
    }

    return NULL;
}


/* Writes the wish into the store. */

static ngx_int_t
ngx_http_stentor_control_act(ngx_http_stentor_control_t *ctl,
    ngx_stentor_conf_t *scf)
{
    ngx_http_request_t  *r;

    r = ctl->request;

    if (ngx_http_stentor_control_app(scf, &ctl->name) == NULL) {
        return ngx_http_stentor_control_error(r, NGX_HTTP_NOT_FOUND,
                                              "no such application");
    }

    ctl->stream = ctl->open
                  ? ngx_stentor_store_want(ctl->store, &ctl->name)
                  : ngx_stentor_store_forbid(ctl->store, &ctl->name,
                                             ngx_stentor_store_now()
                                             + NGX_HTTP_STENTOR_CONTROL_BAR_MS);
    if (ctl->stream == NULL && !ctl->open
        && ngx_http_stentor_control_elsewhere(ctl))
    {
        ngx_stentor_wake_all(ctl->store);
        return ngx_http_stentor_control_error(r, NGX_HTTP_CONFLICT,
                                              "the stream is made on another "
                                              "node, and is to be closed "
                                              "there; nobody publishes it "
                                              "here any more");
    }

    if (ctl->stream == NULL) {
        return ctl->open
               ? ngx_http_stentor_control_error(r,
                                             NGX_HTTP_SERVICE_UNAVAILABLE,
                                             "as many streams are open as "
                                             "\"streams\" allows")
               : ngx_http_stentor_control_error(r, NGX_HTTP_NOT_FOUND,
                                                "no such stream");
    }

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "operator %s stream \"%V\"",
                  ctl->open ? "opens" : "closes", &ctl->name);

    ngx_stentor_wake_all(ctl->store);

    return ngx_http_stentor_control_wait(ctl);
}


/* Whether another node makes the stream. */

static ngx_uint_t
ngx_http_stentor_control_elsewhere(ngx_http_stentor_control_t *ctl)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_find(ctl->store, &ctl->name);

    return st && ngx_stentor_load(&st->relayed)
           && ngx_stentor_load(&st->state) == NGX_STENTOR_OPEN;
}


static ngx_int_t
ngx_http_stentor_control_wait(ngx_http_stentor_control_t *ctl)
{
    ngx_http_request_t  *r;
    ngx_http_cleanup_t  *cln;

    r = ctl->request;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_stentor_control_gone;
    cln->data = ctl;

    ctl->since = ngx_current_msec;

    ctl->timer.handler = ngx_http_stentor_control_look;
    ctl->timer.data = ctl;
    ctl->timer.log = r->connection->log;

    ngx_add_timer(&ctl->timer, NGX_HTTP_STENTOR_CONTROL_LOOK_MS);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_stentor_control_look(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_stentor_control_t  *ctl;

    ctl = ev->data;
    r = ctl->request;
    c = r->connection;

    rc = ngx_http_stentor_control_done(ctl);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(ev, NGX_HTTP_STENTOR_CONTROL_LOOK_MS);
        return;
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_stentor_control_gone(void *data)
{
    ngx_http_stentor_control_t *ctl = data;

    if (ctl->timer.timer_set) {
        ngx_del_timer(&ctl->timer);
    }
}


/* Answers when the wish has come true, or will not; else NGX_AGAIN. */

static ngx_int_t
ngx_http_stentor_control_done(ngx_http_stentor_control_t *ctl)
{
    json_t                *json;
    ngx_uint_t             done, undone, given_up;
    ngx_atomic_uint_t      state;
    ngx_stentor_stream_t  *st;

    st = ctl->stream;

    state = ngx_stentor_load(&st->state);

    done = ctl->open ? state == NGX_STENTOR_OPEN : state != NGX_STENTOR_OPEN;

    given_up = ngx_current_msec - ctl->since
               >= NGX_HTTP_STENTOR_CONTROL_WAIT_MS
               || (ctl->open && state != NGX_STENTOR_OPENING
                   && !ngx_stentor_load(&st->wanted));

    undone = !ctl->open && !done && !ngx_stentor_load(&st->closing);

    if (!done && !given_up && !undone) {
        return NGX_AGAIN;
    }

    if (undone) {
        return ngx_http_stentor_control_error(ctl->request, NGX_HTTP_CONFLICT,
                                              "the stream has been opened "
                                              "again");
    }

    if (!done) {
        return ngx_http_stentor_control_error(ctl->request,
                                  NGX_HTTP_SERVICE_UNAVAILABLE,
                                  ctl->open ? "the stream cannot be opened: "
                                              "the error log says why"
                                            : "the stream is still closing");
    }

    json = json_pack("{s:s%, s:s}", "stream", ctl->name.data,
                     (size_t) ctl->name.len, "state",
                     ctl->open ? ngx_http_stentor_control_state(st)
                               : "closed");

    return ngx_http_stentor_control_json(ctl->request, NGX_HTTP_OK, json);
}


static ngx_int_t
ngx_http_stentor_control_list(ngx_http_request_t *r)
{
    json_t                *list, *entry;
    ngx_uint_t             i;
    ngx_stentor_store_t   *store;
    ngx_stentor_stream_t  *st;

    store = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle)->store;
    list = json_array();

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (!ngx_stentor_store_readable(store, st)) {
            continue;
        }

        entry = json_pack("{s:s%, s:s, s:s, s:I, s:b}",
                          "stream", st->name, (size_t) st->name_len,
                          "state", ngx_http_stentor_control_state(st),
                          "opened_by",
                          st->opened_by == NGX_STENTOR_BY_CONTROL ? "control"
                          : st->opened_by == NGX_STENTOR_BY_CONFIG ? "config"
                          : "broadcaster",
                          "opened_s", (json_int_t)
                          (ngx_stentor_store_now() - st->opened_ms) / 1000,
                          "broadcaster", st->session.id != 0);

        /* rather no list than one with a stream missing */

        if (json_array_append_new(list, entry) == -1) {
            json_decref(list);
            list = NULL;
            break;
        }
    }

    return ngx_http_stentor_control_json(r, NGX_HTTP_OK,
                                         json_pack("{s:o}", "streams", list));
}


static const char *
ngx_http_stentor_control_state(ngx_stentor_stream_t *st)
{
    if (st->state == NGX_STENTOR_CLOSED) {
        return "closed";
    }

    return st->live ? "live" : "hold";
}


/* Of a request whose body has not been read: what comes behind it on the
 * connection is another request. */

static ngx_int_t
ngx_http_stentor_control_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *reason)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    return rc == NGX_OK ? ngx_http_stentor_control_error(r, status, reason)
                        : rc;
}


static ngx_int_t
ngx_http_stentor_control_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *reason)
{
    return ngx_http_stentor_control_json(r, status,
                                         json_pack("{s:s}", "error", reason));
}


/* Sends json, which is given away; NULL: there was no memory for it. */

static ngx_int_t
ngx_http_stentor_control_json(ngx_http_request_t *r, ngx_uint_t status,
    json_t *json)
{
    char         *text;
    size_t        len;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = ngx_strlen(text);
    b = ngx_create_temp_buf(r->pool, len + 1);

    if (b == NULL
        || ngx_http_stentor_control_header(r, "Cache-Control", "no-store")
           != NGX_OK
        || (status == NGX_HTTP_NOT_ALLOWED
            && ngx_http_stentor_control_header(r, "Allow", "GET, HEAD, POST")
               != NGX_OK))
    {
        free(text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->pos, text, len);
    *b->last++ = '\n';
    free(text);

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = status;
    r->headers_out.content_length_n = len + 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* Both are static. */

static ngx_int_t
ngx_http_stentor_control_header(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


static void *
ngx_http_stentor_control_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_control_conf_t));
}


/* nginx forgets the array of a server's names when it has hashed them. */

static char *
ngx_http_stentor_control_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child)
{
    ngx_http_stentor_control_conf_t *ccf = child;

    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_http_server_name_t    *sn;
    ngx_http_core_srv_conf_t  *cscf;

    if (!ccf->enable) {
        return NGX_CONF_OK;
    }

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    sn = cscf->server_names.elts;

    ccf->names = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (ccf->names == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < cscf->server_names.nelts; i++) {
        name = ngx_array_push(ccf->names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = sn[i].name;
    }

    return NGX_CONF_OK;
}


/* stentor_control [any | ADDRESS | CIDR ...] */

static char *
ngx_http_stentor_control(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_stentor_control_conf_t *ccf = conf;

    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_cidr_t                *cidr;
    ngx_http_core_loc_conf_t  *clcf;

    if (ccf->enable) {
        return "is duplicate";
    }

    ccf->enable = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_stentor_control_handler;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "any") == 0) {
        ccf->any = 1;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ccf->allow == NULL) {
            ccf->allow = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
        }

        cidr = ccf->allow ? ngx_array_push(ccf->allow) : NULL;
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid address \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
