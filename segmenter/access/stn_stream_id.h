/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The stream id of an SRT connection: what the caller wants, and for which
 * stream.  There is a recommended form ("SRT Access Control (Stream ID)
 * Guidelines", docs/features/access-control.md of libsrt), and there are
 * those that other servers made their users used to.  All of them are read:
 *
 *     #!::r=live/name,m=publish,key=..     the Guidelines' own
 *     publish:live/name[:user:pass][:query]
 *     live/name,mode:publish,token:..
 *     live/name[?query]                    one level, two, three, or more
 *     (nothing)
 *
 * and, since OBS passes on what was pasted, each percent-encoded as a whole.
 *
 * Called in libsrt's listen callback, on a thread of libsrt's.
 */

#ifndef STN_STREAM_ID_H
#define STN_STREAM_ID_H

#include "access/stn_params.h"


/* SRTO_STREAMID (docs/API/API-socket-options.md of libsrt). */
#define STN_STREAM_ID_MAX  512


typedef enum {
    STN_STREAM_ID_UNKNOWN = 0, /* not said: with a caller who sends, publish */
    STN_STREAM_ID_PUBLISH,
    STN_STREAM_ID_REQUEST      /* he wants to receive */
} stn_stream_id_mode_e;


/* Strings point into params, so that an id must not be copied either. */

typedef struct {
    stn_stream_id_mode_e  mode;
    stn_str_t             host;      /* "h"; empty elsewhere */
    stn_str_t             path;      /* without slashes at its ends; may be
                                      * "name", "app/name", "host/app/name":
                                      * the caller knows which; may be empty */
    stn_params_t          params;
    const char           *reason;    /* static; why it failed */
} stn_stream_id_t;


/*
 * Reads the len bytes at data.  In the Guidelines' form "u" goes to
 * params.user, "s" to params.pass, and names of more than a letter go where
 * stn_params_add() puts them; "r" may have a query.  Values are percent-decoded
 * once: the id as a whole when it begins with "%23" or has its '?' encoded,
 * each one by itself elsewhere.  But for the Guidelines' form, what follows a
 * '#' is dropped ("#feedbackplay").
 *
 * Returns STN_OK; with id->reason STN_LIMIT over STN_STREAM_ID_MAX; STN_ERROR
 * when it is broken or no text (stn_str_is_text()); STN_UNSUPPORTED for the
 * nested form "#!:{", a type "t" other than stream, a mode other than publish
 * and request.
 */
int stn_stream_id_read(stn_stream_id_t *id, const void *data, size_t len);


#endif /* STN_STREAM_ID_H */
