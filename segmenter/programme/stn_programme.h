/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The programme: the never-ending sequence of frames that listeners get.  It
 * takes access units when a broadcaster sends some and hold audio when he
 * does not, puts them on one clock of samples since the Unix epoch, and hands
 * them out one by one, never early and never missing:
 *
 *     window, dated back       live              hold     live
 *     |hold hold hold hold hold|unit unit unit ...|hold hold|unit ...
 *     ^ born                   ^ first unit       ^ no unit for part + grace
 *
 * The caller feeds units and asks for frames, telling the time each time.
 * One thread uses a programme; it owns all of its memory, which is bounded.
 */

#ifndef STN_PROGRAMME_H
#define STN_PROGRAMME_H

#include "stn_fifo.h"
#include "stn_format.h"
#include "programme/stn_hold.h"
#include "programme/stn_repair.h"
#include "programme/stn_timeline.h"


/* Units that wait for their time: about a quarter of a minute at 256 kbit/s.
 * When it is full, the broadcaster is told to wait. */
#define STN_PROGRAMME_QUEUE  (512 * 1024)

/* How long a new session is watched before its clock is believed. */
#define STN_PROGRAMME_SETTLE_US  100000


typedef struct {
    int64_t   grace_us;        /* after a part's length without units */
    int64_t   part_us;         /* a part's length */
    int64_t   window;          /* samples that a new programme is dated back */
    int64_t   segment;         /* samples a segment: where a window begins */
    const stn_hold_t  *comfort;   /* the caller's, who keeps it alive; NULL:
                                     the programme makes its own */
} stn_programme_conf_t;


typedef struct {
    uint64_t  live_frames;
    uint64_t  hold_frames;     /* born window included */
    uint64_t  gaps_filled;     /* frames put where a unit was missing */
    uint64_t  stale_dropped;   /* units that came after their time */
    uint64_t  resyncs;         /* times the broadcaster's clock changed */
    uint64_t  drift_repairs;   /* frames dropped or doubled for his clock's
                                  rate; in a ladder: as many as resampled */
    uint64_t  broken;          /* units that could not be decoded */
} stn_programme_stats_t;


typedef struct {
    stn_format_t           format;
    stn_programme_conf_t   conf;
    stn_hold_t             comfort;
    const stn_hold_t      *hold;        /* the caller's; NULL: comfort */
    stn_timeline_t         timeline;
    stn_repair_t           repair;
    stn_fifo_t             queue;
    stn_programme_stats_t  stats;
    int64_t                pos;         /* the next frame's place */
    int64_t                fill_to;     /* hold audio goes up to here */
    int64_t                settled_us;  /* 0: no unit of this session yet */
    int64_t                due_us;      /* when next() has something again */
    unsigned               born;        /* boolean: pos is valid */
    unsigned               present;     /* boolean: a broadcaster is there */
    unsigned               holding;     /* boolean: not live at this moment */
    unsigned               taken;       /* boolean: queue's head was given */
    unsigned               again;       /* boolean: queue's head is to be given
                                           once more */
    unsigned               muted;       /* boolean: hold instead of units */
} stn_programme_t;


/* Makes a programme that is not born yet, and without conf->comfort its hold
 * audio (a tenth of a second of CPU).  Returns STN_OK, STN_NOMEM, or
 * STN_UNSUPPORTED when no hold audio can be made for the format. */
int stn_programme_init(stn_programme_t *p, const stn_format_t *format,
    const stn_programme_conf_t *conf);

void stn_programme_free(stn_programme_t *p);

/* Born at now_us without a broadcaster: a window of hold audio up to then
 * comes first, then hold audio as time goes by.  Not for one already born. */
void stn_programme_birth(stn_programme_t *p, int64_t now_us);

/* Goes on with a programme whose next frame is at sample pos (any), instead
 * of being born with a window of its own.  Units may have been fed before, as
 * many as the queue holds. */
void stn_programme_resume(stn_programme_t *p, int64_t pos);

/* A broadcaster has come (or another one): units from an earlier one that
 * still wait are forgotten. */
void stn_programme_arrive(stn_programme_t *p);

/* He has left: what waits is played, then hold audio at once. */
void stn_programme_leave(stn_programme_t *p);

/* Hold audio is that loop from now on, which is the caller's and must live as
 * long; NULL: comfort, the programme's own. */
void stn_programme_hold(stn_programme_t *p, const stn_hold_t *hold);

/* While on, units are taken as ever, but hold audio is given in their places;
 * it stays on from one session to the next. */
void stn_programme_mute(stn_programme_t *p, unsigned on);

/* Takes a unit that arrived at now_us (microseconds since the Unix epoch).
 * Returns STN_OK, or STN_LIMIT when as many wait as may: try again later. */
int stn_programme_feed(stn_programme_t *p, const stn_au_t *au,
    int64_t now_us);

/* Whether a unit of len bytes would be too many. */
unsigned stn_programme_full(const stn_programme_t *p, size_t len);

/* The next frame, if its time has come by now_us.  Returns STN_OK, or
 * STN_AGAIN: nothing before the next unit, or before p->due_us. */
int stn_programme_next(stn_programme_t *p, int64_t now_us, stn_frame_t *f);

/* Whether the session's first unit has its place, or would get it from next()
 * now: one has come, and has been watched long enough or he has left. */
unsigned stn_programme_settled(const stn_programme_t *p, int64_t now_us);

/* Whether no unit waits (the one last given does not). */
unsigned stn_programme_drained(const stn_programme_t *p);

/* Whether hold audio plays, since there is no unit or it is muted. */
unsigned stn_programme_holding(const stn_programme_t *p);

/* Where the next frame begins. */
int64_t stn_programme_pos(const stn_programme_t *p);


#endif /* STN_PROGRAMME_H */
