/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * See ngx_stentor_relay_store.h.  An upstream is trusted to be one of ours,
 * not to be without faults: whatever would harm a reader of the store, or the
 * zone, is checked here; what stn_relay_reader_t has checked is not checked
 * again.
 */

#include "ngx_stentor_relay_store.h"


/* Less is no ring that one part would fit into. */
#define NGX_STENTOR_RELAYED_BANDWIDTH_MIN  1000

/* What is read fits into what is kept. */
#if (STN_RELAY_RENDITIONS > NGX_STENTOR_RENDITIONS                            \
     || STN_RELAY_PARTS > NGX_STENTOR_PARTS_MAX                               \
     || STN_RELAY_NAME_MAX >= NGX_STENTOR_RENDITION_MAX                       \
     || STN_RELAY_CODECS_MAX >= NGX_STENTOR_CODECS_MAX                        \
     || STN_RELAY_CONFIG_MAX > NGX_STENTOR_CONFIG_MAX                         \
     || STN_RELAY_INIT_MAX > NGX_STENTOR_INIT_MAX)
#error "records of a relay have more than the store has room for"
#endif


static const char *ngx_stentor_relayed_fits(stn_relay_rendition_t *r);
static void ngx_stentor_relayed_params(ngx_stentor_relayed_t *rs,
    ngx_uint_t i, stn_relay_rendition_t *r);
static void ngx_stentor_relayed_forget(ngx_stentor_relayed_t *rs);
static ngx_int_t ngx_stentor_relayed_keep(ngx_stentor_relayed_t *rs,
    stn_relay_init_t *init);
static ngx_int_t ngx_stentor_relayed_format(ngx_stentor_relayed_t *rs,
    ngx_uint_t i, ngx_stentor_format_t *format, uint32_t id);
static ngx_int_t ngx_stentor_relayed_enter(ngx_stentor_relayed_t *rs);
static ngx_int_t ngx_stentor_relayed_claim(ngx_stentor_relayed_t *rs);
static ngx_int_t ngx_stentor_relayed_build(ngx_stentor_relayed_t *rs);
static ngx_int_t ngx_stentor_relayed_formats(ngx_stentor_relayed_t *rs);
static ngx_int_t ngx_stentor_relayed_follows(ngx_stentor_relayed_t *rs,
    stn_relay_part_t *part);
static ngx_int_t ngx_stentor_relayed_same(ngx_stentor_relayed_t *rs,
    stn_relay_part_t *part);
static ngx_int_t ngx_stentor_relayed_append(ngx_stentor_relayed_t *rs,
    stn_relay_part_t *part);
static void ngx_stentor_relayed_record(ngx_stentor_record_t *record,
    stn_relay_part_t *part, stn_relay_piece_t *piece);
static ngx_uint_t ngx_stentor_relayed_has(ngx_stentor_relayed_t *rs,
    ngx_uint_t i, uint32_t id);


void
ngx_stentor_relayed_free(ngx_stentor_relayed_t *rs)
{
    ngx_stentor_relayed_forget(rs);
}


ngx_int_t
ngx_stentor_relayed_edge(ngx_stentor_relayed_t *rs,
    ngx_stentor_relayed_edge_t *edge)
{
    u_char                *data;
    ngx_int_t              rc;
    ngx_stentor_ring_t     ring;
    ngx_stentor_record_t   record;
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_find(rs->store, &rs->name);

    if (st == NULL
        || ngx_stentor_store_edge(rs->store, st, 0, &record) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    /* who makes it now may be building it anew */

    ring = *(volatile ngx_stentor_ring_t *) &st->renditions[0].ring;

    if (ring.size == 0 || record.len > ring.size) {
        return NGX_DECLINED;
    }

    data = ngx_alloc(ngx_max(record.len, 1), rs->log);
    if (data == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_stentor_store_bytes(rs->store, &ring, &st->renditions[0],
                                 &record, data);

    edge->msn = record.msn;
    edge->part = record.part;
    edge->crc = ngx_crc32_long(data, record.len);

    ngx_free(data);

    return rc;
}


ngx_int_t
ngx_stentor_relayed_stream(ngx_stentor_relayed_t *rs, stn_relay_stream_t *s)
{
    ngx_uint_t  i;

    ngx_stentor_relayed_forget(rs);

    rs->entered = 0;
    rs->edged = rs->edged && !s->whole;
    rs->whole = s->whole;
    rs->epoch = s->epoch;
    rs->n = s->n;

    for (i = 0; i < s->n; i++) {
        rs->reason = ngx_stentor_relayed_fits(&s->renditions[i]);

        if (rs->reason) {
            return NGX_ERROR;
        }

        ngx_stentor_relayed_params(rs, i, &s->renditions[i]);
    }

    return NGX_OK;
}


/* Readers and the sizes of rings rely on it. */

static const char *
ngx_stentor_relayed_fits(stn_relay_rendition_t *r)
{
    uint64_t  ms;

    ms = (uint64_t) r->part * 1000 / r->rate;

    if (ms < NGX_STENTOR_PART_MIN_MS / 2 || ms > NGX_STENTOR_PART_MAX_MS * 2
        || r->parts < NGX_STENTOR_PARTS_MIN
        || r->window < NGX_STENTOR_SEGMENTS_MIN
        || r->window > NGX_STENTOR_SEGMENTS_MAX)
    {
        return "a stream of parts that no node makes";
    }

    return r->max_bandwidth < NGX_STENTOR_RELAYED_BANDWIDTH_MIN
           ? "a rendition of no bandwidth" : NULL;
}


static void
ngx_stentor_relayed_params(ngx_stentor_relayed_t *rs, ngx_uint_t i,
    stn_relay_rendition_t *r)
{
    ngx_stentor_params_t     *params;
    ngx_stentor_rendition_t  *rend;

    params = &rs->params[i];

    ngx_cpystrn((u_char *) rs->names[i], (u_char *) r->name.data,
                r->name.len + 1);

    params->name = rs->names[i];
    params->rate = r->rate;
    params->part = r->part;
    params->parts = r->parts;
    params->window = r->window;
    params->bandwidth = r->bandwidth;
    params->average = r->average;
    params->max_bandwidth = r->max_bandwidth;

    /* what has been measured since may be news */

    if (rs->claimed && !rs->whole && i < rs->claim.stream->nrenditions
        && ngx_stentor_store_valid(&rs->claim))
    {
        rend = &rs->claim.stream->renditions[i];

        rend->bandwidth = r->bandwidth;
        rend->average = r->average;
    }
}


static void
ngx_stentor_relayed_forget(ngx_stentor_relayed_t *rs)
{
    while (rs->ninits) {
        ngx_free(rs->inits[--rs->ninits]);
    }
}


ngx_int_t
ngx_stentor_relayed_init(ngx_stentor_relayed_t *rs, stn_relay_init_t *init)
{
    char                  codecs[NGX_STENTOR_CODECS_MAX];
    ngx_stentor_format_t  format;

    if (!rs->entered) {
        return ngx_stentor_relayed_keep(rs, init);
    }

    ngx_cpystrn((u_char *) codecs, (u_char *) init->codecs.data,
                init->codecs.len + 1);

    format.codecs = codecs;
    format.rate = init->rate;
    format.channels = init->channels;
    format.config = (const u_char *) init->config.data;
    format.config_len = init->config.len;
    format.data = (const u_char *) init->data.data;
    format.len = init->data.len;

    return ngx_stentor_relayed_format(rs, init->rendition, &format, init->id);
}


static ngx_int_t
ngx_stentor_relayed_keep(ngx_stentor_relayed_t *rs, stn_relay_init_t *init)
{
    ngx_stentor_init_t          *to;
    ngx_stentor_relayed_init_t  *kept;

    if (rs->ninits == NGX_STENTOR_RELAYED_INITS) {
        rs->reason = "more init segments than there is need of";
        return NGX_ERROR;
    }

    kept = ngx_calloc(sizeof(ngx_stentor_relayed_init_t), rs->log);
    if (kept == NULL) {
        rs->reason = "out of memory";
        return NGX_BUSY;
    }

    rs->inits[rs->ninits++] = kept;

    kept->rendition = init->rendition;
    to = &kept->init;

    to->id = init->id;
    to->rate = init->rate;
    to->channels = init->channels;
    to->config_len = (uint32_t) init->config.len;
    to->len = (uint32_t) init->data.len;

    ngx_cpystrn((u_char *) to->codecs, (u_char *) init->codecs.data,
                init->codecs.len + 1);
    ngx_memcpy(to->config, init->config.data, init->config.len);
    ngx_memcpy(to->data, init->data.data, init->data.len);

    return NGX_OK;
}


/* An init segment has the same name on all nodes: the store makes it out of
 * the bytes, as it did where they come from. */

static ngx_int_t
ngx_stentor_relayed_format(ngx_stentor_relayed_t *rs, ngx_uint_t i,
    ngx_stentor_format_t *format, uint32_t id)
{
    uint32_t   made;
    ngx_int_t  rc;

    rc = ngx_stentor_store_format(&rs->claim, i, format, &made);

    if (rc == NGX_OK && made == id) {
        return NGX_OK;
    }

    switch (rc) {

    case NGX_DECLINED:
        rs->reason = "another worker has the stream now";
        return NGX_DECLINED;

    case NGX_BUSY:

        /* ours has been followed for longer than the upstream's: anew */

        rs->reason = "more formats than the window has room for";
        return NGX_AGAIN;

    default:
        rs->reason = "an init segment that is called otherwise than it should";
        return NGX_ERROR;
    }
}


ngx_int_t
ngx_stentor_relayed_part(ngx_stentor_relayed_t *rs, stn_relay_part_t *part)
{
    ngx_int_t  rc;

    rc = rs->entered ? NGX_OK : ngx_stentor_relayed_enter(rs);

    if (rc == NGX_OK) {
        rc = ngx_stentor_relayed_follows(rs, part);
    }

    /* it is here already */

    if (rc == NGX_DONE) {
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_stentor_relayed_append(rs, part);
    }

    return rc == NGX_OK && rs->edged && !rs->open
           ? ngx_stentor_relayed_let_in(rs) : rc;
}


/* The stream is ours from now on, with a window that the next part fits. */

static ngx_int_t
ngx_stentor_relayed_enter(ngx_stentor_relayed_t *rs)
{
    ngx_int_t              rc;
    ngx_stentor_stream_t  *st;

    rc = rs->claimed ? NGX_OK : ngx_stentor_relayed_claim(rs);

    if (rc == NGX_OK && rs->whole) {
        rc = ngx_stentor_relayed_build(rs);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    st = rs->claim.stream;

    if (!rs->whole && (!rs->begun || rs->n != st->nrenditions)) {
        rs->reason = "nothing is here that it goes on with";
        return NGX_AGAIN;
    }

    ngx_stentor_save(&st->lease_epoch, rs->epoch);

    rs->entered = 1;

    return ngx_stentor_relayed_formats(rs);
}


static ngx_int_t
ngx_stentor_relayed_claim(ngx_stentor_relayed_t *rs)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    const char            *names[NGX_STENTOR_RENDITIONS];
    ngx_stentor_record_t  *edge;

    for (i = 0; i < rs->n; i++) {
        names[i] = rs->names[i];
    }

    ngx_memzero(&rs->claim, sizeof(ngx_stentor_claim_t));

    rs->claim.store = rs->store;
    rs->claim.slot = rs->slot;
    rs->claim.vacant = 1;
    rs->claim.relayed = 1;

    rc = ngx_stentor_store_claim(&rs->claim, &rs->name, names, rs->n);

    if (rc != NGX_OK) {
        rs->reason = rs->claim.reason;
        return rc == NGX_BUSY ? NGX_BUSY : NGX_DECLINED;
    }

    rs->claimed = 1;
    rs->open = 0;
    rs->begun = rs->claim.resume;

    if (rs->begun) {
        edge = &rs->claim.edge[0];

        rs->msn = edge->msn;
        rs->part = edge->part;
        rs->last = edge->last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_relayed_build(ngx_stentor_relayed_t *rs)
{
    ngx_int_t  rc;

    rs->begun = 0;
    rs->open = 0;

    rc = ngx_stentor_store_build(&rs->claim, rs->params, rs->n);

    if (rc != NGX_OK) {
        rs->reason = rs->claim.reason;
        return rc == NGX_BUSY ? NGX_BUSY : NGX_DECLINED;
    }

    /* whoever reads the window that was here finds that it is gone */

    ngx_stentor_wake_stream(rs->store, rs->claim.stream);

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_relayed_formats(ngx_stentor_relayed_t *rs)
{
    ngx_int_t              rc;
    ngx_uint_t             k;
    ngx_stentor_init_t    *init;
    ngx_stentor_format_t   format;

    rc = NGX_OK;

    for (k = 0; k < rs->ninits && rc == NGX_OK; k++) {
        init = &rs->inits[k]->init;

        format.codecs = init->codecs;
        format.rate = init->rate;
        format.channels = init->channels;
        format.config = init->config;
        format.config_len = init->config_len;
        format.data = init->data;
        format.len = init->len;

        rc = ngx_stentor_relayed_format(rs, rs->inits[k]->rendition, &format,
                                        (uint32_t) init->id);
    }

    ngx_stentor_relayed_forget(rs);

    return rc;
}


/* Returns NGX_OK: it comes next; NGX_DONE: it is here; NGX_AGAIN: something is
 * missing before it, or it is another than was here. */

static ngx_int_t
ngx_stentor_relayed_follows(ngx_stentor_relayed_t *rs, stn_relay_part_t *part)
{
    if (!rs->begun) {
        return NGX_OK;
    }

    if (part->msn < rs->msn
        || (part->msn == rs->msn && part->part < rs->part))
    {
        return NGX_DONE;
    }

    if (part->msn == rs->msn && part->part == rs->part) {
        return ngx_stentor_relayed_same(rs, part);
    }

    if ((part->msn == rs->msn && part->part == rs->part + 1 && !rs->last)
        || (part->msn == rs->msn + 1 && part->part == 0))
    {
        return NGX_OK;
    }

    rs->reason = "parts are missing";

    return NGX_AGAIN;
}


static ngx_int_t
ngx_stentor_relayed_same(ngx_stentor_relayed_t *rs, stn_relay_part_t *part)
{
    ngx_stentor_relayed_edge_t  edge;

    if (ngx_stentor_relayed_edge(rs, &edge) != NGX_OK
        || edge.msn != part->msn || edge.part != part->part
        || edge.crc != ngx_crc32_long((u_char *) part->data.data,
                                      part->pieces[0].len))
    {
        rs->reason = "the same part is another here";
        return NGX_AGAIN;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_stentor_relayed_append(ngx_stentor_relayed_t *rs, stn_relay_part_t *part)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    const u_char          *data[NGX_STENTOR_RENDITIONS], *p;
    stn_relay_piece_t     *piece;
    ngx_stentor_record_t   records[NGX_STENTOR_RENDITIONS];

    p = (const u_char *) part->data.data;

    for (i = 0; i < part->n; i++) {
        piece = &part->pieces[i];

        if (!ngx_stentor_relayed_has(rs, i, piece->init)
            || (piece->next_init
                && !ngx_stentor_relayed_has(rs, i, piece->next_init)))
        {
            rs->reason = "a part without its init segment";
            return NGX_AGAIN;
        }

        ngx_stentor_relayed_record(&records[i], part, piece);

        data[i] = p;
        p += piece->len;
    }

    rc = ngx_stentor_store_append(&rs->claim, records, data, part->n);

    if (rc != NGX_OK) {
        rs->reason = rc == NGX_DECLINED ? "another worker has the stream now"
                                        : "a part too large for its ring";
        return rc;
    }

    rs->begun = 1;
    rs->msn = part->msn;
    rs->part = part->part;
    rs->last = part->last;

    rs->claim.stream->live = part->live;

    ngx_stentor_wake_part(rs->store, rs->claim.stream, records, part->n);

    return NGX_OK;
}


static void
ngx_stentor_relayed_record(ngx_stentor_record_t *record,
    stn_relay_part_t *part, stn_relay_piece_t *piece)
{
    ngx_memzero(record, sizeof(ngx_stentor_record_t));

    record->msn = part->msn;
    record->part = part->part;
    record->pos = piece->pos;
    record->made_us = part->made_us;
    record->duration = piece->duration;
    record->rate = piece->rate;
    record->len = piece->len;
    record->init = piece->init;
    record->next_init = piece->next_init;
    record->last = part->last;
    record->discontinuities = part->discontinuities;
    record->live = part->live;
    record->silent = part->silent;
}


static ngx_uint_t
ngx_stentor_relayed_has(ngx_stentor_relayed_t *rs, ngx_uint_t i, uint32_t id)
{
    ngx_uint_t                k;
    ngx_stentor_init_t       *inits;
    ngx_stentor_rendition_t  *rend;

    rend = &rs->claim.stream->renditions[i];

    /* nearly always it is that */

    if (rend->init == id) {
        return 1;
    }

    inits = ngx_stentor_store_at(rs->store, rend->ring.inits);

    for (k = 0; k < NGX_STENTOR_INITS; k++) {
        if (inits[k].id == id) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_stentor_relayed_let_in(ngx_stentor_relayed_t *rs)
{
    ngx_int_t              rc;
    ngx_stentor_stream_t  *st;

    rs->edged = 1;

    /* what has ended does not go on before there is a part */

    if (!rs->entered && !rs->whole) {
        st = ngx_stentor_store_find(rs->store, &rs->name);

        if (st && ngx_stentor_load(&st->state) == NGX_STENTOR_CLOSED) {
            return NGX_OK;
        }
    }

    rc = rs->entered ? NGX_OK : ngx_stentor_relayed_enter(rs);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!rs->begun) {
        rs->reason = "a window without parts";
        return NGX_ERROR;
    }

    if (!ngx_stentor_store_valid(&rs->claim)) {
        rs->reason = "another worker has the stream now";
        return NGX_DECLINED;
    }

    if (!rs->open) {
        rs->open = 1;
        ngx_stentor_store_open(&rs->claim);
        ngx_stentor_wake_all(rs->store);
    }

    return NGX_OK;
}
