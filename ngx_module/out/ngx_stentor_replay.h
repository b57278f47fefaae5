/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Replays ("replay"): what a stream was from its first live part to its last,
 * on disk, to be had while it is on and after.  The worker that writes a
 * stream to the store, be it its live thread or a pull, also has one thread
 * that reads it there and writes it to disk:
 *
 *     live thread, pull:   part -> store (a ring)        never waits
 *                                    |
 *     replay thread:       record, moof, mdat -> file    may wait for a disk
 *                          playlist, chapters            for ever
 *
 * The ring is the queue between the two: a disk that is slower than the
 * stream, or fails, has a window's time to come round, and loses parts then.
 * Nobody but the thread ever waits for it.  A replay is its thread's as long
 * as it has the lock of the plan, which the kernel takes from who dies; who
 * comes next repairs what he finds and goes on behind it.
 */

#ifndef _NGX_STENTOR_REPLAY_H_INCLUDED_
#define _NGX_STENTOR_REPLAY_H_INCLUDED_


#include "notify/ngx_stentor_notify.h"
#include "store/ngx_stentor_wake.h"


/* Makes the worker's replays, which look for streams to write by themselves;
 * NULL on failure. */
ngx_stentor_replays_t *ngx_stentor_replays_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* The worker exits, and writes no stream any more: what is in the store still
 * goes to disk, for at most 2 s (half a second if nginx terminates). */
void ngx_stentor_replays_exit(ngx_stentor_replays_t *replays);

/* The directive; conf is the ngx_stentor_app_t. */
char *ngx_stentor_replay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_STENTOR_REPLAY_H_INCLUDED_ */
