/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Leases, as the leader deals with them.  It goes through the map, and what is
 * due goes to Redis in batches of names, so that commands grow with time and
 * hardly with streams:
 *
 *     ASKED, OTHER   take, spare
 *     HELD, ALONE    keep; quit when nobody seeks it
 *     wanted         who has it (MGET)
 *
 * A name has at most one verb on its way.  Its record may be given to another
 * name meanwhile: the reply is then nobody's.  While Redis is down nothing is
 * done here: who seeks goes on by himself.
 */

#include "ngx_stentor_leader_parts.h"


/* A lease that is over, and whose owner still sends the stream, is left to him
 * for so many times what it lasts: it is Redis that he does not reach. */
#define NGX_STENTOR_LEASE_SPARED   3

/* That other nodes miss a stream is news for so long. */
#define NGX_STENTOR_LEASE_MISSED_MS  1000

/* Who has it is asked once in each turn. */
#define NGX_STENTOR_LEASE_TURN_MS  1000


static void ngx_stentor_leader_lease_name(ngx_stentor_leader_t *leader,
    ngx_uint_t i, ngx_stentor_batch_t **batches);
static ngx_stentor_verb_e ngx_stentor_leader_lease_verb(
    ngx_stentor_leader_t *leader, ngx_uint_t i, uint64_t *epoch);
static ngx_uint_t ngx_stentor_leader_lease_sought(ngx_stentor_lease_t *lease,
    int64_t now);
static ngx_stentor_verb_e ngx_stentor_leader_lease_quit(
    ngx_stentor_leader_t *leader, ngx_uint_t i, ngx_stentor_lease_e state,
    uint64_t *epoch);
static ngx_uint_t ngx_stentor_leader_lease_missed(
    ngx_stentor_leader_t *leader, ngx_stentor_lease_t *lease, int64_t now);
static ngx_uint_t ngx_stentor_leader_lease_spares(
    ngx_stentor_leader_t *leader, ngx_uint_t i, int64_t now);
static ngx_uint_t ngx_stentor_leader_lease_waits(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, int64_t now);
static ngx_uint_t ngx_stentor_leader_lease_who(ngx_stentor_leader_t *leader,
    ngx_uint_t i);
static void ngx_stentor_leader_lease_add(ngx_stentor_leader_t *leader,
    ngx_stentor_batch_t **batch, ngx_stentor_batch_item_t *item);
static void ngx_stentor_leader_lease_send(ngx_stentor_batch_t *batch);
static void ngx_stentor_leader_lease_call(ngx_stentor_batch_t *batch,
    ngx_stentor_redis_command_t *cmd);
static void ngx_stentor_leader_lease_ask(ngx_stentor_batch_t *batch,
    ngx_stentor_redis_command_t *cmd);
static void ngx_stentor_leader_lease_key(ngx_stentor_batch_t *batch,
    ngx_uint_t i, const char *kind, ngx_stentor_redis_command_t *cmd);
static void ngx_stentor_leader_lease_reply(void *data, redisReply *reply);
static void ngx_stentor_leader_lease_done(ngx_stentor_batch_t *batch);


void
ngx_stentor_leader_lease_again(ngx_stentor_leader_t *leader)
{
    ngx_uint_t  i;

    for (i = 0; i < leader->map->nleases; i++) {
        leader->names[i].next_ms = 0;
        leader->names[i].turn = 0;
    }
}


void
ngx_stentor_leader_lease_free(ngx_stentor_leader_t *leader)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&leader->batches)) {
        q = ngx_queue_head(&leader->batches);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_stentor_batch_t, queue));
    }
}


void
ngx_stentor_leader_lease_scan(ngx_stentor_leader_t *leader)
{
    ngx_uint_t            i;
    ngx_stentor_batch_t  *batches[2];

    batches[0] = NULL;
    batches[1] = NULL;

    for (i = 0; i < leader->map->nleases; i++) {
        if (ngx_stentor_load(&leader->map->leases[i].hash)) {
            ngx_stentor_leader_lease_name(leader, i, batches);
        }
    }

    for (i = 0; i < 2; i++) {
        if (batches[i]) {
            ngx_stentor_leader_lease_send(batches[i]);
        }
    }
}


/* What is due of one name goes to the batch of verbs, or that of questions. */

static void
ngx_stentor_leader_lease_name(ngx_stentor_leader_t *leader, ngx_uint_t i,
    ngx_stentor_batch_t **batches)
{
    ngx_stentor_lease_t        *lease;
    ngx_stentor_batch_item_t    item;
    ngx_stentor_leader_name_t  *own;

    lease = &leader->map->leases[i];
    own = &leader->names[i];

    item.index = i;
    item.hash = ngx_stentor_load(&lease->hash);

    if (own->hash != item.hash) {
        ngx_memzero(own, sizeof(ngx_stentor_leader_name_t));
        own->hash = item.hash;
    }

    if (!own->sent) {
        item.verb = ngx_stentor_leader_lease_verb(leader, i, &item.epoch);

        if (item.verb != NGX_STENTOR_VERB_NONE) {
            own->sent = 1;
            own->fed = ngx_stentor_load(&lease->fed);
            ngx_stentor_leader_lease_add(leader, &batches[0], &item);
            return;
        }
    }

    if (!own->asked && ngx_stentor_leader_lease_who(leader, i)) {
        own->asked = 1;
        item.verb = NGX_STENTOR_VERB_WHO;
        ngx_stentor_leader_lease_add(leader, &batches[1], &item);
    }
}


/* What is due, with *epoch. */

static ngx_stentor_verb_e
ngx_stentor_leader_lease_verb(ngx_stentor_leader_t *leader, ngx_uint_t i,
    uint64_t *epoch)
{
    int64_t                     now;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_lease_e         state;
    ngx_stentor_leader_name_t  *own;

    lease = &leader->map->leases[i];
    own = &leader->names[i];
    now = ngx_stentor_map_now();

    /* what heard writes, in the other order */

    *epoch = ngx_stentor_load(&lease->epoch);
    state = ngx_stentor_load(&lease->state);

    if (state == NGX_STENTOR_LEASE_NONE) {
        own->epoch = 0;
        return NGX_STENTOR_VERB_NONE;
    }

    if (!ngx_stentor_leader_lease_sought(lease, now)) {
        return ngx_stentor_leader_lease_quit(leader, i, state, epoch);
    }

    if (state == NGX_STENTOR_LEASE_OTHER && own->epoch) {

        /* one of another's epoch was heard of: he may have to say so */

        own->epoch = 0;
        own->next_ms = now + leader->cl->conf->lease;
        return NGX_STENTOR_VERB_NONE;
    }

    /* a broadcaster who has come is told of at once */

    if (now < own->next_ms && (own->fed || !ngx_stentor_load(&lease->fed))) {
        return NGX_STENTOR_VERB_NONE;
    }

    if (state == NGX_STENTOR_LEASE_HELD && own->epoch) {
        *epoch = own->epoch;
    }

    /* one that was asked for again is one whose renewal came too late */

    if (state == NGX_STENTOR_LEASE_HELD || state == NGX_STENTOR_LEASE_ALONE
        || (own->epoch && own->epoch == *epoch))
    {
        return NGX_STENTOR_VERB_KEEP;
    }

    if (ngx_stentor_leader_lease_waits(leader, lease, now)) {
        return NGX_STENTOR_VERB_NONE;
    }

    if (ngx_stentor_leader_lease_missed(leader, lease, now)) {
        return NGX_STENTOR_VERB_SEIZE;
    }

    return ngx_stentor_leader_lease_spares(leader, i, now)
           ? NGX_STENTOR_VERB_SPARE : NGX_STENTOR_VERB_TAKE;
}


/* Whether we have the broadcaster, and neither we nor others who have asked us
 * hear anything of the owner: then it is he who is cut off, or stopped, however
 * well he may reach Redis. */

static ngx_uint_t
ngx_stentor_leader_lease_missed(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, int64_t now)
{
    int64_t  missed;

    missed = (int64_t) ngx_stentor_load(&lease->missed_ms);

    return missed && now - missed < NGX_STENTOR_LEASE_MISSED_MS
           && ngx_stentor_load(&lease->fed)
           && ngx_stentor_load(&lease->heard_ms)
           && !ngx_stentor_lease_relayed(leader->cl, lease);
}


static ngx_uint_t
ngx_stentor_leader_lease_sought(ngx_stentor_lease_t *lease, int64_t now)
{
    int64_t  at;

    at = (int64_t) ngx_stentor_load(&lease->sought_ms);

    return at && now - at < NGX_STENTOR_SOUGHT_MS;
}


/* Nobody seeks it any more. */

static ngx_stentor_verb_e
ngx_stentor_leader_lease_quit(ngx_stentor_leader_t *leader, ngx_uint_t i,
    ngx_stentor_lease_e state, uint64_t *epoch)
{
    ngx_stentor_lease_t        *lease;
    ngx_stentor_leader_name_t  *own;

    lease = &leader->map->leases[i];
    own = &leader->names[i];

    if (state == NGX_STENTOR_LEASE_HELD && own->epoch) {
        *epoch = own->epoch;
    }

    own->epoch = 0;

    if (!ngx_atomic_cmp_set(&lease->state, state, NGX_STENTOR_LEASE_NONE)
        || (state != NGX_STENTOR_LEASE_HELD
            && state != NGX_STENTOR_LEASE_ALONE))
    {
        return NGX_STENTOR_VERB_NONE;
    }

    return NGX_STENTOR_VERB_QUIT;
}


/* Whether its owner is let have it though it is over. */

static ngx_uint_t
ngx_stentor_leader_lease_spares(ngx_stentor_leader_t *leader, ngx_uint_t i,
    int64_t now)
{
    ngx_stentor_leader_name_t  *own;

    own = &leader->names[i];

    if (!ngx_stentor_lease_relayed(leader->cl, &leader->map->leases[i])) {
        own->spared_ms = 0;
        return 0;
    }

    return own->spared_ms == 0
           || now - own->spared_ms < NGX_STENTOR_LEASE_SPARED
                                     * (int64_t) leader->cl->conf->lease;
}


/* Redis may have come back with nothing in it: who had a lease before is let
 * have it again. */

static ngx_uint_t
ngx_stentor_leader_lease_waits(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, int64_t now)
{
    return leader->back_ms
           && now - leader->back_ms < (int64_t) leader->cl->conf->lease
           && lease->taken
           && ngx_strcmp(lease->owner, leader->cl->conf->node.data) != 0;
}


/* Whether it is to be asked who has it: at once if that was never asked, and
 * in each turn as long as somebody wants or pulls it. */

static ngx_uint_t
ngx_stentor_leader_lease_who(ngx_stentor_leader_t *leader, ngx_uint_t i)
{
    int64_t               now, at, turn;
    ngx_stentor_lease_t  *lease;
    ngx_stentor_lease_e   state;

    lease = &leader->map->leases[i];
    state = ngx_stentor_load(&lease->state);
    now = ngx_stentor_map_now();
    at = (int64_t) ngx_stentor_load(&lease->wanted_ms);

    if (state == NGX_STENTOR_LEASE_HELD || state == NGX_STENTOR_LEASE_ALONE
        || (!(at && now - at < NGX_STENTOR_WANTED_MS)
            && ngx_stentor_load(&lease->pull_pid) == 0))
    {
        return 0;
    }

    turn = now / NGX_STENTOR_LEASE_TURN_MS;

    if (turn == leader->names[i].turn && ngx_stentor_load(&lease->known_ms)) {
        return 0;
    }

    leader->names[i].turn = turn;

    return 1;
}


/* A batch that is full is sent.  Without memory the name is looked at again
 * the next time. */

static void
ngx_stentor_leader_lease_add(ngx_stentor_leader_t *leader,
    ngx_stentor_batch_t **batch, ngx_stentor_batch_item_t *item)
{
    ngx_stentor_batch_t  *b;

    b = *batch;

    if (b == NULL) {
        b = ngx_alloc(sizeof(ngx_stentor_batch_t), leader->log);

        if (b == NULL) {
            leader->names[item->index].sent = 0;
            leader->names[item->index].asked = 0;
            return;
        }

        b->leader = leader;
        b->n = 0;
        ngx_queue_insert_tail(&leader->batches, &b->queue);
    }

    b->items[b->n++] = *item;
    *batch = b;

    if (b->n == NGX_STENTOR_LEADER_BATCH) {
        ngx_stentor_leader_lease_send(b);
        *batch = NULL;
    }
}


static void
ngx_stentor_leader_lease_send(ngx_stentor_batch_t *batch)
{
    ngx_stentor_redis_command_t  cmd;

    batch->sent_ms = ngx_stentor_map_now();

    if (batch->items[0].verb == NGX_STENTOR_VERB_WHO) {
        ngx_stentor_leader_lease_ask(batch, &cmd);
    } else {
        ngx_stentor_leader_lease_call(batch, &cmd);
    }

    if (ngx_stentor_leader_send(batch->leader, &cmd,
                                ngx_stentor_leader_lease_reply, batch)
        != NGX_OK)
    {
        ngx_stentor_leader_lease_done(batch);
    }
}


static void
ngx_stentor_leader_lease_call(ngx_stentor_batch_t *batch,
    ngx_stentor_redis_command_t *cmd)
{
    ngx_uint_t                   i;
    ngx_stentor_lease_t         *lease;
    ngx_stentor_leader_t        *leader;
    ngx_stentor_batch_item_t    *item;
    ngx_stentor_cluster_conf_t  *conf;

    static const char  *verbs[] = {
        "", "take", "spare", "seize", "keep", "quit"
    };

    leader = batch->leader;
    conf = leader->cl->conf;

    ngx_stentor_leader_script(leader, cmd, NGX_STENTOR_SCRIPT_LEASE,
                              2 * batch->n);

    for (i = 0; i < batch->n; i++) {
        ngx_stentor_leader_lease_key(batch, i, "lease", cmd);
        ngx_stentor_leader_lease_key(batch, i, "epoch", cmd);
    }

    ngx_stentor_redis_word(cmd, "%lu", (unsigned long) conf->lease);
    ngx_stentor_redis_word(cmd, "%.*s", (int) conf->node.len,
                           (char *) conf->node.data);
    ngx_stentor_redis_word(cmd, "%.*s", (int) conf->relay_url.len,
                           (char *) conf->relay_url.data);
    ngx_stentor_redis_word(cmd, "%s", leader->channel);

    for (i = 0; i < batch->n; i++) {
        item = &batch->items[i];
        lease = &leader->map->leases[item->index];

        ngx_stentor_redis_word(cmd, "%.*s", (int) lease->name_len,
                               (char *) lease->name);
        ngx_stentor_redis_word(cmd, "%s", verbs[item->verb]);
        ngx_stentor_redis_word(cmd, "%d",
                               leader->names[item->index].fed ? 1 : 0);
        ngx_stentor_redis_word(cmd, "%llu",
                               (unsigned long long) item->epoch);
    }
}


static void
ngx_stentor_leader_lease_ask(ngx_stentor_batch_t *batch,
    ngx_stentor_redis_command_t *cmd)
{
    ngx_uint_t  i;

    ngx_stentor_redis_begin(cmd);
    ngx_stentor_redis_word(cmd, "MGET");

    for (i = 0; i < batch->n; i++) {
        ngx_stentor_leader_lease_key(batch, i, "lease", cmd);
    }
}


static void
ngx_stentor_leader_lease_key(ngx_stentor_batch_t *batch, ngx_uint_t i,
    const char *kind, ngx_stentor_redis_command_t *cmd)
{
    ngx_str_t            *prefix;
    ngx_stentor_lease_t  *lease;

    prefix = &batch->leader->cl->conf->prefix;
    lease = &batch->leader->map->leases[batch->items[i].index];

    ngx_stentor_redis_word(cmd, "%.*s%s:%.*s", (int) prefix->len,
                           (char *) prefix->data, kind, (int) lease->name_len,
                           (char *) lease->name);
}


static void
ngx_stentor_leader_lease_reply(void *data, redisReply *reply)
{
    ngx_int_t             rc;
    ngx_uint_t            i, news;
    const char           *text;
    ngx_stentor_batch_t  *batch;

    batch = data;
    news = 0;

    rc = ngx_stentor_leader_reply(batch->leader, reply, batch->n, &text);

    for (i = 0; i < batch->n && rc != NGX_DECLINED; i++) {

        if (rc == NGX_OK) {
            news += ngx_stentor_leader_verdict(batch, i,
                                               reply->element[i]->str);

        } else if (batch->items[i].verb != NGX_STENTOR_VERB_WHO) {
            news += ngx_stentor_leader_verdict_wrong(batch, i, text);
        }
    }

    if (news) {
        ngx_stentor_wake_all(batch->leader->cl->scf->store);
    }

    ngx_stentor_leader_lease_done(batch);
}


static void
ngx_stentor_leader_lease_done(ngx_stentor_batch_t *batch)
{
    ngx_uint_t                  i;
    ngx_stentor_batch_item_t   *item;
    ngx_stentor_leader_name_t  *own;

    for (i = 0; i < batch->n; i++) {
        item = &batch->items[i];
        own = &batch->leader->names[item->index];

        if (own->hash != item->hash) {
            continue;
        }

        if (item->verb == NGX_STENTOR_VERB_WHO) {
            own->asked = 0;
        } else {
            own->sent = 0;
        }
    }

    ngx_queue_remove(&batch->queue);
    ngx_free(batch);
}
