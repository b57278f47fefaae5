/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The audio of a file that lies in memory, as planar floats, with libavformat
 * and libavcodec.  Nothing but that memory is ever opened, whatever the file
 * says, and only formats for audio files are looked for.  One thread uses a
 * source; the file's bytes are the caller's and stay where they are.
 */

#ifndef STN_HOLD_SOURCE_H
#define STN_HOLD_SOURCE_H

#include "stn_pcm.h"
#include "programme/stn_hold.h"


/* Packets that cannot be decoded are left out; a file of which more than this
 * share is broken is not used.  A few are always allowed: tags behind the
 * audio look like that. */
#define STN_HOLD_BROKEN_PERCENT  2
#define STN_HOLD_BROKEN_MIN      3

/* Nor is a file used that is shorter than this share of the length it
 * announces, and by more than this; what it announces may have the encoder's
 * delay and padding in it. */
#define STN_HOLD_COMPLETE_PERCENT  90
#define STN_HOLD_COMPLETE_MS       300

/* As loud as this, one step of 16 bits, is digital silence. */
#define STN_HOLD_SILENT_PEAK  (1.0f / 32768)


typedef struct stn_hold_source_s  stn_hold_source_t;


/*
 * Opens the audio file whose len bytes are at data.  *stop, if stop is not
 * NULL, ends all work when it is not 0.
 * Returns STN_OK; STN_ERROR when it is no audio file, with *reason; STN_AGAIN
 * when it was stopped; STN_NOMEM.
 */
int stn_hold_source_open(stn_hold_source_t **source, const uint8_t *data,
    size_t len, volatile int *stop, const char **reason);

void stn_hold_source_close(stn_hold_source_t *s);

/*
 * The next of its audio, STN_HOLD_MAX_S in all; rate, channels and layout may
 * change on the way.  pcm->n is 0 at the end.
 * Returns STN_OK; STN_ERROR when it is too broken to go on, with *reason;
 * STN_AGAIN when it was stopped; STN_NOMEM.
 */
int stn_hold_source_next(stn_hold_source_t *s, stn_pcm_t *pcm,
    const char **reason);

/* How many channels it has, as far as is known before it is decoded. */
unsigned stn_hold_source_channels(const stn_hold_source_t *s);

/* At the end: whether all of it was good for hold audio, and its length in
 * milliseconds.  Returns STN_OK, or STN_ERROR with *reason. */
int stn_hold_source_verdict(const stn_hold_source_t *s, uint32_t *ms,
    const char **reason);


#endif /* STN_HOLD_SOURCE_H */
