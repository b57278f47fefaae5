/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The meter (see stn_level.h).  Samples are gathered, checked, into a block
 * of 100 ms; a full block is measured and moves the alarms.  What is told of
 * the last seconds comes from rings with a place for each block, so
 * libebur128 keeps 400 ms of audio instead of 3 s, and blocks of different
 * rates stand side by side.  Integrated loudness is its histogram, which has
 * the same size after days.  The meter owns all memory.
 */

#include "programme/stn_level.h"
#include "programme/stn_level_alarm.h"
#include "programme/stn_peak.h"

#include <ebur128.h>
#include <libavutil/channel_layout.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define STN_LEVEL_MODE  (EBUR128_MODE_M | EBUR128_MODE_I                      \
                         | EBUR128_MODE_HISTOGRAM)

/* Blocks that make 400 ms and 3 s. */
#define STN_LEVEL_MOMENTARY   4
#define STN_LEVEL_SHORT_TERM  30

/* From here on a sample is at full scale: 16 bits reach 32767 / 32768, and
 * what a decoder makes of clipped audio varies a little. */
#define STN_LEVEL_CLIP  0.999f

/* Beyond this a sample is no audio.  One that is not finite would stay in
 * libebur128's recursive filters for ever. */
#define STN_LEVEL_ABSURD  16.0f

/* Below this, 300 dB under full scale, a sample is silence: what rings on in
 * a decoder's filters ends in subnormal numbers, which some processors are
 * very slow with. */
#define STN_LEVEL_TINY  1e-15f

/* BS.1770's loudness of a mean square of 1, behind its filter. */
#define STN_LEVEL_OFFSET  -0.691


typedef struct {
    double    sum;               /* of squares, in the block so far */
    double    fed;               /* of squares, of this feed */
    unsigned  run;               /* samples at full scale up to here */
} stn_level_channel_t;


struct stn_level_s {
    uint32_t             rate;
    unsigned             channels;    /* 0: no audio yet */
    uint64_t             layout;

    ebur128_state       *ebur;
    float               *block;       /* by channel, then interleaved */
    size_t               size;        /* samples a channel in a block */
    size_t               fill;        /* of them, there */
    stn_level_channel_t  ch[STN_PCM_CHANNELS_MAX];
    uint32_t             clips;       /* runs at full scale in the block */

    uint64_t             blocks;      /* measured since the reset */
    int32_t              rms[STN_PCM_CHANNELS_MAX];
    double               energy[STN_LEVEL_SHORT_TERM];
    float                peak[STN_LEVEL_SHORT_TERM];
    float                max_peak;
    stn_peak_t           interpolator;
    uint64_t             clipped;
    stn_level_alarm_t    alarm;
    int32_t              last;
};


static unsigned stn_level_differs(const stn_level_t *l, const stn_pcm_t *pcm);
static unsigned stn_level_supported(const stn_pcm_t *pcm);
static int stn_level_change(stn_level_t *l, const stn_pcm_t *pcm);
static int stn_level_change_ebur(stn_level_t *l, const stn_pcm_t *pcm);
static uint64_t stn_level_layout(const stn_pcm_t *pcm);
static void stn_level_place(ebur128_state *ebur, uint64_t layout);
static int stn_level_weight(uint64_t layout, uint64_t place);
static float *stn_level_channel(const stn_level_t *l, unsigned c);
static void stn_level_gather(stn_level_t *l, unsigned c, const float *from,
    size_t n);
static float stn_level_sane(float x);
static void stn_level_fed(stn_level_t *l, size_t n);
static void stn_level_block(stn_level_t *l);
static double stn_level_block_energy(stn_level_t *l);
static float stn_level_block_peak(stn_level_t *l);
static void stn_level_next_block(stn_level_t *l);
static void stn_level_floor(int32_t *rms);
static int32_t stn_level_true_peak(const stn_level_t *l);
static int32_t stn_level_loudness(const stn_level_t *l, unsigned blocks);
static int32_t stn_level_integrated(const stn_level_t *l);
static int32_t stn_level_peak(double peak);
static int32_t stn_level_square(double mean);
static int32_t stn_level_db(double db);


stn_level_t *
stn_level_open(const stn_level_conf_t *conf)
{
    stn_level_t  *l;

    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }

    stn_level_alarm_init(&l->alarm, conf);
    stn_peak_init(&l->interpolator);
    stn_level_floor(l->rms);
    l->last = STN_LEVEL_FLOOR;

    return l;
}


void
stn_level_close(stn_level_t *l)
{
    if (l == NULL) {
        return;
    }

    if (l->ebur) {
        ebur128_destroy(&l->ebur);
    }

    free(l->block);
    free(l);
}


void
stn_level_reset(stn_level_t *l)
{
    stn_level_t  fresh;

    if (l->ebur) {
        ebur128_destroy(&l->ebur);
    }

    memset(&fresh, 0, sizeof(fresh));

    stn_level_alarm_reset(&l->alarm);
    stn_level_floor(fresh.rms);

    fresh.block = l->block;
    fresh.alarm = l->alarm;
    fresh.interpolator = l->interpolator;
    fresh.last = STN_LEVEL_FLOOR;

    *l = fresh;
}


void
stn_level_forget(stn_level_t *l)
{
    l->alarm.alarms &= ~STN_LEVEL_DEAD;
}


int
stn_level_feed(stn_level_t *l, const stn_pcm_t *pcm)
{
    int       rc;
    size_t    at, n;
    unsigned  c;

    if (pcm->n == 0) {
        return STN_OK;
    }

    if (stn_level_differs(l, pcm)) {
        rc = stn_level_change(l, pcm);
        if (rc != STN_OK) {
            return rc;
        }
    }

    for (at = 0; at < pcm->n; at += n) {
        n = stn_min(pcm->n - at, l->size - l->fill);

        for (c = 0; c < l->channels; c++) {
            stn_level_gather(l, c, pcm->ch[c] + at, n);
        }

        l->fill += n;

        if (l->fill == l->size) {
            stn_level_block(l);
        }
    }

    stn_level_fed(l, pcm->n);

    return STN_OK;
}


static unsigned
stn_level_differs(const stn_level_t *l, const stn_pcm_t *pcm)
{
    return pcm->rate != l->rate || pcm->channels != l->channels
           || pcm->layout != l->layout;
}


static unsigned
stn_level_supported(const stn_pcm_t *pcm)
{
    return pcm->channels >= 1 && pcm->channels <= STN_PCM_CHANNELS_MAX
           && pcm->rate >= STN_LEVEL_RATE_MIN
           && pcm->rate <= STN_LEVEL_RATE_MAX;
}


static int
stn_level_change(stn_level_t *l, const stn_pcm_t *pcm)
{
    size_t   size;
    float   *block;

    if (!stn_level_supported(pcm)) {
        return STN_UNSUPPORTED;
    }

    /* should it fail, the next audio is again a change */

    l->channels = 0;

    /* rounded as libebur128 does: it takes its own blocks where ours end */

    size = (pcm->rate + 5) / 10;

    block = calloc((STN_PEAK_BEFORE + 2 * size) * pcm->channels,
                   sizeof(float));
    if (block == NULL) {
        return STN_NOMEM;
    }

    free(l->block);
    l->block = block;

    if (stn_level_change_ebur(l, pcm) != STN_OK) {
        return STN_NOMEM;
    }

    l->size = size;
    l->fill = 0;
    l->clips = 0;
    l->rate = pcm->rate;
    l->channels = pcm->channels;
    l->layout = pcm->layout;

    memset(l->ch, 0, sizeof(l->ch));
    stn_level_floor(l->rms);

    return STN_OK;
}


/* Its histogram outlives a change; a state whose change failed is good for
 * nothing more. */

static int
stn_level_change_ebur(stn_level_t *l, const stn_pcm_t *pcm)
{
    int  rc;

    if (l->ebur == NULL) {
        l->ebur = ebur128_init(pcm->channels, pcm->rate, STN_LEVEL_MODE);
        if (l->ebur == NULL) {
            return STN_NOMEM;
        }

    } else {
        rc = ebur128_change_parameters(l->ebur, pcm->channels, pcm->rate);

        if (rc != EBUR128_SUCCESS && rc != EBUR128_ERROR_NO_CHANGE) {
            ebur128_destroy(&l->ebur);
            return STN_NOMEM;
        }
    }

    stn_level_place(l->ebur, stn_level_layout(pcm));

    return STN_OK;
}


static uint64_t
stn_level_layout(const stn_pcm_t *pcm)
{
    AVChannelLayout  layout;

    if (pcm->layout) {
        return pcm->layout;
    }

    av_channel_layout_default(&layout, (int) pcm->channels);

    return layout.order == AV_CHANNEL_ORDER_NATIVE ? layout.u.mask : 0;
}


/* Channels lie in the order of the layout's bits. */

static void
stn_level_place(ebur128_state *ebur, uint64_t layout)
{
    uint64_t  left, place;
    unsigned  c;

    left = layout;

    for (c = 0; c < ebur->channels; c++) {
        place = left & (~left + 1);
        left -= place;

        (void) ebur128_set_channel(ebur, c, stn_level_weight(layout, place));
    }
}


/*
 * ITU-R BS.1770-4, table 4, in libebur128's names: surround channels, at 60
 * to 120 degrees, weigh 1.41; low frequencies nothing; all else 1, as one in
 * the middle.  The back channels of a layout without side channels are its
 * surround channels.
 */

static int
stn_level_weight(uint64_t layout, uint64_t place)
{
    uint64_t  back, side;

    back = AV_CH_BACK_LEFT | AV_CH_BACK_RIGHT;
    side = AV_CH_SIDE_LEFT | AV_CH_SIDE_RIGHT;

    if (place & (AV_CH_LOW_FREQUENCY | AV_CH_LOW_FREQUENCY_2)) {
        return EBUR128_UNUSED;
    }

    if (place & (layout & side ? side : back)) {
        return EBUR128_LEFT_SURROUND;
    }

    return EBUR128_CENTER;
}


/*
 * Where the samples of channel c begin in the block.  In front of them is what
 * was before; behind all channels, room for the same once more, interleaved:
 *
 *     |before 0|samples 0|before 1|samples 1| ... |0 1 0 1 ...|
 */

static float *
stn_level_channel(const stn_level_t *l, unsigned c)
{
    return l->block + (STN_PEAK_BEFORE + l->size) * c + STN_PEAK_BEFORE;
}


/* The next n samples of channel c.  Sums grow sample by sample: how they are
 * rounded does not depend on how the audio is cut. */

static void
stn_level_gather(stn_level_t *l, unsigned c, const float *from, size_t n)
{
    float                 x, *to;
    size_t                i;
    stn_level_channel_t  *ch;

    ch = &l->ch[c];
    to = stn_level_channel(l, c) + l->fill;

    for (i = 0; i < n; i++) {
        x = stn_level_sane(from[i]);
        to[i] = x;

        ch->sum += (double) x * x;
        ch->fed += (double) x * x;

        if (fabsf(x) < STN_LEVEL_CLIP) {
            ch->run = 0;

        } else if (ch->run < STN_LEVEL_CLIP_RUN) {
            ch->run++;
            l->clips += ch->run == STN_LEVEL_CLIP_RUN;
        }
    }
}


static float
stn_level_sane(float x)
{
    float  a;

    a = fabsf(x);

    if (a >= STN_LEVEL_TINY && a <= STN_LEVEL_ABSURD) {
        return x;
    }

    /* nor is NaN greater than anything */

    return a > STN_LEVEL_ABSURD ? copysignf(1.0f, x) : 0.0f;
}


/* So many samples have been fed, and gathered. */

static void
stn_level_fed(stn_level_t *l, size_t n)
{
    double    loudest;
    unsigned  c;

    loudest = 0;

    for (c = 0; c < l->channels; c++) {
        loudest = stn_max(loudest, l->ch[c].fed);
        l->ch[c].fed = 0;
    }

    l->last = stn_level_square(loudest / (double) n);
}


static void
stn_level_block(stn_level_t *l)
{
    unsigned  c, at;

    for (c = 0; c < l->channels; c++) {
        l->rms[c] = stn_level_square(l->ch[c].sum / (double) l->size);
        l->ch[c].sum = 0;
    }

    at = (unsigned) (l->blocks % STN_LEVEL_SHORT_TERM);
    l->energy[at] = stn_level_block_energy(l);
    l->peak[at] = stn_level_block_peak(l);
    l->max_peak = stn_max(l->max_peak, l->peak[at]);
    l->clipped += l->clips;

    stn_level_alarm_block(&l->alarm, l->rms, l->channels, l->clips);

    stn_level_next_block(l);
}


static double
stn_level_block_energy(stn_level_t *l)
{
    float        *to;
    double        lufs;
    size_t        i;
    unsigned      c;
    const float  *from;

    to = l->block + (STN_PEAK_BEFORE + l->size) * l->channels;

    for (c = 0; c < l->channels; c++) {
        from = stn_level_channel(l, c);

        for (i = 0; i < l->size; i++) {
            to[i * l->channels + c] = from[i];
        }
    }

    /* with a histogram it allocates nothing, so it does not fail */

    (void) ebur128_add_frames_float(l->ebur, to, l->size);

    lufs = -HUGE_VAL;
    (void) ebur128_loudness_window(l->ebur, STN_LEVEL_BLOCK_MS, &lufs);

    return pow(10, (lufs - STN_LEVEL_OFFSET) / 10);
}


static float
stn_level_block_peak(stn_level_t *l)
{
    float     max, peak;
    unsigned  c;

    max = 0;

    for (c = 0; c < l->channels; c++) {
        peak = stn_peak_of(&l->interpolator, stn_level_channel(l, c),
                           l->size);
        max = stn_max(max, peak);
    }

    return max;
}


static void
stn_level_next_block(stn_level_t *l)
{
    float     *x;
    unsigned   c;

    for (c = 0; c < l->channels; c++) {
        x = stn_level_channel(l, c);
        memmove(x - STN_PEAK_BEFORE, x + l->size - STN_PEAK_BEFORE,
                STN_PEAK_BEFORE * sizeof(float));
    }

    l->clips = 0;
    l->fill = 0;
    l->blocks++;
}


static void
stn_level_floor(int32_t *rms)
{
    unsigned  c;

    for (c = 0; c < STN_PCM_CHANNELS_MAX; c++) {
        rms[c] = STN_LEVEL_FLOOR;
    }
}


unsigned
stn_level_alarms(const stn_level_t *l)
{
    return l->alarm.alarms;
}


int32_t
stn_level_last(const stn_level_t *l)
{
    return l->last;
}


void
stn_level_report(const stn_level_t *l, stn_level_report_t *r)
{
    memset(r, 0, sizeof(*r));

    memcpy(r->rms, l->rms, sizeof(r->rms));
    r->channels = l->channels;

    r->true_peak = stn_level_true_peak(l);
    r->max_true_peak = stn_level_peak(l->max_peak);
    r->momentary = stn_level_loudness(l, STN_LEVEL_MOMENTARY);
    r->short_term = stn_level_loudness(l, STN_LEVEL_SHORT_TERM);
    r->integrated = stn_level_integrated(l);

    r->silent_ms = l->alarm.silent_ms;
    r->clipped = l->clipped;
    r->alarms = l->alarm.alarms;
}


static int32_t
stn_level_true_peak(const stn_level_t *l)
{
    float     max;
    unsigned  i;

    max = 0;

    for (i = 0; i < STN_LEVEL_SHORT_TERM; i++) {
        max = stn_max(max, l->peak[i]);
    }

    return stn_level_peak(max);
}


/* Of so many last blocks; before the first one was silence. */

static int32_t
stn_level_loudness(const stn_level_t *l, unsigned blocks)
{
    double    sum;
    uint64_t  i;
    unsigned  n;

    sum = 0;
    i = l->blocks + STN_LEVEL_SHORT_TERM;

    for (n = 0; n < blocks; n++) {
        i--;
        sum += l->energy[i % STN_LEVEL_SHORT_TERM];
    }

    return stn_level_db(10 * log10(sum / blocks) + STN_LEVEL_OFFSET);
}


static int32_t
stn_level_integrated(const stn_level_t *l)
{
    double  lufs;

    lufs = -HUGE_VAL;

    if (l->ebur) {
        (void) ebur128_loudness_global(l->ebur, &lufs);
    }

    return stn_level_db(lufs);
}


static int32_t
stn_level_peak(double peak)
{
    return stn_level_db(20 * log10(peak));
}


static int32_t
stn_level_square(double mean)
{
    return stn_level_db(10 * log10(mean));
}


/* The logarithm of nothing is -HUGE_VAL: the floor. */

static int32_t
stn_level_db(double db)
{
    return db * 100 > STN_LEVEL_FLOOR ? (int32_t) lrint(db * 100)
                                      : STN_LEVEL_FLOOR;
}
