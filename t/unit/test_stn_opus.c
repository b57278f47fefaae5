/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Opus: control headers with everything that they may have, and how long a
 * packet lasts.
 */

#include "wire_util.h"

#include "wire/stn_opus.h"


static void
reads_control_headers(void **state)
{
    size_t              i, n;
    stn_opus_control_t  c;

    static const struct {
        const char  *bytes;
        size_t       n;
        size_t       header_len;
        size_t       len;
    } cases[] = {
        { "\x7f\xe0\x05", 3, 3, 5 },
        { "\x7f\xe3\x05", 3, 3, 5 },                   /* reserved bits */
        { "\x7f\xe0\xff\x00", 4, 4, 255 },
        { "\x7f\xe0\xff\xff\x02", 5, 5, 512 },
        { "\x7f\xf0\x05\x01\x38", 5, 5, 5 },           /* start trim */
        { "\x7f\xe8\x05\x01\x38", 5, 5, 5 },           /* end trim */
        { "\x7f\xf8\x05\x01\x38\x00\x01", 7, 7, 5 },
        { "\x7f\xe4\x05\x02xx", 6, 6, 5 },             /* extension */
        { "\x7f\xfc\x05\x01\x38\x00\x01\x01x", 9, 9, 5 }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        for (n = 0; n < cases[i].n; n++) {
            assert_int_equal(stn_opus_control(&c,
                                         (const uint8_t *) cases[i].bytes, n),
                             STN_AGAIN);
        }

        assert_int_equal(stn_opus_control(&c,
                                          (const uint8_t *) cases[i].bytes,
                                          cases[i].n), STN_OK);
        assert_int_equal(c.header_len, cases[i].header_len);
        assert_int_equal(c.len, cases[i].len);
    }
}


static void
knows_what_is_no_control_header(void **state)
{
    uint8_t             p[256];
    stn_opus_control_t  c;

    (void) state;

    assert_int_equal(stn_opus_control(&c, (const uint8_t *) "\x7e\xe0\5", 3),
                     STN_ERROR);
    assert_int_equal(stn_opus_control(&c, (const uint8_t *) "\x7f\xc0\5", 3),
                     STN_ERROR);

    /* of a packet that no encoder makes */

    memset(p, 0xff, sizeof(p));
    p[0] = 0x7f;
    p[1] = 0xe0;
    assert_int_equal(stn_opus_control(&c, p, sizeof(p)), STN_ERROR);
}


static void
knows_how_long_packets_last(void **state)
{
    size_t   i;
    uint8_t  p[2];

    static const struct {
        uint8_t   config;
        uint8_t   code;
        uint8_t   frames;      /* of code 3 */
        uint32_t  samples;
    } cases[] = {
        { 0, 0, 0, 480 }, { 3, 0, 0, 2880 }, { 11, 1, 0, 5760 },
        { 12, 0, 0, 480 }, { 13, 2, 0, 1920 }, { 15, 0, 0, 960 },
        { 16, 0, 0, 120 }, { 28, 0, 0, 120 }, { 31, 0, 0, 960 },
        { 31, 3, 3, 2880 }, { 31, 3, 6, 5760 }, { 16, 3, 48, 5760 },
        { 31, 3, 7, 0 }, { 31, 3, 0, 0 }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        p[0] = (uint8_t) (cases[i].config << 3 | cases[i].code);
        p[1] = cases[i].frames;
        assert_int_equal(stn_opus_samples(p, 2), cases[i].samples);
    }

    assert_int_equal(stn_opus_samples(p, 0), 0);
    assert_int_equal(stn_opus_samples(p, 1), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_control_headers),
        cmocka_unit_test(knows_what_is_no_control_header),
        cmocka_unit_test(knows_how_long_packets_last)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
