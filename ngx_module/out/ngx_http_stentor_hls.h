/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the three files of HLS delivery share: a request read into a target,
 * the worker's state, and the way from one to an answer:
 *
 *     handler -> parse -> target -> answer -> bytes or an error, at once
 *                                     `-> wait -> (a part comes) -> answer
 */

#ifndef _NGX_HTTP_STENTOR_HLS_H_INCLUDED_
#define _NGX_HTTP_STENTOR_HLS_H_INCLUDED_


#include "store/ngx_stentor_reader.h"
#include "audience/stn_target.h"
#include "pack/stn_playlist.h"

#include <ngx_http.h>


typedef struct ngx_http_stentor_audience_s  ngx_http_stentor_audience_t;
typedef struct ngx_http_stentor_piece_s     ngx_http_stentor_piece_t;
typedef struct ngx_http_stentor_sent_s      ngx_http_stentor_sent_t;


/* What is cached of a view's version: a page, plain or gzipped. */

typedef enum {
    NGX_HTTP_STENTOR_PAGE_FULL,
    NGX_HTTP_STENTOR_PAGE_DELTA,
    NGX_HTTP_STENTOR_PAGE_CLASSIC,
    NGX_HTTP_STENTOR_PAGE_INDEX,
    NGX_HTTP_STENTOR_PAGE_INDEX_CLASSIC
} ngx_http_stentor_page_e;


/* What a request asks for.  Its names are in the request's memory. */

typedef struct {
    stn_target_t             ask;         /* by its path and query */
    unsigned                 gzip:1;      /* the client takes gzip */
    unsigned                 shed:1;      /* classic by admission */
    ngx_str_t                name;        /* of the stream, full */
    ngx_str_t                rendition;
} ngx_http_stentor_target_t;


/* A request that is held. */

typedef struct {
    ngx_queue_t               queue;      /* where it waits; see rd, ready */
    ngx_http_request_t       *request;
    ngx_stentor_reader_t     *reader;     /* NULL: the stream is not there */
    ngx_uint_t                ready;      /* boolean: about to be answered */
    ngx_msec_t                since;
    ngx_http_stentor_target_t target;
} ngx_http_stentor_wait_t;


/* The worker's state of HLS delivery. */

typedef struct {
    ngx_stentor_conf_t       *scf;
    ngx_queue_t               pending;    /* waits for streams to open */
    ngx_uint_t                npending;
    ngx_atomic_uint_t         opens;      /* as of the last look */
    ngx_queue_t               ready;      /* waits to be answered now */
    ngx_event_t               answer;     /* answers them, some at a time */
    ngx_event_t               timer;      /* ends waits that take too long */
    uint32_t                 *waiters;    /* in the store, one a stream */
    ngx_uint_t                held;       /* waits in all */
    ngx_http_stentor_audience_t  *audience;
    ngx_uint_t                steering;   /* generation of pathways in pages */
    void                     *steered;    /* pages of steering; its own */
} ngx_http_stentor_hls_worker_t;


typedef struct {
    ngx_flag_t                enable;
    ngx_str_t                 application;    /* empty: from the location */
    ngx_msec_t                pending_time;
    ngx_uint_t                pending_max;
} ngx_http_stentor_hls_conf_t;


extern ngx_module_t  ngx_http_stentor_hls_module;


/* The state of the process, which is a worker; NULL before init_process. */
ngx_http_stentor_hls_worker_t *ngx_http_stentor_hls_worker(void);

/* Adds one to a counter of this worker. */
void ngx_http_stentor_hls_count(ngx_http_stentor_hls_worker_t *w,
    ngx_stentor_counter_e counter);


/* ngx_http_stentor_hls_answer.c */

/* Answers a target, or holds the request.  Returns what a content handler
 * returns; NGX_DONE when it is held. */
ngx_int_t ngx_http_stentor_hls_answer(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);

/* Answers with a page that no cache may keep. */
ngx_int_t ngx_http_stentor_hls_text(ngx_http_request_t *r, ngx_str_t *type,
    ngx_stentor_bytes_t *b);

/* Answers with an error and its reason in plain text. */
ngx_int_t ngx_http_stentor_hls_error(ngx_http_request_t *r,
    ngx_uint_t status, const char *reason);

/* Answers OPTIONS (a CORS preflight). */
ngx_int_t ngx_http_stentor_hls_options(ngx_http_request_t *r);

/* Whether the target can be answered from its reader now. */
ngx_uint_t ngx_http_stentor_hls_ready(ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t);


/* ngx_http_stentor_hls_wait.c */

/* Holds a request until its reader (or NULL: its stream) is ready for it.
 * Returns NGX_DONE, or NGX_ERROR out of memory. */
ngx_int_t ngx_http_stentor_hls_hold(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);

/* Prepares the worker's queues and hooks.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_stentor_hls_wait_init(ngx_http_stentor_hls_worker_t *w,
    ngx_cycle_t *cycle);


/* ngx_http_stentor_hls_page.c */

/* A page of the view's present version, rendered at its first use (without a
 * reference of the caller's own); NULL on failure. */
ngx_stentor_bytes_t *ngx_http_stentor_hls_page(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_page_e page, ngx_uint_t gzip);

/* Appends a stream's multivariant playlist; the index has all but variants.
 * Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_stentor_hls_index(ngx_stentor_reader_t *rd,
    stn_playlist_index_t *index, stn_buf_t *out);

/* EXT-X-TARGETDURATION of a view, in seconds, and the number of parts beyond
 * the last one that may be asked for. */
ngx_uint_t ngx_http_stentor_hls_target(ngx_stentor_view_t *v);
ngx_uint_t ngx_http_stentor_hls_advance(ngx_stentor_view_t *v);


#endif /* _NGX_HTTP_STENTOR_HLS_H_INCLUDED_ */
