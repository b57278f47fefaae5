/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the PES packets of one audio track to access units with their times,
 * and to the configs that come before them: what stn_ts hands out, without
 * libavformat.  One thread uses an object; its memory is that of stn_es.
 */

#ifndef STN_TS_UNITS_H
#define STN_TS_UNITS_H

#include "wire/stn_es.h"
#include "wire/stn_ts.h"


/* No PTS in a PES packet. */
#define STN_TS_NO_PTS  INT64_MIN


typedef struct {
    stn_es_kind_e   kind;          /* as the program map says it */
    const uint8_t  *data;          /* payload */
    size_t          len;
    int64_t         pts;           /* 33 bits, or STN_TS_NO_PTS */
    const uint8_t  *config;        /* of Opus, from its descriptor */
    size_t          config_len;
} stn_ts_pes_t;


typedef struct {
    stn_es_t        es;
    unsigned        splitting;     /* boolean: es is in use */
    unsigned        proven;        /* boolean: units came out of it */
    stn_es_kind_e   told;          /* what the map says that it is */
    uint8_t         opus[STN_FORMAT_CONFIG_MAX];
    size_t          opus_len;

    int64_t         pts;           /* of the payload in es */
    int64_t         base;          /* ts from which samples count */
    int64_t         samples;
    uint32_t        rate;          /* Hz, of samples */
    unsigned        started;       /* boolean: base means something */

    stn_es_unit_t   unit;          /* comes next, behind its config; */
    unsigned        held;          /* boolean: there is one */

    unsigned        configured;    /* boolean: a config was handed out: */
    stn_codec_e     codec;
    uint8_t         config[STN_FORMAT_CONFIG_MAX];
    size_t          config_len;

    uint64_t        units;         /* handed out */
    uint64_t        broken;        /* as in stn_es_t, of all there were */
    const char     *reason;        /* static; why a call failed */
} stn_ts_units_t;


/* Allocates nothing yet. */
void stn_ts_units_init(stn_ts_units_t *u);

void stn_ts_units_free(stn_ts_units_t *u);

/*
 * Takes a PES packet, whose bytes are copied, when all units of the one before
 * were taken.  Returns STN_OK; STN_LIMIT when too long; STN_NOMEM.
 */
int stn_ts_units_feed(stn_ts_units_t *u, const stn_ts_pes_t *pes);

/* Bytes are missing between the packet fed last and the next one. */
void stn_ts_units_gap(stn_ts_units_t *u);

/* The next packet may be of another kind than the map said so far. */
void stn_ts_units_doubt(stn_ts_units_t *u);

/* The next event, CONFIG or AUDIO, as stn_ts_next() gives them.  Returns
 * STN_OK; STN_AGAIN when another packet must come first; STN_UNSUPPORTED for
 * audio that is not carried. */
int stn_ts_units_next(stn_ts_units_t *u, stn_ts_event_t *ev);


#endif /* STN_TS_UNITS_H */
