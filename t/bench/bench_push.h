/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' broadcaster: publishes AAC-LC, 48 kHz, stereo, over RTMP.
 * Every frame is a valid one of silence, filled up to the same size, and
 * carries its own number in its fill element: since Stentor passes frames
 * through untouched, the number read back from the end of a part says which
 * frame closed it and so, exactly, when its bytes went to the RTMP socket.
 */

#ifndef BENCH_PUSH_H
#define BENCH_PUSH_H

#include "stn_buf.h"


#define BENCH_PUSH_RATE     48000
#define BENCH_PUSH_SAMPLES  1024
#define BENCH_PUSH_RING     4096     /* frames whose sending time is known */
#define BENCH_PUSH_MIN      64       /* bytes of a frame */
#define BENCH_PUSH_MAX      2048


typedef struct {
    int          fd;
    size_t       frame;                    /* bytes of every frame */
    uint32_t     next;                     /* number of the next frame */
    int64_t      start;                    /* ns, when frame 0 was due */
    int64_t      sent[BENCH_PUSH_RING];    /* ns, by number modulo the ring */
    stn_buf_t    out;
    const char  *reason;                   /* after an error */
} bench_push_t;


/* Publishes app/name on 127.0.0.1:port with frames of that many bytes (341:
 * 128 kbit/s).  Waits up to 5 s for each answer.  Returns STN_OK, or
 * STN_ERROR with p->reason. */
int bench_push_open(bench_push_t *p, unsigned port, const char *app,
    const char *name, size_t frame);

/* When the next frame is due: CLOCK_MONOTONIC ns. */
int64_t bench_push_due(const bench_push_t *p);

/* Sends the next frame, whatever its time, notes when the sending began, and
 * throws away what the server had to say.  STN_OK, or STN_ERROR. */
int bench_push_frame(bench_push_t *p);

/* Finds out which frame the len bytes at part end with.  STN_OK with its
 * number and when it was sent; STN_ERROR when they end with another frame
 * than one of ours of late. */
int bench_push_last(const bench_push_t *p, const char *part, size_t len,
    uint32_t *number, int64_t *sent);

void bench_push_close(bench_push_t *p);


#endif /* BENCH_PUSH_H */
