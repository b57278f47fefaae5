/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names of streams and applications.  They stand in URLs, in files, in keys of
 * Redis and in logs, and come from broadcasters, listeners, webhooks, other
 * nodes and the operator: this is what they all have to be.
 */

#ifndef STN_NAME_H
#define STN_NAME_H

#include "stn_str.h"


/* The longest whole name, application/name, and the longest level of one. */
#define STN_NAME_MAX        128
#define STN_NAME_LEVEL_MAX  64


/* Whether name is fit to be a stream's: 1..STN_NAME_LEVEL_MAX letters, digits,
 * '.', '_', '-' a level, levels split by '/', none of them all dots.  How long
 * the whole is, is the caller's to look at.  Returns 1 or 0. */
int stn_name_is_fit(const stn_str_t *name);


#endif /* STN_NAME_H */
