/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Readers (see ngx_stentor_reader.h).  A reader is woken for its stream, and
 * looks again at each request anyway: no listener is given an older version
 * by one worker than he had from another.  A reader whose stream was replaced
 * becomes defunct; responses that still hold its bytes keep just those.
 */

#include "ngx_stentor_reader.h"


/* Readers that nobody has used for so long are dropped. */
#define NGX_STENTOR_READER_IDLE_MS  30000

/* How often they are looked for. */
#define NGX_STENTOR_READER_SWEEP_MS  5000

/* That a stream is wanted is not written down more often. */
#define NGX_STENTOR_READER_WANTED_MS  100


static void ngx_stentor_shelf_wake(void *data, ngx_stentor_stream_t *st);
static void ngx_stentor_reader_wanted(ngx_stentor_stream_t *st);
static void ngx_stentor_shelf_sweep(ngx_event_t *ev);
static ngx_stentor_reader_t *ngx_stentor_reader_open(
    ngx_stentor_shelf_t *shelf, ngx_stentor_stream_t *st);
static ngx_int_t ngx_stentor_reader_copy(ngx_stentor_reader_t *rd);
static ngx_int_t ngx_stentor_view_open(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v);
static void ngx_stentor_reader_retire(ngx_stentor_reader_t *rd);
static void ngx_stentor_reader_close(ngx_stentor_reader_t *rd);
static ngx_uint_t ngx_stentor_reader_sync(ngx_stentor_reader_t *rd);
static ngx_uint_t ngx_stentor_view_sync(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v);
static ngx_int_t ngx_stentor_view_read(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v);
static ngx_int_t ngx_stentor_view_add(ngx_stentor_view_t *v,
    ngx_stentor_record_t *record, ngx_stentor_bytes_t *b);
static ngx_uint_t ngx_stentor_segment_follows(ngx_stentor_segment_t *seg,
    ngx_stentor_record_t *record);
static ngx_stentor_segment_t *ngx_stentor_view_begin(ngx_stentor_view_t *v,
    ngx_stentor_record_t *record);
static void ngx_stentor_view_drop(ngx_stentor_view_t *v, ngx_uint_t n);
static void ngx_stentor_view_forget(ngx_stentor_view_t *v);


ngx_stentor_shelf_t *
ngx_stentor_shelf_create(ngx_cycle_t *cycle, ngx_stentor_store_t *store,
    ngx_stentor_wake_t *wake)
{
    ngx_stentor_shelf_t  *shelf;

    shelf = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_shelf_t));
    if (shelf == NULL) {
        return NULL;
    }

    shelf->store = store;
    shelf->wake = wake;
    shelf->log = cycle->log;

    shelf->streams = ngx_pcalloc(cycle->pool, store->nstreams
                                              * sizeof(void *));
    if (shelf->streams == NULL) {
        return NULL;
    }

    ngx_queue_init(&shelf->readers);
    ngx_rbtree_init(&shelf->names, &shelf->sentinel,
                    ngx_str_rbtree_insert_value);

    shelf->expire.handler = ngx_stentor_shelf_sweep;
    shelf->expire.data = wake->connection;
    shelf->expire.log = cycle->log;
    shelf->expire.cancelable = 1;

    if (ngx_stentor_wake_hook(wake, ngx_stentor_shelf_wake, shelf) != NGX_OK) {
        return NULL;
    }

    return shelf;
}


void
ngx_stentor_shelf_exit(ngx_stentor_shelf_t *shelf)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&shelf->readers)) {
        q = ngx_queue_head(&shelf->readers);
        ngx_stentor_reader_close(ngx_queue_data(q, ngx_stentor_reader_t,
                                                queue));
    }
}


static void
ngx_stentor_shelf_wake(void *data, ngx_stentor_stream_t *st)
{
    ngx_stentor_shelf_t *shelf = data;

    ngx_stentor_reader_t  *rd;

    rd = st ? shelf->streams[st->index] : NULL;

    if (rd && (rd->pins || !ngx_queue_empty(&rd->waiting))) {
        ngx_stentor_reader_wanted(st);
    }

    if (rd && ngx_stentor_reader_sync(rd)) {
        shelf->handler(shelf->data, rd);
    }
}


/* All workers see it: what nobody wants need not be had from another node. */

static void
ngx_stentor_reader_wanted(ngx_stentor_stream_t *st)
{
    if (ngx_current_msec - st->read_msec > NGX_STENTOR_READER_WANTED_MS) {
        st->read_msec = ngx_current_msec;
    }
}


static void
ngx_stentor_shelf_sweep(ngx_event_t *ev)
{
    ngx_queue_t           *q, *next;
    ngx_stentor_shelf_t   *shelf;
    ngx_stentor_reader_t  *rd;

    shelf = ngx_stentor_container(ev, ngx_stentor_shelf_t, expire);

    for (q = ngx_queue_head(&shelf->readers);
         q != ngx_queue_sentinel(&shelf->readers);
         q = next)
    {
        next = ngx_queue_next(q);
        rd = ngx_queue_data(q, ngx_stentor_reader_t, queue);

        if (ngx_stentor_reader_sync(rd)) {
            shelf->handler(shelf->data, rd);
        }

        if (!rd->defunct
            && !ngx_stentor_store_readable(shelf->store, rd->stream))
        {
            ngx_stentor_reader_retire(rd);
            shelf->handler(shelf->data, rd);
        }

        if (ngx_queue_empty(&rd->waiting) && rd->pins == 0
            && (rd->defunct
                || ngx_current_msec - rd->used > NGX_STENTOR_READER_IDLE_MS))
        {
            ngx_stentor_reader_close(rd);
        }
    }

    if (!ngx_queue_empty(&shelf->readers)) {
        ngx_add_timer(ev, NGX_STENTOR_READER_SWEEP_MS);
    }
}


ngx_stentor_reader_t *
ngx_stentor_reader_get(ngx_stentor_shelf_t *shelf, ngx_str_t *name)
{
    uint32_t               hash;
    ngx_stentor_reader_t  *rd;
    ngx_stentor_stream_t  *st;

    hash = ngx_crc32_short(name->data, name->len);
    rd = (ngx_stentor_reader_t *) ngx_str_rbtree_lookup(&shelf->names, name,
                                                        hash);

    if (rd && ngx_stentor_reader_sync(rd)) {
        shelf->handler(shelf->data, rd);
    }

    if (rd && !rd->defunct) {
        rd->used = ngx_current_msec;
        ngx_stentor_reader_wanted(rd->stream);

        if (!rd->ended) {
            return rd;
        }
    }

    /* not here yet, replaced by another, or over: the store knows */

    st = ngx_stentor_store_find(shelf->store, name);

    if (st == NULL) {
        return NULL;
    }

    if (rd && !rd->defunct) {
        return rd;
    }

    rd = ngx_stentor_reader_open(shelf, st);

    /* while it was opened the record may have been given to another stream */

    if (rd && (rd->defunct
               || rd->node.str.len != name->len
               || ngx_memcmp(rd->name_data, name->data, name->len) != 0))
    {
        return NULL;
    }

    return rd;
}


static ngx_stentor_reader_t *
ngx_stentor_reader_open(ngx_stentor_shelf_t *shelf, ngx_stentor_stream_t *st)
{
    ngx_stentor_reader_t  *rd, *former;

    rd = ngx_calloc(sizeof(ngx_stentor_reader_t), shelf->log);
    if (rd == NULL) {
        return NULL;
    }

    rd->shelf = shelf;
    rd->stream = st;
    rd->used = ngx_current_msec;
    ngx_stentor_reader_wanted(st);
    rd->incarnation = __atomic_load_n(&st->incarnation, __ATOMIC_ACQUIRE);

    ngx_queue_init(&rd->waiting);
    ngx_queue_insert_tail(&shelf->readers, &rd->queue);

    /* another one of this record can only be of a stream that was before */

    former = shelf->streams[st->index];

    if (former) {
        ngx_stentor_reader_retire(former);
        shelf->handler(shelf->data, former);
    }

    /* listen first, then look: a part that comes in between is not missed */

    ngx_stentor_wake_listen(shelf->wake, st, 1);

    if (ngx_stentor_reader_copy(rd) != NGX_OK) {
        ngx_stentor_reader_close(rd);
        return NULL;
    }

    if (!shelf->expire.timer_set) {
        ngx_add_timer(&shelf->expire, NGX_STENTOR_READER_SWEEP_MS);
    }

    return rd;
}


/* Copies what describes the stream, and checks that it was of one piece. */

static ngx_int_t
ngx_stentor_reader_copy(ngx_stentor_reader_t *rd)
{
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    st = rd->stream;

    if (!ngx_stentor_store_readable(rd->shelf->store, st)) {
        return NGX_ERROR;
    }

    rd->node.str.len = ngx_min(st->name_len, NGX_STENTOR_NAME_MAX);
    rd->node.str.data = rd->name_data;
    ngx_memcpy(rd->name_data, st->name, rd->node.str.len);
    rd->node.node.key = ngx_crc32_short(rd->name_data, rd->node.str.len);

    rd->nviews = ngx_min(st->nrenditions, NGX_STENTOR_RENDITIONS);
    rd->views = ngx_calloc(rd->nviews * sizeof(ngx_stentor_view_t),
                           rd->shelf->log);
    if (rd->views == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < rd->nviews; i++) {
        rd->views[i].shared = &st->renditions[i];
        rd->views[i].rend = st->renditions[i];
    }

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (rd->incarnation != st->incarnation || rd->nviews == 0) {
        return NGX_ERROR;
    }

    for (i = 0; i < rd->nviews; i++) {
        if (ngx_stentor_view_open(rd, &rd->views[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_rbtree_insert(&rd->shelf->names, &rd->node.node);
    rd->shelf->streams[st->index] = rd;

    (void) ngx_stentor_reader_sync(rd);

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_view_open(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v)
{
    ngx_stentor_ring_t  *ring;

    ring = &v->rend.ring;

    v->max_segments = ring->nrecords / v->rend.parts + 1;
    v->segments = ngx_calloc(v->max_segments * sizeof(ngx_stentor_segment_t),
                             rd->shelf->log);
    if (v->segments == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Whoever asks for the name from now on is given another reader. */

static void
ngx_stentor_reader_retire(ngx_stentor_reader_t *rd)
{
    ngx_stentor_shelf_t  *shelf;

    shelf = rd->shelf;
    rd->defunct = 1;

    if (shelf->streams[rd->stream->index] == rd) {
        shelf->streams[rd->stream->index] = NULL;
        ngx_rbtree_delete(&shelf->names, &rd->node.node);
    }
}


static void
ngx_stentor_reader_close(ngx_stentor_reader_t *rd)
{
    ngx_uint_t           i, k;
    ngx_stentor_view_t  *v;

    ngx_stentor_reader_retire(rd);
    ngx_queue_remove(&rd->queue);

    for (i = 0; rd->views && i < rd->nviews; i++) {
        v = &rd->views[i];

        ngx_stentor_view_forget(v);

        if (v->segments) {
            ngx_stentor_view_drop(v, v->nsegments);
            ngx_free(v->segments);
        }

        for (k = 0; k < NGX_STENTOR_INITS; k++) {
            if (v->inits[k].bytes) {
                ngx_stentor_bytes_release(v->inits[k].bytes);
            }
        }
    }

    if (rd->shelf->streams[rd->stream->index] == NULL) {
        ngx_stentor_wake_listen(rd->shelf->wake, rd->stream, 0);
    }

    ngx_free(rd->views);
    ngx_free(rd);
}


ngx_stentor_view_t *
ngx_stentor_reader_view(ngx_stentor_reader_t *rd, ngx_str_t *name)
{
    ngx_uint_t           i;
    ngx_stentor_view_t  *v;

    for (i = 0; i < rd->nviews; i++) {
        v = &rd->views[i];

        if (ngx_strlen(v->rend.name) == name->len
            && ngx_memcmp(v->rend.name, name->data, name->len) == 0)
        {
            return v;
        }
    }

    return NULL;
}


ngx_stentor_view_init_t *
ngx_stentor_view_find_init(ngx_stentor_view_t *v, uint32_t id)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_INITS; i++) {
        if (v->inits[i].bytes && v->inits[i].id == id) {
            return &v->inits[i];
        }
    }

    return NULL;
}


/* Copied when the first part that needs it comes, or when somebody asks for
 * the one that the next part will need. */

ngx_stentor_view_init_t *
ngx_stentor_view_init(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    uint32_t id)
{
    ngx_stentor_init_t        init;
    ngx_stentor_bytes_t      *b;
    ngx_stentor_view_init_t  *vi;

    vi = ngx_stentor_view_find_init(v, id);

    if (vi) {
        return vi;
    }

    if (ngx_stentor_store_init(rd->shelf->store, &v->rend.ring, id, &init)
        != NGX_OK
        || rd->stream->incarnation != rd->incarnation)
    {
        return NULL;
    }

    b = ngx_stentor_bytes_create(init.len, rd->shelf->log);
    if (b == NULL) {
        return NULL;
    }

    ngx_memcpy(b->data, init.data, init.len);
    b->etag.len = ngx_sprintf(b->etag_data, "\"init-%08xD\"", id)
                  - b->etag_data;

    vi = &v->inits[v->ninits++ % NGX_STENTOR_INITS];

    if (vi->bytes) {
        ngx_stentor_bytes_release(vi->bytes);
    }

    vi->id = id;
    vi->bytes = b;
    ngx_memcpy(vi->codecs, init.codecs, sizeof(vi->codecs));

    return vi;
}


/* Takes what is new; returns whether anything was. */

static ngx_uint_t
ngx_stentor_reader_sync(ngx_stentor_reader_t *rd)
{
    ngx_uint_t             i, ended, news;
    ngx_stentor_stream_t  *st;

    if (rd->defunct) {
        return 0;
    }

    news = 0;
    st = rd->stream;

    /* the end is looked at before the parts, so none is missed behind it */

    ended = __atomic_load_n(&st->state, __ATOMIC_ACQUIRE)
            == NGX_STENTOR_CLOSED;

    for (i = 0; i < rd->nviews; i++) {
        news |= ngx_stentor_view_sync(rd, &rd->views[i]);
    }

    if (rd->incarnation
        != __atomic_load_n(&st->incarnation, __ATOMIC_ACQUIRE))
    {
        ngx_stentor_reader_retire(rd);
        return 1;
    }

    if (ended != rd->ended) {
        rd->ended = ended;
        news = 1;

        for (i = 0; i < rd->nviews; i++) {
            ngx_stentor_view_forget(&rd->views[i]);
        }
    }

    return news;
}


static ngx_uint_t
ngx_stentor_view_sync(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v)
{
    ngx_uint_t         news;
    ngx_atomic_uint_t  head, first;

    news = 0;
    head = ngx_stentor_load(&v->shared->head);
    first = ngx_stentor_load(&v->shared->first);

    v->next = ngx_max(v->next, first);

    while (v->next < head) {

        if (ngx_stentor_view_read(rd, v) == NGX_OK) {
            news = 1;

        } else if (rd->stream->incarnation != rd->incarnation) {
            return 1;
        }

        v->next++;
    }

    /* what the writer has no room for any more is listed by nobody */

    while (v->nsegments > 1 && v->segments[0].record < first) {
        ngx_stentor_view_drop(v, 1);
    }

    if (news) {
        ngx_stentor_view_forget(v);
    }

    return news;
}


static ngx_int_t
ngx_stentor_view_read(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v)
{
    ngx_stentor_bytes_t   *b;
    ngx_stentor_store_t   *store;
    ngx_stentor_record_t   record;

    store = rd->shelf->store;

    if (ngx_stentor_store_record(store, &v->rend.ring, v->next, &record)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    b = ngx_stentor_bytes_create(record.len, rd->shelf->log);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (ngx_stentor_store_bytes(store, &v->rend.ring, v->shared, &record,
                                b->data)
        != NGX_OK
        || ngx_stentor_view_init(rd, v, record.init) == NULL
        || rd->stream->incarnation != rd->incarnation
        || ngx_stentor_view_add(v, &record, b) != NGX_OK)
    {
        ngx_stentor_bytes_release(b);
        return NGX_DECLINED;
    }

    b->etag.len = ngx_sprintf(b->etag_data, "\"%uL.%uD-%08xD\"", record.msn,
                              record.part, ngx_crc32_long(b->data, b->len))
                  - b->etag_data;
    return NGX_OK;
}


/* Parts come in order.  A hole (the worker was stopped for a whole window)
 * makes what is before it unfit to be listed. */

static ngx_int_t
ngx_stentor_view_add(ngx_stentor_view_t *v, ngx_stentor_record_t *record,
    ngx_stentor_bytes_t *b)
{
    ngx_stentor_segment_t  *seg;

    seg = ngx_stentor_view_last(v);

    if (seg && !ngx_stentor_segment_follows(seg, record)) {
        ngx_stentor_view_drop(v, v->nsegments);
        seg = NULL;
    }

    if (seg == NULL || record->msn != seg->msn) {

        if (record->part != 0) {
            return NGX_DECLINED;
        }

        seg = ngx_stentor_view_begin(v, record);
    }

    if (record->part != seg->nparts || seg->nparts == NGX_STENTOR_PARTS_MAX) {
        return NGX_DECLINED;
    }

    seg->parts[seg->nparts].duration = record->duration;
    seg->parts[seg->nparts].bytes = b;
    seg->nparts++;
    seg->len += b->len;
    seg->duration += record->duration;
    seg->complete = record->last;
    seg->next_init = record->next_init;

    return NGX_OK;
}


/* Whether the part is the next one of a segment, or the first one of the
 * segment after it; a discontinuity may begin another time scale. */

static ngx_uint_t
ngx_stentor_segment_follows(ngx_stentor_segment_t *seg,
    ngx_stentor_record_t *record)
{
    if (record->msn != seg->msn && record->msn != seg->msn + 1) {
        return 0;
    }

    if (record->discontinuities != seg->discontinuities) {
        return record->msn == seg->msn + 1;
    }

    return seg->pos + seg->duration == record->pos;
}


static ngx_stentor_segment_t *
ngx_stentor_view_begin(ngx_stentor_view_t *v, ngx_stentor_record_t *record)
{
    ngx_stentor_segment_t  *seg;

    /* whoever made the one before may not have lived to end it */

    seg = ngx_stentor_view_last(v);

    if (seg) {
        seg->complete = 1;
    }

    if (v->nsegments == v->max_segments) {
        ngx_stentor_view_drop(v, 1);
    }

    seg = &v->segments[v->nsegments++];
    ngx_memzero(seg, sizeof(ngx_stentor_segment_t));

    seg->record = record->seq - 1;
    seg->msn = record->msn;
    seg->pos = record->pos;
    seg->rate = record->rate;
    seg->init = record->init;
    seg->discontinuities = record->discontinuities;

    return seg;
}


static void
ngx_stentor_view_drop(ngx_stentor_view_t *v, ngx_uint_t n)
{
    ngx_uint_t              i, k;
    ngx_stentor_segment_t  *seg;

    for (i = 0; i < n; i++) {
        seg = &v->segments[i];

        for (k = 0; k < seg->nparts; k++) {
            ngx_stentor_bytes_release(seg->parts[k].bytes);
        }
    }

    v->nsegments -= n;
    ngx_memmove(v->segments, v->segments + n,
                v->nsegments * sizeof(ngx_stentor_segment_t));
}


/* What was rendered belongs to the version before. */

static void
ngx_stentor_view_forget(ngx_stentor_view_t *v)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_PAGES; i++) {
        if (v->pages[i]) {
            ngx_stentor_bytes_release(v->pages[i]);
            v->pages[i] = NULL;
        }
    }
}


/* Numbers rise by one from segment to segment. */

ngx_stentor_segment_t *
ngx_stentor_view_segment(ngx_stentor_view_t *v, uint64_t msn)
{
    if (v->nsegments == 0
        || msn < v->segments[0].msn
        || msn - v->segments[0].msn >= v->nsegments)
    {
        return NULL;
    }

    return &v->segments[msn - v->segments[0].msn];
}


ngx_stentor_segment_t *
ngx_stentor_view_last(ngx_stentor_view_t *v)
{
    return v->nsegments ? &v->segments[v->nsegments - 1] : NULL;
}


ngx_stentor_bytes_t *
ngx_stentor_bytes_create(size_t len, ngx_log_t *log)
{
    ngx_stentor_bytes_t  *b;

    b = ngx_alloc(sizeof(ngx_stentor_bytes_t) + len, log);
    if (b == NULL) {
        return NULL;
    }

    b->refs = 1;
    b->len = len;
    b->etag.data = b->etag_data;
    b->etag.len = 0;

    return b;
}


void
ngx_stentor_bytes_release(ngx_stentor_bytes_t *b)
{
    if (--b->refs == 0) {
        ngx_free(b);
    }
}
