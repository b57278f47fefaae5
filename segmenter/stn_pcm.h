/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Decoded audio as it goes from hand to hand in the library: planar floats,
 * full scale is 1.0.
 */

#ifndef STN_PCM_H
#define STN_PCM_H

#include "stn_base.h"


#define STN_PCM_CHANNELS_MAX  8


typedef struct {
    const float  *ch[STN_PCM_CHANNELS_MAX];    /* valid until their maker is
                                                  called again */
    unsigned      channels;
    uint32_t      rate;          /* Hz */
    size_t        n;             /* samples a channel */
    uint64_t      layout;        /* libavutil's channel mask; 0: its default
                                    for so many channels */
} stn_pcm_t;


#endif /* STN_PCM_H */
