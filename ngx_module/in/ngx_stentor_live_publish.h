/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Between a live thread and the store: the claim, the formats, the parts, and
 * what status shows of them.  Called by the live thread only.
 */

#ifndef _NGX_STENTOR_LIVE_PUBLISH_H_INCLUDED_
#define _NGX_STENTOR_LIVE_PUBLISH_H_INCLUDED_


#include "ngx_stentor_live.h"


/* Claims the stream and makes live->stream: to go on with what is in the
 * store (live->claim.resume), or new, for somebody who sends format (NULL: for
 * nobody yet).  Returns NGX_OK; NGX_DECLINED when live->vacant is set and
 * somebody else has opened it, or gone on with it, before us; NGX_ERROR with
 * live->outcome. */
ngx_int_t ngx_stentor_live_claim(ngx_stentor_live_t *live,
    const stn_format_t *format);

/* Nobody has heard the stream yet, and live->stream has been made anew in
 * another format: so is what is in the store.  Returns NGX_OK, or NGX_ERROR
 * with live->outcome. */
ngx_int_t ngx_stentor_live_reclaim(ngx_stentor_live_t *live);

/* Goes on behind the last part.  Where init segments have come out different
 * (another libavcodec, another bit rate) it is with a new segment.  Returns
 * NGX_OK, or NGX_ERROR with live->outcome. */
ngx_int_t ngx_stentor_live_resume(ngx_stentor_live_t *live);

/* Counts and logs that the node is full. */
void ngx_stentor_live_full(ngx_stentor_live_t *live);

/* Whether the window has room for one more format, if that is another. */
ngx_uint_t ngx_stentor_live_has_room(ngx_stentor_live_t *live,
    const stn_format_t *format);

/* Puts rendition i's init segment of now into the store.  Returns NGX_OK with
 * what names it to *id, or NGX_ERROR with live->outcome. */
ngx_int_t ngx_stentor_live_format(ngx_stentor_live_t *live, ngx_uint_t i,
    uint32_t *id);

/* Appends a part of all renditions and wakes who waits for it.  Returns
 * NGX_OK, or NGX_ERROR with live->outcome. */
ngx_int_t ngx_stentor_live_publish(ngx_stentor_live_t *live,
    stn_stream_parts_t *parts);

/* Lets readers in once the window is full. */
void ngx_stentor_live_let_in(ngx_stentor_live_t *live);

/* Adds to the stream's counters what was done since the last time. */
void ngx_stentor_live_count(ngx_stentor_live_t *live);

/* Shows how loud the broadcaster is. */
void ngx_stentor_live_levels(ngx_stentor_live_t *live);

/* Tells, once, of what has begun to be the matter with him, or has ended. */
void ngx_stentor_live_alarms(ngx_stentor_live_t *live);


/* Says how the live ends. */
void ngx_stentor_live_fail(ngx_stentor_live_t *live,
    ngx_stentor_live_event_e outcome, const char *reason);


#endif /* _NGX_STENTOR_LIVE_PUBLISH_H_INCLUDED_ */
