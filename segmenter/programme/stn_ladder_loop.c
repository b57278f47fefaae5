/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Renders hold audio (see stn_ladder_loop.h).  Frame n of a loop is what a
 * decoder gives back for samples n * 1024 and on, once it has heard the frames
 * before that.  The frame decoded last stays in its decoder's memory; it is
 * all that is ever held.
 */

#include "programme/stn_ladder_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define STN_LADDER_LOOP_RATE      48000
#define STN_LADDER_LOOP_CHANNELS  2

/* Frames that are decoded before the first one that is heard. */
#define STN_LADDER_LOOP_LEAD  2


static void stn_ladder_loop_keep(stn_ladder_loop_t *o, int64_t pos);
static float *stn_ladder_loop_row(const stn_ladder_loop_t *o, unsigned ch);
static float *stn_ladder_loop_tail(const stn_ladder_loop_t *o, unsigned ch);
static void stn_ladder_loop_frame(stn_ladder_loop_t *o, int64_t n);
static void stn_ladder_loop_decode(stn_ladder_loop_t *o, int64_t n);
static void stn_ladder_loop_mix(stn_ladder_loop_t *o, int64_t pos, size_t n);


int
stn_ladder_loop_init(stn_ladder_loop_t *o, size_t fade)
{
    memset(o, 0, sizeof(*o));

    o->at = -1;
    o->fade = fade;
    o->rows = calloc((STN_LADDER_LOOP_BLOCK + fade)
                     * STN_LADDER_LOOP_CHANNELS, sizeof(float));

    return o->rows ? STN_OK : STN_NOMEM;
}


void
stn_ladder_loop_free(stn_ladder_loop_t *o)
{
    stn_decoder_close(o->decoder);
    free(o->rows);
    memset(o, 0, sizeof(*o));
}


int
stn_ladder_loop_play(stn_ladder_loop_t *o, const stn_hold_t *hold,
    const stn_format_t *format, int64_t pos)
{
    stn_decoder_t  *d;

    if (format->codec != STN_CODEC_AAC || hold->frames == 0
        || format->rate != STN_LADDER_LOOP_RATE
        || format->frame != STN_LADDER_LOOP_FRAME)
    {
        return STN_UNSUPPORTED;
    }

    d = stn_decoder_open(format);
    if (d == NULL) {
        return STN_NOMEM;
    }

    if (pos >= 0 && o->decoder) {
        stn_ladder_loop_keep(o, pos);
    }

    stn_decoder_close(o->decoder);

    o->decoder = d;
    o->hold = hold;
    o->at = -1;

    return STN_OK;
}


/* Renders what the loop would have gone on with. */

static void
stn_ladder_loop_keep(stn_ladder_loop_t *o, int64_t pos)
{
    size_t     i, n;
    unsigned   ch;
    stn_pcm_t  pcm;

    /* the end of an earlier one may be in it, read before it is written */

    for (i = 0; i < o->fade; i += n) {
        n = stn_min(o->fade - i, STN_LADDER_LOOP_BLOCK);
        stn_ladder_loop_render(o, pos + (int64_t) i, n, &pcm);

        for (ch = 0; ch < STN_LADDER_LOOP_CHANNELS; ch++) {
            memcpy(stn_ladder_loop_tail(o, ch) + i, pcm.ch[ch],
                   n * sizeof(float));
        }
    }

    o->tail = pos;
    o->tailed = 1;
}


void
stn_ladder_loop_render(stn_ladder_loop_t *o, int64_t pos, size_t n,
    stn_pcm_t *pcm)
{
    float     *to;
    size_t     i, k, in;
    unsigned   ch, from;

    for (i = 0; i < n; i += k) {
        stn_ladder_loop_frame(o, (pos + (int64_t) i)
                                 / STN_LADDER_LOOP_FRAME);

        in = (size_t) ((pos + (int64_t) i) % STN_LADDER_LOOP_FRAME);
        k = stn_min(n - i, STN_LADDER_LOOP_FRAME - in);

        for (ch = 0; ch < STN_LADDER_LOOP_CHANNELS; ch++) {
            to = stn_ladder_loop_row(o, ch) + i;
            from = ch < o->pcm.channels ? ch : 0;

            if (o->pcm.n == STN_LADDER_LOOP_FRAME) {
                memcpy(to, o->pcm.ch[from] + in, k * sizeof(float));
            } else {
                memset(to, 0, k * sizeof(float));
            }
        }
    }

    stn_ladder_loop_mix(o, pos, n);

    memset(pcm, 0, sizeof(*pcm));
    pcm->rate = STN_LADDER_LOOP_RATE;
    pcm->channels = STN_LADDER_LOOP_CHANNELS;
    pcm->n = n;

    for (ch = 0; ch < STN_LADDER_LOOP_CHANNELS; ch++) {
        pcm->ch[ch] = stn_ladder_loop_row(o, ch);
    }
}


static float *
stn_ladder_loop_row(const stn_ladder_loop_t *o, unsigned ch)
{
    return o->rows + ch * STN_LADDER_LOOP_BLOCK;
}


static float *
stn_ladder_loop_tail(const stn_ladder_loop_t *o, unsigned ch)
{
    return o->rows + STN_LADDER_LOOP_CHANNELS * STN_LADDER_LOOP_BLOCK
           + ch * o->fade;
}


/* Has frame n decoded. */

static void
stn_ladder_loop_frame(stn_ladder_loop_t *o, int64_t n)
{
    int64_t  lead;

    if (n == o->at) {
        return;
    }

    if (o->at == -1 || n != o->at + 1) {
        stn_decoder_flush(o->decoder);

        for (lead = STN_LADDER_LOOP_LEAD; lead > 0; lead--) {
            stn_ladder_loop_decode(o, n - lead);
        }
    }

    stn_ladder_loop_decode(o, n);
}


static void
stn_ladder_loop_decode(stn_ladder_loop_t *o, int64_t n)
{
    size_t          len;
    const uint8_t  *data;

    data = stn_hold_frame(o->hold, (uint64_t) n, &len);

    if (stn_decoder_feed(o->decoder, data, len, &o->pcm) != STN_OK) {
        o->pcm.n = 0;
    }

    o->at = n;
}


/* Mixes in the end of the loop before, if any of it belongs here. */

static void
stn_ladder_loop_mix(stn_ladder_loop_t *o, int64_t pos, size_t n)
{
    float     *to, out, in;
    size_t     i, at;
    unsigned   ch;

    if (!o->tailed || pos + (int64_t) n <= o->tail) {
        return;
    }

    if (pos >= o->tail + (int64_t) o->fade) {
        o->tailed = 0;
        return;
    }

    for (i = 0; i < n; i++) {
        at = (size_t) (pos + (int64_t) i - o->tail);

        if (at >= o->fade) {
            continue;
        }

        in = sinf((float) M_PI_2 * ((float) at + 0.5f) / (float) o->fade);
        out = cosf((float) M_PI_2 * ((float) at + 0.5f) / (float) o->fade);

        for (ch = 0; ch < STN_LADDER_LOOP_CHANNELS; ch++) {
            to = stn_ladder_loop_row(o, ch) + i;
            *to = *to * in + stn_ladder_loop_tail(o, ch)[at] * out;
        }
    }
}
