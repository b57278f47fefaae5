/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP commands and their answers (see stn_rtmp_command.h; RTMP
 * specification 1.0, section 7.2, and what FMLE, librtmp, ffmpeg and
 * GStreamer send beside it).  Called through stn_rtmp_next() and by the
 * session's owner when he answers an event.
 */

#include "wire/stn_rtmp_command.h"

#include <string.h>


/* What Adobe's server says, since old clients look for it (7.2.1.1). */
#define STN_RTMP_FMS_VERSION   "FMS/3,0,1,123"
#define STN_RTMP_CAPABILITIES  31

/* FourCcInfoMask (Enhanced RTMP v2, "Enhancing NetConnection connect"). */
#define STN_RTMP_CAN_DECODE    0x01
#define STN_RTMP_CAN_FORWARD   0x04

/* Limit type of Set Peer Bandwidth (5.4.5). */
#define STN_RTMP_DYNAMIC       2


typedef struct {
    stn_amf_t   amf;           /* before the command object */
    double      txn;           /* 0: no _result is wanted */
} stn_rtmp_cmd_t;

typedef int (*stn_rtmp_command_pt)(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);


static int stn_rtmp_connect(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_release_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_fcpublish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_create_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_publish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_fcunpublish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_close_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_play(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_stream_length(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_checkbw(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_answered(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev);
static int stn_rtmp_argument(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_str_t *name);
static stn_buf_t *stn_rtmp_begin(stn_rtmp_t *s, const char *name, double txn);
static void stn_rtmp_put_enhanced(stn_rtmp_t *s, stn_buf_t *b);
static void stn_rtmp_put(stn_buf_t *b, const char *key, const char *value,
    size_t len);
static void stn_rtmp_put_info(stn_buf_t *b, const char *level,
    const char *code, const char *description);
static void stn_rtmp_send(stn_rtmp_t *s, unsigned csid, uint32_t stream_id);
static void stn_rtmp_send_result(stn_rtmp_t *s, double txn);
static void stn_rtmp_send_fc(stn_rtmp_t *s, const char *command,
    const char *code, const stn_str_t *name);
static void stn_rtmp_send_status(stn_rtmp_t *s, const char *level,
    const char *code, const char *description);
static void stn_rtmp_send_message(stn_rtmp_t *s, uint8_t type,
    const uint8_t *data, size_t len);


static const struct {
    const char           *name;
    stn_rtmp_command_pt   handler;
} stn_rtmp_commands[] = {
    { "connect", stn_rtmp_connect },
    { "releaseStream", stn_rtmp_release_stream },
    { "FCPublish", stn_rtmp_fcpublish },
    { "createStream", stn_rtmp_create_stream },
    { "publish", stn_rtmp_publish },
    { "FCUnpublish", stn_rtmp_fcunpublish },
    { "deleteStream", stn_rtmp_close_stream },
    { "closeStream", stn_rtmp_close_stream },
    { "play", stn_rtmp_play },
    { "play2", stn_rtmp_play },
    { "getStreamLength", stn_rtmp_stream_length },
    { "_checkbw", stn_rtmp_checkbw },
    { "_result", stn_rtmp_answered },
    { "_error", stn_rtmp_answered }
};


int
stn_rtmp_command(stn_rtmp_t *s, const stn_rtmp_msg_t *m, stn_rtmp_event_t *ev)
{
    int             rc;
    size_t          i, amf3;
    stn_str_t       name;
    stn_rtmp_cmd_t  cmd;

    /* a type 17 command is AMF0 behind a zero */

    amf3 = m->type == STN_RTMP_COMMAND_AMF3 && m->len && m->data[0] == 0;

    cmd.txn = 0;
    stn_amf_init(&cmd.amf, m->data + amf3, m->len - amf3);

    rc = stn_amf_string(&cmd.amf, &name);

    if (rc == STN_AGAIN) {
        return stn_rtmp_fail(s, STN_ERROR, "command without a name");
    }

    if (rc == STN_OK) {
        rc = stn_amf_number(&cmd.amf, &cmd.txn);
    }

    if (rc < 0) {
        return stn_rtmp_fail(s, rc, cmd.amf.reason);
    }

    if (s->state == STN_RTMP_ST_NEW && !stn_str_is(&name, "connect")) {
        return stn_rtmp_fail(s, STN_ERROR, "command before connect");
    }

    for (i = 0; i < stn_nelems(stn_rtmp_commands); i++) {
        if (stn_str_is(&name, stn_rtmp_commands[i].name)) {
            return stn_rtmp_commands[i].handler(s, &cmd, ev);
        }
    }

    s->unknown_commands++;

    return STN_OK;
}


static int
stn_rtmp_connect(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    int        rc;
    double     caps = -1, list = -1, map = -1;
    stn_str_t  app = { NULL, 0 };

    const stn_amf_field_t  fields[] = {
        { "app", &app, NULL },
        { "tcUrl", &ev->connect.tcurl, NULL },
        { "flashVer", &ev->connect.encoder, NULL },
        { "capsEx", NULL, &caps },
        { "fourCcList", NULL, &list },
        { "audioFourCcInfoMap", NULL, &map }
    };

    if (s->state != STN_RTMP_ST_NEW) {
        return stn_rtmp_fail(s, STN_ERROR, "second connect");
    }

    memset(&ev->connect, 0, sizeof(ev->connect));

    rc = stn_amf_fields(&cmd->amf, fields, stn_nelems(fields));
    if (rc != STN_OK) {
        return stn_rtmp_fail(s, rc, cmd->amf.reason);
    }

    stn_str_cut(&app, '?', &ev->connect.app, &ev->connect.query);

    app = ev->connect.app;

    while (app.len && app.data[0] == '/') {
        app.data++;
        app.len--;
    }

    while (app.len && app.data[app.len - 1] == '/') {
        app.len--;
    }

    ev->connect.app = app;
    ev->type = STN_RTMP_EV_CONNECT;

    s->txn = cmd->txn;
    s->enhanced = caps >= 0 || list >= 0 || map >= 0;
    s->state = STN_RTMP_ST_CONNECTING;

    return STN_OK;
}


static int
stn_rtmp_release_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev)
{
    (void) ev;

    stn_rtmp_send_result(s, cmd->txn);

    return STN_OK;
}


static int
stn_rtmp_fcpublish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    int        rc;
    stn_str_t  name;

    (void) ev;

    rc = stn_rtmp_argument(s, cmd, &name);
    if (rc != STN_OK) {
        return rc;
    }

    stn_rtmp_send_result(s, cmd->txn);
    stn_rtmp_send_fc(s, "onFCPublish", "NetStream.Publish.Start", &name);

    return STN_OK;
}


static int
stn_rtmp_create_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev)
{
    stn_buf_t  *b;

    (void) ev;

    b = stn_rtmp_begin(s, "_result", cmd->txn);

    stn_amf_put_null(b);
    stn_amf_put_number(b, STN_RTMP_STREAM_ID);

    stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);

    if (s->state == STN_RTMP_ST_CONNECTED) {
        s->state = STN_RTMP_ST_CREATED;
    }

    return STN_OK;
}


static int
stn_rtmp_publish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    int        rc;
    stn_str_t  name;

    if (s->state == STN_RTMP_ST_CONNECTED) {
        return stn_rtmp_fail(s, STN_ERROR, "publish without createStream");
    }

    if (s->state != STN_RTMP_ST_CREATED) {
        return stn_rtmp_fail(s, STN_ERROR, "second publish");
    }

    rc = stn_rtmp_argument(s, cmd, &name);
    if (rc != STN_OK) {
        return rc;
    }

    stn_str_cut(&name, '?', &ev->publish.name, &ev->publish.query);

    ev->publish.type.data = "live";
    ev->publish.type.len = 4;

    rc = stn_amf_string(&cmd->amf, &ev->publish.type);
    if (rc < 0) {
        return stn_rtmp_fail(s, rc, cmd->amf.reason);
    }

    ev->type = STN_RTMP_EV_PUBLISH;
    s->state = STN_RTMP_ST_ASKING;

    return STN_OK;
}


static int
stn_rtmp_fcunpublish(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    int        rc;
    stn_str_t  name;

    rc = stn_rtmp_argument(s, cmd, &name);
    if (rc != STN_OK) {
        return rc;
    }

    stn_rtmp_send_result(s, cmd->txn);
    stn_rtmp_send_fc(s, "onFCUnpublish", "NetStream.Unpublish.Success", &name);

    if (s->state == STN_RTMP_ST_PUBLISHING) {
        ev->type = STN_RTMP_EV_UNPUBLISH;
    }

    return STN_OK;
}


/* Whatever it names, a number or (GStreamer) the stream's name: there is only
 * one stream. */

static int
stn_rtmp_close_stream(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev)
{
    (void) cmd;

    if (s->state == STN_RTMP_ST_PUBLISHING) {
        ev->type = STN_RTMP_EV_CLOSE;
        s->state = STN_RTMP_ST_CLOSED;

    } else if (s->state == STN_RTMP_ST_CREATED) {
        s->state = STN_RTMP_ST_CONNECTED;
    }

    return STN_OK;
}


static int
stn_rtmp_play(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    int        rc;
    stn_str_t  name;

    rc = stn_rtmp_argument(s, cmd, &name);
    if (rc != STN_OK) {
        return rc;
    }

    stn_rtmp_send_status(s, "error", "NetStream.Play.StreamNotFound",
                         "listeners are served by HLS");

    ev->type = STN_RTMP_EV_PLAY;
    ev->play.name = name;

    return STN_OK;
}


static int
stn_rtmp_stream_length(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd,
    stn_rtmp_event_t *ev)
{
    stn_buf_t  *b;

    (void) ev;

    if (cmd->txn != 0) {
        b = stn_rtmp_begin(s, "_result", cmd->txn);

        stn_amf_put_null(b);
        stn_amf_put_number(b, 0);

        stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);
    }

    return STN_OK;
}


static int
stn_rtmp_checkbw(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    (void) ev;

    stn_rtmp_send_result(s, cmd->txn);

    return STN_OK;
}


/* We ask nothing. */

static int
stn_rtmp_answered(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_rtmp_event_t *ev)
{
    (void) s;
    (void) cmd;
    (void) ev;

    return STN_OK;
}


/* The first argument behind the command object, empty if it is no string. */

static int
stn_rtmp_argument(stn_rtmp_t *s, stn_rtmp_cmd_t *cmd, stn_str_t *name)
{
    int  rc;

    name->data = NULL;
    name->len = 0;

    rc = stn_amf_fields(&cmd->amf, NULL, 0);

    if (rc == STN_OK) {
        rc = stn_amf_string(&cmd->amf, name);
    }

    return rc < 0 ? stn_rtmp_fail(s, rc, cmd->amf.reason) : STN_OK;
}


int
stn_rtmp_accept_connect(stn_rtmp_t *s)
{
    stn_buf_t  *b;

    if (s->failed || s->state != STN_RTMP_ST_CONNECTING) {
        return STN_ERROR;
    }

    s->state = STN_RTMP_ST_CONNECTED;

    stn_rtmp_send_control(s, STN_RTMP_WINDOW_ACK_SIZE, STN_RTMP_OUR_WINDOW,
                          -1);
    stn_rtmp_send_control(s, STN_RTMP_SET_PEER_BANDWIDTH, STN_RTMP_OUR_WINDOW,
                          STN_RTMP_DYNAMIC);
    stn_rtmp_send_control(s, STN_RTMP_SET_CHUNK_SIZE, STN_RTMP_OUR_CHUNK_SIZE,
                          -1);

    s->chunk_size = STN_RTMP_OUR_CHUNK_SIZE;

    b = stn_rtmp_begin(s, "_result", s->txn);

    stn_amf_put_object(b);
    stn_rtmp_put(b, "fmsVer", STN_RTMP_FMS_VERSION,
                 sizeof(STN_RTMP_FMS_VERSION) - 1);
    stn_amf_put_key(b, "capabilities");
    stn_amf_put_number(b, STN_RTMP_CAPABILITIES);

    if (s->enhanced) {
        stn_rtmp_put_enhanced(s, b);
    }

    stn_amf_put_end(b);

    /* AMF0, whatever the client would like: all publishers speak it */

    stn_rtmp_put_info(b, "status", "NetConnection.Connect.Success",
                      "Connection succeeded.");
    stn_amf_put_key(b, "objectEncoding");
    stn_amf_put_number(b, 0);
    stn_amf_put_end(b);

    stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);

    return s->out.failed;
}


int
stn_rtmp_reject_connect(stn_rtmp_t *s, const char *description)
{
    stn_buf_t  *b;

    if (s->failed || s->state != STN_RTMP_ST_CONNECTING) {
        return STN_ERROR;
    }

    s->state = STN_RTMP_ST_CLOSED;

    b = stn_rtmp_begin(s, "_error", s->txn);

    stn_amf_put_null(b);
    stn_rtmp_put_info(b, "error", "NetConnection.Connect.Rejected",
                      description);
    stn_amf_put_end(b);

    stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);

    return s->out.failed;
}


int
stn_rtmp_accept_publish(stn_rtmp_t *s)
{
    if (s->failed || s->state != STN_RTMP_ST_ASKING) {
        return STN_ERROR;
    }

    s->state = STN_RTMP_ST_PUBLISHING;

    stn_rtmp_send_event(s, STN_RTMP_STREAM_BEGIN, STN_RTMP_STREAM_ID);
    stn_rtmp_send_status(s, "status", "NetStream.Publish.Start",
                         "Publishing.");

    return s->out.failed;
}


int
stn_rtmp_reject_publish(stn_rtmp_t *s, const char *code,
    const char *description)
{
    if (s->state != STN_RTMP_ST_ASKING
        && s->state != STN_RTMP_ST_PUBLISHING)
    {
        return STN_ERROR;
    }

    s->state = STN_RTMP_ST_CLOSED;

    stn_rtmp_send_status(s, "error", code, description);

    return s->out.failed;
}


/* A command of ours is put together in scratch, which is returned, and sent
 * by stn_rtmp_send(). */

static stn_buf_t *
stn_rtmp_begin(stn_rtmp_t *s, const char *name, double txn)
{
    stn_buf_reset(&s->scratch);

    stn_amf_put_string(&s->scratch, name);
    stn_amf_put_number(&s->scratch, txn);

    return &s->scratch;
}


/* The codecs in both of the ways that there are to tell them; no extended
 * capability. */

static void
stn_rtmp_put_enhanced(stn_rtmp_t *s, stn_buf_t *b)
{
    char         name[STN_FLV_FOURCC_LEN + 1];
    uint32_t     n;
    stn_codec_e  codec;

    stn_amf_put_key(b, "capsEx");
    stn_amf_put_number(b, 0);

    stn_amf_put_key(b, "audioFourCcInfoMap");
    stn_amf_put_object(b);

    for (codec = STN_CODEC_AAC, n = 0; codec <= STN_CODEC_FLAC; codec++) {
        if (s->codecs & 1u << codec) {
            stn_flv_fourcc(codec, name);
            stn_amf_put_key(b, name);
            stn_amf_put_number(b, codec == STN_CODEC_AAC
                                  ? STN_RTMP_CAN_DECODE | STN_RTMP_CAN_FORWARD
                                  : STN_RTMP_CAN_DECODE);
            n++;
        }
    }

    stn_amf_put_end(b);

    stn_amf_put_key(b, "fourCcList");
    stn_amf_put_array(b, n);

    for (codec = STN_CODEC_AAC; codec <= STN_CODEC_FLAC; codec++) {
        if (s->codecs & 1u << codec) {
            stn_flv_fourcc(codec, name);
            stn_amf_put_string(b, name);
        }
    }
}


static void
stn_rtmp_put(stn_buf_t *b, const char *key, const char *value, size_t len)
{
    stn_str_t  v;

    v.data = value;
    v.len = stn_min(len, STN_RTMP_DESCRIPTION_MAX);

    stn_amf_put_key(b, key);
    stn_amf_put_str(b, &v);
}


/* The object that clients look into, left open for more. */

static void
stn_rtmp_put_info(stn_buf_t *b, const char *level, const char *code,
    const char *description)
{
    stn_amf_put_object(b);
    stn_rtmp_put(b, "level", level, strlen(level));
    stn_rtmp_put(b, "code", code, strlen(code));
    stn_rtmp_put(b, "description", description, strlen(description));
}


static void
stn_rtmp_send(stn_rtmp_t *s, unsigned csid, uint32_t stream_id)
{
    stn_rtmp_msg_t  m;

    if (s->scratch.failed) {
        s->out.failed = s->scratch.failed;
        return;
    }

    m.type = STN_RTMP_COMMAND_AMF0;
    m.stream_id = stream_id;
    m.time = 0;
    m.data = s->scratch.data;
    m.len = s->scratch.len;

    stn_rtmp_chunk_put(&s->out, s->chunk_size, csid, &m);
}


static void
stn_rtmp_send_result(stn_rtmp_t *s, double txn)
{
    stn_buf_t  *b;

    /* transaction 0 wants no answer (7.2.1.2); GStreamer's are */

    if (txn == 0) {
        return;
    }

    b = stn_rtmp_begin(s, "_result", txn);

    stn_amf_put_null(b);
    stn_amf_put_undefined(b);

    stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);
}


/* FMLE and some hardware encoders wait for these before they go on. */

static void
stn_rtmp_send_fc(stn_rtmp_t *s, const char *command, const char *code,
    const stn_str_t *name)
{
    stn_buf_t  *b;

    b = stn_rtmp_begin(s, command, 0);

    stn_amf_put_null(b);
    stn_amf_put_object(b);
    stn_rtmp_put(b, "code", code, strlen(code));
    stn_rtmp_put(b, "description", name->data, name->len);
    stn_amf_put_end(b);

    stn_rtmp_send(s, STN_RTMP_CS_COMMAND, 0);
}


/* 7.2.2 */

static void
stn_rtmp_send_status(stn_rtmp_t *s, const char *level, const char *code,
    const char *description)
{
    stn_buf_t  *b;

    b = stn_rtmp_begin(s, "onStatus", 0);

    stn_amf_put_null(b);
    stn_rtmp_put_info(b, level, code, description);
    stn_amf_put_end(b);

    stn_rtmp_send(s, STN_RTMP_CS_STATUS, STN_RTMP_STREAM_ID);
}


void
stn_rtmp_send_control(stn_rtmp_t *s, uint8_t type, uint32_t v, int extra)
{
    uint8_t     data[5];
    stn_bitw_t  w;

    stn_bitw_init(&w, data, sizeof(data));

    stn_bitw_put(&w, v, 32);

    if (extra >= 0) {
        stn_bitw_put(&w, (uint32_t) extra, 8);
    }

    stn_rtmp_send_message(s, type, data, stn_bitw_bytes(&w));
}


void
stn_rtmp_send_event(stn_rtmp_t *s, uint16_t event, uint32_t v)
{
    uint8_t     data[6];
    stn_bitw_t  w;

    stn_bitw_init(&w, data, sizeof(data));

    stn_bitw_put(&w, event, 16);
    stn_bitw_put(&w, v, 32);

    stn_rtmp_send_message(s, STN_RTMP_USER_CONTROL, data, sizeof(data));
}


static void
stn_rtmp_send_message(stn_rtmp_t *s, uint8_t type, const uint8_t *data,
    size_t len)
{
    stn_rtmp_msg_t  m;

    m.type = type;
    m.stream_id = 0;
    m.time = 0;
    m.data = data;
    m.len = len;

    stn_rtmp_chunk_put(&s->out, s->chunk_size, STN_RTMP_CS_CONTROL, &m);
}
