/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Timers of a crowd (see crowd_wheel.h).  What is further away than the wheel
 * is round waits in its last slot, and goes round once more.
 */

#include "crowd_wheel.h"

#include <string.h>


static void crowd_wheel_link(crowd_wheel_t *w, crowd_timer_t *t);
static void crowd_wheel_unlink(crowd_timer_t *t);


void
crowd_wheel_init(crowd_wheel_t *w, int64_t now)
{
    memset(w, 0, sizeof(*w));
    w->slot = now / CROWD_WHEEL_NS;
}


void
crowd_wheel_set(crowd_wheel_t *w, crowd_timer_t *t, int64_t when)
{
    t->when = when;

    if (t->prev) {
        if (when / CROWD_WHEEL_NS >= t->slot) {
            return;
        }

        crowd_wheel_unlink(t);
    }

    crowd_wheel_link(w, t);
}


static void
crowd_wheel_link(crowd_wheel_t *w, crowd_timer_t *t)
{
    crowd_timer_t  **head;

    t->slot = stn_max(t->when / CROWD_WHEEL_NS, w->slot + 1);
    t->slot = stn_min(t->slot, w->slot + CROWD_WHEEL_SLOTS - 1);

    head = &w->slots[t->slot % CROWD_WHEEL_SLOTS];

    t->next = *head;
    t->prev = head;

    if (t->next) {
        t->next->prev = &t->next;
    }

    *head = t;
}


static void
crowd_wheel_unlink(crowd_timer_t *t)
{
    *t->prev = t->next;

    if (t->next) {
        t->next->prev = t->prev;
    }

    t->prev = NULL;
}


crowd_timer_t *
crowd_wheel_due(crowd_wheel_t *w, int64_t now)
{
    crowd_timer_t  *t;

    /* a slot is gone through when all of its time is past */

    while (w->slot + 1 < now / CROWD_WHEEL_NS) {
        t = w->slots[(w->slot + 1) % CROWD_WHEEL_SLOTS];

        if (t == NULL) {
            w->slot++;
            continue;
        }

        crowd_wheel_unlink(t);

        if (t->when <= now) {
            return t;
        }

        /* it was put off: this slot is no longer one to wait in */

        w->slot++;
        crowd_wheel_link(w, t);
        w->slot--;
    }

    return NULL;
}
