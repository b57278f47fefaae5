/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Hold audio as a ladder renders it: the same at a place whatever was rendered
 * before, and soft where one loop turns into another.
 */

#include "codec_util.h"

#include "pack/stn_cmaf.h"
#include "programme/stn_ladder_loop.h"


#define FADE  2400
#define POS   ((int64_t) 1763719207 * 48000)


static stn_format_t  format;
static stn_hold_t    comfort;


static int
make_comfort(void **state)
{
    (void) state;

    media_format_hex(&format, "1190");
    assert_int_equal(stn_hold_comfort(&comfort, &format), STN_OK);

    return 0;
}


static int
free_comfort(void **state)
{
    (void) state;

    stn_hold_free(&comfort);

    return 0;
}


/* Renders n samples from pos, in pieces. */

static void
render(stn_ladder_loop_t *o, int64_t pos, size_t n, size_t piece, sound_t *s)
{
    size_t     at, k;
    stn_pcm_t  pcm;

    sound_init(s, 48000, n, pos);

    for (at = 0; at < n; at += k) {
        k = stn_min(n - at, piece);
        stn_ladder_loop_render(o, pos + (int64_t) at, k, &pcm);
        assert_int_equal(pcm.n, k);
        assert_int_equal(pcm.channels, 2);
        assert_int_equal(pcm.rate, 48000);
        sound_append(s, pcm.ch[0], k);
    }
}


static void
sounds_the_same_wherever_it_is_entered(void **state)
{
    size_t             i;
    sound_t            all, some;
    stn_ladder_loop_t  o;

    static const size_t  from[] = { 3, 1024, 5000, 1500, 98304, 98000, 0 };

    (void) state;

    assert_int_equal(stn_ladder_loop_init(&o, FADE), STN_OK);
    assert_int_equal(stn_ladder_loop_play(&o, &comfort, &format, -1), STN_OK);

    render(&o, POS, 110000, 1024, &all);

    for (i = 0; i < stn_nelems(from); i++) {
        render(&o, POS + (int64_t) from[i], 3000, 1 + 77 * i, &some);
        assert_memory_equal(some.x, all.x + from[i], 3000 * sizeof(float));
        sound_free(&some);
    }

    sound_free(&all);
    stn_ladder_loop_free(&o);
}


static void
one_loop_fades_into_the_next(void **state)
{
    double             worst, bend;
    int64_t            i;
    sound_t            s;
    stn_hold_t         silence;
    stn_ladder_loop_t  o;

    (void) state;

    memset(&silence, 0, sizeof(silence));
    silence.bytes = format.filler;
    silence.offset = (size_t []) { 0, format.filler_len };
    silence.frames = 1;
    assert_true(format.filler_len > 0);

    assert_int_equal(stn_ladder_loop_init(&o, FADE), STN_OK);
    assert_int_equal(stn_ladder_loop_play(&o, &comfort, &format, -1), STN_OK);
    render(&o, POS, 500, 500, &s);
    sound_free(&s);

    assert_int_equal(stn_ladder_loop_play(&o, &silence, &format, POS + 500),
                     STN_OK);
    render(&o, POS + 500, 5000, 999, &s);

    for (worst = 0, i = s.pos + 1; i < s.pos + 4999; i++) {
        bend = sound_at(&s, i + 1) - 2 * sound_at(&s, i)
               + sound_at(&s, i - 1);
        worst = fmax(worst, fabs(bend));
    }

    assert_true(fabs(sound_at(&s, POS + 501)) > 0);
    assert_true(worst < 0.0005);

    for (i = POS + 500 + FADE; i < POS + 5000; i++) {
        assert_true(fabs(sound_at(&s, i)) < 1e-6);
    }

    sound_free(&s);
    stn_ladder_loop_free(&o);
}


static void
what_cannot_be_decoded_is_silence(void **state)
{
    size_t             i;
    sound_t            s;
    stn_hold_t         broken;
    stn_format_t       other;
    stn_ladder_loop_t  o;

    (void) state;

    memset(&broken, 0, sizeof(broken));
    broken.bytes = (uint8_t []) { 0xff, 0xff, 0xff, 0xff };
    broken.offset = (size_t []) { 0, 4 };
    broken.frames = 1;

    assert_int_equal(stn_ladder_loop_init(&o, FADE), STN_OK);
    assert_int_equal(stn_ladder_loop_play(&o, &broken, &format, -1), STN_OK);
    render(&o, POS, 5000, 1000, &s);

    for (i = 0; i < s.n; i++) {
        assert_true(s.x[i] == 0);
    }

    media_format_hex(&other, "1210");
    assert_int_equal(stn_ladder_loop_play(&o, &comfort, &other, -1),
                     STN_UNSUPPORTED);
    broken.frames = 0;
    assert_int_equal(stn_ladder_loop_play(&o, &broken, &format, -1),
                     STN_UNSUPPORTED);

    sound_free(&s);
    stn_ladder_loop_free(&o);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(sounds_the_same_wherever_it_is_entered),
        cmocka_unit_test(one_loop_fades_into_the_next),
        cmocka_unit_test(what_cannot_be_decoded_is_silence),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, make_comfort, free_comfort);
}
