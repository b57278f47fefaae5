/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is done about the events of an RTMP session: the broadcaster is
 * attached to the live of his stream, and feeds it his audio.  Event loop
 * only; called by the module as bytes come in, and again when there is room.
 *
 * A broadcaster who is refused is told why and then read for a little longer:
 * closing on unread video would reset the connection, and the reason with it.
 */

#include "ngx_stream_stentor_rtmp.h"
#include "wire/stn_wire_format.h"


/* How long a refused broadcaster is read, to let the reason arrive. */
#define NGX_STREAM_STENTOR_RTMP_LINGER  2000

/* Why a codec is refused, in words. */
#define NGX_STREAM_STENTOR_RTMP_REASON  80

/* What a ladder decodes, as stn_rtmp_t's codecs. */
#define NGX_STREAM_STENTOR_RTMP_CODECS                                        \
    (1 << STN_CODEC_AAC | 1 << STN_CODEC_OPUS | 1 << STN_CODEC_MP3            \
     | 1 << STN_CODEC_AC3 | 1 << STN_CODEC_EAC3 | 1 << STN_CODEC_FLAC)


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
static void ngx_stream_stentor_rtmp_encoder(ngx_stream_stentor_rtmp_t *ctx,
    stn_str_t *encoder);


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


ngx_int_t
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

    if (ctx->app->nrenditions) {
        ctx->rtmp.codecs = NGX_STREAM_STENTOR_RTMP_CODECS;
    }

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

    /* encoders repeat it; who waits goes on waiting */

    if (ctx->waiting) {
        ctx->format = format;
        return NGX_OK;
    }

    if (ctx->source.live
        && stn_format_same(&ctx->source.live->format, &format))
    {
        return NGX_OK;
    }

    /* or another one in mid-session: he goes on with that */

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
        return ngx_stream_stentor_rtmp_refuse(ctx, ctx->source.counter,
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

    /* what he sends meanwhile would be old when his turn comes: in time, or
     * when whoever has the stream has gone */

    if (ctx->waiting) {
        ngx_add_timer(ctx->connection->read, ctx->media_timeout);

        if ((ngx_msec_int_t) (ctx->due - ngx_current_msec) > 0
            && ngx_stentor_live_taken_by(ctx->scf->worker.lives, ctx->app,
                                         &ctx->name))
        {
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

ngx_int_t
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


ngx_int_t
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
