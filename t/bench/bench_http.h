/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' HTTP/1.1 client side: builds requests and takes answers off
 * a non-blocking keep-alive connection, checking each one.  Cheap on purpose:
 * the load generator must not be what is measured.  Answers without a
 * Content-Length are refused, since nothing here sends any.
 */

#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include "stn_base.h"


/* What one answer may weigh, headers included. */
#define BENCH_HTTP_MAX  (4 * 1024 * 1024)


/* One connection's answer as it comes in; zeroed memory is a good start. */

typedef struct {
    char        *buf;          /* owned; grows up to BENCH_HTTP_MAX */
    size_t       size;         /* allocated */
    size_t       len;          /* received */
    size_t       head;         /* bytes of status line and headers; 0 unknown */
    size_t       body;         /* Content-Length */
    unsigned     status;       /* three digits */
    long         worker;       /* X-Worker, -1 when there is none */
    unsigned     close;        /* boolean: the server will close */
    unsigned     lost;         /* boolean: STN_ERROR is the connection's */
    const char  *reason;       /* after STN_ERROR */
} bench_http_t;


/* Connects to 127.0.0.1:port with TCP_NODELAY, non-blocking once connected.
 * Returns the descriptor, or -1 with errno. */
int bench_http_connect(unsigned port);

/* The same without waiting: when it is writable, its SO_ERROR says whether it
 * is connected. */
int bench_http_begin(unsigned port);

/* Reads what fd has.  STN_OK: one answer is whole, its body begins at
 * bench_http_body(); STN_AGAIN: more is to come; STN_ERROR: the connection is
 * of no more use, a->reason says why. */
int bench_http_read(bench_http_t *a, int fd);

const char *bench_http_body(const bench_http_t *a);

/* Forgets the answer, keeps the memory. */
void bench_http_reset(bench_http_t *a);

void bench_http_free(bench_http_t *a);

/* Writes a GET for uri with the extra header lines (each with its CRLF, may
 * be empty) into out.  Returns its length, 0 when it does not fit. */
size_t bench_http_get(char *out, size_t size, unsigned port, const char *uri,
    const char *headers);

/* Sends all of data, which is at most one request: fits any socket buffer.
 * Returns STN_OK or STN_ERROR. */
int bench_http_send(int fd, const char *data, size_t len);

/* CLOCK_MONOTONIC, nanoseconds. */
int64_t bench_now_ns(void);

/* Keeps the calling thread on one core; -1 leaves it free.  Returns STN_OK or
 * STN_ERROR. */
int bench_pin(int cpu);


#endif /* BENCH_HTTP_H */
