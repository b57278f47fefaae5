/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a session sends, through nginx's filters (see
 * ngx_http_stentor_relay.h).  A response lasts for hours, so nothing here
 * grows with it: links and buffers go round, and a reference to bytes is given
 * back as soon as they have left.
 *
 *     put -> out --send--> busy (nginx has it) --sent--> free -> put
 */

#include "ngx_http_stentor_relay.h"


/* Who takes nothing for so long is gone. */
#define NGX_HTTP_STENTOR_RELAY_SEND_MS  10000


/* A buffer, and what keeps its bytes. */

typedef struct {
    ngx_buf_t                 buf;
    ngx_stentor_bytes_t      *bytes;
} ngx_http_stentor_relay_buf_t;


static ngx_chain_t *ngx_http_stentor_relay_link(
    ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_sent(ngx_http_stentor_relay_session_t *s);
static void ngx_http_stentor_relay_unref(ngx_chain_t *cl);


ngx_int_t
ngx_http_stentor_relay_put(ngx_http_stentor_relay_session_t *s,
    ngx_stentor_bytes_t *bytes)
{
    ngx_buf_t                     *b;
    ngx_chain_t                   *cl;
    ngx_http_stentor_relay_buf_t  *rb;

    cl = ngx_http_stentor_relay_link(s);
    if (cl == NULL) {
        ngx_stentor_bytes_release(bytes);
        return NGX_ERROR;
    }

    b = cl->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = bytes->data;
    b->last = bytes->data + bytes->len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;

    rb = (ngx_http_stentor_relay_buf_t *) b;
    rb->bytes = bytes;

    cl->next = NULL;
    *s->last = cl;
    s->last = &cl->next;
    s->size += bytes->len;

    ngx_http_stentor_relay_count(s->relays, NGX_STENTOR_RELAY_BYTES_OUT,
                                 bytes->len);
    return NGX_OK;
}


static ngx_chain_t *
ngx_http_stentor_relay_link(ngx_http_stentor_relay_session_t *s)
{
    ngx_pool_t   *pool;
    ngx_chain_t  *cl;

    cl = s->free;

    if (cl) {
        s->free = cl->next;
        return cl;
    }

    pool = s->request->pool;

    cl = ngx_alloc_chain_link(pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = ngx_palloc(pool, sizeof(ngx_http_stentor_relay_buf_t));

    return cl->buf ? cl : NULL;
}


ngx_int_t
ngx_http_stentor_relay_put_record(ngx_http_stentor_relay_session_t *s, int rc)
{
    stn_buf_t            *record;
    ngx_log_t            *log;
    ngx_stentor_bytes_t  *bytes;

    record = &s->relays->record;
    log = s->request->connection->log;

    if (rc != STN_OK) {
        stn_buf_reset(record);

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "relay of \"%V\" has a record that cannot be sent (%d)",
                      &s->query.name, rc);
        return NGX_ERROR;
    }

    bytes = ngx_stentor_bytes_create(record->len, log);

    if (bytes) {
        ngx_memcpy(bytes->data, record->data, record->len);
    }

    stn_buf_reset(record);

    return bytes ? ngx_http_stentor_relay_put(s, bytes) : NGX_ERROR;
}


ngx_int_t
ngx_http_stentor_relay_send(ngx_http_stentor_relay_session_t *s)
{
    ngx_int_t            rc;
    ngx_chain_t        **ll, *out;
    ngx_event_t         *wev;
    ngx_http_request_t  *r;

    r = s->request;
    wev = r->connection->write;
    out = s->out;

    if (out) {
        ngx_stentor_container(s->last, ngx_chain_t, next)->buf->flush = 1;
    }

    for (ll = &s->busy; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = out;
    s->out = NULL;
    s->last = &s->out;
    s->size = 0;

    rc = ngx_http_output_filter(r, out);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_http_stentor_relay_sent(s);

    s->blocked = (s->busy || r->buffered || r->connection->buffered);

    if (!s->blocked) {

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        return NGX_OK;
    }

    if (!wev->delayed) {
        ngx_add_timer(wev, NGX_HTTP_STENTOR_RELAY_SEND_MS);
    }

    return ngx_handle_write_event(wev, 0) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_http_stentor_relay_sent(ngx_http_stentor_relay_session_t *s)
{
    ngx_chain_t  *cl;

    while (s->busy && ngx_buf_size(s->busy->buf) == 0) {
        cl = s->busy;
        s->busy = cl->next;

        ngx_http_stentor_relay_unref(cl);

        cl->next = s->free;
        s->free = cl;
    }
}


void
ngx_http_stentor_relay_release(ngx_http_stentor_relay_session_t *s)
{
    ngx_chain_t  *cl;

    for (cl = s->busy; cl; cl = cl->next) {
        ngx_http_stentor_relay_unref(cl);
    }

    for (cl = s->out; cl; cl = cl->next) {
        ngx_http_stentor_relay_unref(cl);
    }
}


static void
ngx_http_stentor_relay_unref(ngx_chain_t *cl)
{
    ngx_http_stentor_relay_buf_t  *rb;

    rb = (ngx_http_stentor_relay_buf_t *) cl->buf;

    ngx_stentor_bytes_release(rb->bytes);
}


void
ngx_http_stentor_relay_count(ngx_http_stentor_relays_t *relays,
    ngx_stentor_counter_e counter, int64_t n)
{
    ngx_stentor_store_count(relays->scf->store, relays->scf->worker.wake->slot,
                            counter, n);
}
