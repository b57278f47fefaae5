/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * One connection to one server that speaks Redis's protocol (RESP2), on
 * nginx's events.  The socket is ours, hiredis's reader takes the replies
 * apart.  Its asynchronous API is left alone: it asserts on a reply that
 * nobody asked for, frees itself inside of callbacks, and knows no time-outs
 * before 1.0.
 *
 *     connect ... ready ... command, reply, command, reply ... closed
 *
 * A command that is not answered in time ends the connection: whatever comes
 * later could be taken for another's reply.  Event loop only.
 */

#ifndef _NGX_STENTOR_REDIS_LINK_H_INCLUDED_
#define _NGX_STENTOR_REDIS_LINK_H_INCLUDED_


#include "ngx_stentor_redis.h"
#include "ngx_stentor_redis_tls.h"


#define NGX_STENTOR_REDIS_REASON_MAX  128


/* What its owner wants to know, called with link->data.  All but closed may
 * drop the link; none may connect it, or free it. */

typedef struct {
    /* It is connected. */
    void               (*ready)(void *data);

    /* A reply; returns 1 when it is nobody's, but told unasked.  Or NULL. */
    ngx_uint_t         (*push)(void *data, redisReply *reply);

    /* An error as a reply, before the command is told of it: if this drops the
     * link, the command gets no reply.  Or NULL. */
    void               (*error)(void *data, redisReply *reply);

    /* It is not connected any more, all commands have been told. */
    void               (*closed)(void *data, const char *reason);
} ngx_stentor_redis_handlers_t;


typedef struct {
    const ngx_stentor_redis_handlers_t  *handlers;
    void                *data;
    ngx_log_t           *log;
    ngx_msec_t           timeout;        /* to connect with all that belongs
                                            to it, and of a command */
    ngx_connection_t    *connection;     /* NULL: closed */
    ngx_uint_t           connected;      /* boolean: not just connecting */
    ngx_stentor_redis_tls_t  tls;        /* closed: without */
    redisReader         *reader;
    redisReplyObjectFunctions  make;     /* of its replies */
    size_t               unread;         /* bytes of a reply so far */
    stn_buf_t            out;            /* not sent yet */
    ngx_queue_t          commands;       /* without a reply, oldest first */
    ngx_event_t          timer;          /* of the oldest */
    char                 reason[NGX_STENTOR_REDIS_REASON_MAX];
} ngx_stentor_redis_link_t;


/* Sets it up, closed; timeout in ms. */
void ngx_stentor_redis_link_init(ngx_stentor_redis_link_t *link,
    const ngx_stentor_redis_handlers_t *handlers, void *data, ngx_log_t *log,
    ngx_msec_t timeout);

/* Begins to connect a closed link, with TLS if that is on.  Returns NGX_OK;
 * NGX_ERROR, with the link's reason, when that has failed at once: no handler
 * is called then. */
ngx_int_t ngx_stentor_redis_link_connect(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_addr_t *addr, ngx_stentor_redis_tls_conf_t *tls);

/* As ngx_stentor_redis_send(). */
ngx_int_t ngx_stentor_redis_link_send(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data);

/* Ends the connection, if there is one: commands are told that there will be
 * no reply, then closed is called with that reason (as for printf()). */
void ngx_stentor_redis_link_drop(ngx_stentor_redis_link_t *link,
    const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, and nobody is told. */
void ngx_stentor_redis_link_close(ngx_stentor_redis_link_t *link);


#endif /* _NGX_STENTOR_REDIS_LINK_H_INCLUDED_ */
