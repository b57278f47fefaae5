/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A pull's life (see ngx_stentor_pull.h): whom it asks, what the end of a link
 * means for it, and how it ends itself.  Upstreams are asked in the order of
 * the route, first those that are not known to be bad, each once in a round;
 * after a round in vain it waits.
 */

#include "ngx_stentor_pull.h"


/* Rounds in vain are not further apart. */
#define NGX_STENTOR_PULL_PATIENCE_MS  2000

/* How long to wait for a route that is being found out. */
#define NGX_STENTOR_PULL_ROUTE_MS  50

/* Who has failed is asked last for so long. */
#define NGX_STENTOR_PULL_BAD_MS  5000

/* An upstream that asks to be asked again may not do so all the time. */
#define NGX_STENTOR_PULL_AGAIN_MS  1000

/* There was no room for a stream: nobody asks for it for so long, and it is
 * not said again before. */
#define NGX_STENTOR_PULL_FULL_MS  5000
#define NGX_STENTOR_PULL_TOLD_MS  60000


static void ngx_stentor_pull_ask(ngx_stentor_pull_t *pull);
static ngx_stentor_upstream_t *ngx_stentor_pull_choose(
    ngx_stentor_pull_t *pull, ngx_stentor_upstream_t *up, ngx_uint_t n);
static ngx_uint_t ngx_stentor_pull_windowed(ngx_stentor_pull_t *pull);
static void ngx_stentor_pull_round(ngx_stentor_pull_t *pull);
static void ngx_stentor_pull_retry(ngx_event_t *ev);
static void ngx_stentor_pull_news(ngx_stentor_pull_t *pull);
static void ngx_stentor_pull_ended(ngx_stentor_link_t *link);
static ngx_uint_t ngx_stentor_pull_over(ngx_stentor_pull_t *pull,
    ngx_stentor_link_t *link);
static void ngx_stentor_pull_full(ngx_stentor_pull_t *pull,
    const char *reason);
static void ngx_stentor_pull_judge(ngx_stentor_pull_t *pull,
    ngx_stentor_link_t *link);
static void ngx_stentor_pull_pass(ngx_stentor_pull_t *pull,
    ngx_stentor_upstream_t *up);
static void ngx_stentor_pull_release(ngx_stentor_pull_t *pull,
    ngx_stentor_pull_e how);


ngx_int_t
ngx_stentor_pull_begin(ngx_stentor_pulls_t *pulls, ngx_stentor_lease_t *lease)
{
    ngx_stentor_pull_t    *pull;
    ngx_stentor_stream_t  *st;

    pull = ngx_calloc(sizeof(ngx_stentor_pull_t), pulls->log);
    if (pull == NULL) {
        return NGX_ERROR;
    }

    pull->pulls = pulls;
    pull->lease = lease;
    pull->backoff = NGX_STENTOR_PULL_BACKOFF_MS;

    pull->stream.store = pulls->scf->store;
    pull->stream.slot = pulls->scf->worker.wake->slot;
    pull->stream.log = pulls->log;
    pull->stream.name.data = pull->name;
    pull->stream.name.len = ngx_min(lease->name_len, NGX_STENTOR_NAME_MAX);
    ngx_memcpy(pull->name, lease->name, pull->stream.name.len);

    pull->retry.handler = ngx_stentor_pull_retry;
    pull->retry.data = pull;
    pull->retry.log = pulls->log;
    pull->retry.cancelable = 1;

    st = ngx_stentor_store_find(pull->stream.store, &pull->stream.name);

    if (st) {
        pull->epoch = ngx_stentor_load(&st->lease_epoch);
    }

    pulls->by_lease[lease - pulls->cluster->map->leases] = pull;
    ngx_queue_insert_tail(&pulls->pulls, &pull->queue);

    ngx_stentor_store_count(pull->stream.store, pull->stream.slot,
                            NGX_STENTOR_RELAY_PULLS, 1);

    ngx_log_error(NGX_LOG_INFO, pulls->log, 0,
                  "stream \"%V\" is pulled", &pull->stream.name);

    ngx_stentor_pull_ask(pull);

    return NGX_OK;
}


/* Asks the next one of the route, if there is one; the pull may be gone
 * then. */

static void
ngx_stentor_pull_ask(ngx_stentor_pull_t *pull)
{
    ngx_uint_t               n, absent;
    ngx_stentor_upstream_t   up[NGX_STENTOR_ROUTE_MAX], *best;

    absent = 0;
    n = ngx_stentor_cluster_route(pull->pulls->cluster, pull->lease, up,
                                  NGX_STENTOR_ROUTE_MAX, &absent);

    pull->waits = (n == 0 && !absent);

    if (pull->waits) {
        ngx_add_timer(&pull->retry, NGX_STENTOR_PULL_ROUTE_MS);
        return;
    }

    while (pull->npassed < NGX_STENTOR_ROUTE_MAX
           && (best = ngx_stentor_pull_choose(pull, up, n)) != NULL)
    {

        if (ngx_stentor_pull_try(pull, best) == NGX_OK) {
            return;
        }

        ngx_stentor_pull_pass(pull, best);
    }

    /* all of them have said so, or it is known without asking */

    if (pull->absents == pull->npassed && !ngx_stentor_pull_windowed(pull)) {
        ngx_stentor_cluster_deny(pull->pulls->cluster, pull->lease);
        ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_DROP);
        return;
    }

    ngx_stentor_pull_round(pull);
}


/* The first that has not been asked yet, rather one that is not bad. */

static ngx_stentor_upstream_t *
ngx_stentor_pull_choose(ngx_stentor_pull_t *pull, ngx_stentor_upstream_t *up,
    ngx_uint_t n)
{
    ngx_uint_t               i;
    ngx_stentor_upstream_t  *bad;

    bad = NULL;

    for (i = 0; i < n; i++) {

        if (ngx_stentor_pull_passed(pull, &up[i])) {
            continue;
        }

        if (!ngx_stentor_bad_is(&pull->pulls->bads, &up[i])) {
            return &up[i];
        }

        if (bad == NULL) {
            bad = &up[i];
        }
    }

    return bad;
}


ngx_uint_t
ngx_stentor_pull_passed(ngx_stentor_pull_t *pull, ngx_stentor_upstream_t *up)
{
    uint32_t    key;
    ngx_uint_t  i;

    key = ngx_stentor_bad_key(up);

    for (i = 0; i < pull->npassed; i++) {
        if (pull->passed[i] == key) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_stentor_pull_pass(ngx_stentor_pull_t *pull, ngx_stentor_upstream_t *up)
{
    if (pull->npassed < NGX_STENTOR_ROUTE_MAX
        && !ngx_stentor_pull_passed(pull, up))
    {
        pull->passed[pull->npassed++] = ngx_stentor_bad_key(up);
    }
}


void
ngx_stentor_pull_afresh(ngx_stentor_pull_t *pull)
{
    pull->npassed = 0;
    pull->absents = 0;
}


/* Whether there is something here that has not ended: then the stream was, and
 * whoever denies it has lost it. */

static ngx_uint_t
ngx_stentor_pull_windowed(ngx_stentor_pull_t *pull)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_find(pull->stream.store, &pull->stream.name);

    return pull->stream.claimed
           || (st && ngx_stentor_load(&st->state) == NGX_STENTOR_OPEN);
}


/* Nobody had it: after a while all of them are asked again, not by all pulls
 * at once.  Till then the stream stands still. */

static void
ngx_stentor_pull_round(ngx_stentor_pull_t *pull)
{
    ngx_msec_t  ms;

    ngx_stentor_pull_afresh(pull);

    pull->chain[0] = '\0';
    ngx_stentor_pull_show(pull);

    ms = pull->backoff / 2 + ngx_random() % pull->backoff;
    pull->backoff = ngx_min(2 * pull->backoff, NGX_STENTOR_PULL_PATIENCE_MS);

    ngx_add_timer(&pull->retry, ms);
}


static void
ngx_stentor_pull_retry(ngx_event_t *ev)
{
    ngx_stentor_pull_ask(ev->data);
}


void
ngx_stentor_pull_wake(ngx_stentor_pull_t *pull)
{
    uint64_t  epoch;

    if (ngx_stentor_lease_owner(pull->lease, NULL, NULL, &epoch) == NGX_OK
        && epoch > pull->news)
    {
        pull->news = epoch;

        if (epoch > pull->epoch) {
            ngx_stentor_pull_news(pull);
            return;
        }
    }

    if (pull->waits && pull->retry.timer_set) {
        ngx_del_timer(&pull->retry);
        ngx_stentor_pull_ask(pull);
    }
}


/* Another node makes the stream: whoever leads to it is asked at once, and not
 * when the one before has been silent for long enough. */

static void
ngx_stentor_pull_news(ngx_stentor_pull_t *pull)
{
    ngx_uint_t               n, absent;
    ngx_stentor_link_t      *link;
    ngx_stentor_upstream_t   up[NGX_STENTOR_ROUTE_MAX], *best;

    ngx_stentor_pull_afresh(pull);

    if (pull->retry.timer_set) {
        ngx_del_timer(&pull->retry);
        ngx_stentor_pull_ask(pull);
        return;
    }

    n = ngx_stentor_cluster_route(pull->pulls->cluster, pull->lease, up,
                                  NGX_STENTOR_ROUTE_MAX, &absent);
    best = ngx_stentor_pull_choose(pull, up, n);
    link = pull->next ? pull->next : pull->cur;

    if (best == NULL
        || ngx_stentor_bad_key(best) == ngx_stentor_bad_key(&link->up))
    {
        return;
    }

    if (pull->next) {
        ngx_stentor_link_free(pull->next);
        pull->next = NULL;
    }

    if (ngx_stentor_pull_try(pull, best) != NGX_OK && pull->cur == NULL) {
        ngx_stentor_pull_ask(pull);
    }
}


ngx_int_t
ngx_stentor_pull_try(ngx_stentor_pull_t *pull, ngx_stentor_upstream_t *up)
{
    ngx_stentor_link_t          *link;
    ngx_stentor_link_ask_t       ask;
    ngx_stentor_relayed_edge_t   edge;

    if (pull->former) {
        ngx_stentor_link_free(pull->former);
        pull->former = NULL;
    }

    link = ngx_stentor_link_create(pull->stream.store, pull->stream.slot,
                                   pull->pulls->log);
    if (link == NULL) {
        return NGX_ERROR;
    }

    link->up = *up;
    link->record = ngx_stentor_pull_record;
    link->ended = ngx_stentor_pull_ended;
    link->data = pull;

    ask.fetches = pull->pulls->fetches;
    ask.conf = pull->pulls->cluster->conf;
    ask.name = &pull->stream.name;
    ask.epoch = ngx_stentor_pull_epoch(pull);
    ask.after = NULL;

    if (!pull->entire
        && ngx_stentor_relayed_edge(&pull->stream, &edge) == NGX_OK)
    {
        ask.after = &edge;
    }

    if (ngx_stentor_link_begin(link, &ask) != NGX_OK) {
        ngx_stentor_link_free(link);
        return NGX_ERROR;
    }

    pull->next = link;

    return NGX_OK;
}


uint64_t
ngx_stentor_pull_epoch(ngx_stentor_pull_t *pull)
{
    return ngx_max(pull->epoch, ngx_stentor_load(&pull->lease->epoch));
}


/* A link has ended, and is freed; the pull goes on with another, unless it
 * ends with it. */

static void
ngx_stentor_pull_ended(ngx_stentor_link_t *link)
{
    ngx_stentor_pull_t  *pull;

    pull = link->data;
    pull->bytes += link->bytes;

    if (link == pull->former) {
        pull->former = NULL;
        ngx_stentor_link_free(link);
        return;
    }

    if (link == pull->cur) {
        pull->cur = NULL;
    } else {
        pull->next = NULL;
    }

    ngx_log_error(NGX_LOG_INFO, pull->pulls->log, 0,
                  "relay of stream \"%V\" ended: %s", &pull->stream.name,
                  link->reason);

    if (!ngx_stentor_pull_over(pull, link)) {
        ngx_stentor_pull_judge(pull, link);

        if (pull->cur == NULL && pull->next == NULL) {
            ngx_stentor_pull_ask(pull);
        }
    }

    ngx_stentor_link_free(link);
}


/* Whether the pull has ended with its link. */

static ngx_uint_t
ngx_stentor_pull_over(ngx_stentor_pull_t *pull, ngx_stentor_link_t *link)
{
    switch (link->end) {

    case NGX_STENTOR_LINK_OVER:

        if (!link->streamed) {
            return 0;
        }

        /* it has not begun again */

        if (!pull->stream.claimed) {
            ngx_stentor_cluster_deny(pull->pulls->cluster, pull->lease);
        }

        ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_CLOSE);
        return 1;

    case NGX_STENTOR_LINK_TAKEN:
        ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_LEAVE);
        return 1;

    case NGX_STENTOR_LINK_FULL:
        ngx_stentor_pull_full(pull, link->reason);
        return 1;

    default:
        return 0;
    }
}


static void
ngx_stentor_pull_full(ngx_stentor_pull_t *pull, const char *reason)
{
    ngx_stentor_pulls_t  *pulls;

    pulls = pull->pulls;

    if (pulls->full == 0
        || ngx_current_msec - pulls->full > NGX_STENTOR_PULL_TOLD_MS)
    {
        pulls->full = ngx_max(ngx_current_msec, 1);

        ngx_log_error(NGX_LOG_CRIT, pulls->log, 0,
                      "stream \"%V\" cannot be had from another node: %s",
                      &pull->stream.name, reason);
    }

    ngx_stentor_cluster_deny(pulls->cluster, pull->lease);
    ngx_stentor_save(&pull->lease->denied_ms,
                     ngx_stentor_map_now() + NGX_STENTOR_PULL_FULL_MS);

    ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_DROP);
}


/* What the end of a link says of its upstream: whether it may be asked again
 * at once, and whether other pulls should ask it. */

static void
ngx_stentor_pull_judge(ngx_stentor_pull_t *pull, ngx_stentor_link_t *link)
{
    ngx_msec_t  since;

    switch (link->end) {

    case NGX_STENTOR_LINK_AGAIN:
    case NGX_STENTOR_LINK_EXIT:

        pull->entire = (link->end == NGX_STENTOR_LINK_AGAIN);
        since = pull->again;
        pull->again = ngx_max(ngx_current_msec, 1);

        if (since && pull->again - since < NGX_STENTOR_PULL_AGAIN_MS) {
            ngx_stentor_pull_pass(pull, &link->up);
        }

        return;

    case NGX_STENTOR_LINK_ABSENT:
        pull->absents += !ngx_stentor_pull_passed(pull, &link->up);
        break;

    case NGX_STENTOR_LINK_FAILED:
        ngx_stentor_bad_mark(&pull->pulls->bads, &link->up,
                               NGX_STENTOR_PULL_BAD_MS, link->reason);
        ngx_stentor_store_count(pull->stream.store, pull->stream.slot,
                                NGX_STENTOR_RELAY_FAILURES, 1);
        break;

    default:
        break;
    }

    ngx_stentor_pull_pass(pull, &link->up);
}


void
ngx_stentor_pull_finish(ngx_stentor_pull_t *pull, ngx_stentor_pull_e how)
{
    ngx_uint_t            i;
    ngx_stentor_link_t   *links[3];
    ngx_stentor_pulls_t  *pulls;

    pulls = pull->pulls;

    links[0] = pull->cur;
    links[1] = pull->next;
    links[2] = pull->former;

    for (i = 0; i < 3; i++) {
        if (links[i]) {
            ngx_stentor_link_free(links[i]);
        }
    }

    pull->cur = NULL;

    if (pull->retry.timer_set) {
        ngx_del_timer(&pull->retry);
    }

    ngx_stentor_pull_release(pull, how);

    i = pull->lease - pulls->cluster->map->leases;

    if (pulls->by_lease[i] == pull) {
        pulls->by_lease[i] = NULL;
        (void) ngx_atomic_cmp_set(&pull->lease->pull_pid,
                                  (ngx_atomic_uint_t) ngx_pid, 0);
    }

    ngx_stentor_store_count(pull->stream.store, pull->stream.slot,
                            NGX_STENTOR_RELAY_PULLS, -1);

    ngx_stentor_relayed_free(&pull->stream);
    ngx_queue_remove(&pull->queue);
    ngx_free(pull);
}


static void
ngx_stentor_pull_release(ngx_stentor_pull_t *pull, ngx_stentor_pull_e how)
{
    ngx_stentor_store_t  *store;
    ngx_stentor_claim_t  *claim;

    if (!pull->stream.claimed) {
        return;
    }

    claim = &pull->stream.claim;
    store = pull->stream.store;

    /* who stands by for the stream is to know that it does not come */

    if (how != NGX_STENTOR_PULL_LEAVE) {
        pull->chain[0] = '\0';
        ngx_stentor_pull_show(pull);
    }

    switch (how) {

    case NGX_STENTOR_PULL_CLOSE:
        (void) ngx_stentor_store_close(claim);
        break;

    case NGX_STENTOR_PULL_DROP:
        ngx_stentor_store_drop(claim);
        break;

    default:
        ngx_stentor_store_hand_over(claim);
        return;
    }

    ngx_stentor_wake_stream(store, claim->stream);
}
