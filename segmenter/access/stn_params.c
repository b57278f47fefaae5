/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Parameters of a publish (see stn_params.h).  A value is decoded to the end
 * of the object's text, looked at there, and stays only if it is wanted and
 * sound.  Called by the RTMP session in the event loop and by the stream id
 * reader on libsrt's thread.
 */

#include "access/stn_params.h"

#include <string.h>


static void stn_params_appended(stn_str_t *pair, stn_str_t *appended);
static stn_str_t *stn_params_slot(stn_params_t *p, const stn_str_t *name);
static int stn_params_fail(stn_params_t *p, int rc, const char *reason);


static const struct {
    const char  *name;
    size_t       offset;
} stn_params_names[] = {
    { "key", offsetof(stn_params_t, key) },
    { "token", offsetof(stn_params_t, token) },
    { "exp", offsetof(stn_params_t, exp) },
    { "sig", offsetof(stn_params_t, sig) },
    { "user", offsetof(stn_params_t, user) },
    { "pass", offsetof(stn_params_t, pass) },
    { "track", offsetof(stn_params_t, track) },
    { "authmod", offsetof(stn_params_t, authmod) },
    { "challenge", offsetof(stn_params_t, challenge) },
    { "response", offsetof(stn_params_t, response) },
    { "opaque", offsetof(stn_params_t, opaque) }
};


void
stn_params_init(stn_params_t *p)
{
    memset(p, 0, sizeof(*p));
}


int
stn_params_read(stn_params_t *p, const stn_str_t *query)
{
    int        rc;
    stn_str_t  rest, pair, appended, name, value;

    rest = *query;

    while (rest.len) {
        stn_str_cut(&rest, '&', &pair, &rest);
        stn_params_appended(&pair, &appended);

        stn_str_cut(&pair, '=', &name, &value);
        rc = stn_params_add(p, &name, &value);

        if (rc == STN_OK && appended.len) {
            stn_str_cut(&appended, '=', &name, &value);
            rc = stn_params_add(p, &name, &value);
        }

        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


/* Takes off pair what an encoder appended to a query that was there, with a
 * second '?'. */

static void
stn_params_appended(stn_str_t *pair, stn_str_t *appended)
{
    stn_str_t  head, name, value;

    stn_str_cut(pair, '?', &head, appended);
    stn_str_cut(appended, '=', &name, &value);

    if (stn_str_is(&name, "authmod")) {
        *pair = head;

    } else {
        appended->len = 0;
    }
}


int
stn_params_pair(stn_str_t *query, stn_str_t *name, stn_str_t *value)
{
    stn_str_t  pair;

    do {
        if (query->len == 0) {
            return 0;
        }

        stn_str_cut(query, '&', &pair, query);

    } while (pair.len == 0);

    stn_str_cut(&pair, '=', name, value);

    return 1;
}


int
stn_params_add(stn_params_t *p, const stn_str_t *name,
    const stn_str_t *value)
{
    stn_str_t  *slot;

    slot = stn_params_slot(p, name);

    if (slot == NULL || slot->len) {
        return STN_OK;
    }

    return stn_params_keep(p, value, slot);
}


int
stn_params_keep(stn_params_t *p, const stn_str_t *value, stn_str_t *out)
{
    stn_str_t  s;

    if (value->len > sizeof(p->text) - p->used) {
        return stn_params_fail(p, STN_LIMIT, "too many parameters");
    }

    s.data = p->text + p->used;

    if (p->decoded) {
        s.len = value->len;

        if (s.len) {
            memcpy(p->text + p->used, value->data, s.len);
        }

    } else {
        s.len = stn_params_decode(value, p->text + p->used);
    }

    if (!stn_str_is_text(&s)) {
        return stn_params_fail(p, STN_ERROR, "parameter is no text");
    }

    p->used += s.len;
    *out = s;

    return STN_OK;
}


size_t
stn_params_decode(const stn_str_t *value, char *out)
{
    int     high, low;
    char    c;
    size_t  i, n;

    for (i = 0, n = 0; i < value->len; i++) {
        c = value->data[i];

        if (c == '%' && value->len - i > 2) {
            high = stn_str_hex(value->data[i + 1]);
            low = stn_str_hex(value->data[i + 2]);

            if (high >= 0 && low >= 0) {
                c = (char) (high << 4 | low);
                i += 2;
            }
        }

        out[n++] = c;
    }

    return n;
}


static stn_str_t *
stn_params_slot(stn_params_t *p, const stn_str_t *name)
{
    size_t  i;

    for (i = 0; i < stn_nelems(stn_params_names); i++) {
        if (stn_str_is(name, stn_params_names[i].name)) {
            return (stn_str_t *) ((char *) p + stn_params_names[i].offset);
        }
    }

    return NULL;
}


static int
stn_params_fail(stn_params_t *p, int rc, const char *reason)
{
    p->reason = reason;

    return rc;
}
