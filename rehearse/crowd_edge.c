/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whom a crowd asks (crowd_edge_t of crowd_wire.h): reads the beginning of a
 * URL and resolves its name, once, so that the crowd does not depend on a
 * resolver, nor load one.
 */

#include "crowd_wire.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int crowd_edge_split(crowd_edge_t *e, const char *s, size_t len);
static int crowd_edge_resolve(crowd_edge_t *e);


int
crowd_edge_read(crowd_edge_t *e, const char *text, size_t len)
{
    size_t       n;
    const char  *end;

    memset(e, 0, sizeof(*e));

    if (len > 8 && memcmp(text, "https://", 8) == 0) {
        e->tls = 1;
        text += 8;
        len -= 8;

    } else if (len > 7 && memcmp(text, "http://", 7) == 0) {
        text += 7;
        len -= 7;

    } else {
        n = strspn(text, "0123456789");

        if (n == 0 || n != len || n > 5) {
            return STN_ERROR;
        }

        snprintf(e->host, sizeof(e->host), "127.0.0.1:%.*s", (int) n, text);
        return crowd_edge_split(e, e->host, strlen(e->host));
    }

    end = memchr(text, '/', len);
    if (end) {
        len = (size_t) (end - text);
    }

    if (len == 0 || len >= CROWD_WIRE_NAME) {
        return STN_ERROR;
    }

    memcpy(e->host, text, len);

    return crowd_edge_split(e, e->host, len);
}


/* NAME, NAME:PORT or [ADDRESS]:PORT. */

static int
crowd_edge_split(crowd_edge_t *e, const char *s, size_t len)
{
    size_t       n;
    const char  *colon;

    colon = memrchr(s, ':', len);

    if (colon && memchr(colon, ']', len - (size_t) (colon - s))) {
        colon = NULL;
    }

    n = colon ? (size_t) (colon - s) : len;
    e->port = colon ? (unsigned) atoi(colon + 1) : e->tls ? 443 : 80;

    if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }

    if (n == 0 || e->port < 1 || e->port > 65535) {
        return STN_ERROR;
    }

    memcpy(e->name, s, n);

    return crowd_edge_resolve(e);
}


static int
crowd_edge_resolve(crowd_edge_t *e)
{
    char              port[8];
    struct addrinfo   hints, *list, *ai;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    snprintf(port, sizeof(port), "%u", e->port);

    if (getaddrinfo(e->name, port, &hints, &list) != 0) {
        return STN_ERROR;
    }

    /* of both families those of the first, which the system prefers */

    for (ai = list; ai && e->naddrs < CROWD_WIRE_ADDRS; ai = ai->ai_next) {
        if (ai->ai_family == list->ai_family
            && ai->ai_addrlen <= sizeof(e->addrs[0]))
        {
            memcpy(&e->addrs[e->naddrs], ai->ai_addr, ai->ai_addrlen);
            e->lens[e->naddrs++] = ai->ai_addrlen;
        }
    }

    freeaddrinfo(list);

    return e->naddrs ? STN_OK : STN_ERROR;
}
