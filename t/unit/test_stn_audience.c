/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who listens: audio counts once, for as long as it plays and no longer than
 * a player keeps; who stops is leaving and then gone; who only asks is trying;
 * and a crowd costs the wheel nothing that it should not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audience/stn_audience.h"


#define START  1000000
#define CROWD  5000
#define CAP    24000


/* The number of members in each state, as the changes tell. */

static struct {
    stn_audience_t  a;
    int             n[STN_MEMBER_STATES];
    int             changes;
    int             back;
} t;


static void
changed(void *data, stn_member_t *m, stn_member_state_e before)
{
    (void) data;

    t.n[before]--;
    t.n[m->state]++;
    t.changes++;
}


static int
back(void *data, stn_member_t *m)
{
    (void) data;
    (void) m;

    return t.back;
}


static int
setup(void **state)
{
    (void) state;

    memset(&t, 0, sizeof(t));
    stn_audience_init(&t.a, START);
    t.a.changed = changed;
    t.a.back = back;

    return 0;
}


/* Sends it the second of a stream that begins so many seconds after START. */

static int64_t
second(stn_member_t *m, uint64_t stream, int64_t at, int64_t now)
{
    stn_audio_t  audio;

    audio.stream = stream;
    audio.from = START + at * 1000;
    audio.to = audio.from + 1000;
    audio.cap = CAP;

    return stn_audience_sent(&t.a, m, &audio, now);
}


static void
a_second_counts_once(void **state)
{
    stn_member_t  m;
    stn_audio_t   segment;

    (void) state;

    stn_audience_enter(&m);
    assert_int_equal(second(&m, 1, 0, START), 1000);
    assert_int_equal(second(&m, 1, 0, START), 0);
    assert_int_equal(second(&m, 1, 1, START), 1000);
    assert_int_equal(second(&m, 1, 0, START), 0);

    /* of a segment what is new of it */

    segment = (stn_audio_t) { 1, START, START + 6000, CAP };
    assert_int_equal(stn_audience_sent(&t.a, &m, &segment, START), 4000);
    assert_int_equal(m.horizon_ms, START + 6000);
}


static void
nobody_has_more_than_the_cap(void **state)
{
    int           i;
    stn_member_t  m;

    (void) state;

    stn_audience_enter(&m);

    for (i = 0; i < 300; i++) {
        assert_int_equal(second(&m, 1, i, START), 1000);
    }

    assert_int_equal(m.horizon_ms, START + CAP);

    stn_audience_tick(&t.a, START + CAP - 1);
    assert_int_equal(t.n[STN_MEMBER_LISTENING], 1);
    stn_audience_tick(&t.a, START + CAP + STN_AUDIENCE_SLOT_MS);
    assert_int_equal(t.n[STN_MEMBER_LISTENING], 0);
}


static void
two_streams_in_turn_are_one_listener(void **state)
{
    int           i;
    int64_t       ms, now;
    stn_member_t  m;

    (void) state;

    stn_audience_enter(&m);

    for (ms = 0, i = 0; i < 60; i++) {
        now = START + i * 1000;
        ms += second(&m, 1, i, now) + second(&m, 2, i, now);
        assert_in_range(ms, 0, (i + 1) * 1000 + 7000);
    }

    /* a stream of another time is listened to after a while */

    for (ms = 0; i < 80; i++) {
        now = START + i * 1000;
        ms += second(&m, 3, i - 5000, now);
    }

    assert_in_range(ms, 9000, 20000);
}


static void
who_stops_leaves(void **state)
{
    int64_t       now;
    stn_member_t  m;

    (void) state;

    stn_audience_enter(&m);
    stn_audience_ask(&t.a, &m, START);
    assert_int_equal(m.state, STN_MEMBER_TRYING);
    stn_audience_join(&t.a, &m, START);
    assert_int_equal(m.state, STN_MEMBER_JOINING);
    second(&m, 1, 0, START);
    assert_int_equal(m.state, STN_MEMBER_LISTENING);
    stn_audience_close(&t.a, &m, START + 10);

    for (now = START; now < START + 1000; now += 50) {
        stn_audience_tick(&t.a, now);
        assert_int_equal(m.state, STN_MEMBER_LISTENING);
    }

    now = START + 1000 + STN_AUDIENCE_SLOT_MS;
    stn_audience_tick(&t.a, now);
    assert_int_equal(m.state, STN_MEMBER_LEAVING);

    stn_audience_tick(&t.a, START + 1000 + STN_AUDIENCE_LEAVING_MS - 1);
    assert_int_equal(m.state, STN_MEMBER_LEAVING);

    stn_audience_tick(&t.a, START + 1000 + STN_AUDIENCE_LEAVING_MS
                            + STN_AUDIENCE_SLOT_MS);
    assert_int_equal(m.state, STN_MEMBER_NONE);
    assert_int_equal(t.a.waiting, 0);
}


static void
who_is_back_elsewhere_does_not_leave(void **state)
{
    stn_member_t  m;

    (void) state;

    stn_audience_enter(&m);
    second(&m, 1, 0, START);
    stn_audience_close(&t.a, &m, START);
    stn_audience_tick(&t.a, START + 1200);
    assert_int_equal(m.state, STN_MEMBER_LEAVING);

    t.back = 1;
    stn_audience_tick(&t.a, START + 1200 + STN_AUDIENCE_LOOK_MS
                            + STN_AUDIENCE_SLOT_MS);
    assert_int_equal(m.state, STN_MEMBER_NONE);
}


static void
who_asks_tries(void **state)
{
    int           i;
    int64_t       now;
    stn_member_t  m;

    (void) state;

    stn_audience_enter(&m);
    stn_audience_join(&t.a, &m, START);

    for (now = START, i = 0; i < 40; i++, now += 1000) {
        stn_audience_ask(&t.a, &m, now);
        stn_audience_tick(&t.a, now);
        assert_int_equal(m.state, i > 10 ? STN_MEMBER_TRYING
                                         : i < 10 ? STN_MEMBER_JOINING
                                                  : (int) m.state);
    }

    assert_in_range(t.changes, 2, 3);

    /* a closed connection tries no more */

    stn_audience_close(&t.a, &m, now);
    assert_int_equal(m.state, STN_MEMBER_NONE);
    assert_int_equal(t.a.waiting, 0);
}


/* A player that takes every other part by another connection. */

static void
who_takes_turns_does_not_try(void **state)
{
    int           i;
    int64_t       now;
    stn_member_t  m[2];

    (void) state;

    t.back = 1;
    stn_audience_enter(&m[0]);
    stn_audience_enter(&m[1]);

    for (now = START, i = 0; i < 20; i++, now += 1000) {
        second(&m[i & 1], 1, i, now);
        stn_audience_tick(&t.a, now + 300);
        stn_audience_ask(&t.a, &m[0], now + 300);
        stn_audience_ask(&t.a, &m[1], now + 300);

        assert_int_equal(t.n[STN_MEMBER_LISTENING], 1);
        assert_int_equal(t.n[STN_MEMBER_LEAVING], 0);
        assert_int_equal(t.n[STN_MEMBER_TRYING], i == 0);
    }
}


/* Half of them are sent parts, the others ask; the count is right at any time,
 * and changes come when something changes only. */

static void
a_crowd_is_counted(void **state)
{
    int            i, s;
    int64_t        now;
    stn_member_t  *m;

    (void) state;

    m = calloc(2 * CROWD, sizeof(*m));
    assert_non_null(m);

    for (i = 0; i < 2 * CROWD; i++) {
        stn_audience_enter(&m[i]);
    }

    for (s = 0; s < 60; s++) {
        now = START + s * 1000;

        for (i = 0; i < CROWD; i++) {
            second(&m[i], 1, s, now);
            stn_audience_ask(&t.a, &m[CROWD + i], now);
        }

        stn_audience_tick(&t.a, now + 500);
        assert_int_equal(t.n[STN_MEMBER_LISTENING], CROWD);
        assert_int_equal(t.n[STN_MEMBER_TRYING], CROWD);
    }

    assert_int_equal(t.changes, 2 * CROWD);
    assert_int_equal(t.a.waiting, 2 * CROWD);

    stn_audience_tick(&t.a, START + 120000);
    assert_int_equal(t.a.waiting, 0);
    assert_int_equal(t.n[STN_MEMBER_LISTENING], 0);

    free(m);
}


/* After a pause with nobody there the wheel is where the clock is. */

static void
the_wheel_goes_on_after_a_pause(void **state)
{
    int64_t       now;
    stn_member_t  m;

    (void) state;

    now = START + 86400000;
    stn_audience_enter(&m);
    second(&m, 1, 0, now);
    stn_audience_tick(&t.a, now + 500);
    assert_int_equal(m.state, STN_MEMBER_LISTENING);
    stn_audience_tick(&t.a, now + 1200);
    assert_int_equal(m.state, STN_MEMBER_LEAVING);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(a_second_counts_once, setup),
        cmocka_unit_test_setup(nobody_has_more_than_the_cap, setup),
        cmocka_unit_test_setup(two_streams_in_turn_are_one_listener, setup),
        cmocka_unit_test_setup(who_stops_leaves, setup),
        cmocka_unit_test_setup(who_is_back_elsewhere_does_not_leave, setup),
        cmocka_unit_test_setup(who_asks_tries, setup),
        cmocka_unit_test_setup(who_takes_turns_does_not_try, setup),
        cmocka_unit_test_setup(a_crowd_is_counted, setup),
        cmocka_unit_test_setup(the_wheel_goes_on_after_a_pause, setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
