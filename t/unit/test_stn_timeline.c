/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The judge of access units alone: where a session's first unit goes, and
 * what becomes of units that are early, late, or from another clock.
 */

#include "wire_util.h"

#include "programme/stn_timeline.h"

#include <math.h>


#define RATE   48000
#define FRAME  1024

/* A sample count of these days, on a whole frame. */
#define NOW  ((int64_t) 1763719207 * RATE / FRAME * FRAME)

#define SAMPLES(ms)  ((int64_t) (ms) * (RATE / 1000))
#define TS(ms)       ((int64_t) (ms) * (STN_TS_HZ / 1000))


/* A timeline on which the unit with timestamp 0 lies at NOW. */

static void
settled(stn_timeline_t *t)
{
    stn_timeline_init(t, RATE, FRAME);
    stn_timeline_settle(t, 0, NOW + FRAME);
    assert_true(stn_timeline_start(t, 0, -1, NOW + FRAME) == NOW);
    assert_int_equal(t->settling, 0);
}


static void
believes_the_least_delayed_unit(void **state)
{
    int64_t         at;
    stn_timeline_t  t;

    (void) state;

    stn_timeline_init(&t, RATE, FRAME);
    assert_int_equal(t.settling, 1);

    /* units 0, 100 and 200 ms, 50, 10 and 30 ms on the way */

    stn_timeline_settle(&t, TS(0), NOW + FRAME + SAMPLES(50));
    stn_timeline_settle(&t, TS(100), NOW + FRAME + SAMPLES(110));
    stn_timeline_settle(&t, TS(200), NOW + FRAME + SAMPLES(230));

    at = stn_timeline_start(&t, TS(0), -1, NOW + FRAME + SAMPLES(230));

    assert_true(llabs(at - (NOW + SAMPLES(10))) <= FRAME / 2);
    assert_int_equal(at % FRAME, 0);
}


static void
starts_within_half_a_frame_of_the_truth(void **state)
{
    int64_t         phase, at, err, min, max;
    stn_timeline_t  t;

    (void) state;

    min = 0;
    max = 0;

    for (phase = 0; phase < FRAME; phase++) {
        stn_timeline_init(&t, RATE, FRAME);
        stn_timeline_settle(&t, TS(500), NOW + FRAME + phase);

        at = stn_timeline_start(&t, TS(500), -1, NOW + FRAME + phase + 4800);
        assert_int_equal(at % FRAME, 0);

        err = at - (NOW + phase)
              + stn_timeline_samples(&t, STN_TIMELINE_DELAY_MS);
        min = stn_min(min, err);
        max = stn_max(max, err);
    }

    assert_true(min >= -FRAME / 2 && max <= FRAME / 2);
}


/* A running programme has its own grid, wherever it began. */

static void
starts_on_the_grid_of_a_running_programme(void **state)
{
    int64_t         phase, pos, at;
    stn_timeline_t  t;

    (void) state;

    for (phase = 0; phase < FRAME; phase += 31) {
        for (pos = NOW - 3 * FRAME; pos < NOW + 3 * FRAME; pos += 111) {
            stn_timeline_init(&t, RATE, FRAME);
            stn_timeline_settle(&t, TS(500), NOW + FRAME + phase);

            at = stn_timeline_start(&t, TS(500), pos, NOW + FRAME + 4800);
            assert_int_equal((at - pos) % FRAME, 0);
            assert_true(stn_timeline_at(&t, TS(500)) == at);
            assert_true(llabs(at - (NOW + phase) + stn_timeline_samples(&t,
                              STN_TIMELINE_DELAY_MS)) <= FRAME / 2);
        }
    }
}


/* What waited for the start is no recording: it was new when it came. */

static void
tells_a_recording_by_its_age_on_arrival(void **state)
{
    int64_t         at;
    stn_timeline_t  t;

    (void) state;

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(5000), NOW + SAMPLES(5000));
    at = stn_timeline_start(&t, TS(0), NOW + SAMPLES(5000),
                            NOW + SAMPLES(5000));
    assert_true(llabs(at - NOW) <= 2 * FRAME);

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(5000), NOW);
    at = stn_timeline_start(&t, TS(0), NOW + SAMPLES(5000),
                            NOW + SAMPLES(5000));
    assert_true(at == NOW + SAMPLES(5000));
}


static void
dates_a_first_unit_back_so_far(void **state)
{
    int64_t         at;
    stn_timeline_t  t;

    (void) state;

    /* a recording of 10 s, then one of 10 min, all at once */

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(10000), NOW);
    at = stn_timeline_start(&t, TS(0), -1, NOW);
    assert_true(llabs(at - (NOW - FRAME - SAMPLES(10000))) <= FRAME);

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(600000), NOW);
    at = stn_timeline_start(&t, TS(0), -1, NOW);
    assert_true(llabs(at - (NOW - SAMPLES(STN_TIMELINE_BACK_MS))) <= FRAME);
}


static void
plays_all_of_a_recording_on_a_running_programme(void **state)
{
    int64_t         fill;
    stn_timeline_t  t;

    (void) state;

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(10000), NOW);

    assert_true(stn_timeline_start(&t, TS(0), NOW, NOW) == NOW);
    assert_int_equal(stn_timeline_place(&t, TS(0), NOW, NOW, &fill),
                     STN_TIMELINE_TAKE);

    /* a backlog of half a second is none */

    stn_timeline_init(&t, RATE, FRAME);
    stn_timeline_settle(&t, TS(0), NOW);
    stn_timeline_settle(&t, TS(500), NOW);

    assert_true(stn_timeline_start(&t, TS(0), NOW, NOW) < NOW);
    assert_int_equal(stn_timeline_place(&t, TS(0), NOW, NOW, &fill),
                     STN_TIMELINE_DROP);
    assert_int_equal(stn_timeline_place(&t, TS(500), NOW, NOW, &fill),
                     STN_TIMELINE_TAKE);
}


/* ... unless its owner has had to let units wait, or they go on to come so
 * much faster than they play. */

static void
tells_a_recording_from_a_late_start(void **state)
{
    int             ms, how;
    int64_t         offset, pos, fill;
    stn_timeline_t  t;

    enum { HELD_UP, FAST, CROWDED_BEFORE, CROWDED_LATER };

    (void) state;

    for (how = HELD_UP; how <= CROWDED_LATER; how++) {
        stn_timeline_init(&t, RATE, FRAME);
        stn_timeline_settle(&t, TS(0), NOW);
        stn_timeline_settle(&t, TS(3000), NOW);

        if (how == CROWDED_BEFORE) {
            stn_timeline_crowd(&t);
        }

        (void) stn_timeline_start(&t, TS(0), NOW, NOW);
        offset = t.offset;

        if (how == CROWDED_LATER) {
            stn_timeline_crowd(&t);
        }

        for (ms = 20; ms <= STN_TIMELINE_JUDGE_MS + 20; ms += 20) {
            stn_timeline_watch(&t, TS(3000 + (how == FAST ? 2 * ms : ms)),
                               NOW + SAMPLES(ms));
        }

        assert_int_equal(t.late, 0);

        if (how != HELD_UP) {
            assert_true(t.offset == offset);
            continue;
        }

        assert_true(llabs(offset - t.offset - SAMPLES(3000)) <= 2 * FRAME);

        /* a ladder holds all that was late, decoded: nothing goes on until
         * that has been played */

        pos = NOW + SAMPLES(ms + 3000);

        for ( ; ms < STN_TIMELINE_JUDGE_MS + 2900; ms += 20) {
            assert_int_equal(stn_timeline_place(&t, TS(3000 + ms), pos,
                                                NOW + SAMPLES(ms), &fill),
                             STN_TIMELINE_DROP);
        }

        assert_int_equal(stn_timeline_place(&t, TS(6200 + ms), pos,
                                            NOW + SAMPLES(ms + 3200), &fill),
                         STN_TIMELINE_FILL);
        assert_int_equal(t.resyncs, 0);
    }
}


static void
takes_units_within_the_margin(void **state)
{
    int             ms;
    int64_t         fill;
    stn_timeline_t  t;

    (void) state;

    settled(&t);

    for (ms = -STN_TIMELINE_MARGIN_MS; ms <= STN_TIMELINE_MARGIN_MS; ms++) {
        fill = -1;
        assert_int_equal(stn_timeline_place(&t, TS(ms), NOW, NOW, &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(fill, 0);
    }

    assert_int_equal(t.resyncs, 0);
}


static void
margin_spans_two_frames_of_any_length(void **state)
{
    int64_t         fill;
    stn_timeline_t  t;

    (void) state;

    /* HE-AAC at 16 kHz: frames of 128 ms */

    stn_timeline_init(&t, 16000, 2048);
    stn_timeline_settle(&t, 0, 2048 * 1000001);
    (void) stn_timeline_start(&t, 0, -1, (int64_t) 2048 * 1000001);

    assert_int_equal(stn_timeline_place(&t, TS(256), (int64_t) 2048 * 1000000,
                                        (int64_t) 2048 * 1000003, &fill),
                     STN_TIMELINE_TAKE);
    assert_int_equal(stn_timeline_place(&t, TS(260), (int64_t) 2048 * 1000000,
                                        (int64_t) 2048 * 1000003, &fill),
                     STN_TIMELINE_FILL);
    assert_int_equal(fill, 2);
}


static void
fills_what_the_wall_clock_confirms(void **state)
{
    int             phase;
    int64_t         fill;
    stn_timeline_t  t;

    (void) state;

    settled(&t);

    /* 5 s are missing, and 5 s have passed */

    assert_int_equal(stn_timeline_place(&t, TS(5000), NOW,
                                        NOW + SAMPLES(5000), &fill),
                     STN_TIMELINE_FILL);
    assert_int_equal(fill, (SAMPLES(5000) + FRAME / 2) / FRAME);

    assert_int_equal(stn_timeline_place(&t, TS(5000), NOW + fill * FRAME,
                                        NOW + SAMPLES(5000), &fill),
                     STN_TIMELINE_TAKE);
    assert_int_equal(t.resyncs, 0);

    /* four are missing, wherever in a frame he began */

    for (phase = -FRAME / 2 + 1; phase < FRAME / 2; phase += 37) {
        settled(&t);
        t.offset += phase;
        assert_int_equal(stn_timeline_place(&t, TS(0), NOW, NOW, &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(stn_timeline_place(&t, 5 * FRAME * STN_TS_HZ / RATE,
                                            NOW + FRAME, NOW + 6 * FRAME,
                                            &fill),
                         STN_TIMELINE_FILL);
        assert_int_equal(fill, 4);
    }

    /* 5 s are missing, and no time has passed: the clock has jumped */

    settled(&t);
    assert_int_equal(stn_timeline_place(&t, TS(5000), NOW, NOW, &fill),
                     STN_TIMELINE_TAKE);
    assert_int_equal(t.resyncs, 1);
    assert_int_equal(stn_timeline_place(&t, TS(5021), NOW + FRAME,
                                        NOW + FRAME, &fill),
                     STN_TIMELINE_TAKE);
    assert_int_equal(t.resyncs, 1);
}


static void
drops_late_units_until_it_is_a_clock(void **state)
{
    int             ms;
    int64_t         fill, pos;
    stn_timeline_t  t;

    (void) state;

    settled(&t);

    /* half a second late for good: 1 s of it is dropped */

    for (ms = 0; ms <= STN_TIMELINE_STALE_MS; ms += 20) {
        pos = NOW + SAMPLES(ms + 500);
        assert_int_equal(stn_timeline_place(&t, TS(ms), pos, pos, &fill),
                         STN_TIMELINE_DROP);
    }

    pos = NOW + SAMPLES(ms + 500);
    assert_int_equal(stn_timeline_place(&t, TS(ms), pos, pos, &fill),
                     STN_TIMELINE_TAKE);
    assert_int_equal(t.resyncs, 1);

    /* one unit in time, and the second begins anew */

    settled(&t);
    pos = NOW + SAMPLES(500);
    assert_int_equal(stn_timeline_place(&t, TS(0), pos, pos, &fill),
                     STN_TIMELINE_DROP);
    assert_int_equal(stn_timeline_place(&t, TS(500), pos, pos, &fill),
                     STN_TIMELINE_TAKE);
    pos += SAMPLES(2000);
    assert_int_equal(stn_timeline_place(&t, TS(0), pos, pos, &fill),
                     STN_TIMELINE_DROP);
    assert_int_equal(t.resyncs, 0);
}


static void
follows_a_clock_that_jumped(void **state)
{
    size_t          i;
    int64_t         fill;
    stn_timeline_t  t;

    static const int64_t  jumps[] = {
        3600000, -3600000, 86400000, -86400000, 10001, -10100,
        (int64_t) 1 << 32, -((int64_t) 1 << 32),
        (int64_t) 1 << 40, -((int64_t) 1 << 40)
    };

    (void) state;

    for (i = 0; i < stn_nelems(jumps); i++) {
        settled(&t);

        assert_int_equal(stn_timeline_place(&t, TS(jumps[i]), NOW, NOW,
                                            &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(t.resyncs, 1);
        assert_int_equal(stn_timeline_place(&t, TS(jumps[i] + 21),
                                            NOW + FRAME, NOW, &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(stn_timeline_place(&t, TS(0), NOW + 2 * FRAME,
                                            NOW, &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(t.resyncs, 2);
    }
}


/* A programme that is far behind the wall clock is brought back to it. */

static void
resync_catches_up_with_the_wall_clock(void **state)
{
    size_t          i;
    int64_t         fill, now;
    stn_timeline_t  t;

    static const int64_t  behind[] = { 300, 2000, 9000, 11000, 50000, 3600000 };

    (void) state;

    for (i = 0; i < stn_nelems(behind); i++) {
        settled(&t);
        now = NOW + SAMPLES(behind[i]);

        assert_int_equal(stn_timeline_place(&t, TS(-3600000), NOW, now,
                                            &fill),
                         STN_TIMELINE_FILL);
        assert_true(llabs(NOW + fill * FRAME - now) <= 2 * FRAME);
        assert_int_equal(stn_timeline_place(&t, TS(-3600000),
                                            NOW + fill * FRAME, now, &fill),
                         STN_TIMELINE_TAKE);
        assert_int_equal(t.resyncs, 1);
    }
}


static void
survives_any_timestamp(void **state)
{
    int64_t         ts, fill, pos, now;
    uint32_t        x = 4711;
    unsigned        i;
    stn_timeline_t  t;

    (void) state;

    settled(&t);
    pos = NOW;
    now = NOW;

    for (i = 0; i < 200000; i++) {
        ts = (int64_t) wire_random(&x) << wire_random(&x) % 16;
        ts = wire_random(&x) & 1 ? TS(ts) : -TS(ts);

        if (wire_random(&x) % 1000 == 0) {
            stn_timeline_reset(&t);
            stn_timeline_settle(&t, ts, now);
            assert_int_equal(stn_timeline_start(&t, ts, pos, now) % FRAME, 0);
        }

        switch (stn_timeline_place(&t, ts, pos, now, &fill)) {

        case STN_TIMELINE_FILL:
            assert_true(fill > 0);
            assert_true(pos + fill * FRAME
                        <= now + FRAME + SAMPLES(STN_TIMELINE_AHEAD_MS));
            pos += fill * FRAME;
            break;

        case STN_TIMELINE_TAKE:
            pos += FRAME;
            break;

        case STN_TIMELINE_DROP:
            break;
        }

        now = stn_max(now + wire_random(&x) % (2 * FRAME), pos);
    }
}


/* Units of a clock that is ppm too slow come to a settled timeline for so
 * long, and are taken as they come; stamped is how far their timestamps are
 * beyond their samples. */

static void
come(stn_timeline_t *t, int64_t *n, double ppm, int64_t seconds,
    int64_t stamped)
{
    int64_t  end, ts, now, fill;

    for (end = *n + seconds * RATE / FRAME; *n < end; (*n)++) {
        ts = *n * FRAME * STN_TS_HZ / RATE + stamped * STN_TS_HZ / RATE;
        now = NOW + (int64_t) ((double) ((*n + 1) * FRAME)
                               * (1 + ppm / 1e6)) + stamped;

        stn_timeline_watch(t, ts, now);
        assert_int_equal(stn_timeline_place(t, ts, NOW + *n * FRAME, now,
                                            &fill), STN_TIMELINE_TAKE);
    }
}


static void
tells_how_clocks_drift(void **state)
{
    size_t          i;
    int64_t         n, drift, want;
    stn_timeline_t  t;

    static const double  ppm[] = { 0, 40, -40 };

    (void) state;

    for (i = 0; i < stn_nelems(ppm); i++) {
        settled(&t);
        n = 0;
        come(&t, &n, ppm[i], 60, 0);
        assert_int_equal(stn_timeline_drift(&t), 0);
        assert_true(stn_timeline_ppm(&t) == 0);

        come(&t, &n, ppm[i], 1140, 0);
        want = (int64_t) (ppm[i] * 1200 * RATE / 1e6);
        drift = stn_timeline_drift(&t);

        assert_true(llabs(drift - want) < SAMPLES(3));
        assert_true(llabs(drift) <= llabs(want));
        assert_true(fabs(stn_timeline_ppm(&t) - ppm[i]) < 1);

        /* what was corrected is not asked for again */

        stn_timeline_correct(&t, drift);
        assert_true(llabs(stn_timeline_drift(&t)) <= 1);
        assert_true(llabs(stn_timeline_at(&t, 0) - NOW - drift) <= 1);
    }
}


/* Units are missing without a gap that could be filled: the timestamps go on
 * 40 ms farther. */

static void
tells_what_is_missing(void **state)
{
    int64_t         n, at;
    stn_timeline_t  t;

    (void) state;

    settled(&t);
    n = 0;
    come(&t, &n, 0, 600, 0);
    assert_int_equal(stn_timeline_drift(&t), 0);

    come(&t, &n, 0, 60, SAMPLES(40));
    assert_true(llabs(stn_timeline_drift(&t) - SAMPLES(40)) < SAMPLES(3));
    at = stn_timeline_at(&t, 0);

    /* made up, the timestamps are right again; what is too much is not */

    stn_timeline_correct(&t, SAMPLES(40));
    assert_true(llabs(stn_timeline_drift(&t)) < SAMPLES(1));
    assert_true(stn_timeline_at(&t, 0) == at);

    stn_timeline_correct(&t, -FRAME);
    assert_true(llabs(stn_timeline_drift(&t) - FRAME) < SAMPLES(3));
    assert_true(stn_timeline_at(&t, 0) == at - FRAME);
}


static void
forgets_the_drift_of_another_clock(void **state)
{
    int64_t         n, fill;
    stn_timeline_t  t;

    (void) state;

    settled(&t);
    n = 0;
    come(&t, &n, 40, 1200, 0);
    assert_true(stn_timeline_drift(&t) > FRAME);

    (void) stn_timeline_place(&t, TS(3600000), NOW + n * FRAME,
                              NOW + n * FRAME, &fill);
    assert_int_equal(t.resyncs, 1);
    assert_int_equal(stn_timeline_drift(&t), 0);
    assert_true(stn_timeline_ppm(&t) == 0);

    settled(&t);
    n = 0;
    come(&t, &n, 40, 1200, 0);
    assert_true(stn_timeline_drift(&t) > FRAME);

    stn_timeline_reset(&t);
    assert_int_equal(stn_timeline_drift(&t), 0);
    assert_int_equal(t.resyncs, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(believes_the_least_delayed_unit),
        cmocka_unit_test(starts_within_half_a_frame_of_the_truth),
        cmocka_unit_test(starts_on_the_grid_of_a_running_programme),
        cmocka_unit_test(tells_a_recording_by_its_age_on_arrival),
        cmocka_unit_test(dates_a_first_unit_back_so_far),
        cmocka_unit_test(plays_all_of_a_recording_on_a_running_programme),
        cmocka_unit_test(tells_a_recording_from_a_late_start),
        cmocka_unit_test(takes_units_within_the_margin),
        cmocka_unit_test(margin_spans_two_frames_of_any_length),
        cmocka_unit_test(fills_what_the_wall_clock_confirms),
        cmocka_unit_test(drops_late_units_until_it_is_a_clock),
        cmocka_unit_test(follows_a_clock_that_jumped),
        cmocka_unit_test(resync_catches_up_with_the_wall_clock),
        cmocka_unit_test(survives_any_timestamp),
        cmocka_unit_test(tells_how_clocks_drift),
        cmocka_unit_test(tells_what_is_missing),
        cmocka_unit_test(forgets_the_drift_of_another_clock),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
