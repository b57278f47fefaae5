/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a live thread puts into the store (see ngx_stentor_live_publish.h):
 * parts, what they measure, what was repaired, and how loud the broadcaster
 * is.  The operator is told of what has changed.
 */

#include "ngx_stentor_live_publish.h"


static void ngx_stentor_live_changed(ngx_stentor_live_t *live);
static void ngx_stentor_live_record(ngx_stentor_live_t *live,
    stn_stream_parts_t *parts, ngx_uint_t i, ngx_stentor_record_t *record);
static void ngx_stentor_live_measure(ngx_stentor_live_t *live, ngx_uint_t i,
    stn_part_t *part, uint32_t rate);


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

    ngx_stentor_wake_part(live->lives->store, live->claim.stream, records,
                          parts->n);

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
    stn_part_t         *part;
    stn_level_report_t  level;

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
    record->live = part->live;
    record->made_us = ngx_stentor_live_now(live);
    record->discontinuities = parts->discontinuities;

    /* what is heard of him now is in this part, or the next one: half of it is
     * as near as that can be told */

    if (part->live) {
        stn_level_report(live->stream.level, &level);
        record->silent = (uint64_t) level.silent_ms * part->rate * 2
                         >= (uint64_t) part->duration * 1000;
    }
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

        if (!live->claim.resume || live->claim.again) {
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

        if ((live->announced == 0 && live->app->nrenditions == 0)
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
