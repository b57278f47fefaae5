/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Redis for the leader: finds the server (by Sentinels, if those are
 * configured), authenticates, chooses the database, sends commands and gives
 * out their replies; each has a time-out.  What is lost is connected again,
 * later and later.  Nothing here blocks; event loop only.
 */

#ifndef _NGX_STENTOR_REDIS_H_INCLUDED_
#define _NGX_STENTOR_REDIS_H_INCLUDED_


#include "ngx_stentor_cluster.h"
#include "stn_buf.h"

#include <hiredis/hiredis.h>


typedef struct ngx_stentor_redis_s  ngx_stentor_redis_t;

/* A command, put together word by word. */

typedef struct {
    ngx_uint_t           n;
    stn_buf_t            words;      /* as they are sent (RESP) */
} ngx_stentor_redis_command_t;


/* A command's reply; NULL: there will be none (lost, or its time is over).  The
 * reply is freed afterwards. */
typedef void (*ngx_stentor_redis_reply_pt)(void *data, redisReply *reply);

/* The connection is ready for commands (up), or it is not any more, or could
 * not be made ready, and why: once when all its addresses have been tried. */
typedef void (*ngx_stentor_redis_state_pt)(void *data, ngx_uint_t up,
    const char *reason);

/* A message of the channel. */
typedef void (*ngx_stentor_redis_told_pt)(void *data, const char *text,
    size_t len);


/* Begins to connect, and keeps at it.  NULL out of memory. */
ngx_stentor_redis_t *ngx_stentor_redis_create(
    ngx_stentor_cluster_conf_t *conf, ngx_log_t *log,
    ngx_stentor_redis_state_pt state, void *data);

/* No callback is called any more.  Not in a callback. */
void ngx_stentor_redis_destroy(ngx_stentor_redis_t *redis);

/* Begins a command, and adds a word (as printf() does) to it; that it does not
 * fit is said when it is sent. */
void ngx_stentor_redis_begin(ngx_stentor_redis_command_t *cmd);
void ngx_stentor_redis_word(ngx_stentor_redis_command_t *cmd,
    const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sends a command, and frees it whatever comes of it.  Returns NGX_OK;
 * NGX_DECLINED when there is no connection, or no memory: then reply is not
 * called. */
ngx_int_t ngx_stentor_redis_send(ngx_stentor_redis_t *redis,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data);

/* Gives the connection up, as if it was lost for that reason: commands that
 * wait get no reply, and another is made. */
void ngx_stentor_redis_drop(ngx_stentor_redis_t *redis, const char *reason);

/* Listens to a channel (which stays the caller's), for as long as redis lives,
 * on a connection of its own; told is called with each message's text. */
void ngx_stentor_redis_subscribe(ngx_stentor_redis_t *redis,
    const char *channel, ngx_stentor_redis_told_pt told, void *data);

/* Copies what Redis says to a buffer of that size, as it may be logged: cut,
 * and in printable ASCII. */
void ngx_stentor_redis_printable(char *to, size_t size, const char *text);


#endif /* _NGX_STENTOR_REDIS_H_INCLUDED_ */
