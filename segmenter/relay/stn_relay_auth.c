/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Signatures of nodes (see stn_relay_auth.h).  There is one way to write the
 * header's value, and nothing else is read.  No newline gets into what is
 * signed but those that are put there, so that no two requests have the same
 * text.
 */

#include "relay/stn_relay_auth.h"

#include <string.h>


#define STN_RELAY_AUTH_EXP  "Stentor exp="
#define STN_RELAY_AUTH_SIG  " sig="     /* behind a comma */


/* What is signed. */

typedef struct {
    stn_str_t         exp;
    const stn_str_t  *uri;
    const stn_str_t  *node;
} stn_relay_auth_t;


static int stn_relay_auth_read(const stn_str_t *value, stn_str_t *exp,
    uint8_t sig[STN_DIGEST_SHA256_LEN]);
static int stn_relay_auth_skip(stn_str_t *s, const char *literal);
static int stn_relay_auth_hmac(const stn_relay_auth_t *a,
    const stn_str_t *secret, uint8_t sig[STN_DIGEST_SHA256_LEN]);


int
stn_relay_auth_sign(stn_buf_t *out, const stn_str_t *secret,
    const stn_str_t *uri, const stn_str_t *node, int64_t exp_s)
{
    int               rc;
    size_t            i;
    uint8_t           sig[STN_DIGEST_SHA256_LEN];
    stn_buf_t         exp;
    stn_relay_auth_t  a;

    stn_buf_init(&exp, 32);
    stn_buf_printf(&exp, "%lld", (long long) exp_s);

    a.exp.data = (const char *) exp.data;
    a.exp.len = exp.len;
    a.uri = uri;
    a.node = node;

    rc = exp.failed;

    if (rc == STN_OK) {
        rc = stn_str_time(&a.exp) < 0 ? STN_LIMIT
                                      : stn_relay_auth_hmac(&a, secret, sig);
    }

    if (rc == STN_OK) {
        stn_buf_str(out, STN_RELAY_AUTH_EXP);
        stn_buf_put(out, exp.data, exp.len);
        stn_buf_str(out, "," STN_RELAY_AUTH_SIG);

        for (i = 0; i < sizeof(sig); i++) {
            stn_buf_printf(out, "%02x", sig[i]);
        }

        rc = out->failed;
    }

    stn_buf_free(&exp);

    return rc;
}


const char *
stn_relay_auth_check(const stn_str_t *value, const stn_str_t secrets[2],
    const stn_str_t *uri, const stn_str_t *node, int64_t now_s)
{
    int               rc, good;
    size_t            i;
    int64_t           exp;
    uint8_t           hmac[STN_DIGEST_SHA256_LEN], sig[STN_DIGEST_SHA256_LEN];
    stn_relay_auth_t  a;

    if (value->len == 0) {
        return "no signature";
    }

    if (stn_relay_auth_read(value, &a.exp, sig) != STN_OK) {
        return "malformed signature";
    }

    a.uri = uri;
    a.node = node;

    for (i = 0, good = 0; i < 2; i++) {
        if (secrets[i].len == 0) {
            continue;
        }

        rc = stn_relay_auth_hmac(&a, &secrets[i], hmac);

        if (rc != STN_OK) {
            return rc == STN_LIMIT ? "nothing that could be signed"
                                   : "signature could not be computed";
        }

        good |= stn_digest_eq(hmac, sig, sizeof(sig));
    }

    if (!good) {
        return "wrong signature";
    }

    exp = stn_str_time(&a.exp);

    return now_s > exp ? "expired signature"
           : exp - now_s > STN_RELAY_AUTH_AHEAD_S ? "signature too far ahead"
                                                  : NULL;
}


static int
stn_relay_auth_read(const stn_str_t *value, stn_str_t *exp,
    uint8_t sig[STN_DIGEST_SHA256_LEN])
{
    stn_str_t  s;

    s = *value;

    if (!stn_relay_auth_skip(&s, STN_RELAY_AUTH_EXP)) {
        return STN_ERROR;
    }

    stn_str_cut(&s, ',', exp, &s);

    if (stn_str_time(exp) < 0
        || !stn_relay_auth_skip(&s, STN_RELAY_AUTH_SIG))
    {
        return STN_ERROR;
    }

    return stn_digest_unhex(&s, sig, STN_DIGEST_SHA256_LEN);
}


/* Steps over literal where s begins with it.  Returns 1, or 0. */

static int
stn_relay_auth_skip(stn_str_t *s, const char *literal)
{
    size_t  n;

    n = strlen(literal);

    if (s->len < n || memcmp(s->data, literal, n) != 0) {
        return 0;
    }

    s->data += n;
    s->len -= n;

    return 1;
}


static int
stn_relay_auth_hmac(const stn_relay_auth_t *a, const stn_str_t *secret,
    uint8_t sig[STN_DIGEST_SHA256_LEN])
{
    const stn_str_t  pieces[] = {
        a->exp, { "\n", 1 }, *a->uri, { "\n", 1 }, *a->node
    };

    if (secret->len < STN_RELAY_SECRET_MIN
        || a->uri->len == 0 || !stn_str_is_text(a->uri)
        || a->node->len == 0 || !stn_str_is_text(a->node))
    {
        return STN_LIMIT;
    }

    return stn_digest_hmac(secret, pieces, stn_nelems(pieces), sig);
}


int
stn_relay_auth_key(const stn_str_t *secret, const char *purpose,
    uint8_t key[STN_DIGEST_SHA256_LEN])
{
    stn_str_t  piece;

    if (secret->len < STN_RELAY_SECRET_MIN) {
        return STN_LIMIT;
    }

    piece.data = purpose;
    piece.len = strlen(purpose);

    return stn_digest_hmac(secret, &piece, 1, key);
}
