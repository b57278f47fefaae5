/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * One listener of a crowd: joins as a player does, gets every part, one after
 * the other, asks for the next playlist and is held until it is there.  What
 * its edge does to it is counted; when that is gone it comes again, at once
 * and then later and later, to the same edge or to another one.
 *
 *     variants -> list -> init -> part.. -> reload -> part -> reload ..
 *
 * A classic player has segments for parts and asks for the list again when
 * there should be another one.
 */

#include "crowd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CROWD_RETRY_MS     100       /* doubled with each failure, up to */
#define CROWD_RETRY_MAX    2000
#define CROWD_RETRIES_MAX  5
#define CROWD_AGAIN_MS     100       /* after which a bot gets a part again */


static void crowd_connect(crowd_t *c, crowd_listener_t *l);
static void crowd_opened(crowd_t *c, crowd_listener_t *l);
static void crowd_pause(crowd_t *c, crowd_listener_t *l, long retry_after);
static void crowd_leave(crowd_t *c, crowd_listener_t *l);
static void crowd_botted(crowd_t *c, crowd_listener_t *l, int rc);
static void crowd_begin(crowd_t *c, crowd_listener_t *l);
static void crowd_get(crowd_t *c, crowd_listener_t *l);
static void crowd_again(crowd_t *c, crowd_listener_t *l);
static void crowd_answer(crowd_t *c, crowd_listener_t *l);
static int crowd_take(crowd_t *c, crowd_listener_t *l);


void
crowd_join(crowd_t *c, crowd_listener_t *l, crowd_kind_e kind)
{
    l->kind = kind;
    l->classic = kind == crowd_classic;
    l->came = c->now;
    l->leaves = 0;

    if (c->stay_ms > 0) {
        l->leaves = c->now - (int64_t) (log(drand48() + 1e-9) * c->stay_ms
                                        * CROWD_MS);
    }

    crowd_stat(c, l)->joins++;
    crowd_connect(c, l);
}


crowd_stat_t *
crowd_stat(crowd_t *c, const crowd_listener_t *l)
{
    return l->kind < crowd_slow ? &c->stat[l->edge] : &c->aside[0];
}


static void
crowd_connect(crowd_t *c, crowd_listener_t *l)
{
    l->wire.edge = &c->edges[l->edge];
    l->wire.data = l;
    l->wire.pace = l->kind == crowd_slow ? c->pace / 10 : 0;

    if (crowd_wire_connect(&c->net, &l->wire, l->number / c->nedges)
        != STN_OK)
    {
        crowd_fail(c, l, crowd_refused);
        return;
    }

    l->state = crowd_connecting;
    l->asked = c->now;
    crowd_wheel_set(&c->wheel, &l->timer, c->now + c->timeout);
}


static void
crowd_opened(crowd_t *c, crowd_listener_t *l)
{
    crowd_stat_t  *s;

    s = crowd_stat(c, l);

    if (l->wire.ssl) {
        s->handshakes++;
        s->resumed += l->wire.resumed;
    }

    if (l->kind >= crowd_bot_idle) {
        l->tries *= l->kind == crowd_bot_odd;
        crowd_bot(c, l);
        return;
    }

    crowd_next(c, l);
}


void
crowd_fail(crowd_t *c, crowd_listener_t *l, crowd_error_e e)
{
    long  retry_after;

    crowd_stat(c, l)->errors[e]++;
    retry_after = l->wire.answer.status == 503 ? l->wire.answer.retry_after
                                               : -1;

    /* the playlist is read anew, from where the listener is */

    l->queued = 0;
    l->at = 0;
    l->whole = 0;

    if (l->tries == CROWD_RETRIES_MAX) {
        l->multi = NULL;                /* it begins at the beginning */
    }

    crowd_hint_drop(c, l);

    if (e <= crowd_timeout || e == crowd_odd) {
        crowd_wire_drop(&c->net, &l->wire);
        crowd_turn(c, l);
    }

    crowd_pause(c, l, retry_after);
}


/* The first time it tries again at once; if it has other edges to go to, as
 * often as there are some.  A server that asks for time gets it, and a little
 * more, so that they do not all come at once. */

static void
crowd_pause(crowd_t *c, crowd_listener_t *l, long retry_after)
{
    double    ms;
    unsigned  free, n;

    free = crowd_choices(c, l);
    ms = 0;

    if (retry_after > 0) {
        ms = (double) retry_after * 1000 * (1 + drand48() / 2);

    } else if (l->tries >= free) {
        n = stn_min(l->tries - free, CROWD_RETRIES_MAX);
        ms = stn_min(CROWD_RETRY_MS << n, CROWD_RETRY_MAX);
        ms = ms * (0.75 + drand48() / 2);
    }

    l->tries++;
    crowd_wait(c, l, ms);
}


void
crowd_wait(crowd_t *c, crowd_listener_t *l, double ms)
{
    l->state = crowd_away;
    l->due = c->now + (int64_t) (ms * CROWD_MS);
    crowd_wheel_set(&c->wheel, &l->timer, l->due);
}


void
crowd_cut(crowd_t *c, crowd_listener_t *l, double ms)
{
    if (l->state == crowd_done) {
        return;
    }

    crowd_wire_drop(&c->net, &l->wire);
    crowd_hint_drop(c, l);
    l->queued = 0;
    l->at = 0;
    l->whole = 0;
    crowd_wait(c, l, ms * drand48());
}


/* It goes, and another one comes in its stead, who knows nothing yet. */

static void
crowd_leave(crowd_t *c, crowd_listener_t *l)
{
    crowd_listener_t  fresh;

    crowd_wire_drop(&c->net, &l->wire);
    SSL_SESSION_free(l->wire.session);
    crowd_hint_drop(c, l);
    crowd_stat(c, l)->leaves++;

    memset(&fresh, 0, sizeof(fresh));
    fresh.timer = l->timer;
    fresh.number = l->number;
    fresh.edge = l->number % c->nedges;
    fresh.stream = l->stream;
    fresh.stalled = l->stalled;
    fresh.kind = l->kind;
    fresh.hint = l->hint;
    *l = fresh;

    /* the timer's neighbours know where it is, which has not changed */

    crowd_join(c, l, l->kind);
}


void
crowd_due(crowd_t *c, crowd_listener_t *l)
{
    if (l->state == crowd_done) {
        return;
    }

    if (l->state == crowd_botting) {
        crowd_bot(c, l);
        return;
    }

    if (l->wire.paused) {
        crowd_event(c, l);
        return;
    }

    if (l->state != crowd_away) {
        if (c->now - l->asked >= c->timeout) {
            crowd_fail(c, l, crowd_timeout);
            return;
        }

        crowd_wheel_set(&c->wheel, &l->timer, l->asked + c->timeout);
        return;
    }

    if (l->due > c->now) {
        crowd_wheel_set(&c->wheel, &l->timer, l->due);
        return;
    }

    if (l->wire.state != crowd_wire_closed) {
        crowd_next(c, l);
        return;
    }

    crowd_stat(c, l)->reconnects++;
    crowd_connect(c, l);
}


void
crowd_event(crowd_t *c, crowd_listener_t *l)
{
    int                 rc;
    crowd_wire_state_e  was;

    was = l->wire.state;

    if (was == crowd_wire_closed) {
        return;                         /* closed earlier in this round */
    }

    rc = crowd_wire_event(&c->net, &l->wire);

    if (rc == STN_AGAIN) {
        if (l->wire.paused) {
            crowd_wheel_set(&c->wheel, &l->timer, c->now + 100 * CROWD_MS);
        }

        return;
    }

    if (was != crowd_wire_open) {
        if (rc != STN_OK) {
            crowd_fail(c, l, was == crowd_wire_shaking ? crowd_tls
                                                       : crowd_refused);
            return;
        }

        crowd_opened(c, l);
        return;
    }

    if (l->state == crowd_away) {
        crowd_wire_drop(&c->net, &l->wire);     /* not needed just now */
        return;
    }

    if (l->state == crowd_botting) {
        crowd_botted(c, l, rc);
        return;
    }

    if (rc != STN_OK) {
        crowd_fail(c, l, l->wire.answer.lost ? crowd_lost : crowd_odd);
        return;
    }

    crowd_answer(c, l);
}


/* A bot that asks for nothing in earnest has an answer, or was thrown out. */

static void
crowd_botted(crowd_t *c, crowd_listener_t *l, int rc)
{
    crowd_error_e  e;

    e = rc == STN_OK ? crowd_status(l->wire.answer.status)
                     : l->wire.answer.lost ? crowd_lost : crowd_odd;
    crowd_stat(c, l)->errors[e]++;
    crowd_wire_done(&l->wire);

    if (rc != STN_OK) {
        crowd_wire_drop(&c->net, &l->wire);
        crowd_wait(c, l, 1000 * drand48());
    }
}


void
crowd_next(crowd_t *c, crowd_listener_t *l)
{
    if (l->leaves && l->leaves <= c->now) {
        crowd_leave(c, l);
        return;
    }

    if (l->multi == NULL) {
        crowd_begin(c, l);
        return;
    }

    while (l->at < l->queued && (l->queue[l->at].gap
                                 || l->kind == crowd_bot_list))
    {
        crowd_stat(c, l)->gaps += l->queue[l->at].gap;
        l->msn = l->queue[l->at].msn;
        l->part = l->queue[l->at++].part;
        l->loose = 1;
    }

    if (l->at < l->queued) {
        crowd_get(c, l);
        return;
    }

    crowd_again(c, l);
}


/* With what players are given. */

static void
crowd_begin(crowd_t *c, crowd_listener_t *l)
{
    int   n;
    char  number[CROWD_NUMBER];

    number[0] = '\0';

    if (c->nstreams > 1) {
        snprintf(number, sizeof(number), "%u", l->stream + 1);
    }

    n = snprintf(l->list, sizeof(l->list), "%s%s%s", c->entry, number,
                 c->file);

    l->state = crowd_variants;

    if (n < 0 || (size_t) n >= sizeof(l->list)) {
        crowd_fail(c, l, crowd_playlist);
        return;
    }

    crowd_ask(c, l, l->list);
}


/* The next part, or what it needs first. */

static void
crowd_get(crowd_t *c, crowd_listener_t *l)
{
    char           path[CROWD_PATH];
    const char    *uri;
    crowd_part_t  *p;

    p = &l->queue[l->at];
    l->state = strcmp(l->map, p->map) == 0 ? crowd_part : crowd_init;
    uri = l->state == crowd_part ? p->uri : p->map;

    if (crowd_path(path, l->list, uri, strlen(uri)) != STN_OK) {
        crowd_fail(c, l, crowd_playlist);
        return;
    }

    if (l->hint && crowd_hint_get(c, l, path)) {
        return;
    }

    crowd_ask(c, l, path);
}


/* The playlist, as what comes next needs it. */

static void
crowd_again(crowd_t *c, crowd_listener_t *l)
{
    int   n;
    char  path[CROWD_PATH + 64];

    if (!l->placed || !l->whole) {
        l->state = crowd_list;
        crowd_ask(c, l, l->list);
        return;
    }

    if (l->classic) {
        if (l->poll > c->now) {
            crowd_wait(c, l, (double) (l->poll - c->now) / CROWD_MS);
            return;
        }

        l->state = crowd_list;
        crowd_ask(c, l, l->list);
        return;
    }

    if (l->kind == crowd_preload && l->hinted[0]) {
        crowd_hint_ask(c, l);
    }

    l->state = crowd_reload;
    n = snprintf(path, sizeof(path), "%s%c_HLS_msn=%llu&_HLS_part=%u"
                 "&_HLS_skip=YES", l->list, strchr(l->list, '?') ? '&' : '?',
                 (unsigned long long) l->next_msn, l->next_part);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        crowd_fail(c, l, crowd_playlist);
        return;
    }

    crowd_ask(c, l, path);
}


void
crowd_ask(crowd_t *c, crowd_listener_t *l, const char *path)
{
    l->asked = c->now;
    crowd_wheel_set(&c->wheel, &l->timer, c->now + c->timeout);
    crowd_stat(c, l)->requests++;

    if (crowd_wire_get(&l->wire, path, c->gzip && l->state < crowd_init)
        != STN_OK)
    {
        crowd_fail(c, l, crowd_lost);
    }
}


static void
crowd_answer(crowd_t *c, crowd_listener_t *l)
{
    int            rc, close;
    crowd_http_t  *a;

    a = &l->wire.answer;
    close = a->close;

    if (a->status == 200) {
        rc = crowd_take(c, l);

    } else {
        rc = STN_ERROR;
        crowd_fail(c, l, crowd_status(a->status));
    }

    crowd_wire_done(&l->wire);

    if (l->state == crowd_done || close) {
        crowd_wire_drop(&c->net, &l->wire);
    }

    if (rc != STN_OK || l->state == crowd_done || l->state == crowd_away) {
        return;
    }

    l->tries = 0;

    if (l->wire.state == crowd_wire_closed) {
        crowd_wait(c, l, 0);
        return;
    }

    crowd_next(c, l);
}


crowd_error_e
crowd_status(unsigned status)
{
    if (status == 404) {
        return crowd_404;
    }

    if (status == 503) {
        return crowd_503;
    }

    return status / 100 == 4 ? crowd_4xx
                             : status / 100 == 5 ? crowd_5xx : crowd_odd;
}


/* STN_OK; or crowd_fail() was called. */

static int
crowd_take(crowd_t *c, crowd_listener_t *l)
{
    switch (l->state) {

    case crowd_variants:
        return crowd_varied(c, l);

    case crowd_list:
    case crowd_reload:
        return crowd_listed(c, l);

    case crowd_init:
        return crowd_inited(c, l);

    default: /* crowd_part */

        if (l->kind == crowd_bot_part) {
            crowd_stat(c, l)->parts++;
            crowd_wait(c, l, CROWD_AGAIN_MS);
            return STN_OK;
        }

        return crowd_heard(c, l, &l->wire.answer);
    }
}
