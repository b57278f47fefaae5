/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How a live thread comes by its stream (see ngx_stentor_live_publish.h).  A
 * stream that is in the store already goes on exactly where its last part
 * ended, in the format that it had; whoever has come in another one then
 * changes it like anybody else.
 */

#include "ngx_stentor_live_publish.h"
#include "wire/stn_aac.h"
#include "wire/stn_wire_format.h"


/* What the pieces around a frame cost in a part (sample table, boxes), and
 * the peaks of a codec that is told a bit rate: for the declared bandwidth. */
#define NGX_STENTOR_PEAK_PERCENT    125
#define NGX_STENTOR_FRAME_OVERHEAD  7
#define NGX_STENTOR_PART_OVERHEAD   120

/* Assumed until parts have been measured, when nothing was announced. */
#define NGX_STENTOR_DEFAULT_BITRATE  160000

/* Less is not believed: an encoder's figure may be of something else. */
#define NGX_STENTOR_BITRATE_MIN      64000

/* What the only rendition of a programme that is passed through is called. */
#define NGX_STENTOR_RENDITION  "audio"


static ngx_int_t ngx_stentor_live_enter(ngx_stentor_live_t *live);
static void ngx_stentor_live_unclaimed(ngx_stentor_live_t *live);
static void ngx_stentor_live_owned(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_make(ngx_stentor_live_t *live,
    const stn_format_t *format);
static ngx_uint_t ngx_stentor_live_stored(ngx_stentor_live_t *live,
    stn_format_t *format);
static ngx_uint_t ngx_stentor_live_grids(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_build(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_formats(ngx_stentor_live_t *live);
static void ngx_stentor_live_params(ngx_stentor_live_t *live, ngx_uint_t i,
    ngx_stentor_params_t *params);
static uint32_t ngx_stentor_live_overhead(const stn_grid_t *g);


ngx_int_t
ngx_stentor_live_claim(ngx_stentor_live_t *live, const stn_format_t *format)
{
    ngx_int_t     rc;
    stn_format_t  blank, stored;

    rc = ngx_stentor_live_enter(live);
    if (rc != NGX_OK) {
        return rc;
    }

    if (format == NULL) {
        format = &blank;

        if (ngx_stentor_live_blank(live->app, &blank) != NGX_OK) {
            ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                                  "\"audio\" of the application is none");
            return NGX_ERROR;
        }
    }

    /* what is in the store may be of another configuration: then not */

    live->claim.resume = live->claim.resume
                         && ngx_stentor_live_stored(live, &stored);

    if (ngx_stentor_live_make(live, live->claim.resume ? &stored : format)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    live->claim.resume = live->claim.resume && ngx_stentor_live_grids(live);

    if (!live->claim.resume && ngx_stentor_live_build(live) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_stentor_live_wind(live);

    ngx_stentor_live_owned(live);

    return ngx_stentor_live_formats(live);
}


ngx_int_t
ngx_stentor_live_reclaim(ngx_stentor_live_t *live)
{
    if (ngx_stentor_live_build(live) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_stentor_live_wind(live);

    return ngx_stentor_live_formats(live);
}


/* The claim comes first: it is cheap to refuse, hold audio is not made in
 * vain. */

static ngx_int_t
ngx_stentor_live_enter(ngx_stentor_live_t *live)
{
    ngx_int_t             rc;
    ngx_uint_t            i, n;
    const char           *names[NGX_STENTOR_RENDITIONS];
    ngx_stentor_lives_t  *lives;

    lives = live->lives;

    n = ngx_max(live->app->nrenditions, 1);
    names[0] = NGX_STENTOR_RENDITION;

    for (i = 0; i < live->app->nrenditions; i++) {
        names[i] = (const char *) live->app->renditions[i].name.data;
    }

    live->claim.store = lives->store;
    live->claim.slot = lives->wake->slot;
    live->claim.vacant = live->vacant;

    rc = ngx_stentor_store_claim(&live->claim, &live->name, names, n);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        if (rc == NGX_BUSY) {
            ngx_stentor_live_full(live);
        }

        ngx_stentor_live_unclaimed(live);
        return NGX_ERROR;
    }

    pthread_mutex_lock(&live->mutex);
    live->claimed = 1;
    pthread_mutex_unlock(&live->mutex);

    /* the former owner, if any, and whoever waits for the stream */

    ngx_stentor_wake_all(lives->store);

    return NGX_OK;
}


void
ngx_stentor_live_full(ngx_stentor_live_t *live)
{
    ngx_stentor_store_count(live->lives->store, live->lives->wake->slot,
                            NGX_STENTOR_INGEST_REFUSED_FULL, 1);

    ngx_log_error(NGX_LOG_CRIT, &live->log, 0, "stream \"%V\" is refused: %s",
                  &live->name, live->claim.reason);
}


/* There was no room, or another session came upon ours while it claimed the
 * stream: then it has been taken over like any other. */

static void
ngx_stentor_live_unclaimed(ngx_stentor_live_t *live)
{
    ngx_stentor_live_event_e  outcome;

    outcome = (live->claim.stream && !ngx_stentor_store_valid(&live->claim))
              ? NGX_STENTOR_LIVE_TAKEN : NGX_STENTOR_LIVE_REFUSED;

    ngx_stentor_live_fail(live, outcome, live->claim.reason);
}


/* What goes with being the owner. */

static void
ngx_stentor_live_owned(ngx_stentor_live_t *live)
{
    ngx_stentor_stream_t  *st;

    st = live->claim.stream;

    ngx_stentor_save(&st->lease_epoch, live->lease_epoch);

    /* the operator may have said meanwhile that it is his */

    if (st->opened_by < live->opened_by) {
        st->opened_by = live->opened_by;
    }

    if (st->opened_by == NGX_STENTOR_BY_CONFIG) {
        st->pinned = 1;
    }

    if (!live->claim.resume || !live->vacant) {
        return;
    }

    st->session.id = 0;
    st->counters[NGX_STENTOR_STREAM_ADOPTIONS]++;

    ngx_stentor_live_event(live, "adopted", NULL);

    ngx_log_error(NGX_LOG_NOTICE, &live->log, 0,
                  "stream \"%V\" goes on in this worker", &live->name);
}


static ngx_int_t
ngx_stentor_live_make(ngx_stentor_live_t *live, const stn_format_t *format)
{
    int                rc;
    stn_stream_conf_t  conf;

    ngx_stentor_live_conf(live->app, &conf);

    if (conf.n == 0) {
        conf.comfort = ngx_stentor_hold_wait(live->lives->holds,
                                             &ngx_stentor_comfort, format,
                                             NGX_STENTOR_COMFORT_MS);
    }

    rc = stn_stream_init(&live->stream, &conf, format,
                         live->claim.last_msn + 1);

    if (rc != STN_OK) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                              live->stream.reason);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_stentor_live_conf(ngx_stentor_app_t *app, stn_stream_conf_t *conf)
{
    ngx_uint_t                     i;
    ngx_stentor_rendition_conf_t  *r;

    ngx_memzero(conf, sizeof(stn_stream_conf_t));

    conf->part_us = (int64_t) app->part_duration * 1000;
    conf->parts = (unsigned) app->segment_parts;
    conf->window_us = (int64_t) app->window * 1000;
    conf->grace_us = (int64_t) app->grace * 1000;
    conf->level.dead_level = (int32_t) app->dead_level;
    conf->level.dead_ms = (uint32_t) app->dead_time;
    conf->dead_hold = (unsigned) app->dead_hold;
    conf->n = (unsigned) app->nrenditions;

    for (i = 0; i < app->nrenditions; i++) {
        r = &app->renditions[i];

        conf->renditions[i].codec = r->opus ? STN_CODEC_OPUS : STN_CODEC_AAC;
        conf->renditions[i].rate = (uint32_t) r->rate;
        conf->renditions[i].channels = (unsigned) r->channels;
        conf->renditions[i].bitrate = (uint32_t) r->bitrate;
    }
}


ngx_int_t
ngx_stentor_live_blank(ngx_stentor_app_t *app, stn_format_t *format)
{
    size_t       len;
    uint8_t      asc[STN_AAC_ASC_MAX];
    stn_aac_t    a;
    const char  *reason;

    ngx_memzero(&a, sizeof(stn_aac_t));

    a.object_type = STN_AOT_LC;
    a.core_rate = (uint32_t) app->rate;
    a.core_frame = 1024;
    a.channel_config = (uint8_t) app->channels;

    if (stn_aac_explicit(&a, 0, asc, sizeof(asc), &len) != STN_OK
        || stn_wire_format(format, STN_CODEC_AAC, asc, len, &reason)
           != STN_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The format that the stream had when its last part was made, or was about to
 * take on.  A ladder makes its own. */

static ngx_uint_t
ngx_stentor_live_stored(ngx_stentor_live_t *live, stn_format_t *format)
{
    ngx_stentor_record_t  *edge;

    edge = &live->claim.edge[0];

    return live->app->nrenditions
           || ngx_stentor_live_format_of(live->claim.store,
                                         &live->claim.stream->renditions[0],
                                         edge->next_init ? edge->next_init
                                                         : edge->init, format)
              == NGX_OK;
}


ngx_int_t
ngx_stentor_live_format_of(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, uint32_t id, stn_format_t *format)
{
    const char          *reason;
    ngx_stentor_init_t   init;

    if (ngx_stentor_store_init(store, &rend->ring, id, &init) != NGX_OK) {
        return NGX_DECLINED;
    }

    return stn_wire_format(format, STN_CODEC_AAC, init.config,
                           init.config_len, &reason)
           == STN_OK ? NGX_OK : NGX_DECLINED;
}


/* PART-TARGET and all that follows from it must stay what it is (RFC 8216bis
 * section 6.2.1): a ladder of other lengths is another stream. */

static ngx_uint_t
ngx_stentor_live_grids(ngx_stentor_live_t *live)
{
    ngx_uint_t                i;
    stn_grid_t               *g;
    ngx_stentor_rendition_t  *rend;

    if (live->app->nrenditions == 0) {
        return 1;
    }

    for (i = 0; i < live->app->nrenditions; i++) {
        g = &live->stream.tracks[i].segmenter.grid;
        rend = &live->claim.stream->renditions[i];

        if (rend->rate != g->rate || rend->part != g->part
            || rend->parts != g->parts)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_stentor_live_build(ngx_stentor_live_t *live)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_stentor_params_t  params[NGX_STENTOR_RENDITIONS];

    for (i = 0; i < live->stream.n; i++) {
        ngx_stentor_live_params(live, i, &params[i]);
    }

    rc = ngx_stentor_store_build(&live->claim, params, live->stream.n);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        ngx_stentor_live_full(live);
    }

    ngx_stentor_live_unclaimed(live);

    return NGX_ERROR;
}


ngx_int_t
ngx_stentor_live_resume(ngx_stentor_live_t *live)
{
    ngx_uint_t                i, other;
    stn_stream_resume_t       resume;
    ngx_stentor_record_t     *edge;
    ngx_stentor_rendition_t  *rend;

    ngx_memzero(&resume, sizeof(stn_stream_resume_t));

    edge = live->claim.edge;
    other = 0;

    for (i = 0; i < live->stream.n; i++) {
        resume.pos[i] = stn_rescale(edge[i].pos + edge[i].duration,
                                    stn_stream_format(&live->stream, i)->rate,
                                    edge[i].rate);

        other |= edge[i].next_init
                 || edge[i].init != live->renditions[i].init;
    }

    rend = &live->claim.stream->renditions[0];

    resume.grid.rate = rend->rate;
    resume.grid.part = rend->part;
    resume.grid.parts = rend->parts;
    /* on another node, it was another session of his */

    other |= live->claim.foreign;

    resume.msn = (edge->last || other) ? edge->msn + 1 : edge->msn;
    resume.part = (edge->last || other) ? 0 : edge->part + 1;
    resume.discontinuities = edge->discontinuities + other;

    if (stn_stream_resume(&live->stream, &resume) != STN_OK) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                              live->stream.reason);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_live_formats(ngx_stentor_live_t *live)
{
    ngx_uint_t  i;

    for (i = 0; i < live->stream.n; i++) {
        if (ngx_stentor_live_format(live, i, &live->renditions[i].init)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_live_format(ngx_stentor_live_t *live, ngx_uint_t i, uint32_t *id)
{
    ngx_int_t             rc;
    const stn_buf_t      *init;
    const stn_format_t   *f;
    ngx_stentor_format_t  format;

    f = stn_stream_format(&live->stream, i);
    init = stn_stream_init_segment(&live->stream, i);

    format.codecs = f->codecs;
    format.rate = f->rate;
    format.channels = f->channels;
    format.config = f->config;
    format.config_len = f->config_len;
    format.data = init->data;
    format.len = init->len;

    rc = ngx_stentor_store_format(&live->claim, i, &format, id);

    if (rc == NGX_DECLINED) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_TAKEN,
                              "another worker has the stream now");

    } else if (rc != NGX_OK) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_FAILED,
                              rc == NGX_BUSY
                              ? "the audio parameters of the stream have "
                                "changed too often"
                              : "the init segment is too long");
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_stentor_live_has_room(ngx_stentor_live_t *live,
    const stn_format_t *format)
{
    return live->app->nrenditions
           || stn_format_same(stn_stream_format(&live->stream, 0), format)
           || ngx_stentor_store_has_room(live->claim.store,
                                         &live->claim.stream->renditions[0],
                                         format->config, format->config_len);
}


static void
ngx_stentor_live_params(ngx_stentor_live_t *live, ngx_uint_t i,
    ngx_stentor_params_t *params)
{
    uint32_t              bitrate, ceiling;
    uint64_t              segment_ms;
    stn_grid_t           *g;
    ngx_stentor_app_t    *app;

    ngx_memzero(params, sizeof(ngx_stentor_params_t));

    app = live->app;
    g = &live->stream.tracks[i].segmenter.grid;
    segment_ms = (uint64_t) stn_grid_segment(g) * 1000 / g->rate;

    if (app->nrenditions) {
        params->name = (const char *) app->renditions[i].name.data;
        bitrate = (uint32_t) app->renditions[i].bitrate;
        ceiling = bitrate;

    } else {
        params->name = NGX_STENTOR_RENDITION;
        ceiling = (uint32_t) app->max_bitrate;
        bitrate = live->announced ? live->announced
                                  : NGX_STENTOR_DEFAULT_BITRATE;
        bitrate = ngx_min(ngx_max(bitrate, NGX_STENTOR_BITRATE_MIN), ceiling);
        ceiling = live->announced ? bitrate : ceiling;
    }

    params->rate = g->rate;
    params->part = g->part;
    params->parts = g->parts;
    params->window = (uint32_t) ((app->window + segment_ms - 1) / segment_ms);
    params->window = ngx_max(params->window, NGX_STENTOR_SEGMENTS_MIN);
    params->average = bitrate + ngx_stentor_live_overhead(g);
    params->bandwidth = bitrate / 100 * NGX_STENTOR_PEAK_PERCENT
                        + ngx_stentor_live_overhead(g);
    params->max_bandwidth = ceiling / 100 * NGX_STENTOR_PEAK_PERCENT
                            + ngx_stentor_live_overhead(g);
}


/* Bits a second that CMAF adds to the frames. */

static uint32_t
ngx_stentor_live_overhead(const stn_grid_t *g)
{
    return 8 * (NGX_STENTOR_FRAME_OVERHEAD * g->rate / g->frame
                + NGX_STENTOR_PART_OVERHEAD * g->rate / g->part);
}
