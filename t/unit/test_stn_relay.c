/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Relay records: what is written reads back, in pieces of any size; and what
 * is broken, too much or of another version goes no further than the reader.
 */

#include "relay_util.h"


/* Has what a reader gave out, and how it ended. */

typedef struct {
    uint64_t     hash;
    unsigned     records;
    int          rc;
    const char  *reason;
} relay_run_t;


static uint64_t
hash_str(uint64_t h, const stn_str_t *s)
{
    h = wire_hash(h, &s->len, sizeof(s->len));

    return wire_hash(h, s->data, s->len);
}


/* Field by field, for there is padding behind them. */

static uint64_t
hash_piece(uint64_t h, const stn_relay_piece_t *p)
{
    h = wire_hash(h, &p->pos, sizeof(p->pos));
    h = wire_hash(h, &p->duration, sizeof(p->duration));
    h = wire_hash(h, &p->rate, sizeof(p->rate));
    h = wire_hash(h, &p->init, sizeof(p->init));
    h = wire_hash(h, &p->next_init, sizeof(p->next_init));

    return wire_hash(h, &p->len, sizeof(p->len));
}


static uint64_t
hash_record(uint64_t h, const stn_relay_record_t *r)
{
    unsigned                i;
    const stn_relay_part_t  *p;

    h = wire_hash(h, &r->type, sizeof(r->type));

    switch (r->type) {

    case STN_RELAY_STREAM:
        for (i = 0; i < r->u.stream.hops; i++) {
            h = hash_str(h, &r->u.stream.chain[i]);
        }

        for (i = 0; i < r->u.stream.n; i++) {
            h = hash_str(h, &r->u.stream.renditions[i].name);
        }

        break;

    case STN_RELAY_INIT:
        h = hash_str(h, &r->u.init.codecs);
        h = hash_str(h, &r->u.init.config);
        h = hash_str(h, &r->u.init.data);
        break;

    case STN_RELAY_PART:
        p = &r->u.part;

        for (i = 0; i < p->n; i++) {
            h = hash_piece(h, &p->pieces[i]);
        }

        h = hash_str(h, &p->data);
        break;

    case STN_RELAY_HEARTBEAT:
        h = wire_hash(h, &r->u.beat.epoch, sizeof(r->u.beat.epoch));
        break;

    case STN_RELAY_EDGE:
    case STN_RELAY_END:
        break;
    }

    return h;
}


static relay_run_t
run(const void *data, size_t len, unsigned cut)
{
    size_t               at, n;
    uint32_t             x;
    relay_run_t          run;
    stn_relay_record_t   record;
    stn_relay_reader_t   r;

    memset(&run, 0, sizeof(run));
    run.rc = STN_AGAIN;
    x = 1234567 + cut;

    stn_relay_reader_init(&r);

    for (at = 0; at < len && run.rc == STN_AGAIN; at += n) {
        n = wire_piece(cut, &x, len - at);

        assert_int_equal(stn_relay_reader_put(&r, (const char *) data + at, n),
                         STN_OK);

        while ((run.rc = stn_relay_reader_next(&r, &record)) == STN_OK) {
            run.hash = hash_record(run.hash, &record);
            run.records++;
        }
    }

    run.reason = r.reason;

    if (run.rc != STN_AGAIN) {
        assert_non_null(r.reason);
        assert_int_equal(stn_relay_reader_next(&r, &record), run.rc);
        assert_int_equal(stn_relay_reader_put(&r, "x", 1), run.rc);
    }

    stn_relay_reader_free(&r);

    return run;
}


static void
next_is(stn_relay_reader_t *r, stn_relay_record_t *record, stn_relay_e type)
{
    assert_int_equal(stn_relay_reader_next(r, record), STN_OK);
    assert_int_equal(record->type, type);
}


static void
str_is(const stn_str_t *a, const stn_str_t *b)
{
    assert_true(stn_str_eq(a, b));
}


static void
is_stream(const stn_relay_stream_t *a)
{
    unsigned               i;
    stn_relay_stream_t     b;
    stn_relay_rendition_t  x, y;

    relay_stream(&b);

    assert_int_equal(a->epoch, b.epoch);
    assert_int_equal(a->whole, b.whole);
    assert_int_equal(a->hops, b.hops);
    assert_int_equal(a->n, b.n);

    for (i = 0; i < b.hops; i++) {
        str_is(&a->chain[i], &b.chain[i]);
    }

    for (i = 0; i < b.n; i++) {
        x = a->renditions[i];
        y = b.renditions[i];
        str_is(&x.name, &y.name);
        x.name = y.name;
        assert_memory_equal(&x, &y, sizeof(x));
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
    assert_int_equal(a->made_us, b.made_us);
    assert_int_equal(a->sent_us, b.sent_us);
    assert_int_equal(a->n, b.n);
    str_is(&a->data, &b.data);

    for (i = 0; i < b.n; i++) {
        assert_true(hash_piece(1, &a->pieces[i])
                    == hash_piece(1, &b.pieces[i]));
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

    next_is(&r, &record, STN_RELAY_STREAM);
    is_stream(&record.u.stream);
    next_is(&r, &record, STN_RELAY_INIT);
    is_init(&record.u.init);
    next_is(&r, &record, STN_RELAY_PART);
    is_part(&record.u.part);
    next_is(&r, &record, STN_RELAY_EDGE);
    next_is(&r, &record, STN_RELAY_HEARTBEAT);
    relay_beat(&beat);
    assert_int_equal(record.u.beat.sent_us, beat.sent_us);
    assert_int_equal(record.u.beat.epoch, beat.epoch);
    assert_int_equal(record.u.beat.hops, 1);
    str_is(&record.u.beat.chain[0], &beat.chain[0]);
    next_is(&r, &record, STN_RELAY_END);
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

    whole = run(out.data, out.len, WIRE_WHOLE);
    assert_int_equal(whole.records, 6);
    assert_int_equal(whole.rc, STN_AGAIN);

    for (cut = WIRE_BYTES; cut < WIRE_CUTS; cut++) {
        cuts = run(out.data, out.len, cut);
        assert_int_equal(cuts.records, whole.records);
        assert_true(cuts.hash == whole.hash);
    }

    stn_buf_free(&out);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(reads_the_same_in_any_pieces),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
