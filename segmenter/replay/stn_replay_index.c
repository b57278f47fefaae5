/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Head and index of a replay's media file (see stn_replay_index.h).  The moov
 * is the init segment's own with its durations set, without what says that
 * there are fragments, and with a table of samples.
 */

#include "replay/stn_replay_index.h"


/* Boxes lie in each other no deeper than that. */
#define STN_REPLAY_DEPTH  6


/* What the table is made of: bytes as they stand in its boxes. */

typedef struct {
    uint32_t   nsamples;
    uint32_t   nchunks;
    uint64_t   duration;         /* samples of audio */
    uint32_t   rate;             /* of them, a second, */
    uint32_t   scale;            /* and of the movie's units */
    uint32_t   nruns;            /* of times (stts), */
    uint32_t   delta;            /* of the last one */
    uint32_t   count;            /* likewise: boxes are written behind it */
    uint32_t   nsteps;           /* of samples a chunk (stsc), */
    uint32_t   chunk;            /* likewise */
    stn_buf_t  sizes;
    stn_buf_t  offsets;
    stn_buf_t  times;
    stn_buf_t  steps;
} stn_replay_table_t;


static int stn_replay_table(stn_replay_table_t *t, stn_replay_walk_t *w);
static void stn_replay_table_part(stn_replay_table_t *t,
    const stn_replay_walk_t *w);
static void stn_replay_table_times(stn_replay_table_t *t, uint32_t delta,
    uint32_t n);
static uint32_t stn_replay_scale(const uint8_t *moov, size_t len);
static int stn_replay_boxes(const stn_replay_table_t *t, const uint8_t *data,
    size_t len, unsigned depth, stn_buf_t *out);
static size_t stn_replay_open_box(stn_buf_t *out, uint32_t type);
static void stn_replay_close_box(stn_buf_t *out, size_t start);
static void stn_replay_put_box(const stn_replay_table_t *t, uint32_t type,
    const uint8_t *body, size_t len, stn_buf_t *out);
static void stn_replay_set_duration(uint8_t *box, size_t len, size_t at,
    uint64_t duration);
static void stn_replay_put_stbl(const stn_replay_table_t *t,
    const uint8_t *body, size_t len, stn_buf_t *out);
static void stn_replay_put_list(stn_buf_t *out, uint32_t type, uint32_t n,
    const stn_buf_t *list);


int
stn_replay_head(stn_buf_t *out, const uint8_t *init, size_t len)
{
    size_t    at, first, body;
    uint32_t  type;

    at = 0;

    if (stn_replay_box(init, len, &at, &type, &body) == NULL
        || type != stn_replay_type('f', 't', 'y', 'p')
        || stn_replay_find(init, len, stn_replay_type('m', 'o', 'o', 'v'),
                           &body)
           == NULL)
    {
        return STN_ERROR;
    }

    first = at;

    stn_buf_put(out, init, first);
    stn_buf_be32(out, STN_REPLAY_ROOM);
    stn_buf_be32(out, stn_replay_type('f', 'r', 'e', 'e'));
    stn_buf_be64(out, 0);
    stn_buf_put(out, init + first, len - first);

    return out->failed;
}


size_t
stn_replay_room_at(const uint8_t *init)
{
    stn_cur_t  c;

    stn_cur_init(&c, init, 4);

    return stn_cur_be32(&c);
}


void
stn_replay_room(uint8_t *room, const uint8_t *init, uint64_t end)
{
    unsigned    i;
    stn_bitw_t  w;

    end -= stn_replay_room_at(init);

    stn_bitw_init(&w, room, STN_REPLAY_ROOM);
    stn_bitw_put(&w, 1, 32);
    stn_bitw_put(&w, stn_replay_type('m', 'd', 'a', 't'), 32);

    for (i = 0; i < 2; i++) {
        stn_bitw_put(&w, (uint32_t) (end >> (32 - 32 * i)), 32);
    }
}


int
stn_replay_index(stn_replay_walk_t *w, const uint8_t *init, size_t len,
    stn_buf_t *out)
{
    int                 rc;
    size_t              body, start;
    const uint8_t      *moov;
    stn_replay_table_t  t = { 0 };

    moov = stn_replay_find(init, len, stn_replay_type('m', 'o', 'o', 'v'),
                           &body);
    if (moov == NULL) {
        return STN_ERROR;
    }

    stn_buf_init(&t.sizes, STN_REPLAY_INDEX_MAX);
    stn_buf_init(&t.offsets, STN_REPLAY_INDEX_MAX);
    stn_buf_init(&t.times, STN_REPLAY_INDEX_MAX);
    stn_buf_init(&t.steps, STN_REPLAY_INDEX_MAX);

    rc = stn_replay_table(&t, w);

    if (rc == STN_OK) {
        t.scale = stn_replay_scale(moov, body);

        start = stn_replay_open_box(out, stn_replay_type('m', 'o', 'o', 'v'));
        rc = stn_replay_boxes(&t, moov, body, 0, out);
        stn_replay_close_box(out, start);
    }

    stn_buf_free(&t.sizes);
    stn_buf_free(&t.offsets);
    stn_buf_free(&t.times);
    stn_buf_free(&t.steps);

    return rc;
}


static int
stn_replay_table(stn_replay_table_t *t, stn_replay_walk_t *w)
{
    int  rc;

    for ( ;; ) {
        rc = stn_replay_walk_next(w);

        if (rc != STN_OK) {
            break;
        }

        stn_replay_table_part(t, w);
    }

    if (rc != STN_AGAIN) {
        return rc;
    }

    stn_replay_table_times(t, 0, 0);

    return t->sizes.failed | t->offsets.failed | t->times.failed
           | t->steps.failed ? STN_NOMEM : STN_OK;
}


/* A part is a chunk. */

static void
stn_replay_table_part(stn_replay_table_t *t, const stn_replay_walk_t *w)
{
    uint32_t                  i, delta, rest;
    const stn_replay_part_t  *part;

    part = &w->part;

    t->rate = w->record.rate;
    t->duration += w->record.duration;
    t->nchunks++;

    stn_buf_be64(&t->offsets, w->start + STN_REPLAY_RECORD_LEN + part->moof
                              + 8);

    if (part->nsamples != t->chunk) {
        t->chunk = part->nsamples;
        t->nsteps++;
        stn_buf_be32(&t->steps, t->nchunks);
        stn_buf_be32(&t->steps, t->chunk);
        stn_buf_be32(&t->steps, 1);
    }

    for (i = 0; i < part->nsamples; i++) {
        stn_buf_be32(&t->sizes, stn_replay_part_size(part, i));
    }

    t->nsamples += part->nsamples;

    delta = w->record.duration / part->nsamples;
    rest = w->record.duration % part->nsamples;

    if (part->nsamples > 1) {
        stn_replay_table_times(t, delta, part->nsamples - 1);
    }

    stn_replay_table_times(t, delta + rest, 1);
}


/* n more samples of delta; the run before is written when another begins, or
 * with n 0. */

static void
stn_replay_table_times(stn_replay_table_t *t, uint32_t delta, uint32_t n)
{
    if (n && delta == t->delta) {
        t->count += n;
        return;
    }

    if (t->count) {
        stn_buf_be32(&t->times, t->count);
        stn_buf_be32(&t->times, t->delta);
        t->nruns++;
    }

    t->delta = delta;
    t->count = n;
}


/* Units a second of the movie's durations. */

static uint32_t
stn_replay_scale(const uint8_t *moov, size_t len)
{
    size_t          body;
    stn_cur_t       c;
    const uint8_t  *mvhd;

    mvhd = stn_replay_find(moov, len, stn_replay_type('m', 'v', 'h', 'd'),
                           &body);
    if (mvhd == NULL || body < 24) {
        return 1000;
    }

    stn_cur_init(&c, mvhd, body);
    (void) stn_cur_bytes(&c, mvhd[0] == 1 ? 20 : 12);

    return stn_cur_be32(&c);
}


/* Copies boxes, as they are or as they have to be. */

static int
stn_replay_boxes(const stn_replay_table_t *t, const uint8_t *data, size_t len,
    unsigned depth, stn_buf_t *out)
{
    size_t          at, body, start;
    uint32_t        type;
    const uint8_t  *box;

    if (depth == STN_REPLAY_DEPTH) {
        return STN_ERROR;
    }

    for (at = 0; (box = stn_replay_box(data, len, &at, &type, &body)); ) {

        switch (type) {

        case stn_replay_type('m', 'v', 'e', 'x'):
        case stn_replay_type('e', 'd', 't', 's'):
            break;

        case stn_replay_type('t', 'r', 'a', 'k'):
        case stn_replay_type('m', 'd', 'i', 'a'):
        case stn_replay_type('m', 'i', 'n', 'f'):
            start = stn_replay_open_box(out, type);

            if (stn_replay_boxes(t, box, body, depth + 1, out) != STN_OK) {
                return STN_ERROR;
            }

            stn_replay_close_box(out, start);
            break;

        case stn_replay_type('s', 't', 'b', 'l'):
            stn_replay_put_stbl(t, box, body, out);
            break;

        default:
            stn_replay_put_box(t, type, box, body, out);
        }
    }

    return out->failed;
}


/* Begins a box; what is returned ends it. */

static size_t
stn_replay_open_box(stn_buf_t *out, uint32_t type)
{
    size_t  start;

    start = out->len;

    stn_buf_be32(out, 0);
    stn_buf_be32(out, type);

    return start;
}


static void
stn_replay_close_box(stn_buf_t *out, size_t start)
{
    unsigned  i;

    for (i = 0; i < 4 && !out->failed; i++) {
        out->data[start + i] = (uint8_t) ((out->len - start) >> (24 - 8 * i));
    }
}


/* A box as it is, but for its duration: mvhd, tkhd and mdhd (sections 8.2.2,
 * 8.3.2 and 8.4.2) have one. */

static void
stn_replay_put_box(const stn_replay_table_t *t, uint32_t type,
    const uint8_t *body, size_t len, stn_buf_t *out)
{
    size_t     start;
    uint8_t   *box;
    uint64_t   movie;

    start = stn_replay_open_box(out, type);
    stn_buf_put(out, body, len);
    stn_replay_close_box(out, start);

    if (out->failed) {
        return;
    }

    box = out->data + start + 8;
    movie = (uint64_t) stn_rescale((int64_t) t->duration, t->scale,
                                   t->rate ? t->rate : 1);

    if (type == stn_replay_type('m', 'v', 'h', 'd')) {
        stn_replay_set_duration(box, len, 12, movie);

    } else if (type == stn_replay_type('t', 'k', 'h', 'd')) {
        stn_replay_set_duration(box, len, 16, movie);

    } else if (type == stn_replay_type('m', 'd', 'h', 'd')) {
        stn_replay_set_duration(box, len, 12, t->duration);
    }
}


/* The duration lies at at behind version and flags; in version 1 two times of
 * 64 bits are before it.  One that does not fit is unknown. */

static void
stn_replay_set_duration(uint8_t *box, size_t len, size_t at,
    uint64_t duration)
{
    size_t  i, n;

    n = (len && box[0] == 1) ? 8 : 4;
    at += (n == 8) ? 12 : 4;

    if (n == 4 && duration > UINT32_MAX) {
        duration = UINT32_MAX;
    }

    for (i = 0; i < n && at + n <= len; i++) {
        box[at + i] = (uint8_t) (duration >> (8 * (n - 1 - i)));
    }
}


static void
stn_replay_put_stbl(const stn_replay_table_t *t, const uint8_t *body,
    size_t len, stn_buf_t *out)
{
    size_t          start, size;
    const uint8_t  *stsd;

    start = stn_replay_open_box(out, stn_replay_type('s', 't', 'b', 'l'));

    stsd = stn_replay_find(body, len, stn_replay_type('s', 't', 's', 'd'),
                           &size);
    if (stsd) {
        stn_buf_put(out, stsd - 8, size + 8);
    }

    stn_replay_put_list(out, stn_replay_type('s', 't', 't', 's'), t->nruns,
                        &t->times);
    stn_replay_put_list(out, stn_replay_type('s', 't', 's', 'c'), t->nsteps,
                        &t->steps);
    stn_replay_put_list(out, stn_replay_type('s', 't', 's', 'z'), t->nsamples,
                        &t->sizes);
    stn_replay_put_list(out, stn_replay_type('c', 'o', '6', '4'), t->nchunks,
                        &t->offsets);

    stn_replay_close_box(out, start);
}


/* Version and flags, in stsz the size of all samples if they had one, and how
 * many there are. */

static void
stn_replay_put_list(stn_buf_t *out, uint32_t type, uint32_t n,
    const stn_buf_t *list)
{
    size_t  start;

    start = stn_replay_open_box(out, type);

    stn_buf_be32(out, 0);

    if (type == stn_replay_type('s', 't', 's', 'z')) {
        stn_buf_be32(out, 0);
    }

    stn_buf_be32(out, n);
    stn_buf_put(out, list->data, list->len);

    stn_replay_close_box(out, start);
}
