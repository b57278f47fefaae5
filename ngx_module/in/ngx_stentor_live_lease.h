/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A live thread and its stream's lease: of all nodes one makes a stream, the
 * others stand by.  A live that stands by keeps its broadcaster, and the last
 * seconds of what he sent; its listeners hear the stream from its owner, by a
 * pull.  Without a cluster {} block every lease is granted.  The thread's own.
 */

#ifndef _NGX_STENTOR_LIVE_LEASE_H_INCLUDED_
#define _NGX_STENTOR_LIVE_LEASE_H_INCLUDED_


#include "ngx_stentor_live.h"


/* Waits until this node is to make the stream.  Returns NGX_OK, or NGX_DECLINED
 * when the live is to end: nobody needs it any more. */
ngx_int_t ngx_stentor_live_stand_by(ngx_stentor_live_t *live);

/* Once for each part, before it is published: whether this node still is to
 * make the stream.  Waits while that is being found out. */
ngx_uint_t ngx_stentor_live_leased(ngx_stentor_live_t *live);

/* Now and then: says that the lease is still needed.  Returns likewise. */
ngx_uint_t ngx_stentor_live_renew(ngx_stentor_live_t *live);

/* Another node makes the stream: leaves it to a pull, and makes the live ready
 * to begin again. */
void ngx_stentor_live_step_down(ngx_stentor_live_t *live);

/* This node makes the stream no more: it has ended, or cannot be made here.
 * The lease is free at once. */
void ngx_stentor_live_release(ngx_stentor_live_t *live);


#endif /* _NGX_STENTOR_LIVE_LEASE_H_INCLUDED_ */
