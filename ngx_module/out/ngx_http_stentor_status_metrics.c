/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Gauges of the node and of its streams for Prometheus, and what counters of a
 * stream its status keeps elsewhere than with the others (see
 * ngx_http_stentor_status.h).  A table names the metrics; a row of figures is
 * taken of each stream first, in the order of the table, since all samples of
 * a metric have to stand together.  A figure that there is none of is NAN.
 */

#include "ngx_http_stentor_status.h"
#include "store/ngx_stentor_pulse.h"
#include "store/ngx_stentor_unique.h"

#include <nginx.h>
#include <math.h>


/* So many figures a stream: those of all rows of the table. */
#define NGX_HTTP_STENTOR_FIGURES  33


/* One with a label has a figure for each of its values. */

typedef struct {
    const char   *name;
    const char   *type;
    const char   *help;
    const char   *label;                 /* NULL: the stream's name alone */
    const char  **values;
    ngx_uint_t    nvalues;
} ngx_http_stentor_status_row_t;


static void ngx_http_stentor_status_store_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out);
static ngx_uint_t ngx_http_stentor_status_streams(ngx_stentor_store_t *store);
static void ngx_http_stentor_status_figures_of(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, double *f);
static ngx_uint_t ngx_http_stentor_status_kept(ngx_stentor_stream_t *st);
static double *ngx_http_stentor_status_alarm_figures(ngx_stentor_stream_t *st,
    double *f);
static double *ngx_http_stentor_status_level_figures(ngx_stentor_level_t *l,
    double *f);
static double *ngx_http_stentor_status_session_figures(
    ngx_stentor_store_t *store, ngx_stentor_stream_t *st, double *f);
static double *ngx_http_stentor_status_relay_figures(ngx_stentor_stream_t *st,
    double *f);
static double ngx_http_stentor_status_edge_age(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);
static void ngx_http_stentor_status_row(ngx_stentor_store_t *store,
    const ngx_http_stentor_status_row_t *row, double *figures, stn_buf_t *out);


static const char  *ngx_http_stentor_status_channels[] = { "1", "2" };


static const ngx_http_stentor_status_row_t  ngx_http_stentor_status_rows[] = {

    { "live", "gauge", "Whether the broadcaster is heard now", NULL, NULL, 1 },
    { "kept", "gauge", "Whether it is open without a broadcaster, too",
      NULL, NULL, 1 },
    { "opened_timestamp_seconds", "gauge", "Unix time when it was opened",
      NULL, NULL, 1 },
    { "edge_age_seconds", "gauge", "Since the end of its newest part",
      NULL, NULL, 1 },
    { "waiters", "gauge", "Requests held for the next part now",
      NULL, NULL, 1 },
    { "listeners", "gauge", "Who has audio of it to play now", NULL, NULL, 1 },
    { "unique", "gauge", "Different listeners that there were, an estimate",
      NULL, NULL, 1 },
    { "unique_cluster", "gauge",
      "Different listeners that there were of all nodes, an estimate",
      NULL, NULL, 1 },
    { "verdict", "gauge", "Whether it is silent, or its source is lost",
      "state", &stn_verdict_states[STN_VERDICT_SILENT],
      STN_VERDICT_SOURCE_LOST - STN_VERDICT_SILENT + 1 },

    { "alarm", "gauge",
      "Whether something is wrong with the broadcaster's audio",
      "alarm", ngx_stentor_alarms, NGX_STENTOR_ALARMS },

    { "rms_db", "gauge", "RMS of a channel's last 100 ms",
      "channel", ngx_http_stentor_status_channels, 2 },
    { "true_peak_db", "gauge",
      "True peak of the broadcaster's last three seconds, dBTP",
      NULL, NULL, 1 },
    { "momentary_lufs", "gauge", "Momentary loudness of the broadcaster",
      NULL, NULL, 1 },
    { "loudness_lufs", "gauge", "Short-term loudness of the broadcaster",
      NULL, NULL, 1 },
    { "integrated_lufs", "gauge", "Loudness of the broadcaster's session",
      NULL, NULL, 1 },
    { "silent_seconds", "gauge", "For how long the broadcaster is silent",
      NULL, NULL, 1 },
    { "clipped_total", "counter",
      "Times that the session was at full scale for three samples",
      NULL, NULL, 1 },

    { "session_start_timestamp_seconds", "gauge",
      "Unix time when the broadcaster came", NULL, NULL, 1 },
    { "session_bytes_total", "counter", "Bytes received in the session",
      NULL, NULL, 1 },
    { "session_audio_frames_total", "counter",
      "Audio frames taken in the session", NULL, NULL, 1 },
    { "srt_rtt_seconds", "gauge", "Round-trip time to the broadcaster, by SRT",
      NULL, NULL, 1 },
    { "srt_lost_packets_total", "counter",
      "Packets of the session that were missing, by SRT", NULL, NULL, 1 },
    { "srt_dropped_packets_total", "counter",
      "Of them, missing for good", NULL, NULL, 1 },

    { "lease_epoch", "gauge", "Epoch of the lease of whoever makes it",
      NULL, NULL, 1 },
    { "relay_up", "gauge", "Whether it comes from another node, as it should",
      NULL, NULL, 1 },
    { "relay_lag_seconds", "gauge",
      "From the upstream to here, over the least", NULL, NULL, 1 },
    { "relay_behind_seconds", "gauge",
      "From the origin to here, by the clocks of both", NULL, NULL, 1 },
    { "relay_bytes_total", "counter", "Bytes received from upstreams",
      NULL, NULL, 1 },
    { "relay_switches_total", "counter", "Changes of the upstream",
      NULL, NULL, 1 },
};


void
ngx_http_stentor_status_gauges(ngx_stentor_store_t *store, stn_buf_t *out)
{
    double                *figures, *f;
    ngx_uint_t             i;
    ngx_stentor_stream_t  *st;

    ngx_http_stentor_status_store_metrics(store, out);

    figures = ngx_alloc(store->nstreams * NGX_HTTP_STENTOR_FIGURES
                        * sizeof(double), ngx_cycle->log);
    if (figures == NULL) {
        out->failed = STN_NOMEM;
        return;
    }

    for (i = 0; i < store->nstreams * NGX_HTTP_STENTOR_FIGURES; i++) {
        figures[i] = NAN;
    }

    for (i = 0; (st = ngx_http_stentor_status_next(store, &i)); ) {
        ngx_http_stentor_status_figures_of(store, st, &figures[
                               st->index * NGX_HTTP_STENTOR_FIGURES]);
    }

    for (i = 0, f = figures; i < stn_nelems(ngx_http_stentor_status_rows);
         i++)
    {
        ngx_http_stentor_status_row(store, &ngx_http_stentor_status_rows[i],
                                    f, out);
        f += ngx_http_stentor_status_rows[i].nvalues;
    }

    ngx_free(figures);
}


static void
ngx_http_stentor_status_store_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out)
{
    const ngx_http_stentor_status_gauge_t  gauges[] = {
        { "start_timestamp_seconds", "Unix time when the zone was made",
          ngx_stentor_store_date(store, store->head->born_ms)
          / 1000.0 },
        { "workers", "Workers that run now",
          ngx_http_stentor_status_workers(store) },
        { "store_size_bytes", "Size of the zone", store->zone->shm.size },
        { "store_free_bytes", "Bytes of the zone that are free",
          (double) store->pool->pfree * ngx_pagesize },
        { "store_streams", "Streams that there are",
          ngx_http_stentor_status_streams(store) },
        { "store_streams_max", "Most streams that there may be",
          store->nstreams },
    };

    ngx_http_stentor_status_metric(out, "stentor_build_info", "gauge",
                                   "What runs");
    stn_buf_str(out, "stentor_build_info{version=\"" NGX_STENTOR_VERSION
                "\",nginx=\"" NGINX_VERSION "\"} 1\n");

    ngx_http_stentor_status_list(gauges, stn_nelems(gauges), out);
}


static ngx_uint_t
ngx_http_stentor_status_streams(ngx_stentor_store_t *store)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; ngx_http_stentor_status_next(store, &i); n++) {
        /* void */
    }

    return n;
}


void
ngx_http_stentor_status_list(const ngx_http_stentor_status_gauge_t *g,
    ngx_uint_t n, stn_buf_t *out)
{
    char        name[64];
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        ngx_snprintf((u_char *) name, sizeof(name), "stentor_%s%Z", g[i].name);
        ngx_http_stentor_status_metric(out, name, "gauge", g[i].help);
        stn_buf_printf(out, "%s %.15g\n", name, g[i].value);
    }
}


/* In the order of the table. */

static void
ngx_http_stentor_status_figures_of(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, double *f)
{
    uint64_t       total;
    stn_verdict_e  verdict, state;

    verdict = ngx_stentor_pulse_stream(store, st);

    *f++ = st->live ? 1 : 0;
    *f++ = ngx_http_stentor_status_kept(st);
    *f++ = ngx_stentor_store_date(store, st->opened_ms) / 1000.0;
    *f++ = ngx_http_stentor_status_edge_age(store, st);
    *f++ = ngx_http_stentor_status_waiters(store, st->index);
    *f++ = ngx_stentor_pulse_listeners(store, st);
    *f++ = ngx_stentor_unique_count(store, st);
    *f++ = ngx_stentor_unique_total(store, st, &total) == NGX_OK ? total : NAN;

    for (state = STN_VERDICT_SILENT; state <= STN_VERDICT_SOURCE_LOST; state++)
    {
        *f++ = (verdict == state);
    }

    f = ngx_http_stentor_status_alarm_figures(st, f);
    f = ngx_http_stentor_status_level_figures(&st->level, f);
    f = ngx_http_stentor_status_session_figures(store, st, f);
    (void) ngx_http_stentor_status_relay_figures(st, f);
}


/* The operator has opened it here, and not closed it. */

static ngx_uint_t
ngx_http_stentor_status_kept(ngx_stentor_stream_t *st)
{
    return !st->relayed && st->state != NGX_STENTOR_CLOSED
           && st->opened_by != NGX_STENTOR_BY_BROADCASTER;
}


static double *
ngx_http_stentor_status_alarm_figures(ngx_stentor_stream_t *st, double *f)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_ALARMS; i++) {
        *f++ = st->level.measured && (st->level.alarms & 1u << i);
    }

    return f;
}


/* Levels are kept in hundredths of a dB. */

static double *
ngx_http_stentor_status_level_figures(ngx_stentor_level_t *l, double *f)
{
    if (!l->measured) {
        return f + 8;
    }

    *f++ = l->rms[0] / 100.0;
    *f++ = l->channels > 1 ? l->rms[1] / 100.0 : NAN;
    *f++ = l->true_peak / 100.0;
    *f++ = l->momentary / 100.0;
    *f++ = l->short_term / 100.0;
    *f++ = l->integrated / 100.0;
    *f++ = l->silent_ms / 1000.0;
    *f++ = l->clipped;

    return f;
}


static double *
ngx_http_stentor_status_session_figures(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, double *f)
{
    ngx_stentor_session_t  s;

    if (ngx_http_stentor_status_session_copy(st, &s) != NGX_OK) {
        return f + 6;
    }

    *f++ = ngx_stentor_store_date(store, s.since_ms) / 1000.0;
    *f++ = s.bytes;
    *f++ = s.audio_frames;

    if (ngx_strcmp(s.protocol, "srt") != 0) {
        return f + 3;
    }

    *f++ = s.srt.rtt_us / 1e6;
    *f++ = s.srt.lost;
    *f++ = s.srt.dropped;

    return f;
}


static double *
ngx_http_stentor_status_relay_figures(ngx_stentor_stream_t *st, double *f)
{
    ngx_stentor_relay_t  relay;

    *f++ = st->lease_epoch;

    if (!st->relayed
        || ngx_http_stentor_status_relay_copy(st, &relay) != NGX_OK)
    {
        return f + 5;
    }

    *f++ = relay.chain[0] != '\0' && ngx_stentor_store_owned(st);
    *f++ = relay.lag_us / 1e6;
    *f++ = relay.behind_us / 1e6;
    *f++ = relay.bytes;
    *f++ = relay.switches;

    return f;
}


/* Of the rendition that is oldest.  Whoever closed it wants no more parts. */

static double
ngx_http_stentor_status_edge_age(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st)
{
    int64_t               edge, oldest;
    ngx_uint_t            i;
    ngx_stentor_record_t  last;

    oldest = INT64_MAX;

    for (i = 0; i < st->nrenditions; i++) {
        edge = ngx_http_stentor_status_edge(store, &st->renditions[i], &last);

        if (edge) {
            oldest = ngx_min(oldest, edge);
        }
    }

    if (st->state == NGX_STENTOR_CLOSED || oldest == INT64_MAX) {
        return NAN;
    }

    return (ngx_stentor_store_stream_now(st) - oldest) / 1000.0;
}


/* Names of streams are letters, digits, dots, underscores, dashes and slashes:
 * nothing that a label would have to escape. */

static void
ngx_http_stentor_status_row(ngx_stentor_store_t *store,
    const ngx_http_stentor_status_row_t *row, double *figures, stn_buf_t *out)
{
    char                   name[64];
    double                *f;
    ngx_uint_t             i, k;
    ngx_stentor_stream_t  *st;

    ngx_snprintf((u_char *) name, sizeof(name), "stentor_stream_%s%Z",
                 row->name);
    ngx_http_stentor_status_metric(out, name, row->type, row->help);

    for (i = 0; (st = ngx_http_stentor_status_next(store, &i)); ) {
        f = &figures[st->index * NGX_HTTP_STENTOR_FIGURES];

        for (k = 0; k < row->nvalues; k++) {

            if (isnan(f[k])) {
                continue;
            }

            stn_buf_printf(out, "%s{stream=\"%.*s\"", name,
                           (int) st->name_len, st->name);

            if (row->label) {
                stn_buf_printf(out, ",%s=\"%s\"", row->label, row->values[k]);
            }

            stn_buf_printf(out, "} %.15g\n", f[k]);
        }
    }
}
