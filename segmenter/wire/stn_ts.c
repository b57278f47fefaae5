/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * libavformat's mpegts demuxer behind stn_ts.h.  It is given one packet at a
 * time, of the tables and of the track alone, so that what it knows of
 * programs decides which packet is next.  It reads tables and descriptors and
 * puts PES packets together; its parsers, which hold frames back, are off, and
 * stn_ts_units does the rest.  A map that changed is read by a new demuxer,
 * for an old one keeps what it knew.  Runs on the thread of one connection.
 */

#include "wire/stn_ts.h"

#include <libavformat/avformat.h>

#include <stdlib.h>
#include <string.h>

#include "wire/stn_ts_packet.h"
#include "wire/stn_ts_units.h"


/* libavformat's read buffer.  It does not work with less. */
#define STN_TS_IO            32768

/* libavformat measures packets before it reads them: it wants seven, or 44
 * when it is not sure, and then looks for tables in as many as we let it.
 * Null packets serve for both, so that opening does not wait for input. */
#define STN_TS_PROBE         (64 * STN_TS_PACKET_LEN)

/* Changes of the map that are always followed, and packets for one more.
 * Where there are more of them, only the PID is. */
#define STN_TS_RENEW_MAX     16
#define STN_TS_RENEW_PACKETS 1000

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


/* When the next demuxer takes over. */

typedef enum {
    STN_TS_STAY = 0,
    STN_TS_SOON,               /* where the track's next PES packet begins */
    STN_TS_NOW
} stn_ts_renew_e;


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
    int                program;    /* its number, */
    int                version;    /* and that of its map */
    unsigned           opening;    /* boolean: null packets are given */
    unsigned           looking;    /* boolean: a table's packet was given */
    unsigned           ended;      /* boolean: read said so, */
    unsigned           cut;        /* or that it was cut off */
    uint8_t            video[STN_TS_PIDS / 8];     /* by PID: it is video, */
    uint8_t            maps[STN_TS_PIDS / 8];      /* or maps of programs */

    stn_ts_renew_e     renew;
    uint64_t           renewed;    /* changes of the map that were followed */
    stn_ts_tables_t    tables;
    unsigned           replay;     /* of them, given to the new demuxer */
    uint8_t            kept[STN_TS_PACKET_LEN];    /* given behind them */
    unsigned           keeping;    /* boolean: there is one */

    int64_t            given;      /* bytes, to this demuxer */
    int64_t            gap_at;     /* of them, where the last gap was */
    int64_t            pes_at;     /* and the last PES packet began */

    stn_ts_units_t     units;
    stn_ts_stats_t     stats;
    int                failed;     /* STN_OK, or what next returned; sticky */
    const char        *reason;
};


static int stn_ts_start(stn_ts_t *t);
static void stn_ts_stop(stn_ts_t *t);
static int stn_ts_fail(stn_ts_t *t, int rc, const char *reason);
static int stn_ts_pes(stn_ts_t *t);
static int stn_ts_end(stn_ts_t *t, int rc);
static int stn_ts_payload(stn_ts_t *t);
static void stn_ts_gap(stn_ts_t *t);
static int stn_ts_renew(stn_ts_t *t);
static int stn_ts_input(void *opaque, uint8_t *buf, int size);
static void stn_ts_null(uint8_t *buf);
static int stn_ts_packet(stn_ts_t *t, const uint8_t **packet);
static int stn_ts_replay(stn_ts_t *t, const uint8_t **packet);
static void stn_ts_fill(stn_ts_t *t);
static int stn_ts_wanted(stn_ts_t *t, const uint8_t *data);
static int stn_ts_is_audio(stn_ts_t *t, const stn_ts_packet_t *p);
static int stn_ts_look(stn_ts_t *t);
static void stn_ts_mark_all(stn_ts_t *t);
static const AVProgram *stn_ts_find(stn_ts_t *t, int *stream);
static int stn_ts_is_gone(const AVProgram *program);
static unsigned stn_ts_tracks(const stn_ts_t *t, const AVProgram *program,
    int *stream);
static int stn_ts_choose(stn_ts_t *t, const AVProgram *program, int stream);
static int stn_ts_follows(stn_ts_t *t, const AVProgram *program, unsigned pid);
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
    t->replay = STN_TS_TABLES_MAX;

    stn_ts_units_init(&t->units);

    t->pkt = av_packet_alloc();

    if (t->pkt == NULL || stn_ts_start(t) != STN_OK) {
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

    stn_ts_stop(t);
    stn_ts_units_free(&t->units);
    av_packet_free(&t->pkt);
    free(t);
}


/* A demuxer that has seen nothing yet. */

static int
stn_ts_start(stn_ts_t *t)
{
    uint8_t  *io;

    t->ctx = avformat_alloc_context();
    io = av_malloc(STN_TS_IO);

    if (t->ctx == NULL || io == NULL) {
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


static void
stn_ts_stop(stn_ts_t *t)
{
    avformat_close_input(&t->ctx);

    if (t->io) {
        av_freep(&t->io->buffer);
        avio_context_free(&t->io);
    }
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
        rc = stn_ts_units_next(&t->units, ev);

        t->stats.units = t->units.units;
        t->stats.broken_units = t->units.broken + t->units.es.broken;

        if (rc == STN_OK) {
            return STN_OK;
        }

        if (rc < 0) {
            return stn_ts_fail(t, rc, t->units.reason);
        }

        rc = stn_ts_pes(t);

        if (rc == STN_AGAIN) {
            ev->type = STN_TS_EV_END;
            return STN_OK;
        }
    }

    return t->failed;
}


/* One more PES packet.  Returns STN_OK, maybe without one; STN_AGAIN at the
 * end; or negative. */

static int
stn_ts_pes(stn_ts_t *t)
{
    int  rc;

    stn_ts_gap(t);

    rc = av_read_frame(t->ctx, t->pkt);

    if (t->failed != STN_OK) {
        rc = t->failed;

    } else if (rc < 0) {
        rc = stn_ts_end(t, rc);

    } else if (t->pkt->stream_index == t->stream) {
        stn_ts_gap(t);
        rc = stn_ts_payload(t);
    }

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

    if (t->renew == STN_TS_NOW) {
        return stn_ts_renew(t);
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
    int                       rc, kind;
    stn_ts_pes_t              pes;
    const AVCodecParameters  *par;

    par = t->ctx->streams[t->stream]->codecpar;

    kind = stn_ts_kind(par);
    if (kind < 0) {
        return stn_ts_fail(t, STN_UNSUPPORTED, "audio that is not carried");
    }

    t->stats.pes++;
    t->pes_at = t->pkt->pos;

    pes.kind = (stn_es_kind_e) kind;
    pes.data = t->pkt->data;
    pes.len = (size_t) t->pkt->size;
    pes.pts = t->pkt->pts == AV_NOPTS_VALUE ? STN_TS_NO_PTS : t->pkt->pts;
    pes.config = par->extradata;
    pes.config_len = par->extradata_size > 0 ? (size_t) par->extradata_size
                                             : 0;

    rc = stn_ts_units_feed(&t->units, &pes);

    return rc != STN_OK ? stn_ts_fail(t, rc, t->units.reason) : STN_OK;
}


/* A unit that has not ended is forgotten when there was a gap since the last
 * PES packet began, be it inside that or behind it. */

static void
stn_ts_gap(stn_ts_t *t)
{
    if (t->gap_at > t->pes_at) {
        stn_ts_units_gap(&t->units);
    }
}


/*
 * The next demuxer takes over.  It gets the tables that came last, and then
 * the packet that we stopped at.
 */

static int
stn_ts_renew(stn_ts_t *t)
{
    stn_ts_gap(t);
    stn_ts_stop(t);

    t->stream = -1;
    t->given = 0;
    t->gap_at = 0;
    t->pes_at = 0;
    t->replay = 0;
    t->renew = STN_TS_STAY;

    stn_ts_units_doubt(&t->units);

    if (stn_ts_start(t) != STN_OK) {
        return stn_ts_fail(t, STN_NOMEM, "out of memory");
    }

    return STN_OK;
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


/* The next packet that libavformat is to see.  Returns STN_OK; STN_AGAIN when
 * it is to see no more, because of the end or of the next demuxer; or
 * negative. */

static int
stn_ts_packet(stn_ts_t *t, const uint8_t **packet)
{
    if (t->renew == STN_TS_NOW) {
        return STN_AGAIN;
    }

    if (stn_ts_replay(t, packet)) {
        return STN_OK;
    }

    while (t->failed == STN_OK) {
        if (stn_ts_sync_next(&t->sync, packet) == STN_AGAIN) {
            t->stats.garbage = t->sync.garbage;

            if (t->ended) {
                return STN_AGAIN;
            }

            stn_ts_fill(t);
            continue;
        }

        if (!stn_ts_wanted(t, *packet)) {
            continue;
        }

        if (t->renew != STN_TS_NOW) {
            return STN_OK;
        }

        memcpy(t->kept, *packet, STN_TS_PACKET_LEN);
        t->keeping = 1;

        return STN_AGAIN;
    }

    return t->failed;
}


/* Whether there is a packet left that the last demuxer was not to see. */

static int
stn_ts_replay(stn_ts_t *t, const uint8_t **packet)
{
    if (t->replay < t->tables.n) {
        *packet = t->tables.packets[t->replay++];
        t->looking = 1;
        return 1;
    }

    t->replay = STN_TS_TABLES_MAX;

    if (!t->keeping) {
        return 0;
    }

    t->keeping = 0;

    if (t->stream < 0) {
        t->stats.pid = 0;
        return 0;
    }

    *packet = t->kept;

    return 1;
}


static void
stn_ts_fill(stn_ts_t *t)
{
    int       n;
    size_t    size;
    uint8_t  *room;

    if (t->sync.run > STN_TS_GARBAGE_MAX
        || t->sync.garbage > STN_TS_GARBAGE_MAX
                             + t->stats.packets * STN_TS_PACKET_LEN)
    {
        stn_ts_fail(t, STN_ERROR, "no MPEG transport stream");
        return;
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
        stn_ts_tables_keep(&t->tables, &p, data);
        t->looking = 1;
        return 1;
    }

    if (t->stream >= 0 && p.pid == t->stats.pid) {
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
    }

    if (wanted && p->start && t->renew == STN_TS_SOON) {
        t->renew = STN_TS_NOW;
    }

    return wanted;
}


/* Looks at what libavformat made of a table. */

static int
stn_ts_look(stn_ts_t *t)
{
    int               stream;
    const AVProgram  *program;

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

    program = stn_ts_find(t, &stream);

    return program ? stn_ts_choose(t, program, stream) : t->failed;
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


/* The program, and the stream of our track; NULL as long as none with audio
 * is known, or when its map changed to one without, or on failure. */

static const AVProgram *
stn_ts_find(stn_ts_t *t, int *stream)
{
    unsigned          i, n, tracks, unknown;
    const AVProgram  *program;

    *stream = -1;
    unknown = t->ctx->nb_programs == 0;

    for (i = 0, n = 0; i < t->ctx->nb_programs && n < STN_TS_PROGRAMS; i++) {
        program = t->ctx->programs[i];

        tracks = stn_ts_tracks(t, program, stream);

        if (*stream >= 0) {
            t->stats.tracks = tracks;
            return program;
        }

        if (tracks) {
            t->stats.tracks = tracks;
            stn_ts_fail(t, STN_UNSUPPORTED, "no such audio track");
            return NULL;
        }

        n += !stn_ts_is_gone(program);
        unknown = unknown || program->pmt_version < 0;
    }

    if (!unknown && t->stats.tracks == 0) {
        stn_ts_fail(t, STN_UNSUPPORTED, "no audio track");
    }

    return NULL;
}


/* libavformat forgets no program, but empties those that are no more. */

static int
stn_ts_is_gone(const AVProgram *program)
{
    return program->pmt_version >= 0 && program->nb_stream_indexes == 0;
}


/* How many audio tracks the program has; and which stream is ours. */

static unsigned
stn_ts_tracks(const stn_ts_t *t, const AVProgram *program, int *stream)
{
    unsigned  i, n, index;

    for (i = 0, n = 0; i < program->nb_stream_indexes; i++) {
        index = program->stream_index[i];

        if (stn_ts_is_sound(t->ctx->streams[index]->codecpar)
            && ++n == t->track)
        {
            *stream = (int) index;
        }
    }

    return n;
}


static int
stn_ts_choose(stn_ts_t *t, const AVProgram *program, int stream)
{
    unsigned         pid;
    const AVStream  *st;

    st = t->ctx->streams[stream];
    pid = (unsigned) st->id % STN_TS_PIDS;

    if (stn_ts_kind(st->codecpar) < 0) {
        return stn_ts_fail(t, STN_UNSUPPORTED, "audio that is not carried");
    }

    if (t->stream >= 0 && stn_ts_follows(t, program, pid)) {
        return STN_OK;
    }

    t->stream = stream;
    t->program = program->id;
    t->version = program->pmt_version;

    if (t->stats.pid != pid) {
        t->stats.pid = pid;
        t->gap_at = t->given;
        stn_ts_track_init(&t->follow);
    }

    return STN_OK;
}


/* Whether the map is another, and a new demuxer will read it. */

static int
stn_ts_follows(stn_ts_t *t, const AVProgram *program, unsigned pid)
{
    if (t->program == program->id && t->version == program->pmt_version) {
        return t->renew != STN_TS_STAY;
    }

    if (t->renewed
        >= STN_TS_RENEW_MAX + t->stats.packets / STN_TS_RENEW_PACKETS)
    {
        return 0;
    }

    t->program = program->id;
    t->version = program->pmt_version;
    t->renew = t->stats.pid == pid ? STN_TS_SOON : STN_TS_NOW;
    t->renewed++;

    return 1;
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
