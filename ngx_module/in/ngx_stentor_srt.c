/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The event loop's side of SRT (see ngx_stentor_srt.h): who has the ports,
 * and what is done with what the sessions' threads bring.  Nothing here
 * blocks for longer than a thread holds a mutex.
 */

#include "ngx_stentor_srt_session.h"
#include "ngx_stentor_thread.h"

#include <srt/access_control.h>
#include <sys/eventfd.h>


/* How often a worker without the ports looks whether it can have them. */
#define NGX_STENTOR_SRT_TRY_MS  100


static void ngx_stentor_srts_timer(ngx_event_t *ev);
static void ngx_stentor_srts_claim(ngx_stentor_srts_t *srts);
static void ngx_stentor_srts_start(ngx_stentor_srts_t *srts);
static void ngx_stentor_srts_quit(ngx_stentor_srts_t *srts);
static void ngx_stentor_srts_handler(ngx_event_t *rev);
static void ngx_stentor_srts_drain(ngx_stentor_srts_t *srts);
static ngx_stentor_srt_t *ngx_stentor_srts_arrived(ngx_stentor_srts_t *srts);
static ngx_stentor_srt_t *ngx_stentor_srts_news(ngx_stentor_srts_t *srts);
static void ngx_stentor_srts_released(ngx_stentor_srts_t *srts);
static void ngx_stentor_srts_let_go(ngx_stentor_srts_t *srts);
static void ngx_stentor_srt_arrive(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_entered(void *data, ngx_int_t rc);
static void ngx_stentor_srt_reject(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_look(ngx_stentor_srt_t *s);
static ngx_uint_t ngx_stentor_srt_units(ngx_stentor_srt_t *s);
static ngx_int_t ngx_stentor_srt_config(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_refuse(ngx_stentor_srt_t *s, ngx_int_t rc);
static void ngx_stentor_srt_dismiss(ngx_stentor_srt_t *s,
    ngx_stentor_counter_e counter, const char *reason);
static void ngx_stentor_srt_account(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_end(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_live(void *data, ngx_stentor_live_event_e ev,
    const char *reason);


ngx_stentor_srts_t *
ngx_stentor_srts_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_connection_t    *c;
    ngx_stentor_srts_t  *srts;

    srts = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_srts_t));
    if (srts == NULL) {
        return NULL;
    }

    srts->scf = scf;
    srts->log = *cycle->log;

    ngx_queue_init(&srts->sessions);
    ngx_queue_init(&srts->arrived);
    ngx_queue_init(&srts->news);
    pthread_mutex_init(&srts->mutex, NULL);

    srts->fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (srts->fd == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "stentor: eventfd() failed");
        return NULL;
    }

    c = ngx_stentor_wake_connect(srts->fd, ngx_stentor_srts_handler, srts,
                                 cycle->log);
    if (c == NULL) {
        return NULL;
    }

    srts->timer.handler = ngx_stentor_srts_timer;
    srts->timer.data = c;
    srts->timer.log = cycle->log;
    srts->timer.cancelable = 1;

    ngx_add_timer(&srts->timer, 1);

    return srts;
}


static void
ngx_stentor_srts_timer(ngx_event_t *ev)
{
    ngx_stentor_srts_t  *srts;

    srts = ngx_stentor_container(ev, ngx_stentor_srts_t, timer);

    if (ngx_exiting) {
        ngx_stentor_srts_quit(srts);

        if (!srts->running) {
            ngx_stentor_srts_let_go(srts);
        }

        return;
    }

    if (!srts->running) {
        ngx_stentor_srts_claim(srts);
    }

    ngx_add_timer(ev, NGX_STENTOR_SRT_TRY_MS);
}


/* The ports are free, or those of a worker that has died. */

static void
ngx_stentor_srts_claim(ngx_stentor_srts_t *srts)
{
    ngx_atomic_t        *owner;
    ngx_atomic_uint_t    pid;

    owner = &srts->scf->store->head->srt_pid;
    pid = ngx_stentor_load(owner);

    if (pid && (kill((ngx_pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH)) {
        return;
    }

    if (ngx_atomic_cmp_set(owner, pid, (ngx_atomic_uint_t) ngx_pid)) {
        ngx_stentor_srts_start(srts);
    }
}


/* The threads of libsrt's are the port thread's children: they have its mask
 * of signals. */

static void
ngx_stentor_srts_start(ngx_stentor_srts_t *srts)
{
    ngx_err_t                err;
    ngx_uint_t               i;
    ngx_stentor_srt_conf_t  *conf;

    conf = srts->scf->srt.elts;

    for (i = 0; i < srts->scf->srt.nelts; i++) {
        srts->ports[i].srts = srts;
        srts->ports[i].conf = &conf[i];
        srts->ports[i].socket = SRT_INVALID_SOCK;
    }

    err = ngx_stentor_thread(&srts->thread, ngx_stentor_srt_port_run, srts);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &srts->log, err,
                      "pthread_create() failed for srt");
        srts->scf->store->head->srt_pid = 0;
        return;
    }

    srts->running = 1;
}


/* No more callers; the sessions end, and the ports are let go of. */

static void
ngx_stentor_srts_quit(ngx_stentor_srts_t *srts)
{
    ngx_queue_t  *q;

    pthread_mutex_lock(&srts->mutex);
    srts->quit = 1;
    pthread_mutex_unlock(&srts->mutex);

    for (q = ngx_queue_head(&srts->sessions);
         q != ngx_queue_sentinel(&srts->sessions);
         q = ngx_queue_next(q))
    {
        ngx_stentor_srt_dismiss(ngx_queue_data(q, ngx_stentor_srt_t, queue),
                                NGX_STENTOR_COUNTERS, "worker shuts down");
    }
}


void
ngx_stentor_srts_exit(ngx_stentor_srts_t *srts)
{
    while (srts->running) {
        ngx_stentor_srts_quit(srts);
        ngx_stentor_srts_drain(srts);
        ngx_msleep(5);
    }

    (void) close(srts->fd);
}


void
ngx_stentor_srts_wake(ngx_stentor_srts_t *srts)
{
    ngx_stentor_wake_write(srts->fd);
}


void
ngx_stentor_srts_count(ngx_stentor_srts_t *srts,
    ngx_stentor_counter_e counter, int64_t n)
{
    ngx_stentor_store_count(srts->scf->store, srts->scf->worker.wake->slot,
                            counter, n);
}


void
ngx_stentor_srt_tell(ngx_stentor_srt_t *s)
{
    ngx_uint_t           told;
    ngx_stentor_srts_t  *srts;

    srts = s->srts;

    pthread_mutex_lock(&srts->mutex);

    told = s->told;

    if (!told) {
        s->told = 1;
        ngx_queue_insert_tail(&srts->news, &s->news);
    }

    pthread_mutex_unlock(&srts->mutex);

    if (!told) {
        ngx_stentor_srts_wake(srts);
    }
}


static void
ngx_stentor_srts_handler(ngx_event_t *rev)
{
    ngx_connection_t    *c;
    ngx_stentor_srts_t  *srts;

    c = rev->data;
    srts = c->data;

    ngx_stentor_wake_read(srts->fd);
    ngx_stentor_srts_drain(srts);
}


static void
ngx_stentor_srts_drain(ngx_stentor_srts_t *srts)
{
    ngx_stentor_srt_t  *s;

    while ((s = ngx_stentor_srts_arrived(srts))) {
        ngx_stentor_srt_arrive(s);
    }

    while ((s = ngx_stentor_srts_news(srts))) {
        ngx_stentor_srt_look(s);
    }

    ngx_stentor_srts_released(srts);
}


/* A session that has come takes its place among the others. */

static ngx_stentor_srt_t *
ngx_stentor_srts_arrived(ngx_stentor_srts_t *srts)
{
    ngx_queue_t        *q;
    ngx_stentor_srt_t  *s;

    s = NULL;

    pthread_mutex_lock(&srts->mutex);

    if (!ngx_queue_empty(&srts->arrived)) {
        q = ngx_queue_head(&srts->arrived);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&srts->sessions, q);
        s = ngx_queue_data(q, ngx_stentor_srt_t, queue);
    }

    pthread_mutex_unlock(&srts->mutex);

    return s;
}


/* News of a session that has not arrived yet wait for it: it has sent a wake-up
 * of its own. */

static ngx_stentor_srt_t *
ngx_stentor_srts_news(ngx_stentor_srts_t *srts)
{
    ngx_queue_t        *q;
    ngx_stentor_srt_t  *s;

    s = NULL;

    pthread_mutex_lock(&srts->mutex);

    if (ngx_queue_empty(&srts->arrived) && !ngx_queue_empty(&srts->news)) {
        q = ngx_queue_head(&srts->news);
        ngx_queue_remove(q);
        s = ngx_queue_data(q, ngx_stentor_srt_t, news);
        s->told = 0;
    }

    pthread_mutex_unlock(&srts->mutex);

    return s;
}


/* The port thread has ended: the next worker may have the ports. */

static void
ngx_stentor_srts_released(ngx_stentor_srts_t *srts)
{
    ngx_uint_t  done;

    pthread_mutex_lock(&srts->mutex);
    done = srts->done;
    pthread_mutex_unlock(&srts->mutex);

    if (!srts->running || !done) {
        return;
    }

    pthread_join(srts->thread, NULL);
    srts->running = 0;

    ngx_stentor_srts_let_go(srts);
    ngx_stentor_save(&srts->scf->store->head->srt_pid, 0);
}


/* A worker may stay long after its configuration, for other broadcasters; the
 * next configuration may not have these ports. */

static void
ngx_stentor_srts_let_go(ngx_stentor_srts_t *srts)
{
    ngx_uint_t               i;
    ngx_stentor_srt_conf_t  *conf;

    conf = srts->scf->srt.elts;

    for (i = 0; i < srts->scf->srt.nelts; i++) {
        if (conf[i].fd != (ngx_socket_t) -1) {
            ngx_close_socket(conf[i].fd);
            conf[i].fd = (ngx_socket_t) -1;
        }
    }
}


/* His key was found good when he knocked. */

static void
ngx_stentor_srt_arrive(ngx_stentor_srt_t *s)
{
    ngx_int_t            rc;
    ngx_stentor_door_t  *door;

    s->source.handler = ngx_stentor_srt_live;
    s->source.data = s;
    s->source.id = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    ngx_stentor_srts_count(s->srts, NGX_STENTOR_INGEST_SESSIONS, 1);

    if (ngx_exiting) {
        ngx_stentor_srt_dismiss(s, NGX_STENTOR_COUNTERS, "worker shuts down");
        return;
    }

    door = &s->door;

    door->scf = s->srts->scf;
    door->app = s->source.app;
    door->request = s->request;
    door->brought = &s->id.params;
    door->cleared = 1;
    door->protocol = s->source.protocol;
    door->address = s->source.address;
    door->encoder = s->source.encoder;
    door->log = &s->log;
    door->handler = ngx_stentor_srt_entered;
    door->data = s;

    rc = ngx_stentor_door_enter(door);

    if (rc != NGX_AGAIN) {
        ngx_stentor_srt_entered(s, rc);
    }
}


/* The door has let him in, or refused him. */

static void
ngx_stentor_srt_entered(void *data, ngx_int_t rc)
{
    ngx_stentor_srt_t *s = data;

    if (rc != NGX_OK) {
        ngx_stentor_srt_reject(s);
        return;
    }

    s->source.name = s->door.name;
    s->source.yields = s->door.yields;

    ngx_log_error(NGX_LOG_INFO, &s->log, 0,
                  "broadcaster %s publishes stream \"%V/%V\" by srt",
                  s->source.address, &s->source.app->name, &s->source.name);

    pthread_mutex_lock(&s->mutex);
    s->track = (unsigned) s->door.track;
    s->admitted = 1;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->mutex);
}


/* He is hung up on, and told why when he comes again. */

static void
ngx_stentor_srt_reject(ngx_stentor_srt_t *s)
{
    ngx_stentor_srts_t         *srts;
    ngx_stentor_srt_refusal_t  *r;

    static const int  codes[] = {
        [NGX_STENTOR_DOOR_BAD_NAME] = SRT_REJX_BAD_REQUEST,
        [NGX_STENTOR_DOOR_DENIED] = SRT_REJX_FORBIDDEN,
        [NGX_STENTOR_DOOR_TAKEN] = SRT_REJX_CONFLICT,
        [NGX_STENTOR_DOOR_FAILED] = SRT_REJX_DOWN,
        [NGX_STENTOR_DOOR_LIMIT] = SRT_REJX_OVERLOAD
    };

    srts = s->srts;

    pthread_mutex_lock(&srts->mutex);

    r = &srts->refusals[srts->nrefusals++ % NGX_STENTOR_SRT_REFUSALS];

    r->from = s->door.from;
    r->id = s->hash;
    r->code = codes[s->door.refusal];
    r->counter = s->door.counter;
    r->until_ms = ngx_stentor_store_now() + NGX_STENTOR_SRT_REFUSAL_MS;

    pthread_mutex_unlock(&srts->mutex);

    ngx_stentor_srt_dismiss(s, NGX_STENTOR_COUNTERS, "it is refused");
}


/* Takes what the thread has left. */

static void
ngx_stentor_srt_look(ngx_stentor_srt_t *s)
{
    ngx_int_t   rc;
    ngx_uint_t  ended;

    do {
        if (!ngx_stentor_srt_units(s)) {
            break;
        }

        rc = ngx_stentor_srt_config(s);
    } while (rc == NGX_OK);

    ngx_stentor_srt_account(s);

    pthread_mutex_lock(&s->mutex);
    ended = s->ended && s->units.count == 0 && !s->configured;
    pthread_mutex_unlock(&s->mutex);

    if (ended) {
        ngx_stentor_srt_end(s);
    }
}


/* Feeds all units.  Returns whether none is left. */

static ngx_uint_t
ngx_stentor_srt_units(ngx_stentor_srt_t *s)
{
    ngx_int_t            rc;
    stn_au_t             au;
    ngx_stentor_lives_t *lives;

    lives = s->srts->scf->worker.lives;
    rc = NGX_OK;

    pthread_mutex_lock(&s->mutex);

    while (stn_fifo_peek(&s->units, &au) == STN_OK) {

        rc = s->quit ? NGX_OK : ngx_stentor_source_unit(lives, &s->source,
                                                        &au);
        if (rc != NGX_OK) {
            break;
        }

        stn_fifo_drop(&s->units);
    }

    s->blocked = (rc == NGX_AGAIN);
    pthread_cond_signal(&s->cond);

    pthread_mutex_unlock(&s->mutex);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_stentor_srt_refuse(s, rc);
    }

    return rc == NGX_OK;
}


/* Takes a config, behind all units that came before it.  Returns NGX_DECLINED
 * when there is none, or it is refused.  The thread does not touch it while it
 * waits to be taken. */

static ngx_int_t
ngx_stentor_srt_config(ngx_stentor_srt_t *s)
{
    ngx_int_t   rc;
    ngx_uint_t  configured;

    pthread_mutex_lock(&s->mutex);
    configured = s->configured;
    pthread_mutex_unlock(&s->mutex);

    if (!configured) {
        return NGX_DECLINED;
    }

    rc = s->quit ? NGX_OK
                 : ngx_stentor_source_config(s->srts->scf->worker.lives,
                                             &s->source, s->codec, s->config,
                                             s->config_len);

    pthread_mutex_lock(&s->mutex);
    s->configured = 0;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->mutex);

    if (rc != NGX_OK) {
        ngx_stentor_srt_refuse(s, rc);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_stentor_srt_refuse(ngx_stentor_srt_t *s, ngx_int_t rc)
{
    if (rc == NGX_DECLINED) {
        ngx_stentor_srt_dismiss(s, s->source.counter, s->source.reason);
    } else {
        ngx_stentor_srt_dismiss(s, NGX_STENTOR_COUNTERS,
                                "out of memory or threads");
    }
}


/* The session is to end.  SRT has no word for it once it is connected. */

static void
ngx_stentor_srt_dismiss(ngx_stentor_srt_t *s, ngx_stentor_counter_e counter,
    const char *reason)
{
    ngx_uint_t  ended;

    ngx_stentor_live_detach(&s->source);

    pthread_mutex_lock(&s->mutex);

    if (s->reason == NULL) {
        s->counter = counter;
        s->reason = reason;
    }

    s->quit = 1;
    ended = s->ended;
    pthread_cond_signal(&s->cond);

    pthread_mutex_unlock(&s->mutex);

    /* its thread has left units that nobody will make room for any more */

    if (ended) {
        ngx_stentor_srt_tell(s);
    }
}


/* Brings the worker's counters and the status up to what the thread saw. */

static void
ngx_stentor_srt_account(ngx_stentor_srt_t *s)
{
    ngx_stentor_source_t  *source;

    source = &s->source;

    pthread_mutex_lock(&s->mutex);

    source->srt = s->stats;
    source->bytes = s->bytes;
    source->video_messages = s->video_packets;
    source->video_bytes = s->video_packets * NGX_STENTOR_SRT_TS_PACKET;

    pthread_mutex_unlock(&s->mutex);

    if (source->bytes != s->counted && !s->quit
        && ngx_stentor_door_meter(&s->door, source->bytes - s->counted)
           != NGX_OK)
    {
        ngx_stentor_srt_reject(s);
    }

    ngx_stentor_srts_count(s->srts, NGX_STENTOR_INGEST_BYTES,
                           source->bytes - s->counted);
    ngx_stentor_srts_count(s->srts, NGX_STENTOR_INGEST_VIDEO_MESSAGES,
                           source->video_messages - s->counted_video);
    ngx_stentor_srts_count(s->srts, NGX_STENTOR_INGEST_VIDEO_BYTES,
                           (source->video_messages - s->counted_video)
                           * NGX_STENTOR_SRT_TS_PACKET);

    s->counted = source->bytes;
    s->counted_video = source->video_messages;

    ngx_stentor_live_show(source, 0);
}


/* The thread has ended, and all that it left has been taken. */

static void
ngx_stentor_srt_end(ngx_stentor_srt_t *s)
{
    ngx_stentor_srts_t  *srts;

    srts = s->srts;

    ngx_stentor_door_leave(&s->door);
    ngx_stentor_live_detach(&s->source);

    pthread_join(s->thread, NULL);

    ngx_log_error(NGX_LOG_INFO, &s->log, 0,
                  "srt session of %s for stream \"%V/%V\" has ended: %s",
                  s->source.address, &s->source.app->name, &s->source.name,
                  s->reason ? s->reason : "broadcaster closed the connection");

    if (s->counter != NGX_STENTOR_COUNTERS) {
        ngx_stentor_srts_count(srts, s->counter, 1);
    }

    ngx_stentor_srts_count(srts, NGX_STENTOR_INGEST_SESSIONS, -1);

    ngx_queue_remove(&s->queue);

    pthread_mutex_lock(&srts->mutex);

    if (s->told) {
        ngx_queue_remove(&s->news);
    }

    srts->n--;

    pthread_mutex_unlock(&srts->mutex);

    ngx_stentor_srt_free(s);
}


void
ngx_stentor_srt_free(ngx_stentor_srt_t *s)
{
    pthread_cond_destroy(&s->cond);
    pthread_mutex_destroy(&s->mutex);
    stn_fifo_free(&s->units);
    ngx_free(s);
}


/* The live has something to say; the source is detached but for ROOM. */

static void
ngx_stentor_srt_live(void *data, ngx_stentor_live_event_e ev,
    const char *reason)
{
    ngx_stentor_srt_t *s = data;

    if (ev != NGX_STENTOR_LIVE_ROOM) {
        ngx_stentor_srt_dismiss(s, NGX_STENTOR_COUNTERS, reason);
        return;
    }

    if (s->blocked) {
        ngx_stentor_srt_look(s);
    }
}
