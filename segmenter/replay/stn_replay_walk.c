/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The walk (see stn_replay_walk.h).  Of a part that must have reached the disk
 * long ago only the moof is read; the newest ones are read whole, for a disk
 * may have kept what came later and not what came before.
 */

#include "replay/stn_replay_walk.h"


/* So much at the end is read whole: more than is written between two syncs. */
#define STN_REPLAY_WALK_CHECKED  (8 * 1024 * 1024)


static int stn_replay_walk_record(stn_replay_walk_t *w);
static int stn_replay_walk_part(stn_replay_walk_t *w);
static int stn_replay_walk_moof(stn_replay_walk_t *w, size_t *len);
static int stn_replay_walk_read(stn_replay_walk_t *w, uint64_t offset,
    size_t len);


void
stn_replay_walk_init(stn_replay_walk_t *w, stn_replay_read_pt read, void *data,
    uint64_t at, uint64_t size)
{
    w->read = read;
    w->data = data;
    w->at = at;
    w->start = at;
    w->size = size;
    w->from = size > STN_REPLAY_WALK_CHECKED ? size - STN_REPLAY_WALK_CHECKED
                                             : 0;
    stn_buf_init(&w->buf, STN_REPLAY_PART_MAX);
}


void
stn_replay_walk_free(stn_replay_walk_t *w)
{
    stn_buf_free(&w->buf);
}


int
stn_replay_walk_next(stn_replay_walk_t *w)
{
    int  rc;

    rc = stn_replay_walk_record(w);

    if (rc == STN_OK) {
        rc = stn_replay_walk_part(w);
    }

    if (rc == STN_OK) {
        w->start = w->at;
        w->at += STN_REPLAY_RECORD_LEN + w->record.len;
    }

    return rc;
}


static int
stn_replay_walk_record(stn_replay_walk_t *w)
{
    int  rc;

    if (w->at > w->size || w->size - w->at < STN_REPLAY_RECORD_LEN) {
        return STN_AGAIN;
    }

    rc = stn_replay_walk_read(w, w->at, STN_REPLAY_RECORD_LEN);

    if (rc != STN_OK) {
        return rc;
    }

    if (stn_replay_record_get(w->buf.data, &w->record) != STN_OK
        || w->record.len > w->size - w->at - STN_REPLAY_RECORD_LEN)
    {
        return STN_AGAIN;
    }

    return STN_OK;
}


static int
stn_replay_walk_part(stn_replay_walk_t *w)
{
    int     rc;
    size_t  len;

    len = w->record.len;

    if (w->at < w->from) {
        rc = stn_replay_walk_moof(w, &len);

        if (rc != STN_OK) {
            return rc;
        }
    }

    rc = stn_replay_walk_read(w, w->at + STN_REPLAY_RECORD_LEN, len);

    if (rc != STN_OK) {
        return rc;
    }

    if (stn_replay_part_read(w->buf.data, len, &w->part) != STN_OK
        || (uint64_t) w->part.moof + w->part.mdat != w->record.len)
    {
        return STN_AGAIN;
    }

    return w->at >= w->from
           && stn_replay_crc(0, w->buf.data, len) != w->record.crc
           ? STN_AGAIN : STN_OK;
}


/* How much of a part has to be read: its moof, and the head of mdat. */

static int
stn_replay_walk_moof(stn_replay_walk_t *w, size_t *len)
{
    int        rc;
    uint32_t   moof;
    stn_cur_t  c;

    rc = stn_replay_walk_read(w, w->at + STN_REPLAY_RECORD_LEN,
                              stn_min(*len, 8));
    if (rc != STN_OK) {
        return rc;
    }

    stn_cur_init(&c, w->buf.data, w->buf.len);
    moof = stn_cur_be32(&c);

    if (*len < 16 || moof > *len - 8) {
        return STN_AGAIN;
    }

    *len = moof + 8;

    return STN_OK;
}


static int
stn_replay_walk_read(stn_replay_walk_t *w, uint64_t offset, size_t len)
{
    uint8_t  *p;

    stn_buf_reset(&w->buf);

    p = stn_buf_reserve(&w->buf, len);
    if (p == NULL) {
        return STN_NOMEM;
    }

    w->buf.len = len;

    return w->read(w->data, offset, p, len);
}
