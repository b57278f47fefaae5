/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a crowd of listeners (crowd.h) has met with, by edge: counters, and
 * samples of which percentiles are told.  Times in samples are milliseconds.
 */

#ifndef CROWD_STAT_H
#define CROWD_STAT_H

#include "stn_base.h"

#include <stdio.h>


/* A histogram has so many bins for each doubling of a time, from 1 us to some
 * weeks: percentiles are right to 1.6%. */
#define CROWD_BINS_OCTAVE  64
#define CROWD_BINS         (CROWD_BINS_OCTAVE * 36)


typedef enum {
    crowd_refused = 0,       /* nobody listens */
    crowd_tls,               /* no handshake, or a certificate not to trust */
    crowd_lost,              /* the connection ended before an answer did */
    crowd_timeout,           /* no answer in time */
    crowd_404,
    crowd_4xx,               /* others of them */
    crowd_503,               /* not let in, or nothing to send */
    crowd_5xx,               /* others of them */
    crowd_odd,               /* an answer that is none of HTTP's, or another
                                status */
    crowd_stale,             /* a playlist without the part that was asked
                                for, nor a later one */

    /* from here on: what may never be */

    crowd_playlist,          /* it cannot be read */
    crowd_name,              /* a part is not named as its place says */
    crowd_media,             /* an init segment or part that cannot be read */
    crowd_break,             /* a part does not begin where the one before it
                                ended, and nothing says so */
    crowd_back,              /* a part begins before the one before it ended */
    crowd_bytes,             /* a part's bytes are not those that others got */
    CROWD_ERRORS
} crowd_error_e;

#define CROWD_WRONG  crowd_playlist


typedef struct {
    long               n;
    double             min;       /* ms, as the maximum */
    double             max;
    uint32_t           bins[CROWD_BINS];
} crowd_samples_t;


typedef struct {
    long               joins;     /* listeners that came */
    long               leaves;    /* that went, and others came */
    long               started;   /* that have heard something */
    long               rejoins;   /* that had lost their place, and sought
                                     another one */
    long               downgraded;   /* that were given segments, not parts */
    long               reconnects;
    long               handshakes;   /* of TLS */
    long               resumed;   /* of them */
    long               requests;
    long               playlists;
    long               parts;
    long long          bytes;     /* of them */
    long               hinted;    /* of them, asked for before they were
                                     listed */
    long               compared;  /* whose bytes were compared */
    long               gaps;      /* parts that are said not to be */
    long               discontinuities;
    long               stalls;    /* times that a listener ran out of audio */
    long               stalled;   /* listeners for whom that was the first */
    double             stall_ms;  /* all of them together */
    double             longest_stall_ms;
    long               errors[CROWD_ERRORS];

    crowd_samples_t    start;     /* from the first connection to the first
                                     part */
    crowd_samples_t    age;       /* of a part when it came: since its end by
                                     the Unix clock */
    crowd_samples_t    late;      /* of a part that was waited for: how much
                                     more that is than the least ever seen */
    crowd_samples_t    after;     /* a part's first arrival here, after that
                                     from the first edge */
    crowd_samples_t    jumps;     /* of the media clock at discontinuities */
    crowd_samples_t    gap;       /* longest between parts of a listener */
} crowd_stat_t;


/* One sample; what is below 1 us (jumps may go back) is told by the minimum
 * alone. */
void crowd_sample(crowd_samples_t *s, double ms);

/* Adds what from has to all, and empties from. */
void crowd_stat_merge(crowd_stat_t *all, crowd_stat_t *from);

/* Adds it, and leaves from as it is. */
void crowd_stat_add(crowd_stat_t *all, const crowd_stat_t *from);

/* Errors that may never be. */
long crowd_stat_wrong(const crowd_stat_t *s);

/* Members of a JSON object, without its braces; with bins the histograms are
 * told, as [ms, how many] of each bin that has some, to add those of several
 * processes. */
void crowd_stat_print(FILE *out, const crowd_stat_t *s, unsigned bins);


#endif /* CROWD_STAT_H */
