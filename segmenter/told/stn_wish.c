/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The control's requests (see stn_wish.h): one member and no other, for what
 * is not understood must not be done by half.
 */

#include "told/stn_wish.h"

#include <jansson.h>
#include <string.h>


static const char *stn_wish_stream(json_t *root, stn_str_t *name);


const char *
stn_wish_read(stn_wish_t *wish, const char *body, size_t len)
{
    json_t      *root;
    stn_str_t    name;
    const char  *reason;

    root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);

    reason = stn_wish_stream(root, &name);

    if (reason == NULL) {
        wish->len = name.len;
        memcpy(wish->name, name.data, name.len);
    }

    json_decref(root);

    return reason;
}


static const char *
stn_wish_stream(json_t *root, stn_str_t *name)
{
    json_t      *value;
    const char  *key;

    if (!json_is_object(root)) {
        return "the request is not a JSON object";
    }

    name->data = NULL;

    json_object_foreach(root, key, value) {

        if (strcmp(key, "stream") != 0) {
            return "the request has a member that is not known";
        }

        name->data = json_string_value(value);
        name->len = json_string_length(value);
    }

    if (name->data == NULL) {
        return "\"stream\" is not a string";
    }

    if (name->len > STN_NAME_MAX || memchr(name->data, '/', name->len) == NULL)
    {
        return "\"stream\" is not application/name";
    }

    return stn_name_is_fit(name)
           ? NULL : "\"stream\" has characters that no name has";
}
