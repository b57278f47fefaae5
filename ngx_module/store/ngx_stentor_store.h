/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The store: one shared-memory zone with the live window of every stream.
 *
 *     zone: | head | slots | streams ... | rings of stream A | of B | ...
 *
 *     rendition:  records  | part n-2 | part n-1 | part n |  (a ring)
 *                 bytes    |...moof mdat|moof mdat|...|      (a ring)
 *
 * One writer per stream (its live thread, or a relay), told from former ones
 * by the stream's epoch.  Readers copy a part out and then check that nobody
 * has written over it; they never lock.  The zone's mutex guards opening and
 * closing only.  Memory for a stream is taken when it is opened and nothing
 * is allocated per part.
 */

#ifndef _NGX_STENTOR_STORE_H_INCLUDED_
#define _NGX_STENTOR_STORE_H_INCLUDED_


#include "ngx_stentor.h"


#define NGX_STENTOR_STREAM_MAGIC  0x53744e53    /* StNS */

/* Accesses that order what readers and writers see of each other. */
#define ngx_stentor_load(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define ngx_stentor_save(p, v)  __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define ngx_stentor_fence()     __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Worker slots: two generations of workers live side by side in a reload. */
#define NGX_STENTOR_SLOTS  128

/* Sessions of broadcasters at once, and addresses that have failed. */
#define NGX_STENTOR_SESSIONS  4096
#define NGX_STENTOR_FAILURES  4096

/* Applications that are crowded. */
#define NGX_STENTOR_CROWDS  256

#define NGX_STENTOR_CODECS_MAX   16
#define NGX_STENTOR_CONFIG_MAX   64      /* bytes of a decoder's config */
#define NGX_STENTOR_ADDRESS_MAX  64
#define NGX_STENTOR_ENCODER_MAX  96

/* Audio parameters that a rendition may have in one window, and the bytes of
 * an init segment. */
#define NGX_STENTOR_INITS     8
#define NGX_STENTOR_INIT_MAX  2048


/* States of a stream's record. */

#define NGX_STENTOR_FREE     0
#define NGX_STENTOR_OPENING  1     /* claimed, its window is not full yet */
#define NGX_STENTOR_OPEN     2
#define NGX_STENTOR_CLOSED   3     /* ended, still readable */


/* Who opened a stream; the later ones outweigh the earlier. */

#define NGX_STENTOR_BY_BROADCASTER  0    /* ends when he has been gone */
#define NGX_STENTOR_BY_CONFIG       1
#define NGX_STENTOR_BY_CONTROL      2


/* Counters a worker keeps in its slot; summed over slots they never go back.
 * Their names and help are the status module's, in the same order. */

typedef enum {
    NGX_STENTOR_INGEST_CONNECTIONS,
    NGX_STENTOR_INGEST_HANDSHAKE_FAILURES,
    NGX_STENTOR_INGEST_PROTOCOL_ERRORS,
    NGX_STENTOR_INGEST_TIMEOUTS,
    NGX_STENTOR_INGEST_REFUSED_APPLICATION,
    NGX_STENTOR_INGEST_REFUSED_NAME,
    NGX_STENTOR_INGEST_REFUSED_CODEC,
    NGX_STENTOR_INGEST_REFUSED_CLOSED,
    NGX_STENTOR_INGEST_REFUSED_FULL,
    NGX_STENTOR_INGEST_REFUSED_PLAY,
    NGX_STENTOR_INGEST_TAKEOVERS,
    NGX_STENTOR_INGEST_BYTES,
    NGX_STENTOR_INGEST_VIDEO_MESSAGES,
    NGX_STENTOR_INGEST_VIDEO_BYTES,
    NGX_STENTOR_HLS_PLAYLISTS,
    NGX_STENTOR_HLS_PARTS,
    NGX_STENTOR_HLS_SEGMENTS,
    NGX_STENTOR_HLS_INITS,
    NGX_STENTOR_HLS_NOT_MODIFIED,
    NGX_STENTOR_HLS_BAD_REQUESTS,
    NGX_STENTOR_HLS_NOT_FOUND,
    NGX_STENTOR_HLS_HOLDS,
    NGX_STENTOR_HLS_HOLD_TIMEOUTS,
    NGX_STENTOR_HLS_PENDING_REFUSED,
    NGX_STENTOR_HLS_RENDERS,
    NGX_STENTOR_HLS_GZIP_RENDERS,
    NGX_STENTOR_HLS_WAKES,
    NGX_STENTOR_NOTIFY_SENT,
    NGX_STENTOR_NOTIFY_RETRIES,
    NGX_STENTOR_NOTIFY_FAILED,
    NGX_STENTOR_NOTIFY_DROPPED,
    NGX_STENTOR_INGEST_REFUSED_WEBHOOK,
    NGX_STENTOR_INGEST_WEBHOOK_FAILURES,
    NGX_STENTOR_INGEST_REFUSED_BITRATE,
    NGX_STENTOR_INGEST_REFUSED_TAKEN,
    NGX_STENTOR_INGEST_REFUSED_KEY,
    NGX_STENTOR_INGEST_REFUSED_ATTEMPTS,
    NGX_STENTOR_INGEST_REFUSED_SESSIONS,
    NGX_STENTOR_RELAY_REQUESTS,
    NGX_STENTOR_RELAY_REFUSED,
    NGX_STENTOR_RELAY_PARTS_OUT,
    NGX_STENTOR_RELAY_BYTES_OUT,
    NGX_STENTOR_RELAY_CONNECTS,
    NGX_STENTOR_RELAY_FAILURES,
    NGX_STENTOR_RELAY_SWITCHES,
    NGX_STENTOR_RELAY_PARTS_IN,
    NGX_STENTOR_RELAY_BYTES_IN,
    NGX_STENTOR_HLS_CONNECTS,
    NGX_STENTOR_HLS_BYTES,
    NGX_STENTOR_HLS_AUDIO_MS,
    NGX_STENTOR_HLS_REPEATS,
    NGX_STENTOR_HLS_MALFORMED,
    NGX_STENTOR_HLS_JOINS,
    NGX_STENTOR_HLS_RETURNS,
    NGX_STENTOR_HLS_DOWNGRADED,
    NGX_STENTOR_HLS_STEERED,
    NGX_STENTOR_HLS_REFUSED,
    NGX_STENTOR_HLS_STEERINGS,
    NGX_STENTOR_HLS_FIRSTS,
    NGX_STENTOR_HLS_ENDED_PLAYLISTS,
    NGX_STENTOR_HLS_ENDED_MEDIA,
    NGX_STENTOR_HLS_OPTIONS,
    NGX_STENTOR_REPLAY_PARTS,
    NGX_STENTOR_REPLAY_BYTES,
    NGX_STENTOR_REPLAY_LOST,
    NGX_STENTOR_REPLAY_FAILURES,
    NGX_STENTOR_REPLAY_ENDED,
    NGX_STENTOR_REPLAY_REMOVED,
    /* the rest go up and down and die with their worker */
    NGX_STENTOR_INGEST_SESSIONS,
    NGX_STENTOR_HLS_PENDING,
    NGX_STENTOR_RELAY_SESSIONS,
    NGX_STENTOR_RELAY_PULLS,
    NGX_STENTOR_HLS_CONNECTIONS,
    NGX_STENTOR_HLS_LISTENERS,
    NGX_STENTOR_HLS_LEAVING,
    NGX_STENTOR_HLS_JOINING,
    NGX_STENTOR_HLS_TRYING,
    NGX_STENTOR_REPLAY_WRITERS,
    NGX_STENTOR_REPLAY_FAILING,
    NGX_STENTOR_COUNTERS
} ngx_stentor_counter_e;

#define NGX_STENTOR_FIRST_GAUGE  NGX_STENTOR_INGEST_SESSIONS


/* Counters of one stream; its writer keeps them. */

typedef enum {
    NGX_STENTOR_STREAM_PARTS,
    NGX_STENTOR_STREAM_SEGMENTS,
    NGX_STENTOR_STREAM_BYTES,
    NGX_STENTOR_STREAM_WAKES,
    NGX_STENTOR_STREAM_GAPS_FILLED,
    NGX_STENTOR_STREAM_STALE_DROPPED,
    NGX_STENTOR_STREAM_RESYNCS,
    NGX_STENTOR_STREAM_HOLD_FRAMES,
    NGX_STENTOR_STREAM_LIVE_FRAMES,
    NGX_STENTOR_STREAM_DRIFT_REPAIRS,
    NGX_STENTOR_STREAM_BROKEN,
    NGX_STENTOR_STREAM_FORMATS,
    NGX_STENTOR_STREAM_ADOPTIONS,
    NGX_STENTOR_STREAM_TAKEOVERS,
    NGX_STENTOR_STREAM_FIGHTS,
    NGX_STENTOR_STREAM_DEAD_AIRS,
    NGX_STENTOR_STREAM_COUNTERS
} ngx_stentor_stream_counter_e;


/* A worker's place: where it is woken and what it counted. */

typedef struct {
    ngx_atomic_t             pid;        /* 0: free */
    ngx_atomic_t             exiting;    /* boolean: stays for streams only */
    size_t                   dirty;      /* offset: a bit per stream */
    size_t                   waiters;    /* offset: a uint32_t per stream */
    size_t                   listeners;  /* likewise, */
    size_t                   present;    /* and likewise */
    ngx_atomic_t             woken_us;   /* monotonic: the first wake-up that
                                            it has not noticed; 0: none */
    ngx_atomic_t             wake_us;    /* so long it took to notice one, at
                                            most since the last sample */
    uint64_t                 counters[NGX_STENTOR_COUNTERS];
} ngx_stentor_slot_t;


/* How an SRT connection fares (srt_bstats()); counters since it began. */

typedef struct {
    uint32_t                 rtt_us;
    uint32_t                 latency_ms;     /* negotiated */
    uint32_t                 buffer_ms;      /* waiting to be delivered */
    uint32_t                 key_bits;       /* 0: not encrypted */
    uint64_t                 packets;        /* received, repeated ones too */
    uint64_t                 lost;           /* found missing */
    uint64_t                 retransmitted;
    uint64_t                 dropped;        /* missing for good */
    uint64_t                 undecrypted;
} ngx_stentor_srt_stats_t;


/* A broadcaster's session as status shows it; its worker writes it, readers
 * check seq before and after (odd: being written). */

typedef struct {
    ngx_atomic_t             seq;
    ngx_atomic_t             id;         /* connection number; 0: none */
    int64_t                  since_ms;   /* of ngx_stentor_store_now() */
    uint64_t                 bytes;
    uint64_t                 audio_frames;
    uint64_t                 video_messages;
    uint64_t                 video_bytes;
    char                     protocol[8];
    char                     address[NGX_STENTOR_ADDRESS_MAX];
    char                     encoder[NGX_STENTOR_ENCODER_MAX];
    ngx_stentor_srt_stats_t  srt;        /* if that is its protocol */
} ngx_stentor_session_t;


/* How loud the broadcaster is: hundredths of dB, see stn_level_report_t.  The
 * live thread writes it, now and then; each figure is good by itself. */

#define NGX_STENTOR_ALARMS          3
#define NGX_STENTOR_ALARM_DEAD_AIR  0    /* its number */

extern const char  *ngx_stentor_alarms[NGX_STENTOR_ALARMS];

typedef struct {
    ngx_atomic_t             measured;   /* boolean: there are figures */
    int32_t                  rms[2];
    int32_t                  channels;
    int32_t                  true_peak;
    int32_t                  max_true_peak;
    int32_t                  momentary;
    int32_t                  short_term;
    int32_t                  integrated;
    uint32_t                 silent_ms;
    uint64_t                 clipped;
    uint32_t                 alarms;     /* bits, named in order */
} ngx_stentor_level_t;


/* Whether a stream is written to disk here: nobody does, its first live part is
 * waited for, it is, or the disk fails. */

typedef enum {
    NGX_STENTOR_REPLAY_OFF,
    NGX_STENTOR_REPLAY_WAITING,
    NGX_STENTOR_REPLAY_WRITING,
    NGX_STENTOR_REPLAY_ILL,
    NGX_STENTOR_REPLAYS
} ngx_stentor_replay_e;

extern const char  *ngx_stentor_replays[NGX_STENTOR_REPLAYS];


/* How a stream comes that is made on another node; its pull writes it, readers
 * check seq before and after (odd: being written). */

#define NGX_STENTOR_CHAIN_MAX  512

typedef struct {
    ngx_atomic_t             seq;
    char                     upstream[NGX_STENTOR_CHAIN_MAX];   /* its URL */
    char                     chain[NGX_STENTOR_CHAIN_MAX];   /* ids of nodes,
                                            from the origin to the upstream,
                                            with blanks between; empty: it
                                            comes from nobody now */
    uint32_t                 role;       /* stn_node_role_e, upstream's */
    int32_t                  lag_us;     /* upstream to here, over the least */
    int32_t                  behind_us;  /* origin to here, by the clocks of
                                            both */
    uint32_t                 switches;   /* to another upstream, ever */
    int64_t                  since_ms;   /* from this upstream; likewise */
    uint64_t                 bytes;      /* received, ever */
} ngx_stentor_relay_t;


/* A part's record. */

typedef struct {
    ngx_atomic_t             seq;        /* its number + 1; 0: being written */
    uint64_t                 msn;
    int64_t                  pos;        /* tfdt */
    int64_t                  made_us;    /* Unix time by the stream's clock */
    uint64_t                 offset;     /* in the endless stream of bytes */
    uint32_t                 part;       /* index in its segment */
    uint32_t                 duration;   /* samples */
    uint32_t                 len;        /* bytes */
    uint32_t                 rate;       /* of pos and duration */
    uint32_t                 init;       /* names its init segment */
    uint32_t                 next_init;  /* of what follows; 0: the same */
    uint32_t                 last;       /* boolean: ends its segment */
    uint32_t                 discontinuities;   /* ever, up to its segment */
    uint32_t                 live;       /* boolean: not hold audio */
    uint32_t                 silent;     /* boolean: the broadcaster was */
} ngx_stentor_record_t;


/* An init segment, and the format that it is of.  id is 0 while it is being
 * written, and again when its place is given to another. */

typedef struct {
    ngx_atomic_t             id;
    uint32_t                 rate;       /* Hz */
    uint32_t                 channels;
    uint32_t                 config_len;
    uint32_t                 len;
    ngx_atomic_uint_t        used;       /* newest record that needs it + 1 */
    char                     codecs[NGX_STENTOR_CODECS_MAX];
    u_char                   config[NGX_STENTOR_CONFIG_MAX];
    u_char                   data[NGX_STENTOR_INIT_MAX];
} ngx_stentor_init_t;


/* Where a rendition's rings lie.  A reader keeps a copy of its own: the
 * record in the zone may be given to another stream at any time. */

typedef struct {
    size_t                   records;    /* offset of the ring of records */
    size_t                   nrecords;
    size_t                   bytes;      /* offset of the ring of bytes */
    size_t                   size;       /* of the ring of bytes */
    size_t                   inits;      /* offset of NGX_STENTOR_INITS */
} ngx_stentor_ring_t;


typedef struct {
    char                     name[NGX_STENTOR_RENDITION_MAX];
    uint32_t                 rate;       /* Hz, as it was opened with */
    uint32_t                 part;       /* samples a part, likewise */
    uint32_t                 parts;      /* parts a segment */
    uint32_t                 window;     /* whole segments listed */
    uint32_t                 bandwidth;  /* peak, bit/s */
    uint32_t                 average;    /* bit/s */
    uint32_t                 max_bandwidth;  /* bit/s, the ring carries */
    ngx_atomic_t             init;       /* the newest one's id */
    ngx_stentor_ring_t       ring;
    ngx_atomic_t             head;       /* parts ever appended */
    ngx_atomic_t             first;      /* oldest part that is whole */
    ngx_atomic_t             reserved;   /* bytes ever written or promised */
} ngx_stentor_rendition_t;


typedef struct {
    uint32_t                 magic;
    uint32_t                 index;
    ngx_atomic_t             state;
    ngx_atomic_t             incarnation;    /* grows with each new window */
    ngx_atomic_t             epoch;          /* grows with each claim */
    ngx_atomic_t             writing;        /* epoch in an append; 0: none */
    ngx_atomic_t             owner;          /* slot of the writer */
    ngx_atomic_t             owner_pid;
    ngx_atomic_t             readers[NGX_STENTOR_SLOTS / 64];
    ngx_atomic_t             read_msec;      /* ngx_current_msec, when somebody
                                                last wanted something of it */
    ngx_atomic_t             clock_us;       /* Unix time minus monotonic, by
                                                which its parts are dated */
    int64_t                  opened_ms;      /* these are of */
    int64_t                  closed_ms;      /* ngx_stentor_store_now() */
    uint64_t                 last_msn;       /* ever used for this name */
    ngx_atomic_t             live;           /* boolean: not hold audio */
    ngx_atomic_t             opened_by;
    ngx_atomic_t             wanted;         /* boolean: the operator wants
                                                it open */
    ngx_atomic_t             closing;        /* likewise closed */
    ngx_atomic_t             pinned;         /* boolean: of the configuration,
                                                its record is kept */
    int64_t                  barred_ms;      /* the operator closed it: until
                                                then only he opens it */
    int64_t                  gone_ms;        /* when its broadcaster left, by
                                                the stream's clock; 0: he is
                                                there */
    int64_t                  taken_ms;       /* the last take-over, and how */
    ngx_uint_t               fights;         /* many in a row */
    ngx_atomic_t             relayed;        /* boolean: its writer, if it has
                                                one, is a pull */
    ngx_atomic_t             lease_epoch;    /* of whoever makes it; 0: none */
    ngx_stentor_relay_t      relay;          /* if it is relayed */
    ngx_stentor_level_t      level;
    ngx_atomic_t             replay;         /* ngx_stentor_replay_e */
    ngx_stentor_session_t    session;
    uint64_t                 counters[NGX_STENTOR_STREAM_COUNTERS];
    ngx_uint_t               nrenditions;
    ngx_stentor_rendition_t  renditions[NGX_STENTOR_RENDITIONS];
    size_t                   memory;         /* offset of the rings; 0: none */
    size_t                   name_len;
    u_char                   name[NGX_STENTOR_NAME_MAX];
} ngx_stentor_stream_t;


/* The head of the zone. */

typedef struct {
    uint32_t                 magic;
    int64_t                  born_ms;        /* ngx_stentor_store_now() */
    ngx_atomic_t             clock_us;       /* ngx_stentor_store_date()'s */
    uint64_t                 seed;           /* of hashes; random */
    ngx_uint_t               nstreams;
    size_t                   streams;        /* offset of the table, */
    size_t                   hashes;         /* and of their names' hashes: one
                                                uint32_t a record, close
                                                together to be looked through */
    size_t                   map;            /* offset of the map; 0: none */
    size_t                   pulse;          /* offset; ngx_stentor_pulse.h */
    size_t                   uniques;        /* likewise, .._unique.h */
    size_t                   known;          /* and .._known.h, */
    uint32_t                 known_sets;     /* of that many sets */
    ngx_atomic_t             incarnations;   /* windows ever made */
    ngx_atomic_t             opens;          /* streams ever let in to */
    ngx_atomic_t             steering;       /* a round of moves; see
                                                ngx_stentor_steering.c */
    ngx_atomic_t             srt_pid;        /* whose the SRT ports are; 0 */
    ngx_atomic_t             sessions[NGX_STENTOR_SESSIONS];
    ngx_atomic_t             failures[NGX_STENTOR_FAILURES];   /* both are of
                                                 ngx_stentor_admission.h */
    ngx_atomic_t             crowds[NGX_STENTOR_CROWDS];   /* and these of
                                                 ngx_stentor_crowd.h */
    ngx_atomic_t             rate;           /* bit/s of bodies, */
    ngx_atomic_t             rate_msec;      /* ngx_current_msec, up to when, */
    ngx_atomic_t             rate_bytes;     /* and how many by then */
    int                      fds[NGX_STENTOR_SLOTS];  /* wakes; -1: none */
    ngx_stentor_slot_t       slots[NGX_STENTOR_SLOTS];
} ngx_stentor_head_t;


struct ngx_stentor_store_s {
    ngx_cycle_t             *cycle;          /* whose configuration it is */
    ngx_shm_zone_t          *zone;
    ngx_slab_pool_t         *pool;
    ngx_stentor_head_t      *head;
    ngx_uint_t               nstreams;
    ngx_int_t              (*more)(ngx_stentor_store_t *store, void *data);
    void                    *more_data;  /* what else is to be in the zone:
                                            called by the master when it is
                                            there, anew or still; or NULL */
};


/* What an opener says of a rendition; sizes follow from it. */

typedef struct {
    const char              *name;
    uint32_t                 rate;
    uint32_t                 part;           /* samples */
    uint32_t                 parts;
    uint32_t                 window;         /* segments */
    uint32_t                 bandwidth;      /* bit/s, peak */
    uint32_t                 average;        /* bit/s */
    uint32_t                 max_bandwidth;  /* bit/s, the ring must carry */
} ngx_stentor_params_t;


/* A format that a rendition takes on. */

typedef struct {
    const char              *codecs;
    uint32_t                 rate;
    uint32_t                 channels;
    const u_char            *config;
    size_t                   config_len;
    const u_char            *data;           /* the init segment */
    size_t                   len;
} ngx_stentor_format_t;


/* The right to write to a stream. */

typedef struct {
    ngx_stentor_store_t     *store;          /* set by the claimer */
    ngx_uint_t               slot;           /* likewise: his worker's */
    ngx_uint_t               vacant;         /* likewise; boolean: only if it
                                                has no living owner */
    ngx_uint_t               relayed;        /* likewise; boolean: the claimer
                                                is a pull */
    ngx_stentor_stream_t    *stream;
    ngx_pid_t                former;         /* whose it was before */
    ngx_atomic_uint_t        epoch;
    ngx_uint_t               resume;         /* boolean: go on behind edge */
    ngx_uint_t               again;          /* boolean: it had ended */
    ngx_uint_t               foreign;        /* boolean: so far it was made on
                                                another node */
    ngx_stentor_record_t     edge[NGX_STENTOR_RENDITIONS];
    uint64_t                 last_msn;       /* ever used; 0: none */
    const char              *reason;         /* why a claim failed */
} ngx_stentor_claim_t;


/* Declares the zone for this configuration; called while it is read. */
ngx_stentor_store_t *ngx_stentor_store_create(ngx_conf_t *cf, size_t size,
    ngx_uint_t nstreams);

/* The record at index (below nstreams), in whatever state it is. */
ngx_stentor_stream_t *ngx_stentor_store_stream(ngx_stentor_store_t *store,
    ngx_uint_t index);

ngx_stentor_slot_t *ngx_stentor_store_slot(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* The words of bits, one bit a stream, that say what slot must look at. */
ngx_atomic_t *ngx_stentor_store_dirty(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* The numbers of requests, one a stream, that wait in slot's worker. */
uint32_t *ngx_stentor_store_waiters(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* Likewise, that listen by way of it. */
uint32_t *ngx_stentor_store_listeners(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* Likewise, and that count for limits: who leaves or joins, too. */
uint32_t *ngx_stentor_store_present(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* Whether slot has a worker that lives: one that was killed could not give its
 * slot back. */
ngx_uint_t ngx_stentor_store_lives(ngx_stentor_store_t *store,
    ngx_uint_t slot);

/* Whether any worker lives that is not known to exit: the others' streams have
 * listeners then. */
ngx_uint_t ngx_stentor_store_served(ngx_stentor_store_t *store);

/* The stream of that full name that can be read (open, or closed less than
 * its retention ago), or NULL.  Lock-free. */
ngx_stentor_stream_t *ngx_stentor_store_find(ngx_stentor_store_t *store,
    ngx_str_t *name);

/*
 * Claims the stream of that full name for claim->slot's worker: takes it over
 * from whoever writes it, or makes a record for it.  names are those of the n
 * renditions it shall have: if it has the same and is not over, claim->resume
 * is set and the claimer goes on behind claim->edge; else he must build it.
 * Takes the zone's mutex; may wait some milliseconds for a former writer to
 * leave an append: never in an event loop.
 *
 * Returns NGX_OK; NGX_DECLINED when claim->vacant is set and it has a living
 * owner; NGX_BUSY when no record is free; NGX_ABORT when the former writer
 * does not let go, or another claim came upon ours.  claim->reason says why.
 */
ngx_int_t ngx_stentor_store_claim(ngx_stentor_claim_t *claim,
    ngx_str_t *name, const char **names, ngx_uint_t n);

/* Gives a claimed stream a new, empty window of n renditions.  Returns
 * NGX_OK, NGX_BUSY when the zone is full, NGX_ABORT when it is no longer
 * ours; then the claim is over. */
ngx_int_t ngx_stentor_store_build(ngx_stentor_claim_t *claim,
    ngx_stentor_params_t *params, ngx_uint_t n);

/* The stream goes on without us: any worker may claim it. */
void ngx_stentor_store_hand_over(ngx_stentor_claim_t *claim);

/* Likewise, and it is made on another node from now on: a pull is to claim
 * it. */
void ngx_stentor_store_leave_to_pull(ngx_stentor_claim_t *claim);

/*
 * Gives rendition i a format for the parts to come.  Returns NGX_OK with what
 * names its init segment to *id; NGX_DECLINED when the stream belongs to
 * somebody else by now; NGX_BUSY when the window has as many formats as it
 * may; NGX_ERROR when the init segment is too long.
 */
ngx_int_t ngx_stentor_store_format(ngx_stentor_claim_t *claim, ngx_uint_t i,
    ngx_stentor_format_t *format, uint32_t *id);

/* Whether a format with that config has room in the window of rendition i: it
 * is in it already, or one more may be.  Lock-free. */
ngx_uint_t ngx_stentor_store_has_room(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, const u_char *config, size_t len);

/* Copies the init segment of that id, and its format.  Returns NGX_OK, or
 * NGX_DECLINED when there is none. */
ngx_int_t ngx_stentor_store_init(ngx_stentor_store_t *store,
    ngx_stentor_ring_t *ring, uint32_t id, ngx_stentor_init_t *init);

/*
 * The operator's wishes.  A stream that he wants has a record at once (NULL:
 * there is none free), and opened_by says that it is his; a keeper opens it
 * if it is not open.  One that he closes (NULL: it is not open, or another
 * node's) is ended by its writer, and until barred_ms nobody but he opens it
 * here.
 */
ngx_stentor_stream_t *ngx_stentor_store_want(ngx_stentor_store_t *store,
    ngx_str_t *name);
ngx_stentor_stream_t *ngx_stentor_store_forbid(ngx_stentor_store_t *store,
    ngx_str_t *name, int64_t barred_ms);

/* Until when (Unix milliseconds) nobody but the operator opens the stream of
 * that full name; 0: anybody may.  A stream of the configuration stays closed
 * as long as it is not 0. */
int64_t ngx_stentor_store_barred(ngx_stentor_store_t *store, ngx_str_t *name);

/* Lets readers in, once the window is worth it. */
void ngx_stentor_store_open(ngx_stentor_claim_t *claim);

/* Whether the claim is still the newest one. */
ngx_uint_t ngx_stentor_store_valid(ngx_stentor_claim_t *claim);

/*
 * Appends a part of all n renditions: each record's msn, part, pos, duration,
 * rate, init, next_init, last, discontinuities and len, and that many bytes
 * at its data.  Readers, and whoever goes on after a crash, find it in all of
 * them or in none.  Returns NGX_OK; NGX_DECLINED when the stream belongs to
 * somebody else by now; NGX_ERROR when a part can never fit.
 */
ngx_int_t ngx_stentor_store_append(ngx_stentor_claim_t *claim,
    ngx_stentor_record_t *records, const u_char **data, ngx_uint_t n);

/* Adds n to a counter of slot's worker, from any of its threads. */
void ngx_stentor_store_count(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_stentor_counter_e counter, int64_t n);

/* A counter of all workers that ever were; what goes up and down, of those
 * that live. */
uint64_t ngx_stentor_store_sum(ngx_stentor_store_t *store,
    ngx_stentor_counter_e counter);

/* Ends the stream for its readers, who may read on for its retention.  Returns
 * NGX_OK; NGX_DECLINED when it goes on without us: it is somebody else's, or
 * shall be, for the operator or the configuration want it open; or when it was
 * not open: it has had no readers yet, or has ended before. */
ngx_int_t ngx_stentor_store_close(ngx_stentor_claim_t *claim);

/* Ends the stream as if it had never been: its readers are not told that it
 * has ended, they find nothing.  For a pull that nobody needs any more. */
void ngx_stentor_store_drop(ngx_stentor_claim_t *claim);

/*
 * Copies record n of a rendition, and then its bytes to data (record->len of
 * them), from the rings as the reader knows them.  Returns NGX_OK, or
 * NGX_DECLINED when it has been written over (or, for a record, is not there
 * yet).  That the stream still is the same is for the reader to check after.
 */
ngx_int_t ngx_stentor_store_record(ngx_stentor_store_t *store,
    ngx_stentor_ring_t *ring, ngx_atomic_uint_t n,
    ngx_stentor_record_t *record);
ngx_int_t ngx_stentor_store_bytes(ngx_stentor_store_t *store,
    ngx_stentor_ring_t *ring, ngx_stentor_rendition_t *rend,
    ngx_stentor_record_t *record, u_char *data);

/* The newest part of rendition i.  Returns NGX_OK, or NGX_DECLINED when it
 * has none. */
ngx_int_t ngx_stentor_store_edge(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_uint_t i, ngx_stentor_record_t *record);

/* Where that part ends, in Unix milliseconds by the stream's clock; 0: there
 * is none. */
int64_t ngx_stentor_store_end_ms(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* Whether the stream may be read: open, or closed for less than its
 * retention, and its writer not long dead. */
ngx_uint_t ngx_stentor_store_readable(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* Whether the stream has a writer that lives. */
ngx_uint_t ngx_stentor_store_owned(ngx_stentor_stream_t *st);

/* Whether the stream is over for good, and its record may be given away. */
ngx_uint_t ngx_stentor_store_expired(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, int64_t now);

/* The records that have or had that name, in whatever state, one by one: *i
 * goes from 0; NULL: no more. */
ngx_stentor_stream_t *ngx_stentor_store_named(ngx_stentor_store_t *store,
    ngx_str_t *name, ngx_uint_t *i);

/* The record with that name in any state but free, or NULL. */
ngx_stentor_stream_t *ngx_stentor_store_lookup(ngx_stentor_store_t *store,
    ngx_str_t *name);

/* Memory at an offset into the zone, and the other way round. */
void *ngx_stentor_store_at(ngx_stentor_store_t *store, size_t offset);
size_t ngx_stentor_store_offset(ngx_stentor_store_t *store, void *p);

/* How long a closed stream stays readable, in ms. */
int64_t ngx_stentor_store_retention(ngx_stentor_stream_t *st);

/* That clock, in microseconds. */
int64_t ngx_stentor_store_us(clockid_t id);

/* Milliseconds of a clock that is never set and that all processes share
 * (CLOCK_MONOTONIC): for how long ago what is kept in the store was. */
int64_t ngx_stentor_store_now(void);

/* Unix time in milliseconds, by the wall clock, which may be set at any time;
 * and what a time of ngx_stentor_store_now() is by it, the same for the same
 * time until it is set by more than half a second. */
int64_t ngx_stentor_store_wall(void);
int64_t ngx_stentor_store_date(ngx_stentor_store_t *store, int64_t ms);

/*
 * Unix time in milliseconds by the clock of the stream: the wall clock as it
 * was when the stream got its window, or its origin's if that is far from
 * ours.  It goes on evenly when the wall clock is set, for whoever writes the
 * stream.
 */
int64_t ngx_stentor_store_stream_now(ngx_stentor_stream_t *st);


#endif /* _NGX_STENTOR_STORE_H_INCLUDED_ */
