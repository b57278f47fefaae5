/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The days of a stream that is passed through: what is counted of whom, units
 * that nobody can decode, dead air, loops of hold audio, and an evening on
 * which all of it happens.  The rig of stream_util.h looks at every part.
 */

#include "short_util.h"
#include "stream_util.h"


#define EVENING_S  (is_short() ? 900 : 3 * 3600)


static voice_t  stereo;     /* 48 kHz */
static voice_t  twin;       /* likewise, another sound */
static voice_t  quiet;      /* likewise, digital silence */
static voice_t  mono;       /* 44.1 kHz */
static voice_t  narrow;     /* 22.05 kHz, mono */
static voice_t  dull;       /* 8 kHz, mono */
static voice_t  dumb;       /* likewise, digital silence */


static int
make_voices(void **state)
{
    (void) state;

    stn_cmaf_quiet();

    voice_make(&stereo, 48000, 2, 0.3, 1);
    voice_make(&twin, 48000, 2, 0.3, 2);
    voice_make(&quiet, 48000, 2, 0, 5);
    voice_make(&mono, 44100, 1, 0.3, 3);
    voice_make(&narrow, 22050, 1, 0.3, 4);
    voice_make(&dull, 8000, 1, 0.3, 6);
    voice_make(&dumb, 8000, 1, 0, 7);

    return 0;
}


static void
counts_over_changes(void **state)
{
    rig_t                  r;
    stn_programme_stats_t  stats;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);
    change_to(&r, &mono);
    stn_stream_leave(&r.s);
    rig_wait(&r, 5 * SEC);
    change_to(&r, &narrow);

    /* four units of his never came */

    r.sent += 4;
    rig_send(&r, 3 * SEC);
    change_to(&r, &stereo);

    stn_stream_stats(&r.s, &stats);

    assert_int_equal(stats.broken, 0);
    assert_in_range(stats.gaps_filled, 3, 4);
    assert_int_equal(stats.stale_dropped, 0);

    /* what is not in a part yet is less than one */

    assert_in_range(stats.live_frames - r.live, 0, 47);
    assert_in_range(stats.hold_frames - r.hold, 0, 47);
    assert_in_range(stats.live_frames + stats.hold_frames - r.live - r.hold,
                    0, 47);

    rig_free(&r);
}


/* What was counted of one who was never heard is not forgotten with him. */

static void
counts_over_who_was_not_heard(void **state)
{
    rig_t                  r;
    stn_au_t               au;
    stn_programme_stats_t  stats;

    (void) state;

    rig_init(&r, &stereo.format);
    assert_int_equal(rig_arrive(&r, &stereo), STN_OK);

    memset(&au, 0, sizeof(au));
    au.data = (const uint8_t *) "no AAC at all";
    au.len = 13;

    assert_int_equal(stn_stream_feed(&r.s, &au, r.now_us), STN_OK);
    stn_stream_stats(&r.s, &stats);
    assert_int_equal(stats.broken, 1);

    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    stn_stream_stats(&r.s, &stats);
    assert_int_equal(stats.broken, 1);

    rig_free(&r);
}


static void
passes_on_what_it_cannot_decode(void **state)
{
    rig_t                  r;
    voice_t                broken;
    stn_programme_stats_t  stats;

    (void) state;

    memset(&broken, 0, sizeof(broken));
    broken.format = stereo.format;
    broken.n = 1;
    broken.len[0] = 200;
    memset(broken.frame[0], 0xa5, 200);

    on_air(&r, &stereo, 5 * SEC);
    r.deaf = 1;
    rig_sound(&r, &broken);
    rig_send(&r, 2 * SEC);
    stn_stream_stats(&r.s, &stats);
    assert_in_range(stats.broken, 90, 95);

    rig_sound(&r, &stereo);
    rig_send(&r, 2 * SEC);
    assert_int_equal(r.lost, 0);
    assert_in_range(r.made - r.heard, 0, 47);

    rig_free(&r);
}


static void
measures_a_unit_once(void **state)
{
    rig_t                  r;
    voice_t                broken;
    uint64_t               n;
    stn_programme_stats_t  stats;

    (void) state;

    memset(&broken, 0, sizeof(broken));
    broken.format = stereo.format;
    broken.n = 1;
    broken.len[0] = 2000;
    memset(broken.frame[0], 0xa5, 2000);

    on_air(&r, &stereo, 5 * SEC);
    r.deaf = 1;
    rig_sound(&r, &broken);

    /* as many as may wait, and one more, again and again */

    while (rig_put(&r) == STN_OK) { /* void */ }

    n = r.sent;
    assert_int_equal(rig_put(&r), STN_LIMIT);
    assert_int_equal(rig_put(&r), STN_LIMIT);
    assert_int_equal(r.sent, n);

    stn_stream_stats(&r.s, &stats);
    assert_in_range(stats.broken, 100, n);
    n = stats.broken;
    assert_int_equal(rig_put(&r), STN_LIMIT);
    stn_stream_stats(&r.s, &stats);
    assert_int_equal(stats.broken, n);

    rig_free(&r);
}


/* A stream with that directive: dead_air -50dB 2s hold. */

static void
with_dead_air(rig_t *r, const voice_t *v, unsigned hold)
{
    stn_stream_conf_t  conf;

    rig_conf(&conf);
    conf.level.dead_ms = 2000;
    conf.dead_hold = hold;
    rig_open(r, &conf, &v->format);
    stn_stream_birth(&r->s, r->now_us);
    assert_int_equal(rig_arrive(r, v), STN_OK);
    rig_send(r, 5 * SEC);
    assert_int_equal(stn_stream_alarms(&r->s), 0);
}


static void
holds_instead_of_dead_air(void **state)
{
    rig_t     r;
    uint64_t  live, lost;

    (void) state;

    with_dead_air(&r, &stereo, 1);
    rig_sound(&r, &quiet);
    rig_send(&r, 1800 * MS);
    assert_int_equal(stn_stream_alarms(&r.s), 0);
    assert_int_equal(stn_stream_holding(&r.s), 0);

    rig_send(&r, 500 * MS);
    assert_int_equal(stn_stream_alarms(&r.s), STN_LEVEL_DEAD);
    assert_int_equal(stn_stream_holding(&r.s), 1);

    /* none of his silence is heard, and nothing is late */

    rig_send(&r, SEC);
    live = r.live;
    lost = r.lost;
    rig_send(&r, 20 * SEC);
    assert_int_equal(r.live, live);
    rig_is_up(&r, SEC + LATE_US);

    /* a second of sound brings him back; that second is hold audio, too */

    rig_sound(&r, &stereo);
    rig_send(&r, 900 * MS);
    assert_int_equal(stn_stream_holding(&r.s), 1);
    rig_send(&r, 300 * MS);
    assert_int_equal(stn_stream_alarms(&r.s), 0);
    rig_send(&r, 5 * SEC);
    assert_int_equal(stn_stream_holding(&r.s), 0);
    assert_true(r.live > live + 5 * 46 - 50);
    assert_int_equal(r.changes, 0);

    /* what he sent in the meantime is gone, and no more than that */

    assert_in_range(r.lost - lost, 21 * 46, 24 * 47);

    rig_free(&r);
}


static void
lets_dead_air_be_heard(void **state)
{
    rig_t  r;

    (void) state;

    with_dead_air(&r, &stereo, 0);
    rig_sound(&r, &quiet);
    rig_send(&r, 10 * SEC);

    assert_int_equal(stn_stream_alarms(&r.s), STN_LEVEL_DEAD);
    assert_int_equal(stn_stream_holding(&r.s), 0);
    assert_int_equal(r.lost, 0);
    assert_true(r.heard > r.made - 50);

    /* he may be back at once; nobody is silent when nobody is there */

    stn_stream_leave(&r.s);
    assert_int_equal(stn_stream_alarms(&r.s), STN_LEVEL_DEAD);
    stn_stream_forget(&r.s);
    assert_int_equal(stn_stream_alarms(&r.s), 0);
    assert_int_equal(rig_arrive(&r, &stereo), STN_OK);
    assert_int_equal(stn_stream_alarms(&r.s), 0);

    rig_free(&r);
}


/* Who comes back silent is still silent, in whatever format. */

static void
stays_dead_from_one_session_to_the_next(void **state)
{
    rig_t     r;
    uint64_t  live;

    (void) state;

    with_dead_air(&r, &dull, 1);
    rig_sound(&r, &dumb);
    rig_send(&r, 5 * SEC);
    assert_int_equal(stn_stream_holding(&r.s), 1);
    live = r.live;

    assert_int_equal(rig_arrive(&r, &quiet), STN_OK);
    rig_send(&r, 5 * SEC);
    assert_int_equal(r.changes, 1);
    assert_int_equal(r.live, live);
    assert_int_equal(stn_stream_alarms(&r.s), STN_LEVEL_DEAD);

    rig_sound(&r, &stereo);
    rig_send(&r, 5 * SEC);
    assert_int_equal(stn_stream_alarms(&r.s), 0);
    assert_true(r.live > live + 100);

    rig_free(&r);
}


/* v's frames as a loop of hold audio; offset has room for all. */

static stn_hold_t
loop_of(const voice_t *v, uint8_t *bytes, size_t *offset)
{
    unsigned    i;
    stn_hold_t  loop;

    offset[0] = 0;

    for (i = 0; i < v->n; i++) {
        memcpy(bytes + offset[i], v->frame[i], v->len[i]);
        offset[i + 1] = offset[i] + v->len[i];
    }

    loop.bytes = bytes;
    loop.offset = offset;
    loop.frames = v->n;

    return loop;
}


/* A loop is for one format: after a change comfort plays, until there is
 * another one. */

static void
plays_the_loop_that_it_is_given(void **state)
{
    rig_t           r;
    size_t          offset[2][VOICE_FRAMES + 1];
    uint64_t        hold, looped;
    stn_hold_t      one, other;
    static uint8_t  bytes[2][VOICE_FRAMES * VOICE_BYTES];

    (void) state;

    one = loop_of(&twin, bytes[0], offset[0]);
    other = loop_of(&mono, bytes[1], offset[1]);

    on_air(&r, &stereo, 2 * SEC);
    stn_stream_hold(&r.s, &one);
    r.loop = &twin;
    stn_stream_leave(&r.s);
    rig_wait(&r, 3 * SEC);
    assert_in_range(r.looped, 90, 141);

    change_to(&r, &narrow);
    stn_stream_leave(&r.s);
    rig_wait(&r, 2 * SEC);
    hold = r.hold;
    looped = r.looped;
    rig_wait(&r, 3 * SEC);
    assert_true(r.hold > hold + 30);
    assert_int_equal(r.looped, looped);

    change_to(&r, &mono);
    stn_stream_hold(&r.s, &other);
    rig_wait(&r, 3 * SEC);
    hold = r.hold;
    looped = r.looped;
    r.loop = &mono;
    rig_wait(&r, 3 * SEC);
    assert_true(r.hold > hold + 80);
    assert_int_equal(r.looped - looped, r.hold - hold);

    /* and comfort again when it is taken away */

    stn_stream_hold(&r.s, NULL);
    rig_wait(&r, 2 * SEC);
    looped = r.looped;
    rig_wait(&r, 3 * SEC);
    assert_int_equal(r.looped, looped);

    rig_free(&r);
}


/* What may happen of an evening; each returns with the clock moved on. */

static void
he_sends(rig_t *r, uint32_t *seed)
{
    rig_send(r, SEC + wire_random(seed) % (40 * SEC));
}


/* His line is dead for a while; then all comes at once, or never. */

static void
he_stalls(rig_t *r, uint32_t *seed)
{
    rig_wait(r, 100 * MS + wire_random(seed) % (7 * SEC));

    while (rig_ready(r) <= r->now_us) {
        if (wire_random(seed) % 2 || rig_put(r) != STN_OK) {
            r->sent++;
        }
    }

    rig_pump(r);
    he_sends(r, seed);
}


static void
he_leaves(rig_t *r, uint32_t *seed)
{
    stn_stream_leave(&r->s);
    rig_wait(r, SEC + wire_random(seed) % (60 * SEC));
}


static void
another_comes(rig_t *r, uint32_t *seed)
{
    const voice_t  *v;

    v = wire_random(seed) % 8 ? &dull : &narrow;

    assert_int_equal(rig_arrive(r, v), STN_OK);
    rig_send(r, wire_random(seed) % SEC);
}


static void
he_is_silent(rig_t *r, uint32_t *seed)
{
    const voice_t  *v;

    v = r->voice;

    if (v == &dull) {
        rig_sound(r, &dumb);
        rig_send(r, 500 * MS + wire_random(seed) % (20 * SEC));
        rig_sound(r, v);
    }

    he_sends(r, seed);
}


/* Returns how much has happened. */

static unsigned
an_evening(rig_t *r)
{
    uint32_t  seed;
    unsigned  n, happened;

    static void (*const  events[])(rig_t *r, uint32_t *seed) = {
        he_sends, he_sends, he_stalls, he_leaves, another_comes, another_comes,
        he_is_silent
    };

    seed = 20251121;
    another_comes(r, &seed);

    for (n = 0; r->now_us < RIG_EPOCH + EVENING_S * SEC; n++) {
        happened = wire_random(&seed) % stn_nelems(events);

        /* who has left must come before he does anything */

        if (!r->s.present && happened < 4) {
            happened = 4;
        }

        if (!r->s.present) {
            another_comes(r, &seed);
        }

        events[happened](r, &seed);

        /* a part, and the time that is waited for who says nothing */

        rig_is_up(r, 2 * SEC + SEC + LATE_US);
    }

    stn_stream_leave(&r->s);
    rig_wait(r, 20 * SEC);
    rig_is_up(r, SEC + LATE_US);

    return n;
}


/* Whatever happens, each part comes in its time, where the last one ended. */

static void
goes_on_all_evening(void **state)
{
    rig_t                  r;
    int64_t                at;
    unsigned               n;
    stn_stream_conf_t      conf;
    stn_programme_stats_t  stats;

    (void) state;

    rig_conf(&conf);
    conf.level.dead_ms = 2000;
    conf.dead_hold = 1;
    rig_open(&r, &conf, &dull.format);
    r.deaf = 1;
    stn_stream_birth(&r.s, r.now_us);

    n = an_evening(&r);

    at = stn_rescale(r.first.pos, 1000000, r.first.rate);
    assert_in_range(r.now_us - at, (EVENING_S + 60) * SEC,
                    (EVENING_S + 200) * SEC);

    stn_stream_stats(&r.s, &stats);
    print_message("# %u events, %u changes, %u parts; %u live and %u hold "
                  "frames, %u lost, %u filled, %u stale, %u resyncs, "
                  "%u repairs\n", n, (unsigned) r.changes,
                  (unsigned) r.parts, (unsigned) r.live, (unsigned) r.hold,
                  (unsigned) r.lost, (unsigned) stats.gaps_filled,
                  (unsigned) stats.stale_dropped, (unsigned) stats.resyncs,
                  (unsigned) stats.drift_repairs);

    assert_true(r.changes > (unsigned) EVENING_S / 270);
    assert_true(r.live > r.hold);
    assert_int_equal(stats.broken, 0);
    assert_int_equal(r.s.discontinuities, r.changes);
    assert_in_range(stats.live_frames + stats.hold_frames - r.live - r.hold,
                    0, 47);

    rig_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(counts_over_changes),
        cmocka_unit_test(counts_over_who_was_not_heard),
        cmocka_unit_test(passes_on_what_it_cannot_decode),
        cmocka_unit_test(measures_a_unit_once),
        cmocka_unit_test(holds_instead_of_dead_air),
        cmocka_unit_test(lets_dead_air_be_heard),
        cmocka_unit_test(stays_dead_from_one_session_to_the_next),
        cmocka_unit_test(plays_the_loop_that_it_is_given),
        cmocka_unit_test(goes_on_all_evening),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_voices, NULL);
}
