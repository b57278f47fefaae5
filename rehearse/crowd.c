/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * crowd - thousands of HLS listeners in one thread, spread over edges and
 * streams, who behave as players do and check what they get: every part once,
 * each beginning where the one before it ended, named as its place says, the
 * same bytes from all edges.  scripts/rehearse lets crowds play scenarios.
 * Prints JSON: one object at the end, and, with -i, one for each letter of
 * standard input that asks for it (crowd_told.c).  All times in it are
 * milliseconds, unless named otherwise.
 */

#include "crowd.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>


#define CROWD_USAGE                                                          \
    "usage: crowd [options] EDGE...    (PORT, or http[s]://HOST[:PORT])\n"  \
    "  -n N      listeners (100)          -r N      that join a second\n"    \
    "                                               (1000; 0: when told)\n" \
    "  -s NAME   stream (live/studio1)    -S N      N streams: NAME1 and\n"  \
    "                                               so on\n"                 \
    "  -u PATH   of the playlist, instead of -s\n"                           \
    "  -m MIX    who joins (low-latency=100)\n"                              \
    "  -t SEC    how long at most (60; with -i till its end)\n"              \
    "  -k N      one in N compares bytes with what others got (1)\n"         \
    "  -b SEC    the least hold-back of players (the playlist's)\n"          \
    "  -T SEC    give up an answer after that long (10)\n"                   \
    "  -f        failover: whose edge is gone goes to the next one\n"        \
    "  -z        playlists may be compressed\n"                              \
    "  -p B/S    the pace of slow readers (8000)\n"                          \
    "  -2        HTTP/2, if the edge has it (over TLS)\n"                    \
    "  -x        any certificate is taken   -R       no TLS resumption\n"   \
    "  -B LIST   addresses to come from, by commas\n"                        \
    "  -o N      number of the first listener (0)\n"                         \
    "  -i        \"l\" on standard input prints what has been since the\n"  \
    "            last mark, \"m\" does so and sets one\n"                    \
    "errors that may never be are counted as \"wrong\", too\n"               \
    "exit status: 0 nothing was wrong, 1 something was, 2 set-up\n"

#define CROWD_OPTIONS   "n:r:s:S:u:m:t:k:b:T:fzp:2xRB:o:i"
#define CROWD_EVENTS    512
#define CROWD_TICK_MS   10


static volatile sig_atomic_t  crowd_stop;


static int crowd_options(crowd_t *c, int argc, char **argv);
static int crowd_option(crowd_t *c, int o, const char *arg);
static int crowd_check(const crowd_t *c);
static int crowd_entry(crowd_t *c, const char *path);
static int crowd_sources(crowd_net_t *n, const char *list);
static int crowd_edges(crowd_t *c, char **edges, int n);
static int crowd_prepare(crowd_t *c);
static void crowd_run(crowd_t *c);
static void crowd_ready(crowd_t *c, void *data);
static void crowd_tick(crowd_t *c);
static unsigned crowd_come(const crowd_t *c, const crowd_ramp_t *r);
static crowd_kind_e crowd_kind(const crowd_ramp_t *r, unsigned number);
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
    signal(SIGINT, c.told ? SIG_IGN : crowd_signal);    /* told to end */
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);

    start = crowd_now_ns();
    crowd_run(&c);

    crowd_mark(&c);
    crowd_print(&c, c.all, &c.aside[1], start);

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
    c->rate = 1000;
    c->seconds = -1;
    c->verify = 1;
    c->pace = 8000;
    c->timeout = 10 * CROWD_SECOND;
    c->shares[crowd_ll] = 1;
    c->net.resume = 1;
    (void) crowd_entry(c, "/live/studio1/index.m3u8");

    while ((o = getopt(argc, argv, CROWD_OPTIONS)) != -1) {
        if (crowd_option(c, o, optarg) != STN_OK) {
            return STN_ERROR;
        }
    }

    if (c->seconds < 0) {
        c->seconds = c->told ? 0 : 60;
    }

    return crowd_check(c) == STN_OK
           ? crowd_edges(c, argv + optind, argc - optind) : STN_ERROR;
}


static int
crowd_option(crowd_t *c, int o, const char *arg)
{
    switch (o) {
    case 'n': c->nlisteners = (unsigned) atoi(arg); break;
    case 'r': c->rate = atol(arg); break;
    case 's':
        snprintf(c->name, sizeof(c->name), "/%s/index.m3u8", arg);
        return crowd_entry(c, c->name);
    case 'S': c->nstreams = (unsigned) atoi(arg); break;
    case 'u': return crowd_entry(c, arg);
    case 'm': return crowd_mix(c->shares, arg);
    case 't': c->seconds = atol(arg); break;
    case 'k': c->verify = (unsigned) atoi(arg); break;
    case 'b': c->hold_ms = atof(arg) * 1000; break;
    case 'T': c->timeout = atol(arg) * CROWD_SECOND; break;
    case 'f': c->failover = 1; break;
    case 'z': c->gzip = 1; break;
    case 'p': c->pace = (size_t) atol(arg); break;
    case '2': c->net.http2 = 1; break;
    case 'x': c->net.insecure = 1; break;
    case 'R': c->net.resume = 0; break;
    case 'B': return crowd_sources(&c->net, arg);
    case 'o': c->first = (unsigned) atoi(arg); break;
    case 'i': c->told = 1; break;
    default: return STN_ERROR;
    }

    return STN_OK;
}


static int
crowd_check(const crowd_t *c)
{
    if (c->nlisteners < 1 || c->nlisteners > CROWD_LISTENERS || c->rate < 0
        || c->nstreams < 1 || c->nstreams > CROWD_STREAMS || c->verify < 1
        || c->timeout < CROWD_SECOND || c->pace < 10
        || ((c->seconds == 0 || c->rate == 0) && !c->told))
    {
        return STN_ERROR;
    }

    return STN_OK;
}


/* What players are given: a path, of several streams with a number before
 * its last slash. */

static int
crowd_entry(crowd_t *c, const char *path)
{
    const char  *slash;

    slash = strrchr(path, '/');

    if (path[0] != '/' || slash == NULL
        || strlen(path) >= CROWD_PATH - CROWD_NUMBER)
    {
        return STN_ERROR;
    }

    memcpy(c->entry, path, (size_t) (slash - path));
    c->entry[slash - path] = '\0';
    c->file = slash;

    return STN_OK;
}


static int
crowd_sources(crowd_net_t *n, const char *list)
{
    char    text[INET_ADDRSTRLEN];
    size_t  len;

    for ( ;; ) {
        len = strcspn(list, ",");
        if (len >= sizeof(text) || n->nsources == CROWD_WIRE_SOURCES) {
            return STN_ERROR;
        }

        memcpy(text, list, len);
        text[len] = '\0';

        if (inet_pton(AF_INET, text, &n->sources[n->nsources++]) != 1) {
            return STN_ERROR;
        }

        if (list[len] == '\0') {
            return STN_OK;
        }

        list += len + 1;
    }
}


static int
crowd_edges(crowd_t *c, char **edges, int n)
{
    int  i;

    if (n < 1 || n > CROWD_EDGES - CROWD_SPARE) {
        return STN_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (crowd_edge_read(&c->edges[i], edges[i], strlen(edges[i]))
            != STN_OK)
        {
            c->reason = "an edge that has no address";
            return STN_ERROR;
        }
    }

    c->nedges = (unsigned) n;
    c->recent_edges = c->nedges + CROWD_SPARE;

    return STN_OK;
}


static int
crowd_prepare(crowd_t *c)
{
    unsigned            i;
    crowd_listener_t   *l;
    struct epoll_event  ee;

    c->now = crowd_now_ns();
    crowd_wheel_init(&c->wheel, c->now);
    srand48((long) c->now);

    c->recent_size = sizeof(crowd_recent_t)
                     + c->recent_edges * sizeof(int64_t);
    c->net.ep = epoll_create1(EPOLL_CLOEXEC);
    c->listeners = calloc(c->nlisteners, sizeof(crowd_listener_t));
    c->recent = calloc((size_t) c->nstreams * CROWD_RECENT, c->recent_size);
    c->best_ms = calloc(c->nstreams, sizeof(double));

    if (c->net.ep == -1 || c->listeners == NULL || c->recent == NULL
        || c->best_ms == NULL || crowd_net_init(&c->net) != STN_OK)
    {
        c->reason = "out of memory or descriptors";
        return STN_NOMEM;
    }

    /* of each edge's listeners some have each stream */

    for (i = 0; i < c->nlisteners; i++) {
        l = &c->listeners[i];

        l->number = c->first + i;
        l->edge = l->number % c->nedges;
        l->stream = l->number / c->nedges % c->nstreams;
    }

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (c->told
        && epoll_ctl(c->net.ep, EPOLL_CTL_ADD, STDIN_FILENO, &ee) == -1)
    {
        c->reason = "standard input is not a pipe";
        return STN_ERROR;
    }

    return c->rate == 0 ? STN_OK
           : crowd_ramp(c, c->nlisteners,
                        (double) c->nlisteners * 1000 / (double) c->rate,
                        c->shares);
}


static void
crowd_run(crowd_t *c)
{
    int                 i, n;
    int64_t             since, ticked;
    struct epoll_event  events[CROWD_EVENTS];

    since = crowd_now_ns();
    ticked = 0;
    c->now = since;
    c->marked = since;

    while (!crowd_stop && !c->stop && c->done < c->nlisteners
           && (c->seconds == 0 || c->now - since < c->seconds * CROWD_SECOND))
    {
        n = epoll_wait(c->net.ep, events, CROWD_EVENTS, CROWD_TICK_MS);

        for (i = 0; i < n; i++) {
            c->now = crowd_now_ns();

            crowd_ready(c, events[i].data.ptr);
        }

        c->now = crowd_now_ns();

        if (c->now - ticked >= CROWD_TICK_MS * CROWD_MS) {
            ticked = c->now;
            crowd_tick(c);
        }
    }
}


/* Whose: of the first connection of a listener the address itself. */

static void
crowd_ready(crowd_t *c, void *data)
{
    if (data == NULL) {
        crowd_told(c);

    } else if ((uintptr_t) data & 1) {
        crowd_hint_event(c, (crowd_listener_t *) ((uintptr_t) data - 1));

    } else {
        crowd_event(c, data);
    }
}


/* Whose time has come, and who comes: of each ramp as many as by now. */

static void
crowd_tick(crowd_t *c)
{
    unsigned        i, n;
    crowd_ramp_t   *r;
    crowd_timer_t  *t;

    while ((t = crowd_wheel_due(&c->wheel, c->now))) {
        crowd_due(c, (crowd_listener_t *) (void *) t);
    }

    for (i = 0; i < c->nramps; i++) {
        r = &c->ramps[i];
        n = crowd_come(c, r);

        while (r->come < n && c->joined < c->nlisteners) {
            crowd_join(c, &c->listeners[c->joined++],
                       crowd_kind(r, c->first + r->come++));
        }
    }
}


static unsigned
crowd_come(const crowd_t *c, const crowd_ramp_t *r)
{
    double  part;

    if (c->now - r->since >= r->took) {
        return r->n;
    }

    part = (double) (c->now - r->since) / (double) r->took;
    part *= r->rising ? part : 1;

    return (unsigned) (part * r->n);
}


/* Kinds are mixed evenly: so many first comers have the shares, too. */

static crowd_kind_e
crowd_kind(const crowd_ramp_t *r, unsigned number)
{
    int       k, kind;
    double    at;

    /* the golden ratio's multiples spread best over the unit interval */

    at = number * 0.6180339887498949;
    at -= (double) (unsigned) at;

    for (k = 0, kind = 0; k < CROWD_KINDS && at >= 0; k++) {
        if (r->shares[k] > 0) {
            kind = k;
            at -= r->shares[k];
        }
    }

    return (crowd_kind_e) kind;
}


static void
crowd_signal(int n)
{
    (void) n;

    crowd_stop = 1;
}
