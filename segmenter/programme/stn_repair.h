/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * When to drop a unit or play one twice, so that a programme whose frames are
 * passed through keeps up with a clock that drifts: not before a whole frame
 * is wrong, not often, and where it is quiet, if there is such a place within
 * some seconds.  It sees each unit's level as it is played and says what to
 * do with it.  Pure arithmetic: the time comes in as an argument.
 */

#ifndef STN_REPAIR_H
#define STN_REPAIR_H

#include "stn_base.h"


/* One frame at most in this time. */
#define STN_REPAIR_PAUSE_MS  20000

/* Quiet is, in hundredths of a dB: below this, */
#define STN_REPAIR_QUIET  (-5000)

/* or so much below the average.  The longer it takes the less will do, and
 * after this time anything. */
#define STN_REPAIR_BELOW    1200
#define STN_REPAIR_WAIT_MS  15000


typedef struct {
    uint32_t  rate;            /* samples a second */
    uint32_t  frame;           /* samples a frame */
    int64_t   last;            /* when a unit was repaired; 0: none was */
    int64_t   since;           /* since when one is to be; 0: none is */
    double    average;         /* of levels; 0: none was measured */
    int32_t   before;          /* the last unit's level */
} stn_repair_t;


void stn_repair_init(stn_repair_t *r, uint32_t rate, uint32_t frame);

/*
 * Looks at a unit that is to be played at wall-clock sample now: its level
 * (RMS in hundredths of a dB, 0: not measured), and by how many samples the
 * programme is too short.  Returns 1 when the unit is to be played twice, -1
 * when it is to be dropped, 0 when nothing is to be done.
 */
int stn_repair_look(stn_repair_t *r, int32_t level, int64_t drift,
    int64_t now);


#endif /* STN_REPAIR_H */
