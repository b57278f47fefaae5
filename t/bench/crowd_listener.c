/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * One listener of a crowd: joins as a player does, gets every part, one after
 * the other, asks for the next playlist and is held until it is there.  What
 * its edge does to it is counted; when that is gone it comes again, at once
 * and then later and later, to the same edge or (failover) to the next one.
 *
 *     variants -> list -> init -> part.. -> reload -> part -> reload ..
 *
 * Its player starts as far from the end of the playlist as that says, and
 * plays at the pace of the clock: a part that comes later than it is to be
 * heard is a stall.
 */

#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define CROWD_MS           1000000LL
#define CROWD_RETRY_MS     100       /* doubled with each failure, up to */
#define CROWD_RETRY_MAX    2000
#define CROWD_RETRIES_MAX  5


static void crowd_connect(crowd_t *c, crowd_listener_t *l);
static void crowd_connected(crowd_t *c, crowd_listener_t *l);
static void crowd_drop(crowd_listener_t *l);
static void crowd_fail(crowd_t *c, crowd_listener_t *l, crowd_error_e e);
static void crowd_pause(crowd_t *c, crowd_listener_t *l);
static void crowd_next(crowd_t *c, crowd_listener_t *l);
static void crowd_ask(crowd_t *c, crowd_listener_t *l, const char *uri);
static void crowd_answer(crowd_t *c, crowd_listener_t *l);
static crowd_error_e crowd_status(unsigned status);
static int crowd_take(crowd_t *c, crowd_listener_t *l, const char *body,
    size_t len);
static int crowd_listed(crowd_t *c, crowd_listener_t *l, const char *body,
    size_t len);
static unsigned crowd_place(crowd_t *c, crowd_listener_t *l);
static unsigned crowd_follow(crowd_t *c, crowd_listener_t *l);
static int crowd_fill(crowd_t *c, crowd_listener_t *l, unsigned first);
static int crowd_heard(crowd_t *c, crowd_listener_t *l, const char *body,
    size_t len);
static void crowd_follows(crowd_t *c, crowd_listener_t *l,
    const crowd_part_t *p, int64_t pos);
static void crowd_play(crowd_t *c, crowd_listener_t *l, double begin_ms,
    double end_ms);
static void crowd_stall(crowd_t *c, crowd_listener_t *l, double ms);
static void crowd_compare(crowd_t *c, crowd_listener_t *l, const char *body,
    size_t len);
static void crowd_arrived(crowd_t *c, unsigned edge, crowd_recent_t *r);
static uint64_t crowd_sum(const char *data, size_t len);
static int crowd_uri(char *out, const bench_hls_uri_t *uri);


void
crowd_join(crowd_t *c, crowd_listener_t *l)
{
    l->came = c->now;
    c->stat[l->edge].joins++;

    crowd_connect(c, l);
}


static void
crowd_connect(crowd_t *c, crowd_listener_t *l)
{
    struct epoll_event  ee;

    l->fd = bench_http_begin(c->ports[l->edge]);
    if (l->fd == -1) {
        crowd_fail(c, l, crowd_refused);
        return;
    }

    ee.events = EPOLLOUT;
    ee.data.ptr = l;

    if (epoll_ctl(c->ep, EPOLL_CTL_ADD, l->fd, &ee) == -1) {
        crowd_fail(c, l, crowd_odd);
        return;
    }

    l->state = crowd_connecting;
    l->asked = c->now;
}


static void
crowd_connected(crowd_t *c, crowd_listener_t *l)
{
    int                 error;
    socklen_t           len;
    struct epoll_event  ee;

    len = sizeof(error);
    ee.events = EPOLLIN;
    ee.data.ptr = l;

    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1
        || error || epoll_ctl(c->ep, EPOLL_CTL_MOD, l->fd, &ee) == -1)
    {
        crowd_fail(c, l, crowd_refused);
        return;
    }

    crowd_next(c, l);
}


static void
crowd_drop(crowd_listener_t *l)
{
    if (l->fd != -1) {
        close(l->fd);
        l->fd = -1;
    }

    bench_http_reset(&l->answer);
}


/* What was under way has failed, and with it the connection if it is not the
 * answer's fault alone. */

static void
crowd_fail(crowd_t *c, crowd_listener_t *l, crowd_error_e e)
{
    c->stat[l->edge].errors[e]++;

    /* the playlist is read anew, from where the listener is */

    l->queued = 0;
    l->at = 0;
    l->whole = 0;

    if (e <= crowd_timeout || e == crowd_odd) {
        crowd_drop(l);

        if (c->failover) {
            l->edge = (l->edge + 1) % c->nedges;
        }
    }

    crowd_pause(c, l);
}


/* The first time it tries again at once; if it has other edges to go to, as
 * often as there are some. */

static void
crowd_pause(crowd_t *c, crowd_listener_t *l)
{
    int64_t   ms;
    unsigned  free, n;

    free = c->failover ? c->nedges : 1;
    ms = 0;

    if (l->tries >= free) {
        n = stn_min(l->tries - free, CROWD_RETRIES_MAX);
        ms = stn_min(CROWD_RETRY_MS << n, CROWD_RETRY_MAX);
        ms = ms * 3 / 4 + random() % (ms / 2);
    }

    l->tries++;
    l->state = crowd_away;
    l->due = c->now + ms * CROWD_MS;
}


void
crowd_tick(crowd_t *c, crowd_listener_t *l)
{
    if (l->state == crowd_done) {
        return;
    }

    if (l->state != crowd_away) {
        if (c->now - l->asked > c->timeout) {
            crowd_fail(c, l, crowd_timeout);
        }

        return;
    }

    if (l->due > c->now) {
        return;
    }

    if (l->fd != -1) {
        crowd_next(c, l);
        return;
    }

    c->stat[l->edge].reconnects++;
    crowd_connect(c, l);
}


void
crowd_event(crowd_t *c, crowd_listener_t *l, unsigned events)
{
    int  rc;

    (void) events;

    if (l->state == crowd_connecting) {
        crowd_connected(c, l);
        return;
    }

    rc = bench_http_read(&l->answer, l->fd);
    if (rc == STN_AGAIN) {
        return;
    }

    if (l->state == crowd_away) {
        crowd_drop(l);                  /* it was not needed just now */
        return;
    }

    if (rc != STN_OK) {
        crowd_fail(c, l, l->answer.lost ? crowd_lost : crowd_odd);
        return;
    }

    crowd_answer(c, l);
}


static void
crowd_next(crowd_t *c, crowd_listener_t *l)
{
    char           uri[CROWD_URI + 64];
    crowd_part_t  *p;

    while (l->at < l->queued && l->queue[l->at].gap) {
        p = &l->queue[l->at++];
        l->msn = p->msn;
        l->part = p->part;
        l->loose = 1;
        c->stat[l->edge].gaps++;
    }

    if (l->list[0] == '\0') {
        l->state = crowd_variants;
        crowd_ask(c, l, "index.m3u8");

    } else if (l->at < l->queued) {
        p = &l->queue[l->at];

        l->state = strcmp(l->map, p->map) == 0 ? crowd_part : crowd_init;
        crowd_ask(c, l, l->state == crowd_part ? p->uri : p->map);

    } else if (l->placed && l->whole) {
        l->state = crowd_reload;
        snprintf(uri, sizeof(uri), "%s?_HLS_msn=%llu&_HLS_part=%u"
                 "&_HLS_skip=YES", l->list,
                 (unsigned long long) l->next_msn, l->next_part);
        crowd_ask(c, l, uri);

    } else {
        l->state = crowd_list;
        crowd_ask(c, l, l->list);
    }
}


static void
crowd_ask(crowd_t *c, crowd_listener_t *l, const char *uri)
{
    char    number[16], path[CROWD_REQUEST / 2], request[CROWD_REQUEST];
    size_t  len;

    number[0] = '\0';

    if (c->nstreams > 1) {
        snprintf(number, sizeof(number), "%u", l->stream + 1);
    }

    snprintf(path, sizeof(path), "/%s%s/%s", c->stream, number, uri);
    len = bench_http_get(request, sizeof(request), c->ports[l->edge], path,
                         "");
    l->asked = c->now;

    if (len == 0 || bench_http_send(l->fd, request, len) != STN_OK) {
        crowd_fail(c, l, crowd_lost);
    }
}


static void
crowd_answer(crowd_t *c, crowd_listener_t *l)
{
    int            rc;
    bench_http_t  *a;

    a = &l->answer;

    if (a->status != 200) {
        rc = (int) a->close;
        bench_http_reset(a);
        crowd_fail(c, l, crowd_status(a->status));

        if (rc) {
            crowd_drop(l);
        }

        return;
    }

    rc = crowd_take(c, l, bench_http_body(a), a->body);

    if (l->state == crowd_done || a->close) {
        crowd_drop(l);
    }

    bench_http_reset(a);

    if (l->state == crowd_done || l->state == crowd_away) {
        return;
    }

    if (rc == STN_OK) {
        l->tries = 0;
    }

    if (l->fd == -1) {
        l->state = crowd_away;
        l->due = c->now;
        return;
    }

    crowd_next(c, l);
}


static crowd_error_e
crowd_status(unsigned status)
{
    if (status == 404) {
        return crowd_404;
    }

    return status / 100 == 4 ? crowd_4xx
                             : status / 100 == 5 ? crowd_5xx : crowd_odd;
}


/* STN_OK; or crowd_fail() was called. */

static int
crowd_take(crowd_t *c, crowd_listener_t *l, const char *body, size_t len)
{
    bench_hls_uri_t  uri;

    switch (l->state) {

    case crowd_variants:
        if (bench_hls_variant(&uri, body, len) != STN_OK
            || crowd_uri(l->list, &uri) != STN_OK)
        {
            crowd_fail(c, l, crowd_playlist);
            return STN_ERROR;
        }

        return STN_OK;

    case crowd_list:
    case crowd_reload:
        return crowd_listed(c, l, body, len);

    case crowd_init:
        l->timescale = bench_hls_timescale(body, len);
        if (l->timescale == 0) {
            crowd_fail(c, l, crowd_media);
            return STN_ERROR;
        }

        /* it is another clock, or may be */

        memcpy(l->map, l->queue[l->at].map, CROWD_URI);
        l->loose = 1;
        l->pos = 0;
        return STN_OK;

    default: /* crowd_part */
        return crowd_heard(c, l, body, len);
    }
}


static int
crowd_listed(crowd_t *c, crowd_listener_t *l, const char *body, size_t len)
{
    unsigned      first;
    bench_hls_t  *pl;

    pl = &c->pl;
    c->stat[l->edge].playlists++;

    if (bench_hls_read(pl, body, len) != STN_OK) {
        crowd_fail(c, l, crowd_playlist);
        return STN_ERROR;
    }

    first = l->placed ? crowd_follow(c, l) : crowd_place(c, l);

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

    return crowd_fill(c, l, first);
}


/* The part that holds what is so far from the end as a player keeps. */

static unsigned
crowd_place(crowd_t *c, crowd_listener_t *l)
{
    unsigned      i;
    bench_hls_t  *pl;

    pl = &c->pl;
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
crowd_follow(crowd_t *c, crowd_listener_t *l)
{
    unsigned           i;
    bench_hls_t       *pl;
    bench_hls_part_t  *p;

    pl = &c->pl;

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

    c->stat[l->edge].rejoins++;

    return crowd_place(c, l);
}


static int
crowd_fill(crowd_t *c, crowd_listener_t *l, unsigned first)
{
    unsigned           i;
    bench_hls_t       *pl;
    bench_hls_part_t  *p;
    crowd_part_t      *q;

    pl = &c->pl;
    l->at = 0;
    l->queued = 0;

    for (i = first; i < pl->n && l->queued < CROWD_QUEUE; i++) {
        p = &pl->parts[i];
        q = &l->queue[l->queued];

        if (!bench_hls_named(p)) {
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
        l->queued++;
    }

    l->next_msn = i < pl->n ? pl->parts[i].msn : pl->next_msn;
    l->next_part = i < pl->n ? pl->parts[i].part : pl->next_part;
    l->whole = 1;

    return STN_OK;
}


static int
crowd_heard(crowd_t *c, crowd_listener_t *l, const char *body, size_t len)
{
    int64_t          pos, ticks;
    double           begin, end;
    crowd_part_t    *p;
    crowd_stat_t    *s;
    struct timespec  ts;

    s = &c->stat[l->edge];
    p = &l->queue[l->at];

    if (bench_hls_media(body, len, &pos, &ticks) != STN_OK) {
        crowd_fail(c, l, crowd_media);
        return STN_ERROR;
    }

    crowd_follows(c, l, p, pos);

    l->pos = pos + ticks;
    l->loose = 0;
    l->msn = p->msn;
    l->part = p->part;

    s->parts++;
    s->bytes += (long long) len;

    begin = (double) pos * 1000 / l->timescale;
    end = (double) (pos + ticks) * 1000 / l->timescale;

    clock_gettime(CLOCK_REALTIME, &ts);
    crowd_sample(&s->age, (double) ts.tv_sec * 1000
                          + (double) ts.tv_nsec / 1e6 - end);

    crowd_play(c, l, begin, end);
    crowd_compare(c, l, body, len);
    l->at++;

    return STN_OK;
}


/* Whether a part begins where it has to. */

static void
crowd_follows(crowd_t *c, crowd_listener_t *l, const crowd_part_t *p,
    int64_t pos)
{
    crowd_stat_t  *s;

    s = &c->stat[l->edge];

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

    s = &c->stat[l->edge];
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

    s = &c->stat[l->edge];
    s->stalls++;
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
    c->stat[l->edge].compared++;

    if (r->known && r->sum != sum) {
        c->stat[l->edge].errors[crowd_bytes]++;
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


static uint64_t
crowd_sum(const char *data, size_t len)
{
    size_t    i;
    uint64_t  sum, word;

    sum = len;

    for (i = 0; i < len; i += sizeof(word)) {
        word = 0;
        memcpy(&word, data + i, stn_min(sizeof(word), len - i));
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
        sum ^= sum >> 32;
    }

    return sum;
}


static int
crowd_uri(char *out, const bench_hls_uri_t *uri)
{
    if (uri->len >= CROWD_URI) {
        return STN_LIMIT;
    }

    memset(out, 0, CROWD_URI);
    memcpy(out, uri->s, uri->len);

    return STN_OK;
}
