/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' HTTP/1.1 client side (see bench_http.h): one receive buffer
 * a connection, kept from answer to answer; of the headers only those are
 * looked at that a benchmark wants, since most of a load generator's time
 * would otherwise go there.
 */

#include "bench_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


/* The first allocation: a part of 128 kbit/s and 1 s fits twice. */
#define BENCH_HTTP_FIRST  (40 * 1024)

/* "HTTP/1.1 200" */
#define BENCH_HTTP_STATUS_LEN  12


static int bench_http_socket(unsigned port, int flags);
static int bench_http_fail(bench_http_t *a, const char *reason);
static int bench_http_grow(bench_http_t *a);
static int bench_http_whole(bench_http_t *a);
static int bench_http_head(bench_http_t *a);
static void bench_http_line(bench_http_t *a, const char *line, size_t len);
static const char *bench_http_value(const char *line, size_t len,
    const char *name);


int
bench_http_connect(unsigned port)
{
    int  fd;

    fd = bench_http_socket(port, 0);

    if (fd != -1 && fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
        close(fd);
        return -1;
    }

    return fd;
}


int
bench_http_begin(unsigned port)
{
    return bench_http_socket(port, SOCK_NONBLOCK);
}


static int
bench_http_socket(unsigned port, int flags)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC|flags, 0);
    if (fd == -1) {
        return -1;
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || (connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
            && errno != EINPROGRESS))
    {
        close(fd);
        return -1;
    }

    return fd;
}


static int
bench_http_fail(bench_http_t *a, const char *reason)
{
    a->reason = reason;

    return STN_ERROR;
}


/* Makes room for at least one more byte. */

static int
bench_http_grow(bench_http_t *a)
{
    char    *p;
    size_t   size;

    size = a->size ? a->size * 2 : BENCH_HTTP_FIRST;
    if (size > BENCH_HTTP_MAX) {
        return bench_http_fail(a, "answer too large");
    }

    p = realloc(a->buf, size);
    if (p == NULL) {
        return bench_http_fail(a, "out of memory");
    }

    a->buf = p;
    a->size = size;

    return STN_OK;
}


int
bench_http_read(bench_http_t *a, int fd)
{
    int      rc;
    ssize_t  n;

    do {
        if (a->len == a->size && bench_http_grow(a) != STN_OK) {
            return STN_ERROR;
        }

        n = recv(fd, a->buf + a->len, a->size - a->len, 0);

        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            return STN_AGAIN;
        }

        if (n <= 0) {
            a->lost = 1;
            return bench_http_fail(a, n == -1 ? strerror(errno)
                                           : "connection closed by the server");
        }

        a->len += (size_t) n;
        rc = bench_http_whole(a);

    } while (rc == STN_AGAIN);

    return rc;
}


static int
bench_http_whole(bench_http_t *a)
{
    int  rc;

    if (a->head == 0) {
        rc = bench_http_head(a);
        if (rc != STN_OK) {
            return rc;
        }
    }

    if (a->len > a->head + a->body) {
        return bench_http_fail(a, "body longer than its Content-Length");
    }

    return a->len == a->head + a->body ? STN_OK : STN_AGAIN;
}


/* STN_AGAIN until the empty line is there. */

static int
bench_http_head(bench_http_t *a)
{
    const char  *p, *end, *eol;

    end = memmem(a->buf, a->len, "\r\n\r\n", 4);
    if (end == NULL) {
        return STN_AGAIN;
    }

    if (end - a->buf < BENCH_HTTP_STATUS_LEN
        || memcmp(a->buf, "HTTP/1.1 ", 9) != 0)
    {
        return bench_http_fail(a, "not an HTTP/1.1 answer");
    }

    a->status = (unsigned) ((a->buf[9] - '0') * 100 + (a->buf[10] - '0') * 10
                            + a->buf[11] - '0');
    a->body = SIZE_MAX;
    a->worker = -1;
    a->close = 0;

    for (p = a->buf; p < end; p = eol + 2) {
        eol = memchr(p, '\r', (size_t) (end + 2 - p));
        bench_http_line(a, p, (size_t) (eol - p));
    }

    if (a->body > BENCH_HTTP_MAX) {
        return bench_http_fail(a, "no Content-Length, or an absurd one");
    }

    a->head = (size_t) (end + 4 - a->buf);

    return STN_OK;
}


static void
bench_http_line(bench_http_t *a, const char *line, size_t len)
{
    const char  *v;

    /* most headers are told apart by their first byte */

    switch (line[0] | 0x20) {

    case 'c':
        v = bench_http_value(line, len, "Content-Length:");
        if (v) {
            a->body = strtoul(v, NULL, 10);
            return;
        }

        v = bench_http_value(line, len, "Connection:");
        if (v && strncasecmp(v, " close", 6) == 0) {
            a->close = 1;
        }

        return;

    case 'x':
        v = bench_http_value(line, len, "X-Worker:");
        if (v) {
            a->worker = strtol(v, NULL, 10);
        }

        return;
    }
}


static const char *
bench_http_value(const char *line, size_t len, const char *name)
{
    size_t  n;

    n = strlen(name);

    return len > n && strncasecmp(line, name, n) == 0 ? line + n : NULL;
}


const char *
bench_http_body(const bench_http_t *a)
{
    return a->buf + a->head;
}


void
bench_http_reset(bench_http_t *a)
{
    a->len = 0;
    a->head = 0;
    a->body = 0;
    a->lost = 0;
}


void
bench_http_free(bench_http_t *a)
{
    free(a->buf);
    memset(a, 0, sizeof(*a));
}


size_t
bench_http_get(char *out, size_t size, unsigned port, const char *uri,
    const char *headers)
{
    int  n;

    n = snprintf(out, size,
                 "GET %s HTTP/1.1\r\n"
                 "Host: 127.0.0.1:%u\r\n"
                 "User-Agent: stentor-bench\r\n"
                 "Accept: */*\r\n"
                 "%s\r\n", uri, port, headers);

    return n < 0 || (size_t) n >= size ? 0 : (size_t) n;
}


int
bench_http_send(int fd, const char *data, size_t len)
{
    return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t) len ? STN_OK
                                                              : STN_ERROR;
}


int64_t
bench_now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


int
bench_pin(int cpu)
{
    cpu_set_t  set;

    if (cpu < 0) {
        return STN_OK;
    }

    CPU_ZERO(&set);
    CPU_SET((unsigned) cpu, &set);

    return sched_setaffinity(0, sizeof(set), &set) == 0 ? STN_OK : STN_ERROR;
}
