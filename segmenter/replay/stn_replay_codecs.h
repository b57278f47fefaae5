/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What an init segment says its audio is: for whoever ends a replay that he has
 * not written, and has to name its codec.
 */

#ifndef STN_REPLAY_CODECS_H
#define STN_REPLAY_CODECS_H

#include "stn_base.h"


/*
 * Writes the CODECS string (RFC 6381) of an init segment of len bytes to out,
 * which has STN_FORMAT_CODECS_MAX.  Returns STN_OK; STN_ERROR when it is
 * neither AAC nor Opus, or broken: then out is empty.
 */
int stn_replay_codecs(const uint8_t *init, size_t len, char *out);


#endif /* STN_REPLAY_CODECS_H */
