/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * An RTMP session in nginx, between its two files: the module moves bytes,
 * ngx_stream_stentor_rtmp_events.c acts on what they say.
 */

#ifndef _NGX_STREAM_STENTOR_RTMP_H_INCLUDED_
#define _NGX_STREAM_STENTOR_RTMP_H_INCLUDED_


#include "ngx_stentor_door.h"
#include "ngx_stentor_source.h"
#include "wire/stn_rtmp.h"

#include <ngx_stream.h>


#define NGX_STREAM_STENTOR_RTMP_BUFFER  16384

/* What may come behind an application's name: it is kept until he publishes. */
#define NGX_STREAM_STENTOR_RTMP_QUERY   2048


typedef struct {
    ngx_stream_session_t       *session;
    ngx_connection_t           *connection;
    stn_rtmp_t                  rtmp;
    stn_rtmp_event_t            event;      /* the one in hand */
    ngx_stentor_door_t          door;
    ngx_stentor_source_t        source;
    ngx_stentor_conf_t         *scf;
    ngx_msec_t                  media_timeout;
    ngx_msec_t                  due;        /* when there must be audio */
    uint64_t                    bytes;      /* counted so far */
    uint64_t                    video_messages;
    uint64_t                    video_bytes;
    unsigned                    publishing:1;
    unsigned                    ended:1;    /* he said so; what follows is
                                               dropped */
    unsigned                    blocked:1;  /* the event waits for room, or
                                               at the door */
    unsigned                    closing:1;  /* refused; the rest is dropped */
    ngx_uint_t                  status;     /* for the access log */
    u_char                      user[STN_KEYS_USER_MAX];
    u_char                      query[NGX_STREAM_STENTOR_RTMP_QUERY];
    u_char                      buffer[NGX_STREAM_STENTOR_RTMP_BUFFER];
} ngx_stream_stentor_rtmp_t;


/* Acts on the event in hand.  NGX_OK: go on; NGX_AGAIN: it waits for room, or
 * at the door; NGX_DONE: the session is over; NGX_ERROR. */
ngx_int_t ngx_stream_stentor_rtmp_event(ngx_stream_stentor_rtmp_t *ctx);

/* The library's session failed with rc.  Returns likewise. */
ngx_int_t ngx_stream_stentor_rtmp_broken(ngx_stream_stentor_rtmp_t *ctx,
    int rc);

/* Tells the broadcaster why he is refused, counts it (but for
 * NGX_STENTOR_COUNTERS) and closes a little later.  Without a code it is his
 * connect that is refused.  Returns NGX_OK. */
ngx_int_t ngx_stream_stentor_rtmp_refuse(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, const char *code, const char *reason);

/* The door has let the broadcaster in (NGX_OK) or refused him (NGX_DECLINED):
 * he is told.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stream_stentor_rtmp_entered(ngx_stream_stentor_rtmp_t *ctx,
    ngx_int_t rc);

/* Tells the broadcaster that the door has refused him, and closes a little
 * later.  Returns NGX_OK. */
ngx_int_t ngx_stream_stentor_rtmp_reject(ngx_stream_stentor_rtmp_t *ctx);

/* There must be audio within so many ms from now on, or the session ends. */
void ngx_stream_stentor_rtmp_expect(ngx_stream_stentor_rtmp_t *ctx,
    ngx_msec_t ms);

/* Adds n to a counter of this worker. */
void ngx_stream_stentor_rtmp_count(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, int64_t n);


#endif /* _NGX_STREAM_STENTOR_RTMP_H_INCLUDED_ */
