/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sessions and failures by address (see ngx_stentor_admission.h).  Counting
 * is a walk over the table: it happens once a session, and the table is small.
 */

#include "ngx_stentor_admission.h"


/* Entries of failures that an address may lie in: the one that is forgiven
 * first makes room. */
#define NGX_STENTOR_ADMISSION_WAYS  8

/* Ticks of "forgiven at", since the zone was born. */
#define NGX_STENTOR_ADMISSION_TICK_MS  100

/* More failures than an address can have at once: what is to be forgiven
 * later than they are was entered before the clock was set back. */
#define NGX_STENTOR_ADMISSION_MOST  100


static ngx_uint_t ngx_stentor_admission_alive(ngx_atomic_t *entry,
    ngx_atomic_uint_t value);
static uint32_t ngx_stentor_admission_now(ngx_stentor_store_t *store);
static ngx_atomic_t *ngx_stentor_admission_find(ngx_stentor_store_t *store,
    uint32_t key, ngx_uint_t make);


#define ngx_stentor_admission_pack(key, low)                                  \
    ((ngx_atomic_uint_t) (key) << 32 | (uint32_t) (low))

#define ngx_stentor_admission_key_of(value)  ((uint32_t) ((value) >> 32))


size_t
ngx_stentor_admission_address(const struct sockaddr *sa, const u_char **p)
{
    const struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    const struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

    case AF_INET:
        sin = (const struct sockaddr_in *) sa;
        *p = (const u_char *) &sin->sin_addr;
        return 4;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (const struct sockaddr_in6 *) sa;
        *p = (const u_char *) &sin6->sin6_addr;

        /* what a socket for both families says of IPv4 */

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            *p += 12;
            return 4;
        }

        return 8;
#endif

    default:
        *p = NULL;
        return 0;
    }
}


uint32_t
ngx_stentor_admission_key(ngx_stentor_store_t *store,
    const struct sockaddr *sa)
{
    size_t         len;
    u_char         seeded[2 * sizeof(uint64_t)];
    uint32_t       hash;
    const u_char  *p;

    len = ngx_stentor_admission_address(sa, &p);

    if (len == 0) {
        return 0;
    }

    /* nobody chooses addresses that fall together: the zone has a seed */

    ngx_memcpy(seeded, &store->head->seed, sizeof(uint64_t));
    ngx_memcpy(seeded + sizeof(uint64_t), p, len);

    hash = ngx_murmur_hash2(seeded, sizeof(uint64_t) + len);

    return hash ? hash : 1;
}


ngx_int_t
ngx_stentor_admission_enter(ngx_stentor_store_t *store, uint32_t key,
    ngx_uint_t all, ngx_uint_t per_address, ngx_uint_t *place)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_atomic_t       *table;
    ngx_atomic_uint_t   value;

    rc = ngx_stentor_admission_room(store, key, all, per_address);
    if (rc != NGX_OK) {
        return rc;
    }

    table = store->head->sessions;
    value = ngx_stentor_admission_pack(key, ngx_pid);

    for (i = 0; i < NGX_STENTOR_SESSIONS; i++) {
        if (ngx_atomic_cmp_set(&table[i], 0, value)) {
            *place = i;
            return NGX_OK;
        }
    }

    return NGX_BUSY;
}


void
ngx_stentor_admission_leave(ngx_stentor_store_t *store, ngx_uint_t place)
{
    ngx_stentor_save(&store->head->sessions[place], 0);
}


ngx_int_t
ngx_stentor_admission_room(ngx_stentor_store_t *store, uint32_t key,
    ngx_uint_t all, ngx_uint_t per_address)
{
    ngx_uint_t          i, n, same;
    ngx_atomic_t       *table;
    ngx_atomic_uint_t   value;

    table = store->head->sessions;
    n = 0;
    same = 0;

    for (i = 0; i < NGX_STENTOR_SESSIONS; i++) {
        value = ngx_stentor_load(&table[i]);

        if (value == 0 || !ngx_stentor_admission_alive(&table[i], value)) {
            continue;
        }

        n++;
        same += (ngx_stentor_admission_key_of(value) == key);
    }

    if (n >= (all ? all : NGX_STENTOR_SESSIONS)) {
        return NGX_BUSY;
    }

    return (key && per_address && same >= per_address) ? NGX_DECLINED : NGX_OK;
}


/* A worker that was killed has left its sessions here. */

static ngx_uint_t
ngx_stentor_admission_alive(ngx_atomic_t *entry, ngx_atomic_uint_t value)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) (uint32_t) value;

    if (pid == ngx_pid || kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH) {
        return 1;
    }

    (void) ngx_atomic_cmp_set(entry, value, 0);

    return 0;
}


static uint32_t
ngx_stentor_admission_now(ngx_stentor_store_t *store)
{
    return (uint32_t) ((ngx_stentor_store_now() - store->head->born_ms)
                       / NGX_STENTOR_ADMISSION_TICK_MS);
}


void
ngx_stentor_admission_fail(ngx_stentor_store_t *store, uint32_t key)
{
    uint32_t            now, until, failure;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    failure = NGX_STENTOR_FAILURE_MS / NGX_STENTOR_ADMISSION_TICK_MS;

    if (key == 0) {
        return;
    }

    now = ngx_stentor_admission_now(store);
    entry = ngx_stentor_admission_find(store, key, 1);
    value = ngx_stentor_load(entry);

    until = (ngx_stentor_admission_key_of(value) == key) ? (uint32_t) value
                                                         : 0;
    until = ngx_max(until, now) + failure;
    until = ngx_min(until, now + NGX_STENTOR_ADMISSION_MOST * failure);

    /* a failure that another one comes upon at the same time is forgiven */

    (void) ngx_atomic_cmp_set(entry, value,
                              ngx_stentor_admission_pack(key, until));
}


ngx_uint_t
ngx_stentor_admission_waits(ngx_stentor_store_t *store, uint32_t key)
{
    int64_t             ahead;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    entry = key ? ngx_stentor_admission_find(store, key, 0) : NULL;

    if (entry == NULL) {
        return 0;
    }

    value = ngx_stentor_load(entry);

    if (ngx_stentor_admission_key_of(value) != key) {
        return 0;
    }

    ahead = (int64_t) (uint32_t) value - ngx_stentor_admission_now(store);
    ahead *= NGX_STENTOR_ADMISSION_TICK_MS;

    return ahead > (NGX_STENTOR_FAILURES_BURST - 1) * NGX_STENTOR_FAILURE_MS
           && ahead <= NGX_STENTOR_ADMISSION_MOST * NGX_STENTOR_FAILURE_MS;
}


/* The entry of an address; to make: or the one that is best given to it. */

static ngx_atomic_t *
ngx_stentor_admission_find(ngx_stentor_store_t *store, uint32_t key,
    ngx_uint_t make)
{
    ngx_uint_t          i;
    ngx_atomic_t       *entry, *oldest;
    ngx_atomic_uint_t   value, least;

    oldest = NULL;
    least = 0;

    for (i = 0; i < NGX_STENTOR_ADMISSION_WAYS; i++) {
        entry = &store->head->failures[(key + i) % NGX_STENTOR_FAILURES];
        value = ngx_stentor_load(entry);

        if (ngx_stentor_admission_key_of(value) == key) {
            return entry;
        }

        if (oldest == NULL || (uint32_t) value < least) {
            oldest = entry;
            least = (uint32_t) value;
        }
    }

    return make ? oldest : NULL;
}
