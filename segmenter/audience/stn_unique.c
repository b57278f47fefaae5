/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HyperLogLog (see stn_unique.h):
 *
 *     id:  | 12 bits: register | 52 bits, 000...01xxxxx: zeros before a one |
 *
 * A register keeps the most zeros that it was shown, and one.  Few ids leave
 * registers empty; these are weighed so that no number of ids needs another
 * formula or a table of corrections (Ertl, "New cardinality estimation
 * algorithms for HyperLogLog sketches", 2017).  With hashes of 64 bits nothing
 * is to be corrected at the upper end.
 */

#include "audience/stn_unique.h"

#include <math.h>


/* What makes the mean of the registers right: 1 / (2 ln 2). */
#define STN_UNIQUE_ALPHA  0.72134752044448170

/* What a register may be, 0 included. */
#define STN_UNIQUE_RANKS  (64 - STN_UNIQUE_BITS + 2)

#define STN_UNIQUE_PRIME  0x100000001b3


static double stn_unique_empty(unsigned n);


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
    double    sum;
    uint8_t   rank;
    unsigned  i, ranks[STN_UNIQUE_RANKS] = { 0 };

    for (i = 0; i < STN_UNIQUE_REGISTERS; i++) {
        rank = __atomic_load_n(&registers[i], __ATOMIC_RELAXED);
        ranks[stn_min(rank, STN_UNIQUE_RANKS - 1)]++;
    }

    if (ranks[0] == STN_UNIQUE_REGISTERS) {
        return 0;
    }

    sum = stn_unique_empty(ranks[0]);

    for (i = 1; i < STN_UNIQUE_RANKS; i++) {
        sum += ldexp(ranks[i], -(int) i);
    }

    return (uint64_t) (STN_UNIQUE_ALPHA * STN_UNIQUE_REGISTERS
                       * STN_UNIQUE_REGISTERS / sum + 0.5);
}


/* What so many empty registers weigh: not as much as their rank says, which
 * would be 1 each, but what they would if there were ranks below it (sigma of
 * Ertl's section 2.4).  It is 0 without any, and without end if all are. */

static double
stn_unique_empty(unsigned n)
{
    double  x, y, z, was;

    x = (double) n / STN_UNIQUE_REGISTERS;
    y = 1;
    z = x;

    do {
        x *= x;
        was = z;
        z += x * y;
        y *= 2;
    } while (z != was);

    return z * STN_UNIQUE_REGISTERS;
}
