/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The side of those who have events (see ngx_stentor_notify.h): makes them,
 * puts them into the outbox, and wakes the thread; starts it with the first
 * and ends it when the worker exits.
 */

#include "ngx_stentor_notify_thread.h"

#include <time.h>


/* How long an exiting worker goes on.  One that is told to terminate may be
 * killed by the master from a second and a half on. */
#define NGX_STENTOR_NOTIFY_EXIT_MS       2000
#define NGX_STENTOR_NOTIFY_TERMINATE_MS  1000


static ngx_int_t ngx_stentor_notify_put(ngx_stentor_notify_t *n,
    const char *url, ngx_stentor_outbox_event_t *ev,
    ngx_stentor_outbox_event_t **excess);
static void ngx_stentor_notify_excess(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_event_t *ev);


ngx_stentor_notify_t *
ngx_stentor_notify_create(ngx_cycle_t *cycle, ngx_stentor_store_t *store,
    ngx_uint_t slot)
{
    ngx_stentor_notify_t  *n;

    n = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_notify_t));
    if (n == NULL) {
        return NULL;
    }

    if (ngx_stentor_post_init(cycle->log) != NGX_OK) {
        return NULL;
    }

    n->store = store;
    n->slot = slot;
    n->node = cycle->hostname;
    n->log = *cycle->log;
    n->deadline = INT64_MAX;

    pthread_mutex_init(&n->mutex, NULL);
    ngx_stentor_outbox_init(&n->box);
    ngx_queue_init(&n->tries);

    return n;
}


void
ngx_stentor_notify_exit(ngx_stentor_notify_t *n)
{
    int64_t  now;

    now = ngx_stentor_notify_now();

    pthread_mutex_lock(&n->mutex);

    n->deadline = now + (ngx_terminate ? NGX_STENTOR_NOTIFY_TERMINATE_MS
                                       : NGX_STENTOR_NOTIFY_EXIT_MS);

    ngx_stentor_outbox_hurry(&n->box, now);
    ngx_stentor_post_wake(&n->poster);

    pthread_mutex_unlock(&n->mutex);

    ngx_stentor_post_join(&n->poster);

    if (n->box.n) {
        ngx_log_error(NGX_LOG_ERR, &n->log, 0,
                      "events dropped when the worker exited: %ui", n->box.n);
        ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_DROPPED, n->box.n);
    }

    /* the mutex stays: an event that comes later is declined */

    ngx_stentor_outbox_free(&n->box);
    ngx_stentor_post_exit();
}


ngx_int_t
ngx_stentor_notify_event(ngx_stentor_notify_t *n, const char *url,
    ngx_str_t *stream, const char *event, const char *fmt, ...)
{
    char                         whose[NGX_STENTOR_OUTBOX_WHOSE_MAX + 1];
    va_list                      args;
    ngx_int_t                    rc;
    ngx_stentor_outbox_event_t  *ev, *excess;

    if (url == NULL || *url == '\0') {
        return NGX_OK;
    }

    va_start(args, fmt);
    ev = ngx_stentor_outbox_event(&n->node, stream, event, fmt, args);
    va_end(args);

    excess = NULL;

    rc = ev ? ngx_stentor_notify_put(n, url, ev, &excess) : NGX_DECLINED;

    if (rc != NGX_OK) {
        ngx_stentor_outbox_whose(whose, stream);
        ngx_log_error(NGX_LOG_ERR, &n->log, 0,
                      "event \"%s\" of %s is lost: out of memory or threads, "
                      "or too long", event, whose);
        ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_DROPPED, 1);

        if (ev) {
            ngx_stentor_outbox_event_free(ev);
        }
    }

    if (excess) {
        ngx_stentor_notify_excess(n, excess);
    }

    return rc;
}


/* The wake-up is done under the mutex too, and writes to a descriptor that
 * never blocks: so the multi is there for as long as somebody may use it. */

static ngx_int_t
ngx_stentor_notify_put(ngx_stentor_notify_t *n, const char *url,
    ngx_stentor_outbox_event_t *ev, ngx_stentor_outbox_event_t **excess)
{
    ngx_int_t  rc;

    pthread_mutex_lock(&n->mutex);

    rc = NGX_DECLINED;

    if (n->deadline == INT64_MAX
        && ngx_stentor_post_start(&n->poster, ngx_stentor_notify_run, n)
           == NGX_OK
        && ngx_stentor_outbox_put(&n->box, url, ev, ngx_stentor_notify_now())
           == NGX_OK)
    {
        rc = NGX_OK;
        *excess = ngx_stentor_outbox_excess(&n->box);
        ngx_stentor_post_wake(&n->poster);
    }

    pthread_mutex_unlock(&n->mutex);

    return rc;
}


/* An event had to go for another one: logged once, then counted, until half
 * of the box is free again. */

static void
ngx_stentor_notify_excess(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_event_t *ev)
{
    ngx_uint_t  crowded;

    pthread_mutex_lock(&n->mutex);

    crowded = n->crowded;
    n->crowded = 1;

    pthread_mutex_unlock(&n->mutex);

    if (!crowded) {
        ngx_log_error(NGX_LOG_ERR, &n->log, 0,
                      "%d events wait: the oldest are dropped from now on",
                      NGX_STENTOR_OUTBOX_MAX);
    }

    ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_DROPPED, 1);
    ngx_stentor_outbox_event_free(ev);
}


void
ngx_stentor_notify_count(ngx_stentor_notify_t *n,
    ngx_stentor_counter_e counter, ngx_uint_t times)
{
    ngx_stentor_store_count(n->store, n->slot, counter, (int64_t) times);
}


int64_t
ngx_stentor_notify_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
