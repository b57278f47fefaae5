/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * FLV audio tag bodies, Enhanced RTMP audio headers and onMetaData (see
 * stn_flv.h).  Called by the RTMP session in the event loop; allocates
 * nothing.
 */

#include "wire/stn_flv.h"

#include <string.h>


/* SoundFormat (E.4.2.1). */

#define STN_FLV_MP3          2
#define STN_FLV_EX           9    /* ExAudioTagHeader follows */
#define STN_FLV_AAC          10
#define STN_FLV_MP3_8K       14

/* AACPacketType (E.4.2.2). */

#define STN_FLV_AAC_CONFIG   0
#define STN_FLV_AAC_RAW      1

/* AudioPacketType (Enhanced RTMP v2, "Enhanced Audio"). */

#define STN_FLV_EX_CONFIG      0
#define STN_FLV_EX_FRAMES      1
#define STN_FLV_EX_MULTITRACK  5
#define STN_FLV_EX_MODEX       7

/* AvMultitrackType. */

#define STN_FLV_ONE_TRACK      0
#define STN_FLV_MANY_CODECS    2

#define STN_FLV_FOURCC(a, b, c, d)                                            \
    ((uint32_t) (a) << 24 | (b) << 16 | (c) << 8 | (d))

/* A STREAMINFO block, and the header before it: "last block" in one bit, type
 * 0 in seven, length in 24 (RFC 9639, sections 8.1 and 8.2). */

#define STN_FLV_FLAC_INFO      34
#define STN_FLV_FLAC_TYPE      0x7fffffff

/* The largest number of onMetaData that is believed. */
#define STN_FLV_NUMBER_MAX     4294967295.0


static int stn_flv_fail(stn_flv_audio_t *t, int rc, const char *reason);
static int stn_flv_aac(stn_flv_audio_t *t, stn_cur_t *c);
static int stn_flv_ex(stn_flv_audio_t *t, stn_cur_t *c, unsigned packet,
    unsigned track);
static unsigned stn_flv_modex(stn_cur_t *c, unsigned packet);
static int stn_flv_tracks(stn_flv_audio_t *t, stn_cur_t *c, unsigned multi,
    unsigned packet, unsigned track);
static int stn_flv_payload(stn_flv_audio_t *t, stn_cur_t *c, unsigned packet,
    uint32_t fourcc);
static void stn_flv_config(stn_flv_audio_t *t, stn_cur_t *c);
static void stn_flv_streaminfo(stn_flv_audio_t *t);
static void stn_flv_take(stn_flv_audio_t *t, stn_cur_t *c,
    stn_flv_kind_e kind);
static uint32_t stn_flv_number(double d);


static const char  *stn_flv_formats[] = {
    "PCM audio is not carried",
    "ADPCM audio is not carried",
    NULL,                                          /* STN_FLV_MP3 */
    "PCM audio is not carried",
    "Nellymoser audio is not carried",
    "Nellymoser audio is not carried",
    "Nellymoser audio is not carried",
    "G.711 A-law audio is not carried",
    "G.711 mu-law audio is not carried",
    NULL,                                          /* STN_FLV_EX */
    NULL,                                          /* STN_FLV_AAC */
    "Speex audio is not carried",
    "unknown audio format 12",
    "unknown audio format 13",
    NULL,                                          /* STN_FLV_MP3_8K */
    "device-specific audio is not carried"
};

/* AudioFourCc. */

static const struct {
    uint32_t     fourcc;
    stn_codec_e  codec;
} stn_flv_fourccs[] = {
    { STN_FLV_FOURCC('m', 'p', '4', 'a'), STN_CODEC_AAC },
    { STN_FLV_FOURCC('O', 'p', 'u', 's'), STN_CODEC_OPUS },
    { STN_FLV_FOURCC('f', 'L', 'a', 'C'), STN_CODEC_FLAC },
    { STN_FLV_FOURCC('.', 'm', 'p', '3'), STN_CODEC_MP3 },
    { STN_FLV_FOURCC('a', 'c', '-', '3'), STN_CODEC_AC3 },
    { STN_FLV_FOURCC('e', 'c', '-', '3'), STN_CODEC_EAC3 }
};


int
stn_flv_audio(stn_flv_audio_t *t, const uint8_t *body, size_t len,
    unsigned track)
{
    int        rc;
    unsigned   first, format;
    stn_cur_t  c;

    memset(t, 0, sizeof(*t));

    if (len == 0) {
        return STN_OK;
    }

    stn_cur_init(&c, body, len);

    first = stn_cur_u8(&c);
    format = first >> 4;

    if (format != STN_FLV_EX && track != 0) {
        return STN_OK;
    }

    switch (format) {

    case STN_FLV_AAC:
        rc = stn_flv_aac(t, &c);
        break;

    case STN_FLV_EX:
        rc = stn_flv_ex(t, &c, first & 0xf, track);
        break;

    case STN_FLV_MP3:
    case STN_FLV_MP3_8K:
        t->codec = STN_CODEC_MP3;
        stn_flv_take(t, &c, STN_FLV_FRAME);
        rc = STN_OK;
        break;

    default:
        return stn_flv_fail(t, STN_UNSUPPORTED, stn_flv_formats[format]);
    }

    if (c.failed) {
        return stn_flv_fail(t, STN_ERROR, "audio message cut short");
    }

    return rc;
}


static int
stn_flv_fail(stn_flv_audio_t *t, int rc, const char *reason)
{
    t->kind = STN_FLV_NONE;
    t->reason = reason;

    return rc;
}


static int
stn_flv_aac(stn_flv_audio_t *t, stn_cur_t *c)
{
    /* a tag of one byte is how some encoders end */

    if (stn_cur_left(c) == 0) {
        return STN_OK;
    }

    switch (stn_cur_u8(c)) {

    case STN_FLV_AAC_CONFIG:
        stn_flv_take(t, c, STN_FLV_CONFIG);
        break;

    case STN_FLV_AAC_RAW:
        stn_flv_take(t, c, STN_FLV_FRAME);
    }

    return STN_OK;
}


/*
 * The header of the format that Enhanced RTMP calls ExHeader:
 *
 *     packet type, 4 bits        (in the first byte, read already)
 *     [ModEx data and the packet type it modifies] ...
 *     [multitrack type, 4 bits; packet type, 4 bits]
 *     FourCC
 */

static int
stn_flv_ex(stn_flv_audio_t *t, stn_cur_t *c, unsigned packet, unsigned track)
{
    unsigned  b;

    packet = stn_flv_modex(c, packet);

    if (packet == STN_FLV_EX_MULTITRACK) {
        b = stn_cur_u8(c);
        return stn_flv_tracks(t, c, b >> 4, b & 0xf, track);
    }

    if (track != 0
        || (packet != STN_FLV_EX_CONFIG && packet != STN_FLV_EX_FRAMES))
    {
        return STN_OK;
    }

    return stn_flv_payload(t, c, packet, stn_cur_be32(c));
}


/* Steps over modifiers (nanoseconds, so far); returns what they modify. */

static unsigned
stn_flv_modex(stn_cur_t *c, unsigned packet)
{
    size_t  n;

    while (packet == STN_FLV_EX_MODEX && !c->failed) {
        n = (size_t) stn_cur_u8(c) + 1;

        if (n == 256) {
            n = (size_t) stn_cur_be16(c) + 1;
        }

        (void) stn_cur_bytes(c, n);
        packet = stn_cur_u8(c) & 0xf;
    }

    return packet;
}


/*
 * [FourCC of all, but for many codecs]
 * { [FourCC, if many codecs] track id [size in 24 bits, but for one track]
 *   payload } ...
 */

static int
stn_flv_tracks(stn_flv_audio_t *t, stn_cur_t *c, unsigned multi,
    unsigned packet, unsigned track)
{
    size_t          size;
    uint8_t         id;
    uint32_t        fourcc;
    stn_cur_t       payload;
    const uint8_t  *p;

    if (multi > STN_FLV_MANY_CODECS
        || (packet != STN_FLV_EX_CONFIG && packet != STN_FLV_EX_FRAMES))
    {
        return STN_OK;
    }

    fourcc = multi == STN_FLV_MANY_CODECS ? 0 : stn_cur_be32(c);

    while (stn_cur_left(c)) {
        if (multi == STN_FLV_MANY_CODECS) {
            fourcc = stn_cur_be32(c);
        }

        id = stn_cur_u8(c);
        size = multi == STN_FLV_ONE_TRACK ? stn_cur_left(c) : stn_cur_be24(c);

        p = stn_cur_bytes(c, size);
        if (p == NULL) {
            break;
        }

        if (id == track) {
            stn_cur_init(&payload, p, size);
            return stn_flv_payload(t, &payload, packet, fourcc);
        }
    }

    return STN_OK;
}


static int
stn_flv_payload(stn_flv_audio_t *t, stn_cur_t *c, unsigned packet,
    uint32_t fourcc)
{
    size_t  i;

    if (c->failed) {
        return STN_OK;
    }

    for (i = 0; i < stn_nelems(stn_flv_fourccs); i++) {
        if (stn_flv_fourccs[i].fourcc == fourcc) {
            break;
        }
    }

    if (i == stn_nelems(stn_flv_fourccs)) {
        return stn_flv_fail(t, STN_UNSUPPORTED, "unknown audio FourCC");
    }

    t->codec = stn_flv_fourccs[i].codec;

    if (packet == STN_FLV_EX_CONFIG) {
        stn_flv_config(t, c);
    } else {
        stn_flv_take(t, c, STN_FLV_FRAME);
    }

    return STN_OK;
}


/* The codecs that tell all in every frame are announced by an empty one, if
 * at all; an empty one of Opus means mono or stereo, whichever comes. */

static void
stn_flv_config(stn_flv_audio_t *t, stn_cur_t *c)
{
    switch (t->codec) {

    case STN_CODEC_AAC:
        stn_flv_take(t, c, STN_FLV_CONFIG);
        break;

    case STN_CODEC_OPUS:
        stn_flv_take(t, c, STN_FLV_CONFIG);
        t->kind = STN_FLV_CONFIG;
        break;

    case STN_CODEC_FLAC:
        stn_flv_take(t, c, STN_FLV_CONFIG);
        stn_flv_streaminfo(t);
        break;

    default:
        break;
    }
}


/*
 * The specification has "fLaC" and a metadata block; ffmpeg sends what is in
 * the block.  No STREAMINFO can be taken for a header: the largest block size
 * that it would tell, 34, would be less than the smallest, 32768, or that be
 * 0.  What is too short stays as it came.
 *
 *     ["fLaC"] [header 4] STREAMINFO 34 [further blocks]
 */

static void
stn_flv_streaminfo(stn_flv_audio_t *t)
{
    stn_cur_t  c, next;

    stn_cur_init(&c, t->data, t->len);

    next = c;

    if (stn_cur_be32(&next) == STN_FLV_FOURCC('f', 'L', 'a', 'C')) {
        c = next;
    }

    next = c;

    if ((stn_cur_be32(&next) & STN_FLV_FLAC_TYPE) == STN_FLV_FLAC_INFO) {
        c = next;
    }

    if (stn_cur_left(&c) >= STN_FLV_FLAC_INFO) {
        t->data = stn_cur_bytes(&c, STN_FLV_FLAC_INFO);
        t->len = STN_FLV_FLAC_INFO;
    }
}


static void
stn_flv_take(stn_flv_audio_t *t, stn_cur_t *c, stn_flv_kind_e kind)
{
    t->len = stn_cur_left(c);

    if (t->len) {
        t->kind = kind;
        t->data = stn_cur_bytes(c, t->len);
    }
}


void
stn_flv_fourcc(stn_codec_e codec, char name[STN_FLV_FOURCC_LEN + 1])
{
    size_t      i;
    stn_bitw_t  w;

    stn_bitw_init(&w, name, STN_FLV_FOURCC_LEN + 1);

    for (i = 0; i < stn_nelems(stn_flv_fourccs); i++) {
        if (stn_flv_fourccs[i].codec == codec) {
            stn_bitw_put(&w, stn_flv_fourccs[i].fourcc, 32);
        }
    }
}


void
stn_flv_meta(stn_flv_meta_t *meta, stn_amf_t *a)
{
    double  bit_rate = 0, codec = 0, rate = 0;

    const stn_amf_field_t  fields[] = {
        { "encoder", &meta->encoder, NULL },
        { "audiodatarate", NULL, &bit_rate },      /* kbit/s */
        { "audiocodecid", NULL, &codec },
        { "audiosamplerate", NULL, &rate }
    };

    memset(meta, 0, sizeof(*meta));

    (void) stn_amf_fields(a, fields, stn_nelems(fields));

    meta->audio_bit_rate = stn_flv_number(bit_rate * 1000);
    meta->audio_codec = stn_flv_number(codec);
    meta->audio_rate = stn_flv_number(rate);
}


static uint32_t
stn_flv_number(double d)
{
    return d >= 0 && d <= STN_FLV_NUMBER_MAX ? (uint32_t) d : 0;
}
