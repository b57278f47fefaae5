/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the file of a replay says of each of its parts: a record that goes
 * before the part, in a "free" box (ISO/IEC 14496-12 section 8.1.2) that every
 * player passes over.  So the file is its own journal: a part is there when
 * its record and its bytes are, and what was torn off is seen.
 *
 *     ftyp free moov | free moof mdat | free moof mdat | ...
 *                      record  part     record  part
 */

#ifndef STN_REPLAY_RECORD_H
#define STN_REPLAY_RECORD_H

#include "stn_buf.h"


/* Bytes of a record, its box's head included. */
#define STN_REPLAY_RECORD_LEN  64

/* The longest part, as of stn_cmaf.h. */
#define STN_REPLAY_PART_MAX  (1024 * 1024)

/* The most samples a second that a track may have. */
#define STN_REPLAY_RATE_MAX  192000


typedef struct {
    uint64_t  msn;               /* of the live stream */
    uint32_t  part;              /* index in that segment */
    int64_t   pos;               /* samples since the Unix epoch */
    uint32_t  rate;              /* samples a second */
    uint32_t  duration;          /* samples */
    uint32_t  len;               /* bytes of moof and mdat */
    uint32_t  crc;               /* of them, as they are in the file */
    uint32_t  lost_ms;           /* missing before it; 0: it follows */
    unsigned  live:1;            /* boolean: not hold audio */
    unsigned  silent:1;          /* boolean: the broadcaster was silent */
    unsigned  last:1;            /* boolean: ends its segment */
} stn_replay_record_t;


/* Where the part begins and ends, in microseconds of Unix time. */
int64_t stn_replay_record_start(const stn_replay_record_t *r);
int64_t stn_replay_record_end(const stn_replay_record_t *r);

/* Appends a record.  Returns STN_OK, or the buffer's error. */
int stn_replay_record_put(stn_buf_t *out, const stn_replay_record_t *r);

/* Reads the STN_REPLAY_RECORD_LEN bytes at data.  Returns STN_OK, or
 * STN_ERROR: they are not, or no longer, a record. */
int stn_replay_record_get(const uint8_t *data, stn_replay_record_t *r);

/* CRC-32 (ISO 3309) of len more bytes; crc is 0 before the first. */
uint32_t stn_replay_crc(uint32_t crc, const uint8_t *data, size_t len);


#endif /* STN_REPLAY_RECORD_H */
