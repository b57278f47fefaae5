/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading "srt" directives (see ngx_stentor_srt_conf.h).  Runs in the master.
 * Each configuration has descriptors of its own, closed with its pool: those
 * that were open before are duplicated, so that a reload never lets go of a
 * port, and one that fails leaves the running configuration its own.
 */

#include "ngx_stentor_srt_conf.h"
#include "stn_base.h"


/* libsrt takes passphrases of these lengths (SRTO_PASSPHRASE). */
#define NGX_STENTOR_SRT_PASSPHRASE_MIN  10
#define NGX_STENTOR_SRT_PASSPHRASE_MAX  79

#define NGX_STENTOR_SRT_LATENCY_MAX  10000

/* Seconds of a few dozen broadcasters' video: all of a port's sessions share
 * the socket's buffer.  The kernel may allow less. */
#define NGX_STENTOR_SRT_RCVBUF  (4 * 1024 * 1024)


static char *ngx_stentor_srt_address(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt);
static char *ngx_stentor_srt_param(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_latency(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_media_timeout(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_keylen(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_stream_name(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_app_name(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_passphrase(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static ngx_uint_t ngx_stentor_srt_fits(ngx_str_t *passphrase);
static char *ngx_stentor_srt_passphrase_file(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt, ngx_str_t *value);
static char *ngx_stentor_srt_open(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt);
static ngx_socket_t ngx_stentor_srt_inherited(ngx_conf_t *cf,
    ngx_stentor_srt_conf_t *srt);
static void ngx_stentor_srt_cleanup(void *data);


/* What a parameter's handler returns of a value that it cannot take; other
 * texts are what nginx says of the directive. */
static char  ngx_stentor_srt_invalid[] = "is invalid";

static const struct {
    ngx_str_t   name;
    char     *(*handler)(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
                         ngx_str_t *value);
} ngx_stentor_srt_params[] = {
    { ngx_string("latency"), ngx_stentor_srt_latency },
    { ngx_string("media_timeout"), ngx_stentor_srt_media_timeout },
    { ngx_string("passphrase"), ngx_stentor_srt_passphrase },
    { ngx_string("passphrase_file"), ngx_stentor_srt_passphrase_file },
    { ngx_string("pbkeylen"), ngx_stentor_srt_keylen },
    { ngx_string("stream"), ngx_stentor_srt_stream_name },
    { ngx_string("application"), ngx_stentor_srt_app_name },
};


char *
ngx_stentor_srt_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    char                    *rv;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_stentor_srt_conf_t  *srt, *other;

    if (scf->srt.elts == NULL
        && ngx_array_init(&scf->srt, cf->pool, NGX_STENTOR_SRT_LISTENERS,
                          sizeof(ngx_stentor_srt_conf_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (scf->srt.nelts == NGX_STENTOR_SRT_LISTENERS) {
        return "has been given too often: at most 8 listeners";
    }

    value = cf->args->elts;
    other = scf->srt.elts;

    srt = ngx_array_push(&scf->srt);
    if (srt == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(srt, sizeof(ngx_stentor_srt_conf_t));

    srt->text = value[1];
    srt->fd = (ngx_socket_t) -1;
    srt->latency = 200;
    srt->media_timeout = 10000;

    rv = ngx_stentor_srt_address(cf, srt);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 0; i < scf->srt.nelts - 1; i++) {
        if (ngx_cmp_sockaddr(other[i].addr.sockaddr, other[i].addr.socklen,
                             srt->addr.sockaddr, srt->addr.socklen, 1)
            == NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate srt address \"%V\"", &srt->text);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_stentor_srt_param(cf, srt, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_stentor_srt_open(cf, srt);
}


static char *
ngx_stentor_srt_address(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt)
{
    ngx_url_t  u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = srt->text;
    u.listen = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in srt address \"%V\"",
                           u.err ? u.err : "invalid host", &srt->text);
        return NGX_CONF_ERROR;
    }

    if (u.no_port || u.family == AF_UNIX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "srt address \"%V\" has no port", &srt->text);
        return NGX_CONF_ERROR;
    }

    srt->addr = u.addrs[0];

    return NGX_CONF_OK;
}


/* Does not show a value that may be a passphrase. */

static char *
ngx_stentor_srt_param(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    u_char      *p;
    char        *rv;
    ngx_str_t    name, v;
    ngx_uint_t   i;

    p = ngx_strlchr(value->data, value->data + value->len, '=');

    if (p == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    name.data = value->data;
    name.len = p - value->data;
    v.data = p + 1;
    v.len = value->len - name.len - 1;

    rv = ngx_stentor_srt_invalid;

    for (i = 0; i < stn_nelems(ngx_stentor_srt_params); i++) {
        if (ngx_stentor_srt_params[i].name.len == name.len
            && ngx_memcmp(ngx_stentor_srt_params[i].name.data, name.data,
                          name.len) == 0)
        {
            rv = ngx_stentor_srt_params[i].handler(cf, srt, &v);
        }
    }

    if (rv == ngx_stentor_srt_invalid) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V=\" of srt \"%V\"", &name,
                           &srt->text);
        return NGX_CONF_ERROR;
    }

    return rv;
}


static char *
ngx_stentor_srt_latency(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    srt->latency = ngx_parse_time(value, 0);

    return (srt->latency == (ngx_msec_t) NGX_ERROR
            || srt->latency > NGX_STENTOR_SRT_LATENCY_MAX)
           ? ngx_stentor_srt_invalid : NGX_CONF_OK;
}


static char *
ngx_stentor_srt_media_timeout(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    srt->media_timeout = ngx_parse_time(value, 0);

    return srt->media_timeout == (ngx_msec_t) NGX_ERROR
           ? ngx_stentor_srt_invalid : NGX_CONF_OK;
}


static char *
ngx_stentor_srt_keylen(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    ngx_int_t  len;

    len = ngx_atoi(value->data, value->len);

    if (len != 16 && len != 24 && len != 32) {
        return ngx_stentor_srt_invalid;
    }

    srt->pbkeylen = (ngx_uint_t) len;

    return NGX_CONF_OK;
}


static char *
ngx_stentor_srt_stream_name(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    srt->stream = *value;

    return ngx_stentor_name_check(value) == NGX_OK
           ? NGX_CONF_OK : ngx_stentor_srt_invalid;
}


static char *
ngx_stentor_srt_app_name(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    srt->application = *value;

    return ngx_stentor_name_check(value) == NGX_OK
           ? NGX_CONF_OK : ngx_stentor_srt_invalid;
}


static char *
ngx_stentor_srt_passphrase(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    srt->passphrase = *value;

    return ngx_stentor_srt_fits(value)
           ? NGX_CONF_OK
           : "has a passphrase that is not of 10 to 79 characters";
}


static ngx_uint_t
ngx_stentor_srt_fits(ngx_str_t *passphrase)
{
    return passphrase->len >= NGX_STENTOR_SRT_PASSPHRASE_MIN
           && passphrase->len <= NGX_STENTOR_SRT_PASSPHRASE_MAX;
}


/* The passphrase is the file's first line. */

static char *
ngx_stentor_srt_passphrase_file(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt,
    ngx_str_t *value)
{
    u_char     *p;
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t   file;

    file = *value;

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    p = ngx_pcalloc(cf->pool, NGX_STENTOR_SRT_PASSPHRASE_MAX + 2);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(file.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &file);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, p, NGX_STENTOR_SRT_PASSPHRASE_MAX + 1);

    (void) ngx_close_file(fd);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", &file);
        return NGX_CONF_ERROR;
    }

    srt->passphrase.data = p;
    srt->passphrase.len = strcspn((char *) p, "\r\n");

    return ngx_stentor_srt_fits(&srt->passphrase)
           ? NGX_CONF_OK
           : "has a passphrase_file whose first line is not of 10 to 79 "
             "characters";
}


static char *
ngx_stentor_srt_open(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt)
{
    ngx_err_t            err;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    /* who only brings a signal to the running nginx opens nothing */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_CONF_OK;
    }

    srt->fd = ngx_stentor_srt_inherited(cf, srt);

    if (srt->fd == (ngx_socket_t) -1) {
        err = ngx_stentor_srt_bind(srt);

        /* it may be our own: a test beside a running nginx, or its successor
         * that was started by it; the worker tries again */

        if (err && (err != NGX_EADDRINUSE
                    || !(ngx_test_config || getenv("NGINX"))))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                               "bind() to srt address %V failed",
                               &srt->text);
            return NGX_CONF_ERROR;
        }
    }

    cln->handler = ngx_stentor_srt_cleanup;
    cln->data = srt;

    return NGX_CONF_OK;
}


/* The socket that the running configuration has for that address. */

static ngx_socket_t
ngx_stentor_srt_inherited(ngx_conf_t *cf, ngx_stentor_srt_conf_t *srt)
{
    ngx_uint_t               i;
    ngx_cycle_t             *old;
    ngx_stentor_conf_t      *scf;
    ngx_stentor_srt_conf_t  *other;

    old = cf->cycle->old_cycle;

    if (old == NULL || old->conf_ctx == NULL) {
        return (ngx_socket_t) -1;
    }

    scf = ngx_stentor_conf(old);

    if (scf == NULL || scf->srt.elts == NULL) {
        return (ngx_socket_t) -1;
    }

    other = scf->srt.elts;

    for (i = 0; i < scf->srt.nelts; i++) {
        if (other[i].fd != (ngx_socket_t) -1
            && ngx_cmp_sockaddr(other[i].addr.sockaddr, other[i].addr.socklen,
                                srt->addr.sockaddr, srt->addr.socklen, 1)
               == NGX_OK)
        {
            return fcntl(other[i].fd, F_DUPFD_CLOEXEC, 0);
        }
    }

    return (ngx_socket_t) -1;
}


ngx_err_t
ngx_stentor_srt_bind(ngx_stentor_srt_conf_t *srt)
{
    int           value;
    ngx_err_t     err;
    ngx_socket_t  fd;

    /* it blocks: libsrt sets a time-out for receiving, and would spin */

    fd = socket(srt->addr.sockaddr->sa_family, SOCK_DGRAM|SOCK_CLOEXEC, 0);

    if (fd == (ngx_socket_t) -1) {
        return ngx_socket_errno;
    }

    value = NGX_STENTOR_SRT_RCVBUF;
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, (const void *) &value,
                      sizeof(value));

#if (NGX_HAVE_INET6 && defined IPV6_V6ONLY)

    if (srt->addr.sockaddr->sa_family == AF_INET6) {
        value = 1;
        (void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
                          (const void *) &value, sizeof(value));
    }

#endif

    if (bind(fd, srt->addr.sockaddr, srt->addr.socklen) == -1) {
        err = ngx_socket_errno;
        ngx_close_socket(fd);
        return err;
    }

    srt->fd = fd;

    return 0;
}


static void
ngx_stentor_srt_cleanup(void *data)
{
    ngx_stentor_srt_conf_t *srt = data;

    if (srt->fd != (ngx_socket_t) -1) {
        ngx_close_socket(srt->fd);
    }
}


char *
ngx_stentor_srt_conf_check(ngx_conf_t *cf, ngx_stentor_conf_t *scf)
{
    ngx_str_t                name;
    ngx_uint_t               i;
    ngx_stentor_srt_conf_t  *srt;

    srt = scf->srt.elts;

    for (i = 0; i < scf->srt.nelts; i++) {

        if (srt[i].application.len
            && ngx_stentor_app(scf, &srt[i].application) == NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "srt \"%V\" is for an unknown application "
                               "\"%V\"", &srt[i].text, &srt[i].application);
            return NGX_CONF_ERROR;
        }

        if (srt[i].stream.len
            && ngx_stentor_app_split(scf, &srt[i].stream, &name) == NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "srt \"%V\" is for a stream \"%V\" of an "
                               "unknown application", &srt[i].text,
                               &srt[i].stream);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
