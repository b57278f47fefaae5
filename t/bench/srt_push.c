/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * srt_push - many SRT broadcasters in one process: sends files of MPEG-TS,
 * each over a connection of its own with a stream id of its own, at the pace
 * of their PCR, until it is told to stop (TERM), a file ends or the server
 * closes.  All connections share one UDP port and libsrt's two threads for
 * it, so that fifty of them cost next to nothing.
 *
 * usage: srt_push [-l LATENCY_MS] [-p PASSPHRASE] PORT STREAMID FILE ...
 * Prints "published" once the server has accepted all of them.
 */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <srt.h>


#define SRT_PUSH_PACKET   188            /* bytes of MPEG-TS */
#define SRT_PUSH_PAYLOAD  (7 * SRT_PUSH_PACKET)
#define SRT_PUSH_CLOCK    90000          /* PCR base, per second */
#define SRT_PUSH_TURN     2000000        /* ns between two looks at the time */
#define SRT_PUSH_FRAME    (1024.0 / 48000)


typedef struct {
    SRTSOCKET       sock;
    const uint8_t  *ts;                  /* the file, mapped */
    size_t          size;
    size_t          at;                  /* what is to be sent next */
    int64_t         first;               /* PCR */
    int64_t         pcr;                 /* of what is to be sent next */
} srt_push_t;

typedef struct {
    struct sockaddr_in  server;
    struct sockaddr_in  local;           /* port 0: not known yet */
    int                 latency;         /* ms */
    const char         *passphrase;      /* NULL: none */
} srt_push_conf_t;


static int srt_push_usage(void);
static int srt_push_all(srt_push_t *all, int n);
static int srt_push_open(srt_push_t *p, srt_push_conf_t *conf,
    const char *id);
static int srt_push_map(srt_push_t *p, const char *path);
static int64_t srt_push_pcr(const uint8_t *packet);
static size_t srt_push_find(const srt_push_t *p, size_t at);
static int srt_push_send(srt_push_t *p, double now);
static double srt_push_now(void);
static void srt_push_stop(int signo);


static volatile sig_atomic_t  srt_push_told;


int
main(int argc, char **argv)
{
    int              c, i, n, rc;
    srt_push_t      *all;
    srt_push_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.latency = 200;

    while ((c = getopt(argc, argv, "l:p:")) != -1) {
        switch (c) {
        case 'l': conf.latency = atoi(optarg); break;
        case 'p': conf.passphrase = optarg; break;
        default: return srt_push_usage();
        }
    }

    argv += optind;
    n = (argc - optind - 1) / 2;

    if (n < 1 || argc - optind != 1 + 2 * n) {
        return srt_push_usage();
    }

    all = calloc((size_t) n, sizeof(*all));
    if (all == NULL || srt_startup() < 0) {
        return 1;
    }

    conf.server.sin_family = AF_INET;
    conf.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conf.local = conf.server;
    conf.server.sin_port = htons((uint16_t) atoi(argv[0]));

    signal(SIGTERM, srt_push_stop);
    rc = 0;

    for (i = 0; i < n && rc == 0; i++) {
        rc = srt_push_map(&all[i], argv[2 + 2 * i]) != 0
             || srt_push_open(&all[i], &conf, argv[1 + 2 * i]) != 0;
    }

    if (rc == 0) {
        puts("published");
        fflush(stdout);
        rc = srt_push_all(all, n);
    }

    srt_cleanup();

    return rc;
}


static int
srt_push_usage(void)
{
    fprintf(stderr, "usage: srt_push [-l latency_ms] [-p passphrase] "
                    "port streamid file ...\n");
    return 2;
}


/* The clocks of all begin at different moments of a frame. */

static int
srt_push_all(srt_push_t *all, int n)
{
    int              i;
    double           start, now;
    struct timespec  turn;

    turn.tv_sec = 0;
    turn.tv_nsec = SRT_PUSH_TURN;
    start = srt_push_now();

    while (!srt_push_told) {
        now = srt_push_now() - start;

        for (i = 0; i < n; i++) {
            if (srt_push_send(&all[i], now - SRT_PUSH_FRAME * i / n) != 0) {
                fprintf(stderr, "srt_push: connection %d: %s\n", i,
                        srt_getlasterror_str());
                return 1;
            }
        }

        (void) nanosleep(&turn, NULL);
    }

    for (i = 0; i < n; i++) {
        srt_close(all[i].sock);
    }

    return 0;
}


/* Blocks until the server has accepted or refused. */

static int
srt_push_open(srt_push_t *p, srt_push_conf_t *conf, const char *id)
{
    int  no, len;

    no = 0;
    len = sizeof(conf->local);
    p->sock = srt_create_socket();

    if (p->sock == SRT_INVALID_SOCK
        || srt_setsockflag(p->sock, SRTO_STREAMID, id, (int) strlen(id)) < 0
        || srt_setsockflag(p->sock, SRTO_LATENCY, &conf->latency,
                           sizeof(int)) < 0
        || (conf->passphrase
            && srt_setsockflag(p->sock, SRTO_PASSPHRASE, conf->passphrase,
                               (int) strlen(conf->passphrase)) < 0)
        || srt_bind(p->sock, (struct sockaddr *) &conf->local,
                    sizeof(conf->local)) < 0
        || srt_getsockname(p->sock, (struct sockaddr *) &conf->local,
                           &len) < 0)
    {
        fprintf(stderr, "srt_push: %s\n", srt_getlasterror_str());
        return -1;
    }

    if (srt_connect(p->sock, (struct sockaddr *) &conf->server,
                    sizeof(conf->server)) < 0)
    {
        fprintf(stderr, "srt_push: %s: %s\n", id,
                srt_rejectreason_str(srt_getrejectreason(p->sock)));
        return -1;
    }

    return srt_setsockflag(p->sock, SRTO_SNDSYN, &no, sizeof(int));
}


static int
srt_push_map(srt_push_t *p, const char *path)
{
    int          fd;
    void        *map;
    struct stat  st;

    fd = open(path, O_RDONLY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        perror(path);
        return -1;
    }

    p->size = (size_t) st.st_size / SRT_PUSH_PACKET * SRT_PUSH_PACKET;
    map = mmap(NULL, p->size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);

    if (map == MAP_FAILED) {
        perror(path);
        return -1;
    }

    p->ts = map;
    p->at = srt_push_find(p, 0);

    if (p->at == p->size) {
        fprintf(stderr, "srt_push: %s has no PCR\n", path);
        return -1;
    }

    p->first = srt_push_pcr(p->ts + p->at);
    p->pcr = p->first;
    p->at = 0;

    return 0;
}


/* ISO/IEC 13818-1 2.4.3.5: program_clock_reference_base, -1 for none. */

static int64_t
srt_push_pcr(const uint8_t *packet)
{
    if (!(packet[3] & 0x20) || packet[4] < 7 || !(packet[5] & 0x10)) {
        return -1;
    }

    return (int64_t) packet[6] << 25 | packet[7] << 17 | packet[8] << 9
           | packet[9] << 1 | packet[10] >> 7;
}


/* The packet with a PCR at or after an offset; the size when there is none. */

static size_t
srt_push_find(const srt_push_t *p, size_t at)
{
    while (at < p->size && srt_push_pcr(p->ts + at) < 0) {
        at += SRT_PUSH_PACKET;
    }

    return at;
}


/* Sends what is due at a time of its clock (seconds): the packets from one PCR
 * up to the next. */

static int
srt_push_send(srt_push_t *p, double now)
{
    size_t  n, next;

    while ((double) (p->pcr - p->first) / SRT_PUSH_CLOCK <= now) {

        next = srt_push_find(p, srt_push_find(p, p->at) + SRT_PUSH_PACKET);

        if (next >= p->size) {
            return -1;
        }

        for (; p->at < next; p->at += n) {
            n = next - p->at;
            n = n < SRT_PUSH_PAYLOAD ? n : SRT_PUSH_PAYLOAD;

            if (srt_sendmsg2(p->sock, (const char *) p->ts + p->at, (int) n,
                             NULL) < 0)
            {
                return -1;
            }
        }

        p->pcr = srt_push_pcr(p->ts + next);
    }

    return 0;
}


static double
srt_push_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
srt_push_stop(int signo)
{
    srt_push_told = signo;
}
