/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The thread that posts events (see ngx_stentor_notify.h): takes from the
 * outbox what is due and runs it with libcurl's multi interface, one try a
 * URL at a time.  URLs have passwords and tokens in them: only their labels
 * are logged, and of libcurl only its static texts.
 */

#include "ngx_stentor_notify_thread.h"


#define NGX_STENTOR_NOTIFY_CONNECT_MS  3000
#define NGX_STENTOR_NOTIFY_TIMEOUT_MS  5000

/* What is read of an answer, so that its connection can be used again. */
#define NGX_STENTOR_NOTIFY_ANSWER_MAX  (64 * 1024)

/* The thread looks around this often even when nothing is due, and when
 * libcurl cannot even wait. */
#define NGX_STENTOR_NOTIFY_IDLE_MS    60000
#define NGX_STENTOR_NOTIFY_BROKEN_MS  100


/* An event on its way. */

typedef struct {
    ngx_queue_t                   queue;
    ngx_stentor_outbox_target_t  *target;
    CURL                         *easy;
    struct curl_slist            *headers;
    size_t                        answered;    /* bytes of the body */
} ngx_stentor_notify_try_t;


static ngx_uint_t ngx_stentor_notify_over(ngx_stentor_notify_t *n);
static int ngx_stentor_notify_pause(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_begin(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_try(ngx_stentor_notify_t *n,
    ngx_stentor_outbox_target_t *target, ngx_stentor_outbox_event_t *ev);
static ngx_int_t ngx_stentor_notify_headers(ngx_stentor_notify_try_t *t,
    ngx_stentor_outbox_event_t *ev);
static ngx_int_t ngx_stentor_notify_options(ngx_stentor_notify_try_t *t,
    ngx_stentor_outbox_event_t *ev);
static size_t ngx_stentor_notify_answer(char *data, size_t size, size_t n,
    void *arg);
static void ngx_stentor_notify_collect(ngx_stentor_notify_t *n);
static void ngx_stentor_notify_done(ngx_stentor_notify_t *n,
    ngx_stentor_notify_try_t *t, CURLcode rc);
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

    int                        running;
    ngx_queue_t               *q;
    ngx_stentor_notify_try_t  *t;

    for ( ;; ) {
        ngx_stentor_notify_begin(n);

        curl_multi_perform(n->multi, &running);

        ngx_stentor_notify_collect(n);

        if (ngx_stentor_notify_over(n)) {
            break;
        }

        if (curl_multi_poll(n->multi, NULL, 0, ngx_stentor_notify_pause(n),
                            NULL)
            != CURLM_OK)
        {
            ngx_msleep(NGX_STENTOR_NOTIFY_BROKEN_MS);
        }
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
        t->easy = curl_easy_init();
        ngx_queue_insert_tail(&n->tries, &t->queue);

        if (t->easy
            && ngx_stentor_notify_headers(t, ev) == NGX_OK
            && ngx_stentor_notify_options(t, ev) == NGX_OK
            && curl_multi_add_handle(n->multi, t->easy) == CURLM_OK)
        {
            return;
        }

        ngx_stentor_notify_free(n, t);
    }

    ngx_stentor_notify_retry(n, target, 0, "out of memory");
}


static ngx_int_t
ngx_stentor_notify_headers(ngx_stentor_notify_try_t *t,
    ngx_stentor_outbox_event_t *ev)
{
    char                key[64];
    ngx_uint_t          i;
    const char         *line[2];
    struct curl_slist  *list;

    ngx_snprintf((u_char *) key, sizeof(key), "Idempotency-Key: %s%Z",
                 ev->id);

    line[0] = "Content-Type: application/json";
    line[1] = key;

    for (i = 0; i < 2; i++) {
        list = curl_slist_append(t->headers, line[i]);
        if (list == NULL) {
            return NGX_ERROR;
        }

        t->headers = list;
    }

    return NGX_OK;
}


/*
 * QUICK_EXIT: a name that is being resolved when its try ends is left to its
 * thread.  Without it libcurl would wait for the resolver there, and all
 * other URLs with it.
 */

static ngx_int_t
ngx_stentor_notify_options(ngx_stentor_notify_try_t *t,
    ngx_stentor_outbox_event_t *ev)
{
    int    rc;
    CURL  *e;

    e = t->easy;
    rc = 0;

    rc |= curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    rc |= curl_easy_setopt(e, CURLOPT_URL, t->target->url);
    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    rc |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    rc |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_USERAGENT,
                           "Stentor/" NGX_STENTOR_VERSION);
    rc |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    rc |= curl_easy_setopt(e, CURLOPT_POST, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, (char *) ev->body.data);
    rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long) ev->body.len);
    rc |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) NGX_STENTOR_NOTIFY_CONNECT_MS);
    rc |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
                           (long) NGX_STENTOR_NOTIFY_TIMEOUT_MS);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION,
                           ngx_stentor_notify_answer);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEDATA, t);

    return rc ? NGX_ERROR : NGX_OK;
}


/* Nothing of the answer's body is of use; one that is long is cut off. */

static size_t
ngx_stentor_notify_answer(char *data, size_t size, size_t n, void *arg)
{
    ngx_stentor_notify_try_t *t = arg;

    t->answered += size * n;

    return t->answered > NGX_STENTOR_NOTIFY_ANSWER_MAX ? 0 : size * n;
}


/* Settles the tries that have ended. */

static void
ngx_stentor_notify_collect(ngx_stentor_notify_t *n)
{
    int                        left;
    CURLMsg                   *msg;
    CURLcode                   rc;
    ngx_stentor_notify_try_t  *t;

    while ((msg = curl_multi_info_read(n->multi, &left))) {
        rc = msg->data.result;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &t);
        ngx_stentor_notify_done(n, t, rc);
    }
}


static void
ngx_stentor_notify_done(ngx_stentor_notify_t *n, ngx_stentor_notify_try_t *t,
    CURLcode rc)
{
    long                          status;
    char                          reason[64];
    curl_off_t                    wait;
    ngx_stentor_outbox_target_t  *target;

    status = 0;
    wait = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);

    target = t->target;
    ngx_stentor_notify_free(n, t);

    if (status) {
        ngx_snprintf((u_char *) reason, sizeof(reason), "status %l%Z", status);
    } else {
        ngx_cpystrn((u_char *) reason, (u_char *) curl_easy_strerror(rc),
                    sizeof(reason));
    }

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
                  "event \"%s\" of stream \"%s\" is given up: %s, %s",
                  ev->name, ev->stream, target->label, reason);

    ngx_stentor_notify_count(n, NGX_STENTOR_NOTIFY_FAILED, 1);
    ngx_stentor_outbox_event_free(ev);
}


static void
ngx_stentor_notify_free(ngx_stentor_notify_t *n, ngx_stentor_notify_try_t *t)
{
    ngx_queue_remove(&t->queue);

    if (t->easy) {
        curl_multi_remove_handle(n->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }

    curl_slist_free_all(t->headers);
    free(t);
}
