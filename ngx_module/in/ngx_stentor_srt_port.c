/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The SRT ports (see ngx_stentor_srt.h): the port thread listens, accepts and
 * starts a thread for each session.  What is used of the configuration never
 * changes while it runs.
 */

#include "ngx_stentor_srt_session.h"
#include "ngx_stentor_thread.h"
#include "store/ngx_stentor_admission.h"


/* Callers that wait to be accepted. */
#define NGX_STENTOR_SRT_BACKLOG  64

/* A peer that is not heard of for so long is dead; it is asked every second. */
#define NGX_STENTOR_SRT_IDLE_MS  4000

/* What of a session may wait in libsrt: seconds of a broadcaster's video. */
#define NGX_STENTOR_SRT_BUFFER   (4 * 1024 * 1024)


static ngx_uint_t ngx_stentor_srt_port_quit(ngx_stentor_srts_t *srts);
static ngx_int_t ngx_stentor_srt_port_epoll(ngx_stentor_srts_t *srts);
static void ngx_stentor_srt_port_open(ngx_stentor_srt_port_t *port);
static int ngx_stentor_srt_port_options(ngx_stentor_srt_port_t *port);
static int ngx_stentor_srt_port_set(SRTSOCKET sock, SRT_SOCKOPT option,
    int value);
static void ngx_stentor_srt_port_complain(ngx_stentor_srt_port_t *port,
    ngx_err_t err, const char *what);
static void ngx_stentor_srt_port_accept(ngx_stentor_srts_t *srts,
    SRTSOCKET listener);
static ngx_stentor_srt_t *ngx_stentor_srt_port_session(
    ngx_stentor_srt_port_t *port, SRTSOCKET sock, const char *streamid);
static ngx_int_t ngx_stentor_srt_port_identify(ngx_stentor_srt_t *s,
    const char *streamid);
static void ngx_stentor_srt_port_encoder(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_port_close(ngx_stentor_srts_t *srts);


void *
ngx_stentor_srt_port_run(void *data)
{
    ngx_stentor_srts_t *srts = data;

    int         i, n;
    SRTSOCKET   ready[NGX_STENTOR_SRT_LISTENERS];
    ngx_uint_t  k;

    (void) srt_startup();
    srt_setloglevel(LOG_CRIT);

    srts->eid = SRT_ERROR;

    while (!ngx_stentor_srt_port_quit(srts)) {

        if (ngx_stentor_srt_port_epoll(srts) != NGX_OK) {
            ngx_msleep(NGX_STENTOR_SRT_TICK_MS);
            continue;
        }

        for (k = 0; k < srts->scf->srt.nelts; k++) {
            if (srts->ports[k].socket == SRT_INVALID_SOCK) {
                ngx_stentor_srt_port_open(&srts->ports[k]);
            }
        }

        n = NGX_STENTOR_SRT_LISTENERS;

        if (srt_epoll_wait(srts->eid, ready, &n, NULL, NULL,
                           NGX_STENTOR_SRT_TICK_MS, NULL, NULL, NULL, NULL)
            <= 0)
        {
            n = 0;
        }

        for (i = 0; i < n; i++) {
            ngx_stentor_srt_port_accept(srts, ready[i]);
        }

        ngx_stentor_srt_knocks_look(srts);
    }

    ngx_stentor_srt_port_close(srts);

    return NULL;
}


static ngx_uint_t
ngx_stentor_srt_port_quit(ngx_stentor_srts_t *srts)
{
    ngx_uint_t  quit;

    pthread_mutex_lock(&srts->mutex);
    quit = srts->quit;
    pthread_mutex_unlock(&srts->mutex);

    return quit;
}


/* It takes a descriptor, which there may be again later. */

static ngx_int_t
ngx_stentor_srt_port_epoll(ngx_stentor_srts_t *srts)
{
    if (srts->eid != SRT_ERROR) {
        return NGX_OK;
    }

    srts->eid = srt_epoll_create();

    if (srts->eid == SRT_ERROR) {
        ngx_stentor_srt_port_complain(&srts->ports[0], 0,
                                      "srt_epoll_create() failed");
        return NGX_ERROR;
    }

    (void) srt_epoll_set(srts->eid, SRT_EPOLL_ENABLE_EMPTY);

    return NGX_OK;
}


/* libsrt gets a descriptor of its own: it closes it, and the port must stay
 * open for the next worker. */

static void
ngx_stentor_srt_port_open(ngx_stentor_srt_port_t *port)
{
    int        fd, events;
    ngx_err_t  err;

    if (port->conf->fd == (ngx_socket_t) -1) {
        err = ngx_stentor_srt_bind(port->conf);

        if (err) {
            ngx_stentor_srt_port_complain(port, err, "bind() failed");
            return;
        }
    }

    port->socket = srt_create_socket();

    if (port->socket == SRT_INVALID_SOCK
        || ngx_stentor_srt_port_options(port) == SRT_ERROR
        || srt_listen_callback(port->socket, ngx_stentor_srt_knock, port)
           == SRT_ERROR)
    {
        goto failed;
    }

    fd = fcntl(port->conf->fd, F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
        ngx_stentor_srt_port_complain(port, ngx_errno, "fcntl() failed");
        goto failed;
    }

    if (srt_bind_acquire(port->socket, fd) == SRT_ERROR) {
        (void) close(fd);
        goto failed;
    }

    events = SRT_EPOLL_IN|SRT_EPOLL_ERR;

    if (srt_listen(port->socket, NGX_STENTOR_SRT_BACKLOG) == SRT_ERROR
        || srt_epoll_add_usock(port->srts->eid, port->socket, &events)
           == SRT_ERROR)
    {
        goto failed;
    }

    ngx_log_error(NGX_LOG_INFO, &port->srts->log, 0,
                  "srt listens on %V", &port->conf->text);

    return;

failed:

    ngx_stentor_srt_port_complain(port, 0, srt_getlasterror_str());

    if (port->socket != SRT_INVALID_SOCK) {
        (void) srt_close(port->socket);
        port->socket = SRT_INVALID_SOCK;
    }
}


/* What sessions inherit, too; of the latencies the greater one counts. */

static int
ngx_stentor_srt_port_options(ngx_stentor_srt_port_t *port)
{
    ngx_uint_t               i;
    ngx_stentor_srt_conf_t  *conf;

    conf = port->conf;

    const struct {
        SRT_SOCKOPT  option;
        int          value;
    } options[] = {
        { SRTO_TRANSTYPE, SRTT_LIVE },
        { SRTO_RCVSYN, 0 },
        { SRTO_RCVLATENCY, (int) conf->latency },
        { SRTO_PEERIDLETIMEO, NGX_STENTOR_SRT_IDLE_MS },
        { SRTO_RCVBUF, NGX_STENTOR_SRT_BUFFER },
        { SRTO_PBKEYLEN, (int) conf->pbkeylen },
        { SRTO_IPV6ONLY, 1 }
    };

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (ngx_stentor_srt_port_set(port->socket, options[i].option,
                                     options[i].value)
            == SRT_ERROR)
        {
            return SRT_ERROR;
        }
    }

    return conf->passphrase.len == 0
           ? 0 : srt_setsockflag(port->socket, SRTO_PASSPHRASE,
                                 conf->passphrase.data,
                                 (int) conf->passphrase.len);
}


static int
ngx_stentor_srt_port_set(SRTSOCKET sock, SRT_SOCKOPT option, int value)
{
    return srt_setsockflag(sock, option, &value, sizeof(value));
}


/* A port is tried again and again, and told of once. */

static void
ngx_stentor_srt_port_complain(ngx_stentor_srt_port_t *port, ngx_err_t err,
    const char *what)
{
    if (port->complained == 0) {
        ngx_log_error(NGX_LOG_ERR, &port->srts->log, err,
                      "srt does not listen on %V: %s", &port->conf->text,
                      what);
    }

    port->complained = 1;
}


static void
ngx_stentor_srt_port_accept(ngx_stentor_srts_t *srts, SRTSOCKET listener)
{
    int                 err, len;
    char                streamid[STN_STREAM_ID_MAX + 1];
    SRTSOCKET           sock;
    ngx_uint_t          i;
    ngx_sockaddr_t      sa;
    ngx_stentor_srt_t  *s;

    len = sizeof(ngx_sockaddr_t);
    sock = srt_accept(listener, &sa.sockaddr, &len);

    if (sock == SRT_INVALID_SOCK) {
        return;
    }

    for (i = 0; srts->ports[i].socket != listener; i++) { /* void */ }

    /* who has hung up again is not remembered any more */

    if (ngx_stentor_srt_knock_over(srts, sock, streamid) != NGX_OK) {
        (void) srt_close(sock);
        return;
    }

    s = ngx_stentor_srt_port_session(&srts->ports[i], sock, streamid);

    if (s == NULL) {
        ngx_log_error(NGX_LOG_ERR, &srts->log, 0,
                      "srt session is not begun: out of memory");
        ngx_stentor_srts_count(srts, NGX_STENTOR_INGEST_REFUSED_FULL, 1);
        (void) srt_close(sock);
        return;
    }

    ngx_stentor_srt_address(s->source.address, &sa.sockaddr);
    s->door.from = ngx_stentor_admission_key(srts->scf->store, &sa.sockaddr);
    ngx_stentor_srt_port_encoder(s);

    /* a thread that ends at once must not be heard of before its session is */

    pthread_mutex_lock(&srts->mutex);

    err = pthread_create(&s->thread, NULL, ngx_stentor_srt_session_run, s);

    if (err == 0) {
        srts->n++;
        ngx_queue_insert_tail(&srts->arrived, &s->queue);
    }

    pthread_mutex_unlock(&srts->mutex);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &srts->log, err, "pthread_create() failed");
        (void) srt_close(sock);
        ngx_stentor_srt_free(s);
        return;
    }

    ngx_stentor_srts_wake(srts);
}


static ngx_stentor_srt_t *
ngx_stentor_srt_port_session(ngx_stentor_srt_port_t *port, SRTSOCKET sock,
    const char *streamid)
{
    ngx_stentor_srt_t  *s;

    s = ngx_calloc(sizeof(ngx_stentor_srt_t), &port->srts->log);
    if (s == NULL) {
        return NULL;
    }

    pthread_mutex_init(&s->mutex, NULL);
    ngx_stentor_cond_init(&s->cond);

    s->srts = port->srts;
    s->conf = port->conf;
    s->log = port->srts->log;
    s->socket = sock;
    s->counter = NGX_STENTOR_COUNTERS;
    s->source.protocol = "srt";

    if (stn_fifo_init(&s->units, NGX_STENTOR_SRT_QUEUE) != STN_OK
        || ngx_stentor_srt_port_identify(s, streamid) != NGX_OK)
    {
        ngx_stentor_srt_free(s);
        return NULL;
    }

    return s;
}


/* Reads his stream id again: the one that was good when he knocked, and not
 * what libsrt has made of his handshake since. */

static ngx_int_t
ngx_stentor_srt_port_identify(ngx_stentor_srt_t *s, const char *streamid)
{
    size_t     len;
    ngx_str_t  name;

    len = ngx_strlen(streamid);

    if (stn_stream_id_read(&s->id, streamid, len) != STN_OK) {
        return NGX_ERROR;
    }

    s->source.app = ngx_stentor_srt_stream(s->srts->scf, s->conf, &s->id,
                                           &name);

    if (s->source.app == NULL) {
        return NGX_ERROR;
    }

    s->request = name;
    s->source.name = name;
    s->hash = ngx_murmur_hash2((u_char *) streamid, len);

    return NGX_OK;
}


/* All that is known of an SRT encoder is its libsrt. */

static void
ngx_stentor_srt_port_encoder(ngx_stentor_srt_t *s)
{
    int  version, len;

    len = sizeof(version);

    if (srt_getsockflag(s->socket, SRTO_PEERVERSION, &version, &len)
        == SRT_ERROR)
    {
        return;
    }

    ngx_snprintf((u_char *) s->source.encoder, sizeof(s->source.encoder),
                 "libsrt %d.%d.%d%Z", version >> 16 & 0xff,
                 version >> 8 & 0xff, version & 0xff);
}


/* No more callers; then the port is free for the next worker as soon as the
 * last session has ended, for they share its socket. */

static void
ngx_stentor_srt_port_close(ngx_stentor_srts_t *srts)
{
    ngx_uint_t  i, busy;

    for (i = 0; i < srts->scf->srt.nelts; i++) {
        if (srts->ports[i].socket != SRT_INVALID_SOCK) {
            (void) srt_close(srts->ports[i].socket);
        }
    }

    do {
        ngx_msleep(10);

        pthread_mutex_lock(&srts->mutex);
        busy = srts->n;
        pthread_mutex_unlock(&srts->mutex);
    } while (busy);

    (void) srt_epoll_release(srts->eid);
    (void) srt_cleanup();

    pthread_mutex_lock(&srts->mutex);
    srts->done = 1;
    pthread_mutex_unlock(&srts->mutex);

    ngx_stentor_srts_wake(srts);
}
