/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The estimate of unique listeners: within 3% (the root of the mean square; 5%
 * at worst) for a hundred to a million, who comes again counts once, and those
 * of addresses that differ in a digit are told apart.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "audience/stn_unique.h"


#define MOST  1000000


static uint64_t
id(unsigned i, uint64_t seed)
{
    int      n;
    char     text[64];
    uint8_t  key[STN_UNIQUE_KEY_LEN] = { 0 };

    memcpy(key, &seed, sizeof(seed));

    n = snprintf(text, sizeof(text), "10.%u.%u.%u Mozilla/5.0", i >> 16,
                 i >> 8 & 255, i & 255);

    return stn_unique_hash(key, text, (size_t) n);
}


static void
is_never_far_off(void **state)
{
    double    error;
    uint8_t   registers[STN_UNIQUE_REGISTERS];
    unsigned  i, next, seed;

    (void) state;

    for (seed = 1; seed <= 5; seed++) {
        memset(registers, 0, sizeof(registers));
        next = 100;

        for (i = 1; i <= MOST; i++) {
            (void) stn_unique_add(registers, id(i, seed * 0x9e3779b97f4a7c15));

            if (i < next) {
                continue;
            }

            error = (double) stn_unique_count(registers) / i - 1;

            if (error > 0.05 || error < -0.05) {
                fail_msg("seed %u, %u: wrong by %.1f%%", seed, i,
                         error * 100);
            }

            next += next / 4;
        }
    }
}


/* Nor does it lean to a side. */

static void
is_within_three_percent(void **state)
{
    double    sum, square, error;
    uint8_t   registers[STN_UNIQUE_REGISTERS];
    unsigned  i, k, seed;

    static const unsigned  sizes[] = { 100, 1000, 5000, 10000, 20000, 100000 };

    (void) state;

    for (k = 0; k < stn_nelems(sizes); k++) {
        sum = 0;
        square = 0;

        for (seed = 1; seed <= 40; seed++) {
            memset(registers, 0, sizeof(registers));

            for (i = 0; i < sizes[k]; i++) {
                (void) stn_unique_add(registers,
                                      id(i, seed * 0x9e3779b97f4a7c15));
            }

            error = (double) stn_unique_count(registers) / sizes[k] - 1;
            sum += error;
            square += error * error;
        }

        if (sum / 40 > 0.02 || sum / 40 < -0.02 || square / 40 > 0.03 * 0.03) {
            fail_msg("%u: off by %.2f%% in the mean, %.4f squared", sizes[k],
                     sum / 40 * 100, square / 40);
        }
    }
}


static void
counts_once_who_comes_again(void **state)
{
    int        news;
    uint8_t    registers[STN_UNIQUE_REGISTERS];
    uint64_t   count;
    unsigned   i, round;

    (void) state;

    memset(registers, 0, sizeof(registers));
    assert_int_equal(stn_unique_count(registers), 0);

    for (i = 0; i < 5000; i++) {
        (void) stn_unique_add(registers, id(i, 1));
    }

    count = stn_unique_count(registers);

    for (news = 0, round = 0; round < 3; round++) {
        for (i = 0; i < 5000; i++) {
            news += stn_unique_add(registers, id(i, 1));
        }
    }

    assert_int_equal(news, 0);
    assert_int_equal(stn_unique_count(registers), count);
}


/* Of a handful each one is told: no register is hit twice. */

static void
tells_a_handful_exactly(void **state)
{
    uint8_t   registers[STN_UNIQUE_REGISTERS];
    unsigned  i;

    (void) state;

    memset(registers, 0, sizeof(registers));

    for (i = 1; i <= 10; i++) {
        assert_int_equal(stn_unique_add(registers, id(i, 7)), 1);
        assert_int_equal(stn_unique_count(registers), i);
    }
}


/* Ids of all zeros, and of all ones, are ids. */

static void
takes_any_id(void **state)
{
    uint8_t  registers[STN_UNIQUE_REGISTERS];

    (void) state;

    memset(registers, 0, sizeof(registers));

    assert_int_equal(stn_unique_add(registers, 0), 1);
    assert_int_equal(stn_unique_add(registers, UINT64_MAX), 1);
    assert_int_equal(registers[0], 64 - STN_UNIQUE_BITS + 1);
    assert_int_equal(registers[STN_UNIQUE_REGISTERS - 1], 1);
    assert_int_equal(stn_unique_count(registers), 2);
}


static void
tells_whether_there_is_any(void **state)
{
    uint8_t  registers[STN_UNIQUE_REGISTERS];

    (void) state;

    memset(registers, 0, sizeof(registers));
    assert_int_equal(stn_unique_any(registers), 0);

    (void) stn_unique_add(registers, UINT64_MAX);
    assert_int_equal(stn_unique_any(registers), 1);

    memset(registers, 0, sizeof(registers));
    (void) stn_unique_add(registers, 0);
    assert_int_equal(stn_unique_any(registers), 1);
}


/* The vectors of SipHash's authors: the key is 00 01 .. 0f, and the text 00 01
 * and so on, of so many bytes. */

static void
hashes_as_others_do(void **state)
{
    uint8_t   bytes[STN_UNIQUE_KEY_LEN];
    unsigned  i;

    static const struct {
        size_t    len;
        uint64_t  hash;
    } vectors[] = {
        { 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },
        { 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 }
    };

    (void) state;

    for (i = 0; i < STN_UNIQUE_KEY_LEN; i++) {
        bytes[i] = (uint8_t) i;
    }

    for (i = 0; i < stn_nelems(vectors); i++) {
        assert_true(stn_unique_hash(bytes, bytes, vectors[i].len)
                    == vectors[i].hash);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(is_never_far_off),
        cmocka_unit_test(is_within_three_percent),
        cmocka_unit_test(counts_once_who_comes_again),
        cmocka_unit_test(tells_a_handful_exactly),
        cmocka_unit_test(takes_any_id),
        cmocka_unit_test(tells_whether_there_is_any),
        cmocka_unit_test(hashes_as_others_do)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
