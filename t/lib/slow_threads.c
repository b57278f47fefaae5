/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A library for LD_PRELOAD: each thread begins a while after it was made, up
 * to as many milliseconds as SLOW_THREADS says, as it does on a machine with
 * much to do.  What an event loop and a new thread do at once then shows.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>


typedef int (*slow_create_pt)(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *data);


typedef struct {
    void       *(*run)(void *);
    void         *data;
    useconds_t    us;
} slow_thread_t;


static void slow_init(void) __attribute__((constructor));
static void *slow_run(void *data);


static long  slow_us;


/* nginx clears its environment soon. */

static void
slow_init(void)
{
    const char  *ms;

    ms = getenv("SLOW_THREADS");
    slow_us = ms ? 1000 * atol(ms) : 0;
}


int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*run)(void *), void *data)
{
    int              rc;
    slow_thread_t   *slow;
    slow_create_pt   create;

    *(void **) &create = dlsym(RTLD_NEXT, "pthread_create");
    slow = malloc(sizeof(slow_thread_t));

    if (slow == NULL) {
        return create(thread, attr, run, data);
    }

    slow->run = run;
    slow->data = data;
    slow->us = (useconds_t) (random() % (slow_us + 1));

    rc = create(thread, attr, slow_run, slow);

    if (rc) {
        free(slow);
    }

    return rc;
}


static void *
slow_run(void *data)
{
    slow_thread_t slow = *(slow_thread_t *) data;

    free(data);
    usleep(slow.us);

    return slow.run(slow.data);
}
