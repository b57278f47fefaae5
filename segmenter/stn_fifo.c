/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queue of access units (see stn_fifo.h).  Units lie one behind the other:
 *
 *     head                tail            a unit: | its fields | bytes |
 *      v                   v
 *     |unit|unit|unit|unit|          free          |
 *
 * A unit is never split: when it does not fit behind tail, end remembers where
 * the units stop and tail starts again at 0.
 */

#include "stn_fifo.h"

#include <stdlib.h>
#include <string.h>


typedef struct {
    uint32_t  len;
    int32_t   level;
    int64_t   ts;
    int64_t   arrived;
} stn_fifo_unit_t;

#define STN_FIFO_ALIGN  sizeof(int64_t)


/* There is no room. */
#define STN_FIFO_NOWHERE  SIZE_MAX


static size_t stn_fifo_span(size_t len);
static size_t stn_fifo_place(const stn_fifo_t *f, size_t len);


int
stn_fifo_init(stn_fifo_t *f, size_t size)
{
    memset(f, 0, sizeof(*f));

    f->data = malloc(size);
    if (f->data == NULL) {
        return STN_NOMEM;
    }

    f->size = size;

    return STN_OK;
}


void
stn_fifo_free(stn_fifo_t *f)
{
    free(f->data);
    memset(f, 0, sizeof(*f));
}


void
stn_fifo_reset(stn_fifo_t *f)
{
    f->head = 0;
    f->tail = 0;
    f->end = 0;
    f->count = 0;
}


/* What a unit of len bytes takes, kept aligned for the next one. */

static size_t
stn_fifo_span(size_t len)
{
    return sizeof(stn_fifo_unit_t)
           + (len + STN_FIFO_ALIGN - 1) / STN_FIFO_ALIGN * STN_FIFO_ALIGN;
}


/* Where a unit of len bytes would be written. */

static size_t
stn_fifo_place(const stn_fifo_t *f, size_t len)
{
    size_t  span;

    if (len > stn_min(f->size, UINT32_MAX)) {
        return STN_FIFO_NOWHERE;
    }

    span = stn_fifo_span(len);

    if (f->count == 0) {
        return span <= f->size ? 0 : STN_FIFO_NOWHERE;
    }

    if (f->tail <= f->head) {
        return span <= f->head - f->tail ? f->tail : STN_FIFO_NOWHERE;
    }

    if (span <= f->size - f->tail) {
        return f->tail;
    }

    return span <= f->head ? 0 : STN_FIFO_NOWHERE;
}


int
stn_fifo_fits(const stn_fifo_t *f, size_t len)
{
    return stn_fifo_place(f, len) != STN_FIFO_NOWHERE;
}


int
stn_fifo_put(stn_fifo_t *f, const stn_au_t *au)
{
    size_t           place;
    stn_fifo_unit_t  u;

    place = stn_fifo_place(f, au->len);

    if (place == STN_FIFO_NOWHERE) {
        return STN_LIMIT;
    }

    if (f->count == 0) {
        stn_fifo_reset(f);

    } else if (place < f->tail) {
        f->end = f->tail;
    }

    f->tail = place;

    u.len = (uint32_t) au->len;
    u.level = au->level;
    u.ts = au->ts;
    u.arrived = au->arrived;

    memcpy(f->data + f->tail, &u, sizeof(u));
    memcpy(f->data + f->tail + sizeof(u), au->data, au->len);

    f->tail += stn_fifo_span(au->len);
    f->end = stn_max(f->end, f->tail);
    f->count++;

    return STN_OK;
}


int
stn_fifo_peek(const stn_fifo_t *f, stn_au_t *au)
{
    stn_fifo_unit_t  u;

    if (f->count == 0) {
        return STN_AGAIN;
    }

    memcpy(&u, f->data + f->head, sizeof(u));

    au->data = f->data + f->head + sizeof(u);
    au->len = u.len;
    au->ts = u.ts;
    au->arrived = u.arrived;
    au->level = u.level;

    return STN_OK;
}


void
stn_fifo_drop(stn_fifo_t *f)
{
    stn_au_t  au;

    if (stn_fifo_peek(f, &au) != STN_OK) {
        return;
    }

    f->head += stn_fifo_span(au.len);
    f->count--;

    if (f->head == f->end && f->tail <= f->head && f->count) {
        f->head = 0;
        f->end = f->tail;
    }
}
