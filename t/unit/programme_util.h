/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A programme under a told clock.  A rig makes numbered units, moves the
 * clock from one due time to the next as a live thread does, and looks at
 * every frame that comes out: none early, none missing, none twice, each in
 * its place.  Functions are static inline, as in wire_util.h.
 */

#ifndef PROGRAMME_UTIL_H
#define PROGRAMME_UTIL_H

#include "media_util.h"

#include "programme/stn_programme.h"
#include "pack/stn_segmenter.h"


#define MS   ((int64_t) 1000)
#define SEC  ((int64_t) 1000000)

/* When all of this happens: no round number of frames or seconds. */
#define RIG_EPOCH  (1763719207 * SEC + 123457)

/* AudioSpecificConfigs: AAC-LC, and HE-AAC with its frames of 2048 samples. */
#define LC_48000  "1190"
#define LC_44100  "1210"
#define LC_MONO   "1188"
#define HE_48000  "2b098800"

/* What a unit of 128 kbit/s takes. */
#define RIG_UNIT  341

#define RIG_UNIT_MAX  2048


typedef struct rig_s  rig_t;

typedef void (*rig_frame_pt)(rig_t *r, const stn_frame_t *f);


struct rig_s {
    stn_format_t      format;
    stn_grid_t        grid;
    stn_programme_t   p;
    int64_t           now_us;
    int64_t           base_ms;     /* the timestamp of unit 0 */
    size_t            unit;        /* bytes of a unit */
    int32_t           level;       /* of a unit */
    uint32_t          made;        /* units made so far */
    uint32_t          heard;       /* the number after the last one heard */
    uint32_t          lost;        /* numbers that never came */
    uint32_t          doubled;     /* that came twice, as a repair */
    uint64_t          live;        /* frames that came */
    uint64_t          hold;
    int64_t           from;        /* where it resumed; -1: it was born */
    int64_t           first_pos;   /* of the first frame; -1: none yet */
    int64_t           next_pos;
    int64_t           live_pos;    /* of the last live frame */
    int64_t           live_us;     /* when that came */
    rig_frame_pt      frame;       /* called for each one */
    void             *data;        /* the callee's */
};


static inline int64_t
rig_us(const rig_t *r, int64_t samples)
{
    return stn_rescale(samples, 1000000, r->format.rate);
}


static inline int64_t
rig_samples(const rig_t *r, int64_t us)
{
    return stn_rescale(us, r->format.rate, 1000000);
}


/* How long after its own end on the clock the last live frame came. */

static inline int64_t
rig_latency(const rig_t *r)
{
    return r->live_us - rig_us(r, r->live_pos + r->format.frame);
}


static inline void
rig_init(rig_t *r, const char *asc, int64_t part_us)
{
    stn_programme_conf_t  conf;

    memset(r, 0, sizeof(*r));

    media_format_hex(&r->format, asc);
    stn_grid_init(&r->grid, &r->format, part_us, 6);

    conf.part_us = rig_us(r, r->grid.part);
    conf.grace_us = SEC;
    conf.segment = stn_grid_segment(&r->grid);
    conf.comfort = NULL;
    conf.window = rig_samples(r, 60 * SEC);

    assert_int_equal(stn_programme_init(&r->p, &r->format, &conf), STN_OK);

    r->now_us = RIG_EPOCH;
    r->unit = RIG_UNIT;
    r->from = -1;
    r->first_pos = -1;
}


/* Goes on with a programme that stopped at pos. */

static inline void
rig_resume(rig_t *r, int64_t pos)
{
    r->from = pos;
    stn_programme_resume(&r->p, pos);
}


static inline void
rig_free(rig_t *r)
{
    stn_programme_free(&r->p);
}


static inline void
rig_check_live(rig_t *r, const stn_frame_t *f)
{
    uint32_t   id;
    stn_cur_t  c;

    assert_int_equal(f->len, r->unit);

    stn_cur_init(&c, f->data, f->len);
    id = stn_cur_be32(&c);

    /* in order, and bytes as they were given; twice only as a repair */

    assert_int_equal(f->data[f->len - 1], (uint8_t) id);

    if (id + 1 == r->heard) {
        r->doubled++;
        assert_true(r->doubled <= r->p.stats.drift_repairs);

    } else {
        assert_true(id >= r->heard && id < r->made);
        r->lost += id - r->heard;
    }

    r->heard = id + 1;
    r->live++;
    r->live_pos = f->pos;
    r->live_us = r->now_us;
}


static inline void
rig_check(rig_t *r, const stn_frame_t *f)
{
    int64_t  ahead;

    if (r->first_pos == -1) {
        r->first_pos = f->pos;
        r->next_pos = f->pos;
        assert_true(r->from == -1 ? f->pos % r->grid.part == 0
                                  : f->pos == r->from);
    }

    assert_true(f->pos == r->next_pos);
    r->next_pos += r->format.frame;
    assert_true(stn_programme_pos(&r->p) == r->next_pos);

    ahead = r->next_pos - rig_samples(r, r->now_us);
    assert_true(ahead <= rig_samples(r, STN_TIMELINE_AHEAD_MS * MS));

    if (f->live) {
        rig_check_live(r, f);

    } else {
        assert_true(f->len > 0);
        r->hold++;
    }

    if (r->frame) {
        r->frame(r, f);
    }
}


/* Takes all frames whose time has come. */

static inline void
rig_pump(rig_t *r)
{
    unsigned     guard;
    stn_frame_t  f;

    for (guard = 0; guard < 10000000; guard++) {
        if (stn_programme_next(&r->p, r->now_us, &f) != STN_OK) {

            /* a live thread that sleeps until then must not spin */

            assert_true(r->p.due_us > r->now_us);
            return;
        }

        rig_check(r, &f);
    }

    fail_msg("the programme gives frames without end");
}


/* Lets the clock run to now_us, waking when the programme asks for it. */

static inline void
rig_run(rig_t *r, int64_t now_us)
{
    rig_pump(r);

    while (r->p.due_us <= now_us) {
        r->now_us = r->p.due_us;
        rig_pump(r);
    }

    r->now_us = stn_max(r->now_us, now_us);
    rig_pump(r);
}


/* Gives the programme one more unit, now. */

static inline int
rig_put(rig_t *r, int64_t ts_ms)
{
    int       rc;
    uint8_t   data[RIG_UNIT_MAX];
    stn_au_t  au;

    assert_in_range(r->unit, 5, sizeof(data));

    memset(data, (uint8_t) r->made, r->unit);
    data[0] = (uint8_t) (r->made >> 24);
    data[1] = (uint8_t) (r->made >> 16);
    data[2] = (uint8_t) (r->made >> 8);
    data[3] = (uint8_t) r->made;

    au.data = data;
    au.len = r->unit;
    au.ts = ts_ms * (STN_TS_HZ / 1000);
    au.level = r->level;

    rc = stn_programme_feed(&r->p, &au, r->now_us);
    r->made += rc == STN_OK;

    return rc;
}


/* When a broadcaster who began at start_us has unit n ready, and what RTMP
 * makes of its timestamp. */

static inline int64_t
rig_ready(const rig_t *r, int64_t start_us, uint32_t n)
{
    return start_us + rig_us(r, ((int64_t) n + 1) * r->format.frame);
}


static inline int64_t
rig_ts(const rig_t *r, uint32_t n)
{
    return r->base_ms + stn_rescale((int64_t) n * r->format.frame, 1000,
                                    r->format.rate);
}


/* Sends units first..last-1 of such a broadcaster as soon as each is ready. */

static inline void
rig_send(rig_t *r, int64_t start_us, uint32_t first, uint32_t last)
{
    for ( ; first < last; first++) {
        rig_run(r, rig_ready(r, start_us, first));
        assert_int_equal(rig_put(r, rig_ts(r, first)), STN_OK);
        rig_pump(r);
    }
}


/* Sends units first..last-1 all at once, now. */

static inline void
rig_burst(rig_t *r, uint32_t first, uint32_t last)
{
    for ( ; first < last; first++) {
        assert_int_equal(rig_put(r, rig_ts(r, first)), STN_OK);
    }

    rig_pump(r);
}


/* How many units are ready ms milliseconds after the start. */

static inline uint32_t
rig_units(const rig_t *r, int64_t ms)
{
    return (uint32_t) (ms * r->format.rate / 1000 / r->format.frame);
}


#endif /* PROGRAMME_UTIL_H */
