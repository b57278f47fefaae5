/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queue of live audio (see stn_ladder_live.h).  Rows are plain arrays:
 * what is held lies at head, and moves down when the end of a row is reached.
 * The slope up is made as samples come, the slope down when a gap does; where
 * both meet, the lower one counts.
 */

#include "programme/stn_ladder_live.h"

#include <stdlib.h>
#include <string.h>


#define STN_LADDER_LIVE_ROWS  (STN_LADDER_LIVE_CHANNELS + 1)

/* Memory that is kept when nothing waits: so many times a slope. */
#define STN_LADDER_LIVE_KEEP  64


static int stn_ladder_live_reserve(stn_ladder_live_t *v, size_t n);
static float *stn_ladder_live_row(const stn_ladder_live_t *v, unsigned row);


void
stn_ladder_live_init(stn_ladder_live_t *v, size_t fade, int64_t pos)
{
    memset(v, 0, sizeof(*v));

    v->fade = fade;
    v->pos = pos;
}


void
stn_ladder_live_free(stn_ladder_live_t *v)
{
    free(v->rows);
    memset(v, 0, sizeof(*v));
}


int64_t
stn_ladder_live_tail(const stn_ladder_live_t *v)
{
    return v->pos + (int64_t) v->n;
}


int
stn_ladder_live_append(stn_ladder_live_t *v, const stn_pcm_t *pcm)
{
    float     *weight;
    size_t     i;
    unsigned   ch;

    if (stn_ladder_live_reserve(v, pcm->n) != STN_OK) {
        return STN_NOMEM;
    }

    for (ch = 0; ch < STN_LADDER_LIVE_CHANNELS; ch++) {
        memcpy(stn_ladder_live_row(v, ch) + v->n, pcm->ch[ch],
               pcm->n * sizeof(float));
    }

    weight = stn_ladder_live_row(v, STN_LADDER_LIVE_CHANNELS) + v->n;

    for (i = 0; i < pcm->n; i++) {
        weight[i] = (float) v->risen / (float) v->fade;
        v->risen += v->risen < v->fade;
    }

    v->n += pcm->n;
    v->open = 1;

    return STN_OK;
}


void
stn_ladder_live_close(stn_ladder_live_t *v)
{
    float   *last, most;
    size_t   i, n;

    if (!v->open) {
        return;
    }

    n = stn_min(v->n, v->fade);
    last = stn_ladder_live_row(v, STN_LADDER_LIVE_CHANNELS) + v->n;

    for (i = 1; i <= n; i++) {
        most = (float) (i - 1) / (float) v->fade;
        last[-(ptrdiff_t) i] = stn_min(last[-(ptrdiff_t) i], most);
    }

    v->open = 0;
    v->risen = 0;
}


int
stn_ladder_live_gap(stn_ladder_live_t *v, size_t n)
{
    unsigned  row;

    stn_ladder_live_close(v);

    if (stn_ladder_live_reserve(v, n) != STN_OK) {
        return STN_NOMEM;
    }

    for (row = 0; row < STN_LADDER_LIVE_ROWS; row++) {
        memset(stn_ladder_live_row(v, row) + v->n, 0, n * sizeof(float));
    }

    v->n += n;

    return STN_OK;
}


void
stn_ladder_live_cut(stn_ladder_live_t *v)
{
    if (v->n > v->fade) {
        v->n = v->fade;
        v->open = 1;
    }

    stn_ladder_live_close(v);
}


size_t
stn_ladder_live_peek(const stn_ladder_live_t *v, size_t n,
    const float *rows[STN_LADDER_LIVE_ROWS])
{
    unsigned  row;

    for (row = 0; row < STN_LADDER_LIVE_ROWS; row++) {
        rows[row] = v->n ? stn_ladder_live_row(v, row) : NULL;
    }

    return v->n ? stn_min(n, v->n) : n;
}


void
stn_ladder_live_drop(stn_ladder_live_t *v, size_t n)
{
    size_t  held;

    held = stn_min(n, v->n);

    v->pos += (int64_t) n;
    v->head += held;
    v->n -= held;

    if (v->n == 0) {
        v->head = 0;
    }

    /* a burst is over */

    if (v->n == 0 && v->room > STN_LADDER_LIVE_KEEP * v->fade) {
        free(v->rows);
        v->rows = NULL;
        v->room = 0;
    }
}


/* Makes room for n more samples behind those held. */

static int
stn_ladder_live_reserve(stn_ladder_live_t *v, size_t n)
{
    float     *rows;
    size_t     room;
    unsigned   row;

    if (v->head + v->n + n <= v->room) {
        return STN_OK;
    }

    rows = v->rows;
    room = v->room;

    if (v->n + n > room / 2) {
        room = 2 * (v->n + n);

        rows = malloc(room * STN_LADDER_LIVE_ROWS * sizeof(float));
        if (rows == NULL) {
            return STN_NOMEM;
        }
    }

    for (row = 0; v->n && row < STN_LADDER_LIVE_ROWS; row++) {
        memmove(rows + row * room, stn_ladder_live_row(v, row),
                v->n * sizeof(float));
    }

    if (rows != v->rows) {
        free(v->rows);
    }

    v->rows = rows;
    v->room = room;
    v->head = 0;

    return STN_OK;
}


/* Where the samples held begin in a row. */

static float *
stn_ladder_live_row(const stn_ladder_live_t *v, unsigned row)
{
    return v->rows + row * v->room + v->head;
}
