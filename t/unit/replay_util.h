/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of segmenter/replay share: a media file in memory, written as
 * a writer does, of parts that libavformat has made.
 */

#ifndef REPLAY_UTIL_H
#define REPLAY_UTIL_H

#include "media_util.h"

#include "pack/stn_cmaf.h"
#include "replay/stn_replay_index.h"
#include "replay/stn_replay_log.h"


#define REPLAY_FRAMES  47
#define REPLAY_RATE    48000

/* A part's length, and where the first one begins, in samples. */
#define REPLAY_PART  (REPLAY_FRAMES * 1024)
#define REPLAY_POS   ((int64_t) 1763719207 * REPLAY_RATE                      \
                      / REPLAY_PART * REPLAY_PART)


typedef struct {
    stn_cmaf_t  *muxer;
    stn_buf_t    init;
    stn_buf_t    bytes;        /* of the file */
    uint64_t     time;
} replay_file_t;


static inline void
replay_open(replay_file_t *f)
{
    stn_buf_t     *out;
    stn_format_t   format;

    media_format_hex(&format, "1190");

    f->time = 0;
    f->muxer = stn_cmaf_open(&format);
    assert_non_null(f->muxer);

    stn_buf_init(&f->init, 65536);
    stn_buf_init(&f->bytes, 512 * 1024 * 1024);

    out = stn_cmaf_out(f->muxer);
    stn_buf_put(&f->init, out->data, out->len);
    stn_buf_reset(out);

    assert_int_equal(stn_replay_head(&f->bytes, f->init.data, f->init.len),
                     STN_OK);
}


static inline void
replay_close(replay_file_t *f)
{
    stn_cmaf_close(f->muxer);
    stn_buf_free(&f->init);
    stn_buf_free(&f->bytes);
}


/* The record of part n of a stream of six parts a segment. */

static inline stn_replay_record_t
replay_record(uint32_t n)
{
    stn_replay_record_t  r;

    memset(&r, 0, sizeof(r));

    r.msn = 1000 + n / 6;
    r.part = n % 6;
    r.pos = REPLAY_POS + (int64_t) n * REPLAY_PART;
    r.rate = REPLAY_RATE;
    r.duration = REPLAY_PART;
    r.len = 1000;
    r.last = (n % 6 == 5);
    r.live = 1;

    return r;
}


/* Writes part n, with frames of size bytes that tell n; returns where its
 * record lies. */

static inline uint64_t
replay_append(replay_file_t *f, stn_replay_record_t *r, size_t size)
{
    unsigned            i;
    uint8_t             frame[1024];
    uint64_t            at;
    stn_buf_t          *out;
    stn_replay_part_t   part;

    memset(frame, (int) (r->pos / REPLAY_PART) & 0x7f, sizeof(frame));
    frame[0] = 0x21;

    for (i = 0; i < REPLAY_FRAMES; i++) {
        assert_int_equal(stn_cmaf_frame(f->muxer, frame, size,
                                        r->pos + i * 1024), STN_OK);
    }

    assert_int_equal(stn_cmaf_flush(f->muxer, 1), STN_OK);

    out = stn_cmaf_out(f->muxer);
    assert_int_equal(stn_replay_part_read(out->data, out->len, &part), STN_OK);
    assert_int_equal(part.moof + part.mdat, out->len);
    assert_int_equal(part.nsamples, REPLAY_FRAMES);

    stn_replay_part_settle(out->data, &part, f->time);
    f->time += r->duration;

    at = f->bytes.len;
    r->len = (uint32_t) out->len;
    r->crc = stn_replay_crc(0, out->data, out->len);

    assert_int_equal(stn_replay_record_put(&f->bytes, r), STN_OK);
    assert_int_equal(stn_buf_put(&f->bytes, out->data, out->len), STN_OK);
    stn_buf_reset(out);

    return at;
}


/* For stn_replay_walk_init(): reads the bytes of a stn_buf_t. */

static inline int
replay_read(void *data, uint64_t offset, uint8_t *buf, size_t len)
{
    stn_buf_t *b = data;

    if (offset > b->len || len > b->len - offset) {
        return STN_ERROR;
    }

    memcpy(buf, b->data + offset, len);

    return STN_OK;
}


#endif /* REPLAY_UTIL_H */
