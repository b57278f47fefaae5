/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Leases as live threads see them (see ngx_stentor_live_lease.h).  A paused
 * process, or one whose clock has jumped, finds out by the lease's own time
 * before its next part is out; one that cannot reach Redis goes on.
 */

#include "ngx_stentor_live_lease.h"
#include "ngx_stentor_live_publish.h"

#include <time.h>


/* How often a live that stands by looks. */
#define NGX_STENTOR_LIVE_ASKED_MS  5
#define NGX_STENTOR_LIVE_OTHER_MS  50

/* What is kept of a broadcaster who stands by: enough for what is lost between
 * an owner's last part and the end of his lease. */
#define NGX_STENTOR_LIVE_KEPT_US   5000000

/* A broadcaster who has been gone for so long is not coming back at once:
 * another node that has him is put before this one. */
#define NGX_STENTOR_LIVE_FED_MS    3000


static ngx_uint_t ngx_stentor_live_idle(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_barred(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_granted(ngx_stentor_live_t *live);
static void ngx_stentor_live_seek(ngx_stentor_live_t *live, ngx_uint_t fed);
static void ngx_stentor_live_orphan(ngx_stentor_live_t *live);
static void ngx_stentor_live_trim(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_pause(ngx_stentor_live_t *live,
    ngx_uint_t ms);
static ngx_uint_t ngx_stentor_live_fed(ngx_stentor_live_t *live);
static void ngx_stentor_live_clear(ngx_stentor_live_t *live);


ngx_int_t
ngx_stentor_live_stand_by(ngx_stentor_live_t *live)
{
    ngx_uint_t  told;

    if (live->lease == NULL) {
        return NGX_OK;
    }

    told = 0;

    for ( ;; ) {

        if (ngx_stentor_live_granted(live)) {
            return NGX_OK;
        }

        if (ngx_stentor_live_idle(live) || ngx_stentor_live_barred(live)) {
            ngx_stentor_live_orphan(live);
            ngx_stentor_live_release(live);
            return NGX_DECLINED;
        }

        if (live->leased != NGX_STENTOR_LEASE_OTHER) {
            (void) ngx_stentor_live_pause(live, NGX_STENTOR_LIVE_ASKED_MS);
            continue;
        }

        /* who stands by reads the stream, so as to go on where it ends */

        ngx_stentor_save(&live->lease->wanted_ms, ngx_stentor_map_now());

        if (!told) {
            told = 1;
            ngx_stentor_live_orphan(live);
            ngx_stentor_wake_all(live->lives->store);
            ngx_stentor_live_event(live, "standby", NULL);
            ngx_log_error(NGX_LOG_NOTICE, &live->log, 0,
                          "stream \"%V\" is made on another node, this one "
                          "stands by", &live->name);
        }

        (void) ngx_stentor_live_pause(live, NGX_STENTOR_LIVE_OTHER_MS);
    }
}


/* Whether there is nobody left to stand by for. */

static ngx_uint_t
ngx_stentor_live_idle(ngx_stentor_live_t *live)
{
    ngx_uint_t  idle;

    pthread_mutex_lock(&live->mutex);

    if (live->left) {
        live->left = 0;
        live->arrived = 0;
        stn_fifo_reset(&live->units);
    }

    ngx_stentor_live_trim(live);

    idle = live->quit
           || (!live->arrived
               && (live->relieved
                   || (live->leased == NGX_STENTOR_LEASE_OTHER
                       && live->opened_by == NGX_STENTOR_BY_BROADCASTER)));

    live->ending |= idle;

    pthread_mutex_unlock(&live->mutex);

    return idle;
}


/* Whether the operator does not want the stream to be made here. */

static ngx_uint_t
ngx_stentor_live_barred(ngx_stentor_live_t *live)
{
    if (live->opened_by == NGX_STENTOR_BY_CONTROL
        || ngx_stentor_store_barred(live->lives->store, &live->name)
           <= ngx_stentor_store_now())
    {
        return 0;
    }

    pthread_mutex_lock(&live->mutex);
    live->ending = 1;
    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_CLOSED,
                          "the operator has closed the stream");

    return 1;
}


static ngx_uint_t
ngx_stentor_live_granted(ngx_stentor_live_t *live)
{
    ngx_uint_t  fed;

    pthread_mutex_lock(&live->mutex);
    fed = live->arrived && !live->left;
    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_live_seek(live, fed);

    return live->leased == NGX_STENTOR_LEASE_HELD
           || live->leased == NGX_STENTOR_LEASE_ALONE;
}


/* Its record may have been given to another name, if this thread was stopped
 * for long; when there is none for it now, nothing is decided. */

static void
ngx_stentor_live_seek(ngx_stentor_live_t *live, ngx_uint_t fed)
{
    ngx_stentor_lease_t    *lease;
    ngx_stentor_cluster_t  *cl;

    cl = live->lives->scf->worker.cluster;

    if (!ngx_stentor_map_is(live->lease, &live->name)) {
        lease = ngx_stentor_map_get(live->lives->store, cl->map, &live->name);

        if (lease == NULL) {
            live->leased = NGX_STENTOR_LEASE_ASKED;
            return;
        }

        pthread_mutex_lock(&live->mutex);
        live->lease = lease;
        pthread_mutex_unlock(&live->mutex);
    }

    live->leased = ngx_stentor_lease_seek(cl, live->lease, fed,
                                          &live->lease_epoch);
}


/* A stream whose worker has died, and whose lease has gone to another node in
 * the meantime, goes on by a pull. */

static void
ngx_stentor_live_orphan(ngx_stentor_live_t *live)
{
    const char            *names[1];
    ngx_stentor_claim_t    claim;
    ngx_stentor_stream_t  *st;

    if (live->leased != NGX_STENTOR_LEASE_OTHER) {
        return;
    }

    st = ngx_stentor_store_lookup(live->lives->store, &live->name);

    if (st == NULL || ngx_stentor_load(&st->state) != NGX_STENTOR_OPEN
        || ngx_stentor_load(&st->relayed) || ngx_stentor_store_owned(st))
    {
        return;
    }

    ngx_memzero(&claim, sizeof(ngx_stentor_claim_t));

    claim.store = live->lives->store;
    claim.slot = live->lives->wake->slot;
    claim.vacant = 1;

    if (ngx_stentor_store_claim(&claim, &live->name, names, 0) == NGX_OK) {
        ngx_stentor_store_leave_to_pull(&claim);
    }
}


/* Under the mutex: what is too old to be of use makes room. */

static void
ngx_stentor_live_trim(ngx_stentor_live_t *live)
{
    int64_t   oldest;
    stn_au_t  au;

    oldest = ngx_stentor_store_us(CLOCK_MONOTONIC) - NGX_STENTOR_LIVE_KEPT_US;

    while (stn_fifo_peek(&live->units, &au) == STN_OK
           && (au.arrived < oldest || live->full))
    {
        stn_fifo_drop(&live->units);

        if (live->full && stn_fifo_fits(&live->units,
                                        NGX_STENTOR_LIVE_QUEUE / 4))
        {
            live->full = 0;
            live->room = 1;
            ngx_stentor_wake_slot(live->lives->store,
                                  live->lives->wake->slot);
        }
    }
}


/* Returns whether the live is to be let go: then there is no waiting. */

static ngx_uint_t
ngx_stentor_live_pause(ngx_stentor_live_t *live, ngx_uint_t ms)
{
    ngx_uint_t       quit;
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    ts.tv_nsec += (long) ms * 1000000;

    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }

    pthread_mutex_lock(&live->mutex);

    if (!live->quit) {
        (void) pthread_cond_timedwait(&live->cond, &live->mutex, &ts);
    }

    quit = live->quit;

    pthread_mutex_unlock(&live->mutex);

    return quit;
}


ngx_uint_t
ngx_stentor_live_leased(ngx_stentor_live_t *live)
{
    if (live->lease == NULL) {
        return 1;
    }

    live->leased = ngx_stentor_lease_check(live->lease);

    /* NONE: this thread was stopped for so long that it was given back */

    while (live->leased == NGX_STENTOR_LEASE_ASKED
           || live->leased == NGX_STENTOR_LEASE_NONE)
    {
        (void) ngx_stentor_live_renew(live);

        if (live->leased == NGX_STENTOR_LEASE_ASKED
            && ngx_stentor_live_pause(live, NGX_STENTOR_LIVE_ASKED_MS))
        {
            return 0;
        }
    }

    return live->leased != NGX_STENTOR_LEASE_OTHER;
}


ngx_uint_t
ngx_stentor_live_renew(ngx_stentor_live_t *live)
{
    if (live->lease == NULL) {
        return 1;
    }

    ngx_stentor_live_seek(live, ngx_stentor_live_fed(live));

    /* while it is being found out the epoch may be another's */

    if (live->leased == NGX_STENTOR_LEASE_HELD
        || live->leased == NGX_STENTOR_LEASE_ALONE)
    {
        ngx_stentor_save(&live->claim.stream->lease_epoch, live->lease_epoch);
    }

    return live->leased != NGX_STENTOR_LEASE_OTHER;
}


static ngx_uint_t
ngx_stentor_live_fed(ngx_stentor_live_t *live)
{
    return live->met
           && (live->gone_us == 0
               || ngx_stentor_live_now(live) - live->gone_us
                  < NGX_STENTOR_LIVE_FED_MS * 1000);
}


void
ngx_stentor_live_step_down(ngx_stentor_live_t *live)
{
    ngx_log_error(NGX_LOG_WARN, &live->log, 0,
                  "stream \"%V\" is made on another node from now on",
                  &live->name);

    pthread_mutex_lock(&live->mutex);

    live->claimed = 0;
    live->arrived = live->attended;
    live->changes = 0;

    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_store_leave_to_pull(&live->claim);
    ngx_stentor_wake_all(live->lives->store);

    ngx_stentor_live_clear(live);
}


/* All that the thread has of a stream that it has made.  The claim stays: the
 * event loop may be looking at its stream. */

static void
ngx_stentor_live_clear(ngx_stentor_live_t *live)
{
    stn_fifo_reset(&live->taken);
    stn_stream_free(&live->stream);

    ngx_memzero(&live->stream, sizeof(stn_stream_t));
    ngx_memzero(live->renditions, sizeof(live->renditions));
    ngx_memzero(&live->counted, sizeof(stn_programme_stats_t));

    live->met = 0;
    live->gone_us = 0;
    live->shown_us = 0;
    live->paused_us = 0;
    live->generation = 0;
    live->loop = NULL;
    live->alarms = 0;
    live->opened = 0;
    live->stuck = 0;
    live->leaving = 0;
    live->coming = 0;
    live->deaf = 0;
    live->idle = 0;
    live->done = 0;
}


void
ngx_stentor_live_release(ngx_stentor_live_t *live)
{
    if (live->lease && ngx_stentor_map_is(live->lease, &live->name)) {
        ngx_stentor_lease_quit(live->lives->scf->worker.cluster, live->lease);
    }
}
