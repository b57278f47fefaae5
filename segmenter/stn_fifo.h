/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A bounded first-in-first-out queue of access units in one block of memory.
 * Nothing is allocated per unit.  It does not lock: who shares one between
 * threads guards it.
 */

#ifndef STN_FIFO_H
#define STN_FIFO_H

#include "stn_au.h"


typedef struct {
    uint8_t  *data;
    size_t    size;       /* of data, bytes */
    size_t    head;       /* where the next unit is read */
    size_t    tail;       /* where the next unit is written */
    size_t    end;        /* where the units before the wrap end */
    size_t    count;      /* units held */
} stn_fifo_t;


/* Makes a queue of size bytes (24 of them are spent on each unit).
 * Returns STN_OK or STN_NOMEM. */
int stn_fifo_init(stn_fifo_t *f, size_t size);

void stn_fifo_free(stn_fifo_t *f);

/* Forgets what is held. */
void stn_fifo_reset(stn_fifo_t *f);

/* Whether a unit of len bytes would find room.  Returns 1 or 0. */
int stn_fifo_fits(const stn_fifo_t *f, size_t len);

/* Copies a unit in.  Returns STN_OK, or STN_LIMIT when there is no room. */
int stn_fifo_put(stn_fifo_t *f, const stn_au_t *au);

/* Shows the oldest unit; its data stays valid until it is dropped.
 * Returns STN_OK, or STN_AGAIN when the queue is empty. */
int stn_fifo_peek(const stn_fifo_t *f, stn_au_t *au);

/* Forgets the oldest unit, if there is one. */
void stn_fifo_drop(stn_fifo_t *f);


#endif /* STN_FIFO_H */
