/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Held requests: blocking reloads, hinted parts, and playlists of streams
 * that are not there yet (RFC 8216bis section 6.2.5.2).  A held request costs
 * a queue link and no timer of its own.  When its reader has what it waits
 * for it moves to the ready queue, which is worked off in slices, so that ten
 * thousand listeners of one part do not hold up the event loop.
 *
 *     reader->waiting ----\
 *                          >-- ready -- answered, a slice at a time
 *     worker->pending ----/
 */

#include "ngx_http_stentor_hls.h"
#include "cluster/ngx_stentor_cluster.h"


/* Answers in a row before the clock is looked at, and the longest slice. */
#define NGX_HTTP_STENTOR_BATCH     32
#define NGX_HTTP_STENTOR_SLICE_US  2000

/* How often waits are looked through for those that took too long. */
#define NGX_HTTP_STENTOR_TICK_MS   250

/* A stream that another node is being asked for is waited for so many times as
 * long: it is there or denied in milliseconds, unless that node is busy. */
#define NGX_HTTP_STENTOR_COMING    3

/* Target durations that a reload is held at most (6.2.5.2). */
#define NGX_HTTP_STENTOR_HOLD_TD   3

/* Headers of an answer that there is room for at once. */
#define NGX_HTTP_STENTOR_HEADERS   8

/* Names of pending requests that are told apart in a tick; a power of two. */
#define NGX_HTTP_STENTOR_NAMES     256


static ngx_int_t ngx_http_stentor_hls_slim(ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_hls_widen(ngx_http_request_t *r);
static void ngx_http_stentor_hls_news(void *data, ngx_stentor_reader_t *rd);
static void ngx_http_stentor_hls_opened(void *data, ngx_stentor_stream_t *st);
static void ngx_http_stentor_hls_wake(ngx_http_stentor_hls_worker_t *w,
    ngx_http_stentor_wait_t *wait);
static void ngx_http_stentor_hls_answers(ngx_event_t *ev);
static uint64_t ngx_http_stentor_hls_us(void);
static void ngx_http_stentor_hls_resume(ngx_http_stentor_wait_t *wait,
    ngx_uint_t late);
static void ngx_http_stentor_hls_leave(ngx_http_stentor_hls_worker_t *w,
    ngx_http_stentor_wait_t *wait);
static void ngx_http_stentor_hls_gone(void *data);
static void ngx_http_stentor_hls_tick(ngx_event_t *ev);
static void ngx_http_stentor_hls_want(ngx_http_stentor_hls_worker_t *w);
static void ngx_http_stentor_hls_late(ngx_http_stentor_hls_worker_t *w,
    ngx_queue_t *queue);
static ngx_uint_t ngx_http_stentor_hls_coming(ngx_http_stentor_wait_t *wait);
static ngx_uint_t ngx_http_stentor_hls_overdue(ngx_http_stentor_wait_t *wait);


ngx_int_t
ngx_http_stentor_hls_wait_init(ngx_http_stentor_hls_worker_t *w,
    ngx_cycle_t *cycle)
{
    ngx_stentor_wake_t  *wake;

    wake = w->scf->worker.wake;

    ngx_queue_init(&w->pending);
    ngx_queue_init(&w->ready);

    w->waiters = ngx_stentor_store_waiters(w->scf->store, wake->slot);

    w->answer.handler = ngx_http_stentor_hls_answers;
    w->answer.data = wake->connection;
    w->answer.log = cycle->log;

    w->timer.handler = ngx_http_stentor_hls_tick;
    w->timer.data = wake->connection;
    w->timer.log = cycle->log;

    w->scf->worker.shelf->handler = ngx_http_stentor_hls_news;
    w->scf->worker.shelf->data = w;

    return ngx_stentor_wake_hook(wake, ngx_http_stentor_hls_opened, w);
}


ngx_int_t
ngx_http_stentor_hls_hold(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t)
{
    ngx_http_cleanup_t             *cln;
    ngx_http_stentor_wait_t        *wait;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_stentor_wait_t));
    if (cln == NULL || ngx_http_stentor_hls_slim(r) != NGX_OK) {
        return NGX_ERROR;
    }

    wait = cln->data;
    cln->handler = ngx_http_stentor_hls_gone;

    wait->request = r;
    wait->reader = rd;
    wait->ready = 0;
    wait->since = ngx_current_msec;
    wait->target = *t;

    if (rd) {
        ngx_queue_insert_tail(&rd->waiting, &wait->queue);
        w->waiters[rd->stream->index]++;

    } else {
        ngx_queue_insert_tail(&w->pending, &wait->queue);
        w->npending++;
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_PENDING);
    }

    w->held++;
    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_HOLDS);

    if (!w->timer.timer_set) {
        ngx_add_timer(&w->timer, NGX_HTTP_STENTOR_TICK_MS);
    }

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


/* nginx gives each request a list of 20 response headers, a fifth of all that
 * its memory is.  Who waits has one that is next to nothing, if the other one
 * can be given back: it is a block of its own when request_pool_size is below
 * its size, and nobody has put a header into it yet. */

static ngx_int_t
ngx_http_stentor_hls_slim(ngx_http_request_t *r)
{
    ngx_list_t  *headers;

    headers = &r->headers_out.headers;

    if (headers->part.nelts
        || ngx_pfree(r->pool, headers->part.elts) != NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_list_init(headers, r->pool, 1, sizeof(ngx_table_elt_t));
}


static ngx_int_t
ngx_http_stentor_hls_widen(ngx_http_request_t *r)
{
    ngx_list_t  *headers;

    headers = &r->headers_out.headers;

    if (headers->part.nelts || headers->nalloc > 1) {
        return NGX_OK;
    }

    return ngx_list_init(headers, r->pool, NGX_HTTP_STENTOR_HEADERS,
                         sizeof(ngx_table_elt_t));
}


/* A reader has something new: its waits that were for it become ready. */

static void
ngx_http_stentor_hls_news(void *data, ngx_stentor_reader_t *rd)
{
    ngx_http_stentor_hls_worker_t *w = data;

    ngx_queue_t              *q, *next;
    ngx_http_stentor_wait_t  *wait;

    for (q = ngx_queue_head(&rd->waiting);
         q != ngx_queue_sentinel(&rd->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        wait = ngx_queue_data(q, ngx_http_stentor_wait_t, queue);

        if (ngx_http_stentor_hls_ready(rd, &wait->target)) {
            ngx_http_stentor_hls_wake(w, wait);
        }
    }
}


/* Some stream has opened: whoever waits for one may look again. */

static void
ngx_http_stentor_hls_opened(void *data, ngx_stentor_stream_t *st)
{
    ngx_http_stentor_hls_worker_t *w = data;

    ngx_queue_t              *q, *next;
    ngx_atomic_uint_t         opens;
    ngx_stentor_store_t      *store;
    ngx_http_stentor_wait_t  *wait;

    store = w->scf->store;
    opens = __atomic_load_n(&store->head->opens, __ATOMIC_SEQ_CST);

    if (st || opens == w->opens) {
        return;
    }

    w->opens = opens;

    for (q = ngx_queue_head(&w->pending);
         q != ngx_queue_sentinel(&w->pending);
         q = next)
    {
        next = ngx_queue_next(q);
        wait = ngx_queue_data(q, ngx_http_stentor_wait_t, queue);

        if (ngx_stentor_store_find(store, &wait->target.name)) {
            ngx_http_stentor_hls_wake(w, wait);
        }
    }
}


/* Moves a wait to the ready queue. */

static void
ngx_http_stentor_hls_wake(ngx_http_stentor_hls_worker_t *w,
    ngx_http_stentor_wait_t *wait)
{
    ngx_http_stentor_hls_leave(w, wait);

    wait->ready = 1;
    ngx_queue_insert_tail(&w->ready, &wait->queue);
    w->held++;

    if (!w->answer.posted) {
        ngx_post_event(&w->answer, &ngx_posted_events);
    }
}


static void
ngx_http_stentor_hls_answers(ngx_event_t *ev)
{
    uint64_t                        end;
    ngx_uint_t                      n;
    ngx_queue_t                    *q;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_stentor_container(ev, ngx_http_stentor_hls_worker_t, answer);

    end = ngx_http_stentor_hls_us() + NGX_HTTP_STENTOR_SLICE_US;

    for (n = 1; !ngx_queue_empty(&w->ready); n++) {
        q = ngx_queue_head(&w->ready);

        ngx_http_stentor_hls_resume(ngx_queue_data(q, ngx_http_stentor_wait_t,
                                                   queue), 0);

        if (n % NGX_HTTP_STENTOR_BATCH == 0
            && ngx_http_stentor_hls_us() > end)
        {
            /* others have their turn before the next slice */
            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }
    }
}


static uint64_t
ngx_http_stentor_hls_us(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* Takes up a held request again; late: it has been held long enough. */

static void
ngx_http_stentor_hls_resume(ngx_http_stentor_wait_t *wait, ngx_uint_t late)
{
    ngx_int_t                       rc;
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_stentor_hls_worker_t  *w;

    r = wait->request;
    c = r->connection;
    w = ngx_http_stentor_hls_worker();

    ngx_http_set_log_request(c->log, r);

    ngx_http_stentor_hls_leave(w, wait);
    wait->request = NULL;

    r->read_event_handler = ngx_http_block_reading;

    if (ngx_http_stentor_hls_widen(r) != NGX_OK) {
        rc = NGX_ERROR;

    } else if (!late) {
        rc = ngx_http_stentor_hls_answer(r, &wait->target);

    } else if (wait->reader == NULL) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);
        rc = ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                        "no such stream");

    } else {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_HOLD_TIMEOUTS);
        rc = ngx_http_stentor_hls_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                        "the stream does not go on");
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* Takes a wait out of whatever queue it is in. */

static void
ngx_http_stentor_hls_leave(ngx_http_stentor_hls_worker_t *w,
    ngx_http_stentor_wait_t *wait)
{
    ngx_queue_remove(&wait->queue);
    w->held--;

    if (wait->ready) {
        return;
    }

    if (wait->reader) {
        w->waiters[wait->reader->stream->index]--;
        return;
    }

    w->npending--;
    ngx_stentor_store_count(w->scf->store, w->scf->worker.wake->slot,
                            NGX_STENTOR_HLS_PENDING, -1);
}


/* The request ends, answered or not. */

static void
ngx_http_stentor_hls_gone(void *data)
{
    ngx_http_stentor_wait_t *wait = data;

    if (wait->request) {
        ngx_http_stentor_hls_leave(ngx_http_stentor_hls_worker(), wait);
    }
}


static void
ngx_http_stentor_hls_tick(ngx_event_t *ev)
{
    ngx_queue_t                    *q, *next;
    ngx_stentor_shelf_t            *shelf;
    ngx_stentor_reader_t           *rd;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_stentor_container(ev, ngx_http_stentor_hls_worker_t, timer);
    shelf = w->scf->worker.shelf;

    ngx_http_stentor_hls_late(w, &w->pending);
    ngx_http_stentor_hls_want(w);

    for (q = ngx_queue_head(&shelf->readers);
         q != ngx_queue_sentinel(&shelf->readers);
         q = next)
    {
        next = ngx_queue_next(q);
        rd = ngx_queue_data(q, ngx_stentor_reader_t, queue);

        ngx_http_stentor_hls_late(w, &rd->waiting);
    }

    if (w->held) {
        ngx_add_timer(ev, NGX_HTTP_STENTOR_TICK_MS);
    }
}


/* What is waited for stays wanted of other nodes: it is said once a name, or a
 * little more often when there are many. */

static void
ngx_http_stentor_hls_want(ngx_http_stentor_hls_worker_t *w)
{
    uint32_t                  hash, *seen;
    uint32_t                  names[NGX_HTTP_STENTOR_NAMES];
    ngx_queue_t              *q;
    ngx_http_stentor_wait_t  *wait;

    if (w->scf->worker.cluster == NULL) {
        return;
    }

    ngx_memzero(names, sizeof(names));

    for (q = ngx_queue_head(&w->pending);
         q != ngx_queue_sentinel(&w->pending);
         q = ngx_queue_next(q))
    {
        wait = ngx_queue_data(q, ngx_http_stentor_wait_t, queue);

        hash = ngx_crc32_short(wait->target.name.data, wait->target.name.len);
        seen = &names[hash & (NGX_HTTP_STENTOR_NAMES - 1)];

        if (*seen != hash) {
            *seen = hash;
            (void) ngx_stentor_cluster_want(w->scf->worker.cluster,
                                            &wait->target.name);
        }
    }
}


/* Waits of one queue are in the order of their age. */

static void
ngx_http_stentor_hls_late(ngx_http_stentor_hls_worker_t *w,
    ngx_queue_t *queue)
{
    ngx_queue_t              *q;
    ngx_http_stentor_wait_t  *wait;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        wait = ngx_queue_data(q, ngx_http_stentor_wait_t, queue);

        if (!ngx_http_stentor_hls_overdue(wait)) {
            return;
        }

        ngx_http_stentor_hls_resume(wait, 1);
    }
}


/* Whether its stream is on its way from another node. */

static ngx_uint_t
ngx_http_stentor_hls_coming(ngx_http_stentor_wait_t *wait)
{
    ngx_stentor_lease_t    *lease;
    ngx_stentor_cluster_t  *cl;

    cl = ngx_http_stentor_hls_worker()->scf->worker.cluster;
    lease = cl ? ngx_stentor_map_find(cl->map, &wait->target.name) : NULL;

    return lease && ngx_stentor_load(&lease->pull_pid);
}


static ngx_uint_t
ngx_http_stentor_hls_overdue(ngx_http_stentor_wait_t *wait)
{
    ngx_msec_t                    limit;
    ngx_http_stentor_hls_conf_t  *hcf;

    if (wait->reader) {
        limit = NGX_HTTP_STENTOR_HOLD_TD * 1000
                * ngx_http_stentor_hls_target(&wait->reader->views[0]);

    } else {
        hcf = ngx_http_get_module_loc_conf(wait->request,
                                           ngx_http_stentor_hls_module);
        limit = hcf->pending_time;

        if (ngx_http_stentor_hls_coming(wait)) {
            limit *= NGX_HTTP_STENTOR_COMING;
        }
    }

    return ngx_current_msec - wait->since >= limit;
}
