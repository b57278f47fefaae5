/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a connection of nginx's http is at, which nginx itself tells nobody:
 * for the pulse, which looks through all of a worker's now and then.
 */

#ifndef _NGX_STENTOR_HTTP_H_INCLUDED_
#define _NGX_STENTOR_HTTP_H_INCLUDED_


#include "ngx_stentor.h"
#include "store/ngx_stentor_pulse.h"


/* Makes room for what is known of the worker's connections.  Returns NGX_OK,
 * or NGX_ERROR out of memory. */
ngx_int_t ngx_stentor_http_init(ngx_cycle_t *cycle);

/* The connection, a real one, has asked: all of a request's head is here.
 * Returns whether that is the first time. */
ngx_uint_t ngx_stentor_http_asks(ngx_connection_t *c);

/* See ngx_stentor_pulse_look_pt. */
ngx_stentor_pulse_kind_e ngx_stentor_http_look(ngx_connection_t *c);


#endif /* _NGX_STENTOR_HTTP_H_INCLUDED_ */
