/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: what Redis tells of leases: the input is read as what is under a
 * key, as a verdict and as a message.  Words lie in the copy, and a node that
 * is named could be one.
 */

#include <stdlib.h>
#include <string.h>

#include "relay/stn_relay.h"
#include "told/stn_lease.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
lease(const stn_lease_t *l)
{
    size_t  i;

    check(l->n <= STN_LEASE_WORDS);
    check(l->epoch < STN_RELAY_EPOCHS);
    check(l->relay != NULL && stn_node_is_url(l->relay));

    for (i = 0; i < l->n; i++) {
        check(l->word[i] >= l->text
              && l->word[i] + strlen(l->word[i])
                 < l->text + sizeof(l->text));
    }

    if (l->node) {
        check(strlen(l->node) < STN_NODE_MAX && stn_node_is_word(l->node));
        check(strlen(l->relay) < STN_NODE_URL_MAX);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char         *text;
    stn_lease_t   l;
    stn_lease_e   verdict;

    text = malloc(len + 1);
    check(text != NULL);

    if (len) {
        memcpy(text, data, len);
    }

    text[len] = '\0';

    stn_lease_read(&l, text);
    lease(&l);

    verdict = stn_lease_verdict(&l, text);
    lease(&l);
    check(verdict != STN_LEASE_HELD || l.epoch != 0);
    check(verdict != STN_LEASE_TROUBLE
          || (l.said >= text && l.said <= text + len));

    if (stn_lease_message(&l, text) != NULL) {
        check(l.n == 4 && l.node == l.word[3]);
    }

    free(text);

    return 0;
}
