/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A replay's media file: walked along, torn off at every byte, damaged; and
 * as a whole, read back with libavformat, three hours long.
 */

#include "replay_util.h"

#include "replay/stn_replay_codecs.h"

#include <libavformat/avformat.h>


/* Parts of a small file, and of three hours. */
#define PARTS   4
#define HOURS3  (3 * 3600 * REPLAY_RATE / REPLAY_PART)


static void
write_parts(replay_file_t *f, uint32_t n, size_t size, uint64_t *at)
{
    uint32_t             i;
    stn_replay_record_t  r;

    replay_open(f);

    for (i = 0; i < n; i++) {
        r = replay_record(i);
        at[i] = replay_append(f, &r, size);
    }
}


/* Walks over the first size bytes: how many parts there are, and where it is
 * good to. */

static unsigned
walk(replay_file_t *f, uint64_t size, uint64_t *at)
{
    int                rc;
    unsigned           n;
    stn_replay_walk_t  w;

    stn_replay_walk_init(&w, replay_read, &f->bytes,
                         f->init.len + STN_REPLAY_ROOM, size);

    for (n = 0; (rc = stn_replay_walk_next(&w)) == STN_OK; n++) {
        assert_int_equal(w.record.msn, 1000 + n / 6);
        assert_int_equal(w.record.part, n % 6);
        assert_int_equal(w.record.live, 1);
        assert_int_equal(w.at - w.start, STN_REPLAY_RECORD_LEN
                                         + w.record.len);
    }

    assert_int_equal(rc, STN_AGAIN);
    *at = w.at;

    stn_replay_walk_free(&w);

    return n;
}


static void
finds_the_last_whole_part_wherever_it_is_torn(void **state)
{
    uint64_t       end, size, at[PARTS + 1];
    unsigned       n;
    replay_file_t  f;

    (void) state;

    write_parts(&f, PARTS, 30, at);
    at[PARTS] = f.bytes.len;

    for (size = at[0]; size <= f.bytes.len; size++) {
        for (n = 0; n < PARTS && at[n + 1] <= size; n++) { /* void */ }

        assert_int_equal(walk(&f, size, &end), n);
        assert_int_equal(end, at[n]);
    }

    replay_close(&f);
}


static void
finds_every_damage_near_the_end(void **state)
{
    uint64_t       i, end, at[PARTS];
    replay_file_t  f;

    (void) state;

    write_parts(&f, PARTS, 30, at);

    for (i = at[2]; i < f.bytes.len; i++) {
        f.bytes.data[i] ^= 0x40;
        assert_in_range(walk(&f, f.bytes.len, &end), 2, PARTS - 1);
        f.bytes.data[i] ^= 0x40;
    }

    /* blocks that a disk has lost */

    memset(f.bytes.data + at[3] + 100, 0, 200);
    assert_int_equal(walk(&f, f.bytes.len, &end), 3);

    replay_close(&f);
}


static void
reads_only_what_is_new_as_a_whole(void **state)
{
    uint32_t       i, n;
    uint64_t       end, *at;
    replay_file_t  f;

    (void) state;

    n = 400;
    at = calloc(n, sizeof(uint64_t));
    assert_non_null(at);

    write_parts(&f, n, 1000, at);
    assert_int_equal(walk(&f, f.bytes.len, &end), n);

    /* long on disk: only what is walked along counts */

    for (i = 0; i < 10; i++) {
        f.bytes.data[at[i + 1] - 1] ^= 1;
    }

    assert_int_equal(walk(&f, f.bytes.len, &end), n);

    f.bytes.data[at[n - 1] - 1] ^= 1;
    assert_int_equal(walk(&f, f.bytes.len, &end), n - 2);

    free(at);
    replay_close(&f);
}


static void
refuses_parts_that_are_none(void **state)
{
    size_t             i;
    uint64_t           at[1];
    replay_file_t      f;
    stn_replay_part_t  part;

    (void) state;

    write_parts(&f, 1, 30, at);

    for (i = 0; i < f.bytes.len - at[0] - STN_REPLAY_RECORD_LEN; i++) {
        (void) stn_replay_part_read(f.bytes.data + at[0]
                                    + STN_REPLAY_RECORD_LEN, i, &part);
    }

    assert_int_equal(stn_replay_part_read(f.init.data, f.init.len, &part),
                     STN_ERROR);
    assert_int_equal(stn_replay_head(&f.bytes, f.bytes.data + at[0], 200),
                     STN_ERROR);

    replay_close(&f);
}


/* What stn_cmaf makes of a config, cut off anywhere, and as another codec. */

static void
names_the_codec_of_an_init_segment(void **state)
{
    char          codecs[STN_FORMAT_CODECS_MAX];
    size_t        i, n;
    stn_buf_t    *out;
    stn_cmaf_t   *muxer;
    stn_format_t  format;

    static const char *const  configs[] = { "1190", "2b118800", "eb118800" };

    (void) state;

    for (i = 0; i < stn_nelems(configs); i++) {
        media_format_hex(&format, configs[i]);
        muxer = stn_cmaf_open(&format);
        assert_non_null(muxer);
        out = stn_cmaf_out(muxer);

        assert_int_equal(stn_replay_codecs(out->data, out->len, codecs),
                         STN_OK);
        assert_string_equal(codecs, format.codecs);

        for (n = 0; n < out->len; n++) {
            assert_int_equal(stn_replay_codecs(out->data, n, codecs),
                             STN_ERROR);
            assert_string_equal(codecs, "");
        }

        for (n = 0; memcmp(out->data + n, "mp4a", 4) != 0; n++) { /* void */ }

        memcpy(out->data + n, "Opus", 4);
        assert_int_equal(stn_replay_codecs(out->data, out->len, codecs),
                         STN_OK);
        assert_string_equal(codecs, "Opus");

        memcpy(out->data + n, "fLaC", 4);
        assert_int_equal(stn_replay_codecs(out->data, out->len, codecs),
                         STN_ERROR);

        stn_cmaf_close(muxer);
    }
}


/* --- the whole file, by libavformat */

typedef struct {
    stn_buf_t  *bytes;
    int64_t     at;
} memory_t;


static int
memory_read(void *opaque, uint8_t *buf, int len)
{
    memory_t *m = opaque;

    len = (int) stn_min((int64_t) len, (int64_t) m->bytes->len - m->at);

    if (len <= 0) {
        return AVERROR_EOF;
    }

    memcpy(buf, m->bytes->data + m->at, (size_t) len);
    m->at += len;

    return len;
}


static int64_t
memory_seek(void *opaque, int64_t offset, int whence)
{
    memory_t *m = opaque;

    if (whence & AVSEEK_SIZE) {
        return (int64_t) m->bytes->len;
    }

    m->at = whence == SEEK_CUR ? m->at + offset : offset;

    return m->at;
}


static AVFormatContext *
demux(memory_t *m)
{
    AVFormatContext  *ctx;

    ctx = avformat_alloc_context();
    ctx->pb = avio_alloc_context(av_malloc(4096), 4096, 0, m, memory_read,
                                 NULL, memory_seek);
    assert_int_equal(avformat_open_input(&ctx, NULL, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(ctx, NULL) >= 0);

    return ctx;
}


static void
demux_end(AVFormatContext *ctx)
{
    AVIOContext  *io;

    io = ctx->pb;
    avformat_close_input(&ctx);
    av_freep(&io->buffer);
    avio_context_free(&io);
}


/* Seeks to second s and reads the packet there: it is the right one, of the
 * right part. */

static void
seek(AVFormatContext *ctx, int64_t s)
{
    int64_t    pts, tb;
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    tb = ctx->streams[0]->time_base.den;

    assert_true(av_seek_frame(ctx, 0, s * tb, AVSEEK_FLAG_BACKWARD) >= 0);
    assert_int_equal(av_read_frame(ctx, pkt), 0);

    pts = stn_rescale(pkt->pts, REPLAY_RATE, (uint32_t) tb);
    assert_true(pts <= s * REPLAY_RATE && pts > s * REPLAY_RATE - 1025);
    assert_int_equal(pkt->data[1], ((REPLAY_POS + pts) / REPLAY_PART) & 0x7f);

    av_packet_free(&pkt);
}


/* Makes what has been written an ordinary file, as at its end. */

static void
complete(replay_file_t *f)
{
    uint64_t           end;
    stn_buf_t          moov;
    stn_replay_walk_t  w;

    end = f->bytes.len;

    stn_replay_walk_init(&w, replay_read, &f->bytes,
                         f->init.len + STN_REPLAY_ROOM, end);
    stn_buf_init(&moov, STN_REPLAY_INDEX_MAX);

    assert_int_equal(stn_replay_index(&w, f->init.data, f->init.len, &moov),
                     STN_OK);
    assert_int_equal(w.at, end);

    assert_int_equal(stn_buf_put(&f->bytes, moov.data, moov.len), STN_OK);
    stn_replay_room(f->bytes.data + stn_replay_room_at(f->init.data),
                    f->init.data, end);

    stn_replay_walk_free(&w);
    stn_buf_free(&moov);
}


static void
is_an_ordinary_file_of_three_hours(void **state)
{
    uint64_t         *at;
    memory_t          m;
    replay_file_t     f;
    AVFormatContext  *ctx;

    (void) state;

    at = calloc(HOURS3, sizeof(uint64_t));
    assert_non_null(at);

    write_parts(&f, HOURS3, 60, at);
    complete(&f);

    m.bytes = &f.bytes;
    m.at = 0;
    ctx = demux(&m);

    assert_int_equal(ctx->nb_streams, 1);
    assert_int_equal(ctx->streams[0]->nb_frames, HOURS3 * REPLAY_FRAMES);
    /* in whole milliseconds, the movie's units */

    assert_int_equal(ctx->duration / 1000,
                     stn_rescale((int64_t) HOURS3 * REPLAY_PART, 1000,
                                 REPLAY_RATE));
    assert_int_equal(ctx->start_time, 0);

    seek(ctx, 10790);
    seek(ctx, 1);
    seek(ctx, 5400);

    demux_end(ctx);
    free(at);
    replay_close(&f);
}


static void
is_a_file_to_play_while_it_grows(void **state)
{
    uint64_t          at[60];
    memory_t          m;
    replay_file_t     f;
    AVFormatContext  *ctx;

    (void) state;

    write_parts(&f, 60, 60, at);

    m.bytes = &f.bytes;
    m.at = 0;
    ctx = demux(&m);
    assert_int_equal(ctx->nb_streams, 1);
    seek(ctx, 1);
    demux_end(ctx);

    replay_close(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(finds_the_last_whole_part_wherever_it_is_torn),
        cmocka_unit_test(finds_every_damage_near_the_end),
        cmocka_unit_test(reads_only_what_is_new_as_a_whole),
        cmocka_unit_test(refuses_parts_that_are_none),
        cmocka_unit_test(names_the_codec_of_an_init_segment),
        cmocka_unit_test(is_an_ordinary_file_of_three_hours),
        cmocka_unit_test(is_a_file_to_play_while_it_grows)
    };

    stn_cmaf_quiet();
    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
