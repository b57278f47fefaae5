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

#define stn_unique_turn(x, n)  ((x) << (n) | (x) >> (64 - (n)))


static uint64_t stn_unique_word(const uint8_t *p, size_t n);
static void stn_unique_mix(uint64_t v[4], uint64_t word);
static void stn_unique_rounds(uint64_t v[4], unsigned n);
static double stn_unique_empty(unsigned n);


uint64_t
stn_unique_hash(const uint8_t key[STN_UNIQUE_KEY_LEN], const void *data,
    size_t len)
{
    size_t          left;
    uint64_t        k0, k1, v[4];
    const uint8_t  *p;

    k0 = stn_unique_word(key, 8);
    k1 = stn_unique_word(key + 8, 8);

    /* "somepseudorandomlygeneratedbytes" */

    v[0] = k0 ^ 0x736f6d6570736575;
    v[1] = k1 ^ 0x646f72616e646f6d;
    v[2] = k0 ^ 0x6c7967656e657261;
    v[3] = k1 ^ 0x7465646279746573;

    p = data;

    for (left = len; left >= 8; left -= 8) {
        stn_unique_mix(v, stn_unique_word(p, 8));
        p += 8;
    }

    stn_unique_mix(v, (uint64_t) len << 56 | stn_unique_word(p, left));

    v[2] ^= 0xff;

    stn_unique_rounds(v, 4);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


/* n bytes, little-endian, whatever the machine is: nodes of a cluster have the
 * same hashes. */

static uint64_t
stn_unique_word(const uint8_t *p, size_t n)
{
    uint64_t  word;

    word = 0;

    while (n) {
        word = word << 8 | p[--n];
    }

    return word;
}


static void
stn_unique_mix(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;

    stn_unique_rounds(v, 2);

    v[0] ^= word;
}


static void
stn_unique_rounds(uint64_t v[4], unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = stn_unique_turn(v[1], 13) ^ v[0];
        v[3] = stn_unique_turn(v[3], 16) ^ v[2];
        v[0] = stn_unique_turn(v[0], 32);

        v[2] += v[1];
        v[0] += v[3];
        v[1] = stn_unique_turn(v[1], 17) ^ v[2];
        v[3] = stn_unique_turn(v[3], 21) ^ v[0];
        v[2] = stn_unique_turn(v[2], 32);
    }
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
