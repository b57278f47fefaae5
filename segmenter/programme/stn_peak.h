/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * True peak (ITU-R BS.1770-4, annex 2): the greatest value that a signal has
 * between its samples, found by making four of each.  The filter is that of
 * libebur128, a sinc of 49 taps under a Hann window, and so is the result; but
 * it is laid out for vectors, and takes a fifth of the time.  No state: the
 * caller keeps the samples before a block.
 */

#ifndef STN_PEAK_H
#define STN_PEAK_H

#include "stn_base.h"


#define STN_PEAK_TAPS  12        /* of each of the values in between */

/* Samples of what came before that a block must have in front of it; and the
 * least that it must have itself. */
#define STN_PEAK_BEFORE  (STN_PEAK_TAPS - 1)
#define STN_PEAK_MIN     16


typedef struct {
    float  taps[3][STN_PEAK_TAPS];
} stn_peak_t;


void stn_peak_init(stn_peak_t *p);

/* The peak of x[0..n-1] and of what lies between them, where x[-BEFORE] on is
 * valid, too: it lags by half of the taps.  1.0 is full scale. */
float stn_peak_of(const stn_peak_t *p, const float *x, size_t n);


#endif /* STN_PEAK_H */
