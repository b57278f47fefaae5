/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Copies what the rest of the pipe needs out of a parsed AudioSpecificConfig
 * (see stn_aac_format.h).  A pure function, called once per configuration.
 */

#include "wire/stn_aac_format.h"
#include "wire/stn_aac.h"

#include <string.h>


int
stn_aac_format(stn_format_t *f, const uint8_t *asc, size_t len,
    const char **reason)
{
    int        rc;
    stn_aac_t  a;

    memset(f, 0, sizeof(*f));

    rc = stn_aac_parse(&a, asc, len);

    if (rc == STN_OK) {
        rc = stn_aac_carried(&a);
    }

    if (rc == STN_OK) {
        rc = stn_aac_codecs(&a, f->codecs, sizeof(f->codecs));
    }

    if (rc != STN_OK) {
        *reason = a.reason;
        return rc;
    }

    memcpy(f->config, asc, len);
    f->config_len = len;
    f->rate = a.rate;
    f->core_rate = a.core_rate;
    f->frame = a.frame_samples;
    f->core_frame = a.core_frame;
    f->channels = a.channels;
    f->channel_config = a.channel_config;

    if (stn_aac_silence(&a, f->filler, sizeof(f->filler), &f->filler_len)
        != STN_OK)
    {
        f->filler_len = 0;
    }

    return STN_OK;
}
