/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the leader is told of leases: verdicts of the script, what is under
 * their keys, and messages of the channel.  Texts of words with blanks between
 * go in; the records of the map are changed by them, and only the names that
 * the texts are about.  Texts are others': nothing of them is believed.
 */

#include "ngx_stentor_leader_parts.h"
#include "relay/stn_relay.h"


/* Before a lease is over for Redis, it is over for us. */
#define NGX_STENTOR_LEASE_MARGIN_MS  100

/* A lease that another has is tried again, with each look; one that there is
 * an error about, after a while. */
#define NGX_STENTOR_LEASE_POLL_MS    200
#define NGX_STENTOR_LEASE_WRONG_MS   1000

/* As much of an error is logged. */
#define NGX_STENTOR_LEASE_SAID       128

/* Words of a verdict. */
#define NGX_STENTOR_LEASE_WORDS      5


/* Texts that end with a zero: of a verdict, split at its blanks. */

typedef struct {
    ngx_uint_t                    n;
    char                         *word[NGX_STENTOR_LEASE_WORDS];
    char                          text[NGX_STENTOR_NODE_MAX
                                       + NGX_STENTOR_URL_MAX + 64];
} ngx_stentor_words_t;


static ngx_uint_t ngx_stentor_leader_verdict_held(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, uint64_t epoch);
static ngx_uint_t ngx_stentor_leader_verdict_late(
    ngx_stentor_leader_t *leader, ngx_stentor_lease_t *lease);
static void ngx_stentor_leader_verdict_ours(ngx_stentor_leader_t *leader,
    ngx_stentor_lease_t *lease, uint64_t epoch);
static ngx_uint_t ngx_stentor_leader_verdict_lost(ngx_stentor_batch_t *batch,
    ngx_stentor_batch_item_t *item, ngx_stentor_words_t *words);
static ngx_uint_t ngx_stentor_leader_verdict_owner(ngx_stentor_lease_t *lease,
    ngx_stentor_words_t *words, ngx_uint_t first);
static uint64_t ngx_stentor_leader_verdict_epoch(const char *word);
static void ngx_stentor_leader_verdict_words(ngx_stentor_words_t *words,
    const char *text);


ngx_uint_t
ngx_stentor_leader_verdict_told(ngx_stentor_leader_t *leader, const char *text,
    size_t len)
{
    ngx_str_t                   name;
    ngx_stentor_lease_t        *lease;
    ngx_stentor_words_t         words;
    ngx_stentor_leader_name_t  *own;

    if (len >= sizeof(words.text)) {
        return 0;
    }

    ngx_stentor_leader_verdict_words(&words, text);

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


ngx_uint_t
ngx_stentor_leader_verdict(ngx_stentor_batch_t *batch, ngx_uint_t i,
    const char *text)
{
    uint64_t                   epoch;
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
        return ngx_stentor_leader_verdict_wrong(batch, i, text + 6);
    }

    ngx_stentor_leader_verdict_words(&words, text ? text : "");

    if (item->verb == NGX_STENTOR_VERB_WHO) {
        return ngx_stentor_leader_verdict_owner(lease, &words, 0);
    }

    epoch = words.n == 2 ? ngx_stentor_leader_verdict_epoch(words.word[1]) : 0;

    if (epoch && ngx_strcmp(words.word[0], "held") == 0) {
        return ngx_stentor_leader_verdict_held(batch, item, epoch);
    }

    if (words.n >= 2 && ngx_strcmp(words.word[0], "other") == 0) {
        return ngx_stentor_leader_verdict_lost(batch, item, &words);
    }

    if (words.n == 1 && ngx_strcmp(words.word[0], "quit") == 0) {
        ngx_stentor_lease_set_owner(lease, NULL, NULL, item->epoch);
        return 1;
    }

    return ngx_stentor_leader_verdict_wrong(batch, i, "no verdict");
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

    news = ngx_stentor_leader_verdict_owner(lease, words, 1);

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


/* The words from first on are a lease's, "EPOCH FED NODE URL"; without a node
 * nobody has it.  Returns whether that is news. */

static ngx_uint_t
ngx_stentor_leader_verdict_owner(ngx_stentor_lease_t *lease,
    ngx_stentor_words_t *words, ngx_uint_t first)
{
    char        *node, *relay;
    uint64_t     epoch;
    ngx_uint_t   news;

    epoch = words->n > first
            ? ngx_stentor_leader_verdict_epoch(words->word[first]) : 0;
    node = words->n > first + 2 ? words->word[first + 2] : NULL;
    relay = words->n > first + 3 ? words->word[first + 3] : "";

    if (node && (ngx_strlen(node) >= NGX_STENTOR_NODE_MAX
                 || ngx_stentor_leader_word(node) != NGX_OK
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


/* One that cannot be would be the highest for ever: 0, which raises nothing. */

static uint64_t
ngx_stentor_leader_verdict_epoch(const char *word)
{
    uint64_t  epoch;

    epoch = strtoull(word, NULL, 10);

    return epoch < STN_RELAY_EPOCHS ? epoch : 0;
}


/* What is longer than any text of ours could be is cut, and then makes no
 * sense. */

static void
ngx_stentor_leader_verdict_words(ngx_stentor_words_t *words, const char *text)
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
