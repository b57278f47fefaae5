/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: AMF0.  The input is one message, read token by token and then
 * through each of the ways of stepping over values.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/stn_amf.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


/* Strings lie inside the message. */

static void
check_str(const stn_str_t *s, const uint8_t *data, size_t len)
{
    const uint8_t  *p;

    if (s->len) {
        p = (const uint8_t *) s->data;
        check(p >= data && s->len <= len
              && p <= data + len - s->len);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int              rc;
    double           number = 0;
    stn_amf_t        a;
    stn_str_t        str = { NULL, 0 };
    stn_amf_value_t  v;

    const stn_amf_field_t  fields[] = {
        { "app", &str, NULL }, { "audiocodecid", NULL, &number }
    };

    stn_amf_init(&a, data, len);

    while ((rc = stn_amf_next(&a, &v)) == STN_OK) {
        check(a.depth <= STN_AMF_DEPTH_MAX);
        check_str(&v.key, data, len);
        check_str(&v.str, data, len);
    }

    check(rc == STN_AGAIN || a.reason != NULL);

    stn_amf_init(&a, data, len);

    do {
        rc = stn_amf_string(&a, &str);
        check_str(&str, data, len);

        rc = rc < 0 ? rc : stn_amf_number(&a, &number);
        rc = rc < 0 ? rc : stn_amf_fields(&a, fields, 2);
        check_str(&str, data, len);
        check(rc < 0 || a.depth == 0);

    } while (rc >= 0 && stn_cur_left(&a.cur));

    return 0;
}
