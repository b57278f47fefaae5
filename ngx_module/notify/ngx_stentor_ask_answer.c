/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a webhook's answer to a question means (see ngx_stentor_ask.h).  Text
 * goes in, of any content; out comes a verdict with all that goes with it
 * checked.  Runs in the thread that asks.
 */

#include "ngx_stentor_ask_thread.h"

#include <jansson.h>


/* A bit rate that nobody means is a mistake: 1 Tbit/s. */
#define NGX_STENTOR_ASK_BITRATE_MAX  1000000000000


static void ngx_stentor_ask_allow(ngx_stentor_ask_answer_t *answer,
    const char *text, size_t len);
static const char *ngx_stentor_ask_members(ngx_stentor_ask_answer_t *answer,
    json_t *root);
static ngx_int_t ngx_stentor_ask_name(ngx_stentor_ask_answer_t *answer,
    json_t *value);
static ngx_int_t ngx_stentor_ask_track(ngx_stentor_ask_answer_t *answer,
    json_t *value);
static ngx_int_t ngx_stentor_ask_bitrate(ngx_stentor_ask_answer_t *answer,
    json_t *value);
static ngx_int_t ngx_stentor_ask_takeover(ngx_stentor_ask_answer_t *answer,
    json_t *value);
static void ngx_stentor_ask_deny(ngx_stentor_ask_answer_t *answer,
    const char *text, size_t len);
static void ngx_stentor_ask_fail(ngx_stentor_ask_answer_t *answer,
    const char *reason);


/* Members that an answer may have; others are passed over. */

static const struct {
    const char  *name;
    const char  *reason;
    ngx_int_t  (*handler)(ngx_stentor_ask_answer_t *answer, json_t *value);
} ngx_stentor_ask_table[] = {
    { "name", "\"name\" in the answer is not a stream's",
      ngx_stentor_ask_name },
    { "track", "\"track\" in the answer is not a number from 0 to 255",
      ngx_stentor_ask_track },
    { "max_bitrate", "\"max_bitrate\" in the answer is not in bits a second",
      ngx_stentor_ask_bitrate },
    { "takeover", "\"takeover\" in the answer is not true or false",
      ngx_stentor_ask_takeover }
};


void
ngx_stentor_ask_read(ngx_stentor_ask_answer_t *answer, long status,
    const char *text, size_t len)
{
    answer->status = status;
    answer->track = -1;
    answer->max_bitrate = -1;

    if (status >= 200 && status < 300) {
        ngx_stentor_ask_allow(answer, text, len);

    } else if (status >= 400 && status < 500) {
        ngx_stentor_ask_deny(answer, text, len);

    } else {
        ngx_snprintf((u_char *) answer->reason, sizeof(answer->reason),
                     "status %l%Z", status);
    }
}


static void
ngx_stentor_ask_allow(ngx_stentor_ask_answer_t *answer, const char *text,
    size_t len)
{
    json_t      *root;
    const char  *reason;

    if (len == 0) {
        answer->verdict = NGX_STENTOR_ASK_ALLOW;
        return;
    }

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    reason = json_is_object(root) ? ngx_stentor_ask_members(answer, root)
                                  : "the answer is not a JSON object";
    json_decref(root);

    if (reason) {
        ngx_stentor_ask_fail(answer, reason);
        return;
    }

    answer->verdict = NGX_STENTOR_ASK_ALLOW;
}


/* Returns what is wrong with them, or NULL. */

static const char *
ngx_stentor_ask_members(ngx_stentor_ask_answer_t *answer, json_t *root)
{
    json_t      *value;
    ngx_uint_t   i;

    for (i = 0; i < stn_nelems(ngx_stentor_ask_table); i++) {
        value = json_object_get(root, ngx_stentor_ask_table[i].name);

        if (value
            && ngx_stentor_ask_table[i].handler(answer, value) != NGX_OK)
        {
            return ngx_stentor_ask_table[i].reason;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_stentor_ask_name(ngx_stentor_ask_answer_t *answer, json_t *value)
{
    ngx_str_t  name;

    name.data = (u_char *) json_string_value(value);
    name.len = json_string_length(value);

    if (name.data == NULL
        || name.len > NGX_STENTOR_NAME_MAX
        || ngx_stentor_name_check(&name) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(answer->name, name.data, name.len);
    answer->name_len = name.len;

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_ask_track(ngx_stentor_ask_answer_t *answer, json_t *value)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > NGX_STENTOR_ASK_TRACK_MAX) {
        return NGX_DECLINED;
    }

    answer->track = (ngx_int_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_ask_bitrate(ngx_stentor_ask_answer_t *answer, json_t *value)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > NGX_STENTOR_ASK_BITRATE_MAX) {
        return NGX_DECLINED;
    }

    answer->max_bitrate = (ngx_int_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_ask_takeover(ngx_stentor_ask_answer_t *answer, json_t *value)
{
    if (!json_is_boolean(value)) {
        return NGX_DECLINED;
    }

    answer->yields = json_is_false(value);

    return NGX_OK;
}


/* A reason is shown to people, by programs of all kinds. */

static void
ngx_stentor_ask_deny(ngx_stentor_ask_answer_t *answer, const char *text,
    size_t len)
{
    size_t       i, n;
    json_t      *root, *value;
    const char  *reason;

    answer->verdict = NGX_STENTOR_ASK_DENY;

    root = len ? json_loadb(text, len, 0, NULL) : NULL;
    value = json_object_get(root, "reason");
    reason = json_string_value(value);

    n = ngx_min(json_string_length(value), NGX_STENTOR_ASK_REASON_MAX);

    for (i = 0; reason && i < n; i++) {
        answer->reason[i] = (reason[i] < ' ' || reason[i] > '~') ? '?'
                                                                 : reason[i];
    }

    json_decref(root);
}


static void
ngx_stentor_ask_fail(ngx_stentor_ask_answer_t *answer, const char *reason)
{
    ngx_cpystrn((u_char *) answer->reason, (u_char *) reason,
                sizeof(answer->reason));
}
