/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP commands: who may say what when, how names and queries are split, and
 * every answer, refusals above all.
 */

#include "rtmp_util.h"


static void
splits_app_and_name_from_their_queries(void **state)
{
    static const struct {
        const char  *app, *events;
    } c[] = {
        { "live", "connect live? test;" },
        { "live/", "connect live? test;" },
        { "/live//", "connect live? test;" },
        { "live/inst", "connect live/inst? test;" },
        { "live?token=t1", "connect live?token=t1 test;" },
        { "live/?a=b?c/", "connect live?a=b?c/ test;" },
        { "", "connect ? test;" },
        { "/", "connect ? test;" },
        { "?q", "connect ?q test;" }
    };

    size_t   i;
    test_t  *t;

    (void) state;

    for (i = 0; i < stn_nelems(c); i++) {
        t = test_open();
        greet(t);
        put_connect(t, c[i].app);
        assert_int_equal(feed_client(t), STN_AGAIN);
        assert_string_equal(t->events, c[i].events);
        test_close(t);
    }

    t = test_open();
    greet(t);
    put_connect(t, "a");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "publish", 0, "n?k=v?w", NULL);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "connect a? test;publish n?k=v?w live;");
    test_close(t);

    t = test_open();
    greet(t);
    put_connect(t, "a");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "publish", 0, NULL, NULL);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "connect a? test;publish ? live;");
    test_close(t);
}


static void
rejects_a_connect(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    t->policy = REJECT_CONNECT;
    greet(t);
    put_connect(t, "nowhere");
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->answers,
                        "_error 1 NetConnection.Connect.Rejected;");
    assert_int_equal(t->s.state, STN_RTMP_ST_CLOSED);
    assert_int_equal(stn_rtmp_accept_connect(&t->s), STN_ERROR);
    assert_int_equal(stn_rtmp_reject_connect(&t->s, "again"), STN_ERROR);
    test_close(t);
}


static void
rejects_a_publish_and_drops_what_follows(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    t->policy = REJECT_PUBLISH;
    greet(t);
    put_connect(t, "live");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "publish", 3, "taken", "live");
    put_audio(t, 0, AUDIO_CONFIG, 4);
    put_audio(t, 0, "\xaf\1x", 3);
    put_command(t, "FCUnpublish", 4, "taken", NULL);
    put_command(t, "deleteStream", 5, NULL, NULL);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "connect live? test;publish taken? live;");
    assert_non_null(strstr(t->answers, "onStatus 0 NetStream.Publish.BadName;"
                           "_result 4 ;"));
    assert_int_equal(t->audio, 0);
    assert_int_equal(t->s.stray_audio, 2);
    assert_int_equal(stn_rtmp_accept_publish(&t->s), STN_ERROR);

    put_command(t, "publish", 6, "another", "live");
    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, "second publish");
    test_close(t);
}


static void
long_descriptions_are_cut_and_chunked(void **state)
{
    char     long_one[STN_RTMP_DESCRIPTION_MAX * 2];
    test_t  *t;

    stn_rtmp_event_t  ev;

    (void) state;

    memset(long_one, 'd', sizeof(long_one));
    long_one[sizeof(long_one) - 1] = 0;

    t = test_open();
    greet(t);
    put_connect(t, "live");
    assert_int_equal(stn_rtmp_feed(&t->s, t->client.data, t->client.len),
                     STN_OK);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_int_equal(stn_rtmp_reject_connect(&t->s, long_one), STN_OK);
    assert_in_range(t->s.out.len, STN_RTMP_DESCRIPTION_MAX,
                    STN_RTMP_DESCRIPTION_MAX + 200);
    drain(t);
    assert_string_equal(t->answers,
                        "_error 1 NetConnection.Connect.Rejected;");
    test_close(t);
}


/* The first object of an answer as text, keys and values. */

static void
say_object(const stn_rtmp_msg_t *m, char *out, size_t size)
{
    double           txn;
    stn_amf_t        a;
    stn_str_t        name;
    stn_amf_value_t  v;

    stn_amf_init(&a, m->data, m->len);
    assert_int_equal(stn_amf_string(&a, &name), STN_OK);
    assert_int_equal(stn_amf_number(&a, &txn), STN_OK);
    out[0] = '\0';

    do {
        assert_int_equal(stn_amf_next(&a, &v), STN_OK);
        say(out, size, "%.*s%s", S(v.key), v.key.len ? "=" : "");

        switch (v.type) {
        case STN_AMF_NUMBER:
            say(out, size, "%g ", v.number);
            break;

        case STN_AMF_STRING:
            say(out, size, "%.*s ", S(v.str));
            break;

        case STN_AMF_OBJECT:
            say(out, size, "{ ");
            break;

        case STN_AMF_STRICT_ARRAY:
            say(out, size, "[ ");
            break;

        default:
            assert_int_equal(v.type, STN_AMF_END);
            say(out, size, ") ");
        }

    } while (a.depth);
}


/* Accepts a connect that has extra in its object, when told to as one that
 * takes codecs; the properties of the answer must be as told. */

static void
expect_properties(const char *extra, size_t len, unsigned codecs,
    const char *want)
{
    char               said[1024];
    test_t            *t;
    stn_buf_t          b;
    stn_cur_t          in;
    stn_rtmp_msg_t     m;
    stn_rtmp_event_t   ev;

    t = test_open();
    greet(t);
    stn_buf_init(&b, 4096);
    stn_amf_put_string(&b, "connect");
    stn_amf_put_number(&b, 1);
    stn_amf_put_object(&b);
    stn_buf_put(&b, extra, len);
    stn_amf_put_key(&b, "app");
    stn_amf_put_string(&b, "live");
    stn_amf_put_end(&b);
    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), b.data, b.len);
    stn_buf_free(&b);

    assert_int_equal(stn_rtmp_feed(&t->s, t->client.data, t->client.len),
                     STN_OK);
    assert_int_equal(stn_rtmp_next(&t->s, &ev), STN_OK);
    assert_int_equal(ev.type, STN_RTMP_EV_CONNECT);
    assert_true(stn_str_is(&ev.connect.app, "live"));

    if (codecs) {
        t->s.codecs = codecs;
    }

    assert_int_equal(stn_rtmp_accept_connect(&t->s), STN_OK);
    stn_cur_init(&in, t->s.out.data, t->s.out.len);

    do {
        assert_int_equal(stn_rtmp_chunk_next(&t->reader, &in, &m), STN_OK);
    } while (m.type != STN_RTMP_COMMAND_AMF0);

    say_object(&m, said, sizeof(said));
    assert_string_equal(said, want);
    test_close(t);
}


static void
tells_clients_of_enhanced_rtmp_its_codecs(void **state)
{
    size_t  i;

    static const char  plain[] = "{ fmsVer=FMS/3,0,1,123 capabilities=31 ) ";
    static const char  aac[] =
        "{ fmsVer=FMS/3,0,1,123 capabilities=31 capsEx=0 "
        "audioFourCcInfoMap={ mp4a=5 ) fourCcList=[ mp4a ) ) ";
    static const char  all[] =
        "{ fmsVer=FMS/3,0,1,123 capabilities=31 capsEx=0 "
        "audioFourCcInfoMap={ mp4a=5 Opus=1 .mp3=1 ac-3=1 ec-3=1 fLaC=1 ) "
        "fourCcList=[ mp4a Opus .mp3 ac-3 ec-3 fLaC ) ) ";

    /* capsEx 3; fourCcList of one string, of none; the map with one entry, and
     * as an ECMA array of none */

    static const struct {
        const char  *extra;
        size_t       len;
    } asks[] = {
        { "\0\6capsEx\0\x40\x08\0\0\0\0\0\0", 17 },
        { "\0\xa" "fourCcList\xa\0\0\0\1\2\0\1*", 21 },
        { "\0\xa" "fourCcList\xa\0\0\0\0", 17 },
        { "\0\x12" "audioFourCcInfoMap\3\0\1*\0\x3f\xf0\0\0\0\0\0\0"
          "\0\0\x9", 36 },
        { "\0\x12" "audioFourCcInfoMap\x8\0\0\0\0\0\0\x9", 28 }
    };

    (void) state;

    expect_properties("", 0, 0, plain);
    expect_properties("", 0, 0x3f, plain);
    expect_properties("\0\4" "caps\0\x40\x08\0\0\0\0\0\0", 15, 0, plain);

    /* a null and a string of that name ask nothing */

    expect_properties("\0\6capsEx\5", 9, 0, plain);
    expect_properties("\0\xa" "fourCcList\2\0\1x", 16, 0, plain);

    for (i = 0; i < stn_nelems(asks); i++) {
        expect_properties(asks[i].extra, asks[i].len, 0, aac);
        expect_properties(asks[i].extra, asks[i].len, 0x3f, all);
    }
}


static void
expect_order_error(test_t *t, const char *reason)
{
    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, reason);
    test_close(t);
}


static void
insists_on_order(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    greet(t);
    put_command(t, "createStream", 2, NULL, NULL);
    expect_order_error(t, "command before connect");

    t = test_open();
    greet(t);
    put_command(t, "publish", 2, "x", "live");
    expect_order_error(t, "command before connect");

    t = test_open();
    greet(t);
    put_connect(t, "live");
    put_connect(t, "live");
    expect_order_error(t, "second connect");

    t = test_open();
    greet(t);
    put_connect(t, "live");
    put_command(t, "publish", 2, "x", "live");
    expect_order_error(t, "publish without createStream");

    t = test_publishing();
    put_command(t, "publish", 2, "x", "live");
    expect_order_error(t, "second publish");

    t = test_publishing();
    put_command(t, "closeStream", 2, NULL, NULL);
    put_command(t, "publish", 2, "x", "live");
    expect_order_error(t, "second publish");

    t = test_open();
    t->policy = FORGET;
    greet(t);
    put_connect(t, "live");
    expect_order_error(t, "event left without an answer");
}


static void
takes_a_stream_deleted_before_publishing(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    greet(t);
    put_connect(t, "live");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "deleteStream", 0, NULL, NULL);
    put_command(t, "createStream", 3, NULL, NULL);
    put_command(t, "publish", 4, "x", "live");
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "connect live? test;publish x? live;");
    test_close(t);
}


/* A key of seven letters makes OBS's FCUnpublish as long as its deleteStream,
 * whose header is then of type 3. */

static void
takes_a_delete_stream_with_a_type_3_header(void **state)
{
    test_t     *t;
    stn_buf_t   b;

    (void) state;

    t = test_publishing();
    put_command(t, "FCUnpublish", 6, "studio1", NULL);

    stn_buf_init(&b, 256);
    stn_amf_put_string(&b, "deleteStream");
    stn_amf_put_number(&b, 7);
    stn_amf_put_null(&b);
    stn_amf_put_number(&b, 1);
    assert_int_equal(t->client.len, 12 + b.len);

    stn_buf_u8(&t->client, 0xc3);
    stn_buf_put(&t->client, b.data, b.len);
    stn_buf_free(&b);

    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "unpublish;close;");
    test_close(t);
}


static void
refuses_players_politely(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    greet(t);
    put_connect(t, "live");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "getStreamLength", 3, "x", NULL);
    put_command(t, "play", 4, "x", NULL);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "connect live? test;play x;");
    assert_non_null(strstr(t->answers, "_result 3 ;"
                           "onStatus 0 NetStream.Play.StreamNotFound;"));
    test_close(t);
}


static void
answers_or_ignores_other_commands(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    put_command(t, "_checkbw", 7, NULL, NULL);
    put_command(t, "_checkbw", 0, NULL, NULL);
    put_command(t, "_result", 7, NULL, NULL);
    put_command(t, "doTheTwist", 8, "x", NULL);
    put_command(t, "", 8, "x", NULL);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "");
    assert_string_equal(t->answers, "_result 7 ;");
    assert_int_equal(t->s.unknown_commands, 2);
    test_close(t);
}


static void
reads_amf3_wrapped_commands_and_data(void **state)
{
    test_t     *t;
    stn_buf_t   b;

    (void) state;

    t = test_publishing();
    stn_buf_init(&b, 4096);

    stn_buf_u8(&b, 0);
    stn_amf_put_string(&b, "FCUnpublish");
    stn_amf_put_number(&b, 9);
    stn_amf_put_null(&b);
    stn_amf_put_string(&b, "x");
    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF3), b.data, b.len);

    stn_buf_reset(&b);
    stn_buf_u8(&b, 0);
    stn_amf_put_string(&b, "onMetaData");
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "encoder");
    stn_amf_put_string(&b, "bare");
    stn_amf_put_end(&b);
    wire_message(&t->client, W(3, 0, STN_RTMP_DATA_AMF3), b.data, b.len);

    /* an AMF3 object in place of the arguments */

    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF3),
                 "\0\2\0\7publish\0\0\0\0\0\0\0\0\0\x11\x0a", 22);

    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, "second publish");
    assert_string_equal(t->events, "unpublish;meta bare 0 0 0;");
    stn_buf_free(&b);
    test_close(t);
}


static void
bears_broken_data_but_not_broken_commands(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0), "", 0);
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0), "\xff", 1);
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0), "\2\0\xff", 3);
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0), "\2\0\6onText", 9);
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0),
                 "\2\0\xd@setDataFrame", 16);
    wire_message(&t->client, W(4, 0, STN_RTMP_DATA_AMF0),
                 "\2\0\xaonMetaData\3\0", 15);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_string_equal(t->events, "meta  0 0 0;");

    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), "\5", 1);
    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, "command without a name");
    test_close(t);

    t = test_publishing();
    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), "\2\0\xffx", 4);
    assert_int_equal(feed_client(t), STN_ERROR);
    assert_string_equal(t->s.reason, "AMF value cut short");
    test_close(t);

    t = test_publishing();
    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), "", 0);
    assert_int_equal(feed_client(t), STN_ERROR);
    test_close(t);
}


static void
names_the_codec_it_refuses_and_may_still_say_so(void **state)
{
    test_t  *t;

    (void) state;

    t = test_publishing();
    put_audio(t, 0, "\xb2x", 2);
    assert_int_equal(feed_client(t), STN_UNSUPPORTED);
    assert_string_equal(t->s.reason, "Speex audio is not carried");

    assert_int_equal(stn_rtmp_reject_publish(&t->s, "NetStream.Failed",
                                             t->s.reason), STN_OK);
    drain(t);
    assert_string_equal(t->answers, "onStatus 0 NetStream.Failed;");
    test_close(t);
}


static void
echoes_no_more_of_a_name_than_fits(void **state)
{
    char     *name;
    test_t   *t;
    unsigned  i;

    (void) state;

    name = malloc(4000);
    assert_non_null(name);
    memset(name, 'n', 4000);
    name[3999] = 0;

    t = test_publishing();

    for (i = 0; i < 10; i++) {
        put_command(t, "FCPublish", 2, name, NULL);
    }

    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_non_null(strstr(t->answers, "onFCPublish 0"));
    test_close(t);
    free(name);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(splits_app_and_name_from_their_queries),
        cmocka_unit_test(rejects_a_connect),
        cmocka_unit_test(rejects_a_publish_and_drops_what_follows),
        cmocka_unit_test(long_descriptions_are_cut_and_chunked),
        cmocka_unit_test(tells_clients_of_enhanced_rtmp_its_codecs),
        cmocka_unit_test(insists_on_order),
        cmocka_unit_test(takes_a_stream_deleted_before_publishing),
        cmocka_unit_test(takes_a_delete_stream_with_a_type_3_header),
        cmocka_unit_test(refuses_players_politely),
        cmocka_unit_test(answers_or_ignores_other_commands),
        cmocka_unit_test(reads_amf3_wrapped_commands_and_data),
        cmocka_unit_test(bears_broken_data_but_not_broken_commands),
        cmocka_unit_test(names_the_codec_it_refuses_and_may_still_say_so),
        cmocka_unit_test(echoes_no_more_of_a_name_than_fits)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
