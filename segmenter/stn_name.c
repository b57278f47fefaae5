/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a name may be (see stn_name.h): nothing that has a meaning in a path, a
 * URL, a log or a key of Redis.
 */

#include "stn_name.h"


static int stn_name_is_letter(char c);


int
stn_name_is_fit(const stn_str_t *name)
{
    size_t  i, level, dots;

    level = 0;
    dots = 0;

    for (i = 0; i < name->len; i++) {

        if (name->data[i] == '/') {
            if (level == dots) {
                return 0;
            }

            level = 0;
            dots = 0;
            continue;
        }

        if (!stn_name_is_letter(name->data[i])) {
            return 0;
        }

        level++;
        dots += (name->data[i] == '.');

        if (level > STN_NAME_LEVEL_MAX) {
            return 0;
        }
    }

    return level != dots;
}


static int
stn_name_is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}
