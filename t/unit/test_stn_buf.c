/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Bounded readers and writers: what they read and write, that they stop at
 * their ends, and that their errors stick.
 */

#include "wire_util.h"


static void
cursor_reads_big_endian_numbers(void **state)
{
    stn_cur_t  c;

    static const uint8_t  b[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        1, 2, 3, 4, 5, 6, 7, 8, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0
    };

    (void) state;

    stn_cur_init(&c, b, sizeof(b));
    assert_int_equal(stn_cur_u8(&c), 1);
    assert_int_equal(stn_cur_be16(&c), 0x0203);
    assert_int_equal(stn_cur_be24(&c), 0x040506);
    assert_int_equal(stn_cur_be32(&c), 0x0708090a);
    assert_true(stn_cur_be64(&c) == 0x0102030405060708);
    assert_true(stn_cur_double(&c) == 1.5);
    assert_int_equal(stn_cur_left(&c), 0);
    assert_int_equal(c.failed, 0);
}


static void
cursor_fails_for_good_past_its_end(void **state)
{
    stn_cur_t  c;

    static const uint8_t  b[] = { 1, 2, 3 };

    (void) state;

    stn_cur_init(&c, b, sizeof(b));
    assert_int_equal(stn_cur_be32(&c), 0);
    assert_int_equal(c.failed, 1);
    assert_int_equal(stn_cur_u8(&c), 0);
    assert_null(stn_cur_bytes(&c, 0));

    stn_cur_init(&c, b, sizeof(b));
    assert_null(stn_cur_bytes(&c, (size_t) -1));

    stn_cur_init(&c, b, sizeof(b));
    assert_ptr_equal(stn_cur_bytes(&c, 3), b);
    assert_ptr_equal(stn_cur_bytes(&c, 0), b + 3);
    assert_int_equal(c.failed, 0);

    stn_cur_init(&c, NULL, 0);
    assert_int_equal(stn_cur_left(&c), 0);
    assert_non_null(stn_cur_bytes(&c, 0));
    assert_null(stn_cur_bytes(&c, 1));
}


static void
bits_read_and_fail_past_their_end(void **state)
{
    stn_bits_t  b;

    static const uint8_t  data[] = { 0xa5, 0xff, 0x00, 0x12, 0x34 };

    (void) state;

    stn_bits_init(&b, data, sizeof(data));
    assert_int_equal(stn_bits_get(&b, 0), 0);
    assert_int_equal(stn_bits_get(&b, 1), 1);
    assert_int_equal(stn_bits_get(&b, 3), 2);
    assert_int_equal(stn_bits_get(&b, 12), 0x5ff);
    assert_int_equal(stn_bits_left(&b), 24);
    assert_int_equal(stn_bits_get(&b, 25), 0);
    assert_int_equal(b.failed, 1);
    assert_int_equal(stn_bits_get(&b, 1), 0);

    stn_bits_init(&b, data, sizeof(data));
    assert_int_equal(stn_bits_get(&b, 32), 0xa5ff0012);
}


static void
bit_writer_makes_what_bits_read(void **state)
{
    uint8_t     data[5];
    uint32_t    x = 5, v;
    unsigned    n, round;
    stn_bits_t  b;
    stn_bitw_t  w;

    (void) state;

    for (round = 0; round < 1000; round++) {
        v = wire_random(&x);
        n = v % 33;

        stn_bitw_init(&w, data, sizeof(data));
        stn_bitw_put(&w, 1, 3);
        stn_bitw_put(&w, v, n);
        assert_int_equal(w.failed, 0);
        assert_int_equal(stn_bitw_bytes(&w), (3 + n + 7) / 8);

        stn_bits_init(&b, data, sizeof(data));
        assert_int_equal(stn_bits_get(&b, 3), 1);
        assert_int_equal(stn_bits_get(&b, n),
                         n == 32 ? v : v & ((1u << n) - 1));
    }

    stn_bitw_init(&w, data, 2);
    stn_bitw_put(&w, 0, 15);
    stn_bitw_put(&w, 0, 2);
    assert_int_equal(w.failed, 1);
    assert_int_equal(w.pos, 15);
    stn_bitw_put(&w, 0, 1);
    assert_int_equal(w.pos, 15);
}


static void
buffer_writes_what_a_cursor_reads(void **state)
{
    stn_buf_t  b;
    stn_cur_t  c;

    (void) state;

    stn_buf_init(&b, 4096);
    assert_int_equal(stn_buf_u8(&b, 1), STN_OK);
    assert_int_equal(stn_buf_be16(&b, 0x0203), STN_OK);
    assert_int_equal(stn_buf_be24(&b, 0x040506), STN_OK);
    assert_int_equal(stn_buf_be32(&b, 0x0708090a), STN_OK);
    assert_int_equal(stn_buf_be64(&b, 0x0102030405060708), STN_OK);
    assert_int_equal(stn_buf_double(&b, -2.25), STN_OK);
    assert_int_equal(stn_buf_str(&b, "text"), STN_OK);
    assert_int_equal(stn_buf_printf(&b, "%d-%s", 42, "x"), STN_OK);
    assert_int_equal(stn_buf_put(&b, NULL, 0), STN_OK);

    stn_cur_init(&c, b.data, b.len);
    assert_int_equal(stn_cur_u8(&c), 1);
    assert_int_equal(stn_cur_be16(&c), 0x0203);
    assert_int_equal(stn_cur_be24(&c), 0x040506);
    assert_int_equal(stn_cur_be32(&c), 0x0708090a);
    assert_true(stn_cur_be64(&c) == 0x0102030405060708);
    assert_true(stn_cur_double(&c) == -2.25);
    assert_memory_equal(stn_cur_bytes(&c, 8), "text42-x", 8);
    assert_int_equal(stn_cur_left(&c), 0);

    stn_buf_free(&b);
    assert_int_equal(b.cap, 4096);
}


static void
buffer_keeps_to_its_cap(void **state)
{
    char       big[1000] = { 0 };
    size_t     i;
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1000);

    for (i = 0; i < 1000; i++) {
        assert_int_equal(stn_buf_u8(&b, (uint8_t) i), STN_OK);
        assert_in_range(b.size, b.len, b.cap);
    }

    assert_int_equal(stn_buf_u8(&b, 0), STN_LIMIT);
    assert_int_equal(b.len, 1000);

    /* sticky, until it is reset */

    stn_buf_drain(&b, 10);
    assert_int_equal(stn_buf_u8(&b, 0), STN_LIMIT);
    assert_null(stn_buf_reserve(&b, 1));
    stn_buf_reset(&b);
    assert_int_equal(stn_buf_put(&b, big, 1000), STN_OK);
    assert_int_equal(stn_buf_put(&b, big, (size_t) -1), STN_LIMIT);
    stn_buf_free(&b);

    stn_buf_init(&b, 4);
    assert_int_equal(stn_buf_printf(&b, "%s", "12345"), STN_LIMIT);
    assert_int_equal(b.len, 0);
    stn_buf_free(&b);

    stn_buf_init(&b, 0);
    assert_int_equal(stn_buf_u8(&b, 0), STN_LIMIT);
    stn_buf_free(&b);
}


static void
buffer_drains_from_the_front(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 100);
    stn_buf_drain(&b, 5);
    stn_buf_str(&b, "abcdef");
    stn_buf_drain(&b, 2);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "cdef", 4);
    stn_buf_drain(&b, 99);
    assert_int_equal(b.len, 0);
    stn_buf_free(&b);
}


static void
rescale_rounds_to_the_nearest(void **state)
{
    (void) state;

    assert_true(stn_rescale(1, 48000, 1000) == 48);
    assert_true(stn_rescale(1, 1000, 48000) == 0);
    assert_true(stn_rescale(24, 1000, 48000) == 1);
    assert_true(stn_rescale(-24, 1000, 48000) == -1);
    assert_true(stn_rescale(23, 1000, 48000) == 0);
    assert_true(stn_rescale(INT64_MAX / 2, 90000, 90000) == INT64_MAX / 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(cursor_reads_big_endian_numbers),
        cmocka_unit_test(cursor_fails_for_good_past_its_end),
        cmocka_unit_test(bits_read_and_fail_past_their_end),
        cmocka_unit_test(bit_writer_makes_what_bits_read),
        cmocka_unit_test(buffer_writes_what_a_cursor_reads),
        cmocka_unit_test(buffer_keeps_to_its_cap),
        cmocka_unit_test(buffer_drains_from_the_front),
        cmocka_unit_test(rescale_rounds_to_the_nearest)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
