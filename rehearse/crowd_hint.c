/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that ask for a part before it is listed (EXT-X-PRELOAD-HINT,
 * RFC 8216bis, 4.4.5.3 and 6.2.6), as AVPlayer and Media3 do: a second
 * connection of the listener is held by the server until the part is there,
 * while the first one is held for the playlist.  Whichever comes first, the
 * part is heard when the playlist has listed it.
 */

#include "crowd.h"

#include <stdlib.h>
#include <string.h>


static void crowd_hint_send(crowd_t *c, crowd_listener_t *l);
static void crowd_hint_failed(crowd_t *c, crowd_listener_t *l,
    crowd_error_e e);
static void crowd_hint_take(crowd_t *c, crowd_listener_t *l);


void
crowd_hint_ask(crowd_t *c, crowd_listener_t *l)
{
    crowd_hint_t  *h;

    if (l->hint == NULL) {
        l->hint = calloc(1, sizeof(crowd_hint_t));
        if (l->hint == NULL) {
            return;
        }
    }

    /* what was hinted at before and is not what came is given up */

    h = l->hint;

    if (h->asked) {
        crowd_hint_drop(c, l);
    }

    if (crowd_path(h->path, l->list, l->hinted, strlen(l->hinted)) != STN_OK) {
        return;
    }

    h->asked = 1;

    if (h->wire.state == crowd_wire_open) {
        crowd_hint_send(c, l);
        return;
    }

    if (h->wire.state == crowd_wire_closed) {
        h->wire.edge = &c->edges[l->edge];
        h->wire.data = (void *) ((uintptr_t) l + 1);

        if (crowd_wire_connect(&c->net, &h->wire, l->number / c->nedges)
            != STN_OK)
        {
            crowd_hint_failed(c, l, crowd_refused);
        }
    }
}


static void
crowd_hint_send(crowd_t *c, crowd_listener_t *l)
{
    crowd_stat(c, l)->requests++;
    l->hint->sent = 1;

    if (crowd_wire_get(&l->hint->wire, l->hint->path, 0) != STN_OK) {
        crowd_hint_failed(c, l, crowd_lost);
    }
}


void
crowd_hint_event(crowd_t *c, crowd_listener_t *l)
{
    int                  rc;
    crowd_hint_t        *h;
    crowd_wire_state_e   was;

    h = l->hint;
    was = h->wire.state;

    if (was == crowd_wire_closed) {
        return;
    }

    rc = crowd_wire_event(&c->net, &h->wire);

    if (rc == STN_AGAIN) {
        return;
    }

    if (was != crowd_wire_open) {
        if (rc != STN_OK) {
            crowd_hint_failed(c, l, was == crowd_wire_shaking ? crowd_tls
                                                              : crowd_refused);

        } else if (h->asked) {
            crowd_hint_send(c, l);
        }

        return;
    }

    if (rc != STN_OK || !h->sent || h->ready) {
        crowd_hint_failed(c, l, crowd_lost);
        return;
    }

    if (h->wire.answer.status != 200) {
        crowd_hint_failed(c, l, crowd_status(h->wire.answer.status));
        return;
    }

    h->ready = 1;

    if (h->waited) {
        crowd_hint_take(c, l);

    } else if (crowd_http_keep(&h->wire.answer) != STN_OK) {
        crowd_hint_drop(c, l);
    }
}


/* If nothing was asked for, the server may well close the connection. */

static void
crowd_hint_failed(crowd_t *c, crowd_listener_t *l, crowd_error_e e)
{
    char      path[CROWD_PATH];
    unsigned  waited;

    crowd_stat(c, l)->errors[e] += l->hint->asked && !l->hint->ready;
    waited = l->hint->waited;
    memcpy(path, l->hint->path, sizeof(path));
    crowd_hint_drop(c, l);

    if (waited) {
        crowd_ask(c, l, path);
    }
}


unsigned
crowd_hint_get(crowd_t *c, crowd_listener_t *l, const char *path)
{
    crowd_hint_t  *h;

    h = l->hint;

    if (!h->asked || l->state != crowd_part || strcmp(h->path, path) != 0) {
        return 0;
    }

    h->waited = 1;
    l->asked = c->now;
    crowd_wheel_set(&c->wheel, &l->timer, c->now + c->timeout);

    if (h->ready) {
        crowd_hint_take(c, l);
    }

    return 1;
}


static void
crowd_hint_take(crowd_t *c, crowd_listener_t *l)
{
    crowd_hint_t  *h;

    h = l->hint;
    h->asked = 0;
    h->sent = 0;
    h->ready = 0;
    h->waited = 0;

    if (crowd_heard(c, l, &h->wire.answer) != STN_OK) {
        return;
    }

    crowd_stat(c, l)->hinted++;

    if (h->wire.answer.close) {
        crowd_hint_drop(c, l);
    }

    crowd_wire_done(&h->wire);
    l->tries = 0;
    crowd_next(c, l);
}


void
crowd_hint_drop(crowd_t *c, crowd_listener_t *l)
{
    crowd_hint_t  *h;

    h = l->hint;

    if (h == NULL) {
        return;
    }

    crowd_wire_drop(&c->net, &h->wire);
    h->asked = 0;
    h->sent = 0;
    h->ready = 0;
    h->waited = 0;
}
