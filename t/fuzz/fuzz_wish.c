/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: the body of a request to the control.  What is taken is the name
 * of a stream, and the same when it is asked for anew.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "told/stn_wish.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int          n;
    char         body[STN_NAME_MAX + 32];
    stn_str_t    name;
    stn_wish_t   w, again;

    memset(&w, 0, sizeof(w));

    if (stn_wish_read(&w, (const char *) data, len) != NULL) {
        check(w.len == 0);
        return 0;
    }

    name.data = (const char *) w.name;
    name.len = w.len;

    check(w.len <= STN_NAME_MAX && stn_name_is_fit(&name));
    check(memchr(w.name, '/', w.len) != NULL);

    n = snprintf(body, sizeof(body), "{\"stream\":\"%.*s\"}", (int) w.len,
                 name.data);
    check(n > 0 && (size_t) n < sizeof(body));

    check(stn_wish_read(&again, body, (size_t) n) == NULL);
    check(again.len == w.len && memcmp(again.name, w.name, w.len) == 0);

    return 0;
}
