/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AudioSpecificConfigs as encoders send them and as the specification allows
 * them, cut short at every byte, written back, and silence to go with them.
 */

#include "wire_util.h"

#include "wire/stn_aac.h"


/* One config as hex and what it says. */

typedef struct {
    const char  *asc;
    unsigned     aot, ext, config, channels, core_frame;
    unsigned     core_rate, rate, samples;
    const char  *codecs;
} asc_t;


static const asc_t  ascs[] = {
    { "1190", 2, 0, 2, 2, 1024, 48000, 48000, 1024, "mp4a.40.2" },
    { "119056e500", 2, 0, 2, 2, 1024, 48000, 48000, 1024, "mp4a.40.2" },
    { "1210", 2, 0, 2, 2, 1024, 44100, 44100, 1024, "mp4a.40.2" },
    { "1188", 2, 0, 1, 1, 1024, 48000, 48000, 1024, "mp4a.40.2" },
    { "1194", 2, 0, 2, 2, 960, 48000, 48000, 960, "mp4a.40.2" },
    { "11b0", 2, 0, 6, 6, 1024, 48000, 48000, 1024, "mp4a.40.2" },
    { "11b8", 2, 0, 7, 8, 1024, 48000, 48000, 1024, "mp4a.40.2" },
    { "0990", 1, 0, 2, 2, 1024, 48000, 48000, 1024, "mp4a.40.1" },
    { "2190", 4, 0, 2, 2, 1024, 48000, 48000, 1024, "mp4a.40.4" },
    { "1310", 2, 0, 2, 2, 1024, 24000, 24000, 1024, "mp4a.40.2" },
    { "2b118800", 2, 5, 2, 2, 1024, 24000, 48000, 2048, "mp4a.40.5" },
    { "eb098800", 2, 29, 1, 2, 1024, 24000, 48000, 2048, "mp4a.40.29" },
    { "131056e598", 2, 5, 2, 2, 1024, 24000, 48000, 2048, "mp4a.40.5" },
    { "130856e59d4880", 2, 29, 1, 2, 1024, 24000, 48000, 2048,
      "mp4a.40.29" },
    { "130856e59d4800", 2, 5, 1, 1, 1024, 24000, 48000, 2048, "mp4a.40.5" }
};


static size_t
unhex(const char *s, uint8_t *out)
{
    size_t    n;
    unsigned  v;

    for (n = 0; s[2 * n]; n++) {
        assert_int_equal(sscanf(s + 2 * n, "%2x", &v), 1);
        out[n] = (uint8_t) v;
    }

    return n;
}


static int
parse(stn_aac_t *a, const char *hex)
{
    size_t   n;
    uint8_t  asc[128];

    n = unhex(hex, asc);

    return stn_aac_parse(a, asc, n);
}


static void
reads_what_encoders_send(void **state)
{
    char          codecs[STN_AAC_CODECS_MAX];
    size_t        i;
    stn_aac_t     a;
    const asc_t  *t;

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        t = &ascs[i];

        assert_int_equal(parse(&a, t->asc), STN_OK);
        assert_int_equal(a.object_type, t->aot);
        assert_int_equal(a.ext_object_type, t->ext);
        assert_int_equal(a.channel_config, t->config);
        assert_int_equal(a.channels, t->channels);
        assert_int_equal(a.core_frame, t->core_frame);
        assert_int_equal(a.core_rate, t->core_rate);
        assert_int_equal(a.rate, t->rate);
        assert_int_equal(a.frame_samples, t->samples);

        assert_int_equal(stn_aac_codecs(&a, codecs, sizeof(codecs)), STN_OK);
        assert_string_equal(codecs, t->codecs);
        assert_int_equal(stn_aac_carried(&a), STN_OK);
    }
}


static void
tells_absent_from_unknown_extensions(void **state)
{
    stn_aac_t  a;

    (void) state;

    assert_int_equal(parse(&a, "119056e500"), STN_OK);
    assert_int_equal(a.sbr_absent, 1);
    assert_int_equal(stn_aac_implicit(&a), 0);

    assert_int_equal(parse(&a, "1310"), STN_OK);
    assert_int_equal(a.sbr_absent, 0);
    assert_int_equal(stn_aac_implicit(&a), 1);

    assert_int_equal(parse(&a, "1190"), STN_OK);
    assert_int_equal(stn_aac_implicit(&a), 0);

    assert_int_equal(parse(&a, "131056e500"), STN_OK);
    assert_int_equal(stn_aac_implicit(&a), 0);

    /* SBR over mono may hide PS, unless denied */

    assert_int_equal(parse(&a, "130856e598"), STN_OK);
    assert_int_equal(stn_aac_implicit(&a), 1);

    assert_int_equal(parse(&a, "130856e59d4800"), STN_OK);
    assert_int_equal(a.ps_absent, 1);
    assert_int_equal(stn_aac_implicit(&a), 0);
}


static void
refuses_configs_cut_short(void **state)
{
    int        rc;
    size_t     i, j, n;
    uint8_t    asc[64];
    stn_aac_t  a;

    (void) state;

    assert_int_equal(stn_aac_parse(&a, NULL, 0), STN_ERROR);
    assert_non_null(a.reason);

    for (i = 0; i < stn_nelems(ascs); i++) {
        n = unhex(ascs[i].asc, asc);

        /* all need two bytes; those with extensions in front need more */

        for (j = 0; j < n; j++) {
            rc = stn_aac_parse(&a, asc, j);

            if (j < 2 || asc[0] == 0x2b || asc[0] == 0xeb) {
                assert_int_equal(rc, j < 3 ? STN_ERROR : rc);
            }

            assert_true(rc == STN_OK || a.reason != NULL);
        }
    }
}


static void
refuses_broken_configs(void **state)
{
    uint8_t    big[STN_AAC_ASC_MAX + 1] = { 0x11, 0x90 };
    stn_aac_t  a;

    (void) state;

    assert_int_equal(parse(&a, "1690"), STN_ERROR);   /* rate index 13 */
    assert_int_equal(parse(&a, "11c0"), STN_ERROR);   /* channels 8 */
    assert_int_equal(parse(&a, "11f8"), STN_ERROR);   /* channels 15 */
    assert_int_equal(parse(&a, "2b128800"), STN_ERROR);    /* 24k to 22k */
    assert_int_equal(parse(&a, "2b119400"), STN_ERROR);    /* SBR of SBR */
    assert_int_equal(parse(&a, "17800000100000"), STN_ERROR);   /* 0 Hz */
    assert_int_equal(stn_aac_parse(&a, big, sizeof(big)), STN_LIMIT);
    assert_int_equal(stn_aac_parse(&a, big, sizeof(big) - 1), STN_OK);
}


static void
names_what_it_does_not_carry(void **state)
{
    stn_aac_t  a;

    (void) state;

    assert_int_equal(parse(&a, "0090"), STN_UNSUPPORTED);   /* AOT 0 */
    assert_int_equal(parse(&a, "f80640"), STN_UNSUPPORTED); /* 32, layer 1 */

    assert_int_equal(parse(&a, "1990"), STN_OK);
    assert_int_equal(stn_aac_carried(&a), STN_UNSUPPORTED);
    assert_string_equal(a.reason, "AAC SSR is not carried");

    assert_int_equal(parse(&a, "b98c00"), STN_OK);          /* LD, 480 */
    assert_int_equal(a.object_type, STN_AOT_ER_LD);
    assert_int_equal(a.core_frame, 480);
    assert_int_equal(a.channels, 1);
    assert_int_equal(stn_aac_carried(&a), STN_UNSUPPORTED);

    assert_int_equal(parse(&a, "899000"), STN_OK);          /* ER LC */
    assert_int_equal(a.object_type, STN_AOT_ER_LC);
    assert_int_equal(stn_aac_carried(&a), STN_UNSUPPORTED);

    assert_int_equal(parse(&a, "f8e64000"), STN_OK);        /* ELD, 512 */
    assert_int_equal(a.object_type, STN_AOT_ELD);
    assert_int_equal(a.core_frame, 512);
    assert_int_equal(a.rate, 48000);
    assert_int_equal(a.channels, 2);
    assert_int_equal(stn_aac_carried(&a), STN_UNSUPPORTED);
}


static void
reads_xhe_aac_far_enough(void **state)
{
    uint8_t     asc[16];
    stn_aac_t   a;
    stn_bitw_t  w;

    (void) state;

    stn_bitw_init(&w, asc, sizeof(asc));
    stn_bitw_put(&w, 31, 5);
    stn_bitw_put(&w, 42 - 32, 6);
    stn_bitw_put(&w, 3, 4);
    stn_bitw_put(&w, 2, 4);
    stn_bitw_put(&w, 3, 5);                        /* 48000 */
    stn_bitw_put(&w, 3, 3);                        /* 2048 samples */
    stn_bitw_put(&w, 2, 5);
    stn_bitw_put(&w, 0, 16);

    assert_int_equal(stn_aac_parse(&a, asc, stn_bitw_bytes(&w)), STN_OK);
    assert_int_equal(a.object_type, STN_AOT_USAC);
    assert_int_equal(a.rate, 48000);
    assert_int_equal(a.channels, 2);
    assert_int_equal(a.frame_samples, 2048);
    assert_int_equal(stn_aac_carried(&a), STN_UNSUPPORTED);
    assert_string_equal(a.reason, "xHE-AAC is not carried");
}


static void
reads_explicit_rates(void **state)
{
    size_t      n;
    uint8_t     asc[16], again[16];
    stn_aac_t   a, b;
    stn_bitw_t  w;

    (void) state;

    stn_bitw_init(&w, asc, sizeof(asc));
    stn_bitw_put(&w, 5, 5);
    stn_bitw_put(&w, 15, 4);
    stn_bitw_put(&w, 22000, 24);
    stn_bitw_put(&w, 2, 4);
    stn_bitw_put(&w, 15, 4);
    stn_bitw_put(&w, 44000, 24);
    stn_bitw_put(&w, 2, 5);
    stn_bitw_put(&w, 0, 3);

    assert_int_equal(stn_aac_parse(&a, asc, stn_bitw_bytes(&w)), STN_OK);
    assert_int_equal(a.core_rate, 22000);
    assert_int_equal(a.rate, 44000);
    assert_int_equal(a.frame_samples, 2048);

    assert_int_equal(stn_aac_explicit(&a, 5, again, sizeof(again), &n),
                     STN_OK);
    assert_int_equal(n, stn_bitw_bytes(&w));
    assert_memory_equal(again, asc, n);

    assert_int_equal(stn_aac_explicit(&a, 0, again, sizeof(again), &n),
                     STN_OK);
    assert_int_equal(stn_aac_parse(&b, again, n), STN_OK);
    assert_int_equal(b.rate, 22000);
}


static void
counts_a_program_config(void **state)
{
    size_t      n;
    uint8_t     asc[32], out[32];
    stn_aac_t   a;
    stn_bitw_t  w;

    (void) state;

    stn_bitw_init(&w, asc, sizeof(asc));
    stn_bitw_put(&w, 2, 5);
    stn_bitw_put(&w, 3, 4);
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, 0, 3);

    stn_bitw_put(&w, 0x3 | 1 << 4, 10);            /* tag, type, index */
    stn_bitw_put(&w, 2, 4);                        /* front: one and a pair */
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, 1, 4);                        /* back: a pair */
    stn_bitw_put(&w, 1, 2);                        /* low frequencies */
    stn_bitw_put(&w, 0, 3 + 4);
    stn_bitw_put(&w, 1, 1);                        /* mono mixdown */
    stn_bitw_put(&w, 0, 4 + 1 + 1);
    stn_bitw_put(&w, 0x00, 5);
    stn_bitw_put(&w, 0x10, 5);
    stn_bitw_put(&w, 0x11, 5);
    stn_bitw_put(&w, 0, 4);
    stn_bitw_put(&w, 0, (8 - w.pos % 8) % 8);
    stn_bitw_put(&w, 2, 8);                        /* comment */
    stn_bitw_put(&w, 0x6869, 16);

    n = stn_bitw_bytes(&w);

    assert_int_equal(stn_aac_parse(&a, asc, n), STN_OK);
    assert_int_equal(a.channel_config, 0);
    assert_int_equal(a.channels, 6);
    assert_int_equal(a.frame_samples, 1024);

    assert_int_equal(stn_aac_parse(&a, asc, n - 1), STN_ERROR);
    assert_int_equal(stn_aac_parse(&a, asc, n), STN_OK);
    assert_int_equal(stn_aac_silence(&a, out, sizeof(out), &n), STN_OK);
    assert_int_equal(a.nelements, 4);
    assert_int_equal(a.elements[1], 1 << 4 | 0);   /* front: a pair, tag 0 */
    assert_int_equal(out[0] >> 5, 0);              /* a single channel first */
    assert_int_equal(stn_aac_explicit(&a, 0, out, sizeof(out), &n),
                     STN_UNSUPPORTED);

    /* no channels at all */

    assert_int_equal(parse(&a, "11800cc0000000000000"), STN_ERROR);
}


static void
writes_extensions_explicitly(void **state)
{
    static const struct {
        const char  *in;
        uint8_t      ext;
        const char  *out;
    } t[] = {
        { "131056e598", 5, "2b118800" },
        { "1310", 5, "2b118800" },
        { "130856e59d4880", 29, "eb098800" },
        { "1308", 29, "eb098800" },
        { "119056e500", 0, "1190" },
        { "eb098800", 0, "1308" },
        { "1194", 0, "1194" }
    };

    size_t     i, n, want_len;
    uint8_t    out[STN_AAC_ASC_MAX], want[16];
    stn_aac_t  a, b;

    (void) state;

    for (i = 0; i < stn_nelems(t); i++) {
        assert_int_equal(parse(&a, t[i].in), STN_OK);
        assert_int_equal(stn_aac_explicit(&a, t[i].ext, out, sizeof(out), &n),
                         STN_OK);

        want_len = unhex(t[i].out, want);
        assert_int_equal(n, want_len);
        assert_memory_equal(out, want, n);

        assert_int_equal(stn_aac_parse(&b, out, n), STN_OK);
        assert_int_equal(b.ext_object_type, t[i].ext);
        assert_int_equal(b.core_rate, a.core_rate);
    }

    assert_int_equal(parse(&a, "1310"), STN_OK);
    assert_int_equal(stn_aac_explicit(&a, 29, out, sizeof(out), &n),
                     STN_ERROR);
    assert_int_equal(stn_aac_explicit(&a, 7, out, sizeof(out), &n),
                     STN_ERROR);
    assert_int_equal(stn_aac_explicit(&a, 5, out, 3, &n), STN_LIMIT);

    assert_int_equal(parse(&a, "1090"), STN_OK);     /* 88.2 kHz */
    assert_int_equal(stn_aac_explicit(&a, 5, out, sizeof(out), &n),
                     STN_ERROR);
}


static void
writes_silence_for_each_layout(void **state)
{
    static const uint8_t  mono[] = { 0x01, 0x18, 0x00, 0x07 };
    static const uint8_t  lengths[] = { 0, 4, 6, 10, 13, 15, 19, 24 };

    size_t     n;
    uint8_t    asc[2], out[STN_AAC_SILENCE_MAX];
    unsigned   config;
    stn_aac_t  a;

    (void) state;

    for (config = 1; config <= 7; config++) {
        asc[0] = 0x11;
        asc[1] = (uint8_t) (0x80 | config << 3);

        assert_int_equal(stn_aac_parse(&a, asc, 2), STN_OK);
        assert_int_equal(stn_aac_silence(&a, out, sizeof(out), &n), STN_OK);
        assert_int_equal(n, lengths[config]);
        assert_int_equal(stn_aac_silence(&a, out, n - 1, &n), STN_LIMIT);
    }

    assert_int_equal(parse(&a, "1188"), STN_OK);
    assert_int_equal(stn_aac_silence(&a, out, sizeof(out), &n), STN_OK);
    assert_int_equal(n, sizeof(mono));
    assert_memory_equal(out, mono, sizeof(mono));

    assert_int_equal(parse(&a, "1990"), STN_OK);
    assert_int_equal(stn_aac_silence(&a, out, sizeof(out), &n),
                     STN_UNSUPPORTED);
}


static void
never_fails_on_any_three_bytes(void **state)
{
    int        rc;
    char       codecs[STN_AAC_CODECS_MAX];
    size_t     n;
    uint8_t    asc[6], out[STN_AAC_ASC_MAX];
    uint32_t   i;
    stn_aac_t  a;

    (void) state;

    for (i = 0; i < 1u << 24; i += 7) {
        asc[0] = (uint8_t) (i >> 16);
        asc[1] = (uint8_t) (i >> 8);
        asc[2] = (uint8_t) i;
        memset(asc + 3, (int) (i * 31 >> 5 & 0xff), 3);

        rc = stn_aac_parse(&a, asc, sizeof(asc));

        if (rc != STN_OK) {
            assert_non_null(a.reason);
            continue;
        }

        assert_in_range(a.rate, STN_AAC_RATE_MIN, STN_AAC_RATE_MAX);
        assert_in_range(a.channels, 1, 64);
        assert_in_range(a.frame_samples, 480, 4096);
        assert_int_equal(stn_aac_codecs(&a, codecs, sizeof(codecs)), STN_OK);

        if (stn_aac_carried(&a) == STN_OK && a.channel_config) {
            assert_int_equal(stn_aac_explicit(&a, a.ext_object_type == 29
                                              && a.channel_config != 1
                                              ? 5 : a.ext_object_type,
                                              out, sizeof(out), &n), STN_OK);
        }
    }
}


static void
refuses_a_short_codecs_buffer(void **state)
{
    char       codecs[9];
    stn_aac_t  a;

    (void) state;

    assert_int_equal(parse(&a, "1190"), STN_OK);
    assert_int_equal(stn_aac_codecs(&a, codecs, sizeof(codecs)), STN_LIMIT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_what_encoders_send),
        cmocka_unit_test(tells_absent_from_unknown_extensions),
        cmocka_unit_test(refuses_configs_cut_short),
        cmocka_unit_test(refuses_broken_configs),
        cmocka_unit_test(names_what_it_does_not_carry),
        cmocka_unit_test(reads_xhe_aac_far_enough),
        cmocka_unit_test(reads_explicit_rates),
        cmocka_unit_test(counts_a_program_config),
        cmocka_unit_test(writes_extensions_explicitly),
        cmocka_unit_test(writes_silence_for_each_layout),
        cmocka_unit_test(never_fails_on_any_three_bytes),
        cmocka_unit_test(refuses_a_short_codecs_buffer)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
