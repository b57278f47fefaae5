/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * An HTTP client's answers, told apart from where their bytes come from: the
 * caller reads into crowd_http_room() and says how much it was.  Cheap on
 * purpose: a load generator must not be what is measured.  HTTP/1.1 answers
 * have a Content-Length or come in chunks (RFC 9112, 6 and 7.1); those of
 * HTTP/2 are put together by crowd_h2.c in the same structure.
 */

#ifndef CROWD_HTTP_H
#define CROWD_HTTP_H

#include "stn_base.h"


/* What one answer may weigh, headers included. */
#define CROWD_HTTP_MAX  (4 * 1024 * 1024)


/* One connection's answer as it comes in; zeroed memory is a good start. */

typedef struct {
    char        *buf;          /* owned unless lent; up to CROWD_HTTP_MAX */
    size_t       size;         /* allocated */
    size_t       len;          /* received */
    size_t       head;         /* bytes of status line and headers; 0 unknown */
    size_t       body;         /* its length, when the answer is whole */
    size_t       scan;         /* chunked: where the next chunk begins */
    unsigned     status;       /* three digits */
    long         worker;       /* X-Worker, -1 when there is none */
    long         retry_after;  /* s, -1 when there is none */
    unsigned     close:1;      /* the server will close */
    unsigned     gzip:1;       /* the body is compressed */
    unsigned     chunked:1;
    unsigned     lent:1;       /* buf is somebody else's */
    unsigned     lost:1;       /* STN_ERROR is the connection's */
    const char  *reason;       /* after STN_ERROR */
} crowd_http_t;


/* Lends memory to an answer of which nothing has come and that has none: an
 * answer that comes in one piece, as most do, needs none of its own. */
void crowd_http_lend(crowd_http_t *a, char *buf, size_t size);

/* Where to put what comes next, and how much of it; NULL when the answer is
 * too large or memory is out, a->reason says which. */
char *crowd_http_room(crowd_http_t *a, size_t *size);

/* So much has come.  STN_OK: one answer is whole, its a->body bytes begin at
 * crowd_http_body(); STN_AGAIN: more is to come; STN_ERROR: the connection is
 * of no more use, a->reason says why. */
int crowd_http_fed(crowd_http_t *a, size_t n);

/* What has come to lent memory moves to the answer's own; STN_OK or
 * STN_NOMEM. */
int crowd_http_keep(crowd_http_t *a);

const char *crowd_http_body(const crowd_http_t *a);

/* Forgets the answer and memory that was lent, keeps its own. */
void crowd_http_reset(crowd_http_t *a);

void crowd_http_free(crowd_http_t *a);

/* Writes a GET for uri from that host (with its port) and the extra header
 * lines (each with its CRLF, may be empty) into out.  Returns its length, 0
 * when it does not fit into size, which is of a buffer on the stack. */
size_t crowd_http_get(char *out, size_t size, const char *host,
    const char *uri, const char *headers);

/* CLOCK_MONOTONIC, nanoseconds. */
int64_t crowd_now_ns(void);


#endif /* CROWD_HTTP_H */
