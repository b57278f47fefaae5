/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Playlist text (see stn_playlist.h).  Called in a worker, once per version
 * and kind, never per listener.  Times are printed with five decimals from
 * exact sample counts: a part's own length is rounded to the nearest and
 * PART-TARGET up, so no part can exceed it, and EXTINFs add up to within a
 * millisecond in a quarter of an hour.
 */

#include "pack/stn_playlist.h"

#include <inttypes.h>
#include <time.h>


/* Units of a printed time: five decimals. */
#define STN_TIME_UNIT  100000u

/* Distances from the end of a playlist, in target durations. */
#define STN_PLAYLIST_LEAST_TD  3     /* segments are listed (6.2.2) */
#define STN_PLAYLIST_PARTS_TD  3     /* parts are listed (6.2.2) */
#define STN_PLAYLIST_SKIP_TD   6     /* CAN-SKIP-UNTIL (4.4.3.8) */

/* PART-HOLD-BACK in tenths of PART-TARGET: at least 30 (A 14.3), and some
 * slack, for a player that stays exactly there waits for every part. */
#define STN_PLAYLIST_HOLD_BACK  32


static void stn_playlist_head(const stn_playlist_t *pl, stn_playlist_e kind,
    const stn_playlist_segment_t *first, stn_buf_t *out);
static void stn_playlist_control(const stn_playlist_t *pl, stn_buf_t *out);
static const stn_playlist_segment_t *stn_playlist_first(
    const stn_playlist_t *pl);
static const stn_playlist_segment_t *stn_playlist_last(
    const stn_playlist_t *pl);
static const stn_playlist_segment_t *stn_playlist_last_whole(
    const stn_playlist_t *pl);
static unsigned stn_playlist_whole(const stn_playlist_t *pl,
    const stn_playlist_segment_t *seg);
static void stn_playlist_segment(const stn_playlist_t *pl,
    stn_playlist_e kind, const stn_playlist_segment_t *seg, stn_buf_t *out);
static void stn_playlist_parts(const stn_playlist_t *pl,
    const stn_playlist_segment_t *seg, stn_buf_t *out);
static void stn_playlist_hint(const stn_playlist_t *pl, stn_buf_t *out);
static void stn_playlist_reports(const stn_playlist_t *pl, stn_buf_t *out);
static void stn_playlist_variants(const stn_playlist_index_t *index,
    const stn_playlist_pathway_t *pathway, stn_buf_t *out);
static unsigned stn_playlist_span(const stn_playlist_segment_t *first,
    const stn_playlist_segment_t *last);
static unsigned stn_playlist_beyond(const stn_playlist_segment_t *seg,
    const stn_playlist_segment_t *end, unsigned seconds);
static unsigned stn_time(uint64_t samples, uint32_t rate);
static void stn_time_put(stn_buf_t *out, const char *before, unsigned t,
    const char *after);


unsigned
stn_playlist_target(const stn_playlist_t *pl)
{
    uint64_t  samples;

    samples = (uint64_t) pl->part * pl->parts;

    return (unsigned) stn_max((samples + pl->rate / 2) / pl->rate, 1);
}


unsigned
stn_playlist_part_target(const stn_playlist_t *pl)
{
    return (unsigned) (((uint64_t) pl->part * STN_TIME_UNIT + pl->rate - 1)
                       / pl->rate);
}


unsigned
stn_playlist_advance(const stn_playlist_t *pl)
{
    unsigned  target;

    target = stn_playlist_part_target(pl);

    if (target >= STN_TIME_UNIT) {
        return 3;
    }

    return (3 * STN_TIME_UNIT + target - 1) / target;
}


/* A segment is whole when its last part is there, or when none will come. */

static unsigned
stn_playlist_whole(const stn_playlist_t *pl,
    const stn_playlist_segment_t *seg)
{
    return seg->complete || pl->ended;
}


static const stn_playlist_segment_t *
stn_playlist_last(const stn_playlist_t *pl)
{
    return &pl->segments[pl->nsegments - 1];
}


static const stn_playlist_segment_t *
stn_playlist_last_whole(const stn_playlist_t *pl)
{
    const stn_playlist_segment_t  *last;

    last = stn_playlist_last(pl);

    return (stn_playlist_whole(pl, last) || pl->nsegments == 1) ? last
                                                                : last - 1;
}


/* The window, or more: where the format has changed often segments are short,
 * and three target durations must be listed however many that takes. */

static const stn_playlist_segment_t *
stn_playlist_first(const stn_playlist_t *pl)
{
    size_t                         n;
    unsigned                       least;
    const stn_playlist_segment_t  *first, *last;

    last = stn_playlist_last_whole(pl);
    least = STN_PLAYLIST_LEAST_TD * stn_playlist_target(pl) * STN_TIME_UNIT;

    n = (size_t) (last - pl->segments) + 1;
    first = pl->segments + (n > pl->window ? n - pl->window : 0);

    while (first > pl->segments && stn_playlist_span(first, last) < least) {
        first--;
    }

    return first;
}


/* From the beginning of a segment to the end of another, as printed. */

static unsigned
stn_playlist_span(const stn_playlist_segment_t *first,
    const stn_playlist_segment_t *last)
{
    /* unsigned arithmetic: both wrap alike, their distance does not */

    return stn_time((uint64_t) (last->pos + last->duration), last->rate)
           - stn_time((uint64_t) first->pos, first->rate);
}


/* Whether seg lies wholly more than so many seconds before the end of end. */

static unsigned
stn_playlist_beyond(const stn_playlist_segment_t *seg,
    const stn_playlist_segment_t *end, unsigned seconds)
{
    uint64_t  from, to;

    from = stn_time((uint64_t) (seg->pos + seg->duration), seg->rate);
    to = stn_time((uint64_t) (end->pos + end->duration), end->rate);

    /* unsigned arithmetic: both wrap alike, their distance does not */

    return (unsigned) (to - from) > seconds * STN_TIME_UNIT;
}


size_t
stn_playlist_skipped(const stn_playlist_t *pl)
{
    size_t                         n;
    const stn_playlist_segment_t  *seg, *end;

    end = stn_playlist_last_whole(pl);
    seg = stn_playlist_first(pl);

    for (n = 0; seg + n < end; n++) {
        if (!stn_playlist_beyond(seg + n, end, STN_PLAYLIST_SKIP_TD
                                               * stn_playlist_target(pl)))
        {
            break;
        }
    }

    return n;
}


int
stn_playlist_media(const stn_playlist_t *pl, stn_playlist_e kind,
    stn_buf_t *out)
{
    size_t                         skipped;
    const stn_playlist_segment_t  *seg, *first, *end;

    first = stn_playlist_first(pl);
    seg = first;

    skipped = (kind == STN_PLAYLIST_DELTA) ? stn_playlist_skipped(pl) : 0;

    if (kind == STN_PLAYLIST_DELTA && skipped == 0) {
        kind = STN_PLAYLIST_LOW_LATENCY;
    }

    stn_playlist_head(pl, kind, first, out);

    if (skipped) {
        stn_buf_printf(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS=%zu\n", skipped);
        seg += skipped;
    }

    end = (kind == STN_PLAYLIST_CLASSIC) ? stn_playlist_last_whole(pl)
                                         : stn_playlist_last(pl);

    for ( /* void */ ; seg <= end; seg++) {

        if (seg != first && seg->discontinuity) {
            stn_buf_str(out, "#EXT-X-DISCONTINUITY\n");
        }

        if (seg == first || seg->init != seg[-1].init) {
            stn_buf_printf(out, "#EXT-X-MAP:URI=\"%s/init-%08" PRIx32
                           ".mp4\"\n", pl->rendition, seg->init);
        }

        stn_playlist_segment(pl, kind, seg, out);
    }

    if (pl->ended) {
        stn_buf_str(out, "#EXT-X-ENDLIST\n");

    } else if (kind != STN_PLAYLIST_CLASSIC) {
        stn_playlist_hint(pl, out);
        stn_playlist_reports(pl, out);
    }

    return out->failed;
}


static void
stn_playlist_head(const stn_playlist_t *pl, stn_playlist_e kind,
    const stn_playlist_segment_t *first, stn_buf_t *out)
{
    uint64_t                       discontinuities;
    const stn_playlist_segment_t  *seg;

    /* a DISCONTINUITY counts when its segment has left, or comes first and
     * has no tag for want of a predecessor */

    discontinuities = pl->discontinuities;

    for (seg = pl->segments; seg <= first; seg++) {
        discontinuities += seg->discontinuity;
    }

    stn_buf_printf(out, "#EXTM3U\n#EXT-X-VERSION:%d\n"
                   "#EXT-X-TARGETDURATION:%u\n",
                   kind == STN_PLAYLIST_DELTA ? 9 : 6,
                   stn_playlist_target(pl));

    if (kind != STN_PLAYLIST_CLASSIC) {
        stn_playlist_control(pl, out);
    }

    stn_buf_printf(out, "#EXT-X-MEDIA-SEQUENCE:%" PRIu64 "\n"
                   "#EXT-X-DISCONTINUITY-SEQUENCE:%" PRIu64 "\n",
                   first->msn, discontinuities);
}


static void
stn_playlist_control(const stn_playlist_t *pl, stn_buf_t *out)
{
    unsigned  target;

    target = stn_playlist_part_target(pl);

    stn_time_put(out, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,"
                 "PART-HOLD-BACK=",
                 (target * STN_PLAYLIST_HOLD_BACK + 9) / 10, "");

    stn_buf_printf(out, ",CAN-SKIP-UNTIL=%u\n",
                   STN_PLAYLIST_SKIP_TD * stn_playlist_target(pl));

    stn_time_put(out, "#EXT-X-PART-INF:PART-TARGET=", target, "\n");
}


static void
stn_playlist_segment(const stn_playlist_t *pl, stn_playlist_e kind,
    const stn_playlist_segment_t *seg, stn_buf_t *out)
{
    /* the media clock itself, since it counts from the Unix epoch */

    stn_buf_str(out, "#EXT-X-PROGRAM-DATE-TIME:");
    stn_playlist_date(stn_rescale(seg->pos, 1000, seg->rate), out);
    stn_buf_u8(out, '\n');

    if (kind != STN_PLAYLIST_CLASSIC
        && !stn_playlist_beyond(seg, stn_playlist_last(pl),
                                STN_PLAYLIST_PARTS_TD
                                * stn_playlist_target(pl)))
    {
        stn_playlist_parts(pl, seg, out);
    }

    if (stn_playlist_whole(pl, seg)) {
        stn_time_put(out, "#EXTINF:", stn_time(seg->duration, seg->rate),
                     ",\n");
        stn_buf_printf(out, "%s/%" PRIu64 ".m4s\n", pl->rendition, seg->msn);
    }
}


void
stn_playlist_date(int64_t ms, stn_buf_t *out)
{
    time_t     sec;
    struct tm  tm;
    char       text[32];

    sec = (time_t) (ms / 1000);

    gmtime_r(&sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);

    stn_buf_printf(out, "%s.%03dZ", text, (int) (ms % 1000));
}


static void
stn_playlist_parts(const stn_playlist_t *pl,
    const stn_playlist_segment_t *seg, stn_buf_t *out)
{
    uint32_t  i;

    for (i = 0; i < seg->nparts; i++) {
        stn_time_put(out, "#EXT-X-PART:DURATION=",
                     stn_time(seg->parts[i], seg->rate), "");
        stn_buf_printf(out, ",URI=\"%s/%" PRIu64 ".%" PRIu32
                       ".m4s\",INDEPENDENT=YES\n",
                       pl->rendition, seg->msn, i);
    }
}


/* EXT-X-PRELOAD-HINT (4.4.5.3): after a whole segment, the first part of the
 * next one, and its init segment when that is another. */

static void
stn_playlist_hint(const stn_playlist_t *pl, stn_buf_t *out)
{
    const stn_playlist_segment_t  *last;

    last = stn_playlist_last(pl);

    if (pl->next_init) {
        stn_buf_printf(out, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"%s/init-%08"
                       PRIx32 ".mp4\"\n", pl->rendition, pl->next_init);
    }

    stn_buf_printf(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"%s/%" PRIu64
                   ".%" PRIu32 ".m4s\"\n", pl->rendition,
                   last->complete ? last->msn + 1 : last->msn,
                   last->complete ? 0 : last->nparts);
}


/* EXT-X-RENDITION-REPORT (4.4.5.4): one for every other rendition. */

static void
stn_playlist_reports(const stn_playlist_t *pl, stn_buf_t *out)
{
    size_t                        i;
    const stn_playlist_report_t  *r;

    for (i = 0; i < pl->nreports; i++) {
        r = &pl->reports[i];

        stn_buf_printf(out, "#EXT-X-RENDITION-REPORT:URI=\"%s.m3u8\","
                       "LAST-MSN=%" PRIu64 ",LAST-PART=%" PRIu32 "\n",
                       r->rendition, r->msn, r->part);
    }
}


int
stn_playlist_multivariant(const stn_playlist_index_t *index, stn_buf_t *out)
{
    size_t                        i;
    const stn_playlist_pathway_t  alone = { NULL, "" };

    stn_buf_str(out, "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n");

    if (index->npathways == 0) {
        stn_playlist_variants(index, &alone, out);
        return out->failed;
    }

    stn_buf_printf(out, "#EXT-X-CONTENT-STEERING:SERVER-URI=\"%s\","
                   "PATHWAY-ID=\"%s\"\n", index->steering,
                   index->pathways[0].id);

    for (i = 0; i < index->npathways; i++) {
        stn_playlist_variants(index, &index->pathways[i], out);
    }

    return out->failed;
}


/* STABLE-VARIANT-ID tells players which of another pathway is the same, and is
 * what a manifest names URIs of clones by. */

static void
stn_playlist_variants(const stn_playlist_index_t *index,
    const stn_playlist_pathway_t *pathway, stn_buf_t *out)
{
    size_t                         i;
    const stn_playlist_variant_t  *v;

    for (i = 0; i < index->nvariants; i++) {
        v = &index->variants[i];

        stn_buf_printf(out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRIu32
                       ",AVERAGE-BANDWIDTH=%" PRIu32 ",CODECS=\"%s\"",
                       v->bandwidth, v->average, v->codecs);

        if (pathway->id) {
            stn_buf_printf(out, ",STABLE-VARIANT-ID=\"%s\","
                           "PATHWAY-ID=\"%s\"", v->rendition, pathway->id);
        }

        stn_buf_printf(out, "\n%s%s%s.m3u8\n", pathway->base, v->rendition,
                       index->suffix);
    }
}


/* Samples as a printed time, to the nearest unit. */

static unsigned
stn_time(uint64_t samples, uint32_t rate)
{
    return (unsigned) ((__int128) ((__int128) samples * STN_TIME_UNIT
                                   + rate / 2) / rate);
}


static void
stn_time_put(stn_buf_t *out, const char *before, unsigned t,
    const char *after)
{
    stn_buf_printf(out, "%s%u.%05u%s", before, t / STN_TIME_UNIT,
                   t % STN_TIME_UNIT, after);
}
