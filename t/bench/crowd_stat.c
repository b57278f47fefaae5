/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a crowd of listeners has met with (see crowd_stat.h).  Every sample is
 * kept, so that percentiles are exact: a part a second of ten thousand
 * listeners is 2.4 MB a minute.
 */

#include "crowd_stat.h"

#include <stdlib.h>
#include <string.h>


#define CROWD_SAMPLES_FIRST  256


static void crowd_samples_add(crowd_samples_t *all,
    const crowd_samples_t *from);
static void crowd_samples_print(FILE *out, const char *name,
    crowd_samples_t *s);
static int crowd_compare(const void *one, const void *two);


static const char  *crowd_error_names[CROWD_ERRORS] = {
    "refused", "lost", "timeout", "404", "4xx", "5xx", "odd", "stale",
    "playlist", "name", "media", "break", "back", "bytes"
};


void
crowd_sample(crowd_samples_t *s, double ms)
{
    float   *v;
    size_t   size;

    if (s->n == s->size) {
        size = s->size ? s->size * 2 : CROWD_SAMPLES_FIRST;

        v = realloc(s->v, size * sizeof(float));
        if (v == NULL) {
            return;
        }

        s->v = v;
        s->size = size;
    }

    s->v[s->n++] = (float) ms;
}


static void
crowd_samples_add(crowd_samples_t *all, const crowd_samples_t *from)
{
    size_t  i;

    for (i = 0; i < from->n; i++) {
        crowd_sample(all, (double) from->v[i]);
    }
}


void
crowd_stat_add(crowd_stat_t *all, const crowd_stat_t *from)
{
    int  i;

    all->joins += from->joins;
    all->started += from->started;
    all->rejoins += from->rejoins;
    all->reconnects += from->reconnects;
    all->playlists += from->playlists;
    all->parts += from->parts;
    all->bytes += from->bytes;
    all->compared += from->compared;
    all->gaps += from->gaps;
    all->discontinuities += from->discontinuities;
    all->stalls += from->stalls;
    all->stall_ms += from->stall_ms;
    all->longest_stall_ms = stn_max(all->longest_stall_ms,
                                    from->longest_stall_ms);

    for (i = 0; i < CROWD_ERRORS; i++) {
        all->errors[i] += from->errors[i];
    }

    crowd_samples_add(&all->start, &from->start);
    crowd_samples_add(&all->age, &from->age);
    crowd_samples_add(&all->after, &from->after);
    crowd_samples_add(&all->jumps, &from->jumps);
    crowd_samples_add(&all->gap, &from->gap);
}


void
crowd_stat_merge(crowd_stat_t *all, crowd_stat_t *from)
{
    crowd_stat_add(all, from);
    crowd_stat_free(from);
}


void
crowd_stat_free(crowd_stat_t *s)
{
    free(s->start.v);
    free(s->age.v);
    free(s->after.v);
    free(s->jumps.v);
    free(s->gap.v);

    memset(s, 0, sizeof(*s));
}


long
crowd_stat_wrong(const crowd_stat_t *s)
{
    int   i;
    long  n;

    for (i = CROWD_WRONG, n = 0; i < CROWD_ERRORS; i++) {
        n += s->errors[i];
    }

    return n;
}


void
crowd_stat_print(FILE *out, crowd_stat_t *s)
{
    int  i;

    fprintf(out, "\"joins\": %ld, \"started\": %ld, \"rejoins\": %ld, "
            "\"reconnects\": %ld, \"playlists\": %ld, \"parts\": %ld, "
            "\"bytes\": %lld, \"compared\": %ld, \"gaps\": %ld, "
            "\"discontinuities\": %ld, \"stalls\": %ld, "
            "\"stall_ms\": %.1f, \"longest_stall_ms\": %.1f, "
            "\"wrong\": %ld, \"errors\": {",
            s->joins, s->started, s->rejoins, s->reconnects, s->playlists,
            s->parts, s->bytes, s->compared, s->gaps, s->discontinuities,
            s->stalls, s->stall_ms, s->longest_stall_ms,
            crowd_stat_wrong(s));

    for (i = 0; i < CROWD_ERRORS; i++) {
        fprintf(out, "%s\"%s\": %ld", i ? ", " : "", crowd_error_names[i],
                s->errors[i]);
    }

    fprintf(out, "}");

    crowd_samples_print(out, "start_ms", &s->start);
    crowd_samples_print(out, "age_ms", &s->age);
    crowd_samples_print(out, "after_ms", &s->after);
    crowd_samples_print(out, "jump_ms", &s->jumps);
    crowd_samples_print(out, "gap_ms", &s->gap);
}


static void
crowd_samples_print(FILE *out, const char *name, crowd_samples_t *s)
{
    if (s->n == 0) {
        fprintf(out, ", \"%s\": null", name);
        return;
    }

    qsort(s->v, s->n, sizeof(float), crowd_compare);

    fprintf(out, ", \"%s\": {\"n\": %zu, \"min\": %.3f, \"median\": %.3f, "
            "\"p99\": %.3f, \"max\": %.3f}", name, s->n, (double) s->v[0],
            (double) s->v[s->n / 2], (double) s->v[s->n * 99 / 100],
            (double) s->v[s->n - 1]);
}


static int
crowd_compare(const void *one, const void *two)
{
    float  a, b;

    a = *(const float *) one;
    b = *(const float *) two;

    return (a > b) - (a < b);
}
