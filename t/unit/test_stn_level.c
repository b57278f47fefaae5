/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The meter's figures for signals whose levels are known: those of EBU Tech
 * 3341 made here, sines for RMS and true peak.  Then what a live stream may do
 * to it: any pieces, other formats, values that are no audio, days of it, and
 * want of memory.
 */

#include "level_util.h"

#include <malloc.h>


/* libavutil's masks. */
#define LAYOUT_3POINT0  0x07      /* FL FR FC */
#define LAYOUT_2POINT1  0x0b      /* FL FR LFE */
#define LAYOUT_5POINT1  0x3f      /* FL FR FC LFE BL BR */
#define LAYOUT_7POINT1  0x63f     /* and SL SR */

/* Where a sanitizer owns malloc(), it can neither be counted nor be made to
 * fail: such tests are left out. */
#ifdef __SANITIZE_ADDRESS__
#define OWN_MALLOC  0
#else
#define OWN_MALLOC  1
#endif


static void
starts_at_the_floor(void **state)
{
    unsigned  c;
    meter_t   m;

    (void) state;

    meter_open(&m, 48000, 2);
    stn_level_report(m.l, &m.r);

    for (c = 0; c < LEVEL_CHANNELS; c++) {
        assert_int_equal(m.r.rms[c], STN_LEVEL_FLOOR);
    }

    assert_int_equal(m.r.channels, 0);
    assert_int_equal(m.r.true_peak, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.max_true_peak, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.momentary, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.short_term, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.integrated, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.silent_ms, 0);
    assert_int_equal(m.r.clipped, 0);
    assert_int_equal(m.r.alarms, 0);
    assert_int_equal(stn_level_last(m.l), STN_LEVEL_FLOOR);

    /* and stays there in digital silence */

    play(&m, &silence, 1000);
    assert_int_equal(m.r.channels, 2);
    assert_int_equal(m.r.rms[0], STN_LEVEL_FLOOR);
    assert_int_equal(m.r.true_peak, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.short_term, STN_LEVEL_FLOOR);
    assert_int_equal(m.r.integrated, STN_LEVEL_FLOOR);

    meter_close(&m);
}


/* EBU Tech 3341, cases 1 and 2. */

static void
measures_a_steady_tone(void **state)
{
    int      db;
    meter_t  m;

    (void) state;

    for (db = -33; db <= -23; db += 10) {
        meter_open(&m, 48000, 2);
        play_db(&m, db, 20000);

        near("momentary", m.r.momentary, 100 * db, 10);
        near("short-term", m.r.short_term, 100 * db, 10);
        near("integrated", m.r.integrated, 100 * db, 10);

        meter_close(&m);
    }
}


/* EBU Tech 3341, cases 3 to 5: what is gated, and what is not. */

static void
gates_integrated_loudness(void **state)
{
    size_t   k, i;
    meter_t  m;

    static const struct {
        double  db;
        double  ms;
    } cases[][5] = {
        { { -36, 10000 }, { -23, 60000 }, { -36, 10000 } },
        { { -72, 10000 }, { -36, 10000 }, { -23, 60000 }, { -36, 10000 },
          { -72, 10000 } },
        { { -26, 20000 }, { -20, 20100 }, { -26, 20000 } },
    };

    (void) state;

    for (k = 0; k < stn_nelems(cases); k++) {
        meter_open(&m, 48000, 2);

        for (i = 0; i < stn_nelems(cases[k]) && cases[k][i].ms > 0; i++) {
            play_db(&m, cases[k][i].db, cases[k][i].ms);
        }

        near("integrated", m.r.integrated, -2300, 10);
        meter_close(&m);
    }
}


/* EBU Tech 3341, cases 9 and 12: the same loudness in every window. */

static void
measures_over_3_s_and_400_ms(void **state)
{
    int      i;
    meter_t  m;

    (void) state;

    meter_open(&m, 48000, 2);

    for (i = 0; i < 5; i++) {
        play_db(&m, -20, 1340);
        if (i > 2) {
            near("short-term", m.r.short_term, -2300, 10);
        }

        play_db(&m, -30, 1660);
        near("short-term", m.r.short_term, -2300, 10);
    }

    for (i = 0; i < 25; i++) {
        play_db(&m, -20, 180);
        if (i > 2) {
            near("momentary", m.r.momentary, -2300, 10);
        }

        play_db(&m, -30, 220);
        near("momentary", m.r.momentary, -2300, 10);
    }

    meter_close(&m);
}


static void
forgets_what_was_3_s_and_400_ms_ago(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 48000, 2);

    play_db(&m, -20, 5000);
    play_db(&m, -40, 300);
    near("momentary", m.r.momentary, -2000 + 100 * 10 * log10(0.2575), 10);
    play_db(&m, -40, 100);
    near("momentary", m.r.momentary, -4000, 10);

    play_db(&m, -40, 2500);
    near("short-term", m.r.short_term, -3362, 10);
    play_db(&m, -40, 100);
    near("short-term", m.r.short_term, -4000, 10);

    meter_close(&m);
}


/* EBU Tech 3341, case 6: 5.0; the same with a loud LFE in 5.1; 7.1, where the
 * back channels are none of BS.1770's surround channels; and 3.0, which is
 * not libavutil's default for so many. */

static void
weighs_channels_by_their_place(void **state)
{
    meter_t  m;

    static const sound_t  five = { 1000, 0, { -28, -28, -24, -30, -30 } };
    static const sound_t  six = { 1000, 0, { -28, -28, -24, -3, -30, -30 } };
    static const sound_t  back = { 1000, 0, { OFF, OFF, OFF, OFF, -20, OFF,
                                              OFF, OFF } };
    static const sound_t  side = { 1000, 0, { OFF, OFF, OFF, OFF, OFF, OFF,
                                              OFF, -20 } };
    static const sound_t  middle = { 1000, 0, { OFF, OFF, -20 } };

    (void) state;

    meter_open(&m, 48000, 5);
    play(&m, &five, 20000);
    near("5.0", m.r.integrated, -2300, 10);

    m.pcm.channels = 6;
    m.pcm.layout = LAYOUT_5POINT1;
    stn_level_reset(m.l);
    play(&m, &six, 20000);
    near("5.1", m.r.integrated, -2300, 10);

    m.pcm.layout = 0;
    stn_level_reset(m.l);
    play(&m, &six, 5000);
    near("5.1 by default", m.r.integrated, -2300, 10);

    m.pcm.channels = 8;
    m.pcm.layout = LAYOUT_7POINT1;
    play(&m, &back, 5000);
    near("back", m.r.short_term, -2300, 10);
    play(&m, &side, 5000);
    near("side", m.r.short_term, -2300 + 149, 10);

    m.pcm.channels = 3;
    m.pcm.layout = LAYOUT_3POINT0;
    play(&m, &middle, 5000);
    near("middle", m.r.short_term, -2300, 10);

    m.pcm.layout = LAYOUT_2POINT1;
    play(&m, &middle, 5000);
    assert_int_equal(m.r.short_term, STN_LEVEL_FLOOR);

    meter_close(&m);
}


static void
measures_at_every_rate(void **state)
{
    size_t   i;
    meter_t  m;

    static const uint32_t  rates[] = {
        STN_LEVEL_RATE_MIN, 8000, 11025, 12000, 16000, 22050, 24000,
        32000, 44100, 48000, 64000, 88200, 96000, STN_LEVEL_RATE_MAX
    };

    (void) state;

    for (i = 0; i < stn_nelems(rates); i++) {
        meter_open(&m, rates[i], 2);
        play_db(&m, -23, 4000);

        near("momentary", m.r.momentary, -2300, 10);
        near("short-term", m.r.short_term, -2300, 10);
        near("integrated", m.r.integrated, -2300, 10);
        near("rms", m.r.rms[1], -2601, 3);
        near("true peak", m.r.true_peak, -2300, 20);

        meter_close(&m);
    }
}


/* One channel is 3 LU below the same on two. */

static void
measures_mono(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 44100, 1);
    play_db(&m, -23, 5000);

    assert_int_equal(m.r.channels, 1);
    near("rms", m.r.rms[0], -2601, 1);
    assert_int_equal(m.r.rms[1], STN_LEVEL_FLOOR);
    near("momentary", m.r.momentary, -2601, 10);
    near("short-term", m.r.short_term, -2601, 10);
    near("integrated", m.r.integrated, -2601, 10);
    near("true peak", m.r.true_peak, -2300, 10);

    meter_close(&m);
}


static void
takes_rms_of_full_scale(void **state)
{
    meter_t  m;

    static const sound_t  s = { 1000, 0, { 0, -6, OFF } };

    (void) state;

    meter_open(&m, 48000, 3);
    play(&m, &s, 100);

    assert_int_equal(m.r.channels, 3);
    near("rms", m.r.rms[0], -301, 1);
    near("rms", m.r.rms[1], -901, 1);
    assert_int_equal(m.r.rms[2], STN_LEVEL_FLOOR);

    /* of the last block alone */

    play_db(&m, -40, 100);
    near("rms", m.r.rms[0], -4301, 1);

    meter_close(&m);
}


/* Of what was last made. */

static int32_t
sample_peak(const meter_t *m)
{
    size_t  i;
    double  max;

    max = 0;

    for (i = 0; i < m->pcm.n; i++) {
        max = stn_max(max, fabs(m->buf[1][i]));
    }

    return (int32_t) lrint(2000 * log10(max));
}


/*
 * EBU Tech 3341, cases 15 to 18: sines between whose samples the peak lies,
 * here of amplitude 0.5; +0.2 and -0.4 dB are allowed.  What rings at their
 * beginning is out of the last 3 s.
 */

static void
finds_peaks_between_samples(void **state)
{
    size_t   i;
    meter_t  m;

    static const struct {
        sound_t  s;
        int32_t  sample;         /* the samples' own peak */
    } cases[] = {
        { { 12000, 0, { -6.02, -6.02 } }, -602 },
        { { 12000, 45, { -6.02, -6.02 } }, -903 },
        { { 12000, 45, { OFF, -6.02 } }, -903 },
        { { 8000, 60, { -6.02, -6.02 } }, -727 },
        { { 6000, 67.5, { -6.02, -6.02 } }, -671 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        meter_open(&m, 48000, 2);
        play(&m, &cases[i].s, 4000);

        near("sample peak", sample_peak(&m), cases[i].sample, 2);
        near("true peak", m.r.true_peak, -602 - 10, 30);
        assert_true(m.r.max_true_peak >= m.r.true_peak);

        meter_close(&m);
    }
}


/* Two samples beside each other, which have the peak between them (sinc of a
 * half, 0.637, less 2% by the window), and the end of a block, too. */

static void
finds_peaks_between_blocks(void **state)
{
    size_t   at;
    float    x[9600];
    meter_t  m;

    (void) state;

    for (at = 4780; at < 4820; at++) {
        memset(x, 0, sizeof(x));
        x[at] = x[at + 1] = 0.5f;

        meter_open(&m, 48000, 2);
        play_samples(&m, x, 4096);
        play_samples(&m, x + 4096, 1024);
        play_samples(&m, x + 5120, 4000);
        play_samples(&m, x + 9120, 480);
        near("max true peak", m.r.max_true_peak, -407, 1);
        meter_close(&m);
    }
}


static void
keeps_true_peak_for_3_s(void **state)
{
    meter_t  m;

    static const sound_t  between = { 12000, 45, { -20, -20 } };

    (void) state;

    meter_open(&m, 48000, 2);

    play_db(&m, -1, 100);
    play_db(&m, -20, 2900);
    near("true peak", m.r.true_peak, -100, 10);

    play_db(&m, -20, 200);
    near("true peak", m.r.true_peak, -2000, 10);
    near("max true peak", m.r.max_true_peak, -100, 10);

    /* and it is still found between samples after a reset */

    stn_level_reset(m.l);
    play(&m, &between, 4000);
    near("true peak", m.r.true_peak, -2000, 10);
    assert_true(m.r.max_true_peak < -1900);

    meter_close(&m);
}


/* Something of all: sound, clipping in one channel, silence, and values that
 * are no audio. */

static void
noise(float *x, size_t n, uint32_t seed)
{
    size_t    i;
    uint32_t  u;

    for (i = 0; i < n; i++) {
        u = wire_random(&seed);
        x[i] = (float) ((int32_t) u / 2147483648.0);

        if (i % 30000 > 12000) {
            x[i] *= 1e-5f;

        } else if (seed % 7 == 0) {
            x[i] = 1;

        } else if (seed % 4999 == 0) {
            x[i] = i & 1 ? NAN : INFINITY;
        }
    }
}


static void
feed_cut(meter_t *m, float *const x[2], size_t n, unsigned cut)
{
    size_t    at, piece;
    uint32_t  seed;

    seed = 4711 + cut;

    for (at = 0; at < n; at += piece) {
        piece = wire_piece(cut, &seed, n - at);

        m->pcm.ch[0] = x[0] + at;
        m->pcm.ch[1] = x[1] + at;
        m->pcm.n = piece;
        assert_int_equal(stn_level_feed(m->l, &m->pcm), STN_OK);
    }

    stn_level_report(m->l, &m->r);
}


static void
does_not_mind_how_audio_is_cut(void **state)
{
    float               *x[2];
    size_t               n;
    meter_t              m;
    unsigned             cut;
    stn_level_report_t   whole;

    (void) state;

    n = 44100 * 4 + 1234;
    x[0] = malloc(n * sizeof(float));
    x[1] = malloc(n * sizeof(float));
    assert_true(x[0] && x[1]);

    noise(x[0], n, 815);
    noise(x[1], n, 42);

    for (cut = 0; cut < WIRE_CUTS; cut++) {
        meter_open(&m, 44100, 2);
        feed_cut(&m, x, n, cut);

        if (cut == WIRE_WHOLE) {
            whole = m.r;
            assert_true(whole.clipped > 100);
            assert_true(whole.alarms & STN_LEVEL_CLIPPING);
            assert_true(whole.silent_ms > 0);
        }

        assert_memory_equal(&m.r, &whole, sizeof(whole));
        meter_close(&m);
    }

    free(x[0]);
    free(x[1]);
}


static void
goes_on_when_the_format_changes(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 48000, 2);
    play_db(&m, -20, 20000);

    /* short-term and integrated remember, and mono has but one channel */

    m.pcm.rate = 44100;
    m.pcm.channels = 1;
    play_db(&m, -23, 1000);
    assert_int_equal(m.r.channels, 1);
    near("momentary", m.r.momentary, -2601, 10);
    near("short-term", m.r.short_term, -2126, 15);

    play_db(&m, -23, 19000);
    near("short-term", m.r.short_term, -2601, 10);
    near("integrated", m.r.integrated, -2204, 10);
    near("max true peak", m.r.max_true_peak, -2000, 10);

    meter_close(&m);
}


/* What was there of a block, here more than a whole one of the new rate. */

static void
drops_the_block_under_way_when_the_format_changes(void **state)
{
    meter_t  m;

    (void) state;

    meter_open(&m, 48000, 2);
    play_db(&m, -3, 190);
    near("rms", m.r.rms[0], -601, 1);

    m.pcm.rate = 8000;
    m.pcm.channels = 1;
    play_db(&m, -23, 50);
    assert_int_equal(m.r.channels, 1);
    assert_int_equal(m.r.rms[0], STN_LEVEL_FLOOR);
    play_db(&m, -23, 50);
    near("rms", m.r.rms[0], -2601, 1);

    meter_close(&m);
}


static void
refuses_what_it_cannot_measure(void **state)
{
    size_t     i;
    meter_t    m;
    stn_pcm_t  bad;

    static const struct {
        uint32_t  rate;
        unsigned  channels;
    } cases[] = {
        { 0, 2 }, { STN_LEVEL_RATE_MIN - 1, 2 }, { STN_LEVEL_RATE_MAX + 1, 2 },
        { UINT32_MAX, 1 }, { 48000, 0 }, { 48000, LEVEL_CHANNELS + 1 },
    };

    (void) state;

    meter_open(&m, 48000, 2);
    play_db(&m, -23, 3050);

    for (i = 0; i < stn_nelems(cases); i++) {
        bad = m.pcm;
        bad.rate = cases[i].rate;
        bad.channels = cases[i].channels;
        assert_int_equal(stn_level_feed(m.l, &bad), STN_UNSUPPORTED);
    }

    /* as if it had never come, the block under way included */

    play_db(&m, -23, 50);
    near("rms", m.r.rms[0], -2601, 1);
    near("short-term", m.r.short_term, -2300, 2);

    meter_close(&m);
}


/* NaN is silence and infinity is full scale: the figures are those of the
 * same audio with these in their place. */

static void
is_not_poisoned(void **state)
{
    size_t              i;
    float               bad[4800], good[4800];
    meter_t             m;
    stn_level_report_t  wanted;

    (void) state;

    for (i = 0; i < 4800; i++) {
        bad[i] = good[i] = (float) (0.1 * sin((double) i / 10));

        if (i % 100 < 10) {
            bad[i] = i & 1 ? NAN : -NAN;
            good[i] = 0;

        } else if (i % 100 < 15) {
            bad[i] = i & 64 ? INFINITY : 1e30f;
            good[i] = 1;

        } else if (i % 100 < 20) {
            bad[i] = i & 64 ? -INFINITY : -16.1f;
            good[i] = -1;
        }
    }

    meter_open(&m, 48000, 2);
    play_samples(&m, good, 4800);
    play_db(&m, -23, 3000);
    wanted = m.r;
    meter_close(&m);

    meter_open(&m, 48000, 2);
    play_samples(&m, bad, 4800);
    play_db(&m, -23, 3000);
    assert_memory_equal(&m.r, &wanted, sizeof(wanted));
    near("short-term", m.r.short_term, -2300, 10);
    assert_int_equal(m.r.clipped, 2 * 48);
    meter_close(&m);
}


static void
tells_the_level_of_what_was_last_fed(void **state)
{
    size_t   i;
    float    x[64];
    meter_t  m;

    static const sound_t  s = { 1000, 0, { -40, -20 } };

    (void) state;

    meter_open(&m, 48000, 2);
    play(&m, &s, 10);
    near("last", stn_level_last(m.l), -2301, 10);

    for (i = 0; i < 64; i++) {
        x[i] = 0.001f;
    }

    play_samples(&m, x, 64);
    near("last", stn_level_last(m.l), -6000, 1);
    play_samples(&m, x, 0);
    near("last", stn_level_last(m.l), -6000, 1);

    x[0] = 0;
    play_samples(&m, x, 1);
    assert_int_equal(stn_level_last(m.l), STN_LEVEL_FLOOR);

    meter_close(&m);
}


#if (OWN_MALLOC)

/* An hour of sound and silence takes no more memory than its first minute. */

static void
does_not_grow(void **state)
{
    int                minute;
    meter_t            m;
    struct mallinfo2   before, after;

    (void) state;

    meter_open(&m, 8000, 1);
    before = mallinfo2();

    for (minute = 0; minute < 60; minute++) {
        play(&m, &loud, 40000);
        play(&m, &silence, 20000);

        if (minute == 0) {
            before = mallinfo2();
        }
    }

    after = mallinfo2();
    assert_true(after.uordblks + after.hblkhd
                <= before.uordblks + before.hblkhd);

    meter_close(&m);
}


/* glibc's own, behind ours that count down to a failure. */

static unsigned  allocations_left = UINT32_MAX;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);


static unsigned
allocation_fails(void)
{
    if (allocations_left == UINT32_MAX) {
        return 0;
    }

    return allocations_left == 0 || allocations_left-- == 0;
}


void *
malloc(size_t size)
{
    return allocation_fails() ? NULL : __libc_malloc(size);
}


void *
calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __libc_calloc(n, size);
}


void *
realloc(void *p, size_t size)
{
    return allocation_fails() ? NULL : __libc_realloc(p, size);
}


static int
feed_short_of_memory(meter_t *m, unsigned allocations)
{
    int  rc;

    m->pcm.n = 100;

    allocations_left = allocations;
    rc = stn_level_feed(m->l, &m->pcm);
    allocations_left = UINT32_MAX;

    return rc;
}


/* Each allocation of a change of format fails in turn.  Then the meter goes
 * on, with the old format or the new one. */

static void
change_short_of_memory(meter_t *m, uint32_t rate, unsigned channels)
{
    int        rc;
    unsigned   n, back;
    stn_pcm_t  was;

    was = m->pcm;
    rc = STN_NOMEM;

    for (n = 0; rc == STN_NOMEM; n++) {
        back = n & 1;

        m->pcm.rate = rate;
        m->pcm.channels = channels;
        rc = feed_short_of_memory(m, n);

        m->pcm.rate = back ? was.rate : rate;
        m->pcm.channels = back ? was.channels : channels;
        play_db(m, -23, 4000);
        near("short-term", m->r.short_term,
             m->pcm.channels == 2 ? -2300 : -2601, 10);

        m->pcm = was;
        play_db(m, -23, 4000);
    }

    assert_int_equal(rc, STN_OK);
    assert_true(n > 5);
}


static void
bears_want_of_memory(void **state)
{
    int       rc;
    meter_t   m;
    unsigned  n;

    (void) state;

    allocations_left = 0;
    assert_null(stn_level_open(&(stn_level_conf_t) { 0, 0 }));
    allocations_left = UINT32_MAX;

    rc = STN_NOMEM;

    for (n = 0; rc == STN_NOMEM; n++) {
        meter_open(&m, 8000, 2);
        rc = feed_short_of_memory(&m, n);
        play_db(&m, -23, 4000);
        near("short-term", m.r.short_term, -2300, 10);
        meter_close(&m);
    }

    assert_int_equal(rc, STN_OK);
    assert_true(n > 5);

    meter_open(&m, 8000, 1);
    change_short_of_memory(&m, 12000, 2);
    meter_close(&m);
}

#endif /* OWN_MALLOC */


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(starts_at_the_floor),
        cmocka_unit_test(measures_a_steady_tone),
        cmocka_unit_test(gates_integrated_loudness),
        cmocka_unit_test(measures_over_3_s_and_400_ms),
        cmocka_unit_test(forgets_what_was_3_s_and_400_ms_ago),
        cmocka_unit_test(weighs_channels_by_their_place),
        cmocka_unit_test(measures_at_every_rate),
        cmocka_unit_test(measures_mono),
        cmocka_unit_test(takes_rms_of_full_scale),
        cmocka_unit_test(finds_peaks_between_samples),
        cmocka_unit_test(finds_peaks_between_blocks),
        cmocka_unit_test(keeps_true_peak_for_3_s),
        cmocka_unit_test(does_not_mind_how_audio_is_cut),
        cmocka_unit_test(goes_on_when_the_format_changes),
        cmocka_unit_test(drops_the_block_under_way_when_the_format_changes),
        cmocka_unit_test(refuses_what_it_cannot_measure),
        cmocka_unit_test(is_not_poisoned),
        cmocka_unit_test(tells_the_level_of_what_was_last_fed),
#if (OWN_MALLOC)
        cmocka_unit_test(does_not_grow),
        cmocka_unit_test(bears_want_of_memory),
#endif
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
