/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Access units, configs and times of one track (see stn_ts_units.h).  Called
 * by stn_ts, on the thread of one connection.
 */

#include "wire/stn_ts_units.h"

#include <string.h>


/* A PTS has 33 bits, of STN_TS_HZ. */
#define STN_TS_UNITS_WRAP  (64 - 33)


static void stn_ts_units_split(stn_ts_units_t *u, const stn_ts_pes_t *pes);
static stn_es_kind_e stn_ts_units_syntax(const stn_ts_pes_t *pes);
static int stn_ts_units_config(stn_ts_units_t *u);
static int64_t stn_ts_units_clock(stn_ts_units_t *u);
static int64_t stn_ts_units_nearest(int64_t ts, int64_t pts);
static int64_t stn_ts_units_now(const stn_ts_units_t *u);


void
stn_ts_units_init(stn_ts_units_t *u)
{
    memset(u, 0, sizeof(*u));
}


void
stn_ts_units_free(stn_ts_units_t *u)
{
    if (u->splitting) {
        stn_es_free(&u->es);
    }
}


int
stn_ts_units_feed(stn_ts_units_t *u, const stn_ts_pes_t *pes)
{
    int  rc;

    stn_ts_units_split(u, pes);

    u->pts = pes->pts;
    u->opus_len = pes->config_len <= sizeof(u->opus) ? pes->config_len : 0;

    if (u->opus_len) {
        memcpy(u->opus, pes->config, u->opus_len);
    }

    rc = stn_es_feed(&u->es, pes->data, pes->len);

    if (rc != STN_OK) {
        u->reason = rc == STN_NOMEM ? "out of memory" : "PES packet too long";
    }

    return rc;
}


/* Sets the splitter up for what is in the packet, unless it is. */

static void
stn_ts_units_split(stn_ts_units_t *u, const stn_ts_pes_t *pes)
{
    stn_es_kind_e  real;

    real = stn_ts_units_syntax(pes);

    if (u->splitting) {
        if (u->told == pes->kind && (u->proven || u->es.kind == real)) {
            return;
        }

        stn_es_gap(&u->es);
        u->broken += u->es.broken;
        stn_es_free(&u->es);
    }

    stn_es_init(&u->es, real);
    u->told = pes->kind;
    u->splitting = 1;
    u->proven = 0;
}


/* For AAC the bytes know better than the map. */

static stn_es_kind_e
stn_ts_units_syntax(const stn_ts_pes_t *pes)
{
    int                adts, loas;
    size_t             n;
    stn_adts_header_t  h;

    if (pes->kind != STN_ES_ADTS && pes->kind != STN_ES_LOAS) {
        return pes->kind;
    }

    adts = stn_adts_header(&h, pes->data, pes->len);
    loas = stn_loas_header(pes->data, pes->len, &n);

    if (adts == STN_OK && loas == STN_ERROR) {
        return STN_ES_ADTS;
    }

    return loas == STN_OK && adts == STN_ERROR ? STN_ES_LOAS : pes->kind;
}


void
stn_ts_units_gap(stn_ts_units_t *u)
{
    if (u->splitting) {
        stn_es_gap(&u->es);
    }
}


void
stn_ts_units_doubt(stn_ts_units_t *u)
{
    u->proven = 0;
}


int
stn_ts_units_next(stn_ts_units_t *u, stn_ts_event_t *ev)
{
    int  rc;

    if (!u->held) {
        if (!u->splitting) {
            return STN_AGAIN;
        }

        rc = stn_es_next(&u->es, &u->unit);

        if (rc != STN_OK) {
            u->reason = rc < 0 ? u->es.reason : NULL;
            return rc;
        }

        u->proven = 1;
        u->held = 1;
    }

    if (stn_ts_units_config(u)) {
        ev->type = STN_TS_EV_CONFIG;
        ev->config.codec = u->codec;
        ev->config.data = u->config_len ? u->config : NULL;
        ev->config.len = u->config_len;
        return STN_OK;
    }

    u->held = 0;
    u->units++;

    ev->type = STN_TS_EV_AUDIO;
    ev->au.data = u->unit.data;
    ev->au.len = u->unit.len;
    ev->au.ts = stn_ts_units_clock(u);
    ev->au.level = 0;

    return STN_OK;
}


/* Whether the unit has another config than those before it, which is kept. */

static int
stn_ts_units_config(stn_ts_units_t *u)
{
    size_t          len;
    const uint8_t  *config;

    config = u->unit.config;
    len = u->unit.config_len;

    if (u->unit.codec == STN_CODEC_OPUS) {
        config = u->opus;
        len = u->opus_len;
    }

    if (u->configured && u->codec == u->unit.codec && u->config_len == len
        && (len == 0 || memcmp(u->config, config, len) == 0))
    {
        return 0;
    }

    u->configured = 1;
    u->codec = u->unit.codec;
    u->config_len = len;

    if (len) {
        memcpy(u->config, config, len);
    }

    return 1;
}


/* The unit's time; and the clock goes on to its end. */

static int64_t
stn_ts_units_clock(stn_ts_units_t *u)
{
    int64_t               ts;
    const stn_es_unit_t  *unit = &u->unit;

    if (unit->stamped && u->pts != STN_TS_NO_PTS) {
        u->base = u->started
                  ? stn_ts_units_nearest(stn_ts_units_now(u), u->pts) : u->pts;
        u->samples = 0;
        u->started = 1;
    }

    if (u->rate != unit->rate) {
        u->base = stn_ts_units_now(u);
        u->samples = 0;
        u->rate = unit->rate;
    }

    u->samples += (int64_t) unit->skipped * unit->samples;
    ts = stn_ts_units_now(u);
    u->samples += unit->samples;

    return ts;
}


/* The time nearest to ts whose low 33 bits are those of pts. */

static int64_t
stn_ts_units_nearest(int64_t ts, int64_t pts)
{
    int64_t  ahead;

    ahead = (int64_t) (((uint64_t) pts - (uint64_t) ts) << STN_TS_UNITS_WRAP);

    return ts + (ahead >> STN_TS_UNITS_WRAP);
}


static int64_t
stn_ts_units_now(const stn_ts_units_t *u)
{
    return u->rate
           ? u->base + stn_rescale(u->samples, STN_TS_HZ, u->rate) : u->base;
}
