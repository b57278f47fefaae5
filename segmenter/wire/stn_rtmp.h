/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The server's side of an RTMP publishing session, without a socket: bytes
 * from the broadcaster go in, events and answering bytes come out.  It takes
 * OBS, ffmpeg, GStreamer and their like from the handshake to deleteStream.
 * A session belongs to one caller and is not locked.  Nothing is allocated
 * per audio frame once the first few have been seen.
 */

#ifndef STN_RTMP_H
#define STN_RTMP_H

#include "stn_au.h"
#include "wire/stn_amf.h"
#include "wire/stn_flv.h"
#include "wire/stn_rtmp_chunk.h"
#include "wire/stn_rtmp_handshake.h"


/* A session's life:
 *
 *     stn_rtmp_init(&s, random);
 *     for ( ;; ) {
 *         receive, then stn_rtmp_feed(&s, bytes, n);
 *         while ((rc = stn_rtmp_next(&s, &ev)) == STN_OK) {
 *             act on ev;
 *         }
 *         send s.out.data, then stn_buf_drain(&s.out, sent);
 *         if (rc != STN_AGAIN) { close, s.reason says why }
 *     }
 *     stn_rtmp_free(&s);
 */

/* Answers not yet drained.  A client that asks for more without reading is
 * cut off. */
#define STN_RTMP_OUT_MAX          (64 * 1024)

/* What we tell the client (5.4.4, 5.4.5, 5.4.1). */
#define STN_RTMP_OUR_WINDOW       2500000
#define STN_RTMP_OUR_CHUNK_SIZE   4096

/* Bytes after which we acknowledge when the client has not said, and the
 * least that he may ask for. */
#define STN_RTMP_ACK_WINDOW       2500000
#define STN_RTMP_ACK_WINDOW_MIN   4096

/* The only message stream there is (7.2.1.3). */
#define STN_RTMP_STREAM_ID        1

/* The longest description that an answer carries; the rest is cut. */
#define STN_RTMP_DESCRIPTION_MAX  1024


typedef enum {
    STN_RTMP_EV_NONE = 0,      /* never handed out */
    STN_RTMP_EV_CONNECT,       /* connect; to be answered */
    STN_RTMP_EV_PUBLISH,       /* publish; to be answered */
    STN_RTMP_EV_META,          /* meta */
    STN_RTMP_EV_CONFIG,        /* config */
    STN_RTMP_EV_AUDIO,         /* au */
    STN_RTMP_EV_UNPUBLISH,     /* he announced his end (FCUnpublish) */
    STN_RTMP_EV_CLOSE,         /* he ended (deleteStream, closeStream) */
    STN_RTMP_EV_PLAY           /* play; refused already */
} stn_rtmp_event_e;


/* All strings and bytes of an event are good until the next call of
 * stn_rtmp_next(), stn_rtmp_feed() or stn_rtmp_free(). */

typedef struct {
    stn_rtmp_event_e  type;

    union {
        struct {
            stn_str_t    app;        /* no query, no slash at either end */
            stn_str_t    query;      /* what followed a '?' in app */
            stn_str_t    tcurl;      /* as sent */
            stn_str_t    encoder;    /* flashVer, as sent */
        } connect;

        struct {
            stn_str_t    name;       /* up to a '?'; may be empty */
            stn_str_t    query;      /* what followed it */
            stn_str_t    type;       /* "live", "record", "append" */
        } publish;

        stn_flv_meta_t   meta;

        struct {
            stn_codec_e     codec;   /* of the units from here on */
            const uint8_t  *data;    /* as in stn_format_t, not yet parsed; */
            size_t          len;     /* NULL and 0: it has none */
        } config;

        stn_au_t         au;         /* at least 1 byte; its ts may jump
                                      * either way, and be negative */

        struct {
            stn_str_t    name;
        } play;
    };
} stn_rtmp_event_t;


typedef enum {
    STN_RTMP_ST_HELLO = 0,     /* reading C0 and C1 */
    STN_RTMP_ST_ECHO,          /* reading C2 */
    STN_RTMP_ST_NEW,           /* connect is to come */
    STN_RTMP_ST_CONNECTING,    /* connect is the caller's to answer */
    STN_RTMP_ST_CONNECTED,     /* createStream is to come */
    STN_RTMP_ST_CREATED,       /* publish is to come */
    STN_RTMP_ST_ASKING,        /* publish is the caller's to answer */
    STN_RTMP_ST_PUBLISHING,
    STN_RTMP_ST_CLOSED         /* closed by the client, or refused by us */
} stn_rtmp_state_e;


typedef struct {
    stn_rtmp_state_e   state;
    stn_buf_t          out;        /* to be sent and drained by the caller */

    stn_cur_t          in;         /* what was fed and is not read yet */
    stn_rtmp_chunk_t   chunks;     /* counts video, too */
    stn_buf_t          scratch;    /* C0 C1; later one answer */
    size_t             echo_left;  /* bytes of C2 to come */
    uint8_t            random[STN_RTMP_RANDOM_LEN];

    double             txn;        /* transaction of connect */
    unsigned           enhanced;   /* boolean: connect spoke of codecs */
    unsigned           codecs;     /* 1 << stn_codec_e: what he is told that
                                      we take; the owner's to set */
    unsigned           track;      /* whose audio is handed out, of several;
                                      the owner's to set, 0 at first */
    unsigned           configured; /* boolean: a config was handed out */
    stn_codec_e        codec;      /* of that config */
    stn_au_t           held;       /* comes next, behind a config that was
                                      made up for it; len 0: none */
    uint32_t           chunk_size; /* of ours */

    stn_cur_t          tags;       /* of an aggregate, not read yet */
    int64_t            tags_time;  /* ms, of the aggregate */
    uint32_t           tags_base;  /* ms, of its first tag */
    unsigned           tags_begun; /* boolean: tags_base is set */

    uint32_t           ack_window;
    uint64_t           acked;      /* bytes_in at the last acknowledgement */

    /* counters, for whoever asks */

    uint64_t           bytes_in;   /* read, handshake included */
    uint64_t           audio_messages;
    uint64_t           stray_audio;       /* not publishing, or no config of
                                             its codec */
    uint64_t           unknown_commands;

    int                failed;     /* STN_OK, or what next returned; sticky */
    const char        *reason;     /* static; why it failed */
} stn_rtmp_t;


/*
 * Starts a session, seeding the handshake from STN_RTMP_RANDOM_LEN random
 * bytes.  Allocates nothing yet; returns STN_OK.
 */
int stn_rtmp_init(stn_rtmp_t *s, const uint8_t random[STN_RTMP_RANDOM_LEN]);

/* Gives back all memory.  s may be inited again. */
void stn_rtmp_free(stn_rtmp_t *s);

/*
 * Hands len bytes received from the client to s.  They stay the caller's and
 * must stay where they are until stn_rtmp_next() returns anything but STN_OK.
 * Returns STN_OK; STN_ERROR, having taken nothing, when bytes fed before are
 * still unread; the sticky error of a failed session.
 */
int stn_rtmp_feed(stn_rtmp_t *s, const uint8_t *data, size_t len);

/*
 * Reads on to the next event.  Returns STN_OK with ev filled; STN_AGAIN when
 * all that was fed is read; negative when the session must be closed, with
 * s->reason: STN_ERROR (broken input, out of order), STN_LIMIT, STN_NOMEM,
 * STN_UNSUPPORTED (audio of a codec that is not among stn_codec_e).  A failure
 * is sticky; what is in s->out then may still be sent.
 *
 * A CONNECT and a PUBLISH event must be answered before the next call: the
 * caller may take its time, and fails with STN_ERROR if it forgets.
 *
 * Audio, configs and metadata come only between an accepted publish and
 * CLOSE; after CLOSE the client may not publish again on this session.  A
 * CONFIG comes before the first AUDIO of each codec: as the client sent it, or
 * made up for MP3, AC-3 and E-AC-3, which have none.  Clients repeat theirs.
 */
int stn_rtmp_next(stn_rtmp_t *s, stn_rtmp_event_t *ev);


/*
 * The answers.  Each appends to s->out and returns STN_OK, or STN_ERROR when
 * there is no such question open, or s->out's error.  A description is at
 * most STN_RTMP_DESCRIPTION_MAX bytes; a code is one of section 7.2.2.6's
 * NetStream codes.
 */

/* Window Acknowledgement Size, Set Peer Bandwidth, Set Chunk Size, _result
 * NetConnection.Connect.Success (7.2.1.1).  A client of Enhanced RTMP is told
 * the codecs that s->codecs has: AAC alone, unless the owner knows better. */
int stn_rtmp_accept_connect(stn_rtmp_t *s);

/* _error NetConnection.Connect.Rejected.  OBS sits there until the socket is
 * closed: close it once s->out is sent. */
int stn_rtmp_reject_connect(stn_rtmp_t *s, const char *description);

/* Stream Begin and onStatus NetStream.Publish.Start. */
int stn_rtmp_accept_publish(stn_rtmp_t *s);

/*
 * onStatus of level error with code: "NetStream.Publish.BadName",
 * "NetStream.Publish.Denied", "NetStream.Failed".  Also allowed while
 * publishing and after a failure, to tell a client why he is cut off.  What
 * he sends afterwards is read and dropped.
 */
int stn_rtmp_reject_publish(stn_rtmp_t *s, const char *code,
    const char *description);


#endif /* STN_RTMP_H */
