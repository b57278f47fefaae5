/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * TLS towards Redis, by OpenSSL on a socket that stays the caller's: 1.2 or
 * later, and only with a server whose certificate an authority vouches for and
 * that has the right name in it.  Nothing blocks, nothing is logged once the
 * configuration is read: what went wrong is a reason in words.
 */

#ifndef _NGX_STENTOR_REDIS_TLS_H_INCLUDED_
#define _NGX_STENTOR_REDIS_TLS_H_INCLUDED_


#include "ngx_stentor_cluster.h"

#include <openssl/ssl.h>


#define NGX_STENTOR_REDIS_TLS_REASON_MAX  112

/* The most that one record has (RFC 8446, 5.1).  A buffer of that size leaves
 * nothing behind in the library, where no event would tell of it. */
#define NGX_STENTOR_REDIS_TLS_RECORD      16384


typedef struct {
    SSL                 *ssl;            /* NULL: closed */
    ngx_uint_t           writes;         /* boolean: NGX_AGAIN was for want of
                                            room to write, not of input */
    char                 reason[NGX_STENTOR_REDIS_TLS_REASON_MAX];
} ngx_stentor_redis_tls_t;


/* Reads the files that the configuration names, and makes conf->ctx, which is
 * freed with cf->pool.  Returns NGX_CONF_OK or NGX_CONF_ERROR, logged. */
char *ngx_stentor_redis_tls_create(ngx_conf_t *cf,
    ngx_stentor_redis_tls_conf_t *conf);

/* Begins on a socket, which is connected or about to be; addr is where to.
 * Returns NGX_OK; NGX_ERROR, with a reason. */
ngx_int_t ngx_stentor_redis_tls_open(ngx_stentor_redis_tls_t *tls,
    ngx_stentor_redis_tls_conf_t *conf, ngx_stentor_redis_addr_t *addr,
    ngx_socket_t fd);

/* Goes on with the handshake.  Returns NGX_OK when it is done and the server
 * is who it should be; NGX_AGAIN; NGX_ERROR, with a reason. */
ngx_int_t ngx_stentor_redis_tls_handshake(ngx_stentor_redis_tls_t *tls);

/* Return the number of bytes, 0 at the end; NGX_AGAIN; NGX_ERROR, with a
 * reason.  What could not be sent is to be offered again, not less of it. */
ssize_t ngx_stentor_redis_tls_recv(ngx_stentor_redis_tls_t *tls, void *buf,
    size_t size);
ssize_t ngx_stentor_redis_tls_send(ngx_stentor_redis_tls_t *tls,
    const void *bytes, size_t len);

/* Says goodbye if there is room for it, and does not wait for an answer. */
void ngx_stentor_redis_tls_close(ngx_stentor_redis_tls_t *tls);


#endif /* _NGX_STENTOR_REDIS_TLS_H_INCLUDED_ */
