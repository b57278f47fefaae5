/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A file in memory as libavformat reads it: an AVIO over bytes that are the
 * caller's and stay where they are, without the tag before them that is of no
 * use for hold audio.  Reading ends when it is told to.
 */

#ifndef STN_HOLD_MEMORY_H
#define STN_HOLD_MEMORY_H

#include "stn_base.h"

#include <libavformat/avio.h>


/* What there must be of the bytes that a WAV file announces. */
#define STN_HOLD_MEMORY_COMPLETE_PERCENT  90


typedef struct {
    AVIOContext     *io;
    const uint8_t   *data;
    int64_t          len;
    int64_t          at;       /* what is read next */
    volatile int    *stop;     /* or NULL */
    unsigned         cut;      /* boolean: much of it is missing, if its own
                                  header is right (WAV) */
} stn_hold_memory_t;


/* Opens len bytes at data.  *stop, if stop is not NULL, ends reading when it
 * is not 0.  Returns STN_OK or STN_NOMEM. */
int stn_hold_memory_open(stn_hold_memory_t *m, const uint8_t *data,
    size_t len, volatile int *stop);

/* Also for one that was zeroed and not opened. */
void stn_hold_memory_close(stn_hold_memory_t *m);

/* Whether it was told to stop; the argument is a stn_hold_memory_t, so that
 * libav can ask, too. */
int stn_hold_memory_stopped(void *m);


#endif /* STN_HOLD_MEMORY_H */
