/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HyperLogLog (see stn_unique.h):
 *
 *     id:  | 12 bits: register | 52 bits, 000...01xxxxx: zeros before a one |
 *
 * A register keeps the most zeros that it was shown, and one.  Few ids leave
 * registers empty, and how many are tells more than the sum does.  With
 * hashes of 64 bits nothing is to be corrected at the upper end.
 */

#include "audience/stn_unique.h"

#include <math.h>


/* What makes the mean of the registers right (section 3 of the paper). */
#define STN_UNIQUE_ALPHA  (0.7213 / (1 + 1.079 / STN_UNIQUE_REGISTERS))

/* Below that many a register, empty ones tell more. */
#define STN_UNIQUE_SMALL  2.5

#define STN_UNIQUE_PRIME  0x100000001b3

/* What a register may be, 0 included. */
#define STN_UNIQUE_RANKS  (64 - STN_UNIQUE_BITS + 2)


/* FNV-1a takes the bytes in, a finalizer (fmix64 of MurmurHash3) makes every
 * bit depend on every other. */

uint64_t
stn_unique_hash(uint64_t seed, const void *data, size_t len)
{
    size_t          i;
    uint64_t        h;
    const uint8_t  *p;

    p = data;
    h = seed ^ 0xcbf29ce484222325;

    for (i = 0; i < len; i++) {
        h = (h ^ p[i]) * STN_UNIQUE_PRIME;
    }

    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;

    return h ^ h >> 33;
}


/* When two write a register at once the smaller one may stay: that is less
 * than the error that there is anyway. */

int
stn_unique_add(uint8_t *registers, uint64_t id)
{
    uint8_t   rank;
    uint8_t  *r;
    uint64_t  rest;

    r = &registers[id >> (64 - STN_UNIQUE_BITS)];
    rest = id << STN_UNIQUE_BITS | (uint64_t) 1 << (STN_UNIQUE_BITS - 1);
    rank = (uint8_t) (__builtin_clzll(rest) + 1);

    if (__atomic_load_n(r, __ATOMIC_RELAXED) >= rank) {
        return 0;
    }

    __atomic_store_n(r, rank, __ATOMIC_RELAXED);

    return 1;
}


int
stn_unique_any(const uint8_t *registers)
{
    unsigned  i;

    for (i = 0; i < STN_UNIQUE_REGISTERS; i++) {
        if (__atomic_load_n(&registers[i], __ATOMIC_RELAXED)) {
            return 1;
        }
    }

    return 0;
}


/* How many registers have each rank comes first: weighing these few takes no
 * time. */

uint64_t
stn_unique_count(const uint8_t *registers)
{
    double    sum, n;
    uint8_t   rank;
    unsigned  i, ranks[STN_UNIQUE_RANKS] = { 0 };

    for (i = 0; i < STN_UNIQUE_REGISTERS; i++) {
        rank = __atomic_load_n(&registers[i], __ATOMIC_RELAXED);
        ranks[stn_min(rank, STN_UNIQUE_RANKS - 1)]++;
    }

    for (sum = 0, i = 0; i < STN_UNIQUE_RANKS; i++) {
        sum += ldexp(ranks[i], -(int) i);
    }

    n = STN_UNIQUE_ALPHA * STN_UNIQUE_REGISTERS * STN_UNIQUE_REGISTERS / sum;

    if (ranks[0] && n <= STN_UNIQUE_SMALL * STN_UNIQUE_REGISTERS) {
        n = STN_UNIQUE_REGISTERS
            * log((double) STN_UNIQUE_REGISTERS / ranks[0]);
    }

    return (uint64_t) (n + 0.5);
}
