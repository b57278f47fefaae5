/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A pull: one stream from other nodes, see ngx_stentor_relay_pull.h.
 *
 *     ask -> next --STREAM--> cur --ended--> ask ...  --idle, over--> finish
 *             |                |
 *             |                `-- slow, or not the best: ask, and the next
 *             `-- ended: ask       takes its place when it has the stream
 *
 * Of the two links one at most is heard.  Event loop only.
 */

#ifndef _NGX_STENTOR_PULL_H_INCLUDED_
#define _NGX_STENTOR_PULL_H_INCLUDED_


#include "ngx_stentor_relay_link.h"
#include "ngx_stentor_relay_pull.h"
#include "ngx_stentor_relay_bad.h"


/* Between the first two rounds in which nobody had the stream. */
#define NGX_STENTOR_PULL_BACKOFF_MS  100

/* How often it is looked whether a better upstream is back; on average, for
 * pulls are not to do so all at once. */
#define NGX_STENTOR_PULL_PREFER_MS  10000


/* How a pull ends. */

typedef enum {
    NGX_STENTOR_PULL_CLOSE,      /* the stream is over */
    NGX_STENTOR_PULL_DROP,       /* nobody wants it, or nobody has it */
    NGX_STENTOR_PULL_LEAVE       /* another worker goes on with it */
} ngx_stentor_pull_e;


typedef struct ngx_stentor_pull_s  ngx_stentor_pull_t;


/* A worker's. */

struct ngx_stentor_pulls_s {
    ngx_stentor_conf_t          *scf;
    ngx_stentor_cluster_t       *cluster;
    ngx_stentor_fetches_t       *fetches;
    ngx_queue_t                  pulls;
    ngx_stentor_pull_t         **by_lease;   /* one a lease; or NULL */
    ngx_msec_t                  *seen;       /* one a lease: since when nobody
                                                pulls it; 0: somebody does */
    ngx_event_t                  timer;
    ngx_event_t                  soon;       /* a look that was put off */
    ngx_msec_t                   looked;
    ngx_pid_t                    known;      /* asked about in this look; 0 */
    ngx_uint_t                   alive;      /* boolean: it lives */
    ngx_msec_t                   full;       /* when that was logged; 0 */
    ngx_stentor_bads_t           bads;
    ngx_log_t                   *log;
};


struct ngx_stentor_pull_s {
    ngx_queue_t                  queue;
    ngx_stentor_pulls_t         *pulls;
    ngx_stentor_lease_t         *lease;
    ngx_stentor_relayed_t        stream;
    ngx_stentor_link_t          *cur;        /* whose records are taken */
    ngx_stentor_link_t          *next;       /* asked, no STREAM yet */
    ngx_stentor_link_t          *former;     /* to be freed */
    ngx_event_t                  retry;      /* when there is neither */
    ngx_msec_t                   backoff;
    uint32_t                     passed[NGX_STENTOR_ROUTE_MAX];  /* of this
                                                round, by key */
    ngx_uint_t                   npassed;
    ngx_uint_t                   absents;    /* of them, who said ABSENT */
    ngx_uint_t                   waits;      /* boolean: for a route */
    ngx_uint_t                   entire;     /* boolean: ask for all of it */
    ngx_msec_t                   again;      /* when last; 0: never */
    uint64_t                     epoch;      /* the highest taken, */
    uint64_t                     news;       /* and whose owner is known */
    ngx_msec_t                   prefer;     /* look for a better one then, */
    ngx_msec_t                   flee;       /* or for any other, */
    ngx_msec_t                   show;       /* and tell of all this */
    uint32_t                     key;        /* of the last upstream; 0 */
    ngx_uint_t                   switches;
    int64_t                      since_ms;   /* from it */
    uint64_t                     bytes;      /* of links that have ended */
    char                         chain[NGX_STENTOR_CHAIN_MAX];
    u_char                       name[NGX_STENTOR_NAME_MAX];
};


/* Begins for that lease, which says that it is this worker's.  NGX_ERROR out
 * of memory. */
ngx_int_t ngx_stentor_pull_begin(ngx_stentor_pulls_t *pulls,
    ngx_stentor_lease_t *lease);

/* Something may have become known that it waits for; the pull may be gone
 * then. */
void ngx_stentor_pull_wake(ngx_stentor_pull_t *pull);

/* ngx_stentor_pull_look.c: looks after it, some times a second; likewise. */
void ngx_stentor_pull_look(ngx_stentor_pull_t *pull);

/* Ends and frees it. */
void ngx_stentor_pull_finish(ngx_stentor_pull_t *pull,
    ngx_stentor_pull_e how);

/* Whether somebody has read the stream within relay_idle. */
ngx_uint_t ngx_stentor_pull_read(ngx_stentor_pulls_t *pulls,
    ngx_stentor_stream_t *st);


/* What the files of a pull have of each other. */

/* ngx_stentor_pull_record.c: see ngx_stentor_link_record_pt. */
ngx_int_t ngx_stentor_pull_record(ngx_stentor_link_t *link,
    stn_relay_record_t *record);

/* The highest epoch that is known: what is of an older one is over. */
uint64_t ngx_stentor_pull_epoch(ngx_stentor_pull_t *pull);

/* Asks that upstream, too: its link is pull->next.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stentor_pull_try(ngx_stentor_pull_t *pull,
    ngx_stentor_upstream_t *up);

/* Whether that upstream has been asked in this round. */
ngx_uint_t ngx_stentor_pull_passed(ngx_stentor_pull_t *pull,
    ngx_stentor_upstream_t *up);

/* A new round: whoever was asked may be asked again. */
void ngx_stentor_pull_afresh(ngx_stentor_pull_t *pull);

/* Tells status how the stream comes. */
void ngx_stentor_pull_show(ngx_stentor_pull_t *pull);


#endif /* _NGX_STENTOR_PULL_H_INCLUDED_ */
