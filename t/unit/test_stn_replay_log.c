/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The log of a replay by told time: what it lists and when, what is left out
 * at its end, chapters, and the texts of it all; three hours of it.
 */

#include "replay_util.h"

#include "replay/stn_replay_plan.h"
#include "replay/stn_replay_text.h"


/* The directory of a replay. */
#define START  "20251121T100006Z"


typedef struct {
    stn_replay_log_t  log;
    uint64_t          at[STN_REPLAY_RENDITIONS];
    uint32_t          n;       /* of the next part */
    unsigned          file;
} run_t;


static void
begin(run_t *r, unsigned trim)
{
    stn_replay_conf_t  conf;

    memset(r, 0, sizeof(*r));

    conf.n = 2;
    conf.part_us = 1002667;
    conf.parts = 6;
    conf.dead_us = 5000000;
    conf.trim = trim;

    stn_replay_log_init(&r->log, &conf);
    r->at[0] = 700;
    r->at[1] = 900;
}


/* What happens, a letter a part: L live, h hold, s silent; '.' is missing, '|'
 * begins another file. */

static void
run(run_t *r, const char *what)
{
    uint32_t             lost;
    unsigned             i;
    stn_replay_record_t  rec[2];

    for (lost = 0; *what; what++) {

        if (*what == '|') {
            r->file++;
            r->at[0] = 700;
            r->at[1] = 900;
            continue;
        }

        rec[0] = replay_record(r->n++);
        rec[0].live = (*what != 'h');
        rec[0].silent = (*what == 's');
        rec[0].lost_ms = lost;
        rec[1] = rec[0];
        rec[1].len = 500;
        rec[1].rate = 24000;
        rec[1].duration /= 2;
        rec[1].pos /= 2;

        if (*what == '.') {
            lost += 1003;
            continue;
        }

        lost = 0;
        assert_int_equal(stn_replay_log_add(&r->log, rec, r->at, r->file),
                         STN_OK);

        for (i = 0; i < 2; i++) {
            r->at[i] += STN_REPLAY_RECORD_LEN + rec[i].len;
        }
    }
}


/* The chapters, a letter each with its seconds, such as "L12 h3". */

static void
chapters_are(run_t *r, const char *expected)
{
    char                         text[512];
    size_t                       i, n;
    const stn_replay_chapter_t  *c;

    for (n = 0, i = 0; i < r->log.nchapters; i++) {
        c = &r->log.chapters[i];
        n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%c%d",
                               i ? " " : "", "Lhs."[c->kind],
                               (int) ((c->kind == STN_REPLAY_LOST
                                       ? c->lost_us
                                       : c->end_us - c->start_us) / 1000000));
    }

    text[n] = '\0';
    assert_string_equal(text, expected);
}


static void
lists_whole_segments_as_they_come(void **state)
{
    run_t  r;

    (void) state;

    begin(&r, 0);

    run(&r, "LLLLL");
    assert_int_equal(stn_replay_log_listed(&r.log), 0);
    run(&r, "L");
    assert_int_equal(stn_replay_log_listed(&r.log), 1);
    run(&r, "LLLLLLLL");
    assert_int_equal(stn_replay_log_listed(&r.log), 2);
    assert_int_equal(r.log.segments[1].pieces[0].offset,
                     700 + 6 * 1064 + 64);
    assert_int_equal(r.log.segments[1].pieces[0].len, 6 * 1064 - 64);
    assert_int_equal(r.log.segments[1].pieces[1].offset, 900 + 6 * 564 + 64);
    assert_int_equal(r.log.segments[1].pieces[1].duration,
                     6 * REPLAY_PART / 2);

    stn_replay_log_free(&r.log);
}


static void
holds_back_what_may_be_left_out(void **state)
{
    run_t  r;

    (void) state;

    begin(&r, 0);

    run(&r, "LLLLLL" "LLhhhh");
    assert_int_equal(stn_replay_log_listed(&r.log), 1);
    run(&r, "hhhhhh");
    assert_int_equal(stn_replay_log_listed(&r.log), 1);

    /* he is back: what was in between is in */

    run(&r, "hhhL");
    assert_int_equal(stn_replay_log_listed(&r.log), 3);
    run(&r, "LL" "hhhhhh" "hh");
    assert_int_equal(stn_replay_log_listed(&r.log), 4);
    chapters_are(&r, "L8 h13 L3 h8");

    /* the end: what was listed stays, the rest ends with what is live */

    stn_replay_log_end(&r.log);
    assert_int_equal(r.log.nsegments, 4);
    assert_int_equal(r.log.segments[3].pieces[0].len, 6 * 1064 - 64);
    chapters_are(&r, "L8 h13 L3");
    assert_int_equal(stn_replay_log_size(&r.log, 0, 0), 700 + 24 * 1064);

    stn_replay_log_free(&r.log);
}


static void
cuts_a_segment_at_its_last_live_part(void **state)
{
    run_t  r;

    (void) state;

    begin(&r, 0);

    run(&r, "LLLLLL" "LLhhhh" "hhh");
    stn_replay_log_end(&r.log);
    assert_int_equal(r.log.nsegments, 2);
    assert_int_equal(stn_replay_log_listed(&r.log), 2);
    assert_int_equal(r.log.segments[1].pieces[0].duration, 2 * REPLAY_PART);
    assert_int_equal(stn_replay_log_size(&r.log, 0, 0), 700 + 8 * 1064);
    assert_int_equal(stn_replay_log_size(&r.log, 1, 0), 900 + 8 * 564);
    assert_int_equal(r.log.duration_us, 8 * 1002667 - 3);

    stn_replay_log_free(&r.log);

    /* of nothing that counts nothing is left */

    begin(&r, 0);
    run(&r, "hhhh");
    stn_replay_log_end(&r.log);
    assert_int_equal(r.log.nsegments, 0);
    assert_int_equal(r.log.nchapters, 0);
    stn_replay_log_free(&r.log);
}


static void
trims_silence_only_when_asked(void **state)
{
    run_t                r;
    stn_replay_record_t  rec;

    (void) state;

    begin(&r, 0);
    run(&r, "LLLssssss");
    stn_replay_log_end(&r.log);
    chapters_are(&r, "L3 s6");
    stn_replay_log_free(&r.log);

    begin(&r, 1);
    run(&r, "LLLssssss");
    stn_replay_log_end(&r.log);
    chapters_are(&r, "L3");

    rec = replay_record(0);
    rec.silent = 1;
    assert_int_equal(stn_replay_log_counts(&r.log.conf, &rec), 0);
    r.log.conf.trim = 0;
    assert_int_equal(stn_replay_log_counts(&r.log.conf, &rec), 1);
    stn_replay_log_free(&r.log);
}


static void
tells_live_hold_dead_air_and_what_is_lost(void **state)
{
    run_t  r;

    (void) state;

    begin(&r, 0);
    run(&r, "LLLLss" "LLLsss" "sssLLh" "hhLL..." "LLLsLL" "ssL");
    chapters_are(&r, "L9 s6 L2 h3 L2 .3 L9");
    stn_replay_log_end(&r.log);
    chapters_are(&r, "L9 s6 L2 h3 L2 .3 L9");
    stn_replay_log_free(&r.log);

    /* a silence that was cut while it went on */

    begin(&r, 0);
    run(&r, "LLss" "hh");
    stn_replay_log_end(&r.log);
    chapters_are(&r, "L4");
    stn_replay_log_free(&r.log);

    begin(&r, 0);
    run(&r, "LLssssss" "hh");
    stn_replay_log_end(&r.log);
    chapters_are(&r, "L2 s6");
    stn_replay_log_free(&r.log);
}


static void
keeps_chapters_within_bounds(void **state)
{
    int    i;
    run_t  r;

    (void) state;

    begin(&r, 0);

    for (i = 0; i < STN_REPLAY_CHAPTERS; i++) {
        run(&r, "Lh");
    }

    assert_int_equal(r.log.nchapters, STN_REPLAY_CHAPTERS);
    assert_int_equal(r.log.chapters[STN_REPLAY_CHAPTERS - 1].end_us,
                     r.log.duration_us);
    stn_replay_log_end(&r.log);
    stn_replay_log_free(&r.log);
}


static void
writes_playlists(void **state)
{
    run_t      r;
    stn_buf_t  out;

    (void) state;

    begin(&r, 0);
    stn_buf_init(&out, STN_REPLAY_TEXT_MAX);

    run(&r, "LLLLLL" "LL..LL" "LLLLLL" "|LL");
    assert_int_equal(stn_replay_playlist(&r.log, 1, START, "48k", &out),
                     STN_OK);
    stn_buf_u8(&out, 0);
    assert_string_equal((char *) out.data,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n"
        "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-START:TIME-OFFSET=0\n"
        "#EXT-X-MAP:URI=\"../" START "/48k~init.mp4\",BYTERANGE=\"884@0\"\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T10:00:06.570Z\n"
        "#EXTINF:6.01600,\n#EXT-X-BYTERANGE:3320@964\n../" START "/48k.m4a\n"
        "#EXTINF:2.00533,\n#EXT-X-BYTERANGE:1064@4348\n../" START "/48k.m4a\n"
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T10:00:16.597Z\n"
        "#EXTINF:2.00533,\n#EXT-X-BYTERANGE:1064@5476\n../" START "/48k.m4a\n"
        "#EXTINF:6.01600,\n#EXT-X-BYTERANGE:3320@6604\n../" START "/48k.m4a\n");

    stn_buf_reset(&out);
    run(&r, "LLLL");
    stn_replay_log_end(&r.log);
    assert_int_equal(stn_replay_playlist(&r.log, 0, START, "128k", &out),
                     STN_OK);
    stn_buf_u8(&out, 0);
    assert_non_null(strstr((char *) out.data,
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-MAP:URI=\"../" START "/128k~2~init.mp4\",BYTERANGE=\"684@0\"\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T10:00:24.618Z\n"
        "#EXTINF:6.01600,\n#EXT-X-BYTERANGE:6320@764\n../" START "/128k~2.m4a\n"
        "#EXT-X-ENDLIST\n"));

    stn_buf_free(&out);
    stn_replay_log_free(&r.log);
}


static void
tells_how_far_a_file_is_listed(void **state)
{
    run_t        r;
    size_t       len;
    stn_buf_t    out;
    const char  *text;

    (void) state;

    begin(&r, 0);
    stn_buf_init(&out, STN_REPLAY_TEXT_MAX);

    run(&r, "LLLLLL" "|LLLLLL" "LL");
    assert_int_equal(stn_replay_playlist(&r.log, 0, START, "128k", &out),
                     STN_OK);
    text = (char *) out.data;

    assert_int_equal(stn_replay_listed(text, out.len, "128k.m4a"),
                     700 + 6 * 1064);
    assert_int_equal(stn_replay_listed(text, out.len, "128k~2.m4a"),
                     700 + 6 * 1064);
    assert_int_equal(stn_replay_log_size(&r.log, 0, 0), 700 + 6 * 1064);
    assert_int_equal(stn_replay_log_size(&r.log, 0, 1), 700 + 8 * 1064);
    assert_int_equal(stn_replay_log_size(&r.log, 0, 2), 0);

    assert_int_equal(stn_replay_listed(text, out.len, "28k.m4a"), 0);
    assert_int_equal(stn_replay_listed(text, out.len, "128k~3.m4a"), 0);
    assert_int_equal(stn_replay_listed(text, out.len, NULL), 700 + 6 * 1064);

    for (len = 0; len < out.len; len++) {
        assert_in_range(stn_replay_listed(text, len, NULL), 0,
                        700 + 6 * 1064);
    }

    stn_buf_free(&out);
    stn_replay_log_free(&r.log);
}


static void
writes_chapters(void **state)
{
    run_t      r;
    stn_buf_t  out;

    (void) state;

    begin(&r, 0);
    stn_buf_init(&out, STN_REPLAY_TEXT_MAX);

    run(&r, "LLLh.L");
    stn_replay_log_end(&r.log);
    assert_int_equal(stn_replay_chapters(&r.log, "live/a", &out), STN_OK);
    stn_buf_u8(&out, 0);
    assert_string_equal((char *) out.data,
        "{\n  \"stream\": \"live/a\",\n"
        "  \"start\": \"2025-11-21T10:00:06.570Z\",\n"
        "  \"end\": \"2025-11-21T10:00:12.586Z\",\n"
        "  \"duration\": 5.013,\n  \"ended\": true,\n  \"chapters\": [\n"
        "    {\"kind\": \"live\", \"start\": 0.000, \"end\": 3.008, "
        "\"time\": \"2025-11-21T10:00:06.570Z\"},\n"
        "    {\"kind\": \"hold\", \"start\": 3.008, \"end\": 4.011, "
        "\"time\": \"2025-11-21T10:00:09.578Z\"},\n"
        "    {\"kind\": \"lost\", \"start\": 4.011, \"end\": 4.011, "
        "\"time\": \"2025-11-21T10:00:10.581Z\", \"lost\": 1.003},\n"
        "    {\"kind\": \"live\", \"start\": 4.011, \"end\": 5.013, "
        "\"time\": \"2025-11-21T10:00:11.584Z\"}\n  ]\n}\n");

    stn_buf_free(&out);
    stn_replay_log_free(&r.log);
}


static void
takes_three_hours_and_a_day_and_no_more(void **state)
{
    int                  rc;
    run_t                r;
    uint32_t             i, peak, average;
    stn_buf_t            out;
    stn_replay_record_t  rec[2];

    (void) state;

    begin(&r, 0);
    stn_buf_init(&out, STN_REPLAY_TEXT_MAX);

    for (i = 0; i < 10800; i++) {
        run(&r, "L");
    }

    assert_int_equal(stn_replay_log_listed(&r.log), 1800);
    assert_int_equal(stn_replay_target(&r.log), 6);
    assert_int_equal(stn_replay_log_target(&r.log.conf), 6);
    stn_replay_bandwidth(&r.log, 0, &peak, &average);
    assert_in_range(peak, 8400, 8500);
    assert_int_equal(peak, average);

    for (rc = STN_OK, i = 0; rc == STN_OK && i < 1000000; i++) {
        rec[0] = replay_record(r.n++);
        rec[1] = rec[0];
        rc = stn_replay_log_add(&r.log, rec, r.at, 0);
    }

    assert_int_equal(rc, STN_LIMIT);
    assert_int_equal(r.log.nsegments, STN_REPLAY_SEGMENTS);
    assert_int_equal(stn_replay_log_listed(&r.log), STN_REPLAY_SEGMENTS);
    assert_int_equal(stn_replay_playlist(&r.log, 0, START,
                                         "abcdefghijklmnopqrstuvwxyz01234",
                                         &out), STN_OK);

    stn_buf_free(&out);
    stn_replay_log_free(&r.log);
}


static void
keeps_records_and_finds_them_broken(void **state)
{
    size_t               i;
    stn_buf_t            out;
    stn_replay_record_t  r, b;

    (void) state;

    r = replay_record(7);
    r.silent = 1;
    r.lost_ms = 4711;
    r.crc = 0xcbf43926;

    stn_buf_init(&out, 1024);
    assert_int_equal(stn_replay_record_put(&out, &r), STN_OK);
    assert_int_equal(out.len, STN_REPLAY_RECORD_LEN);
    assert_int_equal(stn_replay_record_get(out.data, &b), STN_OK);

    assert_int_equal(b.msn, r.msn);
    assert_int_equal(b.part, r.part);
    assert_int_equal(b.pos, r.pos);
    assert_int_equal(b.rate, r.rate);
    assert_int_equal(b.duration, r.duration);
    assert_int_equal(b.len, r.len);
    assert_int_equal(b.crc, r.crc);
    assert_int_equal(b.lost_ms, r.lost_ms);
    assert_true(b.live && b.silent && !b.last);

    for (i = 0; i < 8 * out.len; i++) {
        out.data[i / 8] ^= (uint8_t) (1 << i % 8);
        assert_int_equal(stn_replay_record_get(out.data, &b), STN_ERROR);
        out.data[i / 8] ^= (uint8_t) (1 << i % 8);
    }

    assert_int_equal(stn_replay_crc(0, (uint8_t *) "123456789", 9),
                     0xcbf43926);
    stn_buf_free(&out);

    /* good by its CRC is not enough */

    r.rate = 0;
    assert_int_equal(stn_replay_record_put(&out, &r), STN_OK);
    assert_int_equal(stn_replay_record_get(out.data, &b), STN_ERROR);
    stn_buf_free(&out);
}


/* A plan of two renditions. */

static void
make_plan(stn_replay_plan_t *plan)
{
    memset(plan, 0, sizeof(*plan));
    plan->conf.n = 2;
    plan->conf.part_us = 1002667;
    plan->conf.parts = 6;
    plan->conf.dead_us = 10000000;
    plan->conf.trim = 1;
    strcpy(plan->names[0], "128k");
    strcpy(plan->names[1], "end");
}


/* Writes a plan and reads it again; its text stays in out. */

static void
write_and_read(stn_buf_t *out, const stn_replay_plan_t *plan,
    stn_replay_plan_t *read)
{
    stn_buf_reset(out);
    assert_int_equal(stn_replay_plan_put(out, plan), STN_OK);
    assert_int_equal(stn_replay_plan_get((char *) out->data, out->len, read),
                     STN_OK);
}


static void
keeps_plans(void **state)
{
    size_t             len;
    stn_buf_t          out;
    stn_replay_plan_t  a, b;

    (void) state;

    stn_buf_init(&out, STN_REPLAY_PLAN_MAX);

    make_plan(&a);
    write_and_read(&out, &a, &b);
    assert_memory_equal(&a, &b, sizeof(a));

    /* over, and then complete */

    a.over_us = INT64_C(1795668971520000);
    write_and_read(&out, &a, &b);
    assert_int_equal(b.over_us, a.over_us);
    assert_int_equal(b.end_us, 0);

    a.end_us = a.over_us;
    write_and_read(&out, &a, &b);
    assert_int_equal(b.over_us, a.over_us);
    assert_int_equal(b.end_us, a.end_us);

    /* torn, it may say that it has not ended, but nothing else */

    for (len = 0; len < out.len; len++) {
        if (stn_replay_plan_get((char *) out.data, len, &b) == STN_OK) {
            assert_int_equal(b.end_us, 0);
        }
    }

    stn_buf_free(&out);
}


static void
compares_plans(void **state)
{
    stn_replay_plan_t  a, b;

    (void) state;

    make_plan(&a);
    b = a;
    assert_int_equal(stn_replay_plan_same(&a, &b), 1);

    strcpy(b.names[1], "other");
    assert_int_equal(stn_replay_plan_same(&a, &b), 0);

    /* of another grid; and of another sample rate */

    b = a;
    b.conf.parts = 5;
    assert_int_equal(stn_replay_plan_same(&a, &b), 0);
    b = a;
    b.conf.part_us = 2005333;
    assert_int_equal(stn_replay_plan_same(&a, &b), 0);
    b = a;
    b.conf.part_us = 998459;
    assert_int_equal(stn_replay_plan_same(&a, &b), 1);
}


static void
refuses_plans_that_lead_elsewhere(void **state)
{
    size_t             i;
    stn_replay_plan_t  plan;

    static const char *const  bad[] = {
        "", "\n", "StnReplay 2 1 6 0 0\na\n", "StnReplay 1 1 6 0\na\n",
        "StnReplay 1 0 6 0 0\na\n", "StnReplay 1 1 6 0 2\na\n",
        "StnReplay 1 1 6 0 0 7\na\n", "StnReplay 1 1 6 0 0\n",
        "StnReplay 1 1 6 0 0\n../a\n", "StnReplay 1 1 6 0 0\n..\n",
        "StnReplay 1 1 6 0 0\na\nend \n", "StnReplay 1 1 6 0 0\na\nend 0\n",
        "StnReplay 1 1 6 0 0\na\nend 7\nb\n", "StnReplay 1 1 6 0 0\na~2\n",
        "StnReplay 1 1 6 0 0\na\nover 7\nb\n",
        "StnReplay 1 1 6 0 0\nover 7\n",
        "StnReplay 1 1 6 0 0\na\nover 7\nover 8\n",
        "StnReplay 1 1 6 0 0\na\nover 0\n",
        "StnReplay 1 1 6 0 0\na\nover 7 8\n",
        "StnReplay 1 1 6 0 0\na\n\nb\n", "StnReplay 1 -1 6 0 0\na\n",
        "StnReplay 1 1 6 0 0\na\"b\n",
        "StnReplay 1 1 6 0 0\na\na\na\na\na\na\na\na\na\n",
        "StnReplay 1 1 6 0 0\nabcdefghijklmnopqrstuvwxyz012345\n"
    };

    (void) state;

    for (i = 0; i < stn_nelems(bad); i++) {
        assert_int_equal(stn_replay_plan_get(bad[i], strlen(bad[i]), &plan),
                         STN_ERROR);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(lists_whole_segments_as_they_come),
        cmocka_unit_test(holds_back_what_may_be_left_out),
        cmocka_unit_test(cuts_a_segment_at_its_last_live_part),
        cmocka_unit_test(trims_silence_only_when_asked),
        cmocka_unit_test(tells_live_hold_dead_air_and_what_is_lost),
        cmocka_unit_test(keeps_chapters_within_bounds),
        cmocka_unit_test(writes_playlists),
        cmocka_unit_test(tells_how_far_a_file_is_listed),
        cmocka_unit_test(writes_chapters),
        cmocka_unit_test(takes_three_hours_and_a_day_and_no_more),
        cmocka_unit_test(keeps_records_and_finds_them_broken),
        cmocka_unit_test(keeps_plans),
        cmocka_unit_test(compares_plans),
        cmocka_unit_test(refuses_plans_that_lead_elsewhere)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
