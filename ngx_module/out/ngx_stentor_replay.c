/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The event loop's side of replays (see ngx_stentor_replay.h): a few times a
 * second it looks which streams this worker writes, and gives each that is to
 * be replayed a writer.  It touches no disk and waits for no thread, but when
 * the worker exits.
 */

#include "ngx_stentor_replay_thread.h"
#include "ngx_stentor_thread.h"

#include <time.h>


#define NGX_STENTOR_REPLAY_LOOK_MS       200

/* A thread that waits for the disk for so long is told of. */
#define NGX_STENTOR_REPLAY_STUCK_MS      5000

/* How long an exiting worker waits for its writers.  One that is told to
 * terminate may be killed by the master from a second and a half on. */
#define NGX_STENTOR_REPLAY_EXIT_MS       2000
#define NGX_STENTOR_REPLAY_TERMINATE_MS  500

/* How often a thread that is to end is looked at. */
#define NGX_STENTOR_REPLAY_JOIN_MS       5

/* Hold audio that ends a replay, unless "end" says otherwise. */
#define NGX_STENTOR_REPLAY_END_MS        60000


static void ngx_stentor_replays_quit(ngx_stentor_replays_t *replays);
static ngx_int_t ngx_stentor_replays_join(pthread_t thread, int64_t until);
static void ngx_stentor_replays_timer(ngx_event_t *ev);
static void ngx_stentor_writer_check(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_stuck(ngx_stentor_writer_t *w,
    ngx_uint_t stuck);
static void ngx_stentor_replays_sweep(ngx_stentor_replays_t *replays);
static void ngx_stentor_replays_look(ngx_stentor_replays_t *replays,
    ngx_stentor_stream_t *st);
static ngx_uint_t ngx_stentor_replays_fit(ngx_str_t *name);
static void ngx_stentor_writer_start(ngx_stentor_replays_t *replays,
    ngx_stentor_stream_t *st, ngx_stentor_app_t *app, ngx_str_t *name);
static void ngx_stentor_writer_free(ngx_stentor_writer_t *w);
static void ngx_stentor_writer_quit(ngx_stentor_writer_t *w);
static const char *ngx_stentor_replay_param(ngx_stentor_replay_conf_t *conf,
    ngx_str_t *value);


ngx_stentor_replays_t *
ngx_stentor_replays_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_replays_t  *replays;

    /* what a thread may still use when the worker has not waited for it */

    replays = ngx_calloc(sizeof(ngx_stentor_replays_t), cycle->log);
    if (replays == NULL) {
        return NULL;
    }

    replays->scf = scf;
    replays->store = scf->store;
    replays->slot = scf->worker.wake->slot;
    replays->log = cycle->log;

    ngx_queue_init(&replays->all);

    replays->writers = ngx_calloc(scf->store->nstreams * sizeof(void *),
                                  cycle->log);
    if (replays->writers == NULL) {
        return NULL;
    }

    pthread_mutex_init(&replays->mutex, NULL);
    ngx_stentor_cond_init(&replays->cond);

    replays->timer.handler = ngx_stentor_replays_timer;
    replays->timer.data = scf->worker.wake->connection;
    replays->timer.log = cycle->log;
    replays->timer.cancelable = 1;

    ngx_add_timer(&replays->timer, NGX_STENTOR_REPLAY_LOOK_MS);

    return replays;
}


void
ngx_stentor_replays_exit(ngx_stentor_replays_t *replays)
{
    int64_t                until;
    ngx_queue_t           *q, *next;
    ngx_stentor_writer_t  *w;

    for (q = ngx_queue_head(&replays->all);
         q != ngx_queue_sentinel(&replays->all);
         q = ngx_queue_next(q))
    {
        ngx_stentor_writer_quit(ngx_queue_data(q, ngx_stentor_writer_t,
                                               queue));
    }

    ngx_stentor_replays_quit(replays);

    until = ngx_stentor_writer_now()
            + (ngx_terminate ? NGX_STENTOR_REPLAY_TERMINATE_MS
                             : NGX_STENTOR_REPLAY_EXIT_MS);

    /* one that a disk does not let go of ends with the process */

    for (q = ngx_queue_head(&replays->all);
         q != ngx_queue_sentinel(&replays->all);
         q = next)
    {
        next = ngx_queue_next(q);
        w = ngx_queue_data(q, ngx_stentor_writer_t, queue);

        if (ngx_stentor_replays_join(w->thread, until) == NGX_OK) {
            ngx_stentor_writer_free(w);
            continue;
        }

        ngx_log_error(NGX_LOG_ERR, replays->log, 0,
                      "replay of stream \"%V\" is left alone: the disk does "
                      "not answer", &w->name);
    }

    if (replays->sweeps) {
        (void) ngx_stentor_replays_join(replays->sweeper, until);
    }
}


/* Ends the sweeper. */

static void
ngx_stentor_replays_quit(ngx_stentor_replays_t *replays)
{
    pthread_mutex_lock(&replays->mutex);
    replays->quit = 1;
    pthread_cond_signal(&replays->cond);
    pthread_mutex_unlock(&replays->mutex);
}


/* Until that time of ngx_stentor_writer_now().  ThreadSanitizer does not know
 * pthread_clockjoin_np(), and the others go by a clock that may be set. */

static ngx_int_t
ngx_stentor_replays_join(pthread_t thread, int64_t until)
{
    while (pthread_tryjoin_np(thread, NULL) != 0) {

        if (ngx_stentor_writer_now() >= until) {
            return NGX_ERROR;
        }

        ngx_msleep(NGX_STENTOR_REPLAY_JOIN_MS);
    }

    return NGX_OK;
}


static void
ngx_stentor_replays_timer(ngx_event_t *ev)
{
    ngx_uint_t              i;
    ngx_queue_t            *q, *next;
    ngx_stentor_replays_t  *replays;

    replays = ngx_stentor_container(ev, ngx_stentor_replays_t, timer);

    for (q = ngx_queue_head(&replays->all);
         q != ngx_queue_sentinel(&replays->all);
         q = next)
    {
        next = ngx_queue_next(q);
        ngx_stentor_writer_check(ngx_queue_data(q, ngx_stentor_writer_t,
                                                queue));
    }

    for (i = 0; i < replays->store->nstreams; i++) {
        if (replays->writers[i] == NULL) {
            ngx_stentor_replays_look(replays,
                                 ngx_stentor_store_stream(replays->store, i));
        }
    }

    ngx_stentor_replays_sweep(replays);

    ngx_add_timer(ev, NGX_STENTOR_REPLAY_LOOK_MS);
}


/* What is being written is wanted from other nodes; hold audio that nothing has
 * been written of is not, or else a stream that never ends would come for ever
 * to whom nobody listens.  A thread that waits for a disk cannot tell; when its
 * stream has come to an end meanwhile, and the record is given to another one,
 * that one has a writer of its own. */

static void
ngx_stentor_writer_check(ngx_stentor_writer_t *w)
{
    int64_t     busy_ms;
    ngx_uint_t  ended, stuck;

    pthread_mutex_lock(&w->mutex);
    ended = w->ended;
    pthread_mutex_unlock(&w->mutex);

    if (ended) {
        pthread_join(w->thread, NULL);
        ngx_stentor_writer_stuck(w, 0);
        ngx_stentor_writer_free(w);
        return;
    }

    if (!ngx_stentor_writer_named(w)) {

        if (w->replays->writers[w->stream->index] == w) {
            w->replays->writers[w->stream->index] = NULL;
            ngx_stentor_writer_quit(w);
        }

    } else if (ngx_stentor_load(&w->shown) != NGX_STENTOR_REPLAY_WAITING) {
        w->stream->read_msec = ngx_current_msec;
    }

    busy_ms = (int64_t) ngx_stentor_load(&w->busy_ms);
    stuck = busy_ms && ngx_stentor_writer_now() - busy_ms
                       > NGX_STENTOR_REPLAY_STUCK_MS;

    /* of a disk that fails they know */

    if (stuck != w->stuck
        && (w->stuck || w->stream->replay != NGX_STENTOR_REPLAY_ILL))
    {
        ngx_stentor_writer_stuck(w, stuck);
    }
}


static void
ngx_stentor_writer_stuck(ngx_stentor_writer_t *w, ngx_uint_t stuck)
{
    if (stuck == w->stuck) {
        return;
    }

    w->stuck = stuck;
    ngx_stentor_writer_status(w, stuck ? NGX_STENTOR_REPLAY_ILL
                                       : ngx_stentor_load(&w->shown));

    ngx_stentor_writer_count(w, NGX_STENTOR_REPLAY_FAILING, stuck ? 1 : -1);

    if (stuck) {
        ngx_log_error(NGX_LOG_CRIT, &w->log, 0,
                      "replay of stream \"%V\" fails: the disk does not "
                      "answer", &w->name);
        ngx_stentor_writer_event(w, "replay_failed", "\"reason\":\"the disk "
                                 "does not answer\",\"errno\":0");
        return;
    }

    ngx_stentor_writer_event(w, "replay_recovered", NULL);
}


/* One worker does it for all; in a reload the new one waits for the lock that
 * the old one has, which gives it up. */

static void
ngx_stentor_replays_sweep(ngx_stentor_replays_t *replays)
{
    if (ngx_exiting) {
        ngx_stentor_replays_quit(replays);
        return;
    }

    if (!replays->sweeps && ngx_worker == 0) {
        replays->sweeps = (ngx_stentor_thread(&replays->sweeper,
                                              ngx_stentor_sweeper_run,
                                              replays)
                           == 0);
    }
}


static void
ngx_stentor_replays_look(ngx_stentor_replays_t *replays,
    ngx_stentor_stream_t *st)
{
    u_char              data[NGX_STENTOR_NAME_MAX];
    ngx_str_t           full, name;
    ngx_stentor_app_t  *app;

    if (ngx_stentor_load(&st->state) != NGX_STENTOR_OPEN
        || ngx_stentor_load(&st->owner_pid) != (ngx_atomic_uint_t) ngx_pid
        || st->owner != replays->slot)
    {
        return;
    }

    full.len = ngx_min(st->name_len, NGX_STENTOR_NAME_MAX);
    full.data = data;
    ngx_memcpy(data, st->name, full.len);

    app = ngx_stentor_app_split(replays->scf, &full, &name);

    if (app && app->replay.dir.len && ngx_stentor_replays_fit(&full)) {
        ngx_stentor_writer_start(replays, st, app, &full);
    }
}


/* A stream must not be named as what lies in another one's directory, nor as
 * what is hidden: that is not served, and nobody sweeps it. */

static ngx_uint_t
ngx_stentor_replays_fit(ngx_str_t *name)
{
    size_t   len;
    char     level[NGX_STENTOR_NAME_MAX + 1];
    u_char  *p, *last, *slash;

    last = name->data + name->len;

    for (p = name->data; p < last; p += len + 1) {
        slash = ngx_strlchr(p, last, '/');
        len = (slash ? slash : last) - p;

        ngx_cpystrn((u_char *) level, p, len + 1);

        if (level[0] == '.' || ngx_strcmp(level, "latest") == 0
            || ngx_stentor_replay_is_start(level))
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_stentor_writer_start(ngx_stentor_replays_t *replays,
    ngx_stentor_stream_t *st, ngx_stentor_app_t *app, ngx_str_t *name)
{
    ngx_stentor_writer_t  *w;

    /* a disk that answers nobody has that many threads already */

    if (replays->n == 2 * replays->store->nstreams) {
        return;
    }

    w = ngx_calloc(sizeof(ngx_stentor_writer_t), replays->log);
    if (w == NULL) {
        return;
    }

    w->replays = replays;
    w->app = app;
    w->stream = st;
    w->log = *replays->log;
    w->name.len = name->len;
    w->name.data = w->name_data;
    ngx_memcpy(w->name_data, name->data, name->len);

    pthread_mutex_init(&w->mutex, NULL);
    ngx_stentor_cond_init(&w->cond);

    ngx_stentor_replay_init(&w->files, &app->replay, &w->name, &w->log);
    stn_buf_init(&w->bytes, NGX_STENTOR_RENDITIONS * STN_REPLAY_PART_MAX);

    replays->writers[st->index] = w;
    replays->n++;
    ngx_queue_insert_tail(&replays->all, &w->queue);

    if (ngx_stentor_thread(&w->thread, ngx_stentor_writer_run, w) != 0) {
        ngx_stentor_writer_free(w);
    }
}


static void
ngx_stentor_writer_free(ngx_stentor_writer_t *w)
{
    if (w->replays->writers[w->stream->index] == w) {
        w->replays->writers[w->stream->index] = NULL;
    }

    w->replays->n--;
    ngx_queue_remove(&w->queue);

    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->mutex);
    stn_buf_free(&w->bytes);
    ngx_free(w);
}


static void
ngx_stentor_writer_quit(ngx_stentor_writer_t *w)
{
    pthread_mutex_lock(&w->mutex);
    w->quit = 1;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}


ngx_uint_t
ngx_stentor_writer_named(ngx_stentor_writer_t *w)
{
    ngx_stentor_stream_t  *st;

    st = w->stream;

    return st->name_len == w->name.len
           && ngx_memcmp(st->name, w->name.data, w->name.len) == 0;
}


void
ngx_stentor_writer_status(ngx_stentor_writer_t *w, ngx_atomic_uint_t shown)
{
    if (ngx_stentor_writer_named(w)) {
        w->stream->replay = shown;
    }
}


void
ngx_stentor_writer_count(ngx_stentor_writer_t *w,
    ngx_stentor_counter_e counter, int64_t n)
{
    ngx_stentor_store_count(w->replays->store, w->replays->slot, counter, n);
}


void
ngx_stentor_replays_ended(ngx_stentor_replays_t *replays,
    ngx_stentor_app_t *app, ngx_stentor_replay_files_t *f)
{
    ngx_stentor_store_count(replays->store, replays->slot,
                            NGX_STENTOR_REPLAY_ENDED, 1);

    ngx_log_error(NGX_LOG_NOTICE, f->log, 0,
                  "replay of stream \"%V\" of %s has ended, %L s", &f->stream,
                  f->start, f->segments.duration_us / 1000000);

    (void) ngx_stentor_notify_event(replays->scf->worker.notify,
                                    (const char *) app->on_event.data,
                                    &f->stream, "replay_done",
                                    "\"path\":\"%s/%s/\","
                                    "\"duration\":%.3f,\"bytes\":%llu",
                                    (char *) f->stream.data, f->start,
                                    (double) f->segments.duration_us / 1e6,
                                    (unsigned long long)
                                    ngx_stentor_replay_bytes(f));
}


int64_t
ngx_stentor_writer_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


/* replay DIR [end=time] [keep=time] [max_size=size] [fsync=on|off]
 * [trim_silence] */

char *
ngx_stentor_replay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    const char                 *reason;
    ngx_stentor_replay_conf_t  *replay;

    value = cf->args->elts;
    replay = &app->replay;

    if (replay->dir.len) {
        return "is duplicate";
    }

    replay->dir = value[1];
    replay->end = NGX_STENTOR_REPLAY_END_MS;
    replay->fsync = 1;

    for (i = 2; i < cf->args->nelts; i++) {
        reason = ngx_stentor_replay_param(replay, &value[i]);

        if (reason) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s \"%V\"", reason,
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_conf_full_name(cf->cycle, &replay->dir, 0) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static const char *
ngx_stentor_replay_param(ngx_stentor_replay_conf_t *conf, ngx_str_t *value)
{
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_strcmp(value->data, "trim_silence") == 0) {
        conf->trim_silence = 1;
        return NULL;
    }

    if (ngx_strcmp(value->data, "fsync=on") == 0
        || ngx_strcmp(value->data, "fsync=off") == 0)
    {
        conf->fsync = (value->len == 8);
        return NULL;
    }

    if (ngx_strncmp(value->data, "end=", 4) == 0) {
        s.data = value->data + 4;
        s.len = value->len - 4;
        n = ngx_parse_time(&s, 0);

        conf->end = (ngx_msec_t) n;
        return n >= 1000 ? NULL : "invalid parameter, at least 1s is needed:";
    }

    if (ngx_strncmp(value->data, "keep=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;
        n = ngx_parse_time(&s, 1);

        conf->keep = (time_t) n;
        return n >= 1 ? NULL : "invalid parameter";
    }

    if (ngx_strncmp(value->data, "max_size=", 9) == 0) {
        s.data = value->data + 9;
        s.len = value->len - 9;

        conf->max_size = ngx_parse_offset(&s);
        return conf->max_size > 0 ? NULL : "invalid parameter";
    }

    return "invalid parameter";
}
