/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HLS delivery: the content handler behind "stentor_hls".  This file has a
 * request read into a target (stn_target.h): the URL, the delivery directives
 * in its query and what encodings the client takes; what it cannot be is an
 * error with its reason.  nginx's access, limit and secure_link modules have
 * had their say before it.
 */

#include "ngx_http_stentor_audience.h"


static ngx_int_t ngx_http_stentor_hls_handler(ngx_http_request_t *r);
static const char *ngx_http_stentor_hls_url(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_name(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t, ngx_str_t *name);
static const char *ngx_http_stentor_hls_query(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_init_process(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_stentor_hls_postconf(ngx_conf_t *cf);
static void *ngx_http_stentor_hls_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_stentor_hls_merge_loc_conf(ngx_conf_t *cf,
    void *parent, void *child);
static char *ngx_http_stentor_hls(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_stentor_hls_pending(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_stentor_hls_commands[] = {

    { ngx_string("stentor_hls"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_stentor_hls,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("stentor_hls_pending"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_stentor_hls_pending,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_stentor_hls_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_stentor_hls_postconf,         /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_stentor_hls_create_loc_conf,  /* create location configuration */
    ngx_http_stentor_hls_merge_loc_conf    /* merge location configuration */
};


ngx_module_t  ngx_http_stentor_hls_module = {
    NGX_MODULE_V1,
    &ngx_http_stentor_hls_module_ctx,      /* module context */
    ngx_http_stentor_hls_commands,         /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_stentor_hls_init_process,     /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* Of the process, not of its cycle: without a master there may be another
 * cycle, without a worker, before the last connection of the former is gone. */

static ngx_http_stentor_hls_worker_t  *ngx_http_stentor_hls_the_worker;


ngx_http_stentor_hls_worker_t *
ngx_http_stentor_hls_worker(void)
{
    return ngx_http_stentor_hls_the_worker;
}


void
ngx_http_stentor_hls_count(ngx_http_stentor_hls_worker_t *w,
    ngx_stentor_counter_e counter)
{
    ngx_stentor_store_count(w->scf->store, w->scf->worker.wake->slot, counter,
                            1);
}


static ngx_int_t
ngx_http_stentor_hls_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    const char                     *reason;
    ngx_http_stentor_target_t       t;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    if (w == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"stentor_hls\" needs a \"stentor\" block");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_OPTIONS);
        return ngx_http_stentor_hls_options(r);
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_BAD_REQUESTS);
        return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_ALLOWED,
                                          "only GET, HEAD and OPTIONS");
    }

    if (ngx_http_stentor_audience_ask(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&t, sizeof(ngx_http_stentor_target_t));

    reason = ngx_http_stentor_hls_url(r, &t);

    if (reason) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);
        return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND, reason);
    }

    if (t.ask.kind == STN_TARGET_INDEX || t.ask.kind == STN_TARGET_PLAYLIST) {
        reason = ngx_http_stentor_hls_query(r, &t);

        if (reason) {
            ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_BAD_REQUESTS);
            return ngx_http_stentor_hls_error(r, NGX_HTTP_BAD_REQUEST, reason);
        }
    }

    return ngx_http_stentor_hls_answer(r, &t);
}


/* Reads what follows the location.  Returns why it names nothing, or NULL. */

static const char *
ngx_http_stentor_hls_url(ngx_http_request_t *r, ngx_http_stentor_target_t *t)
{
    ngx_str_t                  name;
    stn_str_t                  path;
    const char                *reason;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len <= clcf->name.len
        || ngx_strncmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return "no such file";
    }

    path.data = (char *) r->uri.data + clcf->name.len;
    path.len = r->uri.len - clcf->name.len;

    reason = stn_target_path(&t->ask, &path);
    if (reason) {
        return reason;
    }

    name.data = (u_char *) t->ask.name.data;
    name.len = t->ask.name.len;

    t->rendition.data = (u_char *) t->ask.rendition.data;
    t->rendition.len = t->ask.rendition.len;

    return ngx_http_stentor_hls_name(r, t, &name) == NGX_OK
           ? NULL : "no such stream";
}


/* The stream's full name: the application is the directive's argument, or
 * the last level of the location ("/live/").  Then the URI has the full name,
 * and who waits needs no copy of it. */

static ngx_int_t
ngx_http_stentor_hls_name(ngx_http_request_t *r, ngx_http_stentor_target_t *t,
    ngx_str_t *name)
{
    u_char                       *p;
    ngx_str_t                    *app;
    ngx_http_stentor_hls_conf_t  *hcf;

    hcf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_hls_module);
    app = &hcf->application;

    if (name->len == 0
        || app->len + 1 + name->len > NGX_STENTOR_NAME_MAX
        || ngx_stentor_name_check(name) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    t->name.len = app->len + 1 + name->len;

    if ((size_t) (name->data - r->uri.data) > app->len
        && name->data[-1] == '/'
        && ngx_memcmp(name->data - 1 - app->len, app->data, app->len) == 0)
    {
        t->name.data = name->data - 1 - app->len;
        return NGX_OK;
    }

    t->name.data = ngx_pnalloc(r->pool, t->name.len);
    if (t->name.data == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(t->name.data, app->data, app->len);
    *p++ = '/';
    ngx_memcpy(p, name->data, name->len);

    return NGX_OK;
}


/* Reads what playlists are asked for with.  Returns likewise. */

static const char *
ngx_http_stentor_hls_query(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t)
{
    stn_str_t         text;
    ngx_table_elt_t  *h;

    h = r->headers_in.accept_encoding;

    if (h) {
        text.data = (char *) h->value.data;
        text.len = h->value.len;
        t->gzip = stn_target_gzip(&text);
    }

    text.data = (char *) r->args.data;
    text.len = r->args.len;

    return stn_target_query(&t->ask, &text);
}


static ngx_int_t
ngx_http_stentor_hls_init_process(ngx_cycle_t *cycle)
{
    ngx_stentor_conf_t             *scf;
    ngx_http_stentor_hls_worker_t  *w;

    if (ngx_stentor_worker_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    scf = ngx_stentor_conf(cycle);

    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL
        || scf->worker.shelf == NULL)
    {
        return NGX_OK;
    }

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_http_stentor_hls_worker_t));
    if (w == NULL) {
        return ngx_stentor_worker_fail(cycle);
    }

    w->scf = scf;

    w->audience = ngx_http_stentor_audience_create(cycle, scf);
    if (w->audience == NULL
        || ngx_http_stentor_hls_wait_init(w, cycle) != NGX_OK)
    {
        return ngx_stentor_worker_fail(cycle);
    }

    ngx_http_stentor_hls_the_worker = w;

    return NGX_OK;
}


static ngx_int_t
ngx_http_stentor_hls_postconf(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_stentor_audience_first;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_stentor_audience_log;

    return NGX_OK;
}


static void *
ngx_http_stentor_hls_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_stentor_hls_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_hls_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->pending_time = NGX_CONF_UNSET_MSEC;
    conf->pending_max = NGX_CONF_UNSET_UINT;

    return conf;
}


static char *
ngx_http_stentor_hls_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_stentor_hls_conf_t *prev = parent;
    ngx_http_stentor_hls_conf_t *conf = child;

    /* an "if" inside the location is a location of its own */

    ngx_conf_merge_str_value(conf->application, prev->application, "");
    ngx_conf_merge_msec_value(conf->pending_time, prev->pending_time, 3000);
    ngx_conf_merge_uint_value(conf->pending_max, prev->pending_max, 1000);

    return NGX_CONF_OK;
}


static char *
ngx_http_stentor_hls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_stentor_hls_conf_t *hcf = conf;

    u_char                    *p;
    ngx_str_t                 *value, name;
    ngx_http_core_loc_conf_t  *clcf;

    if (hcf->enable) {
        return "is duplicate";
    }

    hcf->enable = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_stentor_hls_handler;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {
        hcf->application = value[1];

    } else {
        name = clcf->name;

        while (name.len && name.data[name.len - 1] == '/') {
            name.len--;
        }

        /* the last level of it */

        for (p = name.data + name.len; p > name.data && p[-1] != '/'; p--) {
            /* void */
        }

        hcf->application.data = p;
        hcf->application.len = name.data + name.len - p;
    }

    if (ngx_stentor_name_check(&hcf->application) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid application name \"%V\" in \"stentor_hls\"",
                           &hcf->application);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_stentor_hls_pending(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_stentor_hls_conf_t *hcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "time=", 5) == 0) {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            hcf->pending_time = (ngx_msec_t) ngx_parse_time(&s, 0);

            if (hcf->pending_time == (ngx_msec_t) NGX_ERROR) {
                return "has an invalid time";
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "max=", 4) == 0) {
            n = ngx_atoi(value[i].data + 4, value[i].len - 4);

            if (n == NGX_ERROR) {
                return "has an invalid number";
            }

            hcf->pending_max = (ngx_uint_t) n;

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
