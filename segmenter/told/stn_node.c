/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading what another node tells of itself (see stn_node.h).  JSON is
 * jansson's; of its values nothing is believed.
 */

#include "told/stn_node.h"

#include <jansson.h>
#include <string.h>


static int stn_node_members(stn_node_t *node, json_t *root);
static int stn_node_member(json_t *root, const char *name, char *text,
    size_t size);
static uint32_t stn_node_number(json_t *root, const char *name);
static int stn_node_set_role(stn_node_t *node, const char *name);


static const struct {
    const char       *name;
    stn_node_role_e   role;
} stn_node_roles[] = {
    { "origin", STN_NODE_ORIGIN },
    { "shield", STN_NODE_SHIELD },
    { "edge", STN_NODE_EDGE }
};


int
stn_node_read(stn_node_t *node, const char *id, const char *text, size_t len)
{
    int      rc;
    size_t   n;
    json_t  *root;

    memset(node, 0, sizeof(*node));

    n = strlen(id);

    if (n == 0 || n >= sizeof(node->id) || !stn_node_is_word(id)) {
        return STN_ERROR;
    }

    memcpy(node->id, id, n);

    root = json_loadb(text, len, 0, NULL);
    rc = stn_node_members(node, root);
    json_decref(root);

    return rc;
}


static int
stn_node_members(stn_node_t *node, json_t *root)
{
    size_t  i;
    char    role[16];

    const struct {
        const char  *name;
        char        *text;
        size_t       size;
    } texts[] = {
        { "region", node->region, sizeof(node->region) },
        { "relay", node->relay, sizeof(node->relay) },
        { "listen", node->listen, sizeof(node->listen) },
        { "version", node->version, sizeof(node->version) },
        { "role", role, sizeof(role) }
    };

    for (i = 0; i < stn_nelems(texts); i++) {
        if (stn_node_member(root, texts[i].name, texts[i].text, texts[i].size)
            != STN_OK)
        {
            return STN_ERROR;
        }
    }

    if (!stn_node_is_url(node->relay) || !stn_node_is_url(node->listen)) {
        return STN_ERROR;
    }

    node->capacity = stn_node_number(root, "capacity");
    node->listeners = stn_node_number(root, "listeners");
    node->streams = stn_node_number(root, "streams");
    node->load = stn_node_number(root, "load");

    return stn_node_set_role(node, role);
}


static int
stn_node_member(json_t *root, const char *name, char *text, size_t size)
{
    size_t       len;
    json_t      *value;
    const char  *p;

    text[0] = '\0';

    value = json_object_get(root, name);

    if (value == NULL) {
        return json_is_object(root) ? STN_OK : STN_ERROR;
    }

    if (!json_is_string(value)) {
        return STN_ERROR;
    }

    len = json_string_length(value);
    p = json_string_value(value);

    if (len >= size || strlen(p) != len) {
        return STN_ERROR;
    }

    memcpy(text, p, len + 1);

    return STN_OK;
}


static uint32_t
stn_node_number(json_t *root, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(root, name));

    return (uint32_t) stn_max(0, stn_min(n, (json_int_t) UINT32_MAX));
}


static int
stn_node_set_role(stn_node_t *node, const char *name)
{
    size_t  i;

    for (i = 0; i < stn_nelems(stn_node_roles); i++) {
        if (strcmp(name, stn_node_roles[i].name) == 0) {
            node->role = stn_node_roles[i].role;
            return STN_OK;
        }
    }

    return STN_ERROR;
}


const char *
stn_node_role(stn_node_role_e role)
{
    size_t  i;

    for (i = 0; i < stn_nelems(stn_node_roles); i++) {
        if (stn_node_roles[i].role == role) {
            return stn_node_roles[i].name;
        }
    }

    return stn_node_roles[0].name;
}


int
stn_node_is_word(const char *text)
{
    for ( /* void */ ; *text; text++) {
        if (*text <= 0x20 || *text > 0x7e) {
            return 0;
        }
    }

    return 1;
}


/* What is not empty may have a path put behind it. */

int
stn_node_is_url(const char *text)
{
    size_t  len;

    len = strlen(text);

    if (len && strncmp(text, "http://", 7) != 0
        && strncmp(text, "https://", 8) != 0)
    {
        return 0;
    }

    return (len == 0 || text[len - 1] == '/') && stn_node_is_word(text);
}
