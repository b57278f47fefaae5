/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whether a source may have a stream (see ngx_stentor_live_may.h): what the
 * store and this worker know of it, before its thread is asked.
 */

#include "ngx_stentor_live_may.h"


static ngx_int_t ngx_stentor_live_fits(ngx_stentor_lives_t *lives,
    ngx_str_t *key, ngx_stentor_source_t *source);
static ngx_uint_t ngx_stentor_live_current(ngx_stentor_lives_t *lives,
    ngx_stentor_rendition_t *rend, const stn_format_t *format);
static ngx_int_t ngx_stentor_live_yield(ngx_stentor_lives_t *lives,
    ngx_str_t *key, ngx_stentor_source_t *source);
static ngx_int_t ngx_stentor_live_fight(ngx_stentor_lives_t *lives,
    ngx_str_t *key, ngx_stentor_source_t *source);


ngx_int_t
ngx_stentor_live_may(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source)
{
    ngx_int_t  rc;

    rc = ngx_stentor_live_fits(lives, key, source);

    if (rc == NGX_OK) {
        rc = ngx_stentor_live_yield(lives, key, source);
    }

    if (rc == NGX_OK) {
        rc = ngx_stentor_live_fight(lives, key, source);
    }

    return rc;
}


/* Whether the stream may be fed that, as far as the event loop can tell: who
 * cannot feed it must not take it from somebody who can. */

static ngx_int_t
ngx_stentor_live_fits(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source)
{
    stn_grid_t                g;
    const stn_format_t       *format;
    ngx_stentor_stream_t     *st;
    ngx_stentor_rendition_t  *rend;

    if (ngx_stentor_store_barred(lives->store, key)
        > ngx_stentor_store_now())
    {
        source->reason = "the operator has closed this stream";
        source->counter = NGX_STENTOR_INGEST_REFUSED_CLOSED;
        return NGX_DECLINED;
    }

    if (source->app->nrenditions) {
        return NGX_OK;
    }

    format = &source->format;
    source->counter = NGX_STENTOR_INGEST_REFUSED_CODEC;

    st = ngx_stentor_store_lookup(lives->store, key);

    if (st == NULL || st->state != NGX_STENTOR_OPEN) {
        return NGX_OK;
    }

    rend = &st->renditions[0];

    if (rend->rate
        && stn_grid_follow(&g, format, rend->part, rend->rate, rend->parts)
           != STN_OK)
    {
        source->reason = "frames of this audio are longer than the stream's "
                         "parts";
        return NGX_DECLINED;
    }

    if (!ngx_stentor_store_has_room(lives->store, rend, format->config,
                                    format->config_len)
        && !ngx_stentor_live_current(lives, rend, format))
    {
        source->reason = "the audio parameters of the stream have changed "
                         "too often";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Whether that is what the rendition is in now, however it is written. */

static ngx_uint_t
ngx_stentor_live_current(ngx_stentor_lives_t *lives,
    ngx_stentor_rendition_t *rend, const stn_format_t *format)
{
    stn_format_t  now;

    return ngx_stentor_live_format_of(lives->store, rend,
                                      (uint32_t) ngx_stentor_load(&rend->init),
                                      &now)
           == NGX_OK
           && stn_format_same(&now, format);
}


/* In this worker the source that is attached is known, in others the one that
 * is shown. */

static ngx_int_t
ngx_stentor_live_yield(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source)
{
    ngx_stentor_live_t    *live;
    ngx_stentor_stream_t  *st;

    /* who has the stream keeps it, in another format too */

    if (!source->yields || source->live) {
        return NGX_OK;
    }

    live = ngx_stentor_live_find(lives, key);
    st = ngx_stentor_store_find(lives->store, key);

    if ((live && live->source)
        || (st && st->session.id && ngx_stentor_store_owned(st)))
    {
        source->reason = NGX_STENTOR_LIVE_IS_TAKEN;
        source->counter = NGX_STENTOR_INGEST_REFUSED_TAKEN;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The newest session wins at once, for it may be the broadcaster of the one
 * before; but two encoders that go on taking the stream from each other are
 * slowed down. */

static ngx_int_t
ngx_stentor_live_fight(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source)
{
    int64_t                now;
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_find(lives->store, key);

    if (st == NULL || st->session.id == 0 || source->waited || source->live
        || !ngx_stentor_store_owned(st))
    {
        return NGX_OK;
    }

    now = ngx_stentor_store_now();

    st->fights = (now - st->taken_ms < NGX_STENTOR_LIVE_FIGHT_MS)
                 ? st->fights + 1 : 0;
    st->taken_ms = now;

    if (st->fights < NGX_STENTOR_LIVE_FIGHTS) {
        return NGX_OK;
    }

    source->waited = 1;
    source->wait = NGX_STENTOR_LIVE_WAIT_MS
                   * (st->fights - NGX_STENTOR_LIVE_FIGHTS + 1);
    source->wait = ngx_min(source->wait, NGX_STENTOR_LIVE_WAIT_MAX);

    st->counters[NGX_STENTOR_STREAM_FIGHTS]++;

    (void) ngx_stentor_notify_event(lives->scf->worker.notify,
                                    (const char *) source->app->on_event.data,
                                    key, "fight", "\"takeovers\":%lu,"
                                    "\"wait_ms\":%lu",
                                    (unsigned long) st->fights,
                                    (unsigned long) source->wait);

    ngx_log_error(NGX_LOG_WARN, lives->log, 0,
                  "encoders fight for stream \"%V\": the one at %s waits "
                  "%M ms", key, source->address, source->wait);

    return NGX_AGAIN;
}


ngx_uint_t
ngx_stentor_live_taken_by(ngx_stentor_lives_t *lives, ngx_stentor_app_t *app,
    ngx_str_t *name)
{
    u_char                 data[NGX_STENTOR_NAME_MAX];
    ngx_str_t              key;
    ngx_stentor_stream_t  *st;

    if (ngx_stentor_live_key(&key, data, app, name) != NGX_OK) {
        return 0;
    }

    st = ngx_stentor_store_find(lives->store, &key);

    return (st && ngx_stentor_store_owned(st)) ? st->session.id : 0;
}
