/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A connection to Redis on nginx's events, by hiredis's asynchronous API.  It
 * finds the server (by Sentinels, if those are configured), authenticates,
 * chooses the database, sends commands and gives out their replies; each has
 * a time-out.  What is lost is connected again, later and later.  Nothing here
 * blocks; event loop only.
 */

#ifndef _NGX_STENTOR_REDIS_H_INCLUDED_
#define _NGX_STENTOR_REDIS_H_INCLUDED_


#include "ngx_stentor_cluster.h"

#include <hiredis/hiredis.h>


typedef struct ngx_stentor_redis_s  ngx_stentor_redis_t;

/* A command's reply; NULL: there will be none (lost, or its time is over).  The
 * reply is freed afterwards. */
typedef void (*ngx_stentor_redis_reply_pt)(void *data, redisReply *reply);

/* The connection is ready for commands (up), or it is not any more, and why. */
typedef void (*ngx_stentor_redis_state_pt)(void *data, ngx_uint_t up,
    const char *reason);


/* Begins to connect, and keeps at it.  NULL out of memory. */
ngx_stentor_redis_t *ngx_stentor_redis_create(
    ngx_stentor_cluster_conf_t *conf, ngx_log_t *log,
    ngx_stentor_redis_state_pt state, void *data);

/* No callback is called any more. */
void ngx_stentor_redis_destroy(ngx_stentor_redis_t *redis);

/* Sends a command of argc arguments.  Returns NGX_OK; NGX_DECLINED when there
 * is no connection: then reply is not called. */
ngx_int_t ngx_stentor_redis_command(ngx_stentor_redis_t *redis, int argc,
    const char **argv, const size_t *lens, ngx_stentor_redis_reply_pt reply,
    void *data);

/* Listens to a channel, for as long as redis lives, on a connection of its
 * own; told is called with each message's text. */
ngx_int_t ngx_stentor_redis_subscribe(ngx_stentor_redis_t *redis,
    const char *channel,
    void (*told)(void *data, const char *text, size_t len), void *data);


#endif /* _NGX_STENTOR_REDIS_H_INCLUDED_ */
