/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The store (see ngx_stentor_store.h): the zone, finding, appending, and
 * reading without locks.  Called by workers, by live threads and, for the
 * zone's birth, by the master.  Who may write is ngx_stentor_claim.c's.
 */

#include "ngx_stentor_store.h"
#include "ngx_stentor_known.h"
#include "ngx_stentor_pulse.h"
#include "ngx_stentor_unique.h"


#define NGX_STENTOR_HEAD_MAGIC    0x53744e48    /* StNH */

/* By how much the wall clock must be set for dates to be others. */
#define NGX_STENTOR_DATE_US       500000


static ngx_int_t ngx_stentor_store_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_stentor_store_init_head(ngx_stentor_store_t *store);
static ngx_int_t ngx_stentor_store_init_slots(ngx_stentor_store_t *store);
static ngx_int_t ngx_stentor_store_init_streams(ngx_stentor_store_t *store);
static ngx_uint_t ngx_stentor_store_connections(ngx_stentor_store_t *store);
static void ngx_stentor_store_retire(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend);
static ngx_int_t ngx_stentor_store_enter(ngx_stentor_claim_t *claim);
static void ngx_stentor_store_leave(ngx_stentor_claim_t *claim);
static void ngx_stentor_store_write(ngx_stentor_claim_t *claim,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *record,
    const u_char *data);
static void ngx_stentor_store_used(ngx_stentor_init_t *inits,
    ngx_stentor_rendition_t *rend, uint32_t id);
static ngx_stentor_init_t *ngx_stentor_store_place(ngx_stentor_init_t *inits,
    ngx_stentor_rendition_t *rend, uint32_t id);


/* In the order of the bits of stn_level.h. */

const char  *ngx_stentor_alarms[NGX_STENTOR_ALARMS] = {
    "dead_air", "one_ear", "clipping"
};

/* In the order of ngx_stentor_replay_e. */

const char  *ngx_stentor_replays[NGX_STENTOR_REPLAYS] = {
    "off", "waiting", "writing", "failing"
};


ngx_stentor_store_t *
ngx_stentor_store_create(ngx_conf_t *cf, size_t size, ngx_uint_t nstreams)
{
    ngx_str_t             name = ngx_string("stentor");
    ngx_stentor_store_t  *store;

    store = ngx_pcalloc(cf->pool, sizeof(ngx_stentor_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->cycle = cf->cycle;
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

    } else if (zone->shm.exists) {
        store->head = store->pool->data;
        store->nstreams = store->head->nstreams;
    }

    store->pool->log_nomem = 0;

    if ((store->head == NULL && ngx_stentor_store_init_head(store) != NGX_OK)
        || (store->more && store->more(store, store->more_data) != NGX_OK))
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "stentor: \"zone\" is too small for %ui streams%s",
                      store->nstreams, store->more ? " and the cluster" : "");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_store_init_head(ngx_stentor_store_t *store)
{
    ngx_stentor_head_t  *head;

    head = ngx_slab_calloc(store->pool, sizeof(ngx_stentor_head_t));
    if (head == NULL) {
        return NGX_ERROR;
    }

    store->head = head;
    store->pool->data = head;

    head->magic = NGX_STENTOR_HEAD_MAGIC;
    head->born_ms = ngx_stentor_store_now();
    head->seed = (uint64_t) ngx_random() << 32 ^ (uint64_t) ngx_random();
    head->nstreams = store->nstreams;

    if (ngx_stentor_store_init_slots(store) != NGX_OK
        || ngx_stentor_store_init_streams(store) != NGX_OK
        || ngx_stentor_pulse_create(store) != NGX_OK
        || ngx_stentor_unique_create(store) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_stentor_known_create(store,
                                    ngx_stentor_store_connections(store));
}


static ngx_int_t
ngx_stentor_store_init_slots(ngx_stentor_store_t *store)
{
    void                *p;
    size_t               words;
    ngx_uint_t           i;
    ngx_stentor_slot_t  *slot;

    words = (store->nstreams + 63) / 64;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        store->head->fds[i] = -1;

        p = ngx_slab_calloc(store->pool,
                            words * sizeof(ngx_atomic_t)
                            + 3 * store->nstreams * sizeof(uint32_t));
        if (p == NULL) {
            return NGX_ERROR;
        }

        slot = &store->head->slots[i];

        slot->dirty = ngx_stentor_store_offset(store, p);
        slot->waiters = slot->dirty + words * sizeof(ngx_atomic_t);
        slot->listeners = slot->waiters + store->nstreams * sizeof(uint32_t);
        slot->present = slot->listeners + store->nstreams * sizeof(uint32_t);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_store_init_streams(ngx_stentor_store_t *store)
{
    void                  *p;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    st = ngx_slab_calloc(store->pool,
                         store->nstreams * sizeof(ngx_stentor_stream_t));
    p = ngx_slab_calloc(store->pool, store->nstreams * sizeof(uint32_t));

    if (st == NULL || p == NULL) {
        return NGX_ERROR;
    }

    store->head->streams = ngx_stentor_store_offset(store, st);
    store->head->hashes = ngx_stentor_store_offset(store, p);

    for (i = 0; i < store->nstreams; i++) {
        st[i].magic = NGX_STENTOR_STREAM_MAGIC;
        st[i].index = i;
    }

    return NGX_OK;
}


/* As many as all workers may have; the whole configuration has been read. */

static ngx_uint_t
ngx_stentor_store_connections(ngx_stentor_store_t *store)
{
    ngx_core_conf_t   *ccf;
    ngx_event_conf_t  *ecf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(store->cycle->conf_ctx,
                                           ngx_core_module);
    ecf = ngx_event_get_conf(store->cycle->conf_ctx, ngx_event_core_module);

    return ccf->worker_processes * ecf->connections;
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


uint32_t *
ngx_stentor_store_listeners(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    return ngx_stentor_store_at(store, store->head->slots[slot].listeners);
}


uint32_t *
ngx_stentor_store_present(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    return ngx_stentor_store_at(store, store->head->slots[slot].present);
}


ngx_uint_t
ngx_stentor_store_lives(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) ngx_stentor_load(&store->head->slots[slot].pid);

    return pid == ngx_pid
           || (pid && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH));
}


ngx_uint_t
ngx_stentor_store_served(ngx_stentor_store_t *store)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {

        if (!ngx_stentor_load(&store->head->slots[i].exiting)
            && ngx_stentor_store_lives(store, i))
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_stentor_store_count(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_stentor_counter_e counter, int64_t n)
{
    __atomic_fetch_add(&store->head->slots[slot].counters[counter],
                       (uint64_t) n, __ATOMIC_RELAXED);
}


uint64_t
ngx_stentor_store_sum(ngx_stentor_store_t *store,
    ngx_stentor_counter_e counter)
{
    uint64_t    sum;
    ngx_uint_t  i;

    for (sum = 0, i = 0; i < NGX_STENTOR_SLOTS; i++) {

        if (counter < NGX_STENTOR_FIRST_GAUGE
            || ngx_stentor_store_lives(store, i))
        {
            sum += store->head->slots[i].counters[counter];
        }
    }

    return sum;
}


int64_t
ngx_stentor_store_us(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


int64_t
ngx_stentor_store_now(void)
{
    return ngx_stentor_store_us(CLOCK_MONOTONIC) / 1000;
}


int64_t
ngx_stentor_store_wall(void)
{
    return ngx_stentor_store_us(CLOCK_REALTIME) / 1000;
}


int64_t
ngx_stentor_store_date(ngx_stentor_store_t *store, int64_t ms)
{
    int64_t  clock, off;

    clock = ngx_stentor_store_us(CLOCK_REALTIME)
            - ngx_stentor_store_us(CLOCK_MONOTONIC);
    off = clock - (int64_t) ngx_stentor_load(&store->head->clock_us);

    if (off < -NGX_STENTOR_DATE_US || off > NGX_STENTOR_DATE_US) {
        ngx_stentor_save(&store->head->clock_us, clock);
    }

    return ms + (int64_t) ngx_stentor_load(&store->head->clock_us) / 1000;
}


int64_t
ngx_stentor_store_stream_now(ngx_stentor_stream_t *st)
{
    return (ngx_stentor_store_us(CLOCK_MONOTONIC)
            + (int64_t) ngx_stentor_load(&st->clock_us)) / 1000;
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
    ngx_uint_t i, ngx_stentor_record_t *record)
{
    ngx_atomic_uint_t         head;
    ngx_stentor_ring_t        ring;
    ngx_stentor_rendition_t  *rend;

    rend = &st->renditions[i];
    head = ngx_stentor_load(&rend->head);

    /* another process may be building it anew */

    ring = *(volatile ngx_stentor_ring_t *) &rend->ring;

    if (i >= st->nrenditions || head == 0 || ring.nrecords == 0) {
        return NGX_DECLINED;
    }

    return ngx_stentor_store_record(store, &ring, head - 1, record);
}


int64_t
ngx_stentor_store_end_ms(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    int64_t               end;
    ngx_stentor_record_t  edge;

    if (ngx_stentor_store_edge(store, st, 0, &edge) != NGX_OK
        || edge.rate == 0)
    {
        return 0;
    }

    end = edge.pos + edge.duration;

    return end / edge.rate * 1000 + end % edge.rate * 1000 / edge.rate;
}


ngx_uint_t
ngx_stentor_store_owned(ngx_stentor_stream_t *st)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) ngx_stentor_load(&st->owner_pid);

    return pid && (kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH);
}


/* A stream is over when it was closed so long ago, or when its writer died
 * and nobody has taken it up since. */

ngx_uint_t
ngx_stentor_store_expired(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    int64_t now)
{
    int64_t  ago;

    ago = (st->state == NGX_STENTOR_CLOSED)
          ? now - st->closed_ms
          : ngx_stentor_store_stream_now(st)
            - ngx_stentor_store_end_ms(store, st);

    if (st->state == NGX_STENTOR_FREE
        || ago <= ngx_stentor_store_retention(st))
    {
        return 0;
    }

    return st->state == NGX_STENTOR_CLOSED || !ngx_stentor_store_owned(st);
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
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    for (i = 0; (st = ngx_stentor_store_named(store, name, &i)); ) {
        if (ngx_stentor_load(&st->state) != NGX_STENTOR_FREE) {
            return st;
        }
    }

    return NULL;
}


ngx_stentor_stream_t *
ngx_stentor_store_named(ngx_stentor_store_t *store, ngx_str_t *name,
    ngx_uint_t *i)
{
    uint32_t               hash, *hashes;
    ngx_stentor_stream_t  *st;

    hash = ngx_crc32_short(name->data, name->len);
    hashes = ngx_stentor_store_at(store, store->head->hashes);

    while (*i < store->nstreams) {

        if (ngx_stentor_load(&hashes[(*i)++]) != hash) {
            continue;
        }

        st = ngx_stentor_store_stream(store, *i - 1);

        if (st->name_len == name->len
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
ngx_stentor_store_append(ngx_stentor_claim_t *claim,
    ngx_stentor_record_t *records, const u_char **data, ngx_uint_t n)
{
    ngx_uint_t                i;
    ngx_stentor_rendition_t  *rend;

    rend = claim->stream->renditions;

    for (i = 0; i < n; i++) {
        if (records[i].len > rend[i].ring.size / 2) {
            return NGX_ERROR;
        }
    }

    if (ngx_stentor_store_enter(claim) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (i = 0; i < n; i++) {
        ngx_stentor_store_write(claim, &rend[i], &records[i], data[i]);
    }

    /* all of them, or (see ngx_stentor_claim_even) whoever comes next */

    for (i = 0; i < n; i++) {
        ngx_stentor_save(&rend[i].head, rend[i].head + 1);
    }

    ngx_stentor_store_leave(claim);

    return NGX_OK;
}


/* Whoever is in an append already, it is no longer our stream. */

static ngx_int_t
ngx_stentor_store_enter(ngx_stentor_claim_t *claim)
{
    ngx_atomic_uint_t  none;

    none = 0;

    if (!__atomic_compare_exchange_n(&claim->stream->writing, &none,
                                     claim->epoch, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
    {
        return NGX_DECLINED;
    }

    if (!ngx_stentor_store_valid(claim)) {
        ngx_stentor_store_leave(claim);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_stentor_store_leave(ngx_stentor_claim_t *claim)
{
    ngx_stentor_save(&claim->stream->writing, 0);
}


/* reserved moves before the bytes do, the record's seq after them and head
 * last: a reader that finds them unmoved has read what was there. */

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
ngx_stentor_store_format(ngx_stentor_claim_t *claim, ngx_uint_t i,
    ngx_stentor_format_t *format, uint32_t *id)
{
    ngx_stentor_init_t       *init, *inits;
    ngx_stentor_rendition_t  *rend;

    if (format->len > NGX_STENTOR_INIT_MAX
        || format->config_len > NGX_STENTOR_CONFIG_MAX)
    {
        return NGX_ERROR;
    }

    rend = &claim->stream->renditions[i];
    inits = ngx_stentor_store_at(claim->store, rend->ring.inits);

    /* 0 stands for none */

    *id = ngx_max(ngx_crc32_long((u_char *) format->data, format->len), 1);

    if (ngx_stentor_store_enter(claim) != NGX_OK) {
        return NGX_DECLINED;
    }

    init = ngx_stentor_store_place(inits, rend, *id);

    if (init && init->id != *id) {
        ngx_stentor_save(&init->id, 0);
        ngx_stentor_fence();

        init->rate = format->rate;
        init->channels = format->channels;
        init->config_len = format->config_len;
        init->len = format->len;

        ngx_cpystrn((u_char *) init->codecs, (u_char *) format->codecs,
                    sizeof(init->codecs));
        ngx_memcpy(init->config, format->config, format->config_len);
        ngx_memcpy(init->data, format->data, format->len);

        ngx_stentor_save(&init->id, *id);
    }

    if (init) {
        ngx_stentor_store_used(inits, rend, *id);
        ngx_stentor_save(&rend->init, *id);
    }

    ngx_stentor_store_leave(claim);

    return init ? NGX_OK : NGX_BUSY;
}


/* The one that was in force is needed by the parts that there are, the new
 * one by all that come. */

static void
ngx_stentor_store_used(ngx_stentor_init_t *inits,
    ngx_stentor_rendition_t *rend, uint32_t id)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_INITS; i++) {

        if (inits[i].id == id) {
            inits[i].used = NGX_MAX_INT_T_VALUE;

        } else if (inits[i].used == NGX_MAX_INT_T_VALUE) {
            inits[i].used = rend->head;
        }
    }
}


/* The place of that init segment: where it is already, or one that no part in
 * the ring needs any more. */

static ngx_stentor_init_t *
ngx_stentor_store_place(ngx_stentor_init_t *inits,
    ngx_stentor_rendition_t *rend, uint32_t id)
{
    ngx_uint_t           i;
    ngx_stentor_init_t  *vacant;

    vacant = NULL;

    for (i = 0; i < NGX_STENTOR_INITS; i++) {

        if (inits[i].id == id) {
            return &inits[i];
        }

        if (inits[i].id == 0 || inits[i].used <= rend->first) {
            vacant = &inits[i];
        }
    }

    return vacant;
}


ngx_uint_t
ngx_stentor_store_has_room(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, const u_char *config, size_t len)
{
    ngx_uint_t           i;
    ngx_stentor_init_t  *inits;

    inits = ngx_stentor_store_at(store, rend->ring.inits);

    for (i = 0; i < NGX_STENTOR_INITS; i++) {

        if (inits[i].config_len == len
            && ngx_memcmp(inits[i].config, config, len) == 0)
        {
            return 1;
        }
    }

    return ngx_stentor_store_place(inits, rend, 0) != NULL;
}


ngx_int_t
ngx_stentor_store_init(ngx_stentor_store_t *store, ngx_stentor_ring_t *ring,
    uint32_t id, ngx_stentor_init_t *init)
{
    ngx_uint_t           i;
    ngx_stentor_init_t  *inits;

    inits = ngx_stentor_store_at(store, ring->inits);

    for (i = 0; i < NGX_STENTOR_INITS; i++) {

        if (ngx_stentor_load(&inits[i].id) != id) {
            continue;
        }

        *init = inits[i];
        ngx_stentor_fence();

        if (ngx_stentor_load(&inits[i].id) == id
            && init->len <= NGX_STENTOR_INIT_MAX
            && init->config_len <= NGX_STENTOR_CONFIG_MAX)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
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
