/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The programme of a ladder: whatever a broadcaster sends is decoded to one
 * programme of 48 kHz stereo, cross-faded with hold audio where he is not
 * heard, and encoded to several renditions whose frames lie on one grid.
 *
 *     units -> decoder -> resampler -> |live pcm| \
 *                       (also drift)               > mix -> encoder 0 -> frames
 *              hold loop -> decoder -> |hold pcm| /      -> encoder 1 -> frames
 *
 * The API is that of stn_programme: the caller feeds units and asks for
 * frames, telling the time each time; due_us says when to ask again.
 * Positions are samples at 48 kHz since the Unix epoch, but a frame's own
 * pos is at its rendition's rate.  One thread uses a ladder.
 */

#ifndef STN_LADDER_H
#define STN_LADDER_H

#include "stn_au.h"
#include "stn_format.h"
#include "programme/stn_codec.h"
#include "programme/stn_hold.h"
#include "programme/stn_level.h"
#include "programme/stn_programme.h"
#include "programme/stn_timeline.h"


#define STN_LADDER_RENDITIONS  8
#define STN_LADDER_RATE        48000
#define STN_LADDER_CHANNELS    2

/* How long hold and live audio sound together where they meet. */
#define STN_LADDER_FADE_MS     50

/* Decoded audio that waits for its time. */
#define STN_LADDER_QUEUE_MS    20000


typedef struct {
    stn_encoder_conf_t    renditions[STN_LADDER_RENDITIONS];
    unsigned              n;
    int64_t               grace_us;    /* see stn_programme_conf_t */
    int64_t               part_us;
    int64_t               window;      /* samples that it is dated back */
    int64_t               segment;     /* samples: where a window begins */
    stn_level_t          *level;       /* fed what is decoded; may be NULL */
} stn_ladder_conf_t;


typedef struct stn_ladder_s  stn_ladder_t;


/* The least number of 48 kHz samples that is a whole number of frames in all
 * renditions, which parts must be multiples of; 0: there is none below ten
 * seconds (rates that do not divide, 44.1 kHz among them). */
int64_t stn_ladder_quantum(const stn_encoder_conf_t *renditions, unsigned n);

/*
 * Makes a ladder that is not born yet, and the comfort loops of its
 * renditions (some 100 ms of CPU each: never in an event loop).  Returns NULL
 * out of memory, without a quantum, or when an encoder cannot be opened.
 */
stn_ladder_t *stn_ladder_open(const stn_ladder_conf_t *conf);

void stn_ladder_close(stn_ladder_t *l);

/* What rendition i is coded as. */
const stn_format_t *stn_ladder_format(const stn_ladder_t *l, unsigned i);

/* Hold audio from now on: a loop of AAC-LC, 48 kHz, stereo, made for format;
 * the caller keeps it alive, but the one before it no longer.  NULL: comfort.
 * Returns STN_OK, or with nothing changed STN_UNSUPPORTED or STN_NOMEM. */
int stn_ladder_hold(stn_ladder_t *l, const stn_hold_t *hold,
    const stn_format_t *format);

/* What a loop of hold audio must be made for. */
const stn_format_t *stn_ladder_hold_format(const stn_ladder_t *l);

/* Born now, without a broadcaster: the window is dated back from now_us and
 * filled with comfort, but for the last seconds where there is other hold
 * audio: those are encoded with the first frames (half a second of CPU). */
void stn_ladder_birth(stn_ladder_t *l, int64_t now_us);

/* Goes on with a programme whose next frame of all renditions is at pos; hold
 * audio is what is taken to have been before it.  Where that is long ago, the
 * time since is filled as a window is. */
void stn_ladder_resume(stn_ladder_t *l, int64_t pos);

/* A broadcaster has come (or another one: what waits of the one before fades
 * out), who sends format.  Returns STN_OK; with nothing changed
 * STN_UNSUPPORTED when it cannot be decoded, or STN_NOMEM. */
int stn_ladder_arrive(stn_ladder_t *l, const stn_format_t *format);

/* He has left: what waits is played, then hold audio at once. */
void stn_ladder_leave(stn_ladder_t *l);

/* Hold audio instead of what the broadcaster sends (dead air), while on. */
void stn_ladder_mute(stn_ladder_t *l, unsigned on);

/* Takes a unit that arrived at now_us.  Returns STN_OK; STN_LIMIT when as much
 * waits as may: try again later; STN_NOMEM. */
int stn_ladder_feed(stn_ladder_t *l, const stn_au_t *au, int64_t now_us);

/*
 * The next frame of any rendition (f->rendition), if its time has come; the
 * frames of each rendition are contiguous.  A frame comes later than its end
 * by STN_LADDER_FADE_MS, STN_TIMELINE_DELAY_MS and what its encoder looks
 * ahead: 43 ms for AAC at 48 kHz, twice that at 24 kHz, 7 ms for Opus.
 *
 * Returns STN_OK; STN_AGAIN: nothing before the next unit, or before
 * stn_ladder_due(); STN_NOMEM or STN_ERROR when frames will be missing: that
 * is the end, and returned again and again.
 */
int stn_ladder_next(stn_ladder_t *l, int64_t now_us, stn_frame_t *f);

/* When next() has something again, in microseconds since the Unix epoch. */
int64_t stn_ladder_due(const stn_ladder_t *l);

/* Whether hold audio plays at this moment, and what was done so far (frames
 * are counted as 1024 samples). */
unsigned stn_ladder_holding(const stn_ladder_t *l);
const stn_programme_stats_t *stn_ladder_stats(const stn_ladder_t *l);

/* Whether all that the broadcaster sent has been mixed and given to the
 * encoders; while more may follow, a slope's length is held back. */
unsigned stn_ladder_drained(const stn_ladder_t *l);


#endif /* STN_LADDER_H */
