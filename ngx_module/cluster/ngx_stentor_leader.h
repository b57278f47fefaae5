/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The leader: the one worker of the node that talks to Redis, and keeps the
 * map by what it learns.  Each second it tells of this node and learns of the
 * others; it takes, renews and releases the leases that live threads seek, and
 * asks who has those that are wanted.  What is said on the channel of events
 * makes it look at once; nothing depends on it.  Event loop only.
 */

#ifndef _NGX_STENTOR_LEADER_H_INCLUDED_
#define _NGX_STENTOR_LEADER_H_INCLUDED_


#include "ngx_stentor_cluster.h"


/* This worker leads from now on; with redis in the configuration.  NULL out of
 * memory. */
ngx_stentor_leader_t *ngx_stentor_leader_create(ngx_stentor_cluster_t *cl,
    ngx_log_t *log);

/* It does not any more: what is held goes on till its time is over. */
void ngx_stentor_leader_destroy(ngx_stentor_leader_t *leader);

/* Something in the map may be for it: a lease that is sought, quit or wanted
 * since it last looked. */
void ngx_stentor_leader_look(ngx_stentor_leader_t *leader);


#endif /* _NGX_STENTOR_LEADER_H_INCLUDED_ */
