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


#endif /* RELAY_UTIL_H */
