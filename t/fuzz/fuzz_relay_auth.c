/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: signatures of nodes.  The input is the header's value, a zero,
 * the node's id, a zero, and the URI.  What has been signed is good, and what
 * comes is good only if it is what would have been signed.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "relay/stn_relay_auth.h"


#define NOW  1780000000


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
    int               rc;
    int64_t           exp;
    stn_buf_t         out;
    stn_str_t         all, value, node, uri, rest;
    const char       *reason;
    const stn_str_t   secrets[2] = {
        { "a secret of the cluster", 23 }, { "the one before it", 17 }
    };

    all.data = (const char *) data;
    all.len = len;

    stn_str_cut(&all, '\0', &value, &rest);
    stn_str_cut(&rest, '\0', &node, &uri);

    reason = stn_relay_auth_check(&value, secrets, &uri, &node, NOW);

    /* good ones of the corpus are of the first secret, in lower case */

    exp = NOW + 60;
    stn_buf_init(&out, 256);
    rc = stn_relay_auth_sign(&out, &secrets[0], &uri, &node, exp);

    check(rc == STN_OK || rc == STN_LIMIT);
    check(reason != NULL || rc == STN_OK);

    if (rc == STN_OK) {
        check(reason != NULL
              || (value.len == out.len
                  && strncasecmp(value.data, (char *) out.data, out.len)
                     == 0));

        value.data = (const char *) out.data;
        value.len = out.len;

        check(stn_relay_auth_check(&value, secrets, &uri, &node, NOW)
              == NULL);
        check(stn_relay_auth_check(&value, secrets, &uri, &node, exp + 1)
              != NULL);
    }

    stn_buf_free(&out);

    return 0;
}
