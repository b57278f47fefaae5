/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The built-in hold audio: a soft chord, encoded once to the stream's own
 * format, as a loop of frames that may be entered and left at any frame.
 */

#ifndef STN_COMFORT_H
#define STN_COMFORT_H

#include "stn_format.h"


/* Frames in the loop: two seconds at 48 kHz. */
#define STN_COMFORT_FRAMES  96


typedef struct {
    uint8_t  *bytes;                           /* all frames, back to back */
    size_t    offset[STN_COMFORT_FRAMES + 1];
    unsigned  frames;                          /* in the loop */
} stn_comfort_t;


/*
 * Encodes the loop for f with libavcodec's AAC encoder (some tens of
 * milliseconds of CPU: never in an event loop).  Where no encoder can match
 * the format, the loop is f's frame of silence.
 *
 * Returns STN_OK, STN_NOMEM, or STN_UNSUPPORTED when there is neither.
 */
int stn_comfort_init(stn_comfort_t *c, const stn_format_t *f);

void stn_comfort_free(stn_comfort_t *c);

/* Frame n (any number) of the endless loop: its bytes, and *len of them. */
const uint8_t *stn_comfort_frame(const stn_comfort_t *c, uint64_t n,
    size_t *len);


#endif /* STN_COMFORT_H */
