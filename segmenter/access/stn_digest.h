/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The hashes behind keys and users, each over some pieces of text in a row as
 * if they were one.  libcrypto does the work; the copy that is made of the
 * text is wiped.
 */

#ifndef STN_DIGEST_H
#define STN_DIGEST_H

#include "stn_str.h"


/* All pieces together. */
#define STN_DIGEST_TEXT_MAX     4096

#define STN_DIGEST_SHA256_LEN   32

/* Base64 of an MD5, without and with an ending zero. */
#define STN_DIGEST_MD5_LEN      24
#define STN_DIGEST_MD5_SIZE     (STN_DIGEST_MD5_LEN + 1)


/* Each returns STN_OK; STN_LIMIT over STN_DIGEST_TEXT_MAX; STN_ERROR when
 * libcrypto fails (it may be told to have no MD5). */

int stn_digest_sha256(const stn_str_t *pieces, size_t n,
    uint8_t out[STN_DIGEST_SHA256_LEN]);

int stn_digest_hmac(const stn_str_t *key, const stn_str_t *pieces, size_t n,
    uint8_t out[STN_DIGEST_SHA256_LEN]);

int stn_digest_md5(const stn_str_t *pieces, size_t n,
    char out[STN_DIGEST_MD5_SIZE]);

/* Whether s can be what stn_digest_md5() made.  Returns 1 or 0. */
int stn_digest_is_md5(const stn_str_t *s);

/* Reads the n bytes of which s has the hexadecimal digits, of either case.
 * Returns STN_OK, or STN_ERROR when s is anything else. */
int stn_digest_unhex(const stn_str_t *s, uint8_t *out, size_t n);

/* Whether the n bytes at a and b are the same, in a time that does not tell
 * where they differ.  Returns 1 or 0. */
int stn_digest_eq(const void *a, const void *b, size_t n);


#endif /* STN_DIGEST_H */
