/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The records of a relay (see stn_relay.h), made from what a reader and the
 * store have.  Only heads are written here: the bytes of parts go out as they
 * lie in the reader, to all sessions the same.
 */

#include "ngx_http_stentor_relay.h"


/* Looks at a chain that is being written before it is taken for none. */
#define NGX_HTTP_STENTOR_RELAY_TRIES  100


static size_t ngx_http_stentor_relay_upstream(ngx_stentor_stream_t *st,
    char *text);
static void ngx_http_stentor_relay_split(
    ngx_http_stentor_relay_chain_t *chain, ngx_str_t *node);
static uint32_t ngx_http_stentor_relay_hash(
    ngx_http_stentor_relay_chain_t *chain, uint64_t epoch);
static uint32_t ngx_http_stentor_relay_bandwidths(
    ngx_http_stentor_relay_session_t *s);
static ngx_int_t ngx_http_stentor_relay_measure(
    ngx_http_stentor_relay_session_t *s);
static ngx_int_t ngx_http_stentor_relay_gather(
    ngx_http_stentor_relay_session_t *s, stn_relay_part_t *part,
    ngx_stentor_bytes_t **bytes);
static ngx_stentor_bytes_t *ngx_http_stentor_relay_piece(
    ngx_http_stentor_relay_session_t *s, ngx_uint_t i,
    ngx_stentor_record_t *record);
static void ngx_http_stentor_relay_add_piece(stn_relay_part_t *part,
    ngx_stentor_record_t *record);
static ngx_int_t ngx_http_stentor_relay_init(
    ngx_http_stentor_relay_session_t *s, ngx_uint_t i, uint32_t id);
static int64_t ngx_http_stentor_relay_now(ngx_http_stentor_relay_session_t *s);


void
ngx_http_stentor_relay_chain(ngx_http_stentor_relays_t *relays,
    ngx_http_stentor_relay_query_t *q, ngx_stentor_stream_t *st,
    ngx_http_stentor_relay_chain_t *chain)
{
    ngx_str_t  *node;

    node = &relays->scf->cluster->node;

    chain->len = 0;
    chain->hops = 0;
    chain->orphan = 0;
    chain->loop = 0;

    if (st && st->relayed) {
        chain->len = ngx_http_stentor_relay_upstream(st, chain->text);
        chain->orphan = (chain->len == 0);
    }

    if (st) {
        if (chain->len) {
            chain->text[chain->len++] = ' ';
        }

        ngx_memcpy(chain->text + chain->len, node->data, node->len);
        chain->len += node->len;
    }

    ngx_http_stentor_relay_split(chain, &q->node);
}


/* The chain of who we have the stream from; its length. */

static size_t
ngx_http_stentor_relay_upstream(ngx_stentor_stream_t *st, char *text)
{
    ngx_uint_t            i;
    ngx_atomic_uint_t     seq;
    ngx_stentor_relay_t  *relay;

    relay = &st->relay;

    for (i = 0; i < NGX_HTTP_STENTOR_RELAY_TRIES; i++) {
        seq = ngx_stentor_load(&relay->seq);

        ngx_memcpy(text, relay->chain, NGX_STENTOR_CHAIN_MAX);
        ngx_stentor_fence();

        if (seq % 2 == 0 && ngx_stentor_load(&relay->seq) == seq) {
            text[NGX_STENTOR_CHAIN_MAX - 1] = '\0';
            return ngx_strlen(text);
        }

        ngx_cpu_pause();
    }

    return 0;
}


static void
ngx_http_stentor_relay_split(ngx_http_stentor_relay_chain_t *chain,
    ngx_str_t *node)
{
    stn_str_t  rest, id;

    rest.data = chain->text;
    rest.len = chain->len;

    while (rest.len) {
        stn_str_cut(&rest, ' ', &id, &rest);

        if (chain->hops == STN_RELAY_HOPS
            || (id.len == node->len
                && ngx_memcmp(id.data, node->data, id.len) == 0))
        {
            chain->loop = 1;
            return;
        }

        chain->ids[chain->hops++] = id;
    }
}


/* What the asker has been told of the stream's origin, in short. */

static uint32_t
ngx_http_stentor_relay_hash(ngx_http_stentor_relay_chain_t *chain,
    uint64_t epoch)
{
    uint32_t  hash;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, (u_char *) chain->text, chain->len);
    ngx_crc32_update(&hash, (u_char *) &epoch, sizeof(epoch));
    ngx_crc32_final(hash);

    return chain->orphan ? ~hash : hash;
}


ngx_int_t
ngx_http_stentor_relay_magic(ngx_http_stentor_relay_session_t *s)
{
    return ngx_http_stentor_relay_put_record(s,
                                   stn_relay_put_magic(&s->relays->record));
}


ngx_int_t
ngx_http_stentor_relay_edge(ngx_http_stentor_relay_session_t *s)
{
    s->edged = 1;

    return ngx_http_stentor_relay_put_record(s,
                                    stn_relay_put_edge(&s->relays->record));
}


ngx_int_t
ngx_http_stentor_relay_last(ngx_http_stentor_relay_session_t *s,
    stn_relay_end_e reason)
{
    return ngx_http_stentor_relay_put_record(s,
                             stn_relay_put_end(&s->relays->record, reason));
}


ngx_int_t
ngx_http_stentor_relay_stream(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t whole)
{
    ngx_uint_t                       i;
    stn_relay_stream_t               stream;
    stn_relay_rendition_t           *to;
    ngx_stentor_rendition_t         *from;
    ngx_http_stentor_relay_chain_t   chain;

    ngx_http_stentor_relay_chain(s->relays, &s->query, s->reader->stream,
                                 &chain);

    stream.epoch = s->reader->stream->lease_epoch;
    stream.whole = whole;
    stream.hops = chain.hops;
    stream.n = s->reader->nviews;

    ngx_memcpy(stream.chain, chain.ids, sizeof(chain.ids));

    for (i = 0; i < stream.n; i++) {
        from = &s->reader->views[i].rend;
        to = &stream.renditions[i];

        to->name.data = from->name;
        to->name.len = ngx_strlen(from->name);
        to->rate = from->rate;
        to->part = from->part;
        to->parts = from->parts;
        to->window = from->window;
        to->bandwidth = s->reader->views[i].shared->bandwidth;
        to->average = s->reader->views[i].shared->average;
        to->max_bandwidth = from->max_bandwidth;
    }

    /* that nobody sends it to us now only a heartbeat can say */

    chain.orphan = 0;
    s->told = ngx_http_stentor_relay_hash(&chain, stream.epoch);
    s->measured = ngx_http_stentor_relay_bandwidths(s);

    return ngx_http_stentor_relay_put_record(s,
                        stn_relay_put_stream(&s->relays->record, &stream));
}


/* What has been measured of the stream, in short. */

static uint32_t
ngx_http_stentor_relay_bandwidths(ngx_http_stentor_relay_session_t *s)
{
    uint32_t                  hash;
    ngx_uint_t                i;
    ngx_stentor_rendition_t  *rend;

    ngx_crc32_init(hash);

    for (i = 0; i < s->reader->nviews; i++) {
        rend = s->reader->views[i].shared;

        ngx_crc32_update(&hash, (u_char *) &rend->bandwidth,
                         sizeof(rend->bandwidth));
        ngx_crc32_update(&hash, (u_char *) &rend->average,
                         sizeof(rend->average));
    }

    ngx_crc32_final(hash);

    return hash;
}


/* Other nodes tell their listeners of the same bandwidths: after a segment
 * they hear of new ones, in a record of the stream that goes on. */

static ngx_int_t
ngx_http_stentor_relay_measure(ngx_http_stentor_relay_session_t *s)
{
    return (s->edged
            && s->measured != ngx_http_stentor_relay_bandwidths(s))
           ? ngx_http_stentor_relay_stream(s, 0) : NGX_OK;
}


ngx_int_t
ngx_http_stentor_relay_beat(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t always)
{
    uint32_t                         hash;
    stn_relay_beat_t                 beat;
    ngx_stentor_stream_t            *st;
    ngx_http_stentor_relay_chain_t   chain;

    st = s->reader ? s->reader->stream : NULL;

    ngx_http_stentor_relay_chain(s->relays, &s->query, st, &chain);

    if (chain.loop) {
        return NGX_DONE;
    }

    beat.epoch = st ? st->lease_epoch : 0;
    hash = ngx_http_stentor_relay_hash(&chain, beat.epoch);

    if (hash == s->told && !always) {
        return NGX_OK;
    }

    s->told = hash;

    beat.sent_us = ngx_http_stentor_relay_now(s);
    beat.hops = chain.orphan ? 0 : chain.hops;
    ngx_memcpy(beat.chain, chain.ids, sizeof(chain.ids));

    return ngx_http_stentor_relay_put_record(s,
                            stn_relay_put_beat(&s->relays->record, &beat));
}


ngx_int_t
ngx_http_stentor_relay_part(ngx_http_stentor_relay_session_t *s)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    stn_relay_part_t      part;
    ngx_stentor_bytes_t  *bytes[NGX_STENTOR_RENDITIONS];

    rc = ngx_http_stentor_relay_gather(s, &part, bytes);

    for (i = 0; rc == NGX_OK && i < part.n; i++) {
        rc = ngx_http_stentor_relay_init(s, i, part.pieces[i].init);

        if (rc == NGX_OK && part.pieces[i].next_init) {
            rc = ngx_http_stentor_relay_init(s, i, part.pieces[i].next_init);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_stentor_relay_put_record(s,
                             stn_relay_put_part(&s->relays->record, &part));
    }

    for (i = 0; rc == NGX_OK && i < part.n; i++) {
        bytes[i]->refs++;
        rc = ngx_http_stentor_relay_put(s, bytes[i]);
    }

    if (rc == NGX_OK) {
        ngx_http_stentor_relay_count(s->relays, NGX_STENTOR_RELAY_PARTS_OUT,
                                     1);
        s->next++;
    }

    return rc == NGX_OK && part.last ? ngx_http_stentor_relay_measure(s) : rc;
}


/* The session's next part in all renditions, and the bytes of each; NGX_DONE
 * when it is not there. */

static ngx_int_t
ngx_http_stentor_relay_gather(ngx_http_stentor_relay_session_t *s,
    stn_relay_part_t *part, ngx_stentor_bytes_t **bytes)
{
    ngx_uint_t            i;
    ngx_stentor_record_t  record;

    part->n = 0;
    part->data.len = 0;

    for (i = 0; i < s->reader->nviews; i++) {
        bytes[i] = ngx_http_stentor_relay_piece(s, i, &record);

        if (bytes[i] == NULL
            || (i && (record.msn != part->msn || record.part != part->part)))
        {
            return NGX_DONE;
        }

        part->msn = record.msn;
        part->part = record.part;
        part->discontinuities = record.discontinuities;
        part->last = record.last;
        part->live = record.live;
        part->silent = record.silent;
        part->made_us = record.made_us;

        ngx_http_stentor_relay_add_piece(part, &record);
    }

    part->sent_us = ngx_http_stentor_relay_now(s);

    return s->reader->stream->incarnation == s->reader->incarnation
           ? NGX_OK : NGX_DONE;
}


/* The record of the session's next part in rendition i; returns the bytes that
 * the reader has of it, or NULL. */

static ngx_stentor_bytes_t *
ngx_http_stentor_relay_piece(ngx_http_stentor_relay_session_t *s,
    ngx_uint_t i, ngx_stentor_record_t *record)
{
    ngx_stentor_view_t     *v;
    ngx_stentor_bytes_t    *bytes;
    ngx_stentor_segment_t  *seg;

    v = &s->reader->views[i];

    if (ngx_stentor_store_record(s->relays->scf->store, &v->rend.ring,
                                 s->next, record)
        != NGX_OK)
    {
        return NULL;
    }

    seg = ngx_stentor_view_segment(v, record->msn);

    if (seg == NULL
        || seg->record + record->part != s->next
        || record->part >= seg->nparts)
    {
        return NULL;
    }

    bytes = seg->parts[record->part].bytes;

    return bytes->len == record->len ? bytes : NULL;
}


static void
ngx_http_stentor_relay_add_piece(stn_relay_part_t *part,
    ngx_stentor_record_t *record)
{
    stn_relay_piece_t  *piece;

    piece = &part->pieces[part->n++];

    piece->pos = record->pos;
    piece->duration = record->duration;
    piece->rate = record->rate;
    piece->init = record->init;
    piece->next_init = record->next_init;
    piece->len = record->len;

    part->data.len += record->len;
}


/* An init segment, if the session has not had it yet; NGX_DONE when it is not
 * there. */

static ngx_int_t
ngx_http_stentor_relay_init(ngx_http_stentor_relay_session_t *s, ngx_uint_t i,
    uint32_t id)
{
    ngx_uint_t           k;
    stn_relay_init_t     to;
    ngx_stentor_init_t   from;
    ngx_stentor_view_t  *v;

    for (k = 0; k < NGX_STENTOR_INITS; k++) {
        if (s->inits[i][k] == id) {
            return NGX_OK;
        }
    }

    v = &s->reader->views[i];

    if (ngx_stentor_store_init(s->relays->scf->store, &v->rend.ring, id,
                               &from)
        != NGX_OK
        || s->reader->stream->incarnation != s->reader->incarnation)
    {
        return NGX_DONE;
    }

    s->inits[i][s->ninits[i]++ % NGX_STENTOR_INITS] = id;

    to.rendition = i;
    to.id = id;
    to.rate = from.rate;
    to.channels = from.channels;
    to.codecs.data = from.codecs;
    to.codecs.len = ngx_strlen(from.codecs);
    to.config.data = (char *) from.config;
    to.config.len = from.config_len;
    to.data.data = (char *) from.data;
    to.data.len = from.len;

    return ngx_http_stentor_relay_put_record(s,
                              stn_relay_put_init(&s->relays->record, &to));
}


/* Unix time in microseconds.  That the wall clock is set in the middle of a
 * response must not look like a slow network. */

static int64_t
ngx_http_stentor_relay_now(ngx_http_stentor_relay_session_t *s)
{
    return ngx_stentor_store_us(CLOCK_MONOTONIC) + s->clock_us;
}
