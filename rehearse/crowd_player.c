/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a listener of a crowd makes of playlists and parts: which it has to
 * get, whether each begins where the one before it ended, whether its bytes
 * are those that others got, and how its player fares, which starts as far
 * from the end of the playlist as that says and plays at the pace of the
 * clock: a part that comes later than it is to be heard is a stall.
 */

#include "crowd.h"

#include <string.h>
#include <time.h>


static const crowd_hls_t *crowd_read(crowd_t *c, crowd_listener_t *l);
static unsigned crowd_place(crowd_t *c, crowd_listener_t *l,
    const crowd_hls_t *pl);
static unsigned crowd_follow(crowd_t *c, crowd_listener_t *l,
    const crowd_hls_t *pl);
static int crowd_fill(crowd_t *c, crowd_listener_t *l, const crowd_hls_t *pl,
    unsigned first);
static unsigned crowd_fits(const crowd_listener_t *l,
    const crowd_hls_part_t *p);
static void crowd_aged(crowd_t *c, crowd_listener_t *l, double end_ms);
static void crowd_follows(crowd_t *c, crowd_listener_t *l,
    const crowd_part_t *p, int64_t pos);
static void crowd_play(crowd_t *c, crowd_listener_t *l, double begin_ms,
    double end_ms);
static void crowd_stall(crowd_t *c, crowd_listener_t *l, double ms);
static void crowd_compare(crowd_t *c, crowd_listener_t *l, const char *body,
    size_t len);
static void crowd_arrived(crowd_t *c, unsigned edge, crowd_recent_t *r);
static int crowd_uri(char *out, const crowd_hls_uri_t *uri);


int
crowd_listed(crowd_t *c, crowd_listener_t *l)
{
    unsigned            first;
    const crowd_hls_t  *pl;

    crowd_stat(c, l)->playlists++;

    pl = crowd_read(c, l);
    if (pl == NULL) {
        crowd_fail(c, l, crowd_playlist);
        return STN_ERROR;
    }

    first = l->placed ? crowd_follow(c, l, pl) : crowd_place(c, l, pl);

    /* RFC 8216bis, 6.3.4: after half of it when there is nothing new */

    l->poll = c->now + (int64_t) (pl->target * CROWD_SECOND
                                  / (first == pl->n ? 2 : 1));

    if (first == pl->n) {
        if (pl->ended) {
            l->state = crowd_done;
            c->done++;
            return STN_OK;
        }

        if (l->state == crowd_reload) {
            crowd_fail(c, l, crowd_stale);
            return STN_ERROR;
        }
    }

    return crowd_fill(c, l, pl, first);
}


/* A low-latency player that is given a playlist without parts, as a node does
 * when it has many listeners, plays segments from now on. */

static const crowd_hls_t *
crowd_read(crowd_t *c, crowd_listener_t *l)
{
    unsigned             flags;
    crowd_http_t        *a;
    const crowd_hls_t   *pl;

    a = &l->wire.answer;
    flags = a->gzip ? CROWD_CACHE_GZIP : 0;

    if (!l->classic) {
        pl = crowd_cache_read(&c->cache, crowd_http_body(a), a->body, flags);
        if (pl) {
            return pl;
        }
    }

    pl = crowd_cache_read(&c->cache, crowd_http_body(a), a->body,
                          flags | CROWD_CACHE_SEGMENTS);

    if (pl == NULL || l->classic) {
        return pl;
    }

    if (pl->n == 0 || l->placed) {
        return NULL;
    }

    l->classic = 1;
    crowd_stat(c, l)->downgraded++;

    return pl;
}


/* The part that holds what is so far from the end as a player keeps. */

static unsigned
crowd_place(crowd_t *c, crowd_listener_t *l, const crowd_hls_t *pl)
{
    unsigned  i;

    l->hold_ms = stn_max(pl->hold_back * 1000, c->hold_ms);
    l->lead_ms = 0;

    for (i = pl->n; i > 0 && l->lead_ms < l->hold_ms; i--) {
        l->lead_ms += pl->parts[i - 1].duration * 1000;
    }

    l->placed = pl->n > 0;
    l->tuned = 0;
    l->loose = 1;

    return i;
}


/* The index of the first part that the listener does not have; when parts are
 * missing between, it seeks another place. */

static unsigned
crowd_follow(crowd_t *c, crowd_listener_t *l, const crowd_hls_t *pl)
{
    unsigned                 i;
    const crowd_hls_part_t  *p;

    for (i = pl->n; i > 0; i--) {
        p = &pl->parts[i - 1];

        if (p->msn == l->msn && p->part == l->part) {
            return i;
        }

        if (l->whole && p->msn == l->next_msn && p->part == l->next_part) {
            return i - 1;
        }

        if (p->msn < l->msn || (p->msn == l->msn && p->part < l->part)) {
            if (i == pl->n) {
                return i;               /* it has them all */
            }

            break;
        }
    }

    crowd_stat(c, l)->rejoins++;

    return crowd_place(c, l, pl);
}


static int
crowd_fill(crowd_t *c, crowd_listener_t *l, const crowd_hls_t *pl,
    unsigned first)
{
    unsigned                 i;
    crowd_part_t            *q;
    const crowd_hls_part_t  *p;

    l->at = 0;
    l->queued = 0;

    for (i = first; i < pl->n && l->queued < CROWD_QUEUE; i++) {
        p = &pl->parts[i];
        q = &l->queue[l->queued];

        if (!crowd_fits(l, p)) {
            crowd_fail(c, l, crowd_name);
            return STN_ERROR;
        }

        if (crowd_uri(q->uri, &p->uri) != STN_OK
            || (p->map.len && crowd_uri(l->listed, &p->map) != STN_OK)
            || l->listed[0] == '\0')
        {
            crowd_fail(c, l, crowd_playlist);
            return STN_ERROR;
        }

        memcpy(q->map, l->listed, CROWD_URI);
        q->msn = p->msn;
        q->part = p->part;
        q->gap = p->gap;
        q->discontinuity = p->discontinuity;
        q->waited = l->state == crowd_reload && i == pl->n - 1;
        l->queued++;
    }

    l->next_msn = i < pl->n ? pl->parts[i].msn : pl->next_msn;
    l->next_part = i < pl->n ? pl->parts[i].part : pl->next_part;
    l->whole = 1;
    l->hinted[0] = '\0';

    if (i == pl->n && pl->hint.len) {
        (void) crowd_uri(l->hinted, &pl->hint);
    }

    return STN_OK;
}


static unsigned
crowd_fits(const crowd_listener_t *l, const crowd_hls_part_t *p)
{
    return l->classic || crowd_hls_named(p);
}


int
crowd_inited(crowd_t *c, crowd_listener_t *l)
{
    crowd_http_t  *a;

    a = &l->wire.answer;

    l->timescale = crowd_hls_timescale(crowd_http_body(a), a->body);
    if (l->timescale == 0) {
        crowd_fail(c, l, crowd_media);
        return STN_ERROR;
    }

    /* it is another clock, or may be */

    memcpy(l->map, l->queue[l->at].map, CROWD_URI);
    l->loose = 1;
    l->pos = 0;

    return STN_OK;
}


int
crowd_heard(crowd_t *c, crowd_listener_t *l, const crowd_http_t *a)
{
    double         begin, end;
    int64_t        pos, ticks;
    const char    *body;
    crowd_part_t  *p;

    p = &l->queue[l->at];
    body = crowd_http_body(a);

    if (crowd_hls_media(body, a->body, &pos, &ticks) != STN_OK) {
        crowd_fail(c, l, crowd_media);
        return STN_ERROR;
    }

    crowd_follows(c, l, p, pos);

    l->pos = pos + ticks;
    l->loose = 0;
    l->msn = p->msn;
    l->part = p->part;

    crowd_stat(c, l)->parts++;
    crowd_stat(c, l)->bytes += (long long) a->body;

    begin = (double) pos * 1000 / l->timescale;
    end = (double) (pos + ticks) * 1000 / l->timescale;

    crowd_aged(c, l, end);
    crowd_play(c, l, begin, end);
    crowd_compare(c, l, body, a->body);
    l->at++;

    return STN_OK;
}


/* How old a part is; and how late one that was waited for: how much older
 * than the youngest that ever came of the stream, whatever its clock is. */

static void
crowd_aged(crowd_t *c, crowd_listener_t *l, double end_ms)
{
    double           ms;
    crowd_stat_t    *s;
    struct timespec  ts;

    s = crowd_stat(c, l);

    clock_gettime(CLOCK_REALTIME, &ts);
    crowd_sample(&s->age, (double) ts.tv_sec * 1000
                          + (double) ts.tv_nsec / 1e6 - end_ms);

    if (!l->queue[l->at].waited) {
        return;
    }

    ms = (double) c->now / CROWD_MS - end_ms;

    if (c->best_ms[l->stream] == 0 || ms < c->best_ms[l->stream]) {
        c->best_ms[l->stream] = ms;
    }

    crowd_sample(&s->late, ms - c->best_ms[l->stream]);
}


/* Whether a part begins where it has to. */

static void
crowd_follows(crowd_t *c, crowd_listener_t *l, const crowd_part_t *p,
    int64_t pos)
{
    crowd_stat_t  *s;

    s = crowd_stat(c, l);

    if (p->discontinuity) {
        s->discontinuities++;

        if (!l->loose) {
            crowd_sample(&s->jumps, (double) (pos - l->pos) * 1000
                                    / l->timescale);
        }

    } else if (pos < l->pos) {
        s->errors[crowd_back]++;

    } else if (pos > l->pos && !l->loose) {
        s->errors[crowd_break]++;
    }
}


static void
crowd_play(crowd_t *c, crowd_listener_t *l, double begin_ms, double end_ms)
{
    double         now, gap;
    crowd_stat_t  *s;

    s = crowd_stat(c, l);
    now = (double) c->now / CROWD_MS;

    if (!l->started) {
        crowd_sample(&s->start, (double) (c->now - l->came) / CROWD_MS);
        s->started++;

    } else {
        gap = (double) (c->now - l->heard) / CROWD_MS;
        l->gap_ms = stn_max(l->gap_ms, gap);
    }

    if (!l->tuned) {
        if (l->started) {
            crowd_stall(c, l, now - l->clock_ms - l->end_ms);
        }

        l->tuned = 1;
        l->clock_ms = now - begin_ms - stn_max(l->lead_ms - l->hold_ms, 0);

    } else if (now > l->clock_ms + begin_ms) {
        crowd_stall(c, l, now - l->clock_ms - begin_ms);
        l->clock_ms = now - begin_ms;
    }

    l->started = 1;
    l->heard = c->now;
    l->end_ms = end_ms;
}


static void
crowd_stall(crowd_t *c, crowd_listener_t *l, double ms)
{
    crowd_stat_t  *s;

    if (ms <= 0) {
        return;
    }

    s = crowd_stat(c, l);
    s->stalls++;
    s->stalled += !l->stalled;
    l->stalled = 1;
    s->stall_ms += ms;
    s->longest_stall_ms = stn_max(s->longest_stall_ms, ms);
}


double
crowd_silent(const crowd_t *c, const crowd_listener_t *l)
{
    double  ms;

    if (!l->started || l->state == crowd_done) {
        return 0;
    }

    ms = (double) c->now / CROWD_MS - l->clock_ms - l->end_ms;

    return stn_max(ms, 0);
}


/* Puts the part beside what others got under its name. */

static void
crowd_compare(crowd_t *c, crowd_listener_t *l, const char *body, size_t len)
{
    size_t           i;
    uint64_t         sum;
    crowd_recent_t  *r;

    if (l->classic) {
        return;                         /* segments are compared by parts */
    }

    i = (size_t) (l->msn * CROWD_SEGMENT + l->part) % CROWD_RECENT;
    i += (size_t) l->stream * CROWD_RECENT;
    r = (crowd_recent_t *) (void *) (c->recent + i * c->recent_size);

    if (r->msn > l->msn || (r->msn == l->msn && r->part > l->part)) {
        return;                         /* forgotten already */
    }

    if (r->msn != l->msn || r->part != l->part) {
        memset(r, 0, c->recent_size);
        r->msn = l->msn;
        r->part = l->part;
    }

    crowd_arrived(c, l->edge, r);

    if (l->number % c->verify != 0) {
        return;
    }

    sum = crowd_sum(body, len);
    crowd_stat(c, l)->compared++;

    if (r->known && r->sum != sum) {
        crowd_stat(c, l)->errors[crowd_bytes]++;
    }

    r->known = 1;
    r->sum = sum;
}


/* How much later an edge has a part than the first edge of the list. */

static void
crowd_arrived(crowd_t *c, unsigned edge, crowd_recent_t *r)
{
    unsigned  i;

    if (r->came[edge]) {
        return;
    }

    r->came[edge] = c->now;

    for (i = 1; i < c->nedges; i++) {
        if (r->came[0] && r->came[i] && (edge == 0 || edge == i)) {
            crowd_sample(&c->stat[i].after,
                         (double) (r->came[i] - r->came[0]) / CROWD_MS);
        }
    }
}


static int
crowd_uri(char *out, const crowd_hls_uri_t *uri)
{
    if (uri->len >= CROWD_URI) {
        return STN_LIMIT;
    }

    memset(out, 0, CROWD_URI);
    memcpy(out, uri->s, uri->len);

    return STN_OK;
}
