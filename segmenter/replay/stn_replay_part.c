/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading parts (see stn_replay_part.h).  They come out of the store, or out
 * of a file that may be damaged: nothing is believed that was not looked at.
 */

#include "replay/stn_replay_part.h"


/* Flags of tfhd and trun (ISO/IEC 14496-12 sections 8.8.7 and 8.8.8). */
#define STN_TFHD_BASE_OFFSET   0x000001
#define STN_TFHD_DESCRIPTION   0x000002
#define STN_TFHD_DURATION      0x000008
#define STN_TFHD_SIZE          0x000010
#define STN_TRUN_DATA_OFFSET   0x000001
#define STN_TRUN_FIRST_FLAGS   0x000004
#define STN_TRUN_DURATION      0x000100
#define STN_TRUN_SIZE          0x000200
#define STN_TRUN_FLAGS         0x000400
#define STN_TRUN_COMPOSITION   0x000800


static int stn_replay_part_tfhd(stn_cur_t *c, stn_replay_part_t *p);
static int stn_replay_part_trun(stn_cur_t *c, stn_replay_part_t *p);


const uint8_t *
stn_replay_box(const uint8_t *data, size_t len, size_t *at, uint32_t *type,
    size_t *body)
{
    size_t     size;
    stn_cur_t  c;

    stn_cur_init(&c, data + *at, len - *at);

    size = stn_cur_be32(&c);
    *type = stn_cur_be32(&c);

    if (c.failed || size < 8 || size > len - *at) {
        return NULL;
    }

    *body = size - 8;
    *at += size;

    return c.pos;
}


const uint8_t *
stn_replay_find(const uint8_t *data, size_t len, uint32_t type, size_t *body)
{
    size_t          at;
    uint32_t        is;
    const uint8_t  *box;

    for (at = 0; (box = stn_replay_box(data, len, &at, &is, body)); ) {
        if (is == type) {
            return box;
        }
    }

    return NULL;
}


int
stn_replay_part_read(const uint8_t *data, size_t len, stn_replay_part_t *p)
{
    size_t          at, traf_len, body;
    uint32_t        type;
    stn_cur_t       c;
    const uint8_t  *moof, *traf, *box;

    at = 0;
    moof = stn_replay_box(data, len, &at, &type, &body);

    if (moof == NULL || type != stn_replay_type('m', 'o', 'o', 'f')) {
        return STN_ERROR;
    }

    p->moof = (uint32_t) at;

    stn_cur_init(&c, data + at, len - at);
    p->mdat = stn_cur_be32(&c);

    if (stn_cur_be32(&c) != stn_replay_type('m', 'd', 'a', 't')
        || p->mdat <= 8)
    {
        return STN_ERROR;
    }

    traf = stn_replay_find(moof, body, stn_replay_type('t', 'r', 'a', 'f'),
                           &traf_len);
    if (traf == NULL) {
        return STN_ERROR;
    }

    box = stn_replay_find(traf, traf_len,
                          stn_replay_type('t', 'f', 'd', 't'), &body);

    if (box == NULL || body != 12 || box[0] != 1) {
        return STN_ERROR;
    }

    p->tfdt = (size_t) (box + 4 - data);

    box = stn_replay_find(traf, traf_len,
                          stn_replay_type('t', 'f', 'h', 'd'), &body);
    stn_cur_init(&c, box, box ? body : 0);

    if (stn_replay_part_tfhd(&c, p) != STN_OK) {
        return STN_ERROR;
    }

    box = stn_replay_find(traf, traf_len,
                          stn_replay_type('t', 'r', 'u', 'n'), &body);
    stn_cur_init(&c, box, box ? body : 0);

    return stn_replay_part_trun(&c, p);
}


/* Defaults for all samples, as far as the track has none of its own. */

static int
stn_replay_part_tfhd(stn_cur_t *c, stn_replay_part_t *p)
{
    uint32_t  flags;

    flags = stn_cur_be32(c) & 0xffffff;
    (void) stn_cur_be32(c);

    if (flags & STN_TFHD_BASE_OFFSET) {
        return STN_ERROR;
    }

    if (flags & STN_TFHD_DESCRIPTION) {
        (void) stn_cur_be32(c);
    }

    if (flags & STN_TFHD_DURATION) {
        (void) stn_cur_be32(c);
    }

    p->size = (flags & STN_TFHD_SIZE) ? stn_cur_be32(c) : 0;

    return c->failed ? STN_ERROR : STN_OK;
}


static int
stn_replay_part_trun(stn_cur_t *c, stn_replay_part_t *p)
{
    size_t    before;
    uint32_t  flags, offset;

    flags = stn_cur_be32(c) & 0xffffff;
    p->nsamples = stn_cur_be32(c);
    offset = (flags & STN_TRUN_DATA_OFFSET) ? stn_cur_be32(c) : 0;

    if (flags & STN_TRUN_FIRST_FLAGS) {
        (void) stn_cur_be32(c);
    }

    before = (flags & STN_TRUN_DURATION) ? 4 : 0;
    p->step = (unsigned) before + ((flags & STN_TRUN_SIZE) ? 4 : 0)
              + ((flags & STN_TRUN_FLAGS) ? 4 : 0)
              + ((flags & STN_TRUN_COMPOSITION) ? 4 : 0);
    p->sizes = NULL;

    if (c->failed || offset != p->moof + 8 || p->nsamples == 0
        || (p->step && p->nsamples > stn_cur_left(c) / p->step))
    {
        return STN_ERROR;
    }

    if (flags & STN_TRUN_SIZE) {
        p->sizes = c->pos + before;
    }

    return p->sizes || p->size ? STN_OK : STN_ERROR;
}


uint32_t
stn_replay_part_size(const stn_replay_part_t *p, uint32_t i)
{
    stn_cur_t  c;

    if (p->sizes == NULL) {
        return p->size;
    }

    stn_cur_init(&c, p->sizes + (size_t) i * p->step, 4);

    return stn_cur_be32(&c);
}


void
stn_replay_part_settle(uint8_t *data, const stn_replay_part_t *p,
    uint64_t time)
{
    unsigned  i;

    for (i = 0; i < 8; i++) {
        data[p->tfdt + i] = (uint8_t) (time >> (56 - 8 * i));
    }
}
