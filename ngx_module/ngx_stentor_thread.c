/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Starting threads (see ngx_stentor_thread.h).  Called in an event loop: the
 * mask is changed for the moment that the new thread inherits it.
 */

#include "ngx_stentor_thread.h"

#include <signal.h>


ngx_err_t
ngx_stentor_thread(pthread_t *thread, void *(*run)(void *data), void *data)
{
    int       err;
    sigset_t  all, former;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);

    err = pthread_create(thread, NULL, run, data);

    pthread_sigmask(SIG_SETMASK, &former, NULL);

    return err;
}


void
ngx_stentor_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t  attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}
