/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: what another node asks for.  A node that is named lies in the
 * query and is of one level, and numbers are within their limits.
 */

#include <stdlib.h>
#include <string.h>

#include "relay/stn_relay.h"
#include "relay/stn_relay_query.h"


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
    stn_str_t           query;
    stn_relay_query_t   q;

    query.data = (const char *) data;
    query.len = len;

    if (stn_relay_query(&q, &query) != NULL) {
        return 0;
    }

    check(q.node.len > 0 && q.node.len <= STN_RELAY_ID_MAX);
    check(q.node.data >= query.data
          && q.node.data + q.node.len <= query.data + query.len);
    check(memchr(q.node.data, '/', q.node.len) == NULL);
    check(stn_str_is_text(&q.node));
    check(q.epoch < STN_RELAY_EPOCHS);
    check(q.msn < (uint64_t) STN_RELAY_BIG && q.part < STN_RELAY_PARTS);
    check(q.after || (q.msn == 0 && q.part == 0 && q.crc == 0));

    return 0;
}
