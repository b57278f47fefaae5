/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Manifest text (see stn_steering_manifest.h).  Every pathway but the one that
 * the player has is offered as a clone as well: the multivariant playlist,
 * which a player reads once, names a few nodes, and others may have come since.
 * A player passes over clones of those that it knows.
 */

#include "audience/stn_steering_manifest.h"

#include <string.h>


static void stn_steering_clones(const stn_steering_manifest_t *m,
    stn_buf_t *out);
static void stn_steering_clone(const stn_steering_manifest_t *m,
    const stn_steering_pathway_t *pathway, stn_buf_t *out);


int
stn_steering_manifest(const stn_steering_manifest_t *m, stn_buf_t *out)
{
    size_t  i;

    stn_buf_printf(out, "{\"VERSION\":1,\"TTL\":%u", m->ttl);

    if (*m->reload) {
        stn_buf_printf(out, ",\"RELOAD-URI\":\"%s\"", m->reload);
    }

    stn_buf_str(out, ",\"PATHWAY-PRIORITY\":[");

    for (i = 0; i < m->npathways; i++) {
        stn_buf_printf(out, "%s\"%s\"", i ? "," : "", m->pathways[i].id);
    }

    stn_buf_str(out, "]");

    if (*m->clone) {
        stn_steering_clones(m, out);
    }

    stn_buf_str(out, "}\n");

    return out->failed;
}


static void
stn_steering_clones(const stn_steering_manifest_t *m, stn_buf_t *out)
{
    size_t  i, n;

    for (i = 0, n = 0; i < m->npathways; i++) {

        if (*m->pathways[i].base == '\0'
            || strcmp(m->pathways[i].id, m->clone) == 0)
        {
            continue;
        }

        stn_buf_str(out, n++ ? "," : ",\"PATHWAY-CLONES\":[");
        stn_steering_clone(m, &m->pathways[i], out);
    }

    if (n) {
        stn_buf_str(out, "]");
    }
}


static void
stn_steering_clone(const stn_steering_manifest_t *m,
    const stn_steering_pathway_t *pathway, stn_buf_t *out)
{
    size_t  i;

    stn_buf_printf(out, "{\"BASE-ID\":\"%s\",\"ID\":\"%s\","
                   "\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{",
                   m->clone, pathway->id);

    for (i = 0; i < m->nrenditions; i++) {
        stn_buf_printf(out, "%s\"%s\":\"%s%s%s.m3u8\"", i ? "," : "",
                       m->renditions[i], pathway->base, m->renditions[i],
                       m->suffix);
    }

    stn_buf_str(out, "}}}");
}
