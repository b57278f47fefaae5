/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hashes of pieces of text (see stn_digest.h).  The pieces are short: they
 * are put together on the stack, so that libcrypto's one-shot functions do,
 * which all its versions have.
 */

#include "access/stn_digest.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>


typedef struct {
    size_t   len;
    uint8_t  data[STN_DIGEST_TEXT_MAX];
} stn_digest_text_t;


static int stn_digest_gather(const stn_str_t *pieces, size_t n,
    stn_digest_text_t *t);


int
stn_digest_sha256(const stn_str_t *pieces, size_t n,
    uint8_t out[STN_DIGEST_SHA256_LEN])
{
    int                rc;
    stn_digest_text_t  t;

    rc = stn_digest_gather(pieces, n, &t);

    if (rc == STN_OK
        && !EVP_Digest(t.data, t.len, out, NULL, EVP_sha256(), NULL))
    {
        rc = STN_ERROR;
    }

    OPENSSL_cleanse(t.data, t.len);

    return rc;
}


int
stn_digest_hmac(const stn_str_t *key, const stn_str_t *pieces, size_t n,
    uint8_t out[STN_DIGEST_SHA256_LEN])
{
    int                rc;
    stn_digest_text_t  t;

    rc = stn_digest_gather(pieces, n, &t);

    if (rc == STN_OK
        && HMAC(EVP_sha256(), key->data, (int) key->len, t.data, t.len, out,
                NULL) == NULL)
    {
        rc = STN_ERROR;
    }

    OPENSSL_cleanse(t.data, t.len);

    return rc;
}


int
stn_digest_md5(const stn_str_t *pieces, size_t n,
    char out[STN_DIGEST_MD5_SIZE])
{
    int                rc;
    uint8_t            digest[EVP_MAX_MD_SIZE];
    unsigned           len;
    stn_digest_text_t  t;

    rc = stn_digest_gather(pieces, n, &t);

    if (rc == STN_OK
        && !EVP_Digest(t.data, t.len, digest, &len, EVP_md5(), NULL))
    {
        rc = STN_ERROR;
    }

    OPENSSL_cleanse(t.data, t.len);

    if (rc == STN_OK) {
        EVP_EncodeBlock((uint8_t *) out, digest, (int) len);
    }

    return rc;
}


static int
stn_digest_gather(const stn_str_t *pieces, size_t n, stn_digest_text_t *t)
{
    size_t  i;

    t->len = 0;

    for (i = 0; i < n; i++) {
        if (pieces[i].len > sizeof(t->data) - t->len) {
            return STN_LIMIT;
        }

        if (pieces[i].len) {
            memcpy(t->data + t->len, pieces[i].data, pieces[i].len);
            t->len += pieces[i].len;
        }
    }

    return STN_OK;
}


int
stn_digest_is_md5(const stn_str_t *s)
{
    uint8_t  bytes[STN_DIGEST_MD5_LEN];

    return s->len == STN_DIGEST_MD5_LEN
           && memcmp(s->data + s->len - 2, "==", 2) == 0
           && EVP_DecodeBlock(bytes, (const uint8_t *) s->data,
                              STN_DIGEST_MD5_LEN) == 18;
}


int
stn_digest_unhex(const stn_str_t *s, uint8_t *out, size_t n)
{
    int     high, low;
    size_t  i;

    if (s->len != 2 * n) {
        return STN_ERROR;
    }

    for (i = 0; i < n; i++) {
        high = stn_str_hex(s->data[2 * i]);
        low = stn_str_hex(s->data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return STN_ERROR;
        }

        out[i] = (uint8_t) (high << 4 | low);
    }

    return STN_OK;
}


int
stn_digest_eq(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
