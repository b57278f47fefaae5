/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Status: what the node knows of itself, read from the store, so that every
 * worker says the same.  "stentor_status" answers JSON, "stentor_status
 * prometheus" the text format of Prometheus.  docs/status.md names all fields.
 */

#include "ngx_http_stentor_status.h"
#include "store/ngx_stentor_wake.h"

#include <ngx_http.h>


/* The longest answer: some 2 KiB a stream. */
#define NGX_HTTP_STENTOR_STATUS_MAX  (16 * 1024 * 1024)

/* Looks at a session that is being written before it is left out. */
#define NGX_HTTP_STENTOR_STATUS_TRIES  100


typedef struct {
    ngx_uint_t            prometheus;    /* boolean */
    ngx_uint_t            enable;        /* boolean */
} ngx_http_stentor_status_conf_t;


typedef struct {
    const char           *group;         /* of JSON */
    const char           *name;
    const char           *help;
} ngx_http_stentor_status_field_t;


static ngx_int_t ngx_http_stentor_status_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_stentor_status_send(ngx_http_request_t *r,
    stn_buf_t *text, ngx_uint_t prometheus);
static void ngx_http_stentor_status_json(ngx_stentor_conf_t *scf,
    stn_buf_t *out);
static void ngx_http_stentor_status_group(ngx_stentor_store_t *store,
    const char *group, stn_buf_t *out);
static void ngx_http_stentor_status_stream(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, stn_buf_t *out);
static void ngx_http_stentor_status_level(ngx_stentor_level_t *l,
    stn_buf_t *out);
static void ngx_http_stentor_status_session(ngx_stentor_stream_t *st,
    stn_buf_t *out);
static void ngx_http_stentor_status_srt(ngx_stentor_srt_stats_t *srt,
    stn_buf_t *out);
static void ngx_http_stentor_status_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, stn_buf_t *out);
static void ngx_http_stentor_status_prometheus(ngx_stentor_conf_t *scf,
    stn_buf_t *out);
static void ngx_http_stentor_status_stream_totals(ngx_stentor_store_t *store,
    stn_buf_t *out);
static const char *ngx_http_stentor_status_state(ngx_stentor_stream_t *st);
static const char *ngx_http_stentor_status_opened_by(
    ngx_stentor_stream_t *st);
static void *ngx_http_stentor_status_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_stentor_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* In the order of ngx_stentor_counter_e. */

static const ngx_http_stentor_status_field_t
    ngx_http_stentor_status_counters[] =
{
    { "ingest", "connections", "Connections of broadcasters accepted" },
    { "ingest", "handshake_failures",
      "Connections that failed at TLS, RTMP, or SRT's passphrase" },
    { "ingest", "protocol_errors", "Sessions ended for breaking RTMP" },
    { "ingest", "timeouts", "Sessions ended for sending nothing" },
    { "ingest", "refused_application", "Sessions for unknown applications" },
    { "ingest", "refused_name", "Sessions for impossible stream names" },
    { "ingest", "refused_codec", "Sessions with audio not carried" },
    { "ingest", "refused_closed", "Sessions for streams closed over control" },
    { "ingest", "refused_full", "Sessions refused for want of memory" },
    { "ingest", "refused_play", "Attempts to play over RTMP" },
    { "ingest", "takeovers", "Sessions that lost their stream to a newer one" },
    { "ingest", "bytes", "Bytes received from broadcasters" },
    { "ingest", "video_messages", "Video messages dropped" },
    { "ingest", "video_bytes", "Video bytes dropped" },
    { "hls", "playlists", "Playlists served" },
    { "hls", "parts", "Parts served" },
    { "hls", "segments", "Segments served" },
    { "hls", "inits", "Init segments served" },
    { "hls", "not_modified", "Answers 304 among those" },
    { "hls", "bad_requests", "Malformed or absurd requests" },
    { "hls", "not_found", "Requests for what is not there" },
    { "hls", "holds", "Requests held until something was there" },
    { "hls", "hold_timeouts", "Requests held in vain" },
    { "hls", "pending_refused", "Requests not held: too many were" },
    { "hls", "renders", "Playlists and steering manifests rendered" },
    { "hls", "gzip_renders", "Playlists compressed" },
    { "hls", "wakes", "Wake-ups of workers" },
    { "events", "sent", "Events that a webhook has taken" },
    { "events", "retries", "Tries that failed, to be repeated" },
    { "events", "failed", "Events given up after tries that failed" },
    { "events", "dropped", "Events lost for want of room or time" },
    { "ingest", "refused_webhook", "Sessions that a webhook has not let in" },
    { "ingest", "webhook_failures", "Questions that no webhook has answered" },
    { "ingest", "refused_bitrate", "Sessions ended for sending too much" },
    { "ingest", "refused_taken",
      "Sessions that may not take a stream from another" },
    { "ingest", "refused_key", "Sessions without a good stream key" },
    { "ingest", "refused_attempts",
      "Sessions from addresses that have failed too often" },
    { "ingest", "refused_sessions",
      "Sessions beyond what the node or their address may have" },
    { "relay", "requests", "Requests of other nodes for streams" },
    { "relay", "refused", "Of them, refused" },
    { "relay", "parts_out", "Parts sent to other nodes" },
    { "relay", "bytes_out", "Bytes sent to other nodes" },
    { "relay", "connects", "Requests to other nodes for streams" },
    { "relay", "failures", "Of them, ended in failure" },
    { "relay", "switches", "Streams that went on from another upstream" },
    { "relay", "parts_in", "Parts received from other nodes" },
    { "relay", "bytes_in", "Bytes received from other nodes" },
    { "hls", "connects", "Connections that asked for playlists or media" },
    { "hls", "bytes", "Bytes of bodies sent" },
    { "hls", "audio_ms", "Audio sent, by its duration, once a connection" },
    { "hls", "repeats", "Parts and segments sent to who had them" },
    { "hls", "malformed", "Requests that nginx could not read" },
    { "hls", "joins", "Listeners let in" },
    { "hls", "returns", "Of them, over a limit, for they had listened" },
    { "hls", "downgraded", "Of them, sent to playlists without parts" },
    { "hls", "steered", "Times a listener was sent to another node" },
    { "hls", "refused", "Listeners not let in: 503" },
    { "hls", "steerings", "Steering manifests served" },
    { "hls", "firsts", "Connections of HTTP that asked for anything" },
    { "hls", "ended_playlists", "Playlists of streams that had ended" },
    { "hls", "ended_media", "Parts and segments of streams that had ended" },
    { "hls", "options", "CORS preflights answered" },
    { "replay", "parts", "Parts written to disk, all renditions once" },
    { "replay", "bytes", "Bytes of them" },
    { "replay", "lost", "Parts that a disk was too slow or too ill for" },
    { "replay", "failures", "Times that a disk has failed" },
    { "replay", "ended", "Replays that have ended" },
    { "replay", "removed", "Replays removed for their age or size" },
    { "ingest", "sessions", "Sessions publishing now" },
    { "hls", "pending", "Requests waiting for streams to open now" },
    { "relay", "sessions", "Relays to other nodes now" },
    { "relay", "pulls", "Streams that come from other nodes now" },
    { "hls", "connections", "Connections that asked, open now" },
    { "hls", "listeners", "Who has audio to play now" },
    { "hls", "leaving", "Who had so a moment ago" },
    { "hls", "joining", "Who was let in and has no audio yet" },
    { "hls", "trying", "Who asks and gets no audio" },
    { "replay", "writers", "Streams written to disk now" },
    { "replay", "failing", "Streams that a disk fails for now" },
};


/* In the order of ngx_stentor_stream_counter_e; group NULL: the stream. */

static const ngx_http_stentor_status_field_t
    ngx_http_stentor_status_stream_counters[] =
{
    { NULL, "parts", "Parts made" },
    { NULL, "segments", "Segments made" },
    { NULL, "bytes", "Bytes of parts made" },
    { NULL, "wakes", "Workers woken for parts" },
    { "repairs", "gaps_filled", "Frames put where units were missing" },
    { "repairs", "stale_dropped", "Units that came after their time" },
    { "repairs", "resyncs", "Jumps of the broadcaster's clock" },
    { "repairs", "hold_frames", "Frames of hold audio" },
    { "repairs", "live_frames", "Frames of the broadcaster" },
    { "repairs", "drift_repairs",
      "Frames repaired for the broadcaster's clock" },
    { "repairs", "broken", "Units that could not be decoded" },
    { "repairs", "formats", "Changes of audio parameters" },
    { "repairs", "adoptions", "Times another worker has taken it up" },
    { "repairs", "takeovers", "Sessions that took it over from another" },
    { "repairs", "fights", "Take-overs that were slowed down" },
    { "repairs", "dead_airs", "Times the broadcaster fell silent" },
};


static ngx_command_t  ngx_http_stentor_status_commands[] = {

    { ngx_string("stentor_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_stentor_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_stentor_status_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_stentor_status_create_loc_conf,
                                           /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_stentor_status_module = {
    NGX_MODULE_V1,
    &ngx_http_stentor_status_module_ctx,   /* module context */
    ngx_http_stentor_status_commands,      /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_stentor_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    stn_buf_t                        text;
    ngx_stentor_conf_t              *scf;
    ngx_http_stentor_status_conf_t  *conf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    scf = ngx_stentor_conf((ngx_cycle_t *) ngx_cycle);

    if (scf->store == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"stentor_status\" needs a \"stentor\" block");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_status_module);

    stn_buf_init(&text, NGX_HTTP_STENTOR_STATUS_MAX);

    if (conf->prometheus) {
        ngx_http_stentor_status_prometheus(scf, &text);
    } else {
        ngx_http_stentor_status_json(scf, &text);
    }

    rc = text.failed ? NGX_HTTP_INTERNAL_SERVER_ERROR
                     : ngx_http_stentor_status_send(r, &text,
                                                    conf->prometheus);
    stn_buf_free(&text);

    return rc;
}


static ngx_int_t
ngx_http_stentor_status_send(ngx_http_request_t *r, stn_buf_t *text,
    ngx_uint_t prometheus)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    /* a header that is in the list has to be whole, whatever is sent */

    b = ngx_create_temp_buf(r->pool, text->len);
    h = b ? ngx_list_push(&r->headers_out.headers) : NULL;
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    b->last = ngx_cpymem(b->pos, text->data, text->len);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    if (prometheus) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = text->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


static void
ngx_http_stentor_status_json(ngx_stentor_conf_t *scf, stn_buf_t *out)
{
    ngx_uint_t             i, n;
    stn_buf_t              streams;
    ngx_stentor_store_t   *store;
    ngx_stentor_stream_t  *st;

    store = scf->store;

    stn_buf_init(&streams, NGX_HTTP_STENTOR_STATUS_MAX);

    for (i = 0, n = 0; (st = ngx_http_stentor_status_next(store, &i)); n++) {
        stn_buf_str(&streams, n ? ",\n    " : "\n    ");
        ngx_http_stentor_status_stream(store, st, &streams);
    }

    stn_buf_printf(out, "{\n  \"version\": \"" NGX_STENTOR_VERSION "\",\n"
                   "  \"uptime_s\": %lld,\n  \"workers\": %llu,\n",
                   (long long) (ngx_stentor_store_now()
                                - store->head->born_ms) / 1000,
                   (unsigned long long)
                   ngx_http_stentor_status_workers(store));

    stn_buf_printf(out, "  \"store\": {\"zone_bytes\": %zu, "
                   "\"free_bytes\": %zu, \"streams_max\": %llu, "
                   "\"streams\": %llu},\n",
                   store->zone->shm.size,
                   (size_t) store->pool->pfree * ngx_pagesize,
                   (unsigned long long) store->nstreams,
                   (unsigned long long) n);

    ngx_http_stentor_status_verdict(store, out);
    ngx_http_stentor_status_processes(store, out);
    ngx_http_stentor_status_group(store, "ingest", out);
    ngx_http_stentor_status_group(store, "hls", out);
    ngx_http_stentor_status_group(store, "events", out);
    ngx_http_stentor_status_group(store, "relay", out);
    ngx_http_stentor_status_group(store, "replay", out);
    ngx_http_stentor_status_cluster(scf, out);

    stn_buf_str(out, "  \"streams\": [");
    stn_buf_put(out, streams.data, streams.len);
    stn_buf_str(out, "\n  ]\n}\n");

    if (streams.failed) {
        out->failed = streams.failed;
    }

    stn_buf_free(&streams);
}


static void
ngx_http_stentor_status_group(ngx_stentor_store_t *store, const char *group,
    stn_buf_t *out)
{
    ngx_uint_t                              i;
    const ngx_http_stentor_status_field_t  *f;

    stn_buf_printf(out, "  \"%s\": {", group);

    if (ngx_strcmp(group, "hls") == 0) {
        stn_buf_printf(out, "\"waiters\": %llu, ", (unsigned long long)
                       ngx_http_stentor_status_waiters(store,
                                                       NGX_CONF_UNSET_UINT));
    }

    for (i = 0, f = ngx_http_stentor_status_counters;
         i < NGX_STENTOR_COUNTERS;
         i++, f++)
    {
        if (ngx_strcmp(f->group, group) == 0) {
            stn_buf_printf(out, "\"%s\": %llu, ", f->name,
                           (unsigned long long)
                           ngx_stentor_store_sum(store, i));
        }
    }

    if (!out->failed) {
        out->len -= 2;    /* the last ", " */
    }

    stn_buf_str(out, "},\n");
}


static void
ngx_http_stentor_status_stream(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, stn_buf_t *out)
{
    ngx_uint_t  i;

    stn_buf_printf(out, "{\"name\": \"%.*s\", \"state\": \"%s\", "
                   "\"opened_by\": \"%s\", \"opened_s\": %lld, "
                   "\"epoch\": %llu, \"owner_pid\": %lld, \"waiters\": %llu",
                   (int) st->name_len, st->name,
                   ngx_http_stentor_status_state(st),
                   ngx_http_stentor_status_opened_by(st),
                   (long long) (ngx_stentor_store_now() - st->opened_ms)
                   / 1000,
                   (unsigned long long) st->epoch,
                   (long long) st->owner_pid,
                   (unsigned long long)
                   ngx_http_stentor_status_waiters(store, st->index));

    ngx_http_stentor_status_listeners(store, st, out);
    stn_buf_printf(out, ", \"replay\": \"%s\"",
                   ngx_stentor_replays[ngx_min(st->replay,
                                               NGX_STENTOR_REPLAYS - 1)]);

    for (i = 0; i < NGX_STENTOR_STREAM_GAPS_FILLED; i++) {
        stn_buf_printf(out, ", \"%s\": %llu",
                       ngx_http_stentor_status_stream_counters[i].name,
                       (unsigned long long) st->counters[i]);
    }

    stn_buf_str(out, ",\n     \"repairs\": {");

    for ( /* void */ ; i < NGX_STENTOR_STREAM_COUNTERS; i++) {
        stn_buf_printf(out, "%s\"%s\": %llu",
                       i == NGX_STENTOR_STREAM_GAPS_FILLED ? "" : ", ",
                       ngx_http_stentor_status_stream_counters[i].name,
                       (unsigned long long) st->counters[i]);
    }

    stn_buf_str(out, "}");
    ngx_http_stentor_status_relay(st, out);

    stn_buf_str(out, ",\n     \"level\": ");
    ngx_http_stentor_status_level(&st->level, out);

    stn_buf_str(out, ",\n     \"session\": ");
    ngx_http_stentor_status_session(st, out);

    stn_buf_str(out, ",\n     \"renditions\": [");

    for (i = 0; i < st->nrenditions; i++) {
        stn_buf_str(out, i ? ", " : "");
        ngx_http_stentor_status_rendition(store, &st->renditions[i], out);
    }

    stn_buf_str(out, "]}");
}


/* Levels are kept in hundredths of a dB. */

static void
ngx_http_stentor_status_level(ngx_stentor_level_t *l, stn_buf_t *out)
{
    ngx_uint_t   i;
    const char  *sep;

    if (!l->measured) {
        stn_buf_str(out, "null");
        return;
    }

    stn_buf_printf(out, "{\"rms_db\": [%.2f", l->rms[0] / 100.0);

    if (l->channels > 1) {
        stn_buf_printf(out, ", %.2f", l->rms[1] / 100.0);
    }

    stn_buf_printf(out, "], \"true_peak_db\": %.2f, "
                   "\"max_true_peak_db\": %.2f, \"momentary_lufs\": %.2f, "
                   "\"short_term_lufs\": %.2f, \"integrated_lufs\": %.2f, "
                   "\"silent_ms\": %u, \"clipped\": %llu, \"alarms\": [",
                   l->true_peak / 100.0, l->max_true_peak / 100.0,
                   l->momentary / 100.0, l->short_term / 100.0,
                   l->integrated / 100.0, l->silent_ms,
                   (unsigned long long) l->clipped);

    sep = "";

    for (i = 0; i < NGX_STENTOR_ALARMS; i++) {
        if (l->alarms & 1u << i) {
            stn_buf_printf(out, "%s\"%s\"", sep, ngx_stentor_alarms[i]);
            sep = ", ";
        }
    }

    stn_buf_str(out, "]}");
}


static void
ngx_http_stentor_status_session(ngx_stentor_stream_t *st, stn_buf_t *out)
{
    ngx_stentor_session_t  s;

    if (ngx_http_stentor_status_session_copy(st, &s) != NGX_OK) {
        stn_buf_str(out, "null");
        return;
    }

    stn_buf_printf(out, "{\"id\": %llu, \"protocol\": \"%s\", "
                   "\"address\": ", (unsigned long long) s.id, s.protocol);
    ngx_http_stentor_status_text(out, s.address);
    stn_buf_str(out, ", \"encoder\": ");
    ngx_http_stentor_status_text(out, s.encoder);
    stn_buf_printf(out, ", \"since_s\": %lld, \"bytes\": %llu, "
                   "\"audio_frames\": %llu, \"video_messages\": %llu, "
                   "\"video_bytes\": %llu",
                   (long long) (ngx_stentor_store_now() - s.since_ms) / 1000,
                   (unsigned long long) s.bytes,
                   (unsigned long long) s.audio_frames,
                   (unsigned long long) s.video_messages,
                   (unsigned long long) s.video_bytes);

    if (ngx_strcmp(s.protocol, "srt") == 0) {
        ngx_http_stentor_status_srt(&s.srt, out);
    }

    stn_buf_str(out, "}");
}


ngx_int_t
ngx_http_stentor_status_session_copy(ngx_stentor_stream_t *st,
    ngx_stentor_session_t *s)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  seq;

    for (i = 0; i < NGX_HTTP_STENTOR_STATUS_TRIES; i++) {
        seq = __atomic_load_n(&st->session.seq, __ATOMIC_ACQUIRE);
        *s = st->session;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);

        if (seq % 2 == 0
            && seq == __atomic_load_n(&st->session.seq, __ATOMIC_ACQUIRE))
        {
            return s->id ? NGX_OK : NGX_DECLINED;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_stentor_status_srt(ngx_stentor_srt_stats_t *srt, stn_buf_t *out)
{
    stn_buf_printf(out, ", \"srt\": {\"rtt_ms\": %.3f, "
                   "\"latency_ms\": %u, \"buffer_ms\": %u, "
                   "\"key_bits\": %u, \"packets\": %llu, "
                   "\"lost\": %llu, \"retransmitted\": %llu, "
                   "\"dropped\": %llu, \"undecrypted\": %llu}",
                   srt->rtt_us / 1000.0, srt->latency_ms, srt->buffer_ms,
                   srt->key_bits, (unsigned long long) srt->packets,
                   (unsigned long long) srt->lost,
                   (unsigned long long) srt->retransmitted,
                   (unsigned long long) srt->dropped,
                   (unsigned long long) srt->undecrypted);
}


static void
ngx_http_stentor_status_rendition(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, stn_buf_t *out)
{
    int64_t               edge;
    ngx_stentor_init_t    init;
    ngx_stentor_record_t  first, last;

    ngx_memzero(&first, sizeof(ngx_stentor_record_t));

    if (ngx_stentor_store_init(store, &rend->ring, rend->init, &init)
        != NGX_OK)
    {
        ngx_memzero(&init, sizeof(ngx_stentor_init_t));
    }

    edge = ngx_http_stentor_status_edge(store, rend, &last);

    if (edge) {
        (void) ngx_stentor_store_record(store, &rend->ring, rend->first,
                                        &first);
    }

    stn_buf_printf(out, "{\"name\": \"%s\", \"codecs\": \"%s\", "
                   "\"rate\": %u, \"channels\": %u, \"bandwidth\": %u, "
                   "\"average_bandwidth\": %u, \"init\": \"%08x\", ",
                   rend->name, init.codecs, init.rate, init.channels,
                   rend->bandwidth, rend->average, (uint32_t) init.id);

    stn_buf_printf(out, "\"first_msn\": %llu, \"msn\": %llu, \"part\": %d, "
                   "\"edge_ms\": %lld, \"late_ms\": %lld, "
                   "\"window_bytes\": %zu}",
                   (unsigned long long) first.msn,
                   (unsigned long long) last.msn,
                   edge ? (int) last.part : -1, (long long) edge,
                   last.made_us ? (long long) (last.made_us / 1000 - edge)
                                : 0ll,
                   rend->ring.size);
}


/* A writer may be at the newest record, or open the stream anew. */

int64_t
ngx_http_stentor_status_edge(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *last)
{
    int64_t            end;
    uint32_t           rate;
    ngx_atomic_uint_t  head;

    ngx_memzero(last, sizeof(ngx_stentor_record_t));

    head = __atomic_load_n(&rend->head, __ATOMIC_ACQUIRE);

    if (head && rend->ring.nrecords) {
        (void) ngx_stentor_store_record(store, &rend->ring, head - 1, last);
    }

    rate = ngx_max(last->rate, 1);
    end = last->pos + last->duration;

    return end / rate * 1000 + end % rate * 1000 / rate;
}


void
ngx_http_stentor_status_text(stn_buf_t *out, const char *s)
{
    stn_buf_u8(out, '"');

    for ( /* void */ ; *s; s++) {
        if (*s == '"' || *s == '\\') {
            stn_buf_u8(out, '\\');
        }

        stn_buf_u8(out, (u_char) *s < ' ' ? '?' : *s);
    }

    stn_buf_u8(out, '"');
}


/* Times are kept in milliseconds; Prometheus has all of them in seconds. */

static void
ngx_http_stentor_status_prometheus(ngx_stentor_conf_t *scf, stn_buf_t *out)
{
    char                                    name[64];
    size_t                                  len;
    ngx_uint_t                              i, ms;
    ngx_stentor_store_t                    *store;
    const ngx_http_stentor_status_field_t  *f;

    store = scf->store;

    for (i = 0, f = ngx_http_stentor_status_counters;
         i < NGX_STENTOR_COUNTERS;
         i++, f++)
    {
        len = ngx_strlen(f->name);
        ms = (len > 3 && ngx_strcmp(f->name + len - 3, "_ms") == 0);

        ngx_snprintf((u_char *) name, sizeof(name), "stentor_%s_%*s%s%s%Z",
                     f->group, ms ? len - 3 : len, f->name,
                     ms ? "_seconds" : "",
                     i < NGX_STENTOR_FIRST_GAUGE ? "_total" : "");

        ngx_http_stentor_status_metric(out, name, i < NGX_STENTOR_FIRST_GAUGE
                                                  ? "counter" : "gauge",
                                       f->help);
        stn_buf_printf(out, "%s %.15g\n", name,
                       ngx_stentor_store_sum(store, i) / (ms ? 1000.0 : 1.0));
    }

    ngx_http_stentor_status_stream_totals(store, out);
    ngx_http_stentor_status_gauges(store, out);
    ngx_http_stentor_status_verdict_metrics(store, out);
    ngx_http_stentor_status_process_metrics(store, out);
    ngx_http_stentor_status_cluster_metrics(scf, out);
}


void
ngx_http_stentor_status_metric(stn_buf_t *out, const char *name,
    const char *type, const char *help)
{
    stn_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                   type);
}


static void
ngx_http_stentor_status_stream_totals(ngx_stentor_store_t *store,
    stn_buf_t *out)
{
    char                                    name[64];
    ngx_uint_t                              i, k;
    ngx_stentor_stream_t                   *st;
    const ngx_http_stentor_status_field_t  *f;

    for (k = 0, f = ngx_http_stentor_status_stream_counters;
         k < NGX_STENTOR_STREAM_COUNTERS;
         k++, f++)
    {
        ngx_snprintf((u_char *) name, sizeof(name), "stentor_stream_%s_total%Z",
                     f->name);
        ngx_http_stentor_status_metric(out, name, "counter", f->help);

        for (i = 0; (st = ngx_http_stentor_status_next(store, &i)); ) {
            stn_buf_printf(out, "%s{stream=\"%.*s\"} %llu\n", name,
                           (int) st->name_len, st->name,
                           (unsigned long long) st->counters[k]);
        }
    }
}


ngx_stentor_stream_t *
ngx_http_stentor_status_next(ngx_stentor_store_t *store, ngx_uint_t *i)
{
    ngx_stentor_stream_t  *st;

    while (*i < store->nstreams) {
        st = ngx_stentor_store_stream(store, (*i)++);

        if (ngx_stentor_store_readable(store, st)) {
            return st;
        }
    }

    return NULL;
}


static const char *
ngx_http_stentor_status_state(ngx_stentor_stream_t *st)
{
    if (st->state == NGX_STENTOR_CLOSED) {
        return "closed";
    }

    return st->live ? "live" : "hold";
}


static const char *
ngx_http_stentor_status_opened_by(ngx_stentor_stream_t *st)
{
    switch (st->opened_by) {

    case NGX_STENTOR_BY_CONFIG:
        return "config";

    case NGX_STENTOR_BY_CONTROL:
        return "control";

    default: /* NGX_STENTOR_BY_BROADCASTER */
        return "broadcaster";
    }
}


uint64_t
ngx_http_stentor_status_waiters(ngx_stentor_store_t *store, ngx_uint_t index)
{
    uint64_t    sum;
    uint32_t   *waiters;
    ngx_uint_t  i, k;

    sum = 0;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {

        if (!ngx_stentor_store_lives(store, i)) {
            continue;
        }

        waiters = ngx_stentor_store_waiters(store, i);

        if (index != NGX_CONF_UNSET_UINT) {
            sum += waiters[index];
            continue;
        }

        for (k = 0; k < store->nstreams; k++) {
            sum += waiters[k];
        }
    }

    return sum;
}


ngx_uint_t
ngx_http_stentor_status_workers(ngx_stentor_store_t *store)
{
    ngx_uint_t  i, n;

    for (n = 0, i = 0; i < NGX_STENTOR_SLOTS; i++) {
        n += ngx_stentor_store_lives(store, i);
    }

    return n;
}


static void *
ngx_http_stentor_status_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_stentor_status_conf_t));
}


static char *
ngx_http_stentor_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_stentor_status_conf_t *scf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (scf->enable) {
        return "is duplicate";
    }

    scf->enable = 1;
    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "prometheus") == 0) {
            scf->prometheus = 1;

        } else if (ngx_strcmp(value[1].data, "json") != 0) {
            return "is neither \"json\" nor \"prometheus\"";
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_stentor_status_handler;

    return NGX_CONF_OK;
}
