/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The operator's keys and the verdicts on what broadcasters present (see
 * stn_keys.h).  The file stays in memory as it was read, and each of its lines
 * becomes a record that points into it (stn_keys_line.h); they are gone
 * through one by one when somebody publishes, which happens seldom.
 */

#include "access/stn_keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "access/stn_digest.h"
#include "access/stn_keys_line.h"



static void stn_keys_wipe(stn_keys_t *k);
static int stn_keys_lines(stn_keys_t *k);
static stn_access_e stn_keys_check_signed(const stn_keys_t *k,
    const stn_str_t *app, const stn_str_t *name, const stn_params_t *p,
    int64_t now_s);
static stn_access_e stn_keys_check_static(const stn_keys_t *k,
    const stn_str_t *app, const stn_str_t *name, const stn_str_t *key);
static stn_access_e stn_keys_check_user(const stn_keys_t *k,
    const stn_str_t *app, const stn_str_t *name, const stn_params_t *p);


static const char  *stn_access_reasons[] = {
    [STN_ACCESS_OK] = "allowed",
    [STN_ACCESS_NO_KEY] = "no stream key",
    [STN_ACCESS_BAD_KEY] = "wrong stream key",
    [STN_ACCESS_BAD_SIGNATURE] = "wrong signature of the stream key",
    [STN_ACCESS_EXPIRED] = "stream key has expired",
    [STN_ACCESS_TOO_LONG] = "stream key expires more than a year ahead",
    [STN_ACCESS_BAD_USER] = "no such user",
    [STN_ACCESS_BAD_PASSWORD] = "wrong password",
    [STN_ACCESS_NOT_HIS] = "user may not publish this stream",
    [STN_ACCESS_NEED_AUTH] = "user and password needed",
    [STN_ACCESS_STALE] = "authentication took too long",
    [STN_ACCESS_FAILED] = "keys cannot be checked"
};


const char *
stn_access_reason(stn_access_e verdict)
{
    return stn_access_reasons[verdict];
}


int
stn_keys_read(stn_keys_t *k, const void *data, size_t len)
{
    int  rc;

    memset(k, 0, sizeof(*k));

    if (len > STN_KEYS_FILE_MAX) {
        return stn_keys_fail(k, STN_LIMIT, "key file is too long");
    }

    k->text = malloc(len + 1);
    if (k->text == NULL) {
        return stn_keys_fail(k, STN_NOMEM, "out of memory");
    }

    k->len = len;

    if (len) {
        memcpy(k->text, data, len);
    }

    rc = stn_keys_lines(k);

    if (rc != STN_OK) {
        stn_keys_wipe(k);
    }

    return rc;
}


void
stn_keys_free(stn_keys_t *k)
{
    stn_keys_wipe(k);
    memset(k, 0, sizeof(*k));
}


static void
stn_keys_wipe(stn_keys_t *k)
{
    if (k->text) {
        OPENSSL_cleanse(k->text, k->len);
    }

    free(k->text);
    free(k->lines);

    k->text = NULL;
    k->len = 0;
    k->lines = NULL;
    k->n = 0;
}


static int
stn_keys_lines(stn_keys_t *k)
{
    int        rc;
    size_t     n;
    stn_str_t  rest, line;

    rest.data = k->text;
    rest.len = k->len;

    for (n = 0; rest.len && n <= STN_KEYS_LINES_MAX; n++) {
        stn_str_cut(&rest, '\n', &line, &rest);
    }

    if (n > STN_KEYS_LINES_MAX) {
        return stn_keys_fail(k, STN_LIMIT, "key file has too many lines");
    }

    k->lines = calloc(n ? n : 1, sizeof(stn_keys_line_t));
    if (k->lines == NULL) {
        return stn_keys_fail(k, STN_NOMEM, "out of memory");
    }

    rest.data = k->text;
    rest.len = k->len;

    while (rest.len) {
        stn_str_cut(&rest, '\n', &line, &rest);
        k->line++;

        if (line.len && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        rc = stn_keys_line(k, &line);
        if (rc != STN_OK) {
            return rc;
        }
    }

    k->line = 0;

    return STN_OK;
}


stn_access_e
stn_keys_check(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, const stn_params_t *p, int64_t now_s)
{
    if (p->sig.len || p->exp.len) {
        return stn_keys_check_signed(k, app, name, p, now_s);
    }

    if (p->key.len) {
        return stn_keys_check_static(k, app, name, &p->key);
    }

    if (p->token.len) {
        return stn_keys_check_static(k, app, name, &p->token);
    }

    if (p->pass.len) {
        return p->user.len ? stn_keys_check_user(k, app, name, p)
                           : stn_keys_check_static(k, app, name, &p->pass);
    }

    return STN_ACCESS_NO_KEY;
}


static stn_access_e
stn_keys_check_signed(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, const stn_params_t *p, int64_t now_s)
{
    int        good;
    int64_t    exp;
    uint8_t    sig[STN_DIGEST_SHA256_LEN], hmac[STN_DIGEST_SHA256_LEN];
    unsigned   i;
    stn_str_t  pieces[] = { *app, { "/", 1 }, *name, { "?exp=", 5 }, p->exp };

    exp = stn_str_time(&p->exp);

    if (exp < 0
        || stn_digest_unhex(&p->sig, sig, sizeof(sig)) != STN_OK
        || app->len + 1 + name->len > STN_KEYS_STREAM_MAX)
    {
        return STN_ACCESS_BAD_SIGNATURE;
    }

    for (i = 0, good = 0; i < k->n; i++) {
        if (k->lines[i].kind != STN_KEYS_SECRET) {
            continue;
        }

        if (stn_digest_hmac(&k->lines[i].value, pieces, stn_nelems(pieces),
                            hmac)
            != STN_OK)
        {
            return STN_ACCESS_FAILED;
        }

        good |= stn_digest_eq(hmac, sig, sizeof(sig));
    }

    if (!good) {
        return STN_ACCESS_BAD_SIGNATURE;
    }

    return now_s > exp ? STN_ACCESS_EXPIRED
           : exp - now_s > STN_KEYS_AHEAD_MAX ? STN_ACCESS_TOO_LONG
                                              : STN_ACCESS_OK;
}


static stn_access_e
stn_keys_check_static(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, const stn_str_t *key)
{
    int                     good;
    uint8_t                 hash[STN_DIGEST_SHA256_LEN];
    unsigned                i;
    stn_str_t               pieces[2];
    const stn_keys_line_t  *line;

    if (key->len > STN_KEYS_KEY_MAX) {
        return STN_ACCESS_BAD_KEY;
    }

    for (i = 0, good = 0; i < k->n; i++) {
        line = &k->lines[i];

        if (line->kind != STN_KEYS_KEY
            || !stn_keys_fit(&line->stream, app, name))
        {
            continue;
        }

        pieces[0] = line->salt;
        pieces[1] = *key;

        if (stn_digest_sha256(pieces, 2, hash) != STN_OK) {
            return STN_ACCESS_FAILED;
        }

        good |= stn_digest_eq(hash, line->hash, sizeof(hash));
    }

    return good ? STN_ACCESS_OK : STN_ACCESS_BAD_KEY;
}


static stn_access_e
stn_keys_check_user(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, const stn_params_t *p)
{
    char                    hash[STN_DIGEST_MD5_SIZE];
    stn_str_t               pieces[3];
    const stn_keys_line_t  *line;

    line = stn_keys_find_user(k, &p->user);

    if (line == NULL) {
        return STN_ACCESS_BAD_USER;
    }

    if (p->pass.len > STN_KEYS_KEY_MAX) {
        return STN_ACCESS_BAD_PASSWORD;
    }

    pieces[0] = line->user;
    pieces[1] = line->salt;
    pieces[2] = p->pass;

    if (stn_digest_md5(pieces, 3, hash) != STN_OK) {
        return STN_ACCESS_FAILED;
    }

    return stn_digest_eq(hash, line->value.data, STN_DIGEST_MD5_LEN)
           ? stn_keys_user_may(k, &p->user, app, name)
           : STN_ACCESS_BAD_PASSWORD;
}


stn_access_e
stn_keys_user_may(const stn_keys_t *k, const stn_str_t *user,
    const stn_str_t *app, const stn_str_t *name)
{
    stn_str_t               words, pattern;
    const stn_keys_line_t  *line;

    line = stn_keys_find_user(k, user);

    if (line == NULL) {
        return STN_ACCESS_BAD_USER;
    }

    words = line->stream;

    if (!stn_keys_word(&words, &pattern)) {
        return STN_ACCESS_OK;
    }

    do {
        if (stn_keys_fit(&pattern, app, name)) {
            return STN_ACCESS_OK;
        }
    } while (stn_keys_word(&words, &pattern));

    return STN_ACCESS_NOT_HIS;
}


int
stn_keys_user(const stn_keys_t *k, const stn_str_t *user, stn_str_t *salt,
    stn_str_t *hash)
{
    const stn_keys_line_t  *line;

    line = stn_keys_find_user(k, user);

    if (line == NULL) {
        return 0;
    }

    *salt = line->salt;
    *hash = line->value;

    return 1;
}


int
stn_keys_passphrase(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, stn_str_t *value)
{
    unsigned         i;
    stn_keys_fit_e   fit, best;

    for (i = 0, best = STN_KEYS_FIT_NOT; i < k->n; i++) {
        if (k->lines[i].kind != STN_KEYS_PASSPHRASE) {
            continue;
        }

        fit = stn_keys_fit(&k->lines[i].stream, app, name);

        if (fit > best) {
            best = fit;
            *value = k->lines[i].value;
        }
    }

    return best >= STN_KEYS_FIT_NAME ? STN_KEYS_OWN
           : best ? STN_KEYS_SHARED : STN_KEYS_NONE;
}
