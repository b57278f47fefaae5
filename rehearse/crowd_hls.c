/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A listener's view of HLS (see crowd_hls.h): one pass over a
 * playlist's lines, one over a part's boxes.  Ten thousand listeners in one
 * thread read with it, so it does no more than they need.
 */

#include "crowd_hls.h"

#include <stdlib.h>
#include <string.h>


#define CROWD_HLS_BOX         8      /* bytes of a box's header */

/* ISO/IEC 14496-12: what stands in tfhd and trun */
#define CROWD_HLS_TFHD_BASE      0x01
#define CROWD_HLS_TFHD_INDEX     0x02
#define CROWD_HLS_TFHD_DURATION  0x08
#define CROWD_HLS_TRUN_OFFSET    0x01
#define CROWD_HLS_TRUN_FLAGS     0x04
#define CROWD_HLS_TRUN_DURATION  0x100
#define CROWD_HLS_TRUN_FIELDS    0xf00


typedef struct {
    const unsigned char  *p;         /* of its payload */
    size_t                len;
    uint32_t              type;
} crowd_hls_box_t;


static void crowd_hls_line(crowd_hls_t *pl, const char *s, size_t len);
static void crowd_hls_control(crowd_hls_t *pl, const char *s, size_t len);
static void crowd_hls_part(crowd_hls_t *pl, const char *s, size_t len);
static void crowd_hls_segment(crowd_hls_t *pl, const char *s, size_t len);
static crowd_hls_part_t *crowd_hls_room(crowd_hls_t *pl);
static const char *crowd_hls_is(const char *s, size_t len, const char *tag);
static double crowd_hls_number(const char *s, size_t len, const char *name);
static int crowd_hls_text(crowd_hls_uri_t *out, const char *s, size_t len,
    const char *name);
static int crowd_hls_box(crowd_hls_box_t *box, const unsigned char **p,
    const unsigned char *end);
static int crowd_hls_find(crowd_hls_box_t *box, const crowd_hls_box_t *in,
    uint32_t type);
static int crowd_hls_moof(const crowd_hls_box_t *moof, int64_t *pos,
    int64_t *ticks);
static int crowd_hls_trun(const crowd_hls_box_t *trun, uint32_t duration,
    int64_t *ticks);
static uint32_t crowd_hls_u32(const unsigned char *p);
static int64_t crowd_hls_i64(const unsigned char *p);


int
crowd_hls_read(crowd_hls_t *pl, const char *text, size_t len)
{
    const char  *p, *end, *eol;

    pl->n = 0;
    pl->hold_back = 0;
    pl->part_target = 0;
    pl->target = 0;
    pl->next_msn = 0;
    pl->next_part = 0;
    pl->ended = 0;
    pl->duration = 0;
    pl->discontinuity = 0;
    pl->gap = 0;
    pl->map.len = 0;
    pl->hint.len = 0;

    if (crowd_hls_is(text, len, "#EXTM3U") == NULL) {
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

        crowd_hls_line(pl, p, (size_t) (eol - p));
    }

    if (pl->part_target <= 0 && !pl->segments) {
        pl->reason = "no low-latency playlist";
        return STN_ERROR;
    }

    /* RFC 8216bis, 4.4.3.8: what HOLD-BACK is when it is absent */

    if (pl->segments && pl->hold_back <= 0) {
        pl->hold_back = 3 * pl->target;
    }

    return STN_OK;
}


static void
crowd_hls_line(crowd_hls_t *pl, const char *s, size_t len)
{
    const char  *v;

    if (len < 1 || s[0] != '#') {
        crowd_hls_segment(pl, s, len);
        return;
    }

    if ((v = crowd_hls_is(s, len, "#EXT-X-PART:"))) {
        crowd_hls_part(pl, v, len - (size_t) (v - s));

    } else if ((v = crowd_hls_is(s, len, "#EXTINF:"))) {
        pl->duration = strtod(v, NULL);

    } else if (crowd_hls_is(s, len, "#EXT-X-DISCONTINUITY")
               && len == sizeof("#EXT-X-DISCONTINUITY") - 1)
    {
        pl->discontinuity = 1;

    } else if (crowd_hls_is(s, len, "#EXT-X-MAP:")) {
        (void) crowd_hls_text(&pl->map, s, len, "URI=\"");

    } else if ((v = crowd_hls_is(s, len, "#EXT-X-MEDIA-SEQUENCE:"))) {
        pl->next_msn += strtoull(v, NULL, 10);

    } else if (crowd_hls_is(s, len, "#EXT-X-SKIP:")) {
        pl->next_msn += (uint64_t) crowd_hls_number(s, len,
                                                    "SKIPPED-SEGMENTS=");

    } else if (crowd_hls_is(s, len, "#EXT-X-PRELOAD-HINT:TYPE=PART")) {
        (void) crowd_hls_text(&pl->hint, s, len, "URI=\"");

    } else if (crowd_hls_is(s, len, "#EXT-X-GAP")) {
        pl->gap = 1;

    } else {
        crowd_hls_control(pl, s, len);
    }
}


/* What is said of the playlist as a whole. */

static void
crowd_hls_control(crowd_hls_t *pl, const char *s, size_t len)
{
    const char  *v;

    if (crowd_hls_is(s, len, "#EXT-X-SERVER-CONTROL:")) {
        if (!pl->segments) {
            pl->hold_back = crowd_hls_number(s, len, "PART-HOLD-BACK=");
            return;
        }

        pl->hold_back = crowd_hls_number(s, len, ",HOLD-BACK=");

        if (pl->hold_back <= 0) {
            pl->hold_back = crowd_hls_number(s, len, ":HOLD-BACK=");
        }

    } else if (crowd_hls_is(s, len, "#EXT-X-PART-INF:")) {
        pl->part_target = crowd_hls_number(s, len, "PART-TARGET=");

    } else if ((v = crowd_hls_is(s, len, "#EXT-X-TARGETDURATION:"))) {
        pl->target = strtod(v, NULL);

    } else if (crowd_hls_is(s, len, "#EXT-X-ENDLIST")) {
        pl->ended = 1;
    }
}


static void
crowd_hls_part(crowd_hls_t *pl, const char *s, size_t len)
{
    crowd_hls_part_t  *p;

    if (pl->segments) {
        return;
    }

    p = crowd_hls_room(pl);

    if (crowd_hls_text(&p->uri, s, len, "URI=\"") != STN_OK) {
        return;
    }

    p->msn = pl->next_msn;
    p->part = pl->next_part++;
    p->duration = crowd_hls_number(s, len, "DURATION=");
    p->gap = memmem(s, len, "GAP=YES", 7) != NULL;
    p->discontinuity = pl->discontinuity;
    p->map = pl->map;

    pl->discontinuity = 0;
    pl->n++;
}


/* The URI of a segment, which ends it. */

static void
crowd_hls_segment(crowd_hls_t *pl, const char *s, size_t len)
{
    crowd_hls_part_t  *p;

    if (pl->duration <= 0 || len < 1) {
        return;
    }

    if (pl->segments) {
        p = crowd_hls_room(pl);
        p->uri.s = s;
        p->uri.len = len;
        p->msn = pl->next_msn;
        p->part = 0;
        p->duration = pl->duration;
        p->gap = pl->gap;
        p->discontinuity = pl->discontinuity;
        p->map = pl->map;
        pl->n++;
    }

    pl->next_msn++;
    pl->next_part = 0;
    pl->duration = 0;
    pl->discontinuity = 0;
    pl->gap = 0;
}


static crowd_hls_part_t *
crowd_hls_room(crowd_hls_t *pl)
{
    if (pl->n == CROWD_HLS_PARTS) {
        pl->n--;
        memmove(pl->parts, pl->parts + 1, pl->n * sizeof(crowd_hls_part_t));
    }

    return &pl->parts[pl->n];
}


/* What follows the tag, if the line begins with it. */

static const char *
crowd_hls_is(const char *s, size_t len, const char *tag)
{
    size_t  n;

    n = strlen(tag);

    return len >= n && memcmp(s, tag, n) == 0 ? s + n : NULL;
}


static double
crowd_hls_number(const char *s, size_t len, const char *name)
{
    const char  *v;

    v = memmem(s, len, name, strlen(name));

    return v ? strtod(v + strlen(name), NULL) : 0;
}


static int
crowd_hls_text(crowd_hls_uri_t *out, const char *s, size_t len,
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


unsigned
crowd_hls_variants(crowd_hls_uri_t *uris, const char *text, size_t len)
{
    unsigned     n;
    const char  *p, *end, *eol;

    n = 0;
    end = text + len;

    for (p = text; p < end && n < CROWD_HLS_VARIANTS; p = eol + 1) {
        eol = memchr(p, '\n', (size_t) (end - p));
        if (eol == NULL) {
            break;
        }

        if (*p != '#' && eol > p) {
            uris[n].s = p;
            uris[n].len = (size_t) (eol - p);
            n++;
        }
    }

    return n;
}


unsigned
crowd_hls_named(const crowd_hls_part_t *p)
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
crowd_hls_timescale(const char *data, size_t len)
{
    crowd_hls_box_t  box;

    box.p = (const unsigned char *) data;
    box.len = len;

    if (crowd_hls_find(&box, &box, 0x6d6f6f76 /* moov */) != STN_OK
        || crowd_hls_find(&box, &box, 0x7472616b /* trak */) != STN_OK
        || crowd_hls_find(&box, &box, 0x6d646961 /* mdia */) != STN_OK
        || crowd_hls_find(&box, &box, 0x6d646864 /* mdhd */) != STN_OK
        || box.len < 24)
    {
        return 0;
    }

    /* behind two times of creation, of 8 bytes in version 1 */

    return crowd_hls_u32(box.p + (box.p[0] ? 20 : 12));
}


int
crowd_hls_media(const char *data, size_t len, int64_t *pos, int64_t *ticks)
{
    int64_t               at, n;
    unsigned              fragments;
    const unsigned char  *p, *end;
    crowd_hls_box_t       box;

    p = (const unsigned char *) data;
    end = p + len;
    fragments = 0;
    *ticks = 0;

    while (p < end) {
        if (crowd_hls_box(&box, &p, end) != STN_OK) {
            return STN_ERROR;
        }

        if (box.type != 0x6d6f6f66 /* moof */) {
            continue;
        }

        if (crowd_hls_moof(&box, &at, &n) != STN_OK
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
crowd_hls_box(crowd_hls_box_t *box, const unsigned char **p,
    const unsigned char *end)
{
    uint32_t  size;

    if (end - *p < CROWD_HLS_BOX) {
        return STN_ERROR;
    }

    size = crowd_hls_u32(*p);
    if (size < CROWD_HLS_BOX || size > (size_t) (end - *p)) {
        return STN_ERROR;
    }

    box->type = crowd_hls_u32(*p + 4);
    box->p = *p + CROWD_HLS_BOX;
    box->len = size - CROWD_HLS_BOX;
    *p += size;

    return STN_OK;
}


/* The first box of that type directly in another one. */

static int
crowd_hls_find(crowd_hls_box_t *box, const crowd_hls_box_t *in, uint32_t type)
{
    const unsigned char  *p, *end;

    p = in->p;
    end = p + in->len;

    do {
        if (crowd_hls_box(box, &p, end) != STN_OK) {
            return STN_ERROR;
        }
    } while (box->type != type);

    return STN_OK;
}


static int
crowd_hls_moof(const crowd_hls_box_t *moof, int64_t *pos, int64_t *ticks)
{
    size_t           at;
    uint32_t         flags, duration;
    crowd_hls_box_t  traf, tfhd, tfdt, trun;

    if (crowd_hls_find(&traf, moof, 0x74726166 /* traf */) != STN_OK
        || crowd_hls_find(&tfhd, &traf, 0x74666864 /* tfhd */) != STN_OK
        || crowd_hls_find(&tfdt, &traf, 0x74666474 /* tfdt */) != STN_OK
        || crowd_hls_find(&trun, &traf, 0x7472756e /* trun */) != STN_OK
        || tfhd.len < 8 || tfdt.len < 8)
    {
        return STN_ERROR;
    }

    flags = crowd_hls_u32(tfhd.p) & 0xffffff;
    at = 8 + (flags & CROWD_HLS_TFHD_BASE ? 8 : 0)
         + (flags & CROWD_HLS_TFHD_INDEX ? 4 : 0);
    duration = 0;

    if (flags & CROWD_HLS_TFHD_DURATION) {
        if (tfhd.len < at + 4) {
            return STN_ERROR;
        }

        duration = crowd_hls_u32(tfhd.p + at);
    }

    if (tfdt.p[0] == 0) {
        *pos = crowd_hls_u32(tfdt.p + 4);

    } else if (tfdt.len >= 12) {
        *pos = crowd_hls_i64(tfdt.p + 4);

    } else {
        return STN_ERROR;
    }

    return crowd_hls_trun(&trun, duration, ticks);
}


static int
crowd_hls_trun(const crowd_hls_box_t *trun, uint32_t duration, int64_t *ticks)
{
    size_t                at, step;
    uint32_t              i, n, flags;

    if (trun->len < 8) {
        return STN_ERROR;
    }

    flags = crowd_hls_u32(trun->p) & 0xffffff;
    n = crowd_hls_u32(trun->p + 4);
    at = 8 + (flags & CROWD_HLS_TRUN_OFFSET ? 4 : 0)
         + (flags & CROWD_HLS_TRUN_FLAGS ? 4 : 0);

    if (!(flags & CROWD_HLS_TRUN_DURATION)) {
        *ticks = (int64_t) n * duration;
        return n && duration ? STN_OK : STN_ERROR;
    }

    step = 4 * (size_t) __builtin_popcount(flags & CROWD_HLS_TRUN_FIELDS);

    if (n == 0 || (trun->len - 8) / step < n || trun->len < at + n * step) {
        return STN_ERROR;
    }

    *ticks = 0;

    for (i = 0; i < n; i++) {
        *ticks += crowd_hls_u32(trun->p + at + i * step);
    }

    return STN_OK;
}


static uint32_t
crowd_hls_u32(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static int64_t
crowd_hls_i64(const unsigned char *p)
{
    return (int64_t) ((uint64_t) crowd_hls_u32(p) << 32
                      | crowd_hls_u32(p + 4));
}
