/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' HTTP/1.1 client side: requests and answers (those of the
 * rehearsal's listeners, rehearse/crowd_http.h) on a non-blocking keep-alive
 * connection to this machine.
 */

#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include "crowd_http.h"


typedef crowd_http_t  bench_http_t;

#define bench_http_body   crowd_http_body
#define bench_http_reset  crowd_http_reset
#define bench_http_free   crowd_http_free
#define bench_now_ns      crowd_now_ns


/* Connects to 127.0.0.1:port with TCP_NODELAY, non-blocking once connected.
 * Returns the descriptor, or -1 with errno. */
int bench_http_connect(unsigned port);

/* Reads what fd has.  STN_OK: one answer is whole, its body begins at
 * bench_http_body(); STN_AGAIN: more is to come; STN_ERROR: the connection is
 * of no more use, a->reason says why. */
int bench_http_read(bench_http_t *a, int fd);

/* Writes a GET for uri with the extra header lines (each with its CRLF, may
 * be empty) into out.  Returns its length, 0 when it does not fit. */
size_t bench_http_get(char *out, size_t size, unsigned port, const char *uri,
    const char *headers);

/* Sends all of data, which is at most one request: fits any socket buffer.
 * Returns STN_OK or STN_ERROR. */
int bench_http_send(int fd, const char *data, size_t len);

/* Keeps the calling thread on one core; -1 leaves it free.  Returns STN_OK or
 * STN_ERROR. */
int bench_pin(int cpu);


#endif /* BENCH_HTTP_H */
