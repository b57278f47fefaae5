/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Texts of a replay (see stn_replay_text.h).  Written when a segment has been
 * added, by the replay's thread.
 */

#include "replay/stn_replay_text.h"
#include "replay/stn_replay_index.h"
#include "pack/stn_playlist.h"
#include "stn_str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>


static void stn_replay_name(char *name, const char *rendition, unsigned file,
    const char *suffix);
static void stn_replay_segment(const stn_replay_segment_t *seg, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out);
static void stn_replay_map(const stn_replay_segment_t *seg, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out);
static uint64_t stn_replay_range(const stn_str_t *line);
static uint64_t stn_replay_number(const stn_str_t *word);
static void stn_replay_chapter(const stn_replay_chapter_t *chapter,
    stn_buf_t *out);


void
stn_replay_media_name(char *name, const char *rendition, unsigned file)
{
    stn_replay_name(name, rendition, file, ".m4a");
}


void
stn_replay_init_name(char *name, const char *rendition, unsigned file)
{
    stn_replay_name(name, rendition, file, "~init.mp4");
}


static void
stn_replay_name(char *name, const char *rendition, unsigned file,
    const char *suffix)
{
    if (file == 0) {
        snprintf(name, STN_REPLAY_NAME_MAX, "%.32s%s", rendition, suffix);
        return;
    }

    snprintf(name, STN_REPLAY_NAME_MAX, "%.32s~%u%s", rendition, file + 1,
             suffix);
}


unsigned
stn_replay_target(const stn_replay_log_t *log)
{
    size_t                       i;
    int64_t                      us;
    unsigned                     target;
    const stn_replay_segment_t  *seg;

    target = stn_replay_log_target(&log->conf);

    /* parts of another sample rate may be longer */

    for (i = 0; i < log->nsegments; i++) {
        seg = &log->segments[i];
        us = stn_rescale(seg->pieces[0].duration, 1000000,
                         seg->pieces[0].rate);
        target = stn_max(target, (unsigned) ((us + 500000) / 1000000));
    }

    return target;
}


int
stn_replay_playlist(const stn_replay_log_t *log, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out)
{
    size_t                       k, n;
    const stn_replay_segment_t  *seg;

    stn_buf_printf(out, "#EXTM3U\n#EXT-X-VERSION:7\n"
                   "#EXT-X-TARGETDURATION:%u\n"
                   "#EXT-X-PLAYLIST-TYPE:EVENT\n"
                   "#EXT-X-INDEPENDENT-SEGMENTS\n"
                   "#EXT-X-START:TIME-OFFSET=0\n",
                   stn_replay_target(log));

    n = stn_replay_log_listed(log);

    for (k = 0; k < n; k++) {
        seg = &log->segments[k];

        if (k && seg->discontinuity) {
            stn_buf_str(out, "#EXT-X-DISCONTINUITY\n");
        }

        if (k == 0 || seg->file != seg[-1].file) {
            stn_replay_map(seg, i, start, rendition, out);
        }

        if (k == 0 || seg->discontinuity) {
            stn_buf_str(out, "#EXT-X-PROGRAM-DATE-TIME:");
            stn_playlist_date(seg->time_us / 1000, out);
            stn_buf_u8(out, '\n');
        }

        stn_replay_segment(seg, i, start, rendition, out);
    }

    if (log->ended) {
        stn_buf_str(out, "#EXT-X-ENDLIST\n");
    }

    return out->failed;
}


/* Of a file's first segment.  The init segment is a file of its own, whole; but
 * there are players (libavformat) that want a range here, too, where the rest
 * is ranges.  It is as long as what comes before the first record. */

static void
stn_replay_map(const stn_replay_segment_t *seg, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out)
{
    char      name[STN_REPLAY_NAME_MAX];
    uint64_t  len;

    stn_replay_init_name(name, rendition, seg->file);
    len = seg->pieces[i].offset - STN_REPLAY_RECORD_LEN - STN_REPLAY_ROOM;

    stn_buf_printf(out, "#EXT-X-MAP:URI=\"../%s/%s\",BYTERANGE=\"%" PRIu64
                   "@0\"\n", start, name, len);
}


static void
stn_replay_segment(const stn_replay_segment_t *seg, unsigned i,
    const char *start, const char *rendition, stn_buf_t *out)
{
    char                       name[STN_REPLAY_NAME_MAX];
    int64_t                    t;
    const stn_replay_piece_t  *piece;

    piece = &seg->pieces[i];
    t = stn_rescale(piece->duration, 100000, piece->rate);
    stn_replay_media_name(name, rendition, seg->file);

    stn_buf_printf(out, "#EXTINF:%" PRId64 ".%05d,\n"
                   "#EXT-X-BYTERANGE:%" PRIu32 "@%" PRIu64 "\n../%s/%s\n",
                   t / 100000, (int) (t % 100000), piece->len, piece->offset,
                   start, name);
}


uint64_t
stn_replay_listed(const char *text, size_t len, const char *media)
{
    size_t     n;
    uint64_t   end, range;
    stn_str_t  rest, line;

    rest.data = text;
    rest.len = len;
    range = 0;
    end = 0;

    while (rest.len) {
        (void) stn_str_cut(&rest, '\n', &line, &rest);

        if (line.len && line.data[0] == '#') {
            range = stn_max(range, stn_replay_range(&line));
            continue;
        }

        n = media ? strlen(media) : 0;

        if (n <= line.len
            && (n == 0 || n == line.len || line.data[line.len - n - 1] == '/')
            && memcmp(line.data + line.len - n, media ? media : "", n) == 0)
        {
            end = stn_max(end, range);
        }

        range = 0;
    }

    return end;
}


/* Where a byte range ends; 0: the line tells of none. */

static uint64_t
stn_replay_range(const stn_str_t *line)
{
    size_t     n;
    stn_str_t  rest, size;

    static const char  tag[] = "#EXT-X-BYTERANGE:";

    n = sizeof(tag) - 1;

    if (line->len < n || memcmp(line->data, tag, n) != 0) {
        return 0;
    }

    rest.data = line->data + n;
    rest.len = line->len - n;

    if (!stn_str_cut(&rest, '@', &size, &rest)) {
        return 0;
    }

    return stn_replay_number(&size) + stn_replay_number(&rest);
}


static uint64_t
stn_replay_number(const stn_str_t *word)
{
    size_t    i;
    uint64_t  n;

    for (n = 0, i = 0; i < word->len && i < 18; i++) {

        if (word->data[i] < '0' || word->data[i] > '9') {
            break;
        }

        n = n * 10 + (uint64_t) (word->data[i] - '0');
    }

    return n;
}


void
stn_replay_bandwidth(const stn_replay_log_t *log, unsigned i, uint32_t *peak,
    uint32_t *average)
{
    size_t                     k, n;
    uint64_t                   us, bits, all_us, all_bits;
    const stn_replay_piece_t  *piece;

    all_us = 0;
    all_bits = 0;
    *peak = 0;
    n = stn_replay_log_listed(log);

    for (k = 0; k < n; k++) {
        piece = &log->segments[k].pieces[i];
        us = (uint64_t) stn_rescale(piece->duration, 1000000, piece->rate);
        bits = (uint64_t) piece->len * 8;
        all_us += us;
        all_bits += bits;
        *peak = stn_max(*peak, (uint32_t) (bits * 1000000 / stn_max(us, 1)));
    }

    *average = (uint32_t) ((__uint128_t) all_bits * 1000000
                           / stn_max(all_us, 1));
}


int
stn_replay_chapters(const stn_replay_log_t *log, const char *stream,
    stn_buf_t *out)
{
    size_t  i;

    stn_buf_printf(out, "{\n  \"stream\": \"%s\",\n  \"start\": \"", stream);
    stn_playlist_date(log->start_us / 1000, out);
    stn_buf_str(out, "\",\n  \"end\": \"");
    stn_playlist_date(log->end_us / 1000, out);
    stn_buf_printf(out, "\",\n  \"duration\": %.3f,\n  \"ended\": %s,\n"
                   "  \"chapters\": [", (double) log->duration_us / 1e6,
                   log->ended ? "true" : "false");

    for (i = 0; i < log->nchapters; i++) {
        stn_buf_str(out, i ? ",\n    " : "\n    ");
        stn_replay_chapter(&log->chapters[i], out);
    }

    stn_buf_str(out, "\n  ]\n}\n");

    return out->failed;
}


static void
stn_replay_chapter(const stn_replay_chapter_t *chapter, stn_buf_t *out)
{
    static const char  *kinds[] = { "live", "hold", "dead_air", "lost" };

    stn_buf_printf(out, "{\"kind\": \"%s\", \"start\": %.3f, \"end\": %.3f, "
                   "\"time\": \"", kinds[chapter->kind],
                   (double) chapter->start_us / 1e6,
                   (double) chapter->end_us / 1e6);
    stn_playlist_date(chapter->time_us / 1000, out);

    if (chapter->kind == STN_REPLAY_LOST) {
        stn_buf_printf(out, "\", \"lost\": %.3f}",
                       (double) chapter->lost_us / 1e6);
        return;
    }

    stn_buf_str(out, "\"}");
}
