/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The same mishap over and over, for hours of told time: whatever happens to
 * a broadcaster's units and timestamps, afterwards the programme is as far
 * behind the wall clock as it was before.
 */

#include "programme_util.h"

#include "pack/stn_cmaf.h"


/* What millisecond timestamps and the grid leave open. */
#define ROUNDING_US  (2 * MS)


static void
on_air(rig_t *r, uint32_t units)
{
    rig_init(r, LC_MONO, SEC);
    r->unit = 16;
    stn_programme_arrive(&r->p);
    rig_send(r, RIG_EPOCH, 0, units);
}


static int64_t
frame_us(const rig_t *r)
{
    return rig_us(r, r->format.frame);
}


/* Nothing for ms milliseconds, then all of it at once. */

static void
stall(rig_t *r, int64_t ms)
{
    uint32_t  last;

    last = r->made + rig_units(r, ms);

    rig_run(r, rig_ready(r, RIG_EPOCH, last - 1));
    rig_burst(r, r->made, last);
}


static void
does_not_fall_back_by_short_stalls(void **state)
{
    int       i;
    rig_t     r;
    int64_t   before;
    uint64_t  hold;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    hold = r.hold;

    for (i = 0; i < 300; i++) {
        stall(&r, 1500);
        rig_send(&r, RIG_EPOCH, r.made, r.made + 50 + (uint32_t) i % 400);

        assert_true(llabs(rig_latency(&r) - before) <= ROUNDING_US);
        assert_int_equal(r.live, r.made);
    }

    assert_int_equal(r.hold, hold);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.p.stats.drift_repairs, 0);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


/* Hold audio stands in for what a long stall kept back; that is dropped.  The
 * last one or two frames of it are made up for as drift is. */

static void
does_not_fall_back_by_long_stalls(void **state)
{
    int      i;
    rig_t    r;
    int64_t  before;

    static const int64_t  ms[] = { 2500, 4000, 8000 };

    (void) state;

    on_air(&r, 5000);
    before = rig_latency(&r);

    for (i = 0; i < 60; i++) {
        stall(&r, ms[i % 3]);
        rig_send(&r, RIG_EPOCH, r.made, r.made + 6000);

        assert_true(llabs(rig_latency(&r) - before) <= frame_us(&r) * 3 / 2);
        assert_int_equal(r.heard, r.made);
    }

    print_message("# 60 long stalls: %u lost, %llu stale, %llu repairs\n",
                  r.lost, (unsigned long long) r.p.stats.stale_dropped,
                  (unsigned long long) r.p.stats.drift_repairs);

    assert_int_equal(r.lost, r.p.stats.stale_dropped
                             + r.p.stats.drift_repairs);
    assert_true(r.p.stats.drift_repairs <= 60 * 2);
    assert_int_equal(r.p.stats.resyncs, 0);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    rig_free(&r);
}


/* An hour there and an hour back, and to 0: nothing is heard of it. */

static void
does_not_hear_jumps_of_an_hour(void **state)
{
    int       i;
    rig_t     r;
    int64_t   before;
    uint64_t  hold;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    hold = r.hold;

    for (i = 1; i <= 50; i++) {
        r.base_ms += i & 1 ? 3600000 : -3600000;
        rig_send(&r, RIG_EPOCH, r.made, r.made + 100);
        assert_int_equal(r.p.stats.resyncs, i);
        assert_true(llabs(rig_latency(&r) - before) <= ROUNDING_US);
    }

    r.base_ms = -rig_us(&r, (int64_t) r.made * r.format.frame) / 1000;
    rig_send(&r, RIG_EPOCH, r.made, r.made + 100);
    r.base_ms += (int64_t) 1 << 32;
    rig_send(&r, RIG_EPOCH, r.made, r.made + 100);

    assert_int_equal(r.p.stats.resyncs, 52);
    assert_true(llabs(rig_latency(&r) - before) <= ROUNDING_US);
    assert_int_equal(r.live, r.made);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.hold, hold);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    rig_free(&r);
}


/* The encoder stands still for ms milliseconds, and its timestamps with it:
 * what it makes then goes on where it stopped. */

static void
pause_encoder(rig_t *r, int64_t *start, int64_t ms)
{
    *start += ms * MS;
    rig_send(r, *start, r->made, r->made + 500);
}


static void
goes_on_after_an_encoder_stood_still(void **state)
{
    int       i;
    rig_t     r;
    int64_t   before, start, lost;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    start = RIG_EPOCH;

    for (i = 1; i <= 20; i++) {
        lost = r.lost;
        pause_encoder(&r, &start, 5000);

        /* a second of it is waited for in vain; then it is another clock */

        assert_int_equal(r.p.stats.resyncs, i);
        assert_true((r.lost - lost) * frame_us(&r) <= 1100 * MS);
        assert_int_equal(r.heard, r.made);
        assert_true(llabs(rig_latency(&r) - before) <= 2 * frame_us(&r));
    }

    rig_free(&r);
}


/* Too short for hold audio: then all is later by that for good, and most of
 * it is made up for in small repairs. */

static void
recovers_when_an_encoder_stood_still_for_a_moment(void **state)
{
    rig_t     r;
    int64_t   before, start;
    uint64_t  hold;

    (void) state;

    on_air(&r, 5000);
    before = rig_latency(&r);
    start = RIG_EPOCH;
    hold = r.hold;

    pause_encoder(&r, &start, 1500);
    assert_true(llabs(rig_latency(&r) - before - 1500 * MS) <= ROUNDING_US);

    rig_send(&r, start, r.made, r.made + rig_units(&r, 3600 * 1000));

    print_message("# after 1.5 s: %+.1f ms left, %llu repairs\n",
                  (double) (rig_latency(&r) - before) / 1000,
                  (unsigned long long) r.p.stats.drift_repairs);

    assert_true(rig_latency(&r) - before
                <= STN_DRIFT_PATH_MS * MS + 2 * frame_us(&r));
    assert_true(rig_latency(&r) >= before);
    assert_int_equal(r.hold, hold);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


/* Every so many units one never comes, as over a bad link, and the timestamps
 * say so: the programme waits for none, and falls behind by none. */

static void
keeps_its_place_while_units_get_lost(void **state)
{
    size_t    i;
    rig_t     r;
    int64_t   before, min, max, late;
    uint32_t  n;

    static const uint32_t  every[] = { 7, 50, 200, 2000 };

    (void) state;

    for (i = 0; i < stn_nelems(every); i++) {
        on_air(&r, 500);
        before = rig_latency(&r);
        min = 0;
        max = 0;

        for (n = 500; n < 500 + rig_units(&r, 3600 * 1000); n++) {
            if (n % every[i] == 0) {
                continue;
            }

            rig_run(&r, rig_ready(&r, RIG_EPOCH, n));
            assert_int_equal(rig_put(&r, rig_ts(&r, n)), STN_OK);
            rig_pump(&r);

            late = rig_latency(&r) - before;
            min = stn_min(min, late);
            max = stn_max(max, late);
        }

        print_message("# 1 of %u lost: %+.1f..%+.1f ms, %llu filled, "
                      "%llu repairs, %llu stale\n", every[i],
                      (double) min / 1000, (double) max / 1000,
                      (unsigned long long) r.p.stats.gaps_filled,
                      (unsigned long long) r.p.stats.drift_repairs,
                      (unsigned long long) r.p.stats.stale_dropped);

        assert_int_equal(r.live, r.made + r.doubled);
        assert_int_equal(r.lost, 0);
        assert_int_equal(r.p.stats.resyncs, 0);
        assert_int_equal(r.p.stats.stale_dropped, 0);
        assert_true(max <= 4 * frame_us(&r));
        assert_true(min >= -2 * frame_us(&r));

        rig_free(&r);
    }
}


/* Sessions of a few seconds, one after the other, with no time between them
 * or some. */

static void
takes_session_after_session(void **state)
{
    int      i;
    rig_t    r;
    int64_t  start, off;

    (void) state;

    on_air(&r, 500);

    for (i = 0; i < 200; i++) {
        r.now_us += (i % 7) * 400 * MS;
        r.base_ms = i * 977777 % 5000000;
        off = rig_us(&r, (int64_t) r.made * r.format.frame);
        start = r.now_us - off;

        if (i & 1) {
            stn_programme_leave(&r.p);
            rig_run(&r, r.now_us + (i % 5) * 300 * MS);
            start = r.now_us - off;
        }

        stn_programme_arrive(&r.p);
        rig_send(&r, start, r.made, r.made + 150);
        assert_int_equal(r.heard, r.made);
        assert_true(llabs(rig_latency(&r)) <= 80 * MS);
    }

    assert_int_equal(r.p.stats.resyncs, 0);
    assert_int_equal(r.p.stats.drift_repairs, 0);

    rig_free(&r);
}


/* A session whose first seconds were held up on their way, by a network or a
 * busy machine, is heard late for no longer than it takes to see that. */

static void
brings_a_late_start_back(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   start, delay;
    uint32_t  n;

    static const int64_t held_ms[] = { 1300, 2000, 4500 };

    (void) state;

    for (i = 0; i < stn_nelems(held_ms); i++) {
        on_air(&r, 500);
        stn_programme_leave(&r.p);
        rig_run(&r, r.now_us + 5 * SEC);

        start = r.now_us - rig_us(&r, 500 * r.format.frame);
        n = 500 + rig_units(&r, held_ms[i]);
        r.base_ms = 12345678;

        stn_programme_arrive(&r.p);
        rig_run(&r, rig_ready(&r, start, n - 1));
        rig_burst(&r, 500, n);
        rig_send(&r, start, n, n + rig_units(&r, STN_TIMELINE_JUDGE_MS - 200));

        delay = rig_us(&r, r.live_pos + r.format.frame)
                - rig_ready(&r, start, r.heard - 1);
        assert_true(delay > (held_ms[i] - 200) * MS);
        assert_int_equal(r.lost, 0);

        rig_send(&r, start, r.made, r.made + 500);

        delay = rig_us(&r, r.live_pos + r.format.frame)
                - rig_ready(&r, start, r.heard - 1);
        assert_true(llabs(delay) <= (STN_TIMELINE_MARGIN_MS
                                     + STN_TIMELINE_DELAY_MS) * MS);
        assert_in_range(r.lost, rig_units(&r, held_ms[i] - 200),
                        rig_units(&r, held_ms[i] + 200));
        assert_int_equal(r.heard, r.made);
        assert_int_equal(r.p.stats.resyncs, 0);

        rig_free(&r);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(does_not_fall_back_by_short_stalls),
        cmocka_unit_test(does_not_fall_back_by_long_stalls),
        cmocka_unit_test(does_not_hear_jumps_of_an_hour),
        cmocka_unit_test(goes_on_after_an_encoder_stood_still),
        cmocka_unit_test(recovers_when_an_encoder_stood_still_for_a_moment),
        cmocka_unit_test(keeps_its_place_while_units_get_lost),
        cmocka_unit_test(takes_session_after_session),
        cmocka_unit_test(brings_a_late_start_back),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
