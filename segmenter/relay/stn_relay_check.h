/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a record has to be, the same for who writes and who reads it: private
 * to stn_relay_write.c and stn_relay_read.c.  The limits are those of
 * stn_relay.h.
 */

#ifndef STN_RELAY_CHECK_H
#define STN_RELAY_CHECK_H

#include "relay/stn_relay.h"


#define STN_RELAY_MAGIC      "StnRelay\1\0\0"
#define STN_RELAY_MAGIC_LEN  12

/* Bits of a part's flags. */
#define STN_RELAY_LAST       1
#define STN_RELAY_LIVE       2
#define STN_RELAY_SILENT     4


/* Each returns NULL when all is well, or what is wrong: a static text. */

const char *stn_relay_check_stream(const stn_relay_stream_t *s);
const char *stn_relay_check_init(const stn_relay_init_t *i);
const char *stn_relay_check_part(const stn_relay_part_t *p);
const char *stn_relay_check_beat(const stn_relay_beat_t *b);


#endif /* STN_RELAY_CHECK_H */
