/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of MPEG-TS share: recordings cut into pieces, what came out
 * of them, and a writer of transport streams for what no encoder sends.
 * Functions are static inline, as in wire_util.h.
 */

#ifndef TS_UTIL_H
#define TS_UTIL_H

#include "wire_util.h"

#include "wire/stn_ts.h"


#define TS_DATA      "t/data/ts/"
#define TS_PACKET    188

#define TS_PID_MAP   0x1000
#define TS_PID       0x101

/* The basis of wire_hash(). */
#define TS_BASIS     0xcbf29ce484222325ULL

#define TS_PTS_MASK  ((1LL << 33) - 1)
#define TS_NO_PTS    ((int64_t) -1)


/* Input, and how it is handed out. */

typedef struct {
    const uint8_t  *data;
    size_t          len;
    size_t          pos;
    size_t          piece;         /* bytes at most; 0: all that fit */
    int             end;           /* what is said at the end: 0 or negative */
} ts_input_t;


/* What came out of it. */

typedef struct {
    int             rc;
    const char     *reason;
    uint64_t        events;        /* hash of all there is in them */
    uint64_t        sound;         /* hash of the units' bytes alone */
    size_t          units;
    size_t          bytes;
    size_t          configs;
    stn_codec_e     codec;         /* of the last config, */
    uint8_t         config[64];    /* and itself */
    size_t          config_len;
    int64_t         first;         /* ts */
    int64_t         last;
    int64_t         step_min;      /* from one unit to the next */
    int64_t         step_max;
    stn_ts_stats_t  stats;
} ts_result_t;


/* Called with each event, if there is such a function. */
typedef void (*ts_event_pt)(void *data, const stn_ts_event_t *ev);


static inline uint8_t *
ts_load(const char *name, size_t *len)
{
    char  path[256];

    snprintf(path, sizeof(path), TS_DATA "%s", name);

    return wire_load_path(path, len);
}


static inline int
ts_read(void *data, uint8_t *buf, size_t size)
{
    size_t       n;
    ts_input_t  *in = data;

    assert_true(size >= STN_TS_READ_MIN);

    n = in->len - in->pos;
    n = n < size ? n : size;
    n = in->piece && in->piece < n ? in->piece : n;

    if (n == 0) {
        return in->end;
    }

    memcpy(buf, in->data + in->pos, n);
    in->pos += n;

    return (int) n;
}


static inline void
ts_note(ts_result_t *r, const stn_ts_event_t *ev)
{
    int64_t  step;

    r->events = wire_hash(r->events, &ev->type, sizeof(ev->type));

    if (ev->type == STN_TS_EV_CONFIG) {
        assert_true(ev->config.len <= sizeof(r->config));
        r->configs++;
        r->codec = ev->config.codec;
        r->config_len = ev->config.len;

        if (ev->config.len) {
            memcpy(r->config, ev->config.data, ev->config.len);
        }

        r->events = wire_hash(r->events, r->config, r->config_len);
        return;
    }

    assert_true(ev->au.len > 0);

    step = ev->au.ts - r->last;

    if (r->units == 0) {
        r->first = ev->au.ts;

    } else {
        r->step_min = r->units == 1 || step < r->step_min ? step : r->step_min;
        r->step_max = r->units == 1 || step > r->step_max ? step : r->step_max;
    }

    r->last = ev->au.ts;
    r->units++;
    r->bytes += ev->au.len;
    r->sound = wire_hash(r->sound, ev->au.data, ev->au.len);
    r->events = wire_hash(r->events, ev->au.data, ev->au.len);
    r->events = wire_hash(r->events, &ev->au.ts, sizeof(ev->au.ts));
}


static inline ts_result_t
ts_run_with(ts_input_t *in, unsigned track, ts_event_pt event, void *data)
{
    stn_ts_t        *t;
    ts_result_t      r;
    stn_ts_event_t   ev;

    memset(&r, 0, sizeof(r));
    r.events = TS_BASIS;
    r.sound = TS_BASIS;

    t = stn_ts_open(ts_read, in, track);
    assert_non_null(t);

    for ( ;; ) {
        r.rc = stn_ts_next(t, &ev);

        if (r.rc != STN_OK || ev.type == STN_TS_EV_END) {
            break;
        }

        ts_note(&r, &ev);

        if (event) {
            event(data, &ev);
        }
    }

    /* the end is the end, and a failure stays one */

    assert_int_equal(stn_ts_next(t, &ev), r.rc);
    assert_true((stn_ts_reason(t) == NULL) == (r.rc == STN_OK));

    r.reason = stn_ts_reason(t);
    r.stats = *stn_ts_stats(t);
    assert_int_equal(r.stats.units, r.units);

    stn_ts_close(t);

    return r;
}


static inline ts_result_t
ts_run(const void *data, size_t len, size_t piece, unsigned track)
{
    ts_input_t  in = { data, len, 0, piece, 0 };

    return ts_run_with(&in, track, NULL, NULL);
}


static inline ts_result_t
ts_run_file(const char *name, size_t piece, unsigned track)
{
    size_t        len;
    uint8_t      *data;
    ts_result_t   r;

    data = ts_load(name, &len);
    r = ts_run(data, len, piece, track);
    free(data);

    return r;
}


/* A transport stream being written. */

typedef struct {
    stn_buf_t  out;
    uint8_t    cc[8192];
} ts_mux_t;

/* A stream in a map: its PID and type, and its descriptors. */

typedef struct {
    uint16_t     pid;
    uint8_t      type;
    const char  *descriptors;
    size_t       len;
} ts_stream_t;


static inline void
ts_mux_init(ts_mux_t *m)
{
    memset(m, 0, sizeof(*m));
    stn_buf_init(&m->out, 64 * 1024 * 1024);
}


static inline void
ts_mux_free(ts_mux_t *m)
{
    assert_int_equal(m->out.failed, STN_OK);
    stn_buf_free(&m->out);
}


/* Bytes of a section or PES packet, in as many packets as they need; the last
 * one is filled by its adaptation field. */

static inline void
ts_put(ts_mux_t *m, uint16_t pid, const uint8_t *data, size_t len)
{
    size_t   n, fill;
    uint8_t  p[TS_PACKET], start;

    for (start = 0x40; len; data += n, len -= n, start = 0) {
        n = len < TS_PACKET - 4 ? len : TS_PACKET - 4;
        fill = TS_PACKET - 4 - n;

        memset(p, 0xff, sizeof(p));
        p[0] = 0x47;
        p[1] = (uint8_t) (start | pid >> 8);
        p[2] = (uint8_t) pid;
        p[3] = (uint8_t) ((fill ? 0x30 : 0x10) | (m->cc[pid]++ & 0xf));

        if (fill) {
            p[4] = (uint8_t) (fill - 1);
        }

        if (fill > 1) {
            p[5] = 0;
        }

        memcpy(p + TS_PACKET - n, data, n);
        stn_buf_put(&m->out, p, sizeof(p));
    }
}


/* ISO/IEC 13818-1 annex A */

static inline uint32_t
ts_crc(const uint8_t *p, size_t len)
{
    unsigned  i;
    uint32_t  crc;

    for (crc = 0xffffffff; len; len--, p++) {
        for (i = 0; i < 8; i++) {
            crc = crc << 1 ^ (((crc >> 31) ^ (*p >> (7 - i) & 1)) ? 0x04c11db7
                                                                  : 0);
        }
    }

    return crc;
}


/* A section of the table from its id on; body is what stands behind
 * last_section_number. */

static inline void
ts_put_section(ts_mux_t *m, uint16_t pid, const uint8_t head[4],
    const stn_buf_t *body)
{
    stn_buf_t  b;

    stn_buf_init(&b, 2048);
    stn_buf_u8(&b, 0);                             /* pointer_field */
    stn_buf_u8(&b, head[0]);
    stn_buf_be16(&b, (uint16_t) (0xb000 | (body->len + 9)));
    stn_buf_put(&b, head + 1, 2);
    stn_buf_u8(&b, (uint8_t) (0xc1 | head[3] << 1));
    stn_buf_be16(&b, 0);
    stn_buf_put(&b, body->data, body->len);
    stn_buf_be32(&b, ts_crc(b.data + 1, b.len - 1));

    ts_put(m, pid, b.data, b.len);
    assert_int_equal(b.failed, STN_OK);
    stn_buf_free(&b);
}


/* n programs from number first on, all with their maps at pid. */

static inline void
ts_put_pat(ts_mux_t *m, uint8_t version, uint16_t first, uint16_t n,
    uint16_t pid)
{
    uint8_t    head[] = { 0, 0, 1, version };
    uint16_t   i;
    stn_buf_t  b;

    stn_buf_init(&b, 2048);

    for (i = 0; i < n; i++) {
        stn_buf_be16(&b, (uint16_t) (first + i));
        stn_buf_be16(&b, 0xe000 | pid);
    }

    ts_put_section(m, 0, head, &b);
    stn_buf_free(&b);
}


static inline void
ts_put_map(ts_mux_t *m, uint8_t version, const ts_stream_t *streams, size_t n)
{
    size_t     i;
    uint8_t    head[] = { 2, 0, 1, version };
    stn_buf_t  b;

    stn_buf_init(&b, 2048);
    stn_buf_be16(&b, 0xe000 | (n ? streams[0].pid : 0x1fff));
    stn_buf_be16(&b, 0xf000);

    for (i = 0; i < n; i++) {
        stn_buf_u8(&b, streams[i].type);
        stn_buf_be16(&b, 0xe000 | streams[i].pid);
        stn_buf_be16(&b, (uint16_t) (0xf000 | streams[i].len));
        stn_buf_put(&b, streams[i].descriptors, streams[i].len);
    }

    ts_put_section(m, TS_PID_MAP, head, &b);
    stn_buf_free(&b);
}


/* Tables that say one stream of the type is at TS_PID. */

static inline void
ts_put_tables(ts_mux_t *m, uint8_t type)
{
    ts_stream_t  s = { TS_PID, type, NULL, 0 };

    ts_put_pat(m, 0, 1, 1, TS_PID_MAP);
    ts_put_map(m, 0, &s, 1);
}


/* A PES packet; its length is said if told. */

static inline void
ts_put_pes(ts_mux_t *m, uint16_t pid, int64_t pts, const stn_buf_t *payload,
    unsigned told)
{
    size_t     header;
    uint64_t   t;
    stn_buf_t  b;

    header = pts == TS_NO_PTS ? 0 : 5;
    t = (uint64_t) pts;

    stn_buf_init(&b, 1024 * 1024);
    stn_buf_be32(&b, 0x1c0);
    stn_buf_be16(&b, (uint16_t) (told ? 3 + header + payload->len : 0));
    stn_buf_u8(&b, 0x84);
    stn_buf_u8(&b, header ? 0x80 : 0);
    stn_buf_u8(&b, (uint8_t) header);

    if (header) {
        stn_buf_u8(&b, (uint8_t) (0x21 | (t >> 29 & 0xe)));
        stn_buf_be16(&b, (uint16_t) ((t >> 14 & 0xfffe) | 1));
        stn_buf_be16(&b, (uint16_t) ((t << 1 & 0xfffe) | 1));
    }

    stn_buf_put(&b, payload->data, payload->len);
    ts_put(m, pid, b.data, b.len);
    assert_int_equal(b.failed, STN_OK);
    stn_buf_free(&b);
}


/* An ADTS frame of stereo at 48 kHz: n bytes of unit, the first two of which
 * tell its number, over and over. */

static inline void
ts_put_adts(stn_buf_t *b, unsigned number, size_t n)
{
    size_t  i, len;

    len = 7 + n;

    stn_buf_be16(b, 0xfff1);
    stn_buf_u8(b, 0x4c);
    stn_buf_u8(b, (uint8_t) (0x80 | len >> 11));
    stn_buf_u8(b, (uint8_t) (len >> 3));
    stn_buf_u8(b, (uint8_t) (len << 5 | 0x1f));
    stn_buf_u8(b, 0xfc);

    for (i = 0; i < n; i++) {
        stn_buf_u8(b, (uint8_t) (i & 1 ? number : number >> 8));
    }
}


#endif /* TS_UTIL_H */
