/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that a node knows (see ngx_stentor_known.h): the zone's table, with
 * the worker's clock and process.  Any worker, without a lock.
 */

#include "ngx_stentor_known.h"
#include "ngx_stentor_admission.h"


/* The table's share of the zone. */
#define NGX_STENTOR_KNOWN_SHARE  16

/* What of a User-Agent is looked at. */
#define NGX_STENTOR_KNOWN_AGENT  256


static void ngx_stentor_known_table(ngx_stentor_store_t *store,
    stn_known_t *known);


ngx_int_t
ngx_stentor_known_create(ngx_stentor_store_t *store, ngx_uint_t players)
{
    void      *p;
    size_t     set;
    uint32_t   sets;

    set = STN_KNOWN_WAYS * sizeof(uint64_t);
    sets = stn_known_sets(players);

    while (sets * set > store->zone->shm.size / NGX_STENTOR_KNOWN_SHARE) {
        sets /= 2;
    }

    p = ngx_slab_calloc(store->pool, sets * set);
    if (p == NULL) {
        return NGX_ERROR;
    }

    store->head->known = ngx_stentor_store_offset(store, p);
    store->head->known_sets = sets;

    return NGX_OK;
}


static void
ngx_stentor_known_table(ngx_stentor_store_t *store, stn_known_t *known)
{
    known->entries = ngx_stentor_store_at(store, store->head->known);
    known->sets = store->head->known_sets;
    known->now_s = (uint32_t) (ngx_current_msec / 1000);
    known->pid = (uint32_t) ngx_pid;
}


uint32_t
ngx_stentor_known_player(ngx_stentor_store_t *store, const struct sockaddr *sa,
    const ngx_str_t *agent)
{
    size_t    len;
    u_char    text[sizeof(uint64_t) + sizeof(uint32_t)
                   + NGX_STENTOR_KNOWN_AGENT];
    u_char   *p;
    uint32_t  key, hash;

    key = ngx_stentor_admission_key(store, sa);

    p = ngx_cpymem(text, &store->head->seed, sizeof(uint64_t));
    p = ngx_cpymem(p, &key, sizeof(uint32_t));

    if (agent) {
        len = ngx_min(agent->len, NGX_STENTOR_KNOWN_AGENT);
        p = ngx_cpymem(p, agent->data, len);
    }

    hash = ngx_murmur_hash2(text, p - text);

    return hash >> 8 ? hash : hash | 0x100;
}


void
ngx_stentor_known_heard(ngx_stentor_store_t *store, uint32_t player)
{
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);
    stn_known_heard(&known, player);
}


void
ngx_stentor_known_let_in(ngx_stentor_store_t *store, uint32_t player)
{
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);
    stn_known_let_in(&known, player);
}


void
ngx_stentor_known_lost(ngx_stentor_store_t *store, uint32_t player,
    ngx_uint_t listened)
{
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);
    stn_known_lost(&known, player, (int) listened);
}


void
ngx_stentor_known_found(ngx_stentor_store_t *store, uint32_t player)
{
    uint32_t     pid;
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);
    (void) stn_known_back(&known, player, &pid);
}


/* Those of a worker that has died could not say that they are lost. */

ngx_uint_t
ngx_stentor_known_back(ngx_stentor_store_t *store, uint32_t player)
{
    uint32_t     pid;
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);

    if (stn_known_back(&known, player, &pid)) {
        return 1;
    }

    return pid && pid != known.pid && kill((ngx_pid_t) pid, 0) == -1
           && ngx_errno == NGX_ESRCH;
}


ngx_uint_t
ngx_stentor_known_misses(ngx_stentor_store_t *store, uint32_t player)
{
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);

    return (ngx_uint_t) stn_known_misses(&known, player);
}


ngx_uint_t
ngx_stentor_known_age(ngx_stentor_store_t *store, uint32_t player)
{
    stn_known_t  known;

    ngx_stentor_known_table(store, &known);

    return stn_known_age(&known, player);
}
