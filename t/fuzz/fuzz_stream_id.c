/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: SRT stream ids, and the same bytes as a query, as a whole and
 * pair by pair.  What comes out is text, of the object itself, and no longer
 * than what went in.
 */

#include <stdlib.h>

#include "access/stn_stream_id.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_str(const stn_params_t *p, const stn_str_t *s)
{
    if (s->len) {
        check(s->data >= p->text && s->len <= p->used
              && s->data + s->len <= p->text + p->used);
        check(stn_str_is_text(s));
    }
}


static void
check_params(const stn_params_t *p)
{
    const stn_str_t  *s;

    check(p->used <= STN_PARAMS_MAX);

    for (s = &p->key; s <= &p->opaque; s++) {
        check_str(p, s);
    }
}


static void
check_pairs(stn_str_t query)
{
    char       *out;
    size_t      before;
    stn_str_t   name, value;

    for (before = query.len;
         stn_params_pair(&query, &name, &value);
         before = query.len)
    {
        check(name.len + value.len <= before && query.len < before);

        out = malloc(value.len ? value.len : 1);
        check(out != NULL);
        check(stn_params_decode(&value, out) <= value.len);
        free(out);
    }

    check(query.len == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int              rc;
    stn_str_t        query;
    stn_params_t     p;
    stn_stream_id_t  id;

    rc = stn_stream_id_read(&id, data, len);

    check(rc == STN_OK || id.reason != NULL);
    check_params(&id.params);
    check_str(&id.params, &id.host);
    check_str(&id.params, &id.path);

    if (rc == STN_OK && id.path.len) {
        check(id.path.data[0] != '/'
              && id.path.data[id.path.len - 1] != '/');
    }

    query.data = (const char *) data;
    query.len = len;

    check_pairs(query);

    stn_params_init(&p);
    rc = stn_params_read(&p, &query);

    check(rc == STN_OK || p.reason != NULL);
    check_params(&p);

    return 0;
}
