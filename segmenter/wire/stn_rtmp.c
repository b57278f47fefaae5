/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * An RTMP publishing session (see stn_rtmp.h): the handshake, then messages
 * by type.  Commands are in stn_rtmp_command.c.  Called by the RTMP glue in
 * the event loop, from one connection's handlers; memory belongs to the
 * session.
 */

#include "wire/stn_rtmp.h"

#include <string.h>

#include "wire/stn_rtmp_command.h"


#define STN_RTMP_HELLO_LEN    (STN_RTMP_C0_LEN + STN_RTMP_C1_LEN)

/* What RTMPE's C0 says. */
#define STN_RTMP_RTMPE        6

/* One answer: a command with two objects and a name or description. */
#define STN_RTMP_SCRATCH_MAX  (8 * 1024)

/* Behind each FLV tag inside an aggregate: its size once more. */
#define STN_RTMP_TAG_TRAILER  4


typedef int (*stn_rtmp_message_pt)(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);


static int stn_rtmp_step(stn_rtmp_t *s, stn_rtmp_event_t *ev);
static int stn_rtmp_hello(stn_rtmp_t *s);
static int stn_rtmp_echo(stn_rtmp_t *s);
static int stn_rtmp_chunks(stn_rtmp_t *s, stn_rtmp_event_t *ev);
static int stn_rtmp_message(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_ignore(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_user_control(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_window(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_audio(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static void stn_rtmp_config(stn_rtmp_t *s, const stn_flv_audio_t *tag,
    stn_rtmp_event_t *ev);
static void stn_rtmp_frame(stn_rtmp_t *s, const stn_flv_audio_t *tag,
    const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev);
static int stn_rtmp_held(stn_rtmp_t *s, stn_rtmp_event_t *ev);
static int stn_rtmp_data(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_aggregate(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);
static int stn_rtmp_tag(stn_rtmp_t *s, stn_rtmp_event_t *ev);
static void stn_rtmp_acknowledge(stn_rtmp_t *s);


static const struct {
    uint8_t              type;
    stn_rtmp_message_pt  handler;
} stn_rtmp_messages[] = {
    { STN_RTMP_AUDIO, stn_rtmp_audio },
    { STN_RTMP_COMMAND_AMF0, stn_rtmp_command },
    { STN_RTMP_COMMAND_AMF3, stn_rtmp_command },
    { STN_RTMP_DATA_AMF0, stn_rtmp_data },
    { STN_RTMP_DATA_AMF3, stn_rtmp_data },
    { STN_RTMP_AGGREGATE, stn_rtmp_aggregate },
    { STN_RTMP_USER_CONTROL, stn_rtmp_user_control },
    { STN_RTMP_WINDOW_ACK_SIZE, stn_rtmp_window },
    { STN_RTMP_ACK, stn_rtmp_ignore },
    { STN_RTMP_SET_PEER_BANDWIDTH, stn_rtmp_ignore }
};


int
stn_rtmp_init(stn_rtmp_t *s, const uint8_t random[STN_RTMP_RANDOM_LEN])
{
    memset(s, 0, sizeof(*s));

    memcpy(s->random, random, STN_RTMP_RANDOM_LEN);

    stn_buf_init(&s->out, STN_RTMP_OUT_MAX);
    stn_buf_init(&s->scratch, STN_RTMP_SCRATCH_MAX);
    stn_rtmp_chunk_init(&s->chunks);
    stn_cur_init(&s->in, NULL, 0);
    stn_cur_init(&s->tags, NULL, 0);

    s->chunk_size = STN_RTMP_CHUNK_SIZE;
    s->ack_window = STN_RTMP_ACK_WINDOW;
    s->codecs = 1u << STN_CODEC_AAC;

    return STN_OK;
}


void
stn_rtmp_free(stn_rtmp_t *s)
{
    stn_rtmp_chunk_free(&s->chunks);
    stn_buf_free(&s->scratch);
    stn_buf_free(&s->out);
    stn_cur_init(&s->in, NULL, 0);
    stn_cur_init(&s->tags, NULL, 0);
    s->held.len = 0;
}


int
stn_rtmp_feed(stn_rtmp_t *s, const uint8_t *data, size_t len)
{
    if (s->failed) {
        return s->failed;
    }

    if (stn_cur_left(&s->in) || stn_cur_left(&s->tags) || s->held.len) {
        return STN_ERROR;
    }

    stn_cur_init(&s->in, data, len);

    return STN_OK;
}


int
stn_rtmp_next(stn_rtmp_t *s, stn_rtmp_event_t *ev)
{
    int             rc;
    const uint8_t  *start;

    if (s->failed) {
        return s->failed;
    }

    if (s->state == STN_RTMP_ST_CONNECTING || s->state == STN_RTMP_ST_ASKING) {
        s->failed = STN_ERROR;
        return stn_rtmp_fail(s, STN_ERROR, "event left without an answer");
    }

    do {
        ev->type = STN_RTMP_EV_NONE;
        start = s->in.pos;

        rc = stn_rtmp_step(s, ev);

        s->bytes_in += (uint64_t) (s->in.pos - start);
        stn_rtmp_acknowledge(s);

        if (rc >= 0 && s->out.failed) {
            rc = stn_rtmp_fail(s, s->out.failed,
                               s->out.failed == STN_NOMEM
                               ? "out of memory" : "answers pile up unread");
        }

    } while (rc == STN_OK && ev->type == STN_RTMP_EV_NONE);

    if (rc < 0) {
        s->failed = rc;
    }

    return rc;
}


/* STN_OK: something was read, maybe an event; STN_AGAIN: all is read. */

static int
stn_rtmp_step(stn_rtmp_t *s, stn_rtmp_event_t *ev)
{
    switch (s->state) {

    case STN_RTMP_ST_HELLO:
        return stn_rtmp_hello(s);

    case STN_RTMP_ST_ECHO:
        return stn_rtmp_echo(s);

    default:
        break;
    }

    if (s->held.len) {
        return stn_rtmp_held(s, ev);
    }

    return stn_cur_left(&s->tags) ? stn_rtmp_tag(s, ev)
                                  : stn_rtmp_chunks(s, ev);
}


static int
stn_rtmp_hello(stn_rtmp_t *s)
{
    int     rc;
    size_t  n;

    if (stn_cur_left(&s->in) == 0) {
        return STN_AGAIN;
    }

    if (s->scratch.len == 0 && *s->in.pos != STN_RTMP_VERSION) {
        return stn_rtmp_fail(s, STN_ERROR, *s->in.pos == STN_RTMP_RTMPE
                                           ? "RTMPE is not spoken here"
                                           : "not an RTMP client");
    }

    n = stn_min(stn_cur_left(&s->in), STN_RTMP_HELLO_LEN - s->scratch.len);

    rc = stn_buf_put(&s->scratch, stn_cur_bytes(&s->in, n), n);

    if (rc == STN_OK && s->scratch.len == STN_RTMP_HELLO_LEN) {
        rc = stn_rtmp_handshake(s->scratch.data, s->random, &s->out);

        stn_buf_reset(&s->scratch);
        s->echo_left = STN_RTMP_C2_LEN;
        s->state = STN_RTMP_ST_ECHO;
    }

    if (rc == STN_OK) {
        return STN_OK;
    }

    return stn_rtmp_fail(s, rc, rc == STN_NOMEM ? "out of memory"
                                                : "handshake failed");
}


/* C2 is not checked: encoders that get it wrong are no danger. */

static int
stn_rtmp_echo(stn_rtmp_t *s)
{
    size_t  n;

    n = stn_min(stn_cur_left(&s->in), s->echo_left);
    if (n == 0) {
        return STN_AGAIN;
    }

    (void) stn_cur_bytes(&s->in, n);
    s->echo_left -= n;

    if (s->echo_left == 0) {
        s->state = STN_RTMP_ST_NEW;
    }

    return STN_OK;
}


static int
stn_rtmp_chunks(stn_rtmp_t *s, stn_rtmp_event_t *ev)
{
    int             rc;
    stn_rtmp_msg_t  m;

    rc = stn_rtmp_chunk_next(&s->chunks, &s->in, &m);

    if (rc == STN_OK) {
        return stn_rtmp_message(s, &m, ev);
    }

    return rc < 0 ? stn_rtmp_fail(s, rc, s->chunks.reason) : rc;
}


static int
stn_rtmp_message(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    size_t  i;

    for (i = 0; i < stn_nelems(stn_rtmp_messages); i++) {
        if (stn_rtmp_messages[i].type == m->type) {
            return stn_rtmp_messages[i].handler(s, m, ev);
        }
    }

    return STN_OK;
}


static int
stn_rtmp_ignore(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    (void) s;
    (void) m;
    (void) ev;

    return STN_OK;
}


static int
stn_rtmp_user_control(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev)
{
    uint16_t   event;
    uint32_t   v;
    stn_cur_t  c;

    (void) ev;

    stn_cur_init(&c, m->data, m->len);

    event = stn_cur_be16(&c);
    v = stn_cur_be32(&c);

    if (event == STN_RTMP_PING_REQUEST && !c.failed) {
        stn_rtmp_send_event(s, STN_RTMP_PING_RESPONSE, v);
    }

    return STN_OK;
}


static int
stn_rtmp_window(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    uint32_t   window;
    stn_cur_t  c;

    (void) ev;

    stn_cur_init(&c, m->data, m->len);

    window = stn_cur_be32(&c);

    if (window) {
        s->ack_window = stn_max(window, STN_RTMP_ACK_WINDOW_MIN);
    }

    return STN_OK;
}


static int
stn_rtmp_audio(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    int              rc;
    stn_flv_audio_t  tag;

    s->audio_messages++;

    if (s->state != STN_RTMP_ST_PUBLISHING) {
        s->stray_audio++;
        return STN_OK;
    }

    rc = stn_flv_audio(&tag, m->data, m->len, s->track);
    if (rc != STN_OK) {
        return stn_rtmp_fail(s, rc, tag.reason);
    }

    if (tag.kind == STN_FLV_CONFIG) {
        stn_rtmp_config(s, &tag, ev);

    } else if (tag.kind == STN_FLV_FRAME) {
        stn_rtmp_frame(s, &tag, m, ev);
    }

    return STN_OK;
}


static void
stn_rtmp_config(stn_rtmp_t *s, const stn_flv_audio_t *tag,
    stn_rtmp_event_t *ev)
{
    s->configured = 1;
    s->codec = tag->codec;

    ev->type = STN_RTMP_EV_CONFIG;
    ev->config.codec = tag->codec;
    ev->config.data = tag->data;
    ev->config.len = tag->len;
}


static void
stn_rtmp_frame(stn_rtmp_t *s, const stn_flv_audio_t *tag,
    const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    stn_au_t  au = { .data = tag->data, .len = tag->len,
                     .ts = m->time * (STN_TS_HZ / 1000) };

    const stn_flv_audio_t  none = { .codec = tag->codec };

    if (s->configured && s->codec == tag->codec) {
        ev->type = STN_RTMP_EV_AUDIO;
        ev->au = au;

    } else if (tag->codec == STN_CODEC_MP3 || tag->codec == STN_CODEC_AC3
               || tag->codec == STN_CODEC_EAC3)
    {
        stn_rtmp_config(s, &none, ev);
        s->held = au;

    } else {
        s->stray_audio++;
    }
}


/* The message that it lies in is still where it was: nothing has been read
 * since.  But the caller may have refused its codec. */

static int
stn_rtmp_held(stn_rtmp_t *s, stn_rtmp_event_t *ev)
{
    if (s->state == STN_RTMP_ST_PUBLISHING) {
        ev->type = STN_RTMP_EV_AUDIO;
        ev->au = s->held;

    } else {
        s->stray_audio++;
    }

    s->held.len = 0;

    return STN_OK;
}


/* Broken metadata is no reason to lose a broadcast. */

static int
stn_rtmp_data(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    size_t     amf3;
    stn_amf_t  a;
    stn_str_t  name;

    if (s->state != STN_RTMP_ST_PUBLISHING) {
        return STN_OK;
    }

    amf3 = m->type == STN_RTMP_DATA_AMF3 && m->len && m->data[0] == 0;

    stn_amf_init(&a, m->data + amf3, m->len - amf3);

    if (stn_amf_string(&a, &name) != STN_OK) {
        return STN_OK;
    }

    if (stn_str_is(&name, "@setDataFrame")
        && stn_amf_string(&a, &name) != STN_OK)
    {
        return STN_OK;
    }

    if (stn_str_is(&name, "onMetaData")) {
        ev->type = STN_RTMP_EV_META;
        stn_flv_meta(&ev->meta, &a);
    }

    return STN_OK;
}


static int
stn_rtmp_aggregate(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev)
{
    (void) ev;

    stn_cur_init(&s->tags, m->data, m->len);

    s->tags_time = m->time;
    s->tags_begun = 0;

    return STN_OK;
}


/*
 * The next tag of an aggregate (7.1.6).  The first one's time stands for the
 * aggregate's.
 *
 *     type 1 | size 3 | time 3, its top byte 1 | stream id 3 | data | size 4
 */

static int
stn_rtmp_tag(stn_rtmp_t *s, stn_rtmp_event_t *ev)
{
    uint32_t        time;
    stn_cur_t      *c;
    stn_rtmp_msg_t  m;

    c = &s->tags;

    m.type = stn_cur_u8(c);
    m.stream_id = STN_RTMP_STREAM_ID;
    m.len = stn_cur_be24(c);

    time = stn_cur_be24(c);
    time |= (uint32_t) stn_cur_u8(c) << 24;

    (void) stn_cur_be24(c);

    m.data = stn_cur_bytes(c, m.len);

    if (c->failed) {
        return stn_rtmp_fail(s, STN_ERROR, "aggregate message cut short");
    }

    (void) stn_cur_bytes(c, stn_min(stn_cur_left(c), STN_RTMP_TAG_TRAILER));

    if (!s->tags_begun) {
        s->tags_base = time;
        s->tags_begun = 1;
    }

    m.time = s->tags_time + (int32_t) (time - s->tags_base);

    switch (m.type) {

    case STN_RTMP_AUDIO:
        return stn_rtmp_audio(s, &m, ev);

    case STN_RTMP_DATA_AMF0:
        return stn_rtmp_data(s, &m, ev);

    case STN_RTMP_VIDEO:
        s->chunks.video_messages++;
        s->chunks.video_bytes += m.len;
    }

    return STN_OK;
}


/* 5.4.3; the number wraps */

static void
stn_rtmp_acknowledge(stn_rtmp_t *s)
{
    if (s->state < STN_RTMP_ST_NEW
        || s->bytes_in - s->acked < s->ack_window)
    {
        return;
    }

    s->acked = s->bytes_in;
    stn_rtmp_send_control(s, STN_RTMP_ACK, (uint32_t) s->bytes_in, -1);
}


int
stn_rtmp_fail(stn_rtmp_t *s, int rc, const char *reason)
{
    s->reason = reason;

    return rc;
}
