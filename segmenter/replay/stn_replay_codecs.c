/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The codec of an init segment (see stn_replay_codecs.h): down its boxes to the
 * sample entry (ISO/IEC 14496-12 section 8.5.2), and of AAC to the
 * AudioSpecificConfig in its esds (ISO/IEC 14496-14 section 5.6).
 */

#include "replay/stn_replay_codecs.h"
#include "replay/stn_replay_part.h"
#include "wire/stn_aac_format.h"

#include <string.h>


/* Bytes of stsd before its entries, and of an AudioSampleEntry before its
 * boxes. */
#define STN_REPLAY_STSD_HEAD   8
#define STN_REPLAY_ENTRY_HEAD  28

/* Tags of descriptors, and bytes of them before the ones that they have. */
#define STN_REPLAY_ES_TAG           3
#define STN_REPLAY_ES_HEAD          3
#define STN_REPLAY_DECODER_TAG      4
#define STN_REPLAY_DECODER_HEAD     13
#define STN_REPLAY_CONFIG_TAG       5


static int stn_replay_codecs_aac(const uint8_t *entry, size_t len, char *out);
static const uint8_t *stn_replay_descriptor(stn_cur_t *c, uint8_t tag,
    size_t *len);


int
stn_replay_codecs(const uint8_t *init, size_t len, char *out)
{
    size_t          i, at, body;
    uint32_t        type;
    const uint8_t  *box;

    static const uint32_t  path[] = {
        stn_replay_type('m', 'o', 'o', 'v'),
        stn_replay_type('t', 'r', 'a', 'k'),
        stn_replay_type('m', 'd', 'i', 'a'),
        stn_replay_type('m', 'i', 'n', 'f'),
        stn_replay_type('s', 't', 'b', 'l'),
        stn_replay_type('s', 't', 's', 'd')
    };

    out[0] = '\0';
    box = init;
    body = len;

    for (i = 0; box && i < stn_nelems(path); i++) {
        box = stn_replay_find(box, body, path[i], &body);
    }

    if (box == NULL || body < STN_REPLAY_STSD_HEAD) {
        return STN_ERROR;
    }

    at = STN_REPLAY_STSD_HEAD;
    box = stn_replay_box(box, body, &at, &type, &body);

    if (box && type == stn_replay_type('O', 'p', 'u', 's')) {
        memcpy(out, "Opus", sizeof("Opus"));
        return STN_OK;
    }

    if (box && type == stn_replay_type('m', 'p', '4', 'a')
        && body >= STN_REPLAY_ENTRY_HEAD)
    {
        return stn_replay_codecs_aac(box + STN_REPLAY_ENTRY_HEAD,
                                     body - STN_REPLAY_ENTRY_HEAD, out);
    }

    return STN_ERROR;
}


static int
stn_replay_codecs_aac(const uint8_t *entry, size_t len, char *out)
{
    size_t          n;
    stn_cur_t       c;
    const char     *reason;
    stn_format_t    format;
    const uint8_t  *esds;

    esds = stn_replay_find(entry, len, stn_replay_type('e', 's', 'd', 's'),
                           &n);
    stn_cur_init(&c, esds, esds ? n : 0);

    (void) stn_cur_be32(&c);
    (void) stn_replay_descriptor(&c, STN_REPLAY_ES_TAG, &n);
    (void) stn_cur_bytes(&c, STN_REPLAY_ES_HEAD);
    (void) stn_replay_descriptor(&c, STN_REPLAY_DECODER_TAG, &n);
    (void) stn_cur_bytes(&c, STN_REPLAY_DECODER_HEAD);

    esds = stn_replay_descriptor(&c, STN_REPLAY_CONFIG_TAG, &n);

    if (esds == NULL || n > STN_FORMAT_CONFIG_MAX
        || stn_aac_format(&format, esds, n, &reason) != STN_OK)
    {
        return STN_ERROR;
    }

    memcpy(out, format.codecs, sizeof(format.codecs));

    return STN_OK;
}


/* The body of the next descriptor, of len bytes, where c goes on; NULL: it is
 * another one, or is not all there. */

static const uint8_t *
stn_replay_descriptor(stn_cur_t *c, uint8_t tag, size_t *len)
{
    uint8_t   byte;
    unsigned  i;

    *len = 0;

    if (stn_cur_u8(c) != tag) {
        c->failed = 1;
    }

    for (i = 0; i < 4; i++) {
        byte = stn_cur_u8(c);
        *len = *len << 7 | (byte & 0x7f);

        if (byte < 0x80) {
            break;
        }
    }

    return c->failed || *len > stn_cur_left(c) ? NULL : c->pos;
}
