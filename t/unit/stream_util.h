/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A stream under a told clock, as programme_util.h does it for a programme.
 * Voices are real AAC, so that levels can be measured; no two frames of one
 * are the same, so that each can be told from the others and from hold audio.
 * The rig moves the clock from one due time to the next and looks at every
 * part: none early, none missing, none too long, each where the one before
 * ended.  Functions are static inline, as in wire_util.h.
 */

#ifndef STREAM_UTIL_H
#define STREAM_UTIL_H

#include "media_util.h"

#include "programme/stn_codec.h"
#include "stream/stn_stream.h"

#include <math.h>


#define MS   ((int64_t) 1000)
#define SEC  ((int64_t) 1000000)

/* When all of this happens: no round number of frames or seconds. */
#define RIG_EPOCH  (1763719207 * SEC + 123457)

/* What takes until a session has its place, and a frame to cut behind. */
#define SETTLED_US  (STN_PROGRAMME_SETTLE_US + 50 * MS)

/* A stream is never later than this with a steady broadcaster or with none,
 * beyond the part under way. */
#define LATE_US  (200 * MS)

#define VOICE_FRAMES  96
#define VOICE_BYTES   2048

/* Units fed and not heard yet, at most. */
#define RIG_FED  4096

/* Frames of a part, at most. */
#define RIG_SAMPLES  512


/* A broadcaster's sound, round and round. */

typedef struct {
    stn_format_t  format;
    unsigned      n;
    size_t        len[VOICE_FRAMES];
    uint8_t       frame[VOICE_FRAMES][VOICE_BYTES];
} voice_t;


typedef struct {
    const voice_t  *voice;
    unsigned        frame;
} rig_fed_t;


typedef struct {
    stn_stream_t     s;
    int64_t          now_us;
    const voice_t   *voice;      /* who sends */
    int64_t          start_us;   /* since when */
    uint32_t         sent;       /* units of his, so far */
    rig_fed_t        fed[RIG_FED];
    uint64_t         made;       /* units of all, so far */
    uint64_t         heard;      /* the number after the last one heard */
    uint64_t         lost;       /* numbers that never came */
    uint64_t         forgone;    /* those of them that need not come */
    uint64_t         doubled;    /* that came twice, as a repair */
    uint64_t         live;       /* frames that came */
    uint64_t         hold;
    uint64_t         looped;     /* of these: loop's, each in its place */
    const voice_t   *loop;       /* hold audio; NULL: not looked at */
    uint64_t         parts;
    uint64_t         changes;
    stn_grid_t       opened;     /* the grid that it was opened with */
    stn_part_t       first;
    stn_part_t       last;       /* the newest part */
    unsigned         changed;    /* boolean: it was the last of its format */
    uint32_t         seq;        /* its mfhd */
    uint64_t         last_live;  /* live frames in it */
    int64_t          live_us;    /* when the last live part came */
    unsigned         deaf;       /* boolean: not every frame is decoded */
    stn_decoder_t   *ear;        /* of the present format */
} rig_t;


/* A voice of rate and channels, about so loud (0: digital silence); seeds
 * make different ones. */

static inline void
voice_make(voice_t *v, uint32_t rate, unsigned channels, double loud,
    uint32_t seed)
{
    float               x[1024];
    size_t              i;
    uint64_t            at;
    unsigned            ch, skip;
    stn_pcm_t           pcm;
    stn_frame_t         f;
    stn_encoder_t      *e;
    stn_encoder_conf_t  conf = { STN_CODEC_AAC, rate, channels,
                                 rate * channels };
    const stn_format_t  *ef;

    memset(v, 0, sizeof(*v));
    memset(&pcm, 0, sizeof(pcm));

    e = stn_encoder_open(&conf, 0);
    assert_non_null(e);

    ef = stn_encoder_format(e);
    media_format(&v->format, ef->config, ef->config_len);

    pcm.channels = channels;
    pcm.rate = rate;
    pcm.n = stn_nelems(x);

    for (ch = 0; ch < channels; ch++) {
        pcm.ch[ch] = x;
    }

    at = 0;
    skip = 4;

    while (v->n < VOICE_FRAMES) {

        for (i = 0; i < stn_nelems(x); i++, at++) {
            x[i] = (float) (loud * (0.7 * sin(2 * M_PI * 440 * (double) at
                                              / rate)
                                    + 0.3 * (wire_random(&seed) / 2147483648.0
                                             - 1)));
        }

        assert_int_equal(stn_encoder_feed(e, &pcm), STN_OK);

        while (stn_encoder_next(e, &f) == STN_OK && v->n < VOICE_FRAMES) {
            if (skip) {
                skip--;
                continue;
            }

            assert_true(f.len <= VOICE_BYTES);
            v->len[v->n] = f.len;
            memcpy(v->frame[v->n++], f.data, f.len);
        }
    }

    stn_encoder_close(e);
}


static inline void
rig_conf(stn_stream_conf_t *conf)
{
    memset(conf, 0, sizeof(*conf));

    conf->part_us = SEC;
    conf->parts = 6;
    conf->window_us = 60 * SEC;
    conf->grace_us = SEC;
    conf->level.dead_level = -5000;
}


static inline void
rig_open(rig_t *r, const stn_stream_conf_t *conf, const stn_format_t *format)
{
    memset(r, 0, sizeof(*r));

    assert_int_equal(stn_stream_init(&r->s, conf, format, 0), STN_OK);

    r->now_us = RIG_EPOCH;
    r->opened = r->s.grid;
}


/* Opened with that format, without a broadcaster. */

static inline void
rig_init(rig_t *r, const stn_format_t *format)
{
    stn_stream_conf_t  conf;

    rig_conf(&conf);
    rig_open(r, &conf, format);
}


static inline void
rig_free(rig_t *r)
{
    stn_decoder_close(r->ear);
    stn_stream_free(&r->s);
}


/* Whether that is the unit numbered n. */

static inline unsigned
rig_is(const rig_t *r, uint64_t n, const uint8_t *data, size_t len)
{
    const rig_fed_t  *f;

    f = &r->fed[n % RIG_FED];

    return f->voice->len[f->frame] == len
           && memcmp(f->voice->frame[f->frame], data, len) == 0;
}


/* The number of the unit that is these bytes: the next one like that, or near
 * the newest; r->made if none is. */

static inline uint64_t
rig_find(const rig_t *r, const uint8_t *data, size_t len)
{
    uint64_t  n, end;

    end = stn_min(r->made, r->heard + VOICE_FRAMES);

    for (n = r->heard; n < end; n++) {
        if (rig_is(r, n, data, len)) {
            return n;
        }
    }

    for (n = r->made; n > end && n > r->made - VOICE_FRAMES; n--) {
        if (rig_is(r, n - 1, data, len)) {
            return n - 1;
        }
    }

    return r->made;
}


/* Units come in order, and bytes as they were given; twice only as a repair.
 * What is none of them is hold audio.  n is the number of the frame's place on
 * the clock. */

static inline void
rig_frame(rig_t *r, const uint8_t *data, size_t len, uint64_t n)
{
    stn_pcm_t       pcm;
    const voice_t  *loop;

    assert_true(len > 0);

    if (!r->deaf) {
        assert_true(stn_decoder_feed(r->ear, data, len, &pcm) >= 0);
    }

    if (r->heard && r->doubled < r->s.programme->stats.drift_repairs
        && rig_is(r, r->heard - 1, data, len))
    {
        r->doubled++;
        r->live++;
        return;
    }

    loop = r->loop;

    if (loop && len == loop->len[n % loop->n]
        && memcmp(data, loop->frame[n % loop->n], len) == 0)
    {
        r->looped++;
        r->hold++;
        return;
    }

    n = rig_find(r, data, len);

    if (n < r->made) {
        r->lost += n - r->heard;
        r->heard = n + 1;
        r->live++;
        r->last_live++;
        return;
    }

    r->hold++;
}


/* Each frame of a part. */

static inline void
rig_frames(rig_t *r, const stn_part_t *part, const media_part_t *m,
    uint32_t frame)
{
    size_t     sizes[RIG_SAMPLES];
    uint32_t   i, n;
    stn_cur_t  mdat;

    n = media_sizes(part->data, part->len, sizes, RIG_SAMPLES);

    assert_int_equal(n, m->samples);
    assert_int_equal((uint64_t) n * frame, part->duration);
    assert_int_equal(m->data_offset, m->moof + 8);
    assert_true(media_find(part->data, part->len, "mdat", &mdat));

    r->last_live = 0;

    for (i = 0; i < n; i++) {
        rig_frame(r, stn_cur_bytes(&mdat, sizes[i]), sizes[i],
                  (uint64_t) part->pos / frame + i);
    }

    assert_int_equal(mdat.failed, 0);
    assert_int_equal(stn_cur_left(&mdat), 0);
}


/* Where the part is, seen from the one before. */

static inline void
rig_follows(rig_t *r, const stn_part_t *part)
{
    int64_t            off;
    const stn_part_t  *last;

    last = &r->last;

    if (r->parts == 0) {
        r->first = *part;
        return;
    }

    if (last->last) {
        assert_int_equal(part->msn, last->msn + 1);
        assert_int_equal(part->part, 0);

    } else {
        assert_int_equal(part->msn, last->msn);
        assert_int_equal(part->part, last->part + 1);
    }

    if (!r->changed) {
        assert_int_equal(part->rate, last->rate);
        assert_true(part->pos == last->pos + last->duration);
        return;
    }

    /* another clock: the same moment, to the nearest sample */

    off = stn_rescale(part->pos, 1000000000, part->rate)
          - stn_rescale(last->pos + last->duration, 1000000000, last->rate);
    assert_true(llabs(off) <= 500000000 / (int64_t) part->rate + 1);
}


static inline void
rig_check(rig_t *r, const stn_stream_parts_t *parts,
    const stn_format_t *format)
{
    unsigned           whole;
    media_part_t       m;
    const stn_part_t  *part;

    part = &parts->part[0];

    assert_int_equal(parts->n, 1);
    rig_follows(r, part);

    media_parse_part(&m, part->data, part->len);
    assert_true((int64_t) m.tfdt == part->pos);
    assert_int_equal(m.duration, part->duration);
    assert_true(m.seq > r->seq);
    assert_int_equal(part->rate, format->rate);

    if (r->ear == NULL || r->changed) {
        stn_decoder_close(r->ear);
        r->ear = stn_decoder_open(format);
        assert_non_null(r->ear);
    }

    rig_frames(r, part, &m, format->frame);
    assert_int_equal(part->live, r->last_live > 0);

    /* PART-TARGET is for ever; nothing comes before its time */

    assert_true((uint64_t) part->duration * r->opened.rate
                <= (uint64_t) r->opened.part * part->rate);
    assert_true(part->pos + part->duration
                <= stn_rescale(r->now_us + STN_TIMELINE_AHEAD_MS * MS,
                               part->rate, 1000000) + 1);

    whole = part->part + 1 == r->opened.parts;
    assert_true(part->part < r->opened.parts);
    assert_int_equal(part->last, whole || parts->changes || r->s.ending);

    /* all but a segment's last are about as long as they may be */

    assert_true(part->last
                || (uint64_t) part->duration * r->opened.rate * 100
                   >= (uint64_t) r->opened.part * part->rate * 85);

    r->changes += parts->changes;
    r->changed = parts->changes;
    r->seq = m.seq;
    r->last = *part;
    r->parts++;

    if (part->live) {
        r->live_us = r->now_us;
    }
}


/* Takes all parts whose time has come. */

static inline void
rig_pump(rig_t *r)
{
    int                 rc;
    uint32_t            discontinuities, generation;
    unsigned            guard;
    stn_format_t        format;
    stn_stream_parts_t  parts;

    for (guard = 0; guard < 1000000; guard++) {
        format = *stn_stream_format(&r->s, 0);
        generation = r->s.generation;
        discontinuities = r->s.discontinuities;

        rc = stn_stream_next(&r->s, r->now_us, &parts);

        if (rc == STN_AGAIN) {

            /* a live thread that sleeps until then must not spin */

            assert_true(r->s.due_us > r->now_us);
            return;
        }

        if (rc != STN_OK) {
            fail_msg("the stream broke: %s", r->s.reason);
        }

        /* a part's own number counts what came before its segment */

        assert_int_equal(parts.discontinuities, discontinuities);
        assert_int_equal(r->s.discontinuities,
                         discontinuities + parts.changes);
        assert_int_equal(r->s.generation, generation + parts.changes);
        assert_int_equal(!parts.changes,
                         stn_format_same(&format, stn_stream_format(&r->s,
                                                                    0)));

        rig_check(r, &parts, &format);

        if (r->s.ending) {
            return;
        }
    }

    fail_msg("the stream gives parts without end");
}


/* Lets the clock run to now_us, waking when the stream asks for it. */

static inline void
rig_run(rig_t *r, int64_t now_us)
{
    rig_pump(r);

    while (r->s.due_us <= now_us && !r->s.ending) {
        r->now_us = r->s.due_us;
        rig_pump(r);
    }

    r->now_us = stn_max(r->now_us, now_us);

    if (!r->s.ending) {
        rig_pump(r);
    }
}


static inline void
rig_wait(rig_t *r, int64_t us)
{
    rig_run(r, r->now_us + us);
}


/* Somebody comes whose first unit is ready a frame from now. */

static inline int
rig_arrive(rig_t *r, const voice_t *v)
{
    int  rc;

    rc = stn_stream_arrive(&r->s, &v->format);

    if (rc == STN_OK) {
        r->voice = v;
        r->start_us = r->now_us;
        r->sent = 0;
    }

    return rc;
}


/* Feeds the next unit of who is there, now. */

static inline int
rig_put(rig_t *r)
{
    int         rc;
    stn_au_t    au;
    rig_fed_t  *fed;

    /* those that nobody hears, since it is muted, are forgotten */

    if (r->made - r->heard == RIG_FED) {
        r->heard++;
        r->lost++;
    }

    fed = &r->fed[r->made % RIG_FED];
    fed->voice = r->voice;
    fed->frame = r->sent % r->voice->n;

    au.data = r->voice->frame[fed->frame];
    au.len = r->voice->len[fed->frame];
    au.level = 0;
    au.ts = stn_rescale((int64_t) r->sent * r->voice->format.frame, 1000,
                        r->voice->format.rate) * (STN_TS_HZ / 1000);

    rc = stn_stream_feed(&r->s, &au, r->now_us);

    if (rc == STN_OK) {
        r->sent++;
        r->made++;
    }

    return rc;
}


/* When the next unit of who is there is ready. */

static inline int64_t
rig_ready(const rig_t *r)
{
    return r->start_us + stn_rescale((int64_t) (r->sent + 1)
                                     * r->voice->format.frame, 1000000,
                                     r->voice->format.rate);
}


/* He sends for us microseconds, each unit as soon as it is ready. */

static inline void
rig_send(rig_t *r, int64_t us)
{
    int64_t  end;

    for (end = r->now_us + us; rig_ready(r) <= end; ) {
        rig_run(r, rig_ready(r));
        assert_int_equal(rig_put(r), STN_OK);
        rig_pump(r);
    }

    rig_run(r, end);
}


/* Another sound of the same broadcaster, in the same format. */

static inline void
rig_sound(rig_t *r, const voice_t *v)
{
    assert_true(stn_format_same(&r->voice->format, &v->format));
    r->voice = v;
}


/* Nothing is too late: the newest part ends less than us ago. */

static inline void
rig_is_up(const rig_t *r, int64_t us)
{
    int64_t  end;

    end = stn_rescale(r->last.pos + r->last.duration, 1000000, r->last.rate);

    if (r->now_us - end > us) {
        fail_msg("%lld us late", (long long) (r->now_us - end));
    }
}


/* A stream that v has been on for us microseconds, after ten seconds of
 * nobody. */

static inline void
on_air(rig_t *r, const voice_t *v, int64_t us)
{
    rig_init(r, &v->format);
    stn_stream_birth(&r->s, r->now_us);
    rig_wait(r, 10 * SEC);
    assert_int_equal(rig_arrive(r, v), STN_OK);
    rig_send(r, us);
}


/* v comes, and the stream takes on his format before he has sent for long. */

static inline void
change_to(rig_t *r, const voice_t *v)
{
    uint64_t  changes;

    changes = r->changes;

    assert_int_equal(rig_arrive(r, v), STN_OK);
    assert_int_equal(r->changes, changes);

    rig_send(r, SETTLED_US + 3 * SEC);

    assert_int_equal(r->changes, changes + 1);
    assert_true(stn_format_same(stn_stream_format(&r->s, 0), &v->format));
    assert_true(stn_format_same(stn_stream_hold_format(&r->s), &v->format));
    assert_int_equal(r->last.rate, v->format.rate);
    assert_int_equal(r->lost, r->forgone);
    assert_int_equal(stn_stream_holding(&r->s), 0);
    rig_is_up(r, SEC + LATE_US);
}


#endif /* STREAM_UTIL_H */
