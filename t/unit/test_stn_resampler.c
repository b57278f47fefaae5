/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Resampling: that sound stays in its place at every pair of rates, that a
 * change of speed is exact over hours and not heard, and how channels are
 * mixed.
 */

#include "codec_util.h"

#include "pack/stn_cmaf.h"


/* Samples that a lag is judged by. */
#define SPAN  12000


/* Runs all of s through r, n samples at a time. */

static void
resample(stn_resampler_t *r, const sound_t *s, size_t n, sound_t *out)
{
    size_t     at, k;
    stn_pcm_t  pcm, got;

    for (at = 0; at < s->n; at += k) {
        k = stn_min(n, s->n - at);
        sound_pcm(s, at, k, 1, &pcm);
        assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
        sound_append(out, got.ch[0], got.n);
    }
}


static void
resampled_sound_is_in_phase(void **state)
{
    size_t            i;
    sound_t           s, want, out;
    stn_resampler_t  *r;

    static const uint32_t  rates[][2] = {
        { 48000, 48000 }, { 44100, 48000 }, { 48000, 24000 },
        { 48000, 16000 }, { 48000, 32000 }, { 22050, 48000 },
        { 96000, 48000 }, { 8000, 48000 },  { 48000, 44100 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(rates); i++) {
        sound_sweeps(&s, rates[i][0], 2 * rates[i][0], 0);
        sound_sweeps(&want, rates[i][1], 2 * rates[i][1], 0);
        sound_init(&out, rates[i][1], 3 * rates[i][1], 0);

        r = stn_resampler_open(rates[i][1], 1);
        assert_non_null(r);
        resample(r, &s, 700, &out);

        assert_true(out.n + 300 > want.n && out.n <= want.n);
        assert_int_equal(sound_lag(&want, &out, 4000, SPAN, 400), 0);
        assert_true(sound_likeness(&want, &out, 4000, SPAN, 0) > 0.99);

        stn_resampler_close(r);
        sound_free(&s);
        sound_free(&want);
        sound_free(&out);
    }
}


/* n samples of sound at rate: all that comes in, again and again. */

static void
looped(stn_resampler_t *r, const sound_t *s, unsigned times, sound_t *out)
{
    stn_pcm_t  pcm, got;

    while (times--) {
        sound_pcm(s, 0, s->n, 1, &pcm);
        assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);

        /* the last seconds of it are kept */

        if (out->n + got.n > out->room) {
            out->pos += (int64_t) out->n;
            out->n = 0;
        }

        sound_append(out, got.ch[0], got.n);
    }
}


/* A tone of 1000 Hz is still one, of another pitch by ppm: the speed is held
 * to a few thousandths of a sample. */

static void
assert_pure(const sound_t *s, double ppm)
{
    double   hz, want, rms, worst, click;
    int64_t  at;

    at = s->pos + (int64_t) s->n - 24000;

    want = 1000 / (1 + ppm / 1e6);
    hz = want;
    rms = sound_residue(s, at, 24000, &hz, &worst);
    click = sound_click(s, at, at + 24000, want);

    if (fabs(hz - want) > 0.002 || rms > 2e-4 || click > 2e-5) {
        fail_msg("%g ppm: %.4f Hz, left over %g, at worst %g, click %g", ppm,
                 hz, rms, worst, click);
    }
}


/* Speed changed by so much for an hour: as many samples more or less. */

static void
speed_changes_as_told_and_unheard(void **state)
{
    size_t            i;
    double            total, want;
    sound_t           s, out;
    stn_resampler_t  *r;

    static const struct {
        uint32_t  rate;
        double    ppm;
    } cases[] = {
        { 48000, 300 }, { 48000, -300 }, { 44100, 300 }, { 44100, -1 },
        { 24000, 0.3 }, { 48000, -2000 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        r = stn_resampler_open(48000, 1);
        assert_non_null(r);
        assert_int_equal(stn_resampler_adjust(r, cases[i].ppm), STN_OK);

        sound_tone(&s, cases[i].rate, cases[i].rate / 10, 1000, 0.5);
        sound_init(&out, 48000, 48000, 0);

        looped(r, &s, 9, &out);
        assert_pure(&out, cases[i].ppm);
        looped(r, &s, 36000 - 9, &out);
        assert_true(out.n >= 24000);
        assert_pure(&out, cases[i].ppm);

        total = (double) out.pos + (double) out.n;
        want = 3600.0 * 48000 * (1 + cases[i].ppm / 1e6);

        /* and the filter still holds some */

        if (want - total < 0 || want - total > 40) {
            fail_msg("%g ppm: %.0f samples, not %.1f", cases[i].ppm, total,
                     want);
        }

        sound_free(&s);
        sound_free(&out);
        stn_resampler_close(r);
    }
}


static void
a_change_of_speed_makes_no_click(void **state)
{
    double            click;
    size_t            at, i;
    sound_t           s, out;
    stn_pcm_t         pcm, got;
    stn_resampler_t  *r;

    static const double  ppm[] = { 0, 0, 300, 310, 0, -500, -490, 0, 20 };

    (void) state;

    sound_tone(&s, 48000, 9 * 4800, 5000, 0.5);
    sound_init(&out, 48000, 2 * s.n, 0);
    r = stn_resampler_open(48000, 1);
    assert_non_null(r);

    for (at = 0, i = 0; at < s.n; at += 4800, i++) {
        assert_int_equal(stn_resampler_adjust(r, ppm[i]), STN_OK);
        sound_pcm(&s, at, 4800, 1, &pcm);
        assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
        sound_append(&out, got.ch[0], got.n);
    }

    assert_true(out.n > s.n - 40);

    /* 500 ppm are 0.0002 of it */

    click = sound_click(&out, 100, (int64_t) out.n - 100, 5000);

    if (click > 0.0005) {
        fail_msg("a click of %g", click);
    }

    assert_int_equal(stn_resampler_adjust(r, 2500), STN_ERROR);
    assert_int_equal(stn_resampler_adjust(r, NAN), STN_ERROR);

    stn_resampler_close(r);
    sound_free(&s);
    sound_free(&out);
}


/* What comes out, left and right, of 1.0 on the channels in a mask. */

static void
mixed(unsigned channels, uint64_t layout, unsigned which, unsigned to,
    double lr[2])
{
    size_t            i;
    unsigned          ch;
    static float      one[4800], none[4800];
    stn_pcm_t         pcm, got;
    stn_resampler_t  *r;

    for (i = 0; i < 4800; i++) {
        one[i] = 1;
    }

    memset(&pcm, 0, sizeof(pcm));
    pcm.channels = channels;
    pcm.rate = 48000;
    pcm.n = 4800;
    pcm.layout = layout;

    for (ch = 0; ch < channels; ch++) {
        pcm.ch[ch] = which >> ch & 1 ? one : none;
    }

    r = stn_resampler_open(48000, to);
    assert_non_null(r);
    assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
    assert_int_equal(got.channels, to);
    lr[0] = got.ch[0][got.n / 2];
    lr[1] = got.ch[to - 1][got.n / 2];
    stn_resampler_close(r);
}


static void
channels_are_mixed_without_overflow(void **state)
{
    double  lr[2];

    (void) state;

    mixed(1, 0, 1, 2, lr);                   /* mono: full level */
    assert_true(fabs(lr[0] - 1) < 1e-3 && fabs(lr[1] - 1) < 1e-3);

    mixed(2, 0, 1, 1, lr);                   /* one ear: half */
    assert_true(fabs(lr[0] - 0.5) < 1e-3);

    mixed(2, 0, 3, 1, lr);
    assert_true(fabs(lr[0] - 1) < 1e-3);

    mixed(2, 0, 1, 2, lr);
    assert_true(fabs(lr[0] - 1) < 1e-3 && fabs(lr[1]) < 1e-3);

    mixed(6, 0, 0x3f, 2, lr);                /* all of 5.1 at once */
    assert_true(fabs(lr[0] - 1) < 1e-3 && fabs(lr[1] - 1) < 1e-3);

    mixed(6, AV_CH_LAYOUT_5POINT1, 0x01, 2, lr);
    assert_true(fabs(lr[0] - 1 / 2.414) < 1e-3 && fabs(lr[1]) < 1e-3);

    mixed(6, AV_CH_LAYOUT_5POINT1, 0x04, 2, lr);
    assert_true(fabs(lr[0] - 0.707 / 2.414) < 1e-3);
    assert_true(fabs(lr[1] - 0.707 / 2.414) < 1e-3);

    mixed(6, AV_CH_LAYOUT_5POINT1_BACK, 0x20, 2, lr);
    assert_true(fabs(lr[0]) < 1e-3);
    assert_true(fabs(lr[1] - 0.707 / 2.414) < 1e-3);

    mixed(8, 0, 0xff, 1, lr);
    assert_true(fabs(lr[0] - 1) < 1e-3);
}


/* Rate and channels change in the middle: not one sample is lost. */

static void
what_comes_in_may_change(void **state)
{
    size_t            total, i;
    sound_t           a, b;
    stn_pcm_t         pcm, got;
    stn_resampler_t  *r;

    (void) state;

    sound_sweeps(&a, 44100, 44100, 0);
    sound_sweeps(&b, 48000, 48000, 0);
    r = stn_resampler_open(48000, 2);
    assert_non_null(r);
    total = 0;

    for (i = 0; i < 10; i++) {
        if (i % 2) {
            sound_pcm(&a, 0, 44100, 1, &pcm);
        } else {
            sound_pcm(&b, 0, 48000, 6, &pcm);
        }

        assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
        assert_int_equal(got.channels, 2);
        assert_int_equal(got.rate, 48000);
        total += got.n;
    }

    assert_in_range(total, 480000 - 40, 480000 + 20);

    pcm.n = 0;
    assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
    assert_int_equal(got.n, 0);
    stn_resampler_close(NULL);

    pcm.rate = 0;
    assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_ERROR);
    pcm.rate = 48000;
    pcm.channels = 9;
    assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_ERROR);

    stn_resampler_close(r);

    /* as many channels as come in */

    r = stn_resampler_open(48000, 0);
    assert_non_null(r);

    for (i = 1; i <= 8; i++) {
        sound_pcm(&a, 0, 4410, (unsigned) i, &pcm);
        assert_int_equal(stn_resampler_run(r, &pcm, &got), STN_OK);
        assert_int_equal(got.channels, i);
    }

    stn_resampler_close(r);
    sound_free(&a);
    sound_free(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(resampled_sound_is_in_phase),
        cmocka_unit_test(speed_changes_as_told_and_unheard),
        cmocka_unit_test(a_change_of_speed_makes_no_click),
        cmocka_unit_test(channels_are_mixed_without_overflow),
        cmocka_unit_test(what_comes_in_may_change),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
