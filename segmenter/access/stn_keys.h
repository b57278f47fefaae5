/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who may publish what: the operator's key file, and whether that which a
 * broadcaster presents (stn_params.h) is good for the stream he names.
 * The file is read once and never changed afterwards, so that any number of
 * threads may ask at once; what it had is wiped when it is freed.  No reason
 * given here ever has a piece of a key or of the file in it.
 */

#ifndef STN_KEYS_H
#define STN_KEYS_H

#include "access/stn_params.h"


/*
 * The file: lines of words with blanks between them.  A line whose first
 * other character is '#' is a comment.  scripts/stream-key writes the lines.
 *
 *     secret VALUE
 *         signs keys; of several, all are good (the first is the one to sign
 *         with), so that one can be added, used, and the old one taken away
 *     key STREAM SALT:HASH
 *         a static key; HASH is hex SHA-256 of SALT followed by the key
 *     user NAME SALT:HASH [STREAM ...]
 *         a user; HASH is base64 MD5 of NAME, SALT and the password, in that
 *         order, as Adobe's dialogue wants it; without STREAM, good for all
 *     passphrase STREAM VALUE
 *         of SRT's encryption, in clear, since libsrt needs it so; VALUE goes
 *         to the end of the line and may have blanks
 *
 * STREAM is "application/name"; "application", '/' and '*' for all that it has;
 * a "name" (that has no '/') for such a one in any application; or "*".
 *
 * The keys are long and random, made by our tool: nobody finds one by trying,
 * with or without the file, so one SHA-256 is hash enough.  A slow hash would
 * protect nothing here and could be used to keep an event loop, or the thread
 * that takes libsrt's handshakes, busy.  A user's line is another matter: his
 * HASH lets its reader answer Adobe's challenge, and MD5 gives a weak password
 * away.  That, the secrets and the passphrases are why the file is nobody
 * else's to read.
 */

#define STN_KEYS_FILE_MAX        (4 * 1024 * 1024)
#define STN_KEYS_LINES_MAX       16384
#define STN_KEYS_SECRETS_MAX     8     /* all are tried */
#define STN_KEYS_WILD_MAX        256   /* keys for more than one name */
#define STN_KEYS_SECRET_MIN      16
#define STN_KEYS_PASSPHRASE_MIN  10    /* libsrt's */
#define STN_KEYS_PASSPHRASE_MAX  79

/* Letters, digits, '.', '_', '-' and, in names, '@'.  As long as ffmpeg, which
 * reads 255 bytes of Adobe's challenge, can take. */
#define STN_KEYS_USER_MAX        32
#define STN_KEYS_SALT_MAX        24

/* "application/name", and a key or password; longer ones are no good. */
#define STN_KEYS_STREAM_MAX      512
#define STN_KEYS_KEY_MAX         256

/* A signature for longer than this is refused: it is far more often
 * milliseconds taken for seconds than a wish, and would never end. */
#define STN_KEYS_AHEAD_MAX       (366 * 24 * 3600)


/* What was found out about somebody. */

typedef enum {
    STN_ACCESS_OK = 0,
    STN_ACCESS_NO_KEY,         /* nothing was presented */
    STN_ACCESS_BAD_KEY,        /* no such key for this stream */
    STN_ACCESS_BAD_SIGNATURE,  /* not signed with our secrets, or for another
                                * stream, or "exp" and "sig" are malformed */
    STN_ACCESS_EXPIRED,        /* was good once */
    STN_ACCESS_TOO_LONG,       /* over STN_KEYS_AHEAD_MAX ahead */
    STN_ACCESS_BAD_USER,       /* no such user */
    STN_ACCESS_BAD_PASSWORD,
    STN_ACCESS_NOT_HIS,        /* a known user, but not his stream */
    STN_ACCESS_NEED_AUTH,      /* Adobe's dialogue has to go on */
    STN_ACCESS_STALE,          /* a challenge that is too old */
    STN_ACCESS_FAILED          /* the cryptographic library failed */
} stn_access_e;

/* For the log and for the broadcaster: a static text, lower case. */
const char *stn_access_reason(stn_access_e verdict);


typedef struct stn_keys_line_s  stn_keys_line_t;

typedef struct {
    char             *text;    /* the file */
    size_t            len;
    stn_keys_line_t  *lines;   /* in the file's order */
    unsigned          n;

    unsigned          nsecrets;
    unsigned          nkeys;
    unsigned          nwild;   /* of the keys */
    unsigned          nusers;
    unsigned          npassphrases;

    unsigned          line;    /* from 1: where it failed */
    const char       *reason;  /* static; why it failed */
} stn_keys_t;


/*
 * Reads the len bytes of a key file at data, of which it keeps a copy.
 * Returns STN_OK; with k->reason, k->line (0: of no line) and nothing kept:
 * STN_ERROR when a line is wrong; STN_LIMIT over one of the limits above;
 * STN_NOMEM.
 */
int stn_keys_read(stn_keys_t *k, const void *data, size_t len);

/* Wipes and gives back all memory; k may be all zeros, and be read again. */
void stn_keys_free(stn_keys_t *k);

/*
 * Whether what p presents lets its owner publish the stream name of the
 * application app at now_s (Unix time).  Looked at is the first of:
 *
 *     sig or exp    a signed key: sig is the HMAC-SHA256, in 64 hexadecimal
 *                   digits of either case, of "app/name?exp=EXP" under one of
 *                   the secrets, and EXP the Unix time in decimal without
 *                   leading zeros up to which (inclusively) it is good.
 *                   What else the query has is not signed: a track may be
 *                   chosen, but no other name.
 *     key, token    a static key
 *     user, pass    a user with his password in clear
 *     pass          a static key (an SRT encoder's "s=")
 *
 * Whether a signature is expired is told only to who has a good one.  Secrets,
 * keys and passwords are compared in constant time.  Costs at most
 * STN_KEYS_SECRETS_MAX HMACs or STN_KEYS_WILD_MAX and a few SHA-256: some
 * microseconds, 0.4 ms for a file as full as it may be.  Returns a verdict;
 * STN_ACCESS_OK only if so.
 */
stn_access_e stn_keys_check(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, const stn_params_t *p, int64_t now_s);

/* Whether user, who has proved already who he is, may publish that stream:
 * STN_ACCESS_OK, STN_ACCESS_NOT_HIS or, when he is not in this file,
 * STN_ACCESS_BAD_USER. */
stn_access_e stn_keys_user_may(const stn_keys_t *k, const stn_str_t *user,
    const stn_str_t *app, const stn_str_t *name);

/* The salt and the HASH of user, inside k.  Returns 1, or 0 when there is no
 * such user. */
int stn_keys_user(const stn_keys_t *k, const stn_str_t *user,
    stn_str_t *salt, stn_str_t *hash);

/*
 * The passphrase of a stream, inside k: of the line that fits best (the whole
 * name, the name alone, the application, "*").  Returns STN_KEYS_NONE,
 * STN_KEYS_SHARED for one of a whole application or of all, STN_KEYS_OWN for
 * the stream's own: who encrypts with that has proved that it is his.
 */
#define STN_KEYS_NONE    0
#define STN_KEYS_SHARED  1
#define STN_KEYS_OWN     2

int stn_keys_passphrase(const stn_keys_t *k, const stn_str_t *app,
    const stn_str_t *name, stn_str_t *value);


#endif /* STN_KEYS_H */
