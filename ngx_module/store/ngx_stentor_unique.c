/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who has listened (see ngx_stentor_unique.h).  Event loops of all workers;
 * the leader, of which there is one, takes.
 */

#include "ngx_stentor_unique.h"
#include "ngx_stentor_admission.h"


static ngx_stentor_uniques_t *ngx_stentor_unique_all(
    ngx_stentor_store_t *store);
static uint8_t *ngx_stentor_unique_registers(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);
static ngx_stentor_unique_total_t *ngx_stentor_unique_totals(
    ngx_stentor_store_t *store);


ngx_int_t
ngx_stentor_unique_create(ngx_stentor_store_t *store)
{
    size_t                  size;
    ngx_uint_t              i;
    ngx_stentor_uniques_t  *u;

    size = STN_UNIQUE_REGISTERS + sizeof(ngx_stentor_unique_total_t);

    u = ngx_slab_calloc(store->pool, sizeof(ngx_stentor_uniques_t)
                                     + store->nstreams * size);
    if (u == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < STN_UNIQUE_KEY_LEN; i++) {
        u->key[i] = (uint8_t) ngx_random();
    }

    store->head->uniques = ngx_stentor_store_offset(store, u);

    return NGX_OK;
}


void
ngx_stentor_unique_share(ngx_stentor_store_t *store,
    const uint8_t key[STN_UNIQUE_KEY_LEN])
{
    ngx_stentor_uniques_t  *u;

    u = ngx_stentor_unique_all(store);

    if (!ngx_stentor_load(&u->shared)) {
        ngx_memcpy(u->key, key, STN_UNIQUE_KEY_LEN);
        ngx_stentor_save(&u->shared, 1);
    }
}


static ngx_stentor_uniques_t *
ngx_stentor_unique_all(ngx_stentor_store_t *store)
{
    return ngx_stentor_store_at(store, store->head->uniques);
}


static uint8_t *
ngx_stentor_unique_registers(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    return ngx_stentor_unique_all(store)->registers
           + (size_t) st->index * STN_UNIQUE_REGISTERS;
}


uint64_t
ngx_stentor_unique_id(ngx_stentor_store_t *store, const struct sockaddr *sa,
    const ngx_str_t *agent)
{
    u_char         text[2 * sizeof(uint64_t)];
    size_t         len;
    uint64_t       hash;
    const u_char  *p, *key;

    key = ngx_stentor_unique_all(store)->key;
    hash = agent ? stn_unique_hash(key, agent->data, agent->len) : 0;
    len = ngx_stentor_admission_address(sa, &p);

    ngx_memcpy(text, &hash, sizeof(uint64_t));
    ngx_memcpy(text + sizeof(uint64_t), len ? p : text, len);

    return stn_unique_hash(key, text, sizeof(uint64_t) + len);
}


void
ngx_stentor_unique_seen(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    uint64_t id)
{
    ngx_atomic_uint_t           n;
    ngx_stentor_uniques_t      *u;
    ngx_stentor_unique_item_t  *item;

    (void) stn_unique_add(ngx_stentor_unique_registers(store, st), id);

    u = ngx_stentor_unique_all(store);

    if (!ngx_stentor_load(&u->shared)) {
        return;
    }

    n = __atomic_fetch_add(&u->head, 1, __ATOMIC_RELAXED);
    item = &u->ring[n % NGX_STENTOR_UNIQUE_RING];

    ngx_stentor_save(&item->turn, 0);
    ngx_stentor_fence();

    item->id = id;
    item->index = st->index;
    item->incarnation = st->incarnation;

    ngx_stentor_save(&item->turn, n + 1);
}


ngx_uint_t
ngx_stentor_unique_any(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    return stn_unique_any(ngx_stentor_unique_registers(store, st));
}


uint64_t
ngx_stentor_unique_count(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    return stn_unique_count(ngx_stentor_unique_registers(store, st));
}


void
ngx_stentor_unique_reset(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    ngx_memzero(ngx_stentor_unique_registers(store, st), STN_UNIQUE_REGISTERS);
}


/* One that is being written is passed over: its writer may have died. */

ngx_int_t
ngx_stentor_unique_take(ngx_stentor_store_t *store, ngx_stentor_stream_t **st,
    uint64_t *id)
{
    ngx_atomic_uint_t           head, n;
    ngx_stentor_uniques_t      *u;
    ngx_stentor_unique_item_t  *item, copy;

    u = ngx_stentor_unique_all(store);
    head = ngx_stentor_load(&u->head);

    if (head - u->taken > NGX_STENTOR_UNIQUE_RING) {
        u->taken = head - NGX_STENTOR_UNIQUE_RING;
    }

    while (u->taken != head) {
        n = u->taken++;
        item = &u->ring[n % NGX_STENTOR_UNIQUE_RING];

        if (ngx_stentor_load(&item->turn) != n + 1) {
            continue;
        }

        copy = *item;
        ngx_stentor_fence();

        if (ngx_stentor_load(&item->turn) != n + 1
            || copy.index >= store->nstreams)
        {
            continue;
        }

        *id = copy.id;
        *st = ngx_stentor_store_stream(store, copy.index);

        if ((*st)->incarnation != copy.incarnation) {
            *st = NULL;
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_stentor_unique_total_t *
ngx_stentor_unique_totals(ngx_stentor_store_t *store)
{
    return (ngx_stentor_unique_total_t *) (void *)
           (ngx_stentor_unique_all(store)->registers
            + store->nstreams * STN_UNIQUE_REGISTERS);
}


void
ngx_stentor_unique_set_total(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_atomic_uint_t incarnation, uint64_t count)
{
    ngx_stentor_unique_total_t  *total;

    total = &ngx_stentor_unique_totals(store)[st->index];

    total->count = count;
    ngx_stentor_save(&total->incarnation, incarnation);
}


ngx_int_t
ngx_stentor_unique_total(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    uint64_t *count)
{
    ngx_stentor_unique_total_t  *total;

    total = &ngx_stentor_unique_totals(store)[st->index];

    if (ngx_stentor_load(&total->incarnation) != st->incarnation
        || st->incarnation == 0)
    {
        return NGX_DECLINED;
    }

    *count = total->count;

    return NGX_OK;
}
