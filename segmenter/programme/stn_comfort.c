/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Makes the comfort loop (see stn_comfort.h).  Every tone in it has a whole
 * number of cycles in the loop, so the sound is periodic; it is encoded over
 * and over, and the frames of a later round are kept, when the encoder has
 * settled.  The last frame then overlaps with the first as any two do, and
 * the seam is not heard.  Runs on a live thread; the caller owns the loop.
 */

#include "programme/stn_comfort.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Rounds fed to the encoder before the one that is kept: its look-ahead and
 * its rate control have settled by then. */
#define STN_COMFORT_ROUNDS  1

#define STN_COMFORT_BITRATE  24000    /* per channel */

/* Peak of one tone: the sum stays near -42 dBFS RMS, soft but never silent. */
#define STN_COMFORT_LEVEL  0.006


typedef struct {
    AVCodecContext  *ctx;
    AVFrame         *frame;
    AVPacket        *pkt;
    float           *tone;        /* one round, one channel */
    unsigned         fed;         /* frames given to the encoder */
    unsigned         got;         /* packets taken from it */
    size_t           size;        /* bytes allocated for the loop */
} stn_comfort_encoder_t;


static int stn_comfort_silence(stn_comfort_t *c, const stn_format_t *f);
static int stn_comfort_open(stn_comfort_encoder_t *e, const stn_format_t *f);
static int stn_comfort_layout(AVCodecContext *ctx, unsigned channel_config);
static unsigned stn_comfort_configured(const AVCodecContext *ctx);
static int stn_comfort_tones(stn_comfort_encoder_t *e, unsigned rate);
static int stn_comfort_encode(stn_comfort_t *c, stn_comfort_encoder_t *e);
static int stn_comfort_send(stn_comfort_encoder_t *e);
static int stn_comfort_keep(stn_comfort_t *c, stn_comfort_encoder_t *e);
static void stn_comfort_close(stn_comfort_encoder_t *e);


/* An open chord on A: note and how often it swells in a loop. */

static const struct {
    double    hz;
    unsigned  swells;
} stn_comfort_chord[] = {
    { 110.0, 1 }, { 164.8, 2 }, { 220.0, 1 }, { 277.2, 3 }, { 329.6, 2 },
};


int
stn_comfort_init(stn_comfort_t *c, const stn_format_t *f)
{
    int                    rc;
    stn_comfort_encoder_t  e;

    memset(c, 0, sizeof(*c));
    memset(&e, 0, sizeof(e));

    rc = stn_comfort_open(&e, f);

    if (rc == STN_OK) {
        rc = stn_comfort_encode(c, &e);
    }

    stn_comfort_close(&e);

    if (rc != STN_OK) {
        stn_comfort_free(c);
    }

    return (rc == STN_UNSUPPORTED) ? stn_comfort_silence(c, f) : rc;
}


void
stn_comfort_free(stn_comfort_t *c)
{
    free(c->bytes);
    memset(c, 0, sizeof(*c));
}


const uint8_t *
stn_comfort_frame(const stn_comfort_t *c, uint64_t n, size_t *len)
{
    n %= c->frames;
    *len = c->offset[n + 1] - c->offset[n];

    return c->bytes + c->offset[n];
}


static int
stn_comfort_silence(stn_comfort_t *c, const stn_format_t *f)
{
    if (f->filler_len == 0) {
        return STN_UNSUPPORTED;
    }

    c->bytes = malloc(f->filler_len);
    if (c->bytes == NULL) {
        return STN_NOMEM;
    }

    memcpy(c->bytes, f->filler, f->filler_len);
    c->offset[1] = f->filler_len;
    c->frames = 1;

    return STN_OK;
}


static int
stn_comfort_open(stn_comfort_encoder_t *e, const stn_format_t *f)
{
    const AVCodec  *codec;

    codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
    if (codec == NULL || f->core_frame != 1024) {
        return STN_UNSUPPORTED;
    }

    e->ctx = avcodec_alloc_context3(codec);
    if (e->ctx == NULL) {
        return STN_NOMEM;
    }

    if (stn_comfort_layout(e->ctx, f->channel_config) != STN_OK) {
        return STN_UNSUPPORTED;
    }

    e->ctx->sample_rate = (int) f->core_rate;
    e->ctx->sample_fmt = AV_SAMPLE_FMT_FLTP;
    e->ctx->bit_rate = (int64_t) STN_COMFORT_BITRATE
                       * e->ctx->ch_layout.nb_channels;
    e->ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    e->ctx->thread_count = 1;

    av_opt_set(e->ctx->priv_data, "aac_coder", "fast", 0);

    if (avcodec_open2(e->ctx, codec, NULL) < 0
        || stn_comfort_configured(e->ctx) != f->channel_config)
    {
        return STN_UNSUPPORTED;
    }

    e->frame = av_frame_alloc();
    e->pkt = av_packet_alloc();
    if (e->frame == NULL || e->pkt == NULL) {
        return STN_NOMEM;
    }

    e->frame->nb_samples = (int) f->core_frame;
    e->frame->format = e->ctx->sample_fmt;
    e->frame->sample_rate = e->ctx->sample_rate;

    if (av_channel_layout_copy(&e->frame->ch_layout, &e->ctx->ch_layout) < 0
        || av_frame_get_buffer(e->frame, 0) < 0)
    {
        return STN_NOMEM;
    }

    return stn_comfort_tones(e, f->core_rate);
}


/* Channel configurations 1..7 (ISO/IEC 14496-3 table 1.19) by the names that
 * libavcodec's encoder has for them: it calls 7, of front speakers, 7.1. */

static int
stn_comfort_layout(AVCodecContext *ctx, unsigned channel_config)
{
    static const AVChannelLayout  layouts[] = {
        AV_CHANNEL_LAYOUT_MONO,
        AV_CHANNEL_LAYOUT_STEREO,
        AV_CHANNEL_LAYOUT_SURROUND,
        AV_CHANNEL_LAYOUT_4POINT0,
        AV_CHANNEL_LAYOUT_5POINT0_BACK,
        AV_CHANNEL_LAYOUT_5POINT1_BACK,
        AV_CHANNEL_LAYOUT_7POINT1,
    };

    if (channel_config < 1 || channel_config > stn_nelems(layouts)) {
        return STN_UNSUPPORTED;
    }

    if (av_channel_layout_copy(&ctx->ch_layout, &layouts[channel_config - 1])
        < 0)
    {
        return STN_NOMEM;
    }

    return STN_OK;
}


/*
 * The channel configuration that the encoder has chosen, from its own
 * AudioSpecificConfig: object type (5 bits), rate index (4), this one (4).  It
 * is 0 where it describes the channels in its own way, which no frame under
 * the stream's configuration can.
 */

static unsigned
stn_comfort_configured(const AVCodecContext *ctx)
{
    return ctx->extradata_size < 2 ? 0 : ctx->extradata[1] >> 3 & 0xf;
}


static int
stn_comfort_tones(stn_comfort_encoder_t *e, unsigned rate)
{
    double    turn, cycles, swell;
    size_t    i, k, n;

    n = (size_t) STN_COMFORT_FRAMES * e->frame->nb_samples;

    e->tone = calloc(n, sizeof(*e->tone));
    if (e->tone == NULL) {
        return STN_NOMEM;
    }

    for (k = 0; k < stn_nelems(stn_comfort_chord); k++) {
        cycles = floor(stn_comfort_chord[k].hz * (double) n / rate + 0.5);

        for (i = 0; i < n; i++) {
            turn = 2 * M_PI * (double) i / (double) n;
            swell = 0.7 + 0.3 * cos(turn * stn_comfort_chord[k].swells
                                    + (double) k);
            e->tone[i] += (float) (STN_COMFORT_LEVEL * swell
                                   * sin(turn * cycles));
        }
    }

    return STN_OK;
}


static int
stn_comfort_encode(stn_comfort_t *c, stn_comfort_encoder_t *e)
{
    int  rc;

    while (c->frames < STN_COMFORT_FRAMES) {
        rc = avcodec_receive_packet(e->ctx, e->pkt);

        if (rc == AVERROR(EAGAIN)) {
            rc = stn_comfort_send(e);

        } else if (rc == 0) {
            rc = stn_comfort_keep(c, e);
            av_packet_unref(e->pkt);

        } else {
            rc = STN_UNSUPPORTED;
        }

        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


static int
stn_comfort_send(stn_comfort_encoder_t *e)
{
    int           ch, lfe;
    size_t        n;
    const float  *from;

    if (av_frame_make_writable(e->frame) < 0) {
        return STN_NOMEM;
    }

    n = (size_t) e->frame->nb_samples;
    from = e->tone + e->fed % STN_COMFORT_FRAMES * n;
    lfe = av_channel_layout_index_from_channel(&e->ctx->ch_layout,
                                               AV_CHAN_LOW_FREQUENCY);

    for (ch = 0; ch < e->ctx->ch_layout.nb_channels; ch++) {
        if (ch == lfe) {
            memset(e->frame->extended_data[ch], 0, n * sizeof(float));
        } else {
            memcpy(e->frame->extended_data[ch], from, n * sizeof(float));
        }
    }

    e->frame->pts = (int64_t) (e->fed * n);
    e->fed++;

    return avcodec_send_frame(e->ctx, e->frame) < 0 ? STN_UNSUPPORTED
                                                    : STN_OK;
}


/*
 * Frame 0 of the loop is always the packet of the same place in its round, so
 * that the frames before the first and after the last are each other's.
 */

static int
stn_comfort_keep(stn_comfort_t *c, stn_comfort_encoder_t *e)
{
    size_t    at, size, len;
    uint8_t  *p;

    if (e->got++ < STN_COMFORT_ROUNDS * STN_COMFORT_FRAMES) {
        return STN_OK;
    }

    at = c->offset[c->frames];
    len = (size_t) e->pkt->size;

    if (at + len > e->size) {
        size = (at + len) * 2;

        p = realloc(c->bytes, size);
        if (p == NULL) {
            return STN_NOMEM;
        }

        c->bytes = p;
        e->size = size;
    }

    memcpy(c->bytes + at, e->pkt->data, len);
    c->frames++;
    c->offset[c->frames] = at + len;

    return STN_OK;
}


static void
stn_comfort_close(stn_comfort_encoder_t *e)
{
    free(e->tone);
    av_packet_free(&e->pkt);
    av_frame_free(&e->frame);
    avcodec_free_context(&e->ctx);
}
