/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP sessions: recorded ones from OBS, ffmpeg and GStreamer, of all codecs,
 * cut anyhow; and made ones for what else encoders do, must not do, and
 * garbage.
 */

#include "rtmp_util.h"

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>


/* What ffmpeg sends but for its audio, and what it is answered. */

#define FFMPEG(version)                                                       \
    "connect live? FMLE/3.0 (compatible; " version ");"                       \
    "publish studio1?token=abc&x=1 live;meta " version

#define FFMPEG_ANSWERS                                                        \
    "5:2500000;6:2500000;_result 1 NetConnection.Connect.Success;"            \
    "_result 2 ;_result 3 ;onFCPublish 0 NetStream.Publish.Start;"            \
    "_result 4 ;event0:1;onStatus 0 NetStream.Publish.Start;"                 \
    "_result 6 ;onFCUnpublish 0 NetStream.Unpublish.Success;"


/* A recorded session, and what it says and is answered. */

typedef struct {
    const char  *name, *events, *answers;
    unsigned     audio, video;
    int64_t      last_ms;
} recording_t;


static const recording_t  recordings[] = {
    { "obs-rtmp-client.bin",
      "connect live? FMLE/3.0 (compatible; FMSc/1.0);"
      "publish studio1?token=abc&x=1 live;"
      "meta obs-output module (libobs version 29.0.2.1-1+b1) "
      "128000 10 48000;config 5;unpublish;close;",
      "5:2500000;6:2500000;_result 1 NetConnection.Connect.Success;"
      "_result 2 ;_result 3 ;onFCPublish 0 NetStream.Publish.Start;"
      "_result 4 ;event0:1;onStatus 0 NetStream.Publish.Start;"
      "_result 6 ;onFCUnpublish 0 NetStream.Unpublish.Success;",
      474, 103, 10090 },
    { "ffmpeg-rtmp-client.bin", FFMPEG("Lavf59.27.100")
      " 125000 10 48000;config 5;unpublish;close;", FFMPEG_ANSWERS,
      470, 0, 10005 },
    { "gst-rtmp-client.bin",
      "connect live? LNX 10,0,32,18;publish gst1?token=t1 live;"
      "meta GStreamer 1.22.0 FLV muxer 0 10 0;config 2;"
      "meta GStreamer 1.22.0 FLV muxer 124000 10 0;"
      "meta GStreamer 1.22.0 FLV muxer 125000 10 0;unpublish;close;",
      "5:2500000;6:2500000;_result 1 NetConnection.Connect.Success;"
      "onFCPublish 0 NetStream.Publish.Start;_result 2 ;event0:1;"
      "onStatus 0 NetStream.Publish.Start;"
      "onFCUnpublish 0 NetStream.Unpublish.Success;",
      100, 0, 2112 },
    { "mp3-rtmp-client.bin", FFMPEG("Lavf59.27.100")
      " 62500 2 44100;config MP3 0;unpublish;close;", FFMPEG_ANSWERS,
      78, 0, 2011 },
    { "opus-rtmp-client.bin", FFMPEG("Lavf62.19.101")
      " 0 1332770163 48000;config Opus 19;unpublish;close;",
      FFMPEG_ANSWERS, 101, 0, 2001 },
    { "flac-rtmp-client.bin", FFMPEG("Lavf62.19.101")
      " 0 1716281667 48000;config FLAC 34;unpublish;close;",
      FFMPEG_ANSWERS, 21, 0, 1920 },
    { "ac3-rtmp-client.bin", FFMPEG("Lavf62.19.101")
      " 93750 1633889587 48000;config AC-3 0;unpublish;close;",
      FFMPEG_ANSWERS, 63, 0, 1984 },
    { "eac3-rtmp-client.bin", FFMPEG("Lavf62.19.101")
      " 62500 1700998451 48000;config E-AC-3 0;unpublish;close;",
      FFMPEG_ANSWERS, 63, 0, 1984 },
    { "tracks-rtmp-client.bin", FFMPEG("Lavf62.19.101")
      " 0 1332770163 48000;config Opus 19;unpublish;close;",
      FFMPEG_ANSWERS, 101, 0, 2001 }
};


/* Returns the hash of its audio. */

static uint64_t
plays_recording(const recording_t *r, const uint8_t *bin, size_t len,
    unsigned cut)
{
    test_t    *t;
    uint64_t   hash;

    t = test_open();

    assert_int_equal(feed(t, bin, HELLO_LEN, cut), STN_AGAIN);
    assert_int_equal(t->s.out.len, ANSWER_LEN);
    stn_buf_drain(&t->s.out, ANSWER_LEN);
    assert_int_equal(feed(t, bin + HELLO_LEN, len - HELLO_LEN, cut),
                     STN_AGAIN);

    assert_string_equal(t->events, r->events);
    assert_string_equal(t->answers, r->answers);
    assert_int_equal(t->audio, r->audio);
    assert_int_equal(t->s.chunks.video_messages, r->video);
    assert_int_equal(t->last_ts, r->last_ms * 90);
    assert_int_equal(t->s.bytes_in, len);
    assert_int_equal(t->s.unknown_commands, 0);
    assert_int_equal(t->s.stray_audio, 0);
    assert_int_equal(t->s.state, STN_RTMP_ST_CLOSED);

    hash = t->hash;
    test_close(t);

    return hash;
}


static void
plays_recordings_cut_anyhow(void **state)
{
    size_t     i, len;
    uint8_t   *bin;
    unsigned   cut;
    uint64_t   hash;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        bin = wire_load(recordings[i].name, &len);
        hash = plays_recording(&recordings[i], bin, len, 0);

        for (cut = 1; cut < WIRE_CUTS; cut++) {
            assert_true(plays_recording(&recordings[i], bin, len, cut)
                        == hash);
        }

        free(bin);
    }
}


/* Opens libavcodec's decoder as a config event would have it. */

static AVCodecContext *
open_decoder(const stn_rtmp_event_t *ev, enum AVCodecID id)
{
    const char      *reason;
    stn_format_t     f;
    AVCodecContext  *d;

    assert_int_equal(stn_wire_format(&f, ev->config.codec, ev->config.data,
                                     ev->config.len, &reason), STN_OK);

    d = avcodec_alloc_context3(avcodec_find_decoder(id));
    assert_non_null(d);
    d->extradata = av_mallocz(f.config_len + AV_INPUT_BUFFER_PADDING_SIZE);
    assert_non_null(d->extradata);
    memcpy(d->extradata, f.config, f.config_len);
    d->extradata_size = (int) f.config_len;
    d->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
    assert_int_equal(avcodec_open2(d, NULL, NULL), 0);

    return d;
}


/* Decodes one unit; returns its samples at rate in stereo. */

static int
decode(AVCodecContext *d, const stn_au_t *au, int rate)
{
    int        n;
    AVFrame   *frame;
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    frame = av_frame_alloc();
    assert_non_null(pkt);
    assert_non_null(frame);
    assert_int_equal(av_new_packet(pkt, (int) au->len), 0);
    memcpy(pkt->data, au->data, au->len);

    assert_int_equal(avcodec_send_packet(d, pkt), 0);
    assert_int_equal(avcodec_receive_frame(d, frame), 0);
    assert_int_equal(frame->sample_rate, rate);
    assert_int_equal(frame->ch_layout.nb_channels, 2);
    n = frame->nb_samples;

    av_frame_free(&frame);
    av_packet_free(&pkt);

    return n;
}


/* The units are what a decoder wants, and under the config it wants. */

static void
hands_out_what_decodes(void **state)
{
    static const struct {
        const char      *name;
        enum AVCodecID   id;
        int              rate, samples;
    } r[] = {
        { "gst-rtmp-client.bin", AV_CODEC_ID_AAC, 48000, 100 * 1024 },
        { "mp3-rtmp-client.bin", AV_CODEC_ID_MP3, 44100, 78 * 1152 },
        { "opus-rtmp-client.bin", AV_CODEC_ID_OPUS, 48000, 101 * 960 - 312 },
        { "flac-rtmp-client.bin", AV_CODEC_ID_FLAC, 48000, 2 * 48000 },
        { "ac3-rtmp-client.bin", AV_CODEC_ID_AC3, 48000, 63 * 1536 },
        { "eac3-rtmp-client.bin", AV_CODEC_ID_EAC3, 48000, 63 * 1536 },
        { "tracks-rtmp-client.bin", AV_CODEC_ID_OPUS, 48000, 101 * 960 - 312 }
    };

    int                samples;
    size_t             i, len;
    test_t            *t;
    uint8_t           *bin;
    AVCodecContext    *d;
    stn_rtmp_event_t   ev;

    (void) state;

    for (i = 0; i < stn_nelems(r); i++) {
        bin = wire_load(r[i].name, &len);
        t = test_open();
        d = NULL;
        samples = 0;

        assert_int_equal(stn_rtmp_feed(&t->s, bin, len), STN_OK);

        while (stn_rtmp_next(&t->s, &ev) == STN_OK) {
            on_event(t, &ev);

            if (ev.type == STN_RTMP_EV_CONFIG) {
                assert_null(d);
                d = open_decoder(&ev, r[i].id);

            } else if (ev.type == STN_RTMP_EV_AUDIO) {
                assert_non_null(d);
                samples += decode(d, &ev.au, r[i].rate);
            }
        }

        assert_int_equal(samples, r[i].samples);
        avcodec_free_context(&d);
        test_close(t);
        free(bin);
    }
}


/* Bytes of C2 and chunks may come in one piece with C1. */

static void
takes_everything_at_once(void **state)
{
    size_t    len;
    test_t   *t;
    uint8_t  *bin;
    int       rc;

    stn_rtmp_event_t  ev;

    (void) state;

    bin = wire_load("obs-rtmp-client.bin", &len);
    t = test_open();

    assert_int_equal(stn_rtmp_feed(&t->s, bin, len), STN_OK);
    assert_int_equal(stn_rtmp_feed(&t->s, bin, len), STN_ERROR);

    while ((rc = stn_rtmp_next(&t->s, &ev)) == STN_OK) {
        on_event(t, &ev);
    }

    assert_int_equal(rc, STN_AGAIN);
    assert_int_equal(t->audio, 474);

    stn_buf_drain(&t->s.out, ANSWER_LEN);
    drain(t);
    assert_non_null(strstr(t->answers, "NetStream.Publish.Start"));

    test_close(t);
    free(bin);
}


static void
hands_out_audio_only_when_it_can_be_used(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    greet(t);
    put_audio(t, 0, "\x2fx", 2);                   /* before connect: MP3 */
    put_connect(t, "live");
    put_command(t, "createStream", 2, NULL, NULL);
    put_audio(t, 0, "\xaf\1x", 3);
    put_command(t, "publish", 3, "name", "live");
    put_audio(t, 0, "\xaf\1x", 3);                 /* before its config */
    put_audio(t, 0, "\xaf\0", 2);                  /* empty ones */
    put_audio(t, 0, "", 0);
    put_audio(t, 0, AUDIO_CONFIG, 4);
    put_audio(t, 1000, "\xaf\1x", 3);
    put_audio(t, 1021, "\xaf\1", 2);
    put_audio(t, 1042, "\x95\1mp4a\1x", 8);        /* track 1 */
    put_audio(t, 1043, "\x95\1mp4a\0x", 8);        /* track 0 */
    assert_int_equal(feed_client(t), STN_AGAIN);

    assert_int_equal(t->audio, 2);
    assert_int_equal(t->last_ts, 1043 * 90);
    assert_int_equal(t->s.stray_audio, 3);
    assert_int_equal(t->s.audio_messages, 10);
    test_close(t);
}


static void
hands_out_the_track_that_its_owner_wants(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    t->s.track = 1;
    t->says_audio = 1;

    put_audio(t, 10, AUDIO_CONFIG, 4);
    put_audio(t, 10, "\xaf\1m0", 4);
    put_audio(t, 20, "\x95\0mp4a\1\x11\x90", 9);
    put_audio(t, 20, "\x95\1mp4a\1m1", 9);
    put_audio(t, 30, "\x95\1mp4a\2m2", 9);
    put_audio(t, 40, "\x95\1mp4a\1m3", 9);
    assert_int_equal(feed_client(t), STN_AGAIN);

    assert_int_equal(t->audio, 2);
    assert_int_equal(t->last_ts, 40 * 90);
    assert_int_equal(t->s.stray_audio, 0);
    test_close(t);
}


/* Feeds what the client has to say in each way of cutting it: the events and
 * the number of stray audio must be as told. */

static void
expect_events(const stn_buf_t *client, const char *events, unsigned stray)
{
    test_t    *t;
    unsigned   cut;

    assert_int_equal(client->failed, STN_OK);

    for (cut = 0; cut < WIRE_CUTS; cut++) {
        t = test_publishing();
        t->says_audio = 1;

        assert_int_equal(feed(t, client->data, client->len, cut), STN_AGAIN);
        assert_string_equal(t->events, events);
        assert_int_equal(t->s.stray_audio, stray);
        test_close(t);
    }
}


static void
makes_up_a_config_where_a_codec_has_none(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    put_audio(t, 10, "\x2f" "m1", 3);
    put_audio(t, 20, "\x2f", 1);
    put_audio(t, 30, "\xe2" "m2", 3);               /* 8 kHz is MP3, too */
    put_audio(t, 40, "\x91.mp3m3", 7);
    put_audio(t, 50, "\x90" "ac-3", 5);
    put_audio(t, 60, "\x91" "ac-3a1", 7);
    put_audio(t, 70, "\x91" "ec-3e1", 7);
    put_audio(t, 80, "\x91" "ec-3e2", 7);
    put_audio(t, 90, "\x91" "ac-3a2", 7);
    put_audio(t, 100, "\x2f" "m4", 3);

    expect_events(&t->client,
                  "config MP3 0;au m1@10;au m2@30;au m3@40;"
                  "config AC-3 0;au a1@60;config E-AC-3 0;au e1@70;au e2@80;"
                  "config AC-3 0;au a2@90;config MP3 0;au m4@100;", 0);
    test_close(t);
}


static void
wants_the_config_of_the_same_codec(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    put_audio(t, 0, "\x91OpusO0", 7);              /* stray: no config */
    put_audio(t, 1, "\x90OpusHEAD", 9);
    put_audio(t, 2, "\x91OpusO1", 7);
    put_audio(t, 3, "\x91" "fLaCF0", 7);           /* stray: config of Opus */
    put_audio(t, 4, "\xaf\1A0", 4);                /* stray, likewise */
    put_audio(t, 5, AUDIO_CONFIG, 4);
    put_audio(t, 6, "\xaf\1A1", 4);
    put_audio(t, 7, "\x91mp4aA2", 7);
    put_audio(t, 8, "\x2fM1", 3);
    put_audio(t, 9, "\xaf\1A3", 4);                /* stray: now MP3's */
    put_audio(t, 10, "\x90Opus", 5);
    put_audio(t, 11, "\x91OpusO2", 7);
    put_audio(t, 12, "\x90" "fLaCINFO", 9);
    put_audio(t, 13, "\x90" "fLaCINFO", 9);        /* repeated */
    put_audio(t, 14, "\x91" "fLaCF1", 7);

    expect_events(&t->client,
                  "config Opus 4;au O1@2;config 2;au A1@6;au A2@7;"
                  "config MP3 0;au M1@8;config Opus 0;au O2@11;"
                  "config FLAC 4;config FLAC 4;au F1@14;", 4);
    test_close(t);
}


/* A tag of an aggregate. */

static void
put_tag(stn_buf_t *b, uint8_t type, uint32_t time, const void *body,
    size_t len)
{
    stn_buf_u8(b, type);
    stn_buf_be24(b, (uint32_t) len);
    stn_buf_be24(b, time & 0xffffff);
    stn_buf_u8(b, (uint8_t) (time >> 24));
    stn_buf_be24(b, 1);
    stn_buf_put(b, body, len);
    stn_buf_be32(b, (uint32_t) len + 11);
}


static void
makes_up_configs_inside_aggregates(void **state)
{
    test_t     *t;
    stn_buf_t   b;

    (void) state;

    t = test_publishing();
    stn_buf_init(&b, 4096);
    put_tag(&b, STN_RTMP_AUDIO, 7, "\x2fm1", 3);
    put_tag(&b, STN_RTMP_AUDIO, 33, "\x2fm2", 3);
    put_tag(&b, STN_RTMP_AUDIO, 40, "\x91" "ac-3a1", 7);
    wire_message(&t->client, W(4, 1000, STN_RTMP_AGGREGATE), b.data, b.len);
    put_audio(t, 1100, "\x2fm3", 3);

    expect_events(&t->client,
                  "config MP3 0;au m1@1000;au m2@1026;config AC-3 0;"
                  "au a1@1033;config MP3 0;au m3@1100;", 0);
    stn_buf_free(&b);
    test_close(t);
}


static void
drops_the_frame_behind_a_refused_codec(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    t->policy = REJECT_CODEC;
    put_audio(t, 0, AUDIO_CONFIG, 4);
    put_audio(t, 0, "\xaf\1x", 3);
    put_audio(t, 0, "\x2fm1", 3);
    put_audio(t, 0, "\x2fm2", 3);
    put_audio(t, 0, "\xaf\1x", 3);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "config 2;config MP3 0;");
    assert_string_equal(t->answers, "onStatus 0 NetStream.Publish.Denied;");
    assert_int_equal(t->audio, 1);
    assert_int_equal(t->s.stray_audio, 3);
    test_close(t);
}


/* What is still to be handed out lies in the bytes that were fed. */

static void
takes_no_bytes_before_all_is_handed_out(void **state)
{
    test_t            *t;
    stn_buf_t          b;
    stn_rtmp_event_t   ev;

    (void) state;

    stn_buf_init(&b, 4096);
    put_tag(&b, STN_RTMP_AUDIO, 0, "\x2fm2", 3);
    put_tag(&b, STN_RTMP_AUDIO, 0, "\x2fm3", 3);

    t = test_publishing();
    put_audio(t, 0, "\x2fm1", 3);
    assert_int_equal(stn_rtmp_feed(&t->s, t->client.data, t->client.len),
                     STN_OK);

    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_int_equal(ev.type, STN_RTMP_EV_CONFIG);
    assert_int_equal(stn_rtmp_feed(&t->s, (const uint8_t *) "x", 1),
                     STN_ERROR);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_int_equal(ev.type, STN_RTMP_EV_AUDIO);
    assert_memory_equal(ev.au.data, "m1", 2);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_AGAIN);

    stn_buf_reset(&t->client);
    wire_message(&t->client, W(4, 0, STN_RTMP_AGGREGATE), b.data, b.len);
    assert_int_equal(stn_rtmp_feed(&t->s, t->client.data, t->client.len),
                     STN_OK);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_memory_equal(ev.au.data, "m2", 2);
    assert_int_equal(stn_rtmp_feed(&t->s, (const uint8_t *) "x", 1),
                     STN_ERROR);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_memory_equal(ev.au.data, "m3", 2);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_AGAIN);
    assert_int_equal(stn_rtmp_feed(&t->s, (const uint8_t *) "\2", 1), STN_OK);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_AGAIN);

    stn_buf_free(&b);
    test_close(t);
}


static void
splits_aggregates(void **state)
{
    test_t        *t;
    stn_buf_t      b;
    unsigned       i;

    static const struct {
        uint8_t      type;
        uint32_t     time;
        const char  *body;
        size_t       len;
    } tags[] = {
        { STN_RTMP_AUDIO, 0xff000010, AUDIO_CONFIG, 4 },
        { STN_RTMP_VIDEO, 0xff000010, "video", 5 },
        { STN_RTMP_AUDIO, 0xff000025, "\xaf\1x", 3 },
        { STN_RTMP_DATA_AMF0, 0xff000025, "\2\0\xaonMetaData\5", 14 },
        { 99, 0xff000025, "what", 4 },
        { STN_RTMP_AUDIO, 0xff00003a, "\xaf\1y", 3 }
    };

    (void) state;

    t = test_publishing();
    stn_buf_init(&b, 4096);

    for (i = 0; i < stn_nelems(tags); i++) {
        put_tag(&b, tags[i].type, tags[i].time, tags[i].body, tags[i].len);
    }

    wire_message(&t->client, W(4, 5000, STN_RTMP_AGGREGATE), b.data, b.len);
    wire_message(&t->client, W(4, 6000, STN_RTMP_AGGREGATE), b.data, b.len - 4);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "config 2;meta  0 0 0;"
                                   "config 2;meta  0 0 0;");
    assert_int_equal(t->audio, 4);
    assert_int_equal(t->last_ts, (6000 + 0x2a) * 90);
    assert_int_equal(t->s.chunks.video_messages, 2);

    wire_message(&t->client, W(4, 0, STN_RTMP_AGGREGATE), b.data, b.len - 5);
    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, "aggregate message cut short");

    stn_buf_free(&b);
    test_close(t);
}


/* RTMP's 32 bits of milliseconds are used up after 49.7 days. */

static void
unwraps_the_time_of_audio(void **state)
{
    test_t     *t;
    int64_t     ms;
    unsigned    i;
    stn_buf_t   b;

    (void) state;

    t = test_publishing();
    put_audio(t, 0xffffffc8, AUDIO_CONFIG, 4);
    put_audio(t, 0xffffffdd, "\xaf\1a", 3);
    put_audio(t, 0xfffffff2, "\xaf\1b", 3);
    put_audio(t, 7, "\xaf\1c", 3);
    put_audio(t, 0xfffffff2, "\xaf\1d", 3);        /* late */
    put_audio(t, 28, "\xaf\1e", 3);

    /* an aggregate that lies across */

    put_audio(t, 0x70000000, "\xaf\1f", 3);
    put_audio(t, 0xe0000000, "\xaf\1g", 3);
    stn_buf_init(&b, 4096);
    put_tag(&b, STN_RTMP_AUDIO, 0xfffffff0, "\xaf\1h", 3);
    put_tag(&b, STN_RTMP_AUDIO, 0x10, "\xaf\1i", 3);
    put_tag(&b, STN_RTMP_AUDIO, 0xffffffe0, "\xaf\1j", 3);
    wire_message(&t->client, W(4, 0xfffffff0, STN_RTMP_AGGREGATE), b.data,
                 b.len);

    expect_events(&t->client,
                  "config 2;au a@4294967261;au b@4294967282;au c@4294967303;"
                  "au d@4294967282;au e@4294967324;au f@6174015488;"
                  "au g@8053063680;au h@8589934576;au i@8589934608;"
                  "au j@8589934560;", 0);
    stn_buf_free(&b);
    test_close(t);

    /* and on for five years */

    t = test_publishing();
    put_audio(t, 0, AUDIO_CONFIG, 4);

    for (ms = 0, i = 0; i < 80; i++) {
        ms += i % 2 ? 20 * 86400000LL : INT32_MAX;
        put_audio(t, (uint32_t) ms, "\xaf\1x", 3);
        assert_int_equal(feed_client(t), STN_AGAIN);
        assert_true(t->last_ts == ms * 90);
    }

    assert_int_equal(ms >> 32, 36);
    test_close(t);
}


/* A broadcaster who starts again at 0 in one session: the step is seen, back
 * or, from the upper half of the 32 bits, ahead to the next wrap. */

static void
shows_the_steps_of_restarted_time(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    put_audio(t, 5, AUDIO_CONFIG, 4);
    put_audio(t, 86400000, "\xaf\1a", 3);
    put_audio(t, 0, "\xaf\1b", 3);
    put_audio(t, 21, "\xaf\1c", 3);
    put_audio(t, 0xffffff00, "\xaf\1d", 3);        /* before it all began */
    put_audio(t, 42, "\xaf\1e", 3);
    put_audio(t, 0x7fffffff, "\xaf\1f", 3);
    put_audio(t, 0x80000010, "\xaf\1g", 3);
    put_audio(t, 0, "\xaf\1h", 3);

    expect_events(&t->client,
                  "config 2;au a@86400000;au b@0;au c@21;au d@-256;au e@42;"
                  "au f@2147483647;au g@2147483664;au h@4294967296;", 0);
    test_close(t);
}


static void
answers_pings(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    wire_message(&t->client, W(2, 0, STN_RTMP_USER_CONTROL),
                 "\0\6\0\0\x12\x34", 6);
    wire_message(&t->client, W(2, 0, STN_RTMP_USER_CONTROL),
                 "\0\3\0\0\0\1\0\0\x0b\xb8", 10);
    wire_message(&t->client, W(2, 0, STN_RTMP_USER_CONTROL), "\0\6\0", 3);
    wire_message(&t->client, W(2, 0, STN_RTMP_ACK), "\0\6\0\0", 4);
    wire_message(&t->client, W(2, 0, STN_RTMP_SET_PEER_BANDWIDTH),
                 "\0\6\0\0\2", 5);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->answers, "event7:4660;");
    test_close(t);
}


static void
acknowledges_by_window(void **state)
{
    char      want[64];
    test_t   *t;
    uint8_t  *video;
    unsigned  i;

    (void) state;

    video = calloc(1, 60000);
    assert_non_null(video);

    /* by our own window while the client has not said any */

    t = test_publishing();

    for (i = 0; t->s.bytes_in < STN_RTMP_ACK_WINDOW; i++) {
        assert_string_equal(t->answers, "");
        wire_message(&t->client, W(4, 0, STN_RTMP_VIDEO), video, 60000);
        assert_int_equal(feed_client(t), STN_AGAIN);
    }

    snprintf(want, sizeof(want), "3:%u;", (unsigned) t->s.bytes_in);
    assert_string_equal(t->answers, want);
    test_close(t);

    /* by the client's, but not at every byte; one of 0 is none */

    t = test_publishing();
    wire_message(&t->client, W(2, 0, STN_RTMP_WINDOW_ACK_SIZE), "\0\0\0\1", 4);
    wire_message(&t->client, W(2, 0, STN_RTMP_WINDOW_ACK_SIZE), "\0\0\0\0", 4);
    wire_message(&t->client, W(2, 0, STN_RTMP_WINDOW_ACK_SIZE), "\1", 1);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_int_equal(t->s.ack_window, STN_RTMP_ACK_WINDOW_MIN);

    t->answers[0] = 0;
    wire_message(&t->client, W(4, 0, STN_RTMP_VIDEO), video, 60000);
    assert_int_equal(feed_client(t), STN_AGAIN);
    snprintf(want, sizeof(want), "3:%u;", (unsigned) t->s.bytes_in);
    assert_string_equal(t->answers, want);
    test_close(t);
    free(video);
}


static void
cuts_off_who_asks_and_does_not_read(void **state)
{
    test_t    *t;
    unsigned   i;

    (void) state;

    t = test_publishing();

    for (i = 0; i < 5000; i++) {
        wire_message(&t->client, W(2, 0, STN_RTMP_USER_CONTROL),
                 "\0\6\0\0\0\0", 6);
    }

    assert_int_equal(feed_client(t), STN_LIMIT);
    assert_string_equal(t->s.reason, "answers pile up unread");
    assert_in_range(t->s.out.len, 1, STN_RTMP_OUT_MAX);
    test_close(t);
}


static void
survives_garbage(void **state)
{
    test_t    *t;
    uint8_t   *p;
    unsigned   i, round;
    uint32_t   x = 2463534242;

    (void) state;

    p = malloc(20000);
    assert_non_null(p);

    for (round = 0; round < 300; round++) {
        for (i = 0; i < 20000; i++) {
            p[i] = (uint8_t) wire_random(&x);
        }

        t = round % 2 ? test_open() : test_publishing();

        if (round % 2) {
            greet(t);
        }

        (void) feed(t, p, 20000, round % WIRE_CUTS);
        assert_in_range(t->s.chunks.memory, 0, STN_RTMP_REASSEMBLY_MAX);
        test_close(t);
    }

    free(p);
}


/* A recording with some bytes changed: whatever comes of it, it is the same
 * however it is cut. */

static void
damaged_recordings_are_cut_anyhow(void **state)
{
    int        rc, first_rc = 0;
    size_t     len;
    test_t    *t;
    uint8_t   *bin;
    unsigned   cut, i, round;
    uint32_t   x = 99;
    uint64_t   hash, first = 0;

    (void) state;

    for (round = 0; round < 40; round++) {
        bin = wire_load("gst-rtmp-client.bin", &len);

        for (i = 0; i < 3; i++) {
            bin[3073 + wire_random(&x) % (round % 2 ? 900 : len - 3073)]
                = (uint8_t) wire_random(&x);
        }

        for (cut = 0; cut < WIRE_CUTS; cut++) {
            t = test_open();
            assert_int_equal(feed(t, bin, HELLO_LEN, cut), STN_AGAIN);
            stn_buf_drain(&t->s.out, ANSWER_LEN);
            rc = feed(t, bin + HELLO_LEN, len - HELLO_LEN, cut);
            hash = wire_hash(t->hash, t->events, strlen(t->events));

            first = cut ? first : hash;
            first_rc = cut ? first_rc : rc;
            assert_int_equal(rc, first_rc);
            assert_true(hash == first);
            test_close(t);
        }

        free(bin);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(plays_recordings_cut_anyhow),
        cmocka_unit_test(hands_out_what_decodes),
        cmocka_unit_test(takes_everything_at_once),
        cmocka_unit_test(hands_out_audio_only_when_it_can_be_used),
        cmocka_unit_test(hands_out_the_track_that_its_owner_wants),
        cmocka_unit_test(makes_up_a_config_where_a_codec_has_none),
        cmocka_unit_test(wants_the_config_of_the_same_codec),
        cmocka_unit_test(makes_up_configs_inside_aggregates),
        cmocka_unit_test(drops_the_frame_behind_a_refused_codec),
        cmocka_unit_test(takes_no_bytes_before_all_is_handed_out),
        cmocka_unit_test(splits_aggregates),
        cmocka_unit_test(unwraps_the_time_of_audio),
        cmocka_unit_test(shows_the_steps_of_restarted_time),
        cmocka_unit_test(answers_pings),
        cmocka_unit_test(acknowledges_by_window),
        cmocka_unit_test(cuts_off_who_asks_and_does_not_read),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(damaged_recordings_are_cut_anyhow)
    };

    av_log_set_level(AV_LOG_ERROR);
    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
