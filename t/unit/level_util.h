/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A meter, and sines of told levels and lengths to play to it, in pieces that
 * have nothing to do with its blocks.  Levels are in dBFS here, in hundredths
 * of a dB where they come from the meter.  Functions are static inline, as in
 * wire_util.h.
 */

#ifndef LEVEL_UTIL_H
#define LEVEL_UTIL_H

#include "wire_util.h"

#include "programme/stn_level.h"

#include <math.h>


#define LEVEL_CHANNELS  STN_PCM_CHANNELS_MAX
#define LEVEL_PIECE     4096

/* What it is opened with. */
#define LEVEL_DEAD_LEVEL  (-6000)
#define LEVEL_DEAD_MS     5000


/* A sine whose peak in each channel is so many dBFS; OFF is silence. */

#define OFF  -1000.0

typedef struct {
    double  hz;
    double  phase;               /* degrees */
    double  db[LEVEL_CHANNELS];
} sound_t;

static const sound_t  silence = { 0, 0, { OFF, OFF, OFF, OFF, OFF, OFF } };
static const sound_t  loud = { 400, 0, { -20, -20, -20, -20, -20, -20 } };


typedef struct {
    stn_level_t         *l;
    stn_pcm_t            pcm;    /* what it is fed: rate, channels, layout */
    uint64_t             pos;
    stn_level_report_t   r;
    float                buf[LEVEL_CHANNELS][LEVEL_PIECE];
} meter_t;


static inline void
meter_open(meter_t *m, uint32_t rate, unsigned channels)
{
    unsigned          c;
    stn_level_conf_t  conf;

    memset(m, 0, sizeof(*m));

    conf.dead_level = LEVEL_DEAD_LEVEL;
    conf.dead_ms = LEVEL_DEAD_MS;

    m->l = stn_level_open(&conf);
    assert_non_null(m->l);

    m->pcm.rate = rate;
    m->pcm.channels = channels;

    for (c = 0; c < LEVEL_CHANNELS; c++) {
        m->pcm.ch[c] = m->buf[c];
    }
}


static inline void
meter_close(meter_t *m)
{
    stn_level_close(m->l);
}


static inline double
amplitude(double db)
{
    return db == OFF ? 0 : pow(10, db / 20);
}


static inline void
make(meter_t *m, const sound_t *s, size_t n)
{
    size_t    i;
    double    a, turn;
    unsigned  c;

    for (c = 0; c < m->pcm.channels; c++) {
        a = amplitude(s->db[c]);

        for (i = 0; i < n; i++) {
            turn = (double) (m->pos + i) * s->hz / m->pcm.rate;
            m->buf[c][i] = (float) (a * sin(2 * M_PI * (turn - floor(turn)
                                                        + s->phase / 360)));
        }
    }
}


static inline void
play(meter_t *m, const sound_t *s, double ms)
{
    size_t  left, n;

    left = (size_t) lrint(ms * m->pcm.rate / 1000);

    for (; left; left -= n) {
        n = stn_min(left, LEVEL_PIECE);
        make(m, s, n);

        m->pcm.n = n;
        assert_int_equal(stn_level_feed(m->l, &m->pcm), STN_OK);
        m->pos += n;
    }

    stn_level_report(m->l, &m->r);
}


/* Sine of 1 kHz, the same in all channels. */

static inline void
play_db(meter_t *m, double db, double ms)
{
    sound_t   s;
    unsigned  c;

    memset(&s, 0, sizeof(s));
    s.hz = 1000;

    for (c = 0; c < LEVEL_CHANNELS; c++) {
        s.db[c] = db;
    }

    play(m, &s, ms);
}


/* The first n samples of x, in all channels. */

static inline void
play_samples(meter_t *m, const float *x, size_t n)
{
    unsigned  c;

    for (c = 0; c < m->pcm.channels; c++) {
        memcpy(m->buf[c], x, n * sizeof(float));
    }

    m->pcm.n = n;
    assert_int_equal(stn_level_feed(m->l, &m->pcm), STN_OK);
    m->pos += n;

    stn_level_report(m->l, &m->r);
}


static inline unsigned
alarm_of(const meter_t *m, unsigned bit)
{
    assert_int_equal(stn_level_alarms(m->l), m->r.alarms);

    return (m->r.alarms & bit) != 0;
}


static inline void
near(const char *what, int32_t is, int32_t wanted, int32_t slack)
{
    if (is < wanted - slack || is > wanted + slack) {
        fail_msg("%s is %d, not %d +- %d", what, is, wanted, slack);
    }
}


#endif /* LEVEL_UTIL_H */
