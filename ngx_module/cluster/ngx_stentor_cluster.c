/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A worker's part in the cluster (see ngx_stentor_cluster.h): what the rest of
 * the node asks of it is answered from the map; the leader is another file's.
 * Nothing here waits for anybody.
 */

#include "ngx_stentor_cluster.h"


ngx_int_t
ngx_stentor_cluster_init(ngx_stentor_conf_t *scf, ngx_log_t *log)
{
    return NGX_OK;
}


ngx_stentor_cluster_t *
ngx_stentor_cluster_create(ngx_cycle_t *cycle, ngx_stentor_conf_t *scf)
{
    return NULL;
}


void
ngx_stentor_cluster_exit(ngx_stentor_cluster_t *cl)
{
}
