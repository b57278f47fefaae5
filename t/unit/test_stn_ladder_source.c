/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What broadcasters do to a ladder: every codec, clocks that drift, jump and
 * wrap, networks that stall and lose, recordings pushed at once, and garbage.
 */

#include "ladder_util.h"
#include "short_util.h"


static units_t  sweeps;
static units_t  tone;


static int
make_units(void **state)
{
    sound_t  s;

    (void) state;

    sound_sweeps(&s, 48000, 10 * 48000, 0);
    assert_true(units_encode(&sweeps, STN_CODEC_AAC, "aac", &s, 2));
    sound_free(&s);

    caster_tone(&tone, 8000, 1, 0.5);

    return 0;
}


static int
free_units(void **state)
{
    (void) state;

    units_free(&sweeps);
    units_free(&tone);

    return 0;
}


/* One cheap rendition, on which somebody is heard. */

static void
begin(ladder_rig_t *r, caster_t *c, const units_t *u)
{
    ladder_init(r, 20);
    ladder_add(r, STN_CODEC_AAC, 8000, 1, 16000);
    ladder_open(r);
    stn_ladder_birth(r->l, r->now_us);
    ladder_run(r, r->now_us + SEC);

    assert_int_equal(stn_ladder_arrive(r->l, &u->format), STN_OK);
    caster_init(c, u, r);
}


/* Nothing was wrong with him. */

static void
assert_untouched(const ladder_rig_t *r)
{
    const stn_programme_stats_t  *s;

    s = stn_ladder_stats(r->l);

    assert_int_equal(s->gaps_filled, 0);
    assert_int_equal(s->stale_dropped, 0);
    assert_int_equal(s->broken, 0);
    assert_int_equal(r->ears[0].flips, 1);
}


/* Sends a minute after the other; how late frames come stays within slack of
 * what it was in the first. */

static void
assert_keeps_up(ladder_rig_t *r, caster_t *c, unsigned minutes, int64_t slack)
{
    int64_t   late;
    unsigned  n;

    for (late = 0, n = 0; n < minutes; n++) {
        r->latest = 0;
        caster_send(c, r, r->now_us + 60 * SEC);

        late = n ? late : r->latest;

        if (llabs(r->latest - late) > slack) {
            fail_msg("minute %u: %d ms late, at first %d", n,
                     (int) (r->latest / MS), (int) (late / MS));
        }
    }
}


static void
keeps_up_with_a_clock(double ppm)
{
    double        frames;
    caster_t      c;
    ladder_rig_t  r;

    begin(&r, &c, &tone);
    c.ppm = ppm;
    c.jitter_us = 30 * MS;

    /* an hour: 1.1 s, were it not for the correction */

    assert_keeps_up(&r, &c, 60, 45 * MS);
    assert_untouched(&r);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);

    frames = 3600 * 300e-6 * 48000 / 1024;
    assert_in_range(stn_ladder_stats(r.l)->drift_repairs, frames * 0.9,
                    frames * 1.1);

    /* all the time a smooth tone: it bends by 0.011 */

    if (r.ears[0].bend > 0.014) {
        fail_msg("it bends by %g", r.ears[0].bend);
    }

    ladder_free(&r);
}


static void
keeps_up_with_a_fast_clock(void **state)
{
    (void) state;

    leave_out_if_short();

    keeps_up_with_a_clock(300);
}


static void
keeps_up_with_a_slow_clock(void **state)
{
    (void) state;

    leave_out_if_short();

    keeps_up_with_a_clock(-300);
}


/* Nothing drifts, but the network is uneven: next to nothing is corrected. */

static void
leaves_a_good_clock_alone(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &tone);
    c.jitter_us = 40 * MS;
    assert_keeps_up(&r, &c, 30, 45 * MS);
    assert_untouched(&r);
    assert_in_range(stn_ladder_stats(r.l)->drift_repairs, 0, 2);

    ladder_free(&r);
}


/* Timestamps are from another clock than the samples, a good one: there are
 * too few samples. */

static void
makes_up_for_missing_samples(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &tone);
    c.ppm = -200;
    c.skew = 200;
    assert_keeps_up(&r, &c, 20, 45 * MS);
    assert_untouched(&r);
    assert_in_range(stn_ladder_stats(r.l)->drift_repairs, 8, 13);
    assert_true(r.ears[0].bend < 0.014);

    ladder_free(&r);
}


static void
timestamps_may_jump_and_wrap(void **state)
{
    unsigned      i;
    caster_t      c;
    ladder_rig_t  r;

    static const int64_t  jumps[] = {
        3600 * (int64_t) STN_TS_HZ,
        -7200 * (int64_t) STN_TS_HZ,
        ((int64_t) 1 << 32) * 90,
        -((int64_t) 1 << 33),
        20 * STN_TS_HZ,
        -20 * STN_TS_HZ,
    };

    (void) state;

    begin(&r, &c, &tone);
    caster_send(&c, &r, r.now_us + 3 * SEC);

    for (i = 0; i < stn_nelems(jumps); i++) {
        c.base_ts += jumps[i];
        caster_send(&c, &r, r.now_us + 3 * SEC);
        assert_int_equal(stn_ladder_stats(r.l)->resyncs, i + 1);
    }

    /* and nobody has heard any of it */

    assert_untouched(&r);
    assert_true(r.ears[0].bend < 0.014);

    /* 32 bits of milliseconds, in the middle of everything */

    c.wrap_ts = ((int64_t) 1 << 32) * 90;
    c.base_ts = c.wrap_ts - (int64_t) c.made * c.units->format.frame
                            * STN_TS_HZ / c.units->format.rate - STN_TS_HZ;
    caster_send(&c, &r, r.now_us + 3 * SEC);
    assert_in_range(stn_ladder_stats(r.l)->resyncs, i + 1, i + 2);
    assert_untouched(&r);
    assert_true(r.ears[0].bend < 0.014);

    ladder_free(&r);
}


/* His encoder starts again, in the same session: a second of nothing, then
 * timestamps from 0. */

static void
an_encoder_may_start_again(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &tone);
    caster_send(&c, &r, r.now_us + 3 * SEC);
    ladder_run(&r, r.now_us + 1500 * MS);

    c.start_us = r.now_us;
    c.base_ts = 0;
    c.made = 0;
    r.latest = 0;
    caster_send(&c, &r, r.now_us + 10 * SEC);

    assert_int_equal(r.ears[0].flips, 3);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 1);
    assert_true(r.latest < SEC);
    assert_true(r.ears[0].bend < 0.014);

    ladder_free(&r);
}


/* Whatever the network does, frames come no later than before. */

static void
a_stall_leaves_no_latency_behind(void **state)
{
    int64_t       late;
    unsigned      n;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &tone);
    caster_send(&c, &r, r.now_us + 2 * SEC);
    r.latest = 0;
    caster_send(&c, &r, r.now_us + 2 * SEC);
    late = r.latest;

    for (n = 1; n < 12; n++) {
        ladder_run(&r, r.now_us + n * 300 * MS);
        caster_send(&c, &r, r.now_us + SEC);
        r.latest = 0;
        caster_send(&c, &r, r.now_us + 2 * SEC);

        if (llabs(r.latest - late) > 25 * MS) {
            fail_msg("%d ms late after a stall of %u, before it %d",
                     (int) (r.latest / MS), n * 300, (int) (late / MS));
        }
    }

    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);
    assert_true(stn_ladder_stats(r.l)->stale_dropped > 100);

    ladder_free(&r);
}


/* Two units out of a hundred never come: dates stay where they are. */

static void
lost_units_do_not_move_the_rest(void **state)
{
    int64_t       late;
    unsigned      n;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &sweeps);
    caster_send(&c, &r, r.now_us + 3 * SEC);
    late = r.latest;
    r.latest = 0;

    for (n = 0; n < 100; n++) {
        c.made++;
        caster_send(&c, &r, caster_us(&c, c.made + 50));
    }

    assert_in_range(r.latest, 1, late + 80 * MS);
    assert_in_range(stn_ladder_stats(r.l)->gaps_filled, 80, 140);
    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);

    ladder_free(&r);
}


/* MPEG-TS: as many units as fit into a packet come together. */

static void
units_may_come_in_heaps(void **state)
{
    uint64_t      stale;
    unsigned      n, k;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &sweeps);

    for (stale = 0, n = 0; n < 60; n++) {
        ladder_run(&r, caster_us(&c, c.made + 8));

        for (k = 0; k < 8; k++) {
            assert_int_equal(caster_put(&c, &r), STN_OK);
        }

        (void) ladder_pump(&r);

        /* before the first of them, hold audio had gone on */

        stale = n == 1 ? stn_ladder_stats(r.l)->stale_dropped : stale;
    }

    assert_in_range(stale, 0, 4);
    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, stale);
    assert_int_equal(stn_ladder_stats(r.l)->gaps_filled, 0);
    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);
    assert_int_equal(r.ears[0].flips, 1);

    ladder_free(&r);
}


/* A recording sent as fast as it is taken: what waits is bounded, all of it is
 * played, and no faster than the clock. */

static void
a_recording_is_played_whole(void **state)
{
    int64_t       start_us;
    unsigned      full;
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &sweeps);
    start_us = r.now_us;
    full = 0;

    while (c.made < 60 * 47) {
        if (caster_put(&c, &r) == STN_OK) {
            continue;
        }

        full++;
        ladder_run(&r, r.now_us + SEC);
    }

    assert_true(full > 20);
    assert_in_range(r.now_us - start_us, 20 * SEC, 60 * SEC);

    stn_ladder_leave(r.l);
    ladder_run(&r, start_us + 62 * SEC);

    assert_int_equal(stn_ladder_drained(r.l), 1);
    assert_in_range(stn_ladder_stats(r.l)->live_frames, 60 * 47 - 5, 60 * 47);
    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);
    assert_int_equal(stn_ladder_stats(r.l)->gaps_filled, 0);
    assert_int_equal(r.ears[0].flips, 2);

    ladder_free(&r);
}


/* Held up for two seconds on its way to a running programme: it is played so
 * much later, until it is known to be no recording. */

static void
a_late_start_is_brought_back(void **state)
{
    caster_t      c;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &sweeps);
    caster_send(&c, &r, r.now_us + 3 * SEC);
    stn_ladder_leave(r.l);
    ladder_run(&r, r.now_us + 3 * SEC);

    caster_init(&c, &sweeps, &r);
    assert_int_equal(stn_ladder_arrive(r.l, &sweeps.format), STN_OK);
    ladder_run(&r, r.now_us + 2 * SEC);

    while (caster_arrives(&c) <= r.now_us) {
        assert_int_equal(caster_put(&c, &r), STN_OK);
    }

    caster_send(&c, &r, r.now_us + 12 * SEC);

    assert_int_equal(stn_ladder_stats(r.l)->resyncs, 0);
    assert_in_range(stn_ladder_stats(r.l)->stale_dropped, 85, 105);

    ladder_free(&r);
}


static void
garbage_is_left_out(void **state)
{
    unsigned      n;
    uint8_t       junk[400];
    caster_t      c;
    stn_au_t      au;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &sweeps);
    srand(1);

    for (n = 0; n < 400; n++) {
        ladder_run(&r, stn_max(caster_arrives(&c), r.now_us));

        if (n % 10 == 9) {
            memset(junk, rand() % 256, sizeof(junk));
            memset(&au, 0, sizeof(au));
            au.data = junk;
            au.len = (size_t) (rand() % (int) sizeof(junk));
            au.ts = caster_ts(&c, c.made++);
            assert_int_equal(stn_ladder_feed(r.l, &au, r.now_us), STN_OK);

        } else {
            assert_int_equal(caster_put(&c, &r), STN_OK);
        }
    }

    ladder_run(&r, r.now_us + 300 * MS);
    assert_in_range(stn_ladder_stats(r.l)->broken, 30, 40);
    assert_true(stn_ladder_stats(r.l)->live_frames > 320);
    assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);

    ladder_free(&r);
}


/* Every codec, at every rate: it is heard, and when it should be. */

static const struct {
    stn_codec_e  codec;
    const char  *name;
    uint32_t     rate;
    unsigned     channels;
    const char  *asc;          /* says that there is SBR over these frames */
} codecs[] = {
    { STN_CODEC_AAC, "aac", 48000, 2, NULL },
    { STN_CODEC_AAC, "aac", 44100, 1, NULL },
    { STN_CODEC_AAC, "aac", 24000, 2, "2b118800" },
    { STN_CODEC_OPUS, "libopus", 48000, 2, NULL },
    { STN_CODEC_MP3, "libmp3lame", 44100, 2, NULL },
    { STN_CODEC_MP3, "libmp3lame", 24000, 1, NULL },
    { STN_CODEC_AC3, "ac3", 48000, 6, NULL },
    { STN_CODEC_EAC3, "eac3", 48000, 2, NULL },
    { STN_CODEC_FLAC, "flac", 44100, 2, NULL },
    { STN_CODEC_FLAC, "flac", 96000, 2, NULL },
};


static void
assert_heard(ladder_rig_t *r, const units_t *u)
{
    int64_t   lag;
    sound_t   want;
    caster_t  c;

    assert_int_equal(stn_ladder_arrive(r->l, &u->format), STN_OK);
    caster_init(&c, u, r);
    caster_send(&c, r, r->now_us + 2500 * MS);
    stn_ladder_leave(r->l);

    sound_sweeps(&want, 24000, 3 * 24000,
                 stn_rescale(c.start_us, 24000, 1000000));

    /* encoders of these hold back up to 60 ms */

    lag = sound_lag(&want, &r->ears[0].heard, want.pos + 24000, 6000, 1800);
    assert_in_range(lag + 1000, 1000 - 360, 1000 + 1500);
    sound_free(&want);
}


static void
every_codec_is_heard(void **state)
{
    size_t        i, heard;
    sound_t       s;
    units_t       u;
    ladder_rig_t  r;

    (void) state;

    ladder_init(&r, 40);
    ladder_add(&r, STN_CODEC_AAC, 24000, 1, 48000);
    ladder_open(&r);
    stn_ladder_birth(r.l, r.now_us);

    for (i = 0, heard = 0; i < stn_nelems(codecs); i++) {
        ladder_run(&r, r.now_us + SEC);
        sound_sweeps(&s, codecs[i].rate, 3 * codecs[i].rate, 0);

        if (!units_encode(&u, codecs[i].codec, codecs[i].name, &s,
                          codecs[i].channels))
        {
            print_message("# no encoder %s here\n", codecs[i].name);
            sound_free(&s);
            continue;
        }

        if (codecs[i].asc) {
            media_format_hex(&u.format, codecs[i].asc);
        }

        assert_heard(&r, &u);
        assert_int_equal(stn_ladder_stats(r.l)->broken, 0);
        assert_int_equal(stn_ladder_stats(r.l)->stale_dropped, 0);
        assert_int_equal(stn_ladder_stats(r.l)->gaps_filled, 0);

        heard++;
        units_free(&u);
        sound_free(&s);
    }

    ladder_run(&r, r.now_us + SEC);
    assert_int_equal(r.ears[0].flips, 2 * heard);

    ladder_free(&r);
}


static void
refuses_what_nothing_decodes(void **state)
{
    caster_t      c;
    stn_format_t  f;
    ladder_rig_t  r;

    (void) state;

    begin(&r, &c, &tone);
    caster_send(&c, &r, r.now_us + SEC);

    memset(&f, 0, sizeof(f));
    f.codec = STN_CODEC_AAC;
    f.config_len = 2;
    memset(f.config, 0xff, 2);
    assert_int_equal(stn_ladder_arrive(r.l, &f), STN_UNSUPPORTED);

    /* and who was there goes on */

    caster_send(&c, &r, r.now_us + 2 * SEC);
    assert_untouched(&r);

    ladder_free(&r);
}


static void
loudness_is_that_of_the_broadcaster(void **state)
{
    caster_t            c;
    ladder_rig_t        r;
    stn_level_conf_t    conf;
    stn_level_report_t  report;

    (void) state;

    memset(&conf, 0, sizeof(conf));

    ladder_init(&r, 0);
    ladder_add(&r, STN_CODEC_AAC, 8000, 1, 16000);
    r.conf.level = stn_level_open(&conf);
    assert_non_null(r.conf.level);
    ladder_open(&r);

    stn_ladder_birth(r.l, r.now_us);
    ladder_run(&r, r.now_us + SEC);
    stn_level_report(r.conf.level, &report);
    assert_int_equal(report.rms[0], STN_LEVEL_FLOOR);

    assert_int_equal(stn_ladder_arrive(r.l, &tone.format), STN_OK);
    caster_init(&c, &tone, &r);
    caster_send(&c, &r, r.now_us + 2 * SEC);

    stn_level_report(r.conf.level, &report);
    assert_int_equal(report.channels, 1);
    assert_in_range(report.rms[0] + 12000, 12000 - 908, 12000 - 898);

    stn_level_close(r.conf.level);
    ladder_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_codec_is_heard),
        cmocka_unit_test(refuses_what_nothing_decodes),
        cmocka_unit_test(loudness_is_that_of_the_broadcaster),
        cmocka_unit_test(keeps_up_with_a_fast_clock),
        cmocka_unit_test(keeps_up_with_a_slow_clock),
        cmocka_unit_test(leaves_a_good_clock_alone),
        cmocka_unit_test(makes_up_for_missing_samples),
        cmocka_unit_test(timestamps_may_jump_and_wrap),
        cmocka_unit_test(an_encoder_may_start_again),
        cmocka_unit_test(a_stall_leaves_no_latency_behind),
        cmocka_unit_test(lost_units_do_not_move_the_rest),
        cmocka_unit_test(units_may_come_in_heaps),
        cmocka_unit_test(a_recording_is_played_whole),
        cmocka_unit_test(a_late_start_is_brought_back),
        cmocka_unit_test(garbage_is_left_out),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_units, free_units);
}
