/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A worker's part in the cluster (see ngx_stentor_cluster.h): which worker
 * leads, and what listeners and other nodes want.  Event loop, but for what
 * ngx_stentor_lease.c has for live threads.
 */

#include "ngx_stentor_leader.h"
#include "relay/stn_relay_auth.h"
#include "store/ngx_stentor_unique.h"


/* How often a worker looks who leads, and after what time without a sign of
 * it another one does: its event loop stands still, and leases are not
 * renewed. */
#define NGX_STENTOR_CLUSTER_TICK_MS    100
#define NGX_STENTOR_CLUSTER_SILENT_MS  750

/* One who wants the same again within this has not been away: pulls need not
 * be woken for him. */
#define NGX_STENTOR_CLUSTER_AWAY_MS    500


static ngx_int_t ngx_stentor_cluster_unique(ngx_stentor_store_t *store,
    ngx_stentor_cluster_conf_t *conf);
static void ngx_stentor_cluster_timer(ngx_event_t *ev);
static void ngx_stentor_cluster_claim(ngx_stentor_cluster_t *cl);
static void ngx_stentor_cluster_lead(ngx_stentor_cluster_t *cl);
static void ngx_stentor_cluster_resign(ngx_stentor_cluster_t *cl);
static void ngx_stentor_cluster_woken(void *data, ngx_stentor_stream_t *st);
static ngx_stentor_lease_t *ngx_stentor_cluster_wanted(
    ngx_stentor_cluster_t *cl, ngx_str_t *name);


ngx_int_t
ngx_stentor_cluster_init(ngx_stentor_store_t *store, void *data)
{
    ngx_stentor_cluster_conf_t *conf = data;

    ngx_stentor_map_t  *map;

    map = ngx_stentor_map_create(store);
    if (map == NULL) {
        return NGX_ERROR;
    }

    /* what is known already stays known over a reload */

    if (map->starting_ms == 0) {
        map->starting_ms = ngx_stentor_map_now();
        map->redis = conf->redis.nelts ? NGX_STENTOR_REDIS_STARTING
                                       : NGX_STENTOR_REDIS_OFF;
    }

    return ngx_stentor_cluster_unique(store, conf);
}


/* Ids of listeners go to Redis: those who can read it, but not the secret, are
 * to learn no address. */

static ngx_int_t
ngx_stentor_cluster_unique(ngx_stentor_store_t *store,
    ngx_stentor_cluster_conf_t *conf)
{
    uint8_t    key[STN_DIGEST_SHA256_LEN];
    stn_str_t  secret;

    if (conf->redis.nelts == 0 || conf->secrets[0].len == 0) {
        return NGX_OK;
    }

    secret.data = (const char *) conf->secrets[0].data;
    secret.len = conf->secrets[0].len;

    if (stn_relay_auth_key(&secret, "unique listeners", key) != STN_OK) {
        return NGX_ERROR;
    }

    ngx_stentor_unique_share(store, key);
    ngx_explicit_memzero(key, sizeof(key));

    return NGX_OK;
}


ngx_stentor_cluster_t *
ngx_stentor_cluster_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_wake_t     *wake;
    ngx_stentor_cluster_t  *cl;

    wake = scf->worker.wake;

    cl = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_cluster_t));
    if (cl == NULL) {
        return NULL;
    }

    cl->scf = scf;
    cl->conf = scf->cluster;
    cl->map = ngx_stentor_store_at(scf->store, scf->store->head->map);
    cl->log = *cycle->log;

    cl->timer.handler = ngx_stentor_cluster_timer;
    cl->timer.data = wake->connection;
    cl->timer.log = &cl->log;
    cl->timer.cancelable = 1;

    ngx_add_timer(&cl->timer, 1);

    return ngx_stentor_wake_hook(wake, ngx_stentor_cluster_woken, cl) == NGX_OK
           ? cl : NULL;
}


static void
ngx_stentor_cluster_timer(ngx_event_t *ev)
{
    ngx_stentor_cluster_t  *cl;

    cl = ngx_stentor_container(ev, ngx_stentor_cluster_t, timer);

    if (ngx_exiting) {
        ngx_stentor_cluster_resign(cl);
        return;
    }

    ngx_stentor_cluster_claim(cl);

    ngx_add_timer(ev, NGX_STENTOR_CLUSTER_TICK_MS);
}


/* A leader that lives and works is let be; one that had been silent may find
 * that it is none any more. */

static void
ngx_stentor_cluster_claim(ngx_stentor_cluster_t *cl)
{
    int64_t             now;
    ngx_atomic_uint_t   pid;
    ngx_stentor_map_t  *map;

    map = cl->map;
    now = ngx_stentor_map_now();
    pid = ngx_stentor_load(&map->leader);

    if (pid == (ngx_atomic_uint_t) ngx_pid && cl->leads) {
        ngx_stentor_save(&map->leader_ms, now);
        return;
    }

    ngx_stentor_cluster_resign(cl);

    if (pid
        && now - (int64_t) ngx_stentor_load(&map->leader_ms)
           < NGX_STENTOR_CLUSTER_SILENT_MS
        && (kill((ngx_pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH))
    {
        return;
    }

    if (ngx_atomic_cmp_set(&map->leader, pid, (ngx_atomic_uint_t) ngx_pid)) {
        ngx_stentor_save(&map->leader_ms, now);
        ngx_stentor_save(&map->leader_slot, cl->scf->worker.wake->slot);

        ngx_stentor_cluster_lead(cl);
    }
}


static void
ngx_stentor_cluster_lead(ngx_stentor_cluster_t *cl)
{
    ngx_stentor_map_t  *map;

    map = cl->map;
    cl->leads = 1;

    if (cl->conf->redis.nelts == 0) {
        ngx_stentor_save(&map->redis, NGX_STENTOR_REDIS_OFF);
        return;
    }

    if (ngx_stentor_load(&map->redis) == NGX_STENTOR_REDIS_OFF) {
        ngx_stentor_save(&map->starting_ms, ngx_stentor_map_now());
        ngx_stentor_save(&map->redis, NGX_STENTOR_REDIS_STARTING);
    }

    cl->leader = ngx_stentor_leader_create(cl, &cl->log);

    if (cl->leader == NULL) {
        ngx_stentor_cluster_resign(cl);
    }
}


static void
ngx_stentor_cluster_resign(ngx_stentor_cluster_t *cl)
{
    if (!cl->leads) {
        return;
    }

    cl->leads = 0;

    if (cl->leader) {
        ngx_stentor_leader_destroy(cl->leader);
        cl->leader = NULL;
    }

    (void) ngx_atomic_cmp_set(&cl->map->leader, (ngx_atomic_uint_t) ngx_pid,
                              0);
}


void
ngx_stentor_cluster_exit(ngx_stentor_cluster_t *cl)
{
    ngx_stentor_cluster_resign(cl);
}


/* Workers are woken for every part: the leader looks when there is something
 * for it. */

static void
ngx_stentor_cluster_woken(void *data, ngx_stentor_stream_t *st)
{
    ngx_stentor_cluster_t *cl = data;

    if (st == NULL && cl->leader
        && __atomic_exchange_n(&cl->map->look, 0, __ATOMIC_SEQ_CST))
    {
        ngx_stentor_leader_look(cl->leader);
    }
}


void
ngx_stentor_cluster_look(ngx_stentor_cluster_t *cl)
{
    ngx_stentor_save(&cl->map->look, 1);
    ngx_stentor_fence();

    ngx_stentor_wake_slot(cl->scf->store,
                          ngx_stentor_load(&cl->map->leader_slot));
}


ngx_stentor_redis_e
ngx_stentor_cluster_redis(ngx_stentor_cluster_t *cl)
{
    int64_t              starting;
    ngx_stentor_redis_e  redis;

    redis = ngx_stentor_load(&cl->map->redis);
    starting = ngx_stentor_load(&cl->map->starting_ms);

    return (redis == NGX_STENTOR_REDIS_STARTING
            && ngx_stentor_map_now() - starting
               > 2 * (int64_t) cl->conf->redis_timeout)
           ? NGX_STENTOR_REDIS_DOWN : redis;
}


ngx_int_t
ngx_stentor_cluster_want(ngx_stentor_cluster_t *cl, ngx_str_t *name)
{
    int64_t               now, was, denied;
    ngx_uint_t            again;
    ngx_stentor_lease_t  *lease;

    now = ngx_stentor_map_now();
    lease = ngx_stentor_cluster_wanted(cl, name);

    if (lease == NULL) {
        (void) ngx_atomic_fetch_add(&cl->map->wants_dropped, 1);
        return NGX_BUSY;
    }

    if (ngx_stentor_cluster_seeks(lease, now)) {
        return NGX_AGAIN;
    }

    denied = ngx_stentor_load(&lease->denied_ms);

    if (denied > now) {
        return NGX_DECLINED;
    }

    /* who comes first after a denial asks anew */

    was = __atomic_exchange_n(&lease->wanted_ms, now, __ATOMIC_SEQ_CST);
    again = (was && was >= denied && now - was < NGX_STENTOR_WANTED_MS);

    if (!again) {
        ngx_stentor_save(&lease->sure_ms, 0);
        (void) ngx_atomic_fetch_add(&cl->map->wants, 1);
    }

    if (!again || now - was > NGX_STENTOR_CLUSTER_AWAY_MS) {
        ngx_stentor_save(&cl->map->look, 1);
        ngx_stentor_fence();
        ngx_stentor_wake_all(cl->scf->store);
    }

    return NGX_AGAIN;
}


/* The record of a name that is wanted.  All that may be wanted and is nothing
 * else has places of its own: streams are not kept from theirs by names that
 * somebody makes up. */

static ngx_stentor_lease_t *
ngx_stentor_cluster_wanted(ngx_stentor_cluster_t *cl, ngx_str_t *name)
{
    ngx_uint_t            i, n;
    ngx_stentor_map_t    *map;
    ngx_stentor_lease_t  *lease;

    map = cl->map;
    lease = ngx_stentor_map_find(map, name);

    if (lease) {
        return lease;
    }

    n = 0;

    for (i = 0; i < map->nleases; i++) {
        lease = &map->leases[i];

        /* what has been denied gives its place to others, when it is idle */

        n += (lease->hash && lease->wanted_ms && !ngx_stentor_map_idle(lease));
    }

    return n < NGX_STENTOR_LEASES_MORE
           ? ngx_stentor_map_get(cl->scf->store, map, name) : NULL;
}


ngx_uint_t
ngx_stentor_cluster_seeks(ngx_stentor_lease_t *lease, int64_t now)
{
    int64_t              sought;
    ngx_stentor_lease_e  state;

    sought = ngx_stentor_load(&lease->sought_ms);
    state = ngx_stentor_load(&lease->state);

    return sought && now - sought < NGX_STENTOR_SOUGHT_MS
           && state != NGX_STENTOR_LEASE_NONE
           && state != NGX_STENTOR_LEASE_OTHER;
}


void
ngx_stentor_cluster_missed(ngx_stentor_cluster_t *cl, ngx_str_t *name)
{
    int64_t               now;
    ngx_stentor_lease_t  *lease;

    lease = ngx_stentor_map_find(cl->map, name);
    now = ngx_stentor_map_now();

    if (lease == NULL || ngx_stentor_lease_relayed(cl, lease)
        || ngx_stentor_cluster_seeks(lease, now))
    {
        return;
    }

    ngx_stentor_save(&lease->missed_ms, now);

    if (ngx_stentor_load(&lease->state) == NGX_STENTOR_LEASE_OTHER) {
        ngx_stentor_cluster_look(cl);
    }
}


void
ngx_stentor_cluster_deny(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease)
{
    ngx_stentor_save(&lease->denied_ms,
                     ngx_stentor_map_now() + NGX_STENTOR_DENIED_MS);
}
