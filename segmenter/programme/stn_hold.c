/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hold audio (see stn_hold.h): the built-in chord, and what becomes of a file.
 * Every tone of the chord has a whole number of cycles in the loop, so it is
 * periodic as it is; a file is made so by stn_hold_loop.  Runs on a live
 * thread or one of its own; the caller owns the loop.
 */

#include "programme/stn_hold.h"

#include "programme/stn_codec.h"
#include "programme/stn_hold_loop.h"
#include "programme/stn_hold_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Frames in the loop of comfort: two seconds at 48 kHz. */
#define STN_HOLD_COMFORT_FRAMES  96

#define STN_HOLD_COMFORT_BITRATE  24000    /* per channel */

/* Frames before one is kept.  libavcodec's AAC encoder spends too much on the
 * first sound it hears, and repents for up to 250 frames; soft chords do not
 * show it, and are made for every stream. */
#define STN_HOLD_LEAD          288
#define STN_HOLD_COMFORT_LEAD  128

/* Peak of one tone: the sum stays near -42 dBFS RMS, soft but never silent. */
#define STN_HOLD_COMFORT_LEVEL  0.006

/* libav has low frequencies fourth, in all that have them (5.1 and 7.1). */
#define STN_HOLD_LFE           3
#define STN_HOLD_LFE_CHANNELS  6


/* A file on its way to become a loop. */

typedef struct {
    stn_hold_source_t  *source;
    stn_resampler_t    *resampler;   /* NULL: nothing to convert so far */
    stn_hold_loop_t    *loop;
    unsigned            channels;    /* wanted; 0: as many as there are */
    const char         *reason;
} stn_hold_work_t;


static int stn_hold_silence(stn_hold_t *h, const stn_format_t *f);
static int stn_hold_chord(stn_hold_loop_t *l, size_t n);
static void stn_hold_tones(float *to, size_t n, uint32_t rate);
static int stn_hold_run(stn_hold_work_t *w);
static unsigned stn_hold_channels(const stn_hold_work_t *w);
static int stn_hold_fit(stn_hold_work_t *w, const stn_pcm_t *in);
static int stn_hold_result(const stn_hold_work_t *w, int rc,
    const char **reason);


/* An open chord on A: note and how often it swells in a loop. */

static const struct {
    double    hz;
    unsigned  swells;
} stn_hold_notes[] = {
    { 110.0, 1 }, { 164.8, 2 }, { 220.0, 1 }, { 277.2, 3 }, { 329.6, 2 },
};


int
stn_hold_comfort(stn_hold_t *h, const stn_format_t *f)
{
    int                   rc;
    stn_hold_loop_t      *l;
    stn_hold_loop_conf_t  conf;

    memset(h, 0, sizeof(*h));
    memset(&conf, 0, sizeof(conf));

    conf.format = f;
    conf.bitrate = STN_HOLD_COMFORT_BITRATE * f->channels;
    conf.lead = STN_HOLD_COMFORT_LEAD;

    rc = stn_hold_loop_open(&l, &conf);

    if (rc != STN_OK) {
        return (rc == STN_UNSUPPORTED) ? stn_hold_silence(h, f) : rc;
    }

    rc = stn_hold_chord(l, STN_HOLD_COMFORT_FRAMES
                           * (f->codec == STN_CODEC_AAC ? f->core_frame
                                                        : f->frame));
    if (rc == STN_OK) {
        rc = stn_hold_loop_finish(l, h);
    }

    stn_hold_loop_close(l);

    return (rc == STN_OK || rc == STN_NOMEM) ? rc : STN_UNSUPPORTED;
}


int
stn_hold_file(stn_hold_t *h, const stn_hold_conf_t *conf, const char **reason)
{
    int                   rc;
    stn_hold_work_t       w;
    stn_hold_loop_conf_t  lc;

    memset(h, 0, sizeof(*h));
    memset(&w, 0, sizeof(w));

    lc.format = conf->format;
    lc.bitrate = conf->bitrate;
    lc.fade_ms = STN_HOLD_FADE_MS;
    lc.lead = STN_HOLD_LEAD;
    lc.stop = conf->stop;

    rc = stn_hold_loop_open(&w.loop, &lc);

    if (rc == STN_OK) {
        rc = stn_hold_source_open(&w.source, conf->data, conf->len,
                                  conf->stop, &w.reason);
    }

    if (rc == STN_OK) {
        rc = stn_hold_run(&w);
    }

    if (rc == STN_OK) {
        rc = stn_hold_loop_finish(w.loop, h);
    }

    stn_hold_source_close(w.source);
    stn_resampler_close(w.resampler);
    stn_hold_loop_close(w.loop);

    return stn_hold_result(&w, rc, reason);
}


int
stn_hold_check(const uint8_t *data, size_t len, uint32_t *ms,
    const char **reason)
{
    int              rc;
    stn_pcm_t        pcm;
    stn_hold_work_t  w;

    memset(&w, 0, sizeof(w));

    rc = stn_hold_source_open(&w.source, data, len, NULL, &w.reason);

    if (rc == STN_OK) {
        do {
            rc = stn_hold_source_next(w.source, &pcm, &w.reason);
        } while (rc == STN_OK && pcm.n);
    }

    if (rc == STN_OK) {
        rc = stn_hold_source_verdict(w.source, ms, &w.reason);
    }

    stn_hold_source_close(w.source);

    return stn_hold_result(&w, rc, reason);
}


void
stn_hold_free(stn_hold_t *h)
{
    free(h->bytes);
    free(h->offset);
    memset(h, 0, sizeof(*h));
}


const uint8_t *
stn_hold_frame(const stn_hold_t *h, uint64_t n, size_t *len)
{
    n %= h->frames;
    *len = h->offset[n + 1] - h->offset[n];

    return h->bytes + h->offset[n];
}


static int
stn_hold_silence(stn_hold_t *h, const stn_format_t *f)
{
    if (f->filler_len == 0) {
        return STN_UNSUPPORTED;
    }

    h->bytes = malloc(f->filler_len);
    h->offset = calloc(2, sizeof(*h->offset));

    if (h->bytes == NULL || h->offset == NULL) {
        stn_hold_free(h);
        return STN_NOMEM;
    }

    memcpy(h->bytes, f->filler, f->filler_len);
    h->offset[1] = f->filler_len;
    h->frames = 1;

    return STN_OK;
}


/* Feeds n samples of the chord, the same in all channels but that of low
 * frequencies. */

static int
stn_hold_chord(stn_hold_loop_t *l, size_t n)
{
    int        rc;
    float     *tones;
    unsigned   ch;
    stn_pcm_t  pcm;

    /* and as many of silence */

    tones = calloc(2 * n, sizeof(*tones));
    if (tones == NULL) {
        return STN_NOMEM;
    }

    memset(&pcm, 0, sizeof(pcm));
    pcm.rate = stn_hold_loop_rate(l);
    pcm.channels = stn_hold_loop_channels(l);
    pcm.n = n;

    for (ch = 0; ch < pcm.channels; ch++) {
        pcm.ch[ch] = tones;
    }

    if (pcm.channels >= STN_HOLD_LFE_CHANNELS) {
        pcm.ch[STN_HOLD_LFE] = tones + n;
    }

    stn_hold_tones(tones, n, pcm.rate);
    rc = stn_hold_loop_feed(l, &pcm);
    free(tones);

    return rc;
}


static void
stn_hold_tones(float *to, size_t n, uint32_t rate)
{
    double  turn, cycles, swell;
    size_t  i, k;

    for (k = 0; k < stn_nelems(stn_hold_notes); k++) {
        cycles = floor(stn_hold_notes[k].hz * (double) n / rate + 0.5);

        for (i = 0; i < n; i++) {
            turn = 2 * M_PI * (double) i / (double) n;
            swell = 0.7 + 0.3 * cos(turn * stn_hold_notes[k].swells
                                    + (double) k);
            to[i] += (float) (STN_HOLD_COMFORT_LEVEL * swell
                              * sin(turn * cycles));
        }
    }
}


/* Feeds the loop all of the file, and tells whether it was any good. */

static int
stn_hold_run(stn_hold_work_t *w)
{
    int        rc;
    uint32_t   ms;
    stn_pcm_t  pcm;

    w->channels = stn_hold_channels(w);

    for ( ;; ) {
        rc = stn_hold_source_next(w->source, &pcm, &w->reason);

        if (rc == STN_OK && pcm.n == 0) {
            return stn_hold_source_verdict(w->source, &ms, &w->reason);
        }

        if (rc == STN_OK) {
            rc = stn_hold_fit(w, &pcm);
        }

        if (rc != STN_OK) {
            return rc;
        }
    }
}


/* Surround goes to surround of the same kind, or else to the front speakers
 * only. */

static unsigned
stn_hold_channels(const stn_hold_work_t *w)
{
    unsigned  channels;

    channels = stn_hold_loop_channels(w->loop);

    if (channels <= 2) {
        return channels;
    }

    return channels >= STN_HOLD_LFE_CHANNELS
           && channels == stn_hold_source_channels(w->source) ? 0 : 2;
}


/* Feeds what is as it should be without a detour, but never past samples that
 * are still in the resampler. */

static int
stn_hold_fit(stn_hold_work_t *w, const stn_pcm_t *in)
{
    int        rc;
    uint32_t   rate;
    stn_pcm_t  pcm;

    rate = stn_hold_loop_rate(w->loop);

    if (w->resampler == NULL && in->rate == rate
        && (w->channels == 0 || in->channels == w->channels))
    {
        return stn_hold_loop_feed(w->loop, in);
    }

    if (w->resampler == NULL) {
        w->resampler = stn_resampler_open(rate, w->channels);
        if (w->resampler == NULL) {
            return STN_NOMEM;
        }
    }

    rc = stn_resampler_run(w->resampler, in, &pcm);

    return (rc == STN_OK) ? stn_hold_loop_feed(w->loop, &pcm) : rc;
}


/* What the caller gets for rc; whatever fails has its reason. */

static int
stn_hold_result(const stn_hold_work_t *w, int rc, const char **reason)
{
    switch (rc) {

    case STN_ERROR:
        *reason = w->reason ? w->reason : "cannot be encoded";
        break;

    case STN_LIMIT:
        *reason = "makes too large a loop";
        return STN_ERROR;

    case STN_NOMEM:
        *reason = "needs more memory than there is";
        break;

    case STN_UNSUPPORTED:
        *reason = "cannot be encoded for such a stream";
        break;

    default:
        break;
    }

    return rc;
}
