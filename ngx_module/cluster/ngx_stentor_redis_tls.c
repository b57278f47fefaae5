/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * TLS towards Redis (see ngx_stentor_redis_tls.h).  The context is made by the
 * master when it reads the configuration, connections by the leader's worker.
 * OpenSSL's queue of errors is the process's: nginx complains of what others
 * leave in it, so it is empty whenever this returns.
 */

#include "ngx_stentor_redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>


static SSL_CTX *ngx_stentor_redis_tls_context(ngx_conf_t *cf);
static void ngx_stentor_redis_tls_cleanup(void *data);
static ngx_str_t *ngx_stentor_redis_tls_files(SSL_CTX *ctx,
    ngx_stentor_redis_tls_conf_t *conf);
static const char *ngx_stentor_redis_tls_error(void);
static ngx_int_t ngx_stentor_redis_tls_expect(SSL *ssl, ngx_str_t *name);
static ssize_t ngx_stentor_redis_tls_result(ngx_stentor_redis_tls_t *tls,
    int rc);
static void ngx_stentor_redis_tls_alert(ngx_stentor_redis_tls_t *tls);
static void ngx_stentor_redis_tls_fail(ngx_stentor_redis_tls_t *tls,
    ngx_err_t err);
static ngx_int_t ngx_stentor_redis_tls_reason(ngx_stentor_redis_tls_t *tls,
    const char *what, const char *why);


char *
ngx_stentor_redis_tls_create(ngx_conf_t *cf,
    ngx_stentor_redis_tls_conf_t *conf)
{
    SSL_CTX    *ctx;
    ngx_str_t  *file;

    ERR_clear_error();

    ctx = ngx_stentor_redis_tls_context(cf);

    if (ctx == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no TLS for redis: %s",
                           ngx_stentor_redis_tls_error());
        return NGX_CONF_ERROR;
    }

    if ((conf->ca.len && ngx_conf_full_name(cf->cycle, &conf->ca, 1) != NGX_OK)
        || (conf->cert.len
            && (ngx_conf_full_name(cf->cycle, &conf->cert, 1) != NGX_OK
                || ngx_conf_full_name(cf->cycle, &conf->key, 1) != NGX_OK)))
    {
        return NGX_CONF_ERROR;
    }

    file = ngx_stentor_redis_tls_files(ctx, conf);

    if (file == NULL) {
        ERR_clear_error();

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not fit for TLS to redis: %s", file,
                           ngx_stentor_redis_tls_error());
        return NGX_CONF_ERROR;
    }

    conf->ctx = ctx;

    return NGX_CONF_OK;
}


/* Nobody is asked for a pass phrase: it is empty. */

static SSL_CTX *
ngx_stentor_redis_tls_context(ngx_conf_t *cf)
{
    SSL_CTX             *ctx;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    ctx = cln ? SSL_CTX_new(TLS_client_method()) : NULL;

    if (ctx == NULL) {
        return NULL;
    }

    cln->handler = ngx_stentor_redis_tls_cleanup;
    cln->data = ctx;

    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        return NULL;
    }

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb_userdata(ctx, "");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ctx, 0);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE
                          |SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION|SSL_OP_NO_COMPRESSION);

#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF

    /* a reply says itself where it ends */

    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);

#endif

    return ctx;
}


static void
ngx_stentor_redis_tls_cleanup(void *data)
{
    SSL_CTX_free(data);
}


/* Returns the one that is of no use, or NULL.  That there are none of the
 * system's shows by the first server's certificate. */

static ngx_str_t *
ngx_stentor_redis_tls_files(SSL_CTX *ctx, ngx_stentor_redis_tls_conf_t *conf)
{
    if (conf->ca.len == 0) {
        (void) SSL_CTX_set_default_verify_paths(ctx);

    } else if (SSL_CTX_load_verify_locations(ctx, (char *) conf->ca.data, NULL)
               != 1)
    {
        return &conf->ca;
    }

    if (conf->cert.len == 0) {
        return NULL;
    }

    if (SSL_CTX_use_certificate_chain_file(ctx, (char *) conf->cert.data)
        != 1)
    {
        return &conf->cert;
    }

    /* this looks also whether it is that certificate's */

    if (SSL_CTX_use_PrivateKey_file(ctx, (char *) conf->key.data,
                                    SSL_FILETYPE_PEM)
        != 1)
    {
        return &conf->key;
    }

    return NULL;
}


/* The last error, which is the nearest to what was asked for. */

static const char *
ngx_stentor_redis_tls_error(void)
{
    const char     *reason;
    unsigned long   err;

    err = ERR_peek_last_error();
    reason = err ? ERR_reason_error_string(err) : NULL;
    ERR_clear_error();

    return reason ? reason : "failed";
}


ngx_int_t
ngx_stentor_redis_tls_open(ngx_stentor_redis_tls_t *tls,
    ngx_stentor_redis_tls_conf_t *conf, ngx_stentor_redis_addr_t *addr,
    ngx_socket_t fd)
{
    ngx_str_t  *name;

    name = conf->name.len ? &conf->name
                          : addr->name.len ? &addr->name : &addr->host;

    ERR_clear_error();
    tls->ssl = SSL_new(conf->ctx);

    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1
        || ngx_stentor_redis_tls_expect(tls->ssl, name) != NGX_OK)
    {
        return ngx_stentor_redis_tls_reason(tls, "",
                                            ngx_stentor_redis_tls_error());
    }

    SSL_set_connect_state(tls->ssl);

    return NGX_OK;
}


/* Only names are told to the server (RFC 6066, 3). */

static ngx_int_t
ngx_stentor_redis_tls_expect(SSL *ssl, ngx_str_t *name)
{
    char               *host;
    u_char              addr[16];
    X509_VERIFY_PARAM  *param;

    host = (char *) name->data;
    param = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, addr) == 1
        || inet_pton(AF_INET6, host, addr) == 1)
    {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? NGX_OK
                                                               : NGX_ERROR;
    }

    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    if (X509_VERIFY_PARAM_set1_host(param, host, name->len) != 1
        || SSL_set_tlsext_host_name(ssl, host) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_redis_tls_handshake(ngx_stentor_redis_tls_t *tls)
{
    ssize_t  n;

    ERR_clear_error();
    ngx_set_errno(0);

    n = ngx_stentor_redis_tls_result(tls, SSL_do_handshake(tls->ssl));

    if (n == 0) {
        return ngx_stentor_redis_tls_reason(tls, "",
                                            "it closed the connection");
    }

    return n > 0 ? NGX_OK : (ngx_int_t) n;
}


ssize_t
ngx_stentor_redis_tls_recv(ngx_stentor_redis_tls_t *tls, void *buf,
    size_t size)
{
    ERR_clear_error();
    ngx_set_errno(0);

    return ngx_stentor_redis_tls_result(tls,
                                        SSL_read(tls->ssl, buf, (int) size));
}


ssize_t
ngx_stentor_redis_tls_send(ngx_stentor_redis_tls_t *tls, const void *bytes,
    size_t len)
{
    ssize_t  n;

    ERR_clear_error();
    ngx_set_errno(0);

    n = ngx_stentor_redis_tls_result(tls,
                                     SSL_write(tls->ssl, bytes, (int) len));

    if (n == NGX_ERROR) {
        ngx_stentor_redis_tls_alert(tls);
    }

    return n;
}


/* A server that has gone may have said why: in TLS 1.3 it looks at the client's
 * certificate when the client takes the handshake for done. */

static void
ngx_stentor_redis_tls_alert(ngx_stentor_redis_tls_t *tls)
{
    char  byte;

    if (SSL_read(tls->ssl, &byte, 1) <= 0
        && ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET)
    {
        (void) ngx_stentor_redis_tls_reason(tls, "",
                                            ngx_stentor_redis_tls_error());
    }

    ERR_clear_error();
}


/* Of what the library has just returned, as recv() does. */

static ssize_t
ngx_stentor_redis_tls_result(ngx_stentor_redis_tls_t *tls, int rc)
{
    int        error;
    ngx_err_t  err;

    err = ngx_errno;
    error = SSL_get_error(tls->ssl, rc);

    if (error == SSL_ERROR_SYSCALL && err == 0 && ERR_peek_error() == 0) {
        error = SSL_ERROR_ZERO_RETURN;
    }

    switch (error) {

    case SSL_ERROR_NONE:
        break;

    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        tls->writes = (error == SSL_ERROR_WANT_WRITE);
        rc = NGX_AGAIN;
        break;

    case SSL_ERROR_ZERO_RETURN:
        rc = 0;
        break;

    default:
        ngx_stentor_redis_tls_fail(tls, err);
        rc = NGX_ERROR;
    }

    ERR_clear_error();

    return rc;
}


static void
ngx_stentor_redis_tls_fail(ngx_stentor_redis_tls_t *tls, ngx_err_t err)
{
    long  verified;

    verified = SSL_get_verify_result(tls->ssl);

    if (verified != X509_V_OK) {
        (void) ngx_stentor_redis_tls_reason(tls,
            "certificate verify failed: ",
            X509_verify_cert_error_string(verified));

    } else if (ERR_peek_error()) {
        (void) ngx_stentor_redis_tls_reason(tls, "",
                                            ngx_stentor_redis_tls_error());

    } else {
        (void) ngx_stentor_redis_tls_reason(tls, "", strerror(err));
    }
}


static ngx_int_t
ngx_stentor_redis_tls_reason(ngx_stentor_redis_tls_t *tls, const char *what,
    const char *why)
{
    (void) snprintf(tls->reason, sizeof(tls->reason), "TLS: %s%s", what, why);

    return NGX_ERROR;
}


void
ngx_stentor_redis_tls_close(ngx_stentor_redis_tls_t *tls)
{
    if (tls->ssl == NULL) {
        return;
    }

    if (SSL_is_init_finished(tls->ssl)) {
        ERR_clear_error();
        (void) SSL_shutdown(tls->ssl);
    }

    SSL_free(tls->ssl);
    tls->ssl = NULL;

    ERR_clear_error();
}
