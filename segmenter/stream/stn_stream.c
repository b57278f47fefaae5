/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The stream (see stn_stream.h).  Runs on a live thread, or under a told
 * clock in tests.  It owns its programme or ladder, and a segmenter for each
 * rendition; a part is handed out when all renditions have it.
 */

#include "stream/stn_stream.h"

#include <stdlib.h>
#include <string.h>


/* How long hold audio waits for a session that settles in another format: as
 * long as that and making its programme take. */
#define STN_STREAM_PATIENCE_US  (4 * STN_PROGRAMME_SETTLE_US)


static int stn_stream_fail(stn_stream_t *s, int rc, const char *reason);
static int stn_stream_pass(stn_stream_t *s, const stn_format_t *format);
static int stn_stream_climb(stn_stream_t *s);
static stn_programme_t *stn_stream_programme(const stn_stream_t *s,
    const stn_format_t *format, int *rc);
static void stn_stream_programme_free(stn_programme_t *p);
static int stn_stream_track(stn_stream_t *s, stn_stream_track_t *t,
    const stn_format_t *format, const stn_grid_t *g);
static void stn_stream_track_free(stn_stream_track_t *t);
static int64_t stn_stream_samples(int64_t us, uint32_t rate);
static int stn_stream_replace(stn_stream_t *s, const stn_format_t *format);
static int stn_stream_prepare(stn_stream_t *s, const stn_format_t *format);
static void stn_stream_abandon(stn_stream_t *s);
static void stn_stream_listen(stn_stream_t *s, const stn_format_t *format);
static void stn_stream_measure(stn_stream_t *s, stn_au_t *au);
static int stn_stream_frame(stn_stream_t *s, int64_t now_us, stn_frame_t *f);
static unsigned stn_stream_patient(const stn_stream_t *s, int64_t now_us);
static int stn_stream_pack(stn_stream_t *s, const stn_frame_t *f);
static int stn_stream_keep(stn_stream_t *s, stn_stream_track_t *t,
    const stn_part_t *part);
static unsigned stn_stream_ready(const stn_stream_t *s);
static void stn_stream_hand_out(stn_stream_t *s, stn_stream_parts_t *parts);
static unsigned stn_stream_ripe(stn_stream_t *s, int64_t now_us);
static int stn_stream_change(stn_stream_t *s, stn_stream_parts_t *parts);
static int stn_stream_cut(stn_stream_t *s);
static void stn_stream_add(stn_programme_stats_t *to,
    const stn_programme_stats_t *from);


int
stn_stream_init(stn_stream_t *s, const stn_stream_conf_t *conf,
    const stn_format_t *format, uint64_t least_msn)
{
    int  rc;

    memset(s, 0, sizeof(*s));

    s->conf = *conf;
    s->least_msn = least_msn;
    s->due_us = INT64_MAX;

    s->level = stn_level_open(&conf->level);

    if (s->level == NULL) {
        rc = stn_stream_fail(s, STN_NOMEM, "out of memory");
    } else {
        rc = conf->n ? stn_stream_climb(s) : stn_stream_pass(s, format);
    }

    if (rc != STN_OK) {
        stn_stream_free(s);
    }

    return rc;
}


static int
stn_stream_fail(stn_stream_t *s, int rc, const char *reason)
{
    s->reason = reason;

    return rc;
}


static int
stn_stream_pass(stn_stream_t *s, const stn_format_t *format)
{
    int  rc;

    if (format->codec != STN_CODEC_AAC) {
        return stn_stream_fail(s, STN_UNSUPPORTED,
                               "only AAC can be passed through");
    }

    stn_grid_init(&s->grid, format, s->conf.part_us, s->conf.parts);

    s->n = 1;
    rc = stn_stream_track(s, &s->tracks[0], format, &s->grid);

    if (rc == STN_OK) {
        s->programme = stn_stream_programme(s, format, &rc);
    }

    if (s->programme == NULL && s->reason == NULL) {
        s->reason = (rc == STN_NOMEM) ? "out of memory"
                    : "no hold audio can be made for this AAC";
    }

    return rc;
}


static int
stn_stream_climb(stn_stream_t *s)
{
    int                 rc;
    int64_t             quantum, part;
    unsigned            i;
    stn_grid_t          g;
    stn_ladder_conf_t   conf;
    const stn_format_t *format;

    quantum = stn_ladder_quantum(s->conf.renditions, s->conf.n);
    if (quantum == 0) {
        return stn_stream_fail(s, STN_UNSUPPORTED,
                               "the renditions' frames do not fit together");
    }

    part = stn_stream_samples(s->conf.part_us, STN_LADDER_RATE) + quantum / 2;
    part = stn_max(part - part % quantum, quantum);

    memset(&conf, 0, sizeof(conf));
    memcpy(conf.renditions, s->conf.renditions, sizeof(conf.renditions));

    conf.n = s->conf.n;
    conf.grace_us = s->conf.grace_us;
    conf.part_us = stn_rescale(part, 1000000, STN_LADDER_RATE);
    conf.window = stn_stream_samples(s->conf.window_us, STN_LADDER_RATE);
    conf.segment = part * s->conf.parts;
    conf.level = s->level;

    s->ladder = stn_ladder_open(&conf);
    if (s->ladder == NULL) {
        return stn_stream_fail(s, STN_UNSUPPORTED,
                               "the renditions cannot be encoded");
    }

    for (i = 0; i < conf.n; i++) {
        format = stn_ladder_format(s->ladder, i);

        g.rate = format->rate;
        g.frame = format->frame;
        g.part = (uint32_t) (part * format->rate / STN_LADDER_RATE);
        g.parts = s->conf.parts;

        s->n = i + 1;
        rc = stn_stream_track(s, &s->tracks[i], format, &g);

        if (rc != STN_OK) {
            return rc;
        }
    }

    s->grid = s->tracks[0].segmenter.grid;

    return STN_OK;
}


static stn_programme_t *
stn_stream_programme(const stn_stream_t *s, const stn_format_t *format,
    int *rc)
{
    stn_programme_t       *p;
    stn_programme_conf_t   conf;

    p = malloc(sizeof(*p));
    if (p == NULL) {
        *rc = STN_NOMEM;
        return NULL;
    }

    memset(&conf, 0, sizeof(conf));

    conf.grace_us = s->conf.grace_us;
    conf.part_us = stn_rescale(s->grid.part, 1000000, s->grid.rate);
    conf.segment = stn_grid_segment(&s->grid);
    conf.window = stn_stream_samples(s->conf.window_us, format->rate);
    conf.comfort = s->conf.comfort;

    *rc = stn_programme_init(p, format, &conf);

    if (*rc != STN_OK) {
        free(p);
        return NULL;
    }

    return p;
}


static void
stn_stream_programme_free(stn_programme_t *p)
{
    if (p) {
        stn_programme_free(p);
        free(p);
    }
}


static int
stn_stream_track(stn_stream_t *s, stn_stream_track_t *t,
    const stn_format_t *format, const stn_grid_t *g)
{
    int  rc;

    memset(t, 0, sizeof(*t));

    t->format = *format;
    stn_buf_init(&t->data, STN_CMAF_MAX);

    rc = stn_segmenter_init(&t->segmenter, format, g, 0, 0);

    return rc == STN_OK ? rc : stn_stream_fail(s, rc, t->segmenter.reason);
}


static void
stn_stream_track_free(stn_stream_track_t *t)
{
    stn_segmenter_free(&t->segmenter);
    stn_buf_free(&t->data);
    memset(t, 0, sizeof(*t));
}


static int64_t
stn_stream_samples(int64_t us, uint32_t rate)
{
    return stn_rescale(us, rate, 1000000);
}


void
stn_stream_free(stn_stream_t *s)
{
    unsigned  i;

    stn_stream_abandon(s);

    for (i = 0; i < s->n; i++) {
        stn_stream_track_free(&s->tracks[i]);
    }

    stn_stream_programme_free(s->programme);
    stn_ladder_close(s->ladder);
    stn_decoder_close(s->decoder);
    stn_level_close(s->level);

    s->n = 0;
    s->programme = NULL;
    s->ladder = NULL;
    s->decoder = NULL;
    s->level = NULL;
}


int
stn_stream_resume(stn_stream_t *s, const stn_stream_resume_t *resume)
{
    unsigned          i;
    stn_grid_t       *g;
    stn_segmenter_t  *seg;

    if (s->programme) {
        g = &s->tracks[0].segmenter.grid;

        if (stn_grid_follow(g, &s->tracks[0].format, resume->grid.part,
                            resume->grid.rate, resume->grid.parts)
            != STN_OK)
        {
            return stn_stream_fail(s, STN_UNSUPPORTED,
                                   "a frame is longer than the stream's "
                                   "parts");
        }

        s->grid = resume->grid;
        stn_programme_resume(s->programme, resume->pos[0]);

    } else {
        stn_ladder_resume(s->ladder,
                          stn_rescale(resume->pos[0], STN_LADDER_RATE,
                                      s->tracks[0].format.rate));
    }

    for (i = 0; i < s->n; i++) {
        seg = &s->tracks[i].segmenter;
        seg->msn = resume->msn;
        seg->part = resume->part;
    }

    s->discontinuities = resume->discontinuities;
    s->begun = 1;

    return STN_OK;
}


void
stn_stream_birth(stn_stream_t *s, int64_t now_us)
{
    if (s->ladder) {
        stn_ladder_birth(s->ladder, now_us);
    } else {
        stn_programme_birth(s->programme, now_us);
    }
}


int
stn_stream_arrive(stn_stream_t *s, const stn_format_t *format)
{
    int  rc;

    if (s->ladder) {
        rc = stn_ladder_arrive(s->ladder, format);

        if (rc != STN_OK) {
            return stn_stream_fail(s, rc, "this audio cannot be decoded");
        }

        stn_level_reset(s->level);
        s->present = 1;

        return STN_OK;
    }

    if (format->codec != STN_CODEC_AAC) {
        return stn_stream_fail(s, STN_UNSUPPORTED,
                               "only AAC can be passed through");
    }

    if (stn_format_same(&s->tracks[0].format, format)) {
        stn_stream_abandon(s);
        stn_programme_arrive(s->programme);

    } else {
        rc = s->begun || s->programme->born ? stn_stream_prepare(s, format)
                                            : stn_stream_replace(s, format);
        if (rc != STN_OK) {
            return rc;
        }
    }

    stn_stream_listen(s, format);
    s->present = 1;

    return STN_OK;
}


/* Nothing has been heard of the stream yet: it may as well be opened with
 * the new format. */

static int
stn_stream_replace(stn_stream_t *s, const stn_format_t *format)
{
    int           rc;
    stn_stream_t  other;

    rc = stn_stream_init(&other, &s->conf, format, s->least_msn);

    if (rc != STN_OK) {
        return stn_stream_fail(s, rc, other.reason);
    }

    other.generation = s->generation + 1;
    other.past = s->past;

    stn_stream_free(s);
    *s = other;

    stn_programme_arrive(s->programme);

    return STN_OK;
}


/* A programme of the new format, to be let settle beside the one that runs. */

static int
stn_stream_prepare(stn_stream_t *s, const stn_format_t *format)
{
    int               rc;
    stn_grid_t        g;
    stn_programme_t  *next;

    if (stn_grid_follow(&g, format, s->grid.part, s->grid.rate, s->grid.parts)
        != STN_OK)
    {
        return stn_stream_fail(s, STN_UNSUPPORTED,
                               "a frame is longer than the stream's parts");
    }

    next = stn_stream_programme(s, format, &rc);
    if (next == NULL) {
        return stn_stream_fail(s, rc,
                               "no hold audio can be made for this AAC");
    }

    stn_stream_abandon(s);

    rc = stn_stream_track(s, &s->next_track, format, &g);

    if (rc != STN_OK) {
        stn_stream_track_free(&s->next_track);
        stn_stream_programme_free(next);
        return rc;
    }

    s->next = next;

    stn_programme_arrive(next);
    stn_programme_leave(s->programme);

    return STN_OK;
}


/* Whoever was to come in another format does not. */

static void
stn_stream_abandon(stn_stream_t *s)
{
    if (s->next) {
        stn_stream_programme_free(s->next);
        stn_stream_track_free(&s->next_track);
        s->next = NULL;
    }
}


/* Audio that no decoder takes is passed on all the same, unmeasured. */

static void
stn_stream_listen(stn_stream_t *s, const stn_format_t *format)
{
    stn_decoder_close(s->decoder);

    s->decoder = stn_decoder_open(format);

    stn_level_reset(s->level);
}


void
stn_stream_leave(stn_stream_t *s)
{
    s->present = 0;

    if (s->ladder) {
        stn_ladder_leave(s->ladder);
        return;
    }

    stn_programme_leave(s->programme);

    if (s->next == NULL) {
        return;
    }

    stn_programme_leave(s->next);

    if (stn_programme_drained(s->next)) {
        stn_stream_abandon(s);
    }
}


int
stn_stream_feed(stn_stream_t *s, const stn_au_t *au, int64_t now_us)
{
    int               rc;
    stn_au_t          unit;
    stn_programme_t  *p;

    if (s->ladder) {
        rc = stn_ladder_feed(s->ladder, au, now_us);

        stn_ladder_mute(s->ladder, s->conf.dead_hold
                                   && (stn_stream_alarms(s)
                                       & STN_LEVEL_DEAD));
        return rc;
    }

    p = s->next ? s->next : s->programme;

    /* it is measured once, however often it has to be fed */

    unit = *au;

    if (!stn_programme_full(p, au->len)) {
        stn_stream_measure(s, &unit);
    }

    stn_programme_mute(p, s->conf.dead_hold
                          && (stn_stream_alarms(s) & STN_LEVEL_DEAD));

    return stn_programme_feed(p, &unit, now_us);
}


static void
stn_stream_measure(stn_stream_t *s, stn_au_t *au)
{
    int        rc;
    stn_pcm_t  pcm;

    if (s->decoder == NULL) {
        return;
    }

    rc = stn_decoder_feed(s->decoder, au->data, au->len, &pcm);

    if (rc == STN_OK && stn_level_feed(s->level, &pcm) == STN_OK) {
        au->level = stn_level_last(s->level);

    } else if (rc == STN_ERROR) {
        s->past.broken++;
    }
}


int
stn_stream_next(stn_stream_t *s, int64_t now_us, stn_stream_parts_t *parts)
{
    int          rc;
    stn_frame_t  f;

    for ( ;; ) {

        if (stn_stream_ripe(s, now_us)) {
            return stn_stream_change(s, parts);
        }

        rc = stn_stream_frame(s, now_us, &f);

        if (rc < 0) {
            return stn_stream_fail(s, rc, rc == STN_NOMEM ? "out of memory"
                                          : "no more audio can be made");
        }

        if (rc == STN_OK) {
            rc = stn_stream_pack(s, &f);
        }

        if (rc != STN_OK) {
            return rc;
        }

        if (stn_stream_ready(s)) {
            stn_stream_hand_out(s, parts);
            return STN_OK;
        }
    }
}


static int
stn_stream_frame(stn_stream_t *s, int64_t now_us, stn_frame_t *f)
{
    int  rc;

    if (s->ladder) {
        rc = stn_ladder_next(s->ladder, now_us, f);
        s->due_us = stn_ladder_due(s->ladder);

        return rc;
    }

    if (stn_stream_patient(s, now_us)) {
        s->due_us = s->next->settled_us;
        return STN_AGAIN;
    }

    rc = stn_programme_next(s->programme, now_us, f);
    f->rendition = 0;
    s->due_us = s->programme->due_us;

    if (s->next && s->next->settled_us > now_us) {
        s->due_us = stn_min(s->due_us, s->next->settled_us);
    }

    return rc;
}


/* Whether hold audio waits for a session that settles, as a programme's own
 * does (see stn_programme_patient()). */

static unsigned
stn_stream_patient(const stn_stream_t *s, int64_t now_us)
{
    int64_t  pos_us;

    if (s->next == NULL || s->next->settled_us <= now_us
        || !stn_programme_drained(s->programme))
    {
        return 0;
    }

    pos_us = stn_rescale(s->programme->pos, 1000000,
                         s->tracks[0].format.rate);

    return now_us - pos_us < STN_STREAM_PATIENCE_US;
}


static int
stn_stream_pack(stn_stream_t *s, const stn_frame_t *f)
{
    int                  rc;
    unsigned             i;
    uint64_t             msn;
    stn_part_t           part;
    stn_stream_track_t  *t;

    t = &s->tracks[f->rendition];

    if (!s->begun) {
        msn = stn_grid_msn(&t->segmenter.grid, f->pos);
        msn = stn_max(msn, s->least_msn);

        for (i = 0; i < s->n; i++) {
            s->tracks[i].segmenter.msn = msn;
        }

        s->begun = 1;
    }

    rc = stn_segmenter_feed(&t->segmenter, f, &part);

    if (rc == STN_OK) {
        rc = stn_stream_keep(s, t, &part);

    } else if (rc == STN_AGAIN) {
        rc = STN_OK;

    } else {
        rc = stn_stream_fail(s, rc, t->segmenter.reason);
    }

    return rc;
}


/* A part that is whole waits for the other renditions': they differ by the
 * delays of their encoders. */

static int
stn_stream_keep(stn_stream_t *s, stn_stream_track_t *t,
    const stn_part_t *part)
{
    if (t->ready) {
        return stn_stream_fail(s, STN_ERROR, "renditions have come apart");
    }

    stn_buf_reset(&t->data);

    if (stn_buf_put(&t->data, part->data, part->len) != STN_OK) {
        return stn_stream_fail(s, STN_NOMEM, "out of memory");
    }

    t->part = *part;
    t->part.data = t->data.data;
    t->ready = 1;

    return STN_OK;
}


static unsigned
stn_stream_ready(const stn_stream_t *s)
{
    unsigned  i;

    for (i = 0; i < s->n; i++) {
        if (!s->tracks[i].ready) {
            return 0;
        }
    }

    return 1;
}


static void
stn_stream_hand_out(stn_stream_t *s, stn_stream_parts_t *parts)
{
    unsigned  i;

    for (i = 0; i < s->n; i++) {
        parts->part[i] = s->tracks[i].part;
        parts->part[i].last |= s->ending;
        s->tracks[i].ready = 0;
    }

    parts->n = s->n;
    parts->discontinuities = s->discontinuities;
    parts->changes = 0;
}


/* Whether the programme of the other format may take over: not before there
 * is a part to cut, which the playlist has promised. */

static unsigned
stn_stream_ripe(stn_stream_t *s, int64_t now_us)
{
    return s->next
           && s->tracks[0].segmenter.samples
           && stn_programme_settled(s->next, now_us);
}


static int
stn_stream_change(stn_stream_t *s, stn_stream_parts_t *parts)
{
    int               rc;
    int64_t           pos;
    stn_segmenter_t  *from, *to;

    from = &s->tracks[0].segmenter;
    to = &s->next_track.segmenter;

    pos = stn_rescale(from->next, to->grid.rate, from->grid.rate);

    rc = stn_stream_cut(s);

    if (rc != STN_OK) {
        return rc;
    }

    stn_stream_hand_out(s, parts);
    parts->changes = 1;

    /* the part's bytes are kept by the track: they go along */

    to->msn = from->msn;
    to->part = 0;

    stn_buf_free(&s->next_track.data);
    s->next_track.data = s->tracks[0].data;
    stn_buf_init(&s->tracks[0].data, 0);

    stn_stream_track_free(&s->tracks[0]);
    s->tracks[0] = s->next_track;

    stn_stream_add(&s->past, &s->programme->stats);
    stn_stream_programme_free(s->programme);

    s->programme = s->next;
    s->next = NULL;
    memset(&s->next_track, 0, sizeof(s->next_track));

    stn_programme_resume(s->programme, pos);

    s->discontinuities++;
    s->generation++;

    return STN_OK;
}


/* Ends the open part of the only track, and its segment with it. */

static int
stn_stream_cut(stn_stream_t *s)
{
    int               rc;
    stn_part_t        part;
    stn_segmenter_t  *seg;

    seg = &s->tracks[0].segmenter;
    rc = stn_segmenter_cut(seg, &part);

    if (rc != STN_OK) {
        return stn_stream_fail(s, STN_ERROR, seg->reason);
    }

    return stn_stream_keep(s, &s->tracks[0], &part);
}


void
stn_stream_end(stn_stream_t *s)
{
    s->ending = 1;
}


void
stn_stream_comfort(stn_stream_t *s, const stn_hold_t *comfort)
{
    s->conf.comfort = comfort;
}


void
stn_stream_hold(stn_stream_t *s, const stn_hold_t *hold)
{
    if (s->ladder) {
        (void) stn_ladder_hold(s->ladder, hold, stn_stream_hold_format(s));
    } else {
        stn_programme_hold(s->programme, hold);
    }
}


const stn_format_t *
stn_stream_hold_format(const stn_stream_t *s)
{
    return s->ladder ? stn_ladder_hold_format(s->ladder)
                     : &s->tracks[0].format;
}


const stn_format_t *
stn_stream_format(const stn_stream_t *s, unsigned i)
{
    return &s->tracks[i].format;
}


const stn_buf_t *
stn_stream_init_segment(const stn_stream_t *s, unsigned i)
{
    return &s->tracks[i].segmenter.init;
}


unsigned
stn_stream_holding(const stn_stream_t *s)
{
    return s->ladder ? stn_ladder_holding(s->ladder)
                     : stn_programme_holding(s->programme);
}


unsigned
stn_stream_drained(const stn_stream_t *s)
{
    return s->ladder ? stn_ladder_drained(s->ladder)
                     : s->next == NULL && stn_programme_drained(s->programme);
}


void
stn_stream_stats(const stn_stream_t *s, stn_programme_stats_t *stats)
{
    *stats = s->past;

    stn_stream_add(stats, s->ladder ? stn_ladder_stats(s->ladder)
                                    : &s->programme->stats);
}


static void
stn_stream_add(stn_programme_stats_t *to, const stn_programme_stats_t *from)
{
    to->live_frames += from->live_frames;
    to->hold_frames += from->hold_frames;
    to->gaps_filled += from->gaps_filled;
    to->stale_dropped += from->stale_dropped;
    to->resyncs += from->resyncs;
    to->drift_repairs += from->drift_repairs;
    to->broken += from->broken;
}


unsigned
stn_stream_alarms(const stn_stream_t *s)
{
    return stn_level_alarms(s->level) & (s->present ? ~0u : STN_LEVEL_DEAD);
}


void
stn_stream_forget(stn_stream_t *s)
{
    stn_level_forget(s->level);
}
