/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The live thread (see ngx_stentor_live.h): takes units from the queue, runs
 * the stream by the clock, and publishes each part the moment its last frame
 * is there.  It ends when the stream has lingered long enough without a
 * source, when the operator closes it, when another worker has taken it, when
 * its own worker lets it go, or on failure; the event loop then joins it.
 */

#include "ngx_stentor_live_lease.h"
#include "ngx_stentor_live_publish.h"


/* How often levels are shown, and a loop of hold audio is asked for. */
#define NGX_STENTOR_LIVE_LOOK_US  250000

/* How long a stream that opens without a broadcaster waits for its loop: less
 * than a listener of a stream to come is held. */
#define NGX_STENTOR_LIVE_HOLD_MS  2500

/* How long the next init segment is announced before there is a part that
 * needs it: players that ask for every part see it, and fetch it in time. */
#define NGX_STENTOR_LIVE_CHANGE_US  100000

/* How often it is looked whether comfort for somebody who comes is ready. */
#define NGX_STENTOR_LIVE_COMING_US  10000


static void ngx_stentor_live_make(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_begin(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_win(ngx_stentor_live_t *live,
    ngx_uint_t *arrived);
static ngx_uint_t ngx_stentor_live_yield(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_wait(ngx_stentor_live_t *live);
static void ngx_stentor_live_sleep(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_due(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_changing(ngx_stentor_live_t *live);
static int64_t ngx_stentor_live_alarm_us(ngx_stentor_live_t *live);
static void ngx_stentor_live_take(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_comforted(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_welcome(ngx_stentor_live_t *live);
static void ngx_stentor_live_refuse(ngx_stentor_live_t *live,
    const char *reason);
static void ngx_stentor_live_units(ngx_stentor_live_t *live);
static void ngx_stentor_live_farewell(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_pump(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_leaves(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_look(ngx_stentor_live_t *live);
static void ngx_stentor_live_loop(ngx_stentor_live_t *live);
static void ngx_stentor_live_over(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_lingered(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_deserted(ngx_stentor_live_t *live);
static void ngx_stentor_live_end(ngx_stentor_live_t *live);


void *
ngx_stentor_live_run(void *data)
{
    ngx_stentor_live_t *live = data;

    while (ngx_stentor_live_stand_by(live) == NGX_OK) {

        ngx_stentor_live_make(live);

        if (live->leased != NGX_STENTOR_LEASE_OTHER
            || live->outcome != NGX_STENTOR_LIVE_NONE)
        {
            break;
        }

        ngx_stentor_live_step_down(live);
    }

    ngx_stentor_live_end(live);

    return NULL;
}


/* Makes the stream, until it is over or another node's. */

static void
ngx_stentor_live_make(ngx_stentor_live_t *live)
{
    if (ngx_stentor_live_begin(live) != NGX_OK) {
        return;
    }

    while (!ngx_stentor_live_wait(live)) {

        if (ngx_stentor_live_pump(live) != NGX_OK || live->done
            || ngx_stentor_live_leaves(live)
            || !ngx_stentor_live_look(live))
        {
            return;
        }

        ngx_stentor_live_over(live);
    }
}


void
ngx_stentor_live_wind(ngx_stentor_live_t *live)
{
    live->clock_us = (int64_t)
                     ngx_stentor_load(&live->claim.stream->clock_us);
}


int64_t
ngx_stentor_live_now(ngx_stentor_live_t *live)
{
    return ngx_stentor_store_us(CLOCK_MONOTONIC) + live->clock_us;
}


static ngx_int_t
ngx_stentor_live_begin(ngx_stentor_live_t *live)
{
    ngx_uint_t             arrived;
    ngx_stentor_stream_t  *st;

    if (ngx_stentor_live_win(live, &arrived) != NGX_OK) {
        return NGX_ERROR;
    }

    st = live->claim.stream;

    /* one that another worker has left to us may have had one */

    live->met = live->claim.resume && st->gone_ms == 0;

    /* without a broadcaster its time to linger has begun already */

    if (st->gone_ms == 0) {
        st->gone_ms = ngx_stentor_live_now(live) / 1000;
    }

    live->gone_us = st->gone_ms * 1000;

    /* hold audio first: what goes on, goes on in the one that was heard */

    ngx_stentor_live_loop(live);

    if (live->claim.resume && ngx_stentor_live_resume(live) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!live->claim.resume && !arrived) {

        /* at start-up the window is worth waiting for the right hold audio */

        if (live->hold->len) {
            (void) ngx_stentor_hold_wait(live->lives->holds, live->hold,
                                      stn_stream_hold_format(&live->stream),
                                      NGX_STENTOR_LIVE_HOLD_MS);
        }

        ngx_stentor_live_loop(live);
        stn_stream_birth(&live->stream, ngx_stentor_live_now(live));
    }

    return NGX_OK;
}


/* Claims the stream.  A live that nobody has come to leaves it to whoever was
 * faster; whoever comes meanwhile takes it from him. */

static ngx_int_t
ngx_stentor_live_win(ngx_stentor_live_t *live, ngx_uint_t *arrived)
{
    ngx_int_t     rc;
    stn_format_t  format;

    do {
        pthread_mutex_lock(&live->mutex);
        *arrived = live->arrived;
        format = live->format;
        live->announced = live->bitrate;
        pthread_mutex_unlock(&live->mutex);

        live->vacant = live->vacant && !*arrived;

        rc = ngx_stentor_live_claim(live, *arrived ? &format : NULL);

    } while (rc == NGX_DECLINED && !ngx_stentor_live_yield(live));

    return rc;
}


/* Returns whether the live is over, since nobody has come to it. */

static ngx_uint_t
ngx_stentor_live_yield(ngx_stentor_live_t *live)
{
    ngx_uint_t  ending;

    pthread_mutex_lock(&live->mutex);
    ending = !live->arrived;
    live->ending = ending;
    pthread_mutex_unlock(&live->mutex);

    return ending;
}


/* Waits until there is something to do, and does what the event loop has left;
 * returns whether to end.  All but the taking is without the mutex: it
 * decodes.  Whom it takes long to welcome has sent something meanwhile. */

static ngx_uint_t
ngx_stentor_live_wait(ngx_stentor_live_t *live)
{
    ngx_uint_t  quit, welcomed;

    do {
        pthread_mutex_lock(&live->mutex);

        ngx_stentor_live_sleep(live);

        quit = live->quit && !live->arrived;
        ngx_stentor_live_take(live);

        pthread_mutex_unlock(&live->mutex);

        if (quit) {
            return 1;
        }

        welcomed = live->coming && ngx_stentor_live_comforted(live);

        if (welcomed && ngx_stentor_live_welcome(live) != NGX_OK) {
            return 1;
        }

        if (live->coming) {
            return 0;
        }

        ngx_stentor_live_units(live);

    } while (welcomed);

    ngx_stentor_live_farewell(live);

    return 0;
}


/* Under the mutex: until there is something to do. */

static void
ngx_stentor_live_sleep(ngx_stentor_live_t *live)
{
    int64_t          due;
    struct timespec  ts;

    while (!ngx_stentor_live_due(live)) {
        due = ngx_stentor_live_alarm_us(live);

        if (due <= ngx_stentor_live_now(live)) {
            break;
        }

        due -= live->clock_us;
        ts.tv_sec = due / 1000000;
        ts.tv_nsec = due % 1000000 * 1000;

        pthread_cond_timedwait(&live->cond, &live->mutex, &ts);
    }
}


/* Under the mutex: whether the event loop has left something.  Units that the
 * stream has no room for are not a reason to wake up, nor is what they must go
 * before. */

static ngx_uint_t
ngx_stentor_live_due(ngx_stentor_live_t *live)
{
    if (live->quit || (live->arrived && !ngx_stentor_live_changing(live))) {
        return 1;
    }

    if (live->left && !live->arrived && live->units.count == 0) {
        return 1;
    }

    return !live->stuck && !live->coming
           && (live->units.count || live->before.count || live->taken.count);
}


/* Under the mutex: whether somebody goes on in another format who has to be
 * heard to the end of the one before. */

static ngx_uint_t
ngx_stentor_live_changing(ngx_stentor_live_t *live)
{
    return live->arrived && live->changes && !live->quit
           && (live->before.count || live->taken.count);
}


/* When to look again at the latest: the operator's wish to close, a loop of
 * hold audio that has become ready and the end of the linger tell nobody. */

static int64_t
ngx_stentor_live_alarm_us(ngx_stentor_live_t *live)
{
    int64_t  due;

    due = ngx_max(live->stream.due_us, live->paused_us);
    due = ngx_min(due, live->shown_us + NGX_STENTOR_LIVE_LOOK_US);

    return live->coming ? ngx_min(due, live->come_us) : due;
}


/* Under the mutex: takes what the event loop has left; whoever came last is
 * who is there. */

static void
ngx_stentor_live_take(ngx_stentor_live_t *live)
{
    stn_fifo_t  units;

    if (ngx_stentor_live_changing(live)) {

        if (live->taken.count == 0) {
            units = live->taken;
            live->taken = live->before;
            live->before = units;
        }

        return;
    }

    if (live->arrived) {
        live->comes = live->format;
        live->announced = live->bitrate;
        live->coming = 1;
        live->arrived = 0;
        live->leaving = 0;
        stn_fifo_reset(&live->before);
        stn_fifo_reset(&live->taken);
    }

    if (live->taken.count == 0) {
        units = live->taken;
        live->taken = live->units;
        live->units = units;

        /* what it is told stands until it has looked, be that much later */

        live->room |= live->full;
        live->full = 0;
    }

    if (live->left && live->units.count == 0) {
        live->left = 0;
        live->leaving = 1;
    }

    if (live->room) {
        ngx_stentor_wake_slot(live->lives->store, live->lives->wake->slot);
    }
}


/* Whether the comfort of whoever is coming is ready, or will not be.  Making
 * it takes a while, in which the stream goes on and his units wait. */

static ngx_uint_t
ngx_stentor_live_comforted(ngx_stentor_live_t *live)
{
    ngx_int_t          rc;
    const stn_hold_t  *loop;

    if (live->app->nrenditions
        || stn_format_same(stn_stream_format(&live->stream, 0), &live->comes))
    {
        return 1;
    }

    rc = ngx_stentor_hold_ask(live->lives->holds, &ngx_stentor_comfort,
                              &live->comes, &loop);

    stn_stream_comfort(&live->stream, loop);

    live->come_us = ngx_stentor_live_now(live) + NGX_STENTOR_LIVE_COMING_US;

    return rc != NGX_AGAIN;
}


/* Somebody has come: the stream goes on with him, or he is sent away.  Returns
 * NGX_OK, or NGX_ERROR with live->outcome. */

static ngx_int_t
ngx_stentor_live_welcome(ngx_stentor_live_t *live)
{
    uint32_t               generation;
    stn_format_t          *format;
    ngx_stentor_stream_t  *st;

    live->coming = 0;
    format = &live->comes;
    st = live->claim.stream;
    generation = live->stream.generation;
    live->deaf = 0;

    if (!ngx_stentor_live_has_room(live, format)) {
        ngx_stentor_live_refuse(live, "the audio parameters of the stream "
                                      "have changed too often");
        return NGX_OK;
    }

    if (stn_stream_arrive(&live->stream, format) != STN_OK) {
        ngx_stentor_live_refuse(live, live->stream.reason);
        return NGX_OK;
    }

    live->met = 1;
    live->stuck = 0;
    live->gone_us = 0;
    st->gone_ms = 0;

    return live->stream.generation == generation
           ? NGX_OK : ngx_stentor_live_reclaim(live);
}


/* The event loop tells him; whoever was there before has been sent away by
 * then, and the stream goes on without anybody. */

static void
ngx_stentor_live_refuse(ngx_stentor_live_t *live, const char *reason)
{
    ngx_log_error(NGX_LOG_INFO, &live->log, 0,
                  "broadcaster of stream \"%V\" is refused: %s", &live->name,
                  reason);

    live->deaf = 1;
    live->leaving = 1;

    pthread_mutex_lock(&live->mutex);

    if (!live->arrived) {
        stn_fifo_reset(&live->units);
        live->attended = 0;
        live->refused = 1;
        live->reason = reason;
    }

    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_wake_slot(live->lives->store, live->lives->wake->slot);
}


static void
ngx_stentor_live_units(ngx_stentor_live_t *live)
{
    int64_t   now;
    stn_au_t  au;

    if (live->deaf) {
        stn_fifo_reset(&live->taken);
        return;
    }

    now = ngx_stentor_live_now(live);

    while (stn_fifo_peek(&live->taken, &au) == STN_OK) {

        /* how long it has waited for this thread is not his clock's fault */

        live->stuck = (stn_stream_feed(&live->stream, &au,
                                       live->stuck
                                       ? now : au.arrived + live->clock_us)
                       != STN_OK);

        if (live->stuck) {
            return;
        }

        stn_fifo_drop(&live->taken);
    }
}


static void
ngx_stentor_live_farewell(ngx_stentor_live_t *live)
{
    if (!live->leaving || live->taken.count) {
        return;
    }

    live->leaving = 0;

    stn_stream_leave(&live->stream);

    live->gone_us = ngx_stentor_live_now(live);
    live->claim.stream->gone_ms = live->gone_us / 1000;
}


/* Publishes all parts whose time has come. */

static ngx_int_t
ngx_stentor_live_pump(ngx_stentor_live_t *live)
{
    int                 rc;
    int64_t             now;
    stn_stream_parts_t  parts;

    now = ngx_stentor_live_now(live);
    live->idle = 0;

    while (!live->done && now >= live->paused_us) {
        rc = stn_stream_next(&live->stream, now, &parts);

        if (rc == STN_AGAIN) {
            break;
        }

        if (rc != STN_OK) {
            ngx_log_error(NGX_LOG_ERR, &live->log, 0,
                          "stream \"%V\" broke: %s", &live->name,
                          live->stream.reason);
            ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_FAILED,
                                  live->stream.reason);
            return NGX_ERROR;
        }

        live->stuck = 0;

        if (!ngx_stentor_live_leased(live)
            || ngx_stentor_live_publish(live, &parts) != NGX_OK)
        {
            return NGX_ERROR;
        }

        live->done = live->stream.ending;
        live->idle = !parts.part[0].live;

        if (parts.changes) {
            live->paused_us = now + NGX_STENTOR_LIVE_CHANGE_US;
        }
    }

    ngx_stentor_live_let_in(live);

    /* the cause before what it leads to: dead air before hold audio */

    if (!live->stream.present
        && (live->stream.ending || ngx_stentor_live_deserted(live)))
    {
        stn_stream_forget(&live->stream);
    }

    ngx_stentor_live_alarms(live);
    ngx_stentor_live_count(live);

    return NGX_OK;
}


/* Whether the worker's streams are to go on in others, and this one can: no
 * more of a broadcaster is to come, and what was being made is out. */

static ngx_uint_t
ngx_stentor_live_leaves(ngx_stentor_live_t *live)
{
    ngx_uint_t  leaves;

    /* one that has never been born makes no parts to wait for */

    if ((live->stream.begun && !live->idle) || live->stream.present
        || live->coming || live->taken.count
        || !stn_stream_drained(&live->stream))
    {
        return 0;
    }

    pthread_mutex_lock(&live->mutex);

    leaves = live->relieved && !live->arrived && live->units.count == 0;

    if (leaves) {
        live->quit = 1;
        live->ending = 1;
    }

    pthread_mutex_unlock(&live->mutex);

    return leaves;
}


/* Now and then: the levels for status, the loop, and the lease.  Returns
 * whether the stream is still ours. */

static ngx_uint_t
ngx_stentor_live_look(ngx_stentor_live_t *live)
{
    int64_t  now;

    now = ngx_stentor_live_now(live);

    if (now - live->shown_us < NGX_STENTOR_LIVE_LOOK_US) {
        return 1;
    }

    live->shown_us = now;

    ngx_stentor_live_levels(live);
    ngx_stentor_live_loop(live);

    return ngx_stentor_live_renew(live);
}


/* Hold audio in the stream's format of today, once it is ready. */

static void
ngx_stentor_live_loop(ngx_stentor_live_t *live)
{
    if (live->generation != live->stream.generation) {
        live->generation = live->stream.generation;
        live->loop = NULL;
    }

    if (live->hold->len == 0 || live->loop) {
        return;
    }

    live->loop = ngx_stentor_hold_get(live->lives->holds, live->hold,
                                      stn_stream_hold_format(&live->stream));
    if (live->loop) {
        stn_stream_hold(&live->stream, live->loop);
    }
}


/* Whether the stream is to end: with its next part, after which nobody can
 * come to this live any more. */

static void
ngx_stentor_live_over(ngx_stentor_live_t *live)
{
    ngx_uint_t             closing, ending;
    ngx_stentor_stream_t  *st;

    st = live->claim.stream;
    closing = ngx_stentor_load(&st->closing);

    if (live->stream.ending
        || !(closing || ngx_stentor_live_lingered(live)))
    {
        return;
    }

    pthread_mutex_lock(&live->mutex);
    ending = closing || !live->arrived;
    live->ending = ending;
    pthread_mutex_unlock(&live->mutex);

    if (!ending) {
        return;
    }

    if (closing) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_CLOSED,
                              "the operator has closed the stream");
        stn_stream_leave(&live->stream);
    }

    stn_stream_end(&live->stream);

    /* whoever opened it has left before he sent anything: no part will come */

    live->done = !live->stream.begun;
}


/* Whether it has gone on long enough without a source; one whose format has no
 * hold audio yet is on his way in. */

static ngx_uint_t
ngx_stentor_live_lingered(ngx_stentor_live_t *live)
{
    return live->claim.stream->opened_by == NGX_STENTOR_BY_BROADCASTER
           && !live->coming
           && stn_stream_drained(&live->stream)
           && ngx_stentor_live_deserted(live);
}


/* Whether its source has been gone for so long that he is not coming back. */

static ngx_uint_t
ngx_stentor_live_deserted(ngx_stentor_live_t *live)
{
    return live->gone_us
           && ngx_stentor_live_now(live)
              >= live->gone_us + (int64_t) live->app->linger * 1000;
}


void
ngx_stentor_live_fail(ngx_stentor_live_t *live,
    ngx_stentor_live_event_e outcome, const char *reason)
{
    pthread_mutex_lock(&live->mutex);
    live->outcome = outcome;
    live->reason = reason;
    pthread_mutex_unlock(&live->mutex);
}


static void
ngx_stentor_live_end(ngx_stentor_live_t *live)
{
    ngx_uint_t            claimed, quit;
    ngx_stentor_lives_t  *lives;

    lives = live->lives;

    pthread_mutex_lock(&live->mutex);
    live->ending = 1;
    claimed = live->claimed;
    quit = live->quit;
    pthread_mutex_unlock(&live->mutex);

    if (claimed && quit && live->outcome == NGX_STENTOR_LIVE_NONE) {

        /* a worker that lets go of a stream leaves it to the others */

        ngx_stentor_store_hand_over(&live->claim);
        ngx_stentor_wake_all(lives->store);

    } else if (claimed && ngx_stentor_store_close(&live->claim) == NGX_OK) {
        ngx_stentor_live_event(live, "closed", NULL);
        ngx_stentor_wake_stream(lives->store, live->claim.stream);
        ngx_stentor_live_release(live);

    } else if (claimed) {
        ngx_stentor_wake_all(lives->store);
    }

    if (live->outcome == NGX_STENTOR_LIVE_REFUSED
        || live->outcome == NGX_STENTOR_LIVE_FAILED)
    {
        ngx_stentor_live_release(live);
    }

    /* whoever waits for it to be opened is told that it will not be */

    if (live->vacant && claimed) {
        live->claim.stream->wanted = 0;
    }

    stn_stream_free(&live->stream);

    /* nobody comes to one that ends by itself; if he does, he has to be told */

    if (live->outcome == NGX_STENTOR_LIVE_NONE) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_CLOSED,
                              "the stream has come to its end");
    }

    pthread_mutex_lock(&live->mutex);
    live->ended = 1;
    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_wake_slot(lives->store, lives->wake->slot);
}
