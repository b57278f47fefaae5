/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: the splitter of elementary streams, and ADTS.  The first byte
 * picks the kind of stream, ADTS for most, and the sizes of the payloads that
 * the rest comes in.
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
unit(const stn_es_t *es, const stn_es_unit_t *u)
{
    stn_aac_t  a;

    check(u->len > 0 && u->rate > 0 && u->samples > 0);
    check(u->data >= es->buf.data
          && u->data + u->len <= es->buf.data + es->buf.len);

    if (es->kind != STN_ES_ADTS) {
        check(u->config_len == 0);
        return;
    }

    /* a config that it made can be read */

    check(u->config_len >= 2 && u->config_len <= STN_AAC_ASC_MAX);

    if (stn_aac_parse(&a, u->config, u->config_len) == STN_OK) {
        check(a.core_rate == u->rate);
        check(a.channels >= 1);
    }
}


/* Returns a hash of the units. */

static uint64_t
run(stn_es_kind_e kind, const uint8_t *data, size_t len, size_t piece)
{
    int            rc;
    size_t         i, n;
    uint64_t       hash;
    stn_es_t       es;
    stn_es_unit_t  u;

    stn_es_init(&es, kind);
    hash = 0;

    for (rc = STN_AGAIN; rc == STN_AGAIN && len; data += n, len -= n) {
        n = piece && piece < len ? piece : len;
        check(stn_es_feed(&es, data, n) == STN_OK);

        while ((rc = stn_es_next(&es, &u)) == STN_OK) {
            unit(&es, &u);

            for (i = 0; i < u.len; i++) {
                hash = (hash ^ u.data[i]) * 0x100000001b3ULL;
            }
        }

        check(rc == STN_AGAIN || (rc == STN_UNSUPPORTED && es.reason));
    }

    stn_es_free(&es);

    return hash;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    stn_es_kind_e  kind;

    static const stn_es_kind_e  kinds[] = {
        STN_ES_ADTS, STN_ES_ADTS, STN_ES_ADTS, STN_ES_ADTS,
        STN_ES_MPA, STN_ES_AC3, STN_ES_OPUS, STN_ES_OPUS
    };

    if (len < 1 || len > STN_ES_PAYLOAD_MAX) {
        return 0;
    }

    kind = kinds[data[0] & 7];

    (void) run(kind, data + 1, len - 1, 1 + (data[0] >> 3) * 37u);
    check(run(kind, data + 1, len - 1, 0) == run(kind, data + 1, len - 1, 0));

    return 0;
}
