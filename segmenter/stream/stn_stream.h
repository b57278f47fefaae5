/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A stream from end to end: access units of one broadcaster after the other
 * go in, parts of all renditions come out, and never stop.  It joins what the
 * other directories make:
 *
 *     pass-through:  units -> programme -------------> segmenter -> parts
 *                        `--> decoder -> level
 *     ladder:        units -> ladder (-> level) ---+-> segmenter -> parts
 *                                                  +-> segmenter -> parts
 *
 * A broadcaster whose audio the pass-through programme cannot go on with gets
 * a programme of his own.  It is let settle beside the one that runs; then
 * the open segment is cut, and the next one begins in the new format (RFC
 * 8216bis section 4.4.4.3: EXT-X-DISCONTINUITY).
 *
 * The caller tells the time; one thread uses a stream.
 */

#ifndef STN_STREAM_H
#define STN_STREAM_H

#include "pack/stn_segmenter.h"
#include "programme/stn_ladder.h"
#include "programme/stn_programme.h"


#define STN_STREAM_RENDITIONS  STN_LADDER_RENDITIONS


typedef struct {
    stn_encoder_conf_t    renditions[STN_STREAM_RENDITIONS];
    unsigned              n;            /* of them; 0: passed through */
    int64_t               part_us;      /* about how long a part is */
    unsigned              parts;        /* in a segment */
    int64_t               window_us;    /* that a new stream is dated back */
    int64_t               grace_us;     /* see stn_programme_conf_t */
    stn_level_conf_t      level;
    unsigned              dead_hold;    /* boolean: hold audio in dead air */
    const stn_hold_t     *comfort;      /* see stn_programme_conf_t; for the
                                           format that comes next */
} stn_stream_conf_t;


/* Where somebody else left a stream: what its store knows. */

typedef struct {
    stn_grid_t            grid;         /* of the first rendition, as the
                                           stream was opened with */
    int64_t               pos[STN_STREAM_RENDITIONS];   /* next samples */
    uint64_t              msn;          /* of the next part */
    uint32_t              part;
    uint32_t              discontinuities;
} stn_stream_resume_t;


/* The same part of all renditions. */

typedef struct {
    stn_part_t            part[STN_STREAM_RENDITIONS];
    unsigned              n;
    uint32_t              discontinuities;   /* ever, up to its segment */
    unsigned              changes;      /* boolean: another format follows */
} stn_stream_parts_t;


/* One rendition on its way into parts. */

typedef struct {
    stn_format_t          format;
    stn_segmenter_t       segmenter;
    stn_part_t            part;         /* whole, waiting for the others */
    stn_buf_t             data;         /* its bytes */
    unsigned              ready;        /* boolean: there is one */
} stn_stream_track_t;


typedef struct {
    stn_stream_conf_t     conf;
    stn_grid_t            grid;         /* as it was opened with */
    stn_stream_track_t    tracks[STN_STREAM_RENDITIONS];
    unsigned              n;            /* of tracks */
    stn_programme_t      *programme;    /* NULL: a ladder */
    stn_ladder_t         *ladder;       /* NULL: passed through */
    stn_level_t          *level;
    stn_decoder_t        *decoder;      /* for the level; NULL: none */

    stn_programme_t      *next;         /* in another format; or NULL */
    stn_stream_track_t    next_track;

    stn_programme_stats_t past;         /* of programmes that are over */
    uint64_t              least_msn;    /* that a new window may begin with */
    uint32_t              discontinuities;
    uint32_t              generation;   /* grows with each change of format */
    unsigned              begun;        /* boolean: the first frame is out */
    unsigned              present;      /* boolean: there is a broadcaster */
    unsigned              ending;       /* boolean: the next parts are last */
    int64_t               due_us;       /* when next() has something again */
    const char           *reason;       /* static; why a call failed */
} stn_stream_t;


/*
 * Makes a stream that is not born yet; format is what it is passed through in
 * (of a ladder: ignored).  No segment will have a number below least_msn.
 * Takes tens of milliseconds of CPU a rendition.  Returns STN_OK, or with
 * s->reason STN_NOMEM, STN_UNSUPPORTED or STN_ERROR.
 */
int stn_stream_init(stn_stream_t *s, const stn_stream_conf_t *conf,
    const stn_format_t *format, uint64_t least_msn);

void stn_stream_free(stn_stream_t *s);

/* Goes on where somebody else left.  Returns STN_OK, or STN_UNSUPPORTED when
 * the format does not fit the stream's parts. */
int stn_stream_resume(stn_stream_t *s, const stn_stream_resume_t *resume);

/* Born now, without a broadcaster. */
void stn_stream_birth(stn_stream_t *s, int64_t now_us);

/*
 * A broadcaster has come, or another one, who sends format.  Before the first
 * part the stream may be made anew for it, with another grid and init segment:
 * s->generation tells.  Returns STN_OK; or with s->reason, and nothing changed,
 * STN_UNSUPPORTED when the stream cannot carry that, STN_NOMEM.
 */
int stn_stream_arrive(stn_stream_t *s, const stn_format_t *format);

/* He has left: what waits is played, then hold audio. */
void stn_stream_leave(stn_stream_t *s);

/* Takes a unit that arrived at now_us.  Returns STN_OK, or STN_LIMIT: as many
 * wait as may, try again later. */
int stn_stream_feed(stn_stream_t *s, const stn_au_t *au, int64_t now_us);

/*
 * The next part of all renditions, if its time has come by now_us; its data
 * is valid until the next call.  Returns STN_OK; STN_AGAIN: nothing before
 * the next unit, or before s->due_us; STN_ERROR or STN_NOMEM with s->reason.
 */
int stn_stream_next(stn_stream_t *s, int64_t now_us,
    stn_stream_parts_t *parts);

/* The stream is to end: the next parts end their segment (they say so), and
 * are the last ones. */
void stn_stream_end(stn_stream_t *s);

/* The comfort of the next format to arrive: a loop made for it, which the
 * caller keeps alive; NULL: it is made then, on the caller's time.  Passed
 * through only. */
void stn_stream_comfort(stn_stream_t *s, const stn_hold_t *comfort);

/* Hold audio from now on, made for stn_stream_hold_format(); the caller keeps
 * it alive.  NULL: comfort. */
void stn_stream_hold(stn_stream_t *s, const stn_hold_t *hold);

/* What hold audio must be made for; another one once s->generation grew. */
const stn_format_t *stn_stream_hold_format(const stn_stream_t *s);

/* The format and the init segment of rendition i as it is now, and after
 * parts with changes set. */
const stn_format_t *stn_stream_format(const stn_stream_t *s, unsigned i);
const stn_buf_t *stn_stream_init_segment(const stn_stream_t *s, unsigned i);

/* Whether hold audio plays, and whether all that was fed has been played. */
unsigned stn_stream_holding(const stn_stream_t *s);
unsigned stn_stream_drained(const stn_stream_t *s);

/* What was done so far. */
void stn_stream_stats(const stn_stream_t *s, stn_programme_stats_t *stats);

/* What is the matter with the broadcaster (bits of stn_level.h).  Dead air
 * outlasts him: whoever comes next has to be heard first. */
unsigned stn_stream_alarms(const stn_stream_t *s);

/* He has left for good: dead air is over, too. */
void stn_stream_forget(stn_stream_t *s);


#endif /* STN_STREAM_H */
