/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AudioSpecificConfig in and out, and silence (see stn_aac.h).  Section and
 * table numbers are those of ISO/IEC 14496-3:2009, of 23003-3 where USAC is
 * named.  Called by the wire readers in the event loop and by live threads.
 */

#include "wire/stn_aac.h"

#include <stdio.h>
#include <string.h>

#include "stn_buf.h"


/* samplingFrequencyIndex: the rate follows in 24 bits */
#define STN_AAC_RATE_ESCAPE       15

/* audioObjectType: 32 more than the 6 bits that follow */
#define STN_AAC_AOT_ESCAPE        31

/* syncExtensionType (1.6.2.1) */
#define STN_AAC_SYNC_SBR          0x2b7
#define STN_AAC_SYNC_PS           0x548

/* Implicit SBR doubles the rate, and no decoder looks for it above this. */
#define STN_AAC_IMPLICIT_RATE_MAX  24000

/* syntactic elements (table 4.85) */
#define STN_AAC_SCE               0
#define STN_AAC_CPE               1
#define STN_AAC_LFE               3
#define STN_AAC_END               7

/* Any value would do where no band is coded; this is what encoders write. */
#define STN_AAC_SILENCE_GAIN      140


static int stn_aac_fail(stn_aac_t *a, int rc, const char *reason);
static int stn_aac_config(stn_aac_t *a, stn_bits_t *b);
static uint8_t stn_aac_object_type(stn_bits_t *b);
static int stn_aac_rate(stn_aac_t *a, stn_bits_t *b, uint32_t *rate);
static int stn_aac_rate_check(stn_aac_t *a, uint32_t rate);
static int stn_aac_channels(stn_aac_t *a);
static int stn_aac_specific(stn_aac_t *a, stn_bits_t *b);
static int stn_aac_ga(stn_aac_t *a, stn_bits_t *b);
static int stn_aac_pce(stn_aac_t *a, stn_bits_t *b);
static uint32_t stn_aac_pce_elements(stn_aac_t *a, stn_bits_t *b, uint32_t n,
    uint32_t lfe);
static void stn_aac_put_silence(stn_bitw_t *w, unsigned element,
    unsigned tag);
static int stn_aac_eld(stn_aac_t *a, stn_bits_t *b);
static int stn_aac_usac(stn_aac_t *a, stn_bits_t *b);
static uint32_t stn_aac_escaped(stn_bits_t *b, const uint8_t widths[3]);
static int stn_aac_sync_extension(stn_aac_t *a, stn_bits_t *b);
static int stn_aac_output(stn_aac_t *a);
static int stn_aac_is_plain(const stn_aac_t *a);
static void stn_aac_put_rate(stn_bitw_t *w, uint32_t rate);
static void stn_aac_put_ics_info(stn_bitw_t *w);
static void stn_aac_put_ics_rest(stn_bitw_t *w);


static const uint32_t  stn_aac_rates[] = {
    96000, 88200, 64000, 48000, 44100, 32000, 24000,
    22050, 16000, 12000, 11025, 8000, 7350
};

/* Channels by channelConfiguration (table 1.19); 0 where reserved. */
static const uint8_t  stn_aac_channel_configs[] = {
    0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0
};

/* UsacConfig's own tables (23003-3 tables 70, 72, 73). */

static const uint32_t  stn_aac_usac_rates[] = {
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000,
    11025, 8000, 7350, 0, 0, 57600, 51200, 40000, 38400, 34150, 28800, 25600,
    20000, 19200, 17075, 14400, 12800, 9600
};

static const struct {
    uint16_t  core_frame;
    uint16_t  frame_samples;
} stn_aac_usac_frames[] = {
    { 768, 768 }, { 1024, 1024 }, { 768, 2048 }, { 1024, 2048 },
    { 1024, 4096 }
};

static const uint8_t  stn_aac_usac_channels[] = {
    0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8, 24
};

/* The elements of each channelConfiguration, in order (table 1.19). */
static const uint8_t  stn_aac_elements[][6] = {
    { STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_END },
    { STN_AAC_CPE, STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_CPE, STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_CPE, STN_AAC_SCE, STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_CPE, STN_AAC_CPE, STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_CPE, STN_AAC_CPE, STN_AAC_LFE, STN_AAC_END },
    { STN_AAC_SCE, STN_AAC_CPE, STN_AAC_CPE, STN_AAC_CPE, STN_AAC_LFE,
      STN_AAC_END }
};


int
stn_aac_parse(stn_aac_t *a, const uint8_t *asc, size_t len)
{
    int         rc;
    stn_bits_t  b;

    memset(a, 0, sizeof(*a));

    if (len > STN_AAC_ASC_MAX) {
        return stn_aac_fail(a, STN_LIMIT, "too long an AAC config");
    }

    stn_bits_init(&b, asc, len);

    rc = stn_aac_config(a, &b);

    if (b.failed) {
        return stn_aac_fail(a, STN_ERROR, "AAC config cut short");
    }

    return rc != STN_OK ? rc : stn_aac_output(a);
}


static int
stn_aac_fail(stn_aac_t *a, int rc, const char *reason)
{
    a->reason = reason;

    return rc;
}


static int
stn_aac_config(stn_aac_t *a, stn_bits_t *b)
{
    int      rc;
    uint8_t  aot;

    aot = stn_aac_object_type(b);

    rc = stn_aac_rate(a, b, &a->core_rate);
    if (rc != STN_OK) {
        return rc;
    }

    a->rate = a->core_rate;
    a->channel_config = (uint8_t) stn_bits_get(b, 4);

    if (aot == STN_AOT_SBR || aot == STN_AOT_PS) {
        a->ext_object_type = aot;
        a->explicit_ext = 1;

        rc = stn_aac_rate(a, b, &a->rate);
        if (rc != STN_OK) {
            return rc;
        }

        aot = stn_aac_object_type(b);

        if (aot == STN_AOT_SBR || aot == STN_AOT_PS) {
            return stn_aac_fail(a, STN_ERROR, "AAC extension of an extension");
        }
    }

    a->object_type = aot;

    rc = stn_aac_specific(a, b);
    if (rc != STN_OK || b->failed) {
        return rc;
    }

    a->nbits = (uint16_t) b->pos;

    return a->explicit_ext ? STN_OK : stn_aac_sync_extension(a, b);
}


static uint8_t
stn_aac_object_type(stn_bits_t *b)
{
    uint32_t  aot;

    aot = stn_bits_get(b, 5);

    if (aot == STN_AAC_AOT_ESCAPE) {
        aot = 32 + stn_bits_get(b, 6);
    }

    return (uint8_t) aot;
}


static int
stn_aac_rate(stn_aac_t *a, stn_bits_t *b, uint32_t *rate)
{
    uint32_t  i;

    i = stn_bits_get(b, 4);

    if (i == STN_AAC_RATE_ESCAPE) {
        *rate = stn_bits_get(b, 24);
        return b->failed ? STN_OK : stn_aac_rate_check(a, *rate);
    }

    if (i >= stn_nelems(stn_aac_rates)) {
        return stn_aac_fail(a, STN_ERROR, "reserved AAC rate");
    }

    *rate = stn_aac_rates[i];

    return STN_OK;
}


static int
stn_aac_rate_check(stn_aac_t *a, uint32_t rate)
{
    if (rate < STN_AAC_RATE_MIN || rate > STN_AAC_RATE_MAX) {
        return stn_aac_fail(a, STN_ERROR, "AAC rate out of range");
    }

    return STN_OK;
}


static int
stn_aac_channels(stn_aac_t *a)
{
    a->channels = stn_aac_channel_configs[a->channel_config];

    if (a->channels == 0) {
        return stn_aac_fail(a, STN_ERROR, "reserved AAC channel configuration");
    }

    return STN_OK;
}


static int
stn_aac_specific(stn_aac_t *a, stn_bits_t *b)
{
    int  rc;

    switch (a->object_type) {

    case STN_AOT_MAIN:
    case STN_AOT_LC:
    case STN_AOT_SSR:
    case STN_AOT_LTP:
        return stn_aac_ga(a, b);

    case STN_AOT_ER_LC:
    case STN_AOT_ER_LD:
        rc = stn_aac_ga(a, b);
        break;

    case STN_AOT_ELD:
        rc = stn_aac_eld(a, b);

        /* what follows the SBR header cannot be found without reading it */

        b->pos = b->failed ? b->pos : b->nbits;
        return rc;

    case STN_AOT_USAC:
        rc = stn_aac_usac(a, b);
        b->pos = b->failed ? b->pos : b->nbits;
        return rc;

    default:
        return stn_aac_fail(a, STN_UNSUPPORTED, "not an AAC object type");
    }

    if (rc == STN_OK && stn_bits_get(b, 2) > 1) {
        return stn_aac_fail(a, STN_UNSUPPORTED, "AAC with error protection");
    }

    return rc;
}


/* GASpecificConfig (4.4.1) */

static int
stn_aac_ga(stn_aac_t *a, stn_bits_t *b)
{
    int       rc;
    uint32_t  shorter, extension;

    shorter = stn_bits_get(b, 1);

    if (a->object_type == STN_AOT_ER_LD) {
        a->core_frame = shorter ? 480 : 512;

    } else {
        a->core_frame = shorter ? 960 : 1024;
    }

    if (stn_bits_get(b, 1)) {
        stn_bits_get(b, 14);                       /* coreCoderDelay */
    }

    extension = stn_bits_get(b, 1);

    rc = a->channel_config ? stn_aac_channels(a) : stn_aac_pce(a, b);
    if (rc != STN_OK) {
        return rc;
    }

    if (extension) {
        if (a->object_type == STN_AOT_ER_LC || a->object_type == STN_AOT_ER_LD)
        {
            stn_bits_get(b, 3);                    /* resilience flags */
        }

        stn_bits_get(b, 1);                        /* extensionFlag3 */
    }

    return STN_OK;
}


/*
 * program_config_element (4.4.1.1).  Its alignment before the comment counts
 * from the first bit of the config, which is where b started.
 */

static int
stn_aac_pce(stn_aac_t *a, stn_bits_t *b)
{
    uint32_t  i, n, channels, lfe, assoc, cc;

    stn_bits_get(b, 10);                           /* tag, type, rate index */

    /* front, side and back elements, each maybe a pair */

    for (n = 0, i = 0; i < 3; i++) {
        n += stn_bits_get(b, 4);
    }

    lfe = stn_bits_get(b, 2);
    assoc = stn_bits_get(b, 3);
    cc = stn_bits_get(b, 4);

    if (stn_bits_get(b, 1)) {
        stn_bits_get(b, 4);                        /* mono mixdown */
    }

    if (stn_bits_get(b, 1)) {
        stn_bits_get(b, 4);                        /* stereo mixdown */
    }

    if (stn_bits_get(b, 1)) {
        stn_bits_get(b, 3);                        /* matrix mixdown */
    }

    channels = stn_aac_pce_elements(a, b, n, lfe);

    stn_bits_get(b, 4 * assoc);

    for (i = 0; i < cc; i++) {
        stn_bits_get(b, 5);
    }

    stn_bits_get(b, (8 - b->pos % 8) % 8);

    for (i = stn_bits_get(b, 8); i; i--) {
        stn_bits_get(b, 8);                        /* comment */
    }

    if (!b->failed && channels == 0) {
        return stn_aac_fail(a, STN_ERROR, "AAC without channels");
    }

    a->channels = (uint8_t) channels;              /* at most 93 */

    return STN_OK;
}


/* n elements, each maybe a pair, and lfe that are none.  Returns how many
 * channels that are. */

static uint32_t
stn_aac_pce_elements(stn_aac_t *a, stn_bits_t *b, uint32_t n, uint32_t lfe)
{
    uint32_t  i, pair, channels;

    channels = n + lfe;

    for (i = 0; i < n; i++) {
        pair = stn_bits_get(b, 1);
        channels += pair;
        a->elements[i] = (uint8_t) ((pair ? STN_AAC_CPE : STN_AAC_SCE) << 4
                                    | stn_bits_get(b, 4));
    }

    for ( /* void */ ; i < n + lfe; i++) {
        a->elements[i] = (uint8_t) (STN_AAC_LFE << 4 | stn_bits_get(b, 4));
    }

    a->nelements = (uint8_t) i;

    return channels;
}


/* ELDSpecificConfig (4.6.20), as far as the low delay SBR's rate */

static int
stn_aac_eld(stn_aac_t *a, stn_bits_t *b)
{
    a->core_frame = stn_bits_get(b, 1) ? 480 : 512;

    stn_bits_get(b, 3);                            /* resilience flags */

    if (stn_bits_get(b, 1)) {
        if (stn_bits_get(b, 1) && !a->explicit_ext) {
            a->rate = a->core_rate * 2;
        }
    }

    return stn_aac_channels(a);
}


/* UsacConfig (23003-3 5.2), as far as its channel configuration.  Its rate is
 * the output's, and its frame already counts what SBR makes of the core's. */

static int
stn_aac_usac(stn_aac_t *a, stn_bits_t *b)
{
    static const uint8_t  widths[] = { 5, 8, 16 };

    uint32_t  i, n;

    i = stn_bits_get(b, 5);

    if (i == 31) {
        a->rate = stn_bits_get(b, 24);

    } else {
        a->rate = i < stn_nelems(stn_aac_usac_rates)
                  ? stn_aac_usac_rates[i] : 0;
    }

    i = stn_bits_get(b, 3);

    if (i >= stn_nelems(stn_aac_usac_frames)) {
        return stn_aac_fail(a, STN_ERROR, "reserved USAC frame length");
    }

    a->core_frame = stn_aac_usac_frames[i].core_frame;
    a->frame_samples = stn_aac_usac_frames[i].frame_samples;

    n = stn_bits_get(b, 5);

    if (n == 0) {
        n = stn_aac_escaped(b, widths);

    } else {
        n = n < stn_nelems(stn_aac_usac_channels)
            ? stn_aac_usac_channels[n] : 0;
    }

    if (b->failed) {
        return STN_OK;
    }

    if (n == 0 || n > 64) {
        return stn_aac_fail(a, STN_ERROR, "unknown USAC channels");
    }

    a->channels = (uint8_t) n;

    return stn_aac_rate_check(a, a->rate);
}


/* escapedValue (23003-3 5.2): each field all ones calls for the next */

static uint32_t
stn_aac_escaped(stn_bits_t *b, const uint8_t widths[3])
{
    unsigned  i;
    uint32_t  v, sum;

    for (sum = 0, i = 0; i < 3; i++) {
        v = stn_bits_get(b, widths[i]);
        sum += v;

        if (v != (1u << widths[i]) - 1) {
            break;
        }
    }

    return sum;
}


/* The backward compatible way (1.6.5.2): old decoders stop before it. */

static int
stn_aac_sync_extension(stn_aac_t *a, stn_bits_t *b)
{
    int  rc;

    if (stn_bits_left(b) < 16
        || stn_bits_get(b, 11) != STN_AAC_SYNC_SBR
        || stn_aac_object_type(b) != STN_AOT_SBR)
    {
        b->failed = 0;
        return STN_OK;
    }

    if (!stn_bits_get(b, 1)) {
        a->sbr_absent = !b->failed;
        b->failed = 0;
        return STN_OK;
    }

    a->ext_object_type = STN_AOT_SBR;

    rc = stn_aac_rate(a, b, &a->rate);

    if (rc != STN_OK || b->failed
        || stn_bits_left(b) < 12
        || stn_bits_get(b, 11) != STN_AAC_SYNC_PS)
    {
        return rc;
    }

    if (stn_bits_get(b, 1)) {
        a->ext_object_type = STN_AOT_PS;

    } else {
        a->ps_absent = 1;
    }

    return STN_OK;
}


/* What the extensions make of the core: rate, channels, frame. */

static int
stn_aac_output(stn_aac_t *a)
{
    int  rc;

    rc = stn_aac_rate_check(a, a->rate);
    if (rc != STN_OK || a->frame_samples) {
        return rc;
    }

    if (a->rate != a->core_rate && a->rate != a->core_rate * 2) {
        return stn_aac_fail(a, STN_ERROR, "AAC extension at an odd rate");
    }

    a->frame_samples = a->core_frame * (a->rate / a->core_rate);

    if (a->ext_object_type == STN_AOT_PS && a->channels == 1) {
        a->channels = 2;
    }

    return STN_OK;
}


static int
stn_aac_is_plain(const stn_aac_t *a)
{
    return a->object_type == STN_AOT_MAIN || a->object_type == STN_AOT_LC
           || a->object_type == STN_AOT_LTP;
}


int
stn_aac_carried(stn_aac_t *a)
{
    if (stn_aac_is_plain(a)) {
        return STN_OK;
    }

    switch (a->object_type) {

    case STN_AOT_SSR:
        a->reason = "AAC SSR is not carried";
        break;

    case STN_AOT_ER_LC:
        a->reason = "error resilient AAC is not carried";
        break;

    case STN_AOT_ER_LD:
        a->reason = "AAC LD is not carried";
        break;

    case STN_AOT_ELD:
        a->reason = "AAC ELD is not carried";
        break;

    case STN_AOT_USAC:
        a->reason = "xHE-AAC is not carried";
        break;

    default:
        a->reason = "not an AAC object type";
    }

    return STN_UNSUPPORTED;
}


int
stn_aac_implicit(const stn_aac_t *a)
{
    if (!stn_aac_is_plain(a)) {
        return 0;
    }

    if (a->ext_object_type == STN_AOT_SBR) {
        return !a->explicit_ext && !a->ps_absent && a->channel_config == 1;
    }

    return a->ext_object_type == 0 && !a->sbr_absent
           && a->core_rate <= STN_AAC_IMPLICIT_RATE_MAX;
}


int
stn_aac_codecs(const stn_aac_t *a, char *out, size_t size)
{
    int  n;

    n = snprintf(out, size, "mp4a.40.%u",
                 a->ext_object_type ? a->ext_object_type : a->object_type);

    return n > 0 && (size_t) n < size ? STN_OK : STN_LIMIT;
}


/* One element with nothing in it (4.4.2.1). */

static void
stn_aac_put_silence(stn_bitw_t *w, unsigned element, unsigned tag)
{
    stn_bitw_put(w, element, 3);
    stn_bitw_put(w, tag, 4);

    if (element != STN_AAC_CPE) {
        stn_bitw_put(w, STN_AAC_SILENCE_GAIN, 8);
        stn_aac_put_ics_info(w);
        stn_aac_put_ics_rest(w);
        return;
    }

    stn_bitw_put(w, 1, 1);                         /* common_window */
    stn_aac_put_ics_info(w);
    stn_bitw_put(w, 0, 2);                         /* ms_mask_present */
    stn_bitw_put(w, STN_AAC_SILENCE_GAIN, 8);
    stn_aac_put_ics_rest(w);
    stn_bitw_put(w, STN_AAC_SILENCE_GAIN, 8);
    stn_aac_put_ics_rest(w);
}


int
stn_aac_silence(const stn_aac_t *a, uint8_t *out, size_t size, size_t *len)
{
    unsigned        i, tags[STN_AAC_END] = { 0 };
    stn_bitw_t      w;
    const uint8_t  *e;

    if (!stn_aac_is_plain(a)
        || a->channel_config >= stn_nelems(stn_aac_elements))
    {
        return STN_UNSUPPORTED;
    }

    stn_bitw_init(&w, out, size);

    if (a->channel_config == 0) {
        for (i = 0; i < a->nelements; i++) {
            stn_aac_put_silence(&w, a->elements[i] >> 4,
                                a->elements[i] & 0xf);
        }

    } else {
        for (e = stn_aac_elements[a->channel_config]; *e != STN_AAC_END; e++) {
            stn_aac_put_silence(&w, *e, tags[*e]++);
        }
    }

    stn_bitw_put(&w, STN_AAC_END, 3);

    *len = stn_bitw_bytes(&w);

    return w.failed ? STN_LIMIT : STN_OK;
}


/* ics_info (4.4.2.1) with no scale factor band to code */

static void
stn_aac_put_ics_info(stn_bitw_t *w)
{
    stn_bitw_put(w, 0, 1 + 2);                     /* one long window */
    stn_bitw_put(w, 0, 1);                         /* window_shape */
    stn_bitw_put(w, 0, 6);                         /* max_sfb */
    stn_bitw_put(w, 0, 1);                         /* no prediction */
}


/* individual_channel_stream after the sections, of which there are none */

static void
stn_aac_put_ics_rest(stn_bitw_t *w)
{
    stn_bitw_put(w, 0, 3);                         /* pulse, TNS, gain */
}


int
stn_aac_explicit(const stn_aac_t *a, uint8_t ext, uint8_t *out, size_t size,
    size_t *len)
{
    uint32_t    rate;
    stn_bitw_t  w;

    if (ext != 0 && ext != STN_AOT_SBR && ext != STN_AOT_PS) {
        return STN_ERROR;
    }

    if (!stn_aac_is_plain(a) || a->channel_config == 0) {
        return STN_UNSUPPORTED;
    }

    rate = a->ext_object_type ? a->rate : a->core_rate * 2;

    if (ext && rate > STN_AAC_RATE_MAX) {
        return STN_ERROR;
    }

    if (ext == STN_AOT_PS && a->channel_config != 1) {
        return STN_ERROR;
    }

    stn_bitw_init(&w, out, size);

    stn_bitw_put(&w, ext ? ext : a->object_type, 5);
    stn_aac_put_rate(&w, a->core_rate);
    stn_bitw_put(&w, a->channel_config, 4);

    if (ext) {
        stn_aac_put_rate(&w, rate);
        stn_bitw_put(&w, a->object_type, 5);
    }

    stn_bitw_put(&w, a->core_frame == 960, 1);     /* frameLengthFlag */
    stn_bitw_put(&w, 0, 2);                        /* no core coder, no more */

    *len = stn_bitw_bytes(&w);

    return w.failed ? STN_LIMIT : STN_OK;
}


static void
stn_aac_put_rate(stn_bitw_t *w, uint32_t rate)
{
    unsigned  i;

    for (i = 0; i < stn_nelems(stn_aac_rates); i++) {
        if (stn_aac_rates[i] == rate) {
            stn_bitw_put(w, i, 4);
            return;
        }
    }

    stn_bitw_put(w, STN_AAC_RATE_ESCAPE, 4);
    stn_bitw_put(w, rate, 24);
}
