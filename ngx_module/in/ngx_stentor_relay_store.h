/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Records of a relay into the store: a stream that is made on another node, as
 * this one has it.  The store is claimed with the first part that comes, not
 * before, and given a new window if the upstream sends all of its own:
 *
 *     STREAM whole   INIT.. PART      PART ..    EDGE
 *     forget what    kept   claim,    append     readers are let in
 *     is next               build
 *
 * Nothing of a record is kept but its numbers.  Event loop only.
 */

#ifndef _NGX_STENTOR_RELAY_STORE_H_INCLUDED_
#define _NGX_STENTOR_RELAY_STORE_H_INCLUDED_


#include "store/ngx_stentor_wake.h"
#include "relay/stn_relay.h"


/* Init segments that may come before the first part: the one in force and the
 * next one, of each rendition. */
#define NGX_STENTOR_RELAYED_INITS  (2 * NGX_STENTOR_RENDITIONS)


/* An init segment that waits for its stream to be claimed. */

typedef struct {
    ngx_uint_t               rendition;
    ngx_stentor_init_t       init;
} ngx_stentor_relayed_init_t;


typedef struct {
    ngx_stentor_store_t     *store;
    ngx_uint_t               slot;
    ngx_str_t                name;       /* application/name */
    ngx_stentor_claim_t      claim;
    ngx_uint_t               claimed;    /* boolean: by us */
    ngx_uint_t               edged;      /* boolean: its window is complete */
    ngx_uint_t               open;       /* boolean: readers are let in */
    ngx_uint_t               entered;    /* boolean: something of the latest
                                            STREAM is in the store */
    ngx_uint_t               whole;      /* boolean: of the latest STREAM */
    uint64_t                 epoch;      /* likewise */
    ngx_uint_t               n;          /* renditions; likewise */
    ngx_stentor_params_t     params[NGX_STENTOR_RENDITIONS];
    char                     names[NGX_STENTOR_RENDITIONS]
                                  [NGX_STENTOR_RENDITION_MAX];
    ngx_stentor_relayed_init_t
                            *inits[NGX_STENTOR_RELAYED_INITS];
    ngx_uint_t               ninits;
    ngx_uint_t               begun;      /* boolean: there is a newest part: */
    uint64_t                 msn;
    uint32_t                 part;
    ngx_uint_t               last;       /* boolean: it ends its segment */
    ngx_log_t               *log;
    const char              *reason;     /* why a record was not taken */
} ngx_stentor_relayed_t;


/* Where a stream goes on: its newest part, and the checksum of its bytes. */

typedef struct {
    uint64_t                 msn;
    uint32_t                 part;
    uint32_t                 crc;        /* of rendition 0 */
} ngx_stentor_relayed_edge_t;


/* store, slot, name (whose bytes stay) and log are set, the rest is zero. */
void ngx_stentor_relayed_free(ngx_stentor_relayed_t *rs);

/* What there is of the stream, ours or left behind by somebody.  Returns
 * NGX_OK, or NGX_DECLINED when there is nothing to go on with. */
ngx_int_t ngx_stentor_relayed_edge(ngx_stentor_relayed_t *rs,
    ngx_stentor_relayed_edge_t *edge);

/*
 * Each takes a record.  They return NGX_OK; with rs->reason NGX_AGAIN when it
 * does not go with what is here (the whole window must be had), NGX_ERROR when
 * it is broken, NGX_BUSY when there is no room for the stream, and
 * NGX_DECLINED when somebody else writes it now.
 */
ngx_int_t ngx_stentor_relayed_stream(ngx_stentor_relayed_t *rs,
    stn_relay_stream_t *s);
ngx_int_t ngx_stentor_relayed_init(ngx_stentor_relayed_t *rs,
    stn_relay_init_t *init);
ngx_int_t ngx_stentor_relayed_part(ngx_stentor_relayed_t *rs,
    stn_relay_part_t *part);
ngx_int_t ngx_stentor_relayed_let_in(ngx_stentor_relayed_t *rs);


#endif /* _NGX_STENTOR_RELAY_STORE_H_INCLUDED_ */
