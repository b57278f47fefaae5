/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lines of a key file (see stn_keys_line.h; what they say is in
 * stn_keys.h).  Reasons are static and never quote a line: one that is wrong
 * may well have a key in the wrong place.
 */

#include "access/stn_keys_line.h"

#include <string.h>


typedef int (*stn_keys_line_pt)(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest);


static int stn_keys_secret(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest);
static int stn_keys_key(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest);
static int stn_keys_user_line(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest);
static int stn_keys_passphrase_line(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest);
static int stn_keys_salted(stn_keys_line_t *line, stn_str_t *rest,
    stn_str_t *hash);
static void stn_keys_trim(stn_str_t *s);
static int stn_keys_is_blank(char c);
static int stn_keys_is_word(const stn_str_t *s, const char *more, size_t max);
static int stn_keys_is_pattern(const stn_str_t *s);
static int stn_keys_is_wild(const stn_str_t *pattern);


static const struct {
    const char        *word;
    stn_keys_kind_e    kind;
    stn_keys_line_pt   handler;
} stn_keys_words[] = {
    { "secret", STN_KEYS_SECRET, stn_keys_secret },
    { "key", STN_KEYS_KEY, stn_keys_key },
    { "user", STN_KEYS_USER, stn_keys_user_line },
    { "passphrase", STN_KEYS_PASSPHRASE, stn_keys_passphrase_line }
};


int
stn_keys_line(stn_keys_t *k, stn_str_t *s)
{
    int               rc;
    unsigned          i;
    stn_str_t         word;
    stn_keys_line_t  *line;

    if (!stn_keys_word(s, &word) || word.data[0] == '#') {
        return STN_OK;
    }

    line = &k->lines[k->n];

    for (i = 0; i < stn_nelems(stn_keys_words); i++) {
        if (!stn_str_is(&word, stn_keys_words[i].word)) {
            continue;
        }

        line->kind = stn_keys_words[i].kind;

        rc = stn_keys_words[i].handler(k, line, s);

        if (rc == STN_OK) {
            k->n++;
        }

        return rc;
    }

    return stn_keys_fail(k, STN_ERROR, "line is neither \"secret\", \"key\", "
                                       "\"user\" nor \"passphrase\"");
}


static int
stn_keys_secret(stn_keys_t *k, stn_keys_line_t *line, stn_str_t *rest)
{
    stn_str_t  more;

    if (!stn_keys_word(rest, &line->value)
        || line->value.len < STN_KEYS_SECRET_MIN)
    {
        return stn_keys_fail(k, STN_ERROR,
                             "secret is shorter than 16 characters");
    }

    if (stn_keys_word(rest, &more)) {
        return stn_keys_fail(k, STN_ERROR, "secret is followed by more");
    }

    if (k->nsecrets == STN_KEYS_SECRETS_MAX) {
        return stn_keys_fail(k, STN_LIMIT, "too many secrets");
    }

    k->nsecrets++;

    return STN_OK;
}


static int
stn_keys_key(stn_keys_t *k, stn_keys_line_t *line, stn_str_t *rest)
{
    stn_str_t  hash, more;

    if (!stn_keys_word(rest, &line->stream)
        || !stn_keys_is_pattern(&line->stream))
    {
        return stn_keys_fail(k, STN_ERROR, "key of no stream");
    }

    if (!stn_keys_salted(line, rest, &hash)
        || stn_digest_unhex(&hash, line->hash, sizeof(line->hash)) != STN_OK)
    {
        return stn_keys_fail(k, STN_ERROR,
                             "key is no salt and SHA-256 hash");
    }

    if (stn_keys_word(rest, &more)) {
        return stn_keys_fail(k, STN_ERROR, "key is followed by more");
    }

    if (stn_keys_is_wild(&line->stream)) {
        if (k->nwild == STN_KEYS_WILD_MAX) {
            return stn_keys_fail(k, STN_LIMIT,
                                 "too many keys for more than one stream");
        }

        k->nwild++;
    }

    k->nkeys++;

    return STN_OK;
}


static int
stn_keys_user_line(stn_keys_t *k, stn_keys_line_t *line, stn_str_t *rest)
{
    stn_str_t  words, word;

    if (!stn_keys_word(rest, &line->user)
        || !stn_keys_is_word(&line->user, "._-@", STN_KEYS_USER_MAX))
    {
        return stn_keys_fail(k, STN_ERROR, "user has no proper name");
    }

    if (stn_keys_find_user(k, &line->user)) {
        return stn_keys_fail(k, STN_ERROR, "user is there already");
    }

    if (!stn_keys_salted(line, rest, &line->value)
        || !stn_digest_is_md5(&line->value))
    {
        return stn_keys_fail(k, STN_ERROR,
                             "user has no salt and MD5 hash");
    }

    line->stream = *rest;

    for (words = *rest; stn_keys_word(&words, &word); /* void */) {
        if (!stn_keys_is_pattern(&word)) {
            return stn_keys_fail(k, STN_ERROR, "user of no stream");
        }
    }

    k->nusers++;

    return STN_OK;
}


static int
stn_keys_passphrase_line(stn_keys_t *k, stn_keys_line_t *line,
    stn_str_t *rest)
{
    unsigned    i;
    stn_str_t  *value;

    if (!stn_keys_word(rest, &line->stream)
        || !stn_keys_is_pattern(&line->stream))
    {
        return stn_keys_fail(k, STN_ERROR, "passphrase of no stream");
    }

    for (i = 0; i < k->n; i++) {
        if (k->lines[i].kind == STN_KEYS_PASSPHRASE
            && stn_str_eq(&k->lines[i].stream, &line->stream))
        {
            return stn_keys_fail(k, STN_ERROR,
                                 "stream has a passphrase already");
        }
    }

    value = &line->value;
    *value = *rest;

    stn_keys_trim(value);

    if (value->len < STN_KEYS_PASSPHRASE_MIN
        || value->len > STN_KEYS_PASSPHRASE_MAX
        || !stn_str_is_text(value))
    {
        return stn_keys_fail(k, STN_ERROR,
                             "passphrase is not 10 to 79 characters long");
    }

    k->npassphrases++;

    return STN_OK;
}


/* The word SALT:HASH. */

static int
stn_keys_salted(stn_keys_line_t *line, stn_str_t *rest, stn_str_t *hash)
{
    stn_str_t  word;

    return stn_keys_word(rest, &word)
           && stn_str_cut(&word, ':', &line->salt, hash)
           && stn_keys_is_word(&line->salt, "._-", STN_KEYS_SALT_MAX);
}


int
stn_keys_word(stn_str_t *rest, stn_str_t *word)
{
    size_t  i;

    stn_keys_trim(rest);

    for (i = 0; i < rest->len && !stn_keys_is_blank(rest->data[i]); i++) {
        /* void */
    }

    word->data = rest->data;
    word->len = i;

    rest->data = i ? rest->data + i : rest->data;
    rest->len -= i;

    return i != 0;
}


/* Takes blanks off both ends. */

static void
stn_keys_trim(stn_str_t *s)
{
    while (s->len && stn_keys_is_blank(s->data[0])) {
        s->data++;
        s->len--;
    }

    while (s->len && stn_keys_is_blank(s->data[s->len - 1])) {
        s->len--;
    }
}


static int
stn_keys_is_blank(char c)
{
    return c == ' ' || c == '\t';
}


/* Letters, digits, and the signs in more. */

static int
stn_keys_is_word(const stn_str_t *s, const char *more, size_t max)
{
    char    c, lower;
    size_t  i;

    if (s->len == 0 || s->len > max) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];
        lower = c | 0x20;

        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z')
            && (c == '\0' || strchr(more, c) == NULL))
        {
            return 0;
        }
    }

    return 1;
}


static int
stn_keys_is_pattern(const stn_str_t *s)
{
    stn_str_t  name;

    name = *s;

    if (stn_keys_is_wild(s)) {
        if (s->len == 1) {
            return 1;
        }

        name.len -= 2;         /* a slash, a star */
    }

    return stn_keys_is_word(&name, "._-/", STN_KEYS_STREAM_MAX)
           && name.data[0] != '/' && name.data[name.len - 1] != '/';
}


/* Whether the pattern ends as those do that fit more than one stream. */

static int
stn_keys_is_wild(const stn_str_t *pattern)
{
    return stn_str_is(pattern, "*")
           || (pattern->len > 2
               && memcmp(pattern->data + pattern->len - 2, "/*", 2) == 0);
}


const stn_keys_line_t *
stn_keys_find_user(const stn_keys_t *k, const stn_str_t *user)
{
    unsigned  i;

    for (i = 0; i < k->n; i++) {
        if (k->lines[i].kind == STN_KEYS_USER
            && stn_str_eq(&k->lines[i].user, user))
        {
            return &k->lines[i];
        }
    }

    return NULL;
}


stn_keys_fit_e
stn_keys_fit(const stn_str_t *pattern, const stn_str_t *app,
    const stn_str_t *name)
{
    stn_str_t  head, tail;

    if (stn_str_is(pattern, "*")) {
        return STN_KEYS_FIT_ALL;
    }

    if (memchr(pattern->data, '/', pattern->len) == NULL) {
        return stn_str_eq(pattern, name) ? STN_KEYS_FIT_NAME
                                         : STN_KEYS_FIT_NOT;
    }

    /* the application itself may have slashes */

    if (pattern->len <= app->len + 1) {
        return STN_KEYS_FIT_NOT;
    }

    head.data = pattern->data;
    head.len = app->len;
    tail.data = pattern->data + app->len + 1;
    tail.len = pattern->len - app->len - 1;

    if (!stn_str_eq(&head, app) || pattern->data[app->len] != '/') {
        return STN_KEYS_FIT_NOT;
    }

    return stn_str_eq(&tail, name) ? STN_KEYS_FIT_STREAM
           : stn_str_is(&tail, "*") ? STN_KEYS_FIT_APP : STN_KEYS_FIT_NOT;
}


int
stn_keys_fail(stn_keys_t *k, int rc, const char *reason)
{
    k->reason = reason;

    return rc;
}
