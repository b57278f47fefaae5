/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a broadcaster says beside the name of his stream: the query behind an
 * RTMP application or stream name ("key=..&track=2"), or the pairs of an SRT
 * stream id.  Names that nobody here knows are stepped over.  The values are
 * percent-decoded into the object itself: it must not be copied by
 * assignment, allocates nothing and needs no freeing.
 */

#ifndef STN_PARAMS_H
#define STN_PARAMS_H

#include "stn_str.h"


/* All values kept together, decoded; a token of a web service may be long. */
#define STN_PARAMS_MAX  2048


/* What is not said is empty, and what is said with an empty value is not said.
 * All that is here is text in the sense of stn_str_is_text(). */

typedef struct {
    stn_str_t    key;          /* "key": a static key */
    stn_str_t    token;        /* "token": likewise, by its other name */
    stn_str_t    exp;          /* "exp", "sig": a signed key */
    stn_str_t    sig;
    stn_str_t    user;         /* "user", "pass": a user, in clear */
    stn_str_t    pass;
    stn_str_t    track;        /* "track": which audio track, as written */

    stn_str_t    authmod;      /* the rest is Adobe's dialogue (stn_adobe.h) */
    stn_str_t    challenge;
    stn_str_t    response;
    stn_str_t    opaque;

    unsigned     decoded;      /* boolean: what is added from now on stands for
                                * itself, '%' too */
    const char  *reason;       /* static; why a call failed */
    size_t       used;         /* of text */
    char         text[STN_PARAMS_MAX];
} stn_params_t;


/* Nothing said yet. */
void stn_params_init(stn_params_t *p);

/*
 * Reads a query: name=value pairs with '&' between them, or "?" before an
 * "authmod=", which librtmp appends so to an application that has a query
 * already.  "%xx" is decoded in values; a '%' without two hexadecimal digits
 * stands for itself, and so does '+'.  Of one name the first value counts, in
 * earlier calls too: what is closest to the stream's name is read first.
 *
 * Returns STN_OK; STN_LIMIT when the values are longer than STN_PARAMS_MAX;
 * STN_ERROR when a known one is no text; both with p->reason.
 */
int stn_params_read(stn_params_t *p, const stn_str_t *query);

/* The next name=value pair of a query, which is cut off it; both are still
 * encoded.  Empty ones are stepped over.  Returns 1, or 0: there is none. */
int stn_params_pair(stn_str_t *query, stn_str_t *name, stn_str_t *value);

/* Decodes value to out, where there is room for as many bytes, and returns how
 * many came of it. */
size_t stn_params_decode(const stn_str_t *value, char *out);

/* One pair, whose value is decoded likewise.  Returns as stn_params_read(). */
int stn_params_add(stn_params_t *p, const stn_str_t *name,
    const stn_str_t *value);

/* Decodes value into p's text, where out points then: for what comes with the
 * parameters and lives as long.  Returns as stn_params_read(). */
int stn_params_keep(stn_params_t *p, const stn_str_t *value, stn_str_t *out);


#endif /* STN_PARAMS_H */
