/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The keeper (see ngx_stentor_keeper.h).  It looks through the store a few
 * times a second, and whenever it is woken: a worker that lets go of a stream
 * wakes all.  Opening is done by lives, which claim a stream only if it has
 * no owner, so that it does no harm when two keepers see the same.  Event
 * loop only.
 */

#include "ngx_stentor_keeper.h"
#include "cluster/ngx_stentor_cluster.h"


/* A killed worker's streams have new owners after this and a little. */
#define NGX_STENTOR_KEEPER_MS  200

/* A worker that has just been born leaves them to others, who have hold audio
 * ready. */
#define NGX_STENTOR_KEEPER_YOUNG_MS  2500

/* How long to wait before a stream of the configuration that could not be
 * opened is tried again. */
#define NGX_STENTOR_KEEPER_RETRY_MS  5000


static void ngx_stentor_keeper_wake(void *data, ngx_stentor_stream_t *st);
static void ngx_stentor_keeper_timer(ngx_event_t *ev);
static void ngx_stentor_keeper_look(ngx_stentor_keeper_t *k);
static void ngx_stentor_keeper_ready(ngx_stentor_keeper_t *k);
static void ngx_stentor_keeper_stand_by(ngx_stentor_keeper_t *k,
    ngx_stentor_stream_t *st);
static void ngx_stentor_keeper_orphan(ngx_stentor_keeper_t *k,
    ngx_stentor_stream_t *st);
static void ngx_stentor_keeper_open(ngx_stentor_keeper_t *k,
    ngx_stentor_stream_t *st, ngx_uint_t opened_by);
static ngx_stentor_app_t *ngx_stentor_keeper_app(ngx_stentor_conf_t *scf,
    ngx_stentor_stream_t *st, ngx_str_t *full, ngx_str_t *name);
static void ngx_stentor_keeper_configured(ngx_stentor_keeper_t *k,
    ngx_stentor_app_t *app, ngx_stentor_stream_conf_t *stream);
static void ngx_stentor_keeper_removed(ngx_stentor_keeper_t *k,
    ngx_stentor_stream_t *st);
static ngx_uint_t ngx_stentor_keeper_names(ngx_stentor_conf_t *scf,
    ngx_stentor_stream_t *st);


ngx_int_t
ngx_stentor_keeper_start(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_keeper_t  *k;

    k = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_keeper_t));
    if (k == NULL) {
        return NGX_ERROR;
    }

    k->orphaned = ngx_pcalloc(cycle->pool, scf->store->nstreams
                                           * sizeof(ngx_msec_t));
    k->inits = ngx_pcalloc(cycle->pool, scf->store->nstreams
                                        * sizeof(uint32_t));
    if (k->orphaned == NULL || k->inits == NULL) {
        return NGX_ERROR;
    }

    k->born = ngx_current_msec;
    k->scf = scf;
    k->lives = scf->worker.lives;

    k->timer.handler = ngx_stentor_keeper_timer;
    k->timer.data = scf->worker.wake->connection;
    k->timer.log = cycle->log;
    k->timer.cancelable = 1;

    ngx_stentor_keeper_ready(k);

    ngx_add_timer(&k->timer, 1);

    return ngx_stentor_wake_hook(scf->worker.wake, ngx_stentor_keeper_wake, k);
}


static void
ngx_stentor_keeper_wake(void *data, ngx_stentor_stream_t *st)
{
    if (st == NULL) {
        ngx_stentor_keeper_look(data);
    }
}


static void
ngx_stentor_keeper_timer(ngx_event_t *ev)
{
    ngx_stentor_keeper_t  *k;

    k = ngx_stentor_container(ev, ngx_stentor_keeper_t, timer);

    ngx_stentor_keeper_look(k);

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_STENTOR_KEEPER_MS);
    }
}


static void
ngx_stentor_keeper_look(ngx_stentor_keeper_t *k)
{
    ngx_uint_t                  i, n;
    ngx_stentor_app_t          *app;
    ngx_stentor_stream_t       *st;
    ngx_stentor_stream_conf_t  *stream;

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        return;
    }

    for (i = 0; i < k->scf->store->nstreams; i++) {
        st = ngx_stentor_store_stream(k->scf->store, i);

        ngx_stentor_keeper_removed(k, st);

        if (ngx_stentor_load(&st->wanted) && ngx_stentor_keeper_mine(i)) {
            ngx_stentor_keeper_open(k, st, NGX_STENTOR_BY_CONTROL);
        }

        if (ngx_stentor_load(&st->state) != NGX_STENTOR_OPEN
            || ngx_stentor_load(&st->relayed) || ngx_stentor_store_owned(st))
        {
            k->orphaned[i] = 0;
            ngx_stentor_keeper_stand_by(k, st);
            continue;
        }

        ngx_stentor_keeper_orphan(k, st);
    }

    app = k->scf->apps.elts;

    for (i = 0; i < k->scf->apps.nelts; i++) {
        stream = app[i].streams.elts;

        for (n = 0; n < app[i].streams.nelts; n++) {
            if (ngx_stentor_keeper_mine(i + n)) {
                ngx_stentor_keeper_configured(k, &app[i], &stream[n]);
            }
        }
    }
}


/* Hold audio is readied before it is needed: of what streams open with, at
 * start-up ... */

static void
ngx_stentor_keeper_ready(ngx_stentor_keeper_t *k)
{
    ngx_str_t                   full, *file;
    ngx_uint_t                  i, n;
    stn_format_t                format;
    ngx_stentor_app_t          *app;
    ngx_stentor_stream_conf_t  *stream;

    app = k->scf->apps.elts;
    ngx_str_null(&full);

    for (i = 0; i < k->scf->apps.nelts; i++) {
        stream = app[i].streams.elts;

        if (ngx_stentor_live_blank(&app[i], &format) != NGX_OK) {
            continue;
        }

        if (app[i].nrenditions == 0) {
            (void) ngx_stentor_hold_get(k->lives->holds, &ngx_stentor_comfort,
                                        &format);
        }

        for (n = 0; n <= app[i].streams.nelts; n++) {
            file = n ? &stream[n - 1].hold
                     : ngx_stentor_live_hold(&app[i], &full);

            if (file->len) {
                (void) ngx_stentor_hold_get(k->lives->holds, file, &format);
            }
        }
    }
}


/* ... and of what the streams of other workers have become since, for any of
 * them may have to be gone on with here; or those of other nodes, if this one
 * is an origin. */

static void
ngx_stentor_keeper_stand_by(ngx_stentor_keeper_t *k, ngx_stentor_stream_t *st)
{
    uint32_t            id;
    u_char              data[NGX_STENTOR_NAME_MAX];
    ngx_str_t           full, name, *file;
    stn_format_t        format;
    ngx_stentor_app_t  *app;

    id = (uint32_t) ngx_stentor_load(&st->renditions[0].init);

    if (k->inits[st->index] == id
        || ngx_stentor_load(&st->state) != NGX_STENTOR_OPEN
        || (ngx_stentor_load(&st->relayed)
            && (k->scf->cluster == NULL
                || k->scf->cluster->role != STN_NODE_ORIGIN)))
    {
        return;
    }

    k->inits[st->index] = id;

    full.data = data;
    app = ngx_stentor_keeper_app(k->scf, st, &full, &name);
    if (app == NULL || app->nrenditions) {
        return;
    }

    if (ngx_stentor_live_format_of(k->scf->store, &st->renditions[0], id,
                                   &format)
        != NGX_OK)
    {
        return;
    }

    file = ngx_stentor_live_hold(app, &full);

    (void) ngx_stentor_hold_get(k->lives->holds, &ngx_stentor_comfort,
                                &format);

    if (file->len) {
        (void) ngx_stentor_hold_get(k->lives->holds, file, &format);
    }
}


static void
ngx_stentor_keeper_orphan(ngx_stentor_keeper_t *k, ngx_stentor_stream_t *st)
{
    if (k->orphaned[st->index] == 0) {
        k->orphaned[st->index] = ngx_max(ngx_current_msec, 1);
    }

    if ((!ngx_stentor_keeper_mine(st->index)
         || ngx_current_msec - k->born < NGX_STENTOR_KEEPER_YOUNG_MS)
        && ngx_current_msec - k->orphaned[st->index]
           < NGX_STENTOR_KEEPER_SHARE_MS)
    {
        return;
    }

    ngx_stentor_keeper_open(k, st, NGX_STENTOR_BY_BROADCASTER);
}


static void
ngx_stentor_keeper_open(ngx_stentor_keeper_t *k, ngx_stentor_stream_t *st,
    ngx_uint_t opened_by)
{
    u_char              data[NGX_STENTOR_NAME_MAX];
    ngx_str_t           full, name;
    ngx_stentor_app_t  *app;

    full.data = data;
    app = ngx_stentor_keeper_app(k->scf, st, &full, &name);

    /* of an application that is no longer configured: it will expire */

    if (app) {
        (void) ngx_stentor_live_open(k->lives, app, &name, opened_by);
    }
}


ngx_uint_t
ngx_stentor_keeper_mine(ngx_uint_t n)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    return ccf->worker_processes < 2
           || n % (ngx_uint_t) ccf->worker_processes == ngx_worker;
}


/* The application of a stream, its full name (copied to full->data) and its
 * name in the application. */

static ngx_stentor_app_t *
ngx_stentor_keeper_app(ngx_stentor_conf_t *scf, ngx_stentor_stream_t *st,
    ngx_str_t *full, ngx_str_t *name)
{
    full->len = ngx_min(st->name_len, NGX_STENTOR_NAME_MAX);
    ngx_memcpy(full->data, st->name, full->len);

    return ngx_stentor_app_split(scf, full, name);
}


static void
ngx_stentor_keeper_configured(ngx_stentor_keeper_t *k, ngx_stentor_app_t *app,
    ngx_stentor_stream_conf_t *stream)
{
    u_char                 data[NGX_STENTOR_NAME_MAX];
    ngx_str_t              full;
    ngx_stentor_stream_t  *st;

    full.data = data;
    full.len = ngx_snprintf(data, sizeof(data), "%V/%V", &app->name,
                            &stream->name)
               - data;

    /* what the operator has closed stays closed until he opens it */

    if (ngx_stentor_store_barred(k->scf->store, &full)) {
        return;
    }

    st = ngx_stentor_store_lookup(k->scf->store, &full);

    /* one that is made on another node is stood by for */

    if (st && st->state != NGX_STENTOR_CLOSED && ngx_stentor_store_owned(st)
        && !ngx_stentor_load(&st->relayed))
    {
        if (st->opened_by < NGX_STENTOR_BY_CONFIG) {
            st->opened_by = NGX_STENTOR_BY_CONFIG;
            st->pinned = 1;
        }

        return;
    }

    if (stream->tried
        && ngx_current_msec - stream->tried < NGX_STENTOR_KEEPER_RETRY_MS)
    {
        return;
    }

    stream->tried = ngx_max(ngx_current_msec, 1);

    (void) ngx_stentor_live_open(k->lives, app, &stream->name,
                                 NGX_STENTOR_BY_CONFIG);
}


/* A stream that the configuration does not name any more is its broadcaster's,
 * as if he had opened it: without one its time to linger is up.  The workers
 * of the former configuration, which keep it, must have been told to go. */

static void
ngx_stentor_keeper_removed(ngx_stentor_keeper_t *k, ngx_stentor_stream_t *st)
{
    if (!ngx_stentor_load(&st->pinned)
        || ngx_current_msec - k->born < NGX_STENTOR_KEEPER_YOUNG_MS
        || ngx_stentor_keeper_names(k->scf, st))
    {
        return;
    }

    st->pinned = 0;

    /* it may be the operator's, too */

    (void) ngx_atomic_cmp_set(&st->opened_by, NGX_STENTOR_BY_CONFIG,
                              NGX_STENTOR_BY_BROADCASTER);
}


/* Whether the configuration names the stream, in whatever application. */

static ngx_uint_t
ngx_stentor_keeper_names(ngx_stentor_conf_t *scf, ngx_stentor_stream_t *st)
{
    size_t                      len;
    ngx_uint_t                  i, n;
    ngx_stentor_app_t          *app;
    ngx_stentor_stream_conf_t  *stream;

    app = scf->apps.elts;

    for (i = 0; i < scf->apps.nelts; i++) {
        len = app[i].name.len;
        stream = app[i].streams.elts;

        for (n = 0; n < app[i].streams.nelts; n++) {

            if (st->name_len == len + 1 + stream[n].name.len
                && ngx_memcmp(st->name, app[i].name.data, len) == 0
                && st->name[len] == '/'
                && ngx_memcmp(st->name + len + 1, stream[n].name.data,
                              stream[n].name.len)
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}
