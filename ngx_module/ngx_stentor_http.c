/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Connections of http (see ngx_stentor_http.h).  What they keep is a request
 * or something else, by turns; a request says that it is one.
 */

#include "ngx_stentor_http.h"

#include <ngx_http.h>


/* Who has not asked by then, or has asked for half of something, could have. */
#define NGX_STENTOR_HTTP_MUTE_MS  3000
#define NGX_STENTOR_HTTP_SLOW_S   3


ngx_stentor_pulse_kind_e
ngx_stentor_http_look(ngx_connection_t *c)
{
    ngx_http_request_t  *r;

    if (c->listening->handler != ngx_http_init_connection) {
        return NGX_STENTOR_PULSE_OTHER;
    }

    if (c->requests == 0) {
        return ngx_current_msec - c->start_time >= NGX_STENTOR_HTTP_MUTE_MS
               ? NGX_STENTOR_PULSE_MUTE : NGX_STENTOR_PULSE_YOUNG;
    }

    r = c->data;

    /* whoever handles a request says what is done when more can be sent */

    if (r && r->signature == NGX_HTTP_MODULE && r->write_event_handler == NULL)
    {
        return ngx_time() - r->start_sec >= NGX_STENTOR_HTTP_SLOW_S
               ? NGX_STENTOR_PULSE_READING : NGX_STENTOR_PULSE_YOUNG;
    }

    return NGX_STENTOR_PULSE_ASKED;
}
