/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The RTMP chunk stream (RTMP specification 1.0, section 5.3): bytes in,
 * whole messages out.  Resumable at any byte.  A message that lies in one
 * piece in the input is handed out where it lies; one in several pieces is
 * put together in a buffer of its chunk stream.  Video, and whatever nobody
 * asked for, is never stored: it is counted as it streams past.
 */

#ifndef STN_RTMP_CHUNK_H
#define STN_RTMP_CHUNK_H

#include "stn_buf.h"


/* Chunk streams of one connection; encoders use five or so. */
#define STN_RTMP_CHUNK_STREAMS_MAX  64

/* The longest message of each kind that is put together.  A longer audio,
 * command or control message is an error; longer data is skipped.  FLAC makes
 * the longest audio: 48 KiB are 85 ms at 96 kHz in 24 bits, not compressed. */
#define STN_RTMP_CONTROL_MAX        64
#define STN_RTMP_AUDIO_MAX          (64 * 1024)
#define STN_RTMP_COMMAND_MAX        (64 * 1024)
#define STN_RTMP_DATA_MAX           (64 * 1024)

/* Reassembly memory of one connection, over all its chunk streams. */
#define STN_RTMP_REASSEMBLY_MAX     (256 * 1024)

/* A buffer over this size is given back once its message is dealt with. */
#define STN_RTMP_REASSEMBLY_KEEP    (16 * 1024)

/* What each side starts with (5.4.1), and the largest size there is. */
#define STN_RTMP_CHUNK_SIZE         128
#define STN_RTMP_CHUNK_SIZE_MAX     0x7fffffff


/* Message types (5.4, 7.1). */

#define STN_RTMP_SET_CHUNK_SIZE      1
#define STN_RTMP_ABORT               2
#define STN_RTMP_ACK                 3
#define STN_RTMP_USER_CONTROL        4
#define STN_RTMP_WINDOW_ACK_SIZE     5
#define STN_RTMP_SET_PEER_BANDWIDTH  6
#define STN_RTMP_AUDIO               8
#define STN_RTMP_VIDEO               9
#define STN_RTMP_DATA_AMF3           15
#define STN_RTMP_COMMAND_AMF3        17
#define STN_RTMP_DATA_AMF0           18
#define STN_RTMP_COMMAND_AMF0        20
#define STN_RTMP_AGGREGATE           22


typedef struct {
    uint8_t         type;
    uint32_t        stream_id;
    int64_t         time;      /* ms, unwrapped to 64 bits */
    const uint8_t  *data;      /* until the next call */
    size_t          len;
} stn_rtmp_msg_t;


/* One chunk stream: the header that later headers abbreviate, and the
 * message in progress. */

typedef struct {
    uint32_t    csid;
    uint32_t    time;          /* of the message in progress, 32 bits, ms */
    uint32_t    delta;         /* ms; what a type 3 header adds */
    uint32_t    ext;           /* the extended timestamp sent last */
    uint32_t    len;           /* of the message */
    uint32_t    got;           /* of it so far */
    uint32_t    stream_id;
    uint8_t     type;
    uint8_t     has_ext;       /* boolean: ext was in the last header */
    uint8_t     open;          /* boolean: a message is in progress */
    uint8_t     skip;          /* boolean: and is not wanted */
    stn_buf_t   buf;
} stn_rtmp_cs_t;


typedef struct {
    unsigned        state;     /* sw_* of stn_rtmp_chunk_next() */
    uint8_t         hdr[11];   /* of the header in progress */
    unsigned        hdr_len;
    unsigned        hdr_need;
    unsigned        fmt;
    uint32_t        size;      /* of the peer's chunks */
    uint32_t        left;      /* payload bytes of this chunk to come */
    stn_rtmp_cs_t  *cs;        /* of this chunk */
    stn_rtmp_cs_t  *done;      /* whose buffer the caller has just seen */

    stn_cur_t       back;      /* bytes to be read again before the input */
    uint8_t         back_bytes[4];

    int64_t         clock;     /* ms; the last audio message's time */
    unsigned        clock_set; /* boolean */

    size_t          memory;    /* of all buffers, bytes */
    size_t          ncs;
    stn_rtmp_cs_t   streams[STN_RTMP_CHUNK_STREAMS_MAX];

    /* counters, for whoever asks */

    uint64_t        video_messages;
    uint64_t        video_bytes;      /* payload */
    uint64_t        skipped_messages; /* neither video nor wanted */
    uint64_t        skipped_bytes;

    const char     *reason;    /* static; why a call failed */
} stn_rtmp_chunk_t;


void stn_rtmp_chunk_init(stn_rtmp_chunk_t *c);

void stn_rtmp_chunk_free(stn_rtmp_chunk_t *c);

/*
 * Reads in up to the end of the next message that is wanted: types 3 to 6, 8,
 * 15, 17, 18, 20 and 22.  Set Chunk Size and Abort are obeyed and not handed
 * out.  m->data points into in or into a buffer of c: good until the next
 * call with the same c, as long as in's memory is.
 *
 * Returns STN_OK with a message in m; STN_AGAIN when all of in is read;
 * STN_ERROR when the input breaks the specification; STN_LIMIT over one of
 * the limits above; STN_NOMEM.  On failure c->reason says why, and c is good
 * for nothing but stn_rtmp_chunk_free().
 */
int stn_rtmp_chunk_next(stn_rtmp_chunk_t *c, stn_cur_t *in,
    stn_rtmp_msg_t *m);


/*
 * Appends one message to out as chunks of at most size bytes, with a type 0
 * header, timestamp 0 and chunk stream csid (2..63).  Returns STN_OK or out's
 * sticky error.
 */
int stn_rtmp_chunk_put(stn_buf_t *out, uint32_t size, unsigned csid,
    const stn_rtmp_msg_t *m);


#endif /* STN_RTMP_CHUNK_H */
