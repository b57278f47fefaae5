/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A connection to Redis (see ngx_stentor_redis_link.h).  Events are level
 * triggered: one read and one write a turn of the loop.  What is sent in one
 * turn leaves together.  The link belongs to its owner; commands that wait for
 * their replies are in memory of their own.
 */

#include "ngx_stentor_redis_link.h"

#include <arpa/inet.h>
#include <sys/un.h>


/* A command, and all that waits to be sent. */
#define NGX_STENTOR_REDIS_OUT_MAX    (1024 * 1024)

/* What a reply may have, in bytes and in any list of it, and what is read of
 * it at once. */
#define NGX_STENTOR_REDIS_REPLY_MAX  (4 * 1024 * 1024)
#define NGX_STENTOR_REDIS_LIST_MAX   16384
#define NGX_STENTOR_REDIS_READ       NGX_STENTOR_REDIS_TLS_RECORD


/* How hiredis counts. */

#if (HIREDIS_MAJOR > 0)
typedef size_t  ngx_stentor_redis_count_t;
#else
typedef int     ngx_stentor_redis_count_t;
#endif


typedef union {
    struct sockaddr      any;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;
    struct sockaddr_un   un;
} ngx_stentor_redis_sockaddr_t;


/* A command that waits for its reply. */

typedef struct {
    ngx_queue_t                  queue;
    ngx_msec_t                   deadline;
    ngx_stentor_redis_reply_pt   reply;
    void                        *data;
} ngx_stentor_redis_sent_t;


static socklen_t ngx_stentor_redis_link_sockaddr(
    ngx_stentor_redis_addr_t *addr, ngx_stentor_redis_sockaddr_t *sa);
static ngx_int_t ngx_stentor_redis_link_socket(ngx_stentor_redis_link_t *link,
    struct sockaddr *sa, socklen_t len);
static ngx_int_t ngx_stentor_redis_link_listen(ngx_stentor_redis_link_t *link,
    ngx_socket_t fd);
static redisReader *ngx_stentor_redis_link_reader(
    ngx_stentor_redis_link_t *link);
static void *ngx_stentor_redis_link_list(const redisReadTask *task,
    ngx_stentor_redis_count_t n);
static ngx_int_t ngx_stentor_redis_link_room(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_command_t *cmd);
static void ngx_stentor_redis_link_write(ngx_event_t *wev);
static ssize_t ngx_stentor_redis_link_output(ngx_stentor_redis_link_t *link);
static ssize_t ngx_stentor_redis_link_result(ssize_t n);
static void ngx_stentor_redis_link_failed(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_connected(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_handshake(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_ready(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_more(ngx_stentor_redis_link_t *link,
    ngx_uint_t more);
static void ngx_stentor_redis_link_read(ngx_event_t *rev);
static ssize_t ngx_stentor_redis_link_input(ngx_stentor_redis_link_t *link,
    char *buf, size_t size);
static void ngx_stentor_redis_link_take(ngx_stentor_redis_link_t *link,
    const char *bytes, size_t len);
static void ngx_stentor_redis_link_reply(ngx_stentor_redis_link_t *link,
    redisReply *reply);
static void ngx_stentor_redis_link_watch(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_late(ngx_event_t *ev);
static void ngx_stentor_redis_link_end(ngx_stentor_redis_link_t *link);
static void ngx_stentor_redis_link_reason(ngx_stentor_redis_link_t *link,
    const char *reason);


void
ngx_stentor_redis_begin(ngx_stentor_redis_command_t *cmd)
{
    cmd->n = 0;
    stn_buf_init(&cmd->words, NGX_STENTOR_REDIS_OUT_MAX);
}


void
ngx_stentor_redis_word(ngx_stentor_redis_command_t *cmd, const char *fmt, ...)
{
    int       n;
    va_list   args;
    uint8_t  *p;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    stn_buf_printf(&cmd->words, "$%d\r\n", n);
    p = stn_buf_reserve(&cmd->words, (size_t) n + 1);

    if (p) {
        va_start(args, fmt);
        vsnprintf((char *) p, (size_t) n + 1, fmt, args);
        va_end(args);

        cmd->words.len += (size_t) n;
    }

    stn_buf_str(&cmd->words, "\r\n");
    cmd->n++;
}


void
ngx_stentor_redis_link_init(ngx_stentor_redis_link_t *link,
    const ngx_stentor_redis_handlers_t *handlers, void *data, ngx_log_t *log,
    ngx_msec_t timeout)
{
    ngx_memzero(link, sizeof(ngx_stentor_redis_link_t));

    link->handlers = handlers;
    link->data = data;
    link->log = log;
    link->timeout = timeout;
    link->timer.handler = ngx_stentor_redis_link_late;
    link->timer.data = link;
    link->timer.log = log;
    link->timer.cancelable = 1;

    stn_buf_init(&link->out, NGX_STENTOR_REDIS_OUT_MAX);
    ngx_queue_init(&link->commands);
}


ngx_int_t
ngx_stentor_redis_link_connect(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_addr_t *addr, ngx_stentor_redis_tls_conf_t *tls)
{
    socklen_t                     len;
    ngx_stentor_redis_sockaddr_t  sa;

    len = ngx_stentor_redis_link_sockaddr(addr, &sa);

    if (len == 0) {
        ngx_stentor_redis_link_reason(link, "its address is no numeric one");
        return NGX_ERROR;
    }

    if (ngx_stentor_redis_link_socket(link, &sa.any, len) != NGX_OK) {
        return NGX_ERROR;
    }

    if (tls->on && ngx_stentor_redis_tls_open(&link->tls, tls, addr,
                                              link->connection->fd)
                   != NGX_OK)
    {
        ngx_stentor_redis_link_reason(link, link->tls.reason);
        ngx_stentor_redis_link_end(link);
        return NGX_ERROR;
    }

    ngx_add_timer(&link->timer, link->timeout);

    return NGX_OK;
}


/* Returns its length, 0: there is none.  Nothing is resolved. */

static socklen_t
ngx_stentor_redis_link_sockaddr(ngx_stentor_redis_addr_t *addr,
    ngx_stentor_redis_sockaddr_t *sa)
{
    const char  *host;

    ngx_memzero(sa, sizeof(ngx_stentor_redis_sockaddr_t));

    if (addr->path.len) {
        if (addr->path.len >= sizeof(sa->un.sun_path)) {
            return 0;
        }

        sa->un.sun_family = AF_UNIX;
        ngx_memcpy(sa->un.sun_path, addr->path.data, addr->path.len);

        return sizeof(struct sockaddr_un);
    }

    host = (const char *) addr->host.data;

    if (inet_pton(AF_INET, host, &sa->in.sin_addr) == 1) {
        sa->in.sin_family = AF_INET;
        sa->in.sin_port = htons(addr->port);

        return sizeof(struct sockaddr_in);
    }

    if (inet_pton(AF_INET6, host, &sa->in6.sin6_addr) == 1) {
        sa->in6.sin6_family = AF_INET6;
        sa->in6.sin6_port = htons(addr->port);

        return sizeof(struct sockaddr_in6);
    }

    return 0;
}


static ngx_int_t
ngx_stentor_redis_link_socket(ngx_stentor_redis_link_t *link,
    struct sockaddr *sa, socklen_t len)
{
    int           one;
    ngx_err_t     err;
    ngx_socket_t  fd;

    fd = socket(sa->sa_family, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        ngx_stentor_redis_link_reason(link, strerror(ngx_errno));
        return NGX_ERROR;
    }

    one = 1;

    if (sa->sa_family != AF_UNIX) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }

    if (connect(fd, sa, len) == -1 && ngx_errno != NGX_EINPROGRESS) {
        err = ngx_errno;
        ngx_close_socket(fd);

        ngx_stentor_redis_link_reason(link, strerror(err));
        return NGX_ERROR;
    }

    return ngx_stentor_redis_link_listen(link, fd);
}


/* The socket becomes nginx's. */

static ngx_int_t
ngx_stentor_redis_link_listen(ngx_stentor_redis_link_t *link, ngx_socket_t fd)
{
    ngx_connection_t  *c;

    ngx_stentor_redis_link_reason(link, "no memory or connection for it");

    link->reader = ngx_stentor_redis_link_reader(link);
    c = link->reader ? ngx_get_connection(fd, link->log) : NULL;

    if (c == NULL) {
        ngx_close_socket(fd);
        ngx_stentor_redis_link_end(link);
        return NGX_ERROR;
    }

    c->data = link;
    c->log = link->log;
    c->read->log = link->log;
    c->write->log = link->log;
    c->read->handler = ngx_stentor_redis_link_read;
    c->write->handler = ngx_stentor_redis_link_write;

    link->connection = c;
    link->connected = 0;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK
        || ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        ngx_stentor_redis_link_end(link);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* hiredis makes room for as many elements as a list says that it has, before
 * there are any, and looks at the room of each when it frees it: two thousand
 * million take seconds. */

static redisReader *
ngx_stentor_redis_link_reader(ngx_stentor_redis_link_t *link)
{
    redisReader  *reader;

    reader = redisReaderCreate();

    if (reader) {
        reader->privdata = reader->fn;
        link->make = *reader->fn;
        link->make.createArray = ngx_stentor_redis_link_list;
        reader->fn = &link->make;
    }

    return reader;
}


/* NULL is no memory to the reader, which ends the connection. */

static void *
ngx_stentor_redis_link_list(const redisReadTask *task,
    ngx_stentor_redis_count_t n)
{
    redisReplyObjectFunctions *own = task->privdata;

    return n > NGX_STENTOR_REDIS_LIST_MAX ? NULL : own->createArray(task, n);
}


ngx_int_t
ngx_stentor_redis_link_send(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data)
{
    ngx_int_t                  rc;
    ngx_stentor_redis_sent_t  *sent;

    rc = NGX_DECLINED;
    sent = NULL;

    if (link->connected && ngx_stentor_redis_link_room(link, cmd) == NGX_OK) {
        sent = ngx_alloc(sizeof(ngx_stentor_redis_sent_t), link->log);
    }

    if (sent) {
        stn_buf_printf(&link->out, "*%lu\r\n", (unsigned long) cmd->n);
        stn_buf_put(&link->out, cmd->words.data, cmd->words.len);

        sent->deadline = ngx_current_msec + link->timeout;
        sent->reply = reply;
        sent->data = data;

        ngx_queue_insert_tail(&link->commands, &sent->queue);
        ngx_stentor_redis_link_watch(link);
        ngx_post_event(link->connection->write, &ngx_posted_events);
        rc = NGX_OK;
    }

    stn_buf_free(&cmd->words);

    return rc;
}


/* Whether there is room for it, and its number of words. */

static ngx_int_t
ngx_stentor_redis_link_room(ngx_stentor_redis_link_t *link,
    ngx_stentor_redis_command_t *cmd)
{
    if (cmd->words.failed) {
        return NGX_DECLINED;
    }

    if (stn_buf_reserve(&link->out, cmd->words.len + 32) == NULL) {
        link->out.failed = STN_OK;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_stentor_redis_link_write(ngx_event_t *wev)
{
    ssize_t                    n;
    ngx_connection_t          *c;
    ngx_stentor_redis_link_t  *link;

    c = wev->data;
    link = c->data;

    if (!link->connected) {
        ngx_stentor_redis_link_connected(link);
        return;
    }

    n = link->out.len ? ngx_stentor_redis_link_output(link) : 0;

    if (n == NGX_ERROR) {
        ngx_stentor_redis_link_failed(link);
        return;
    }

    if (n > 0) {
        stn_buf_drain(&link->out, (size_t) n);
    }

    ngx_stentor_redis_link_more(link, link->out.len > 0);
}


static ssize_t
ngx_stentor_redis_link_output(ngx_stentor_redis_link_t *link)
{
    if (link->tls.ssl) {
        return ngx_stentor_redis_tls_send(&link->tls, link->out.data,
                                          link->out.len);
    }

    return ngx_stentor_redis_link_result(
        send(link->connection->fd, link->out.data, link->out.len,
             MSG_NOSIGNAL));
}


/* Of send() or recv(), as TLS has it. */

static ssize_t
ngx_stentor_redis_link_result(ssize_t n)
{
    if (n == -1) {
        return (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EINTR)
               ? NGX_AGAIN : NGX_ERROR;
    }

    return n;
}


static void
ngx_stentor_redis_link_failed(ngx_stentor_redis_link_t *link)
{
    ngx_stentor_redis_link_drop(link, "%s",
        link->tls.ssl ? link->tls.reason : strerror(ngx_errno));
}


static void
ngx_stentor_redis_link_connected(ngx_stentor_redis_link_t *link)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(err);

    if (getsockopt(link->connection->fd, SOL_SOCKET, SO_ERROR, &err, &len)
        == -1)
    {
        err = ngx_errno;
    }

    if (err) {
        ngx_stentor_redis_link_drop(link, "%s", strerror(err));
        return;
    }

    if (link->tls.ssl) {
        ngx_stentor_redis_link_handshake(link);
        return;
    }

    ngx_stentor_redis_link_ready(link);
}


static void
ngx_stentor_redis_link_handshake(ngx_stentor_redis_link_t *link)
{
    ngx_int_t  rc;

    rc = ngx_stentor_redis_tls_handshake(&link->tls);

    if (rc == NGX_AGAIN) {
        ngx_stentor_redis_link_more(link, link->tls.writes);

    } else if (rc == NGX_ERROR) {
        ngx_stentor_redis_link_failed(link);

    } else {
        ngx_stentor_redis_link_ready(link);
    }
}


static void
ngx_stentor_redis_link_ready(ngx_stentor_redis_link_t *link)
{
    link->connected = 1;

    ngx_stentor_redis_link_watch(link);
    ngx_stentor_redis_link_more(link, 0);

    link->handlers->ready(link->data);
}


/* Whether there is more to be sent when the socket takes it.  Should that fail,
 * the command's time will be over. */

static void
ngx_stentor_redis_link_more(ngx_stentor_redis_link_t *link, ngx_uint_t more)
{
    ngx_event_t  *wev;

    wev = link->connection->write;

    if (more && !wev->active) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (!more && wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_stentor_redis_link_read(ngx_event_t *rev)
{
    char                       buf[NGX_STENTOR_REDIS_READ];
    ssize_t                    n;
    ngx_connection_t          *c;
    ngx_stentor_redis_link_t  *link;

    c = rev->data;
    link = c->data;

    if (!link->connected) {
        ngx_stentor_redis_link_connected(link);
        return;
    }

    n = ngx_stentor_redis_link_input(link, buf, sizeof(buf));

    if (n > 0) {
        ngx_stentor_redis_link_take(link, buf, (size_t) n);

    } else if (n == 0) {
        ngx_stentor_redis_link_drop(link, "it closed the connection");

    } else if (n == NGX_ERROR) {
        ngx_stentor_redis_link_failed(link);
    }
}


static ssize_t
ngx_stentor_redis_link_input(ngx_stentor_redis_link_t *link, char *buf,
    size_t size)
{
    if (link->tls.ssl) {
        return ngx_stentor_redis_tls_recv(&link->tls, buf, size);
    }

    return ngx_stentor_redis_link_result(
        recv(link->connection->fd, buf, size, 0));
}


static void
ngx_stentor_redis_link_take(ngx_stentor_redis_link_t *link, const char *bytes,
    size_t len)
{
    void  *reply;

    link->unread += len;

    if (link->unread > NGX_STENTOR_REDIS_REPLY_MAX) {
        ngx_stentor_redis_link_drop(link, "its reply is too long");
        return;
    }

    if (redisReaderFeed(link->reader, bytes, len) != REDIS_OK) {
        ngx_stentor_redis_link_drop(link, "no memory for its reply");
        return;
    }

    do {
        reply = NULL;

        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            ngx_stentor_redis_link_drop(link, "it does not speak as Redis");
            return;
        }

        if (reply == NULL) {
            return;
        }

        link->unread = 0;
        ngx_stentor_redis_link_reply(link, reply);
        freeReplyObject(reply);

    } while (link->connection);
}


static void
ngx_stentor_redis_link_reply(ngx_stentor_redis_link_t *link,
    redisReply *reply)
{
    ngx_queue_t               *q;
    ngx_stentor_redis_sent_t  *sent;

    if (link->handlers->push && link->handlers->push(link->data, reply)) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR && link->handlers->error) {
        link->handlers->error(link->data, reply);

        if (link->connection == NULL) {
            return;
        }
    }

    if (ngx_queue_empty(&link->commands)) {
        ngx_stentor_redis_link_drop(link, "it speaks unasked%s%.64s",
            reply->type == REDIS_REPLY_ERROR ? ": " : "",
            reply->type == REDIS_REPLY_ERROR ? reply->str : "");
        return;
    }

    q = ngx_queue_head(&link->commands);
    sent = ngx_queue_data(q, ngx_stentor_redis_sent_t, queue);

    ngx_queue_remove(q);
    ngx_stentor_redis_link_watch(link);

    if (sent->reply) {
        sent->reply(sent->data, reply);
    }

    ngx_free(sent);
}


/* The timer is that of the oldest command. */

static void
ngx_stentor_redis_link_watch(ngx_stentor_redis_link_t *link)
{
    ngx_queue_t               *q;
    ngx_msec_int_t             left;
    ngx_stentor_redis_sent_t  *sent;

    if (ngx_queue_empty(&link->commands)) {

        if (link->timer.timer_set) {
            ngx_del_timer(&link->timer);
        }

        return;
    }

    q = ngx_queue_head(&link->commands);
    sent = ngx_queue_data(q, ngx_stentor_redis_sent_t, queue);
    left = (ngx_msec_int_t) (sent->deadline - ngx_current_msec);

    ngx_add_timer(&link->timer, (ngx_msec_t) ngx_max(left, 1));
}


static void
ngx_stentor_redis_link_late(ngx_event_t *ev)
{
    const char                *what;
    ngx_queue_t               *q;
    ngx_stentor_redis_link_t  *link;
    ngx_stentor_redis_sent_t  *sent;

    link = ngx_stentor_container(ev, ngx_stentor_redis_link_t, timer);

    if (link->connected) {
        q = ngx_queue_head(&link->commands);
        sent = ngx_queue_data(q, ngx_stentor_redis_sent_t, queue);

        /* nginx keeps a timer that is set again as it was, for some ms */

        if ((ngx_msec_int_t) (sent->deadline - ngx_current_msec) > 0) {
            ngx_stentor_redis_link_watch(link);
            return;
        }
    }

    what = link->connected ? "answer"
                           : link->tls.ssl && !SSL_in_before(link->tls.ssl)
                             ? "TLS handshake" : "connection";

    ngx_stentor_redis_link_drop(link, "no %s in %lu ms", what,
                                (unsigned long) link->timeout);
}


void
ngx_stentor_redis_link_drop(ngx_stentor_redis_link_t *link, const char *fmt,
    ...)
{
    char                       reason[NGX_STENTOR_REDIS_REASON_MAX];
    va_list                    args;
    ngx_queue_t                lost, *q;
    ngx_stentor_redis_sent_t  *sent;

    if (link->connection == NULL) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);

    ngx_stentor_redis_link_reason(link, reason);
    ngx_stentor_redis_link_end(link);

    ngx_queue_init(&lost);

    if (!ngx_queue_empty(&link->commands)) {
        ngx_queue_add(&lost, &link->commands);
        ngx_queue_init(&link->commands);
    }

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        sent = ngx_queue_data(q, ngx_stentor_redis_sent_t, queue);
        ngx_queue_remove(q);

        if (sent->reply) {
            sent->reply(sent->data, NULL);
        }

        ngx_free(sent);
    }

    link->handlers->closed(link->data, link->reason);
}


void
ngx_stentor_redis_link_close(ngx_stentor_redis_link_t *link)
{
    ngx_queue_t  *q;

    ngx_stentor_redis_link_end(link);

    while (!ngx_queue_empty(&link->commands)) {
        q = ngx_queue_head(&link->commands);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_stentor_redis_sent_t, queue));
    }

    stn_buf_free(&link->out);
}


static void
ngx_stentor_redis_link_end(ngx_stentor_redis_link_t *link)
{
    ngx_stentor_redis_tls_close(&link->tls);

    if (link->connection) {
        ngx_close_connection(link->connection);
        link->connection = NULL;
    }

    if (link->reader) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    link->connected = 0;
    link->unread = 0;
    stn_buf_reset(&link->out);
}


/* What a server says is not trusted to be fit for a log. */

static void
ngx_stentor_redis_link_reason(ngx_stentor_redis_link_t *link,
    const char *reason)
{
    ngx_stentor_redis_printable(link->reason, sizeof(link->reason), reason);
}


void
ngx_stentor_redis_printable(char *to, size_t size, const char *text)
{
    ngx_cpystrn((u_char *) to, (u_char *) text, size);

    for ( /* void */ ; *to; to++) {
        if (*to < 0x20 || *to > 0x7e) {
            *to = '?';
        }
    }
}
