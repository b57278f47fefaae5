/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of segmenter/relay share: a stream of records that is as a
 * node would send it, and strings from literals.  Functions are static inline,
 * so that each test stays one binary of its own.
 */

#ifndef RELAY_UTIL_H
#define RELAY_UTIL_H

#include "wire_util.h"

#include "relay/stn_relay.h"


/* Room for all that is written here. */
#define RELAY_OUT_MAX  (64 * 1024 * 1024)

/* Microseconds: some day in 2026. */
#define RELAY_NOW      1780000000000000


static inline stn_str_t
relay_str(const char *s)
{
    stn_str_t  str;

    str.data = s;
    str.len = strlen(s);

    return str;
}


/* A stream of two renditions that came over two nodes. */

static inline void
relay_stream(stn_relay_stream_t *s)
{
    unsigned  i;

    memset(s, 0, sizeof(*s));

    s->epoch = 7;
    s->whole = 1;
    s->chain[0] = relay_str("origin-1.example");
    s->chain[1] = relay_str("shield_2");
    s->hops = 2;
    s->n = 2;

    for (i = 0; i < s->n; i++) {
        s->renditions[i].name = relay_str(i ? "low" : "high");
        s->renditions[i].rate = i ? 44100 : 48000;
        s->renditions[i].part = 16384;
        s->renditions[i].parts = 6;
        s->renditions[i].window = 30;
        s->renditions[i].bandwidth = i ? 64000 : 320000;
        s->renditions[i].average = i ? 48000 : 256000;
        s->renditions[i].max_bandwidth = i ? 96000 : 400000;
    }
}


static inline void
relay_init(stn_relay_init_t *i)
{
    memset(i, 0, sizeof(*i));

    i->rendition = 1;
    i->id = 3;
    i->rate = 44100;
    i->channels = 2;
    i->codecs = relay_str("mp4a.40.2");
    i->config = relay_str("\x12\x10");
    i->data = relay_str("ftyp moov and what an init segment has");
}


/* A part of both renditions. */

static inline void
relay_part(stn_relay_part_t *p)
{
    unsigned  i;

    memset(p, 0, sizeof(*p));

    p->msn = 296666666;
    p->part = 5;
    p->discontinuities = 2;
    p->last = 1;
    p->live = 1;
    p->made_us = RELAY_NOW;
    p->sent_us = RELAY_NOW + 700;
    p->n = 2;
    p->data = relay_str("moof mdat of the first, and of the second");

    for (i = 0; i < p->n; i++) {
        p->pieces[i].pos = 85440000000000 + i;
        p->pieces[i].duration = 16384 + i;
        p->pieces[i].rate = i ? 44100 : 48000;
        p->pieces[i].init = 3 + i;
        p->pieces[i].next_init = i ? 9 : 0;
        p->pieces[i].len = i ? (uint32_t) p->data.len - 22 : 22;
    }
}


static inline void
relay_beat(stn_relay_beat_t *b)
{
    memset(b, 0, sizeof(*b));

    b->sent_us = RELAY_NOW;
    b->epoch = 7;
    b->chain[0] = relay_str("origin-1.example");
    b->hops = 1;
}


/* A record of every type, and one of a type to come. */

static inline void
relay_all(stn_buf_t *out)
{
    stn_relay_init_t    i;
    stn_relay_part_t    p;
    stn_relay_beat_t    b;
    stn_relay_stream_t  s;

    relay_stream(&s);
    relay_init(&i);
    relay_part(&p);
    relay_beat(&b);

    assert_int_equal(stn_relay_put_magic(out), STN_OK);
    assert_int_equal(stn_relay_put_stream(out, &s), STN_OK);
    assert_int_equal(stn_relay_put_init(out, &i), STN_OK);
    assert_int_equal(stn_relay_put_part(out, &p), STN_OK);
    assert_int_equal(stn_buf_put(out, p.data.data, p.data.len), STN_OK);
    assert_int_equal(stn_relay_put_edge(out), STN_OK);
    assert_int_equal(stn_relay_put_beat(out, &b), STN_OK);
    assert_int_equal(stn_buf_put(out, "\x40\0\0\0\0\0\0\3new", 11), STN_OK);
    assert_int_equal(stn_relay_put_end(out, STN_RELAY_END_EXIT), STN_OK);
}


/* Has what a reader gave out, and how it ended. */

typedef struct {
    uint64_t     hash;
    unsigned     records;
    int          rc;
    const char  *reason;
} relay_run_t;


static inline uint64_t
relay_hash_str(uint64_t h, const stn_str_t *s)
{
    h = wire_hash(h, &s->len, sizeof(s->len));

    return wire_hash(h, s->data, s->len);
}


/* Field by field, for there may be padding behind them. */

static inline uint64_t
relay_hash_rendition(uint64_t h, const stn_relay_rendition_t *r)
{
    h = relay_hash_str(h, &r->name);
    h = wire_hash(h, &r->rate, sizeof(r->rate));
    h = wire_hash(h, &r->part, sizeof(r->part));
    h = wire_hash(h, &r->parts, sizeof(r->parts));
    h = wire_hash(h, &r->window, sizeof(r->window));
    h = wire_hash(h, &r->bandwidth, sizeof(r->bandwidth));
    h = wire_hash(h, &r->average, sizeof(r->average));

    return wire_hash(h, &r->max_bandwidth, sizeof(r->max_bandwidth));
}


static inline uint64_t
relay_hash_piece(uint64_t h, const stn_relay_piece_t *p)
{
    h = wire_hash(h, &p->pos, sizeof(p->pos));
    h = wire_hash(h, &p->duration, sizeof(p->duration));
    h = wire_hash(h, &p->rate, sizeof(p->rate));
    h = wire_hash(h, &p->init, sizeof(p->init));
    h = wire_hash(h, &p->next_init, sizeof(p->next_init));

    return wire_hash(h, &p->len, sizeof(p->len));
}


static inline uint64_t
relay_hash_record(uint64_t h, const stn_relay_record_t *r)
{
    unsigned                i;
    const stn_relay_part_t  *p;

    h = wire_hash(h, &r->type, sizeof(r->type));

    switch (r->type) {

    case STN_RELAY_STREAM:
        for (i = 0; i < r->u.stream.hops; i++) {
            h = relay_hash_str(h, &r->u.stream.chain[i]);
        }

        for (i = 0; i < r->u.stream.n; i++) {
            h = relay_hash_rendition(h, &r->u.stream.renditions[i]);
        }

        break;

    case STN_RELAY_INIT:
        h = relay_hash_str(h, &r->u.init.codecs);
        h = relay_hash_str(h, &r->u.init.config);
        h = relay_hash_str(h, &r->u.init.data);
        break;

    case STN_RELAY_PART:
        p = &r->u.part;

        for (i = 0; i < p->n; i++) {
            h = relay_hash_piece(h, &p->pieces[i]);
        }

        h = relay_hash_str(h, &p->data);
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


static inline relay_run_t
relay_run(const void *data, size_t len, unsigned cut)
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
            run.hash = relay_hash_record(run.hash, &record);
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


static inline void
relay_next_is(stn_relay_reader_t *r, stn_relay_record_t *record,
    stn_relay_e type)
{
    assert_int_equal(stn_relay_reader_next(r, record), STN_OK);
    assert_int_equal(record->type, type);
}


/* The magic, the stream's record, and rest. */

static inline void
relay_with_stream(stn_buf_t *out, const void *rest, size_t len)
{
    stn_relay_stream_t  s;

    relay_stream(&s);

    stn_buf_init(out, RELAY_OUT_MAX);
    assert_int_equal(stn_relay_put_magic(out), STN_OK);
    assert_int_equal(stn_relay_put_stream(out, &s), STN_OK);
    assert_int_equal(stn_buf_put(out, rest, len), STN_OK);
}


/* What comes of out, whole and byte by byte; frees it. */

static inline relay_run_t
relay_run_both(stn_buf_t *out)
{
    relay_run_t  whole, bytes;

    whole = relay_run(out->data, out->len, WIRE_WHOLE);
    bytes = relay_run(out->data, out->len, WIRE_BYTES);

    assert_int_equal(whole.rc, bytes.rc);
    assert_int_equal(whole.records, bytes.records);
    assert_true(whole.hash == bytes.hash);
    assert_ptr_equal(whole.reason, bytes.reason);

    stn_buf_free(out);

    return whole;
}


/* The records of relay_all(), one by one: where each payload begins and how
 * long it is; those that are not empty. */

typedef struct {
    size_t  at;
    size_t  len;
} relay_payload_t;


static inline unsigned
relay_payloads(const stn_buf_t *all, relay_payload_t *p, unsigned max)
{
    size_t     at;
    unsigned   n;
    stn_cur_t  c;

    for (at = 12, n = 0; at < all->len; at += p[n - 1].len) {
        assert_in_range(n, 0, max - 1);
        stn_cur_init(&c, all->data + at + 4, 4);
        at += STN_RELAY_HEAD;
        p[n].at = at;
        p[n++].len = stn_cur_be32(&c);
    }

    return n;
}


#endif /* RELAY_UTIL_H */
