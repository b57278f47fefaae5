/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queue of live audio: that samples come out as they went in, each with a
 * weight that neither jumps nor begins or ends above nothing.
 */

#include "wire_util.h"

#include "programme/stn_ladder_live.h"

#include <math.h>


#define FADE  100
#define POS   ((int64_t) 1763719207 * 48000)


static void
append(stn_ladder_live_t *v, size_t n, float from)
{
    float      x[5000];
    size_t     i;
    stn_pcm_t  pcm;

    for (i = 0; i < n; i++) {
        x[i] = from + (float) i;
    }

    memset(&pcm, 0, sizeof(pcm));
    pcm.ch[0] = x;
    pcm.ch[1] = x;
    pcm.channels = 2;
    pcm.n = n;

    assert_int_equal(stn_ladder_live_append(v, &pcm), STN_OK);
}


/* Takes all in pieces; returns how many samples had a weight. */

static size_t
drain(stn_ladder_live_t *v, float *last)
{
    size_t        i, n, piece, heard;
    const float  *rows[3];

    heard = 0;
    piece = 1;

    while (v->n) {
        n = stn_ladder_live_peek(v, piece, rows);
        assert_true(n > 0 && n <= piece);

        for (i = 0; i < n; i++) {
            assert_true(rows[2][i] >= 0 && rows[2][i] <= 1);
            assert_true(fabsf(rows[2][i] - *last) <= 1.01f / FADE);
            *last = rows[2][i];
            heard += *last > 0;
        }

        stn_ladder_live_drop(v, n);
        piece = piece % 37 + 3;
    }

    return heard;
}


static void
samples_keep_their_places(void **state)
{
    size_t              i, at, n;
    const float        *rows[3];
    stn_ladder_live_t   v;

    (void) state;

    stn_ladder_live_init(&v, FADE, POS);

    /* more and less waits, so that rows grow and move */

    for (i = 0, at = 0; i < 200; i++) {
        append(&v, 1000 + i, (float) (i * 1000));
        assert_true(stn_ladder_live_tail(&v) == v.pos + (int64_t) v.n);

        while (v.n > (i % 7) * 700) {
            n = stn_ladder_live_peek(&v, 333, rows);
            assert_true(rows[0][0] == rows[1][0]);
            at += n;
            stn_ladder_live_drop(&v, n);
            assert_true(v.pos == POS + (int64_t) at);
        }
    }

    while (v.n > 1) {
        stn_ladder_live_drop(&v, 1);
    }

    (void) stn_ladder_live_peek(&v, 1, rows);
    assert_true(rows[0][0] == 199 * 1000 + 1198);

    stn_ladder_live_free(&v);
}


static void
time_goes_on_when_nothing_is_held(void **state)
{
    const float        *rows[3];
    stn_ladder_live_t   v;

    (void) state;

    stn_ladder_live_init(&v, FADE, POS);
    assert_int_equal(stn_ladder_live_peek(&v, 77, rows), 77);
    assert_null(rows[0]);
    assert_null(rows[2]);
    stn_ladder_live_drop(&v, 77);
    assert_true(stn_ladder_live_tail(&v) == POS + 77);

    append(&v, 10, 0);
    stn_ladder_live_drop(&v, 30);
    assert_true(v.pos == POS + 107);
    assert_int_equal(v.n, 0);

    stn_ladder_live_free(&v);
}


static void
all_slopes_are_gentle(void **state)
{
    float              last;
    size_t             n, heard;
    stn_ladder_live_t  v;

    (void) state;

    stn_ladder_live_init(&v, FADE, POS);
    last = 0;

    /* lengths around one slope and two */

    for (n = 1; n < 400; n += 7) {
        append(&v, n, 1);
        append(&v, n / 2, 1);
        assert_int_equal(stn_ladder_live_gap(&v, n), STN_OK);

        heard = drain(&v, &last);
        assert_true(last == 0);
        assert_true(heard + 2 >= n + n / 2 || n < 3);
    }

    /* while more may follow, a slope's length is held back: cut then, or
     * ended, it is as gentle */

    append(&v, 1000, 1);

    while (v.n > FADE) {
        const float  *rows[3];

        (void) stn_ladder_live_peek(&v, 1, rows);
        last = rows[2][0];
        stn_ladder_live_drop(&v, 1);
    }

    assert_true(last == 1);
    stn_ladder_live_close(&v);
    (void) drain(&v, &last);
    assert_true(last == 0);

    append(&v, 1000, 1);
    stn_ladder_live_cut(&v);
    assert_int_equal(v.n, FADE);
    (void) drain(&v, &last);
    assert_true(last == 0);

    stn_ladder_live_free(&v);
}


static void
memory_of_a_burst_is_given_back(void **state)
{
    unsigned           i;
    stn_ladder_live_t  v;

    (void) state;

    stn_ladder_live_init(&v, FADE, POS);

    for (i = 0; i < 200; i++) {
        append(&v, 5000, 1);
    }

    assert_true(v.room >= 1000000 && v.room <= 2000000 + 10000);
    stn_ladder_live_drop(&v, 1000000);
    assert_int_equal(v.room, 0);

    append(&v, 50, 1);
    assert_int_equal(v.n, 50);

    stn_ladder_live_free(&v);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(samples_keep_their_places),
        cmocka_unit_test(time_goes_on_when_nothing_is_held),
        cmocka_unit_test(all_slopes_are_gentle),
        cmocka_unit_test(memory_of_a_burst_is_given_back),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
