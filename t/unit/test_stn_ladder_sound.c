/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a ladder sounds like where hold and live audio meet: a broadcaster
 * sends a low tone, which no cut can be hidden in, and whatever he does, all
 * renditions stay smooth.
 */

#include "ladder_util.h"

#include "programme/stn_hold_loop.h"


#define TONE  0.5

/* How sharply a tone of that level may bend at 48 kHz, coded: by itself
 * 0.0003, and what encoders add to it; a cut at its crest bends by its
 * level. */
#define TONE_BEND  0.004

/* RMS. */
#define TONE_MIN     0.30
#define COMFORT_MAX  0.02


static units_t  tone;


static int
make_units(void **state)
{
    (void) state;

    caster_tone(&tone, 48000, 2, TONE);

    return 0;
}


static int
free_units(void **state)
{
    (void) state;

    units_free(&tone);

    return 0;
}


static void
begin(ladder_rig_t *r, caster_t *c)
{
    ladder_init(r, 40);
    ladder_rungs(r);
    ladder_open(r);
    stn_ladder_birth(r->l, r->now_us);
    ladder_run(r, r->now_us + SEC);
    caster_init(c, &tone, r);
}


static void
arrive(ladder_rig_t *r, caster_t *c)
{
    assert_int_equal(stn_ladder_arrive(r->l, &tone.format), STN_OK);
    caster_init(c, &tone, r);
}


static void
assert_smooth(const ladder_rig_t *r)
{
    double    bend, most;
    unsigned  i;

    for (i = 0; i < r->conf.n; i++) {
        bend = ladder_sharpest(r, i, 0, r->now_us);
        most = TONE_BEND * pow(48000.0 / r->ears[i].heard.rate, 2);

        if (bend > most) {
            fail_msg("rendition %u bends by %g", i, bend);
        }
    }
}


/* How loud all renditions are from then until then. */

static void
assert_loud(const ladder_rig_t *r, int64_t from_us, int64_t until_us,
    unsigned live)
{
    double    loud;
    int64_t   us;
    unsigned  i;

    for (i = 0; i < r->conf.n; i++) {
        for (us = from_us + 20 * MS; us < until_us - 20 * MS; us += 10 * MS) {
            loud = ladder_loudness(r, i, us);

            if (live ? loud < TONE_MIN : loud > COMFORT_MAX) {
                fail_msg("rendition %u: %g, %d ms after %d ms", i, loud,
                         (int) ((us - from_us) / MS),
                         (int) ((from_us - LADDER_EPOCH) / MS));
            }
        }
    }
}


static void
hold_and_live_meet_without_a_click(void **state)
{
    int64_t       end_us;
    unsigned      n;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);

    for (n = 0; n < 3; n++) {
        arrive(&r, &c);
        caster_send(&c, &r, c.start_us + 2 * SEC + n * 111 * MS);
        stn_ladder_leave(r.l);
        end_us = caster_us(&c, c.made);
        ladder_run(&r, r.now_us + SEC + n * 77 * MS);

        assert_loud(&r, c.start_us + 90 * MS, end_us - 80 * MS, 1);
        assert_loud(&r, end_us + 20 * MS, r.now_us - 250 * MS, 0);
    }

    for (n = 0; n < r.conf.n; n++) {
        assert_int_equal(r.ears[n].flips, 6);
    }

    assert_smooth(&r);
    ladder_free(&r);
}


/* He vanishes in the middle of a word, and comes back as suddenly. */

static void
whoever_vanishes_fades_out(void **state)
{
    int64_t       end_us;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);
    arrive(&r, &c);
    caster_send(&c, &r, r.now_us + 1500 * MS);
    end_us = caster_us(&c, c.made);

    ladder_run(&r, end_us + 2 * SEC);
    assert_loud(&r, c.start_us + 90 * MS, end_us - 80 * MS, 1);
    assert_loud(&r, end_us + 20 * MS, r.now_us - 250 * MS, 0);

    /* a gap in his own time */

    c.start_us += 2 * SEC;
    c.base_ts += 2 * STN_TS_HZ;
    caster_send(&c, &r, r.now_us + 1500 * MS);
    assert_int_equal(r.ears[0].flips, 3);

    /* the network's: all of it comes at once, and is late */

    ladder_run(&r, r.now_us + 2 * SEC);
    assert_int_equal(r.ears[0].flips, 4);
    caster_send(&c, &r, r.now_us + 1500 * MS);
    assert_int_equal(r.ears[0].flips, 5);
    assert_true(stn_ladder_stats(r.l)->stale_dropped >= 14);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);

    assert_smooth(&r);
    ladder_free(&r);
}


/* Hardly there: shorter than it takes to fade in, again and again. */

static void
a_moment_of_sound_makes_no_click(void **state)
{
    unsigned      n, k;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);

    for (n = 1; n < 8; n++) {
        arrive(&r, &c);

        for (k = 0; k < 1 + n % 3; k++) {
            ladder_run(&r, stn_max(caster_arrives(&c), r.now_us));
            assert_int_equal(caster_put(&c, &r), STN_OK);
        }

        if (n % 2) {
            stn_ladder_leave(r.l);
        }

        ladder_run(&r, r.now_us + n * 113 * MS);
    }

    assert_true(r.ears[0].live > 0);
    assert_smooth(&r);
    ladder_free(&r);
}


static void
another_broadcaster_takes_over_without_a_click(void **state)
{
    unsigned      n, k;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);

    for (n = 0; n < 4; n++) {
        arrive(&r, &c);
        c.base_ts = (n + 1) * 1234567;
        caster_send(&c, &r, r.now_us + (700 + 31 * n) * MS);

        /* with more of him waiting than can be heard any more */

        for (k = 0; n % 2 && k < 10; k++) {
            assert_int_equal(caster_put(&c, &r), STN_OK);
        }

        (void) ladder_pump(&r);
    }

    assert_int_equal(r.ears[0].live > 80, 1);
    assert_smooth(&r);
    ladder_free(&r);
}


static void
mute_fades(void **state)
{
    int64_t       us;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);
    arrive(&r, &c);
    caster_send(&c, &r, r.now_us + SEC);

    us = r.now_us;
    stn_ladder_mute(r.l, 1);
    assert_int_equal(stn_ladder_holding(r.l), 1);
    caster_send(&c, &r, r.now_us + SEC);
    assert_loud(&r, us, r.now_us - 250 * MS, 0);

    us = r.now_us;
    stn_ladder_mute(r.l, 0);
    caster_send(&c, &r, r.now_us + SEC);
    assert_int_equal(stn_ladder_holding(r.l), 0);
    assert_loud(&r, us + 20 * MS, r.now_us - 250 * MS, 1);

    /* switched in the middle of its own slope */

    stn_ladder_mute(r.l, 1);
    caster_send(&c, &r, r.now_us + 20 * MS);
    stn_ladder_mute(r.l, 0);
    caster_send(&c, &r, r.now_us + SEC);

    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);
    assert_smooth(&r);
    ladder_free(&r);
}


/* A loop of a tone, as hold audio from a file would be. */

static void
make_loop(const ladder_rig_t *r, stn_hold_t *hold)
{
    sound_t               s;
    stn_pcm_t             pcm;
    stn_hold_loop_t      *l;
    stn_hold_loop_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.format = stn_ladder_hold_format(r->l);
    conf.bitrate = 128000;

    /* 60 frames of whole cycles */

    sound_tone(&s, 48000, 60 * 1024, 281.25, 0.4);
    sound_pcm(&s, 0, s.n, 2, &pcm);

    assert_int_equal(stn_hold_loop_open(&l, &conf), STN_OK);
    assert_int_equal(stn_hold_loop_feed(l, &pcm), STN_OK);
    assert_int_equal(stn_hold_loop_finish(l, hold), STN_OK);
    assert_int_equal(hold->frames, 60);

    stn_hold_loop_close(l);
    sound_free(&s);
}


static void
one_hold_turns_into_another(void **state)
{
    int64_t              us;
    unsigned             n;
    caster_t             c;
    stn_hold_t           hold;
    ladder_rig_t         r;
    const stn_format_t  *f;

    (void) state;

    begin(&r, &c);
    make_loop(&r, &hold);
    f = stn_ladder_hold_format(r.l);

    assert_int_equal(stn_ladder_hold(r.l, &hold, f), STN_OK);
    us = r.now_us;
    ladder_run(&r, r.now_us + SEC);
    assert_true(ladder_loudness(&r, 0, us + 200 * MS) > 0.2);

    /* under live audio, in the middle of a slope, and back and forth */

    arrive(&r, &c);
    caster_send(&c, &r, r.now_us + SEC);
    assert_int_equal(stn_ladder_hold(r.l, NULL, NULL), STN_OK);
    caster_send(&c, &r, r.now_us + SEC);
    stn_ladder_leave(r.l);
    ladder_run(&r, r.now_us + 40 * MS);

    for (n = 0; n < 5; n++) {
        assert_int_equal(stn_ladder_hold(r.l, n % 2 ? NULL : &hold, f),
                         STN_OK);
        ladder_run(&r, r.now_us + (n + 1) * 25 * MS);
    }

    ladder_run(&r, r.now_us + SEC);
    assert_smooth(&r);

    /* nothing else than the ladder can play */

    assert_int_equal(stn_ladder_hold(r.l, &hold, stn_ladder_format(r.l, 1)),
                     STN_UNSUPPORTED);

    ladder_free(&r);
    stn_hold_free(&hold);
}


/* A loop that was there before the birth follows on a window of comfort, in
 * time for who comes first. */

static void
a_window_turns_into_hold(void **state)
{
    int64_t       us;
    stn_hold_t    hold;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 40);
    r.window_s = 20;
    ladder_rungs(&r);
    ladder_open(&r);
    make_loop(&r, &hold);

    assert_int_equal(stn_ladder_hold(r.l, &hold,
                                     stn_ladder_hold_format(r.l)), STN_OK);
    us = r.now_us;
    stn_ladder_birth(r.l, us);
    ladder_run(&r, us + 2 * SEC);

    assert_loud(&r, r.first * 1000 / 48, us - 13 * SEC, 0);
    assert_true(ladder_loudness(&r, 1, us - 11 * SEC) > 0.2);
    assert_true(ladder_loudness(&r, 1, us + 200 * MS) > 0.2);
    assert_smooth(&r);

    ladder_free(&r);
    stn_hold_free(&hold);
}


/* Another process takes over in the middle of hold audio: no listener can
 * tell where. */

static void
an_adoption_under_hold_audio_is_not_heard(void **state)
{
    double        loud;
    int64_t       us, at_us;
    unsigned      i;
    stn_hold_t    hold;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 40);
    ladder_rungs(&r);
    ladder_open(&r);
    make_loop(&r, &hold);
    assert_int_equal(stn_ladder_hold(r.l, &hold,
                                     stn_ladder_hold_format(r.l)), STN_OK);
    stn_ladder_birth(r.l, r.now_us);

    r.stop = (r.now_us + 1500 * MS) * 48 / 1000;
    r.stop -= r.stop % stn_ladder_quantum(r.conf.renditions, r.conf.n);
    at_us = r.stop * 1000 / 48;
    ladder_run(&r, r.now_us + 2 * SEC);

    stn_ladder_close(r.l);
    r.l = stn_ladder_open(&r.conf);
    assert_non_null(r.l);
    assert_int_equal(stn_ladder_hold(r.l, &hold,
                                     stn_ladder_hold_format(r.l)), STN_OK);
    stn_ladder_resume(r.l, r.stop);
    r.stop = 0;
    ladder_run(&r, r.now_us + SEC);

    assert_smooth(&r);

    for (i = 0; i < r.conf.n; i++) {
        for (us = at_us - 200 * MS; us < at_us + 200 * MS; us += 5 * MS) {
            loud = ladder_loudness(&r, i, us);

            if (fabs(loud - 0.4 * M_SQRT1_2) > 0.01) {
                fail_msg("rendition %u: %g at %d ms", i, loud,
                         (int) ((us - at_us) / MS));
            }
        }
    }

    ladder_free(&r);
    stn_hold_free(&hold);
}


/* And after an outage of minutes: what lies in the past is comfort, at once,
 * and hold audio only what is heard soon. */

static void
an_outage_is_filled_with_comfort(void **state)
{
    int64_t       from_us;
    stn_hold_t    hold;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 130);
    ladder_rungs(&r);
    ladder_open(&r);
    make_loop(&r, &hold);
    assert_int_equal(stn_ladder_hold(r.l, &hold,
                                     stn_ladder_hold_format(r.l)), STN_OK);

    r.stop = (r.now_us - 120 * SEC) * 48 / 1000;
    r.stop -= r.stop % stn_ladder_quantum(r.conf.renditions, r.conf.n);
    from_us = r.stop * 1000 / 48;
    stn_ladder_resume(r.l, r.stop);
    r.stop = 0;
    ladder_run(&r, r.now_us + 3 * SEC);

    assert_loud(&r, from_us, r.now_us - 16 * SEC, 0);
    assert_true(ladder_loudness(&r, 0, r.now_us - 14 * SEC) > 0.2);
    assert_true(ladder_loudness(&r, 0, r.now_us - SEC) > 0.2);
    assert_smooth(&r);
    assert_in_range(stn_ladder_stats(r.l)->hold_frames, 122 * 47, 123 * 47);

    ladder_free(&r);
    stn_hold_free(&hold);
}


/* Another process takes over while somebody is heard.  He is cut off where
 * the frames of the first end; decoders overlap frames, and that is all the
 * slope there is: 20 ms for AAC, 2.5 for Opus. */

static void
an_adoption_under_live_audio_is_soft(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c);
    arrive(&r, &c);
    caster_send(&c, &r, r.now_us + SEC);

    r.stop = (r.now_us + 700 * MS) * 48 / 1000;
    r.stop -= r.stop % stn_ladder_quantum(r.conf.renditions, r.conf.n);
    caster_send(&c, &r, r.now_us + SEC);

    stn_ladder_close(r.l);
    r.l = stn_ladder_open(&r.conf);
    assert_non_null(r.l);
    stn_ladder_resume(r.l, r.stop);
    r.stop = 0;
    ladder_run(&r, r.now_us + SEC);

    assert_smooth(&r);
    ladder_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hold_and_live_meet_without_a_click),
        cmocka_unit_test(whoever_vanishes_fades_out),
        cmocka_unit_test(a_moment_of_sound_makes_no_click),
        cmocka_unit_test(another_broadcaster_takes_over_without_a_click),
        cmocka_unit_test(mute_fades),
        cmocka_unit_test(one_hold_turns_into_another),
        cmocka_unit_test(a_window_turns_into_hold),
        cmocka_unit_test(an_adoption_under_hold_audio_is_not_heard),
        cmocka_unit_test(an_outage_is_filled_with_comfort),
        cmocka_unit_test(an_adoption_under_live_audio_is_soft),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_units, free_units);
}
