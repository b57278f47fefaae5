/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the layer above does to a programme: it is born without a broadcaster,
 * goes on at any sample where one of another format stopped, is fed before it
 * lives, and is muted.  The rig of programme_util.h looks at each frame.
 */

#include "programme_util.h"

#include "pack/stn_cmaf.h"


/* What millisecond timestamps, the grid and a margin leave open. */
#define CLOSE_US  (100 * MS)


/* The clock is where it must be when nobody is there. */

static void
assert_holding(rig_t *r)
{
    assert_int_equal(stn_programme_holding(&r->p), 1);
    assert_true(r->next_pos <= rig_samples(r, r->now_us));
    assert_true(r->next_pos + r->format.frame > rig_samples(r, r->now_us));
}


static void
is_born_without_a_broadcaster(void **state)
{
    rig_t    r;
    int64_t  now;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    now = rig_samples(&r, r.now_us);

    stn_programme_birth(&r.p, r.now_us);
    assert_true(r.p.due_us <= r.now_us);
    rig_pump(&r);

    /* dated back as a session's first unit would */

    assert_int_equal(r.first_pos % stn_grid_segment(&r.grid), 0);
    assert_true(now - r.first_pos >= rig_samples(&r, 60 * SEC));
    assert_true(now - r.first_pos < rig_samples(&r, 60 * SEC) + r.format.frame
                                    + stn_grid_segment(&r.grid));
    assert_holding(&r);

    rig_run(&r, RIG_EPOCH + 3600 * SEC);
    assert_holding(&r);
    assert_int_equal(r.live, 0);
    assert_int_equal(r.p.stats.hold_frames, r.hold);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    /* and somebody comes */

    stn_programme_arrive(&r.p);
    rig_send(&r, r.now_us, 0, 500);
    assert_int_equal(r.live, 500);
    assert_int_equal(stn_programme_holding(&r.p), 0);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);

    rig_free(&r);
}


/* A programme goes on phase samples off its own grid, behind_us behind the
 * wall clock; sessions, stalls and jumps are none the wiser. */

static void
resume_off_the_grid(const char *asc, int64_t phase, int64_t behind_us)
{
    rig_t     r;
    int64_t   pos, start;
    uint32_t  lost;

    rig_init(&r, asc, SEC);

    pos = rig_samples(&r, RIG_EPOCH - behind_us);
    pos += phase - pos % r.format.frame;

    rig_resume(&r, pos);
    rig_run(&r, RIG_EPOCH + SEC);
    assert_holding(&r);

    start = r.now_us;
    stn_programme_arrive(&r.p);
    rig_send(&r, start, 0, 200);

    assert_int_equal(r.live, 200);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);

    /* a gap of 10 units, and an hour */

    rig_run(&r, rig_ready(&r, start, 209));
    r.base_ms += rig_us(&r, 10 * r.format.frame) / 1000;
    start += rig_us(&r, 10 * r.format.frame);
    rig_send(&r, start, 200, 400);
    assert_int_equal(r.live, 400);
    assert_true(llabs((int64_t) r.p.stats.gaps_filled - 10) <= 1);

    r.base_ms += 3600000;
    rig_send(&r, start, 400, 600);
    assert_int_equal(r.p.stats.resyncs, 1);

    lost = r.lost;
    stn_programme_arrive(&r.p);
    rig_send(&r, start, 600, 800);
    assert_true(r.lost - lost <= 10);
    assert_int_equal(r.heard, 800);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);
    assert_int_equal((r.next_pos - pos) % r.format.frame, 0);

    rig_free(&r);
}


static void
resumes_at_any_sample(void **state)
{
    int64_t  phase;

    (void) state;

    for (phase = 0; phase < 2048; phase += 307) {
        resume_off_the_grid(LC_MONO, phase % 1024, 0);
        resume_off_the_grid(LC_44100, phase % 1024, 5 * SEC);
        resume_off_the_grid(HE_48000, phase, 300 * MS);
    }

    resume_off_the_grid(LC_48000, 1023, 70 * SEC);
    resume_off_the_grid(LC_48000, 1, 70 * SEC);
}


/* Feeds the units of a broadcaster from RIG_EPOCH on, when they are ready,
 * to a programme that does not live. */

static void
feed_unborn(rig_t *r, uint32_t last)
{
    while (r->made < last) {
        r->now_us = rig_ready(r, RIG_EPOCH, r->made);
        assert_int_equal(rig_put(r, rig_ts(r, r->made)), STN_OK);
    }
}


static void
tells_when_a_first_unit_can_be_placed(void **state)
{
    rig_t    r;
    int64_t  first;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    assert_int_equal(stn_programme_settled(&r.p, r.now_us), 0);
    stn_programme_arrive(&r.p);
    assert_int_equal(stn_programme_settled(&r.p, r.now_us + SEC), 0);
    assert_int_equal(stn_programme_drained(&r.p), 1);

    feed_unborn(&r, 1);
    first = r.now_us;
    assert_int_equal(stn_programme_settled(&r.p, first), 0);
    assert_int_equal(stn_programme_drained(&r.p), 0);

    feed_unborn(&r, 4);
    assert_int_equal(stn_programme_settled(&r.p, first
                                           + STN_PROGRAMME_SETTLE_US - 1), 0);
    assert_int_equal(stn_programme_settled(&r.p, first
                                           + STN_PROGRAMME_SETTLE_US), 1);

    /* nothing is waited for when he has left */

    stn_programme_leave(&r.p);
    assert_int_equal(stn_programme_settled(&r.p, first), 1);

    /* another one, who says nothing and leaves */

    stn_programme_arrive(&r.p);
    stn_programme_leave(&r.p);
    assert_int_equal(stn_programme_settled(&r.p, first + SEC), 0);
    assert_int_equal(stn_programme_drained(&r.p), 1);

    rig_free(&r);
}


/* Units wait for ms milliseconds until the programme of another format has
 * been played up to the wall clock; what is older than that is not heard. */

static void
fed_before_it_lives(int64_t ms)
{
    rig_t     r;
    int64_t   pos;
    uint32_t  n;

    rig_init(&r, LC_MONO, SEC);
    stn_programme_arrive(&r.p);
    n = rig_units(&r, ms);
    feed_unborn(&r, n);
    assert_int_equal(stn_programme_settled(&r.p, r.now_us), 1);

    pos = rig_samples(&r, r.now_us) - 777;
    rig_resume(&r, pos);
    rig_pump(&r);
    rig_send(&r, RIG_EPOCH, n, n + 200);

    assert_true(r.first_pos == pos);
    assert_int_equal(r.heard, n + 200);
    assert_true(r.lost <= n);
    assert_true(r.lost + 6 >= n);
    assert_int_equal(r.p.stats.resyncs, 0);
    assert_int_equal(r.p.stats.stale_dropped, r.lost);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);
    assert_int_equal(stn_programme_settled(&r.p, 0), 1);
    assert_int_equal(stn_programme_drained(&r.p), 1);

    rig_free(&r);
}


static void
drops_what_waited_too_long_for_it_to_live(void **state)
{
    size_t  i;

    static const int64_t  ms[] = {
        150, 300, 990, 1100, 3000, 9900, 11000, 25000
    };

    (void) state;

    for (i = 0; i < stn_nelems(ms); i++) {
        fed_before_it_lives(ms[i]);
    }
}


/* But a recording that was pushed faster than it plays is all played. */

static void
plays_a_recording_that_waited(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    n = rig_units(&r, 10000);
    stn_programme_arrive(&r.p);

    while (r.made < n) {
        assert_int_equal(rig_put(&r, rig_ts(&r, r.made)), STN_OK);
    }

    stn_programme_leave(&r.p);
    r.now_us += 3 * SEC;
    rig_resume(&r, rig_samples(&r, r.now_us) - 333);
    rig_run(&r, r.now_us + 12 * SEC);

    assert_int_equal(r.live, n);
    assert_int_equal(r.lost, 0);
    assert_holding(&r);

    rig_free(&r);
}


static void
holds_in_the_place_of_units_while_muted(void **state)
{
    rig_t                  r;
    uint64_t               hold;
    stn_programme_stats_t  before;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    stn_programme_arrive(&r.p);
    rig_send(&r, RIG_EPOCH, 0, 500);

    before = r.p.stats;
    hold = r.hold;
    stn_programme_mute(&r.p, 1);
    assert_int_equal(stn_programme_holding(&r.p), 1);
    rig_send(&r, RIG_EPOCH, 500, 700);

    /* one for each unit, when it comes */

    assert_int_equal(r.live, 500);
    assert_int_equal(r.hold - hold, 200);
    assert_int_equal(r.p.stats.hold_frames - before.hold_frames, 200);
    assert_int_equal(r.p.stats.live_frames, before.live_frames);
    assert_int_equal(r.p.stats.gaps_filled, before.gaps_filled);
    assert_int_equal(r.p.stats.stale_dropped, 0);
    assert_true(stn_programme_drained(&r.p));
    assert_true(llabs(r.now_us - rig_us(&r, r.next_pos)) <= 40 * MS);

    /* a stall and another session change nothing */

    rig_run(&r, r.now_us + 5 * SEC);
    stn_programme_arrive(&r.p);
    rig_send(&r, r.now_us - rig_us(&r, 700 * r.format.frame), 700, 900);
    assert_int_equal(r.live, 500);

    stn_programme_mute(&r.p, 0);
    assert_int_equal(stn_programme_holding(&r.p), 0);
    r.heard = 900;
    rig_send(&r, r.now_us - rig_us(&r, 900 * r.format.frame), 900, 1000);

    assert_int_equal(r.live, 600);
    assert_int_equal(r.lost, 0);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);

    rig_free(&r);
}


static uint8_t  loop_bytes[] = { 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5 };
static size_t   loop_offset[] = { 0, 1, 3, 6, 10, 15 };


/* The loop's frame n is n + 1 bytes of that value. */

static void
assert_loop(rig_t *r, const stn_frame_t *f)
{
    uint64_t  n;

    if (r->data == NULL) {
        assert_true(f->live || f->len > 5);

    } else if (!f->live) {
        n = (uint64_t) (f->pos / r->format.frame) % 5;
        assert_int_equal(f->len, n + 1);
        assert_int_equal(f->data[0], n + 1);
        assert_int_equal(f->data[n], n + 1);
    }
}


static void
holds_with_a_loop_that_it_is_given(void **state)
{
    rig_t       r;
    uint64_t    hold;
    stn_hold_t  loop = { loop_bytes, loop_offset, 5 };

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    r.frame = assert_loop;
    stn_programme_birth(&r.p, r.now_us);
    rig_run(&r, RIG_EPOCH + SEC);

    /* between two frames, in phase with the clock */

    stn_programme_hold(&r.p, &loop);
    r.data = &loop;
    hold = r.hold;
    rig_run(&r, RIG_EPOCH + 61 * SEC);
    assert_true(r.hold - hold > 2800);

    stn_programme_arrive(&r.p);
    rig_send(&r, r.now_us, 0, 200);
    stn_programme_mute(&r.p, 1);
    rig_send(&r, RIG_EPOCH + 61 * SEC, 200, 300);
    assert_int_equal(r.live, 200);
    rig_run(&r, r.now_us + 10 * SEC);

    /* comfort again: no frame of it is as short */

    stn_programme_hold(&r.p, NULL);
    r.data = NULL;
    rig_run(&r, r.now_us + 10 * SEC);
    assert_holding(&r);

    rig_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(is_born_without_a_broadcaster),
        cmocka_unit_test(resumes_at_any_sample),
        cmocka_unit_test(tells_when_a_first_unit_can_be_placed),
        cmocka_unit_test(drops_what_waited_too_long_for_it_to_live),
        cmocka_unit_test(plays_a_recording_that_waited),
        cmocka_unit_test(holds_in_the_place_of_units_while_muted),
        cmocka_unit_test(holds_with_a_loop_that_it_is_given),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
