/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the two sides of a replay share: the event loop, which has a writer for
 * each stream that its worker writes (ngx_stentor_replay.c), and the writer's
 * thread.  For those files only.
 */

#ifndef _NGX_STENTOR_REPLAY_THREAD_H_INCLUDED_
#define _NGX_STENTOR_REPLAY_THREAD_H_INCLUDED_


#include "ngx_stentor_replay.h"
#include "ngx_stentor_replay_files.h"

#include <pthread.h>


typedef struct ngx_stentor_writer_s  ngx_stentor_writer_t;


struct ngx_stentor_replays_s {
    ngx_queue_t                 all;         /* writers: those that streams
                                                have, and those that a disk
                                                does not let go of */
    ngx_uint_t                  n;           /* of them */
    ngx_stentor_writer_t      **writers;     /* by the index of their streams,
                                                or NULL */
    ngx_stentor_conf_t         *scf;
    ngx_stentor_store_t        *store;
    ngx_uint_t                  slot;
    ngx_event_t                 timer;
    ngx_log_t                  *log;
    pthread_t                   sweeper;
    ngx_uint_t                  sweeps;      /* boolean: there is that thread */

    /* between the event loop and the sweeper */

    pthread_mutex_t             mutex;
    pthread_cond_t              cond;
    ngx_uint_t                  quit;
};


struct ngx_stentor_writer_s {
    ngx_queue_t                 queue;
    ngx_stentor_replays_t      *replays;
    ngx_stentor_app_t          *app;
    ngx_stentor_stream_t       *stream;
    ngx_str_t                   name;
    u_char                      name_data[NGX_STENTOR_NAME_MAX + 1];
    ngx_log_t                   log;
    pthread_t                   thread;
    ngx_uint_t                  stuck;       /* boolean: the thread has waited
                                                for the disk for long */
    ngx_atomic_t                busy_ms;     /* since when it does; 0: not */
    ngx_atomic_t                shown;       /* what it would show in status */

    /* between the event loop and the thread, under the mutex */

    pthread_mutex_t             mutex;
    pthread_cond_t              cond;
    unsigned                    quit:1;
    unsigned                    ended:1;

    /* the thread's own */

    ngx_stentor_replay_e        state;       /* OFF: what there is on disk is
                                                being looked for */
    ngx_stentor_replay_files_t  files;
    stn_replay_plan_t           plan;        /* of the stream as it is now */
    ngx_atomic_uint_t           incarnation; /* that rends are of; 0: none */
    ngx_stentor_rendition_t     rends[NGX_STENTOR_RENDITIONS];
    ngx_atomic_uint_t           next;        /* record, */
    ngx_atomic_uint_t           reached;     /* and how far it ever was */
    int64_t                     after_us;    /* what is before it is done */
    int64_t                     retry_ms;    /* when to try again, */
    int64_t                     wait_ms;     /* and how long that is */
    ngx_stentor_replay_part_t   part;
    stn_buf_t                   bytes;
    int64_t                     locked_ms;   /* since when another worker has
                                                it; 0: nobody has */
    ngx_uint_t                  failing;     /* boolean */
    ngx_uint_t                  blind;       /* boolean: because it cannot even
                                                be looked for a replay */
    ngx_uint_t                  behind;      /* boolean: parts get lost */
};


/* Tells the operator's webhook; what follows is as for
 * ngx_stentor_notify_event(). */
#define ngx_stentor_writer_event(w, ...)                                      \
    (void) ngx_stentor_notify_event((w)->replays->scf->worker.notify,         \
                                    (const char *) (w)->app->on_event.data,   \
                                    &(w)->name, __VA_ARGS__)

/* The thread's function; its argument is the writer. */
void *ngx_stentor_writer_run(void *data);

/* Whether the stream's rings are still those that the writer knows. */
ngx_uint_t ngx_stentor_writer_attached(ngx_stentor_writer_t *w);

/* Takes what is new in the store to disk.  Returns NGX_OK, or NGX_ERROR when
 * the disk has failed (told, and counted). */
ngx_int_t ngx_stentor_writer_take(ngx_stentor_writer_t *w);

/* Ends the replay that is being written.  Likewise. */
ngx_int_t ngx_stentor_writer_end(ngx_stentor_writer_t *w);

/* It is in that state from now on. */
void ngx_stentor_writer_go(ngx_stentor_writer_t *w,
    ngx_stentor_replay_e state);

/* The disk has failed, with errno: the operator is told, and it is tried again
 * in a while.  Returns NGX_ERROR. */
ngx_int_t ngx_stentor_writer_fail(ngx_stentor_writer_t *w);

/* Tells that a replay has ended: counted in slot's worker, logged, and for the
 * webhook of its application. */
void ngx_stentor_replays_ended(ngx_stentor_replays_t *replays,
    ngx_stentor_app_t *app, ngx_stentor_replay_files_t *f);

/* It is well again. */
void ngx_stentor_writer_well(ngx_stentor_writer_t *w);

/* Whether the record is still the stream's whose writer this is, or a former
 * one of it: another one may have been given it. */
ngx_uint_t ngx_stentor_writer_named(ngx_stentor_writer_t *w);

/* The status of the stream says so, if the record is still its own. */
void ngx_stentor_writer_status(ngx_stentor_writer_t *w,
    ngx_atomic_uint_t shown);

/* Adds to a counter of the worker. */
void ngx_stentor_writer_count(ngx_stentor_writer_t *w,
    ngx_stentor_counter_e counter, int64_t n);

/* Milliseconds of a clock that is never set. */
int64_t ngx_stentor_writer_now(void);

/* The sweeper's function; its argument are the replays.  It ends replays that
 * nobody goes on with, and removes those that are too old or too many. */
void *ngx_stentor_sweeper_run(void *data);


#endif /* _NGX_STENTOR_REPLAY_THREAD_H_INCLUDED_ */
