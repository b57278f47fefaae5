/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Between the two files of the event loop's side of a live stream: who may
 * come to it, and finding it.
 */

#ifndef _NGX_STENTOR_LIVE_MAY_H_INCLUDED_
#define _NGX_STENTOR_LIVE_MAY_H_INCLUDED_


#include "ngx_stentor_live.h"


/* Whether the source may attach to the stream of that full name.  Returns as
 * ngx_stentor_live_attach() does. */
ngx_int_t ngx_stentor_live_may(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source);

/* The full name of app/name, written to data, of NGX_STENTOR_NAME_MAX bytes.
 * Returns NGX_OK, or NGX_ERROR when it is longer. */
ngx_int_t ngx_stentor_live_key(ngx_str_t *key, u_char *data,
    ngx_stentor_app_t *app, ngx_str_t *name);

/* The live of that full name that still has its stream, or NULL: others may be
 * ending, or have lost it to another worker and not found out yet. */
ngx_stentor_live_t *ngx_stentor_live_find(ngx_stentor_lives_t *lives,
    ngx_str_t *name);


#endif /* _NGX_STENTOR_LIVE_MAY_H_INCLUDED_ */
