/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * ADTS: headers with and without a CRC, one block and several, configs from
 * the header and from a program_config_element, and what is refused.
 */

#include "wire_util.h"

#include "wire/stn_adts.h"


/* A frame that is being written. */

typedef struct {
    uint8_t   data[256];
    size_t    len;
} frame_t;


/* What its header says; the length is put in by frame_make(). */

typedef struct {
    unsigned  absent;          /* protection_absent */
    unsigned  profile;
    unsigned  rate;
    unsigned  channels;
    unsigned  blocks;          /* less one */
} head_t;

#define STEREO  { 1, 1, 3, 2, 0 }


static void
frame_make(frame_t *f, const head_t *h, const void *body, size_t len)
{
    stn_bitw_t  w;

    stn_bitw_init(&w, f->data, sizeof(f->data));
    stn_bitw_put(&w, 0xfff, 12);
    stn_bitw_put(&w, 0, 3);
    stn_bitw_put(&w, h->absent, 1);
    stn_bitw_put(&w, h->profile, 2);
    stn_bitw_put(&w, h->rate, 4);
    stn_bitw_put(&w, 0, 1);
    stn_bitw_put(&w, h->channels, 3);
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, (uint32_t) (7 + len), 13);
    stn_bitw_put(&w, 0x7ff, 11);
    stn_bitw_put(&w, h->blocks, 2);

    memcpy(f->data + 7, body, len);
    f->len = 7 + len;
}


static void
expect_unit(stn_adts_t *a, const char *unit)
{
    size_t          len;
    const uint8_t  *data;

    assert_int_equal(stn_adts_next(a, &data, &len), STN_OK);
    assert_int_equal(len, strlen(unit));
    assert_memory_equal(data, unit, len);
}


static void
expect_end(stn_adts_t *a)
{
    size_t          len;
    const uint8_t  *data;

    assert_int_equal(stn_adts_next(a, &data, &len), STN_AGAIN);
}


static void
expect_refused(const frame_t *f, int rc, const char *reason)
{
    stn_adts_t  a;

    memset(&a, 0, sizeof(a));

    assert_int_equal(stn_adts_frame(&a, f->data, f->len), rc);
    assert_string_equal(a.reason, reason);
    expect_end(&a);
}


static void
reads_a_header(void **state)
{
    size_t             n;
    frame_t            f;
    const head_t       h = { 1, 1, 4, 6, 0 };
    stn_adts_header_t  header;

    (void) state;

    frame_make(&f, &h, "unit", 4);

    for (n = 0; n < STN_ADTS_HEADER_LEN; n++) {
        assert_int_equal(stn_adts_header(&header, f.data, n), STN_AGAIN);
    }

    assert_int_equal(stn_adts_header(&header, f.data, n), STN_OK);
    assert_int_equal(header.object_type, STN_AOT_LC);
    assert_int_equal(header.rate, 44100);
    assert_int_equal(header.channel_config, 6);
    assert_int_equal(header.frame_len, 11);
    assert_int_equal(header.blocks, 1);
    assert_int_equal(header.checked, 0);
}


static void
knows_what_is_no_header(void **state)
{
    size_t             i;
    frame_t            f;
    const head_t       h = STEREO, reserved = { 1, 1, 13, 2, 0 };
    stn_adts_header_t  header;

    static const struct {
        size_t   at;
        uint8_t  bits;         /* that are turned over */
    } breaks[] = { { 0, 0x01 }, { 1, 0x10 }, { 1, 0x02 }, { 1, 0x04 } };

    (void) state;

    for (i = 0; i < stn_nelems(breaks); i++) {
        frame_make(&f, &h, "unit", 4);
        f.data[breaks[i].at] ^= breaks[i].bits;
        assert_int_equal(stn_adts_header(&header, f.data, breaks[i].at + 1),
                         STN_ERROR);
    }

    frame_make(&f, &reserved, "unit", 4);
    assert_int_equal(stn_adts_header(&header, f.data, f.len), STN_ERROR);

    /* nothing behind the header, or less than it */

    frame_make(&f, &h, "", 0);
    assert_int_equal(stn_adts_header(&header, f.data, f.len), STN_ERROR);
}


static void
makes_a_config(void **state)
{
    size_t      i;
    frame_t     f;
    stn_aac_t   aac;
    stn_adts_t  a;

    static const struct {
        head_t    head;
        uint32_t  rate;
        unsigned  channels;
        unsigned  object_type;
    } cases[] = {
        { { 1, 1, 3, 2, 0 }, 48000, 2, STN_AOT_LC },
        { { 0, 1, 4, 1, 0 }, 44100, 1, STN_AOT_LC },
        { { 1, 0, 6, 2, 0 }, 24000, 2, STN_AOT_MAIN },
        { { 1, 3, 0, 7, 0 }, 96000, 8, STN_AOT_LTP },
        { { 1, 2, 12, 6, 0 }, 7350, 6, STN_AOT_SSR }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        memset(&a, 0, sizeof(a));
        frame_make(&f, &cases[i].head, "\0\0unit", 6);

        assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
        assert_int_equal(stn_aac_parse(&aac, a.config, a.config_len), STN_OK);
        assert_int_equal(aac.core_rate, cases[i].rate);
        assert_int_equal(aac.channels, cases[i].channels);
        assert_int_equal(aac.object_type, cases[i].object_type);
        assert_int_equal(aac.core_frame, 1024);
    }
}


static void
takes_headers_off(void **state)
{
    frame_t       f;
    stn_adts_t    a;
    const head_t  bare = STEREO, checked = { 0, 1, 3, 2, 0 };

    (void) state;

    memset(&a, 0, sizeof(a));

    frame_make(&f, &bare, "unit", 4);
    assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
    expect_unit(&a, "unit");
    expect_end(&a);

    frame_make(&f, &checked, "ccunit", 6);
    assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
    expect_unit(&a, "unit");
    expect_end(&a);

    frame_make(&f, &checked, "cc", 2);
    expect_refused(&f, STN_ERROR, "broken ADTS header");

    /* not the frame that the header is of */

    frame_make(&f, &bare, "unit", 4);
    f.len--;
    expect_refused(&f, STN_ERROR, "broken ADTS header");
}


/* Positions count from the first block; each has its CRC behind it. */

static void
parts_several_blocks(void **state)
{
    frame_t       f;
    stn_adts_t    a;
    const head_t  two = { 0, 1, 3, 2, 1 }, four = { 0, 1, 3, 2, 3 };

    (void) state;

    memset(&a, 0, sizeof(a));

    frame_make(&f, &two, "\0\6" "CC" "unit11" "two22", 15);
    assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
    expect_unit(&a, "unit");
    expect_unit(&a, "two");
    expect_end(&a);

    frame_make(&f, &four, "\0\3\0\6\0\12" "CC" "a11b22cc33d44", 21);
    assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
    expect_unit(&a, "a");
    expect_unit(&a, "b");
    expect_unit(&a, "cc");
    expect_unit(&a, "d");
    expect_end(&a);

    /* over the end, backwards, or with nothing but a CRC */

    frame_make(&f, &two, "\0\77" "CC" "unit11" "two22", 15);
    expect_refused(&f, STN_ERROR, "broken ADTS block position");

    frame_make(&f, &four, "\0\6\0\3\0\12" "CC" "a11b22cc33d44", 21);
    expect_refused(&f, STN_ERROR, "broken ADTS block position");

    frame_make(&f, &two, "\0\2" "CC" "unit11" "two22", 15);
    expect_refused(&f, STN_ERROR, "broken ADTS block position");

    frame_make(&f, &four, "\0\3\0\6\0\12", 6);
    expect_refused(&f, STN_ERROR, "ADTS frame cut short");
}


static void
refuses_blocks_that_cannot_be_parted(void **state)
{
    frame_t       f;
    const head_t  h = { 1, 1, 3, 2, 1 };

    (void) state;

    frame_make(&f, &h, "unittwo", 7);
    expect_refused(&f, STN_UNSUPPORTED,
                   "several AAC blocks in one ADTS frame");
}


/* A block that begins with a program_config_element of two front elements, a
 * pair and a single one, one LFE, and a comment; lead bits are in front. */

static size_t
put_pce(uint8_t *out, size_t size, unsigned matrix)
{
    stn_bitw_t  w;

    stn_bitw_init(&w, out, size);
    stn_bitw_put(&w, 5, 3);                        /* id_syn_ele */
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, 1, 2);
    stn_bitw_put(&w, 3, 4);
    stn_bitw_put(&w, 2, 4);                        /* front */
    stn_bitw_put(&w, 0, 4 + 4);
    stn_bitw_put(&w, 1, 2);                        /* LFE */
    stn_bitw_put(&w, 0, 3 + 4);
    stn_bitw_put(&w, 0, 2);
    stn_bitw_put(&w, matrix, 1);
    stn_bitw_put(&w, 0, matrix ? 3 : 0);
    stn_bitw_put(&w, 0x00, 5);
    stn_bitw_put(&w, 0x10, 5);                     /* a pair */
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, 0, (8 - w.pos % 8) % 8);
    stn_bitw_put(&w, 2, 8);
    stn_bitw_put(&w, 0x4849, 16);                  /* comment */
    stn_bitw_put(&w, 0, 16);

    return stn_bitw_bytes(&w);
}


static void
reads_channels_from_the_block(void **state)
{
    size_t        n;
    frame_t       f;
    uint8_t       body[64], config[STN_AAC_ASC_MAX];
    unsigned      matrix;
    stn_aac_t     aac;
    stn_adts_t    a;
    const head_t  h = { 1, 1, 3, 0, 0 }, other = { 1, 1, 4, 0, 0 };

    (void) state;

    for (matrix = 0; matrix < 2; matrix++) {
        memset(&a, 0, sizeof(a));
        n = put_pce(body, sizeof(body), matrix);
        frame_make(&f, &h, body, n);

        assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
        assert_int_equal(stn_aac_parse(&aac, a.config, a.config_len), STN_OK);
        assert_int_equal(aac.channel_config, 0);
        assert_int_equal(aac.channels, 4);
        assert_int_equal(aac.nelements, 3);

        /* it need not be in every frame */

        n = a.config_len;
        memcpy(config, a.config, n);
        frame_make(&f, &h, "\0\0unit", 6);
        assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_OK);
        assert_int_equal(a.config_len, n);
        assert_memory_equal(a.config, config, n);

        /* but in the first of its kind */

        frame_make(&f, &other, "\0\0unit", 6);
        assert_int_equal(stn_adts_frame(&a, f.data, f.len), STN_ERROR);
        assert_string_equal(a.reason, "ADTS without channels");
    }

    frame_make(&f, &h, "\0\0unit", 6);
    expect_refused(&f, STN_ERROR, "ADTS without channels");

    n = put_pce(body, sizeof(body), 0);
    frame_make(&f, &h, body, 5);
    expect_refused(&f, STN_ERROR, "broken AAC program_config_element");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_a_header),
        cmocka_unit_test(knows_what_is_no_header),
        cmocka_unit_test(makes_a_config),
        cmocka_unit_test(takes_headers_off),
        cmocka_unit_test(parts_several_blocks),
        cmocka_unit_test(refuses_blocks_that_cannot_be_parted),
        cmocka_unit_test(reads_channels_from_the_block)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
