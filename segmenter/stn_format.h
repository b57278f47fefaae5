/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A coded format: what the decoder must know of a broadcaster's audio, and the
 * packager, the hold audio and the playlist of what listeners get.  Only AAC
 * can be passed through; the others are accepted where a ladder is encoded.
 * wire/stn_wire_format makes one from what a broadcaster announces.
 */

#ifndef STN_FORMAT_H
#define STN_FORMAT_H

#include "stn_base.h"


#define STN_FORMAT_CONFIG_MAX  64
#define STN_FORMAT_FILLER_MAX  64
#define STN_FORMAT_CODECS_MAX  16


typedef enum {
    STN_CODEC_AAC = 0,
    STN_CODEC_OPUS,
    STN_CODEC_MP3,
    STN_CODEC_AC3,
    STN_CODEC_EAC3,
    STN_CODEC_FLAC
} stn_codec_e;


/* config is what its decoder is set up with: an AudioSpecificConfig (AAC), an
 * OpusHead (RFC 7845 section 5.1), a STREAMINFO block (FLAC), or nothing (the
 * others tell in every frame; rate, channels and frame may then be 0). */

typedef struct {
    stn_codec_e  codec;
    uint8_t      config[STN_FORMAT_CONFIG_MAX];
    size_t       config_len;
    uint8_t      filler[STN_FORMAT_FILLER_MAX];
    size_t       filler_len;               /* a silent frame; 0: none known */
    char         codecs[STN_FORMAT_CODECS_MAX];    /* RFC 6381 */
    uint32_t     rate;                     /* Hz, of the output */
    uint32_t     core_rate;                /* Hz, of the AAC core under SBR */
    uint32_t     frame;                    /* output samples per frame */
    uint32_t     core_frame;               /* core samples per frame */
    uint8_t      channels;                 /* of the output */
    uint8_t      channel_config;           /* of an AAC core, 1..7; 0: a PCE */
} stn_format_t;


/* Whether frames of a and b can follow each other under one init segment,
 * however their configurations are written.  Returns 1 or 0. */
int stn_format_same(const stn_format_t *a, const stn_format_t *b);

/* A number that is equal for formats that are the same. */
uint32_t stn_format_hash(const stn_format_t *f);


#endif /* STN_FORMAT_H */
