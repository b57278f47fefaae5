/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames of MPEG audio, layers II and III ("MP3"), which tell all there is to
 * know in their own headers: ISO/IEC 11172-3 2.4.1.3 and 2.4.2.3, 13818-3
 * 2.4.2.3 for the lower rates, and the half rates called MPEG 2.5.
 */

#ifndef STN_MPA_H
#define STN_MPA_H

#include "stn_base.h"


#define STN_MPA_HEADER_LEN  4


typedef struct {
    uint32_t  rate;            /* Hz */
    uint16_t  samples;         /* in the frame */
    uint16_t  frame_len;       /* bytes, header included */
    uint8_t   layer;           /* 1..3 */
} stn_mpa_header_t;


/*
 * Reads the header at p, of which len bytes are there.  Returns STN_OK;
 * STN_AGAIN when they may be the beginning of one; STN_ERROR when no frame
 * starts here, or one in the free format, whose length it does not tell.
 */
int stn_mpa_header(stn_mpa_header_t *h, const uint8_t *p, size_t len);


#endif /* STN_MPA_H */
