/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The event loop's side of questions (see ngx_stentor_ask.h).  The time-out
 * is kept here, by a timer of the event loop: whatever becomes of the thread,
 * nobody waits longer for it.
 */

#include "ngx_stentor_ask_thread.h"


static ngx_stentor_ask_t *ngx_stentor_ask_create(ngx_stentor_asks_t *asks,
    const ngx_stentor_ask_conf_t *conf);
static ngx_int_t ngx_stentor_ask_put(ngx_stentor_ask_t *ask);
static void ngx_stentor_ask_timeout(ngx_event_t *ev);
static void ngx_stentor_asks_wake(void *data, ngx_stentor_stream_t *st);
static ngx_stentor_ask_t *ngx_stentor_ask_take(ngx_stentor_asks_t *asks);
static void ngx_stentor_ask_done(ngx_stentor_ask_t *ask);
static void ngx_stentor_ask_drop(ngx_queue_t *queue);
static void ngx_stentor_ask_free(ngx_stentor_ask_t *ask);


ngx_stentor_asks_t *
ngx_stentor_asks_create(ngx_cycle_t *cycle, ngx_stentor_wake_t *wake)
{
    ngx_stentor_asks_t  *asks;

    asks = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_asks_t));

    if (asks == NULL || ngx_stentor_post_init(cycle->log) != NGX_OK) {
        return NULL;
    }

    asks->wake = wake;
    asks->log = cycle->log;

    pthread_mutex_init(&asks->mutex, NULL);
    ngx_queue_init(&asks->waiting);
    ngx_queue_init(&asks->flying);
    ngx_queue_init(&asks->answered);

    if (ngx_stentor_wake_hook(wake, ngx_stentor_asks_wake, asks) != NGX_OK) {
        return NULL;
    }

    return asks;
}


void
ngx_stentor_asks_exit(ngx_stentor_asks_t *asks)
{
    pthread_mutex_lock(&asks->mutex);

    asks->quit = 1;
    ngx_stentor_post_wake(&asks->poster);

    pthread_mutex_unlock(&asks->mutex);

    ngx_stentor_post_join(&asks->poster);

    ngx_stentor_ask_drop(&asks->waiting);
    ngx_stentor_ask_drop(&asks->answered);

    ngx_stentor_post_exit();
}


ngx_stentor_ask_t *
ngx_stentor_ask(ngx_stentor_asks_t *asks, const ngx_stentor_ask_conf_t *conf,
    char *body, ngx_stentor_ask_pt handler, void *data)
{
    ngx_stentor_ask_t  *ask;

    ask = (asks->n < NGX_STENTOR_ASK_MAX) ? ngx_stentor_ask_create(asks, conf)
                                          : NULL;
    if (ask == NULL) {
        free(body);
        return NULL;
    }

    ask->body = body;
    ask->handler = handler;
    ask->data = data;

    if (ngx_stentor_ask_put(ask) != NGX_OK) {
        ngx_stentor_ask_free(ask);
        return NULL;
    }

    ngx_add_timer(&ask->timer, conf->timeout);

    return ask;
}


/* A configuration may be gone before its questions are: the URL is copied. */

static ngx_stentor_ask_t *
ngx_stentor_ask_create(ngx_stentor_asks_t *asks,
    const ngx_stentor_ask_conf_t *conf)
{
    ngx_stentor_ask_t  *ask;

    ask = calloc(1, sizeof(ngx_stentor_ask_t) + conf->url.len + 1);
    if (ask == NULL) {
        return NULL;
    }

    ask->url = (char *) (ask + 1);
    ngx_memcpy(ask->url, conf->url.data, conf->url.len);

    ask->timeout = conf->timeout;
    ask->asks = asks;
    asks->n++;

    stn_buf_init(&ask->text, NGX_STENTOR_ASK_ANSWER_MAX);

    ask->timer.handler = ngx_stentor_ask_timeout;
    ask->timer.data = asks->wake->connection;
    ask->timer.log = asks->log;

    return ask;
}


static ngx_int_t
ngx_stentor_ask_put(ngx_stentor_ask_t *ask)
{
    ngx_int_t            rc;
    ngx_stentor_asks_t  *asks;

    asks = ask->asks;

    pthread_mutex_lock(&asks->mutex);

    rc = ngx_stentor_post_start(&asks->poster, ngx_stentor_ask_run, asks);

    if (rc == NGX_OK) {
        ngx_queue_insert_tail(&asks->waiting, &ask->queue);
        ngx_stentor_post_wake(&asks->poster);
    }

    pthread_mutex_unlock(&asks->mutex);

    return rc;
}


static void
ngx_stentor_ask_timeout(ngx_event_t *ev)
{
    void                *data;
    ngx_stentor_ask_t   *ask;
    ngx_stentor_ask_pt   handler;

    static const stn_answer_t  answer = {
        .reason = "no answer in time"
    };

    ask = ngx_stentor_container(ev, ngx_stentor_ask_t, timer);
    handler = ask->handler;
    data = ask->data;

    ngx_stentor_ask_cancel(ask);

    handler(data, &answer);
}


/* What the thread has, it gives back as soon as it can. */

void
ngx_stentor_ask_cancel(ngx_stentor_ask_t *ask)
{
    ngx_uint_t           waiting;
    ngx_stentor_asks_t  *asks;

    asks = ask->asks;
    ask->handler = NULL;

    if (ask->timer.timer_set) {
        ngx_del_timer(&ask->timer);
    }

    pthread_mutex_lock(&asks->mutex);

    waiting = (ask->state == NGX_STENTOR_ASK_ST_WAITING);

    if (waiting) {
        ngx_queue_remove(&ask->queue);

    } else if (ask->state == NGX_STENTOR_ASK_ST_FLYING) {
        ask->cancelled = 1;
        ngx_stentor_post_wake(&asks->poster);
    }

    pthread_mutex_unlock(&asks->mutex);

    if (waiting) {
        ngx_stentor_ask_free(ask);
    }
}


/* A wake-up that is for no stream may be the thread's. */

static void
ngx_stentor_asks_wake(void *data, ngx_stentor_stream_t *st)
{
    ngx_stentor_asks_t *asks = data;

    ngx_stentor_ask_t  *ask;

    if (st) {
        return;
    }

    while (asks->n && (ask = ngx_stentor_ask_take(asks))) {
        ngx_stentor_ask_done(ask);
    }
}


static ngx_stentor_ask_t *
ngx_stentor_ask_take(ngx_stentor_asks_t *asks)
{
    ngx_queue_t        *q;
    ngx_stentor_ask_t  *ask;

    ask = NULL;

    pthread_mutex_lock(&asks->mutex);

    if (!ngx_queue_empty(&asks->answered)) {
        q = ngx_queue_head(&asks->answered);
        ngx_queue_remove(q);
        ask = ngx_queue_data(q, ngx_stentor_ask_t, queue);
    }

    pthread_mutex_unlock(&asks->mutex);

    return ask;
}


static void
ngx_stentor_ask_done(ngx_stentor_ask_t *ask)
{
    if (ask->timer.timer_set) {
        ngx_del_timer(&ask->timer);
    }

    if (ask->handler) {
        ask->handler(ask->data, &ask->answer);
    }

    ngx_stentor_ask_free(ask);
}


static void
ngx_stentor_ask_drop(ngx_queue_t *queue)
{
    ngx_queue_t        *q;
    ngx_stentor_ask_t  *ask;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        ask = ngx_queue_data(q, ngx_stentor_ask_t, queue);

        if (ask->timer.timer_set) {
            ngx_del_timer(&ask->timer);
        }

        ngx_stentor_ask_free(ask);
    }
}


static void
ngx_stentor_ask_free(ngx_stentor_ask_t *ask)
{
    ask->asks->n--;

    stn_buf_free(&ask->text);
    free(ask->body);
    free(ask);
}
