/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A replay's media file as a whole: how it begins, and how it becomes an
 * ordinary MP4 file when it is done, with a table of all samples (ISO/IEC
 * 14496-12 section 8.6), that every player knows the length of and seeks in at
 * once.  Nothing in it moves for that: the fragments become what an mdat
 * has.
 *
 *     growing:  ftyp  free          moov  free moof mdat free moof mdat ...
 *     done:     ftyp  mdat -------------------------------------------- moov
 */

#ifndef STN_REPLAY_INDEX_H
#define STN_REPLAY_INDEX_H

#include "replay/stn_replay_walk.h"


/* Room for the head of an mdat of any size. */
#define STN_REPLAY_ROOM  16

/* The longest moov: a week of 48 kHz. */
#define STN_REPLAY_INDEX_MAX  (128 * 1024 * 1024)


/* Appends what a media file begins with, of an init segment: its boxes, and
 * the room behind the first one.  Returns STN_OK, STN_ERROR when it is none,
 * or the buffer's error. */
int stn_replay_head(stn_buf_t *out, const uint8_t *init, size_t len);

/* Where the room is, and what goes there when the file is done and its moov
 * lies at end.  init is one that stn_replay_head() has taken. */
size_t stn_replay_room_at(const uint8_t *init);
void stn_replay_room(uint8_t *room, const uint8_t *init, uint64_t end);

/*
 * Walks to the end of the file's parts, and appends the moov that goes there.
 * Returns STN_OK; STN_ERROR when the file cannot be read, STN_NOMEM, or the
 * buffer's error.
 */
int stn_replay_index(stn_replay_walk_t *w, const uint8_t *init, size_t len,
    stn_buf_t *out);


#endif /* STN_REPLAY_INDEX_H */
