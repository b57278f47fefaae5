/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Broadcasters whose clocks are not ours, for half a day and longer of told
 * time: what they send arrives jittered and now and then stalled, and the
 * programme must stay beside the wall clock, without hold audio, by repairs
 * of single frames.  And what is no drift must not be taken for it.
 */

#include "programme_util.h"
#include "short_util.h"

#include <math.h>

#include "pack/stn_cmaf.h"


#define HOUR  (3600 * SEC)

/* Who sends, and over what. */

typedef struct {
    rig_t      r;
    double     ppm;            /* by how much his clock is too slow */
    double     stamps;         /* the same of his timestamps */
    int64_t    jitter;         /* us: each unit is delayed by up to this */
    int64_t    stall;          /* us: how long a stall is */
    int64_t    every;          /* us: how often there is one, about; 0: never */
    int64_t    extra;          /* us: added to each delay */
    unsigned   prompt;         /* boolean: nothing may wait */
    uint32_t   random;
    int64_t    next_stall;     /* us */
    int64_t    last;           /* when the last unit arrived */
    int64_t    first;          /* frames' distance from the wall clock, us: */
    int64_t    min;            /* the first one's, and what it was since */
    int64_t    max;
    uint64_t   hold;           /* hold frames of the birth */
    uint32_t  *repaired;       /* units; NULL: not asked for */
    size_t     repairs;
} drift_t;


/* When his unit n has been made, on our clock. */

static int64_t
made_us(const drift_t *d, uint32_t n)
{
    return RIG_EPOCH + (int64_t) ((double) rig_us(&d->r, ((int64_t) n + 1)
                                                  * d->r.format.frame)
                                  * (1 + d->ppm / 1e6));
}


/* How long after its end on the programme's clock a frame had been made: what
 * the network does is not in it. */

static void
see_frame(rig_t *r, const stn_frame_t *f)
{
    int64_t   behind;
    drift_t  *d;

    if (!f->live) {
        return;
    }

    d = r->data;
    behind = made_us(d, r->heard - 1) - rig_us(r, f->pos + r->format.frame);

    if (r->live == 1) {
        d->first = behind;
        d->min = behind;
        d->max = behind;
        d->hold = r->hold;
    }

    d->min = stn_min(d->min, behind);
    d->max = stn_max(d->max, behind);
}


static void
drift_init(drift_t *d, const char *asc, double ppm)
{
    memset(d, 0, sizeof(*d));

    rig_init(&d->r, asc, SEC);
    d->r.unit = 8;
    d->r.frame = see_frame;
    d->r.data = d;

    d->ppm = ppm;
    d->random = 1;
    stn_programme_arrive(&d->r.p);
}


/* When it arrives: units do not overtake each other. */

static int64_t
arrival_us(drift_t *d, int64_t made)
{
    int64_t  at;

    at = made + d->extra;

    if (d->jitter) {
        at += (int64_t) (wire_random(&d->random) % (uint64_t) d->jitter);
    }

    if (d->every && made >= d->next_stall) {
        if (made < d->next_stall + d->stall) {
            at = stn_max(at, d->next_stall + d->stall);

        } else {
            d->next_stall = made + d->every / 2
                            + wire_random(&d->random) % d->every;
        }
    }

    d->last = stn_max(d->last, at);

    return d->last;
}


static void
drift_unit(drift_t *d)
{
    rig_t    *r;
    uint32_t  n, lost, doubled;

    r = &d->r;
    n = r->made;
    lost = r->lost;
    doubled = r->doubled;

    rig_run(r, arrival_us(d, made_us(d, n)));
    assert_int_equal(rig_put(r, (int64_t) ((double) rig_ts(r, n)
                                           * (1 + d->stamps / 1e6))), STN_OK);
    rig_pump(r);

    assert_true(!d->prompt || r->live == 0 || stn_programme_drained(&r->p));

    if (d->repaired && (r->lost != lost || r->doubled != doubled)) {
        d->repaired[d->repairs++] = n;
    }
}


/* All that he sends until us microseconds after the epoch of the rig. */

static void
drift_run(drift_t *d, int64_t us)
{
    while (made_us(d, d->r.made) < RIG_EPOCH + us) {
        drift_unit(d);
    }
}


static void
drift_print(const drift_t *d, const char *name)
{
    const stn_programme_stats_t  *s;

    s = &d->r.p.stats;

    print_message("# %s: %.1f h at %+.0f ppm: %llu repairs, %u lost, "
                  "%u doubled, %llu hold, %llu resyncs, %llu filled, "
                  "%llu stale; %+.1f..%+.1f ms; %.1f ppm seen\n", name,
                  (double) (d->r.now_us - RIG_EPOCH) / HOUR, d->ppm,
                  (unsigned long long) s->drift_repairs, d->r.lost,
                  d->r.doubled, (unsigned long long) (d->r.hold - d->hold),
                  (unsigned long long) s->resyncs,
                  (unsigned long long) s->gaps_filled,
                  (unsigned long long) s->stale_dropped,
                  (double) (d->min - d->first) / 1000,
                  (double) (d->max - d->first) / 1000,
                  stn_timeline_ppm(&d->r.p.timeline));
}


/* No hold audio, no resync, and every unit heard but for repairs: as many as
 * there were frames too few or too many, give or take slack. */

static void
drift_assert(const drift_t *d, int64_t slack)
{
    double   frames;
    int64_t  repairs;

    frames = d->ppm / 1e6 * (double) rig_samples(&d->r, d->r.now_us - RIG_EPOCH)
             / d->r.format.frame;
    repairs = (int64_t) d->r.doubled - d->r.lost;

    assert_true((double) (repairs - slack) <= frames);
    assert_true((double) (repairs + slack) >= frames);
    assert_int_equal(d->r.doubled + d->r.lost, d->r.p.stats.drift_repairs);
    assert_true(d->r.doubled == 0 || d->r.lost == 0);

    assert_int_equal(d->r.hold, d->hold);
    assert_int_equal(d->r.p.stats.resyncs, 0);
    assert_int_equal(d->r.p.stats.gaps_filled, 0);
    assert_int_equal(d->r.p.stats.stale_dropped, 0);
}


/* Within two frames of where the first one was, all the time. */

static void
drift_assert_close(const drift_t *d)
{
    int64_t  most;

    most = rig_us(&d->r, 2 * d->r.format.frame);

    assert_true(d->max - d->first <= most);
    assert_true(d->min - d->first >= -most);
}


static void
keeps_up(const char *asc, double ppm, int64_t us)
{
    drift_t  d;

    drift_init(&d, asc, ppm);
    d.jitter = 80 * MS;
    d.stall = SEC;
    d.every = 300 * SEC;
    d.prompt = 1;

    drift_run(&d, us);
    drift_print(&d, "keeps up");

    drift_assert(&d, 2);
    drift_assert_close(&d);
    assert_true(fabs(stn_timeline_ppm(&d.r.p.timeline) - ppm) < 5);

    rig_free(&d.r);
}


static void
keeps_up_with_a_clock_that_is_slow(void **state)
{
    (void) state;

    leave_out_if_short();

    keeps_up(LC_MONO, 300, 13 * HOUR);
    keeps_up(LC_44100, 120, 13 * HOUR);
}


static void
keeps_up_with_a_clock_that_is_fast(void **state)
{
    (void) state;

    leave_out_if_short();

    keeps_up(LC_MONO, -300, 13 * HOUR);
    keeps_up(HE_48000, -300, 13 * HOUR);
}


static void
keeps_up_for_more_than_a_day(void **state)
{
    (void) state;

    leave_out_if_short();

    keeps_up(LC_MONO, 50, 26 * HOUR);
    keeps_up(LC_MONO, -50, 26 * HOUR);
}


static void
leaves_a_clock_that_is_right_alone(void **state)
{
    size_t   i;
    drift_t  d;

    static const int64_t  jitter[] = { 0, 80 * MS, 250 * MS, 400 * MS };

    (void) state;

    for (i = 0; i < stn_nelems(jitter); i++) {
        drift_init(&d, LC_MONO, 0);
        d.jitter = jitter[i];
        d.stall = SEC;
        d.every = 120 * SEC;

        drift_run(&d, 6 * HOUR);
        drift_print(&d, "zero drift");

        drift_assert(&d, 0);
        assert_int_equal(d.r.p.stats.drift_repairs, 0);

        rig_free(&d.r);
    }
}


/* His timestamps follow our clock though his samples do not (a capture that
 * stamps what comes), or the other way round: it is the samples that count. */

static void
follows_samples_where_timestamps_run_away(void **state)
{
    size_t   i;
    drift_t  d;

    static const struct {
        double  samples;
        double  stamps;
    } ppm[] = {
        { 300, 300 }, { -300, -300 }, { 0, 200 }, { 0, -200 },
        { 100, -100 }, { -100, 100 }
    };

    (void) state;

    for (i = 0; i < stn_nelems(ppm); i++) {
        drift_init(&d, LC_MONO, ppm[i].samples);
        d.stamps = ppm[i].stamps;
        d.jitter = 40 * MS;

        drift_run(&d, 4 * HOUR);
        drift_print(&d, "stamps");

        drift_assert(&d, 2);
        drift_assert_close(&d);

        rig_free(&d.r);
    }
}


/* The delay of the path: so much more at its worst, growing for so long and
 * falling for so long, all again after every. */

typedef struct {
    int64_t  worst;
    int64_t  grows;
    int64_t  falls;
    int64_t  every;
} path_t;


static void
drift_path(drift_t *d, const path_t *path, int64_t us)
{
    int64_t  t;

    while (made_us(d, d->r.made) < RIG_EPOCH + us) {
        t = (made_us(d, d->r.made) - RIG_EPOCH) % path->every
            - path->every / 2;

        if (t < 0 || t >= path->grows + path->falls) {
            d->extra = 0;

        } else if (t < path->grows) {
            d->extra = path->worst * t / path->grows;

        } else {
            d->extra = path->worst * (path->grows + path->falls - t)
                       / path->falls;
        }

        drift_unit(d);
    }
}


static void
is_not_fooled_by_a_path_that_grows_and_falls_back(void **state)
{
    size_t   i;
    drift_t  d;

    static const path_t  paths[] = {
        { 300 * MS, 60 * SEC, SEC, 600 * SEC },
        { 300 * MS, 60 * SEC, 60 * SEC, 1200 * SEC },
        { 800 * MS, 30 * SEC, 90 * SEC, 1200 * SEC },
        { 100 * MS, 60 * SEC, 2 * SEC, 600 * SEC },
        { 40 * MS, 60 * SEC, 60 * SEC, 600 * SEC },
        { 200 * MS, SEC, 100 * SEC, 1200 * SEC },
    };

    (void) state;

    for (i = 0; i < stn_nelems(paths); i++) {
        drift_init(&d, LC_MONO, 0);
        d.jitter = 40 * MS;
        drift_path(&d, &paths[i], 3 * HOUR);
        drift_print(&d, "path");
        drift_assert(&d, 0);
        rig_free(&d.r);

        drift_init(&d, LC_MONO, 300);
        d.jitter = 40 * MS;
        drift_path(&d, &paths[i], 3 * HOUR);
        drift_print(&d, "path");
        drift_assert(&d, 3);
        rig_free(&d.r);
    }
}


/* Another path for good: that is no clock either. */

static void
is_not_fooled_by_another_path(void **state)
{
    size_t   i, k;
    drift_t  d;

    static const int64_t  extra[] = { 0, 150, 70, 240, 20 };

    (void) state;

    for (k = 0; k < 2; k++) {
        drift_init(&d, LC_MONO, k ? -200 : 0);
        d.jitter = 40 * MS;

        for (i = 0; i < stn_nelems(extra); i++) {
            d.extra = extra[i] * MS;
            drift_run(&d, (int64_t) (i + 1) * HOUR);
        }

        drift_print(&d, "paths");
        drift_assert(&d, k ? 4 : 0);
        rig_free(&d.r);
    }
}


/* A link that is full for five minutes, again and again, keeps everything
 * back by a second and a half.  It may be made up for in part, but what is
 * left of that in the end does not add up. */

static void
does_not_fall_back_by_long_detours(void **state)
{
    int           i;
    drift_t       d;
    const path_t  path = { 1500 * MS, 10 * SEC, 300 * SEC, 1800 * SEC };

    (void) state;

    drift_init(&d, LC_MONO, 0);
    d.jitter = 20 * MS;

    for (i = 1; i <= 12; i++) {
        drift_path(&d, &path, i * 1800 * SEC);
        drift_print(&d, "detour");

        assert_true(llabs(d.min - d.first) <= STN_DRIFT_PATH_MS * MS + 50 * MS);
        assert_true(llabs(d.max - d.first) <= STN_DRIFT_PATH_MS * MS + 50 * MS);
    }

    for (i = 1; i <= 24; i++) {
        d.extra = i & 1 ? 1500 * MS : 0;
        drift_run(&d, 6 * HOUR + i * 300 * SEC);
    }

    drift_print(&d, "detours");
    assert_int_equal(d.r.hold, d.hold);
    assert_int_equal(d.r.p.stats.resyncs, 0);
    assert_true(llabs(made_us(&d, d.r.heard - 1) - rig_us(&d.r, d.r.next_pos)
                      - d.first) <= STN_DRIFT_PATH_MS * MS + 50 * MS);

    rig_free(&d.r);
}


/* What was made while the encoder connected comes in a burst, or his link
 * takes time to get up to speed. */

static void
is_not_fooled_by_a_slow_start(void **state)
{
    size_t   i;
    drift_t  d;

    static const int64_t  behind[] = { 300, 1500, 5000, 0 };

    (void) state;

    for (i = 0; i < stn_nelems(behind); i++) {
        drift_init(&d, LC_MONO, 0);
        d.jitter = 20 * MS;

        while (made_us(&d, d.r.made) < RIG_EPOCH + behind[i] * MS) {
            d.extra = behind[i] * MS + RIG_EPOCH - made_us(&d, d.r.made);
            drift_unit(&d);
        }

        d.extra = 0;
        drift_run(&d, HOUR);
        drift_print(&d, "burst");
        assert_int_equal(d.r.p.stats.drift_repairs, 0);
        assert_int_equal(d.r.lost, 0);
        rig_free(&d.r);

        /* half a second late at first, then half of that every 5, 10 ... s */

        drift_init(&d, LC_MONO, 0);
        d.jitter = 20 * MS;

        while (made_us(&d, d.r.made) < RIG_EPOCH + HOUR) {
            d.extra = (int64_t) (500 * MS * exp2((double) (RIG_EPOCH
                                   - made_us(&d, d.r.made))
                                   / (5 * SEC * (i + 1))));
            drift_unit(&d);
        }

        drift_print(&d, "slow start");
        assert_int_equal(d.r.p.stats.drift_repairs, 0);
        rig_free(&d.r);
    }
}


/* A recording, pushed so many percent faster than it plays, and no faster
 * than the queue takes it. */

static void
recording(unsigned percent, int64_t us)
{
    rig_t    r;
    int64_t  at;

    rig_init(&r, LC_MONO, SEC);
    stn_programme_arrive(&r.p);

    for (at = RIG_EPOCH; at < RIG_EPOCH + us; /* void */ ) {
        rig_run(&r, at);

        if (rig_put(&r, rig_ts(&r, r.made)) == STN_LIMIT) {
            at += 5 * MS;
            continue;
        }

        rig_pump(&r);
        at += rig_us(&r, r.format.frame) * 100 / percent;
    }

    stn_programme_leave(&r.p);
    rig_run(&r, r.now_us + 60 * SEC);

    print_message("# recording at %u %%: %u units, %llu repairs\n", percent,
                  r.made, (unsigned long long) r.p.stats.drift_repairs);

    assert_int_equal(r.p.stats.drift_repairs, 0);
    assert_int_equal(r.live, r.made);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.p.stats.resyncs, 0);

    rig_free(&r);
}


static void
is_not_fooled_by_a_recording(void **state)
{
    (void) state;

    recording(101, HOUR);
    recording(105, HOUR);
    recording(200, HOUR);
    recording(10000, HOUR);
}


/* After a jump of his clock all is learned anew, with what is there then. */

static void
begins_anew_with_another_clock(void **state)
{
    drift_t   d;
    uint64_t  repairs;

    (void) state;

    drift_init(&d, LC_MONO, -300);
    d.jitter = 80 * MS;
    drift_run(&d, HOUR);
    repairs = d.r.p.stats.drift_repairs;
    assert_true(repairs > 47);

    d.r.base_ms += 3600 * 1000;
    drift_run(&d, HOUR + 50 * SEC);
    assert_int_equal(d.r.p.stats.resyncs, 1);
    assert_int_equal(d.r.p.stats.drift_repairs, repairs);

    drift_run(&d, 2 * HOUR);
    drift_print(&d, "jump");
    assert_in_range(d.r.p.stats.drift_repairs - repairs, 47, 52);
    assert_int_equal(d.r.p.stats.resyncs, 1);
    assert_int_equal(d.r.hold, d.hold);

    /* another session has another clock */

    d.r.frame = NULL;
    stn_programme_leave(&d.r.p);
    stn_programme_arrive(&d.r.p);
    repairs = d.r.p.stats.drift_repairs;
    d.ppm = 0;
    d.r.base_ms = 0;
    drift_run(&d, 3 * HOUR);
    assert_int_equal(d.r.p.stats.drift_repairs, repairs);

    rig_free(&d.r);
}


/* A speaker who pauses for a third of a second, every eight seconds. */

static unsigned
pauses(uint32_t n)
{
    return n % 375 < 16;
}


static void
repairs_where_it_is_quiet(void **state)
{
    size_t    i;
    drift_t   d;
    uint32_t  repaired[1000];

    (void) state;

    drift_init(&d, LC_MONO, 200);
    d.jitter = 40 * MS;
    d.repaired = repaired;

    while (made_us(&d, d.r.made) < RIG_EPOCH + 3 * HOUR) {
        d.r.level = pauses(d.r.made) ? -4000 : -2000;
        drift_unit(&d);
    }

    drift_print(&d, "pauses");
    drift_assert(&d, 2);
    drift_assert_close(&d);
    assert_true(d.repairs >= 99);

    for (i = 0; i < d.repairs; i++) {
        assert_true(pauses(repaired[i]) && pauses(repaired[i] - 1));
    }

    rig_free(&d.r);
}


/* Nobody hears what is done while hold audio plays. */

static void
keeps_up_while_muted(void **state)
{
    drift_t   d;
    int64_t   before;
    uint64_t  live;

    (void) state;

    drift_init(&d, LC_MONO, -300);
    d.jitter = 40 * MS;
    d.r.level = -2000;
    drift_run(&d, HOUR);
    before = rig_latency(&d.r);

    stn_programme_mute(&d.r.p, 1);
    live = d.r.live;

    while (made_us(&d, d.r.made) < RIG_EPOCH + 2 * HOUR) {
        drift_unit(&d);
        assert_true(d.r.p.repair.since == 0);
    }

    assert_int_equal(d.r.live, live);
    stn_programme_mute(&d.r.p, 0);

    d.r.heard = d.r.made;
    drift_run(&d, 2 * HOUR + 10 * SEC);
    assert_true(llabs(rig_latency(&d.r) - before) <= 100 * MS);
    assert_in_range(d.r.p.stats.drift_repairs, 99, 103);
    assert_int_equal(d.r.p.stats.stale_dropped, 0);
    assert_int_equal(d.r.p.stats.gaps_filled, 0);

    rig_free(&d.r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(keeps_up_with_a_clock_that_is_slow),
        cmocka_unit_test(keeps_up_with_a_clock_that_is_fast),
        cmocka_unit_test(keeps_up_for_more_than_a_day),
        cmocka_unit_test(leaves_a_clock_that_is_right_alone),
        cmocka_unit_test(follows_samples_where_timestamps_run_away),
        cmocka_unit_test(is_not_fooled_by_a_path_that_grows_and_falls_back),
        cmocka_unit_test(is_not_fooled_by_another_path),
        cmocka_unit_test(does_not_fall_back_by_long_detours),
        cmocka_unit_test(is_not_fooled_by_a_slow_start),
        cmocka_unit_test(is_not_fooled_by_a_recording),
        cmocka_unit_test(begins_anew_with_another_clock),
        cmocka_unit_test(repairs_where_it_is_quiet),
        cmocka_unit_test(keeps_up_while_muted),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
