/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Questions to the operator's webhook ("on_publish"): from the event loop a
 * JSON object is posted to a URL, and what is answered comes back to it.  One
 * thread a worker, started by the first question, runs them with libcurl.
 *
 *     event loop:   ask --+                         +--> hook: handler
 *                         | waiting        answered | (wake slot)
 *     ask thread:         +--> POST ... answer -----+
 *
 * All functions are called in the event loop and wait for nothing but a mutex
 * that is never held over I/O.
 */

#ifndef _NGX_STENTOR_ASK_H_INCLUDED_
#define _NGX_STENTOR_ASK_H_INCLUDED_


#include "store/ngx_stentor_wake.h"
#include "told/stn_answer.h"


/* Questions that are posted at once; others wait for their turn, and beyond
 * so many in all a worker asks no more. */
#define NGX_STENTOR_ASK_FLYING  64
#define NGX_STENTOR_ASK_MAX     512

/* The longest answer. */
#define NGX_STENTOR_ASK_ANSWER_MAX  16384


typedef struct ngx_stentor_ask_s  ngx_stentor_ask_t;

/* The question is over when it is called; answer is good until it returns. */
typedef void (*ngx_stentor_ask_pt)(void *data,
    const stn_answer_t *answer);


/* Makes the worker's asks, and readies libcurl: before the worker has any
 * threads.  Returns NULL on failure. */
ngx_stentor_asks_t *ngx_stentor_asks_create(ngx_cycle_t *cycle,
    ngx_stentor_wake_t *wake);

/* The worker exits: questions are dropped, and nobody is told. */
void ngx_stentor_asks_exit(ngx_stentor_asks_t *asks);

/*
 * Asks whom conf names.  body is the JSON, malloc()ed and ended by a zero; it
 * is given away in any case.  handler is called with data once, not before
 * this returns and not later than conf's timeout; a worker that exits waits
 * for that.  Returns NULL when NGX_STENTOR_ASK_MAX questions are open, or
 * there is no memory or thread.
 */
ngx_stentor_ask_t *ngx_stentor_ask(ngx_stentor_asks_t *asks,
    const ngx_stentor_ask_conf_t *conf, char *body,
    ngx_stentor_ask_pt handler, void *data);

/* Nobody wants to know any more: the handler is not called. */
void ngx_stentor_ask_cancel(ngx_stentor_ask_t *ask);


#endif /* _NGX_STENTOR_ASK_H_INCLUDED_ */
