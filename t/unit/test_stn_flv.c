/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Audio messages: legacy AAC as every encoder sends it, MP3, the codecs that
 * are refused by name, Enhanced RTMP with its codecs, one track and many; and
 * metadata.
 */

#include "wire_util.h"

#include "wire/stn_flv.h"


#define BYTES(...)  (const uint8_t[]) { __VA_ARGS__ },                        \
                    sizeof((const uint8_t[]) { __VA_ARGS__ })


static void
expect(const uint8_t *body, size_t len, stn_flv_kind_e kind, const char *data)
{
    stn_flv_audio_t  t;

    assert_int_equal(stn_flv_audio(&t, body, len, 0), STN_OK);
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.len, strlen(data));
    assert_memory_equal(t.len ? (const char *) t.data : "", data, t.len);
}


/* A config or frame of a codec, len bytes at data. */

static void
expect_codec(stn_codec_e codec, stn_flv_kind_e kind, const stn_buf_t *body,
    const void *data, size_t len)
{
    stn_flv_audio_t  t;

    assert_int_equal(body->failed, STN_OK);
    assert_int_equal(stn_flv_audio(&t, body->data, body->len, 0), STN_OK);
    assert_int_equal(t.kind, kind);
    assert_int_equal(t.codec, codec);
    assert_int_equal(t.len, len);

    if (len) {
        assert_memory_equal(t.data, data, len);
    } else {
        assert_null(t.data);
    }
}


/* The header of Enhanced RTMP for one track, and what follows it. */

static void
put_ex(stn_buf_t *b, unsigned packet, const char *fourcc)
{
    stn_buf_reset(b);
    stn_buf_u8(b, (uint8_t) (0x90 | packet));
    stn_buf_put(b, fourcc, 4);
}


static void
expect_refused(const uint8_t *body, size_t len, int rc, const char *reason)
{
    stn_flv_audio_t  t;

    assert_int_equal(stn_flv_audio(&t, body, len, 0), rc);
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
reads_legacy_mp3(void **state)
{
    stn_flv_audio_t  t;

    (void) state;

    /* all of it is the frame: there is no packet type */

    expect(BYTES(0x2f, 0xff, 0xfb, 0x90), STN_FLV_FRAME, "\xff\xfb\x90");
    expect(BYTES(0x2e, 1, 'x'), STN_FLV_FRAME, "\1x");
    expect(BYTES(0xe2, 'x'), STN_FLV_FRAME, "x");
    expect(BYTES(0x2f), STN_FLV_NONE, "");

    assert_int_equal(stn_flv_audio(&t, BYTES(0x2f, 0xff), 0), STN_OK);
    assert_int_equal(t.codec, STN_CODEC_MP3);
    assert_int_equal(stn_flv_audio(&t, BYTES(0xe2, 0xff), 0), STN_OK);
    assert_int_equal(t.codec, STN_CODEC_MP3);
    assert_int_equal(stn_flv_audio(&t, BYTES(0xaf, 1, 2), 0), STN_OK);
    assert_int_equal(t.codec, STN_CODEC_AAC);
}


static void
names_legacy_codecs_it_refuses(void **state)
{
    size_t           i;
    uint8_t          body[2] = { 0, 1 };
    stn_flv_audio_t  t;

    static const struct {
        unsigned     format;
        const char  *reason;
    } bad[] = {
        { 0, "PCM audio is not carried" },
        { 1, "ADPCM audio is not carried" },
        { 3, "PCM audio is not carried" },
        { 4, "Nellymoser audio is not carried" },
        { 5, "Nellymoser audio is not carried" },
        { 6, "Nellymoser audio is not carried" },
        { 7, "G.711 A-law audio is not carried" },
        { 8, "G.711 mu-law audio is not carried" },
        { 11, "Speex audio is not carried" },
        { 12, "unknown audio format 12" },
        { 13, "unknown audio format 13" },
        { 15, "device-specific audio is not carried" }
    };

    (void) state;

    for (i = 0; i < stn_nelems(bad); i++) {
        body[0] = (uint8_t) (bad[i].format << 4 | 0xf);
        expect_refused(body, 2, STN_UNSUPPORTED, bad[i].reason);

        /* even when there is nothing of it */

        assert_int_equal(stn_flv_audio(&t, body, 1, 0), STN_UNSUPPORTED);
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
reads_enhanced_frames_of_all_codecs(void **state)
{
    size_t     i;
    stn_buf_t  b;

    static const struct {
        const char   *fourcc;
        stn_codec_e   codec;
    } c[] = {
        { "mp4a", STN_CODEC_AAC }, { "Opus", STN_CODEC_OPUS },
        { "fLaC", STN_CODEC_FLAC }, { ".mp3", STN_CODEC_MP3 },
        { "ac-3", STN_CODEC_AC3 }, { "ec-3", STN_CODEC_EAC3 }
    };

    (void) state;

    stn_buf_init(&b, 4096);

    for (i = 0; i < stn_nelems(c); i++) {
        put_ex(&b, 1, c[i].fourcc);
        expect(b.data, b.len, STN_FLV_NONE, "");

        stn_buf_str(&b, "frame");
        expect_codec(c[i].codec, STN_FLV_FRAME, &b, "frame", 5);

        /* the same as track 0 of many */

        stn_buf_reset(&b);
        stn_buf_put(&b, "\x95\1", 2);
        stn_buf_put(&b, c[i].fourcc, 4);
        stn_buf_put(&b, "\0frame", 6);
        expect_codec(c[i].codec, STN_FLV_FRAME, &b, "frame", 5);

        /* sequence end, multichannel configuration, and what is not known */

        put_ex(&b, 2, c[i].fourcc);
        expect(b.data, b.len, STN_FLV_NONE, "");
        put_ex(&b, 4, c[i].fourcc);
        stn_buf_put(&b, "\1\2\0\0\0\3", 6);
        expect(b.data, b.len, STN_FLV_NONE, "");
        put_ex(&b, 3, c[i].fourcc);
        expect(b.data, b.len, STN_FLV_NONE, "");
    }

    stn_buf_free(&b);

    expect_refused(BYTES(0x91, 'w', 'h', 'a', 't', 1), STN_UNSUPPORTED,
                   "unknown audio FourCC");
    expect_refused(BYTES(0x90, 'o', 'p', 'u', 's', 1), STN_UNSUPPORTED,
                   "unknown audio FourCC");
    expect(BYTES(0x92, 'w', 'h', 'a', 't'), STN_FLV_NONE, "");
}


static void
reads_configs_of_those_that_have_one(void **state)
{
    size_t     i;
    stn_buf_t  b;

    static const char  *none[] = { ".mp3", "ac-3", "ec-3" };

    (void) state;

    stn_buf_init(&b, 4096);

    put_ex(&b, 0, "Opus");
    expect_codec(STN_CODEC_OPUS, STN_FLV_CONFIG, &b, NULL, 0);
    stn_buf_str(&b, "OpusHead...");
    expect_codec(STN_CODEC_OPUS, STN_FLV_CONFIG, &b, "OpusHead...", 11);

    put_ex(&b, 0, "fLaC");
    expect(b.data, b.len, STN_FLV_NONE, "");

    for (i = 0; i < stn_nelems(none); i++) {
        put_ex(&b, 0, none[i]);
        expect(b.data, b.len, STN_FLV_NONE, "");
        stn_buf_str(&b, "whatever");
        expect(b.data, b.len, STN_FLV_NONE, "");
    }

    stn_buf_free(&b);
}


static void
unwraps_streaminfo(void **state)
{
    size_t     i;
    stn_buf_t  b;
    uint8_t    info[34];

    static const struct {
        const char  *before;
        size_t       len;
        const char  *after;
    } w[] = {
        { "", 0, "" },                             /* as ffmpeg has it */
        { "fLaC", 4, "" },
        { "\0\0\0\x22", 4, "" },
        { "\x80\0\0\x22", 4, "" },
        { "fLaC\x80\0\0\x22", 8, "" },             /* as it should be */
        { "fLaC\0\0\0\x22", 8, "\x84\0\0\1x" }
    };

    (void) state;

    for (i = 0; i < sizeof(info); i++) {
        info[i] = (uint8_t) (i + 0x10);
    }

    stn_buf_init(&b, 4096);

    for (i = 0; i < stn_nelems(w); i++) {
        put_ex(&b, 0, "fLaC");
        stn_buf_put(&b, w[i].before, w[i].len);
        stn_buf_put(&b, info, sizeof(info));
        stn_buf_str(&b, w[i].after);
        expect_codec(STN_CODEC_FLAC, STN_FLV_CONFIG, &b, info, 34);

        /* cut short: as it came */

        b.len = 5 + w[i].len + sizeof(info) - 1;
        expect_codec(STN_CODEC_FLAC, STN_FLV_CONFIG, &b, b.data + 5,
                     b.len - 5);
    }

    /* a block of another type is no header, and no STREAMINFO either */

    put_ex(&b, 0, "fLaC");
    stn_buf_put(&b, "fLaC\x84\0\0\x22", 8);
    stn_buf_put(&b, info, sizeof(info));
    expect_codec(STN_CODEC_FLAC, STN_FLV_CONFIG, &b, b.data + 9, 34);
    stn_buf_free(&b);

    expect(BYTES(0x90, 'f', 'L', 'a', 'C', 'f', 'L', 'a', 'C'),
           STN_FLV_CONFIG, "fLaC");
    expect(BYTES(0x90, 'f', 'L', 'a', 'C', 'x'), STN_FLV_CONFIG, "x");
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
    expect(BYTES(0x95, 0x21, 'm', 'p', '4', 'a', 1, 0, 0, 1, 'x',
                 'O', 'p', 'u', 's', 0, 0, 0, 2, 'o', 'k'),
           STN_FLV_FRAME, "ok");
    expect_refused(BYTES(0x95, 0x21, 'w', 'h', 'a', 't', 0, 0, 0, 1, 'x'),
                   STN_UNSUPPORTED, "unknown audio FourCC");

    expect(BYTES(0x95, 0x31), STN_FLV_NONE, "");
    expect(BYTES(0x95, 0x05), STN_FLV_NONE, "");
}


/* What a message holds for a track: frames, or nothing. */

static void
expect_track(unsigned track, const uint8_t *body, size_t len,
    const char *data)
{
    stn_flv_audio_t  t;

    assert_int_equal(stn_flv_audio(&t, body, len, track), STN_OK);
    assert_int_equal(t.kind, *data ? STN_FLV_FRAME : STN_FLV_NONE);
    assert_int_equal(t.len, strlen(data));
    assert_memory_equal(t.len ? (const char *) t.data : "", data, t.len);
}


static void
takes_the_track_that_is_asked_for(void **state)
{
    stn_flv_audio_t  t;

    (void) state;

    expect_track(1, BYTES(0x95, 0x01, 'm', 'p', '4', 'a', 1, 'x'), "x");
    expect_track(1, BYTES(0x95, 0x01, 'm', 'p', '4', 'a', 0, 'x'), "");
    expect_track(1, BYTES(0x95, 0x01, 'm', 'p', '4', 'a', 2, 'x'), "");
    expect_track(255, BYTES(0x95, 0x01, 'm', 'p', '4', 'a', 255, 'x'), "x");

    expect_track(1, BYTES(0x95, 0x11, 'm', 'p', '4', 'a', 0, 0, 0, 1, 'x',
                          1, 0, 0, 2, 'o', 'k'), "ok");
    expect_track(2, BYTES(0x95, 0x21, 'O', 'p', 'u', 's', 1, 0, 0, 1, 'x',
                          'm', 'p', '4', 'a', 2, 0, 0, 2, 'o', 'k'), "ok");
    expect_track(3, BYTES(0x95, 0x21, 'O', 'p', 'u', 's', 1, 0, 0, 1, 'x',
                          'm', 'p', '4', 'a', 2, 0, 0, 2, 'o', 'k'), "");

    /* what names no track is track 0, whatever its codec */

    expect_track(1, BYTES(0xaf, 0x01, 'x'), "");
    expect_track(1, BYTES(0x2f, 'x'), "");
    expect_track(1, BYTES(0xb2, 'x'), "");
    expect_track(1, BYTES(0x91, 'm', 'p', '4', 'a', 'x'), "");
    expect_track(1, BYTES(0x91, 'w', 'h', 'a', 't', 'x'), "");

    assert_int_equal(stn_flv_audio(&t, BYTES(0x95, 0x01, 'w', 'h', 'a', 't',
                                             1, 'x'), 1), STN_UNSUPPORTED);
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
            assert_int_equal(stn_flv_audio(&t, many, i, 0), STN_OK);

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
        cmocka_unit_test(reads_legacy_mp3),
        cmocka_unit_test(names_legacy_codecs_it_refuses),
        cmocka_unit_test(reads_enhanced_aac),
        cmocka_unit_test(reads_enhanced_frames_of_all_codecs),
        cmocka_unit_test(reads_configs_of_those_that_have_one),
        cmocka_unit_test(unwraps_streaminfo),
        cmocka_unit_test(takes_track_0_of_many),
        cmocka_unit_test(takes_the_track_that_is_asked_for),
        cmocka_unit_test(reads_through_modifiers),
        cmocka_unit_test(refuses_messages_cut_short),
        cmocka_unit_test(reads_metadata),
        cmocka_unit_test(believes_no_impossible_numbers)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
