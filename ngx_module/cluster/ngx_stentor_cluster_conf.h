/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files that read a cluster {} block share.  Called while the
 * configuration is read, by the master; conf is the ngx_stentor_cluster_conf_t.
 */

#ifndef _NGX_STENTOR_CLUSTER_CONF_H_INCLUDED_
#define _NGX_STENTOR_CLUSTER_CONF_H_INCLUDED_


#include "ngx_stentor_cluster.h"


/* The directive, and whether all that was said by it fits together. */
char *ngx_stentor_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_stentor_redis_conf_check(ngx_conf_t *cf,
    ngx_stentor_cluster_conf_t *cc);

/* Reads a file that has a secret, without the white space around it, which may
 * be all of it.  It is 0-terminated and wiped with the configuration.  Returns
 * NGX_OK or NGX_ERROR. */
ngx_int_t ngx_stentor_cluster_secret(ngx_conf_t *cf, ngx_str_t *file,
    ngx_str_t *secret);

/* Reads a URL that names of streams can be put behind: 0-terminated, with a
 * '/' at its end.  Returns what is wrong with it, or NGX_CONF_OK. */
char *ngx_stentor_cluster_url_read(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *url);


extern ngx_module_t  ngx_stentor_cluster_module;


#endif /* _NGX_STENTOR_CLUSTER_CONF_H_INCLUDED_ */
