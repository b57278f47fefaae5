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


/* How long he who is refused is read, to let the reason arrive, and he who has
 * ended, to let him close. */
#define NGX_STREAM_STENTOR_RTMP_LINGER  2000


static ngx_int_t ngx_stream_stentor_rtmp_connect(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_identify(
    ngx_stream_stentor_rtmp_t *ctx, stn_str_t *query);
static ngx_int_t ngx_stream_stentor_rtmp_ask(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_access_t *a, const char *description);
static ngx_int_t ngx_stream_stentor_rtmp_publish(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_meta(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_config(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_audio(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_fed(ngx_stream_stentor_rtmp_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_stream_stentor_rtmp_close(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_play(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_shut(ngx_stream_stentor_rtmp_t *ctx,
    const char *code, const char *reason);
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

    ctx->source.app = ngx_stentor_app(ctx->scf, &name);

    if (ctx->source.app == NULL) {
        return ngx_stream_stentor_rtmp_refuse(ctx,
                                        NGX_STENTOR_INGEST_REFUSED_APPLICATION,
                                        NULL, "no such application");
    }

    ngx_stream_stentor_rtmp_encoder(ctx, &ctx->event.connect.encoder);

    if (ngx_stream_stentor_rtmp_identify(ctx, &ctx->event.connect.query)
        != NGX_OK)
    {
        return NGX_OK;
    }

    ctx->rtmp.codecs = ngx_stentor_source_codecs(ctx->source.app);

    return stn_rtmp_accept_connect(&ctx->rtmp) == STN_OK ? NGX_OK : NGX_ERROR;
}


/* Who he is, if his encoder has a password.  What came with the application is
 * kept: it may have a key.  NGX_DECLINED: he has been answered. */

static ngx_int_t
ngx_stream_stentor_rtmp_identify(ngx_stream_stentor_rtmp_t *ctx,
    stn_str_t *query)
{
    char                   description[STN_ADOBE_DESCRIPTION_MAX];
    stn_params_t           params;
    ngx_stentor_door_t    *door;
    ngx_stentor_access_t   a;

    door = &ctx->door;

    stn_params_init(&params);

    if (query->len > sizeof(ctx->query)
        || stn_params_read(&params, query) != STN_OK)
    {
        (void) ngx_stream_stentor_rtmp_refuse(ctx,
                                     NGX_STENTOR_INGEST_REFUSED_NAME, NULL,
                                     "too much comes with the application");
        return NGX_DECLINED;
    }

    door->app_query.data = ctx->query;
    door->app_query.len = query->len;

    if (query->len) {
        ngx_memcpy(ctx->query, query->data, query->len);
    }

    ngx_memzero(&a, sizeof(ngx_stentor_access_t));

    a.scf = ctx->scf;
    a.app = ctx->source.app;
    a.params = &params;
    a.address = door->from;

    if (ngx_stentor_access_connect(&a, description) != NGX_OK) {
        return ngx_stream_stentor_rtmp_ask(ctx, &a, description);
    }

    door->user.data = (char *) ctx->user;
    door->user.len = ngx_min(a.user.len, sizeof(ctx->user));

    if (door->user.len) {
        ngx_memcpy(ctx->user, a.user.data, door->user.len);
    }

    return NGX_OK;
}


/* He is asked who he is, and comes again; or he has failed to prove it.  The
 * description has a challenge: the log gets the reason. */

static ngx_int_t
ngx_stream_stentor_rtmp_ask(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_access_t *a, const char *description)
{
    if (a->counter != NGX_STENTOR_COUNTERS) {
        ngx_stream_stentor_rtmp_count(ctx, a->counter, 1);
    }

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "broadcaster is not let in: %s", a->reason);

    (void) ngx_stream_stentor_rtmp_shut(ctx, NULL, description);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_stream_stentor_rtmp_publish(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_int_t            rc;
    ngx_stentor_door_t  *door;

    door = &ctx->door;

    door->app = ctx->source.app;
    door->request.data = (u_char *) ctx->event.publish.name.data;
    door->request.len = ctx->event.publish.name.len;
    door->query.data = (u_char *) ctx->event.publish.query.data;
    door->query.len = ctx->event.publish.query.len;

    rc = ngx_stentor_door_enter(door);

    if (rc == NGX_AGAIN) {

        /* he has done all that he can: the door has a time-out of its own */

        if (ctx->connection->read->timer_set) {
            ngx_del_timer(ctx->connection->read);
        }

        return NGX_AGAIN;
    }

    return ngx_stream_stentor_rtmp_entered(ctx, rc);
}


ngx_int_t
ngx_stream_stentor_rtmp_entered(ngx_stream_stentor_rtmp_t *ctx, ngx_int_t rc)
{
    ngx_stentor_door_t  *door;

    door = &ctx->door;

    if (rc != NGX_OK) {
        return ngx_stream_stentor_rtmp_reject(ctx);
    }

    ctx->rtmp.track = (unsigned) door->track;
    ctx->source.name = door->name;
    ctx->source.yields = door->yields;

    ctx->publishing = 1;
    ngx_stream_stentor_rtmp_count(ctx, NGX_STENTOR_INGEST_SESSIONS, 1);

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "broadcaster publishes stream \"%V/%V\"",
                  &ctx->source.app->name, &ctx->source.name);

    ngx_stream_stentor_rtmp_expect(ctx, ctx->media_timeout);

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
    if (ctx->ended) {
        return NGX_OK;
    }

    return ngx_stream_stentor_rtmp_fed(ctx,
               ngx_stentor_source_config(ctx->scf->worker.lives, &ctx->source,
                                         ctx->event.config.codec,
                                         ctx->event.config.data,
                                         ctx->event.config.len));
}


static ngx_int_t
ngx_stream_stentor_rtmp_audio(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->ended) {
        return NGX_OK;
    }

    rc = ngx_stentor_source_unit(ctx->scf->worker.lives, &ctx->source,
                                 &ctx->event.au);

    if (rc == NGX_OK) {
        ngx_stream_stentor_rtmp_expect(ctx, ctx->media_timeout);

    } else if (rc == NGX_AGAIN) {
        ngx_del_timer(ctx->connection->read);
    }

    return ngx_stream_stentor_rtmp_fed(ctx, rc);
}


/* Whom his stream cannot take is told so. */

static ngx_int_t
ngx_stream_stentor_rtmp_fed(ngx_stream_stentor_rtmp_t *ctx, ngx_int_t rc)
{
    if (rc == NGX_DECLINED) {
        return ngx_stream_stentor_rtmp_refuse(ctx, ctx->source.counter,
                                        ctx->source.counter
                                        == NGX_STENTOR_INGEST_REFUSED_TAKEN
                                        ? "NetStream.Publish.BadName"
                                        : "NetStream.Publish.Denied",
                                        ctx->source.reason);
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

    /* he closes now: to GStreamer, a server that is faster is an error */

    if (ctx->event.type == STN_RTMP_EV_CLOSE) {
        ngx_stentor_door_leave(&ctx->door);
        ctx->closing = 1;
        ngx_add_timer(ctx->connection->read, NGX_STREAM_STENTOR_RTMP_LINGER);
    }

    return NGX_OK;
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

    if (ctx->publishing || ctx->source.app) {
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


/* The door has refused him, and has counted and logged it. */

ngx_int_t
ngx_stream_stentor_rtmp_reject(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_stentor_door_t  *door;

    door = &ctx->door;

    return ngx_stream_stentor_rtmp_shut(ctx,
                                  door->refusal == NGX_STENTOR_DOOR_BAD_NAME
                                  || door->refusal == NGX_STENTOR_DOOR_TAKEN
                                  ? "NetStream.Publish.BadName"
                                  : "NetStream.Publish.Denied", door->reason);
}


ngx_int_t
ngx_stream_stentor_rtmp_refuse(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, const char *code, const char *reason)
{
    if (counter != NGX_STENTOR_COUNTERS) {
        ngx_stream_stentor_rtmp_count(ctx, counter, 1);
    }

    ngx_log_error(NGX_LOG_INFO, ctx->connection->log, 0,
                  "broadcaster is refused: %s", reason);

    return ngx_stream_stentor_rtmp_shut(ctx, code, reason);
}


static ngx_int_t
ngx_stream_stentor_rtmp_shut(ngx_stream_stentor_rtmp_t *ctx, const char *code,
    const char *reason)
{
    ngx_stentor_live_detach(&ctx->source);

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
