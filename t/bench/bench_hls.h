/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' view of low-latency HLS (RFC 8216bis): what a listener has
 * to know of a playlist, an init segment and a part, read where they lie.
 */

#ifndef BENCH_HLS_H
#define BENCH_HLS_H

#include "stn_base.h"


/* Parts listed at once; earlier ones are left out. */
#define BENCH_HLS_PARTS  128


typedef struct {
    const char           *s;         /* in the playlist, not terminated */
    size_t                len;
} bench_hls_uri_t;


typedef struct {
    uint64_t              msn;       /* as counted, not as named */
    unsigned              part;      /* likewise */
    double                duration;  /* s */
    bench_hls_uri_t       uri;
    bench_hls_uri_t       map;       /* of its init segment; len 0: in a
                                        delta update, that of the last
                                        playlist */
    unsigned              gap;       /* boolean: there is nothing to get */
    unsigned              discontinuity; /* boolean: one is before it */
} bench_hls_part_t;


typedef struct {
    double                hold_back; /* s, for parts */
    double                part_target;   /* s */
    uint64_t              next_msn;  /* of the part to come */
    unsigned              next_part;
    unsigned              ended;     /* boolean */
    bench_hls_part_t      parts[BENCH_HLS_PARTS];
    unsigned              n;
    const char           *reason;    /* after STN_ERROR */

    /* while it is being read */

    bench_hls_uri_t       map;
    unsigned              discontinuity;
} bench_hls_t;


/* Reads a media playlist.  STN_OK, or STN_ERROR with pl->reason. */
int bench_hls_read(bench_hls_t *pl, const char *text, size_t len);

/* The first URI of a multivariant playlist; STN_OK or STN_ERROR. */
int bench_hls_variant(bench_hls_uri_t *uri, const char *text, size_t len);

/* Whether the name of a part ("MSN.PART.m4s" behind its last slash) is what
 * it was counted to be. */
unsigned bench_hls_named(const bench_hls_part_t *p);

/* Ticks a second of an init segment's only track; 0: it is broken. */
uint32_t bench_hls_timescale(const char *data, size_t len);

/* Where a part begins (tfdt) and how many ticks it has (trun), all of its
 * fragments together, which have to follow each other.  STN_OK or
 * STN_ERROR. */
int bench_hls_media(const char *data, size_t len, int64_t *pos,
    int64_t *ticks);


#endif /* BENCH_HLS_H */
