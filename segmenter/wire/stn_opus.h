/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Opus packets (RFC 6716 section 3) and the control header that each has in
 * MPEG-TS ("Opus in MPEG-TS", registered with ISO/IEC 13818-1 as "Opus").
 */

#ifndef STN_OPUS_H
#define STN_OPUS_H

#include "stn_base.h"


#define STN_OPUS_RATE       48000

/* No encoder makes longer ones: 120 ms of eight channels at 1 Mbit/s. */
#define STN_OPUS_PACKET_MAX  16384


typedef struct {
    size_t    header_len;      /* bytes in front of the packet */
    size_t    len;             /* of the packet alone */
} stn_opus_control_t;


/*
 * Reads the control header at p, of which len bytes are there.  What it says
 * of trimming is passed over: a live stream has no end to be trimmed.
 * Returns STN_OK; STN_AGAIN when they may be the beginning of one; STN_ERROR
 * when none starts here.
 */
int stn_opus_control(stn_opus_control_t *c, const uint8_t *p, size_t len);

/* Samples at STN_OPUS_RATE in the packet (RFC 6716 section 3.1); 0 if it is
 * broken, or of more than 120 ms. */
uint32_t stn_opus_samples(const uint8_t *packet, size_t len);


#endif /* STN_OPUS_H */
