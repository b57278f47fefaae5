/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AMF0: every type, every limit, every place to be cut short, and what the
 * writer makes read back.
 */

#include "wire_util.h"

#include "wire/stn_amf.h"


#define BYTES(...)  (const uint8_t[]) { __VA_ARGS__ },                        \
                    sizeof((const uint8_t[]) { __VA_ARGS__ })


static void
read_ok(stn_amf_t *a, stn_amf_value_t *v, stn_amf_type_e type)
{
    assert_int_equal(stn_amf_next(a, v), STN_OK);
    assert_int_equal(v->type, type);
}


static void
reads_back_what_it_writes(void **state)
{
    stn_buf_t        b;
    stn_amf_t        a;
    stn_str_t        name = { "studio", 6 };
    stn_amf_value_t  v;

    (void) state;

    stn_buf_init(&b, 4096);
    stn_amf_put_string(&b, "connect");
    stn_amf_put_number(&b, 1.5);
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "app");
    stn_amf_put_str(&b, &name);
    stn_amf_put_key(&b, "live");
    stn_amf_put_boolean(&b, 7);
    stn_amf_put_end(&b);
    stn_amf_put_null(&b);
    stn_amf_put_undefined(&b);
    assert_int_equal(b.failed, STN_OK);

    stn_amf_init(&a, b.data, b.len);

    read_ok(&a, &v, STN_AMF_STRING);
    assert_true(stn_str_is(&v.str, "connect"));
    read_ok(&a, &v, STN_AMF_NUMBER);
    assert_true(v.number == 1.5);
    read_ok(&a, &v, STN_AMF_OBJECT);
    read_ok(&a, &v, STN_AMF_STRING);
    assert_true(stn_str_is(&v.key, "app"));
    assert_true(stn_str_is(&v.str, "studio"));
    read_ok(&a, &v, STN_AMF_BOOLEAN);
    assert_true(stn_str_is(&v.key, "live"));
    assert_true(v.number == 1);
    read_ok(&a, &v, STN_AMF_END);
    read_ok(&a, &v, STN_AMF_NULL);
    read_ok(&a, &v, STN_AMF_UNDEFINED);
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);

    stn_buf_free(&b);
}


static void
reads_every_type(void **state)
{
    stn_amf_t        a;
    stn_amf_value_t  v;

    (void) state;

    stn_amf_init(&a, BYTES(
        0x0c, 0, 0, 0, 2, 'h', 'i',                /* long string */
        0x0f, 0, 0, 0, 1, 'x',                     /* XML */
        0x0b, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0,     /* date 2.0 */
        0x07, 0, 3,                                /* reference */
        0x0d,                                      /* unsupported */
        0x0a, 0, 0, 0, 2, 0x05, 0x01, 1,           /* strict array */
        0x10, 0, 1, 'C', 0, 1, 'k', 0x05, 0, 0, 9, /* typed object */
        0x08, 0, 0, 0, 9, 0, 0, 0x06, 0, 0, 9));   /* ECMA array */

    read_ok(&a, &v, STN_AMF_STRING);
    assert_true(stn_str_is(&v.str, "hi"));
    read_ok(&a, &v, STN_AMF_STRING);
    assert_true(stn_str_is(&v.str, "x"));
    read_ok(&a, &v, STN_AMF_DATE);
    assert_true(v.number == 2.0);
    read_ok(&a, &v, STN_AMF_REFERENCE);
    assert_true(v.number == 3);
    read_ok(&a, &v, STN_AMF_UNSUPPORTED);

    read_ok(&a, &v, STN_AMF_STRICT_ARRAY);
    assert_true(v.number == 2);
    read_ok(&a, &v, STN_AMF_NULL);
    read_ok(&a, &v, STN_AMF_BOOLEAN);
    read_ok(&a, &v, STN_AMF_END);

    read_ok(&a, &v, STN_AMF_OBJECT);
    assert_true(stn_str_is(&v.str, "C"));
    read_ok(&a, &v, STN_AMF_NULL);
    read_ok(&a, &v, STN_AMF_END);

    /* an empty name is a property; only before a 9 is it the end */

    read_ok(&a, &v, STN_AMF_ECMA_ARRAY);
    assert_true(v.number == 9);
    read_ok(&a, &v, STN_AMF_UNDEFINED);
    assert_int_equal(v.key.len, 0);
    read_ok(&a, &v, STN_AMF_END);
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);
}


static void
finds_fields_and_steps_over_the_rest(void **state)
{
    double     rate = 0, same = 5, inner = 0, list = -1, nested = -1;
    stn_buf_t  b;
    stn_amf_t  a;
    stn_str_t  app = { NULL, 0 }, url = { NULL, 0 }, next = { NULL, 0 };

    const stn_amf_field_t  fields[] = {
        { "app", &app, NULL }, { "rate", NULL, &rate },
        { "url", &url, NULL }, { "same", NULL, &same },
        { "inner", NULL, &inner }, { "nested", NULL, &nested },
        { "list", NULL, &list }
    };

    (void) state;

    stn_buf_init(&b, 4096);
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "nested");
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "inner");
    stn_amf_put_number(&b, 1);
    stn_amf_put_end(&b);
    stn_amf_put_key(&b, "app");
    stn_amf_put_string(&b, "first");
    stn_amf_put_key(&b, "app");
    stn_amf_put_string(&b, "last");
    stn_amf_put_key(&b, "rate");
    stn_amf_put_number(&b, 48000);
    stn_amf_put_key(&b, "same");
    stn_amf_put_string(&b, "not a number");
    stn_amf_put_key(&b, "list");
    stn_amf_put_array(&b, 2);
    stn_amf_put_null(&b);
    stn_amf_put_string(&b, "second");
    stn_amf_put_end(&b);
    stn_amf_put_string(&b, "next");

    stn_amf_init(&a, b.data, b.len);
    assert_int_equal(stn_amf_fields(&a, fields, stn_nelems(fields)), STN_OK);
    assert_true(stn_str_is(&app, "last"));
    assert_true(rate == 48000);
    assert_true(same == 5);
    assert_true(inner == 0);
    assert_true(nested == 0);
    assert_true(list == 2);
    assert_int_equal(url.len, 0);
    assert_int_equal(stn_amf_string(&a, &next), STN_OK);
    assert_true(stn_str_is(&next, "next"));
    assert_int_equal(stn_amf_fields(&a, fields, 1), STN_OK);

    stn_buf_free(&b);
}


static void
steps_over_a_value_of_another_type(void **state)
{
    double     d = 3;
    stn_amf_t  a;
    stn_str_t  s = { NULL, 0 };

    (void) state;

    stn_amf_init(&a, BYTES(3, 0, 1, 'k', 5, 0, 0, 9, 0x0a, 0, 0, 0, 1, 5,
                           2, 0, 1, 'x'));

    assert_int_equal(stn_amf_string(&a, &s), STN_AGAIN);
    assert_int_equal(stn_amf_number(&a, &d), STN_AGAIN);
    assert_true(d == 3);
    assert_int_equal(stn_amf_string(&a, &s), STN_OK);
    assert_true(stn_str_is(&s, "x"));
    assert_int_equal(stn_amf_string(&a, &s), STN_AGAIN);
    assert_int_equal(stn_amf_number(&a, &d), STN_AGAIN);
}


static void
ends_at_an_amf3_value(void **state)
{
    stn_amf_t        a;
    stn_str_t        app = { NULL, 0 };
    stn_amf_value_t  v;

    const stn_amf_field_t  fields[] = { { "app", &app, NULL } };

    (void) state;

    stn_amf_init(&a, BYTES(3, 0, 3, 'a', 'p', 'p', 2, 0, 1, 'x',
                           0, 1, 'k', 0x11, 0x0a, 0xff, 0xff));

    assert_int_equal(stn_amf_fields(&a, fields, 1), STN_OK);
    assert_true(stn_str_is(&app, "x"));
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);

    stn_amf_init(&a, BYTES(0x11, 1, 2, 3));
    read_ok(&a, &v, STN_AMF_UNSUPPORTED);
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);
}


static void
refuses_messages_cut_short(void **state)
{
    int              rc;
    size_t           i;
    stn_amf_t        a;
    stn_amf_value_t  v;

    static const uint8_t  msg[] = {
        0x03, 0, 1, 'a', 0x00, 0x40, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 'b', 0x0a, 0, 0, 0, 1, 0x02, 0, 1, 'x', 0, 0, 9
    };

    (void) state;

    for (i = 1; i <= sizeof(msg); i++) {
        stn_amf_init(&a, msg, i);

        do {
            rc = stn_amf_next(&a, &v);
        } while (rc == STN_OK);

        assert_int_equal(rc, i < sizeof(msg) ? STN_ERROR : STN_AGAIN);
        assert_true(rc == STN_AGAIN || a.reason != NULL);
    }
}


static void
refuses_impossible_lengths(void **state)
{
    stn_amf_t        a;
    stn_amf_value_t  v;

    (void) state;

    stn_amf_init(&a, BYTES(0x02, 0xff, 0xff, 'x'));
    assert_int_equal(stn_amf_next(&a, &v), STN_ERROR);

    stn_amf_init(&a, BYTES(0x0c, 0xff, 0xff, 0xff, 0xff, 'x'));
    assert_int_equal(stn_amf_next(&a, &v), STN_ERROR);

    stn_amf_init(&a, BYTES(0x0a, 0xff, 0xff, 0xff, 0xff, 5));
    assert_int_equal(stn_amf_next(&a, &v), STN_ERROR);
    assert_non_null(a.reason);

    stn_amf_init(&a, BYTES(0x0e));
    assert_int_equal(stn_amf_next(&a, &v), STN_ERROR);
    assert_string_equal(a.reason, "unknown AMF type");
}


static void
limits_depth(void **state)
{
    int              depth;
    uint8_t          msg[5 * (STN_AMF_DEPTH_MAX + 1)];
    stn_amf_t        a;
    stn_amf_value_t  v;

    (void) state;

    memset(msg, 0, sizeof(msg));

    for (depth = 0; depth <= STN_AMF_DEPTH_MAX; depth++) {
        msg[5 * depth] = 0x0a;
        msg[5 * depth + 4] = 1;
    }

    stn_amf_init(&a, msg, sizeof(msg));

    for (depth = 0; depth < STN_AMF_DEPTH_MAX; depth++) {
        read_ok(&a, &v, STN_AMF_STRICT_ARRAY);
    }

    assert_int_equal(stn_amf_next(&a, &v), STN_LIMIT);

    stn_amf_init(&a, msg, sizeof(msg));
    read_ok(&a, &v, STN_AMF_STRICT_ARRAY);
    assert_int_equal(stn_amf_skip(&a, &v), STN_LIMIT);

    /* as deep as may be, and out again */

    msg[5 * STN_AMF_DEPTH_MAX - 1] = 0;
    stn_amf_init(&a, msg, 5 * STN_AMF_DEPTH_MAX);
    read_ok(&a, &v, STN_AMF_STRICT_ARRAY);
    assert_int_equal(stn_amf_skip(&a, &v), STN_OK);
    assert_int_equal(stn_amf_next(&a, &v), STN_AGAIN);
}


static void
limits_the_number_of_values(void **state)
{
    int              i;
    uint8_t          msg[STN_AMF_VALUES_MAX + 1];
    stn_amf_t        a;
    stn_amf_value_t  v;

    (void) state;

    memset(msg, 5, sizeof(msg));
    stn_amf_init(&a, msg, sizeof(msg));

    for (i = 0; i < STN_AMF_VALUES_MAX; i++) {
        read_ok(&a, &v, STN_AMF_NULL);
    }

    assert_int_equal(stn_amf_next(&a, &v), STN_LIMIT);
    assert_int_equal(stn_amf_next(&a, &v), STN_LIMIT);
}


static void
writer_keeps_to_its_cap(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 8);
    stn_amf_put_string(&b, "more than eight bytes");
    stn_amf_put_number(&b, 1);
    assert_int_equal(b.failed, STN_LIMIT);
    assert_in_range(b.len, 0, 8);
    stn_buf_free(&b);
}


static void
never_fails_on_garbage(void **state)
{
    int              rc;
    size_t           i;
    uint8_t          msg[64];
    uint32_t         x = 1, n;
    stn_amf_t        a;
    stn_amf_value_t  v;

    (void) state;

    for (n = 0; n < 50000; n++) {
        for (i = 0; i < sizeof(msg); i++) {
            msg[i] = (uint8_t) (wire_random(&x) % (n % 2 ? 18 : 256));
        }

        stn_amf_init(&a, msg, sizeof(msg));

        do {
            rc = stn_amf_next(&a, &v);
        } while (rc == STN_OK);

        assert_in_range(a.depth, 0, STN_AMF_DEPTH_MAX);
        assert_true(rc == STN_AGAIN || a.reason != NULL);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(finds_fields_and_steps_over_the_rest),
        cmocka_unit_test(steps_over_a_value_of_another_type),
        cmocka_unit_test(ends_at_an_amf3_value),
        cmocka_unit_test(refuses_messages_cut_short),
        cmocka_unit_test(refuses_impossible_lengths),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(limits_the_number_of_values),
        cmocka_unit_test(writer_keeps_to_its_cap),
        cmocka_unit_test(never_fails_on_garbage)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
