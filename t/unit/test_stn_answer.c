/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Answers of webhooks: which let in, which do not and which are none; what may
 * be otherwise for him who is let in, and what people are told.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "told/stn_answer.h"


static stn_answer_e
read_text(stn_answer_t *a, long status, const char *text)
{
    stn_answer_read(a, status, text, strlen(text));

    return a->verdict;
}


static void
lets_in_as_he_is(void **state)
{
    stn_answer_t  a;

    (void) state;

    stn_answer_read(&a, 204, NULL, 0);

    assert_int_equal(a.verdict, STN_ANSWER_ALLOW);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.name_len, 0);
    assert_int_equal(a.track, -1);
    assert_int_equal(a.max_bitrate, -1);
    assert_int_equal(a.yields, 0);

    assert_int_equal(read_text(&a, 200, "{\"more\":[1]}"), STN_ANSWER_ALLOW);
}


static void
lets_in_otherwise(void **state)
{
    stn_answer_t  a;

    (void) state;

    assert_int_equal(read_text(&a, 200, "{\"name\":\"a/b\",\"track\":255,"
                               "\"max_bitrate\":96000,\"takeover\":false}"),
                     STN_ANSWER_ALLOW);

    assert_int_equal(a.name_len, 3);
    assert_memory_equal(a.name, "a/b", 3);
    assert_int_equal(a.track, 255);
    assert_int_equal(a.max_bitrate, 96000);
    assert_int_equal(a.yields, 1);
}


static void
is_none(void **state)
{
    size_t        i;
    stn_answer_t  a;

    static const char *const  texts[] = {
        "yes", "[]", "{\"track\":1,\"track\":1}", "{\"name\":\"..\"}",
        "{\"name\":1}", "{\"track\":256}", "{\"track\":1.0}",
        "{\"max_bitrate\":-1}", "{\"takeover\":0}"
    };

    (void) state;

    for (i = 0; i < stn_nelems(texts); i++) {
        assert_int_equal(read_text(&a, 200, texts[i]), STN_ANSWER_FAILED);
        assert_true(a.reason[0] != '\0');
    }

    assert_int_equal(read_text(&a, 302, "{}"), STN_ANSWER_FAILED);
    assert_int_equal(read_text(&a, 503, ""), STN_ANSWER_FAILED);
    assert_string_equal(a.reason, "status 503");
}


static void
says_no_and_why(void **state)
{
    char          text[STN_ANSWER_REASON_MAX + 32];
    stn_answer_t  a;

    (void) state;

    assert_int_equal(read_text(&a, 403, "{\"reason\":\"a\\u00e4\\n\"}"),
                     STN_ANSWER_DENY);
    assert_string_equal(a.reason, "a???");

    assert_int_equal(read_text(&a, 404, "nothing"), STN_ANSWER_DENY);
    assert_string_equal(a.reason, "");

    memset(text, 'r', sizeof(text));
    memcpy(text, "{\"reason\":\"", 11);
    memcpy(text + sizeof(text) - 2, "\"}", 2);

    stn_answer_read(&a, 403, text, sizeof(text));
    assert_int_equal(a.verdict, STN_ANSWER_DENY);
    assert_int_equal(strlen(a.reason), STN_ANSWER_REASON_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(lets_in_as_he_is),
        cmocka_unit_test(lets_in_otherwise),
        cmocka_unit_test(is_none),
        cmocka_unit_test(says_no_and_why)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
