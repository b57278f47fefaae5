/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The worker's audience (see ngx_http_stentor_audience.h).  What a request
 * has been sent is looked at when it is gone, with the reference to its bytes:
 * then all of it has been handed to the kernel, or never will be.  Members are
 * taken from a list of the worker's own and given back to it; there is one
 * timer, of the wheel, as long as anybody is in it.
 */

#include "ngx_http_stentor_audience.h"
#include "ngx_stentor_http.h"
#include "store/ngx_stentor_known.h"
#include "store/ngx_stentor_unique.h"


/* Members that are made at once. */
#define NGX_HTTP_STENTOR_MEMBERS  64

/* Nobody is thought to have more target durations of audio than this. */
#define NGX_HTTP_STENTOR_AHEAD_TD  4

/* How often, in seconds, a listener is said to be heard. */
#define NGX_HTTP_STENTOR_TELL_S  2


static ngx_http_stentor_audience_t *ngx_http_stentor_audience(void);
static ngx_connection_t *ngx_http_stentor_audience_connection(
    ngx_http_request_t *r);
static ngx_http_stentor_member_t *ngx_http_stentor_audience_enter(
    ngx_http_stentor_audience_t *a, ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_audience_more(
    ngx_http_stentor_audience_t *a);
static void ngx_http_stentor_audience_gone(void *data);
static void ngx_http_stentor_audience_free(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m);
static ngx_uint_t ngx_http_stentor_audience_whole(
    ngx_http_stentor_sent_t *sent);
static void ngx_http_stentor_audience_credit(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m, ngx_http_stentor_sent_t *sent);
static void ngx_http_stentor_audience_move(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m, ngx_uint_t index);
static void ngx_http_stentor_audience_changed(void *data, stn_member_t *sm,
    stn_member_state_e before);
static void ngx_http_stentor_audience_streams(ngx_http_stentor_audience_t *a,
    ngx_uint_t index, stn_member_state_e state, int n);
static int ngx_http_stentor_audience_back(void *data, stn_member_t *sm);
static void ngx_http_stentor_audience_run(ngx_http_stentor_audience_t *a);
static void ngx_http_stentor_audience_tick(ngx_event_t *ev);
static ngx_uint_t ngx_http_stentor_audience_unread(ngx_http_request_t *r);


/* What members are counted as. */

static const ngx_stentor_counter_e
    ngx_http_stentor_audience_gauges[STN_MEMBER_STATES] =
{
    NGX_STENTOR_COUNTERS,                  /* none: not at all */
    NGX_STENTOR_HLS_TRYING,
    NGX_STENTOR_HLS_JOINING,
    NGX_STENTOR_HLS_LISTENERS,
    NGX_STENTOR_HLS_LEAVING
};


#define ngx_http_stentor_audience_add(a, counter, n)                          \
    ngx_stentor_store_count((a)->scf->store, (a)->slot, counter, n)


ngx_http_stentor_audience_t *
ngx_http_stentor_audience_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_http_stentor_audience_t  *a;

    a = ngx_pcalloc(cycle->pool, sizeof(ngx_http_stentor_audience_t));
    if (a == NULL) {
        return NULL;
    }

    a->scf = scf;
    a->pool = cycle->pool;
    a->slot = scf->worker.wake->slot;
    a->listeners = ngx_stentor_store_listeners(scf->store, a->slot);
    a->present = ngx_stentor_store_present(scf->store, a->slot);

    stn_audience_init(&a->members, ngx_current_msec);
    a->members.changed = ngx_http_stentor_audience_changed;
    a->members.back = ngx_http_stentor_audience_back;
    a->members.data = a;

    /* it does not keep a worker that is to exit */

    a->timer.handler = ngx_http_stentor_audience_tick;
    a->timer.data = scf->worker.wake->connection;
    a->timer.log = cycle->log;
    a->timer.cancelable = 1;

    return a;
}


static ngx_http_stentor_audience_t *
ngx_http_stentor_audience(void)
{
    return ngx_http_stentor_hls_worker()->audience;
}


ngx_int_t
ngx_http_stentor_audience_ask(ngx_http_request_t *r)
{
    ngx_http_stentor_member_t    *m;
    ngx_http_stentor_audience_t  *a;

    a = ngx_http_stentor_audience();
    m = ngx_http_stentor_audience_member(r);

    if (m == NULL) {
        m = ngx_http_stentor_audience_enter(a, r);
        if (m == NULL) {
            return NGX_ERROR;
        }
    }

    stn_audience_ask(&a->members, &m->member, ngx_current_msec);
    ngx_http_stentor_audience_run(a);

    return NGX_OK;
}


/* It is found by the cleanup that it has in the connection's pool, one of few
 * there. */

ngx_http_stentor_member_t *
ngx_http_stentor_audience_member(ngx_http_request_t *r)
{
    ngx_connection_t    *c;
    ngx_pool_cleanup_t  *cln;

    c = ngx_http_stentor_audience_connection(r);

    for (cln = c->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_stentor_audience_gone) {
            return cln->data;
        }
    }

    return NULL;
}


static ngx_connection_t *
ngx_http_stentor_audience_connection(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)
    if (r->stream) {
        return r->stream->connection->connection;
    }
#endif

#if (NGX_HTTP_V3)
    if (r->connection->quic) {
        return r->connection->quic->parent;
    }
#endif

    return r->connection;
}


static ngx_http_stentor_member_t *
ngx_http_stentor_audience_enter(ngx_http_stentor_audience_t *a,
    ngx_http_request_t *r)
{
    ngx_str_t                  *agent;
    ngx_connection_t           *c;
    ngx_pool_cleanup_t         *cln;
    ngx_http_stentor_member_t  *m;

    c = ngx_http_stentor_audience_connection(r);

    cln = ngx_pool_cleanup_add(c->pool, 0);
    if (cln == NULL
        || (a->free == NULL && ngx_http_stentor_audience_more(a) != NGX_OK))
    {
        return NULL;
    }

    m = a->free;
    a->free = (ngx_http_stentor_member_t *) (void *) m->member.next;

    ngx_memzero(m, sizeof(ngx_http_stentor_member_t));
    stn_audience_enter(&m->member);

    agent = r->headers_in.user_agent ? &r->headers_in.user_agent->value : NULL;
    m->player = ngx_stentor_known_player(a->scf->store,
                                         r->connection->sockaddr, agent);
    m->id = ngx_stentor_unique_id(a->scf->store, r->connection->sockaddr,
                                  agent);

    cln->data = m;
    cln->handler = ngx_http_stentor_audience_gone;

    ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_CONNECTS, 1);
    ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_CONNECTIONS, 1);

    return m;
}


static ngx_int_t
ngx_http_stentor_audience_more(ngx_http_stentor_audience_t *a)
{
    ngx_uint_t                  i;
    ngx_http_stentor_member_t  *m;

    m = ngx_palloc(a->pool, NGX_HTTP_STENTOR_MEMBERS
                            * sizeof(ngx_http_stentor_member_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_STENTOR_MEMBERS; i++) {
        ngx_http_stentor_audience_free(a, &m[i]);
    }

    return NGX_OK;
}


/* The connection is closed. */

static void
ngx_http_stentor_audience_gone(void *data)
{
    ngx_http_stentor_member_t *m = data;

    ngx_http_stentor_audience_t  *a;

    a = ngx_http_stentor_audience();
    ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_CONNECTIONS, -1);

    if (m->member.state == STN_MEMBER_NONE) {
        ngx_http_stentor_audience_free(a, m);
        return;
    }

    if (m->member.state >= STN_MEMBER_JOINING) {
        m->lost = 1;
        ngx_stentor_known_lost(a->scf->store, m->player,
                               m->member.state >= STN_MEMBER_LISTENING);
    }

    stn_audience_close(&a->members, &m->member, ngx_current_msec);
}


static void
ngx_http_stentor_audience_free(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m)
{
    m->member.next = (stn_member_t *) (void *) a->free;
    a->free = m;
}


void
ngx_http_stentor_audience_piece(ngx_http_stentor_piece_t *piece,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_stentor_segment_t *seg, ngx_http_stentor_target_t *t)
{
    int64_t     from, to;
    ngx_uint_t  i;

    from = seg->pos;
    to = seg->pos + seg->duration;

    if (t->ask.kind == STN_TARGET_PART) {

        for (i = 0; i < t->ask.part; i++) {
            from += seg->parts[i].duration;
        }

        to = from + seg->parts[i].duration;
    }

    piece->index = rd->stream->index;
    piece->audio.stream = rd->incarnation;
    piece->audio.from = from * 1000 / seg->rate;
    piece->audio.to = to * 1000 / seg->rate;
    piece->audio.cap = NGX_HTTP_STENTOR_AHEAD_TD * 1000
                       * ngx_http_stentor_hls_target(v);
}


void
ngx_http_stentor_audience_sent(ngx_http_stentor_sent_t *sent)
{
    off_t                         bytes;
    ngx_http_request_t           *r;
    ngx_http_stentor_member_t    *m;
    ngx_http_stentor_audience_t  *a;

    r = sent->request;
    a = ngx_http_stentor_audience();
    bytes = r->connection->sent - (off_t) r->header_size;

    if (bytes > 0) {
        ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_BYTES, bytes);
    }

    if (sent->piece.audio.stream == 0
        || !ngx_http_stentor_audience_whole(sent))
    {
        return;
    }

    m = ngx_http_stentor_audience_member(r);

    if (m) {
        ngx_http_stentor_audience_credit(a, m, sent);
        ngx_http_stentor_audience_run(a);
    }
}


/* Not a HEAD, not a 304, nor a piece of it: each of those has left the buffers
 * as they were, or made them less. */

static ngx_uint_t
ngx_http_stentor_audience_whole(ngx_http_stentor_sent_t *sent)
{
    ngx_http_request_t  *r;

    r = sent->request;

    if (r->connection->error || r->connection->timedout
        || sent->last->pos != sent->last->last)
    {
        return 0;
    }

    return r->headers_out.status == NGX_HTTP_OK
           || (r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT
               && r->headers_out.content_length_n == sent->len);
}


static void
ngx_http_stentor_audience_credit(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m, ngx_http_stentor_sent_t *sent)
{
    int64_t   ms;
    uint32_t  now;
    uint64_t  before;

    ngx_http_stentor_audience_move(a, m, sent->piece.index);

    before = m->member.stream;
    ms = stn_audience_sent(&a->members, &m->member, &sent->piece.audio,
                           ngx_current_msec);
    if (ms == 0) {
        ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_REPEATS, 1);
        return;
    }

    ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_AUDIO_MS, ms);

    /* a new window of his stream counts him, too */

    if (m->member.stream != before) {
        ngx_stentor_unique_seen(a->scf->store,
            ngx_stentor_store_stream(a->scf->store, m->index), m->id);
    }

    m->joined = 0;
    now = (uint32_t) (ngx_current_msec / 1000);

    if (now - m->told >= NGX_HTTP_STENTOR_TELL_S) {
        m->told = now;
        ngx_stentor_known_heard(a->scf->store, m->player);
    }
}


void
ngx_http_stentor_audience_pass(ngx_http_stentor_member_t *m, ngx_uint_t index)
{
    m->let_in_ms = ngx_current_msec;
    ngx_http_stentor_audience_move(ngx_http_stentor_audience(), m, index);
}


void
ngx_http_stentor_audience_let_in(ngx_http_stentor_member_t *m,
    ngx_uint_t index)
{
    ngx_http_stentor_audience_t  *a;

    a = ngx_http_stentor_audience();

    ngx_http_stentor_audience_pass(m, index);
    ngx_stentor_known_let_in(a->scf->store, m->player);

    /* who was let in before and took nothing is not expected again */

    if (m->joined) {
        return;
    }

    m->joined = 1;
    ngx_http_stentor_audience_add(a, NGX_STENTOR_HLS_JOINS, 1);

    stn_audience_join(&a->members, &m->member, ngx_current_msec);
    ngx_http_stentor_audience_run(a);
}


/* To another stream, where it is counted from now on. */

static void
ngx_http_stentor_audience_move(ngx_http_stentor_audience_t *a,
    ngx_http_stentor_member_t *m, ngx_uint_t index)
{
    stn_member_state_e  state;

    if (m->index == index) {
        return;
    }

    state = (stn_member_state_e) m->member.state;

    ngx_http_stentor_audience_streams(a, m->index, state, -1);
    m->index = (uint32_t) index;
    ngx_http_stentor_audience_streams(a, m->index, state, 1);
}


static void
ngx_http_stentor_audience_changed(void *data, stn_member_t *sm,
    stn_member_state_e before)
{
    ngx_http_stentor_audience_t *a = data;

    stn_member_state_e            state;
    ngx_http_stentor_member_t    *m;
    const ngx_stentor_counter_e  *gauges;

    m = (ngx_http_stentor_member_t *) (void *) sm;
    state = (stn_member_state_e) sm->state;

    ngx_http_stentor_audience_streams(a, m->index, before, -1);
    ngx_http_stentor_audience_streams(a, m->index, state, 1);

    gauges = ngx_http_stentor_audience_gauges;

    if (before != STN_MEMBER_NONE) {
        ngx_http_stentor_audience_add(a, gauges[before], -1);
    }

    if (state != STN_MEMBER_NONE) {
        ngx_http_stentor_audience_add(a, gauges[state], 1);

    } else if (!sm->open) {
        ngx_http_stentor_audience_free(a, m);
        return;
    }

    /* whoever looks like it and was lost is here again */

    if (state == STN_MEMBER_LISTENING && !m->back) {
        m->back = 1;
        ngx_stentor_known_found(a->scf->store, m->player);
    }
}


static void
ngx_http_stentor_audience_streams(ngx_http_stentor_audience_t *a,
    ngx_uint_t index, stn_member_state_e state, int n)
{
    if (state >= STN_MEMBER_JOINING) {
        a->present[index] += n;
    }

    if (state == STN_MEMBER_LISTENING) {
        a->listeners[index] += n;
    }
}


/* A player may take its parts by several connections in turn: then others of
 * it were heard since.  Of those whose connection is gone as many are back as
 * are not missed any more. */

static int
ngx_http_stentor_audience_back(void *data, stn_member_t *sm)
{
    ngx_http_stentor_audience_t *a = data;

    uint32_t                    heard;
    ngx_uint_t                  age;
    ngx_http_stentor_member_t  *m;

    m = (ngx_http_stentor_member_t *) (void *) sm;

    if (m->lost) {
        return !ngx_stentor_known_misses(a->scf->store, m->player);
    }

    age = ngx_stentor_known_age(a->scf->store, m->player);
    heard = (uint32_t) (ngx_current_msec / 1000 - age);

    return age < STN_KNOWN_S && (int32_t) (heard - m->told) > 0;
}


static void
ngx_http_stentor_audience_run(ngx_http_stentor_audience_t *a)
{
    if (!a->timer.timer_set && a->members.waiting) {
        ngx_add_timer(&a->timer, STN_AUDIENCE_SLOT_MS);
    }
}


static void
ngx_http_stentor_audience_tick(ngx_event_t *ev)
{
    ngx_http_stentor_audience_t  *a;

    a = ngx_stentor_container(ev, ngx_http_stentor_audience_t, timer);

    stn_audience_tick(&a->members, ngx_current_msec);
    ngx_http_stentor_audience_run(a);
}


ngx_int_t
ngx_http_stentor_audience_first(ngx_http_request_t *r)
{
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    if (w && ngx_stentor_http_asks(ngx_http_stentor_audience_connection(r))) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_FIRSTS);
    }

    return NGX_DECLINED;
}


/* What came over the wire was no request, or came too slowly: nginx answered,
 * or gave up. */

ngx_int_t
ngx_http_stentor_audience_log(ngx_http_request_t *r)
{
    ngx_uint_t                      status;
    ngx_http_stentor_hls_worker_t  *w;

    if (!ngx_http_stentor_audience_unread(r)) {
        return NGX_OK;
    }

    status = r->err_status ? r->err_status : r->headers_out.status;

    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_REQUEST_TIME_OUT:
    case NGX_HTTP_REQUEST_URI_TOO_LARGE:
    case 431:
    case NGX_HTTP_VERSION_NOT_SUPPORTED:
    case NGX_HTTP_REQUEST_HEADER_TOO_LARGE:
    case NGX_HTTPS_CERT_ERROR:
    case NGX_HTTPS_NO_CERT:
    case NGX_HTTP_TO_HTTPS:
        w = ngx_http_stentor_hls_worker();

        if (w) {
            ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_MALFORMED);
        }
    }

    return NGX_OK;
}


/* Whether the request was over before any phase was run, but for those of a
 * page that "error_page" has for it: it was not read to its end, or names no
 * host. */

static ngx_uint_t
ngx_http_stentor_audience_unread(ngx_http_request_t *r)
{
    if (r->error_page && r->internal) {
        return r->http_state <= NGX_HTTP_READING_REQUEST_STATE
               || r->headers_in.host == NULL;
    }

    return !r->phase_handler && !r->internal;
}
