/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A writer's thread (see ngx_stentor_replay.h).  Several times a second it
 * looks into the store; it waits for nobody but the disk.  It ends when the
 * stream does, when another worker has it, or when its own worker exits.
 */

#include "ngx_stentor_replay_thread.h"

#include <time.h>


/* Well below the second that the end of a replay may take. */
#define NGX_STENTOR_WRITER_LOOK_MS   200

/* How long until a disk that has failed is tried again: longer each time, but
 * shorter than any window. */
#define NGX_STENTOR_WRITER_RETRY_MS  500
#define NGX_STENTOR_WRITER_WAIT_MAX  4000

/* How long whoever wrote a replay before may take to let go of it. */
#define NGX_STENTOR_WRITER_LOCKED_MS  5000


static ngx_uint_t ngx_stentor_writer_sleep(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_step(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_look(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_locked(ngx_stentor_writer_t *w);
static ngx_uint_t ngx_stentor_writer_owns(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_show(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_done(ngx_stentor_writer_t *w);


void *
ngx_stentor_writer_run(void *data)
{
    ngx_stentor_writer_t *w = data;

    ngx_uint_t  owns, quit;

    do {
        quit = ngx_stentor_writer_sleep(w);

        /* what was written while it was ours is taken before it is let go */

        owns = ngx_stentor_writer_owns(w);

        if (ngx_stentor_writer_now() >= w->retry_ms) {
            ngx_stentor_save(&w->busy_ms, ngx_stentor_writer_now());
            ngx_stentor_writer_step(w);
            ngx_stentor_save(&w->busy_ms, 0);
        }

    } while (owns && !quit);

    ngx_stentor_writer_done(w);

    return NULL;
}


static ngx_uint_t
ngx_stentor_writer_sleep(ngx_stentor_writer_t *w)
{
    int64_t          due;
    ngx_uint_t       quit;
    struct timespec  ts;

    due = ngx_stentor_writer_now() + NGX_STENTOR_WRITER_LOOK_MS;
    ts.tv_sec = due / 1000;
    ts.tv_nsec = due % 1000 * 1000000;

    pthread_mutex_lock(&w->mutex);

    if (!w->quit) {
        pthread_cond_timedwait(&w->cond, &w->mutex, &ts);
    }

    quit = w->quit;

    pthread_mutex_unlock(&w->mutex);

    return quit;
}


static void
ngx_stentor_writer_step(ngx_stentor_writer_t *w)
{
    ngx_atomic_uint_t  state;

    if (w->state == NGX_STENTOR_REPLAY_OFF) {
        ngx_stentor_writer_look(w);

        if (w->state == NGX_STENTOR_REPLAY_OFF) {
            return;
        }
    }

    /* the end is looked at before the parts, so that none is missed */

    state = ngx_stentor_load(&w->stream->state);

    if (ngx_stentor_writer_take(w) == NGX_OK
        && state == NGX_STENTOR_CLOSED
        && w->state == NGX_STENTOR_REPLAY_WRITING
        && ngx_stentor_writer_attached(w))
    {
        (void) ngx_stentor_writer_end(w);
    }
}


/* Looks for a replay that can be gone on with; for one that another worker
 * still has, as long as he has it. */

static void
ngx_stentor_writer_look(ngx_stentor_writer_t *w)
{
    int64_t    end_us;
    ngx_int_t  rc;

    rc = ngx_stentor_replay_resume(&w->files, &end_us);

    if (rc != NGX_AGAIN) {
        w->locked_ms = 0;
    }

    switch (rc) {

    case NGX_OK:
        ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_WRITING);

        if (w->files.plan.over_us) {
            (void) ngx_stentor_writer_end(w);
            break;
        }

        /* what the disk has not kept may still be in the store */

        w->next = 0;

        ngx_log_error(NGX_LOG_NOTICE, &w->log, 0,
                      "replay of stream \"%V\" of %s goes on, %uz segments",
                      &w->name, w->files.start, w->files.segments.nsegments);
        break;

    case NGX_DECLINED:
        ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_WAITING);
        w->after_us = ngx_max(w->after_us, end_us);

        if (w->blind) {
            ngx_stentor_writer_well(w);
        }

        break;

    case NGX_AGAIN:
        ngx_stentor_writer_locked(w);
        break;

    default: /* NGX_ERROR */
        (void) ngx_stentor_writer_fail(w);
        w->blind = 1;
    }
}


/* Whoever has it may be waiting for a disk that does not answer. */

static void
ngx_stentor_writer_locked(ngx_stentor_writer_t *w)
{
    int64_t  now;

    now = ngx_stentor_writer_now();

    if (w->locked_ms == 0) {
        w->locked_ms = now;
    }

    if (now - w->locked_ms > NGX_STENTOR_WRITER_LOCKED_MS) {
        ngx_set_errno(EWOULDBLOCK);
        w->files.what = "another worker does not let go of it";
        (void) ngx_stentor_writer_fail(w);
    }
}


/* Whether our worker still writes the stream, or has ended it just now. */

static ngx_uint_t
ngx_stentor_writer_owns(ngx_stentor_writer_t *w)
{
    ngx_stentor_stream_t  *st;

    st = w->stream;

    if (ngx_stentor_load(&st->owner_pid) != (ngx_atomic_uint_t) ngx_pid
        || st->owner != w->replays->slot
        || !ngx_stentor_writer_named(w))
    {
        return 0;
    }

    switch (ngx_stentor_load(&st->state)) {

    case NGX_STENTOR_OPENING:
    case NGX_STENTOR_OPEN:
        return 1;

    case NGX_STENTOR_CLOSED:

        /* a disk that fails keeps us until it is well, or others have it */

        return w->state == NGX_STENTOR_REPLAY_WRITING || w->failing;

    default:
        return 0;
    }
}


void
ngx_stentor_writer_go(ngx_stentor_writer_t *w,
    ngx_stentor_replay_e state)
{
    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_WRITERS,
                             (state == NGX_STENTOR_REPLAY_WRITING)
                             - (w->state == NGX_STENTOR_REPLAY_WRITING));
    w->state = state;
    ngx_stentor_writer_show(w);
}


/* For whoever looks at the status. */

static void
ngx_stentor_writer_show(ngx_stentor_writer_t *w)
{
    ngx_stentor_replay_e  shown;

    shown = w->failing ? NGX_STENTOR_REPLAY_ILL : w->state;

    ngx_stentor_save(&w->shown, shown);
    ngx_stentor_writer_status(w, shown);
}


ngx_int_t
ngx_stentor_writer_fail(ngx_stentor_writer_t *w)
{
    ngx_err_t    err;
    const char  *what;

    err = ngx_errno;
    what = w->files.what;

    w->wait_ms = w->wait_ms ? ngx_min(w->wait_ms * 2,
                                      NGX_STENTOR_WRITER_WAIT_MAX)
                            : NGX_STENTOR_WRITER_RETRY_MS;
    w->retry_ms = ngx_stentor_writer_now() + w->wait_ms;

    w->blind = 0;

    ngx_stentor_replay_close(&w->files);
    ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_OFF);

    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_FAILURES, 1);

    if (w->failing) {
        return NGX_ERROR;
    }

    w->failing = 1;
    ngx_stentor_writer_show(w);
    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_FAILING, 1);

    ngx_log_error(NGX_LOG_CRIT, &w->log, err,
                  "replay of stream \"%V\" fails: %s", &w->name, what);
    ngx_stentor_writer_event(w, "replay_failed", "\"reason\":\"%s\","
                             "\"errno\":%d", what, (int) err);

    return NGX_ERROR;
}


void
ngx_stentor_writer_well(ngx_stentor_writer_t *w)
{
    w->wait_ms = 0;
    w->blind = 0;

    if (w->failing) {
        w->failing = 0;
        ngx_stentor_writer_show(w);
        ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_FAILING, -1);

        ngx_log_error(NGX_LOG_WARN, &w->log, 0,
                      "replay of stream \"%V\" is written again", &w->name);
        ngx_stentor_writer_event(w, "replay_recovered", NULL);
    }
}


/* A replay that has not ended is for whoever writes the stream next. */

static void
ngx_stentor_writer_done(ngx_stentor_writer_t *w)
{
    if (w->state == NGX_STENTOR_REPLAY_WRITING) {
        (void) ngx_stentor_replay_tell(&w->files);
    }

    if (w->failing) {
        w->failing = 0;
        ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_FAILING, -1);
    }

    ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_OFF);
    ngx_stentor_replay_close(&w->files);

    pthread_mutex_lock(&w->mutex);
    w->ended = 1;
    pthread_mutex_unlock(&w->mutex);
}
