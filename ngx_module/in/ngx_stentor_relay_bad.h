/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Upstreams that have failed, as a worker knows them: what one pull has found
 * out the others need not.  They are asked last for a while.  Event loop only.
 */

#ifndef _NGX_STENTOR_RELAY_BAD_H_INCLUDED_
#define _NGX_STENTOR_RELAY_BAD_H_INCLUDED_


#include "cluster/ngx_stentor_cluster.h"


/* Kept at once; one more takes the place of that which is over first. */
#define NGX_STENTOR_BADS  64


typedef struct {
    uint32_t                 key;        /* of its URL; 0: none */
    ngx_msec_t               since;
    ngx_msec_t               until;
    const char              *reason;     /* static */
} ngx_stentor_bad_t;


typedef struct {
    ngx_stentor_bad_t        bads[NGX_STENTOR_BADS];
    ngx_log_t               *log;
} ngx_stentor_bads_t;


/* What stands for an upstream's URL; not 0. */
uint32_t ngx_stentor_bad_key(ngx_stentor_upstream_t *up);

/* It has failed, and is bad for ms from now.  Logged, but not over and over. */
void ngx_stentor_bad_mark(ngx_stentor_bads_t *bads,
    ngx_stentor_upstream_t *up, ngx_msec_t ms, const char *reason);

/* Whether it is bad now. */
ngx_uint_t ngx_stentor_bad_is(ngx_stentor_bads_t *bads,
    ngx_stentor_upstream_t *up);


#endif /* _NGX_STENTOR_RELAY_BAD_H_INCLUDED_ */
