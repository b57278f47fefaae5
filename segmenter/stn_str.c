/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pieces of text (see stn_str.h).  UTF-8 is checked byte by byte: the first
 * byte of a character says how many follow, and the range of the second one
 * keeps out what would be overlong, a surrogate, over U+10FFFF or a control
 * character of C1 (RFC 3629, section 4).
 */

#include "stn_str.h"

#include <string.h>


/* Of a Unix time. */
#define STN_STR_TIME_DIGITS  12


static size_t stn_str_utf8(const uint8_t *p, size_t len);


int
stn_str_is(const stn_str_t *s, const char *literal)
{
    return s->len == strlen(literal)
           && (s->len == 0 || memcmp(s->data, literal, s->len) == 0);
}


int
stn_str_eq(const stn_str_t *a, const stn_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


int
stn_str_is_text(const stn_str_t *s)
{
    size_t          i, n;
    const uint8_t  *p;

    p = (const uint8_t *) s->data;

    for (i = 0; i < s->len; i += n) {
        n = stn_str_utf8(p + i, s->len - i);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


/* How many of the len (at least 1) bytes at p are its first character; 0 when
 * that is none. */

static size_t
stn_str_utf8(const uint8_t *p, size_t len)
{
    size_t   i, n;
    uint8_t  low, high;

    if (p[0] < 0x80) {
        return p[0] >= 0x20 && p[0] != 0x7f;
    }

    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }

    n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len < n) {
        return 0;
    }

    low = p[0] == 0xe0 || p[0] == 0xc2 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

    if (p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


int
stn_str_cut(const stn_str_t *s, char c, stn_str_t *head, stn_str_t *rest)
{
    stn_str_t    all;
    const char  *p;

    all = *s;
    p = all.len ? memchr(all.data, c, all.len) : NULL;

    rest->data = p ? p + 1 : NULL;
    rest->len = p ? all.len - (size_t) (p + 1 - all.data) : 0;

    head->data = all.data;
    head->len = p ? (size_t) (p - all.data) : all.len;

    return p != NULL;
}


int
stn_str_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


int64_t
stn_str_time(const stn_str_t *s)
{
    size_t   i;
    int64_t  t;

    if (s->len == 0 || s->len > STN_STR_TIME_DIGITS || s->data[0] == '0') {
        return -1;
    }

    for (i = 0, t = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return -1;
        }

        t = t * 10 + (s->data[i] - '0');
    }

    return t;
}
