/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sessions of relays (see ngx_http_stentor_relay.h): when something is sent,
 * where a stream is begun, and when it ends.  What moves them is the wake-up
 * of their stream, the write event of a connection that was blocked, and one
 * timer for all: who has had no record for a while stands first in its queue.
 */

#include "ngx_http_stentor_relay.h"


/* Whoever has had no record for so long gets a heartbeat. */
#define NGX_HTTP_STENTOR_RELAY_BEAT_MS  250

/* Bytes handed to nginx at once: some parts, but no more than one beyond. */
#define NGX_HTTP_STENTOR_RELAY_BATCH  (256 * 1024)

/* Parts that an asker may be ahead of us. */
#define NGX_HTTP_STENTOR_RELAY_AHEAD  16

/* Whole segments that are sent beyond those that a playlist lists: players
 * may still ask for them. */
#define NGX_HTTP_STENTOR_RELAY_MORE  2

/* How long a stream is waited for that is being asked for. */
#define NGX_HTTP_STENTOR_RELAY_WAIT_MS  3000


typedef void (*ngx_http_stentor_relay_pt)(
    ngx_http_stentor_relay_session_t *s);


static void ngx_http_stentor_relay_join(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_gone(void *data);
static void ngx_http_stentor_relay_leave(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_wake(void *data, ngx_stentor_stream_t *st);
static void ngx_http_stentor_relay_each(ngx_queue_t *queue,
    ngx_http_stentor_relay_pt f);
static void ngx_http_stentor_relay_call(ngx_http_stentor_relay_session_t *s,
    ngx_http_stentor_relay_pt f);
static void ngx_http_stentor_relay_tick(ngx_event_t *ev);
static void ngx_http_stentor_relay_turn(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_exit(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_look(ngx_http_stentor_relay_session_t *s);
static ngx_int_t ngx_http_stentor_relay_attach(
    ngx_http_stentor_relay_session_t *s, ngx_stentor_reader_t *rd);
static ngx_uint_t ngx_http_stentor_relay_resume(
    ngx_http_stentor_relay_session_t *s);
static ngx_atomic_uint_t ngx_http_stentor_relay_start(
    ngx_stentor_reader_t *rd, ngx_uint_t listed);
static ngx_atomic_uint_t ngx_http_stentor_relay_limit(
    ngx_stentor_reader_t *rd);
static ngx_stentor_bytes_t *ngx_http_stentor_relay_known(
    ngx_http_stentor_relay_session_t *s, ngx_atomic_uint_t *n);
static ngx_uint_t ngx_http_stentor_relay_is_ahead(
    ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_news(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_go(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t beat);
static ngx_int_t ngx_http_stentor_relay_fill(
    ngx_http_stentor_relay_session_t *s, ngx_uint_t beat,
    stn_relay_end_e *reason);
static ngx_int_t ngx_http_stentor_relay_step(
    ngx_http_stentor_relay_session_t *s, stn_relay_end_e *reason);
static ngx_int_t ngx_http_stentor_relay_overtake(
    ngx_http_stentor_relay_session_t *s, stn_relay_end_e *reason);
static void ngx_http_stentor_relay_sent_now(
    ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_writable(ngx_http_request_t *r);
static void ngx_http_stentor_relay_end(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e reason);
static void ngx_http_stentor_relay_fail(ngx_http_stentor_relay_session_t *s,
    ngx_int_t rc);


/* In the order of stn_relay_end_e. */

static const char  *ngx_http_stentor_relay_reasons[] = {
    "the stream has ended", "there is no such stream",
    "it does not come any more", "the worker exits", "to begin again"
};


ngx_http_stentor_relays_t *
ngx_http_stentor_relays_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_uint_t                  i;
    ngx_http_stentor_relays_t  *relays;

    relays = ngx_pcalloc(cycle->pool, sizeof(ngx_http_stentor_relays_t));
    if (relays == NULL) {
        return NULL;
    }

    relays->scf = scf;

    relays->streams = ngx_palloc(cycle->pool, scf->store->nstreams
                                              * sizeof(ngx_queue_t));
    if (relays->streams == NULL) {
        return NULL;
    }

    for (i = 0; i < scf->store->nstreams; i++) {
        ngx_queue_init(&relays->streams[i]);
    }

    ngx_queue_init(&relays->waiting);
    ngx_queue_init(&relays->all);

    stn_buf_init(&relays->record, STN_RELAY_HEAD + STN_RELAY_OTHER_MAX);

    relays->tick.handler = ngx_http_stentor_relay_tick;
    relays->tick.data = scf->worker.wake->connection;
    relays->tick.log = cycle->log;

    return ngx_stentor_wake_hook(scf->worker.wake, ngx_http_stentor_relay_wake,
                                 relays) == NGX_OK
           ? relays : NULL;
}


ngx_int_t
ngx_http_stentor_relay_refused(ngx_http_stentor_relays_t *relays,
    ngx_http_stentor_relay_query_t *q, ngx_stentor_stream_t *st)
{
    ngx_stentor_lease_t             *lease;
    ngx_stentor_cluster_t           *cl;
    ngx_http_stentor_relay_chain_t   chain;

    cl = relays->scf->worker.cluster;

    if (!st->relayed && q->epoch > st->lease_epoch) {
        lease = ngx_stentor_map_get(relays->scf->store, cl->map, &q->name);

        if (lease) {
            ngx_stentor_lease_heard(cl, lease, q->epoch);
        }

        return NGX_HTTP_CONFLICT;
    }

    ngx_http_stentor_relay_chain(relays, q, st, &chain);

    return chain.loop ? NGX_HTTP_STENTOR_LOOP : NGX_OK;
}


ngx_int_t
ngx_http_stentor_relay_begin(ngx_http_request_t *r,
    ngx_http_stentor_relays_t *relays, ngx_http_stentor_relay_query_t *q,
    ngx_stentor_reader_t *rd)
{
    ngx_pool_cleanup_t                *cln;
    ngx_http_stentor_relay_session_t  *s;

    cln = ngx_pool_cleanup_add(r->pool,
                               sizeof(ngx_http_stentor_relay_session_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_stentor_relay_session_t));
    cln->handler = ngx_http_stentor_relay_gone;

    s->relays = relays;
    s->request = r;
    s->query = *q;
    s->last = &s->out;
    s->since = ngx_current_msec;
    s->clock_us = ngx_stentor_store_us(CLOCK_REALTIME)
                  - ngx_stentor_store_us(CLOCK_MONOTONIC);

    ngx_http_stentor_relay_join(s);
    ngx_stentor_cluster_missed(relays->scf->worker.cluster, &q->name);

    ngx_http_set_ctx(r, s, ngx_http_stentor_relay_module);

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_stentor_relay_writable;

    if (ngx_http_stentor_relay_magic(s) != NGX_OK
        || (rd && ngx_http_stentor_relay_attach(s, rd) != NGX_OK))
    {
        ngx_http_stentor_relay_fail(s, NGX_ERROR);
        return NGX_DONE;
    }

    ngx_http_stentor_relay_go(s, 0);

    return NGX_DONE;
}


static void
ngx_http_stentor_relay_join(ngx_http_stentor_relay_session_t *s)
{
    ngx_http_stentor_relays_t  *relays;

    relays = s->relays;

    ngx_queue_insert_tail(&relays->waiting, &s->queue);
    ngx_queue_insert_tail(&relays->all, &s->turn);

    s->due = ngx_current_msec + NGX_HTTP_STENTOR_RELAY_BEAT_MS;

    relays->sessions++;
    ngx_http_stentor_relay_count(relays, NGX_STENTOR_RELAY_SESSIONS, 1);

    if (!relays->tick.timer_set) {
        ngx_add_timer(&relays->tick, NGX_HTTP_STENTOR_RELAY_BEAT_MS);
    }
}


/* The request is gone, whatever the reason. */

static void
ngx_http_stentor_relay_gone(void *data)
{
    ngx_http_stentor_relay_session_t *s = data;

    if (s->request) {
        ngx_http_stentor_relay_leave(s);
    }

    ngx_http_stentor_relay_release(s);
}


/* The session is over: nobody sends for it any more.  What nginx has not sent
 * yet stays till its request is gone. */

static void
ngx_http_stentor_relay_leave(ngx_http_stentor_relay_session_t *s)
{
    ngx_queue_remove(&s->queue);
    ngx_queue_remove(&s->turn);

    s->relays->sessions--;
    ngx_http_stentor_relay_count(s->relays, NGX_STENTOR_RELAY_SESSIONS, -1);

    if (s->reader) {
        s->reader->pins--;
        s->reader->used = ngx_current_msec;
    }

    s->request = NULL;
}


/* After the readers' own hook, so that they have what is new; without a
 * stream: something else has changed, perhaps one has opened. */

static void
ngx_http_stentor_relay_wake(void *data, ngx_stentor_stream_t *st)
{
    ngx_http_stentor_relays_t *relays = data;

    ngx_atomic_uint_t  opens;

    if (st) {
        ngx_http_stentor_relay_each(&relays->streams[st->index],
                                    ngx_http_stentor_relay_news);
        return;
    }

    opens = ngx_stentor_load(&relays->scf->store->head->opens);

    if (opens != relays->opens) {
        relays->opens = opens;

        ngx_http_stentor_relay_each(&relays->waiting,
                                    ngx_http_stentor_relay_look);
    }
}


/* A session that ends may take others with it: they all leave whatever queue
 * they are in. */

static void
ngx_http_stentor_relay_each(ngx_queue_t *queue, ngx_http_stentor_relay_pt f)
{
    ngx_queue_t  todo, *q;

    if (ngx_queue_empty(queue)) {
        return;
    }

    ngx_queue_init(&todo);
    ngx_queue_add(&todo, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&todo)) {
        q = ngx_queue_head(&todo);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(queue, q);

        ngx_http_stentor_relay_call(
            ngx_queue_data(q, ngx_http_stentor_relay_session_t, queue), f);
    }
}


/* From outside of the request's own events. */

static void
ngx_http_stentor_relay_call(ngx_http_stentor_relay_session_t *s,
    ngx_http_stentor_relay_pt f)
{
    ngx_connection_t  *c;

    c = s->request->connection;

    ngx_http_set_log_request(c->log, s->request);

    f(s);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_stentor_relay_tick(ngx_event_t *ev)
{
    ngx_msec_int_t                     left;
    ngx_http_stentor_relays_t         *relays;
    ngx_http_stentor_relay_session_t  *s;

    relays = ngx_stentor_container(ev, ngx_http_stentor_relays_t, tick);

    while (!ngx_queue_empty(&relays->all)) {
        s = ngx_queue_data(ngx_queue_head(&relays->all),
                           ngx_http_stentor_relay_session_t, turn);

        if (ngx_exiting) {
            ngx_http_stentor_relay_call(s, ngx_http_stentor_relay_exit);
            continue;
        }

        left = (ngx_msec_int_t) (s->due - ngx_current_msec);

        if (left > 0) {
            ngx_add_timer(ev, left);
            return;
        }

        ngx_http_stentor_relay_sent_now(s);
        ngx_http_stentor_relay_call(s, ngx_http_stentor_relay_turn);
    }
}


/* It has had no record for a while. */

static void
ngx_http_stentor_relay_turn(ngx_http_stentor_relay_session_t *s)
{
    ngx_int_t               rc;
    ngx_stentor_cluster_t  *cl;

    cl = s->relays->scf->worker.cluster;

    ngx_stentor_cluster_missed(cl, &s->query.name);

    if (s->reader == NULL) {

        /* it may be gone then, with its request */

        if (ngx_stentor_reader_get(s->relays->scf->worker.shelf,
                                   &s->query.name))
        {
            ngx_http_stentor_relay_look(s);
            return;
        }

        rc = ngx_stentor_cluster_want(cl, &s->query.name);

        if (rc == NGX_DECLINED) {
            ngx_http_stentor_relay_end(s, STN_RELAY_END_ABSENT);
            return;
        }

        if (rc == NGX_BUSY
            || ngx_current_msec - s->since >= NGX_HTTP_STENTOR_RELAY_WAIT_MS)
        {
            ngx_http_stentor_relay_end(s, STN_RELAY_END_LOST);
            return;
        }
    }

    ngx_http_stentor_relay_go(s, 1);
}


/* Others of its connection may go with it, but it goes for certain. */

static void
ngx_http_stentor_relay_exit(ngx_http_stentor_relay_session_t *s)
{
    if (s->blocked) {
        ngx_http_stentor_relay_fail(s, NGX_ERROR);
        return;
    }

    ngx_http_stentor_relay_end(s, STN_RELAY_END_EXIT);
}


/* Whether the stream that it waits for has come. */

static void
ngx_http_stentor_relay_look(ngx_http_stentor_relay_session_t *s)
{
    ngx_stentor_reader_t       *rd;
    ngx_http_stentor_relays_t  *relays;

    relays = s->relays;
    rd = ngx_stentor_reader_get(relays->scf->worker.shelf, &s->query.name);

    if (rd == NULL) {
        return;
    }

    if (ngx_http_stentor_relay_refused(relays, &s->query, rd->stream)
        != NGX_OK)
    {
        ngx_http_stentor_relay_end(s, STN_RELAY_END_LOST);
        return;
    }

    if (ngx_http_stentor_relay_attach(s, rd) != NGX_OK) {
        ngx_http_stentor_relay_fail(s, NGX_ERROR);
        return;
    }

    ngx_http_stentor_relay_go(s, 0);
}


static ngx_int_t
ngx_http_stentor_relay_attach(ngx_http_stentor_relay_session_t *s,
    ngx_stentor_reader_t *rd)
{
    ngx_uint_t  whole;

    ngx_queue_remove(&s->queue);
    ngx_queue_insert_tail(&s->relays->streams[rd->stream->index], &s->queue);

    s->reader = rd;
    rd->pins++;

    s->edge = ngx_http_stentor_relay_limit(rd);
    whole = !ngx_http_stentor_relay_resume(s);

    if (whole) {
        s->next = ngx_http_stentor_relay_start(rd, 1);
    }

    ngx_log_error(NGX_LOG_INFO, s->request->connection->log, 0,
                  "relay of \"%V\" to node \"%V\" begins, %uA parts behind%s",
                  &s->query.name, &s->query.node, s->edge - s->next,
                  whole ? "" : ", where it was");

    if (ngx_http_stentor_relay_stream(s, whole) != NGX_OK) {
        return NGX_ERROR;
    }

    return s->ahead ? ngx_http_stentor_relay_edge(s) : NGX_OK;
}


/* Whether the asker only lacks what follows the part that he has: the same one
 * is here, or will be soon. */

static ngx_uint_t
ngx_http_stentor_relay_resume(ngx_http_stentor_relay_session_t *s)
{
    ngx_stentor_bytes_t  *bytes;

    if (!s->query.after) {
        return 0;
    }

    bytes = ngx_http_stentor_relay_known(s, &s->next);

    if (bytes) {
        s->next++;

        return ngx_crc32_long(bytes->data, bytes->len) == s->query.crc
               && s->next >= ngx_http_stentor_relay_start(s->reader, 0);
    }

    s->ahead = ngx_http_stentor_relay_is_ahead(s);
    s->next = s->edge;

    return s->ahead;
}


/* The first record of the window, or else of all that the reader has, in all
 * renditions. */

static ngx_atomic_uint_t
ngx_http_stentor_relay_start(ngx_stentor_reader_t *rd, ngx_uint_t listed)
{
    ngx_uint_t           i, n;
    ngx_atomic_uint_t    start, first;
    ngx_stentor_view_t  *v;

    start = 0;

    for (i = 0; i < rd->nviews; i++) {
        v = &rd->views[i];
        n = v->nsegments;

        if (listed) {
            /* the one that is not whole yet is not listed */
            n = ngx_min(n, v->rend.window + NGX_HTTP_STENTOR_RELAY_MORE + 1);
        }

        first = n ? v->segments[v->nsegments - n].record : v->next;
        start = ngx_max(start, first);
    }

    return start;
}


/* The first record that the reader does not have in all renditions. */

static ngx_atomic_uint_t
ngx_http_stentor_relay_limit(ngx_stentor_reader_t *rd)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  limit;

    limit = rd->views[0].next;

    for (i = 1; i < rd->nviews; i++) {
        limit = ngx_min(limit, rd->views[i].next);
    }

    return limit;
}


/* Our bytes of the part that the asker has, in the first rendition, and its
 * record; NULL: it is not here. */

static ngx_stentor_bytes_t *
ngx_http_stentor_relay_known(ngx_http_stentor_relay_session_t *s,
    ngx_atomic_uint_t *n)
{
    ngx_stentor_segment_t  *seg;

    seg = ngx_stentor_view_segment(&s->reader->views[0], s->query.msn);

    if (seg == NULL || s->query.part >= seg->nparts) {
        return NULL;
    }

    *n = seg->record + s->query.part;

    return seg->parts[s->query.part].bytes;
}


/* Whether that part is yet to come, and soon. */

static ngx_uint_t
ngx_http_stentor_relay_is_ahead(ngx_http_stentor_relay_session_t *s)
{
    int64_t                 n;
    ngx_stentor_view_t     *v;
    ngx_stentor_segment_t  *last;

    v = &s->reader->views[0];
    last = ngx_stentor_view_last(v);

    if (last == NULL
        || s->query.msn < last->msn
        || s->query.msn - last->msn > NGX_HTTP_STENTOR_RELAY_AHEAD)
    {
        return 0;
    }

    n = (int64_t) (s->query.msn - last->msn) * v->rend.parts
        + (int64_t) s->query.part + 1 - (int64_t) last->nparts;

    return n > 0 && n <= NGX_HTTP_STENTOR_RELAY_AHEAD;
}


static void
ngx_http_stentor_relay_news(ngx_http_stentor_relay_session_t *s)
{
    ngx_http_stentor_relay_go(s, 0);
}


/* Sends all that there is, as far as nginx takes it; beat: a heartbeat, if
 * there is nothing. */

static void
ngx_http_stentor_relay_go(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t beat)
{
    ngx_int_t        filled, rc;
    stn_relay_end_e  reason;

    rc = s->blocked ? NGX_AGAIN : NGX_OK;

    for (filled = NGX_OK; filled == NGX_OK && rc == NGX_OK; beat = 0) {
        filled = ngx_http_stentor_relay_fill(s, beat, &reason);

        if (filled == NGX_DONE) {
            ngx_http_stentor_relay_end(s, reason);
            return;
        }

        if (s->out && filled != NGX_ERROR) {
            ngx_http_stentor_relay_sent_now(s);
            rc = ngx_http_stentor_relay_send(s);
        }
    }

    if (filled == NGX_ERROR || rc == NGX_ERROR) {
        ngx_http_stentor_relay_fail(s, NGX_ERROR);
    }
}


/* Puts what is to be sent next.  Returns NGX_OK: there may be more; NGX_AGAIN:
 * that is all; NGX_DONE: the session is over, and why; NGX_ERROR. */

static ngx_int_t
ngx_http_stentor_relay_fill(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t beat, stn_relay_end_e *reason)
{
    ngx_int_t  rc;

    do {
        rc = ngx_http_stentor_relay_step(s, reason);
    } while (rc == NGX_OK && s->size < NGX_HTTP_STENTOR_RELAY_BATCH);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    /* also when something else is new: where the stream comes from */

    rc = ngx_http_stentor_relay_beat(s, beat && s->out == NULL);

    if (rc == NGX_DONE) {
        *reason = STN_RELAY_END_LOST;
    }

    return rc == NGX_OK ? NGX_AGAIN : rc;
}


static ngx_int_t
ngx_http_stentor_relay_step(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e *reason)
{
    ngx_stentor_reader_t  *rd;

    rd = s->reader;

    if (rd == NULL) {
        return NGX_AGAIN;
    }

    *reason = STN_RELAY_END_AGAIN;

    if (rd->defunct) {
        return NGX_DONE;
    }

    if (s->ahead) {
        return ngx_http_stentor_relay_overtake(s, reason);
    }

    if (!s->edged && s->next >= s->edge) {
        return ngx_http_stentor_relay_edge(s);
    }

    if (s->next < ngx_http_stentor_relay_limit(rd)) {
        return ngx_http_stentor_relay_part(s);
    }

    if (rd->ended) {
        *reason = STN_RELAY_END_STREAM;
        return NGX_DONE;
    }

    return NGX_AGAIN;
}


/* The part that the asker had before us may have come: it is his, or not. */

static ngx_int_t
ngx_http_stentor_relay_overtake(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e *reason)
{
    ngx_stentor_bytes_t  *bytes;

    bytes = ngx_http_stentor_relay_known(s, &s->next);

    if (bytes) {
        s->next++;
        s->ahead = 0;

        return ngx_crc32_long(bytes->data, bytes->len) == s->query.crc
               ? NGX_OK : NGX_DONE;
    }

    if (s->reader->ended) {
        *reason = STN_RELAY_END_STREAM;
        return NGX_DONE;
    }

    return ngx_http_stentor_relay_is_ahead(s) ? NGX_AGAIN : NGX_DONE;
}


/* Its next turn is in a while. */

static void
ngx_http_stentor_relay_sent_now(ngx_http_stentor_relay_session_t *s)
{
    s->due = ngx_current_msec + NGX_HTTP_STENTOR_RELAY_BEAT_MS;

    ngx_queue_remove(&s->turn);
    ngx_queue_insert_tail(&s->relays->all, &s->turn);
}


static void
ngx_http_stentor_relay_writable(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_connection_t                  *c;
    ngx_http_stentor_relay_session_t  *s;

    c = r->connection;
    s = ngx_http_get_module_ctx(r, ngx_http_stentor_relay_module);

    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "node \"%V\" takes nothing of \"%V\"", &s->query.node,
                      &s->query.name);

        c->timedout = 1;
        ngx_http_stentor_relay_fail(s, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!s->blocked) {
        return;
    }

    rc = ngx_http_stentor_relay_send(s);

    if (rc == NGX_ERROR) {
        ngx_http_stentor_relay_fail(s, NGX_ERROR);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_stentor_relay_go(s, 0);
    }
}


/* The last record; what has not left by then is nginx's to send. */

static void
ngx_http_stentor_relay_end(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e reason)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = s->request;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "relay of \"%V\" to node \"%V\" ends: %s", &s->query.name,
                  &s->query.node, ngx_http_stentor_relay_reasons[reason]);

    rc = ngx_http_stentor_relay_last(s, reason);

    if (rc == NGX_OK) {
        ngx_stentor_container(s->last, ngx_chain_t, next)->buf->last_buf = 1;
        rc = ngx_http_stentor_relay_send(s);
    }

    ngx_http_stentor_relay_leave(s);

    ngx_http_finalize_request(r, rc == NGX_ERROR ? NGX_ERROR : NGX_OK);
}


static void
ngx_http_stentor_relay_fail(ngx_http_stentor_relay_session_t *s, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = s->request;

    ngx_http_stentor_relay_leave(s);

    ngx_http_finalize_request(r, rc);
}
