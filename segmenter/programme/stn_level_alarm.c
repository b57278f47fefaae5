/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Dead air, one ear and clipping (see stn_level_alarm.h): three clocks that
 * count blocks.  Each alarm has its own way to end, so that none flickers: a
 * sound must last, both ears must be heard for a while, and no clipping must
 * come for a while.  Called by the meter, on its thread.
 */

#include "programme/stn_level_alarm.h"

#include <string.h>


static void stn_level_alarm_clipping(stn_level_alarm_t *a, uint32_t clips);
static void stn_level_alarm_one_ear(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels);
static void stn_level_alarm_both(stn_level_alarm_t *a);
static void stn_level_alarm_ear(stn_level_alarm_t *a, unsigned ear);
static void stn_level_alarm_dead_air(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels);
static void stn_level_alarm_sound(stn_level_alarm_t *a);
static void stn_level_alarm_silence(stn_level_alarm_t *a);
static void stn_level_alarm_tick(uint32_t *ms);


void
stn_level_alarm_init(stn_level_alarm_t *a, const stn_level_conf_t *conf)
{
    memset(a, 0, sizeof(*a));
    a->conf = *conf;
}


void
stn_level_alarm_reset(stn_level_alarm_t *a)
{
    unsigned          dead;
    stn_level_conf_t  conf;

    dead = a->alarms & STN_LEVEL_DEAD;
    conf = a->conf;

    stn_level_alarm_init(a, &conf);
    a->alarms = dead;
}


/* Dead air comes last: it takes one ear back. */

void
stn_level_alarm_block(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels, uint32_t clips)
{
    stn_level_alarm_clipping(a, clips);
    stn_level_alarm_one_ear(a, rms, channels);
    stn_level_alarm_dead_air(a, rms, channels);
}


static void
stn_level_alarm_clipping(stn_level_alarm_t *a, uint32_t clips)
{
    a->recent += clips - a->clips[a->block];
    a->clips[a->block] = clips;
    a->block = (a->block + 1) % STN_LEVEL_CLIP_BLOCKS;

    if (a->recent >= STN_LEVEL_CLIP_RUNS) {
        a->alarms |= STN_LEVEL_CLIPPING;

    } else if (a->recent == 0) {
        a->alarms &= ~STN_LEVEL_CLIPPING;
    }
}


static void
stn_level_alarm_one_ear(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels)
{
    unsigned  ear;

    if (channels < 2) {
        a->alarms &= ~STN_LEVEL_ONE_EAR;
        a->ear_ms = 0;
        return;
    }

    ear = rms[0] > rms[1];

    if (rms[ear] >= STN_LEVEL_EAR_FLOOR) {
        stn_level_alarm_both(a);
        return;
    }

    a->both_ms = 0;

    if (rms[!ear] >= STN_LEVEL_EAR_FLOOR + STN_LEVEL_EAR_ABOVE) {
        stn_level_alarm_ear(a, ear);
    }
}


static void
stn_level_alarm_both(stn_level_alarm_t *a)
{
    a->ear_ms = 0;
    stn_level_alarm_tick(&a->both_ms);

    if (a->both_ms >= STN_LEVEL_RETURN_MS) {
        a->alarms &= ~STN_LEVEL_ONE_EAR;
    }
}


static void
stn_level_alarm_ear(stn_level_alarm_t *a, unsigned ear)
{
    if (ear != a->ear) {
        a->ear = ear;
        a->ear_ms = 0;
        a->alarms &= ~STN_LEVEL_ONE_EAR;
    }

    stn_level_alarm_tick(&a->ear_ms);

    if (a->ear_ms >= STN_LEVEL_EAR_MS) {
        a->alarms |= STN_LEVEL_ONE_EAR;
    }
}


static void
stn_level_alarm_dead_air(stn_level_alarm_t *a, const int32_t *rms,
    unsigned channels)
{
    unsigned  c;

    for (c = 0; c < channels; c++) {
        if (rms[c] >= a->conf.dead_level) {
            stn_level_alarm_sound(a);
            return;
        }
    }

    stn_level_alarm_silence(a);
}


static void
stn_level_alarm_sound(stn_level_alarm_t *a)
{
    a->silent_ms = 0;
    stn_level_alarm_tick(&a->sound_ms);

    if (a->sound_ms >= STN_LEVEL_RETURN_MS) {
        a->alarms &= ~STN_LEVEL_DEAD;
    }
}


static void
stn_level_alarm_silence(stn_level_alarm_t *a)
{
    a->sound_ms = 0;
    stn_level_alarm_tick(&a->silent_ms);

    if (a->conf.dead_ms && a->silent_ms >= a->conf.dead_ms) {
        a->alarms |= STN_LEVEL_DEAD;
        a->alarms &= ~STN_LEVEL_ONE_EAR;
        a->ear_ms = 0;
    }
}


/* 32 bits of milliseconds are full after 49 days; then they stay so. */

static void
stn_level_alarm_tick(uint32_t *ms)
{
    if (*ms <= UINT32_MAX - STN_LEVEL_BLOCK_MS) {
        *ms += STN_LEVEL_BLOCK_MS;
    }
}
