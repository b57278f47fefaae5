/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of relays to other nodes share: a request that was read into
 * a query, and the session that answers it, for hours if need be:
 *
 *     handler -> query -> refused, or a session
 *
 *     session:  waits for its stream -> window -> parts as they come -> END
 *
 * A session's bytes are the reader's own: it holds a reference to each that
 * nginx has not sent yet, and never to more than a few hundred kilobytes.
 */

#ifndef _NGX_HTTP_STENTOR_RELAY_H_INCLUDED_
#define _NGX_HTTP_STENTOR_RELAY_H_INCLUDED_


#include "cluster/ngx_stentor_cluster.h"
#include "relay/stn_relay.h"
#include "store/ngx_stentor_reader.h"

#include <ngx_http.h>


/* Loop Detected (RFC 5842 section 7.2): the asker is where it comes from. */
#define NGX_HTTP_STENTOR_LOOP  508


/* What is asked for; texts lie in the request. */

typedef struct {
    ngx_str_t                 name;       /* of the stream, full */
    ngx_str_t                 node;       /* id of who asks */
    uint64_t                  epoch;      /* the highest that he knows; 0 */
    uint64_t                  msn;        /* the last part that he has, */
    uint64_t                  part;
    uint32_t                  crc;        /* and the CRC of its first piece */
    unsigned                  after:1;    /* boolean: he has one */
} ngx_http_stentor_relay_query_t;


/* The worker's. */

typedef struct {
    ngx_stentor_conf_t       *scf;
    ngx_queue_t              *streams;    /* sessions, by their stream */
    ngx_queue_t               waiting;    /* those whose stream is not here */
    ngx_queue_t               all;        /* whose turn for a heartbeat is
                                             next comes first */
    ngx_uint_t                sessions;   /* of them */
    ngx_atomic_uint_t         opens;      /* of the store, at the last look */
    ngx_event_t               tick;       /* heartbeats */
    stn_buf_t                 record;     /* where one is written */
} ngx_http_stentor_relays_t;


/* Where a stream comes from: node ids, with blanks between. */

typedef struct {
    size_t                    len;        /* 0: from nobody, not even us */
    char                      text[NGX_STENTOR_CHAIN_MAX
                                   + STN_NODE_MAX];
    stn_str_t                 ids[STN_RELAY_HOPS];
    unsigned                  hops;
    unsigned                  orphan;     /* boolean: it should come from
                                             another node, and does not */
    unsigned                  loop;       /* boolean: the asker is in it, or
                                             it is too long */
} ngx_http_stentor_relay_chain_t;


typedef struct {
    ngx_queue_t               queue;      /* of its stream, or waiting */
    ngx_queue_t               turn;       /* in all */
    ngx_http_stentor_relays_t
                             *relays;
    ngx_http_request_t       *request;    /* NULL: it is over */
    ngx_http_stentor_relay_query_t
                              query;
    ngx_stentor_reader_t     *reader;     /* pinned; NULL: it waits */
    ngx_msec_t                since;      /* when it began to wait */
    ngx_msec_t                due;        /* when a heartbeat is */
    int64_t                   clock_us;   /* Unix time minus monotonic, as it
                                             was when it began */
    ngx_atomic_uint_t         next;       /* record to send next */
    ngx_atomic_uint_t         edge;       /* the window ends before it */
    ngx_uint_t                edged;      /* boolean: that has been told */
    ngx_uint_t                ahead;      /* boolean: he has what is not here
                                             yet */
    uint32_t                  told;       /* hash of the origin he was told */
    uint32_t                  measured;   /* and of the bandwidths */
    uint32_t                  inits[NGX_STENTOR_RENDITIONS]
                                   [NGX_STENTOR_INITS];   /* ids, sent */
    ngx_uint_t                ninits[NGX_STENTOR_RENDITIONS];  /* a ring */

    ngx_chain_t              *out;        /* not handed to nginx yet */
    ngx_chain_t             **last;       /* where it goes on */
    size_t                    size;       /* bytes of it */
    ngx_uint_t                blocked;    /* boolean: nginx has not sent all
                                             that it was handed */
    ngx_chain_t              *busy;       /* handed over, not sent yet */
    ngx_chain_t              *free;
} ngx_http_stentor_relay_session_t;


extern ngx_module_t  ngx_http_stentor_relay_module;


/* ngx_http_stentor_relay_session.c */

/* Prepares the worker's queues, its timer and its hook.  NULL on failure. */
ngx_http_stentor_relays_t *ngx_http_stentor_relays_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* Begins to answer a request whose header has been sent; rd: the reader of its
 * stream, or NULL: it waits for one.  Returns NGX_DONE, or NGX_ERROR out of
 * memory. */
ngx_int_t ngx_http_stentor_relay_begin(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_http_stentor_relay_query_t *q,
    ngx_stentor_reader_t *rd);

/* The status that refuses a query for this stream, or NGX_OK: 409 when the
 * asker knows of a later maker than us, 508 when we have it from him. */
ngx_int_t ngx_http_stentor_relay_refused(ngx_http_stentor_relays_t *relays,
    ngx_http_stentor_relay_query_t *q, ngx_stentor_stream_t *st);


/* ngx_http_stentor_relay_record.c: each puts records to what is to be sent.
 * Returns NGX_OK or NGX_ERROR (no memory, or nothing that may be sent). */

/* Where the stream comes from, for who asks; st NULL: it is not here. */
void ngx_http_stentor_relay_chain(ngx_http_stentor_relays_t *relays,
    ngx_http_stentor_relay_query_t *q, ngx_stentor_stream_t *st,
    ngx_http_stentor_relay_chain_t *chain);

ngx_int_t ngx_http_stentor_relay_magic(ngx_http_stentor_relay_session_t *s);
ngx_int_t ngx_http_stentor_relay_stream(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t whole);
ngx_int_t ngx_http_stentor_relay_edge(ngx_http_stentor_relay_session_t *s);
ngx_int_t ngx_http_stentor_relay_last(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e reason);

/* Record s->next, and the init segments that it is the first to need; NGX_DONE
 * when the reader does not have it any more. */
ngx_int_t ngx_http_stentor_relay_part(ngx_http_stentor_relay_session_t *s);

/* A heartbeat; always: also when nothing is new in it.  NGX_DONE when the
 * stream comes from him who asks. */
ngx_int_t ngx_http_stentor_relay_beat(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t always);


/* ngx_http_stentor_relay_send.c */

/* Puts bytes to what is to be sent, with a reference of the caller's, which is
 * given back even on failure.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_stentor_relay_put(ngx_http_stentor_relay_session_t *s,
    ngx_stentor_bytes_t *bytes);

/* The same with what stands in relays->record, which is emptied; rc: what
 * writing it returned. */
ngx_int_t ngx_http_stentor_relay_put_record(
    ngx_http_stentor_relay_session_t *s, int rc);

/* Hands all that to nginx.  Returns NGX_OK when all has been sent; NGX_AGAIN
 * when some has not: nothing more is to be put before the request's write
 * event; NGX_ERROR. */
ngx_int_t ngx_http_stentor_relay_send(ngx_http_stentor_relay_session_t *s);

/* The request is gone: gives back all references. */
void ngx_http_stentor_relay_release(ngx_http_stentor_relay_session_t *s);

/* Adds n to a counter of this worker. */
void ngx_http_stentor_relay_count(ngx_http_stentor_relays_t *relays,
    ngx_stentor_counter_e counter, int64_t n);


#endif /* _NGX_HTTP_STENTOR_RELAY_H_INCLUDED_ */
