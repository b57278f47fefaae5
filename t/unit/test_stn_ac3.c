/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AC-3 and E-AC-3: lengths of syncframes, and which of them make an access
 * unit together.
 */

#include "wire_util.h"

#include "wire/stn_ac3.h"


static void
knows_the_length_of_ac3(void **state)
{
    size_t            i;
    uint8_t           p[6] = { 0x0b, 0x77, 0, 0, 0, 0 };
    stn_ac3_header_t  h;

    static const struct {
        uint8_t   code;            /* fscod and frmsizecod */
        uint8_t   bsid;
        uint32_t  rate;
        uint16_t  frame_len;
    } cases[] = {
        { 0x00, 8, 48000, 128 },
        { 0x14, 8, 48000, 768 },           /* 192 kbit/s */
        { 0x25, 6, 48000, 2560 },          /* 640 */
        { 0x40, 8, 44100, 138 },           /* and 69 words, or 70 */
        { 0x41, 8, 44100, 140 },
        { 0x54, 8, 44100, 834 },
        { 0x94, 8, 32000, 1152 },
        { 0x14, 9, 24000, 768 },
        { 0x14, 10, 12000, 768 }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        p[4] = cases[i].code;
        p[5] = (uint8_t) (cases[i].bsid << 3);

        assert_int_equal(stn_ac3_header(&h, p, 6), STN_OK);
        assert_int_equal(h.rate, cases[i].rate);
        assert_int_equal(h.frame_len, cases[i].frame_len);
        assert_int_equal(h.samples, 1536);
        assert_int_equal(h.enhanced, 0);
        assert_int_equal(h.first, 1);
    }
}


/* A syncframe of E-AC-3 of len bytes: type, substream, and the byte that has
 * fscod, numblkscod. */

static void
put_eac3(stn_buf_t *b, unsigned type, unsigned substream, size_t len)
{
    uint8_t  *p;

    p = stn_buf_reserve(b, len);
    assert_non_null(p);
    memset(p, 0, len);

    p[0] = 0x0b;
    p[1] = 0x77;
    p[2] = (uint8_t) (type << 6 | substream << 3 | (len / 2 - 1) >> 8);
    p[3] = (uint8_t) (len / 2 - 1);
    p[4] = 0x34;
    p[5] = 16 << 3;

    b->len += len;
}


static void
knows_the_length_of_eac3(void **state)
{
    size_t            i;
    stn_buf_t         b;
    stn_ac3_header_t  h;

    static const struct {
        uint8_t   code;
        uint32_t  rate;
        uint16_t  samples;
    } cases[] = {
        { 0x34, 48000, 1536 }, { 0x04, 48000, 256 }, { 0x54, 44100, 512 },
        { 0xa4, 32000, 768 }, { 0xc4, 24000, 1536 }, { 0xe4, 16000, 1536 }
    };

    (void) state;

    stn_buf_init(&b, 8192);
    put_eac3(&b, 0, 0, 400);

    for (i = 0; i < stn_nelems(cases); i++) {
        b.data[4] = cases[i].code;
        assert_int_equal(stn_ac3_header(&h, b.data, b.len), STN_OK);
        assert_int_equal(h.rate, cases[i].rate);
        assert_int_equal(h.samples, cases[i].samples);
        assert_int_equal(h.frame_len, 400);
        assert_int_equal(h.enhanced, 1);
    }

    stn_buf_free(&b);
}


static void
knows_what_is_no_header(void **state)
{
    size_t            i;
    stn_ac3_header_t  h;

    static const uint8_t  breaks[][6] = {
        { 0x0c, 0x77, 0, 0, 0x00, 0x40 },
        { 0x0b, 0x78, 0, 0, 0x00, 0x40 },
        { 0x0b, 0x77, 0, 0, 0xc0, 0x40 },          /* reserved fscod */
        { 0x0b, 0x77, 0, 0, 0x26, 0x40 },          /* frmsizecod */
        { 0x0b, 0x77, 0, 9, 0x34, 0x88 },          /* bsid 17 */
        { 0x0b, 0x77, 0xc0, 9, 0x34, 0x80 },       /* reserved strmtyp */
        { 0x0b, 0x77, 0, 1, 0x34, 0x80 },          /* shorter than it is */
        { 0x0b, 0x77, 0, 9, 0xf4, 0x80 }           /* reserved fscod2 */
    };

    (void) state;

    for (i = 0; i < stn_nelems(breaks); i++) {
        assert_int_equal(stn_ac3_header(&h, breaks[i], 6), STN_ERROR);
    }

    for (i = 0; i < 6; i++) {
        assert_int_equal(stn_ac3_header(&h, (const uint8_t *) "\x0b\x77\0\0\0",
                                        i), STN_AGAIN);
    }
}


/* The independent substream 0, what depends on it, and other programs. */

static void
keeps_substreams_together(void **state)
{
    size_t            n;
    stn_buf_t         b;
    stn_ac3_header_t  h;

    (void) state;

    stn_buf_init(&b, 8192);
    put_eac3(&b, 0, 0, 400);
    put_eac3(&b, 1, 0, 200);
    put_eac3(&b, 1, 1, 100);
    put_eac3(&b, 0, 1, 300);
    put_eac3(&b, 0, 0, 400);

    assert_int_equal(stn_ac3_unit(&h, b.data, b.len, &n), STN_OK);
    assert_int_equal(n, 1000);
    assert_int_equal(h.frame_len, 400);

    /* up to what is there; the last may be cut */

    assert_int_equal(stn_ac3_unit(&h, b.data, 400, &n), STN_OK);
    assert_int_equal(n, 400);
    assert_int_equal(stn_ac3_unit(&h, b.data, 599, &n), STN_OK);
    assert_int_equal(n, 600);

    /* and does not begin in the middle */

    assert_int_equal(stn_ac3_unit(&h, b.data + 400, b.len - 400, &n),
                     STN_ERROR);
    assert_int_equal(stn_ac3_unit(&h, b.data + 700, b.len - 700, &n),
                     STN_ERROR);

    stn_buf_free(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(knows_the_length_of_ac3),
        cmocka_unit_test(knows_the_length_of_eac3),
        cmocka_unit_test(knows_what_is_no_header),
        cmocka_unit_test(keeps_substreams_together)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
