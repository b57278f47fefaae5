/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A piece of somebody else's text: where it lies and how long it is.  Nothing
 * here allocates, copies or needs an ending zero.
 */

#ifndef STN_STR_H
#define STN_STR_H

#include "stn_base.h"


/* Bytes without an ending zero; data may be NULL when len is 0. */

typedef struct {
    const char  *data;
    size_t       len;
} stn_str_t;

/* Whether s reads exactly as the text literal.  Returns 1 or 0. */
int stn_str_is(const stn_str_t *s, const char *literal);

/* Whether a and b have the same bytes; not for secrets, since it takes longer
 * the more they agree.  Returns 1 or 0. */
int stn_str_eq(const stn_str_t *a, const stn_str_t *b);

/* Whether s is UTF-8 (RFC 3629: no overlong form, no surrogate) without a
 * control character (C0, DEL, C1), so that it may be logged.  Returns 1, for
 * an empty one too, or 0. */
int stn_str_is_text(const stn_str_t *s);

/* Cuts s at the first byte c: what is before it becomes head, what is behind
 * it rest.  Returns 1; 0 when there is none: head is all, and rest empty.
 * head or rest may be s itself. */
int stn_str_cut(const stn_str_t *s, char c, stn_str_t *head, stn_str_t *rest);

/* What the hexadecimal digit c, of either case, stands for; -1: it is none. */
int stn_str_hex(char c);

/* The Unix time in seconds that s tells in decimal, in the one way to write
 * it: 1 to 12 digits (up to the year 33658), the first one not 0.  -1: it is
 * none. */
int64_t stn_str_time(const stn_str_t *s);


#endif /* STN_STR_H */
