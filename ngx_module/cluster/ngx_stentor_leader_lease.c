/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Leases, as the leader deals with them.  It goes through the map, and what is
 * due goes to Redis in batches of names, so that commands grow with time and
 * hardly with streams:
 *
 *     ASKED, OTHER   take, spare     HELD, ALONE   keep; quit when nobody
 *                                                  seeks it
 *     wanted         who has it (MGET)
 *
 * A name has at most one verb on its way.  Its record may be given to another
 * name meanwhile: the reply is then nobody's.  While Redis is down nothing is
 * done here: who seeks goes on by himself.
 */

#include "ngx_stentor_leader_parts.h"


/* Before a lease is over for Redis, it is over for us. */
#define NGX_STENTOR_LEASE_MARGIN_MS  100

/* A lease that another has is tried again, with each look; one that there is
 * an error about, after a while. */
#define NGX_STENTOR_LEASE_POLL_MS    200
#define NGX_STENTOR_LEASE_WRONG_MS   1000

/* A lease that is over, and whose owner still sends the stream, is left to him
 * for so many times what it lasts: it is Redis that he does not reach. */
#define NGX_STENTOR_LEASE_SPARED     3

/* Who has it is asked once in each turn. */
#define NGX_STENTOR_LEASE_TURN_MS    1000

/* Words of a verdict, or of a lease. */
#define NGX_STENTOR_LEASE_WORDS      5


typedef enum {
    NGX_STENTOR_VERB_NONE = 0,
    NGX_STENTOR_VERB_TAKE,
    NGX_STENTOR_VERB_SPARE,      /* take it from who has it, if one may */
    NGX_STENTOR_VERB_KEEP,
    NGX_STENTOR_VERB_QUIT,
    NGX_STENTOR_VERB_WHO
} ngx_stentor_verb_e;


typedef struct {
    ngx_uint_t                    index;     /* of the lease */
    ngx_atomic_uint_t             hash;      /* of the name that it was for */
    ngx_stentor_verb_e            verb;
    uint64_t                      epoch;
} ngx_stentor_batch_item_t;


/* What one command is about; it is freed with its reply. */

typedef struct {
    ngx_queue_t                   queue;
    ngx_stentor_leader_t         *leader;
    int64_t                       sent_ms;
    ngx_uint_t                    n;
    ngx_stentor_batch_item_t      items[NGX_STENTOR_LEADER_BATCH];
} ngx_stentor_batch_t;


/* Texts that end with a zero: of a verdict, split at its blanks. */

typedef struct {
    ngx_uint_t                    n;
    char                         *word[NGX_STENTOR_LEASE_WORDS];
    char                          text[NGX_STENTOR_NODE_MAX
                                       + NGX_STENTOR_URL_MAX + 64];
} ngx_stentor_words_t;


static void ngx_stentor_leader_lease_name(ngx_stentor_leader_t *leader,
    ngx_uint_t i, ngx_stentor_batch_t **batches);
static ngx_uint_t ngx_stentor_leader_lease_spares(
    ngx_stentor_leader_t *leader, ngx_uint_t i, int64_t now);
static ngx_stentor_verb_e ngx_stentor_leader_lease_verb(
    ngx_stentor_leader_t *leader, ngx_uint_t i, uint64_t *epoch);
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
static ngx_uint_t ngx_stentor_leader_lease_verdict(
    ngx_stentor_batch_t *batch, ngx_uint_t i, const char *text);
static ngx_uint_t ngx_stentor_leader_lease_held(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, uint64_t epoch);
static ngx_uint_t ngx_stentor_leader_lease_lost(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, ngx_stentor_words_t *words);
static ngx_uint_t ngx_stentor_leader_lease_wrong(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, const char *text);
static ngx_uint_t ngx_stentor_leader_lease_owner(
    ngx_stentor_leader_t *leader, ngx_stentor_lease_t *lease,
    ngx_stentor_words_t *words, ngx_uint_t first);
static void ngx_stentor_leader_lease_words(ngx_stentor_words_t *words,
    const char *text);


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


ngx_uint_t
ngx_stentor_leader_lease_told(ngx_stentor_leader_t *leader, const char *text,
    size_t len)
{
    ngx_str_t                   name;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_words_t         words;
    ngx_stentor_leader_name_t  *own;

    if (len >= sizeof(words.text)) {
        return 0;
    }

    ngx_stentor_leader_lease_words(&words, text);

    if (words.n != 4
        || ngx_strcmp(words.word[3], leader->cl->conf->node.data) == 0)
    {
        return 0;
    }

    name.data = (u_char *) words.word[1];
    name.len = ngx_strlen(words.word[1]);

    lease = ngx_stentor_map_find(leader->map, &name);

    if (lease == NULL) {
        return 0;
    }

    own = &leader->names[lease->index];
    own->next_ms = 0;
    own->turn = 0;

    return 1;
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
    int64_t                     now, at;
    ngx_uint_t                  sought, due;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_lease_e         state;
    ngx_stentor_leader_name_t  *own;

    lease = &leader->map->leases[i];
    own = &leader->names[i];
    now = ngx_stentor_map_now();

    /* what heard writes, in the other order */

    *epoch = ngx_stentor_load(&lease->epoch);
    state = ngx_stentor_load(&lease->state);

    at = (int64_t) ngx_stentor_load(&lease->sought_ms);
    sought = at && now - at < NGX_STENTOR_SOUGHT_MS;

    /* a broadcaster who has come is told of at once */

    due = now >= own->next_ms || (ngx_stentor_load(&lease->fed) && !own->fed);

    switch (state) {

    case NGX_STENTOR_LEASE_HELD:
    case NGX_STENTOR_LEASE_ALONE:
        if (state == NGX_STENTOR_LEASE_HELD && own->epoch) {
            *epoch = own->epoch;
        }

        if (!sought) {
            own->epoch = 0;
            ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_NONE);
            return NGX_STENTOR_VERB_QUIT;
        }

        return due ? NGX_STENTOR_VERB_KEEP : NGX_STENTOR_VERB_NONE;

    case NGX_STENTOR_LEASE_ASKED:

        /* it was ours, and its renewal came too late */

        if (own->epoch && own->epoch == *epoch && sought) {
            return due ? NGX_STENTOR_VERB_KEEP : NGX_STENTOR_VERB_NONE;
        }

        break;

    case NGX_STENTOR_LEASE_OTHER:

        /* one of another's epoch was heard of: he may have to say so */

        if (own->epoch) {
            own->epoch = 0;
            own->next_ms = now + leader->cl->conf->lease;
            return NGX_STENTOR_VERB_NONE;
        }

        break;

    default: /* NGX_STENTOR_LEASE_NONE */
        own->epoch = 0;
        return NGX_STENTOR_VERB_NONE;
    }

    if (!sought) {
        (void) ngx_atomic_cmp_set(&lease->state, state,
                                  NGX_STENTOR_LEASE_NONE);
        return NGX_STENTOR_VERB_NONE;
    }

    if (!due || ngx_stentor_leader_lease_waits(leader, lease, now)) {
        return NGX_STENTOR_VERB_NONE;
    }

    return ngx_stentor_leader_lease_spares(leader, i, now)
           ? NGX_STENTOR_VERB_SPARE : NGX_STENTOR_VERB_TAKE;
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

    static const char  *verbs[] = { "", "take", "spare", "keep", "quit" };

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
            news += ngx_stentor_leader_lease_verdict(batch, i,
                                                     reply->element[i]->str);

        } else if (batch->items[i].verb != NGX_STENTOR_VERB_WHO) {
            news += ngx_stentor_leader_lease_wrong(batch, &batch->items[i],
                                                   text);
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


/* Returns whether there is news for those who wait. */

static ngx_uint_t
ngx_stentor_leader_lease_verdict(ngx_stentor_batch_t *batch, ngx_uint_t i,
    const char *text)
{
    ngx_stentor_lease_t       *lease;
    ngx_stentor_words_t        words;
    ngx_stentor_batch_item_t  *item;

    item = &batch->items[i];
    lease = &batch->leader->map->leases[item->index];

    if (ngx_stentor_load(&lease->hash) != item->hash) {
        return 0;
    }

    if (text && ngx_strncmp(text, "error ", 6) == 0
        && item->verb != NGX_STENTOR_VERB_WHO)
    {
        return ngx_stentor_leader_lease_wrong(batch, item, text + 6);
    }

    ngx_stentor_leader_lease_words(&words, text ? text : "");

    if (item->verb == NGX_STENTOR_VERB_WHO) {
        return ngx_stentor_leader_lease_owner(batch->leader, lease, &words, 0);
    }

    if (words.n == 2 && ngx_strcmp(words.word[0], "held") == 0) {
        return ngx_stentor_leader_lease_held(batch, item,
                                             strtoull(words.word[1], NULL,
                                                      10));
    }

    if (words.n >= 2 && ngx_strcmp(words.word[0], "other") == 0) {
        return ngx_stentor_leader_lease_lost(batch, item, &words);
    }

    if (words.n == 1 && ngx_strcmp(words.word[0], "quit") == 0) {
        ngx_stentor_lease_set_owner(lease, NULL, NULL, item->epoch);
        return 1;
    }

    return ngx_stentor_leader_lease_wrong(batch, item, "no verdict");
}


/* Renewals of all names fall together: their times are multiples of a third of
 * what a lease lasts. */

static ngx_uint_t
ngx_stentor_leader_lease_held(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, uint64_t epoch)
{
    char                        *relay;
    int64_t                      third;
    ngx_str_t                    name;
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

    /* a higher one was heard of meanwhile */

    if (ngx_stentor_load(&lease->epoch) > epoch) {
        own->epoch = 0;
        ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_OTHER);
        return 1;
    }

    was = ngx_stentor_load(&lease->state);
    same = (was == NGX_STENTOR_LEASE_HELD && own->epoch == epoch);
    own->epoch = epoch;

    if (!same) {
        relay = conf->relay_url.len ? (char *) conf->relay_url.data : "";
        ngx_stentor_lease_set_owner(lease, (char *) conf->node.data, relay,
                                    epoch);

        name.data = lease->name;
        name.len = lease->name_len;
        ngx_log_error(NGX_LOG_NOTICE, batch->leader->log, 0,
                      "lease of stream \"%V\" is ours, epoch %uL", &name,
                      epoch);
    }

    ngx_stentor_save(&lease->until_ms, batch->sent_ms + (int64_t) conf->lease
                                       - NGX_STENTOR_LEASE_MARGIN_MS);
    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_HELD);

    return !same;
}


/* "other EPOCH FED NODE URL", or "other EPOCH". */

static ngx_uint_t
ngx_stentor_leader_lease_lost(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, ngx_stentor_words_t *words)
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

    if (words->n > 2) {
        own->spared_ms = 0;

    } else if (own->spared_ms == 0) {
        own->spared_ms = batch->sent_ms;
    }

    news = ngx_stentor_leader_lease_owner(batch->leader, lease, words, 1);

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


/* For this name Redis is as if it were down; logged once. */

static ngx_uint_t
ngx_stentor_leader_lease_wrong(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, const char *text)
{
    ngx_str_t                   name;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_lease_e         was;
    ngx_stentor_leader_name_t  *own;

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
        ngx_log_error(NGX_LOG_ERR, batch->leader->log, 0,
                      "lease of stream \"%V\": Redis: %s", &name, text);
    }

    was = ngx_stentor_load(&lease->state);

    if (was != NGX_STENTOR_LEASE_ASKED && was != NGX_STENTOR_LEASE_HELD) {
        return 0;
    }

    ngx_stentor_save(&lease->state, NGX_STENTOR_LEASE_ALONE);

    return 1;
}


/* The words from first on are a lease's, "EPOCH FED NODE URL"; without a node
 * nobody has it.  Returns whether that is news. */

static ngx_uint_t
ngx_stentor_leader_lease_owner(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, ngx_stentor_words_t *words, ngx_uint_t first)
{
    char        *node, *relay;
    uint64_t     epoch;
    ngx_uint_t   news;

    epoch = words->n > first ? strtoull(words->word[first], NULL, 10) : 0;
    node = words->n > first + 2 ? words->word[first + 2] : NULL;
    relay = words->n > first + 3 ? words->word[first + 3] : "";

    if (node && (ngx_strlen(node) >= NGX_STENTOR_NODE_MAX
                 || ngx_stentor_leader_url(relay) != NGX_OK))
    {
        node = NULL;
    }

    news = ngx_stentor_load(&lease->known_ms) == 0
           || lease->taken != (node != NULL)
           || ngx_stentor_load(&lease->epoch) < epoch
           || (node && ngx_strcmp(node, lease->owner) != 0);

    ngx_stentor_lease_set_owner(lease, node, relay, epoch);

    return news;
}


/* What is longer than any text of ours could be is cut, and then makes no
 * sense. */

static void
ngx_stentor_leader_lease_words(ngx_stentor_words_t *words, const char *text)
{
    char  *p;

    ngx_cpystrn((u_char *) words->text, (u_char *) text, sizeof(words->text));

    p = words->text;
    words->n = 0;

    while (*p && words->n < NGX_STENTOR_LEASE_WORDS) {
        words->word[words->n++] = p;
        p += strcspn(p, " ");

        if (*p) {
            *p++ = '\0';
        }
    }
}
