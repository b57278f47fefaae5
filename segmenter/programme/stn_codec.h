/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * libavcodec and libswresample as the programme uses them: access units to
 * planar floats, floats from one rate and channel count to another, and
 * floats to frames that know which samples they stand for.  Nothing of libav
 * shows in here.  One thread uses an object; each bounds its own memory.
 */

#ifndef STN_CODEC_H
#define STN_CODEC_H

#include "stn_au.h"
#include "stn_format.h"
#include "stn_pcm.h"


typedef struct stn_decoder_s    stn_decoder_t;
typedef struct stn_resampler_s  stn_resampler_t;
typedef struct stn_encoder_s    stn_encoder_t;


/* Opens a decoder for any stn_format_t.  Returns NULL out of memory, or when
 * libavcodec has no decoder for the format or refuses its config. */
stn_decoder_t *stn_decoder_open(const stn_format_t *f);

void stn_decoder_close(stn_decoder_t *d);

/*
 * Decodes one access unit; more than one frame in it are given as one.  At
 * most STN_PCM_CHANNELS_MAX channels.
 *
 * Returns STN_OK with pcm filled (valid until the next call); STN_AGAIN when
 * the decoder wants more first (its delay); STN_ERROR for a unit that cannot
 * be decoded: the decoder goes on with the next one; STN_NOMEM.
 */
int stn_decoder_feed(stn_decoder_t *d, const uint8_t *data, size_t len,
    stn_pcm_t *pcm);

/* Forgets the overlap with what was decoded before (a splice follows). */
void stn_decoder_flush(stn_decoder_t *d);


/* Opens a resampler to rate Hz and channels (1, 2, or 0: as many as come in);
 * what comes in may change its own rate and channels at any time.  Returns
 * NULL out of memory. */
stn_resampler_t *stn_resampler_open(uint32_t rate, unsigned channels);

void stn_resampler_close(stn_resampler_t *r);

/*
 * Converts in to out (valid until the next call; n may be 0 for short input).
 * Sample 0 out is the place of sample 0 in: the filter's delay is only that
 * the last few come with the next call.
 * Mono to stereo copies at full level, stereo to mono halves the sum, more
 * channels are mixed down as ITU-R BS.775 says, without overflow.
 * Returns STN_OK, STN_NOMEM, or STN_ERROR when libswresample refuses.
 */
int stn_resampler_run(stn_resampler_t *r, const stn_pcm_t *in,
    stn_pcm_t *out);

/*
 * Makes what comes out from now on longer (ppm > 0) or shorter by so many
 * millionths, at most +-2000, until told otherwise: a change of speed that
 * nobody hears.  Returns STN_OK or STN_ERROR.
 */
int stn_resampler_adjust(stn_resampler_t *r, double ppm);


typedef struct {
    stn_codec_e  codec;          /* STN_CODEC_AAC or STN_CODEC_OPUS */
    uint32_t     rate;           /* Hz; Opus: 48000 only */
    unsigned     channels;       /* AAC: channel configurations 1..7's counts;
                                    Opus: 1 or 2 */
    uint32_t     bitrate;        /* bit/s, of all channels */
} stn_encoder_conf_t;


/*
 * Opens an encoder whose first sample fed is at pos (samples at its rate,
 * since the Unix epoch; for Opus any, for AAC any).  Returns NULL out of
 * memory or when libavcodec refuses.
 */
stn_encoder_t *stn_encoder_open(const stn_encoder_conf_t *conf, int64_t pos);

/*
 * Opens an AAC encoder whose frames can stand beside those of f under f's own
 * AudioSpecificConfig (for SBR: the core alone, at f->core_rate).  Returns
 * NULL out of memory, or with *unsupported set to 1 when no encoder can match
 * f (a program_config_element, frames of 960 samples).
 */
stn_encoder_t *stn_encoder_open_like(const stn_format_t *f, uint32_t bitrate,
    int64_t pos, int *unsupported);

void stn_encoder_close(stn_encoder_t *e);

/*
 * What it makes, fit for an init segment: config is the AudioSpecificConfig,
 * or an OpusHead whose pre-skip is 0 (positions already allow for it); codecs
 * is "mp4a.40.2" or "Opus".
 */
const stn_format_t *stn_encoder_format(const stn_encoder_t *e);

/* Takes samples at the encoder's own rate and channels, any number of them.
 * Returns STN_OK; STN_LIMIT when 20 s of them wait for next(); STN_NOMEM;
 * STN_ERROR for another rate or other channels. */
int stn_encoder_feed(stn_encoder_t *e, const stn_pcm_t *pcm);

/*
 * The next frame: f->pos is the place of the first sample that a decoder in
 * steady state gives back for it, so that all encoders of one programme are
 * in phase, whatever their delays.  The first frames may lie before the pos
 * that the encoder was opened with (priming): they are for the caller to
 * drop.  A frame comes when 2048 samples behind its end have been fed (AAC),
 * or 312 (Opus).  f->live is left 0; data is valid until the next call.
 * Returns STN_OK, STN_AGAIN (feed first), STN_ERROR.
 */
int stn_encoder_next(stn_encoder_t *e, stn_frame_t *f);


#endif /* STN_CODEC_H */
