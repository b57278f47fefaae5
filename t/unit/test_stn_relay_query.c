/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Queries of other nodes: one with all that there may be in it, the least of
 * one, and many that are none.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/stn_relay_query.h"


static const char *
ask(stn_relay_query_t *q, const char *text)
{
    stn_str_t  query;

    query.data = text;
    query.len = strlen(text);

    return stn_relay_query(q, &query);
}


static void
asks_for_all_that_there_is(void **state)
{
    stn_relay_query_t  q;

    (void) state;

    assert_null(ask(&q, "node=edge-1.eu&x=y&epoch=17&after=1234567890.31:"
                        "00c0FFee&node=other&epoch=x"));
    assert_int_equal(q.node.len, 9);
    assert_memory_equal(q.node.data, "edge-1.eu", 9);
    assert_int_equal(q.epoch, 17);
    assert_int_equal(q.after, 1);
    assert_int_equal(q.msn, 1234567890);
    assert_int_equal(q.part, 31);
    assert_int_equal(q.crc, 0x00c0ffee);

    assert_null(ask(&q, "node=a"));
    assert_int_equal(q.after, 0);
    assert_int_equal(q.epoch, 0);
}


static void
asks_for_what_cannot_be(void **state)
{
    size_t             i;
    stn_relay_query_t  q;

    static const char *const  queries[] = {
        "", "node", "node=", "node=a/b", "node=..", "node=a%20b",
        "node=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234",
        "node=a&epoch=", "node=a&epoch=-1", "node=a&epoch=1x",
        "node=a&epoch=4503599627370496", "node=a&epoch=99999999999999999999",
        "node=a&after=", "node=a&after=1", "node=a&after=1.2",
        "node=a&after=1.2:0011223", "node=a&after=1.2:001122334",
        "node=a&after=1.2:0011223x", "node=a&after=1.32:00112233",
        "node=a&after=.2:00112233", "node=a&after=1.:00112233",
        "node=a&after=4611686018427387904.2:00112233"
    };

    (void) state;

    for (i = 0; i < stn_nelems(queries); i++) {
        assert_non_null(ask(&q, queries[i]));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(asks_for_all_that_there_is),
        cmocka_unit_test(asks_for_what_cannot_be)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
