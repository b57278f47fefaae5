/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads beside a worker's event loop, which all of its signals are for: they
 * are born with every signal blocked, and so are those that they start.  And
 * what they wait for.
 */

#ifndef _NGX_STENTOR_THREAD_H_INCLUDED_
#define _NGX_STENTOR_THREAD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>


/* Starts a thread that runs run(data); it has to be joined.  Returns 0, or the
 * error that pthread_create() has returned. */
ngx_err_t ngx_stentor_thread(pthread_t *thread, void *(*run)(void *data),
    void *data);

/* A condition whose waits have deadlines of the monotonic clock: the wall clock
 * may be set meanwhile. */
void ngx_stentor_cond_init(pthread_cond_t *cond);


#endif /* _NGX_STENTOR_THREAD_H_INCLUDED_ */
