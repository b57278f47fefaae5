/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A crowd of low-latency HLS listeners: what the listeners (crowd_listener.c)
 * and the loop that moves them (crowd.c) share.
 */

#ifndef CROWD_H
#define CROWD_H

#include "bench_hls.h"
#include "bench_http.h"
#include "crowd_stat.h"


#define CROWD_EDGES        64
#define CROWD_LISTENERS    18000     /* descriptors that a process may have */
#define CROWD_STREAMS      4096
#define CROWD_URI          96        /* bytes of one relative to a playlist */
#define CROWD_REQUEST      512
#define CROWD_QUEUE        32        /* parts to get of one playlist */
#define CROWD_RECENT       1024      /* parts of a stream that are remembered */
#define CROWD_SEGMENT      64        /* parts of a segment, for that */


typedef enum {
    crowd_away = 0,          /* nothing is under way; goes on when it is due */
    crowd_connecting,
    crowd_variants,          /* has asked for the multivariant playlist, */
    crowd_list,              /* the media playlist as it is, */
    crowd_reload,            /* the media playlist with the next part, */
    crowd_init,
    crowd_part,
    crowd_done               /* the stream has ended */
} crowd_state_e;


/* A part that a listener is going to get. */

typedef struct {
    uint64_t           msn;
    unsigned           part;
    unsigned           gap;              /* booleans, as in bench_hls_part_t */
    unsigned           discontinuity;
    char               uri[CROWD_URI];
    char               map[CROWD_URI];
} crowd_part_t;


typedef struct {
    crowd_state_e      state;
    int                fd;               /* -1: not connected */
    int64_t            due;              /* ns; when away */
    int64_t            asked;            /* ns; when not */
    unsigned           number;
    unsigned           edge;
    unsigned           stream;
    unsigned           tries;            /* failures in a row */

    /* where in the stream it is */

    unsigned           placed;           /* boolean: it has a place, */
    uint64_t           msn;              /* behind this part */
    unsigned           part;
    unsigned           whole;            /* boolean: it has all of the last
                                            playlist, after which comes */
    uint64_t           next_msn;
    unsigned           next_part;
    crowd_part_t       queue[CROWD_QUEUE];
    unsigned           queued;
    unsigned           at;               /* in the queue */
    char               list[CROWD_URI];  /* media playlist; empty: unknown */
    char               listed[CROWD_URI];    /* the last playlist's map */
    char               map[CROWD_URI];   /* of the init segment it has */
    uint32_t           timescale;
    int64_t            pos;              /* ticks: end of what it has */
    unsigned           loose;            /* boolean: not right behind that */

    /* its player: media time m is heard at clock + m */

    unsigned           started;          /* boolean: it has heard something */
    unsigned           tuned;            /* boolean: its clock runs */
    double             clock_ms;
    double             end_ms;           /* media time up to which it has */
    double             lead_ms;          /* from where it starts to the end of
                                            what there is */
    double             hold_ms;          /* it keeps that far from the end */
    int64_t            came;             /* ns */
    int64_t            heard;            /* ns: the last part came */
    double             gap_ms;           /* longest between parts */

    bench_http_t       answer;
} crowd_listener_t;


/* A part as the first who verified it got it; and when, at each edge. */

typedef struct {
    uint64_t           msn;
    unsigned           part;
    unsigned           known;            /* boolean: sum is */
    uint64_t           sum;
    int64_t            came[];           /* ns, of each edge; 0: not yet */
} crowd_recent_t;


typedef struct {
    unsigned           nlisteners;
    unsigned           nedges;
    unsigned           nstreams;
    unsigned           ports[CROWD_EDGES];
    const char        *stream;           /* application/name; of several the
                                            beginning, with a number behind */
    long               rate;             /* joins a second */
    long               seconds;          /* how long; 0: till it is told */
    unsigned           verify;           /* one in so many compares bytes */
    unsigned           failover;         /* boolean: goes to another edge */
    double             hold_ms;          /* the least hold-back */
    int64_t            timeout;          /* ns, for an answer */
    unsigned           told;             /* boolean: by standard input */

    int                ep;
    int64_t            now;              /* ns, as of the last event */
    int64_t            marked;           /* ns */
    crowd_listener_t  *listeners;
    unsigned           joined;
    unsigned           done;             /* have heard the stream's end */
    char              *recent;           /* nstreams * CROWD_RECENT */
    size_t             recent_size;      /* of one */
    crowd_stat_t       stat[CROWD_EDGES];    /* since the last mark */
    crowd_stat_t       all[CROWD_EDGES];     /* before it */
    bench_hls_t        pl;
    const char        *reason;
} crowd_t;


/* A listener comes. */
void crowd_join(crowd_t *c, crowd_listener_t *l);

/* Its descriptor is ready for something (epoll's bits). */
void crowd_event(crowd_t *c, crowd_listener_t *l, unsigned events);

/* Time has passed: it may be due, or have waited too long. */
void crowd_tick(crowd_t *c, crowd_listener_t *l);

/* For how long it has had nothing to play, ms; 0: it does not run dry. */
double crowd_silent(const crowd_t *c, const crowd_listener_t *l);


#endif /* CROWD_H */
