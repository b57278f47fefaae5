/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A walk along the parts of a replay's file, which may have been torn off
 * anywhere: by a process that was killed, a disk that was full, or a machine
 * that lost its power.  Whoever owns the file reads for us; what is behind the
 * last whole part he cuts off, and goes on writing there.
 */

#ifndef STN_REPLAY_WALK_H
#define STN_REPLAY_WALK_H

#include "replay/stn_replay_part.h"
#include "replay/stn_replay_record.h"


/* Reads len bytes at offset of the file to buf.  Returns STN_OK, or STN_ERROR
 * when it could not read all of them. */
typedef int (*stn_replay_read_pt)(void *data, uint64_t offset, uint8_t *buf,
    size_t len);


typedef struct {
    stn_replay_read_pt   read;
    void                *data;
    uint64_t             size;     /* of the file */
    uint64_t             from;     /* what is behind it is checked by its CRC */
    uint64_t             at;       /* where the next record would be */
    uint64_t             start;    /* where the one that was found is, */
    stn_replay_record_t  record;   /* what it says, */
    stn_replay_part_t    part;     /* and its part; points into buf */
    stn_buf_t            buf;
} stn_replay_walk_t;


/* Begins at at, a record of a file of size bytes.  Allocates nothing yet. */
void stn_replay_walk_init(stn_replay_walk_t *w, stn_replay_read_pt read,
    void *data, uint64_t at, uint64_t size);

void stn_replay_walk_free(stn_replay_walk_t *w);

/*
 * Goes on to the next part.  Returns STN_OK: it is whole; STN_AGAIN: there is
 * none, and the file is good up to at, its end if it was not torn; STN_ERROR
 * when it cannot be read, STN_NOMEM.
 */
int stn_replay_walk_next(stn_replay_walk_t *w);


#endif /* STN_REPLAY_WALK_H */
