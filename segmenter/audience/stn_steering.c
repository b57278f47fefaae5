/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steering (see stn_steering.h).  What keeps two nodes from swinging: only one
 * that is over its high mark moves anybody, and only to nodes under their low
 * mark; several that are over it divide what room there is by what each has
 * too many; a round is decided once, from figures in which the last one can be
 * seen; and who was moved stays for minutes, whatever happens.
 */

#include "audience/stn_steering.h"

#include <string.h>


/* Of a hundred listeners that a node is meant for: over the high mark it
 * sends some away, down to the low mark; those under it take them. */
#define STN_STEERING_HIGH  90
#define STN_STEERING_LOW   75

/* Thousandths of its cores: beyond that a node that also has more to do than
 * the own one has no room, whatever it says of its listeners. */
#define STN_STEERING_LOAD  1000

/* Room is told in so many steps of a node's capacity. */
#define STN_STEERING_STEPS  16

/* Beyond the TTL: an answer and its effect are under way. */
#define STN_STEERING_LATE_MS  2000

/* Until those who have left are not counted any more, and others have told
 * that they have come. */
#define STN_STEERING_SEEN_MS  5000


/* What an order is drawn from. */

typedef struct {
    const stn_steering_plan_t  *plan;
    unsigned                    bucket;
    unsigned                    last;     /* rank */
    size_t                      first;    /* node: 0, or 1: not the own one */
} stn_steering_draw_t;


static uint64_t stn_steering_mark(const stn_steering_node_t *node,
    unsigned percent);
static unsigned stn_steering_busy(const stn_steering_node_t *node,
    const stn_steering_node_t *own);
static uint64_t stn_steering_room(const stn_steering_node_t *node,
    const stn_steering_node_t *own);
static uint64_t stn_steering_excess(const stn_steering_node_t *node);
static void stn_steering_place(stn_steering_place_t *place,
    const stn_steering_node_t *node, const stn_steering_node_t *own);
static void stn_steering_shares(stn_steering_plan_t *plan,
    const stn_steering_node_t *own);
static uint64_t stn_steering_mix(uint64_t h);
static double stn_steering_point(unsigned bucket);
static size_t stn_steering_fill(const stn_steering_draw_t *draw,
    size_t *order, size_t n, size_t max);
static size_t stn_steering_pick(const uint32_t *weights, size_t n, double *u);
static unsigned stn_steering_has(const size_t *order, size_t n, size_t node);


static uint64_t
stn_steering_mark(const stn_steering_node_t *node, unsigned percent)
{
    return (uint64_t) node->capacity * percent / 100;
}


static unsigned
stn_steering_busy(const stn_steering_node_t *node,
    const stn_steering_node_t *own)
{
    return node->load > STN_STEERING_LOAD && node->load / 2 > own->load;
}


/* Listeners that may be sent there. */

static uint64_t
stn_steering_room(const stn_steering_node_t *node,
    const stn_steering_node_t *own)
{
    uint64_t  low;

    low = stn_steering_mark(node, STN_STEERING_LOW);

    return (stn_steering_busy(node, own) || node->listeners >= low)
           ? 0 : low - node->listeners;
}


/* Listeners that it sends away. */

static uint64_t
stn_steering_excess(const stn_steering_node_t *node)
{
    if (node->capacity == 0
        || node->listeners <= stn_steering_mark(node, STN_STEERING_HIGH))
    {
        return 0;
    }

    return node->listeners - stn_steering_mark(node, STN_STEERING_LOW);
}


void
stn_steering_plan(stn_steering_plan_t *plan, const stn_steering_node_t *nodes,
    size_t n)
{
    size_t  i;

    memset(plan, 0, sizeof(stn_steering_plan_t));

    plan->n = n;

    for (i = 0; i < n; i++) {
        stn_steering_place(&plan->places[i], &nodes[i], &nodes[0]);
    }

    stn_steering_shares(plan, &nodes[0]);
}


static void
stn_steering_place(stn_steering_place_t *place,
    const stn_steering_node_t *node, const stn_steering_node_t *own)
{
    uint32_t  step;
    uint64_t  room;

    if (node->capacity == 0) {
        place->weight = 1;
        place->rank = stn_steering_busy(node, own)
                      ? STN_STEERING_LAST
                      : node->far ? STN_STEERING_FAR_UNTOLD
                                  : STN_STEERING_NEAR_UNTOLD;
        return;
    }

    if (node->listeners >= node->capacity) {
        place->rank = STN_STEERING_NEVER;
        return;
    }

    step = stn_max(node->capacity / STN_STEERING_STEPS, 1);
    room = stn_steering_room(node, own);

    if (room) {
        place->rank = node->far ? STN_STEERING_FAR : STN_STEERING_NEAR;

    } else {
        place->rank = STN_STEERING_LAST;
        room = node->capacity - node->listeners;
    }

    place->weight = (uint32_t) stn_max(room / step, 1) * step;
}


/* Those who move are dealt out by room: to this region first, and what it has
 * no room for to the others. */

static void
stn_steering_shares(stn_steering_plan_t *plan, const stn_steering_node_t *own)
{
    size_t                 i;
    uint64_t               need, near, far;
    stn_steering_place_t  *place;

    near = 0;
    far = 0;

    for (i = 1; i < plan->n; i++) {
        place = &plan->places[i];
        near += place->rank == STN_STEERING_NEAR ? place->weight : 0;
        far += place->rank == STN_STEERING_FAR ? place->weight : 0;
    }

    /* in steps, too, so that the plan does not change with each listener */

    need = stn_steering_excess(own);
    need = own->capacity ? need * STN_STEERING_STEPS / own->capacity
                           * own->capacity / STN_STEERING_STEPS : 0;
    need = need > near ? need - near : 0;

    for (i = 1; i < plan->n; i++) {
        place = &plan->places[i];

        if (place->rank == STN_STEERING_NEAR) {
            place->share = place->weight;

        } else if (place->rank == STN_STEERING_FAR && (near == 0 || need)) {
            place->share = near == 0 ? place->weight
                           : (uint32_t) (place->weight * stn_min(need, far)
                                         / far);
        }
    }
}


unsigned
stn_steering_decide(stn_steering_round_t *round,
    const stn_steering_node_t *nodes, size_t n, uint64_t now_ms,
    uint32_t ttl_ms)
{
    size_t    i;
    uint64_t  own, all, room, move;

    /* a clock that was set back ends the wait */

    if (round->began_ms && now_ms >= round->began_ms
        && now_ms - round->began_ms < 2 * (uint64_t) ttl_ms
                                      + STN_STEERING_LATE_MS
                                      + STN_STEERING_SEEN_MS)
    {
        return 0;
    }

    own = stn_steering_excess(&nodes[0]);

    if (own == 0) {
        return 0;
    }

    all = own;
    room = 0;

    for (i = 1; i < n; i++) {
        all += stn_steering_excess(&nodes[i]);
        room += nodes[i].capacity ? stn_steering_room(&nodes[i], &nodes[0])
                                  : 0;
    }

    move = stn_min(own, room * own / all);

    if (move == 0) {
        return 0;
    }

    round->began_ms = now_ms;
    round->share = (uint32_t) (move * STN_STEERING_SHARES
                               / nodes[0].listeners);

    return 1;
}


unsigned
stn_steering_moving(const stn_steering_round_t *round, uint64_t now_ms,
    uint32_t ttl_ms)
{
    return round->began_ms && now_ms >= round->began_ms
           && now_ms - round->began_ms < ttl_ms + STN_STEERING_LATE_MS;
}


unsigned
stn_steering_chosen(const stn_steering_round_t *round, uint64_t listener,
    uint64_t moved_ms, uint64_t now_ms)
{
    uint64_t  ago;

    /* of another node's clock: it may be ahead of this one's */

    ago = now_ms > moved_ms ? now_ms - moved_ms : 0;

    if (moved_ms && ago < STN_STEERING_HOLD_MS) {
        return 0;
    }

    /* each round chooses anew */

    return stn_steering_mix(listener ^ stn_steering_mix(round->began_ms))
           % STN_STEERING_SHARES < round->share;
}


unsigned
stn_steering_bucket(uint64_t listener)
{
    return stn_steering_mix(listener) % STN_STEERING_BUCKETS;
}


/* Makes every bit depend on every other (the constants are splitmix64's). */

static uint64_t
stn_steering_mix(uint64_t h)
{
    h += 0x9e3779b97f4a7c15;
    h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
    h = (h ^ h >> 27) * 0x94d049bb133111eb;

    return h ^ h >> 31;
}


size_t
stn_steering_stay(const stn_steering_plan_t *plan, unsigned bucket, size_t at,
    size_t *order, size_t max)
{
    stn_steering_draw_t  draw = { plan, bucket, STN_STEERING_LAST, 0 };

    order[0] = at;

    return stn_steering_fill(&draw, order, 1, max);
}


size_t
stn_steering_move(const stn_steering_plan_t *plan, unsigned bucket,
    size_t *order, size_t max)
{
    size_t               i, n;
    double               u;
    uint32_t             shares[STN_STEERING_NODES];
    stn_steering_draw_t  draw = { plan, bucket, STN_STEERING_FAR_UNTOLD, 1 };

    for (i = 0; i < plan->n; i++) {
        shares[i] = plan->places[i].share;
    }

    u = stn_steering_point(bucket);
    i = stn_steering_pick(shares, plan->n, &u);

    if (i == plan->n) {
        return 0;
    }

    order[0] = i;

    n = stn_steering_fill(&draw, order, 1, max - 1);
    order[n++] = 0;

    return n;
}


size_t
stn_steering_away(const stn_steering_plan_t *plan, unsigned bucket,
    size_t *order, size_t max)
{
    stn_steering_draw_t  draw = { plan, bucket, STN_STEERING_FAR_UNTOLD, 1 };

    return stn_steering_fill(&draw, order, 0, max);
}


static double
stn_steering_point(unsigned bucket)
{
    return (bucket % STN_STEERING_BUCKETS + 0.5) / STN_STEERING_BUCKETS;
}


/* Adds what is not in the order yet, rank by rank down to the last, within a
 * rank by weight.  A bucket is a point on a line that the weights divide; in
 * the piece that it hits, it is a point again: so its second and third choices
 * are spread as the first. */

static size_t
stn_steering_fill(const stn_steering_draw_t *draw, size_t *order, size_t n,
    size_t max)
{
    size_t                       i;
    double                       u;
    unsigned                     rank;
    uint32_t                     weights[STN_STEERING_NODES];
    const stn_steering_place_t  *places;

    places = draw->plan->places;
    u = stn_steering_point(draw->bucket);

    for (rank = 0; rank <= draw->last; rank++) {

        for (i = 0; i < draw->plan->n; i++) {
            weights[i] = (places[i].rank == rank && i >= draw->first
                          && !stn_steering_has(order, n, i))
                         ? places[i].weight : 0;
        }

        while (n < max) {
            i = stn_steering_pick(weights, draw->plan->n, &u);

            if (i == draw->plan->n) {
                break;
            }

            weights[i] = 0;
            order[n++] = i;
        }
    }

    return n;
}


/* The weight that u (0..1) falls on, and where in it; n: all are 0. */

static size_t
stn_steering_pick(const uint32_t *weights, size_t n, double *u)
{
    size_t    i, hit;
    double    at;
    uint64_t  sum;

    for (i = 0, sum = 0; i < n; i++) {
        sum += weights[i];
    }

    hit = n;
    at = *u * (double) sum;

    for (i = 0; i < n; i++) {

        if (weights[i] == 0) {
            continue;
        }

        hit = i;

        if (at < weights[i]) {
            break;
        }

        at -= weights[i];
    }

    if (hit < n) {
        at = stn_min(at / weights[hit], 1);
        *u = stn_max(at, 0);
    }

    return hit;
}


static unsigned
stn_steering_has(const size_t *order, size_t n, size_t node)
{
    while (n) {
        if (order[--n] == node) {
            return 1;
        }
    }

    return 0;
}
