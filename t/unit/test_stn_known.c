/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that are known: as many as the table is made for, as long as they
 * are heard now and then; who is only let in pushes nobody out; who was lost
 * comes back, as often as he was lost.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "audience/stn_known.h"


#define PLAYERS  60000
#define PID      4194000


static stn_known_t  known;


static int
make(void **state)
{
    (void) state;

    known.sets = stn_known_sets(PLAYERS);
    known.now_s = 5000;
    known.pid = PID;
    known.entries = calloc(known.sets, STN_KNOWN_WAYS * sizeof(uint64_t));

    return known.entries == NULL;
}


static int
drop(void **state)
{
    (void) state;

    free(known.entries);
    return 0;
}


/* Like hashes: a permutation of all numbers of 32 bits. */

static uint32_t
player(uint32_t i)
{
    i = (i ^ i >> 16) * 0x7feb352d;
    i = (i ^ i >> 15) * 0x846ca68b;
    i ^= i >> 16;

    return i >> 8 ? i : i | 0x100;
}


static unsigned
missing(void)
{
    unsigned  n;
    uint32_t  i;

    for (n = 0, i = 0; i < PLAYERS; i++) {
        n += (stn_known_age(&known, player(i)) >= STN_KNOWN_S);
    }

    return n;
}


static void
hear_all(void)
{
    uint32_t  i;

    for (i = 0; i < PLAYERS; i++) {
        known.now_s += (i % (PLAYERS / 2) == 0);
        stn_known_heard(&known, player(i));
    }
}


static void
all_are_known(void **state)
{
    unsigned  i;

    (void) state;

    for (i = 0; i < 5; i++) {
        hear_all();
        assert_in_range(missing(), 0, PLAYERS / 2000);
    }
}


static void
who_is_let_in_pushes_nobody_out(void **state)
{
    unsigned  before;
    uint32_t  i;

    (void) state;

    hear_all();
    before = missing();

    for (i = 0; i < 10 * PLAYERS; i++) {
        stn_known_let_in(&known, player(PLAYERS + i));
        stn_known_lost(&known, player(PLAYERS + i), 0);
    }

    assert_int_equal(missing(), before);

    /* but who is not known any more makes room */

    known.now_s += STN_KNOWN_S;
    stn_known_let_in(&known, player(PLAYERS * 20));
    assert_int_equal(stn_known_age(&known, player(PLAYERS * 20)), 0);
}


static void
as_many_come_back_as_were_lost(void **state)
{
    uint32_t  pid, who;

    (void) state;

    who = player(7);
    assert_int_equal(stn_known_back(&known, who, &pid), 0);
    assert_int_equal(pid, 0);

    stn_known_heard(&known, who);
    assert_int_equal(stn_known_back(&known, who, &pid), 0);
    assert_int_equal(pid, PID);

    stn_known_lost(&known, who, 1);
    stn_known_lost(&known, who, 1);
    assert_int_equal(stn_known_misses(&known, who), 1);
    assert_int_equal(stn_known_back(&known, who, &pid), 1);
    assert_int_equal(stn_known_back(&known, who, &pid), 1);
    assert_int_equal(stn_known_back(&known, who, &pid), 0);
    assert_int_equal(stn_known_misses(&known, who), 0);
}


static void
who_is_gone_long_is_not_known(void **state)
{
    uint32_t  pid;

    (void) state;

    stn_known_let_in(&known, player(1));
    stn_known_lost(&known, player(1), 0);

    known.now_s += STN_KNOWN_S - 1;
    assert_int_equal(stn_known_age(&known, player(1)), STN_KNOWN_S - 1);

    known.now_s++;
    assert_int_equal(stn_known_age(&known, player(1)), STN_KNOWN_S);
    assert_int_equal(stn_known_back(&known, player(1), &pid), 0);
    assert_int_equal(pid, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(all_are_known, make, drop),
        cmocka_unit_test_setup_teardown(who_is_let_in_pushes_nobody_out, make,
                                        drop),
        cmocka_unit_test_setup_teardown(as_many_come_back_as_were_lost, make,
                                        drop),
        cmocka_unit_test_setup_teardown(who_is_gone_long_is_not_known, make,
                                        drop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
