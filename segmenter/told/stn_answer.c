/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A webhook's answer (see stn_answer.h).  JSON is jansson's; a reason is shown
 * to people, by programs of all kinds, and has to be fit for that.
 */

#include "told/stn_answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>


static void stn_answer_allow(stn_answer_t *a, const char *text, size_t len);
static const char *stn_answer_members(stn_answer_t *a, json_t *root);
static int stn_answer_name(stn_answer_t *a, json_t *value);
static int stn_answer_track(stn_answer_t *a, json_t *value);
static int stn_answer_bitrate(stn_answer_t *a, json_t *value);
static int stn_answer_takeover(stn_answer_t *a, json_t *value);
static void stn_answer_deny(stn_answer_t *a, const char *text, size_t len);


/* Members that an answer may have; others are passed over. */

static const struct {
    const char  *name;
    const char  *reason;
    int        (*handler)(stn_answer_t *a, json_t *value);
} stn_answer_table[] = {
    { "name", "\"name\" in the answer is not a stream's", stn_answer_name },
    { "track", "\"track\" in the answer is not a number from 0 to 255",
      stn_answer_track },
    { "max_bitrate", "\"max_bitrate\" in the answer is not in bits a second",
      stn_answer_bitrate },
    { "takeover", "\"takeover\" in the answer is not true or false",
      stn_answer_takeover }
};


void
stn_answer_read(stn_answer_t *a, long status, const char *text, size_t len)
{
    memset(a, 0, sizeof(*a));

    a->status = status;
    a->track = -1;
    a->max_bitrate = -1;

    if (status >= 200 && status < 300) {
        stn_answer_allow(a, text, len);

    } else if (status >= 400 && status < 500) {
        stn_answer_deny(a, text, len);

    } else {
        snprintf(a->reason, sizeof(a->reason), "status %ld", status);
    }
}


static void
stn_answer_allow(stn_answer_t *a, const char *text, size_t len)
{
    json_t      *root;
    const char  *reason;

    if (len == 0) {
        a->verdict = STN_ANSWER_ALLOW;
        return;
    }

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

    reason = json_is_object(root) ? stn_answer_members(a, root)
                                  : "the answer is not a JSON object";
    json_decref(root);

    if (reason) {
        snprintf(a->reason, sizeof(a->reason), "%s", reason);
        return;
    }

    a->verdict = STN_ANSWER_ALLOW;
}


/* Returns what is wrong with them, or NULL. */

static const char *
stn_answer_members(stn_answer_t *a, json_t *root)
{
    size_t   i;
    json_t  *value;

    for (i = 0; i < stn_nelems(stn_answer_table); i++) {
        value = json_object_get(root, stn_answer_table[i].name);

        if (value && stn_answer_table[i].handler(a, value) != STN_OK) {
            return stn_answer_table[i].reason;
        }
    }

    return NULL;
}


static int
stn_answer_name(stn_answer_t *a, json_t *value)
{
    stn_str_t  name;

    name.data = json_string_value(value);
    name.len = json_string_length(value);

    if (name.data == NULL || name.len > STN_NAME_MAX
        || !stn_name_is_fit(&name))
    {
        return STN_ERROR;
    }

    memcpy(a->name, name.data, name.len);
    a->name_len = name.len;

    return STN_OK;
}


static int
stn_answer_track(stn_answer_t *a, json_t *value)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > STN_ANSWER_TRACK_MAX) {
        return STN_ERROR;
    }

    a->track = (int) n;

    return STN_OK;
}


static int
stn_answer_bitrate(stn_answer_t *a, json_t *value)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || n > STN_ANSWER_BITRATE_MAX) {
        return STN_ERROR;
    }

    a->max_bitrate = n;

    return STN_OK;
}


static int
stn_answer_takeover(stn_answer_t *a, json_t *value)
{
    if (!json_is_boolean(value)) {
        return STN_ERROR;
    }

    a->yields = json_is_false(value);

    return STN_OK;
}


static void
stn_answer_deny(stn_answer_t *a, const char *text, size_t len)
{
    size_t       i, n;
    json_t      *root, *value;
    const char  *reason;

    a->verdict = STN_ANSWER_DENY;

    root = len ? json_loadb(text, len, 0, NULL) : NULL;
    value = json_object_get(root, "reason");
    reason = json_string_value(value);

    n = stn_min(json_string_length(value), STN_ANSWER_REASON_MAX);

    for (i = 0; reason && i < n; i++) {
        a->reason[i] = (reason[i] < ' ' || reason[i] > '~') ? '?' : reason[i];
    }

    json_decref(root);
}
