/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hold audio as a ladder mixes it: the samples of a loop of frames, at any
 * place on the clock.  Its phase hangs on the clock, so it goes on as if never
 * left; frames are decoded only where it is heard, with a few before them
 * that the decoder overlaps with.  One loop turns into another on a slope.
 */

#ifndef STN_LADDER_LOOP_H
#define STN_LADDER_LOOP_H

#include "stn_pcm.h"
#include "programme/stn_codec.h"
#include "programme/stn_hold.h"


/* Samples of a frame. */
#define STN_LADDER_LOOP_FRAME  1024

/* Samples that are rendered at once, at most. */
#define STN_LADDER_LOOP_BLOCK  1024


typedef struct {
    const stn_hold_t  *hold;       /* the caller's */
    stn_decoder_t     *decoder;
    stn_pcm_t          pcm;        /* the frame decoded last; n may be 0 */
    int64_t            at;         /* which one that is; -1: none */
    size_t             fade;       /* samples that a slope lasts */
    float             *rows;       /* a block, then the end of the loop before
                                      this one, fade samples; two channels */
    int64_t            tail;       /* where that begins */
    unsigned           tailed;     /* boolean: there is one */
} stn_ladder_loop_t;


/* Returns STN_OK or STN_NOMEM. */
int stn_ladder_loop_init(stn_ladder_loop_t *o, size_t fade);

void stn_ladder_loop_free(stn_ladder_loop_t *o);

/*
 * Plays that loop, of AAC-LC at 48 kHz made for format, from pos on, where the
 * one before it fades out; pos < 0: from anywhere, at once.  Returns STN_OK,
 * or STN_UNSUPPORTED or STN_NOMEM: then nothing changes.
 */
int stn_ladder_loop_play(stn_ladder_loop_t *o, const stn_hold_t *hold,
    const stn_format_t *format, int64_t pos);

/* Renders n samples from pos, at most a block, in stereo; valid until the
 * next call.  What cannot be decoded is silence. */
void stn_ladder_loop_render(stn_ladder_loop_t *o, int64_t pos, size_t n,
    stn_pcm_t *pcm);


#endif /* STN_LADDER_LOOP_H */
