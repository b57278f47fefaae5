/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A POST of JSON to an operator's URL with libcurl, and the thread that such
 * are run on: what events (ngx_stentor_notify_thread.c) and questions
 * (ngx_stentor_ask_thread.c) share.  Certificates are verified, redirects are
 * not followed, proxies of the environment are not used, and there is no
 * protocol but HTTP and HTTPS.  URLs have passwords and tokens in them: only
 * their labels are logged, and of libcurl only its static texts.
 */

#ifndef _NGX_STENTOR_POST_H_INCLUDED_
#define _NGX_STENTOR_POST_H_INCLUDED_


#include "ngx_stentor.h"
#include "stn_buf.h"

#include <curl/curl.h>
#include <pthread.h>


/* What ngx_stentor_post_reason() writes, with its final zero. */
#define NGX_STENTOR_POST_REASON  64


/* A thread with a multi handle of its own, made when it is first needed. */

typedef struct {
    CURLM              *multi;         /* NULL: there is no thread */
    pthread_t           thread;
} ngx_stentor_poster_t;


/* All of it stays where it is from begin to end. */

typedef struct {
    const char         *url;
    const char         *body;
    size_t              len;
    const char         *id;            /* Idempotency-Key; NULL: none */
    ngx_msec_t          connect_timeout;
    ngx_msec_t          timeout;       /* of all of it */
    size_t              answer_max;    /* a longer answer is cut off */
    stn_buf_t          *answer;        /* where it goes; NULL: nowhere */
    void               *data;          /* its owner */

    CURL               *easy;
    struct curl_slist  *headers;
    size_t              answered;      /* bytes of the answer */
    CURLcode            rc;            /* when it has ended */
    long                status;        /* likewise; 0: none came */
} ngx_stentor_post_t;


/* Readies libcurl: before the worker has any threads.  Returns NGX_OK or
 * NGX_ERROR.  May be called more than once, each time with an exit. */
ngx_int_t ngx_stentor_post_init(ngx_log_t *log);
void ngx_stentor_post_exit(void);

/* Whether url (0-terminated) can be posted to.  Returns NGX_OK or
 * NGX_DECLINED. */
ngx_int_t ngx_stentor_post_check(const char *url);

/* Writes what of url may be logged, which is not longer than it. */
void ngx_stentor_post_label(char *label, const char *url);

/* Starts the thread if it is not there.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stentor_post_start(ngx_stentor_poster_t *poster,
    void *(*run)(void *), void *data);

/* Waits for the thread, if it is there, which has been told to end. */
void ngx_stentor_post_join(ngx_stentor_poster_t *poster);

/* Makes the thread's wait end, if it is there; from any thread. */
void ngx_stentor_post_wake(ngx_stentor_poster_t *poster);


/* The rest is called by the thread alone. */

/* Begins a post of which all up to data is set, and the rest is zero.
 * Returns NGX_OK; NGX_ERROR out of memory: it is to be ended likewise. */
ngx_int_t ngx_stentor_post_begin(ngx_stentor_poster_t *poster,
    ngx_stentor_post_t *post);

/* Moves bytes for all that have been begun. */
void ngx_stentor_post_perform(ngx_stentor_poster_t *poster);

/* One that has ended by itself, with rc and status; or NULL.  It is to be
 * ended. */
ngx_stentor_post_t *ngx_stentor_post_next(ngx_stentor_poster_t *poster);

/* Waits until there are bytes to be moved, for at most ms milliseconds. */
void ngx_stentor_post_wait(ngx_stentor_poster_t *poster, int ms);

/* Why it has not done what it should: the status, or what libcurl says. */
void ngx_stentor_post_reason(ngx_stentor_post_t *post,
    char reason[NGX_STENTOR_POST_REASON]);

/* Ends a post in whatever state it is; nothing of it is libcurl's then. */
void ngx_stentor_post_end(ngx_stentor_poster_t *poster,
    ngx_stentor_post_t *post);


#endif /* _NGX_STENTOR_POST_H_INCLUDED_ */
