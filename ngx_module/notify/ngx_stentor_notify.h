/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Events for the operator's webhook ("on_event"): from any thread of a worker
 * they go to its outbox, and one thread of their own posts them with libcurl,
 * in the order of each URL, again and again while a receiver fails.
 *
 *     event loop, live threads:  event ----+
 *                                          | outbox (mutex)
 *     notify thread:                       +----> POST, retry, give up
 *
 * Nobody who has an event waits for anybody who takes it.
 */

#ifndef _NGX_STENTOR_NOTIFY_H_INCLUDED_
#define _NGX_STENTOR_NOTIFY_H_INCLUDED_


#include "store/ngx_stentor_store.h"
#include "audience/stn_verdict.h"


/* Makes the worker's notify, and readies libcurl: before the worker has any
 * threads.  Its own is started by the first event.  Events are counted in
 * slot.  Returns NULL on failure. */
ngx_stentor_notify_t *ngx_stentor_notify_create(ngx_cycle_t *cycle,
    ngx_stentor_store_t *store, ngx_uint_t slot);

/* The worker exits, and all who have events have ended: what waits is tried
 * at once, and for at most 2 s (1 s if nginx terminates), then dropped. */
void ngx_stentor_notify_exit(ngx_stentor_notify_t *n);

/*
 * Sends an event of a stream, or of the node (NULL), to url (0-terminated; it
 * is copied).  From any thread; waits for nothing but a mutex that is never
 * held over I/O.  fmt (as for printf())
 * and what follows write further members of the JSON object, such as
 * "\"level_db\":%.2f", or fmt is NULL; strings among them are escaped by the
 * caller (ngx_escape_json()), and all together shorter than 4096 bytes.
 *
 * Returns NGX_OK when it is in the outbox, or url is NULL or empty (then it
 * does nothing); NGX_DECLINED when it is lost: out of memory or threads, too
 * long, or the worker has exited.
 */
ngx_int_t ngx_stentor_notify_event(ngx_stentor_notify_t *n, const char *url,
    ngx_str_t *stream, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Sends "verdict" to the node's own URL; see ngx_stentor_pulse_news_pt. */
void ngx_stentor_notify_verdict(ngx_cycle_t *cycle, stn_verdict_e was,
    const stn_verdict_t *verdict, const stn_verdict_figures_t *f);


#endif /* _NGX_STENTOR_NOTIFY_H_INCLUDED_ */
