/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Queries of other nodes (see stn_relay_query.h).  Nothing in them is ever
 * percent-encoded, so that nothing is decoded either.
 */

#include "relay/stn_relay_query.h"
#include "access/stn_params.h"
#include "relay/stn_relay.h"
#include "stn_name.h"

#include <string.h>


static int stn_relay_query_node(const stn_str_t *node);
static int stn_relay_query_after(stn_relay_query_t *q, stn_str_t after);
static int stn_relay_query_number(const stn_str_t *s, uint64_t *n);
static int stn_relay_query_crc(const stn_str_t *s, uint32_t *crc);


const char *
stn_relay_query(stn_relay_query_t *q, const stn_str_t *query)
{
    size_t     i;
    stn_str_t  rest, name, value, epoch, after;

    const struct {
        const char  *name;
        stn_str_t   *value;
    } known[] = {
        { "node", &q->node }, { "epoch", &epoch }, { "after", &after }
    };

    memset(q, 0, sizeof(*q));
    memset(&epoch, 0, sizeof(epoch));
    memset(&after, 0, sizeof(after));

    rest = *query;

    while (stn_params_pair(&rest, &name, &value)) {
        for (i = 0; i < stn_nelems(known); i++) {
            if (known[i].value->data == NULL
                && stn_str_is(&name, known[i].name))
            {
                *known[i].value = value;
            }
        }
    }

    if (!stn_relay_query_node(&q->node)) {
        return "names no node";
    }

    if (epoch.data
        && (!stn_relay_query_number(&epoch, &q->epoch)
            || q->epoch >= STN_RELAY_EPOCHS))
    {
        return "has an impossible epoch";
    }

    if (after.data && !stn_relay_query_after(q, after)) {
        return "has an impossible \"after\"";
    }

    return NULL;
}


/* An id is of one level, and fits into a chain of them. */

static int
stn_relay_query_node(const stn_str_t *node)
{
    return node->len > 0 && node->len <= STN_RELAY_ID_MAX
           && memchr(node->data, '/', node->len) == NULL
           && stn_name_is_fit(node);
}


static int
stn_relay_query_after(stn_relay_query_t *q, stn_str_t after)
{
    stn_str_t  msn, part;

    q->after = stn_str_cut(&after, '.', &msn, &after)
               && stn_str_cut(&after, ':', &part, &after)
               && stn_relay_query_number(&msn, &q->msn)
               && stn_relay_query_number(&part, &q->part)
               && q->part < STN_RELAY_PARTS
               && stn_relay_query_crc(&after, &q->crc);

    return (int) q->after;
}


/* Decimal, and below STN_RELAY_BIG: 19 digits cannot overflow. */

static int
stn_relay_query_number(const stn_str_t *s, uint64_t *n)
{
    size_t  i;

    if (s->len == 0 || s->len > 19) {
        return 0;
    }

    *n = 0;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return 0;
        }

        *n = *n * 10 + (uint64_t) (s->data[i] - '0');
    }

    return *n < (uint64_t) STN_RELAY_BIG;
}


static int
stn_relay_query_crc(const stn_str_t *s, uint32_t *crc)
{
    int     digit;
    size_t  i;

    if (s->len != 8) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        digit = stn_str_hex(s->data[i]);

        if (digit < 0) {
            return 0;
        }

        *crc = *crc << 4 | (uint32_t) digit;
    }

    return 1;
}
