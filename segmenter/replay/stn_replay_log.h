/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a replay is made of: each part goes in as it was written, with where
 * it lies in the files; the segments of its playlists and its chapters come
 * out.  The log is built anew from the records in the files, so that it says
 * the same after a crash as before.
 *
 *     hold | live live hold live silent live hold hold hold
 *          ^                               ^
 *          the first part                  the mark: what is behind it counts
 *                                          only if live audio comes again
 *
 * A replay has time of its own: what is left out of it takes none.
 */

#ifndef STN_REPLAY_LOG_H
#define STN_REPLAY_LOG_H

#include "replay/stn_replay_record.h"


#define STN_REPLAY_RENDITIONS  8

/* Limits of a replay; a longer one has to be split. */
#define STN_REPLAY_SEGMENTS    20000
#define STN_REPLAY_CHAPTERS    2048

/* A segment of a replay is as many of the stream as last at least so long, if
 * nothing is missing; microseconds. */
#define STN_REPLAY_SEGMENT_US  4000000


typedef enum {
    STN_REPLAY_LIVE,
    STN_REPLAY_HOLD,
    STN_REPLAY_DEAD_AIR,         /* live, but silent for long enough */
    STN_REPLAY_LOST              /* nothing at all: takes no time */
} stn_replay_kind_e;


/* Microseconds: time of the replay, and Unix time. */

typedef struct {
    stn_replay_kind_e  kind;
    int64_t            start_us;
    int64_t            end_us;
    int64_t            time_us;
    int64_t            lost_us;
} stn_replay_chapter_t;


/* A segment in a rendition's file. */

typedef struct {
    uint64_t  offset;            /* of its first moof */
    uint32_t  len;
    uint32_t  rate;
    uint32_t  duration;          /* samples */
} stn_replay_piece_t;


typedef struct {
    uint64_t            msn;     /* of the stream's newest segment in it */
    int64_t             time_us; /* Unix time of its beginning */
    unsigned            file;    /* counted from 0 */
    unsigned            discontinuity:1;
    unsigned            complete:1;
    stn_replay_piece_t  pieces[STN_REPLAY_RENDITIONS];
} stn_replay_segment_t;


typedef struct {
    unsigned   n;                /* renditions */
    uint32_t   part_us;          /* the longest part, */
    uint32_t   parts;            /* parts a segment of the stream */
    int64_t    dead_us;          /* silence that is a chapter */
    unsigned   trim:1;           /* boolean: silence is no live audio */
} stn_replay_conf_t;


/* Where the log was with the newest part that counts. */

typedef struct {
    size_t                nsegments;
    size_t                nchapters;
    stn_replay_segment_t  segment;       /* the last one, */
    stn_replay_chapter_t  chapter;       /* likewise */
    int64_t               duration_us;
    int64_t               end_us;
} stn_replay_mark_t;


typedef struct {
    stn_replay_conf_t      conf;
    stn_replay_segment_t  *segments;
    size_t                 nsegments;
    size_t                 size;         /* of segments, allocated */
    stn_replay_chapter_t   chapters[STN_REPLAY_CHAPTERS];
    size_t                 nchapters;
    int64_t                start_us;     /* Unix time of the first part */
    int64_t                duration_us;  /* of the replay, by now */
    int64_t                end_us;       /* Unix time of the newest part's
                                            end */
    uint64_t               msn;          /* of that part, */
    uint32_t               part;         /* likewise */
    unsigned               ended:1;
    stn_replay_mark_t      mark;
} stn_replay_log_t;


/* Allocates nothing yet. */
void stn_replay_log_init(stn_replay_log_t *log, const stn_replay_conf_t *conf);

void stn_replay_log_free(stn_replay_log_t *log);

/* Whether a part is what a replay is made for: live, and not silent where
 * silence is left out.  It begins and ends with such ones. */
int stn_replay_log_counts(const stn_replay_conf_t *conf,
    const stn_replay_record_t *r);

/*
 * Adds a part, of conf.n records and where they lie in the file of that
 * number.  Returns STN_OK, STN_NOMEM, or STN_LIMIT: the replay is as long as
 * may be.
 */
int stn_replay_log_add(stn_replay_log_t *log, const stn_replay_record_t *r,
    const uint64_t *offsets, unsigned file);

/* How long a segment may become, in microseconds; and so EXT-X-TARGETDURATION
 * in seconds. */
int64_t stn_replay_log_longest(const stn_replay_conf_t *conf);
unsigned stn_replay_log_target(const stn_replay_conf_t *conf);

/* Segments that a playlist may list by now: they will not change. */
size_t stn_replay_log_listed(const stn_replay_log_t *log);

/* The replay is over: what is behind the mark is forgotten, and all segments
 * are complete. */
void stn_replay_log_end(stn_replay_log_t *log);

/* Where the replay ends in rendition i's file of that number; 0: it has
 * nothing there. */
uint64_t stn_replay_log_size(const stn_replay_log_t *log, unsigned i,
    unsigned file);


#endif /* STN_REPLAY_LOG_H */
