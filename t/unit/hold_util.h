/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of hold audio share: an ear, which is libavcodec's decoder
 * under the stream's own configuration, and sounds that are known by the
 * sample, as WAV files in memory.  Functions are static inline, as in
 * wire_util.h.
 */

#ifndef HOLD_UTIL_H
#define HOLD_UTIL_H

#include "media_util.h"

#include "pack/stn_cmaf.h"
#include "programme/stn_codec.h"
#include "programme/stn_hold.h"

#include <libavcodec/avcodec.h>

#include <math.h>


/* Where make test runs from. */
#define HOLD_DATA  "t/data/hold/"

/* Per channel: what is heard is to be known by the sample. */
#define HOLD_BITRATE  96000


typedef struct {
    AVCodecContext  *ctx;
    AVPacket        *pkt;
    AVFrame         *frame;
    float           *pcm[8];       /* by channel; NULL: not kept */
    size_t           samples;
    size_t           room;
} ear_t;


static inline void
ear_open(ear_t *e, const stn_format_t *f, size_t frames)
{
    unsigned  ch;

    memset(e, 0, sizeof(*e));

    e->ctx = avcodec_alloc_context3(avcodec_find_decoder(
                 f->codec == STN_CODEC_AAC ? AV_CODEC_ID_AAC
                                           : AV_CODEC_ID_OPUS));
    assert_non_null(e->ctx);

    e->ctx->extradata = av_mallocz(f->config_len
                                   + AV_INPUT_BUFFER_PADDING_SIZE);
    assert_non_null(e->ctx->extradata);
    memcpy(e->ctx->extradata, f->config, f->config_len);
    e->ctx->extradata_size = (int) f->config_len;
    e->ctx->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM;
    e->ctx->thread_count = 1;

    assert_int_equal(avcodec_open2(e->ctx, e->ctx->codec, NULL), 0);

    e->pkt = av_packet_alloc();
    e->frame = av_frame_alloc();
    assert_true(e->pkt && e->frame);

    e->room = frames * f->frame;

    for (ch = 0; ch < f->channels; ch++) {
        e->pcm[ch] = calloc(e->room, sizeof(float));
        assert_non_null(e->pcm[ch]);
    }
}


static inline void
ear_close(ear_t *e)
{
    unsigned  ch;

    for (ch = 0; ch < 8; ch++) {
        free(e->pcm[ch]);
    }

    av_frame_free(&e->frame);
    av_packet_free(&e->pkt);
    avcodec_free_context(&e->ctx);
}


/* Decodes one frame; it must be what the format says that frames are. */

static inline void
ear_hear(ear_t *e, const stn_format_t *f, const uint8_t *data, size_t len)
{
    unsigned      ch;
    const float  *from;

    assert_int_equal(av_new_packet(e->pkt, (int) len), 0);
    memcpy(e->pkt->data, data, len);

    assert_int_equal(avcodec_send_packet(e->ctx, e->pkt), 0);
    av_packet_unref(e->pkt);
    assert_int_equal(avcodec_receive_frame(e->ctx, e->frame), 0);

    assert_int_equal(e->frame->format, AV_SAMPLE_FMT_FLTP);
    assert_int_equal(e->frame->sample_rate, f->rate);
    assert_int_equal(e->frame->nb_samples, f->frame);
    assert_true(e->samples + f->frame <= e->room);

    /* libavcodec makes two channels of mono that may have parametric stereo */

    if (f->channels > 1 || f->rate == f->core_rate) {
        assert_int_equal(e->frame->ch_layout.nb_channels, f->channels);
    }

    for (ch = 0; ch < f->channels; ch++) {
        from = (const float *) e->frame->extended_data[ch];
        memcpy(e->pcm[ch] + e->samples, from, f->frame * sizeof(float));
    }

    e->samples += f->frame;

    assert_int_equal(avcodec_receive_frame(e->ctx, e->frame),
                     AVERROR(EAGAIN));
}


static inline void
ear_hear_loop(ear_t *e, const stn_format_t *f, const stn_hold_t *h,
    size_t frames)
{
    size_t          n, len;
    const uint8_t  *data;

    for (n = 0; n < frames; n++) {
        data = stn_hold_frame(h, n, &len);
        assert_true(len > 0);
        ear_hear(e, f, data, len);
    }
}


static inline void
hold_opus(stn_format_t *f, unsigned channels)
{
    stn_encoder_t       *e;
    stn_encoder_conf_t   conf = { STN_CODEC_OPUS, 48000, channels, 64000 };

    e = stn_encoder_open(&conf, 0);
    assert_non_null(e);
    *f = *stn_encoder_format(e);
    stn_encoder_close(e);
}


static inline uint8_t *
hold_load(const char *name, size_t *len)
{
    char      path[256];
    FILE     *f;
    uint8_t  *p;

    snprintf(path, sizeof(path), HOLD_DATA "%s", name);

    f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("cannot open %s", path);
    }

    p = malloc(1 << 20);
    assert_non_null(p);
    *len = fread(p, 1, 1 << 20, f);
    fclose(f);

    return p;
}


static inline int
hold_make(stn_hold_t *h, const stn_format_t *f, const uint8_t *data,
    size_t len, const char **reason)
{
    stn_hold_conf_t  conf = { f, HOLD_BITRATE * f->channels, data, len, NULL };

    return stn_hold_file(h, &conf, reason);
}


/* A sound that is known by the sample. */

typedef struct {
    uint32_t  rate;
    unsigned  channels;
    size_t    n;
    float    *ch[9];           /* one more than any may have */
} sound_t;


static inline void
sound_open(sound_t *s, uint32_t rate, unsigned channels, size_t n)
{
    unsigned  ch;

    memset(s, 0, sizeof(*s));
    s->rate = rate;
    s->channels = channels;
    s->n = n;

    for (ch = 0; ch < channels; ch++) {
        s->ch[ch] = calloc(n, sizeof(float));
        assert_non_null(s->ch[ch]);
    }
}


static inline void
sound_close(sound_t *s)
{
    unsigned  ch;

    for (ch = 0; ch < s->channels; ch++) {
        free(s->ch[ch]);
    }
}


/* Adds a tone that swells as often in the sound as asked. */

static inline void
sound_tone(sound_t *s, unsigned ch, double hz, double level, unsigned swells)
{
    size_t  i;
    double  swell;

    for (i = 0; i < s->n; i++) {
        swell = swells ? 0.7 + 0.3 * sin(2 * M_PI * swells * (double) i
                                         / (double) s->n)
                       : 1;
        s->ch[ch][i] += (float) (level * swell
                                 * sin(2 * M_PI * hz * (double) i / s->rate));
    }
}


static inline void
sound_le(stn_buf_t *b, uint32_t v, unsigned bytes)
{
    while (bytes--) {
        stn_buf_u8(b, (uint8_t) v);
        v >>= 8;
    }
}


/* A WAV file of 32-bit floats; mask says which speakers (WAVEFORMATEXTENSIBLE,
 * 0: the first so many). */

static inline void
sound_wav(const sound_t *s, uint32_t mask, stn_buf_t *b)
{
    size_t     i;
    uint32_t   bytes, v;
    unsigned   ch;

    bytes = (uint32_t) (s->n * s->channels * 4);

    stn_buf_init(b, 64 + bytes + 64);
    stn_buf_put(b, "RIFF", 4);
    sound_le(b, 60 + bytes, 4);
    stn_buf_put(b, "WAVEfmt ", 8);
    sound_le(b, 40, 4);
    sound_le(b, 0xfffe, 2);
    sound_le(b, s->channels, 2);
    sound_le(b, s->rate, 4);
    sound_le(b, s->rate * s->channels * 4, 4);
    sound_le(b, s->channels * 4, 2);
    sound_le(b, 32, 2);
    sound_le(b, 22, 2);
    sound_le(b, 32, 2);
    sound_le(b, mask ? mask : (1U << s->channels) - 1, 4);
    stn_buf_put(b, "\x03\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 16);
    stn_buf_put(b, "data", 4);
    sound_le(b, bytes, 4);

    for (i = 0; i < s->n; i++) {
        for (ch = 0; ch < s->channels; ch++) {
            memcpy(&v, &s->ch[ch][i], 4);
            sound_le(b, v, 4);
        }
    }

    assert_int_equal(b->failed, STN_OK);
}


/* Makes a loop of a sound, and hears it rounds times. */

static inline void
ear_hear_sound(ear_t *e, stn_hold_t *h, const stn_format_t *f,
    const sound_t *s, size_t rounds)
{
    stn_buf_t    wav;
    const char  *reason = "none";

    sound_wav(s, 0, &wav);

    if (hold_make(h, f, wav.data, wav.len, &reason) != STN_OK) {
        fail_msg("the file %s", reason);
    }

    stn_buf_free(&wav);

    ear_open(e, f, rounds * h->frames);
    ear_hear_loop(e, f, h, rounds * h->frames);
}


#endif /* HOLD_UTIL_H */
