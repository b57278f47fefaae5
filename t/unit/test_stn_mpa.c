/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * MPEG audio headers: frame lengths of every version and layer, and bytes that
 * are no header.
 */

#include "wire_util.h"

#include "wire/stn_mpa.h"


static void
knows_the_length_of_frames(void **state)
{
    size_t            i;
    stn_mpa_header_t  h;

    static const struct {
        uint8_t   bytes[4];
        uint32_t  rate;
        uint16_t  samples;
        uint16_t  frame_len;
        uint8_t   layer;
    } cases[] = {
        { { 0xff, 0xfb, 0x94, 0x00 }, 48000, 1152, 384, 3 },   /* 128k */
        { { 0xff, 0xfb, 0x90, 0x00 }, 44100, 1152, 417, 3 },
        { { 0xff, 0xfa, 0x92, 0x00 }, 44100, 1152, 418, 3 },   /* padded */
        { { 0xff, 0xfb, 0xe8, 0x00 }, 32000, 1152, 1440, 3 },  /* 320k */
        { { 0xff, 0xfd, 0x64, 0x00 }, 48000, 1152, 288, 2 },   /* 96k */
        { { 0xff, 0xf3, 0x84, 0x00 }, 24000, 576, 192, 3 },    /* 64k */
        { { 0xff, 0xf5, 0x80, 0x00 }, 22050, 1152, 417, 2 },   /* 64k */
        { { 0xff, 0xe3, 0x48, 0x00 }, 8000, 576, 288, 3 },     /* 32k */
        { { 0xff, 0xff, 0xc2, 0x00 }, 44100, 384, 420, 1 }     /* 384k */
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        assert_int_equal(stn_mpa_header(&h, cases[i].bytes, 4), STN_OK);
        assert_int_equal(h.rate, cases[i].rate);
        assert_int_equal(h.samples, cases[i].samples);
        assert_int_equal(h.frame_len, cases[i].frame_len);
        assert_int_equal(h.layer, cases[i].layer);
    }
}


static void
knows_what_is_no_header(void **state)
{
    size_t            i;
    stn_mpa_header_t  h;

    static const uint8_t  breaks[][4] = {
        { 0xfe, 0xfb, 0x94, 0x00 },        /* no syncword */
        { 0xff, 0xdb, 0x94, 0x00 },
        { 0xff, 0xeb, 0x94, 0x00 },        /* reserved version */
        { 0xff, 0xf9, 0x94, 0x00 },        /* reserved layer */
        { 0xff, 0xfb, 0x04, 0x00 },        /* free format */
        { 0xff, 0xfb, 0xf4, 0x00 },        /* forbidden bit rate */
        { 0xff, 0xfb, 0x9c, 0x00 }         /* reserved rate */
    };

    (void) state;

    for (i = 0; i < stn_nelems(breaks); i++) {
        assert_int_equal(stn_mpa_header(&h, breaks[i], 4), STN_ERROR);
    }

    for (i = 0; i < 4; i++) {
        assert_int_equal(stn_mpa_header(&h, (const uint8_t *) "\xff\xfb\x94",
                                        i), STN_AGAIN);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(knows_the_length_of_frames),
        cmocka_unit_test(knows_what_is_no_header)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
