/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' HTTP/1.1 client side (see bench_http.h): the sockets, and
 * what else of the machine a benchmark wants.
 */

#include "bench_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>


int
bench_http_connect(unsigned port)
{
    int                 fd, on;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        return -1;
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    on = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
    {
        close(fd);
        return -1;
    }

    return fd;
}


int
bench_http_read(bench_http_t *a, int fd)
{
    int      rc;
    char    *p;
    size_t   size;
    ssize_t  n;

    do {
        p = crowd_http_room(a, &size);
        if (p == NULL) {
            return STN_ERROR;
        }

        n = recv(fd, p, size, 0);

        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            return STN_AGAIN;
        }

        if (n <= 0) {
            a->lost = 1;
            a->reason = n == -1 ? strerror(errno)
                                : "connection closed by the server";
            return STN_ERROR;
        }

        rc = crowd_http_fed(a, (size_t) n);

    } while (rc == STN_AGAIN);

    return rc;
}


size_t
bench_http_get(char *out, size_t size, unsigned port, const char *uri,
    const char *headers)
{
    char  host[32];

    snprintf(host, sizeof(host), "127.0.0.1:%u", port);

    return crowd_http_get(out, size, host, uri, headers);
}


int
bench_http_send(int fd, const char *data, size_t len)
{
    return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t) len ? STN_OK
                                                              : STN_ERROR;
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
