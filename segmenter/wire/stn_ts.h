/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * MPEG-TS as SRT brings it: a stream of bytes goes in, the access units of one
 * audio track come out, by libavformat's demuxer (ISO/IEC 13818-1).  Only
 * tables and that track reach libavformat; video and all else are dropped in
 * front of it, unread.  It needs no seeking, no look ahead and no probing: a
 * unit comes out with the packet that ends its PES packet.
 *
 * One thread owns an object and may wait inside it for input.  Memory is
 * bounded whatever comes.  libav logs to stderr unless stn_cmaf_quiet() was
 * called.
 */

#ifndef STN_TS_H
#define STN_TS_H

#include "stn_au.h"
#include "stn_format.h"


/* The least that is asked for at once: an SRT payload fits. */
#define STN_TS_READ_MIN      1500

/* Bytes without a packet among them, or more of them than of packets: then it
 * is no transport stream. */
#define STN_TS_GARBAGE_MAX   (1024 * 1024)

/* Programs that are looked into; programs and streams that tables may name
 * before they are too many. */
#define STN_TS_PROGRAMS      8
#define STN_TS_PROGRAMS_MAX  512
#define STN_TS_STREAMS_MAX   512

/* Packets of the track, one after the other, that are scrambled: then it is. */
#define STN_TS_SCRAMBLED_MAX  50


typedef struct stn_ts_s  stn_ts_t;


/*
 * Reads up to size bytes (STN_TS_READ_MIN or more) to buf, waiting as long as
 * its owner wants.  Returns how many; 0 at the end; negative when the input
 * was cut off, or nobody wants it any more.  It is called by stn_ts_next() and
 * may ask for stn_ts_stats().
 */
typedef int (*stn_ts_read_pt)(void *data, uint8_t *buf, size_t size);


typedef enum {
    STN_TS_EV_CONFIG = 0,      /* config, of the units from here on */
    STN_TS_EV_AUDIO,           /* au */
    STN_TS_EV_END              /* of the input */
} stn_ts_event_e;


/* Bytes are good until the next call of stn_ts_next() or stn_ts_close(). */

typedef struct {
    stn_ts_event_e  type;

    union {
        struct {
            stn_codec_e     codec;
            const uint8_t  *data;    /* what stn_wire_format() takes; */
            size_t          len;     /* 0: it has none */
        } config;

        stn_au_t         au;         /* at least 1 byte; its ts may jump */
    };
} stn_ts_event_t;


/* What came so far. */

typedef struct {
    uint64_t  packets;             /* transport stream packets in all */
    uint64_t  audio_packets;       /* of the track */
    uint64_t  video_packets;       /* dropped */
    uint64_t  foreign_packets;     /* dropped: other PIDs, null packets */
    uint64_t  broken_packets;      /* dropped: marked so by who received them,
                                      or not well-formed */
    uint64_t  scrambled_packets;   /* of the track; dropped */
    uint64_t  continuity_errors;   /* of the track: packets are missing */
    uint64_t  garbage;             /* bytes between packets */
    uint64_t  pes;                 /* PES packets of the track */
    uint64_t  units;               /* access units handed out */
    uint64_t  broken_units;        /* broken or cut frames, runs of garbage */
    unsigned  tracks;              /* audio tracks of the program; 0: not
                                      known yet */
    unsigned  pid;                 /* of the track; 0: not known yet */
} stn_ts_stats_t;


/*
 * Opens a demuxer that reads by read(data, ...); nothing is read yet.  track
 * counts the audio tracks of a program in the order of its map (2.4.4.8), from
 * 1; 0 is the first, too.  The program is the first one that has audio.
 * Returns NULL out of memory.
 */
stn_ts_t *stn_ts_open(stn_ts_read_pt read, void *data, unsigned track);

void stn_ts_close(stn_ts_t *t);

/*
 * Reads on to the next event.
 *
 * CONFIG comes before the first AUDIO, and whenever codec or config change.
 * AAC is given as raw access units (ADTS headers and LATM taken off) with an
 * AudioSpecificConfig; Opus packets come without their control headers, with
 * an OpusHead; MP3, MPEG layer II (as STN_CODEC_MP3, whose decoders read it),
 * AC-3 and E-AC-3 as whole frames, without a config.
 *
 * A unit's ts is the PTS of its PES packet (2.4.3.7), unwrapped from 33 bits,
 * or where the unit before it ends.  Units with bytes missing are dropped.  A
 * PES packet that does not tell its length ends where the next one begins, and
 * its units come then.
 *
 * Returns STN_OK with ev filled, END included, which comes again and again; or
 * negative, with stn_ts_reason(): STN_ERROR when it was cut off or is no
 * transport stream; STN_UNSUPPORTED when there is no such track, or it is
 * scrambled or of a kind that is not carried; STN_LIMIT over the number of
 * programs or streams; STN_NOMEM.  A failure is sticky.
 */
int stn_ts_next(stn_ts_t *t, stn_ts_event_t *ev);

/* Why stn_ts_next() failed: a static string; NULL when it did not. */
const char *stn_ts_reason(const stn_ts_t *t);

/* Good as long as t. */
const stn_ts_stats_t *stn_ts_stats(const stn_ts_t *t);


#endif /* STN_TS_H */
