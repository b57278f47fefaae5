/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The thread of an SRT session (see ngx_stentor_srt.h): it waits to be let in,
 * receives, demuxes, and leaves configs and units to the event loop.  When
 * that has no room for more it waits, and libsrt and the broadcaster with it.
 * It ends by itself, or when the event loop says so; the socket is its own.
 */

#include "ngx_stentor_srt_session.h"


#define NGX_STENTOR_SRT_MEASURE_MS  1000


static ngx_uint_t ngx_stentor_srt_session_admitted(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_session_demux(ngx_stentor_srt_t *s);
static int ngx_stentor_srt_session_read(void *data, uint8_t *buf,
    size_t size);
static void ngx_stentor_srt_session_listen(ngx_stentor_srt_t *s);
static ngx_uint_t ngx_stentor_srt_session_silent(ngx_stentor_srt_t *s);
static ngx_uint_t ngx_stentor_srt_session_config(ngx_stentor_srt_t *s,
    stn_ts_event_t *ev);
static ngx_uint_t ngx_stentor_srt_session_unit(ngx_stentor_srt_t *s,
    const stn_au_t *au);
static ngx_uint_t ngx_stentor_srt_session_quit(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_session_wait(ngx_stentor_srt_t *s);
static void ngx_stentor_srt_session_fail(ngx_stentor_srt_t *s,
    ngx_stentor_counter_e counter, const char *reason);
static void ngx_stentor_srt_session_measure(ngx_stentor_srt_t *s);
static uint32_t ngx_stentor_srt_session_key(ngx_stentor_srt_t *s);
static ngx_msec_t ngx_stentor_srt_session_now(void);


void *
ngx_stentor_srt_session_run(void *data)
{
    ngx_stentor_srt_t *s = data;

    int  events;

    s->heard = ngx_stentor_srt_session_now();

    events = SRT_EPOLL_IN|SRT_EPOLL_ERR;
    s->eid = srt_epoll_create();

    if (srt_epoll_add_usock(s->eid, s->socket, &events) == SRT_ERROR) {
        ngx_stentor_srt_session_fail(s, NGX_STENTOR_COUNTERS,
                                     "out of memory or descriptors");

    } else if (ngx_stentor_srt_session_admitted(s)) {
        s->ts = stn_ts_open(ngx_stentor_srt_session_read, s, s->track);

        if (s->ts) {
            ngx_stentor_srt_session_demux(s);
            ngx_stentor_srt_session_measure(s);
        }

        stn_ts_close(s->ts);
    }

    (void) srt_epoll_release(s->eid);
    (void) srt_close(s->socket);

    pthread_mutex_lock(&s->mutex);
    s->ended = 1;
    pthread_mutex_unlock(&s->mutex);

    ngx_stentor_srt_tell(s);

    return NULL;
}


/* Waits for the event loop's verdict; what comes meanwhile waits in libsrt. */

static ngx_uint_t
ngx_stentor_srt_session_admitted(ngx_stentor_srt_t *s)
{
    ngx_uint_t  admitted;

    pthread_mutex_lock(&s->mutex);

    while (!s->admitted && !s->quit
           && srt_getsockstate(s->socket) == SRTS_CONNECTED)
    {
        ngx_stentor_srt_session_wait(s);
    }

    admitted = s->admitted && !s->quit;

    pthread_mutex_unlock(&s->mutex);

    return admitted;
}


static void
ngx_stentor_srt_session_demux(ngx_stentor_srt_t *s)
{
    int             rc;
    ngx_uint_t      on;
    stn_ts_event_t  ev;

    do {
        rc = stn_ts_next(s->ts, &ev);

        if (rc != STN_OK) {
            ngx_stentor_srt_session_fail(s, rc == STN_UNSUPPORTED
                                            ? NGX_STENTOR_INGEST_REFUSED_CODEC
                                         : NGX_STENTOR_INGEST_PROTOCOL_ERRORS,
                                         stn_ts_reason(s->ts));
            return;
        }

        switch (ev.type) {

        case STN_TS_EV_CONFIG:
            on = ngx_stentor_srt_session_config(s, &ev);
            break;

        case STN_TS_EV_AUDIO:
            s->heard = ngx_stentor_srt_session_now();
            on = ngx_stentor_srt_session_unit(s, &ev.au);
            break;

        default: /* STN_TS_EV_END */
            on = 0;
        }
    } while (on);
}


/* The demuxer asks for bytes. */

static int
ngx_stentor_srt_session_read(void *data, uint8_t *buf, size_t size)
{
    ngx_stentor_srt_t *s = data;

    int  n;

    for ( ;; ) {

        if (ngx_stentor_srt_session_quit(s)
            || ngx_stentor_srt_session_silent(s))
        {
            return 0;
        }

        n = srt_recvmsg(s->socket, (char *) buf, (int) size);

        if (n > 0) {
            s->received += n;

            if (ngx_stentor_srt_session_now() - s->measured
                > NGX_STENTOR_SRT_MEASURE_MS)
            {
                ngx_stentor_srt_session_measure(s);
            }

            return n;
        }

        if (n == 0 || srt_getlasterror(NULL) != SRT_EASYNCRCV) {
            return 0;
        }

        ngx_stentor_srt_session_listen(s);
    }
}


/* Waits for a packet whose time has come.  A socket that blocks would not do:
 * when its time-out (SRTO_RCVTIMEO) is over libsrt 1.5 gives out what is there,
 * however long before its time, and nothing is left of the latency. */

static void
ngx_stentor_srt_session_listen(ngx_stentor_srt_t *s)
{
    int        n;
    SRTSOCKET  ready;

    n = 1;
    (void) srt_epoll_wait(s->eid, &ready, &n, NULL, NULL,
                          NGX_STENTOR_SRT_TICK_MS, NULL, NULL, NULL, NULL);
}


static ngx_uint_t
ngx_stentor_srt_session_silent(ngx_stentor_srt_t *s)
{
    if (ngx_stentor_srt_session_now() - s->heard <= s->conf->media_timeout) {
        return 0;
    }

    ngx_stentor_srt_session_fail(s, NGX_STENTOR_INGEST_TIMEOUTS,
                                 "broadcaster sends no audio");
    return 1;
}


/* Whatever comes after a config waits until the event loop has taken it.
 * Returns whether to go on. */

static ngx_uint_t
ngx_stentor_srt_session_config(ngx_stentor_srt_t *s, stn_ts_event_t *ev)
{
    if (ev->config.len > sizeof(s->config)) {
        ngx_stentor_srt_session_fail(s, NGX_STENTOR_INGEST_PROTOCOL_ERRORS,
                                     "the decoder's config is too long");
        return 0;
    }

    pthread_mutex_lock(&s->mutex);

    s->codec = ev->config.codec;
    s->config_len = ev->config.len;

    if (ev->config.len) {
        ngx_memcpy(s->config, ev->config.data, ev->config.len);
    }

    s->configured = 1;

    pthread_mutex_unlock(&s->mutex);

    ngx_stentor_srt_tell(s);

    pthread_mutex_lock(&s->mutex);

    while (s->configured && !s->quit) {
        ngx_stentor_srt_session_wait(s);
    }

    pthread_mutex_unlock(&s->mutex);

    return !ngx_stentor_srt_session_quit(s);
}


static ngx_uint_t
ngx_stentor_srt_session_unit(ngx_stentor_srt_t *s, const stn_au_t *au)
{
    ngx_uint_t  quit;

    pthread_mutex_lock(&s->mutex);

    while (stn_fifo_put(&s->units, au) != STN_OK && !s->quit) {
        ngx_stentor_srt_session_wait(s);
    }

    quit = s->quit;

    pthread_mutex_unlock(&s->mutex);

    ngx_stentor_srt_tell(s);

    return !quit;
}


static ngx_uint_t
ngx_stentor_srt_session_quit(ngx_stentor_srt_t *s)
{
    ngx_uint_t  quit;

    pthread_mutex_lock(&s->mutex);
    quit = s->quit;
    pthread_mutex_unlock(&s->mutex);

    return quit;
}


/* Under the mutex: for the event loop, and never for long. */

static void
ngx_stentor_srt_session_wait(ngx_stentor_srt_t *s)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    ts.tv_nsec += NGX_STENTOR_SRT_TICK_MS * 1000000L;

    if (ts.tv_nsec >= 1000000000L) {
        ts.tv_nsec -= 1000000000L;
        ts.tv_sec++;
    }

    pthread_cond_timedwait(&s->cond, &s->mutex, &ts);
}


/* The event loop tells the log, and counts; what was first counts. */

static void
ngx_stentor_srt_session_fail(ngx_stentor_srt_t *s,
    ngx_stentor_counter_e counter, const char *reason)
{
    pthread_mutex_lock(&s->mutex);

    if (s->reason == NULL) {
        s->counter = counter;
        s->reason = reason;
    }

    pthread_mutex_unlock(&s->mutex);
}


/* For status. */

static void
ngx_stentor_srt_session_measure(ngx_stentor_srt_t *s)
{
    SRT_TRACEBSTATS           perf;
    const stn_ts_stats_t     *ts;
    ngx_stentor_srt_stats_t  *stats;

    s->measured = ngx_stentor_srt_session_now();

    ngx_memzero(&perf, sizeof(perf));
    (void) srt_bstats(s->socket, &perf, 0);

    ts = stn_ts_stats(s->ts);

    pthread_mutex_lock(&s->mutex);

    stats = &s->stats;

    stats->rtt_us = (uint32_t) (perf.msRTT * 1000);
    stats->latency_ms = (uint32_t) perf.msRcvTsbPdDelay;
    stats->buffer_ms = (uint32_t) perf.msRcvBuf;
    stats->key_bits = ngx_stentor_srt_session_key(s);
    stats->packets = (uint64_t) perf.pktRecvTotal;
    stats->lost = (uint64_t) perf.pktRcvLossTotal;
    stats->retransmitted = (uint64_t) perf.pktRcvRetrans;
    stats->dropped = (uint64_t) perf.pktRcvDropTotal;
    stats->undecrypted = (uint64_t) perf.pktRcvUndecryptTotal;

    s->bytes = s->received;
    s->video_packets = ts->video_packets;

    pthread_mutex_unlock(&s->mutex);

    ngx_stentor_srt_tell(s);
}


static uint32_t
ngx_stentor_srt_session_key(ngx_stentor_srt_t *s)
{
    int  state, bytes, len;

    state = SRT_KM_S_UNSECURED;
    bytes = 0;
    len = sizeof(int);

    (void) srt_getsockflag(s->socket, SRTO_RCVKMSTATE, &state, &len);

    if (state != SRT_KM_S_SECURED) {
        return 0;
    }

    len = sizeof(int);
    (void) srt_getsockflag(s->socket, SRTO_PBKEYLEN, &bytes, &len);

    return (uint32_t) bytes * 8;
}


static ngx_msec_t
ngx_stentor_srt_session_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_msec_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
