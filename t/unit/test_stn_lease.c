/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What Redis tells: of leases, in words, and of nodes, in JSON.  What makes
 * sense is taken; of the rest nothing.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "told/stn_lease.h"


#define URL  "http://127.0.0.1:1/relay/"


static void
assert_lease(const char *text, uint64_t epoch, const char *node,
    const char *relay)
{
    stn_lease_t  l;

    stn_lease_read(&l, text);

    assert_int_equal(l.epoch, epoch);
    assert_string_equal(l.relay, relay);

    if (node) {
        assert_non_null(l.node);
        assert_string_equal(l.node, node);
    } else {
        assert_null(l.node);
    }
}


static void
who_has_a_lease(void **state)
{
    char  text[STN_LEASE_TEXT_MAX * 2];

    (void) state;

    assert_lease("7 1 b " URL, 7, "b", URL);
    assert_lease("7 0 b", 7, "b", "");
    assert_lease("7 0", 7, NULL, "");
    assert_lease("7", 7, NULL, "");
    assert_lease("", 0, NULL, "");
    assert_lease(NULL, 0, NULL, "");

    assert_lease("7 1 b ftp://x/", 7, NULL, "");
    assert_lease("7 1 b http://x", 7, NULL, "");
    assert_lease("7 1 \x01 " URL, 7, NULL, "");
    assert_lease("-1 1 b " URL, 0, "b", URL);
    assert_lease("18446744073709551615 1 b " URL, 0, "b", URL);

    memset(text, 'n', sizeof(text));
    memcpy(text, "7 1 ", 4);
    text[sizeof(text) - 1] = '\0';
    assert_lease(text, 7, NULL, "");
}


static void
what_the_script_says(void **state)
{
    size_t       i;
    stn_lease_t  l;

    static const struct {
        const char   *text;
        stn_lease_e   verdict;
    } cases[] = {
        { "held 3", STN_LEASE_HELD }, { "held 0", STN_LEASE_NONSENSE },
        { "held", STN_LEASE_NONSENSE }, { "held 3 4", STN_LEASE_NONSENSE },
        { "other 3", STN_LEASE_OTHER }, { "other", STN_LEASE_NONSENSE },
        { "quit", STN_LEASE_QUIT }, { "quit now", STN_LEASE_NONSENSE },
        { "error no room", STN_LEASE_TROUBLE },
        { "error", STN_LEASE_NONSENSE }, { "", STN_LEASE_NONSENSE },
        { NULL, STN_LEASE_NONSENSE }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        assert_int_equal(stn_lease_verdict(&l, cases[i].text),
                         cases[i].verdict);
    }

    assert_int_equal(stn_lease_verdict(&l, "other 9 1 b " URL),
                     STN_LEASE_OTHER);
    assert_int_equal(l.epoch, 9);
    assert_string_equal(l.node, "b");
    assert_string_equal(l.relay, URL);

    (void) stn_lease_verdict(&l, "error no room");
    assert_string_equal(l.said, "no room");
}


static void
what_the_channel_says(void **state)
{
    const char   *name;
    stn_lease_t   l;

    (void) state;

    name = stn_lease_message(&l, "lease live/studio1 4 b");
    assert_non_null(name);
    assert_string_equal(name, "live/studio1");
    assert_string_equal(l.node, "b");

    assert_null(stn_lease_message(&l, "lease live/studio1 4"));
    assert_null(stn_lease_message(&l, "lease live/studio1 4 b c"));
    assert_null(stn_lease_message(&l, ""));
}


static int
node(stn_node_t *n, const char *id, const char *text)
{
    return stn_node_read(n, id, text, strlen(text));
}


static void
what_a_node_says(void **state)
{
    size_t      i;
    stn_node_t  n;

    static const char *const  wrong[] = {
        "", "[]", "{}", "{\"role\":\"king\"}", "{\"role\":1}",
        "{\"role\":\"edge\",\"relay\":\"x\"}",
        "{\"role\":\"edge\",\"listen\":\"http://a b/\"}",
        "{\"role\":\"edge\",\"version\":\"1234567890123456\"}"
    };

    (void) state;

    assert_int_equal(node(&n, "b", "{\"role\":\"shield\",\"region\":\"eu\","
                          "\"relay\":\"" URL "\",\"capacity\":-5,"
                          "\"listeners\":99999999999,\"load\":\"x\"}"),
                     STN_OK);
    assert_string_equal(n.id, "b");
    assert_string_equal(n.region, "eu");
    assert_string_equal(n.relay, URL);
    assert_string_equal(n.listen, "");
    assert_string_equal(stn_node_role(n.role), "shield");
    assert_int_equal(n.capacity, 0);
    assert_int_equal(n.listeners, UINT32_MAX);
    assert_int_equal(n.load, 0);

    for (i = 0; i < stn_nelems(wrong); i++) {
        assert_int_equal(node(&n, "b", wrong[i]), STN_ERROR);
    }

    assert_int_equal(node(&n, "", "{\"role\":\"edge\"}"), STN_ERROR);
    assert_int_equal(node(&n, "a b", "{\"role\":\"edge\"}"), STN_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(who_has_a_lease),
        cmocka_unit_test(what_the_script_says),
        cmocka_unit_test(what_the_channel_says),
        cmocka_unit_test(what_a_node_says)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
