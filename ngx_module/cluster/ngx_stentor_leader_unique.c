/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who has listened, on all nodes (see ngx_stentor_unique.h): the ids that the
 * workers have left are added to a HyperLogLog of Redis's for each stream,
 * which then tells how many it has.  It is forgotten when nobody new has come
 * for a day.  What is lost with a connection to Redis is lost; it is an
 * estimate.
 */

#include "ngx_stentor_leader_parts.h"
#include "store/ngx_stentor_unique.h"


/* Ids of a command, and how often Redis is asked how many there are. */
#define NGX_STENTOR_UNIQUE_BATCH    256
#define NGX_STENTOR_UNIQUE_ASK_MS   5000

/* What is sent at once: the rest waits for the next look. */
#define NGX_STENTOR_UNIQUE_BATCHES  16

#define NGX_STENTOR_UNIQUE_EXPIRES_S  86400


/* A question for the number; freed with its reply. */

typedef struct {
    ngx_stentor_leader_t     *leader;
    ngx_stentor_stream_t     *st;
    ngx_atomic_uint_t         incarnation;
} ngx_stentor_unique_question_t;


/* Ids, and of which streams; NULL: sent, or of none. */

typedef struct {
    ngx_uint_t                n;
    uint64_t                  ids[NGX_STENTOR_UNIQUE_BATCH];
    ngx_stentor_stream_t     *streams[NGX_STENTOR_UNIQUE_BATCH];
} ngx_stentor_unique_batch_t;


static ngx_uint_t ngx_stentor_leader_unique_add(ngx_stentor_leader_t *leader);
static void ngx_stentor_leader_unique_send(ngx_stentor_leader_t *leader,
    ngx_stentor_unique_batch_t *batch, ngx_uint_t from);
static void ngx_stentor_leader_unique_begin(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, const char *verb,
    ngx_stentor_stream_t *st);
static void ngx_stentor_leader_unique_ask(ngx_stentor_leader_t *leader,
    ngx_stentor_stream_t *st);
static void ngx_stentor_leader_unique_told(void *data, redisReply *reply);
static void ngx_stentor_leader_unique_done(void *data, redisReply *reply);


void
ngx_stentor_leader_unique_scan(ngx_stentor_leader_t *leader)
{
    ngx_uint_t             i;
    ngx_stentor_store_t   *store;
    ngx_stentor_stream_t  *st;

    /* without a secret ids are of this node alone */

    if (leader->cl->conf->secrets[0].len == 0) {
        return;
    }

    store = leader->cl->scf->store;

    for (i = 0; i < NGX_STENTOR_UNIQUE_BATCHES; i++) {
        if (!ngx_stentor_leader_unique_add(leader)) {
            break;
        }
    }

    if (leader->scanned_ms - leader->counted_ms < NGX_STENTOR_UNIQUE_ASK_MS) {
        return;
    }

    leader->counted_ms = leader->scanned_ms;

    for (i = 0; i < store->nstreams; i++) {
        st = ngx_stentor_store_stream(store, i);

        if (ngx_stentor_load(&st->state) == NGX_STENTOR_OPEN
            && ngx_stentor_unique_any(store, st))
        {
            ngx_stentor_leader_unique_ask(leader, st);
        }
    }
}


/* Sends the next ids, a command a stream.  Returns whether there may be
 * more. */

static ngx_uint_t
ngx_stentor_leader_unique_add(ngx_stentor_leader_t *leader)
{
    ngx_uint_t                   i;
    ngx_stentor_store_t         *store;
    ngx_stentor_unique_batch_t   batch;

    store = leader->cl->scf->store;

    for (i = 0; i < NGX_STENTOR_UNIQUE_BATCH; i++) {
        if (ngx_stentor_unique_take(store, &batch.streams[i], &batch.ids[i])
            != NGX_OK)
        {
            break;
        }
    }

    batch.n = i;

    for (i = 0; i < batch.n; i++) {
        if (batch.streams[i]) {
            ngx_stentor_leader_unique_send(leader, &batch, i);
        }
    }

    return batch.n == NGX_STENTOR_UNIQUE_BATCH;
}


static void
ngx_stentor_leader_unique_send(ngx_stentor_leader_t *leader,
    ngx_stentor_unique_batch_t *batch, ngx_uint_t from)
{
    ngx_uint_t                   i;
    ngx_stentor_stream_t        *st;
    ngx_stentor_redis_command_t  cmd;

    st = batch->streams[from];

    ngx_stentor_leader_unique_begin(leader, &cmd, "PFADD", st);

    for (i = from; i < batch->n; i++) {
        if (batch->streams[i] == st) {
            ngx_stentor_redis_word(&cmd, "%016llx",
                                   (unsigned long long) batch->ids[i]);
            batch->streams[i] = NULL;
        }
    }

    (void) ngx_stentor_leader_send(leader, &cmd,
                                   ngx_stentor_leader_unique_done, leader);

    ngx_stentor_leader_unique_begin(leader, &cmd, "EXPIRE", st);
    ngx_stentor_redis_word(&cmd, "%d", NGX_STENTOR_UNIQUE_EXPIRES_S);

    (void) ngx_stentor_leader_send(leader, &cmd,
                                   ngx_stentor_leader_unique_done, leader);
}


static void
ngx_stentor_leader_unique_begin(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, const char *verb,
    ngx_stentor_stream_t *st)
{
    ngx_str_t  *prefix;

    prefix = &leader->cl->conf->prefix;

    ngx_stentor_redis_begin(cmd);
    ngx_stentor_redis_word(cmd, "%s", verb);
    ngx_stentor_redis_word(cmd, "%.*sunique:%.*s", (int) prefix->len,
                           (char *) prefix->data,
                           (int) ngx_min(st->name_len, NGX_STENTOR_NAME_MAX),
                           (char *) st->name);
}


static void
ngx_stentor_leader_unique_done(void *data, redisReply *reply)
{
    ngx_stentor_leader_t *leader = data;

    if (reply && reply->type != REDIS_REPLY_INTEGER) {
        (void) ngx_atomic_fetch_add(&leader->map->failures, 1);
    }
}


static void
ngx_stentor_leader_unique_ask(ngx_stentor_leader_t *leader,
    ngx_stentor_stream_t *st)
{
    ngx_stentor_redis_command_t     cmd;
    ngx_stentor_unique_question_t  *q;

    q = ngx_alloc(sizeof(ngx_stentor_unique_question_t), leader->log);
    if (q == NULL) {
        return;
    }

    q->leader = leader;
    q->st = st;
    q->incarnation = st->incarnation;

    ngx_stentor_leader_unique_begin(leader, &cmd, "PFCOUNT", st);

    if (ngx_stentor_leader_send(leader, &cmd, ngx_stentor_leader_unique_told,
                                q)
        != NGX_OK)
    {
        ngx_free(q);
    }
}


static void
ngx_stentor_leader_unique_told(void *data, redisReply *reply)
{
    ngx_stentor_unique_question_t *q = data;

    if (reply) {
        ngx_stentor_leader_unique_done(q->leader, reply);
    }

    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0) {
        ngx_stentor_unique_set_total(q->leader->cl->scf->store, q->st,
                                     q->incarnation,
                                     (uint64_t) reply->integer);
    }

    ngx_free(q);
}
