/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * wake - thousands of keep-alive connections that all wait for the same next
 * part by a blocked playlist reload: how long from the part's last frame, which
 * this program sends as the broadcaster, to the first and to the last whole
 * answer, and how much CPU time the worker takes for that.  When all have
 * theirs they ask for the next one.  Prints a line of JSON a round.
 */

#include "crowd_hls.h"
#include "bench_http.h"
#include "bench_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>


#define WAKE_USAGE                                                           \
    "usage: wake [options]\n"                                                \
    "  -r PORT   RTMP (1935)             -p PORT   HTTP (8080)\n"            \
    "  -s NAME   stream of application live (bench)\n"                       \
    "  -n N      who wait (1000)         -c N      rounds (5)\n"             \
    "  -f BYTES  of a frame (341)        -t SEC    give up after (600)\n"    \
    "  -w PID    worker whose CPU time is wanted\n"                          \
    "exit status: 0 all answers were good, 1 one was not, 2 set-up\n"

#define WAKE_EVENTS   512
#define WAKE_MAX      19900      /* descriptors that a process may have */
#define WAKE_REQUEST  512
#define WAKE_SLICE    256        /* requests sent between two looks at events */


typedef enum {
    wake_tuning = 0,         /* the first connection asks what comes next, */
    wake_turning,            /* waits for it, and knows a part begins */
    wake_asking,             /* all of them ask, */
    wake_waiting,            /* have asked */
    wake_telling             /* the first gets the part itself */
} wake_phase_e;


typedef struct {
    int              fd;
    bench_http_t     answer;
} wake_waiter_t;


typedef struct {
    unsigned         rtmp;
    unsigned         http;
    const char      *name;
    unsigned         nwaiters;
    unsigned         rounds;
    size_t           frame;          /* bytes */
    long             seconds;
    long             worker;         /* pid, 0 none */

    int              ep;
    int              timer;
    bench_push_t     push;
    crowd_hls_t      pl;
    wake_waiter_t   *waiters;
    char             request[WAKE_REQUEST];
    size_t           len;            /* bytes of it */

    wake_phase_e     phase;
    unsigned         round;
    uint64_t         msn;            /* of the part that is waited for */
    unsigned         part;
    unsigned         asked;          /* in this round */
    unsigned         answered;
    int64_t          all_asked;      /* ns */
    int64_t          first;          /* ns: the first whole answer, */
    int64_t          last;           /* the last one */
    int64_t          cpu;            /* ns that the worker had before it */
    const char      *reason;         /* why it failed */
} wake_t;


static int wake_options(wake_t *w, int argc, char **argv);
static int wake_prepare(wake_t *w);
static int wake_run(wake_t *w, int64_t deadline);
static int wake_frames(wake_t *w);
static int wake_ask(wake_t *w, wake_phase_e phase);
static int wake_slice(wake_t *w);
static int wake_send(wake_t *w, wake_waiter_t *r);
static int wake_answer(wake_t *w, wake_waiter_t *r);
static int wake_listed(wake_t *w, wake_waiter_t *r);
static int wake_told(wake_t *w, wake_waiter_t *r);
static int64_t wake_cpu(const wake_t *w);
static int wake_fail(wake_t *w, const char *reason);


int
main(int argc, char **argv)
{
    int            rc;
    static wake_t  w;

    if (wake_options(&w, argc, argv) != STN_OK || wake_prepare(&w) != STN_OK)
    {
        fprintf(stderr, w.reason ? "wake: %s\n" : "%s",
                w.reason ? w.reason : WAKE_USAGE);
        return 2;
    }

    setvbuf(stdout, NULL, _IOLBF, 0);

    rc = wake_run(&w, bench_now_ns() + w.seconds * 1000000000);

    if (rc != STN_OK) {
        fprintf(stderr, "wake: %s\n", w.reason);
    }

    bench_push_close(&w.push);

    return rc == STN_OK ? 0 : 1;
}


static int
wake_options(wake_t *w, int argc, char **argv)
{
    int  c;

    w->rtmp = 1935;
    w->http = 8080;
    w->name = "bench";
    w->nwaiters = 1000;
    w->rounds = 5;
    w->frame = 341;
    w->seconds = 600;

    while ((c = getopt(argc, argv, "r:p:s:n:c:f:t:w:")) != -1) {
        switch (c) {
        case 'r': w->rtmp = (unsigned) atoi(optarg); break;
        case 'p': w->http = (unsigned) atoi(optarg); break;
        case 's': w->name = optarg; break;
        case 'n': w->nwaiters = (unsigned) atoi(optarg); break;
        case 'c': w->rounds = (unsigned) atoi(optarg); break;
        case 'f': w->frame = strtoul(optarg, NULL, 10); break;
        case 't': w->seconds = atol(optarg); break;
        case 'w': w->worker = atol(optarg); break;
        default: return STN_ERROR;
        }
    }

    return optind == argc && w->nwaiters >= 1 && w->nwaiters <= WAKE_MAX
           && w->rounds >= 1 ? STN_OK : STN_ERROR;
}


static int
wake_prepare(wake_t *w)
{
    unsigned            i;
    struct epoll_event  ee;

    w->ep = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);
    w->waiters = calloc(w->nwaiters, sizeof(wake_waiter_t));

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (w->ep == -1 || w->timer == -1 || w->waiters == NULL
        || epoll_ctl(w->ep, EPOLL_CTL_ADD, w->timer, &ee) == -1)
    {
        return wake_fail(w, "out of memory or descriptors");
    }

    for (i = 0; i < w->nwaiters; i++) {
        w->waiters[i].fd = -1;
    }

    if (bench_push_open(&w->push, w->rtmp, "live", w->name, w->frame)
        != STN_OK)
    {
        return wake_fail(w, w->push.reason);
    }

    return STN_OK;
}


static int
wake_run(wake_t *w, int64_t deadline)
{
    int                 i, n, rc;
    struct epoll_event  events[WAKE_EVENTS];

    if (wake_frames(w) != STN_OK || wake_ask(w, wake_tuning) != STN_OK) {
        return STN_ERROR;
    }

    while (w->round < w->rounds) {

        /* frames are due while thousands are being sent */

        n = epoll_wait(w->ep, events, WAKE_EVENTS,
                       w->phase == wake_asking ? 0 : -1);

        for (i = 0; i < n; i++) {
            rc = events[i].data.ptr ? wake_answer(w, events[i].data.ptr)
                                    : wake_frames(w);
            if (rc != STN_OK) {
                return STN_ERROR;
            }
        }

        if (w->phase == wake_asking && wake_slice(w) != STN_OK) {
            return STN_ERROR;
        }

        if (bench_now_ns() > deadline) {
            return wake_fail(w, "time is up");
        }
    }

    return STN_OK;
}


/* Sends the frames that are due and sets the timer to the next one. */

static int
wake_frames(wake_t *w)
{
    int64_t            due;
    struct itimerspec  its;

    /* the last look before an answer comes is the one that counts */

    if (w->phase != wake_telling && w->answered == 0) {
        w->cpu = wake_cpu(w);
    }

    while ((due = bench_push_due(&w->push)) <= bench_now_ns()) {
        if (bench_push_frame(&w->push) != STN_OK) {
            return wake_fail(w, w->push.reason);
        }
    }

    memset(&its, 0, sizeof(its));
    its.it_value.tv_sec = due / 1000000000;
    its.it_value.tv_nsec = due % 1000000000;

    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &its, NULL);

    return STN_OK;
}


/* Begins a phase; in all but one only the first connection has to ask. */

static int
wake_ask(wake_t *w, wake_phase_e phase)
{
    char  uri[WAKE_REQUEST / 2];

    w->phase = phase;

    switch (phase) {

    case wake_tuning:
        snprintf(uri, sizeof(uri), "/live/%s/audio.m3u8", w->name);
        break;

    case wake_telling:
        snprintf(uri, sizeof(uri), "/live/%s/audio/%llu.%u.m4s", w->name,
                 (unsigned long long) w->msn, w->part);
        break;

    default:
        w->msn = w->pl.next_msn;
        w->part = w->pl.next_part;

        snprintf(uri, sizeof(uri),
                 "/live/%s/audio.m3u8?_HLS_msn=%llu&_HLS_part=%u", w->name,
                 (unsigned long long) w->msn, w->part);
        break;
    }

    w->len = bench_http_get(w->request, sizeof(w->request), w->http, uri, "");
    w->asked = 0;
    w->answered = 0;

    if (w->len == 0) {
        return wake_fail(w, "URI too long");
    }

    return phase == wake_asking ? STN_OK : wake_send(w, &w->waiters[0]);
}


static int
wake_slice(wake_t *w)
{
    unsigned  n;

    for (n = 0; n < WAKE_SLICE && w->asked < w->nwaiters; n++) {
        if (wake_send(w, &w->waiters[w->asked++]) != STN_OK) {
            return STN_ERROR;
        }
    }

    if (w->asked == w->nwaiters) {
        w->phase = wake_waiting;
        w->all_asked = bench_now_ns();
    }

    return STN_OK;
}


/* Who has not asked before connects first: a server does not let connections
 * be that ask for nothing. */

static int
wake_send(wake_t *w, wake_waiter_t *r)
{
    struct epoll_event  ee;

    if (r->fd == -1) {
        ee.events = EPOLLIN;
        ee.data.ptr = r;
        r->fd = bench_http_connect(w->http);

        if (r->fd == -1 || epoll_ctl(w->ep, EPOLL_CTL_ADD, r->fd, &ee) == -1) {
            return wake_fail(w, "cannot connect to the HTTP port");
        }
    }

    if (bench_http_send(r->fd, w->request, w->len) != STN_OK) {
        return wake_fail(w, "cannot send a request");
    }

    return STN_OK;
}


static int
wake_answer(wake_t *w, wake_waiter_t *r)
{
    int      rc;
    int64_t  now;

    rc = bench_http_read(&r->answer, r->fd);

    if (rc == STN_AGAIN) {
        return STN_OK;
    }

    if (rc != STN_OK) {
        return wake_fail(w, r->answer.reason);
    }

    if (r->answer.status != 200) {
        return wake_fail(w, "status is not 200");
    }

    now = bench_now_ns();

    switch (w->phase) {

    case wake_tuning:
    case wake_turning:
        if (wake_listed(w, r) != STN_OK) {
            return STN_ERROR;
        }

        return wake_ask(w, w->phase == wake_tuning ? wake_turning
                                                   : wake_asking);

    case wake_telling:
        return wake_told(w, r);

    default:
        if (w->answered++ == 0) {
            w->first = now;
        }

        if (w->answered < w->nwaiters) {
            bench_http_reset(&r->answer);
            return STN_OK;
        }

        w->last = now;

        return wake_listed(w, r) == STN_OK ? wake_ask(w, wake_telling)
                                           : STN_ERROR;
    }
}


/* Reads which part comes next. */

static int
wake_listed(wake_t *w, wake_waiter_t *r)
{
    if (crowd_hls_read(&w->pl, bench_http_body(&r->answer), r->answer.body)
        != STN_OK)
    {
        return wake_fail(w, w->pl.reason);
    }

    bench_http_reset(&r->answer);

    return STN_OK;
}


/* The part that was waited for is here, and with it the number of its last
 * frame: the round is over. */

static int
wake_told(wake_t *w, wake_waiter_t *r)
{
    int64_t   cpu, sent;
    uint32_t  frame;

    cpu = wake_cpu(w) - w->cpu;

    if (bench_push_last(&w->push, bench_http_body(&r->answer), r->answer.body,
                        &frame, &sent)
        == STN_OK)
    {
        printf("{\"n\": %u, \"margin_ms\": %.3f, \"first_ms\": %.3f, "
               "\"last_ms\": %.3f, \"cpu_us\": %.1f}\n", w->nwaiters,
               (double) (sent - w->all_asked) / 1e6,
               (double) (w->first - sent) / 1e6,
               (double) (w->last - sent) / 1e6, (double) cpu / 1e3);
        w->round++;
    }

    bench_http_reset(&r->answer);

    return wake_ask(w, wake_asking);
}


/* CPU time of the worker's event loop, ns. */

static int64_t
wake_cpu(const wake_t *w)
{
    char       path[64];
    FILE      *f;
    long long  ns;

    if (w->worker == 0) {
        return 0;
    }

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", w->worker,
             w->worker);

    f = fopen(path, "r");
    if (f == NULL) {
        return 0;
    }

    if (fscanf(f, "%lld", &ns) != 1) {
        ns = 0;
    }

    fclose(f);

    return ns;
}


static int
wake_fail(wake_t *w, const char *reason)
{
    w->reason = reason;

    return STN_ERROR;
}
