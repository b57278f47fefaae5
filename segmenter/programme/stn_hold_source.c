/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reads audio files (see stn_hold_source.h).  They come from the operator,
 * but may be broken or not what he thinks: demuxers are those of a list, none
 * may open anything else, probing is bounded, and so is the number of packets,
 * since headers can promise many more than there are bytes.
 */

#include "programme/stn_hold_source.h"

#include "programme/stn_hold_memory.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/channel_layout.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Packets of all streams; a second of audio has less than a thousand, with
 * pictures and text beside it. */
#define STN_HOLD_SOURCE_PACKETS_MAX  (STN_HOLD_MAX_S * 1000)

#define STN_HOLD_SOURCE_STREAMS_MAX  16

/* Time is counted in units that the samples of all usual rates are whole
 * numbers of. */
#define STN_HOLD_SOURCE_HZ   705600000
#define STN_HOLD_SOURCE_MS   ((int64_t) STN_HOLD_SOURCE_HZ / 1000)
#define STN_HOLD_SOURCE_MIN  (STN_HOLD_MIN_MS * STN_HOLD_SOURCE_MS)
#define STN_HOLD_SOURCE_MAX  (STN_HOLD_MAX_S * 1000 * STN_HOLD_SOURCE_MS)

/* Samples a channel that one frame may have. */
#define STN_HOLD_SOURCE_FRAME_MAX  (1 << 20)


/* What is read, by libavformat's names, and nothing else. */

static const char  stn_hold_source_formats[] =
    "mp3,mov,wav,w64,aiff,caf,au,flac,wv,ogg,aac,loas,ac3,eac3,matroska,asf";


struct stn_hold_source_s {
    stn_hold_memory_t   memory;
    AVFormatContext    *file;
    AVCodecContext     *ctx;
    AVPacket           *pkt;
    AVFrame            *frame;
    int                 stream;      /* which one of the file's */
    unsigned            at_end;      /* boolean: no more packets */

    float              *pcm;         /* STN_PCM_CHANNELS_MAX rows of room */
    size_t              room;

    int64_t             announced;   /* length; 0: the file does not tell */
    int64_t             used;        /* how much was given out */
    uint64_t            packets;     /* read, of all streams */
    uint64_t            units;       /* given to the decoder */
    uint64_t            broken;      /* of them */
    float               peak;
};


static unsigned stn_hold_source_cut(const stn_hold_source_t *s);
static int stn_hold_source_init(stn_hold_source_t *s, const char **reason);
static int stn_hold_source_refuse(AVFormatContext *file, AVIOContext **io,
    const char *url, int flags, AVDictionary **options);
static int stn_hold_source_demux(stn_hold_source_t *s, const char **reason);
static int stn_hold_source_pick(stn_hold_source_t *s, const char **reason);
static int64_t stn_hold_source_announced(const stn_hold_source_t *s);
static int stn_hold_source_decoder(stn_hold_source_t *s,
    const AVCodec *codec, const char **reason);
static int stn_hold_source_packet(stn_hold_source_t *s, const char **reason);
static int stn_hold_source_send(stn_hold_source_t *s, const char **reason);
static int stn_hold_source_count(stn_hold_source_t *s, const char **reason);
static int stn_hold_source_give(stn_hold_source_t *s, stn_pcm_t *pcm,
    const char **reason);
static int stn_hold_source_grow(stn_hold_source_t *s, size_t n);
static void stn_hold_source_convert(float *to, const AVFrame *frame,
    unsigned ch, size_t n);
static float stn_hold_source_sample(const void *p, size_t i,
    enum AVSampleFormat format);
static float stn_hold_source_peak(const float *p, size_t n, float peak);


int
stn_hold_source_open(stn_hold_source_t **source, const uint8_t *data,
    size_t len, volatile int *stop, const char **reason)
{
    int                 rc;
    stn_hold_source_t  *s;

    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return STN_NOMEM;
    }

    rc = stn_hold_memory_open(&s->memory, data, len, stop);

    if (rc == STN_OK) {
        rc = stn_hold_source_init(s, reason);
    }

    if (rc != STN_OK) {
        rc = stn_hold_memory_stopped(&s->memory) ? STN_AGAIN : rc;
        stn_hold_source_close(s);
        return rc;
    }

    *source = s;

    return STN_OK;
}


void
stn_hold_source_close(stn_hold_source_t *s)
{
    if (s == NULL) {
        return;
    }

    av_frame_free(&s->frame);
    av_packet_free(&s->pkt);
    avcodec_free_context(&s->ctx);
    avformat_close_input(&s->file);

    stn_hold_memory_close(&s->memory);
    free(s->pcm);
    free(s);
}


int
stn_hold_source_next(stn_hold_source_t *s, stn_pcm_t *pcm,
    const char **reason)
{
    int  rc;

    memset(pcm, 0, sizeof(*pcm));

    while (s->used < STN_HOLD_SOURCE_MAX) {

        if (stn_hold_memory_stopped(&s->memory)) {
            return STN_AGAIN;
        }

        rc = avcodec_receive_frame(s->ctx, s->frame);

        if (rc == 0) {
            return stn_hold_source_give(s, pcm, reason);
        }

        if (rc == AVERROR_EOF) {
            break;
        }

        rc = (rc == AVERROR(EAGAIN)) ? stn_hold_source_packet(s, reason)
                                     : stn_hold_source_count(s, reason);
        if (rc != STN_OK) {
            return stn_hold_memory_stopped(&s->memory) ? STN_AGAIN : rc;
        }
    }

    return STN_OK;
}


unsigned
stn_hold_source_channels(const stn_hold_source_t *s)
{
    return (unsigned) s->ctx->ch_layout.nb_channels;
}


int
stn_hold_source_verdict(const stn_hold_source_t *s, uint32_t *ms,
    const char **reason)
{
    if (s->used == 0 && s->units) {
        *reason = "is broken: nothing in it can be decoded";

    } else if (s->broken > STN_HOLD_BROKEN_MIN
               && s->broken * 100 > s->units * STN_HOLD_BROKEN_PERCENT)
    {
        *reason = "is broken: much of it cannot be decoded";

    } else if (stn_hold_source_cut(s)) {
        *reason = "is broken: its end is missing";

    } else if (s->used < STN_HOLD_SOURCE_MIN) {
        *reason = "is shorter than 500 ms";

    } else if (s->peak <= STN_HOLD_SILENT_PEAK) {
        *reason = "is digital silence";

    } else {
        *ms = (uint32_t) (s->used / STN_HOLD_SOURCE_MS);
        return STN_OK;
    }

    return STN_ERROR;
}


/* Whether much is missing that was announced and would have been used. */

static unsigned
stn_hold_source_cut(const stn_hold_source_t *s)
{
    int64_t  wanted, slack;

    if (s->memory.cut && s->used < STN_HOLD_SOURCE_MAX) {
        return 1;
    }

    wanted = stn_min(s->announced, STN_HOLD_SOURCE_MAX);
    slack = STN_HOLD_COMPLETE_MS * STN_HOLD_SOURCE_MS;

    return s->used < wanted / 100 * STN_HOLD_COMPLETE_PERCENT
           && s->used < wanted - slack;
}


static int
stn_hold_source_init(stn_hold_source_t *s, const char **reason)
{
    int  rc;

    if (s->memory.len == 0) {
        *reason = "is empty";
        return STN_ERROR;
    }

    s->pkt = av_packet_alloc();
    s->frame = av_frame_alloc();
    s->file = avformat_alloc_context();

    if (s->pkt == NULL || s->frame == NULL || s->file == NULL) {
        return STN_NOMEM;
    }

    rc = stn_hold_source_demux(s, reason);

    return (rc == STN_OK) ? stn_hold_source_pick(s, reason) : rc;
}


/* Some formats name other files. */

static int
stn_hold_source_refuse(AVFormatContext *file, AVIOContext **io,
    const char *url, int flags, AVDictionary **options)
{
    return AVERROR(EPERM);
}


static int
stn_hold_source_demux(stn_hold_source_t *s, const char **reason)
{
    unsigned              i;
    AVFormatContext      *file = s->file;
    const AVInputFormat  *format = NULL;

    if (av_probe_input_buffer2(s->memory.io, &format, NULL, NULL, 0, 0) < 0
        || !av_match_list(format->name, stn_hold_source_formats, ','))
    {
        *reason = "is not an audio file";
        return STN_ERROR;
    }

    file->pb = s->memory.io;
    file->flags |= AVFMT_FLAG_CUSTOM_IO;
    file->io_open = stn_hold_source_refuse;
    file->interrupt_callback.callback = stn_hold_memory_stopped;
    file->interrupt_callback.opaque = &s->memory;
    file->max_streams = STN_HOLD_SOURCE_STREAMS_MAX;
    file->format_whitelist = av_strdup(stn_hold_source_formats);
    file->protocol_whitelist = av_strdup("none");

    if (file->format_whitelist == NULL || file->protocol_whitelist == NULL) {
        return STN_NOMEM;
    }

    /* frees the context when it fails */

    if (avformat_open_input(&s->file, NULL, format, NULL) < 0) {
        *reason = "is broken: its header cannot be read";
        return STN_ERROR;
    }

    for (i = 0; i < file->nb_streams; i++) {
        if (file->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_AUDIO) {
            file->streams[i]->discard = AVDISCARD_ALL;
        }
    }

    if (avformat_find_stream_info(s->file, NULL) < 0) {
        *reason = "is broken: its header cannot be read";
        return STN_ERROR;
    }

    return STN_OK;
}


static int
stn_hold_source_pick(stn_hold_source_t *s, const char **reason)
{
    const AVCodec  *codec = NULL;

    s->stream = av_find_best_stream(s->file, AVMEDIA_TYPE_AUDIO, -1, -1,
                                    &codec, 0);

    if (s->stream == AVERROR_STREAM_NOT_FOUND) {
        *reason = "has no audio";
        return STN_ERROR;
    }

    if (s->stream < 0) {
        *reason = "has audio of an unknown codec";
        return STN_ERROR;
    }

    s->announced = stn_hold_source_announced(s);

    return stn_hold_source_decoder(s, codec, reason);
}


/* The stream's length as the file's header has it.  That of the file itself is
 * the longest of its streams. */

static int64_t
stn_hold_source_announced(const stn_hold_source_t *s)
{
    AVRational       to = { 1, STN_HOLD_SOURCE_HZ };
    const AVStream  *st;

    st = s->file->streams[s->stream];

    if (s->file->duration_estimation_method != AVFMT_DURATION_FROM_STREAM) {
        return 0;
    }

    if (st->duration > 0) {
        return av_rescale_q(st->duration, st->time_base, to);
    }

    if (s->file->nb_streams == 1 && s->file->duration > 0) {
        return av_rescale_q(s->file->duration, AV_TIME_BASE_Q, to);
    }

    return 0;
}


static int
stn_hold_source_decoder(stn_hold_source_t *s, const AVCodec *codec,
    const char **reason)
{
    int        rc;
    AVStream  *st;

    st = s->file->streams[s->stream];

    s->ctx = avcodec_alloc_context3(codec);
    if (s->ctx == NULL) {
        return STN_NOMEM;
    }

    rc = avcodec_parameters_to_context(s->ctx, st->codecpar);

    if (rc >= 0) {
        s->ctx->pkt_timebase = st->time_base;
        s->ctx->thread_count = 1;
        s->ctx->err_recognition = AV_EF_CRCCHECK;

        rc = avcodec_open2(s->ctx, codec, NULL);
    }

    if (rc < 0) {
        *reason = "has audio that cannot be decoded";
        return (rc == AVERROR(ENOMEM)) ? STN_NOMEM : STN_ERROR;
    }

    return STN_OK;
}


/* Gives the decoder the next packet, or the end. */

static int
stn_hold_source_packet(stn_hold_source_t *s, const char **reason)
{
    int  rc;

    while (!s->at_end) {
        if (s->packets++ == STN_HOLD_SOURCE_PACKETS_MAX) {
            *reason = "is broken: it has packets without end";
            return STN_ERROR;
        }

        rc = av_read_frame(s->file, s->pkt);
        if (rc < 0) {
            s->at_end = 1;
            break;
        }

        if (s->pkt->stream_index == s->stream) {
            rc = stn_hold_source_send(s, reason);
            av_packet_unref(s->pkt);
            return rc;
        }

        av_packet_unref(s->pkt);
    }

    return (avcodec_send_packet(s->ctx, NULL) < 0) ? STN_ERROR : STN_OK;
}


static int
stn_hold_source_send(stn_hold_source_t *s, const char **reason)
{
    int  rc;

    s->units++;

    rc = avcodec_send_packet(s->ctx, s->pkt);

    if (rc == AVERROR(ENOMEM)) {
        return STN_NOMEM;
    }

    return (rc < 0) ? stn_hold_source_count(s, reason) : STN_OK;
}


/* One packet more that could not be decoded; verdict() says how many are too
 * many, but a decoder that never gets over one must not be asked for ever. */

static int
stn_hold_source_count(stn_hold_source_t *s, const char **reason)
{
    if (s->broken++ == STN_HOLD_SOURCE_PACKETS_MAX) {
        *reason = "is broken: much of it cannot be decoded";
        return STN_ERROR;
    }

    return STN_OK;
}


/* What has been decoded, as planar floats. */

static int
stn_hold_source_give(stn_hold_source_t *s, stn_pcm_t *pcm,
    const char **reason)
{
    float          *to;
    int64_t         left;
    unsigned        ch;
    const AVFrame  *f = s->frame;

    if (f->ch_layout.nb_channels > STN_PCM_CHANNELS_MAX) {
        *reason = "has more than 8 channels";
        return STN_ERROR;
    }

    if (f->ch_layout.nb_channels < 1 || f->sample_rate < 1
        || f->nb_samples < 1 || f->nb_samples > STN_HOLD_SOURCE_FRAME_MAX)
    {
        return stn_hold_source_count(s, reason);
    }

    s->broken += (f->flags & AV_FRAME_FLAG_CORRUPT) || f->decode_error_flags;

    left = stn_rescale(STN_HOLD_SOURCE_MAX - s->used,
                       (uint32_t) f->sample_rate, STN_HOLD_SOURCE_HZ);

    pcm->channels = (unsigned) f->ch_layout.nb_channels;
    pcm->rate = (uint32_t) f->sample_rate;
    pcm->n = (size_t) stn_max(stn_min(left, f->nb_samples), 1);

    /* whatever speakers one channel or two are said to be for */

    pcm->layout = (f->ch_layout.order == AV_CHANNEL_ORDER_NATIVE
                   && pcm->channels > 2) ? f->ch_layout.u.mask : 0;

    s->used += stn_rescale((int64_t) pcm->n, STN_HOLD_SOURCE_HZ, pcm->rate);

    if (stn_hold_source_grow(s, pcm->n) != STN_OK) {
        return STN_NOMEM;
    }

    for (ch = 0; ch < pcm->channels; ch++) {
        to = s->pcm + ch * s->room;
        stn_hold_source_convert(to, f, ch, pcm->n);
        s->peak = stn_hold_source_peak(to, pcm->n, s->peak);
        pcm->ch[ch] = to;
    }

    return STN_OK;
}


static int
stn_hold_source_grow(stn_hold_source_t *s, size_t n)
{
    float  *p;

    if (n <= s->room) {
        return STN_OK;
    }

    p = realloc(s->pcm, n * STN_PCM_CHANNELS_MAX * sizeof(float));
    if (p == NULL) {
        return STN_NOMEM;
    }

    s->pcm = p;
    s->room = n;

    return STN_OK;
}


/* Channel ch of a frame in any of libavutil's sample formats. */

static void
stn_hold_source_convert(float *to, const AVFrame *frame, unsigned ch,
    size_t n)
{
    size_t       i, step;
    const void  *p;

    if (av_sample_fmt_is_planar(frame->format)) {
        p = frame->extended_data[ch];
        step = 1;

    } else {
        p = frame->extended_data[0]
            + ch * (size_t) av_get_bytes_per_sample(frame->format);
        step = (size_t) frame->ch_layout.nb_channels;
    }

    for (i = 0; i < n; i++) {
        to[i] = stn_hold_source_sample(p, i * step, frame->format);
    }
}


static float
stn_hold_source_sample(const void *p, size_t i, enum AVSampleFormat format)
{
    switch (av_get_packed_sample_fmt(format)) {

    case AV_SAMPLE_FMT_U8:
        return ((float) ((const uint8_t *) p)[i] - 0x80) / 0x80;

    case AV_SAMPLE_FMT_S16:
        return (float) ((const int16_t *) p)[i] / 0x8000;

    case AV_SAMPLE_FMT_S32:
        return (float) ((const int32_t *) p)[i] / 0x80000000U;

    case AV_SAMPLE_FMT_S64:
        return (float) ((const int64_t *) p)[i] / (float) INT64_MAX;

    case AV_SAMPLE_FMT_FLT:
        return ((const float *) p)[i];

    case AV_SAMPLE_FMT_DBL:
        return (float) ((const double *) p)[i];

    default:
        return 0;
    }
}


/* What is no number is none here either: encoders make silence of it. */

static float
stn_hold_source_peak(const float *p, size_t n, float peak)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        peak = fmaxf(peak, fabsf(p[i]));
    }

    return peak;
}
