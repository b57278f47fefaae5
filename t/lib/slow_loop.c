/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A library for LD_PRELOAD: an event loop takes note of what has happened some
 * milliseconds (SLOW_LOOP) later than its threads may think, and as long as
 * there is the file that SLOW_WAITS names, threads that wait for something do
 * not go on.  So it is on a machine with much to do.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>


#define SLOW_LOOK_US  20000


typedef int (*slow_epoll_pt)(int ep, struct epoll_event *events, int max,
    int timeout);
typedef int (*slow_wait_pt)(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until);


static void slow_init(void) __attribute__((constructor));


static useconds_t     slow_us;
static const char    *slow_path;
static slow_epoll_pt  slow_epoll;
static slow_wait_pt   slow_wait;


/* nginx clears its environment soon. */

static void
slow_init(void)
{
    const char  *ms;

    ms = getenv("SLOW_LOOP");
    slow_us = ms ? (useconds_t) (1000 * atol(ms)) : 0;
    slow_path = getenv("SLOW_WAITS");

    if (slow_path) {
        slow_path = strdup(slow_path);
    }

    *(void **) &slow_epoll = dlsym(RTLD_NEXT, "epoll_wait");
    *(void **) &slow_wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait",
                                   "GLIBC_2.3.2");

    if (slow_wait == NULL) {
        *(void **) &slow_wait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
}


int
epoll_wait(int ep, struct epoll_event *events, int max, int timeout)
{
    int  n;

    n = slow_epoll(ep, events, max, timeout);

    if (n > 0 && syscall(SYS_gettid) == getpid()) {
        usleep(slow_us);
    }

    return n;
}


int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until)
{
    int  rc;

    rc = slow_wait(cond, mutex, until);

    while (slow_path && access(slow_path, F_OK) == 0) {
        pthread_mutex_unlock(mutex);
        usleep(SLOW_LOOK_US);
        pthread_mutex_lock(mutex);
    }

    return rc;
}
