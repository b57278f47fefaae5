/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that a node knows (see ngx_stentor_known.h).  Entries are changed by
 * compare-and-set: who loses tries again, a few times, for one player more or
 * less is no harm.
 */

#include "ngx_stentor_known.h"
#include "ngx_stentor_admission.h"


/* Entries that a player may lie in: who was heard longest ago makes room. */
#define NGX_STENTOR_KNOWN_WAYS  4

/* Compare-and-sets in a row. */
#define NGX_STENTOR_KNOWN_TRIES  4

#define NGX_STENTOR_KNOWN_LOST    0xff
#define NGX_STENTOR_KNOWN_HEARD   0x3ff
#define NGX_STENTOR_KNOWN_PID     0x3fffff

/* What of a User-Agent is looked at. */
#define NGX_STENTOR_KNOWN_AGENT   256


static ngx_atomic_t *ngx_stentor_known_find(ngx_stentor_store_t *store,
    uint32_t player, ngx_uint_t make);
static ngx_uint_t ngx_stentor_known_ago(ngx_atomic_uint_t value);
static void ngx_stentor_known_write(ngx_stentor_store_t *store,
    uint32_t player, ngx_uint_t lost);


#define ngx_stentor_known_now()                                               \
    ((ngx_atomic_uint_t) (ngx_current_msec / 1000) & NGX_STENTOR_KNOWN_HEARD)

#define ngx_stentor_known_tag(player)   ((ngx_atomic_uint_t) (player) >> 8)
#define ngx_stentor_known_is(value, player)                                   \
    ((value) >> 40 == ngx_stentor_known_tag(player))
#define ngx_stentor_known_lost_of(value)                                      \
    ((ngx_uint_t) ((value) & NGX_STENTOR_KNOWN_LOST))


uint32_t
ngx_stentor_known_player(ngx_stentor_store_t *store, const struct sockaddr *sa,
    const ngx_str_t *agent)
{
    size_t    len;
    u_char    text[sizeof(uint64_t) + sizeof(uint32_t)
                   + NGX_STENTOR_KNOWN_AGENT];
    u_char   *p;
    uint32_t  key, hash;

    key = ngx_stentor_admission_key(store, sa);

    p = ngx_cpymem(text, &store->head->seed, sizeof(uint64_t));
    p = ngx_cpymem(p, &key, sizeof(uint32_t));

    if (agent) {
        len = ngx_min(agent->len, NGX_STENTOR_KNOWN_AGENT);
        p = ngx_cpymem(p, agent->data, len);
    }

    hash = ngx_murmur_hash2(text, p - text);

    return ngx_stentor_known_tag(hash) ? hash : hash | 0x100;
}


void
ngx_stentor_known_heard(ngx_stentor_store_t *store, uint32_t player)
{
    ngx_stentor_known_write(store, player, 0);
}


void
ngx_stentor_known_lost(ngx_stentor_store_t *store, uint32_t player)
{
    ngx_stentor_known_write(store, player, 1);
}


static void
ngx_stentor_known_write(ngx_stentor_store_t *store, uint32_t player,
    ngx_uint_t lost)
{
    ngx_uint_t          i;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value, next;

    for (i = 0; i < NGX_STENTOR_KNOWN_TRIES; i++) {
        entry = ngx_stentor_known_find(store, player, 1);
        value = ngx_stentor_load(entry);
        next = lost;

        if (ngx_stentor_known_is(value, player)
            && ngx_stentor_known_ago(value) < NGX_STENTOR_KNOWN_S)
        {
            next = ngx_min(ngx_stentor_known_lost_of(value) + lost,
                           NGX_STENTOR_KNOWN_LOST);
        }

        next |= ngx_stentor_known_tag(player) << 40
                | ((ngx_atomic_uint_t) ngx_pid & NGX_STENTOR_KNOWN_PID) << 18
                | ngx_stentor_known_now() << 8;

        if (next == value || ngx_atomic_cmp_set(entry, value, next)) {
            return;
        }
    }
}


/* Those of a worker that has died could not say that they are lost. */

ngx_uint_t
ngx_stentor_known_back(ngx_stentor_store_t *store, uint32_t player)
{
    ngx_pid_t           pid;
    ngx_uint_t          i;
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    for (i = 0; i < NGX_STENTOR_KNOWN_TRIES; i++) {
        entry = ngx_stentor_known_find(store, player, 0);
        value = entry ? ngx_stentor_load(entry) : 0;

        if (!ngx_stentor_known_is(value, player)
            || ngx_stentor_known_ago(value) >= NGX_STENTOR_KNOWN_S)
        {
            return 0;
        }

        if (ngx_stentor_known_lost_of(value) == 0) {
            pid = (ngx_pid_t) (value >> 18 & NGX_STENTOR_KNOWN_PID);
            return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
        }

        if (ngx_atomic_cmp_set(entry, value, value - 1)) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_stentor_known_misses(ngx_stentor_store_t *store, uint32_t player)
{
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    entry = ngx_stentor_known_find(store, player, 0);
    value = entry ? ngx_stentor_load(entry) : 0;

    return ngx_stentor_known_is(value, player)
           && ngx_stentor_known_lost_of(value) > 0;
}


ngx_uint_t
ngx_stentor_known_age(ngx_stentor_store_t *store, uint32_t player)
{
    ngx_atomic_t       *entry;
    ngx_atomic_uint_t   value;

    entry = ngx_stentor_known_find(store, player, 0);
    value = entry ? ngx_stentor_load(entry) : 0;

    return ngx_stentor_known_is(value, player) ? ngx_stentor_known_ago(value)
                                               : NGX_STENTOR_KNOWN_S;
}


/* Seconds since it was heard, as far as that matters.  What nobody has touched
 * for the 17 minutes that the clock takes to come round seems fresh again, and
 * is forgotten once more. */

static ngx_uint_t
ngx_stentor_known_ago(ngx_atomic_uint_t value)
{
    ngx_uint_t  ago;

    ago = (ngx_stentor_known_now() - (value >> 8)) & NGX_STENTOR_KNOWN_HEARD;

    /* another worker's clock may be a little ahead */

    if (ago >= NGX_STENTOR_KNOWN_HEARD - 1) {
        return 0;
    }

    return ngx_min(ago, NGX_STENTOR_KNOWN_S);
}


/* The entry of a player; to make: or the one that is best given to it. */

static ngx_atomic_t *
ngx_stentor_known_find(ngx_stentor_store_t *store, uint32_t player,
    ngx_uint_t make)
{
    ngx_uint_t          i, ago, longest;
    ngx_atomic_t       *entry, *oldest;
    ngx_atomic_uint_t   value;

    oldest = NULL;
    longest = 0;

    for (i = 0; i < NGX_STENTOR_KNOWN_WAYS; i++) {
        entry = &store->head->known[(player + i) % NGX_STENTOR_KNOWN];
        value = ngx_stentor_load(entry);

        if (ngx_stentor_known_is(value, player)) {
            return entry;
        }

        ago = value ? ngx_stentor_known_ago(value) : NGX_STENTOR_KNOWN_S + 1;

        if (oldest == NULL || ago > longest) {
            oldest = entry;
            longest = ago;
        }
    }

    return make ? oldest : NULL;
}
