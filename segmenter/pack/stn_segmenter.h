/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The segmenter cuts the programme into parts and names them.  A programme is
 * born on a grid of whole frames counted from the Unix epoch, so that the
 * number and the part of its first sample follow from the sample alone:
 *
 *     sample:   0        part     2 parts ...  segment
 *               |--------|--------|--------|...|--------|--------|...
 *     msn.part: M.0      M.1      M.2          M+1.0    M+1.1
 *
 * From there they are counted.  A segment may be cut short, when the format
 * changes or the stream ends; what follows is the next segment all the same.
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
    uint32_t        rate;      /* samples a second */
    unsigned        last;      /* boolean: ends its segment */
    unsigned        live;      /* boolean: has a frame of the broadcaster */
} stn_part_t;


typedef struct {
    stn_grid_t    grid;
    stn_cmaf_t   *cmaf;
    stn_buf_t     init;        /* the init segment */
    uint64_t      msn;         /* of the open part */
    uint32_t      part;        /* its index in the segment */
    int64_t       pos;         /* where it began */
    int64_t       next;        /* where the next frame must be; -1: anywhere */
    uint32_t      samples;     /* in it so far */
    unsigned      live;        /* boolean: it has a live frame */
    const char   *reason;      /* static; why feed failed */
} stn_segmenter_t;


/*
 * Lays the grid: the number of whole frames that comes nearest to part_us
 * microseconds (at least one) makes a part, parts (1..STN_SEGMENT_PARTS_MAX)
 * of those a segment.
 */
void stn_grid_init(stn_grid_t *g, const stn_format_t *f, int64_t part_us,
    unsigned parts);

/*
 * Lays the grid of another format in a stream whose parts are at most so many
 * samples of so many a second: as many whole frames as fit (at least one).
 * Returns STN_OK, or STN_UNSUPPORTED when a frame is longer than that.
 */
int stn_grid_follow(stn_grid_t *g, const stn_format_t *f, uint32_t samples,
    uint32_t rate, unsigned parts);

/* Samples a segment. */
int64_t stn_grid_segment(const stn_grid_t *g);

/* The media sequence number of the segment with sample pos, counted from the
 * Unix epoch. */
uint64_t stn_grid_msn(const stn_grid_t *g, int64_t pos);


/* Starts a segmenter whose first part is the given one of segment msn; its
 * init segment is s->init.  Returns STN_OK, or STN_ERROR with s->reason. */
int stn_segmenter_init(stn_segmenter_t *s, const stn_format_t *f,
    const stn_grid_t *g, uint64_t msn, uint32_t part);

void stn_segmenter_free(stn_segmenter_t *s);

/*
 * Takes a frame; frames must follow each other without gap.  Returns STN_OK
 * with *part filled when the frame was the last of one (its data is valid
 * until the next call), STN_AGAIN when not, STN_ERROR with s->reason.
 */
int stn_segmenter_feed(stn_segmenter_t *s, const stn_frame_t *f,
    stn_part_t *part);

/* Ends the open part, and its segment with it, before its time.  Returns like
 * feed; STN_AGAIN when the open part has no frame yet. */
int stn_segmenter_cut(stn_segmenter_t *s, stn_part_t *part);


#endif /* STN_SEGMENTER_H */
