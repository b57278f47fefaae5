/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the two sides of a worker's notify share: those who have events
 * (ngx_stentor_notify.c) and the thread that posts them.  For those two files
 * only; all others include ngx_stentor_notify.h.
 */

#ifndef _NGX_STENTOR_NOTIFY_THREAD_H_INCLUDED_
#define _NGX_STENTOR_NOTIFY_THREAD_H_INCLUDED_


#include "ngx_stentor_notify.h"
#include "ngx_stentor_outbox.h"
#include "ngx_stentor_post.h"


struct ngx_stentor_notify_s {
    ngx_stentor_store_t   *store;
    ngx_uint_t             slot;
    ngx_str_t              node;
    ngx_log_t              log;

    /* under the mutex, which is never held over what may wait or log */

    pthread_mutex_t        mutex;
    ngx_stentor_outbox_t   box;
    ngx_stentor_poster_t   poster;      /* the thread's; made under it */
    int64_t                deadline;    /* INT64_MAX: no exit yet */
    ngx_uint_t             crowded;     /* boolean: events are lost */

    /* the thread's own */

    ngx_queue_t            tries;
};


/* The thread's function; its argument is the notify.  It ends when deadline
 * has been set, and has passed or leaves nothing to do. */
void *ngx_stentor_notify_run(void *data);

/* Adds to a counter of the worker; from any thread. */
void ngx_stentor_notify_count(ngx_stentor_notify_t *n,
    ngx_stentor_counter_e counter, ngx_uint_t times);

/* Milliseconds of the clock that the outbox is told. */
int64_t ngx_stentor_notify_now(void);


#endif /* _NGX_STENTOR_NOTIFY_THREAD_H_INCLUDED_ */
