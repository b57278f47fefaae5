/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a broadcaster sends, made into live audio of a ladder: each unit is
 * judged by the timeline, decoded, brought to 48 kHz stereo and to the speed
 * of the wall clock, and put into the queue at its place.  Units wait coded
 * only until the session's clock is found, or while as much waits decoded as
 * may.  One thread uses a source.
 */

#ifndef STN_LADDER_SOURCE_H
#define STN_LADDER_SOURCE_H

#include "stn_au.h"
#include "stn_fifo.h"
#include "stn_format.h"
#include "programme/stn_codec.h"
#include "programme/stn_ladder_live.h"
#include "programme/stn_level.h"
#include "programme/stn_programme.h"
#include "programme/stn_timeline.h"


typedef struct {
    stn_fifo_t              queue;
    stn_timeline_t          timeline;      /* counts single samples */
    stn_decoder_t          *decoder;
    stn_resampler_t        *resampler;
    stn_level_t            *level;         /* the caller's; may be NULL */
    stn_ladder_live_t      *live;          /* the caller's */
    stn_programme_stats_t  *stats;         /* the caller's */
    int64_t                 unit;          /* samples that a unit lasts */
    int64_t                 settled_us;    /* 0: no unit of this session yet */
    double                  added;         /* by resampling, not yet told to
                                              the timeline */
    double                  ppm;           /* how much slower it is played */
    double                  bent;          /* samples added or removed so far */
    size_t                  most;          /* samples that may wait */
} stn_ladder_source_t;


/* Makes a source into live.  Returns STN_OK or STN_NOMEM. */
int stn_ladder_source_init(stn_ladder_source_t *s, stn_ladder_live_t *live,
    size_t most);

void stn_ladder_source_free(stn_ladder_source_t *s);

/* Begins a session: units that wait are forgotten.  Returns STN_OK, or with
 * nothing changed STN_NOMEM, or STN_UNSUPPORTED when nothing decodes that. */
int stn_ladder_source_arrive(stn_ladder_source_t *s,
    const stn_format_t *format);

/* Takes a unit that arrived at now_us.  Returns STN_OK or STN_LIMIT. */
int stn_ladder_source_feed(stn_ladder_source_t *s, const stn_au_t *au,
    int64_t now_us);

/* Whether the session has its place on the clock, or may get it now: one unit
 * has come, and has been watched long enough, or nobody is present. */
unsigned stn_ladder_source_settled(const stn_ladder_source_t *s,
    int64_t now_us, unsigned present);

/* Gives the session its place: returns where its first unit belongs.  pos is
 * the programme's next sample, or -1 when it is not born yet. */
int64_t stn_ladder_source_start(stn_ladder_source_t *s, int64_t pos,
    int64_t now_us);

/* Moves units into the queue as far as there is room.  Returns STN_OK or
 * STN_NOMEM. */
int stn_ladder_source_run(stn_ladder_source_t *s, int64_t now_us);


#endif /* STN_LADDER_SOURCE_H */
