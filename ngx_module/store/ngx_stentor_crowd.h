/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How full the node is, and each application: what "max_listeners" and
 * "max_bandwidth" allow, beside what is there.  Who listens, who has left a
 * moment ago and who was let in but a moment ago are counted by their workers,
 * each in its slot; they are summed when somebody wants to be let in, so that
 * a storm of them finds no figure older than itself.  What comes out of it is
 * in the zone's head, where all workers, and whoever reports it, find it:
 *
 *     crowds:  | application : 32 | level : 32 |    0: free, for good
 *
 * A crowd is a worker's, for its event loop only.
 */

#ifndef _NGX_STENTOR_CROWD_H_INCLUDED_
#define _NGX_STENTOR_CROWD_H_INCLUDED_


#include "ngx_stentor_store.h"


typedef enum {
    NGX_STENTOR_ROOMY = 0,
    NGX_STENTOR_CROWDED,         /* over a soft limit */
    NGX_STENTOR_FULL             /* over a hard one */
} ngx_stentor_level_e;


/* What counts for limits. */

typedef struct {
    uint64_t                 listeners;
    uint64_t                 bandwidth;      /* bit/s */
} ngx_stentor_present_t;


/* The worker's crowd; NULL out of memory. */
ngx_stentor_crowd_t *ngx_stentor_crowd_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* How full it is for one more listener of an application (NULL: of none that
 * is known) now: the worse of the node and the application. */
ngx_stentor_level_e ngx_stentor_crowd_look(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app);

/* Likewise for one whom the node has already: the application alone. */
ngx_stentor_level_e ngx_stentor_crowd_look_app(ngx_stentor_crowd_t *crowd,
    ngx_stentor_app_t *app);

/* The application of the stream at index of the store; NULL: of none. */
ngx_stentor_app_t *ngx_stentor_crowd_app(ngx_stentor_crowd_t *crowd,
    ngx_uint_t index);

/* To be called about once a second: measures, and notices who has left. */
void ngx_stentor_crowd_tick(ngx_stentor_crowd_t *crowd);

/* How full an application (NULL: the node) was found last, by any worker. */
ngx_stentor_level_e ngx_stentor_crowd_level(ngx_stentor_store_t *store,
    ngx_stentor_app_t *app);


#endif /* _NGX_STENTOR_CROWD_H_INCLUDED_ */
