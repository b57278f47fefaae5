/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The cluster as this node sees it (see ngx_http_stentor_status.h): Redis, the
 * nodes that live, the leases of all names that matter here, and for each
 * stream that comes from another node how it comes.  All of it is in the map
 * and in the store.
 */

#include "ngx_http_stentor_status.h"
#include "cluster/ngx_stentor_cluster.h"


/* So often a text is read that its writer is at. */
#define NGX_HTTP_STENTOR_CLUSTER_TRIES  8


static uint64_t ngx_http_stentor_status_nodes(ngx_stentor_map_t *map,
    stn_buf_t *out);
static void ngx_http_stentor_status_leases(ngx_stentor_map_t *map,
    stn_buf_t *out);
static void ngx_http_stentor_status_lease(ngx_stentor_lease_t *lease,
    stn_buf_t *out);
static void ngx_http_stentor_status_chain(const char *chain, stn_buf_t *out);
static void ngx_http_stentor_status_roles(ngx_stentor_map_t *map,
    stn_buf_t *out);
static void ngx_http_stentor_status_redis(ngx_stentor_map_t *map,
    stn_buf_t *out);


/* In the order of the enums. */

static const char  *ngx_http_stentor_status_role[] = {
    "", "origin", "shield", "edge"
};

static const char  *ngx_http_stentor_status_redis_state[] = {
    "off", "starting", "up", "down"
};

static const char  *ngx_http_stentor_status_lease_state[] = {
    "none", "asked", "held", "alone", "other"
};


void
ngx_http_stentor_status_cluster(ngx_stentor_conf_t *scf, stn_buf_t *out)
{
    uint64_t                     listeners;
    ngx_stentor_map_t           *map;
    ngx_stentor_cluster_conf_t  *conf;

    if (scf->worker.cluster == NULL) {
        stn_buf_str(out, "  \"cluster\": null,\n");
        return;
    }

    map = scf->worker.cluster->map;
    conf = scf->cluster;

    stn_buf_printf(out, "  \"cluster\": {\"node\": \"%.*s\", "
                   "\"role\": \"%s\", \"region\": \"%.*s\", "
                   "\"leader_pid\": %lld,\n    \"redis\": {\"state\": \"%s\", ",
                   (int) conf->node.len, conf->node.data,
                   ngx_http_stentor_status_role[conf->role],
                   (int) conf->region.len, conf->region.data,
                   (long long) map->leader,
                   ngx_http_stentor_status_redis_state[map->redis]);

    stn_buf_str(out, "\"trouble\": ");
    ngx_http_stentor_status_text(out, map->trouble);

    stn_buf_printf(out, ", \"answered_ms\": %lld, \"commands\": %llu, "
                   "\"failures\": %llu, \"connects\": %llu},\n"
                   "    \"wants\": %llu, \"wants_dropped\": %llu,\n",
                   map->answered_ms ? (long long) ngx_stentor_map_now()
                                      - (long long) map->answered_ms : -1ll,
                   (unsigned long long) map->commands,
                   (unsigned long long) map->failures,
                   (unsigned long long) map->connects,
                   (unsigned long long) map->wants,
                   (unsigned long long) map->wants_dropped);

    stn_buf_str(out, "    \"nodes\": [");
    listeners = ngx_http_stentor_status_nodes(map, out);
    stn_buf_printf(out, "],\n    \"listeners\": %llu, \"leases\": [",
                   (unsigned long long) listeners);
    ngx_http_stentor_status_leases(map, out);
    stn_buf_str(out, "]},\n");
}


/* Returns how many listen to all of them. */

static uint64_t
ngx_http_stentor_status_nodes(ngx_stentor_map_t *map, stn_buf_t *out)
{
    uint64_t     listeners;
    ngx_uint_t   i, n;
    stn_node_t  *nodes, *node;

    nodes = ngx_alloc(NGX_STENTOR_NODES * sizeof(stn_node_t),
                      ngx_cycle->log);
    if (nodes == NULL) {
        out->failed = STN_NOMEM;
        return 0;
    }

    listeners = 0;
    n = ngx_stentor_map_nodes(map, nodes, NGX_STENTOR_NODES);

    for (i = 0; i < n; i++) {
        node = &nodes[i];
        listeners += node->listeners;

        stn_buf_str(out, i ? ",\n      {\"id\": " : "\n      {\"id\": ");
        ngx_http_stentor_status_text(out, node->id);
        stn_buf_printf(out, ", \"role\": \"%s\", \"region\": ",
                       ngx_http_stentor_status_role[node->role]);
        ngx_http_stentor_status_text(out, node->region);
        stn_buf_str(out, ", \"relay\": ");
        ngx_http_stentor_status_text(out, node->relay);
        stn_buf_str(out, ", \"listen\": ");
        ngx_http_stentor_status_text(out, node->listen);

        stn_buf_printf(out, ", \"capacity\": %u, \"listeners\": %u, "
                       "\"streams\": %u, \"load\": %.3f, \"version\": ",
                       node->capacity, node->listeners, node->streams,
                       node->load / 1000.0);
        ngx_http_stentor_status_text(out, node->version);
        stn_buf_str(out, "}");
    }

    ngx_free(nodes);

    return listeners;
}


static void
ngx_http_stentor_status_leases(ngx_stentor_map_t *map, stn_buf_t *out)
{
    ngx_uint_t            i, n;
    ngx_stentor_lease_t  *lease;

    for (i = 0, n = 0; i < map->nleases; i++) {
        lease = &map->leases[i];

        if (ngx_stentor_load(&lease->hash)) {
            stn_buf_str(out, n++ ? ",\n      " : "\n      ");
            ngx_http_stentor_status_lease(lease, out);
        }
    }
}


static void
ngx_http_stentor_status_lease(ngx_stentor_lease_t *lease, stn_buf_t *out)
{
    char        owner[STN_NODE_MAX], relay[STN_NODE_URL_MAX];
    int64_t     now;
    uint64_t    epoch;

    now = ngx_stentor_map_now();

    stn_buf_printf(out, "{\"stream\": \"%.*s\", \"state\": \"%s\", "
                   "\"fed\": %s, \"epoch\": %llu, \"valid_ms\": %lld, "
                   "\"owner\": ",
                   (int) ngx_min(lease->name_len, NGX_STENTOR_NAME_MAX),
                   lease->name,
                   ngx_http_stentor_status_lease_state[lease->state],
                   lease->fed ? "true" : "false",
                   (unsigned long long) lease->epoch,
                   lease->state == NGX_STENTOR_LEASE_HELD
                   ? (long long) lease->until_ms - (long long) now : 0ll);

    if (ngx_stentor_lease_owner(lease, owner, relay, &epoch) != NGX_OK) {
        stn_buf_str(out, "null}");
        return;
    }

    ngx_http_stentor_status_text(out, owner);
    stn_buf_str(out, ", \"relay\": ");
    ngx_http_stentor_status_text(out, relay);
    stn_buf_str(out, "}");
}


void
ngx_http_stentor_status_relay(ngx_stentor_stream_t *st, stn_buf_t *out)
{
    ngx_stentor_relay_t  relay;

    stn_buf_printf(out, ",\n     \"lease_epoch\": %llu, \"relay\": ",
                   (unsigned long long) st->lease_epoch);

    if (!st->relayed
        || ngx_http_stentor_status_relay_copy(st, &relay) != NGX_OK)
    {
        stn_buf_str(out, "null");
        return;
    }

    stn_buf_str(out, "{\"upstream\": ");
    ngx_http_stentor_status_text(out, relay.upstream);
    stn_buf_str(out, ", \"chain\": [");
    ngx_http_stentor_status_chain(relay.chain, out);

    stn_buf_printf(out, "], \"lag_ms\": %.3f, \"behind_ms\": %.3f, "
                   "\"switches\": %u, \"since_s\": %lld, \"bytes\": %llu}",
                   relay.lag_us / 1000.0, relay.behind_us / 1000.0,
                   relay.switches,
                   (long long) (ngx_stentor_store_now() - relay.since_ms)
                   / 1000,
                   (unsigned long long) relay.bytes);
}


/* Ids have no characters that JSON minds. */

static void
ngx_http_stentor_status_chain(const char *chain, stn_buf_t *out)
{
    size_t       len;
    const char  *sep;

    for (sep = ""; *chain; sep = ", ") {
        len = strcspn(chain, " ");

        stn_buf_printf(out, "%s\"%.*s\"", sep, (int) len, chain);

        chain += len;
        chain += (*chain == ' ');
    }
}


ngx_int_t
ngx_http_stentor_status_relay_copy(ngx_stentor_stream_t *st,
    ngx_stentor_relay_t *relay)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  seq;

    for (i = 0; i < NGX_HTTP_STENTOR_CLUSTER_TRIES; i++) {
        seq = ngx_stentor_load(&st->relay.seq);
        *relay = st->relay;
        ngx_stentor_fence();

        if (seq % 2 == 0 && seq == ngx_stentor_load(&st->relay.seq)) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_stentor_status_cluster_metrics(ngx_stentor_conf_t *scf,
    stn_buf_t *out)
{
    ngx_stentor_cluster_conf_t  *conf;

    if (scf->worker.cluster == NULL) {
        return;
    }

    conf = scf->cluster;

    ngx_http_stentor_status_metric(out, "stentor_cluster_info", "gauge",
                                   "Who this node is");
    stn_buf_printf(out, "stentor_cluster_info{node=\"%.*s\",role=\"%s\","
                   "region=\"%.*s\"} 1\n",
                   (int) conf->node.len, conf->node.data,
                   ngx_http_stentor_status_role[conf->role],
                   (int) conf->region.len, conf->region.data);

    ngx_http_stentor_status_redis(scf->worker.cluster->map, out);
    ngx_http_stentor_status_roles(scf->worker.cluster->map, out);
}


static void
ngx_http_stentor_status_redis(ngx_stentor_map_t *map, stn_buf_t *out)
{
    ngx_uint_t  i;

    const struct {
        const char         *name;
        const char         *help;
        ngx_atomic_uint_t   value;
    } counters[] = {
        { "stentor_redis_commands_total", "Commands sent to Redis",
          map->commands },
        { "stentor_redis_failures_total", "Errors and time-outs of Redis",
          map->failures },
        { "stentor_redis_connects_total", "Connections made to Redis",
          map->connects },
        { "stentor_cluster_wants_total",
          "Times that other nodes were asked for a stream", map->wants },
        { "stentor_cluster_wants_dropped_total",
          "Times that there was no room to ask", map->wants_dropped }
    };

    ngx_http_stentor_status_metric(out, "stentor_redis_up", "gauge",
                                   "Whether Redis answers");

    if (map->redis != NGX_STENTOR_REDIS_OFF) {
        stn_buf_printf(out, "stentor_redis_up %d\n",
                       map->redis == NGX_STENTOR_REDIS_UP);
    }

    for (i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        ngx_http_stentor_status_metric(out, counters[i].name, "counter",
                                       counters[i].help);
        stn_buf_printf(out, "%s %llu\n", counters[i].name,
                       (unsigned long long) counters[i].value);
    }
}


static void
ngx_http_stentor_status_roles(ngx_stentor_map_t *map, stn_buf_t *out)
{
    ngx_uint_t            i;
    ngx_uint_t            held, role[STN_NODE_EDGE + 1];
    ngx_stentor_lease_t  *lease;

    ngx_memzero(role, sizeof(role));

    for (i = 0; i < map->nnodes && i < NGX_STENTOR_NODES; i++) {
        role[ngx_min(map->nodes[i].role, STN_NODE_EDGE)]++;
    }

    ngx_http_stentor_status_metric(out, "stentor_cluster_nodes", "gauge",
                                   "Nodes that live, by their role");

    for (i = STN_NODE_ORIGIN; i <= STN_NODE_EDGE; i++) {
        stn_buf_printf(out, "stentor_cluster_nodes{role=\"%s\"} %llu\n",
                       ngx_http_stentor_status_role[i],
                       (unsigned long long) role[i]);
    }

    for (i = 0, held = 0; i < map->nleases; i++) {
        lease = &map->leases[i];

        held += (ngx_stentor_load(&lease->hash)
                 && (lease->state == NGX_STENTOR_LEASE_HELD
                     || lease->state == NGX_STENTOR_LEASE_ALONE));
    }

    ngx_http_stentor_status_metric(out, "stentor_cluster_leases", "gauge",
                                   "Streams that this node makes");
    stn_buf_printf(out, "stentor_cluster_leases %llu\n",
                   (unsigned long long) held);
}
