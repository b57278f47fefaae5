/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * True peak (see stn_peak.h).  The samples themselves are the first of each
 * four values; the other three come from the filter's phases.  A run of
 * neighbours is made at once, so that the innermost loop is one of vectors
 * for any compiler.  Called by the meter, on its thread.
 */

#include "programme/stn_peak.h"

#include <math.h>


#define STN_PEAK_FACTOR  4
#define STN_PEAK_RUN     STN_PEAK_MIN


static void stn_peak_samples(const float *x, float *max);
static void stn_peak_between(const float *taps, const float *x, float *max);


/* Tap j of the whole filter, whose middle is a sample, is tap j / 4 of phase
 * j % 4; phase 0 has but that middle. */

void
stn_peak_init(stn_peak_t *p)
{
    int     j, middle;
    double  turn, hann;

    middle = STN_PEAK_FACTOR * STN_PEAK_TAPS / 2;

    for (j = 0; j < 2 * middle; j++) {
        if (j % STN_PEAK_FACTOR == 0) {
            continue;
        }

        turn = M_PI * (j - middle) / STN_PEAK_FACTOR;
        hann = 0.5 - 0.5 * cos(M_PI * j / middle);

        p->taps[j % STN_PEAK_FACTOR - 1][j / STN_PEAK_FACTOR] =
                                            (float) (hann * sin(turn) / turn);
    }
}


/* What does not fill a run at the end is taken with some that were there
 * before: a greatest value does not mind. */

float
stn_peak_of(const stn_peak_t *p, const float *x, size_t n)
{
    float     max[STN_PEAK_RUN] = { 0 };
    size_t    at, i;
    unsigned  phase;

    for (at = 0; at < n; at += STN_PEAK_RUN) {
        i = stn_min(at, n - STN_PEAK_RUN);

        stn_peak_samples(x + i, max);

        for (phase = 0; phase < STN_PEAK_FACTOR - 1; phase++) {
            stn_peak_between(p->taps[phase], x + i, max);
        }
    }

    for (i = 1; i < STN_PEAK_RUN; i++) {
        max[0] = stn_max(max[0], max[i]);
    }

    return max[0];
}


static void
stn_peak_samples(const float *x, float *max)
{
    float     y;
    unsigned  i;

    for (i = 0; i < STN_PEAK_RUN; i++) {
        y = fabsf(x[i]);
        max[i] = stn_max(max[i], y);
    }
}


static void
stn_peak_between(const float *taps, const float *x, float *max)
{
    float     y[STN_PEAK_RUN] = { 0 };
    unsigned  i, k;

    for (k = 0; k < STN_PEAK_TAPS; k++) {
        for (i = 0; i < STN_PEAK_RUN; i++) {
            y[i] += taps[k] * x[i];
        }

        x--;
    }

    stn_peak_samples(y, max);
}
