/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The server's part of authmod=adobe (see stn_adobe.h), as librtmp's
 * PublisherAuth() and ffmpeg's handle_connect_error() expect it.  They look
 * for words anywhere in the description: "code=403 need auth" before
 * "?reason=", which must therefore not come together, and "authmod=adobe"
 * followed by a blank in each.  A challenge is
 *
 *     8 hexadecimal digits of Unix time | 24 of an HMAC-SHA256 over time, user
 *
 * and goes out as opaque, too: encoders hash whichever of the two they prefer.
 */

#include "access/stn_adobe.h"

#include <stdio.h>
#include <string.h>

#include "stn_buf.h"
#include "access/stn_digest.h"


#define STN_ADOBE_TIME_LEN       8
#define STN_ADOBE_MAC_BYTES      12
#define STN_ADOBE_CHALLENGE_LEN  (STN_ADOBE_TIME_LEN + 2 * STN_ADOBE_MAC_BYTES)

/* Of a client's own challenge: 8 in librtmp and ffmpeg. */
#define STN_ADOBE_CLIENT_MAX     64

/* As Adobe's server begins. */
#define STN_ADOBE_REJECT         "[ AccessManager.Reject ] : "
#define STN_ADOBE_REASON         STN_ADOBE_REJECT "[ authmod=adobe ] : ?reason="


static int stn_adobe_asks(const stn_adobe_t *a, const stn_params_t *p);
static stn_access_e stn_adobe_say(stn_adobe_t *a, stn_access_e verdict,
    const char *description);
static stn_access_e stn_adobe_challenge(stn_adobe_t *a,
    const stn_params_t *p, const stn_str_t *salt, int64_t now_s);
static int stn_adobe_mint(const stn_adobe_t *a, const stn_str_t *user,
    uint32_t at, char out[STN_ADOBE_CHALLENGE_LEN + 1]);
static stn_access_e stn_adobe_verify(const stn_adobe_t *a,
    const stn_params_t *p, const stn_str_t *hash, int64_t now_s);
static stn_access_e stn_adobe_verify_opaque(const stn_adobe_t *a,
    const stn_params_t *p, int64_t now_s);


stn_access_e
stn_adobe_connect(stn_adobe_t *a, const stn_params_t *p, int64_t now_s)
{
    stn_str_t     salt, hash;
    stn_access_e  verdict;

    a->description[0] = '\0';

    if (!stn_str_is(&p->authmod, "adobe")) {
        return stn_adobe_asks(a, p)
               ? stn_adobe_say(a, STN_ACCESS_NEED_AUTH,
                               STN_ADOBE_REJECT
                               "[ code=403 need auth; authmod=adobe ] :")
               : STN_ACCESS_NO_KEY;
    }

    if (!stn_keys_user(a->keys, &p->user, &salt, &hash)) {
        return stn_adobe_say(a, STN_ACCESS_BAD_USER,
                             STN_ADOBE_REASON "nosuchuser");
    }

    if (p->response.len == 0) {
        return stn_adobe_challenge(a, p, &salt, now_s);
    }

    verdict = stn_adobe_verify(a, p, &hash, now_s);

    /* no new challenge for one that is stale: librtmp would append its answer
     * to the one before, and we would read that one for ever */

    return verdict == STN_ACCESS_OK
           ? verdict
           : stn_adobe_say(a, verdict, STN_ADOBE_REASON "authfailed");
}


/* Whether someone who has not begun the dialogue is to be asked to. */

static int
stn_adobe_asks(const stn_adobe_t *a, const stn_params_t *p)
{
    if (a->keys->nusers == 0) {
        return 0;
    }

    return p->pass.len == 0
           && (p->user.len
               || (a->keys->nkeys == 0 && a->keys->nsecrets == 0));
}


static stn_access_e
stn_adobe_say(stn_adobe_t *a, stn_access_e verdict, const char *description)
{
    snprintf(a->description, sizeof(a->description), "%s", description);

    return verdict;
}


static stn_access_e
stn_adobe_challenge(stn_adobe_t *a, const stn_params_t *p,
    const stn_str_t *salt, int64_t now_s)
{
    char  challenge[STN_ADOBE_CHALLENGE_LEN + 1];

    if (stn_adobe_mint(a, &p->user, (uint32_t) now_s, challenge) != STN_OK) {
        return stn_adobe_say(a, STN_ACCESS_FAILED,
                             STN_ADOBE_REASON "authfailed");
    }

    /* a known user and his salt are short enough for all to have room */

    snprintf(a->description, sizeof(a->description),
             STN_ADOBE_REASON "needauth&user=%.*s&salt=%.*s"
             "&challenge=%s&opaque=%s",
             (int) p->user.len, p->user.data, (int) salt->len, salt->data,
             challenge, challenge);

    return STN_ACCESS_NEED_AUTH;
}


/* The challenge for user, made at a time.  32 bits of it outlast TTLs. */

static int
stn_adobe_mint(const stn_adobe_t *a, const stn_str_t *user, uint32_t at,
    char out[STN_ADOBE_CHALLENGE_LEN + 1])
{
    int        i, rc;
    char      *p;
    uint8_t    mac[STN_DIGEST_SHA256_LEN];
    stn_str_t  secret, pieces[2];

    snprintf(out, STN_ADOBE_TIME_LEN + 1, "%08x", (unsigned) at);

    secret.data = (const char *) a->secret;
    secret.len = STN_ADOBE_SECRET_LEN;

    pieces[0].data = out;
    pieces[0].len = STN_ADOBE_TIME_LEN;
    pieces[1] = *user;

    rc = stn_digest_hmac(&secret, pieces, 2, mac);

    p = out + STN_ADOBE_TIME_LEN;

    for (i = 0; i < STN_ADOBE_MAC_BYTES && rc == STN_OK; i++) {
        snprintf(p + 2 * i, 3, "%02x", mac[i]);
    }

    return rc;
}


static stn_access_e
stn_adobe_verify(const stn_adobe_t *a, const stn_params_t *p,
    const stn_str_t *hash, int64_t now_s)
{
    char          response[STN_DIGEST_MD5_SIZE];
    stn_str_t     pieces[3];
    stn_access_e  verdict;

    verdict = stn_adobe_verify_opaque(a, p, now_s);
    if (verdict != STN_ACCESS_OK) {
        return verdict;
    }

    if (p->response.len != STN_DIGEST_MD5_LEN
        || p->challenge.len > STN_ADOBE_CLIENT_MAX)
    {
        return STN_ACCESS_BAD_PASSWORD;
    }

    pieces[0] = *hash;
    pieces[1] = p->opaque;
    pieces[2] = p->challenge;

    if (stn_digest_md5(pieces, 3, response) != STN_OK) {
        return STN_ACCESS_FAILED;
    }

    return stn_digest_eq(response, p->response.data, STN_DIGEST_MD5_LEN)
           ? STN_ACCESS_OK : STN_ACCESS_BAD_PASSWORD;
}


/* Whether the challenge that comes back is one of ours, for that user, and not
 * too old; nor from the future, but for a clock that was set back. */

static stn_access_e
stn_adobe_verify_opaque(const stn_adobe_t *a, const stn_params_t *p,
    int64_t now_s)
{
    char       challenge[STN_ADOBE_CHALLENGE_LEN + 1];
    int32_t    age;
    uint8_t    time[STN_ADOBE_TIME_LEN / 2];
    uint32_t   at;
    stn_cur_t  c;
    stn_str_t  digits;

    digits.data = p->opaque.data;
    digits.len = STN_ADOBE_TIME_LEN;

    if (p->opaque.len != STN_ADOBE_CHALLENGE_LEN
        || stn_digest_unhex(&digits, time, sizeof(time)) != STN_OK)
    {
        return STN_ACCESS_STALE;
    }

    stn_cur_init(&c, time, sizeof(time));
    at = stn_cur_be32(&c);

    if (stn_adobe_mint(a, &p->user, at, challenge) != STN_OK) {
        return STN_ACCESS_FAILED;
    }

    age = (int32_t) ((uint32_t) now_s - at);

    return stn_digest_eq(challenge, p->opaque.data, STN_ADOBE_CHALLENGE_LEN)
           && age <= STN_ADOBE_TTL_S && age >= -STN_ADOBE_TTL_S
           ? STN_ACCESS_OK : STN_ACCESS_STALE;
}
