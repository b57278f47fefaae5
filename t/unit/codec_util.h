/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sounds that tests of decoding and encoding are made of, units of any codec
 * that libavcodec encodes, and measures of what came back.  Functions are
 * static inline, as in wire_util.h.
 */

#ifndef CODEC_UTIL_H
#define CODEC_UTIL_H

#include "media_util.h"

#include "programme/stn_codec.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/log.h>

#include <math.h>


/* One channel of samples that have a place on the clock. */

typedef struct {
    float    *x;
    size_t    n;
    size_t    room;
    int64_t   pos;             /* of x[0] */
    uint32_t  rate;
} sound_t;


/* Units of one codec, and what they are made of. */

typedef struct {
    stn_format_t   format;
    uint8_t      **data;
    size_t        *len;
    size_t         n;
} units_t;


static inline void
sound_init(sound_t *s, uint32_t rate, size_t room, int64_t pos)
{
    memset(s, 0, sizeof(*s));
    s->x = calloc(room, sizeof(*s->x));
    assert_non_null(s->x);
    s->room = room;
    s->rate = rate;
    s->pos = pos;
}


static inline void
sound_free(sound_t *s)
{
    free(s->x);
    memset(s, 0, sizeof(*s));
}


static inline void
sound_append(sound_t *s, const float *x, size_t n)
{
    assert_true(s->n + n <= s->room);
    memcpy(s->x + s->n, x, n * sizeof(*x));
    s->n += n;
}


/* Two sweeps one upon the other, 100 Hz up and 3500 Hz down again and again:
 * like itself at one lag only.  A function of the place alone. */

static inline float
sound_sweep(double t)
{
    double  u;

    u = fmod(t, 0.7);

    return (float) (0.25 * sin(2 * M_PI * (100 * u + 2400 * u * u))
                    + 0.25 * sin(2 * M_PI * (3500 * u - 2000 * u * u)));
}


static inline void
sound_sweeps(sound_t *s, uint32_t rate, size_t n, int64_t pos)
{
    sound_init(s, rate, n, pos);

    for (s->n = 0; s->n < n; s->n++) {
        s->x[s->n] = sound_sweep((double) s->n / rate);
    }
}


static inline void
sound_tone(sound_t *s, uint32_t rate, size_t n, double hz, double level)
{
    sound_init(s, rate, n, 0);

    for (s->n = 0; s->n < n; s->n++) {
        s->x[s->n] = (float) (level * sin(2 * M_PI * hz * (double) s->n
                                          / rate));
    }
}


/* The sample of s at place pos, silence where there is none. */

static inline double
sound_at(const sound_t *s, int64_t pos)
{
    pos -= s->pos;

    return pos < 0 || pos >= (int64_t) s->n ? 0 : s->x[pos];
}


/* How like b, shifted back by lag, is a over n samples from pos: 1 is the
 * same but for a factor. */

static inline double
sound_likeness(const sound_t *a, const sound_t *b, int64_t pos, int64_t n,
    int64_t lag)
{
    double   ab, aa, bb, x, y;
    int64_t  i;

    ab = 0;
    aa = 1e-20;
    bb = 1e-20;

    for (i = pos; i < pos + n; i++) {
        x = sound_at(a, i);
        y = sound_at(b, i + lag);
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }

    return ab / sqrt(aa * bb);
}


/* How many samples b comes later than a, up to most either way, judged by n
 * samples of a from pos; fails the test when they are nothing alike. */

static inline int64_t
sound_lag(const sound_t *a, const sound_t *b, int64_t pos, int64_t n,
    int64_t most)
{
    double   like, best;
    int64_t  lag, found;

    best = -2;
    found = 0;

    for (lag = -most; lag <= most; lag++) {
        like = sound_likeness(a, b, pos, n, lag);

        if (like > best) {
            best = like;
            found = lag;
        }
    }

    if (best < 0.8) {
        fail_msg("nothing alike: %.3f at lag %d", best, (int) found);
    }

    return found;
}


/* The sine of w radians a sample that n samples from pos are most like, as
 * amplitudes of cosine and sine at pos: least squares. */

static inline void
sound_fit(const sound_t *s, int64_t pos, int64_t n, double w, double fit[2])
{
    double   c, d, cc, dd, cd, xc, xd, det;
    int64_t  i;

    cc = dd = cd = xc = xd = 0;

    for (i = 0; i < n; i++) {
        c = cos(w * (double) i);
        d = sin(w * (double) i);
        cc += c * c;
        dd += d * d;
        cd += c * d;
        xc += sound_at(s, pos + i) * c;
        xd += sound_at(s, pos + i) * d;
    }

    det = cc * dd - cd * cd;
    fit[0] = (xc * dd - xd * cd) / det;
    fit[1] = (xd * cc - xc * cd) / det;
}


/*
 * What is left of n samples of s from place pos when the best sine near *hz
 * is taken away: its RMS and, to *worst, its largest sample.
 */

static inline double
sound_residue(const sound_t *s, int64_t pos, int64_t n, double *hz,
    double *worst)
{
    int      round;
    double   w, turn, left, sum, f[2], g[2];
    int64_t  i;

    for (round = 0; round < 3; round++) {
        w = 2 * M_PI * *hz / s->rate;

        /* by how much the second half is ahead of the first */

        sound_fit(s, pos, n / 2, w, f);
        sound_fit(s, pos + n / 2, n / 2, w, g);

        turn = atan2(f[1], f[0]) - atan2(g[1], g[0]) - w * (double) (n / 2);
        *hz += remainder(turn, 2 * M_PI) / (2 * M_PI)
               / ((double) (n / 2) / s->rate);
    }

    w = 2 * M_PI * *hz / s->rate;
    sound_fit(s, pos, n, w, f);

    sum = 0;
    *worst = 0;

    for (i = 0; i < n; i++) {
        left = sound_at(s, pos + i) - f[0] * cos(w * (double) i)
               - f[1] * sin(w * (double) i);
        sum += left * left;
        *worst = fmax(*worst, fabs(left));
    }

    return sqrt(sum / (double) n);
}


/* How far a sample is at worst from what its neighbors say, if it is a sine
 * of hz that goes from pos to end. */

static inline double
sound_click(const sound_t *s, int64_t pos, int64_t end, double hz)
{
    double  k, off, worst;

    k = 2 * cos(2 * M_PI * hz / s->rate);
    worst = 0;

    for (pos++; pos < end - 1; pos++) {
        off = sound_at(s, pos + 1) - k * sound_at(s, pos)
              + sound_at(s, pos - 1);
        worst = fmax(worst, fabs(off));
    }

    return worst;
}


/* The same sound on all channels, n samples of it from x[at]. */

static inline void
sound_pcm(const sound_t *s, size_t at, size_t n, unsigned channels,
    stn_pcm_t *pcm)
{
    unsigned  ch;

    assert_true(at + n <= s->n);
    memset(pcm, 0, sizeof(*pcm));

    for (ch = 0; ch < channels; ch++) {
        pcm->ch[ch] = s->x + at;
    }

    pcm->channels = channels;
    pcm->rate = s->rate;
    pcm->n = n;
}


static inline void
units_free(units_t *u)
{
    while (u->n) {
        free(u->data[--u->n]);
    }

    free(u->data);
    free(u->len);
    memset(u, 0, sizeof(*u));
}


static inline void
units_add(units_t *u, const uint8_t *data, size_t len)
{
    u->data = realloc(u->data, (u->n + 1) * sizeof(*u->data));
    u->len = realloc(u->len, (u->n + 1) * sizeof(*u->len));
    assert_true(u->data && u->len);

    u->data[u->n] = malloc(len);
    assert_non_null(u->data[u->n]);
    memcpy(u->data[u->n], data, len);
    u->len[u->n++] = len;
}


/* What the encoder of that name takes: libavcodec's ways to ask differ from
 * version to version. */

static inline enum AVSampleFormat
units_samples(const char *name)
{
    if (strcmp(name, "libopus") == 0) {
        return AV_SAMPLE_FMT_FLT;
    }

    return strcmp(name, "flac") == 0 ? AV_SAMPLE_FMT_S16 : AV_SAMPLE_FMT_FLTP;
}


static inline AVCodecContext *
units_encoder(units_t *u, const char *name, uint32_t rate, unsigned channels)
{
    AVCodecContext  *ctx;
    const AVCodec   *codec;

    codec = avcodec_find_encoder_by_name(name);
    if (codec == NULL) {
        return NULL;
    }

    ctx = avcodec_alloc_context3(codec);
    assert_non_null(ctx);
    av_channel_layout_default(&ctx->ch_layout, (int) channels);
    ctx->sample_rate = (int) rate;
    ctx->sample_fmt = units_samples(name);
    ctx->bit_rate = 96000 * channels;
    ctx->thread_count = 1;
    ctx->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    assert_int_equal(avcodec_open2(ctx, codec, NULL), 0);

    memset(u, 0, sizeof(*u));
    u->format.rate = rate;
    u->format.core_rate = rate;
    u->format.frame = (uint32_t) ctx->frame_size;
    u->format.core_frame = u->format.frame;
    u->format.channels = (uint8_t) channels;

    return ctx;
}


/* The sample v in whatever the encoder takes. */

static inline void
units_sample(AVFrame *frame, unsigned channels, unsigned ch, int i, float v)
{
    int       at, planar;
    uint8_t  *row;

    planar = av_sample_fmt_is_planar(frame->format);
    row = frame->extended_data[planar ? ch : 0];
    at = planar ? i : i * (int) channels + (int) ch;

    switch (av_get_packed_sample_fmt(frame->format)) {

    case AV_SAMPLE_FMT_FLT:
        ((float *) row)[at] = v;
        break;

    case AV_SAMPLE_FMT_S16:
        ((int16_t *) row)[at] = (int16_t) lrintf(v * 32767);
        break;

    default:
        fail_msg("no such samples");
    }
}


/*
 * Encodes s with the encoder of libavcodec that has that name, the same sound
 * on all channels.  Returns 0 when there is no such encoder here.
 */

static inline unsigned
units_encode(units_t *u, stn_codec_e codec, const char *name,
    const sound_t *s, unsigned channels)
{
    int              i;
    size_t           at;
    unsigned         ch;
    AVFrame         *frame;
    AVPacket        *pkt;
    AVCodecContext  *ctx;

    ctx = units_encoder(u, name, s->rate, channels);
    if (ctx == NULL) {
        return 0;
    }

    frame = av_frame_alloc();
    pkt = av_packet_alloc();
    assert_true(frame && pkt);

    for (at = 0; at + ctx->frame_size <= s->n; at += ctx->frame_size) {
        frame->nb_samples = ctx->frame_size;
        frame->format = ctx->sample_fmt;
        frame->sample_rate = ctx->sample_rate;
        frame->pts = (int64_t) at;
        av_channel_layout_copy(&frame->ch_layout, &ctx->ch_layout);
        assert_int_equal(av_frame_get_buffer(frame, 0), 0);

        for (ch = 0; ch < channels; ch++) {
            for (i = 0; i < frame->nb_samples; i++) {
                units_sample(frame, channels, ch, i, s->x[at + i]);
            }
        }

        assert_int_equal(avcodec_send_frame(ctx, frame), 0);
        av_frame_unref(frame);

        while (avcodec_receive_packet(ctx, pkt) == 0) {
            units_add(u, pkt->data, (size_t) pkt->size);
            av_packet_unref(pkt);
        }
    }

    u->format.codec = codec;

    if (ctx->extradata_size && codec != STN_CODEC_MP3) {
        u->format.config_len = (size_t) ctx->extradata_size;
        assert_true(u->format.config_len <= sizeof(u->format.config));
        memcpy(u->format.config, ctx->extradata, u->format.config_len);
    }

    av_packet_free(&pkt);
    av_frame_free(&frame);
    avcodec_free_context(&ctx);

    return 1;
}


#endif /* CODEC_UTIL_H */
