/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Opus as MPEG-TS carries it (see stn_opus.h).  Pure functions, called by the
 * splitter of elementary streams, on the thread that demuxes.
 */

#include "wire/stn_opus.h"

#include "stn_buf.h"


/* The first 16 bits: 11 of prefix, then flags. */
#define STN_OPUS_PREFIX        0x7fe0
#define STN_OPUS_PREFIX_MASK   0xffe0
#define STN_OPUS_START_TRIM    0x0010
#define STN_OPUS_END_TRIM      0x0008
#define STN_OPUS_EXTENSION     0x0004

/* A byte of the size with more behind it. */
#define STN_OPUS_MORE          255

/* 120 ms */
#define STN_OPUS_SAMPLES_MAX   5760


/*
 *     prefix 11 | start trim 1 | end trim 1 | extension 1 | reserved 2
 *     | size: bytes, as long as they are 255 | start trim 16 | end trim 16
 *     | extension: its length 8, and as many bytes
 */

int
stn_opus_control(stn_opus_control_t *c, const uint8_t *p, size_t len)
{
    uint8_t    more;
    unsigned   flags;
    stn_cur_t  cur;

    if ((len > 0 && p[0] != STN_OPUS_PREFIX >> 8)
        || (len > 1 && (p[1] & STN_OPUS_PREFIX_MASK & 0xff)
                       != (STN_OPUS_PREFIX & 0xff)))
    {
        return STN_ERROR;
    }

    stn_cur_init(&cur, p, len);

    flags = stn_cur_be16(&cur);
    c->len = 0;

    do {
        more = stn_cur_u8(&cur);
        c->len += more;

    } while (more == STN_OPUS_MORE && c->len <= STN_OPUS_PACKET_MAX);

    if (flags & STN_OPUS_START_TRIM) {
        stn_cur_be16(&cur);
    }

    if (flags & STN_OPUS_END_TRIM) {
        stn_cur_be16(&cur);
    }

    if (flags & STN_OPUS_EXTENSION) {
        stn_cur_bytes(&cur, stn_cur_u8(&cur));
    }

    if (c->len > STN_OPUS_PACKET_MAX) {
        return STN_ERROR;
    }

    c->header_len = (size_t) (cur.pos - p);

    return cur.failed ? STN_AGAIN : STN_OK;
}


/* The configuration, by the upper five bits: 0..11 SILK, 12..15 hybrid, the
 * others CELT (table 2); then the code of how many frames there are. */

uint32_t
stn_opus_samples(const uint8_t *packet, size_t len)
{
    static const uint16_t  silk[] = { 480, 960, 1920, 2880 };

    unsigned  config, frames;
    uint32_t  samples;

    if (len == 0) {
        return 0;
    }

    config = packet[0] >> 3;

    if (config < 12) {
        samples = silk[config % 4];

    } else if (config < 16) {
        samples = config % 2 ? 960 : 480;

    } else {
        samples = 120u << (config % 4);
    }

    switch (packet[0] & 3) {

    case 0:
        frames = 1;
        break;

    case 3:
        frames = len > 1 ? packet[1] & 0x3f : 0;
        break;

    default:
        frames = 2;
    }

    samples *= frames;

    return samples <= STN_OPUS_SAMPLES_MAX ? samples : 0;
}
