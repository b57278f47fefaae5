/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What every Stentor module shares: the configuration of the stentor {} block
 * and the one structure that a worker hangs off its cycle.  Modules under in/
 * and out/ meet here and in the store, never in each other's headers.
 */

#ifndef _NGX_STENTOR_H_INCLUDED_
#define _NGX_STENTOR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "stn_name.h"


#define NGX_STENTOR_VERSION  "0.1.0"

/* The longest "application/name" of a stream. */
#define NGX_STENTOR_NAME_MAX  STN_NAME_MAX

/* Limits of part_duration, segment_parts and window. */
#define NGX_STENTOR_PART_MIN_MS   200
#define NGX_STENTOR_PART_MAX_MS   5000
#define NGX_STENTOR_PARTS_MIN     2
#define NGX_STENTOR_PARTS_MAX     32
#define NGX_STENTOR_SEGMENTS_MIN  6
#define NGX_STENTOR_SEGMENTS_MAX  300

/* So many target durations a playlist lists at least (RFC 8216bis section
 * 6.2.2). */
#define NGX_STENTOR_TARGETS_MIN   3

/* Renditions of a stream, and the bytes of a rendition's name. */
#define NGX_STENTOR_RENDITIONS     8
#define NGX_STENTOR_RENDITION_MAX  32


/* Where directives are allowed. */
#define NGX_STENTOR_CONF          0x02000000
#define NGX_STENTOR_APP_CONF      0x04000000
#define NGX_STENTOR_CLUSTER_CONF  0x08000000


/* The structure of that type whose field lies at p. */
#define ngx_stentor_container(p, type, field)                                 \
    ((type *) ((u_char *) (p) - offsetof(type, field)))


typedef struct ngx_stentor_store_s   ngx_stentor_store_t;
typedef struct ngx_stentor_wake_s    ngx_stentor_wake_t;
typedef struct ngx_stentor_lives_s   ngx_stentor_lives_t;
typedef struct ngx_stentor_shelf_s   ngx_stentor_shelf_t;
typedef struct ngx_stentor_notify_s  ngx_stentor_notify_t;
typedef struct ngx_stentor_srts_s    ngx_stentor_srts_t;
typedef struct ngx_stentor_keys_s    ngx_stentor_keys_t;
typedef struct ngx_stentor_asks_s    ngx_stentor_asks_t;
typedef struct ngx_stentor_pulls_s   ngx_stentor_pulls_t;
typedef struct ngx_stentor_pulse_s   ngx_stentor_pulse_t;
typedef struct ngx_stentor_crowd_s   ngx_stentor_crowd_t;
typedef struct ngx_stentor_replays_s ngx_stentor_replays_t;

typedef struct ngx_stentor_steering_s      ngx_stentor_steering_t;

typedef struct ngx_stentor_cluster_s       ngx_stentor_cluster_t;
typedef struct ngx_stentor_cluster_conf_s  ngx_stentor_cluster_conf_t;


/* How many listeners, or how much bandwidth, there may be: who joins over soft
 * gets playlists without parts, over hard nobody does.  0: no such limit. */

typedef struct {
    uint64_t              soft;
    uint64_t              hard;
} ngx_stentor_limit_t;


typedef struct {
    ngx_stentor_limit_t   listeners;       /* "max_listeners" */
    ngx_stentor_limit_t   bandwidth;       /* "max_bandwidth", bit/s */
} ngx_stentor_limits_t;


/* A "rendition" of a ladder. */

typedef struct {
    ngx_str_t             name;
    ngx_uint_t            opus;            /* boolean: not AAC */
    size_t                bitrate;         /* bit/s */
    ngx_uint_t            channels;
    ngx_uint_t            rate;            /* Hz */
} ngx_stentor_rendition_conf_t;


/* A "stream" that is open from start-up. */

typedef struct {
    ngx_str_t             name;
    ngx_str_t             hold;            /* file, ended by a zero; or empty */
    ngx_msec_t            tried;           /* when this worker last tried to
                                              open it; 0: never */
} ngx_stentor_stream_conf_t;


/* A webhook that is asked ("on_publish"). */

typedef struct {
    ngx_str_t             url;             /* 0-terminated; empty: none */
    ngx_str_t             label;           /* what of it may be logged */
    ngx_msec_t            timeout;
    ngx_uint_t            open;            /* boolean: that it fails is a yes */
} ngx_stentor_ask_conf_t;


/* What is kept on disk ("replay"). */

typedef struct {
    ngx_str_t             dir;             /* 0-terminated; empty: nothing */
    ngx_msec_t            end;             /* hold audio that long ends it */
    time_t                keep;            /* seconds; 0: for ever */
    off_t                 max_size;        /* bytes; 0: no limit */
    ngx_uint_t            fsync;           /* boolean */
    ngx_uint_t            trim_silence;    /* boolean */
} ngx_stentor_replay_conf_t;


/* An application {} block. */

typedef struct {
    ngx_str_t             name;
    ngx_array_t           streams;         /* of ngx_stentor_stream_conf_t */
    ngx_stentor_rendition_conf_t
                          renditions[NGX_STENTOR_RENDITIONS];
    ngx_uint_t            nrenditions;     /* 0: passed through */
    ngx_str_t             hold;            /* file, ended by a zero; or empty */
    ngx_uint_t            rate;            /* Hz; before a broadcaster has */
    ngx_uint_t            channels;        /* come */
    ngx_int_t             dead_level;      /* hundredths of a dB */
    ngx_msec_t            dead_time;       /* 0: no alarm */
    ngx_flag_t            dead_hold;
    ngx_msec_t            part_duration;
    ngx_uint_t            segment_parts;
    ngx_msec_t            window;
    ngx_msec_t            grace;
    ngx_msec_t            linger;
    size_t                max_bitrate;     /* bit/s */
    size_t                ingest_max_bitrate;  /* bit/s; 0: no limit */
    ngx_str_t             on_event;        /* URL, 0-terminated; or null: that
                                              of the node */
    ngx_stentor_keys_t   *keys;            /* NULL: anybody may publish */
    ngx_stentor_ask_conf_t  on_publish;
    ngx_stentor_limits_t  limits;          /* of all its streams together */
    ngx_stentor_replay_conf_t  replay;
} ngx_stentor_app_t;


/* An "srt" listener. */

typedef struct {
    ngx_str_t             text;            /* the address as configured */
    ngx_addr_t            addr;
    ngx_socket_t          fd;              /* -1: it could not be bound yet */
    ngx_msec_t            latency;         /* at least */
    ngx_msec_t            media_timeout;
    ngx_str_t             passphrase;      /* or null */
    ngx_uint_t            pbkeylen;        /* bytes; 0: the caller's choice */
    ngx_str_t             stream;          /* for an empty stream id; or null */
    ngx_str_t             application;     /* of a mere name; or null */
} ngx_stentor_srt_conf_t;


/* A "pathway": a node that listeners may be at. */

typedef struct {
    ngx_str_t             id;
    ngx_str_t             url;             /* ends with '/'; null: this node */
    ngx_str_t             region;          /* or null */
    uint32_t              capacity;        /* listeners; 0: not told */
} ngx_stentor_pathway_t;


/* Content steering. */

typedef struct {
    ngx_flag_t            on;
    ngx_msec_t            ttl;
    ngx_array_t           pathways;        /* of ngx_stentor_pathway_t */
} ngx_stentor_steering_conf_t;


/* What a worker keeps: made in init_process, gone with the process. */

typedef struct {
    ngx_stentor_wake_t    *wake;
    ngx_stentor_notify_t  *notify;     /* events for webhooks */
    ngx_stentor_asks_t    *asks;       /* questions to webhooks */
    ngx_stentor_lives_t   *lives;      /* streams that this worker owns */
    ngx_stentor_shelf_t   *shelf;      /* readers of this worker */
    ngx_stentor_srts_t    *srts;       /* SRT; NULL: not configured */
    ngx_stentor_cluster_t *cluster;    /* other nodes; NULL: there are none */
    ngx_stentor_pulls_t   *pulls;      /* streams that it gets from them */
    ngx_stentor_crowd_t   *crowd;      /* how full it is, for who joins */
    ngx_stentor_pulse_t   *pulse;      /* how it is, for the verdict */
    ngx_stentor_steering_t  *steering; /* where listeners go; NULL: here */
    ngx_stentor_replays_t *replays;    /* what is written to disk; NULL: no
                                          "replay" */
} ngx_stentor_worker_t;


/* The stentor {} block. */

typedef struct {
    size_t                zone_size;
    ngx_uint_t            streams;     /* most streams at once */
    ngx_uint_t            sessions;    /* most sessions of broadcasters, */
    ngx_uint_t            per_address; /* and of an address; 0: no limit */
    ngx_array_t           apps;        /* of ngx_stentor_app_t */
    ngx_array_t           srt;         /* of ngx_stentor_srt_conf_t */
    ngx_stentor_limits_t  limits;      /* of the whole node */
    ngx_str_t             on_event;    /* URL, 0-terminated; or null */
    ngx_stentor_cluster_conf_t
                         *cluster;     /* NULL: this node is alone */
    ngx_stentor_steering_conf_t
                          steering;
    ngx_uint_t            relays;      /* boolean: other nodes are served */
    ngx_uint_t            replays;     /* boolean: an application has one */
    ngx_stentor_store_t  *store;       /* NULL: no stentor {} block */
    ngx_stentor_worker_t  worker;
} ngx_stentor_conf_t;


/* Opens what a worker keeps, if it is not open yet.  The handlers' modules
 * call it from their init_process, in whatever order they come: this module's
 * own would be too early, before nginx's events, where it is linked in.
 * Returns NGX_OK (also without a stentor {} block), or what
 * ngx_stentor_worker_fail() does. */
ngx_int_t ngx_stentor_worker_init(ngx_cycle_t *cycle);

/* Ends a worker that has not got what it needs, in its init_process, with a
 * line in its log and after a moment, so that the master starts another one but
 * not many in a row; it would not, if init_process returned an error.  In a
 * process that has no master returns NGX_ERROR. */
ngx_int_t ngx_stentor_worker_fail(ngx_cycle_t *cycle);

/* The configuration of this cycle; its store is NULL without a stentor {}. */
ngx_stentor_conf_t *ngx_stentor_conf(ngx_cycle_t *cycle);

/* Parses a block in the stentor {} block: the directives of module that are
 * allowed in blocks of that type (and of NGX_DIRECT_CONF) set conf. */
char *ngx_stentor_parse(ngx_conf_t *cf, ngx_module_t *module, ngx_uint_t type,
    void *conf);

/* The application of that name, or NULL. */
ngx_stentor_app_t *ngx_stentor_app(ngx_stentor_conf_t *scf, ngx_str_t *name);

/* The application of a stream of that full name, and its name in it.  Both may
 * have several levels: the longest application that fits is meant.  NULL: there
 * is none. */
ngx_stentor_app_t *ngx_stentor_app_split(ngx_stentor_conf_t *scf,
    const ngx_str_t *full, ngx_str_t *name);

/* stn_name_is_fit(): returns NGX_OK or NGX_DECLINED. */
ngx_int_t ngx_stentor_name_check(ngx_str_t *name);


extern ngx_module_t  ngx_stentor_module;


#endif /* _NGX_STENTOR_H_INCLUDED_ */
