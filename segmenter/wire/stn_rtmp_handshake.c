/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The RTMP handshake (see stn_rtmp_handshake.h).  The digest is no secret and
 * protects nothing: its keys are in every Flash player.  It is answered since
 * some clients go without otherwise, and HMAC is libcrypto's.
 *
 *     C1, S1:  time 4 | version 4 | 1528 bytes, a digest of 32 among them
 *     S2:      1504 bytes | digest 32
 */

#include "wire/stn_rtmp_handshake.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define STN_RTMP_DIGEST_LEN       32

/* Where the digest lies: four bytes at base say how far behind them. */
#define STN_RTMP_DIGEST_BASE_1    772
#define STN_RTMP_DIGEST_BASE_2    8
#define STN_RTMP_DIGEST_SPREAD    728

/* Of the keys, what serves for S1 and C1: the text. */
#define STN_RTMP_SERVER_TEXT_LEN  36
#define STN_RTMP_CLIENT_TEXT_LEN  30


static int stn_rtmp_hmac(const void *key, size_t key_len, const void *data,
    size_t len, uint8_t *digest);
static size_t stn_rtmp_digest_place(const uint8_t *c1, size_t base);
static int stn_rtmp_digest(const uint8_t *c1, size_t place, const void *key,
    size_t key_len, uint8_t *digest);
static int stn_rtmp_digest_find(const uint8_t *c1, size_t *base,
    uint8_t *digest);
static int stn_rtmp_spin(const uint8_t *seed, uint8_t *out, size_t len);
static int stn_rtmp_sign_s1(uint8_t *s1, size_t base);
static int stn_rtmp_sign_s2(uint8_t *s2, const uint8_t *digest);


/* The server's key; the client's has another text and the same tail. */
static const uint8_t  stn_rtmp_server_key[] = {
    'G', 'e', 'n', 'u', 'i', 'n', 'e', ' ', 'A', 'd', 'o', 'b', 'e', ' ',
    'F', 'l', 'a', 's', 'h', ' ', 'M', 'e', 'd', 'i', 'a', ' ',
    'S', 'e', 'r', 'v', 'e', 'r', ' ', '0', '0', '1',
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8,
    0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab,
    0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae
};

static const char  stn_rtmp_client_key[] = "Genuine Adobe Flash Player 001";

/* Any version but 0 says that digests are known. */
static const uint8_t  stn_rtmp_server_version[] = { 4, 5, 0, 1 };


int
stn_rtmp_handshake(const uint8_t *hello,
    const uint8_t seed[STN_RTMP_RANDOM_LEN], stn_buf_t *out)
{
    int             rc;
    size_t          base;
    uint8_t        *s1, *s2, digest[STN_RTMP_DIGEST_LEN];
    const uint8_t  *c1;

    c1 = hello + STN_RTMP_C0_LEN;

    s1 = stn_buf_reserve(out, STN_RTMP_C0_LEN + STN_RTMP_C1_LEN
                              + STN_RTMP_C2_LEN);
    if (s1 == NULL) {
        return out->failed;
    }

    *s1++ = STN_RTMP_VERSION;
    s2 = s1 + STN_RTMP_C1_LEN;

    rc = stn_rtmp_spin(seed, s1, STN_RTMP_C1_LEN + STN_RTMP_C2_LEN);

    memset(s1, 0, 8);                              /* time and version */

    if (rc == STN_OK) {
        rc = stn_rtmp_digest_find(c1, &base, digest);

        if (rc == STN_OK) {
            rc = stn_rtmp_sign_s1(s1, base);
            rc = rc == STN_OK ? stn_rtmp_sign_s2(s2, digest) : rc;

        } else if (rc == STN_AGAIN) {
            memcpy(s2, c1, STN_RTMP_C2_LEN);
            rc = STN_OK;
        }
    }

    if (rc == STN_OK) {
        out->len += STN_RTMP_C0_LEN + STN_RTMP_C1_LEN + STN_RTMP_C2_LEN;
    }

    return rc;
}


static int
stn_rtmp_hmac(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t *digest)
{
    return HMAC(EVP_sha256(), key, (int) key_len, data, len, digest, NULL)
           ? STN_OK : STN_ERROR;
}


static size_t
stn_rtmp_digest_place(const uint8_t *c1, size_t base)
{
    return base + 4 + (c1[base] + c1[base + 1] + c1[base + 2] + c1[base + 3])
                      % STN_RTMP_DIGEST_SPREAD;
}


/* The digest of all of C1 or S1 but the 32 bytes at place. */

static int
stn_rtmp_digest(const uint8_t *c1, size_t place, const void *key,
    size_t key_len, uint8_t *digest)
{
    uint8_t  rest[STN_RTMP_C1_LEN - STN_RTMP_DIGEST_LEN];

    memcpy(rest, c1, place);
    memcpy(rest + place, c1 + place + STN_RTMP_DIGEST_LEN,
           sizeof(rest) - place);

    return stn_rtmp_hmac(key, key_len, rest, sizeof(rest), digest);
}


/* STN_OK with the base and the digest of a signed C1; STN_AGAIN when it is
 * not signed, which a version of 0 says at once. */

static int
stn_rtmp_digest_find(const uint8_t *c1, size_t *base, uint8_t *digest)
{
    static const uint8_t  zero[4];
    static const size_t   bases[] = { STN_RTMP_DIGEST_BASE_1,
                                      STN_RTMP_DIGEST_BASE_2 };

    int       rc;
    size_t    place;
    unsigned  i;

    if (memcmp(c1 + 4, zero, sizeof(zero)) == 0) {
        return STN_AGAIN;
    }

    for (i = 0; i < stn_nelems(bases); i++) {
        *base = bases[i];
        place = stn_rtmp_digest_place(c1, *base);

        rc = stn_rtmp_digest(c1, place, stn_rtmp_client_key,
                             STN_RTMP_CLIENT_TEXT_LEN, digest);
        if (rc != STN_OK) {
            return rc;
        }

        if (memcmp(c1 + place, digest, STN_RTMP_DIGEST_LEN) == 0) {
            return STN_OK;
        }
    }

    return STN_AGAIN;
}


/* Fills out with what looks random enough for a handshake: HMACs, under the
 * seed, of a running number. */

static int
stn_rtmp_spin(const uint8_t *seed, uint8_t *out, size_t len)
{
    int      rc;
    uint8_t  i;

    for (i = 0; len; i++) {
        rc = stn_rtmp_hmac(seed, STN_RTMP_RANDOM_LEN, &i, 1, out);
        if (rc != STN_OK) {
            return rc;
        }

        out += STN_RTMP_DIGEST_LEN;
        len -= STN_RTMP_DIGEST_LEN;
    }

    return STN_OK;
}


static int
stn_rtmp_sign_s1(uint8_t *s1, size_t base)
{
    size_t  place;

    memcpy(s1 + 4, stn_rtmp_server_version, 4);

    place = stn_rtmp_digest_place(s1, base);

    return stn_rtmp_digest(s1, place, stn_rtmp_server_key,
                           STN_RTMP_SERVER_TEXT_LEN, s1 + place);
}


/* The client's digest under the whole key is the key of ours. */

static int
stn_rtmp_sign_s2(uint8_t *s2, const uint8_t *digest)
{
    int      rc;
    size_t   n;
    uint8_t  key[STN_RTMP_DIGEST_LEN];

    rc = stn_rtmp_hmac(stn_rtmp_server_key, sizeof(stn_rtmp_server_key),
                       digest, STN_RTMP_DIGEST_LEN, key);
    if (rc != STN_OK) {
        return rc;
    }

    n = STN_RTMP_C2_LEN - STN_RTMP_DIGEST_LEN;

    return stn_rtmp_hmac(key, sizeof(key), s2, n, s2 + n);
}
