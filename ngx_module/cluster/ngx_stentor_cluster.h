/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Many nodes: the cluster {} block, the worker that keeps the map by Redis
 * (the leader), and what the rest of the node asks of it.
 *
 *     live thread:  seek -> state: HELD, ALONE: make the stream
 *                                  OTHER: stand by, read it from its owner
 *     listener:     want -> a pull asks the route's nodes, the best one first
 *
 * Redis is on nobody's path: all of this reads the map in the zone.  Without a
 * cluster {} block there is no ngx_stentor_cluster_t, and callers skip it.
 */

#ifndef _NGX_STENTOR_CLUSTER_H_INCLUDED_
#define _NGX_STENTOR_CLUSTER_H_INCLUDED_


#include "ngx_stentor_map.h"
#include "store/ngx_stentor_wake.h"


/* Nodes that a stream may be asked from, in a row. */
#define NGX_STENTOR_ROUTE_MAX  16


/* A "redis" of the cluster {} block: one server, or one Sentinel of several. */

typedef struct {
    ngx_str_t                text;       /* as configured */
    ngx_str_t                path;       /* of a Unix socket; or null */
    ngx_str_t                name;       /* the host's as configured,
                                            0-terminated; or null: host's */
    ngx_str_t                host;       /* a numeric address, 0-terminated */
    in_port_t                port;
} ngx_stentor_redis_addr_t;


/* TLS to all of these.  Texts are 0-terminated. */

typedef struct {
    ngx_uint_t               on;         /* boolean */
    ngx_str_t                ca;         /* file; or null: the system's */
    ngx_str_t                name;       /* that certificates have to have; or
                                            null: the host's */
    ngx_str_t                cert;       /* file of this node's; or null */
    ngx_str_t                key;        /* likewise */
    void                    *ctx;        /* the library's, when on */
} ngx_stentor_redis_tls_conf_t;


/* The cluster {} block. */

struct ngx_stentor_cluster_conf_s {
    ngx_str_t                node;       /* id; its host's name by default */
    stn_node_role_e          role;
    ngx_str_t                region;
    ngx_str_t                relay_url;  /* ends with '/'; what others are told,
                                            may be empty */
    ngx_str_t                listen_url; /* likewise */
    ngx_uint_t               capacity;   /* listeners; 0: not told */
    ngx_array_t              redis;      /* of ngx_stentor_redis_addr_t */
    ngx_uint_t               servers;    /* that these are the addresses of */
    ngx_str_t                master;     /* name at the Sentinels; or null:
                                            redis is a server itself */
    ngx_str_t                user;       /* 0-terminated; or null */
    ngx_str_t                password;   /* likewise */
    ngx_uint_t               database;
    ngx_str_t                prefix;     /* of keys and channels */
    ngx_msec_t               redis_timeout;
    ngx_stentor_redis_tls_conf_t  redis_tls;
    ngx_msec_t               lease;      /* how long one lasts */
    ngx_array_t              origins;    /* of ngx_str_t: URLs that end with
                                            '/', for want of a better one */
    ngx_str_t                secrets[2]; /* the one that signs, and the one
                                            before it; or null: none */
    ngx_str_t                ca;         /* file, 0-terminated; or null: those
                                            of the system */
    ngx_msec_t               relay_idle;     /* a pull ends after that */
    ngx_msec_t               relay_timeout;  /* no record for so long: the
                                                upstream is dead */
    ngx_msec_t               relay_lag;      /* beyond that it is slow */
};


typedef struct ngx_stentor_leader_s  ngx_stentor_leader_t;


/* A worker's. */

struct ngx_stentor_cluster_s {
    ngx_stentor_conf_t          *scf;
    ngx_stentor_cluster_conf_t  *conf;
    ngx_stentor_map_t           *map;
    ngx_uint_t                   leads;      /* boolean: this worker */
    ngx_stentor_leader_t        *leader;     /* what talks to Redis, if it
                                                does, and there is one */
    ngx_log_t                    log;
    ngx_event_t                  timer;      /* who leads? */
};


/* Whether it is fit for the id of a node, a region or a pathway: 1 to 63
 * letters, digits, '.', '_', '-'.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stentor_cluster_check_id(ngx_str_t *id);


/* Somebody to ask for a stream. */

typedef struct {
    char                     node[STN_NODE_MAX];   /* empty: a static
                                                              origin */
    char                     relay[STN_NODE_URL_MAX];
    stn_node_role_e          role;
} ngx_stentor_upstream_t;


/* ngx_stentor_cluster_conf.c: cluster { ... }, and whether it is complete. */
char *ngx_stentor_cluster_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* In the master, when the zone is there: makes the map; data is the block.
 * NGX_ERROR: the zone is too small. */
ngx_int_t ngx_stentor_cluster_init(ngx_stentor_store_t *store, void *data);

/* In a worker: joins; one of them leads.  NULL on failure. */
ngx_stentor_cluster_t *ngx_stentor_cluster_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* The worker exits: another one leads. */
void ngx_stentor_cluster_exit(ngx_stentor_cluster_t *cl);


/* Wakes the leader: a lease that is sought, quit or wanted is for it.  Any
 * thread. */
void ngx_stentor_cluster_look(ngx_stentor_cluster_t *cl);

/* What Redis is: one that has not been reached within two time-outs is down.
 * Any thread. */
ngx_stentor_redis_e ngx_stentor_cluster_redis(ngx_stentor_cluster_t *cl);


/*
 * A live thread seeks the lease of its stream, and says so again at least
 * twice in NGX_STENTOR_SOUGHT_MS; fed: it has a broadcaster.  Any thread.
 * Returns what it may do now:
 *
 *   HELD, ALONE  make the stream, with *epoch
 *   ASKED        wait, some milliseconds, and seek again: it is not decided
 *                (or was, and could not be renewed in time); never for longer
 *                than it takes to find out that Redis is down
 *   OTHER        stop at once; another node makes it, at *epoch
 *
 * OTHER becomes ALONE when nobody can be asked, the other has not been known
 * to have it for ten leases' time, and no pull has brought it for two: it asks
 * the store for that, the caller need not.
 */
ngx_stentor_lease_e ngx_stentor_lease_seek(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_uint_t fed, uint64_t *epoch);

/* Whether a pull brings its stream now, from another node. */
ngx_uint_t ngx_stentor_lease_relayed(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease);

/* The same without seeking: whether what was granted still holds.  Cheap: once
 * for each part. */
ngx_stentor_lease_e ngx_stentor_lease_check(ngx_stentor_lease_t *lease);

/* This node makes the stream no more: it has ended, or cannot be made here.
 * The next one may have the lease at once.  Any thread. */
void ngx_stentor_lease_quit(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease);

/* Another node, or a record of a relay, has told of an epoch: a lease of ours
 * that is older is lost. */
void ngx_stentor_lease_heard(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, uint64_t epoch);


/*
 * Somebody wants the stream of that full name, which is not in the store.
 * Event loop.  Returns NGX_AGAIN: it is being asked for; NGX_DECLINED: nobody
 * has it; NGX_BUSY: so many names are asked for that this one is not.
 */
ngx_int_t ngx_stentor_cluster_want(ngx_stentor_cluster_t *cl,
    ngx_str_t *name);

/* Whether the stream is made here, or about to be, as of now: it is not asked
 * for elsewhere. */
ngx_uint_t ngx_stentor_cluster_seeks(ngx_stentor_lease_t *lease, int64_t now);

/* Another node asks for a stream that does not come here either: if it has been
 * heard here before, and this node could make it, its owner is thought lost.
 * Event loop. */
void ngx_stentor_cluster_missed(ngx_stentor_cluster_t *cl, ngx_str_t *name);

/* A pull has learnt that nobody has it. */
void ngx_stentor_cluster_deny(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease);

/*
 * Whom to ask for the stream, best first: the shields of our region in the
 * order of rendezvous (for an edge), who has its lease, other origins, which
 * may stand by for him, the static ones; never ourselves.  Returns how many; 0
 * with *absent set when it is known that nobody has it, 0 without when that is
 * being found out (ask again when woken, or after 50 ms).
 */
ngx_uint_t ngx_stentor_cluster_route(ngx_stentor_cluster_t *cl,
    ngx_stentor_lease_t *lease, ngx_stentor_upstream_t *up, ngx_uint_t max,
    ngx_uint_t *absent);


#endif /* _NGX_STENTOR_CLUSTER_H_INCLUDED_ */
