/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What an RTMP audio message holds: the body of an FLV audio tag (FLV 10.1,
 * annex E.4.2), or the Enhanced RTMP v2 header in its place, with its several
 * tracks.  And what onMetaData says.  Pure functions over the caller's
 * memory.
 */

#ifndef STN_FLV_H
#define STN_FLV_H

#include "stn_format.h"
#include "wire/stn_amf.h"


#define STN_FLV_FOURCC_LEN  4

/* Tracks are numbered from 0 to this. */
#define STN_FLV_TRACK_MAX   255


typedef enum {
    STN_FLV_NONE = 0,          /* nothing for us: another track, or empty */
    STN_FLV_CONFIG,            /* what stn_format_t has as config */
    STN_FLV_FRAME              /* one access unit, at least 1 byte */
} stn_flv_kind_e;


typedef struct {
    stn_flv_kind_e   kind;
    stn_codec_e      codec;    /* unless kind is STN_FLV_NONE */
    const uint8_t   *data;     /* inside the body; NULL when len is 0 */
    size_t           len;      /* of a config of Opus it may be 0 */
    const char      *reason;   /* static; why it failed */
} stn_flv_audio_t;


/* From onMetaData; 0 or empty where it says nothing.  What encoders claim,
 * fit to be shown and not to be relied on. */

typedef struct {
    stn_str_t        encoder;
    uint32_t         audio_bit_rate;     /* bit/s */
    uint32_t         audio_codec;        /* 10: AAC; or a FourCC */
    uint32_t         audio_rate;         /* Hz */
} stn_flv_meta_t;


/*
 * Reads the len bytes of an audio message.  Of several tracks only that of
 * the id given is ours; audio that names no track is track 0.  A config
 * (sequence header) comes for AAC, Opus and FLAC, whose STREAMINFO is given
 * without what is wrapped around it; it is not looked into.  MP3, AC-3 and
 * E-AC-3 have none: theirs are passed over, and so are messages of kinds that
 * are not known.
 *
 * Returns STN_OK with t filled; STN_ERROR when cut short; or STN_UNSUPPORTED
 * for a codec that is not among stn_codec_e.  On failure t->reason says why,
 * naming the codec.
 */
int stn_flv_audio(stn_flv_audio_t *t, const uint8_t *body, size_t len,
    unsigned track);

/* Writes the FourCC of a codec to name, ended by a zero. */
void stn_flv_fourcc(stn_codec_e codec, char name[STN_FLV_FOURCC_LEN + 1]);

/*
 * Reads the properties of onMetaData, a's next value, into meta.  A fault in
 * them is no failure: what was found before it counts.
 */
void stn_flv_meta(stn_flv_meta_t *meta, stn_amf_t *a);


#endif /* STN_FLV_H */
