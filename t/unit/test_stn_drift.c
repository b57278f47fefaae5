/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The line through the least delays alone: units whose delays are known say
 * what it must make of them.
 */

#include "wire_util.h"

#include "programme/stn_drift.h"

#include <math.h>


#define RATE   48000
#define FRAME  1024

/* A sample count of these days. */
#define NOW  ((int64_t) 1763719207 * RATE)

#define MS(samples)  ((double) (samples) * 1000 / RATE)
#define HOUR         3600.0


/* A source: what its clock and its path do. */

typedef struct {
    stn_drift_t  d;
    double       behind;       /* s: how far its clock has fallen back */
    double       ppm;
    double       path;         /* ms */
    double       jitter;       /* ms */
    double       t;            /* s since it began */
    double       worst;        /* ms: error of what the line said */
    uint32_t     random;
} source_t;


static void
source_init(source_t *s, double ppm)
{
    memset(s, 0, sizeof(*s));

    s->ppm = ppm;
    s->jitter = 20;
    s->random = 7;

    stn_drift_init(&s->d, RATE);
}


/* What the line says of the clock is off by, in milliseconds. */

static double
source_error(const source_t *s)
{
    return MS(stn_drift_samples(&s->d)) - s->behind * 1000;
}


static void
source_run(source_t *s, double until)
{
    double  delay;

    while (s->t < until) {
        s->t += (double) FRAME / RATE;
        s->behind += s->ppm * 1e-6 * FRAME / RATE;

        delay = s->behind + s->path / 1000
                + s->jitter / 1000 * (wire_random(&s->random) % 1000) / 1000;

        (void) stn_drift_feed(&s->d, (int64_t) (delay * RATE),
                              NOW + (int64_t) ((s->t + delay) * RATE));

        if (stn_drift_doubt(&s->d) != INFINITY) {
            s->worst = fmax(s->worst, fabs(source_error(s)));
        }
    }
}


static void
knows_nothing_in_the_first_minute(void **state)
{
    source_t  s;

    (void) state;

    source_init(&s, 300);
    assert_true(stn_drift_doubt(&s.d) == INFINITY);

    source_run(&s, 59);
    assert_true(stn_drift_doubt(&s.d) == INFINITY);
    assert_true(stn_drift_samples(&s.d) == 0);
    assert_true(stn_drift_ppm(&s.d) == 0);

    source_run(&s, 75);
    assert_true(MS(stn_drift_doubt(&s.d)) < 25);
    assert_true(fabs(source_error(&s)) < 3);

    stn_drift_reset(&s.d);
    assert_true(stn_drift_doubt(&s.d) == INFINITY);
    assert_int_equal(s.d.rate, RATE);
}


static void
finds_the_rate_of_a_clock(void **state)
{
    size_t    i;
    source_t  s;

    static const double  ppm[] = { 0, 2, -30, 100, -300, 300, 450 };

    (void) state;

    for (i = 0; i < stn_nelems(ppm); i++) {
        source_init(&s, ppm[i]);
        source_run(&s, 600);
        print_message("# %+.0f ppm: at worst %.1f ms\n", ppm[i], s.worst);
        assert_true(fabs(stn_drift_ppm(&s.d) - ppm[i]) < 3);

        source_run(&s, 5 * HOUR);
        assert_true(fabs(stn_drift_ppm(&s.d) - ppm[i]) < 0.3);

        /* the beginning is somewhere in the first ten seconds */

        assert_true(s.worst < 1 + 0.01 * fabs(ppm[i]));
        assert_true(fabs(source_error(&s)) < 0.5 + 0.01 * fabs(ppm[i]));
        assert_true(MS(stn_drift_doubt(&s.d)) < 3);
    }
}


static void
counts_from_what_was_corrected(void **state)
{
    double    before;
    source_t  s;

    (void) state;

    source_init(&s, 100);
    source_run(&s, HOUR);

    before = stn_drift_samples(&s.d);
    stn_drift_correct(&s.d, 3 * FRAME);
    assert_true(fabs(before - stn_drift_samples(&s.d) - 3 * FRAME) < 0.001);

    stn_drift_correct(&s.d, -FRAME);
    source_run(&s, 2 * HOUR);
    assert_true(fabs(source_error(&s) + MS(2 * FRAME)) < 3);
    assert_true(fabs(stn_drift_ppm(&s.d) - 100) < 1);
}


/* Rates change with temperature: 20 ppm up and down in an hour and a half. */

static void
follows_a_clock_that_warms_up(void **state)
{
    double    t;
    source_t  s;

    (void) state;

    source_init(&s, 0);

    for (t = 0; t < 12 * HOUR; t += 60) {
        s.ppm = 50 + 20 * sin(2 * M_PI * t / (1.5 * HOUR));
        source_run(&s, t);
    }

    print_message("# warming up: at worst %.1f ms\n", s.worst);
    assert_true(s.worst < 15);
}


/* A clock that changes its rate by more than any at once costs what a path
 * may, and is then followed. */

static void
learns_again_when_the_rate_jumps(void **state)
{
    source_t  s;

    (void) state;

    source_init(&s, -20);
    source_run(&s, 3 * HOUR);
    assert_true(s.worst < 3);

    s.ppm = 250;
    source_run(&s, 5 * HOUR);

    print_message("# a rate that jumps: at worst %.1f ms\n", s.worst);
    assert_true(fabs(stn_drift_ppm(&s.d) - 250) < 3);
    assert_true(s.worst < STN_DRIFT_PATH_MS);
}


static void
passes_over_what_comes_back(void **state)
{
    int       i;
    double    t, before;
    source_t  s;

    (void) state;

    source_init(&s, 30);
    source_run(&s, 600);

    for (i = 1; i <= 10; i++) {
        before = s.d.slope;

        for (t = 0; t < 60; t++) {
            s.path = i * t;
            source_run(&s, i * 600 + t);
        }

        s.path = 0;
        source_run(&s, i * 600 + 600);
        assert_true(fabs(s.d.slope - before) < 4e-6);
    }

    print_message("# bumps: at worst %.1f ms\n", s.worst);
    assert_true(s.worst < 8);
}


/* Another path is none of the clock's, as long as it is no detour. */

static void
goes_on_from_another_path(void **state)
{
    size_t    i;
    source_t  s;

    static const double  path[] = { 200, 0, -200, 100, 240 };

    (void) state;

    source_init(&s, 30);
    source_run(&s, 1800);

    for (i = 0; i < stn_nelems(path); i++) {
        s.path = path[i];
        source_run(&s, 1800 * (double) (i + 2));
        assert_true(fabs(source_error(&s)) < 6);
        assert_true(fabs(stn_drift_ppm(&s.d) - 30) < 2);
    }

    /* more than may be left so is to be corrected, once */

    s.path = 450;
    source_run(&s, s.t + 1800);
    assert_true(fabs(source_error(&s) - 200) < 6);
    assert_true(fabs(stn_drift_ppm(&s.d) - 30) < 2);

    s.path = 0;
    source_run(&s, s.t + 1800);
    assert_true(fabs(source_error(&s) - 200) < 6);
}


/* Units that come ever earlier were not made as they come. */

static void
sees_no_clock_in_a_backlog(void **state)
{
    source_t  s;

    (void) state;

    source_init(&s, 0);

    while (s.t < 3600) {
        s.path = -5 * s.t;
        source_run(&s, s.t + 1);
        assert_true(stn_drift_samples(&s.d) == 0);
    }

    /* and when it comes to an end, that is the beginning */

    source_run(&s, 2 * HOUR);
    assert_true(MS(fabs(stn_drift_samples(&s.d))) < 3);
    assert_true(stn_drift_doubt(&s.d) != INFINITY);

    /* in mid-session, too */

    s.path -= 5000;
    source_run(&s, s.t + 300);
    assert_true(MS(fabs(stn_drift_samples(&s.d))) < 3);
}


/* What is said for certain is right, whatever the jitter. */

static void
is_not_certain_of_what_is_not(void **state)
{
    int       jitter;
    double    doubt;
    source_t  s;

    (void) state;

    for (jitter = 0; jitter <= 400; jitter += 50) {
        source_init(&s, 0);
        s.jitter = jitter;
        doubt = 0;

        while (s.t < HOUR) {
            source_run(&s, s.t + 10);
            doubt = stn_drift_doubt(&s.d);
            assert_true(fabs(stn_drift_samples(&s.d)) < doubt);
        }

        assert_true(MS(doubt) < jitter / 20 + 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(knows_nothing_in_the_first_minute),
        cmocka_unit_test(finds_the_rate_of_a_clock),
        cmocka_unit_test(counts_from_what_was_corrected),
        cmocka_unit_test(follows_a_clock_that_warms_up),
        cmocka_unit_test(learns_again_when_the_rate_jumps),
        cmocka_unit_test(passes_over_what_comes_back),
        cmocka_unit_test(goes_on_from_another_path),
        cmocka_unit_test(sees_no_clock_in_a_backlog),
        cmocka_unit_test(is_not_certain_of_what_is_not),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
