/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Connections of http (see ngx_stentor_http.h).  nginx counts a request of
 * HTTP/2 when its head begins, and one of HTTP/3 for its stream alone: so it is
 * written down here which connections have asked, by their numbers, which are
 * never used again.
 *
 * What a connection keeps is a request or something else, by turns: a request
 * says that it is one, and what HTTP/2 has begins with the connection itself.
 */

#include "ngx_stentor_http.h"

#include <ngx_http.h>


/* Who has not asked by then, or has asked for half of something, could have. */
#define NGX_STENTOR_HTTP_MUTE_MS  3000
#define NGX_STENTOR_HTTP_SLOW_S   3


static ngx_uint_t ngx_stentor_http_has_asked(ngx_connection_t *c);
static ngx_http_request_t *ngx_stentor_http_half(ngx_connection_t *c);


/* The worker's: for each of its connections the number of the one that asked
 * there last. */

static ngx_cycle_t        *ngx_stentor_http_cycle;
static ngx_atomic_uint_t  *ngx_stentor_http_asked;


ngx_int_t
ngx_stentor_http_init(ngx_cycle_t *cycle)
{
    ngx_stentor_http_cycle = cycle;
    ngx_stentor_http_asked = ngx_pcalloc(cycle->pool, cycle->connection_n
                                                  * sizeof(ngx_atomic_uint_t));

    return ngx_stentor_http_asked ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_stentor_http_asks(ngx_connection_t *c)
{
    if (ngx_stentor_http_has_asked(c)) {
        return 0;
    }

    ngx_stentor_http_asked[c - ngx_stentor_http_cycle->connections] =
        c->number;

    return 1;
}


/* Numbers begin with 1.  Without a master process connections live on over a
 * reload, and are none of the cycle's. */

static ngx_uint_t
ngx_stentor_http_has_asked(ngx_connection_t *c)
{
    ngx_cycle_t  *cycle;

    cycle = ngx_stentor_http_cycle;

    return c < cycle->connections
           || c >= cycle->connections + cycle->connection_n
           || ngx_stentor_http_asked[c - cycle->connections] == c->number;
}


ngx_stentor_pulse_kind_e
ngx_stentor_http_look(ngx_connection_t *c)
{
    ngx_http_request_t  *r;

    if (c->listening->handler != ngx_http_init_connection) {
        return NGX_STENTOR_PULSE_OTHER;
    }

    if (!ngx_stentor_http_has_asked(c)) {

        if (ngx_current_msec - c->start_time < NGX_STENTOR_HTTP_MUTE_MS) {
            return NGX_STENTOR_PULSE_YOUNG;
        }

        return c->requests ? NGX_STENTOR_PULSE_READING
                           : NGX_STENTOR_PULSE_MUTE;
    }

    r = ngx_stentor_http_half(c);

    if (r) {
        return ngx_time() - r->start_sec >= NGX_STENTOR_HTTP_SLOW_S
               ? NGX_STENTOR_PULSE_READING : NGX_STENTOR_PULSE_YOUNG;
    }

    return NGX_STENTOR_PULSE_ASKED;
}


/* The request whose head is being read, or NULL. */

static ngx_http_request_t *
ngx_stentor_http_half(ngx_connection_t *c)
{
    ngx_http_request_t        *r;
#if (NGX_HTTP_V2)
    ngx_http_v2_connection_t  *h2c;

    h2c = c->data;

    if (h2c && h2c->connection == c) {
        return h2c->state.pool && h2c->state.stream
               ? h2c->state.stream->request : NULL;
    }
#endif

    r = c->data;

    /* whoever handles a request says what is done when more can be sent */

    return r && r->signature == NGX_HTTP_MODULE
           && r->write_event_handler == NULL ? r : NULL;
}
