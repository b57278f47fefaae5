/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a record has to be (see stn_relay_check.h).  Ids and names end in logs,
 * in URLs and in playlists of the node that reads them, and numbers in sums
 * that size its memory: what is not as expected goes no further than here.
 */

#include "relay/stn_relay_check.h"


static const char *stn_relay_check_chain(const stn_str_t *chain,
    unsigned hops);
static const char *stn_relay_check_rendition(
    const stn_relay_rendition_t *r);
static const char *stn_relay_check_piece(const stn_relay_piece_t *p);
static int stn_relay_is_name(const stn_str_t *s, size_t max);
static int stn_relay_is_codecs(const stn_str_t *s);
static int stn_relay_is_big(int64_t v);


const char *
stn_relay_check_stream(const stn_relay_stream_t *s)
{
    unsigned     i, k;
    const char  *reason;

    if (s->epoch >= STN_RELAY_EPOCHS) {
        return "impossible epoch";
    }

    if (s->hops == 0) {
        return "stream from nowhere";
    }

    reason = stn_relay_check_chain(s->chain, s->hops);
    if (reason) {
        return reason;
    }

    if (s->n == 0 || s->n > STN_RELAY_RENDITIONS) {
        return "impossible number of renditions";
    }

    for (i = 0; i < s->n; i++) {
        reason = stn_relay_check_rendition(&s->renditions[i]);
        if (reason) {
            return reason;
        }

        for (k = 0; k < i; k++) {
            if (stn_str_eq(&s->renditions[i].name, &s->renditions[k].name)) {
                return "two renditions of one name";
            }
        }
    }

    return NULL;
}


static const char *
stn_relay_check_chain(const stn_str_t *chain, unsigned hops)
{
    unsigned  i;

    if (hops > STN_RELAY_HOPS) {
        return "too many hops";
    }

    for (i = 0; i < hops; i++) {
        if (!stn_relay_is_name(&chain[i], STN_RELAY_ID_MAX)) {
            return "impossible node id";
        }
    }

    return NULL;
}


static const char *
stn_relay_check_rendition(const stn_relay_rendition_t *r)
{
    if (!stn_relay_is_name(&r->name, STN_RELAY_NAME_MAX)) {
        return "impossible rendition name";
    }

    if (r->rate == 0) {
        return "sample rate of 0";
    }

    if (r->part == 0 || r->part > (uint64_t) r->rate * STN_RELAY_PART_MAX_S) {
        return "impossible part duration";
    }

    if (r->parts == 0 || r->parts > STN_RELAY_PARTS) {
        return "impossible number of parts";
    }

    if (r->window == 0 || r->window > STN_RELAY_WINDOW_MAX) {
        return "impossible window";
    }

    return NULL;
}


const char *
stn_relay_check_init(const stn_relay_init_t *i)
{
    if (i->rendition >= STN_RELAY_RENDITIONS) {
        return "init segment of no rendition";
    }

    if (i->id == 0) {
        return "init segment without an id";
    }

    if (i->rate == 0 || i->channels == 0) {
        return "impossible sample rate or channels";
    }

    if (!stn_relay_is_codecs(&i->codecs)) {
        return "impossible codecs";
    }

    if (i->config.len > STN_RELAY_CONFIG_MAX) {
        return "too long a decoder config";
    }

    if (i->data.len == 0 || i->data.len > STN_RELAY_INIT_MAX) {
        return "impossible length of an init segment";
    }

    return NULL;
}


const char *
stn_relay_check_part(const stn_relay_part_t *p)
{
    unsigned     i;
    uint64_t     len;
    const char  *reason;

    if (p->msn >= STN_RELAY_BIG || p->part >= STN_RELAY_PARTS) {
        return "impossible part number";
    }

    if (stn_relay_is_big(p->made_us) || stn_relay_is_big(p->sent_us)) {
        return "impossible time";
    }

    if (p->n == 0 || p->n > STN_RELAY_RENDITIONS) {
        return "impossible number of renditions";
    }

    for (i = 0, len = 0; i < p->n; i++) {
        reason = stn_relay_check_piece(&p->pieces[i]);
        if (reason) {
            return reason;
        }

        len += p->pieces[i].len;
    }

    if (len != p->data.len) {
        return "lengths of a part that do not agree";
    }

    return NULL;
}


static const char *
stn_relay_check_piece(const stn_relay_piece_t *p)
{
    if (p->rate == 0) {
        return "sample rate of 0";
    }

    if (p->pos < 0 || p->pos / p->rate >= STN_RELAY_POS_MAX_S) {
        return "impossible position of a part";
    }

    if (p->duration == 0
        || p->duration > (uint64_t) p->rate * STN_RELAY_PART_MAX_S)
    {
        return "impossible part duration";
    }

    if (p->init == 0) {
        return "part without an init segment";
    }

    if (p->len == 0) {
        return "empty part";
    }

    return NULL;
}


const char *
stn_relay_check_beat(const stn_relay_beat_t *b)
{
    if (stn_relay_is_big(b->sent_us)) {
        return "impossible time";
    }

    if (b->epoch >= STN_RELAY_EPOCHS) {
        return "impossible epoch";
    }

    return stn_relay_check_chain(b->chain, b->hops);
}


static int
stn_relay_is_name(const stn_str_t *s, size_t max)
{
    char    c;
    size_t  i;

    if (s->len == 0 || s->len > max) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


/* They stand between quotes in a playlist. */

static int
stn_relay_is_codecs(const stn_str_t *s)
{
    char    c;
    size_t  i;

    if (s->len == 0 || s->len > STN_RELAY_CODECS_MAX) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c < ' ' || c > '~' || c == '"' || c == '\\') {
            return 0;
        }
    }

    return 1;
}


static int
stn_relay_is_big(int64_t v)
{
    return v <= -STN_RELAY_BIG || v >= STN_RELAY_BIG;
}
