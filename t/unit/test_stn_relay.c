/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Relay records: what is written reads back, in pieces of any size; and what
 * is broken, too much or of another version goes no further than the reader.
 */

#include "relay_util.h"


static void
str_is(const stn_str_t *a, const stn_str_t *b)
{
    assert_true(stn_str_eq(a, b));
}


static void
is_stream(const stn_relay_stream_t *a)
{
    unsigned            i;
    stn_relay_stream_t  b;

    relay_stream(&b);

    assert_int_equal(a->epoch, b.epoch);
    assert_int_equal(a->whole, b.whole);
    assert_int_equal(a->hops, b.hops);
    assert_int_equal(a->n, b.n);

    for (i = 0; i < b.hops; i++) {
        str_is(&a->chain[i], &b.chain[i]);
    }

    for (i = 0; i < b.n; i++) {
        assert_true(relay_hash_rendition(1, &a->renditions[i])
                    == relay_hash_rendition(1, &b.renditions[i]));
    }
}


static void
is_init(const stn_relay_init_t *a)
{
    stn_relay_init_t  b;

    relay_init(&b);

    assert_int_equal(a->rendition, b.rendition);
    assert_int_equal(a->id, b.id);
    assert_int_equal(a->rate, b.rate);
    assert_int_equal(a->channels, b.channels);
    str_is(&a->codecs, &b.codecs);
    str_is(&a->config, &b.config);
    str_is(&a->data, &b.data);
}


static void
is_part(const stn_relay_part_t *a)
{
    unsigned          i;
    stn_relay_part_t  b;

    relay_part(&b);

    assert_int_equal(a->msn, b.msn);
    assert_int_equal(a->part, b.part);
    assert_int_equal(a->discontinuities, b.discontinuities);
    assert_int_equal(a->last, b.last);
    assert_int_equal(a->live, b.live);
    assert_int_equal(a->silent, b.silent);
    assert_int_equal(a->made_us, b.made_us);
    assert_int_equal(a->sent_us, b.sent_us);
    assert_int_equal(a->n, b.n);
    str_is(&a->data, &b.data);

    for (i = 0; i < b.n; i++) {
        assert_true(relay_hash_piece(1, &a->pieces[i])
                    == relay_hash_piece(1, &b.pieces[i]));
    }
}


static void
reads_back_what_it_writes(void **state)
{
    stn_buf_t           out;
    stn_relay_beat_t    beat;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    (void) state;

    stn_buf_init(&out, RELAY_OUT_MAX);
    relay_all(&out);

    stn_relay_reader_init(&r);
    assert_int_equal(stn_relay_reader_next(&r, &record), STN_AGAIN);
    assert_int_equal(stn_relay_reader_put(&r, out.data, out.len), STN_OK);

    relay_next_is(&r, &record, STN_RELAY_STREAM);
    is_stream(&record.u.stream);
    relay_next_is(&r, &record, STN_RELAY_INIT);
    is_init(&record.u.init);
    relay_next_is(&r, &record, STN_RELAY_PART);
    is_part(&record.u.part);
    relay_next_is(&r, &record, STN_RELAY_EDGE);
    relay_next_is(&r, &record, STN_RELAY_HEARTBEAT);
    relay_beat(&beat);
    assert_int_equal(record.u.beat.sent_us, beat.sent_us);
    assert_int_equal(record.u.beat.epoch, beat.epoch);
    assert_int_equal(record.u.beat.hops, 1);
    str_is(&record.u.beat.chain[0], &beat.chain[0]);
    relay_next_is(&r, &record, STN_RELAY_END);
    assert_int_equal(record.u.end, STN_RELAY_END_EXIT);
    assert_int_equal(stn_relay_reader_next(&r, &record), STN_AGAIN);

    stn_relay_reader_free(&r);
    stn_buf_free(&out);
}


static void
reads_the_same_in_any_pieces(void **state)
{
    unsigned     cut;
    stn_buf_t    out;
    relay_run_t  whole, cuts;

    (void) state;

    stn_buf_init(&out, RELAY_OUT_MAX);
    relay_all(&out);

    whole = relay_run(out.data, out.len, WIRE_WHOLE);
    assert_int_equal(whole.records, 6);
    assert_int_equal(whole.rc, STN_AGAIN);

    for (cut = WIRE_BYTES; cut < WIRE_CUTS; cut++) {
        cuts = relay_run(out.data, out.len, cut);
        assert_int_equal(cuts.records, whole.records);
        assert_true(cuts.hash == whole.hash);
    }

    stn_buf_free(&out);
}


static void
waits_wherever_it_is_cut(void **state)
{
    size_t       n;
    unsigned     records;
    stn_buf_t    out;
    relay_run_t  cut;

    (void) state;

    stn_buf_init(&out, RELAY_OUT_MAX);
    relay_all(&out);

    for (n = 0, records = 0; n <= out.len; n++) {
        cut = relay_run(out.data, n, WIRE_WHOLE);

        assert_int_equal(cut.rc, STN_AGAIN);
        assert_in_range(cut.records, records, records + 1);
        records = cut.records;
    }

    assert_int_equal(records, 6);

    stn_buf_free(&out);
}


/* A copy of all in which that payload is len bytes long, of which those that
 * it does not have are 0xa5. */

static void
with_payload(stn_buf_t *out, const stn_buf_t *all, const relay_payload_t *p,
    size_t len)
{
    size_t  i, behind;

    behind = p->at + p->len;

    stn_buf_init(out, RELAY_OUT_MAX);
    stn_buf_put(out, all->data, p->at - 4);
    stn_buf_be32(out, (uint32_t) len);
    stn_buf_put(out, all->data + p->at, stn_min(len, p->len));

    for (i = p->len; i < len; i++) {
        stn_buf_u8(out, 0xa5);
    }

    stn_buf_put(out, all->data + behind, all->len - behind);
    assert_int_equal(out->failed, STN_OK);
}


static void
refuses_payloads_cut_short(void **state)
{
    size_t           len;
    unsigned         i, n;
    stn_buf_t        all, out;
    relay_run_t      cut;
    relay_payload_t  p[8];

    (void) state;

    stn_buf_init(&all, RELAY_OUT_MAX);
    relay_all(&all);
    n = relay_payloads(&all, p, 8);
    assert_int_equal(n, 7);

    for (i = 0; i < n; i++) {
        if (all.data[p[i].at - STN_RELAY_HEAD] > STN_RELAY_END) {
            continue;
        }

        for (len = 0; len < p[i].len; len++) {
            with_payload(&out, &all, &p[i], len);
            cut = relay_run_both(&out);

            assert_int_equal(cut.rc, STN_ERROR);
            assert_string_equal(cut.reason, "record is cut short");
        }
    }

    stn_buf_free(&all);
}


static void
passes_over_what_a_payload_has_behind(void **state)
{
    unsigned         i, n;
    stn_buf_t        all, out;
    relay_run_t      plain, more;
    relay_payload_t  p[8];

    (void) state;

    stn_buf_init(&all, RELAY_OUT_MAX);
    relay_all(&all);
    n = relay_payloads(&all, p, 8);
    plain = relay_run(all.data, all.len, WIRE_WHOLE);

    for (i = 0; i < n; i++) {
        with_payload(&out, &all, &p[i], p[i].len + 300);
        more = relay_run_both(&out);

        assert_int_equal(more.rc, STN_AGAIN);
        assert_int_equal(more.records, plain.records);
        assert_true(more.hash == plain.hash);
    }

    stn_buf_free(&all);
}


static void
refuses_what_is_no_relay(void **state)
{
    stn_buf_t    out;
    relay_run_t  got;

    (void) state;

    got = relay_run("<html>", 6, WIRE_WHOLE);
    assert_int_equal(got.rc, STN_ERROR);
    assert_string_equal(got.reason, "no relay");

    got = relay_run("StnRelaz", 8, WIRE_WHOLE);
    assert_string_equal(got.reason, "no relay");

    got = relay_run("StnRelay\1\0\0", 11, WIRE_BYTES);
    assert_int_equal(got.rc, STN_AGAIN);

    got = relay_run("StnRelay\1\0\0\1", 12, WIRE_BYTES);
    assert_int_equal(got.rc, STN_ERROR);

    got = relay_run("StnRelay\2", 9, WIRE_BYTES);
    assert_int_equal(got.rc, STN_ERROR);
    assert_string_equal(got.reason, "relay of another version");

    relay_with_stream(&out, "\4\0\0\1\0\0\0\0", 8);
    got = relay_run_both(&out);
    assert_int_equal(got.rc, STN_ERROR);
    assert_int_equal(got.records, 1);
    assert_string_equal(got.reason, "no record where one begins");
}


static void
wants_the_stream_before_what_is_of_it(void **state)
{
    unsigned          i;
    stn_buf_t         out;
    relay_run_t       got;
    stn_relay_init_t  init;
    stn_relay_part_t  part;

    (void) state;

    for (i = 0; i < 2; i++) {
        stn_buf_init(&out, RELAY_OUT_MAX);
        stn_relay_put_magic(&out);

        if (i == 0) {
            relay_init(&init);
            assert_int_equal(stn_relay_put_init(&out, &init), STN_OK);

        } else {
            relay_part(&part);
            assert_int_equal(stn_relay_put_part(&out, &part), STN_OK);
            stn_buf_put(&out, part.data.data, part.data.len);
        }

        got = relay_run_both(&out);
        assert_int_equal(got.rc, STN_ERROR);
        assert_string_equal(got.reason,
                            i ? "part of other renditions than the stream has"
                              : "init segment of no rendition");
    }

    /* heartbeats come before it is there */

    stn_buf_init(&out, RELAY_OUT_MAX);
    stn_relay_put_magic(&out);
    stn_buf_put(&out, "\5\0\0\0\0\0\0\x11\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0",
                25);
    stn_relay_put_end(&out, STN_RELAY_END_ABSENT);
    got = relay_run_both(&out);
    assert_int_equal(got.rc, STN_AGAIN);
    assert_int_equal(got.records, 2);
}


static void
tells_an_unknown_end_as_lost(void **state)
{
    stn_buf_t           out;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    (void) state;

    relay_with_stream(&out, "\6\0\0\0\0\0\0\1\x05\6\0\0\0\0\0\0\1\0", 18);
    stn_relay_reader_init(&r);
    assert_int_equal(stn_relay_reader_put(&r, out.data, out.len), STN_OK);

    relay_next_is(&r, &record, STN_RELAY_STREAM);
    relay_next_is(&r, &record, STN_RELAY_END);
    assert_int_equal(record.u.end, STN_RELAY_END_LOST);
    relay_next_is(&r, &record, STN_RELAY_END);
    assert_int_equal(record.u.end, STN_RELAY_END_STREAM);

    stn_relay_reader_free(&r);
    stn_buf_free(&out);
}


static void
begins_anew_after_a_reset(void **state)
{
    stn_buf_t           out;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    (void) state;

    stn_buf_init(&out, RELAY_OUT_MAX);
    relay_all(&out);

    stn_relay_reader_init(&r);
    stn_relay_reader_put(&r, "nothing", 7);
    assert_int_equal(stn_relay_reader_next(&r, &record), STN_ERROR);

    stn_relay_reader_reset(&r);
    assert_null(r.reason);
    assert_int_equal(stn_relay_reader_put(&r, out.data, out.len), STN_OK);
    relay_next_is(&r, &record, STN_RELAY_STREAM);
    relay_next_is(&r, &record, STN_RELAY_INIT);

    stn_relay_reader_reset(&r);
    assert_int_equal(r.n, 0);
    assert_int_equal(stn_relay_reader_put(&r, out.data, out.len), STN_OK);
    relay_next_is(&r, &record, STN_RELAY_STREAM);

    stn_relay_reader_free(&r);
    assert_null(r.in.data);
    stn_buf_free(&out);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(reads_the_same_in_any_pieces),
        cmocka_unit_test(waits_wherever_it_is_cut),
        cmocka_unit_test(refuses_payloads_cut_short),
        cmocka_unit_test(passes_over_what_a_payload_has_behind),
        cmocka_unit_test(refuses_what_is_no_relay),
        cmocka_unit_test(wants_the_stream_before_what_is_of_it),
        cmocka_unit_test(tells_an_unknown_end_as_lost),
        cmocka_unit_test(begins_anew_after_a_reset)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
