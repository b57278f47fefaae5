/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rendezvous hashing: many streams are spread evenly over few nodes whose ids
 * differ in a digit, a node more or less moves no stream but its own, and the
 * scores are the same on every machine.
 */

#include "access_util.h"

#include <stdio.h>

#include "relay/stn_rendezvous.h"


#define NODES    11
#define STREAMS  20000


/* Of the first n nodes but without, who has stream i. */

static unsigned
owner(unsigned i, unsigned n, unsigned without)
{
    char       name[32], id[32];
    unsigned   k, best;
    uint64_t   score, most;
    stn_str_t  stream, node;

    snprintf(name, sizeof(name), "live/studio-%u", i);
    stream = access_str(name);

    for (k = 0, best = n, most = 0; k < n; k++) {
        snprintf(id, sizeof(id), "shield-%u.example", k);
        node = access_str(id);
        score = stn_rendezvous_score(&node, &stream);

        if (k != without && (best == n || score > most)) {
            most = score;
            best = k;
        }
    }

    return best;
}


static void
spreads_streams_evenly(void **state)
{
    unsigned  i, n, k, has[NODES];

    (void) state;

    for (n = 2; n < NODES; n++) {
        memset(has, 0, sizeof(has));

        for (i = 0; i < STREAMS; i++) {
            has[owner(i, n, NODES)]++;
        }

        /* 10 nodes: a standard deviation is 42 streams of 2000 */

        for (k = 0; k < n; k++) {
            assert_in_range(has[k], STREAMS / n - STREAMS / n / 12,
                            STREAMS / n + STREAMS / n / 12);
        }
    }
}


static void
moves_the_share_of_a_new_node_only(void **state)
{
    unsigned  i, before, after, moved;

    (void) state;

    for (i = 0, moved = 0; i < STREAMS; i++) {
        before = owner(i, 10, NODES);
        after = owner(i, 11, NODES);

        if (before != after) {
            assert_int_equal(after, 10);
            moved++;
        }
    }

    assert_in_range(moved, STREAMS / 11 - STREAMS / 132,
                    STREAMS / 11 + STREAMS / 132);
}


/* And spreads what it had over all others. */

static void
moves_the_share_of_a_lost_node_only(void **state)
{
    unsigned  i, k, lost, before, after, has, more[NODES];

    (void) state;

    for (lost = 0; lost < 10; lost++) {
        memset(more, 0, sizeof(more));

        for (i = 0, has = 0; i < STREAMS; i++) {
            before = owner(i, 10, NODES);
            after = owner(i, 10, lost);

            if (before != lost) {
                assert_int_equal(after, before);

            } else {
                more[after]++;
                has++;
            }
        }

        for (k = 0; k < 10; k++) {
            if (k != lost) {
                assert_in_range(more[k], has / 9 - has / 9 / 3,
                                has / 9 + has / 9 / 3);
            }
        }
    }
}


static void
makes_every_bit_depend_on_every_other(void **state)
{
    char       name[] = "live/studio";
    size_t     i;
    unsigned   bit, flips[64];
    uint64_t   score, changed;
    stn_str_t  node = access_str("shield-1"), stream = access_str(name);

    (void) state;

    memset(flips, 0, sizeof(flips));
    score = stn_rendezvous_score(&node, &stream);

    for (i = 0; i < 8 * stream.len; i++) {
        name[i / 8] ^= (char) (1 << i % 8);
        changed = score ^ stn_rendezvous_score(&node, &stream);
        name[i / 8] ^= (char) (1 << i % 8);

        assert_in_range(__builtin_popcountll(changed), 12, 52);

        for (bit = 0; bit < 64; bit++) {
            flips[bit] += changed >> bit & 1;
        }
    }

    for (bit = 0; bit < 64; bit++) {
        assert_in_range(flips[bit], 22, 66);
    }
}


static void
tells_the_id_from_the_name(void **state)
{
    stn_str_t  a = access_str("ab"), b = access_str("c"), c = access_str("a"),
               d = access_str("bc"), none = { NULL, 0 };

    (void) state;

    assert_true(stn_rendezvous_score(&a, &b) != stn_rendezvous_score(&c, &d));
    assert_true(stn_rendezvous_score(&a, &b) != stn_rendezvous_score(&b, &a));
    assert_true(stn_rendezvous_score(&a, &none)
                != stn_rendezvous_score(&none, &a));
}


/* A node of another architecture, or of a later version, must agree. */

static void
is_the_same_everywhere(void **state)
{
    stn_str_t  node = access_str("shield-1"), name = access_str("live/studio");

    (void) state;

    assert_true(stn_rendezvous_score(&node, &name) == 0xfd18a28dc2c5cce3);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(spreads_streams_evenly),
        cmocka_unit_test(moves_the_share_of_a_new_node_only),
        cmocka_unit_test(moves_the_share_of_a_lost_node_only),
        cmocka_unit_test(makes_every_bit_depend_on_every_other),
        cmocka_unit_test(tells_the_id_from_the_name),
        cmocka_unit_test(is_the_same_everywhere)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
