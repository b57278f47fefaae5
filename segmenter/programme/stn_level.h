/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How loud a broadcaster is, and whether he is heard at all: RMS, true peak
 * and loudness (EBU R128, ITU-R BS.1770, by libebur128) of decoded audio, and
 * from them what an operator must know at once: dead air, a channel that is
 * dead while the other is not, clipping.  Time is counted in samples.  One
 * thread uses a meter; its memory does not grow with time.
 */

#ifndef STN_LEVEL_H
#define STN_LEVEL_H

#include "stn_pcm.h"


/* Levels are in hundredths of a dB; nothing is quieter than this. */
#define STN_LEVEL_FLOOR  (-12000)

/* RMS is taken over blocks of this length. */
#define STN_LEVEL_BLOCK_MS  100

/* Sound must last this long to end dead air. */
#define STN_LEVEL_RETURN_MS  1000

/* One ear: a channel below the floor for one ear, the loudest one this much
 * above it, for so long. */
#define STN_LEVEL_EAR_MS      10000
#define STN_LEVEL_EAR_FLOOR  (-6000)
#define STN_LEVEL_EAR_ABOVE   2000

/* Clipping: runs of at least so many samples at full scale, so many of them
 * within so long; it is over when none came for that long. */
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
    unsigned  channels;
    int32_t   true_peak;         /* of the last 3 s, all channels; dBTP */
    int32_t   max_true_peak;     /* since the meter was reset */
    int32_t   momentary;         /* LUFS over 400 ms */
    int32_t   short_term;        /* LUFS over 3 s */
    int32_t   integrated;        /* LUFS, gated, since the reset */
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

/*
 * Measures; audio may change its rate and channels at any time.  Returns
 * STN_OK, or STN_NOMEM: what was fed is then not in the figures.
 */
int stn_level_feed(stn_level_t *l, const stn_pcm_t *pcm);

/* Bits of what is the matter now; cheap, to be asked after each feed. */
unsigned stn_level_alarms(const stn_level_t *l);

/* RMS of the pcm last fed, its loudest channel: for whoever looks for a quiet
 * place. */
int32_t stn_level_last(const stn_level_t *l);

/* All figures as of now.  Where there was no audio yet: STN_LEVEL_FLOOR. */
void stn_level_report(const stn_level_t *l, stn_level_report_t *r);


#endif /* STN_LEVEL_H */
