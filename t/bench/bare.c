/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * bare - a server that does for low-latency listeners what nobody can leave
 * out, and nothing else: it holds their blocked reloads, answers all of them
 * when a part's time has come, and hands out parts, all from memory, one
 * system call an answer.  No configuration, no log, no timeout, nobody else's
 * request: what it costs is the floor beneath any server here.  The
 * stream is one part of Stentor's, again and again, each time later (tfdt).
 */

#include "stn_base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define BARE_USAGE                                                           \
    "usage: bare [options] INIT PART\n"                                      \
    "  -p PORT   of 127.0.0.1 (8080)     -l BYTES  of a playlist, at least\n"\
    "  -S N      parts in a segment (6)  -a CPU    core to stay on (any)\n"  \
    "INIT and PART are files: of frames of 1024 samples at 48 kHz\n"

#define BARE_EVENTS    512
#define BARE_CONNS     20000     /* descriptors that a process may have */
#define BARE_REQUEST   4096
#define BARE_LIST      16384     /* bytes of a playlist, at most */
#define BARE_RING      256       /* parts that can be asked for */
#define BARE_SEGMENTS  10        /* that are listed, of which */
#define BARE_PARTED    3         /* these with their parts */
#define BARE_SAMPLES   1024
#define BARE_RATE      48000
#define BARE_SECOND    1000000000LL


typedef struct {
    const char    *data;
    size_t         len;
    const char    *type;
} bare_body_t;


typedef struct {
    int            fd;
    unsigned       held;         /* boolean: waits for the next part */
    const char    *rest;         /* what a full socket did not take */
    size_t         left;
} bare_conn_t;


typedef struct {
    unsigned       port;
    unsigned       segment;      /* parts in one */
    int            cpu;
    size_t         least;        /* bytes of a playlist */

    int            ep;
    int            listener;
    int            timer;
    int64_t        start;        /* ns: when part 0 was due */
    int64_t        ticks;        /* of a part */
    uint64_t       next;         /* number of the part to come */
    bare_body_t    init;
    bare_body_t    part;         /* as read; its copies differ in tfdt, */
    size_t         tfdt;         /* which is there */
    char          *ring[BARE_RING];
    char           lists[2][BARE_LIST];  /* the last may still be under way */
    bare_body_t    list;
    bare_conn_t    conns[BARE_CONNS];    /* by descriptor */
    unsigned       held[BARE_CONNS];     /* descriptors */
    unsigned       nheld;
} bare_t;


static int bare_options(bare_t *b, int argc, char **argv);
static int bare_file(bare_body_t *body, const char *path, const char *type);
static int bare_media(bare_t *b);
static int bare_listen(bare_t *b);
static void bare_watch(bare_t *b, int fd, uint32_t events, int op);
static void bare_run(bare_t *b);
static void bare_accept(bare_t *b);
static void bare_parts(bare_t *b);
static void bare_publish(bare_t *b);
static void bare_playlist(bare_t *b);
static void bare_add(bare_t *b, const char *format, ...);
static void bare_read(bare_t *b, bare_conn_t *c);
static void bare_request(bare_t *b, bare_conn_t *c, const char *uri);
static void bare_answer(bare_t *b, bare_conn_t *c, const bare_body_t *body);
static void bare_write(bare_t *b, bare_conn_t *c);
static void bare_close(bare_conn_t *c);
static int64_t bare_due(const bare_t *b);
static int64_t bare_now(void);


int
main(int argc, char **argv)
{
    static bare_t  b;

    signal(SIGPIPE, SIG_IGN);

    if (bare_options(&b, argc, argv) != STN_OK) {
        fputs(BARE_USAGE, stderr);
        return 2;
    }

    if (bare_media(&b) != STN_OK || bare_listen(&b) != STN_OK) {
        perror("bare");
        return 2;
    }

    puts("published");
    fflush(stdout);

    bare_run(&b);

    return 0;
}


static int
bare_options(bare_t *b, int argc, char **argv)
{
    int        c;
    cpu_set_t  set;

    b->port = 8080;
    b->segment = 6;
    b->cpu = -1;

    while ((c = getopt(argc, argv, "p:S:a:l:")) != -1) {
        switch (c) {
        case 'p': b->port = (unsigned) atoi(optarg); break;
        case 'S': b->segment = (unsigned) atoi(optarg); break;
        case 'a': b->cpu = atoi(optarg); break;
        case 'l': b->least = strtoul(optarg, NULL, 10); break;
        default: return STN_ERROR;
        }
    }

    if (b->cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET((unsigned) b->cpu, &set);

        if (sched_setaffinity(0, sizeof(set), &set) == -1) {
            return STN_ERROR;
        }
    }

    return argc - optind == 2 && b->segment >= 1
           && (BARE_SEGMENTS + 1) * b->segment < BARE_RING
           && bare_file(&b->init, argv[optind], "audio/mp4") == STN_OK
           && bare_file(&b->part, argv[optind + 1], "audio/mp4") == STN_OK
           ? STN_OK : STN_ERROR;
}


static int
bare_file(bare_body_t *body, const char *path, const char *type)
{
    FILE  *f;
    char  *data;

    f = fopen(path, "rb");
    if (f == NULL) {
        return STN_ERROR;
    }

    data = malloc(BARE_REQUEST * BARE_RING);
    if (data == NULL) {
        fclose(f);
        return STN_NOMEM;
    }

    body->data = data;
    body->len = fread(data, 1, BARE_REQUEST * BARE_RING, f);
    body->type = type;
    fclose(f);

    return body->len ? STN_OK : STN_ERROR;
}


/* Finds in the part where its time is (tfdt of version 1) and how many frames
 * it has (trun), and makes a window of parts that have been. */

static int
bare_media(bare_t *b)
{
    unsigned              i;
    const unsigned char  *p;
    const char           *tfdt, *trun;

    tfdt = memmem(b->part.data, b->part.len, "tfdt\1", 5);
    trun = memmem(b->part.data, b->part.len, "trun", 4);

    if (tfdt == NULL || trun == NULL) {
        errno = EINVAL;
        return STN_ERROR;
    }

    p = (const unsigned char *) trun + 8;
    b->ticks = (int64_t) (((unsigned) p[0] << 24 | (unsigned) p[1] << 16
                           | (unsigned) p[2] << 8 | p[3]) * BARE_SAMPLES);
    b->tfdt = (size_t) (tfdt + 8 - b->part.data);

    for (i = 0; i < BARE_RING; i++) {
        b->ring[i] = malloc(b->part.len);
        if (b->ring[i] == NULL) {
            return STN_NOMEM;
        }

        memcpy(b->ring[i], b->part.data, b->part.len);
    }

    for (i = 0; i < (BARE_SEGMENTS + 1) * b->segment; i++) {
        bare_publish(b);
    }

    bare_playlist(b);
    b->start = bare_now() - b->ticks * BARE_SECOND / BARE_RATE
                            * (int64_t) b->next;

    return b->ticks > 0 ? STN_OK : STN_ERROR;
}


static int
bare_listen(bare_t *b)
{
    int                 on;
    struct sockaddr_in  sin;

    b->ep = epoll_create1(EPOLL_CLOEXEC);
    b->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);
    b->listener = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) b->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    on = 1;

    if (b->ep == -1 || b->timer == -1 || b->listener == -1
        || setsockopt(b->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))
           == -1
        || bind(b->listener, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(b->listener, SOMAXCONN) == -1)
    {
        return STN_ERROR;
    }

    bare_watch(b, b->listener, EPOLLIN, EPOLL_CTL_ADD);
    bare_watch(b, b->timer, EPOLLIN, EPOLL_CTL_ADD);
    bare_parts(b);

    return STN_OK;
}


static void
bare_watch(bare_t *b, int fd, uint32_t events, int op)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.fd = fd;

    (void) epoll_ctl(b->ep, op, fd, &ee);
}


static void
bare_run(bare_t *b)
{
    int                 i, n, fd;
    struct epoll_event  events[BARE_EVENTS];

    for ( ;; ) {
        n = epoll_wait(b->ep, events, BARE_EVENTS, -1);

        for (i = 0; i < n; i++) {
            fd = events[i].data.fd;

            if (fd == b->listener) {
                bare_accept(b);

            } else if (fd == b->timer) {
                bare_parts(b);

            } else if (b->conns[fd].left) {
                bare_write(b, &b->conns[fd]);

            } else {
                bare_read(b, &b->conns[fd]);
            }
        }
    }
}


static void
bare_accept(bare_t *b)
{
    int           fd, on;
    bare_conn_t  *c;

    on = 1;

    while ((fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC))
           != -1)
    {
        if (fd >= BARE_CONNS) {
            close(fd);
            continue;
        }

        c = &b->conns[fd];
        c->fd = fd;
        c->held = 0;
        c->left = 0;

        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        bare_watch(b, fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}


/* Publishes the parts whose time has come, answers who waits for them, and
 * sets the timer to the next one. */

static void
bare_parts(bare_t *b)
{
    unsigned           i, n;
    bare_conn_t       *c;
    struct itimerspec  its;

    if (bare_due(b) <= bare_now()) {
        do {
            bare_publish(b);
        } while (bare_due(b) <= bare_now());

        bare_playlist(b);
        n = b->nheld;
        b->nheld = 0;

        for (i = 0; i < n; i++) {
            c = &b->conns[b->held[i]];

            /* it may have gone, and another one come */

            if (c->held) {
                c->held = 0;
                bare_answer(b, c, &b->list);
            }
        }
    }

    memset(&its, 0, sizeof(its));
    its.it_value.tv_sec = bare_due(b) / BARE_SECOND;
    its.it_value.tv_nsec = bare_due(b) % BARE_SECOND;

    timerfd_settime(b->timer, TFD_TIMER_ABSTIME, &its, NULL);
}


static void
bare_publish(bare_t *b)
{
    int       i;
    char     *p;
    uint64_t  pos;

    p = b->ring[b->next % BARE_RING] + b->tfdt;
    pos = b->next * (uint64_t) b->ticks;

    for (i = 7; i >= 0; i--) {
        p[i] = (char) (pos & 0xff);
        pos >>= 8;
    }

    b->next++;
}


/* Of the same form and about the same size as Stentor's. */

static void
bare_playlist(bare_t *b)
{
    double    part;
    uint64_t  msn, last;
    unsigned  i, n;

    part = (double) b->ticks / BARE_RATE;
    last = b->next / b->segment;

    b->list.data = b->list.data == b->lists[0] ? b->lists[1] : b->lists[0];
    b->list.len = 0;
    b->list.type = "application/vnd.apple.mpegurl";

    bare_add(b, "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:%.0f\n"
             "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,"
             "PART-HOLD-BACK=%.5f\n#EXT-X-PART-INF:PART-TARGET=%.5f\n"
             "#EXT-X-MEDIA-SEQUENCE:%llu\n#EXT-X-MAP:URI=\"audio/init.mp4\"\n",
             part * b->segment + 1, part * 3.2, part,
             (unsigned long long) last - BARE_SEGMENTS);

    for (msn = last - BARE_SEGMENTS; msn <= last; msn++) {
        n = msn < last ? b->segment : (unsigned) (b->next % b->segment);

        for (i = 0; i < n && msn + BARE_PARTED >= last; i++) {
            bare_add(b, "#EXT-X-PART:DURATION=%.5f,"
                     "URI=\"audio/%llu.%u.m4s\",INDEPENDENT=YES\n", part,
                     (unsigned long long) msn, i);
        }

        if (msn < last) {
            bare_add(b, "#EXTINF:%.5f,\naudio/%llu.m4s\n", part * b->segment,
                     (unsigned long long) msn);
        }
    }

    bare_add(b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"audio/%llu.%u.m4s\"\n",
             (unsigned long long) last, (unsigned) (b->next % b->segment));

    if (b->list.len + 2 < b->least) {
        bare_add(b, "#%0*d\n", (int) (b->least - b->list.len - 2), 0);
    }
}


static void
bare_add(bare_t *b, const char *format, ...)
{
    int      n;
    va_list  args;

    va_start(args, format);
    n = vsnprintf((char *) b->list.data + b->list.len,
                  BARE_LIST - b->list.len, format, args);
    va_end(args);

    b->list.len = stn_min(b->list.len + (size_t) n, BARE_LIST - 1);
}


/* A request comes in one piece here: on one machine, a few hundred bytes. */

static void
bare_read(bare_t *b, bare_conn_t *c)
{
    char      request[BARE_REQUEST];
    ssize_t   n;

    n = recv(c->fd, request, sizeof(request) - 1, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        bare_close(c);
        return;
    }

    request[n] = '\0';

    if (memcmp(request, "GET ", 4) != 0 || strstr(request, "\r\n\r\n") == NULL)
    {
        bare_close(c);
        return;
    }

    request[4 + strcspn(request + 4, " \r")] = '\0';
    bare_request(b, c, request + 4);
}


static void
bare_request(bare_t *b, bare_conn_t *c, const char *uri)
{
    unsigned            part;
    const char         *p;
    bare_body_t         body;
    unsigned long long  msn;

    static const char  variants[] =
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=203576,AVERAGE-BANDWIDTH=110361,"
        "CODECS=\"mp4a.40.2\"\naudio.m3u8\n";

    part = 0;
    p = strstr(uri, "_HLS_msn=");

    if (p && sscanf(p, "_HLS_msn=%llu&_HLS_part=%u", &msn, &part) >= 1
        && msn * b->segment + part >= b->next && b->nheld < BARE_CONNS)
    {
        c->held = 1;
        b->held[b->nheld++] = (unsigned) c->fd;
        return;
    }

    if (strstr(uri, "index.m3u8")) {
        body.data = variants;
        body.len = sizeof(variants) - 1;
        body.type = b->list.type;
        bare_answer(b, c, &body);
        return;
    }

    if (strstr(uri, ".m3u8")) {
        bare_answer(b, c, &b->list);
        return;
    }

    p = strrchr(uri, '/');

    if (p == NULL || sscanf(p, "/%llu.%u.m4s", &msn, &part) != 2) {
        bare_answer(b, c, &b->init);
        return;
    }

    body = b->part;
    body.data = b->ring[(msn * b->segment + part) % BARE_RING];
    bare_answer(b, c, &body);
}


/* Headers are as many bytes as Stentor's. */

static void
bare_answer(bare_t *b, bare_conn_t *c, const bare_body_t *body)
{
    int           n;
    char          head[512];
    size_t        all;
    ssize_t       sent;
    struct iovec  iov[2];

    n = snprintf(head, sizeof(head),
                 "HTTP/1.1 200 OK\r\nServer: bare\r\n"
                 "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                 "Content-Type: %s\r\nContent-Length: %zu\r\n"
                 "Connection: keep-alive\r\nVary: Accept-Encoding\r\n"
                 "ETag: \"00000000-000000000.00\"\r\n"
                 "Cache-Control: public, max-age=1\r\n"
                 "Access-Control-Allow-Origin: *\r\n"
                 "Access-Control-Expose-Headers: Age, Date\r\n\r\n",
                 body->type, body->len);

    iov[0].iov_base = head;
    iov[0].iov_len = (size_t) n;
    iov[1].iov_base = (void *) (uintptr_t) body->data;
    iov[1].iov_len = body->len;

    all = (size_t) n + body->len;
    sent = writev(c->fd, iov, 2);

    if (sent == (ssize_t) all) {
        return;
    }

    if (sent < n) {
        bare_close(c);
        return;
    }

    c->left = all - (size_t) sent;
    c->rest = body->data + body->len - c->left;
    bare_watch(b, c->fd, EPOLLOUT, EPOLL_CTL_MOD);
}


static void
bare_write(bare_t *b, bare_conn_t *c)
{
    ssize_t  n;

    n = send(c->fd, c->rest, c->left, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        bare_close(c);
        return;
    }

    c->rest += n;
    c->left -= (size_t) n;

    if (c->left == 0) {
        bare_watch(b, c->fd, EPOLLIN, EPOLL_CTL_MOD);
    }
}


static void
bare_close(bare_conn_t *c)
{
    close(c->fd);
    c->held = 0;
    c->left = 0;
}


/* When the next part is: CLOCK_MONOTONIC, ns. */

static int64_t
bare_due(const bare_t *b)
{
    return b->start + b->ticks * BARE_SECOND / BARE_RATE * (int64_t) b->next;
}


static int64_t
bare_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * BARE_SECOND + ts.tv_nsec;
}
