/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the programme makes of broadcasters as they are: bursts, stalls, gaps,
 * clocks that jump, sessions that come and go.  The rig of programme_util.h
 * looks at each frame; the tests say which units must be heard, and how long
 * after the listener's clock.
 */

#include "programme_util.h"

#include "pack/stn_cmaf.h"


/* A part's length and grace, after which hold audio starts. */
#define HOLD_US(r)  ((r)->p.conf.part_us + (r)->p.conf.grace_us)

/* What millisecond timestamps, the grid and a margin leave open. */
#define CLOSE_US  (100 * MS)


/* A broadcaster who has been on air since RIG_EPOCH for so many units. */

static void
on_air(rig_t *r, uint32_t units)
{
    rig_init(r, LC_MONO, SEC);
    stn_programme_arrive(&r->p);
    rig_send(r, RIG_EPOCH, 0, units);
}


static void
is_not_born_without_a_unit(void **state)
{
    rig_t  r;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    rig_run(&r, RIG_EPOCH + 10 * SEC);
    stn_programme_arrive(&r.p);
    rig_run(&r, RIG_EPOCH + 20 * SEC);
    stn_programme_leave(&r.p);
    rig_run(&r, RIG_EPOCH + 30 * SEC);

    assert_int_equal(r.first_pos, -1);
    assert_int_equal(r.p.born, 0);

    rig_free(&r);
}


static void
is_born_full(void **state)
{
    rig_t    r;
    int64_t  now;

    (void) state;

    on_air(&r, 2);
    rig_run(&r, r.now_us + STN_PROGRAMME_SETTLE_US);

    now = rig_samples(&r, r.now_us);

    assert_int_equal(r.live, 2);
    assert_int_equal(r.first_pos % stn_grid_segment(&r.grid), 0);
    assert_true(now - r.first_pos >= rig_samples(&r, 60 * SEC));
    assert_true(now - r.first_pos <= rig_samples(&r, 61 * SEC)
                                     + stn_grid_segment(&r.grid));
    assert_int_equal(r.hold * r.format.frame,
                     r.live_pos - r.format.frame - r.first_pos);
    assert_int_equal(r.p.stats.hold_frames, r.hold);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    rig_free(&r);
}


static void
passes_a_steady_stream_through(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    on_air(&r, 10);
    rig_run(&r, RIG_EPOCH + 400 * MS);

    for (n = 18; n < 500; n++) {
        rig_send(&r, RIG_EPOCH, r.made, n + 1);

        /* each one comes out when it came in */

        assert_int_equal(r.live_us, r.now_us);
        assert_true(llabs(rig_latency(&r))
                    <= (12 + STN_TIMELINE_DELAY_MS) * MS);
        assert_int_equal(r.live, n + 1);
    }

    assert_int_equal(r.lost, 0);
    assert_int_equal(r.p.stats.live_frames, 500);
    assert_int_equal(r.p.stats.gaps_filled, 0);
    assert_int_equal(r.p.stats.stale_dropped, 0);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
dates_a_recording_at_once_back(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    n = rig_units(&r, 10000);

    stn_programme_arrive(&r.p);
    rig_burst(&r, 0, n);
    stn_programme_leave(&r.p);
    rig_run(&r, RIG_EPOCH + STN_PROGRAMME_SETTLE_US);

    assert_int_equal(r.live, n);
    assert_int_equal(r.lost, 0);
    assert_true(rig_latency(&r) < 120 * MS);
    assert_true(rig_latency(&r) > -12 * MS);

    /* and hold audio follows at once */

    rig_run(&r, RIG_EPOCH + SEC);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));
    assert_int_equal(r.p.stats.gaps_filled, 0);

    rig_free(&r);
}


static void
plays_all_of_a_minute_at_once(void **state)
{
    int       rc;
    rig_t     r;
    int64_t   us;
    uint32_t  n, refused;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    r.unit = 2 * RIG_UNIT;
    n = rig_units(&r, 60000);
    refused = 0;

    stn_programme_arrive(&r.p);

    for (us = 0; us < 70 * SEC; us += 10 * MS) {
        rig_run(&r, RIG_EPOCH + us);

        while (r.made < n) {
            rc = rig_put(&r, rig_ts(&r, r.made));

            if (rc != STN_OK) {
                assert_int_equal(rc, STN_LIMIT);
                refused++;
                break;
            }
        }

        rig_pump(&r);
    }

    assert_true(refused > 100);
    assert_int_equal(r.live, n);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    /* what fits into the queue was dated back, the rest came as it plays */

    assert_true(r.live_us > RIG_EPOCH + 40 * SEC);
    assert_true(r.live_us < RIG_EPOCH + 50 * SEC);
    assert_true(llabs(rig_latency(&r)) <= STN_TIMELINE_AHEAD_MS * MS);

    rig_free(&r);
}


static void
plays_a_recording_on_a_running_programme(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    on_air(&r, 500);
    stn_programme_leave(&r.p);
    rig_run(&r, r.now_us + 5 * SEC);

    n = rig_units(&r, 10000);
    r.base_ms = 12345678;
    stn_programme_arrive(&r.p);
    rig_burst(&r, 500, 500 + n);
    rig_run(&r, r.now_us + 11 * SEC);

    assert_int_equal(r.live, 500 + n);
    assert_int_equal(r.lost, 0);

    rig_free(&r);
}


static void
forgives_an_initial_burst(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    /* OBS keeps what it coded while it connected */

    rig_init(&r, LC_MONO, SEC);
    n = rig_units(&r, 300);
    stn_programme_arrive(&r.p);
    rig_run(&r, rig_ready(&r, RIG_EPOCH, n - 1));
    rig_burst(&r, 0, n);
    rig_send(&r, RIG_EPOCH, n, 500);

    assert_int_equal(r.live, 500);
    assert_int_equal(r.lost, 0);
    assert_true(llabs(rig_latency(&r)) <= (12 + STN_TIMELINE_DELAY_MS) * MS);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


/* Nothing for ms milliseconds, then all that was coded meanwhile at once. */

static void
stall(rig_t *r, int64_t ms)
{
    uint32_t  first, last;

    first = r->made;
    last = first + rig_units(r, ms);

    rig_run(r, rig_ready(r, RIG_EPOCH, last - 1));
    rig_burst(r, first, last);
    rig_send(r, RIG_EPOCH, last, last + rig_units(r, 4000));
}


static void
loses_nothing_in_a_short_stall(void **state)
{
    rig_t     r;
    size_t    i;
    uint64_t  hold;

    static const int64_t  ms[] = { 100, 500, 1000, 1900 };

    (void) state;

    on_air(&r, 500);
    hold = r.hold;

    for (i = 0; i < stn_nelems(ms); i++) {
        stall(&r, ms[i]);
        assert_int_equal(r.live, r.made);
        assert_int_equal(r.lost, 0);
        assert_int_equal(r.hold, hold);
        assert_true(llabs(rig_latency(&r))
                    <= (12 + STN_TIMELINE_DELAY_MS) * MS);
    }

    assert_int_equal(r.p.stats.resyncs, 0);
    assert_int_equal(r.p.stats.gaps_filled, 0);

    rig_free(&r);
}


static void
holds_in_a_long_stall_and_keeps_its_latency(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   before;
    uint32_t  lost;

    static const int64_t  ms[] = { 2100, 5000, 9500 };

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (i = 0; i < stn_nelems(ms); i++) {
        lost = r.lost;
        stall(&r, ms[i]);

        /* what hold audio stood in for is gone, all else is heard */

        assert_true((r.lost - lost) * r.format.frame
                    <= rig_samples(&r, ms[i] * MS));
        assert_true((r.lost - lost) * r.format.frame
                    >= rig_samples(&r, ms[i] * MS - 200 * MS));
        assert_int_equal(r.heard, r.made);
        assert_true(rig_latency(&r) <= before + CLOSE_US);
        assert_true(rig_latency(&r) >= before - CLOSE_US);
    }

    assert_int_equal(r.p.stats.resyncs, 0);
    assert_int_equal(r.p.stats.stale_dropped, r.lost);

    rig_free(&r);
}


/* The backlog comes no faster than the link lets it: a stall of ms, and then
 * percent / 100 times as fast as it plays. */

static void
trickle(rig_t *r, int64_t ms, unsigned percent)
{
    int64_t   us;
    uint32_t  n, last;

    us = rig_ready(r, RIG_EPOCH, r->made) + ms * MS;
    last = r->made + rig_units(r, 40 * 1000);

    for (n = r->made; n < last; n++) {
        us = stn_max(us, rig_ready(r, RIG_EPOCH, n));
        rig_run(r, us);
        assert_int_equal(rig_put(r, rig_ts(r, n)), STN_OK);
        rig_pump(r);
        us += rig_us(r, r->format.frame) * 100 / percent;
    }
}


static void
lets_a_slow_backlog_pass_by(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   before;
    uint64_t  lost;

    static const struct {
        int64_t   ms;
        unsigned  percent;
    } stalls[] = {
        { 3000, 200 }, { 5000, 120 }, { 5000, 150 }, { 5000, 400 },
        { 9500, 400 }
    };

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (i = 0; i < stn_nelems(stalls); i++) {
        lost = r.lost;
        trickle(&r, stalls[i].ms, stalls[i].percent);

        /* hold audio has covered it all; latency is what it was */

        assert_true(r.lost > lost);
        assert_int_equal(r.p.queue.count, r.p.taken);
        assert_int_equal(r.heard, r.made);
        assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
        assert_int_equal(r.p.stats.resyncs, 0);
    }

    rig_free(&r);
}


/* Within one part and grace of the last unit, and no later. */

static void
holds_in_time(void **state)
{
    rig_t    r;
    int64_t  last;

    (void) state;

    on_air(&r, 500);
    last = rig_us(&r, r.next_pos);

    rig_run(&r, last + HOLD_US(&r) - MS);
    assert_true(rig_us(&r, r.next_pos) == last);

    rig_run(&r, last + HOLD_US(&r) + MS);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));

    /* from then on frame by frame, not before their time */

    rig_run(&r, last + 60 * SEC);
    assert_true(r.next_pos <= rig_samples(&r, r.now_us));
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));

    rig_free(&r);
}


static void
fills_gaps_in_the_timestamps(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   before;
    uint32_t  n, at;
    uint64_t  filled;

    static const uint32_t  gaps[] = { 1, 2, 3, 4, 15, 40, 80 };

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    at = 500;

    for (i = 0; i < stn_nelems(gaps); i++) {
        at += gaps[i];
        filled = r.p.stats.gaps_filled;

        for (n = 0; n < 200; n++) {
            rig_run(&r, rig_ready(&r, RIG_EPOCH, at));
            assert_int_equal(rig_put(&r, rig_ts(&r, at)), STN_OK);
            rig_pump(&r);
            at++;
        }

        /* one or two may pass for rounding, and then be made up */

        assert_true(r.p.stats.gaps_filled - filled <= gaps[i] + 2);
        assert_true(gaps[i] <= 2 || r.p.stats.gaps_filled > filled);
        assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
    }

    assert_int_equal(r.live, r.made);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
goes_live_again_after_a_gap_with_hold(void **state)
{
    rig_t     r;
    int64_t   before;
    uint32_t  n;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (n = 500 + rig_units(&r, 7000); n < 1500; n++) {
        rig_run(&r, rig_ready(&r, RIG_EPOCH, n));
        assert_int_equal(rig_put(&r, rig_ts(&r, n)), STN_OK);
        rig_pump(&r);
    }

    assert_int_equal(r.live, r.made);
    assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
    assert_int_equal(r.p.stats.gaps_filled, 0);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
follows_jumps_of_the_broadcasters_clock(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   before;
    uint32_t  lost;

    /* to where; and how many milliseconds may be lost */

    static const struct {
        int64_t   ms;
        uint32_t  loss;
    } jumps[] = {
        { 3600000, 0 }, { -3600000, 0 }, { 11000, 0 }, { -11000, 0 },
        { 2000, 0 }, { -2000, 1200 },
        { 100 * 3600000LL, 0 }, { (int64_t) 1 << 32, 0 },
        { -((int64_t) 1 << 32), 0 }, { (int64_t) 1 << 40, 0 },
        { -((int64_t) 1 << 41), 0 }, { (int64_t) 1 << 40, 0 }
    };

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (i = 0; i < stn_nelems(jumps); i++) {
        lost = r.lost;
        r.base_ms += jumps[i].ms;
        rig_send(&r, RIG_EPOCH, r.made, r.made + 200);

        assert_true((r.lost - lost) * r.format.frame
                    <= rig_samples(&r, jumps[i].loss * MS));
        assert_int_equal(r.p.stats.resyncs, i + 1);
        assert_int_equal(r.heard, r.made);
        assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
    }

    /* he begins at 0 again */

    r.base_ms = -stn_rescale((int64_t) r.made * r.format.frame, 1000,
                             r.format.rate);
    lost = r.lost;
    rig_send(&r, RIG_EPOCH, r.made, r.made + 200);
    assert_int_equal(r.lost, lost);
    assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);

    rig_free(&r);
}


/* A step back that the margin does not cover is waited for: it costs what it
 * measures, and no more. */

static void
waits_for_a_small_step_back(void **state)
{
    rig_t    r;
    int64_t  before;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    r.base_ms -= 500;
    rig_send(&r, RIG_EPOCH, 500, 1000);

    assert_true(r.lost * r.format.frame <= rig_samples(&r, 500 * MS));
    assert_int_equal(r.heard, r.made);
    assert_true(rig_latency(&r) <= before + 500 * MS);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
does_not_notice_where_rtmp_wraps(void **state)
{
    rig_t   r;
    size_t  i;

    static const int64_t  wraps[] = {
        ((int64_t) 1 << 32) - 5000, ((int64_t) 1 << 31) - 5000,
        ((int64_t) 1 << 40) - 5000, 0xffffff - 5000, -5000
    };

    (void) state;

    for (i = 0; i < stn_nelems(wraps); i++) {
        rig_init(&r, LC_MONO, SEC);
        r.base_ms = wraps[i];
        stn_programme_arrive(&r.p);
        rig_send(&r, RIG_EPOCH, 0, 500);

        assert_int_equal(r.live, 500);
        assert_int_equal(r.lost, 0);
        assert_int_equal(r.p.stats.resyncs, 0);
        assert_int_equal(r.p.stats.gaps_filled, 0);
        rig_free(&r);
    }
}


/* Single units with timestamps from nowhere, in a stream that is good. */

static void
shrugs_off_absurd_timestamps(void **state)
{
    rig_t     r;
    int64_t   before;
    uint32_t  x = 99, n, absurd;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);
    absurd = 0;

    for (n = 500; n < 3000; n++) {
        rig_run(&r, rig_ready(&r, RIG_EPOCH, n));

        if (n % 50 == 0) {
            absurd++;
            assert_int_equal(rig_put(&r, ((int64_t) 1 << 40)
                                         - ((int64_t) wire_random(&x) << 9)),
                             STN_OK);
        } else {
            assert_int_equal(rig_put(&r, rig_ts(&r, n)), STN_OK);
        }

        rig_pump(&r);
    }

    assert_int_equal(r.lost, 0);
    assert_int_equal(r.live, r.made);
    assert_true(r.p.stats.resyncs <= 2 * absurd);
    assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);

    rig_free(&r);
}


static void
survives_nothing_but_absurd_timestamps(void **state)
{
    rig_t     r;
    int64_t   ts;
    uint32_t  x = 3, n;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    stn_programme_arrive(&r.p);

    for (n = 0; n < 5000; n++) {
        rig_run(&r, rig_ready(&r, RIG_EPOCH, n));
        ts = ((int64_t) wire_random(&x) << 8) >> wire_random(&x) % 32;
        (void) rig_put(&r, wire_random(&x) & 1 ? ts : -ts);
        rig_pump(&r);
    }

    /* the rig has seen to it that the clock went on; and not behind */

    rig_run(&r, r.now_us + HOLD_US(&r));
    assert_true(r.next_pos + 2 * r.format.frame > rig_samples(&r, r.now_us));

    rig_free(&r);
}


static void
takes_another_session_over(void **state)
{
    rig_t     r;
    int64_t   before, start;
    uint32_t  round;

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (round = 0; round < 5; round++) {

        /* another broadcaster, from 0 again, and 10 ms later */

        start = r.now_us + 10 * MS - rig_us(&r, (int64_t) r.made
                                                * r.format.frame);
        r.base_ms = -stn_rescale((int64_t) r.made * r.format.frame, 1000,
                                 r.format.rate);
        stn_programme_arrive(&r.p);
        rig_send(&r, start, r.made, r.made + 200);

        assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
        assert_int_equal(r.heard, r.made);
    }

    assert_true(r.lost < 5 * 10);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
forgets_what_a_former_session_left(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    /* a recording of a minute waits when the next session comes */

    rig_init(&r, LC_MONO, SEC);
    r.unit = 64;
    n = rig_units(&r, 60000);
    stn_programme_arrive(&r.p);
    rig_burst(&r, 0, n);
    rig_run(&r, RIG_EPOCH + 5 * SEC);
    assert_true(r.live < n);

    stn_programme_arrive(&r.p);
    rig_run(&r, RIG_EPOCH + 6 * SEC);
    r.heard = r.made;
    r.base_ms = -4000000;
    rig_send(&r, RIG_EPOCH + 6 * SEC - rig_us(&r, (int64_t) n
                                                  * r.format.frame),
             n, n + 200);

    assert_int_equal(r.heard, n + 200);
    assert_true(llabs(rig_latency(&r)) <= 300 * MS);

    rig_free(&r);
}


static void
holds_at_once_when_he_leaves(void **state)
{
    rig_t     r;
    uint64_t  hold;

    (void) state;

    on_air(&r, 500);
    hold = r.hold;
    stn_programme_leave(&r.p);
    rig_run(&r, r.now_us + 100 * MS);

    assert_true(r.hold - hold >= 3);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));
    assert_int_equal(r.p.stats.gaps_filled, 0);

    /* for as long as anybody lingers; then he comes back */

    rig_run(&r, r.now_us + 30 * SEC);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));

    stn_programme_arrive(&r.p);
    rig_send(&r, r.now_us - rig_us(&r, 500 * r.format.frame), 500, 700);
    assert_int_equal(r.heard, 700);
    assert_int_equal(r.lost, 0);
    assert_true(llabs(rig_latency(&r)) <= CLOSE_US);

    rig_free(&r);
}


static void
plays_what_waits_when_he_leaves(void **state)
{
    rig_t     r;
    uint32_t  n;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    r.unit = 64;
    n = rig_units(&r, 60000);
    stn_programme_arrive(&r.p);
    rig_burst(&r, 0, n);
    stn_programme_leave(&r.p);
    rig_pump(&r);

    /* nobody is coming any more: no settling either */

    assert_true(r.live > 0);

    rig_run(&r, RIG_EPOCH + 40 * SEC);
    assert_int_equal(r.live, n);
    assert_int_equal(r.lost, 0);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));

    rig_free(&r);
}


/* Another process goes on with a programme that stopped behind_us ago; late
 * is whether its thread only runs when the settling is over. */

static void
resume(int64_t behind_us, unsigned late)
{
    rig_t    r;
    int64_t  pos, start;

    rig_init(&r, LC_MONO, SEC);

    pos = rig_samples(&r, RIG_EPOCH - behind_us);
    pos -= pos % r.grid.part;

    rig_resume(&r, pos);
    stn_programme_arrive(&r.p);

    start = RIG_EPOCH - rig_us(&r, r.format.frame);
    assert_int_equal(rig_put(&r, rig_ts(&r, 0)), STN_OK);

    if (late) {
        r.now_us += 2 * STN_PROGRAMME_SETTLE_US;
        assert_int_equal(rig_put(&r, rig_ts(&r, 1)), STN_OK);
        assert_int_equal(rig_put(&r, rig_ts(&r, 2)), STN_OK);
    }

    rig_pump(&r);
    rig_send(&r, start, r.made, 500);

    assert_true(r.first_pos == pos);
    assert_int_equal(r.heard, 500);
    assert_true(r.lost <= 2);
    assert_true(rig_latency(&r) <= CLOSE_US);
    assert_true(rig_latency(&r) >= -STN_TIMELINE_AHEAD_MS * MS);

    rig_free(&r);
}


static void
resumes_where_another_process_stopped(void **state)
{
    size_t  i;

    static const int64_t  behind[] = {
        0, 20 * MS, 300 * MS, SEC, 3 * SEC, 9 * SEC, 50 * SEC, 600 * SEC
    };

    (void) state;

    for (i = 0; i < stn_nelems(behind); i++) {
        resume(behind[i], 0);
        resume(behind[i], 1);
    }
}


static void
resumes_without_a_broadcaster(void **state)
{
    rig_t    r;
    int64_t  pos;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    pos = rig_samples(&r, RIG_EPOCH - 50 * SEC);
    pos -= pos % r.grid.part;

    rig_resume(&r, pos);
    rig_run(&r, RIG_EPOCH + 10 * SEC);

    assert_true(r.first_pos == pos);
    assert_int_equal(r.live, 0);
    assert_true(r.next_pos + r.format.frame > rig_samples(&r, r.now_us));

    rig_free(&r);
}


/* The thread gets no CPU for so long, while units wait in the socket. */

static void
catches_up_after_a_pause_of_its_own(void **state)
{
    rig_t     r;
    size_t    i;
    int64_t   before;
    uint32_t  first, last;

    static const int64_t  ms[] = { 300, 1500, 3000, 8000 };

    (void) state;

    on_air(&r, 500);
    before = rig_latency(&r);

    for (i = 0; i < stn_nelems(ms); i++) {
        first = r.made;
        last = first + rig_units(&r, ms[i]);

        r.now_us = rig_ready(&r, RIG_EPOCH, last - 1);
        rig_burst(&r, first, last);
        rig_send(&r, RIG_EPOCH, last, last + 200);

        assert_int_equal(r.live, r.made);
        assert_true(llabs(rig_latency(&r) - before) <= CLOSE_US);
    }

    rig_free(&r);
}


static void
refuses_what_it_cannot_hold(void **state)
{
    rig_t          r;
    size_t         held;
    uint32_t       fed;

    (void) state;

    rig_init(&r, LC_MONO, SEC);
    r.unit = RIG_UNIT_MAX;
    stn_programme_arrive(&r.p);

    for (fed = 0; rig_put(&r, rig_ts(&r, fed)) == STN_OK; fed++) {
        assert_true(fed < STN_PROGRAMME_QUEUE / RIG_UNIT_MAX);
    }

    held = r.p.queue.count;
    assert_true(held >= STN_PROGRAMME_QUEUE / (RIG_UNIT_MAX + 32));
    assert_int_equal(rig_put(&r, 0), STN_LIMIT);
    assert_int_equal(r.p.queue.count, held);

    /* it is all played nevertheless, and there is room again */

    rig_run(&r, RIG_EPOCH + 30 * SEC);
    assert_int_equal(r.live, fed);
    assert_int_equal(r.p.queue.count, 0);
    assert_int_equal(rig_put(&r, rig_ts(&r, fed)), STN_OK);

    rig_free(&r);
}


static void
is_refused_where_no_hold_audio_can_be(void **state)
{
    stn_format_t          f;
    stn_programme_t       p;
    stn_programme_conf_t  conf = { SEC, SEC, 60 * 48000, 6 * 47 * 1024,
                                   NULL };

    (void) state;

    media_format_hex(&f, LC_48000);
    f.channel_config = 0;
    f.filler_len = 0;

    assert_int_equal(stn_programme_init(&p, &f, &conf), STN_UNSUPPORTED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(is_not_born_without_a_unit),
        cmocka_unit_test(is_born_full),
        cmocka_unit_test(passes_a_steady_stream_through),
        cmocka_unit_test(dates_a_recording_at_once_back),
        cmocka_unit_test(plays_all_of_a_minute_at_once),
        cmocka_unit_test(plays_a_recording_on_a_running_programme),
        cmocka_unit_test(forgives_an_initial_burst),
        cmocka_unit_test(loses_nothing_in_a_short_stall),
        cmocka_unit_test(holds_in_a_long_stall_and_keeps_its_latency),
        cmocka_unit_test(lets_a_slow_backlog_pass_by),
        cmocka_unit_test(holds_in_time),
        cmocka_unit_test(fills_gaps_in_the_timestamps),
        cmocka_unit_test(goes_live_again_after_a_gap_with_hold),
        cmocka_unit_test(follows_jumps_of_the_broadcasters_clock),
        cmocka_unit_test(waits_for_a_small_step_back),
        cmocka_unit_test(does_not_notice_where_rtmp_wraps),
        cmocka_unit_test(shrugs_off_absurd_timestamps),
        cmocka_unit_test(survives_nothing_but_absurd_timestamps),
        cmocka_unit_test(takes_another_session_over),
        cmocka_unit_test(forgets_what_a_former_session_left),
        cmocka_unit_test(holds_at_once_when_he_leaves),
        cmocka_unit_test(plays_what_waits_when_he_leaves),
        cmocka_unit_test(resumes_where_another_process_stopped),
        cmocka_unit_test(resumes_without_a_broadcaster),
        cmocka_unit_test(catches_up_after_a_pause_of_its_own),
        cmocka_unit_test(refuses_what_it_cannot_hold),
        cmocka_unit_test(is_refused_where_no_hold_audio_can_be),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
