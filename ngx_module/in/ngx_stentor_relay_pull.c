/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pulls of a worker (see ngx_stentor_relay_pull.h): which streams it gets from
 * other nodes.  The lease of a stream says who pulls it, so that no two
 * workers do; a worker has the first go at its share of them, and at those of
 * one that died.  Event loop only.
 */

#include "ngx_stentor_pull.h"
#include "ngx_stentor_keeper.h"


/* How often pulls are looked after, and new ones for. */
#define NGX_STENTOR_PULLS_MS  100

/* Wake-ups come with every part: not each of them is a reason to look. */
#define NGX_STENTOR_PULLS_WAKE_MS  10


static void ngx_stentor_pulls_wake(void *data, ngx_stentor_stream_t *st);
static void ngx_stentor_pulls_timer(ngx_event_t *ev);
static void ngx_stentor_pulls_leave(ngx_stentor_pulls_t *pulls);
static void ngx_stentor_pulls_look(ngx_stentor_pulls_t *pulls);
static void ngx_stentor_pulls_soon(ngx_event_t *ev);
static ngx_uint_t ngx_stentor_pulls_needed(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease);
static ngx_uint_t ngx_stentor_pulls_begins(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease, ngx_stentor_stream_t *st);
static void ngx_stentor_pulls_try(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease);
static ngx_uint_t ngx_stentor_pulls_taken(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease);


ngx_stentor_pulls_t *
ngx_stentor_pulls_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_uint_t            n;
    ngx_stentor_pulls_t  *pulls;

    pulls = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_pulls_t));
    if (pulls == NULL) {
        return NULL;
    }

    pulls->scf = scf;
    pulls->cluster = scf->worker.cluster;
    pulls->log = cycle->log;
    pulls->bads.log = cycle->log;

    ngx_queue_init(&pulls->pulls);

    n = pulls->cluster->map->nleases;

    pulls->by_lease = ngx_pcalloc(cycle->pool, n * sizeof(void *));
    pulls->seen = ngx_pcalloc(cycle->pool, n * sizeof(ngx_msec_t));

    if (pulls->by_lease == NULL || pulls->seen == NULL) {
        return NULL;
    }

    pulls->fetches = ngx_stentor_fetches_create(cycle->log);
    if (pulls->fetches == NULL) {
        return NULL;
    }

    pulls->timer.handler = ngx_stentor_pulls_timer;
    pulls->timer.data = pulls;
    pulls->timer.log = cycle->log;
    pulls->timer.cancelable = 1;

    pulls->soon.handler = ngx_stentor_pulls_soon;
    pulls->soon.data = pulls;
    pulls->soon.log = cycle->log;
    pulls->soon.cancelable = 1;

    ngx_add_timer(&pulls->timer, NGX_STENTOR_PULLS_MS);

    return ngx_stentor_wake_hook(scf->worker.wake, ngx_stentor_pulls_wake,
                                 pulls)
           == NGX_OK ? pulls : NULL;
}


void
ngx_stentor_pulls_exit(ngx_stentor_pulls_t *pulls)
{
    ngx_stentor_pulls_leave(pulls);
    ngx_stentor_fetches_exit(pulls->fetches);
}


static void
ngx_stentor_pulls_wake(void *data, ngx_stentor_stream_t *st)
{
    ngx_stentor_pulls_t *pulls = data;

    if (st || pulls->soon.timer_set || ngx_exiting || ngx_terminate
        || ngx_quit)
    {
        return;
    }

    if (ngx_current_msec - pulls->looked < NGX_STENTOR_PULLS_WAKE_MS) {
        ngx_add_timer(&pulls->soon, NGX_STENTOR_PULLS_WAKE_MS);
        return;
    }

    ngx_stentor_pulls_look(pulls);
}


static void
ngx_stentor_pulls_soon(ngx_event_t *ev)
{
    if (!ngx_exiting && !ngx_terminate && !ngx_quit) {
        ngx_stentor_pulls_look(ev->data);
    }
}


static void
ngx_stentor_pulls_timer(ngx_event_t *ev)
{
    ngx_queue_t          *q, *next;
    ngx_stentor_pulls_t  *pulls;

    pulls = ev->data;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        ngx_stentor_pulls_leave(pulls);
        return;
    }

    for (q = ngx_queue_head(&pulls->pulls);
         q != ngx_queue_sentinel(&pulls->pulls);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_stentor_pull_look(ngx_queue_data(q, ngx_stentor_pull_t, queue));
    }

    ngx_stentor_pulls_look(pulls);

    ngx_add_timer(ev, NGX_STENTOR_PULLS_MS);
}


/* The worker exits: others go on. */

static void
ngx_stentor_pulls_leave(ngx_stentor_pulls_t *pulls)
{
    ngx_queue_t  *q;

    if (ngx_queue_empty(&pulls->pulls)) {
        return;
    }

    while (!ngx_queue_empty(&pulls->pulls)) {
        q = ngx_queue_head(&pulls->pulls);
        ngx_stentor_pull_finish(ngx_queue_data(q, ngx_stentor_pull_t, queue),
                                NGX_STENTOR_PULL_LEAVE);
    }

    ngx_stentor_wake_all(pulls->scf->store);
}


/* What waits for a route, and what is to be begun. */

static void
ngx_stentor_pulls_look(ngx_stentor_pulls_t *pulls)
{
    ngx_uint_t            i;
    ngx_queue_t          *q, *next;
    ngx_stentor_map_t    *map;
    ngx_stentor_lease_t  *lease;

    map = pulls->cluster->map;
    pulls->looked = ngx_current_msec;
    pulls->known = 0;

    for (q = ngx_queue_head(&pulls->pulls);
         q != ngx_queue_sentinel(&pulls->pulls);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_stentor_pull_wake(ngx_queue_data(q, ngx_stentor_pull_t, queue));
    }

    for (i = 0; i < map->nleases; i++) {
        lease = &map->leases[i];

        if (ngx_stentor_load(&lease->hash) == 0
            || ngx_stentor_pulls_taken(pulls, lease)
            || !ngx_stentor_pulls_needed(pulls, lease))
        {
            pulls->seen[i] = 0;
            continue;
        }

        ngx_stentor_pulls_try(pulls, lease);
    }
}


/* Whether its stream is to come from another node, and does not. */

static ngx_uint_t
ngx_stentor_pulls_needed(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease)
{
    int64_t                now, wanted, denied;
    ngx_str_t              name;
    ngx_stentor_stream_t  *st;

    name.data = lease->name;
    name.len = ngx_min(lease->name_len, NGX_STENTOR_NAME_MAX);

    now = ngx_stentor_map_now();
    wanted = (int64_t) ngx_stentor_load(&lease->wanted_ms);
    denied = (int64_t) ngx_stentor_load(&lease->denied_ms);

    if (denied > now || ngx_stentor_cluster_seeks(lease, now)) {
        return 0;
    }

    st = ngx_stentor_store_lookup(pulls->scf->store, &name);

    if (st && !ngx_stentor_pulls_begins(pulls, lease, st)) {
        return 0;
    }

    return (wanted && now - wanted < NGX_STENTOR_WANTED_MS)
           || (st && ngx_stentor_pull_read(pulls, st));
}


/* Whether a stream that is in the store is to be pulled: it has no writer, and
 * has not ended, or may have begun again elsewhere. */

static ngx_uint_t
ngx_stentor_pulls_begins(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease, ngx_stentor_stream_t *st)
{
    uint64_t  epoch;

    if (ngx_stentor_load(&st->state) != NGX_STENTOR_CLOSED) {
        return !ngx_stentor_store_owned(st);
    }

    if (!ngx_stentor_store_readable(pulls->scf->store, st)) {
        return 1;
    }

    if (!st->relayed || !ngx_stentor_pull_read(pulls, st)) {
        return 0;
    }

    if (ngx_stentor_cluster_redis(pulls->cluster) == NGX_STENTOR_REDIS_OFF) {
        return ngx_stentor_store_now() - st->closed_ms > NGX_STENTOR_DENIED_MS;
    }

    /* whoever makes it next is told of as long as it is wanted */

    ngx_stentor_save(&lease->wanted_ms, ngx_stentor_map_now());

    return ngx_stentor_lease_owner(lease, NULL, NULL, &epoch) == NGX_OK
           && epoch > ngx_stentor_load(&st->lease_epoch);
}


/* The worker whose share it is goes first; the one whose pid is there goes on,
 * or has died. */

static void
ngx_stentor_pulls_try(ngx_stentor_pulls_t *pulls, ngx_stentor_lease_t *lease)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  pid;

    i = lease - pulls->cluster->map->leases;

    if (pulls->seen[i] == 0) {
        pulls->seen[i] = ngx_max(ngx_current_msec, 1);
    }

    if (!ngx_stentor_keeper_mine(lease->hash)
        && ngx_current_msec - pulls->seen[i] < NGX_STENTOR_KEEPER_SHARE_MS)
    {
        return;
    }

    pid = ngx_stentor_load(&lease->pull_pid);

    if (ngx_stentor_pulls_taken(pulls, lease)
        || !ngx_atomic_cmp_set(&lease->pull_pid, pid,
                               (ngx_atomic_uint_t) ngx_pid))
    {
        return;
    }

    pulls->seen[i] = 0;

    if (ngx_stentor_pull_begin(pulls, lease) != NGX_OK) {
        ngx_stentor_save(&lease->pull_pid, 0);
    }
}


/* Whether a worker that lives pulls it.  The one who was asked about last is
 * not looked for again within a round. */

static ngx_uint_t
ngx_stentor_pulls_taken(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) ngx_stentor_load(&lease->pull_pid);

    if (pid == 0) {
        return 0;
    }

    if (pid == ngx_pid) {
        return pulls->by_lease[lease - pulls->cluster->map->leases] != NULL;
    }

    if (pid != pulls->known) {
        pulls->known = pid;
        pulls->alive = (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH);
    }

    return pulls->alive;
}
