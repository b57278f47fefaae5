/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that a node knows: who has audio, has had it a moment ago, or was
 * let in, by address and User-Agent, so that a player that comes again by
 * another connection, perhaps to another worker, is not taken for somebody
 * new.  The table (stn_known.h) is in the zone, and big enough for as many as
 * all workers have connections.  Many players may look the same, behind one
 * address: where it matters each of them who is lost lets one in.
 */

#ifndef _NGX_STENTOR_KNOWN_H_INCLUDED_
#define _NGX_STENTOR_KNOWN_H_INCLUDED_


#include "ngx_stentor_store.h"
#include "audience/stn_known.h"


/* Makes the table, when the zone is new, for so many players, or for as many
 * as a sixteenth of the zone takes.  NGX_ERROR: no room. */
ngx_int_t ngx_stentor_known_create(ngx_stentor_store_t *store,
    ngx_uint_t players);

/* A player as the table knows it, by its address (IPv6: 64 bits of it) and
 * User-Agent; never 0. */
uint32_t ngx_stentor_known_player(ngx_stentor_store_t *store,
    const struct sockaddr *sa, const ngx_str_t *agent);

/* It has audio; or was let in: it is known from now on, though the latter is
 * not worth it that anybody is forgotten. */
void ngx_stentor_known_heard(ngx_stentor_store_t *store, uint32_t player);
void ngx_stentor_known_let_in(ngx_stentor_store_t *store, uint32_t player);

/* A connection of it, that listened or else was let in, is gone. */
void ngx_stentor_known_lost(ngx_stentor_store_t *store, uint32_t player,
    ngx_uint_t listened);

/* It is back, if it was lost; or asks to be let in: returns whether there was
 * one to come back, of this worker or of one that has died. */
void ngx_stentor_known_found(ngx_stentor_store_t *store, uint32_t player);
ngx_uint_t ngx_stentor_known_back(ngx_stentor_store_t *store,
    uint32_t player);

/* Whether such connections are gone still. */
ngx_uint_t ngx_stentor_known_misses(ngx_stentor_store_t *store,
    uint32_t player);

/* How long ago it was heard, in seconds; STN_KNOWN_S: it is not known. */
ngx_uint_t ngx_stentor_known_age(ngx_stentor_store_t *store,
    uint32_t player);


#endif /* _NGX_STENTOR_KNOWN_H_INCLUDED_ */
