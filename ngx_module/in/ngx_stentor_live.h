/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A live stream that this worker owns: its thread, and the queue between the
 * event loop and it.  Every ingest (RTMP, SRT) is a source: once it knows what
 * it will send, it attaches to the live of its stream's name, feeds access
 * units, and detaches.  The thread runs the stream (stn_stream), which goes
 * on without a source, and appends its parts to the store.
 *
 *     event loop:  attach  feed feed feed ...             detach
 *                    |       queue (mutex)                  |
 *     live thread: claim   stn_stream -> store -> wake
 *
 * A stream's newest source wins: the one before is told by its handler.  A
 * source that the stream cannot take changes nothing for the one it has.
 * A live may also be made without a source: doors are open before anybody
 * comes, and a stream whose worker died goes on in another one.
 */

#ifndef _NGX_STENTOR_LIVE_H_INCLUDED_
#define _NGX_STENTOR_LIVE_H_INCLUDED_


#include "ngx_stentor_hold.h"
#include "cluster/ngx_stentor_cluster.h"
#include "notify/ngx_stentor_notify.h"
#include "store/ngx_stentor_wake.h"
#include "stream/stn_stream.h"

#include <pthread.h>


/* Units on their way to the thread: seconds of audio, for it may be busy. */
#define NGX_STENTOR_LIVE_QUEUE  (256 * 1024)

/* Encoders that fight for a name: so many take-overs in a row, each within
 * that time of the one before, and the next ones are let wait, longer and
 * longer. */
#define NGX_STENTOR_LIVE_FIGHTS      6
#define NGX_STENTOR_LIVE_FIGHT_MS    30000
#define NGX_STENTOR_LIVE_WAIT_MS     2000
#define NGX_STENTOR_LIVE_WAIT_MAX    20000


/* A reason that has to be put together, in words. */
#define NGX_STENTOR_SOURCE_REASON    80

/* Why a session that yields does not get a stream. */
#define NGX_STENTOR_LIVE_IS_TAKEN  "another session publishes the stream"


typedef struct ngx_stentor_live_s   ngx_stentor_live_t;

/* Why a source is called. */

typedef enum {
    NGX_STENTOR_LIVE_NONE = 0, /* nothing; never told */
    NGX_STENTOR_LIVE_ROOM,     /* feed may be tried again */
    NGX_STENTOR_LIVE_TAKEN,    /* another source has the stream now */
    NGX_STENTOR_LIVE_REFUSED,  /* the stream cannot be: see reason */
    NGX_STENTOR_LIVE_CLOSED,   /* the stream has been closed: likewise */
    NGX_STENTOR_LIVE_FAILED    /* the stream broke: likewise */
} ngx_stentor_live_event_e;

/* Called in the event loop; after anything but ROOM the source is detached
 * already.  reason is static. */
typedef void (*ngx_stentor_live_pt)(void *data, ngx_stentor_live_event_e ev,
    const char *reason);


/* Whoever feeds a live; owned by the ingest. */

typedef struct {
    ngx_stentor_live_t       *live;        /* NULL: detached */
    ngx_stentor_live_pt       handler;
    void                     *data;
    ngx_stentor_app_t        *app;         /* of the stream it is for */
    ngx_str_t                 name;        /* in the application */
    stn_format_t              format;      /* of what it sends */
    ngx_uint_t                id;          /* connection number */
    const char               *protocol;
    char                      address[NGX_STENTOR_ADDRESS_MAX];
    char                      encoder[NGX_STENTOR_ENCODER_MAX];
    uint32_t                  bitrate;     /* bit/s as announced; 0: not */
    uint64_t                  bytes;       /* received in all */
    uint64_t                  audio_frames;
    uint64_t                  video_messages;
    uint64_t                  video_bytes;
    ngx_stentor_srt_stats_t   srt;         /* if that is its protocol */
    int64_t                   since_ms;    /* ngx_stentor_store_now() */
    ngx_msec_t                shown;       /* when it was last put in status */
    ngx_msec_t                wait;        /* attach: how long to wait */
    ngx_uint_t                waited;      /* boolean: it has */
    ngx_msec_t                due;         /* when its wait is over */
    ngx_uint_t                waiting;     /* boolean: for a stream that is
                                              fought for */
    ngx_uint_t                yields;      /* boolean: takes the stream from
                                              no other source */
    const char               *reason;      /* why it was declined, */
    ngx_stentor_counter_e     counter;     /* and what counts that */
    char                      text[NGX_STENTOR_SOURCE_REASON];
} ngx_stentor_source_t;


/* What of a rendition is measured while it is made. */

typedef struct {
    uint32_t                  init;        /* names its init segment */
    uint64_t                  segment_bits;   /* of the segment being built */
    uint64_t                  segment_samples;
    uint64_t                  live_bits;      /* of all live parts */
    uint64_t                  live_samples;
} ngx_stentor_live_rendition_t;


struct ngx_stentor_live_s {
    ngx_queue_t               queue;       /* in the worker's lives */
    ngx_stentor_lives_t      *lives;
    ngx_stentor_app_t        *app;
    ngx_str_t                *hold;        /* file; empty: comfort */
    ngx_str_t                 name;
    u_char                    name_data[NGX_STENTOR_NAME_MAX];
    ngx_stentor_source_t     *source;
    ngx_log_t                 log;
    pthread_t                 thread;
    ngx_uint_t                running;     /* boolean: there is a thread */
    ngx_uint_t                opened_by;   /* NGX_STENTOR_BY_... */
    ngx_uint_t                vacant;      /* boolean: claim it only when it
                                              has no owner */

    int64_t                   clock_us;    /* the claimed stream's */

    /* between the event loop and the thread, under the mutex */

    pthread_mutex_t           mutex;
    pthread_cond_t            cond;
    stn_fifo_t                units;
    stn_fifo_t                before;      /* of who has come with changes:
                                              what he sent before them */
    stn_format_t              format;      /* of the source that came last, */
    uint32_t                  bitrate;     /* and what it announced */
    ngx_stentor_lease_e       seen;        /* as the event loop saw it last */
    unsigned                  attended:1;  /* a source is attached */
    unsigned                  arrived:1;   /* a source has come */
    unsigned                  changes:1;   /* the one that was there, with
                                              another format */
    unsigned                  left:1;      /* it has gone */
    unsigned                  quit:1;      /* the stream is to be let go */
    unsigned                  relieved:1;  /* likewise, when its broadcaster
                                              has been heard to his end */
    unsigned                  full:1;      /* a source waits for room */
    unsigned                  room:1;      /* there is room again */
    unsigned                  claimed:1;   /* the stream is in the store */
    unsigned                  refused:1;   /* the source is; see reason */
    unsigned                  ending:1;    /* the thread takes no source */
    unsigned                  ended:1;     /* the thread has done all */
    ngx_stentor_live_event_e  outcome;     /* when ended: what to tell */
    const char               *reason;

    /* the thread's own */

    ngx_stentor_lease_t      *lease;       /* NULL: this node is alone */
    ngx_stentor_lease_e       leased;      /* as of the last look */
    uint64_t                  lease_epoch;
    stn_fifo_t                taken;       /* units being fed */
    stn_stream_t              stream;
    ngx_stentor_claim_t       claim;
    uint32_t                  announced;   /* bitrate of the source; 0: not */
    ngx_stentor_live_rendition_t  renditions[NGX_STENTOR_RENDITIONS];
    stn_programme_stats_t     counted;     /* as of the last count */
    int64_t                   gone_us;     /* when the source left; 0: here */
    int64_t                   shown_us;    /* when levels were last shown */
    int64_t                   paused_us;   /* no part before that */
    uint32_t                  generation;  /* of the stream, hold is for */
    const stn_hold_t         *loop;        /* hold audio in use; or NULL */
    unsigned                  alarms;      /* as of the last look */
    unsigned                  met;         /* boolean: has had a source */
    unsigned                  opened;      /* boolean: readers are let in */
    unsigned                  stuck;       /* boolean: the stream is full */
    unsigned                  leaving;     /* boolean: told when all is fed */
    unsigned                  coming;      /* boolean: is let in when comfort
                                              for him is ready */
    stn_format_t              comes;       /* with that */
    int64_t                   come_us;     /* when to look again */
    unsigned                  deaf;        /* boolean: who feeds is refused */
    unsigned                  idle;        /* boolean: a part is out that has
                                              nothing of a broadcaster */
    unsigned                  done;        /* boolean: the last part is out */
};


struct ngx_stentor_lives_s {
    ngx_queue_t               queue;       /* of lives */
    ngx_uint_t                n;           /* of them */
    ngx_stentor_store_t      *store;
    ngx_stentor_wake_t       *wake;
    ngx_stentor_holds_t      *holds;
    ngx_stentor_conf_t       *scf;
    ngx_event_t               keep;        /* keeps an exiting worker */
    ngx_msec_t                exiting;     /* since when; 0: it is not */
    ngx_log_t                *log;
};


/* Tells the operator's webhook, if he has one; from either side.  What follows
 * is as for ngx_stentor_notify_event(). */
#define ngx_stentor_live_event(live, ...)                                     \
    (void) ngx_stentor_notify_event((live)->lives->scf->worker.notify,        \
                                  (const char *) (live)->app->on_event.data,  \
                                  &(live)->name, __VA_ARGS__)

/* Makes the worker's list of lives; NULL on failure. */
ngx_stentor_lives_t *ngx_stentor_lives_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf, ngx_stentor_wake_t *wake);

/* The worker exits: lets go of every live and waits for its thread. */
void ngx_stentor_lives_exit(ngx_stentor_lives_t *lives);

/*
 * Attaches a source that sends source->format to the live of its app and name
 * (which ngx_stentor_name_check() has passed), which is made if it is not here;
 * another source that was attached is told TAKEN, unless this one yields.  One
 * that is attached already goes on in another format, behind what it has fed.
 * source->bitrate is used if the stream is opened.
 *
 * Returns NGX_OK; NGX_AGAIN when encoders fight for the name: to be tried
 * again after source->wait ms; NGX_DECLINED when the stream cannot take that,
 * with source->reason and counter; NGX_BUSY when the worker has as many lives
 * as there may be streams; NGX_ERROR out of memory or threads, or when the
 * whole name is too long.
 */
ngx_int_t ngx_stentor_live_attach(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source);

/*
 * Opens app/name without a source, unless it has a living owner; or goes on
 * with it.  What comes of it is told in the log only.  Returns NGX_OK (there
 * is a live now), NGX_BUSY or NGX_ERROR as attach does.
 */
ngx_int_t ngx_stentor_live_open(ngx_stentor_lives_t *lives,
    ngx_stentor_app_t *app, ngx_str_t *name, ngx_uint_t opened_by);

/* The connection number of the source that app/name has in whatever worker; 0:
 * none. */
ngx_uint_t ngx_stentor_live_taken_by(ngx_stentor_lives_t *lives,
    ngx_stentor_app_t *app, ngx_str_t *name);

/* Feeds a unit.  Returns NGX_OK; NGX_AGAIN when there is no room, and ROOM
 * will be told; NGX_DECLINED when the source is not attached. */
ngx_int_t ngx_stentor_live_feed(ngx_stentor_source_t *source,
    const stn_au_t *au);

/* The source goes, if it is attached; the stream goes on for the
 * application's linger. */
void ngx_stentor_live_detach(ngx_stentor_source_t *source);

/* Shows the source in status, at most once a second (or now). */
void ngx_stentor_live_show(ngx_stentor_source_t *source, ngx_uint_t now);

/* The file of hold audio for a stream of that full name: its own, or the
 * application's; empty: comfort. */
ngx_str_t *ngx_stentor_live_hold(ngx_stentor_app_t *app, ngx_str_t *key);

/* What a stream of the application is opened with before anybody sends
 * anything.  Returns NGX_OK, or NGX_ERROR when AAC has no such format. */
ngx_int_t ngx_stentor_live_blank(ngx_stentor_app_t *app,
    stn_format_t *format);

/* The format that an init segment of a rendition that is passed through is of.
 * Returns NGX_OK, or NGX_DECLINED when it is not there any more. */
ngx_int_t ngx_stentor_live_format_of(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, uint32_t id, stn_format_t *format);

/* What the live's application encodes, for the library; 0 renditions: it is
 * passed through. */
void ngx_stentor_live_conf(ngx_stentor_app_t *app, stn_stream_conf_t *conf);

/* Unix time in microseconds by the clock of the stream that the thread has
 * claimed; and taking that up from the store. */
int64_t ngx_stentor_live_now(ngx_stentor_live_t *live);
void ngx_stentor_live_wind(ngx_stentor_live_t *live);

/* The thread's function; its argument is the live. */
void *ngx_stentor_live_run(void *data);


#endif /* _NGX_STENTOR_LIVE_H_INCLUDED_ */
