/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * See ngx_stentor_relay_bad.h.  There are never many of them: a node has a
 * few upstreams, whatever the number of its streams.
 */

#include "ngx_stentor_relay_bad.h"
#include "notify/ngx_stentor_post.h"


/* The same is not logged again before so long. */
#define NGX_STENTOR_BAD_TOLD_MS  60000


static ngx_stentor_bad_t *ngx_stentor_bad_find(ngx_stentor_bads_t *bads,
    uint32_t key);
static ngx_stentor_bad_t *ngx_stentor_bad_place(ngx_stentor_bads_t *bads);


uint32_t
ngx_stentor_bad_key(ngx_stentor_upstream_t *up)
{
    return ngx_max(ngx_crc32_long((u_char *) up->relay,
                                  ngx_strlen(up->relay)), 1);
}


void
ngx_stentor_bad_mark(ngx_stentor_bads_t *bads, ngx_stentor_upstream_t *up,
    ngx_msec_t ms, const char *reason)
{
    char                label[STN_NODE_URL_MAX];
    uint32_t            key;
    ngx_stentor_bad_t  *bad;

    key = ngx_stentor_bad_key(up);
    bad = ngx_stentor_bad_find(bads, key);

    if (bad == NULL) {
        bad = ngx_stentor_bad_place(bads);
        bad->key = key;
        bad->reason = NULL;
    }

    bad->until = ngx_current_msec + ms;

    if (bad->reason == reason
        && ngx_current_msec - bad->since < NGX_STENTOR_BAD_TOLD_MS)
    {
        return;
    }

    bad->since = ngx_current_msec;
    bad->reason = reason;

    ngx_stentor_post_label(label, up->relay);

    ngx_log_error(NGX_LOG_ERR, bads->log, 0,
                  "relay from \"%s\" fails: %s", label, reason);
}


ngx_uint_t
ngx_stentor_bad_is(ngx_stentor_bads_t *bads, ngx_stentor_upstream_t *up)
{
    ngx_stentor_bad_t  *bad;

    bad = ngx_stentor_bad_find(bads, ngx_stentor_bad_key(up));

    return bad && (ngx_msec_int_t) (bad->until - ngx_current_msec) > 0;
}


static ngx_stentor_bad_t *
ngx_stentor_bad_find(ngx_stentor_bads_t *bads, uint32_t key)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_BADS; i++) {
        if (bads->bads[i].key == key) {
            return &bads->bads[i];
        }
    }

    return NULL;
}


static ngx_stentor_bad_t *
ngx_stentor_bad_place(ngx_stentor_bads_t *bads)
{
    ngx_uint_t          i;
    ngx_stentor_bad_t  *bad, *place;

    place = &bads->bads[0];

    for (i = 0; i < NGX_STENTOR_BADS; i++) {
        bad = &bads->bads[i];

        if (bad->key == 0) {
            return bad;
        }

        if ((ngx_msec_int_t) (bad->until - place->until) < 0) {
            place = bad;
        }
    }

    return place;
}
