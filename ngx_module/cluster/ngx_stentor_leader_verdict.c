/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the leader is told of leases: verdicts of the script, what is under
 * their keys, and messages of the channel.  Texts of words (told/stn_lease.h)
 * go in; the records of the map are changed by them, and only the names that
 * the texts are about.  Texts are others': nothing of them is believed.
 */

#include "ngx_stentor_leader_parts.h"
#include "told/stn_lease.h"


/* Before a lease is over for Redis, it is over for us. */
#define NGX_STENTOR_LEASE_MARGIN_MS  100

/* A lease that another has is tried again, with each look; one that there is
 * an error about, after a while. */
#define NGX_STENTOR_LEASE_POLL_MS    200
#define NGX_STENTOR_LEASE_WRONG_MS   1000

/* As much of an error is logged. */
#define NGX_STENTOR_LEASE_SAID       128


static ngx_uint_t ngx_stentor_leader_verdict_held(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, uint64_t epoch);
static ngx_uint_t ngx_stentor_leader_verdict_late(
    ngx_stentor_leader_t *leader, ngx_stentor_lease_t *lease);
static void ngx_stentor_leader_verdict_ours(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, uint64_t epoch);
static ngx_uint_t ngx_stentor_leader_verdict_lost(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, stn_lease_t *told);
static ngx_uint_t ngx_stentor_leader_verdict_owner(ngx_stentor_lease_t *lease,
    stn_lease_t *told);


ngx_uint_t
ngx_stentor_leader_verdict_told(ngx_stentor_leader_t *leader, const char *text,
    size_t len)
{
    ngx_str_t                   name;
    const char                 *about;
    stn_lease_t                 told;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_leader_name_t  *own;

    if (len >= sizeof(told.text)) {
        return 0;
    }

    about = stn_lease_message(&told, text);

    if (about == NULL
        || ngx_strcmp(told.node, leader->cl->conf->node.data) == 0)
    {
        return 0;
    }

    name.data = (u_char *) about;
    name.len = ngx_strlen(about);

    lease = ngx_stentor_map_find(leader->map, &name);

    if (lease == NULL) {
        return 0;
    }

    own = &leader->names[lease->index];
    own->next_ms = 0;
    own->turn = 0;

    return 1;
}


ngx_uint_t
ngx_stentor_leader_verdict(ngx_stentor_batch_t *batch, ngx_uint_t i,
    const char *text)
{
    stn_lease_t                told;
    ngx_stentor_lease_t       *lease;
    ngx_stentor_batch_item_t  *item;

    item = &batch->items[i];
    lease = &batch->leader->map->leases[item->index];

    if (ngx_stentor_load(&lease->hash) != item->hash) {
        return 0;
    }

    if (item->verb == NGX_STENTOR_VERB_WHO) {
        stn_lease_read(&told, text);
        return ngx_stentor_leader_verdict_owner(lease, &told);
    }

    switch (stn_lease_verdict(&told, text)) {

    case STN_LEASE_HELD:
        return ngx_stentor_leader_verdict_held(batch, item, told.epoch);

    case STN_LEASE_OTHER:
        return ngx_stentor_leader_verdict_lost(batch, item, &told);

    case STN_LEASE_QUIT:
        ngx_stentor_lease_set_owner(lease, NULL, NULL, item->epoch);
        return 1;

    case STN_LEASE_TROUBLE:
        return ngx_stentor_leader_verdict_wrong(batch, i, told.said);

    default: /* STN_LEASE_NONSENSE */
        return ngx_stentor_leader_verdict_wrong(batch, i, "no verdict");
    }
}


/* Renewals of all names fall together: their times are multiples of a third of
 * what a lease lasts. */

static ngx_uint_t
ngx_stentor_leader_verdict_held(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, uint64_t epoch)
{
    int64_t                      third;
    ngx_uint_t                   same;
    ngx_stentor_lease_t         *lease;
    ngx_stentor_lease_e          was;
    ngx_stentor_leader_name_t   *own;
    ngx_stentor_cluster_conf_t  *conf;

    conf = batch->leader->cl->conf;
    lease = &batch->leader->map->leases[item->index];
    own = &batch->leader->names[item->index];

    third = conf->lease / 3;
    own->next_ms = (batch->sent_ms / third + 1) * third;
    own->wrong = 0;

    /* a higher one was heard of meanwhile, or granted to another leader of
     * ours: then it is that one that is asked for next */

    if (ngx_stentor_load(&lease->epoch) > epoch) {
        own->epoch = 0;

        if (ngx_stentor_leader_verdict_late(batch->leader, lease)) {
            own->next_ms = 0;
            return 0;
        }

        ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);
        return 1;
    }

    was = ngx_stentor_load(&lease->state);
    same = (was == NGX_STENTOR_LEASE_HELD && own->epoch == epoch);
    own->epoch = epoch;

    if (!same) {
        ngx_stentor_leader_verdict_ours(batch->leader, lease, epoch);
    }

    ngx_stentor_save(&lease->until_ms, batch->sent_ms + (int64_t) conf->lease
                                       - NGX_STENTOR_LEASE_MARGIN_MS);
    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_HELD);
    ngx_stentor_fence();

    /* or just now, see ngx_stentor_lease_heard() */

    if (ngx_stentor_load(&lease->epoch) > epoch) {
        own->epoch = 0;
        ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);
        return 1;
    }

    return !same;
}


static void
ngx_stentor_leader_verdict_ours(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, uint64_t epoch)
{
    char                        *relay;
    ngx_str_t                    name;
    ngx_stentor_cluster_conf_t  *conf;

    conf = leader->cl->conf;
    relay = conf->relay_url.len ? (char *) conf->relay_url.data : "";

    ngx_stentor_lease_set_owner(lease, (char *) conf->node.data, relay, epoch);

    name.data = lease->name;
    name.len = lease->name_len;

    ngx_log_error(NGX_LOG_NOTICE, leader->log, 0,
                  "lease of stream \"%V\" is ours, epoch %uL", &name, epoch);
}


/* Whether the highest epoch is this node's.  Who hears of another's first
 * forgets the owner, see ngx_stentor_lease_heard(). */

static ngx_uint_t
ngx_stentor_leader_verdict_late(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease)
{
    return ngx_stentor_load(&lease->known_ms)
           && ngx_stentor_load(&lease->state) != NGX_STENTOR_LEASE_OTHER
           && lease->taken
           && ngx_strcmp(lease->owner, leader->cl->conf->node.data) == 0;
}


/* "other EPOCH FED NODE URL", or "other EPOCH". */

static ngx_uint_t
ngx_stentor_leader_verdict_lost(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, stn_lease_t *told)
{
    ngx_str_t                   name;
    ngx_uint_t                  news, ours;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_lease_e         was;
    ngx_stentor_leader_name_t  *own;

    lease = &batch->leader->map->leases[item->index];
    own = &batch->leader->names[item->index];

    was = ngx_stentor_load(&lease->state);
    ours = own->epoch || was == NGX_STENTOR_LEASE_HELD
           || was == NGX_STENTOR_LEASE_ALONE;

    own->next_ms = batch->sent_ms + NGX_STENTOR_LEASE_POLL_MS;
    own->epoch = 0;
    own->wrong = 0;

    if (told->n > 2) {
        own->spared_ms = 0;

    } else if (own->spared_ms == 0) {
        own->spared_ms = batch->sent_ms;
    }

    news = ngx_stentor_leader_verdict_owner(lease, told);

    if (ours) {
        name.data = lease->name;
        name.len = lease->name_len;

        ngx_log_error(NGX_LOG_NOTICE, batch->leader->log, 0,
                      "lease of stream \"%V\" is lost to node \"%s\", "
                      "epoch %uL", &name, lease->owner,
                      (uint64_t) ngx_stentor_load(&lease->epoch));
    }

    if (was == NGX_STENTOR_LEASE_NONE) {
        return news;
    }

    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);

    return news || was != NGX_STENTOR_LEASE_OTHER;
}


/* Who had it goes on with his epoch; who does not yet have one finds out by
 * himself that nobody decides. */

ngx_uint_t
ngx_stentor_leader_verdict_wrong(ngx_stentor_batch_t *batch, ngx_uint_t i,
    const char *text)
{
    char                        said[NGX_STENTOR_LEASE_SAID];
    ngx_str_t                   name;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_lease_e         was;
    ngx_stentor_batch_item_t   *item;
    ngx_stentor_leader_name_t  *own;

    item = &batch->items[i];
    lease = &batch->leader->map->leases[item->index];
    own = &batch->leader->names[item->index];

    if (ngx_stentor_load(&lease->hash) != item->hash) {
        return 0;
    }

    own->next_ms = batch->sent_ms + NGX_STENTOR_LEASE_WRONG_MS;

    if (!own->wrong) {
        own->wrong = 1;
        name.data = lease->name;
        name.len = lease->name_len;
        ngx_stentor_redis_printable(said, sizeof(said), text);
        ngx_log_error(NGX_LOG_ERR, batch->leader->log, 0,
                      "lease of stream \"%V\": Redis: %s", &name, said);
    }

    was = ngx_stentor_load(&lease->state);

    if (was != NGX_STENTOR_LEASE_HELD
        && (was != NGX_STENTOR_LEASE_ASKED || own->epoch == 0
            || own->epoch != ngx_stentor_load(&lease->epoch)))
    {
        return 0;
    }

    return ngx_atomic_cmp_set(&lease->state, was, NGX_STENTOR_LEASE_ALONE);
}


/* Returns whether what is told of a lease is news. */

static ngx_uint_t
ngx_stentor_leader_verdict_owner(ngx_stentor_lease_t *lease,
    stn_lease_t *told)
{
    ngx_uint_t  news;

    news = ngx_stentor_load(&lease->known_ms) == 0
           || lease->taken != (told->node != NULL)
           || ngx_stentor_load(&lease->epoch) < told->epoch
           || (told->node && ngx_strcmp(told->node, lease->owner) != 0);

    ngx_stentor_lease_set_owner(lease, told->node, told->relay, told->epoch);

    return news;
}
