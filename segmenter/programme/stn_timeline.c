/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Placing access units on the programme's clock (see stn_timeline.h).  Only
 * the sample count makes the clock; timestamps decide no more than whether a
 * unit is the next one, so their rounding never reaches a listener.
 */

#include "programme/stn_timeline.h"


/* How much a unit weighs in the average of bias: a second or two. */
#define STN_TIMELINE_BIAS  (1.0 / 64)


static void stn_timeline_anchor(stn_timeline_t *t, int64_t offset);
static int64_t stn_timeline_ts(const stn_timeline_t *t, int64_t ts);
static void stn_timeline_take(stn_timeline_t *t, int64_t ahead);
static stn_timeline_e stn_timeline_early(stn_timeline_t *t, int64_t at,
    int64_t pos, int64_t now, int64_t *fill);
static stn_timeline_e stn_timeline_resync(stn_timeline_t *t, int64_t at,
    int64_t pos, int64_t now, int64_t *fill);
static void stn_timeline_judge(stn_timeline_t *t, int64_t ts, int64_t now);


void
stn_timeline_init(stn_timeline_t *t, uint32_t rate, uint32_t frame)
{
    t->rate = rate;
    t->frame = frame;
    t->resyncs = 0;

    stn_drift_init(&t->drift, rate);
    stn_timeline_reset(t);
}


void
stn_timeline_reset(stn_timeline_t *t)
{
    t->first = 0;
    t->late = 0;
    t->patience = 0;
    t->crowded = 0;
    t->stale_since = 0;
    t->stale_by = 0;
    t->settling = 1;

    stn_timeline_anchor(t, INT64_MAX);
}


/* Another clock, or none yet: what was learned of the last one is void. */

static void
stn_timeline_anchor(stn_timeline_t *t, int64_t offset)
{
    t->offset = offset;
    t->origin = offset;
    t->bias = 0;
    t->spliced = 1;

    stn_drift_reset(&t->drift);
}


int64_t
stn_timeline_samples(const stn_timeline_t *t, int64_t ms)
{
    return stn_rescale(ms, t->rate, 1000);
}


static int64_t
stn_timeline_ts(const stn_timeline_t *t, int64_t ts)
{
    return stn_rescale(ts, t->rate, STN_TS_HZ);
}


int64_t
stn_timeline_at(const stn_timeline_t *t, int64_t ts)
{
    return stn_timeline_ts(t, ts) + t->offset;
}


void
stn_timeline_settle(stn_timeline_t *t, int64_t ts, int64_t now)
{
    int64_t  offset;

    if (t->first == 0) {
        t->first = now;
    }

    /* a frame has been sent when its last sample has been heard */

    offset = now - t->frame - stn_timeline_ts(t, ts)
             - stn_timeline_samples(t, STN_TIMELINE_DELAY_MS);

    t->offset = stn_min(t->offset, offset);
}


int64_t
stn_timeline_start(stn_timeline_t *t, int64_t ts, int64_t pos, int64_t now)
{
    int64_t  at, backlog, phase;

    at = stn_timeline_at(t, ts);
    at = stn_min(at, now - t->frame);
    at = stn_max(at, t->first - stn_timeline_samples(t, STN_TIMELINE_BACK_MS));

    backlog = stn_min(pos, t->first - t->frame) - at;

    if (pos >= 0
        && backlog > stn_timeline_samples(t, STN_TIMELINE_BURST_MS))
    {
        t->late = t->crowded ? 0 : pos - at;
        at = pos;
    }

    /* onto the grid of frames, at most half a frame from the truth */

    phase = (pos >= 0) ? pos % t->frame : 0;
    at += t->frame / 2 - phase;
    at += phase - at % t->frame;

    t->settling = 0;
    stn_timeline_anchor(t, at - stn_timeline_ts(t, ts));

    return at;
}


stn_timeline_e
stn_timeline_place(stn_timeline_t *t, int64_t ts, int64_t pos, int64_t now,
    int64_t *fill)
{
    int64_t  at, margin;

    *fill = 0;

    at = stn_timeline_at(t, ts);
    margin = stn_timeline_samples(t, STN_TIMELINE_MARGIN_MS);
    margin = stn_max(margin, 2 * (int64_t) t->frame);

    if (at - pos > margin) {
        return stn_timeline_early(t, at, pos, now, fill);
    }

    if (pos - at <= margin) {
        stn_timeline_take(t, at - pos);
        return STN_TIMELINE_TAKE;
    }

    t->spliced = 1;

    if (t->stale_since == 0 || now - at < t->stale_by - margin) {
        t->stale_since = now;
        t->stale_by = now - at;
    }

    if (pos - at > stn_timeline_samples(t, STN_TIMELINE_REPAIR_MS)
        || (now > t->patience
            && now - t->stale_since
               > stn_timeline_samples(t, STN_TIMELINE_STALE_MS)))
    {
        return stn_timeline_resync(t, at, pos, now, fill);
    }

    return STN_TIMELINE_DROP;
}


static void
stn_timeline_take(stn_timeline_t *t, int64_t ahead)
{
    t->stale_since = 0;

    if (t->spliced) {
        t->spliced = 0;
        t->bias = (double) ahead;
    }

    t->bias += ((double) ahead - t->bias) * STN_TIMELINE_BIAS;
}


/*
 * Something is missing before this unit.  That is believed only when the wall
 * clock has come as far: filling for a clock that merely jumped would delay
 * all that follows by the jump.
 */

static stn_timeline_e
stn_timeline_early(stn_timeline_t *t, int64_t at, int64_t pos, int64_t now,
    int64_t *fill)
{
    double  bias, half;

    t->stale_since = 0;
    t->spliced = 1;

    if (at - pos > stn_timeline_samples(t, STN_TIMELINE_REPAIR_MS)
        || at > now + stn_timeline_samples(t, STN_TIMELINE_AHEAD_MS))
    {
        return stn_timeline_resync(t, at, pos, now, fill);
    }

    /* units before the gap were as far off the grid as those behind it */

    half = t->frame / 2.0;
    bias = stn_max(-half, stn_min(t->bias, half));

    *fill = (at - pos - (int64_t) bias + t->frame / 2) / t->frame;

    return STN_TIMELINE_FILL;
}


/*
 * Takes the unit for what is heard now, whatever it says: at the next frame,
 * or after as much filling as brings the programme back to the wall clock.
 */

static stn_timeline_e
stn_timeline_resync(stn_timeline_t *t, int64_t at, int64_t pos, int64_t now,
    int64_t *fill)
{
    int64_t  late;

    t->resyncs++;
    t->stale_since = 0;

    late = now - t->frame - pos;

    if (late > stn_timeline_samples(t, STN_TIMELINE_AHEAD_MS)) {
        *fill = late / t->frame;
    }

    stn_timeline_anchor(t, t->offset + pos + *fill * t->frame - at);

    return *fill ? STN_TIMELINE_FILL : STN_TIMELINE_TAKE;
}


void
stn_timeline_watch(stn_timeline_t *t, int64_t ts, int64_t now)
{
    double  most, bias;

    if (t->late) {
        stn_timeline_judge(t, ts, now);
    }

    if (!stn_drift_feed(&t->drift, now - stn_timeline_ts(t, ts) - t->origin,
                        now))
    {
        return;
    }

    /* Timestamps that run away from the samples, slowly, are not believed:
     * offset follows the samples, or after an hour there would be a gap to
     * fill that nobody hears. */

    most = (double) stn_timeline_samples(t, STN_DRIFT_WINDOW_MS)
           * STN_DRIFT_PPM_MAX / 1e6;
    bias = stn_max(-most, stn_min(t->bias, most));

    if (t->bias < t->frame / 2.0 && t->bias > t->frame / -2.0) {
        t->offset -= (int64_t) bias;
        t->bias -= (double) (int64_t) bias;
        stn_drift_correct(&t->drift, -(double) (int64_t) bias);
    }
}


void
stn_timeline_crowd(stn_timeline_t *t)
{
    t->crowded = 1;
    t->late = 0;
}


/* Whether what came late goes on to come faster than it plays. */

static void
stn_timeline_judge(stn_timeline_t *t, int64_t ts, int64_t now)
{
    int64_t  ahead;

    /* of what it would be if it had come in time */

    ahead = stn_timeline_at(t, ts) - t->late - (now - t->frame);

    if (ahead > stn_timeline_samples(t, STN_TIMELINE_BURST_MS)) {
        t->late = 0;

    } else if (now - t->first
               > stn_timeline_samples(t, STN_TIMELINE_JUDGE_MS))
    {
        t->offset -= t->late;
        t->patience = now + t->late
                      + stn_timeline_samples(t, STN_TIMELINE_STALE_MS);
        t->late = 0;
        t->spliced = 1;
    }
}


int64_t
stn_timeline_drift(const stn_timeline_t *t)
{
    double  drift, doubt;

    drift = stn_drift_samples(&t->drift) + t->bias;
    doubt = stn_drift_doubt(&t->drift);

    return (int64_t) (drift > 0 ? stn_max(drift - doubt, 0)
                                : stn_min(drift + doubt, 0));
}


double
stn_timeline_ppm(const stn_timeline_t *t)
{
    return stn_drift_ppm(&t->drift);
}


void
stn_timeline_correct(stn_timeline_t *t, int64_t samples)
{
    double  half;

    half = samples / 2.0;

    /* what the timestamps say is missing, or too much, is made up first */

    if ((half > 0 && t->bias > half) || (half < 0 && t->bias < half)) {
        t->bias -= (double) samples;
        return;
    }

    t->offset += samples;
    stn_drift_correct(&t->drift, (double) samples);
}
