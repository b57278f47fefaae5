/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * RTMP ingest: a content handler of nginx's stream module, so that listening,
 * TLS, access control and logging are nginx's own.  It moves bytes between
 * the socket and the library's session (stn_rtmp), whose events are acted upon
 * in ngx_stream_stentor_rtmp_events.c.  Video goes by in the read buffer and
 * is never kept.
 */

#include "ngx_stream_stentor_rtmp.h"
#include "store/ngx_stentor_admission.h"


/* Buffers read from one session before others get their turn. */
#define NGX_STREAM_STENTOR_RTMP_READS   16

/* When the event loop finds so late that there has been no audio, it has been
 * stopped: what came meanwhile is to be read first. */
#define NGX_STREAM_STENTOR_RTMP_LATE    1000


typedef struct {
    ngx_flag_t                  enable;
    ngx_msec_t                  handshake_timeout;
    ngx_msec_t                  media_timeout;
} ngx_stream_stentor_rtmp_conf_t;


static void ngx_stream_stentor_rtmp_handler(ngx_stream_session_t *s);
static void ngx_stream_stentor_rtmp_probe(ngx_connection_t *c);
static ngx_stream_stentor_rtmp_t *ngx_stream_stentor_rtmp_create(
    ngx_stream_session_t *s);
static void ngx_stream_stentor_rtmp_cleanup(void *data);
static void ngx_stream_stentor_rtmp_read(ngx_event_t *rev);
static void ngx_stream_stentor_rtmp_write(ngx_event_t *wev);
static void ngx_stream_stentor_rtmp_watch(ngx_stream_stentor_rtmp_t *ctx);
static ngx_uint_t ngx_stream_stentor_rtmp_gone(ngx_connection_t *c);
static ngx_int_t ngx_stream_stentor_rtmp_receive(
    ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_run(ngx_stream_stentor_rtmp_t *ctx);
static ngx_int_t ngx_stream_stentor_rtmp_send(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_finish(ngx_stream_stentor_rtmp_t *ctx,
    ngx_int_t rc);
static ngx_uint_t ngx_stream_stentor_rtmp_late(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_timeout(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_account(ngx_stream_stentor_rtmp_t *ctx);
static void ngx_stream_stentor_rtmp_door(void *data, ngx_int_t rc);
static void ngx_stream_stentor_rtmp_resume(ngx_stream_stentor_rtmp_t *ctx,
    ngx_int_t rc);
static void ngx_stream_stentor_rtmp_live(void *data,
    ngx_stentor_live_event_e ev, const char *reason);
#if (NGX_SSL)
static ngx_int_t ngx_stream_stentor_rtmp_log(ngx_stream_session_t *s);
static ngx_int_t ngx_stream_stentor_rtmp_init(ngx_conf_t *cf);
#endif
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
#if (NGX_SSL)
    ngx_stream_stentor_rtmp_init,          /* postconfiguration */
#else
    NULL,                                  /* postconfiguration */
#endif

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
#ifdef TCP_USER_TIMEOUT
        /* he is not asked while something is on its way to him; ms */
        { IPPROTO_TCP, TCP_USER_TIMEOUT, 3500 },
#endif
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

    ctx->door.scf = ctx->scf;
    ctx->door.protocol = ctx->source.protocol;
    ctx->door.address = ctx->source.address;
    ctx->door.encoder = ctx->source.encoder;
    ctx->door.log = c->log;
    ctx->door.from = ngx_stentor_admission_key(ctx->scf->store, c->sockaddr);
    ctx->door.handler = ngx_stream_stentor_rtmp_door;
    ctx->door.data = ctx;

    ngx_stream_set_ctx(s, ctx, ngx_stream_stentor_rtmp_module);

    return ctx;
}


static void
ngx_stream_stentor_rtmp_cleanup(void *data)
{
    ngx_stream_stentor_rtmp_t *ctx = data;

    ngx_stream_stentor_rtmp_account(ctx);
    ngx_stentor_door_leave(&ctx->door);
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

    if (rev->timedout && !ngx_stream_stentor_rtmp_late(ctx)) {
        ngx_stream_stentor_rtmp_timeout(ctx);
        return;
    }

    for (n = 0; n < NGX_STREAM_STENTOR_RTMP_READS; n++) {

        if (ctx->door.ask) {
            ngx_stream_stentor_rtmp_watch(ctx);
            return;
        }

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


/* Nothing is read from who waits at the door, but that he leaves is to be
 * noticed: nobody need be asked about him any more. */

static void
ngx_stream_stentor_rtmp_watch(ngx_stream_stentor_rtmp_t *ctx)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = ctx->connection;

    if (ngx_stream_stentor_rtmp_gone(c)) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "broadcaster left before he was let in");
        ngx_stream_finalize_session(ctx->session, ctx->status);
        return;
    }

    /* one that came with all he has to say is not listened to yet */

    if (!(ngx_event_flags & NGX_USE_CLEAR_EVENT)) {
        rc = ngx_handle_read_event(c->read, 0);

    } else if (!c->read->active) {
        rc = ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT);

    } else {
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        ngx_stream_finalize_session(ctx->session,
                                    NGX_STREAM_INTERNAL_SERVER_ERROR);
    }
}


static ngx_uint_t
ngx_stream_stentor_rtmp_gone(ngx_connection_t *c)
{
    char     byte;
    ssize_t  n;

    if (c->read->pending_eof) {
        return 1;
    }

    n = recv(c->fd, &byte, 1, MSG_PEEK);

    return n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN
                      && ngx_socket_errno != NGX_EINTR);
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

    if (ctx->publishing
        && ngx_stentor_door_meter(&ctx->door, (size_t) n) != NGX_OK)
    {
        (void) ngx_stream_stentor_rtmp_reject(ctx);
        return ngx_stream_stentor_rtmp_run(ctx);
    }

    stn_rtmp_feed(&ctx->rtmp, ctx->buffer, n);

    return ngx_stream_stentor_rtmp_run(ctx);
}


/* Acts on all that was fed, as far as there is room, and sends. */

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


void
ngx_stream_stentor_rtmp_expect(ngx_stream_stentor_rtmp_t *ctx, ngx_msec_t ms)
{
    ctx->due = ngx_current_msec + ms;

    ngx_add_timer(ctx->connection->read, ms);
}


/* Whether it may not be his fault that there was no audio: he gets a little
 * more time. */

static ngx_uint_t
ngx_stream_stentor_rtmp_late(ngx_stream_stentor_rtmp_t *ctx)
{
    if (!ctx->publishing || ctx->closing || ctx->ended
        || (ngx_msec_int_t) (ngx_current_msec - ctx->due)
           < NGX_STREAM_STENTOR_RTMP_LATE)
    {
        return 0;
    }

    ctx->connection->read->timedout = 0;
    ngx_stream_stentor_rtmp_expect(ctx, NGX_STREAM_STENTOR_RTMP_LATE);

    return 1;
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


/* Who waited at the door is let in, or refused. */

static void
ngx_stream_stentor_rtmp_door(void *data, ngx_int_t rc)
{
    ngx_stream_stentor_rtmp_t *ctx = data;

    ngx_stream_stentor_rtmp_resume(ctx,
                                   ngx_stream_stentor_rtmp_entered(ctx, rc));
}


/* The event that waited is done, with rc: what was fed behind it comes next,
 * and then what has not been read. */

static void
ngx_stream_stentor_rtmp_resume(ngx_stream_stentor_rtmp_t *ctx, ngx_int_t rc)
{
    ctx->blocked = 0;

    if (rc != NGX_OK) {
        ngx_stream_stentor_rtmp_finish(ctx, rc);
        return;
    }

    if (ngx_stream_stentor_rtmp_run(ctx) == NGX_OK) {
        ngx_post_event(ctx->connection->read, &ngx_posted_events);
    }
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

        if (rc != NGX_AGAIN) {
            ngx_stream_stentor_rtmp_resume(ctx, rc);
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


void
ngx_stream_stentor_rtmp_count(ngx_stream_stentor_rtmp_t *ctx,
    ngx_stentor_counter_e counter, int64_t n)
{
    ngx_stentor_store_count(ctx->scf->store, ctx->scf->worker.wake->slot,
                            counter, n);
}


#if (NGX_SSL)

/* TLS comes before the content handler: who fails at it has no session of
 * ours, and is counted here. */

static ngx_int_t
ngx_stream_stentor_rtmp_log(ngx_stream_session_t *s)
{
    ngx_connection_t                *c;
    ngx_stentor_conf_t              *scf;
    ngx_stream_stentor_rtmp_conf_t  *rcf;

    c = s->connection;
    rcf = ngx_stream_get_module_srv_conf(s, ngx_stream_stentor_rtmp_module);

    if (!rcf->enable || c->ssl == NULL || c->ssl->handshaked) {
        return NGX_OK;
    }

    scf = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle);

    ngx_stentor_store_count(scf->store, scf->worker.wake->slot,
                            NGX_STENTOR_INGEST_CONNECTIONS, 1);
    ngx_stentor_store_count(scf->store, scf->worker.wake->slot,
                            NGX_STENTOR_INGEST_HANDSHAKE_FAILURES, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_stream_stentor_rtmp_init(ngx_conf_t *cf)
{
    ngx_stream_handler_pt        *h;
    ngx_stream_core_main_conf_t  *cmcf;

    cmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_STREAM_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_stream_stentor_rtmp_log;

    return NGX_OK;
}

#endif


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
