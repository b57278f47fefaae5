/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Long HTTP responses by libcurl on nginx's events: the multi interface, whose
 * sockets and timer are the event loop's.  HTTP/1.1 only; certificates are
 * verified, redirects are not followed, proxies of the environment are not
 * used.  Nothing blocks: a host's name is resolved on libcurl's thread.
 */

#ifndef _NGX_STENTOR_FETCH_H_INCLUDED_
#define _NGX_STENTOR_FETCH_H_INCLUDED_


#include "ngx_stentor.h"

#include <curl/curl.h>


typedef struct ngx_stentor_fetches_s  ngx_stentor_fetches_t;

/* A piece of a body with status 200.  Returns NGX_OK; anything else ends the
 * fetch (done is called, with CURLE_WRITE_ERROR). */
typedef ngx_int_t (*ngx_stentor_fetch_body_pt)(void *data, u_char *bytes,
    size_t n);

/* It has ended: status is the response's (0: none came), reason is static and
 * says why it did not end well, or NULL. */
typedef void (*ngx_stentor_fetch_done_pt)(void *data, ngx_uint_t status,
    const char *reason);


typedef struct {
    const char                 *url;       /* copied */
    const char                 *authorization;   /* a header's value; copied */
    const char                 *ca;        /* a file; NULL: the system's */
    ngx_msec_t                  connect_timeout;
    ngx_stentor_fetch_body_pt   body;
    ngx_stentor_fetch_done_pt   done;
    void                       *data;

    /* the fetch's own */

    ngx_stentor_fetches_t      *fetches;
    ngx_queue_t                 queue;     /* of those under way */
    CURL                       *easy;      /* NULL: it is not under way */
    struct curl_slist          *headers;
    size_t                      waste;     /* bytes of a body not wanted */
} ngx_stentor_fetch_t;


/* The worker's; NULL on failure.  exit ends all that are under way, and calls
 * nobody. */
ngx_stentor_fetches_t *ngx_stentor_fetches_create(ngx_log_t *log);
void ngx_stentor_fetches_exit(ngx_stentor_fetches_t *fetches);

/* Begins.  Returns NGX_OK, or NGX_ERROR: done is not called then. */
ngx_int_t ngx_stentor_fetch_begin(ngx_stentor_fetches_t *fetches,
    ngx_stentor_fetch_t *f);

/* Ends it, if it is under way; done is not called.  Not from within body. */
void ngx_stentor_fetch_end(ngx_stentor_fetch_t *f);


#endif /* _NGX_STENTOR_FETCH_H_INCLUDED_ */
