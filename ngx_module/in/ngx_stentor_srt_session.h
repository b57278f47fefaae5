/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * SRT inside: what the event loop, the port thread and the sessions' threads
 * share, and under which lock (see ngx_stentor_srt.h).
 */

#ifndef _NGX_STENTOR_SRT_SESSION_H_INCLUDED_
#define _NGX_STENTOR_SRT_SESSION_H_INCLUDED_


#include "ngx_stentor_srt.h"
#include "ngx_stentor_door.h"
#include "ngx_stentor_source.h"
#include "access/stn_stream_id.h"
#include "wire/stn_ts.h"

#include <srt/srt.h>


/* Units on their way from a session's thread to the event loop. */
#define NGX_STENTOR_SRT_QUEUE  (64 * 1024)

/* A transport stream's packet (ISO/IEC 13818-1 2.4.3.2), in which video is
 * counted. */
#define NGX_STENTOR_SRT_TS_PACKET  188

/* The longest config of a codec. */
#define NGX_STENTOR_SRT_CONFIG_MAX  256

/* How long the threads sleep at most before they look whether to end. */
#define NGX_STENTOR_SRT_TICK_MS  100


/* One connection of a broadcaster. */

typedef struct {
    ngx_queue_t               queue;       /* in arrived, or in sessions */
    ngx_stentor_srts_t       *srts;
    ngx_stentor_srt_conf_t   *conf;
    ngx_log_t                 log;
    SRTSOCKET                 socket;
    uint32_t                  hash;        /* of the stream id */
    stn_stream_id_t           id;
    ngx_str_t                 request;     /* the name that it has */
    unsigned                  track;       /* which one of several */

    /* the event loop's */

    ngx_stentor_door_t        door;
    ngx_stentor_source_t      source;
    uint64_t                  counted;     /* of source.bytes, and of */
    uint64_t                  counted_video;   /* source.video_messages */
    unsigned                  blocked:1;   /* boolean: the live has no room */

    /* the thread's */

    pthread_t                 thread;
    int                       eid;         /* libsrt's epoll, of socket */
    stn_ts_t                 *ts;
    ngx_msec_t                heard;       /* monotonic, when audio last came */
    ngx_msec_t                measured;    /* when statistics were taken */
    uint64_t                  received;    /* bytes */

    /* under the mutex of srts; no bit beside those below, for writing one bit
     * writes its neighbors, too, and they have another mutex */

    ngx_queue_t               news;        /* in srts->news, when told */
    ngx_uint_t                told;        /* boolean */

    /* between them, under the mutex */

    pthread_mutex_t           mutex;
    pthread_cond_t            cond;        /* for the thread */
    stn_fifo_t                units;
    stn_codec_e               codec;
    size_t                    config_len;
    uint8_t                   config[NGX_STENTOR_SRT_CONFIG_MAX];
    ngx_stentor_srt_stats_t   stats;
    uint64_t                  bytes;       /* received, as of then */
    uint64_t                  video_packets;
    const char               *reason;      /* static; why it is to end, or has
                                              ended; NULL: it was hung up */
    ngx_stentor_counter_e     counter;     /* of that; _COUNTERS: none */
    unsigned                  admitted:1;  /* the thread may begin */
    unsigned                  configured:1;    /* config is to be taken */
    unsigned                  quit:1;      /* the thread is to end */
    unsigned                  ended:1;     /* it has */
} ngx_stentor_srt_t;


/* A handshake that has been let in: what becomes of it, libsrt does not tell
 * a listener. */

typedef struct {
    SRTSOCKET                 socket;
    uint32_t                  from;        /* ngx_stentor_admission_key() */
    ngx_uint_t                secret;      /* boolean: a passphrase is set */
    char                      address[NGX_STENTOR_ADDRESS_MAX];
    char                      streamid[STN_STREAM_ID_MAX + 1];
} ngx_stentor_srt_knock_t;

#define NGX_STENTOR_SRT_KNOCKS  64


/* A session that was refused when it was connected already, for a webhook had
 * to be asked: SRT has no word for that, but his encoder comes again. */

typedef struct {
    uint32_t                  from;        /* ngx_stentor_admission_key(), */
    uint32_t                  id;          /* and a hash of his stream id */
    int                       code;        /* to be told then, */
    ngx_stentor_counter_e     counter;     /* and what counts it */
    int64_t                   until_ms;    /* ngx_stentor_store_now() */
} ngx_stentor_srt_refusal_t;

#define NGX_STENTOR_SRT_REFUSALS    64
#define NGX_STENTOR_SRT_REFUSAL_MS  15000


/* A port that is listened on. */

typedef struct {
    ngx_stentor_srts_t       *srts;
    ngx_stentor_srt_conf_t   *conf;
    SRTSOCKET                 socket;      /* SRT_INVALID_SOCK: not yet */
    ngx_uint_t                complained;  /* boolean: it has been told why */
} ngx_stentor_srt_port_t;


/* A worker's SRT. */

struct ngx_stentor_srts_s {
    ngx_stentor_conf_t       *scf;
    ngx_log_t                 log;

    /* the event loop's */

    ngx_queue_t               sessions;
    ngx_event_t               timer;       /* tries to get the ports, or lets
                                              go of them */
    unsigned                  running:1;   /* there is a port thread */

    /* the port thread's */

    pthread_t                 thread;
    int                       eid;         /* libsrt's epoll */
    ngx_stentor_srt_port_t    ports[NGX_STENTOR_SRT_LISTENERS];

    /* under the mutex */

    int                       fd;          /* eventfd: wakes the event loop */
    pthread_mutex_t           mutex;
    ngx_queue_t               arrived;     /* sessions it has not seen yet */
    ngx_queue_t               news;        /* sessions with something to tell */
    ngx_uint_t                n;           /* of sessions that have a thread */
    ngx_uint_t                nknocks;
    ngx_stentor_srt_knock_t   knocks[NGX_STENTOR_SRT_KNOCKS];
    ngx_uint_t                nrefusals;   /* ever */
    ngx_stentor_srt_refusal_t refusals[NGX_STENTOR_SRT_REFUSALS];
    unsigned                  quit:1;      /* no more sessions */
    unsigned                  done:1;      /* the port thread has ended */
};


/* The threads' functions; the arguments are the ngx_stentor_srts_t and the
 * ngx_stentor_srt_t. */
void *ngx_stentor_srt_port_run(void *data);
void *ngx_stentor_srt_session_run(void *data);

/* The listen callback of libsrt: data is the port.  Returns 0, or -1 with the
 * socket's reject reason set. */
int ngx_stentor_srt_knock(void *data, SRTSOCKET sock, int version,
    const struct sockaddr *peer, const char *streamid);

/* Who knocked has been accepted: sets streamid, of STN_STREAM_ID_MAX + 1 bytes,
 * to what was judged then.  Returns NGX_OK, or NGX_DECLINED when nobody has
 * knocked with that socket, or he is known to be gone.  And: what has become
 * of the others, of whom libsrt has refused some since, is counted and
 * logged. */
ngx_int_t ngx_stentor_srt_knock_over(ngx_stentor_srts_t *srts,
    SRTSOCKET sock, char *streamid);
void ngx_stentor_srt_knocks_look(ngx_stentor_srts_t *srts);

/* Writes an address without its port to text, of NGX_STENTOR_ADDRESS_MAX
 * bytes. */
void ngx_stentor_srt_address(char *text, const struct sockaddr *sa);

/* From any thread: the event loop is to look at the session. */
void ngx_stentor_srt_tell(ngx_stentor_srt_t *s);

/* From any thread: wakes the event loop. */
void ngx_stentor_srts_wake(ngx_stentor_srts_t *srts);

/* From any thread: adds n to a counter of the worker. */
void ngx_stentor_srts_count(ngx_stentor_srts_t *srts,
    ngx_stentor_counter_e counter, int64_t n);

/* The stream that a stream id means on that listener: an application, and a
 * name in it.  A vhost in front of the path is passed over.  NULL: there is no
 * such application, or no name. */
ngx_stentor_app_t *ngx_stentor_srt_stream(ngx_stentor_conf_t *scf,
    ngx_stentor_srt_conf_t *conf, stn_stream_id_t *id, ngx_str_t *name);

/* Frees a session whose thread has ended, or has never begun. */
void ngx_stentor_srt_free(ngx_stentor_srt_t *s);


#endif /* _NGX_STENTOR_SRT_SESSION_H_INCLUDED_ */
