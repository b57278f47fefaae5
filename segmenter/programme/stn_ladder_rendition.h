/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * One rendition of a ladder: the programme at 48 kHz goes in, frames come out,
 * each in its place, without a gap.  Places are samples at 48 kHz in here, and
 * at the rendition's own rate on frames.  A window that lies in the past is
 * filled with frames of a loop that was encoded once:
 *
 *     |copied, copied, copied ...|encoded ...
 *     ^ from                     ^ at
 */

#ifndef STN_LADDER_RENDITION_H
#define STN_LADDER_RENDITION_H

#include "stn_au.h"
#include "stn_format.h"
#include "stn_pcm.h"
#include "programme/stn_codec.h"
#include "programme/stn_hold.h"
#include "programme/stn_ladder_loop.h"


#define STN_LADDER_RENDITION_RATE  48000


typedef struct {
    stn_encoder_conf_t   conf;
    stn_format_t         format;
    stn_encoder_t       *encoder;
    stn_resampler_t     *resampler;    /* NULL: not needed */
    stn_hold_t           loop;         /* what windows are filled with */
    int64_t              frame;        /* samples that a frame lasts */
    int64_t              lead;         /* how far behind a frame's beginning
                                          must be fed before it comes */
    int64_t              pos;          /* the next frame's place: the
                                          caller's to set before start() */
    int64_t              at;           /* where encoding begins */
} stn_ladder_rendition_t;


/* Samples that a frame lasts; 0: the rendition cannot be in a ladder. */
int64_t stn_ladder_rendition_span(const stn_encoder_conf_t *conf);

/* Returns STN_OK, STN_NOMEM, or STN_UNSUPPORTED. */
int stn_ladder_rendition_init(stn_ladder_rendition_t *r,
    const stn_encoder_conf_t *conf);

void stn_ladder_rendition_free(stn_ladder_rendition_t *r);

/* Encodes what plays in o once round, for windows.  Returns STN_OK or a code;
 * to be called before start(). */
int stn_ladder_rendition_loop(stn_ladder_rendition_t *r,
    stn_ladder_loop_t *o);

/*
 * Encoding begins at at; what is between the next frame's place and that is
 * copied from the loop.  What is fed next is at primed, not after at: the
 * encoder warms up on it.  All three are whole frames.  Returns STN_OK or
 * STN_NOMEM.
 */
int stn_ladder_rendition_start(stn_ladder_rendition_t *r, int64_t primed,
    int64_t at);

/* Takes the programme at 48 kHz, stereo.  Returns STN_OK, or a code when a
 * frame will be missing. */
int stn_ladder_rendition_feed(stn_ladder_rendition_t *r,
    const stn_pcm_t *pcm);

/* The next frame; f->live is left 0.  Returns STN_OK, STN_AGAIN, STN_ERROR. */
int stn_ladder_rendition_next(stn_ladder_rendition_t *r, stn_frame_t *f);

/* Up to where must be fed before there is a next frame. */
int64_t stn_ladder_rendition_wants(const stn_ladder_rendition_t *r);


#endif /* STN_LADDER_RENDITION_H */
