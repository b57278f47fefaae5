/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What Redis tells of leases, as words with blanks between:
 *
 *     a lease      EPOCH FED NODE URL     who has it; without a node: nobody
 *     a verdict    held EPOCH             of our script: it is ours,
 *                  other <a lease>        another's,
 *                  quit                   given back,
 *                  error <text>           or there is something wrong
 *     a message    lease NAME EPOCH NODE  on the channel: it has a new owner
 *
 * Texts are others': what does not fit is not there.
 */

#ifndef STN_LEASE_H
#define STN_LEASE_H

#include "told/stn_node.h"


/* Words of a text, and the longest text of ours with its zero: one that is
 * longer is cut, and then makes no sense. */
#define STN_LEASE_WORDS     5
#define STN_LEASE_TEXT_MAX  (STN_NODE_MAX + STN_NODE_URL_MAX + 64)


typedef enum {
    STN_LEASE_NONSENSE,
    STN_LEASE_HELD,          /* epoch, which is not 0 */
    STN_LEASE_OTHER,         /* the whole lease */
    STN_LEASE_QUIT,
    STN_LEASE_TROUBLE        /* said */
} stn_lease_e;


/* Its words lie in text. */

typedef struct {
    size_t       n;
    char        *word[STN_LEASE_WORDS];
    char         text[STN_LEASE_TEXT_MAX];

    uint64_t     epoch;      /* 0: none; below STN_RELAY_EPOCHS */
    const char  *node;       /* NULL: nobody */
    const char  *relay;      /* a URL of his, or empty */
    const char  *said;       /* in the text that was read */
} stn_lease_t;


/* Reads what is under a lease's key; text ends with a zero, or is NULL: there
 * is none. */
void stn_lease_read(stn_lease_t *lease, const char *text);

/* Reads a verdict likewise, and returns it. */
stn_lease_e stn_lease_verdict(stn_lease_t *lease, const char *text);

/* Reads a message.  Returns the name that it is about, with node who sent it;
 * NULL: it makes no sense. */
const char *stn_lease_message(stn_lease_t *lease, const char *text);


#endif /* STN_LEASE_H */
