/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The keeper sees to it that what shall be open is open: streams that the
 * configuration names, and those whose worker has died or has let go of them.
 * Every worker has one; whoever claims a stream first keeps it.
 */

#ifndef _NGX_STENTOR_KEEPER_H_INCLUDED_
#define _NGX_STENTOR_KEEPER_H_INCLUDED_


#include "ngx_stentor_live.h"


/* A worker has the first go at its share of streams that nobody has, so that
 * not all of them start something for each; after this everybody may. */
#define NGX_STENTOR_KEEPER_SHARE_MS  150


typedef struct {
    ngx_stentor_conf_t       *scf;
    ngx_stentor_lives_t      *lives;
    ngx_event_t               timer;
    ngx_msec_t                born;
    ngx_msec_t               *orphaned;    /* one a record: since when it has
                                              no owner; 0: it has one */
    uint32_t                 *inits;       /* one a record: what hold audio
                                              was readied for */
} ngx_stentor_keeper_t;


/* Starts the worker's keeper.  Returns NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stentor_keeper_start(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* Whether this worker has the first go at the n-th of things; after
 * NGX_STENTOR_KEEPER_SHARE_MS everybody may. */
ngx_uint_t ngx_stentor_keeper_mine(ngx_uint_t n);


#endif /* _NGX_STENTOR_KEEPER_H_INCLUDED_ */
