/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Multivariant playlists and the way to go on when an edge is gone: to the
 * next variant, which is the same audio from elsewhere (RFC 8216bis, 6.2.4:
 * redundant variants), or to the next edge that the crowd was told of.  Each
 * playlist is read once; the listeners point to it.
 */

#include "crowd.h"

#include <stdlib.h>
#include <string.h>


static const crowd_multi_t *crowd_multi_find(crowd_t *c, crowd_listener_t *l,
    const char *text, size_t len);
static void crowd_multi_add(crowd_t *c, crowd_multi_t *m, const char *base,
    const crowd_hls_uri_t *uri);
static int crowd_multi_edge(crowd_t *c, const char *s, size_t len);
static void crowd_multi_use(crowd_t *c, crowd_listener_t *l);


int
crowd_varied(crowd_t *c, crowd_listener_t *l)
{
    char          *text;
    size_t         len;
    crowd_http_t  *a;

    a = &l->wire.answer;
    len = a->body;
    text = NULL;

    if (a->gzip) {
        text = crowd_inflate(crowd_http_body(a), a->body, &len);

        if (text == NULL) {
            crowd_fail(c, l, crowd_playlist);
            return STN_ERROR;
        }
    }

    l->multi = crowd_multi_find(c, l, text ? text : crowd_http_body(a), len);
    free(text);

    if (l->multi == NULL) {
        crowd_fail(c, l, crowd_playlist);
        return STN_ERROR;
    }

    l->variant = 0;
    crowd_multi_use(c, l);

    return STN_OK;
}


static const crowd_multi_t *
crowd_multi_find(crowd_t *c, crowd_listener_t *l, const char *text,
    size_t len)
{
    unsigned          i, n;
    uint64_t          sum;
    crowd_multi_t    *m;
    crowd_hls_uri_t   uris[CROWD_HLS_VARIANTS];

    /* the same text of another stream means another path */

    sum = crowd_sum(text, len) + l->stream;

    for (i = 0; i < c->nmultis; i++) {
        if (c->multis[i]->sum == sum && c->multis[i]->edge == l->edge) {
            return c->multis[i];
        }
    }

    n = crowd_hls_variants(uris, text, len);
    m = n && c->nmultis < CROWD_MULTI ? calloc(1, sizeof(*m)) : NULL;
    if (m == NULL) {
        return NULL;
    }

    m->sum = sum;
    m->edge = l->edge;

    for (i = 0; i < n; i++) {
        crowd_multi_add(c, m, l->list, &uris[i]);
    }

    if (m->n == 0) {
        free(m);
        return NULL;
    }

    c->multis[c->nmultis++] = m;

    return m;
}


static void
crowd_multi_add(crowd_t *c, crowd_multi_t *m, const char *base,
    const crowd_hls_uri_t *uri)
{
    int          edge;
    size_t       len;
    const char  *s, *slash;

    edge = (int) m->edge;
    s = uri->s;
    len = uri->len;

    if (len > 8 && (memcmp(s, "http://", 7) == 0
                    || memcmp(s, "https://", 8) == 0))
    {
        slash = memchr(s + 8, '/', len - 8);
        edge = slash ? crowd_multi_edge(c, s, (size_t) (slash - s)) : -1;
        if (edge == -1) {
            return;
        }

        len -= (size_t) (slash - s);
        s = slash;
    }

    if (crowd_path(m->paths[m->n], base, s, len) == STN_OK) {
        m->edges[m->n++] = (unsigned) edge;
    }
}


/* The edge that a URL names, of those that are known or a new one; -1: there
 * are too many, or it has no address. */

static int
crowd_multi_edge(crowd_t *c, const char *s, size_t len)
{
    unsigned      i;
    crowd_edge_t  e;

    if (crowd_edge_read(&e, s, len) != STN_OK) {
        return -1;
    }

    for (i = 0; i < c->nedges; i++) {
        if (c->edges[i].tls == e.tls
            && strcmp(c->edges[i].host, e.host) == 0)
        {
            return (int) i;
        }
    }

    if (c->nedges == c->recent_edges) {
        return -1;
    }

    c->edges[c->nedges] = e;

    return (int) c->nedges++;
}


static void
crowd_multi_use(crowd_t *c, crowd_listener_t *l)
{
    memcpy(l->list, l->multi->paths[l->variant], CROWD_PATH);

    if (l->edge != l->multi->edges[l->variant]) {
        l->edge = l->multi->edges[l->variant];
        crowd_wire_drop(&c->net, &l->wire);
    }
}


void
crowd_turn(crowd_t *c, crowd_listener_t *l)
{
    if (l->multi && l->multi->n > 1) {
        l->variant = (l->variant + 1) % l->multi->n;
        crowd_multi_use(c, l);

    } else if (c->failover) {
        l->edge = (l->edge + 1) % c->nedges;
    }
}


unsigned
crowd_choices(const crowd_t *c, const crowd_listener_t *l)
{
    if (l->multi && l->multi->n > 1) {
        return l->multi->n;
    }

    return c->failover ? c->nedges : 1;
}


int
crowd_path(char *path, const char *base, const char *uri, size_t len)
{
    size_t       dir;
    const char  *query, *slash;

    dir = 0;

    if (len == 0 || uri[0] != '/') {
        query = strchr(base, '?');
        slash = memrchr(base, '/', query ? (size_t) (query - base)
                                         : strlen(base));
        dir = slash ? (size_t) (slash + 1 - base) : 0;
    }

    if (dir + len >= CROWD_PATH) {
        return STN_LIMIT;
    }

    memcpy(path, base, dir);
    memcpy(path + dir, uri, len);
    path[dir + len] = '\0';

    return STN_OK;
}
