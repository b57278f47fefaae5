/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Records of a replay's parts (see stn_replay_record.h), big endian:
 *
 *      0  box      64, "free"                 36  pos
 *      8  magic    "StnR"                     44  duration
 *     12  flags    live 1, silent 2, last 4   48  len
 *     16  msn      (8)                        52  crc
 *     24  part                                56  lost_ms
 *     28  rate     (32: zero)                 60  crc of all before
 */

#include "replay/stn_replay_record.h"


#define STN_REPLAY_MAGIC   0x53746e52    /* StnR */
#define STN_REPLAY_FREE    0x66726565    /* free */

#define STN_REPLAY_LIVE    1
#define STN_REPLAY_SILENT  2
#define STN_REPLAY_LAST    4


static int stn_replay_record_sane(const stn_replay_record_t *r);


int64_t
stn_replay_record_start(const stn_replay_record_t *r)
{
    return stn_rescale(r->pos, 1000000, r->rate);
}


int64_t
stn_replay_record_end(const stn_replay_record_t *r)
{
    return stn_rescale(r->pos + r->duration, 1000000, r->rate);
}


int
stn_replay_record_put(stn_buf_t *out, const stn_replay_record_t *r)
{
    size_t  start;

    start = out->len;

    stn_buf_be32(out, STN_REPLAY_RECORD_LEN);
    stn_buf_be32(out, STN_REPLAY_FREE);
    stn_buf_be32(out, STN_REPLAY_MAGIC);
    stn_buf_be32(out, (r->live ? STN_REPLAY_LIVE : 0)
                      | (r->silent ? STN_REPLAY_SILENT : 0)
                      | (r->last ? STN_REPLAY_LAST : 0));
    stn_buf_be64(out, r->msn);
    stn_buf_be32(out, r->part);
    stn_buf_be32(out, r->rate);
    stn_buf_be32(out, 0);
    stn_buf_be64(out, (uint64_t) r->pos);
    stn_buf_be32(out, r->duration);
    stn_buf_be32(out, r->len);
    stn_buf_be32(out, r->crc);
    stn_buf_be32(out, r->lost_ms);

    if (out->failed) {
        return out->failed;
    }

    return stn_buf_be32(out, stn_replay_crc(0, out->data + start,
                                            out->len - start));
}


int
stn_replay_record_get(const uint8_t *data, stn_replay_record_t *r)
{
    uint32_t   flags, crc;
    unsigned   good;
    stn_cur_t  c;

    stn_cur_init(&c, data, STN_REPLAY_RECORD_LEN);

    good = stn_cur_be32(&c) == STN_REPLAY_RECORD_LEN;
    good &= stn_cur_be32(&c) == STN_REPLAY_FREE;
    good &= stn_cur_be32(&c) == STN_REPLAY_MAGIC;

    flags = stn_cur_be32(&c);
    r->live = (flags & STN_REPLAY_LIVE) != 0;
    r->silent = (flags & STN_REPLAY_SILENT) != 0;
    r->last = (flags & STN_REPLAY_LAST) != 0;

    r->msn = stn_cur_be64(&c);
    r->part = stn_cur_be32(&c);
    r->rate = stn_cur_be32(&c);
    (void) stn_cur_be32(&c);
    r->pos = (int64_t) stn_cur_be64(&c);
    r->duration = stn_cur_be32(&c);
    r->len = stn_cur_be32(&c);
    r->crc = stn_cur_be32(&c);
    r->lost_ms = stn_cur_be32(&c);

    crc = stn_replay_crc(0, data, STN_REPLAY_RECORD_LEN - 4);

    return good && stn_cur_be32(&c) == crc && stn_replay_record_sane(r)
           ? STN_OK : STN_ERROR;
}


/* What is good by its CRC may still have been written by somebody else: times
 * must be fit to be added up. */

static int
stn_replay_record_sane(const stn_replay_record_t *r)
{
    return r->rate > 0 && r->rate <= STN_REPLAY_RATE_MAX
           && r->duration > 0 && r->duration / r->rate < 60
           && r->pos >= 0 && r->pos / r->rate < INT32_MAX * (int64_t) 8
           && r->len > 0 && r->len <= STN_REPLAY_PART_MAX;
}


/* Four bits at a time: a part a second is no load. */

uint32_t
stn_replay_crc(uint32_t crc, const uint8_t *data, size_t len)
{
    size_t  i;

    static const uint32_t  table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
    };

    crc = ~crc;

    for (i = 0; i < len; i++) {
        crc = table[(crc ^ data[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (data[i] >> 4)) & 15] ^ crc >> 4;
    }

    return ~crc;
}
