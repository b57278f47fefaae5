/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A live stream that this worker owns: its thread, and the queue between the
 * event loop and it.  Every ingest (RTMP, SRT) is a source: once it knows what
 * it will send, it attaches to the live of its stream's name, feeds access
 * units, and detaches.  The thread runs the programme, which goes on without
 * a source, cuts it into parts and appends them to the store.
 *
 *     event loop:  attach  feed feed feed ...             detach
 *                    |       queue (mutex)                  |
 *     live thread: claim   programme -> segmenter -> store -> wake
 *
 * A stream's newest source wins: the one before is told by its handler.  A
 * source that the stream cannot take changes nothing for the one it has.
 */

#ifndef _NGX_STENTOR_LIVE_H_INCLUDED_
#define _NGX_STENTOR_LIVE_H_INCLUDED_


#include "notify/ngx_stentor_notify.h"
#include "store/ngx_stentor_wake.h"
#include "pack/stn_segmenter.h"
#include "programme/stn_programme.h"

#include <pthread.h>


/* Units on their way to the thread: seconds of audio, for it may be busy. */
#define NGX_STENTOR_LIVE_QUEUE  (256 * 1024)


typedef struct ngx_stentor_live_s  ngx_stentor_live_t;

/* Why a source is called. */

typedef enum {
    NGX_STENTOR_LIVE_NONE = 0, /* nothing; never told */
    NGX_STENTOR_LIVE_ROOM,     /* feed may be tried again */
    NGX_STENTOR_LIVE_TAKEN,    /* another source has the stream now */
    NGX_STENTOR_LIVE_REFUSED,  /* the stream cannot be: see reason */
    NGX_STENTOR_LIVE_FAILED    /* the stream broke: see reason */
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
    ngx_uint_t                id;          /* connection number */
    const char               *protocol;
    char                      address[NGX_STENTOR_ADDRESS_MAX];
    char                      encoder[NGX_STENTOR_ENCODER_MAX];
    uint32_t                  bitrate;     /* bit/s as announced; 0: not */
    uint64_t                  bytes;       /* received in all */
    uint64_t                  audio_frames;
    uint64_t                  video_messages;
    uint64_t                  video_bytes;
    int64_t                   since_ms;    /* Unix time */
    ngx_msec_t                shown;       /* when it was last put in status */
} ngx_stentor_source_t;


struct ngx_stentor_live_s {
    ngx_queue_t               queue;       /* in the worker's lives */
    ngx_stentor_lives_t      *lives;
    ngx_stentor_app_t         app;
    ngx_str_t                 name;
    u_char                    name_data[NGX_STENTOR_NAME_MAX];
    ngx_stentor_source_t     *source;
    ngx_log_t                 log;
    pthread_t                 thread;
    ngx_uint_t                running;     /* boolean: there is a thread */

    /* between the event loop and the thread, under the mutex */

    pthread_mutex_t           mutex;
    pthread_cond_t            cond;
    stn_fifo_t                units;
    unsigned                  arrived:1;   /* a source has come */
    unsigned                  left:1;      /* it has gone */
    unsigned                  quit:1;      /* the worker exits */
    unsigned                  full:1;      /* a source waits for room */
    unsigned                  room:1;      /* there is room again */
    unsigned                  claimed:1;   /* the stream is in the store */
    unsigned                  ending:1;    /* the thread takes no source */
    unsigned                  ended:1;     /* the thread has done all */
    ngx_stentor_live_event_e  outcome;     /* when ended: what to tell */
    const char               *reason;

    /* the thread's own */

    stn_format_t              format;
    uint32_t                  bitrate;     /* announced; 0: not */
    stn_grid_t                grid;
    stn_programme_t           programme;
    stn_segmenter_t           segmenter;
    ngx_stentor_claim_t       claim;
    stn_programme_stats_t     counted;     /* as of the last count */
    int64_t                   clock_us;    /* Unix time minus monotonic */
    int64_t                   gone_us;     /* when the source left; 0: here */
    uint64_t                  segment_bits;   /* of the segment being built */
    uint64_t                  live_bits;      /* of all live parts */
    uint64_t                  live_samples;   /* of all live parts */
    unsigned                  cutting;     /* boolean: has begun to */
    unsigned                  opened;      /* boolean: readers are let in */
    unsigned                  stuck;       /* boolean: programme is full */
};


struct ngx_stentor_lives_s {
    ngx_queue_t               queue;       /* of lives */
    ngx_uint_t                n;           /* of them */
    ngx_stentor_store_t      *store;
    ngx_stentor_wake_t       *wake;
    ngx_stentor_notify_t     *notify;
    ngx_event_t               keep;        /* keeps an exiting worker */
    ngx_log_t                *log;
};


/* Makes the worker's list of lives; NULL on failure. */
ngx_stentor_lives_t *ngx_stentor_lives_create(ngx_cycle_t *cycle,
    ngx_stentor_store_t *store, ngx_stentor_wake_t *wake,
    ngx_stentor_notify_t *notify);

/* The worker exits: ends every live and waits for its thread. */
void ngx_stentor_lives_exit(ngx_stentor_lives_t *lives);

/*
 * Attaches a source that sends format to the live of app/name (a name that
 * ngx_stentor_name_check() has passed), which is made if it is not here;
 * another source that was attached is told TAKEN.  source->bitrate is used if
 * the stream is opened.
 *
 * Returns NGX_OK; NGX_DECLINED when the stream runs with another format;
 * NGX_BUSY when the worker has as many lives as there may be streams;
 * NGX_ERROR out of memory or threads, or when the whole name is too long.
 */
ngx_int_t ngx_stentor_live_attach(ngx_stentor_lives_t *lives,
    ngx_stentor_app_t *app, ngx_str_t *name, const stn_format_t *format,
    ngx_stentor_source_t *source);

/* Feeds a unit.  Returns NGX_OK; NGX_AGAIN when there is no room, and ROOM
 * will be told; NGX_DECLINED when the source is not attached. */
ngx_int_t ngx_stentor_live_feed(ngx_stentor_source_t *source,
    const stn_au_t *au);

/* The source goes, if it is attached; the stream goes on for the
 * application's linger. */
void ngx_stentor_live_detach(ngx_stentor_source_t *source);

/* Shows the source in status, at most once a second (or now). */
void ngx_stentor_live_show(ngx_stentor_source_t *source, ngx_uint_t now);

/* The thread's function; its argument is the live. */
void *ngx_stentor_live_run(void *data);


#endif /* _NGX_STENTOR_LIVE_H_INCLUDED_ */
