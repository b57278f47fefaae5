/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Parts on their grid: alone, and at the end of the whole pipe under a told
 * clock, where half an hour of RTMP timestamps, jitter and bursts must come
 * out as parts without gap, in time, and dated right.
 */

#include "programme_util.h"

#include "pack/stn_playlist.h"


/* Parts of the window that a stream is born with come all at once. */
#define HOUR_HALF_MS  ((int64_t) 30 * 60 * 1000)

/* How far the date of a part's end may be from the time it was whole. */
#define DATE_US  (50 * MS)


/* The far end of the pipe: what has been seen of the parts so far. */

typedef struct {
    stn_segmenter_t         seg;
    stn_playlist_segment_t  segment;     /* the one that is being built */
    uint64_t                parts;
    uint64_t                live_parts;
    uint64_t                samples;     /* in all parts */
    uint64_t                next_tfdt;
    uint64_t                extinf;      /* sum over whole segments, 10 us */
    uint64_t                extinf_samples;
    int64_t                 late_us;     /* latest and earliest part */
    int64_t                 early_us;
    uint32_t                last_seq;
    uint32_t                whole;       /* units in parts that are whole */
} pipe_t;


/* What EXTINF says in the playlist of one segment, in units of 10 us. */

static uint64_t
extinf(pipe_t *pipe, const stn_grid_t *g)
{
    unsigned         s, frac;
    stn_buf_t        b;
    const char      *at;
    stn_playlist_t   pl;

    memset(&pl, 0, sizeof(pl));
    pl.rendition = "audio";
    pl.segments = &pipe->segment;
    pl.nsegments = 1;
    pl.window = 1;
    pl.rate = g->rate;
    pl.part = g->part;
    pl.parts = g->parts;

    stn_buf_init(&b, STN_PLAYLIST_MAX);
    assert_int_equal(stn_playlist_media(&pl, STN_PLAYLIST_LOW_LATENCY, &b),
                     STN_OK);
    stn_buf_u8(&b, '\0');

    at = strstr((const char *) b.data, "#EXTINF:");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "#EXTINF:%u.%5u,", &s, &frac), 2);

    stn_buf_free(&b);

    return (uint64_t) s * 100000 + frac;
}


static void
pipe_segment(pipe_t *pipe, const stn_grid_t *g, const stn_part_t *part)
{
    stn_playlist_segment_t  *s;

    s = &pipe->segment;

    if (part->part == 0) {
        memset(s, 0, sizeof(*s));
        s->msn = part->msn;
        s->pos = part->pos;
        s->rate = g->rate;
    }

    assert_int_equal(s->msn, part->msn);
    assert_int_equal(s->nparts, part->part);

    s->parts[s->nparts++] = part->duration;
    s->duration += part->duration;
    s->complete = s->nparts == g->parts;

    if (s->complete) {
        pipe->extinf += extinf(pipe, g);
        pipe->extinf_samples += s->duration;
    }
}


static void
pipe_part(pipe_t *pipe, rig_t *r, const stn_part_t *part)
{
    int64_t       late;
    media_part_t  m;

    media_parse_part(&m, part->data, part->len);

    assert_int_equal(m.boxes, 2);
    assert_int_equal(m.tfdt_version, 1);
    assert_true(m.tfdt == (uint64_t) part->pos);
    assert_true(pipe->parts == 0 || m.tfdt == pipe->next_tfdt);
    assert_true(pipe->parts == 0 || m.seq == pipe->last_seq + 1);

    assert_int_equal(part->duration, r->grid.part);
    assert_int_equal(m.duration, part->duration);
    assert_int_equal(m.samples * r->format.frame, part->duration);
    assert_int_equal(m.bytes + 8, m.mdat);

    assert_true(part->msn == m.tfdt / (uint64_t) stn_grid_segment(&r->grid));
    assert_int_equal(part->part, m.tfdt / r->grid.part % r->grid.parts);

    pipe_segment(pipe, &r->grid, part);

    pipe->parts++;
    pipe->samples += part->duration;
    pipe->next_tfdt = m.tfdt + m.duration;
    pipe->last_seq = m.seq;

    if (part->live) {
        pipe->live_parts++;
        pipe->whole = r->heard;

        late = r->now_us - rig_us(r, (int64_t) pipe->next_tfdt);

        if (pipe->live_parts == 1) {
            pipe->late_us = late;
            pipe->early_us = late;
        }

        pipe->late_us = stn_max(pipe->late_us, late);
        pipe->early_us = stn_min(pipe->early_us, late);
    }
}


/* A part closes with the frame that ends its cell of the grid, and only then;
 * the frame is fed at the time it came. */

static void
pipe_frame(rig_t *r, const stn_frame_t *f)
{
    int          rc;
    pipe_t      *pipe = r->data;
    stn_part_t   part;

    if (r->next_pos == f->pos + r->format.frame && pipe->parts == 0
        && pipe->seg.samples == 0)
    {
        pipe->seg.msn = stn_grid_msn(&r->grid, f->pos);
    }

    rc = stn_segmenter_feed(&pipe->seg, f, &part);

    if ((f->pos + r->format.frame) % r->grid.part) {
        assert_int_equal(rc, STN_AGAIN);
        return;
    }

    assert_int_equal(rc, STN_OK);
    pipe_part(pipe, r, &part);
}


static void
pipe_init(pipe_t *pipe, rig_t *r, const char *asc, int64_t part_us)
{
    rig_init(r, asc, part_us);

    memset(pipe, 0, sizeof(*pipe));
    assert_int_equal(stn_segmenter_init(&pipe->seg, &r->format, &r->grid, 0, 0),
                     STN_OK);

    r->frame = pipe_frame;
    r->data = pipe;
    r->unit = 60;
}


static void
pipe_free(pipe_t *pipe, rig_t *r)
{
    stn_segmenter_free(&pipe->seg);
    rig_free(r);
}


/* Once each, in order, nothing repaired, no more than the open part inside;
 * and EXTINF adds up to the media within a frame. */

static void
pipe_whole(pipe_t *pipe, rig_t *r)
{
    int64_t  diff;

    assert_int_equal(r->lost, 0);
    assert_int_equal(r->live, r->made);
    assert_int_equal(r->p.stats.gaps_filled, 0);
    assert_int_equal(r->p.stats.stale_dropped, 0);
    assert_int_equal(r->p.stats.resyncs, 0);
    assert_true((r->made - pipe->whole) * r->format.frame < r->grid.part);
    assert_true(r->hold * r->format.frame < 90 * r->format.rate);

    diff = (int64_t) pipe->extinf
           - stn_rescale((int64_t) pipe->extinf_samples, 100000,
                         r->format.rate);
    assert_true(llabs(diff) <= (int64_t) r->format.frame * 100000
                               / r->format.rate);
}


/* Half an hour of units, each delayed by up to jitter_us, or kept until the
 * next multiple of burst_us. */

static void
half_an_hour(pipe_t *pipe, rig_t *r, int64_t jitter_us, int64_t burst_us)
{
    int64_t   at;
    uint32_t  x = 12345, n, units;

    stn_programme_arrive(&r->p);

    units = rig_units(r, HOUR_HALF_MS);

    for (n = 0; n < units; n++) {
        at = rig_ready(r, RIG_EPOCH, n);

        if (jitter_us) {
            at += wire_random(&x) % (uint32_t) jitter_us;
        }

        if (burst_us) {
            at += burst_us - (at - RIG_EPOCH) % burst_us;
        }

        /* TCP keeps the order */

        rig_run(r, stn_max(at, r->now_us));
        assert_int_equal(rig_put(r, rig_ts(r, n)), STN_OK);
        rig_pump(r);
    }

    pipe_whole(pipe, r);

    assert_true(pipe->live_parts >= (uint64_t) HOUR_HALF_MS / 1000 - 10);
}


static void
cuts_half_an_hour_at_48_khz(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, LC_48000, SEC);
    assert_int_equal(r.grid.part, 47 * 1024);
    half_an_hour(&pipe, &r, 0, 0);

    /* on time within half a frame and the rounding of timestamps */

    assert_true(pipe.late_us <= (12 + STN_TIMELINE_DELAY_MS) * MS
                && pipe.early_us >= -12 * MS);
    pipe_free(&pipe, &r);
}


static void
cuts_half_an_hour_at_44_khz(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, LC_44100, SEC);
    assert_int_equal(r.grid.part, 43 * 1024);
    half_an_hour(&pipe, &r, 0, 0);

    assert_true(pipe.late_us <= (13 + STN_TIMELINE_DELAY_MS) * MS
                && pipe.early_us >= -13 * MS);
    pipe_free(&pipe, &r);
}


static void
cuts_half_an_hour_under_jitter(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, LC_MONO, SEC);
    half_an_hour(&pipe, &r, 40 * MS, 0);
    assert_true(pipe.late_us <= DATE_US && pipe.early_us >= -DATE_US);
    pipe_free(&pipe, &r);

    pipe_init(&pipe, &r, LC_44100, SEC);
    half_an_hour(&pipe, &r, 40 * MS, 0);
    assert_true(pipe.late_us <= DATE_US && pipe.early_us >= -DATE_US);
    pipe_free(&pipe, &r);
}


/* OBS sends audio when it has video to send: at 10 frames a second, bursts. */

static void
cuts_half_an_hour_in_bursts(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, LC_44100, SEC);
    half_an_hour(&pipe, &r, 0, 100 * MS);
    assert_true(pipe.late_us <= 100 * MS + 12 * MS);
    assert_true(pipe.early_us >= -DATE_US);
    pipe_free(&pipe, &r);

    pipe_init(&pipe, &r, LC_MONO, SEC);
    half_an_hour(&pipe, &r, 40 * MS, 100 * MS);
    assert_true(pipe.late_us <= 200 * MS);
    assert_true(pipe.early_us >= -DATE_US);
    pipe_free(&pipe, &r);
}


static void
cuts_half_an_hour_of_he_aac(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, HE_48000, SEC);
    assert_int_equal(r.grid.part, 23 * 2048);
    half_an_hour(&pipe, &r, 20 * MS, 0);
    assert_true(pipe.late_us <= DATE_US && pipe.early_us >= -DATE_US);
    pipe_free(&pipe, &r);
}


/* Wherever in a frame the broadcaster begins, the dates are right: half a
 * frame, the codec's delay and what the units themselves are late. */

static void
dates_parts_in_any_phase(void **state)
{
    int       phase;
    rig_t     r;
    pipe_t    pipe;
    uint32_t  x = 2, n;

    (void) state;

    for (phase = 0; phase < 24; phase++) {
        pipe_init(&pipe, &r, LC_MONO, 200 * MS);
        r.now_us += phase * MS;
        stn_programme_arrive(&r.p);

        for (n = 0; n < 1000; n++) {
            rig_run(&r, rig_ready(&r, RIG_EPOCH + phase * MS, n)
                        + wire_random(&x) % (26 * MS));
            assert_int_equal(rig_put(&r, rig_ts(&r, n)), STN_OK);
            rig_pump(&r);
        }

        pipe_whole(&pipe, &r);
        assert_true(pipe.late_us <= DATE_US && pipe.early_us >= -DATE_US);
        pipe_free(&pipe, &r);
    }
}


static void
cuts_hold_audio_alike(void **state)
{
    rig_t   r;
    pipe_t  pipe;

    (void) state;

    pipe_init(&pipe, &r, LC_MONO, 500 * MS);
    stn_programme_arrive(&r.p);
    rig_send(&r, RIG_EPOCH, 0, 500);
    stn_programme_leave(&r.p);
    rig_run(&r, r.now_us + 30 * SEC);
    stn_programme_arrive(&r.p);
    rig_send(&r, r.now_us - rig_us(&r, 500 * r.format.frame), 500, 1000);

    assert_int_equal(r.heard, 1000);
    assert_true(pipe.parts > 100 * 2);
    assert_true(pipe.parts - pipe.live_parts > 80 * 2);
    pipe_free(&pipe, &r);
}


static void
lays_the_grid_nearest_to_what_is_asked(void **state)
{
    size_t        i;
    stn_grid_t    g;
    stn_format_t  f;

    static const struct {
        const char  *asc;
        int64_t      part_us;
        unsigned     frames, frame;
    } grids[] = {
        { "1190", 1000000, 47, 1024 }, { "1210", 1000000, 43, 1024 },
        { "1190", 320000, 15, 1024 }, { "1190", 200000, 9, 1024 },
        { "1190", 5000000, 234, 1024 }, { "1194", 1000000, 50, 960 },
        { "2b118800", 1000000, 23, 2048 }, { "1190", 1, 1, 1024 },
        { "1590", 200000, 2, 1024 }, { "1010", 1000000, 94, 1024 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(grids); i++) {
        media_format_hex(&f, grids[i].asc);
        stn_grid_init(&g, &f, grids[i].part_us, 6);

        assert_int_equal(g.part, grids[i].frames * grids[i].frame);
        assert_int_equal(g.frame, grids[i].frame);
        assert_int_equal(g.rate, f.rate);
        assert_int_equal(stn_grid_segment(&g), 6 * g.part);
        assert_int_equal(stn_grid_msn(&g, 0), 0);
        assert_int_equal(stn_grid_msn(&g, 6 * g.part - 1), 0);
        assert_int_equal(stn_grid_msn(&g, 6 * g.part), 1);
    }
}


static int
feed(stn_segmenter_t *s, int64_t pos, unsigned live, stn_part_t *part)
{
    stn_frame_t  f;

    f.data = (const uint8_t *) "\x21\x10\x04\x60\x8c\x1c";
    f.len = 6;
    f.pos = pos;
    f.live = live;

    return stn_segmenter_feed(s, &f, part);
}


static void
counts_parts_and_tells_live_ones(void **state)
{
    int64_t          pos;
    unsigned         n, cell;
    stn_grid_t       g;
    stn_part_t       part;
    stn_format_t     f;
    stn_segmenter_t  s;

    (void) state;

    media_format_hex(&f, LC_48000);
    stn_grid_init(&g, &f, 100000, 3);
    assert_int_equal(stn_segmenter_init(&s, &f, &g, 1007, 2), STN_OK);

    /* any place will do to begin with */

    pos = stn_grid_segment(&g) * 7 + 2 * g.part + 313;

    for (n = 0; n < 4 * g.part / g.frame; n++) {

        /* one live frame, the first one of the second part */

        if (feed(&s, pos + n * g.frame, n == g.part / g.frame, &part)
            == STN_AGAIN)
        {
            assert_int_not_equal((n + 1) % (g.part / g.frame), 0);
            continue;
        }

        cell = n / (g.part / g.frame);
        assert_int_equal(part.msn, 1007 + (2 + cell) / 3);
        assert_int_equal(part.part, (2 + cell) % 3);
        assert_int_equal(part.last, (2 + cell) % 3 == 2);
        assert_int_equal(part.live, cell == 1);
        assert_int_equal(part.duration, g.part);
        assert_true(part.pos == pos + cell * g.part);
    }

    stn_segmenter_free(&s);
}


static void
cuts_a_segment_short(void **state)
{
    stn_grid_t       g;
    stn_part_t       part;
    media_part_t     m;
    stn_format_t     f;
    stn_segmenter_t  s;

    (void) state;

    media_format_hex(&f, LC_48000);
    stn_grid_init(&g, &f, SEC, 6);
    assert_int_equal(stn_segmenter_init(&s, &f, &g, 5, 3), STN_OK);

    /* nothing to cut yet, and the segment stays open */

    assert_int_equal(stn_segmenter_cut(&s, &part), STN_AGAIN);

    assert_int_equal(feed(&s, 7000, 1, &part), STN_AGAIN);
    assert_int_equal(feed(&s, 8024, 1, &part), STN_AGAIN);
    assert_int_equal(stn_segmenter_cut(&s, &part), STN_OK);

    assert_int_equal(part.msn, 5);
    assert_int_equal(part.part, 3);
    assert_int_equal(part.duration, 2048);
    assert_int_equal(part.last, 1);
    assert_true(part.pos == 7000);

    media_parse_part(&m, part.data, part.len);
    assert_int_equal(m.samples, 2);
    assert_true(m.tfdt == 7000);

    /* what follows is the next segment */

    assert_int_equal(stn_segmenter_cut(&s, &part), STN_AGAIN);
    assert_int_equal(feed(&s, 9048, 1, &part), STN_AGAIN);
    assert_int_equal(stn_segmenter_cut(&s, &part), STN_OK);
    assert_int_equal(part.msn, 6);
    assert_int_equal(part.part, 0);

    stn_segmenter_free(&s);
}


static void
follows_with_parts_that_fit(void **state)
{
    size_t        i;
    stn_grid_t    g;
    stn_format_t  f;

    /* a part of 47 frames at 48 kHz, and of 43 at 44.1 */

    static const struct {
        const char  *asc;
        unsigned     samples, rate, frames;
    } cases[] = {
        { "1210", 48128, 48000, 43 }, { "1190", 44032, 44100, 46 },
        { "1190", 48128, 48000, 47 }, { "2b118800", 48128, 48000, 23 },
        { "1590", 48128, 48000, 7 },  { "1590", 9216, 48000, 1 },
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        media_format_hex(&f, cases[i].asc);
        assert_int_equal(stn_grid_follow(&g, &f, cases[i].samples,
                                         cases[i].rate, 6), STN_OK);

        assert_int_equal(g.part, cases[i].frames * f.frame);
        assert_int_equal(g.rate, f.rate);
        assert_int_equal(g.parts, 6);

        /* no longer than what it follows, in time */

        assert_true((uint64_t) g.part * cases[i].rate
                    <= (uint64_t) cases[i].samples * g.rate);
    }

    /* frames of 128 ms in parts of 100 */

    assert_int_equal(stn_grid_follow(&g, &f, 4800, 48000, 6),
                     STN_UNSUPPORTED);
}


static void
refuses_frames_that_do_not_follow(void **state)
{
    size_t           i;
    stn_grid_t       g;
    stn_part_t       part;
    stn_format_t     f;
    stn_segmenter_t  s;

    static const int64_t  wrong[] = { 1, -1024, 512, 1024, 2048, 1 << 30 };

    (void) state;

    media_format_hex(&f, LC_48000);
    stn_grid_init(&g, &f, 21334, 6);

    for (i = 0; i < stn_nelems(wrong); i++) {

        /* between parts of one frame each: a hole, a repetition */

        assert_int_equal(stn_segmenter_init(&s, &f, &g, 0, 0), STN_OK);
        assert_int_equal(feed(&s, g.part * 100, 1, &part), STN_OK);
        assert_int_equal(feed(&s, g.part * 101 + wrong[i], 1, &part),
                         STN_ERROR);
        assert_string_equal(s.reason, "frame does not follow the one before");
        stn_segmenter_free(&s);
    }

    stn_grid_init(&g, &f, SEC, 6);

    for (i = 0; i < stn_nelems(wrong); i++) {

        /* and in the middle of a part */

        assert_int_equal(stn_segmenter_init(&s, &f, &g, 0, 0), STN_OK);
        assert_int_equal(feed(&s, g.part * 100, 1, &part), STN_AGAIN);
        assert_int_equal(feed(&s, g.part * 100 + 1024 + wrong[i], 1, &part),
                         STN_ERROR);
        stn_segmenter_free(&s);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(cuts_half_an_hour_at_48_khz),
        cmocka_unit_test(cuts_half_an_hour_at_44_khz),
        cmocka_unit_test(cuts_half_an_hour_under_jitter),
        cmocka_unit_test(cuts_half_an_hour_in_bursts),
        cmocka_unit_test(cuts_half_an_hour_of_he_aac),
        cmocka_unit_test(dates_parts_in_any_phase),
        cmocka_unit_test(cuts_hold_audio_alike),
        cmocka_unit_test(lays_the_grid_nearest_to_what_is_asked),
        cmocka_unit_test(counts_parts_and_tells_live_ones),
        cmocka_unit_test(cuts_a_segment_short),
        cmocka_unit_test(follows_with_parts_that_fit),
        cmocka_unit_test(refuses_frames_that_do_not_follow),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
