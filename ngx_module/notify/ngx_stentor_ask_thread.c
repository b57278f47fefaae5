/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The thread that posts questions (see ngx_stentor_ask.h): takes those that
 * wait, so many at a time, and gives each back with what was made of its
 * answer.  Reading JSON is done here too, where it holds up nobody.
 */

#include "ngx_stentor_ask_thread.h"


/* It looks around this often even when there is nothing to do. */
#define NGX_STENTOR_ASK_IDLE_MS  60000

/* The event loop's time-out is the one that counts; libcurl's is there so that
 * no question is posted for ever. */
#define NGX_STENTOR_ASK_SPARE_MS  1000


static ngx_uint_t ngx_stentor_ask_over(ngx_stentor_asks_t *asks);
static void ngx_stentor_ask_drop_cancelled(ngx_stentor_asks_t *asks);
static void ngx_stentor_ask_begin(ngx_stentor_asks_t *asks);
static ngx_stentor_ask_t *ngx_stentor_ask_next(ngx_stentor_asks_t *asks);
static void ngx_stentor_ask_collect(ngx_stentor_asks_t *asks);
static void ngx_stentor_ask_judge(ngx_stentor_ask_t *ask);
static void ngx_stentor_ask_give_back(ngx_stentor_asks_t *asks,
    ngx_stentor_ask_t *ask);


void *
ngx_stentor_ask_run(void *data)
{
    ngx_stentor_asks_t *asks = data;

    ngx_queue_t  *q;

    while (!ngx_stentor_ask_over(asks)) {
        ngx_stentor_ask_drop_cancelled(asks);
        ngx_stentor_ask_begin(asks);

        ngx_stentor_post_perform(&asks->poster);

        ngx_stentor_ask_collect(asks);

        /* one that has ended makes room for another at once */

        ngx_stentor_ask_begin(asks);

        ngx_stentor_post_wait(&asks->poster, NGX_STENTOR_ASK_IDLE_MS);
    }

    while (!ngx_queue_empty(&asks->flying)) {
        q = ngx_queue_head(&asks->flying);
        ngx_stentor_ask_give_back(asks, ngx_queue_data(q, ngx_stentor_ask_t,
                                                       queue));
    }

    return NULL;
}


static ngx_uint_t
ngx_stentor_ask_over(ngx_stentor_asks_t *asks)
{
    ngx_uint_t  quit;

    pthread_mutex_lock(&asks->mutex);
    quit = asks->quit;
    pthread_mutex_unlock(&asks->mutex);

    return quit;
}


static void
ngx_stentor_ask_drop_cancelled(ngx_stentor_asks_t *asks)
{
    ngx_uint_t          cancelled;
    ngx_queue_t        *q, *next;
    ngx_stentor_ask_t  *ask;

    for (q = ngx_queue_head(&asks->flying);
         q != ngx_queue_sentinel(&asks->flying);
         q = next)
    {
        next = ngx_queue_next(q);
        ask = ngx_queue_data(q, ngx_stentor_ask_t, queue);

        pthread_mutex_lock(&asks->mutex);
        cancelled = ask->cancelled;
        pthread_mutex_unlock(&asks->mutex);

        if (cancelled) {
            ngx_stentor_ask_give_back(asks, ask);
        }
    }
}


/* Posts as many of those that wait as there is room for. */

static void
ngx_stentor_ask_begin(ngx_stentor_asks_t *asks)
{
    ngx_stentor_ask_t  *ask;

    while (asks->nflying < NGX_STENTOR_ASK_FLYING
           && (ask = ngx_stentor_ask_next(asks)))
    {
        ask->post.url = ask->url;
        ask->post.body = ask->body;
        ask->post.len = ngx_strlen(ask->body);
        ask->post.connect_timeout = ask->timeout + NGX_STENTOR_ASK_SPARE_MS;
        ask->post.timeout = ask->timeout + NGX_STENTOR_ASK_SPARE_MS;
        ask->post.answer_max = NGX_STENTOR_ASK_ANSWER_MAX;
        ask->post.answer = &ask->text;
        ask->post.data = ask;

        ngx_queue_insert_tail(&asks->flying, &ask->queue);
        asks->nflying++;

        if (ngx_stentor_post_begin(&asks->poster, &ask->post) != NGX_OK) {
            ngx_cpystrn((u_char *) ask->answer.reason,
                        (u_char *) "out of memory",
                        sizeof(ask->answer.reason));
            ngx_stentor_ask_give_back(asks, ask);
        }
    }
}


static ngx_stentor_ask_t *
ngx_stentor_ask_next(ngx_stentor_asks_t *asks)
{
    ngx_queue_t        *q;
    ngx_stentor_ask_t  *ask;

    ask = NULL;

    pthread_mutex_lock(&asks->mutex);

    if (!ngx_queue_empty(&asks->waiting)) {
        q = ngx_queue_head(&asks->waiting);
        ngx_queue_remove(q);

        ask = ngx_queue_data(q, ngx_stentor_ask_t, queue);
        ask->state = NGX_STENTOR_ASK_ST_FLYING;
    }

    pthread_mutex_unlock(&asks->mutex);

    return ask;
}


static void
ngx_stentor_ask_collect(ngx_stentor_asks_t *asks)
{
    ngx_stentor_ask_t   *ask;
    ngx_stentor_post_t  *post;

    while ((post = ngx_stentor_post_next(&asks->poster))) {
        ask = post->data;

        ngx_stentor_ask_judge(ask);
        ngx_stentor_ask_give_back(asks, ask);
    }
}


/* Who says no has said it, whatever became of the rest of his answer. */

static void
ngx_stentor_ask_judge(ngx_stentor_ask_t *ask)
{
    long           status;
    const char    *reason;
    stn_answer_t  *answer;

    answer = &ask->answer;
    status = ask->post.status;

    if (ask->post.rc == CURLE_OK || (status >= 400 && status < 500)) {
        stn_answer_read(answer, status, (char *) ask->text.data,
                        ask->text.len);
        return;
    }

    reason = (ask->post.answered > ask->post.answer_max)
             ? "the answer is too long" : curl_easy_strerror(ask->post.rc);

    answer->status = status;
    ngx_cpystrn((u_char *) answer->reason, (u_char *) reason,
                sizeof(answer->reason));
}


/* It may be gone when this returns. */

static void
ngx_stentor_ask_give_back(ngx_stentor_asks_t *asks, ngx_stentor_ask_t *ask)
{
    ngx_stentor_post_end(&asks->poster, &ask->post);

    ngx_queue_remove(&ask->queue);
    asks->nflying--;

    pthread_mutex_lock(&asks->mutex);

    ask->state = NGX_STENTOR_ASK_ST_ANSWERED;
    ngx_queue_insert_tail(&asks->answered, &ask->queue);

    pthread_mutex_unlock(&asks->mutex);

    ngx_stentor_wake_slot(asks->wake->store, asks->wake->slot);
}
