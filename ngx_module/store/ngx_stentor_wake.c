/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Waking workers (see ngx_stentor_wake.h).  A descriptor's number is the same
 * in the master and all of its children, so the zone can name it.
 */

#include "ngx_stentor_wake.h"

#include <sys/eventfd.h>


static uint64_t ngx_stentor_wake_now(void);
static void ngx_stentor_wake_handler(ngx_event_t *rev);
static void ngx_stentor_wake_noticed(ngx_stentor_slot_t *slot);
static ngx_int_t ngx_stentor_wake_claim(ngx_stentor_wake_t *wake);
static void ngx_stentor_wake_forget(ngx_stentor_wake_t *wake);
static void ngx_stentor_wake_call(ngx_stentor_wake_t *wake,
    ngx_stentor_stream_t *st);


ngx_int_t
ngx_stentor_wake_init_fds(ngx_stentor_store_t *store, ngx_log_t *log)
{
    int         fd;
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {

        if (store->head->fds[i] != -1) {
            continue;
        }

        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
        if (fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "stentor: eventfd() failed");
            return NGX_ERROR;
        }

        store->head->fds[i] = fd;
    }

    return NGX_OK;
}


ngx_stentor_wake_t *
ngx_stentor_wake_open(ngx_cycle_t *cycle, ngx_stentor_store_t *store)
{
    ngx_stentor_wake_t  *wake;

    wake = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_wake_t));
    if (wake == NULL) {
        return NULL;
    }

    wake->store = store;

    if (ngx_stentor_wake_claim(wake) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "stentor: all %d worker slots are taken",
                      NGX_STENTOR_SLOTS);
        return NULL;
    }

    wake->connection = ngx_stentor_wake_connect(store->head->fds[wake->slot],
                                                ngx_stentor_wake_handler,
                                                wake, cycle->log);

    return wake->connection ? wake : NULL;
}


ngx_connection_t *
ngx_stentor_wake_connect(int fd, ngx_event_handler_pt handler, void *data,
    ngx_log_t *log)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, log);
    if (c == NULL) {
        return NULL;
    }

    c->data = data;
    c->log = log;
    c->read->log = log;
    c->read->handler = handler;

    /* like nginx's own channel: not a client left over when a worker exits */
    c->read->channel = 1;

    return ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) == NGX_OK
           ? c : NULL;
}


static ngx_int_t
ngx_stentor_wake_claim(ngx_stentor_wake_t *wake)
{
    ngx_uint_t           i, k;
    ngx_atomic_uint_t    pid;
    ngx_stentor_slot_t  *slot;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        slot = ngx_stentor_store_slot(wake->store, i);
        pid = slot->pid;

        /* a worker that was killed could not give its slot back */

        if (pid && (kill((ngx_pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH)) {
            continue;
        }

        if (ngx_atomic_cmp_set(&slot->pid, pid, (ngx_atomic_uint_t) ngx_pid)) {
            wake->slot = i;
            slot->exiting = 0;
            slot->woken_us = 0;
            slot->wake_us = 0;
            ngx_stentor_wake_forget(wake);

            ngx_memzero(ngx_stentor_store_waiters(wake->store, i),
                        wake->store->nstreams * sizeof(uint32_t));
            ngx_memzero(ngx_stentor_store_listeners(wake->store, i),
                        wake->store->nstreams * sizeof(uint32_t));
            ngx_memzero(ngx_stentor_store_present(wake->store, i),
                        wake->store->nstreams * sizeof(uint32_t));

            for (k = NGX_STENTOR_FIRST_GAUGE; k < NGX_STENTOR_COUNTERS; k++) {
                slot->counters[k] = 0;
            }

            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


void
ngx_stentor_wake_close(ngx_stentor_wake_t *wake)
{
    ngx_stentor_slot_t  *slot;

    slot = ngx_stentor_store_slot(wake->store, wake->slot);

    ngx_stentor_wake_forget(wake);

    ngx_memzero(ngx_stentor_store_waiters(wake->store, wake->slot),
                wake->store->nstreams * sizeof(uint32_t));

    __atomic_store_n(&slot->pid, 0, __ATOMIC_RELEASE);
}


/* Nothing is to wake the slot that was meant for an earlier worker. */

static void
ngx_stentor_wake_forget(ngx_stentor_wake_t *wake)
{
    ngx_uint_t  i;

    for (i = 0; i < wake->store->nstreams; i++) {
        ngx_stentor_wake_listen(wake,
                                ngx_stentor_store_stream(wake->store, i), 0);
    }
}


ngx_int_t
ngx_stentor_wake_hook(ngx_stentor_wake_t *wake, ngx_stentor_wake_pt handler,
    void *data)
{
    if (wake->nhooks == NGX_STENTOR_WAKE_HOOKS) {
        return NGX_ERROR;
    }

    wake->hooks[wake->nhooks].handler = handler;
    wake->hooks[wake->nhooks].data = data;
    wake->nhooks++;

    return NGX_OK;
}


void
ngx_stentor_wake_listen(ngx_stentor_wake_t *wake, ngx_stentor_stream_t *st,
    ngx_uint_t on)
{
    ngx_atomic_t       *word;
    ngx_atomic_uint_t   bit;

    word = &st->readers[wake->slot / 64];
    bit = (ngx_atomic_uint_t) 1 << wake->slot % 64;

    if (on) {
        __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
    } else if (*word & bit) {
        __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
    }
}


ngx_uint_t
ngx_stentor_wake_stream(ngx_stentor_store_t *store, ngx_stentor_stream_t *st)
{
    ngx_uint_t          i, n, slot;
    ngx_atomic_t       *dirty;
    ngx_atomic_uint_t   word;

    n = 0;

    /* a reader says that it listens and then looks for parts; we have made
     * the part and now look who listens: one of us sees the other */

    ngx_stentor_fence();

    for (i = 0; i < NGX_STENTOR_SLOTS / 64; i++) {
        word = __atomic_load_n(&st->readers[i], __ATOMIC_SEQ_CST);

        for ( /* void */ ; word; word &= word - 1) {
            slot = i * 64 + __builtin_ctzll(word);

            dirty = ngx_stentor_store_dirty(store, slot);
            __atomic_fetch_or(&dirty[st->index / 64],
                              (ngx_atomic_uint_t) 1 << st->index % 64,
                              __ATOMIC_SEQ_CST);

            ngx_stentor_wake_slot(store, slot);
            n++;
        }
    }

    return n;
}


void
ngx_stentor_wake_part(ngx_stentor_store_t *store, ngx_stentor_stream_t *st,
    ngx_stentor_record_t *records, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        st->counters[NGX_STENTOR_STREAM_BYTES] += records[i].len;
    }

    st->counters[NGX_STENTOR_STREAM_PARTS]++;
    st->counters[NGX_STENTOR_STREAM_SEGMENTS] += records[0].last;
    st->counters[NGX_STENTOR_STREAM_WAKES] += ngx_stentor_wake_stream(store,
                                                                      st);
}


void
ngx_stentor_wake_slot(ngx_stentor_store_t *store, ngx_uint_t slot)
{
    (void) ngx_atomic_cmp_set(&ngx_stentor_store_slot(store, slot)->woken_us,
                              0, ngx_stentor_wake_now());
    ngx_stentor_wake_write(store->head->fds[slot]);
}


/* Of a clock that all processes share, and nobody sets; never 0. */

static uint64_t
ngx_stentor_wake_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + 1;
}


void
ngx_stentor_wake_write(int fd)
{
    ssize_t         n;
    const uint64_t  one = 1;

    /* it fails only when the counter is full: the worker has been woken */

    do {
        n = write(fd, &one, sizeof(one));
    } while (n == -1 && ngx_errno == NGX_EINTR);
}


void
ngx_stentor_wake_all(ngx_stentor_store_t *store)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        if (store->head->slots[i].pid) {
            ngx_stentor_wake_slot(store, i);
        }
    }
}


static void
ngx_stentor_wake_handler(ngx_event_t *rev)
{
    ngx_uint_t           i, k, words;
    ngx_atomic_t        *dirty;
    ngx_connection_t    *c;
    ngx_atomic_uint_t    word;
    ngx_stentor_wake_t  *wake;

    c = rev->data;
    wake = c->data;

    ngx_stentor_wake_read(c->fd);
    ngx_stentor_wake_noticed(ngx_stentor_store_slot(wake->store, wake->slot));

    ngx_stentor_store_count(wake->store, wake->slot, NGX_STENTOR_HLS_WAKES,
                            1);

    dirty = ngx_stentor_store_dirty(wake->store, wake->slot);
    words = (wake->store->nstreams + 63) / 64;

    for (i = 0; i < words; i++) {
        word = __atomic_exchange_n(&dirty[i], 0, __ATOMIC_SEQ_CST);

        for ( /* void */ ; word; word &= word - 1) {
            k = i * 64 + __builtin_ctzll(word);

            ngx_stentor_wake_call(wake,
                                  ngx_stentor_store_stream(wake->store, k));
        }
    }

    ngx_stentor_wake_call(wake, NULL);
}


/* Who wakes says so before he writes: what was read here has been said, and
 * what has been said meanwhile is noticed now. */

static void
ngx_stentor_wake_noticed(ngx_stentor_slot_t *slot)
{
    uint64_t           us;
    ngx_atomic_uint_t  since;

    since = __atomic_exchange_n(&slot->woken_us, 0, __ATOMIC_SEQ_CST);

    if (since == 0) {
        return;
    }

    us = ngx_stentor_wake_now() - since;

    if (us > slot->wake_us) {
        ngx_stentor_save(&slot->wake_us, us);
    }
}


void
ngx_stentor_wake_read(int fd)
{
    ssize_t   n;
    uint64_t  count;

    do {
        n = read(fd, &count, sizeof(count));
    } while (n == -1 && ngx_errno == NGX_EINTR);
}


static void
ngx_stentor_wake_call(ngx_stentor_wake_t *wake, ngx_stentor_stream_t *st)
{
    ngx_uint_t  i;

    for (i = 0; i < wake->nhooks; i++) {
        wake->hooks[i].handler(wake->hooks[i].data, st);
    }
}
