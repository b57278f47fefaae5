/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP ingest: a content handler of nginx's stream module, so that listening,
 * TLS, access control and logging are nginx's own.  It moves bytes between
 * the socket and the library's session (stn_rtmp) and acts on its events: it
 * attaches the broadcaster to the live of his stream and feeds it his audio.
 * Video goes by in the read buffer and is never kept.
 *
 * A broadcaster who is refused is told why and then read for a little longer:
 * closing on unread video would reset the connection, and the reason with it.
 */

#include "ngx_stentor_live.h"
#include "wire/stn_rtmp.h"
#include "wire/stn_wire_format.h"

#include <ngx_stream.h>


#define NGX_STREAM_STENTOR_RTMP_BUFFER  16384

/* Buffers read from one session before others get their turn. */
#define NGX_STREAM_STENTOR_RTMP_READS   16

/* How long a refused broadcaster is read, to let the reason arrive. */
#define NGX_STREAM_STENTOR_RTMP_LINGER  2000

/* Why a codec is refused, in words. */
#define NGX_STREAM_STENTOR_RTMP_REASON  80


typedef struct {
    ngx_flag_t                  enable;
    ngx_msec_t                  handshake_timeout;
    ngx_msec_t                  media_timeout;
} ngx_stream_stentor_rtmp_conf_t;


typedef struct {
    ngx_stream_session_t       *session;
    ngx_connection_t           *connection;
    stn_rtmp_t                  rtmp;
    stn_rtmp_event_t            event;      /* the one in hand */
    ngx_stentor_source_t        source;
    ngx_stentor_conf_t         *scf;
    ngx_stentor_app_t          *app;
    ngx_msec_t                  media_timeout;
    stn_format_t                format;     /* of what he sends */
    ngx_msec_t                  due;        /* when his wait is over */
    uint64_t                    bytes;      /* counted so far */
    uint64_t                    video_messages;
    uint64_t                    video_bytes;
    unsigned                    publishing:1;
    unsigned                    waiting:1;  /* for a stream that is fought
                                               for */
    unsigned                    ended:1;    /* he said so; what follows is
                                               dropped */
    unsigned                    blocked:1;  /* the event waits for room */
    unsigned                    closing:1;  /* refused; the rest is dropped */
    ngx_uint_t                  status;     /* for the access log */
    ngx_str_t                   name;       /* of the stream */
    u_char                      name_data[NGX_STENTOR_NAME_MAX];
    u_char                      buffer[NGX_STREAM_STENTOR_RTMP_BUFFER];
} ngx_stream_stentor_rtmp_t;


static void ngx_stream_stentor_rtmp_handler(ngx_stream_session_t *s);
static void ngx_stream_stentor_rtmp_probe(ngx_connection_t *c);
static ngx_stream_stentor_rtmp_t *ngx_stream_stentor_rtmp_create(
    ngx_stream_session_t *s);
static void ngx_stream_stentor_rtmp_cleanup(void *data);
static void ngx_stream_stentor_rtmp_read(ngx_event_t *rev);
static void ngx_stream_stentor_rtmp_write(ngx_event_t *wev);
static ngx_int_t ngx_stream_stentor_rtmp_receive(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_run(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_send(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_finish(ngx_stream_stentor_rtmp_t *ctx,
    ngx_int_t rc);
static void ngx_stream_stentor_rtmp_timeout(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_account(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_event(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_connect(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_publish(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_meta(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_config(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_attach(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_not_carried(
    ngx_stream_stentor_rtmp_t *ctx, stn_codec_e codec);
static ngx_uint_t ngx_stream_stentor_rtmp_carries(
    ngx_stream_stentor_rtmp_t *ctx, stn_format_t *format);
static ngx_int_t ngx_stream_stentor_rtmp_audio(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_close(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_play(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_broken(
    ngx_stream_stentor_rtmp_t *ctx, int rc);
static ngx_int_t ngx_stream_stentor_rtmp_refuse(
    ngx_stream_stentor_rtmp_t *ctx, ngx_stentor_counter_e counter,
    const char *code, const char *reason);
static void ngx_stream_stentor_rtmp_live(void *data,
    ngx_stentor_live_event_e ev, const char *reason);
static void ngx_stream_stentor_rtmp_count(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, int64_t n);
static void ngx_stream_stentor_rtmp_encoder(ngx_stream_stentor_rtmp_t *ctx,
    stn_str_t *encoder);
static void *ngx_stream_stentor_rtmp_create_conf(ngx_conf_t *cf);
static char *ngx_stream_stentor_rtmp_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_stream_stentor_rtmp(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_stream_stentor_rtmp_commands[] = {

    { ngx_string("stentor_rtmp"),
      NGX_STREAM_SRV_CONF|NGX_CONF_NOARGS,
      ngx_stream_stentor_rtmp,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("stentor_rtmp_handshake_timeout"),
      NGX_STREAM_MAIN_CONF|NGX_STREAM_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_stentor_rtmp_conf_t, handshake_timeout),
      NULL },

    { ngx_string("stentor_rtmp_media_timeout"),
      NGX_STREAM_MAIN_CONF|NGX_STREAM_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_stentor_rtmp_conf_t, media_timeout),
      NULL },

      ngx_null_command
};


static ngx_stream_module_t  ngx_stream_stentor_rtmp_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_stream_stentor_rtmp_create_conf,   /* create server configuration */
    ngx_stream_stentor_rtmp_merge_conf     /* merge server configuration */
};


ngx_module_t  ngx_stream_stentor_rtmp_module = {
    NGX_MODULE_V1,
    &ngx_stream_stentor_rtmp_module_ctx,   /* module context */
    ngx_stream_stentor_rtmp_commands,      /* module directives */
    NGX_STREAM_MODULE,                     /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_stentor_worker_init,               /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* What is done about each event of the session, by its number. */

static const struct {
    ngx_int_t  (*handler)(ngx_stream_stentor_rtmp_t *ctx);
} ngx_stream_stentor_rtmp_events[] = {
    [STN_RTMP_EV_CONNECT]   = { ngx_stream_stentor_rtmp_connect },
    [STN_RTMP_EV_PUBLISH]   = { ngx_stream_stentor_rtmp_publish },
    [STN_RTMP_EV_META]      = { ngx_stream_stentor_rtmp_meta },
    [STN_RTMP_EV_CONFIG]    = { ngx_stream_stentor_rtmp_config },
    [STN_RTMP_EV_AUDIO]     = { ngx_stream_stentor_rtmp_audio },
    [STN_RTMP_EV_UNPUBLISH] = { ngx_stream_stentor_rtmp_close },
    [STN_RTMP_EV_CLOSE]     = { ngx_stream_stentor_rtmp_close },
    [STN_RTMP_EV_PLAY]      = { ngx_stream_stentor_rtmp_play },
};


static void
ngx_stream_stentor_rtmp_handler(ngx_stream_session_t *s)
{
    ngx_connection_t                *c;
    ngx_stream_stentor_rtmp_t       *ctx;
    ngx_stream_stentor_rtmp_conf_t  *rcf;

    c = s->connection;
    c->log->action = "receiving rtmp";

    ctx = ngx_stream_stentor_rtmp_create(s);
    if (ctx == NULL) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_CONNECTIONS, 1);
    ngx_stream_stentor_rtmp_probe(c);

    c->read->handler = ngx_stream_stentor_rtmp_read;
    c->write->handler = ngx_stream_stentor_rtmp_write;

    rcf = ngx_stream_get_module_srv_conf(s, ngx_stream_stentor_rtmp_module);
    ngx_add_timer(c->read, rcf->handshake_timeout);

    /* what a preread phase may have read already */

    if (c->buffer && c->buffer->pos < c->buffer->last) {
        stn_rtmp_feed(&ctx->rtmp, c->buffer->pos,
                      c->buffer->last - c->buffer->pos);

        if (ngx_stream_stentor_rtmp_run(ctx) != NGX_OK) {
            return;
        }
    }

    ngx_stream_stentor_rtmp_read(c->read);
}


/* A peer whose cable was cut says nothing: the kernel is told to ask him, so
 * that he is noticed after some four seconds.  Where it cannot, the media
 * timeout will do. */

static void
ngx_stream_stentor_rtmp_probe(ngx_connection_t *c)
{
    int         value;
    ngx_uint_t  i;

    static const struct {
        int     level;
        int     name;
        int     value;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 2 },
        { IPPROTO_TCP, TCP_KEEPINTVL, 1 },
        { IPPROTO_TCP, TCP_KEEPCNT, 2 },
    };

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        value = options[i].value;

        (void) setsockopt(c->fd, options[i].level, options[i].name,
                          (const void *) &value, sizeof(value));
    }
}


static ngx_stream_stentor_rtmp_t *
ngx_stream_stentor_rtmp_create(ngx_stream_session_t *s)
{
    uint32_t                         seed[STN_RTMP_RANDOM_LEN / 4];
    ngx_uint_t                       i;
    ngx_connection_t                *c;
    ngx_pool_cleanup_t              *cln;
    ngx_stream_stentor_rtmp_t       *ctx;
    ngx_stream_stentor_rtmp_conf_t  *rcf;

    c = s->connection;

    cln = ngx_pool_cleanup_add(c->pool, 0);
    ctx = ngx_pcalloc(c->pool, sizeof(ngx_stream_stentor_rtmp_t));
    if (cln == NULL || ctx == NULL) {
        return NULL;
    }

    for (i = 0; i < STN_RTMP_RANDOM_LEN / 4; i++) {
        seed[i] = (uint32_t) ngx_random();
    }

    stn_rtmp_init(&ctx->rtmp, (uint8_t *) seed);

    cln->handler = ngx_stream_stentor_rtmp_cleanup;
    cln->data = ctx;

    rcf = ngx_stream_get_module_srv_conf(s, ngx_stream_stentor_rtmp_module);

    ctx->session = s;
    ctx->connection = c;
    ctx->scf = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle);
    ctx->media_timeout = rcf->media_timeout;
    ctx->status = NGX_STREAM_OK;

    ctx->source.handler = ngx_stream_stentor_rtmp_live;
    ctx->source.data = ctx;
    ctx->source.id = c->number;
    ctx->source.protocol = c->ssl ? "rtmps" : "rtmp";

    ngx_snprintf((u_char *) ctx->source.address,
                 sizeof(ctx->source.address) - 1, "%V", &c->addr_text);

    ngx_stream_set_ctx(s, ctx, ngx_stream_stentor_rtmp_module);

    return ctx;
}


static void
ngx_stream_stentor_rtmp_cleanup(void *data)
{
    ngx_stream_stentor_rtmp_t *ctx = data;

    ngx_stream_stentor_rtmp_account(ctx);
    ngx_stentor_live_detach(&ctx->source);

    if (ctx->publishing) {
        ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_SESSIONS, -1);
    }

    stn_rtmp_free(&ctx->rtmp);
}


static void
ngx_stream_stentor_rtmp_read(ngx_event_t *rev)
{
    ngx_int_t                   rc;
    ngx_uint_t                  n;
    ngx_connection_t           *c;
    ngx_stream_session_t       *s;
    ngx_stream_stentor_rtmp_t  *ctx;

    c = rev->data;
    s = c->data;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_stentor_rtmp_module);

    if (c->close) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0, "worker shuts down");
        ngx_stream_finalize_session(s, NGX_STREAM_OK);
        return;
    }

    if (rev->timedout) {
        ngx_stream_stentor_rtmp_timeout(ctx);
        return;
    }

    for (n = 0; n < NGX_STREAM_STENTOR_RTMP_READS; n++) {

        if (ctx->blocked) {
            return;
        }

        rc = ngx_stream_stentor_rtmp_receive(ctx);

        if (rc == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_stream_finalize_session(s,
                                            NGX_STREAM_INTERNAL_SERVER_ERROR);
            }

            return;
        }

        if (rc != NGX_OK) {
            return;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}


/* Reads one buffer and acts on it.  Anything but NGX_OK and NGX_AGAIN: the
 * session is gone. */

static ngx_int_t
ngx_stream_stentor_rtmp_receive(ngx_stream_stentor_rtmp_t *ctx)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = ctx->connection;

    n = c->recv(c, ctx->buffer, sizeof(ctx->buffer));

    if (n == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (n == NGX_ERROR || n == 0) {
        if (ctx->publishing && ctx->source.live) {
            ngx_log_error(NGX_LOG_INFO, c->log, 0,
                          "broadcaster closed the connection without ending "
                          "stream \"%V\"", &ctx->source.live->name);
        }

        ngx_stream_finalize_session(ctx->session, ctx->status);
        return NGX_DONE;
    }

    ctx->source.bytes += n;
    ctx->session->received = ctx->source.bytes;

    if (ctx->closing) {
        return NGX_OK;
    }

    stn_rtmp_feed(&ctx->rtmp, ctx->buffer, n);

    return ngx_stream_stentor_rtmp_run(ctx);
}


/* Acts on all that was fed, as far as there is room. */

static ngx_int_t
ngx_stream_stentor_rtmp_run(ngx_stream_stentor_rtmp_t *ctx)
{
    int        next;
    ngx_int_t  rc;

    rc = NGX_OK;

    while (rc == NGX_OK && !ctx->closing) {

        next = stn_rtmp_next(&ctx->rtmp, &ctx->event);

        if (next == STN_AGAIN) {
            break;
        }

        rc = (next == STN_OK) ? ngx_stream_stentor_rtmp_event(ctx)
                              : ngx_stream_stentor_rtmp_broken(ctx, next);
    }

    ngx_stream_stentor_rtmp_account(ctx);

    if (rc == NGX_AGAIN) {
        ctx->blocked = 1;
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_stream_stentor_rtmp_send(ctx);
    }

    if (rc != NGX_OK) {
        ngx_stream_stentor_rtmp_finish(ctx, rc);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* NGX_DONE: he ended in order. */

static void
ngx_stream_stentor_rtmp_finish(ngx_stream_stentor_rtmp_t *ctx, ngx_int_t rc)
{
    ngx_stream_finalize_session(ctx->session,
                                rc == NGX_DONE ? ctx->status
                                : (ngx_uint_t)
                                  NGX_STREAM_INTERNAL_SERVER_ERROR);
}


static ngx_int_t
ngx_stream_stentor_rtmp_send(ngx_stream_stentor_rtmp_t *ctx)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = ctx->connection;

    while (ctx->rtmp.out.len) {

        n = c->send(c, ctx->rtmp.out.data, ctx->rtmp.out.len);

        if (n == NGX_AGAIN) {
            return ngx_handle_write_event(c->write, 0);
        }

        if (n == NGX_ERROR) {
            return NGX_DONE;
        }

        stn_buf_drain(&ctx->rtmp.out, n);
    }

    return NGX_OK;
}


static void
ngx_stream_stentor_rtmp_write(ngx_event_t *wev)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_stream_session_t       *s;
    ngx_stream_stentor_rtmp_t  *ctx;

    c = wev->data;
    s = c->data;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_stentor_rtmp_module);

    rc = ngx_stream_stentor_rtmp_send(ctx);

    if (rc != NGX_OK) {
        ngx_stream_stentor_rtmp_finish(ctx, rc);
    }
}


static void
ngx_stream_stentor_rtmp_timeout(ngx_stream_stentor_rtmp_t *ctx)
{
    if (!ctx->closing) {
        ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_TIMEOUTS, 1);

        ngx_log_error(NGX_LOG_INFO, ctx->connection->log, NGX_ETIMEDOUT,
                      ctx->publishing ? "broadcaster sends no audio"
                                      : "client did not begin to publish");

        ctx->status = NGX_STREAM_BAD_REQUEST;
    }

    ngx_stream_finalize_session(ctx->session, ctx->status);
}


/* Brings the worker's counters and the status up to what the session saw. */

static void
ngx_stream_stentor_rtmp_account(ngx_stream_stentor_rtmp_t *ctx)
{
    stn_rtmp_chunk_t      *chunks;
    ngx_stentor_source_t  *source;

    source = &ctx->source;
    chunks = &ctx->rtmp.chunks;

    source->video_messages = chunks->video_messages;
    source->video_bytes = chunks->video_bytes;

    if (source->bytes != ctx->bytes) {
        ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_BYTES,
                                      source->bytes - ctx->bytes);
        ctx->bytes = source->bytes;
    }

    if (source->video_bytes != ctx->video_bytes) {
        ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_VIDEO_MESSAGES,
                                 source->video_messages - ctx->video_messages);
        ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_VIDEO_BYTES,
                                      source->video_bytes - ctx->video_bytes);
        ctx->video_messages = source->video_messages;
        ctx->video_bytes = source->video_bytes;
    }

    ngx_stentor_live_show(source, 0);
}


/* NGX_OK: go on; NGX_AGAIN: the event in hand waits for room; NGX_DONE: the
 * session is over. */

static ngx_int_t
ngx_stream_stentor_rtmp_event(ngx_stream_stentor_rtmp_t *ctx)
{
    return ngx_stream_stentor_rtmp_events[ctx->event.type].handler(ctx);
}


static ngx_int_t
ngx_stream_stentor_rtmp_connect(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_str_t  name;

    name.data = (u_char *) ctx->event.connect.app.data;
    name.len = ctx->event.connect.app.len;

    ctx->app = ngx_stentor_app(ctx->scf, &name);

    if (ctx->app == NULL) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_APPLICATION,
                                        NULL, "no such application");
    }

    ngx_stream_stentor_rtmp_encoder(ctx, &ctx->event.connect.encoder);

    return stn_rtmp_accept_connect(&ctx->rtmp) == STN_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_stream_stentor_rtmp_publish(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_str_t  name;

    name.data = (u_char *) ctx->event.publish.name.data;
    name.len = ctx->event.publish.name.len;

    if (ngx_stentor_name_check(&name) != NGX_OK
        || ctx->app->name.len + 1 + name.len > NGX_STENTOR_NAME_MAX)
    {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_NAME,
                                        "NetStream.Publish.BadName",
                                        "a stream name is letters, digits, "
                                        "dot, underscore and dash");
    }

    ctx->name.data = ctx->name_data;
    ctx->name.len = name.len;
    ngx_memcpy(ctx->name_data, name.data, name.len);

    ctx->publishing = 1;
    ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_SESSIONS, 1);

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "broadcaster publishes stream \"%V/%V\"",
                  &ctx->app->name, &ctx->name);

    ngx_add_timer(ctx->connection->read, ctx->media_timeout);

    return stn_rtmp_accept_publish(&ctx->rtmp) == STN_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_stream_stentor_rtmp_meta(ngx_stream_stentor_rtmp_t *ctx)
{
    stn_flv_meta_t  *meta;

    meta = &ctx->event.meta;

    ctx->source.bitrate = meta->audio_bit_rate;

    if (meta->encoder.len) {
        ngx_stream_stentor_rtmp_encoder(ctx, &meta->encoder);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stream_stentor_rtmp_config(ngx_stream_stentor_rtmp_t *ctx)
{
    int            rc;
    const char    *reason;
    stn_format_t   format;

    if (ctx->ended) {
        return NGX_OK;
    }

    rc = stn_wire_format(&format, ctx->event.config.codec,
                         ctx->event.config.data, ctx->event.config.len,
                         &reason);

    if (!ngx_stream_stentor_rtmp_carries(ctx, &format)) {
        return ngx_stream_stentor_rtmp_not_carried(ctx, format.codec);
    }

    if (rc != STN_OK) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_CODEC,
                                        "NetStream.Publish.Denied", reason);
    }

    /* encoders repeat it */

    if (ctx->source.live
        && stn_format_same(&ctx->source.live->format, &format))
    {
        return NGX_OK;
    }

    /* another one in mid-session: he comes anew */

    ngx_stentor_live_detach(&ctx->source);

    ctx->format = format;

    return ngx_stream_stentor_rtmp_attach(ctx);
}


/* Takes the stream, or is told how long to wait for it. */

static ngx_int_t
ngx_stream_stentor_rtmp_attach(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_stentor_live_attach(ctx->scf->worker.lives, ctx->app, &ctx->name,
                                 &ctx->format, &ctx->source);

    ctx->waiting = (rc == NGX_AGAIN);

    if (ctx->waiting) {
        ctx->due = ngx_current_msec + ctx->source.wait;
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_FULL,
                                        "NetStream.Publish.Denied",
                                        "the node has as many streams as it "
                                        "may");
    }

    if (rc == NGX_DECLINED) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_CODEC,
                                        "NetStream.Publish.Denied",
                                        ctx->source.reason);
    }

    return rc;
}


/* Whether the application can do with this audio.  One that passes it through
 * can with AAC alone. */

static ngx_uint_t
ngx_stream_stentor_rtmp_carries(ngx_stream_stentor_rtmp_t *ctx,
    stn_format_t *format)
{
    return format->codec == STN_CODEC_AAC || ctx->app->nrenditions;
}


static ngx_int_t
ngx_stream_stentor_rtmp_not_carried(ngx_stream_stentor_rtmp_t *ctx,
    stn_codec_e codec)
{
    u_char  reason[NGX_STREAM_STENTOR_RTMP_REASON];

    ngx_snprintf(reason, sizeof(reason), "%s audio is not passed through: "
                 "configure a rendition%Z", stn_wire_codec(codec));

    return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_CODEC,
                                        "NetStream.Publish.Denied",
                                        (char *) reason);
}


static ngx_int_t
ngx_stream_stentor_rtmp_audio(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->ended) {
        return NGX_OK;
    }

    /* what he sends meanwhile would be old when his turn comes */

    if (ctx->waiting) {
        ngx_add_timer(ctx->connection->read, ctx->media_timeout);

        if ((ngx_msec_int_t) (ctx->due - ngx_current_msec) > 0) {
            return NGX_OK;
        }

        rc = ngx_stream_stentor_rtmp_attach(ctx);

        if (rc != NGX_OK || ctx->waiting || ctx->closing) {
            return rc;
        }
    }

    rc = ngx_stentor_live_feed(&ctx->source, &ctx->event.au);

    if (rc == NGX_OK) {
        ngx_add_timer(ctx->connection->read, ctx->media_timeout);

    } else if (rc == NGX_AGAIN) {
        ngx_del_timer(ctx->connection->read);
    }

    return rc;
}


static ngx_int_t
ngx_stream_stentor_rtmp_close(ngx_stream_stentor_rtmp_t *ctx)
{
    if (ctx->source.live) {
        ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                      "broadcaster ended stream \"%V\"",
                      &ctx->source.live->name);

        ngx_stentor_live_detach(&ctx->source);
    }

    ctx->ended = 1;

    return ctx->event.type == STN_RTMP_EV_CLOSE ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_stream_stentor_rtmp_play(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_REFUSED_PLAY, 1);

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "play over rtmp is refused: listeners use hls");

    ctx->closing = 1;
    ctx->status = NGX_STREAM_FORBIDDEN;
    ngx_add_timer(ctx->connection->read, NGX_STREAM_STENTOR_RTMP_LINGER);

    return NGX_OK;
}


/* The session failed: audio of no codec that is known, or bytes that are not
 * RTMP. */

static ngx_int_t
ngx_stream_stentor_rtmp_broken(ngx_stream_stentor_rtmp_t *ctx, int rc)
{
    const char  *reason;

    reason = ctx->rtmp.reason;

    if (rc == STN_UNSUPPORTED) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_CODEC,
                                        "NetStream.Publish.Denied", reason);
    }

    if (ctx->publishing || ctx->app) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_PROTOCOL_ERRORS,
                                        "NetStream.Failed", reason);
    }

    ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_HANDSHAKE_FAILURES,
                                  1);

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "client is no rtmp broadcaster: %s", reason);

    ctx->status = NGX_STREAM_BAD_REQUEST;

    return NGX_DONE;
}


/* Tells him why and closes a little later.  Without a code it is his connect
 * that is refused. */

static ngx_int_t
ngx_stream_stentor_rtmp_refuse(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, const char *code, const char *reason)
{
    ngx_stentor_live_detach(&ctx->source);

    if (counter != NGX_STENTOR_COUNTERS) {
        ngx_stream_stentor_rtmp_count(ctx, counter, 1);
    }

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "broadcaster is refused: %s", reason);

    if (code) {
        (void) stn_rtmp_reject_publish(&ctx->rtmp, code, reason);
    } else {
        (void) stn_rtmp_reject_connect(&ctx->rtmp, reason);
    }

    ctx->closing = 1;
    ctx->status = NGX_STREAM_FORBIDDEN;

    ngx_add_timer(ctx->connection->read, NGX_STREAM_STENTOR_RTMP_LINGER);

    return NGX_OK;
}


/* The live has something to say; the source is detached but for ROOM. */

static void
ngx_stream_stentor_rtmp_live(void *data, ngx_stentor_live_event_e ev,
    const char *reason)
{
    ngx_stream_stentor_rtmp_t *ctx = data;

    ngx_int_t  rc;

    if (ev == NGX_STENTOR_LIVE_ROOM) {

        if (!ctx->blocked) {
            return;
        }

        rc = ngx_stream_stentor_rtmp_event(ctx);

        if (rc == NGX_AGAIN) {
            return;
        }

        ctx->blocked = 0;

        if (rc != NGX_OK) {
            ngx_stream_stentor_rtmp_finish(ctx, rc);
            return;
        }

        if (ngx_stream_stentor_rtmp_run(ctx) == NGX_OK) {
            ngx_post_event(ctx->connection->read, &ngx_posted_events);
        }

        return;
    }

    ctx->blocked = 0;

    if (ngx_stream_stentor_rtmp_refuse(ctx, NGX_STENTOR_COUNTERS,
                                       ev == NGX_STENTOR_LIVE_TAKEN
                                       ? "NetStream.Publish.BadName"
                                       : "NetStream.Publish.Denied", reason)
        != NGX_OK
        || ngx_stream_stentor_rtmp_send(ctx) != NGX_OK)
    {
        ngx_stream_finalize_session(ctx->session, ctx->status);
        return;
    }

    ngx_post_event(ctx->connection->read, &ngx_posted_events);
}


static void
ngx_stream_stentor_rtmp_count(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, int64_t n)
{
    ngx_stentor_store_count(ctx->scf->store, ctx->scf->worker.wake->slot,
                            counter, n);
}


/* Keeps what the broadcaster says he is, as far as it can be shown. */

static void
ngx_stream_stentor_rtmp_encoder(ngx_stream_stentor_rtmp_t *ctx,
    stn_str_t *encoder)
{
    char    ch;
    size_t  i, n;

    n = ngx_min(encoder->len, NGX_STENTOR_ENCODER_MAX - 1);

    for (i = 0; i < n; i++) {
        ch = encoder->data[i];
        ctx->source.encoder[i] = (ch < ' ' || ch > '~') ? '?' : ch;
    }

    ctx->source.encoder[n] = '\0';
}


static void *
ngx_stream_stentor_rtmp_create_conf(ngx_conf_t *cf)
{
    ngx_stream_stentor_rtmp_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_stentor_rtmp_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->handshake_timeout = NGX_CONF_UNSET_MSEC;
    conf->media_timeout = NGX_CONF_UNSET_MSEC;

    return conf;
}


static char *
ngx_stream_stentor_rtmp_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_stream_stentor_rtmp_conf_t *prev = parent;
    ngx_stream_stentor_rtmp_conf_t *conf = child;

    ngx_conf_merge_msec_value(conf->handshake_timeout,
                              prev->handshake_timeout, 5000);
    ngx_conf_merge_msec_value(conf->media_timeout, prev->media_timeout, 10000);

    return NGX_CONF_OK;
}


static char *
ngx_stream_stentor_rtmp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_stentor_rtmp_conf_t *rcf = conf;

    ngx_stream_core_srv_conf_t  *cscf;

    if (rcf->enable) {
        return "is duplicate";
    }

    rcf->enable = 1;

    cscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_core_module);
    cscf->handler = ngx_stream_stentor_rtmp_handler;

    return NGX_CONF_OK;
}
