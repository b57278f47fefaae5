/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of segmenter/wire share: recorded connections, pieces of
 * random sizes, and a writer of RTMP chunks.  Functions are static inline, so
 * that each test stays one binary of its own.
 */

#ifndef WIRE_UTIL_H
#define WIRE_UTIL_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stn_buf.h"


/* Where make test runs from. */
#define WIRE_DATA  "t/data/rtmp/"

/* How input is cut: all at once, byte by byte, or seeds of random pieces. */
#define WIRE_WHOLE      0
#define WIRE_BYTES      1
#define WIRE_RANDOM     2
#define WIRE_CUTS       8


/* The file at path, to be freed. */

static inline uint8_t *
wire_load_path(const char *path, size_t *len)
{
    long      n;
    FILE     *f;
    uint8_t  *p;

    f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("cannot open %s", path);
    }

    fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);

    p = malloc((size_t) n);
    assert_non_null(p);
    *len = fread(p, 1, (size_t) n, f);
    assert_int_equal(*len, n);
    fclose(f);

    return p;
}


static inline uint8_t *
wire_load(const char *name, size_t *len)
{
    char  path[256];

    snprintf(path, sizeof(path), WIRE_DATA "%s", name);

    return wire_load_path(path, len);
}


static inline uint32_t
wire_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;

    return *x;
}


/* The size of the next piece, 1..left. */

static inline size_t
wire_piece(unsigned cut, uint32_t *x, size_t left)
{
    size_t  n;

    if (cut == WIRE_WHOLE) {
        return left;
    }

    n = cut == WIRE_BYTES ? 1 : 1 + wire_random(x) % (1u << (cut + 3));

    return n < left ? n : left;
}


/* A running hash of what came out, for comparing two runs. */

static inline uint64_t
wire_hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t  *p;

    for (p = data; len; len--) {
        h = (h ^ *p++) * 0x100000001b3ULL;
    }

    return h;
}


/* The header of a chunk: its type 0..3, chunk stream 2..63, timestamp or
 * delta, message length and type. */

typedef struct {
    unsigned  fmt;
    unsigned  csid;
    uint32_t  stamp;
    uint32_t  len;
    uint8_t   type;
} wire_chunk_t;

#define W(csid, stamp, type)                                                  \
    ((wire_chunk_t) { 0, (csid), (stamp), 0, (type) })


static inline void
wire_header(stn_buf_t *b, const wire_chunk_t *c)
{
    uint32_t  stamp;

    stamp = c->stamp < 0xffffff ? c->stamp : 0xffffff;

    stn_buf_u8(b, (uint8_t) (c->fmt << 6 | c->csid));

    if (c->fmt < 3) {
        stn_buf_be24(b, stamp);
    }

    if (c->fmt < 2) {
        stn_buf_be24(b, c->len);
        stn_buf_u8(b, c->type);
    }

    if (c->fmt == 0) {
        stn_buf_be32(b, 0x01000000);
    }

    if (c->fmt < 3 && stamp == 0xffffff) {
        stn_buf_be32(b, c->stamp);
    }
}


/* A whole message in one chunk of type 0, as W() says. */

static inline void
wire_message(stn_buf_t *b, wire_chunk_t c, const void *data, size_t len)
{
    c.len = (uint32_t) len;

    wire_header(b, &c);
    stn_buf_put(b, data, len);
}


#endif /* WIRE_UTIL_H */
