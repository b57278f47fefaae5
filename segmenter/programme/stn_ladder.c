/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The programme of a ladder (see stn_ladder.h).  Runs on a live thread, or
 * under a told clock in tests.  live.pos is the one cursor: what lies before
 * it has been mixed and given to all encoders.  It goes on sample by sample,
 * as far as is certain:
 *
 *     live audio     up to a slope's length before its end, while more may
 *                    follow; to its end, once nothing does
 *     hold audio     up to the wall clock, less what live audio is late by,
 *                    so that frames come as late from the one as the other
 *
 * Nothing is ever mixed twice or left out, so frames have no gap and no
 * overlap by construction.
 */

#include "programme/stn_ladder.h"

#include "programme/stn_ladder_live.h"
#include "programme/stn_ladder_mix.h"
#include "programme/stn_ladder_source.h"

#include <stdlib.h>
#include <string.h>


#define STN_LADDER_NEVER  INT64_MAX

/* How late hold audio is mixed: a slope is held back of live audio, which is
 * itself as late as its date says. */
#define STN_LADDER_LATE_MS  (STN_LADDER_FADE_MS + STN_TIMELINE_DELAY_MS)

/* How much of a window is hold audio that was encoded for it, where there is
 * some other than comfort: what early listeners will hear. */
#define STN_LADDER_EDGE_MS  12000

/* Hold audio that is so far behind is filled like a window: minutes of it,
 * after an outage, would take seconds of CPU to encode. */
#define STN_LADDER_LEAP_MS  20000

/* What a quantum may last. */
#define STN_LADDER_QUANTUM_MAX  (10 * STN_LADDER_RATE)

/* Samples in what the stats count as a frame. */
#define STN_LADDER_FRAME  1024


struct stn_ladder_s {
    stn_ladder_conf_t      conf;
    stn_programme_stats_t  stats;
    stn_ladder_source_t    source;
    stn_ladder_live_t      live;
    stn_ladder_mix_t       mix;
    int64_t                due_us;
    unsigned               born;         /* boolean: live.pos is valid */
    unsigned               present;      /* boolean: a broadcaster is there */
    int                    failed;       /* a code: frames are missing */
};


static int64_t stn_ladder_gcd(int64_t a, int64_t b);
static int64_t stn_ladder_samples(int64_t us);
static int64_t stn_ladder_us(int64_t samples);
static int64_t stn_ladder_ms(int64_t ms);
static int64_t stn_ladder_edge(const stn_ladder_t *l);
static void stn_ladder_date(stn_ladder_t *l, int64_t at, int64_t edge);
static int stn_ladder_advance(stn_ladder_t *l, int64_t now_us,
    stn_frame_t *f);
static int stn_ladder_begin(stn_ladder_t *l, int64_t now_us);
static int64_t stn_ladder_limit(stn_ladder_t *l, int64_t now);
static int64_t stn_ladder_patience(const stn_ladder_t *l);
static int stn_ladder_patient(const stn_ladder_t *l, int64_t now);
static int64_t stn_ladder_awaits(const stn_ladder_t *l, int64_t now_us);


int64_t
stn_ladder_quantum(const stn_encoder_conf_t *renditions, unsigned n)
{
    int64_t   q, span;
    unsigned  i;

    for (q = 1, i = 0; i < n; i++) {
        span = stn_ladder_rendition_span(&renditions[i]);
        if (span == 0) {
            return 0;
        }

        q = q / stn_ladder_gcd(q, span) * span;

        if (q >= STN_LADDER_QUANTUM_MAX) {
            return 0;
        }
    }

    return q;
}


static int64_t
stn_ladder_gcd(int64_t a, int64_t b)
{
    int64_t  rest;

    while (b) {
        rest = a % b;
        a = b;
        b = rest;
    }

    return a;
}


stn_ladder_t *
stn_ladder_open(const stn_ladder_conf_t *conf)
{
    stn_ladder_t  *l;

    if (conf->n < 1 || conf->n > STN_LADDER_RENDITIONS
        || stn_ladder_quantum(conf->renditions, conf->n) == 0)
    {
        return NULL;
    }

    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }

    l->conf = *conf;
    l->due_us = STN_LADDER_NEVER;

    stn_ladder_live_init(&l->live, (size_t) stn_ladder_ms(STN_LADDER_FADE_MS),
                         0);

    if (stn_ladder_source_init(&l->source, &l->live,
                               (size_t) stn_ladder_ms(STN_LADDER_QUEUE_MS))
        != STN_OK
        || stn_ladder_mix_init(&l->mix, &l->live, conf) != STN_OK)
    {
        stn_ladder_close(l);
        return NULL;
    }

    l->source.stats = &l->stats;
    l->source.level = conf->level;

    return l;
}


void
stn_ladder_close(stn_ladder_t *l)
{
    if (l == NULL) {
        return;
    }

    stn_ladder_mix_free(&l->mix);
    stn_ladder_source_free(&l->source);
    stn_ladder_live_free(&l->live);
    free(l);
}


static int64_t
stn_ladder_samples(int64_t us)
{
    return stn_rescale(us, STN_LADDER_RATE, 1000000);
}


static int64_t
stn_ladder_us(int64_t samples)
{
    return stn_rescale(samples, 1000000, STN_LADDER_RATE);
}


static int64_t
stn_ladder_ms(int64_t ms)
{
    return ms * STN_LADDER_RATE / 1000;
}


const stn_format_t *
stn_ladder_format(const stn_ladder_t *l, unsigned i)
{
    return &l->mix.renditions[i].format;
}


int
stn_ladder_hold(stn_ladder_t *l, const stn_hold_t *hold,
    const stn_format_t *format)
{
    return stn_ladder_mix_hold(&l->mix, hold, format);
}


const stn_format_t *
stn_ladder_hold_format(const stn_ladder_t *l)
{
    return &l->mix.comfort_format;
}


void
stn_ladder_birth(stn_ladder_t *l, int64_t now_us)
{
    stn_ladder_date(l, stn_ladder_samples(now_us)
                       - stn_ladder_ms(STN_LADDER_LATE_MS),
                    stn_ladder_edge(l));

    l->due_us = now_us;
}


/* How much of the past is worth encoding. */

static int64_t
stn_ladder_edge(const stn_ladder_t *l)
{
    return l->mix.hold ? stn_ladder_ms(STN_LADDER_EDGE_MS) : 0;
}


/* Gives birth to the programme, with a window before at: of comfort, but for
 * the last edge samples of it. */

static void
stn_ladder_date(stn_ladder_t *l, int64_t at, int64_t edge)
{
    int64_t  from;

    from = at - l->conf.window;
    from -= from % l->conf.segment;
    from -= from % l->mix.quantum;

    at = stn_max(at - edge, from);
    at -= at % l->mix.quantum;

    l->failed = stn_ladder_mix_start(&l->mix, stn_min(from, at), at);
    l->born = 1;
}


void
stn_ladder_resume(stn_ladder_t *l, int64_t pos)
{
    l->failed = stn_ladder_mix_start(&l->mix, pos, pos);
    l->born = 1;
    l->due_us = 0;
}


int
stn_ladder_arrive(stn_ladder_t *l, const stn_format_t *format)
{
    int  rc;

    rc = stn_ladder_source_arrive(&l->source, format);
    if (rc != STN_OK) {
        return rc;
    }

    stn_ladder_live_cut(&l->live);
    l->present = 1;

    return STN_OK;
}


void
stn_ladder_leave(stn_ladder_t *l)
{
    l->present = 0;
}


void
stn_ladder_mute(stn_ladder_t *l, unsigned on)
{
    l->mix.muted = on;
}


int
stn_ladder_feed(stn_ladder_t *l, const stn_au_t *au, int64_t now_us)
{
    int  rc;

    rc = stn_ladder_source_feed(&l->source, au, now_us);

    if (rc == STN_OK && l->born) {
        rc = stn_ladder_source_run(&l->source, now_us);
    }

    return rc;
}


int
stn_ladder_next(stn_ladder_t *l, int64_t now_us, stn_frame_t *f)
{
    int  rc;

    if (l->failed) {
        return l->failed;
    }

    rc = stn_ladder_advance(l, now_us, f);

    l->stats.live_frames = l->mix.heard / STN_LADDER_FRAME;
    l->stats.hold_frames = l->mix.held / STN_LADDER_FRAME;

    if (rc == STN_AGAIN) {
        l->due_us = stn_ladder_awaits(l, now_us);

    } else if (rc < 0) {
        l->failed = rc;
    }

    return rc;
}


static int
stn_ladder_advance(stn_ladder_t *l, int64_t now_us, stn_frame_t *f)
{
    int      rc;
    size_t   n;
    int64_t  limit;

    rc = stn_ladder_begin(l, now_us);

    if (rc == STN_OK) {
        rc = stn_ladder_source_run(&l->source, now_us);
    }

    while (rc == STN_OK) {
        rc = stn_ladder_mix_next(&l->mix, f);
        if (rc != STN_AGAIN) {
            return rc;
        }

        limit = stn_ladder_limit(l, stn_ladder_samples(now_us));

        if (limit <= l->live.pos) {
            return STN_AGAIN;
        }

        if (l->live.n == 0
            && limit - l->live.pos > stn_ladder_ms(STN_LADDER_LEAP_MS))
        {
            limit -= stn_ladder_edge(l);
            rc = stn_ladder_mix_leap(&l->mix, limit - limit % l->mix.quantum);
            continue;
        }

        n = (size_t) stn_min(limit - l->live.pos, STN_LADDER_MIX_BLOCK);
        rc = stn_ladder_mix_run(&l->mix, n);
    }

    return rc;
}


/*
 * Ends a session's settling when its time has come, or when it is not going
 * to be told more; the first of all sessions gives birth to the programme.
 * Returns STN_AGAIN while there is none.
 */

static int
stn_ladder_begin(stn_ladder_t *l, int64_t now_us)
{
    int64_t  at, tail;

    if (l->source.timeline.settling
        && stn_ladder_source_settled(&l->source, now_us, l->present))
    {
        tail = l->born ? stn_ladder_live_tail(&l->live) : -1;
        at = stn_ladder_source_start(&l->source, tail, now_us);

        if (!l->born) {
            stn_ladder_date(l, at, 0);

            if (l->failed) {
                return l->failed;
            }
        }

        tail = stn_ladder_live_tail(&l->live);

        if (at > tail) {
            return stn_ladder_live_gap(&l->live,
                       (size_t) stn_min(at - tail,
                                        stn_ladder_ms(STN_LADDER_QUEUE_MS)));
        }
    }

    return l->born ? STN_OK : STN_AGAIN;
}


/* Up to where may be mixed by now. */

static int64_t
stn_ladder_limit(stn_ladder_t *l, int64_t now)
{
    int64_t  tail, ahead, hold;

    tail = stn_ladder_live_tail(&l->live);
    ahead = now + stn_ladder_ms(STN_TIMELINE_AHEAD_MS);
    hold = now - stn_ladder_ms(STN_LADDER_LATE_MS);

    if (l->live.open && (l->present || l->source.queue.count)
        && now < tail + stn_ladder_patience(l))
    {
        return stn_min(tail - (int64_t) l->live.fade, ahead);
    }

    stn_ladder_live_close(&l->live);

    if (stn_ladder_patient(l, now)) {
        return stn_min(tail, ahead);
    }

    return stn_max(hold, stn_min(tail, ahead));
}


/* How long the end of live audio is waited at for more. */

static int64_t
stn_ladder_patience(const stn_ladder_t *l)
{
    return stn_ladder_samples(l->conf.part_us + l->conf.grace_us);
}


/* Whether hold audio waits for a session that settles, or its first units
 * would find their place taken.  It does not wait for ever: sessions may come
 * one upon the other. */

static int
stn_ladder_patient(const stn_ladder_t *l, int64_t now)
{
    int64_t  most;

    most = stn_ladder_samples(2 * STN_PROGRAMME_SETTLE_US)
           + stn_ladder_ms(STN_LADDER_LATE_MS);

    return l->source.timeline.settling && l->source.settled_us
           && now - stn_ladder_live_tail(&l->live) < most;
}


/* When next() has something again, now that it has not. */

static int64_t
stn_ladder_awaits(const stn_ladder_t *l, int64_t now_us)
{
    int64_t  due, wants, tail, ahead;

    due = STN_LADDER_NEVER;

    if (l->born) {
        wants = stn_ladder_mix_wants(&l->mix);
        tail = stn_ladder_live_tail(&l->live);
        ahead = stn_ladder_ms(STN_TIMELINE_AHEAD_MS);

        if (l->live.open) {
            due = wants <= tail - (int64_t) l->live.fade
                  ? wants - ahead : tail + stn_ladder_patience(l);
        } else {
            due = wants <= tail
                  ? wants - ahead : wants + stn_ladder_ms(STN_LADDER_LATE_MS);
        }

        due = stn_ladder_us(due);
    }

    if (l->source.timeline.settling && l->source.settled_us) {
        due = stn_min(due, l->source.settled_us);
    }

    /* whatever it is, a thread that sleeps until then must not spin */

    return stn_max(due, now_us + 1000);
}


int64_t
stn_ladder_due(const stn_ladder_t *l)
{
    return l->due_us;
}


unsigned
stn_ladder_holding(const stn_ladder_t *l)
{
    return l->mix.holding || l->mix.muted;
}


const stn_programme_stats_t *
stn_ladder_stats(const stn_ladder_t *l)
{
    return &l->stats;
}


unsigned
stn_ladder_drained(const stn_ladder_t *l)
{
    return l->source.queue.count == 0 && l->live.n == 0;
}
