/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pulls (see ngx_stentor_relay_pull.h): which streams this worker gets from
 * other nodes, and from whom.  Each is a fetch whose records go to the store.
 * Event loop only.
 */

#include "ngx_stentor_relay_pull.h"


struct ngx_stentor_pulls_s {
    ngx_stentor_conf_t  *scf;
};


ngx_stentor_pulls_t *
ngx_stentor_pulls_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    ngx_stentor_pulls_t  *pulls;

    pulls = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_pulls_t));

    if (pulls) {
        pulls->scf = scf;
    }

    return pulls;
}


void
ngx_stentor_pulls_exit(ngx_stentor_pulls_t *pulls)
{
}
