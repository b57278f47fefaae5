/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The verdict (see stn_verdict.h).  For each kind of attack there is one
 * measure, and a limit that grows with the crowd that is there: with what it
 * was sent, not with what it says.  Floors keep what is too small to matter
 * from being called anything.
 */

#include "audience/stn_verdict.h"

#include <stdarg.h>
#include <stdio.h>


/* What is less than this is no attack, whatever it is. */
#define STN_VERDICT_MUTE       200     /* connections */
#define STN_VERDICT_READING    100
#define STN_VERDICT_PLAYLISTS  100     /* a second */
#define STN_VERDICT_MEDIA      100
#define STN_VERDICT_MALFORMED  50

/* Connections that a browser opens in advance, beside those in use. */
#define STN_VERDICT_SPARE  3

/* Crowded: an event loop that late (ms), a worker that busy, or connections
 * so many (thousandths). */
#define STN_VERDICT_LATE    250
#define STN_VERDICT_BUSY    900
#define STN_VERDICT_PLACES  900

/* Handshakes may have to wait for that long when event loops are that late
 * (ms): who has not asked by then may not have been able to, or has given
 * up. */
#define STN_VERDICT_LATE_FOR_MUTE  500

/* It stays crowded for so long, or it would flicker. */
#define STN_VERDICT_CROWDED_MS  5000

/* For so long figures remember connections that nginx had no room for. */
#define STN_VERDICT_STRAINED_MS  6000

/* Who lost his connection is back by then, and nobody is told. */
#define STN_VERDICT_AWAY_MS  2000

/* Who has listened may be paused now: as many as there ever were in that time,
 * or in that before it. */
#define STN_VERDICT_PEAK_MS  3600000

/* Playlists that a player gets before its first part. */
#define STN_VERDICT_FIRST  4

/* Other things that a player gets when it begins: init segments, mostly. */
#define STN_VERDICT_OTHERS  4

/* All may have to get such a thing at once, and that every few seconds, when
 * the format changes. */
#define STN_VERDICT_AGAIN_S  2

/* Of those who play, one of so many does for a while what only who does not
 * play goes on with: asks for playlists alone, or for what it had. */
#define STN_VERDICT_ODD  10

/* A player that was refused asks again some times in so many seconds. */
#define STN_VERDICT_RETRY  10


typedef struct {
    char        *text;
    size_t       len;
} stn_verdict_line_t;


static void stn_verdict_measure(stn_verdict_t *v,
    const stn_verdict_figures_t *f, int64_t now_ms);
static void stn_verdict_connections(stn_verdict_t *v,
    const stn_verdict_figures_t *f);
static void stn_verdict_playlists(stn_verdict_t *v,
    const stn_verdict_figures_t *f, int64_t now_ms);
static void stn_verdict_media(stn_verdict_t *v,
    const stn_verdict_figures_t *f);
static double stn_verdict_others(const stn_verdict_figures_t *f);
static void stn_verdict_malformed(stn_verdict_t *v,
    const stn_verdict_figures_t *f, int64_t now_ms);
static double stn_verdict_ended(stn_verdict_t *v,
    const stn_verdict_figures_t *f, int64_t now_ms);
static unsigned stn_verdict_lasts(stn_verdict_t *v, stn_attack_e kind,
    int64_t now_ms);
static int stn_verdict_crowded(const stn_verdict_figures_t *f);
static void stn_verdict_say(stn_verdict_line_t *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


const char  *stn_verdict_states[STN_VERDICT_STATES] = {
    "healthy", "crowded", "under attack", "silent", "source lost"
};

const char  *stn_verdict_attacks[STN_ATTACKS] = {
    "connect-only", "slow-loris", "playlist-only", "hammering", "malformed"
};


static const char  *stn_verdict_full[] = {
    "", "over a soft limit, ", "over a hard limit, "
};


/* In the order of stn_attack_e: what the measure is of. */

static const char  *stn_verdict_measures[STN_ATTACKS] = {
    "connections never ask",
    "requests never end",
    "playlists a second are played by nobody",
    "answers a second go to nobody who plays",
    "requests a second make no sense"
};


stn_verdict_e
stn_verdict_stream(const stn_verdict_stream_t *st)
{
    if (st->silent) {
        return STN_VERDICT_SILENT;
    }

    if (st->relayed ? st->fed : st->live || !st->met) {
        return STN_VERDICT_HEALTHY;
    }

    if (st->away_ms < STN_VERDICT_AWAY_MS || (!st->kept && !st->listeners)) {
        return STN_VERDICT_HEALTHY;
    }

    return STN_VERDICT_SOURCE_LOST;
}


int
stn_verdict_next(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms)
{
    unsigned       i, attacks;
    stn_verdict_e  state;

    stn_verdict_measure(v, f, now_ms);

    for (attacks = 0, i = 0; i < STN_ATTACKS; i++) {
        attacks |= stn_verdict_lasts(v, i, now_ms) << i;
    }

    if (stn_verdict_crowded(f)) {
        v->crowded_ms = now_ms;
    }

    state = f->lost ? STN_VERDICT_SOURCE_LOST
            : f->silent ? STN_VERDICT_SILENT
            : attacks ? STN_VERDICT_ATTACK
            : v->crowded_ms && now_ms - v->crowded_ms < STN_VERDICT_CROWDED_MS
            ? STN_VERDICT_CROWDED : STN_VERDICT_HEALTHY;

    if (v->since_ms == 0 || state != v->state) {
        v->since_ms = now_ms;
    }

    if (state == v->state && attacks == v->attacks) {
        return 0;
    }

    v->state = state;
    v->attacks = attacks;

    return 1;
}


static void
stn_verdict_measure(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms)
{
    stn_verdict_connections(v, f);
    stn_verdict_playlists(v, f, now_ms);
    stn_verdict_media(v, f);
    stn_verdict_malformed(v, f, now_ms);
}


/* Who listens, tries to, or reads pages may have some spare ones.  When event
 * loops are late the figure says nothing, and neither does it add up. */

static void
stn_verdict_connections(stn_verdict_t *v, const stn_verdict_figures_t *f)
{
    double  crowd;

    crowd = f->listeners + f->leaving + f->joining
            + stn_min(f->trying, f->refused * STN_VERDICT_RETRY);

    if (f->asked > f->connections) {
        crowd += f->asked - f->connections;
    }

    v->limit[STN_ATTACK_CONNECT_ONLY] = STN_VERDICT_MUTE
                                        + crowd * STN_VERDICT_SPARE;

    v->measure[STN_ATTACK_CONNECT_ONLY] =
        f->late_ms >= STN_VERDICT_LATE_FOR_MUTE
        ? stn_min(f->mute, v->limit[STN_ATTACK_CONNECT_ONLY]) : f->mute;

    /* a head may come in pieces, to one of twenty at most */

    v->limit[STN_ATTACK_SLOW_LORIS] = STN_VERDICT_READING + crowd / 20;
    v->measure[STN_ATTACK_SLOW_LORIS] = f->reading;
}


/*
 * A player gets a playlist for each part, two or three more when it begins,
 * with as many parts at least, and one a part duration while it is paused.  So
 * more than media explain may be as many as those would get who are here and
 * not sent audio, if so many have listened, now or not long ago; and who has
 * just come may not have his parts yet.
 */

static void
stn_verdict_playlists(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms)
{
    double  crowd, idle;

    crowd = f->listeners + f->leaving;

    if (now_ms - v->peak_ms >= STN_VERDICT_PEAK_MS) {
        v->peak_before = v->peak;
        v->peak = 0;
        v->peak_ms = now_ms;
    }

    v->peak = stn_max(v->peak, crowd);

    /* who was paused a moment ago still has audio to play */

    idle = stn_max(0, f->listeners - f->audio) + f->leaving + f->joining
           + f->trying;
    idle = stn_min(idle, stn_max(v->peak, v->peak_before));

    v->measure[STN_ATTACK_PLAYLIST_ONLY] = stn_max(0, f->playlists
                                                      - 2 * f->media);
    v->limit[STN_ATTACK_PLAYLIST_ONLY] =
        STN_VERDICT_PLAYLISTS
        + (idle + (double) f->listeners / STN_VERDICT_ODD)
          * stn_max(1, f->pace)
        + stn_max(0, f->gained) * STN_VERDICT_FIRST;
}


/*
 * Parts go to whoever reloads playlists, and a few more to who begins.  A
 * player that is far away gets several of a playlist; then it does not make a
 * connection for each.  One that has gone back in the programme gets what it
 * had, but no faster than it plays, and is none of those who listen when what
 * it had ahead is over.  Of a stream that has ended all that there is follows
 * one playlist, and nobody has to be let in.
 */

static void
stn_verdict_media(stn_verdict_t *v, const stn_verdict_figures_t *f)
{
    double  again, stray, fresh, others;

    others = stn_verdict_others(f);
    again = f->repeats - (f->trying + f->leaving
                          + (double) f->listeners / STN_VERDICT_ODD)
                         * stn_max(1, f->pace);
    stray = f->media - f->ended_media - 4 * f->playlists;
    fresh = stn_min(f->media - 1.25 * f->playlists,
                    f->connects - 6 * (f->joins + f->ended_playlists));

    v->limit[STN_ATTACK_HAMMERING] = STN_VERDICT_MEDIA;
    v->measure[STN_ATTACK_HAMMERING] =
        stn_max(stn_max(0, others), stn_max(again, stn_max(stray, fresh)));
}


/* What is neither playlists nor media.  Some players ask for leave (OPTIONS)
 * before each of those, and seldom for anything else. */

static double
stn_verdict_others(const stn_verdict_figures_t *f)
{
    double  here, others;

    here = (double) f->listeners + f->leaving + f->joining + f->trying;

    others = f->inits + f->steerings
             - (f->joins + f->ended_playlists) * STN_VERDICT_OTHERS
             - here / STN_VERDICT_AGAIN_S;

    return stn_max(others, f->options - f->playlists - f->media
                           - f->inits - f->steerings);
}


static void
stn_verdict_malformed(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms)
{
    v->measure[STN_ATTACK_MALFORMED] = f->malformed + f->bad
                                       + stn_verdict_ended(v, f, now_ms);
    v->limit[STN_ATTACK_MALFORMED] = STN_VERDICT_MALFORMED
                                     + (f->playlists + f->media) / 50;
}


/*
 * Connections that have ended without a request: garbage instead of TLS is
 * never one.  But nginx closes those of a crowd, too, when it has no more
 * places, after it has counted them; and players give up on handshakes that
 * take too long.
 */

static double
stn_verdict_ended(stn_verdict_t *v, const stn_verdict_figures_t *f,
    int64_t now_ms)
{
    if (f->places >= STN_VERDICT_PLACES
        || f->late_ms >= STN_VERDICT_LATE_FOR_MUTE)
    {
        v->strained_ms = now_ms;
    }

    if (!f->known
        || (v->strained_ms
            && now_ms - v->strained_ms < STN_VERDICT_STRAINED_MS))
    {
        return 0;
    }

    return stn_max(0, f->accepted - f->firsts - stn_max(0, f->grown));
}


/* Whether it is called an attack of this kind now. */

static unsigned
stn_verdict_lasts(stn_verdict_t *v, stn_attack_e kind, int64_t now_ms)
{
    if (v->measure[kind] <= v->limit[kind]) {
        v->hot_ms[kind] = 0;

    } else if (v->hot_ms[kind] == 0) {
        v->hot_ms[kind] = now_ms;
    }

    if (v->measure[kind] > v->limit[kind] / 2) {
        v->cold_ms[kind] = 0;

    } else if (v->cold_ms[kind] == 0) {
        v->cold_ms[kind] = now_ms;
    }

    if (v->attacks & 1u << kind) {
        return v->cold_ms[kind] == 0
               || now_ms - v->cold_ms[kind] < STN_VERDICT_CLEAR_MS;
    }

    return v->hot_ms[kind] && now_ms - v->hot_ms[kind] >= STN_VERDICT_RAISE_MS;
}


static int
stn_verdict_crowded(const stn_verdict_figures_t *f)
{
    return f->full || f->refused > 0 || f->late_ms >= STN_VERDICT_LATE
           || f->cpu >= STN_VERDICT_BUSY || f->places >= STN_VERDICT_PLACES;
}


int
stn_verdict_tell(stn_verdict_told_t *told, const stn_verdict_t *v,
    int64_t now_ms, stn_verdict_e *was)
{
    if (v->state == told->state
        || (told->ms && now_ms - told->ms < STN_VERDICT_TELL_MS))
    {
        return 0;
    }

    *was = told->state;

    told->state = v->state;
    told->ms = now_ms;

    return 1;
}


void
stn_verdict_text(const stn_verdict_t *v, const stn_verdict_figures_t *f,
    char *text)
{
    unsigned            i;
    const char         *sep;
    stn_verdict_line_t  line;

    line.text = text;
    line.len = 0;

    stn_verdict_say(&line, "%s: ", stn_verdict_states[v->state]);

    if (f->lost) {
        stn_verdict_say(&line, "%u of %u streams without a source; ", f->lost,
                        f->streams);
    }

    if (f->silent) {
        stn_verdict_say(&line, "%u of %u streams silent; ", f->silent,
                        f->streams);
    }

    for (sep = "", i = 0; i < STN_ATTACKS; i++) {

        if (!(v->attacks & 1u << i)) {
            continue;
        }

        if (v->measure[i] > v->limit[i]) {
            stn_verdict_say(&line, "%s%.0f %s (a crowd like this: below %.0f)",
                            sep, v->measure[i], stn_verdict_measures[i],
                            v->limit[i]);
        } else {
            stn_verdict_say(&line, "%s%s a moment ago", sep,
                            stn_verdict_attacks[i]);
        }

        sep = ", ";
    }

    if (v->attacks) {
        stn_verdict_say(&line, "; ");
    }

    if (stn_verdict_crowded(f)) {
        stn_verdict_say(&line, "%s%.0f refused a second, event loop %u ms "
                        "late, a worker %.0f%% busy, connections %.0f%% used; ",
                        stn_verdict_full[stn_min(f->full, 2)], f->refused,
                        f->late_ms, f->cpu / 10.0, f->places / 10.0);
    }

    stn_verdict_say(&line, "%u listeners", f->listeners);
}


/* What has no room is left out. */

static void
stn_verdict_say(stn_verdict_line_t *line, const char *fmt, ...)
{
    int      n;
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(line->text + line->len, STN_VERDICT_TEXT_MAX - line->len,
                  fmt, args);
    va_end(args);

    if (n > 0) {
        line->len = stn_min(line->len + (size_t) n, STN_VERDICT_TEXT_MAX - 1);
    }
}
