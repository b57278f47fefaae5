/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * MPEG-TS as it is recorded: the units of every codec, whole or in pieces, cut
 * anywhere, with packets lost and garbage between them; and that nothing is
 * held back.
 */

#include "ts_util.h"

#include "pack/stn_cmaf.h"
#include "programme/stn_codec.h"
#include "wire/stn_wire_format.h"


/* Of adts.ts and latm.ts: the units that `ffmpeg -c copy` puts into an MP4
 * file, by wire_hash(). */
#define AAC_UNITS  95
#define AAC_BYTES  16430
#define AAC_SOUND  0xb0d9e62cca73b2acULL

#define UNITS_MAX  4096


static const struct {
    const char   *name;
    unsigned      track;
    stn_codec_e   codec;
    size_t        units;
    int64_t       first;       /* ts */
    int64_t       step;        /* ticks a unit */
    unsigned      tracks;
} recordings[] = {
    { "obs.ts", 0, STN_CODEC_AAC, 94, 0, 1920, 1 },
    { "adts.ts", 1, STN_CODEC_AAC, 95, 126000, 1920, 1 },
    { "latm.ts", 1, STN_CODEC_AAC, 95, 126000, 1920, 1 },
    { "mono.ts", 0, STN_CODEC_AAC, 88, 126000, 2090, 1 },
    { "pce.ts", 0, STN_CODEC_AAC, 95, 126000, 1920, 1 },
    { "opus.ts", 0, STN_CODEC_OPUS, 101, 126000, 1800, 1 },
    { "mp3.ts", 0, STN_CODEC_MP3, 85, 126000, 2160, 1 },
    { "mp2.ts", 0, STN_CODEC_MP3, 84, 126000, 2160, 1 },
    { "ac3.ts", 0, STN_CODEC_AC3, 63, 126000, 2880, 1 },
    { "eac3.ts", 0, STN_CODEC_EAC3, 63, 126000, 2880, 1 },
    { "tracks.ts", 1, STN_CODEC_AAC, 95, 126152, 1920, 2 },
    { "tracks.ts", 2, STN_CODEC_MP3, 85, 126000, 2160, 2 },
    { "video.ts", 0, STN_CODEC_AAC, 95, 142080, 1920, 1 }
};


static void
gives_the_units_of_each_recording(void **state)
{
    size_t       i;
    ts_result_t  r;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        r = ts_run_file(recordings[i].name, 1316, recordings[i].track);

        assert_int_equal(r.rc, STN_OK);
        assert_int_equal(r.configs, 1);
        assert_int_equal(r.codec, recordings[i].codec);
        assert_int_equal(r.units, recordings[i].units);
        assert_int_equal(r.first, recordings[i].first);
        assert_in_range(r.step_min, recordings[i].step - 1,
                        recordings[i].step + 1);
        assert_in_range(r.step_max, recordings[i].step - 1,
                        recordings[i].step + 1);
        assert_int_equal(r.stats.tracks, recordings[i].tracks);
        assert_int_equal(r.stats.broken_units, 0);
        assert_int_equal(r.stats.continuity_errors, 0);
    }
}


static void
aac_is_what_other_containers_hold(void **state)
{
    size_t       i;
    ts_result_t  r;

    static const char *const  names[] = { "adts.ts", "latm.ts" };

    (void) state;

    for (i = 0; i < stn_nelems(names); i++) {
        r = ts_run_file(names[i], 1316, 1);

        assert_int_equal(r.units, AAC_UNITS);
        assert_int_equal(r.bytes, AAC_BYTES);
        assert_true(r.sound == AAC_SOUND);
        assert_int_equal(r.config_len, 2);
        assert_memory_equal(r.config, "\x11\x90", 2);
    }
}


/* Decodes what comes. */

typedef struct {
    stn_decoder_t  *decoder;
    size_t          samples;
    size_t          failed;
    uint32_t        rate;
} ear_t;


static void
hear(void *data, const stn_ts_event_t *ev)
{
    int            rc;
    ear_t         *ear = data;
    stn_pcm_t      pcm;
    const char    *reason;
    stn_format_t   format;

    if (ev->type == STN_TS_EV_CONFIG) {
        assert_int_equal(stn_wire_format(&format, ev->config.codec,
                                         ev->config.data, ev->config.len,
                                         &reason), STN_OK);
        stn_decoder_close(ear->decoder);
        ear->decoder = stn_decoder_open(&format);
        assert_non_null(ear->decoder);
        return;
    }

    rc = stn_decoder_feed(ear->decoder, ev->au.data, ev->au.len, &pcm);

    if (rc == STN_OK) {
        ear->samples += pcm.n;
        ear->rate = pcm.rate;

    } else if (rc != STN_AGAIN) {
        ear->failed++;
    }
}


static void
what_comes_is_decoded(void **state)
{
    size_t       i;
    ear_t        ear;
    ts_input_t   in;
    ts_result_t  r;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        memset(&ear, 0, sizeof(ear));
        memset(&in, 0, sizeof(in));
        in.data = ts_load(recordings[i].name, &in.len);

        r = ts_run_with(&in, recordings[i].track, hear, &ear);

        assert_int_equal(r.rc, STN_OK);
        assert_int_equal(ear.failed, 0);
        assert_in_range(ear.samples, ear.rate * 19 / 10, ear.rate * 21 / 10);

        stn_decoder_close(ear.decoder);
        free((void *) in.data);
    }
}


static void
pieces_make_no_difference(void **state)
{
    size_t       i, k;
    ts_result_t  whole, r;

    static const size_t  pieces[] = { 1, 7, 187, 188, 189, 376, 1316 };

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        whole = ts_run_file(recordings[i].name, 0, recordings[i].track);

        for (k = 0; k < stn_nelems(pieces); k++) {
            r = ts_run_file(recordings[i].name, pieces[k],
                            recordings[i].track);

            assert_true(r.events == whole.events);
            assert_memory_equal(&r.stats, &whole.stats, sizeof(r.stats));
        }
    }
}


/* Where the PES packet that a unit came in ends, told from the recording. */

typedef struct {
    const ts_input_t  *in;
    unsigned           pid;
    size_t             units;
    size_t             late_max;
} watch_t;


/* How many bytes before pos the last packet of the PID ends. */

static size_t
bytes_since_packet(const watch_t *w, size_t pos)
{
    size_t          i;
    const uint8_t  *p;

    for (i = pos - pos % TS_PACKET; i >= TS_PACKET; i -= TS_PACKET) {
        p = w->in->data + i - TS_PACKET;

        if (((unsigned) (p[1] & 0x1f) << 8 | p[2]) == w->pid) {
            return pos - i;
        }
    }

    fail();

    return 0;
}


static void
watch(void *data, const stn_ts_event_t *ev)
{
    size_t    late;
    watch_t  *w = data;

    if (ev->type == STN_TS_EV_CONFIG) {
        return;
    }

    late = bytes_since_packet(w, w->in->pos);
    w->late_max = late > w->late_max ? late : w->late_max;
    w->units++;
}


/* One packet at a time, a unit comes with the last packet of its PES packet:
 * OBS has one in each.  In SRT's pieces it comes with its own. */

static void
nothing_is_held_back(void **state)
{
    size_t       i;
    watch_t      w;
    ts_input_t   in;
    ts_result_t  r;

    static const struct {
        size_t  piece;
        size_t  late;
    } cases[] = { { TS_PACKET, 0 }, { 1316, 1316 - TS_PACKET } };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        memset(&w, 0, sizeof(w));
        memset(&in, 0, sizeof(in));
        in.data = ts_load("obs.ts", &in.len);
        in.piece = cases[i].piece;
        w.in = &in;
        w.pid = 0x101;

        r = ts_run_with(&in, 1, watch, &w);

        assert_int_equal(r.rc, STN_OK);
        assert_int_equal(w.units, 94);
        assert_int_equal(r.stats.pes, 94);
        assert_true(w.late_max <= cases[i].late);

        free((void *) in.data);
    }
}


/* The units of a recording, by which what comes of a damaged one is told. */

typedef struct {
    struct {
        int64_t   ts;
        uint64_t  hash;
    } units[UNITS_MAX];

    size_t  n;
    size_t  at;                /* where to look first */
    size_t  known;             /* units that are in the list, time and all */
    size_t  strange;           /* and that are not */
} known_t;


static void
learn(void *data, const stn_ts_event_t *ev)
{
    known_t  *k = data;

    if (ev->type == STN_TS_EV_AUDIO) {
        assert_true(k->n < UNITS_MAX);
        k->units[k->n].ts = ev->au.ts;
        k->units[k->n].hash = wire_hash(TS_BASIS, ev->au.data, ev->au.len);
        k->n++;
    }
}


static void
recognize(void *data, const stn_ts_event_t *ev)
{
    size_t    i;
    uint64_t  hash;
    known_t  *k = data;

    if (ev->type != STN_TS_EV_AUDIO) {
        return;
    }

    hash = wire_hash(TS_BASIS, ev->au.data, ev->au.len);

    for (i = k->at; i < k->n; i++) {
        if (k->units[i].hash == hash && k->units[i].ts == ev->au.ts) {
            k->at = i + 1;
            k->known++;
            return;
        }
    }

    k->strange++;
}


static void
known_init(known_t *k, const uint8_t *data, size_t len, unsigned track)
{
    ts_input_t  in = { data, len, 0, 0, 0 };

    memset(k, 0, sizeof(*k));
    assert_int_equal(ts_run_with(&in, track, learn, k).rc, STN_OK);
}


static ts_result_t
known_run(known_t *k, const uint8_t *data, size_t len, unsigned track)
{
    ts_input_t   in = { data, len, 0, 1316, 0 };
    ts_result_t  r;

    k->at = 0;
    k->known = 0;
    k->strange = 0;

    r = ts_run_with(&in, track, recognize, k);
    assert_int_equal(r.rc, STN_OK);

    return r;
}


/* Every so many-th packet from the first on is lost. */

static size_t
lose(uint8_t *out, const uint8_t *data, size_t len, size_t first)
{
    size_t  i, n;

    for (i = 0, n = 0; i < len / TS_PACKET; i++) {
        if (i % 50 != first) {
            memcpy(out + n, data + i * TS_PACKET, TS_PACKET);
            n += TS_PACKET;
        }
    }

    return n;
}


static void
lost_packets_cost_their_own_units_only(void **state)
{
    size_t        i, len, n, first;
    known_t       k;
    uint8_t      *data, *out;
    ts_result_t   r;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        data = ts_load(recordings[i].name, &len);
        out = malloc(len);
        assert_non_null(out);

        known_init(&k, data, len, recordings[i].track);

        for (first = 1; first < 50; first++) {
            n = lose(out, data, len, first);
            r = known_run(&k, out, n, recordings[i].track);

            /* what comes is what was sent; and half of it comes even when the
             * first map, with its PES packets of eight frames, is lost, but
             * nothing without the only program_config_element there is */

            assert_int_equal(k.strange, 0);
            assert_true(r.units * 2 >= k.n
                        || strcmp(recordings[i].name, "pce.ts") == 0);

            /* nothing tells of what was lost before the first packet of the
             * track or behind the last one */

            assert_true(r.units == k.n || r.stats.continuity_errors > 0
                        || r.first > recordings[i].first
                        || k.at < k.n);
        }

        free(data);
        free(out);
    }
}


static void
may_be_cut_at_any_packet(void **state)
{
    size_t        i, k, len, units;
    uint8_t      *data;
    ts_result_t   r, tail;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        data = ts_load(recordings[i].name, &len);
        units = 0;

        for (k = 0; k <= len; k += TS_PACKET) {
            r = ts_run(data, k, 0, recordings[i].track);
            assert_int_equal(r.rc, STN_OK);
            assert_true(r.units >= units);
            units = r.units;

            tail = ts_run(data + k, len - k, 0, recordings[i].track);
            assert_int_equal(tail.rc, STN_OK);
            assert_true(tail.units + r.units <= recordings[i].units);
        }

        assert_int_equal(units, recordings[i].units);
        free(data);
    }
}


static void
says_when_it_was_cut_off(void **state)
{
    ts_input_t   in;
    ts_result_t  r;

    (void) state;

    memset(&in, 0, sizeof(in));
    in.data = ts_load("adts.ts", &in.len);
    in.end = -1;

    r = ts_run_with(&in, 1, NULL, NULL);

    assert_int_equal(r.rc, STN_ERROR);
    assert_string_equal(r.reason, "transport stream cut off");
    assert_int_equal(r.units, AAC_UNITS);

    free((void *) in.data);
}


static void
steps_over_garbage_between_packets(void **state)
{
    size_t        i, n, len;
    known_t       k;
    uint8_t      *data, junk[300];
    uint32_t      x = 1;
    stn_buf_t     b;
    ts_result_t   r;

    (void) state;

    data = ts_load("adts.ts", &len);
    known_init(&k, data, len, 1);
    stn_buf_init(&b, 1024 * 1024);

    for (i = 0; i < len; i += TS_PACKET) {
        if (i / TS_PACKET % 10 == 5) {
            n = 1 + wire_random(&x) % sizeof(junk);
            memset(junk, 0x46, n);
            stn_buf_put(&b, junk, n);
        }

        stn_buf_put(&b, data + i, TS_PACKET);
    }

    r = known_run(&k, b.data, b.len, 1);

    /* all of it; the packet before garbage is taken for what it is */

    assert_int_equal(r.units, AAC_UNITS);
    assert_int_equal(k.strange, 0);
    assert_int_equal(r.stats.garbage, b.len - len);
    assert_int_equal(r.stats.continuity_errors, 0);

    stn_buf_free(&b);
    free(data);
}


static void
knows_what_is_no_transport_stream(void **state)
{
    size_t        i, n;
    uint8_t      *data;
    uint32_t      x = 7;
    ts_result_t   r;

    (void) state;

    n = 2 * STN_TS_GARBAGE_MAX;
    data = malloc(n);
    assert_non_null(data);
    memset(data, 0, n);

    r = ts_run(data, n, 0, 1);
    assert_int_equal(r.rc, STN_ERROR);
    assert_string_equal(r.reason, "no MPEG transport stream");
    assert_true(r.stats.garbage <= STN_TS_GARBAGE_MAX + 4096);

    /* a little of it is only nothing */

    r = ts_run(data, 1000, 1, 1);
    assert_int_equal(r.rc, STN_OK);
    assert_int_equal(r.units, 0);

    /* and noise has a sync byte here and there */

    for (i = 0; i < n; i++) {
        data[i] = (uint8_t) wire_random(&x);
    }

    r = ts_run(data, n, 1316, 1);
    assert_int_equal(r.rc, STN_ERROR);
    assert_string_equal(r.reason, "no MPEG transport stream");

    free(data);
}


/* Bytes overwritten here and there: the demuxer survives, and goes on. */

static void
survives_damage(void **state)
{
    size_t        i, k, len, seed;
    uint8_t      *data, *out;
    uint32_t      x = 3;
    ts_result_t   r;

    (void) state;

    for (i = 0; i < stn_nelems(recordings); i++) {
        data = ts_load(recordings[i].name, &len);
        out = malloc(len);
        assert_non_null(out);

        for (seed = 0; seed < 20; seed++) {
            memcpy(out, data, len);

            for (k = 0; k < len / 2000; k++) {
                out[wire_random(&x) % len] = (uint8_t) wire_random(&x);
            }

            r = ts_run(out, len, 1316, recordings[i].track);
            assert_true(r.rc != STN_NOMEM);
            assert_true(r.units <= recordings[i].units + 2);
        }

        free(data);
        free(out);
    }
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
        cmocka_unit_test(gives_the_units_of_each_recording),
        cmocka_unit_test(aac_is_what_other_containers_hold),
        cmocka_unit_test(what_comes_is_decoded),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(nothing_is_held_back),
        cmocka_unit_test(lost_packets_cost_their_own_units_only),
        cmocka_unit_test(may_be_cut_at_any_packet),
        cmocka_unit_test(says_when_it_was_cut_off),
        cmocka_unit_test(steps_over_garbage_between_packets),
        cmocka_unit_test(knows_what_is_no_transport_stream),
        cmocka_unit_test(survives_damage)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, quiet, NULL);
}
