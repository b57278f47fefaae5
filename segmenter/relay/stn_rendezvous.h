/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rendezvous hashing (Thaler and Ravishankar, 1998): of several nodes, which
 * is to have a stream.  Every node that knows the same nodes comes to the same
 * order; one node more or less moves its own share only.
 */

#ifndef STN_RENDEZVOUS_H
#define STN_RENDEZVOUS_H

#include "stn_str.h"


/* How much the node of that id wants the stream of that name: the greatest
 * has it, the next greatest stands in for it. */
uint64_t stn_rendezvous_score(const stn_str_t *node, const stn_str_t *name);


#endif /* STN_RENDEZVOUS_H */
