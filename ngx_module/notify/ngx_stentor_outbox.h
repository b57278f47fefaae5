/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a worker has to tell: events, made as JSON, and in which order and at
 * which times each is tried.  Here is no thread and no network: whoever calls
 * holds the mutex that guards the box, and tells the time in milliseconds of
 * a clock that is never set back.
 *
 *     target (a URL):  | event, being sent | event | event | ...
 *     target:          | event | event | ...     (all wait for due_ms)
 *
 * An event in a box belongs to the box; one that is handed out, to the caller.
 */

#ifndef _NGX_STENTOR_OUTBOX_H_INCLUDED_
#define _NGX_STENTOR_OUTBOX_H_INCLUDED_


#include "store/ngx_stentor_store.h"
#include "stn_buf.h"


/* Events a box holds. */
#define NGX_STENTOR_OUTBOX_MAX     1000

/* An event this old is given up when a try to send it has failed. */
#define NGX_STENTOR_OUTBOX_AGE_MS  600000

/* Waits between tries: the first, doubled after each, and the longest. */
#define NGX_STENTOR_OUTBOX_WAIT_MS      1000
#define NGX_STENTOR_OUTBOX_WAIT_MAX_MS  60000

/* A whole event, and that part of it which its sender wrote. */
#define NGX_STENTOR_OUTBOX_BODY_MAX     8192
#define NGX_STENTOR_OUTBOX_MEMBERS_MAX  4096

/* A UUID in text, with its final zero. */
#define NGX_STENTOR_OUTBOX_ID_LEN  37

/* The longest name of an event. */
#define NGX_STENTOR_OUTBOX_NAME_MAX  32

/* Whose an event is, in a log: a stream's or the node's. */
#define NGX_STENTOR_OUTBOX_WHOSE_MAX  (NGX_STENTOR_NAME_MAX + 16)


typedef struct {
    ngx_queue_t               queue;      /* in its target, oldest first */
    ngx_queue_t               age;        /* in the box, oldest first */
    int64_t                   put_ms;
    ngx_uint_t                sending;    /* boolean */
    stn_buf_t                 body;       /* JSON */
    char                      id[NGX_STENTOR_OUTBOX_ID_LEN];
    char                      name[NGX_STENTOR_OUTBOX_NAME_MAX + 1];
    char                      whose[NGX_STENTOR_OUTBOX_WHOSE_MAX + 1];
} ngx_stentor_outbox_event_t;


/* A URL that events go to; lives as long as its box. */

typedef struct {
    ngx_queue_t               queue;      /* in the box */
    ngx_queue_t               events;
    ngx_uint_t                sending;    /* boolean: the first one is */
    ngx_uint_t                failures;   /* in a row */
    int64_t                   due_ms;     /* not tried before that */
    char                     *url;
    char                     *label;      /* what may stand in a log */
} ngx_stentor_outbox_target_t;


typedef struct {
    ngx_queue_t               targets;
    ngx_queue_t               events;     /* by age */
    ngx_uint_t                n;          /* of events */
} ngx_stentor_outbox_t;


/*
 * Makes an event of a stream, or of the node (NULL): a JSON object with the
 * common members and those that fmt (as for printf(); NULL: none) and args
 * write: "\"key\":value,...".  Returns NULL out of memory, or when it would be
 * longer than an event may be.
 */
ngx_stentor_outbox_event_t *ngx_stentor_outbox_event(ngx_str_t *node,
    ngx_str_t *stream, const char *name, const char *fmt, va_list args)
    __attribute__((format(printf, 4, 0)));

/* Writes whose it is, as a log has it, and an ending zero. */
void ngx_stentor_outbox_whose(char *text, ngx_str_t *stream);

void ngx_stentor_outbox_event_free(ngx_stentor_outbox_event_t *ev);


void ngx_stentor_outbox_init(ngx_stentor_outbox_t *box);

/* Frees targets and whatever is left in them. */
void ngx_stentor_outbox_free(ngx_stentor_outbox_t *box);

/* Puts an event behind those of its URL.  Returns NGX_OK, or NGX_ERROR out of
 * memory; the event is the caller's then. */
ngx_int_t ngx_stentor_outbox_put(ngx_stentor_outbox_t *box, const char *url,
    ngx_stentor_outbox_event_t *ev, int64_t now);

/* Hands out the oldest event that is not being sent, if the box holds more
 * than it should; NULL when it does not. */
ngx_stentor_outbox_event_t *ngx_stentor_outbox_excess(
    ngx_stentor_outbox_t *box);

/* A target whose first event's time has come: it counts as being sent from
 * now on.  NULL when there is none. */
ngx_stentor_outbox_target_t *ngx_stentor_outbox_begin(
    ngx_stentor_outbox_t *box, int64_t now);

/* When ngx_stentor_outbox_begin() will find one; INT64_MAX: not before
 * something else happens. */
int64_t ngx_stentor_outbox_due(ngx_stentor_outbox_t *box);

/* The event that is being sent. */
ngx_stentor_outbox_event_t *ngx_stentor_outbox_first(
    ngx_stentor_outbox_target_t *target);

/* The event being sent is settled, for good or bad: hands it out. */
ngx_stentor_outbox_event_t *ngx_stentor_outbox_settle(
    ngx_stentor_outbox_t *box, ngx_stentor_outbox_target_t *target,
    int64_t now);

/* Sending failed: it is tried again later, not before least_ms from now.
 * Returns in how many milliseconds. */
int64_t ngx_stentor_outbox_retry(ngx_stentor_outbox_target_t *target,
    int64_t now, int64_t least_ms);

/* Hands out a target's oldest event if it is too old to be tried again; NULL
 * when it is not, or there is none.  Not while one is being sent. */
ngx_stentor_outbox_event_t *ngx_stentor_outbox_expired(
    ngx_stentor_outbox_t *box, ngx_stentor_outbox_target_t *target,
    int64_t now);

/* Nothing that waits for its next try waits longer. */
void ngx_stentor_outbox_hurry(ngx_stentor_outbox_t *box, int64_t now);


#endif /* _NGX_STENTOR_OUTBOX_H_INCLUDED_ */
