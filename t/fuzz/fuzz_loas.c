/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: LATM in LOAS.  The first byte picks how the rest is taken: as
 * a stream in payloads, or as AudioMuxElements that get their headers here.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/stn_es.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
stream(const uint8_t *data, size_t len, size_t piece)
{
    int            rc;
    size_t         n;
    stn_es_t       es;
    stn_es_unit_t  u;

    stn_es_init(&es, STN_ES_LOAS);

    for (rc = STN_AGAIN; rc == STN_AGAIN && len; data += n, len -= n) {
        n = piece < len ? piece : len;
        check(stn_es_feed(&es, data, n) == STN_OK);

        while ((rc = stn_es_next(&es, &u)) == STN_OK) {
            check(u.len > 0 && u.len <= STN_LOAS_FRAME_MAX);
            check(u.rate > 0 && u.samples > 0);
            check(u.config_len > 0 && u.config_len <= STN_AAC_ASC_MAX);
        }

        check(rc == STN_AGAIN || (rc == STN_UNSUPPORTED && es.reason));
    }

    stn_es_free(&es);
}


static void
frame(stn_loas_t *l, const uint8_t *frame, size_t len)
{
    size_t          i, n, bytes;
    stn_aac_t       a;
    const uint8_t  *p;

    volatile uint8_t  sum = 0;

    if (stn_loas_frame(l, frame, len) != STN_OK) {
        check(l->reason != NULL && l->left == 0);
        return;
    }

    check(stn_aac_parse(&a, l->config, l->config_len) == STN_OK);
    check(a.core_rate == l->rate && a.core_frame == l->samples);

    for (bytes = 0; stn_loas_next(l, &p, &n) == STN_OK; bytes += n) {
        for (i = 0; i < n; i++) {
            sum ^= p[i];
        }
    }

    check(bytes < len);
    check(l->left == 0);
}


/* Frames of as many bytes as a byte in front of each says. */

static void
frames(const uint8_t *data, size_t len)
{
    size_t       n;
    uint8_t     *copy;
    stn_loas_t   l;

    memset(&l, 0, sizeof(l));

    for ( /* void */ ; len > 1; data += 1 + n, len -= 1 + n) {
        n = data[0] < len - 1 ? data[0] : len - 1;

        copy = malloc(STN_LOAS_HEADER_LEN + n);
        check(copy != NULL);
        copy[0] = 0x56;
        copy[1] = 0xe0;
        copy[2] = (uint8_t) n;
        memcpy(copy + STN_LOAS_HEADER_LEN, data + 1, n);

        frame(&l, copy, STN_LOAS_HEADER_LEN + n);
        free(copy);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1 || len > STN_ES_PAYLOAD_MAX) {
        return 0;
    }

    if (data[0] & 1) {
        stream(data + 1, len - 1, 1 + (data[0] >> 1) * 17u);

    } else {
        frames(data + 1, len - 1);
    }

    return 0;
}
