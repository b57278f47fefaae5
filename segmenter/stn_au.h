/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The access unit: one coded audio frame with its timestamp, the one currency
 * between every ingest (RTMP, SRT, relay) and the programme; and the frame,
 * the currency between the programme and the packager.
 */

#ifndef STN_AU_H
#define STN_AU_H

#include "stn_base.h"


/* Ticks a second of every timestamp on an access unit: MPEG-TS's own unit,
 * and 90 times RTMP's, so neither is rounded. */
#define STN_TS_HZ  90000


typedef struct {
    const uint8_t  *data;      /* owned by whoever hands the unit on */
    size_t          len;       /* bytes */
    int64_t         ts;        /* STN_TS_HZ ticks, unwrapped to 64 bits */
    int64_t         arrived;   /* when it came, microseconds since the Unix
                                  epoch, if whoever hands it on says so */
    int32_t         level;     /* RMS, hundredths of a dB; 0: not measured */
} stn_au_t;


/* A frame of the programme: an access unit that has its place on the clock,
 * or hold audio in its stead. */

typedef struct {
    const uint8_t  *data;      /* valid until its maker is called again */
    size_t          len;       /* bytes */
    int64_t         pos;       /* first sample, since the Unix epoch */
    unsigned        live;      /* boolean: the broadcaster's own */
    unsigned        rendition; /* whose frame it is */
} stn_frame_t;


#endif /* STN_AU_H */
