/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the leader's files share: how it calls Redis (ngx_stentor_leader.c),
 * what it says of leases (ngx_stentor_leader_lease.c) and what is said to it
 * (ngx_stentor_leader_verdict.c), who listens (ngx_stentor_leader_unique.c),
 * and what nodes tell of themselves (ngx_stentor_leader_node.c).
 */

#ifndef _NGX_STENTOR_LEADER_PARTS_H_INCLUDED_
#define _NGX_STENTOR_LEADER_PARTS_H_INCLUDED_


#include "ngx_stentor_leader.h"
#include "ngx_stentor_leader_scripts.h"
#include "ngx_stentor_redis.h"


#define NGX_STENTOR_SHA1_HEX      40

/* Names that one command is about. */
#define NGX_STENTOR_LEADER_BATCH  64

/* How often it looks at the map by itself. */
#define NGX_STENTOR_LEADER_MS     250


/* What the leader keeps of a record of the map, at the same index. */

typedef struct {
    ngx_atomic_uint_t         hash;      /* of the name that it is about */
    uint64_t                  epoch;     /* that we were granted; 0: none */
    int64_t                   next_ms;   /* nothing is sent before */
    int64_t                   turn;      /* of asking who has it, the last */
    int64_t                   spared_ms; /* since when nobody has it in Redis;
                                            0: somebody has */
    ngx_uint_t                fed;       /* boolean: as it was sent last */
    unsigned                  sent:1;    /* a verb is on its way, */
    unsigned                  asked:1;   /* a question is */
    unsigned                  wrong:1;   /* the last verdict was an error */
} ngx_stentor_leader_name_t;


struct ngx_stentor_leader_s {
    ngx_stentor_cluster_t    *cl;
    ngx_stentor_map_t        *map;
    ngx_log_t                *log;
    ngx_stentor_redis_t      *redis;
    char                     *nodes;     /* key, */
    char                     *channel;   /* and name; end with a zero */
    ngx_uint_t                up;        /* boolean: scripts can be called */
    ngx_uint_t                loading;   /* scripts that are being loaded */
    char                      sha[NGX_STENTOR_SCRIPTS]
                                 [NGX_STENTOR_SHA1_HEX + 1];
    ngx_event_t               beat;
    ngx_event_t               scan;
    int64_t                   scanned_ms;
    int64_t                   counted_ms;    /* listeners, in Redis */
    int64_t                   back_ms;   /* Redis had been down, and was not
                                            any more then; 0: it was not */
    ngx_stentor_leader_name_t
                             *names;     /* as many as the map's leases */
    ngx_queue_t               batches;   /* that wait for their replies */
};


/* What is done about a lease, or asked. */

typedef enum {
    NGX_STENTOR_VERB_NONE = 0,
    NGX_STENTOR_VERB_TAKE,
    NGX_STENTOR_VERB_SPARE,      /* take it from who has it, if one may */
    NGX_STENTOR_VERB_SEIZE,      /* take it from anybody */
    NGX_STENTOR_VERB_KEEP,
    NGX_STENTOR_VERB_QUIT,
    NGX_STENTOR_VERB_WHO
} ngx_stentor_verb_e;


/* A name of a command. */

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


/* ngx_stentor_leader.c */

/* Begins a call of a script, with the number of its keys. */
void ngx_stentor_leader_script(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_script_e script,
    ngx_uint_t nkeys);

/* As ngx_stentor_redis_send(), and counts it. */
ngx_int_t ngx_stentor_leader_send(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data);

/*
 * What a reply is worth: NGX_OK, an array of elements strings and nils (of any
 * number when it is 0); NGX_DECLINED, nothing: it was lost, or the scripts are
 * not there and are loaded again; NGX_ERROR, with what is wrong in *text.
 */
ngx_int_t ngx_stentor_leader_reply(ngx_stentor_leader_t *leader,
    redisReply *reply, ngx_uint_t elements, const char **text);


/* ngx_stentor_leader_lease.c */

/* The connection is a new one: what was sent is not under way any more, and
 * all is due. */
void ngx_stentor_leader_lease_again(ngx_stentor_leader_t *leader);

/* Sends what is due. */
void ngx_stentor_leader_lease_scan(ngx_stentor_leader_t *leader);

/* Forgets what is under way. */
void ngx_stentor_leader_lease_free(ngx_stentor_leader_t *leader);


/* ngx_stentor_leader_verdict.c */

/* What a script has said of name i of a batch, or what is under the key of its
 * lease; NULL: nothing.  Returns whether there is news for who waits. */
ngx_uint_t ngx_stentor_leader_verdict(ngx_stentor_batch_t *batch,
    ngx_uint_t i, const char *text);

/* For this name Redis is as if it were down, because of text: logged once.
 * Returns as above. */
ngx_uint_t ngx_stentor_leader_verdict_wrong(ngx_stentor_batch_t *batch,
    ngx_uint_t i, const char *text);

/* Something was told on the channel.  Returns whether it is worth a look. */
ngx_uint_t ngx_stentor_leader_verdict_told(ngx_stentor_leader_t *leader,
    const char *text, size_t len);


/* ngx_stentor_leader_unique.c */

/* Takes the ids of listeners to Redis, and asks it now and then how many there
 * are. */
void ngx_stentor_leader_unique_scan(ngx_stentor_leader_t *leader);


/* ngx_stentor_leader_node.c */

/* What this node tells of itself, as JSON; free() it.  NULL out of memory. */
char *ngx_stentor_leader_node_text(ngx_stentor_cluster_t *cl);


#endif /* _NGX_STENTOR_LEADER_PARTS_H_INCLUDED_ */
