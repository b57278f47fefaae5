/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Cutting frames into parts (see stn_segmenter.h).  Runs on a live thread or
 * in tests; the muxer's buffer is the only memory.
 */

#include "pack/stn_segmenter.h"

#include <string.h>


void
stn_grid_init(stn_grid_t *g, const stn_format_t *f, int64_t part_us,
    unsigned parts)
{
    int64_t  frames;

    frames = stn_rescale(part_us, f->rate, 1000000);
    frames = (frames + f->frame / 2) / f->frame;
    frames = stn_max(frames, 1);

    g->rate = f->rate;
    g->frame = f->frame;
    g->part = (uint32_t) frames * f->frame;
    g->parts = parts;
}


int64_t
stn_grid_segment(const stn_grid_t *g)
{
    return (int64_t) g->part * g->parts;
}


uint64_t
stn_grid_msn(const stn_grid_t *g, int64_t pos)
{
    return (uint64_t) (pos / stn_grid_segment(g));
}


int
stn_segmenter_init(stn_segmenter_t *s, const stn_format_t *f,
    const stn_grid_t *g, uint64_t msn_base)
{
    memset(s, 0, sizeof(*s));

    s->grid = *g;
    s->msn_base = msn_base;

    s->cmaf = stn_cmaf_open(f);
    if (s->cmaf == NULL) {
        s->reason = "libavformat cannot write this format";
        return STN_ERROR;
    }

    return STN_OK;
}


void
stn_segmenter_free(stn_segmenter_t *s)
{
    stn_cmaf_close(s->cmaf);
    s->cmaf = NULL;
}


int
stn_segmenter_feed(stn_segmenter_t *s, const stn_frame_t *f,
    stn_part_t *part)
{
    int64_t     in_segment;
    stn_buf_t  *out;

    out = stn_cmaf_out(s->cmaf);

    if (s->samples == 0) {
        stn_buf_reset(out);
        s->pos = f->pos;
        s->live = 0;
    }

    if (f->pos != s->pos + s->samples || s->pos % s->grid.part) {
        s->reason = "frame is off the grid";
        return STN_ERROR;
    }

    if (stn_cmaf_frame(s->cmaf, f->data, f->len, f->pos) != STN_OK) {
        s->reason = "libavformat refused a frame";
        return STN_ERROR;
    }

    s->samples += s->grid.frame;
    s->live |= f->live;

    if (s->samples < s->grid.part) {
        return STN_AGAIN;
    }

    if (stn_cmaf_flush(s->cmaf, (uint32_t) (s->pos / s->grid.part))
        != STN_OK)
    {
        s->reason = "libavformat could not end a part";
        return STN_ERROR;
    }

    in_segment = s->pos % stn_grid_segment(&s->grid);

    part->data = out->data;
    part->len = out->len;
    part->msn = s->msn_base + stn_grid_msn(&s->grid, s->pos);
    part->part = (uint32_t) (in_segment / s->grid.part);
    part->pos = s->pos;
    part->duration = s->samples;
    part->live = s->live;

    s->samples = 0;

    return STN_OK;
}
