/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reads what comes from another node (see stn_relay.h; the payloads are drawn
 * in stn_relay_write.c).  What has been read stays where it is until more
 * comes, and what is passed over is not kept:
 *
 *     in  | records that were read | part of one | <- put
 *         0                       used          len
 *
 * Each byte is so moved once at most, in whatever pieces it comes.
 */

#include "relay/stn_relay_check.h"

#include <string.h>


/* The longest unfinished record. */
#define STN_RELAY_UNREAD_MAX  (STN_RELAY_HEAD + STN_RELAY_PART_MAX)


static int stn_relay_fail(stn_relay_reader_t *r, int rc, const char *reason);
static int stn_relay_read_magic(stn_relay_reader_t *r);
static int stn_relay_read_record(stn_relay_reader_t *r,
    stn_relay_record_t *record);
static int stn_relay_pass_over(stn_relay_reader_t *r);
static int stn_relay_payload(stn_relay_reader_t *r, stn_cur_t *c,
    stn_relay_record_t *record);
static const char *stn_relay_get_stream(stn_cur_t *c, stn_relay_stream_t *s);
static const char *stn_relay_get_init(stn_cur_t *c, stn_relay_init_t *i);
static const char *stn_relay_get_part(stn_cur_t *c, stn_relay_part_t *p);
static const char *stn_relay_get_beat(stn_cur_t *c, stn_relay_beat_t *b);
static unsigned stn_relay_get_chain(stn_cur_t *c, stn_str_t *chain);
static void stn_relay_get_text(stn_cur_t *c, stn_str_t *s, size_t len);


void
stn_relay_reader_init(stn_relay_reader_t *r)
{
    memset(r, 0, sizeof(*r));
    stn_buf_init(&r->in, STN_RELAY_UNREAD_MAX);
}


void
stn_relay_reader_free(stn_relay_reader_t *r)
{
    stn_buf_free(&r->in);
    stn_relay_reader_init(r);
}


void
stn_relay_reader_reset(stn_relay_reader_t *r)
{
    stn_buf_t  in;

    in = r->in;
    stn_buf_reset(&in);

    stn_relay_reader_init(r);
    r->in = in;
}


int
stn_relay_reader_put(stn_relay_reader_t *r, const void *data, size_t n)
{
    size_t          passed;
    const uint8_t  *bytes;

    if (r->failed) {
        return r->failed;
    }

    stn_buf_drain(&r->in, r->used);
    r->used = 0;

    if (r->in.len > STN_RELAY_UNREAD_MAX) {
        return STN_LIMIT;
    }

    bytes = data;
    passed = r->in.len ? 0 : stn_min(n, r->skip);

    if (passed) {
        r->skip -= passed;
        bytes += passed;
        n -= passed;
    }

    r->in.cap = STN_RELAY_UNREAD_MAX + n;

    return stn_buf_put(&r->in, bytes, n);
}


int
stn_relay_reader_next(stn_relay_reader_t *r, stn_relay_record_t *record)
{
    int  rc;

    if (r->failed) {
        return r->failed;
    }

    rc = r->begun ? STN_OK : stn_relay_read_magic(r);

    while (rc == STN_OK) {
        rc = stn_relay_pass_over(r);

        if (rc == STN_OK) {
            rc = stn_relay_read_record(r, record);
        }

        /* STN_UNSUPPORTED: the next one, then */

        if (rc != STN_UNSUPPORTED) {
            return rc;
        }

        rc = STN_OK;
    }

    return rc;
}


static int
stn_relay_fail(stn_relay_reader_t *r, int rc, const char *reason)
{
    r->reason = reason;
    r->failed = rc;

    return rc;
}


/* Tells what is not ours by its first bytes. */

static int
stn_relay_read_magic(stn_relay_reader_t *r)
{
    size_t  n;

    n = stn_min(r->in.len, STN_RELAY_MAGIC_LEN);

    if (n && memcmp(r->in.data, STN_RELAY_MAGIC, n) != 0) {
        return stn_relay_fail(r, STN_ERROR,
                              n > 8 && memcmp(r->in.data, STN_RELAY_MAGIC, 8)
                                       == 0
                              ? "relay of another version" : "no relay");
    }

    if (n < STN_RELAY_MAGIC_LEN) {
        return STN_AGAIN;
    }

    r->used = n;
    r->begun = 1;

    return STN_OK;
}


static int
stn_relay_read_record(stn_relay_reader_t *r, stn_relay_record_t *record)
{
    int        rc;
    size_t     len, max;
    unsigned   type;
    stn_cur_t  c;

    if (r->in.len - r->used < STN_RELAY_HEAD) {
        return STN_AGAIN;
    }

    stn_cur_init(&c, r->in.data + r->used, r->in.len - r->used);
    type = stn_cur_u8(&c);

    if (stn_cur_be24(&c) != 0) {
        return stn_relay_fail(r, STN_ERROR, "no record where one begins");
    }

    len = stn_cur_be32(&c);
    max = type >= STN_RELAY_STREAM && type <= STN_RELAY_END
          && type != STN_RELAY_PART ? STN_RELAY_OTHER_MAX : STN_RELAY_PART_MAX;

    if (len > max) {
        return stn_relay_fail(r, STN_LIMIT, "too long a record");
    }

    if (type < STN_RELAY_STREAM || type > STN_RELAY_END) {
        r->used += STN_RELAY_HEAD;
        r->skip = len;
        return STN_UNSUPPORTED;
    }

    if (len > stn_cur_left(&c)) {
        return STN_AGAIN;
    }

    stn_cur_init(&c, c.pos, len);
    record->type = (stn_relay_e) type;

    rc = stn_relay_payload(r, &c, record);

    if (rc == STN_OK) {
        r->used += STN_RELAY_HEAD + len;
    }

    return rc;
}


static int
stn_relay_pass_over(stn_relay_reader_t *r)
{
    size_t  n;

    n = stn_min(r->skip, r->in.len - r->used);

    r->used += n;
    r->skip -= n;

    return r->skip ? STN_AGAIN : STN_OK;
}


static int
stn_relay_payload(stn_relay_reader_t *r, stn_cur_t *c,
    stn_relay_record_t *record)
{
    uint8_t      end;
    const char  *reason;

    reason = NULL;

    switch (record->type) {

    case STN_RELAY_STREAM:
        reason = stn_relay_get_stream(c, &record->u.stream);
        r->n = record->u.stream.n;
        break;

    case STN_RELAY_INIT:
        reason = stn_relay_get_init(c, &record->u.init);

        if (reason == NULL && record->u.init.rendition >= r->n) {
            reason = "init segment of no rendition";
        }

        break;

    case STN_RELAY_PART:
        reason = stn_relay_get_part(c, &record->u.part);

        if (reason == NULL && record->u.part.n != r->n) {
            reason = "part of other renditions than the stream has";
        }

        break;

    case STN_RELAY_EDGE:
        break;

    case STN_RELAY_HEARTBEAT:
        reason = stn_relay_get_beat(c, &record->u.beat);
        break;

    case STN_RELAY_END:
        end = stn_cur_u8(c);
        record->u.end = end > STN_RELAY_END_AGAIN ? STN_RELAY_END_LOST
                                                  : (stn_relay_end_e) end;
        break;
    }

    if (c->failed) {
        reason = "record is cut short";
    }

    return reason ? stn_relay_fail(r, STN_ERROR, reason) : STN_OK;
}


static const char *
stn_relay_get_stream(stn_cur_t *c, stn_relay_stream_t *s)
{
    unsigned                i;
    stn_relay_rendition_t  *r;

    s->epoch = stn_cur_be64(c);
    s->whole = stn_cur_u8(c) != 0;
    s->hops = stn_relay_get_chain(c, s->chain);
    s->n = stn_cur_u8(c);

    for (i = 0; i < stn_min(s->n, STN_RELAY_RENDITIONS); i++) {
        r = &s->renditions[i];

        stn_relay_get_text(c, &r->name, stn_cur_u8(c));
        r->rate = stn_cur_be32(c);
        r->part = stn_cur_be32(c);
        r->parts = stn_cur_be32(c);
        r->window = stn_cur_be32(c);
        r->bandwidth = stn_cur_be32(c);
        r->average = stn_cur_be32(c);
        r->max_bandwidth = stn_cur_be32(c);
    }

    return stn_relay_check_stream(s);
}


static const char *
stn_relay_get_init(stn_cur_t *c, stn_relay_init_t *i)
{
    i->rendition = stn_cur_u8(c);
    i->id = stn_cur_be32(c);
    i->rate = stn_cur_be32(c);
    i->channels = stn_cur_be32(c);
    stn_relay_get_text(c, &i->codecs, stn_cur_u8(c));
    stn_relay_get_text(c, &i->config, stn_cur_u8(c));
    stn_relay_get_text(c, &i->data, stn_cur_be32(c));

    return stn_relay_check_init(i);
}


static const char *
stn_relay_get_part(stn_cur_t *c, stn_relay_part_t *p)
{
    uint8_t             flags;
    unsigned            i;
    stn_relay_piece_t  *piece;

    p->msn = stn_cur_be64(c);
    p->part = stn_cur_be32(c);
    p->discontinuities = stn_cur_be32(c);
    flags = stn_cur_u8(c);
    p->last = (flags & STN_RELAY_LAST) != 0;
    p->live = (flags & STN_RELAY_LIVE) != 0;
    p->silent = (flags & STN_RELAY_SILENT) != 0;
    p->made_us = (int64_t) stn_cur_be64(c);
    p->sent_us = (int64_t) stn_cur_be64(c);
    p->n = stn_cur_u8(c);

    for (i = 0; i < stn_min(p->n, STN_RELAY_RENDITIONS); i++) {
        piece = &p->pieces[i];

        piece->pos = (int64_t) stn_cur_be64(c);
        piece->duration = stn_cur_be32(c);
        piece->rate = stn_cur_be32(c);
        piece->init = stn_cur_be32(c);
        piece->next_init = stn_cur_be32(c);
        piece->len = stn_cur_be32(c);
    }

    stn_relay_get_text(c, &p->data, stn_cur_be32(c));

    return stn_relay_check_part(p);
}


static const char *
stn_relay_get_beat(stn_cur_t *c, stn_relay_beat_t *b)
{
    b->sent_us = (int64_t) stn_cur_be64(c);
    b->epoch = stn_cur_be64(c);
    b->hops = stn_relay_get_chain(c, b->chain);

    return stn_relay_check_beat(b);
}


/* Returns how many hops there are, of which those beyond the limit are left
 * unread: what checks them then says so. */

static unsigned
stn_relay_get_chain(stn_cur_t *c, stn_str_t *chain)
{
    unsigned  i, hops;

    hops = stn_cur_u8(c);

    for (i = 0; i < stn_min(hops, STN_RELAY_HOPS); i++) {
        stn_relay_get_text(c, &chain[i], stn_cur_u8(c));
    }

    return hops;
}


static void
stn_relay_get_text(stn_cur_t *c, stn_str_t *s, size_t len)
{
    s->data = (const char *) stn_cur_bytes(c, len);
    s->len = s->data ? len : 0;
}
