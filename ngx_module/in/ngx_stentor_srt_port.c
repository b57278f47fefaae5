/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The SRT ports (see ngx_stentor_srt.h): the port thread listens, accepts and
 * starts a thread for each session; libsrt's threads ask here who may come
 * in.  What is used of the configuration never changes while they run.
 */

#include "ngx_stentor_srt_session.h"

#include <srt/access_control.h>


/* Callers that wait to be accepted. */
#define NGX_STENTOR_SRT_BACKLOG  64

/* A peer that is not heard of for so long is dead; it is asked every second. */
#define NGX_STENTOR_SRT_IDLE_MS  4000

/* The least version of a handshake.  Those before have no stream id, and with
 * them libsrt does not insist on the passphrase. */
#define NGX_STENTOR_SRT_HANDSHAKE  5

/* What of a session may wait in libsrt: seconds of a broadcaster's video. */
#define NGX_STENTOR_SRT_BUFFER   (4 * 1024 * 1024)


static ngx_uint_t ngx_stentor_srt_port_quit(ngx_stentor_srts_t *srts);
static void ngx_stentor_srt_port_open(ngx_stentor_srt_port_t *port);
static int ngx_stentor_srt_port_options(ngx_stentor_srt_port_t *port);
static int ngx_stentor_srt_port_set(SRTSOCKET sock, SRT_SOCKOPT option,
    int value);
static void ngx_stentor_srt_port_complain(ngx_stentor_srt_port_t *port,
    ngx_err_t err, const char *what);
static int ngx_stentor_srt_port_knock(void *data, SRTSOCKET sock, int version,
    const struct sockaddr *peer, const char *streamid);
static int ngx_stentor_srt_port_judge(ngx_stentor_srt_port_t *port,
    const char *streamid, const char **reason);
static int ngx_stentor_srt_port_refuse(ngx_stentor_srt_port_t *port,
    ngx_stentor_counter_e counter, int code);
static int ngx_stentor_srt_port_remember(ngx_stentor_srt_port_t *port,
    SRTSOCKET sock, const char *address);
static void ngx_stentor_srt_port_forget(ngx_stentor_srts_t *srts,
    SRTSOCKET sock);
static void ngx_stentor_srt_port_look(ngx_stentor_srts_t *srts);
static void ngx_stentor_srt_port_accept(ngx_stentor_srts_t *srts,
    SRTSOCKET listener);
static ngx_stentor_srt_t *ngx_stentor_srt_port_session(
    ngx_stentor_srt_port_t *port, SRTSOCKET sock);
static ngx_int_t ngx_stentor_srt_port_identify(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_port_encoder(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_port_address(char *text,
    const struct sockaddr *sa);
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

    srts->eid = srt_epoll_create();
    (void) srt_epoll_set(srts->eid, SRT_EPOLL_ENABLE_EMPTY);

    while (!ngx_stentor_srt_port_quit(srts)) {

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

        ngx_stentor_srt_port_look(srts);
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
        || srt_listen_callback(port->socket, ngx_stentor_srt_port_knock, port)
           == SRT_ERROR)
    {
        goto failed;
    }

    fd = fcntl(port->conf->fd, F_DUPFD_CLOEXEC, 0);

    if (fd == -1) {
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


/* On a thread of libsrt's that all of the port's traffic goes through: it
 * must not wait for anything. */

static int
ngx_stentor_srt_port_knock(void *data, SRTSOCKET sock, int version,
    const struct sockaddr *peer, const char *streamid)
{
    ngx_stentor_srt_port_t *port = data;

    int          code;
    char         address[NGX_STENTOR_ADDRESS_MAX];
    const char  *reason;

    ngx_stentor_srts_count(port->srts, NGX_STENTOR_INGEST_CONNECTIONS, 1);
    ngx_stentor_srt_port_address(address, peer);

    if (version < NGX_STENTOR_SRT_HANDSHAKE) {
        reason = "its libsrt is older than 1.3";
        code = ngx_stentor_srt_port_refuse(port,
                                       NGX_STENTOR_INGEST_HANDSHAKE_FAILURES,
                                       SRT_REJX_BAD_REQUEST);
    } else {
        code = ngx_stentor_srt_port_judge(port, streamid, &reason);
    }

    if (code == 0 && !ngx_stentor_srt_port_remember(port, sock, address)) {
        reason = "too many callers at once";
        code = ngx_stentor_srt_port_refuse(port,
                                           NGX_STENTOR_INGEST_REFUSED_FULL,
                                           SRT_REJX_OVERLOAD);
    }

    if (code == 0) {
        return 0;
    }

    ngx_log_error(NGX_LOG_INFO, &port->srts->log, 0,
                  "srt caller %s is refused with code %d: %s", address, code,
                  reason);

    (void) srt_setrejectreason(sock, code);

    return -1;
}


/* Returns 0, or a reject code (access_control.h of libsrt) and the reason. */

static int
ngx_stentor_srt_port_judge(ngx_stentor_srt_port_t *port, const char *streamid,
    const char **reason)
{
    ngx_str_t        name;
    stn_stream_id_t  id;

    if (stn_stream_id_read(&id, streamid, strlen(streamid)) != STN_OK) {
        *reason = id.reason;
        return ngx_stentor_srt_port_refuse(port,
                                           NGX_STENTOR_INGEST_REFUSED_NAME,
                                           SRT_REJX_BAD_REQUEST);
    }

    if (id.mode == STN_STREAM_ID_REQUEST) {
        *reason = "listeners use hls";
        return ngx_stentor_srt_port_refuse(port,
                                           NGX_STENTOR_INGEST_REFUSED_PLAY,
                                           SRT_REJX_BAD_MODE);
    }

    if (ngx_stentor_srt_stream(port->srts->scf, port->conf, &id, &name)
        == NULL)
    {
        *reason = id.path.len ? "no such application"
                              : "the stream id is empty";
        return ngx_stentor_srt_port_refuse(port,
                                       NGX_STENTOR_INGEST_REFUSED_APPLICATION,
                                       SRT_REJX_NOTFOUND);
    }

    if (ngx_stentor_name_check(&name) != NGX_OK) {
        *reason = "a stream name is letters, digits, dot, underscore and dash";
        return ngx_stentor_srt_port_refuse(port,
                                           NGX_STENTOR_INGEST_REFUSED_NAME,
                                           SRT_REJX_BAD_REQUEST);
    }

    return 0;
}


static int
ngx_stentor_srt_port_refuse(ngx_stentor_srt_port_t *port,
    ngx_stentor_counter_e counter, int code)
{
    ngx_stentor_srts_count(port->srts, counter, 1);

    return code;
}


ngx_stentor_app_t *
ngx_stentor_srt_stream(ngx_stentor_conf_t *scf, ngx_stentor_srt_conf_t *conf,
    stn_stream_id_t *id, ngx_str_t *name)
{
    u_char             *slash;
    ngx_str_t           path;
    ngx_stentor_app_t  *app;

    path.data = (u_char *) id->path.data;
    path.len = id->path.len;

    if (path.len == 0) {
        path = conf->stream;
    }

    app = ngx_stentor_app_split(scf, &path, name);
    slash = ngx_strlchr(path.data, path.data + path.len, '/');

    if (app == NULL && slash) {
        path.len -= slash + 1 - path.data;
        path.data = slash + 1;

        app = ngx_stentor_app_split(scf, &path, name);
    }

    if (app || slash || path.len == 0 || conf->application.len == 0) {
        return app;
    }

    *name = path;

    return ngx_stentor_app(scf, &conf->application);
}


/* Returns 0 when too many are being remembered. */

static int
ngx_stentor_srt_port_remember(ngx_stentor_srt_port_t *port, SRTSOCKET sock,
    const char *address)
{
    ngx_uint_t                room;
    ngx_stentor_srts_t       *srts;
    ngx_stentor_srt_knock_t  *knock;

    srts = port->srts;

    pthread_mutex_lock(&srts->mutex);

    room = (srts->nknocks < NGX_STENTOR_SRT_KNOCKS);

    if (room) {
        knock = &srts->knocks[srts->nknocks++];
        knock->socket = sock;
        ngx_cpystrn((u_char *) knock->address, (u_char *) address,
                    sizeof(knock->address));
    }

    pthread_mutex_unlock(&srts->mutex);

    return room;
}


/* He has been accepted. */

static void
ngx_stentor_srt_port_forget(ngx_stentor_srts_t *srts, SRTSOCKET sock)
{
    ngx_uint_t  i;

    pthread_mutex_lock(&srts->mutex);

    for (i = 0; i < srts->nknocks; i++) {
        if (srts->knocks[i].socket == sock) {
            srts->knocks[i] = srts->knocks[--srts->nknocks];
            break;
        }
    }

    pthread_mutex_unlock(&srts->mutex);
}


/* Who was let in, and then did not get through his handshake: he has another
 * passphrase, or none, or encrypts where there is none. */

static void
ngx_stentor_srt_port_look(ngx_stentor_srts_t *srts)
{
    ngx_uint_t                i;
    SRT_SOCKSTATUS            state;
    ngx_stentor_srt_knock_t  *knock;

    pthread_mutex_lock(&srts->mutex);

    for (i = 0; i < srts->nknocks; /* void */ ) {
        knock = &srts->knocks[i];
        state = srt_getsockstate(knock->socket);

        if (state < SRTS_BROKEN) {
            i++;
            continue;
        }

        ngx_stentor_srts_count(srts, NGX_STENTOR_INGEST_HANDSHAKE_FAILURES, 1);

        ngx_log_error(NGX_LOG_INFO, &srts->log, 0,
                      "srt caller %s failed the handshake: not the passphrase "
                      "of his stream", knock->address);

        *knock = srts->knocks[--srts->nknocks];
    }

    pthread_mutex_unlock(&srts->mutex);
}


static void
ngx_stentor_srt_port_accept(ngx_stentor_srts_t *srts, SRTSOCKET listener)
{
    int                 err, len;
    SRTSOCKET           sock;
    ngx_uint_t          i;
    ngx_sockaddr_t      sa;
    ngx_stentor_srt_t  *s;

    len = sizeof(ngx_sockaddr_t);
    sock = srt_accept(listener, &sa.sockaddr, &len);

    if (sock == SRT_INVALID_SOCK) {
        return;
    }

    ngx_stentor_srt_port_forget(srts, sock);

    for (i = 0; srts->ports[i].socket != listener; i++) { /* void */ }

    s = ngx_stentor_srt_port_session(&srts->ports[i], sock);

    if (s == NULL) {
        (void) srt_close(sock);
        return;
    }

    ngx_stentor_srt_port_address(s->source.address, &sa.sockaddr);
    ngx_stentor_srt_port_encoder(s);

    err = pthread_create(&s->thread, NULL, ngx_stentor_srt_session_run, s);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &srts->log, err, "pthread_create() failed");
        (void) srt_close(sock);
        ngx_stentor_srt_free(s);
        return;
    }

    pthread_mutex_lock(&srts->mutex);
    srts->n++;
    ngx_queue_insert_tail(&srts->arrived, &s->queue);
    pthread_mutex_unlock(&srts->mutex);

    ngx_stentor_srts_wake(srts);
}


static ngx_stentor_srt_t *
ngx_stentor_srt_port_session(ngx_stentor_srt_port_t *port, SRTSOCKET sock)
{
    ngx_stentor_srt_t  *s;
    pthread_condattr_t  attr;

    s = ngx_calloc(sizeof(ngx_stentor_srt_t), &port->srts->log);
    if (s == NULL) {
        return NULL;
    }

    pthread_mutex_init(&s->mutex, NULL);

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->cond, &attr);
    pthread_condattr_destroy(&attr);

    s->srts = port->srts;
    s->conf = port->conf;
    s->log = port->srts->log;
    s->socket = sock;
    s->counter = NGX_STENTOR_COUNTERS;
    s->source.protocol = "srt";

    if (stn_fifo_init(&s->units, NGX_STENTOR_SRT_QUEUE) != STN_OK
        || ngx_stentor_srt_port_set(sock, SRTO_RCVSYN, 1) == SRT_ERROR
        || ngx_stentor_srt_port_set(sock, SRTO_RCVTIMEO,
                                    NGX_STENTOR_SRT_TICK_MS) == SRT_ERROR
        || ngx_stentor_srt_port_identify(s) != NGX_OK)
    {
        ngx_stentor_srt_free(s);
        return NULL;
    }

    return s;
}


/* Reads his stream id again: it was good when he knocked. */

static ngx_int_t
ngx_stentor_srt_port_identify(ngx_stentor_srt_t *s)
{
    int        len;
    char       streamid[STN_STREAM_ID_MAX + 1];
    ngx_str_t  name;

    len = sizeof(streamid);

    if (srt_getsockflag(s->socket, SRTO_STREAMID, streamid, &len) == SRT_ERROR
        || stn_stream_id_read(&s->id, streamid, (size_t) len) != STN_OK)
    {
        return NGX_ERROR;
    }

    s->source.app = ngx_stentor_srt_stream(s->srts->scf, s->conf, &s->id,
                                           &name);

    if (s->source.app == NULL || name.len > sizeof(s->name)) {
        return NGX_ERROR;
    }

    s->source.name.data = s->name;
    s->source.name.len = name.len;
    ngx_memcpy(s->name, name.data, name.len);

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


static void
ngx_stentor_srt_port_address(char *text, const struct sockaddr *sa)
{
    size_t     len;
    socklen_t  socklen;

    socklen = (sa->sa_family == AF_INET6) ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);

    len = ngx_sock_ntop((struct sockaddr *) sa, socklen, (u_char *) text,
                        NGX_STENTOR_ADDRESS_MAX - 1, 0);
    text[len] = '\0';
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
