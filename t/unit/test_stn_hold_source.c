/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which files are taken for hold audio and which are refused, each with the
 * reason that an operator reads; how much of them is used, and that the work
 * can be stopped.
 */

#include "hold_util.h"
#include "short_util.h"

#include <signal.h>
#include <sys/time.h>


/* A picture of any size in the tag before the audio is none of ours. */

static void
steps_over_large_tags(void **state)
{
    size_t       i, len;
    uint8_t     *data;
    uint32_t     ms;
    stn_buf_t    b;
    const char  *reason = "none";

    static const char *const  names[] = {
        "cover.mp3", "adts.aac", "tone.flac"
    };

    (void) state;

    for (i = 0; i < stn_nelems(names); i++) {
        data = hold_load(names[i], &len);

        stn_buf_init(&b, 8 << 20);
        stn_buf_put(&b, "ID3\x04\0\0\x02\0\0\0", 10);
        memset(stn_buf_reserve(&b, 4 << 20), 0x55, 4 << 20);
        b.len += 4 << 20;
        stn_buf_put(&b, data, len);

        if (stn_hold_check(b.data, b.len, &ms, &reason) != STN_OK) {
            fail_msg("%s %s", names[i], reason);
        }

        assert_in_range(ms, 1300, 1323);

        stn_buf_free(&b);
        free(data);
    }
}


static void
assert_refused(const uint8_t *data, size_t len, const char *why)
{
    uint32_t      ms;
    uint8_t      *exact;
    stn_hold_t    h;
    const char   *reason;
    stn_format_t  f;

    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, data, len);

    reason = "none";
    assert_int_equal(stn_hold_check(exact, len, &ms, &reason), STN_ERROR);
    assert_string_equal(reason, why);

    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);

    reason = "none";
    assert_int_equal(hold_make(&h, &f, exact, len, &reason), STN_ERROR);
    assert_string_equal(reason, why);
    assert_null(h.bytes);
    assert_int_equal(h.frames, 0);

    free(exact);
}


static void
refuses_what_is_no_audio(void **state)
{
    size_t       i, len;
    uint8_t     *data;
    uint32_t     x = 1;
    uint8_t      noise[20000];

    static const char  playlist[] =
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n/etc/passwd\n";
    static const char  list[] = "ffconcat version 1.0\nfile a.wav\n";

    (void) state;

    assert_refused((const uint8_t *) "", 0, "is empty");
    assert_refused((const uint8_t *) "x", 1, "is not an audio file");
    assert_refused((const uint8_t *) playlist, strlen(playlist),
                   "is not an audio file");
    assert_refused((const uint8_t *) list, strlen(list),
                   "is not an audio file");

    for (i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t) wire_random(&x);
    }

    assert_refused(noise, sizeof(noise), "is not an audio file");

    memset(noise, 0, sizeof(noise));
    assert_refused(noise, sizeof(noise), "is not an audio file");

    data = hold_load("README.md", &len);
    assert_refused(data, len, "is not an audio file");
    free(data);

    data = hold_load("video.mp4", &len);
    assert_refused(data, len, "has no audio");
    free(data);
}


static void
refuses_what_is_broken(void **state)
{
    size_t    i, k, len;
    uint8_t  *data;

    static const struct {
        const char  *name;
        const char  *why;      /* when three tenths of it are missing */
    } files[] = {
        { "cover.m4a", "is broken: its header cannot be read" },
        { "cover.mp3", "is broken: its end is missing" },
        { "tone.flac", "is broken: its end is missing" },
        { "opus.webm", "is broken: its end is missing" },
    };

    (void) state;

    for (i = 0; i < stn_nelems(files); i++) {
        data = hold_load(files[i].name, &len);
        assert_refused(data, len * 7 / 10, files[i].why);
        free(data);
    }

    /* a few bytes of each frame */

    data = hold_load("adts.aac", &len);

    for (k = 200; k < len; k += 50) {
        data[k] ^= 0x55;
    }

    assert_refused(data, len, "is broken: much of it cannot be decoded");
    free(data);
}


static void
bears_a_little_damage(void **state)
{
    size_t       i, len;
    uint8_t     *data;
    uint32_t     ms;
    const char  *reason;

    static const char *const  names[] = {
        "cover.mp3", "cover.m4a", "adts.aac", "tone.flac"
    };

    (void) state;

    /* what is missing here is the encoder's delay */

    data = hold_load("short.mp3", &len);
    assert_int_equal(stn_hold_check(data, len, &ms, &reason), STN_OK);
    assert_int_equal(ms, 600);
    free(data);

    for (i = 0; i < stn_nelems(names); i++) {
        data = hold_load(names[i], &len);
        memset(data + len / 2, 0xa5, 60);
        reason = "none";

        if (stn_hold_check(data, len, &ms, &reason) != STN_OK) {
            fail_msg("%s %s", names[i], reason);
        }

        assert_true(ms >= 1100);
        free(data);
    }
}


static void
assert_wav_refused(const sound_t *s, size_t cut, const char *why)
{
    stn_buf_t  wav;

    sound_wav(s, 0, &wav);
    assert_refused(wav.data, wav.len - cut, why);
    stn_buf_free(&wav);
}


static void
refuses_what_makes_no_loop(void **state)
{
    size_t   i;
    sound_t  s;

    (void) state;

    sound_open(&s, 48000, 1, 24000);
    assert_wav_refused(&s, 0, "is digital silence");

    /* as loud as the last bit of 16 */

    for (i = 0; i < s.n; i++) {
        s.ch[0][i] = (float) (i % 2) / 32768;
    }

    assert_wav_refused(&s, 0, "is digital silence");

    sound_tone(&s, 0, 440, 0.1, 0);
    assert_wav_refused(&s, s.n * 2, "is broken: its end is missing");

    s.n--;
    assert_wav_refused(&s, 0, "is shorter than 500 ms");

    s.n = 0;
    assert_wav_refused(&s, 0, "is shorter than 500 ms");
    sound_close(&s);

    sound_open(&s, 8000, 8, 8000);
    sound_tone(&s, 0, 440, 0.1, 0);
    s.channels = 9;
    s.ch[8] = s.ch[0];
    assert_wav_refused(&s, 0, "has more than 8 channels");
    s.channels = 8;
    sound_close(&s);
}


/* The shortest that may be, at the rates where it has fewest frames. */

static void
takes_half_a_second(void **state)
{
    size_t        i, n, len;
    sound_t       s;
    stn_buf_t     wav;
    uint32_t      ms;
    stn_hold_t    h;
    const char   *reason = "none";
    stn_format_t  f;

    (void) state;

    sound_open(&s, 44100, 1, 22050);
    sound_tone(&s, 0, 440, 0.1, 0);
    sound_wav(&s, 0, &wav);

    assert_int_equal(stn_hold_check(wav.data, wav.len, &ms, &reason), STN_OK);
    assert_int_equal(ms, 500);

    for (i = 0; i < 13; i += is_short() ? 4 : 1) {
        media_format(&f, MEDIA_ASC(i, 2), 2);
        assert_int_equal(hold_make(&h, &f, wav.data, wav.len, &reason), STN_OK);
        assert_in_range(h.frames, 2, 45);

        for (n = 0; n < h.frames; n++) {
            (void) stn_hold_frame(&h, n, &len);
            assert_true(len > 0);
        }

        stn_hold_free(&h);
    }

    stn_buf_free(&wav);
    sound_close(&s);
}


/* A quarter of an hour and a second: 8-bit PCM, so that it takes no time. */

static void
long_wav(stn_buf_t *b)
{
    size_t    i, n;
    uint8_t  *p;

    n = 8000 * (STN_HOLD_MAX_S + 1);

    stn_buf_init(b, n + 64);
    stn_buf_put(b, "RIFF", 4);
    sound_le(b, (uint32_t) n + 36, 4);
    stn_buf_put(b, "WAVEfmt \x10\0\0\0\x01\0\x01\0", 16);
    sound_le(b, 8000, 4);
    sound_le(b, 8000, 4);
    stn_buf_put(b, "\x01\0\x08\0data", 8);
    sound_le(b, (uint32_t) n, 4);

    p = stn_buf_reserve(b, n);
    assert_non_null(p);
    b->len += n;

    for (i = 0; i < n; i++) {
        p[i] = (uint8_t) (128 + i % 16 * 4);
    }
}


static void
uses_a_quarter_of_an_hour(void **state)
{
    uint32_t      ms;
    stn_buf_t     wav;
    stn_hold_t    h;
    const char   *reason = "none";
    stn_format_t  f;

    (void) state;

    leave_out_if_short();

    long_wav(&wav);

    assert_int_equal(stn_hold_check(wav.data, wav.len, &ms, &reason), STN_OK);
    assert_int_equal(ms, STN_HOLD_MAX_S * 1000);

    media_format(&f, MEDIA_ASC(11, 1), 2);
    assert_int_equal(hold_make(&h, &f, wav.data, wav.len, &reason), STN_OK);
    assert_int_equal(h.frames, (STN_HOLD_MAX_S - 1) * 8000 / 1024);

    stn_hold_free(&h);
    stn_buf_free(&wav);
}


/* Set by a signal: sig_atomic_t is an int. */

static volatile int  stop;


static void
on_alarm(int signo)
{
    (void) signo;
    stop = 1;
}


static void
stops_when_told(void **state)
{
    stn_buf_t         wav;
    stn_hold_t        h;
    const char       *reason;
    stn_format_t      f;
    stn_hold_conf_t   conf;
    struct itimerval  soon = { { 0, 0 }, { 0, 200000 } };

    (void) state;

    long_wav(&wav);
    media_format(&f, MEDIA_ASC(MEDIA_48000, 2), 2);

    conf = (stn_hold_conf_t) { &f, HOLD_BITRATE, wav.data, wav.len, &stop };

    /* before it began */

    stop = 1;
    assert_int_equal(stn_hold_file(&h, &conf, &reason), STN_AGAIN);
    assert_null(h.bytes);

    /* in the midst of what takes seconds of CPU */

    stop = 0;
    signal(SIGVTALRM, on_alarm);
    assert_int_equal(setitimer(ITIMER_VIRTUAL, &soon, NULL), 0);
    assert_int_equal(stn_hold_file(&h, &conf, &reason), STN_AGAIN);
    assert_int_equal(stop, 1);
    assert_null(h.bytes);
    signal(SIGVTALRM, SIG_DFL);

    stn_buf_free(&wav);
}


static void
says_what_it_cannot_encode(void **state)
{
    size_t        i, len;
    uint8_t      *data;
    stn_hold_t    h;
    const char   *reason;
    stn_format_t  f[5];

    (void) state;

    media_format(&f[0], (uint8_t []) { 0x11, 0x94 }, 2);       /* 960 */
    media_format_hex(&f[1], "17805dbf90");                     /* 47999 Hz */
    media_format(&f[2], MEDIA_ASC(MEDIA_48000, 2), 2);
    f[2].channel_config = 0;                                   /* a PCE */
    hold_opus(&f[3], 2);
    f[3].frame = 480;
    media_format(&f[4], MEDIA_ASC(MEDIA_48000, 2), 2);
    f[4].codec = STN_CODEC_FLAC;

    data = hold_load("cover.mp3", &len);

    for (i = 0; i < stn_nelems(f); i++) {
        reason = "none";
        assert_int_equal(hold_make(&h, &f[i], data, len, &reason),
                         STN_UNSUPPORTED);
        assert_string_equal(reason, "cannot be encoded for such a stream");
        assert_null(h.bytes);
        stn_hold_free(&h);
    }

    free(data);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(steps_over_large_tags),
        cmocka_unit_test(refuses_what_is_no_audio),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(bears_a_little_damage),
        cmocka_unit_test(refuses_what_makes_no_loop),
        cmocka_unit_test(takes_half_a_second),
        cmocka_unit_test(uses_a_quarter_of_an_hour),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(says_what_it_cannot_encode),
    };

    stn_cmaf_quiet();

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
