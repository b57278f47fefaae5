/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reads the configs of all codecs that an ingest takes (see
 * stn_wire_format.h); that of AAC is read by stn_aac_format().  Pure
 * functions, called once per configuration.
 */

#include "wire/stn_wire_format.h"
#include "wire/stn_aac_format.h"
#include "stn_buf.h"

#include <string.h>


/* OpusHead (RFC 7845, section 5.1): where its fields are. */

#define STN_OPUS_MAGIC_LEN     8
#define STN_OPUS_VERSION       8
#define STN_OPUS_CHANNELS      9
#define STN_OPUS_FAMILY        18
#define STN_OPUS_HEAD_LEN      19     /* of mapping family 0 */
#define STN_OPUS_STREAMS       19
#define STN_OPUS_COUPLED       20
#define STN_OPUS_TABLE         21     /* a byte for each channel */

#define STN_OPUS_MAJOR         0xf0   /* of the version; must be 0 */
#define STN_OPUS_RATE          48000
#define STN_OPUS_CHANNELS_MAX  8      /* of mapping family 1 */
#define STN_OPUS_SILENT        255    /* a channel that no stream has */

/* STREAMINFO (RFC 9639, section 8.2). */

#define STN_FLAC_INFO_LEN      34
#define STN_FLAC_SIZES         4      /* where the frame sizes are */
#define STN_FLAC_SIZES_LEN     6
#define STN_FLAC_TOTAL         13     /* where the number of samples begins,
                                         in the low four bits */
#define STN_FLAC_BLOCK_MIN     16
#define STN_FLAC_BITS_MIN      4


typedef int (*stn_wire_format_pt)(stn_format_t *f, const uint8_t *config,
    size_t len, const char **reason);


static int stn_wire_opus(stn_format_t *f, const uint8_t *config, size_t len,
    const char **reason);
static int stn_wire_opus_table(const uint8_t *head, size_t len);
static int stn_wire_flac(stn_format_t *f, const uint8_t *config, size_t len,
    const char **reason);
static void stn_wire_keep(stn_format_t *f, const uint8_t *config, size_t len);
static int stn_wire_fail(int rc, const char *why, const char **reason);


static const struct {
    const char          *name;
    const char          *codecs;       /* RFC 6381; the config says AAC's */
    stn_wire_format_pt   read;         /* NULL: there is no config */
} stn_wire_codecs[] = {
    [STN_CODEC_AAC]  = { "AAC", "", stn_aac_format },
    [STN_CODEC_OPUS] = { "Opus", "Opus", stn_wire_opus },
    [STN_CODEC_MP3]  = { "MP3", "mp4a.40.34", NULL },
    [STN_CODEC_AC3]  = { "AC-3", "ac-3", NULL },
    [STN_CODEC_EAC3] = { "E-AC-3", "ec-3", NULL },
    [STN_CODEC_FLAC] = { "FLAC", "fLaC", stn_wire_flac }
};

/* Stereo decodes mono packets, too: each tells which it is. */

static const uint8_t  stn_wire_opus_stereo[STN_OPUS_HEAD_LEN] = {
    'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, 2, 0, 0, 0x80, 0xbb, 0, 0, 0, 0,
    0
};


int
stn_wire_format(stn_format_t *f, stn_codec_e codec, const uint8_t *config,
    size_t len, const char **reason)
{
    int          rc;
    const char  *codecs;

    rc = STN_OK;
    codecs = stn_wire_codecs[codec].codecs;

    memset(f, 0, sizeof(*f));
    memcpy(f->codecs, codecs, strlen(codecs));

    if (stn_wire_codecs[codec].read) {
        rc = stn_wire_codecs[codec].read(f, config, len, reason);
    }

    f->codec = codec;

    return rc;
}


const char *
stn_wire_codec(stn_codec_e codec)
{
    return stn_wire_codecs[codec].name;
}


/*
 *     "OpusHead" | version 1 | channels 1 | pre-skip 2 | input rate 4 | gain 2
 *     | family 1 | of family 1: streams 1 | coupled 1 | a byte a channel
 *
 * Pre-skip and gain are the decoder's to read; the input rate says nothing:
 * Opus always decodes to 48 kHz.
 */

static int
stn_wire_opus(stn_format_t *f, const uint8_t *config, size_t len,
    const char **reason)
{
    int             rc;
    uint8_t         channels, family;
    const uint8_t  *head;

    head = len ? config : stn_wire_opus_stereo;
    len = len ? len : STN_OPUS_HEAD_LEN;

    if (len < STN_OPUS_HEAD_LEN
        || memcmp(head, stn_wire_opus_stereo, STN_OPUS_MAGIC_LEN) != 0)
    {
        return stn_wire_fail(STN_ERROR, "Opus config is no OpusHead", reason);
    }

    if (head[STN_OPUS_VERSION] & STN_OPUS_MAJOR) {
        return stn_wire_fail(STN_UNSUPPORTED, "unknown version of OpusHead",
                             reason);
    }

    channels = head[STN_OPUS_CHANNELS];
    family = head[STN_OPUS_FAMILY];

    if (family == 0) {
        rc = channels == 1 || channels == 2 ? STN_OK : STN_ERROR;
        len = STN_OPUS_HEAD_LEN;

    } else if (family == 1) {
        rc = stn_wire_opus_table(head, len);
        len = STN_OPUS_TABLE + channels;

    } else {
        return stn_wire_fail(STN_UNSUPPORTED,
                             "unknown channel mapping of Opus", reason);
    }

    if (rc != STN_OK) {
        return stn_wire_fail(rc, "broken channel mapping of Opus", reason);
    }

    stn_wire_keep(f, head, len);
    f->rate = STN_OPUS_RATE;
    f->channels = channels;

    return STN_OK;
}


/* Each channel is one that a stream decodes to: two each of the coupled ones,
 * then one each of the others; or silence (RFC 7845, section 5.1.1). */

static int
stn_wire_opus_table(const uint8_t *head, size_t len)
{
    unsigned  i, channels, streams, coupled;

    channels = head[STN_OPUS_CHANNELS];

    if (channels == 0 || channels > STN_OPUS_CHANNELS_MAX
        || len < STN_OPUS_TABLE + channels)
    {
        return STN_ERROR;
    }

    streams = head[STN_OPUS_STREAMS];
    coupled = head[STN_OPUS_COUPLED];

    if (streams == 0 || coupled > streams || streams + coupled > 255) {
        return STN_ERROR;
    }

    for (i = 0; i < channels; i++) {
        if (head[STN_OPUS_TABLE + i] >= streams + coupled
            && head[STN_OPUS_TABLE + i] != STN_OPUS_SILENT)
        {
            return STN_ERROR;
        }
    }

    return STN_OK;
}


/*
 *     block sizes 16 + 16 | frame sizes 24 + 24 | rate 20 | channels - 1 3
 *     | bits a sample - 1 5 | samples in all 36 | MD5 128
 *
 * Encoders announce it again at their end with frame sizes, samples and MD5
 * filled in; that is no other audio, so these become what they were: not
 * known.
 */

static int
stn_wire_flac(stn_format_t *f, const uint8_t *config, size_t len,
    const char **reason)
{
    uint32_t    min, max, rate, channels, bits;
    stn_bits_t  b;

    if (len != STN_FLAC_INFO_LEN) {
        return stn_wire_fail(STN_ERROR, "FLAC config is no STREAMINFO",
                             reason);
    }

    stn_bits_init(&b, config, len);

    min = stn_bits_get(&b, 16);
    max = stn_bits_get(&b, 16);
    (void) stn_bits_get(&b, 24);
    (void) stn_bits_get(&b, 24);
    rate = stn_bits_get(&b, 20);
    channels = stn_bits_get(&b, 3) + 1;
    bits = stn_bits_get(&b, 5) + 1;

    if (min < STN_FLAC_BLOCK_MIN || max < min || rate == 0
        || bits < STN_FLAC_BITS_MIN)
    {
        return stn_wire_fail(STN_ERROR, "impossible STREAMINFO of FLAC",
                             reason);
    }

    stn_wire_keep(f, config, len);
    memset(f->config + STN_FLAC_SIZES, 0, STN_FLAC_SIZES_LEN);
    f->config[STN_FLAC_TOTAL] &= 0xf0;
    memset(f->config + STN_FLAC_TOTAL + 1, 0, len - STN_FLAC_TOTAL - 1);

    f->rate = rate;
    f->frame = min == max ? max : 0;
    f->channels = (uint8_t) channels;

    return STN_OK;
}


static void
stn_wire_keep(stn_format_t *f, const uint8_t *config, size_t len)
{
    memcpy(f->config, config, len);
    f->config_len = len;
}


static int
stn_wire_fail(int rc, const char *why, const char **reason)
{
    *reason = why;

    return rc;
}
