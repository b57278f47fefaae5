/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What "max_listeners" and "max_bandwidth" say.  Called while the
 * configuration is read.
 */

#ifndef _NGX_STENTOR_LIMIT_H_INCLUDED_
#define _NGX_STENTOR_LIMIT_H_INCLUDED_


#include "ngx_stentor.h"


/* Directives: soft=N, hard=N or both, of listeners or bit/s.  The
 * ngx_stentor_limit_t is in conf, at cmd->offset. */
char *ngx_stentor_limit_listeners(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_stentor_limit_bandwidth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* What other nodes are told that this one is meant for, if "capacity" does not
 * say: as many as it lets in. */
void ngx_stentor_limit_capacity(ngx_stentor_conf_t *scf);


#endif /* _NGX_STENTOR_LIMIT_H_INCLUDED_ */
