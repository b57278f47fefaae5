/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The commands of an RTMP session and what it answers: private to
 * stn_rtmp.c, where the messages come in, and stn_rtmp_command.c.
 */

#ifndef STN_RTMP_COMMAND_H
#define STN_RTMP_COMMAND_H

#include "wire/stn_rtmp.h"


/* Chunk streams of ours, as every server uses them. */
#define STN_RTMP_CS_CONTROL   2
#define STN_RTMP_CS_COMMAND   3
#define STN_RTMP_CS_STATUS    5

/* User control events (7.1.7). */
#define STN_RTMP_STREAM_BEGIN   0
#define STN_RTMP_PING_REQUEST   6
#define STN_RTMP_PING_RESPONSE  7


/* Sets s->reason to the static text reason and returns rc. */
int stn_rtmp_fail(stn_rtmp_t *s, int rc, const char *reason);

/*
 * Carries out one command message (types 17 and 20; section 7.2), answering
 * it into s->out.  Returns STN_OK, with ev filled if there is an event to
 * report and its type STN_RTMP_EV_NONE if not; negative with s->reason.
 */
int stn_rtmp_command(stn_rtmp_t *s, const stn_rtmp_msg_t *m,
    stn_rtmp_event_t *ev);

/* Appends a control message of four bytes v, and the byte extra unless it is
 * negative, to s->out.  Errors stick to s->out. */
void stn_rtmp_send_control(stn_rtmp_t *s, uint8_t type, uint32_t v, int extra);

/* Likewise a user control message: event and its four bytes of data. */
void stn_rtmp_send_event(stn_rtmp_t *s, uint16_t event, uint32_t v);


#endif /* STN_RTMP_COMMAND_H */
