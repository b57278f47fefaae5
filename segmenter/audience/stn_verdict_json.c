/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A verdict as JSON (see stn_verdict_json.h).  Names are those of docs/
 * status.md; what nginx does not tell is null.
 */

#include "audience/stn_verdict_json.h"


typedef struct {
    const char  *name;
    double       value;
} stn_verdict_figure_t;


void
stn_verdict_json_attacks(const stn_verdict_t *v, stn_buf_t *out)
{
    unsigned     i;
    const char  *sep;

    stn_buf_u8(out, '[');

    for (sep = "", i = 0; i < STN_ATTACKS; i++) {
        if (v->attacks & 1u << i) {
            stn_buf_printf(out, "%s\"%s\"", sep, stn_verdict_attacks[i]);
            sep = ", ";
        }
    }

    stn_buf_u8(out, ']');
}


void
stn_verdict_json_figures(const stn_verdict_figures_t *f, stn_buf_t *out)
{
    unsigned  i;

    const stn_verdict_figure_t  nginx[] = {
        { "accepted_per_s", f->accepted },
        { "requests_per_s", f->requests }
    };

    const stn_verdict_figure_t  ours[] = {
        { "firsts_per_s", f->firsts },
        { "connects_per_s", f->connects },
        { "playlists_per_s", f->playlists },
        { "media_per_s", f->media },
        { "audio_per_s", f->audio },
        { "repeats_per_s", f->repeats },
        { "malformed_per_s", f->malformed },
        { "bad_per_s", f->bad },
        { "not_found_per_s", f->not_found },
        { "joins_per_s", f->joins },
        { "ended_playlists_per_s", f->ended_playlists },
        { "ended_media_per_s", f->ended_media },
        { "inits_per_s", f->inits },
        { "steerings_per_s", f->steerings },
        { "options_per_s", f->options },
        { "refused_per_s", f->refused },
        { "open", f->open },
        { "mute", f->mute },
        { "reading", f->reading },
        { "asked", f->asked },
        { "connections_used", f->places / 1000.0 },
        { "late_ms", f->late_ms },
        { "wake_late_ms", f->wake_us / 1000.0 },
        { "busy", f->cpu / 1000.0 },
        { "streams", f->streams },
        { "lost", f->lost },
        { "silent", f->silent }
    };

    stn_buf_u8(out, '{');

    for (i = 0; i < stn_nelems(nginx); i++) {
        stn_buf_printf(out, f->known ? "\"%s\": %.15g, " : "\"%s\": null, ",
                       nginx[i].name, nginx[i].value);
    }

    for (i = 0; i < stn_nelems(ours); i++) {
        stn_buf_printf(out, "%s\"%s\": %.15g", i ? ", " : "", ours[i].name,
                       ours[i].value);
    }

    stn_buf_u8(out, '}');
}
