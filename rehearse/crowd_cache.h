/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Playlists that a crowd has read: thousands of listeners get the same one,
 * and it is inflated and read once.  All of its bytes are compared each time.
 */

#ifndef CROWD_CACHE_H
#define CROWD_CACHE_H

#include "crowd_hls.h"


#define CROWD_CACHE_SLOTS     512
#define CROWD_CACHE_SEGMENTS  1      /* flags: for a classic player; */
#define CROWD_CACHE_GZIP      2      /* it came compressed */


typedef struct {
    unsigned      flags;
    size_t        len;
    char         *body;              /* as it came; NULL: not in use */
    char         *text;              /* what pl points into; may be body */
    crowd_hls_t   pl;
} crowd_cached_t;


typedef struct {
    crowd_cached_t  *slots[CROWD_CACHE_SLOTS];
} crowd_cache_t;


/* What the playlist says; NULL: it is none.  Valid until the next call. */
const crowd_hls_t *crowd_cache_read(crowd_cache_t *cache, const char *body,
    size_t len, unsigned flags);

/* A body that was compressed, as text that the caller has to free; NULL: it
 * is broken or too large. */
char *crowd_inflate(const char *body, size_t len, size_t *size);

/* A checksum, of any bytes. */
uint64_t crowd_sum(const char *data, size_t len);


#endif /* CROWD_CACHE_H */
