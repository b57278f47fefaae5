/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading "redis" of a cluster {} block:
 *
 *     redis HOST:PORT | unix:/path ... [tls] [name=value ...];
 *
 * which may be given more than once: servers add up, a parameter is that of
 * all.  Runs in the master.  No message shows a value.
 */

#include "ngx_stentor_cluster_conf.h"
#include "ngx_stentor_redis_tls.h"
#include "stn_base.h"


#define NGX_STENTOR_REDIS_ADDRS        16
#define NGX_STENTOR_REDIS_PREFIX_MAX   64
#define NGX_STENTOR_REDIS_DATABASES    1024
#define NGX_STENTOR_REDIS_TIMEOUT_MIN  20
#define NGX_STENTOR_REDIS_TIMEOUT_MAX  10000


static char *ngx_stentor_redis_param(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value, u_char *eq);
static char *ngx_stentor_redis_server(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value);
static char *ngx_stentor_redis_set(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_uint_t i, ngx_str_t *value);
static ngx_int_t ngx_stentor_redis_host(ngx_conf_t *cf, ngx_url_t *u,
    ngx_addr_t *from, ngx_stentor_redis_addr_t *to);
static ngx_stentor_redis_addr_t *ngx_stentor_redis_push(
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *text);
static char *ngx_stentor_redis_password_file(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value);
static char *ngx_stentor_redis_database(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value);
static char *ngx_stentor_redis_prefix(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value);
static char *ngx_stentor_redis_timeout(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value);
static char *ngx_stentor_redis_text(ngx_str_t *to, ngx_str_t *value);
static char *ngx_stentor_redis_tls_check(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc);


/* What a parameter's handler returns of a value that it cannot take, and of a
 * second one; other texts are what nginx says of the directive. */
static char  ngx_stentor_redis_invalid[] = "invalid";
static char  ngx_stentor_redis_duplicate[] = "duplicate";

static const struct {
    ngx_str_t   name;
    char     *(*handler)(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
                         ngx_str_t *value);      /* NULL: a text */
    size_t      offset;                          /* of that */
} ngx_stentor_redis_params[] = {
    { ngx_string("user"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, user) },
    { ngx_string("password"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, password) },
    { ngx_string("password_file"), ngx_stentor_redis_password_file, 0 },
    { ngx_string("database"), ngx_stentor_redis_database, 0 },
    { ngx_string("prefix"), ngx_stentor_redis_prefix, 0 },
    { ngx_string("timeout"), ngx_stentor_redis_timeout, 0 },
    { ngx_string("master"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, master) },
    { ngx_string("ca"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, redis_tls.ca) },
    { ngx_string("tls_name"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, redis_tls.name) },
    { ngx_string("cert"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, redis_tls.cert) },
    { ngx_string("key"), NULL,
      offsetof(ngx_stentor_cluster_conf_t, redis_tls.key) },
};


char *
ngx_stentor_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_cluster_conf_t *cc = conf;

    u_char      *eq;
    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        eq = ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        if (ngx_strcmp(value[i].data, "tls") == 0) {
            cc->redis_tls.on = 1;
            rv = NGX_CONF_OK;

        } else if (eq) {
            rv = ngx_stentor_redis_param(cf, cc, &value[i], eq);

        } else {
            rv = ngx_stentor_redis_server(cf, cc, &value[i]);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_stentor_redis_param(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_str_t *value, u_char *eq)
{
    char        *rv;
    ngx_str_t    name, v;
    ngx_uint_t   i;

    name.data = value->data;
    name.len = eq - value->data;
    v.data = eq + 1;
    v.len = value->len - name.len - 1;

    rv = ngx_stentor_redis_invalid;

    for (i = 0; i < stn_nelems(ngx_stentor_redis_params); i++) {
        if (ngx_stentor_redis_params[i].name.len == name.len
            && ngx_memcmp(ngx_stentor_redis_params[i].name.data, name.data,
                          name.len) == 0)
        {
            rv = ngx_stentor_redis_set(cf, cc, i, &v);
        }
    }

    if (rv == ngx_stentor_redis_invalid || rv == ngx_stentor_redis_duplicate) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s parameter \"%V=\" of redis", rv, &name);
        return NGX_CONF_ERROR;
    }

    return rv;
}


static char *
ngx_stentor_redis_set(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_uint_t i, ngx_str_t *value)
{
    ngx_str_t  *text;

    if (ngx_stentor_redis_params[i].handler) {
        return ngx_stentor_redis_params[i].handler(cf, cc, value);
    }

    text = (ngx_str_t *) ((u_char *) cc + ngx_stentor_redis_params[i].offset);

    return ngx_stentor_redis_text(text, value);
}


/* A name may stand for several addresses: each is tried. */

static char *
ngx_stentor_redis_server(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_str_t *value)
{
    ngx_url_t                  u;
    ngx_uint_t                 i;
    ngx_stentor_redis_addr_t  *addr;

    if (ngx_strlchr(value->data, value->data + value->len, '@')
        || ngx_strstr(value->data, "//"))
    {
        return "has HOST:PORT or unix:PATH, and no URL";
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *value;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in redis \"%V\"",
                           u.err ? u.err : "invalid host", value);
        return NGX_CONF_ERROR;
    }

    if (u.no_port && u.family != AF_UNIX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "redis \"%V\" is not HOST:PORT or unix:PATH",
                           value);
        return NGX_CONF_ERROR;
    }

    cc->servers++;

    for (i = 0; i < u.naddrs; i++) {
        addr = ngx_stentor_redis_push(cc, value);
        if (addr == NULL) {
            return "has more than 16 addresses";
        }

        if (u.family == AF_UNIX) {
            addr->path.data = value->data + sizeof("unix:") - 1;
            addr->path.len = value->len - (sizeof("unix:") - 1);
            return NGX_CONF_OK;
        }

        if (ngx_stentor_redis_host(cf, &u, &u.addrs[i], addr) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stentor_redis_host(ngx_conf_t *cf, ngx_url_t *u, ngx_addr_t *from,
    ngx_stentor_redis_addr_t *to)
{
    to->host.data = ngx_pcalloc(cf->pool, NGX_SOCKADDR_STRLEN + 1);
    to->name.data = ngx_pnalloc(cf->pool, u->host.len + 1);

    if (to->host.data == NULL || to->name.data == NULL) {
        return NGX_ERROR;
    }

    to->port = ngx_inet_get_port(from->sockaddr);
    to->host.len = ngx_sock_ntop(from->sockaddr, from->socklen, to->host.data,
                                 NGX_SOCKADDR_STRLEN, 0);

    /* An IPv6 address would have its brackets, and is no name anyway.  That a
     * name's first address is such a one does not matter. */

    if (u->host.len && u->host.data[0] != '[') {
        ngx_cpystrn(to->name.data, u->host.data, u->host.len + 1);
        to->name.len = u->host.len;
    }

    return NGX_OK;
}


static ngx_stentor_redis_addr_t *
ngx_stentor_redis_push(ngx_stentor_cluster_conf_t *cc, ngx_str_t *text)
{
    ngx_stentor_redis_addr_t  *addr;

    addr = (cc->redis.nelts < NGX_STENTOR_REDIS_ADDRS)
           ? ngx_array_push(&cc->redis) : NULL;

    if (addr) {
        ngx_memzero(addr, sizeof(ngx_stentor_redis_addr_t));
        addr->text = *text;
    }

    return addr;
}


static char *
ngx_stentor_redis_password_file(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc, ngx_str_t *value)
{
    ngx_str_t  file, password;

    file = *value;

    if (ngx_stentor_cluster_secret(cf, &file, &password) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_stentor_redis_text(&cc->password, &password);
}


static char *
ngx_stentor_redis_database(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_str_t *value)
{
    ngx_int_t  n;

    if (cc->database != NGX_CONF_UNSET_UINT) {
        return ngx_stentor_redis_duplicate;
    }

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || n >= NGX_STENTOR_REDIS_DATABASES) {
        return ngx_stentor_redis_invalid;
    }

    cc->database = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_stentor_redis_prefix(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f) {
            return ngx_stentor_redis_invalid;
        }
    }

    return value->len > NGX_STENTOR_REDIS_PREFIX_MAX
           ? ngx_stentor_redis_invalid
           : ngx_stentor_redis_text(&cc->prefix, value);
}


static char *
ngx_stentor_redis_timeout(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc,
    ngx_str_t *value)
{
    ngx_int_t  ms;

    if (cc->redis_timeout != NGX_CONF_UNSET_MSEC) {
        return ngx_stentor_redis_duplicate;
    }

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms < NGX_STENTOR_REDIS_TIMEOUT_MIN
        || ms > NGX_STENTOR_REDIS_TIMEOUT_MAX)
    {
        return ngx_stentor_redis_invalid;
    }

    cc->redis_timeout = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


/* Values end with a zero, as nginx's parser leaves them. */

static char *
ngx_stentor_redis_text(ngx_str_t *to, ngx_str_t *value)
{
    if (value->len == 0) {
        return ngx_stentor_redis_invalid;
    }

    if (to->len) {
        return ngx_stentor_redis_duplicate;
    }

    *to = *value;

    return NGX_CONF_OK;
}


char *
ngx_stentor_redis_conf_check(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc)
{
    if (cc->redis.nelts == 0) {

        return (cc->user.len || cc->password.len || cc->master.len
                || cc->prefix.len || cc->redis_tls.on
                || cc->database != NGX_CONF_UNSET_UINT
                || cc->redis_timeout != NGX_CONF_UNSET_MSEC)
               ? "has a \"redis\" without a server" : NGX_CONF_OK;
    }

    if (cc->user.len && cc->password.len == 0) {
        return "has a \"redis\" with a user and no password";
    }

    if (cc->servers > 1 && cc->master.len == 0) {
        return "has several servers of \"redis\": they are Sentinels and need "
               "\"master=\"";
    }

    return ngx_stentor_redis_tls_check(cf, cc);
}


static char *
ngx_stentor_redis_tls_check(ngx_conf_t *cf, ngx_stentor_cluster_conf_t *cc)
{
    ngx_uint_t                     i;
    ngx_stentor_redis_addr_t      *addr;
    ngx_stentor_redis_tls_conf_t  *tls;

    tls = &cc->redis_tls;

    if (!tls->on) {
        return (tls->ca.len || tls->name.len || tls->cert.len || tls->key.len)
               ? "has a \"redis\" with \"ca\", \"tls_name\", \"cert\" or "
                 "\"key\" and no \"tls\"" : NGX_CONF_OK;
    }

    if (!tls->cert.len != !tls->key.len) {
        return "has a \"redis\" with one of \"cert\" and \"key\", which "
               "need each other";
    }

    addr = cc->redis.elts;

    for (i = 0; i < cc->redis.nelts; i++) {
        if (addr[i].path.len) {
            return "has a \"redis\" with \"tls\" and a Unix socket";
        }
    }

    return ngx_stentor_redis_tls_create(cf, tls);
}
