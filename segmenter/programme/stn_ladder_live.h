/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A broadcaster's audio on its way into the mix of a ladder: 48 kHz stereo,
 * each sample with its place on the clock and with its weight, which says how
 * much of it is heard beside hold audio:
 *
 *     1      ________________            _______
 *     0     /                \__________/           gap: no samples came
 *          pos                                tail: the next one's place
 *
 * Whatever ends, ends on a slope, because the last samples are held back while
 * more may follow.  One thread uses a queue; its memory grows to what waits.
 */

#ifndef STN_LADDER_LIVE_H
#define STN_LADDER_LIVE_H

#include "stn_pcm.h"


#define STN_LADDER_LIVE_CHANNELS  2


typedef struct {
    float     *rows;           /* left, right and weight, room apart */
    size_t     room;
    size_t     head;           /* where the first sample is in a row */
    size_t     n;              /* samples held */
    size_t     fade;           /* samples that a slope lasts */
    size_t     risen;          /* samples since the last gap, at most fade */
    int64_t    pos;            /* the first sample's place */
    unsigned   open;           /* boolean: more may follow the last one */
} stn_ladder_live_t;


/* An empty queue whose first sample will be at pos. */
void stn_ladder_live_init(stn_ladder_live_t *v, size_t fade, int64_t pos);

void stn_ladder_live_free(stn_ladder_live_t *v);

/* Where the next sample will be. */
int64_t stn_ladder_live_tail(const stn_ladder_live_t *v);

/* Takes stereo samples.  Returns STN_OK or STN_NOMEM. */
int stn_ladder_live_append(stn_ladder_live_t *v, const stn_pcm_t *pcm);

/* Nothing follows: what is held ends on a slope. */
void stn_ladder_live_close(stn_ladder_live_t *v);

/* Closes and leaves n samples out.  Returns STN_OK or STN_NOMEM. */
int stn_ladder_live_gap(stn_ladder_live_t *v, size_t n);

/* Closes and forgets all but what it takes to end on a slope. */
void stn_ladder_live_cut(stn_ladder_live_t *v);

/* Shows the next n samples: left, right and weight, or NULLs when none are
 * held.  Returns how many there are, at most n; all n when none are held. */
size_t stn_ladder_live_peek(const stn_ladder_live_t *v, size_t n,
    const float *rows[STN_LADDER_LIVE_CHANNELS + 1]);

/* Goes on to the place n samples later. */
void stn_ladder_live_drop(stn_ladder_live_t *v, size_t n);


#endif /* STN_LADDER_LIVE_H */
