/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: a webhook's answer.  The first byte picks the status, the rest
 * is the text.  Whatever it is, what is let in is named as streams are, within
 * the limits, and what is said to people is printable.
 */

#include <stdlib.h>
#include <string.h>

#include "told/stn_answer.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
allowed(const stn_answer_t *a)
{
    stn_str_t  name;

    name.data = (const char *) a->name;
    name.len = a->name_len;

    check(a->reason[0] == '\0');
    check(a->name_len <= STN_NAME_MAX);
    check(a->name_len == 0 || stn_name_is_fit(&name));
    check(a->track >= -1 && a->track <= STN_ANSWER_TRACK_MAX);
    check(a->max_bitrate >= -1 && a->max_bitrate <= STN_ANSWER_BITRATE_MAX);
    check(a->yields <= 1);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    long          status;
    const char   *p;
    stn_answer_t  a;

    static const long  statuses[] = {
        200, 200, 200, 403, 403, 204, 299, 300, 499, 500, 0, -1
    };

    if (len == 0) {
        return 0;
    }

    status = statuses[data[0] % stn_nelems(statuses)];

    stn_answer_read(&a, status, (const char *) data + 1, len - 1);

    check(a.status == status);
    check(memchr(a.reason, '\0', sizeof(a.reason)) != NULL);

    for (p = a.reason; *p; p++) {
        check(*p >= ' ' && *p <= '~');
    }

    switch (a.verdict) {

    case STN_ANSWER_ALLOW:
        check(status >= 200 && status < 300);
        allowed(&a);
        break;

    case STN_ANSWER_DENY:
        check(status >= 400 && status < 500);
        break;

    default: /* STN_ANSWER_FAILED */
        check(a.reason[0] != '\0' && (status < 400 || status >= 500));
    }

    return 0;
}
