/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The alarms of a meter (what they mean is in stn_level.h): takes the RMS and
 * the clipping of one block after the other, STN_LEVEL_BLOCK_MS each, and
 * knows what is the matter.  Part of the meter, which calls it and owns it;
 * it allocates nothing.
 */

#ifndef STN_LEVEL_ALARM_H
#define STN_LEVEL_ALARM_H

#include "programme/stn_level.h"


#define STN_LEVEL_CLIP_BLOCKS  (STN_LEVEL_CLIP_MS / STN_LEVEL_BLOCK_MS)


typedef struct {
    stn_level_conf_t  conf;
    unsigned          alarms;
    uint32_t          silent_ms;   /* for so long without sound */
    uint32_t          sound_ms;    /* and with it */
    unsigned          ear;         /* the channel that seems dead: 0 or 1 */
    uint32_t          ear_ms;      /* for so long */
    uint32_t          both_ms;     /* for so long both have been heard */
    uint32_t          clips[STN_LEVEL_CLIP_BLOCKS];
    uint32_t          recent;      /* their sum */
    unsigned          block;       /* the next one of clips */
} stn_level_alarm_t;


void stn_level_alarm_init(stn_level_alarm_t *a, const stn_level_conf_t *conf);

/* A new session: all is forgotten but dead air. */
void stn_level_alarm_reset(stn_level_alarm_t *a);

/* A block was so loud in each channel (hundredths of dB), and had so many
 * runs at full scale. */
void stn_level_alarm_block(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels, uint32_t clips);


#endif /* STN_LEVEL_ALARM_H */
