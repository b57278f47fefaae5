/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How loud a broadcaster is, and whether he is heard at all: RMS, true peak
 * and loudness (EBU R128, ITU-R BS.1770, by libebur128) of decoded audio, and
 * from them what an operator must know at once: dead air, a channel that is
 * dead while the other is not, clipping.  Time is counted in samples, and all
 * is told in whole blocks: the same audio gives the same figures however it
 * is cut.  One thread uses a meter; its memory (400 KB that are touched, at
 * 48 kHz stereo) does not grow with time.
 */

#ifndef STN_LEVEL_H
#define STN_LEVEL_H

#include "stn_pcm.h"


/* Levels are in hundredths of a dB; nothing is quieter than this.  RMS is of
 * full scale: a sine that just reaches it has -3.01 dB. */
#define STN_LEVEL_FLOOR  (-12000)

/* Figures and alarms are brought up to date once in so long; what came after
 * that is not in them yet. */
#define STN_LEVEL_BLOCK_MS  100

/* What can be measured, Hz. */
#define STN_LEVEL_RATE_MIN  7350
#define STN_LEVEL_RATE_MAX  192000

/* Dead air: all channels quieter than dead_level, block for block, for
 * dead_ms; one louder block begins the count anew.  It ends when as many
 * blocks in a row as make this are louder. */
#define STN_LEVEL_RETURN_MS  1000

/*
 * One ear: of the first two channels one is below EAR_FLOOR, and the other
 * EAR_ABOVE over that floor, for EAR_MS.  Pauses in which both are quiet do
 * not count and do not begin the count anew; a block in which both are heard
 * does.  It ends when both are heard for STN_LEVEL_RETURN_MS, when the dead
 * channel becomes the one that is heard, and with dead air.
 */
#define STN_LEVEL_EAR_MS      10000
#define STN_LEVEL_EAR_FLOOR  (-6000)
#define STN_LEVEL_EAR_ABOVE   2000

/*
 * Clipping: CLIP_RUNS runs of at least CLIP_RUN samples of a channel at full
 * scale (from 0.999 of it), within CLIP_MS.  It is over when none came for
 * that long.  A run counts once, however long, when it is so long.
 */
#define STN_LEVEL_CLIP_RUN      3
#define STN_LEVEL_CLIP_RUNS     10
#define STN_LEVEL_CLIP_MS       10000


typedef struct {
    int32_t   dead_level;        /* below this is silence; hundredths of dB */
    uint32_t  dead_ms;           /* for so long: dead air; 0: never */
} stn_level_conf_t;


/* What is the matter: bits. */

#define STN_LEVEL_DEAD      0x01
#define STN_LEVEL_ONE_EAR   0x02
#define STN_LEVEL_CLIPPING  0x04


typedef struct {
    int32_t   rms[STN_PCM_CHANNELS_MAX];    /* of the last block */
    unsigned  channels;          /* that rms has; 0: no audio yet */
    int32_t   true_peak;         /* of the last 3 s, all channels; dBTP */
    int32_t   max_true_peak;     /* since the meter was reset */
    int32_t   momentary;         /* LUFS over 400 ms */
    int32_t   short_term;        /* LUFS over 3 s */
    int32_t   integrated;        /* LUFS, gated, since the reset; in steps of
                                    a tenth (it is kept as a histogram) */
    uint32_t  silent_ms;         /* how long it has been below dead_level */
    uint64_t  clipped;           /* runs at full scale since the reset */
    unsigned  alarms;            /* bits of what is the matter now */
} stn_level_report_t;


typedef struct stn_level_s  stn_level_t;


/* Makes a meter.  Returns NULL out of memory. */
stn_level_t *stn_level_open(const stn_level_conf_t *conf);

void stn_level_close(stn_level_t *l);

/* A new session: forgets everything but the alarm of dead air, which ends
 * only when sound has returned. */
void stn_level_reset(stn_level_t *l);

/* Ends the alarm of dead air: nobody is there to be silent. */
void stn_level_forget(stn_level_t *l);

/*
 * Measures any number of samples.  Audio may change its rate, channels and
 * layout at any time: the block under way is then dropped, all else goes on.
 * Channels weigh what BS.1770 says for their place, low frequencies nothing;
 * mono is one channel, 3 LU below the same sound on two.  NaN counts as
 * silence, an infinite or absurd sample (24 dB over full scale) as full scale
 * of its sign.
 *
 * Returns STN_OK; STN_UNSUPPORTED for a rate or a number of channels beyond
 * the limits; STN_NOMEM: integrated loudness may have to begin anew.  What
 * was fed is in none of the figures then, and the next audio is tried again.
 */
int stn_level_feed(stn_level_t *l, const stn_pcm_t *pcm);

/* Bits of what is the matter now; cheap, to be asked after each feed. */
unsigned stn_level_alarms(const stn_level_t *l);

/* RMS of the pcm last fed, its loudest channel: for whoever looks for a quiet
 * place. */
int32_t stn_level_last(const stn_level_t *l);

/* All figures as of the last whole block.  Where there was no audio yet:
 * STN_LEVEL_FLOOR. */
void stn_level_report(const stn_level_t *l, stn_level_report_t *r);


#endif /* STN_LEVEL_H */
