/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the records of a link mean for its pull (see ngx_stentor_pull.h): which
 * link is heard, whether its stream may be taken, and how it goes on.  All of
 * it is on the stack of libcurl: a link is judged here, and ends when libcurl
 * has returned.
 */

#include "ngx_stentor_pull.h"


/* An origin's clock that is so far from ours is another one: a stream goes on
 * by it, should it be made here one day.  The newest part of a window may have
 * been made a while ago. */
#define NGX_STENTOR_PULL_CLOCK_US  1000000
#define NGX_STENTOR_PULL_EDGE_US   5000000


static ngx_int_t ngx_stentor_pull_stream(ngx_stentor_link_t *link,
    stn_relay_stream_t *s);
static ngx_int_t ngx_stentor_pull_beat(ngx_stentor_link_t *link,
    stn_relay_beat_t *b);
static ngx_int_t ngx_stentor_pull_chain(ngx_stentor_link_t *link,
    const stn_str_t *chain, unsigned hops);
static ngx_int_t ngx_stentor_pull_fresh(ngx_stentor_link_t *link,
    uint64_t epoch);
static void ngx_stentor_pull_accept(ngx_stentor_pull_t *pull,
    ngx_stentor_link_t *link);
static void ngx_stentor_pull_comes(ngx_stentor_pull_t *pull,
    const stn_str_t *chain, unsigned hops);
static ngx_int_t ngx_stentor_pull_part(ngx_stentor_link_t *link,
    stn_relay_part_t *part);
static void ngx_stentor_pull_date(ngx_stentor_link_t *link, int64_t most_us);
static ngx_int_t ngx_stentor_pull_edge(ngx_stentor_link_t *link);
static ngx_int_t ngx_stentor_pull_end(ngx_stentor_link_t *link,
    stn_relay_end_e end);
static ngx_int_t ngx_stentor_pull_taken(ngx_stentor_link_t *link,
    ngx_int_t rc);


ngx_int_t
ngx_stentor_pull_record(ngx_stentor_link_t *link, stn_relay_record_t *record)
{
    ngx_int_t            rc;
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    switch (record->type) {

    case STN_RELAY_STREAM:
        return ngx_stentor_pull_stream(link, &record->u.stream);

    case STN_RELAY_INIT:
        rc = ngx_stentor_relayed_init(&pull->stream, &record->u.init);
        return ngx_stentor_pull_taken(link, rc);

    case STN_RELAY_PART:
        return ngx_stentor_pull_part(link, &record->u.part);

    case STN_RELAY_EDGE:
        return ngx_stentor_pull_edge(link);

    case STN_RELAY_HEARTBEAT:
        return ngx_stentor_pull_beat(link, &record->u.beat);

    default:
        return ngx_stentor_pull_end(link, record->u.end);
    }
}


/* From here on this link is heard, and no other. */

static ngx_int_t
ngx_stentor_pull_stream(ngx_stentor_link_t *link, stn_relay_stream_t *s)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    if (ngx_stentor_pull_chain(link, s->chain, s->hops) != NGX_OK
        || ngx_stentor_pull_fresh(link, s->epoch) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_stentor_pull_accept(pull, link);
    ngx_stentor_pull_comes(pull, s->chain, s->hops);

    return ngx_stentor_pull_taken(link,
                                  ngx_stentor_relayed_stream(&pull->stream,
                                                             s));
}


static ngx_int_t
ngx_stentor_pull_beat(ngx_stentor_link_t *link, stn_relay_beat_t *b)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    if (ngx_stentor_pull_chain(link, b->chain, b->hops) != NGX_OK) {
        return NGX_ERROR;
    }

    /* whoever has no upstream may not know of any epoch */

    if (b->hops && ngx_stentor_pull_fresh(link, b->epoch) != NGX_OK) {
        return NGX_ERROR;
    }

    if (link == pull->cur && b->hops) {
        ngx_stentor_pull_comes(pull, b->chain, b->hops);
        ngx_stentor_save(&pull->lease->heard_ms, ngx_stentor_map_now());
    }

    return NGX_OK;
}


/* A stream must not come from where it goes to. */

static ngx_int_t
ngx_stentor_pull_chain(ngx_stentor_link_t *link, const stn_str_t *chain,
    unsigned hops)
{
    unsigned             i;
    ngx_str_t           *node;
    ngx_stentor_pull_t  *pull;

    pull = link->data;
    node = &pull->pulls->cluster->conf->node;

    for (i = 0; i < hops; i++) {
        if (chain[i].len == node->len
            && ngx_memcmp(chain[i].data, node->data, node->len) == 0)
        {
            return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                          "it has the stream from here");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_pull_fresh(ngx_stentor_link_t *link, uint64_t epoch)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    if (epoch < ngx_stentor_pull_epoch(pull)) {
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                      "it is of an epoch that is over");
    }

    pull->epoch = epoch;

    if (epoch > ngx_stentor_load(&pull->lease->epoch)) {
        ngx_stentor_lease_heard(pull->pulls->cluster, pull->lease, epoch);
    }

    return NGX_OK;
}


/* The link before it is freed when libcurl is not on the stack. */

static void
ngx_stentor_pull_accept(ngx_stentor_pull_t *pull, ngx_stentor_link_t *link)
{
    uint32_t    key;
    ngx_uint_t  spread;

    link->streamed = 1;

    if (link == pull->cur) {
        return;
    }

    /* it counts no more bytes, and may be freed without having ended */

    if (pull->cur) {
        pull->bytes += pull->cur->bytes;
        pull->cur->bytes = 0;
        pull->cur->retired = 1;
        pull->former = pull->cur;
    }

    pull->cur = link;
    pull->next = NULL;
    pull->entire = 0;

    spread = NGX_STENTOR_PULL_PREFER_MS / 2;
    pull->prefer = ngx_current_msec + spread + ngx_random() % (2 * spread);

    key = ngx_stentor_bad_key(&link->up);

    if (pull->key == key) {
        return;
    }

    if (pull->key) {
        pull->switches++;
        ngx_stentor_store_count(pull->stream.store, pull->stream.slot,
                                NGX_STENTOR_RELAY_SWITCHES, 1);
    }

    pull->key = key;
    pull->since_ms = ngx_stentor_store_now();
}


static void
ngx_stentor_pull_comes(ngx_stentor_pull_t *pull, const stn_str_t *chain,
    unsigned hops)
{
    u_char    *p, *last;
    unsigned   i;

    p = (u_char *) pull->chain;
    last = p + sizeof(pull->chain) - 1;

    for (i = 0; i < hops && chain[i].len < (size_t) (last - p); i++) {

        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, chain[i].data, chain[i].len);
    }

    *p = '\0';
}


static ngx_int_t
ngx_stentor_pull_part(ngx_stentor_link_t *link, stn_relay_part_t *part)
{
    int64_t              limit;
    ngx_int_t            rc;
    ngx_stentor_pull_t  *pull;

    pull = link->data;
    limit = (int64_t) pull->pulls->cluster->conf->relay_lag * 1000;

    ngx_stentor_save(&pull->lease->heard_ms, ngx_stentor_map_now());

    link->late = link->edged && link->lag_us > limit ? link->late + 1 : 0;

    rc = ngx_stentor_relayed_part(&pull->stream, part);

    if (rc == NGX_OK && link->edged) {
        ngx_stentor_pull_date(link, NGX_STENTOR_PULL_CLOCK_US);
    }

    return ngx_stentor_pull_taken(link, rc);
}


/* As long as the stream is the pull's to write. */

static void
ngx_stentor_pull_date(ngx_stentor_link_t *link, int64_t most_us)
{
    int64_t                off;
    ngx_stentor_pull_t    *pull;
    ngx_stentor_stream_t  *st;

    pull = link->data;

    if (!pull->stream.entered
        || !ngx_stentor_store_valid(&pull->stream.claim))
    {
        return;
    }

    st = pull->stream.claim.stream;
    off = link->clock_us - (int64_t) ngx_stentor_load(&st->clock_us);

    if (link->clock_us && (off < -most_us || off > most_us)) {
        ngx_stentor_save(&st->clock_us, link->clock_us);
    }
}


static ngx_int_t
ngx_stentor_pull_edge(ngx_stentor_link_t *link)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    if (link != pull->cur) {
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED,
                                      "an edge of no stream");
    }

    /* whoever is let in may ask by whose hands it comes */

    ngx_stentor_pull_show(pull);

    if (ngx_stentor_pull_taken(link, ngx_stentor_relayed_let_in(&pull->stream))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_stentor_pull_date(link, NGX_STENTOR_PULL_EDGE_US);

    link->edged = 1;
    pull->backoff = NGX_STENTOR_PULL_BACKOFF_MS;

    ngx_stentor_pull_afresh(pull);
    ngx_stentor_pull_show(pull);

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_pull_end(ngx_stentor_link_t *link, stn_relay_end_e end)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;

    /* that he stops who is not its owner any more is no end */

    if (end == STN_RELAY_END_STREAM
        && pull->epoch < ngx_stentor_load(&pull->lease->epoch)
        && ngx_stentor_lease_owner(pull->lease, NULL, NULL, NULL) == NGX_OK)
    {
        end = STN_RELAY_END_LOST;
    }

    switch (end) {

    case STN_RELAY_END_STREAM:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_OVER,
                                      "the stream has ended");

    case STN_RELAY_END_ABSENT:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_ABSENT,
                                      "nobody has the stream");

    case STN_RELAY_END_EXIT:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_EXIT,
                                      "its worker exits");

    case STN_RELAY_END_AGAIN:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_AGAIN,
                                      "it takes back what it has sent");

    default:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                      "it does not get the stream any more");
    }
}


/* What has become of a record. */

static ngx_int_t
ngx_stentor_pull_taken(ngx_stentor_link_t *link, ngx_int_t rc)
{
    const char          *reason;
    ngx_stentor_pull_t  *pull;

    pull = link->data;
    reason = pull->stream.reason;

    switch (rc) {

    case NGX_OK:
        return NGX_OK;

    case NGX_AGAIN:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_AGAIN, reason);

    case NGX_DECLINED:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_TAKEN, reason);

    case NGX_BUSY:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FULL, reason);

    default:
        return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED, reason);
    }
}
