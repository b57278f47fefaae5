/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * libavformat's mp4 muxer behind stn_cmaf.h.  It writes to memory through an
 * AVIO of our own.  frag_custom makes a fragment exactly when told to, and
 * frag_discont keeps the first tfdt absolute.  The muxer numbers fragments
 * from 1; a programme that moves to another process goes on counting, so the
 * number in mfhd is the caller's.  Runs on a live thread.
 */

#include "pack/stn_cmaf.h"

#include <libavformat/avformat.h>

#include <stdlib.h>
#include <string.h>


/* libavformat's own write buffer; it reaches our sink when it is full. */
#define STN_CMAF_IO  32768

/* moof header, mfhd header with version and flags: then the number. */
#define STN_CMAF_MFHD_SEQ  (8 + 12)

/* AVIOContext.write_packet lost its const in libavformat 61. */
#if (LIBAVFORMAT_VERSION_MAJOR >= 61)
#define STN_CMAF_CONST  const
#else
#define STN_CMAF_CONST
#endif


struct stn_cmaf_s {
    AVFormatContext  *ctx;
    AVIOContext      *io;
    AVPacket         *pkt;
    stn_buf_t         out;
    uint32_t          rate;
    uint32_t          frame;
};


static int stn_cmaf_init(stn_cmaf_t *m, const stn_format_t *f);
static int stn_cmaf_stream(stn_cmaf_t *m, const stn_format_t *f);
static int stn_cmaf_header(stn_cmaf_t *m);
static int stn_cmaf_write(void *opaque, STN_CMAF_CONST uint8_t *data, int len);
static int stn_cmaf_number(stn_buf_t *b, uint32_t seq);


void
stn_cmaf_quiet(void)
{
    av_log_set_level(AV_LOG_QUIET);
}


stn_cmaf_t *
stn_cmaf_open(const stn_format_t *f)
{
    stn_cmaf_t  *m;

    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }

    stn_buf_init(&m->out, STN_CMAF_MAX);

    if (stn_cmaf_init(m, f) != STN_OK) {
        stn_cmaf_close(m);
        return NULL;
    }

    return m;
}


void
stn_cmaf_close(stn_cmaf_t *m)
{
    if (m == NULL) {
        return;
    }

    avformat_free_context(m->ctx);

    if (m->io) {
        av_freep(&m->io->buffer);
        avio_context_free(&m->io);
    }

    av_packet_free(&m->pkt);
    stn_buf_free(&m->out);
    free(m);
}


stn_buf_t *
stn_cmaf_out(stn_cmaf_t *m)
{
    return &m->out;
}


static int
stn_cmaf_init(stn_cmaf_t *m, const stn_format_t *f)
{
    uint8_t  *io;

    m->rate = f->rate;
    m->frame = f->frame;

    m->pkt = av_packet_alloc();
    if (m->pkt == NULL) {
        return STN_NOMEM;
    }

    if (avformat_alloc_output_context2(&m->ctx, NULL, "mp4", NULL) < 0) {
        return STN_NOMEM;
    }

    io = av_malloc(STN_CMAF_IO);
    if (io == NULL) {
        return STN_NOMEM;
    }

    m->io = avio_alloc_context(io, STN_CMAF_IO, 1, m, NULL, stn_cmaf_write,
                               NULL);
    if (m->io == NULL) {
        av_free(io);
        return STN_NOMEM;
    }

    m->ctx->pb = m->io;
    m->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;

    if (stn_cmaf_stream(m, f) != STN_OK) {
        return STN_NOMEM;
    }

    return stn_cmaf_header(m);
}


static int
stn_cmaf_stream(stn_cmaf_t *m, const stn_format_t *f)
{
    AVStream           *st;
    AVCodecParameters  *par;

    st = avformat_new_stream(m->ctx, NULL);
    if (st == NULL) {
        return STN_NOMEM;
    }

    st->time_base = (AVRational) { 1, (int) f->rate };

    par = st->codecpar;
    par->codec_type = AVMEDIA_TYPE_AUDIO;
    par->codec_id = f->codec == STN_CODEC_OPUS ? AV_CODEC_ID_OPUS
                                               : AV_CODEC_ID_AAC;
    par->sample_rate = (int) f->rate;
    par->frame_size = (int) f->frame;
    av_channel_layout_default(&par->ch_layout, f->channels);

    par->extradata = av_mallocz(f->config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (par->extradata == NULL) {
        return STN_NOMEM;
    }

    memcpy(par->extradata, f->config, f->config_len);
    par->extradata_size = (int) f->config_len;

    return STN_OK;
}


static int
stn_cmaf_header(stn_cmaf_t *m)
{
    int            rc;
    AVDictionary  *opts;

    opts = NULL;

    av_dict_set(&opts, "movflags",
                "cmaf+frag_custom+empty_moov+default_base_moof+frag_discont",
                0);

    rc = avformat_write_header(m->ctx, &opts);

    av_dict_free(&opts);

    if (rc < 0) {
        return STN_ERROR;
    }

    avio_flush(m->io);

    return m->out.failed;
}


static int
stn_cmaf_write(void *opaque, STN_CMAF_CONST uint8_t *data, int len)
{
    stn_cmaf_t  *m = opaque;

    return stn_buf_put(&m->out, data, (size_t) len) == STN_OK ? len
                                                              : AVERROR(EIO);
}


int
stn_cmaf_frame(stn_cmaf_t *m, const uint8_t *data, size_t len, int64_t pos)
{
    int  rc;

    /* the muxer copies what is not reference-counted before it returns */

    m->pkt->data = (uint8_t *) data;
    m->pkt->size = (int) len;
    m->pkt->stream_index = 0;
    m->pkt->flags = AV_PKT_FLAG_KEY;
    m->pkt->duration = m->frame;

    /* dts in the track's time base, which is the muxer's choice of 1/rate */

    m->pkt->pts = stn_rescale(pos,
                              (uint32_t) m->ctx->streams[0]->time_base.den,
                              m->rate);
    m->pkt->dts = m->pkt->pts;

    rc = av_write_frame(m->ctx, m->pkt);

    av_packet_unref(m->pkt);

    return rc < 0 ? STN_ERROR : STN_OK;
}


int
stn_cmaf_flush(stn_cmaf_t *m, uint32_t seq)
{
    if (av_write_frame(m->ctx, NULL) < 0) {
        return STN_ERROR;
    }

    avio_flush(m->io);

    if (m->out.failed) {
        return STN_ERROR;
    }

    return stn_cmaf_number(&m->out, seq);
}


static int
stn_cmaf_number(stn_buf_t *b, uint32_t seq)
{
    unsigned  i;

    if (b->len < STN_CMAF_MFHD_SEQ + 4
        || memcmp(b->data + 4, "moof", 4) != 0
        || memcmp(b->data + 12, "mfhd", 4) != 0)
    {
        return STN_ERROR;
    }

    for (i = 0; i < 4; i++) {
        b->data[STN_CMAF_MFHD_SEQ + i] = (uint8_t) (seq >> (24 - 8 * i));
    }

    return STN_OK;
}
