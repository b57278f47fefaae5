/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How many different ones there were, in 4096 bytes: HyperLogLog (Flajolet,
 * Fusy, Gandouet, Meunier, 2007) with a byte a register.  Ids come in, which
 * are hashes of 64 bits; an estimate goes out, good to some 2%.  The registers
 * are the caller's, all zero at first; several processes may add to them at
 * once.
 */

#ifndef STN_UNIQUE_H
#define STN_UNIQUE_H

#include "stn_base.h"


#define STN_UNIQUE_BITS       12
#define STN_UNIQUE_REGISTERS  (1 << STN_UNIQUE_BITS)

#define STN_UNIQUE_KEY_LEN    16


/*
 * SipHash-2-4 of len bytes (Aumasson, Bernstein, 2012).  The key is a secret:
 * who does not know it can neither tell from a hash what it is of, though he
 * knows some others, nor choose what to be counted for.
 */
uint64_t stn_unique_hash(const uint8_t key[STN_UNIQUE_KEY_LEN],
    const void *data, size_t len);

/* Adds the one with that id.  Returns 1 when it must be a new one, 0 when it
 * may have been here before. */
int stn_unique_add(uint8_t *registers, uint64_t id);

/* Whether any has been added: quickly, if so. */
int stn_unique_any(const uint8_t *registers);

/* How many have been added, each counted once. */
uint64_t stn_unique_count(const uint8_t *registers);


#endif /* STN_UNIQUE_H */
