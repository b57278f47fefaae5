/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Cutting frames into parts (see stn_segmenter.h).  Runs on a live thread or
 * in tests; the muxer's buffer is the only memory.
 */

#include "pack/stn_segmenter.h"

#include <string.h>


static int stn_segmenter_end(stn_segmenter_t *s, unsigned last,
    stn_part_t *part);


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


int
stn_grid_follow(stn_grid_t *g, const stn_format_t *f, uint32_t samples,
    uint32_t rate, unsigned parts)
{
    int64_t  frames;

    /* the part's own length rounded down: no part may exceed PART-TARGET */

    frames = (int64_t) samples * f->rate / rate / f->frame;

    if (frames < 1) {
        return STN_UNSUPPORTED;
    }

    g->rate = f->rate;
    g->frame = f->frame;
    g->part = (uint32_t) frames * f->frame;
    g->parts = parts;

    return STN_OK;
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
    const stn_grid_t *g, uint64_t msn, uint32_t part)
{
    stn_buf_t  *out;

    memset(s, 0, sizeof(*s));

    s->grid = *g;
    s->msn = msn;
    s->part = part;
    s->next = -1;

    stn_buf_init(&s->init, STN_CMAF_MAX);

    s->cmaf = stn_cmaf_open(f);
    if (s->cmaf == NULL) {
        s->reason = "libavformat cannot write this format";
        return STN_ERROR;
    }

    out = stn_cmaf_out(s->cmaf);

    if (stn_buf_put(&s->init, out->data, out->len) != STN_OK) {
        s->reason = "out of memory";
        return STN_ERROR;
    }

    return STN_OK;
}


void
stn_segmenter_free(stn_segmenter_t *s)
{
    stn_cmaf_close(s->cmaf);
    stn_buf_free(&s->init);
    s->cmaf = NULL;
}


int
stn_segmenter_feed(stn_segmenter_t *s, const stn_frame_t *f,
    stn_part_t *part)
{
    if (s->next != -1 && s->next != f->pos) {
        s->reason = "frame does not follow the one before";
        return STN_ERROR;
    }

    if (s->samples == 0) {
        stn_buf_reset(stn_cmaf_out(s->cmaf));
        s->pos = f->pos;
        s->live = 0;
    }

    if (stn_cmaf_frame(s->cmaf, f->data, f->len, f->pos) != STN_OK) {
        s->reason = "libavformat refused a frame";
        return STN_ERROR;
    }

    s->samples += s->grid.frame;
    s->next = f->pos + s->grid.frame;
    s->live |= f->live;

    if (s->samples < s->grid.part) {
        return STN_AGAIN;
    }

    return stn_segmenter_end(s, s->part + 1 == s->grid.parts, part);
}


int
stn_segmenter_cut(stn_segmenter_t *s, stn_part_t *part)
{
    if (s->samples == 0) {
        return STN_AGAIN;
    }

    return stn_segmenter_end(s, 1, part);
}


static int
stn_segmenter_end(stn_segmenter_t *s, unsigned last, stn_part_t *part)
{
    stn_buf_t  *out;

    /* the number in mfhd rises from part to part, whoever goes on with it */

    if (stn_cmaf_flush(s->cmaf, (uint32_t) (s->msn * s->grid.parts
                                            + s->part))
        != STN_OK)
    {
        s->reason = "libavformat could not end a part";
        return STN_ERROR;
    }

    out = stn_cmaf_out(s->cmaf);

    part->data = out->data;
    part->len = out->len;
    part->msn = s->msn;
    part->part = s->part;
    part->pos = s->pos;
    part->duration = s->samples;
    part->rate = s->grid.rate;
    part->last = last;
    part->live = s->live;

    s->samples = 0;
    s->part = last ? 0 : s->part + 1;
    s->msn += last;

    return STN_OK;
}
