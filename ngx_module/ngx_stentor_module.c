/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The core module: the stentor {} block with its application {} blocks (what
 * those may say is ngx_stentor_app.c's), the zone, and what each worker opens
 * at its start (wake, notify, asks, cluster, lives, shelf, pulls, replays,
 * keeper) and closes at its end.  Without a stentor {} block it does nothing.
 */

#include "ngx_stentor_app.h"
#include "ngx_stentor_http.h"
#include "ngx_stentor_limit.h"
#include "cluster/ngx_stentor_cluster.h"
#include "cluster/ngx_stentor_steering.h"
#include "in/ngx_stentor_access.h"
#include "in/ngx_stentor_keeper.h"
#include "in/ngx_stentor_live.h"
#include "in/ngx_stentor_relay_pull.h"
#include "in/ngx_stentor_srt.h"
#include "notify/ngx_stentor_ask.h"
#include "notify/ngx_stentor_notify.h"
#include "out/ngx_stentor_replay.h"
#include "store/ngx_stentor_crowd.h"
#include "store/ngx_stentor_pulse.h"
#include "store/ngx_stentor_reader.h"
#include "store/ngx_stentor_wake.h"


#define NGX_STENTOR_ZONE_MIN  (8 * 1024 * 1024)

/* What malloc keeps of memory that was given back, for each of its arenas, and
 * from what size on it keeps nothing. */
#define NGX_STENTOR_KEPT_MEMORY  (1024 * 1024)

/* Until a worker that could not begin makes way for the next one. */
#define NGX_STENTOR_AGAIN_MS  200


static void *ngx_stentor_create_conf(ngx_cycle_t *cycle);
static char *ngx_stentor_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_stentor_init_module(ngx_cycle_t *cycle);
static void ngx_stentor_worker_memory(void);
static ngx_int_t ngx_stentor_worker_open(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);
static ngx_int_t ngx_stentor_worker_streams(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);
static void ngx_stentor_exit_process(ngx_cycle_t *cycle);
static char *ngx_stentor_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void ngx_stentor_block_events(ngx_stentor_conf_t *scf);
static char *ngx_stentor_block_store(ngx_conf_t *cf,
    ngx_stentor_conf_t *scf);
static char *ngx_stentor_sessions(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stentor_application(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_post_t  ngx_stentor_on_event_post = {
    ngx_stentor_app_on_event
};


static ngx_command_t  ngx_stentor_commands[] = {

    { ngx_string("stentor"),
      NGX_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_stentor_block,
      0,
      0,
      NULL },

    { ngx_string("zone"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_stentor_conf_t, zone_size),
      NULL },

    { ngx_string("streams"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_stentor_conf_t, streams),
      NULL },

    { ngx_string("sessions"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_sessions,
      0,
      0,
      NULL },

    { ngx_string("max_listeners"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_limit_listeners,
      0,
      offsetof(ngx_stentor_conf_t, limits.listeners),
      NULL },

    { ngx_string("max_bandwidth"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_limit_bandwidth,
      0,
      offsetof(ngx_stentor_conf_t, limits.bandwidth),
      NULL },

    { ngx_string("on_event"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_stentor_conf_t, on_event),
      &ngx_stentor_on_event_post },

    { ngx_string("srt"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_stentor_srt_directive,
      0,
      0,
      NULL },

    { ngx_string("cluster"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_stentor_cluster_block,
      0,
      0,
      NULL },

    { ngx_string("steering"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_stentor_conf_t, steering.on),
      NULL },

    { ngx_string("steering_ttl"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_conf_t, steering.ttl),
      NULL },

    { ngx_string("pathway"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE23|NGX_CONF_TAKE4,
      ngx_stentor_steering_pathway,
      0,
      0,
      NULL },

    { ngx_string("application"),
      NGX_STENTOR_CONF|NGX_DIRECT_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_stentor_application,
      0,
      0,
      NULL },

    { ngx_string("part_duration"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_app_t, part_duration),
      NULL },

    { ngx_string("segment_parts"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_stentor_app_t, segment_parts),
      NULL },

    { ngx_string("window"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_app_t, window),
      NULL },

    { ngx_string("grace"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_app_t, grace),
      NULL },

    { ngx_string("linger"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_stentor_app_t, linger),
      NULL },

    { ngx_string("max_bitrate"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_stentor_app_t, max_bitrate),
      NULL },

    { ngx_string("stream"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_app_stream,
      0,
      0,
      NULL },

    { ngx_string("rendition"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_stentor_app_rendition,
      0,
      0,
      NULL },

    { ngx_string("hold"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_app_hold,
      0,
      0,
      NULL },

    { ngx_string("dead_air"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE23,
      ngx_stentor_app_dead_air,
      0,
      0,
      NULL },

    { ngx_string("audio"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_app_audio,
      0,
      0,
      NULL },

    { ngx_string("on_event"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_stentor_app_t, on_event),
      &ngx_stentor_on_event_post },

    { ngx_string("publish_key_file"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_stentor_access_file,
      0,
      0,
      NULL },

    { ngx_string("on_publish"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE123,
      ngx_stentor_app_on_publish,
      0,
      0,
      NULL },

    { ngx_string("max_listeners"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_limit_listeners,
      0,
      offsetof(ngx_stentor_app_t, limits.listeners),
      NULL },

    { ngx_string("max_bandwidth"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE12,
      ngx_stentor_limit_bandwidth,
      0,
      offsetof(ngx_stentor_app_t, limits.bandwidth),
      NULL },

    { ngx_string("replay"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_stentor_replay,
      0,
      0,
      NULL },

    { ngx_string("ingest_max_bitrate"),
      NGX_STENTOR_APP_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_stentor_app_t, ingest_max_bitrate),
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_stentor_module_ctx = {
    ngx_string("stentor"),
    ngx_stentor_create_conf,
    ngx_stentor_init_conf
};


ngx_module_t  ngx_stentor_module = {
    NGX_MODULE_V1,
    &ngx_stentor_module_ctx,               /* module context */
    ngx_stentor_commands,                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_stentor_init_module,               /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_stentor_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_stentor_conf_t *
ngx_stentor_conf(ngx_cycle_t *cycle)
{
    return (ngx_stentor_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                               ngx_stentor_module);
}


ngx_stentor_app_t *
ngx_stentor_app(ngx_stentor_conf_t *scf, ngx_str_t *name)
{
    ngx_uint_t          i;
    ngx_stentor_app_t  *app;

    app = scf->apps.elts;

    for (i = 0; i < scf->apps.nelts; i++) {
        if (app[i].name.len == name->len
            && ngx_memcmp(app[i].name.data, name->data, name->len) == 0)
        {
            return &app[i];
        }
    }

    return NULL;
}


ngx_stentor_app_t *
ngx_stentor_app_split(ngx_stentor_conf_t *scf, const ngx_str_t *full,
    ngx_str_t *name)
{
    ngx_str_t           prefix;
    ngx_stentor_app_t  *app;

    prefix = *full;

    while (prefix.len) {
        prefix.len--;

        if (full->data[prefix.len] != '/') {
            continue;
        }

        app = ngx_stentor_app(scf, &prefix);

        if (app) {
            name->data = full->data + prefix.len + 1;
            name->len = full->len - prefix.len - 1;

            return app;
        }
    }

    return NULL;
}


ngx_int_t
ngx_stentor_name_check(ngx_str_t *name)
{
    stn_str_t  text;

    text.data = (char *) name->data;
    text.len = name->len;

    return stn_name_is_fit(&text) ? NGX_OK : NGX_DECLINED;
}


static void *
ngx_stentor_create_conf(ngx_cycle_t *cycle)
{
    ngx_stentor_conf_t  *scf;

    scf = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_conf_t));
    if (scf == NULL) {
        return NULL;
    }

    scf->zone_size = NGX_CONF_UNSET_SIZE;
    scf->streams = NGX_CONF_UNSET_UINT;
    scf->steering.on = NGX_CONF_UNSET;
    scf->steering.ttl = NGX_CONF_UNSET_MSEC;

    return scf;
}


static char *
ngx_stentor_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    if (scf->relays && scf->cluster == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"stentor_relay\" needs a \"cluster\" block");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stentor_init_module(ngx_cycle_t *cycle)
{
    ngx_core_conf_t     *ccf;
    ngx_stentor_conf_t  *scf;

    scf = ngx_stentor_conf(cycle);

    if (scf->store == NULL) {
        return NGX_OK;
    }

    /* in a reload old and new workers are there at once */

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->worker_processes > NGX_STENTOR_SLOTS / 2) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "stentor: at most %d \"worker_processes\"",
                      NGX_STENTOR_SLOTS / 2);
        return NGX_ERROR;
    }

    if (ngx_test_config) {
        return NGX_OK;
    }

    return ngx_stentor_wake_init_fds(scf->store, cycle->log);
}


ngx_int_t
ngx_stentor_worker_init(ngx_cycle_t *cycle)
{
    ngx_stentor_conf_t  *scf;

    scf = ngx_stentor_conf(cycle);

    if (scf->store == NULL
        || scf->worker.shelf
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_stentor_worker_memory();

    return ngx_stentor_worker_open(cycle, scf) == NGX_OK
           ? NGX_OK : ngx_stentor_worker_fail(cycle);
}


/* Threads of streams come and go, each of them with some MB in whichever of
 * malloc's arenas it is given.  By itself malloc learns from blocks of MB, as
 * encoders have them, to keep twice as much in each arena, for good: a worker
 * would grow for hours, to ten times of what it uses. */

static void
ngx_stentor_worker_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    (void) mallopt(M_TRIM_THRESHOLD, NGX_STENTOR_KEPT_MEMORY);
    (void) mallopt(M_MMAP_THRESHOLD, NGX_STENTOR_KEPT_MEMORY);
#endif
}


/* Threads may run already, and what is at the end of a process would wait for
 * them: nothing of it is done. */

ngx_int_t
ngx_stentor_worker_fail(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER) {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                  "stentor: worker cannot begin, another one tries");

    ngx_msleep(NGX_STENTOR_AGAIN_MS);
    _exit(1);
}


static ngx_int_t
ngx_stentor_worker_open(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_worker_t  *worker;

    worker = &scf->worker;

    worker->wake = ngx_stentor_wake_open(cycle, scf->store);
    if (worker->wake == NULL) {
        return NGX_ERROR;
    }

    worker->notify = ngx_stentor_notify_create(cycle, scf->store,
                                               worker->wake->slot);
    worker->asks = ngx_stentor_asks_create(cycle, worker->wake);

    if (worker->notify == NULL || worker->asks == NULL) {
        return NGX_ERROR;
    }

    if (scf->cluster) {
        worker->cluster = ngx_stentor_cluster_create(cycle, scf);

        if (worker->cluster == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_stentor_worker_streams(cycle, scf) != NGX_OK) {
        return NGX_ERROR;
    }

    worker->crowd = ngx_stentor_crowd_create(cycle, scf);
    if (worker->crowd == NULL || ngx_stentor_http_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    worker->pulse = ngx_stentor_pulse_start(cycle, worker->wake, worker->crowd,
                                            ngx_stentor_http_look,
                                            ngx_stentor_notify_verdict);
    if (worker->pulse == NULL) {
        return NGX_ERROR;
    }

    return ngx_stentor_keeper_start(cycle, scf);
}


/* Where streams come from, and where they and their listeners go. */

static ngx_int_t
ngx_stentor_worker_streams(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_worker_t  *worker;

    worker = &scf->worker;

    worker->lives = ngx_stentor_lives_create(cycle, scf, worker->wake);
    worker->shelf = ngx_stentor_shelf_create(cycle, scf->store, worker->wake);

    if (worker->lives == NULL || worker->shelf == NULL) {
        return NGX_ERROR;
    }

    if (worker->cluster) {
        worker->pulls = ngx_stentor_pulls_create(cycle, scf);

        if (worker->pulls == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_stentor_steering_wanted(scf)) {
        worker->steering = ngx_stentor_steering_create(cycle, scf);

        if (worker->steering == NULL) {
            return NGX_ERROR;
        }
    }

    if (scf->srt.nelts) {
        worker->srts = ngx_stentor_srts_create(cycle, scf);

        if (worker->srts == NULL) {
            return NGX_ERROR;
        }
    }

    if (scf->replays) {
        worker->replays = ngx_stentor_replays_create(cycle, scf);

        if (worker->replays == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_stentor_exit_process(ngx_cycle_t *cycle)
{
    ngx_stentor_worker_t  *worker;

    worker = &ngx_stentor_conf(cycle)->worker;

    if (worker->pulse) {
        ngx_stentor_pulse_exit(worker->pulse);
    }

    if (worker->srts) {
        ngx_stentor_srts_exit(worker->srts);
    }

    if (worker->lives) {
        ngx_stentor_lives_exit(worker->lives);
    }

    if (worker->pulls) {
        ngx_stentor_pulls_exit(worker->pulls);
    }

    /* what the last of them have made is written */

    if (worker->replays) {
        ngx_stentor_replays_exit(worker->replays);
    }

    /* they all may have had something to tell */

    if (worker->notify) {
        ngx_stentor_notify_exit(worker->notify);
    }

    if (worker->asks) {
        ngx_stentor_asks_exit(worker->asks);
    }

    if (worker->cluster) {
        ngx_stentor_cluster_exit(worker->cluster);
    }

    if (worker->shelf) {
        ngx_stentor_shelf_exit(worker->shelf);
    }

    if (worker->wake) {
        ngx_stentor_wake_close(worker->wake);
    }
}


static char *
ngx_stentor_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                *rv;
    ngx_stentor_conf_t  *scf;

    scf = ngx_stentor_conf(cf->cycle);

    if (scf->store) {
        return "is duplicate";
    }

    if (ngx_array_init(&scf->apps, cf->pool, 4, sizeof(ngx_stentor_app_t))
            != NGX_OK
        || ngx_array_init(&scf->steering.pathways, cf->pool, 4,
                          sizeof(ngx_stentor_pathway_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rv = ngx_stentor_parse(cf, &ngx_stentor_module, NGX_STENTOR_CONF, scf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_stentor_srt_conf_check(cf, scf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_stentor_steering_conf_check(cf, scf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_stentor_block_events(scf);

    return ngx_stentor_block_store(cf, scf);
}


/* Events go where those of the node go, if an application does not say where;
 * whichever of the two stands first. */

static void
ngx_stentor_block_events(ngx_stentor_conf_t *scf)
{
    ngx_uint_t          i;
    ngx_stentor_app_t  *app;

    app = scf->apps.elts;

    for (i = 0; i < scf->apps.nelts; i++) {
        if (app[i].on_event.len == 0) {
            app[i].on_event = scf->on_event;
        }
    }
}


static char *
ngx_stentor_block_store(ngx_conf_t *cf, ngx_stentor_conf_t *scf)
{
    ngx_conf_init_size_value(scf->zone_size, 128 * 1024 * 1024);
    ngx_conf_init_uint_value(scf->streams, 256);

    if (scf->zone_size < NGX_STENTOR_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"zone\" must be at least 8m");
        return NGX_CONF_ERROR;
    }

    if (scf->streams < 1 || scf->streams > 4096) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"streams\" must be between 1 and 4096");
        return NGX_CONF_ERROR;
    }

    scf->store = ngx_stentor_store_create(cf, scf->zone_size, scf->streams);
    if (scf->store == NULL) {
        return NGX_CONF_ERROR;
    }

    if (scf->cluster) {
        scf->store->more = ngx_stentor_cluster_init;
        scf->store->more_data = scf->cluster;

        ngx_stentor_limit_capacity(scf);
    }

    return NGX_CONF_OK;
}


/* sessions NUMBER [per_address=NUMBER] */

static char *
ngx_stentor_sessions(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (scf->sessions) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_STENTOR_SESSIONS) {
        return "must be between 1 and 4096";
    }

    scf->sessions = (ngx_uint_t) n;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    n = (ngx_strncmp(value[2].data, "per_address=", 12) == 0)
        ? ngx_atoi(value[2].data + 12, value[2].len - 12) : NGX_ERROR;

    if (n < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    scf->per_address = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_stentor_application(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    char               *rv;
    ngx_str_t          *value;
    ngx_stentor_app_t  *app;

    value = cf->args->elts;

    if (ngx_stentor_name_check(&value[1]) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid application name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_stentor_app(scf, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate application \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    app = ngx_array_push(&scf->apps);
    if (app == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_stentor_app_init(cf, app, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_stentor_parse(cf, &ngx_stentor_module, NGX_STENTOR_APP_CONF, app);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    scf->replays = scf->replays || app->replay.dir.len;

    return ngx_stentor_app_defaults(cf, app);
}


char *
ngx_stentor_parse(ngx_conf_t *cf, ngx_module_t *module, ngx_uint_t type,
    void *conf)
{
    char        *rv;
    void       **ctx;
    ngx_conf_t   save;

    ctx = ngx_pcalloc(cf->pool, ngx_max_module * sizeof(void *));
    if (ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx[module->index] = conf;

    save = *cf;

    cf->ctx = ctx;
    cf->module_type = NGX_CORE_MODULE;
    cf->cmd_type = type;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}
