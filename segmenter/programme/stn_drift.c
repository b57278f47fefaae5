/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The line through the least delays (see stn_drift.h): a fit of least squares
 * in constant memory.  With k windows so far, the next one corrects the line's
 * end by 2(2k-1) / k(k+1) of its distance, and the slope by 6 / k(k+1) of it
 * per window; k stops growing at what the line shall remember.
 */

#include "programme/stn_drift.h"

#include <math.h>
#include <string.h>


/* Samples per sample. */
#define STN_DRIFT_SLOPE_MAX  (STN_DRIFT_PPM_MAX / 1e6)


static double stn_drift_ms(const stn_drift_t *d, double ms);
static void stn_drift_window(stn_drift_t *d);
static void stn_drift_begin(stn_drift_t *d);
static void stn_drift_fit(stn_drift_t *d, double error);
static void stn_drift_believe(stn_drift_t *d);
static void stn_drift_stray(stn_drift_t *d, double error);
static void stn_drift_move(stn_drift_t *d, double error);


void
stn_drift_init(stn_drift_t *d, uint32_t rate)
{
    memset(d, 0, sizeof(*d));

    d->rate = rate;
}


void
stn_drift_reset(stn_drift_t *d)
{
    stn_drift_init(d, d->rate);
}


static double
stn_drift_ms(const stn_drift_t *d, double ms)
{
    return ms * d->rate / 1000;
}


unsigned
stn_drift_feed(stn_drift_t *d, int64_t delay, int64_t now)
{
    unsigned  ended;

    ended = d->since
            && now - d->since >= stn_drift_ms(d, STN_DRIFT_WINDOW_MS);

    if (ended) {
        stn_drift_window(d);
        d->since = 0;
    }

    if (d->since == 0 || delay < d->low) {
        d->low = delay;
        d->low_at = now;
    }

    if (d->since == 0) {
        d->since = now;
    }

    d->now = now;

    return ended;
}


static void
stn_drift_window(stn_drift_t *d)
{
    double  error, gate;

    if (d->windows == 0) {
        stn_drift_begin(d);
        return;
    }

    d->level += d->slope * (double) (d->low_at - d->at);
    error = (double) d->low - d->level;

    gate = stn_max(stn_drift_ms(d, STN_DRIFT_GATE_MS), 4 * d->noise);
    d->noise += (stn_min(fabs(error), gate) - d->noise) / 16;

    if (fabs(error) > gate) {
        stn_drift_stray(d, error);

    } else if (d->windows < STN_DRIFT_LEARN) {
        stn_drift_fit(d, error);
        stn_drift_believe(d);

    } else {
        stn_drift_fit(d, error);
    }

    d->at = d->low_at;
}


static void
stn_drift_begin(stn_drift_t *d)
{
    d->began = d->low_at;
    d->at = d->low_at;
    d->level = (double) d->low;
    d->base = d->level;
    d->slope = 0;
    d->path = 0;
    d->detour = 0;
    d->corrected = 0;
    d->noise = stn_drift_ms(d, STN_DRIFT_GATE_MS) / 4;
    d->windows = 1;
    d->off = 0;
}


static void
stn_drift_fit(stn_drift_t *d, double error)
{
    double  k, span;

    d->off = 0;
    d->windows = stn_min(d->windows + 1, STN_DRIFT_MEMORY);

    k = d->windows;
    span = (double) (d->low_at - d->at);

    d->level += error * 2 * (2 * k - 1) / (k * (k + 1));
    d->slope += span > 0 ? error * 6 / (k * (k + 1)) / span : 0;
    d->slope = stn_max(-STN_DRIFT_SLOPE_MAX,
                       stn_min(d->slope, STN_DRIFT_SLOPE_MAX));
}


/* A line that falls as no clock's can is that of a slow start, unless it is
 * jitter that made it. */

static void
stn_drift_believe(stn_drift_t *d)
{
    double  span;

    if (d->windows < STN_DRIFT_LEARN) {
        return;
    }

    span = (double) (d->low_at - d->began);

    if (d->base - d->level > STN_DRIFT_SLOPE_MAX * span + d->noise) {
        stn_drift_begin(d);
        return;
    }

    d->base = d->level - d->slope * span;
}


static void
stn_drift_stray(stn_drift_t *d, double error)
{
    /* a slow start gets better: what came before was no beginning; nor is a
     * recording's backlog, which grows */

    if (error < 0 && (d->windows < STN_DRIFT_LEARN
                      || d->detour + error
                         < -stn_drift_ms(d, STN_DRIFT_EARLY_MS)))
    {
        stn_drift_begin(d);
        return;
    }

    if (error > 0) {
        d->off = stn_max(d->off, 0) + 1;
    } else {
        d->off = stn_min(d->off, 0) - 1;
    }

    if (d->off == STN_DRIFT_PATIENCE || d->off == -STN_DRIFT_PATIENCE) {
        stn_drift_move(d, error);
    }
}


/* The line goes on from where the windows are, as steep as it was: another
 * path, but the same clock. */

static void
stn_drift_move(stn_drift_t *d, double error)
{
    double  most;

    if (d->windows < STN_DRIFT_LEARN) {
        stn_drift_begin(d);
        return;
    }

    most = stn_drift_ms(d, STN_DRIFT_PATH_MS);

    d->path = stn_max(-most, stn_min(d->path + error, most));
    d->detour += error;
    d->level += error;
    d->off = 0;
}


void
stn_drift_correct(stn_drift_t *d, double samples)
{
    d->corrected += samples;
}


double
stn_drift_samples(const stn_drift_t *d)
{
    if (d->windows < STN_DRIFT_LEARN) {
        return 0;
    }

    return d->level + d->slope * (double) (d->now - d->at)
           - d->base - d->path - d->corrected;
}


/* Three times the usual distance of a window, and in the beginning, when the
 * line hangs on few of them, twice as much. */

double
stn_drift_doubt(const stn_drift_t *d)
{
    if (d->windows < STN_DRIFT_LEARN) {
        return INFINITY;
    }

    return 3 * d->noise * (1 + (double) STN_DRIFT_LEARN / d->windows);
}


double
stn_drift_ppm(const stn_drift_t *d)
{
    return d->windows < STN_DRIFT_LEARN ? 0 : d->slope * 1e6;
}
