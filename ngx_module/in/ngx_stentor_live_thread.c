/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The live thread (see ngx_stentor_live.h): takes units from the queue, runs
 * the programme by the clock, and appends each part to the store the moment
 * its last frame is there.  It ends when the stream has lingered long enough
 * without a source, when another worker has taken the stream, or on failure;
 * the event loop then joins it.
 */

#include "ngx_stentor_live.h"

#include <time.h>


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


static ngx_int_t ngx_stentor_live_begin(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_claim(ngx_stentor_live_t *live);
static void ngx_stentor_live_params(ngx_stentor_live_t *live,
    ngx_stentor_params_t *params);
static uint32_t ngx_stentor_live_overhead(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_wait(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_due(ngx_stentor_live_t *live);
static void ngx_stentor_live_take(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_pump(ngx_stentor_live_t *live);
static ngx_int_t ngx_stentor_live_frame(ngx_stentor_live_t *live,
    stn_frame_t *f);
static ngx_int_t ngx_stentor_live_part(ngx_stentor_live_t *live,
    stn_part_t *part);
static void ngx_stentor_live_measure(ngx_stentor_live_t *live,
    stn_part_t *part);
static void ngx_stentor_live_count(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_lingered(ngx_stentor_live_t *live);
static ngx_uint_t ngx_stentor_live_over(ngx_stentor_live_t *live);
static void ngx_stentor_live_fail(ngx_stentor_live_t *live,
    ngx_stentor_live_event_e outcome, const char *reason);
static void ngx_stentor_live_end(ngx_stentor_live_t *live);
static int64_t ngx_stentor_live_now(ngx_stentor_live_t *live);
static int64_t ngx_stentor_live_clock(clockid_t id);


void *
ngx_stentor_live_run(void *data)
{
    ngx_stentor_live_t *live = data;

    /* Unix time at the start, then a clock that is never set back */

    live->clock_us = ngx_stentor_live_clock(CLOCK_REALTIME)
                     - ngx_stentor_live_clock(CLOCK_MONOTONIC);

    if (ngx_stentor_live_begin(live) == NGX_OK) {

        while (!ngx_stentor_live_wait(live)) {

            if (ngx_stentor_live_pump(live) != NGX_OK
                || ngx_stentor_live_over(live))
            {
                break;
            }
        }
    }

    ngx_stentor_live_end(live);

    return NULL;
}


static int64_t
ngx_stentor_live_clock(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static int64_t
ngx_stentor_live_now(ngx_stentor_live_t *live)
{
    return ngx_stentor_live_clock(CLOCK_MONOTONIC) + live->clock_us;
}


static ngx_int_t
ngx_stentor_live_begin(ngx_stentor_live_t *live)
{
    int                   rc;
    stn_programme_conf_t  conf;

    /* the claim comes first: it is cheap to refuse, hold audio is not made in
     * vain */

    stn_grid_init(&live->grid, &live->format,
                  (int64_t) live->app.part_duration * 1000,
                  (unsigned) live->app.segment_parts);

    if (ngx_stentor_live_claim(live) != NGX_OK) {
        return NGX_ERROR;
    }

    conf.grace_us = (int64_t) live->app.grace * 1000;
    conf.part_us = stn_rescale(live->grid.part, 1000000, live->grid.rate);
    conf.segment = stn_grid_segment(&live->grid);
    conf.window = stn_rescale((int64_t) live->app.window, live->grid.rate,
                              1000);

    rc = stn_programme_init(&live->programme, &live->format, &conf);

    if (rc != STN_OK) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                              rc == STN_NOMEM ? "out of memory"
                              : "no hold audio can be made for this AAC");
        return NGX_ERROR;
    }

    if (live->claim.resume_pos != -1) {
        stn_programme_resume(&live->programme, live->claim.resume_pos);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_live_claim(ngx_stentor_live_t *live)
{
    ngx_int_t              rc;
    stn_buf_t             *init;
    ngx_stentor_lives_t   *lives;
    ngx_stentor_params_t   params;

    lives = live->lives;

    if (stn_segmenter_init(&live->segmenter, &live->format, &live->grid, 0)
        != STN_OK)
    {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_REFUSED,
                              live->segmenter.reason);
        return NGX_ERROR;
    }

    init = stn_cmaf_out(live->segmenter.cmaf);

    ngx_stentor_live_params(live, &params);
    params.init_data = init->data;
    params.init_len = init->len;

    live->claim.store = lives->store;
    live->claim.slot = lives->wake->slot;

    rc = ngx_stentor_store_claim(&live->claim, &live->name, &params, 1);

    if (rc != NGX_OK) {
        if (rc == NGX_BUSY) {
            ngx_stentor_store_count(lives->store, lives->wake->slot,
                                    NGX_STENTOR_INGEST_REFUSED_FULL, 1);
            ngx_log_error(NGX_LOG_CRIT, &live->log, 0,
                          "stream \"%V\" is refused: %s", &live->name,
                          live->claim.reason);
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


static void
ngx_stentor_live_params(ngx_stentor_live_t *live, ngx_stentor_params_t *params)
{
    uint32_t  bitrate, ceiling;
    uint64_t  segment_ms;

    ngx_memzero(params, sizeof(ngx_stentor_params_t));

    ceiling = (uint32_t) live->app.max_bitrate;
    bitrate = live->bitrate ? live->bitrate : NGX_STENTOR_DEFAULT_BITRATE;
    bitrate = ngx_min(ngx_max(bitrate, NGX_STENTOR_BITRATE_MIN), ceiling);

    if (live->bitrate) {
        ceiling = bitrate;
    }

    segment_ms = (uint64_t) stn_grid_segment(&live->grid) * 1000
                 / live->grid.rate;

    params->name = NGX_STENTOR_RENDITION;
    params->codecs = live->format.codecs;
    params->rate = live->format.rate;
    params->channels = live->format.channels;
    params->format = stn_format_hash(&live->format);
    params->part = live->grid.part;
    params->parts = live->grid.parts;
    params->window = (uint32_t) ((live->app.window + segment_ms - 1)
                                 / segment_ms);
    params->window = ngx_max(params->window, NGX_STENTOR_SEGMENTS_MIN);
    params->average = bitrate + ngx_stentor_live_overhead(live);
    params->bandwidth = bitrate / 100 * NGX_STENTOR_PEAK_PERCENT
                        + ngx_stentor_live_overhead(live);
    params->max_bandwidth = ceiling / 100 * NGX_STENTOR_PEAK_PERCENT
                            + ngx_stentor_live_overhead(live);
}


/* Bits a second that CMAF adds to the frames. */

static uint32_t
ngx_stentor_live_overhead(ngx_stentor_live_t *live)
{
    return 8 * (NGX_STENTOR_FRAME_OVERHEAD * live->grid.rate
                / live->grid.frame
                + NGX_STENTOR_PART_OVERHEAD * live->grid.rate
                  / live->grid.part);
}


/* Sleeps until there is something to do; returns whether to quit. */

static ngx_uint_t
ngx_stentor_live_wait(ngx_stentor_live_t *live)
{
    int64_t          due, end;
    ngx_uint_t       quit;
    struct timespec  ts;

    pthread_mutex_lock(&live->mutex);

    while (!live->quit
           && !ngx_stentor_live_due(live)
           && !ngx_stentor_live_lingered(live))
    {
        due = live->programme.due_us;

        end = live->gone_us + (int64_t) live->app.linger * 1000;

        if (live->gone_us && end > ngx_stentor_live_now(live)) {
            due = ngx_min(due, end);
        }

        if (due == INT64_MAX) {
            pthread_cond_wait(&live->cond, &live->mutex);
            continue;
        }

        if (due <= ngx_stentor_live_now(live)) {
            break;
        }

        due -= live->clock_us;
        ts.tv_sec = due / 1000000;
        ts.tv_nsec = due % 1000000 * 1000;

        pthread_cond_timedwait(&live->cond, &live->mutex, &ts);
    }

    ngx_stentor_live_take(live);
    quit = live->quit;

    pthread_mutex_unlock(&live->mutex);

    return quit;
}


/* Under the mutex: whether the event loop has left something.  Units that the
 * programme has no room for are not a reason to wake up. */

static ngx_uint_t
ngx_stentor_live_due(ngx_stentor_live_t *live)
{
    return live->arrived
           || (live->left && live->units.count == 0)
           || (live->units.count && !live->stuck);
}


/* Under the mutex: takes what the event loop has left.  Whoever came last is
 * who is there. */

static void
ngx_stentor_live_take(ngx_stentor_live_t *live)
{
    stn_au_t  au;
    int64_t   now;

    now = ngx_stentor_live_now(live);

    if (live->arrived) {
        live->arrived = 0;
        live->gone_us = 0;
        stn_programme_arrive(&live->programme);
    }

    while (stn_fifo_peek(&live->units, &au) == STN_OK) {

        live->stuck = (stn_programme_feed(&live->programme, &au, now)
                       != STN_OK);
        if (live->stuck) {
            break;
        }

        stn_fifo_drop(&live->units);

        if (live->full) {
            live->full = 0;
            live->room = 1;
        }
    }

    if (live->room) {
        ngx_stentor_wake_slot(live->lives->store, live->lives->wake->slot);
    }

    if (live->left && live->units.count == 0) {
        live->left = 0;
        live->gone_us = now;
        stn_programme_leave(&live->programme);
    }
}


/* Makes all parts whose time has come. */

static ngx_int_t
ngx_stentor_live_pump(ngx_stentor_live_t *live)
{
    int64_t      now;
    ngx_int_t    rc;
    stn_frame_t  f;

    rc = NGX_OK;
    now = ngx_stentor_live_now(live);

    while (rc == NGX_OK
           && stn_programme_next(&live->programme, now, &f) == STN_OK)
    {
        live->stuck = 0;
        rc = ngx_stentor_live_frame(live, &f);
    }

    ngx_stentor_live_count(live);

    /* listeners are let in when the window is full, not while it fills */

    if (rc == NGX_OK && live->cutting && !live->opened) {
        live->opened = 1;
        ngx_stentor_store_open(&live->claim);
        ngx_stentor_wake_all(live->lives->store);
    }

    return rc;
}


static ngx_int_t
ngx_stentor_live_frame(ngx_stentor_live_t *live, stn_frame_t *f)
{
    int              rc;
    uint64_t         msn;
    stn_part_t       part;
    stn_segmenter_t  *s;

    s = &live->segmenter;

    if (!live->cutting) {
        live->cutting = 1;

        if (live->claim.resume_pos == -1) {
            msn = stn_grid_msn(&live->grid, f->pos);

            if (live->claim.last_msn >= msn) {
                live->claim.stream->msn_base = live->claim.last_msn + 1 - msn;
            }
        }

        s->msn_base = live->claim.stream->msn_base;
    }

    rc = stn_segmenter_feed(s, f, &part);

    if (rc == STN_AGAIN) {
        return NGX_OK;
    }

    if (rc != STN_OK) {
        ngx_log_error(NGX_LOG_ERR, &live->log, 0, "stream \"%V\" broke: %s",
                      &live->name, s->reason);
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_FAILED, s->reason);
        return NGX_ERROR;
    }

    return ngx_stentor_live_part(live, &part);
}


static ngx_int_t
ngx_stentor_live_part(ngx_stentor_live_t *live, stn_part_t *part)
{
    ngx_int_t              rc;
    ngx_stentor_record_t   record;
    ngx_stentor_stream_t  *st;

    st = live->claim.stream;

    ngx_memzero(&record, sizeof(ngx_stentor_record_t));

    record.msn = part->msn;
    record.part = part->part;
    record.pos = part->pos;
    record.duration = part->duration;
    record.len = (uint32_t) part->len;

    rc = ngx_stentor_store_append(&live->claim, 0, &record, part->data);

    if (rc == NGX_DECLINED) {
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_TAKEN,
                              "another worker has the stream now");
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, &live->log, 0,
                      "part of %uz bytes of stream \"%V\" is too large for "
                      "its ring: raise \"max_bitrate\"", part->len,
                      &live->name);
        ngx_stentor_live_fail(live, NGX_STENTOR_LIVE_FAILED,
                              "the bit rate is far above what was announced");
        return NGX_ERROR;
    }

    ngx_stentor_live_measure(live, part);

    st->counters[NGX_STENTOR_STREAM_PARTS]++;
    st->counters[NGX_STENTOR_STREAM_BYTES] += part->len;
    st->counters[NGX_STENTOR_STREAM_SEGMENTS] +=
                                        (part->part + 1 == live->grid.parts);
    st->counters[NGX_STENTOR_STREAM_WAKES] +=
                           ngx_stentor_wake_stream(live->lives->store, st);

    return NGX_OK;
}


/*
 * Keeps BANDWIDTH at least what the heaviest segment needed (RFC 8216bis
 * section 4.4.6.2), and without an announcement learns the average.
 */

static void
ngx_stentor_live_measure(ngx_stentor_live_t *live, stn_part_t *part)
{
    uint32_t                  rate;
    ngx_stentor_rendition_t  *rend;

    rend = &live->claim.stream->renditions[0];

    if (part->part == 0) {
        live->segment_bits = 0;
    }

    live->segment_bits += part->len * 8;

    if (part->part + 1 == live->grid.parts) {
        rate = (uint32_t) (live->segment_bits * live->grid.rate
                           / (uint64_t) stn_grid_segment(&live->grid));
        rend->bandwidth = ngx_max(rend->bandwidth, rate);
    }

    if (part->live) {
        live->live_bits += part->len * 8;
        live->live_samples += part->duration;

        rate = (uint32_t) (live->live_bits * live->grid.rate
                           / live->live_samples);

        if (live->bitrate == 0 || rate > rend->average) {
            rend->average = ngx_min(rate, rend->bandwidth);
        }
    }
}


/* Shows what the programme does, and adds what it did since the last time. */

static void
ngx_stentor_live_count(ngx_stentor_live_t *live)
{
    uint64_t               *to;
    stn_programme_stats_t  *now, *then;

    now = &live->programme.stats;
    then = &live->counted;
    to = live->claim.stream->counters;

    live->claim.stream->live = !live->programme.holding;

    to[NGX_STENTOR_STREAM_GAPS_FILLED] += now->gaps_filled
                                          - then->gaps_filled;
    to[NGX_STENTOR_STREAM_STALE_DROPPED] += now->stale_dropped
                                            - then->stale_dropped;
    to[NGX_STENTOR_STREAM_HOLD_FRAMES] += now->hold_frames
                                          - then->hold_frames;
    to[NGX_STENTOR_STREAM_LIVE_FRAMES] += now->live_frames
                                          - then->live_frames;
    to[NGX_STENTOR_STREAM_RESYNCS] += now->resyncs - then->resyncs;

    *then = *now;
}


/* Whether the stream has gone on long enough without a source.  It ends with
 * a whole segment: if it is opened again it goes on with the next one, and no
 * segment's name is ever used for other bytes. */

static ngx_uint_t
ngx_stentor_live_lingered(ngx_stentor_live_t *live)
{
    return live->gone_us
           && live->programme.queue.count == 0
           && live->programme.pos % stn_grid_segment(&live->grid) == 0
           && ngx_stentor_live_now(live)
              >= live->gone_us + (int64_t) live->app.linger * 1000;
}


/* Ends it then, unless a source has come this very moment. */

static ngx_uint_t
ngx_stentor_live_over(ngx_stentor_live_t *live)
{
    if (!ngx_stentor_live_lingered(live)) {
        return 0;
    }

    pthread_mutex_lock(&live->mutex);
    live->ending = !live->arrived;
    pthread_mutex_unlock(&live->mutex);

    return live->ending;
}


static void
ngx_stentor_live_fail(ngx_stentor_live_t *live,
    ngx_stentor_live_event_e outcome, const char *reason)
{
    live->outcome = outcome;
    live->reason = reason;
}


static void
ngx_stentor_live_end(ngx_stentor_live_t *live)
{
    ngx_stentor_lives_t  *lives;

    lives = live->lives;

    pthread_mutex_lock(&live->mutex);
    live->ending = 1;
    pthread_mutex_unlock(&live->mutex);

    /* a worker that just exits leaves the stream open: its broadcaster will
     * go on with it in another worker */

    if (live->claimed && !live->quit) {
        ngx_stentor_store_close(&live->claim);
        ngx_stentor_wake_stream(lives->store, live->claim.stream);
    }

    stn_segmenter_free(&live->segmenter);
    stn_programme_free(&live->programme);

    pthread_mutex_lock(&live->mutex);
    live->ended = 1;
    pthread_mutex_unlock(&live->mutex);

    ngx_stentor_wake_slot(lives->store, lives->wake->slot);
}
