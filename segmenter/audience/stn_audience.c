/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Members, what they are and until when (see stn_audience.h).  Each function
 * works out what a member is now from what is written down of it, and moves
 * it in the wheel only if that has changed: a part costs a listener two
 * stores.
 */

#include "stn_audience.h"


static stn_member_state_e stn_audience_state(stn_audience_t *a,
    stn_member_t *m, int64_t now, int64_t *until);
static void stn_audience_settle(stn_audience_t *a, stn_member_t *m,
    int64_t now);
static void stn_audience_wait(stn_audience_t *a, stn_member_t *m,
    int64_t until);
static void stn_audience_leave_slot(stn_audience_t *a, stn_member_t *m);


void
stn_audience_init(stn_audience_t *a, int64_t now)
{
    size_t         i;
    stn_member_t  *head;

    for (i = 0; i < STN_AUDIENCE_SLOTS; i++) {
        head = &a->slots[i];
        head->next = head;
        head->prev = head;
    }

    a->next = now / STN_AUDIENCE_SLOT_MS;
    a->waiting = 0;
}


void
stn_audience_enter(stn_member_t *m)
{
    *m = (stn_member_t) { .open = 1 };
}


void
stn_audience_ask(stn_audience_t *a, stn_member_t *m, int64_t now)
{
    m->asked_ms = now;

    if (m->state == STN_MEMBER_NONE) {
        stn_audience_settle(a, m, now);
    }
}


void
stn_audience_join(stn_audience_t *a, stn_member_t *m, int64_t now)
{
    m->joined_ms = now;

    stn_audience_settle(a, m, now);
}


int64_t
stn_audience_sent(stn_audience_t *a, stn_member_t *m, const stn_audio_t *audio,
    int64_t now)
{
    int64_t  ms;

    if (m->stream != audio->stream
        && (m->stream == 0 || now - m->switched_ms >= STN_AUDIENCE_SWITCH_MS))
    {
        m->heard = audio->from;
    }

    ms = audio->to - stn_max(audio->from, m->heard);

    if (ms <= 0) {
        return 0;
    }

    if (m->stream != audio->stream) {
        m->stream = audio->stream;
        m->switched_ms = now;
    }

    m->heard = audio->to;
    m->horizon_ms = stn_min(stn_max(m->horizon_ms, now) + ms,
                            now + audio->cap);
    m->joined_ms = 0;

    if (m->state != STN_MEMBER_LISTENING) {
        stn_audience_settle(a, m, now);
    }

    return ms;
}


void
stn_audience_close(stn_audience_t *a, stn_member_t *m, int64_t now)
{
    m->open = 0;

    if (m->state != STN_MEMBER_LISTENING) {
        stn_audience_settle(a, m, now);
    }
}


/* What a member is now, and until when if nothing happens. */

static stn_member_state_e
stn_audience_state(stn_audience_t *a, stn_member_t *m, int64_t now,
    int64_t *until)
{
    int  had;

    if (m->horizon_ms > now) {
        *until = m->horizon_ms;
        return STN_MEMBER_LISTENING;
    }

    had = m->horizon_ms && now - m->horizon_ms < STN_AUDIENCE_LEAVING_MS;

    if (had && !a->back(a->data, m)) {
        *until = stn_min(m->horizon_ms + STN_AUDIENCE_LEAVING_MS,
                         now + STN_AUDIENCE_LOOK_MS);
        return STN_MEMBER_LEAVING;
    }

    if (m->open && m->joined_ms
        && now - m->joined_ms < STN_AUDIENCE_JOINING_MS)
    {
        *until = m->joined_ms + STN_AUDIENCE_JOINING_MS;
        return STN_MEMBER_JOINING;
    }

    /* who takes audio by another connection in turn with this one does not
     * merely try */

    if (m->open && !had && m->asked_ms
        && now - m->asked_ms < STN_AUDIENCE_TRYING_MS)
    {
        *until = m->asked_ms + STN_AUDIENCE_TRYING_MS;
        return STN_MEMBER_TRYING;
    }

    *until = 0;

    return STN_MEMBER_NONE;
}


static void
stn_audience_settle(stn_audience_t *a, stn_member_t *m, int64_t now)
{
    int64_t             until;
    stn_member_state_e  before;

    before = (stn_member_state_e) m->state;
    m->state = (uint8_t) stn_audience_state(a, m, now, &until);

    stn_audience_leave_slot(a, m);

    if (a->waiting == 0) {
        a->next = now / STN_AUDIENCE_SLOT_MS;
    }

    if (until) {
        stn_audience_wait(a, m, until);
    }

    if (m->state != before) {
        a->changed(a->data, m, before);
    }
}


/* A slot is looked at when all of its time is past. */

static void
stn_audience_wait(stn_audience_t *a, stn_member_t *m, int64_t until)
{
    int64_t        slot;
    stn_member_t  *head;

    slot = stn_max(until / STN_AUDIENCE_SLOT_MS, a->next);
    slot = stn_min(slot, a->next + STN_AUDIENCE_SLOTS - 1);

    head = &a->slots[slot & (STN_AUDIENCE_SLOTS - 1)];

    m->next = head;
    m->prev = head->prev;
    m->prev->next = m;
    head->prev = m;

    a->waiting++;
}


static void
stn_audience_leave_slot(stn_audience_t *a, stn_member_t *m)
{
    if (m->next == NULL) {
        return;
    }

    m->prev->next = m->next;
    m->next->prev = m->prev;
    m->next = NULL;

    a->waiting--;
}


void
stn_audience_tick(stn_audience_t *a, int64_t now)
{
    int64_t        end;
    stn_member_t  *head, due, *m;

    end = now / STN_AUDIENCE_SLOT_MS;

    if (a->waiting == 0) {
        a->next = end;
        return;
    }

    while (a->next < end) {
        head = &a->slots[a->next++ & (STN_AUDIENCE_SLOTS - 1)];

        if (head->next == head) {
            continue;
        }

        /* nobody who is put back comes into a slot that is looked through */

        due = *head;
        due.next->prev = &due;
        due.prev->next = &due;
        head->next = head;
        head->prev = head;

        while (due.next != &due) {
            m = due.next;
            stn_audience_settle(a, m, now);
        }
    }
}
