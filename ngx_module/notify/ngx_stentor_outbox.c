/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Events and their order (see ngx_stentor_outbox.h).  A box lists its events
 * twice: by target, which is the order of sending, and by age, from which the
 * oldest are dropped when there are too many.  Waits belong to the target,
 * not the event: a URL that is dead is dead for whatever comes next.
 */

#include "ngx_stentor_outbox.h"
#include "ngx_stentor_post.h"

#include <sys/random.h>


static void ngx_stentor_outbox_id(char *id, int64_t now);
static void ngx_stentor_outbox_common(ngx_stentor_outbox_event_t *ev,
    ngx_str_t *node, ngx_str_t *stream, int64_t now);
static void ngx_stentor_outbox_text(stn_buf_t *out, const char *name,
    u_char *s, size_t len);
static void ngx_stentor_outbox_members(stn_buf_t *out, const char *fmt,
    va_list args) __attribute__((format(printf, 2, 0)));
static ngx_stentor_outbox_target_t *ngx_stentor_outbox_target(
    ngx_stentor_outbox_t *box, const char *url);
static ngx_stentor_outbox_target_t *ngx_stentor_outbox_add(
    ngx_stentor_outbox_t *box, const char *url);
static ngx_stentor_outbox_event_t *ngx_stentor_outbox_take(
    ngx_stentor_outbox_t *box, ngx_stentor_outbox_event_t *ev);


ngx_stentor_outbox_event_t *
ngx_stentor_outbox_event(ngx_str_t *node, ngx_str_t *stream, const char *name,
    const char *fmt, va_list args)
{
    int64_t                      now;
    ngx_stentor_outbox_event_t  *ev;

    ev = calloc(1, sizeof(ngx_stentor_outbox_event_t));
    if (ev == NULL) {
        return NULL;
    }

    stn_buf_init(&ev->body, NGX_STENTOR_OUTBOX_BODY_MAX);

    now = ngx_stentor_store_wall();

    ngx_stentor_outbox_id(ev->id, now);
    ngx_cpystrn((u_char *) ev->name, (u_char *) name, sizeof(ev->name));
    ngx_stentor_outbox_whose(ev->whose, stream);

    ngx_stentor_outbox_common(ev, node, stream, now);

    if (fmt) {
        stn_buf_u8(&ev->body, ',');
        ngx_stentor_outbox_members(&ev->body, fmt, args);
    }

    stn_buf_u8(&ev->body, '}');

    if (ev->body.failed) {
        ngx_stentor_outbox_event_free(ev);
        return NULL;
    }

    return ev;
}


/* A UUID of version 7 (RFC 9562 section 5.7): those made later sort later. */

static void
ngx_stentor_outbox_id(char *id, int64_t now)
{
    u_char     u[16];
    ngx_int_t  i;

    if (getrandom(u, sizeof(u), GRND_NONBLOCK) != sizeof(u)) {

        for (i = 0; i < 16; i++) {
            u[i] = (u_char) (ngx_random() >> 8);
        }
    }

    for (i = 5; i >= 0; i--) {
        u[i] = (u_char) now;
        now >>= 8;
    }

    u[6] = (u[6] & 0x0f) | 0x70;
    u[8] = (u[8] & 0x3f) | 0x80;

    for (i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *id++ = '-';
        }

        id = (char *) ngx_hex_dump((u_char *) id, &u[i], 1);
    }

    *id = '\0';
}


void
ngx_stentor_outbox_whose(char *text, ngx_str_t *stream)
{
    u_char  *p, *last;

    p = (u_char *) text;
    last = p + NGX_STENTOR_OUTBOX_WHOSE_MAX;

    p = stream ? ngx_slprintf(p, last, "stream \"%V\"", stream)
               : ngx_slprintf(p, last, "the node");
    *p = '\0';
}


static void
ngx_stentor_outbox_common(ngx_stentor_outbox_event_t *ev, ngx_str_t *node,
    ngx_str_t *stream, int64_t now)
{
    ngx_tm_t   tm;
    stn_buf_t  *out;

    out = &ev->body;

    ngx_gmtime((time_t) (now / 1000), &tm);

    stn_buf_u8(out, '{');
    ngx_stentor_outbox_text(out, "event", (u_char *) ev->name,
                            ngx_strlen(ev->name));

    if (stream) {
        stn_buf_u8(out, ',');
        ngx_stentor_outbox_text(out, "stream", stream->data, stream->len);
    }

    stn_buf_printf(out, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\","
                   "\"id\":\"%s\",", tm.ngx_tm_year, tm.ngx_tm_mon,
                   tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min,
                   tm.ngx_tm_sec, (int) (now % 1000), ev->id);
    ngx_stentor_outbox_text(out, "node", node->data, node->len);
    stn_buf_printf(out, ",\"pid\":%lld", (long long) ngx_pid);
}


/* A member that is a string. */

static void
ngx_stentor_outbox_text(stn_buf_t *out, const char *name, u_char *s,
    size_t len)
{
    size_t    n;
    uint8_t  *p;

    stn_buf_printf(out, "\"%s\":\"", name);

    n = len + ngx_escape_json(NULL, s, len);
    p = stn_buf_reserve(out, n);

    if (p) {
        ngx_escape_json(p, s, len);
        out->len += n;
    }

    stn_buf_u8(out, '"');
}


static void
ngx_stentor_outbox_members(stn_buf_t *out, const char *fmt, va_list args)
{
    int   n;
    char  text[NGX_STENTOR_OUTBOX_MEMBERS_MAX];

    n = vsnprintf(text, sizeof(text), fmt, args);

    if (n < 0 || n >= (int) sizeof(text)) {
        out->failed = STN_LIMIT;
        return;
    }

    stn_buf_put(out, text, (size_t) n);
}


void
ngx_stentor_outbox_event_free(ngx_stentor_outbox_event_t *ev)
{
    stn_buf_free(&ev->body);
    free(ev);
}


void
ngx_stentor_outbox_init(ngx_stentor_outbox_t *box)
{
    ngx_queue_init(&box->targets);
    ngx_queue_init(&box->events);
    box->n = 0;
}


void
ngx_stentor_outbox_free(ngx_stentor_outbox_t *box)
{
    ngx_queue_t                  *q;
    ngx_stentor_outbox_event_t   *ev;
    ngx_stentor_outbox_target_t  *target;

    while (!ngx_queue_empty(&box->events)) {
        q = ngx_queue_head(&box->events);
        ev = ngx_queue_data(q, ngx_stentor_outbox_event_t, age);

        ngx_stentor_outbox_event_free(ngx_stentor_outbox_take(box, ev));
    }

    while (!ngx_queue_empty(&box->targets)) {
        q = ngx_queue_head(&box->targets);
        target = ngx_queue_data(q, ngx_stentor_outbox_target_t, queue);

        ngx_queue_remove(q);
        free(target);
    }
}


ngx_int_t
ngx_stentor_outbox_put(ngx_stentor_outbox_t *box, const char *url,
    ngx_stentor_outbox_event_t *ev, int64_t now)
{
    ngx_stentor_outbox_target_t  *target;

    target = ngx_stentor_outbox_target(box, url);
    if (target == NULL) {
        return NGX_ERROR;
    }

    ev->put_ms = now;

    ngx_queue_insert_tail(&target->events, &ev->queue);
    ngx_queue_insert_tail(&box->events, &ev->age);
    box->n++;

    return NGX_OK;
}


static ngx_stentor_outbox_target_t *
ngx_stentor_outbox_target(ngx_stentor_outbox_t *box, const char *url)
{
    ngx_queue_t                  *q;
    ngx_stentor_outbox_target_t  *target;

    for (q = ngx_queue_head(&box->targets);
         q != ngx_queue_sentinel(&box->targets);
         q = ngx_queue_next(q))
    {
        target = ngx_queue_data(q, ngx_stentor_outbox_target_t, queue);

        if (ngx_strcmp(target->url, url) == 0) {
            return target;
        }
    }

    return ngx_stentor_outbox_add(box, url);
}


/* The target, its URL and its label in one piece of memory. */

static ngx_stentor_outbox_target_t *
ngx_stentor_outbox_add(ngx_stentor_outbox_t *box, const char *url)
{
    size_t                        size;
    ngx_stentor_outbox_target_t  *target;

    size = ngx_strlen(url) + 1;

    target = calloc(1, sizeof(ngx_stentor_outbox_target_t) + 2 * size);
    if (target == NULL) {
        return NULL;
    }

    target->url = (char *) (target + 1);
    target->label = target->url + size;

    ngx_memcpy(target->url, url, size);
    ngx_stentor_post_label(target->label, url);

    ngx_queue_init(&target->events);
    ngx_queue_insert_tail(&box->targets, &target->queue);

    return target;
}


static ngx_stentor_outbox_event_t *
ngx_stentor_outbox_take(ngx_stentor_outbox_t *box,
    ngx_stentor_outbox_event_t *ev)
{
    ngx_queue_remove(&ev->queue);
    ngx_queue_remove(&ev->age);
    box->n--;

    return ev;
}


ngx_stentor_outbox_event_t *
ngx_stentor_outbox_excess(ngx_stentor_outbox_t *box)
{
    ngx_queue_t                 *q;
    ngx_stentor_outbox_event_t  *ev;

    if (box->n <= NGX_STENTOR_OUTBOX_MAX) {
        return NULL;
    }

    for (q = ngx_queue_head(&box->events);
         q != ngx_queue_sentinel(&box->events);
         q = ngx_queue_next(q))
    {
        ev = ngx_queue_data(q, ngx_stentor_outbox_event_t, age);

        if (!ev->sending) {
            return ngx_stentor_outbox_take(box, ev);
        }
    }

    return NULL;
}


ngx_stentor_outbox_target_t *
ngx_stentor_outbox_begin(ngx_stentor_outbox_t *box, int64_t now)
{
    ngx_queue_t                  *q;
    ngx_stentor_outbox_target_t  *target;

    for (q = ngx_queue_head(&box->targets);
         q != ngx_queue_sentinel(&box->targets);
         q = ngx_queue_next(q))
    {
        target = ngx_queue_data(q, ngx_stentor_outbox_target_t, queue);

        if (!target->sending
            && !ngx_queue_empty(&target->events)
            && target->due_ms <= now)
        {
            target->sending = 1;
            ngx_stentor_outbox_first(target)->sending = 1;
            return target;
        }
    }

    return NULL;
}


int64_t
ngx_stentor_outbox_due(ngx_stentor_outbox_t *box)
{
    int64_t                       due;
    ngx_queue_t                  *q;
    ngx_stentor_outbox_target_t  *target;

    due = INT64_MAX;

    for (q = ngx_queue_head(&box->targets);
         q != ngx_queue_sentinel(&box->targets);
         q = ngx_queue_next(q))
    {
        target = ngx_queue_data(q, ngx_stentor_outbox_target_t, queue);

        if (!target->sending && !ngx_queue_empty(&target->events)) {
            due = ngx_min(due, target->due_ms);
        }
    }

    return due;
}


ngx_stentor_outbox_event_t *
ngx_stentor_outbox_first(ngx_stentor_outbox_target_t *target)
{
    return ngx_queue_data(ngx_queue_head(&target->events),
                          ngx_stentor_outbox_event_t, queue);
}


ngx_stentor_outbox_event_t *
ngx_stentor_outbox_settle(ngx_stentor_outbox_t *box,
    ngx_stentor_outbox_target_t *target, int64_t now)
{
    target->sending = 0;
    target->failures = 0;
    target->due_ms = now;

    return ngx_stentor_outbox_take(box, ngx_stentor_outbox_first(target));
}


/* Up to a quarter less than the wait that it is: nodes that lost a receiver
 * together do not come back to it together. */

int64_t
ngx_stentor_outbox_retry(ngx_stentor_outbox_target_t *target, int64_t now,
    int64_t least_ms)
{
    int64_t  wait;

    wait = NGX_STENTOR_OUTBOX_WAIT_MS << ngx_min(target->failures, 6);
    wait = ngx_min(wait, NGX_STENTOR_OUTBOX_WAIT_MAX_MS);
    wait -= ngx_random() % (wait / 4);

    wait = ngx_max(wait, ngx_min(least_ms, NGX_STENTOR_OUTBOX_WAIT_MAX_MS));

    target->sending = 0;
    target->failures++;
    target->due_ms = now + wait;
    ngx_stentor_outbox_first(target)->sending = 0;

    return wait;
}


ngx_stentor_outbox_event_t *
ngx_stentor_outbox_expired(ngx_stentor_outbox_t *box,
    ngx_stentor_outbox_target_t *target, int64_t now)
{
    ngx_stentor_outbox_event_t  *ev;

    if (ngx_queue_empty(&target->events)) {
        return NULL;
    }

    ev = ngx_stentor_outbox_first(target);

    if (now - ev->put_ms < NGX_STENTOR_OUTBOX_AGE_MS) {
        return NULL;
    }

    return ngx_stentor_outbox_take(box, ev);
}


void
ngx_stentor_outbox_hurry(ngx_stentor_outbox_t *box, int64_t now)
{
    ngx_queue_t                  *q;
    ngx_stentor_outbox_target_t  *target;

    for (q = ngx_queue_head(&box->targets);
         q != ngx_queue_sentinel(&box->targets);
         q = ngx_queue_next(q))
    {
        target = ngx_queue_data(q, ngx_stentor_outbox_target_t, queue);
        target->due_ms = ngx_min(target->due_ms, now);
    }
}
