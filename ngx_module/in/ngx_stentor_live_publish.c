/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a live thread puts into the store (see ngx_stentor_live_publish.h).  A
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
static void ngx_stentor_live_owned(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_make(ngx_stentor_live_t *live,
    const stn_format_t *format);
static ngx_uint_t ngx_stentor_live_stored(ngx_stentor_live_t *live,
    stn_format_t *format);
static ngx_uint_t ngx_stentor_live_grids(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_build(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_resume(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_formats(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_format(ngx_stentor_live_t *live,
    ngx_uint_t i, uint32_t *id);
static void ngx_stentor_live_params(ngx_stentor_live_t *live, ngx_uint_t i,
    ngx_stentor_params_t *params);
static uint32_t ngx_stentor_live_overhead(const stn_grid_t *g);
static void ngx_stentor_live_changed(ngx_stentor_live_t *live);
static void ngx_stentor_live_record(ngx_stentor_live_t *live,
    stn_stream_parts_t *parts, ngx_uint_t i, ngx_stentor_record_t *record);
static void ngx_stentor_live_made(ngx_stentor_live_t *live,
    stn_stream_parts_t *parts);
static void ngx_stentor_live_measure(ngx_stentor_live_t *live, ngx_uint_t i,
    stn_part_t *part, uint32_t rate);


ngx_int_t
ngx_stentor_live_claim(ngx_stentor_live_t *live, const stn_format_t *format)
{
    stn_format_t  blank, stored;

    if (ngx_stentor_live_enter(live) != NGX_OK) {
        return NGX_ERROR;
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

    ngx_stentor_live_owned(live);

    if (ngx_stentor_live_formats(live) != NGX_OK) {
        return NGX_ERROR;
    }

    return live->claim.resume ? ngx_stentor_live_resume(live) : NGX_OK;
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
        /* somebody else has opened it, or gone on with it, before us */
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        if (rc == NGX_BUSY) {
            ngx_stentor_live_full(live);
        }

        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                              live->claim.reason);
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


/* What goes with being the owner. */

static void
ngx_stentor_live_owned(ngx_stentor_live_t *live)
{
    ngx_stentor_stream_t  *st;

    st = live->claim.stream;

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
    const char            *reason;
    ngx_stentor_init_t     init;
    ngx_stentor_record_t  *edge;

    if (live->app->nrenditions) {
        return 1;
    }

    edge = &live->claim.edge[0];

    return ngx_stentor_store_init(live->claim.store,
                                  &live->claim.stream->renditions[0].ring,
                                  edge->next_init ? edge->next_init
                                                  : edge->init, &init)
           == NGX_OK
           && stn_wire_format(format, STN_CODEC_AAC, init.config,
                              init.config_len, &reason)
              == STN_OK;
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

    ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED, live->claim.reason);

    return NGX_ERROR;
}


/* Goes on behind the last part.  Where init segments have come out different
 * (another libavcodec, another bit rate) it is with a new segment. */

static ngx_int_t
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


/* Puts rendition i's init segment of now into the store. */

static ngx_int_t
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
           || ngx_stentor_store_has_room(&live->claim, 0);
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
        bitrate = live->bitrate ? live->bitrate : NGX_STENTOR_DEFAULT_BITRATE;
        bitrate = ngx_min(ngx_max(bitrate, NGX_STENTOR_BITRATE_MIN), ceiling);
        ceiling = live->bitrate ? bitrate : ceiling;
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


ngx_int_t
ngx_stentor_live_publish(ngx_stentor_live_t *live, stn_stream_parts_t *parts)
{
    uint32_t              next_init;
    ngx_int_t             rc;
    ngx_uint_t            i;
    const u_char         *data[NGX_STENTOR_RENDITIONS];
    ngx_stentor_record_t  records[NGX_STENTOR_RENDITIONS];

    next_init = 0;

    if (parts->changes
        && ngx_stentor_live_format(live, 0, &next_init) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < parts->n; i++) {
        ngx_stentor_live_record(live, parts, i, &records[i]);
        data[i] = parts->part[i].data;
        records[i].next_init = next_init;
    }

    rc = ngx_stentor_store_append(&live->claim, records, data, parts->n);

    if (rc == NGX_DECLINED) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_TAKEN,
                              "another worker has the stream now");
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &live->log, 0,
                      "part of stream \"%V\" is too large for its ring: raise "
                      "\"max_bitrate\"", &live->name);
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_FAILED,
                              "the bit rate is far above what was announced");
        return NGX_ERROR;
    }

    for (i = 0; i < parts->n; i++) {
        ngx_stentor_live_measure(live, i, &parts->part[i], records[i].rate);
    }

    if (parts->changes) {
        live->renditions[0].init = next_init;
        live->claim.stream->counters[NGX_STENTOR_STREAM_FORMATS]++;

        ngx_stentor_live_changed(live);
    }

    ngx_stentor_live_made(live, parts);

    return NGX_OK;
}


static void
ngx_stentor_live_changed(ngx_stentor_live_t *live)
{
    const stn_format_t  *f;

    f = stn_stream_format(&live->stream, 0);

    ngx_log_error(NGX_LOG_NOTICE, &live->log, 0,
                  "stream \"%V\" goes on as %s, %uD Hz, %ud channels",
                  &live->name, f->codecs, f->rate, (unsigned) f->channels);

    ngx_stentor_live_event(live, "format", "\"codecs\":\"%s\",\"rate\":%u,"
                           "\"channels\":%u", f->codecs, f->rate,
                           f->channels);
}


static void
ngx_stentor_live_record(ngx_stentor_live_t *live, stn_stream_parts_t *parts,
    ngx_uint_t i, ngx_stentor_record_t *record)
{
    stn_part_t  *part;

    part = &parts->part[i];

    ngx_memzero(record, sizeof(ngx_stentor_record_t));

    record->msn = part->msn;
    record->part = part->part;
    record->pos = part->pos;
    record->duration = part->duration;
    record->len = (uint32_t) part->len;
    record->rate = part->rate;
    record->init = live->renditions[i].init;
    record->last = part->last;
    record->discontinuities = parts->discontinuities;
}


static void
ngx_stentor_live_made(ngx_stentor_live_t *live, stn_stream_parts_t *parts)
{
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    st = live->claim.stream;

    for (i = 0; i < parts->n; i++) {
        st->counters[NGX_STENTOR_STREAM_BYTES] += parts->part[i].len;
    }

    st->counters[NGX_STENTOR_STREAM_PARTS]++;
    st->counters[NGX_STENTOR_STREAM_SEGMENTS] += parts->part[0].last;
    st->counters[NGX_STENTOR_STREAM_WAKES] +=
                           ngx_stentor_wake_stream(live->lives->store, st);
}


void
ngx_stentor_live_let_in(ngx_stentor_live_t *live)
{
    /* listeners are let in when the window is full, not while it fills */

    if (live->stream.begun && !live->opened) {
        live->opened = 1;
        ngx_stentor_store_open(&live->claim);
        live->claim.stream->wanted = 0;
        ngx_stentor_wake_all(live->lives->store);

        if (!live->claim.resume) {
            ngx_stentor_live_event(live, "opened", NULL);
        }
    }
}


/*
 * Keeps BANDWIDTH at least what the heaviest segment needed (RFC 8216bis
 * section 4.4.6.2), and without an announcement learns the average.
 */

static void
ngx_stentor_live_measure(ngx_stentor_live_t *live, ngx_uint_t i,
    stn_part_t *part, uint32_t rate)
{
    uint32_t                       bits;
    ngx_stentor_rendition_t       *rend;
    ngx_stentor_live_rendition_t  *m;

    m = &live->renditions[i];
    rend = &live->claim.stream->renditions[i];

    if (part->part == 0) {
        m->segment_bits = 0;
        m->segment_samples = 0;
    }

    m->segment_bits += part->len * 8;
    m->segment_samples += part->duration;

    if (part->last) {
        bits = (uint32_t) (m->segment_bits * rate / m->segment_samples);
        rend->bandwidth = ngx_max(rend->bandwidth, bits);
    }

    if (part->live) {
        m->live_bits += part->len * 8;
        m->live_samples += part->duration;

        bits = (uint32_t) (m->live_bits * rate / m->live_samples);

        if ((live->bitrate == 0 && live->app->nrenditions == 0)
            || bits > rend->average)
        {
            rend->average = ngx_min(bits, rend->bandwidth);
        }
    }
}


void
ngx_stentor_live_count(ngx_stentor_live_t *live)
{
    uint64_t               *to;
    ngx_uint_t              on;
    stn_programme_stats_t   now, *then;

    then = &live->counted;
    to = live->claim.stream->counters;

    stn_stream_stats(&live->stream, &now);

    on = !stn_stream_holding(&live->stream);

    if (on != live->claim.stream->live) {
        live->claim.stream->live = on;
        ngx_stentor_live_event(live, on ? "live" : "hold", NULL);
    }

    to[NGX_STENTOR_STREAM_GAPS_FILLED] += now.gaps_filled - then->gaps_filled;
    to[NGX_STENTOR_STREAM_STALE_DROPPED] += now.stale_dropped
                                            - then->stale_dropped;
    to[NGX_STENTOR_STREAM_HOLD_FRAMES] += now.hold_frames - then->hold_frames;
    to[NGX_STENTOR_STREAM_LIVE_FRAMES] += now.live_frames - then->live_frames;
    to[NGX_STENTOR_STREAM_RESYNCS] += now.resyncs - then->resyncs;
    to[NGX_STENTOR_STREAM_DRIFT_REPAIRS] += now.drift_repairs
                                            - then->drift_repairs;
    to[NGX_STENTOR_STREAM_BROKEN] += now.broken - then->broken;

    *then = now;
}


void
ngx_stentor_live_levels(ngx_stentor_live_t *live)
{
    ngx_stentor_level_t  *to;
    stn_level_report_t    r;

    to = &live->claim.stream->level;

    if (!ngx_stentor_store_valid(&live->claim)) {
        return;
    }

    if (!live->stream.present) {
        to->measured = 0;
        return;
    }

    stn_level_report(live->stream.level, &r);

    to->rms[0] = r.rms[0];
    to->rms[1] = r.rms[1];
    to->channels = (int32_t) r.channels;
    to->true_peak = r.true_peak;
    to->max_true_peak = r.max_true_peak;
    to->momentary = r.momentary;
    to->short_term = r.short_term;
    to->integrated = r.integrated;
    to->silent_ms = r.silent_ms;
    to->clipped = r.clipped;
    to->alarms = r.alarms;

    ngx_stentor_save(&to->measured, 1);
}


void
ngx_stentor_live_alarms(ngx_stentor_live_t *live)
{
    unsigned            now, changed;
    ngx_uint_t          i;
    stn_level_report_t  r;

    now = stn_stream_alarms(&live->stream);
    changed = now ^ live->alarms;
    live->alarms = now;

    if (changed == 0) {
        return;
    }

    stn_level_report(live->stream.level, &r);

    for (i = 0; i < NGX_STENTOR_ALARMS; i++) {

        if (changed & 1u << i) {
            ngx_log_error(NGX_LOG_WARN, &live->log, 0,
                          "stream \"%V\": %s %s", &live->name,
                          ngx_stentor_alarms[i],
                          now & 1u << i ? "begins" : "is over");

            ngx_stentor_live_event(live, ngx_stentor_alarms[i],
                                   "\"active\":%s,\"short_term_lufs\":%.2f,"
                                   "\"true_peak_db\":%.2f,\"silent_ms\":%u",
                                   now & 1u << i ? "true" : "false",
                                   r.short_term / 100.0, r.true_peak / 100.0,
                                   r.silent_ms);
        }
    }

    if (changed & now & STN_LEVEL_DEAD) {
        live->claim.stream->counters[NGX_STENTOR_STREAM_DEAD_AIRS]++;
    }

    ngx_stentor_live_levels(live);
}
