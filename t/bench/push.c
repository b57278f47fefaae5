/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * push - a broadcaster for benchmarks: publishes silent AAC frames of one
 * size over RTMP, each at its time, until it is told to stop or the server
 * closes.  Every part then has the same size, which a twin can match.
 *
 * usage: push [-a CPU] [-f FRAME_BYTES] RTMP_PORT APPLICATION NAME
 * Prints "published" once the server has accepted it.
 */

#include "bench_push.h"

#include "bench_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define PUSH_FRAME  341       /* bytes: 128 kbit/s */


static void push_wait(int64_t until);


int
main(int argc, char **argv)
{
    int                  c, cpu;
    size_t               frame;
    static bench_push_t  p;

    cpu = -1;
    frame = PUSH_FRAME;

    while ((c = getopt(argc, argv, "a:f:")) != -1) {
        switch (c) {
        case 'a': cpu = atoi(optarg); break;
        case 'f': frame = strtoul(optarg, NULL, 10); break;
        default: return 2;
        }
    }

    argv += optind;

    if (argc - optind != 3 || bench_pin(cpu) != STN_OK) {
        fprintf(stderr, "usage: push [-a cpu] [-f frame_bytes] "
                        "rtmp_port application name\n");
        return 2;
    }

    if (bench_push_open(&p, (unsigned) atoi(argv[0]), argv[1], argv[2], frame)
        != STN_OK)
    {
        fprintf(stderr, "push: %s\n", p.reason);
        return 1;
    }

    puts("published");
    fflush(stdout);

    do {
        push_wait(bench_push_due(&p));
    } while (bench_push_frame(&p) == STN_OK);

    fprintf(stderr, "push: %s\n", p.reason);
    bench_push_close(&p);

    return 1;
}


static void
push_wait(int64_t until)
{
    struct timespec  ts;

    ts.tv_sec = until / 1000000000;
    ts.tv_nsec = until % 1000000000;

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL)
           == EINTR)
    {
        continue;
    }
}
