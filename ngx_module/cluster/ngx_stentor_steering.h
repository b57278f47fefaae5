/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Content steering as a worker sees it: the nodes that listeners may be at,
 * from the cluster's map and from "pathway" directives, and what is decided of
 * them (stn_steering).  All workers of a node have one round of moves, which
 * lies in the zone: whoever first sees the need begins it.  Event loop only.
 *
 *     map, "pathway" --> nodes --> plan --> out/ (playlists, manifests)
 *                          `-----> round (in the zone)
 */

#ifndef _NGX_STENTOR_STEERING_H_INCLUDED_
#define _NGX_STENTOR_STEERING_H_INCLUDED_


#include "ngx_stentor_cluster.h"
#include "audience/stn_steering.h"


/* A worker's. */

struct ngx_stentor_steering_s {
    ngx_stentor_conf_t      *scf;
    ngx_msec_t               looked;     /* ngx_current_msec of the last look */
    ngx_uint_t               generation; /* 0: it has not looked yet */
    ngx_atomic_uint_t        word;       /* the round as it lies in the zone */
    stn_steering_round_t     round;
    ngx_uint_t               moving;     /* boolean: it is on */
    stn_steering_plan_t      plan;
    stn_node_t              *nodes;      /* plan.n; the first is this one */
    stn_node_t              *others;     /* room for as many: the next look */
    ngx_uint_t               nothers;
};


/* Makes the worker's; NULL: no memory. */
ngx_stentor_steering_t *ngx_stentor_steering_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* Whether the configuration has a name for this node and does not forbid
 * steering: otherwise there is none. */
ngx_uint_t ngx_stentor_steering_wanted(ngx_stentor_conf_t *scf);

/* Brings it up to date, some times a second at most.  Returns the generation:
 * as long as it stays the same, so do all answers. */
ngx_uint_t ngx_stentor_steering_look(ngx_stentor_steering_t *st);

/* Unix time of this turn of the event loop, ms. */
uint64_t ngx_stentor_steering_now(void);


/* ngx_stentor_steering_conf.c */

/* The directive "pathway", and whether all that was said of steering fits
 * together; conf is the ngx_stentor_conf_t. */
char *ngx_stentor_steering_pathway(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_stentor_steering_conf_check(ngx_conf_t *cf,
    ngx_stentor_conf_t *scf);


#endif /* _NGX_STENTOR_STEERING_H_INCLUDED_ */
