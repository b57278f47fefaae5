/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From AudioSpecificConfigs to formats: what is taken over, what is refused
 * and why, and which formats may follow each other under one init segment.
 */

#include "media_util.h"


typedef struct {
    const char  *asc;
    const char  *codecs;
    unsigned     rate, core_rate, frame, core_frame, channels, config;
} case_t;


static const case_t  cases[] = {
    { "1190", "mp4a.40.2", 48000, 48000, 1024, 1024, 2, 2 },
    { "1208", "mp4a.40.2", 44100, 44100, 1024, 1024, 1, 1 },
    { "1194", "mp4a.40.2", 48000, 48000, 960, 960, 2, 2 },
    { "11b8", "mp4a.40.2", 48000, 48000, 1024, 1024, 8, 7 },
    { "0990", "mp4a.40.1", 48000, 48000, 1024, 1024, 2, 2 },
    { "2190", "mp4a.40.4", 48000, 48000, 1024, 1024, 2, 2 },
    { "2b118800", "mp4a.40.5", 48000, 24000, 2048, 1024, 2, 2 },
    { "131056e598", "mp4a.40.5", 48000, 24000, 2048, 1024, 2, 2 },
    { "eb098800", "mp4a.40.29", 48000, 24000, 2048, 1024, 2, 1 },
};


static void
takes_over_what_the_config_says(void **state)
{
    size_t         i;
    char           hex[2 * STN_FORMAT_CONFIG_MAX + 1];
    size_t         n;
    stn_format_t   f;
    const case_t  *t;

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        t = &cases[i];
        media_format_hex(&f, t->asc);

        assert_string_equal(f.codecs, t->codecs);
        assert_int_equal(f.rate, t->rate);
        assert_int_equal(f.core_rate, t->core_rate);
        assert_int_equal(f.frame, t->frame);
        assert_int_equal(f.core_frame, t->core_frame);
        assert_int_equal(f.channels, t->channels);
        assert_int_equal(f.channel_config, t->config);
        assert_true(f.filler_len > 0);

        for (n = 0; n < f.config_len; n++) {
            snprintf(hex + 2 * n, 3, "%02x", f.config[n]);
        }

        assert_string_equal(hex, t->asc);
    }
}


static void
keeps_bytes_after_the_config(void **state)
{
    uint8_t       asc[STN_FORMAT_CONFIG_MAX + 1] = { 0x11, 0x90 };
    const char   *reason = NULL;
    stn_format_t  f;

    (void) state;

    assert_int_equal(stn_aac_format(&f, asc, STN_FORMAT_CONFIG_MAX, &reason),
                     STN_OK);
    assert_int_equal(f.config_len, STN_FORMAT_CONFIG_MAX);
    assert_memory_equal(f.config, asc, STN_FORMAT_CONFIG_MAX);

    assert_int_equal(stn_aac_format(&f, asc, sizeof(asc), &reason),
                     STN_LIMIT);
    assert_non_null(reason);
}


static void
says_why_it_refuses(void **state)
{
    size_t        i;
    const char   *reason;
    stn_format_t  f;

    static const struct {
        uint8_t  asc[4];
        size_t   len;
        int      rc;
    } bad[] = {
        { { 0 }, 0, STN_ERROR },
        { { 0x11 }, 1, STN_ERROR },
        { { 0x16, 0x90 }, 2, STN_ERROR },
        { { 0x11, 0xf8 }, 2, STN_ERROR },
        { { 0x00, 0x90 }, 2, STN_UNSUPPORTED },
        { { 0x19, 0x90 }, 2, STN_UNSUPPORTED },
        { { 0xb9, 0x8c, 0x00 }, 3, STN_UNSUPPORTED },
        { { 0xf8, 0xe6, 0x40, 0x00 }, 4, STN_UNSUPPORTED },
    };

    (void) state;

    for (i = 0; i < stn_nelems(bad); i++) {
        reason = NULL;
        assert_int_equal(stn_aac_format(&f, bad[i].asc, bad[i].len, &reason),
                         bad[i].rc);
        assert_non_null(reason);
        assert_true(reason[0] != '\0');
    }
}


/* Whatever the bytes, a format that is given out can be worked by. */

static void
gives_out_nothing_absurd(void **state)
{
    size_t         len, i;
    uint8_t        asc[STN_FORMAT_CONFIG_MAX];
    uint32_t       x = 77;
    unsigned       round, given;
    const char    *reason;
    stn_format_t   f;

    (void) state;

    given = 0;

    for (round = 0; round < 200000; round++) {
        len = wire_random(&x) % 12;

        for (i = 0; i < len; i++) {
            asc[i] = (uint8_t) (wire_random(&x) >> 7);
        }

        if (stn_aac_format(&f, asc, len, &reason) != STN_OK) {
            assert_non_null(reason);
            continue;
        }

        given++;
        assert_in_range(f.core_rate, 7350, 96000);
        assert_in_range(f.rate, f.core_rate, 96000);
        assert_true(f.core_frame == 1024 || f.core_frame == 960);
        assert_true(f.frame == f.core_frame || f.frame == 2 * f.core_frame);
        assert_in_range(f.channels, 1, 64);
        assert_in_range(f.channel_config, 0, 14);
        assert_true(strlen(f.codecs) >= 9);
        assert_true(f.filler_len <= sizeof(f.filler));
    }

    assert_true(given > 100);
}


static void
tells_formats_that_can_follow_each_other(void **state)
{
    size_t        i, j;
    stn_format_t  a, b;

    (void) state;

    /* OBS's way to write plain LC: the extension says there is none */

    media_format_hex(&a, "1190");
    media_format_hex(&b, "119056e500");
    assert_int_equal(stn_format_same(&a, &b), 1);
    assert_int_equal(stn_format_hash(&a), stn_format_hash(&b));

    for (i = 0; i < stn_nelems(cases); i++) {
        media_format_hex(&a, cases[i].asc);

        for (j = 0; j < stn_nelems(cases); j++) {
            media_format_hex(&b, cases[j].asc);

            /* explicit and backward-compatible HE-AAC are one thing */

            if (i == j || (strcmp(a.codecs, "mp4a.40.5") == 0
                           && strcmp(b.codecs, "mp4a.40.5") == 0))
            {
                assert_int_equal(stn_format_same(&a, &b), 1);
                assert_int_equal(stn_format_hash(&a), stn_format_hash(&b));
                continue;
            }

            assert_int_equal(stn_format_same(&a, &b), 0);
            assert_int_not_equal(stn_format_hash(&a), stn_format_hash(&b));
        }
    }
}


static void
compares_a_channel_element_by_its_bytes(void **state)
{
    stn_format_t  a, b;

    (void) state;

    /* a program_config_element: the numbers alone do not tell all */

    media_format_hex(&a, "1190");
    a.channel_config = 0;
    b = a;
    assert_int_equal(stn_format_same(&a, &b), 1);
    assert_int_equal(stn_format_hash(&a), stn_format_hash(&b));

    b.config[1] ^= 1;
    assert_int_equal(stn_format_same(&a, &b), 0);
    assert_int_not_equal(stn_format_hash(&a), stn_format_hash(&b));

    b = a;
    b.config_len++;
    assert_int_equal(stn_format_same(&a, &b), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(takes_over_what_the_config_says),
        cmocka_unit_test(keeps_bytes_after_the_config),
        cmocka_unit_test(says_why_it_refuses),
        cmocka_unit_test(gives_out_nothing_absurd),
        cmocka_unit_test(tells_formats_that_can_follow_each_other),
        cmocka_unit_test(compares_a_channel_element_by_its_bytes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
