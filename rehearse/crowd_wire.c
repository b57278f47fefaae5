/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Connections of a crowd (see crowd_wire.h).  Nothing is buffered on the way
 * out: a request is small enough for any socket's buffer.  What comes in is
 * read into memory that all share, and an answer that is whole at once is
 * taken from there.
 */

#include "crowd_wire.h"

#include "crowd_h2.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>


#define CROWD_WIRE_SLOW_BUFFER  4096     /* B of a slow reader's socket */


static int crowd_wire_bind(const crowd_net_t *n, int fd, unsigned number);
static int crowd_wire_connected(crowd_net_t *n, crowd_wire_t *w);
static int crowd_wire_shake(crowd_net_t *n, crowd_wire_t *w);
static int crowd_wire_want(const crowd_net_t *n, crowd_wire_t *w,
    unsigned events);
static int crowd_wire_opened(const crowd_net_t *n, crowd_wire_t *w);
static int crowd_wire_read(crowd_net_t *n, crowd_wire_t *w);
static char *crowd_wire_into(crowd_net_t *n, crowd_wire_t *w, size_t *size);
static int crowd_wire_recv(crowd_wire_t *w, char *p, size_t size, size_t *n);
static int crowd_wire_lost(crowd_wire_t *w);


int
crowd_net_init(crowd_net_t *n)
{
    static const unsigned char  http2[] = "\x02h2\x08http/1.1";

    n->ssl = SSL_CTX_new(TLS_client_method());
    if (n->ssl == NULL) {
        return STN_ERROR;
    }

    SSL_CTX_set_mode(n->ssl, SSL_MODE_RELEASE_BUFFERS
                             |SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_read_ahead(n->ssl, 1);      /* a record in one system call */
    SSL_CTX_set_session_cache_mode(n->ssl, SSL_SESS_CACHE_CLIENT
                                           |SSL_SESS_CACHE_NO_INTERNAL);

    if (!n->insecure) {
        SSL_CTX_set_verify(n->ssl, SSL_VERIFY_PEER, NULL);

        if (SSL_CTX_set_default_verify_paths(n->ssl) != 1) {
            return STN_ERROR;
        }
    }

    if (n->http2
        && SSL_CTX_set_alpn_protos(n->ssl, http2, sizeof(http2) - 1) != 0)
    {
        return STN_ERROR;
    }

    return STN_OK;
}


int
crowd_wire_connect(crowd_net_t *n, crowd_wire_t *w, unsigned number)
{
    int                           on, size;
    unsigned                      i;
    struct epoll_event            ee;
    const struct sockaddr_storage  *addr;

    i = number % w->edge->naddrs;
    addr = &w->edge->addrs[i];
    on = 1;
    size = CROWD_WIRE_SLOW_BUFFER;

    w->fd = socket(addr->ss_family, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK,
                   0);
    if (w->fd == -1) {
        return STN_ERROR;
    }

    /* requests need no pacing, which some kernels' default does by timers */

    (void) setsockopt(w->fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);

    ee.events = EPOLLOUT;
    ee.data.ptr = w->data;

    if (setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || (w->pace && setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &size,
                                  sizeof(size)) == -1)
        || (addr->ss_family == AF_INET
            && crowd_wire_bind(n, w->fd, number) == -1)
        || (connect(w->fd, (const struct sockaddr *) addr, w->edge->lens[i])
            == -1 && errno != EINPROGRESS)
        || epoll_ctl(n->ep, EPOLL_CTL_ADD, w->fd, &ee) == -1)
    {
        close(w->fd);
        return STN_ERROR;
    }

    w->state = crowd_wire_connecting;
    w->paused = 0;
    w->left = w->pace;

    return STN_OK;
}


/* One of the addresses to come from; the port is chosen as it connects, so
 * that each has all of them for each server. */

static int
crowd_wire_bind(const crowd_net_t *n, int fd, unsigned number)
{
    int                 on;
    struct sockaddr_in  sin;

    if (n->nsources == 0) {
        return 0;
    }

    on = 1;
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr = n->sources[number % n->nsources];

    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on))
        == -1)
    {
        return -1;
    }

    return bind(fd, (struct sockaddr *) &sin, sizeof(sin));
}


int
crowd_wire_event(crowd_net_t *n, crowd_wire_t *w)
{
    switch (w->state) {

    case crowd_wire_connecting:
        return crowd_wire_connected(n, w);

    case crowd_wire_shaking:
        return crowd_wire_shake(n, w);

    default:
        if (w->paused) {
            w->paused = 0;
            w->left = w->pace;

            if (crowd_wire_want(n, w, EPOLLIN) != STN_OK) {
                return crowd_wire_lost(w);
            }
        }

        return crowd_wire_read(n, w);
    }
}


static int
crowd_wire_connected(crowd_net_t *n, crowd_wire_t *w)
{
    int        error;
    socklen_t  len;

    len = sizeof(error);

    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 || error) {
        return STN_ERROR;
    }

    if (!w->edge->tls) {
        return crowd_wire_opened(n, w);
    }

    w->ssl = SSL_new(n->ssl);

    if (w->ssl == NULL || SSL_set_fd(w->ssl, w->fd) != 1
        || SSL_set_tlsext_host_name(w->ssl, w->edge->name) != 1
        || (!n->insecure && SSL_set1_host(w->ssl, w->edge->name) != 1))
    {
        return STN_ERROR;
    }

    if (w->session) {
        SSL_set_session(w->ssl, w->session);
    }

    w->state = crowd_wire_shaking;

    return crowd_wire_shake(n, w);
}


static int
crowd_wire_shake(crowd_net_t *n, crowd_wire_t *w)
{
    int  rc;

    ERR_clear_error();
    rc = SSL_connect(w->ssl);

    if (rc == 1) {
        w->resumed = SSL_session_reused(w->ssl) == 1;
        return crowd_wire_opened(n, w);
    }

    switch (SSL_get_error(w->ssl, rc)) {

    case SSL_ERROR_WANT_READ:
        rc = crowd_wire_want(n, w, EPOLLIN);
        break;

    case SSL_ERROR_WANT_WRITE:
        rc = crowd_wire_want(n, w, EPOLLOUT);
        break;

    default:
        return STN_ERROR;
    }

    return rc == STN_OK ? STN_AGAIN : STN_ERROR;
}


static int
crowd_wire_want(const crowd_net_t *n, crowd_wire_t *w, unsigned events)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = w->data;

    return epoll_ctl(n->ep, EPOLL_CTL_MOD, w->fd, &ee) == -1 ? STN_ERROR
                                                             : STN_OK;
}


static int
crowd_wire_opened(const crowd_net_t *n, crowd_wire_t *w)
{
    unsigned              len;
    const unsigned char  *protocol;

    if (crowd_wire_want(n, w, EPOLLIN) != STN_OK) {
        return STN_ERROR;
    }

    w->state = crowd_wire_open;

    if (w->ssl) {
        SSL_get0_alpn_selected(w->ssl, &protocol, &len);

        if (len == 2 && memcmp(protocol, "h2", 2) == 0) {
            w->h2 = crowd_h2_open(w);
            return w->h2 ? STN_OK : STN_ERROR;
        }
    }

    return STN_OK;
}


static int
crowd_wire_read(crowd_net_t *n, crowd_wire_t *w)
{
    int     rc;
    char   *p;
    size_t  size, got;

    crowd_http_lend(&w->answer, w->h2 ? n->body : n->in, CROWD_WIRE_READ);

    do {
        p = crowd_wire_into(n, w, &size);
        if (p == NULL) {
            return STN_ERROR;
        }

        if (size == 0) {
            w->paused = 1;
            rc = crowd_wire_want(n, w, 0) == STN_OK ? STN_AGAIN : STN_ERROR;
            break;
        }

        rc = crowd_wire_recv(w, p, size, &got);
        if (rc != STN_OK) {
            break;
        }

        w->left -= w->pace ? got : 0;
        rc = w->h2 ? crowd_h2_fed(w, p, got) : crowd_http_fed(&w->answer, got);

        /* to ask once more is dearer than to be told that there is more */

    } while (rc == STN_AGAIN && (got == size || w->ssl));

    if (rc == STN_AGAIN && crowd_http_keep(&w->answer) != STN_OK) {
        return STN_ERROR;
    }

    return rc;
}


/* Where to read to, and how much, which is nothing when a slow reader has
 * read its share. */

static char *
crowd_wire_into(crowd_net_t *n, crowd_wire_t *w, size_t *size)
{
    char  *p;

    p = n->in;
    *size = sizeof(n->in);

    if (w->h2 == NULL) {
        p = crowd_http_room(&w->answer, size);
    }

    if (w->pace) {
        *size = stn_min(*size, w->left);
    }

    return p;
}


static int
crowd_wire_recv(crowd_wire_t *w, char *p, size_t size, size_t *n)
{
    int      rc;
    ssize_t  got;

    if (w->ssl) {
        ERR_clear_error();
        rc = SSL_read_ex(w->ssl, p, size, n);

        if (rc == 1) {
            return STN_OK;
        }

        rc = SSL_get_error(w->ssl, rc);

        return rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE
               ? STN_AGAIN : crowd_wire_lost(w);
    }

    got = recv(w->fd, p, size, 0);

    if (got == -1 && (errno == EAGAIN || errno == EINTR)) {
        return STN_AGAIN;
    }

    if (got <= 0) {
        return crowd_wire_lost(w);
    }

    *n = (size_t) got;

    return STN_OK;
}


static int
crowd_wire_lost(crowd_wire_t *w)
{
    w->answer.lost = 1;

    return STN_ERROR;
}


int
crowd_wire_get(crowd_wire_t *w, const char *path, unsigned gzip)
{
    char    request[CROWD_WIRE_REQUEST];
    size_t  len;

    if (w->h2) {
        return crowd_h2_get(w, path, gzip);
    }

    len = crowd_http_get(request, sizeof(request), w->edge->host, path,
                         gzip ? "Accept-Encoding: gzip\r\n" : "");

    return len ? crowd_wire_send(w, request, len) : STN_ERROR;
}


int
crowd_wire_send(crowd_wire_t *w, const char *data, size_t len)
{
    size_t  sent;

    if (w->ssl) {
        ERR_clear_error();

        return SSL_write_ex(w->ssl, data, len, &sent) == 1 && sent == len
               ? STN_OK : STN_ERROR;
    }

    return send(w->fd, data, len, MSG_NOSIGNAL) == (ssize_t) len ? STN_OK
                                                                 : STN_ERROR;
}


void
crowd_wire_done(crowd_wire_t *w)
{
    /* memory of its own is for answers that did not come at once */

    if (w->answer.lent) {
        crowd_http_reset(&w->answer);
        return;
    }

    crowd_http_free(&w->answer);
}


void
crowd_wire_drop(const crowd_net_t *n, crowd_wire_t *w)
{
    crowd_wire_done(w);

    if (w->state == crowd_wire_closed) {
        return;
    }

    if (w->h2) {
        crowd_h2_close(w->h2);
        w->h2 = NULL;
    }

    if (w->ssl) {
        if (n->resume && w->state == crowd_wire_open) {
            SSL_SESSION_free(w->session);
            w->session = SSL_get1_session(w->ssl);
        }

        /* an end without a word would make the session one not to resume */

        SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN|SSL_RECEIVED_SHUTDOWN);
        SSL_free(w->ssl);
        w->ssl = NULL;
    }

    close(w->fd);
    w->state = crowd_wire_closed;
}
