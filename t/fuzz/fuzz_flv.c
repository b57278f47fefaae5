/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: FLV audio bodies, and the configs of all codecs inside them.
 * The input is one audio message.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/stn_aac.h"
#include "wire/stn_flv.h"
#include "wire/stn_wire_format.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
config(const uint8_t *asc, size_t len)
{
    char       codecs[STN_AAC_CODECS_MAX];
    size_t     n;
    uint8_t    ext, out[STN_AAC_ASC_MAX];
    stn_aac_t  a, b;

    if (stn_aac_parse(&a, asc, len) != STN_OK) {
        check(a.reason != NULL);
        return;
    }

    check(a.rate >= STN_AAC_RATE_MIN && a.rate <= STN_AAC_RATE_MAX);
    check(a.channels >= 1);
    check(a.frame_samples >= 480 && a.frame_samples <= 4096);
    check(stn_aac_codecs(&a, codecs, sizeof(codecs)) == STN_OK);
    check(stn_aac_carried(&a) == STN_OK || a.reason != NULL);
    (void) stn_aac_implicit(&a);

    if (stn_aac_silence(&a, out, sizeof(out), &n) == STN_OK) {
        check(n > 0 && n <= STN_AAC_SILENCE_MAX);
    }

    for (ext = 0; ext < 30; ext++) {
        if (stn_aac_explicit(&a, ext, out, sizeof(out), &n) == STN_OK) {
            check(stn_aac_parse(&b, out, n) == STN_OK);
            check(b.ext_object_type == ext);
            check(b.core_rate == a.core_rate);
            check(b.core_frame == a.core_frame);
            check(b.channel_config == a.channel_config);
        }
    }
}


static void
format(const stn_flv_audio_t *t)
{
    const char    *reason = NULL;
    stn_format_t   f;

    if (stn_wire_format(&f, t->codec, t->data, t->len, &reason) != STN_OK) {
        check(reason != NULL && f.codec == t->codec);
        return;
    }

    check(f.codec == t->codec);
    check(f.rate > 0 && f.channels > 0);
    check(f.config_len > 0 && f.config_len <= sizeof(f.config));
    check(memchr(f.codecs, 0, sizeof(f.codecs)) != NULL);
    check(f.codecs[0] != 0);
    check(stn_format_same(&f, &f));
}


static void
audio(const uint8_t *data, size_t len, unsigned track)
{
    int              rc;
    stn_flv_audio_t  t;

    rc = stn_flv_audio(&t, data, len, track);

    if (rc != STN_OK) {
        check(t.kind == STN_FLV_NONE && t.reason != NULL);
        return;
    }

    if (t.kind != STN_FLV_NONE && t.len > 0) {
        check(t.data >= data && t.data + t.len <= data + len);
    }

    check(t.kind != STN_FLV_FRAME || t.len > 0);

    if (t.kind == STN_FLV_CONFIG) {
        check(t.len > 0 || (t.codec == STN_CODEC_OPUS && t.data == NULL));
        format(&t);

        if (t.codec == STN_CODEC_AAC) {
            config(t.data, t.len);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    audio(data, len, 0);
    audio(data, len, 1);

    return 0;
}
