/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The cluster {} block (see ngx_stentor_cluster.h): its directives, and
 * whether they make sense together.  Names of servers are resolved here, once,
 * while nobody has to wait for it.
 */

#include "ngx_stentor_cluster.h"


char *
ngx_stentor_cluster_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "is not there yet";
}
