/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Playlists to the letter for small cases, and for long ones what may change
 * from one version to the next (RFC 8216bis section 6.2.1): nothing but what
 * is appended at the end and what has grown too old.
 */

#include "wire_util.h"

#include "pack/stn_playlist.h"


#define SEGMENTS  80
#define LINES     2000
#define INIT      0x0badcafe

/* A segment of these days: 2025-11-21T10:00:14.592Z, 10:00:20.608Z, ... */
#define MSN  293171412


typedef struct {
    stn_playlist_t          pl;
    stn_playlist_segment_t  segments[SEGMENTS];
} made_t;

/* A playlist's lines from the first segment on, without MAP and hint. */

typedef struct {
    char      text[STN_PLAYLIST_MAX / 4];
    char     *lines[LINES];
    size_t    n;
    char      hint[128];
    uint64_t  msn;
} body_t;


#define HEAD(version, td, hold, skip, target, msn, disc)                      \
    "#EXTM3U\n#EXT-X-VERSION:" version "\n"                                   \
    "#EXT-X-TARGETDURATION:" td "\n"                                          \
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=" hold         \
    ",CAN-SKIP-UNTIL=" skip "\n"                                              \
    "#EXT-X-PART-INF:PART-TARGET=" target "\n"                                \
    "#EXT-X-MEDIA-SEQUENCE:" msn "\n"                                         \
    "#EXT-X-DISCONTINUITY-SEQUENCE:" disc "\n"

#define HEAD_48(version, msn)                                                 \
    HEAD(version, "6", "3.20855", "36", "1.00267", msn, "0")

#define HEAD_STD(msn)                                                         \
    "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n"                    \
    "#EXT-X-MEDIA-SEQUENCE:" msn "\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n"

#define MAP  "#EXT-X-MAP:URI=\"audio/init-0badcafe.mp4\"\n"

#define DATE(t)  "#EXT-X-PROGRAM-DATE-TIME:2025-11-21T" t "Z\n"

#define PART(d, name)                                                         \
    "#EXT-X-PART:DURATION=" d ",URI=\"audio/" name ".m4s\","                  \
    "INDEPENDENT=YES\n"

#define PARTS(d, msn)                                                         \
    PART(d, msn ".0") PART(d, msn ".1") PART(d, msn ".2")                     \
    PART(d, msn ".3") PART(d, msn ".4") PART(d, msn ".5")

#define SEGMENT(d, msn)  "#EXTINF:" d ",\naudio/" msn ".m4s\n"

#define HINT(name)                                                            \
    "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"audio/" name ".m4s\"\n"

#define P48  "1.00267"
#define S48  "6.01600"


static void
make(made_t *m, uint32_t rate, uint32_t part, uint64_t msn)
{
    memset(m, 0, sizeof(*m));

    m->pl.rendition = "audio";
    m->pl.segments = m->segments;
    m->pl.window = 10;
    m->pl.rate = rate;
    m->pl.part = part;
    m->pl.parts = 6;

    m->segments[0].msn = msn;
}


/* One part more; the oldest segment makes room when there is none. */

static void
grow(made_t *m)
{
    stn_playlist_segment_t  *s;

    s = &m->segments[m->pl.nsegments - 1];

    if (m->pl.nsegments == 0 || s->complete) {

        if (m->pl.nsegments == SEGMENTS) {
            m->pl.discontinuities += m->segments[0].discontinuity;
            memmove(m->segments, m->segments + 1,
                    (SEGMENTS - 1) * sizeof(*s));
            m->pl.nsegments--;
        }

        s = &m->segments[m->pl.nsegments++];
        s->msn = m->pl.nsegments > 1 ? s[-1].msn + 1 : s->msn;
        s->pos = (int64_t) s->msn * m->pl.part * m->pl.parts;
        s->rate = m->pl.rate;
        s->init = INIT;
        s->duration = 0;
        s->nparts = 0;
        s->complete = 0;
        s->discontinuity = 0;
    }

    s->parts[s->nparts++] = m->pl.part;
    s->duration += m->pl.part;
    s->complete = s->nparts == m->pl.parts;
}


static void
grow_by(made_t *m, unsigned parts)
{
    while (parts--) {
        grow(m);
    }
}


/* The text of a playlist, to be freed. */

static char *
text(const made_t *m, stn_playlist_e kind)
{
    stn_buf_t  b;

    stn_buf_init(&b, STN_PLAYLIST_MAX);
    assert_int_equal(stn_playlist_media(&m->pl, kind, &b), STN_OK);
    assert_int_equal(stn_buf_u8(&b, '\0'), STN_OK);

    return (char *) b.data;
}


static void
assert_text(const made_t *m, stn_playlist_e kind, const char *golden)
{
    char  *s;

    s = text(m, kind);
    assert_string_equal(s, golden);
    free(s);
}


static void
lists_whole_segments_and_their_parts(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 12);

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD_48("6", "293171412")
                MAP
                DATE("10:00:14.592")
                PARTS(P48, "293171412")
                SEGMENT(S48, "293171412")
                DATE("10:00:20.608")
                PARTS(P48, "293171413")
                SEGMENT(S48, "293171413")
                HINT("293171414.0"));
}


static void
lists_an_open_segment(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 8);

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD_48("6", "293171412")
                MAP
                DATE("10:00:14.592")
                PARTS(P48, "293171412")
                SEGMENT(S48, "293171412")
                DATE("10:00:20.608")
                PART(P48, "293171413.0")
                PART(P48, "293171413.1")
                HINT("293171413.2"));

    /* five of six: the hint is still in this segment */

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 5);

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD_48("6", "293171412")
                MAP
                DATE("10:00:14.592")
                PART(P48, "293171412.0")
                PART(P48, "293171412.1")
                PART(P48, "293171412.2")
                PART(P48, "293171412.3")
                PART(P48, "293171412.4")
                HINT("293171412.5"));
}


static void
ends_with_what_there_is(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 8);
    m.pl.ended = 1;

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD_48("6", "293171412")
                MAP
                DATE("10:00:14.592")
                PARTS(P48, "293171412")
                SEGMENT(S48, "293171412")
                DATE("10:00:20.608")
                PART(P48, "293171413.0")
                PART(P48, "293171413.1")
                SEGMENT("2.00533", "293171413")
                "#EXT-X-ENDLIST\n");

    assert_text(&m, STN_PLAYLIST_CLASSIC,
                HEAD_STD("293171412")
                MAP
                DATE("10:00:14.592")
                SEGMENT(S48, "293171412")
                DATE("10:00:20.608")
                SEGMENT("2.00533", "293171413")
                "#EXT-X-ENDLIST\n");
}


static void
lists_classic_segments_only_when_whole(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 17);

    assert_text(&m, STN_PLAYLIST_CLASSIC,
                HEAD_STD("293171412")
                MAP
                DATE("10:00:14.592")
                SEGMENT(S48, "293171412")
                DATE("10:00:20.608")
                SEGMENT(S48, "293171413"));
}


static void
counts_44_khz_exactly(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 44100, 43 * 1024, 294408317);
    grow_by(&m, 7);

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD("6", "6", "3.19508", "36", "0.99846", "294408317", "0")
                MAP
                DATE("11:55:24.373")
                PARTS("0.99846", "294408317")
                SEGMENT("5.99075", "294408317")
                DATE("11:55:30.364")
                PART("0.99846", "294408318.0")
                HINT("294408318.1"));
}


/* Nine frames a part: 192 ms; a target duration of 1 s, so that the parts of
 * the last 3 s are listed and those of the segments before are not. */

static void
lists_short_parts(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 9 * 1024, 1531006256);
    grow_by(&m, 23);

    assert_text(&m, STN_PLAYLIST_LOW_LATENCY,
                HEAD("6", "1", "0.61440", "6", "0.19200", "1531006256", "0")
                MAP
                DATE("10:00:06.912")
                SEGMENT("1.15200", "1531006256")
                DATE("10:00:08.064")
                PARTS("0.19200", "1531006257")
                SEGMENT("1.15200", "1531006257")
                DATE("10:00:09.216")
                PARTS("0.19200", "1531006258")
                SEGMENT("1.15200", "1531006258")
                DATE("10:00:10.368")
                PART("0.19200", "1531006259.0")
                PART("0.19200", "1531006259.1")
                PART("0.19200", "1531006259.2")
                PART("0.19200", "1531006259.3")
                PART("0.19200", "1531006259.4")
                HINT("1531006259.5"));
}


/* The first of seven whole segments ends 36.096 s before the last one does:
 * more than six target durations. */

static void
skips_old_segments(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 7 * 6 + 1);

    assert_int_equal(stn_playlist_skipped(&m.pl), 1);
    assert_text(&m, STN_PLAYLIST_DELTA,
                HEAD_48("9", "293171412")
                "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n"
                DATE("10:00:20.608")
                SEGMENT(S48, "293171413")
                DATE("10:00:26.624")
                SEGMENT(S48, "293171414")
                DATE("10:00:32.640")
                SEGMENT(S48, "293171415")
                DATE("10:00:38.656")
                PARTS(P48, "293171416")
                SEGMENT(S48, "293171416")
                DATE("10:00:44.672")
                PARTS(P48, "293171417")
                SEGMENT(S48, "293171417")
                DATE("10:00:50.688")
                PARTS(P48, "293171418")
                SEGMENT(S48, "293171418")
                DATE("10:00:56.704")
                PART(P48, "293171419.0")
                HINT("293171419.1"));
}


static void
sends_all_when_there_is_nothing_to_skip(void **state)
{
    char      *full;
    made_t     m;
    unsigned   i;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);

    for (i = 0; i < 7 * 6 - 1; i++) {
        grow(&m);
        assert_int_equal(stn_playlist_skipped(&m.pl), 0);

        full = text(&m, STN_PLAYLIST_LOW_LATENCY);
        assert_text(&m, STN_PLAYLIST_DELTA, full);
        free(full);
    }

    grow(&m);
    assert_int_equal(stn_playlist_skipped(&m.pl), 1);

    /* a segment that ends exactly six target durations before the end does
     * not lie beyond them */

    make(&m, 48000, 48000, 1000);
    grow_by(&m, 7 * 6);
    assert_int_equal(stn_playlist_skipped(&m.pl), 0);
    grow_by(&m, 6);
    assert_int_equal(stn_playlist_skipped(&m.pl), 1);
}


static void
lists_no_more_than_its_window(void **state)
{
    made_t  m;
    size_t  windows[] = { 3, 6, 10, 70 }, i;
    char   *s, *p;
    size_t  n;

    (void) state;

    for (i = 0; i < stn_nelems(windows); i++) {
        make(&m, 48000, 47 * 1024, MSN);
        grow_by(&m, 75 * 6 + 3);
        m.pl.window = windows[i];

        s = text(&m, STN_PLAYLIST_LOW_LATENCY);

        for (n = 0, p = s; (p = strstr(p, "#EXTINF")) != NULL; p++) {
            n++;
        }

        assert_int_equal(n, windows[i]);
        p = strstr(s, "#EXT-X-MEDIA-SEQUENCE:");
        assert_non_null(p);
        assert_int_equal(strtoull(p + 22, NULL, 10), MSN + 75 - windows[i]);
        free(s);
    }
}


static void
lists_three_target_durations_of_short_segments(void **state)
{
    char    *t;
    made_t   m;
    size_t   i;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 18 * 6);
    m.pl.window = 6;

    /* the last ten have been cut after a part: 8 * 6.016 and 10 * 1.003 s */

    for (i = 8; i < 18; i++) {
        m.segments[i].pos = m.segments[i - 1].pos
                            + m.segments[i - 1].duration;
        m.segments[i].nparts = 1;
        m.segments[i].duration = m.pl.part;
    }

    /* ten and one whole one are 16.0 s, and two are 22.1: at least 18 */

    t = text(&m, STN_PLAYLIST_CLASSIC);
    assert_non_null(strstr(t, "#EXT-X-MEDIA-SEQUENCE:293171418\n"));
    free(t);

    /* as long as that is there at all */

    m.pl.segments += 9;
    m.pl.nsegments -= 9;

    t = text(&m, STN_PLAYLIST_CLASSIC);
    assert_non_null(strstr(t, "#EXT-X-MEDIA-SEQUENCE:293171421\n"));
    free(t);
}


static void
hints_another_map_and_reports_others(void **state)
{
    char    *t;
    made_t   m;

    static const stn_playlist_report_t  reports[] = {
        { "128k", MSN + 1, 0 }, { "48k", MSN, 5 },
    };

    (void) state;

    make(&m, 48000, 48128, MSN);
    grow_by(&m, 6);

    m.pl.next_init = 0x600d600d;
    m.pl.reports = reports;
    m.pl.nreports = 2;

    t = text(&m, STN_PLAYLIST_LOW_LATENCY);
    assert_non_null(strstr(t, SEGMENT(S48, "293171412")
        "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"audio/init-600d600d.mp4\"\n"
        HINT("293171413.0")
        "#EXT-X-RENDITION-REPORT:URI=\"128k.m3u8\",LAST-MSN=293171413,"
        "LAST-PART=0\n"
        "#EXT-X-RENDITION-REPORT:URI=\"48k.m3u8\",LAST-MSN=293171412,"
        "LAST-PART=5\n"));
    free(t);

    /* nothing of the kind where there are no parts, or no more to come */

    t = text(&m, STN_PLAYLIST_CLASSIC);
    assert_null(strstr(t, "HINT"));
    assert_null(strstr(t, "REPORT"));
    free(t);

    m.pl.ended = 1;

    t = text(&m, STN_PLAYLIST_LOW_LATENCY);
    assert_null(strstr(t, "HINT"));
    assert_null(strstr(t, "REPORT"));
    free(t);
}


static void
marks_discontinuities(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 18);
    m.pl.discontinuities = 7;
    m.pl.window = 3;
    m.segments[1].discontinuity = 1;
    m.segments[1].init = 0x1;
    m.segments[2].init = 0x1;

    assert_text(&m, STN_PLAYLIST_CLASSIC,
                "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n"
                "#EXT-X-MEDIA-SEQUENCE:293171412\n"
                "#EXT-X-DISCONTINUITY-SEQUENCE:7\n"
                MAP
                DATE("10:00:14.592")
                SEGMENT(S48, "293171412")
                "#EXT-X-DISCONTINUITY\n"
                "#EXT-X-MAP:URI=\"audio/init-00000001.mp4\"\n"
                DATE("10:00:20.608")
                SEGMENT(S48, "293171413")
                DATE("10:00:26.624")
                SEGMENT(S48, "293171414"));

    /* the segment after it comes first: its tag is gone, and counted; each
     * segment keeps its discontinuity number (hls.js insists on it) */

    grow_by(&m, 6);
    m.segments[3].init = 0x1;

    assert_text(&m, STN_PLAYLIST_CLASSIC,
                "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n"
                "#EXT-X-MEDIA-SEQUENCE:293171413\n"
                "#EXT-X-DISCONTINUITY-SEQUENCE:8\n"
                "#EXT-X-MAP:URI=\"audio/init-00000001.mp4\"\n"
                DATE("10:00:20.608")
                SEGMENT(S48, "293171413")
                DATE("10:00:26.624")
                SEGMENT(S48, "293171414")
                DATE("10:00:32.640")
                SEGMENT(S48, "293171415"));
}


static void
dates_to_the_nearest_millisecond(void **state)
{
    char    *s, *p;
    made_t   m;
    size_t   i;

    static const struct {
        int64_t      pos;
        uint32_t     rate;
        const char  *date;
    } dates[] = {
        { 0, 48000, "1970-01-01T00:00:00.000Z\n" },
        { 23, 48000, "1970-01-01T00:00:00.000Z\n" },
        { 24, 48000, "1970-01-01T00:00:00.001Z\n" },
        { 47975, 48000, "1970-01-01T00:00:00.999Z\n" },
        { 47976, 48000, "1970-01-01T00:00:01.000Z\n" },
        { 48000LL * 86400 - 24, 48000, "1970-01-02T00:00:00.000Z\n" },
        { 48000LL * 86400 - 25, 48000, "1970-01-01T23:59:59.999Z\n" },
        { 44100LL * 1767225600 - 22, 44100, "2026-01-01T00:00:00.000Z\n" },
        { 44100LL * 1767225600 - 23, 44100, "2025-12-31T23:59:59.999Z\n" },
        { 48000LL * 1709164800 + 12, 48000, "2024-02-29T00:00:00.000Z\n" },
        { 96000LL * 4102444800, 96000, "2100-01-01T00:00:00.000Z\n" },
    };

    (void) state;

    for (i = 0; i < stn_nelems(dates); i++) {
        make(&m, dates[i].rate, 47 * 1024, 0);
        grow(&m);
        m.segments[0].pos = dates[i].pos;

        s = text(&m, STN_PLAYLIST_LOW_LATENCY);
        p = strstr(s, "DATE-TIME:");
        assert_non_null(p);
        p[10 + strlen(dates[i].date)] = '\0';
        assert_string_equal(p + 10, dates[i].date);
        free(s);
    }
}


static void
says_how_far_ahead_may_be_asked(void **state)
{
    made_t  m;

    (void) state;

    make(&m, 48000, 47 * 1024, 0);
    assert_int_equal(stn_playlist_target(&m.pl), 6);
    assert_int_equal(stn_playlist_part_target(&m.pl), 100267);
    assert_int_equal(stn_playlist_advance(&m.pl), 3);

    make(&m, 44100, 43 * 1024, 0);
    assert_int_equal(stn_playlist_target(&m.pl), 6);
    assert_int_equal(stn_playlist_part_target(&m.pl), 99846);
    assert_int_equal(stn_playlist_advance(&m.pl), 4);

    make(&m, 48000, 9 * 1024, 0);
    assert_int_equal(stn_playlist_target(&m.pl), 1);
    assert_int_equal(stn_playlist_part_target(&m.pl), 19200);
    assert_int_equal(stn_playlist_advance(&m.pl), 16);

    /* a target duration is never 0 */

    make(&m, 48000, 1024, 0);
    assert_int_equal(stn_playlist_target(&m.pl), 1);
}


/* --- from one version to the next */

static int
starts(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}


static void
read_body(body_t *b, const made_t *m)
{
    char      *s, *line, *save;
    unsigned   in_head;

    s = text(m, STN_PLAYLIST_LOW_LATENCY);
    assert_true(strlen(s) < sizeof(b->text));
    strcpy(b->text, s);
    free(s);

    b->n = 0;
    b->hint[0] = '\0';
    in_head = 1;

    for (line = strtok_r(b->text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
    {
        if (starts(line, "#EXT-X-MEDIA-SEQUENCE:")) {
            b->msn = strtoull(line + 22, NULL, 10);

        } else if (starts(line, "#EXT-X-PRELOAD-HINT:TYPE=PART,")) {
            snprintf(b->hint, sizeof(b->hint), "%s", line + 30);

        } else if (starts(line, "#EXT-X-MAP")) {
            in_head = 0;

        } else if (!in_head) {
            assert_true(b->n < LINES);
            b->lines[b->n++] = line;
        }
    }
}


/* How many of old's lines at its end are new's first ones, after old has lost
 * its first segments and, oldest first, PARTs.  Returns where what is new
 * begins. */

static size_t
kept(const body_t *old, const body_t *new)
{
    size_t    i, j;
    unsigned  part;

    part = 0;
    j = 0;

    for (i = 0; i < old->n; i++) {

        if (j < new->n && strcmp(old->lines[i], new->lines[j]) == 0) {
            part |= starts(old->lines[i], "#EXT-X-PART:");
            j++;
            continue;
        }

        if (starts(old->lines[i], "#EXT-X-PART:")) {
            assert_int_equal(part, 0);
            continue;
        }

        if (j != 0) {
            fail_msg("\"%s\" has become \"%s\"", old->lines[i],
                     j < new->n ? new->lines[j] : "nothing");
        }
    }

    return j;
}


/* What is new is one part, and it is the one that was hinted at. */

static void
assert_one_part_more(const body_t *old, const body_t *new)
{
    size_t  j;

    j = kept(old, new);

    assert_true(new->msn >= old->msn && new->msn <= old->msn + 1);

    if (starts(new->lines[j], "#EXT-X-PROGRAM-DATE-TIME:")) {
        j++;
    }

    assert_true(starts(new->lines[j], "#EXT-X-PART:"));
    assert_non_null(strstr(new->lines[j], old->hint));
    j++;

    if (j < new->n) {
        assert_true(starts(new->lines[j], "#EXTINF:"));
        assert_true(starts(new->lines[j + 1], "audio/"));
        j += 2;
    }

    assert_int_equal(j, new->n);
    assert_true(new->hint[0] != '\0');
}


static double
attribute(const char *line, const char *name)
{
    const char  *p;

    p = strstr(line, name);
    assert_non_null(p);

    return strtod(p + strlen(name), NULL);
}


/* Durations by their text: no part over PART-TARGET, and EXTINFs that round
 * to no more than the target duration. */

static void
assert_durations(const body_t *b, const made_t *m)
{
    size_t  i;
    double  target, part;

    target = stn_playlist_target(&m->pl);
    part = stn_playlist_part_target(&m->pl) / 1e5;

    for (i = 0; i < b->n; i++) {
        if (starts(b->lines[i], "#EXT-X-PART:")) {
            assert_true(attribute(b->lines[i], "DURATION=") <= part + 1e-9);
        }

        if (starts(b->lines[i], "#EXTINF:")) {
            assert_true(attribute(b->lines[i], "#EXTINF:") < target + 0.5);
        }
    }
}


/* A delta is the full playlist with its first segments left out. */

static void
assert_delta(const made_t *m)
{
    char          *full, *delta, *p, *rest;
    size_t         n;
    unsigned long  skipped;

    full = text(m, STN_PLAYLIST_LOW_LATENCY);
    delta = text(m, STN_PLAYLIST_DELTA);
    p = strstr(delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=");

    if (p == NULL) {
        assert_string_equal(delta, full);

    } else {
        skipped = strtoul(p + 29, &rest, 10);
        assert_int_equal(skipped, stn_playlist_skipped(&m->pl));
        rest++;

        assert_true(strlen(full) > strlen(rest));
        n = strlen(full) - strlen(rest);
        assert_string_equal(full + n, rest);
        full[n] = '\0';

        for (p = full; (p = strstr(p, "#EXTINF")) != NULL; p++) {
            skipped--;
        }

        assert_int_equal(skipped, 0);
    }

    free(full);
    free(delta);
}


static void
changes_only_at_its_ends(void **state)
{
    size_t    i;
    made_t    m;
    body_t   *old, *new, *swap;
    unsigned  n;

    static const struct {
        uint32_t  rate, part;
    } grids[] = {
        { 48000, 47 * 1024 }, { 44100, 43 * 1024 }, { 48000, 9 * 1024 },
        { 32000, 31 * 1024 }, { 48000, 23 * 2048 }
    };

    (void) state;

    old = malloc(sizeof(*old));
    new = malloc(sizeof(*new));
    assert_true(old && new);

    for (i = 0; i < stn_nelems(grids); i++) {
        make(&m, grids[i].rate, grids[i].part, MSN);
        grow_by(&m, 10 * 6);
        read_body(old, &m);

        for (n = 0; n < 200; n++) {
            grow(&m);
            read_body(new, &m);
            assert_one_part_more(old, new);
            assert_durations(new, &m);
            assert_delta(&m);

            swap = old;
            old = new;
            new = swap;
        }
    }

    free(old);
    free(new);
}


/* EXTINFs add up to the media: a quarter of an hour, within a millisecond. */

static void
durations_add_up(void **state)
{
    made_t    m;
    double    sum;
    unsigned  n;
    body_t   *b;

    (void) state;

    b = malloc(sizeof(*b));
    assert_non_null(b);

    make(&m, 44100, 43 * 1024, MSN);
    grow_by(&m, 6);
    read_body(b, &m);
    assert_true(starts(b->lines[b->n - 2], "#EXTINF:"));

    sum = 0;

    for (n = 0; n < 150; n++) {
        sum += attribute(b->lines[b->n - 2], "#EXTINF:");
    }

    assert_true(sum - 150 * 6 * 43 * 1024 / 44100.0 < 0.001);
    assert_true(sum - 150 * 6 * 43 * 1024 / 44100.0 > -0.001);

    free(b);
}


static void
says_when_there_is_no_room(void **state)
{
    char       *s;
    made_t      m;
    size_t      cap, len;
    stn_buf_t   b;

    (void) state;

    make(&m, 48000, 47 * 1024, MSN);
    grow_by(&m, 8);
    s = text(&m, STN_PLAYLIST_LOW_LATENCY);
    len = strlen(s);
    free(s);

    for (cap = 0; cap < len; cap += 7) {
        stn_buf_init(&b, cap);
        assert_int_equal(stn_playlist_media(&m.pl, STN_PLAYLIST_LOW_LATENCY,
                                            &b),
                         STN_LIMIT);
        assert_true(b.len <= cap);
        stn_buf_free(&b);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(lists_whole_segments_and_their_parts),
        cmocka_unit_test(lists_an_open_segment),
        cmocka_unit_test(ends_with_what_there_is),
        cmocka_unit_test(lists_classic_segments_only_when_whole),
        cmocka_unit_test(counts_44_khz_exactly),
        cmocka_unit_test(lists_short_parts),
        cmocka_unit_test(skips_old_segments),
        cmocka_unit_test(sends_all_when_there_is_nothing_to_skip),
        cmocka_unit_test(lists_no_more_than_its_window),
        cmocka_unit_test(lists_three_target_durations_of_short_segments),
        cmocka_unit_test(hints_another_map_and_reports_others),
        cmocka_unit_test(marks_discontinuities),
        cmocka_unit_test(dates_to_the_nearest_millisecond),
        cmocka_unit_test(says_how_far_ahead_may_be_asked),
        cmocka_unit_test(changes_only_at_its_ends),
        cmocka_unit_test(durations_add_up),
        cmocka_unit_test(says_when_there_is_no_room),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
