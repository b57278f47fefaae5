/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Makes loops (see stn_hold_loop.h).  The sound x[0..T) becomes a loop L of N
 * samples, whole frames, whose beginning is mixed with what follows N in x:
 *
 *     |x 0            fade          ...            N      N + fade <= T|
 *      \ mixed with x[N..) /  as it is             \ mixed into x[0..) /
 *
 * Encoded is x[0..N), then L over and over: all of it after fade is periodic,
 * so any N samples of it that lie some frames behind fade are the loop, each
 * frame between the neighbours that it will have.  Because T is not known
 * before its end, the encoder is kept far enough behind.
 */

#include "programme/stn_hold_loop.h"

#include "stn_buf.h"
#include "programme/stn_codec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* Frames that an encoder may owe at any time. */
#define STN_HOLD_LOOP_OWED  16

/* Bytes of a loop: STN_HOLD_MAX_S at half a megabit a second. */
#define STN_HOLD_LOOP_MAX  (STN_HOLD_MAX_S * (512 * 1000 / 8))

#define STN_HOLD_LOOP_FRAMES_MAX  (1 << 20)


struct stn_hold_loop_s {
    stn_encoder_t  *enc;
    volatile int   *stop;
    uint32_t        rate;
    uint32_t        frame;     /* samples */
    unsigned        channels;

    size_t          lead;      /* samples encoded before a frame is kept */
    size_t          fade;      /* samples */
    size_t          size;      /* of window and head, samples a channel */
    size_t          len;       /* in the window */
    float          *window;    /* the last that was fed, by channel */
    float          *head;      /* x[0..size); NULL: window has not moved */

    int64_t         encoded;   /* samples given to the encoder */
    int64_t         from;      /* kept are frames from here */
    int64_t         to;        /* up to here */
    stn_buf_t       bytes;
    stn_buf_t       offsets;   /* size_t each: where a frame begins */
};


static int stn_hold_loop_init(stn_hold_loop_t *l,
    const stn_hold_loop_conf_t *conf);
static int stn_hold_loop_aac(stn_hold_loop_t *l,
    const stn_hold_loop_conf_t *conf);
static int stn_hold_loop_opus(stn_hold_loop_t *l,
    const stn_hold_loop_conf_t *conf);
static void stn_hold_loop_take(stn_hold_loop_t *l, const stn_pcm_t *pcm,
    size_t from, size_t n);
static int stn_hold_loop_slide(stn_hold_loop_t *l);
static void stn_hold_loop_begin(stn_hold_loop_t *l, size_t fade);
static void stn_hold_loop_mix(stn_hold_loop_t *l, const float *end);
static int stn_hold_loop_round(stn_hold_loop_t *l, int64_t n);
static int stn_hold_loop_encode(stn_hold_loop_t *l, const float *from,
    size_t n);
static int stn_hold_loop_piece(stn_hold_loop_t *l, const float *from,
    size_t n);
static int stn_hold_loop_keep(stn_hold_loop_t *l, const stn_frame_t *f);
static int stn_hold_loop_give(stn_hold_loop_t *l, stn_hold_t *h);


int
stn_hold_loop_open(stn_hold_loop_t **loop, const stn_hold_loop_conf_t *conf)
{
    int               rc;
    stn_hold_loop_t  *l;

    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return STN_NOMEM;
    }

    rc = stn_hold_loop_init(l, conf);

    if (rc != STN_OK) {
        stn_hold_loop_close(l);
        return rc;
    }

    *loop = l;

    return STN_OK;
}


void
stn_hold_loop_close(stn_hold_loop_t *l)
{
    if (l == NULL) {
        return;
    }

    stn_encoder_close(l->enc);
    stn_buf_free(&l->bytes);
    stn_buf_free(&l->offsets);
    free(l->window);
    free(l->head);
    free(l);
}


uint32_t
stn_hold_loop_rate(const stn_hold_loop_t *l)
{
    return l->rate;
}


unsigned
stn_hold_loop_channels(const stn_hold_loop_t *l)
{
    return l->channels;
}


int
stn_hold_loop_feed(stn_hold_loop_t *l, const stn_pcm_t *pcm)
{
    int     rc;
    size_t  i, n;

    for (i = 0; i < pcm->n; i += n) {
        n = stn_min(pcm->n - i, l->size - l->len);
        stn_hold_loop_take(l, pcm, i, n);

        if (l->len == l->size) {
            rc = stn_hold_loop_slide(l);
            if (rc != STN_OK) {
                return rc;
            }
        }
    }

    return STN_OK;
}


int
stn_hold_loop_finish(stn_hold_loop_t *l, stn_hold_t *h)
{
    int      rc;
    int64_t  n, total;

    total = l->encoded + (int64_t) l->len;

    if (l->head == NULL) {
        stn_hold_loop_begin(l, stn_min(l->fade, l->len / 4));
    }

    n = total - (int64_t) l->fade;
    n -= n % l->frame;

    if (n < (int64_t) stn_max(l->fade, l->frame)) {
        return STN_ERROR;
    }

    l->to = l->from + n;
    l->len = (size_t) (n - l->encoded);

    rc = stn_hold_loop_encode(l, l->window, l->len);

    if (rc == STN_OK) {
        stn_hold_loop_mix(l, l->window + l->len);
        rc = stn_hold_loop_round(l, n);
    }

    return (rc == STN_OK) ? stn_hold_loop_give(l, h) : rc;
}


static int
stn_hold_loop_init(stn_hold_loop_t *l, const stn_hold_loop_conf_t *conf)
{
    int  rc;

    stn_buf_init(&l->bytes, STN_HOLD_LOOP_MAX);
    stn_buf_init(&l->offsets, STN_HOLD_LOOP_FRAMES_MAX * sizeof(size_t));
    l->stop = conf->stop;

    rc = (conf->format->codec == STN_CODEC_AAC)
         ? stn_hold_loop_aac(l, conf) : stn_hold_loop_opus(l, conf);

    if (rc != STN_OK) {
        return rc;
    }

    l->fade = (size_t) ((uint64_t) conf->fade_ms * l->rate / 1000);
    l->lead = conf->lead * l->frame;
    l->size = 4 * l->fade + l->lead + (STN_HOLD_LOOP_OWED + 2) * l->frame;

    l->window = calloc(l->size * l->channels, sizeof(float));

    return (l->window == NULL) ? STN_NOMEM : STN_OK;
}


static int
stn_hold_loop_aac(stn_hold_loop_t *l, const stn_hold_loop_conf_t *conf)
{
    int                  unsupported;
    const stn_format_t  *f = conf->format;

    static const uint8_t  channels[] = { 0, 1, 2, 3, 4, 5, 6, 8 };

    if (f->channel_config == 0 || f->channel_config >= stn_nelems(channels)) {
        return STN_UNSUPPORTED;
    }

    l->rate = f->core_rate;
    l->frame = f->core_frame;
    l->channels = channels[f->channel_config];

    unsupported = 0;
    l->enc = stn_encoder_open_like(f, conf->bitrate, 0, &unsupported);

    if (l->enc == NULL) {
        return unsupported ? STN_UNSUPPORTED : STN_NOMEM;
    }

    return STN_OK;
}


static int
stn_hold_loop_opus(stn_hold_loop_t *l, const stn_hold_loop_conf_t *conf)
{
    stn_encoder_conf_t   ec;
    const stn_format_t  *f = conf->format;

    if (f->codec != STN_CODEC_OPUS || f->rate != 48000
        || f->channels < 1 || f->channels > 2)
    {
        return STN_UNSUPPORTED;
    }

    memset(&ec, 0, sizeof(ec));

    ec.codec = STN_CODEC_OPUS;
    ec.rate = f->rate;
    ec.channels = f->channels;
    ec.bitrate = conf->bitrate;

    l->enc = stn_encoder_open(&ec, 0);
    if (l->enc == NULL) {
        return STN_NOMEM;
    }

    l->rate = f->rate;
    l->frame = stn_encoder_format(l->enc)->frame;
    l->channels = f->channels;

    return (f->frame == l->frame) ? STN_OK : STN_UNSUPPORTED;
}


static void
stn_hold_loop_take(stn_hold_loop_t *l, const stn_pcm_t *pcm, size_t from,
    size_t n)
{
    float     *to;
    unsigned   ch;

    for (ch = 0; ch < l->channels; ch++) {
        to = l->window + ch * l->size + l->len;

        if (ch < pcm->channels) {
            memcpy(to, pcm->ch[ch] + from, n * sizeof(float));
        } else {
            memset(to, 0, n * sizeof(float));
        }
    }

    l->len += n;
}


/*
 * The window is full: all but what may yet turn out to be the end goes to the
 * encoder.  The first time, it is remembered: the loop ends in it.
 */

static int
stn_hold_loop_slide(stn_hold_loop_t *l)
{
    int       rc;
    float    *w;
    size_t    n, left;
    unsigned  ch;

    if (l->head == NULL) {
        l->head = malloc(l->size * l->channels * sizeof(float));
        if (l->head == NULL) {
            return STN_NOMEM;
        }

        memcpy(l->head, l->window, l->size * l->channels * sizeof(float));
        stn_hold_loop_begin(l, l->fade);
    }

    left = l->fade + l->frame;
    n = l->size - left;

    rc = stn_hold_loop_encode(l, l->window, n);
    if (rc != STN_OK) {
        return rc;
    }

    for (ch = 0; ch < l->channels; ch++) {
        w = l->window + ch * l->size;
        memmove(w, w + n, left * sizeof(float));
    }

    l->len = left;

    return STN_OK;
}


static void
stn_hold_loop_begin(stn_hold_loop_t *l, size_t fade)
{
    l->fade = fade;
    l->from = (int64_t) (fade + l->lead);
    l->from += l->frame - 1;
    l->from -= l->from % l->frame;
    l->to = INT64_MAX;
}


/* Equal power: what sounds together there is not alike, as a rule. */

static void
stn_hold_loop_mix(stn_hold_loop_t *l, const float *end)
{
    float     *to, in, out;
    size_t     i;
    double     turn;
    unsigned   ch;

    to = l->head ? l->head : l->window;

    for (i = 0; i < l->fade; i++) {
        turn = M_PI / 2 * ((double) i + 0.5) / (double) l->fade;
        in = (float) sin(turn);
        out = (float) cos(turn);

        for (ch = 0; ch < l->channels; ch++) {
            to[ch * l->size + i] = to[ch * l->size + i] * in
                                   + end[ch * l->size + i] * out;
        }
    }
}


/*
 * Goes round the loop of n samples until its frames are complete.  What it
 * needs is in memory: the loop is, or as much of its beginning as it takes.
 */

static int
stn_hold_loop_round(stn_hold_loop_t *l, int64_t n)
{
    int           rc;
    size_t        at, piece;
    int64_t       most;
    const float  *loop;

    loop = l->head ? l->head : l->window;
    most = l->to + STN_HOLD_LOOP_OWED * l->frame;

    while (l->offsets.len < (size_t) n / l->frame * sizeof(size_t)) {
        if (l->encoded >= most) {
            return STN_ERROR;
        }

        at = (size_t) (l->encoded % n);
        piece = stn_min(l->frame, (size_t) n - at);

        rc = stn_hold_loop_encode(l, loop + at, piece);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


/* Encodes n samples of each channel, which are size apart; by frames, so that
 * it can be stopped. */

static int
stn_hold_loop_encode(stn_hold_loop_t *l, const float *from, size_t n)
{
    int     rc;
    size_t  piece;

    for ( ; n; from += piece, n -= piece) {
        if (l->stop && __atomic_load_n(l->stop, __ATOMIC_RELAXED)) {
            return STN_AGAIN;
        }

        piece = stn_min(n, l->frame);

        rc = stn_hold_loop_piece(l, from, piece);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


static int
stn_hold_loop_piece(stn_hold_loop_t *l, const float *from, size_t n)
{
    int          rc;
    unsigned     ch;
    stn_pcm_t    pcm;
    stn_frame_t  f;

    memset(&pcm, 0, sizeof(pcm));

    for (ch = 0; ch < l->channels; ch++) {
        pcm.ch[ch] = from + ch * l->size;
    }

    pcm.channels = l->channels;
    pcm.rate = l->rate;
    pcm.n = n;

    rc = stn_encoder_feed(l->enc, &pcm);
    if (rc != STN_OK) {
        return rc;
    }

    l->encoded += (int64_t) n;

    while ((rc = stn_encoder_next(l->enc, &f)) == STN_OK) {
        rc = stn_hold_loop_keep(l, &f);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return (rc == STN_AGAIN) ? STN_OK : rc;
}


static int
stn_hold_loop_keep(stn_hold_loop_t *l, const stn_frame_t *f)
{
    if (f->pos < l->from || f->pos >= l->to) {
        return STN_OK;
    }

    (void) stn_buf_put(&l->offsets, &l->bytes.len, sizeof(size_t));
    (void) stn_buf_put(&l->bytes, f->data, f->len);

    return l->offsets.failed ? l->offsets.failed : l->bytes.failed;
}


/* The buffers' memory becomes the loop's, cut to its size. */

static int
stn_hold_loop_give(stn_hold_loop_t *l, stn_hold_t *h)
{
    void  *p;

    h->frames = (uint32_t) (l->offsets.len / sizeof(size_t));

    if (stn_buf_put(&l->offsets, &l->bytes.len, sizeof(size_t)) != STN_OK) {
        return l->offsets.failed;
    }

    p = realloc(l->bytes.data, l->bytes.len);
    h->bytes = p ? p : l->bytes.data;

    p = realloc(l->offsets.data, l->offsets.len);
    h->offset = p ? p : (void *) l->offsets.data;

    stn_buf_init(&l->bytes, 0);
    stn_buf_init(&l->offsets, 0);

    return STN_OK;
}
