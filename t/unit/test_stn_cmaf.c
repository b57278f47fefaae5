/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Init segments and parts, box by box, and read back with libavformat from
 * the middle of a stream.
 */

#include "media_util.h"

#include "pack/stn_cmaf.h"

#include <libavformat/avformat.h>


#define FRAMES  47

/* A sample of these days: more than 32 bits, on whole frames of 2048. */
#define POS  ((int64_t) 1763719207 * 48000 / 2048 * 2048)

/* default-base-is-moof (ISO/IEC 14496-12 section 8.8.7) */
#define TFHD_BASE_IS_MOOF   0x020000
#define TFHD_BASE_DATA      0x000001


static const char *const  ascs[] = {
    "1190",                    /* LC, 48 kHz, stereo */
    "1208",                    /* LC, 44.1 kHz, mono */
    "119056e500",              /* as OBS says it */
    "2b118800",                /* HE-AAC */
    "eb098800",                /* HE-AAC v2 */
    "131056e598",              /* HE-AAC, backward compatible */
    "1194",                    /* frames of 960 */
    "1010",                    /* 96 kHz */
    "11b0"                     /* 5.1 */
};


/* Frame n of a stream that is made up: its length and its bytes. */

static size_t
frame(uint8_t *data, uint32_t n)
{
    size_t    i, len;
    uint32_t  x;

    x = n * 2654435761u | 1;
    len = 1 + wire_random(&x) % 700;

    for (i = 0; i < len; i++) {
        data[i] = (uint8_t) wire_random(&x);
    }

    data[0] = 0x21;

    return len;
}


/* Writes a part of frames frames that begins with frame n; its parts go to
 * stn_cmaf_out(). */

static void
write_part(stn_cmaf_t *m, const stn_format_t *f, uint32_t n, unsigned frames)
{
    size_t    len;
    uint8_t   data[1024];
    unsigned  i;

    stn_buf_reset(stn_cmaf_out(m));

    for (i = 0; i < frames; i++) {
        len = frame(data, n + i);
        assert_int_equal(stn_cmaf_frame(m, data, len,
                                        POS + ((int64_t) n + i) * f->frame),
                         STN_OK);

        /* the muxer has its own copy */

        memset(data, 0xee, sizeof(data));
    }

    assert_int_equal(stn_cmaf_flush(m, n / frames), STN_OK);
}


static void
find(const stn_buf_t *b, const char *path, stn_cur_t *box)
{
    if (!media_find(b->data, b->len, path, box)) {
        fail_msg("no box %s", path);
    }
}


/* The DecoderSpecificInfo in an esds (ISO/IEC 14496-1 section 7.2.6). */

static void
assert_esds(stn_cur_t *box, const stn_format_t *f)
{
    size_t          i, len;
    uint8_t         c, tag;
    const uint8_t  *p;

    static const struct {
        uint8_t  tag;
        size_t   skip;         /* its own fields, before what it holds */
    } levels[] = { { 3, 3 }, { 4, 13 }, { 5, 0 } };

    (void) stn_cur_be32(box);
    len = 0;

    for (i = 0; i < stn_nelems(levels); i++) {
        tag = stn_cur_u8(box);
        assert_int_equal(tag, levels[i].tag);

        len = 0;

        do {
            c = stn_cur_u8(box);
            len = len << 7 | (c & 0x7f);
        } while (c & 0x80);

        if (tag == 4) {
            assert_int_equal(*box->pos, 0x40);     /* MPEG-4 audio */
        }

        assert_true(len <= stn_cur_left(box));
        (void) stn_cur_bytes(box, levels[i].skip);
    }

    p = stn_cur_bytes(box, len);
    assert_int_equal(len, f->config_len);
    assert_memory_equal(p, f->config, len);
}


static void
assert_brands(const stn_buf_t *b)
{
    unsigned        cmaf;
    stn_cur_t       box;
    const uint8_t  *p;

    cmaf = 0;
    find(b, "ftyp", &box);
    (void) stn_cur_bytes(&box, 8);

    while ((p = stn_cur_bytes(&box, 4)) != NULL) {
        cmaf |= memcmp(p, "cmfc", 4) == 0;
    }

    assert_int_equal(cmaf, 1);
}


static void
assert_no_duration(const stn_buf_t *b, const char *path, size_t at)
{
    stn_cur_t  box;

    find(b, path, &box);
    assert_int_equal(*box.pos, 0);                 /* version */
    (void) stn_cur_bytes(&box, at);
    assert_int_equal(stn_cur_be32(&box), 0);
    assert_int_equal(box.failed, 0);
}


static void
assert_no_samples(const stn_buf_t *b, const char *path, size_t at)
{
    stn_cur_t  box;

    find(b, path, &box);
    (void) stn_cur_bytes(&box, at);
    assert_int_equal(stn_cur_be32(&box), 0);
    assert_int_equal(box.failed, 0);
}


static void
writes_an_init_segment(void **state)
{
    char          name[5];
    size_t        i;
    stn_buf_t    *b;
    stn_cur_t     c, box;
    stn_cmaf_t   *m;
    stn_format_t  f;

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        media_format_hex(&f, ascs[i]);
        m = stn_cmaf_open(&f);
        assert_non_null(m);
        b = stn_cmaf_out(m);

        /* ftyp and moov, and nothing else */

        stn_cur_init(&c, b->data, b->len);
        assert_true(media_next(&c, name, &box));
        assert_string_equal(name, "ftyp");
        assert_true(media_next(&c, name, &box));
        assert_string_equal(name, "moov");
        assert_false(media_next(&c, name, &box));

        assert_brands(b);
        assert_no_duration(b, "moov/mvhd", 16);
        assert_no_duration(b, "moov/trak/tkhd", 20);
        assert_no_duration(b, "moov/trak/mdia/mdhd", 16);
        assert_no_samples(b, "moov/trak/mdia/minf/stbl/stts", 4);
        assert_no_samples(b, "moov/trak/mdia/minf/stbl/stsz", 8);
        find(b, "moov/mvex/trex", &box);
        assert_false(media_find(b->data, b->len, "moov/trak/edts", &box));

        find(b, "moov/trak/mdia/mdhd", &box);
        (void) stn_cur_bytes(&box, 12);
        assert_int_equal(stn_cur_be32(&box), f.rate);

        find(b, "moov/trak/mdia/minf/stbl/stsd+8/mp4a+28/esds", &box);
        assert_esds(&box, &f);

        stn_cmaf_close(m);
    }
}


/* A cache keeps an init segment under the checksum of its bytes. */

static void
writes_the_same_init_segment_again(void **state)
{
    stn_cmaf_t    *a, *b;
    stn_format_t   f;

    (void) state;

    media_format_hex(&f, "1190");
    a = stn_cmaf_open(&f);
    b = stn_cmaf_open(&f);
    assert_true(a && b);

    assert_int_equal(stn_cmaf_out(a)->len, stn_cmaf_out(b)->len);
    assert_memory_equal(stn_cmaf_out(a)->data, stn_cmaf_out(b)->data,
                        stn_cmaf_out(a)->len);

    stn_cmaf_close(a);
    stn_cmaf_close(b);
}


static void
writes_parts_of_one_moof_and_one_mdat(void **state)
{
    size_t        i;
    uint32_t      n;
    stn_buf_t    *b;
    stn_cmaf_t   *m;
    stn_format_t  f;
    media_part_t  part;

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        media_format_hex(&f, ascs[i]);
        m = stn_cmaf_open(&f);
        assert_non_null(m);
        b = stn_cmaf_out(m);

        for (n = 0; n < 5 * FRAMES; n += FRAMES) {
            write_part(m, &f, n, FRAMES);
            media_parse_part(&part, b->data, b->len);

            assert_int_equal(part.boxes, 2);
            assert_int_equal(part.seq, n / FRAMES);
            assert_int_equal(part.tfdt_version, 1);
            assert_true(part.tfdt == (uint64_t) (POS + (int64_t) n
                                                       * f.frame));
            assert_int_equal(part.samples, FRAMES);
            assert_int_equal(part.duration, FRAMES * f.frame);
            assert_int_equal(part.bytes + 8, part.mdat);
            assert_int_equal(part.moof + part.mdat, b->len);
            assert_int_equal(part.data_offset, part.moof + 8);
            assert_true(part.tfhd_flags & TFHD_BASE_IS_MOOF);
            assert_false(part.tfhd_flags & TFHD_BASE_DATA);
        }

        stn_cmaf_close(m);
    }
}


/* A programme that goes on in another process: what its muxer makes of a part
 * is what the first one would have made of it. */

static void
writes_a_part_alike_wherever_it_begins(void **state)
{
    stn_cmaf_t    *a, *b;
    stn_format_t   f;

    (void) state;

    media_format_hex(&f, "1190");
    a = stn_cmaf_open(&f);
    b = stn_cmaf_open(&f);
    assert_true(a && b);

    write_part(a, &f, 0, FRAMES);
    write_part(a, &f, FRAMES, FRAMES);
    write_part(b, &f, FRAMES, FRAMES);

    assert_int_equal(stn_cmaf_out(a)->len, stn_cmaf_out(b)->len);
    assert_memory_equal(stn_cmaf_out(a)->data, stn_cmaf_out(b)->data,
                        stn_cmaf_out(a)->len);

    stn_cmaf_close(a);
    stn_cmaf_close(b);
}


static void
writes_parts_of_a_single_frame(void **state)
{
    uint32_t      n;
    stn_cmaf_t   *m;
    stn_format_t  f;
    media_part_t  part;

    (void) state;

    media_format_hex(&f, "1208");
    m = stn_cmaf_open(&f);
    assert_non_null(m);

    for (n = 0; n < 20; n++) {
        write_part(m, &f, n, 1);
        media_parse_part(&part, stn_cmaf_out(m)->data, stn_cmaf_out(m)->len);
        assert_int_equal(part.samples, 1);
        assert_int_equal(part.duration, f.frame);
        assert_true(part.tfdt == (uint64_t) (POS + (int64_t) n * f.frame));
    }

    stn_cmaf_close(m);
}


static void
numbers_parts_as_it_is_told(void **state)
{
    size_t        i;
    uint8_t       data[1024];
    stn_cmaf_t   *m;
    stn_format_t  f;
    media_part_t  part;

    static const uint32_t  seqs[] = { 0, 1, 0x01020304, UINT32_MAX, 0 };

    (void) state;

    media_format_hex(&f, "1190");
    m = stn_cmaf_open(&f);
    assert_non_null(m);

    for (i = 0; i < stn_nelems(seqs); i++) {
        stn_buf_reset(stn_cmaf_out(m));
        assert_int_equal(stn_cmaf_frame(m, data, frame(data, 0),
                                        POS + (int64_t) i * f.frame),
                         STN_OK);
        assert_int_equal(stn_cmaf_flush(m, seqs[i]), STN_OK);
        media_parse_part(&part, stn_cmaf_out(m)->data, stn_cmaf_out(m)->len);
        assert_int_equal(part.seq, seqs[i]);
    }

    stn_cmaf_close(m);
}


static void
refuses_a_part_without_frames(void **state)
{
    stn_cmaf_t    *m;
    stn_format_t   f;

    (void) state;

    media_format_hex(&f, "1190");
    m = stn_cmaf_open(&f);
    assert_non_null(m);

    stn_buf_reset(stn_cmaf_out(m));
    assert_int_equal(stn_cmaf_flush(m, 1), STN_ERROR);

    stn_cmaf_close(m);
    stn_cmaf_close(NULL);
}


/* A broadcaster's bytes are not looked into, not even if they begin as ADTS
 * does; but too many of them are refused. */

static void
takes_any_bytes_but_not_any_number(void **state)
{
    int           rc;
    size_t        i;
    uint8_t      *data;
    stn_cmaf_t   *m;
    stn_format_t  f;
    media_part_t  part;

    (void) state;

    data = malloc(STN_CMAF_MAX);
    assert_non_null(data);

    media_format_hex(&f, "1190");
    m = stn_cmaf_open(&f);
    assert_non_null(m);

    write_part(m, &f, 0, FRAMES);
    stn_buf_reset(stn_cmaf_out(m));

    memset(data, 0xff, 4096);

    for (i = 0; i < FRAMES; i++) {
        assert_int_equal(stn_cmaf_frame(m, data, 4096,
                                        POS + (int64_t) (FRAMES + i)
                                              * f.frame),
                         STN_OK);
    }

    assert_int_equal(stn_cmaf_flush(m, 1), STN_OK);
    media_parse_part(&part, stn_cmaf_out(m)->data, stn_cmaf_out(m)->len);
    assert_int_equal(part.bytes, FRAMES * 4096);
    assert_memory_equal(stn_cmaf_out(m)->data + part.data_offset, data, 4096);

    memset(data, 0x21, STN_CMAF_MAX);
    stn_buf_reset(stn_cmaf_out(m));

    rc = STN_OK;

    for (i = 2 * FRAMES; i < 3 * FRAMES && rc == STN_OK; i++) {
        rc = stn_cmaf_frame(m, data, STN_CMAF_MAX / 8,
                            POS + (int64_t) i * f.frame);
    }

    if (rc == STN_OK) {
        rc = stn_cmaf_flush(m, 2);
    }

    assert_int_equal(rc, STN_ERROR);
    assert_true(stn_cmaf_out(m)->len <= STN_CMAF_MAX);

    stn_cmaf_close(m);
    free(data);
}


/* --- read back with libavformat */

static int
read_memory(void *opaque, uint8_t *out, int len)
{
    size_t      n;
    stn_cur_t  *c = opaque;

    n = stn_min(stn_cur_left(c), (size_t) len);

    if (n == 0) {
        return AVERROR_EOF;
    }

    memcpy(out, stn_cur_bytes(c, n), n);

    return (int) n;
}


static void
assert_demuxed(AVFormatContext *ctx, const stn_format_t *f, uint32_t first,
    uint32_t last)
{
    size_t             len;
    uint8_t            data[1024];
    uint32_t           n;
    AVPacket           *pkt;
    AVCodecParameters  *par;

    assert_int_equal(ctx->nb_streams, 1);

    par = ctx->streams[0]->codecpar;
    assert_int_equal(par->codec_id, AV_CODEC_ID_AAC);
    assert_int_equal(par->extradata_size, f->config_len);
    assert_memory_equal(par->extradata, f->config, f->config_len);
    assert_int_equal(ctx->streams[0]->time_base.den, f->rate);

    pkt = av_packet_alloc();
    assert_non_null(pkt);

    for (n = first; n < last; n++) {
        assert_int_equal(av_read_frame(ctx, pkt), 0);

        len = frame(data, n);
        assert_int_equal(pkt->size, len);
        assert_memory_equal(pkt->data, data, len);
        assert_true(pkt->pts == POS + (int64_t) n * f->frame);
        av_packet_unref(pkt);
    }

    assert_int_equal(av_read_frame(ctx, pkt), AVERROR_EOF);
    av_packet_free(&pkt);
}


static void
demux(const stn_buf_t *file, const stn_format_t *f, uint32_t first,
    uint32_t last)
{
    stn_cur_t         c;
    AVIOContext      *io;
    AVFormatContext  *ctx;

    stn_cur_init(&c, file->data, file->len);

    io = avio_alloc_context(av_malloc(4096), 4096, 0, &c, read_memory, NULL,
                            NULL);
    ctx = avformat_alloc_context();
    assert_true(io && ctx);
    ctx->pb = io;

    assert_int_equal(avformat_open_input(&ctx, NULL,
                                         av_find_input_format("mp4"), NULL),
                     0);
    assert_demuxed(ctx, f, first, last);

    avformat_close_input(&ctx);
    av_freep(&io->buffer);
    avio_context_free(&io);
}


static void
is_demuxed_from_the_middle_of_a_stream(void **state)
{
    size_t        i;
    uint32_t      n;
    stn_buf_t     file, *b;
    stn_cmaf_t   *m;
    stn_format_t  f;

    (void) state;

    for (i = 0; i < stn_nelems(ascs); i++) {
        media_format_hex(&f, ascs[i]);
        m = stn_cmaf_open(&f);
        assert_non_null(m);
        b = stn_cmaf_out(m);

        stn_buf_init(&file, 16 * 1024 * 1024);
        stn_buf_put(&file, b->data, b->len);

        for (n = 0; n < 10; n++) {
            write_part(m, &f, n * FRAMES, FRAMES);

            if (n >= 4) {
                stn_buf_put(&file, b->data, b->len);
            }
        }

        assert_int_equal(file.failed, STN_OK);
        demux(&file, &f, 4 * FRAMES, 10 * FRAMES);

        stn_buf_free(&file);
        stn_cmaf_close(m);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(writes_an_init_segment),
        cmocka_unit_test(writes_the_same_init_segment_again),
        cmocka_unit_test(writes_parts_of_one_moof_and_one_mdat),
        cmocka_unit_test(writes_a_part_alike_wherever_it_begins),
        cmocka_unit_test(writes_parts_of_a_single_frame),
        cmocka_unit_test(numbers_parts_as_it_is_told),
        cmocka_unit_test(refuses_a_part_without_frames),
        cmocka_unit_test(takes_any_bytes_but_not_any_number),
        cmocka_unit_test(is_demuxed_from_the_middle_of_a_stream),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
