/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The audience as this node sees it (see ngx_http_stentor_status.h): the
 * verdict with the figures that it is made of, in both formats, and for each
 * stream who listens and how many different ones have.  The pulse and the store
 * have it all.
 */

#include "ngx_http_stentor_status.h"
#include "audience/stn_verdict_json.h"
#include "store/ngx_stentor_pulse.h"
#include "store/ngx_stentor_unique.h"


static void ngx_http_stentor_status_level_metrics(stn_verdict_figures_t *f,
    stn_buf_t *out);
static void ngx_http_stentor_status_attack_metrics(
    ngx_stentor_store_t *store, unsigned attacks, stn_buf_t *out);


void
ngx_http_stentor_status_verdict(ngx_stentor_store_t *store, stn_buf_t *out)
{
    char                   text[STN_VERDICT_TEXT_MAX];
    stn_verdict_t          verdict;
    stn_verdict_figures_t  f;

    if (ngx_stentor_pulse_read(store, &verdict, &f) != NGX_OK
        || verdict.since_ms == 0)
    {
        stn_buf_str(out, "  \"verdict\": null,\n");
        return;
    }

    stn_verdict_text(&verdict, &f, text);

    stn_buf_printf(out, "  \"verdict\": {\"state\": \"%s\", \"attacks\": ",
                   stn_verdict_states[verdict.state]);
    stn_verdict_json_attacks(&verdict, out);

    stn_buf_str(out, ", \"text\": ");
    ngx_http_stentor_status_text(out, text);

    stn_buf_printf(out, ", \"since_s\": %lld,\n    \"figures\": ",
                   ((long long) ngx_current_msec - (long long)
                    verdict.since_ms) / 1000);
    stn_verdict_json_figures(&f, out);
    stn_buf_str(out, "},\n");
}


void
ngx_http_stentor_status_listeners(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, stn_buf_t *out)
{
    uint64_t  total;

    if (ngx_stentor_unique_total(store, st, &total) == NGX_OK) {
        stn_buf_printf(out, ", \"unique_cluster\": %llu",
                       (unsigned long long) total);
    } else {
        stn_buf_str(out, ", \"unique_cluster\": null");
    }

    stn_buf_printf(out, ", \"listeners\": %u, \"unique\": %llu, "
                   "\"verdict\": \"%s\"",
                   ngx_stentor_pulse_listeners(store, st),
                   (unsigned long long) ngx_stentor_unique_count(store, st),
                   stn_verdict_states[ngx_stentor_pulse_stream(store, st)]);
}


void
ngx_http_stentor_status_verdict_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out)
{
    ngx_uint_t             i;
    stn_verdict_t          verdict;
    stn_verdict_figures_t  f;

    if (ngx_stentor_pulse_read(store, &verdict, &f) != NGX_OK) {
        return;
    }

    ngx_http_stentor_status_metric(out, "stentor_verdict", "gauge",
                                   "Which of them is the verdict");

    for (i = 0; i < STN_VERDICT_STATES; i++) {
        stn_buf_printf(out, "stentor_verdict{state=\"%s\"} %d\n",
                       stn_verdict_states[i], verdict.state == i);
    }

    ngx_http_stentor_status_attack_metrics(store, verdict.attacks, out);
    ngx_http_stentor_status_level_metrics(&f, out);
}


static void
ngx_http_stentor_status_level_metrics(stn_verdict_figures_t *f,
    stn_buf_t *out)
{
    const ngx_http_stentor_status_gauge_t  gauges[] = {
        { "open_connections", "Connections of clients now", f->open },
        { "mute_connections", "Connections that never asked, now", f->mute },
        { "reading_connections", "Connections with half a request, now",
          f->reading },
        { "asked_connections", "Connections that have asked, now", f->asked },
        { "connections_used_ratio",
          "Connections in use, at the worker that has most",
          f->places / 1000.0 },
        { "late_seconds", "How long an event loop was held up",
          f->late_ms / 1000.0 },
        { "wake_late_seconds", "How long a worker took to notice a part",
          f->wake_us / 1000000.0 },
        { "busy_ratio", "CPU of the busiest event loop", f->cpu / 1000.0 },
        { "streams_lost", "Streams that have lost their source", f->lost },
        { "streams_silent", "Streams that are silent", f->silent },
    };

    ngx_http_stentor_status_list(gauges, stn_nelems(gauges), out);
}


static void
ngx_http_stentor_status_attack_metrics(ngx_stentor_store_t *store,
    unsigned attacks, stn_buf_t *out)
{
    ngx_uint_t  i;

    ngx_http_stentor_status_metric(out, "stentor_attack", "gauge",
                                   "Whether there is such an attack now");

    for (i = 0; i < STN_ATTACKS; i++) {
        stn_buf_printf(out, "stentor_attack{kind=\"%s\"} %d\n",
                       stn_verdict_attacks[i], (attacks & 1u << i) != 0);
    }

    ngx_http_stentor_status_metric(out, "stentor_attacks_total", "counter",
                                   "Times that there was such an attack");

    for (i = 0; i < STN_ATTACKS; i++) {
        stn_buf_printf(out, "stentor_attacks_total{kind=\"%s\"} %llu\n",
                       stn_verdict_attacks[i], (unsigned long long)
                       ngx_stentor_pulse_told(store, i));
    }
}
