/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Transport stream packets: finding them, their headers, following a PID, and
 * the tables that are kept for the next demuxer.
 */

#include "wire_util.h"

#include "wire/stn_ts_packet.h"


/* A packet of the PID with n bytes of payload, each the low byte of cc. */

static void
packet_make(uint8_t *p, unsigned pid, unsigned start, unsigned cc, size_t n)
{
    size_t  fill;

    fill = STN_TS_PAYLOAD_MAX - n;

    memset(p, (int) cc, STN_TS_PACKET_LEN);
    p[0] = 0x47;
    p[1] = (uint8_t) (start << 6 | pid >> 8);
    p[2] = (uint8_t) pid;
    p[3] = (uint8_t) ((fill ? 0x20 : 0) | (n ? 0x10 : 0) | (cc & 0xf));

    if (fill) {
        p[4] = (uint8_t) (fill - 1);
        p[5] = 0;
    }
}


static void
reads_headers(void **state)
{
    uint8_t          d[STN_TS_PACKET_LEN];
    stn_ts_packet_t  p;

    (void) state;

    packet_make(d, 0x1abc, 1, 0x25, 100);
    stn_ts_packet_read(&p, d);
    assert_int_equal(p.pid, 0x1abc);
    assert_int_equal(p.start, 1);
    assert_int_equal(p.cc, 5);
    assert_int_equal(p.broken, 0);
    assert_int_equal(p.scrambled, 0);
    assert_int_equal(p.discontinuity, 0);
    assert_int_equal(p.len, 100);
    assert_ptr_equal(p.payload, d + 88);

    d[1] |= 0x80;
    d[3] |= 0xc0;
    d[5] |= 0x80;
    stn_ts_packet_read(&p, d);
    assert_int_equal(p.broken, 1);
    assert_int_equal(p.scrambled, 1);
    assert_int_equal(p.discontinuity, 1);

    packet_make(d, 1, 0, 0, STN_TS_PAYLOAD_MAX);
    stn_ts_packet_read(&p, d);
    assert_int_equal(p.len, STN_TS_PAYLOAD_MAX);

    packet_make(d, 1, 0, 0, 0);
    stn_ts_packet_read(&p, d);
    assert_int_equal(p.len, 0);
    assert_int_equal(p.broken, 0);

    d[4] = 184;
    stn_ts_packet_read(&p, d);
    assert_int_equal(p.broken, 1);
    assert_int_equal(p.len, 0);
}


/* Feeds n bytes at data and counts the packets that come. */

static unsigned
sync_run(stn_ts_sync_t *s, const uint8_t *data, size_t n, size_t piece)
{
    size_t          room, k;
    uint8_t        *to;
    unsigned        packets;
    const uint8_t  *packet;

    for (packets = 0; n; data += k, n -= k) {
        to = stn_ts_sync_room(s, &room);
        assert_true(room >= STN_TS_ROOM_MIN);

        k = stn_min(stn_min(n, room), piece);
        memcpy(to, data, k);
        stn_ts_sync_feed(s, k);

        while (stn_ts_sync_next(s, &packet) == STN_OK) {
            assert_int_equal(packet[0], 0x47);
            packets++;
        }
    }

    return packets;
}


static void
finds_packets(void **state)
{
    size_t         i, k, at;
    uint8_t        d[40 * STN_TS_PACKET_LEN + 100];
    stn_ts_sync_t  s;

    static const size_t  pieces[] = { 1, 100, 188, 1316, 5000 };

    (void) state;

    for (i = 0; i < stn_nelems(pieces); i++) {
        /* a sync byte that is none, and garbage in the middle */

        memset(d, 0, sizeof(d));
        d[3] = 0x47;

        for (k = 0, at = 10; k < 40; k++, at += STN_TS_PACKET_LEN) {
            at += k == 20 ? 90 : 0;
            packet_make(d + at, 7, 0, 0, STN_TS_PAYLOAD_MAX);
        }

        memset(&s, 0, sizeof(s));
        assert_int_equal(sync_run(&s, d, sizeof(d), pieces[i]), 40);
        assert_int_equal(s.garbage, 100);
        assert_int_equal(s.run, 0);
    }
}


static int
follow(stn_ts_track_t *t, const uint8_t *d)
{
    stn_ts_packet_t  p;

    stn_ts_packet_read(&p, d);

    return stn_ts_track_follow(t, &p);
}


static void
follows_a_pid(void **state)
{
    uint8_t         d[STN_TS_PACKET_LEN];
    unsigned        cc;
    stn_ts_track_t  t;

    (void) state;

    memset(&t, 0, sizeof(t));
    stn_ts_track_init(&t);

    /* from where a PES packet begins */

    packet_make(d, 7, 0, 3, 184);
    assert_int_equal(follow(&t, d), 0);
    assert_int_equal(t.gaps, 0);

    for (cc = 4; cc < 40; cc++) {
        packet_make(d, 7, cc == 4, cc, 184);
        assert_int_equal(follow(&t, d), 1);

        /* once */

        assert_int_equal(follow(&t, d), 0);

        /* nothing in it, nothing said by it */

        packet_make(d, 7, 0, cc + 5, 0);
        assert_int_equal(follow(&t, d), 0);
    }

    assert_int_equal(t.gaps, 0);

    /* over a gap, only where the next one does */

    packet_make(d, 7, 0, 42, 184);
    assert_int_equal(follow(&t, d), 0);
    packet_make(d, 7, 0, 43, 184);
    assert_int_equal(follow(&t, d), 0);
    packet_make(d, 7, 1, 44, 184);
    assert_int_equal(follow(&t, d), 1);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.lost, 1);

    /* a gap right before it is one, too; but not one that is announced */

    packet_make(d, 7, 1, 50, 184);
    assert_int_equal(follow(&t, d), 1);
    assert_int_equal(t.gaps, 2);

    packet_make(d, 7, 0, 60, 100);
    d[5] = 0x80;
    assert_int_equal(follow(&t, d), 1);
    assert_int_equal(t.gaps, 2);
}


static void
drops_what_is_scrambled(void **state)
{
    uint8_t         d[STN_TS_PACKET_LEN];
    stn_ts_track_t  t;

    static const uint8_t  pes[] = { 0, 0, 1, 0xc0, 0, 0, 0x90, 0, 0 };

    (void) state;

    memset(&t, 0, sizeof(t));
    stn_ts_track_init(&t);

    packet_make(d, 7, 1, 1, 184);
    assert_int_equal(follow(&t, d), 1);

    packet_make(d, 7, 0, 2, 184);
    d[3] |= 0x40;
    assert_int_equal(follow(&t, d), 0);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.scrambled_run, 1);

    packet_make(d, 7, 1, 3, 184);
    memcpy(d + 4, pes, sizeof(pes));
    assert_int_equal(follow(&t, d), 0);
    assert_int_equal(t.scrambled_run, 2);

    packet_make(d, 7, 1, 4, 184);
    assert_int_equal(follow(&t, d), 1);
    assert_int_equal(t.scrambled_run, 0);
    assert_int_equal(t.scrambled, 2);
    assert_int_equal(t.lost, 0);
}


static void
keep(stn_ts_tables_t *t, unsigned pid, unsigned start, unsigned cc)
{
    uint8_t          d[STN_TS_PACKET_LEN];
    stn_ts_packet_t  p;

    packet_make(d, pid, start, cc, 184);
    stn_ts_packet_read(&p, d);
    stn_ts_tables_keep(t, &p, d);
}


static void
keeps_the_last_tables(void **state)
{
    unsigned         i;
    stn_ts_tables_t  t;

    (void) state;

    memset(&t, 0, sizeof(t));

    keep(&t, 0, 1, 1);
    keep(&t, 7, 1, 2);
    keep(&t, 7, 0, 3);
    keep(&t, 8, 1, 4);
    keep(&t, 7, 1, 5);
    keep(&t, 7, 0, 6);

    /* in the order in which they came */

    assert_int_equal(t.n, 4);
    assert_int_equal(t.packets[0][10], 1);
    assert_int_equal(t.packets[1][10], 4);
    assert_int_equal(t.packets[2][10], 5);
    assert_int_equal(t.packets[3][10], 6);

    for (i = 0; i < 100; i++) {
        keep(&t, 9, 0, i);
    }

    assert_int_equal(t.n, STN_TS_TABLES_MAX);

    keep(&t, 9, 1, 1);
    assert_int_equal(t.n, 5);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_headers),
        cmocka_unit_test(finds_packets),
        cmocka_unit_test(follows_a_pid),
        cmocka_unit_test(drops_what_is_scrambled),
        cmocka_unit_test(keeps_the_last_tables)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
