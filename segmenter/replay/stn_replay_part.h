/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A part as it lies in the file of a replay: one moof and one mdat (ISO/IEC
 * 14496-12 section 8.8), of one track.  Its time counts from the file's
 * beginning there, not from the Unix epoch: players that are given the file
 * by itself show that time, and how long it is.
 */

#ifndef STN_REPLAY_PART_H
#define STN_REPLAY_PART_H

#include "stn_buf.h"


typedef struct {
    uint32_t        moof;        /* bytes of moof, */
    uint32_t        mdat;        /* and of mdat, heads included */
    size_t          tfdt;        /* where the 64 bits of time are in moof */
    uint32_t        nsamples;
    const uint8_t  *sizes;       /* of all samples, every step bytes; or NULL */
    unsigned        step;
    uint32_t        size;        /* of each, without sizes */
} stn_replay_part_t;


/* Boxes of a level, one by one: those of len bytes at data, *at from 0.
 * Returns the box's body with its len and type, or NULL: there is no (whole)
 * one any more. */
const uint8_t *stn_replay_box(const uint8_t *data, size_t len, size_t *at,
    uint32_t *type, size_t *body);

/* The first box of that type among them, or NULL. */
const uint8_t *stn_replay_find(const uint8_t *data, size_t len,
    uint32_t type, size_t *body);

/* The type of a box as a number. */
#define stn_replay_type(a, b, c, d)                                           \
    ((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8 | (d))

/*
 * Reads a part, of which the moof is in the len bytes at data, perhaps more.
 * Returns STN_OK; STN_ERROR when it is none that could have been made here:
 * mdat has to begin with the first sample.
 */
int stn_replay_part_read(const uint8_t *data, size_t len,
    stn_replay_part_t *p);

/* The size of sample i. */
uint32_t stn_replay_part_size(const stn_replay_part_t *p, uint32_t i);

/* Sets when it begins, in samples. */
void stn_replay_part_settle(uint8_t *data, const stn_replay_part_t *p,
    uint64_t time);


#endif /* STN_REPLAY_PART_H */
