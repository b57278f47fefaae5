/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * SRT stream ids (see stn_stream_id.h, where the forms are listed; "the
 * Guidelines" are libsrt's docs/features/access-control.md).  Which form an
 * id has is seen from how it begins and from which of '?' and ',' comes first.
 */

#include "access/stn_stream_id.h"

#include <string.h>


static int stn_stream_id_fail(stn_stream_id_t *id, int rc,
    const char *reason);
static int stn_stream_id_encoded(const stn_str_t *s);
static int stn_stream_id_begins(const stn_str_t *s, const char *prefix,
    stn_str_t *rest);
static int stn_stream_id_standard(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_pairs(stn_stream_id_t *id, const stn_str_t *s,
    char sign);
static int stn_stream_id_pair(stn_stream_id_t *id, const stn_str_t *name,
    const stn_str_t *value);
static int stn_stream_id_mode(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_type(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_verb(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_login(stn_stream_id_t *id, stn_str_t *s);
static int stn_stream_id_plain(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_resource(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_path(stn_stream_id_t *id, const stn_str_t *s);
static int stn_stream_id_keep(stn_stream_id_t *id, const stn_str_t *s,
    stn_str_t *out);
static int stn_stream_id_done(stn_stream_id_t *id, int rc);


int
stn_stream_id_read(stn_stream_id_t *id, const void *data, size_t len)
{
    int        rc;
    stn_str_t  s, rest;

    memset(id, 0, sizeof(*id));
    stn_params_init(&id->params);

    if (len > STN_STREAM_ID_MAX) {
        return stn_stream_id_fail(id, STN_LIMIT, "stream id is too long");
    }

    s.data = data;
    s.len = len;

    if (!stn_str_is_text(&s)) {
        return stn_stream_id_fail(id, STN_ERROR, "stream id is no text");
    }

    if (stn_stream_id_encoded(&s)) {
        rc = stn_stream_id_keep(id, &s, &s);
        if (rc != STN_OK) {
            return rc;
        }

        id->params.decoded = 1;
    }

    if (stn_stream_id_begins(&s, "#!", &rest)) {
        return stn_stream_id_standard(id, &rest);
    }

    stn_str_cut(&s, '#', &s, &rest);

    if (stn_stream_id_begins(&s, "publish:", &rest)) {
        id->mode = STN_STREAM_ID_PUBLISH;
        return stn_stream_id_verb(id, &rest);
    }

    if (stn_stream_id_begins(&s, "read:", &rest)
        || stn_stream_id_begins(&s, "request:", &rest))
    {
        id->mode = STN_STREAM_ID_REQUEST;
        return stn_stream_id_verb(id, &rest);
    }

    return stn_stream_id_plain(id, &s);
}


static int
stn_stream_id_fail(stn_stream_id_t *id, int rc, const char *reason)
{
    id->reason = reason;

    return rc;
}


/* Whether s is percent-encoded as a whole: the '#' of the Guidelines' form, or
 * a '?' where none and no '=' stands for itself. */

static int
stn_stream_id_encoded(const stn_str_t *s)
{
    size_t     i;
    stn_str_t  rest;

    if (stn_stream_id_begins(s, "%23", &rest)) {
        return 1;
    }

    if (s->len == 0 || memchr(s->data, '?', s->len)
        || memchr(s->data, '=', s->len))
    {
        return 0;
    }

    for (i = 0; i + 3 <= s->len; i++) {
        if (s->data[i] == '%' && s->data[i + 1] == '3'
            && (s->data[i + 2] | 0x20) == 'f')
        {
            return 1;
        }
    }

    return 0;
}


static int
stn_stream_id_begins(const stn_str_t *s, const char *prefix, stn_str_t *rest)
{
    size_t  n;

    n = strlen(prefix);

    if (s->len < n || memcmp(s->data, prefix, n) != 0) {
        return 0;
    }

    rest->data = s->data + n;
    rest->len = s->len - n;

    return 1;
}


/* The Guidelines, "General Syntax": what is behind "#!". */

static int
stn_stream_id_standard(stn_stream_id_t *id, const stn_str_t *s)
{
    stn_str_t  rest;

    if (stn_stream_id_begins(s, ":{", &rest)) {
        return stn_stream_id_fail(id, STN_UNSUPPORTED,
                                  "stream id has nested blocks");
    }

    if (!stn_stream_id_begins(s, "::", &rest)) {
        return stn_stream_id_fail(id, STN_ERROR,
                                  "stream id has an unknown syntax");
    }

    return stn_stream_id_pairs(id, &rest, '=');
}


/* Pairs with ',' between them, each a name, sign and a value. */

static int
stn_stream_id_pairs(stn_stream_id_t *id, const stn_str_t *s, char sign)
{
    int        rc;
    stn_str_t  rest, pair, name, value;

    rest = *s;

    while (rest.len) {
        stn_str_cut(&rest, ',', &pair, &rest);

        if (pair.len == 0) {
            continue;
        }

        if (!stn_str_cut(&pair, sign, &name, &value)) {
            return stn_stream_id_fail(id, STN_ERROR,
                                      "stream id has a name without a value");
        }

        rc = stn_stream_id_pair(id, &name, &value);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


/* The Guidelines, "Standard Keys"; and "mode", which is datarhei's. */

static int
stn_stream_id_pair(stn_stream_id_t *id, const stn_str_t *name,
    const stn_str_t *value)
{
    static const stn_str_t  user = { "user", 4 }, pass = { "pass", 4 };

    if (stn_str_is(name, "r")) {
        return id->path.len ? STN_OK : stn_stream_id_resource(id, value);
    }

    if (stn_str_is(name, "m") || stn_str_is(name, "mode")) {
        return stn_stream_id_mode(id, value);
    }

    if (stn_str_is(name, "t")) {
        return stn_stream_id_type(id, value);
    }

    if (stn_str_is(name, "h")) {
        return id->host.len ? STN_OK
                            : stn_stream_id_keep(id, value, &id->host);
    }

    if (stn_str_is(name, "u")) {
        name = &user;

    } else if (stn_str_is(name, "s")) {
        name = &pass;
    }

    return stn_stream_id_done(id, stn_params_add(&id->params, name, value));
}


static int
stn_stream_id_mode(stn_stream_id_t *id, const stn_str_t *s)
{
    stn_stream_id_mode_e  mode;

    if (stn_str_is(s, "publish")) {
        mode = STN_STREAM_ID_PUBLISH;

    } else if (stn_str_is(s, "request")) {
        mode = STN_STREAM_ID_REQUEST;

    } else {
        return stn_stream_id_fail(id, STN_UNSUPPORTED,
                                  "stream id has an unknown mode");
    }

    if (id->mode == STN_STREAM_ID_UNKNOWN) {
        id->mode = mode;
    }

    return STN_OK;
}


static int
stn_stream_id_type(stn_stream_id_t *id, const stn_str_t *s)
{
    if (!stn_str_is(s, "stream")) {
        return stn_stream_id_fail(id, STN_UNSUPPORTED,
                                  "stream id has a type other than stream");
    }

    return STN_OK;
}


/* What is behind "publish:": a path, and perhaps a login, and a query.  A
 * colon behind a '?' belongs to the query. */

static int
stn_stream_id_verb(stn_stream_id_t *id, const stn_str_t *s)
{
    int        rc;
    stn_str_t  path, rest, query;

    stn_str_cut(s, ':', &path, &rest);

    if (stn_str_cut(&path, '?', &path, &query)) {
        return stn_stream_id_resource(id, s);
    }

    rc = stn_stream_id_path(id, &path);

    if (rc == STN_OK) {
        rc = stn_stream_id_login(id, &rest);
    }

    return rc == STN_OK
           ? stn_stream_id_done(id, stn_params_read(&id->params, &rest)) : rc;
}


/* Takes "user:pass" or "user:pass:" off s, if it begins so; a single word, and
 * what has a '=' before its first colon, is a query. */

static int
stn_stream_id_login(stn_stream_id_t *id, stn_str_t *s)
{
    int        rc;
    stn_str_t  user, pass, rest;

    if (!stn_str_cut(s, ':', &user, &rest)
        || (user.len && memchr(user.data, '=', user.len)))
    {
        return STN_OK;
    }

    stn_str_cut(&rest, ':', &pass, s);

    rc = stn_stream_id_keep(id, &user, &id->params.user);

    return rc == STN_OK ? stn_stream_id_keep(id, &pass, &id->params.pass) : rc;
}


static int
stn_stream_id_plain(stn_stream_id_t *id, const stn_str_t *s)
{
    int        rc;
    stn_str_t  path, pairs;

    if (!stn_str_cut(s, ',', &path, &pairs)
        || (path.len && memchr(path.data, '?', path.len)))
    {
        return stn_stream_id_resource(id, s);
    }

    rc = stn_stream_id_path(id, &path);

    return rc == STN_OK ? stn_stream_id_pairs(id, &pairs, ':') : rc;
}


/* A path, and perhaps a query. */

static int
stn_stream_id_resource(stn_stream_id_t *id, const stn_str_t *s)
{
    int        rc;
    stn_str_t  path, query;

    stn_str_cut(s, '?', &path, &query);

    rc = stn_stream_id_path(id, &path);

    return rc == STN_OK
           ? stn_stream_id_done(id, stn_params_read(&id->params, &query)) : rc;
}


static int
stn_stream_id_path(stn_stream_id_t *id, const stn_str_t *s)
{
    int        rc;
    stn_str_t  path;

    rc = stn_stream_id_keep(id, s, &path);
    if (rc != STN_OK) {
        return rc;
    }

    while (path.len && path.data[0] == '/') {
        path.data++;
        path.len--;
    }

    while (path.len && path.data[path.len - 1] == '/') {
        path.len--;
    }

    id->path = path;

    return STN_OK;
}


static int
stn_stream_id_keep(stn_stream_id_t *id, const stn_str_t *s, stn_str_t *out)
{
    return stn_stream_id_done(id, stn_params_keep(&id->params, s, out));
}


/* What a function of the parameters returned, with its reason. */

static int
stn_stream_id_done(stn_stream_id_t *id, int rc)
{
    if (rc != STN_OK) {
        id->reason = id->params.reason;
    }

    return rc;
}
