/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where frames of AC-3 and E-AC-3 begin and end (ETSI TS 102 366, 4.4.1 and
 * annex E.1.2).  An access unit of E-AC-3 is an independent substream's
 * syncframe and all that depend on it or stand beside it.
 */

#ifndef STN_AC3_H
#define STN_AC3_H

#include "stn_base.h"


/* As much of a syncframe as has to be there to tell what it is. */
#define STN_AC3_HEADER_LEN  6


typedef struct {
    uint32_t  rate;            /* Hz */
    uint16_t  samples;         /* in the syncframe */
    uint16_t  frame_len;       /* bytes of the syncframe */
    uint8_t   enhanced;        /* boolean: E-AC-3 */
    uint8_t   first;           /* boolean: an access unit starts with it */
} stn_ac3_header_t;


/*
 * Reads the syncframe header at p, of which len bytes are there.  Returns
 * STN_OK; STN_AGAIN when they may be the beginning of one; STN_ERROR when no
 * syncframe starts here.
 */
int stn_ac3_header(stn_ac3_header_t *h, const uint8_t *p, size_t len);

/*
 * Finds the end of the access unit at p: *unit_len bytes, of which not all
 * need be there when the last syncframe was cut.  A unit ends where the len
 * bytes do: MPEG-TS has units whole in a PES packet.  Returns as
 * stn_ac3_header() does, with the header of its first syncframe.
 */
int stn_ac3_unit(stn_ac3_header_t *h, const uint8_t *p, size_t len,
    size_t *unit_len);


#endif /* STN_AC3_H */
