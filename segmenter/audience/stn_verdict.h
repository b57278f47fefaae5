/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verdict: what the figures of a node come to, in one word and one line.
 * Popularity looks like one playlist and one part a part duration for each
 * listener, however many they are and however they come; what a crowd of
 * players cannot look like is hostile.  Figures go in about once a second, and
 * the time with them; an attack has to last for some seconds before it is
 * called one, and to be gone for some before it is not.
 *
 * What does not count against a crowd, for players do it: joining all at once,
 * with a playlist before the first part; connections that only ever carry
 * playlists, or nothing yet, beside one that carries audio; reloading playlists
 * while paused; asking again when refused; asking for what is not there.
 */

#ifndef STN_VERDICT_H
#define STN_VERDICT_H

#include "stn_base.h"


#define STN_VERDICT_TEXT_MAX  512

/* So long an attack lasts before it is called one, and is gone before it is
 * not. */
#define STN_VERDICT_RAISE_MS  4000
#define STN_VERDICT_CLEAR_MS  5000

/* Who is told of each change is told no more often than that. */
#define STN_VERDICT_TELL_MS  5000


/* What may be said, the graver the later: what listeners hear comes before how
 * many they are.  Attacks are named beside it whatever it is. */

typedef enum {
    STN_VERDICT_HEALTHY = 0,
    STN_VERDICT_CROWDED,         /* over a limit, or workers have no time */
    STN_VERDICT_ATTACK,
    STN_VERDICT_SILENT,          /* a broadcaster sends silence */
    STN_VERDICT_SOURCE_LOST,     /* a stream has lost its broadcaster, or its
                                    upstream */
    STN_VERDICT_STATES
} stn_verdict_e;


/* The kinds of attacks, as bits of stn_verdict_t.attacks. */

typedef enum {
    STN_ATTACK_CONNECT_ONLY = 0, /* connections that never ask */
    STN_ATTACK_SLOW_LORIS,       /* requests that never end */
    STN_ATTACK_PLAYLIST_ONLY,    /* playlists that nobody plays */
    STN_ATTACK_HAMMERING,        /* the same parts again and again */
    STN_ATTACK_MALFORMED,        /* what is no request */
    STN_ATTACKS
} stn_attack_e;


/* What a node counted.  Those of a second are means of some seconds. */

typedef struct {
    unsigned     known;          /* boolean: nginx tells accepted and
                                    requests */
    double       accepted;       /* connections a second */
    double       requests;       /* of all kinds, a second */
    double       grown;          /* connections more a second */
    double       firsts;         /* that asked, of HTTP, a second */
    double       connects;       /* of them, for something of ours */
    double       playlists;      /* sent a second */
    double       media;          /* parts and segments */
    double       audio;          /* seconds of it, once a connection */
    double       repeats;        /* of media, to who had them */
    double       malformed;      /* could not be read */
    double       bad;            /* could, and made no sense */
    double       not_found;
    double       refused;        /* listeners not let in, a second */
    double       joins;          /* let in */
    double       ended_playlists;    /* of the playlists, and of the media, */
    double       ended_media;    /* those of streams that have ended */
    double       inits;          /* init segments sent a second, */
    double       steerings;      /* steering manifests, */
    double       options;        /* and answers to preflights */
    double       gained;         /* listeners more a second */
    double       pace;           /* parts a second of the stream that has
                                    most */
    uint32_t     open;           /* connections now, */
    uint32_t     mute;           /* of them, of HTTP and some seconds old, and
                                    have never asked for anything; */
    uint32_t     reading;        /* with half a request, for some seconds; */
    uint32_t     asked;          /* with more than that, */
    uint32_t     connections;    /* of them, for something of ours */
    uint32_t     listeners;
    uint32_t     leaving;
    uint32_t     joining;
    uint32_t     trying;
    uint32_t     full;           /* 1: over a soft limit; 2: over a hard one */
    uint32_t     places;         /* thousandths of all connections that there
                                    may be, at the worker that has most */
    uint32_t     late_ms;        /* the event loop that was held up most */
    uint32_t     wake_us;        /* the worker that noticed a new part last */
    uint32_t     cpu;            /* thousandths of a core, the busiest worker */
    uint32_t     streams;        /* open */
    uint32_t     lost;           /* of them, source lost */
    uint32_t     silent;         /* of them, silent */
} stn_verdict_figures_t;


/* What is known of a stream. */

typedef struct {
    unsigned     live;           /* booleans: the broadcaster is heard, */
    unsigned     met;            /* has been heard ever, */
    unsigned     silent;         /* sends silence */
    unsigned     kept;           /* open whether he is there or not */
    unsigned     relayed;        /* made on another node, */
    unsigned     fed;            /* and comes from there */
    uint32_t     listeners;
    int64_t      away_ms;        /* since it was live, or fed */
} stn_verdict_stream_t;


/* What one is at; all zero at first.  No pointers: it may be shared. */

typedef struct {
    stn_verdict_e  state;
    unsigned       attacks;              /* bits of stn_attack_e */
    int64_t        since_ms;             /* the state, */
    int64_t        hot_ms[STN_ATTACKS];  /* over the limit; 0: is not */
    int64_t        cold_ms[STN_ATTACKS]; /* likewise, far below it */
    int64_t        crowded_ms;           /* last time that it was */
    int64_t        strained_ms;          /* and that connections may have ended
                                            for want of places or time */
    double         peak;                 /* most listeners at once, */
    double         peak_before;          /* and in the time before that, */
    int64_t        peak_ms;              /* which ended then */
    double         measure[STN_ATTACKS];
    double         limit[STN_ATTACKS];   /* what a crowd stays below */
} stn_verdict_t;


/* What was told last; all zero at first: healthy.  It may be shared, too. */

typedef struct {
    stn_verdict_e  state;
    int64_t        ms;                   /* then; 0: nothing yet */
} stn_verdict_told_t;


/* Their names, as in the status. */
extern const char  *stn_verdict_states[STN_VERDICT_STATES];
extern const char  *stn_verdict_attacks[STN_ATTACKS];

/*
 * What is to be said of a stream: healthy, silent or source lost.  One that
 * waits for its first broadcaster is healthy, and so is one that nobody hears
 * unless it is kept open.
 */
stn_verdict_e stn_verdict_stream(const stn_verdict_stream_t *st);

/* Takes the figures of now_ms, which only grows.  Returns 1 when the state or
 * the attacks are others than before, or 0. */
int stn_verdict_next(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms);

/*
 * Whether it is time to tell the state: it is another one than was told last,
 * and that is STN_VERDICT_TELL_MS ago.  What comes and goes in between is never
 * told.  Returns 1, with what was told last in was, and takes it as told; or 0.
 */
int stn_verdict_tell(stn_verdict_told_t *told, const stn_verdict_t *v,
    int64_t now_ms, stn_verdict_e *was);

/* Writes the line: at most STN_VERDICT_TEXT_MAX bytes with the ending zero. */
void stn_verdict_text(const stn_verdict_t *v, const stn_verdict_figures_t *f,
    char *text);


#endif /* STN_VERDICT_H */
