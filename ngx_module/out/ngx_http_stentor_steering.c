/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steering towards listeners (see ngx_http_stentor_steering.h).  A manifest
 * depends on the stream, on where a listener plays from, on whether he is to
 * move and on the order of nodes that his bucket has: many buckets have the
 * same.  So there are a few of each, which are rendered once and kept as long
 * as the generation lasts.
 */

#include "ngx_http_stentor_steering.h"
#include "audience/stn_steering_manifest.h"
#include "store/ngx_stentor_unique.h"


/* RFC 9110 section 15.5.11; players then stop asking. */
#define NGX_HTTP_STENTOR_GONE     410

/* Pages that are kept, at most: in sets, of which a key has one, so that those
 * that are in use at once do not take turns. */
#define NGX_HTTP_STENTOR_STEERED  2048
#define NGX_HTTP_STENTOR_SET      4


/* What is told to whom. */

typedef enum {
    NGX_HTTP_STENTOR_STAY,
    NGX_HTTP_STENTOR_MOVE,
    NGX_HTTP_STENTOR_AWAY
} ngx_http_stentor_steer_e;


/* What a page depends on.  It is compared byte by byte: there is no gap. */

typedef struct {
    ngx_uint_t               generation;
    ngx_atomic_uint_t        incarnation;    /* of the stream */
    uint32_t                 init;           /* its format */
    uint8_t                  steer;          /* ngx_http_stentor_steer_e */
    uint8_t                  at;             /* node that he plays from */
    uint8_t                  classic;        /* boolean */
    uint8_t                  known;          /* boolean: he has said at */
    uint8_t                  n;              /* pathways: */
    uint8_t                  nodes[7];       /* where to, in order; 0 behind */
} ngx_http_stentor_steered_key_t;


typedef struct {
    ngx_http_stentor_steered_key_t  key;
    ngx_stentor_bytes_t            *bytes;   /* NULL: the place is free */
} ngx_http_stentor_steered_t;


static ngx_int_t ngx_http_stentor_steering_none(ngx_http_request_t *r,
    ngx_http_stentor_hls_worker_t *w);
static void ngx_http_stentor_steering_key(ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t, ngx_http_stentor_steered_key_t *key);
static void ngx_http_stentor_steering_at(ngx_http_request_t *r,
    ngx_stentor_steering_t *st, ngx_http_stentor_steered_key_t *key);
static uint64_t ngx_http_stentor_steering_moved(ngx_http_request_t *r);
static uint64_t ngx_http_stentor_steering_listener(ngx_http_request_t *r);
static ngx_stentor_bytes_t *ngx_http_stentor_steering_page(
    ngx_stentor_reader_t *rd, ngx_http_stentor_steered_key_t *key,
    unsigned bucket);
static void ngx_http_stentor_steering_keep(ngx_http_stentor_steered_t *set,
    ngx_http_stentor_steered_key_t *key, ngx_stentor_bytes_t *b);
static ngx_http_stentor_steered_t *ngx_http_stentor_steering_table(
    ngx_http_stentor_hls_worker_t *w);
static void ngx_http_stentor_steering_free(void *data);
static ngx_int_t ngx_http_stentor_steering_render(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, ngx_http_stentor_offer_t *offer,
    stn_buf_t *out);
static ngx_int_t ngx_http_stentor_steering_manifest(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, ngx_http_stentor_offer_t *offer,
    stn_buf_t *out);
static size_t ngx_http_stentor_steering_order(
    ngx_http_stentor_steered_key_t *key, unsigned bucket, size_t *order);
static void ngx_http_stentor_steering_pathways(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, unsigned bucket,
    ngx_http_stentor_offer_t *offer);
static ngx_int_t ngx_http_stentor_steering_base(ngx_stentor_reader_t *rd,
    const char *listen, char *base);


static ngx_str_t  ngx_http_stentor_type_steering =
    ngx_string("application/vnd.apple.steering-list");
static ngx_str_t  ngx_http_stentor_type_index =
    ngx_string("application/vnd.apple.mpegurl");


ngx_int_t
ngx_http_stentor_steering(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t)
{
    uint64_t                         listener;
    unsigned                         bucket;
    ngx_stentor_bytes_t             *b;
    ngx_stentor_steering_t          *st;
    ngx_http_stentor_hls_worker_t   *w;
    ngx_http_stentor_steered_key_t   key;

    w = ngx_http_stentor_hls_worker();
    st = w->scf->worker.steering;

    if (st == NULL) {
        return ngx_http_stentor_steering_none(r, w);
    }

    listener = ngx_http_stentor_steering_listener(r);
    bucket = stn_steering_bucket(listener);

    ngx_http_stentor_steering_key(rd, t, &key);
    ngx_http_stentor_steering_at(r, st, &key);

    if (key.at == 0 && st->moving
        && stn_steering_chosen(&st->round, listener,
                               ngx_http_stentor_steering_moved(r),
                               ngx_stentor_steering_now()))
    {
        key.steer = NGX_HTTP_STENTOR_MOVE;
    }

    b = ngx_http_stentor_steering_page(rd, &key, bucket);

    if (b == NULL && key.steer == NGX_HTTP_STENTOR_MOVE) {
        key.steer = NGX_HTTP_STENTOR_STAY;
        b = ngx_http_stentor_steering_page(rd, &key, bucket);
    }

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_STEERINGS);

    if (key.steer == NGX_HTTP_STENTOR_MOVE) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_STEERED);
    }

    return ngx_http_stentor_hls_text(r, &ngx_http_stentor_type_steering, b);
}


/* A player that was told of steering before it was forbidden is told not to
 * ask again. */

static ngx_int_t
ngx_http_stentor_steering_none(ngx_http_request_t *r,
    ngx_http_stentor_hls_worker_t *w)
{
    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);

    return w->scf->steering.on
           ? ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                        "no other nodes")
           : ngx_http_stentor_hls_error(r, NGX_HTTP_STENTOR_GONE,
                                        "steering is off");
}


ngx_int_t
ngx_http_stentor_steering_away(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t)
{
    ngx_stentor_bytes_t             *b;
    ngx_http_stentor_steered_key_t   key;

    if (t->ask.kind != STN_TARGET_INDEX
        || ngx_http_stentor_hls_worker()->scf->worker.steering == NULL)
    {
        return NGX_DECLINED;
    }

    ngx_http_stentor_steering_key(rd, t, &key);

    key.steer = NGX_HTTP_STENTOR_AWAY;

    b = ngx_http_stentor_steering_page(rd, &key,
                 stn_steering_bucket(ngx_http_stentor_steering_listener(r)));

    return b ? ngx_http_stentor_hls_text(r, &ngx_http_stentor_type_index, b)
             : NGX_DECLINED;
}


static void
ngx_http_stentor_steering_key(ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t, ngx_http_stentor_steered_key_t *key)
{
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    ngx_memzero(key, sizeof(ngx_http_stentor_steered_key_t));

    key->generation = ngx_stentor_steering_look(w->scf->worker.steering);
    key->incarnation = rd->incarnation;
    key->init = ngx_stentor_view_last(&rd->views[0])->init;
    key->classic = t->ask.classic;
}


/* Where he plays from, as he says: a player that has gone elsewhere by itself
 * goes on asking here. */

static void
ngx_http_stentor_steering_at(ngx_http_request_t *r,
    ngx_stentor_steering_t *st, ngx_http_stentor_steered_key_t *key)
{
    u_char     *dst, *src;
    u_char      id[STN_NODE_MAX * 3 + 6];
    ngx_str_t   value;
    ngx_uint_t  i;

    key->known = 1;

    if (ngx_http_arg(r, (u_char *) "_HLS_pathway",
                     sizeof("_HLS_pathway") - 1, &value)
        != NGX_OK)
    {
        return;
    }

    key->known = 0;

    if (value.len >= sizeof(id)) {
        return;
    }

    dst = id;
    src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    /* it is a quoted string, and not all players quote it */

    src = id;

    if (dst - src >= 2 && src[0] == '"' && dst[-1] == '"') {
        src++;
        dst--;
    }

    for (i = 0; i < st->plan.n; i++) {
        if (ngx_strlen(st->nodes[i].id) == (size_t) (dst - src)
            && ngx_memcmp(st->nodes[i].id, src, dst - src) == 0)
        {
            key->at = (uint8_t) i;
            key->known = 1;
            return;
        }
    }
}


/* When he was moved here, as the URI says that he was told to ask at; 0: he was
 * not. */

static uint64_t
ngx_http_stentor_steering_moved(ngx_http_request_t *r)
{
    time_t     sec;
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) "moved", sizeof("moved") - 1, &value)
        != NGX_OK)
    {
        return 0;
    }

    sec = ngx_atotm(value.data, value.len);

    return sec > 0 && sec < NGX_MAX_INT32_VALUE * 1000LL
           ? (uint64_t) sec * 1000 : 0;
}


/* What a listener is told from others by: behind one address there may be
 * thousands with the same player, and a share of them is to move.  He has the
 * same for as long as he has the connection; who comes by another one has been
 * moved elsewhere, or asks in the next round, as a rule. */

static uint64_t
ngx_http_stentor_steering_listener(ngx_http_request_t *r)
{
    ngx_str_t  *agent;

    agent = r->headers_in.user_agent ? &r->headers_in.user_agent->value : NULL;

    return ngx_stentor_unique_id(ngx_http_stentor_hls_worker()->scf->store,
                                 r->connection->sockaddr, agent)
           ^ r->connection->number;
}


/* The page for that key, whose nodes are found for the bucket; rendered at its
 * first use (without a reference of the caller's own).  NULL when there is
 * nowhere to go, or no memory. */

static ngx_stentor_bytes_t *
ngx_http_stentor_steering_page(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, unsigned bucket)
{
    uint32_t                        hash;
    stn_buf_t                       text;
    ngx_uint_t                      i;
    ngx_stentor_bytes_t            *b;
    ngx_http_stentor_offer_t        offer;
    ngx_http_stentor_steered_t     *set;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    set = ngx_http_stentor_steering_table(w);

    ngx_http_stentor_steering_pathways(rd, key, bucket, &offer);

    if (set == NULL || key->n == 0) {
        return NULL;
    }

    hash = ngx_murmur_hash2((u_char *) key, sizeof(*key));
    set += hash % (NGX_HTTP_STENTOR_STEERED / NGX_HTTP_STENTOR_SET)
           * NGX_HTTP_STENTOR_SET;

    for (i = 0; i < NGX_HTTP_STENTOR_SET && set[i].bytes; i++) {
        if (ngx_memcmp(&set[i].key, key, sizeof(*key)) == 0) {
            return set[i].bytes;
        }
    }

    b = NULL;
    stn_buf_init(&text, STN_STEERING_MANIFEST_MAX);

    if (ngx_http_stentor_steering_render(rd, key, &offer, &text) == NGX_OK) {
        b = ngx_stentor_bytes_create(text.len, rd->shelf->log);
    }

    if (b) {
        ngx_memcpy(b->data, text.data, text.len);
        ngx_http_stentor_steering_keep(set, key, b);
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_RENDERS);
    }

    stn_buf_free(&text);

    return b;
}


/* The newest is the first; the oldest gives way. */

static void
ngx_http_stentor_steering_keep(ngx_http_stentor_steered_t *set,
    ngx_http_stentor_steered_key_t *key, ngx_stentor_bytes_t *b)
{
    if (set[NGX_HTTP_STENTOR_SET - 1].bytes) {
        ngx_stentor_bytes_release(set[NGX_HTTP_STENTOR_SET - 1].bytes);
    }

    ngx_memmove(set + 1, set, (NGX_HTTP_STENTOR_SET - 1)
                              * sizeof(ngx_http_stentor_steered_t));

    set->key = *key;
    set->bytes = b;
}


static ngx_http_stentor_steered_t *
ngx_http_stentor_steering_table(ngx_http_stentor_hls_worker_t *w)
{
    size_t               size;
    ngx_pool_cleanup_t  *cln;

    size = NGX_HTTP_STENTOR_STEERED * sizeof(ngx_http_stentor_steered_t);

    if (w->steered == NULL) {
        cln = ngx_pool_cleanup_add(ngx_cycle->pool, size);
        if (cln == NULL) {
            return NULL;
        }

        ngx_memzero(cln->data, size);

        w->steered = cln->data;
        cln->handler = ngx_http_stentor_steering_free;
    }

    return w->steered;
}


static void
ngx_http_stentor_steering_free(void *data)
{
    ngx_http_stentor_steered_t *kept = data;

    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_STENTOR_STEERED; i++) {
        if (kept[i].bytes) {
            ngx_stentor_bytes_release(kept[i].bytes);
        }
    }
}


static ngx_int_t
ngx_http_stentor_steering_render(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, ngx_http_stentor_offer_t *offer,
    stn_buf_t *out)
{
    stn_playlist_index_t  index;

    if (key->steer != NGX_HTTP_STENTOR_AWAY) {
        return ngx_http_stentor_steering_manifest(rd, key, offer, out);
    }

    ngx_memzero(&index, sizeof(stn_playlist_index_t));

    index.suffix = key->classic ? "-std" : "";
    index.pathways = offer->pathways;
    index.npathways = key->n;
    index.steering = offer->manifest;

    ngx_sprintf((u_char *) offer->manifest, "%ssteering%s.json%Z",
                offer->pathways[0].base, index.suffix);

    return ngx_http_stentor_hls_index(rd, &index, out);
}


static ngx_int_t
ngx_http_stentor_steering_manifest(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, ngx_http_stentor_offer_t *offer,
    stn_buf_t *out)
{
    u_char                   *p;
    const char               *renditions[NGX_STENTOR_RENDITIONS];
    ngx_uint_t                i;
    ngx_stentor_steering_t   *st;
    stn_steering_pathway_t    pathways[NGX_HTTP_STENTOR_PATHWAYS];
    stn_steering_manifest_t   m;

    st = ngx_http_stentor_hls_worker()->scf->worker.steering;

    ngx_memzero(&m, sizeof(stn_steering_manifest_t));

    m.ttl = (unsigned) ((st->scf->steering.ttl + 999) / 1000);
    m.suffix = key->classic ? "-std" : "";
    m.clone = key->known ? st->nodes[key->at].id : "";
    m.pathways = pathways;
    m.npathways = key->n;
    m.reload = offer->manifest;

    for (i = 0; i < m.npathways; i++) {
        pathways[i].id = offer->pathways[i].id;
        pathways[i].base = offer->bases[i];
    }

    for (i = 0; i < rd->nviews; i++) {
        renditions[i] = rd->views[i].rend.name;
    }

    m.renditions = renditions;
    m.nrenditions = rd->nviews;

    /* from now on he asks where he plays from, and there it is known that he
     * has moved */

    p = (u_char *) offer->manifest;

    if (key->nodes[0] != 0) {
        p = ngx_sprintf(p, "%ssteering%s.json", offer->bases[0], m.suffix);

        if (key->steer == NGX_HTTP_STENTOR_MOVE) {
            p = ngx_sprintf(p, "?moved=%uL", st->round.began_ms / 1000);
        }
    }

    *p = '\0';

    return stn_steering_manifest(&m, out) == STN_OK ? NGX_OK : NGX_ERROR;
}


/* The pathways for what a key says, and a bucket: ids and URLs; how many there
 * are and which nodes gets into the key. */

static void
ngx_http_stentor_steering_pathways(ngx_stentor_reader_t *rd,
    ngx_http_stentor_steered_key_t *key, unsigned bucket,
    ngx_http_stentor_offer_t *offer)
{
    size_t                   i, n, order[STN_STEERING_NODES];
    ngx_int_t                rc;
    ngx_uint_t               k;
    ngx_stentor_steering_t  *st;

    st = ngx_http_stentor_hls_worker()->scf->worker.steering;
    n = ngx_http_stentor_steering_order(key, bucket, order);

    ngx_memzero(key->nodes, sizeof(key->nodes));

    for (i = 0, k = 0; i < n && k < NGX_HTTP_STENTOR_PATHWAYS; i++) {

        rc = ngx_http_stentor_steering_base(rd, st->nodes[order[i]].listen,
                                            offer->bases[k]);

        /* who plays from this node needs no URL of it */

        if (rc != NGX_OK && order[i] != 0) {
            continue;
        }

        key->nodes[k] = (uint8_t) order[i];
        offer->pathways[k].id = st->nodes[order[i]].id;
        offer->pathways[k].base = offer->bases[k];
        k++;
    }

    if (key->steer == NGX_HTTP_STENTOR_MOVE && key->nodes[0] == 0) {
        k = 0;
    }

    key->n = (uint8_t) k;
}


static size_t
ngx_http_stentor_steering_order(ngx_http_stentor_steered_key_t *key,
    unsigned bucket, size_t *order)
{
    stn_steering_plan_t  *plan;

    plan = &ngx_http_stentor_hls_worker()->scf->worker.steering->plan;

    switch (key->steer) {

    case NGX_HTTP_STENTOR_STAY:
        return stn_steering_stay(plan, bucket, key->at, order,
                                 STN_STEERING_NODES);

    case NGX_HTTP_STENTOR_MOVE:
        return stn_steering_move(plan, bucket, order,
                                 NGX_HTTP_STENTOR_PATHWAYS);

    default: /* NGX_HTTP_STENTOR_AWAY */
        return stn_steering_away(plan, bucket, order,
                                 STN_STEERING_NODES);
    }
}


/*
 * Where a node has the stream: its URL may end with the stream's application,
 * or with none, and then the application is put behind it.  Returns
 * NGX_DECLINED, and base is empty, when it ends with another one or there is
 * no URL.
 */

static ngx_int_t
ngx_http_stentor_steering_base(ngx_stentor_reader_t *rd, const char *listen,
    char *base)
{
    size_t               len;
    u_char              *p;
    ngx_str_t            full, name, last;
    ngx_uint_t           i;
    ngx_stentor_app_t   *app, *own;
    ngx_stentor_conf_t  *scf;

    scf = ngx_http_stentor_hls_worker()->scf;
    full = rd->node.str;
    len = ngx_strlen(listen);
    *base = '\0';

    own = ngx_stentor_app_split(scf, &full, &name);

    if (len == 0 || own == NULL) {
        return NGX_DECLINED;
    }

    app = scf->apps.elts;

    for (i = 0; i < scf->apps.nelts; i++) {
        last = app[i].name;

        if (len < last.len + 2
            || listen[len - last.len - 2] != '/'
            || ngx_memcmp(listen + len - last.len - 1, last.data, last.len)
               != 0)
        {
            continue;
        }

        if (&app[i] != own) {
            return NGX_DECLINED;
        }

        full = name;
    }

    p = ngx_slprintf((u_char *) base,
                     (u_char *) base + NGX_HTTP_STENTOR_BASE_MAX - 1,
                     "%s%V/", listen, &full);
    *p = '\0';

    return NGX_OK;
}


void
ngx_http_stentor_steering_offer(ngx_stentor_reader_t *rd,
    stn_playlist_index_t *index, ngx_http_stentor_offer_t *offer,
    unsigned version)
{
    ngx_http_stentor_steered_key_t  key;

    if (ngx_http_stentor_hls_worker()->scf->worker.steering == NULL) {
        return;
    }

    ngx_memzero(&key, sizeof(ngx_http_stentor_steered_key_t));

    /* odd, so that versions go through all buckets, and those that follow each
     * other are far apart */

    ngx_http_stentor_steering_pathways(rd, &key,
                                       version * 37 % STN_STEERING_BUCKETS,
                                       offer);

    if (key.n < 2) {
        return;
    }

    /* here URIs are relative, as they are where there is no steering */

    offer->pathways[0].base = "";

    ngx_sprintf((u_char *) offer->manifest, "steering%s.json%Z",
                index->suffix);

    index->pathways = offer->pathways;
    index->npathways = key.n;
    index->steering = offer->manifest;
}


void
ngx_http_stentor_steering_refresh(ngx_http_stentor_hls_worker_t *w)
{
    ngx_uint_t               i, generation;
    ngx_queue_t             *q;
    ngx_stentor_bytes_t    **page;
    ngx_stentor_reader_t    *rd;
    ngx_stentor_steering_t  *st;

    st = w->scf->worker.steering;

    if (st == NULL) {
        return;
    }

    generation = ngx_stentor_steering_look(st);

    if (w->steering == generation) {
        return;
    }

    w->steering = generation;

    for (q = ngx_queue_head(&w->scf->worker.shelf->readers);
         q != ngx_queue_sentinel(&w->scf->worker.shelf->readers);
         q = ngx_queue_next(q))
    {
        rd = ngx_queue_data(q, ngx_stentor_reader_t, queue);
        page = rd->views[0].pages;

        for (i = NGX_HTTP_STENTOR_PAGE_INDEX * 2;
             i < (NGX_HTTP_STENTOR_PAGE_INDEX_CLASSIC + 1) * 2;
             i++)
        {
            if (page[i]) {
                ngx_stentor_bytes_release(page[i]);
                page[i] = NULL;
            }
        }
    }
}
