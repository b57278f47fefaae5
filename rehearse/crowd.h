/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A crowd of HLS listeners in one thread: what those who live in it share.
 * crowd.c has the loop that moves them, crowd_told.c what it is told
 * meanwhile, crowd_listener.c how a listener comes, asks, fails and comes
 * again, crowd_player.c what it makes of playlists and parts, crowd_bot.c
 * those who only seem to listen.
 */

#ifndef CROWD_H
#define CROWD_H

#include "crowd_cache.h"
#include "crowd_stat.h"
#include "crowd_wheel.h"
#include "crowd_wire.h"


#define CROWD_EDGES        64
#define CROWD_SPARE        8         /* of them, that playlists may name */
#define CROWD_LISTENERS    18000     /* descriptors that a process may have */
#define CROWD_STREAMS      4096
#define CROWD_URI          96        /* bytes of one relative to a playlist */
#define CROWD_PATH         256       /* of a playlist */
#define CROWD_NUMBER       8         /* bytes of a stream's */
#define CROWD_QUEUE        32        /* parts to get of one playlist */
#define CROWD_RECENT       1024      /* parts of a stream that are remembered */
#define CROWD_SEGMENT      64        /* parts of a segment, for that */
#define CROWD_MULTI        8192      /* multivariant playlists that differ */
#define CROWD_RAMPS        64        /* of joining */
#define CROWD_MS           1000000LL
#define CROWD_SECOND       1000000000LL


/* Players first; from crowd_slow on nobody's delay counts. */

typedef enum {
    crowd_ll = 0,            /* low latency: parts, blocking reload */
    crowd_classic,           /* segments, and polls */
    crowd_preload,           /* parts, each asked for before it is listed */
    crowd_slow,              /* low latency, over a line that is too slow */
    crowd_bot_list,          /* gets playlists only */
    crowd_bot_part,          /* the same part over and over */
    crowd_bot_idle,          /* connects, and says nothing */
    crowd_bot_loris,         /* sends a request a byte at a time */
    crowd_bot_odd,           /* sends what is no request */
    CROWD_KINDS
} crowd_kind_e;


typedef enum {
    crowd_away = 0,          /* nothing is under way; goes on when it is due */
    crowd_connecting,
    crowd_variants,          /* has asked for the multivariant playlist, */
    crowd_list,              /* the media playlist as it is, */
    crowd_reload,            /* the media playlist with the next part, */
    crowd_init,
    crowd_part,              /* a part, or for a classic player a segment */
    crowd_botting,           /* see crowd_bot.c */
    crowd_done               /* the stream has ended */
} crowd_state_e;


/* A part that a listener is going to get. */

typedef struct {
    uint64_t           msn;
    unsigned           part;
    unsigned           gap;              /* booleans, as in crowd_hls_part_t */
    unsigned           discontinuity;
    unsigned           waited;           /* boolean: it was asked for before
                                            it was there */
    char               uri[CROWD_URI];
    char               map[CROWD_URI];
} crowd_part_t;


/* The variants of a multivariant playlist: the first is listened to, the
 * others when its edge is gone. */

typedef struct {
    uint64_t           sum;
    unsigned           edge;             /* whose it is */
    unsigned           n;
    unsigned           edges[CROWD_HLS_VARIANTS];
    char               paths[CROWD_HLS_VARIANTS][CROWD_PATH];
} crowd_multi_t;


/* The connection on which a part is waited for that a playlist has hinted at
 * (RFC 8216bis, 4.4.5.3), while the other one waits for the playlist. */

typedef struct {
    crowd_wire_t       wire;
    char               path[CROWD_PATH];
    unsigned           asked;            /* booleans: it is to be got, */
    unsigned           sent;             /* was asked for, */
    unsigned           ready;            /* is there, */
    unsigned           waited;           /* and the listener has nothing else
                                            to do */
} crowd_hint_t;


typedef struct {
    crowd_timer_t      timer;            /* the first: it is found by it */
    crowd_wire_t       wire;
    crowd_hint_t      *hint;             /* owned; of who preloads */
    crowd_kind_e       kind;
    unsigned           classic;          /* boolean: it plays segments */
    crowd_state_e      state;
    int64_t            due;              /* ns; when away */
    int64_t            asked;            /* ns; when not */
    int64_t            leaves;           /* ns; 0: it stays */
    int64_t            poll;             /* ns: a classic player asks again */
    unsigned           number;
    unsigned           edge;
    unsigned           stream;
    unsigned           tries;            /* failures in a row */

    /* where in the stream it is */

    const crowd_multi_t  *multi;
    unsigned           variant;
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
    char               hinted[CROWD_URI];    /* of the part to come */
    char               list[CROWD_PATH]; /* media playlist; empty: unknown */
    char               listed[CROWD_URI];    /* the last playlist's map */
    char               map[CROWD_URI];   /* of the init segment it has */
    uint32_t           timescale;
    int64_t            pos;              /* ticks: end of what it has */
    unsigned           loose;            /* boolean: not right behind that */

    /* its player: media time m is heard at clock + m */

    unsigned           started;          /* boolean: it has heard something */
    unsigned           tuned;            /* boolean: its clock runs */
    unsigned           stalled;          /* boolean: it has run dry once */
    double             clock_ms;
    double             end_ms;           /* media time up to which it has */
    double             lead_ms;          /* from where it starts to the end of
                                            what there is */
    double             hold_ms;          /* it keeps that far from the end */
    int64_t            came;             /* ns */
    int64_t            heard;            /* ns: the last part came */
    double             gap_ms;           /* longest between parts */
} crowd_listener_t;


/* A part as the first who verified it got it; and when, at each edge. */

typedef struct {
    uint64_t           msn;
    unsigned           part;
    unsigned           known;            /* boolean: sum is */
    uint64_t           sum;
    int64_t            came[];           /* ns, of each edge; 0: not yet */
} crowd_recent_t;


/* Who comes: so many, evenly or more and more, over a time. */

typedef struct {
    unsigned           n;
    unsigned           come;             /* of them */
    unsigned           rising;           /* boolean */
    int64_t            since;            /* ns */
    int64_t            took;             /* ns */
    double             shares[CROWD_KINDS];  /* of 1 */
} crowd_ramp_t;


typedef struct {
    unsigned           nlisteners;
    unsigned           first;            /* number of the first */
    unsigned           nedges;
    unsigned           nstreams;
    crowd_edge_t       edges[CROWD_EDGES];
    char               name[CROWD_PATH];
    char               entry[CROWD_PATH];    /* of what players are given: the
                                            directory, */
    const char        *file;             /* and from its slash on */
    long               rate;             /* joins a second; 0: when told */
    long               seconds;          /* how long; 0: till it is told */
    unsigned           verify;           /* one in so many compares bytes */
    unsigned           failover;         /* booleans: goes to another edge, */
    unsigned           gzip;             /* takes compressed playlists, */
    unsigned           told;             /* is told by standard input */
    double             hold_ms;          /* the least hold-back */
    double             stay_ms;          /* mean of listening; 0: for good */
    int64_t            timeout;          /* ns, for an answer */
    size_t             pace;             /* B/s of slow readers */
    double             shares[CROWD_KINDS];

    crowd_net_t        net;
    crowd_cache_t      cache;
    crowd_wheel_t      wheel;
    int64_t            now;              /* ns, as of the last event */
    int64_t            marked;           /* ns */
    crowd_ramp_t       ramps[CROWD_RAMPS];
    unsigned           nramps;
    char               line[256];        /* told, not yet ended */
    size_t             line_len;
    crowd_listener_t  *listeners;
    unsigned           joined;
    unsigned           done;             /* have heard the stream's end */
    crowd_multi_t     *multis[CROWD_MULTI];
    unsigned           nmultis;
    char              *recent;           /* nstreams * CROWD_RECENT */
    size_t             recent_size;      /* of one */
    unsigned           recent_edges;
    double            *best_ms;          /* by stream: the least that a part
                                            took from its end, any clock */
    crowd_stat_t       stat[CROWD_EDGES];    /* since the last mark */
    crowd_stat_t       all[CROWD_EDGES];     /* before it */
    crowd_stat_t       aside[2];         /* the same of slow readers and bots */
    double             cpu_s;            /* at the last mark */
    unsigned           stop;             /* boolean */
    const char        *reason;
} crowd_t;


/* --- crowd_told.c */

/* Standard input has something. */
void crowd_told(crowd_t *c);

/* Lets n more come over ms, as shares says; STN_OK or STN_LIMIT. */
int crowd_ramp(crowd_t *c, unsigned n, double ms, const double *shares);

/* Reads "low-latency=80,classic=20" into shares; STN_OK or STN_ERROR. */
int crowd_mix(double *shares, const char *text);

/* Prints what has been: since the last mark, or in all when the mark is set
 * before; since is when that began, ns. */
void crowd_print(crowd_t *c, crowd_stat_t *stat, crowd_stat_t *aside,
    int64_t since);

/* What has been belongs to the past. */
void crowd_mark(crowd_t *c);


/* --- crowd_listener.c */

/* A listener of that kind comes. */
void crowd_join(crowd_t *c, crowd_listener_t *l, crowd_kind_e kind);

/* Its descriptor is ready for something. */
void crowd_event(crowd_t *c, crowd_listener_t *l);

/* It goes on with what is next: a part, a playlist. */
void crowd_next(crowd_t *c, crowd_listener_t *l);

/* It asks for a path on its first connection. */
void crowd_ask(crowd_t *c, crowd_listener_t *l, const char *path);

/* What an answer that is none of success counts as. */
crowd_error_e crowd_status(unsigned status);

/* Its timer is due. */
void crowd_due(crowd_t *c, crowd_listener_t *l);

/* It loses its connection, and comes again within so many ms. */
void crowd_cut(crowd_t *c, crowd_listener_t *l, double ms);

/* What was under way has failed, and with it the connection if it is not the
 * answer's fault alone; it tries again in a while. */
void crowd_fail(crowd_t *c, crowd_listener_t *l, crowd_error_e e);

/* It goes on in so many ms. */
void crowd_wait(crowd_t *c, crowd_listener_t *l, double ms);

/* Where what it meets with is counted. */
crowd_stat_t *crowd_stat(crowd_t *c, const crowd_listener_t *l);


/* --- crowd_player.c */

/* A media playlist has come, or an init segment, or a part.  STN_OK; or
 * crowd_fail() was called. */
int crowd_listed(crowd_t *c, crowd_listener_t *l);
int crowd_inited(crowd_t *c, crowd_listener_t *l);
int crowd_heard(crowd_t *c, crowd_listener_t *l, const crowd_http_t *a);

/* For how long it has had nothing to play, ms; 0: it does not run dry. */
double crowd_silent(const crowd_t *c, const crowd_listener_t *l);


/* --- crowd_multi.c */

/* A multivariant playlist has come.  STN_OK; or crowd_fail() was called. */
int crowd_varied(crowd_t *c, crowd_listener_t *l);

/* Turns to another variant, or edge, if there is one. */
void crowd_turn(crowd_t *c, crowd_listener_t *l);

/* How many there are to turn to, its own among them. */
unsigned crowd_choices(const crowd_t *c, const crowd_listener_t *l);

/* The path of a URI that stands in a playlist with that path.  STN_OK or
 * STN_LIMIT. */
int crowd_path(char *path, const char *base, const char *uri, size_t len);


/* --- crowd_hint.c */

/* The second connection of a listener is ready for something: its epoll data
 * is the listener's address and one. */
void crowd_hint_event(crowd_t *c, crowd_listener_t *l);

/* The part that the last playlist hinted at is asked for. */
void crowd_hint_ask(crowd_t *c, crowd_listener_t *l);

/* Whether that path is what was asked for so; if so it is waited for, or taken
 * if it is there. */
unsigned crowd_hint_get(crowd_t *c, crowd_listener_t *l, const char *path);

/* Forgets what was asked for so, and closes the connection. */
void crowd_hint_drop(crowd_t *c, crowd_listener_t *l);


/* --- crowd_bot.c */

/* One of those that send no requests is connected, or its timer is due. */
void crowd_bot(crowd_t *c, crowd_listener_t *l);


#endif /* CROWD_H */
