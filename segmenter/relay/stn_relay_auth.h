/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How a node proves to another one that it knows the cluster's secret:
 *
 *     Authorization: Stentor exp=UNIXTIME, sig=HEX
 *
 * where sig is HMAC-SHA256(secret, "exp\nuri\nnode"): good for one request of
 * one node, until exp.  The secret itself never goes over the wire.
 */

#ifndef STN_RELAY_AUTH_H
#define STN_RELAY_AUTH_H

#include "stn_buf.h"
#include "stn_str.h"
#include "access/stn_digest.h"


/* A signature may be ahead of the reader's clock by so much: his clock may be
 * late, and no more. */
#define STN_RELAY_AUTH_AHEAD_S  120

/* The shortest secret, in bytes. */
#define STN_RELAY_SECRET_MIN    16


/* Appends the header's value, for a request of node for uri (path and query,
 * as they are sent), good up to exp_s (Unix time).  Returns STN_OK; STN_LIMIT
 * when the secret is too short, uri or node is empty, no text or too long
 * (stn_digest.h), or exp_s is no time; STN_ERROR (libcrypto) or out's error.
 */
int stn_relay_auth_sign(stn_buf_t *out, const stn_str_t *secret,
    const stn_str_t *uri, const stn_str_t *node, int64_t exp_s);

/* Whether value is good for that at now_s, with the current secret or the one
 * before (its len may be 0: there is none).  Returns NULL when it is, or why
 * not: a static text that tells nothing of the secret.  That a signature is of
 * another time is told only of a good one. */
const char *stn_relay_auth_check(const stn_str_t *value,
    const stn_str_t secrets[2], const stn_str_t *uri, const stn_str_t *node,
    int64_t now_s);

/* Makes a key of the secret for another purpose, a static text of one line:
 * HMAC-SHA256(secret, purpose), which tells neither the secret nor the key of
 * another purpose, and is no signature.  Returns STN_OK; STN_LIMIT when the
 * secret is too short; STN_ERROR (libcrypto). */
int stn_relay_auth_key(const stn_str_t *secret, const char *purpose,
    uint8_t key[STN_DIGEST_SHA256_LEN]);


#endif /* STN_RELAY_AUTH_H */
