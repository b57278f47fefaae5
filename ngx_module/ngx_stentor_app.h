/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What an application {} block may say, beyond what nginx's own slots take.
 * Called while the configuration is read.
 */

#ifndef _NGX_STENTOR_APP_H_INCLUDED_
#define _NGX_STENTOR_APP_H_INCLUDED_


#include "ngx_stentor.h"


/* An application of that name that says nothing yet.  Returns NGX_OK or
 * NGX_ERROR. */
ngx_int_t ngx_stentor_app_init(ngx_conf_t *cf, ngx_stentor_app_t *app,
    ngx_str_t *name);

/* The block has been read: fills in what it did not say, and checks that all
 * of it fits together. */
char *ngx_stentor_app_defaults(ngx_conf_t *cf, ngx_stentor_app_t *app);

/* Directives; conf is the ngx_stentor_app_t. */
char *ngx_stentor_app_stream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_stentor_app_hold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_stentor_app_rendition(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_stentor_app_dead_air(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_stentor_app_audio(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_stentor_app_on_publish(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* What on_event was set to can be sent to. */
char *ngx_stentor_app_on_event(ngx_conf_t *cf, void *post, void *data);


#endif /* _NGX_STENTOR_APP_H_INCLUDED_ */
