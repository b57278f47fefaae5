/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pieces of text: compared, cut, and told from what may not be logged, which
 * is anything but UTF-8 and every control character.
 */

#include "access_util.h"


static int
is_text(const char *data, size_t len)
{
    stn_str_t  s;

    s.data = data;
    s.len = len;

    return stn_str_is_text(&s);
}


static void
compares_bytes(void **state)
{
    stn_str_t  a = access_str("live"), b = access_str("lives"),
               none = { NULL, 0 };

    (void) state;

    assert_true(stn_str_is(&a, "live"));
    assert_false(stn_str_is(&a, "liv"));
    assert_true(stn_str_is(&none, ""));
    assert_false(stn_str_eq(&a, &b));

    b.len--;
    assert_true(stn_str_eq(&a, &b));
    assert_true(stn_str_eq(&none, &none));
    assert_false(stn_str_eq(&none, &a));
}


static void
cuts_at_the_first(void **state)
{
    stn_str_t  s = access_str("a?b?c"), head, rest;

    (void) state;

    assert_true(stn_str_cut(&s, '?', &head, &rest));
    access_is(&head, "a");
    access_is(&rest, "b?c");

    assert_true(stn_str_cut(&rest, '?', &head, &rest));
    access_is(&head, "b");
    access_is(&rest, "c");

    assert_false(stn_str_cut(&rest, '?', &head, &rest));
    access_is(&head, "c");
    access_is(&rest, "");

    assert_false(stn_str_cut(&rest, '?', &head, &rest));
    access_is(&head, "");

    s = access_str("name?");
    assert_true(stn_str_cut(&s, '?', &s, &rest));
    access_is(&s, "name");
    access_is(&rest, "");
}


static void
knows_text(void **state)
{
    (void) state;

    assert_true(is_text(NULL, 0));
    assert_true(is_text(ACCESS_BYTES("plain ~ text")));
    assert_true(is_text(ACCESS_BYTES("\xc2\xa0\xc3\xbc\xdf\xbf")));
    assert_true(is_text(ACCESS_BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80")));
    assert_true(is_text(ACCESS_BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}


static void
knows_what_is_none(void **state)
{
    size_t  i;

    static const struct {
        const char  *data;
        size_t       len;
    } bad[] = {
        { ACCESS_BYTES("a\0b") },
        { ACCESS_BYTES("line\n") },
        { ACCESS_BYTES("\x1b[31m") },
        { ACCESS_BYTES("\x7f") },
        { ACCESS_BYTES("\xc2\x9b") },              /* C1: CSI */
        { ACCESS_BYTES("\x80") },
        { ACCESS_BYTES("\xbf") },
        { ACCESS_BYTES("\xc0\xaf") },              /* overlong */
        { ACCESS_BYTES("\xc1\xbf") },
        { ACCESS_BYTES("\xe0\x9f\xbf") },
        { ACCESS_BYTES("\xf0\x8f\xbf\xbf") },
        { ACCESS_BYTES("\xed\xa0\x80") },          /* a surrogate */
        { ACCESS_BYTES("\xf4\x90\x80\x80") },      /* over U+10FFFF */
        { ACCESS_BYTES("\xf5\x80\x80\x80") },
        { ACCESS_BYTES("\xff") },
        { ACCESS_BYTES("\xc3") },                  /* cut short */
        { ACCESS_BYTES("\xe2\x82") },
        { ACCESS_BYTES("\xf0\x9f\x8e") },
        { ACCESS_BYTES("\xe2\x82z") },
        { ACCESS_BYTES("\xc3\xc3") }
    };

    (void) state;

    for (i = 0; i < stn_nelems(bad); i++) {
        if (is_text(bad[i].data, bad[i].len)) {
            fail_msg("number %u is text", (unsigned) i);
        }
    }
}


static void
reads_hexadecimal_digits(void **state)
{
    (void) state;

    assert_int_equal(stn_str_hex('0'), 0);
    assert_int_equal(stn_str_hex('9'), 9);
    assert_int_equal(stn_str_hex('a'), 10);
    assert_int_equal(stn_str_hex('F'), 15);
    assert_int_equal(stn_str_hex('g'), -1);
    assert_int_equal(stn_str_hex('@'), -1);
    assert_int_equal(stn_str_hex('/'), -1);
    assert_int_equal(stn_str_hex(':'), -1);
    assert_int_equal(stn_str_hex('\x10'), -1);
    assert_int_equal(stn_str_hex('\xe1'), -1);
}


static void
reads_a_time(void **state)
{
    size_t     i;
    stn_str_t  s;

    static const char  *none[] = {
        "", "0", "01", "-1", "+1", "1 ", " 1", "1.0", "1e9", "0x1", "1:", "1/",
        "1234567890123"
    };

    (void) state;

    s = access_str("1");
    assert_int_equal(stn_str_time(&s), 1);
    s = access_str("1800000000");
    assert_int_equal(stn_str_time(&s), 1800000000);
    s = access_str("999999999999");
    assert_int_equal(stn_str_time(&s), 999999999999);

    for (i = 0; i < stn_nelems(none); i++) {
        s = access_str(none[i]);
        assert_int_equal(stn_str_time(&s), -1);
    }

    s.data = NULL;
    s.len = 0;
    assert_int_equal(stn_str_time(&s), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(compares_bytes),
        cmocka_unit_test(cuts_at_the_first),
        cmocka_unit_test(knows_text),
        cmocka_unit_test(knows_what_is_none),
        cmocka_unit_test(reads_hexadecimal_digits),
        cmocka_unit_test(reads_a_time)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
