/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * SRT ingest.  libsrt has threads of its own and blocks, so nothing of it
 * touches an event loop:
 *
 *     libsrt's threads   handshakes: who may come in (listen callback)
 *     port thread        listens, accepts, starts a thread for each session
 *     session thread     receives, demuxes MPEG-TS (stn_ts)
 *                          | config, units (mutex)          ^ admitted, quit
 *     event loop           v  source -> live                |
 *
 * All packets of a UDP port go to one process, so one worker at a time has
 * all SRT ports of a node: the lease is in the store's head.  When that worker
 * exits, its sessions end in order, and the next one has the ports at once;
 * when it dies, likewise.  Callers repeat their handshakes meanwhile.
 */

#ifndef _NGX_STENTOR_SRT_H_INCLUDED_
#define _NGX_STENTOR_SRT_H_INCLUDED_


#include "ngx_stentor_srt_conf.h"


/* Makes the worker's SRT; it has the ports when no other worker has.  NULL on
 * failure. */
ngx_stentor_srts_t *ngx_stentor_srts_create(ngx_cycle_t *cycle,
    ngx_stentor_conf_t *scf);

/* The worker exits: ends all sessions, and waits for the threads. */
void ngx_stentor_srts_exit(ngx_stentor_srts_t *srts);


#endif /* _NGX_STENTOR_SRT_H_INCLUDED_ */
