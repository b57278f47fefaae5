/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Headers of MPEG audio frames (see stn_mpa.h).  Pure functions, called by the
 * splitter of elementary streams, on the thread that demuxes.
 */

#include "wire/stn_mpa.h"


/* Codes of the version in the header; 1 is reserved. */
#define STN_MPA_V25        0
#define STN_MPA_V2         2
#define STN_MPA_V1         3

#define STN_MPA_RESERVED   3     /* of the rates */


/* kbit/s, by layer from the first; 0 is the free format, 15 forbidden. */

static const uint16_t  stn_mpa_v1_bit_rates[3][15] = {
    { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448 },
    { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384 },
    { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 }
};

static const uint16_t  stn_mpa_v2_bit_rates[2][15] = {
    { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256 },
    { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 }
};

static const uint16_t  stn_mpa_rates[STN_MPA_RESERVED] = {
    44100, 48000, 32000
};


/*
 *     syncword 11 | version 2 | layer 2 | protection 1 | bit rate 4 | rate 2
 *     | padding 1 | private 1 | mode and what else a decoder needs 8
 */

int
stn_mpa_header(stn_mpa_header_t *h, const uint8_t *p, size_t len)
{
    unsigned  version, bit_rate, rate, padding;
    uint32_t  bits, kbits;

    if ((len > 0 && p[0] != 0xff) || (len > 1 && p[1] < 0xe0)) {
        return STN_ERROR;
    }

    if (len < STN_MPA_HEADER_LEN) {
        return STN_AGAIN;
    }

    version = (p[1] >> 3) & 3;
    h->layer = (uint8_t) (4 - ((p[1] >> 1) & 3));
    bit_rate = p[2] >> 4;
    rate = (p[2] >> 2) & 3;
    padding = (p[2] >> 1) & 1;

    if (version == 1 || h->layer == 4 || bit_rate == 0 || bit_rate == 15
        || rate == STN_MPA_RESERVED)
    {
        return STN_ERROR;
    }

    kbits = version == STN_MPA_V1
            ? stn_mpa_v1_bit_rates[h->layer - 1][bit_rate]
            : stn_mpa_v2_bit_rates[h->layer > 1][bit_rate];

    h->rate = stn_mpa_rates[rate] >> (version == STN_MPA_V1 ? 0
                                      : version == STN_MPA_V2 ? 1 : 2);

    if (h->layer == 1) {
        h->samples = 384;

    } else {
        h->samples = h->layer == 3 && version != STN_MPA_V1 ? 576 : 1152;
    }

    /* in slots: of four bytes in layer I, of one in the others */

    bits = h->layer == 1 ? 32 : 8;
    h->frame_len = (uint16_t) ((h->samples * kbits * 1000 / bits / h->rate
                                + padding) * (bits / 8));

    return STN_OK;
}
