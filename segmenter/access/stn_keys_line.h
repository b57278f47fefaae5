/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lines of a key file as records, and which of them are for a stream or a
 * user: private to stn_keys.c, which owns them, and stn_keys_line.c.
 */

#ifndef STN_KEYS_LINE_H
#define STN_KEYS_LINE_H

#include "access/stn_digest.h"
#include "access/stn_keys.h"


typedef enum {
    STN_KEYS_SECRET = 0,
    STN_KEYS_KEY,
    STN_KEYS_USER,
    STN_KEYS_PASSPHRASE
} stn_keys_kind_e;


/* How well a pattern fits a stream. */

typedef enum {
    STN_KEYS_FIT_NOT = 0,
    STN_KEYS_FIT_ALL,          /* "*" */
    STN_KEYS_FIT_APP,          /* all of its application */
    STN_KEYS_FIT_NAME,         /* its name in any application */
    STN_KEYS_FIT_STREAM
} stn_keys_fit_e;


/* Strings point into the file. */

struct stn_keys_line_s {
    stn_keys_kind_e  kind;
    stn_str_t        stream;   /* a pattern; of a user, words of them */
    stn_str_t        user;
    stn_str_t        salt;
    stn_str_t        value;    /* secret, HASH of a user, passphrase */
    uint8_t          hash[STN_DIGEST_SHA256_LEN];
                               /* of a key */
};


/* Sets k->reason to the static text reason and returns rc. */
int stn_keys_fail(stn_keys_t *k, int rc, const char *reason);

/* Reads the line s, without its end, into k->lines[k->n], where there is room,
 * unless it is empty or a comment.  Returns as stn_keys_read(). */
int stn_keys_line(stn_keys_t *k, stn_str_t *s);

/* Takes the next word off rest.  Returns 1; 0 when there is none. */
int stn_keys_word(stn_str_t *rest, stn_str_t *word);

/* The line of user, or NULL. */
const stn_keys_line_t *stn_keys_find_user(const stn_keys_t *k,
    const stn_str_t *user);

stn_keys_fit_e stn_keys_fit(const stn_str_t *pattern, const stn_str_t *app,
    const stn_str_t *name);


#endif /* STN_KEYS_LINE_H */
