/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A ladder under a told clock.  A rig moves the clock from one due time to the
 * next as a live thread does, sends a broadcaster's units as they get ready,
 * and listens to every rendition: no frame early, none missing, none twice,
 * each in its place.  Functions are static inline, as in wire_util.h.
 */

#ifndef LADDER_UTIL_H
#define LADDER_UTIL_H

#include "codec_util.h"

#include "pack/stn_cmaf.h"
#include "programme/stn_ladder.h"


#define MS   ((int64_t) 1000)
#define SEC  ((int64_t) 1000000)

/* When all of this happens: no round number of frames or seconds. */
#define LADDER_EPOCH  (1763719207 * SEC + 123457)

#define LADDER_GRACE  (300 * MS)
#define LADDER_PART   (320 * MS)

/* A second of lead, a window of eight. */
#define LADDER_WINDOW_S  8


typedef struct {
    stn_decoder_t  *decoder;       /* NULL: not listened to */
    sound_t         heard;         /* left or only channel; the end of it */
    double          bend;          /* the sharpest in all of it */
    int64_t         next;          /* the next frame's place; -1: any */
    uint64_t        frames;
    uint64_t        live;          /* of which were live */
    uint64_t        flips;         /* changes between live and hold */
    unsigned        was_live;
    int64_t         last_live;     /* where the last live frame ended */
} ladder_ear_t;


typedef struct {
    stn_ladder_t       *l;
    stn_ladder_conf_t   conf;
    ladder_ear_t        ears[STN_LADDER_RENDITIONS];
    int64_t             now_us;
    int64_t             latest;    /* most that a frame came behind its end, in
                                      microseconds, since it was reset */
    int64_t             first;     /* of the first frame, at 48 kHz; -1 */
    int64_t             stop;      /* frames from here on are lost; 0: none */
    int64_t             window_s;
    double              listen_s;  /* how much is kept of the sound */
} ladder_rig_t;


/* What a broadcaster sends, and how. */

typedef struct {
    const units_t  *units;         /* over and over */
    int64_t         start_us;      /* when unit 0 begins */
    double          ppm;           /* his clock is that much too fast */
    double           skew;          /* millionths that his timestamps are faster
                                       than his samples */
    int64_t         base_ts;       /* timestamp of unit 0 */
    int64_t         wrap_ts;       /* timestamps wrap there; 0: never */
    int64_t         round_ts;      /* they are multiples of this; 0: 1 ms */
    uint32_t        made;          /* units sent so far */
    int64_t         delay_us;      /* on the way */
    int64_t         jitter_us;     /* and up to so much more */
    uint32_t        seed;
} caster_t;


static inline void
ladder_add(ladder_rig_t *r, stn_codec_e codec, uint32_t rate,
    unsigned channels, uint32_t bitrate)
{
    stn_encoder_conf_t  *c;

    c = &r->conf.renditions[r->conf.n++];
    c->codec = codec;
    c->rate = rate;
    c->channels = channels;
    c->bitrate = bitrate;
}


static inline void
ladder_init(ladder_rig_t *r, double listen_s)
{
    memset(r, 0, sizeof(*r));

    r->conf.grace_us = LADDER_GRACE;
    r->conf.part_us = LADDER_PART;
    r->now_us = LADDER_EPOCH;
    r->window_s = LADDER_WINDOW_S;
    r->listen_s = listen_s;
    r->first = -1;
}


/* Three rungs: what a radio would have. */

static inline void
ladder_rungs(ladder_rig_t *r)
{
    ladder_add(r, STN_CODEC_AAC, 48000, 2, 128000);
    ladder_add(r, STN_CODEC_OPUS, 48000, 2, 64000);
    ladder_add(r, STN_CODEC_AAC, 24000, 1, 32000);
}


static inline void
ladder_open(ladder_rig_t *r)
{
    unsigned             i;
    int64_t              quantum;
    const stn_format_t  *f;

    quantum = stn_ladder_quantum(r->conf.renditions, r->conf.n);
    assert_true(quantum > 0);

    r->conf.segment = (2 * STN_LADDER_RATE / quantum + 1) * quantum;
    r->conf.window = r->window_s * STN_LADDER_RATE;

    r->l = stn_ladder_open(&r->conf);
    assert_non_null(r->l);

    for (i = 0; i < r->conf.n; i++) {
        r->ears[i].next = -1;

        if (r->listen_s > 0) {
            f = stn_ladder_format(r->l, i);
            r->ears[i].decoder = stn_decoder_open(f);
            assert_non_null(r->ears[i].decoder);
            sound_init(&r->ears[i].heard, f->rate,
                       (size_t) (r->listen_s * f->rate), 0);
        }
    }
}


static inline void
ladder_free(ladder_rig_t *r)
{
    unsigned  i;

    for (i = 0; i < r->conf.n; i++) {
        stn_decoder_close(r->ears[i].decoder);
        sound_free(&r->ears[i].heard);
    }

    stn_ladder_close(r->l);
}


/* Makes room in what is kept of a sound, which needs two samples. */

static inline void
ladder_forget(sound_t *s, size_t n)
{
    size_t  gone;

    if (s->n + n <= s->room) {
        return;
    }

    gone = s->n - 2;
    memmove(s->x, s->x + gone, 2 * sizeof(*s->x));
    s->pos += (int64_t) gone;
    s->n = 2;
}


static inline void
ladder_hear(ladder_ear_t *e, const stn_frame_t *f)
{
    double      bend;
    size_t      i;
    stn_pcm_t   pcm;
    sound_t    *s = &e->heard;

    if (e->decoder == NULL) {
        return;
    }

    assert_int_equal(stn_decoder_feed(e->decoder, f->data, f->len, &pcm),
                     STN_OK);

    if (s->n == 0) {
        s->pos = f->pos;
    }

    ladder_forget(s, pcm.n);
    sound_append(s, pcm.ch[0], pcm.n);

    /* the decoder's first frames have nothing to overlap with */

    for (i = s->n - pcm.n; e->frames > 4 && i < s->n; i++) {
        bend = s->x[i] - 2 * s->x[i - 1] + s->x[i - 2];
        e->bend = fmax(e->bend, fabs(bend));
    }
}


static inline void
ladder_check(ladder_rig_t *r, const stn_frame_t *f)
{
    int64_t              end, late;
    ladder_ear_t        *e;
    const stn_format_t  *format;

    assert_true(f->rendition < r->conf.n);
    assert_true(f->len > 0);

    e = &r->ears[f->rendition];
    format = stn_ladder_format(r->l, f->rendition);

    if (r->stop && f->pos * STN_LADDER_RATE / format->rate >= r->stop) {
        return;
    }

    if (r->first == -1) {
        r->first = f->pos * STN_LADDER_RATE / format->rate;
    }

    /* all begin at one place, and none has a gap */

    if (e->next == -1) {
        assert_true(f->pos * STN_LADDER_RATE / format->rate == r->first);
    } else {
        assert_true(f->pos == e->next);
    }

    e->next = f->pos + format->frame;

    /* not before its time */

    end = stn_rescale(e->next, 1000000, format->rate);
    late = r->now_us - end;
    assert_true(late >= -STN_TIMELINE_AHEAD_MS * MS);
    r->latest = stn_max(r->latest, late);

    e->frames++;
    e->live += f->live;
    e->flips += f->live != e->was_live;
    e->was_live = f->live;
    e->last_live = f->live ? e->next : e->last_live;

    ladder_hear(e, f);
}


/* Takes all frames whose time has come. */

static inline unsigned
ladder_pump(ladder_rig_t *r)
{
    int          rc;
    unsigned     n;
    stn_frame_t  f;

    for (n = 0; n < 10000000; n++) {
        rc = stn_ladder_next(r->l, r->now_us, &f);

        if (rc != STN_OK) {
            assert_int_equal(rc, STN_AGAIN);
            assert_true(stn_ladder_due(r->l) > r->now_us);
            return n;
        }

        ladder_check(r, &f);
    }

    fail_msg("the ladder gives frames without end");

    return 0;
}


/* Lets the clock run to now_us, waking when the ladder asks for it. */

static inline void
ladder_run(ladder_rig_t *r, int64_t now_us)
{
    (void) ladder_pump(r);

    while (stn_ladder_due(r->l) <= now_us) {
        r->now_us = stn_ladder_due(r->l);
        (void) ladder_pump(r);
    }

    r->now_us = stn_max(r->now_us, now_us);
    (void) ladder_pump(r);
}


static inline int64_t
caster_us(const caster_t *c, uint32_t n)
{
    return c->start_us
           + (int64_t) ((double) n * c->units->format.frame * 1e6
                        / c->units->format.rate / (1 + c->ppm / 1e6));
}


static inline int64_t
caster_ts(const caster_t *c, uint32_t n)
{
    int64_t  ts, grain;

    grain = c->round_ts ? c->round_ts : STN_TS_HZ / 1000;
    ts = stn_rescale((int64_t) n * c->units->format.frame, STN_TS_HZ,
                     c->units->format.rate);
    ts += (int64_t) ((double) ts * c->skew / 1e6);
    ts = (ts + grain / 2) / grain * grain + c->base_ts;

    return c->wrap_ts ? ts % c->wrap_ts : ts;
}


/* Gives the ladder the next unit, now. */

static inline int
caster_put(caster_t *c, ladder_rig_t *r)
{
    int       rc;
    stn_au_t  au;

    memset(&au, 0, sizeof(au));
    au.data = c->units->data[c->made % c->units->n];
    au.len = c->units->len[c->made % c->units->n];
    au.ts = caster_ts(c, c->made);

    rc = stn_ladder_feed(r->l, &au, r->now_us);
    c->made += rc == STN_OK;

    return rc;
}


/* When the next unit arrives. */

static inline int64_t
caster_arrives(caster_t *c)
{
    int64_t  us;

    us = caster_us(c, c->made + 1) + c->delay_us;

    if (c->jitter_us) {
        c->seed = c->seed * 1103515245 + 12345;
        us += (int64_t) (c->seed >> 8) % c->jitter_us;
    }

    return us;
}


/* Sends units up to until_us, each as soon as it is ready. */

static inline void
caster_send(caster_t *c, ladder_rig_t *r, int64_t until_us)
{
    int64_t  us;

    while ((us = caster_arrives(c)) <= until_us) {
        ladder_run(r, stn_max(us, r->now_us));
        assert_int_equal(caster_put(c, r), STN_OK);
        (void) ladder_pump(r);
    }

    ladder_run(r, until_us);
}


/* A tone without end: FLAC, whose frames know nothing of each other, of whole
 * cycles.  A click in it stands out. */

#define CASTER_HZ  187.5

static inline void
caster_tone(units_t *u, uint32_t rate, unsigned channels, double level)
{
    double   cycles;
    sound_t  s;

    sound_tone(&s, rate, 10 * 4608, CASTER_HZ, level);
    assert_true(units_encode(u, STN_CODEC_FLAC, "flac", &s, channels));
    sound_free(&s);

    cycles = (double) u->n * u->format.frame * CASTER_HZ / rate;
    assert_true(u->n > 0 && cycles == floor(cycles));
}


/* How sharp the sharpest bend of what rendition i sounds like is, from time
 * from_us on for as long as until_us. */

static inline double
ladder_sharpest(const ladder_rig_t *r, unsigned i, int64_t from_us,
    int64_t until_us)
{
    double          bend, worst;
    int64_t         pos, end;
    const sound_t  *s;

    s = &r->ears[i].heard;
    pos = stn_rescale(from_us, s->rate, 1000000);
    end = stn_rescale(until_us, s->rate, 1000000);

    /* the decoder's first frames have nothing to overlap with */

    pos = stn_max(pos, s->pos + 4096);
    end = stn_min(end, s->pos + (int64_t) s->n - 1);
    worst = 0;

    for ( ; pos < end; pos++) {
        bend = sound_at(s, pos + 1) - 2 * sound_at(s, pos)
               + sound_at(s, pos - 1);
        worst = fmax(worst, fabs(bend));
    }

    return worst;
}


/* RMS of what rendition i sounds like around a time, 40 ms of it. */

static inline double
ladder_loudness(const ladder_rig_t *r, unsigned i, int64_t at_us)
{
    double          sum;
    int64_t         pos, n, k;
    const sound_t  *s;

    s = &r->ears[i].heard;
    pos = stn_rescale(at_us - 20 * MS, s->rate, 1000000);
    n = s->rate / 25;
    sum = 0;

    for (k = pos; k < pos + n; k++) {
        sum += sound_at(s, k) * sound_at(s, k);
    }

    return sqrt(sum / (double) n);
}


static inline void
caster_init(caster_t *c, const units_t *units, const ladder_rig_t *r)
{
    memset(c, 0, sizeof(*c));
    c->units = units;
    c->start_us = r->now_us;
    c->base_ts = 77777;
    c->seed = 1;
}


#endif /* LADDER_UTIL_H */
