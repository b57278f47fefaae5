/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking after a pull (see ngx_stentor_pull.h): whether anybody wants it
 * still, whether its upstream lives, and whether another one would do better.
 * The clock is nginx's, to some hundred milliseconds.
 */

#include "ngx_stentor_pull.h"


/* What a link may take till it has the stream, in relay_timeouts: the upstream
 * may have to look for it, too. */
#define NGX_STENTOR_PULL_SEEKS  3

/* So many part durations without a part, and relay_lag: one is on its way, and
 * two more are overdue. */
#define NGX_STENTOR_PULL_OVERDUE  3

/* Who is slow is asked last for so long; whose parts do not come, a while. */
#define NGX_STENTOR_PULL_SLOW_MS  30000
#define NGX_STENTOR_PULL_LATE_MS  5000

/* How often another one is looked for then. */
#define NGX_STENTOR_PULL_FLEE_MS  500

/* How often status is told. */
#define NGX_STENTOR_PULL_SHOW_MS    1000


static ngx_uint_t ngx_stentor_pull_holds(ngx_stentor_pull_t *pull);
static ngx_uint_t ngx_stentor_pull_needed(ngx_stentor_pull_t *pull);
static ngx_uint_t ngx_stentor_pull_silent(ngx_stentor_pull_t *pull,
    ngx_stentor_link_t *link);
static void ngx_stentor_pull_switch(ngx_stentor_pull_t *pull);
static const char *ngx_stentor_pull_slow(ngx_stentor_pull_t *pull);
static void ngx_stentor_pull_better(ngx_stentor_pull_t *pull,
    const char *slow);


void
ngx_stentor_pull_look(ngx_stentor_pull_t *pull)
{
    if (pull->former) {
        ngx_stentor_link_free(pull->former);
        pull->former = NULL;
    }

    if (!ngx_stentor_pull_holds(pull)) {
        ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_LEAVE);
        return;
    }

    if (!ngx_stentor_pull_needed(pull)) {
        ngx_log_error(NGX_LOG_INFO, pull->pulls->log, 0,
                      "stream \"%V\" is pulled no more: nobody wants it",
                      &pull->stream.name);
        ngx_stentor_pull_finish(pull, NGX_STENTOR_PULL_DROP);
        return;
    }

    /* with its link the pull may end */

    if (ngx_stentor_pull_silent(pull, pull->next)
        || ngx_stentor_pull_silent(pull, pull->cur))
    {
        return;
    }

    ngx_stentor_pull_switch(pull);

    if ((ngx_msec_int_t) (ngx_current_msec - pull->show) >= 0) {
        ngx_stentor_pull_show(pull);
    }
}


/* Whether the lease is of this stream, and says that this worker pulls it; and
 * no live thread of this node has claimed it since, to make it here. */

static ngx_uint_t
ngx_stentor_pull_holds(ngx_stentor_pull_t *pull)
{
    ngx_stentor_lease_t  *lease;

    lease = pull->lease;

    if (pull->stream.claimed && !ngx_stentor_store_valid(&pull->stream.claim))
    {
        return 0;
    }

    return ngx_stentor_load(&lease->pull_pid) == (ngx_atomic_uint_t) ngx_pid
           && lease->name_len == pull->stream.name.len
           && ngx_memcmp(lease->name, pull->name, lease->name_len) == 0;
}


static ngx_uint_t
ngx_stentor_pull_needed(ngx_stentor_pull_t *pull)
{
    int64_t                wanted;
    ngx_msec_t             idle;
    ngx_stentor_stream_t  *st;

    st = pull->stream.open ? pull->stream.claim.stream
                           : ngx_stentor_store_find(pull->stream.store,
                                                    &pull->stream.name);

    if (st && ngx_stentor_pull_read(pull->pulls, st)) {
        return 1;
    }

    idle = pull->stream.open ? pull->pulls->cluster->conf->relay_idle
                             : NGX_STENTOR_WANTED_MS;
    wanted = (int64_t) ngx_stentor_load(&pull->lease->wanted_ms);

    if (wanted && ngx_stentor_map_now() - wanted < (int64_t) idle) {
        return 1;
    }

    /* whoever wanted it then has had it: that is no reason to begin again */

    return !ngx_atomic_cmp_set(&pull->lease->wanted_ms,
                               (ngx_atomic_uint_t) wanted, 0);
}


ngx_uint_t
ngx_stentor_pull_read(ngx_stentor_pulls_t *pulls, ngx_stentor_stream_t *st)
{
    ngx_msec_int_t  since;

    since = (ngx_msec_int_t) (ngx_current_msec
                              - ngx_stentor_load(&st->read_msec));

    return since < (ngx_msec_int_t) pulls->cluster->conf->relay_idle;
}


/* Ends a link that nothing has come from in time. */

static ngx_uint_t
ngx_stentor_pull_silent(ngx_stentor_pull_t *pull, ngx_stentor_link_t *link)
{
    ngx_msec_t  limit;

    if (link == NULL) {
        return 0;
    }

    limit = pull->pulls->cluster->conf->relay_timeout;

    if (ngx_current_msec - link->heard > limit) {
        ngx_stentor_link_cut(link, NGX_STENTOR_LINK_FAILED,
                             "nothing has come from it in time");
        return 1;
    }

    if (!link->streamed
        && ngx_current_msec - link->begun > NGX_STENTOR_PULL_SEEKS * limit)
    {
        ngx_stentor_link_cut(link, NGX_STENTOR_LINK_LOST,
                             "it does not get the stream in time");
        return 1;
    }

    return 0;
}


/* The stream goes on without a gap: the link that it comes by ends when the
 * other one has it. */

static void
ngx_stentor_pull_switch(ngx_stentor_pull_t *pull)
{
    const char  *slow;
    ngx_uint_t   spread;

    if (pull->cur == NULL || !pull->cur->edged || pull->next) {
        return;
    }

    slow = ngx_stentor_pull_slow(pull);

    if (slow && (ngx_msec_int_t) (ngx_current_msec - pull->flee) >= 0) {
        pull->flee = ngx_current_msec + NGX_STENTOR_PULL_FLEE_MS;
        ngx_stentor_pull_better(pull, slow);
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - pull->prefer) >= 0) {
        spread = NGX_STENTOR_PULL_PREFER_MS / 2;
        pull->prefer = ngx_current_msec + spread
                       + ngx_random() % (2 * spread);

        ngx_stentor_pull_afresh(pull);
        ngx_stentor_pull_better(pull, NULL);
    }
}


static const char *
ngx_stentor_pull_slow(ngx_stentor_pull_t *pull)
{
    ngx_msec_t             limit;
    ngx_stentor_params_t  *params;

    params = &pull->stream.params[0];

    limit = pull->pulls->cluster->conf->relay_lag
            + (ngx_msec_t) params->part * 1000 / params->rate
              * NGX_STENTOR_PULL_OVERDUE;

    if (ngx_current_msec - pull->cur->parted > limit) {
        return "no parts come from it";
    }

    return pull->cur->late > 1 ? "its parts come late" : NULL;
}


/* Asks somebody else: whoever comes before the present upstream in its route,
 * or, when that is slow, anybody who is not known to be bad. */

static void
ngx_stentor_pull_better(ngx_stentor_pull_t *pull, const char *slow)
{
    uint32_t                key;
    ngx_uint_t              i, n, absent;
    ngx_stentor_upstream_t  up[NGX_STENTOR_ROUTE_MAX];

    key = ngx_stentor_bad_key(&pull->cur->up);
    n = ngx_stentor_cluster_route(pull->pulls->cluster, pull->lease, up,
                                  NGX_STENTOR_ROUTE_MAX, &absent);

    for (i = 0; i < n; i++) {

        if (ngx_stentor_bad_key(&up[i]) == key) {

            if (slow == NULL) {
                return;
            }

            continue;
        }

        if (!ngx_stentor_pull_passed(pull, &up[i])
            && !ngx_stentor_bad_is(&pull->pulls->bads, &up[i]))
        {
            break;
        }
    }

    if (i == n) {
        return;
    }

    if (slow) {
        ngx_stentor_bad_mark(&pull->pulls->bads, &pull->cur->up,
                               pull->cur->late > 1 ? NGX_STENTOR_PULL_SLOW_MS
                                                   : NGX_STENTOR_PULL_LATE_MS,
                               slow);
        pull->cur->late = 0;
    }

    (void) ngx_stentor_pull_try(pull, &up[i]);
}


void
ngx_stentor_pull_show(ngx_stentor_pull_t *pull)
{
    ngx_stentor_link_t    *cur;
    ngx_stentor_relay_t   *r;
    ngx_stentor_stream_t  *st;

    pull->show = ngx_current_msec + NGX_STENTOR_PULL_SHOW_MS;

    if (!pull->stream.claimed || !ngx_stentor_store_valid(&pull->stream.claim))
    {
        return;
    }

    cur = pull->cur;
    st = pull->stream.claim.stream;
    r = &st->relay;

    /* a writer that died in here left it odd */

    ngx_stentor_save(&r->seq, r->seq | 1);
    ngx_stentor_fence();

    if (cur) {
        ngx_cpystrn((u_char *) r->upstream, (u_char *) cur->up.relay,
                    sizeof(r->upstream));
        r->role = cur->up.role;
        r->lag_us = (int32_t) ngx_min(cur->lag_us, NGX_MAX_INT32_VALUE);
        r->behind_us = (int32_t) ngx_min(cur->behind_us, NGX_MAX_INT32_VALUE);
    }

    ngx_cpystrn((u_char *) r->chain, (u_char *) pull->chain,
                sizeof(r->chain));

    r->switches = pull->switches;
    r->since_ms = pull->since_ms;
    r->bytes = pull->bytes + (cur ? cur->bytes : 0);

    ngx_stentor_save(&r->seq, r->seq + 1);
}
