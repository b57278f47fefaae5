/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mixing (see stn_ladder_mix.h).  A sample's weight says how far it is on the
 * way from hold to live audio; on a slope the two keep their power, for they
 * are not alike.  Where the weight is 0 or 1, samples pass as they are, and
 * hold audio is not even decoded where nobody hears it.
 */

#include "programme/stn_ladder_mix.h"

#include <math.h>
#include <string.h>


/* Encoders hear at least this much before their first frame. */
#define STN_LADDER_MIX_PRIME  (STN_LADDER_RATE / 4)

/* Weights of a block: some of it is hold audio, some is live. */
#define STN_LADDER_MIX_HOLD  1
#define STN_LADDER_MIX_LIVE  2


static int stn_ladder_mix_comfort(stn_ladder_mix_t *m);
static int stn_ladder_mix_play(stn_ladder_mix_t *m, const stn_hold_t *hold,
    int64_t pos);
static int stn_ladder_mix_enter(stn_ladder_mix_t *m, int64_t from,
    int64_t at);
static unsigned stn_ladder_mix_weigh(stn_ladder_mix_t *m, const float *weight,
    size_t n);
static float stn_ladder_mix_mute(stn_ladder_mix_t *m);
static void stn_ladder_mix_note(stn_ladder_mix_t *m, int64_t pos,
    unsigned live);
static void stn_ladder_mix_blend(stn_ladder_mix_t *m, const float *const *rows,
    stn_pcm_t *pcm);
static int stn_ladder_mix_live(const stn_ladder_mix_t *m,
    const stn_ladder_rendition_t *r);


int
stn_ladder_mix_init(stn_ladder_mix_t *m, stn_ladder_live_t *live,
    const stn_ladder_conf_t *conf)
{
    int  rc;

    memset(m, 0, sizeof(*m));

    m->live = live;
    m->holding = 1;
    m->quantum = stn_ladder_quantum(conf->renditions, conf->n);

    rc = stn_ladder_loop_init(&m->loop, live->fade);

    if (rc == STN_OK) {
        rc = stn_ladder_mix_comfort(m);
    }

    while (rc == STN_OK && m->n < conf->n) {
        rc = stn_ladder_rendition_init(&m->renditions[m->n],
                                       &conf->renditions[m->n]);

        if (rc == STN_OK) {
            rc = stn_ladder_rendition_loop(&m->renditions[m->n], &m->loop);
            m->n++;
        }
    }

    return rc;
}


void
stn_ladder_mix_free(stn_ladder_mix_t *m)
{
    while (m->n) {
        stn_ladder_rendition_free(&m->renditions[--m->n]);
    }

    stn_ladder_loop_free(&m->loop);
    stn_hold_free(&m->comfort);
}


/* The loop that plays when there is no other. */

static int
stn_ladder_mix_comfort(stn_ladder_mix_t *m)
{
    int                  rc;
    stn_encoder_t       *e;
    stn_encoder_conf_t   conf;

    conf.codec = STN_CODEC_AAC;
    conf.rate = STN_LADDER_RATE;
    conf.channels = STN_LADDER_CHANNELS;
    conf.bitrate = 128000;

    e = stn_encoder_open(&conf, 0);
    if (e == NULL) {
        return STN_UNSUPPORTED;
    }

    m->comfort_format = *stn_encoder_format(e);
    stn_encoder_close(e);

    rc = stn_hold_comfort(&m->comfort, &m->comfort_format);

    return (rc == STN_OK) ? stn_ladder_mix_play(m, NULL, -1) : rc;
}


int
stn_ladder_mix_hold(stn_ladder_mix_t *m, const stn_hold_t *hold,
    const stn_format_t *format)
{
    int           rc;
    stn_format_t  old;

    old = m->hold_format;

    if (hold) {
        m->hold_format = *format;
    }

    rc = stn_ladder_mix_play(m, hold, m->live->pos);

    if (rc == STN_OK) {
        m->hold = hold;
    } else {
        m->hold_format = old;
    }

    return rc;
}


static int
stn_ladder_mix_play(stn_ladder_mix_t *m, const stn_hold_t *hold, int64_t pos)
{
    return hold ? stn_ladder_loop_play(&m->loop, hold, &m->hold_format, pos)
                : stn_ladder_loop_play(&m->loop, &m->comfort,
                                       &m->comfort_format, pos);
}


int
stn_ladder_mix_start(stn_ladder_mix_t *m, int64_t from, int64_t at)
{
    unsigned  i;

    for (i = 0; i < m->n; i++) {
        m->renditions[i].pos = from;
    }

    return stn_ladder_mix_enter(m, from, at);
}


int
stn_ladder_mix_leap(stn_ladder_mix_t *m, int64_t at)
{
    return stn_ladder_mix_enter(m, m->live->pos, at);
}


/* Encodes from at on, and up to there copies; counted as hold audio are the
 * samples from that place on. */

static int
stn_ladder_mix_enter(stn_ladder_mix_t *m, int64_t from, int64_t at)
{
    int       rc;
    int64_t   primed;
    uint64_t  held;
    unsigned  i;

    held = m->held + (uint64_t) (at - from);

    primed = at - STN_LADDER_MIX_PRIME;
    primed -= m->quantum - (at - primed) % m->quantum;

    for (i = 0; i < m->n; i++) {
        rc = stn_ladder_rendition_start(&m->renditions[i], primed, at);
        if (rc != STN_OK) {
            return rc;
        }
    }

    m->live->pos = primed;

    /* before it there is what is copied, or what another process has played */

    rc = stn_ladder_mix_play(m, from < at ? NULL : m->hold, -1);

    while (rc == STN_OK && m->live->pos < at) {
        rc = stn_ladder_mix_run(m, stn_min((size_t) (at - m->live->pos),
                                           STN_LADDER_MIX_BLOCK));
    }

    if (rc == STN_OK && from < at && m->hold) {
        rc = stn_ladder_mix_play(m, m->hold, at);
    }

    m->held = held;

    return rc;
}


int
stn_ladder_mix_run(stn_ladder_mix_t *m, size_t n)
{
    int           rc;
    unsigned      i, what;
    stn_pcm_t     pcm;
    const float  *rows[STN_LADDER_CHANNELS + 1];

    n = stn_ladder_live_peek(m->live, stn_min(n, STN_LADDER_MIX_BLOCK), rows);
    what = stn_ladder_mix_weigh(m, rows[STN_LADDER_CHANNELS], n);

    if (what & STN_LADDER_MIX_HOLD) {
        stn_ladder_loop_render(&m->loop, m->live->pos, n, &pcm);

        if (what & STN_LADDER_MIX_LIVE) {
            stn_ladder_mix_blend(m, rows, &pcm);
        }

    } else {
        memset(&pcm, 0, sizeof(pcm));
        pcm.ch[0] = rows[0];
        pcm.ch[1] = rows[1];
        pcm.channels = STN_LADDER_CHANNELS;
        pcm.rate = STN_LADDER_RATE;
        pcm.n = n;
    }

    for (rc = STN_OK, i = 0; rc == STN_OK && i < m->n; i++) {
        rc = stn_ladder_rendition_feed(&m->renditions[i], &pcm);
    }

    stn_ladder_live_drop(m->live, n);

    return rc;
}


/* Finds the weights of the next n samples, mute allowed for.  Returns what
 * there is in them. */

static unsigned
stn_ladder_mix_weigh(stn_ladder_mix_t *m, const float *weight, size_t n)
{
    float     w;
    size_t    i;
    unsigned  what, live;

    what = 0;

    for (i = 0; i < n; i++) {
        w = stn_ladder_mix_mute(m) * (weight ? weight[i] : 0);
        live = w > 0.5f;

        m->weight[i] = w;
        m->heard += live;
        m->held += !live;
        m->holding = !live;

        what |= (w < 1 ? STN_LADDER_MIX_HOLD : 0)
                | (w > 0 ? STN_LADDER_MIX_LIVE : 0);

        stn_ladder_mix_note(m, m->live->pos + (int64_t) i, live);
    }

    return what;
}


/* The next sample's weight as far as mute is concerned. */

static float
stn_ladder_mix_mute(stn_ladder_mix_t *m)
{
    size_t  fade;

    fade = m->live->fade;

    if (m->muted) {
        m->muting += m->muting < fade;
    } else {
        m->muting -= m->muting > 0;
    }

    return 1 - (float) m->muting / (float) fade;
}


static void
stn_ladder_mix_note(stn_ladder_mix_t *m, int64_t pos, unsigned live)
{
    if (pos % STN_LADDER_MIX_SPAN == 0) {
        m->spans[pos / STN_LADDER_MIX_SPAN % STN_LADDER_MIX_SPANS]
            = (uint8_t) live;
    }
}


/* Mixes live audio into the hold audio in pcm, by the weights. */

static void
stn_ladder_mix_blend(stn_ladder_mix_t *m, const float *const *rows,
    stn_pcm_t *pcm)
{
    float     in, out;
    size_t    i;
    unsigned  ch;

    for (i = 0; i < pcm->n; i++) {
        in = sinf((float) M_PI_2 * m->weight[i]);
        out = cosf((float) M_PI_2 * m->weight[i]);

        for (ch = 0; ch < STN_LADDER_CHANNELS; ch++) {
            m->rows[ch][i] = rows[ch][i] * in + pcm->ch[ch][i] * out;
        }
    }

    for (ch = 0; ch < STN_LADDER_CHANNELS; ch++) {
        pcm->ch[ch] = m->rows[ch];
    }
}


int
stn_ladder_mix_next(stn_ladder_mix_t *m, stn_frame_t *f)
{
    int                      rc;
    unsigned                 i, live, first;
    stn_ladder_rendition_t  *r;

    /* the window's frames are all there: those of one time go together */

    for (first = 0, i = 1; i < m->n; i++) {
        if (m->renditions[i].pos < m->renditions[first].pos) {
            first = i;
        }
    }

    for (i = 0; i < m->n; i++) {
        r = &m->renditions[(first + i) % m->n];
        live = stn_ladder_mix_live(m, r);

        rc = stn_ladder_rendition_next(r, f);
        if (rc == STN_AGAIN) {
            continue;
        }

        f->rendition = (first + i) % m->n;
        f->live = live;

        return rc;
    }

    return STN_AGAIN;
}


/* Whether the middle of the next frame of r is live. */

static int
stn_ladder_mix_live(const stn_ladder_mix_t *m,
    const stn_ladder_rendition_t *r)
{
    int64_t  middle;

    if (r->pos < r->at) {
        return 0;
    }

    middle = r->pos + r->frame / 2;

    return m->spans[middle / STN_LADDER_MIX_SPAN % STN_LADDER_MIX_SPANS];
}


int64_t
stn_ladder_mix_wants(const stn_ladder_mix_t *m)
{
    int64_t   wants, least;
    unsigned  i;

    least = INT64_MAX;

    for (i = 0; i < m->n; i++) {
        wants = stn_ladder_rendition_wants(&m->renditions[i]);
        least = stn_min(least, wants);
    }

    return least;
}
