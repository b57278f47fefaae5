/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who may write a stream: opening, taking over and closing.  A claim goes in
 * three steps, because its middle may take a while:
 *
 *     mutex: count up the epoch -> wait for the former writer -> mutex: look
 *            (he appends no more)  (he may be in an append)   -> go on or build
 *
 * so that nothing of a stream changes under a writer's hands.  Called by live
 * threads; the zone's mutex is held for microseconds, never while anything
 * blocks, logs or wakes.
 */

#include "ngx_stentor_store.h"
#include "ngx_stentor_unique.h"


/* Parts stay readable for a window after they left the playlist (RFC 8216
 * section 6.2.2), and some segments more for the one being built. */
#define NGX_STENTOR_SPARE_SEGMENTS  4

/* How long a claimer waits for the former writer to leave an append.  A
 * worker that is stopped in one must not be overtaken: it would write on. */
#define NGX_STENTOR_LET_GO_MS  2000


static ngx_int_t ngx_stentor_claim_announce(ngx_stentor_claim_t *claim,
    ngx_str_t *name);
static ngx_int_t ngx_stentor_claim_settle(ngx_stentor_claim_t *claim,
    const char **names, ngx_uint_t n);
static void ngx_stentor_claim_even(ngx_stentor_claim_t *claim);
static ngx_int_t ngx_stentor_claim_edge(ngx_stentor_claim_t *claim);
static void ngx_stentor_claim_name(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_str_t *name);
static ngx_uint_t ngx_stentor_claim_same(ngx_stentor_stream_t *st,
    const char **names, ngx_uint_t n);
static ngx_int_t ngx_stentor_claim_let_go(ngx_stentor_stream_t *st,
    ngx_pid_t pid);
static ngx_stentor_stream_t *ngx_stentor_claim_vacant(
    ngx_stentor_store_t *store, ngx_str_t *name);
static int64_t ngx_stentor_claim_worth(ngx_stentor_stream_t *st);
static void ngx_stentor_claim_release(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);
static void ngx_stentor_claim_reap(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *keep);
static ngx_int_t ngx_stentor_claim_rings(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_stentor_params_t *params, ngx_uint_t n);
static void ngx_stentor_claim_measure(ngx_stentor_ring_t *ring,
    ngx_stentor_params_t *params, size_t *at);
static void ngx_stentor_claim_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_params_t *params);
static ngx_int_t ngx_stentor_claim_end(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);


ngx_int_t
ngx_stentor_store_claim(ngx_stentor_claim_t *claim, ngx_str_t *name,
    const char **names, ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_stentor_store_t  *store;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);
    rc = ngx_stentor_claim_announce(claim, name);
    ngx_shmtx_unlock(&store->pool->mutex);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_stentor_claim_let_go(claim->stream, claim->former) != NGX_OK) {
        claim->reason = "the former writer of the stream does not let go";
        (void) ngx_stentor_store_close(claim);
        return NGX_ABORT;
    }

    ngx_shmtx_lock(&store->pool->mutex);
    rc = ngx_stentor_claim_settle(claim, names, n);
    ngx_shmtx_unlock(&store->pool->mutex);

    return rc;
}


/* Under the mutex: finds or makes the record, and says whose it is now. */

static ngx_int_t
ngx_stentor_claim_announce(ngx_stentor_claim_t *claim, ngx_str_t *name)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_lookup(claim->store, name);

    /* to make a stream here is more than to pull it */

    if (st && claim->vacant && st->state != NGX_STENTOR_CLOSED
        && ngx_stentor_store_owned(st)
        && (!st->relayed || claim->relayed))
    {
        claim->reason = "the stream has an owner";
        return NGX_DECLINED;
    }

    if (st == NULL) {
        st = ngx_stentor_claim_vacant(claim->store, name);

        if (st == NULL) {
            claim->reason = "as many streams are open as \"streams\" allows";
            return NGX_BUSY;
        }

        ngx_stentor_claim_release(claim->store, st);
        ngx_stentor_claim_name(claim->store, st, name);
    }

    if (st->magic != NGX_STENTOR_STREAM_MAGIC) {
        claim->reason = "the zone is damaged";
        return NGX_ABORT;
    }

    claim->stream = st;
    claim->former = (ngx_pid_t) st->owner_pid;
    claim->epoch = st->epoch + 1;
    claim->foreign = st->relayed && !claim->relayed;

    st->relayed = claim->relayed;
    st->owner = claim->slot;
    st->owner_pid = ngx_pid;
    ngx_stentor_save(&st->epoch, claim->epoch);

    if (st->state == NGX_STENTOR_FREE) {
        ngx_stentor_save(&st->state, NGX_STENTOR_OPENING);
    }

    ngx_stentor_fence();

    return NGX_OK;
}


/* Under the mutex, with no writer but us: whether to go on or start anew. */

static ngx_int_t
ngx_stentor_claim_settle(ngx_stentor_claim_t *claim, const char **names,
    ngx_uint_t n)
{
    ngx_stentor_stream_t  *st;

    st = claim->stream;
    claim->resume = 0;
    claim->again = 0;

    if (!ngx_stentor_store_valid(claim)) {
        claim->reason = "another session has claimed the stream";
        return NGX_ABORT;
    }

    ngx_stentor_claim_even(claim);

    /* the newest part says where to go on, however its writer ended */

    if (ngx_stentor_claim_edge(claim) == NGX_OK) {
        st->last_msn = ngx_max(st->last_msn, claim->edge[0].msn);

        if (st->state != NGX_STENTOR_OPENING
            && ngx_stentor_claim_same(st, names, n)
            && ngx_stentor_store_stream_now(st)
               - ngx_stentor_store_end_ms(claim->store, st)
               <= ngx_stentor_store_retention(st))
        {
            claim->resume = 1;
            claim->again = (st->state == NGX_STENTOR_CLOSED);
            st->session.seq += st->session.seq % 2;
            ngx_stentor_save(&st->state, NGX_STENTOR_OPEN);
        }
    }

    claim->last_msn = st->last_msn;

    return NGX_OK;
}


/* A writer that was killed between two heads had written all of the part: the
 * renditions are made even. */

static void
ngx_stentor_claim_even(ngx_stentor_claim_t *claim)
{
    ngx_uint_t                i;
    ngx_atomic_uint_t         head;
    ngx_stentor_rendition_t  *rend;

    head = 0;
    rend = claim->stream->renditions;

    for (i = 0; i < claim->stream->nrenditions; i++) {
        head = ngx_max(head, rend[i].head);
    }

    for (i = 0; i < claim->stream->nrenditions; i++) {
        ngx_stentor_save(&rend[i].head, head);
    }
}


static ngx_int_t
ngx_stentor_claim_edge(ngx_stentor_claim_t *claim)
{
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    st = claim->stream;

    for (i = 0; i < st->nrenditions; i++) {
        if (ngx_stentor_store_edge(claim->store, st, i, &claim->edge[i])
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    return i ? NGX_OK : NGX_DECLINED;
}


static void
ngx_stentor_claim_name(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    ngx_str_t *name)
{
    uint32_t  *hashes;

    if (st->name_len == name->len
        && ngx_memcmp(st->name, name->data, name->len) == 0)
    {
        return;
    }

    st->last_msn = 0;
    st->opened_by = NGX_STENTOR_BY_BROADCASTER;
    st->wanted = 0;
    st->closing = 0;
    st->pinned = 0;
    st->barred_ms = 0;
    st->taken_ms = 0;
    st->fights = 0;
    st->replay = NGX_STENTOR_REPLAY_OFF;
    st->name_len = name->len;
    ngx_memcpy(st->name, name->data, name->len);

    hashes = ngx_stentor_store_at(store, store->head->hashes);
    ngx_stentor_save(&hashes[st->index],
                     ngx_crc32_short(name->data, name->len));
}


static ngx_uint_t
ngx_stentor_claim_same(ngx_stentor_stream_t *st, const char **names,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    if (st->nrenditions != n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (ngx_strcmp(st->renditions[i].name, names[i]) != 0) {
            return 0;
        }
    }

    return 1;
}


/*
 * The former writer saw the old epoch before ours was set, or will see ours:
 * he says so before he looks (writing), we look after we said so (epoch).
 */

static ngx_int_t
ngx_stentor_claim_let_go(ngx_stentor_stream_t *st, ngx_pid_t pid)
{
    ngx_uint_t  ms;

    for (ms = 0; ms < NGX_STENTOR_LET_GO_MS; ms++) {

        if (!ngx_stentor_load(&st->writing)) {
            return NGX_OK;
        }

        if (pid == 0 || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH)) {
            ngx_stentor_save(&st->writing, 0);
            return NGX_OK;
        }

        ngx_msleep(1);
    }

    return NGX_ABORT;
}


/* A record for a new stream: the one that had the name before, for it knows
 * which numbers are used; else the one that is missed least. */

static ngx_stentor_stream_t *
ngx_stentor_claim_vacant(ngx_stentor_store_t *store, ngx_str_t *name)
{
    int64_t                now;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st, *best;

    best = NULL;
    now = ngx_stentor_store_now();

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (st->state != NGX_STENTOR_FREE
            && !ngx_stentor_store_expired(store, st, now))
        {
            continue;
        }

        if (st->name_len == name->len
            && ngx_memcmp(st->name, name->data, name->len) == 0)
        {
            return st;
        }

        if (st->pinned || st->wanted) {
            continue;
        }

        if (best == NULL
            || ngx_stentor_claim_worth(st) < ngx_stentor_claim_worth(best))
        {
            best = st;
        }
    }

    return best;
}


/* One never used is worth nothing, one that is over the less the longer it has
 * been, and one that is still barred most. */

static int64_t
ngx_stentor_claim_worth(ngx_stentor_stream_t *st)
{
    return st->name_len ? ngx_max(st->closed_ms, st->barred_ms) : 0;
}


/* Under the mutex.  The name and what must not be used again stay. */

static void
ngx_stentor_claim_release(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    size_t  memory;

    /* readers find out by the incarnation that their copies are void */

    ngx_stentor_save(&st->state, NGX_STENTOR_FREE);
    ngx_stentor_save(&st->incarnation,
                     __atomic_add_fetch(&store->head->incarnations, 1,
                                        __ATOMIC_RELAXED));
    ngx_stentor_fence();

    ngx_stentor_unique_reset(store, st);

    /* a crash in between loses memory rather than freeing it twice */

    memory = st->memory;
    st->memory = 0;
    st->nrenditions = 0;

    if (memory) {
        ngx_slab_free_locked(store->pool, ngx_stentor_store_at(store, memory));
    }
}


static void
ngx_stentor_claim_reap(ngx_stentor_store_t *store, ngx_stentor_stream_t *keep)
{
    int64_t                now;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    now = ngx_stentor_store_now();

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (st != keep && ngx_stentor_store_expired(store, st, now)) {
            ngx_stentor_claim_release(store, st);
        }
    }
}


ngx_int_t
ngx_stentor_store_build(ngx_stentor_claim_t *claim,
    ngx_stentor_params_t *params, ngx_uint_t n)
{
    ngx_int_t              rc;
    ngx_stentor_store_t   *store;
    ngx_stentor_stream_t  *st;

    rc = NGX_ABORT;
    st = claim->stream;
    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    if (!ngx_stentor_store_valid(claim)) {
        claim->reason = "another session has claimed the stream";
        goto done;
    }

    ngx_stentor_claim_release(store, st);
    ngx_stentor_claim_reap(store, st);

    rc = ngx_stentor_claim_rings(store, st, params, n);

    if (rc != NGX_OK) {
        ngx_stentor_claim_release(store, st);
        claim->reason = "the zone is full";
        rc = NGX_BUSY;
        goto done;
    }

    st->opened_ms = ngx_stentor_store_now();
    ngx_stentor_save(&st->clock_us, ngx_stentor_store_us(CLOCK_REALTIME)
                                    - ngx_stentor_store_us(CLOCK_MONOTONIC));
    ngx_stentor_save(&st->state, NGX_STENTOR_OPENING);

done:

    ngx_shmtx_unlock(&store->pool->mutex);

    return rc;
}


/* Under the mutex: gives st, which was released, a new window. */

static ngx_int_t
ngx_stentor_claim_rings(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    ngx_stentor_params_t *params, ngx_uint_t n)
{
    void                     *p;
    size_t                    at;
    ngx_uint_t                i;
    ngx_stentor_rendition_t  *rend;

    ngx_memzero(st->renditions, sizeof(st->renditions));
    ngx_memzero(st->counters, sizeof(st->counters));
    ngx_memzero(&st->session, sizeof(st->session));
    ngx_memzero(&st->relay, sizeof(st->relay));
    ngx_memzero(&st->level, sizeof(st->level));

    st->live = 0;
    st->gone_ms = 0;

    at = 0;

    for (i = 0; i < n; i++) {
        ngx_stentor_claim_measure(&st->renditions[i].ring, &params[i], &at);
    }

    p = ngx_slab_alloc_locked(store->pool, at);
    if (p == NULL) {
        return NGX_ERROR;
    }

    st->memory = ngx_stentor_store_offset(store, p);

    for (i = 0; i < n; i++) {
        rend = &st->renditions[i];

        rend->ring.records += st->memory;
        rend->ring.bytes += st->memory;
        rend->ring.inits += st->memory;

        ngx_stentor_claim_rendition(store, rend, &params[i]);
    }

    st->nrenditions = n;

    return NGX_OK;
}


/* Lays a rendition's rings behind *at, and moves it. */

static void
ngx_stentor_claim_measure(ngx_stentor_ring_t *ring,
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

    ring->inits = *at;
    *at += ngx_align(NGX_STENTOR_INITS * sizeof(ngx_stentor_init_t), 64);
}


static void
ngx_stentor_claim_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_params_t *params)
{
    ngx_cpystrn((u_char *) rend->name, (u_char *) params->name,
                sizeof(rend->name));

    rend->rate = params->rate;
    rend->part = params->part;
    rend->parts = params->parts;
    rend->window = params->window;
    rend->bandwidth = params->bandwidth;
    rend->average = params->average;
    rend->max_bandwidth = params->max_bandwidth;

    ngx_memzero(ngx_stentor_store_at(store, rend->ring.records),
                rend->ring.nrecords * sizeof(ngx_stentor_record_t));
    ngx_memzero(ngx_stentor_store_at(store, rend->ring.inits),
                NGX_STENTOR_INITS * sizeof(ngx_stentor_init_t));
}


ngx_stentor_stream_t *
ngx_stentor_store_want(ngx_stentor_store_t *store, ngx_str_t *name)
{
    ngx_stentor_stream_t  *st;

    ngx_shmtx_lock(&store->pool->mutex);

    st = ngx_stentor_store_lookup(store, name);

    if (st == NULL) {
        st = ngx_stentor_claim_vacant(store, name);

        if (st) {
            ngx_stentor_claim_release(store, st);
            ngx_stentor_claim_name(store, st, name);
        }
    }

    if (st) {
        st->opened_by = NGX_STENTOR_BY_CONTROL;
        st->barred_ms = 0;
        st->closing = 0;
        st->wanted = (st->state == NGX_STENTOR_FREE
                      || st->state == NGX_STENTOR_CLOSED);
    }

    ngx_shmtx_unlock(&store->pool->mutex);

    return st;
}


ngx_stentor_stream_t *
ngx_stentor_store_forbid(ngx_stentor_store_t *store, ngx_str_t *name,
    int64_t barred_ms)
{
    ngx_stentor_stream_t  *st;

    ngx_shmtx_lock(&store->pool->mutex);

    st = ngx_stentor_store_lookup(store, name);

    if (st && (st->state == NGX_STENTOR_CLOSED || st->relayed)) {
        st->barred_ms = barred_ms;
        st = NULL;

    } else if (st) {
        st->opened_by = NGX_STENTOR_BY_BROADCASTER;
        st->barred_ms = barred_ms;
        st->wanted = 0;
        ngx_stentor_save(&st->closing, 1);
    }

    ngx_shmtx_unlock(&store->pool->mutex);

    return st;
}


/* Whatever has become of the stream, its record still knows. */

int64_t
ngx_stentor_store_barred(ngx_stentor_store_t *store, ngx_str_t *name)
{
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    for (i = 0; (st = ngx_stentor_store_named(store, name, &i)); ) {
        if (st->barred_ms) {
            return st->barred_ms;
        }
    }

    return 0;
}


void
ngx_stentor_store_hand_over(ngx_stentor_claim_t *claim)
{
    ngx_stentor_store_t  *store;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    if (ngx_stentor_store_valid(claim)) {
        ngx_stentor_save(&claim->stream->owner_pid, 0);
    }

    ngx_shmtx_unlock(&store->pool->mutex);
}


void
ngx_stentor_store_open(ngx_stentor_claim_t *claim)
{
    if (ngx_stentor_store_valid(claim)) {
        ngx_stentor_save(&claim->stream->state, NGX_STENTOR_OPEN);
        __atomic_fetch_add(&claim->store->head->opens, 1, __ATOMIC_SEQ_CST);
    }
}


void
ngx_stentor_store_leave_to_pull(ngx_stentor_claim_t *claim)
{
    ngx_stentor_store_t  *store;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    if (ngx_stentor_store_valid(claim)) {
        claim->stream->live = 0;
        claim->stream->session.id = 0;
        ngx_stentor_save(&claim->stream->relayed, 1);
        ngx_stentor_save(&claim->stream->owner_pid, 0);
    }

    ngx_shmtx_unlock(&store->pool->mutex);
}


ngx_int_t
ngx_stentor_store_close(ngx_stentor_claim_t *claim)
{
    ngx_int_t             rc;
    ngx_stentor_store_t  *store;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    rc = ngx_stentor_store_valid(claim)
         ? ngx_stentor_claim_end(store, claim->stream) : NGX_DECLINED;

    ngx_shmtx_unlock(&store->pool->mutex);

    return rc;
}


void
ngx_stentor_store_drop(ngx_stentor_claim_t *claim)
{
    ngx_stentor_store_t  *store;

    store = claim->store;

    ngx_shmtx_lock(&store->pool->mutex);

    if (ngx_stentor_store_valid(claim)) {
        claim->stream->owner_pid = 0;
        ngx_stentor_claim_release(store, claim->stream);
    }

    ngx_shmtx_unlock(&store->pool->mutex);
}


/* Under the mutex.  One that shall be open, and that its operator has not
 * closed, goes on with another writer; what is pulled ends as it ended. */

static ngx_int_t
ngx_stentor_claim_end(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    if (st->state == NGX_STENTOR_OPEN && !st->closing && !st->relayed
        && st->opened_by != NGX_STENTOR_BY_BROADCASTER)
    {
        ngx_stentor_save(&st->owner_pid, 0);
        return NGX_DECLINED;
    }

    st->closing = 0;
    st->live = 0;

    /* it has ended before, and no more came of it */

    if (st->state == NGX_STENTOR_CLOSED) {
        return NGX_DECLINED;
    }

    st->closed_ms = ngx_stentor_store_now();

    if (st->state != NGX_STENTOR_OPEN) {
        ngx_stentor_claim_release(store, st);
        return NGX_DECLINED;
    }

    ngx_stentor_save(&st->state, NGX_STENTOR_CLOSED);

    return NGX_OK;
}
