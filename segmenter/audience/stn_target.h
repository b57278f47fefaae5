/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a listener's request asks for: the path behind the location, the
 * delivery directives in its query (RFC 8216bis section 6.2.5), and whether he
 * takes gzip.  Everything unknown in a query is ignored, everything malformed
 * is an error with its reason.  Bytes come from anybody; nothing is allocated,
 * and names lie in the path that was read.
 */

#ifndef STN_TARGET_H
#define STN_TARGET_H

#include "stn_str.h"


/* What a path names. */

typedef enum {
    STN_TARGET_INDEX = 0,        /* NAME/index.m3u8 */
    STN_TARGET_STEERING,         /* NAME/steering.json */
    STN_TARGET_PLAYLIST,         /* NAME/REND.m3u8 */
    STN_TARGET_INIT,             /* NAME/REND/init-E.mp4 */
    STN_TARGET_SEGMENT,          /* NAME/REND/MSN.m4s */
    STN_TARGET_PART              /* NAME/REND/MSN.PART.m4s */
} stn_target_kind_e;


/* All zero at first. */

typedef struct {
    stn_target_kind_e  kind;
    unsigned           classic:1;    /* -std */
    unsigned           has_msn:1;    /* _HLS_msn, */
    unsigned           has_part:1;   /* _HLS_part, */
    unsigned           skip:1;       /* and _HLS_skip are in the query */
    stn_str_t          name;         /* of the stream, without application;
                                        not looked at, but never empty */
    stn_str_t          rendition;    /* empty: an index, or steering */
    uint64_t           msn;          /* of media, or _HLS_msn */
    uint64_t           part;         /* of media, or _HLS_part */
    uint32_t           init;         /* E */
} stn_target_t;


/* Reads a path, which begins behind the location; more slashes before it are
 * stepped over.  Returns NULL; or why it names nothing, in words that are
 * static. */
const char *stn_target_path(stn_target_t *t, const stn_str_t *path);

/* Reads the directives of a query, in any order and perhaps percent-encoded;
 * of one that is there twice the last counts.  Returns likewise. */
const char *stn_target_query(stn_target_t *t, const stn_str_t *query);

/* Whether an Accept-Encoding has gzip, or "*", with a quality above zero (RFC
 * 9110 section 12.5.3).  Returns 1 or 0. */
int stn_target_gzip(const stn_str_t *accept);


#endif /* STN_TARGET_H */
