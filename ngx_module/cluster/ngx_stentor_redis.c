/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The way to Redis (see ngx_stentor_redis.h), by three links:
 *
 *     sentinel   who is the master?       (none: it is configured)
 *     server     AUTH, SELECT, CLIENT SETNAME, ROLE, and then commands
 *     channel    AUTH, SUBSCRIBE, and then a PING each few seconds
 *
 * Whatever goes wrong with the server begins again at the first of them, after
 * a while; the channel has its own while.  A link is connected from a timer
 * only, never from within what closes one.
 */

#include "ngx_stentor_redis_link.h"

#include <arpa/inet.h>


/* How long it is waited before another try: twice as long each time, up to a
 * quarter less. */
#define NGX_STENTOR_REDIS_WAIT_MS      100
#define NGX_STENTOR_REDIS_WAIT_MAX_MS  2000

/* A channel whose peer is gone is found out by asking. */
#define NGX_STENTOR_REDIS_PING_MS      3000

#define NGX_STENTOR_REDIS_HOST_MAX     64


struct ngx_stentor_redis_s {
    ngx_stentor_cluster_conf_t  *conf;
    ngx_log_t                   *log;
    ngx_stentor_redis_state_pt   state;
    void                        *data;

    ngx_stentor_redis_link_t     sentinel;
    ngx_stentor_redis_link_t     server;
    ngx_stentor_redis_link_t     channel;

    ngx_uint_t                   next;       /* Sentinel, or address, */
    ngx_uint_t                   left;       /* how many before a rest */
    ngx_stentor_redis_addr_t     addr;       /* the server's */
    char                         host[NGX_STENTOR_REDIS_HOST_MAX];
    ngx_uint_t                   reached;    /* boolean: it is connected, or
                                                was, */
    ngx_uint_t                   up;         /* and is ready for commands */
    ngx_uint_t                   failures;   /* since it was */
    ngx_event_t                  find;       /* begins, or goes on, to find
                                                the server */

    const char                  *name;       /* of the channel */
    ngx_stentor_redis_told_pt    told;
    void                        *told_data;
    ngx_event_t                  listen;     /* connects the channel, or asks
                                                whether it is there */
    char                         trouble[NGX_STENTOR_REDIS_REASON_MAX];
                                             /* with the channel */
};


static void ngx_stentor_redis_event(ngx_stentor_redis_t *redis,
    ngx_event_t *ev, ngx_event_handler_pt handler);
static void ngx_stentor_redis_find(ngx_event_t *ev);
static ngx_stentor_redis_addr_t *ngx_stentor_redis_next(
    ngx_stentor_redis_t *redis);
static void ngx_stentor_redis_sentinel(ngx_stentor_redis_t *redis);
static void ngx_stentor_redis_sentinel_ready(void *data);
static void ngx_stentor_redis_sentinel_reply(void *data, redisReply *reply);
static ngx_int_t ngx_stentor_redis_master(ngx_stentor_redis_t *redis,
    redisReply *reply);
static void ngx_stentor_redis_sentinel_closed(void *data, const char *reason);
static void ngx_stentor_redis_server(ngx_stentor_redis_t *redis);
static void ngx_stentor_redis_server_ready(void *data);
static void ngx_stentor_redis_auth(ngx_stentor_redis_t *redis,
    ngx_stentor_redis_link_t *link, ngx_stentor_redis_reply_pt reply);
static void ngx_stentor_redis_server_auth(void *data, redisReply *reply);
static void ngx_stentor_redis_refused(ngx_stentor_redis_link_t *link,
    redisReply *reply);
static void ngx_stentor_redis_select(void *data, redisReply *reply);
static void ngx_stentor_redis_role(void *data, redisReply *reply);
static void ngx_stentor_redis_server_error(void *data, redisReply *reply);
static void ngx_stentor_redis_server_closed(void *data, const char *reason);
static void ngx_stentor_redis_failed(ngx_stentor_redis_t *redis,
    const char *reason);
static void ngx_stentor_redis_listen(ngx_event_t *ev);
static void ngx_stentor_redis_channel_ready(void *data);
static void ngx_stentor_redis_channel_auth(void *data, redisReply *reply);
static void ngx_stentor_redis_channel_subscribed(void *data,
    redisReply *reply);
static ngx_uint_t ngx_stentor_redis_channel_push(void *data,
    redisReply *reply);
static void ngx_stentor_redis_channel_closed(void *data, const char *reason);
static ngx_msec_t ngx_stentor_redis_wait(ngx_uint_t failures);
static void ngx_stentor_redis_stop(ngx_event_t *ev);


static const ngx_stentor_redis_handlers_t  ngx_stentor_redis_sentinel_h = {
    ngx_stentor_redis_sentinel_ready,
    NULL,
    NULL,
    ngx_stentor_redis_sentinel_closed
};

static const ngx_stentor_redis_handlers_t  ngx_stentor_redis_server_h = {
    ngx_stentor_redis_server_ready,
    NULL,
    ngx_stentor_redis_server_error,
    ngx_stentor_redis_server_closed
};

static const ngx_stentor_redis_handlers_t  ngx_stentor_redis_channel_h = {
    ngx_stentor_redis_channel_ready,
    ngx_stentor_redis_channel_push,
    NULL,
    ngx_stentor_redis_channel_closed
};


/* What an error of any command says about the server: it is looked for anew. */

static const char *ngx_stentor_redis_unfit[] = {
    "READONLY", "LOADING", "MASTERDOWN", "NOAUTH",
    "ERR max number of clients", NULL
};


ngx_stentor_redis_t *
ngx_stentor_redis_create(ngx_stentor_cluster_conf_t *conf, ngx_log_t *log,
    ngx_stentor_redis_state_pt state, void *data)
{
    ngx_stentor_redis_t  *redis;

    redis = ngx_calloc(sizeof(ngx_stentor_redis_t), log);
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->log = log;
    redis->state = state;
    redis->data = data;

    ngx_stentor_redis_link_init(&redis->sentinel,
                                &ngx_stentor_redis_sentinel_h, redis, log,
                                conf->redis_timeout);
    ngx_stentor_redis_link_init(&redis->server, &ngx_stentor_redis_server_h,
                                redis, log, conf->redis_timeout);
    ngx_stentor_redis_link_init(&redis->channel, &ngx_stentor_redis_channel_h,
                                redis, log, conf->redis_timeout);

    ngx_stentor_redis_event(redis, &redis->find, ngx_stentor_redis_find);
    ngx_stentor_redis_event(redis, &redis->listen, ngx_stentor_redis_listen);

    ngx_add_timer(&redis->find, 1);

    return redis;
}


static void
ngx_stentor_redis_event(ngx_stentor_redis_t *redis, ngx_event_t *ev,
    ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = redis;
    ev->log = redis->log;
    ev->cancelable = 1;
}


void
ngx_stentor_redis_destroy(ngx_stentor_redis_t *redis)
{
    ngx_stentor_redis_link_close(&redis->sentinel);
    ngx_stentor_redis_link_close(&redis->server);
    ngx_stentor_redis_link_close(&redis->channel);

    ngx_stentor_redis_stop(&redis->find);
    ngx_stentor_redis_stop(&redis->listen);

    ngx_free(redis);
}


ngx_int_t
ngx_stentor_redis_send(ngx_stentor_redis_t *redis,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data)
{
    if (!redis->up) {
        stn_buf_free(&cmd->words);
        return NGX_DECLINED;
    }

    return ngx_stentor_redis_link_send(&redis->server, cmd, reply, data);
}


void
ngx_stentor_redis_drop(ngx_stentor_redis_t *redis, const char *reason)
{
    ngx_stentor_redis_link_drop(&redis->server, "%s", reason);
}


void
ngx_stentor_redis_subscribe(ngx_stentor_redis_t *redis, const char *channel,
    ngx_stentor_redis_told_pt told, void *data)
{
    redis->name = channel;
    redis->told = told;
    redis->told_data = data;

    if (redis->up) {
        ngx_add_timer(&redis->listen, 1);
    }
}


static void
ngx_stentor_redis_find(ngx_event_t *ev)
{
    ngx_stentor_redis_t  *redis;

    redis = ev->data;

    if (redis->conf->master.len) {
        ngx_stentor_redis_sentinel(redis);
        return;
    }

    redis->addr = *ngx_stentor_redis_next(redis);
    ngx_stentor_redis_server(redis);
}


/* A Sentinel, or one of the addresses that a server's name has: all are tried
 * once, the next one first, before there is a rest. */

static ngx_stentor_redis_addr_t *
ngx_stentor_redis_next(ngx_stentor_redis_t *redis)
{
    ngx_stentor_redis_addr_t  *addr;

    if (redis->left == 0) {
        redis->left = redis->conf->redis.nelts;
    }

    addr = redis->conf->redis.elts;
    addr += redis->next % redis->conf->redis.nelts;

    redis->next++;
    redis->left--;

    return addr;
}


static void
ngx_stentor_redis_sentinel(ngx_stentor_redis_t *redis)
{
    if (ngx_stentor_redis_link_connect(&redis->sentinel,
                                       ngx_stentor_redis_next(redis),
                                       &redis->conf->redis_tls)
        != NGX_OK)
    {
        ngx_stentor_redis_sentinel_closed(redis, redis->sentinel.reason);
    }
}


static void
ngx_stentor_redis_sentinel_ready(void *data)
{
    ngx_stentor_redis_t          *redis;
    ngx_stentor_redis_command_t   cmd;

    redis = data;

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "SENTINEL");
    ngx_stentor_redis_word(&cmd, "get-master-addr-by-name");
    ngx_stentor_redis_word(&cmd, "%.*s", (int) redis->conf->master.len,
                           (char *) redis->conf->master.data);

    if (ngx_stentor_redis_link_send(&redis->sentinel, &cmd,
                                    ngx_stentor_redis_sentinel_reply, redis)
        != NGX_OK)
    {
        ngx_stentor_redis_link_drop(&redis->sentinel, "no memory");
    }
}


static void
ngx_stentor_redis_sentinel_reply(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_stentor_redis_link_drop(&redis->sentinel, "%.64s", reply->str);
        return;
    }

    if (ngx_stentor_redis_master(redis, reply) != NGX_OK) {
        ngx_stentor_redis_link_drop(&redis->sentinel,
            "it has no numeric address of master \"%.*s\"",
            (int) redis->conf->master.len, (char *) redis->conf->master.data);
        return;
    }

    ngx_stentor_redis_link_close(&redis->sentinel);
    redis->left = 0;

    ngx_stentor_redis_server(redis);
}


/* The reply is the master's address and port, or nil. */

static ngx_int_t
ngx_stentor_redis_master(ngx_stentor_redis_t *redis, redisReply *reply)
{
    u_char       addr[16];
    ngx_int_t    port;
    redisReply  *host;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        return NGX_DECLINED;
    }

    host = reply->element[0];
    port = ngx_atoi((u_char *) reply->element[1]->str, reply->element[1]->len);

    if (host->len >= sizeof(redis->host) || port <= 0 || port > 65535) {
        return NGX_DECLINED;
    }

    ngx_cpystrn((u_char *) redis->host, (u_char *) host->str, host->len + 1);

    if (inet_pton(AF_INET, redis->host, addr) != 1
        && inet_pton(AF_INET6, redis->host, addr) != 1)
    {
        return NGX_DECLINED;
    }

    ngx_memzero(&redis->addr, sizeof(ngx_stentor_redis_addr_t));
    redis->addr.host.data = (u_char *) redis->host;
    redis->addr.host.len = host->len;
    redis->addr.port = (in_port_t) port;

    return NGX_OK;
}


static void
ngx_stentor_redis_sentinel_closed(void *data, const char *reason)
{
    char                  text[NGX_STENTOR_REDIS_REASON_MAX];
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (redis->left) {
        ngx_add_timer(&redis->find, 1);
        return;
    }

    (void) snprintf(text, sizeof(text), "Sentinel: %.100s", reason);
    ngx_stentor_redis_failed(redis, text);
}


static void
ngx_stentor_redis_server(ngx_stentor_redis_t *redis)
{
    redis->reached = 0;

    if (ngx_stentor_redis_link_connect(&redis->server, &redis->addr,
                                       &redis->conf->redis_tls)
        != NGX_OK)
    {
        ngx_stentor_redis_failed(redis, redis->server.reason);
    }
}


/* What the server must do first: all at once, each reply is looked at.  That
 * one of these cannot be sent for want of memory shows by the last one, whose
 * reply makes it ready. */

static void
ngx_stentor_redis_server_ready(void *data)
{
    ngx_stentor_redis_t          *redis;
    ngx_stentor_redis_command_t   cmd;

    redis = data;
    redis->reached = 1;

    ngx_stentor_redis_auth(redis, &redis->server,
                           ngx_stentor_redis_server_auth);

    if (redis->conf->database) {
        ngx_stentor_redis_begin(&cmd);
        ngx_stentor_redis_word(&cmd, "SELECT");
        ngx_stentor_redis_word(&cmd, "%lu",
                               (unsigned long) redis->conf->database);
        (void) ngx_stentor_redis_link_send(&redis->server, &cmd,
                                           ngx_stentor_redis_select, redis);
    }

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "CLIENT");
    ngx_stentor_redis_word(&cmd, "SETNAME");
    ngx_stentor_redis_word(&cmd, "stentor:%.*s", (int) redis->conf->node.len,
                           (char *) redis->conf->node.data);
    (void) ngx_stentor_redis_link_send(&redis->server, &cmd, NULL, NULL);

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "ROLE");

    if (ngx_stentor_redis_link_send(&redis->server, &cmd,
                                    ngx_stentor_redis_role, redis)
        != NGX_OK)
    {
        ngx_stentor_redis_link_drop(&redis->server, "no memory");
    }
}


static void
ngx_stentor_redis_auth(ngx_stentor_redis_t *redis,
    ngx_stentor_redis_link_t *link, ngx_stentor_redis_reply_pt reply)
{
    ngx_stentor_redis_command_t   cmd;
    ngx_stentor_cluster_conf_t   *conf;

    conf = redis->conf;

    if (conf->password.len == 0) {
        return;
    }

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "AUTH");

    if (conf->user.len) {
        ngx_stentor_redis_word(&cmd, "%.*s", (int) conf->user.len,
                               (char *) conf->user.data);
    }

    ngx_stentor_redis_word(&cmd, "%.*s", (int) conf->password.len,
                           (char *) conf->password.data);
    (void) ngx_stentor_redis_link_send(link, &cmd, reply, redis);
}


static void
ngx_stentor_redis_server_auth(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;
    ngx_stentor_redis_refused(&redis->server, reply);
}


/* Of an answer to AUTH only the code: a server that does not know the command
 * may say all of it again. */

static void
ngx_stentor_redis_refused(ngx_stentor_redis_link_t *link, redisReply *reply)
{
    int  n;

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        n = (int) ngx_min(strcspn(reply->str, " "), 16);

        ngx_stentor_redis_link_drop(link, "the password is refused: %.*s", n,
                                    reply->str);
    }
}


static void
ngx_stentor_redis_select(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        ngx_stentor_redis_link_drop(&redis->server, "database %lu: %.64s",
                                    (unsigned long) redis->conf->database,
                                    reply->str);
    }
}


/* ["master", ...], ["slave", ...]; a user may not be allowed to ask, which is
 * as good as an answer: what he cannot write he will be told. */

static void
ngx_stentor_redis_role(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (reply == NULL || redis->server.connection == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR
        && ngx_strncmp(reply->str, "NOPERM", 6) != 0)
    {
        ngx_stentor_redis_link_drop(&redis->server, "%.64s", reply->str);
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements
        && reply->element[0]->type == REDIS_REPLY_STRING
        && ngx_strcmp(reply->element[0]->str, "master") != 0)
    {
        ngx_stentor_redis_link_drop(&redis->server, "it is a %.16s, no master",
                                    reply->element[0]->str);
        return;
    }

    redis->up = 1;
    redis->failures = 0;

    /* should it be lost, this address is the first to be tried again */

    redis->left = 0;
    redis->next--;

    if (redis->told) {
        ngx_add_timer(&redis->listen, 1);
    }

    redis->state(redis->data, 1, NULL);
}


static void
ngx_stentor_redis_server_error(void *data, redisReply *reply)
{
    const char           **code;
    ngx_stentor_redis_t   *redis;

    redis = data;

    for (code = ngx_stentor_redis_unfit; *code; code++) {
        if (ngx_strncmp(reply->str, *code, ngx_strlen(*code)) == 0) {
            ngx_stentor_redis_link_drop(&redis->server, "%.100s", reply->str);
            return;
        }
    }
}


static void
ngx_stentor_redis_server_closed(void *data, const char *reason)
{
    ngx_stentor_redis_failed(data, reason);
}


/* One that cannot be reached is no news while there are other addresses. */

static void
ngx_stentor_redis_failed(ngx_stentor_redis_t *redis, const char *reason)
{
    if (redis->left && !redis->reached) {
        ngx_add_timer(&redis->find, 1);
        return;
    }

    redis->left = 0;
    redis->up = 0;

    ngx_stentor_redis_link_close(&redis->channel);
    ngx_stentor_redis_stop(&redis->listen);

    ngx_add_timer(&redis->find, ngx_stentor_redis_wait(redis->failures));
    redis->failures++;

    redis->state(redis->data, 0, reason);
}


static void
ngx_stentor_redis_listen(ngx_event_t *ev)
{
    ngx_stentor_redis_t          *redis;
    ngx_stentor_redis_command_t   cmd;

    redis = ev->data;

    if (redis->channel.connection == NULL) {

        if (ngx_stentor_redis_link_connect(&redis->channel, &redis->addr,
                                           &redis->conf->redis_tls)
            != NGX_OK)
        {
            ngx_stentor_redis_channel_closed(redis, redis->channel.reason);
        }

        return;
    }

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "PING");
    (void) ngx_stentor_redis_link_send(&redis->channel, &cmd, NULL, NULL);

    ngx_add_timer(ev, NGX_STENTOR_REDIS_PING_MS);
}


static void
ngx_stentor_redis_channel_ready(void *data)
{
    ngx_stentor_redis_t          *redis;
    ngx_stentor_redis_command_t   cmd;

    redis = data;

    ngx_stentor_redis_auth(redis, &redis->channel,
                           ngx_stentor_redis_channel_auth);

    ngx_stentor_redis_begin(&cmd);
    ngx_stentor_redis_word(&cmd, "SUBSCRIBE");
    ngx_stentor_redis_word(&cmd, "%s", redis->name);

    if (ngx_stentor_redis_link_send(&redis->channel, &cmd,
                                    ngx_stentor_redis_channel_subscribed,
                                    redis)
        != NGX_OK)
    {
        ngx_stentor_redis_link_drop(&redis->channel, "no memory");
    }
}


static void
ngx_stentor_redis_channel_auth(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;
    ngx_stentor_redis_refused(&redis->channel, reply);
}


static void
ngx_stentor_redis_channel_subscribed(void *data, redisReply *reply)
{
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (reply == NULL || redis->channel.connection == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_stentor_redis_link_drop(&redis->channel, "%.64s", reply->str);
        return;
    }

    redis->trouble[0] = '\0';
    ngx_add_timer(&redis->listen, NGX_STENTOR_REDIS_PING_MS);
}


/* ["message", channel, text] */

static ngx_uint_t
ngx_stentor_redis_channel_push(void *data, redisReply *reply)
{
    redisReply           *text;
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3
        || reply->element[0]->type != REDIS_REPLY_STRING
        || ngx_strcmp(reply->element[0]->str, "message") != 0)
    {
        return 0;
    }

    text = reply->element[2];

    if (text->type == REDIS_REPLY_STRING) {
        redis->told(redis->told_data, text->str, text->len);
    }

    return 1;
}


/* Told once for each sort of trouble; nothing depends on the channel. */

static void
ngx_stentor_redis_channel_closed(void *data, const char *reason)
{
    ngx_stentor_redis_t  *redis;

    redis = data;

    if (!redis->up) {
        return;
    }

    if (ngx_strcmp(redis->trouble, reason) != 0) {
        ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                      "no events from Redis: %s", reason);
        ngx_cpystrn((u_char *) redis->trouble, (u_char *) reason,
                    sizeof(redis->trouble));
    }

    ngx_stentor_redis_stop(&redis->listen);
    ngx_add_timer(&redis->listen, ngx_stentor_redis_wait(16));
}


static ngx_msec_t
ngx_stentor_redis_wait(ngx_uint_t failures)
{
    ngx_msec_t  wait;

    wait = NGX_STENTOR_REDIS_WAIT_MS << ngx_min(failures, 16);
    wait = ngx_min(wait, NGX_STENTOR_REDIS_WAIT_MAX_MS);

    return wait - (ngx_msec_t) ngx_random() % (wait / 4);
}


static void
ngx_stentor_redis_stop(ngx_event_t *ev)
{
    if (ev->timer_set) {
        ngx_del_timer(ev);
    }
}
