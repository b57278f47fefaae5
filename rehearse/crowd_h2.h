/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HTTP/2 on a connection of a crowd (crowd_wire.h), by nghttp2: one
 * connection a listener, as players have, and one request at a time on it.
 */

#ifndef CROWD_H2_H
#define CROWD_H2_H

#include "crowd_wire.h"


/* Says hello; NULL: it cannot. */
crowd_h2_t *crowd_h2_open(crowd_wire_t *w);

/* As crowd_wire_get(). */
int crowd_h2_get(crowd_wire_t *w, const char *path, unsigned gzip);

/* So much has come.  STN_OK: w->answer is whole; STN_AGAIN; STN_ERROR: it
 * never will be. */
int crowd_h2_fed(crowd_wire_t *w, const char *data, size_t len);

void crowd_h2_close(crowd_h2_t *h);


#endif /* CROWD_H2_H */
