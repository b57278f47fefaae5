/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HLS delivery: the content handler behind "stentor_hls".  This file reads a
 * request into a target: the URL, the delivery directives in its query and
 * what encodings the client takes.  Everything unknown in a query is ignored,
 * everything malformed is an error with its reason.  nginx's access, limit
 * and secure_link modules have had their say before it.
 */

#include "ngx_http_stentor_audience.h"


/* Digits that are read of a number; more cannot be meant. */
#define NGX_HTTP_STENTOR_DIGITS  18


typedef struct {
    ngx_http_stentor_hls_worker_t  *worker;
} ngx_http_stentor_hls_main_conf_t;


static ngx_int_t ngx_http_stentor_hls_handler(ngx_http_request_t *r);
static const char *ngx_http_stentor_hls_url(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);
static const char *ngx_http_stentor_hls_steering_url(
    ngx_http_stentor_target_t *t, ngx_str_t *file);
static const char *ngx_http_stentor_hls_playlist_url(
    ngx_http_stentor_target_t *t, ngx_str_t *dir, ngx_str_t *file);
static const char *ngx_http_stentor_hls_media_url(
    ngx_http_stentor_target_t *t, ngx_str_t *dir, ngx_str_t *file);
static ngx_int_t ngx_http_stentor_hls_name(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t, ngx_str_t *name);
static ngx_uint_t ngx_http_stentor_hls_split(ngx_str_t *path,
    ngx_str_t *level);
static ngx_uint_t ngx_http_stentor_hls_cut(ngx_str_t *s, const char *end);
static u_char *ngx_http_stentor_hls_number(u_char *p, u_char *last,
    uint64_t *n);
static const char *ngx_http_stentor_hls_query(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);
static const char *ngx_http_stentor_hls_directive(ngx_str_t *key,
    ngx_str_t *value, ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_decode(ngx_pool_t *pool, ngx_str_t *s);
static ngx_uint_t ngx_http_stentor_hls_accepts_gzip(ngx_http_request_t *r);
static ngx_uint_t ngx_http_stentor_hls_quality(u_char *p, u_char *last);
static ngx_int_t ngx_http_stentor_hls_init_process(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_stentor_hls_postconf(ngx_conf_t *cf);
static void *ngx_http_stentor_hls_create_main_conf(ngx_conf_t *cf);
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

    ngx_http_stentor_hls_create_main_conf, /* create main configuration */
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


ngx_http_stentor_hls_worker_t *
ngx_http_stentor_hls_worker(void)
{
    ngx_http_stentor_hls_main_conf_t  *hmcf;

    hmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_stentor_hls_module);
    return hmcf->worker;
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

    if (t.kind == NGX_HTTP_STENTOR_INDEX
        || t.kind == NGX_HTTP_STENTOR_PLAYLIST)
    {
        t.gzip = ngx_http_stentor_hls_accepts_gzip(r);

        reason = r->args.len ? ngx_http_stentor_hls_query(r, &t) : NULL;

        if (reason) {
            ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_BAD_REQUESTS);
            return ngx_http_stentor_hls_error(r, NGX_HTTP_BAD_REQUEST, reason);
        }
    }

    return ngx_http_stentor_hls_answer(r, &t);
}


/* Splits what follows the location into stream, rendition and file: the file
 * says whether there is a rendition before it.  Returns why it names nothing,
 * or NULL. */

static const char *
ngx_http_stentor_hls_url(ngx_http_request_t *r, ngx_http_stentor_target_t *t)
{
    ngx_str_t                  dir, file;
    const char                *reason;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len <= clcf->name.len
        || ngx_strncmp(r->uri.data, clcf->name.data, clcf->name.len) != 0)
    {
        return "no such file";
    }

    dir.data = r->uri.data + clcf->name.len;
    dir.len = r->uri.len - clcf->name.len;

    while (dir.len && *dir.data == '/') {
        dir.data++;
        dir.len--;
    }

    if (!ngx_http_stentor_hls_split(&dir, &file)) {
        return "no such file";
    }

    if (ngx_http_stentor_hls_cut(&file, ".m3u8")) {
        reason = ngx_http_stentor_hls_playlist_url(t, &dir, &file);

    } else if (ngx_http_stentor_hls_cut(&file, ".json")) {
        reason = ngx_http_stentor_hls_steering_url(t, &file);

    } else {
        reason = ngx_http_stentor_hls_media_url(t, &dir, &file);
    }

    if (reason) {
        return reason;
    }

    return ngx_http_stentor_hls_name(r, t, &dir) == NGX_OK ? NULL
                                                           : "no such stream";
}


static const char *
ngx_http_stentor_hls_playlist_url(ngx_http_stentor_target_t *t,
    ngx_str_t *dir, ngx_str_t *file)
{
    t->classic = ngx_http_stentor_hls_cut(file, "-std");

    if (file->len == sizeof("index") - 1
        && ngx_memcmp(file->data, "index", file->len) == 0)
    {
        t->kind = NGX_HTTP_STENTOR_INDEX;
        return NULL;
    }

    t->kind = NGX_HTTP_STENTOR_PLAYLIST;
    t->rendition = *file;

    return file->len ? NULL : "no such file";
}


static const char *
ngx_http_stentor_hls_steering_url(ngx_http_stentor_target_t *t,
    ngx_str_t *file)
{
    t->classic = ngx_http_stentor_hls_cut(file, "-std");
    t->kind = NGX_HTTP_STENTOR_STEERING;

    return (file->len == sizeof("steering") - 1
            && ngx_memcmp(file->data, "steering", file->len) == 0)
           ? NULL : "no such file";
}


static const char *
ngx_http_stentor_hls_media_url(ngx_http_stentor_target_t *t, ngx_str_t *dir,
    ngx_str_t *file)
{
    u_char     *p, *last;
    ngx_int_t   init;

    if (!ngx_http_stentor_hls_split(dir, &t->rendition)) {
        return "no such file";
    }

    if (ngx_http_stentor_hls_cut(file, ".mp4")) {

        if (file->len != sizeof("init-00000000") - 1
            || ngx_memcmp(file->data, "init-", 5) != 0)
        {
            return "no such init segment";
        }

        init = ngx_hextoi(file->data + 5, 8);
        if (init == NGX_ERROR) {
            return "no such init segment";
        }

        t->kind = NGX_HTTP_STENTOR_INIT;
        t->init = (uint32_t) init;

        return NULL;
    }

    if (!ngx_http_stentor_hls_cut(file, ".m4s")) {
        return "no such file";
    }

    last = file->data + file->len;
    p = ngx_http_stentor_hls_number(file->data, last, &t->msn);

    t->kind = NGX_HTTP_STENTOR_SEGMENT;

    if (p && p < last && *p == '.') {
        t->kind = NGX_HTTP_STENTOR_PART;
        p = ngx_http_stentor_hls_number(p + 1, last, &t->part);
    }

    return p == last ? NULL : "no such file";
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


/* Moves the last level of path to level, if there is more than one. */

static ngx_uint_t
ngx_http_stentor_hls_split(ngx_str_t *path, ngx_str_t *level)
{
    size_t  i;

    for (i = path->len; i; i--) {

        if (path->data[i - 1] == '/') {
            level->data = path->data + i;
            level->len = path->len - i;
            path->len = i - 1;
            return 1;
        }
    }

    return 0;
}


/* Cuts end off s, if it ends so. */

static ngx_uint_t
ngx_http_stentor_hls_cut(ngx_str_t *s, const char *end)
{
    size_t  len;

    len = ngx_strlen(end);

    if (s->len < len
        || ngx_memcmp(s->data + s->len - len, end, len) != 0)
    {
        return 0;
    }

    s->len -= len;

    return 1;
}


/* Reads decimal digits, returns where they end; NULL when there are none, or
 * more than any real number has. */

static u_char *
ngx_http_stentor_hls_number(u_char *p, u_char *last, uint64_t *n)
{
    u_char  *first;

    *n = 0;

    for (first = p; p < last && *p >= '0' && *p <= '9'; p++) {

        if (p - first >= NGX_HTTP_STENTOR_DIGITS) {
            return NULL;
        }

        *n = *n * 10 + (*p - '0');
    }

    return p == first ? NULL : p;
}


/* Reads the delivery directives (RFC 8216bis section 6.2.5), in any order and
 * perhaps percent-encoded.  Returns why they are wrong, or NULL. */

static const char *
ngx_http_stentor_hls_query(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t)
{
    u_char      *p, *last, *end;
    ngx_str_t    key, value;
    const char  *reason;

    p = r->args.data;
    last = p + r->args.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        key.data = p;
        value.data = ngx_strlchr(p, end, '=');

        if (value.data) {
            key.len = value.data - p;
            value.data++;
            value.len = end - value.data;

        } else {
            key.len = end - p;
            ngx_str_set(&value, "");
        }

        if (ngx_http_stentor_hls_decode(r->pool, &key) != NGX_OK
            || ngx_http_stentor_hls_decode(r->pool, &value) != NGX_OK)
        {
            return "out of memory";
        }

        reason = ngx_http_stentor_hls_directive(&key, &value, t);
        if (reason) {
            return reason;
        }
    }

    return NULL;
}


static const char *
ngx_http_stentor_hls_directive(ngx_str_t *key, ngx_str_t *value,
    ngx_http_stentor_target_t *t)
{
    u_char  *last;

    if (key->len < sizeof("_HLS_msn") - 1
        || ngx_memcmp(key->data, "_HLS_", 5) != 0)
    {
        return NULL;
    }

    last = value->data + value->len;

    if (key->len == sizeof("_HLS_msn") - 1
        && ngx_memcmp(key->data, "_HLS_msn", key->len) == 0)
    {
        t->has_msn = 1;

        return ngx_http_stentor_hls_number(value->data, last, &t->msn) == last
               ? NULL : "_HLS_msn is not a number";
    }

    if (key->len == sizeof("_HLS_part") - 1
        && ngx_memcmp(key->data, "_HLS_part", key->len) == 0)
    {
        t->has_part = 1;

        return ngx_http_stentor_hls_number(value->data, last, &t->part) == last
               ? NULL : "_HLS_part is not a number";
    }

    if (key->len == sizeof("_HLS_skip") - 1
        && ngx_memcmp(key->data, "_HLS_skip", key->len) == 0)
    {
        t->skip = (value->len == 3 && ngx_memcmp(value->data, "YES", 3) == 0)
                  || (value->len == 2 && ngx_memcmp(value->data, "v2", 2) == 0);
    }

    return NULL;
}


/* Undoes percent-encoding, which is rare here. */

static ngx_int_t
ngx_http_stentor_hls_decode(ngx_pool_t *pool, ngx_str_t *s)
{
    u_char  *dst, *src;

    if (s->len == 0 || ngx_strlchr(s->data, s->data + s->len, '%') == NULL) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(pool, s->len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    src = s->data;
    s->data = dst;

    ngx_unescape_uri(&dst, &src, s->len, 0);

    s->len = dst - s->data;

    return NGX_OK;
}


/* Whether Accept-Encoding has gzip, or "*", with a quality above zero (RFC
 * 9110 section 12.5.3). */

static ngx_uint_t
ngx_http_stentor_hls_accepts_gzip(ngx_http_request_t *r)
{
    u_char           *p, *last, *end, *name;
    ngx_uint_t        any;
    ngx_table_elt_t  *h;

    h = r->headers_in.accept_encoding;
    if (h == NULL) {
        return 0;
    }

    any = 0;
    p = h->value.data;
    last = p + h->value.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        while (p < end && *p == ' ') {
            p++;
        }

        for (name = p; p < end && *p != ';' && *p != ' '; p++) { /* void */ }

        if (p - name == 4 && ngx_strncasecmp(name, (u_char *) "gzip", 4) == 0)
        {
            return ngx_http_stentor_hls_quality(p, end);
        }

        if (p - name == 1 && *name == '*') {
            any = ngx_http_stentor_hls_quality(p, end);
        }
    }

    return any;
}


/* Whether the parameters of an encoding leave it a quality above zero. */

static ngx_uint_t
ngx_http_stentor_hls_quality(u_char *p, u_char *last)
{
    while (p < last && (*p == ';' || *p == ' ')) {
        p++;
    }

    if (last - p < 2 || (*p != 'q' && *p != 'Q') || p[1] != '=') {
        return 1;
    }

    for (p += 2; p < last; p++) {
        if (*p >= '1' && *p <= '9') {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_stentor_hls_init_process(ngx_cycle_t *cycle)
{
    ngx_stentor_conf_t                *scf;
    ngx_http_stentor_hls_worker_t     *w;
    ngx_http_stentor_hls_main_conf_t  *hmcf;

    if (ngx_stentor_worker_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    scf = ngx_stentor_conf(cycle);
    hmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_stentor_hls_module);

    if (hmcf == NULL || scf->worker.shelf == NULL) {
        return NGX_OK;
    }

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_http_stentor_hls_worker_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->scf = scf;
    hmcf->worker = w;

    w->audience = ngx_http_stentor_audience_create(cycle, scf);
    if (w->audience == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_stentor_hls_wait_init(w, cycle);
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
ngx_http_stentor_hls_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_hls_main_conf_t));
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

        hcf->application = name;
        (void) ngx_http_stentor_hls_split(&name, &hcf->application);
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
