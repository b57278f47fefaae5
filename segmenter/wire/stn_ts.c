/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * libavformat's mpegts demuxer behind stn_ts.h.  It is given one packet at a
 * time, of the program tables and of the track alone, so that what it knows of
 * programs and streams decides which packet is next.  It puts PES packets
 * together and reads tables and descriptors.  Its parsers, which hold frames
 * back, are off: stn_es takes the access units out.  Runs on the thread of one
 * connection.
 */

#include "wire/stn_ts.h"

#include <libavformat/avformat.h>

#include <stdlib.h>
#include <string.h>

#include "wire/stn_es.h"
#include "wire/stn_ts_packet.h"


/* libavformat's read buffer.  It does not work with less. */
#define STN_TS_IO           32768

/* libavformat measures packets before it reads them: it wants seven, or 44
 * when it is not sure, and then looks for tables in as many as we let it.
 * Null packets serve for both, so that opening does not wait for input. */
#define STN_TS_PROBE        (64 * STN_TS_PACKET_LEN)

/* A PTS has 33 bits, of STN_TS_HZ. */
#define STN_TS_PTS_BITS     33

/* stream_type (ISO/IEC 13818-1 table 2-34), which libavformat keeps as the
 * codec's tag: AAC in LATM, though there are encoders that send ADTS; MPEG-4
 * without a syntax of its own; and the encrypted samples of HLS. */
#define STN_TS_TYPE_LATM     0x11
#define STN_TS_TYPE_SL       0x12
#define STN_TS_TYPE_RAW      0x1c
#define STN_TS_TYPE_SE_AC3   0xc1
#define STN_TS_TYPE_SE_EAC3  0xc2
#define STN_TS_TYPE_SE_AAC   0xcf

#define stn_ts_mark(set, pid)       ((set)[(pid) / 8] |= 1 << ((pid) % 8))
#define stn_ts_is_marked(set, pid)  ((set)[(pid) / 8] >> ((pid) % 8) & 1)


struct stn_ts_s {
    stn_ts_read_pt     read;
    void              *data;
    unsigned           track;      /* from 1 */

    AVFormatContext   *ctx;
    AVIOContext       *io;
    AVPacket          *pkt;

    stn_ts_sync_t      sync;
    stn_ts_track_t     follow;     /* the track's PID */
    int                stream;     /* index of the track; negative: none */
    unsigned           opening;    /* boolean: null packets are given */
    unsigned           looking;    /* boolean: a table's packet was given */
    unsigned           ended;      /* boolean: read said so, */
    unsigned           cut;        /* or that it was cut off */
    int64_t            given;      /* bytes, to libavformat */
    int64_t            gap_at;     /* of them, where the last gap was */
    int64_t            pes_at;     /* and the last PES packet began */
    uint8_t            video[STN_TS_PIDS / 8];     /* by PID: it is video, */
    uint8_t            maps[STN_TS_PIDS / 8];      /* or maps of programs */

    stn_es_t           es;
    unsigned           splitting;  /* boolean: es is in use */
    unsigned           proven;     /* boolean: units came out of it */
    stn_es_kind_e      told;       /* what the tables say that it is */
    int64_t            pts;        /* of the payload in es */
    int64_t            base;       /* ts from which samples count */
    int64_t            samples;
    uint32_t           rate;       /* Hz, of samples */

    stn_es_unit_t      unit;       /* comes next, behind its config; */
    unsigned           held;       /* boolean: there is one */
    unsigned           configured; /* boolean: a config was handed out: */
    stn_codec_e        codec;
    uint8_t            config[STN_FORMAT_CONFIG_MAX];
    size_t             config_len;

    stn_ts_stats_t     stats;
    int                failed;     /* STN_OK, or what next returned; sticky */
    const char        *reason;
};


static int stn_ts_init(stn_ts_t *t);
static int stn_ts_fail(stn_ts_t *t, int rc, const char *reason);
static int stn_ts_event(stn_ts_t *t, stn_ts_event_t *ev);
static int stn_ts_config(stn_ts_t *t, const stn_es_unit_t *u);
static void stn_ts_audio(stn_ts_t *t, stn_es_unit_t *u, stn_ts_event_t *ev);
static int64_t stn_ts_clock(stn_ts_t *t, const stn_es_unit_t *u);
static int64_t stn_ts_now(const stn_ts_t *t);
static int stn_ts_pes(stn_ts_t *t);
static int stn_ts_end(stn_ts_t *t, int rc);
static int stn_ts_payload(stn_ts_t *t);
static int stn_ts_split(stn_ts_t *t);
static stn_es_kind_e stn_ts_syntax(stn_es_kind_e told, const AVPacket *pkt);
static int stn_ts_input(void *opaque, uint8_t *buf, int size);
static void stn_ts_null(uint8_t *buf);
static int stn_ts_packet(stn_ts_t *t, const uint8_t **packet);
static int stn_ts_wanted(stn_ts_t *t, const uint8_t *data);
static int stn_ts_is_audio(stn_ts_t *t, const stn_ts_packet_t *p);
static int stn_ts_look(stn_ts_t *t);
static void stn_ts_mark_all(stn_ts_t *t);
static int stn_ts_find(stn_ts_t *t, int *found);
static int stn_ts_is_gone(const AVProgram *program);
static unsigned stn_ts_tracks(const stn_ts_t *t, const AVProgram *program,
    int *found);
static int stn_ts_choose(stn_ts_t *t, int stream);
static int stn_ts_is_sound(const AVCodecParameters *par);
static int stn_ts_kind(const AVCodecParameters *par);


static const struct {
    enum AVCodecID  id;
    stn_es_kind_e   kind;
} stn_ts_kinds[] = {
    { AV_CODEC_ID_AAC, STN_ES_ADTS },
    { AV_CODEC_ID_AAC_LATM, STN_ES_LOAS },
    { AV_CODEC_ID_OPUS, STN_ES_OPUS },
    { AV_CODEC_ID_MP3, STN_ES_MPA },
    { AV_CODEC_ID_MP2, STN_ES_MPA },
    { AV_CODEC_ID_AC3, STN_ES_AC3 },
    { AV_CODEC_ID_EAC3, STN_ES_AC3 }
};


stn_ts_t *
stn_ts_open(stn_ts_read_pt read, void *data, unsigned track)
{
    stn_ts_t  *t;

    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return NULL;
    }

    t->read = read;
    t->data = data;
    t->track = track ? track : 1;
    t->stream = -1;

    if (stn_ts_init(t) != STN_OK) {
        stn_ts_close(t);
        return NULL;
    }

    return t;
}


void
stn_ts_close(stn_ts_t *t)
{
    if (t == NULL) {
        return;
    }

    if (t->splitting) {
        stn_es_free(&t->es);
    }

    avformat_close_input(&t->ctx);

    if (t->io) {
        av_freep(&t->io->buffer);
        avio_context_free(&t->io);
    }

    av_packet_free(&t->pkt);
    free(t);
}


static int
stn_ts_init(stn_ts_t *t)
{
    uint8_t  *io;

    t->pkt = av_packet_alloc();
    t->ctx = avformat_alloc_context();
    io = av_malloc(STN_TS_IO);

    if (t->pkt == NULL || t->ctx == NULL || io == NULL) {
        av_free(io);
        return STN_NOMEM;
    }

    t->io = avio_alloc_context(io, STN_TS_IO, 0, t, stn_ts_input, NULL, NULL);
    if (t->io == NULL) {
        av_free(io);
        return STN_NOMEM;
    }

    t->ctx->pb = t->io;
    t->ctx->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOPARSE
                     | AVFMT_FLAG_NOFILLIN | AVFMT_FLAG_NOBUFFER;
    t->ctx->probesize = STN_TS_PROBE;
    t->ctx->max_probe_packets = 1;
    t->ctx->correct_ts_overflow = 0;

    t->opening = 1;

    if (avformat_open_input(&t->ctx, "", av_find_input_format("mpegts"), NULL)
        < 0)
    {
        return STN_NOMEM;
    }

    t->opening = 0;

    return STN_OK;
}


static int
stn_ts_fail(stn_ts_t *t, int rc, const char *reason)
{
    t->failed = rc;
    t->reason = reason;

    return rc;
}


const char *
stn_ts_reason(const stn_ts_t *t)
{
    return t->reason;
}


const stn_ts_stats_t *
stn_ts_stats(const stn_ts_t *t)
{
    return &t->stats;
}


int
stn_ts_next(stn_ts_t *t, stn_ts_event_t *ev)
{
    int  rc;

    while (t->failed == STN_OK) {
        rc = stn_ts_event(t, ev);

        if (rc == STN_OK) {
            return STN_OK;
        }

        if (rc == STN_AGAIN) {
            rc = stn_ts_pes(t);
        }

        if (rc == STN_AGAIN) {
            ev->type = STN_TS_EV_END;
            return STN_OK;
        }
    }

    return t->failed;
}


/* What the splitter has.  Returns STN_OK, STN_AGAIN, or negative. */

static int
stn_ts_event(stn_ts_t *t, stn_ts_event_t *ev)
{
    int  rc;

    if (!t->held) {
        if (!t->splitting) {
            return STN_AGAIN;
        }

        rc = stn_es_next(&t->es, &t->unit);
        t->stats.broken_units = t->es.broken;

        if (rc != STN_OK) {
            return rc < 0 ? stn_ts_fail(t, rc, t->es.reason) : rc;
        }

        t->proven = 1;
        t->held = 1;
    }

    if (stn_ts_config(t, &t->unit)) {
        ev->type = STN_TS_EV_CONFIG;
        ev->config.codec = t->codec;
        ev->config.data = t->config_len ? t->config : NULL;
        ev->config.len = t->config_len;
        return STN_OK;
    }

    t->held = 0;
    stn_ts_audio(t, &t->unit, ev);

    return STN_OK;
}


/* Whether u has another config than the units before it, which is kept. */

static int
stn_ts_config(stn_ts_t *t, const stn_es_unit_t *u)
{
    size_t              len;
    const uint8_t      *config;
    AVCodecParameters  *par;

    config = u->config;
    len = u->config_len;

    if (u->codec == STN_CODEC_OPUS) {
        par = t->ctx->streams[t->stream]->codecpar;
        config = par->extradata;
        len = par->extradata_size > 0 ? (size_t) par->extradata_size : 0;
    }

    if (len > sizeof(t->config)) {
        len = 0;
    }

    if (t->configured && t->codec == u->codec && t->config_len == len
        && (len == 0 || memcmp(t->config, config, len) == 0))
    {
        return 0;
    }

    t->configured = 1;
    t->codec = u->codec;
    t->config_len = len;

    if (len) {
        memcpy(t->config, config, len);
    }

    return 1;
}


static void
stn_ts_audio(stn_ts_t *t, stn_es_unit_t *u, stn_ts_event_t *ev)
{
    t->stats.units++;

    ev->type = STN_TS_EV_AUDIO;
    ev->au.data = u->data;
    ev->au.len = u->len;
    ev->au.ts = stn_ts_clock(t, u);
    ev->au.level = 0;
}


/* The unit's time; and the clock goes on to its end. */

static int64_t
stn_ts_clock(stn_ts_t *t, const stn_es_unit_t *u)
{
    int64_t   ts;
    uint64_t  ahead;

    if (u->stamped && t->pts != AV_NOPTS_VALUE) {
        ts = stn_ts_now(t);

        /* the nearest time with these 33 bits */

        ahead = ((uint64_t) t->pts - (uint64_t) ts) << (64 - STN_TS_PTS_BITS);

        t->base = t->stats.units == 1
                  ? t->pts : ts + ((int64_t) ahead >> (64 - STN_TS_PTS_BITS));
        t->samples = 0;
    }

    if (t->rate != u->rate) {
        t->base = stn_ts_now(t);
        t->samples = 0;
        t->rate = u->rate;
    }

    t->samples += (int64_t) u->skipped * u->samples;
    ts = stn_ts_now(t);
    t->samples += u->samples;

    return ts;
}


static int64_t
stn_ts_now(const stn_ts_t *t)
{
    return t->rate
           ? t->base + stn_rescale(t->samples, STN_TS_HZ, t->rate) : t->base;
}


/*
 * Gives the splitter one more PES packet.  A frame that it has not seen the
 * end of is forgotten when there was a gap since the PES packet before began,
 * be it inside that or behind it.  Returns STN_OK, STN_AGAIN at the end, or
 * negative.
 */

static int
stn_ts_pes(stn_ts_t *t)
{
    int  rc;

    if (t->splitting && t->gap_at > t->pes_at) {
        stn_es_gap(&t->es);
    }

    rc = av_read_frame(t->ctx, t->pkt);

    if (t->failed != STN_OK) {
        av_packet_unref(t->pkt);
        return t->failed;
    }

    if (rc < 0) {
        return stn_ts_end(t, rc);
    }

    rc = t->pkt->stream_index == t->stream ? stn_ts_payload(t) : STN_OK;

    av_packet_unref(t->pkt);

    return rc;
}


/* No packet came.  After a broken one there are more. */

static int
stn_ts_end(stn_ts_t *t, int rc)
{
    if (rc == AVERROR_INVALIDDATA) {
        return STN_OK;
    }

    if (rc == AVERROR(ENOMEM)) {
        return stn_ts_fail(t, STN_NOMEM, "out of memory");
    }

    if (t->cut) {
        return stn_ts_fail(t, STN_ERROR, "transport stream cut off");
    }

    if (t->ended) {
        return STN_AGAIN;
    }

    return stn_ts_fail(t, STN_ERROR, "transport stream that cannot be read");
}


static int
stn_ts_payload(stn_ts_t *t)
{
    int  rc;

    if (t->splitting && t->gap_at > t->pes_at) {
        stn_es_gap(&t->es);
    }

    rc = stn_ts_split(t);
    if (rc != STN_OK) {
        return rc;
    }

    t->stats.pes++;
    t->pts = t->pkt->pts;
    t->pes_at = t->pkt->pos;

    rc = stn_es_feed(&t->es, t->pkt->data, (size_t) t->pkt->size);

    return rc < 0 ? stn_ts_fail(t, rc, "PES packet too long") : STN_OK;
}


/* Sets the splitter up for what is in the packet, unless it is. */

static int
stn_ts_split(stn_ts_t *t)
{
    int            kind;
    uint64_t       broken;
    stn_es_kind_e  real;

    kind = stn_ts_kind(t->ctx->streams[t->stream]->codecpar);
    if (kind < 0) {
        return stn_ts_fail(t, STN_UNSUPPORTED, "audio that is not carried");
    }

    real = stn_ts_syntax((stn_es_kind_e) kind, t->pkt);
    broken = 0;

    if (t->splitting) {
        if (t->told == (stn_es_kind_e) kind
            && (t->proven || t->es.kind == real))
        {
            return STN_OK;
        }

        broken = t->es.broken;
        stn_es_free(&t->es);
    }

    stn_es_init(&t->es, real);
    t->es.broken = broken;
    t->told = (stn_es_kind_e) kind;
    t->splitting = 1;
    t->proven = 0;

    return STN_OK;
}


/* For AAC the bytes know better than the tables. */

static stn_es_kind_e
stn_ts_syntax(stn_es_kind_e told, const AVPacket *pkt)
{
    size_t             n;
    stn_adts_header_t  adts;

    n = (size_t) pkt->size;

    if (told == STN_ES_LOAS && stn_loas_header(pkt->data, n, &n) == STN_ERROR
        && stn_adts_header(&adts, pkt->data, n) == STN_OK)
    {
        return STN_ES_ADTS;
    }

    if (told == STN_ES_ADTS
        && stn_adts_header(&adts, pkt->data, n) == STN_ERROR
        && stn_loas_header(pkt->data, n, &n) == STN_OK)
    {
        return STN_ES_LOAS;
    }

    return told;
}


/* What libavformat reads by: one packet. */

static int
stn_ts_input(void *opaque, uint8_t *buf, int size)
{
    int             rc;
    stn_ts_t       *t = opaque;
    const uint8_t  *packet;

    if (size < STN_TS_PACKET_LEN) {
        return AVERROR(EINVAL);
    }

    if (t->opening) {
        stn_ts_null(buf);

    } else {
        if (t->failed != STN_OK || stn_ts_look(t) != STN_OK) {
            return AVERROR_EXIT;
        }

        rc = stn_ts_packet(t, &packet);
        if (rc != STN_OK) {
            return rc == STN_AGAIN ? AVERROR_EOF : AVERROR_EXIT;
        }

        memcpy(buf, packet, STN_TS_PACKET_LEN);
    }

    t->given += STN_TS_PACKET_LEN;

    return STN_TS_PACKET_LEN;
}


static void
stn_ts_null(uint8_t *buf)
{
    memset(buf, 0xff, STN_TS_PACKET_LEN);

    buf[0] = 0x47;
    buf[1] = STN_TS_PID_NULL >> 8;
    buf[3] = 0x10;
}


/* The next packet that libavformat is to see.  Returns STN_OK, STN_AGAIN at
 * the end, or negative. */

static int
stn_ts_packet(stn_ts_t *t, const uint8_t **packet)
{
    int       n;
    size_t    size;
    uint8_t  *room;

    for ( ;; ) {
        while (stn_ts_sync_next(&t->sync, packet) == STN_OK) {
            if (stn_ts_wanted(t, *packet)) {
                return t->failed;
            }
        }

        t->stats.garbage = t->sync.garbage;

        if (t->sync.run > STN_TS_GARBAGE_MAX) {
            return stn_ts_fail(t, STN_ERROR, "no MPEG transport stream");
        }

        if (t->ended) {
            return STN_AGAIN;
        }

        room = stn_ts_sync_room(&t->sync, &size);

        n = t->read(t->data, room, size);

        if (n > 0) {
            stn_ts_sync_feed(&t->sync, (size_t) n);

        } else {
            t->ended = 1;
            t->cut = n < 0;
        }
    }
}


/* Whether it is for libavformat to read, or for us to stop at. */

static int
stn_ts_wanted(stn_ts_t *t, const uint8_t *data)
{
    stn_ts_packet_t  p;

    stn_ts_packet_read(&p, data);

    t->stats.packets++;

    if (p.broken) {
        t->stats.broken_packets++;
        return 0;
    }

    if (p.pid == STN_TS_PID_PAT || stn_ts_is_marked(t->maps, p.pid)) {
        t->looking = 1;
        return 1;
    }

    if (t->stats.pid && p.pid == t->stats.pid) {
        return stn_ts_is_audio(t, &p);
    }

    if (stn_ts_is_marked(t->video, p.pid)) {
        t->stats.video_packets++;

    } else {
        t->stats.foreign_packets++;
    }

    return 0;
}


static int
stn_ts_is_audio(stn_ts_t *t, const stn_ts_packet_t *p)
{
    int       wanted;
    uint64_t  gaps;

    gaps = t->follow.gaps;
    wanted = stn_ts_track_follow(&t->follow, p);

    if (t->follow.gaps != gaps) {
        t->gap_at = t->given;
    }

    t->stats.audio_packets++;
    t->stats.continuity_errors = t->follow.lost;
    t->stats.scrambled_packets = t->follow.scrambled;

    if (t->follow.scrambled_run > STN_TS_SCRAMBLED_MAX) {
        stn_ts_fail(t, STN_UNSUPPORTED, "scrambled audio");
        return 1;
    }

    return wanted;
}


/* Looks at what libavformat made of a table. */

static int
stn_ts_look(stn_ts_t *t)
{
    int  rc, found;

    if (!t->looking) {
        return STN_OK;
    }

    t->looking = 0;

    if (t->ctx->nb_programs > STN_TS_PROGRAMS_MAX) {
        return stn_ts_fail(t, STN_LIMIT, "too many programs");
    }

    if (t->ctx->nb_streams > STN_TS_STREAMS_MAX) {
        return stn_ts_fail(t, STN_LIMIT, "too many streams");
    }

    stn_ts_mark_all(t);

    rc = stn_ts_find(t, &found);

    return rc == STN_OK && found >= 0 ? stn_ts_choose(t, found) : rc;
}


/* Which PIDs are video, and which have maps that are looked into. */

static void
stn_ts_mark_all(stn_ts_t *t)
{
    unsigned          i, n;
    const AVStream   *st;
    const AVProgram  *program;

    memset(t->video, 0, sizeof(t->video));
    memset(t->maps, 0, sizeof(t->maps));

    for (i = 0; i < t->ctx->nb_streams; i++) {
        st = t->ctx->streams[i];

        if (st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
            stn_ts_mark(t->video, (unsigned) st->id % STN_TS_PIDS);
        }
    }

    for (i = 0, n = 0; i < t->ctx->nb_programs && n < STN_TS_PROGRAMS; i++) {
        program = t->ctx->programs[i];

        stn_ts_mark(t->maps, (unsigned) program->pmt_pid % STN_TS_PIDS);
        n += !stn_ts_is_gone(program);
    }
}


/* The stream of our track; -1 as long as no program with audio is known, or
 * when its map changed to one without. */

static int
stn_ts_find(stn_ts_t *t, int *found)
{
    unsigned          i, n, tracks, unknown;
    const AVProgram  *program;

    *found = -1;
    unknown = t->ctx->nb_programs == 0;

    for (i = 0, n = 0; i < t->ctx->nb_programs && n < STN_TS_PROGRAMS; i++) {
        program = t->ctx->programs[i];

        tracks = stn_ts_tracks(t, program, found);

        if (tracks) {
            t->stats.tracks = tracks;

            return *found >= 0 ? STN_OK
                   : stn_ts_fail(t, STN_UNSUPPORTED, "no such audio track");
        }

        n += !stn_ts_is_gone(program);
        unknown = unknown || program->pmt_version < 0;
    }

    if (!unknown && t->stream < 0) {
        return stn_ts_fail(t, STN_UNSUPPORTED, "no audio track");
    }

    return STN_OK;
}


/* libavformat forgets no program, but empties those that are no more. */

static int
stn_ts_is_gone(const AVProgram *program)
{
    return program->pmt_version >= 0 && program->nb_stream_indexes == 0;
}


/* How many audio tracks the program has; and which stream is ours. */

static unsigned
stn_ts_tracks(const stn_ts_t *t, const AVProgram *program, int *found)
{
    unsigned  i, n, index;

    for (i = 0, n = 0; i < program->nb_stream_indexes; i++) {
        index = program->stream_index[i];

        if (stn_ts_is_sound(t->ctx->streams[index]->codecpar)
            && ++n == t->track)
        {
            *found = (int) index;
        }
    }

    return n;
}


static int
stn_ts_choose(stn_ts_t *t, int stream)
{
    const AVStream  *st;

    st = t->ctx->streams[stream];

    if (stn_ts_kind(st->codecpar) < 0) {
        return stn_ts_fail(t, STN_UNSUPPORTED, "audio that is not carried");
    }

    if (t->stream == stream) {
        return STN_OK;
    }

    t->stream = stream;
    t->stats.pid = (unsigned) st->id % STN_TS_PIDS;
    t->gap_at = t->given;
    stn_ts_track_init(&t->follow);

    return STN_OK;
}


/* LATM has no type before libavformat has seen some of it. */

static int
stn_ts_is_sound(const AVCodecParameters *par)
{
    return par->codec_type == AVMEDIA_TYPE_AUDIO
           || par->codec_tag == STN_TS_TYPE_LATM;
}


/* Returns a stn_es_kind_e, or -1. */

static int
stn_ts_kind(const AVCodecParameters *par)
{
    size_t  i;

    switch (par->codec_tag) {

    case STN_TS_TYPE_LATM:
        return STN_ES_LOAS;

    case STN_TS_TYPE_SL:
    case STN_TS_TYPE_RAW:
    case STN_TS_TYPE_SE_AC3:
    case STN_TS_TYPE_SE_EAC3:
    case STN_TS_TYPE_SE_AAC:
        return -1;
    }

    for (i = 0; i < stn_nelems(stn_ts_kinds); i++) {
        if (stn_ts_kinds[i].id == par->codec_id) {
            return (int) stn_ts_kinds[i].kind;
        }
    }

    return -1;
}
