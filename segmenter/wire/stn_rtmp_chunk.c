/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The RTMP chunk stream (see stn_rtmp_chunk.h; section numbers are those of
 * the RTMP specification 1.0).  Called by the RTMP session in the event loop.
 * Buffers belong to the stn_rtmp_chunk_t and live as long as it does.
 *
 *     basic header    | message header | extended  | payload
 *     1, 2 or 3 bytes | 11, 7, 3, 0    | timestamp | up to the chunk size
 *     sw_basic, _id   | sw_header      | sw_ext    | sw_payload
 */

#include "wire/stn_rtmp_chunk.h"

#include <string.h>


/* In the 24-bit field: the timestamp follows in 32 bits. */
#define STN_RTMP_EXTENDED      0xffffff

/* Buffers grow by this, so that frames of ever new sizes soon fit. */
#define STN_RTMP_BUFFER_STEP   1024


typedef enum {
    sw_basic = 0,
    sw_id,                     /* the rest of a long basic header */
    sw_header,
    sw_ext,
    sw_ext_again,              /* of a type 3 header: maybe there */
    sw_payload
} stn_rtmp_chunk_state_e;


static stn_cur_t *stn_rtmp_chunk_source(stn_rtmp_chunk_t *c, stn_cur_t *in);
static int stn_rtmp_chunk_gather(stn_rtmp_chunk_t *c, stn_cur_t *src);
static int stn_rtmp_chunk_basic(stn_rtmp_chunk_t *c, uint8_t b,
    stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_id(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_select(stn_rtmp_chunk_t *c, uint32_t csid,
    stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_header(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_ext(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_ext_again(stn_rtmp_chunk_t *c, stn_cur_t *src,
    stn_rtmp_msg_t *m);
static void stn_rtmp_chunk_unread(stn_rtmp_chunk_t *c);
static int stn_rtmp_chunk_ready(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_open(stn_rtmp_chunk_t *c);
static int stn_rtmp_chunk_payload(stn_rtmp_chunk_t *c, stn_cur_t *src,
    int direct, stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_store(stn_rtmp_chunk_t *c, const uint8_t *p,
    size_t n);
static int stn_rtmp_chunk_finish(stn_rtmp_chunk_t *c, const uint8_t *data,
    stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_set_size(stn_rtmp_chunk_t *c,
    const stn_rtmp_msg_t *m);
static int stn_rtmp_chunk_abort(stn_rtmp_chunk_t *c, const stn_rtmp_msg_t *m);
static int64_t stn_rtmp_chunk_clock(stn_rtmp_chunk_t *c,
    const stn_rtmp_cs_t *cs);
static stn_rtmp_cs_t *stn_rtmp_chunk_find(stn_rtmp_chunk_t *c, uint32_t csid);
static void stn_rtmp_chunk_settle(stn_rtmp_chunk_t *c);
static void stn_rtmp_chunk_release(stn_rtmp_chunk_t *c, stn_rtmp_cs_t *cs);
static int stn_rtmp_chunk_fail(stn_rtmp_chunk_t *c, int rc,
    const char *reason);


/* Which messages are put together, and how long they may be.  Those without
 * a reason are skipped when longer. */

static const struct {
    uint8_t      type;
    uint32_t     max;
    const char  *reason;
} stn_rtmp_chunk_types[] = {
    { STN_RTMP_AUDIO, STN_RTMP_AUDIO_MAX, "audio message too long" },
    { STN_RTMP_SET_CHUNK_SIZE, STN_RTMP_CONTROL_MAX,
      "control message too long" },
    { STN_RTMP_ABORT, STN_RTMP_CONTROL_MAX, "control message too long" },
    { STN_RTMP_ACK, STN_RTMP_CONTROL_MAX, "control message too long" },
    { STN_RTMP_USER_CONTROL, STN_RTMP_CONTROL_MAX,
      "control message too long" },
    { STN_RTMP_WINDOW_ACK_SIZE, STN_RTMP_CONTROL_MAX,
      "control message too long" },
    { STN_RTMP_SET_PEER_BANDWIDTH, STN_RTMP_CONTROL_MAX,
      "control message too long" },
    { STN_RTMP_COMMAND_AMF0, STN_RTMP_COMMAND_MAX, "command too long" },
    { STN_RTMP_COMMAND_AMF3, STN_RTMP_COMMAND_MAX, "command too long" },
    { STN_RTMP_DATA_AMF0, STN_RTMP_DATA_MAX, NULL },
    { STN_RTMP_DATA_AMF3, STN_RTMP_DATA_MAX, NULL },
    { STN_RTMP_AGGREGATE, STN_RTMP_DATA_MAX, NULL }
};


void
stn_rtmp_chunk_init(stn_rtmp_chunk_t *c)
{
    memset(c, 0, sizeof(*c));

    c->size = STN_RTMP_CHUNK_SIZE;
    stn_cur_init(&c->back, c->back_bytes, 0);
}


void
stn_rtmp_chunk_free(stn_rtmp_chunk_t *c)
{
    size_t  i;

    for (i = 0; i < c->ncs; i++) {
        stn_buf_free(&c->streams[i].buf);
    }

    stn_rtmp_chunk_init(c);
}


int
stn_rtmp_chunk_next(stn_rtmp_chunk_t *c, stn_cur_t *in, stn_rtmp_msg_t *m)
{
    int         rc;
    stn_cur_t  *src;

    stn_rtmp_chunk_settle(c);

    while ((src = stn_rtmp_chunk_source(c, in)) != NULL) {

        switch (c->state) {

        case sw_basic:
            rc = stn_rtmp_chunk_basic(c, stn_cur_u8(src), m);
            break;

        case sw_id:
            rc = stn_rtmp_chunk_gather(c, src);
            rc = rc == STN_OK ? stn_rtmp_chunk_id(c, m) : rc;
            break;

        case sw_header:
            rc = stn_rtmp_chunk_gather(c, src);
            rc = rc == STN_OK ? stn_rtmp_chunk_header(c, m) : rc;
            break;

        case sw_ext:
            rc = stn_rtmp_chunk_gather(c, src);
            rc = rc == STN_OK ? stn_rtmp_chunk_ext(c, m) : rc;
            break;

        case sw_ext_again:
            rc = stn_rtmp_chunk_ext_again(c, src, m);
            break;

        default: /* sw_payload */
            rc = stn_rtmp_chunk_payload(c, src, src == in, m);
        }

        if (rc != STN_AGAIN) {
            return rc;
        }
    }

    return STN_AGAIN;
}


/* Where the next byte comes from; NULL when there is none. */

static stn_cur_t *
stn_rtmp_chunk_source(stn_rtmp_chunk_t *c, stn_cur_t *in)
{
    if (stn_cur_left(&c->back)) {
        return &c->back;
    }

    return stn_cur_left(in) ? in : NULL;
}


/* Moves bytes into hdr; STN_OK when it holds the hdr_need that are wanted. */

static int
stn_rtmp_chunk_gather(stn_rtmp_chunk_t *c, stn_cur_t *src)
{
    size_t  n;

    n = stn_min(c->hdr_need - c->hdr_len, stn_cur_left(src));

    memcpy(c->hdr + c->hdr_len, stn_cur_bytes(src, n), n);
    c->hdr_len += (unsigned) n;

    return c->hdr_len == c->hdr_need ? STN_OK : STN_AGAIN;
}


static int
stn_rtmp_chunk_basic(stn_rtmp_chunk_t *c, uint8_t b, stn_rtmp_msg_t *m)
{
    c->fmt = b >> 6;
    c->hdr_len = 0;

    b &= 0x3f;

    if (b < 2) {
        c->hdr_need = b + 1;
        c->state = sw_id;
        return STN_AGAIN;
    }

    return stn_rtmp_chunk_select(c, b, m);
}


static int
stn_rtmp_chunk_id(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m)
{
    uint32_t  csid;

    csid = 64 + c->hdr[0];

    if (c->hdr_need == 2) {
        csid += (uint32_t) c->hdr[1] << 8;
    }

    return stn_rtmp_chunk_select(c, csid, m);
}


static int
stn_rtmp_chunk_select(stn_rtmp_chunk_t *c, uint32_t csid, stn_rtmp_msg_t *m)
{
    static const uint8_t  lengths[] = { 11, 7, 3, 0 };

    c->cs = stn_rtmp_chunk_find(c, csid);

    if (c->cs == NULL) {

        /* librtmp's ping answers begin a chunk stream with type 1 */

        if (c->fmt > 1) {
            return stn_rtmp_chunk_fail(c, STN_ERROR,
                                       "chunk stream begins without a header");
        }

        if (c->ncs == STN_RTMP_CHUNK_STREAMS_MAX) {
            return stn_rtmp_chunk_fail(c, STN_LIMIT, "too many chunk streams");
        }

        c->cs = &c->streams[c->ncs++];
        c->cs->csid = csid;
        stn_buf_init(&c->cs->buf, 0);
    }

    c->hdr_len = 0;
    c->hdr_need = lengths[c->fmt];

    if (c->hdr_need) {
        c->state = sw_header;
        return STN_AGAIN;
    }

    if (c->cs->has_ext) {
        c->state = sw_ext_again;
        return STN_AGAIN;
    }

    return stn_rtmp_chunk_ready(c, m);
}


/*
 * All chunks of a message but the first should be of type 3 (5.3.1).  Others
 * are borne as long as they repeat what the first one said.
 */

static int
stn_rtmp_chunk_header(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m)
{
    uint8_t         type;
    uint32_t        stamp, len;
    stn_cur_t       h;
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    stn_cur_init(&h, c->hdr, c->hdr_need);

    stamp = stn_cur_be24(&h);
    len = c->fmt < 2 ? stn_cur_be24(&h) : cs->len;
    type = c->fmt < 2 ? stn_cur_u8(&h) : cs->type;

    if (cs->open && (len != cs->len || type != cs->type)) {
        return stn_rtmp_chunk_fail(c, STN_ERROR,
                                   "message begins inside another");
    }

    cs->len = len;
    cs->type = type;
    cs->has_ext = stamp == STN_RTMP_EXTENDED;

    if (c->fmt == 0) {
        cs->stream_id = __builtin_bswap32(stn_cur_be32(&h));
    }

    if (cs->has_ext) {
        c->hdr_len = 0;
        c->hdr_need = 4;
        c->state = sw_ext;
        return STN_AGAIN;
    }

    if (!cs->open) {
        cs->delta = stamp;
    }

    return stn_rtmp_chunk_ready(c, m);
}


static int
stn_rtmp_chunk_ext(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m)
{
    stn_cur_t  h;

    stn_cur_init(&h, c->hdr, c->hdr_need);

    c->cs->ext = stn_cur_be32(&h);

    if (!c->cs->open) {
        c->cs->delta = c->cs->ext;
    }

    return stn_rtmp_chunk_ready(c, m);
}


/*
 * After a header with an extended timestamp the specification has type 3
 * headers repeat it (5.3.1.3), and half of the encoders do not.  So the next
 * bytes are compared with it one by one: at the first that differs all of
 * them were payload, and are read again as such.
 */

static int
stn_rtmp_chunk_ext_again(stn_rtmp_chunk_t *c, stn_cur_t *src,
    stn_rtmp_msg_t *m)
{
    if (*src->pos != (uint8_t) (c->cs->ext >> (24 - 8 * c->hdr_len))) {
        stn_rtmp_chunk_unread(c);
        return stn_rtmp_chunk_ready(c, m);
    }

    (void) stn_cur_u8(src);

    return ++c->hdr_len < 4 ? STN_AGAIN : stn_rtmp_chunk_ready(c, m);
}


/*
 * Puts hdr_len bytes of the extended timestamp before what is in back.  They
 * fit: at most 3 are put back, and if any bytes are left in back, then those
 * 3 were read from there.
 */

static void
stn_rtmp_chunk_unread(stn_rtmp_chunk_t *c)
{
    size_t    n;
    uint8_t   bytes[8];
    unsigned  i;

    for (i = 0; i < c->hdr_len; i++) {
        bytes[i] = (uint8_t) (c->cs->ext >> (24 - 8 * i));
    }

    n = stn_cur_left(&c->back);
    memcpy(bytes + i, c->back.pos, n);

    memcpy(c->back_bytes, bytes, i + n);
    stn_cur_init(&c->back, c->back_bytes, i + n);
}


/*
 * The header is whole.  What it adds to the time is what was sent last on
 * this chunk stream, after a type 0 header its timestamp (5.3.1.2.4): ffmpeg
 * and librtmp read it so, nginx-rtmp would add nothing.
 */

static int
stn_rtmp_chunk_ready(stn_rtmp_chunk_t *c, stn_rtmp_msg_t *m)
{
    int             rc;
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    if (!cs->open) {
        cs->time = c->fmt == 0 ? cs->delta : cs->time + cs->delta;

        rc = stn_rtmp_chunk_open(c);
        if (rc != STN_OK) {
            return rc;
        }
    }

    c->left = stn_min(c->size, cs->len - cs->got);

    if (c->left == 0) {
        c->state = sw_basic;
        return stn_rtmp_chunk_finish(c, c->hdr, m);
    }

    c->state = sw_payload;

    return STN_AGAIN;
}


static int
stn_rtmp_chunk_open(stn_rtmp_chunk_t *c)
{
    size_t          i;
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    cs->open = 1;
    cs->skip = 1;
    cs->got = 0;
    stn_buf_reset(&cs->buf);

    for (i = 0; i < stn_nelems(stn_rtmp_chunk_types); i++) {
        if (stn_rtmp_chunk_types[i].type != cs->type) {
            continue;
        }

        if (cs->len <= stn_rtmp_chunk_types[i].max) {
            cs->skip = 0;

        } else if (stn_rtmp_chunk_types[i].reason) {
            return stn_rtmp_chunk_fail(c, STN_LIMIT,
                                       stn_rtmp_chunk_types[i].reason);
        }

        break;
    }

    return STN_OK;
}


/* Takes what there is of the chunk's payload.  direct: src is memory that
 * the caller keeps, so that a whole message may be handed out in place. */

static int
stn_rtmp_chunk_payload(stn_rtmp_chunk_t *c, stn_cur_t *src, int direct,
    stn_rtmp_msg_t *m)
{
    int             rc;
    size_t          n;
    const uint8_t  *p;
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    n = stn_min(c->left, stn_cur_left(src));
    p = stn_cur_bytes(src, n);

    if (cs->skip) {
        *(cs->type == STN_RTMP_VIDEO ? &c->video_bytes : &c->skipped_bytes)
            += n;

    } else if (!direct || n != cs->len) {
        rc = stn_rtmp_chunk_store(c, p, n);
        if (rc != STN_OK) {
            return rc;
        }

        p = cs->buf.data;
        c->done = cs;
    }

    cs->got += (uint32_t) n;
    c->left -= (uint32_t) n;

    if (c->left) {
        return STN_AGAIN;
    }

    c->state = sw_basic;

    return cs->got == cs->len ? stn_rtmp_chunk_finish(c, p, m) : STN_AGAIN;
}


static int
stn_rtmp_chunk_store(stn_rtmp_chunk_t *c, const uint8_t *p, size_t n)
{
    size_t          size;
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    if (cs->got == 0) {
        size = (cs->len + STN_RTMP_BUFFER_STEP - 1) / STN_RTMP_BUFFER_STEP
               * STN_RTMP_BUFFER_STEP;

        if (size > cs->buf.size) {
            if (c->memory - cs->buf.size + size > STN_RTMP_REASSEMBLY_MAX) {
                return stn_rtmp_chunk_fail(c, STN_LIMIT,
                                           "too many messages in pieces");
            }

            c->memory -= cs->buf.size;
            cs->buf.cap = size;
            (void) stn_buf_reserve(&cs->buf, size);
            c->memory += cs->buf.size;
        }
    }

    if (stn_buf_put(&cs->buf, p, n) != STN_OK) {
        return stn_rtmp_chunk_fail(c, cs->buf.failed, "out of memory");
    }

    return STN_OK;
}


static int
stn_rtmp_chunk_finish(stn_rtmp_chunk_t *c, const uint8_t *data,
    stn_rtmp_msg_t *m)
{
    stn_rtmp_cs_t  *cs;

    cs = c->cs;

    cs->open = 0;

    if (cs->skip) {
        *(cs->type == STN_RTMP_VIDEO ? &c->video_messages
                                     : &c->skipped_messages) += 1;
        return STN_AGAIN;
    }

    m->type = cs->type;
    m->stream_id = cs->stream_id;
    m->time = stn_rtmp_chunk_clock(c, cs);
    m->data = data;
    m->len = cs->len;

    switch (m->type) {

    case STN_RTMP_SET_CHUNK_SIZE:
        return stn_rtmp_chunk_set_size(c, m);

    case STN_RTMP_ABORT:
        return stn_rtmp_chunk_abort(c, m);

    default:
        return STN_OK;
    }
}


/* 5.4.1; the first bit must be zero */

static int
stn_rtmp_chunk_set_size(stn_rtmp_chunk_t *c, const stn_rtmp_msg_t *m)
{
    uint32_t   size;
    stn_cur_t  p;

    stn_cur_init(&p, m->data, m->len);

    size = stn_cur_be32(&p);

    if (p.failed || size == 0 || size > STN_RTMP_CHUNK_SIZE_MAX) {
        return stn_rtmp_chunk_fail(c, STN_ERROR, "impossible chunk size");
    }

    c->size = size;

    return STN_AGAIN;
}


/* 5.4.2 */

static int
stn_rtmp_chunk_abort(stn_rtmp_chunk_t *c, const stn_rtmp_msg_t *m)
{
    uint32_t        csid;
    stn_cur_t       p;
    stn_rtmp_cs_t  *cs;

    stn_cur_init(&p, m->data, m->len);

    csid = stn_cur_be32(&p);

    if (p.failed) {
        return stn_rtmp_chunk_fail(c, STN_ERROR, "abort message cut short");
    }

    cs = stn_rtmp_chunk_find(c, csid);

    if (cs && cs->open) {
        cs->open = 0;
        stn_rtmp_chunk_release(c, cs);
    }

    return STN_AGAIN;
}


/*
 * The time of cs's message in 64 bits: the one nearest to the last audio
 * message.  Only audio moves that clock, since metadata often says 0 in the
 * midst of a broadcast.
 */

static int64_t
stn_rtmp_chunk_clock(stn_rtmp_chunk_t *c, const stn_rtmp_cs_t *cs)
{
    int64_t  t;

    t = cs->time;

    if (c->clock_set) {
        t = c->clock + (int32_t) (cs->time - (uint32_t) c->clock);
    }

    if (cs->type == STN_RTMP_AUDIO || cs->type == STN_RTMP_AGGREGATE) {
        c->clock = t;
        c->clock_set = 1;
    }

    return t;
}


static stn_rtmp_cs_t *
stn_rtmp_chunk_find(stn_rtmp_chunk_t *c, uint32_t csid)
{
    size_t  i;

    for (i = 0; i < c->ncs; i++) {
        if (c->streams[i].csid == csid) {
            return &c->streams[i];
        }
    }

    return NULL;
}


/* The caller has seen the message handed out last. */

static void
stn_rtmp_chunk_settle(stn_rtmp_chunk_t *c)
{
    stn_rtmp_cs_t  *cs;

    cs = c->done;
    c->done = NULL;

    if (cs && !cs->open) {
        stn_rtmp_chunk_release(c, cs);
    }
}


/* Gives back a large buffer, which is not needed again soon. */

static void
stn_rtmp_chunk_release(stn_rtmp_chunk_t *c, stn_rtmp_cs_t *cs)
{
    if (cs->buf.size > STN_RTMP_REASSEMBLY_KEEP) {
        c->memory -= cs->buf.size;
        stn_buf_free(&cs->buf);
    }
}


static int
stn_rtmp_chunk_fail(stn_rtmp_chunk_t *c, int rc, const char *reason)
{
    c->reason = reason;

    return rc;
}


int
stn_rtmp_chunk_put(stn_buf_t *out, uint32_t size, unsigned csid,
    const stn_rtmp_msg_t *m)
{
    size_t  n, done;

    stn_buf_u8(out, (uint8_t) csid);
    stn_buf_be24(out, 0);
    stn_buf_be24(out, (uint32_t) m->len);
    stn_buf_u8(out, m->type);
    stn_buf_be32(out, __builtin_bswap32(m->stream_id));

    for (done = 0; done < m->len; done += n) {
        if (done) {
            stn_buf_u8(out, (uint8_t) (0xc0 | csid));
        }

        n = stn_min(m->len - done, size);
        stn_buf_put(out, m->data + done, n);
    }

    return out->failed;
}
