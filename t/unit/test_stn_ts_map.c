/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * MPEG-TS that has to be written for the test: maps that change or lie, tracks
 * that are not there or not carried, clocks that wrap, PES packets of every
 * kind, and floods.
 */

#include "ts_util.h"

#include "pack/stn_cmaf.h"


#define TYPE_MP3    0x03
#define TYPE_ADTS   0x0f
#define TYPE_LATM   0x11
#define TYPE_H264   0x1b
#define TYPE_RAW    0x1c
#define TYPE_AC3    0x81
#define TYPE_DTS    0x8a

/* Of a frame at 48 kHz, in ticks. */
#define FRAME       1920

#define UNIT        200


/* n PES packets of one frame each, numbered and timed from first on; and each
 * in the packet that it needs. */

static void
put_frames(ts_mux_t *m, uint16_t pid, unsigned first, unsigned n)
{
    unsigned   i;
    stn_buf_t  b;

    stn_buf_init(&b, 65536);

    for (i = first; i < first + n; i++) {
        stn_buf_reset(&b);
        ts_put_adts(&b, i, UNIT);
        ts_put_pes(m, pid, i * FRAME & TS_PTS_MASK, &b, 1);
    }

    stn_buf_free(&b);
}


/* A syncframe of AC-3 at 48 kHz and 32 kbit/s, which has 128 bytes. */

static void
put_ac3(ts_mux_t *m, uint16_t pid, int64_t pts)
{
    stn_buf_t  b;

    stn_buf_init(&b, 128);
    stn_buf_be32(&b, 0x0b770000);
    stn_buf_be16(&b, 0x0040);
    memset(stn_buf_reserve(&b, 122), 0, 122);
    b.len += 122;
    ts_put_pes(m, pid, pts, &b, 1);
    stn_buf_free(&b);
}


static ts_result_t
run(ts_mux_t *m, unsigned track)
{
    ts_result_t  r;

    assert_int_equal(m->out.failed, STN_OK);

    r = ts_run(m->out.data, m->out.len, 1316, track);
    ts_mux_free(m);

    return r;
}


static void
expect_refused(ts_result_t r, int rc, const char *reason)
{
    assert_int_equal(r.rc, rc);
    assert_string_equal(r.reason, reason);
    assert_int_equal(r.units, 0);
}


static void
tells_which_track_is_missing(void **state)
{
    ts_mux_t           m;
    const ts_stream_t  video = { TS_PID, TYPE_H264, NULL, 0 };

    (void) state;

    expect_refused(ts_run_file("tracks.ts", 1316, 3), STN_UNSUPPORTED,
                   "no such audio track");

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 1, TS_PID_MAP);
    ts_put_map(&m, 0, &video, 1);
    expect_refused(run(&m, 1), STN_UNSUPPORTED, "no audio track");
}


static void
refuses_what_is_not_carried(void **state)
{
    size_t    i;
    ts_mux_t  m;

    static const uint8_t  types[] = { TYPE_DTS, TYPE_RAW, 0x12, 0xcf, 0xc1 };

    (void) state;

    for (i = 0; i < stn_nelems(types); i++) {
        ts_mux_init(&m);
        ts_put_tables(&m, types[i]);

        if (types[i] == 0x12) {
            assert_int_equal(run(&m, 1).units, 0);
            continue;
        }

        expect_refused(run(&m, 1), STN_UNSUPPORTED,
                       "audio that is not carried");
    }
}


static void
tells_scrambled_audio(void **state)
{
    size_t    i;
    ts_mux_t  m;

    (void) state;

    /* as the packets say it, */

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    put_frames(&m, TS_PID, 0, 100);

    for (i = 2 * TS_PACKET; i < m.out.len; i += TS_PACKET) {
        m.out.data[i + 3] |= 0x80;
    }

    expect_refused(run(&m, 1), STN_UNSUPPORTED, "scrambled audio");

    /* or the PES packets; and a few of them are only lost */

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    put_frames(&m, TS_PID, 0, 100);

    for (i = 2 * TS_PACKET; i < 22 * TS_PACKET; i += 2 * TS_PACKET) {
        m.out.data[i + 4 + 6] |= 0x10;
    }

    assert_int_equal(run(&m, 1).units, 90);
}


static void
counts_what_it_drops(void **state)
{
    ts_mux_t     m;
    stn_buf_t    picture;
    ts_result_t  r;

    const ts_stream_t  streams[] = {
        { 0x200, TYPE_H264, NULL, 0 },
        { TS_PID, TYPE_ADTS, NULL, 0 },
        { 0x201, 0x06, NULL, 0 }
    };

    (void) state;

    stn_buf_init(&picture, 65536);
    memset(stn_buf_reserve(&picture, 184 * 10 - 9 - 5), 0x55, 184 * 10 - 14);
    picture.len = 184 * 10 - 14;

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 1, TS_PID_MAP);
    ts_put_map(&m, 0, streams, 3);
    put_frames(&m, TS_PID, 0, 10);
    ts_put_pes(&m, 0x200, 0, &picture, 0);
    ts_put_pes(&m, 0x201, 0, &picture, 0);
    ts_put_pes(&m, 0x1fff, 0, &picture, 0);
    m.out.data[1 + 2 * TS_PACKET] |= 0x80;

    r = run(&m, 1);

    assert_int_equal(r.units, 9);
    assert_int_equal(r.stats.packets, 2 + 20 + 30);
    assert_int_equal(r.stats.audio_packets, 19);
    assert_int_equal(r.stats.video_packets, 10);
    assert_int_equal(r.stats.foreign_packets, 20);
    assert_int_equal(r.stats.broken_packets, 1);
    assert_int_equal(r.stats.pid, TS_PID);

    stn_buf_free(&picture);
}


/* Another PID, then another codec at the same one. */

static void
follows_a_map_that_changes(void **state)
{
    ts_mux_t     m;
    ts_result_t  r;
    ts_stream_t  s = { TS_PID, TYPE_ADTS, NULL, 0 };

    (void) state;

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 1, TS_PID_MAP);
    ts_put_map(&m, 0, &s, 1);
    put_frames(&m, TS_PID, 0, 10);

    s.pid = 0x333;
    ts_put_map(&m, 1, &s, 1);
    put_frames(&m, TS_PID, 10, 10);
    put_frames(&m, 0x333, 10, 10);

    r = ts_run(m.out.data, m.out.len, 1316, 1);
    assert_int_equal(r.units, 20);
    assert_int_equal(r.configs, 1);
    assert_int_equal(r.last, 19 * FRAME);
    assert_int_equal(r.stats.pid, 0x333);
    assert_int_equal(r.stats.continuity_errors, 0);

    s.type = TYPE_AC3;
    ts_put_map(&m, 2, &s, 1);
    put_ac3(&m, 0x333, 20 * FRAME);

    r = run(&m, 1);
    assert_int_equal(r.rc, STN_OK);
    assert_int_equal(r.configs, 2);
    assert_int_equal(r.codec, STN_CODEC_AC3);
    assert_int_equal(r.units, 21);
}


/* Two hundred PES packets of 400 frames cut anywhere, with so many new maps
 * between them. */

static void
put_with_maps(ts_mux_t *m, const stn_buf_t *frames, unsigned maps,
    unsigned told)
{
    size_t             n;
    unsigned           i;
    stn_buf_t          piece;
    const ts_stream_t  s = { TS_PID, TYPE_ADTS, NULL, 0 };

    stn_buf_init(&piece, 65536);
    n = frames->len / 200;

    for (i = 0; i < 200; i++) {
        if (i && i % (200 / maps) == 0) {
            ts_put_map(m, i % 32, &s, 1);
        }

        stn_buf_reset(&piece);
        stn_buf_put(&piece, frames->data + i * n,
                    i == 199 ? frames->len - i * n : n);
        ts_put_pes(m, TS_PID, i ? TS_NO_PTS : 0, &piece, told);
    }

    stn_buf_free(&piece);
}


/* A map with another number costs nothing, wherever units lie; and where there
 * is one after the other, they are not all read anew. */

static void
loses_nothing_to_a_new_map(void **state)
{
    unsigned     i, told, maps;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;

    (void) state;

    stn_buf_init(&b, 1024 * 1024);

    for (i = 0; i < 400; i++) {
        ts_put_adts(&b, i, UNIT + i % 3 * 100);
    }

    for (told = 0; told < 2; told++) {
        for (maps = 1; maps < 200; maps += 40) {
            ts_mux_init(&m);
            ts_put_tables(&m, TYPE_ADTS);
            put_with_maps(&m, &b, maps, told);

            r = run(&m, 1);

            assert_int_equal(r.rc, STN_OK);
            assert_int_equal(r.units, 400);
            assert_int_equal(r.configs, 1);
            assert_int_equal(r.step_min, FRAME);
            assert_int_equal(r.step_max, FRAME);
            assert_int_equal(r.stats.broken_units, 0);
        }
    }

    stn_buf_free(&b);
}


static void
goes_on_when_the_map_loses_its_audio(void **state)
{
    ts_mux_t     m;
    ts_result_t  r;

    const ts_stream_t  video = { 0x200, TYPE_H264, NULL, 0 };
    const ts_stream_t  both[] = {
        { 0x200, TYPE_H264, NULL, 0 }, { TS_PID, TYPE_ADTS, NULL, 0 }
    };

    (void) state;

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 1, TS_PID_MAP);
    ts_put_map(&m, 0, both, 2);
    put_frames(&m, TS_PID, 0, 10);
    ts_put_map(&m, 1, &video, 1);
    ts_put_map(&m, 2, both, 2);
    put_frames(&m, TS_PID, 10, 10);

    r = run(&m, 1);
    assert_int_equal(r.rc, STN_OK);
    assert_int_equal(r.units, 20);
}


/* Encoders say LATM and send ADTS; and the other way round. */

static void
bytes_know_better_than_the_map(void **state)
{
    size_t       i, len;
    uint8_t     *data;
    ts_mux_t     m;
    ts_result_t  r;
    ts_stream_t  s = { 0x100, TYPE_ADTS, NULL, 0 };

    (void) state;

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_LATM);
    put_frames(&m, TS_PID, 0, 10);
    r = run(&m, 1);
    assert_int_equal(r.units, 10);
    assert_int_equal(r.stats.broken_units, 0);

    /* its own map is replaced; the audio of latm.ts is at 0x100 */

    ts_mux_init(&m);
    ts_put_pat(&m, 1, 1, 1, TS_PID_MAP);
    ts_put_map(&m, 1, &s, 1);
    data = ts_load("latm.ts", &len);

    for (i = 0; i < len; i += TS_PACKET) {
        if ((data[i + 1] & 0x1f) == 1 && data[i + 2] == 0) {
            stn_buf_put(&m.out, data + i, TS_PACKET);
        }
    }

    free(data);
    r = run(&m, 1);
    assert_int_equal(r.units, 95);
}


static void
config_changes_with_the_headers(void **state)
{
    unsigned     i;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;

    (void) state;

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    stn_buf_init(&b, 65536);

    for (i = 0; i < 20; i++) {
        ts_put_adts(&b, i, UNIT);

        if (i >= 10) {
            b.data[b.len - UNIT - 5] = 0x50;       /* 44.1 kHz */
        }
    }

    ts_put_pes(&m, TS_PID, 0, &b, 1);
    stn_buf_free(&b);

    r = run(&m, 1);

    assert_int_equal(r.units, 20);
    assert_int_equal(r.configs, 2);
    assert_memory_equal(r.config, "\x12\x10", 2);
    assert_int_equal(r.last, 10 * FRAME + (9 * 1024 * 90000 + 22050) / 44100);
}


static void
unwraps_the_clock(void **state)
{
    unsigned     i;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;
    int64_t      start;

    (void) state;

    start = TS_PTS_MASK + 1 - 10 * FRAME;

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    stn_buf_init(&b, 65536);

    for (i = 0; i < 20; i++) {
        stn_buf_reset(&b);
        ts_put_adts(&b, i, UNIT);
        ts_put_pes(&m, TS_PID, (start + i * FRAME) & TS_PTS_MASK, &b, 1);
    }

    r = run(&m, 1);
    assert_int_equal(r.units, 20);
    assert_int_equal(r.first, start);
    assert_int_equal(r.step_min, FRAME);
    assert_int_equal(r.step_max, FRAME);

    /* a jump back is one, even over where it starts */

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    ts_put_pes(&m, TS_PID, 5 * FRAME, &b, 1);
    ts_put_pes(&m, TS_PID, (-5 * FRAME) & TS_PTS_MASK, &b, 1);

    r = run(&m, 1);
    assert_int_equal(r.first, 5 * FRAME);
    assert_int_equal(r.last, -5 * FRAME);

    stn_buf_free(&b);
}


/* Without a PTS, or without a length: it runs on, and nothing is lost. */

static void
takes_pes_packets_of_every_kind(void **state)
{
    unsigned     i, told;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;

    (void) state;

    for (told = 0; told < 2; told++) {
        ts_mux_init(&m);
        ts_put_tables(&m, TYPE_ADTS);
        stn_buf_init(&b, 65536);

        for (i = 0; i < 20; i++) {
            stn_buf_reset(&b);
            ts_put_adts(&b, 2 * i, UNIT);
            ts_put_adts(&b, 2 * i + 1, UNIT);
            ts_put_pes(&m, TS_PID, i % 5 ? TS_NO_PTS : (int64_t) i * 2 * FRAME,
                       &b, told);
        }

        stn_buf_free(&b);
        r = run(&m, 1);

        assert_int_equal(r.units, 40);
        assert_int_equal(r.first, 0);
        assert_int_equal(r.step_min, FRAME);
        assert_int_equal(r.step_max, FRAME);
    }
}


/* One unit after the other, cut into PES packets anywhere: a PTS is that of
 * the first unit that begins in its packet. */

static void
units_lie_across_pes_packets(void **state)
{
    size_t       at, n, all;
    ts_mux_t     m;
    unsigned     i;
    uint32_t     x = 11;
    stn_buf_t    b, piece;
    ts_result_t  r;

    (void) state;

    stn_buf_init(&b, 65536);
    stn_buf_init(&piece, 65536);

    for (i = 0; i < 50; i++) {
        ts_put_adts(&b, i, UNIT);
    }

    all = UNIT + 7;

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);

    for (at = 0; at < b.len; at += n) {
        n = 1 + wire_random(&x) % 700;
        n = stn_min(n, b.len - at);
        stn_buf_reset(&piece);
        stn_buf_put(&piece, b.data + at, n);

        i = (unsigned) ((at + all - 1) / all);
        ts_put_pes(&m, TS_PID, i * all < at + n ? (int64_t) i * FRAME
                                                : TS_NO_PTS, &piece, 1);
    }

    r = run(&m, 1);
    assert_int_equal(r.units, 50);
    assert_int_equal(r.step_min, FRAME);
    assert_int_equal(r.step_max, FRAME);
    assert_int_equal(r.stats.broken_units, 0);

    stn_buf_free(&b);
    stn_buf_free(&piece);
}


static void
repeated_packets_count_once(void **state)
{
    size_t       i;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;

    (void) state;

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    put_frames(&m, TS_PID, 0, 20);

    stn_buf_init(&b, 1024 * 1024);

    for (i = 0; i < m.out.len; i += TS_PACKET) {
        stn_buf_put(&b, m.out.data + i, TS_PACKET);
        stn_buf_put(&b, m.out.data + i, TS_PACKET);
    }

    r = ts_run(b.data, b.len, 1316, 1);
    assert_int_equal(r.units, 20);
    assert_int_equal(r.stats.broken_units, 0);
    assert_int_equal(r.stats.continuity_errors, 0);

    stn_buf_free(&b);
    ts_mux_free(&m);
}


/* Of several programs, the first that has audio. */

static void
looks_for_the_first_program_with_audio(void **state)
{
    ts_mux_t     m;
    ts_result_t  r;
    ts_stream_t  s = { TS_PID, TYPE_ADTS, NULL, 0 };

    (void) state;

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 3, TS_PID_MAP);
    ts_put_map(&m, 0, &s, 1);
    put_frames(&m, TS_PID, 0, 10);

    r = run(&m, 1);
    assert_int_equal(r.units, 10);
    assert_int_equal(r.stats.tracks, 1);
}


static void
floods_of_programs_and_streams_end(void **state)
{
    unsigned     i;
    ts_mux_t     m;
    ts_result_t  r;
    ts_stream_t  s = { TS_PID, TYPE_ADTS, NULL, 0 };

    (void) state;

    ts_mux_init(&m);

    for (i = 0; i < 1000; i++) {
        ts_put_pat(&m, i % 32, (uint16_t) (1 + i * 60), 60, TS_PID_MAP);
    }

    expect_refused(run(&m, 1), STN_LIMIT, "too many programs");

    ts_mux_init(&m);
    ts_put_pat(&m, 0, 1, 1, TS_PID_MAP);

    for (i = 0; i < 5000; i++) {
        s.pid = (uint16_t) (0x200 + i);
        ts_put_map(&m, i % 32, &s, 1);
    }

    r = run(&m, 1);
    assert_int_equal(r.rc, STN_LIMIT);
    assert_string_equal(r.reason, "too many streams");
}


/* A PES packet that never ends is cut, and takes no more memory. */

static void
endless_pes_packets_are_cut(void **state)
{
    unsigned     i;
    ts_mux_t     m;
    stn_buf_t    b;
    ts_result_t  r;

    (void) state;

    stn_buf_init(&b, 1024 * 1024);

    for (i = 0; i < 4000; i++) {
        ts_put_adts(&b, i, UNIT);
    }

    ts_mux_init(&m);
    ts_put_tables(&m, TYPE_ADTS);
    ts_put_pes(&m, TS_PID, 0, &b, 0);
    stn_buf_free(&b);

    r = run(&m, 1);
    assert_int_equal(r.rc, STN_OK);
    assert_int_equal(r.units, 4000);
    assert_int_equal(r.step_min, FRAME);
    assert_int_equal(r.step_max, FRAME);
}


static int
quiet(void **state)
{
    (void) state;

    stn_cmaf_quiet();

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(tells_which_track_is_missing),
        cmocka_unit_test(refuses_what_is_not_carried),
        cmocka_unit_test(tells_scrambled_audio),
        cmocka_unit_test(counts_what_it_drops),
        cmocka_unit_test(follows_a_map_that_changes),
        cmocka_unit_test(loses_nothing_to_a_new_map),
        cmocka_unit_test(goes_on_when_the_map_loses_its_audio),
        cmocka_unit_test(bytes_know_better_than_the_map),
        cmocka_unit_test(config_changes_with_the_headers),
        cmocka_unit_test(unwraps_the_clock),
        cmocka_unit_test(takes_pes_packets_of_every_kind),
        cmocka_unit_test(units_lie_across_pes_packets),
        cmocka_unit_test(repeated_packets_count_once),
        cmocka_unit_test(looks_for_the_first_program_with_audio),
        cmocka_unit_test(floods_of_programs_and_streams_end),
        cmocka_unit_test(endless_pes_packets_are_cut)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, quiet, NULL);
}
