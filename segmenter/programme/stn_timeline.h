/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where on the programme's clock a broadcaster's access unit belongs.  The
 * programme counts samples since the Unix epoch; the broadcaster counts from
 * wherever he likes, in units that are too coarse, with gaps, jumps and
 * bursts.  The timeline keeps the one offset between the two and judges each
 * unit: take it as the next frame, drop it, or fill what is missing first.  It
 * also tells by how much the programme has become too short or too long for
 * the wall clock, since the broadcaster's own clock is slower or faster.
 * Pure arithmetic: the time comes in as an argument.
 */

#ifndef STN_TIMELINE_H
#define STN_TIMELINE_H

#include "stn_au.h"
#include "programme/stn_drift.h"


/* What is heard of an AAC frame is older than its arrival says: decoders give
 * back the block before it, and some encoders look a block ahead, so it is 21
 * to 44 ms at 48 kHz.  A date lies between the sound and its arrival. */
#define STN_TIMELINE_DELAY_MS   10

/* Units are taken as the next frame while they are this close to it: twice
 * what millisecond rounding and a careless clock make of a steady stream. */
#define STN_TIMELINE_MARGIN_MS  60

/* Gaps up to this are filled; what is farther away is another clock. */
#define STN_TIMELINE_REPAIR_MS  10000

/* How far the programme may run ahead of the wall clock before units wait. */
#define STN_TIMELINE_AHEAD_MS   250

/* Late units are dropped while they catch up with the wall clock: that is a
 * backlog that passes by.  If they come no closer for this long, it is the
 * broadcaster's clock that changed. */
#define STN_TIMELINE_STALE_MS   1000

/* A session's first unit is taken to be at most this old, whatever the
 * timestamps of those behind it say. */
#define STN_TIMELINE_BACK_MS    30000

/* A session that begins on a running programme with a unit that was already
 * older than this when it arrived is taken for a recording pushed faster than
 * it plays, and all of it is played.  What does not go on to come so much
 * faster within that time was only held up on its way: it is brought back to
 * the wall clock, or it would be heard late until its end. */
#define STN_TIMELINE_BURST_MS   1000
#define STN_TIMELINE_JUDGE_MS   3000


typedef enum {
    STN_TIMELINE_TAKE,         /* it is the next frame */
    STN_TIMELINE_DROP,         /* its place has already been filled */
    STN_TIMELINE_FILL          /* *fill frames go before it; then ask again */
} stn_timeline_e;


typedef struct {
    uint32_t     rate;         /* samples a second */
    uint32_t     frame;        /* samples a frame */
    int64_t      offset;       /* programme sample minus broadcaster sample */
    int64_t      origin;       /* what it was at first */
    int64_t      first;        /* when the first unit came; 0: none yet */
    int64_t      stale_since;  /* sample on the wall clock; 0: nothing stale */
    int64_t      stale_by;     /* how late units were then, samples */
    int64_t      late;         /* samples that what is taken for a recording
                                  plays behind its time; 0: nothing is */
    int64_t      patience;     /* until then late units only catch up with
                                  what is held already */
    stn_drift_t  drift;        /* of his timestamps, with that first offset */
    double       bias;         /* how far beyond the next frame's place units
                                  belong; an average */
    unsigned     spliced;      /* boolean: bias begins with the next unit */
    unsigned     settling;     /* boolean: offset is being found */
    unsigned     crowded;      /* boolean: units had to wait for room */
    uint64_t     resyncs;      /* how often offset was given up */
} stn_timeline_t;


void stn_timeline_init(stn_timeline_t *t, uint32_t rate, uint32_t frame);

/* Begins a session: forgets the offset. */
void stn_timeline_reset(stn_timeline_t *t);

/*
 * Learns from a unit with timestamp ts (STN_TS_HZ) that arrived at wall-clock
 * sample now: of all units shown before the start, the least delayed one says
 * where the broadcaster's clock stands.
 */
void stn_timeline_settle(stn_timeline_t *t, int64_t ts, int64_t now);

/*
 * Ends the settling.  ts is the timestamp of the first unit, pos the next
 * frame's place on a running programme, or -1 when there is none yet, now the
 * wall clock.  Returns where the first unit belongs, a whole number of frames
 * from pos, or from the epoch.
 */
int64_t stn_timeline_start(stn_timeline_t *t, int64_t ts, int64_t pos,
    int64_t now);

/*
 * Judges the unit with timestamp ts when pos is the next frame's place and
 * now the wall clock (both in samples since the epoch).
 */
stn_timeline_e stn_timeline_place(stn_timeline_t *t, int64_t ts, int64_t pos,
    int64_t now, int64_t *fill);

/* Watches the clock: the unit with timestamp ts came at wall-clock sample now.
 * To be called for each one after the start, as it comes. */
void stn_timeline_watch(stn_timeline_t *t, int64_t ts, int64_t now);

/* A unit found no room where units wait for their time: nobody who is live
 * sends so many, so it is a recording. */
void stn_timeline_crowd(stn_timeline_t *t);

/*
 * By how many samples the programme should be corrected now, for the drift of
 * the broadcaster's clock and for units that were too few or too many without
 * a gap that could be filled.  Positive: it has become too short, insert;
 * negative: remove.  What is not certain is left out, so it is 0 while nothing
 * is to be done, and in a session's first minute.
 */
int64_t stn_timeline_drift(const stn_timeline_t *t);

/* How fast that grows: millionths, smoothed over half an hour. */
double stn_timeline_ppm(const stn_timeline_t *t);

/* The programme was made so many samples longer (shorter: negative) than the
 * units that were placed. */
void stn_timeline_correct(stn_timeline_t *t, int64_t samples);

/* Where the unit with timestamp ts belongs, once the session has started. */
int64_t stn_timeline_at(const stn_timeline_t *t, int64_t ts);

/* ms milliseconds in samples. */
int64_t stn_timeline_samples(const stn_timeline_t *t, int64_t ms);


#endif /* STN_TIMELINE_H */
