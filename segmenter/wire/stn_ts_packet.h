/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transport stream packets before anybody looks into them (ISO/IEC 13818-1
 * 2.4.3): finding them in a stream of bytes, reading their headers, and
 * following one PID so that nothing is put together over a gap.
 */

#ifndef STN_TS_PACKET_H
#define STN_TS_PACKET_H

#include "stn_base.h"


#define STN_TS_PACKET_LEN    188
#define STN_TS_PAYLOAD_MAX   (STN_TS_PACKET_LEN - 4)

#define STN_TS_PIDS          8192
#define STN_TS_PID_PAT       0
#define STN_TS_PID_NULL      8191

/* Room that there always is for more input: an SRT payload fits. */
#define STN_TS_ROOM_MIN      1500


typedef struct {
    uint16_t        pid;
    uint8_t         cc;             /* continuity_counter */
    uint8_t         broken;         /* boolean: transport_error_indicator, or
                                       an adaptation field that is too long */
    uint8_t         start;          /* payload_unit_start_indicator */
    uint8_t         scrambled;      /* boolean */
    uint8_t         discontinuity;  /* boolean: cc may be anything */
    uint8_t         len;            /* bytes of payload; 0: there is none */
    const uint8_t  *payload;        /* inside the packet */
} stn_ts_packet_t;


/* Reads the header and adaptation field of STN_TS_PACKET_LEN bytes. */
void stn_ts_packet_read(stn_ts_packet_t *p, const uint8_t *data);


/* Input, and where its packets begin.  Starts as zeros. */

typedef struct {
    uint8_t   data[4096];
    size_t    pos;             /* what is read next */
    size_t    last;            /* end of the input */
    unsigned  locked;          /* boolean: pos is where a packet begins */
    uint64_t  garbage;         /* bytes stepped over */
    uint64_t  run;             /* of them, since the last packet */
} stn_ts_sync_t;

/* Where more input goes: at least STN_TS_ROOM_MIN bytes, *n of them.  Valid
 * after stn_ts_sync_next() said STN_AGAIN. */
uint8_t *stn_ts_sync_room(stn_ts_sync_t *s, size_t *n);

/* n bytes were put there. */
void stn_ts_sync_feed(stn_ts_sync_t *s, size_t n);

/*
 * The next packet, good until the next call of stn_ts_sync_room().  The first
 * one, and the first after garbage, count when another sync byte is where the
 * next packet must begin.  Returns STN_OK or STN_AGAIN.
 */
int stn_ts_sync_next(stn_ts_sync_t *s, const uint8_t **packet);


/* One PID with PES packets in it. */

typedef struct {
    int       cc;              /* of the last packet; negative: none */
    unsigned  skipping;        /* boolean: to where a PES packet begins */
    unsigned  scrambled_run;   /* packets since one that was not */
    uint8_t   len;             /* of the last packet's payload */
    uint8_t   payload[STN_TS_PAYLOAD_MAX];

    uint64_t  gaps;            /* where packets were lost or not usable */
    uint64_t  lost;            /* of them, told by cc */
    uint64_t  scrambled;       /* packets */
} stn_ts_track_t;

/* Starts on another PID; the counters go on. */
void stn_ts_track_init(stn_ts_track_t *t);

/*
 * Whether the packet, of this PID and not broken, belongs to a PES packet of
 * which everything came so far.  What is repeated, scrambled, or behind a gap,
 * does not; a gap raises gaps.  Returns 1 or 0.
 */
int stn_ts_track_follow(stn_ts_track_t *t, const stn_ts_packet_t *p);


/* The packets of tables that came last, of each PID those since a section
 * began: what a demuxer that starts in mid-stream wants first. */

#define STN_TS_TABLES_MAX    32

typedef struct {
    unsigned  n;
    uint8_t   packets[STN_TS_TABLES_MAX][STN_TS_PACKET_LEN];
} stn_ts_tables_t;

/* Keeps one more, unless there is no room; data is the whole packet p. */
void stn_ts_tables_keep(stn_ts_tables_t *t, const stn_ts_packet_t *p,
    const uint8_t *data);


#endif /* STN_TS_PACKET_H */
