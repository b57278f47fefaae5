/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Writes playlists (RFC 8216bis) from a plain description of one rendition.
 * A playlist is a pure function of that description: whoever has the same
 * parts writes the same bytes, on every worker and every node.  It also knows
 * the numbers that follow from the grid (durations, hold-back, limits of
 * blocking reloads), so that text and behaviour cannot disagree.
 */

#ifndef STN_PLAYLIST_H
#define STN_PLAYLIST_H

#include "stn_buf.h"


/* Parts a segment may have in a description. */
#define STN_PLAYLIST_PARTS_MAX  32

/* The longest playlist: some 15 minutes of six-second segments need 64 KiB. */
#define STN_PLAYLIST_MAX  (512 * 1024)


typedef struct {
    uint64_t  msn;
    int64_t   pos;               /* tfdt, samples since the Unix epoch */
    uint32_t  rate;              /* samples a second */
    uint32_t  init;              /* names its init segment */
    uint32_t  duration;          /* samples of all its parts so far */
    uint32_t  nparts;
    unsigned  complete;          /* boolean: its last part is there */
    unsigned  discontinuity;     /* boolean: it follows from nothing before */
    uint32_t  parts[STN_PLAYLIST_PARTS_MAX];    /* durations, samples */
} stn_playlist_segment_t;


/* Another rendition of the stream, and its newest part. */

typedef struct {
    const char  *rendition;
    uint64_t     msn;
    uint32_t     part;
} stn_playlist_report_t;


typedef struct {
    const char                    *rendition;     /* its name in URIs */
    const stn_playlist_segment_t  *segments;      /* oldest first; all whole
                                                     but perhaps the last */
    size_t                         nsegments;
    size_t                         window;        /* whole segments listed;
                                                     more if these are short */
    uint64_t                       discontinuities;  /* ever, before the first
                                                        of segments */
    uint32_t                       rate;          /* of the grid at opening */
    uint32_t                       part;          /* samples a part, longest */
    uint32_t                       parts;         /* parts a segment */
    uint32_t                       next_init;     /* of the segment after the
                                                     last; 0: no other */
    const stn_playlist_report_t   *reports;
    size_t                         nreports;
    unsigned                       ended;         /* boolean: ENDLIST */
} stn_playlist_t;


typedef struct {
    const char  *rendition;
    const char  *codecs;         /* RFC 6381 */
    uint32_t     bandwidth;      /* peak, bit/s */
    uint32_t     average;        /* bit/s */
} stn_playlist_variant_t;


/* A node that has the same variants (a pathway, section 4.4.6.6). */

typedef struct {
    const char  *id;
    const char  *base;           /* goes before each rendition in URIs: empty,
                                    or absolute and with a '/' at its end */
} stn_playlist_pathway_t;


typedef struct {
    const stn_playlist_variant_t  *variants;
    size_t                         nvariants;
    const char                    *suffix;      /* goes between a rendition's
                                                   name and ".m3u8" */
    const stn_playlist_pathway_t  *pathways;    /* the first one is where
                                                   players begin */
    size_t                         npathways;   /* 0: there is this node alone,
                                                   and no steering */
    const char                    *steering;    /* URI of its manifest */
} stn_playlist_index_t;


/* Kinds of media playlist. */

typedef enum {
    STN_PLAYLIST_LOW_LATENCY,    /* everything */
    STN_PLAYLIST_DELTA,          /* old segments skipped (section 6.2.5.1) */
    STN_PLAYLIST_CLASSIC         /* the same audio without parts */
} stn_playlist_e;


/* EXT-X-TARGETDURATION in seconds (section 4.4.3.1). */
unsigned stn_playlist_target(const stn_playlist_t *pl);

/* EXT-X-PART-INF:PART-TARGET in units of 10 microseconds (4.4.3.7). */
unsigned stn_playlist_part_target(const stn_playlist_t *pl);

/* Parts beyond the last one that may be asked for at once (6.2.5.2):
 * 3 / PART-TARGET when that is under a second, else 3. */
unsigned stn_playlist_advance(const stn_playlist_t *pl);

/* How many segments a delta would leave out now; 0: a delta saves nothing. */
size_t stn_playlist_skipped(const stn_playlist_t *pl);

/* Appends a media playlist (section 4).  Returns STN_OK, or the buffer's
 * error.  pl->nsegments is at least 1. */
int stn_playlist_media(const stn_playlist_t *pl, stn_playlist_e kind,
    stn_buf_t *out);

/* Appends a multivariant playlist (section 4.4.6): the variants of each
 * pathway, which are redundant ones to players without steering.  Returns
 * STN_OK, or the buffer's error. */
int stn_playlist_multivariant(const stn_playlist_index_t *index,
    stn_buf_t *out);

/* Appends Unix time in milliseconds as a date of RFC 3339, as
 * EXT-X-PROGRAM-DATE-TIME has it (4.4.4.6). */
void stn_playlist_date(int64_t ms, stn_buf_t *out);


#endif /* STN_PLAYLIST_H */
