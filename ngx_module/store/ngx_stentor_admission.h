/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Broadcasters by address: how many sessions each has, and how often each has
 * failed to be let in.  Both are tables in the zone's head, of one word an
 * entry, so that all workers and any thread share them without a lock, and a
 * worker that dies in the middle of it leaves nothing behind that matters:
 *
 *     sessions:  | hash of address : 32 | pid : 32 |         0: free
 *     failures:  | hash of address : 32 | forgiven at : 32 | 0: free
 *
 * An IPv6 address counts by its first 64 bits, which is what one customer
 * has; a Unix socket has no address, and is not counted.
 */

#ifndef _NGX_STENTOR_ADMISSION_H_INCLUDED_
#define _NGX_STENTOR_ADMISSION_H_INCLUDED_


#include "ngx_stentor_store.h"


/* So many failures at once, and then one in such a time. */
#define NGX_STENTOR_FAILURES_BURST   10
#define NGX_STENTOR_FAILURE_MS       6000


/* The bytes of an address by which whoever has it is told from others: IPv4
 * has 4, by whatever socket it came, IPv6 has 8.  Returns how many there are
 * at *p, in sa; 0: there are none. */
size_t ngx_stentor_admission_address(const struct sockaddr *sa,
    const u_char **p);

/* Those as the tables know them; 0: there are none. */
uint32_t ngx_stentor_admission_key(ngx_stentor_store_t *store,
    const struct sockaddr *sa);

/*
 * Whether there is room for one more session.  all and per_address are the
 * most there may be (0: as many as the table has).  Returns NGX_OK; NGX_BUSY
 * when the node has all; NGX_DECLINED when the address has.
 */
ngx_int_t ngx_stentor_admission_room(ngx_stentor_store_t *store,
    uint32_t key, ngx_uint_t all, ngx_uint_t per_address);

/* Enters a session of this process, if there is room.  Returns likewise; with
 * NGX_OK its place, to be given to leave. */
ngx_int_t ngx_stentor_admission_enter(ngx_stentor_store_t *store,
    uint32_t key, ngx_uint_t all, ngx_uint_t per_address, ngx_uint_t *place);

void ngx_stentor_admission_leave(ngx_stentor_store_t *store,
    ngx_uint_t place);

/* The address has failed. */
void ngx_stentor_admission_fail(ngx_stentor_store_t *store, uint32_t key);

/* Whether it has failed so often that it must wait. */
ngx_uint_t ngx_stentor_admission_waits(ngx_stentor_store_t *store,
    uint32_t key);


#endif /* _NGX_STENTOR_ADMISSION_H_INCLUDED_ */
