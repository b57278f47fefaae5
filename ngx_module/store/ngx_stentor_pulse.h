/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The pulse: what the node's figures were in the last seconds, and the verdict
 * that they come to (stn_verdict.h), in the zone, so that any worker tells the
 * same.
 *
 *     each worker:  how late its event loop is, how busy, how many of its
 *                   connections have never asked --> its place here
 *     one worker, the sampler, once a second:  sums -> ring -> verdict
 *
 * When the sampler dies or exits another takes its place.
 */

#ifndef _NGX_STENTOR_PULSE_H_INCLUDED_
#define _NGX_STENTOR_PULSE_H_INCLUDED_


#include "ngx_stentor_store.h"
#include "audience/stn_verdict.h"


/* Samples that are kept, one a second: those that rates are the mean of. */
#define NGX_STENTOR_PULSE_SAMPLES  4


/* What is summed up in a sample. */

typedef enum {
    NGX_STENTOR_PULSE_ACCEPTED,      /* these two are nginx's own */
    NGX_STENTOR_PULSE_REQUESTS,
    NGX_STENTOR_PULSE_USED,          /* and these are levels */
    NGX_STENTOR_PULSE_LISTENERS,
    NGX_STENTOR_PULSE_FIRSTS,
    NGX_STENTOR_PULSE_CONNECTS,
    NGX_STENTOR_PULSE_PLAYLISTS,
    NGX_STENTOR_PULSE_MEDIA,
    NGX_STENTOR_PULSE_AUDIO_MS,
    NGX_STENTOR_PULSE_REPEATS,
    NGX_STENTOR_PULSE_MALFORMED,
    NGX_STENTOR_PULSE_BAD,
    NGX_STENTOR_PULSE_NOT_FOUND,
    NGX_STENTOR_PULSE_REFUSED,
    NGX_STENTOR_PULSE_JOINS,
    NGX_STENTOR_PULSE_ENDED_PLAYLISTS,
    NGX_STENTOR_PULSE_ENDED_MEDIA,
    NGX_STENTOR_PULSE_INITS,
    NGX_STENTOR_PULSE_STEERINGS,
    NGX_STENTOR_PULSE_OPTIONS,
    NGX_STENTOR_PULSE_SUMS
} ngx_stentor_pulse_sum_e;


typedef struct {
    int64_t                  ms;
    uint64_t                 sums[NGX_STENTOR_PULSE_SUMS];
} ngx_stentor_sample_t;


/* What a client's connection is at. */

typedef enum {
    NGX_STENTOR_PULSE_OTHER,         /* it is none of http */
    NGX_STENTOR_PULSE_YOUNG,         /* it has asked for nothing or half of
                                        something, for a moment; */
    NGX_STENTOR_PULSE_MUTE,          /* for nothing, for some seconds; */
    NGX_STENTOR_PULSE_READING,       /* for half of something, for some */
    NGX_STENTOR_PULSE_ASKED,         /* anything else */
    NGX_STENTOR_PULSE_KINDS
} ngx_stentor_pulse_kind_e;

typedef ngx_stentor_pulse_kind_e (*ngx_stentor_pulse_look_pt)(
    ngx_connection_t *c);


/* The verdict of the node is another one than was: who is not here is to be
 * told.  In the sampler's event loop, and never more often than
 * STN_VERDICT_TELL_MS. */
typedef void (*ngx_stentor_pulse_news_pt)(ngx_cycle_t *cycle,
    stn_verdict_e was, const stn_verdict_t *verdict,
    const stn_verdict_figures_t *figures);


/* A worker's place. */

typedef struct {
    ngx_atomic_t             late_ms;    /* most since the last sample */
    ngx_atomic_t             cpu;        /* thousandths of a core */
    ngx_atomic_t             used;       /* connections, */
    ngx_atomic_t             places;     /* in thousandths of all */
    ngx_atomic_t             kinds[NGX_STENTOR_PULSE_KINDS];    /* of its
                                            connections */
} ngx_stentor_pulse_slot_t;


/* What is known of a stream; its writer is the sampler. */

typedef struct {
    ngx_atomic_t             verdict;    /* stn_verdict_e */
    ngx_atomic_t             incarnation;    /* that it is of */
    int64_t                  fed_ms;     /* live, or fed by its upstream, then;
                                            0: not yet */
} ngx_stentor_pulse_stream_t;


/* In the zone.  Times are of ngx_current_msec, which all processes share. */

typedef struct {
    ngx_atomic_t             sampler;    /* pid; 0: nobody */
    ngx_atomic_t             sampled_ms; /* it was at work then */
    ngx_atomic_t             seq;        /* of what follows; odd: being
                                            written */
    stn_verdict_t            verdict;
    stn_verdict_figures_t    figures;
    stn_verdict_told_t       news;       /* the sampler's */
    ngx_atomic_t             told[STN_ATTACKS];  /* times that there was one */
    ngx_uint_t               samples;    /* ever */
    ngx_stentor_sample_t     ring[NGX_STENTOR_PULSE_SAMPLES + 1];
    ngx_stentor_pulse_slot_t    slots[NGX_STENTOR_SLOTS];
    ngx_stentor_pulse_stream_t  streams[];
} ngx_stentor_pulses_t;


/* Makes it, when the zone is new.  NGX_ERROR: no room. */
ngx_int_t ngx_stentor_pulse_create(ngx_stentor_store_t *store);

/* Begins a worker's, that looks after its crowd, too, at once and each second:
 * whether or not anybody is there.  look says what a connection is at, news is
 * called when the verdict changes.  Returns NULL out of memory. */
ngx_stentor_pulse_t *ngx_stentor_pulse_start(ngx_cycle_t *cycle,
    ngx_stentor_wake_t *wake, ngx_stentor_crowd_t *crowd,
    ngx_stentor_pulse_look_pt look, ngx_stentor_pulse_news_pt news);

/* The worker exits: another may be the sampler. */
void ngx_stentor_pulse_exit(ngx_stentor_pulse_t *pulse);

/* Copies the verdict and its figures, of the same sample.  Returns NGX_OK, or
 * NGX_DECLINED: they are being written. */
ngx_int_t ngx_stentor_pulse_read(ngx_stentor_store_t *store,
    stn_verdict_t *verdict, stn_verdict_figures_t *figures);

/* What a worker says of itself: of the event loop, thousandths of a core, and
 * of its connections those in use. */
void ngx_stentor_pulse_worker(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_uint_t *cpu, ngx_uint_t *places);

/* Times that an attack of that kind was told. */
uint64_t ngx_stentor_pulse_told(ngx_stentor_store_t *store,
    stn_attack_e kind);

/* What the last sample says of a stream. */
stn_verdict_e ngx_stentor_pulse_stream(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* Who listens to it now, by way of all workers that live. */
uint32_t ngx_stentor_pulse_listeners(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);


#endif /* _NGX_STENTOR_PULSE_H_INCLUDED_ */
