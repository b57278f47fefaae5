/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who may come in by SRT (see ngx_stentor_srt.h): asked by a thread of libsrt's
 * in the middle of a handshake, whose refusal is the one word that SRT has for
 * it.  All that needs no waiting is judged here; the door does the rest.
 */

#include "ngx_stentor_srt_session.h"
#include "store/ngx_stentor_admission.h"

#include <srt/access_control.h>


/* The least version of a handshake.  Those before have no stream id, and with
 * them libsrt does not insist on the passphrase. */
#define NGX_STENTOR_SRT_HANDSHAKE  5


/* Somebody who knocks. */

typedef struct {
    ngx_stentor_srt_port_t  *port;
    SRTSOCKET                socket;
    uint32_t                 from;     /* ngx_stentor_admission_key() */
    ngx_uint_t               secret;   /* boolean: a passphrase is set */
    ngx_stentor_app_t       *app;
    stn_stream_id_t          id;
    const char              *reason;   /* why he is refused */
} ngx_stentor_srt_visit_t;


static int ngx_stentor_srt_knock_judge(ngx_stentor_srt_visit_t *v,
    const char *streamid);
static int ngx_stentor_srt_knock_key(ngx_stentor_srt_visit_t *v,
    ngx_str_t *name);
static int ngx_stentor_srt_knock_room(ngx_stentor_srt_visit_t *v);
static int ngx_stentor_srt_knock_again(ngx_stentor_srt_visit_t *v,
    const char *streamid);
static int ngx_stentor_srt_knock_refuse(ngx_stentor_srt_visit_t *v,
    ngx_stentor_counter_e counter, int code, const char *reason);
static ngx_uint_t ngx_stentor_srt_knock_remember(ngx_stentor_srt_visit_t *v,
    const char *address, const char *streamid);
static SRT_SOCKSTATUS ngx_stentor_srt_knock_next(ngx_stentor_srts_t *srts,
    ngx_stentor_srt_knock_t *knock);
static void ngx_stentor_srt_knock_failed(ngx_stentor_srts_t *srts,
    ngx_stentor_srt_knock_t *knock);


/* On a thread of libsrt's that all of the port's traffic goes through: it
 * must not wait for anything. */

int
ngx_stentor_srt_knock(void *data, SRTSOCKET sock, int version,
    const struct sockaddr *peer, const char *streamid)
{
    ngx_stentor_srt_port_t *port = data;

    int                      code;
    char                     address[NGX_STENTOR_ADDRESS_MAX];
    ngx_stentor_srt_visit_t  v;

    ngx_stentor_srts_count(port->srts, NGX_STENTOR_INGEST_CONNECTIONS, 1);
    ngx_stentor_srt_address(address, peer);

    v.port = port;
    v.socket = sock;
    v.from = ngx_stentor_admission_key(port->srts->scf->store, peer);

    code = (version < NGX_STENTOR_SRT_HANDSHAKE)
           ? ngx_stentor_srt_knock_refuse(&v,
                                        NGX_STENTOR_INGEST_HANDSHAKE_FAILURES,
                                        SRT_REJX_BAD_REQUEST,
                                        "its libsrt is older than 1.3")
           : ngx_stentor_srt_knock_judge(&v, streamid);

    if (code == 0 && !ngx_stentor_srt_knock_remember(&v, address, streamid)) {
        code = ngx_stentor_srt_knock_refuse(&v, NGX_STENTOR_INGEST_REFUSED_FULL,
                                           SRT_REJX_OVERLOAD,
                                           "too many callers at once");
    }

    if (code == 0) {
        return 0;
    }

    ngx_log_error(NGX_LOG_INFO, &port->srts->log, 0,
                  "srt caller %s is refused with code %d: %s", address, code,
                  v.reason);

    (void) srt_setrejectreason(sock, code);

    return -1;
}


/* Returns 0, or a reject code (access_control.h of libsrt) with the reason. */

static int
ngx_stentor_srt_knock_judge(ngx_stentor_srt_visit_t *v, const char *streamid)
{
    int        code;
    ngx_str_t  name;

    if (stn_stream_id_read(&v->id, streamid, strlen(streamid)) != STN_OK) {
        return ngx_stentor_srt_knock_refuse(v, NGX_STENTOR_INGEST_REFUSED_NAME,
                                           SRT_REJX_BAD_REQUEST,
                                           v->id.reason);
    }

    if (v->id.mode == STN_STREAM_ID_REQUEST) {
        return ngx_stentor_srt_knock_refuse(v, NGX_STENTOR_INGEST_REFUSED_PLAY,
                                           SRT_REJX_BAD_MODE,
                                           "listeners use hls");
    }

    v->app = ngx_stentor_srt_stream(v->port->srts->scf, v->port->conf, &v->id,
                                    &name);

    if (v->app == NULL) {
        return ngx_stentor_srt_knock_refuse(v,
                                       NGX_STENTOR_INGEST_REFUSED_APPLICATION,
                                       SRT_REJX_NOTFOUND,
                                       v->id.path.len
                                       ? "no such application"
                                       : "the stream id is empty");
    }

    if (ngx_stentor_name_check(&name) != NGX_OK) {
        return ngx_stentor_srt_knock_refuse(v, NGX_STENTOR_INGEST_REFUSED_NAME,
                                           SRT_REJX_BAD_REQUEST,
                                           "a stream name is letters, digits, "
                                           "dot, underscore and dash");
    }

    code = ngx_stentor_srt_knock_key(v, &name);

    if (code == 0) {
        code = ngx_stentor_srt_knock_room(v);
    }

    return code ? code : ngx_stentor_srt_knock_again(v, streamid);
}


/* Sets the passphrase of his stream, which libsrt then asks for. */

static int
ngx_stentor_srt_knock_key(ngx_stentor_srt_visit_t *v, ngx_str_t *name)
{
    int                    kind;
    stn_str_t              passphrase;
    ngx_stentor_access_t   a;

    ngx_memzero(&a, sizeof(ngx_stentor_access_t));

    a.scf = v->port->srts->scf;
    a.app = v->app;
    a.name = name;
    a.params = &v->id.params;
    a.address = v->from;

    kind = ngx_stentor_access_passphrase(v->app, name, &passphrase);
    v->secret = (kind != STN_KEYS_NONE || v->port->conf->passphrase.len);
    a.encrypted = (kind == STN_KEYS_OWN
                   || (v->app->keys == NULL && v->port->conf->passphrase.len));

    if (kind != STN_KEYS_NONE
        && srt_setsockflag(v->socket, SRTO_PASSPHRASE, passphrase.data,
                           (int) passphrase.len)
           == SRT_ERROR)
    {
        return ngx_stentor_srt_knock_refuse(v, NGX_STENTOR_INGEST_REFUSED_KEY,
                                           SRT_REJX_ISE,
                                           "the stream's passphrase cannot be "
                                           "set");
    }

    if (ngx_stentor_access_check(&a) == NGX_OK) {
        return 0;
    }

    return ngx_stentor_srt_knock_refuse(v, a.counter,
                                       a.counter
                                       == NGX_STENTOR_INGEST_REFUSED_ATTEMPTS
                                       ? SRT_REJX_OVERLOAD
                                       : a.verdict == STN_ACCESS_NOT_HIS
                                         ? SRT_REJX_FORBIDDEN
                                         : SRT_REJX_UNAUTHORIZED, a.reason);
}


static int
ngx_stentor_srt_knock_room(ngx_stentor_srt_visit_t *v)
{
    ngx_int_t            rc;
    ngx_stentor_conf_t  *scf;

    scf = v->port->srts->scf;

    rc = ngx_stentor_admission_room(scf->store, v->from, scf->sessions,
                                    scf->per_address);
    if (rc == NGX_OK) {
        return 0;
    }

    return ngx_stentor_srt_knock_refuse(v, NGX_STENTOR_INGEST_REFUSED_SESSIONS,
                                       SRT_REJX_OVERLOAD,
                                       ngx_stentor_door_full(rc));
}


/* Whom the door has refused a moment ago, he learns why, and the webhook is
 * not asked again. */

static int
ngx_stentor_srt_knock_again(ngx_stentor_srt_visit_t *v, const char *streamid)
{
    int                         code;
    int64_t                     now;
    uint32_t                    id;
    ngx_uint_t                  i;
    ngx_stentor_srts_t         *srts;
    ngx_stentor_counter_e       counter;
    ngx_stentor_srt_refusal_t  *r;

    counter = NGX_STENTOR_COUNTERS;
    srts = v->port->srts;
    id = ngx_murmur_hash2((u_char *) streamid, strlen(streamid));
    now = ngx_stentor_store_now();
    code = 0;

    pthread_mutex_lock(&srts->mutex);

    for (i = 0; i < NGX_STENTOR_SRT_REFUSALS; i++) {
        r = &srts->refusals[i];

        if (r->from == v->from && r->id == id && r->until_ms > now) {
            code = r->code;
            counter = r->counter;
        }
    }

    pthread_mutex_unlock(&srts->mutex);

    return code ? ngx_stentor_srt_knock_refuse(v, counter, code,
                                               "it was refused a moment ago")
                : 0;
}


static int
ngx_stentor_srt_knock_refuse(ngx_stentor_srt_visit_t *v,
    ngx_stentor_counter_e counter, int code, const char *reason)
{
    ngx_stentor_srts_count(v->port->srts, counter, 1);

    v->reason = reason;

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

static ngx_uint_t
ngx_stentor_srt_knock_remember(ngx_stentor_srt_visit_t *v,
    const char *address, const char *streamid)
{
    ngx_uint_t                room;
    ngx_stentor_srts_t       *srts;
    ngx_stentor_srt_knock_t  *knock;

    srts = v->port->srts;

    pthread_mutex_lock(&srts->mutex);

    room = (srts->nknocks < NGX_STENTOR_SRT_KNOCKS);

    if (room) {
        knock = &srts->knocks[srts->nknocks++];
        knock->socket = v->socket;
        knock->from = v->from;
        knock->secret = v->secret;
        ngx_cpystrn((u_char *) knock->address, (u_char *) address,
                    sizeof(knock->address));
        ngx_cpystrn((u_char *) knock->streamid, (u_char *) streamid,
                    sizeof(knock->streamid));
    }

    pthread_mutex_unlock(&srts->mutex);

    return room;
}


/* He has been accepted. */

ngx_int_t
ngx_stentor_srt_knock_over(ngx_stentor_srts_t *srts, SRTSOCKET sock,
    char *streamid)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_stentor_srt_knock_t  *knock;

    rc = NGX_DECLINED;

    pthread_mutex_lock(&srts->mutex);

    for (i = 0; i < srts->nknocks; i++) {
        knock = &srts->knocks[i];

        if (knock->socket == sock) {
            ngx_memcpy(streamid, knock->streamid, sizeof(knock->streamid));
            *knock = srts->knocks[--srts->nknocks];
            rc = NGX_OK;
            break;
        }
    }

    pthread_mutex_unlock(&srts->mutex);

    return rc;
}


/* Who was let in, and then did not get through his handshake: he has another
 * passphrase, or none, or encrypts where there is none.  Who got through and
 * hung up before he was accepted, leaves a broken socket, for a while; libsrt
 * closes those that it refuses.  Nothing is logged under the mutex: libsrt's
 * thread waits for it, and all of a port's packets for that. */

void
ngx_stentor_srt_knocks_look(ngx_stentor_srts_t *srts)
{
    SRT_SOCKSTATUS           state;
    ngx_stentor_srt_knock_t  knock;

    while ((state = ngx_stentor_srt_knock_next(srts, &knock)) != SRTS_INIT) {
        if (state != SRTS_BROKEN) {
            ngx_stentor_srt_knock_failed(srts, &knock);
        }
    }
}


/* Takes one who has come to an end out of those that knocked.  Returns how, or
 * SRTS_INIT when there is none. */

static SRT_SOCKSTATUS
ngx_stentor_srt_knock_next(ngx_stentor_srts_t *srts,
    ngx_stentor_srt_knock_t *knock)
{
    ngx_uint_t      i;
    SRT_SOCKSTATUS  state, found;

    found = SRTS_INIT;

    pthread_mutex_lock(&srts->mutex);

    for (i = 0; i < srts->nknocks && found == SRTS_INIT; i++) {
        state = srt_getsockstate(srts->knocks[i].socket);

        if (state >= SRTS_BROKEN) {
            found = state;
            *knock = srts->knocks[i];
            srts->knocks[i] = srts->knocks[--srts->nknocks];
        }
    }

    pthread_mutex_unlock(&srts->mutex);

    return found;
}


static void
ngx_stentor_srt_knock_failed(ngx_stentor_srts_t *srts,
    ngx_stentor_srt_knock_t *knock)
{
    ngx_stentor_srts_count(srts, NGX_STENTOR_INGEST_HANDSHAKE_FAILURES, 1);

    if (knock->secret) {
        ngx_stentor_admission_fail(srts->scf->store, knock->from);
    }

    ngx_log_error(NGX_LOG_INFO, &srts->log, 0,
                  "srt caller %s failed the handshake: %s", knock->address,
                  knock->secret ? "not the passphrase of his stream"
                                : "he encrypts, or hung up at once");
}


void
ngx_stentor_srt_address(char *text, const struct sockaddr *sa)
{
    size_t     len;
    socklen_t  socklen;

    socklen = (sa->sa_family == AF_INET6) ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);

    len = ngx_sock_ntop((struct sockaddr *) sa, socklen, (u_char *) text,
                        NGX_STENTOR_ADDRESS_MAX - 1, 0);
    text[len] = '\0';
}
