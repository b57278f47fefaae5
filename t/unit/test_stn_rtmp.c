/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP sessions: recorded ones from OBS, ffmpeg and GStreamer cut anyhow, and
 * made ones for what else encoders do, must not do, and garbage.
 */

#include "rtmp_util.h"


static void
plays_recordings_cut_anyhow(void **state)
{
    static const struct {
        const char  *name, *events, *answers;
        unsigned     audio, video;
        int64_t      last_ms;
    } r[] = {
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
        { "ffmpeg-rtmp-client.bin",
          "connect live? FMLE/3.0 (compatible; Lavf59.27.100);"
          "publish studio1?token=abc&x=1 live;"
          "meta Lavf59.27.100 125000 10 48000;config 5;unpublish;close;",
          "5:2500000;6:2500000;_result 1 NetConnection.Connect.Success;"
          "_result 2 ;_result 3 ;onFCPublish 0 NetStream.Publish.Start;"
          "_result 4 ;event0:1;onStatus 0 NetStream.Publish.Start;"
          "_result 6 ;onFCUnpublish 0 NetStream.Unpublish.Success;",
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
          100, 0, 2112 }
    };

    size_t     i, len;
    test_t    *t;
    uint8_t   *bin;
    unsigned   cut;
    uint64_t   hash = 0;

    (void) state;

    for (i = 0; i < stn_nelems(r); i++) {
        bin = wire_load(r[i].name, &len);

        for (cut = 0; cut < WIRE_CUTS; cut++) {
            t = test_open();

            assert_int_equal(feed(t, bin, HELLO_LEN, cut), STN_AGAIN);
            assert_int_equal(t->s.out.len, ANSWER_LEN);
            stn_buf_drain(&t->s.out, ANSWER_LEN);
            assert_int_equal(feed(t, bin + HELLO_LEN, len - HELLO_LEN, cut),
                             STN_AGAIN);

            assert_string_equal(t->events, r[i].events);
            assert_string_equal(t->answers, r[i].answers);
            assert_int_equal(t->audio, r[i].audio);
            assert_int_equal(t->s.chunks.video_messages, r[i].video);
            assert_int_equal(t->last_ts, r[i].last_ms * 90);
            assert_int_equal(t->s.bytes_in, len);
            assert_int_equal(t->s.unknown_commands, 0);
            assert_int_equal(t->s.stray_audio, 0);
            assert_int_equal(t->s.state, STN_RTMP_ST_CLOSED);

            hash = cut ? hash : t->hash;
            assert_true(t->hash == hash);
            test_close(t);
        }

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
        stn_buf_u8(&b, tags[i].type);
        stn_buf_be24(&b, (uint32_t) tags[i].len);
        stn_buf_be24(&b, tags[i].time & 0xffffff);
        stn_buf_u8(&b, (uint8_t) (tags[i].time >> 24));
        stn_buf_be24(&b, 1);
        stn_buf_put(&b, tags[i].body, tags[i].len);
        stn_buf_be32(&b, (uint32_t) tags[i].len + 11);
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
        cmocka_unit_test(takes_everything_at_once),
        cmocka_unit_test(hands_out_audio_only_when_it_can_be_used),
        cmocka_unit_test(splits_aggregates),
        cmocka_unit_test(answers_pings),
        cmocka_unit_test(acknowledges_by_window),
        cmocka_unit_test(cuts_off_who_asks_and_does_not_read),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(damaged_recordings_are_cut_anyhow)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
