/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AudioSyncStream and AudioMuxElement (see stn_loas.h).  Section numbers are
 * those of ISO/IEC 14496-3:2009.  Called by the splitter of elementary
 * streams, on the thread that demuxes.
 */

#include "wire/stn_loas.h"

#include <string.h>


/* the upper 11 of 16 bits */
#define STN_LOAS_SYNC       0x2b7

/* A byte of MuxSlotLengthBytes with more behind it. */
#define STN_LOAS_MORE       255

/* otherDataLenBits has as many bytes as it likes; a frame has not. */
#define STN_LOAS_OTHER_MAX  (STN_LOAS_FRAME_MAX * 8)


static int stn_loas_fail(stn_loas_t *l, int rc, const char *reason);
static int stn_loas_mux_config(stn_loas_t *l);
static int stn_loas_layout(stn_loas_t *l);
static int stn_loas_config(stn_loas_t *l);
static int stn_loas_config_bits(stn_loas_t *l, size_t nbits);
static int stn_loas_other(stn_loas_t *l);
static uint32_t stn_loas_value(stn_bits_t *b);
static void stn_loas_bytes(stn_bits_t *b, uint8_t *to, size_t n);


int
stn_loas_header(const uint8_t *p, size_t len, size_t *frame_len)
{
    size_t  n;

    if ((len > 0 && p[0] != STN_LOAS_SYNC >> 3)
        || (len > 1 && p[1] >> 5 != (STN_LOAS_SYNC & 7)))
    {
        return STN_ERROR;
    }

    if (len < STN_LOAS_HEADER_LEN) {
        return STN_AGAIN;
    }

    n = (size_t) (p[1] & 0x1f) << 8 | p[2];

    *frame_len = STN_LOAS_HEADER_LEN + n;

    return n ? STN_OK : STN_ERROR;
}


static int
stn_loas_fail(stn_loas_t *l, int rc, const char *reason)
{
    l->reason = reason;
    l->left = 0;

    return rc;
}


int
stn_loas_frame(stn_loas_t *l, const uint8_t *frame, size_t len)
{
    int     rc;
    size_t  frame_len;

    l->left = 0;

    if (stn_loas_header(frame, len, &frame_len) != STN_OK || frame_len != len)
    {
        return stn_loas_fail(l, STN_ERROR, "broken LOAS header");
    }

    stn_bits_init(&l->bits, frame + STN_LOAS_HEADER_LEN,
                  len - STN_LOAS_HEADER_LEN);

    if (!stn_bits_get(&l->bits, 1)) {              /* useSameStreamMux */
        l->configured = 0;

        rc = stn_loas_mux_config(l);

        if (l->bits.failed) {
            return stn_loas_fail(l, STN_ERROR, "LATM config cut short");
        }

        if (rc != STN_OK) {
            return rc;
        }

        l->configured = 1;
    }

    if (!l->configured) {
        return stn_loas_fail(l, STN_ERROR, "LATM without a config");
    }

    l->left = l->sub_frames;

    return STN_OK;
}


/* StreamMuxConfig (1.7.3.1, table 1.42) */

static int
stn_loas_mux_config(stn_loas_t *l)
{
    int          rc;
    stn_bits_t  *b = &l->bits;

    l->version = (uint8_t) stn_bits_get(b, 1);

    if (l->version && stn_bits_get(b, 1)) {
        return stn_loas_fail(l, STN_UNSUPPORTED, "unknown version of LATM");
    }

    if (l->version) {
        stn_loas_value(b);                         /* taraBufferFullness */
    }

    rc = stn_loas_layout(l);
    if (rc != STN_OK) {
        return rc;
    }

    rc = stn_loas_config(l);
    if (rc != STN_OK) {
        return rc;
    }

    if (stn_bits_get(b, 3) != 0) {                 /* frameLengthType */
        return stn_loas_fail(l, STN_UNSUPPORTED,
                             "LATM of units with a fixed length");
    }

    stn_bits_get(b, 8);                            /* latmBufferFullness */

    rc = stn_loas_other(l);
    if (rc != STN_OK) {
        return rc;
    }

    if (stn_bits_get(b, 1)) {
        stn_bits_get(b, 8);                        /* crcCheckSum */
    }

    return STN_OK;
}


/* How many streams there are, and how they share a frame. */

static int
stn_loas_layout(stn_loas_t *l)
{
    uint32_t     same_time, programs, layers;
    stn_bits_t  *b = &l->bits;

    same_time = stn_bits_get(b, 1);
    l->sub_frames = (uint8_t) (stn_bits_get(b, 6) + 1);
    programs = stn_bits_get(b, 4) + 1;
    layers = stn_bits_get(b, 3) + 1;

    if (b->failed) {
        return STN_ERROR;
    }

    if (programs > 1 || layers > 1) {
        return stn_loas_fail(l, STN_UNSUPPORTED,
                             "LATM of several programs or layers");
    }

    if (!same_time) {
        return stn_loas_fail(l, STN_UNSUPPORTED,
                             "LATM of streams with different framing");
    }

    return STN_OK;
}


/*
 * The AudioSpecificConfig.  Version 1 says how many bits it has.  In version 0
 * only reading it tells, and no sync extension can follow it, for there is no
 * end before which to look for one (1.6.5.2).
 */

static int
stn_loas_config(stn_loas_t *l)
{
    int          rc;
    size_t       start, n;
    stn_aac_t    a;
    stn_bits_t  *b = &l->bits;

    if (l->version) {
        n = stn_loas_value(b);
        return stn_loas_config_bits(l, n);
    }

    start = b->pos;
    n = stn_min(stn_bits_left(b) / 8, STN_AAC_ASC_MAX);

    stn_loas_bytes(b, l->config, n);

    rc = stn_aac_parse(&a, l->config, n);

    if (rc != STN_OK && a.nbits == 0) {
        return stn_loas_fail(l, rc, a.reason);
    }

    b->pos = start;

    return stn_loas_config_bits(l, a.nbits);
}


/* Takes a config of nbits, zeros behind it, and what it means. */

static int
stn_loas_config_bits(stn_loas_t *l, size_t nbits)
{
    int        rc;
    size_t     rest;
    stn_aac_t  a;

    if (nbits > STN_AAC_ASC_MAX * 8) {
        return stn_loas_fail(l, STN_ERROR, "too long an AAC config");
    }

    rest = nbits % 8;
    l->config_len = (nbits + 7) / 8;

    stn_loas_bytes(&l->bits, l->config, nbits / 8);

    if (rest) {
        l->config[nbits / 8] = (uint8_t) (stn_bits_get(&l->bits,
                                                       (unsigned) rest)
                                          << (8 - rest));
    }

    rc = stn_aac_parse(&a, l->config, l->config_len);
    if (rc == STN_OK) {
        rc = stn_aac_carried(&a);
    }

    if (rc != STN_OK) {
        return stn_loas_fail(l, rc, a.reason);
    }

    l->rate = a.core_rate;
    l->samples = a.core_frame;

    return STN_OK;
}


/* otherDataLenBits, of bits that come after the last payload */

static int
stn_loas_other(stn_loas_t *l)
{
    uint32_t     more;
    stn_bits_t  *b = &l->bits;

    l->other_bits = 0;

    if (!stn_bits_get(b, 1)) {
        return STN_OK;
    }

    if (l->version) {
        l->other_bits = stn_loas_value(b);

    } else {
        do {
            more = stn_bits_get(b, 1);
            l->other_bits = l->other_bits << 8 | stn_bits_get(b, 8);

        } while (more && l->other_bits <= STN_LOAS_OTHER_MAX);
    }

    return l->other_bits > STN_LOAS_OTHER_MAX
           ? stn_loas_fail(l, STN_ERROR, "LATM with too much other data")
           : STN_OK;
}


/* LatmGetValue (table 1.43) */

static uint32_t
stn_loas_value(stn_bits_t *b)
{
    uint32_t  n;

    n = stn_bits_get(b, 2) + 1;

    return stn_bits_get(b, 8 * n);
}


/*
 * PayloadLengthInfo and PayloadMux (tables 1.44 and 1.45) of one stream.
 * Other data only follows the last unit, and what is behind that is padding:
 * neither is looked at.
 */

int
stn_loas_next(stn_loas_t *l, const uint8_t **data, size_t *len)
{
    size_t       n;
    uint32_t     more;
    stn_bits_t  *b = &l->bits;

    if (l->left == 0) {
        return STN_AGAIN;
    }

    n = 0;

    do {
        more = stn_bits_get(b, 8);
        n += more;

    } while (more == STN_LOAS_MORE);

    l->left--;

    if (b->failed
        || n * 8 + (l->left == 0 ? l->other_bits : 0) > stn_bits_left(b))
    {
        return stn_loas_fail(l, STN_ERROR, "LATM unit cut short");
    }

    if (b->pos % 8 == 0) {
        *data = b->data + b->pos / 8;
        b->pos += n * 8;

    } else {
        stn_loas_bytes(b, l->unit, n);
        *data = l->unit;
    }

    *len = n;

    return STN_OK;
}


/* The next n bytes, wherever they start in a byte. */

static void
stn_loas_bytes(stn_bits_t *b, uint8_t *to, size_t n)
{
    unsigned        shift;
    const uint8_t  *from;

    if (n == 0 || n * 8 > stn_bits_left(b)) {
        b->failed = b->failed || n > 0;
        memset(to, 0, n);
        return;
    }

    from = b->data + b->pos / 8;
    shift = (unsigned) (b->pos % 8);
    b->pos += n * 8;

    if (shift == 0) {
        memcpy(to, from, n);
        return;
    }

    for ( /* void */ ; n; n--, from++) {
        *to++ = (uint8_t) (from[0] << shift | from[1] >> (8 - shift));
    }
}
