/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which node a listener is steered to (content steering, RFC 8216bis section
 * 7).  In go what a node knows of itself, for certain, and of others, some
 * time ago; out comes in what order they are offered, and who of its listeners
 * is to move.  He stays where he is as long as there is room.  A node that is
 * over its high mark begins a round: for one TTL as many of those who ask are
 * sent away as bring it back to its low mark, and then it waits until what
 * became of them can be seen.
 *
 *     nodes --> plan --> order for a bucket of listeners, to stay or to move
 *       `-----> round --> whether this one moves
 *
 * No I/O, no clock: times are told, in ms since the Unix epoch.
 */

#ifndef STN_STEERING_H
#define STN_STEERING_H

#include "stn_base.h"


/* Nodes that are looked at, the own one included; it is the first. */
#define STN_STEERING_NODES    64

/* Listeners are dealt out to others by so many buckets. */
#define STN_STEERING_BUCKETS  64

/* Of so many shares a round sends some away. */
#define STN_STEERING_SHARES   65536

/* Who was moved is not moved again before that. */
#define STN_STEERING_HOLD_MS  300000


typedef struct {
    uint32_t  capacity;          /* listeners; 0: not told */
    uint32_t  listeners;
    uint32_t  load;              /* thousandths of its cores; 0: not told */
    unsigned  far;               /* boolean: of another region */
} stn_steering_node_t;


/* A round of moves: the last one. */

typedef struct {
    uint64_t  began_ms;          /* 0: there was none */
    uint32_t  share;             /* of STN_STEERING_SHARES */
} stn_steering_round_t;


/* Where a node stands for those who look for another one; lower is better. */

typedef enum {
    STN_STEERING_NEAR,           /* it has room, and is of this region */
    STN_STEERING_NEAR_UNTOLD,    /* likewise, for what is known */
    STN_STEERING_FAR,
    STN_STEERING_FAR_UNTOLD,
    STN_STEERING_LAST,           /* not full, but nobody is sent there */
    STN_STEERING_NEVER
} stn_steering_rank_e;


typedef struct {
    uint32_t  rank;              /* stn_steering_rank_e */
    uint32_t  weight;            /* among those of its rank: listeners that
                                    there is room for, roughly */
    uint32_t  share;             /* of those who move, beside the others'; 0:
                                    none */
} stn_steering_place_t;


/* What is to be answered; two that are the same byte by byte are the same. */

typedef struct {
    size_t                n;
    stn_steering_place_t  places[STN_STEERING_NODES];
} stn_steering_plan_t;


/* Plans for n nodes (1..STN_STEERING_NODES); it changes when room has changed
 * by a sixteenth of a node's, not with each listener. */
void stn_steering_plan(stn_steering_plan_t *plan,
    const stn_steering_node_t *nodes, size_t n);

/* Begins a round if it is time for one.  Returns whether it did. */
unsigned stn_steering_decide(stn_steering_round_t *round,
    const stn_steering_node_t *nodes, size_t n, uint64_t now_ms,
    uint32_t ttl_ms);

/* Whether a round is on: those who are chosen by it move. */
unsigned stn_steering_moving(const stn_steering_round_t *round,
    uint64_t now_ms, uint32_t ttl_ms);

/* Whether a round, which is on, chooses a listener: by a hash of what he is
 * known by.  moved_ms: he was moved here then; 0: he was not. */
unsigned stn_steering_chosen(const stn_steering_round_t *round,
    uint64_t listener, uint64_t moved_ms, uint64_t now_ms);

/* The bucket of a listener, by the same hash. */
unsigned stn_steering_bucket(uint64_t listener);

/*
 * Writes the order of at most max nodes, as indexes, for listeners of a
 * bucket.  stay: at, which they play from, then where to go should it fail.
 * move: where to go now, and the own node in the last place, for want of any
 * other.  away: those alone that have room, the own node not among them.
 * Returns how many there are; for move and away 0: there is nowhere to go.
 * max is at least 2.
 */
size_t stn_steering_stay(const stn_steering_plan_t *plan, unsigned bucket,
    size_t at, size_t *order, size_t max);
size_t stn_steering_move(const stn_steering_plan_t *plan, unsigned bucket,
    size_t *order, size_t max);
size_t stn_steering_away(const stn_steering_plan_t *plan, unsigned bucket,
    size_t *order, size_t max);


#endif /* STN_STEERING_H */
