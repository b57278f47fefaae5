/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The map (see ngx_stentor_map.h): its table of names, and what is read and
 * written under its sequence numbers.  Finding locks nothing; a name gets its
 * place under the zone's mutex.  Whoever looks a record up touches it, and
 * then sees that it still is that name's; whoever wants its place takes the
 * name off it, and then sees that nobody has touched it: one of them gives way.
 */

#include "ngx_stentor_map.h"


/* A record stays that long if this node was the owner of its stream, and may
 * have died: another worker takes the stream up much sooner. */
#define NGX_STENTOR_MAP_OURS_MS  60000

/* Names that are looked up in the store for want of a place. */
#define NGX_STENTOR_MAP_LOOKUPS  64

/* How often reading is tried again; who writes is soon done, or dead. */
#define NGX_STENTOR_MAP_TRIES    16


typedef struct {
    stn_node_t              *nodes;
    ngx_uint_t               n;
    ngx_uint_t               max;
} ngx_stentor_map_copy_t;


static void ngx_stentor_map_copy(void *data, stn_node_t *node);
static void ngx_stentor_map_write(ngx_atomic_t *seq);
static void ngx_stentor_map_written(ngx_atomic_t *seq);
static ngx_uint_t ngx_stentor_map_readable(ngx_atomic_t *seq,
    ngx_atomic_uint_t *was);
static ngx_atomic_uint_t ngx_stentor_map_hash(ngx_str_t *name);
static ngx_stentor_lease_t *ngx_stentor_map_place(ngx_stentor_store_t *store,
    ngx_stentor_map_t *map, ngx_uint_t start);
static ngx_uint_t ngx_stentor_map_within(ngx_atomic_t *ms, int64_t now,
    int64_t limit);
static ngx_int_t ngx_stentor_map_evict(ngx_stentor_lease_t *lease);
static void ngx_stentor_map_name(ngx_stentor_store_t *store,
    ngx_stentor_lease_t *lease, ngx_str_t *name);


ngx_stentor_map_t *
ngx_stentor_map_create(ngx_stentor_store_t *store)
{
    ngx_uint_t          i, n;
    ngx_stentor_map_t  *map;

    if (store->head->map) {
        return ngx_stentor_store_at(store, store->head->map);
    }

    n = store->nstreams + NGX_STENTOR_LEASES_MORE;

    map = ngx_slab_calloc(store->pool, sizeof(ngx_stentor_map_t)
                                       + n * sizeof(ngx_stentor_lease_t));
    if (map == NULL) {
        return NULL;
    }

    map->nleases = n;

    for (i = 0; i < n; i++) {
        map->leases[i].index = i;
    }

    store->head->map = ngx_stentor_store_offset(store, map);

    return map;
}


ngx_stentor_map_t *
ngx_stentor_map_of(ngx_stentor_lease_t *lease)
{
    return ngx_stentor_container(lease - lease->index, ngx_stentor_map_t,
                                 leases);
}


int64_t
ngx_stentor_map_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_BOOTTIME, &ts);

    /* 0 stands for never */

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + 1;
}


ngx_int_t
ngx_stentor_map_each(ngx_stentor_map_t *map, ngx_stentor_map_node_pt node,
    void *data)
{
    ngx_uint_t         i, n, tries;
    ngx_atomic_uint_t  seq;

    for (tries = 0; tries < NGX_STENTOR_MAP_TRIES; tries++) {

        if (!ngx_stentor_map_readable(&map->seq, &seq)) {
            continue;
        }

        n = ngx_min(map->nnodes, NGX_STENTOR_NODES);

        node(data, NULL);

        for (i = 0; i < n; i++) {
            node(data, &map->nodes[i]);
        }

        ngx_stentor_fence();

        if (ngx_stentor_load(&map->seq) == seq) {
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}


ngx_uint_t
ngx_stentor_map_nodes(ngx_stentor_map_t *map, stn_node_t *nodes,
    ngx_uint_t max)
{
    ngx_stentor_map_copy_t  copy;

    copy.nodes = nodes;
    copy.max = max;

    return ngx_stentor_map_each(map, ngx_stentor_map_copy, &copy) == NGX_OK
           ? copy.n : 0;
}


static void
ngx_stentor_map_copy(void *data, stn_node_t *node)
{
    ngx_stentor_map_copy_t *copy = data;

    if (node == NULL) {
        copy->n = 0;

    } else if (copy->n < copy->max) {
        copy->nodes[copy->n++] = *node;
    }
}


void
ngx_stentor_map_set_nodes(ngx_stentor_map_t *map, stn_node_t *nodes,
    ngx_uint_t n)
{
    n = ngx_min(n, NGX_STENTOR_NODES);

    ngx_stentor_map_write(&map->seq);

    ngx_memcpy(map->nodes, nodes, n * sizeof(stn_node_t));
    map->nnodes = n;

    ngx_stentor_map_written(&map->seq);
}


void
ngx_stentor_map_set_trouble(ngx_stentor_map_t *map, const char *text)
{
    ngx_stentor_map_write(&map->seq);

    ngx_cpystrn((u_char *) map->trouble, (u_char *) text,
                sizeof(map->trouble));

    ngx_stentor_map_written(&map->seq);
}


/* A number that is odd already is that of a writer who died. */

static void
ngx_stentor_map_write(ngx_atomic_t *seq)
{
    ngx_stentor_save(seq, *seq | 1);
    ngx_stentor_fence();
}


static void
ngx_stentor_map_written(ngx_atomic_t *seq)
{
    ngx_stentor_save(seq, (*seq | 1) + 1);
}


static ngx_uint_t
ngx_stentor_map_readable(ngx_atomic_t *seq, ngx_atomic_uint_t *was)
{
    *was = ngx_stentor_load(seq);

    if (*was & 1) {
        ngx_cpu_pause();
        return 0;
    }

    return 1;
}


ngx_stentor_lease_t *
ngx_stentor_map_find(ngx_stentor_map_t *map, ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_atomic_uint_t     hash;
    ngx_stentor_lease_t  *lease;

    hash = ngx_stentor_map_hash(name);

    for (i = 0; i < map->nleases; i++) {
        lease = &map->leases[i];

        if (ngx_stentor_load(&lease->hash) == hash
            && ngx_stentor_map_is(lease, name))
        {
            return lease;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_stentor_map_is(ngx_stentor_lease_t *lease, ngx_str_t *name)
{
    ngx_atomic_uint_t  hash;

    hash = ngx_stentor_load(&lease->hash);

    if (hash == 0 || lease->name_len != name->len
        || ngx_memcmp(lease->name, name->data, name->len) != 0)
    {
        return 0;
    }

    ngx_stentor_save(&lease->touched_ms, ngx_stentor_map_now());
    ngx_stentor_fence();

    return ngx_stentor_load(&lease->hash) == hash;
}


static ngx_atomic_uint_t
ngx_stentor_map_hash(ngx_str_t *name)
{
    return ngx_max(ngx_crc32_short(name->data, name->len), 1);
}


ngx_stentor_lease_t *
ngx_stentor_map_get(ngx_stentor_store_t *store, ngx_stentor_map_t *map,
    ngx_str_t *name)
{
    ngx_stentor_lease_t  *lease;

    if (name->len == 0 || name->len > NGX_STENTOR_NAME_MAX) {
        return NULL;
    }

    lease = ngx_stentor_map_find(map, name);

    if (lease) {
        return lease;
    }

    ngx_shmtx_lock(&store->pool->mutex);

    /* somebody else may have wanted the same */

    lease = ngx_stentor_map_find(map, name);

    if (lease == NULL) {
        lease = ngx_stentor_map_place(store, map, ngx_stentor_map_hash(name));

        if (lease) {
            ngx_stentor_map_name(store, lease, name);
        }
    }

    ngx_shmtx_unlock(&store->pool->mutex);

    return lease;
}


/* A free place, or one whose name nobody needs. */

static ngx_stentor_lease_t *
ngx_stentor_map_place(ngx_stentor_store_t *store, ngx_stentor_map_t *map,
    ngx_uint_t start)
{
    ngx_str_t             name;
    ngx_uint_t            i, lookups;
    ngx_stentor_lease_t  *lease;

    lookups = 0;

    for (i = 0; i < map->nleases; i++) {
        if (map->leases[i].hash == 0) {
            return &map->leases[i];
        }
    }

    for (i = 0; i < map->nleases && lookups < NGX_STENTOR_MAP_LOOKUPS; i++) {
        lease = &map->leases[(start + i) % map->nleases];

        if (!ngx_stentor_map_idle(lease)) {
            continue;
        }

        name.data = lease->name;
        name.len = lease->name_len;
        lookups++;

        if (ngx_stentor_store_lookup(store, &name) == NULL
            && ngx_stentor_map_evict(lease) == NGX_OK)
        {
            return lease;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_stentor_map_idle(ngx_stentor_lease_t *lease)
{
    int64_t              now, sought;
    ngx_pid_t            pid;
    ngx_stentor_lease_e  state;

    now = ngx_stentor_map_now();
    state = ngx_stentor_load(&lease->state);
    pid = (ngx_pid_t) ngx_stentor_load(&lease->pull_pid);

    sought = (state == NGX_STENTOR_LEASE_HELD
              || state == NGX_STENTOR_LEASE_ALONE)
             ? NGX_STENTOR_MAP_OURS_MS
             : NGX_STENTOR_SOUGHT_MS + NGX_STENTOR_MAP_KEPT_MS;

    return !ngx_stentor_map_within(&lease->sought_ms, now, sought)
           && !ngx_stentor_map_within(&lease->touched_ms, now,
                                      NGX_STENTOR_MAP_KEPT_MS)
           && (ngx_stentor_load(&lease->denied_ms)
               > ngx_stentor_load(&lease->wanted_ms)
               || !ngx_stentor_map_within(&lease->wanted_ms, now,
                                          NGX_STENTOR_WANTED_MS
                                          + NGX_STENTOR_MAP_KEPT_MS))
           && (pid == 0 || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH));
}


static ngx_uint_t
ngx_stentor_map_within(ngx_atomic_t *ms, int64_t now, int64_t limit)
{
    int64_t  then;

    then = (int64_t) ngx_stentor_load(ms);

    return then && now - then < limit;
}


static ngx_int_t
ngx_stentor_map_evict(ngx_stentor_lease_t *lease)
{
    ngx_atomic_uint_t  hash;

    hash = lease->hash;

    ngx_stentor_save(&lease->hash, 0);
    ngx_stentor_fence();

    if (ngx_stentor_map_idle(lease)) {
        return NGX_OK;
    }

    ngx_stentor_save(&lease->hash, hash);

    return NGX_DECLINED;
}


/* The record of a name that was not known begins, with the epoch of what the
 * store has of it. */

static void
ngx_stentor_map_name(ngx_stentor_store_t *store, ngx_stentor_lease_t *lease,
    ngx_str_t *name)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_lookup(store, name);

    ngx_stentor_map_write(&lease->seq);

    lease->epoch = st ? st->lease_epoch : 0;
    lease->known_ms = 0;
    lease->taken = 0;
    lease->owner[0] = '\0';
    lease->relay[0] = '\0';

    ngx_stentor_map_written(&lease->seq);

    lease->state = NGX_STENTOR_LEASE_NONE;
    lease->until_ms = 0;
    lease->sought_ms = 0;
    lease->fed = 0;
    lease->asked_ms = 0;
    lease->quiet_ms = 0;
    lease->wanted_ms = 0;
    lease->denied_ms = 0;
    lease->sure_ms = 0;
    lease->pull_pid = 0;
    lease->heard_ms = 0;
    lease->missed_ms = 0;
    lease->touched_ms = ngx_stentor_map_now();

    lease->name_len = name->len;
    ngx_memcpy(lease->name, name->data, name->len);

    ngx_stentor_save(&lease->hash, ngx_stentor_map_hash(name));
}


ngx_int_t
ngx_stentor_lease_owner(ngx_stentor_lease_t *lease, char *owner, char *relay,
    uint64_t *epoch)
{
    ngx_int_t          rc;
    ngx_uint_t         tries;
    ngx_atomic_uint_t  seq;

    for (tries = 0; tries < NGX_STENTOR_MAP_TRIES; tries++) {

        if (!ngx_stentor_map_readable(&lease->seq, &seq)) {
            continue;
        }

        rc = lease->taken ? NGX_OK : NGX_DECLINED;

        if (ngx_stentor_load(&lease->known_ms) == 0) {
            rc = NGX_AGAIN;
        }

        if (owner) {
            ngx_cpystrn((u_char *) owner, (u_char *) lease->owner,
                        STN_NODE_MAX);
        }

        if (relay) {
            ngx_cpystrn((u_char *) relay, (u_char *) lease->relay,
                        STN_NODE_URL_MAX);
        }

        if (epoch) {
            *epoch = lease->epoch;
        }

        ngx_stentor_fence();

        if (ngx_stentor_load(&lease->seq) == seq) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


void
ngx_stentor_lease_set_owner(ngx_stentor_lease_t *lease, const char *owner,
    const char *relay, uint64_t epoch)
{
    ngx_stentor_map_write(&lease->seq);

    lease->taken = (owner != NULL);

    ngx_cpystrn((u_char *) lease->owner, (u_char *) (owner ? owner : ""),
                STN_NODE_MAX);
    ngx_cpystrn((u_char *) lease->relay,
                (u_char *) (owner && relay ? relay : ""),
                STN_NODE_URL_MAX);

    ngx_stentor_lease_raise(lease, epoch);
    ngx_stentor_save(&lease->known_ms, ngx_stentor_map_now());

    ngx_stentor_map_written(&lease->seq);

    if (owner) {
        ngx_stentor_save(&lease->denied_ms, 0);
    }
}


ngx_uint_t
ngx_stentor_lease_raise(ngx_stentor_lease_t *lease, uint64_t epoch)
{
    ngx_atomic_uint_t  was;

    do {
        was = ngx_stentor_load(&lease->epoch);

        if (epoch <= was) {
            return 0;
        }

    } while (!ngx_atomic_cmp_set(&lease->epoch, was, epoch));

    return 1;
}
