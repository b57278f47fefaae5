/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: records from another node.  The input's first byte says into
 * which pieces the rest is cut.  What is read must be within the limits, be
 * the same in other pieces, and be written again as it can be read again.
 */

#include <stdlib.h>
#include <string.h>

#include "relay/stn_relay.h"


/* What came of an input. */

typedef struct {
    stn_buf_t  out;            /* all records, written again */
    int        rc;
} run_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


/* Each byte of what a record points to, so that sanitizers see it. */

static void
touch(const stn_str_t *s)
{
    size_t             i;
    volatile unsigned  sum;

    for (i = 0, sum = 0; i < s->len; i++) {
        sum += (uint8_t) s->data[i];
    }
}


static void
put_part(stn_buf_t *out, const stn_relay_part_t *p)
{
    unsigned  i;
    size_t    len;

    for (i = 0, len = 0; i < p->n; i++) {
        check(p->pieces[i].len > 0 && p->pieces[i].rate > 0);
        len += p->pieces[i].len;
    }

    touch(&p->data);
    check(len == p->data.len);
    check(stn_relay_put_part(out, p) == STN_OK);
    check(stn_buf_put(out, p->data.data, p->data.len) == STN_OK);
}


static void
put(stn_buf_t *out, const stn_relay_record_t *r)
{
    unsigned  i;

    switch (r->type) {

    case STN_RELAY_STREAM:
        for (i = 0; i < r->u.stream.hops; i++) {
            check(stn_str_is_text(&r->u.stream.chain[i]));
        }

        check(stn_relay_put_stream(out, &r->u.stream) == STN_OK);
        break;

    case STN_RELAY_INIT:
        touch(&r->u.init.config);
        touch(&r->u.init.data);
        check(stn_str_is_text(&r->u.init.codecs));
        check(stn_relay_put_init(out, &r->u.init) == STN_OK);
        break;

    case STN_RELAY_PART:
        put_part(out, &r->u.part);
        break;

    case STN_RELAY_EDGE:
        check(stn_relay_put_edge(out) == STN_OK);
        break;

    case STN_RELAY_HEARTBEAT:
        check(stn_relay_put_beat(out, &r->u.beat) == STN_OK);
        break;

    case STN_RELAY_END:
        check(r->u.end <= STN_RELAY_END_AGAIN);
        check(stn_relay_put_end(out, r->u.end) == STN_OK);
        break;

    default:
        abort();
    }
}


/* Reads data in pieces of at most that many bytes. */

static void
run(run_t *run, const uint8_t *data, size_t len, size_t piece)
{
    size_t               n;
    stn_relay_record_t   record;
    stn_relay_reader_t   r;

    stn_buf_init(&run->out, (size_t) 1 << 30);
    check(stn_relay_put_magic(&run->out) == STN_OK);

    stn_relay_reader_init(&r);

    for (run->rc = STN_AGAIN; len && run->rc == STN_AGAIN; len -= n) {
        n = stn_min(piece, len);
        check(stn_relay_reader_put(&r, data, n) == STN_OK);
        data += n;

        while ((run->rc = stn_relay_reader_next(&r, &record)) == STN_OK) {
            put(&run->out, &record);
        }

        check(run->rc == STN_AGAIN || r.reason != NULL);
    }

    check(run->rc == STN_AGAIN || run->rc == STN_ERROR
          || run->rc == STN_LIMIT);

    stn_relay_reader_free(&r);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    run_t   whole, pieces, again;
    size_t  piece;

    if (len == 0) {
        return 0;
    }

    piece = 1 + data[0];
    data++;
    len--;

    run(&whole, data, len, len);
    run(&pieces, data, len, piece);

    check(whole.rc == pieces.rc);
    check(whole.out.len == pieces.out.len);
    check(memcmp(whole.out.data, pieces.out.data, whole.out.len) == 0);

    run(&again, whole.out.data, whole.out.len, whole.out.len);

    check(again.rc == STN_AGAIN);
    check(whole.out.len == again.out.len);
    check(memcmp(whole.out.data, again.out.data, whole.out.len) == 0);

    stn_buf_free(&whole.out);
    stn_buf_free(&pieces.out);
    stn_buf_free(&again.out);

    return 0;
}
