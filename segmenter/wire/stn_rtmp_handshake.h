/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The server's half of the RTMP handshake (RTMP specification 1.0, section
 * 5.2): C0 and C1 in, S0, S1 and S2 out.  Plain, or with the HMAC-SHA256
 * digests that Flash Media Server introduced and ffmpeg still looks for.
 */

#ifndef STN_RTMP_HANDSHAKE_H
#define STN_RTMP_HANDSHAKE_H

#include "stn_buf.h"


/* C0, C1 and C2; S0, S1 and S2 are as long. */
#define STN_RTMP_VERSION     3
#define STN_RTMP_C0_LEN      1
#define STN_RTMP_C1_LEN      1536
#define STN_RTMP_C2_LEN      1536

/* Bytes of the seed. */
#define STN_RTMP_RANDOM_LEN  32


/*
 * Appends S0, S1 and S2 to out, in answer to the STN_RTMP_C0_LEN +
 * STN_RTMP_C1_LEN bytes at hello (C0 already found to be 3).  What is random
 * in them is spun from seed.  A C1 with a digest, in either of its two
 * places, gets digests; any other gets its own bytes back.
 *
 * Returns STN_OK; STN_NOMEM or STN_LIMIT from out; STN_ERROR when the
 * cryptographic library fails.
 */
int stn_rtmp_handshake(const uint8_t *hello,
    const uint8_t seed[STN_RTMP_RANDOM_LEN], stn_buf_t *out);


#endif /* STN_RTMP_HANDSHAKE_H */
