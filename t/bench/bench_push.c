/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The benchmarks' broadcaster (see bench_push.h).  It speaks just enough RTMP
 * to be let in: a plain handshake, then connect, createStream and publish in
 * AMF0, one message a chunk.  The server's answers are searched, not parsed.
 */

#include "bench_push.h"

#include "bench_http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <fcntl.h>
#include <unistd.h>


#define BENCH_PUSH_TIMEOUT    5          /* seconds, for each answer */
#define BENCH_PUSH_HANDSHAKE  1536       /* bytes of C1, C2, S1, S2 */
#define BENCH_PUSH_CHUNK      65536      /* chunk size: no message is cut */
#define BENCH_PUSH_OUT_MAX    8192
#define BENCH_PUSH_ANSWER     16384      /* bytes looked through for one */

#define BENCH_PUSH_SET_CHUNK  1          /* RTMP message types */
#define BENCH_PUSH_AUDIO      8
#define BENCH_PUSH_COMMAND    20

#define BENCH_PUSH_MARK       0x53744e42 /* before the frame's number */
#define BENCH_PUSH_MARK_BIT   66         /* where it is in a frame */

#define BENCH_PUSH_FIL        6          /* id_syn_ele, ISO 14496-3 4.4.2.1 */
#define BENCH_PUSH_END        7
#define BENCH_PUSH_FIL_MAX    269        /* bytes of one fill element */


static int bench_push_fail(bench_push_t *p, const char *reason);
static int bench_push_handshake(bench_push_t *p);
static int bench_push_connect(bench_push_t *p, unsigned port,
    const char *app);
static int bench_push_publish(bench_push_t *p, const char *app,
    const char *name);
static int bench_push_config(bench_push_t *p);
static size_t bench_push_begin(bench_push_t *p, unsigned type, uint32_t ts,
    uint32_t stream);
static int bench_push_end(bench_push_t *p, size_t at);
static void bench_push_amf(stn_buf_t *b, const char *s);
static void bench_push_number(stn_buf_t *b, double d);
static void bench_push_key(stn_buf_t *b, const char *key, const char *value);
static int bench_push_expect(bench_push_t *p, const char *answer);
static int bench_push_flush(bench_push_t *p);
static void bench_push_aac(uint8_t *out, size_t size, uint32_t number);
static void bench_push_fill(stn_bitw_t *w, size_t left, uint32_t number);


int
bench_push_open(bench_push_t *p, unsigned port, const char *app,
    const char *name, size_t frame)
{
    struct timeval  tv;

    memset(p, 0, sizeof(*p));
    stn_buf_init(&p->out, BENCH_PUSH_OUT_MAX);

    p->frame = frame;
    p->fd = bench_http_connect(port);

    if (p->fd == -1) {
        return bench_push_fail(p, "cannot connect to the RTMP port");
    }

    if (frame < BENCH_PUSH_MIN || frame > BENCH_PUSH_MAX) {
        return bench_push_fail(p, "frame size out of range");
    }

    /* blocking, with a time limit */

    tv.tv_sec = BENCH_PUSH_TIMEOUT;
    tv.tv_usec = 0;

    if (fcntl(p->fd, F_SETFL, 0) == -1
        || setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == -1
        || setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == -1)
    {
        return bench_push_fail(p, "cannot set up the RTMP socket");
    }

    if (bench_push_handshake(p) != STN_OK
        || bench_push_connect(p, port, app) != STN_OK
        || bench_push_publish(p, app, name) != STN_OK
        || bench_push_config(p) != STN_OK)
    {
        return STN_ERROR;
    }

    p->start = bench_now_ns();

    return STN_OK;
}


static int
bench_push_fail(bench_push_t *p, const char *reason)
{
    p->reason = reason;

    return STN_ERROR;
}


static int
bench_push_handshake(bench_push_t *p)
{
    size_t   n;
    ssize_t  rc;
    uint8_t  hello[1 + BENCH_PUSH_HANDSHAKE];
    uint8_t  answer[1 + 2 * BENCH_PUSH_HANDSHAKE];

    memset(hello, 0, sizeof(hello));
    hello[0] = 3;

    stn_buf_put(&p->out, hello, sizeof(hello));

    if (bench_push_flush(p) != STN_OK) {
        return STN_ERROR;
    }

    for (n = 0; n < sizeof(answer); n += (size_t) rc) {
        rc = recv(p->fd, answer + n, sizeof(answer) - n, 0);
        if (rc <= 0) {
            return bench_push_fail(p, "no handshake from the server");
        }
    }

    stn_buf_put(&p->out, answer + 1, BENCH_PUSH_HANDSHAKE);

    return bench_push_flush(p);
}


static int
bench_push_connect(bench_push_t *p, unsigned port, const char *app)
{
    char        url[256];
    size_t      at;
    stn_buf_t  *b;

    b = &p->out;

    at = bench_push_begin(p, BENCH_PUSH_SET_CHUNK, 0, 0);
    stn_buf_be32(b, BENCH_PUSH_CHUNK);
    bench_push_end(p, at);

    snprintf(url, sizeof(url), "rtmp://127.0.0.1:%u/%s", port, app);

    at = bench_push_begin(p, BENCH_PUSH_COMMAND, 0, 0);
    bench_push_amf(b, "connect");
    bench_push_number(b, 1);
    stn_buf_u8(b, 0x03);
    bench_push_key(b, "app", app);
    bench_push_key(b, "type", "nonprivate");
    bench_push_key(b, "flashVer", "FMLE/3.0 (compatible; stentor-bench)");
    bench_push_key(b, "tcUrl", url);
    stn_buf_be24(b, 0x000009);
    bench_push_end(p, at);

    return bench_push_expect(p, "NetConnection.Connect.Success");
}


static int
bench_push_publish(bench_push_t *p, const char *app, const char *name)
{
    size_t      at;
    stn_buf_t  *b;

    b = &p->out;

    at = bench_push_begin(p, BENCH_PUSH_COMMAND, 0, 0);
    bench_push_amf(b, "createStream");
    bench_push_number(b, 2);
    stn_buf_u8(b, 0x05);
    bench_push_end(p, at);

    if (bench_push_expect(p, "_result") != STN_OK) {
        return STN_ERROR;
    }

    at = bench_push_begin(p, BENCH_PUSH_COMMAND, 0, 1);
    bench_push_amf(b, "publish");
    bench_push_number(b, 3);
    stn_buf_u8(b, 0x05);
    bench_push_amf(b, name);
    bench_push_amf(b, app);
    bench_push_end(p, at);

    return bench_push_expect(p, "NetStream.Publish.Start");
}


/* AudioSpecificConfig: AAC-LC, 48 kHz, stereo. */

static int
bench_push_config(bench_push_t *p)
{
    size_t                at;
    static const uint8_t  config[] = { 0xaf, 0x00, 0x11, 0x90 };

    at = bench_push_begin(p, BENCH_PUSH_AUDIO, 0, 1);
    stn_buf_put(&p->out, config, sizeof(config));
    bench_push_end(p, at);

    return bench_push_flush(p);
}


/* A type 0 chunk header (RTMP 5.3.1.2.1); returns where it begins. */

static size_t
bench_push_begin(bench_push_t *p, unsigned type, uint32_t ts, uint32_t stream)
{
    size_t      at;
    stn_buf_t  *b;

    b = &p->out;
    at = b->len;

    stn_buf_u8(b, type == BENCH_PUSH_SET_CHUNK ? 2 : 4);
    stn_buf_be24(b, stn_min(ts, 0xffffff));
    stn_buf_be24(b, 0);
    stn_buf_u8(b, (uint8_t) type);
    stn_buf_be32(b, stream << 24);         /* little endian */

    if (ts >= 0xffffff) {
        stn_buf_be32(b, ts);
    }

    return at;
}


/* Fills in the length of the message that begins at at. */

static int
bench_push_end(bench_push_t *p, size_t at)
{
    size_t    len;
    uint8_t  *h;

    if (p->out.failed) {
        return bench_push_fail(p, "message too long");
    }

    h = p->out.data + at;
    len = p->out.len - at - 12;

    if (h[1] == 0xff && h[2] == 0xff && h[3] == 0xff) {
        len -= 4;
    }

    h[4] = (uint8_t) (len >> 16);
    h[5] = (uint8_t) (len >> 8);
    h[6] = (uint8_t) len;

    return STN_OK;
}


static void
bench_push_amf(stn_buf_t *b, const char *s)
{
    stn_buf_u8(b, 0x02);
    stn_buf_be16(b, (uint16_t) strlen(s));
    stn_buf_str(b, s);
}


static void
bench_push_number(stn_buf_t *b, double d)
{
    stn_buf_u8(b, 0x00);
    stn_buf_double(b, d);
}


static void
bench_push_key(stn_buf_t *b, const char *key, const char *value)
{
    stn_buf_be16(b, (uint16_t) strlen(key));
    stn_buf_str(b, key);
    bench_push_amf(b, value);
}


/* Sends what is prepared and reads until the answer's text comes by. */

static int
bench_push_expect(bench_push_t *p, const char *answer)
{
    char     buf[BENCH_PUSH_ANSWER];
    size_t   len;
    ssize_t  n;

    if (bench_push_flush(p) != STN_OK) {
        return STN_ERROR;
    }

    for (len = 0; len < sizeof(buf); ) {
        n = recv(p->fd, buf + len, sizeof(buf) - len, 0);
        if (n <= 0) {
            return bench_push_fail(p, n ? "no answer from the RTMP server"
                                        : "the RTMP server closed");
        }

        len += (size_t) n;

        if (memmem(buf, len, answer, strlen(answer))) {
            return STN_OK;
        }

        if (memmem(buf, len, "error", 5)) {
            return bench_push_fail(p, "the RTMP server refused");
        }
    }

    return bench_push_fail(p, "the RTMP server answered something else");
}


static int
bench_push_flush(bench_push_t *p)
{
    ssize_t  n;

    n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL);

    if (p->out.failed || n != (ssize_t) p->out.len) {
        return bench_push_fail(p, "cannot send to the RTMP server");
    }

    stn_buf_reset(&p->out);

    return STN_OK;
}


int64_t
bench_push_due(const bench_push_t *p)
{
    return p->start + stn_rescale((int64_t) p->next * BENCH_PUSH_SAMPLES,
                                  1000000000, BENCH_PUSH_RATE);
}


int
bench_push_frame(bench_push_t *p)
{
    int64_t   ms;
    size_t    at;
    ssize_t   n;
    uint8_t  *frame;
    char      drain[4096];

    ms = stn_rescale((int64_t) p->next * BENCH_PUSH_SAMPLES, 1000,
                     BENCH_PUSH_RATE);

    at = bench_push_begin(p, BENCH_PUSH_AUDIO, (uint32_t) ms, 1);
    stn_buf_be16(&p->out, 0xaf01);

    frame = stn_buf_reserve(&p->out, p->frame);
    if (frame == NULL) {
        return bench_push_fail(p, "out of memory");
    }

    bench_push_aac(frame, p->frame, p->next);
    p->out.len += p->frame;
    bench_push_end(p, at);

    p->sent[p->next % BENCH_PUSH_RING] = bench_now_ns();

    if (bench_push_flush(p) != STN_OK) {
        return STN_ERROR;
    }

    p->next++;

    n = recv(p->fd, drain, sizeof(drain), MSG_DONTWAIT);
    if (n == 0 || (n == -1 && errno != EAGAIN)) {
        return bench_push_fail(p, "the RTMP server closed");
    }

    return STN_OK;
}


/*
 * One raw_data_block (ISO 14496-3 4.4.2.1) of size bytes: a channel pair
 * without any spectrum, fill elements up to the end, ID_END.
 *
 *   0    43      50        58         66      98      130
 *   | CPE | FIL, 15 | esc     | type, 0 | mark  | number | fill ... END
 */

static void
bench_push_aac(uint8_t *out, size_t size, uint32_t number)
{
    size_t      left;
    stn_bitw_t  w;

    stn_bitw_init(&w, out, size);

    stn_bitw_put(&w, 0x21, 8);     /* ID_CPE, tag 0, common_window */
    stn_bitw_put(&w, 0, 11);       /* ics_info: long, max_sfb 0; no ms_mask */
    stn_bitw_put(&w, 0, 2);
    stn_bitw_put(&w, 0, 11);       /* gain 0, no pulse, tns, gain control */
    stn_bitw_put(&w, 0, 11);

    for ( ;; ) {
        left = w.nbits - w.pos - 3;
        if (left < 7) {
            break;
        }

        bench_push_fill(&w, left, number);
    }

    stn_bitw_put(&w, BENCH_PUSH_END, 3);
}


/* One fill element, as large as left bits allow; the first has the number. */

static void
bench_push_fill(stn_bitw_t *w, size_t left, uint32_t number)
{
    size_t  i, cnt;

    /* from 15 bytes on the count is escaped */

    cnt = left < 15 + 15 * 8 ? stn_min((left - 7) / 8, 14)
                             : stn_min((left - 15) / 8, BENCH_PUSH_FIL_MAX);

    stn_bitw_put(w, BENCH_PUSH_FIL, 3);
    stn_bitw_put(w, (uint32_t) stn_min(cnt, 15), 4);

    if (cnt >= 15) {
        stn_bitw_put(w, (uint32_t) (cnt - 14), 8);
    }

    for (i = 0; i < cnt; i++) {
        if (w->pos == BENCH_PUSH_MARK_BIT) {
            stn_bitw_put(w, BENCH_PUSH_MARK, 32);
            stn_bitw_put(w, number, 32);
            i += 7;
            continue;
        }

        /* extension type 0 is mere filling */

        stn_bitw_put(w, i == 0 ? 0 : 0xa5, 8);
    }
}


int
bench_push_last(const bench_push_t *p, const char *part, size_t len,
    uint32_t *number, int64_t *sent)
{
    stn_bits_t  b;

    if (len < p->frame) {
        return STN_ERROR;
    }

    stn_bits_init(&b, part + len - p->frame, p->frame);
    b.pos = BENCH_PUSH_MARK_BIT;

    if (stn_bits_get(&b, 32) != BENCH_PUSH_MARK) {
        return STN_ERROR;
    }

    *number = stn_bits_get(&b, 32);
    *sent = p->sent[*number % BENCH_PUSH_RING];

    return *number < p->next && p->next - *number <= BENCH_PUSH_RING
           ? STN_OK : STN_ERROR;
}


void
bench_push_close(bench_push_t *p)
{
    if (p->fd != -1) {
        close(p->fd);
    }

    stn_buf_free(&p->out);
}
