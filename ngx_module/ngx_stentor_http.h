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


/* See ngx_stentor_pulse_look_pt. */
ngx_stentor_pulse_kind_e ngx_stentor_http_look(ngx_connection_t *c);


#endif /* _NGX_STENTOR_HTTP_H_INCLUDED_ */
