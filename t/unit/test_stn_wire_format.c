/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From what broadcasters announce to formats, codec by codec: OpusHead and
 * STREAMINFO field by field, every way of breaking them, and what libavcodec's
 * own encoders write.
 */

#include "media_util.h"

#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>

#include "wire/stn_wire_format.h"


#define OPUS_LEN   19
#define FLAC_LEN   34

/* In these: version, channels, mapping family and the table behind it. */
#define OPUS_VERSION   8
#define OPUS_CHANNELS  9
#define OPUS_FAMILY    18
#define OPUS_TABLE     19


static const uint8_t  opus_head[OPUS_LEN] = "OpusHead\1\2\x38\1\x80\xbb\0\0\0";

/* Blocks of 4608, 48 kHz, 2 channels, 16 bits, all else unknown. */

static const uint8_t  flac_info[FLAC_LEN] = {
    0x12, 0x00, 0x12, 0x00, 0, 0, 0, 0, 0, 0, 0x0b, 0xb8, 0x02, 0xf0
};


static void
expect_format(stn_format_t *f, stn_codec_e codec, const uint8_t *config,
    size_t len)
{
    const char  *reason = "none";

    memset(f, 0xff, sizeof(*f));

    if (stn_wire_format(f, codec, config, len, &reason) != STN_OK) {
        fail_msg("refused: %s", reason);
    }

    assert_int_equal(f->codec, codec);
    assert_int_equal(f->filler_len, codec == STN_CODEC_AAC ? 6 : 0);
}


static void
expect_refused(stn_codec_e codec, const uint8_t *config, size_t len, int rc,
    const char *reason)
{
    uint8_t       *exact;
    const char    *said = NULL;
    stn_format_t   f;

    /* a block of its own, so that reading past its end is noticed */

    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, config, len);

    assert_int_equal(stn_wire_format(&f, codec, exact, len, &said), rc);
    assert_non_null(said);
    assert_string_equal(said, reason);
    assert_int_equal(f.codec, codec);
    free(exact);
}


static void
reads_aac_as_before(void **state)
{
    stn_format_t  f, aac;

    static const uint8_t  asc[2] = { 0x11, 0x90 }, bad[2] = { 0x16, 0x90 };

    (void) state;

    expect_format(&f, STN_CODEC_AAC, asc, 2);
    media_format(&aac, asc, 2);
    assert_memory_equal(&f, &aac, sizeof(f));
    assert_string_equal(f.codecs, "mp4a.40.2");

    expect_refused(STN_CODEC_AAC, bad, 2, STN_ERROR,
                   "reserved AAC rate");
}


static void
needs_no_config_of_those_that_have_none(void **state)
{
    size_t        i;
    stn_format_t  f, g;

    static const struct {
        stn_codec_e   codec;
        const char   *codecs;
        const char   *name;
    } c[] = {
        { STN_CODEC_MP3, "mp4a.40.34", "MP3" },
        { STN_CODEC_AC3, "ac-3", "AC-3" },
        { STN_CODEC_EAC3, "ec-3", "E-AC-3" }
    };

    (void) state;

    for (i = 0; i < stn_nelems(c); i++) {
        expect_format(&f, c[i].codec, NULL, 0);
        assert_string_equal(f.codecs, c[i].codecs);
        assert_string_equal(stn_wire_codec(c[i].codec), c[i].name);
        assert_int_equal(f.rate, 0);
        assert_int_equal(f.channels, 0);
        assert_int_equal(f.frame, 0);
        assert_int_equal(f.config_len, 0);

        /* and looks at none */

        expect_format(&g, c[i].codec, (const uint8_t *) "x", 1);
        assert_memory_equal(&f, &g, sizeof(f));
    }

    assert_string_equal(stn_wire_codec(STN_CODEC_AAC), "AAC");
    assert_string_equal(stn_wire_codec(STN_CODEC_OPUS), "Opus");
    assert_string_equal(stn_wire_codec(STN_CODEC_FLAC), "FLAC");
}


static void
reads_opus_heads(void **state)
{
    uint8_t       head[64];
    stn_format_t  f, none;

    (void) state;

    memset(head, 0, sizeof(head));
    memcpy(head, opus_head, OPUS_LEN);

    expect_format(&f, STN_CODEC_OPUS, head, OPUS_LEN);
    assert_string_equal(f.codecs, "Opus");
    assert_int_equal(f.rate, 48000);
    assert_int_equal(f.channels, 2);
    assert_int_equal(f.frame, 0);
    assert_int_equal(f.config_len, OPUS_LEN);
    assert_memory_equal(f.config, head, OPUS_LEN);

    /* mono from 44.1 kHz, of a later minor version, with more behind it */

    head[OPUS_VERSION] = 0x0f;
    head[OPUS_CHANNELS] = 1;
    memcpy(head + 12, "\x44\xac\0\0", 4);
    expect_format(&f, STN_CODEC_OPUS, head, OPUS_LEN + 4);
    assert_int_equal(f.rate, 48000);
    assert_int_equal(f.channels, 1);
    assert_int_equal(f.config_len, OPUS_LEN);

    /* nothing at all is stereo without pre-skip and gain */

    expect_format(&none, STN_CODEC_OPUS, NULL, 0);
    memcpy(head, "OpusHead\1\2\0\0\x80\xbb\0\0\0\0\0", OPUS_LEN);
    expect_format(&f, STN_CODEC_OPUS, head, OPUS_LEN);
    assert_memory_equal(&f, &none, sizeof(f));
}


static void
reads_opus_channel_mappings(void **state)
{
    uint8_t       head[64];
    unsigned      n;
    stn_format_t  f;

    /* streams, coupled ones, and what the channels are made of, 1 to 8 */

    static const char  *tables[] = {
        "\1\0\0", "\1\1\0\1", "\2\1\0\2\1", "\2\2\0\1\2\3", "\3\2\0\4\1\2\3",
        "\4\2\0\4\1\2\3\5", "\4\3\0\4\1\2\3\5\6", "\5\3\0\6\1\2\3\4\5\7"
    };

    (void) state;

    memset(head, 0, sizeof(head));
    memcpy(head, opus_head, OPUS_LEN);
    head[OPUS_FAMILY] = 1;

    for (n = 1; n <= 8; n++) {
        head[OPUS_CHANNELS] = (uint8_t) n;
        memcpy(head + OPUS_TABLE, tables[n - 1], n + 2);

        expect_format(&f, STN_CODEC_OPUS, head, sizeof(head));
        assert_int_equal(f.channels, n);
        assert_int_equal(f.config_len, OPUS_TABLE + 2 + n);
        assert_memory_equal(f.config, head, f.config_len);

        expect_refused(STN_CODEC_OPUS, head, OPUS_TABLE + 1 + n, STN_ERROR,
                       "broken channel mapping of Opus");

        /* no stream for the last channel; but it may be silent */

        head[OPUS_TABLE + 1 + n] = 9;
        expect_refused(STN_CODEC_OPUS, head, sizeof(head), STN_ERROR,
                       "broken channel mapping of Opus");
        head[OPUS_TABLE + 1 + n] = 255;
        expect_format(&f, STN_CODEC_OPUS, head, sizeof(head));
    }
}


static void
refuses_broken_opus_heads(void **state)
{
    size_t   i;
    uint8_t  head[64];

    static const struct {
        size_t       at;
        uint8_t      value, family;
        int          rc;
        const char  *reason;
    } bad[] = {
        { 0, 'o', 0, STN_ERROR, "Opus config is no OpusHead" },
        { 7, 's', 0, STN_ERROR, "Opus config is no OpusHead" },
        { OPUS_VERSION, 0x10, 0, STN_UNSUPPORTED,
          "unknown version of OpusHead" },
        { OPUS_CHANNELS, 0, 0, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_CHANNELS, 3, 0, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_FAMILY, 2, 2, STN_UNSUPPORTED,
          "unknown channel mapping of Opus" },
        { OPUS_FAMILY, 255, 255, STN_UNSUPPORTED,
          "unknown channel mapping of Opus" },
        { OPUS_CHANNELS, 0, 1, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_CHANNELS, 9, 1, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_TABLE, 0, 1, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_TABLE + 1, 2, 1, STN_ERROR, "broken channel mapping of Opus" },
        { OPUS_TABLE + 2, 2, 1, STN_ERROR, "broken channel mapping of Opus" }
    };

    (void) state;

    for (i = 1; i < OPUS_LEN; i++) {
        expect_refused(STN_CODEC_OPUS, opus_head, i, STN_ERROR,
                       "Opus config is no OpusHead");
    }

    for (i = 0; i < stn_nelems(bad); i++) {
        memset(head, 0, sizeof(head));
        memcpy(head, opus_head, OPUS_LEN);
        memcpy(head + OPUS_TABLE, "\1\1\0\1", 4);
        head[OPUS_FAMILY] = bad[i].family;
        head[bad[i].at] = bad[i].value;
        expect_refused(STN_CODEC_OPUS, head, sizeof(head), bad[i].rc,
                       bad[i].reason);
    }

    /* nothing but silence; more streams than can be told apart from it */

    memset(head, 0, sizeof(head));
    memcpy(head, opus_head, OPUS_LEN);
    head[OPUS_FAMILY] = 1;
    memcpy(head + OPUS_TABLE, "\0\0\xff\xff", 4);
    expect_refused(STN_CODEC_OPUS, head, sizeof(head), STN_ERROR,
                   "broken channel mapping of Opus");
    memcpy(head + OPUS_TABLE, "\x80\x80\0\1", 4);
    expect_refused(STN_CODEC_OPUS, head, sizeof(head), STN_ERROR,
                   "broken channel mapping of Opus");
}


static void
reads_streaminfo(void **state)
{
    uint8_t       info[FLAC_LEN];
    stn_format_t  f, end;

    (void) state;

    expect_format(&f, STN_CODEC_FLAC, flac_info, FLAC_LEN);
    assert_string_equal(f.codecs, "fLaC");
    assert_int_equal(f.rate, 48000);
    assert_int_equal(f.channels, 2);
    assert_int_equal(f.frame, 4608);
    assert_int_equal(f.config_len, FLAC_LEN);
    assert_memory_equal(f.config, flac_info, FLAC_LEN);

    /* what an encoder knows at its end changes nothing */

    memcpy(info, flac_info, FLAC_LEN);
    memset(info + 4, 0x5a, 6);
    info[13] |= 0x0f;
    memset(info + 14, 0xa5, FLAC_LEN - 14);
    expect_format(&end, STN_CODEC_FLAC, info, FLAC_LEN);
    assert_int_equal(stn_format_same(&f, &end), 1);
    assert_int_equal(stn_format_hash(&f), stn_format_hash(&end));

    /* but bits a sample and block sizes do; these vary */

    info[13] ^= 0x10;
    expect_format(&end, STN_CODEC_FLAC, info, FLAC_LEN);
    assert_int_equal(stn_format_same(&f, &end), 0);
    memcpy(info, "\0\x10\x12\0", 4);
    expect_format(&end, STN_CODEC_FLAC, info, FLAC_LEN);
    assert_int_equal(end.frame, 0);

    /* the largest there is: 1048575 Hz, 8 channels of 32 bits */

    memcpy(info, "\xff\xff\xff\xff", 4);
    memcpy(info + 10, "\xff\xff\xff\xff", 4);
    expect_format(&f, STN_CODEC_FLAC, info, FLAC_LEN);
    assert_int_equal(f.rate, 1048575);
    assert_int_equal(f.channels, 8);
    assert_int_equal(f.frame, 65535);
}


static void
refuses_broken_streaminfo(void **state)
{
    size_t   i;
    uint8_t  info[FLAC_LEN + 1];

    static const struct {
        size_t       at, len;
        const char  *bytes;
    } bad[] = {
        { 0, 4, "\0\x0f\x12\0" },                  /* blocks too small */
        { 0, 4, "\x12\0\x11\xff" },                /* most below least */
        { 0, 4, "fLaC" },
        { 10, 3, "\0\0\2" },                       /* no rate */
        { 12, 2, "\2\x20" },                       /* 3 bits a sample */
        { 0, 4, "\0\0\0\0" }
    };

    (void) state;

    memset(info, 0, sizeof(info));
    memcpy(info, flac_info, FLAC_LEN);

    for (i = 0; i <= FLAC_LEN + 1; i++) {
        if (i != FLAC_LEN) {
            expect_refused(STN_CODEC_FLAC, info, i, STN_ERROR,
                           "FLAC config is no STREAMINFO");
        }
    }

    for (i = 0; i < stn_nelems(bad); i++) {
        memcpy(info, flac_info, FLAC_LEN);
        memcpy(info + bad[i].at, bad[i].bytes, bad[i].len);
        expect_refused(STN_CODEC_FLAC, info, FLAC_LEN, STN_ERROR,
                       "impossible STREAMINFO of FLAC");
    }
}


/* What libavcodec's encoder of that name announces, as a format; and its
 * decoder must open with what the format kept. */

static void
expect_encoder(const char *name, stn_codec_e codec, int channels,
    stn_format_t *f)
{
    AVCodecContext  *e, *d;
    const AVCodec   *c;

    c = avcodec_find_encoder_by_name(name);

    if (c == NULL) {
        skip();
    }

    e = avcodec_alloc_context3(c);
    assert_non_null(e);
    e->bit_rate = 64000;
    e->sample_rate = 48000;
    e->sample_fmt = AV_SAMPLE_FMT_S16;
    e->time_base = (AVRational) { 1, 48000 };
    av_channel_layout_default(&e->ch_layout, channels);
    assert_int_equal(avcodec_open2(e, c, NULL), 0);
    assert_true(e->extradata_size > 0);

    expect_format(f, codec, e->extradata, (size_t) e->extradata_size);
    assert_int_equal(f->rate, 48000);
    assert_int_equal(f->channels, channels);

    d = avcodec_alloc_context3(avcodec_find_decoder(c->id));
    assert_non_null(d);
    d->extradata = av_mallocz(f->config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    assert_non_null(d->extradata);
    memcpy(d->extradata, f->config, f->config_len);
    d->extradata_size = (int) f->config_len;
    assert_int_equal(avcodec_open2(d, NULL, NULL), 0);
    assert_int_equal(d->ch_layout.nb_channels, channels);
    assert_int_equal(d->sample_rate, 48000);

    if (codec == STN_CODEC_FLAC) {
        assert_int_equal(f->frame, e->frame_size);
    }

    avcodec_free_context(&d);
    avcodec_free_context(&e);
}


static void
reads_what_libavcodec_announces(void **state)
{
    size_t        i;
    stn_format_t  f;

    static const int  channels[] = { 1, 2, 6, 8 };

    (void) state;

    for (i = 0; i < stn_nelems(channels); i++) {
        expect_encoder("flac", STN_CODEC_FLAC, channels[i], &f);
        expect_encoder("libopus", STN_CODEC_OPUS, channels[i], &f);
    }
}


/* Whatever the bytes, a format that is given out can be worked by. */

static void
gives_out_nothing_absurd(void **state)
{
    size_t        len, i;
    uint8_t       config[80];
    uint32_t      x = 4242;
    unsigned      round, opus = 0, flac = 0;
    const char   *reason;
    stn_format_t  f;

    (void) state;

    for (round = 0; round < 200000; round++) {
        len = wire_random(&x) % sizeof(config);

        for (i = 0; i < len; i++) {
            config[i] = (uint8_t) (wire_random(&x) >> 9);
        }

        if (round % 2) {
            memcpy(config, opus_head, OPUS_CHANNELS + 1);
            config[OPUS_CHANNELS] = (uint8_t) (wire_random(&x) % 10);
            config[OPUS_FAMILY] = (uint8_t) (wire_random(&x) % 3);
            config[OPUS_TABLE] = (uint8_t) (wire_random(&x) % 6);

            if (stn_wire_format(&f, STN_CODEC_OPUS, config, len, &reason)
                == STN_OK)
            {
                opus++;
                assert_in_range(f.channels, 1, 8);
                assert_in_range(f.config_len, OPUS_LEN, OPUS_TABLE + 10);
            }

            continue;
        }

        if (stn_wire_format(&f, STN_CODEC_FLAC, config, FLAC_LEN, &reason)
            == STN_OK)
        {
            flac++;
            assert_in_range(f.channels, 1, 8);
            assert_in_range(f.rate, 1, 1048575);
            assert_true(f.frame == 0 || f.frame >= 16);
        }
    }

    assert_true(opus > 100 && flac > 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_aac_as_before),
        cmocka_unit_test(needs_no_config_of_those_that_have_none),
        cmocka_unit_test(reads_opus_heads),
        cmocka_unit_test(reads_opus_channel_mappings),
        cmocka_unit_test(refuses_broken_opus_heads),
        cmocka_unit_test(reads_streaminfo),
        cmocka_unit_test(refuses_broken_streaminfo),
        cmocka_unit_test(reads_what_libavcodec_announces),
        cmocka_unit_test(gives_out_nothing_absurd)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
