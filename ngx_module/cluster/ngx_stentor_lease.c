/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whether a live thread may make its stream (see ngx_stentor_cluster.h).  What
 * Redis has to decide, the leader writes into the lease's record; when Redis
 * cannot be asked it is decided here, so that nobody falls silent for it:
 *
 *     NONE, ASKED -> ALONE   unless another is known to have it, or it comes
 *                            from one by a pull: OTHER
 *     HELD, over  -> ALONE   its owner goes on
 *     OTHER       -> ALONE   when for long nothing has been heard of another
 *                            having it, and nothing comes from him
 *
 * Who goes on alone with what was not his takes an epoch above all that he has
 * heard of: once both can be reached, one of them steps down.
 */

#include "ngx_stentor_cluster.h"


/* Redis has not decided for so many of its time-outs: whatever the matter is,
 * it cannot be asked. */
#define NGX_STENTOR_LEASE_PATIENCE  5

/* After so many leases' time the owner may have died along with Redis; and
 * nothing has come from him for so many. */
#define NGX_STENTOR_LEASE_ORPHANED  10
#define NGX_STENTOR_LEASE_QUIET     2

/* Two who go on alone at once do so with different epochs, or neither would
 * step down. */
#define NGX_STENTOR_LEASE_SPREAD    1024


static ngx_stentor_lease_e ngx_stentor_lease_next(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_lease_e state);
static ngx_uint_t ngx_stentor_lease_asks(ngx_stentor_cluster_t *cl);
static ngx_uint_t ngx_stentor_lease_orphaned(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease);
static ngx_int_t ngx_stentor_lease_whose(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease);
static void ngx_stentor_lease_go_alone(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_lease_e from);
static void ngx_stentor_lease_waits(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_lease_e state);
static void ngx_stentor_lease_since(ngx_atomic_t *ms, ngx_uint_t is);


ngx_stentor_lease_e
ngx_stentor_lease_seek(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_uint_t fed, uint64_t *epoch)
{
    int64_t              now, sought;
    ngx_uint_t           news;
    ngx_stentor_lease_e  state, next;

    now = ngx_stentor_map_now();
    sought = __atomic_exchange_n(&lease->sought_ms, now, __ATOMIC_SEQ_CST);
    news = (__atomic_exchange_n(&lease->fed, fed, __ATOMIC_SEQ_CST) != fed);

    if (sought == 0 || now - sought > NGX_STENTOR_SOUGHT_MS) {
        ngx_stentor_save(&lease->asked_ms, 0);
        ngx_stentor_save(&lease->quiet_ms, 0);
        news = 1;
    }

    do {
        /* what heard writes, in the other order */

        *epoch = ngx_stentor_load(&lease->epoch);
        state = ngx_stentor_load(&lease->state);
        next = ngx_stentor_lease_next(cl, lease, state);

    } while (next != state && !ngx_atomic_cmp_set(&lease->state, state, next));

    /* the leader, too, lets those go on whose key in Redis is no good */

    if (next == NGX_STENTOR_LEASE_ALONE
        && (state != next || ngx_stentor_load(&lease->asked_ms)))
    {
        ngx_stentor_lease_go_alone(cl, lease, state);
        *epoch = ngx_stentor_load(&lease->epoch);
    }

    news |= (next != state);

    ngx_stentor_lease_waits(cl, lease, next);

    if (news) {
        ngx_stentor_cluster_look(cl);
    }

    return next;
}


static ngx_stentor_lease_e
ngx_stentor_lease_next(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_stentor_lease_e state)
{
    int64_t  asked;

    switch (state) {

    case NGX_STENTOR_LEASE_HELD:
        if (ngx_stentor_lease_check(lease) == NGX_STENTOR_LEASE_HELD) {
            return NGX_STENTOR_LEASE_HELD;
        }

        return ngx_stentor_lease_asks(cl) ? NGX_STENTOR_LEASE_ASKED
                                          : NGX_STENTOR_LEASE_ALONE;

    case NGX_STENTOR_LEASE_ALONE:
        return NGX_STENTOR_LEASE_ALONE;

    case NGX_STENTOR_LEASE_OTHER:
        return ngx_stentor_lease_orphaned(cl, lease)
               ? NGX_STENTOR_LEASE_ALONE : NGX_STENTOR_LEASE_OTHER;

    default: /* NGX_STENTOR_LEASE_NONE, NGX_STENTOR_LEASE_ASKED */
        break;
    }

    asked = ngx_stentor_load(&lease->asked_ms);

    if (ngx_stentor_lease_asks(cl)
        && (asked == 0 || ngx_stentor_map_now() - asked
                          <= NGX_STENTOR_LEASE_PATIENCE
                             * (int64_t) cl->conf->redis_timeout))
    {
        return NGX_STENTOR_LEASE_ASKED;
    }

    return (ngx_stentor_lease_whose(cl, lease) == NGX_BUSY
            || ngx_stentor_lease_relayed(cl, lease))
           ? NGX_STENTOR_LEASE_OTHER : NGX_STENTOR_LEASE_ALONE;
}


/* Whether Redis can be asked, as far as is known. */

static ngx_uint_t
ngx_stentor_lease_asks(ngx_stentor_cluster_t *cl)
{
    ngx_stentor_redis_e  redis;

    redis = ngx_stentor_cluster_redis(cl);

    return redis == NGX_STENTOR_REDIS_UP
           || redis == NGX_STENTOR_REDIS_STARTING;
}


/* Whether the other one may be thought dead: it was long ago that he was known
 * to have it, nothing comes from him, and nobody can be asked.  Till then he
 * is believed to go on alone, as we would. */

static ngx_uint_t
ngx_stentor_lease_orphaned(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease)
{
    int64_t  now, known, quiet, time;

    if (ngx_stentor_lease_asks(cl)) {
        return 0;
    }

    now = ngx_stentor_map_now();
    time = cl->conf->lease;
    known = ngx_stentor_load(&lease->known_ms);
    quiet = ngx_stentor_load(&lease->quiet_ms);

    return quiet
           && now - quiet > NGX_STENTOR_LEASE_QUIET * time
           && now - (known ? known : quiet) > NGX_STENTOR_LEASE_ORPHANED * time;
}


/* NGX_OK: it was last known to be ours; NGX_BUSY: another's; NGX_DECLINED:
 * nobody's, or that is not known. */

static ngx_int_t
ngx_stentor_lease_whose(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease)
{
    char  owner[STN_NODE_MAX];

    if (ngx_stentor_cluster_redis(cl) == NGX_STENTOR_REDIS_OFF
        || ngx_stentor_lease_owner(lease, owner, NULL, NULL) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_strcmp(owner, cl->conf->node.data) == 0 ? NGX_OK : NGX_BUSY;
}


static void
ngx_stentor_lease_go_alone(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_lease_e from)
{
    uint64_t    epoch;
    ngx_str_t  *node;

    node = &cl->conf->node;
    epoch = ngx_max(ngx_stentor_load(&lease->epoch), 1);

    if (from != NGX_STENTOR_LEASE_HELD
        && ngx_stentor_cluster_redis(cl) != NGX_STENTOR_REDIS_OFF
        && ngx_stentor_lease_whose(cl, lease) != NGX_OK)
    {
        epoch += 1 + ngx_crc32_short(node->data, node->len)
                     % NGX_STENTOR_LEASE_SPREAD;
    }

    (void) ngx_stentor_lease_raise(lease, epoch);
}


/* Since when the seeker waits for a decision, or for what another makes. */

static void
ngx_stentor_lease_waits(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    ngx_stentor_lease_e state)
{
    ngx_stentor_lease_since(&lease->asked_ms,
                            state == NGX_STENTOR_LEASE_ASKED);
    ngx_stentor_lease_since(&lease->quiet_ms,
                            state == NGX_STENTOR_LEASE_OTHER
                            && !ngx_stentor_lease_asks(cl)
                            && !ngx_stentor_lease_relayed(cl, lease));
}


ngx_uint_t
ngx_stentor_lease_relayed(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease)
{
    int64_t                heard;
    ngx_str_t              name;
    ngx_stentor_stream_t  *st;

    heard = (int64_t) ngx_stentor_load(&lease->heard_ms);

    if (heard == 0 || ngx_stentor_map_now() - heard
                      >= (int64_t) cl->conf->relay_timeout)
    {
        return 0;
    }

    name.data = lease->name;
    name.len = lease->name_len;

    st = ngx_stentor_store_lookup(cl->scf->store, &name);

    return st && ngx_stentor_load(&st->relayed)
           && ngx_stentor_store_owned(st);
}


static void
ngx_stentor_lease_since(ngx_atomic_t *ms, ngx_uint_t is)
{
    if (!is) {
        ngx_stentor_save(ms, 0);

    } else if (ngx_stentor_load(ms) == 0) {
        ngx_stentor_save(ms, ngx_stentor_map_now());
    }
}


ngx_stentor_lease_e
ngx_stentor_lease_check(ngx_stentor_lease_t *lease)
{
    ngx_stentor_lease_e  state;
    ngx_stentor_redis_e  redis;

    state = ngx_stentor_load(&lease->state);

    if (state != NGX_STENTOR_LEASE_HELD
        || ngx_stentor_map_now() < (int64_t) ngx_stentor_load(&lease->until_ms))
    {
        return state;
    }

    redis = ngx_stentor_load(&ngx_stentor_map_of(lease)->redis);

    return (redis == NGX_STENTOR_REDIS_UP
            || redis == NGX_STENTOR_REDIS_STARTING)
           ? NGX_STENTOR_LEASE_ASKED : NGX_STENTOR_LEASE_ALONE;
}


/* What is held stays so in the record: the leader has to give it back. */

void
ngx_stentor_lease_quit(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease)
{
    ngx_atomic_uint_t  state;

    ngx_stentor_save(&lease->sought_ms, 0);
    ngx_stentor_save(&lease->fed, 0);
    ngx_stentor_save(&lease->asked_ms, 0);
    ngx_stentor_save(&lease->quiet_ms, 0);

    do {
        state = ngx_stentor_load(&lease->state);

        if (state == NGX_STENTOR_LEASE_HELD) {
            break;
        }

    } while (!ngx_atomic_cmp_set(&lease->state, state,
                                 NGX_STENTOR_LEASE_NONE));

    ngx_stentor_cluster_look(cl);
}


/* Without Redis there are no leases to be lost: who makes the stream makes it
 * with the highest epoch, so that nobody takes him for stale. */

void
ngx_stentor_lease_heard(ngx_stentor_cluster_t *cl, ngx_stentor_lease_t *lease,
    uint64_t epoch)
{
    ngx_atomic_uint_t  state;

    if (epoch <= ngx_stentor_load(&lease->epoch)) {
        return;
    }

    state = ngx_stentor_load(&lease->state);

    if (ngx_stentor_cluster_redis(cl) == NGX_STENTOR_REDIS_OFF
        || (state != NGX_STENTOR_LEASE_HELD
            && state != NGX_STENTOR_LEASE_ALONE))
    {
        (void) ngx_stentor_lease_raise(lease, epoch);
        return;
    }

    /* who has it is not known any more */

    ngx_stentor_save(&lease->known_ms, 0);
    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);
    ngx_stentor_fence();

    (void) ngx_stentor_lease_raise(lease, epoch);

    /* the leader may have written HELD meanwhile: before this, or it sees the
     * epoch */

    ngx_stentor_fence();
    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);

    ngx_stentor_cluster_look(cl);
}
