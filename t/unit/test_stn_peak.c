/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * True peak beside libebur128's own, which takes the same filter: on noise,
 * on single samples wherever they are, and in pieces of any length.
 */

#include "wire_util.h"

#include "programme/stn_peak.h"

#include <ebur128.h>
#include <math.h>


#define SAMPLES  48000


/* Samples with silence before them, in memory that ends where they end. */

typedef struct {
    float  *all;
    float  *x;
} noise_t;


static void
noise_init(noise_t *s, size_t n)
{
    s->all = calloc(STN_PEAK_BEFORE + n, sizeof(float));
    assert_non_null(s->all);
    s->x = s->all + STN_PEAK_BEFORE;
}


static void
noise_fill(noise_t *s, size_t n, uint32_t seed)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        s->x[i] = (float) ((int32_t) wire_random(&seed) / 4294967296.0);
    }
}


static double
ebur_peak(const float *x, size_t n)
{
    double          peak;
    ebur128_state  *st;

    st = ebur128_init(1, 48000, EBUR128_MODE_TRUE_PEAK);
    assert_non_null(st);

    assert_int_equal(ebur128_add_frames_float(st, x, n), EBUR128_SUCCESS);
    assert_int_equal(ebur128_true_peak(st, 0, &peak), EBUR128_SUCCESS);
    ebur128_destroy(&st);

    return peak;
}


static void
assert_near(double is, double wanted)
{
    if (fabs(is - wanted) > 1e-5) {
        fail_msg("%.7f is not %.7f", is, wanted);
    }
}


/* Each few samples of noise have their greatest value somewhere else. */

static void
finds_what_libebur128_finds(void **state)
{
    size_t      n;
    double      wanted;
    noise_t     s;
    unsigned    between;
    stn_peak_t  p;

    (void) state;

    stn_peak_init(&p);
    between = 0;

    for (n = STN_PEAK_MIN; n < 400; n++) {
        noise_init(&s, n);
        noise_fill(&s, n, (uint32_t) n);

        wanted = ebur_peak(s.x, n);
        assert_near(stn_peak_of(&p, s.x, n), wanted);
        between += wanted > 0.5;

        free(s.all);
    }

    /* no sample is above a half */

    assert_true(between > 100);
}


/* A sample alone is the peak, as the first one, the last one or any. */

static void
finds_single_samples(void **state)
{
    size_t      n, i;
    noise_t     s;
    stn_peak_t  p;

    (void) state;

    stn_peak_init(&p);

    for (n = STN_PEAK_MIN; n < 3 * STN_PEAK_MIN; n++) {
        noise_init(&s, n);
        assert_true(stn_peak_of(&p, s.x, n) == 0);

        for (i = 0; i < n; i++) {
            s.x[i] = i & 1 ? 0.25f : -0.25f;
            assert_true(stn_peak_of(&p, s.x, n) == 0.25f);
            s.x[i] = 0;
        }

        free(s.all);
    }
}


static void
does_not_mind_how_noise_is_cut(void **state)
{
    float       max, peak;
    size_t      at, n;
    double      wanted;
    noise_t     s;
    uint32_t    seed;
    stn_peak_t  p;

    (void) state;

    stn_peak_init(&p);
    noise_init(&s, SAMPLES);
    noise_fill(&s, SAMPLES, 4711);

    wanted = ebur_peak(s.x, SAMPLES);
    seed = 42;
    max = 0;

    for (at = 0; at < SAMPLES; at += n) {
        n = STN_PEAK_MIN + wire_random(&seed) % 200;

        if (SAMPLES - at < n + STN_PEAK_MIN) {
            n = SAMPLES - at;
        }

        peak = stn_peak_of(&p, s.x + at, n);
        max = stn_max(max, peak);
    }

    assert_near(max, wanted);
    assert_near(stn_peak_of(&p, s.x, SAMPLES), wanted);

    free(s.all);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(finds_what_libebur128_finds),
        cmocka_unit_test(finds_single_samples),
        cmocka_unit_test(does_not_mind_how_noise_is_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
