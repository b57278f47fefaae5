/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * An RTMP session under test and its client: what the tests of stn_rtmp*.c
 * share.  What a session says is compared as text: events one by one, answers
 * as "type:value" and "command transaction code", each ended by a semicolon.
 */

#ifndef RTMP_UTIL_H
#define RTMP_UTIL_H

#include "wire_util.h"

#include "wire/stn_rtmp.h"
#include "wire/stn_wire_format.h"


#define HELLO_LEN     (STN_RTMP_C0_LEN + STN_RTMP_C1_LEN)
#define ANSWER_LEN    (HELLO_LEN + STN_RTMP_C2_LEN)
#define AUDIO_CONFIG  "\xaf\x00\x11\x90"

#define S(str)        (int) (str).len, (str).len ? (str).data : ""
#define SAY(t, ...)   say((t)->events, sizeof((t)->events), __VA_ARGS__)


/* What the owner of the session does about its questions. */

typedef enum {
    ACCEPT = 0,
    REJECT_CONNECT,
    REJECT_PUBLISH,
    REJECT_CODEC,                  /* any but AAC */
    FORGET
} policy_e;


typedef struct {
    stn_rtmp_t         s;
    stn_rtmp_chunk_t   reader;     /* of its answers */
    stn_buf_t          client;     /* bytes to be fed */
    policy_e           policy;
    char               events[16384];
    char               answers[16384];
    unsigned           audio;
    unsigned           says_audio; /* boolean: it is in events, too */
    int64_t            last_ts;
    uint64_t           hash;       /* of the audio */
} test_t;


static inline test_t *
test_open(void)
{
    test_t   *t;
    uint8_t   random[STN_RTMP_RANDOM_LEN];

    t = calloc(1, sizeof(*t));
    assert_non_null(t);

    memset(random, 0x5a, sizeof(random));
    assert_int_equal(stn_rtmp_init(&t->s, random), STN_OK);
    stn_rtmp_chunk_init(&t->reader);
    stn_buf_init(&t->client, 1 << 24);

    return t;
}


static inline void
test_close(test_t *t)
{
    stn_rtmp_free(&t->s);
    stn_rtmp_chunk_free(&t->reader);
    stn_buf_free(&t->client);
    free(t);
}


__attribute__((format(printf, 3, 4)))
static inline void
say(char *text, size_t size, const char *fmt, ...)
{
    size_t   len;
    va_list  args;

    len = strlen(text);

    va_start(args, fmt);
    vsnprintf(text + len, size - len, fmt, args);
    va_end(args);
}


static inline void
on_connect(test_t *t, const stn_rtmp_event_t *ev)
{
    SAY(t, "connect %.*s?%.*s %.*s;", S(ev->connect.app),
        S(ev->connect.query), S(ev->connect.encoder));

    if (t->policy == REJECT_CONNECT) {
        stn_rtmp_reject_connect(&t->s, "no such application");

    } else if (t->policy != FORGET) {
        assert_int_equal(stn_rtmp_accept_connect(&t->s), STN_OK);
    }
}


static inline void
on_publish(test_t *t, const stn_rtmp_event_t *ev)
{
    SAY(t, "publish %.*s?%.*s %.*s;", S(ev->publish.name),
        S(ev->publish.query), S(ev->publish.type));

    if (t->policy == REJECT_PUBLISH) {
        assert_int_equal(stn_rtmp_reject_publish(&t->s,
                         "NetStream.Publish.BadName", "no"), STN_OK);
    } else {
        assert_int_equal(stn_rtmp_accept_publish(&t->s), STN_OK);
    }
}


static inline void
on_config(test_t *t, const stn_rtmp_event_t *ev)
{
    if (ev->config.codec == STN_CODEC_AAC) {
        SAY(t, "config %zu;", ev->config.len);
    } else {
        SAY(t, "config %s %zu;", stn_wire_codec(ev->config.codec),
            ev->config.len);
    }

    if (t->policy == REJECT_CODEC && ev->config.codec != STN_CODEC_AAC) {
        assert_int_equal(stn_rtmp_reject_publish(&t->s,
                         "NetStream.Publish.Denied", "no"), STN_OK);
    }

    t->hash = wire_hash(t->hash, ev->config.data, ev->config.len);
}


static inline void
on_audio(test_t *t, const stn_rtmp_event_t *ev)
{
    if (t->says_audio) {
        SAY(t, "au %.*s@%lld;", (int) ev->au.len, (const char *) ev->au.data,
            (long long) ev->au.ts / 90);
    }

    t->audio++;
    t->last_ts = ev->au.ts;
    t->hash = wire_hash(t->hash, &ev->au.ts, sizeof(ev->au.ts));
    t->hash = wire_hash(t->hash, ev->au.data, ev->au.len);
}


static inline void
on_event(test_t *t, const stn_rtmp_event_t *ev)
{
    switch (ev->type) {

    case STN_RTMP_EV_CONNECT:
        on_connect(t, ev);
        break;

    case STN_RTMP_EV_PUBLISH:
        on_publish(t, ev);
        break;

    case STN_RTMP_EV_META:
        SAY(t, "meta %.*s %u %u %u;", S(ev->meta.encoder),
            ev->meta.audio_bit_rate, ev->meta.audio_codec,
            ev->meta.audio_rate);
        break;

    case STN_RTMP_EV_CONFIG:
        on_config(t, ev);
        break;

    case STN_RTMP_EV_AUDIO:
        on_audio(t, ev);
        break;

    case STN_RTMP_EV_UNPUBLISH:
        SAY(t, "unpublish;");
        break;

    case STN_RTMP_EV_CLOSE:
        SAY(t, "close;");
        break;

    case STN_RTMP_EV_PLAY:
        SAY(t, "play %.*s;", S(ev->play.name));
        break;

    default:
        fail_msg("event of no type");
    }
}


static inline void
on_answer(test_t *t, const stn_rtmp_msg_t *m)
{
    char      *a = t->answers;
    double     txn = -1;
    size_t     size = sizeof(t->answers);
    stn_cur_t  c;
    stn_amf_t  amf;
    stn_str_t  name = { "?", 1 }, code = { "", 0 };

    const stn_amf_field_t  fields[] = { { "code", &code, NULL } };

    if (m->type != STN_RTMP_COMMAND_AMF0) {
        stn_cur_init(&c, m->data, m->len);

        if (m->type == STN_RTMP_USER_CONTROL) {
            say(a, size, "event%u:", stn_cur_be16(&c));
        } else {
            say(a, size, "%u:", m->type);
        }

        say(a, size, "%u;", stn_cur_be32(&c));
        assert_false(c.failed);
        return;
    }

    stn_amf_init(&amf, m->data, m->len);
    assert_int_equal(stn_amf_string(&amf, &name), STN_OK);
    assert_int_equal(stn_amf_number(&amf, &txn), STN_OK);
    assert_int_equal(stn_amf_fields(&amf, NULL, 0), STN_OK);
    assert_int_equal(stn_amf_fields(&amf, fields, 1), STN_OK);
    say(a, size, "%.*s %g %.*s;", S(name), txn, S(code));
}


/* Reads and drains the answers; the handshake is none of them. */

static inline void
drain(test_t *t)
{
    int             rc;
    stn_cur_t       in;
    stn_rtmp_msg_t  m;

    stn_cur_init(&in, t->s.out.data, t->s.out.len);

    while ((rc = stn_rtmp_chunk_next(&t->reader, &in, &m)) == STN_OK) {
        on_answer(t, &m);
    }

    assert_int_equal(rc, STN_AGAIN);
    stn_buf_drain(&t->s.out, t->s.out.len);
}


/* Feeds len bytes, cut as asked, until the end or a failure. */

static inline int
feed(test_t *t, const uint8_t *data, size_t len, unsigned cut)
{
    int               rc;
    size_t            done, n;
    uint8_t          *piece;
    uint32_t          x = 4711 + cut;
    stn_rtmp_event_t  ev;

    for (rc = STN_AGAIN, done = 0; done < len && rc == STN_AGAIN; done += n) {
        n = wire_piece(cut, &x, len - done);

        piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, data + done, n);

        assert_int_equal(stn_rtmp_feed(&t->s, piece, n), STN_OK);

        while ((rc = stn_rtmp_next(&t->s, &ev)) == STN_OK) {
            on_event(t, &ev);
        }

        assert_true(rc == STN_AGAIN || t->s.reason != NULL);
        assert_true(rc == STN_AGAIN || stn_rtmp_next(&t->s, &ev) == rc);
        free(piece);

        if (t->s.state > STN_RTMP_ST_ECHO && t->s.out.failed == STN_OK) {
            drain(t);
        }
    }

    return rc;
}


static inline int
feed_client(test_t *t)
{
    int  rc;

    assert_int_equal(t->client.failed, STN_OK);
    rc = feed(t, t->client.data, t->client.len, WIRE_WHOLE);
    stn_buf_reset(&t->client);

    return rc;
}


/* The handshake of a client without digests. */

static inline void
greet(test_t *t)
{
    static const uint8_t  zeros[STN_RTMP_C2_LEN];

    uint8_t  hello[HELLO_LEN] = { 3 };

    assert_int_equal(feed(t, hello, sizeof(hello), WIRE_WHOLE), STN_AGAIN);
    assert_int_equal(t->s.out.len, ANSWER_LEN);
    stn_buf_drain(&t->s.out, ANSWER_LEN);
    assert_int_equal(feed(t, zeros, sizeof(zeros), WIRE_WHOLE), STN_AGAIN);
    assert_int_equal(t->s.state, STN_RTMP_ST_NEW);
}


/* A command of the client's: name, transaction, null, then strings. */

static inline void
put_command(test_t *t, const char *name, double txn, const char *first,
    const char *second)
{
    stn_buf_t  b;

    stn_buf_init(&b, 4096);
    stn_amf_put_string(&b, name);
    stn_amf_put_number(&b, txn);
    stn_amf_put_null(&b);

    if (first) {
        stn_amf_put_string(&b, first);
    }

    if (second) {
        stn_amf_put_string(&b, second);
    }

    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), b.data, b.len);
    stn_buf_free(&b);
}


static inline void
put_connect(test_t *t, const char *app)
{
    stn_buf_t  b;

    stn_buf_init(&b, 4096);
    stn_amf_put_string(&b, "connect");
    stn_amf_put_number(&b, 1);
    stn_amf_put_object(&b);
    stn_amf_put_key(&b, "app");
    stn_amf_put_string(&b, app);
    stn_amf_put_key(&b, "flashVer");
    stn_amf_put_string(&b, "test");
    stn_amf_put_end(&b);

    wire_message(&t->client, W(3, 0, STN_RTMP_COMMAND_AMF0), b.data, b.len);
    stn_buf_free(&b);
}


static inline void
put_audio(test_t *t, uint32_t stamp, const char *body, size_t len)
{
    wire_message(&t->client, W(4, stamp, STN_RTMP_AUDIO), body, len);
}


/* A session that has got as far as publishing, its texts empty. */

static inline test_t *
test_publishing(void)
{
    test_t  *t;

    t = test_open();
    greet(t);
    put_connect(t, "live");
    put_command(t, "createStream", 2, NULL, NULL);
    put_command(t, "publish", 3, "name", "live");
    wire_message(&t->client, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\1\0\0", 4);
    assert_int_equal(feed_client(t), STN_AGAIN);
    assert_int_equal(t->s.state, STN_RTMP_ST_PUBLISHING);

    t->events[0] = t->answers[0] = 0;

    return t;
}


#endif /* RTMP_UTIL_H */
