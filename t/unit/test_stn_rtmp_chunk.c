/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The RTMP chunk stream: all header types, both dialects of extended
 * timestamps, interleaving, limits, and the same messages however the input
 * is cut.  Expected messages are written as text, one per message:
 * "type@time:payload;".
 */

#include "wire_util.h"

#include "wire/stn_rtmp_chunk.h"


#define AUDIO  STN_RTMP_AUDIO
#define DATA   STN_RTMP_DATA_AMF0


/* Reads all of b, cut as asked, and writes what came out as text. */

static int
read_all(stn_rtmp_chunk_t *c, const stn_buf_t *b, unsigned cut, char *out,
    size_t size)
{
    int             rc;
    size_t          done, n, len;
    uint8_t        *piece;
    uint32_t        x = 12345 + cut;
    stn_cur_t       in;
    stn_rtmp_msg_t  m;

    stn_rtmp_chunk_init(c);

    for (rc = STN_AGAIN, done = len = 0; done < b->len && rc == STN_AGAIN;
         done += n)
    {
        n = wire_piece(cut, &x, b->len - done);

        /* a block of its own, so that reading past its end is noticed */

        piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, b->data + done, n);
        stn_cur_init(&in, piece, n);

        while ((rc = stn_rtmp_chunk_next(c, &in, &m)) == STN_OK) {
            len += (size_t) snprintf(out + len, size - len, "%u@%lld:%.*s;",
                                     m.type, (long long) m.time,
                                     (int) stn_min(m.len, 40),
                                     (const char *) m.data);
            assert_in_range(len, 0, size - 1);
        }

        assert_true(rc < 0 || stn_cur_left(&in) == 0);
        free(piece);
    }

    out[len] = 0;

    return rc;
}


/* Each way of cutting b must give want and end with rc.  Frees b. */

static void
expect_rc(stn_buf_t *b, int rc, const char *want)
{
    char               out[8192];
    unsigned           cut;
    stn_rtmp_chunk_t  *c;

    assert_int_equal(b->failed, STN_OK);

    c = malloc(sizeof(*c));
    assert_non_null(c);

    for (cut = 0; cut < WIRE_CUTS; cut++) {
        assert_int_equal(read_all(c, b, cut, out, sizeof(out)), rc);
        assert_string_equal(out, want);
        assert_true(rc == STN_AGAIN || c->reason != NULL);
        assert_in_range(c->memory, 0, STN_RTMP_REASSEMBLY_MAX);
        stn_rtmp_chunk_free(c);
    }

    free(c);
    stn_buf_free(b);
}


static void
expect(stn_buf_t *b, const char *want)
{
    expect_rc(b, STN_AGAIN, want);
}


static void
put(stn_buf_t *b, unsigned fmt, unsigned csid, uint32_t stamp,
    const char *payload)
{
    wire_chunk_t  c = { fmt, csid, stamp, (uint32_t) strlen(payload), AUDIO };

    wire_header(b, &c);
    stn_buf_str(b, payload);
}


static void
reads_all_header_types(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    put(&b, 0, 4, 1000, "abc");
    put(&b, 1, 4, 20, "de");
    put(&b, 2, 4, 21, "fg");
    put(&b, 3, 4, 0, "hi");
    put(&b, 3, 4, 0, "jk");
    put(&b, 1, 4, 5, "l");
    expect(&b, "8@1000:abc;8@1020:de;8@1041:fg;8@1062:hi;8@1083:jk;8@1088:l;");
}


static void
adds_the_timestamp_when_type_3_follows_type_0(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    put(&b, 0, 4, 21, "ab");
    put(&b, 3, 4, 0, "cd");
    put(&b, 3, 4, 0, "ef");
    expect(&b, "8@21:ab;8@42:cd;8@63:ef;");
}


static void
reads_all_basic_headers(void **state)
{
    size_t     i;
    stn_buf_t  b;

    static const uint8_t  starts[][3] = {
        { 0x00, 0 }, { 0x00, 255 }, { 0x01, 0, 0 }, { 0x01, 0, 1 },
        { 0x01, 255, 255 }
    };

    (void) state;

    stn_buf_init(&b, 1 << 20);

    for (i = 0; i < stn_nelems(starts); i++) {
        stn_buf_put(&b, starts[i], starts[i][0] + 2);
        stn_buf_put(&b, "\0\0\1\0\0\1\x8\1\0\0\0x", 12);
    }

    /* 64 in three bytes is 64 in two: a type 3 header knows it */

    stn_buf_put(&b, "\xc1\0\0y", 4);
    expect(&b, "8@1:x;8@1:x;8@1:x;8@1:x;8@1:x;8@2:y;");
}


static void
puts_interleaved_messages_together(void **state)
{
    char          a[301], d[301];
    char          want[1024];
    stn_buf_t     b;
    wire_chunk_t  ca = { 0, 4, 10, 300, AUDIO }, cd = { 0, 5, 7, 300, DATA };

    (void) state;

    memset(a, 'a', 300);
    memset(d, 'd', 300);
    a[300] = d[300] = 0;

    stn_buf_init(&b, 1 << 20);
    wire_header(&b, &ca);
    stn_buf_put(&b, a, 128);
    wire_header(&b, &cd);
    stn_buf_put(&b, d, 128);
    stn_buf_u8(&b, 0xc4);
    stn_buf_put(&b, a, 128);
    wire_message(&b, W(6, 8, AUDIO), "between", 7);
    stn_buf_u8(&b, 0xc4);
    stn_buf_put(&b, a, 44);
    stn_buf_u8(&b, 0xc5);
    stn_buf_put(&b, d, 128);
    stn_buf_u8(&b, 0xc5);
    stn_buf_put(&b, d, 44);

    snprintf(want, sizeof(want), "8@8:between;8@10:%.40s;18@7:%.40s;", a, d);
    expect(&b, want);
}


/* A message in three chunks whose type 3 headers do, or do not, repeat the
 * extended timestamp; then one with a plain delta. */

static void
put_extended(stn_buf_t *b, uint32_t stamp, const char *body, int repeat)
{
    unsigned      i;
    wire_chunk_t  c = { 0, 4, stamp, 300, AUDIO };

    wire_header(b, &c);

    for (i = 0; i < 300; i += 128) {
        if (i) {
            stn_buf_u8(b, 0xc4);

            if (repeat) {
                stn_buf_be32(b, stamp);
            }
        }

        stn_buf_put(b, body + i, i < 256 ? 128 : 44);
    }
}


static void
reads_extended_timestamps_in_both_dialects(void **state)
{
    int        repeat;
    char       body[301], want[256];
    unsigned   i;
    stn_buf_t  b;

    (void) state;

    for (i = 0; i < 300; i++) {
        body[i] = (char) ('a' + i % 26);
    }

    body[300] = 0;

    for (repeat = 0; repeat < 2; repeat++) {
        stn_buf_init(&b, 1 << 20);
        put_extended(&b, 0xffffff, body, repeat);
        put_extended(&b, 0x1000001, body, repeat);
        put(&b, 1, 4, 20, "x");
        put(&b, 1, 4, 0xfffffe, "y");

        snprintf(want, sizeof(want),
                 "8@16777215:%.40s;8@16777217:%.40s;8@16777237:x;"
                 "8@33554451:y;", body, body);
        expect(&b, want);
    }
}


/* The payload after a type 3 header begins as the timestamp does, or ends
 * before four bytes could be compared. */

static void
tells_payload_from_repeated_timestamps(void **state)
{
    char          body[301], want[256];
    unsigned      k;
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 0x41424344, 0, AUDIO };

    (void) state;

    memset(body, 'z', 300);
    memcpy(body + 128, "ABCz", 4);
    memcpy(body + 256, "ABzz", 4);
    body[300] = 0;

    stn_buf_init(&b, 1 << 20);
    put_extended(&b, 0x41424344, body, 0);
    snprintf(want, sizeof(want), "8@1094861636:%.40s;", body);
    expect(&b, want);

    put_extended(&b, 0x41424344, body, 1);
    expect(&b, want);

    /* last chunks of one to three bytes, another message right behind */

    for (k = 1; k <= 3; k++) {
        c.len = 128 + k;
        wire_header(&b, &c);
        stn_buf_put(&b, body, 128);
        stn_buf_u8(&b, 0xc4);
        stn_buf_put(&b, "ABC", k);
        wire_message(&b, W(5, 0x41424345, AUDIO), "next", 4);

        snprintf(want, sizeof(want), "8@1094861636:%.40s;8@1094861637:next;",
                 body);
        expect(&b, want);
    }
}


/* The bytes of the timestamp are headers, too: 0x04 0x00 0x00 0x04. */

static void
reads_again_what_was_no_timestamp(void **state)
{
    char          zeros[128] = { 0 };
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 0x04000004, 130, DATA };

    (void) state;

    stn_buf_init(&b, 1 << 20);
    wire_header(&b, &c);
    stn_buf_put(&b, zeros, 128);
    stn_buf_u8(&b, 0xc4);
    stn_buf_put(&b, "\x04\0", 2);            /* two bytes of payload */

    /* chunk stream 64, of which the header begins 00 00 00: unlike 00 04 */

    stn_buf_put(&b, "\x00\x00\0\0\0\0\0\1\x8\1\0\0\0w", 14);

    expect(&b, "18@67108868:;8@0:w;");
}


static void
begins_messages_with_type_3_and_extended_timestamp(void **state)
{
    int           repeat;
    stn_buf_t     b;
    wire_chunk_t  c = { 1, 4, 0x1000000, 2, AUDIO };

    (void) state;

    for (repeat = 0; repeat < 2; repeat++) {
        stn_buf_init(&b, 1 << 20);
        put(&b, 0, 4, 5, "ab");
        wire_header(&b, &c);
        stn_buf_str(&b, "cd");
        stn_buf_u8(&b, 0xc4);

        if (repeat) {
            stn_buf_be32(&b, 0x1000000);
        }

        stn_buf_str(&b, "ef");
        expect(&b, "8@5:ab;8@16777221:cd;8@33554437:ef;");
    }
}


static void
unwraps_timestamps(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    put(&b, 0, 4, 0xfffffff0, "a");
    put(&b, 2, 4, 0x20, "b");
    put(&b, 0, 4, 0xfffffff8, "c");               /* a step back */
    put(&b, 0, 4, 0x30, "d");
    wire_message(&b, W(5, 0, DATA), "m", 1);         /* moves no clock */
    wire_message(&b, W(5, 0x80000010, DATA), "n", 1);
    put(&b, 0, 6, 0x60, "e");                     /* another chunk stream */
    put(&b, 0, 6, 0x70000000, "f");               /* a jump ahead */
    put(&b, 0, 6, 0x10, "g");                     /* and back again */
    expect(&b, "8@4294967280:a;8@4294967312:b;8@4294967288:c;8@4294967344:d;"
               "18@4294967296:m;18@6442450960:n;8@4294967392:e;"
               "8@6174015488:f;8@4294967312:g;");
}


static void
obeys_set_chunk_size(void **state)
{
    char          body[400], want[128];
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 9, 400, AUDIO };

    (void) state;

    memset(body, 's', sizeof(body));
    snprintf(want, sizeof(want), "8@9:%.40s;8@9:%.40s;", body, body);

    /* in the midst of a message: its next chunk is of the new size */

    stn_buf_init(&b, 1 << 20);
    wire_header(&b, &c);
    stn_buf_put(&b, body, 128);
    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0\0\2", 4);
    stn_buf_u8(&b, 0xc4);
    stn_buf_put(&b, body, 2);
    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0", 2);
    b.len -= 14;
    stn_buf_put(&b, "\x42\0\0\0\0\0\4\1", 8);     /* in chunks of two */
    stn_buf_put(&b, "\x7f\xff\xc2\xff\xff", 5);
    stn_buf_u8(&b, 0xc4);
    stn_buf_put(&b, body, 270);
    wire_header(&b, &c);
    stn_buf_put(&b, body, 400);
    expect(&b, want);
}


static void
refuses_impossible_chunk_sizes(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0\0\0", 4);
    expect_rc(&b, STN_ERROR, "");

    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\x80\0\0\1", 4);
    expect_rc(&b, STN_ERROR, "");

    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0\1", 3);
    expect_rc(&b, STN_ERROR, "");
}


static void
obeys_abort(void **state)
{
    char          body[128];
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 9, 400, AUDIO };

    (void) state;

    memset(body, 'x', sizeof(body));

    stn_buf_init(&b, 1 << 20);
    wire_header(&b, &c);
    stn_buf_put(&b, body, 128);
    wire_message(&b, W(2, 0, STN_RTMP_ABORT), "\0\0\0\4", 4);
    wire_message(&b, W(2, 0, STN_RTMP_ABORT), "\0\0\0\x9", 4);
    put(&b, 1, 4, 1, "fresh");
    expect(&b, "8@10:fresh;");

    wire_message(&b, W(2, 0, STN_RTMP_ABORT), "\0", 1);
    expect_rc(&b, STN_ERROR, "");
}


static void
counts_and_skips_video(void **state)
{
    char               out[256];
    uint8_t            zeros[1000] = { 0 };
    unsigned           cut;
    stn_buf_t          b;
    stn_rtmp_chunk_t  *c;

    (void) state;

    c = malloc(sizeof(*c));
    assert_non_null(c);

    stn_buf_init(&b, 1 << 20);
    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0\x10\0", 4);
    wire_message(&b, W(4, 0, STN_RTMP_VIDEO), zeros, sizeof(zeros));
    wire_message(&b, W(4, 3, AUDIO), "a", 1);
    wire_message(&b, W(4, 5, STN_RTMP_VIDEO), zeros, 10);
    wire_message(&b, W(4, 5, 0x20), zeros, 7);
    wire_message(&b, W(4, 5, 19), zeros, 5);
    wire_message(&b, W(4, 8, AUDIO), "b", 1);

    for (cut = 0; cut < WIRE_CUTS; cut++) {
        assert_int_equal(read_all(c, &b, cut, out, sizeof(out)), STN_AGAIN);
        assert_string_equal(out, "8@3:a;8@8:b;");
        assert_int_equal(c->video_messages, 2);
        assert_int_equal(c->video_bytes, 1010);
        assert_int_equal(c->skipped_messages, 2);
        assert_int_equal(c->skipped_bytes, 12);

        /* nothing of it was stored */

        assert_in_range(c->memory, 0, 2048);
        stn_rtmp_chunk_free(c);
    }

    stn_buf_free(&b);
    free(c);
}


static void
hands_out_messages_of_no_bytes(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    put(&b, 0, 4, 1, "");
    put(&b, 3, 4, 0, "");
    put(&b, 1, 4, 1, "x");
    put(&b, 1, 4, 1, "");
    expect(&b, "8@1:;8@2:;8@3:x;8@4:;");
}


static void
bears_repeated_headers_inside_a_message(void **state)
{
    char          body[200], want[128];
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 9, 200, AUDIO };

    (void) state;

    memset(body, 'r', sizeof(body));
    snprintf(want, sizeof(want), "8@9:%.40s;8@18:x;", body);

    stn_buf_init(&b, 1 << 20);
    wire_header(&b, &c);
    stn_buf_put(&b, body, 128);
    c.fmt = 1;
    c.stamp = 0;
    wire_header(&b, &c);
    stn_buf_put(&b, body, 72);
    put(&b, 1, 4, 9, "x");
    expect(&b, want);

    c.fmt = 0;
    wire_header(&b, &c);
    stn_buf_put(&b, body, 128);
    put(&b, 0, 4, 9, "another message");
    expect_rc(&b, STN_ERROR, "");
}


static void
begins_a_chunk_stream_with_type_1_at_best(void **state)
{
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    put(&b, 1, 4, 7, "x");
    expect(&b, "8@7:x;");

    put(&b, 2, 4, 7, "x");
    expect_rc(&b, STN_ERROR, "");

    put(&b, 3, 4, 7, "x");
    expect_rc(&b, STN_ERROR, "");
}


static void
limits_chunk_streams(void **state)
{
    char       want[STN_RTMP_CHUNK_STREAMS_MAX * 8];
    unsigned   i;
    stn_buf_t  b;

    (void) state;

    stn_buf_init(&b, 1 << 20);
    want[0] = 0;

    for (i = 0; i < STN_RTMP_CHUNK_STREAMS_MAX; i++) {
        stn_buf_u8(&b, 1);
        stn_buf_be16(&b, (uint16_t) i);
        stn_buf_put(&b, "\0\0\0\0\0\1\x8\1\0\0\0x", 12);
        strcat(want, "8@0:x;");
    }

    stn_buf_u8(&b, 0xc1);
    stn_buf_be16(&b, 0);
    stn_buf_u8(&b, 'y');
    strcat(want, "8@0:y;");
    stn_buf_u8(&b, 1);
    stn_buf_be16(&b, 0xffff);
    stn_buf_put(&b, "\0\0\0\0\0\1\x8\1\0\0\0x", 12);
    expect_rc(&b, STN_LIMIT, want);
}


static void
limits_message_lengths(void **state)
{
    size_t        i;
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 4, 0, 0, 0 };

    static const struct {
        uint8_t   type;
        uint32_t  max;
        int       rc;
    } t[] = {
        { AUDIO, STN_RTMP_AUDIO_MAX, STN_LIMIT },
        { STN_RTMP_COMMAND_AMF0, STN_RTMP_COMMAND_MAX, STN_LIMIT },
        { STN_RTMP_COMMAND_AMF3, STN_RTMP_COMMAND_MAX, STN_LIMIT },
        { STN_RTMP_USER_CONTROL, STN_RTMP_CONTROL_MAX, STN_LIMIT },
        { STN_RTMP_SET_CHUNK_SIZE, STN_RTMP_CONTROL_MAX, STN_LIMIT },
        { DATA, STN_RTMP_DATA_MAX, STN_AGAIN },
        { STN_RTMP_AGGREGATE, STN_RTMP_DATA_MAX, STN_AGAIN },
        { STN_RTMP_VIDEO, 0xffffff, STN_AGAIN },
        { 77, 0xffffff, STN_AGAIN }
    };

    (void) state;

    stn_buf_init(&b, 1 << 20);

    for (i = 0; i < stn_nelems(t); i++) {
        c.type = t[i].type;
        c.len = t[i].max;
        wire_header(&b, &c);
        stn_buf_put(&b, "x", 1);
        expect(&b, "");

        c.len = stn_min(t[i].max + 1, 0xffffff);
        wire_header(&b, &c);
        stn_buf_put(&b, "x", 1);
        expect_rc(&b, t[i].rc, "");
    }
}


/* Long messages begun on many chunk streams at once, none of them ended. */

static void
limits_reassembly_memory(void **state)
{
    unsigned      i;
    stn_buf_t     b;
    wire_chunk_t  c = { 0, 0, 0, STN_RTMP_COMMAND_MAX, STN_RTMP_COMMAND_AMF0 };
    char          body[128] = { 0 };

    (void) state;

    stn_buf_init(&b, 1 << 20);

    for (i = 0; i < STN_RTMP_REASSEMBLY_MAX / STN_RTMP_COMMAND_MAX; i++) {
        c.csid = 3 + i;
        wire_header(&b, &c);
        stn_buf_put(&b, body, sizeof(body));
    }

    c.csid++;
    c.len = 129;
    wire_header(&b, &c);
    stn_buf_put(&b, body, sizeof(body));
    expect_rc(&b, STN_LIMIT, "");
}


static void
gives_large_buffers_back(void **state)
{
    char               out[4096];
    unsigned           i, cut;
    uint8_t           *body;
    stn_buf_t          b;
    stn_rtmp_chunk_t  *c;

    (void) state;

    c = malloc(sizeof(*c));
    body = calloc(1, STN_RTMP_DATA_MAX);
    assert_non_null(c);
    assert_non_null(body);

    stn_buf_init(&b, 1 << 20);
    wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\1\0\0", 4);

    for (i = 0; i < 8; i++) {
        wire_message(&b, W(3 + i, 0, DATA), body, STN_RTMP_DATA_MAX);
    }

    for (cut = 0; cut < WIRE_CUTS; cut++) {
        assert_int_equal(read_all(c, &b, cut, out, sizeof(out)), STN_AGAIN);
        assert_in_range(c->memory, 0, 8 * STN_RTMP_REASSEMBLY_KEEP);
        stn_rtmp_chunk_free(c);
    }

    stn_buf_free(&b);
    free(body);
    free(c);
}


static void
writes_what_it_reads(void **state)
{
    char            body[1000], want[128];
    uint32_t        size;
    stn_buf_t       b;
    stn_rtmp_msg_t  m = { DATA, 1, 0, (const uint8_t *) body, sizeof(body) };

    (void) state;

    memset(body, 'w', sizeof(body));
    snprintf(want, sizeof(want), "18@0:%.40s;18@0:%.40s;", body, body);

    for (size = 128; size < 2000; size += 1000) {
        stn_buf_init(&b, 1 << 20);

        if (size != 128) {
            wire_message(&b, W(2, 0, STN_RTMP_SET_CHUNK_SIZE), "\0\0\4\x68", 4);
        }

        assert_int_equal(stn_rtmp_chunk_put(&b, size, 5, &m), STN_OK);
        assert_int_equal(stn_rtmp_chunk_put(&b, size, 5, &m), STN_OK);
        expect(&b, want);
    }

    stn_buf_init(&b, 100);
    assert_int_equal(stn_rtmp_chunk_put(&b, 128, 5, &m), STN_LIMIT);
    stn_buf_free(&b);
}


/* Reads a recording behind its handshake, cut as asked; returns a hash of its
 * messages and counts them and those with audio. */

static uint64_t
read_recording(const uint8_t *bin, size_t len, unsigned cut, unsigned n[2])
{
    int                rc;
    size_t             done, size;
    uint32_t           x = 99 + cut;
    uint64_t           h = 1;
    stn_cur_t          in;
    stn_rtmp_msg_t     m;
    stn_rtmp_chunk_t  *c;

    c = malloc(sizeof(*c));
    assert_non_null(c);
    stn_rtmp_chunk_init(c);
    n[0] = n[1] = 0;

    for (done = 3073; done < len; done += size) {
        size = wire_piece(cut, &x, len - done);
        stn_cur_init(&in, bin + done, size);

        while ((rc = stn_rtmp_chunk_next(c, &in, &m)) == STN_OK) {
            h = wire_hash(h, &m.type, sizeof(m.type));
            h = wire_hash(h, &m.time, sizeof(m.time));
            h = wire_hash(h, &m.stream_id, sizeof(m.stream_id));
            h = wire_hash(h, m.data, m.len);
            n[0]++;
            n[1] += m.type == AUDIO;
        }

        assert_int_equal(rc, STN_AGAIN);
    }

    stn_rtmp_chunk_free(c);
    free(c);

    return h;
}


static void
reads_recordings_cut_anyhow(void **state)
{
    static const struct {
        const char  *name;
        unsigned     messages, audio;
    } t[] = {

        /* Set Chunk Size and video are not handed out */

        { "obs-rtmp-client.bin", 587 - 1 - 103, 475 },
        { "ffmpeg-rtmp-client.bin", 480 - 1, 471 },
        { "gst-rtmp-client.bin", 113 - 1, 101 }
    };

    size_t     i, len;
    uint8_t   *bin;
    unsigned   cut, n[2];
    uint64_t   h, first = 0;

    (void) state;

    for (i = 0; i < stn_nelems(t); i++) {
        bin = wire_load(t[i].name, &len);

        for (cut = 0; cut < WIRE_CUTS; cut++) {
            h = read_recording(bin, len, cut, n);
            assert_int_equal(n[0], t[i].messages);
            assert_int_equal(n[1], t[i].audio);

            first = cut ? first : h;
            assert_true(h == first);
        }

        free(bin);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_all_header_types),
        cmocka_unit_test(adds_the_timestamp_when_type_3_follows_type_0),
        cmocka_unit_test(reads_all_basic_headers),
        cmocka_unit_test(puts_interleaved_messages_together),
        cmocka_unit_test(reads_extended_timestamps_in_both_dialects),
        cmocka_unit_test(tells_payload_from_repeated_timestamps),
        cmocka_unit_test(reads_again_what_was_no_timestamp),
        cmocka_unit_test(begins_messages_with_type_3_and_extended_timestamp),
        cmocka_unit_test(unwraps_timestamps),
        cmocka_unit_test(obeys_set_chunk_size),
        cmocka_unit_test(refuses_impossible_chunk_sizes),
        cmocka_unit_test(obeys_abort),
        cmocka_unit_test(counts_and_skips_video),
        cmocka_unit_test(hands_out_messages_of_no_bytes),
        cmocka_unit_test(bears_repeated_headers_inside_a_message),
        cmocka_unit_test(begins_a_chunk_stream_with_type_1_at_best),
        cmocka_unit_test(limits_chunk_streams),
        cmocka_unit_test(limits_message_lengths),
        cmocka_unit_test(limits_reassembly_memory),
        cmocka_unit_test(gives_large_buffers_back),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(reads_recordings_cut_anyhow)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
