/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The segmenter library's common ground: status codes and small arithmetic.
 * The library knows no nginx, socket, thread, lock, file or wall clock: bytes
 * and the time go in as arguments, access units and parts come out.  It never
 * logs, exits or asserts on input; an object that fails keeps a short static
 * reason for its caller to log.
 */

#ifndef STN_BASE_H
#define STN_BASE_H

#include <stddef.h>
#include <stdint.h>


/* What every fallible function of the library returns. */

#define STN_OK            0    /* done */
#define STN_AGAIN         1    /* nothing wrong: more input is needed first */
#define STN_ERROR        -1    /* input breaks its specification */
#define STN_NOMEM        -2    /* an allocation failed */
#define STN_LIMIT        -3    /* input exceeds a named limit */
#define STN_UNSUPPORTED  -4    /* valid, but nothing Stentor carries */


#define stn_min(a, b)       (((a) < (b)) ? (a) : (b))
#define stn_max(a, b)       (((a) > (b)) ? (a) : (b))
#define stn_nelems(a)       (sizeof(a) / sizeof((a)[0]))


/*
 * Rescales v from units of 1/from Hz to units of 1/to Hz, rounding to the
 * nearest; the 128-bit intermediate cannot overflow for any 32-bit rates.
 */
static inline int64_t
stn_rescale(int64_t v, uint32_t to, uint32_t from)
{
    __int128  p;

    p = (__int128) v * to;

    return (int64_t) ((p >= 0 ? p + from / 2 : p - from / 2) / from);
}


#endif /* STN_BASE_H */
