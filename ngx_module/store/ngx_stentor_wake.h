/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The wake-up: one eventfd per worker slot, made in the master before it
 * forks, so that every process of any generation can wake every other one.  A
 * writer marks its stream dirty for the slots that read it and writes to
 * their descriptors; each worker then finds what changed and calls its hooks.
 */

#ifndef _NGX_STENTOR_WAKE_H_INCLUDED_
#define _NGX_STENTOR_WAKE_H_INCLUDED_


#include "ngx_stentor_store.h"


/* Called in the event loop after a wake-up, once for each dirty stream; with
 * a NULL stream once a wake-up, for whatever else may have changed. */
typedef void (*ngx_stentor_wake_pt)(void *data, ngx_stentor_stream_t *st);

/* Hooks a worker may have: readers, lives, their keeper, asks, hls, relays out,
 * pulls, the leader, and some to spare. */
#define NGX_STENTOR_WAKE_HOOKS  12


typedef struct {
    ngx_stentor_wake_pt      handler;
    void                    *data;
} ngx_stentor_wake_hook_t;


struct ngx_stentor_wake_s {
    ngx_stentor_store_t     *store;
    ngx_uint_t               slot;
    ngx_connection_t        *connection;    /* on the slot's eventfd */
    ngx_uint_t               nhooks;
    ngx_stentor_wake_hook_t  hooks[NGX_STENTOR_WAKE_HOOKS];
};


/* In the master: makes the descriptors that the zone does not have yet. */
ngx_int_t ngx_stentor_wake_init_fds(ngx_stentor_store_t *store,
    ngx_log_t *log);

/* In a worker: claims a slot and listens to its descriptor.  Returns NULL on
 * failure. */
ngx_stentor_wake_t *ngx_stentor_wake_open(ngx_cycle_t *cycle,
    ngx_stentor_store_t *store);

/* In a worker that exits: gives the slot back. */
void ngx_stentor_wake_close(ngx_stentor_wake_t *wake);

/* Adds a hook; called from init_process of the modules. */
ngx_int_t ngx_stentor_wake_hook(ngx_stentor_wake_t *wake,
    ngx_stentor_wake_pt handler, void *data);

/* Starts or stops being woken for a stream. */
void ngx_stentor_wake_listen(ngx_stentor_wake_t *wake,
    ngx_stentor_stream_t *st, ngx_uint_t on);

/* From any thread: wakes the readers of a stream.  Returns how many. */
ngx_uint_t ngx_stentor_wake_stream(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st);

/* The same for the writer of a stream, who has appended a part, of n records:
 * it is counted, too. */
void ngx_stentor_wake_part(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, ngx_stentor_record_t *records, ngx_uint_t n);

/* From any thread: wakes one worker, or all of them. */
void ngx_stentor_wake_slot(ngx_stentor_store_t *store, ngx_uint_t slot);
void ngx_stentor_wake_all(ngx_stentor_store_t *store);

/*
 * What all of that is made of, for whoever has an eventfd of his own: handler
 * is called in the event loop when it has been written to, with the connection
 * as its event's data and data as the connection's.  Returns NULL on failure.
 */
ngx_connection_t *ngx_stentor_wake_connect(int fd,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log);

/* From any thread; and in the handler, so that it is called again. */
void ngx_stentor_wake_write(int fd);
void ngx_stentor_wake_read(int fd);


#endif /* _NGX_STENTOR_WAKE_H_INCLUDED_ */
