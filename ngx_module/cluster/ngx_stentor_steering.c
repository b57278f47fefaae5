/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steering of a worker (see ngx_stentor_steering.h).  Nobody is steered but by
 * requests, so it looks when there is one, and needs no timer.  Of many nodes
 * it takes those of its own region first, and of these the ones that come
 * after itself in the order of ids, in a circle: other nodes begin elsewhere.
 */

#include "ngx_stentor_steering.h"


/* So long what was seen is good. */
#define NGX_STENTOR_STEERING_LOOK_MS  500

/* A round in one word: when it began, and its share. */
#define NGX_STENTOR_STEERING_SHARE    0xffff
#define NGX_STENTOR_STEERING_BITS     16


static void ngx_stentor_steering_own(ngx_stentor_steering_t *st);
static void ngx_stentor_steering_text(char *to, ngx_str_t *text);
static void ngx_stentor_steering_live(void *data, stn_node_t *node);
static void ngx_stentor_steering_static(ngx_stentor_steering_t *st);
static ngx_uint_t ngx_stentor_steering_known(ngx_stentor_steering_t *st,
    const char *id);
static void ngx_stentor_steering_add(ngx_stentor_steering_t *st,
    stn_node_t *node);
static ngx_int_t ngx_stentor_steering_cmp(ngx_stentor_steering_t *st,
    stn_node_t *one, stn_node_t *two);
static ngx_uint_t ngx_stentor_steering_far(ngx_stentor_steering_t *st,
    stn_node_t *node);
static ngx_uint_t ngx_stentor_steering_fit(stn_node_t *node);
static ngx_uint_t ngx_stentor_steering_round(ngx_stentor_steering_t *st,
    stn_steering_node_t *nodes, size_t n);
static ngx_uint_t ngx_stentor_steering_sure(ngx_stentor_steering_t *st);
static ngx_uint_t ngx_stentor_steering_same(ngx_stentor_steering_t *st,
    stn_steering_plan_t *plan);


ngx_stentor_steering_t *
ngx_stentor_steering_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_steering_t  *st;

    st = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_steering_t));
    if (st == NULL) {
        return NULL;
    }

    st->scf = scf;

    st->nodes = ngx_pcalloc(cycle->pool, STN_STEERING_NODES
                                         * sizeof(stn_node_t));
    st->others = ngx_pcalloc(cycle->pool, STN_STEERING_NODES
                                          * sizeof(stn_node_t));

    return (st->nodes && st->others) ? st : NULL;
}


ngx_uint_t
ngx_stentor_steering_wanted(ngx_stentor_conf_t *scf)
{
    return scf->steering.on
           && (scf->cluster || scf->steering.pathways.nelts);
}


uint64_t
ngx_stentor_steering_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


ngx_uint_t
ngx_stentor_steering_look(ngx_stentor_steering_t *st)
{
    ngx_uint_t            i, changed;
    stn_node_t           *swap;
    stn_steering_plan_t   plan;
    stn_steering_node_t   nodes[STN_STEERING_NODES];

    if (st->generation
        && ngx_current_msec - st->looked < NGX_STENTOR_STEERING_LOOK_MS
        && st->word == ngx_stentor_load(&st->scf->store->head->steering))
    {
        return st->generation;
    }

    st->looked = ngx_current_msec;

    ngx_stentor_steering_own(st);

    if (st->scf->worker.cluster
        && ngx_stentor_map_each(st->scf->worker.cluster->map,
                                ngx_stentor_steering_live, st)
           != NGX_OK)
    {
        /* what was seen may be half written */

        if (st->generation) {
            return st->generation;
        }

        st->nothers = 1;
    }

    ngx_stentor_steering_static(st);

    for (i = 0; i < st->nothers; i++) {
        nodes[i].capacity = st->others[i].capacity;
        nodes[i].listeners = st->others[i].listeners;
        nodes[i].load = st->others[i].load;
        nodes[i].far = ngx_stentor_steering_far(st, &st->others[i]);
    }

    stn_steering_plan(&plan, nodes, st->nothers);

    changed = ngx_stentor_steering_round(st, nodes, st->nothers);
    changed |= !ngx_stentor_steering_same(st, &plan);

    swap = st->nodes;
    st->nodes = st->others;
    st->others = swap;
    st->plan = plan;

    if (changed || st->generation == 0) {
        st->generation++;
    }

    return st->generation;
}


/* This node comes first, as it is and not as others were told. */

static void
ngx_stentor_steering_own(ngx_stentor_steering_t *st)
{
    ngx_uint_t                   i;
    stn_node_t                  *own;
    ngx_stentor_pathway_t       *p;
    ngx_stentor_cluster_conf_t  *cc;

    own = &st->others[0];
    st->nothers = 1;

    ngx_memzero(own, sizeof(stn_node_t));

    own->listeners = ngx_stentor_store_sum(st->scf->store,
                                           NGX_STENTOR_HLS_LISTENERS);
    cc = st->scf->cluster;

    if (cc) {
        ngx_stentor_steering_text(own->id, &cc->node);
        ngx_stentor_steering_text(own->region, &cc->region);
        ngx_stentor_steering_text(own->listen, &cc->listen_url);
        own->capacity = cc->capacity;

        return;
    }

    p = st->scf->steering.pathways.elts;

    for (i = 0; p[i].url.len; i++) { /* void */ }

    ngx_stentor_steering_text(own->id, &p[i].id);
    ngx_stentor_steering_text(own->region, &p[i].region);
    own->capacity = p[i].capacity;
}


/* To where zeros are; it may be null. */

static void
ngx_stentor_steering_text(char *to, ngx_str_t *text)
{
    if (text->len) {
        ngx_memcpy(to, text->data, text->len);
    }
}


/* A node of the map; it is called again from the beginning when what it saw
 * was being written. */

static void
ngx_stentor_steering_live(void *data, stn_node_t *node)
{
    ngx_stentor_steering_t *st = data;

    if (node == NULL) {
        st->nothers = 1;
        return;
    }

    if (ngx_strcmp(node->id, st->others[0].id) == 0) {
        st->others[0].load = node->load;

    } else if (ngx_stentor_steering_fit(node)
               && !ngx_stentor_steering_known(st, node->id))
    {
        ngx_stentor_steering_add(st, node);
    }
}


/* Nobody tells how a node of the configuration is: it is taken to have room.
 * The map knows better, if it has it. */

static void
ngx_stentor_steering_static(ngx_stentor_steering_t *st)
{
    ngx_uint_t              i;
    stn_node_t              node;
    ngx_stentor_pathway_t  *p;

    p = st->scf->steering.pathways.elts;

    for (i = 0; i < st->scf->steering.pathways.nelts; i++) {

        ngx_memzero(&node, sizeof(stn_node_t));

        ngx_stentor_steering_text(node.id, &p[i].id);
        ngx_stentor_steering_text(node.region, &p[i].region);
        ngx_stentor_steering_text(node.listen, &p[i].url);
        node.capacity = p[i].capacity;

        if (p[i].url.len && !ngx_stentor_steering_known(st, node.id)) {
            ngx_stentor_steering_add(st, &node);
        }
    }
}


static ngx_uint_t
ngx_stentor_steering_known(ngx_stentor_steering_t *st, const char *id)
{
    ngx_uint_t  i;

    for (i = 0; i < st->nothers; i++) {
        if (ngx_strcmp(st->others[i].id, id) == 0) {
            return 1;
        }
    }

    return 0;
}


/* Puts it in its place; when there are too many the last one falls out. */

static void
ngx_stentor_steering_add(ngx_stentor_steering_t *st, stn_node_t *node)
{
    ngx_uint_t   i;
    stn_node_t  *to;

    if (st->nothers < STN_STEERING_NODES) {
        st->nothers++;

    } else if (ngx_stentor_steering_cmp(st, node,
                                        &st->others[st->nothers - 1])
               >= 0)
    {
        return;
    }

    for (i = st->nothers - 1; i > 1; i--) {
        to = &st->others[i];

        if (ngx_stentor_steering_cmp(st, node, to - 1) >= 0) {
            break;
        }

        *to = to[-1];
    }

    st->others[i] = *node;
}


static ngx_int_t
ngx_stentor_steering_cmp(ngx_stentor_steering_t *st, stn_node_t *one,
    stn_node_t *two)
{
    ngx_int_t    far, before;
    const char  *own;

    far = (ngx_int_t) ngx_stentor_steering_far(st, one)
          - (ngx_int_t) ngx_stentor_steering_far(st, two);

    if (far) {
        return far;
    }

    own = st->others[0].id;
    before = (ngx_strcmp(one->id, own) < 0) - (ngx_strcmp(two->id, own) < 0);

    return before ? before : ngx_strcmp(one->id, two->id);
}


/* Where no region is named, all of them are the same. */

static ngx_uint_t
ngx_stentor_steering_far(ngx_stentor_steering_t *st, stn_node_t *node)
{
    const char  *own;

    own = st->others[0].region;

    return *own && *node->region && ngx_strcmp(own, node->region) != 0;
}


/* Whether a node has a URL for listeners, and texts that can stand in a
 * playlist as they are: others may have told anything. */

static ngx_uint_t
ngx_stentor_steering_fit(stn_node_t *node)
{
    ngx_str_t    id;
    const char  *p;

    id.data = (u_char *) node->id;
    id.len = ngx_strlen(node->id);

    if (*node->listen == '\0' || ngx_stentor_cluster_check_id(&id) != NGX_OK) {
        return 0;
    }

    for (p = node->listen; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '"' || *p == '\\') {
            return 0;
        }
    }

    return 1;
}


/* Takes the round from the zone, and begins another one if it is time to;
 * returns whether what is answered changes. */

static ngx_uint_t
ngx_stentor_steering_round(ngx_stentor_steering_t *st,
    stn_steering_node_t *nodes, size_t n)
{
    uint32_t           ttl;
    uint64_t           now;
    ngx_uint_t         moving;
    ngx_atomic_t      *word;
    ngx_atomic_uint_t  was, next;

    word = &st->scf->store->head->steering;
    ttl = (uint32_t) st->scf->steering.ttl;
    now = ngx_stentor_steering_now();
    was = ngx_stentor_load(word);

    st->round.began_ms = was >> NGX_STENTOR_STEERING_BITS;
    st->round.share = was & NGX_STENTOR_STEERING_SHARE;

    if (ngx_stentor_steering_sure(st)
        && stn_steering_decide(&st->round, nodes, n, now, ttl))
    {
        st->round.share = ngx_min(st->round.share,
                                  NGX_STENTOR_STEERING_SHARE);
        next = (st->round.began_ms << NGX_STENTOR_STEERING_BITS)
               | st->round.share;

        if (ngx_atomic_cmp_set(word, was, next)) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "steering: %uD of %uD listeners are sent to other "
                          "nodes", (uint32_t) ((uint64_t) nodes[0].listeners
                                               * st->round.share
                                               / STN_STEERING_SHARES),
                          nodes[0].listeners);
        }

        was = ngx_stentor_load(word);

        st->round.began_ms = was >> NGX_STENTOR_STEERING_BITS;
        st->round.share = was & NGX_STENTOR_STEERING_SHARE;
    }

    moving = stn_steering_moving(&st->round, now, ttl);

    if (st->word == was && st->moving == moving) {
        return 0;
    }

    st->word = was;
    st->moving = moving;

    return 1;
}


/* Without Redis nobody knows how others are now. */

static ngx_uint_t
ngx_stentor_steering_sure(ngx_stentor_steering_t *st)
{
    ngx_stentor_cluster_t  *cl;

    cl = st->scf->worker.cluster;

    return cl == NULL || cl->conf->redis.nelts == 0
           || ngx_stentor_load(&cl->map->redis) == NGX_STENTOR_REDIS_UP;
}


static ngx_uint_t
ngx_stentor_steering_same(ngx_stentor_steering_t *st,
    stn_steering_plan_t *plan)
{
    ngx_uint_t  i;

    if (ngx_memcmp(&st->plan, plan, sizeof(stn_steering_plan_t)) != 0) {
        return 0;
    }

    for (i = 0; i < st->nothers; i++) {
        if (ngx_strcmp(st->nodes[i].id, st->others[i].id) != 0
            || ngx_strcmp(st->nodes[i].listen, st->others[i].listen) != 0)
        {
            return 0;
        }
    }

    return 1;
}
