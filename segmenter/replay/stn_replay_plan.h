/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The plan of a replay: what cannot be read off its media, so that it can be
 * gone on with, or ended, by whoever finds it after a crash.  It lies beside
 * them as text:
 *
 *     StnReplay 1 PART_US PARTS DEAD_US TRIM
 *     RENDITION
 *     ...
 *     over END_US             (before listeners are told that it has ended)
 *     end END_US              (once all of its files are complete)
 */

#ifndef STN_REPLAY_PLAN_H
#define STN_REPLAY_PLAN_H

#include "replay/stn_replay_log.h"


#define STN_REPLAY_PLAN_MAX   1024
#define STN_REPLAY_REND_MAX   32


typedef struct {
    stn_replay_conf_t  conf;
    char               names[STN_REPLAY_RENDITIONS][STN_REPLAY_REND_MAX];
    int64_t            over_us;      /* Unix time; 0: it has not ended, */
    int64_t            end_us;       /* 0: or it is still to be completed */
} stn_replay_plan_t;


/* Appends a plan.  Returns STN_OK, or the buffer's error. */
int stn_replay_plan_put(stn_buf_t *out, const stn_replay_plan_t *plan);

/* Reads len bytes of text.  Returns STN_OK, or STN_ERROR: it is none, or is
 * torn. */
int stn_replay_plan_get(const char *text, size_t len,
    stn_replay_plan_t *plan);

/*
 * Whether a replay of the one plan may be gone on with by the other: renditions
 * and the grid of segments are the same.  Its longest segment was told with the
 * first one, and must not change.  (Parts of another sample rate are longer or
 * shorter by less than that.)  Returns 1 or 0.
 */
int stn_replay_plan_same(const stn_replay_plan_t *a,
    const stn_replay_plan_t *b);


#endif /* STN_REPLAY_PLAN_H */
