/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Playlists that a crowd has read (see crowd_cache.h): a table by checksum,
 * in which the new displaces the old.
 */

#include "crowd_cache.h"

#include "crowd_http.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>


#define CROWD_INFLATE_GZIP  (16 + MAX_WBITS)


static crowd_cached_t *crowd_cache_new(const char *body, size_t len,
    unsigned flags);
static void crowd_cache_free(crowd_cached_t *e);


const crowd_hls_t *
crowd_cache_read(crowd_cache_t *cache, const char *body, size_t len,
    unsigned flags)
{
    crowd_cached_t  **slot, *e;

    slot = &cache->slots[crowd_sum(body, len) % CROWD_CACHE_SLOTS];
    e = *slot;

    if (e && e->flags == flags && e->len == len
        && memcmp(e->body, body, len) == 0)
    {
        return &e->pl;
    }

    e = crowd_cache_new(body, len, flags);
    if (e == NULL) {
        return NULL;
    }

    crowd_cache_free(*slot);
    *slot = e;

    return &e->pl;
}


static crowd_cached_t *
crowd_cache_new(const char *body, size_t len, unsigned flags)
{
    size_t           size;
    crowd_cached_t  *e;

    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }

    e->flags = flags;
    e->len = len;
    e->pl.segments = flags & CROWD_CACHE_SEGMENTS;
    e->body = malloc(len + 1);

    if (e->body) {
        memcpy(e->body, body, len);
        e->body[len] = '\0';
        e->text = e->body;
        size = len;

        if (flags & CROWD_CACHE_GZIP) {
            e->text = crowd_inflate(body, len, &size);
        }

        if (e->text && crowd_hls_read(&e->pl, e->text, size) == STN_OK) {
            return e;
        }
    }

    crowd_cache_free(e);

    return NULL;
}


static void
crowd_cache_free(crowd_cached_t *e)
{
    if (e == NULL) {
        return;
    }

    if (e->text != e->body) {
        free(e->text);
    }

    free(e->body);
    free(e);
}


char *
crowd_inflate(const char *body, size_t len, size_t *size)
{
    int       rc;
    char     *text, *p;
    size_t    room;
    z_stream  z;

    memset(&z, 0, sizeof(z));
    z.next_in = (unsigned char *) (uintptr_t) body;
    z.avail_in = (unsigned) len;
    text = NULL;
    room = 0;

    if (inflateInit2(&z, CROWD_INFLATE_GZIP) != Z_OK) {
        return NULL;
    }

    do {
        room = room ? room * 2 : len * 8 + 64;
        p = room <= CROWD_HTTP_MAX ? realloc(text, room) : NULL;
        if (p == NULL) {
            rc = Z_MEM_ERROR;
            break;
        }

        text = p;
        z.next_out = (unsigned char *) text + z.total_out;
        z.avail_out = (unsigned) (room - z.total_out - 1);
        rc = inflate(&z, Z_FINISH);

    } while (rc == Z_BUF_ERROR && z.avail_out == 0);

    *size = z.total_out;
    inflateEnd(&z);

    if (rc != Z_STREAM_END) {
        free(text);
        return NULL;
    }

    text[*size] = '\0';

    return text;
}


uint64_t
crowd_sum(const char *data, size_t len)
{
    size_t    i;
    uint64_t  sum, word;

    sum = len;

    for (i = 0; i < len; i += sizeof(word)) {
        word = 0;
        memcpy(&word, data + i, stn_min(sizeof(word), len - i));
        sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
        sum ^= sum >> 32;
    }

    return sum;
}
