/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Streams that come from other nodes: one pull for each, in one worker of the
 * node, whatever the number of its listeners.  What somebody wants and the
 * store does not have is asked for from the nodes of its route, one after the
 * other; what comes is appended to the store as it was made.  A pull that is
 * needed no more ends; one whose worker died goes on in another.  There is no
 * libav on this path.
 *
 *     wanted -> route -> fetch -> records -> claim -> store -> wake
 *                 ^                  |
 *                 `-- silent, slow, refused: the next one, from where it was
 */

#ifndef _NGX_STENTOR_RELAY_PULL_H_INCLUDED_
#define _NGX_STENTOR_RELAY_PULL_H_INCLUDED_


#include "cluster/ngx_stentor_cluster.h"


/* The worker's pulls; NULL on failure. */
ngx_stentor_pulls_t *ngx_stentor_pulls_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* The worker exits: others go on with its pulls. */
void ngx_stentor_pulls_exit(ngx_stentor_pulls_t *pulls);


#endif /* _NGX_STENTOR_RELAY_PULL_H_INCLUDED_ */
