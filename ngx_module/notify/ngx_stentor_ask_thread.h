/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the two sides of a worker's questions share: the event loop
 * (ngx_stentor_ask.c) and the thread that posts them.  For the files of
 * ngx_stentor_ask alone; all others include ngx_stentor_ask.h.
 */

#ifndef _NGX_STENTOR_ASK_THREAD_H_INCLUDED_
#define _NGX_STENTOR_ASK_THREAD_H_INCLUDED_


#include "ngx_stentor_ask.h"
#include "ngx_stentor_post.h"


/* Where a question is; under the mutex. */

typedef enum {
    NGX_STENTOR_ASK_ST_WAITING = 0,
    NGX_STENTOR_ASK_ST_FLYING,       /* it is the thread's */
    NGX_STENTOR_ASK_ST_ANSWERED      /* it is the event loop's again */
} ngx_stentor_ask_state_e;


struct ngx_stentor_ask_s {
    ngx_queue_t               queue;       /* by its state */
    ngx_stentor_ask_state_e   state;
    ngx_uint_t                cancelled;   /* boolean; under the mutex */

    /* set before it waits */

    char                     *url;
    char                     *body;        /* malloc()ed */
    ngx_msec_t                timeout;

    /* the event loop's */

    ngx_stentor_asks_t       *asks;
    ngx_event_t               timer;
    ngx_stentor_ask_pt        handler;     /* NULL: nobody wants to know */
    void                     *data;

    /* the thread's, then the event loop's */

    ngx_stentor_post_t        post;
    stn_buf_t                 text;        /* what came as an answer */
    stn_answer_t              answer;
};


struct ngx_stentor_asks_s {
    ngx_stentor_wake_t       *wake;
    ngx_log_t                *log;
    ngx_uint_t                n;           /* of questions; event loop */

    /* under the mutex */

    pthread_mutex_t           mutex;
    ngx_stentor_poster_t      poster;      /* the thread's; made under it */
    ngx_queue_t               waiting;     /* oldest first */
    ngx_queue_t               answered;
    ngx_uint_t                quit;        /* boolean: the thread is to end */

    /* the thread's own */

    ngx_queue_t               flying;
    ngx_uint_t                nflying;
};


/* The thread's function; its argument is the asks. */
void *ngx_stentor_ask_run(void *data);

#endif /* _NGX_STENTOR_ASK_THREAD_H_INCLUDED_ */
