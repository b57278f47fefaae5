/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a crowd is told by standard input, and what it tells:
 *
 *     l                     prints what has been since the last mark
 *     m                     does so, and sets one
 *     :join N MS MIX        lets N more come, evenly over that time; with
 *                           "rising" behind it more and more
 *     :churn MS             who comes from now on stays that long on average,
 *                           and another one takes the place (0: for good)
 *     :cut MS               all lose their connections, and come again within
 *                           that time
 *
 * Letters stand alone, lines begin with a colon.
 */

#include "crowd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>


static void crowd_letter(crowd_t *c, char letter);
static void crowd_line(crowd_t *c, char *line);
static void crowd_line_join(crowd_t *c, const char *line);
static void crowd_line_cut(crowd_t *c, double ms);
static void crowd_gaps(crowd_t *c);
static double crowd_cpu(long *rss_kb);


/* As scenarios call them. */

static const char  *crowd_kinds[CROWD_KINDS] = {
    "low-latency", "classic", "preload", "slow", "playlist-only",
    "one-part", "connect-only", "slow-loris", "malformed"
};


void
crowd_told(crowd_t *c)
{
    char     text[256];
    ssize_t  i, n;

    n = read(STDIN_FILENO, text, sizeof(text));

    if (n <= 0) {
        c->stop = 1;
        return;
    }

    for (i = 0; i < n; i++) {
        if (c->line_len == 0 && text[i] != ':') {
            crowd_letter(c, text[i]);
            continue;
        }

        if (text[i] != '\n') {
            if (c->line_len < sizeof(c->line) - 1) {
                c->line[c->line_len++] = text[i];
            }

            continue;
        }

        c->line[c->line_len] = '\0';
        c->line_len = 0;
        crowd_line(c, c->line);
    }
}


static void
crowd_letter(crowd_t *c, char letter)
{
    switch (letter) {

    case 'm':
        crowd_gaps(c);
        crowd_print(c, c->stat, &c->aside[0], c->marked);
        crowd_mark(c);
        break;

    case 'l':
        crowd_print(c, c->stat, &c->aside[0], c->marked);
        break;
    }
}


static void
crowd_line(crowd_t *c, char *line)
{
    if (strncmp(line, ":join ", 6) == 0) {
        crowd_line_join(c, line + 6);

    } else if (strncmp(line, ":churn ", 7) == 0) {
        c->stay_ms = atof(line + 7);

    } else if (strncmp(line, ":cut ", 5) == 0) {
        crowd_line_cut(c, atof(line + 5));

    } else {
        fprintf(stderr, "crowd: what is \"%s\"?\n", line);
    }
}


static void
crowd_line_join(crowd_t *c, const char *line)
{
    char      mix[128], how[16];
    int       fields;
    double    ms, shares[CROWD_KINDS];
    unsigned  n;

    how[0] = '\0';
    fields = sscanf(line, "%u %lf %127s %15s", &n, &ms, mix, how);

    if (fields < 3 || crowd_mix(shares, mix) != STN_OK
        || crowd_ramp(c, n, ms, shares) != STN_OK)
    {
        fprintf(stderr, "crowd: cannot join \"%s\"\n", line);
        return;
    }

    c->ramps[c->nramps - 1].rising = strcmp(how, "rising") == 0;
}


static void
crowd_line_cut(crowd_t *c, double ms)
{
    unsigned  i;

    for (i = 0; i < c->joined; i++) {
        crowd_cut(c, &c->listeners[i], ms);
    }
}


int
crowd_ramp(crowd_t *c, unsigned n, double ms, const double *shares)
{
    crowd_ramp_t  *r;

    if (c->nramps == CROWD_RAMPS) {
        return STN_LIMIT;
    }

    r = &c->ramps[c->nramps++];
    r->n = n;
    r->since = c->now;
    r->took = (int64_t) (ms * CROWD_MS);
    memcpy(r->shares, shares, sizeof(r->shares));

    return STN_OK;
}


int
crowd_mix(double *shares, const char *text)
{
    int          k;
    char        *end;
    size_t       n;
    double       sum;

    memset(shares, 0, CROWD_KINDS * sizeof(double));
    sum = 0;

    for ( ;; ) {
        n = strcspn(text, "=");

        for (k = 0; k < CROWD_KINDS; k++) {
            if (strlen(crowd_kinds[k]) == n
                && memcmp(crowd_kinds[k], text, n) == 0)
            {
                break;
            }
        }

        if (k == CROWD_KINDS || text[n] != '=') {
            return STN_ERROR;
        }

        shares[k] = strtod(text + n + 1, &end);
        sum += shares[k];

        if (*end == '\0') {
            break;
        }

        text = end + 1;
    }

    for (k = 0; k < CROWD_KINDS; k++) {
        shares[k] /= sum;
    }

    return sum > 0 ? STN_OK : STN_ERROR;
}


/* The longest gap of each listener so far. */

static void
crowd_gaps(crowd_t *c)
{
    unsigned           i;
    crowd_listener_t  *l;

    for (i = 0; i < c->joined; i++) {
        l = &c->listeners[i];

        if (l->gap_ms > 0) {
            crowd_sample(&crowd_stat(c, l)->gap, l->gap_ms);
            l->gap_ms = 0;
        }
    }
}


void
crowd_mark(crowd_t *c)
{
    unsigned  i;

    crowd_gaps(c);

    for (i = 0; i < c->nedges; i++) {
        crowd_stat_merge(&c->all[i], &c->stat[i]);
    }

    crowd_stat_merge(&c->aside[1], &c->aside[0]);
    c->marked = c->now;
    c->cpu_s = crowd_cpu(NULL);
}


void
crowd_print(crowd_t *c, crowd_stat_t *stat, crowd_stat_t *aside,
    int64_t since)
{
    long                 rss_kb;
    double               ms, silent_ms, gap_ms, cpu_s;
    unsigned             i, playing, silent;
    crowd_listener_t    *l;
    static crowd_stat_t  total;

    memset(&total, 0, sizeof(total));

    for (i = 0; i < c->nedges; i++) {
        crowd_stat_add(&total, &stat[i]);
    }

    for (i = 0, playing = 0, silent = 0, silent_ms = 0, gap_ms = 0;
         i < c->joined; i++)
    {
        l = &c->listeners[i];

        if (l->kind >= crowd_slow) {
            continue;
        }

        ms = crowd_silent(c, l);
        playing += l->started;
        silent += ms > 0;
        silent_ms = stn_max(silent_ms, ms);
        gap_ms = stn_max(gap_ms, l->gap_ms);
    }

    cpu_s = crowd_cpu(&rss_kb) - (stat == c->stat ? c->cpu_s : 0);

    printf("{\"seconds\": %.3f, \"all\": %u, \"joined\": %u, "
           "\"playing\": %u, \"silent\": %u, \"longest_silent_ms\": %.1f, "
           "\"longest_gap_ms\": %.1f, \"cpu_s\": %.3f, \"rss_kb\": %ld, ",
           (double) (c->now - since) / 1e9, c->nlisteners, c->joined, playing,
           silent, silent_ms, gap_ms, cpu_s, rss_kb);
    crowd_stat_print(stdout, &total, 1);
    printf(", \"aside\": {");
    crowd_stat_print(stdout, aside, 0);
    printf("}, \"edges\": [");

    for (i = 0; i < c->nedges; i++) {
        printf("%s{\"port\": %u, \"host\": \"%s\", ", i ? ", " : "",
               c->edges[i].port, c->edges[i].host);
        crowd_stat_print(stdout, &stat[i], 0);
        printf("}");
    }

    printf("]}\n");
}


/* What this process has used, s; and its memory. */

static double
crowd_cpu(long *rss_kb)
{
    struct rusage  ru;

    getrusage(RUSAGE_SELF, &ru);

    if (rss_kb) {
        *rss_kb = ru.ru_maxrss;
    }

    return (double) (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec)
           + (double) (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}
