/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hold audio from files: that the loop is what the file says it should be, by
 * the sample, at its seam as elsewhere, whatever container, rate and channels
 * come in and go out.
 */

#include "hold_util.h"
#include "short_util.h"

/* The tone in t/data/hold. */
#define TONE_HZ  440.0

/* What four frames may be farther off by chance than all others. */
#define SEAM_SLACK  1.25

/* Samples over which a tone's level is taken. */
#define BLOCK  4096


/* How strong a tone is in n samples. */

static double
tone_in(const float *p, size_t n, double turn)
{
    size_t  i;
    double  re, im;

    re = im = 0;

    for (i = 0; i < n; i++) {
        re += p[i] * cos(turn * (double) i);
        im += p[i] * sin(turn * (double) i);
    }

    return 2 * sqrt(re * re + im * im) / (double) n;
}


static int
by_size(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


/* The level of a tone in channel ch, the median over blocks: what sounds
 * together in the fade is another matter. */

static double
tone(const ear_t *e, const stn_format_t *f, unsigned ch, double hz)
{
    size_t  i, n;
    double  level[1024];

    n = 0;

    for (i = 4 * f->frame; i + BLOCK <= e->samples && n < 1024; i += BLOCK) {
        level[n++] = tone_in(e->pcm[ch] + i, BLOCK, 2 * M_PI * hz / f->rate);
    }

    assert_true(n > 4);
    qsort(level, n, sizeof(double), by_size);

    return level[n / 2];
}


static void
assert_tone(const ear_t *e, const stn_format_t *f, unsigned ch,
    const double want[2])
{
    double  got;

    got = tone(e, f, ch, want[0]);

    if (fabs(got - want[1]) > 0.02 * want[1] + 0.003) {
        fail_msg("%g Hz in channel %u: %g, not %g", want[0], ch, got,
                 want[1]);
    }
}

#define T(hz, level)  ((const double []) { (hz), (level) })


/*
 * What a sound's loop should be, made from stn_hold.h alone: as many whole
 * frames as leave room for the fade, their beginning mixed with what follows
 * them.  s becomes the loop.
 */

static void
ideal_loop(sound_t *s, uint32_t frame)
{
    size_t    i, n, fade;
    double    turn;
    unsigned  ch;

    fade = stn_min((size_t) STN_HOLD_FADE_MS * s->rate / 1000, s->n / 4);
    n = (s->n - fade) / frame * frame;

    for (ch = 0; ch < s->channels; ch++) {
        for (i = 0; i < fade; i++) {
            turn = M_PI / 2 * ((double) i + 0.5) / (double) fade;
            s->ch[ch][i] = (float) (s->ch[ch][i] * sin(turn)
                                    + s->ch[ch][n + i] * cos(turn));
        }
    }

    s->n = n;
}


/* RMS of what is wrong in frame k of the heard loop's second round, if its
 * first frame is frame "first" of the ideal one. */

static double
wrong(const ear_t *e, const sound_t *ideal, uint32_t frame, size_t k,
    size_t first)
{
    size_t        i, at;
    double        d, sum;
    unsigned      ch;
    const float  *p;

    at = (k + first) * frame % ideal->n;
    sum = 0;

    for (ch = 0; ch < ideal->channels; ch++) {
        p = e->pcm[ch] + ideal->n + k * frame;

        for (i = 0; i < frame; i++) {
            d = p[i] - ideal->ch[ch][at + i];
            sum += d * d;
        }
    }

    return sqrt(sum / frame / ideal->channels);
}


/* Where in the ideal loop the heard one begins: that is the maker's affair. */

static size_t
find_first(const ear_t *e, const sound_t *ideal, uint32_t frame)
{
    size_t  first, best;
    double  w, least;

    best = 0;
    least = INFINITY;

    for (first = 0; first < ideal->n / frame; first++) {
        w = wrong(e, ideal, frame, 5, first) + wrong(e, ideal, frame, 9, first);

        if (w < least) {
            least = w;
            best = first;
        }
    }

    return best;
}


/* The heard loop is the ideal one within "most", and where encoding began and
 * ended it is no farther from it than elsewhere. */

static void
assert_seamless(const ear_t *e, const sound_t *ideal, uint32_t frame,
    double most)
{
    size_t  k, n, first;
    double  w, seam, elsewhere;

    n = ideal->n / frame;
    first = find_first(e, ideal, frame);
    seam = elsewhere = 0;

    for (k = 0; k < n; k++) {
        w = wrong(e, ideal, frame, k, first);

        if (w > most) {
            fail_msg("frame %zu of %zu (%zu is the file's first) is %g off",
                     k, n, (n - first) % n, w);
        }

        if (k < 3 || k == n - 1) {
            seam = fmax(seam, w);
        } else {
            elsewhere = fmax(elsewhere, w);
        }
    }

    if (seam > elsewhere * SEAM_SLACK) {
        fail_msg("%g off at the seam of %zu, %g elsewhere", seam, n,
                 elsewhere);
    }
}


static void
two_tones(sound_t *s, uint32_t rate, unsigned channels, size_t n)
{
    unsigned  ch;

    sound_open(s, rate, channels, n);

    for (ch = 0; ch < channels; ch++) {
        sound_tone(s, ch, 440 + 37.3 * ch, 0.25, 3);
        sound_tone(s, ch, 1234.5 - 91.7 * ch, 0.2, 2);
    }
}


/* A sound of n samples; most is how far off its loop may be, which is the
 * codec's noise. */

static void
assert_loops(const stn_format_t *f, size_t n, double most)
{
    ear_t       e;
    sound_t     s;
    stn_hold_t  h;

    two_tones(&s, f->rate, f->channels, n);
    ear_hear_sound(&e, &h, f, &s, 2);
    ideal_loop(&s, f->frame);
    assert_int_equal(h.frames, s.n / f->frame);
    assert_seamless(&e, &s, f->frame, most);

    ear_close(&e);
    stn_hold_free(&h);
    sound_close(&s);
}


/* Sounds that take a maker's memory several times over, a little more than it
 * holds and a little less, and short ones. */

static void
assert_all_loops(const stn_format_t *f, size_t held, double most)
{
    assert_loops(f, 2 * held - 7, most);
    assert_loops(f, held + 401, most);
    assert_loops(f, held + 1, most);
    assert_loops(f, held, most);
    assert_loops(f, held - 1, most);
    assert_loops(f, 100003, most);
    assert_loops(f, 24001, most);
}


static void
loops_without_a_seam_in_aac(void **state)
{
    stn_format_t  f;

    (void) state;

    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);
    assert_all_loops(&f, 505344, 0.0005);
}


static void
loops_without_a_seam_in_opus(void **state)
{
    stn_format_t  f;

    (void) state;

    hold_opus(&f, 2);
    assert_all_loops(&f, 485760, 0.005);
}


/* Nothing in the loop of a soft tone is steeper than the tone may be, where
 * as loud again sounds with it. */

static void
makes_no_click(void **state)
{
    size_t        i;
    ear_t         e;
    double        turn, d, most;
    sound_t       s;
    stn_hold_t    h;
    stn_format_t  f;

    (void) state;

    media_format(&f, MEDIA_ASC(MEDIA_44100, 1), 2);
    sound_open(&s, 44100, 1, 150001);
    sound_tone(&s, 0, 200, 0.5, 0);
    ear_hear_sound(&e, &h, &f, &s, 3);

    turn = 2 * M_PI * 200 / 44100;
    most = 0;

    for (i = 4 * f.frame; i < e.samples; i++) {
        d = e.pcm[0][i] - 2 * e.pcm[0][i - 1] + e.pcm[0][i - 2];
        most = fmax(most, fabs(d));
    }

    assert_true(most > 0.4 * turn * turn);
    assert_true(most < 0.5 * M_SQRT2 * turn * turn + 0.0005);

    ear_close(&e);
    stn_hold_free(&h);
    sound_close(&s);
}


static void
keeps_rate_and_level(void **state)
{
    size_t        i;
    ear_t         e;
    sound_t       s;
    stn_hold_t    h;
    stn_format_t  f;

    static const struct {
        uint32_t    from;
        unsigned    to;        /* as a rate index */
    } rates[] = {
        { 44100, 3 }, { 48000, 4 }, { 8000, 3 }, { 96000, 3 }, { 22050, 4 },
        { 48000, 11 }, { 11025, 0 }, { 192000, 6 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(rates); i++) {
        sound_open(&s, rates[i].from, 1, rates[i].from * 5);
        sound_tone(&s, 0, 1000, 0.3, 0);
        media_format(&f, MEDIA_ASC(rates[i].to, 1), 2);
        ear_hear_sound(&e, &h, &f, &s, 2);

        assert_tone(&e, &f, 0, T(1000, 0.3));

        /* five seconds, less the one that sounds together */

        assert_in_range((uint64_t) h.frames * f.frame * 1000 / f.rate,
                        4000 - 1000 * f.frame / f.rate - 5, 4000);

        ear_close(&e);
        stn_hold_free(&h);
        sound_close(&s);
    }
}


/* A tone of its own in each of a file's channels, heard under a channel
 * configuration. */

static void
hear_channels(ear_t *e, stn_format_t *f, unsigned from, unsigned config)
{
    sound_t     s;
    unsigned    ch;
    stn_hold_t  h;

    sound_open(&s, 48000, from, 48000 * 2);

    for (ch = 0; ch < from; ch++) {
        sound_tone(&s, ch, ch == 3 ? 60 : 400 + 150 * ch, 0.1, 0);
    }

    media_format(f, MEDIA_ASC(MEDIA_48000, config), 2);
    ear_hear_sound(e, &h, f, &s, 2);
    stn_hold_free(&h);
    sound_close(&s);
}


static void
assert_quiet_from(const ear_t *e, const stn_format_t *f, unsigned ch)
{
    size_t  i;

    for ( ; ch < f->channels; ch++) {
        for (i = 0; i < e->samples; i++) {
            assert_true(fabsf(e->pcm[ch][i]) < 1e-6f);
        }
    }
}


static void
makes_stereo_of_mono_and_back(void **state)
{
    ear_t         e;
    stn_format_t  f;

    (void) state;

    hear_channels(&e, &f, 1, 2);
    assert_tone(&e, &f, 0, T(400, 0.1));
    assert_tone(&e, &f, 1, T(400, 0.1));
    ear_close(&e);

    hear_channels(&e, &f, 2, 1);
    assert_tone(&e, &f, 0, T(400, 0.05));
    assert_tone(&e, &f, 0, T(550, 0.05));
    ear_close(&e);
}


static void
mixes_surround_down(void **state)
{
    ear_t         e;
    stn_format_t  f;

    (void) state;

    /* front left, right, center, low frequencies, back left, right */

    hear_channels(&e, &f, 6, 2);
    assert_true(tone(&e, &f, 0, 400) > 0.03);
    assert_tone(&e, &f, 0, T(550, 0));
    assert_tone(&e, &f, 0, T(700, tone(&e, &f, 0, 400) * M_SQRT1_2));
    assert_tone(&e, &f, 0, T(60, 0));
    assert_tone(&e, &f, 0, T(1000, tone(&e, &f, 0, 400) * M_SQRT1_2));
    assert_tone(&e, &f, 1, T(550, tone(&e, &f, 0, 400)));
    assert_tone(&e, &f, 1, T(400, 0));
    ear_close(&e);

    hear_channels(&e, &f, 6, 1);
    assert_true(tone(&e, &f, 0, 400) > 0.01);
    ear_close(&e);
}


static void
gives_surround_its_front_speakers(void **state)
{
    ear_t         e;
    unsigned      config, at;
    stn_format_t  f;

    (void) state;

    leave_out_if_short();

    for (config = 3; config <= 7; config++) {

        /* libavcodec hears what is front in 7.1 as it calls the others */

        hear_channels(&e, &f, 2, config);
        assert_tone(&e, &f, 0, T(400, 0.1));
        assert_tone(&e, &f, 0, T(550, 0));
        assert_tone(&e, &f, 1, T(550, 0.1));
        assert_quiet_from(&e, &f, 2);
        ear_close(&e);

        hear_channels(&e, &f, 1, config);
        assert_tone(&e, &f, 0, T(400, 0.1));
        assert_tone(&e, &f, 1, T(400, 0.1));
        assert_quiet_from(&e, &f, 2);
        ear_close(&e);
    }

    /* and all of them where the file has them */

    hear_channels(&e, &f, 6, 6);

    for (at = 0; at < 6; at++) {
        assert_tone(&e, &f, at, T(at == 3 ? 60 : 400 + 150 * at, 0.1));
    }

    ear_close(&e);
}


static void
sounds_under_he_aac(void **state)
{
    size_t        i;
    ear_t         e;
    sound_t       s;
    stn_hold_t    h;
    stn_format_t  f;

    static const char *const  ascs[] = {
        "2b118800",            /* HE-AAC, 24 to 48 kHz, stereo */
        "eb098800",            /* v2: parametric stereo over mono */
        "131056e598",          /* backward compatible */
    };

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        media_format_hex(&f, ascs[i]);
        assert_int_equal(f.frame, 2048);

        sound_open(&s, 48000, 2, 48000 * 3);
        sound_tone(&s, 0, 700, 0.2, 0);
        sound_tone(&s, 1, 700, 0.2, 0);
        ear_hear_sound(&e, &h, &f, &s, 2);
        assert_tone(&e, &f, 0, T(700, 0.2));

        ear_close(&e);
        stn_hold_free(&h);
        sound_close(&s);
    }
}


static void
takes_what_operators_have(void **state)
{
    size_t        i, len;
    ear_t         e;
    uint8_t      *data;
    uint32_t      ms;
    stn_hold_t    h;
    const char   *reason;
    stn_format_t  f;

    /* LAME takes a little off; ADTS does not tell of an encoder's delay */

    static const struct {
        const char  *name;
        double       level;
        uint32_t     ms;
    } files[] = {
        { "cover.mp3", 0.475, 1300 },
        { "cover.m4a", 0.5, 1300 },
        { "adts.aac", 0.5, 1323 },
        { "tone.flac", 0.5, 1300 },
        { "tone.ogg", 0.5, 1300 },
        { "tone.opus", 0.5, 1300 },
        { "opus.webm", 0.5, 1300 },
        { "film.mp4", 0.5, 1300 },
    };

    (void) state;

    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);

    for (i = 0; i < stn_nelems(files); i++) {
        data = hold_load(files[i].name, &len);
        reason = "none";

        if (stn_hold_check(data, len, &ms, &reason) != STN_OK
            || hold_make(&h, &f, data, len, &reason) != STN_OK)
        {
            fail_msg("%s %s", files[i].name, reason);
        }

        assert_int_equal(ms, files[i].ms);
        assert_in_range(h.frames, 44, 47);

        ear_open(&e, &f, 4 * h.frames);
        ear_hear_loop(&e, &f, &h, 4 * h.frames);
        assert_tone(&e, &f, 0, T(TONE_HZ, files[i].level));
        assert_tone(&e, &f, 1, T(TONE_HZ, files[i].level));

        ear_close(&e);
        stn_hold_free(&h);
        free(data);
    }
}


/* Numbers that are none, or far too large, as bad tools write them. */

static void
makes_sound_of_what_is_no_number(void **state)
{
    size_t        i;
    ear_t         e;
    sound_t       s;
    stn_hold_t    h;
    stn_format_t  f;

    (void) state;

    sound_open(&s, 48000, 1, 48000);
    sound_tone(&s, 0, 440, 0.3, 0);

    for (i = 0; i < 30; i++) {
        s.ch[0][1000 + 1500 * i] = i % 3 ? (i % 2 ? INFINITY : NAN) : -1e30f;
    }

    media_format(&f, MEDIA_ASC(MEDIA_48000, 1), 2);
    ear_hear_sound(&e, &h, &f, &s, 2);

    for (i = 0; i < e.samples; i++) {
        assert_true(fabsf(e.pcm[0][i]) < 20);
    }

    ear_close(&e);
    stn_hold_free(&h);
    sound_close(&s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(loops_without_a_seam_in_aac),
        cmocka_unit_test(loops_without_a_seam_in_opus),
        cmocka_unit_test(makes_no_click),
        cmocka_unit_test(keeps_rate_and_level),
        cmocka_unit_test(makes_stereo_of_mono_and_back),
        cmocka_unit_test(mixes_surround_down),
        cmocka_unit_test(gives_surround_its_front_speakers),
        cmocka_unit_test(sounds_under_he_aac),
        cmocka_unit_test(takes_what_operators_have),
        cmocka_unit_test(makes_sound_of_what_is_no_number),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
