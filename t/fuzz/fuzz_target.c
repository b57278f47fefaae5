/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: what a listener asks for, as three lines: a path, a query and
 * an Accept-Encoding.  Names lie within the path, what is good is good again
 * when it is written anew, and a query changes nothing that the path has said.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audience/stn_target.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


/* A copy of its own, so that sanitizers see where it ends. */

static stn_str_t
line(stn_str_t *rest)
{
    char       *own;
    stn_str_t   head;

    stn_str_cut(rest, '\n', &head, rest);

    own = malloc(head.len ? head.len : 1);
    check(own != NULL);

    if (head.len) {
        memcpy(own, head.data, head.len);
    }

    head.data = own;

    return head;
}


static void
check_within(const stn_str_t *s, const stn_str_t *whole)
{
    check(s->len == 0
          || (s->data >= whole->data
              && s->data + s->len <= whole->data + whole->len));
}


static void
check_path(const stn_target_t *t, const stn_str_t *path)
{
    check(t->name.len > 0);
    check_within(&t->name, path);
    check_within(&t->rendition, path);
    check(memchr(t->name.data, '\n', t->name.len) == NULL);
    check(t->rendition.len == 0
          || memchr(t->rendition.data, '/', t->rendition.len) == NULL);

    if (t->kind == STN_TARGET_INDEX || t->kind == STN_TARGET_STEERING) {
        check(t->rendition.len == 0);
    }
}


/* Media written anew is the same media. */

static void
check_again(const stn_target_t *t)
{
    char          file[64];
    size_t        n;
    stn_str_t     path;
    stn_target_t  again;

    if (t->kind != STN_TARGET_INIT && t->kind != STN_TARGET_PART) {
        return;
    }

    n = (size_t) (t->kind == STN_TARGET_INIT
                  ? snprintf(file, sizeof(file), "a/b/init-%08x.mp4", t->init)
                  : snprintf(file, sizeof(file), "a/b/%llu.%llu.m4s",
                             (unsigned long long) t->msn,
                             (unsigned long long) t->part));
    check(n < sizeof(file));

    path.data = file;
    path.len = n;
    memset(&again, 0, sizeof(again));

    check(stn_target_path(&again, &path) == NULL);
    check(again.kind == t->kind && again.init == t->init
          && again.msn == t->msn && again.part == t->part);
    check(stn_str_is(&again.name, "a") && stn_str_is(&again.rendition, "b"));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int           gzip;
    stn_str_t     rest, path, query, accept;
    stn_target_t  t, before;

    rest.data = (const char *) data;
    rest.len = len;

    path = line(&rest);
    query = line(&rest);
    accept = line(&rest);

    memset(&t, 0, sizeof(t));

    if (stn_target_path(&t, &path) == NULL) {
        check_path(&t, &path);
        check_again(&t);
    }

    before = t;

    if (stn_target_query(&t, &query) == NULL) {
        check(t.has_msn || t.msn == before.msn);
        check(t.has_part || t.part == before.part);
    }

    check(t.kind == before.kind && t.init == before.init
          && t.name.data == before.name.data && t.name.len == before.name.len);

    gzip = stn_target_gzip(&accept);
    check(gzip == 0 || gzip == 1);

    free((char *) path.data);
    free((char *) query.data);
    free((char *) accept.data);

    return 0;
}
