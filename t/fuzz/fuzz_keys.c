/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: a key file, and a broadcaster who comes to what it says.  The
 * input is his query up to the first zero, then the file.  Without a line that
 * is good for him nobody gets in.
 */

#include <stdlib.h>
#include <string.h>

#include "access/stn_adobe.h"


#define NOW  1800000000


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


/* Asks k everything that there is to ask. */

static void
ask(const stn_keys_t *k, const stn_params_t *p)
{
    stn_str_t     app = { "live", 4 }, name = { "studio1", 7 }, value;
    stn_adobe_t   a;
    stn_access_e  verdict;

    verdict = stn_keys_check(k, &app, &name, p, NOW);

    check(stn_access_reason(verdict) != NULL);
    check(verdict != STN_ACCESS_OK
          || k->nsecrets || k->nkeys || k->nusers);

    if (stn_keys_passphrase(k, &app, &name, &value) != STN_KEYS_NONE) {
        check(k->npassphrases && value.len >= STN_KEYS_PASSPHRASE_MIN
              && value.len <= STN_KEYS_PASSPHRASE_MAX);
    }

    a.keys = k;
    a.secret = (const uint8_t *) "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";

    verdict = stn_adobe_connect(&a, p, NOW);

    check(strlen(a.description) < sizeof(a.description));
    check((a.description[0] == '\0')
          == (verdict == STN_ACCESS_OK || verdict == STN_ACCESS_NO_KEY));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int            rc;
    stn_str_t      all, query, file;
    stn_keys_t     k;
    stn_params_t   p;

    all.data = (const char *) data;
    all.len = len;

    stn_str_cut(&all, '\0', &query, &file);

    stn_params_init(&p);
    (void) stn_params_read(&p, &query);

    rc = stn_keys_read(&k, file.data, file.len);

    if (rc == STN_OK) {
        check(k.n == k.nsecrets + k.nkeys + k.nusers + k.npassphrases);
        ask(&k, &p);

    } else {
        check(k.reason != NULL && k.text == NULL && k.n == 0);
    }

    stn_keys_free(&k);

    return 0;
}
