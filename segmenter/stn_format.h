/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The coded format of a programme: what the packager, the hold audio and the
 * playlist must know of the broadcaster's AAC.  wire/stn_aac_format makes one
 * from an AudioSpecificConfig.
 */

#ifndef STN_FORMAT_H
#define STN_FORMAT_H

#include "stn_base.h"


#define STN_FORMAT_ASC_MAX     64
#define STN_FORMAT_FILLER_MAX  64
#define STN_FORMAT_CODECS_MAX  16


typedef struct {
    uint8_t   asc[STN_FORMAT_ASC_MAX];    /* AudioSpecificConfig */
    size_t    asc_len;
    uint8_t   filler[STN_FORMAT_FILLER_MAX];
    size_t    filler_len;                 /* a silent frame; 0: none known */
    char      codecs[STN_FORMAT_CODECS_MAX];    /* RFC 6381 */
    uint32_t  rate;                       /* Hz, of the output */
    uint32_t  core_rate;                  /* Hz, of the AAC core under SBR */
    uint32_t  frame;                      /* output samples per frame */
    uint32_t  core_frame;                 /* core samples per frame */
    uint8_t   channels;                   /* of the output */
    uint8_t   channel_config;             /* of the core, 1..7; 0: a PCE */
} stn_format_t;


/* Whether frames of a and b can follow each other under one init segment,
 * however their configurations are written.  Returns 1 or 0. */
int stn_format_same(const stn_format_t *a, const stn_format_t *b);

/* A number that is equal for formats that are the same. */
uint32_t stn_format_hash(const stn_format_t *f);


#endif /* STN_FORMAT_H */
