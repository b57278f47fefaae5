/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The splitter: units as soon as they are whole, over garbage, gaps, and
 * payloads cut anywhere.
 */

#include "ts_util.h"

#include "wire/stn_es.h"


#define UNIT  50


static void
expect_unit(stn_es_t *es, unsigned number, unsigned stamped, unsigned skipped)
{
    stn_es_unit_t  u;

    assert_int_equal(stn_es_next(es, &u), STN_OK);
    assert_int_equal(u.len, UNIT);
    assert_int_equal(u.data[1], number);
    assert_int_equal(u.stamped, stamped);
    assert_int_equal(u.skipped, skipped);
    assert_int_equal(u.codec, STN_CODEC_AAC);
    assert_int_equal(u.config_len, 2);
    assert_int_equal(u.samples, 1024);
    assert_int_equal(u.rate, 48000);
}


static void
expect_again(stn_es_t *es)
{
    stn_es_unit_t  u;

    assert_int_equal(stn_es_next(es, &u), STN_AGAIN);
}


static void
feed(stn_es_t *es, const stn_buf_t *b, size_t from, size_t to)
{
    assert_int_equal(b->failed, STN_OK);
    assert_int_equal(stn_es_feed(es, b->data + from, to - from), STN_OK);
}


/* n frames, numbered from 1. */

static void
frames_make(stn_buf_t *b, unsigned n)
{
    unsigned  i;

    stn_buf_init(b, 65536);

    for (i = 1; i <= n; i++) {
        ts_put_adts(b, i, UNIT);
    }
}


static void
the_last_frame_does_not_wait(void **state)
{
    stn_es_t   es;
    stn_buf_t  b;

    (void) state;

    stn_es_init(&es, STN_ES_ADTS);
    frames_make(&b, 3);

    feed(&es, &b, 0, b.len);
    expect_unit(&es, 1, 1, 0);
    expect_unit(&es, 2, 0, 0);
    expect_unit(&es, 3, 0, 0);
    expect_again(&es);

    stn_buf_free(&b);
    stn_es_free(&es);
}


/* The second payload's PTS is that of the first unit that begins in it. */

static void
frames_lie_across_payloads(void **state)
{
    size_t     cut, all;
    stn_es_t   es;
    stn_buf_t  b;

    (void) state;

    frames_make(&b, 3);
    all = UNIT + 7;

    for (cut = 1; cut < all; cut++) {
        stn_es_init(&es, STN_ES_ADTS);

        feed(&es, &b, 0, cut);
        expect_again(&es);

        feed(&es, &b, cut, b.len);
        expect_unit(&es, 1, 0, 0);
        expect_unit(&es, 2, 1, 0);
        expect_unit(&es, 3, 0, 0);
        expect_again(&es);

        assert_int_equal(es.broken, 0);
        stn_es_free(&es);
    }

    stn_buf_free(&b);
}


static void
steps_over_garbage(void **state)
{
    stn_es_t   es;
    stn_buf_t  b;

    (void) state;

    stn_es_init(&es, STN_ES_ADTS);
    stn_buf_init(&b, 65536);

    stn_buf_str(&b, "garbage\xff\xf1");
    ts_put_adts(&b, 1, UNIT);
    stn_buf_str(&b, "and more");
    ts_put_adts(&b, 2, UNIT);
    ts_put_adts(&b, 3, UNIT);

    /* what garbage follows is not believed */

    feed(&es, &b, 0, b.len);
    expect_unit(&es, 2, 1, 0);
    expect_unit(&es, 3, 0, 0);
    expect_again(&es);

    assert_int_equal(es.broken, 1);
    assert_int_equal(es.garbage, 9 + UNIT + 7 + 8);

    stn_buf_free(&b);
    stn_es_free(&es);
}


static void
nothing_is_joined_over_a_gap(void **state)
{
    stn_es_t   es;
    stn_buf_t  b;

    (void) state;

    stn_es_init(&es, STN_ES_ADTS);
    frames_make(&b, 4);

    feed(&es, &b, 0, UNIT + 7 + 20);
    expect_unit(&es, 1, 1, 0);
    expect_again(&es);

    stn_es_gap(&es);
    stn_es_gap(&es);
    assert_int_equal(es.broken, 1);

    feed(&es, &b, 2 * (UNIT + 7), b.len);
    expect_unit(&es, 3, 1, 0);
    expect_unit(&es, 4, 0, 0);
    expect_again(&es);
    assert_int_equal(es.broken, 1);

    stn_buf_free(&b);
    stn_es_free(&es);
}


/* Frames that give no unit have their time all the same. */

static void
counts_frames_that_give_nothing(void **state)
{
    stn_es_t   es;
    stn_buf_t  b;

    (void) state;

    stn_es_init(&es, STN_ES_ADTS);
    frames_make(&b, 5);

    b.data[6] |= 1;                                /* two blocks */
    b.data[3 * (UNIT + 7) + 6] |= 1;

    feed(&es, &b, 0, b.len);
    expect_unit(&es, 2, 1, 1);
    expect_unit(&es, 3, 0, 0);
    expect_unit(&es, 5, 0, 1);
    expect_again(&es);
    assert_int_equal(es.broken, 2);

    stn_buf_free(&b);
    stn_es_free(&es);
}


static void
refuses_a_stream_of_refused_frames(void **state)
{
    unsigned       i;
    stn_es_t       es;
    stn_buf_t      b;
    stn_es_unit_t  u;

    (void) state;

    stn_es_init(&es, STN_ES_ADTS);
    frames_make(&b, STN_ES_REFUSED_MAX);

    for (i = 0; i < STN_ES_REFUSED_MAX; i++) {
        b.data[i * (UNIT + 7) + 6] |= 1;
    }

    feed(&es, &b, 0, b.len);
    assert_int_equal(stn_es_next(&es, &u), STN_UNSUPPORTED);
    assert_string_equal(es.reason, "several AAC blocks in one ADTS frame");

    stn_buf_free(&b);
    stn_es_free(&es);
}


static void
takes_no_more_than_its_limit(void **state)
{
    uint8_t   *data;
    stn_es_t   es;

    (void) state;

    data = calloc(1, STN_ES_PAYLOAD_MAX + 1);
    assert_non_null(data);

    stn_es_init(&es, STN_ES_ADTS);
    assert_int_equal(stn_es_feed(&es, data, STN_ES_PAYLOAD_MAX + 1),
                     STN_LIMIT);
    assert_int_equal(stn_es_feed(&es, data, STN_ES_PAYLOAD_MAX), STN_OK);
    expect_again(&es);
    assert_int_equal(es.garbage, STN_ES_PAYLOAD_MAX);
    assert_int_equal(stn_es_feed(&es, data, STN_ES_PAYLOAD_MAX), STN_OK);

    stn_es_free(&es);
    free(data);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_last_frame_does_not_wait),
        cmocka_unit_test(frames_lie_across_payloads),
        cmocka_unit_test(steps_over_garbage),
        cmocka_unit_test(nothing_is_joined_over_a_gap),
        cmocka_unit_test(counts_frames_that_give_nothing),
        cmocka_unit_test(refuses_a_stream_of_refused_frames),
        cmocka_unit_test(takes_no_more_than_its_limit)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
