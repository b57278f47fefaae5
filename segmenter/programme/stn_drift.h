/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How a broadcaster's clock drifts against ours.  All that can be seen of it
 * is when his units arrive, by a network that delays each one as it likes:
 *
 *     delay                            .
 *      |   .      .   .             .  .    .        .  a unit
 *      |    .  .  . . .    .   .  . . ._.___/        _  least of a window
 *      |  . ._.__._____.____.__._.__.___             /  line through those
 *      +--------------------------------------> time
 *
 * No unit comes before it was made, so the least delay of some seconds is the
 * path's own, and a line through those has the clock's rate as its slope.  A
 * window that lies off the line and comes back is the network, and is passed
 * over; windows that stay away are another path, and the line goes on from
 * there.  Pure arithmetic: the time comes in as an argument, figures are
 * samples.  It owns no memory.
 */

#ifndef STN_DRIFT_H
#define STN_DRIFT_H

#include "stn_base.h"


/* The least delay is taken of windows of this length. */
#define STN_DRIFT_WINDOW_MS  10000

/* Windows before the line is believed; windows that it remembers (half an
 * hour: a clock's rate changes with its temperature, no faster); windows off
 * the line on one side before it is the line that is wrong. */
#define STN_DRIFT_LEARN     6
#define STN_DRIFT_MEMORY    180
#define STN_DRIFT_PATIENCE  12

/* Off the line is what is farther away than this, and than four times the
 * usual. */
#define STN_DRIFT_GATE_MS  20

/* No clock is worse than this. */
#define STN_DRIFT_PPM_MAX  500

/* A path that gets longer or shorter for good is not the clock.  So much of
 * that, in all, is left uncorrected; what is more would be felt. */
#define STN_DRIFT_PATH_MS  250

/* Units that come so much earlier than in the beginning are a recording's,
 * pushed faster than it plays. */
#define STN_DRIFT_EARLY_MS  1000


typedef struct {
    uint32_t  rate;            /* samples a second */
    int64_t   now;             /* when the last unit came */
    int64_t   since;           /* when the window began; 0: none has */
    int64_t   low;             /* the least delay in it, */
    int64_t   low_at;          /* and when that was */
    int64_t   began;           /* when the line began */
    int64_t   at;              /* where the line has come to, */
    double    level;           /* its delay there, */
    double    slope;           /* and its change per sample */
    double    base;            /* its delay in the beginning */
    double    detour;          /* what other paths have added since, */
    double    path;            /* and what of that is left uncorrected */
    double    corrected;       /* what the programme has added */
    double    noise;           /* how far windows usually are from the line */
    unsigned  windows;         /* remembered */
    int       off;             /* windows off the line, < 0: below it */
} stn_drift_t;


void stn_drift_init(stn_drift_t *d, uint32_t rate);

/* Begins anew: neither the clock nor the path is known. */
void stn_drift_reset(stn_drift_t *d);

/* Learns from a unit that came at wall-clock sample now, delay samples after
 * its timestamp, whatever that counts from.  Returns 1 when a window ended
 * with it, or 0. */
unsigned stn_drift_feed(stn_drift_t *d, int64_t delay, int64_t now);

/* The programme was made so many samples longer (shorter: negative). */
void stn_drift_correct(stn_drift_t *d, double samples);

/* How far his clock has fallen behind ours since the beginning, less what was
 * corrected; negative: run ahead. */
double stn_drift_samples(const stn_drift_t *d);

/* What that may be wrong by: infinite in the beginning. */
double stn_drift_doubt(const stn_drift_t *d);

/* His clock's rate: by how many millionths it is slower than ours. */
double stn_drift_ppm(const stn_drift_t *d);


#endif /* STN_DRIFT_H */
