/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Admission: who may begin to listen (see ngx_http_stentor_audience.h).
 *
 *     room                     let in
 *     over a soft limit        let in, to playlists without parts
 *     over a hard limit        to another node, or 503 and when to come again
 *
 * Who listens, or has listened a moment ago, passes whatever the limits say,
 * but for those of another application that he goes over to.
 * So does, for some time, who looks like one who does: players ask by several
 * connections.  Where one that looks so may well be another, at the multi-
 * variant playlist, only as many pass as have lost a connection.
 */

#include "ngx_http_stentor_audience.h"
#include "ngx_http_stentor_steering.h"
#include "store/ngx_stentor_crowd.h"
#include "store/ngx_stentor_known.h"


/* For so long who was let in needs not ask again. */
#define NGX_HTTP_STENTOR_LET_IN_MS  (STN_KNOWN_S * 1000)

/* Seconds after which who was refused may come again, and over which they are
 * spread, so that not all do at once. */
#define NGX_HTTP_STENTOR_RETRY       5
#define NGX_HTTP_STENTOR_RETRY_OVER  11


static ngx_uint_t ngx_http_stentor_admit_is_in(ngx_http_stentor_member_t *m);
static ngx_uint_t ngx_http_stentor_admit_looks_so(
    ngx_http_stentor_member_t *m, ngx_http_stentor_target_t *t);
static ngx_stentor_level_e ngx_http_stentor_admit_level(
    ngx_http_stentor_member_t *m, ngx_stentor_app_t *app);
static void ngx_http_stentor_admit_shed(ngx_http_stentor_member_t *m,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_admit_send_away(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_admit_refuse(ngx_http_request_t *r,
    ngx_http_stentor_member_t *m);


ngx_int_t
ngx_http_stentor_admit(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t)
{
    ngx_uint_t                      in;
    ngx_stentor_app_t              *app;
    ngx_stentor_level_e             level;
    ngx_http_stentor_member_t      *m;
    ngx_http_stentor_hls_worker_t  *w;

    if (t->ask.kind != STN_TARGET_INDEX && t->ask.has_msn) {
        return NGX_DECLINED;
    }

    w = ngx_http_stentor_hls_worker();
    m = ngx_http_stentor_audience_member(r);

    if (m == NULL || rd->ended) {
        return NGX_DECLINED;
    }

    app = ngx_stentor_crowd_app(w->scf->worker.crowd, rd->stream->index);
    in = ngx_http_stentor_admit_is_in(m);

    if (in && app == ngx_stentor_crowd_app(w->scf->worker.crowd, m->index)) {

        if (m->member.state >= STN_MEMBER_LISTENING) {
            m->shed = 0;
        }

        ngx_http_stentor_admit_shed(m, t);
        return NGX_DECLINED;
    }

    m->shed = 0;

    if (!in && ngx_http_stentor_admit_looks_so(m, t)) {
        ngx_http_stentor_audience_pass(m, rd->stream->index);
        return NGX_DECLINED;
    }

    /* the node has him already who goes from one application to another */

    level = in ? ngx_stentor_crowd_look_app(w->scf->worker.crowd, app)
               : ngx_http_stentor_admit_level(m, app);

    if (level == NGX_STENTOR_FULL) {
        return ngx_http_stentor_admit_send_away(r, rd, t);
    }

    ngx_http_stentor_audience_let_in(m, rd->stream->index);

    if (level == NGX_STENTOR_CROWDED && t->ask.kind == STN_TARGET_INDEX
        && !t->ask.classic)
    {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_DOWNGRADED);
        m->shed = 1;
        ngx_http_stentor_admit_shed(m, t);
    }

    return NGX_DECLINED;
}


/* Whether he listens, or has been let in a moment ago. */

static ngx_uint_t
ngx_http_stentor_admit_is_in(ngx_http_stentor_member_t *m)
{
    return m->member.state >= STN_MEMBER_LISTENING
           || (m->let_in_ms && (int64_t) ngx_current_msec - m->let_in_ms
                               < NGX_HTTP_STENTOR_LET_IN_MS);
}


/* Whether he looks like one who does or has, and asks for what players take
 * by another connection. */

static ngx_uint_t
ngx_http_stentor_admit_looks_so(ngx_http_stentor_member_t *m,
    ngx_http_stentor_target_t *t)
{
    return t->ask.kind == STN_TARGET_PLAYLIST
           && ngx_stentor_known_age(ngx_http_stentor_hls_worker()->scf->store,
                                    m->player)
              < STN_KNOWN_S;
}


/* How full it is for who joins: not at all for one who comes back. */

static ngx_stentor_level_e
ngx_http_stentor_admit_level(ngx_http_stentor_member_t *m,
    ngx_stentor_app_t *app)
{
    ngx_stentor_level_e             level;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    level = ngx_stentor_crowd_look(w->scf->worker.crowd, app);

    if (level != NGX_STENTOR_ROOMY
        && ngx_stentor_known_back(w->scf->store, m->player))
    {
        m->back = 1;
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_RETURNS);
        return NGX_STENTOR_ROOMY;
    }

    return level;
}


/* Who was given playlists without parts gets them again if it asks again; no
 * other client is to be given what was meant for this one. */

static void
ngx_http_stentor_admit_shed(ngx_http_stentor_member_t *m,
    ngx_http_stentor_target_t *t)
{
    if (m->shed && t->ask.kind == STN_TARGET_INDEX) {
        t->ask.classic = 1;
        t->shed = 1;
    }
}


/* To another node, if one can take him. */

static ngx_int_t
ngx_http_stentor_admit_send_away(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t)
{
    ngx_int_t                       rc;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    rc = ngx_http_stentor_steering_away(r, rd, t);

    if (rc == NGX_DECLINED) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_REFUSED);
        return ngx_http_stentor_admit_refuse(r,
                                        ngx_http_stentor_audience_member(r));
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_STEERED);

    return rc;
}


static ngx_int_t
ngx_http_stentor_admit_refuse(ngx_http_request_t *r,
    ngx_http_stentor_member_t *m)
{
    u_char           *p;
    ngx_uint_t        seconds;
    ngx_table_elt_t  *h;

    /* a header that is in the list has to be whole, whatever is sent */

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    h = p ? ngx_list_push(&r->headers_out.headers) : NULL;

    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* behind one address there may be many who look the same */

    seconds = (m->player + r->connection->number)
              % NGX_HTTP_STENTOR_RETRY_OVER + NGX_HTTP_STENTOR_RETRY;

    h->hash = 1;
    ngx_str_set(&h->key, "Retry-After");
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "%ui", seconds) - p;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return ngx_http_stentor_hls_error(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "no room for more listeners");
}
