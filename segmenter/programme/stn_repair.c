/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Choosing the unit that is repaired (see stn_repair.h).  What a decoder gives
 * back between two units that were not neighbours is wrong by as much as the
 * louder of them has to say, so two units are looked at, not one.
 */

#include "programme/stn_repair.h"

#include <string.h>


/* What the average forgets with each unit: in ten seconds at 48 kHz. */
#define STN_REPAIR_AVERAGE  (1.0 / 512)

/* Silence counts as no quieter than this, or it would be the average. */
#define STN_REPAIR_FLOOR  (-6000)


static int64_t stn_repair_samples(const stn_repair_t *r, int64_t ms);
static void stn_repair_average(stn_repair_t *r, int32_t level);
static unsigned stn_repair_wanted(stn_repair_t *r, int64_t drift,
    int64_t now);
static unsigned stn_repair_good(const stn_repair_t *r, int32_t level,
    int64_t now);


void
stn_repair_init(stn_repair_t *r, uint32_t rate, uint32_t frame)
{
    memset(r, 0, sizeof(*r));

    r->rate = rate;
    r->frame = frame;
}


int
stn_repair_look(stn_repair_t *r, int32_t level, int64_t drift, int64_t now)
{
    int32_t  louder;

    stn_repair_average(r, level);

    louder = stn_max(level, r->before);
    r->before = level;

    if (!stn_repair_wanted(r, drift, now)
        || !stn_repair_good(r, louder, now))
    {
        return 0;
    }

    r->last = now;
    r->since = 0;

    return drift > 0 ? 1 : -1;
}


static int64_t
stn_repair_samples(const stn_repair_t *r, int64_t ms)
{
    return stn_rescale(ms, r->rate, 1000);
}


static void
stn_repair_average(stn_repair_t *r, int32_t level)
{
    if (level == 0) {
        return;
    }

    level = stn_max(level, STN_REPAIR_FLOOR);

    if (r->average == 0) {
        r->average = level;
    }

    r->average += (level - r->average) * STN_REPAIR_AVERAGE;
}


/* Begins with a whole frame, and is given up at half of one. */

static unsigned
stn_repair_wanted(stn_repair_t *r, int64_t drift, int64_t now)
{
    int64_t  least;

    least = r->since ? r->frame / 2 : r->frame;

    if (drift < least && drift > -least) {
        r->since = 0;
        return 0;
    }

    if (r->last && now - r->last < stn_repair_samples(r, STN_REPAIR_PAUSE_MS))
    {
        return 0;
    }

    if (r->since == 0) {
        r->since = now;
    }

    return 1;
}


static unsigned
stn_repair_good(const stn_repair_t *r, int32_t level, int64_t now)
{
    double   below;
    int64_t  left;

    left = stn_repair_samples(r, STN_REPAIR_WAIT_MS) - (now - r->since);

    if (r->average == 0 || left <= 0) {
        return 1;
    }

    below = STN_REPAIR_BELOW * (double) left
            / (double) stn_repair_samples(r, STN_REPAIR_WAIT_MS);

    return level <= STN_REPAIR_QUIET || level <= r->average - below;
}
