/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The meter's alarms: dead air, one ear and clipping begin and end with sound
 * and silence of told lengths, and neither with anything shorter.
 */

#include "level_util.h"


static void
finds_dead_air_and_its_end(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 2);
    play(&m, &loud, 2000);
    assert_int_equal(m.r.silent_ms, 0);

    play(&m, &silence, LEVEL_DEAD_MS - 100);
    assert_int_equal(m.r.silent_ms, LEVEL_DEAD_MS - 100);
    assert_false(alarm_of(&m, STN_LEVEL_DEAD));
    play(&m, &silence, 100);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));
    assert_int_equal(m.r.silent_ms, LEVEL_DEAD_MS);

    /* nothing of these is sound that has returned */

    play(&m, &loud, 100);
    assert_int_equal(m.r.silent_ms, 0);
    play(&m, &silence, 300);
    play(&m, &loud, 900);
    play(&m, &silence, 100);
    play(&m, &loud, 900);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));

    play(&m, &loud, 100);
    assert_false(alarm_of(&m, STN_LEVEL_DEAD));

    meter_close(&m);
}


/* A click is a few samples: its block may be loud, but not ten of them. */

static void
does_not_take_clicks_for_sound(void **state)
{
    int      i;
    float    click[40];
    meter_t  m;

    (void) state;

    for (i = 0; i < 40; i++) {
        click[i] = i & 1 ? 0.9f : -0.9f;
    }

    meter_open(&m, 8000, 2);
    play(&m, &silence, LEVEL_DEAD_MS);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));

    for (i = 0; i < 50; i++) {
        play_samples(&m, click, 40);
        play(&m, &silence, 237);
        assert_true(alarm_of(&m, STN_LEVEL_DEAD));
    }

    meter_close(&m);
}


/* Phrases and pauses of a speaker whose gate is digital silence, and dips
 * within phrases, none of them where a block begins. */

static void
does_not_take_speech_for_dead_air(void **state)
{
    int      i;
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 2);

    for (i = 0; i < 40; i++) {
        play(&m, &loud, 730);
        play(&m, &silence, 110);
        play(&m, &loud, 410);
        play(&m, &silence, i % 4 ? 890 : LEVEL_DEAD_MS - 650);
        assert_false(alarm_of(&m, STN_LEVEL_DEAD));
    }

    meter_close(&m);
}


static void
takes_the_loudest_channel_and_the_set_level(void **state)
{
    meter_t  m;

    static const sound_t  third = { 400, 0, { OFF, OFF, -20 } };

    (void) state;

    meter_open(&m, 8000, 3);
    play(&m, &third, 3 * LEVEL_DEAD_MS);
    assert_int_equal(m.r.alarms, 0);

    play_db(&m, -59 + 3.01, 3 * LEVEL_DEAD_MS);
    assert_int_equal(m.r.alarms, 0);
    play_db(&m, -61 + 3.01, LEVEL_DEAD_MS);
    assert_int_equal(m.r.alarms, STN_LEVEL_DEAD);

    meter_close(&m);
}


static void
keeps_dead_air_over_a_reset(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 2);
    play(&m, &silence, LEVEL_DEAD_MS + 1000);
    play(&m, &loud, 900);

    stn_level_reset(m.l);
    stn_level_report(m.l, &m.r);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));
    assert_int_equal(m.r.silent_ms, 0);
    assert_int_equal(m.r.channels, 0);

    /* what sounded before does not count */

    play(&m, &loud, 900);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));
    play(&m, &loud, 100);
    assert_false(alarm_of(&m, STN_LEVEL_DEAD));

    /* nor does silence */

    play(&m, &silence, LEVEL_DEAD_MS - 100);
    stn_level_reset(m.l);
    play(&m, &silence, LEVEL_DEAD_MS - 100);
    assert_false(alarm_of(&m, STN_LEVEL_DEAD));
    play(&m, &silence, 100);
    assert_true(alarm_of(&m, STN_LEVEL_DEAD));

    meter_close(&m);
}


static void
forgets_the_rest_on_a_reset(void **state)
{
    int      i;
    float    x[80];
    meter_t  m;

    static const sound_t  left = { 400, 0, { -20, OFF } };

    (void) state;

    for (i = 0; i < 80; i++) {
        x[i] = i % 8 < 4 ? 1 : 0;
    }

    meter_open(&m, 8000, 2);
    play(&m, &left, STN_LEVEL_EAR_MS);
    play_samples(&m, x, 80);
    play(&m, &left, 100);
    assert_int_equal(m.r.alarms, STN_LEVEL_ONE_EAR | STN_LEVEL_CLIPPING);
    assert_int_equal(m.r.clipped, 20);

    stn_level_reset(m.l);
    stn_level_report(m.l, &m.r);
    assert_int_equal(stn_level_alarms(m.l), 0);
    assert_int_equal(m.r.clipped, 0);
    assert_int_equal(m.r.integrated, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.momentary, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.max_true_peak, STN_LEVEL_FLOOR);
    assert_int_equal(stn_level_last(m.l), STN_LEVEL_FLOOR);

    play(&m, &left, STN_LEVEL_EAR_MS - 100);
    assert_int_equal(m.r.alarms, 0);
    assert_int_equal(m.r.clipped, 0);

    meter_close(&m);
}


static void
never_finds_dead_air_when_told_so(void **state)
{
    meter_t           m;
    stn_level_conf_t  conf;

    (void) state;

    conf.dead_level = -6000;
    conf.dead_ms = 0;

    meter_open(&m, 8000, 2);
    stn_level_close(m.l);
    m.l = stn_level_open(&conf);

    play(&m, &silence, 60000);
    assert_int_equal(m.r.alarms, 0);
    assert_int_equal(m.r.silent_ms, 60000);

    meter_close(&m);
}


static void
finds_a_dead_ear_and_its_end(void **state)
{
    unsigned  ear;
    meter_t   m;
    sound_t   one;

    (void) state;

    for (ear = 0; ear < 2; ear++) {
        one = loud;
        one.db[ear] = OFF;

        meter_open(&m, 8000, 2);
        play(&m, &loud, 1000);
        play(&m, &one, STN_LEVEL_EAR_MS - 100);
        assert_false(alarm_of(&m, STN_LEVEL_ONE_EAR));
        play(&m, &one, 100);
        assert_int_equal(m.r.alarms, STN_LEVEL_ONE_EAR);

        play(&m, &loud, STN_LEVEL_RETURN_MS - 100);
        assert_true(alarm_of(&m, STN_LEVEL_ONE_EAR));
        play(&m, &one, 100);
        play(&m, &loud, STN_LEVEL_RETURN_MS - 100);
        assert_true(alarm_of(&m, STN_LEVEL_ONE_EAR));
        play(&m, &loud, 100);
        assert_false(alarm_of(&m, STN_LEVEL_ONE_EAR));

        /* dead air is both ears' */

        play(&m, &one, STN_LEVEL_EAR_MS);
        assert_int_equal(m.r.alarms, STN_LEVEL_ONE_EAR);
        play(&m, &silence, LEVEL_DEAD_MS);
        assert_int_equal(m.r.alarms, STN_LEVEL_DEAD);

        meter_close(&m);
    }
}


/* A speaker on one side pauses; a sound on both sides begins the count anew,
 * and so does the other side alone. */

static void
counts_a_dead_ear_over_pauses_only(void **state)
{
    int      i;
    meter_t  m;

    static const sound_t  left = { 400, 0, { -20, OFF } };
    static const sound_t  right = { 400, 0, { OFF, -20 } };

    (void) state;

    meter_open(&m, 8000, 2);

    for (i = 0; i < 10; i++) {
        assert_false(alarm_of(&m, STN_LEVEL_ONE_EAR));
        play(&m, &left, STN_LEVEL_EAR_MS / 10);
        play(&m, &silence, 500);
    }

    assert_true(alarm_of(&m, STN_LEVEL_ONE_EAR));

    play(&m, &right, 100);
    assert_false(alarm_of(&m, STN_LEVEL_ONE_EAR));
    play(&m, &right, STN_LEVEL_EAR_MS - 200);
    play(&m, &loud, 100);
    play(&m, &right, STN_LEVEL_EAR_MS - 100);
    assert_false(alarm_of(&m, STN_LEVEL_ONE_EAR));
    play(&m, &right, 100);
    assert_true(alarm_of(&m, STN_LEVEL_ONE_EAR));

    meter_close(&m);
}


static void
has_one_ear_only_of_two(void **state)
{
    size_t   i;
    meter_t  m;

    static const struct {
        unsigned  channels;
        sound_t   s;
        unsigned  alarm;
    } cases[] = {
        { 1, { 400, 0, { -20 } }, 0 },
        { 2, { 400, 0, { -20, -20 } }, 0 },
        { 3, { 400, 0, { OFF, OFF, -20 } }, 0 },
        { 3, { 400, 0, { -20, -20, OFF } }, 0 },
        { 3, { 400, 0, { -20, OFF, -20 } }, STN_LEVEL_ONE_EAR },

        /* RMS is 3 dB below these */
        { 2, { 400, 0, { -20, -56 } }, 0 },
        { 2, { 400, 0, { -20, -58 } }, STN_LEVEL_ONE_EAR },
        { 2, { 400, 0, { -36, OFF } }, STN_LEVEL_ONE_EAR },
        { 2, { 400, 0, { -38, OFF } }, 0 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        meter_open(&m, 8000, cases[i].channels);
        play(&m, &cases[i].s, 2 * STN_LEVEL_EAR_MS);
        assert_int_equal(m.r.alarms, cases[i].alarm);

        m.pcm.channels = 1;
        play(&m, &loud, 200);
        assert_int_equal(m.r.alarms, 0);

        meter_close(&m);
    }
}


/* One run of n samples at x, then sound that is not, to the block's end. */

static void
play_run(meter_t *m, float x, size_t n)
{
    size_t  i;
    float   block[800];

    for (i = 0; i < 800; i++) {
        block[i] = i >= 100 && i < 100 + n ? x : 0.1f;
    }

    play_samples(m, block, 800);
}


static void
counts_runs_at_full_scale(void **state)
{
    size_t   i;
    float    x[3] = { 1, 1, 1 };
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 1);

    for (i = 0; i < 20; i++) {
        play_run(&m, 1.0f, 2);
        play_run(&m, 0.998f, 10);
    }

    assert_int_equal(m.r.clipped, 0);

    play_run(&m, 32767.0f / 32768, 3);
    assert_int_equal(m.r.clipped, 1);
    play_run(&m, -1.0f, 3);
    assert_int_equal(m.r.clipped, 2);
    play_run(&m, 1.3f, 100);
    assert_int_equal(m.r.clipped, 3);

    /* over the end of a block: two samples, and one more */

    for (i = 0; i < 798; i++) {
        play_samples(&m, &(float) { 0 }, 1);
    }

    play_samples(&m, x, 2);
    assert_int_equal(m.r.clipped, 3);
    play_samples(&m, x, 1);
    play_db(&m, -20, 100);
    assert_int_equal(m.r.clipped, 4);

    meter_close(&m);
}


/* Full scale now here, now there is no run of any channel. */

static void
counts_runs_of_each_channel(void **state)
{
    size_t   i;
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 2);

    for (i = 0; i < 800; i++) {
        m.buf[0][i] = i % 4 < 2;
        m.buf[1][i] = !m.buf[0][i];
    }

    m.pcm.n = 800;
    assert_int_equal(stn_level_feed(m.l, &m.pcm), STN_OK);
    stn_level_report(m.l, &m.r);
    assert_int_equal(m.r.clipped, 0);

    play_run(&m, 1, 3);
    assert_int_equal(m.r.clipped, 2);

    meter_close(&m);
}


static void
finds_clipping_and_its_end(void **state)
{
    int      i;
    meter_t  m;

    (void) state;

    meter_open(&m, 8000, 1);

    /* ten runs, but never more than nine in ten seconds */

    for (i = 0; i < 20; i++) {
        play_run(&m, 1, 3);
        play(&m, &loud, 1100);
        assert_false(alarm_of(&m, STN_LEVEL_CLIPPING));
    }

    play(&m, &loud, STN_LEVEL_CLIP_MS);

    for (i = 0; i < STN_LEVEL_CLIP_RUNS - 1; i++) {
        play_run(&m, 1, 3);
        play(&m, &loud, 900);
    }

    assert_false(alarm_of(&m, STN_LEVEL_CLIPPING));
    play_run(&m, 1, 3);
    assert_true(alarm_of(&m, STN_LEVEL_CLIPPING));

    /* over when none came for so long */

    play(&m, &loud, STN_LEVEL_CLIP_MS - 200);
    play_run(&m, 1, 3);
    play(&m, &loud, STN_LEVEL_CLIP_MS - 100);
    assert_true(alarm_of(&m, STN_LEVEL_CLIPPING));
    play(&m, &loud, 100);
    assert_false(alarm_of(&m, STN_LEVEL_CLIPPING));

    meter_close(&m);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(finds_dead_air_and_its_end),
        cmocka_unit_test(does_not_take_clicks_for_sound),
        cmocka_unit_test(does_not_take_speech_for_dead_air),
        cmocka_unit_test(takes_the_loudest_channel_and_the_set_level),
        cmocka_unit_test(keeps_dead_air_over_a_reset),
        cmocka_unit_test(forgets_the_rest_on_a_reset),
        cmocka_unit_test(never_finds_dead_air_when_told_so),
        cmocka_unit_test(finds_a_dead_ear_and_its_end),
        cmocka_unit_test(counts_a_dead_ear_over_pauses_only),
        cmocka_unit_test(has_one_ear_only_of_two),
        cmocka_unit_test(counts_runs_at_full_scale),
        cmocka_unit_test(counts_runs_of_each_channel),
        cmocka_unit_test(finds_clipping_and_its_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
