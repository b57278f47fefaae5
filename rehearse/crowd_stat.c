/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a crowd of listeners has met with (see crowd_stat.h).  Samples are
 * counted in bins, so that a crowd of any size may listen for hours.
 */

#include "crowd_stat.h"

#include <stddef.h>
#include <string.h>


typedef struct {
    const char  *name;
    size_t       offset;
} crowd_field_t;


static unsigned crowd_bin(double us);
static double crowd_bin_ms(unsigned i);
static void crowd_samples_add(crowd_samples_t *all,
    const crowd_samples_t *from);
static double crowd_samples_at(const crowd_samples_t *s, double part);
static void crowd_samples_print(FILE *out, const char *name,
    const crowd_samples_t *s, unsigned bins);


#define crowd_count(name)  { #name, offsetof(crowd_stat_t, name) }

static const crowd_field_t  crowd_counts[] = {
    crowd_count(joins),
    crowd_count(leaves),
    crowd_count(started),
    crowd_count(rejoins),
    crowd_count(downgraded),
    crowd_count(reconnects),
    crowd_count(handshakes),
    crowd_count(resumed),
    crowd_count(requests),
    crowd_count(playlists),
    crowd_count(parts),
    crowd_count(hinted),
    crowd_count(compared),
    crowd_count(gaps),
    crowd_count(discontinuities),
    crowd_count(stalls),
    crowd_count(stalled),
    { NULL, 0 }
};

static const crowd_field_t  crowd_samples[] = {
    { "start_ms", offsetof(crowd_stat_t, start) },
    { "age_ms", offsetof(crowd_stat_t, age) },
    { "late_ms", offsetof(crowd_stat_t, late) },
    { "after_ms", offsetof(crowd_stat_t, after) },
    { "jump_ms", offsetof(crowd_stat_t, jumps) },
    { "gap_ms", offsetof(crowd_stat_t, gap) },
    { NULL, 0 }
};

static const char  *crowd_error_names[CROWD_ERRORS] = {
    "refused", "tls", "lost", "timeout", "404", "4xx", "503", "5xx", "odd",
    "stale", "playlist", "name", "media", "break", "back", "bytes"
};


#define crowd_at(type, s, f)  ((type *) (void *) ((char *) (s) + (f)->offset))
#define crowd_of(type, s, f)                                                 \
    ((const type *) (const void *) ((const char *) (s) + (f)->offset))


void
crowd_sample(crowd_samples_t *s, double ms)
{
    if (s->n == 0) {
        s->min = ms;
        s->max = ms;
    }

    s->min = stn_min(s->min, ms);
    s->max = stn_max(s->max, ms);
    s->bins[crowd_bin(ms * 1000)]++;
    s->n++;
}


/* Below twice as many us as an octave has bins each has its own; above, the
 * first bits of the number say which. */

static unsigned
crowd_bin(double us)
{
    unsigned  i, octave;
    uint64_t  v;

    v = us < 1 ? 0 : us < 1e15 ? (uint64_t) us : (uint64_t) 1e15;

    if (v < 2 * CROWD_BINS_OCTAVE) {
        return (unsigned) v;
    }

    octave = 63 - (unsigned) __builtin_clzll(v) - 6;
    i = octave * CROWD_BINS_OCTAVE + (unsigned) (v >> octave);

    return stn_min(i, CROWD_BINS - 1);
}


static double
crowd_bin_ms(unsigned i)
{
    unsigned  octave;

    if (i < 2 * CROWD_BINS_OCTAVE) {
        return (double) i / 1000;
    }

    octave = i / CROWD_BINS_OCTAVE - 1;

    return (double) ((uint64_t) (i - octave * CROWD_BINS_OCTAVE) << octave)
           / 1000;
}


static void
crowd_samples_add(crowd_samples_t *all, const crowd_samples_t *from)
{
    unsigned  i;

    if (from->n == 0) {
        return;
    }

    all->min = all->n ? stn_min(all->min, from->min) : from->min;
    all->max = all->n ? stn_max(all->max, from->max) : from->max;
    all->n += from->n;

    for (i = 0; i < CROWD_BINS; i++) {
        all->bins[i] += from->bins[i];
    }
}


void
crowd_stat_add(crowd_stat_t *all, const crowd_stat_t *from)
{
    int                   i;
    const crowd_field_t  *f;

    for (f = crowd_counts; f->name; f++) {
        *crowd_at(long, all, f) += *crowd_of(long, from, f);
    }

    for (f = crowd_samples; f->name; f++) {
        crowd_samples_add(crowd_at(crowd_samples_t, all, f),
                          crowd_of(crowd_samples_t, from, f));
    }

    for (i = 0; i < CROWD_ERRORS; i++) {
        all->errors[i] += from->errors[i];
    }

    all->bytes += from->bytes;
    all->stall_ms += from->stall_ms;
    all->longest_stall_ms = stn_max(all->longest_stall_ms,
                                    from->longest_stall_ms);
}


void
crowd_stat_merge(crowd_stat_t *all, crowd_stat_t *from)
{
    crowd_stat_add(all, from);
    memset(from, 0, sizeof(*from));
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
crowd_stat_print(FILE *out, const crowd_stat_t *s, unsigned bins)
{
    int                   i;
    const crowd_field_t  *f;

    for (f = crowd_counts; f->name; f++) {
        fprintf(out, "\"%s\": %ld, ", f->name, *crowd_of(long, s, f));
    }

    fprintf(out, "\"bytes\": %lld, \"stall_ms\": %.1f, "
            "\"longest_stall_ms\": %.1f, \"wrong\": %ld, \"errors\": {",
            s->bytes, s->stall_ms, s->longest_stall_ms, crowd_stat_wrong(s));

    for (i = 0; i < CROWD_ERRORS; i++) {
        fprintf(out, "%s\"%s\": %ld", i ? ", " : "", crowd_error_names[i],
                s->errors[i]);
    }

    fprintf(out, "}");

    for (f = crowd_samples; f->name; f++) {
        crowd_samples_print(out, f->name, crowd_of(crowd_samples_t, s, f),
                            bins);
    }
}


static void
crowd_samples_print(FILE *out, const char *name, const crowd_samples_t *s,
    unsigned bins)
{
    unsigned     i;
    const char  *comma;

    if (s->n == 0) {
        fprintf(out, ", \"%s\": null", name);
        return;
    }

    fprintf(out, ", \"%s\": {\"n\": %ld, \"min\": %.3f, \"median\": %.3f, "
            "\"p99\": %.3f, \"max\": %.3f", name, s->n, s->min,
            crowd_samples_at(s, 0.5), crowd_samples_at(s, 0.99), s->max);

    if (bins) {
        fprintf(out, ", \"bins\": [");

        for (i = 0, comma = ""; i < CROWD_BINS; i++) {
            if (s->bins[i]) {
                fprintf(out, "%s[%.3f,%u]", comma, crowd_bin_ms(i),
                        s->bins[i]);
                comma = ",";
            }
        }

        fprintf(out, "]");
    }

    fprintf(out, "}");
}


static double
crowd_samples_at(const crowd_samples_t *s, double part)
{
    double    ms;
    uint64_t  n, want;
    unsigned  i;

    want = (uint64_t) ((double) s->n * part);

    for (i = 0, n = 0; i < CROWD_BINS - 1; i++) {
        n += s->bins[i];

        if (n > want) {
            break;
        }
    }

    ms = stn_max(crowd_bin_ms(i), s->min);

    return stn_min(ms, s->max);
}
