/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whom to ask for a stream (see ngx_stentor_cluster.h): it is read off the map
 * and the configuration, anew for each time that a pull looks for somebody.
 * Event loop; nothing waits and nothing is kept.
 */

#include "ngx_stentor_cluster.h"
#include "relay/stn_rendezvous.h"


/* Nodes of a role in one route. */
#define NGX_STENTOR_ROUTE_RANKS  4

/* What is known of an owner is good for so long while Redis can be asked; and
 * if Redis does not tell within so many of its time-outs, we go on without. */
#define NGX_STENTOR_ROUTE_KNOWN_MS  2000
#define NGX_STENTOR_ROUTE_PATIENCE  3


/* The nodes of a role that want the stream most, in order. */

typedef struct {
    stn_node_role_e              role;
    char                        *region;     /* NULL: of any */
    stn_str_t                    name;
    ngx_uint_t                   n;
    uint64_t                     scores[NGX_STENTOR_ROUTE_RANKS];
    stn_node_t                   nodes[NGX_STENTOR_ROUTE_RANKS];
} ngx_stentor_ranks_t;


/* A route that is being made. */

typedef struct {
    ngx_stentor_cluster_conf_t  *conf;
    ngx_stentor_upstream_t      *up;
    ngx_uint_t                   n;
    ngx_uint_t                   max;
} ngx_stentor_route_t;


static void ngx_stentor_route_nodes(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_route_t *route,
    stn_node_role_e role);
static void ngx_stentor_route_node(void *data, stn_node_t *node);
static ngx_int_t ngx_stentor_route_owner(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_route_t *route);
static ngx_uint_t ngx_stentor_route_unsure(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_int_t known);
static void ngx_stentor_route_add(ngx_stentor_route_t *route,
    const char *node, const char *relay, stn_node_role_e role);


ngx_uint_t
ngx_stentor_cluster_route(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_upstream_t *up, ngx_uint_t max,
    ngx_uint_t *absent)
{
    ngx_int_t             rc;
    ngx_str_t            *origin;
    ngx_uint_t            i;
    ngx_stentor_route_t   route;

    route.conf = cl->conf;
    route.up = up;
    route.n = 0;
    route.max = max;

    if (cl->conf->role == STN_NODE_EDGE) {
        ngx_stentor_route_nodes(cl, lease, &route, STN_NODE_SHIELD);
    }

    rc = ngx_stentor_route_owner(cl, lease, &route);

    *absent = 0;

    if (rc == NGX_AGAIN) {
        return route.n;
    }

    /* one that stands by may be all that is left of the owner */

    if (rc == NGX_OK) {
        ngx_stentor_route_nodes(cl, lease, &route, STN_NODE_ORIGIN);
    }

    origin = cl->conf->origins.elts;

    for (i = 0; i < cl->conf->origins.nelts; i++) {
        ngx_stentor_route_add(&route, "", (char *) origin[i].data,
                              STN_NODE_ORIGIN);
    }

    *absent = (route.n == 0 && rc == NGX_DECLINED);

    return route.n;
}


/* Adds those of a role that want the stream most; shields of our region. */

static void
ngx_stentor_route_nodes(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_stentor_route_t *route, stn_node_role_e role)
{
    ngx_uint_t           i;
    ngx_stentor_ranks_t  ranks;

    ranks.role = role;
    ranks.region = (role == STN_NODE_SHIELD)
                   ? (char *) cl->conf->region.data : NULL;
    ranks.name.data = (char *) lease->name;
    ranks.name.len = lease->name_len;

    if (ngx_stentor_map_each(cl->map, ngx_stentor_route_node, &ranks)
        != NGX_OK)
    {
        return;
    }

    for (i = 0; i < ranks.n; i++) {
        ngx_stentor_route_add(route, ranks.nodes[i].id, ranks.nodes[i].relay,
                              role);
    }
}


/* Puts it where it belongs among those that want the stream most; of equal
 * ones the lesser id, so that all nodes agree. */

static void
ngx_stentor_route_node(void *data, stn_node_t *node)
{
    ngx_stentor_ranks_t *s = data;

    uint64_t    score;
    stn_str_t   id;
    ngx_uint_t  i, last;

    if (node == NULL) {
        s->n = 0;
        return;
    }

    if (node->role != s->role || node->relay[0] == '\0'
        || (s->region
            && strncmp(node->region, s->region, sizeof(node->region)) != 0))
    {
        return;
    }

    id.data = node->id;
    id.len = strnlen(node->id, sizeof(node->id));

    score = stn_rendezvous_score(&id, &s->name);

    for (i = s->n; i > 0; i--) {
        if (s->scores[i - 1] > score
            || (s->scores[i - 1] == score
                && strncmp(s->nodes[i - 1].id, node->id, sizeof(node->id))
                   < 0))
        {
            break;
        }
    }

    if (i == NGX_STENTOR_ROUTE_RANKS) {
        return;
    }

    last = ngx_min(s->n, NGX_STENTOR_ROUTE_RANKS - 1);

    ngx_memmove(&s->scores[i + 1], &s->scores[i],
                (last - i) * sizeof(s->scores[0]));
    ngx_memmove(&s->nodes[i + 1], &s->nodes[i],
                (last - i) * sizeof(s->nodes[0]));

    s->scores[i] = score;
    s->nodes[i] = *node;
    s->n = last + 1;
}


/* Adds who has the lease.  Returns NGX_OK; NGX_DECLINED: it is certain that
 * nobody has; NGX_AGAIN: that is being found out; NGX_ERROR: it cannot be. */

static ngx_int_t
ngx_stentor_route_owner(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_stentor_route_t *route)
{
    char       owner[STN_NODE_MAX], relay[STN_NODE_URL_MAX];
    ngx_int_t  rc;

    if (ngx_stentor_cluster_redis(cl) == NGX_STENTOR_REDIS_OFF) {
        return NGX_DECLINED;
    }

    rc = ngx_stentor_lease_owner(lease, owner, relay, NULL);

    if (ngx_stentor_route_unsure(cl, lease, rc)) {
        ngx_stentor_cluster_look(cl);
        return NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        ngx_stentor_route_add(route, owner, relay, STN_NODE_ORIGIN);
        return NGX_OK;
    }

    return (rc == NGX_DECLINED
            && ngx_stentor_cluster_redis(cl) == NGX_STENTOR_REDIS_UP)
           ? NGX_DECLINED : NGX_ERROR;
}


/* Whether it is worth waiting for what Redis says.  When it is down we go by
 * what was known last. */

static ngx_uint_t
ngx_stentor_route_unsure(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_int_t known)
{
    int64_t              now, since;
    ngx_stentor_redis_e  redis;

    now = ngx_stentor_map_now();
    redis = ngx_stentor_cluster_redis(cl);

    if (redis == NGX_STENTOR_REDIS_DOWN
        || (known != NGX_AGAIN
            && now - (int64_t) ngx_stentor_load(&lease->known_ms)
               <= NGX_STENTOR_ROUTE_KNOWN_MS))
    {
        ngx_stentor_save(&lease->sure_ms, 0);
        return 0;
    }

    since = ngx_stentor_load(&lease->sure_ms);

    if (since == 0) {
        since = now;
        ngx_stentor_save(&lease->sure_ms, now);
    }

    return now - since <= NGX_STENTOR_ROUTE_PATIENCE
                          * (int64_t) cl->conf->redis_timeout;
}


/* Nobody is asked twice, nor we ourselves. */

static void
ngx_stentor_route_add(ngx_stentor_route_t *route, const char *node,
    const char *relay, stn_node_role_e role)
{
    ngx_uint_t               i;
    ngx_stentor_upstream_t  *up;

    if (route->n == route->max || relay[0] == '\0'
        || ngx_strcmp(node, route->conf->node.data) == 0
        || (route->conf->relay_url.len
            && ngx_strcmp(relay, route->conf->relay_url.data) == 0))
    {
        return;
    }

    for (i = 0; i < route->n; i++) {
        up = &route->up[i];

        if (ngx_strcmp(up->relay, relay) == 0
            || (node[0] && ngx_strcmp(up->node, node) == 0))
        {
            return;
        }
    }

    up = &route->up[route->n++];

    ngx_cpystrn((u_char *) up->node, (u_char *) node, sizeof(up->node));
    ngx_cpystrn((u_char *) up->relay, (u_char *) relay, sizeof(up->relay));
    up->role = role;
}
