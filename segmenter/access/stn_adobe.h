/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The user and password of RTMP encoders ("Use authentication" in OBS, the
 * user and password of ffmpeg's URL): the dialogue "authmod=adobe", which
 * librtmp, ffmpeg and FMLE hold with Adobe's server.  It goes over three
 * connections, each of which but the last ends with the _error to connect
 * that carries the description made here:
 *
 *     connect "live"                     code=403 need auth
 *     connect "live?authmod=adobe        ?reason=needauth
 *              &user=U"                    &user=U&salt=S&challenge=C&opaque=C
 *     connect "live?authmod=adobe        _result, or ?reason=authfailed
 *              &user=U&challenge=D
 *              &response=R&opaque=C"
 *
 *     R = base64 MD5 of (base64 MD5 of U S password) C D
 *
 * The server remembers nothing in between: C has the time, and an HMAC over
 * it and U.  Any worker that knows the secret can verify it.
 */

#ifndef STN_ADOBE_H
#define STN_ADOBE_H

#include "access/stn_keys.h"


/* Random bytes of the server's, the same in all workers; new ones at a reload
 * merely end a dialogue that is going on. */
#define STN_ADOBE_SECRET_LEN       32

/* How long a challenge is good.  Who listens in on RTMP without TLS can use a
 * response again for as long, and no longer. */
#define STN_ADOBE_TTL_S            30

/* With its ending zero: what ffmpeg reads. */
#define STN_ADOBE_DESCRIPTION_MAX  256


typedef struct {
    const stn_keys_t  *keys;
    const uint8_t     *secret; /* STN_ADOBE_SECRET_LEN bytes */

    char               description[STN_ADOBE_DESCRIPTION_MAX];
} stn_adobe_t;


/*
 * Takes the parameters that came with connect's app, at now_s (Unix time).
 * Returns
 *
 *     STN_ACCESS_OK            p->user is who he says: accept, remember him and
 *                              ask stn_keys_user_may() when he publishes
 *     STN_ACCESS_NO_KEY        he did not begin the dialogue and need not:
 *                              accept, his publish may have a key
 *     STN_ACCESS_NEED_AUTH,    reject with a->description (which has no
 *     _BAD_USER,               secret); the encoder goes on with the dialogue
 *     _BAD_PASSWORD, _STALE,   after the first, and stops after the others
 *     _FAILED
 *
 * Nobody says in his first connect that he has a password: he waits to be
 * asked.  He is asked when the file has users, and nothing else that RTMP can
 * present; or when the server's URL names his user, "rtmp://../live?user=U".
 * Who has his password in clear in that URL, too, is not.
 */
stn_access_e stn_adobe_connect(stn_adobe_t *a, const stn_params_t *p,
    int64_t now_s);


#endif /* STN_ADOBE_H */
