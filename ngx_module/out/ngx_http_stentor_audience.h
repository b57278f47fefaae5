/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The worker's audience: a member for each connection that has asked for
 * something (of HTTP/2 the real one), told of what it asked for and of what
 * was sent to it whole (segmenter/audience says what it is then), and counted
 * in the worker's slot.  A member outlives its connection until it is not
 * taken for one that comes back.
 *
 * Admission decides on joins alone: on who is no listener yet and asks for a
 * playlist to begin with.
 */

#ifndef _NGX_HTTP_STENTOR_AUDIENCE_H_INCLUDED_
#define _NGX_HTTP_STENTOR_AUDIENCE_H_INCLUDED_


#include "ngx_http_stentor_hls.h"
#include "audience/stn_audience.h"


typedef struct {
    stn_member_t             member;
    int64_t                  let_in_ms;  /* 0: never */
    uint64_t                 id;         /* for ngx_stentor_unique.h */
    uint32_t                 player;     /* as ngx_stentor_known.h has it */
    uint32_t                 index;      /* its stream, where it is counted */
    uint32_t                 told;       /* seconds: when its player was last
                                            said to be heard */
    unsigned                 joined:1;   /* was let in, no audio since */
    unsigned                 back:1;     /* its former connection is settled */
    unsigned                 lost:1;     /* it was said to be lost */
    unsigned                 shed:1;     /* gets playlists without parts */
} ngx_http_stentor_member_t;


struct ngx_http_stentor_audience_s {
    stn_audience_t           members;
    ngx_stentor_conf_t      *scf;
    ngx_uint_t               slot;
    uint32_t                *listeners;  /* in the store, one a stream, */
    uint32_t                *present;    /* likewise */
    ngx_event_t              timer;      /* the wheel's */
    ngx_http_stentor_member_t  *free;    /* a list, by member.next */
    ngx_pool_t              *pool;
};


/* A piece of media, and of what stream of the store. */

struct ngx_http_stentor_piece_s {
    ngx_uint_t               index;
    stn_audio_t              audio;      /* stream 0: it is no media */
};


/* What is sent, and to whom. */

struct ngx_http_stentor_sent_s {
    ngx_http_request_t      *request;
    ngx_buf_t               *last;       /* its last buffer: when that is
                                            empty all is sent */
    off_t                    len;        /* bytes */
    ngx_http_stentor_piece_t  piece;
};


/* The worker's audience; NULL out of memory. */
ngx_http_stentor_audience_t *ngx_http_stentor_audience_create(
    ngx_cycle_t *cycle, ngx_stentor_conf_t *scf);

/* The request's connection asks: makes it a member if it is none.  Returns
 * NGX_OK, or NGX_ERROR out of memory. */
ngx_int_t ngx_http_stentor_audience_ask(ngx_http_request_t *r);

/* Its member, or NULL. */
ngx_http_stentor_member_t *ngx_http_stentor_audience_member(
    ngx_http_request_t *r);

/* Says in piece what a target is, a segment or a part of it. */
void ngx_http_stentor_audience_piece(ngx_http_stentor_piece_t *piece,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_stentor_segment_t *seg, ngx_http_stentor_target_t *t);

/* The request is over: counts what was sent, and credits it if that is all. */
void ngx_http_stentor_audience_sent(ngx_http_stentor_sent_t *sent);

/* A member may have the stream at index of the store, and others of its
 * application; or was let in there: then it counts, too. */
void ngx_http_stentor_audience_pass(ngx_http_stentor_member_t *m,
    ngx_uint_t index);
void ngx_http_stentor_audience_let_in(ngx_http_stentor_member_t *m,
    ngx_uint_t index);

/* POST_READ phase: counts connections that ask for the first time, whatever
 * for. */
ngx_int_t ngx_http_stentor_audience_first(ngx_http_request_t *r);

/* LOG phase: counts requests that nginx itself could not read. */
ngx_int_t ngx_http_stentor_audience_log(ngx_http_request_t *r);


/* ngx_http_stentor_admit.c */

/*
 * Whether the request's client may have the playlist it asks for, which there
 * is.  Returns NGX_DECLINED when it may, the target perhaps changed to a
 * playlist without parts; otherwise it has been answered, and that is what the
 * handler returns.
 */
ngx_int_t ngx_http_stentor_admit(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);


#endif /* _NGX_HTTP_STENTOR_AUDIENCE_H_INCLUDED_ */
