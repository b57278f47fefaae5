/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The door that every broadcaster comes through, whatever he speaks: the
 * ingest says what he brought, a sequence of checks follows, one of which may
 * ask the operator's webhook, and it ends with his being let in under a name,
 * with options, or refused with a reason.  Counting and logging a refusal is
 * done here; telling him is the ingest's.
 *
 *     enter: name -> query -> key -> room -> webhook ... answer -> taken
 *                                             (asked)            -> let in
 *
 * Event loop only.  A door belongs to a session and lies in its memory; who
 * has entered must leave.
 */

#ifndef _NGX_STENTOR_DOOR_H_INCLUDED_
#define _NGX_STENTOR_DOOR_H_INCLUDED_


#include "ngx_stentor_access.h"
#include "notify/ngx_stentor_ask.h"


/* What may come behind a stream's name: bytes, and parameters. */
#define NGX_STENTOR_DOOR_QUERY_MAX   4096
#define NGX_STENTOR_DOOR_PARAMS_MAX  64


/* Kinds of refusals, for protocols that tell them apart. */

typedef enum {
    NGX_STENTOR_DOOR_BAD_NAME = 0, /* the name, or what came with it */
    NGX_STENTOR_DOOR_DENIED,       /* he may not */
    NGX_STENTOR_DOOR_TAKEN,        /* another session has the stream */
    NGX_STENTOR_DOOR_FAILED,       /* whether he may cannot be found out */
    NGX_STENTOR_DOOR_LIMIT         /* he sends too much */
} ngx_stentor_door_refusal_e;


/* Who waited is let in (NGX_OK) or refused (NGX_DECLINED). */
typedef void (*ngx_stentor_door_pt)(void *data, ngx_int_t rc);


typedef struct {

    /* what he brought: set by the ingest.  The strings of the request are
     * good until enter returns, the others as long as the session */

    ngx_stentor_conf_t          *scf;
    ngx_stentor_app_t           *app;
    ngx_str_t                    request;     /* the name as he gave it */
    ngx_str_t                    query;       /* "key=value&...", encoded */
    ngx_str_t                    app_query;   /* what came with connect, in
                                                 the same form */
    const stn_params_t          *brought;     /* NULL; or what was read, in
                                                 place of both */
    ngx_uint_t                   cleared;     /* boolean: his key has been
                                                 found good */
    stn_str_t                    user;        /* who has proved to be that;
                                                 empty: nobody */
    uint32_t                     from;        /* ngx_stentor_admission_key() */
    const char                  *protocol;
    const char                  *address;
    const char                  *encoder;
    ngx_log_t                   *log;
    ngx_stentor_door_pt          handler;
    void                        *data;

    /* what came out: he is let in */

    ngx_str_t                    name;        /* of the stream */
    ngx_uint_t                   track;       /* of several: which one */
    size_t                       max_bitrate; /* bit/s; 0: no limit */
    ngx_uint_t                   yields;      /* boolean: does not take the
                                                 stream from another */

    /* or refused */

    ngx_stentor_door_refusal_e   refusal;
    ngx_stentor_counter_e        counter;     /* what has counted it */
    char                         reason[STN_ANSWER_REASON_MAX + 1];

    /* the door's own */

    ngx_uint_t                   step;        /* check that comes next */
    ngx_uint_t                   entered;     /* boolean: he has a place */
    ngx_uint_t                   place;       /* among the node's sessions */
    stn_params_t                 read;        /* of both queries */
    ngx_stentor_ask_t           *ask;         /* NULL: none is open */
    ngx_msec_t                   metered;     /* when room was right */
    int64_t                      room;        /* bits he may send at once */
    u_char                       name_data[NGX_STENTOR_NAME_MAX];
} ngx_stentor_door_t;


/*
 * Makes all checks.  Returns NGX_OK: he is let in; NGX_DECLINED: he is
 * refused; NGX_AGAIN: handler will be called once, with one of the two,
 * unless he leaves before.
 */
ngx_int_t ngx_stentor_door_enter(ngx_stentor_door_t *door);

/* The session is over, in whatever state: a question is dropped.  May be
 * called again, or without enter. */
void ngx_stentor_door_leave(ngx_stentor_door_t *door);

/* He who was let in has sent n bytes, of whatever kind.  Returns NGX_OK, or
 * NGX_DECLINED, refused, when it was too much over the last seconds. */
ngx_int_t ngx_stentor_door_meter(ngx_stentor_door_t *door, size_t n);

/* Why ngx_stentor_admission_enter() has returned that: a static reason. */
const char *ngx_stentor_door_full(ngx_int_t rc);

/* What the webhook is asked, as JSON (see docs/directives.md), malloc()ed and
 * ended by a zero; NULL: out of memory. */
char *ngx_stentor_door_question(ngx_stentor_door_t *door);


#endif /* _NGX_STENTOR_DOOR_H_INCLUDED_ */
