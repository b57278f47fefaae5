/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What this node tells of itself (see told/stn_node.h), for all others to find
 * in Redis.
 */

#include "ngx_stentor_leader_parts.h"

#include <jansson.h>


static json_t *ngx_stentor_leader_node_str(ngx_str_t *s);
static ngx_uint_t ngx_stentor_leader_node_streams(ngx_stentor_store_t *store);
static ngx_uint_t ngx_stentor_leader_node_load(void);


char *
ngx_stentor_leader_node_text(ngx_stentor_cluster_t *cl)
{
    char                        *text;
    json_t                      *root;
    ngx_stentor_store_t         *store;
    ngx_stentor_cluster_conf_t  *conf;

    conf = cl->conf;
    store = cl->scf->store;

    /* "o" takes what it is given, and the whole is NULL if one of them is */

    root = json_pack("{s:o, s:o, s:s, s:o, s:o, s:s, s:I, s:I, s:I, s:I}",
        "id", ngx_stentor_leader_node_str(&conf->node),
        "region", ngx_stentor_leader_node_str(&conf->region),
        "role", stn_node_role(conf->role),
        "relay", ngx_stentor_leader_node_str(&conf->relay_url),
        "listen", ngx_stentor_leader_node_str(&conf->listen_url),
        "version", NGX_STENTOR_VERSION,
        "capacity", (json_int_t) conf->capacity,
        "listeners", (json_int_t)
        ngx_stentor_store_sum(store, NGX_STENTOR_HLS_LISTENERS),
        "streams", (json_int_t) ngx_stentor_leader_node_streams(store),
        "load", (json_int_t) ngx_stentor_leader_node_load());

    text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);

    return text;
}


static json_t *
ngx_stentor_leader_node_str(ngx_str_t *s)
{
    return json_stringn(s->len ? (char *) s->data : "", s->len);
}


static ngx_uint_t
ngx_stentor_leader_node_streams(ngx_stentor_store_t *store)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < store->nstreams; i++) {
        n += ngx_stentor_store_stream(store, i)->state == NGX_STENTOR_OPEN;
    }

    return n;
}


/* What waits for a core or has one, over a minute. */

static ngx_uint_t
ngx_stentor_leader_node_load(void)
{
    double  load;

    if (getloadavg(&load, 1) != 1) {
        return 0;
    }

    return (ngx_uint_t) (load * 1000 / ngx_max(ngx_ncpu, 1));
}
