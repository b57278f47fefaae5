/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * LATM in LOAS, the other way in which AAC goes without a container (ISO/IEC
 * 14496-3 1.7): AudioSyncStream frames whose AudioMuxElements carry the
 * AudioSpecificConfig and, at any bit, the access units.  Memory is the
 * object's own and bounded by the frame; nothing is allocated.
 */

#ifndef STN_LOAS_H
#define STN_LOAS_H

#include "stn_buf.h"
#include "wire/stn_aac.h"


/* syncword and audioMuxLengthBytes */
#define STN_LOAS_HEADER_LEN  3

/* Bytes of the longest frame, header included: the length has 13 bits. */
#define STN_LOAS_FRAME_MAX   (STN_LOAS_HEADER_LEN + 8191)


/* What StreamMuxConfig said, and the frame being taken apart.  Starts as
 * zeros. */

typedef struct {
    stn_bits_t   bits;         /* what is left of the frame */
    uint32_t     other_bits;   /* otherDataLenBits */
    uint8_t      configured;   /* boolean: a StreamMuxConfig was understood */
    uint8_t      version;      /* audioMuxVersion */
    uint8_t      sub_frames;   /* access units in each frame, 1..64 */
    uint8_t      left;         /* of them, yet to be handed out */
    uint8_t      config[STN_AAC_ASC_MAX];
    size_t       config_len;
    uint32_t     rate;         /* Hz, of the core */
    uint32_t     samples;      /* of the core, in each access unit */
    uint8_t      unit[STN_LOAS_FRAME_MAX];
    const char  *reason;       /* static; why a frame was refused */
} stn_loas_t;


/*
 * Reads the AudioSyncStream header (1.7.2) at p, of which len bytes are there.
 * Returns STN_OK with the bytes of the frame, header included; STN_AGAIN when
 * they may be the beginning of one; STN_ERROR when no frame starts here.
 */
int stn_loas_header(const uint8_t *p, size_t len, size_t *frame_len);

/*
 * Starts on a whole frame, which must stay where it is while units are taken.
 * Sets config, rate and samples when it has a StreamMuxConfig (1.7.3):
 * audioMuxVersion 0 or 1, one program of one layer, of AAC in frames of any
 * length (frameLengthType 0).
 *
 * Returns STN_OK; STN_ERROR when broken, or before the first StreamMuxConfig;
 * STN_UNSUPPORTED for a StreamMuxConfig of anything else.  On failure
 * l->reason says why, and the StreamMuxConfig is forgotten if this was one.
 */
int stn_loas_frame(stn_loas_t *l, const uint8_t *frame, size_t len);

/*
 * The next access unit of the frame, byte-aligned in l->unit and good until
 * the next call; it may be empty.  Returns STN_OK; STN_AGAIN when that was
 * all; STN_ERROR when it reaches over the end of the frame.
 */
int stn_loas_next(stn_loas_t *l, const uint8_t **data, size_t *len);


#endif /* STN_LOAS_H */
