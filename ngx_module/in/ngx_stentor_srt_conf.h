/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The "srt" directive: its parameters, and its UDP socket, which the master
 * opens so that a port that is taken is a configuration error, and so that
 * the port stays open while workers come and go.
 */

#ifndef _NGX_STENTOR_SRT_CONF_H_INCLUDED_
#define _NGX_STENTOR_SRT_CONF_H_INCLUDED_


#include "ngx_stentor.h"


/* Listeners of a node. */
#define NGX_STENTOR_SRT_LISTENERS  8


/*
 * srt ADDRESS:PORT [latency=..] [media_timeout=..] [passphrase=..|
 * passphrase_file=..] [pbkeylen=16|24|32] [stream=APP/NAME] [application=..];
 * a directive's handler, in the stentor {} block.
 */
char *ngx_stentor_srt_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* After the block has been read: whether the applications that the listeners
 * name are there.  Returns NGX_CONF_OK or NGX_CONF_ERROR. */
char *ngx_stentor_srt_conf_check(ngx_conf_t *cf, ngx_stentor_conf_t *scf);

/* Opens the socket of a listener.  Returns NGX_OK, or an error of the system;
 * fd is -1 then. */
ngx_err_t ngx_stentor_srt_bind(ngx_stentor_srt_conf_t *srt);


#endif /* _NGX_STENTOR_SRT_CONF_H_INCLUDED_ */
