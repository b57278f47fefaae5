/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The built-in hold audio, heard with libavcodec's decoder under the stream's
 * own AudioSpecificConfig: that it decodes, how loud it is, that its seam
 * makes no click, and silence where no encoder can match the format.
 */

#include "hold_util.h"


/* Frames in the loop of comfort. */
#define COMFORT_FRAMES  96

#define LOUD_MIN  -60.0
#define LOUD_MAX  -30.0

/* Samples on either side of a seam that count as its own: a frame. */
#define SEAM(f)  ((size_t) (f)->frame)

/* How much steeper the sound may be there: the swell has its own places. */
#define SEAM_SLACK  1.10


/* RMS of channel ch in dBFS, without the decoder's first frames. */

static double
ear_loudness(const ear_t *e, const stn_format_t *f, unsigned ch)
{
    size_t  i;
    double  sum;

    sum = 1e-20;

    for (i = 4 * f->frame; i < e->samples; i++) {
        sum += (double) e->pcm[ch][i] * e->pcm[ch][i];
    }

    return 10 * log10(sum / (double) (e->samples - 4 * f->frame));
}


/* The steepest place of channel ch, by differences of the given order; at
 * the seams of the loop, or everywhere else. */

static double
ear_steepest(const ear_t *e, const stn_format_t *f, unsigned ch,
    unsigned order, unsigned at_seam)
{
    size_t        i, round, in;
    double        d, max;
    const float  *p;

    round = (size_t) COMFORT_FRAMES * f->frame;
    max = 0;

    for (i = 4 * f->frame; i < e->samples; i++) {
        p = e->pcm[ch] + i;
        in = i % round;

        if ((in < 2 * SEAM(f) || in > round - SEAM(f)) != at_seam) {
            continue;
        }

        d = order == 1 ? p[0] - p[-1] : p[0] - 2 * p[-1] + p[-2];
        max = stn_max(max, fabs(d));
    }

    return max;
}


static void
assert_no_click(const ear_t *e, const stn_format_t *f)
{
    double    seam, elsewhere;
    unsigned  ch, order;

    for (ch = 0; ch < f->channels; ch++) {
        for (order = 1; order <= 2; order++) {
            seam = ear_steepest(e, f, ch, order, 1);
            elsewhere = ear_steepest(e, f, ch, order, 0);

            if (seam > elsewhere * SEAM_SLACK) {
                fail_msg("%u Hz, config %u, channel %u: %g at the seam, %g "
                         "elsewhere", f->rate, f->channel_config, ch, seam,
                         elsewhere);
            }
        }
    }
}


/* All channels are soft but there, except that low frequencies are none. */

static void
assert_soft(const ear_t *e, const stn_format_t *f)
{
    double    loud;
    unsigned  ch, quiet;

    quiet = 0;

    for (ch = 0; ch < f->channels; ch++) {
        loud = ear_loudness(e, f, ch);

        if (loud < -90) {
            quiet++;
            continue;
        }

        if (loud < LOUD_MIN || loud > LOUD_MAX) {
            fail_msg("%u Hz, config %u, channel %u: %.1f dBFS", f->rate,
                     f->channel_config, ch, loud);
        }
    }

    assert_int_equal(quiet, f->channel_config >= 6);
}


static void
assert_sounds(const stn_format_t *f)
{
    ear_t          e;
    stn_hold_t  c;

    assert_int_equal(stn_hold_comfort(&c, f), STN_OK);
    assert_int_equal(c.frames, COMFORT_FRAMES);

    ear_open(&e, f, 3 * COMFORT_FRAMES + 2);
    ear_hear_loop(&e, f, &c, 3 * COMFORT_FRAMES + 2);
    assert_soft(&e, f);
    assert_no_click(&e, f);
    ear_close(&e);

    stn_hold_free(&c);
}


static void
assert_silent(const stn_format_t *f)
{
    ear_t          e;
    unsigned       ch;
    stn_hold_t  c;

    assert_int_equal(stn_hold_comfort(&c, f), STN_OK);
    assert_int_equal(c.frames, 1);

    ear_open(&e, f, 32);
    ear_hear_loop(&e, f, &c, 32);

    for (ch = 0; ch < f->channels; ch++) {
        assert_true(ear_loudness(&e, f, ch) < -120);
    }

    ear_close(&e);
    stn_hold_free(&c);
}


static void
sounds_at_every_rate(void **state)
{
    unsigned      i;
    stn_format_t  f;

    (void) state;

    for (i = 0; i < 12; i++) {
        media_format(&f, MEDIA_ASC(i, 2), 2);
        assert_sounds(&f);
    }
}


static void
sounds_in_every_channel_configuration(void **state)
{
    unsigned      config;
    stn_format_t  f;

    (void) state;

    for (config = 1; config <= 7; config++) {
        media_format(&f, MEDIA_ASC(MEDIA_48000, config), 2);
        assert_sounds(&f);

        /* and another rate with each, 96 to 11 kHz */

        media_format(&f, MEDIA_ASC((3 * config) % 11, config), 2);
        assert_sounds(&f);
    }
}


static void
sounds_under_he_aac(void **state)
{
    size_t        i;
    stn_format_t  f;

    static const char *const  ascs[] = {
        "2b118800",            /* HE-AAC, 24 to 48 kHz, stereo */
        "2b098800",            /* mono */
        "eb098800",            /* v2: parametric stereo over mono */
        "131056e598",          /* backward compatible */
        "130856e59d4880",      /* v2, backward compatible */
        "2b920800",            /* 22.05 to 44.1 kHz */
    };

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        media_format_hex(&f, ascs[i]);
        assert_int_equal(f.frame, 2048);
        assert_sounds(&f);
    }
}


static void
sounds_under_other_core_types(void **state)
{
    stn_format_t  f;

    (void) state;

    media_format_hex(&f, "0990");                  /* Main */
    assert_sounds(&f);

    media_format_hex(&f, "119056e500");            /* as OBS says LC */
    assert_sounds(&f);
}


static void
sounds_under_opus(void **state)
{
    unsigned      channels;
    stn_format_t  f;

    (void) state;

    for (channels = 1; channels <= 2; channels++) {
        hold_opus(&f, channels);
        assert_sounds(&f);
    }
}


static void
is_silent_where_no_encoder_matches(void **state)
{
    unsigned       config;
    stn_format_t   f;
    stn_hold_t  c;

    (void) state;

    /* frames of 960 samples */

    for (config = 1; config <= 7; config++) {
        media_format(&f, (uint8_t []) { 0x11, (uint8_t) (0x84 | config << 3) },
                     2);
        assert_int_equal(f.core_frame, 960);
        assert_silent(&f);
    }

    /* a rate without an index: 47999 Hz; libavcodec cannot hear it either */

    media_format_hex(&f, "17805dbf90");
    assert_int_equal(f.rate, 47999);
    assert_int_equal(f.channels, 2);

    assert_int_equal(stn_hold_comfort(&c, &f), STN_OK);
    assert_int_equal(c.frames, 1);
    assert_memory_equal(c.bytes, f.filler, f.filler_len);
    stn_hold_free(&c);
}


static void
refuses_where_there_is_no_silence_either(void **state)
{
    stn_format_t   f;
    stn_hold_t  c;

    (void) state;

    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);
    f.core_frame = 960;
    f.filler_len = 0;
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);
    stn_hold_free(&c);

    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);
    f.channel_config = 0;
    f.filler_len = 0;
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);
    stn_hold_free(&c);

    media_format_hex(&f, "11e0");                  /* 7.1, config 12 */
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);
    stn_hold_free(&c);

    hold_opus(&f, 2);
    f.channels = 6;
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);

    hold_opus(&f, 2);
    f.frame = 480;
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);

    hold_opus(&f, 2);
    f.codec = STN_CODEC_MP3;
    assert_int_equal(stn_hold_comfort(&c, &f), STN_UNSUPPORTED);
}


static void
goes_round_for_ever(void **state)
{
    size_t         n, len, again;
    stn_format_t   f;
    stn_hold_t  c;

    (void) state;

    media_format(&f, MEDIA_ASC(MEDIA_48000, 1), 2);
    assert_int_equal(stn_hold_comfort(&c, &f), STN_OK);

    for (n = 0; n < c.frames; n++) {
        assert_ptr_equal(stn_hold_frame(&c, n, &len), c.bytes
                                                         + c.offset[n]);
        assert_ptr_equal(stn_hold_frame(&c, UINT64_MAX / c.frames
                                               * c.frames - c.frames + n,
                                           &again),
                         c.bytes + c.offset[n]);
        assert_int_equal(len, again);
        assert_int_equal(len, c.offset[n + 1] - c.offset[n]);
    }

    (void) stn_hold_frame(&c, UINT64_MAX, &len);
    assert_true(len > 0);

    stn_hold_free(&c);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(sounds_at_every_rate),
        cmocka_unit_test(sounds_in_every_channel_configuration),
        cmocka_unit_test(sounds_under_he_aac),
        cmocka_unit_test(sounds_under_other_core_types),
        cmocka_unit_test(sounds_under_opus),
        cmocka_unit_test(is_silent_where_no_encoder_matches),
        cmocka_unit_test(refuses_where_there_is_no_silence_either),
        cmocka_unit_test(goes_round_for_ever),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
