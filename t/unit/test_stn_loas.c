/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * LATM in LOAS: both versions of StreamMuxConfig with all that may be in them,
 * sub-frames, payloads at any bit, and what is refused.
 */

#include "wire_util.h"

#include "wire/stn_loas.h"


/* What a frame is made of; zeros are AAC-LC of stereo at 48 kHz, a unit a
 * frame. */

typedef struct {
    unsigned     version;
    unsigned     same;             /* useSameStreamMux */
    unsigned     different;        /* not allStreamsSameTimeFraming */
    unsigned     programs;         /* less one */
    unsigned     layers;           /* less one */
    unsigned     length_type;
    unsigned     other;            /* bits of other data; 0: none */
    unsigned     crc;              /* boolean */
    uint64_t     asc;
    unsigned     asc_bits;
    unsigned     nunits;
    const char  *units[4];
} mux_t;

#define LC       0x1190
#define LC_BITS  16


typedef struct {
    uint8_t  data[STN_LOAS_FRAME_MAX];
    size_t   len;
} frame_t;


/* LatmGetValue() of a byte */

static void
put_value(stn_bitw_t *w, uint32_t v)
{
    stn_bitw_put(w, 0, 2);
    stn_bitw_put(w, v, 8);
}


static void
put_config(stn_bitw_t *w, const mux_t *m)
{
    unsigned  bits;
    uint64_t  asc;

    asc = m->asc_bits ? m->asc : LC;
    bits = m->asc_bits ? m->asc_bits : LC_BITS;

    stn_bitw_put(w, m->version, 1);

    if (m->version) {
        stn_bitw_put(w, 0, 1);                     /* audioMuxVersionA */
        put_value(w, 255);
    }

    stn_bitw_put(w, !m->different, 1);
    stn_bitw_put(w, m->nunits - 1, 6);
    stn_bitw_put(w, m->programs, 4);
    stn_bitw_put(w, m->layers, 3);

    if (m->version) {
        put_value(w, bits);
    }

    stn_bitw_put(w, bits > 32 ? (uint32_t) (asc >> 32) : 0,
                 bits > 32 ? bits - 32 : 0);
    stn_bitw_put(w, (uint32_t) asc, bits > 32 ? 32 : bits);

    stn_bitw_put(w, m->length_type, 3);
    stn_bitw_put(w, 255, 8);
    stn_bitw_put(w, m->other != 0, 1);

    if (m->other && m->version) {
        put_value(w, m->other);

    } else if (m->other) {
        stn_bitw_put(w, 0, 1);
        stn_bitw_put(w, m->other, 8);
    }

    stn_bitw_put(w, m->crc, 1);
    stn_bitw_put(w, 0x5a, m->crc ? 8 : 0);
}


static void
put_unit(stn_bitw_t *w, const char *unit, size_t len)
{
    size_t  i;

    for (i = len; i >= 255; i -= 255) {
        stn_bitw_put(w, 255, 8);
    }

    stn_bitw_put(w, (uint32_t) i, 8);

    for (i = 0; i < len; i++) {
        stn_bitw_put(w, (uint8_t) unit[i], 8);
    }
}


static void
frame_make(frame_t *f, const mux_t *m)
{
    size_t      n;
    unsigned    i;
    stn_bitw_t  w;

    stn_bitw_init(&w, f->data + STN_LOAS_HEADER_LEN,
                  sizeof(f->data) - STN_LOAS_HEADER_LEN);

    stn_bitw_put(&w, m->same, 1);

    if (!m->same) {
        put_config(&w, m);
    }

    for (i = 0; i < m->nunits; i++) {
        put_unit(&w, m->units[i], strlen(m->units[i]));
    }

    for (i = 0; i < m->other; i++) {
        stn_bitw_put(&w, 1, 1);
    }

    assert_false(w.failed);
    n = stn_bitw_bytes(&w);

    f->data[0] = 0x56;
    f->data[1] = (uint8_t) (0xe0 | n >> 8);
    f->data[2] = (uint8_t) n;
    f->len = STN_LOAS_HEADER_LEN + n;
}


static void
expect_units(stn_loas_t *l, const mux_t *m)
{
    size_t          len;
    unsigned        i;
    frame_t         f;
    const uint8_t  *data;

    frame_make(&f, m);
    assert_int_equal(stn_loas_frame(l, f.data, f.len), STN_OK);

    for (i = 0; i < m->nunits; i++) {
        assert_int_equal(stn_loas_next(l, &data, &len), STN_OK);
        assert_int_equal(len, strlen(m->units[i]));
        assert_memory_equal(data, m->units[i], len);
    }

    assert_int_equal(stn_loas_next(l, &data, &len), STN_AGAIN);
}


static void
expect_refused(const mux_t *m, int rc, const char *reason)
{
    frame_t     f;
    stn_loas_t  l;

    memset(&l, 0, sizeof(l));
    frame_make(&f, m);

    assert_int_equal(stn_loas_frame(&l, f.data, f.len), rc);
    assert_string_equal(l.reason, reason);
}


static void
reads_a_header(void **state)
{
    size_t   n;
    uint8_t  p[] = { 0x56, 0xe1, 0x02 };

    (void) state;

    assert_int_equal(stn_loas_header(p, 0, &n), STN_AGAIN);
    assert_int_equal(stn_loas_header(p, 1, &n), STN_AGAIN);
    assert_int_equal(stn_loas_header(p, 2, &n), STN_AGAIN);
    assert_int_equal(stn_loas_header(p, 3, &n), STN_OK);
    assert_int_equal(n, 3 + 0x102);

    p[1] = 0xc1;
    assert_int_equal(stn_loas_header(p, 2, &n), STN_ERROR);

    p[0] = 0x57;
    assert_int_equal(stn_loas_header(p, 1, &n), STN_ERROR);
}


static void
reads_both_versions(void **state)
{
    unsigned    version, other, crc;
    mux_t       m;
    stn_loas_t  l;

    (void) state;

    for (version = 0; version < 2; version++) {
        for (other = 0; other < 12; other += 11) {
            for (crc = 0; crc < 2; crc++) {
                memset(&l, 0, sizeof(l));
                memset(&m, 0, sizeof(m));
                m.version = version;
                m.other = other;
                m.crc = crc;
                m.nunits = 1;
                m.units[0] = "unit";

                expect_units(&l, &m);
                assert_int_equal(l.config_len, 2);
                assert_memory_equal(l.config, "\x11\x90", 2);
                assert_int_equal(l.rate, 48000);
                assert_int_equal(l.samples, 1024);
            }
        }
    }
}


static void
goes_on_with_the_same_config(void **state)
{
    stn_loas_t  l;

    const mux_t  first = { .nunits = 1, .units = { "one" } };
    const mux_t  same = { .same = 1, .nunits = 1, .units = { "two" } };

    (void) state;

    memset(&l, 0, sizeof(l));

    expect_units(&l, &first);
    expect_units(&l, &same);

    /* before the first one there is nothing to go by */

    expect_refused(&same, STN_ERROR, "LATM without a config");
}


static void
takes_sub_frames_apart(void **state)
{
    stn_loas_t  l;

    const mux_t  first = { .nunits = 3, .units = { "a", "bcd", "ef" },
                           .other = 3 };
    const mux_t  same = { .same = 1, .nunits = 3, .units = { "", "b", "c" },
                          .other = 3 };

    (void) state;

    memset(&l, 0, sizeof(l));

    expect_units(&l, &first);
    expect_units(&l, &same);
}


/* A unit of 255 bytes or more takes several to say its length. */

static void
reads_long_units(void **state)
{
    size_t      n;
    char        unit[1024];
    mux_t       m = { .nunits = 1, .units = { unit } };
    stn_loas_t  l;

    (void) state;

    for (n = 253; n < 1022; n += 1 + n % 255 / 2) {
        memset(unit, 'u', n);
        unit[n] = 0;
        memset(&l, 0, sizeof(l));
        expect_units(&l, &m);
    }
}


/* Configs of any length in bits: with SBR spelled out; behind a sync
 * extension, which only version 1 can have; and of 960 samples. */

static void
keeps_the_config(void **state)
{
    size_t      i;
    mux_t       m = { .nunits = 1, .units = { "unit" } };
    stn_aac_t   aac;
    stn_loas_t  l;

    static const struct {
        unsigned  version;
        uint64_t  asc;
        unsigned  bits;
        unsigned  ext;
        uint32_t  rate;        /* of the core */
        uint32_t  samples;
    } cases[] = {
        { 0, 0x2b098800 >> 7, 25, STN_AOT_SBR, 24000, 1024 },
        { 1, 0x2b098800 >> 7, 25, STN_AOT_SBR, 24000, 1024 },
        { 1, 0x131056e598, 40, STN_AOT_SBR, 24000, 1024 },
        { 1, 0x119056e500, 40, 0, 48000, 1024 },
        { 0, 0x1194, 16, 0, 48000, 960 }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        memset(&l, 0, sizeof(l));
        m.version = cases[i].version;
        m.asc = cases[i].asc;
        m.asc_bits = cases[i].bits;

        expect_units(&l, &m);

        assert_int_equal(l.config_len, (cases[i].bits + 7) / 8);
        assert_int_equal(stn_aac_parse(&aac, l.config, l.config_len), STN_OK);
        assert_int_equal(aac.ext_object_type, cases[i].ext);
        assert_int_equal(l.rate, cases[i].rate);
        assert_int_equal(l.samples, cases[i].samples);
    }
}


static void
refuses_what_is_not_carried(void **state)
{
    const mux_t  programs = { .programs = 1, .nunits = 1, .units = { "u" } };
    const mux_t  layers = { .layers = 1, .nunits = 1, .units = { "u" } };
    const mux_t  framing = { .different = 1, .nunits = 1, .units = { "u" } };
    const mux_t  fixed = { .length_type = 1, .nunits = 1, .units = { "u" } };
    const mux_t  eld = { .version = 1, .asc = 0xf8e64000, .asc_bits = 32,
                         .nunits = 1, .units = { "u" } };

    (void) state;

    expect_refused(&programs, STN_UNSUPPORTED,
                   "LATM of several programs or layers");
    expect_refused(&layers, STN_UNSUPPORTED,
                   "LATM of several programs or layers");
    expect_refused(&framing, STN_UNSUPPORTED,
                   "LATM of streams with different framing");
    expect_refused(&fixed, STN_UNSUPPORTED,
                   "LATM of units with a fixed length");
    expect_refused(&eld, STN_UNSUPPORTED, "AAC ELD is not carried");
}


/* Cut anywhere, it gives no unit that it does not have. */

static void
frames_may_be_cut_short(void **state)
{
    int             rc;
    size_t          n, len, bytes;
    frame_t         f;
    stn_loas_t      l;
    const uint8_t  *data;

    const mux_t  m = { .version = 1, .nunits = 2, .units = { "one", "two" },
                       .other = 9, .crc = 1 };

    (void) state;

    frame_make(&f, &m);

    for (n = STN_LOAS_HEADER_LEN + 1; n < f.len; n++) {
        f.data[2] = (uint8_t) (n - STN_LOAS_HEADER_LEN);
        memset(&l, 0, sizeof(l));

        rc = stn_loas_frame(&l, f.data, n);

        for (bytes = 0; rc == STN_OK; bytes += rc == STN_OK ? len : 0) {
            rc = stn_loas_next(&l, &data, &len);
        }

        assert_int_equal(rc, STN_ERROR);
        assert_non_null(l.reason);
        assert_true(bytes <= 3);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_a_header),
        cmocka_unit_test(reads_both_versions),
        cmocka_unit_test(goes_on_with_the_same_config),
        cmocka_unit_test(takes_sub_frames_apart),
        cmocka_unit_test(reads_long_units),
        cmocka_unit_test(keeps_the_config),
        cmocka_unit_test(refuses_what_is_not_carried),
        cmocka_unit_test(frames_may_be_cut_short)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
