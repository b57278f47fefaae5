/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Writes a steering manifest (RFC 8216bis section 7.1) from a plain
 * description: JSON that tells a player in what order to use pathways.  All
 * texts are of characters that need no escape in JSON or in a URI; the caller
 * sees to that.
 */

#ifndef STN_STEERING_MANIFEST_H
#define STN_STEERING_MANIFEST_H

#include "stn_buf.h"


/* The longest manifest: some pathways of eight renditions need 16 KiB. */
#define STN_STEERING_MANIFEST_MAX  (64 * 1024)


typedef struct {
    const char  *id;
    const char  *base;           /* absolute URI of the stream's playlists
                                    there, with a '/' at its end; empty: only
                                    those who have it already can use it */
} stn_steering_pathway_t;


typedef struct {
    unsigned                       ttl;          /* s, at least 1 */
    const char                    *reload;       /* URI to ask from now on;
                                                    empty: the same */
    const stn_steering_pathway_t  *pathways;     /* best first, at least 1 */
    size_t                         npathways;
    const char                    *clone;        /* id of a pathway that the
                                                    player has for certain, of
                                                    which it may make others;
                                                    empty: of none */
    const char *const             *renditions;
    size_t                         nrenditions;
    const char                    *suffix;       /* between a rendition and
                                                    ".m3u8" */
} stn_steering_manifest_t;


/* Appends the manifest.  Returns STN_OK, or the buffer's error. */
int stn_steering_manifest(const stn_steering_manifest_t *m, stn_buf_t *out);


#endif /* STN_STEERING_MANIFEST_H */
