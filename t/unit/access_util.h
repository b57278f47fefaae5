/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of segmenter/access share: strings from literals, and
 * parameters from a query.  Functions are static inline, so that each test
 * stays one binary of its own.
 */

#ifndef ACCESS_UTIL_H
#define ACCESS_UTIL_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "access/stn_params.h"


/* Bytes of a literal, zeros inside it too. */
#define ACCESS_BYTES(literal)  literal, sizeof(literal) - 1


static inline stn_str_t
access_str(const char *s)
{
    stn_str_t  str;

    str.data = s;
    str.len = strlen(s);

    return str;
}


static inline void
access_is(const stn_str_t *s, const char *expected)
{
    if (!stn_str_is(s, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", (int) s->len,
                 s->data ? s->data : "", expected);
    }
}


static inline void
access_params(stn_params_t *p, const char *query)
{
    stn_str_t  s;

    s = access_str(query);

    stn_params_init(p);
    assert_int_equal(stn_params_read(p, &s), STN_OK);
}


#endif /* ACCESS_UTIL_H */
