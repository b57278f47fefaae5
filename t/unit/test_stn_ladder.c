/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The life of a ladder: how it is born, how it goes on in another process,
 * that its renditions are in phase and where their dates say, and when it
 * waits for whom.
 */

#include "ladder_util.h"


/* How sharply the comfort chord may bend, coded. */
#define COMFORT_BEND  0.001


/* What a broadcaster sends: ten seconds that are like themselves at one lag
 * only. */

static units_t  sweeps;
static sound_t  sweeps_sound;


static int
make_units(void **state)
{
    (void) state;

    sound_sweeps(&sweeps_sound, 48000, 10 * 48000, 0);
    assert_true(units_encode(&sweeps, STN_CODEC_AAC, "aac", &sweeps_sound,
                             2));

    return 0;
}


static int
free_units(void **state)
{
    (void) state;

    units_free(&sweeps);
    sound_free(&sweeps_sound);

    return 0;
}


static void
quanta_are_whole_frames_of_all(void **state)
{
    stn_encoder_conf_t  c[3] = {
        { STN_CODEC_AAC, 48000, 2, 128000 },
        { STN_CODEC_AAC, 24000, 1, 32000 },
        { STN_CODEC_OPUS, 48000, 2, 64000 },
    };

    (void) state;

    assert_int_equal(stn_ladder_quantum(c, 1), 1024);
    assert_int_equal(stn_ladder_quantum(c, 2), 2048);
    assert_int_equal(stn_ladder_quantum(c, 3), 30720);
    assert_int_equal(stn_ladder_quantum(c + 2, 1), 960);

    c[1].rate = 32000;
    assert_int_equal(stn_ladder_quantum(c, 2), 3072);
    c[1].rate = 16000;
    assert_int_equal(stn_ladder_quantum(c, 2), 3072);

    c[1].rate = 44100;
    assert_int_equal(stn_ladder_quantum(c, 2), 0);
    c[1].rate = 0;
    assert_int_equal(stn_ladder_quantum(c, 2), 0);
}


static void
refuses_what_cannot_be_a_ladder(void **state)
{
    stn_ladder_conf_t  c;

    (void) state;

    memset(&c, 0, sizeof(c));
    assert_null(stn_ladder_open(&c));

    c.n = 1;
    c.renditions[0].codec = STN_CODEC_AAC;
    c.renditions[0].rate = 44100;
    c.renditions[0].channels = 2;
    c.renditions[0].bitrate = 64000;
    assert_null(stn_ladder_open(&c));

    c.renditions[0].rate = 48000;
    c.renditions[0].channels = 6;
    assert_null(stn_ladder_open(&c));

    c.renditions[0].channels = 2;
    c.renditions[0].codec = STN_CODEC_MP3;
    assert_null(stn_ladder_open(&c));

    c.n = STN_LADDER_RENDITIONS + 1;
    assert_null(stn_ladder_open(&c));

    stn_ladder_close(NULL);
}


/* Rendition i of the sweeps as it would be without any coding, if they began
 * at a place given at 48 kHz. */

static void
ideal(const ladder_rig_t *r, unsigned i, int64_t at, sound_t *s)
{
    uint32_t  rate;

    rate = stn_ladder_format(r->l, i)->rate;
    sound_sweeps(s, rate, 10 * rate, stn_rescale(at, rate, 48000));
}


static void
renditions_are_in_phase_and_on_time(void **state)
{
    int64_t       at, lag;
    sound_t       want;
    unsigned      i;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 18);
    ladder_rungs(&r);
    ladder_add(&r, STN_CODEC_AAC, 32000, 2, 48000);
    ladder_add(&r, STN_CODEC_AAC, 16000, 1, 24000);
    ladder_add(&r, STN_CODEC_AAC, 48000, 1, 64000);
    ladder_open(&r);

    stn_ladder_birth(r.l, r.now_us);
    ladder_run(&r, r.now_us + SEC);

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);
    caster_send(&c, &r, r.now_us + 5 * SEC);

    /* where the first rendition has it: what an encoder of AAC sends is a
     * frame old, and the date lies between the sound and its arrival */

    at = stn_rescale(c.start_us, 48000, 1000000);
    ideal(&r, 0, at, &want);
    lag = sound_lag(&want, &r.ears[0].heard, want.pos + 48000, 12000, 2400);
    sound_free(&want);

    assert_in_range(lag + 2400, 2400 + 1024 - 960, 2400 + 1024);
    at += lag;

    /* and all others just there */

    for (i = 1; i < r.conf.n; i++) {
        ideal(&r, i, at, &want);
        lag = sound_lag(&want, &r.ears[i].heard, want.pos + want.rate,
                        want.rate / 4, 400);
        sound_free(&want);

        if (llabs(lag) > 1) {
            fail_msg("rendition %u is off by %d samples", i, (int) lag);
        }
    }

    ladder_free(&r);
}


/* A chord is soft, and bends as gently as its notes; a seam would not. */

static void
assert_only_comfort(const ladder_rig_t *r, int64_t from_us, int64_t until_us)
{
    double    bend, loud;
    int64_t   us;
    unsigned  i;

    for (i = 0; i < r->conf.n; i++) {
        bend = ladder_sharpest(r, i, from_us, until_us);

        if (bend > COMFORT_BEND) {
            fail_msg("rendition %u bends by %g", i, bend);
        }

        for (us = from_us + 200 * MS; us < until_us - 200 * MS;
             us += 10 * MS)
        {
            loud = ladder_loudness(r, i, us);

            if (loud < 0.003 || loud > 0.02) {
                fail_msg("rendition %u: %g", i, loud);
            }
        }
    }
}


/* Where rendition i has come to, microseconds. */

static int64_t
heard_us(const ladder_rig_t *r, unsigned i)
{
    return stn_rescale(r->ears[i].next, 1000000,
                       stn_ladder_format(r->l, i)->rate);
}


static int64_t
first_us(const ladder_rig_t *r)
{
    return stn_rescale(r->first, 1000000, STN_LADDER_RATE);
}


/* The chord goes round in 96 frames, over the seam as anywhere else. */

static void
assert_goes_round(ladder_rig_t *r, int64_t from_us)
{
    double    like;
    int64_t   n;
    sound_t  *s;
    unsigned  i;

    for (i = 0; i < r->conf.n; i++) {
        s = &r->ears[i].heard;
        n = 96 * 1024 * (int64_t) s->rate / 48000;
        like = sound_likeness(s, s, stn_rescale(from_us, s->rate, 1000000), n,
                              -n);

        if (like < 0.98) {
            fail_msg("rendition %u: %g", i, like);
        }
    }
}


static void
is_born_with_a_window_of_comfort(void **state)
{
    int64_t       born_us;
    unsigned      i;
    ladder_rig_t  r;
    stn_frame_t   f;

    (void) state;

    ladder_init(&r, 20);
    ladder_rungs(&r);
    ladder_open(&r);

    assert_int_equal(stn_ladder_next(r.l, r.now_us, &f), STN_AGAIN);
    assert_true(stn_ladder_due(r.l) == INT64_MAX);

    born_us = r.now_us;
    stn_ladder_birth(r.l, born_us);
    assert_true(stn_ladder_due(r.l) <= born_us);
    (void) ladder_pump(&r);

    /* the window begins with a segment and is there at once, but for what an
     * encoder is late by and a quantum */

    assert_int_equal(r.first % r.conf.segment, 0);
    assert_in_range(born_us - first_us(&r), LADDER_WINDOW_S * SEC,
                    (LADDER_WINDOW_S + 3) * SEC);

    for (i = 0; i < r.conf.n; i++) {
        assert_in_range(born_us - heard_us(&r, i), 0, 900 * MS);
    }

    /* then in real time */

    ladder_run(&r, born_us + 5 * SEC);

    for (i = 0; i < r.conf.n; i++) {
        assert_in_range(r.now_us - heard_us(&r, i), 60 * MS, 250 * MS);
        assert_int_equal(r.ears[i].live, 0);
    }

    assert_only_comfort(&r, first_us(&r), r.now_us - 300 * MS);

    assert_goes_round(&r, born_us - 1200 * MS);

    assert_int_equal(stn_ladder_holding(r.l), 1);
    assert_int_equal(stn_ladder_stats(r.l)->live_frames, 0);
    assert_in_range(stn_ladder_stats(r.l)->hold_frames,
                    (r.now_us - first_us(&r)) * 48 / 1000 / 1024 - 12,
                    (r.now_us - first_us(&r)) * 48 / 1000 / 1024);

    ladder_free(&r);
}


static void
is_born_by_its_first_broadcaster(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 20);
    ladder_rungs(&r);
    ladder_open(&r);

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);

    /* while he is watched, nothing */

    caster_send(&c, &r, c.start_us + 100 * MS);
    assert_true(r.first == -1);
    assert_true(stn_ladder_due(r.l) > r.now_us);
    assert_true(stn_ladder_due(r.l) < c.start_us + 200 * MS);

    caster_send(&c, &r, c.start_us + 3 * SEC);

    assert_int_equal(r.first % r.conf.segment, 0);
    assert_in_range(c.start_us - first_us(&r), LADDER_WINDOW_S * SEC,
                    (LADDER_WINDOW_S + 3) * SEC);
    assert_int_equal(r.ears[0].flips, 1);
    assert_int_equal(stn_ladder_holding(r.l), 0);
    assert_only_comfort(&r, first_us(&r), c.start_us - 20 * MS);

    /* all of him, from the first unit on */

    assert_in_range(stn_ladder_stats(r.l)->live_frames, 135, 141);

    ladder_free(&r);
}


/* Lets the ladder ask for each wake-up: there is a frame for each, and none
 * is later than encoders are. */

static void
asks_to_be_woken_for_frames(void **state)
{
    unsigned      i, woken;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 0);
    ladder_rungs(&r);
    ladder_open(&r);

    stn_ladder_birth(r.l, r.now_us);
    ladder_run(&r, r.now_us + SEC);
    r.latest = 0;

    for (woken = 0; woken < 500; woken++) {
        r.now_us = stn_ladder_due(r.l);
        assert_true(ladder_pump(&r) > 0);
    }

    /* fade, date, a block of AAC at 24 kHz and another */

    assert_in_range(r.latest, 100 * MS, (50 + 10 + 2 * 43 + 2) * MS);

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);
    caster_send(&c, &r, r.now_us + SEC);
    r.latest = 0;
    caster_send(&c, &r, r.now_us + 4 * SEC);

    /* and waiting for a unit */

    assert_in_range(r.latest, 100 * MS, (50 + 10 + 2 * 43 + 2 + 22) * MS);

    for (i = 0; i < r.conf.n; i++) {
        assert_int_equal(r.ears[i].flips, 1);
    }

    ladder_free(&r);
}


static void
waits_for_who_is_late_not_for_who_has_left(void **state)
{
    int64_t       end_us;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 0);
    ladder_rungs(&r);
    ladder_open(&r);
    stn_ladder_birth(r.l, r.now_us);

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);
    caster_send(&c, &r, r.now_us + 3 * SEC);

    /* a stall of just less than what is waited: it was nothing */

    ladder_run(&r, r.now_us + LADDER_PART + LADDER_GRACE - 40 * MS);
    assert_int_equal(stn_ladder_holding(r.l), 0);
    caster_send(&c, &r, r.now_us + 3 * SEC);
    assert_int_equal(r.ears[0].flips, 1);
    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);

    /* more than that */

    end_us = caster_us(&c, c.made);
    ladder_run(&r, end_us + LADDER_PART + LADDER_GRACE - 40 * MS);
    assert_int_equal(stn_ladder_holding(r.l), 0);
    assert_int_equal(stn_ladder_drained(r.l), 0);
    ladder_run(&r, end_us + LADDER_PART + LADDER_GRACE + 40 * MS);
    assert_int_equal(stn_ladder_holding(r.l), 1);
    assert_int_equal(stn_ladder_drained(r.l), 1);
    ladder_run(&r, end_us + 3 * SEC);
    assert_int_equal(r.ears[0].flips, 2);

    /* gone: no waiting at all */

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);
    caster_send(&c, &r, r.now_us + 3 * SEC);
    assert_int_equal(stn_ladder_holding(r.l), 0);

    stn_ladder_leave(r.l);
    ladder_run(&r, r.now_us + 30 * MS);
    assert_int_equal(stn_ladder_drained(r.l), 1);
    ladder_run(&r, r.now_us + 100 * MS);
    assert_int_equal(stn_ladder_holding(r.l), 1);

    ladder_free(&r);
}


/* Another process takes a programme over: the frames of both are heard one
 * behind the other. */

static void
goes_on_where_another_process_stopped(void **state)
{
    int64_t       quantum;
    unsigned      i;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 25);
    ladder_rungs(&r);
    ladder_open(&r);
    stn_ladder_birth(r.l, r.now_us);

    /* what the first one makes behind that place is not stored */

    quantum = stn_ladder_quantum(r.conf.renditions, r.conf.n);
    r.stop = (r.now_us + 1500 * MS) * 48 / 1000;
    r.stop -= r.stop % quantum;
    ladder_run(&r, r.now_us + 2 * SEC);

    stn_ladder_close(r.l);
    r.l = stn_ladder_open(&r.conf);
    assert_non_null(r.l);

    stn_ladder_resume(r.l, r.stop);
    r.stop = 0;
    assert_true(stn_ladder_due(r.l) <= r.now_us);
    (void) ladder_pump(&r);

    for (i = 0; i < r.conf.n; i++) {
        assert_in_range(r.now_us - heard_us(&r, i), 60 * MS, 250 * MS);
    }

    ladder_run(&r, r.now_us + 2 * SEC);
    assert_only_comfort(&r, first_us(&r), r.now_us - 300 * MS);

    ladder_free(&r);
}


/* Units may come before it is known whether there is a programme to go on
 * with: they are heard at their places. */

static void
units_wait_for_a_programme(void **state)
{
    int64_t       pos;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 0);
    ladder_rungs(&r);
    ladder_open(&r);

    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    caster_init(&c, &sweeps, &r);

    while (caster_arrives(&c) <= c.start_us + 2 * SEC) {
        r.now_us = caster_arrives(&c);
        assert_int_equal(caster_put(&c, &r), STN_OK);
    }

    pos = (c.start_us + 800 * MS) * 48 / 1000;
    pos -= pos % stn_ladder_quantum(r.conf.renditions, r.conf.n);
    stn_ladder_resume(r.l, pos);
    caster_send(&c, &r, r.now_us + SEC);

    assert_int_equal(stn_ladder_holding(r.l), 0);
    assert_int_equal(r.first, pos);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);
    assert_in_range(stn_ladder_stats(r.l)->stale_dropped, 2, 40);
    assert_in_range(stn_ladder_stats(r.l)->live_frames, 98, 134);
    assert_in_range(stn_ladder_stats(r.l)->hold_frames, 0, 8);

    ladder_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(quanta_are_whole_frames_of_all),
        cmocka_unit_test(refuses_what_cannot_be_a_ladder),
        cmocka_unit_test(renditions_are_in_phase_and_on_time),
        cmocka_unit_test(is_born_with_a_window_of_comfort),
        cmocka_unit_test(is_born_by_its_first_broadcaster),
        cmocka_unit_test(asks_to_be_woken_for_frames),
        cmocka_unit_test(waits_for_who_is_late_not_for_who_has_left),
        cmocka_unit_test(goes_on_where_another_process_stopped),
        cmocka_unit_test(units_wait_for_a_programme),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_units, free_units);
}
