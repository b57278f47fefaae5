/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The control's requests: the one that there is, and some of those that are
 * none; and the names that streams may have.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "told/stn_wish.h"


static void
takes_a_stream(void **state)
{
    stn_wish_t  w;

    static const char  body[] = " {\"stream\": \"live\\/studio1\"} ";

    (void) state;

    assert_null(stn_wish_read(&w, body, sizeof(body) - 1));
    assert_int_equal(w.len, 12);
    assert_memory_equal(w.name, "live/studio1", 12);
}


static void
takes_nothing_else(void **state)
{
    size_t      i;
    stn_wish_t  w;

    static const char *const  bodies[] = {
        "", "{", "[]", "{}", "{\"stream\":1}", "{\"stream\":\"live\"}",
        "{\"stream\":\"live/\"}", "{\"stream\":\"live/a\",\"b\":1}",
        "{\"stream\":\"live/a\",\"stream\":\"live/a\"}",
        "{\"stream\":\"live/a\\u0000\"}", "{\"stream\":\"live/a b\"}",
        "{\"stream\":\"live/a\"}x"
    };

    (void) state;

    for (i = 0; i < stn_nelems(bodies); i++) {
        assert_non_null(stn_wish_read(&w, bodies[i], strlen(bodies[i])));
    }
}


static int
fits(const char *text)
{
    stn_str_t  name;

    name.data = text;
    name.len = strlen(text);

    return stn_name_is_fit(&name);
}


static void
names_have_levels(void **state)
{
    char  level[STN_NAME_LEVEL_MAX + 2];

    (void) state;

    assert_true(fits("a") && fits("a/b/c") && fits(".a") && fits("A.b_c-9"));
    assert_false(fits("") || fits("/a") || fits("a/") || fits("a//b"));
    assert_false(fits(".") || fits("a/..") || fits("a/.../b"));
    assert_false(fits("a b") || fits("a\n") || fits("a%2f"));
    assert_false(fits("\xc3\xa4"));

    memset(level, 'a', sizeof(level));
    level[STN_NAME_LEVEL_MAX] = '\0';
    assert_true(fits(level));

    level[STN_NAME_LEVEL_MAX] = 'a';
    level[STN_NAME_LEVEL_MAX + 1] = '\0';
    assert_false(fits(level));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(takes_a_stream),
        cmocka_unit_test(takes_nothing_else),
        cmocka_unit_test(names_have_levels)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
