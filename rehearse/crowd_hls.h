/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A listener's view of HLS (RFC 8216bis): what it has to know of a playlist,
 * an init segment and a part, read where they lie.  A classic player sees the
 * segments instead of the parts; they stand in their place here, each as part
 * 0 of its own number.
 */

#ifndef CROWD_HLS_H
#define CROWD_HLS_H

#include "stn_base.h"


/* Parts listed at once; earlier ones are left out. */
#define CROWD_HLS_PARTS     128

/* Variants of a multivariant playlist; later ones are left out. */
#define CROWD_HLS_VARIANTS  8


typedef struct {
    const char           *s;         /* in the playlist, not terminated */
    size_t                len;
} crowd_hls_uri_t;


typedef struct {
    uint64_t              msn;       /* as counted, not as named */
    unsigned              part;      /* likewise */
    double                duration;  /* s */
    crowd_hls_uri_t       uri;
    crowd_hls_uri_t       map;       /* of its init segment; len 0: in a
                                        delta update, that of the last
                                        playlist */
    unsigned              gap;       /* boolean: there is nothing to get */
    unsigned              discontinuity; /* boolean: one is before it */
} crowd_hls_part_t;


typedef struct {
    unsigned              segments;  /* boolean, told: they are wanted */
    double                hold_back; /* s, for what is wanted */
    double                part_target;   /* s */
    double                target;    /* s: EXT-X-TARGETDURATION */
    uint64_t              next_msn;  /* of the part to come */
    unsigned              next_part;
    unsigned              ended;     /* boolean */
    crowd_hls_uri_t       hint;      /* of that part; len 0: there is none */
    crowd_hls_part_t      parts[CROWD_HLS_PARTS];
    unsigned              n;
    const char           *reason;    /* after STN_ERROR */

    /* while it is being read */

    crowd_hls_uri_t       map;
    double                duration;
    unsigned              discontinuity;
    unsigned              gap;
} crowd_hls_t;


/* Reads a media playlist, pl->segments being set.  STN_OK, or STN_ERROR with
 * pl->reason. */
int crowd_hls_read(crowd_hls_t *pl, const char *text, size_t len);

/* The URIs of a multivariant playlist into uris, CROWD_HLS_VARIANTS at most;
 * returns how many. */
unsigned crowd_hls_variants(crowd_hls_uri_t *uris, const char *text,
    size_t len);

/* Whether the name of a part ("MSN.PART.m4s" behind its last slash) is what
 * it was counted to be. */
unsigned crowd_hls_named(const crowd_hls_part_t *p);

/* Ticks a second of an init segment's only track; 0: it is broken. */
uint32_t crowd_hls_timescale(const char *data, size_t len);

/* Where a part begins (tfdt) and how many ticks it has (trun), all of its
 * fragments together, which have to follow each other.  STN_OK or
 * STN_ERROR. */
int crowd_hls_media(const char *data, size_t len, int64_t *pos,
    int64_t *ticks);


#endif /* CROWD_HLS_H */
