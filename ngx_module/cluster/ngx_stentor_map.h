/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What this node knows of the others: the nodes that live, and for each name
 * of a stream that matters here, who has its lease and who here wants it.  It
 * lies in the zone, so that all workers see the same, it outlives reloads, and
 * carries on when Redis is gone.  One worker at a time, the leader, fills it
 * from Redis (ngx_stentor_cluster.h); nobody else talks to Redis.
 *
 *     lives  ---- seek, quit ---->  lease  <---- take, renew ----  leader
 *     hls, relays ---- want ----->  lease  <---- who has it -----  leader
 *     pulls  ---- deny ---------->  lease
 *
 * Times that end with _ms here are of ngx_stentor_map_now().
 */

#ifndef _NGX_STENTOR_MAP_H_INCLUDED_
#define _NGX_STENTOR_MAP_H_INCLUDED_


#include "store/ngx_stentor_store.h"
#include "told/stn_node.h"


#define NGX_STENTOR_NODES       512      /* that may live at once */

/* Names that nobody has may be asked for, too: so many leases more than there
 * may be streams. */
#define NGX_STENTOR_LEASES_MORE  1024

/* Whoever seeks or wants says so again before so long. */
#define NGX_STENTOR_SOUGHT_MS  2000
#define NGX_STENTOR_WANTED_MS  4000

/* So long a record stays, beyond the time that it is sought or wanted for: an
 * answer of Redis, or a pull, may be on its way. */
#define NGX_STENTOR_MAP_KEPT_MS  2000

/* Nobody is asked again before that for what nobody had. */
#define NGX_STENTOR_DENIED_MS  1000


/* Whether this node makes a stream of its own. */

typedef enum {
    NGX_STENTOR_LEASE_NONE = 0,  /* nobody here seeks it */
    NGX_STENTOR_LEASE_ASKED,     /* sought, and not decided */
    NGX_STENTOR_LEASE_HELD,      /* it is ours, for certain until until_ms */
    NGX_STENTOR_LEASE_ALONE,     /* Redis cannot be asked: we go on */
    NGX_STENTOR_LEASE_OTHER      /* another node has it */
} ngx_stentor_lease_e;


/* All that is known about one name.  The record stays with the name as long as
 * somebody seeks or wants it, or its stream is in the store. */

typedef struct {
    ngx_atomic_t             hash;       /* of the name; 0: free */
    ngx_atomic_t             touched_ms; /* last found by somebody then */
    ngx_uint_t               index;      /* of its place in the table */
    size_t                   name_len;
    u_char                   name[NGX_STENTOR_NAME_MAX];

    /* who has it; the leader's, and read under seq (odd: being written) */

    ngx_atomic_t             seq;
    ngx_atomic_t             epoch;      /* the highest that was heard of */
    ngx_atomic_t             known_ms;   /* as of then; 0: it was never asked,
                                            or is not so any more */
    ngx_uint_t               taken;      /* boolean: somebody has it */
    char                     owner[STN_NODE_MAX];
    char                     relay[STN_NODE_URL_MAX];

    /* what a live thread here wants; see seek */

    ngx_atomic_t             state;      /* ngx_stentor_lease_e; the leader's */
    ngx_atomic_t             until_ms;   /* HELD: until when; the leader's */
    ngx_atomic_t             sought_ms;  /* last sought then; 0: not */
    ngx_atomic_t             fed;        /* boolean: by one with a broadcaster,
                                            who is put before who has none */
    ngx_atomic_t             asked_ms;   /* ASKED, as the seeker sees it, since
                                            then; 0: it is not */
    ngx_atomic_t             quiet_ms;   /* OTHER, likewise, and nothing comes
                                            from there */

    /* what listeners and other nodes want */

    ngx_atomic_t             wanted_ms;  /* last wanted then; 0: not */
    ngx_atomic_t             denied_ms;  /* nobody has it, until then */
    ngx_atomic_t             sure_ms;    /* who has it is being found out, for
                                            a route, since then; 0: is known */
    ngx_atomic_t             pull_pid;   /* the worker that pulls it, if it
                                            lives; 0: none */
    ngx_atomic_t             heard_ms;   /* it has had a sign of life of whom
                                            it pulls it from then; 0: never */
    ngx_atomic_t             missed_ms;  /* another node asked for it here then,
                                            and it did not come here either */
} ngx_stentor_lease_t;


typedef enum {
    NGX_STENTOR_REDIS_OFF = 0,   /* there is none in the configuration */
    NGX_STENTOR_REDIS_STARTING,  /* it has not been reached yet, nor failed */
    NGX_STENTOR_REDIS_UP,
    NGX_STENTOR_REDIS_DOWN
} ngx_stentor_redis_e;


/* In the zone. */

typedef struct {
    ngx_atomic_t             leader;     /* pid; 0: nobody */
    ngx_atomic_t             leader_slot;
    ngx_atomic_t             leader_ms;  /* it was at work then */
    ngx_atomic_t             look;       /* boolean: there is something for it
                                            that it was woken for */
    ngx_atomic_t             redis;      /* ngx_stentor_redis_e */
    ngx_atomic_t             starting_ms;    /* STARTING: since then */
    ngx_atomic_t             answered_ms;    /* the last good answer; 0 */
    ngx_atomic_t             commands;   /* sent, ever */
    ngx_atomic_t             failures;   /* errors and time-outs, ever */
    ngx_atomic_t             connects;   /* ever */
    ngx_atomic_t             wants;      /* times that somebody upstream was
                                            asked for what is not here, ever */
    ngx_atomic_t             wants_dropped;  /* there was no room for, ever */
    ngx_atomic_t             seq;        /* of all below; odd: being written */
    char                     trouble[128];   /* what is wrong with Redis */
    ngx_uint_t               nnodes;
    stn_node_t               nodes[NGX_STENTOR_NODES];
    ngx_uint_t               nleases;    /* places in the table behind it */
    ngx_stentor_lease_t      leases[];
} ngx_stentor_map_t;


/* The map of this zone, made at its first use (by the master); NULL: the zone
 * is too small. */
ngx_stentor_map_t *ngx_stentor_map_create(ngx_stentor_store_t *store);

/* The map that a record is in. */
ngx_stentor_map_t *ngx_stentor_map_of(ngx_stentor_lease_t *lease);

/* A clock that all processes of this machine share and nobody sets, and that
 * goes on while the machine is suspended, as leases do: ms. */
int64_t ngx_stentor_map_now(void);

/*
 * Calls node with each node that lives, where it lies: it may be half written,
 * so that a text's end is only certain to lie in its array.  Then all of them
 * are gone through again, with a NULL before.  Returns NGX_OK, or NGX_AGAIN
 * when none of several passes was whole: what was seen is not to be trusted.
 */
typedef void (*ngx_stentor_map_node_pt)(void *data, stn_node_t *node);

ngx_int_t ngx_stentor_map_each(ngx_stentor_map_t *map,
    ngx_stentor_map_node_pt node, void *data);

/* Copies the nodes that live, at most max.  Returns how many. */
ngx_uint_t ngx_stentor_map_nodes(ngx_stentor_map_t *map,
    stn_node_t *nodes, ngx_uint_t max);

/* The leader's: puts n nodes for those that were. */
void ngx_stentor_map_set_nodes(ngx_stentor_map_t *map,
    stn_node_t *nodes, ngx_uint_t n);

/* Likewise: what is wrong with Redis; empty: nothing. */
void ngx_stentor_map_set_trouble(ngx_stentor_map_t *map, const char *text);

/*
 * The record of a stream's full name; any thread.  find, which locks nothing:
 * NULL when there is none; get makes one, and is NULL when all are in use.
 * It stays this name's for some seconds: whoever keeps it longer without
 * seeking or wanting it finds it again.  is: whether a record, which may have
 * been given to another name, is that name's; then it stays so likewise.
 */
ngx_stentor_lease_t *ngx_stentor_map_find(ngx_stentor_map_t *map,
    ngx_str_t *name);
ngx_stentor_lease_t *ngx_stentor_map_get(ngx_stentor_store_t *store,
    ngx_stentor_map_t *map, ngx_str_t *name);
ngx_uint_t ngx_stentor_map_is(ngx_stentor_lease_t *lease, ngx_str_t *name);

/* Whether nobody seeks it, wants it or pulls it, so that another name may have
 * the record; that its stream may be in the store is not looked at. */
ngx_uint_t ngx_stentor_map_idle(ngx_stentor_lease_t *lease);

/* Who has it.  Returns NGX_OK with owner's id, url and epoch; NGX_DECLINED:
 * nobody; both as of known_ms, however long ago that is; NGX_AGAIN: it was
 * never asked.  Either text may be NULL, or has room for what the record has;
 * so may epoch. */
ngx_int_t ngx_stentor_lease_owner(ngx_stentor_lease_t *lease, char *owner,
    char *relay, uint64_t *epoch);

/* The leader's: who has it now, itself if this node does; owner NULL: nobody.
 * What was denied is not any more when somebody has it. */
void ngx_stentor_lease_set_owner(ngx_stentor_lease_t *lease,
    const char *owner, const char *relay, uint64_t epoch);

/* An epoch has been heard of; any thread.  Returns whether it is the highest
 * so far. */
ngx_uint_t ngx_stentor_lease_raise(ngx_stentor_lease_t *lease,
    uint64_t epoch);


#endif /* _NGX_STENTOR_MAP_H_INCLUDED_ */
