/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How full the node and its applications are (see ngx_stentor_crowd.h).  A
 * look is a walk over the slots, and over the streams that there are where an
 * application or bandwidth is limited: it happens once a join.  All whom a
 * full node sends away in a turn of the loop are sent away by one.
 */

#include "ngx_stentor_crowd.h"


/* A limit that was reached holds until there is this much of it, in percent:
 * otherwise each one who goes would let one in, and joiners by thousands would
 * find the door open or closed by chance. */
#define NGX_STENTOR_CROWD_OFF  95

/* How long bandwidth is measured at least; about the second between ticks. */
#define NGX_STENTOR_CROWD_MEASURE_MS  900

/* What was measured before is not believed: nobody was there since. */
#define NGX_STENTOR_CROWD_OLD_MS  3000

/* The node's name among those of applications: no hash of one. */
#define NGX_STENTOR_CROWD_NODE  1

/* A number of streams that there have not been yet. */
#define NGX_STENTOR_CROWD_STALE  ((ngx_atomic_uint_t) -1)


/* To which application a stream belongs, by the hash of its name. */

typedef struct {
    uint32_t                 hash;
    ngx_stentor_app_t       *app;
} ngx_stentor_crowd_stream_t;


struct ngx_stentor_crowd_s {
    ngx_stentor_conf_t          *scf;
    ngx_stentor_store_t         *store;
    ngx_log_t                   *log;
    ngx_uint_t                   nliving;
    ngx_uint_t                   living[NGX_STENTOR_SLOTS];
    ngx_atomic_uint_t            dead[NGX_STENTOR_SLOTS];   /* pids */
    ngx_stentor_crowd_stream_t  *streams;
    ngx_atomic_uint_t            opens;      /* the list below is as old */
    ngx_uint_t                   nused;
    uint32_t                    *used;       /* records that are in use */
    ngx_msec_t                  *full;       /* when the node, and then each
                                                application, was found so; 0:
                                                it was not */
};


static ngx_stentor_level_e ngx_stentor_crowd_find(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app);
static ngx_stentor_level_e ngx_stentor_crowd_count(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app);
static void ngx_stentor_crowd_living(ngx_stentor_crowd_t *crowd);
static void ngx_stentor_crowd_node(ngx_stentor_crowd_t *crowd,
    ngx_stentor_present_t *present);
static void ngx_stentor_crowd_streams(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app, ngx_stentor_present_t *present);
static void ngx_stentor_crowd_use(ngx_stentor_crowd_t *crowd);
static uint64_t ngx_stentor_crowd_average(ngx_stentor_stream_t *st);
static void ngx_stentor_crowd_measure(ngx_stentor_store_t *store);
static ngx_stentor_level_e ngx_stentor_crowd_over(ngx_stentor_limit_t *limit,
    uint64_t n, ngx_stentor_level_e was);
static void ngx_stentor_crowd_save(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app, ngx_stentor_level_e level,
    ngx_stentor_present_t *present);
static void ngx_stentor_crowd_log(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app, ngx_stentor_level_e level,
    ngx_stentor_present_t *present);
static ngx_atomic_t *ngx_stentor_crowd_entry(ngx_stentor_store_t *store,
    uint32_t key, ngx_uint_t make);
static uint32_t ngx_stentor_crowd_key(ngx_stentor_app_t *app);


#define ngx_stentor_crowd_limited(limits)                                     \
    ((limits)->listeners.soft || (limits)->listeners.hard                     \
     || (limits)->bandwidth.soft || (limits)->bandwidth.hard)


ngx_stentor_crowd_t *
ngx_stentor_crowd_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_crowd_t  *crowd;

    crowd = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_crowd_t));
    if (crowd == NULL) {
        return NULL;
    }

    crowd->scf = scf;
    crowd->store = scf->store;
    crowd->log = cycle->log;

    crowd->streams = ngx_pcalloc(cycle->pool,
                                 scf->store->nstreams
                                 * sizeof(ngx_stentor_crowd_stream_t));

    crowd->used = ngx_pcalloc(cycle->pool,
                              scf->store->nstreams * sizeof(uint32_t));

    crowd->full = ngx_pcalloc(cycle->pool,
                              (1 + scf->apps.nelts) * sizeof(ngx_msec_t));

    return (crowd->streams && crowd->used && crowd->full) ? crowd : NULL;
}


ngx_stentor_level_e
ngx_stentor_crowd_look(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app)
{
    ngx_stentor_level_e  node, its;

    node = NGX_STENTOR_ROOMY;

    if (ngx_stentor_crowd_limited(&crowd->scf->limits)) {
        node = ngx_stentor_crowd_find(crowd, NULL);
    }

    its = ngx_stentor_crowd_look_app(crowd, app);

    return ngx_max(node, its);
}


ngx_stentor_level_e
ngx_stentor_crowd_look_app(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app)
{
    return (app && ngx_stentor_crowd_limited(&app->limits))
           ? ngx_stentor_crowd_find(crowd, app) : NGX_STENTOR_ROOMY;
}


static ngx_stentor_level_e
ngx_stentor_crowd_find(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app)
{
    ngx_msec_t           *full;
    ngx_stentor_level_e   level;

    full = &crowd->full[app ? 1 + (app - (ngx_stentor_app_t *)
                                         crowd->scf->apps.elts)
                            : 0];

    if (*full && *full == ngx_current_msec) {
        return NGX_STENTOR_FULL;
    }

    level = ngx_stentor_crowd_count(crowd, app);
    *full = (level == NGX_STENTOR_FULL) ? ngx_current_msec : 0;

    return level;
}


static ngx_stentor_level_e
ngx_stentor_crowd_count(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app)
{
    ngx_stentor_level_e     was, listeners, bandwidth;
    ngx_stentor_limits_t   *limits;
    ngx_stentor_present_t   present;

    limits = app ? &app->limits : &crowd->scf->limits;
    ngx_memzero(&present, sizeof(ngx_stentor_present_t));

    ngx_stentor_crowd_living(crowd);

    if (app || limits->bandwidth.soft || limits->bandwidth.hard) {
        ngx_stentor_crowd_streams(crowd, app, &present);
    }

    if (app == NULL) {
        ngx_stentor_crowd_node(crowd, &present);
    }

    was = ngx_stentor_crowd_level(crowd->store, app);
    listeners = ngx_stentor_crowd_over(&limits->listeners, present.listeners,
                                       was);
    bandwidth = ngx_stentor_crowd_over(&limits->bandwidth, present.bandwidth,
                                       was);
    listeners = ngx_max(listeners, bandwidth);

    if (listeners != was) {
        ngx_stentor_crowd_save(crowd, app, listeners, &present);
    }

    return listeners;
}


/* The slots that count.  That a worker has been killed is looked for now and
 * then only; another one that has its slot is another process. */

static void
ngx_stentor_crowd_living(ngx_stentor_crowd_t *crowd)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  pid;

    crowd->nliving = 0;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        pid = ngx_stentor_load(&crowd->store->head->slots[i].pid);

        if (pid && pid != crowd->dead[i]) {
            crowd->living[crowd->nliving++] = i;
        }
    }
}


static void
ngx_stentor_crowd_node(ngx_stentor_crowd_t *crowd,
    ngx_stentor_present_t *present)
{
    uint64_t             n, *counters;
    ngx_uint_t           i;
    ngx_stentor_head_t  *head;

    head = crowd->store->head;

    for (n = 0, i = 0; i < crowd->nliving; i++) {
        counters = head->slots[crowd->living[i]].counters;

        n += counters[NGX_STENTOR_HLS_LISTENERS]
             + counters[NGX_STENTOR_HLS_LEAVING]
             + counters[NGX_STENTOR_HLS_JOINING];
    }

    present->listeners = n;

    /* a storm is not in what was measured yet, and others than listeners are
     * not in what listeners need */

    if ((ngx_msec_int_t) (ngx_current_msec - ngx_stentor_load(&head->rate_msec))
        < NGX_STENTOR_CROWD_OLD_MS)
    {
        n = ngx_stentor_load(&head->rate);
        present->bandwidth = ngx_max(present->bandwidth, n);
    }
}


/* Who is there of the streams of an application (NULL: of all), and what they
 * need. */

static void
ngx_stentor_crowd_streams(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app,
    ngx_stentor_present_t *present)
{
    uint64_t              n;
    ngx_uint_t            i, j, k;
    ngx_stentor_store_t  *store;

    store = crowd->store;

    if (crowd->opens != ngx_stentor_load(&store->head->opens)) {
        ngx_stentor_crowd_use(crowd);
    }

    for (j = 0; j < crowd->nused; j++) {
        k = crowd->used[j];

        if (app && ngx_stentor_crowd_app(crowd, k) != app) {
            continue;
        }

        for (n = 0, i = 0; i < crowd->nliving; i++) {
            n += ngx_stentor_store_present(store, crowd->living[i])[k];
        }

        if (n) {
            present->listeners += n;
            present->bandwidth += n * ngx_stentor_crowd_average(
                                          ngx_stentor_store_stream(store, k));
        }
    }
}


/* A table for thousands has a few of them, as a rule; which they are is found
 * anew with each that opens, and after each tick.  Who has left one that is
 * free again is there no more. */

static void
ngx_stentor_crowd_use(ngx_stentor_crowd_t *crowd)
{
    ngx_uint_t            i;
    ngx_stentor_store_t  *store;

    store = crowd->store;

    crowd->opens = ngx_stentor_load(&store->head->opens);
    crowd->nused = 0;

    for (i = 0; i < store->nstreams; i++) {
        if (ngx_stentor_load(&ngx_stentor_store_stream(store, i)->state)
            != NGX_STENTOR_FREE)
        {
            crowd->used[crowd->nused++] = (uint32_t) i;
        }
    }
}


ngx_stentor_app_t *
ngx_stentor_crowd_app(ngx_stentor_crowd_t *crowd, ngx_uint_t index)
{
    uint32_t                    *hashes, hash;
    ngx_str_t                    full, name;
    ngx_stentor_stream_t        *st;
    ngx_stentor_crowd_stream_t  *known;

    hashes = ngx_stentor_store_at(crowd->store, crowd->store->head->hashes);
    hash = ngx_stentor_load(&hashes[index]);
    known = &crowd->streams[index];

    if (hash != known->hash) {
        st = ngx_stentor_store_stream(crowd->store, index);

        full.data = st->name;
        full.len = ngx_min(st->name_len, NGX_STENTOR_NAME_MAX);

        known->hash = hash;
        known->app = ngx_stentor_app_split(crowd->scf, &full, &name);
    }

    return known->app;
}


/* Which rendition a listener has is not counted: the dearest. */

static uint64_t
ngx_stentor_crowd_average(ngx_stentor_stream_t *st)
{
    uint64_t    average;
    ngx_uint_t  i, n;

    n = ngx_min(st->nrenditions, NGX_STENTOR_RENDITIONS);

    for (average = 0, i = 0; i < n; i++) {
        average = ngx_max(average, st->renditions[i].average);
    }

    return average;
}


static ngx_stentor_level_e
ngx_stentor_crowd_over(ngx_stentor_limit_t *limit, uint64_t n,
    ngx_stentor_level_e was)
{
    uint64_t  held;

    held = n * 100 / NGX_STENTOR_CROWD_OFF;

    if (limit->hard
        && (was == NGX_STENTOR_FULL ? held : n) >= limit->hard)
    {
        return NGX_STENTOR_FULL;
    }

    if (limit->soft
        && (was >= NGX_STENTOR_CROWDED ? held : n) >= limit->soft)
    {
        return NGX_STENTOR_CROWDED;
    }

    return NGX_STENTOR_ROOMY;
}


void
ngx_stentor_crowd_tick(ngx_stentor_crowd_t *crowd)
{
    ngx_uint_t            i;
    ngx_stentor_app_t    *app;
    ngx_stentor_store_t  *store;

    store = crowd->store;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        crowd->dead[i] = ngx_stentor_store_lives(store, i)
                         ? 0 : ngx_stentor_load(&store->head->slots[i].pid);
    }

    crowd->opens = NGX_STENTOR_CROWD_STALE;
    ngx_stentor_crowd_measure(store);

    (void) ngx_stentor_crowd_look(crowd, NULL);

    app = crowd->scf->apps.elts;

    for (i = 0; i < crowd->scf->apps.nelts; i++) {
        if (ngx_stentor_crowd_limited(&app[i].limits)) {
            (void) ngx_stentor_crowd_find(crowd, &app[i]);
        }
    }
}


/* One worker does it for all, whichever finds that it is time. */

static void
ngx_stentor_crowd_measure(ngx_stentor_store_t *store)
{
    int64_t              bytes;
    uint64_t             now;
    ngx_msec_int_t       ms;
    ngx_atomic_uint_t    was;
    ngx_stentor_head_t  *head;

    head = store->head;
    was = ngx_stentor_load(&head->rate_msec);
    ms = (ngx_msec_int_t) (ngx_current_msec - was);

    if (ms < NGX_STENTOR_CROWD_MEASURE_MS
        || !ngx_atomic_cmp_set(&head->rate_msec, was, ngx_current_msec))
    {
        return;
    }

    /* one that was held up since may come after the next one: then what it has
     * is less than what is there, and the lesser is left out */

    now = ngx_stentor_store_sum(store, NGX_STENTOR_HLS_BYTES);
    bytes = (int64_t) (now - ngx_stentor_load(&head->rate_bytes));

    if (bytes >= 0) {
        ngx_stentor_save(&head->rate, (uint64_t) bytes * 8000 / ms);
        ngx_stentor_save(&head->rate_bytes, now);
    }
}


ngx_stentor_level_e
ngx_stentor_crowd_level(ngx_stentor_store_t *store, ngx_stentor_app_t *app)
{
    ngx_atomic_t  *entry;

    entry = ngx_stentor_crowd_entry(store, ngx_stentor_crowd_key(app), 0);

    return entry ? (ngx_stentor_level_e) (uint32_t) ngx_stentor_load(entry)
                 : NGX_STENTOR_ROOMY;
}


/* Of workers that come to it at once one is the first, and logs it. */

static void
ngx_stentor_crowd_save(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app,
    ngx_stentor_level_e level, ngx_stentor_present_t *present)
{
    uint32_t            key;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value, next;

    key = ngx_stentor_crowd_key(app);
    entry = ngx_stentor_crowd_entry(crowd->store, key, 1);

    if (entry == NULL) {
        return;
    }

    value = ngx_stentor_load(entry);
    next = (ngx_atomic_uint_t) key << 32 | level;

    if (next != value && ngx_atomic_cmp_set(entry, value, next)) {
        ngx_stentor_crowd_log(crowd, app, level, present);
    }
}


static void
ngx_stentor_crowd_log(ngx_stentor_crowd_t *crowd, ngx_stentor_app_t *app,
    ngx_stentor_level_e level, ngx_stentor_present_t *present)
{
    static const char  *says[] = {
        "has room again for who joins",
        "is over its soft limit",
        "is over its hard limit: who joins is sent away"
    };

    if (app) {
        ngx_log_error(NGX_LOG_NOTICE, crowd->log, 0,
                      "application \"%V\" %s, %uL listeners, %uL kbit/s",
                      &app->name, says[level], present->listeners,
                      present->bandwidth / 1000);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, crowd->log, 0,
                  "the node %s, %uL listeners, %uL kbit/s", says[level],
                  present->listeners, present->bandwidth / 1000);
}


/* The entry of that key; to make: one is given to it, for good.  NULL: there
 * is none. */

static ngx_atomic_t *
ngx_stentor_crowd_entry(ngx_stentor_store_t *store, uint32_t key,
    ngx_uint_t make)
{
    ngx_uint_t          i;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    for (i = 0; i < NGX_STENTOR_CROWDS; i++) {
        entry = &store->head->crowds[(key + i) % NGX_STENTOR_CROWDS];

        if (make) {
            (void) ngx_atomic_cmp_set(entry, 0, (ngx_atomic_uint_t) key << 32);
        }

        value = ngx_stentor_load(entry);

        if (value >> 32 == key) {
            return entry;
        }

        if (value == 0) {
            return NULL;
        }
    }

    return NULL;
}


static uint32_t
ngx_stentor_crowd_key(ngx_stentor_app_t *app)
{
    uint32_t  key;

    if (app == NULL) {
        return NGX_STENTOR_CROWD_NODE;
    }

    key = ngx_crc32_short(app->name.data, app->name.len);

    return key > NGX_STENTOR_CROWD_NODE ? key : NGX_STENTOR_CROWD_NODE + 1;
}
