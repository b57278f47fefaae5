/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A link: one response of one upstream to a pull.  It asks, reads the records
 * and measures how they come; what they mean is its owner's, who is told of
 * each of them and of the end, and then frees it.  Event loop only.
 */

#ifndef _NGX_STENTOR_RELAY_LINK_H_INCLUDED_
#define _NGX_STENTOR_RELAY_LINK_H_INCLUDED_


#include "ngx_stentor_fetch.h"
#include "ngx_stentor_relay_store.h"
#include "cluster/ngx_stentor_cluster.h"


/* How it ended. */

typedef enum {
    NGX_STENTOR_LINK_FAILED = 0, /* the upstream: refused, silent, broken */
    NGX_STENTOR_LINK_LOST,       /* it does not have this stream now, or not
                                    for us */
    NGX_STENTOR_LINK_ABSENT,     /* nobody has it, it says */
    NGX_STENTOR_LINK_EXIT,       /* it wants to be asked again */
    NGX_STENTOR_LINK_AGAIN,      /* likewise, for the whole window */
    NGX_STENTOR_LINK_OVER,       /* the stream has ended */
    NGX_STENTOR_LINK_TAKEN,      /* somebody else here writes it now */
    NGX_STENTOR_LINK_FULL        /* there is no room for it here */
} ngx_stentor_link_e;


typedef struct ngx_stentor_link_s  ngx_stentor_link_t;

/* Returns NGX_OK, or NGX_ERROR with the link's end and reason set: no more
 * records.  It must not end or begin any link. */
typedef ngx_int_t (*ngx_stentor_link_record_pt)(ngx_stentor_link_t *link,
    stn_relay_record_t *record);

typedef void (*ngx_stentor_link_ended_pt)(ngx_stentor_link_t *link);


struct ngx_stentor_link_s {
    ngx_stentor_upstream_t       up;
    ngx_stentor_link_record_pt   record;
    ngx_stentor_link_ended_pt    ended;
    void                        *data;       /* its owner's, as the above */

    ngx_stentor_fetch_t          fetch;
    stn_relay_reader_t           reader;
    ngx_stentor_store_t         *store;      /* counts */
    ngx_uint_t                   slot;
    ngx_msec_t                   begun;
    ngx_msec_t                   heard;      /* the last record, or begun */
    ngx_msec_t                   parted;     /* the last part, or begun */
    ngx_uint_t                   streamed;   /* boolean: STREAM has come */
    ngx_uint_t                   edged;      /* boolean: EDGE has come */
    ngx_uint_t                   retired;    /* boolean: of no more interest */
    uint64_t                     bytes;      /* of the body */

    ngx_uint_t                   judged;     /* boolean: there is an end */
    ngx_stentor_link_e           end;
    const char                  *reason;     /* static; of it */

    /* how long a part takes from the upstream to here: our clock, that nobody
     * sets, less its, less the least of that in the last minute */

    int64_t                      least_us[2];
    ngx_msec_t                   least_since;
    int64_t                      lag_us;
    int64_t                      behind_us;  /* and from the origin */
    int64_t                      clock_us;   /* when the newest part was made,
                                                less our monotonic clock */
    ngx_uint_t                   late;       /* parts in a row */
};


/* What a link asks for. */

typedef struct {
    ngx_stentor_fetches_t       *fetches;
    ngx_stentor_cluster_conf_t  *conf;
    ngx_str_t                   *name;       /* application/name */
    uint64_t                     epoch;      /* known; 0: none */
    ngx_stentor_relayed_edge_t  *after;      /* NULL: all of the window */
} ngx_stentor_link_ask_t;


/* A link whose up, record, ended and data are to be set; NULL out of memory. */
ngx_stentor_link_t *ngx_stentor_link_create(ngx_stentor_store_t *store,
    ngx_uint_t slot, ngx_log_t *log);

/* Asks.  Returns NGX_OK or NGX_ERROR (ended is not called). */
ngx_int_t ngx_stentor_link_begin(ngx_stentor_link_t *link,
    ngx_stentor_link_ask_t *ask);

/* Why it ends, for a handler of records: returns NGX_ERROR. */
ngx_int_t ngx_stentor_link_judge(ngx_stentor_link_t *link,
    ngx_stentor_link_e end, const char *reason);

/* Ends it, and calls ended; not from within record. */
void ngx_stentor_link_cut(ngx_stentor_link_t *link, ngx_stentor_link_e end,
    const char *reason);

/* Ends it, if it has not ended, and frees it; calls nobody.  Likewise. */
void ngx_stentor_link_free(ngx_stentor_link_t *link);


#endif /* _NGX_STENTOR_RELAY_LINK_H_INCLUDED_ */
