/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' view of low-latency HLS (see bench_hls.h): one pass over a
 * playlist's lines, one over a part's boxes.  Ten thousand listeners in one
 * thread read with it, so it does no more than they need.
 */

#include "bench_hls.h"

#include <stdlib.h>
#include <string.h>


#define BENCH_HLS_BOX         8      /* bytes of a box's header */

/* ISO/IEC 14496-12: what stands in tfhd and trun */
#define BENCH_HLS_TFHD_BASE      0x01
#define BENCH_HLS_TFHD_INDEX     0x02
#define BENCH_HLS_TFHD_DURATION  0x08
#define BENCH_HLS_TRUN_OFFSET    0x01
#define BENCH_HLS_TRUN_FLAGS     0x04
#define BENCH_HLS_TRUN_DURATION  0x100
#define BENCH_HLS_TRUN_FIELDS    0xf00


typedef struct {
    const unsigned char  *p;         /* of its payload */
    size_t                len;
    uint32_t              type;
} bench_hls_box_t;


static void bench_hls_line(bench_hls_t *pl, const char *s, size_t len);
static void bench_hls_part(bench_hls_t *pl, const char *s, size_t len);
static const char *bench_hls_is(const char *s, size_t len, const char *tag);
static double bench_hls_number(const char *s, size_t len, const char *name);
static int bench_hls_text(bench_hls_uri_t *out, const char *s, size_t len,
    const char *name);
static int bench_hls_box(bench_hls_box_t *box, const unsigned char **p,
    const unsigned char *end);
static int bench_hls_find(bench_hls_box_t *box, const bench_hls_box_t *in,
    uint32_t type);
static int bench_hls_moof(const bench_hls_box_t *moof, int64_t *pos,
    int64_t *ticks);
static int bench_hls_trun(const bench_hls_box_t *trun, uint32_t duration,
    int64_t *ticks);
static uint32_t bench_hls_u32(const unsigned char *p);
static int64_t bench_hls_i64(const unsigned char *p);


int
bench_hls_read(bench_hls_t *pl, const char *text, size_t len)
{
    const char  *p, *end, *eol;

    pl->n = 0;
    pl->hold_back = 0;
    pl->part_target = 0;
    pl->next_msn = 0;
    pl->next_part = 0;
    pl->ended = 0;
    pl->discontinuity = 0;
    pl->map.len = 0;

    if (bench_hls_is(text, len, "#EXTM3U") == NULL) {
        pl->reason = "not a playlist";
        return STN_ERROR;
    }

    end = text + len;

    for (p = text; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));
        if (eol == NULL) {
            pl->reason = "playlist cut off";
            return STN_ERROR;
        }

        bench_hls_line(pl, p, (size_t) (eol - p));
    }

    if (pl->part_target <= 0) {
        pl->reason = "no low-latency playlist";
        return STN_ERROR;
    }

    return STN_OK;
}


static void
bench_hls_line(bench_hls_t *pl, const char *s, size_t len)
{
    const char  *v;

    if (len < 5 || s[0] != '#') {
        return;                         /* EXTINF has counted it */
    }

    if ((v = bench_hls_is(s, len, "#EXT-X-PART:"))) {
        bench_hls_part(pl, v, len - (size_t) (v - s));

    } else if (bench_hls_is(s, len, "#EXTINF:")) {
        pl->next_msn++;
        pl->next_part = 0;
        pl->discontinuity = 0;

    } else if (bench_hls_is(s, len, "#EXT-X-DISCONTINUITY")
               && len == sizeof("#EXT-X-DISCONTINUITY") - 1)
    {
        pl->discontinuity = 1;

    } else if (bench_hls_is(s, len, "#EXT-X-MAP:")) {
        (void) bench_hls_text(&pl->map, s, len, "URI=\"");

    } else if ((v = bench_hls_is(s, len, "#EXT-X-MEDIA-SEQUENCE:"))) {
        pl->next_msn += strtoull(v, NULL, 10);

    } else if (bench_hls_is(s, len, "#EXT-X-SKIP:")) {
        pl->next_msn += (uint64_t) bench_hls_number(s, len,
                                                    "SKIPPED-SEGMENTS=");

    } else if (bench_hls_is(s, len, "#EXT-X-SERVER-CONTROL:")) {
        pl->hold_back = bench_hls_number(s, len, "PART-HOLD-BACK=");

    } else if (bench_hls_is(s, len, "#EXT-X-PART-INF:")) {
        pl->part_target = bench_hls_number(s, len, "PART-TARGET=");

    } else if (bench_hls_is(s, len, "#EXT-X-ENDLIST")) {
        pl->ended = 1;
    }
}


static void
bench_hls_part(bench_hls_t *pl, const char *s, size_t len)
{
    bench_hls_part_t  *p;

    if (pl->n == BENCH_HLS_PARTS) {
        pl->n--;
        memmove(pl->parts, pl->parts + 1, pl->n * sizeof(bench_hls_part_t));
    }

    p = &pl->parts[pl->n];

    if (bench_hls_text(&p->uri, s, len, "URI=\"") != STN_OK) {
        return;
    }

    p->msn = pl->next_msn;
    p->part = pl->next_part++;
    p->duration = bench_hls_number(s, len, "DURATION=");
    p->gap = memmem(s, len, "GAP=YES", 7) != NULL;
    p->discontinuity = pl->discontinuity;
    p->map = pl->map;

    pl->discontinuity = 0;
    pl->n++;
}


/* What follows the tag, if the line begins with it. */

static const char *
bench_hls_is(const char *s, size_t len, const char *tag)
{
    size_t  n;

    n = strlen(tag);

    return len >= n && memcmp(s, tag, n) == 0 ? s + n : NULL;
}


static double
bench_hls_number(const char *s, size_t len, const char *name)
{
    const char  *v;

    v = memmem(s, len, name, strlen(name));

    return v ? strtod(v + strlen(name), NULL) : 0;
}


static int
bench_hls_text(bench_hls_uri_t *out, const char *s, size_t len,
    const char *name)
{
    const char  *v, *end;

    v = memmem(s, len, name, strlen(name));
    if (v == NULL) {
        return STN_ERROR;
    }

    v += strlen(name);
    end = memchr(v, '"', len - (size_t) (v - s));
    if (end == NULL) {
        return STN_ERROR;
    }

    out->s = v;
    out->len = (size_t) (end - v);

    return STN_OK;
}


int
bench_hls_variant(bench_hls_uri_t *uri, const char *text, size_t len)
{
    const char  *p, *end, *eol;

    end = text + len;

    for (p = text; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));
        if (eol == NULL) {
            break;
        }

        if (*p != '#' && eol > p) {
            uri->s = p;
            uri->len = (size_t) (eol - p);
            return STN_OK;
        }
    }

    return STN_ERROR;
}


unsigned
bench_hls_named(const bench_hls_part_t *p)
{
    char               *end;
    const char         *name;
    unsigned long long  msn;

    name = memrchr(p->uri.s, '/', p->uri.len);
    name = name ? name + 1 : p->uri.s;

    /* the quotation mark behind it ends what strtoull() reads */

    msn = strtoull(name, &end, 10);

    return msn == p->msn && *end == '.'
           && strtoull(end + 1, &end, 10) == p->part
           && strncmp(end, ".m4s\"", 5) == 0;
}


uint32_t
bench_hls_timescale(const char *data, size_t len)
{
    bench_hls_box_t  box;

    box.p = (const unsigned char *) data;
    box.len = len;

    if (bench_hls_find(&box, &box, 0x6d6f6f76 /* moov */) != STN_OK
        || bench_hls_find(&box, &box, 0x7472616b /* trak */) != STN_OK
        || bench_hls_find(&box, &box, 0x6d646961 /* mdia */) != STN_OK
        || bench_hls_find(&box, &box, 0x6d646864 /* mdhd */) != STN_OK
        || box.len < 24)
    {
        return 0;
    }

    /* behind two times of creation, of 8 bytes in version 1 */

    return bench_hls_u32(box.p + (box.p[0] ? 20 : 12));
}


int
bench_hls_media(const char *data, size_t len, int64_t *pos, int64_t *ticks)
{
    int64_t               at, n;
    unsigned              fragments;
    const unsigned char  *p, *end;
    bench_hls_box_t       box;

    p = (const unsigned char *) data;
    end = p + len;
    fragments = 0;
    *ticks = 0;

    while (p < end) {
        if (bench_hls_box(&box, &p, end) != STN_OK) {
            return STN_ERROR;
        }

        if (box.type != 0x6d6f6f66 /* moof */) {
            continue;
        }

        if (bench_hls_moof(&box, &at, &n) != STN_OK
            || (fragments && at != *pos + *ticks))
        {
            return STN_ERROR;
        }

        if (fragments++ == 0) {
            *pos = at;
        }

        *ticks += n;
    }

    return fragments ? STN_OK : STN_ERROR;
}


static int
bench_hls_box(bench_hls_box_t *box, const unsigned char **p,
    const unsigned char *end)
{
    uint32_t  size;

    if (end - *p < BENCH_HLS_BOX) {
        return STN_ERROR;
    }

    size = bench_hls_u32(*p);
    if (size < BENCH_HLS_BOX || size > (size_t) (end - *p)) {
        return STN_ERROR;
    }

    box->type = bench_hls_u32(*p + 4);
    box->p = *p + BENCH_HLS_BOX;
    box->len = size - BENCH_HLS_BOX;
    *p += size;

    return STN_OK;
}


/* The first box of that type directly in another one. */

static int
bench_hls_find(bench_hls_box_t *box, const bench_hls_box_t *in, uint32_t type)
{
    const unsigned char  *p, *end;

    p = in->p;
    end = p + in->len;

    do {
        if (bench_hls_box(box, &p, end) != STN_OK) {
            return STN_ERROR;
        }
    } while (box->type != type);

    return STN_OK;
}


static int
bench_hls_moof(const bench_hls_box_t *moof, int64_t *pos, int64_t *ticks)
{
    size_t           at;
    uint32_t         flags, duration;
    bench_hls_box_t  traf, tfhd, tfdt, trun;

    if (bench_hls_find(&traf, moof, 0x74726166 /* traf */) != STN_OK
        || bench_hls_find(&tfhd, &traf, 0x74666864 /* tfhd */) != STN_OK
        || bench_hls_find(&tfdt, &traf, 0x74666474 /* tfdt */) != STN_OK
        || bench_hls_find(&trun, &traf, 0x7472756e /* trun */) != STN_OK
        || tfhd.len < 8 || tfdt.len < 8)
    {
        return STN_ERROR;
    }

    flags = bench_hls_u32(tfhd.p) & 0xffffff;
    at = 8 + (flags & BENCH_HLS_TFHD_BASE ? 8 : 0)
         + (flags & BENCH_HLS_TFHD_INDEX ? 4 : 0);
    duration = 0;

    if (flags & BENCH_HLS_TFHD_DURATION) {
        if (tfhd.len < at + 4) {
            return STN_ERROR;
        }

        duration = bench_hls_u32(tfhd.p + at);
    }

    if (tfdt.p[0] == 0) {
        *pos = bench_hls_u32(tfdt.p + 4);

    } else if (tfdt.len >= 12) {
        *pos = bench_hls_i64(tfdt.p + 4);

    } else {
        return STN_ERROR;
    }

    return bench_hls_trun(&trun, duration, ticks);
}


static int
bench_hls_trun(const bench_hls_box_t *trun, uint32_t duration, int64_t *ticks)
{
    size_t                at, step;
    uint32_t              i, n, flags;

    if (trun->len < 8) {
        return STN_ERROR;
    }

    flags = bench_hls_u32(trun->p) & 0xffffff;
    n = bench_hls_u32(trun->p + 4);
    at = 8 + (flags & BENCH_HLS_TRUN_OFFSET ? 4 : 0)
         + (flags & BENCH_HLS_TRUN_FLAGS ? 4 : 0);

    if (!(flags & BENCH_HLS_TRUN_DURATION)) {
        *ticks = (int64_t) n * duration;
        return n && duration ? STN_OK : STN_ERROR;
    }

    step = 4 * (size_t) __builtin_popcount(flags & BENCH_HLS_TRUN_FIELDS);

    if (n == 0 || (trun->len - 8) / step < n || trun->len < at + n * step) {
        return STN_ERROR;
    }

    *ticks = 0;

    for (i = 0; i < n; i++) {
        *ticks += bench_hls_u32(trun->p + at + i * step);
    }

    return STN_OK;
}


static uint32_t
bench_hls_u32(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static int64_t
bench_hls_i64(const unsigned char *p)
{
    return (int64_t) ((uint64_t) bench_hls_u32(p) << 32
                      | bench_hls_u32(p + 4));
}
