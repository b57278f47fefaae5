/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The event loop's side of a live stream (see ngx_stentor_live.h).  Nothing
 * here blocks for longer than the thread holds the mutex: it copies units
 * under it and does all its work without.
 */

#include "ngx_stentor_live_may.h"
#include "ngx_stentor_thread.h"



/* An exiting worker stays while it has lives; looked at this often. */
#define NGX_STENTOR_LIVE_KEEP_MS  200

/* It plays hold audio of a file for so long, until a new worker can; and waits
 * for so long for there being any. */
#define NGX_STENTOR_LIVE_STAY_MS  2500

/* A stream that nobody feeds holds up its exit for so long at most. */
#define NGX_STENTOR_LIVE_QUIT_MS  6000

/* How often a session's figures go to the store. */
#define NGX_STENTOR_LIVE_SHOW_MS  1000


static ngx_uint_t ngx_stentor_live_holds(ngx_stentor_live_t *live);
static ngx_stentor_live_t *ngx_stentor_live_join(ngx_stentor_lives_t *lives,
    ngx_str_t *key, ngx_stentor_source_t *source);
static ngx_int_t ngx_stentor_live_arrive(ngx_stentor_live_t *live,
    ngx_stentor_source_t *source);
static ngx_stentor_live_t *ngx_stentor_live_create(ngx_stentor_lives_t *lives,
    ngx_stentor_app_t *app, ngx_str_t *key);
static ngx_int_t ngx_stentor_live_start(ngx_stentor_live_t *live);
static void ngx_stentor_live_free(ngx_stentor_live_t *live);
static void ngx_stentor_live_taken(ngx_stentor_live_t *live);
static void ngx_stentor_live_tell_taken(ngx_stentor_live_t *live);
static void ngx_stentor_live_say(ngx_stentor_live_t *live,
    ngx_stentor_live_event_e ev, const char *reason);
static void ngx_stentor_lives_wake(void *data, ngx_stentor_stream_t *st);
static void ngx_stentor_lives_keep(ngx_event_t *ev);
static void ngx_stentor_lives_relieve(ngx_stentor_lives_t *lives);
static void ngx_stentor_live_dismiss(ngx_stentor_live_t *live);
static void ngx_stentor_live_look(ngx_stentor_live_t *live);


ngx_stentor_lives_t *
ngx_stentor_lives_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf,
    ngx_stentor_wake_t *wake)
{
    ngx_stentor_lives_t  *lives;

    lives = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_lives_t));
    if (lives == NULL) {
        return NULL;
    }

    stn_cmaf_quiet();

    ngx_queue_init(&lives->queue);

    lives->scf = scf;
    lives->store = scf->store;
    lives->wake = wake;
    lives->log = cycle->log;

    lives->holds = ngx_stentor_holds_create(cycle);
    if (lives->holds == NULL) {
        return NULL;
    }

    lives->keep.handler = ngx_stentor_lives_keep;
    lives->keep.data = wake->connection;
    lives->keep.log = cycle->log;

    if (ngx_stentor_wake_hook(wake, ngx_stentor_lives_wake, lives) != NGX_OK) {
        return NULL;
    }

    return lives;
}


void
ngx_stentor_lives_exit(ngx_stentor_lives_t *lives)
{
    ngx_queue_t         *q;
    ngx_stentor_live_t  *live;

    while (!ngx_queue_empty(&lives->queue)) {
        q = ngx_queue_head(&lives->queue);
        live = ngx_queue_data(q, ngx_stentor_live_t, queue);

        if (live->source) {
            live->source->live = NULL;
        }

        ngx_stentor_live_free(live);
    }

    ngx_stentor_holds_exit(lives->holds);
}


ngx_int_t
ngx_stentor_live_attach(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source)
{
    u_char               data[NGX_STENTOR_NAME_MAX];
    ngx_int_t            rc;
    ngx_str_t            key;
    ngx_stentor_live_t  *live;

    if (ngx_stentor_live_key(&key, data, source->app, &source->name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_stentor_live_may(lives, &key, source);

    if (rc != NGX_OK) {
        return rc;
    }

    live = ngx_stentor_live_join(lives, &key, source);

    if (live == NULL) {

        /* each would be a thread, and the store takes no more */

        if (lives->n >= lives->store->nstreams) {
            return NGX_BUSY;
        }

        live = ngx_stentor_live_create(lives, source->app, &key);
        if (live == NULL) {
            return NGX_ERROR;
        }

        live->format = source->format;
        live->bitrate = source->bitrate;
        live->attended = 1;
        live->arrived = 1;

        if (ngx_stentor_live_start(live) != NGX_OK) {
            ngx_stentor_live_free(live);
            return NGX_ERROR;
        }
    }

    if (live->source == source) {
        return NGX_OK;
    }

    if (live->source) {
        ngx_stentor_live_taken(live);
    }

    live->source = source;
    source->live = live;
    source->since_ms = ngx_stentor_store_now();

    return NGX_OK;
}


ngx_int_t
ngx_stentor_live_open(ngx_stentor_lives_t *lives, ngx_stentor_app_t *app,
    ngx_str_t *name, ngx_uint_t opened_by)
{
    u_char               data[NGX_STENTOR_NAME_MAX];
    ngx_str_t            key;
    ngx_stentor_live_t  *live;

    if (ngx_stentor_live_key(&key, data, app, name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_stentor_live_find(lives, &key)) {
        return NGX_OK;
    }

    if (lives->n >= lives->store->nstreams) {
        return NGX_BUSY;
    }

    live = ngx_stentor_live_create(lives, app, &key);
    if (live == NULL) {
        return NGX_ERROR;
    }

    live->vacant = 1;
    live->opened_by = opened_by;

    if (ngx_stentor_live_start(live) != NGX_OK) {
        ngx_stentor_live_free(live);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_live_key(ngx_str_t *key, u_char *data, ngx_stentor_app_t *app,
    ngx_str_t *name)
{
    if (app->name.len + 1 + name->len > NGX_STENTOR_NAME_MAX) {
        return NGX_ERROR;
    }

    key->data = data;
    key->len = ngx_sprintf(data, "%V/%V", &app->name, name) - data;

    return NGX_OK;
}


ngx_stentor_live_t *
ngx_stentor_live_find(ngx_stentor_lives_t *lives, ngx_str_t *name)
{
    ngx_queue_t         *q;
    ngx_stentor_live_t  *live;

    for (q = ngx_queue_head(&lives->queue);
         q != ngx_queue_sentinel(&lives->queue);
         q = ngx_queue_next(q))
    {
        live = ngx_queue_data(q, ngx_stentor_live_t, queue);

        if (live->name.len == name->len
            && ngx_memcmp(live->name.data, name->data, name->len) == 0
            && ngx_stentor_live_holds(live))
        {
            return live;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_stentor_live_holds(ngx_stentor_live_t *live)
{
    ngx_uint_t  holds;

    pthread_mutex_lock(&live->mutex);

    holds = !live->ending
            && (!live->claimed || ngx_stentor_store_valid(&live->claim));

    pthread_mutex_unlock(&live->mutex);

    return holds;
}


/* The live of that name, if there is one and it takes the source. */

static ngx_stentor_live_t *
ngx_stentor_live_join(ngx_stentor_lives_t *lives, ngx_str_t *key,
    ngx_stentor_source_t *source)
{
    ngx_stentor_live_t  *live;

    live = ngx_stentor_live_find(lives, key);

    if (live && ngx_stentor_live_arrive(live, source) != NGX_OK) {
        live = NULL;
    }

    /* the one that he has fed so far may have lost the stream */

    if (live != source->live) {
        ngx_stentor_live_detach(source);
    }

    return live;
}


/* Tells the thread that a source has come, unless it is past listening. */

static ngx_int_t
ngx_stentor_live_arrive(ngx_stentor_live_t *live,
    ngx_stentor_source_t *source)
{
    stn_fifo_t  units;
    ngx_uint_t  ending;

    pthread_mutex_lock(&live->mutex);

    ending = live->ending;

    if (!ending) {

        /* one who changes again before the thread has seen it: what was in
         * between is forgotten */

        if (live->source != source) {
            stn_fifo_reset(&live->before);
            live->changes = 0;

        } else if (!live->arrived) {
            units = live->before;
            live->before = live->units;
            live->units = units;
            live->changes = 1;
        }

        stn_fifo_reset(&live->units);
        live->format = source->format;
        live->bitrate = source->bitrate;
        live->attended = 1;
        live->arrived = 1;
        live->left = 0;
        live->relieved = 0;
        live->full = 0;
        live->refused = 0;
        pthread_cond_signal(&live->cond);
    }

    pthread_mutex_unlock(&live->mutex);

    return ending ? NGX_DECLINED : NGX_OK;
}


static ngx_stentor_live_t *
ngx_stentor_live_create(ngx_stentor_lives_t *lives, ngx_stentor_app_t *app,
    ngx_str_t *key)
{
    ngx_stentor_live_t  *live;

    live = ngx_calloc(sizeof(ngx_stentor_live_t), lives->log);
    if (live == NULL) {
        return NULL;
    }

    if (lives->scf->worker.cluster) {
        live->lease = ngx_stentor_map_get(lives->store,
                                          lives->scf->worker.cluster->map,
                                          key);
        if (live->lease == NULL) {
            ngx_free(live);
            return NULL;
        }
    }

    if (stn_fifo_init(&live->units, NGX_STENTOR_LIVE_QUEUE) != STN_OK
        || stn_fifo_init(&live->before, NGX_STENTOR_LIVE_QUEUE) != STN_OK
        || stn_fifo_init(&live->taken, NGX_STENTOR_LIVE_QUEUE) != STN_OK)
    {
        stn_fifo_free(&live->units);
        stn_fifo_free(&live->before);
        ngx_free(live);
        return NULL;
    }

    live->lives = lives;
    live->app = app;
    live->log = *lives->log;

    live->name.len = key->len;
    live->name.data = live->name_data;
    ngx_memcpy(live->name_data, key->data, key->len);

    live->hold = ngx_stentor_live_hold(app, key);

    pthread_mutex_init(&live->mutex, NULL);

    ngx_stentor_cond_init(&live->cond);

    ngx_queue_insert_head(&lives->queue, &live->queue);
    lives->n++;

    if (!lives->keep.timer_set) {
        ngx_add_timer(&lives->keep, NGX_STENTOR_LIVE_KEEP_MS);
    }

    return live;
}


ngx_str_t *
ngx_stentor_live_hold(ngx_stentor_app_t *app, ngx_str_t *key)
{
    size_t                      len;
    ngx_uint_t                  i;
    ngx_stentor_stream_conf_t  *stream;

    stream = app->streams.elts;

    for (i = 0; i < app->streams.nelts; i++) {
        len = stream[i].name.len;

        if (stream[i].hold.len
            && key->len == app->name.len + 1 + len
            && ngx_memcmp(key->data + app->name.len + 1, stream[i].name.data,
                          len) == 0)
        {
            return &stream[i].hold;
        }
    }

    return &app->hold;
}


static ngx_int_t
ngx_stentor_live_start(ngx_stentor_live_t *live)
{
    ngx_err_t  err;

    err = ngx_stentor_thread(&live->thread, ngx_stentor_live_run, live);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &live->log, err,
                      "pthread_create() failed for stream \"%V\"",
                      &live->name);
        return NGX_ERROR;
    }

    live->running = 1;

    return NGX_OK;
}


ngx_int_t
ngx_stentor_live_feed(ngx_stentor_source_t *source, const stn_au_t *au)
{
    int                  rc;
    stn_au_t             unit;
    ngx_stentor_live_t  *live;

    live = source->live;

    if (live == NULL) {
        return NGX_DECLINED;
    }

    unit = *au;
    unit.arrived = ngx_stentor_store_us(CLOCK_MONOTONIC);

    pthread_mutex_lock(&live->mutex);

    rc = stn_fifo_put(&live->units, &unit);
    live->full = (rc != STN_OK);

    pthread_cond_signal(&live->cond);
    pthread_mutex_unlock(&live->mutex);

    if (rc != STN_OK) {
        return NGX_AGAIN;
    }

    source->audio_frames++;

    return NGX_OK;
}


void
ngx_stentor_live_detach(ngx_stentor_source_t *source)
{
    ngx_stentor_live_t  *live;

    live = source->live;

    if (live == NULL) {
        return;
    }

    source->live = NULL;
    live->source = NULL;

    pthread_mutex_lock(&live->mutex);

    live->attended = 0;
    live->left = 1;
    live->full = 0;

    if (live->claimed && ngx_stentor_store_valid(&live->claim)) {
        live->claim.stream->session.id = 0;
    }

    pthread_cond_signal(&live->cond);
    pthread_mutex_unlock(&live->mutex);
}


void
ngx_stentor_live_show(ngx_stentor_source_t *source, ngx_uint_t now)
{
    ngx_stentor_live_t     *live;
    ngx_stentor_session_t  *s;

    live = source->live;

    if (live == NULL
        || (!now && ngx_current_msec - source->shown
                    < NGX_STENTOR_LIVE_SHOW_MS))
    {
        return;
    }

    source->shown = ngx_current_msec;

    pthread_mutex_lock(&live->mutex);

    if (live->claimed && ngx_stentor_store_valid(&live->claim)) {
        s = &live->claim.stream->session;

        __atomic_fetch_add(&s->seq, 1, __ATOMIC_SEQ_CST);

        s->id = source->id;
        s->since_ms = source->since_ms;
        s->bytes = source->bytes;
        s->audio_frames = source->audio_frames;
        s->video_messages = source->video_messages;
        s->video_bytes = source->video_bytes;
        s->srt = source->srt;

        ngx_memcpy(s->address, source->address, sizeof(s->address));
        ngx_memcpy(s->encoder, source->encoder, sizeof(s->encoder));
        ngx_cpystrn((u_char *) s->protocol, (u_char *) source->protocol,
                    sizeof(s->protocol));

        __atomic_fetch_add(&s->seq, 1, __ATOMIC_SEQ_CST);
    }

    pthread_mutex_unlock(&live->mutex);
}


/* Another session has the stream: the one that had it, if any, must go. */

static void
ngx_stentor_live_taken(ngx_stentor_live_t *live)
{
    ngx_uint_t  claimed;

    if (live->source == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, &live->log, 0,
                  "stream \"%V\" is taken over by another session",
                  &live->name);

    ngx_stentor_store_count(live->lives->store, live->lives->wake->slot,
                            NGX_STENTOR_INGEST_TAKEOVERS, 1);

    pthread_mutex_lock(&live->mutex);
    claimed = live->claimed;
    pthread_mutex_unlock(&live->mutex);

    if (claimed) {
        live->claim.stream->counters[NGX_STENTOR_STREAM_TAKEOVERS]++;
    }

    ngx_stentor_live_tell_taken(live);

    ngx_stentor_live_say(live, NGX_STENTOR_LIVE_TAKEN,
                         "another session publishes the stream now");
}


/* The address is of the session that lost the stream. */

static void
ngx_stentor_live_tell_taken(ngx_stentor_live_t *live)
{
    u_char  address[6 * NGX_STENTOR_ADDRESS_MAX], *p;

    p = (u_char *) live->source->address;
    p = (u_char *) ngx_escape_json(address, p, ngx_strlen(p));

    ngx_stentor_live_event(live, "takeover", "\"address\":\"%.*s\"",
                           (int) (p - address), address);
}


/* Tells the source that it is no longer one; it is detached first, so that
 * whatever it does then does not come back here. */

static void
ngx_stentor_live_say(ngx_stentor_live_t *live, ngx_stentor_live_event_e ev,
    const char *reason)
{
    ngx_stentor_source_t  *source;

    source = live->source;

    if (source == NULL) {
        return;
    }

    if (ev != NGX_STENTOR_LIVE_ROOM) {
        live->source = NULL;
        source->live = NULL;
    }

    source->handler(source->data, ev, reason);
}


static void
ngx_stentor_live_free(ngx_stentor_live_t *live)
{
    if (live->running) {
        pthread_mutex_lock(&live->mutex);
        live->quit = 1;
        pthread_cond_signal(&live->cond);
        pthread_mutex_unlock(&live->mutex);

        pthread_join(live->thread, NULL);
    }

    ngx_queue_remove(&live->queue);
    live->lives->n--;

    pthread_cond_destroy(&live->cond);
    pthread_mutex_destroy(&live->mutex);
    stn_fifo_free(&live->units);
    stn_fifo_free(&live->before);
    stn_fifo_free(&live->taken);
    ngx_free(live);
}


/* A wake-up that is for no stream may be a live thread's. */

static void
ngx_stentor_lives_wake(void *data, ngx_stentor_stream_t *st)
{
    ngx_stentor_lives_t *lives = data;

    ngx_queue_t  *q, *next;

    if (st) {
        return;
    }

    for (q = ngx_queue_head(&lives->queue);
         q != ngx_queue_sentinel(&lives->queue);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_stentor_live_look(ngx_queue_data(q, ngx_stentor_live_t, queue));
    }
}


static void
ngx_stentor_live_look(ngx_stentor_live_t *live)
{
    const char               *reason;
    ngx_uint_t                room, ended, claimed, refused;
    ngx_stentor_lease_e       lease;
    ngx_stentor_live_event_e  outcome;

    pthread_mutex_lock(&live->mutex);

    if (live->lease) {
        lease = ngx_stentor_load(&live->lease->state);

        if (lease != live->seen) {
            live->seen = lease;
            pthread_cond_signal(&live->cond);
        }
    }

    room = live->room;
    ended = live->ended;
    claimed = live->claimed;
    refused = live->refused;
    outcome = live->outcome;
    reason = live->reason;
    live->room = 0;
    live->refused = 0;

    pthread_mutex_unlock(&live->mutex);

    if (ended) {
        if (live->source == NULL && outcome == NGX_STENTOR_LIVE_REFUSED) {
            ngx_log_error(NGX_LOG_ERR, &live->log, 0,
                          "stream \"%V\" is not opened: %s", &live->name,
                          reason);
        }

        if (outcome == NGX_STENTOR_LIVE_TAKEN) {
            ngx_stentor_live_taken(live);
        } else {
            ngx_stentor_live_say(live, outcome, reason);
        }

        ngx_stentor_live_free(live);
        return;
    }

    if (refused) {
        ngx_stentor_live_say(live, NGX_STENTOR_LIVE_REFUSED, reason);
        return;
    }

    if (claimed && live->source && live->claim.stream->session.id
                                   != live->source->id)
    {
        ngx_stentor_live_show(live->source, 1);
    }

    if (room) {
        ngx_stentor_live_say(live, NGX_STENTOR_LIVE_ROOM, NULL);
    }
}


/* A worker is not done while it has a stream: without a timer that counts,
 * nginx would let it exit under the feet of its live threads. */

static void
ngx_stentor_lives_keep(ngx_event_t *ev)
{
    ngx_stentor_lives_t  *lives;

    lives = ngx_stentor_container(ev, ngx_stentor_lives_t, keep);

    if (ngx_exiting) {
        ngx_stentor_lives_relieve(lives);
    }

    if (!ngx_queue_empty(&lives->queue)) {
        ngx_add_timer(ev, NGX_STENTOR_LIVE_KEEP_MS);
    }
}


/* A worker that is to exit keeps the streams that are being fed; the others go
 * on elsewhere.  When nobody is left who serves them (nginx quits, or another
 * binary has taken over, with a zone of its own), broadcasters are told to go:
 * encoders come back, to who serves now. */

static void
ngx_stentor_lives_relieve(ngx_stentor_lives_t *lives)
{
    ngx_uint_t           left;
    ngx_queue_t         *q;
    ngx_stentor_live_t  *live;

    if (lives->exiting == 0) {
        lives->exiting = ngx_max(ngx_current_msec, 1);
        ngx_stentor_store_slot(lives->store, lives->wake->slot)->exiting = 1;
    }

    /* new workers may be about to begin */

    left = ngx_current_msec - lives->exiting >= NGX_STENTOR_LIVE_STAY_MS
           && !ngx_stentor_store_served(lives->store);

    for (q = ngx_queue_head(&lives->queue);
         q != ngx_queue_sentinel(&lives->queue);
         q = ngx_queue_next(q))
    {
        live = ngx_queue_data(q, ngx_stentor_live_t, queue);

        if (left && live->source) {
            ngx_stentor_live_dismiss(live);
        }

        if (live->source == NULL
            && (live->hold->len == 0
                || ngx_current_msec - lives->exiting
                   >= NGX_STENTOR_LIVE_STAY_MS))
        {
            pthread_mutex_lock(&live->mutex);

            live->relieved = 1;

            /* whatever it waits for, the worker does not wait for ever */

            live->quit = ngx_current_msec - lives->exiting
                         >= NGX_STENTOR_LIVE_QUIT_MS;
            pthread_cond_signal(&live->cond);

            pthread_mutex_unlock(&live->mutex);
        }
    }
}


static void
ngx_stentor_live_dismiss(ngx_stentor_live_t *live)
{
    ngx_stentor_source_t  *source;

    source = live->source;

    ngx_stentor_live_detach(source);

    source->handler(source->data, NGX_STENTOR_LIVE_CLOSED,
                    "this server shuts down");
}
