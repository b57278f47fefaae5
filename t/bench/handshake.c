/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * handshake - TLS 1.3 connections, one after the other in each of some
 * processes, each with a whole handshake (or resumed by the ticket of the one
 * before) and one request.  Nothing is kept alive: what is measured is what it
 * costs to come.  The certificate is not verified, which is the client's
 * affair and costs the server nothing.  Prints one line of JSON.
 */

#include "bench_http.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


#define HANDSHAKE_USAGE                                                      \
    "usage: handshake [options] URI\n"                                       \
    "  -p PORT   of 127.0.0.1 (8443)\n"                                      \
    "  -n N      connections in all (1000)\n"                                \
    "  -c N      processes (4)\n"                                            \
    "  -r        resumes: only the first of each process is whole\n"         \
    "exit status: 0 all answers were good, 1 some were not, 2 set-up\n"

#define HANDSHAKE_PROCESSES  64
#define HANDSHAKE_REQUEST    1024


/* What a process has done. */

typedef struct {
    long                    good;
    long                    resumed;
    long                    errors;
} handshake_done_t;


typedef struct {
    unsigned                port;
    long                    limit;
    unsigned                processes;
    unsigned                resume;      /* boolean */
    char                    request[HANDSHAKE_REQUEST];
    size_t                  len;         /* bytes of it */

    SSL_CTX                *ctx;
    SSL_SESSION            *session;     /* of the last ticket; owned */
    handshake_done_t       *done;        /* of each process; shared */
} handshake_t;


static int handshake_options(handshake_t *h, int argc, char **argv);
static int handshake_prepare(handshake_t *h);
static void handshake_run(handshake_t *h, handshake_done_t *done, long n);
static int handshake_one(handshake_t *h, handshake_done_t *done);
static int handshake_ask(handshake_t *h, SSL *ssl);
static int handshake_ticket(SSL *ssl, SSL_SESSION *session);
static long handshake_print(const handshake_t *h, double wall);


int
main(int argc, char **argv)
{
    pid_t               pid;
    int64_t             start;
    unsigned            i;
    static handshake_t  h;

    if (handshake_options(&h, argc, argv) != STN_OK
        || handshake_prepare(&h) != STN_OK)
    {
        fputs(HANDSHAKE_USAGE, stderr);
        return 2;
    }

    start = bench_now_ns();

    for (i = 0; i < h.processes; i++) {
        pid = fork();

        if (pid == 0) {
            handshake_run(&h, &h.done[i], h.limit / h.processes);
            _exit(0);
        }
    }

    while (wait(NULL) > 0) {
        continue;
    }

    return handshake_print(&h, (double) (bench_now_ns() - start) / 1e9) ? 1
                                                                        : 0;
}


static int
handshake_options(handshake_t *h, int argc, char **argv)
{
    int  c;

    h->port = 8443;
    h->limit = 1000;
    h->processes = 4;

    while ((c = getopt(argc, argv, "p:n:c:r")) != -1) {
        switch (c) {
        case 'p': h->port = (unsigned) atoi(optarg); break;
        case 'n': h->limit = atol(optarg); break;
        case 'c': h->processes = (unsigned) atoi(optarg); break;
        case 'r': h->resume = 1; break;
        default: return STN_ERROR;
        }
    }

    if (argc - optind != 1 || h->processes < 1
        || h->processes > HANDSHAKE_PROCESSES || h->limit < h->processes)
    {
        return STN_ERROR;
    }

    h->len = bench_http_get(h->request, sizeof(h->request), h->port,
                            argv[optind], "Connection: close\r\n");

    return h->len ? STN_OK : STN_LIMIT;
}


static int
handshake_prepare(handshake_t *h)
{
    h->done = mmap(NULL, h->processes * sizeof(handshake_done_t),
                   PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    h->ctx = SSL_CTX_new(TLS_client_method());

    if (h->done == MAP_FAILED || h->ctx == NULL
        || !SSL_CTX_set_min_proto_version(h->ctx, TLS1_3_VERSION))
    {
        return STN_NOMEM;
    }

    SSL_CTX_set_app_data(h->ctx, h);
    SSL_CTX_set_session_cache_mode(h->ctx, SSL_SESS_CACHE_CLIENT
                                           |SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(h->ctx, handshake_ticket);

    return STN_OK;
}


static void
handshake_run(handshake_t *h, handshake_done_t *done, long n)
{
    while (n-- > 0) {
        if (handshake_one(h, done) == STN_OK) {
            done->good++;

        } else {
            done->errors++;
        }
    }
}


static int
handshake_one(handshake_t *h, handshake_done_t *done)
{
    int   fd, rc;
    SSL  *ssl;

    fd = bench_http_connect(h->port);
    if (fd == -1) {
        return STN_ERROR;
    }

    (void) fcntl(fd, F_SETFL, 0);       /* one at a time: it may block */

    rc = STN_ERROR;
    ssl = SSL_new(h->ctx);

    if (ssl && SSL_set_fd(ssl, fd)
        && (!h->resume || h->session == NULL
            || SSL_set_session(ssl, h->session))
        && SSL_connect(ssl) == 1)
    {
        done->resumed += SSL_session_reused(ssl);
        rc = handshake_ask(h, ssl);
    }

    SSL_free(ssl);
    close(fd);

    return rc;
}


/* Reads to the end: tickets come before the answer. */

static int
handshake_ask(handshake_t *h, SSL *ssl)
{
    int   n, all;
    char  head[16], rest[16384];

    if (SSL_write(ssl, h->request, (int) h->len) <= 0) {
        return STN_ERROR;
    }

    all = SSL_read(ssl, head, sizeof(head));

    do {
        n = SSL_read(ssl, rest, sizeof(rest));
    } while (n > 0);

    /* or its session would be thought of as broken off */

    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN|SSL_RECEIVED_SHUTDOWN);

    return all == sizeof(head) && memcmp(head, "HTTP/1.1 200", 12) == 0
           ? STN_OK : STN_ERROR;
}


static int
handshake_ticket(SSL *ssl, SSL_SESSION *session)
{
    handshake_t  *h;

    h = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(h->session);
    h->session = session;

    return 1;
}


static long
handshake_print(const handshake_t *h, double wall)
{
    unsigned          i;
    handshake_done_t  all;

    memset(&all, 0, sizeof(all));

    for (i = 0; i < h->processes; i++) {
        all.good += h->done[i].good;
        all.resumed += h->done[i].resumed;
        all.errors += h->done[i].errors;
    }

    printf("{\"good\": %ld, \"resumed\": %ld, \"errors\": %ld, "
           "\"wall_s\": %.6f}\n", all.good, all.resumed, all.errors, wall);

    return all.errors;
}
