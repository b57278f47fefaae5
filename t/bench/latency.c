/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * latency - how long after a part's last frame went to the RTMP socket has a
 * waiting listener the whole part?  One thread is the broadcaster, who sends
 * each frame at its time, and all the listeners; one monotonic clock serves
 * both ends, and the frame's number inside the part tells which frame closed
 * it (bench_push.h).  Only listeners that waited before that frame was sent
 * are counted.  Prints one JSON object; all times in it are milliseconds.
 */

#include "bench_http.h"
#include "bench_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>


#define LATENCY_USAGE                                                        \
    "usage: latency [options]\n"                                             \
    "  -r PORT   RTMP (1935)             -p PORT   HTTP (8080)\n"            \
    "  -s NAME   stream (bench)          -A NAME   application (live)\n"     \
    "  -R NAME   rendition (audio)       -S N      parts in a segment (6)\n" \
    "  -m MODE   part: hold the hinted part; playlist: a blocked reload,\n"  \
    "            then the part that it lists (part)\n"                       \
    "  -k N      listeners (1)           -n N      parts for each (200)\n"   \
    "  -w N      parts to warm up (5)    -f BYTES  of a frame (341)\n"       \
    "  -a CPU    core to stay on (any)   -t SEC    give up after (600)\n"    \
    "exit status: 0 measured, 1 not all listeners got all parts, 2 set-up\n"

#define LATENCY_EVENTS         512
#define LATENCY_LISTENERS_MAX  10000
#define LATENCY_ERRORS_MAX     100       /* then it is no measurement */
#define LATENCY_REQUEST_MAX    1024


typedef enum {
    latency_idle = 0,        /* asks for the playlist at the next frame */
    latency_tuning,          /* waits for the playlist, to learn the hint */
    latency_reload,          /* a blocked reload is under way */
    latency_part             /* a part is under way */
} latency_state_e;


typedef struct {
    int              fd;
    latency_state_e  state;
    long long        msn;          /* of the part waited for */
    unsigned         part;         /* its index in the segment */
    unsigned         done;         /* parts received */
    int64_t          asked;        /* ns: since when it waits */
    int64_t          reloaded;     /* ns: the playlist was whole */
    bench_http_t     answer;
} latency_listener_t;


/* One part at one listener; all times in ns after its last frame. */

typedef struct {
    int64_t          part;         /* the whole part was there */
    int64_t          playlist;     /* the whole playlist, -1 not asked for */
    long             worker;       /* pid */
    uint32_t         frame;        /* number of the last frame */
} latency_sample_t;


typedef struct {
    unsigned             rtmp;
    unsigned             http;
    const char          *app;
    const char          *name;
    const char          *rendition;
    unsigned             segment_parts;
    unsigned             blocked;        /* boolean: mode playlist */
    unsigned             nlisteners;
    unsigned             nparts;
    unsigned             warm;
    size_t               frame;
    int                  cpu;
    long                 seconds;

    int                  ep;
    int                  timer;
    bench_push_t         push;
    latency_listener_t  *listeners;
    latency_sample_t    *samples;
    size_t               nsamples;
    unsigned             finished;       /* listeners */
    unsigned             late;           /* asked after the frame was sent */
    unsigned             unmarked;       /* parts that end with other audio */
    unsigned             errors;
    int64_t              slip;           /* ns, the latest frame's delay */
    const char          *reason;
} latency_t;


static int latency_options(latency_t *l, int argc, char **argv);
static int latency_prepare(latency_t *l);
static int latency_connect(latency_t *l, latency_listener_t *r);
static int latency_run(latency_t *l, int64_t deadline);
static int latency_frames(latency_t *l);
static void latency_ask(latency_t *l, latency_listener_t *r,
    latency_state_e state);
static void latency_answer(latency_t *l, latency_listener_t *r);
static void latency_tuned(latency_t *l, latency_listener_t *r);
static void latency_got(latency_t *l, latency_listener_t *r, int64_t now);
static void latency_error(latency_t *l, latency_listener_t *r,
    const char *reason);
static void latency_print(latency_t *l);
static void latency_print_workers(latency_t *l, int64_t *v);
static void latency_print_last(latency_t *l, int64_t *v);
static void latency_figures(const char *name, int64_t *v, size_t n);
static int latency_compare(const void *one, const void *two);
static int latency_by_worker(const void *one, const void *two);
static int latency_by_frame(const void *one, const void *two);


int
main(int argc, char **argv)
{
    int               rc;
    static latency_t  l;

    if (latency_options(&l, argc, argv) != STN_OK
        || latency_prepare(&l) != STN_OK)
    {
        fprintf(stderr, l.reason ? "latency: %s\n" : "%s",
                l.reason ? l.reason : LATENCY_USAGE);
        return 2;
    }

    rc = latency_run(&l, bench_now_ns() + l.seconds * 1000000000);

    latency_print(&l);
    bench_push_close(&l.push);

    return rc == STN_OK ? 0 : 1;
}


static int
latency_options(latency_t *l, int argc, char **argv)
{
    int  c;

    l->rtmp = 1935;
    l->http = 8080;
    l->app = "live";
    l->name = "bench";
    l->rendition = "audio";
    l->segment_parts = 6;
    l->nlisteners = 1;
    l->nparts = 200;
    l->warm = 5;
    l->frame = 341;
    l->cpu = -1;
    l->seconds = 600;

    while ((c = getopt(argc, argv, "r:p:s:A:R:S:m:k:n:w:f:a:t:")) != -1) {
        switch (c) {
        case 'r': l->rtmp = (unsigned) atoi(optarg); break;
        case 'p': l->http = (unsigned) atoi(optarg); break;
        case 's': l->name = optarg; break;
        case 'A': l->app = optarg; break;
        case 'R': l->rendition = optarg; break;
        case 'S': l->segment_parts = (unsigned) atoi(optarg); break;
        case 'm': l->blocked = (strcmp(optarg, "playlist") == 0); break;
        case 'k': l->nlisteners = (unsigned) atoi(optarg); break;
        case 'n': l->nparts = (unsigned) atoi(optarg); break;
        case 'w': l->warm = (unsigned) atoi(optarg); break;
        case 'f': l->frame = strtoul(optarg, NULL, 10); break;
        case 'a': l->cpu = atoi(optarg); break;
        case 't': l->seconds = atol(optarg); break;
        default: return STN_ERROR;
        }
    }

    return optind == argc && l->nlisteners >= 1 && l->nparts >= 1
           && l->nlisteners <= LATENCY_LISTENERS_MAX && l->segment_parts >= 1
           ? STN_OK : STN_ERROR;
}


static int
latency_prepare(latency_t *l)
{
    unsigned            i;
    struct epoll_event  ee;

    l->ep = epoll_create1(EPOLL_CLOEXEC);
    l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);
    l->listeners = calloc(l->nlisteners, sizeof(latency_listener_t));
    l->samples = calloc((size_t) l->nlisteners * l->nparts,
                        sizeof(latency_sample_t));

    if (l->ep == -1 || l->timer == -1 || l->listeners == NULL
        || l->samples == NULL)
    {
        l->reason = "out of memory or descriptors";
        return STN_NOMEM;
    }

    ee.events = EPOLLIN;
    ee.data.ptr = NULL;

    if (epoll_ctl(l->ep, EPOLL_CTL_ADD, l->timer, &ee) == -1
        || bench_pin(l->cpu) != STN_OK)
    {
        l->reason = "no such core";
        return STN_ERROR;
    }

    for (i = 0; i < l->nlisteners; i++) {
        if (latency_connect(l, &l->listeners[i]) != STN_OK) {
            return STN_ERROR;
        }
    }

    if (bench_push_open(&l->push, l->rtmp, l->app, l->name, l->frame)
        != STN_OK)
    {
        l->reason = l->push.reason;
        return STN_ERROR;
    }

    return STN_OK;
}


static int
latency_connect(latency_t *l, latency_listener_t *r)
{
    struct epoll_event  ee;

    r->fd = bench_http_connect(l->http);
    r->state = latency_idle;

    ee.events = EPOLLIN;
    ee.data.ptr = r;

    if (r->fd == -1 || epoll_ctl(l->ep, EPOLL_CTL_ADD, r->fd, &ee) == -1) {
        l->reason = "cannot connect to the HTTP port";
        return STN_ERROR;
    }

    return STN_OK;
}


static int
latency_run(latency_t *l, int64_t deadline)
{
    int                 i, n;
    struct epoll_event  events[LATENCY_EVENTS];

    if (latency_frames(l) != STN_OK) {
        return STN_ERROR;
    }

    while (l->finished < l->nlisteners) {
        n = epoll_wait(l->ep, events, LATENCY_EVENTS, -1);

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                latency_answer(l, events[i].data.ptr);

            } else if (latency_frames(l) != STN_OK) {
                return STN_ERROR;
            }
        }

        if (l->errors > LATENCY_ERRORS_MAX) {
            return STN_ERROR;
        }

        if (bench_now_ns() > deadline) {
            l->reason = "time is up";
            return STN_ERROR;
        }
    }

    return STN_OK;
}


/* Sends the frames that are due, sets the timer to the next one, and lets
 * listeners that have nothing to do begin. */

static int
latency_frames(latency_t *l)
{
    int64_t            due, now;
    unsigned           i;
    struct itimerspec  its;

    for ( ;; ) {
        due = bench_push_due(&l->push);
        now = bench_now_ns();

        if (due > now) {
            break;
        }

        l->slip = stn_max(l->slip, now - due);

        if (bench_push_frame(&l->push) != STN_OK) {
            l->reason = l->push.reason;
            return STN_ERROR;
        }
    }

    memset(&its, 0, sizeof(its));
    its.it_value.tv_sec = due / 1000000000;
    its.it_value.tv_nsec = due % 1000000000;

    timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &its, NULL);

    for (i = 0; i < l->nlisteners; i++) {
        if (l->listeners[i].state == latency_idle
            && l->listeners[i].done < l->warm + l->nparts)
        {
            latency_ask(l, &l->listeners[i], latency_tuning);
        }
    }

    return STN_OK;
}


static void
latency_ask(latency_t *l, latency_listener_t *r, latency_state_e state)
{
    char    uri[LATENCY_REQUEST_MAX / 2], request[LATENCY_REQUEST_MAX];
    size_t  len;

    switch (state) {

    case latency_reload:
        snprintf(uri, sizeof(uri), "/%s/%s/%s.m3u8?_HLS_msn=%lld&_HLS_part=%u",
                 l->app, l->name, l->rendition, r->msn, r->part);
        break;

    case latency_part:
        snprintf(uri, sizeof(uri), "/%s/%s/%s/%lld.%u.m4s",
                 l->app, l->name, l->rendition, r->msn, r->part);
        break;

    default:
        snprintf(uri, sizeof(uri), "/%s/%s/%s.m3u8",
                 l->app, l->name, l->rendition);
        break;
    }

    len = bench_http_get(request, sizeof(request), l->http, uri, "");

    if (len == 0 || bench_http_send(r->fd, request, len) != STN_OK) {
        latency_error(l, r, "cannot send a request");
        return;
    }

    /* the part after a blocked reload is part of the same wait */

    if (state != latency_part || r->state != latency_reload) {
        r->asked = bench_now_ns();
    }

    r->state = state;
}


static void
latency_answer(latency_t *l, latency_listener_t *r)
{
    int      rc;
    int64_t  now;

    rc = bench_http_read(&r->answer, r->fd);
    if (rc == STN_AGAIN) {
        return;
    }

    now = bench_now_ns();

    if (rc != STN_OK) {
        latency_error(l, r, r->answer.reason);
        return;
    }

    if (r->answer.status != 200) {
        latency_error(l, r, "status is not 200");
        return;
    }

    switch (r->state) {

    case latency_tuning:
        latency_tuned(l, r);
        break;

    case latency_reload:
        r->reloaded = now;
        bench_http_reset(&r->answer);
        latency_ask(l, r, latency_part);
        break;

    case latency_part:
        latency_got(l, r, now);
        break;

    case latency_idle:
        latency_error(l, r, "an answer to nothing");
        break;
    }
}


/* Learns from the preload hint which part comes next. */

static void
latency_tuned(latency_t *l, latency_listener_t *r)
{
    char         line[256];
    size_t       len;
    const char  *p;

    static const char  hint[] = "#EXT-X-PRELOAD-HINT:";

    p = memmem(bench_http_body(&r->answer), r->answer.body, hint,
               sizeof(hint) - 1);
    if (p == NULL) {
        latency_error(l, r, "no preload hint in the playlist");
        return;
    }

    len = (size_t) (bench_http_body(&r->answer) + r->answer.body - p);
    len = stn_min(len, sizeof(line) - 1);
    memcpy(line, p, len);
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';

    p = strstr(line, "URI=\"");
    p = p ? strrchr(p, '/') : NULL;

    if (p == NULL || sscanf(p, "/%lld.%u.m4s\"", &r->msn, &r->part) != 2) {
        latency_error(l, r, "a preload hint of another form");
        return;
    }

    bench_http_reset(&r->answer);
    latency_ask(l, r, l->blocked ? latency_reload : latency_part);
}


/* A whole part: notes how long it took and asks for the next one. */

static void
latency_got(latency_t *l, latency_listener_t *r, int64_t now)
{
    int64_t            sent;
    uint32_t           frame;
    latency_sample_t  *m;

    if (bench_push_last(&l->push, bench_http_body(&r->answer), r->answer.body,
                        &frame, &sent)
        != STN_OK)
    {
        l->unmarked++;

    } else if (r->asked > sent) {
        l->late++;

    } else if (r->done++ >= l->warm) {
        m = &l->samples[l->nsamples++];
        m->part = now - sent;
        m->playlist = l->blocked ? r->reloaded - sent : -1;
        m->worker = r->answer.worker;
        m->frame = frame;
    }

    bench_http_reset(&r->answer);

    if (r->done == l->warm + l->nparts) {
        r->state = latency_idle;
        l->finished++;
        return;
    }

    if (++r->part == l->segment_parts) {
        r->part = 0;
        r->msn++;
    }

    r->state = latency_idle;
    latency_ask(l, r, l->blocked ? latency_reload : latency_part);
}


/* Counts it; the listener begins anew on another connection. */

static void
latency_error(latency_t *l, latency_listener_t *r, const char *reason)
{
    if (l->errors++ == 0) {
        l->reason = reason;
    }

    close(r->fd);
    bench_http_reset(&r->answer);
    latency_connect(l, r);
}


static void
latency_print(latency_t *l)
{
    size_t    i;
    int64_t  *v;

    v = malloc((l->nsamples + 1) * sizeof(int64_t));
    if (v == NULL) {
        return;
    }

    printf("{\"mode\": \"%s\", \"listeners\": %u, \"parts\": %u, "
           "\"errors\": %u, \"reason\": \"%s\", \"late\": %u, "
           "\"unmarked\": %u, \"slip\": %.3f, ",
           l->blocked ? "playlist" : "part", l->nlisteners, l->nparts,
           l->errors, l->reason ? l->reason : "", l->late, l->unmarked,
           (double) l->slip / 1e6);

    for (i = 0; i < l->nsamples; i++) {
        v[i] = l->samples[i].part;
    }

    latency_figures("part", v, l->nsamples);

    if (l->blocked) {
        for (i = 0; i < l->nsamples; i++) {
            v[i] = l->samples[i].playlist;
        }

        printf(", ");
        latency_figures("playlist", v, l->nsamples);
    }

    printf(", ");
    latency_print_last(l, v);
    printf(", ");
    latency_print_workers(l, v);
    printf("}\n");

    free(v);
}


/* For each part the listener that got it last. */

static void
latency_print_last(latency_t *l, int64_t *v)
{
    size_t             i, n;
    latency_sample_t  *m;

    m = l->samples;
    qsort(m, l->nsamples, sizeof(*m), latency_by_frame);

    for (i = 0, n = 0; i < l->nsamples; i++) {
        if (i && m[i].frame == m[i - 1].frame) {
            v[n - 1] = stn_max(v[n - 1], m[i].part);
            continue;
        }

        v[n++] = m[i].part;
    }

    latency_figures("last_listener", v, n);
}


static void
latency_print_workers(latency_t *l, int64_t *v)
{
    char               pid[32];
    size_t             i, n;
    latency_sample_t  *m;

    m = l->samples;
    qsort(m, l->nsamples, sizeof(*m), latency_by_worker);

    printf("\"workers\": {");

    for (i = 0, n = 0; i < l->nsamples; i++) {
        v[n++] = m[i].part;

        if (i + 1 == l->nsamples || m[i + 1].worker != m[i].worker) {
            snprintf(pid, sizeof(pid), "%ld", m[i].worker);
            latency_figures(pid, v, n);
            printf("%s", i + 1 == l->nsamples ? "" : ", ");
            n = 0;
        }
    }

    printf("}");
}


static void
latency_figures(const char *name, int64_t *v, size_t n)
{
    if (n == 0) {
        printf("\"%s\": null", name);
        return;
    }

    qsort(v, n, sizeof(*v), latency_compare);

    printf("\"%s\": {\"n\": %zu, \"min\": %.3f, \"median\": %.3f, "
           "\"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}",
           name, n, (double) v[0] / 1e6, (double) v[n / 2] / 1e6,
           (double) v[n * 90 / 100] / 1e6, (double) v[n * 99 / 100] / 1e6,
           (double) v[n - 1] / 1e6);
}


static int
latency_compare(const void *one, const void *two)
{
    int64_t  a, b;

    a = *(const int64_t *) one;
    b = *(const int64_t *) two;

    return (a > b) - (a < b);
}


static int
latency_by_worker(const void *one, const void *two)
{
    const latency_sample_t  *a = one, *b = two;

    return (a->worker > b->worker) - (a->worker < b->worker);
}


static int
latency_by_frame(const void *one, const void *two)
{
    const latency_sample_t  *a = one, *b = two;

    return (a->frame > b->frame) - (a->frame < b->frame);
}
