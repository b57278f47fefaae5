/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a node asks for when it wants a stream: the query of its request,
 *
 *     node=ID[&epoch=N][&after=MSN.PART:CRC]
 *
 * by whom, the highest epoch that it knows, and the last part that it has with
 * the CRC of its first piece, by eight hexadecimal digits.
 */

#ifndef STN_RELAY_QUERY_H
#define STN_RELAY_QUERY_H

#include "stn_str.h"


/* node lies in the query. */

typedef struct {
    stn_str_t  node;
    uint64_t   epoch;    /* 0: none */
    uint64_t   msn;
    uint64_t   part;
    uint32_t   crc;
    unsigned   after;    /* boolean: it has that part */
} stn_relay_query_t;


/* Reads a query.  Of one name the first value counts, others are passed over.
 * Returns NULL, or what is wrong with the request: static. */
const char *stn_relay_query(stn_relay_query_t *q, const stn_str_t *query);


#endif /* STN_RELAY_QUERY_H */
