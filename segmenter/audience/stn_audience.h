/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who really listens.  A member is a connection that has asked.  What it is
 * sent moves its horizon, the time up to which it has audio to play:
 *
 *     asked -> trying --.
 *     let in -> joining -+-> a part -> listening -> horizon -> leaving -> none
 *
 * A member is what it is until some time comes, and waits for that in a wheel
 * of slots.  News that only put the time off are written down, no more: when
 * its turn comes a member that has more time is put where it belongs then.
 *
 * Times are milliseconds of a clock that never goes back, told by the caller,
 * who owns the memory of members, too, and is told of each change.
 */

#ifndef STN_AUDIENCE_H
#define STN_AUDIENCE_H

#include "stn_base.h"


/* A slot of the wheel, and the wheel: what is farther away than it reaches is
 * looked at on the way. */
#define STN_AUDIENCE_SLOT_MS  100
#define STN_AUDIENCE_SLOTS    256      /* a power of two */

/* For so long after its horizon a member is taken for one that comes back. */
#define STN_AUDIENCE_LEAVING_MS  10000

/* For so long one that was let in is expected to get audio, and one that only
 * asks is told of. */
#define STN_AUDIENCE_JOINING_MS  10000
#define STN_AUDIENCE_TRYING_MS   10000

/* How often who leaves is looked at: he may be back by another connection. */
#define STN_AUDIENCE_LOOK_MS  1000

/* How often a member may begin anew with another stream: two of them in turn
 * are not twice the audio. */
#define STN_AUDIENCE_SWITCH_MS  10000


typedef enum {
    STN_MEMBER_NONE,
    STN_MEMBER_TRYING,
    STN_MEMBER_JOINING,
    STN_MEMBER_LISTENING,
    STN_MEMBER_LEAVING,
    STN_MEMBER_STATES
} stn_member_state_e;


typedef struct stn_member_s  stn_member_t;

struct stn_member_s {
    stn_member_t            *next;         /* in its slot; NULL: in none */
    stn_member_t            *prev;
    int64_t                  horizon_ms;   /* 0: it has had no audio */
    int64_t                  asked_ms;     /* last */
    int64_t                  joined_ms;    /* 0: not, or it is settled */
    int64_t                  switched_ms;  /* to its stream */
    int64_t                  heard;        /* media time, ms: it has all up to
                                              there */
    uint64_t                 stream;       /* 0: none yet */
    uint8_t                  state;        /* stn_member_state_e */
    uint8_t                  open;         /* boolean: still connected */
};


/* A piece of a stream's programme. */

typedef struct {
    uint64_t                 stream;       /* its identity, never 0 */
    int64_t                  from;         /* media time, ms */
    int64_t                  to;
    int64_t                  cap;          /* ms: nobody has more ahead */
} stn_audio_t;


typedef struct {
    stn_member_t             slots[STN_AUDIENCE_SLOTS];    /* heads of rings */
    int64_t                  next;         /* slot to be looked at next, ever
                                              counted on */
    size_t                   waiting;      /* members in the wheel */

    /* called after a member has become something else; before says what it
     * was.  It may be freed when it is STN_MEMBER_NONE and not open. */
    void                   (*changed)(void *data, stn_member_t *m,
                                      stn_member_state_e before);

    /* Whether a member that leaves is back by another connection. */
    int                    (*back)(void *data, stn_member_t *m);
    void                    *data;
} stn_audience_t;


/* Begins; changed, back and data are set by the caller. */
void stn_audience_init(stn_audience_t *a, int64_t now);

/* A member that is connected, and nothing else yet. */
void stn_audience_enter(stn_member_t *m);

/* It asks for something. */
void stn_audience_ask(stn_audience_t *a, stn_member_t *m, int64_t now);

/* It was let in. */
void stn_audience_join(stn_audience_t *a, stn_member_t *m, int64_t now);

/* All of a piece was sent to it.  Returns how much of that, in ms, it had not
 * had before. */
int64_t stn_audience_sent(stn_audience_t *a, stn_member_t *m,
    const stn_audio_t *audio, int64_t now);

/* The connection of a member that is something is gone: it may still listen or
 * leave. */
void stn_audience_close(stn_audience_t *a, stn_member_t *m, int64_t now);

/* Moves the wheel on to now; to be called about once a slot as long as anybody
 * waits in it. */
void stn_audience_tick(stn_audience_t *a, int64_t now);


#endif /* STN_AUDIENCE_H */
