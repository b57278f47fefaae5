/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Players that are known (see stn_known.h).  Entries are changed by compare-
 * and-set: who loses tries again, a few times, for one player more or less is
 * no harm.
 */

#include "audience/stn_known.h"


/* Compare-and-sets in a row. */
#define STN_KNOWN_TRIES  4

#define STN_KNOWN_SETS_MIN  512

#define STN_KNOWN_LOST   0xff
#define STN_KNOWN_HEARD  0x3ff
#define STN_KNOWN_PID    0x3fffff


static void stn_known_write(const stn_known_t *k, uint32_t player,
    unsigned lost, int evict);
static uint64_t *stn_known_find(const stn_known_t *k, uint32_t player);
static uint64_t *stn_known_room(const stn_known_t *k, uint32_t player,
    int evict);
static uint64_t stn_known_value(const stn_known_t *k, uint32_t player);
static uint32_t stn_known_ago(const stn_known_t *k, uint64_t value);


#define stn_known_tag(player)         ((uint64_t) (player) >> 8)
#define stn_known_is(value, player)   ((value) >> 40 == stn_known_tag(player))
#define stn_known_lost_of(value)      ((unsigned) ((value) & STN_KNOWN_LOST))
#define stn_known_set(k, player)                                              \
    (&(k)->entries[((player) & ((k)->sets - 1)) * STN_KNOWN_WAYS])


/* Three times as many entries as players: of 2000 no more than one finds his
 * set full then. */

uint32_t
stn_known_sets(uint64_t players)
{
    uint32_t  sets;

    sets = STN_KNOWN_SETS_MIN;

    while ((uint64_t) sets * STN_KNOWN_WAYS < players * 3
           && sets < (uint32_t) 1 << 31)
    {
        sets *= 2;
    }

    return sets;
}


void
stn_known_heard(const stn_known_t *k, uint32_t player)
{
    stn_known_write(k, player, 0, 1);
}


void
stn_known_let_in(const stn_known_t *k, uint32_t player)
{
    stn_known_write(k, player, 0, 0);
}


void
stn_known_lost(const stn_known_t *k, uint32_t player, int listened)
{
    stn_known_write(k, player, 1, listened);
}


static void
stn_known_write(const stn_known_t *k, uint32_t player, unsigned lost,
    int evict)
{
    unsigned   i, n;
    uint64_t  *entry, value, next;

    for (i = 0; i < STN_KNOWN_TRIES; i++) {
        entry = stn_known_find(k, player);

        if (entry == NULL) {
            entry = stn_known_room(k, player, evict);
        }

        if (entry == NULL) {
            return;
        }

        value = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
        n = lost;

        if (stn_known_is(value, player)
            && stn_known_ago(k, value) < STN_KNOWN_S)
        {
            n += stn_known_lost_of(value);
        }

        next = stn_known_tag(player) << 40
               | (uint64_t) (k->pid & STN_KNOWN_PID) << 18
               | (uint64_t) (k->now_s & STN_KNOWN_HEARD) << 8
               | (n < STN_KNOWN_LOST ? n : STN_KNOWN_LOST);

        if (next == value
            || __atomic_compare_exchange_n(entry, &value, next, 0,
                                           __ATOMIC_ACQ_REL,
                                           __ATOMIC_RELAXED))
        {
            return;
        }
    }
}


static uint64_t *
stn_known_find(const stn_known_t *k, uint32_t player)
{
    unsigned   i;
    uint64_t  *set;

    set = stn_known_set(k, player);

    for (i = 0; i < STN_KNOWN_WAYS; i++) {
        if (stn_known_is(__atomic_load_n(&set[i], __ATOMIC_RELAXED), player)) {
            return &set[i];
        }
    }

    return NULL;
}


/* The entry that is best given to a player, or NULL: nobody may be forgotten
 * for it. */

static uint64_t *
stn_known_room(const stn_known_t *k, uint32_t player, int evict)
{
    unsigned   i;
    uint32_t   ago, longest;
    uint64_t  *set, *oldest, value;

    set = stn_known_set(k, player);
    oldest = NULL;
    longest = 0;

    for (i = 0; i < STN_KNOWN_WAYS; i++) {
        value = __atomic_load_n(&set[i], __ATOMIC_RELAXED);
        ago = value ? stn_known_ago(k, value) : STN_KNOWN_S + 1;

        if ((evict || ago >= STN_KNOWN_S) && (oldest == NULL || ago > longest))
        {
            oldest = &set[i];
            longest = ago;
        }
    }

    return oldest;
}


int
stn_known_back(const stn_known_t *k, uint32_t player, uint32_t *pid)
{
    unsigned   i;
    uint64_t  *entry, value;

    *pid = 0;

    for (i = 0; i < STN_KNOWN_TRIES; i++) {
        entry = stn_known_find(k, player);
        value = entry ? __atomic_load_n(entry, __ATOMIC_ACQUIRE) : 0;

        if (!stn_known_is(value, player)
            || stn_known_ago(k, value) >= STN_KNOWN_S)
        {
            return 0;
        }

        if (stn_known_lost_of(value) == 0) {
            *pid = (uint32_t) (value >> 18 & STN_KNOWN_PID);
            return 0;
        }

        if (__atomic_compare_exchange_n(entry, &value, value - 1, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        {
            return 1;
        }
    }

    return 0;
}


int
stn_known_misses(const stn_known_t *k, uint32_t player)
{
    return stn_known_lost_of(stn_known_value(k, player)) > 0;
}


uint32_t
stn_known_age(const stn_known_t *k, uint32_t player)
{
    uint64_t  value;

    value = stn_known_value(k, player);

    return value ? stn_known_ago(k, value) : STN_KNOWN_S;
}


/* What the table says of a player; 0: nothing. */

static uint64_t
stn_known_value(const stn_known_t *k, uint32_t player)
{
    uint64_t  *entry, value;

    entry = stn_known_find(k, player);
    value = entry ? __atomic_load_n(entry, __ATOMIC_ACQUIRE) : 0;

    return stn_known_is(value, player) ? value : 0;
}


/* Seconds since it was heard, as far as that matters.  What nobody has touched
 * for the 17 minutes that the clock takes to come round seems fresh again, and
 * is forgotten once more. */

static uint32_t
stn_known_ago(const stn_known_t *k, uint64_t value)
{
    uint32_t  ago;

    ago = (k->now_s - (uint32_t) (value >> 8)) & STN_KNOWN_HEARD;

    /* another process's clock may be a little ahead */

    if (ago >= STN_KNOWN_HEARD - 1) {
        return 0;
    }

    return ago < STN_KNOWN_S ? ago : STN_KNOWN_S;
}
