/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: an RTMP session.  The first byte of the input picks the sizes
 * of the pieces and whether the handshake is part of it; the rest is what the
 * client sends.  The same bytes in one piece must give the same events.
 */

#include <stdlib.h>
#include <string.h>

#include "wire/stn_rtmp.h"
#include "wire/stn_wire_format.h"


#define FUZZ_HELLO_LEN  (STN_RTMP_C0_LEN + STN_RTMP_C1_LEN + STN_RTMP_C2_LEN)

/* Of the first byte: the handshake is in the input; the caller refuses. */
#define FUZZ_HANDSHAKE  0x80
#define FUZZ_REFUSE     0x40


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


typedef struct {
    stn_rtmp_t   s;
    uint64_t     hash;         /* of all events */
    unsigned     refuse;
    unsigned     configured;   /* boolean: a config came */
} fuzz_t;


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
note(fuzz_t *f, const void *data, size_t len)
{
    const uint8_t  *p;

    for (p = data; len; len--) {
        f->hash = (f->hash ^ *p++) * 0x100000001b3ULL;
    }
}


static void
act(fuzz_t *f, const stn_rtmp_event_t *ev)
{
    stn_format_t   format;
    const char    *reason;

    note(f, &ev->type, sizeof(ev->type));

    switch (ev->type) {

    case STN_RTMP_EV_CONNECT:
        note(f, ev->connect.app.data, ev->connect.app.len);
        note(f, ev->connect.query.data, ev->connect.query.len);
        note(f, ev->connect.tcurl.data, ev->connect.tcurl.len);
        note(f, ev->connect.encoder.data, ev->connect.encoder.len);
        (void) stn_rtmp_accept_connect(&f->s);
        break;

    case STN_RTMP_EV_PUBLISH:
        note(f, ev->publish.name.data, ev->publish.name.len);
        note(f, ev->publish.query.data, ev->publish.query.len);
        note(f, ev->publish.type.data, ev->publish.type.len);

        if (f->refuse) {
            (void) stn_rtmp_reject_publish(&f->s, "NetStream.Failed", "no");
        } else {
            (void) stn_rtmp_accept_publish(&f->s);
        }

        break;

    case STN_RTMP_EV_META:
        note(f, ev->meta.encoder.data, ev->meta.encoder.len);
        break;

    case STN_RTMP_EV_CONFIG:
        check(ev->config.len > 0 || ev->config.codec != STN_CODEC_AAC);
        note(f, &ev->config.codec, sizeof(ev->config.codec));
        note(f, ev->config.data, ev->config.len);
        (void) stn_wire_format(&format, ev->config.codec, ev->config.data,
                               ev->config.len, &reason);
        f->configured = 1;
        break;

    case STN_RTMP_EV_AUDIO:
        check(ev->au.len > 0 && f->configured);
        note(f, ev->au.data, ev->au.len);
        note(f, &ev->au.ts, sizeof(ev->au.ts));
        break;

    case STN_RTMP_EV_PLAY:
        note(f, ev->play.name.data, ev->play.name.len);
        break;

    default:
        check(ev->type != STN_RTMP_EV_NONE);
    }
}


/* Feeds in pieces of at most size bytes, 0: all at once. */

static int
feed(fuzz_t *f, const uint8_t *data, size_t len, size_t size)
{
    int               rc;
    size_t            n;
    uint8_t          *piece;
    stn_rtmp_event_t  ev;

    for (rc = STN_AGAIN; len && rc == STN_AGAIN; data += n, len -= n) {
        n = size && size < len ? size : len;

        piece = malloc(n);
        check(piece != NULL);
        memcpy(piece, data, n);

        check(stn_rtmp_feed(&f->s, piece, n) == STN_OK);

        while ((rc = stn_rtmp_next(&f->s, &ev)) == STN_OK) {
            act(f, &ev);
        }

        free(piece);

        check(rc == STN_AGAIN || f->s.reason != NULL);
        check(f->s.out.len <= STN_RTMP_OUT_MAX);
        check(f->s.chunks.memory <= STN_RTMP_REASSEMBLY_MAX);
    }

    return rc;
}


static int
run(fuzz_t *f, uint8_t flags, const uint8_t *data, size_t len, size_t size)
{
    int  rc;

    static const uint8_t  random[STN_RTMP_RANDOM_LEN];
    static const uint8_t  hello[FUZZ_HELLO_LEN] = { STN_RTMP_VERSION };

    f->hash = 1;
    f->configured = 0;
    f->refuse = flags & FUZZ_REFUSE;

    stn_rtmp_init(&f->s, random);

    if ((flags & FUZZ_HANDSHAKE) == 0) {
        check(feed(f, hello, sizeof(hello), 0) == STN_AGAIN);
    }

    rc = feed(f, data, len, size);

    stn_rtmp_free(&f->s);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int       rc, whole;
    uint64_t  hash;
    fuzz_t   *f;

    if (len == 0) {
        return 0;
    }

    f = malloc(sizeof(*f));
    check(f != NULL);

    whole = run(f, data[0], data + 1, len - 1, 0);
    hash = f->hash;

    rc = run(f, data[0], data + 1, len - 1, 1 + (data[0] & 0x3f));

    /* acknowledgements depend on the pieces, and fill up what is not drained */

    if (rc != STN_LIMIT) {
        check(rc == whole || whole == STN_LIMIT);
        check(f->hash == hash || whole == STN_LIMIT);
    }

    free(f);

    return 0;
}
