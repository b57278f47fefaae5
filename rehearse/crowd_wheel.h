/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Timers of a crowd: a wheel of slots, each with the listeners whose time is
 * then or later.  To put off a timer, which each request does with its
 * time-out, costs nothing: it is looked at again when its slot comes round.
 */

#ifndef CROWD_WHEEL_H
#define CROWD_WHEEL_H

#include "stn_base.h"


#define CROWD_WHEEL_SLOTS  1024
#define CROWD_WHEEL_NS     (10 * 1000000LL)      /* of a slot */


typedef struct crowd_timer_s  crowd_timer_t;

/* Embedded at the beginning of what waits; zeroed memory is a good start. */

struct crowd_timer_s {
    crowd_timer_t  *next;
    crowd_timer_t **prev;      /* what points here; NULL: in no slot */
    int64_t         when;      /* ns; the time that is wanted */
    int64_t         slot;      /* which it waits in, counted from the first */
};


typedef struct {
    crowd_timer_t  *slots[CROWD_WHEEL_SLOTS];
    int64_t         slot;      /* up to which all have been gone through */
} crowd_wheel_t;


/* Starts at that time, ns. */
void crowd_wheel_init(crowd_wheel_t *w, int64_t now);

/* The timer is due at that time, ns, whatever it was before. */
void crowd_wheel_set(crowd_wheel_t *w, crowd_timer_t *t, int64_t when);

/* A timer that is due by now, which is in no slot then; NULL: none is. */
crowd_timer_t *crowd_wheel_due(crowd_wheel_t *w, int64_t now);


#endif /* CROWD_WHEEL_H */
