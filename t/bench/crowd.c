/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * crowd - thousands of low-latency HLS listeners in one thread, spread over
 * edges (ports of 127.0.0.1) and streams, who check what they get: every part
 * once, each beginning where the one before it ended, named as its place
 * says, the same bytes from all edges (crowd_listener.c).  Prints JSON: one
 * object at the end, and, with -i, one for each letter of standard input that
 * asks for it.  All times in it are milliseconds.
 */

#include "crowd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>


#define CROWD_USAGE                                                          \
    "usage: crowd [options] PORT...\n"                                       \
    "  -n N      listeners (100)          -r N      that join a second\n"    \
    "                                               (1000)\n"                \
    "  -s NAME   stream (live/studio1)    -S N      N streams: NAME1 and\n"  \
    "                                               so on\n"                 \
    "  -t SEC    how long at most (60; with -i till its end)\n"              \
    "  -k N      one in N compares bytes with what others got (1)\n"         \
    "  -b SEC    the least hold-back of players (the playlist's)\n"          \
    "  -T SEC    give up an answer after that long (10)\n"                   \
    "  -f        failover: whose edge is gone goes to the next one\n"        \
    "  -i        \"l\" on standard input prints what has been since the\n"  \
    "            last mark, \"m\" does so and sets one\n"                    \
    "errors that may never be are counted as \"wrong\", too\n"               \
    "exit status: 0 nothing was wrong, 1 something was, 2 set-up\n"

#define CROWD_EVENTS   512
#define CROWD_TICK_MS  20
#define CROWD_SECOND   1000000000LL


static volatile sig_atomic_t  crowd_stop;


static int crowd_options(crowd_t *c, int argc, char **argv);
static int crowd_ports(crowd_t *c, char **ports, int n);
static int crowd_prepare(crowd_t *c);
static void crowd_run(crowd_t *c);
static void crowd_come(crowd_t *c, int64_t since);
static void crowd_told(crowd_t *c);
static void crowd_gaps(crowd_t *c);
static void crowd_mark(crowd_t *c);
static void crowd_print(crowd_t *c, crowd_stat_t *stat, int64_t since);
static void crowd_signal(int n);


int
main(int argc, char **argv)
{
    long            wrong;
    unsigned        i;
    int64_t         start;
    static crowd_t  c;

    if (crowd_options(&c, argc, argv) != STN_OK
        || crowd_prepare(&c) != STN_OK)
    {
        fprintf(stderr, c.reason ? "crowd: %s\n" : "%s",
                c.reason ? c.reason : CROWD_USAGE);
        return 2;
    }

    signal(SIGTERM, crowd_signal);
    signal(SIGINT, crowd_signal);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);

    start = bench_now_ns();
    crowd_run(&c);

    crowd_gaps(&c);
    crowd_mark(&c);
    crowd_print(&c, c.all, start);

    for (i = 0, wrong = 0; i < c.nedges; i++) {
        wrong += crowd_stat_wrong(&c.all[i]);
    }

    return wrong ? 1 : 0;
}


static int
crowd_options(crowd_t *c, int argc, char **argv)
{
    int  o;

    c->nlisteners = 100;
    c->nstreams = 1;
    c->stream = "live/studio1";
    c->rate = 1000;
    c->seconds = -1;
    c->verify = 1;
    c->timeout = 10 * CROWD_SECOND;

    while ((o = getopt(argc, argv, "n:r:s:S:t:k:b:T:fi")) != -1) {

        switch (o) {
        case 'n': c->nlisteners = (unsigned) atoi(optarg); break;
        case 'r': c->rate = atol(optarg); break;
        case 's': c->stream = optarg; break;
        case 'S': c->nstreams = (unsigned) atoi(optarg); break;
        case 't': c->seconds = atol(optarg); break;
        case 'k': c->verify = (unsigned) atoi(optarg); break;
        case 'b': c->hold_ms = atof(optarg) * 1000; break;
        case 'T': c->timeout = atol(optarg) * CROWD_SECOND; break;
        case 'f': c->failover = 1; break;
        case 'i': c->told = 1; break;
        default: return STN_ERROR;
        }
    }

    if (c->seconds < 0) {
        c->seconds = c->told ? 0 : 60;
    }

    if (c->nlisteners < 1 || c->nlisteners > CROWD_LISTENERS || c->rate < 1
        || c->nstreams < 1 || c->nstreams > CROWD_STREAMS || c->verify < 1
        || c->timeout < CROWD_SECOND || strlen(c->stream) > CROWD_URI
        || (c->seconds == 0 && !c->told))
    {
        return STN_ERROR;
    }

    return crowd_ports(c, argv + optind, argc - optind);
}


static int
crowd_ports(crowd_t *c, char **ports, int n)
{
    if (n < 1 || n > CROWD_EDGES) {
        return STN_ERROR;
    }

    for (c->nedges = 0; c->nedges < (unsigned) n; c->nedges++) {
        c->ports[c->nedges] = (unsigned) atoi(ports[c->nedges]);

        if (c->ports[c->nedges] < 1 || c->ports[c->nedges] > 65535) {
            return STN_ERROR;
        }
    }

    return STN_OK;
}


static int
crowd_prepare(crowd_t *c)
{
    unsigned            i;
    crowd_listener_t   *l;
    struct epoll_event  ee;

    c->recent_size = sizeof(crowd_recent_t) + c->nedges * sizeof(int64_t);
    c->ep = epoll_create1(EPOLL_CLOEXEC);
    c->listeners = calloc(c->nlisteners, sizeof(crowd_listener_t));
    c->recent = calloc((size_t) c->nstreams * CROWD_RECENT, c->recent_size);

    if (c->ep == -1 || c->listeners == NULL || c->recent == NULL) {
        c->reason = "out of memory or descriptors";
        return STN_NOMEM;
    }

    /* of each edge's listeners some have each stream */

    for (i = 0; i < c->nlisteners; i++) {
        l = &c->listeners[i];

        l->fd = -1;
        l->number = i;
        l->edge = i % c->nedges;
        l->stream = i / c->nedges % c->nstreams;
    }

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (c->told && epoll_ctl(c->ep, EPOLL_CTL_ADD, STDIN_FILENO, &ee) == -1) {
        c->reason = "standard input is not a pipe";
        return STN_ERROR;
    }

    return STN_OK;
}


static void
crowd_run(crowd_t *c)
{
    int                 i, n;
    unsigned            k;
    int64_t             since, ticked;
    struct epoll_event  events[CROWD_EVENTS];

    since = bench_now_ns();
    ticked = since;
    c->now = since;
    c->marked = since;

    while (!crowd_stop && c->done < c->nlisteners
           && (c->seconds == 0 || c->now - since < c->seconds * CROWD_SECOND))
    {
        n = epoll_wait(c->ep, events, CROWD_EVENTS, CROWD_TICK_MS);

        for (i = 0; i < n; i++) {
            c->now = bench_now_ns();

            if (events[i].data.ptr) {
                crowd_event(c, events[i].data.ptr, events[i].events);

            } else {
                crowd_told(c);
            }
        }

        c->now = bench_now_ns();
        if (c->now - ticked < CROWD_TICK_MS * CROWD_SECOND / 1000) {
            continue;
        }

        ticked = c->now;

        for (k = 0; k < c->joined; k++) {
            crowd_tick(c, &c->listeners[k]);
        }

        crowd_come(c, since);
    }
}


/* As many have joined as should have by now. */

static void
crowd_come(crowd_t *c, int64_t since)
{
    int64_t  n;

    n = (c->now - since) / 1000000 * c->rate / 1000 + 1;

    while (c->joined < c->nlisteners && c->joined < n) {
        crowd_join(c, &c->listeners[c->joined++]);
    }
}


static void
crowd_told(crowd_t *c)
{
    char     text[64];
    ssize_t  i, n;

    n = read(STDIN_FILENO, text, sizeof(text));

    if (n <= 0) {
        crowd_stop = 1;
        return;
    }

    for (i = 0; i < n; i++) {
        switch (text[i]) {

        case 'm':
            crowd_gaps(c);
            crowd_print(c, c->stat, c->marked);
            crowd_mark(c);
            break;

        case 'l':
            crowd_print(c, c->stat, c->marked);
            break;
        }
    }
}


/* The longest gap of each listener so far. */

static void
crowd_gaps(crowd_t *c)
{
    unsigned           i;
    crowd_listener_t  *l;

    for (i = 0; i < c->joined; i++) {
        l = &c->listeners[i];

        if (l->gap_ms > 0) {
            crowd_sample(&c->stat[l->edge].gap, l->gap_ms);
            l->gap_ms = 0;
        }
    }
}


/* What has been belongs to the past. */

static void
crowd_mark(crowd_t *c)
{
    unsigned  i;

    for (i = 0; i < c->nedges; i++) {
        crowd_stat_merge(&c->all[i], &c->stat[i]);
    }

    c->marked = c->now;
}


static void
crowd_print(crowd_t *c, crowd_stat_t *stat, int64_t since)
{
    double         ms, silent_ms, gap_ms;
    unsigned       i, playing, silent;
    crowd_stat_t   total;

    memset(&total, 0, sizeof(total));

    for (i = 0; i < c->nedges; i++) {
        crowd_stat_add(&total, &stat[i]);
    }

    for (i = 0, playing = 0, silent = 0, silent_ms = 0, gap_ms = 0;
         i < c->joined; i++)
    {
        ms = crowd_silent(c, &c->listeners[i]);
        playing += c->listeners[i].started;
        silent += ms > 0;
        silent_ms = stn_max(silent_ms, ms);
        gap_ms = stn_max(gap_ms, c->listeners[i].gap_ms);
    }

    printf("{\"seconds\": %.3f, \"all\": %u, \"joined\": %u, "
           "\"playing\": %u, \"silent\": %u, \"longest_silent_ms\": %.1f, "
           "\"longest_gap_ms\": %.1f, ", (double) (c->now - since) / 1e9,
           c->nlisteners, c->joined, playing, silent, silent_ms, gap_ms);
    crowd_stat_print(stdout, &total);
    printf(", \"edges\": [");

    for (i = 0; i < c->nedges; i++) {
        printf("%s{\"port\": %u, ", i ? ", " : "", c->ports[i]);
        crowd_stat_print(stdout, &stat[i]);
        printf("}");
    }

    printf("]}\n");
    crowd_stat_free(&total);
}


static void
crowd_signal(int n)
{
    (void) n;

    crowd_stop = 1;
}
