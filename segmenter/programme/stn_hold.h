/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hold audio: a loop of frames in a stream's own format that may be entered
 * and left at any frame, encoded once, from a file or from the built-in soft
 * chord ("comfort").  The seam of the loop is not heard: the end of a file is
 * cross-faded into its beginning, and the loop is encoded round and round, so
 * that its last frame overlaps with its first as any two neighbours do.
 * A loop does not change once it is made; any thread may read it.
 */

#ifndef STN_HOLD_H
#define STN_HOLD_H

#include "stn_format.h"


/* What is used of a file, and the least that makes a loop. */
#define STN_HOLD_MAX_S   900
#define STN_HOLD_MIN_MS  500

/* How long the end of a file and its beginning sound together; a quarter of
 * the file when that is shorter. */
#define STN_HOLD_FADE_MS  1000


typedef struct {
    uint8_t   *bytes;            /* all frames, back to back */
    size_t    *offset;           /* frames + 1 of them, into bytes */
    uint32_t   frames;           /* in the loop; 0: none */
} stn_hold_t;


/*
 * Makes the comfort loop for f: AAC as stn_encoder_open_like() allows (where
 * no encoder can match, f's frame of silence), or Opus at 48 kHz.  A tenth of
 * a second of CPU, two for 5.1 and HE-AAC: never in an event loop.
 * Returns STN_OK, STN_NOMEM, or STN_UNSUPPORTED when there is neither.
 */
int stn_hold_comfort(stn_hold_t *h, const stn_format_t *f);

typedef struct {
    const stn_format_t  *format;     /* what the loop stands in for */
    uint32_t             bitrate;    /* what it is encoded with, bit/s */
    const uint8_t       *data;       /* the file */
    size_t               len;
    volatile int        *stop;       /* ends the work when not 0: read, as by
                                        another thread, every few frames; may
                                        be NULL */
} stn_hold_conf_t;


/*
 * Makes a loop of an audio file: MP3, MP4, WAV, FLAC, Ogg, ADTS and what else
 * stn_hold_source.c lists, whatever its codec, rate and channels (its best
 * audio stream; pictures are passed over).  How loud it is stays as it is.
 * Streams of more than two channels get it from the front speakers, unless it
 * has as many.  A minute of stereo takes about a second of CPU, and some
 * megabytes however long it is, beside the loop: on a thread of its own.
 * libav logs to stderr unless stn_cmaf_quiet() was called.
 *
 * Returns STN_OK; STN_ERROR when stn_hold_check() would refuse the file;
 * STN_UNSUPPORTED when the format cannot be encoded; STN_AGAIN when it was
 * stopped; STN_NOMEM.  *reason (static, "is not an audio file") tells why,
 * but for STN_AGAIN.
 */
int stn_hold_file(stn_hold_t *h, const stn_hold_conf_t *conf,
    const char **reason);

/*
 * Whether stn_hold_file() could use that file: demuxes and decodes it all
 * (up to STN_HOLD_MAX_S) and keeps nothing.  Refused is what is no audio
 * file, is broken (a few bad frames are not), ends long before the length it
 * announces, is shorter than STN_HOLD_MIN_MS, or is digital silence.  A
 * minute takes a tenth of a second of CPU.
 * Returns STN_OK with the used length to *ms, or STN_ERROR or STN_NOMEM with
 * *reason (static, as above).
 */
int stn_hold_check(const uint8_t *data, size_t len, uint32_t *ms,
    const char **reason);

void stn_hold_free(stn_hold_t *h);

/* Frame n (any number) of the endless loop: its bytes, and *len of them. */
const uint8_t *stn_hold_frame(const stn_hold_t *h, uint64_t n, size_t *len);


#endif /* STN_HOLD_H */
