/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transport stream packets (see stn_ts_packet.h).  Section numbers are those
 * of ISO/IEC 13818-1.  Runs in front of libavformat, on the thread that
 * demuxes; nothing is allocated.
 */

#include "wire/stn_ts_packet.h"

#include <string.h>


#define STN_TS_SYNC_BYTE       0x47

/* A PES packet: its start code, and where its scrambling is told
 * (2.4.3.6). */
#define STN_TS_PES_SCRAMBLING  6


static int stn_ts_sync_here(const stn_ts_sync_t *s);
static int stn_ts_track_scrambled(const stn_ts_packet_t *p);
static int stn_ts_track_repeated(const stn_ts_track_t *t,
    const stn_ts_packet_t *p);


/*
 *     sync byte 8 | error 1 | start 1 | priority 1 | PID 13 | scrambling 2
 *     | adaptation field 1 | payload 1 | cc 4 | adaptation field: its length 8,
 *     discontinuity 1 and what else does not matter here
 */

void
stn_ts_packet_read(stn_ts_packet_t *p, const uint8_t *data)
{
    size_t  start;

    p->pid = (uint16_t) ((data[1] & 0x1f) << 8 | data[2]);
    p->broken = data[1] >> 7;
    p->start = data[1] >> 6 & 1;
    p->scrambled = (data[3] & 0xc0) != 0;
    p->cc = data[3] & 0xf;
    p->discontinuity = 0;

    start = 4;

    if (data[3] & 0x20) {
        p->discontinuity = data[4] > 0 && data[5] & 0x80;
        start += 1 + data[4];
    }

    if (start > STN_TS_PACKET_LEN) {
        p->broken = 1;
        start = STN_TS_PACKET_LEN;
    }

    p->payload = data + start;
    p->len = data[3] & 0x10 ? (uint8_t) (STN_TS_PACKET_LEN - start) : 0;
}


uint8_t *
stn_ts_sync_room(stn_ts_sync_t *s, size_t *n)
{
    if (sizeof(s->data) - s->last < STN_TS_ROOM_MIN) {
        s->last -= s->pos;
        memmove(s->data, s->data + s->pos, s->last);
        s->pos = 0;
    }

    *n = sizeof(s->data) - s->last;

    return s->data + s->last;
}


void
stn_ts_sync_feed(stn_ts_sync_t *s, size_t n)
{
    s->last += n;
}


int
stn_ts_sync_next(stn_ts_sync_t *s, const uint8_t **packet)
{
    int  rc;

    for ( ;; ) {
        rc = stn_ts_sync_here(s);

        if (rc == STN_AGAIN) {
            return STN_AGAIN;
        }

        if (rc == STN_OK) {
            *packet = s->data + s->pos;
            s->pos += STN_TS_PACKET_LEN;
            s->locked = 1;
            s->run = 0;
            return STN_OK;
        }

        s->locked = 0;
        s->pos++;
        s->garbage++;
        s->run++;
    }
}


/* Whether a packet begins at pos, and is whole. */

static int
stn_ts_sync_here(const stn_ts_sync_t *s)
{
    size_t          left;
    const uint8_t  *p;

    p = s->data + s->pos;
    left = s->last - s->pos;

    if (left > 0 && p[0] != STN_TS_SYNC_BYTE) {
        return STN_ERROR;
    }

    if (left < STN_TS_PACKET_LEN + (s->locked ? 0u : 1u)) {
        return STN_AGAIN;
    }

    return s->locked || p[STN_TS_PACKET_LEN] == STN_TS_SYNC_BYTE
           ? STN_OK : STN_ERROR;
}


void
stn_ts_track_init(stn_ts_track_t *t)
{
    t->cc = -1;
    t->skipping = 1;
    t->scrambled_run = 0;
    t->len = 0;
}


int
stn_ts_track_follow(stn_ts_track_t *t, const stn_ts_packet_t *p)
{
    unsigned  gap;

    if (p->len == 0 || stn_ts_track_repeated(t, p)) {
        return 0;
    }

    gap = t->cc >= 0 && p->cc != ((t->cc + 1) & 0xf) && !p->discontinuity;
    t->lost += gap;
    t->cc = p->cc;
    t->len = p->len;
    memcpy(t->payload, p->payload, p->len);

    if (stn_ts_track_scrambled(p)) {
        t->scrambled++;
        t->scrambled_run++;
        gap = 1;
    }

    t->gaps += gap;
    t->skipping = gap || t->skipping;

    if (p->start && !stn_ts_track_scrambled(p)) {
        t->skipping = 0;
    }

    if (!t->skipping) {
        t->scrambled_run = 0;
    }

    return !t->skipping;
}


/* In the packet's own header, or in that of the PES packet it begins. */

static int
stn_ts_track_scrambled(const stn_ts_packet_t *p)
{
    static const uint8_t  code[] = { 0, 0, 1 };

    if (p->scrambled || !p->start || p->len <= STN_TS_PES_SCRAMBLING
        || memcmp(p->payload, code, sizeof(code)) != 0)
    {
        return p->scrambled;
    }

    return (p->payload[STN_TS_PES_SCRAMBLING] & 0x30) != 0;
}


/* A packet may be sent twice, and cc does not go on then (2.4.3.3). */

static int
stn_ts_track_repeated(const stn_ts_track_t *t, const stn_ts_packet_t *p)
{
    return p->cc == t->cc && p->len == t->len && !p->discontinuity
           && memcmp(p->payload, t->payload, p->len) == 0;
}


void
stn_ts_tables_keep(stn_ts_tables_t *t, const stn_ts_packet_t *p,
    const uint8_t *data)
{
    unsigned         i, n;
    stn_ts_packet_t  old;

    if (p->start) {
        for (i = 0, n = 0; i < t->n; i++) {
            stn_ts_packet_read(&old, t->packets[i]);

            if (old.pid != p->pid) {
                memmove(t->packets[n++], t->packets[i], STN_TS_PACKET_LEN);
            }
        }

        t->n = n;
    }

    if (t->n < STN_TS_TABLES_MAX) {
        memcpy(t->packets[t->n++], data, STN_TS_PACKET_LEN);
    }
}
