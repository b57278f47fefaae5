/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A stream that is passed through: born without a broadcaster, taken over in
 * the same format or another, gone on with by another process, ended.  The
 * rig of stream_util.h looks at every part; the tests say when the format has
 * to change and whose units must be heard.
 */

#include "stream_util.h"


static voice_t  stereo;     /* 48 kHz */
static voice_t  twin;       /* likewise, another sound */
static voice_t  mono;       /* 44.1 kHz */
static voice_t  narrow;     /* 22.05 kHz, mono */
static voice_t  dull;       /* 8 kHz, mono */


static int
make_voices(void **state)
{
    (void) state;

    stn_cmaf_quiet();

    voice_make(&stereo, 48000, 2, 0.3, 1);
    voice_make(&twin, 48000, 2, 0.3, 2);
    voice_make(&mono, 44100, 1, 0.3, 3);
    voice_make(&narrow, 22050, 1, 0.3, 4);
    voice_make(&dull, 8000, 1, 0.3, 6);

    return 0;
}


/* The init segment is of that format. */

static void
init_is_of(const rig_t *r, const stn_format_t *f)
{
    stn_cur_t         box;
    const stn_buf_t  *init;

    init = stn_stream_init_segment(&r->s, 0);

    assert_true(media_find(init->data, init->len, "moov/trak/mdia/mdhd",
                           &box));
    (void) stn_cur_bytes(&box, 12);
    assert_int_equal(stn_cur_be32(&box), f->rate);
}


static void
is_born_without_a_broadcaster(void **state)
{
    rig_t  r;

    (void) state;

    rig_init(&r, &stereo.format);
    rig_wait(&r, 5 * SEC);
    assert_int_equal(r.parts, 0);
    assert_true(r.s.due_us == INT64_MAX);

    stn_stream_birth(&r.s, r.now_us);
    rig_pump(&r);

    /* a window, and the segment under way, at once; on the epoch's grid */

    assert_in_range(r.parts, 60, 67);
    assert_int_equal(r.first.part, 0);
    assert_int_equal(r.first.pos % stn_grid_segment(&r.opened), 0);
    assert_int_equal(r.first.msn, stn_grid_msn(&r.opened, r.first.pos));
    rig_is_up(&r, SEC + LATE_US);

    rig_wait(&r, 60 * SEC);
    rig_is_up(&r, SEC + LATE_US);

    assert_int_equal(r.live, 0);
    assert_int_equal(r.s.discontinuities, 0);
    assert_int_equal(stn_stream_holding(&r.s), 1);
    assert_int_equal(stn_stream_drained(&r.s), 1);
    assert_int_equal(stn_stream_alarms(&r.s), 0);
    init_is_of(&r, &stereo.format);

    rig_free(&r);
}


static void
begins_at_no_number_used_before(void **state)
{
    rig_t              r;
    stn_stream_conf_t  conf;

    (void) state;

    rig_conf(&conf);
    memset(&r, 0, sizeof(r));

    assert_int_equal(stn_stream_init(&r.s, &conf, &stereo.format,
                                     9000000000), STN_OK);
    r.now_us = RIG_EPOCH;
    r.opened = r.s.grid;
    stn_stream_birth(&r.s, r.now_us);
    rig_pump(&r);

    assert_true(r.first.msn == 9000000000);

    rig_free(&r);
}


static void
goes_on_in_the_same_format(void **state)
{
    rig_t  r;

    (void) state;

    on_air(&r, &stereo, 20 * SEC);

    assert_int_equal(stn_stream_holding(&r.s), 0);
    assert_int_equal(rig_arrive(&r, &twin), STN_OK);
    rig_send(&r, 20 * SEC);
    stn_stream_leave(&r.s);
    rig_wait(&r, 20 * SEC);
    rig_is_up(&r, SEC + LATE_US);

    assert_int_equal(stn_stream_holding(&r.s), 1);
    assert_int_equal(r.changes, 0);
    assert_int_equal(r.s.generation, 0);
    assert_int_equal(r.s.discontinuities, 0);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.heard, r.made);

    rig_free(&r);
}


/* Whatever the place in a part, and in a segment, where he comes. */

static void
takes_on_another_format_anywhere(void **state)
{
    rig_t     r;
    uint64_t  hold;
    unsigned  i;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);

    for (i = 1; i <= 26; i++) {
        change_to(&r, i % 4 == 1 ? &mono : i % 4 == 3 ? &narrow : &stereo);
        assert_int_equal(r.changes, i);
        assert_int_equal(r.s.discontinuities, i);
        init_is_of(&r, &r.voice->format);

        /* what comes when he is gone is in his format */

        if (i % 2) {
            stn_stream_leave(&r.s);
            hold = r.hold;
            rig_wait(&r, 2 * SEC + i * 37 * MS);
            assert_true(r.hold > hold + 10);
            assert_int_equal(stn_stream_holding(&r.s), 1);
            assert_int_equal(r.last.rate, r.voice->format.rate);
        } else {
            rig_send(&r, i * 29 * MS);
        }
    }

    assert_int_equal(r.lost, 0);

    rig_free(&r);
}


/* The part that is cut ends its segment, however short it is: the rig sees to
 * that, here it is how short. */

static void
cuts_the_part_under_way(void **state)
{
    rig_t     r;
    uint64_t  parts;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);
    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    parts = r.parts;

    while (!r.changed) {
        rig_send(&r, 10 * MS);
    }

    assert_int_equal(r.parts, parts + 1);
    assert_true(r.last.duration < r.opened.part);
    assert_int_equal(r.last.last, 1);
    assert_int_equal(r.last.rate, 48000);
    assert_true(r.now_us - r.start_us <= SETTLED_US);

    rig_free(&r);
}


static void
opens_with_whoever_is_heard_first(void **state)
{
    rig_t              r;
    stn_stream_conf_t  conf;

    (void) state;

    rig_conf(&conf);
    rig_open(&r, &conf, &stereo.format);

    /* one comes and says nothing, another one is heard */

    assert_int_equal(rig_arrive(&r, &stereo), STN_OK);
    rig_wait(&r, 3 * SEC);
    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    assert_int_equal(r.s.generation, 1);
    r.opened = r.s.grid;
    rig_send(&r, 10 * SEC);

    assert_int_equal(r.first.rate, 44100);
    assert_int_equal(r.first.part, 0);
    assert_int_equal(r.first.msn, stn_grid_msn(&r.opened, r.first.pos));
    assert_int_equal(r.s.discontinuities, 0);
    assert_int_equal(r.changes, 0);
    assert_int_equal(r.lost, 0);
    rig_is_up(&r, SEC + LATE_US);
    init_is_of(&r, &mono.format);

    rig_free(&r);
}


static void
leaves_before_he_has_settled(void **state)
{
    rig_t     r;
    unsigned  i;

    (void) state;

    /* all that he sent is played, if he did send something */

    for (i = 0; i <= 3; i++) {
        on_air(&r, &stereo, 5 * SEC);
        assert_int_equal(rig_arrive(&r, &mono), STN_OK);
        rig_send(&r, i * 24 * MS);
        stn_stream_leave(&r.s);
        assert_int_equal(r.sent, i);
        assert_int_equal(stn_stream_drained(&r.s), i == 0);

        rig_wait(&r, 5 * SEC);
        assert_int_equal(r.changes, i > 0);
        assert_int_equal(r.lost, 0);
        assert_int_equal(r.heard, r.made);
        assert_int_equal(stn_stream_holding(&r.s), 1);
        assert_int_equal(stn_stream_drained(&r.s), 1);
        rig_is_up(&r, SEC + LATE_US);

        rig_free(&r);
    }
}


static void
is_changed_twice_in_a_row(void **state)
{
    rig_t  r;

    (void) state;

    /* the second one before the first has settled: he alone is heard */

    on_air(&r, &stereo, 5 * SEC);
    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    rig_send(&r, 60 * MS);
    r.forgone = r.sent;
    change_to(&r, &narrow);
    assert_int_equal(r.changes, 1);

    /* and right after the change, while nothing of it is out yet */

    assert_int_equal(rig_arrive(&r, &mono), STN_OK);

    while (!r.changed) {
        rig_send(&r, 10 * MS);
    }

    assert_int_equal(r.changes, 2);
    change_to(&r, &stereo);
    assert_int_equal(r.changes, 3);
    assert_int_equal(r.lost, r.forgone);

    rig_free(&r);
}


static void
goes_back_to_the_format_that_it_had(void **state)
{
    rig_t      r;
    stn_buf_t  init;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);

    stn_buf_init(&init, STN_CMAF_MAX);
    assert_int_equal(stn_buf_put(&init,
                                 stn_stream_init_segment(&r.s, 0)->data,
                                 stn_stream_init_segment(&r.s, 0)->len),
                     STN_OK);

    /* before the other one has settled nothing has changed */

    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    rig_send(&r, 60 * MS);
    r.forgone = r.sent;
    assert_int_equal(rig_arrive(&r, &twin), STN_OK);
    rig_send(&r, 5 * SEC);
    assert_int_equal(r.changes, 0);
    assert_int_equal(r.lost, r.forgone);

    /* afterwards it is a change like any other, to the same init segment */

    change_to(&r, &mono);
    assert_true(stn_stream_init_segment(&r.s, 0)->len != init.len
                || memcmp(stn_stream_init_segment(&r.s, 0)->data, init.data,
                          init.len) != 0);
    change_to(&r, &stereo);
    assert_int_equal(stn_stream_init_segment(&r.s, 0)->len, init.len);
    assert_memory_equal(stn_stream_init_segment(&r.s, 0)->data, init.data,
                        init.len);

    stn_buf_free(&init);
    rig_free(&r);
}


static void
refuses_what_it_cannot_carry(void **state)
{
    rig_t              r;
    stn_format_t       opus, slow;
    stn_stream_conf_t  conf;

    (void) state;

    opus = stereo.format;
    opus.codec = STN_CODEC_OPUS;

    /* frames of 512 ms do not fit into parts of 200 */

    slow = dull.format;
    slow.frame = 4096;

    rig_conf(&conf);
    conf.part_us = 200 * MS;
    rig_open(&r, &conf, &stereo.format);
    stn_stream_birth(&r.s, r.now_us);
    assert_int_equal(rig_arrive(&r, &stereo), STN_OK);
    rig_send(&r, 3 * SEC);

    assert_int_equal(stn_stream_arrive(&r.s, &opus), STN_UNSUPPORTED);
    assert_string_equal(r.s.reason, "only AAC can be passed through");
    assert_int_equal(stn_stream_arrive(&r.s, &slow), STN_UNSUPPORTED);
    assert_string_equal(r.s.reason,
                        "a frame is longer than the stream's parts");

    /* and nothing has happened to who is there */

    rig_send(&r, 3 * SEC);
    assert_int_equal(r.changes, 0);
    assert_int_equal(r.lost, 0);
    assert_int_equal(r.s.present, 1);
    assert_int_equal(stn_stream_holding(&r.s), 0);
    rig_is_up(&r, SEC);

    rig_free(&r);

    assert_int_equal(stn_stream_init(&r.s, &conf, &opus, 0),
                     STN_UNSUPPORTED);
    assert_string_equal(r.s.reason, "only AAC can be passed through");
}


/* Another process goes on behind the last part, with somebody who sends v's
 * format; nobody if v is NULL. */

static void
goes_on_behind(const rig_t *before, const voice_t *v)
{
    rig_t                r;
    const voice_t       *opened;
    stn_stream_conf_t    conf;
    stn_stream_resume_t  resume;

    opened = before->voice;

    rig_conf(&conf);
    rig_open(&r, &conf, &opened->format);
    r.opened = before->opened;
    r.now_us = before->now_us + 700 * MS;
    r.last = before->last;
    r.seq = before->seq;
    r.parts = 1;

    memset(&resume, 0, sizeof(resume));
    resume.grid = r.opened;
    resume.pos[0] = r.last.pos + r.last.duration;
    resume.msn = r.last.msn + r.last.last;
    resume.part = r.last.last ? 0 : r.last.part + 1;
    resume.discontinuities = 7;

    assert_int_equal(stn_stream_resume(&r.s, &resume), STN_OK);
    assert_int_equal(r.s.discontinuities, 7);

    if (v) {
        assert_int_equal(rig_arrive(&r, v), STN_OK);
        rig_send(&r, 4 * SEC);
        assert_int_equal(r.changes, v != opened);
        assert_int_equal(r.last.rate, v->format.rate);
        assert_int_equal(stn_stream_holding(&r.s), 0);
        assert_int_equal(r.lost, 0);
        assert_true(r.live > 2 * v->format.rate / v->format.frame);

    } else {
        rig_wait(&r, 4 * SEC);
        assert_int_equal(r.changes, 0);
        assert_int_equal(r.live, 0);
    }

    rig_is_up(&r, SEC + LATE_US);
    assert_int_equal(r.s.discontinuities, 7 + r.changes);

    rig_free(&r);
}


static void
is_gone_on_with_behind_any_part(void **state)
{
    rig_t     r;
    unsigned  part;

    (void) state;

    on_air(&r, &narrow, 2 * SEC);

    for (part = 0; part < 6; part++) {

        while (r.last.part != part) {
            rig_send(&r, 100 * MS);
        }

        goes_on_behind(&r, &narrow);
        goes_on_behind(&r, &dull);
        goes_on_behind(&r, NULL);
    }

    rig_free(&r);
}


/* Another node goes on 1.7 s after the last part, with what it has kept of the
 * same broadcaster: he was there all the time, and nothing of him is missing
 * but what a session needs to find its place. */

static void
is_gone_on_with_by_who_stood_by(void **state)
{
    rig_t                r, before;
    int64_t              now;
    uint64_t             edge;
    stn_stream_conf_t    conf;
    stn_stream_resume_t  resume;

    (void) state;

    on_air(&before, &stereo, 5 * SEC);

    rig_conf(&conf);
    rig_open(&r, &conf, &stereo.format);
    r.opened = before.opened;
    r.last = before.last;
    r.seq = before.seq;
    r.parts = 1;

    memset(&resume, 0, sizeof(resume));
    resume.grid = r.opened;
    resume.pos[0] = r.last.pos + r.last.duration;
    resume.msn = r.last.msn + 1;
    resume.discontinuities = 1;

    assert_int_equal(stn_stream_resume(&r.s, &resume), STN_OK);

    now = before.now_us + 1700 * MS;

    /* five seconds of him, each unit with the time it came at */

    r.now_us = now - 5 * SEC;
    assert_int_equal(rig_arrive(&r, &stereo), STN_OK);
    r.last.last = 1;

    while (rig_ready(&r) <= now) {
        r.now_us = rig_ready(&r);
        assert_int_equal(rig_put(&r), STN_OK);
    }

    /* those from before the last part are too late */

    edge = (uint64_t) (r.made - stn_rescale(now, 48000, 1000000) / 1024
                       + resume.pos[0] / 1024);
    r.heard = edge - 20;
    r.now_us = now;

    rig_send(&r, 4 * SEC);
    rig_is_up(&r, SEC + LATE_US);

    assert_int_equal(stn_stream_holding(&r.s), 0);
    assert_true(r.live > 5 * 48000 / 1024 - 20);
    assert_true(r.hold < 20);
    assert_in_range(r.lost, 0, 20);

    rig_free(&r);
    rig_free(&before);
}


/* What was opened as 48 kHz has become 44.1 kHz since: its parts stay those
 * that PART-TARGET allows. */

static void
is_gone_on_with_in_the_format_that_it_took_on(void **state)
{
    rig_t                r;
    stn_part_t           last;
    stn_stream_conf_t    conf;
    stn_stream_resume_t  resume;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);
    change_to(&r, &mono);

    memset(&resume, 0, sizeof(resume));
    last = r.last;
    resume.grid = r.opened;
    resume.pos[0] = last.pos + last.duration;
    resume.msn = last.msn + last.last;
    resume.part = last.last ? 0 : last.part + 1;
    resume.discontinuities = 1;

    stn_stream_free(&r.s);
    rig_conf(&conf);
    assert_int_equal(stn_stream_init(&r.s, &conf, &mono.format, 0), STN_OK);
    assert_int_equal(stn_stream_resume(&r.s, &resume), STN_OK);

    rig_wait(&r, 3 * SEC);
    r.forgone = r.made - r.heard;
    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    rig_send(&r, 5 * SEC);
    change_to(&r, &stereo);
    assert_int_equal(r.s.discontinuities, 2);

    rig_free(&r);
}


static void
is_refused_where_its_parts_are_too_short(void **state)
{
    rig_t                r;
    stn_stream_conf_t    conf;
    stn_stream_resume_t  resume;

    (void) state;

    memset(&resume, 0, sizeof(resume));
    resume.grid = (stn_grid_t) { 48000, 1024, 1024, 6 };
    resume.pos[0] = 1024;

    rig_conf(&conf);
    rig_open(&r, &conf, &mono.format);
    assert_int_equal(stn_stream_resume(&r.s, &resume), STN_UNSUPPORTED);
    assert_non_null(r.s.reason);

    rig_free(&r);
}


static void
ends_with_the_next_part(void **state)
{
    rig_t     r;
    uint64_t  parts;
    unsigned  part;

    (void) state;

    for (part = 0; part < 6; part++) {
        on_air(&r, &dull, SEC);
        stn_stream_leave(&r.s);

        while (r.last.part != part) {
            rig_wait(&r, 100 * MS);
        }

        stn_stream_end(&r.s);
        parts = r.parts;
        rig_run(&r, r.now_us);

        while (r.parts == parts) {
            r.now_us += 10 * MS;
            rig_pump(&r);
        }

        assert_int_equal(r.parts, parts + 1);
        assert_int_equal(r.last.last, 1);
        assert_int_equal(r.last.part, (part + 1) % 6);

        rig_free(&r);
    }
}


/* The one who is about to come in another format cannot keep it from ending,
 * and what is cut for him is the end. */

static void
ends_while_another_format_settles(void **state)
{
    rig_t     r;
    uint64_t  parts;

    (void) state;

    on_air(&r, &stereo, 5 * SEC);
    assert_int_equal(rig_arrive(&r, &mono), STN_OK);
    rig_send(&r, 50 * MS);
    stn_stream_leave(&r.s);
    stn_stream_end(&r.s);
    parts = r.parts;

    while (r.parts == parts) {
        r.now_us += 10 * MS;
        rig_pump(&r);
    }

    assert_int_equal(r.parts, parts + 1);
    assert_int_equal(r.last.last, 1);

    rig_free(&r);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(is_born_without_a_broadcaster),
        cmocka_unit_test(begins_at_no_number_used_before),
        cmocka_unit_test(goes_on_in_the_same_format),
        cmocka_unit_test(takes_on_another_format_anywhere),
        cmocka_unit_test(cuts_the_part_under_way),
        cmocka_unit_test(opens_with_whoever_is_heard_first),
        cmocka_unit_test(leaves_before_he_has_settled),
        cmocka_unit_test(is_changed_twice_in_a_row),
        cmocka_unit_test(goes_back_to_the_format_that_it_had),
        cmocka_unit_test(refuses_what_it_cannot_carry),
        cmocka_unit_test(is_gone_on_with_behind_any_part),
        cmocka_unit_test(is_gone_on_with_by_who_stood_by),
        cmocka_unit_test(is_gone_on_with_in_the_format_that_it_took_on),
        cmocka_unit_test(is_refused_where_its_parts_are_too_short),
        cmocka_unit_test(ends_with_the_next_part),
        cmocka_unit_test(ends_while_another_format_settles),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_voices, NULL);
}
