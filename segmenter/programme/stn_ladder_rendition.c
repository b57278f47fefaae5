/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A rendition (see stn_ladder_rendition.h): a resampler, where it is not
 * 48 kHz stereo, and an encoder.  Both say where their samples belong, so what
 * is left to do is to count frames.
 */

#include "programme/stn_ladder_rendition.h"

#include "stn_buf.h"

#include <string.h>


#define STN_LADDER_RENDITION_CHANNELS  2

/* Samples behind a frame's end that an encoder wants: AAC a block that it
 * overlaps with and one to look ahead, Opus what its filters hold. */
#define STN_LADDER_RENDITION_AAC   2048
#define STN_LADDER_RENDITION_OPUS  312

/* What a resampler holds, samples at its slower side. */
#define STN_LADDER_RENDITION_HELD  24


/* Bytes of a loop for windows: some seconds. */
#define STN_LADDER_RENDITION_LOOP  (4 * 1024 * 1024)

/* Frames that are encoded before those of a loop. */
#define STN_LADDER_RENDITION_EARLY  8


static int64_t stn_ladder_rendition_lead(const stn_ladder_rendition_t *r);
static int64_t stn_ladder_rendition_round(const stn_ladder_rendition_t *r,
    const stn_ladder_loop_t *o);
static int stn_ladder_rendition_keep(stn_ladder_rendition_t *r,
    stn_ladder_loop_t *o, stn_buf_t *bytes, stn_buf_t *offsets);


int64_t
stn_ladder_rendition_span(const stn_encoder_conf_t *conf)
{
    int64_t  samples;

    samples = conf->codec == STN_CODEC_OPUS ? 960 : 1024;
    samples *= STN_LADDER_RENDITION_RATE;

    if (conf->rate == 0 || samples % conf->rate != 0) {
        return 0;
    }

    return samples / conf->rate;
}


int
stn_ladder_rendition_init(stn_ladder_rendition_t *r,
    const stn_encoder_conf_t *conf)
{
    stn_encoder_t  *e;

    memset(r, 0, sizeof(*r));

    r->conf = *conf;
    r->frame = stn_ladder_rendition_span(conf);

    if (r->frame == 0 || conf->channels > STN_LADDER_RENDITION_CHANNELS) {
        return STN_UNSUPPORTED;
    }

    e = stn_encoder_open(conf, 0);
    if (e == NULL) {
        return STN_UNSUPPORTED;
    }

    r->format = *stn_encoder_format(e);
    r->lead = stn_ladder_rendition_lead(r);
    stn_encoder_close(e);

    return STN_OK;
}


void
stn_ladder_rendition_free(stn_ladder_rendition_t *r)
{
    stn_encoder_close(r->encoder);
    stn_resampler_close(r->resampler);
    stn_hold_free(&r->loop);
    memset(r, 0, sizeof(*r));
}


static int64_t
stn_ladder_rendition_lead(const stn_ladder_rendition_t *r)
{
    int64_t  lead;

    lead = r->format.frame;
    lead += r->conf.codec == STN_CODEC_OPUS ? STN_LADDER_RENDITION_OPUS
                                            : STN_LADDER_RENDITION_AAC;

    if (r->conf.rate != STN_LADDER_RENDITION_RATE
        || r->conf.channels != STN_LADDER_RENDITION_CHANNELS)
    {
        lead += STN_LADDER_RENDITION_HELD;
    }

    return stn_rescale(lead, STN_LADDER_RENDITION_RATE, r->conf.rate);
}


/*
 * Frame n of the loop is that at n * frame, counted from any place that is a
 * whole number of rounds: so its phase hangs on the clock, too.
 */

int
stn_ladder_rendition_loop(stn_ladder_rendition_t *r, stn_ladder_loop_t *o)
{
    int        rc;
    int64_t    round;
    stn_buf_t  bytes, offsets;

    round = stn_ladder_rendition_round(r, o);

    r->pos = round;

    rc = stn_ladder_rendition_start(r, round - STN_LADDER_RENDITION_EARLY
                                               * r->frame, round);
    if (rc != STN_OK) {
        return rc;
    }

    stn_buf_init(&bytes, STN_LADDER_RENDITION_LOOP);
    stn_buf_init(&offsets, STN_LADDER_RENDITION_LOOP);

    rc = stn_ladder_rendition_keep(r, o, &bytes, &offsets);

    stn_encoder_close(r->encoder);
    r->encoder = NULL;

    if (rc == STN_OK) {
        r->loop.bytes = bytes.data;
        r->loop.offset = (size_t *) (void *) offsets.data;
        r->loop.frames = (uint32_t) (round / r->frame);
        return STN_OK;
    }

    stn_buf_free(&bytes);
    stn_buf_free(&offsets);

    return rc;
}


/* The samples after which both o and the frames repeat. */

static int64_t
stn_ladder_rendition_round(const stn_ladder_rendition_t *r,
    const stn_ladder_loop_t *o)
{
    int64_t  once, round;

    once = (int64_t) o->hold->frames * STN_LADDER_LOOP_FRAME;

    for (round = once; round % r->frame; round += once) { /* void */ }

    return round;
}


static int
stn_ladder_rendition_keep(stn_ladder_rendition_t *r, stn_ladder_loop_t *o,
    stn_buf_t *bytes, stn_buf_t *offsets)
{
    int          rc;
    int64_t      at, end;
    stn_pcm_t    pcm;
    stn_frame_t  f;

    at = r->at - STN_LADDER_RENDITION_EARLY * r->frame;
    end = r->at + stn_ladder_rendition_round(r, o);

    while (r->pos < end) {
        rc = stn_ladder_rendition_next(r, &f);

        if (rc == STN_AGAIN) {
            stn_ladder_loop_render(o, at, STN_LADDER_LOOP_BLOCK, &pcm);
            at += STN_LADDER_LOOP_BLOCK;
            rc = stn_ladder_rendition_feed(r, &pcm);

        } else if (rc == STN_OK) {
            (void) stn_buf_put(offsets, &bytes->len, sizeof(size_t));
            rc = stn_buf_put(bytes, f.data, f.len);
        }

        if (rc != STN_OK) {
            return rc;
        }
    }

    return stn_buf_put(offsets, &bytes->len, sizeof(size_t));
}


int
stn_ladder_rendition_start(stn_ladder_rendition_t *r, int64_t primed,
    int64_t at)
{
    stn_encoder_close(r->encoder);
    stn_resampler_close(r->resampler);
    r->resampler = NULL;

    r->at = at;

    r->encoder = stn_encoder_open(&r->conf,
                                  stn_rescale(primed, r->conf.rate,
                                              STN_LADDER_RENDITION_RATE));
    if (r->encoder == NULL) {
        return STN_NOMEM;
    }

    if (r->conf.rate == STN_LADDER_RENDITION_RATE
        && r->conf.channels == STN_LADDER_RENDITION_CHANNELS)
    {
        return STN_OK;
    }

    r->resampler = stn_resampler_open(r->conf.rate, r->conf.channels);

    return r->resampler ? STN_OK : STN_NOMEM;
}


int
stn_ladder_rendition_feed(stn_ladder_rendition_t *r, const stn_pcm_t *pcm)
{
    int        rc;
    stn_pcm_t  own;

    if (r->resampler == NULL) {
        return stn_encoder_feed(r->encoder, pcm);
    }

    rc = stn_resampler_run(r->resampler, pcm, &own);

    return rc == STN_OK ? stn_encoder_feed(r->encoder, &own) : rc;
}


int
stn_ladder_rendition_next(stn_ladder_rendition_t *r, stn_frame_t *f)
{
    int       rc;
    int64_t   own;

    own = stn_rescale(r->pos, r->conf.rate, STN_LADDER_RENDITION_RATE);

    if (r->pos < r->at) {
        memset(f, 0, sizeof(*f));
        f->data = stn_hold_frame(&r->loop, (uint64_t) (r->pos / r->frame),
                                 &f->len);
        f->pos = own;

    } else {
        do {
            rc = stn_encoder_next(r->encoder, f);
        } while (rc == STN_OK && f->pos < own);

        if (rc != STN_OK) {
            return rc;
        }
    }

    r->pos += r->frame;

    return STN_OK;
}


int64_t
stn_ladder_rendition_wants(const stn_ladder_rendition_t *r)
{
    return r->pos < r->at ? r->pos : r->pos + r->lead;
}
