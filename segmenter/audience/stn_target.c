/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A request's target (see stn_target.h).  A path is read from its end: the
 * file says whether there is a rendition before it, and the rest is the
 * stream, whose name may have slashes of its own.  Called for each request, in
 * the event loop.
 */

#include "audience/stn_target.h"

#include <string.h>


/* Digits that are read of a number; more cannot be meant. */
#define STN_TARGET_DIGITS   18

/* The longest name or value of a directive that means something, decoded. */
#define STN_TARGET_DECODED  24

#define stn_target_is(s, literal)                                            \
    ((s)->len == sizeof(literal) - 1                                         \
     && memcmp((s)->data, literal, sizeof(literal) - 1) == 0)

#define stn_target_cut(s, literal)                                           \
    stn_target_cut_end(s, literal, sizeof(literal) - 1)


static const char *stn_target_file(stn_target_t *t, stn_str_t *file);
static const char *stn_target_media(stn_target_t *t, stn_str_t *file);
static const char *stn_target_init(stn_target_t *t, const stn_str_t *file);
static int stn_target_split(stn_str_t *path, stn_str_t *level);
static int stn_target_cut_end(stn_str_t *s, const char *end, size_t len);
static const char *stn_target_number(const char *p, const char *last,
    uint64_t *n);
static int stn_target_whole(const stn_str_t *s, uint64_t *n);
static const char *stn_target_directive(stn_target_t *t,
    const stn_str_t *key, const stn_str_t *value);
static void stn_target_decode(stn_str_t *s, char *text);
static int stn_target_quality(const stn_str_t *params);


const char *
stn_target_path(stn_target_t *t, const stn_str_t *path)
{
    stn_str_t    file;
    const char  *reason;

    t->name = *path;

    while (t->name.len && *t->name.data == '/') {
        t->name.data++;
        t->name.len--;
    }

    if (!stn_target_split(&t->name, &file)) {
        return "no such file";
    }

    reason = stn_target_file(t, &file);
    if (reason) {
        return reason;
    }

    return t->name.len ? NULL : "no such stream";
}


static const char *
stn_target_file(stn_target_t *t, stn_str_t *file)
{
    if (stn_target_cut(file, ".m3u8")) {
        t->classic = stn_target_cut(file, "-std");

        if (stn_target_is(file, "index")) {
            t->kind = STN_TARGET_INDEX;
            return NULL;
        }

        t->kind = STN_TARGET_PLAYLIST;
        t->rendition = *file;

        return file->len ? NULL : "no such file";
    }

    if (stn_target_cut(file, ".json")) {
        t->classic = stn_target_cut(file, "-std");
        t->kind = STN_TARGET_STEERING;

        return stn_target_is(file, "steering") ? NULL : "no such file";
    }

    return stn_target_media(t, file);
}


static const char *
stn_target_media(stn_target_t *t, stn_str_t *file)
{
    const char  *p, *last;

    if (!stn_target_split(&t->name, &t->rendition)) {
        return "no such file";
    }

    if (stn_target_cut(file, ".mp4")) {
        return stn_target_init(t, file);
    }

    if (!stn_target_cut(file, ".m4s")) {
        return "no such file";
    }

    last = file->data + file->len;
    p = stn_target_number(file->data, last, &t->msn);

    t->kind = STN_TARGET_SEGMENT;

    if (p && p < last && *p == '.') {
        t->kind = STN_TARGET_PART;
        p = stn_target_number(p + 1, last, &t->part);
    }

    return p == last ? NULL : "no such file";
}


static const char *
stn_target_init(stn_target_t *t, const stn_str_t *file)
{
    int     digit;
    size_t  i;

    if (file->len != sizeof("init-00000000") - 1
        || memcmp(file->data, "init-", 5) != 0)
    {
        return "no such init segment";
    }

    t->kind = STN_TARGET_INIT;

    for (i = 5; i < file->len; i++) {
        digit = stn_str_hex(file->data[i]);

        if (digit == -1) {
            return "no such init segment";
        }

        t->init = t->init << 4 | (uint32_t) digit;
    }

    return NULL;
}


/* Moves the last level of path to level, if there is more than one. */

static int
stn_target_split(stn_str_t *path, stn_str_t *level)
{
    size_t  i;

    for (i = path->len; i; i--) {

        if (path->data[i - 1] == '/') {
            level->data = path->data + i;
            level->len = path->len - i;
            path->len = i - 1;
            return 1;
        }
    }

    return 0;
}


/* Cuts end off s, if it ends so. */

static int
stn_target_cut_end(stn_str_t *s, const char *end, size_t len)
{
    if (s->len < len || memcmp(s->data + s->len - len, end, len) != 0) {
        return 0;
    }

    s->len -= len;

    return 1;
}


/* Reads decimal digits, returns where they end; NULL when there are none, or
 * more than any real number has. */

static const char *
stn_target_number(const char *p, const char *last, uint64_t *n)
{
    const char  *first;

    *n = 0;

    for (first = p; p < last && *p >= '0' && *p <= '9'; p++) {

        if (p - first >= STN_TARGET_DIGITS) {
            return NULL;
        }

        *n = *n * 10 + (uint64_t) (*p - '0');
    }

    return p == first ? NULL : p;
}


/* Whether all of s is a number. */

static int
stn_target_whole(const stn_str_t *s, uint64_t *n)
{
    return s->len
           && stn_target_number(s->data, s->data + s->len, n)
              == s->data + s->len;
}


const char *
stn_target_query(stn_target_t *t, const stn_str_t *query)
{
    char         names[STN_TARGET_DECODED], values[STN_TARGET_DECODED];
    stn_str_t    rest, pair, key, value;
    const char  *reason;

    for (rest = *query; rest.len; ) {
        stn_str_cut(&rest, '&', &pair, &rest);
        stn_str_cut(&pair, '=', &key, &value);
        stn_target_decode(&key, names);

        if (key.len < sizeof("_HLS_msn") - 1
            || memcmp(key.data, "_HLS_", 5) != 0)
        {
            continue;
        }

        stn_target_decode(&value, values);

        reason = stn_target_directive(t, &key, &value);
        if (reason) {
            return reason;
        }
    }

    return NULL;
}


static const char *
stn_target_directive(stn_target_t *t, const stn_str_t *key,
    const stn_str_t *value)
{
    if (stn_target_is(key, "_HLS_msn")) {
        t->has_msn = 1;

        return stn_target_whole(value, &t->msn) ? NULL
                                          : "_HLS_msn is not a number";
    }

    if (stn_target_is(key, "_HLS_part")) {
        t->has_part = 1;

        return stn_target_whole(value, &t->part) ? NULL
                                          : "_HLS_part is not a number";
    }

    if (stn_target_is(key, "_HLS_skip")) {
        t->skip = stn_target_is(value, "YES") || stn_target_is(value, "v2");
    }

    return NULL;
}


/* Undoes percent-encoding, which is rare here, in text of STN_TARGET_DECODED
 * bytes.  A '%' without two digits behind it stands for itself; what is longer
 * stays as it came, which is nothing that a directive has. */

static void
stn_target_decode(stn_str_t *s, char *text)
{
    int     high, low;
    size_t  i, n;

    if (s->len == 0 || memchr(s->data, '%', s->len) == NULL) {
        return;
    }

    for (i = 0, n = 0; i < s->len; n++) {

        if (n == STN_TARGET_DECODED) {
            return;
        }

        high = low = -1;

        if (s->data[i] == '%' && s->len - i > 2) {
            high = stn_str_hex(s->data[i + 1]);
            low = stn_str_hex(s->data[i + 2]);
        }

        if (high != -1 && low != -1) {
            text[n] = (char) (high << 4 | low);
            i += 3;

        } else {
            text[n] = s->data[i++];
        }
    }

    s->data = text;
    s->len = n;
}


int
stn_target_gzip(const stn_str_t *accept)
{
    int        any;
    size_t     n;
    stn_str_t  rest, one;

    any = 0;

    for (rest = *accept; rest.len; ) {
        stn_str_cut(&rest, ',', &one, &rest);

        while (one.len && *one.data == ' ') {
            one.data++;
            one.len--;
        }

        for (n = 0; n < one.len && one.data[n] != ';' && one.data[n] != ' ';
             n++)
        {
            /* void */
        }

        one.len -= n;
        one.data += n;

        if (n == 4 && (one.data[-4] | 0x20) == 'g'
            && (one.data[-3] | 0x20) == 'z' && (one.data[-2] | 0x20) == 'i'
            && (one.data[-1] | 0x20) == 'p')
        {
            return stn_target_quality(&one);
        }

        if (n == 1 && one.data[-1] == '*') {
            any = stn_target_quality(&one);
        }
    }

    return any;
}


/* Whether the parameters of an encoding leave it a quality above zero. */

static int
stn_target_quality(const stn_str_t *params)
{
    const char  *p, *last;

    p = params->data;
    last = p + params->len;

    while (p < last && (*p == ';' || *p == ' ')) {
        p++;
    }

    if (last - p < 2 || (*p | 0x20) != 'q' || p[1] != '=') {
        return 1;
    }

    for (p += 2; p < last; p++) {
        if (*p >= '1' && *p <= '9') {
            return 1;
        }
    }

    return 0;
}
