/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * ADTS frames (see stn_adts.h).  Section numbers are those of ISO/IEC
 * 14496-3:2009.  Called by the splitter of elementary streams, on the thread
 * that demuxes.
 */

#include "wire/stn_adts.h"

#include <string.h>

#include "stn_buf.h"


/* A CRC, and the position of a block. */
#define STN_ADTS_CRC_LEN       2
#define STN_ADTS_POSITION_LEN  2

/* id_syn_ele of a program_config_element (table 4.85) */
#define STN_ADTS_PCE           5


static int stn_adts_fail(stn_adts_t *a, int rc, const char *reason);
static int stn_adts_blocks(stn_adts_t *a, const uint8_t *frame, size_t len);
static int stn_adts_config(stn_adts_t *a);
static int stn_adts_pce(stn_bitw_t *w, stn_bits_t *b);
static uint32_t stn_adts_copy(stn_bitw_t *w, stn_bits_t *b, unsigned n);


static const uint32_t  stn_adts_rates[] = {
    96000, 88200, 64000, 48000, 44100, 32000, 24000,
    22050, 16000, 12000, 11025, 8000, 7350
};


/*
 *     syncword 12 | ID 1 | layer 2 | protection_absent 1 | profile 2 | rate 4
 *     | private 1 | channels 3 | original 1 | home 1 | copyright 2
 *     | frame length 13 | buffer fullness 11 | blocks - 1, 2
 */

int
stn_adts_header(stn_adts_header_t *h, const uint8_t *p, size_t len)
{
    size_t  min;

    if ((len > 0 && p[0] != 0xff) || (len > 1 && (p[1] & 0xf6) != 0xf0)) {
        return STN_ERROR;
    }

    if (len < STN_ADTS_HEADER_LEN) {
        return STN_AGAIN;
    }

    h->checked = !(p[1] & 1);
    h->object_type = (uint8_t) ((p[2] >> 6) + 1);
    h->rate_index = (p[2] >> 2) & 0xf;
    h->channel_config = (uint8_t) ((p[2] & 1) << 2 | p[3] >> 6);
    h->frame_len = (uint16_t) ((p[3] & 3) << 11 | p[4] << 3 | p[5] >> 5);
    h->blocks = (uint8_t) ((p[6] & 3) + 1);

    if (h->rate_index >= stn_nelems(stn_adts_rates)) {
        return STN_ERROR;
    }

    h->rate = stn_adts_rates[h->rate_index];

    min = STN_ADTS_HEADER_LEN + (h->checked ? STN_ADTS_CRC_LEN : 0) + 1;

    return h->frame_len < min ? STN_ERROR : STN_OK;
}


static int
stn_adts_fail(stn_adts_t *a, int rc, const char *reason)
{
    a->reason = reason;
    a->nblocks = 0;

    return rc;
}


int
stn_adts_frame(stn_adts_t *a, const uint8_t *frame, size_t len)
{
    int  rc;

    a->next = 0;

    if (stn_adts_header(&a->header, frame, len) != STN_OK
        || a->header.frame_len != len)
    {
        return stn_adts_fail(a, STN_ERROR, "broken ADTS header");
    }

    rc = stn_adts_blocks(a, frame, len);

    return rc != STN_OK ? rc : stn_adts_config(a);
}


/*
 * Where the blocks are.  One block follows its header, and the CRC if there
 * is one.  Several come after the positions of all but the first, counted
 * from it, and a CRC; and each has a CRC of its own behind it (1.A.3.2.1).
 */

static int
stn_adts_blocks(stn_adts_t *a, const uint8_t *frame, size_t len)
{
    size_t     i, n, start, end, check;
    stn_cur_t  positions;

    n = a->header.blocks;

    if (n > 1 && !a->header.checked) {
        return stn_adts_fail(a, STN_UNSUPPORTED,
                             "several AAC blocks in one ADTS frame");
    }

    start = STN_ADTS_HEADER_LEN + (n - 1) * STN_ADTS_POSITION_LEN
            + (a->header.checked ? STN_ADTS_CRC_LEN : 0);
    check = n > 1 ? STN_ADTS_CRC_LEN : 0;

    if (len <= start) {
        return stn_adts_fail(a, STN_ERROR, "ADTS frame cut short");
    }

    frame += start;
    len -= start;

    stn_cur_init(&positions, frame - start + STN_ADTS_HEADER_LEN,
                 (n - 1) * STN_ADTS_POSITION_LEN);

    for (i = 0, start = 0; i < n; i++, start = end) {
        end = i + 1 < n ? stn_cur_be16(&positions) : len;

        if (end > len || end <= start + check) {
            return stn_adts_fail(a, STN_ERROR, "broken ADTS block position");
        }

        a->blocks[i] = frame + start;
        a->lens[i] = end - start - check;
    }

    a->nblocks = (unsigned) n;

    return STN_OK;
}


/* An AudioSpecificConfig (1.6.2.1) with the shortest GASpecificConfig. */

static int
stn_adts_config(stn_adts_t *a)
{
    stn_bits_t  b;
    stn_bitw_t  w;
    uint8_t     config[STN_AAC_ASC_MAX];

    stn_bitw_init(&w, config, sizeof(config));

    stn_bitw_put(&w, a->header.object_type, 5);
    stn_bitw_put(&w, a->header.rate_index, 4);
    stn_bitw_put(&w, a->header.channel_config, 4);
    stn_bitw_put(&w, 0, 3);

    if (a->header.channel_config == 0) {
        stn_bits_init(&b, a->blocks[0], a->lens[0]);

        if (stn_bits_get(&b, 3) != STN_ADTS_PCE) {
            return a->config_len > 2 && memcmp(a->config, config, 2) == 0
                   ? STN_OK
                   : stn_adts_fail(a, STN_ERROR, "ADTS without channels");
        }

        if (stn_adts_pce(&w, &b) != STN_OK) {
            return stn_adts_fail(a, STN_ERROR,
                                 "broken AAC program_config_element");
        }
    }

    a->config_len = stn_bitw_bytes(&w);
    memcpy(a->config, config, a->config_len);

    return STN_OK;
}


/*
 * Copies a program_config_element (4.4.1.1) but for its comment.  It is
 * aligned before that, to the bytes of the block here and of the config there,
 * so that it cannot be copied as it is.
 */

static int
stn_adts_pce(stn_bitw_t *w, stn_bits_t *b)
{
    unsigned  i, n, lfe, assoc, cc;

    stn_adts_copy(w, b, 10);                       /* tag, type, rate index */

    for (n = 0, i = 0; i < 3; i++) {
        n += stn_adts_copy(w, b, 4);               /* front, side, back */
    }

    lfe = stn_adts_copy(w, b, 2);
    assoc = stn_adts_copy(w, b, 3);
    cc = stn_adts_copy(w, b, 4);

    if (stn_adts_copy(w, b, 1)) {
        stn_adts_copy(w, b, 4);                    /* mono mixdown */
    }

    if (stn_adts_copy(w, b, 1)) {
        stn_adts_copy(w, b, 4);                    /* stereo mixdown */
    }

    if (stn_adts_copy(w, b, 1)) {
        stn_adts_copy(w, b, 3);                    /* matrix mixdown */
    }

    /* the elements, of which only the sizes matter here */

    for (i = 0; i < n + cc; i++) {
        stn_adts_copy(w, b, 5);
    }

    for (i = 0; i < lfe + assoc; i++) {
        stn_adts_copy(w, b, 4);
    }

    stn_bitw_put(w, 0, (8 - w->pos % 8) % 8);
    stn_bitw_put(w, 0, 8);                         /* no comment */

    return b->failed || w->failed || n + lfe == 0 ? STN_ERROR : STN_OK;
}


static uint32_t
stn_adts_copy(stn_bitw_t *w, stn_bits_t *b, unsigned n)
{
    uint32_t  v;

    v = stn_bits_get(b, n);
    stn_bitw_put(w, v, n);

    return v;
}


int
stn_adts_next(stn_adts_t *a, const uint8_t **data, size_t *len)
{
    if (a->next == a->nblocks) {
        return STN_AGAIN;
    }

    *data = a->blocks[a->next];
    *len = a->lens[a->next];
    a->next++;

    return STN_OK;
}
