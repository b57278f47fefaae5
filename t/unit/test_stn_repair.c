/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which unit is dropped or played twice: not before a frame is wrong, seldom,
 * and in the quietest place that comes in time.
 */

#include "wire_util.h"

#include "programme/stn_repair.h"


#define RATE   48000
#define FRAME  1024

#define NOW  ((int64_t) 1763719207 * RATE)

#define MS(samples)  ((samples) * 1000 / RATE)


/* Looks at units of one level until one is repaired, or ms milliseconds have
 * passed.  Returns what was done; *now is when. */

static int
look(stn_repair_t *r, int32_t level, int64_t drift, int64_t ms, int64_t *now)
{
    int      rc;
    int64_t  end;

    for (end = *now + ms * RATE / 1000; *now < end; *now += FRAME) {
        rc = stn_repair_look(r, level, drift, *now);

        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static void
waits_for_a_whole_frame(void **state)
{
    int64_t       now;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;

    assert_int_equal(look(&r, 0, FRAME - 1, 60000, &now), 0);
    assert_int_equal(look(&r, 0, 1 - FRAME, 60000, &now), 0);
    assert_int_equal(stn_repair_look(&r, 0, FRAME, now), 1);

    stn_repair_init(&r, RATE, FRAME);
    assert_int_equal(stn_repair_look(&r, 0, -FRAME, now), -1);
}


static void
repairs_a_frame_in_twenty_seconds(void **state)
{
    int           i;
    int64_t       now, last;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;
    assert_int_equal(look(&r, 0, -50 * FRAME, 1000, &now), -1);

    for (i = 0; i < 10; i++) {
        last = now;
        assert_int_equal(look(&r, 0, -50 * FRAME, 60000, &now), -1);
        assert_in_range(MS(now - last), STN_REPAIR_PAUSE_MS,
                        STN_REPAIR_PAUSE_MS + 22);
    }
}


/* Two quiet units in a row, since what is repaired sounds with the one before
 * it. */

static void
finds_a_pause(void **state)
{
    int64_t       now;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;

    assert_int_equal(look(&r, -2000, 0, 30000, &now), 0);
    assert_int_equal(look(&r, -2000, 2 * FRAME, 5000, &now), 0);

    assert_int_equal(stn_repair_look(&r, -4000, 2 * FRAME, now), 0);
    assert_int_equal(stn_repair_look(&r, -2000, 2 * FRAME, now), 0);
    assert_int_equal(stn_repair_look(&r, -4000, 2 * FRAME, now), 0);
    assert_int_equal(stn_repair_look(&r, -4000, 2 * FRAME, now), 1);
}


static void
finds_a_pause_in_what_is_quiet_already(void **state)
{
    int64_t       now;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;

    assert_int_equal(look(&r, -4500, 0, 30000, &now), 0);
    assert_int_equal(look(&r, -4500, FRAME, 5000, &now), 0);
    assert_int_equal(stn_repair_look(&r, -5000, FRAME, now), 0);
    assert_int_equal(stn_repair_look(&r, -5000, FRAME, now), 1);

    /* digital silence is no average that sound could be below */

    assert_int_equal(look(&r, -12000, 0, 60000, &now), 0);
    assert_true(r.average > -6100);
}


/* Without pauses it takes what is there, but not at once. */

static void
takes_anything_in_the_end(void **state)
{
    int64_t       now, since;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;

    assert_int_equal(look(&r, -1500, 0, 30000, &now), 0);
    since = now;
    assert_int_equal(look(&r, -1500, FRAME, 60000, &now), 1);
    assert_in_range(MS(now - since), STN_REPAIR_WAIT_MS / 2,
                    STN_REPAIR_WAIT_MS + 22);

    /* a unit that was not measured is not quiet, but no reason to wait on */

    now += 60 * RATE;
    since = now;
    assert_int_equal(look(&r, 0, FRAME, 60000, &now), 1);
    assert_in_range(MS(now - since), STN_REPAIR_WAIT_MS,
                    STN_REPAIR_WAIT_MS + 22);
}


/* Music that is never quiet: levels all over 10 dB.  What is repaired is far
 * quieter than most. */

static void
finds_the_quiet_places_of_music(void **state)
{
    int           rc;
    int32_t       level, before;
    int64_t       now, sum, found;
    uint32_t      x = 77;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    sum = 0;
    found = 0;
    before = -2000;

    for (now = NOW; found < 200; now += FRAME) {
        level = -1500 - (int32_t) (wire_random(&x) % 1000);
        rc = stn_repair_look(&r, level, 10 * FRAME, now);

        if (rc && ++found) {
            sum += stn_max(level, before);
        }

        before = level;
    }

    print_message("# music from -15 to -25 dB is repaired at %.1f dB\n",
                  (double) sum / (double) found / 100);
    assert_true(sum / found < -2250);
}


static void
gives_up_what_has_passed(void **state)
{
    int64_t       now;
    stn_repair_t  r;

    (void) state;

    stn_repair_init(&r, RATE, FRAME);
    now = NOW;

    assert_int_equal(look(&r, -2000, FRAME, 5000, &now), 0);
    assert_int_equal(look(&r, -2000, FRAME / 2, 1000, &now), 0);
    assert_int_equal(look(&r, -2000, FRAME / 2 - 1, 100, &now), 0);
    assert_int_equal(look(&r, -6000, FRAME - 1, 60000, &now), 0);

    /* but half a frame is enough to go on waiting with */

    assert_int_equal(look(&r, -2000, FRAME, 1000, &now), 0);
    assert_int_equal(look(&r, -6000, FRAME / 2, 100, &now), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(waits_for_a_whole_frame),
        cmocka_unit_test(repairs_a_frame_in_twenty_seconds),
        cmocka_unit_test(finds_a_pause),
        cmocka_unit_test(finds_a_pause_in_what_is_quiet_already),
        cmocka_unit_test(takes_anything_in_the_end),
        cmocka_unit_test(finds_the_quiet_places_of_music),
        cmocka_unit_test(gives_up_what_has_passed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
