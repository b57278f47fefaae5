/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the operator's webhook answers to the question whether somebody may
 * publish ("on_publish"): status and text of an HTTP response go in, of any
 * content; a verdict comes out, with all that goes with it checked.
 */

#ifndef STN_ANSWER_H
#define STN_ANSWER_H

#include "stn_name.h"


/* The longest reason that is passed on. */
#define STN_ANSWER_REASON_MAX  200

/* What "track" may be: Enhanced RTMP has 8 bits for it. */
#define STN_ANSWER_TRACK_MAX   255

/* A bit rate that nobody means is a mistake: 1 Tbit/s. */
#define STN_ANSWER_BITRATE_MAX  1000000000000


typedef enum {
    STN_ANSWER_FAILED = 0,      /* there is no answer, or none of use */
    STN_ANSWER_ALLOW,
    STN_ANSWER_DENY
} stn_answer_e;


typedef struct {
    stn_answer_e  verdict;
    long          status;       /* of HTTP; 0: none */

    /* DENY: what the webhook says, printable ASCII, may be empty; FAILED: why,
     * fit for a log */
    char          reason[STN_ANSWER_REASON_MAX + 1];

    /* ALLOW: what is to be otherwise */
    size_t        name_len;     /* 0: nothing */
    uint8_t       name[STN_NAME_MAX];
    int           track;        /* -1: nothing */
    int64_t       max_bitrate;  /* bit/s; -1: nothing */
    unsigned      yields;       /* boolean: "takeover": false */
} stn_answer_t;


/* Reads an answer: 200..299 with nothing or a JSON object is ALLOW, 400..499
 * DENY whatever the text is, all else FAILED.  Members that are not known are
 * passed over, and text may be NULL when len is 0. */
void stn_answer_read(stn_answer_t *a, long status, const char *text,
    size_t len);


#endif /* STN_ANSWER_H */
