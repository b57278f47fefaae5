/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Planar floats to frames that know which samples they stand for (see
 * stn_codec.h), with libavcodec's AAC encoder and libopus.  Encoders are late,
 * each by its own measure; silence is put before the first sample, so much
 * that packets begin at whole frames before and after pos:
 *
 *     |  packet 0  |  packet 1  |  packet 2     as a decoder gives them back
 *                               ^ pos: the first sample fed
 *           |<----- padding --->|               what the encoder is late by
 *     |<--->|                                   and the silence
 */

#include "programme/stn_codec.h"

#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Samples a channel that may wait between feed() and next(). */
#define STN_ENCODER_QUEUE  (1024 * 1024)

/* No decoder of ours gives more.  libavcodec refuses a frame with infinity in
 * it, and that frame would be missing. */
#define STN_ENCODER_PEAK_MAX  8.0f


struct stn_encoder_s {
    AVCodecContext  *ctx;
    AVFrame         *frame;      /* as the encoder takes it */
    AVFrame         *planar;     /* as it leaves the queue */
    AVPacket        *pkt;
    AVAudioFifo     *queue;      /* samples that were fed */
    int64_t          pts;        /* of the next frame that is sent */
    int64_t          pos;        /* of the next packet that is received */
    stn_format_t     format;
};


static int stn_encoder_make(stn_encoder_t **e, const stn_encoder_conf_t *conf,
    int64_t pos);
static const AVCodec *stn_encoder_codec(const stn_encoder_conf_t *conf);
static int stn_encoder_setup(stn_encoder_t *e,
    const stn_encoder_conf_t *conf);
static int stn_encoder_layout(AVChannelLayout *layout,
    const stn_encoder_conf_t *conf);
static int stn_encoder_frames(stn_encoder_t *e);
static AVFrame *stn_encoder_frame(const AVCodecContext *ctx,
    enum AVSampleFormat format);
static int stn_encoder_lead(stn_encoder_t *e, int64_t pos);
static int stn_encoder_describe(stn_encoder_t *e, stn_codec_e codec);
static void stn_encoder_describe_aac(stn_format_t *f);
static int stn_encoder_send(stn_encoder_t *e);
static int stn_encoder_fill(stn_encoder_t *e);
static void stn_encoder_copy(float *to, size_t step, const float *from,
    size_t n);


stn_encoder_t *
stn_encoder_open(const stn_encoder_conf_t *conf, int64_t pos)
{
    stn_encoder_t  *e;

    (void) stn_encoder_make(&e, conf, pos);

    return e;
}


stn_encoder_t *
stn_encoder_open_like(const stn_format_t *f, uint32_t bitrate, int64_t pos,
    int *unsupported)
{
    int                 rc;
    stn_encoder_t      *e;
    stn_encoder_conf_t  conf;

    *unsupported = 1;

    if (f->codec != STN_CODEC_AAC || f->core_frame != 1024) {
        return NULL;
    }

    conf.codec = STN_CODEC_AAC;
    conf.rate = f->core_rate;
    conf.channels = f->channel_config == 7 ? 8 : f->channel_config;
    conf.bitrate = bitrate;

    rc = stn_encoder_make(&e, &conf, pos);

    *unsupported = (rc == STN_UNSUPPORTED);

    if (e && e->format.channel_config != f->channel_config) {
        stn_encoder_close(e);
        *unsupported = 1;
        return NULL;
    }

    return e;
}


void
stn_encoder_close(stn_encoder_t *e)
{
    if (e == NULL) {
        return;
    }

    if (e->queue) {
        av_audio_fifo_free(e->queue);
    }

    av_packet_free(&e->pkt);
    av_frame_free(&e->planar);
    av_frame_free(&e->frame);
    avcodec_free_context(&e->ctx);
    free(e);
}


const stn_format_t *
stn_encoder_format(const stn_encoder_t *e)
{
    return &e->format;
}


int
stn_encoder_feed(stn_encoder_t *e, const stn_pcm_t *pcm)
{
    int        waiting;
    unsigned   ch;
    void      *rows[STN_PCM_CHANNELS_MAX];

    if (pcm->n == 0) {
        return STN_OK;
    }

    if (pcm->rate != e->format.rate || pcm->channels != e->format.channels) {
        return STN_ERROR;
    }

    waiting = av_audio_fifo_size(e->queue);

    if (pcm->n > (size_t) (STN_ENCODER_QUEUE - waiting)) {
        return STN_LIMIT;
    }

    for (ch = 0; ch < pcm->channels; ch++) {
        rows[ch] = (void *) pcm->ch[ch];
    }

    return av_audio_fifo_write(e->queue, rows, (int) pcm->n) < 0 ? STN_NOMEM
                                                                 : STN_OK;
}


int
stn_encoder_next(stn_encoder_t *e, stn_frame_t *f)
{
    int  rc;

    av_packet_unref(e->pkt);

    while ((rc = avcodec_receive_packet(e->ctx, e->pkt)) == AVERROR(EAGAIN)) {
        rc = stn_encoder_send(e);
        if (rc != STN_OK) {
            return rc;
        }
    }

    if (rc < 0) {
        return STN_ERROR;
    }

    memset(f, 0, sizeof(*f));
    f->data = e->pkt->data;
    f->len = (size_t) e->pkt->size;
    f->pos = e->pos;

    e->pos += e->format.frame;

    return STN_OK;
}


/* Opens an encoder to *e.  Returns STN_OK, or with *e NULL: STN_NOMEM, or
 * STN_UNSUPPORTED when libavcodec refuses. */

static int
stn_encoder_make(stn_encoder_t **e, const stn_encoder_conf_t *conf,
    int64_t pos)
{
    int  rc;

    *e = calloc(1, sizeof(**e));
    if (*e == NULL) {
        return STN_NOMEM;
    }

    rc = stn_encoder_setup(*e, conf);

    if (rc == STN_OK) {
        rc = stn_encoder_describe(*e, conf->codec);
    }

    if (rc == STN_OK) {
        rc = stn_encoder_frames(*e);
    }

    if (rc == STN_OK) {
        rc = stn_encoder_lead(*e, pos);
    }

    if (rc != STN_OK) {
        stn_encoder_close(*e);
        *e = NULL;
    }

    return rc;
}


static const AVCodec *
stn_encoder_codec(const stn_encoder_conf_t *conf)
{
    switch (conf->codec) {

    case STN_CODEC_AAC:
        return avcodec_find_encoder_by_name("aac");

    case STN_CODEC_OPUS:
        return conf->rate == 48000 ? avcodec_find_encoder_by_name("libopus")
                                   : NULL;

    default:
        return NULL;
    }
}


static int
stn_encoder_setup(stn_encoder_t *e, const stn_encoder_conf_t *conf)
{
    int              rc;
    const AVCodec   *codec;
    AVCodecContext  *ctx;

    codec = stn_encoder_codec(conf);
    if (codec == NULL) {
        return STN_UNSUPPORTED;
    }

    ctx = avcodec_alloc_context3(codec);
    if (ctx == NULL) {
        return STN_NOMEM;
    }

    e->ctx = ctx;

    rc = stn_encoder_layout(&ctx->ch_layout, conf);
    if (rc != STN_OK) {
        return rc;
    }

    ctx->sample_rate = (int) conf->rate;
    ctx->bit_rate = conf->bitrate;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    ctx->thread_count = 1;

    if (conf->codec == STN_CODEC_AAC) {

        /* the other coder, fast, takes a third of the time, but breaks up
         * loud tones: an SNR of 10 dB where this one has 50 */

        ctx->sample_fmt = AV_SAMPLE_FMT_FLTP;
        av_opt_set(ctx->priv_data, "aac_coder", "twoloop", 0);

    } else {
        ctx->sample_fmt = AV_SAMPLE_FMT_FLT;
        av_opt_set(ctx->priv_data, "application", "audio", 0);
        av_opt_set(ctx->priv_data, "frame_duration", "20", 0);
    }

    rc = avcodec_open2(ctx, codec, NULL);
    if (rc < 0) {
        return rc == AVERROR(ENOMEM) ? STN_NOMEM : STN_UNSUPPORTED;
    }

    return STN_OK;
}


/* Channel configurations 1..7 (ISO/IEC 14496-3 table 1.19) by the names that
 * libavcodec's encoder has for them: it calls 7, of front speakers, 7.1. */

static int
stn_encoder_layout(AVChannelLayout *layout, const stn_encoder_conf_t *conf)
{
    unsigned  max;

    static const AVChannelLayout  layouts[] = {
        AV_CHANNEL_LAYOUT_MONO,
        AV_CHANNEL_LAYOUT_STEREO,
        AV_CHANNEL_LAYOUT_SURROUND,
        AV_CHANNEL_LAYOUT_4POINT0,
        AV_CHANNEL_LAYOUT_5POINT0_BACK,
        AV_CHANNEL_LAYOUT_5POINT1_BACK,
        { 0 },
        AV_CHANNEL_LAYOUT_7POINT1,
    };

    max = conf->codec == STN_CODEC_AAC ? stn_nelems(layouts) : 2;

    if (conf->channels < 1 || conf->channels > max
        || layouts[conf->channels - 1].nb_channels == 0)
    {
        return STN_UNSUPPORTED;
    }

    return av_channel_layout_copy(layout, &layouts[conf->channels - 1]) < 0
           ? STN_NOMEM : STN_OK;
}


static int
stn_encoder_frames(stn_encoder_t *e)
{
    e->frame = stn_encoder_frame(e->ctx, e->ctx->sample_fmt);
    e->planar = stn_encoder_frame(e->ctx, AV_SAMPLE_FMT_FLTP);
    e->pkt = av_packet_alloc();
    e->queue = av_audio_fifo_alloc(AV_SAMPLE_FMT_FLTP,
                                   e->ctx->ch_layout.nb_channels,
                                   2 * e->ctx->frame_size);

    return e->frame && e->planar && e->pkt && e->queue ? STN_OK : STN_NOMEM;
}


static AVFrame *
stn_encoder_frame(const AVCodecContext *ctx, enum AVSampleFormat format)
{
    AVFrame  *frame;

    frame = av_frame_alloc();
    if (frame == NULL) {
        return NULL;
    }

    frame->nb_samples = ctx->frame_size;
    frame->format = format;
    frame->sample_rate = ctx->sample_rate;

    if (av_channel_layout_copy(&frame->ch_layout, &ctx->ch_layout) < 0
        || av_frame_get_buffer(frame, 0) < 0)
    {
        av_frame_free(&frame);
    }

    return frame;
}


/* Puts as much silence into the queue as brings packets to whole frames from
 * pos (see above), and says where the first packet lies. */

static int
stn_encoder_lead(stn_encoder_t *e, int64_t pos)
{
    int  frame, padding, silence;

    frame = e->ctx->frame_size;
    padding = e->ctx->initial_padding;
    silence = (frame - padding % frame) % frame;

    e->pos = pos - padding - silence;

    av_samples_set_silence(e->planar->extended_data, 0, frame,
                           e->ctx->ch_layout.nb_channels,
                           AV_SAMPLE_FMT_FLTP);

    return av_audio_fifo_write(e->queue, (void **) e->planar->extended_data,
                               silence) < 0 ? STN_NOMEM : STN_OK;
}


static int
stn_encoder_describe(stn_encoder_t *e, stn_codec_e codec)
{
    stn_format_t          *f = &e->format;
    const AVCodecContext  *ctx = e->ctx;

    if (ctx->frame_size <= 0 || ctx->extradata_size < 2
        || (size_t) ctx->extradata_size > sizeof(f->config))
    {
        return STN_UNSUPPORTED;
    }

    f->codec = codec;
    f->rate = (uint32_t) ctx->sample_rate;
    f->core_rate = f->rate;
    f->frame = (uint32_t) ctx->frame_size;
    f->core_frame = f->frame;
    f->channels = (uint8_t) ctx->ch_layout.nb_channels;

    f->config_len = (size_t) ctx->extradata_size;
    memcpy(f->config, ctx->extradata, f->config_len);

    if (codec == STN_CODEC_AAC) {
        stn_encoder_describe_aac(f);
        return STN_OK;
    }

    strcpy(f->codecs, "Opus");

    if (f->config_len < 19) {
        return STN_UNSUPPORTED;
    }

    /* RFC 7845 section 5.1: the pre-skip */

    f->config[10] = 0;
    f->config[11] = 0;

    return STN_OK;
}


/*
 * An AudioSpecificConfig is object type (5 bits), rate index (4), channel
 * configuration (4).  libavcodec puts an extension behind it that says there
 * is no SBR: true, but not every parser has heard of it.
 */

static void
stn_encoder_describe_aac(stn_format_t *f)
{
    static const uint8_t  no_sbr[] = { 0x56, 0xe5, 0x00 };

    strcpy(f->codecs, "mp4a.40.2");

    f->channel_config = f->config[1] >> 3 & 0xf;

    if (f->config_len == 2 + sizeof(no_sbr)
        && memcmp(f->config + 2, no_sbr, sizeof(no_sbr)) == 0)
    {
        f->config_len = 2;
        memset(f->config + 2, 0, sizeof(no_sbr));
    }
}


/* Gives the encoder one frame of what was fed. */

static int
stn_encoder_send(stn_encoder_t *e)
{
    int  rc;

    if (av_audio_fifo_size(e->queue) < e->ctx->frame_size) {
        return STN_AGAIN;
    }

    if (av_frame_make_writable(e->frame) < 0
        || stn_encoder_fill(e) != STN_OK)
    {
        return STN_ERROR;
    }

    e->frame->pts = e->pts;
    e->pts += e->frame->nb_samples;

    rc = avcodec_send_frame(e->ctx, e->frame);

    return rc < 0 ? STN_ERROR : STN_OK;
}


static int
stn_encoder_fill(stn_encoder_t *e)
{
    int            n, ch, channels;
    const float  **from;

    n = e->frame->nb_samples;
    channels = e->ctx->ch_layout.nb_channels;

    if (av_audio_fifo_read(e->queue, (void **) e->planar->extended_data, n)
        != n)
    {
        return STN_ERROR;
    }

    from = (const float **) e->planar->extended_data;

    for (ch = 0; ch < channels; ch++) {
        if (av_sample_fmt_is_planar(e->ctx->sample_fmt)) {
            stn_encoder_copy((float *) e->frame->extended_data[ch], 1,
                             from[ch], (size_t) n);
        } else {
            stn_encoder_copy((float *) e->frame->extended_data[0] + ch,
                             (size_t) channels, from[ch], (size_t) n);
        }
    }

    return STN_OK;
}


static void
stn_encoder_copy(float *to, size_t step, const float *from, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++, to += step) {
        *to = isfinite(from[i])
              ? fmaxf(-STN_ENCODER_PEAK_MAX,
                      fminf(STN_ENCODER_PEAK_MAX, from[i]))
              : 0;
    }
}
