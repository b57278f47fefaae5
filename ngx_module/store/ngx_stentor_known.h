/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that a node knows: who has audio, has had it a moment ago, or was
 * let in, by address and User-Agent, so that a player that comes again by
 * another connection, perhaps to another worker, is not taken for somebody
 * new.  A table in the zone's head of one word an entry, without a lock:
 *
 *     | player : 24 | pid : 22 | heard : 10 | lost : 8 |      0: free
 *
 * heard is when it had audio last, in seconds and round; pid the worker that
 * said so; lost how many connections of such players, let in or with audio to
 * play, are gone and have not come back.  Many players may look the same,
 * behind one address: where it matters each of them who is lost lets one in.
 */

#ifndef _NGX_STENTOR_KNOWN_H_INCLUDED_
#define _NGX_STENTOR_KNOWN_H_INCLUDED_


#include "ngx_stentor_store.h"


/* For so long after it had audio, or was let in, a player is known. */
#define NGX_STENTOR_KNOWN_S  30


/* A player as the table knows it, by its address (IPv6: 64 bits of it) and
 * User-Agent; never 0. */
uint32_t ngx_stentor_known_player(ngx_stentor_store_t *store,
    const struct sockaddr *sa, const ngx_str_t *agent);

/* It has audio, or may have: it is known from now on. */
void ngx_stentor_known_heard(ngx_stentor_store_t *store, uint32_t player);

/* A connection of it that was let in is gone; or is back: returns whether there
 * was one to come back, which it is now. */
void ngx_stentor_known_lost(ngx_stentor_store_t *store, uint32_t player);
ngx_uint_t ngx_stentor_known_back(ngx_stentor_store_t *store,
    uint32_t player);

/* Whether such connections are gone still. */
ngx_uint_t ngx_stentor_known_misses(ngx_stentor_store_t *store,
    uint32_t player);

/* How long ago it was heard, in seconds; NGX_STENTOR_KNOWN_S: it is not
 * known. */
ngx_uint_t ngx_stentor_known_age(ngx_stentor_store_t *store,
    uint32_t player);


#endif /* _NGX_STENTOR_KNOWN_H_INCLUDED_ */
