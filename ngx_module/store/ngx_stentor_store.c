/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The store (see ngx_stentor_store.h): who may write, the rings, and reading
 * without locks.  Called by workers, by live threads and, for the zone's
 * birth, by the master.  The mutex is held for a few microseconds by openers
 * only, never while anything blocks, logs or wakes.
 */

#include "ngx_stentor_store.h"



#define NGX_STENTOR_HEAD_MAGIC    0x53744e48    /* StNH */
#define NGX_STENTOR_STREAM_MAGIC  0x53744e53    /* StNS */

/* Parts stay readable for a window after they left the playlist (RFC 8216
 * section 6.2.2), and some segments more for the one being built. */
#define NGX_STENTOR_SPARE_SEGMENTS  4

/* How long a claimer waits for the former writer to leave an append. */
#define NGX_STENTOR_LET_GO_MS  200


static ngx_int_t ngx_stentor_store_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_stentor_store_init_head(ngx_stentor_store_t *store);
static size_t ngx_stentor_store_offset(ngx_stentor_store_t *store, void *p);
static ngx_stentor_stream_t *ngx_stentor_store_lookup(
    ngx_stentor_store_t *store, ngx_str_t *name);
static ngx_uint_t ngx_stentor_store_expired(ngx_stentor_stream_t *st,
    int64_t now);
static ngx_int_t ngx_stentor_store_take(ngx_stentor_claim_t *claim,
    ngx_str_t *name, ngx_stentor_params_t *params, ngx_uint_t n);
static ngx_uint_t ngx_stentor_store_same(ngx_stentor_stream_t *st,
    ngx_stentor_params_t *params, ngx_uint_t n);
static ngx_int_t ngx_stentor_store_let_go(ngx_stentor_stream_t *st,
    ngx_pid_t pid);
static ngx_stentor_stream_t *ngx_stentor_store_vacant(
    ngx_stentor_store_t *store);
static void ngx_stentor_store_release(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);
static void ngx_stentor_store_reap(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *keep);
static ngx_int_t ngx_stentor_store_build(ngx_stentor_claim_t *claim,
    ngx_stentor_stream_t *st, ngx_stentor_params_t *params, ngx_uint_t n);
static void ngx_stentor_store_measure(ngx_stentor_ring_t *ring,
    ngx_stentor_params_t *params, size_t *at);
static void ngx_stentor_store_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_params_t *params);
static void ngx_stentor_store_write(ngx_stentor_claim_t *claim,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *record,
    const u_char *data);


#define ngx_stentor_load(p)      __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define ngx_stentor_save(p, v)   __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define ngx_stentor_fence()      __atomic_thread_fence(__ATOMIC_SEQ_CST)


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


static size_t
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


/* A stream is over when it was closed so long ago, or when its writer died
 * and nobody has taken it up since. */

static ngx_uint_t
ngx_stentor_store_expired(ngx_stentor_stream_t *st, int64_t now)
{
    int64_t  end;

    end = st->closed_ms;

    if (st->state == NGX_STENTOR_OPEN) {
        end = st->end_pos / ngx_max(st->renditions[0].rate, 1) * 1000;
    }

    if (st->state == NGX_STENTOR_FREE
        || now - end <= ngx_stentor_store_retention(st))
    {
        return 0;
    }

    return st->state == NGX_STENTOR_CLOSED
           || (kill((ngx_pid_t) st->owner_pid, 0) == -1
               && ngx_errno == NGX_ESRCH);
}


static ngx_stentor_stream_t *
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

    if (st == NULL
        || st->state == NGX_STENTOR_OPENING
        || ngx_stentor_store_expired(st, ngx_stentor_store_now()))
    {
        return NULL;
    }

    return st;
}


ngx_int_t
ngx_stentor_store_claim(ngx_stentor_claim_t *claim, ngx_str_t *name,
    ngx_stentor_params_t *params, ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_pid_t             former;
    ngx_stentor_store_t  *store;

    store = claim->store;

    claim->resume_pos = -1;
    claim->last_msn = 0;

    ngx_shmtx_lock(&store->pool->mutex);

    claim->stream = ngx_stentor_store_lookup(store, name);
    former = claim->stream ? (ngx_pid_t) claim->stream->owner_pid : 0;

    rc = ngx_stentor_store_take(claim, name, params, n);

    ngx_shmtx_unlock(&store->pool->mutex);

    if (rc == NGX_OK && claim->resume_pos != -1) {
        rc = ngx_stentor_store_let_go(claim->stream, former);

        if (rc != NGX_OK) {
            claim->reason = "the former writer of the stream does not let go";
        }

        claim->resume_pos = claim->stream->end_pos;
    }

    return rc;
}


/* Under the mutex: decides between going on and starting anew. */

static ngx_int_t
ngx_stentor_store_take(ngx_stentor_claim_t *claim, ngx_str_t *name,
    ngx_stentor_params_t *params, ngx_uint_t n)
{
    int64_t                now, end;
    ngx_stentor_stream_t  *st;

    st = claim->stream;
    now = ngx_stentor_store_now();

    if (st && !ngx_stentor_store_same(st, params, n)) {

        if (st->state != NGX_STENTOR_CLOSED) {
            claim->reason = "the stream is open with other audio parameters";
            return NGX_DECLINED;
        }

    } else if (st) {
        end = st->end_pos / st->renditions[0].rate * 1000;

        if (now - end <= ngx_stentor_store_retention(st)) {
            claim->resume_pos = st->end_pos;
        }
    }

    if (claim->resume_pos == -1) {

        if (st == NULL) {
            st = ngx_stentor_store_vacant(claim->store);
        }

        if (st == NULL) {
            claim->reason = "as many streams are open as \"streams\" allows";
            return NGX_BUSY;
        }

        if (st->name_len != name->len
            || ngx_memcmp(st->name, name->data, name->len) != 0)
        {
            st->last_msn = 0;
            st->name_len = name->len;
            ngx_memcpy(st->name, name->data, name->len);
            st->hash = ngx_crc32_short(name->data, name->len);
        }

        claim->last_msn = st->last_msn;

        if (ngx_stentor_store_build(claim, st, params, n) != NGX_OK) {
            claim->reason = "the zone is full";
            return NGX_BUSY;
        }

        st->opened_ms = now;
        ngx_stentor_save(&st->state, NGX_STENTOR_OPENING);

    } else {
        ngx_stentor_save(&st->state, NGX_STENTOR_OPEN);
    }

    claim->stream = st;
    claim->epoch = st->epoch + 1;

    st->owner = claim->slot;
    st->owner_pid = ngx_pid;
    ngx_stentor_save(&st->epoch, claim->epoch);
    ngx_stentor_fence();

    return NGX_OK;
}


static ngx_uint_t
ngx_stentor_store_same(ngx_stentor_stream_t *st, ngx_stentor_params_t *params,
    ngx_uint_t n)
{
    ngx_uint_t                i;
    ngx_stentor_rendition_t  *rend;

    if (st->nrenditions != n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        rend = &st->renditions[i];

        if (rend->rate != params[i].rate
            || rend->part != params[i].part
            || rend->parts != params[i].parts
            || rend->window != params[i].window
            || rend->format != params[i].format
            || ngx_strcmp(rend->name, params[i].name) != 0)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * The former writer saw the old epoch before ours was set, or will see ours:
 * it says so before it looks (writing), we look after we said so (epoch).
 */

static ngx_int_t
ngx_stentor_store_let_go(ngx_stentor_stream_t *st, ngx_pid_t pid)
{
    ngx_uint_t  ms;

    for (ms = 0; ms < NGX_STENTOR_LET_GO_MS; ms++) {

        if (!ngx_stentor_load(&st->writing)) {
            return NGX_OK;
        }

        if (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
            ngx_stentor_save(&st->writing, 0);
            return NGX_OK;
        }

        ngx_msleep(1);
    }

    return NGX_ABORT;
}


static ngx_stentor_stream_t *
ngx_stentor_store_vacant(ngx_stentor_store_t *store)
{
    int64_t                now;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st, *closed;

    closed = NULL;
    now = ngx_stentor_store_now();

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (st->state == NGX_STENTOR_FREE) {
            return st;
        }

        if (ngx_stentor_store_expired(st, now)
            && (closed == NULL || st->closed_ms < closed->closed_ms))
        {
            closed = st;
        }
    }

    return closed;
}


/* Under the mutex.  The name and what must not be used again stay. */

static void
ngx_stentor_store_release(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    /* readers find out by the incarnation that their copies are void */

    ngx_stentor_save(&st->state, NGX_STENTOR_FREE);
    ngx_stentor_save(&st->incarnation,
                     __atomic_add_fetch(&store->head->incarnations, 1,
                                        __ATOMIC_RELAXED));
    ngx_stentor_fence();

    if (st->memory) {
        ngx_slab_free_locked(store->pool,
                             ngx_stentor_store_at(store, st->memory));
        st->memory = 0;
    }
}


static void
ngx_stentor_store_reap(ngx_stentor_store_t *store, ngx_stentor_stream_t *keep)
{
    int64_t                now;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    now = ngx_stentor_store_now();

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (st != keep && ngx_stentor_store_expired(st, now)) {
            ngx_stentor_store_release(store, st);
        }
    }
}


/* Under the mutex: gives st a new window, empty. */

static ngx_int_t
ngx_stentor_store_build(ngx_stentor_claim_t *claim, ngx_stentor_stream_t *st,
    ngx_stentor_params_t *params, ngx_uint_t n)
{
    void                     *p;
    size_t                    at;
    ngx_uint_t                i;
    ngx_stentor_store_t      *store;
    ngx_stentor_rendition_t  *rend;

    store = claim->store;

    ngx_stentor_store_release(store, st);
    ngx_stentor_store_reap(store, st);

    ngx_memzero(st->renditions, sizeof(st->renditions));
    ngx_memzero(st->counters, sizeof(st->counters));
    ngx_memzero(&st->session, sizeof(st->session));

    at = 0;

    for (i = 0; i < n; i++) {
        ngx_stentor_store_measure(&st->renditions[i].ring, &params[i], &at);
    }

    p = ngx_slab_alloc_locked(store->pool, at);
    if (p == NULL) {
        return NGX_ERROR;
    }

    st->memory = ngx_stentor_store_offset(store, p);
    st->memory_size = at;
    st->nrenditions = n;
    st->end_pos = 0;
    st->msn_base = 0;
    st->live = 0;
    st->writing = 0;

    for (i = 0; i < n; i++) {
        rend = &st->renditions[i];

        rend->ring.records += st->memory;
        rend->ring.bytes += st->memory;
        rend->ring.init_data += st->memory;

        ngx_stentor_store_rendition(store, rend, &params[i]);
    }

    return NGX_OK;
}


/* Lays a rendition's rings behind *at, and moves it. */

static void
ngx_stentor_store_measure(ngx_stentor_ring_t *ring,
    ngx_stentor_params_t *params, size_t *at)
{
    uint64_t  parts, samples;

    parts = (uint64_t) (2 * params->window + NGX_STENTOR_SPARE_SEGMENTS)
            * params->parts;
    samples = parts * params->part;

    ring->nrecords = parts;
    ring->records = *at;
    *at += parts * sizeof(ngx_stentor_record_t);

    ring->size = ngx_align(samples / params->rate
                           * (params->max_bandwidth / 8), 64);
    ring->bytes = *at;
    *at += ring->size;

    ring->init_len = params->init_len;
    ring->init_data = *at;
    *at += ngx_align(params->init_len, 64);
}


static void
ngx_stentor_store_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_params_t *params)
{
    ngx_cpystrn((u_char *) rend->name, (u_char *) params->name,
                sizeof(rend->name));
    ngx_cpystrn((u_char *) rend->codecs, (u_char *) params->codecs,
                sizeof(rend->codecs));

    rend->rate = params->rate;
    rend->channels = params->channels;
    rend->format = params->format;
    rend->part = params->part;
    rend->parts = params->parts;
    rend->window = params->window;
    rend->bandwidth = params->bandwidth;
    rend->average = params->average;

    rend->ring.init = ngx_crc32_long((u_char *) params->init_data,
                                     params->init_len);

    ngx_memcpy(ngx_stentor_store_at(store, rend->ring.init_data),
               params->init_data, params->init_len);

    ngx_memzero(ngx_stentor_store_at(store, rend->ring.records),
                rend->ring.nrecords * sizeof(ngx_stentor_record_t));

    rend->head = 0;
    rend->reserved = 0;
}


void
ngx_stentor_store_open(ngx_stentor_claim_t *claim)
{
    if (ngx_stentor_store_valid(claim)) {
        ngx_stentor_save(&claim->stream->state, NGX_STENTOR_OPEN);
        __atomic_fetch_add(&claim->store->head->opens, 1, __ATOMIC_SEQ_CST);
    }
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
    ngx_stentor_stream_t     *st;
    ngx_stentor_rendition_t  *rend;

    st = claim->stream;
    rend = &st->renditions[i];

    if (record->len > rend->ring.size / 2) {
        return NGX_ERROR;
    }

    ngx_stentor_save(&st->writing, 1);
    ngx_stentor_fence();

    if (!ngx_stentor_store_valid(claim)) {
        ngx_stentor_save(&st->writing, 0);
        return NGX_DECLINED;
    }

    ngx_stentor_store_write(claim, rend, record, data);

    st->last_msn = ngx_max(st->last_msn, record->msn);

    if (i == st->nrenditions - 1) {
        st->end_pos = record->pos + record->duration;
    }

    ngx_stentor_save(&st->writing, 0);

    return NGX_OK;
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
    ngx_stentor_fence();

    at = record->offset % ring->size;
    first = ngx_min(record->len, ring->size - at);

    ngx_memcpy(bytes + at, data, first);
    ngx_memcpy(bytes, data + first, record->len - first);

    *slot = *record;

    ngx_stentor_save(&slot->seq, rend->head + 1);
    ngx_stentor_save(&rend->head, rend->head + 1);
}


void
ngx_stentor_store_close(ngx_stentor_claim_t *claim)
{
    ngx_stentor_store_t   *store;
    ngx_stentor_stream_t  *st;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    st = claim->stream;

    if (ngx_stentor_store_valid(claim)) {
        st->closed_ms = ngx_stentor_store_now();
        st->live = 0;

        if (st->state == NGX_STENTOR_OPENING) {
            ngx_stentor_store_release(store, st);

        } else {
            ngx_stentor_save(&st->state, NGX_STENTOR_CLOSED);
        }
    }

    ngx_shmtx_unlock(&store->pool->mutex);
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
