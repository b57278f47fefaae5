/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a webhook is told of a broadcaster, as JSON (see ngx_stentor_door.h).
 * All of it comes from outside: bytes that are not UTF-8 are made ASCII, for
 * JSON has nothing else.
 */

#include "ngx_stentor_door.h"

#include <jansson.h>


static json_t *ngx_stentor_door_params(ngx_stentor_door_t *door);
static json_t *ngx_stentor_door_brought(const stn_params_t *params);
static json_t *ngx_stentor_door_decoded(const stn_str_t *encoded);
static json_t *ngx_stentor_door_text(const u_char *data, size_t len);


char *
ngx_stentor_door_question(ngx_stentor_door_t *door)
{
    int         rc;
    char       *text;
    json_t     *root;
    ngx_str_t  *app;

    root = json_object();
    app = &door->app->name;
    rc = 0;

    rc |= json_object_set_new(root, "event", json_string("publish"));
    rc |= json_object_set_new(root, "stream",
                              json_sprintf("%.*s/%.*s",
                                           (int) app->len, app->data,
                                           (int) door->name.len,
                                           door->name.data));
    rc |= json_object_set_new(root, "application",
                              ngx_stentor_door_text(app->data, app->len));
    rc |= json_object_set_new(root, "name",
                              ngx_stentor_door_text(door->name.data,
                                                    door->name.len));
    rc |= json_object_set_new(root, "address", json_string(door->address));
    rc |= json_object_set_new(root, "protocol", json_string(door->protocol));
    rc |= json_object_set_new(root, "encoder",
                              ngx_stentor_door_text((u_char *) door->encoder,
                                                ngx_strlen(door->encoder)));
    rc |= json_object_set_new(root, "user",
                              ngx_stentor_door_text(
                                                (u_char *) door->user.data,
                                                door->user.len));
    rc |= json_object_set_new(root, "params",
                              door->brought
                              ? ngx_stentor_door_brought(door->brought)
                              : ngx_stentor_door_params(door));

    text = rc ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(root);

    return text;
}


/* Of several with the same key the first one counts. */

static json_t *
ngx_stentor_door_params(ngx_stentor_door_t *door)
{
    int         rc;
    json_t     *params, *name;
    stn_str_t   query, key, value;

    params = json_object();
    query = ngx_stentor_access_str(&door->query);
    rc = 0;

    while (stn_params_pair(&query, &key, &value)) {

        name = ngx_stentor_door_decoded(&key);

        if (name == NULL) {
            rc = -1;

        } else if (json_object_get(params, json_string_value(name)) == NULL) {
            rc |= json_object_set_new(params, json_string_value(name),
                                      ngx_stentor_door_decoded(&value));
        }

        json_decref(name);
    }

    if (rc) {
        json_decref(params);
        return NULL;
    }

    return params;
}


/* Of what was read already, that which is known. */

static json_t *
ngx_stentor_door_brought(const stn_params_t *params)
{
    int         rc;
    json_t     *all;
    ngx_uint_t  i;

    const struct {
        const char       *name;
        const stn_str_t  *value;
    } known[] = {
        { "key", &params->key },
        { "token", &params->token },
        { "exp", &params->exp },
        { "sig", &params->sig },
        { "user", &params->user },
        { "pass", &params->pass },
        { "track", &params->track },
    };

    all = json_object();
    rc = 0;

    for (i = 0; i < stn_nelems(known); i++) {
        if (known[i].value->len) {
            rc |= json_object_set_new(all, known[i].name,
                          ngx_stentor_door_text((u_char *) known[i].value->data,
                                                known[i].value->len));
        }
    }

    if (rc) {
        json_decref(all);
        return NULL;
    }

    return all;
}


static json_t *
ngx_stentor_door_decoded(const stn_str_t *encoded)
{
    size_t  len;
    char    text[NGX_STENTOR_DOOR_QUERY_MAX];

    len = stn_params_decode(encoded, text);

    return ngx_stentor_door_text((u_char *) text, len);
}


/* A zero would end a key in the middle; it is nothing that a text has. */

static json_t *
ngx_stentor_door_text(const u_char *data, size_t len)
{
    size_t   i;
    json_t  *value;
    char     text[NGX_STENTOR_DOOR_QUERY_MAX];

    len = ngx_min(len, sizeof(text));

    if (len == 0) {
        return json_string("");
    }

    for (i = 0; i < len; i++) {
        text[i] = data[i] ? (char) data[i] : '?';
    }

    value = json_stringn(text, len);

    if (value) {
        return value;
    }

    for (i = 0; i < len; i++) {
        text[i] = (text[i] & 0x80) ? '?' : text[i];
    }

    return json_stringn(text, len);
}
