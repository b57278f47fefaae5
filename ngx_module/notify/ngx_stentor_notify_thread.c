/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The thread that posts events (see ngx_stentor_notify.h): takes from the
 * outbox what is due and posts it, one try a URL at a time.
 */

#include "ngx_stentor_notify_thread.h"


#define NGX_STENTOR_NOTIFY_CONNECT_MS  3000
#define NGX_STENTOR_NOTIFY_TIMEOUT_MS  5000

/* What is read of an answer, so that its connection can be used again. */
#define NGX_STENTOR_NOTIFY_ANSWER_MAX  (64 * 1024)

/* The thread looks around this often even when nothing is due. */
#define NGX_STENTOR_NOTIFY_IDLE_MS  60000


/* An event on its way. */

typedef struct {
    ngx_queue_t                   queue;
    ngx_stentor_outbox_target_t  *target;
    ngx_stentor_post_t            post;
} ngx_stentor_notify_try_t;


static ngx_uint_t ngx_stentor_notify_over(ngx_stentor_notify_t *n);
static int ngx_stentor_notify_pause(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_begin(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_try(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, ngx_stentor_outbox_event_t *ev);
static void ngx_stentor_notify_collect(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_done(ngx_stentor_notify_t *n,
    ngx_stentor_notify_try_t *t);
static ngx_int_t ngx_stentor_notify_outcome(long status);
static void ngx_stentor_notify_settle(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, const char *reason);
static void ngx_stentor_notify_retry(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, int64_t least_ms,
    const char *reason);
static ngx_uint_t ngx_stentor_notify_expire(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, int64_t now, const char *reason);
static void ngx_stentor_notify_lose(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, ngx_stentor_outbox_event_t *ev,
    const char *reason);
static void ngx_stentor_notify_free(ngx_stentor_notify_t *n,
    ngx_stentor_notify_try_t *t);


void *
ngx_stentor_notify_run(void *data)
{
    ngx_stentor_notify_t *n = data;

    ngx_queue_t               *q;
    ngx_stentor_notify_try_t  *t;

    for ( ;; ) {
        ngx_stentor_notify_begin(n);

        ngx_stentor_post_perform(&n->poster);

        ngx_stentor_notify_collect(n);

        if (ngx_stentor_notify_over(n)) {
            break;
        }

        ngx_stentor_post_wait(&n->poster, ngx_stentor_notify_pause(n));
    }

    while (!ngx_queue_empty(&n->tries)) {
        q = ngx_queue_head(&n->tries);
        t = ngx_queue_data(q, ngx_stentor_notify_try_t, queue);
        ngx_stentor_notify_free(n, t);
    }

    return NULL;
}


/* Whether the worker exits, and nothing can be done any more. */

static ngx_uint_t
ngx_stentor_notify_over(ngx_stentor_notify_t *n)
{
    ngx_uint_t  over;

    pthread_mutex_lock(&n->mutex);

    over = n->deadline != INT64_MAX
           && (ngx_stentor_notify_now() >= n->deadline
               || (ngx_queue_empty(&n->tries)
                   && ngx_stentor_outbox_due(&n->box) >= n->deadline));

    pthread_mutex_unlock(&n->mutex);

    return over;
}


/* Milliseconds until there is something to do that libcurl does not know. */

static int
ngx_stentor_notify_pause(ngx_stentor_notify_t *n)
{
    int64_t  due;

    pthread_mutex_lock(&n->mutex);

    due = ngx_min(ngx_stentor_outbox_due(&n->box), n->deadline);

    pthread_mutex_unlock(&n->mutex);

    due -= ngx_stentor_notify_now();

    return (int) ngx_min(ngx_max(due, 0), NGX_STENTOR_NOTIFY_IDLE_MS);
}


/* Begins all tries that are due.  The events are safe without the mutex:
 * what is being sent is never dropped. */

static void
ngx_stentor_notify_begin(ngx_stentor_notify_t *n)
{
    ngx_stentor_outbox_event_t   *ev;
    ngx_stentor_outbox_target_t  *target;

    for ( ;; ) {
        ev = NULL;

        pthread_mutex_lock(&n->mutex);

        if (n->box.n <= NGX_STENTOR_OUTBOX_MAX / 2) {
            n->crowded = 0;
        }

        target = ngx_stentor_outbox_begin(&n->box, ngx_stentor_notify_now());
        if (target) {
            ev = ngx_stentor_outbox_first(target);
        }

        pthread_mutex_unlock(&n->mutex);

        if (target == NULL) {
            return;
        }

        ngx_stentor_notify_try(n, target, ev);
    }
}


static void
ngx_stentor_notify_try(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, ngx_stentor_outbox_event_t *ev)
{
    ngx_stentor_notify_try_t  *t;

    t = calloc(1, sizeof(ngx_stentor_notify_try_t));

    if (t) {
        t->target = target;
        t->post.url = target->url;
        t->post.body = (char *) ev->body.data;
        t->post.len = ev->body.len;
        t->post.id = ev->id;
        t->post.connect_timeout = NGX_STENTOR_NOTIFY_CONNECT_MS;
        t->post.timeout = NGX_STENTOR_NOTIFY_TIMEOUT_MS;
        t->post.answer_max = NGX_STENTOR_NOTIFY_ANSWER_MAX;
        t->post.data = t;

        ngx_queue_insert_tail(&n->tries, &t->queue);

        if (ngx_stentor_post_begin(&n->poster, &t->post) == NGX_OK) {
            return;
        }

        ngx_stentor_notify_free(n, t);
    }

    ngx_stentor_notify_retry(n, target, 0, "out of memory");
}


/* Settles the tries that have ended. */

static void
ngx_stentor_notify_collect(ngx_stentor_notify_t *n)
{
    ngx_stentor_post_t  *post;

    while ((post = ngx_stentor_post_next(&n->poster))) {
        ngx_stentor_notify_done(n, post->data);
    }
}


static void
ngx_stentor_notify_done(ngx_stentor_notify_t *n, ngx_stentor_notify_try_t *t)
{
    long                          status;
    char                          reason[NGX_STENTOR_POST_REASON];
    curl_off_t                    wait;
    ngx_stentor_outbox_target_t  *target;

    wait = 0;
    status = t->post.status;
    target = t->target;

    curl_easy_getinfo(t->post.easy, CURLINFO_RETRY_AFTER, &wait);
    ngx_stentor_post_reason(&t->post, reason);

    ngx_stentor_notify_free(n, t);

    switch (ngx_stentor_notify_outcome(status)) {

    case NGX_OK:
        ngx_stentor_notify_settle(n, target, NULL);
        break;

    case NGX_DECLINED:
        ngx_stentor_notify_settle(n, target, reason);
        break;

    default: /* NGX_AGAIN */
        wait = ngx_min(wait, NGX_STENTOR_OUTBOX_WAIT_MAX_MS / 1000);
        ngx_stentor_notify_retry(n, target, wait * 1000, reason);
    }
}


/* Whether the event has been taken, may be tried again, or has been refused
 * and would be again.  Once there is a status it counts, whatever became of
 * the rest of the answer. */

static ngx_int_t
ngx_stentor_notify_outcome(long status)
{
    if (status >= 200 && status < 300) {
        return NGX_OK;
    }

    if (status < 200 || status == 408 || status == 429 || status >= 500) {
        return NGX_AGAIN;
    }

    return NGX_DECLINED;
}


/* The event that was sent has been taken (reason NULL), or refused. */

static void
ngx_stentor_notify_settle(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, const char *reason)
{
    ngx_stentor_outbox_event_t  *ev;

    pthread_mutex_lock(&n->mutex);

    ev = ngx_stentor_outbox_settle(&n->box, target, ngx_stentor_notify_now());

    pthread_mutex_unlock(&n->mutex);

    if (reason) {
        ngx_stentor_notify_lose(n, target, ev, reason);
        return;
    }

    ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_SENT, 1);
    ngx_stentor_outbox_event_free(ev);
}


/* The event that was sent waits for its next try, unless it is too old. */

static void
ngx_stentor_notify_retry(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, int64_t least_ms, const char *reason)
{
    int64_t     now, wait;
    ngx_uint_t  first;

    now = ngx_stentor_notify_now();

    pthread_mutex_lock(&n->mutex);

    first = (target->failures == 0);
    wait = ngx_stentor_outbox_retry(target, now, least_ms);

    pthread_mutex_unlock(&n->mutex);

    if (first) {
        ngx_log_error(NGX_LOG_WARN, &n->log, 0,
                      "events for %s are delayed: %s, next try in %L ms",
                      target->label, reason, wait);
    }

    if (ngx_stentor_notify_expire(n, target, now, reason) == 0) {
        ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_RETRIES, 1);
    }
}


/* Gives up those of a failing target that have waited long enough: the one
 * that was sent, and perhaps others behind it.  Returns how many. */

static ngx_uint_t
ngx_stentor_notify_expire(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, int64_t now, const char *reason)
{
    ngx_uint_t                   i;
    ngx_stentor_outbox_event_t  *ev;

    for (i = 0; /* void */ ; i++) {
        pthread_mutex_lock(&n->mutex);
        ev = ngx_stentor_outbox_expired(&n->box, target, now);
        pthread_mutex_unlock(&n->mutex);

        if (ev == NULL) {
            return i;
        }

        ngx_stentor_notify_lose(n, target, ev, reason);
    }
}


static void
ngx_stentor_notify_lose(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, ngx_stentor_outbox_event_t *ev,
    const char *reason)
{
    ngx_log_error(NGX_LOG_ERR, &n->log, 0,
                  "event \"%s\" of %s is given up: %s, %s",
                  ev->name, ev->whose, target->label, reason);

    ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_FAILED, 1);
    ngx_stentor_outbox_event_free(ev);
}


static void
ngx_stentor_notify_free(ngx_stentor_notify_t *n, ngx_stentor_notify_try_t *t)
{
    ngx_queue_remove(&t->queue);
    ngx_stentor_post_end(&n->poster, &t->post);
    free(t);
}
