/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A node as it tells of itself: a JSON object with id, region, role, relay,
 * listen, version, capacity, listeners, streams and load.  Others may be of
 * another version: what is missing is empty or 0, what is not known is passed
 * over.  What does not fit, or no URL could be, makes a node that is not there.
 */

#include "ngx_stentor_leader_parts.h"

#include <jansson.h>


static json_t *ngx_stentor_leader_node_str(ngx_str_t *s);
static const char *ngx_stentor_leader_node_role(ngx_stentor_role_e role);
static ngx_uint_t ngx_stentor_leader_node_streams(ngx_stentor_store_t *store);
static ngx_uint_t ngx_stentor_leader_node_load(void);
static ngx_int_t ngx_stentor_leader_node_members(ngx_stentor_node_t *node,
    json_t *root);
static ngx_int_t ngx_stentor_leader_node_member(json_t *root,
    const char *name, char *text, size_t size);
static uint32_t ngx_stentor_leader_node_number(json_t *root,
    const char *name);


static const struct {
    const char          *name;
    ngx_stentor_role_e   role;
} ngx_stentor_leader_roles[] = {
    { "origin", NGX_STENTOR_ORIGIN },
    { "shield", NGX_STENTOR_SHIELD },
    { "edge", NGX_STENTOR_EDGE }
};

#define NGX_STENTOR_LEADER_ROLES                                              \
    (sizeof(ngx_stentor_leader_roles) / sizeof(ngx_stentor_leader_roles[0]))


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
        "role", ngx_stentor_leader_node_role(conf->role),
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


static const char *
ngx_stentor_leader_node_role(ngx_stentor_role_e role)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_LEADER_ROLES; i++) {
        if (ngx_stentor_leader_roles[i].role == role) {
            break;
        }
    }

    return ngx_stentor_leader_roles[i % NGX_STENTOR_LEADER_ROLES].name;
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


ngx_int_t
ngx_stentor_leader_node_read(ngx_stentor_node_t *node, const char *id,
    const char *text, size_t len)
{
    json_t      *root;
    ngx_int_t    rc;

    ngx_memzero(node, sizeof(ngx_stentor_node_t));

    if (ngx_strlen(id) == 0 || ngx_strlen(id) >= sizeof(node->id)
        || ngx_stentor_leader_word(id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_cpystrn((u_char *) node->id, (u_char *) id, sizeof(node->id));

    root = json_loadb(text, len, 0, NULL);
    rc = ngx_stentor_leader_node_members(node, root);
    json_decref(root);

    return rc;
}


static ngx_int_t
ngx_stentor_leader_node_members(ngx_stentor_node_t *node, json_t *root)
{
    char        role[16];
    ngx_uint_t  i;

    if (ngx_stentor_leader_node_member(root, "region", node->region,
                                       sizeof(node->region))
        != NGX_OK
        || ngx_stentor_leader_node_member(root, "relay", node->relay,
                                          sizeof(node->relay))
           != NGX_OK
        || ngx_stentor_leader_node_member(root, "listen", node->listen,
                                          sizeof(node->listen))
           != NGX_OK
        || ngx_stentor_leader_node_member(root, "version", node->version,
                                          sizeof(node->version))
           != NGX_OK
        || ngx_stentor_leader_node_member(root, "role", role, sizeof(role))
           != NGX_OK
        || ngx_stentor_leader_url(node->relay) != NGX_OK
        || ngx_stentor_leader_url(node->listen) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    node->capacity = ngx_stentor_leader_node_number(root, "capacity");
    node->listeners = ngx_stentor_leader_node_number(root, "listeners");
    node->streams = ngx_stentor_leader_node_number(root, "streams");
    node->load = ngx_stentor_leader_node_number(root, "load");

    for (i = 0; i < NGX_STENTOR_LEADER_ROLES; i++) {
        if (ngx_strcmp(role, ngx_stentor_leader_roles[i].name) == 0) {
            node->role = ngx_stentor_leader_roles[i].role;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_stentor_leader_node_member(json_t *root, const char *name, char *text,
    size_t size)
{
    size_t       len;
    json_t      *value;
    const char  *p;

    text[0] = '\0';

    value = json_object_get(root, name);

    if (value == NULL) {
        return json_is_object(root) ? NGX_OK : NGX_DECLINED;
    }

    if (!json_is_string(value)) {
        return NGX_DECLINED;
    }

    len = json_string_length(value);
    p = json_string_value(value);

    if (len >= size || ngx_strlen(p) != len) {
        return NGX_DECLINED;
    }

    ngx_memcpy(text, p, len + 1);

    return NGX_OK;
}


static uint32_t
ngx_stentor_leader_node_number(json_t *root, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(root, name));

    return (uint32_t) ngx_max(0, ngx_min(n, (json_int_t) UINT32_MAX));
}


ngx_int_t
ngx_stentor_leader_word(const char *text)
{
    for ( /* void */ ; *text; text++) {
        if (*text <= 0x20 || *text > 0x7e) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* What is not empty may have a path put behind it. */

ngx_int_t
ngx_stentor_leader_url(const char *url)
{
    size_t  len;

    len = ngx_strlen(url);

    if (len == 0
        || ((ngx_strncmp(url, "http://", 7) == 0
             || ngx_strncmp(url, "https://", 8) == 0)
            && url[len - 1] == '/'))
    {
        return ngx_stentor_leader_word(url);
    }

    return NGX_DECLINED;
}
