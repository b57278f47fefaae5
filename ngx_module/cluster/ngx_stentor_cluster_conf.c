/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The cluster {} block (see ngx_stentor_cluster.h): its directives, and
 * whether they make sense together.  Names of servers are resolved here, once,
 * while nobody has to wait for it; what "redis" takes is
 * ngx_stentor_redis_conf.c's.  No message shows a URL, or anything else that
 * a secret might stand in by mistake.
 */

#include "ngx_stentor_cluster_conf.h"
#include "notify/ngx_stentor_post.h"
#include "relay/stn_relay_auth.h"


#define NGX_STENTOR_CLUSTER_ORIGINS     8
#define NGX_STENTOR_CLUSTER_SECRET_MAX  1024

#define NGX_STENTOR_CLUSTER_LEASE_MIN   500
#define NGX_STENTOR_CLUSTER_LEASE_MAX   60000

/* A lease is renewed thrice in its time, and each time Redis may be slow. */
#define NGX_STENTOR_CLUSTER_LEASE_TRIES  3

/* Two heartbeats of a relay may be late by nearly one. */
#define NGX_STENTOR_CLUSTER_TIMEOUT_MIN  500
#define NGX_STENTOR_CLUSTER_LAG_MIN      100


static char *ngx_stentor_cluster_node(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_id(ngx_conf_t *cf, ngx_str_t *id,
    const char *what);
static char *ngx_stentor_cluster_role(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_region(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_secret_file(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static void ngx_stentor_cluster_wipe(void *data);
static char *ngx_stentor_cluster_ca(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_cluster_defaults(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc);
static char *ngx_stentor_cluster_times(ngx_stentor_cluster_conf_t *cc);
static char *ngx_stentor_cluster_fits(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc);


static ngx_command_t  ngx_stentor_cluster_commands[] = {

    { ngx_string("node"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_node,
      0,
      0,
      NULL },

    { ngx_string("role"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_role,
      0,
      0,
      NULL },

    { ngx_string("region"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_region,
      0,
      0,
      NULL },

    { ngx_string("relay"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_url,
      0,
      offsetof(ngx_stentor_cluster_conf_t, relay_url),
      NULL },

    { ngx_string("listen"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_url,
      0,
      offsetof(ngx_stentor_cluster_conf_t, listen_url),
      NULL },

    { ngx_string("capacity"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_stentor_cluster_conf_t, capacity),
      NULL },

    { ngx_string("redis"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_stentor_redis_directive,
      0,
      0,
      NULL },

    { ngx_string("origin"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_stentor_cluster_origin,
      0,
      0,
      NULL },

    { ngx_string("relay_secret_file"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_cluster_secret_file,
      0,
      0,
      NULL },

    { ngx_string("relay_ca"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_cluster_ca,
      0,
      0,
      NULL },

    { ngx_string("lease"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_cluster_conf_t, lease),
      NULL },

    { ngx_string("relay_idle"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_cluster_conf_t, relay_idle),
      NULL },

    { ngx_string("relay_timeout"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_cluster_conf_t, relay_timeout),
      NULL },

    { ngx_string("relay_lag"),
      NGX_STENTOR_CLUSTER_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_cluster_conf_t, relay_lag),
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_stentor_cluster_module_ctx = {
    ngx_string("stentor_cluster"),
    NULL,
    NULL
};


ngx_module_t  ngx_stentor_cluster_module = {
    NGX_MODULE_V1,
    &ngx_stentor_cluster_module_ctx,       /* module context */
    ngx_stentor_cluster_commands,          /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_str_t  ngx_stentor_cluster_default_region = ngx_string("default");
static ngx_str_t  ngx_stentor_cluster_default_prefix = ngx_string("stentor:");


char *
ngx_stentor_cluster_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    char                        *rv;
    ngx_stentor_cluster_conf_t  *cc;

    if (scf->cluster) {
        return "is duplicate";
    }

    cc = ngx_pcalloc(cf->pool, sizeof(ngx_stentor_cluster_conf_t));
    if (cc == NULL) {
        return NGX_CONF_ERROR;
    }

    cc->capacity = NGX_CONF_UNSET_UINT;
    cc->database = NGX_CONF_UNSET_UINT;
    cc->redis_timeout = NGX_CONF_UNSET_MSEC;
    cc->lease = NGX_CONF_UNSET_MSEC;
    cc->relay_idle = NGX_CONF_UNSET_MSEC;
    cc->relay_timeout = NGX_CONF_UNSET_MSEC;
    cc->relay_lag = NGX_CONF_UNSET_MSEC;

    if (ngx_array_init(&cc->redis, cf->pool, 4,
                       sizeof(ngx_stentor_redis_addr_t))
           != NGX_OK
        || ngx_array_init(&cc->origins, cf->pool, NGX_STENTOR_CLUSTER_ORIGINS,
                          sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_stentor_parse(cf, &ngx_stentor_cluster_module,
                           NGX_STENTOR_CLUSTER_CONF, cc);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    scf->cluster = cc;

    rv = ngx_stentor_cluster_defaults(cf, cc);

    /* nginx would name the block's last directive */

    if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"cluster\" %s", rv);
        return NGX_CONF_ERROR;
    }

    return rv;
}


static char *
ngx_stentor_cluster_node(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    return ngx_stentor_cluster_id(cf, &cc->node, "node id");
}


/* Takes the directive's only argument for an id. */

static char *
ngx_stentor_cluster_id(ngx_conf_t *cf, ngx_str_t *id, const char *what)
{
    ngx_str_t  *value;

    if (id->len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *id = value[1];

    if (ngx_stentor_cluster_check_id(id) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid %s \"%V\"", what,
                           id);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_stentor_cluster_check_id(ngx_str_t *id)
{
    u_char      ch;
    ngx_uint_t  i;

    if (id->len == 0 || id->len >= STN_NODE_MAX) {
        return NGX_ERROR;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (!(ch >= '0' && ch <= '9') && !(ch >= 'a' && ch <= 'z')
            && !(ch >= 'A' && ch <= 'Z')
            && ch != '.' && ch != '_' && ch != '-')
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static char *
ngx_stentor_cluster_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    ngx_str_t  *value;

    if (cc->role) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "origin") == 0) {
        cc->role = STN_NODE_ORIGIN;

    } else if (ngx_strcmp(value[1].data, "shield") == 0) {
        cc->role = STN_NODE_SHIELD;

    } else if (ngx_strcmp(value[1].data, "edge") == 0) {
        cc->role = STN_NODE_EDGE;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid role \"%V\": it is \"origin\", \"shield\" "
                           "or \"edge\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_stentor_cluster_region(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    return ngx_stentor_cluster_id(cf, &cc->region, "region");
}


/* relay, listen */

static char *
ngx_stentor_cluster_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *url, *value;

    url = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (url->len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    return ngx_stentor_cluster_url_read(cf, &value[1], url);
}


char *
ngx_stentor_cluster_url_read(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *url)
{
    u_char  *p;

    for (p = value->data; p < value->data + value->len; p++) {

        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\') {
            return "has a URL with characters that do not belong there";
        }

        if (*p == '?' || *p == '#' || *p == '@') {
            return "has a URL with a query, a fragment or a user";
        }
    }

    if (ngx_stentor_post_check((char *) value->data) != NGX_OK) {
        return "has no valid http:// or https:// URL";
    }

    if (value->len + 2 > STN_NODE_URL_MAX) {
        return "has a URL of more than 254 characters";
    }

    p = ngx_pnalloc(cf->pool, value->len + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    url->data = p;

    p = ngx_cpymem(p, value->data, value->len);

    if (p[-1] != '/') {
        *p++ = '/';
    }

    *p = '\0';
    url->len = p - url->data;

    return NGX_CONF_OK;
}


static char *
ngx_stentor_cluster_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    char        *rv;
    ngx_str_t   *url, *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (cc->origins.nelts == NGX_STENTOR_CLUSTER_ORIGINS) {
            return "has more than 8 origins";
        }

        url = ngx_array_push(&cc->origins);
        if (url == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = ngx_stentor_cluster_url_read(cf, &value[i], url);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* relay_secret_file FILE [previous=FILE] */

static char *
ngx_stentor_cluster_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    ngx_str_t   previous, *value;
    ngx_uint_t  i, n;

    if (cc->secrets[0].len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 2) {

        if (ngx_strncmp(value[2].data, "previous=", 9) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        previous.data = value[2].data + 9;
        previous.len = value[2].len - 9;
        value[2] = previous;
    }

    for (i = 0; i < n; i++) {

        if (ngx_stentor_cluster_secret(cf, &value[1 + i], &cc->secrets[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (cc->secrets[i].len < STN_RELAY_SECRET_MIN) {
            return "has a secret of less than 16 bytes";
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_stentor_cluster_secret(ngx_conf_t *cf, ngx_str_t *file, ngx_str_t *secret)
{
    u_char              *p;
    ssize_t              n;
    ngx_fd_t             fd;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, NGX_STENTOR_CLUSTER_SECRET_MAX + 1);

    if (cln == NULL || ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    p = cln->data;
    cln->handler = ngx_stentor_cluster_wipe;

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, p, NGX_STENTOR_CLUSTER_SECRET_MAX + 1);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", file);
    }

    (void) ngx_close_file(fd);

    if (n > NGX_STENTOR_CLUSTER_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is longer than 1024 bytes", file);
    }

    if (n == -1 || n > NGX_STENTOR_CLUSTER_SECRET_MAX) {
        return NGX_ERROR;
    }

    while (n && isspace(p[n - 1])) {
        n--;
    }

    p[n] = '\0';

    while (n && isspace(*p)) {
        p++;
        n--;
    }

    secret->data = p;
    secret->len = n;

    return NGX_OK;
}


static void
ngx_stentor_cluster_wipe(void *data)
{
    ngx_explicit_memzero(data, NGX_STENTOR_CLUSTER_SECRET_MAX + 1);
}


/* A file is tried at once: better now than when it is needed. */

static char *
ngx_stentor_cluster_ca(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    ngx_fd_t    fd;
    ngx_str_t  *value;

    if (cc->ca.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    cc->ca = value[1];

    if (ngx_conf_full_name(cf->cycle, &cc->ca, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(cc->ca.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &cc->ca);
        return NGX_CONF_ERROR;
    }

    (void) ngx_close_file(fd);

    return NGX_CONF_OK;
}


/* The block has been read: fills in what it did not say, and returns what is
 * wrong with all of it. */

static char *
ngx_stentor_cluster_defaults(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc)
{
    char  *rv;

    rv = ngx_stentor_redis_conf_check(cf, cc);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (cc->node.len == 0) {
        cc->node.len = cf->cycle->hostname.len;
        cc->node.data = ngx_pnalloc(cf->pool, cc->node.len + 1);
        if (cc->node.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_cpystrn(cc->node.data, cf->cycle->hostname.data,
                    cc->node.len + 1);

        if (ngx_stentor_cluster_check_id(&cc->node) != NGX_OK) {
            return "needs a \"node\": the host's name is not fit for an id";
        }
    }

    if (cc->role == 0) {
        cc->role = STN_NODE_ORIGIN;
    }

    if (cc->region.len == 0) {
        cc->region = ngx_stentor_cluster_default_region;
    }

    if (cc->prefix.len == 0) {
        cc->prefix = ngx_stentor_cluster_default_prefix;
    }

    ngx_conf_init_uint_value(cc->capacity, 0);
    ngx_conf_init_uint_value(cc->database, 0);
    ngx_conf_init_msec_value(cc->redis_timeout, 200);
    ngx_conf_init_msec_value(cc->lease, 1500);
    ngx_conf_init_msec_value(cc->relay_idle, 30000);
    ngx_conf_init_msec_value(cc->relay_timeout, 1000);
    ngx_conf_init_msec_value(cc->relay_lag, 1500);

    rv = ngx_stentor_cluster_times(cc);

    return rv == NGX_CONF_OK ? ngx_stentor_cluster_fits(cf, cc) : rv;
}


static char *
ngx_stentor_cluster_times(ngx_stentor_cluster_conf_t *cc)
{
    if (cc->capacity > NGX_MAX_UINT32_VALUE) {
        return "has a \"capacity\" of more than 4294967295";
    }

    if (cc->lease < NGX_STENTOR_CLUSTER_LEASE_MIN
        || cc->lease > NGX_STENTOR_CLUSTER_LEASE_MAX)
    {
        return "has a \"lease\" that is not between 500ms and 60s";
    }

    if (cc->redis.nelts
        && cc->lease < NGX_STENTOR_CLUSTER_LEASE_TRIES * cc->redis_timeout)
    {
        return "has a \"lease\" of less than three times the \"timeout\" of "
               "\"redis\"";
    }

    if (cc->relay_timeout < NGX_STENTOR_CLUSTER_TIMEOUT_MIN) {
        return "has a \"relay_timeout\" of less than 500ms";
    }

    if (cc->relay_lag < NGX_STENTOR_CLUSTER_LAG_MIN) {
        return "has a \"relay_lag\" of less than 100ms";
    }

    return NGX_CONF_OK;
}


static char *
ngx_stentor_cluster_fits(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc)
{
    if (cc->role != STN_NODE_ORIGIN && cc->redis.nelts == 0
        && cc->origins.nelts == 0)
    {
        return "of a shield or an edge needs \"redis\" or \"origin\"";
    }

    if (cc->role == STN_NODE_SHIELD && cc->redis.nelts
        && cc->relay_url.len == 0)
    {
        return "of a shield needs \"relay\": nobody would find it";
    }

    if (cc->role == STN_NODE_ORIGIN && cc->redis.nelts
        && cc->relay_url.len == 0)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "no \"relay\" in \"cluster\": other nodes cannot "
                           "have this origin's streams");
    }

    return NGX_CONF_OK;
}
