/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Comparing formats (see stn_format.h).  Encoders write one configuration in
 * several ways (OBS adds an extension that says there is none), so it is what
 * they mean that counts, and the bytes only where they alone tell: a
 * program_config_element, and codecs other than AAC.  Pure functions.
 */

#include "stn_format.h"

#include <string.h>


/* FNV-1a, 32 bits. */
#define STN_FORMAT_BASIS  2166136261u
#define STN_FORMAT_PRIME  16777619u


static uint32_t stn_format_mix(uint32_t hash, const void *data, size_t len);


int
stn_format_same(const stn_format_t *a, const stn_format_t *b)
{
    if (a->codec != b->codec
        || strcmp(a->codecs, b->codecs) != 0
        || a->rate != b->rate
        || a->core_rate != b->core_rate
        || a->frame != b->frame
        || a->core_frame != b->core_frame
        || a->channels != b->channels
        || a->channel_config != b->channel_config)
    {
        return 0;
    }

    return (a->codec == STN_CODEC_AAC && a->channel_config != 0)
           || (a->config_len == b->config_len
               && memcmp(a->config, b->config, a->config_len) == 0);
}


uint32_t
stn_format_hash(const stn_format_t *f)
{
    uint32_t  hash, numbers[7];

    numbers[0] = f->rate;
    numbers[1] = f->core_rate;
    numbers[2] = f->frame;
    numbers[3] = f->core_frame;
    numbers[4] = f->channels;
    numbers[5] = f->channel_config;
    numbers[6] = f->codec;

    hash = stn_format_mix(STN_FORMAT_BASIS, numbers, sizeof(numbers));
    hash = stn_format_mix(hash, f->codecs, strlen(f->codecs));

    if (f->codec != STN_CODEC_AAC || f->channel_config == 0) {
        hash = stn_format_mix(hash, f->config, f->config_len);
    }

    return hash;
}


static uint32_t
stn_format_mix(uint32_t hash, const void *data, size_t len)
{
    const uint8_t  *p = data;

    while (len--) {
        hash = (hash ^ *p++) * STN_FORMAT_PRIME;
    }

    return hash;
}
