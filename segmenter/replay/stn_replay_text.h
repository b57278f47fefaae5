/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a replay is told in: playlists of byte ranges (RFC 8216 section
 * 4.3.2.2), and its chapters as JSON.  All of it follows from the log, so that
 * whoever has the same files writes the same text.
 */

#ifndef STN_REPLAY_TEXT_H
#define STN_REPLAY_TEXT_H

#include "replay/stn_replay_log.h"


/* The longest text: STN_REPLAY_SEGMENTS of them. */
#define STN_REPLAY_TEXT_MAX  (8 * 1024 * 1024)

/* The longest name of a file. */
#define STN_REPLAY_NAME_MAX  64


/* The files of a rendition, counted from 0: its media, and its init segment.
 * A rendition's own name has no '~'. */
void stn_replay_media_name(char *name, const char *rendition, unsigned file);
void stn_replay_init_name(char *name, const char *rendition, unsigned file);

/* EXT-X-TARGETDURATION in seconds; the same for the whole replay. */
unsigned stn_replay_target(const stn_replay_log_t *log);

/*
 * Appends the media playlist of rendition i: of type EVENT, to which segments
 * are added only, begins with its first one for players that join, and ends
 * with the log.  It names the replay's directory, start, for it is also read
 * through "latest", which becomes another one's.  Returns STN_OK, or the
 * buffer's error.
 */
int stn_replay_playlist(const stn_replay_log_t *log, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out);

/* Where what a media playlist lists of that media file ends, the furthest of
 * any file if media is NULL; 0: it lists nothing of it.  The text may be of an
 * older version, or torn. */
uint64_t stn_replay_listed(const char *text, size_t len, const char *media);

/* Bits a second of rendition i: of its heaviest segment, and on average; 0:
 * nothing is listed yet. */
void stn_replay_bandwidth(const stn_replay_log_t *log, unsigned i,
    uint32_t *peak, uint32_t *average);

/* Appends the chapters of stream (which needs no escapes) as a JSON object.
 * Returns STN_OK, or the buffer's error. */
int stn_replay_chapters(const stn_replay_log_t *log, const char *stream,
    stn_buf_t *out);


#endif /* STN_REPLAY_TEXT_H */
