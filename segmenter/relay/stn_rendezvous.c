/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Scores of rendezvous hashing (see stn_rendezvous.h).  FNV-1a takes the
 * bytes in, of the id and then of the name; since it leaves the high bits to
 * the first bytes, and names often differ in the last one only, each of both
 * is followed by a finalizer that makes every bit depend on every other (the
 * two multiplications are those of MurmurHash3's, fmix64).  The same on every
 * machine: nodes of one cluster must agree.
 */

#include "relay/stn_rendezvous.h"


#define STN_RENDEZVOUS_BASIS  0xcbf29ce484222325
#define STN_RENDEZVOUS_PRIME  0x100000001b3


static uint64_t stn_rendezvous_take(uint64_t h, const stn_str_t *s);


uint64_t
stn_rendezvous_score(const stn_str_t *node, const stn_str_t *name)
{
    uint64_t  h;

    h = stn_rendezvous_take(STN_RENDEZVOUS_BASIS, node);

    return stn_rendezvous_take(h, name);
}


static uint64_t
stn_rendezvous_take(uint64_t h, const stn_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        h = (h ^ (uint8_t) s->data[i]) * STN_RENDEZVOUS_PRIME;
    }

    h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;

    return h ^ h >> 33;
}
