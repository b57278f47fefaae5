/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The store (see ngx_stentor_store.h): the zone, finding, appending, and
 * reading without locks.  Called by workers, by live threads and, for the
 * zone's birth, by the master.  Who may write is ngx_stentor_claim.c's.
 */

#include "ngx_stentor_store.h"



#define NGX_STENTOR_HEAD_MAGIC    0x53744e48    /* StNH */


static ngx_int_t ngx_stentor_store_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_stentor_store_init_head(ngx_stentor_store_t *store);
static void ngx_stentor_store_retire(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend);
static void ngx_stentor_store_write(ngx_stentor_claim_t *claim,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *record,
    const u_char *data);


ngx_stentor_store_t *
ngx_stentor_store_create(ngx_conf_t *cf, size_t size, ngx_uint_t nstreams)
{
    ngx_str_t             name = ngx_string("stentor");
    ngx_stentor_store_t  *store;

    store = ngx_pcalloc(cf->pool, sizeof(ngx_stentor_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->nstreams = nstreams;

    store->zone = ngx_shared_memory_add(cf, &name, size, &ngx_stentor_module);
    if (store->zone == NULL) {
        return NULL;
    }

    store->zone->init = ngx_stentor_store_init_zone;
    store->zone->data = store;

    return store;
}


/* In the master, before workers are forked; data is the store of the former
 * cycle when the zone lives on over a reload. */

static ngx_int_t
ngx_stentor_store_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_stentor_store_t  *store, *former = data;

    store = zone->data;
    store->pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (former) {
        if (former->head->magic != NGX_STENTOR_HEAD_MAGIC) {
            ngx_log_error(NGX_LOG_ALERT, zone->shm.log, 0,
                          "stentor: the zone is damaged");
            return NGX_ERROR;
        }

        if (former->nstreams != store->nstreams) {
            ngx_log_error(NGX_LOG_WARN, zone->shm.log, 0,
                          "stentor: \"streams\" stays %ui until a restart",
                          former->nstreams);
        }

        store->head = former->head;
        store->nstreams = former->nstreams;

        return NGX_OK;
    }

    if (zone->shm.exists) {
        store->head = store->pool->data;
        store->nstreams = store->head->nstreams;

        return NGX_OK;
    }

    store->pool->log_nomem = 0;

    if (ngx_stentor_store_init_head(store) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "stentor: \"zone\" is too small for %ui streams",
                      store->nstreams);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_store_init_head(ngx_stentor_store_t *store)
{
    void                  *p;
    size_t                 words;
    ngx_uint_t             i;
    ngx_slab_pool_t       *pool;
    ngx_stentor_head_t    *head;
    ngx_stentor_stream_t  *st;

    pool = store->pool;
    words = (store->nstreams + 63) / 64;

    head = ngx_slab_calloc(pool, sizeof(ngx_stentor_head_t));
    if (head == NULL) {
        return NGX_ERROR;
    }

    store->head = head;
    pool->data = head;

    head->magic = NGX_STENTOR_HEAD_MAGIC;
    head->born_ms = ngx_stentor_store_now();
    head->nstreams = store->nstreams;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        head->fds[i] = -1;

        p = ngx_slab_calloc(pool, words * sizeof(ngx_atomic_t)
                                  + store->nstreams * sizeof(uint32_t));
        if (p == NULL) {
            return NGX_ERROR;
        }

        head->slots[i].dirty = ngx_stentor_store_offset(store, p);
        head->slots[i].waiters = head->slots[i].dirty
                                 + words * sizeof(ngx_atomic_t);
    }

    st = ngx_slab_calloc(pool, store->nstreams * sizeof(ngx_stentor_stream_t));
    if (st == NULL) {
        return NGX_ERROR;
    }

    head->streams = ngx_stentor_store_offset(store, st);

    for (i = 0; i < store->nstreams; i++) {
        st[i].magic = NGX_STENTOR_STREAM_MAGIC;
        st[i].index = i;
    }

    return NGX_OK;
}


void *
ngx_stentor_store_at(ngx_stentor_store_t *store, size_t offset)
{
    return (u_char *) store->pool + offset;
}


size_t
ngx_stentor_store_offset(ngx_stentor_store_t *store, void *p)
{
    return (u_char *) p - (u_char *) store->pool;
}


ngx_stentor_stream_t *
ngx_stentor_store_stream(ngx_stentor_store_t *store, ngx_uint_t index)
{
    ngx_stentor_stream_t  *table;

    table = ngx_stentor_store_at(store, store->head->streams);

    return &table[index];
}


ngx_stentor_slot_t *
ngx_stentor_store_slot(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    return &store->head->slots[slot];
}


ngx_atomic_t *
ngx_stentor_store_dirty(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    return ngx_stentor_store_at(store, store->head->slots[slot].dirty);
}


uint32_t *
ngx_stentor_store_waiters(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    return ngx_stentor_store_at(store, store->head->slots[slot].waiters);
}


void
ngx_stentor_store_count(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_stentor_counter_e counter, int64_t n)
{
    __atomic_fetch_add(&store->head->slots[slot].counters[counter],
                       (uint64_t) n, __ATOMIC_RELAXED);
}


int64_t
ngx_stentor_store_now(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}


/* As long as a segment may be asked for after it left the playlist. */

int64_t
ngx_stentor_store_retention(ngx_stentor_stream_t *st)
{
    ngx_stentor_rendition_t  *rend;

    rend = &st->renditions[0];

    return (int64_t) rend->window * rend->parts * rend->part * 1000
           / ngx_max(rend->rate, 1);
}


ngx_int_t
ngx_stentor_store_edge(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    ngx_stentor_record_t *record)
{
    ngx_uint_t                i;
    ngx_atomic_uint_t         head;
    ngx_stentor_record_t      r;
    ngx_stentor_rendition_t  *rend;

    for (i = 0; i < st->nrenditions; i++) {
        rend = &st->renditions[i];
        head = ngx_stentor_load(&rend->head);

        if (head == 0 || rend->ring.nrecords == 0
            || ngx_stentor_store_record(store, &rend->ring, head - 1, &r)
               != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (i == 0 || r.pos < record->pos) {
            *record = r;
        }
    }

    return i ? NGX_OK : NGX_DECLINED;
}


int64_t
ngx_stentor_store_end_ms(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    int64_t               rate, end;
    ngx_stentor_record_t  edge;

    rate = st->renditions[0].rate;

    if (rate == 0
        || ngx_stentor_store_edge(store, st, &edge) != NGX_OK)
    {
        return 0;
    }

    end = edge.pos + edge.duration;

    return end / rate * 1000 + end % rate * 1000 / rate;
}


/* A stream is over when it was closed so long ago, or when its writer died
 * and nobody has taken it up since. */

ngx_uint_t
ngx_stentor_store_expired(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    int64_t now)
{
    int64_t  end;

    end = (st->state == NGX_STENTOR_CLOSED)
          ? st->closed_ms : ngx_stentor_store_end_ms(store, st);

    if (st->state == NGX_STENTOR_FREE
        || now - end <= ngx_stentor_store_retention(st))
    {
        return 0;
    }

    return st->state == NGX_STENTOR_CLOSED
           || (kill((ngx_pid_t) st->owner_pid, 0) == -1
               && ngx_errno == NGX_ESRCH);
}


ngx_uint_t
ngx_stentor_store_readable(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    ngx_atomic_uint_t  state;

    state = ngx_stentor_load(&st->state);

    return (state == NGX_STENTOR_OPEN || state == NGX_STENTOR_CLOSED)
           && !ngx_stentor_store_expired(store, st, ngx_stentor_store_now());
}


ngx_stentor_stream_t *
ngx_stentor_store_lookup(ngx_stentor_store_t *store, ngx_str_t *name)
{
    uint32_t               hash;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    hash = ngx_crc32_short(name->data, name->len);

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (ngx_stentor_load(&st->state) != NGX_STENTOR_FREE
            && st->hash == hash
            && st->name_len == name->len
            && ngx_memcmp(st->name, name->data, name->len) == 0)
        {
            return st;
        }
    }

    return NULL;
}


ngx_stentor_stream_t *
ngx_stentor_store_find(ngx_stentor_store_t *store, ngx_str_t *name)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_lookup(store, name);

    if (st == NULL || !ngx_stentor_store_readable(store, st)) {
        return NULL;
    }

    return st;
}


ngx_uint_t
ngx_stentor_store_valid(ngx_stentor_claim_t *claim)
{
    return ngx_stentor_load(&claim->stream->epoch) == claim->epoch;
}


ngx_int_t
ngx_stentor_store_append(ngx_stentor_claim_t *claim, ngx_uint_t i,
    ngx_stentor_record_t *record, const u_char *data)
{
    ngx_int_t                 rc;
    ngx_atomic_uint_t         none;
    ngx_stentor_stream_t     *st;
    ngx_stentor_rendition_t  *rend;

    st = claim->stream;
    rend = &st->renditions[i];

    if (record->len > rend->ring.size / 2) {
        return NGX_ERROR;
    }

    /* whoever is in an append already, it is no longer our stream */

    none = 0;

    if (!__atomic_compare_exchange_n(&st->writing, &none, claim->epoch, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    if (ngx_stentor_store_valid(claim)) {
        ngx_stentor_store_write(claim, rend, record, data);
        rc = NGX_OK;
    }

    ngx_stentor_save(&st->writing, 0);

    return rc;
}


/* reserved moves before the bytes do, the record's seq and head after them:
 * a reader that finds them unmoved has read what was there. */

static void
ngx_stentor_store_write(ngx_stentor_claim_t *claim,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *record,
    const u_char *data)
{
    u_char                *bytes;
    size_t                 at, first;
    ngx_stentor_ring_t    *ring;
    ngx_stentor_record_t  *slot;

    ring = &rend->ring;
    bytes = ngx_stentor_store_at(claim->store, ring->bytes);
    slot = ngx_stentor_store_at(claim->store, ring->records);
    slot += rend->head % ring->nrecords;

    ngx_stentor_save(&slot->seq, 0);

    record->offset = rend->reserved;
    record->init = ring->init;
    record->seq = 0;

    ngx_stentor_save(&rend->reserved, rend->reserved + record->len);
    ngx_stentor_store_retire(claim->store, rend);
    ngx_stentor_fence();

    at = record->offset % ring->size;
    first = ngx_min(record->len, ring->size - at);

    ngx_memcpy(bytes + at, data, first);
    ngx_memcpy(bytes, data + first, record->len - first);

    *slot = *record;

    ngx_stentor_save(&slot->seq, rend->head + 1);
    ngx_stentor_save(&rend->head, rend->head + 1);
}


/* Moves first past what the bytes about to be written, or the record, will
 * take the place of: all readers then list the same. */

static void
ngx_stentor_store_retire(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend)
{
    ngx_stentor_ring_t    *ring;
    ngx_stentor_record_t  *records;

    ring = &rend->ring;
    records = ngx_stentor_store_at(store, ring->records);

    while (rend->first < rend->head
           && (rend->head - rend->first >= ring->nrecords
               || rend->reserved - records[rend->first % ring->nrecords].offset
                  > ring->size))
    {
        ngx_stentor_save(&rend->first, rend->first + 1);
    }
}


ngx_int_t
ngx_stentor_store_record(ngx_stentor_store_t *store, ngx_stentor_ring_t *ring,
    ngx_atomic_uint_t n, ngx_stentor_record_t *record)
{
    ngx_stentor_record_t  *slot;

    slot = ngx_stentor_store_at(store, ring->records);
    slot += n % ring->nrecords;

    if (ngx_stentor_load(&slot->seq) != n + 1) {
        return NGX_DECLINED;
    }

    *record = *slot;
    ngx_stentor_fence();

    if (ngx_stentor_load(&slot->seq) != n + 1 || record->len > ring->size) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_store_bytes(ngx_stentor_store_t *store, ngx_stentor_ring_t *ring,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *record, u_char *data)
{
    u_char  *bytes;
    size_t   at, first;

    bytes = ngx_stentor_store_at(store, ring->bytes);
    at = record->offset % ring->size;
    first = ngx_min(record->len, ring->size - at);

    ngx_memcpy(data, bytes + at, first);
    ngx_memcpy(data + first, bytes, record->len - first);

    ngx_stentor_fence();

    if (ngx_stentor_load(&rend->reserved) - record->offset > ring->size) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}
