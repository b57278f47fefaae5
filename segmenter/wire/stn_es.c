/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The splitter (see stn_es.h): one loop for all kinds of streams, and a table
 * of how each tells where a frame ends and what is in it.  Called on the
 * thread that demuxes; what is kept is copied.
 */

#include "wire/stn_es.h"

#include <string.h>

#include "wire/stn_ac3.h"
#include "wire/stn_mpa.h"
#include "wire/stn_opus.h"


/* header tells how long the frame at p is, of which len bytes are there, as
 * stn_adts_header() and its like do; frame starts on a whole one; next hands
 * out its units. */

typedef struct {
    int  (*header)(const uint8_t *p, size_t len, size_t *frame_len);
    int  (*frame)(stn_es_t *es, const uint8_t *p, size_t len);
    int  (*next)(stn_es_t *es, stn_es_unit_t *u);
} stn_es_kind_t;


static int stn_es_find(stn_es_t *es);
static int stn_es_whole(const stn_es_t *es, size_t *frame_len);
static void stn_es_skip(stn_es_t *es);
static int stn_es_begin(stn_es_t *es);
static int stn_es_refuse(stn_es_t *es, int rc);
static int stn_es_take(stn_es_t *es, stn_es_unit_t *u);
static int stn_es_single(stn_es_t *es, stn_es_unit_t *u);
static int stn_es_adts_header(const uint8_t *p, size_t len,
    size_t *frame_len);
static int stn_es_adts_frame(stn_es_t *es, const uint8_t *p, size_t len);
static int stn_es_adts_next(stn_es_t *es, stn_es_unit_t *u);
static int stn_es_loas_frame(stn_es_t *es, const uint8_t *p, size_t len);
static int stn_es_loas_next(stn_es_t *es, stn_es_unit_t *u);
static int stn_es_mpa_header(const uint8_t *p, size_t len,
    size_t *frame_len);
static int stn_es_mpa_frame(stn_es_t *es, const uint8_t *p, size_t len);
static int stn_es_ac3_header(const uint8_t *p, size_t len,
    size_t *frame_len);
static int stn_es_ac3_frame(stn_es_t *es, const uint8_t *p, size_t len);
static int stn_es_opus_header(const uint8_t *p, size_t len,
    size_t *frame_len);
static int stn_es_opus_frame(stn_es_t *es, const uint8_t *p, size_t len);


static const stn_es_kind_t  stn_es_kinds[] = {
    [STN_ES_ADTS] = { stn_es_adts_header, stn_es_adts_frame,
                      stn_es_adts_next },
    [STN_ES_LOAS] = { stn_loas_header, stn_es_loas_frame, stn_es_loas_next },
    [STN_ES_MPA]  = { stn_es_mpa_header, stn_es_mpa_frame, stn_es_single },
    [STN_ES_AC3]  = { stn_es_ac3_header, stn_es_ac3_frame, stn_es_single },
    [STN_ES_OPUS] = { stn_es_opus_header, stn_es_opus_frame, stn_es_single }
};


void
stn_es_init(stn_es_t *es, stn_es_kind_e kind)
{
    memset(es, 0, sizeof(*es));
    es->kind = kind;
    stn_buf_init(&es->buf, STN_ES_MAX);
}


void
stn_es_free(stn_es_t *es)
{
    stn_buf_free(&es->buf);
}


int
stn_es_feed(stn_es_t *es, const uint8_t *data, size_t len)
{
    if (len > STN_ES_PAYLOAD_MAX) {
        return STN_LIMIT;
    }

    stn_buf_drain(&es->buf, es->pos);
    es->pos = 0;
    es->fresh = es->buf.len;
    es->unstamped = 1;
    es->begun = 0;

    return stn_buf_put(&es->buf, data, len);
}


void
stn_es_gap(stn_es_t *es)
{
    if (es->pos < es->buf.len) {
        es->broken++;
    }

    stn_buf_reset(&es->buf);
    es->pos = 0;
    es->frame_len = 0;
    es->resync = 0;
}


int
stn_es_next(stn_es_t *es, stn_es_unit_t *u)
{
    int  rc;

    for ( ;; ) {
        if (es->frame_len == 0) {
            rc = stn_es_find(es);

            if (rc == STN_OK) {
                rc = stn_es_begin(es);
            }

            if (rc != STN_OK) {
                return rc;
            }
        }

        if (es->frame_len && stn_es_take(es, u) == STN_OK) {
            return STN_OK;
        }
    }
}


/* Goes to the next whole frame.  Returns STN_OK with frame_len set, or
 * STN_AGAIN. */

static int
stn_es_find(stn_es_t *es)
{
    int     rc;
    size_t  n;

    while (es->pos < es->buf.len) {
        rc = stn_es_whole(es, &n);

        if (rc == STN_OK) {
            es->frame_len = n;
            es->resync = 0;
            return STN_OK;
        }

        if (rc == STN_AGAIN) {
            return STN_AGAIN;
        }

        stn_es_skip(es);
    }

    return STN_AGAIN;
}


/* Whether a frame is at pos, all of it, and nothing that cannot be behind
 * it. */

static int
stn_es_whole(const stn_es_t *es, size_t *frame_len)
{
    int             rc;
    size_t          left, n;
    const uint8_t  *p;

    p = es->buf.data + es->pos;
    left = es->buf.len - es->pos;

    rc = stn_es_kinds[es->kind].header(p, left, frame_len);
    if (rc != STN_OK) {
        return rc;
    }

    if (*frame_len >= left) {
        return *frame_len > left ? STN_AGAIN : STN_OK;
    }

    rc = stn_es_kinds[es->kind].header(p + *frame_len, left - *frame_len, &n);

    return rc == STN_ERROR ? STN_ERROR : STN_OK;
}


static void
stn_es_skip(stn_es_t *es)
{
    es->broken += !es->resync;
    es->resync = 1;
    es->garbage++;
    es->pos++;
}


static int
stn_es_begin(stn_es_t *es)
{
    int  rc;

    if (!es->begun && es->pos >= es->fresh) {
        es->begun = 1;
        es->skipped = 0;
    }

    rc = stn_es_kinds[es->kind].frame(es, es->buf.data + es->pos,
                                      es->frame_len);
    if (rc == STN_OK) {
        return STN_OK;
    }

    es->broken++;
    es->skipped++;
    es->pos += es->frame_len;
    es->frame_len = 0;

    return stn_es_refuse(es, rc);
}


/* Whether a frame that is not carried makes the stream one that is not. */

static int
stn_es_refuse(stn_es_t *es, int rc)
{
    if (rc != STN_UNSUPPORTED) {
        return STN_OK;
    }

    es->refused++;

    return es->refused < STN_ES_REFUSED_MAX ? STN_OK : STN_UNSUPPORTED;
}


/* The next unit of the frame at pos.  Returns STN_OK, or STN_AGAIN with the
 * frame behind us. */

static int
stn_es_take(stn_es_t *es, stn_es_unit_t *u)
{
    int  rc;

    do {
        u->config = NULL;
        u->config_len = 0;

        rc = stn_es_kinds[es->kind].next(es, u);

    } while (rc == STN_OK && u->len == 0);

    if (rc == STN_OK) {
        u->stamped = es->unstamped && es->begun;
        u->skipped = es->skipped;
        es->unstamped = es->unstamped && !u->stamped;
        es->skipped = 0;
        es->refused = 0;
        return STN_OK;
    }

    es->broken += rc != STN_AGAIN;
    es->pos += es->frame_len;
    es->frame_len = 0;

    return STN_AGAIN;
}


static int
stn_es_single(stn_es_t *es, stn_es_unit_t *u)
{
    if (es->single.len == 0) {
        return STN_AGAIN;
    }

    *u = es->single;
    es->single.len = 0;

    return STN_OK;
}


static int
stn_es_adts_header(const uint8_t *p, size_t len, size_t *frame_len)
{
    int                rc;
    stn_adts_header_t  h;

    rc = stn_adts_header(&h, p, len);
    *frame_len = rc == STN_OK ? h.frame_len : 0;

    return rc;
}


static int
stn_es_adts_frame(stn_es_t *es, const uint8_t *p, size_t len)
{
    int  rc;

    rc = stn_adts_frame(&es->adts, p, len);
    es->reason = es->adts.reason;

    return rc;
}


static int
stn_es_adts_next(stn_es_t *es, stn_es_unit_t *u)
{
    u->codec = STN_CODEC_AAC;
    u->config = es->adts.config;
    u->config_len = es->adts.config_len;
    u->samples = 1024;
    u->rate = es->adts.header.rate;

    return stn_adts_next(&es->adts, &u->data, &u->len);
}


static int
stn_es_loas_frame(stn_es_t *es, const uint8_t *p, size_t len)
{
    int  rc;

    rc = stn_loas_frame(&es->loas, p, len);
    es->reason = es->loas.reason;

    return rc;
}


static int
stn_es_loas_next(stn_es_t *es, stn_es_unit_t *u)
{
    u->codec = STN_CODEC_AAC;
    u->config = es->loas.config;
    u->config_len = es->loas.config_len;
    u->samples = es->loas.samples;
    u->rate = es->loas.rate;

    return stn_loas_next(&es->loas, &u->data, &u->len);
}


static int
stn_es_mpa_header(const uint8_t *p, size_t len, size_t *frame_len)
{
    int               rc;
    stn_mpa_header_t  h;

    rc = stn_mpa_header(&h, p, len);
    *frame_len = rc == STN_OK ? h.frame_len : 0;

    return rc;
}


static int
stn_es_mpa_frame(stn_es_t *es, const uint8_t *p, size_t len)
{
    stn_mpa_header_t  h;

    if (stn_mpa_header(&h, p, len) != STN_OK) {
        return STN_ERROR;
    }

    if (h.layer == 1) {
        es->reason = "MPEG audio layer I is not carried";
        return STN_UNSUPPORTED;
    }

    es->single.data = p;
    es->single.len = len;
    es->single.codec = STN_CODEC_MP3;
    es->single.samples = h.samples;
    es->single.rate = h.rate;

    return STN_OK;
}


static int
stn_es_ac3_header(const uint8_t *p, size_t len, size_t *frame_len)
{
    stn_ac3_header_t  h;

    return stn_ac3_unit(&h, p, len, frame_len);
}


static int
stn_es_ac3_frame(stn_es_t *es, const uint8_t *p, size_t len)
{
    stn_ac3_header_t  h;

    if (stn_ac3_header(&h, p, len) != STN_OK) {
        return STN_ERROR;
    }

    es->single.data = p;
    es->single.len = len;
    es->single.codec = h.enhanced ? STN_CODEC_EAC3 : STN_CODEC_AC3;
    es->single.samples = h.samples;
    es->single.rate = h.rate;

    return STN_OK;
}


static int
stn_es_opus_header(const uint8_t *p, size_t len, size_t *frame_len)
{
    int                 rc;
    stn_opus_control_t  c;

    rc = stn_opus_control(&c, p, len);
    *frame_len = rc == STN_OK ? c.header_len + c.len : 0;

    return rc;
}


static int
stn_es_opus_frame(stn_es_t *es, const uint8_t *p, size_t len)
{
    stn_opus_control_t  c;

    if (stn_opus_control(&c, p, len) != STN_OK) {
        return STN_ERROR;
    }

    es->single.data = p + c.header_len;
    es->single.len = c.len;
    es->single.codec = STN_CODEC_OPUS;
    es->single.samples = stn_opus_samples(es->single.data, c.len);
    es->single.rate = STN_OPUS_RATE;

    return es->single.samples ? STN_OK : STN_ERROR;
}
