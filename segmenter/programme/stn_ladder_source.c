/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From units to live audio (see stn_ladder_source.h).  The timeline is that of
 * the programme of pass-through, with frames of one sample: a decoded unit
 * need not lie on a grid.  What it makes a frame's length of, that a unit has
 * been sent when its last sample has been heard, is taken off the time that it
 * is told.
 */

#include "programme/stn_ladder_source.h"

#include <math.h>
#include <string.h>


#define STN_LADDER_SOURCE_RATE      48000
#define STN_LADDER_SOURCE_CHANNELS  2

/* What a unit is taken to last before the first is decoded, if its format
 * does not tell: between MP3's and AC-3's. */
#define STN_LADDER_SOURCE_UNIT  1400

/* Millionths of speed for each sample that the programme is off, a correction
 * of half in half a minute; and the most of it. */
#define STN_LADDER_SOURCE_PULL      0.5
#define STN_LADDER_SOURCE_PULL_MAX  500.0

/* Samples in what the stats count as a frame. */
#define STN_LADDER_SOURCE_FRAME  1024


static int64_t stn_ladder_source_now(const stn_ladder_source_t *s,
    int64_t now_us);
static void stn_ladder_source_skip(stn_ladder_source_t *s, int64_t pos);
static int stn_ladder_source_unit(stn_ladder_source_t *s, int64_t now);
static int stn_ladder_source_place(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t *pos);
static int stn_ladder_source_fill(stn_ladder_source_t *s, int64_t fill);
static int stn_ladder_source_take(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t pos);
static int stn_ladder_source_append(stn_ladder_source_t *s,
    const stn_pcm_t *pcm, int64_t pos);
static void stn_ladder_source_trim(stn_pcm_t *pcm, int64_t n);
static void stn_ladder_source_steer(stn_ladder_source_t *s);


int
stn_ladder_source_init(stn_ladder_source_t *s, stn_ladder_live_t *live,
    size_t most)
{
    memset(s, 0, sizeof(*s));

    s->live = live;
    s->most = most;
    s->unit = STN_LADDER_SOURCE_UNIT;

    stn_timeline_init(&s->timeline, STN_LADDER_SOURCE_RATE, 1);

    return stn_fifo_init(&s->queue, STN_PROGRAMME_QUEUE);
}


void
stn_ladder_source_free(stn_ladder_source_t *s)
{
    stn_decoder_close(s->decoder);
    stn_resampler_close(s->resampler);
    stn_fifo_free(&s->queue);
    memset(s, 0, sizeof(*s));
}


int
stn_ladder_source_arrive(stn_ladder_source_t *s, const stn_format_t *format)
{
    stn_decoder_t    *d;
    stn_resampler_t  *r;

    d = stn_decoder_open(format);
    if (d == NULL) {
        return STN_UNSUPPORTED;
    }

    r = stn_resampler_open(STN_LADDER_SOURCE_RATE,
                           STN_LADDER_SOURCE_CHANNELS);
    if (r == NULL) {
        stn_decoder_close(d);
        return STN_NOMEM;
    }

    stn_decoder_close(s->decoder);
    stn_resampler_close(s->resampler);

    s->decoder = d;
    s->resampler = r;
    s->settled_us = 0;
    s->added = 0;
    s->unit = STN_LADDER_SOURCE_UNIT;

    if (format->rate && format->frame) {
        s->unit = stn_rescale(format->frame, STN_LADDER_SOURCE_RATE,
                              format->rate);
    }

    stn_fifo_reset(&s->queue);
    stn_timeline_reset(&s->timeline);

    return STN_OK;
}


int
stn_ladder_source_feed(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t now_us)
{
    int      rc;
    int64_t  now;

    if (s->decoder == NULL) {
        return STN_OK;
    }

    rc = (s->live->n < s->most) ? stn_fifo_put(&s->queue, au) : STN_LIMIT;

    if (rc != STN_OK) {
        stn_timeline_crowd(&s->timeline);
        return rc;
    }

    now = stn_ladder_source_now(s, now_us);

    if (!s->timeline.settling) {
        stn_timeline_watch(&s->timeline, au->ts, now);
        return STN_OK;
    }

    stn_timeline_settle(&s->timeline, au->ts, now);

    if (s->settled_us == 0) {
        s->settled_us = now_us + STN_PROGRAMME_SETTLE_US;
    }

    return STN_OK;
}


/* The place on the clock of a unit that is sent as it ends at now_us. */

static int64_t
stn_ladder_source_now(const stn_ladder_source_t *s, int64_t now_us)
{
    return stn_rescale(now_us, STN_LADDER_SOURCE_RATE, 1000000) - s->unit + 1;
}


unsigned
stn_ladder_source_settled(const stn_ladder_source_t *s, int64_t now_us,
    unsigned present)
{
    if (!s->timeline.settling) {
        return 1;
    }

    return s->queue.count && (now_us >= s->settled_us || !present);
}


int64_t
stn_ladder_source_start(stn_ladder_source_t *s, int64_t pos, int64_t now_us)
{
    int64_t   at;
    stn_au_t  au;

    if (stn_fifo_peek(&s->queue, &au) != STN_OK) {
        return pos;
    }

    at = stn_timeline_start(&s->timeline, au.ts, pos,
                            stn_ladder_source_now(s, now_us));

    if (pos >= 0) {
        stn_ladder_source_skip(s, pos);
    }

    return at;
}


/* Units may have waited long for the programme to go on: those whose time is
 * past are no sign of another clock. */

static void
stn_ladder_source_skip(stn_ladder_source_t *s, int64_t pos)
{
    stn_au_t  au;

    pos -= stn_timeline_samples(&s->timeline, STN_TIMELINE_BURST_MS);

    while (stn_fifo_peek(&s->queue, &au) == STN_OK
           && stn_timeline_at(&s->timeline, au.ts) < pos)
    {
        stn_fifo_drop(&s->queue);
        s->stats->stale_dropped++;
    }
}


int
stn_ladder_source_run(stn_ladder_source_t *s, int64_t now_us)
{
    int      rc;
    int64_t  now;

    if (s->timeline.settling) {
        return STN_OK;
    }

    now = stn_ladder_source_now(s, now_us);

    while (s->queue.count && s->live->n < s->most) {
        rc = stn_ladder_source_unit(s, now);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


/* Judges the oldest unit and does as the timeline says. */

static int
stn_ladder_source_unit(stn_ladder_source_t *s, int64_t now)
{
    int             rc;
    int64_t         fill, pos;
    stn_au_t        au;
    stn_timeline_e  verdict;

    if (stn_fifo_peek(&s->queue, &au) != STN_OK) {
        return STN_OK;
    }

    rc = stn_ladder_source_place(s, &au, &pos);
    if (rc != STN_OK) {
        return rc;
    }

    verdict = stn_timeline_place(&s->timeline, au.ts, pos, now, &fill);
    s->stats->resyncs = s->timeline.resyncs;
    rc = STN_OK;

    switch (verdict) {

    case STN_TIMELINE_FILL:
        return stn_ladder_source_fill(s, fill);

    case STN_TIMELINE_TAKE:
        rc = stn_ladder_source_take(s, &au, pos);
        break;

    case STN_TIMELINE_DROP:
        s->stats->stale_dropped++;
        break;
    }

    stn_fifo_drop(&s->queue);

    return rc;
}


/*
 * Finds the place of the oldest unit.  Audio that goes on does so where it
 * has come to; but where it begins, it does so to the sample: a short way
 * behind the end of what is held, or before it, and what is past by then is
 * left out.
 */

static int
stn_ladder_source_place(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t *pos)
{
    int64_t  at, tail, margin;

    tail = stn_ladder_live_tail(s->live);
    at = stn_timeline_at(&s->timeline, au->ts);
    margin = stn_timeline_samples(&s->timeline, STN_TIMELINE_MARGIN_MS);

    if (s->live->open || at < tail - margin || at > tail + margin) {
        *pos = tail;
        return STN_OK;
    }

    *pos = at;

    return at > tail ? stn_ladder_live_gap(s->live, (size_t) (at - tail))
                     : STN_OK;
}


/* Leaves a gap before the oldest unit: as much of it as may wait, the rest
 * when the unit is judged again. */

static int
stn_ladder_source_fill(stn_ladder_source_t *s, int64_t fill)
{
    fill = stn_min(fill, (int64_t) (s->most - s->live->n));

    if (s->live->open) {
        s->stats->gaps_filled += (uint64_t) (fill
                                             + STN_LADDER_SOURCE_FRAME - 1)
                                 / STN_LADDER_SOURCE_FRAME;
    }

    return stn_ladder_live_gap(s->live, (size_t) fill);
}


static int
stn_ladder_source_take(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t pos)
{
    int        rc;
    stn_pcm_t  pcm;

    rc = stn_decoder_feed(s->decoder, au->data, au->len, &pcm);

    if (rc == STN_AGAIN) {
        return STN_OK;
    }

    if (rc == STN_ERROR) {
        s->stats->broken++;
        return STN_OK;
    }

    if (rc != STN_OK) {
        return rc;
    }

    s->unit = stn_rescale((int64_t) pcm.n, STN_LADDER_SOURCE_RATE, pcm.rate);

    if (s->level) {
        (void) stn_level_feed(s->level, &pcm);
    }

    return stn_ladder_source_append(s, &pcm, pos);
}


static int
stn_ladder_source_append(stn_ladder_source_t *s, const stn_pcm_t *pcm,
    int64_t pos)
{
    int        rc;
    stn_pcm_t  own;

    stn_ladder_source_steer(s);

    rc = stn_resampler_run(s->resampler, pcm, &own);

    if (rc == STN_ERROR) {
        s->stats->broken++;
        return STN_OK;
    }

    if (rc != STN_OK) {
        return rc;
    }

    s->added += (double) own.n
                - (double) pcm->n * STN_LADDER_SOURCE_RATE / pcm->rate;

    s->bent += (double) own.n * fabs(s->ppm) / 1e6;
    s->stats->drift_repairs = (uint64_t) (s->bent / STN_LADDER_SOURCE_FRAME);

    stn_ladder_source_trim(&own, stn_ladder_live_tail(s->live) - pos);

    return own.n ? stn_ladder_live_append(s->live, &own) : STN_OK;
}


/* Leaves the first n samples out. */

static void
stn_ladder_source_trim(stn_pcm_t *pcm, int64_t n)
{
    size_t    k;
    unsigned  ch;

    k = stn_min((size_t) stn_max(n, 0), pcm->n);

    for (ch = 0; ch < pcm->channels; ch++) {
        pcm->ch[ch] += k;
    }

    pcm->n -= k;
}


/*
 * Sets the speed: that of the broadcaster's clock, as far as it is known, and
 * a little more or less until the programme is where it should be.
 */

static void
stn_ladder_source_steer(stn_ladder_source_t *s)
{
    double   pull;
    int64_t  whole;

    whole = (int64_t) s->added;

    if (whole) {
        s->added -= (double) whole;
        stn_timeline_correct(&s->timeline, whole);
    }

    pull = (double) stn_timeline_drift(&s->timeline) * STN_LADDER_SOURCE_PULL;
    pull = fmax(-STN_LADDER_SOURCE_PULL_MAX,
                fmin(STN_LADDER_SOURCE_PULL_MAX, pull));

    s->ppm = stn_timeline_ppm(&s->timeline) + pull;

    (void) stn_resampler_adjust(s->resampler, s->ppm);
}
