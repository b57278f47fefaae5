/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The limits of relay records: neither side lets through what is beyond one,
 * both let through what is just inside, and no more memory is held than a
 * record and what was put last.
 */

#include "relay_util.h"


static void
knows_a_record_too_long_by_its_head(void **state)
{
    unsigned     i;
    stn_buf_t    out;
    relay_run_t  got;

    static const char  *heads[] = {
        "\1\0\0\0\0\1\0\1", "\2\0\0\0\0\1\0\1", "\3\0\0\0\0\x80\0\1",
        "\4\0\0\0\0\1\0\1", "\5\0\0\0\xff\xff\xff\xff", "\6\0\0\0\0\1\0\1",
        "\7\0\0\0\0\x80\0\1", "\0\0\0\0\xff\xff\xff\xff"
    };

    (void) state;

    for (i = 0; i < stn_nelems(heads); i++) {
        relay_with_stream(&out, heads[i], STN_RELAY_HEAD);
        got = relay_run_both(&out);

        assert_int_equal(got.rc, STN_LIMIT);
        assert_string_equal(got.reason, "too long a record");

        relay_with_stream(&out, heads[i], STN_RELAY_HEAD - 1);
        assert_int_equal(relay_run_both(&out).rc, STN_AGAIN);
    }
}


/* Bytes that are put into the payload of one of relay_all()'s records. */

typedef struct {
    unsigned     record;
    size_t       at;
    const char  *bytes;
    size_t       n;
    const char  *reason;
} relay_patch_t;

#define AT(at, literal)  (at), (literal), sizeof(literal) - 1


static const relay_patch_t  patches[] = {
    { 0, AT(0, "\x40"), "impossible epoch" },
    { 0, AT(9, "\0"), "record is cut short" },
    { 0, AT(9, "\x09"), "record is cut short" },
    { 0, AT(11, "\n"), "impossible node id" },
    { 0, AT(11, "/"), "impossible node id" },
    { 0, AT(11, "\xc3"), "impossible node id" },
    { 0, AT(36, "\0"), "impossible number of renditions" },
    { 0, AT(36, "\xff"), "record is cut short" },
    { 0, AT(38, "\""), "impossible rendition name" },
    { 0, AT(42, "\0\0\0\0"), "sample rate of 0" },
    { 0, AT(46, "\0\0\0\0"), "impossible part duration" },
    { 0, AT(46, "\x7f"), "impossible part duration" },
    { 0, AT(50, "\0\0\0\0"), "impossible number of parts" },
    { 0, AT(50, "\0\0\0\x21"), "impossible number of parts" },
    { 0, AT(54, "\0\0\0\0"), "impossible window" },
    { 0, AT(54, "\0\0\x04\x01"), "impossible window" },
    { 1, AT(0, "\2"), "init segment of no rendition" },
    { 1, AT(0, "\x08"), "init segment of no rendition" },
    { 1, AT(1, "\0\0\0\0"), "init segment without an id" },
    { 1, AT(5, "\0\0\0\0"), "impossible sample rate or channels" },
    { 1, AT(9, "\0\0\0\0"), "impossible sample rate or channels" },
    { 1, AT(14, "\""), "impossible codecs" },
    { 1, AT(14, "\x7f"), "impossible codecs" },
    { 1, AT(26, "\0\0\0\0"), "impossible length of an init segment" },
    { 2, AT(0, "\x40"), "impossible part number" },
    { 2, AT(8, "\0\0\0\x20"), "impossible part number" },
    { 2, AT(17, "\x40"), "impossible time" },
    { 2, AT(25, "\x80"), "impossible time" },
    { 2, AT(33, "\0"), "record is cut short" },
    { 2, AT(34, "\x80"), "impossible position of a part" },
    { 2, AT(34, "\x40"), "impossible position of a part" },
    { 2, AT(42, "\0\0\0\0"), "impossible part duration" },
    { 2, AT(42, "\x7f"), "impossible part duration" },
    { 2, AT(46, "\0\0\0\0"), "sample rate of 0" },
    { 2, AT(50, "\0\0\0\0"), "part without an init segment" },
    { 2, AT(58, "\0\0\0\0"), "empty part" },
    { 2, AT(58, "\0\0\0\x15"), "lengths of a part that do not agree" },
    { 2, AT(58, "\xff"), "lengths of a part that do not agree" },
    { 4, AT(0, "\x80"), "impossible time" },
    { 4, AT(8, "\xff"), "impossible epoch" },
    { 4, AT(18, " "), "impossible node id" }
};


static void
refuses_impossible_values(void **state)
{
    unsigned         i;
    stn_buf_t        all;
    relay_run_t      got;
    relay_payload_t  p[8];

    (void) state;

    for (i = 0; i < stn_nelems(patches); i++) {
        stn_buf_init(&all, RELAY_OUT_MAX);
        relay_all(&all);
        (void) relay_payloads(&all, p, 8);

        memcpy(all.data + p[patches[i].record].at + patches[i].at,
               patches[i].bytes, patches[i].n);
        got = relay_run_both(&all);

        assert_int_equal(got.rc, STN_ERROR);
        assert_int_equal(got.records, patches[i].record);
        assert_string_equal(got.reason, patches[i].reason);
    }
}


static void
keeps_nothing_of_what_it_passes_over(void **state)
{
    size_t              at, n;
    stn_buf_t           out;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    static uint8_t  zeros[16384];

    (void) state;

    relay_with_stream(&out, "\x63\0\0\0\0\x80\0\0", 8);
    stn_relay_reader_init(&r);
    assert_int_equal(stn_relay_reader_put(&r, out.data, out.len), STN_OK);
    relay_next_is(&r, &record, STN_RELAY_STREAM);
    assert_int_equal(stn_relay_reader_next(&r, &record), STN_AGAIN);

    for (at = 0; at < STN_RELAY_PART_MAX; at += n) {
        n = stn_min(sizeof(zeros), STN_RELAY_PART_MAX - at);
        assert_int_equal(stn_relay_reader_put(&r, zeros, n), STN_OK);
        assert_int_equal(stn_relay_reader_next(&r, &record), STN_AGAIN);
    }

    assert_in_range(r.in.size, 1, 1024);

    assert_int_equal(stn_relay_reader_put(&r, "\4\0\0\0\0\0\0\0", 8), STN_OK);
    relay_next_is(&r, &record, STN_RELAY_EDGE);

    stn_relay_reader_free(&r);
    stn_buf_free(&out);
}


/* What is put at once. */
#define MOST  50000


/* The longest part that there may be, and what it takes to read it. */

static void
takes_the_longest_part_and_holds_no_more(void **state)
{
    size_t              at, n;
    char               *data;
    unsigned            i;
    stn_buf_t           out;
    stn_relay_part_t    part;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    (void) state;

    relay_part(&part);
    part.data.len = STN_RELAY_PART_MAX - 94;
    part.pieces[1].len = (uint32_t) part.data.len - part.pieces[0].len;
    data = calloc(1, part.data.len);
    part.data.data = data;

    relay_with_stream(&out, NULL, 0);

    for (i = 0; i < 3; i++) {
        assert_int_equal(stn_relay_put_part(&out, &part), STN_OK);
        stn_buf_put(&out, part.data.data, part.data.len);
    }

    stn_relay_reader_init(&r);

    for (at = 0, i = 0; at < out.len; at += n) {
        n = stn_min(MOST, out.len - at);
        assert_int_equal(stn_relay_reader_put(&r, out.data + at, n), STN_OK);

        while (stn_relay_reader_next(&r, &record) == STN_OK) {
            i++;
        }

        assert_in_range(r.in.size, 0,
                        STN_RELAY_HEAD + STN_RELAY_PART_MAX + MOST);
    }

    assert_int_equal(i, 4);
    assert_int_equal(record.u.part.data.len, part.data.len);

    part.data.len++;
    part.pieces[1].len++;
    n = out.len;
    assert_int_equal(stn_relay_put_part(&out, &part), STN_LIMIT);
    assert_int_equal(out.len, n);

    stn_relay_reader_free(&r);
    stn_buf_free(&out);
    free(data);
}


static void
wants_to_be_read_before_it_takes_more(void **state)
{
    unsigned            i;
    uint8_t            *edges;
    stn_buf_t           out;
    stn_relay_record_t  record;
    stn_relay_reader_t  r;

    const size_t  n = STN_RELAY_PART_MAX / STN_RELAY_HEAD + 2;

    (void) state;

    relay_with_stream(&out, NULL, 0);
    edges = calloc(n, STN_RELAY_HEAD);
    assert_non_null(edges);

    for (i = 0; i < n; i++) {
        edges[i * STN_RELAY_HEAD] = STN_RELAY_EDGE;
    }

    stn_relay_reader_init(&r);
    stn_relay_reader_put(&r, out.data, out.len);
    relay_next_is(&r, &record, STN_RELAY_STREAM);

    assert_int_equal(stn_relay_reader_put(&r, edges, n * STN_RELAY_HEAD),
                     STN_OK);
    assert_int_equal(stn_relay_reader_put(&r, edges, 8), STN_LIMIT);

    relay_next_is(&r, &record, STN_RELAY_EDGE);
    assert_int_equal(stn_relay_reader_put(&r, edges, 8), STN_OK);

    for (i = 0; i < n; i++) {
        relay_next_is(&r, &record, STN_RELAY_EDGE);
    }

    assert_int_equal(stn_relay_reader_next(&r, &record), STN_AGAIN);

    stn_relay_reader_free(&r);
    stn_buf_free(&out);
    free(edges);
}


#define REFUSES(type, put, change)                                            \
    do {                                                                      \
        type  x;                                                              \
                                                                              \
        relay_##put(&x);                                                      \
        change;                                                               \
        assert_int_equal(stn_relay_put_##put(&out, &x), STN_LIMIT);           \
        assert_int_equal(out.len, 0);                                         \
        assert_int_equal(out.failed, STN_OK);                                 \
    } while (0)

#define NO_STREAM(change)  REFUSES(stn_relay_stream_t, stream, change)
#define NO_INIT(change)    REFUSES(stn_relay_init_t, init, change)
#define NO_PART(change)    REFUSES(stn_relay_part_t, part, change)
#define NO_BEAT(change)    REFUSES(stn_relay_beat_t, beat, change)


static void
writes_nothing_that_is_refused(void **state)
{
    stn_buf_t  out;

    static const char  many[2100];

    (void) state;

    stn_buf_init(&out, RELAY_OUT_MAX);

    NO_STREAM(x.epoch = UINT64_MAX);
    NO_STREAM(x.hops = 0);
    NO_STREAM(x.hops = STN_RELAY_HOPS + 1);
    NO_STREAM(x.chain[1].len = 0);
    NO_STREAM(x.chain[0] = relay_str("a-node-whose-name-is-longer-than-any-"
                                     "host-has-got-in-its-domain."));
    NO_STREAM(x.n = 0);
    NO_STREAM(x.n = STN_RELAY_RENDITIONS + 1);
    NO_STREAM(x.renditions[1].name = x.renditions[0].name);
    NO_STREAM(x.renditions[1].name = relay_str("32-letters-are-one-too-many"
                                               "-----"));
    NO_STREAM(x.renditions[1].name.len = 0);
    NO_STREAM(x.renditions[1].rate = 0);
    NO_STREAM(x.renditions[1].part = 44100 * 60 + 1);
    NO_STREAM(x.renditions[1].parts = STN_RELAY_PARTS + 1);
    NO_STREAM(x.renditions[1].window = STN_RELAY_WINDOW_MAX + 1);

    NO_INIT(x.rendition = STN_RELAY_RENDITIONS);
    NO_INIT(x.id = 0);
    NO_INIT(x.rate = 0);
    NO_INIT(x.codecs.len = 0);
    NO_INIT(x.codecs = relay_str("mp4a.40.2.45678."));
    NO_INIT(x.config.data = many; x.config.len = STN_RELAY_CONFIG_MAX + 1);
    NO_INIT(x.data.data = many; x.data.len = STN_RELAY_INIT_MAX + 1);
    NO_INIT(x.data.len = 0);

    NO_PART(x.n = 0);
    NO_PART(x.n = STN_RELAY_RENDITIONS + 1);
    NO_PART(x.part = STN_RELAY_PARTS);
    NO_PART(x.made_us = INT64_MIN);
    NO_PART(x.pieces[0].pos = -1);
    NO_PART(x.pieces[1].duration = 44100 * 60 + 1);
    NO_PART(x.pieces[1].init = 0);
    NO_PART(x.data.len--);
    NO_PART(x.data.len += (size_t) 1 << 32);
    NO_PART(x.data.len = STN_RELAY_PART_MAX;
            x.pieces[0].len = (uint32_t) x.data.len - x.pieces[1].len);

    NO_BEAT(x.sent_us = INT64_MAX);
    NO_BEAT(x.epoch = UINT64_MAX);
    NO_BEAT(x.hops = STN_RELAY_HOPS + 1);
    NO_BEAT(x.chain[0] = relay_str("a b"));

    stn_buf_free(&out);
}


/* A stream and its part at each limit: what is just inside of it. */

static void
largest(stn_relay_stream_t *s, stn_relay_part_t *part)
{
    unsigned  i;

    static const char   letters[] = "0123456789-the-longest-id-that-a-node-may"
                                    "-have-in-a-cluster-0123";
    static const char  *names[] = {
        "0", "1", "2", "3", "4", "5", "6", "as-long-as-a-rendition-s-may-be"
    };

    relay_stream(s);
    s->epoch = STN_RELAY_EPOCHS - 1;
    s->hops = STN_RELAY_HOPS;
    s->n = STN_RELAY_RENDITIONS;

    relay_part(part);
    part->msn = STN_RELAY_BIG - 1;
    part->part = STN_RELAY_PARTS - 1;
    part->made_us = 1 - STN_RELAY_BIG;
    part->n = STN_RELAY_RENDITIONS;
    part->data.len = STN_RELAY_RENDITIONS;

    for (i = 0; i < STN_RELAY_RENDITIONS; i++) {
        s->chain[i].data = letters;
        s->chain[i].len = STN_RELAY_ID_MAX;
        s->renditions[i] = s->renditions[0];
        s->renditions[i].name = relay_str(names[i]);
        s->renditions[i].part = 48000 * STN_RELAY_PART_MAX_S;
        s->renditions[i].parts = STN_RELAY_PARTS;
        s->renditions[i].window = STN_RELAY_WINDOW_MAX;
        part->pieces[i] = part->pieces[0];
        part->pieces[i].pos = STN_RELAY_POS_MAX_S * part->pieces[i].rate - 1;
        part->pieces[i].len = 1;
    }

    assert_int_equal(strlen(names[7]), STN_RELAY_NAME_MAX);
}


static void
takes_all_that_there_may_be(void **state)
{
    stn_buf_t           out;
    relay_run_t         got;
    stn_relay_init_t    init;
    stn_relay_part_t    part;
    stn_relay_stream_t  s;

    static char         many[STN_RELAY_INIT_MAX];

    (void) state;

    largest(&s, &part);

    relay_init(&init);
    init.rendition = STN_RELAY_RENDITIONS - 1;
    init.codecs = relay_str("mp4a.40.2.4567~");
    init.config.data = many;
    init.config.len = STN_RELAY_CONFIG_MAX;
    init.data.data = many;
    init.data.len = STN_RELAY_INIT_MAX;

    stn_buf_init(&out, RELAY_OUT_MAX);
    stn_relay_put_magic(&out);
    assert_int_equal(stn_relay_put_stream(&out, &s), STN_OK);
    assert_int_equal(stn_relay_put_init(&out, &init), STN_OK);
    assert_int_equal(stn_relay_put_part(&out, &part), STN_OK);
    stn_buf_put(&out, part.data.data, part.data.len);

    got = relay_run_both(&out);
    assert_int_equal(got.rc, STN_AGAIN);
    assert_int_equal(got.records, 3);
}


static void
appends_whole_records_or_nothing(void **state)
{
    size_t              cap;
    stn_buf_t           out;
    stn_relay_stream_t  s;

    (void) state;

    relay_stream(&s);

    for (cap = 1; cap < 110; cap++) {
        stn_buf_init(&out, cap);
        stn_buf_u8(&out, 'x');

        assert_int_equal(stn_relay_put_stream(&out, &s), STN_LIMIT);
        assert_int_equal(out.len, 1);

        stn_buf_free(&out);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(knows_a_record_too_long_by_its_head),
        cmocka_unit_test(refuses_impossible_values),
        cmocka_unit_test(keeps_nothing_of_what_it_passes_over),
        cmocka_unit_test(takes_the_longest_part_and_holds_no_more),
        cmocka_unit_test(wants_to_be_read_before_it_takes_more),
        cmocka_unit_test(writes_nothing_that_is_refused),
        cmocka_unit_test(takes_all_that_there_may_be),
        cmocka_unit_test(appends_whole_records_or_nothing)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
