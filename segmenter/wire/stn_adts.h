/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * ADTS, the frames that AAC comes in where there is no container to describe
 * it (ISO/IEC 14496-3 1.A.3.2, and 13818-7 6.2).  Takes the headers off and
 * turns what they say into the AudioSpecificConfig that the rest of Stentor
 * works by.  Works on the caller's memory; nothing is allocated.
 */

#ifndef STN_ADTS_H
#define STN_ADTS_H

#include "wire/stn_aac.h"


/* Without the check that may follow. */
#define STN_ADTS_HEADER_LEN  7

/* Bytes of the longest frame, header included: the length has 13 bits. */
#define STN_ADTS_FRAME_MAX   8191

/* raw_data_blocks in one frame. */
#define STN_ADTS_BLOCKS_MAX  4


typedef struct {
    uint8_t   object_type;     /* profile + 1 */
    uint8_t   rate_index;
    uint8_t   channel_config;  /* 0: a program_config_element says it */
    uint8_t   checked;         /* boolean: there are CRCs; they are skipped */
    uint8_t   blocks;          /* raw_data_blocks, 1..STN_ADTS_BLOCKS_MAX */
    uint16_t  frame_len;       /* bytes, with this header */
    uint32_t  rate;            /* Hz, of the core */
} stn_adts_header_t;


/* A frame being taken apart.  Starts as zeros. */

typedef struct {
    stn_adts_header_t  header;
    const uint8_t     *blocks[STN_ADTS_BLOCKS_MAX];
    size_t             lens[STN_ADTS_BLOCKS_MAX];
    unsigned           nblocks;
    unsigned           next;       /* which is handed out next */
    uint8_t            config[STN_AAC_ASC_MAX];    /* of this frame */
    size_t             config_len;                 /* 0: not known yet */
    const char        *reason;     /* static; why a frame was refused */
} stn_adts_t;


/*
 * Reads the header at p, of which len bytes are there.  Returns STN_OK;
 * STN_AGAIN when they may be the beginning of one; STN_ERROR when no frame
 * starts here.
 */
int stn_adts_header(stn_adts_header_t *h, const uint8_t *p, size_t len);

/*
 * Takes a whole frame apart: header.frame_len bytes, which must stay where
 * they are while units are taken.  Sets config: with channel configuration 0,
 * from the program_config_element that the first block starts with, else the
 * one read before holds.
 *
 * Returns STN_OK; STN_ERROR when broken, or of channel configuration 0 and no
 * program_config_element came yet; STN_UNSUPPORTED for several blocks without
 * a CRC, because nothing but decoding tells where they part.  On failure
 * a->reason says why.
 */
int stn_adts_frame(stn_adts_t *a, const uint8_t *frame, size_t len);

/* The next access unit (raw_data_block) of the frame, 1024 samples at
 * header.rate.  Returns STN_OK, or STN_AGAIN when that was all. */
int stn_adts_next(stn_adts_t *a, const uint8_t **data, size_t *len);


#endif /* STN_ADTS_H */
