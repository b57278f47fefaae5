/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who has listened to a stream, each counted once: an estimate in the zone for
 * each record of the table (stn_unique.h), added to by all workers without a
 * lock, and begun anew with each window.  In a cluster the ids lie in a ring
 * as well, for the leader to take them to Redis: when it does not come in time
 * the oldest are lost, and the cluster's estimate is a little less.
 *
 *     members --- seen ---> registers, a stream     ---> status
 *                     '---> ring ---> leader ---> Redis ---> total ---> status
 */

#ifndef _NGX_STENTOR_UNIQUE_H_INCLUDED_
#define _NGX_STENTOR_UNIQUE_H_INCLUDED_


#include "ngx_stentor_store.h"
#include "audience/stn_unique.h"


/* Ids that may wait for the leader. */
#define NGX_STENTOR_UNIQUE_RING  4096


typedef struct {
    ngx_atomic_t             turn;       /* number + 1; 0: being written */
    uint64_t                 id;
    ngx_atomic_t             index;      /* of the stream */
    ngx_atomic_t             incarnation;
} ngx_stentor_unique_item_t;


/* What Redis says of a stream, whose window is of that incarnation. */

typedef struct {
    ngx_atomic_t             incarnation;
    ngx_atomic_t             count;
} ngx_stentor_unique_total_t;


/* In the zone; the registers of all streams lie behind it, and their
 * totals. */

typedef struct {
    uint8_t                  key[STN_UNIQUE_KEY_LEN];    /* of ids */
    ngx_atomic_t             shared;     /* boolean: there is a cluster */
    ngx_atomic_t             head;       /* ids ever put into the ring, */
    ngx_atomic_t             taken;      /* and taken out or lost; the
                                            leader's */
    ngx_stentor_unique_item_t  ring[NGX_STENTOR_UNIQUE_RING];
    uint8_t                  registers[];
} ngx_stentor_uniques_t;


/* Makes it, when the zone is new.  NGX_ERROR: no room. */
ngx_int_t ngx_stentor_unique_create(ngx_stentor_store_t *store);

/* From now on, and over reloads, ids are for all nodes, which have the same
 * key, a secret: this one, unless there was one before. */
void ngx_stentor_unique_share(ngx_stentor_store_t *store,
    const uint8_t key[STN_UNIQUE_KEY_LEN]);

/* The id of a listener: of his address (IPv6: 64 bits of it) and of what his
 * player says it is, or NULL. */
uint64_t ngx_stentor_unique_id(ngx_stentor_store_t *store,
    const struct sockaddr *sa, const ngx_str_t *agent);

/* That one has been sent audio of the stream.  Any worker; some nanoseconds. */
void ngx_stentor_unique_seen(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, uint64_t id);

/* Whether there was anybody on this node, and how many: microseconds. */
ngx_uint_t ngx_stentor_unique_any(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);
uint64_t ngx_stentor_unique_count(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* Begins anew; under the zone's mutex. */
void ngx_stentor_unique_reset(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* The leader's: the next id, if there is one.  Returns NGX_OK with the stream
 * that it is of (NULL: that has another window by now), or NGX_DECLINED. */
ngx_int_t ngx_stentor_unique_take(ngx_stentor_store_t *store,
    ngx_stentor_stream_t **st, uint64_t *id);

/* The leader's: how many there were on all nodes. */
void ngx_stentor_unique_set_total(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_atomic_uint_t incarnation, uint64_t count);

/* The same.  Returns NGX_OK, or NGX_DECLINED: it is not known. */
ngx_int_t ngx_stentor_unique_total(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, uint64_t *count);


#endif /* _NGX_STENTOR_UNIQUE_H_INCLUDED_ */
