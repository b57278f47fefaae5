/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Audio messages: legacy AAC as every encoder sends it, the codecs that are
 * refused by name, Enhanced RTMP with one track and with many; and metadata.
 */

#include "wire_util.h"

#include "wire/stn_flv.h"


#define BYTES(...)  (const uint8_t[]) { __VA_ARGS__ },                        \
                    sizeof((const uint8_t[]) { __VA_ARGS__ })


static void
expect(const uint8_t *body, size_t len, stn_flv_kind_e kind, const char *data)
{
    stn_flv_audio_t  t;

    assert_int_equal(stn_flv_audio(&t, body, len), STN_OK);
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.len, strlen(data));
    assert_memory_equal(t.len ? (const char *) t.data : "", data, t.len);
}


static void
expect_refused(const uint8_t *body, size_t len, int rc, const char *reason)
{
    stn_flv_audio_t  t;

    assert_int_equal(stn_flv_audio(&t, body, len), rc);
    assert_int_equal(t.kind, STN_FLV_NONE);
    assert_string_equal(t.reason, reason);
}


static void
reads_legacy_aac(void **state)
{
    (void) state;

    expect(BYTES(0xaf, 0, 'c', 'f'), STN_FLV_CONFIG, "cf");
    expect(BYTES(0xaf, 1, 'a', 'u'), STN_FLV_FRAME, "au");
    expect(BYTES(0xa2, 1, 'a', 'u'), STN_FLV_FRAME, "au");
    expect(BYTES(0xaf, 2, 'x'), STN_FLV_NONE, "");
}


static void
passes_over_empty_messages(void **state)
{
    (void) state;

    expect((const uint8_t *) "", 0, STN_FLV_NONE, "");
    expect(BYTES(0xaf), STN_FLV_NONE, "");
    expect(BYTES(0xaf, 0), STN_FLV_NONE, "");
    expect(BYTES(0xaf, 1), STN_FLV_NONE, "");
    expect(BYTES(0x90, 'm', 'p', '4', 'a'), STN_FLV_NONE, "");
}


static void
names_legacy_codecs_it_refuses(void **state)
{
    uint8_t          b;
    unsigned         format;
    stn_flv_audio_t  t;

    (void) state;

    expect_refused(BYTES(0x2f, 1), STN_UNSUPPORTED,
                   "MP3 audio is not carried");
    expect_refused(BYTES(0xb2, 1), STN_UNSUPPORTED,
                   "Speex audio is not carried");
    expect_refused(BYTES(0x62, 1), STN_UNSUPPORTED,
                   "Nellymoser audio is not carried");

    for (format = 0; format < 16; format++) {
        if (format != 9 && format != 10) {
            b = (uint8_t) (format << 4);
            assert_int_equal(stn_flv_audio(&t, &b, 1), STN_UNSUPPORTED);
            assert_non_null(t.reason);
        }
    }
}


static void
reads_enhanced_aac(void **state)
{
    (void) state;

    expect(BYTES(0x90, 'm', 'p', '4', 'a', 'c'), STN_FLV_CONFIG, "c");
    expect(BYTES(0x91, 'm', 'p', '4', 'a', 'f'), STN_FLV_FRAME, "f");

    /* sequence end, multichannel configuration, and what is not known yet */

    expect(BYTES(0x92, 'm', 'p', '4', 'a'), STN_FLV_NONE, "");
    expect(BYTES(0x94, 'm', 'p', '4', 'a', 1), STN_FLV_NONE, "");
    expect(BYTES(0x9f), STN_FLV_NONE, "");
}


static void
names_enhanced_codecs_it_refuses(void **state)
{
    (void) state;

    expect_refused(BYTES(0x90, 'O', 'p', 'u', 's', 1), STN_UNSUPPORTED,
                   "Opus audio is not carried");
    expect_refused(BYTES(0x91, 'a', 'c', '-', '3', 1), STN_UNSUPPORTED,
                   "AC-3 audio is not carried");
    expect_refused(BYTES(0x91, 'e', 'c', '-', '3', 1), STN_UNSUPPORTED,
                   "E-AC-3 audio is not carried");
    expect_refused(BYTES(0x90, 'f', 'L', 'a', 'C', 1), STN_UNSUPPORTED,
                   "FLAC audio is not carried");
    expect_refused(BYTES(0x91, '.', 'm', 'p', '3', 1), STN_UNSUPPORTED,
                   "MP3 audio is not carried");
    expect_refused(BYTES(0x91, 'w', 'h', 'a', 't', 1), STN_UNSUPPORTED,
                   "unknown audio FourCC");
}


static void
takes_track_0_of_many(void **state)
{
    (void) state;

    /* one track a message, as OBS sends its further ones */

    expect(BYTES(0x95, 0x01, 'm', 'p', '4', 'a', 1, 'x'), STN_FLV_NONE, "");
    expect(BYTES(0x95, 0x00, 'm', 'p', '4', 'a', 0, 'c'), STN_FLV_CONFIG, "c");
    expect(BYTES(0x95, 0x01, 'O', 'p', 'u', 's', 1, 'x'), STN_FLV_NONE, "");

    /* many tracks of one codec, of many codecs */

    expect(BYTES(0x95, 0x11, 'm', 'p', '4', 'a', 1, 0, 0, 1, 'x',
                 0, 0, 0, 2, 'o', 'k'), STN_FLV_FRAME, "ok");
    expect(BYTES(0x95, 0x21, 'O', 'p', 'u', 's', 1, 0, 0, 1, 'x',
                 'm', 'p', '4', 'a', 0, 0, 0, 2, 'o', 'k'),
           STN_FLV_FRAME, "ok");
    expect_refused(BYTES(0x95, 0x21, 'O', 'p', 'u', 's', 0, 0, 0, 1, 'x'),
                   STN_UNSUPPORTED, "Opus audio is not carried");

    expect(BYTES(0x95, 0x31), STN_FLV_NONE, "");
    expect(BYTES(0x95, 0x05), STN_FLV_NONE, "");
}


static void
reads_through_modifiers(void **state)
{
    uint8_t  body[300];

    (void) state;

    /* nanoseconds: size - 1, three bytes, type 0 and the packet's type */

    expect(BYTES(0x97, 2, 0, 1, 2, 0x01, 'm', 'p', '4', 'a', 'f'),
           STN_FLV_FRAME, "f");
    expect(BYTES(0x97, 0, 0, 0x07, 0, 0, 0x00, 'm', 'p', '4', 'a', 'c'),
           STN_FLV_CONFIG, "c");

    /* a long one has its size in 16 bits */

    memset(body, 0, sizeof(body));
    memcpy(body, "\x97\xff\x01\x03", 4);
    body[4 + 260] = 0x01;
    memcpy(body + 4 + 260 + 1, "mp4af", 5);
    expect(body, 4 + 260 + 1 + 5, STN_FLV_FRAME, "f");
}


static void
refuses_messages_cut_short(void **state)
{
    size_t           i;
    stn_flv_audio_t  t;

    static const uint8_t  many[] = {
        0x97, 0, 0, 0x05, 0x21, 'm', 'p', '4', 'a', 1, 0, 0, 1, 'x',
        'm', 'p', '4', 'a', 0, 0, 0, 1, 'y'
    };

    (void) state;

    for (i = 1; i <= sizeof(many); i++) {

        /* whole with track 1 alone, or with none */

        if (i == 5 || i == 14 || i == sizeof(many)) {
            assert_int_equal(stn_flv_audio(&t, many, i), STN_OK);

        } else {
            expect_refused(many, i, STN_ERROR, "audio message cut short");
        }
    }

    expect_refused(BYTES(0x90, 'm', 'p'), STN_ERROR,
                   "audio message cut short");
}


static void
reads_metadata(void **state)
{
    stn_buf_t       b;
    stn_amf_t       a;
    stn_flv_meta_t  meta;

    (void) state;

    stn_buf_init(&b, 4096);
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "audiodatarate");
    stn_amf_put_number(&b, 128);
    stn_amf_put_key(&b, "audiocodecid");
    stn_amf_put_number(&b, 10);
    stn_amf_put_key(&b, "audiosamplerate");
    stn_amf_put_number(&b, 48000);
    stn_amf_put_key(&b, "encoder");
    stn_amf_put_string(&b, "a test");
    stn_amf_put_end(&b);

    stn_amf_init(&a, b.data, b.len);
    stn_flv_meta(&meta, &a);
    assert_true(stn_str_is(&meta.encoder, "a test"));
    assert_int_equal(meta.audio_bit_rate, 128000);
    assert_int_equal(meta.audio_codec, 10);
    assert_int_equal(meta.audio_rate, 48000);

    /* cut short: what came first counts */

    stn_amf_init(&a, b.data, b.len - 20);
    stn_flv_meta(&meta, &a);
    assert_int_equal(meta.audio_rate, 48000);
    assert_int_equal(meta.encoder.len, 0);

    /* no object at all */

    stn_amf_init(&a, BYTES(5));
    stn_flv_meta(&meta, &a);
    assert_int_equal(meta.audio_rate, 0);

    stn_buf_free(&b);
}


static void
believes_no_impossible_numbers(void **state)
{
    size_t          i;
    stn_buf_t       b;
    stn_amf_t       a;
    stn_flv_meta_t  meta;

    static const double  numbers[] = {
        -1, 1e300, 4294967296.0, __builtin_nan(""), __builtin_inf()
    };

    (void) state;

    stn_buf_init(&b, 4096);

    for (i = 0; i < stn_nelems(numbers); i++) {
        stn_buf_reset(&b);
        stn_amf_put_object(&b);
        stn_amf_put_key(&b, "audiosamplerate");
        stn_amf_put_number(&b, numbers[i]);
        stn_amf_put_key(&b, "audiodatarate");
        stn_amf_put_number(&b, numbers[i]);
        stn_amf_put_end(&b);

        stn_amf_init(&a, b.data, b.len);
        stn_flv_meta(&meta, &a);
        assert_int_equal(meta.audio_rate, 0);
        assert_int_equal(meta.audio_bit_rate, 0);
    }

    stn_buf_free(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_legacy_aac),
        cmocka_unit_test(passes_over_empty_messages),
        cmocka_unit_test(names_legacy_codecs_it_refuses),
        cmocka_unit_test(reads_enhanced_aac),
        cmocka_unit_test(names_enhanced_codecs_it_refuses),
        cmocka_unit_test(takes_track_0_of_many),
        cmocka_unit_test(reads_through_modifiers),
        cmocka_unit_test(refuses_messages_cut_short),
        cmocka_unit_test(reads_metadata),
        cmocka_unit_test(believes_no_impossible_numbers)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
