/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Planar floats from any rate and channels to one (see stn_codec.h), with
 * libswresample.  Its filter always runs, equal rates or not: only so can the
 * speed be changed at any time.  Sample 0 that comes out is sample 0 that
 * went in; the filter's delay is in what has not come out yet.
 *
 * libswresample takes its speed in coarse steps (a millionth or so) and for a
 * distance only; so the samples are counted, and before each run it is told
 * the speed that brings the count to what it should be.
 */

#include "programme/stn_codec.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* How much faster or slower than told, in millionths, for each sample that
 * the count is off; and at most. */
#define STN_RESAMPLER_PULL      50.0
#define STN_RESAMPLER_PULL_MAX  20.0

/* The most that may be asked for. */
#define STN_RESAMPLER_PPM_MAX  2000.0

/* The distance for which libswresample is told a speed: far more than one
 * run, and small enough that speed times distance stays an int. */
#define STN_RESAMPLER_DISTANCE  1000000000

/* Samples a channel that are taken at once. */
#define STN_RESAMPLER_INPUT_MAX  (1024 * 1024)

/* No sound card is faster. */
#define STN_RESAMPLER_RATE_MAX  768000

/* Delays are asked for in parts of a sample. */
#define STN_RESAMPLER_FINE  4096

/* ITU-R BS.775: -3 dB. */
#define STN_RESAMPLER_3DB  0.70710678118654752


struct stn_resampler_s {
    uint32_t     rate;
    unsigned     channels;      /* 0: as many as come in */
    SwrContext  *swr;           /* for what is in "in" */
    stn_pcm_t    in;            /* what came last: rate, channels, layout */
    double       ppm;
    unsigned     steered;       /* boolean: ppm has not always been 0 */
    double       owed;          /* samples that should have come out and have
                                   not, the filter's delay allowed for */
    float       *buffer;        /* STN_PCM_CHANNELS_MAX rows of room */
    size_t       room;          /* samples a row */
    stn_pcm_t    out;           /* what is in it */
};


static int stn_resampler_enter(stn_resampler_t *r, const stn_pcm_t *in);
static int stn_resampler_drain(stn_resampler_t *r);
static int stn_resampler_create(stn_resampler_t *r);
static int stn_resampler_layouts(const stn_resampler_t *r,
    AVChannelLayout *from, AVChannelLayout *to);
static int stn_resampler_mix(stn_resampler_t *r, const AVChannelLayout *from,
    unsigned channels);
static void stn_resampler_weigh(enum AVChannel ch, double *left,
    double *right);
static int stn_resampler_steer(stn_resampler_t *r);
static int stn_resampler_convert(stn_resampler_t *r, const stn_pcm_t *in);
static int stn_resampler_grow(stn_resampler_t *r, size_t n);
static double stn_resampler_inside(const stn_resampler_t *r);


stn_resampler_t *
stn_resampler_open(uint32_t rate, unsigned channels)
{
    stn_resampler_t  *r;

    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }

    r->rate = rate;
    r->channels = channels;

    return r;
}


void
stn_resampler_close(stn_resampler_t *r)
{
    if (r == NULL) {
        return;
    }

    swr_free(&r->swr);
    free(r->buffer);
    free(r);
}


int
stn_resampler_run(stn_resampler_t *r, const stn_pcm_t *in, stn_pcm_t *out)
{
    int       rc;
    unsigned  ch;

    r->out.n = 0;

    if (in->n > STN_RESAMPLER_INPUT_MAX) {
        return STN_ERROR;
    }

    rc = stn_resampler_enter(r, in);

    if (rc == STN_OK) {
        rc = stn_resampler_steer(r);
    }

    /* libswresample would take nothing for the end */

    if (rc == STN_OK && in->n) {
        rc = stn_resampler_convert(r, in);
    }

    if (rc != STN_OK) {
        return rc;
    }

    for (ch = 0; ch < r->out.channels; ch++) {
        r->out.ch[ch] = r->buffer + ch * r->room;
    }

    *out = r->out;

    return STN_OK;
}


int
stn_resampler_adjust(stn_resampler_t *r, double ppm)
{
    if (!(fabs(ppm) <= STN_RESAMPLER_PPM_MAX)) {
        return STN_ERROR;
    }

    r->ppm = ppm;
    r->steered = r->steered || ppm != 0;

    return STN_OK;
}


/* Makes the filter fit for what comes in; what was in the old one still comes
 * out. */

static int
stn_resampler_enter(stn_resampler_t *r, const stn_pcm_t *in)
{
    int  rc;

    if (r->swr && r->in.rate == in->rate && r->in.channels == in->channels
        && r->in.layout == in->layout)
    {
        return STN_OK;
    }

    if (in->rate == 0 || in->rate > STN_RESAMPLER_RATE_MAX
        || in->channels < 1 || in->channels > STN_PCM_CHANNELS_MAX)
    {
        return STN_ERROR;
    }

    rc = r->swr ? stn_resampler_drain(r) : STN_OK;
    swr_free(&r->swr);

    if (rc != STN_OK) {
        return rc;
    }

    r->in = *in;
    r->owed = 0;

    rc = stn_resampler_create(r);
    if (rc != STN_OK) {
        swr_free(&r->swr);
    }

    return rc;
}


/* What the filter still holds, unless channels change: rows of other channels
 * do not join. */

static int
stn_resampler_drain(stn_resampler_t *r)
{
    stn_pcm_t  none;

    if (r->channels == 0) {
        return STN_OK;
    }

    memset(&none, 0, sizeof(none));

    return stn_resampler_convert(r, &none);
}


static int
stn_resampler_create(stn_resampler_t *r)
{
    int              rc;
    AVChannelLayout  from, to;

    memset(&from, 0, sizeof(from));
    memset(&to, 0, sizeof(to));

    rc = stn_resampler_layouts(r, &from, &to);

    if (rc == STN_OK
        && swr_alloc_set_opts2(&r->swr, &to, AV_SAMPLE_FMT_FLTP, (int) r->rate,
                               &from, AV_SAMPLE_FMT_FLTP, (int) r->in.rate,
                               0, NULL) < 0)
    {
        rc = STN_NOMEM;
    }

    if (rc == STN_OK) {
        r->out.rate = r->rate;
        r->out.channels = (unsigned) to.nb_channels;
        r->out.layout = to.order == AV_CHANNEL_ORDER_NATIVE ? to.u.mask : 0;

        av_opt_set_int(r->swr, "flags", SWR_FLAG_RESAMPLE, 0);
        av_opt_set_int(r->swr, "linear_interp", 1, 0);

        rc = r->channels ? stn_resampler_mix(r, &from, r->channels) : STN_OK;
    }

    if (rc == STN_OK && swr_init(r->swr) < 0) {
        rc = STN_ERROR;
    }

    av_channel_layout_uninit(&from);
    av_channel_layout_uninit(&to);

    return rc;
}


static int
stn_resampler_layouts(const stn_resampler_t *r, AVChannelLayout *from,
    AVChannelLayout *to)
{
    if (r->in.layout == 0
        || av_channel_layout_from_mask(from, r->in.layout) < 0
        || from->nb_channels != (int) r->in.channels)
    {
        av_channel_layout_uninit(from);
        av_channel_layout_default(from, (int) r->in.channels);
    }

    if (r->channels) {
        av_channel_layout_default(to, (int) r->channels);
        return STN_OK;
    }

    return av_channel_layout_copy(to, from) < 0 ? STN_NOMEM : STN_OK;
}


/* The mix to one or two channels, so that the loudest that may come in is the
 * loudest that may come out. */

static int
stn_resampler_mix(stn_resampler_t *r, const AVChannelLayout *from,
    unsigned channels)
{
    int       i;
    double    left, right, most;
    double    sum[2] = { 0, 0 };
    double    matrix[2 * STN_PCM_CHANNELS_MAX];

    for (i = 0; i < from->nb_channels; i++) {
        stn_resampler_weigh(av_channel_layout_channel_from_index(from,
                                                         (unsigned) i),
                            &left, &right);

        matrix[i] = channels == 1 ? left + right : left;
        matrix[from->nb_channels + i] = right;

        sum[0] += matrix[i];
        sum[1] += right;
    }

    most = stn_max(sum[0], sum[1]);

    for (i = 0; most > 0 && i < (int) stn_nelems(matrix); i++) {
        matrix[i] /= most;
    }

    return swr_set_matrix(r->swr, matrix, from->nb_channels) < 0 ? STN_ERROR
                                                                 : STN_OK;
}


/* How much of a channel goes to the left and to the right: ITU-R BS.775-4
 * annex 4; low frequency effects are left out. */

static void
stn_resampler_weigh(enum AVChannel ch, double *left, double *right)
{
    *left = 0;
    *right = 0;

    switch (ch) {

    case AV_CHAN_FRONT_LEFT:
    case AV_CHAN_FRONT_LEFT_OF_CENTER:
        *left = 1;
        break;

    case AV_CHAN_FRONT_RIGHT:
    case AV_CHAN_FRONT_RIGHT_OF_CENTER:
        *right = 1;
        break;

    case AV_CHAN_FRONT_CENTER:
        *left = STN_RESAMPLER_3DB;
        *right = STN_RESAMPLER_3DB;
        break;

    case AV_CHAN_BACK_LEFT:
    case AV_CHAN_SIDE_LEFT:
        *left = STN_RESAMPLER_3DB;
        break;

    case AV_CHAN_BACK_RIGHT:
    case AV_CHAN_SIDE_RIGHT:
        *right = STN_RESAMPLER_3DB;
        break;

    case AV_CHAN_BACK_CENTER:
        *left = 0.5;
        *right = 0.5;
        break;

    default:
        break;
    }
}


/* Tells the speed for the run that follows. */

static int
stn_resampler_steer(stn_resampler_t *r)
{
    double  ppm, pull;

    if (!r->steered) {
        return STN_OK;
    }

    pull = r->owed * STN_RESAMPLER_PULL;
    pull = fmax(-STN_RESAMPLER_PULL_MAX, fmin(STN_RESAMPLER_PULL_MAX, pull));
    ppm = r->ppm + pull;

    return swr_set_compensation(r->swr,
                                (int) lrint(ppm * STN_RESAMPLER_DISTANCE
                                            / 1e6),
                                STN_RESAMPLER_DISTANCE) < 0 ? STN_ERROR
                                                            : STN_OK;
}


/* Runs in through the filter, or for n 0 all that the filter holds, and puts
 * it behind what is in the buffer. */

static int
stn_resampler_convert(stn_resampler_t *r, const stn_pcm_t *in)
{
    int       n, most;
    double    inside;
    unsigned  ch;
    uint8_t  *to[STN_PCM_CHANNELS_MAX];

    most = swr_get_out_samples(r->swr, (int) in->n);
    if (most < 0) {
        return STN_ERROR;
    }

    if (stn_resampler_grow(r, r->out.n + (size_t) most) != STN_OK) {
        return STN_NOMEM;
    }

    for (ch = 0; ch < r->out.channels; ch++) {
        to[ch] = (uint8_t *) (r->buffer + ch * r->room + r->out.n);
    }

    inside = stn_resampler_inside(r);

    n = swr_convert(r->swr, to, most,
                    in->n ? (const uint8_t **) in->ch : NULL, (int) in->n);
    if (n < 0) {
        return STN_ERROR;
    }

    r->out.n += (size_t) n;
    r->owed += (double) in->n * r->rate / r->in.rate * (1 + r->ppm / 1e6)
               - n - (stn_resampler_inside(r) - inside);

    return STN_OK;
}


/* Makes room for n samples a row, and moves the rows there are. */

static int
stn_resampler_grow(stn_resampler_t *r, size_t n)
{
    float     *p;
    unsigned   ch;

    if (n <= r->room) {
        return STN_OK;
    }

    p = malloc(n * STN_PCM_CHANNELS_MAX * sizeof(*p));
    if (p == NULL) {
        return STN_NOMEM;
    }

    for (ch = 0; r->out.n && ch < r->out.channels; ch++) {
        memcpy(p + ch * n, r->buffer + ch * r->room,
               r->out.n * sizeof(*p));
    }

    free(r->buffer);
    r->buffer = p;
    r->room = n;

    return STN_OK;
}


/* Samples, of what comes out, that the filter holds. */

static double
stn_resampler_inside(const stn_resampler_t *r)
{
    return (double) swr_get_delay(r->swr,
                                  (int64_t) r->rate * STN_RESAMPLER_FINE)
           / STN_RESAMPLER_FINE;
}
