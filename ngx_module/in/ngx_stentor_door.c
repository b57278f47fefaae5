/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The checks of the door (see ngx_stentor_door.h).  What a broadcaster brings
 * may be a secret, the name too (a webhook can make another of it): nothing of
 * it is logged before he is let in, and neither is a webhook's reason, which
 * may repeat it.
 */

#include "ngx_stentor_door.h"
#include "ngx_stentor_live.h"
#include "store/ngx_stentor_admission.h"


/* Bits that may be sent at once: those of so many milliseconds.  It is full
 * when he comes, and again after a stall of that length, the audio of which
 * then comes in one burst. */
#define NGX_STENTOR_DOOR_BURST_MS  10000


static ngx_int_t ngx_stentor_door_run(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_check_name(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_check_query(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_track(ngx_stentor_door_t *door,
    const stn_str_t *track);
static ngx_int_t ngx_stentor_door_check_key(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_check_room(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_check_webhook(ngx_stentor_door_t *door);
static void ngx_stentor_door_answered(void *data,
    const stn_answer_t *answer);
static ngx_int_t ngx_stentor_door_judge(ngx_stentor_door_t *door,
    const stn_answer_t *answer);
static ngx_int_t ngx_stentor_door_allowed(ngx_stentor_door_t *door,
    const stn_answer_t *answer);
static ngx_int_t ngx_stentor_door_denied(ngx_stentor_door_t *door,
    const stn_answer_t *answer);
static ngx_int_t ngx_stentor_door_failed(ngx_stentor_door_t *door,
    const char *reason);
static ngx_int_t ngx_stentor_door_check_taken(ngx_stentor_door_t *door);
static ngx_int_t ngx_stentor_door_name(ngx_stentor_door_t *door,
    const u_char *data, size_t len);
static ngx_int_t ngx_stentor_door_refuse(ngx_stentor_door_t *door,
    ngx_stentor_door_refusal_e refusal, ngx_stentor_counter_e counter,
    const char *reason);
static ngx_int_t ngx_stentor_door_decline(ngx_stentor_door_t *door,
    ngx_stentor_door_refusal_e refusal, ngx_stentor_counter_e counter,
    const char *reason);
static void ngx_stentor_door_count(ngx_stentor_door_t *door,
    ngx_stentor_counter_e counter);


/* In this order.  Each returns NGX_OK: go on with the next; NGX_DECLINED: he
 * is refused; NGX_AGAIN: go on when it is answered. */

static const struct {
    ngx_int_t  (*check)(ngx_stentor_door_t *door);
} ngx_stentor_door_checks[] = {
    { ngx_stentor_door_check_name },
    { ngx_stentor_door_check_query },
    { ngx_stentor_door_check_key },
    { ngx_stentor_door_check_room },
    { ngx_stentor_door_check_webhook },
    { ngx_stentor_door_check_taken }
};


ngx_int_t
ngx_stentor_door_enter(ngx_stentor_door_t *door)
{
    door->step = 0;
    door->track = 0;
    door->yields = 0;
    door->max_bitrate = door->app->ingest_max_bitrate;

    return ngx_stentor_door_run(door);
}


static ngx_int_t
ngx_stentor_door_run(ngx_stentor_door_t *door)
{
    ngx_int_t  rc;

    while (door->step < stn_nelems(ngx_stentor_door_checks)) {

        rc = ngx_stentor_door_checks[door->step++].check(door);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    door->metered = ngx_current_msec;
    door->room = (int64_t) door->max_bitrate
                 * (NGX_STENTOR_DOOR_BURST_MS / 1000);

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_door_check_name(ngx_stentor_door_t *door)
{
    if (ngx_stentor_name_check(&door->request) == NGX_OK
        && ngx_stentor_door_name(door, door->request.data, door->request.len)
           == NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_BAD_NAME,
                                   NGX_STENTOR_INGEST_REFUSED_NAME,
                                   "a stream name is letters, digits, dot, "
                                   "underscore and dash");
}


/* What comes with the name counts more than what came with connect. */

static ngx_int_t
ngx_stentor_door_check_query(ngx_stentor_door_t *door)
{
    stn_str_t   query, app, rest, name, value;
    ngx_uint_t  n;

    if (door->brought) {
        return ngx_stentor_door_track(door, &door->brought->track);
    }

    query = ngx_stentor_access_str(&door->query);
    app = ngx_stentor_access_str(&door->app_query);
    rest = query;

    for (n = 0; stn_params_pair(&rest, &name, &value); n++) {
        /* void */
    }

    stn_params_init(&door->read);

    if (door->query.len > NGX_STENTOR_DOOR_QUERY_MAX
        || n > NGX_STENTOR_DOOR_PARAMS_MAX
        || stn_params_read(&door->read, &query) != STN_OK
        || stn_params_read(&door->read, &app) != STN_OK)
    {
        return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_BAD_NAME,
                                       NGX_STENTOR_INGEST_REFUSED_NAME,
                                       "too much comes with the stream name");
    }

    return ngx_stentor_door_track(door, &door->read.track);
}


static ngx_int_t
ngx_stentor_door_track(ngx_stentor_door_t *door, const stn_str_t *track)
{
    ngx_int_t  n;

    if (track->len == 0) {
        return NGX_OK;
    }

    n = ngx_atoi((u_char *) track->data, track->len);

    if (n == NGX_ERROR || n > STN_ANSWER_TRACK_MAX) {
        return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_BAD_NAME,
                                       NGX_STENTOR_INGEST_REFUSED_NAME,
                                       "a track is a number from 0 to 255");
    }

    door->track = (ngx_uint_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_door_check_key(ngx_stentor_door_t *door)
{
    ngx_stentor_access_t  a;

    if (door->cleared) {
        return NGX_OK;
    }

    ngx_memzero(&a, sizeof(ngx_stentor_access_t));

    a.scf = door->scf;
    a.app = door->app;
    a.name = &door->name;
    a.params = door->brought ? door->brought : &door->read;
    a.user = door->user;
    a.address = door->from;

    if (ngx_stentor_access_check(&a) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_DENIED, a.counter,
                                   a.reason);
}


static ngx_int_t
ngx_stentor_door_check_room(ngx_stentor_door_t *door)
{
    ngx_int_t  rc;

    rc = ngx_stentor_admission_enter(door->scf->store, door->from,
                                     door->scf->sessions,
                                     door->scf->per_address, &door->place);

    if (rc == NGX_OK) {
        door->entered = 1;
        return NGX_OK;
    }

    return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_LIMIT,
                                   NGX_STENTOR_INGEST_REFUSED_SESSIONS,
                                   ngx_stentor_door_full(rc));
}


const char *
ngx_stentor_door_full(ngx_int_t rc)
{
    return rc == NGX_BUSY ? "the node has as many broadcasters as it may"
                          : "this address has as many sessions as it may";
}


static ngx_int_t
ngx_stentor_door_check_webhook(ngx_stentor_door_t *door)
{
    char                    *question;
    ngx_stentor_ask_conf_t  *conf;

    conf = &door->app->on_publish;

    if (conf->url.len == 0) {
        return NGX_OK;
    }

    question = ngx_stentor_door_question(door);

    if (question) {
        door->ask = ngx_stentor_ask(door->scf->worker.asks, conf, question,
                                    ngx_stentor_door_answered, door);
    }

    if (door->ask == NULL) {
        return ngx_stentor_door_failed(door, "too many questions, or out of "
                                             "memory or threads");
    }

    return NGX_AGAIN;
}


static void
ngx_stentor_door_answered(void *data, const stn_answer_t *answer)
{
    ngx_stentor_door_t *door = data;

    ngx_int_t  rc;

    door->ask = NULL;

    rc = ngx_stentor_door_judge(door, answer);

    if (rc == NGX_OK) {
        rc = ngx_stentor_door_run(door);
    }

    if (rc != NGX_AGAIN) {
        door->handler(door->data, rc);
    }
}


static ngx_int_t
ngx_stentor_door_judge(ngx_stentor_door_t *door,
    const stn_answer_t *answer)
{
    switch (answer->verdict) {

    case STN_ANSWER_ALLOW:
        return ngx_stentor_door_allowed(door, answer);

    case STN_ANSWER_DENY:
        return ngx_stentor_door_denied(door, answer);

    default: /* STN_ANSWER_FAILED */
        return ngx_stentor_door_failed(door, answer->reason);
    }
}


static ngx_int_t
ngx_stentor_door_allowed(ngx_stentor_door_t *door,
    const stn_answer_t *answer)
{
    if (answer->name_len
        && ngx_stentor_door_name(door, answer->name, answer->name_len)
           != NGX_OK)
    {
        return ngx_stentor_door_failed(door, "\"name\" in the answer is too "
                                             "long");
    }

    if (answer->track >= 0) {
        door->track = (ngx_uint_t) answer->track;
    }

    if (answer->max_bitrate >= 0) {
        door->max_bitrate = (size_t) answer->max_bitrate;
    }

    door->yields = answer->yields;

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_door_denied(ngx_stentor_door_t *door,
    const stn_answer_t *answer)
{
    ngx_log_error(NGX_LOG_INFO, door->log, 0,
                  "broadcaster is refused: %V says so, status %l",
                  &door->app->on_publish.label, answer->status);

    return ngx_stentor_door_decline(door, NGX_STENTOR_DOOR_DENIED,
                                    NGX_STENTOR_INGEST_REFUSED_WEBHOOK,
                                    answer->reason[0] ? answer->reason
                                                  : "publishing is denied");
}


/* There is no answer: what the operator wants then. */

static ngx_int_t
ngx_stentor_door_failed(ngx_stentor_door_t *door, const char *reason)
{
    ngx_stentor_ask_conf_t  *conf;

    conf = &door->app->on_publish;

    ngx_stentor_door_count(door, NGX_STENTOR_INGEST_WEBHOOK_FAILURES);

    ngx_log_error(NGX_LOG_ERR, door->log, 0,
                  "%V has not said whether to let in a broadcaster, who is "
                  "%s: %s", &conf->label, conf->open ? "let in" : "refused",
                  reason);

    if (conf->open) {
        return NGX_OK;
    }

    return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_FAILED,
                                   NGX_STENTOR_INGEST_REFUSED_WEBHOOK,
                                   "whether this may be published cannot be "
                                   "found out now");
}


/* When his audio comes it is looked at again: this is to tell him early. */

static ngx_int_t
ngx_stentor_door_check_taken(ngx_stentor_door_t *door)
{
    if (door->yields
        && ngx_stentor_live_taken_by(door->scf->worker.lives, door->app,
                                     &door->name))
    {
        return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_TAKEN,
                                       NGX_STENTOR_INGEST_REFUSED_TAKEN,
                                       NGX_STENTOR_LIVE_IS_TAKEN);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_door_name(ngx_stentor_door_t *door, const u_char *data,
    size_t len)
{
    if (door->app->name.len + 1 + len > NGX_STENTOR_NAME_MAX) {
        return NGX_DECLINED;
    }

    ngx_memcpy(door->name_data, data, len);
    door->name.data = door->name_data;
    door->name.len = len;

    return NGX_OK;
}


void
ngx_stentor_door_leave(ngx_stentor_door_t *door)
{
    if (door->ask) {
        ngx_stentor_ask_cancel(door->ask);
        door->ask = NULL;
    }

    if (door->entered) {
        ngx_stentor_admission_leave(door->scf->store, door->place);
        door->entered = 0;
    }
}


ngx_int_t
ngx_stentor_door_meter(ngx_stentor_door_t *door, size_t n)
{
    char        reason[64];
    int64_t     rate;
    ngx_msec_t  passed;

    if (door->max_bitrate == 0) {
        return NGX_OK;
    }

    rate = (int64_t) door->max_bitrate;

    passed = ngx_min(ngx_current_msec - door->metered,
                     NGX_STENTOR_DOOR_BURST_MS);
    door->metered = ngx_current_msec;

    door->room = ngx_min(door->room + rate * (int64_t) passed / 1000,
                         rate * (NGX_STENTOR_DOOR_BURST_MS / 1000));
    door->room -= (int64_t) n * 8;

    if (door->room >= 0) {
        return NGX_OK;
    }

    ngx_snprintf((u_char *) reason, sizeof(reason),
                 "more than %L bit/s are not taken%Z", rate);

    return ngx_stentor_door_refuse(door, NGX_STENTOR_DOOR_LIMIT,
                                   NGX_STENTOR_INGEST_REFUSED_BITRATE, reason);
}


static ngx_int_t
ngx_stentor_door_refuse(ngx_stentor_door_t *door,
    ngx_stentor_door_refusal_e refusal, ngx_stentor_counter_e counter,
    const char *reason)
{
    ngx_log_error(NGX_LOG_INFO, door->log, 0,
                  "broadcaster is refused: %s", reason);

    return ngx_stentor_door_decline(door, refusal, counter, reason);
}


/* Counts it, and keeps what he is to be told; whoever calls has logged it. */

static ngx_int_t
ngx_stentor_door_decline(ngx_stentor_door_t *door,
    ngx_stentor_door_refusal_e refusal, ngx_stentor_counter_e counter,
    const char *reason)
{
    ngx_stentor_door_count(door, counter);

    door->refusal = refusal;
    door->counter = counter;
    ngx_cpystrn((u_char *) door->reason, (u_char *) reason,
                sizeof(door->reason));

    return NGX_DECLINED;
}


static void
ngx_stentor_door_count(ngx_stentor_door_t *door,
    ngx_stentor_counter_e counter)
{
    ngx_stentor_store_count(door->scf->store, door->scf->worker.wake->slot,
                            counter, 1);
}
