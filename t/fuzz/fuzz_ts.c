/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: MPEG-TS.  The input is the stream, after a byte that picks the
 * track and the sizes of the pieces that it comes in.  Tables get the CRC that
 * they should have, or no map would ever be read.
 */

#include <stdlib.h>
#include <string.h>

#include "pack/stn_cmaf.h"
#include "wire/stn_ts.h"
#include "wire/stn_wire_format.h"


#define FUZZ_INPUT_MAX  (128 * 1024)
#define FUZZ_PACKET     188


typedef struct {
    const uint8_t  *data;
    size_t          len;
    size_t          pos;
    size_t          piece;
} input_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


/* ISO/IEC 13818-1 annex A */

static uint32_t
crc(const uint8_t *p, size_t len)
{
    unsigned  i;
    uint32_t  v;

    for (v = 0xffffffff; len; len--, p++) {
        for (i = 0; i < 8; i++) {
            v = v << 1 ^ ((v >> 31) ^ (*p >> (7 - i) & 1) ? 0x04c11db7 : 0);
        }
    }

    return v;
}


/* A section that begins and ends in the packet at p gets its CRC. */

static void
repair(uint8_t *p)
{
    size_t    start, n;
    uint32_t  v;

    start = 4 + (p[3] & 0x20 ? 1u + p[4] : 0u);

    if (!(p[1] & 0x40) || start >= FUZZ_PACKET) {
        return;
    }

    start += 1u + p[start];

    if (start + 3 > FUZZ_PACKET || (p[start] != 0 && p[start] != 2)) {
        return;
    }

    n = 3 + ((size_t) (p[start + 1] & 0xf) << 8 | p[start + 2]);

    if (n < 12 || start + n > FUZZ_PACKET) {
        return;
    }

    v = crc(p + start, n - 4);
    p[start + n - 4] = (uint8_t) (v >> 24);
    p[start + n - 3] = (uint8_t) (v >> 16);
    p[start + n - 2] = (uint8_t) (v >> 8);
    p[start + n - 1] = (uint8_t) v;
}


static int
read_input(void *data, uint8_t *buf, size_t size)
{
    size_t    n;
    input_t  *in = data;

    check(size >= STN_TS_READ_MIN);

    n = in->len - in->pos;
    n = n < size ? n : size;
    n = n < in->piece ? n : in->piece;

    if (n) {
        memcpy(buf, in->data + in->pos, n);
    }

    in->pos += n;

    return (int) n;
}


static void
config(const stn_ts_event_t *ev)
{
    const char    *reason = NULL;
    stn_format_t   f;

    check(ev->config.len <= STN_FORMAT_CONFIG_MAX);
    check((ev->config.len == 0) == (ev->config.data == NULL));

    if (stn_wire_format(&f, ev->config.codec, ev->config.data, ev->config.len,
                        &reason) != STN_OK)
    {
        check(reason != NULL);
    }
}


static void
run(input_t *in, unsigned track)
{
    int              rc;
    size_t           bytes;
    unsigned         configured;
    stn_ts_t        *t;
    stn_ts_event_t   ev;

    t = stn_ts_open(read_input, in, track);
    check(t != NULL);

    configured = 0;
    bytes = 0;

    while ((rc = stn_ts_next(t, &ev)) == STN_OK && ev.type != STN_TS_EV_END) {
        if (ev.type == STN_TS_EV_CONFIG) {
            config(&ev);
            configured = 1;
            continue;
        }

        check(configured && ev.au.len > 0);
        bytes += ev.au.len;
    }

    check(rc == STN_OK || stn_ts_reason(t) != NULL);
    check(rc != STN_NOMEM);
    check(bytes <= in->len);

    stn_ts_close(t);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t    i;
    uint8_t  *copy;
    input_t   in;

    static const size_t  pieces[] = { 1316, 188, 1, 376, 7, 65536, 189, 1500 };

    stn_cmaf_quiet();

    if (len < 1 || len > FUZZ_INPUT_MAX) {
        return 0;
    }

    copy = malloc(len);
    check(copy != NULL);
    memcpy(copy, data + 1, len - 1);

    for (i = 0; i + FUZZ_PACKET <= len - 1; i += FUZZ_PACKET) {
        repair(copy + i);
    }

    in.data = copy;
    in.len = len - 1;
    in.pos = 0;
    in.piece = pieces[data[0] & 7];

    run(&in, data[0] >> 3 & 3);

    free(copy);

    return 0;
}
