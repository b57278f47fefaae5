/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The segmenter cuts the programme into parts and names them.  Parts and
 * segments lie on a grid of whole frames counted from the Unix epoch, so the
 * number and the part of any sample follow from the sample alone:
 *
 *     sample:   0        part     2 parts ...  segment
 *               |--------|--------|--------|...|--------|--------|...
 *     msn.part: M.0      M.1      M.2          M+1.0    M+1.1
 *
 * A part ends with its own last frame; nothing waits for the next one.
 */

#ifndef STN_SEGMENTER_H
#define STN_SEGMENTER_H

#include "stn_au.h"
#include "pack/stn_cmaf.h"


/* Parts a segment may have. */
#define STN_SEGMENT_PARTS_MAX  32


/* The grid, fixed for a stream's life. */

typedef struct {
    uint32_t  rate;            /* samples a second */
    uint32_t  frame;           /* samples a frame */
    uint32_t  part;            /* samples a part */
    uint32_t  parts;           /* parts a segment */
} stn_grid_t;


typedef struct {
    const uint8_t  *data;      /* moof + mdat; valid until the next call */
    size_t          len;
    uint64_t        msn;       /* media sequence number of its segment */
    uint32_t        part;      /* its index in the segment */
    int64_t         pos;       /* tfdt: samples since the Unix epoch */
    uint32_t        duration;  /* samples */
    unsigned        live;      /* boolean: has a frame of the broadcaster */
} stn_part_t;


typedef struct {
    stn_grid_t    grid;
    stn_cmaf_t   *cmaf;
    uint64_t      msn_base;    /* added to the grid's number */
    int64_t       pos;         /* where the open part began */
    uint32_t      samples;     /* in the open part */
    unsigned      live;        /* boolean: the open part has a live frame */
    const char   *reason;      /* static; why feed failed */
} stn_segmenter_t;


/*
 * Lays the grid: the number of whole frames that comes nearest to part_us
 * microseconds (at least one) makes a part, parts (1..STN_SEGMENT_PARTS_MAX)
 * of those a segment.
 */
void stn_grid_init(stn_grid_t *g, const stn_format_t *f, int64_t part_us,
    unsigned parts);

/* Samples a segment. */
int64_t stn_grid_segment(const stn_grid_t *g);

/* The media sequence number of the segment with sample pos, counted from the
 * Unix epoch. */
uint64_t stn_grid_msn(const stn_grid_t *g, int64_t pos);


/* Starts a segmenter; the init segment is stn_cmaf_out(s->cmaf) until the
 * first feed.  Returns STN_OK, or STN_ERROR with s->reason. */
int stn_segmenter_init(stn_segmenter_t *s, const stn_format_t *f,
    const stn_grid_t *g, uint64_t msn_base);

void stn_segmenter_free(stn_segmenter_t *s);

/*
 * Takes a frame; frames must follow each other without gap, the first one
 * begin a part.  Returns STN_OK with *part filled when the frame was the last
 * of one, STN_AGAIN when not, STN_ERROR with s->reason.
 */
int stn_segmenter_feed(stn_segmenter_t *s, const stn_frame_t *f,
    stn_part_t *part);


#endif /* STN_SEGMENTER_H */
