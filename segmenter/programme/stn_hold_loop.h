/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From samples to a loop of frames: what all hold audio is made with.  The
 * sound is encoded as it comes, so memory is that of a few seconds, however
 * long the loop; its end is mixed into its beginning, and encoding goes on
 * until the first frame that was kept comes round again.  One thread uses a
 * maker; the loop it gives is the caller's.
 */

#ifndef STN_HOLD_LOOP_H
#define STN_HOLD_LOOP_H

#include "stn_pcm.h"
#include "programme/stn_hold.h"


typedef struct stn_hold_loop_s  stn_hold_loop_t;


typedef struct {
    const stn_format_t  *format;     /* what the loop stands in for */
    uint32_t             bitrate;    /* bit/s */
    uint32_t             fade_ms;    /* how much of the end sounds together
                                        with the beginning */
    uint32_t             lead;       /* frames encoded before one is kept: so
                                        long takes rate control to settle */
    volatile int        *stop;       /* ends the work when not 0; may be NULL */
} stn_hold_loop_conf_t;


/* Makes a maker.  Returns STN_OK, STN_NOMEM, or STN_UNSUPPORTED when the
 * format cannot be encoded. */
int stn_hold_loop_open(stn_hold_loop_t **loop,
    const stn_hold_loop_conf_t *conf);

void stn_hold_loop_close(stn_hold_loop_t *l);

/* What it must be fed: Hz, and how many channels at most. */
uint32_t stn_hold_loop_rate(const stn_hold_loop_t *l);
unsigned stn_hold_loop_channels(const stn_hold_loop_t *l);

/* Takes more of the sound; channels that pcm does not have are silent.
 * Returns STN_OK, STN_NOMEM, STN_LIMIT (the loop is too large), STN_ERROR (the
 * encoder fails), or STN_AGAIN when it was stopped. */
int stn_hold_loop_feed(stn_hold_loop_t *l, const stn_pcm_t *pcm);

/* Closes the loop and gives it to h.  Returns as feed does; STN_ERROR also
 * when what was fed is not long enough for a loop. */
int stn_hold_loop_finish(stn_hold_loop_t *l, stn_hold_t *h);


#endif /* STN_HOLD_LOOP_H */
