/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the store to disk (see ngx_stentor_replay.h): which parts a replay has
 * is decided here.  Where it goes on is told by time alone: what it has already
 * is passed over, and what is missing is noted, whoever wrote it before and
 * however he ended.  Called in a writer's thread.
 */

#include "ngx_stentor_replay_thread.h"


/* What two rates make of the same time may differ by so much. */
#define NGX_STENTOR_WRITER_SLACK_US  1000

/* A stream whose newest part is so much older than what its replay has lives by
 * a clock that was set back.  Another upstream, or a standby, may be behind by
 * less. */
#define NGX_STENTOR_WRITER_BACK_US  10000000

/* Silence is a chapter from so long on, where "dead_air" does not say. */
#define NGX_STENTOR_WRITER_DEAD_MS  10000


static ngx_uint_t ngx_stentor_writer_attach(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_plan(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_clock(ngx_stentor_writer_t *w,
    ngx_atomic_uint_t head);
static ngx_uint_t ngx_stentor_writer_span(ngx_stentor_writer_t *w,
    ngx_atomic_uint_t *first, ngx_atomic_uint_t *head);
static ngx_int_t ngx_stentor_writer_parts(ngx_stentor_writer_t *w,
    ngx_atomic_uint_t head);
static ngx_int_t ngx_stentor_writer_part(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_records(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_wants(ngx_stentor_writer_t *w);
static ngx_uint_t ngx_stentor_writer_over(ngx_stentor_writer_t *w,
    int64_t end_us);
static ngx_int_t ngx_stentor_writer_begin(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_format(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_bytes(ngx_stentor_writer_t *w);
static ngx_int_t ngx_stentor_writer_append(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_lost(ngx_stentor_writer_t *w, int64_t n);


ngx_int_t
ngx_stentor_writer_take(ngx_stentor_writer_t *w)
{
    ngx_int_t          rc;
    ngx_atomic_uint_t  head, first;

    if (!ngx_stentor_writer_attach(w)
        || !ngx_stentor_writer_span(w, &first, &head))
    {
        return NGX_OK;
    }

    if (ngx_stentor_writer_clock(w, head) != NGX_OK) {
        return NGX_ERROR;
    }

    if (w->reached && w->reached < first) {
        ngx_stentor_writer_lost(w, first - w->reached);
        w->reached = first;
    }

    w->next = ngx_max(w->next, first);

    rc = ngx_stentor_writer_parts(w, head);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
    }

    if (w->state == NGX_STENTOR_REPLAY_WRITING
        && ngx_stentor_replay_news(&w->files))
    {
        if (ngx_stentor_replay_tell(&w->files) != NGX_OK) {
            return ngx_stentor_writer_fail(w);
        }

        w->behind = 0;
        ngx_stentor_writer_well(w);
    }

    return NGX_OK;
}


/* The parts that all renditions have: from the first to before the head.
 * Returns whether they are still the stream's. */

static ngx_uint_t
ngx_stentor_writer_span(ngx_stentor_writer_t *w, ngx_atomic_uint_t *first,
    ngx_atomic_uint_t *head)
{
    ngx_uint_t                i;
    ngx_stentor_rendition_t  *rend;

    rend = w->stream->renditions;
    *head = ngx_stentor_load(&rend[0].head);
    *first = 0;

    for (i = 0; i < w->plan.conf.n; i++) {
        *head = ngx_min(*head, ngx_stentor_load(&rend[i].head));
        *first = ngx_max(*first, ngx_stentor_load(&rend[i].first));
    }

    return ngx_stentor_writer_attached(w);
}


/* Takes all before the head, one after another.  Returns NGX_OK, NGX_DONE when
 * the stream is not the one that it was, or NGX_ERROR. */

static ngx_int_t
ngx_stentor_writer_parts(ngx_stentor_writer_t *w, ngx_atomic_uint_t head)
{
    ngx_int_t  rc;

    while (w->next < head) {
        rc = ngx_stentor_writer_part(w);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_AGAIN) {
            continue;
        }

        if (rc == NGX_DECLINED) {

            if (!ngx_stentor_writer_attached(w)) {
                return NGX_DONE;
            }

            if (w->next >= w->reached) {
                ngx_stentor_writer_lost(w, 1);
            }
        }

        w->next++;
        w->reached = ngx_max(w->reached, w->next);
    }

    return NGX_OK;
}


/* Copies where the stream's rings lie, and checks that it was of one piece; a
 * stream that is opened anew has others, and a record that is free may become
 * another stream's, which has no business here. */

static ngx_uint_t
ngx_stentor_writer_attach(ngx_stentor_writer_t *w)
{
    ngx_uint_t             i, n;
    ngx_atomic_uint_t      state, incarnation;
    ngx_stentor_stream_t  *st;

    st = w->stream;
    incarnation = ngx_stentor_load(&st->incarnation);

    if (w->incarnation == incarnation) {
        return 1;
    }

    w->incarnation = 0;
    state = ngx_stentor_load(&st->state);
    n = ngx_min(st->nrenditions, NGX_STENTOR_RENDITIONS);

    if ((state != NGX_STENTOR_OPEN && state != NGX_STENTOR_CLOSED) || n == 0
        || !ngx_stentor_writer_named(w))
    {
        return 0;
    }

    for (i = 0; i < n; i++) {
        w->rends[i] = st->renditions[i];
    }

    ngx_stentor_fence();

    if (incarnation != ngx_stentor_load(&st->incarnation)
        || w->rends[0].rate == 0)
    {
        return 0;
    }

    w->incarnation = incarnation;
    w->next = 0;
    w->reached = 0;
    w->plan.conf.n = n;
    ngx_stentor_writer_plan(w);

    return 1;
}


/* To be asked behind whatever was copied from the record or its rings. */

ngx_uint_t
ngx_stentor_writer_attached(ngx_stentor_writer_t *w)
{
    ngx_stentor_fence();

    return w->incarnation
           && w->incarnation == ngx_stentor_load(&w->stream->incarnation);
}


static void
ngx_stentor_writer_plan(ngx_stentor_writer_t *w)
{
    ngx_uint_t          i;
    stn_replay_conf_t  *conf;

    conf = &w->plan.conf;

    conf->part_us = (uint32_t) (((uint64_t) w->rends[0].part * 1000000
                                 + w->rends[0].rate - 1)
                                / w->rends[0].rate);
    conf->parts = w->rends[0].parts;
    conf->dead_us = (int64_t) (w->app->dead_time ? w->app->dead_time
                                                 : NGX_STENTOR_WRITER_DEAD_MS)
                    * 1000;
    conf->trim = w->app->replay.trim_silence;

    for (i = 0; i < conf->n; i++) {
        ngx_cpystrn((u_char *) w->plan.names[i], (u_char *) w->rends[i].name,
                    sizeof(w->plan.names[i]));
    }
}


/* What a replay has already is told by time, and so nothing would be written
 * until a clock that was set back is where it was: there is another replay
 * instead.  Returns NGX_OK, or NGX_ERROR when the one before could not be
 * ended. */

static ngx_int_t
ngx_stentor_writer_clock(ngx_stentor_writer_t *w, ngx_atomic_uint_t head)
{
    int64_t               end_us, last_us;
    ngx_stentor_record_t  record;

    if (head == 0
        || ngx_stentor_store_record(w->replays->store, &w->rends[0].ring,
                                    head - 1, &record)
           != NGX_OK
        || record.rate == 0
        || !ngx_stentor_writer_attached(w))
    {
        return NGX_OK;
    }

    end_us = stn_rescale(record.pos + record.duration, 1000000, record.rate);
    last_us = (w->state == NGX_STENTOR_REPLAY_WRITING)
              ? w->files.segments.end_us : w->after_us;

    if (end_us + NGX_STENTOR_WRITER_BACK_US >= last_us) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_WARN, &w->log, 0,
                  "stream \"%V\" is %L s behind its replay: a clock was set "
                  "back, another one is to begin", &w->name,
                  (last_us - end_us) / 1000000);

    if (w->state == NGX_STENTOR_REPLAY_WRITING
        && ngx_stentor_writer_end(w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->after_us = 0;

    return NGX_OK;
}


/* The next part.  Returns NGX_OK; NGX_DECLINED when it is lost; NGX_AGAIN when
 * it has to go to another replay; NGX_ERROR when the disk has failed: it is
 * still to be had. */

static ngx_int_t
ngx_stentor_writer_part(ngx_stentor_writer_t *w)
{
    ngx_int_t  rc;

    rc = ngx_stentor_writer_records(w);

    if (rc == NGX_OK) {
        rc = ngx_stentor_writer_wants(w);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : rc;
    }

    if (w->state != NGX_STENTOR_REPLAY_WRITING) {
        rc = ngx_stentor_writer_begin(w);
    }

    if (rc == NGX_OK) {
        rc = ngx_stentor_writer_format(w);
    }

    if (rc == NGX_OK) {
        rc = ngx_stentor_writer_bytes(w);
    }

    return rc == NGX_OK ? ngx_stentor_writer_append(w) : rc;
}


static ngx_int_t
ngx_stentor_writer_records(ngx_stentor_writer_t *w)
{
    ngx_uint_t            i;
    stn_replay_record_t  *to;
    ngx_stentor_record_t  record;

    for (i = 0; i < w->plan.conf.n; i++) {

        if (ngx_stentor_store_record(w->replays->store, &w->rends[i].ring,
                                     w->next, &record)
            != NGX_OK
            || record.rate == 0 || record.rate > STN_REPLAY_RATE_MAX
            || record.len == 0 || record.len > STN_REPLAY_PART_MAX)
        {
            return NGX_DECLINED;
        }

        to = &w->part.records[i];
        ngx_memzero(to, sizeof(stn_replay_record_t));

        to->msn = record.msn;
        to->part = record.part;
        to->pos = record.pos;
        to->rate = record.rate;
        to->duration = record.duration;
        to->len = record.len;
        to->live = (record.live != 0);
        to->silent = (record.silent != 0);
        to->last = (record.last != 0);

        w->part.inits[i] = record.init;
    }

    return ngx_stentor_writer_attached(w) ? NGX_OK : NGX_DECLINED;
}


/* Whether a replay is to have the part: NGX_OK; NGX_DONE: it is not; NGX_ERROR
 * when the one that it ends could not be ended. */

static ngx_int_t
ngx_stentor_writer_wants(ngx_stentor_writer_t *w)
{
    int64_t               start_us, end_us;
    ngx_uint_t            counts;
    stn_replay_log_t     *segments;
    stn_replay_record_t  *r;

    r = w->part.records;
    segments = &w->files.segments;

    start_us = stn_replay_record_start(r);
    end_us = stn_replay_record_end(r);
    counts = stn_replay_log_counts(&w->plan.conf, r);

    if (w->state == NGX_STENTOR_REPLAY_WRITING) {

        if (start_us + NGX_STENTOR_WRITER_SLACK_US < segments->end_us) {
            return NGX_DONE;
        }

        if (ngx_stentor_writer_over(w, counts ? start_us : end_us)) {

            if (ngx_stentor_writer_end(w) != NGX_OK) {
                return NGX_ERROR;
            }

        } else if (start_us - segments->end_us > NGX_STENTOR_WRITER_SLACK_US
                   && segments->nsegments)
        {
            r->lost_ms = (uint32_t) ngx_max((start_us - segments->end_us)
                                            / 1000, 1);
        }
    }

    if (w->state == NGX_STENTOR_REPLAY_WRITING) {
        return NGX_OK;
    }

    return counts && start_us + NGX_STENTOR_WRITER_SLACK_US >= w->after_us
           ? NGX_OK : NGX_DONE;
}


/* Whether a part that ends then, or begins if it is live, is too late to belong
 * to the replay: or it is one of other renditions. */

static ngx_uint_t
ngx_stentor_writer_over(ngx_stentor_writer_t *w, int64_t end_us)
{
    stn_replay_log_t  *segments;

    segments = &w->files.segments;

    return !stn_replay_plan_same(&w->plan, &w->files.plan)
           || end_us - segments->mark.end_us
              > (int64_t) w->app->replay.end * 1000;
}


static ngx_int_t
ngx_stentor_writer_begin(ngx_stentor_writer_t *w)
{
    if (ngx_stentor_replay_begin(&w->files, &w->plan,
                                 stn_replay_record_start(w->part.records))
        != NGX_OK)
    {
        return ngx_stentor_writer_fail(w);
    }

    ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_WRITING);

    ngx_log_error(NGX_LOG_NOTICE, &w->log, 0,
                  "replay of stream \"%V\" of %s begins", &w->name,
                  w->files.start);
    ngx_stentor_writer_event(w, "replay_started", "\"path\":\"%s/%s/\"",
                             (char *) w->name_data, w->files.start);

    return NGX_OK;
}


/* Goes on in the format of the part, if it is another one than before. */

static ngx_int_t
ngx_stentor_writer_format(ngx_stentor_writer_t *w)
{
    ngx_uint_t          i, same;
    ngx_stentor_init_t  inits[NGX_STENTOR_RENDITIONS];

    for (same = 1, i = 0; i < w->plan.conf.n; i++) {
        same = same && w->files.files[i].id == w->part.inits[i];
    }

    if (same) {
        return NGX_OK;
    }

    for (i = 0; i < w->plan.conf.n; i++) {
        if (ngx_stentor_store_init(w->replays->store, &w->rends[i].ring,
                                   w->part.inits[i], &inits[i])
            != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    if (!ngx_stentor_writer_attached(w)) {
        return NGX_DECLINED;
    }

    return ngx_stentor_replay_format(&w->files, inits) == NGX_OK
           ? NGX_OK : ngx_stentor_writer_fail(w);
}


static ngx_int_t
ngx_stentor_writer_bytes(ngx_stentor_writer_t *w)
{
    u_char                   *p;
    size_t                    len;
    ngx_uint_t                i;
    ngx_stentor_record_t      record;
    ngx_stentor_rendition_t  *rend;

    for (len = 0, i = 0; i < w->plan.conf.n; i++) {
        len += w->part.records[i].len;
    }

    stn_buf_reset(&w->bytes);

    p = stn_buf_reserve(&w->bytes, len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    for (i = 0; i < w->plan.conf.n; i++) {
        rend = &w->rends[i];

        if (ngx_stentor_store_record(w->replays->store, &rend->ring, w->next,
                                     &record)
            != NGX_OK
            || record.len != w->part.records[i].len
            || ngx_stentor_store_bytes(w->replays->store, &rend->ring,
                                       &w->stream->renditions[i], &record, p)
               != NGX_OK)
        {
            return NGX_DECLINED;
        }

        w->part.data[i] = p;
        p += record.len;
    }

    return ngx_stentor_writer_attached(w) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_stentor_writer_append(ngx_stentor_writer_t *w)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = ngx_stentor_replay_append(&w->files, &w->part);

    if (rc == NGX_ERROR) {
        return ngx_stentor_writer_fail(w);
    }

    if (rc == NGX_DONE) {
        ngx_log_error(NGX_LOG_NOTICE, &w->log, 0,
                      "replay of stream \"%V\" of %s is as long as may be",
                      &w->name, w->files.start);

        return ngx_stentor_writer_end(w) == NGX_OK ? NGX_AGAIN : NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, &w->log, 0,
                      "replay of stream \"%V\" of %s is cut off: %s",
                      &w->name, w->files.start, w->files.what);

        return ngx_stentor_writer_end(w) == NGX_OK ? NGX_DECLINED : NGX_ERROR;
    }

    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_PARTS, 1);

    for (i = 0; i < w->plan.conf.n; i++) {
        ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_BYTES,
                                 w->part.records[i].len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_writer_end(ngx_stentor_writer_t *w)
{
    ngx_stentor_replay_files_t  *f;

    f = &w->files;

    if (ngx_stentor_replay_end(f) != NGX_OK) {
        return ngx_stentor_writer_fail(w);
    }

    if (f->segments.nsegments) {
        ngx_stentor_replays_ended(w->replays, w->app, f);
    }

    w->after_us = ngx_max(w->after_us, f->segments.end_us);

    ngx_stentor_replay_close(f);
    ngx_stentor_writer_go(w, NGX_STENTOR_REPLAY_WAITING);
    ngx_stentor_writer_well(w);

    return NGX_OK;
}


/* Told once, until a playlist could be written again. */

static void
ngx_stentor_writer_lost(ngx_stentor_writer_t *w, int64_t n)
{
    if (w->state != NGX_STENTOR_REPLAY_WRITING && !w->failing) {
        return;
    }

    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_LOST, n);

    if (!w->behind) {
        w->behind = 1;
        ngx_log_error(NGX_LOG_CRIT, &w->log, 0,
                      "replay of stream \"%V\" loses parts: the disk is too "
                      "slow", &w->name);
        ngx_stentor_writer_event(w, "replay_failed",
                                 "\"reason\":\"parts are lost\",\"errno\":0");
    }
}
