/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Texts about leases (see stn_lease.h): split at their blanks, and what is in
 * the place of a node, a URL or a number looked at.
 */

#include "told/stn_lease.h"
#include "relay/stn_relay.h"

#include <stdlib.h>
#include <string.h>


static void stn_lease_split(stn_lease_t *lease, const char *text);
static void stn_lease_owner(stn_lease_t *lease, size_t first);
static uint64_t stn_lease_epoch(const char *word);


void
stn_lease_read(stn_lease_t *lease, const char *text)
{
    stn_lease_split(lease, text ? text : "");
    stn_lease_owner(lease, 0);
}


stn_lease_e
stn_lease_verdict(stn_lease_t *lease, const char *text)
{
    const char  *word;

    text = text ? text : "";
    stn_lease_split(lease, text);

    word = lease->n ? lease->word[0] : "";

    if (strncmp(text, "error ", 6) == 0) {
        lease->said = text + 6;
        return STN_LEASE_TROUBLE;
    }

    if (lease->n == 2 && strcmp(word, "held") == 0) {
        lease->epoch = stn_lease_epoch(lease->word[1]);
        return lease->epoch ? STN_LEASE_HELD : STN_LEASE_NONSENSE;
    }

    if (lease->n >= 2 && strcmp(word, "other") == 0) {
        stn_lease_owner(lease, 1);
        return STN_LEASE_OTHER;
    }

    return (lease->n == 1 && strcmp(word, "quit") == 0) ? STN_LEASE_QUIT
                                                        : STN_LEASE_NONSENSE;
}


const char *
stn_lease_message(stn_lease_t *lease, const char *text)
{
    stn_lease_split(lease, text);

    if (lease->n != 4) {
        return NULL;
    }

    lease->node = lease->word[3];

    return lease->word[1];
}


static void
stn_lease_split(stn_lease_t *lease, const char *text)
{
    char    *p;
    size_t   n;

    memset(lease, 0, sizeof(*lease));
    lease->relay = "";

    n = strlen(text);
    n = stn_min(n, sizeof(lease->text) - 1);
    memcpy(lease->text, text, n);

    p = lease->text;

    while (*p && lease->n < STN_LEASE_WORDS) {
        lease->word[lease->n++] = p;
        p += strcspn(p, " ");

        if (*p) {
            *p++ = '\0';
        }
    }
}


/* The words from first on are a lease's. */

static void
stn_lease_owner(stn_lease_t *lease, size_t first)
{
    const char  *node, *relay;

    if (lease->n > first) {
        lease->epoch = stn_lease_epoch(lease->word[first]);
    }

    if (lease->n <= first + 2) {
        return;
    }

    node = lease->word[first + 2];
    relay = lease->n > first + 3 ? lease->word[first + 3] : "";

    if (strlen(node) < STN_NODE_MAX && strlen(relay) < STN_NODE_URL_MAX
        && stn_node_is_word(node) && stn_node_is_url(relay))
    {
        lease->node = node;
        lease->relay = relay;
    }
}


/* One that cannot be would be the highest for ever: 0, which raises nothing. */

static uint64_t
stn_lease_epoch(const char *word)
{
    uint64_t  epoch;

    epoch = strtoull(word, NULL, 10);

    return epoch < STN_RELAY_EPOCHS ? epoch : 0;
}
