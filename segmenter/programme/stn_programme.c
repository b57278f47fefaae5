/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The programme (see stn_programme.h).  Runs on a live thread, or under a
 * told clock in tests.  pos only ever grows, by one frame at a time, so what
 * leaves here has no gap and no overlap by construction.
 */

#include "programme/stn_programme.h"

#include <string.h>


/* With nobody to wait for, next() need not be called before the next unit. */
#define STN_PROGRAMME_NEVER  INT64_MAX


static void stn_programme_date(stn_programme_t *p, int64_t at);
static int64_t stn_programme_us(const stn_programme_t *p, int64_t pos);
static int stn_programme_start(stn_programme_t *p, int64_t now_us);
static void stn_programme_skip(stn_programme_t *p);
static int stn_programme_patient(const stn_programme_t *p, int64_t now);
static int stn_programme_live(stn_programme_t *p, int64_t now,
    stn_frame_t *f);
static int stn_programme_wait(stn_programme_t *p, int64_t now,
    stn_frame_t *f);
static int stn_programme_repair(stn_programme_t *p, const stn_au_t *au,
    int64_t now);
static int stn_programme_take(stn_programme_t *p, const stn_au_t *au,
    stn_frame_t *f);
static int stn_programme_fill(stn_programme_t *p, stn_frame_t *f);
static int stn_programme_emit(stn_programme_t *p, stn_frame_t *f);


int
stn_programme_init(stn_programme_t *p, const stn_format_t *format,
    const stn_programme_conf_t *conf)
{
    int  rc;

    memset(p, 0, sizeof(*p));

    p->format = *format;
    p->conf = *conf;
    p->due_us = STN_PROGRAMME_NEVER;
    p->holding = 1;

    stn_timeline_init(&p->timeline, format->rate, format->frame);
    stn_repair_init(&p->repair, format->rate, format->frame);

    rc = stn_fifo_init(&p->queue, STN_PROGRAMME_QUEUE);

    if (rc == STN_OK && conf->comfort == NULL) {
        rc = stn_hold_comfort(&p->comfort, format);
    }

    if (rc != STN_OK) {
        stn_programme_free(p);
    }

    return rc;
}


void
stn_programme_free(stn_programme_t *p)
{
    stn_fifo_free(&p->queue);
    stn_hold_free(&p->comfort);
}


void
stn_programme_birth(stn_programme_t *p, int64_t now_us)
{
    int64_t  now;

    now = stn_rescale(now_us, p->format.rate, 1000000);

    stn_programme_date(p, now - now % p->format.frame);

    p->due_us = now_us;
}


/* Gives birth to the programme, with a window of hold audio before at. */

static void
stn_programme_date(stn_programme_t *p, int64_t at)
{
    p->pos = at - p->conf.window;
    p->pos -= p->pos % p->conf.segment;
    p->fill_to = at;
    p->born = 1;
}


void
stn_programme_resume(stn_programme_t *p, int64_t pos)
{
    p->pos = pos;
    p->fill_to = pos;
    p->born = 1;
    p->due_us = 0;
}


void
stn_programme_arrive(stn_programme_t *p)
{
    stn_fifo_reset(&p->queue);
    stn_timeline_reset(&p->timeline);

    stn_repair_init(&p->repair, p->format.rate, p->format.frame);

    p->taken = 0;
    p->again = 0;
    p->present = 1;
    p->settled_us = 0;
}


void
stn_programme_leave(stn_programme_t *p)
{
    p->present = 0;
}


void
stn_programme_hold(stn_programme_t *p, const stn_hold_t *hold)
{
    p->hold = hold;
}


void
stn_programme_mute(stn_programme_t *p, unsigned on)
{
    p->muted = on;
}


int
stn_programme_feed(stn_programme_t *p, const stn_au_t *au, int64_t now_us)
{
    int      rc;
    int64_t  now;

    rc = stn_fifo_put(&p->queue, au);
    if (rc != STN_OK) {
        stn_timeline_crowd(&p->timeline);
        return rc;
    }

    now = stn_rescale(now_us, p->format.rate, 1000000);

    if (!p->timeline.settling) {
        stn_timeline_watch(&p->timeline, au->ts, now);
        return STN_OK;
    }

    stn_timeline_settle(&p->timeline, au->ts, now);

    if (p->settled_us == 0) {
        p->settled_us = now_us + STN_PROGRAMME_SETTLE_US;
    }

    return STN_OK;
}


unsigned
stn_programme_full(const stn_programme_t *p, size_t len)
{
    return !stn_fifo_fits(&p->queue, len);
}


int
stn_programme_next(stn_programme_t *p, int64_t now_us, stn_frame_t *f)
{
    int      rc;
    int64_t  now;

    if (p->taken) {
        stn_fifo_drop(&p->queue);
        p->taken = 0;
    }

    now = stn_rescale(now_us, p->format.rate, 1000000);

    if (p->timeline.settling && p->settled_us
        && stn_programme_start(p, now_us) != STN_OK
        && stn_programme_patient(p, now))
    {
        p->due_us = p->settled_us;
        return STN_AGAIN;
    }

    if (!p->born) {
        p->due_us = STN_PROGRAMME_NEVER;
        return STN_AGAIN;
    }

    if (!p->timeline.settling) {
        return stn_programme_live(p, now, f);
    }

    rc = stn_programme_wait(p, now, f);

    if (rc == STN_AGAIN && p->settled_us) {
        p->due_us = stn_min(p->due_us, p->settled_us);
    }

    return rc;
}


unsigned
stn_programme_settled(const stn_programme_t *p, int64_t now_us)
{
    if (!p->timeline.settling) {
        return 1;
    }

    return p->queue.count && (now_us >= p->settled_us || !p->present);
}


unsigned
stn_programme_drained(const stn_programme_t *p)
{
    return p->queue.count == p->taken;
}


unsigned
stn_programme_holding(const stn_programme_t *p)
{
    return p->holding || p->muted;
}


int64_t
stn_programme_pos(const stn_programme_t *p)
{
    return p->pos;
}


static int64_t
stn_programme_us(const stn_programme_t *p, int64_t pos)
{
    return stn_rescale(pos, 1000000, p->format.rate);
}


/*
 * Ends a session's settling when its time has come, or when it is not going
 * to be told more; the first of all sessions gives birth to the programme.
 */

static int
stn_programme_start(stn_programme_t *p, int64_t now_us)
{
    int64_t   at;
    stn_au_t  au;

    if (!stn_programme_settled(p, now_us)
        || stn_fifo_peek(&p->queue, &au) != STN_OK)
    {
        return STN_AGAIN;
    }

    at = stn_timeline_start(&p->timeline, au.ts, p->born ? p->pos : -1,
                            stn_rescale(now_us, p->format.rate, 1000000));

    if (!p->born) {
        stn_programme_date(p, at);
    }

    stn_programme_skip(p);

    return STN_OK;
}


/* Units may have waited long for resume(): those whose time is past are no
 * sign of another clock. */

static void
stn_programme_skip(stn_programme_t *p)
{
    int64_t   from;
    stn_au_t  au;

    from = p->pos - stn_timeline_samples(&p->timeline, STN_TIMELINE_BURST_MS);

    while (stn_fifo_peek(&p->queue, &au) == STN_OK
           && stn_timeline_at(&p->timeline, au.ts) < from)
    {
        stn_fifo_drop(&p->queue);
        p->stats.stale_dropped++;
    }
}


/* Whether hold audio waits for a session that settles, or its first units
 * would find their place taken.  It does not wait for ever: sessions may come
 * one upon the other. */

static int
stn_programme_patient(const stn_programme_t *p, int64_t now)
{
    int64_t  most;

    most = stn_rescale(2 * STN_PROGRAMME_SETTLE_US, p->format.rate, 1000000);

    return !p->born || (p->pos >= p->fill_to && now - p->pos < most);
}


static int
stn_programme_live(stn_programme_t *p, int64_t now, stn_frame_t *f)
{
    int64_t         fill, ahead;
    stn_au_t        au;
    stn_timeline_e  verdict;

    ahead = stn_timeline_samples(&p->timeline, STN_TIMELINE_AHEAD_MS);

    while (p->pos >= p->fill_to && stn_fifo_peek(&p->queue, &au) == STN_OK) {

        if (p->pos + p->format.frame > now + ahead) {
            p->due_us = stn_programme_us(p, p->pos + p->format.frame - ahead);
            return STN_AGAIN;
        }

        verdict = stn_timeline_place(&p->timeline, au.ts, p->pos, now, &fill);
        p->stats.resyncs = p->timeline.resyncs;

        switch (verdict) {

        case STN_TIMELINE_TAKE:
            if (stn_programme_repair(p, &au, now) == STN_OK) {
                return stn_programme_take(p, &au, f);
            }

            break;

        case STN_TIMELINE_DROP:
            stn_fifo_drop(&p->queue);
            p->stats.stale_dropped++;
            break;

        case STN_TIMELINE_FILL:
            p->fill_to = p->pos + fill * p->format.frame;
            p->stats.gaps_filled += p->holding ? 0 : (uint64_t) fill;
            break;
        }
    }

    return stn_programme_wait(p, now, f);
}


static int
stn_programme_wait(stn_programme_t *p, int64_t now, stn_frame_t *f)
{
    int64_t  late;

    if (p->pos < p->fill_to) {
        return stn_programme_fill(p, f);
    }

    if (!p->holding) {
        late = p->present ? p->conf.part_us + p->conf.grace_us : 0;

        if (now < p->pos + stn_rescale(late, p->format.rate, 1000000)) {
            p->due_us = stn_programme_us(p, p->pos) + late;
            return STN_AGAIN;
        }

        p->holding = 1;
    }

    if (p->pos + p->format.frame > now) {
        p->due_us = stn_programme_us(p, p->pos + p->format.frame);
        return STN_AGAIN;
    }

    return stn_programme_fill(p, f);
}


/* Keeps up with the broadcaster's clock.  Returns STN_AGAIN when the unit was
 * dropped for it.  Under hold audio any place is quiet. */

static int
stn_programme_repair(stn_programme_t *p, const stn_au_t *au, int64_t now)
{
    int      repair;
    int32_t  level;

    level = p->muted ? STN_REPAIR_QUIET : au->level;
    repair = stn_repair_look(&p->repair, level,
                             stn_timeline_drift(&p->timeline), now);

    if (repair == 0) {
        return STN_OK;
    }

    p->stats.drift_repairs++;
    stn_timeline_correct(&p->timeline, repair * (int64_t) p->format.frame);

    if (repair > 0) {
        p->again = 1;
        return STN_OK;
    }

    stn_fifo_drop(&p->queue);

    return STN_AGAIN;
}


/* Gives the unit its place; muted, hold audio takes that instead. */

static int
stn_programme_take(stn_programme_t *p, const stn_au_t *au, stn_frame_t *f)
{
    p->taken = !p->again;
    p->again = 0;
    p->holding = 0;

    if (p->muted) {
        return stn_programme_fill(p, f);
    }

    f->data = au->data;
    f->len = au->len;
    f->live = 1;
    p->stats.live_frames++;

    return stn_programme_emit(p, f);
}


static int
stn_programme_fill(stn_programme_t *p, stn_frame_t *f)
{
    uint64_t           n;
    const stn_hold_t  *h;

    /* the loop's phase hangs on the clock: it goes on as if never left */

    n = (uint64_t) (p->pos / p->format.frame);
    h = p->hold ? p->hold
                : p->conf.comfort ? p->conf.comfort : &p->comfort;

    f->data = stn_hold_frame(h, n, &f->len);
    f->live = 0;
    p->stats.hold_frames++;

    return stn_programme_emit(p, f);
}


static int
stn_programme_emit(stn_programme_t *p, stn_frame_t *f)
{
    f->pos = p->pos;
    p->pos += p->format.frame;

    return STN_OK;
}
