/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Bounded readers and writers (see stn_buf.h).  Called from event loops and
 * live threads alike; memory belongs to the object it hangs from.
 */

#include "stn_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* The first allocation; small, since most buffers carry short replies. */
#define STN_BUF_FIRST  256


static uint64_t stn_cur_be(stn_cur_t *c, unsigned n);
static int stn_buf_be(stn_buf_t *b, uint64_t v, unsigned n);


void
stn_cur_init(stn_cur_t *c, const void *data, size_t len)
{
    static const uint8_t  nothing[1];

    c->pos = data ? data : nothing;
    c->last = c->pos + (data ? len : 0);
    c->failed = 0;
}


size_t
stn_cur_left(const stn_cur_t *c)
{
    return c->last - c->pos;
}


const uint8_t *
stn_cur_bytes(stn_cur_t *c, size_t n)
{
    const uint8_t  *p;

    if (c->failed || n > stn_cur_left(c)) {
        c->failed = 1;
        return NULL;
    }

    p = c->pos;
    c->pos += n;

    return p;
}


static uint64_t
stn_cur_be(stn_cur_t *c, unsigned n)
{
    uint64_t        v;
    const uint8_t  *p;

    p = stn_cur_bytes(c, n);
    if (p == NULL) {
        return 0;
    }

    for (v = 0; n; n--) {
        v = v << 8 | *p++;
    }

    return v;
}


uint8_t
stn_cur_u8(stn_cur_t *c)
{
    return (uint8_t) stn_cur_be(c, 1);
}


uint16_t
stn_cur_be16(stn_cur_t *c)
{
    return (uint16_t) stn_cur_be(c, 2);
}


uint32_t
stn_cur_be24(stn_cur_t *c)
{
    return (uint32_t) stn_cur_be(c, 3);
}


uint32_t
stn_cur_be32(stn_cur_t *c)
{
    return (uint32_t) stn_cur_be(c, 4);
}


uint64_t
stn_cur_be64(stn_cur_t *c)
{
    return stn_cur_be(c, 8);
}


double
stn_cur_double(stn_cur_t *c)
{
    double    d;
    uint64_t  v;

    v = stn_cur_be64(c);
    memcpy(&d, &v, sizeof(d));

    return d;
}


void
stn_bits_init(stn_bits_t *b, const void *data, size_t len)
{
    b->data = data;
    b->nbits = len * 8;
    b->pos = 0;
    b->failed = 0;
}


size_t
stn_bits_left(const stn_bits_t *b)
{
    return b->nbits - b->pos;
}


uint32_t
stn_bits_get(stn_bits_t *b, unsigned n)
{
    uint32_t  v;

    if (b->failed || n > stn_bits_left(b)) {
        b->failed = 1;
        return 0;
    }

    for (v = 0; n; n--, b->pos++) {
        v = v << 1 | (b->data[b->pos / 8] >> (7 - b->pos % 8) & 1);
    }

    return v;
}


void
stn_bitw_init(stn_bitw_t *w, void *data, size_t len)
{
    memset(data, 0, len);

    w->data = data;
    w->nbits = len * 8;
    w->pos = 0;
    w->failed = 0;
}


void
stn_bitw_put(stn_bitw_t *w, uint32_t v, unsigned n)
{
    if (w->failed || n > w->nbits - w->pos) {
        w->failed = 1;
        return;
    }

    while (n--) {
        w->data[w->pos / 8] |= (v >> n & 1) << (7 - w->pos % 8);
        w->pos++;
    }
}


size_t
stn_bitw_bytes(const stn_bitw_t *w)
{
    return (w->pos + 7) / 8;
}


void
stn_buf_init(stn_buf_t *b, size_t cap)
{
    memset(b, 0, sizeof(*b));
    b->cap = cap;
}


void
stn_buf_free(stn_buf_t *b)
{
    free(b->data);
    stn_buf_init(b, b->cap);
}


void
stn_buf_reset(stn_buf_t *b)
{
    b->len = 0;
    b->failed = STN_OK;
}


void
stn_buf_drain(stn_buf_t *b, size_t n)
{
    n = stn_min(n, b->len);

    if (n) {
        b->len -= n;
        memmove(b->data, b->data + n, b->len);
    }
}


uint8_t *
stn_buf_reserve(stn_buf_t *b, size_t n)
{
    size_t    size;
    uint8_t  *p;

    if (b->failed) {
        return NULL;
    }

    if (n > b->cap - b->len) {
        b->failed = STN_LIMIT;
        return NULL;
    }

    if (n > b->size - b->len || b->data == NULL) {
        size = stn_max(b->size * 2, b->len + n);
        size = stn_max(size, STN_BUF_FIRST);
        size = stn_max(stn_min(size, b->cap), 1);

        p = realloc(b->data, size);
        if (p == NULL) {
            b->failed = STN_NOMEM;
            return NULL;
        }

        b->data = p;
        b->size = size;
    }

    return b->data + b->len;
}


int
stn_buf_put(stn_buf_t *b, const void *data, size_t n)
{
    uint8_t  *p;

    p = stn_buf_reserve(b, n);
    if (p == NULL) {
        return b->failed;
    }

    if (n) {
        memcpy(p, data, n);
        b->len += n;
    }

    return STN_OK;
}


static int
stn_buf_be(stn_buf_t *b, uint64_t v, unsigned n)
{
    unsigned  i;
    uint8_t   bytes[8];

    for (i = 0; i < n; i++) {
        bytes[i] = (uint8_t) (v >> 8 * (n - 1 - i));
    }

    return stn_buf_put(b, bytes, n);
}


int
stn_buf_u8(stn_buf_t *b, uint8_t v)
{
    return stn_buf_be(b, v, 1);
}


int
stn_buf_be16(stn_buf_t *b, uint16_t v)
{
    return stn_buf_be(b, v, 2);
}


int
stn_buf_be24(stn_buf_t *b, uint32_t v)
{
    return stn_buf_be(b, v, 3);
}


int
stn_buf_be32(stn_buf_t *b, uint32_t v)
{
    return stn_buf_be(b, v, 4);
}


int
stn_buf_be64(stn_buf_t *b, uint64_t v)
{
    return stn_buf_be(b, v, 8);
}


int
stn_buf_double(stn_buf_t *b, double v)
{
    uint64_t  bits;

    memcpy(&bits, &v, sizeof(bits));

    return stn_buf_be64(b, bits);
}


int
stn_buf_str(stn_buf_t *b, const char *s)
{
    return stn_buf_put(b, s, strlen(s));
}


int
stn_buf_printf(stn_buf_t *b, const char *fmt, ...)
{
    int       n;
    uint8_t  *p;
    va_list   args;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    /* vsnprintf ends with a zero that is not part of the text */

    p = n < 0 ? NULL : stn_buf_reserve(b, (size_t) n + 1);
    if (p == NULL) {
        return b->failed ? b->failed : STN_ERROR;
    }

    va_start(args, fmt);
    vsnprintf((char *) p, (size_t) n + 1, fmt, args);
    va_end(args);

    b->len += (size_t) n;

    return STN_OK;
}
