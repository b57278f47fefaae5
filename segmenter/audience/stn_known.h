/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that are known: who has audio, has had it a moment ago, or was let
 * in.  A table of one word an entry, in memory that several processes share
 * without a lock; it is the caller's, all zero at first, and so is the clock:
 *
 *     | player : 24 | pid : 22 | heard : 10 | lost : 8 |      0: free
 *
 * heard is when it had audio last, in seconds and round; pid the process that
 * said so; lost how many connections of such players, let in or with audio to
 * play, are gone and have not come back.  A player lies in one set of entries.
 */

#ifndef STN_KNOWN_H
#define STN_KNOWN_H

#include "stn_base.h"


/* Entries of a set: one line of the cache. */
#define STN_KNOWN_WAYS  8

/* For so long after it had audio, or was let in, a player is known. */
#define STN_KNOWN_S  30


typedef struct {
    uint64_t  *entries;
    uint32_t   sets;             /* a power of two, at least 256 */
    uint32_t   now_s;            /* seconds of any clock that they share */
    uint32_t   pid;              /* of this process */
} stn_known_t;


/* How many sets there must be for so many players at once. */
uint32_t stn_known_sets(uint64_t players);

/* A player (its upper 24 bits are not 0) has audio.  It is known from now on,
 * if need be in the place of the one of its set that was heard longest ago. */
void stn_known_heard(const stn_known_t *k, uint32_t player);

/* It was let in, and is known; but nobody who is known makes room for it. */
void stn_known_let_in(const stn_known_t *k, uint32_t player);

/* A connection of it is gone, that listened or else was let in. */
void stn_known_lost(const stn_known_t *k, uint32_t player, int listened);

/* One that was lost is back, if there is one: returns 1.  0: there is none;
 * *pid is then who heard it last, or 0: nobody. */
int stn_known_back(const stn_known_t *k, uint32_t player, uint32_t *pid);

/* Whether there is one. */
int stn_known_misses(const stn_known_t *k, uint32_t player);

/* How long ago it was heard, in seconds; STN_KNOWN_S: it is not known. */
uint32_t stn_known_age(const stn_known_t *k, uint32_t player);


#endif /* STN_KNOWN_H */
