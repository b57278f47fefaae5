/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a crowd of listeners (crowd.c) has met with, by edge: counters, and
 * samples of which percentiles are told.  Times in samples are milliseconds.
 */

#ifndef CROWD_STAT_H
#define CROWD_STAT_H

#include "stn_base.h"

#include <stdio.h>


typedef enum {
    crowd_refused = 0,       /* nobody listens */
    crowd_lost,              /* the connection ended before an answer did */
    crowd_timeout,           /* no answer in time */
    crowd_404,
    crowd_4xx,               /* others of them */
    crowd_5xx,
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
    float             *v;
    size_t             n;
    size_t             size;      /* allocated */
} crowd_samples_t;


typedef struct {
    long               joins;     /* listeners that came */
    long               started;   /* that have heard something */
    long               rejoins;   /* that had lost their place, and sought
                                     another one */
    long               reconnects;
    long               playlists;
    long               parts;
    long long          bytes;     /* of them */
    long               compared;  /* whose bytes were compared */
    long               gaps;      /* parts that are said not to be */
    long               discontinuities;
    long               stalls;    /* times that a listener ran out of audio */
    double             stall_ms;  /* all of them together */
    double             longest_stall_ms;
    long               errors[CROWD_ERRORS];

    crowd_samples_t    start;     /* from the first connection to the first
                                     part */
    crowd_samples_t    age;       /* of a part when it came: since its end by
                                     the Unix clock */
    crowd_samples_t    after;     /* a part's first arrival here, after that
                                     from the first edge */
    crowd_samples_t    jumps;     /* of the media clock at discontinuities */
    crowd_samples_t    gap;       /* longest between parts of a listener */
} crowd_stat_t;


/* Out of memory a sample is left out. */
void crowd_sample(crowd_samples_t *s, double ms);

/* Adds what from has to all, and empties from. */
void crowd_stat_merge(crowd_stat_t *all, crowd_stat_t *from);

/* Adds it, and leaves from as it is. */
void crowd_stat_add(crowd_stat_t *all, const crowd_stat_t *from);

void crowd_stat_free(crowd_stat_t *s);

/* Errors that may never be. */
long crowd_stat_wrong(const crowd_stat_t *s);

/* Members of a JSON object, without its braces; sorts the samples. */
void crowd_stat_print(FILE *out, crowd_stat_t *s);


#endif /* CROWD_STAT_H */
