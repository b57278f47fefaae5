/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The log of a replay (see stn_replay_log.h).  What it keeps grows with the
 * segments, not with the parts; the mark is a copy of what later parts may
 * still change.
 */

#include "replay/stn_replay_log.h"

#include <stdlib.h>
#include <string.h>


/* Segments are allocated by so many. */
#define STN_REPLAY_LOG_GROW  256


static stn_replay_segment_t *stn_replay_log_segment(stn_replay_log_t *log,
    const stn_replay_record_t *r, unsigned file);
static int stn_replay_log_fits(const stn_replay_log_t *log,
    const stn_replay_record_t *r, unsigned file);
static int stn_replay_log_full(const stn_replay_log_t *log,
    const stn_replay_segment_t *seg);
static void stn_replay_log_piece(stn_replay_piece_t *piece,
    const stn_replay_record_t *r, uint64_t offset);
static void stn_replay_log_chapter(stn_replay_log_t *log,
    const stn_replay_record_t *r);
static void stn_replay_log_settle(stn_replay_log_t *log);
static void stn_replay_log_begin(stn_replay_log_t *log,
    stn_replay_kind_e kind, int64_t time_us);
static void stn_replay_log_set_mark(stn_replay_log_t *log);


void
stn_replay_log_init(stn_replay_log_t *log, const stn_replay_conf_t *conf)
{
    memset(log, 0, sizeof(*log));
    log->conf = *conf;
}


void
stn_replay_log_free(stn_replay_log_t *log)
{
    free(log->segments);
    log->segments = NULL;
    log->nsegments = 0;
    log->size = 0;
}


int
stn_replay_log_counts(const stn_replay_conf_t *conf,
    const stn_replay_record_t *r)
{
    return r->live && !(conf->trim && r->silent);
}


int
stn_replay_log_add(stn_replay_log_t *log, const stn_replay_record_t *r,
    const uint64_t *offsets, unsigned file)
{
    unsigned               i;
    stn_replay_segment_t  *seg;

    if (log->nsegments == STN_REPLAY_SEGMENTS
        && !stn_replay_log_fits(log, r, file))
    {
        return STN_LIMIT;
    }

    seg = stn_replay_log_segment(log, r, file);
    if (seg == NULL) {
        return STN_NOMEM;
    }

    for (i = 0; i < log->conf.n; i++) {
        stn_replay_log_piece(&seg->pieces[i], &r[i], offsets[i]);
    }

    seg->msn = r->msn;
    seg->complete = r->last && stn_replay_log_full(log, seg);

    stn_replay_log_chapter(log, r);

    log->msn = r->msn;
    log->part = r->part;
    log->end_us = stn_replay_record_end(r);

    if (stn_replay_log_counts(&log->conf, r)) {
        stn_replay_log_set_mark(log);
    }

    return STN_OK;
}


/* The segment that the part goes into: the last one, or another. */

static stn_replay_segment_t *
stn_replay_log_segment(stn_replay_log_t *log, const stn_replay_record_t *r,
    unsigned file)
{
    unsigned               discontinuity;
    stn_replay_segment_t  *seg;

    seg = log->nsegments ? &log->segments[log->nsegments - 1] : NULL;

    if (seg && stn_replay_log_fits(log, r, file)) {
        return seg;
    }

    discontinuity = seg && (r->lost_ms || seg->file != file);

    if (log->nsegments == log->size) {
        seg = realloc(log->segments, (log->size + STN_REPLAY_LOG_GROW)
                                     * sizeof(*seg));
        if (seg == NULL) {
            return NULL;
        }

        log->segments = seg;
        log->size += STN_REPLAY_LOG_GROW;
    }

    if (log->nsegments) {
        log->segments[log->nsegments - 1].complete = 1;

    } else {
        log->start_us = stn_replay_record_start(r);
    }

    seg = &log->segments[log->nsegments++];
    memset(seg, 0, sizeof(*seg));

    seg->file = file;
    seg->discontinuity = discontinuity;
    seg->time_us = stn_replay_record_start(r);

    return seg;
}


/* Whoever made the stream's segment before may not have lived to end it. */

static int
stn_replay_log_fits(const stn_replay_log_t *log, const stn_replay_record_t *r,
    unsigned file)
{
    const stn_replay_segment_t  *seg;

    seg = &log->segments[log->nsegments - 1];

    return !seg->complete && seg->file == file && r->lost_ms == 0
           && (seg->msn == r->msn || !stn_replay_log_full(log, seg));
}


/* Whether another segment of the stream would make it too long. */

static int
stn_replay_log_full(const stn_replay_log_t *log,
    const stn_replay_segment_t *seg)
{
    int64_t                    length;
    const stn_replay_piece_t  *piece;

    piece = &seg->pieces[0];
    length = stn_rescale(piece->duration, 1000000, piece->rate);

    return length + (int64_t) log->conf.part_us * log->conf.parts
           > stn_replay_log_longest(&log->conf);
}


int64_t
stn_replay_log_longest(const stn_replay_conf_t *conf)
{
    int64_t  segment;

    segment = (int64_t) conf->part_us * conf->parts;

    return (STN_REPLAY_SEGMENT_US + segment - 1) / segment * segment;
}


unsigned
stn_replay_log_target(const stn_replay_conf_t *conf)
{
    return (unsigned) ((stn_replay_log_longest(conf) + 500000) / 1000000);
}


/* What lies between two parts of a segment, a record, is served along. */

static void
stn_replay_log_piece(stn_replay_piece_t *piece, const stn_replay_record_t *r,
    uint64_t offset)
{
    if (piece->len == 0) {
        piece->offset = offset + STN_REPLAY_RECORD_LEN;
        piece->rate = r->rate;
    }

    piece->len = (uint32_t) (offset + STN_REPLAY_RECORD_LEN + r->len
                             - piece->offset);
    piece->duration += r->duration;
}


static void
stn_replay_log_chapter(stn_replay_log_t *log, const stn_replay_record_t *r)
{
    int64_t                start_us;
    stn_replay_kind_e      kind;
    stn_replay_chapter_t  *last;

    start_us = stn_replay_record_start(r);
    kind = !r->live ? STN_REPLAY_HOLD
                    : r->silent ? STN_REPLAY_DEAD_AIR : STN_REPLAY_LIVE;

    if (r->lost_ms && log->nchapters) {
        stn_replay_log_settle(log);
        stn_replay_log_begin(log, STN_REPLAY_LOST, log->end_us);
        log->chapters[log->nchapters - 1].lost_us += r->lost_ms
                                                     * (int64_t) 1000;
    }

    if (log->nchapters == 0
        || log->chapters[log->nchapters - 1].kind != kind)
    {
        stn_replay_log_settle(log);

        last = log->nchapters ? &log->chapters[log->nchapters - 1] : NULL;

        if (last == NULL || last->kind != kind) {
            stn_replay_log_begin(log, kind, start_us);
        }
    }

    log->duration_us += stn_replay_record_end(r) - start_us;
    log->chapters[log->nchapters - 1].end_us = log->duration_us;
}


/* Another chapter is to begin: a silence that was none worth telling of is
 * live audio. */

static void
stn_replay_log_settle(stn_replay_log_t *log)
{
    stn_replay_chapter_t  *last;

    if (log->nchapters == 0) {
        return;
    }

    last = &log->chapters[log->nchapters - 1];

    if (last->kind != STN_REPLAY_DEAD_AIR
        || last->end_us - last->start_us >= log->conf.dead_us)
    {
        return;
    }

    last->kind = STN_REPLAY_LIVE;

    if (log->nchapters > 1 && last[-1].kind == STN_REPLAY_LIVE) {
        last[-1].end_us = last->end_us;
        log->nchapters--;
    }
}


/* With no room for one more, the last one goes on as what it is. */

static void
stn_replay_log_begin(stn_replay_log_t *log, stn_replay_kind_e kind,
    int64_t time_us)
{
    stn_replay_chapter_t  *chapter;

    if (log->nchapters == STN_REPLAY_CHAPTERS) {
        return;
    }

    chapter = &log->chapters[log->nchapters++];

    chapter->kind = kind;
    chapter->start_us = log->duration_us;
    chapter->end_us = log->duration_us;
    chapter->time_us = time_us;
    chapter->lost_us = 0;
}


static void
stn_replay_log_set_mark(stn_replay_log_t *log)
{
    stn_replay_mark_t  *mark;

    mark = &log->mark;

    mark->nsegments = log->nsegments;
    mark->segment = log->segments[log->nsegments - 1];
    mark->nchapters = log->nchapters;
    mark->chapter = log->chapters[log->nchapters - 1];
    mark->duration_us = log->duration_us;
    mark->end_us = log->end_us;
}


size_t
stn_replay_log_listed(const stn_replay_log_t *log)
{
    const stn_replay_mark_t     *mark;
    const stn_replay_segment_t  *last;

    mark = &log->mark;

    if (mark->nsegments == 0) {
        return 0;
    }

    last = &log->segments[mark->nsegments - 1];

    return last->complete
           && last->pieces[0].len == mark->segment.pieces[0].len
           ? mark->nsegments : mark->nsegments - 1;
}


void
stn_replay_log_end(stn_replay_log_t *log)
{
    stn_replay_mark_t  *mark;

    mark = &log->mark;
    log->ended = 1;

    log->nsegments = mark->nsegments;
    log->nchapters = mark->nchapters;

    if (mark->nsegments) {
        log->segments[mark->nsegments - 1] = mark->segment;
        log->segments[mark->nsegments - 1].complete = 1;
        log->chapters[mark->nchapters - 1] = mark->chapter;

        if (mark->nchapters > 1) {
            log->chapters[mark->nchapters - 2].end_us = mark->chapter.start_us;
        }

        log->duration_us = mark->duration_us;
        log->end_us = mark->end_us;
        stn_replay_log_settle(log);
    }
}


uint64_t
stn_replay_log_size(const stn_replay_log_t *log, unsigned i, unsigned file)
{
    size_t                       n;
    const stn_replay_segment_t  *seg;

    for (n = log->nsegments; n; n--) {
        seg = &log->segments[n - 1];

        if (seg->file == file) {
            return seg->pieces[i].offset + seg->pieces[i].len;
        }
    }

    return 0;
}
