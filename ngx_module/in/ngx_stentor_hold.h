/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The hold audio of a worker's streams: each file, and the comfort that plays
 * without one, is encoded once for each format that is asked for, on a thread
 * of its own, and shared by all streams of the worker.  Until a file is ready
 * they play comfort.
 */

#ifndef _NGX_STENTOR_HOLD_H_INCLUDED_
#define _NGX_STENTOR_HOLD_H_INCLUDED_


#include "ngx_stentor.h"
#include "programme/stn_hold.h"


/* The longest file, and the most loops of a worker. */
#define NGX_STENTOR_HOLD_SIZE  (256 * 1024 * 1024)
#define NGX_STENTOR_HOLDS      64


/* The file that stands for comfort, and how long making that may take before
 * a stream that needs it to begin with makes its own. */
extern ngx_str_t  ngx_stentor_comfort;

#define NGX_STENTOR_COMFORT_MS  2000


typedef struct ngx_stentor_holds_s  ngx_stentor_holds_t;


/* Makes the worker's list of loops; NULL on failure. */
ngx_stentor_holds_t *ngx_stentor_holds_create(ngx_cycle_t *cycle);

/* The worker exits: ends what is being made.  No stream may be left. */
void ngx_stentor_holds_exit(ngx_stentor_holds_t *holds);

/* From any thread: the loop of that file (its name ended by a zero; empty:
 * comfort) for format, which stays valid until exit; NULL when it is not
 * ready (its making is begun) or cannot be made. */
const stn_hold_t *ngx_stentor_hold_get(ngx_stentor_holds_t *holds,
    ngx_str_t *file, const stn_format_t *format);

/* Likewise, telling why not: NGX_OK; NGX_AGAIN when it is being made;
 * NGX_DECLINED when it cannot be. */
ngx_int_t ngx_stentor_hold_ask(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format, const stn_hold_t **loop);

/* As get, but waits for it to be ready, for at most ms milliseconds.  Never
 * in an event loop. */
const stn_hold_t *ngx_stentor_hold_wait(ngx_stentor_holds_t *holds,
    ngx_str_t *file, const stn_format_t *format, ngx_msec_t ms);

/* While the configuration is read: whether the file can be used.  Returns
 * NGX_OK, or NGX_ERROR having said why. */
ngx_int_t ngx_stentor_hold_check(ngx_conf_t *cf, ngx_str_t *file);


#endif /* _NGX_STENTOR_HOLD_H_INCLUDED_ */
