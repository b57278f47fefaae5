/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The desk of a ladder: live and hold audio go in by their weights, the mix
 * goes to all renditions, and their frames come out.  It knows places, not
 * times: how far it may go is for the ladder to say.  One thread uses a desk.
 */

#ifndef STN_LADDER_MIX_H
#define STN_LADDER_MIX_H

#include "stn_au.h"
#include "programme/stn_hold.h"
#include "programme/stn_ladder.h"
#include "programme/stn_ladder_live.h"
#include "programme/stn_ladder_loop.h"
#include "programme/stn_ladder_rendition.h"


#define STN_LADDER_MIX_BLOCK  STN_LADDER_LOOP_BLOCK

/* Whether hold or live audio was mixed is remembered for so many spans of so
 * many samples: longer than any encoder is late. */
#define STN_LADDER_MIX_SPAN   256
#define STN_LADDER_MIX_SPANS  256


typedef struct {
    stn_ladder_live_t       *live;         /* the ladder's */
    stn_ladder_loop_t        loop;
    stn_ladder_rendition_t   renditions[STN_LADDER_RENDITIONS];
    unsigned                 n;
    int64_t                  quantum;

    stn_hold_t               comfort;
    stn_format_t             comfort_format;
    const stn_hold_t        *hold;         /* the caller's; NULL: comfort */
    stn_format_t             hold_format;

    uint64_t                 heard;        /* samples mixed, live */
    uint64_t                 held;         /* hold, the window included */
    size_t                   muting;       /* samples into the slope of mute */
    unsigned                 muted;        /* boolean: where that leads to */
    unsigned                 holding;      /* boolean: hold was mixed last */
    uint8_t                  spans[STN_LADDER_MIX_SPANS];    /* 1: live */
    float                    weight[STN_LADDER_MIX_BLOCK];
    float                    rows[STN_LADDER_CHANNELS][STN_LADDER_MIX_BLOCK];
} stn_ladder_mix_t;


/* Returns STN_OK, STN_NOMEM, or STN_UNSUPPORTED when a rendition cannot be
 * encoded; freed it must be in any case. */
int stn_ladder_mix_init(stn_ladder_mix_t *m, stn_ladder_live_t *live,
    const stn_ladder_conf_t *conf);

void stn_ladder_mix_free(stn_ladder_mix_t *m);

/* That hold audio from the next sample on, or NULL: comfort.  Returns STN_OK,
 * or with nothing changed STN_UNSUPPORTED or STN_NOMEM. */
int stn_ladder_mix_hold(stn_ladder_mix_t *m, const stn_hold_t *hold,
    const stn_format_t *format);

/* Begins: the next frames are at from, copies of comfort; from at on, what is
 * mixed is encoded.  Both are whole quanta.  Returns STN_OK or a code. */
int stn_ladder_mix_start(stn_ladder_mix_t *m, int64_t from, int64_t at);

/* Goes on at a later place: frames up to there are copies of comfort, which
 * cost next to nothing.  Returns STN_OK or a code. */
int stn_ladder_mix_leap(stn_ladder_mix_t *m, int64_t at);

/* Mixes n more samples.  Returns STN_OK, or a code when frames will be
 * missing: that is the end. */
int stn_ladder_mix_run(stn_ladder_mix_t *m, size_t n);

/* The next frame.  Returns STN_OK, STN_AGAIN, or STN_ERROR: the end. */
int stn_ladder_mix_next(stn_ladder_mix_t *m, stn_frame_t *f);

/* Up to where must be mixed before there is a next frame. */
int64_t stn_ladder_mix_wants(const stn_ladder_mix_t *m);


#endif /* STN_LADDER_MIX_H */
