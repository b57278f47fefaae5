/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * load - a closed-loop HTTP/1.1 load generator for benchmarks: N keep-alive
 * connections, one thread, one request under way on each, until a number of
 * requests is answered.  Every answer is checked (status, Content-Length,
 * length of the body, and on demand its bytes).  Prints one line of JSON.
 */

#include "bench_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>


#define LOAD_USAGE                                                           \
    "usage: load [options] URI...\n"                                         \
    "  -p PORT   of 127.0.0.1 (8080)\n"                                      \
    "  -n N      requests in all (20000)\n"                                  \
    "  -c N      connections (32)\n"                                         \
    "  -a CPU    core to stay on (any)\n"                                    \
    "  -H LINE   one more request header, may be repeated\n"                 \
    "  -l BYTES  every body must have this length (any)\n"                   \
    "  -e        every body must equal the first one of its URI\n"           \
    "  -t SEC    give up after that long (60)\n"                             \
    "several URIs are asked for in turn on each connection\n"                \
    "exit status: 0 all answers were good, 1 some were not, 2 set-up\n"

#define LOAD_EVENTS       256
#define LOAD_CONNS_MAX    10000
#define LOAD_URIS_MAX     64
#define LOAD_REQUEST_MAX  4096
#define LOAD_HEADERS_MAX  1024
#define LOAD_TICK_MS      100     /* how late the time limit may be noticed */


typedef struct {
    char          request[LOAD_REQUEST_MAX];
    size_t        len;            /* bytes of request */
    char         *first;          /* the first body, with -e */
    size_t        first_len;      /* bytes of it */
} load_uri_t;


typedef struct {
    int           fd;             /* -1 not connected */
    unsigned      uri;            /* index of the one asked for */
    unsigned      waiting;        /* boolean: a request is under way */
    bench_http_t  answer;
} load_conn_t;


typedef struct {
    unsigned      port;
    unsigned      nconns;
    unsigned      nuris;
    int           cpu;            /* -1 any */
    long          limit;          /* requests in all */
    long          body;           /* bytes, -1 any */
    long          seconds;        /* time limit */
    unsigned      same;           /* boolean: -e */
    char          headers[LOAD_HEADERS_MAX];

    int           ep;
    load_uri_t   *uris;
    load_conn_t  *conns;

    long          sent;
    long          answered;       /* good and bad */
    long          errors;
    long          reconnects;
    long long     bytes;          /* of bodies */
    long long     head_bytes;     /* of status lines and headers */
    const char   *reason;         /* of the first error */
} load_t;


static int load_options(load_t *l, int argc, char **argv);
static int load_header(load_t *l, const char *line);
static int load_prepare(load_t *l, char **uris);
static int load_run(load_t *l, int64_t deadline);
static int load_ask(load_t *l, load_conn_t *c);
static int load_open(load_t *l, load_conn_t *c);
static int load_answer(load_t *l, load_conn_t *c);
static const char *load_check(load_t *l, load_conn_t *c);
static int load_same(load_uri_t *u, const bench_http_t *a);
static void load_error(load_t *l, const char *reason);
static void load_drop(load_conn_t *c);
static void load_print(const load_t *l, double wall);


int
main(int argc, char **argv)
{
    int             rc, n;
    double          wall;
    int64_t         start;
    static load_t   l;

    n = load_options(&l, argc, argv);
    if (n < 0 || load_prepare(&l, argv + n) != STN_OK) {
        fprintf(stderr, l.reason ? "load: %s\n" : "%s",
                l.reason ? l.reason : LOAD_USAGE);
        return 2;
    }

    start = bench_now_ns();
    rc = load_run(&l, start + l.seconds * 1000000000);
    wall = (double) (bench_now_ns() - start) / 1e9;

    if (rc != STN_OK) {
        load_error(&l, l.reason ? l.reason : "failed");
    }

    load_print(&l, wall);

    return l.errors ? 1 : 0;
}


/* Returns the index of the first URI in argv, or -1. */

static int
load_options(load_t *l, int argc, char **argv)
{
    int  c;

    l->port = 8080;
    l->limit = 20000;
    l->nconns = 32;
    l->cpu = -1;
    l->body = -1;
    l->seconds = 60;

    while ((c = getopt(argc, argv, "p:n:c:a:H:l:et:")) != -1) {

        switch (c) {
        case 'p': l->port = (unsigned) atoi(optarg); break;
        case 'n': l->limit = atol(optarg); break;
        case 'c': l->nconns = (unsigned) atoi(optarg); break;
        case 'a': l->cpu = atoi(optarg); break;
        case 'l': l->body = atol(optarg); break;
        case 'e': l->same = 1; break;
        case 't': l->seconds = atol(optarg); break;

        case 'H':
            if (load_header(l, optarg) != STN_OK) {
                return -1;
            }

            break;

        default:
            return -1;
        }
    }

    l->nuris = (unsigned) (argc - optind);

    if (l->limit < 1 || l->nconns < 1 || l->nconns > LOAD_CONNS_MAX
        || l->nuris < 1 || l->nuris > LOAD_URIS_MAX)
    {
        return -1;
    }

    return optind;
}


static int
load_header(load_t *l, const char *line)
{
    size_t  len;

    len = strlen(l->headers);

    if (snprintf(l->headers + len, sizeof(l->headers) - len, "%s\r\n", line)
        >= (int) (sizeof(l->headers) - len))
    {
        l->reason = "too many headers";
        return STN_LIMIT;
    }

    return STN_OK;
}


static int
load_prepare(load_t *l, char **uris)
{
    unsigned     i;
    load_uri_t  *u;

    l->ep = epoll_create1(EPOLL_CLOEXEC);
    l->uris = calloc(l->nuris, sizeof(load_uri_t));
    l->conns = calloc(l->nconns, sizeof(load_conn_t));

    if (l->ep == -1 || l->uris == NULL || l->conns == NULL) {
        l->reason = "out of memory or descriptors";
        return STN_NOMEM;
    }

    if (bench_pin(l->cpu) != STN_OK) {
        l->reason = "no such core";
        return STN_ERROR;
    }

    for (i = 0; i < l->nuris; i++) {
        u = &l->uris[i];

        u->len = bench_http_get(u->request, sizeof(u->request), l->port,
                                uris[i], l->headers);
        if (u->len == 0) {
            l->reason = "URI too long";
            return STN_LIMIT;
        }
    }

    for (i = 0; i < l->nconns; i++) {
        l->conns[i].fd = -1;
        l->conns[i].uri = i % l->nuris;

        if (load_open(l, &l->conns[i]) != STN_OK) {
            return STN_ERROR;
        }
    }

    return STN_OK;
}


static int
load_open(load_t *l, load_conn_t *c)
{
    struct epoll_event  ee;

    c->fd = bench_http_connect(l->port);
    if (c->fd == -1) {
        l->reason = "cannot connect";
        return STN_ERROR;
    }

    ee.events = EPOLLIN;
    ee.data.ptr = c;

    if (epoll_ctl(l->ep, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        l->reason = "epoll_ctl() failed";
        return STN_ERROR;
    }

    return STN_OK;
}


static int
load_run(load_t *l, int64_t deadline)
{
    int                 i, n;
    unsigned            k;
    struct epoll_event  events[LOAD_EVENTS];

    for (k = 0; k < l->nconns; k++) {
        if (load_ask(l, &l->conns[k]) != STN_OK) {
            return STN_ERROR;
        }
    }

    while (l->answered < l->limit) {
        n = epoll_wait(l->ep, events, LOAD_EVENTS, LOAD_TICK_MS);

        for (i = 0; i < n; i++) {
            if (load_answer(l, events[i].data.ptr) != STN_OK) {
                return STN_ERROR;
            }
        }

        /* the clock is read per batch, not per request */

        if (bench_now_ns() > deadline) {
            l->reason = "time is up";
            return STN_ERROR;
        }
    }

    return STN_OK;
}


/* Sends the connection's next request, unless enough were sent. */

static int
load_ask(load_t *l, load_conn_t *c)
{
    load_uri_t  *u;

    if (l->sent == l->limit) {
        return STN_OK;
    }

    if (c->fd == -1) {
        if (load_open(l, c) != STN_OK) {
            return STN_ERROR;
        }

        l->reconnects++;
    }

    u = &l->uris[c->uri];

    if (bench_http_send(c->fd, u->request, u->len) != STN_OK) {
        l->reason = "cannot send a request";
        return STN_ERROR;
    }

    c->waiting = 1;
    l->sent++;

    return STN_OK;
}


static int
load_answer(load_t *l, load_conn_t *c)
{
    int          rc;
    const char  *bad;

    rc = bench_http_read(&c->answer, c->fd);
    if (rc == STN_AGAIN) {
        return STN_OK;
    }

    if (!c->waiting) {
        load_drop(c);           /* an idle connection was closed */
        return STN_OK;
    }

    c->waiting = 0;
    l->answered++;

    bad = rc == STN_OK ? load_check(l, c) : c->answer.reason;
    if (bad) {
        load_error(l, bad);
    }

    if (rc != STN_OK || c->answer.close) {
        load_drop(c);
    }

    bench_http_reset(&c->answer);

    if (++c->uri == l->nuris) {
        c->uri = 0;
    }

    return load_ask(l, c);
}


/* Returns what is wrong with a whole answer, NULL when it is good. */

static const char *
load_check(load_t *l, load_conn_t *c)
{
    bench_http_t  *a;

    a = &c->answer;

    l->bytes += (long long) a->body;
    l->head_bytes += (long long) a->head;

    if (a->status != 200) {
        return "status is not 200";
    }

    if (l->body >= 0 && a->body != (size_t) l->body) {
        return "body of another length";
    }

    if (l->same && !load_same(&l->uris[c->uri], a)) {
        return "body of other bytes";
    }

    return NULL;
}


static int
load_same(load_uri_t *u, const bench_http_t *a)
{
    if (u->first == NULL) {
        u->first = malloc(a->body + 1);
        if (u->first == NULL) {
            return 0;
        }

        u->first_len = a->body;
        memcpy(u->first, bench_http_body(a), a->body);
    }

    return u->first_len == a->body
           && memcmp(u->first, bench_http_body(a), a->body) == 0;
}


static void
load_error(load_t *l, const char *reason)
{
    if (l->errors++ == 0) {
        l->reason = reason;
    }
}


static void
load_drop(load_conn_t *c)
{
    close(c->fd);
    c->fd = -1;
}


static void
load_print(const load_t *l, double wall)
{
    double  n;

    n = l->answered ? (double) l->answered : 1;

    printf("{\"requests\": %ld, \"errors\": %ld, \"reason\": \"%s\", "
           "\"reconnects\": %ld, \"connections\": %u, \"wall_s\": %.6f, "
           "\"rate\": %.1f, \"body_bytes\": %.1f, \"head_bytes\": %.1f}\n",
           l->answered, l->errors, l->errors ? l->reason : "", l->reconnects,
           l->nconns, wall, (double) l->answered / wall,
           (double) l->bytes / n, (double) l->head_bytes / n);
}
