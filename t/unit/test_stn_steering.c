/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steering: who is offered which nodes, who moves and when.  The last tests
 * are a crowd: several nodes that know each other as of a while ago, and
 * thousands of listeners who ask once a TTL and do as they are told.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audience/stn_steering.h"


#define TTL      10000
#define NOW      1800000000000
#define PERIOD   (2 * TTL + 7000)    /* from a round to the next */


static size_t
plan_of(stn_steering_plan_t *plan, const stn_steering_node_t *nodes, size_t n)
{
    stn_steering_plan(plan, nodes, n);

    return n;
}


/* --- orders */

static void
stays_where_there_is_room(void **state)
{
    size_t                order[4];
    unsigned              b;
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[] = {
        { 1000, 890, 0, 0 }, { 1000, 0, 0, 0 }, { 1000, 0, 0, 0 }
    };
    stn_steering_round_t  round = { 0, 0 };

    (void) state;

    plan_of(&plan, nodes, 3);

    assert_int_equal(stn_steering_decide(&round, nodes, 3, NOW, TTL), 0);
    assert_int_equal(stn_steering_moving(&round, NOW, TTL), 0);

    for (b = 0; b < STN_STEERING_BUCKETS; b++) {
        assert_int_equal(stn_steering_stay(&plan, b, 0, order, 4), 3);
        assert_int_equal(order[0], 0);
    }
}


static void
spreads_those_whose_node_fails(void **state)
{
    size_t               order[4];
    unsigned             b, first[4] = { 0 }, second[4] = { 0 };
    stn_steering_plan_t  plan;
    stn_steering_node_t  nodes[] = {
        { 1600, 0, 0, 0 }, { 1600, 0, 0, 0 }, { 1600, 0, 0, 0 },
        { 3200, 0, 0, 0 }
    };

    (void) state;

    plan_of(&plan, nodes, 4);

    for (b = 0; b < STN_STEERING_BUCKETS; b++) {
        assert_int_equal(stn_steering_stay(&plan, b, 0, order, 4), 4);
        first[order[1]]++;
        second[order[2]]++;
    }

    /* a half goes to the one with half of the room, and of each share the
     * next choices are spread again */

    assert_in_range(first[1], 15, 17);
    assert_in_range(first[2], 15, 17);
    assert_in_range(first[3], 31, 33);
    assert_in_range(second[1], 18, 23);
    assert_in_range(second[2], 18, 23);
}


static void
ranks_by_region_and_room(void **state)
{
    size_t               order[8];
    stn_steering_plan_t  plan;
    stn_steering_node_t  nodes[] = {
        { 1000, 0, 900, 0 },
        { 1000, 0, 1700, 1 },       /* far, and no more loaded than this one */
        { 1000, 1000, 0, 0 },       /* full */
        { 1000, 950, 0, 0 },        /* over its high mark */
        { 0, 0, 0, 0 },             /* capacity not told */
        { 1000, 100, 0, 0 },        /* near */
        { 1000, 100, 2200, 0 }      /* overloaded */
    };

    (void) state;

    plan_of(&plan, nodes, 7);

    assert_int_equal(stn_steering_stay(&plan, 0, 0, order, 5), 5);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 5);
    assert_int_equal(order[2], 4);
    assert_int_equal(order[3], 1);

    assert_int_equal(stn_steering_stay(&plan, 0, 0, order, 8), 6);
    assert_in_range(order[4] + order[5], 9, 9);

    assert_int_equal(stn_steering_away(&plan, 0, order, 8), 3);
    assert_int_equal(order[0], 5);
    assert_int_equal(order[1], 4);
    assert_int_equal(order[2], 1);
}


static void
finds_nowhere_to_go(void **state)
{
    size_t                order[4];
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[] = {
        { 1000, 1000, 0, 0 }, { 1000, 800, 0, 0 }, { 1000, 1000, 0, 1 }
    };
    stn_steering_round_t  round = { 0, 0 };

    (void) state;

    plan_of(&plan, nodes, 3);

    assert_int_equal(stn_steering_decide(&round, nodes, 3, NOW, TTL), 0);
    assert_int_equal(stn_steering_move(&plan, 7, order, 4), 0);
    assert_int_equal(stn_steering_away(&plan, 7, order, 4), 0);
    assert_int_equal(stn_steering_stay(&plan, 7, 0, order, 4), 2);
    assert_int_equal(order[1], 1);
}


/* Whoever plays from another node stays there; this one is one of those that
 * he may come back to. */

static void
leaves_who_plays_elsewhere(void **state)
{
    size_t               order[4];
    stn_steering_plan_t  plan;
    stn_steering_node_t  nodes[] = { { 1000, 10, 0, 0 }, { 1000, 700, 0, 0 } };

    (void) state;

    plan_of(&plan, nodes, 2);

    assert_int_equal(stn_steering_stay(&plan, 3, 1, order, 4), 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
}


static void
is_alone(void **state)
{
    size_t               order[4];
    stn_steering_plan_t  plan;
    stn_steering_node_t  node = { 10, 10, 0, 0 };

    (void) state;

    plan_of(&plan, &node, 1);

    assert_int_equal(stn_steering_stay(&plan, 0, 0, order, 4), 1);
    assert_int_equal(stn_steering_move(&plan, 0, order, 4), 0);
    assert_int_equal(stn_steering_away(&plan, 0, order, 4), 0);
}


/* --- rounds */

static void
sends_away_down_to_the_low_mark(void **state)
{
    size_t                order[4];
    uint64_t              i;
    unsigned              chosen, to[3] = { 0 };
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[] = {
        { 10000, 10000, 0, 0 }, { 10000, 0, 0, 0 }, { 10000, 5000, 0, 0 }
    };
    stn_steering_round_t  round = { 0, 0 };

    (void) state;

    plan_of(&plan, nodes, 3);

    assert_int_equal(stn_steering_decide(&round, nodes, 3, NOW, TTL), 1);
    assert_int_equal(stn_steering_moving(&round, NOW + TTL, TTL), 1);

    for (i = 0, chosen = 0; i < 10000; i++) {

        if (!stn_steering_chosen(&round, i, 0, NOW)) {
            continue;
        }

        assert_true(stn_steering_chosen(&round, i, 0, NOW + TTL));
        chosen++;

        assert_int_equal(stn_steering_move(&plan, stn_steering_bucket(i),
                                           order, 4),
                         3);
        assert_int_equal(order[2], 0);
        to[order[0]]++;
    }

    assert_in_range(chosen, 2350, 2650);

    /* 7500 and 2500 */

    assert_in_range(to[1], chosen * 71 / 100, chosen * 79 / 100);
    assert_int_equal(to[1] + to[2], chosen);
}


static void
ends_a_round_before_the_next(void **state)
{
    uint64_t              t;
    stn_steering_node_t   nodes[] = { { 100, 95, 0, 0 }, { 100, 0, 0, 0 } };
    stn_steering_round_t  round = { 0, 0 }, was;

    (void) state;

    assert_int_equal(stn_steering_decide(&round, nodes, 2, NOW, TTL), 1);
    was = round;

    for (t = NOW; t < NOW + PERIOD; t += 500) {
        assert_int_equal(stn_steering_decide(&round, nodes, 2, t, TTL), 0);
    }

    assert_memory_equal(&round, &was, sizeof(round));
    assert_int_equal(stn_steering_moving(&round, NOW + TTL + 2000, TTL), 0);
    assert_int_equal(stn_steering_decide(&round, nodes, 2, t, TTL), 1);

    /* a clock that was set back */

    assert_int_equal(stn_steering_moving(&round, NOW - 1, TTL), 0);
    assert_int_equal(stn_steering_decide(&round, nodes, 2, NOW - 1, TTL), 1);
}


static void
moves_nobody_twice_in_a_while(void **state)
{
    unsigned              i;
    stn_steering_round_t  round = { NOW, STN_STEERING_SHARES };

    (void) state;

    for (i = 0; i < 100; i++) {
        assert_true(stn_steering_chosen(&round, i, 0, NOW));
        assert_false(stn_steering_chosen(&round, i, NOW - 1000, NOW));
        assert_false(stn_steering_chosen(&round, i, NOW + 1000, NOW));
        assert_true(stn_steering_chosen(&round, i,
                                        NOW - STN_STEERING_HOLD_MS, NOW));
    }
}


static void
goes_to_its_own_region_first(void **state)
{
    size_t               order[4];
    unsigned             b, far;
    stn_steering_plan_t  plan;
    stn_steering_node_t  nodes[] = {
        { 16000, 16000, 0, 0 }, { 16000, 6000, 0, 0 }, { 16000, 0, 0, 1 }
    };

    (void) state;

    /* 4000 too many, and room for 6000 */

    plan_of(&plan, nodes, 3);

    for (b = 0; b < STN_STEERING_BUCKETS; b++) {
        stn_steering_move(&plan, b, order, 4);
        assert_int_equal(order[0], 1);
    }

    /* room for 2000 */

    nodes[1].listeners = 10000;
    plan_of(&plan, nodes, 3);

    for (b = 0, far = 0; b < STN_STEERING_BUCKETS; b++) {
        stn_steering_move(&plan, b, order, 4);
        far += order[0] == 2;
    }

    assert_in_range(far, 30, 34);

    /* none */

    nodes[1].listeners = 12000;
    plan_of(&plan, nodes, 3);

    for (b = 0; b < STN_STEERING_BUCKETS; b++) {
        stn_steering_move(&plan, b, order, 4);
        assert_int_equal(order[0], 2);
    }
}


static void
divides_the_room_between_those_over_it(void **state)
{
    stn_steering_node_t   nodes[] = {
        { 1000, 1000, 0, 0 }, { 1000, 1000, 0, 0 }, { 1000, 550, 0, 0 }
    };
    stn_steering_round_t  round = { 0, 0 };

    (void) state;

    /* 250 each too many, room for 200: 100 each */

    assert_int_equal(stn_steering_decide(&round, nodes, 3, NOW, TTL), 1);
    assert_int_equal(round.share, STN_STEERING_SHARES / 10);
}


static void
does_not_change_with_each_listener(void **state)
{
    unsigned             i, changes;
    stn_steering_node_t  nodes[] = { { 1600, 100, 0, 0 }, { 1600, 0, 0, 0 } };
    stn_steering_plan_t  plan, was;

    (void) state;

    plan_of(&was, nodes, 2);

    for (i = 0, changes = 0; i < 800; i++) {
        nodes[1].listeners = i;
        plan_of(&plan, nodes, 2);
        changes += memcmp(&plan, &was, sizeof(plan)) != 0;
        was = plan;
    }

    assert_in_range(changes, 7, 9);
}


static void
copes_with_any_numbers(void **state)
{
    size_t                i, k, n, m, order[4];
    unsigned              loops;
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[STN_STEERING_NODES];
    stn_steering_round_t  round;
    static const uint32_t some[] = {
        0, 1, 2, 15, 16, 17, 1000, 0x7fffffff, UINT32_MAX
    };

    (void) state;

    srand(1);

    for (loops = 0; loops < 20000; loops++) {
        n = 1 + (size_t) rand() % STN_STEERING_NODES;

        for (i = 0; i < n; i++) {
            nodes[i].capacity = some[rand() % 9];
            nodes[i].listeners = some[rand() % 9];
            nodes[i].load = some[rand() % 9];
            nodes[i].far = (unsigned) rand() % 2;
        }

        stn_steering_plan(&plan, nodes, n);

        round.began_ms = 0;

        if (stn_steering_decide(&round, nodes, n, NOW, TTL)) {
            assert_in_range(round.share, 0, STN_STEERING_SHARES);
            m = stn_steering_move(&plan, loops, order, 4);
            assert_in_range(m, 2, 4);
            assert_int_equal(order[m - 1], 0);
        }

        m = stn_steering_stay(&plan, loops, n - 1, order, 4);
        assert_in_range(m, 1, 4);

        for (i = 0; i < m; i++) {
            assert_in_range(order[i], 0, n - 1);

            for (k = 0; k < i; k++) {
                assert_int_not_equal(order[i], order[k]);
            }
        }
    }
}


/* --- a crowd */

#define EDGES      6
#define CROWD      12000
#define TICK       100            /* ms */
#define REPORTS    64             /* of an edge's past, 100 ms apart */
#define AFTER      3000           /* a player goes on with what it has */

typedef struct {
    unsigned  at;                 /* edge */
    unsigned  counted;            /* edge that still counts him, until */
    uint64_t  until_ms;
    uint64_t  moved_ms;           /* as the URI that he asks with says */
    uint64_t  ask_ms;             /* next */
    unsigned  moves;              /* because he was told to */
} listener_t;

typedef struct {
    unsigned  dead;
    uint32_t  capacity;
    uint32_t  past[REPORTS];      /* listeners; the newest one first */
    unsigned  late[EDGES];        /* how many ticks old is what it knows */
    stn_steering_round_t  round;
} edge_t;

typedef struct {
    uint64_t    now;
    edge_t      edges[EDGES];
    listener_t  crowd[CROWD];
    unsigned    moves;
    unsigned    swings;           /* told to go back to where he was before */
} world_t;

static world_t  w;


static void
world_init(uint32_t capacity)
{
    unsigned  e, k;

    memset(&w, 0, sizeof(w));
    srand(7);

    w.now = NOW;

    for (e = 0; e < EDGES; e++) {
        w.edges[e].capacity = capacity;

        /* what others tell is 250 ms to 2 s old */

        for (k = 0; k < EDGES; k++) {
            w.edges[e].late[k] = 3 + (unsigned) rand() % 18;
        }
    }
}


/* Puts the next n listeners to an edge. */

static unsigned
world_join(unsigned from, unsigned n, unsigned edge)
{
    for ( /* void */ ; n; n--, from++) {
        w.crowd[from].at = edge;
        w.crowd[from].counted = edge;
        w.crowd[from].ask_ms = NOW + (unsigned) rand() % TTL;
    }

    return from;
}


static void
world_count(void)
{
    unsigned  e, i;

    for (e = 0; e < EDGES; e++) {
        memmove(&w.edges[e].past[1], &w.edges[e].past[0],
                (REPORTS - 1) * sizeof(uint32_t));
        w.edges[e].past[0] = 0;
    }

    for (i = 0; i < CROWD; i++) {
        w.edges[w.crowd[i].at].past[0]++;

        if (w.crowd[i].counted != w.crowd[i].at
            && w.now < w.crowd[i].until_ms)
        {
            w.edges[w.crowd[i].counted].past[0]++;
        }
    }
}


/* All have joined: as it is now it has been for a while. */

static void
world_start(void)
{
    unsigned  i;

    for (i = 0; i < REPORTS; i++) {
        world_count();
    }
}


/* What edge e knows: itself first, and those that live. */

static size_t
world_nodes(unsigned e, stn_steering_node_t *nodes, unsigned *ids)
{
    size_t    n;
    unsigned  k, other;

    for (k = 0, n = 0; k < EDGES; k++) {
        other = (e + k) % EDGES;

        if (w.edges[other].dead) {
            continue;
        }

        nodes[n].capacity = w.edges[other].capacity;
        nodes[n].listeners = w.edges[other].past[k ? w.edges[e].late[k] : 0];
        nodes[n].load = 0;
        nodes[n].far = 0;
        ids[n++] = other;
    }

    return n;
}


static void
world_go(listener_t *l, unsigned edge)
{
    l->counted = l->at;
    l->until_ms = w.now + AFTER;
    l->at = edge;
}


static void
world_ask(listener_t *l, unsigned i)
{
    size_t                order[4];
    unsigned              ids[EDGES], bucket, before;
    edge_t               *e;
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[EDGES];

    e = &w.edges[l->at];
    bucket = stn_steering_bucket(i);
    plan_of(&plan, nodes, world_nodes(l->at, nodes, ids));

    if (!stn_steering_moving(&e->round, w.now, TTL)
        || !stn_steering_chosen(&e->round, i, l->moved_ms, w.now)
        || stn_steering_move(&plan, bucket, order, 4) == 0)
    {
        return;
    }

    before = l->counted;
    world_go(l, ids[order[0]]);

    w.swings += l->moves && l->at == before;
    l->moved_ms = e->round.began_ms;
    l->moves++;
    w.moves++;
}


static void
world_run(unsigned seconds)
{
    unsigned             e, i, ids[EDGES];
    uint64_t             end;
    stn_steering_node_t  nodes[EDGES];

    for (end = w.now + seconds * 1000; w.now < end; w.now += TICK) {
        world_count();

        for (e = 0; e < EDGES; e++) {
            stn_steering_decide(&w.edges[e].round, nodes,
                                world_nodes(e, nodes, ids), w.now, TTL);
        }

        for (i = 0; i < CROWD; i++) {
            if (w.crowd[i].ask_ms <= w.now) {
                w.crowd[i].ask_ms += TTL;
                world_ask(&w.crowd[i], i);
            }
        }
    }
}


/* An edge is gone: its listeners' players go on with what they were told. */

static void
world_die(unsigned edge)
{
    size_t                n, order[4];
    unsigned              i, ids[EDGES];
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[EDGES];

    n = world_nodes(edge, nodes, ids);
    plan_of(&plan, nodes, n);

    for (i = 0; i < CROWD; i++) {
        if (w.crowd[i].at == edge) {
            assert_in_range(stn_steering_stay(&plan, stn_steering_bucket(i),
                                              0, order, 4), 2, 4);
            world_go(&w.crowd[i], ids[order[1]]);
        }
    }

    w.edges[edge].dead = 1;
}


static uint32_t
world_most(void)
{
    unsigned  e;
    uint32_t  most;

    for (e = 0, most = 0; e < EDGES; e++) {
        most = stn_max(most, w.edges[e].past[0]);
    }

    return most;
}


static unsigned
world_most_moves(void)
{
    unsigned  i, most;

    for (i = 0, most = 0; i < CROWD; i++) {
        most = stn_max(most, w.crowd[i].moves);
    }

    return most;
}


static void
assert_nobody_moves(unsigned seconds)
{
    unsigned  was;

    was = w.moves;
    world_run(seconds);
    assert_int_equal(w.moves, was);
}


static void
a_full_edge_comes_down(void **state)
{
    unsigned  i, e;

    (void) state;

    /* one is over its capacity, the others have a third of it */

    world_init(4000);
    i = world_join(0, 4500, 0);

    for (e = 1; e < EDGES; e++) {
        i = world_join(i, 1500, e);
    }

    assert_int_equal(i, CROWD);

    world_start();
    world_run(300);

    assert_in_range(w.moves, 1300, 1700);
    assert_in_range(world_most(), 0, 3600);
    assert_in_range(world_most_moves(), 1, 1);
    assert_nobody_moves(600);
}


static void
several_over_it_do_not_swing(void **state)
{
    unsigned  i;

    (void) state;

    /* three are full, and all of them see the same room */

    world_init(2900);
    i = world_join(0, 2900, 0);
    i = world_join(i, 2850, 1);
    i = world_join(i, 2800, 2);
    i = world_join(i, 1150, 3);
    i = world_join(i, 1150, 4);
    i = world_join(i, 1150, 5);
    assert_int_equal(i, CROWD);

    world_start();
    world_run(300);

    assert_in_range(world_most(), 0, 2610);
    assert_in_range(world_most_moves(), 1, 2);
    assert_int_equal(w.swings, 0);
    assert_nobody_moves(600);
}


static void
too_many_for_all_stay(void **state)
{
    unsigned  i, e;

    (void) state;

    world_init(2100);

    for (e = 0, i = 0; e < EDGES; e++) {
        i = world_join(i, CROWD / EDGES, e);
    }

    world_start();
    assert_nobody_moves(600);
}


static void
an_edge_dies_and_comes_back(void **state)
{
    unsigned  i, e;

    (void) state;

    world_init(3000);

    for (e = 0, i = 0; e < EDGES; e++) {
        i = world_join(i, CROWD / EDGES, e);
    }

    world_start();
    assert_nobody_moves(60);

    /* 2000 listeners each, and 400 more from the one that dies: nobody gets
     * over the high mark, and nobody moves because of it */

    world_die(2);
    world_run(60);

    assert_in_range(world_most(), 2300, 2700);
    assert_int_equal(w.moves, 0);

    /* it is empty when it comes back: nobody has a reason to go there */

    w.edges[2].dead = 0;
    assert_nobody_moves(120);

    /* another one dies: the one that is back has the most room */

    world_die(4);
    world_run(300);

    assert_in_range(world_most(), 0, 2700);
    assert_in_range(world_most_moves(), 0, 1);
    assert_int_equal(w.swings, 0);
    assert_nobody_moves(600);
}


static void
an_edge_dies_in_a_crowd(void **state)
{
    unsigned  i, e;

    (void) state;

    /* without one of them there is not room for everybody */

    world_init(2320);

    for (e = 0, i = 0; e < EDGES; e++) {
        i = world_join(i, CROWD / EDGES, e);
    }

    world_start();
    world_die(0);
    world_run(300);
    w.edges[0].dead = 0;
    world_run(600);

    assert_in_range(world_most(), 0, 2088);
    assert_in_range(world_most_moves(), 1, 2);
    assert_int_equal(w.swings, 0);
    assert_nobody_moves(600);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(stays_where_there_is_room),
        cmocka_unit_test(spreads_those_whose_node_fails),
        cmocka_unit_test(ranks_by_region_and_room),
        cmocka_unit_test(finds_nowhere_to_go),
        cmocka_unit_test(leaves_who_plays_elsewhere),
        cmocka_unit_test(is_alone),
        cmocka_unit_test(sends_away_down_to_the_low_mark),
        cmocka_unit_test(ends_a_round_before_the_next),
        cmocka_unit_test(moves_nobody_twice_in_a_while),
        cmocka_unit_test(goes_to_its_own_region_first),
        cmocka_unit_test(divides_the_room_between_those_over_it),
        cmocka_unit_test(does_not_change_with_each_listener),
        cmocka_unit_test(copes_with_any_numbers),
        cmocka_unit_test(a_full_edge_comes_down),
        cmocka_unit_test(several_over_it_do_not_swing),
        cmocka_unit_test(too_many_for_all_stay),
        cmocka_unit_test(an_edge_dies_and_comes_back),
        cmocka_unit_test(an_edge_dies_in_a_crowd),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
