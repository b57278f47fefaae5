/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Access units to planar floats (see stn_codec.h), with libavcodec's decoders.
 * What comes in is whatever a broadcaster sends: a unit is either decoded to
 * sane samples or refused, and the next one has its chance.  A unit may hold
 * several frames (E-AC-3 always may); they are joined in a buffer of our own,
 * which grows to what units of this stream need and is bounded.
 */

#include "programme/stn_codec.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* A unit of FLAC, eight channels of 65535 samples, is the largest there is. */
#define STN_DECODER_UNIT_MAX  (2 * 1024 * 1024)

/* Samples a channel that one unit may decode to. */
#define STN_DECODER_SAMPLES_MAX  65536

/* No sound is 18 dB over full scale: that is a broken unit. */
#define STN_DECODER_PEAK_MAX  8.0f


struct stn_decoder_s {
    AVCodecContext  *ctx;
    AVFrame         *frame;
    AVPacket        *pkt;
    float           *buffer;      /* STN_PCM_CHANNELS_MAX rows of room */
    size_t           room;        /* samples a row */
    stn_pcm_t        pcm;         /* what is in it */
};


static const AVCodec *stn_decoder_codec(stn_codec_e codec);
static int stn_decoder_setup(stn_decoder_t *d, const stn_format_t *f);
static int stn_decoder_status(int rc);
static int stn_decoder_send(stn_decoder_t *d, const uint8_t *data,
    size_t len);
static int stn_decoder_take(stn_decoder_t *d);
static uint64_t stn_decoder_mask(const AVFrame *frame);
static int stn_decoder_grow(stn_decoder_t *d, size_t n);
static int stn_decoder_convert(stn_decoder_t *d, unsigned ch, float *to);
static int stn_decoder_sane(const stn_decoder_t *d);


stn_decoder_t *
stn_decoder_open(const stn_format_t *f)
{
    stn_decoder_t  *d;
    const AVCodec  *codec;

    codec = stn_decoder_codec(f->codec);
    if (codec == NULL || f->config_len > sizeof(f->config)) {
        return NULL;
    }

    d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }

    d->ctx = avcodec_alloc_context3(codec);
    d->frame = av_frame_alloc();
    d->pkt = av_packet_alloc();

    if (d->ctx == NULL || d->frame == NULL || d->pkt == NULL
        || stn_decoder_setup(d, f) != STN_OK
        || avcodec_open2(d->ctx, codec, NULL) < 0)
    {
        stn_decoder_close(d);
        return NULL;
    }

    return d;
}


void
stn_decoder_close(stn_decoder_t *d)
{
    if (d == NULL) {
        return;
    }

    av_packet_free(&d->pkt);
    av_frame_free(&d->frame);
    avcodec_free_context(&d->ctx);
    free(d->buffer);
    free(d);
}


int
stn_decoder_feed(stn_decoder_t *d, const uint8_t *data, size_t len,
    stn_pcm_t *pcm)
{
    int  rc, bad;

    d->pcm.n = 0;

    bad = stn_decoder_send(d, data, len);
    if (bad == STN_NOMEM) {
        return STN_NOMEM;
    }

    /* until it wants more, or this unit's rest would be taken for the next */

    for ( ;; ) {
        rc = avcodec_receive_frame(d->ctx, d->frame);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
            break;
        }

        rc = rc < 0 ? stn_decoder_status(rc) : stn_decoder_take(d);
        bad = rc != STN_OK ? rc : bad;
    }

    if (bad == STN_NOMEM || (bad != STN_OK && d->pcm.n == 0)) {
        return bad;
    }

    if (d->pcm.n == 0) {
        return STN_AGAIN;
    }

    if (!stn_decoder_sane(d)) {
        return STN_ERROR;
    }

    *pcm = d->pcm;

    return STN_OK;
}


void
stn_decoder_flush(stn_decoder_t *d)
{
    avcodec_flush_buffers(d->ctx);
}


/* libopus before libavcodec's own decoder, whose frames of SILK come late and
 * in odd sizes; for the others the one that all of the world uses. */

static const AVCodec *
stn_decoder_codec(stn_codec_e codec)
{
    const AVCodec  *c;

    switch (codec) {

    case STN_CODEC_AAC:
        return avcodec_find_decoder_by_name("aac");

    case STN_CODEC_OPUS:
        c = avcodec_find_decoder_by_name("libopus");
        return c ? c : avcodec_find_decoder(AV_CODEC_ID_OPUS);

    case STN_CODEC_MP3:
        return avcodec_find_decoder(AV_CODEC_ID_MP3);

    case STN_CODEC_AC3:
        return avcodec_find_decoder(AV_CODEC_ID_AC3);

    case STN_CODEC_EAC3:
        return avcodec_find_decoder(AV_CODEC_ID_EAC3);

    case STN_CODEC_FLAC:
        return avcodec_find_decoder(AV_CODEC_ID_FLAC);
    }

    return NULL;
}


static int
stn_decoder_setup(stn_decoder_t *d, const stn_format_t *f)
{
    AVCodecContext  *ctx = d->ctx;

    ctx->thread_count = 1;
    ctx->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_CRCCHECK;

    /* a stream joined in its middle has no pre-skip left to leave out */

    ctx->flags2 |= AV_CODEC_FLAG2_SKIP_MANUAL;
    ctx->sample_rate = (int) f->rate;

    if (f->channels) {
        av_channel_layout_default(&ctx->ch_layout, f->channels);
    }

    if (f->config_len == 0) {
        return STN_OK;
    }

    ctx->extradata = av_mallocz(f->config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (ctx->extradata == NULL) {
        return STN_NOMEM;
    }

    memcpy(ctx->extradata, f->config, f->config_len);
    ctx->extradata_size = (int) f->config_len;

    return STN_OK;
}


static int
stn_decoder_status(int rc)
{
    if (rc >= 0) {
        return STN_OK;
    }

    return rc == AVERROR(ENOMEM) ? STN_NOMEM : STN_ERROR;
}


/* The unit goes in as a copy, with the padding behind it that libavcodec's
 * bit readers run into. */

static int
stn_decoder_send(stn_decoder_t *d, const uint8_t *data, size_t len)
{
    int  rc;

    /* libavcodec would take an empty packet for the end of the stream */

    if (len == 0 || len > STN_DECODER_UNIT_MAX) {
        return STN_ERROR;
    }

    if (av_new_packet(d->pkt, (int) len) < 0) {
        return STN_NOMEM;
    }

    memcpy(d->pkt->data, data, len);

    rc = avcodec_send_packet(d->ctx, d->pkt);
    av_packet_unref(d->pkt);

    return stn_decoder_status(rc);
}


/* Joins the frame just received to what the unit has given so far. */

static int
stn_decoder_take(stn_decoder_t *d)
{
    size_t           n;
    unsigned         ch;
    stn_pcm_t       *pcm = &d->pcm;
    const AVFrame   *frame = d->frame;

    if (frame->nb_samples <= 0 || frame->sample_rate <= 0
        || frame->ch_layout.nb_channels < 1
        || frame->ch_layout.nb_channels > STN_PCM_CHANNELS_MAX)
    {
        return STN_ERROR;
    }

    if (pcm->n == 0) {
        pcm->channels = (unsigned) frame->ch_layout.nb_channels;
        pcm->rate = (uint32_t) frame->sample_rate;
        pcm->layout = stn_decoder_mask(frame);

    } else if (pcm->channels != (unsigned) frame->ch_layout.nb_channels
               || pcm->rate != (uint32_t) frame->sample_rate)
    {
        return STN_ERROR;
    }

    n = (size_t) frame->nb_samples;

    if (n > STN_DECODER_SAMPLES_MAX - pcm->n) {
        return STN_ERROR;
    }

    if (stn_decoder_grow(d, pcm->n + n) != STN_OK) {
        return STN_NOMEM;
    }

    for (ch = 0; ch < pcm->channels; ch++) {
        if (stn_decoder_convert(d, ch, d->buffer + ch * d->room + pcm->n)
            != STN_OK)
        {
            return STN_ERROR;
        }

        pcm->ch[ch] = d->buffer + ch * d->room;
    }

    pcm->n += n;

    return STN_OK;
}


static uint64_t
stn_decoder_mask(const AVFrame *frame)
{
    return frame->ch_layout.order == AV_CHANNEL_ORDER_NATIVE
           ? frame->ch_layout.u.mask : 0;
}


/* Makes room for n samples a row, and moves the rows there are. */

static int
stn_decoder_grow(stn_decoder_t *d, size_t n)
{
    float     *p;
    unsigned   ch;

    if (n <= d->room) {
        return STN_OK;
    }

    p = malloc(n * STN_PCM_CHANNELS_MAX * sizeof(*p));
    if (p == NULL) {
        return STN_NOMEM;
    }

    for (ch = 0; d->pcm.n && ch < d->pcm.channels; ch++) {
        memcpy(p + ch * n, d->buffer + ch * d->room,
               d->pcm.n * sizeof(*p));
    }

    free(d->buffer);
    d->buffer = p;
    d->room = n;

    return STN_OK;
}


/* Channel ch of the frame just received, whatever its samples are. */

static int
stn_decoder_convert(stn_decoder_t *d, unsigned ch, float *to)
{
    size_t               i, n, at, step;
    const void          *from;
    enum AVSampleFormat  format;

    n = (size_t) d->frame->nb_samples;
    format = (enum AVSampleFormat) d->frame->format;

    if (av_sample_fmt_is_planar(format)) {
        from = d->frame->extended_data[ch];
        at = 0;
        step = 1;

    } else {
        from = d->frame->extended_data[0];
        at = ch;
        step = d->pcm.channels;
    }

    switch (av_get_packed_sample_fmt(format)) {

    case AV_SAMPLE_FMT_FLT:
        for (i = 0; i < n; i++, at += step) {
            to[i] = ((const float *) from)[at];
        }
        return STN_OK;

    case AV_SAMPLE_FMT_S16:
        for (i = 0; i < n; i++, at += step) {
            to[i] = (float) ((const int16_t *) from)[at] / 32768.0f;
        }
        return STN_OK;

    case AV_SAMPLE_FMT_S32:
        for (i = 0; i < n; i++, at += step) {
            to[i] = (float) ((const int32_t *) from)[at] / 2147483648.0f;
        }
        return STN_OK;

    default:
        return STN_ERROR;
    }
}


/* A damaged unit of AAC may decode to anything, not-a-number included; one
 * such sample would stay in a filter or a loudness for ever. */

static int
stn_decoder_sane(const stn_decoder_t *d)
{
    size_t    i;
    unsigned  ch;

    for (ch = 0; ch < d->pcm.channels; ch++) {
        for (i = 0; i < d->pcm.n; i++) {
            if (!(fabsf(d->pcm.ch[ch][i]) <= STN_DECODER_PEAK_MAX)) {
                return 0;
            }
        }
    }

    return 1;
}
