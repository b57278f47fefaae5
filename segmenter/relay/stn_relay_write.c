/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Writes what goes from node to node (see stn_relay.h).  A record's length is
 * filled in when its payload stands, so that no size is computed beforehand.
 *
 *     STREAM     epoch(8) whole(1) chain  n(1) n * rendition
 *     INIT       rendition(1) id(4) rate(4) channels(4) codecs config
 *                length(4) data
 *     PART       msn(8) part(4) discontinuities(4) flags(1) made(8) sent(8)
 *                n(1) n * piece  length(4) data
 *     HEARTBEAT  sent(8) epoch(8) chain
 *     END        reason(1)                        chain: hops(1) hops * text
 */

#include "relay/stn_relay_check.h"


static int stn_relay_begin(stn_buf_t *out, stn_relay_e type);
static int stn_relay_finish(stn_buf_t *out, size_t at, size_t behind);
static void stn_relay_put_chain(stn_buf_t *out, const stn_str_t *chain,
    unsigned hops);
static void stn_relay_put_text(stn_buf_t *out, const stn_str_t *s);


int
stn_relay_put_magic(stn_buf_t *out)
{
    return stn_buf_put(out, STN_RELAY_MAGIC, STN_RELAY_MAGIC_LEN);
}


int
stn_relay_put_stream(stn_buf_t *out, const stn_relay_stream_t *s)
{
    size_t                        at;
    unsigned                      i;
    const stn_relay_rendition_t  *r;

    if (stn_relay_check_stream(s)) {
        return STN_LIMIT;
    }

    at = out->len;

    stn_relay_begin(out, STN_RELAY_STREAM);
    stn_buf_be64(out, s->epoch);
    stn_buf_u8(out, s->whole != 0);
    stn_relay_put_chain(out, s->chain, s->hops);
    stn_buf_u8(out, (uint8_t) s->n);

    for (i = 0; i < s->n; i++) {
        r = &s->renditions[i];

        stn_relay_put_text(out, &r->name);
        stn_buf_be32(out, r->rate);
        stn_buf_be32(out, r->part);
        stn_buf_be32(out, r->parts);
        stn_buf_be32(out, r->window);
        stn_buf_be32(out, r->bandwidth);
        stn_buf_be32(out, r->average);
        stn_buf_be32(out, r->max_bandwidth);
    }

    return stn_relay_finish(out, at, 0);
}


int
stn_relay_put_init(stn_buf_t *out, const stn_relay_init_t *i)
{
    size_t  at;

    if (stn_relay_check_init(i)) {
        return STN_LIMIT;
    }

    at = out->len;

    stn_relay_begin(out, STN_RELAY_INIT);
    stn_buf_u8(out, (uint8_t) i->rendition);
    stn_buf_be32(out, i->id);
    stn_buf_be32(out, i->rate);
    stn_buf_be32(out, i->channels);
    stn_relay_put_text(out, &i->codecs);
    stn_relay_put_text(out, &i->config);
    stn_buf_be32(out, (uint32_t) i->data.len);
    stn_buf_put(out, i->data.data, i->data.len);

    return stn_relay_finish(out, at, 0);
}


int
stn_relay_put_part(stn_buf_t *out, const stn_relay_part_t *p)
{
    size_t                    at;
    unsigned                  i;
    const stn_relay_piece_t  *piece;

    if (stn_relay_check_part(p)) {
        return STN_LIMIT;
    }

    at = out->len;

    stn_relay_begin(out, STN_RELAY_PART);
    stn_buf_be64(out, p->msn);
    stn_buf_be32(out, p->part);
    stn_buf_be32(out, p->discontinuities);
    stn_buf_u8(out, (p->last ? STN_RELAY_LAST : 0)
                    | (p->live ? STN_RELAY_LIVE : 0)
                    | (p->silent ? STN_RELAY_SILENT : 0));
    stn_buf_be64(out, (uint64_t) p->made_us);
    stn_buf_be64(out, (uint64_t) p->sent_us);
    stn_buf_u8(out, (uint8_t) p->n);

    for (i = 0; i < p->n; i++) {
        piece = &p->pieces[i];

        stn_buf_be64(out, (uint64_t) piece->pos);
        stn_buf_be32(out, piece->duration);
        stn_buf_be32(out, piece->rate);
        stn_buf_be32(out, piece->init);
        stn_buf_be32(out, piece->next_init);
        stn_buf_be32(out, piece->len);
    }

    stn_buf_be32(out, (uint32_t) p->data.len);

    return stn_relay_finish(out, at, p->data.len);
}


int
stn_relay_put_edge(stn_buf_t *out)
{
    return stn_relay_begin(out, STN_RELAY_EDGE);
}


int
stn_relay_put_beat(stn_buf_t *out, const stn_relay_beat_t *b)
{
    size_t  at;

    if (stn_relay_check_beat(b)) {
        return STN_LIMIT;
    }

    at = out->len;

    stn_relay_begin(out, STN_RELAY_HEARTBEAT);
    stn_buf_be64(out, (uint64_t) b->sent_us);
    stn_buf_be64(out, b->epoch);
    stn_relay_put_chain(out, b->chain, b->hops);

    return stn_relay_finish(out, at, 0);
}


int
stn_relay_put_end(stn_buf_t *out, stn_relay_end_e reason)
{
    size_t  at;

    at = out->len;

    stn_relay_begin(out, STN_RELAY_END);
    stn_buf_u8(out, (uint8_t) reason);

    return stn_relay_finish(out, at, 0);
}


/* A record's head, as long as nothing follows. */

static int
stn_relay_begin(stn_buf_t *out, stn_relay_e type)
{
    const uint8_t  head[STN_RELAY_HEAD] = { (uint8_t) type };

    return stn_buf_put(out, head, sizeof(head));
}


/* Tells the length of the record that begins at at, whose last bytes the
 * caller sends by himself. */

static int
stn_relay_finish(stn_buf_t *out, size_t at, size_t behind)
{
    int        rc;
    size_t     len;
    stn_buf_t  length;

    rc = out->failed;
    len = out->len - at - STN_RELAY_HEAD + behind;

    if (rc == STN_OK && len > STN_RELAY_PART_MAX) {
        rc = STN_LIMIT;
    }

    if (rc != STN_OK) {
        out->len = at;
        return rc;
    }

    length = *out;
    length.len = at + 4;

    return stn_buf_be32(&length, (uint32_t) len);
}


static void
stn_relay_put_chain(stn_buf_t *out, const stn_str_t *chain, unsigned hops)
{
    unsigned  i;

    stn_buf_u8(out, (uint8_t) hops);

    for (i = 0; i < hops; i++) {
        stn_relay_put_text(out, &chain[i]);
    }
}


static void
stn_relay_put_text(stn_buf_t *out, const stn_str_t *s)
{
    stn_buf_u8(out, (uint8_t) s->len);
    stn_buf_put(out, s->data, s->len);
}
