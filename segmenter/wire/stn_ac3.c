/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Headers of AC-3 and E-AC-3 (see stn_ac3.h).  Pure functions, called by the
 * splitter of elementary streams, on the thread that demuxes.
 */

#include "wire/stn_ac3.h"


/* Both have bsid at the same place; it tells which of them a frame is. */
#define STN_AC3_BSID_AC3   8     /* 9 and 10: the same at lower rates */
#define STN_AC3_BSID_LOW   10
#define STN_AC3_BSID_EAC3  16

#define STN_AC3_BLOCK      256   /* samples */
#define STN_AC3_BLOCKS     6

/* Codes of strmtyp: independent, dependent, AC-3 wrapped; 3 is reserved. */
#define STN_AC3_DEPENDENT  1
#define STN_AC3_RESERVED   3

/* More of them than the eight independent and dependent substreams each that
 * there can be are no access unit. */
#define STN_AC3_FRAMES_MAX  72


static int stn_ac3_plain(stn_ac3_header_t *h, const uint8_t *p,
    unsigned shift);
static int stn_ac3_enhanced(stn_ac3_header_t *h, const uint8_t *p);


static const uint16_t  stn_ac3_rates[] = { 48000, 44100, 32000 };

/* kbit/s, by half of frmsizecod */

static const uint16_t  stn_ac3_bit_rates[] = {
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448,
    512, 576, 640
};

/* by numblkscod */
static const uint8_t  stn_ac3_blocks[] = { 1, 2, 3, STN_AC3_BLOCKS };


int
stn_ac3_header(stn_ac3_header_t *h, const uint8_t *p, size_t len)
{
    unsigned  bsid;

    if ((len > 0 && p[0] != 0x0b) || (len > 1 && p[1] != 0x77)) {
        return STN_ERROR;
    }

    if (len < STN_AC3_HEADER_LEN) {
        return STN_AGAIN;
    }

    bsid = p[5] >> 3;

    if (bsid <= STN_AC3_BSID_LOW) {
        return stn_ac3_plain(h, p, bsid <= STN_AC3_BSID_AC3
                                   ? 0 : bsid - STN_AC3_BSID_AC3);
    }

    return bsid <= STN_AC3_BSID_EAC3 ? stn_ac3_enhanced(h, p) : STN_ERROR;
}


/* syncword 16 | crc1 16 | fscod 2 | frmsizecod 6 | bsid 5 */

static int
stn_ac3_plain(stn_ac3_header_t *h, const uint8_t *p, unsigned shift)
{
    unsigned  rate, size;

    rate = p[4] >> 6;
    size = p[4] & 0x3f;

    if (rate >= stn_nelems(stn_ac3_rates)
        || size / 2 >= stn_nelems(stn_ac3_bit_rates))
    {
        return STN_ERROR;
    }

    h->samples = STN_AC3_BLOCK * STN_AC3_BLOCKS;
    h->enhanced = 0;
    h->first = 1;

    /* in words of 16 bits; at 44.1 kHz every other frame has one more */

    h->frame_len = (uint16_t) (stn_ac3_bit_rates[size / 2] * 1000
                               * h->samples / 16 / stn_ac3_rates[rate]);

    if (stn_ac3_rates[rate] == 44100) {
        h->frame_len = (uint16_t) (h->frame_len + (size & 1));
    }

    h->frame_len = (uint16_t) (h->frame_len * 2);
    h->rate = stn_ac3_rates[rate] >> shift;

    return STN_OK;
}


/*
 *     syncword 16 | strmtyp 2 | substreamid 3 | frmsiz 11 | fscod 2
 *     | numblkscod 2, or fscod2 | acmod 3 | lfeon 1 | bsid 5
 */

static int
stn_ac3_enhanced(stn_ac3_header_t *h, const uint8_t *p)
{
    unsigned  type, substream, rate, code;

    type = p[2] >> 6;
    substream = (p[2] >> 3) & 7;
    rate = p[4] >> 6;
    code = (p[4] >> 4) & 3;

    h->frame_len = (uint16_t) ((((p[2] & 7) << 8 | p[3]) + 1) * 2);
    h->enhanced = 1;
    h->first = type != STN_AC3_DEPENDENT && substream == 0;

    if (rate < stn_nelems(stn_ac3_rates)) {
        h->rate = stn_ac3_rates[rate];
        h->samples = (uint16_t) (stn_ac3_blocks[code] * STN_AC3_BLOCK);

    } else if (code < stn_nelems(stn_ac3_rates)) {
        h->rate = stn_ac3_rates[code] / 2;
        h->samples = STN_AC3_BLOCK * STN_AC3_BLOCKS;

    } else {
        return STN_ERROR;
    }

    return type == STN_AC3_RESERVED || h->frame_len < STN_AC3_HEADER_LEN
           ? STN_ERROR : STN_OK;
}


int
stn_ac3_unit(stn_ac3_header_t *h, const uint8_t *p, size_t len,
    size_t *unit_len)
{
    int               rc;
    unsigned          i;
    stn_ac3_header_t  more;

    rc = stn_ac3_header(h, p, len);
    if (rc != STN_OK || !h->first) {
        return rc != STN_OK ? rc : STN_ERROR;
    }

    *unit_len = h->frame_len;

    for (i = 1; i < STN_AC3_FRAMES_MAX && *unit_len < len; i++) {
        rc = stn_ac3_header(&more, p + *unit_len, len - *unit_len);
        if (rc != STN_OK || more.first) {
            break;
        }

        *unit_len += more.frame_len;
    }

    return STN_OK;
}
