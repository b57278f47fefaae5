/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The splitter of an elementary stream: PES payloads go in, access units come
 * out, each as soon as its last byte is there.  Frames may lie across
 * payloads, and garbage between them.  A frame counts when another begins
 * behind it, or when it ends with its payload.  One thread uses an object; it
 * keeps at most STN_ES_MAX bytes.
 */

#ifndef STN_ES_H
#define STN_ES_H

#include "stn_buf.h"
#include "stn_format.h"
#include "wire/stn_adts.h"
#include "wire/stn_loas.h"


/* The longest payload, and the longest frame before it that was cut. */
#define STN_ES_PAYLOAD_MAX  (224 * 1024)
#define STN_ES_MAX          (STN_ES_PAYLOAD_MAX + 32 * 1024)

/* Frames in a row that are refused before the stream is: one may be garbage
 * that looks like a frame. */
#define STN_ES_REFUSED_MAX  3


typedef enum {
    STN_ES_ADTS = 0,           /* AAC */
    STN_ES_LOAS,               /* AAC in LATM */
    STN_ES_MPA,                /* MPEG audio, layers II and III */
    STN_ES_AC3,                /* AC-3 and E-AC-3 */
    STN_ES_OPUS                /* each packet with its control header */
} stn_es_kind_e;


/* One access unit.  Bytes are good until the next call. */

typedef struct {
    const uint8_t  *data;
    size_t          len;        /* at least 1 */
    stn_codec_e     codec;
    const uint8_t  *config;     /* what stn_wire_format() takes; */
    size_t          config_len; /* 0: there is none (AC-3, MP3, Opus) */
    uint32_t        samples;    /* in it, of the core of AAC */
    uint32_t        rate;       /* Hz, of those */
    unsigned        stamped;    /* boolean: the PTS of the payload fed last is
                                   its own, or that of the first of skipped */
    unsigned        skipped;    /* frames right before it that gave no unit */
} stn_es_unit_t;


typedef struct {
    stn_es_kind_e   kind;
    stn_buf_t       buf;
    size_t          pos;        /* what is read next */
    size_t          frame_len;  /* of the frame being taken apart; 0: none */
    size_t          fresh;      /* where the payload fed last begins */
    unsigned        unstamped;  /* boolean: no unit in it had its PTS so far */
    unsigned        begun;      /* boolean: a frame began in it */
    unsigned        skipped;    /* frames since the last unit, or since then */
    unsigned        resync;     /* boolean: stepping over garbage */
    unsigned        refused;    /* frames in a row */
    stn_es_unit_t   single;     /* the unit of a frame that has one */

    union {
        stn_adts_t  adts;
        stn_loas_t  loas;
    };

    /* counters, for whoever asks */

    uint64_t        broken;     /* frames that gave no unit, and runs of bytes
                                   that were none */
    uint64_t        garbage;    /* bytes of these runs */

    const char     *reason;     /* static; why a call failed */
} stn_es_t;


/* Allocates nothing yet. */
void stn_es_init(stn_es_t *es, stn_es_kind_e kind);

void stn_es_free(stn_es_t *es);

/*
 * Appends the payload of one PES packet, at most STN_ES_PAYLOAD_MAX bytes.
 * Returns STN_OK; STN_LIMIT when longer, or when units of the one before were
 * not taken; STN_NOMEM.
 */
int stn_es_feed(stn_es_t *es, const uint8_t *data, size_t len);

/* Forgets a frame that has not ended: bytes were lost behind it. */
void stn_es_gap(stn_es_t *es);

/*
 * The next access unit.  Returns STN_OK; STN_AGAIN when the rest must come
 * first; STN_UNSUPPORTED, with es->reason, for a stream of frames that are
 * not carried.  What is broken is stepped over and counted.
 */
int stn_es_next(stn_es_t *es, stn_es_unit_t *u);


#endif /* STN_ES_H */
