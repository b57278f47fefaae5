/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The workers as processes (see ngx_http_stentor_status.h): what each says of
 * its event loop, from the pulse, and what the kernel says of it.  Linux tells
 * everybody in /proc/PID/stat, which is made when it is read and waits for
 * nothing; where there is none the fields are null.
 */

#include "ngx_http_stentor_status.h"
#include "store/ngx_stentor_pulse.h"


/* A line of 52 numbers and a name of 15 characters. */
#define NGX_HTTP_STENTOR_PROCESS_MAX  1280

/* Where the fields are, as proc(5) counts them. */
#define NGX_HTTP_STENTOR_PROCESS_UTIME    14
#define NGX_HTTP_STENTOR_PROCESS_STIME    15
#define NGX_HTTP_STENTOR_PROCESS_THREADS  20
#define NGX_HTTP_STENTOR_PROCESS_RSS      24


typedef struct {
    double               cpu_s;
    uint64_t             threads;
    uint64_t             rss;            /* bytes */
} ngx_http_stentor_process_t;


static ngx_int_t ngx_http_stentor_process_read(ngx_pid_t pid,
    ngx_http_stentor_process_t *p);
static void ngx_http_stentor_process_parse(const char *line,
    ngx_http_stentor_process_t *p);


void
ngx_http_stentor_status_processes(ngx_stentor_store_t *store, stn_buf_t *out)
{
    ngx_pid_t                   pid;
    ngx_uint_t                  i, n, cpu, places;
    ngx_http_stentor_process_t  p;

    stn_buf_str(out, "  \"processes\": [");

    for (i = 0, n = 0; i < NGX_STENTOR_SLOTS; i++) {

        if (!ngx_stentor_store_lives(store, i)) {
            continue;
        }

        pid = (ngx_pid_t) ngx_stentor_store_slot(store, i)->pid;
        ngx_stentor_pulse_worker(store, i, &cpu, &places);

        stn_buf_printf(out, "%s\n    {\"pid\": %lld, \"busy\": %.3f, "
                       "\"connections_used\": %.3f, ", n++ ? "," : "",
                       (long long) pid, cpu / 1000.0, places / 1000.0);

        if (ngx_http_stentor_process_read(pid, &p) != NGX_OK) {
            stn_buf_str(out, "\"cpu_s\": null, \"threads\": null, "
                        "\"rss_bytes\": null}");
            continue;
        }

        stn_buf_printf(out, "\"cpu_s\": %.2f, \"threads\": %llu, "
                       "\"rss_bytes\": %llu}", p.cpu_s,
                       (unsigned long long) p.threads,
                       (unsigned long long) p.rss);
    }

    stn_buf_str(out, "],\n");
}


void
ngx_http_stentor_status_process_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out)
{
    uint64_t                    rss, threads;
    ngx_uint_t                  i;
    ngx_http_stentor_process_t  p;

    rss = 0;
    threads = 0;

    for (i = 0; i < NGX_STENTOR_SLOTS; i++) {
        if (ngx_stentor_store_lives(store, i)
            && ngx_http_stentor_process_read(
                   (ngx_pid_t) ngx_stentor_store_slot(store, i)->pid, &p)
               == NGX_OK)
        {
            rss += p.rss;
            threads += p.threads;
        }
    }

    ngx_http_stentor_status_metric(out, "stentor_workers_resident_bytes",
                                   "gauge", "Memory of all workers, the zone "
                                   "once each");
    stn_buf_printf(out, "stentor_workers_resident_bytes %llu\n",
                   (unsigned long long) rss);

    ngx_http_stentor_status_metric(out, "stentor_workers_threads", "gauge",
                                   "Threads of all workers");
    stn_buf_printf(out, "stentor_workers_threads %llu\n",
                   (unsigned long long) threads);
}


/* NGX_DECLINED: the kernel does not tell, or the process is gone. */

static ngx_int_t
ngx_http_stentor_process_read(ngx_pid_t pid, ngx_http_stentor_process_t *p)
{
    int      fd;
    char     path[NGX_INT64_LEN + sizeof("/proc//stat")];
    char     line[NGX_HTTP_STENTOR_PROCESS_MAX], *fields;
    ssize_t  n;

    ngx_sprintf((u_char *) path, "/proc/%P/stat%Z", pid);

    fd = open(path, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    n = read(fd, line, sizeof(line) - 1);
    close(fd);

    if (n <= 0) {
        return NGX_DECLINED;
    }

    line[n] = '\0';

    /* the name, in parentheses, may have anything in it */

    fields = strrchr(line, ')');
    if (fields == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(p, sizeof(ngx_http_stentor_process_t));
    ngx_http_stentor_process_parse(fields + 1, p);

    return NGX_OK;
}


/* From the third field on, a letter; each begins with a space. */

static void
ngx_http_stentor_process_parse(const char *line, ngx_http_stentor_process_t *p)
{
    double      tick;
    uint64_t    value;
    ngx_uint_t  i;

    tick = (double) ngx_max(sysconf(_SC_CLK_TCK), 1);

    for (i = 3; (line = strchr(line, ' ')); i++) {
        value = strtoull(++line, NULL, 10);

        switch (i) {

        case NGX_HTTP_STENTOR_PROCESS_UTIME:
        case NGX_HTTP_STENTOR_PROCESS_STIME:
            p->cpu_s += value / tick;
            break;

        case NGX_HTTP_STENTOR_PROCESS_THREADS:
            p->threads = value;
            break;

        case NGX_HTTP_STENTOR_PROCESS_RSS:
            p->rss = value * ngx_pagesize;
            return;

        default:
            break;
        }
    }
}
