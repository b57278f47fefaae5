/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verdict: no crowd of players is called an attack, in whatever way they
 * come, pause, lose their connections or are refused; each of five floods is,
 * after some seconds, and is not any more some seconds after it has ended; and
 * streams that are lost or silent.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "audience/stn_verdict.h"


#define SECOND  1000


/* A node that is judged, as of now (ms). */

typedef struct {
    stn_verdict_t  v;
    int64_t        now;
} judged_t;


/* What a crowd of n players of that many parts a second looks like, each with
 * so many connections. */

static stn_verdict_figures_t
crowd(unsigned n, double pace, unsigned connections)
{
    stn_verdict_figures_t  f;

    memset(&f, 0, sizeof(f));

    f.known = 1;
    f.pace = pace;
    f.listeners = n;
    f.audio = n;
    f.playlists = n * pace;
    f.media = n * pace;
    f.requests = 2 * n * pace;
    f.connections = n * connections;
    f.asked = n * connections;
    f.open = n * connections;
    f.streams = 1;

    return f;
}


/* Nothing is known of a node yet, and its clock says so. */

static void
begin(judged_t *j, int64_t now)
{
    memset(j, 0, sizeof(judged_t));
    j->now = now;
}


/* So many seconds of the same; returns all attacks that were seen. */

static unsigned
lasts(judged_t *j, const stn_verdict_figures_t *f, unsigned seconds)
{
    unsigned  i, seen;

    for (seen = 0, i = 0; i < seconds; i++) {
        j->now += SECOND;
        (void) stn_verdict_next(&j->v, f, j->now);
        seen |= j->v.attacks;
    }

    return seen;
}


/* A flood beside a calm crowd of 100: the calm before it, the flood, and the
 * calm after it. */

static void
flood(const stn_verdict_figures_t *f, stn_attack_e kind)
{
    unsigned               bit;
    judged_t               j;
    stn_verdict_figures_t  calm;

    bit = 1u << kind;
    calm = crowd(100, 1, 2);
    begin(&j, 5000);

    assert_int_equal(lasts(&j, &calm, 20), 0);
    assert_int_equal(j.v.state, STN_VERDICT_HEALTHY);

    assert_int_equal(lasts(&j, f, 4), 0);
    assert_int_equal(lasts(&j, f, 1), bit);
    assert_int_equal(j.v.state, STN_VERDICT_ATTACK);
    assert_int_equal(j.v.since_ms, j.now);
    assert_int_equal(lasts(&j, f, 20), bit);

    assert_int_equal(lasts(&j, &calm, 5), bit);
    assert_int_equal(j.v.attacks, bit);
    (void) lasts(&j, &calm, 1);
    assert_int_equal(j.v.attacks, 0);
    assert_int_equal(j.v.state, STN_VERDICT_HEALTHY);
}


static void
calls_connections_that_never_ask(void **state)
{
    char                   text[STN_VERDICT_TEXT_MAX];
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    f = crowd(100, 1, 2);
    f.mute = 4210;
    f.open += 4210;
    flood(&f, STN_ATTACK_CONNECT_ONLY);

    begin(&j, 1);
    (void) lasts(&j, &f, 10);
    stn_verdict_text(&j.v, &f, text);
    assert_string_equal(text, "under attack: 4210 connections never ask (a "
                        "crowd like this: below 500); 100 listeners");

    f = crowd(100, 1, 2);
    (void) lasts(&j, &f, 1);
    stn_verdict_text(&j.v, &f, text);
    assert_string_equal(text, "under attack: connect-only a moment ago; 100 "
                        "listeners");
}


static void
calls_requests_that_never_end(void **state)
{
    stn_verdict_figures_t  f;

    (void) state;

    f = crowd(100, 1, 2);
    f.reading = 800;
    f.open += 800;
    flood(&f, STN_ATTACK_SLOW_LORIS);
}


static void
calls_playlists_that_nobody_plays(void **state)
{
    stn_verdict_figures_t  f;

    (void) state;

    /* each waits for the next part, as players do */

    f = crowd(100, 1, 2);
    f.trying = 1000;
    f.connections += 1000;
    f.asked += 1000;
    f.playlists += 1000;
    flood(&f, STN_ATTACK_PLAYLIST_ONLY);

    /* with a new connection each time, let in or not */

    f = crowd(100, 1, 2);
    f.connects = 800;
    f.accepted = 800;
    f.firsts = 800;
    f.playlists += 800;
    f.requests += 800;
    flood(&f, STN_ATTACK_PLAYLIST_ONLY);

    f.joins = 800;
    flood(&f, STN_ATTACK_PLAYLIST_ONLY);
}


static void
calls_hammering_on_a_part(void **state)
{
    stn_verdict_figures_t  f;

    (void) state;

    f = crowd(100, 1, 2);
    f.media += 2000;
    f.repeats = 2000;
    f.trying = 20;
    f.connections += 20;
    f.asked += 20;
    f.requests += 2000;
    flood(&f, STN_ATTACK_HAMMERING);

    /* each time as somebody else: then it is sent audio */

    f = crowd(100, 1, 2);
    f.media += 600;
    f.connects = 600;
    f.accepted = 600;
    f.firsts = 600;
    f.requests += 600;
    f.audio += 600;
    f.listeners += 600;
    flood(&f, STN_ATTACK_HAMMERING);

    /* nor on what is small, or on what asks for leave only */

    f = crowd(100, 1, 2);
    f.trying = 20;
    f.inits = 500;
    flood(&f, STN_ATTACK_HAMMERING);

    f = crowd(100, 1, 2);
    f.trying = 20;
    f.steerings = 500;
    flood(&f, STN_ATTACK_HAMMERING);

    f = crowd(100, 1, 2);
    f.options = 500;
    flood(&f, STN_ATTACK_HAMMERING);
}


/* Nor does a big crowd hide them. */

static void
calls_floods_within_a_crowd(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(20000, 5, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    f.repeats = 20000;
    f.media += 20000;
    f.trying = 100;
    f.connections += 100;
    assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_HAMMERING);

    begin(&j, 0);

    f = crowd(20000, 1, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    f.playlists += 30000;
    f.trying = 300;
    f.connections += 300;
    assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_PLAYLIST_ONLY);

    /* and not when it has gone, an hour ago or a moment */

    begin(&j, 0);

    f = crowd(20000, 1, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    f = crowd(10, 1, 2);
    assert_int_equal(lasts(&j, &f, 60), 0);

    f.playlists += 1000;
    f.trying = 300;
    f.connections += 300;
    assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_PLAYLIST_ONLY);
}


static void
calls_what_is_no_request(void **state)
{
    stn_verdict_figures_t  f;

    (void) state;

    f = crowd(100, 1, 2);
    f.malformed = 300;
    f.accepted = 300;
    f.firsts = 300;
    f.requests += 300;
    flood(&f, STN_ATTACK_MALFORMED);

    f = crowd(100, 1, 2);
    f.bad = 300;
    f.requests += 300;
    flood(&f, STN_ATTACK_MALFORMED);

    /* garbage instead of TLS is not even a request; nor do a few seconds in
     * which more connections came than went make it one */

    f = crowd(100, 1, 2);
    f.firsts = 10;
    f.accepted = 310;
    flood(&f, STN_ATTACK_MALFORMED);
}


/* Each browser with six connections: one carries audio, one just playlists,
 * two pages, two nothing yet. */

static void
calm_crowds_are_healthy(void **state)
{
    unsigned               n;
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    for (n = 1; n < 100000; n *= 3) {
        f = crowd(n, 5, 2);
        f.trying = n;
        f.asked += 2 * n;
        f.mute = 2 * n;
        f.open = 6 * n;

        begin(&j, 0);
        assert_int_equal(lasts(&j, &f, 60), 0);
        assert_int_equal(j.v.state, STN_VERDICT_HEALTHY);
    }
}


/* 15,000 in two seconds: handshakes wait, playlists come first. */

static void
join_storms_are_no_attack(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(3000, 1, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    f.accepted = 15000;
    f.grown = 9000;
    f.firsts = 7500;
    f.gained = 4000;
    f.connects = 7500;
    f.joins = 7500;
    f.joining = 15000;
    f.inits = 3 * 7500;
    f.steerings = 7500;
    f.playlists += 3 * 7500;
    f.media += 2000;
    f.requests += 30000;
    f.mute = 9000;
    f.late_ms = 900;
    f.cpu = 1000;
    assert_int_equal(lasts(&j, &f, 6), 0);
    assert_int_equal(j.v.state, STN_VERDICT_CROWDED);

    f = crowd(18000, 1, 2);
    f.mute = 15000;
    f.open = 60000;
    f.media *= 3;
    f.joins = 1000;
    f.connects = 6000;
    f.firsts = 6000;
    f.accepted = 6000;
    assert_int_equal(lasts(&j, &f, 30), 0);
    assert_int_equal(j.v.state, STN_VERDICT_HEALTHY);
}


/* All connections are lost at once, and made again; many ask for what is too
 * far ahead meanwhile. */

static void
reconnect_waves_are_no_attack(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(5000, 1, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    f.listeners = 1000;
    f.leaving = 4000;
    f.connects = 5000;
    f.accepted = 10000;
    f.firsts = 10000;
    f.bad = 1000;
    f.playlists = 12000;
    f.media = 5000;
    f.requests = 20000;
    assert_int_equal(lasts(&j, &f, 3), 0);

    f = crowd(5000, 1, 2);
    f.media *= 2;
    assert_int_equal(lasts(&j, &f, 20), 0);
}


/* In the break most pause; their players go on to reload playlists. */

static void
paused_players_are_no_attack(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(4000, 5, 2);
    assert_int_equal(lasts(&j, &f, 10), 0);

    /* what they had ahead is played, or would be, first */

    f.media = 100 * 5;
    f.audio = 100;
    assert_int_equal(lasts(&j, &f, 20), 0);

    f.listeners = 100;
    f.leaving = 3900;
    assert_int_equal(lasts(&j, &f, 10), 0);

    f.leaving = 0;
    f.trying = 3900;
    assert_int_equal(lasts(&j, &f, 3000), 0);
}


/* Twice as many as may be here ask again every few seconds. */

static void
refused_players_are_no_attack(void **state)
{
    char                   text[STN_VERDICT_TEXT_MAX];
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(5000, 1, 2);
    f.refused = 3000;
    f.full = 2;
    f.requests += 3000;
    f.connects = 3000;
    f.accepted = 3000;
    f.firsts = 3000;
    f.trying = 10000;
    f.mute = 20000;
    f.connections += 10000;
    f.asked += 10000;
    f.open += 30000;
    assert_int_equal(lasts(&j, &f, 60), 0);
    assert_int_equal(j.v.state, STN_VERDICT_CROWDED);

    stn_verdict_text(&j.v, &f, text);
    assert_string_equal(text, "crowded: over a hard limit, 3000 refused a "
                        "second, event loop 0 ms late, a worker 0% busy, "
                        "connections 0% used; 5000 listeners");
}


/* More come than nginx has places for: it counts them, and closes them.  And
 * when event loops are late TLS handshakes are given up.  The figures are
 * means, and remember that for some seconds. */

static void
crowds_beyond_all_places_are_no_attack(void **state)
{
    unsigned               i;
    judged_t               j;
    stn_verdict_figures_t  f, after;

    (void) state;

    for (i = 0; i < 2; i++) {
        begin(&j, 0);

        after = crowd(4000, 1, 2);
        after.accepted = 2500;
        after.firsts = 500;

        f = after;
        f.places = i ? 500 : 1000;
        f.late_ms = i ? 800 : 20;

        assert_int_equal(lasts(&j, &f, 60), 0);
        assert_int_equal(j.v.state, STN_VERDICT_CROWDED);
        assert_int_equal(lasts(&j, &after, 5), 0);

        /* it is no excuse for what cannot be read */

        f.malformed = 1000;
        assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_MALFORMED);
    }
}


/* Many come for a stream that has ended, and take all that is left of it after
 * one playlist, or, when nobody comes any more, without one. */

static void
late_crowds_are_no_attack(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(0, 1, 1);
    f.connects = 120;
    f.accepted = 120;
    f.firsts = 120;
    f.ended_playlists = 120;
    f.playlists = 120;
    f.ended_media = 60 * 20;
    f.media = 60 * 20;
    f.audio = 60 * 20 * 2;
    f.listeners = 1000;
    assert_int_equal(lasts(&j, &f, 60), 0);

    f.connects = 0;
    f.accepted = 0;
    f.firsts = 0;
    f.ended_playlists = 0;
    f.playlists = 0;
    f.ended_media = 500;
    f.media = 500;
    assert_int_equal(lasts(&j, &f, 60), 0);

    /* a part of it may be hammered on as well */

    f.connects = 500;
    f.accepted = 500;
    f.firsts = 500;
    assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_HAMMERING);
}


/* Far from here several parts come with a playlist, and players of an old kind
 * make a connection for each request. */

static void
odd_players_are_no_attack(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(2000, 5, 1);
    f.playlists /= 3;
    assert_int_equal(lasts(&j, &f, 20), 0);

    /* gone back to the beginning, where they have been before */

    f = crowd(2000, 5, 1);
    f.repeats = f.media;
    f.listeners = 0;
    f.trying = 2000;
    assert_int_equal(lasts(&j, &f, 20), 0);

    f = crowd(2000, 1, 1);
    f.connects = f.requests;
    f.accepted = f.requests;
    f.firsts = f.requests;
    assert_int_equal(lasts(&j, &f, 20), 0);

    /* they ask for leave before each request; and the format changes now and
     * then, for all of them */

    f = crowd(20000, 1, 1);
    f.options = f.requests;
    f.inits = 20000 / 4;
    assert_int_equal(lasts(&j, &f, 20), 0);

    /* they ask every second for what has not begun */

    f = crowd(0, 0, 1);
    f.not_found = 5000;
    f.requests = 5000;
    f.trying = 5000;
    f.connections = 5000;
    f.asked = 9000;
    f.open = 9000;
    f.mute = 200;
    assert_int_equal(lasts(&j, &f, 20), 0);
}


/* One second of it, or every third, is none; and one that wavers stays one. */

static void
needs_some_seconds(void **state)
{
    unsigned               i;
    judged_t               j;
    stn_verdict_figures_t  f, calm;

    (void) state;

    begin(&j, 0);

    calm = crowd(100, 1, 2);
    f = calm;
    f.malformed = 300;

    for (i = 0; i < 20; i++) {
        assert_int_equal(lasts(&j, &f, 3), 0);
        assert_int_equal(lasts(&j, &calm, 1), 0);
    }

    (void) lasts(&j, &f, 10);

    for (i = 0; i < 20; i++) {
        (void) lasts(&j, &calm, 3);
        assert_int_equal(j.v.attacks, 1u << STN_ATTACK_MALFORMED);
        (void) lasts(&j, &f, 1);
    }
}


static void
tells_changes_once(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);
    f = crowd(10, 1, 1);

    assert_int_equal(stn_verdict_next(&j.v, &f, 1000), 0);
    assert_int_equal(j.v.since_ms, 1000);

    f.lost = 1;
    assert_int_equal(stn_verdict_next(&j.v, &f, 2000), 1);
    assert_int_equal(j.v.state, STN_VERDICT_SOURCE_LOST);
    assert_int_equal(j.v.since_ms, 2000);
    assert_int_equal(stn_verdict_next(&j.v, &f, 3000), 0);
    assert_int_equal(j.v.since_ms, 2000);

    /* an attack beside it is told, and changes no state */

    f.malformed = 1000;

    for (j.now = 4000; j.now < 8000; j.now += SECOND) {
        assert_int_equal(stn_verdict_next(&j.v, &f, j.now), 0);
    }

    assert_int_equal(stn_verdict_next(&j.v, &f, j.now), 1);
    assert_int_equal(j.v.state, STN_VERDICT_SOURCE_LOST);
    assert_int_equal(j.v.attacks, 1u << STN_ATTACK_MALFORMED);
}


static void
puts_what_is_heard_first(void **state)
{
    char                   text[STN_VERDICT_TEXT_MAX];
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(10, 1, 1);
    f.cpu = 950;
    (void) lasts(&j, &f, 1);
    assert_int_equal(j.v.state, STN_VERDICT_CROWDED);

    f.malformed = 1000;
    (void) lasts(&j, &f, 10);
    assert_int_equal(j.v.state, STN_VERDICT_ATTACK);

    f.streams = 3;
    f.silent = 2;
    (void) lasts(&j, &f, 1);
    assert_int_equal(j.v.state, STN_VERDICT_SILENT);

    f.lost = 1;
    (void) lasts(&j, &f, 1);
    assert_int_equal(j.v.state, STN_VERDICT_SOURCE_LOST);

    stn_verdict_text(&j.v, &f, text);
    assert_string_equal(text, "source lost: 1 of 3 streams without a source; "
                        "2 of 3 streams silent; 1000 requests a second make no "
                        "sense (a crowd like this: below 50); 0 refused a "
                        "second, event loop 0 ms late, a worker 95% busy, "
                        "connections 0% used; 10 listeners");
}


static void
stays_crowded_for_some_seconds(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);
    f = crowd(10, 1, 1);

    f.late_ms = 300;
    (void) lasts(&j, &f, 1);
    assert_int_equal(j.v.state, STN_VERDICT_CROWDED);

    f.late_ms = 0;
    (void) lasts(&j, &f, 4);
    assert_int_equal(j.v.state, STN_VERDICT_CROWDED);
    (void) lasts(&j, &f, 1);
    assert_int_equal(j.v.state, STN_VERDICT_HEALTHY);
}


static void
judges_streams(void **state)
{
    unsigned  i;

    static const struct {
        stn_verdict_stream_t  st;
        stn_verdict_e         is;
    } cases[] = {
        { { .live = 1, .met = 1, .listeners = 5 }, STN_VERDICT_HEALTHY },

        /* doors open before the event, however long */
        { { .kept = 1, .listeners = 5, .away_ms = 99999 },
          STN_VERDICT_HEALTHY },

        { { .met = 1, .listeners = 5, .away_ms = 1500 }, STN_VERDICT_HEALTHY },
        { { .met = 1, .listeners = 5, .away_ms = 2000 },
          STN_VERDICT_SOURCE_LOST },
        { { .met = 1, .away_ms = 2000 }, STN_VERDICT_HEALTHY },
        { { .met = 1, .kept = 1, .away_ms = 2000 }, STN_VERDICT_SOURCE_LOST },

        /* hold audio may play instead of the silence */
        { { .met = 1, .live = 1, .silent = 1 }, STN_VERDICT_SILENT },
        { { .met = 1, .silent = 1, .listeners = 5, .away_ms = 9999 },
          STN_VERDICT_SILENT },

        { { .relayed = 1, .fed = 1, .listeners = 5 }, STN_VERDICT_HEALTHY },
        { { .relayed = 1, .listeners = 5, .away_ms = 2000 },
          STN_VERDICT_SOURCE_LOST },
        { { .relayed = 1, .listeners = 5, .away_ms = 1000 },
          STN_VERDICT_HEALTHY },
        { { .relayed = 1, .away_ms = 2000 }, STN_VERDICT_HEALTHY }
    };

    (void) state;

    for (i = 0; i < stn_nelems(cases); i++) {
        if (stn_verdict_stream(&cases[i].st) != cases[i].is) {
            fail_msg("case %u", i);
        }
    }
}


/* Sources that come and go each second are told of no more often than who is
 * told can bear, and each time he hears what he was told before. */

static void
tells_nobody_too_often(void **state)
{
    unsigned               i, n;
    int64_t                last;
    judged_t               j;
    stn_verdict_e          was, heard;
    stn_verdict_told_t     told;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 100000);
    memset(&told, 0, sizeof(stn_verdict_told_t));

    f = crowd(100, 1, 2);
    heard = STN_VERDICT_HEALTHY;
    last = 0;

    for (n = 0, i = 0; i < 61; i++) {
        f.lost = (i % 2 == 0);
        (void) lasts(&j, &f, 1);

        if (stn_verdict_tell(&told, &j.v, j.now, &was)) {
            assert_int_equal(was, heard);
            assert_int_not_equal(j.v.state, heard);
            assert_true(last == 0 || j.now - last >= STN_VERDICT_TELL_MS);
            heard = j.v.state;
            last = j.now;
            n++;
        }
    }

    assert_int_equal(n, 13);
    assert_int_equal(last, j.now);
    assert_int_equal(heard, STN_VERDICT_SOURCE_LOST);

    /* what is last is not lost: it waits */

    f.lost = 0;
    (void) lasts(&j, &f, 4);
    assert_int_equal(stn_verdict_tell(&told, &j.v, j.now, &was), 0);
    (void) lasts(&j, &f, 1);
    assert_int_equal(stn_verdict_tell(&told, &j.v, j.now, &was), 1);
    assert_int_equal(was, STN_VERDICT_SOURCE_LOST);
    assert_int_equal(told.state, STN_VERDICT_HEALTHY);
}


/* nginx may be built without what tells connections. */

static void
does_without_nginx_figures(void **state)
{
    judged_t               j;
    stn_verdict_figures_t  f;

    (void) state;

    begin(&j, 0);

    f = crowd(100, 1, 2);
    f.known = 0;
    f.requests = 0;
    f.accepted = 0;
    assert_int_equal(lasts(&j, &f, 20), 0);

    f.mute = 1000;
    assert_int_equal(lasts(&j, &f, 10), 1u << STN_ATTACK_CONNECT_ONLY);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(calls_connections_that_never_ask),
        cmocka_unit_test(calls_requests_that_never_end),
        cmocka_unit_test(calls_playlists_that_nobody_plays),
        cmocka_unit_test(calls_hammering_on_a_part),
        cmocka_unit_test(calls_floods_within_a_crowd),
        cmocka_unit_test(calls_what_is_no_request),
        cmocka_unit_test(calm_crowds_are_healthy),
        cmocka_unit_test(join_storms_are_no_attack),
        cmocka_unit_test(reconnect_waves_are_no_attack),
        cmocka_unit_test(paused_players_are_no_attack),
        cmocka_unit_test(refused_players_are_no_attack),
        cmocka_unit_test(crowds_beyond_all_places_are_no_attack),
        cmocka_unit_test(late_crowds_are_no_attack),
        cmocka_unit_test(odd_players_are_no_attack),
        cmocka_unit_test(needs_some_seconds),
        cmocka_unit_test(tells_changes_once),
        cmocka_unit_test(tells_nobody_too_often),
        cmocka_unit_test(puts_what_is_heard_first),
        cmocka_unit_test(stays_crowded_for_some_seconds),
        cmocka_unit_test(judges_streams),
        cmocka_unit_test(does_without_nginx_figures)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
