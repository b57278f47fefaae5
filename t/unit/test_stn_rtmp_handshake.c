/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The RTMP handshake: plain, with digests in either place, computed here anew,
 * and what is no RTMP at all.
 */

#include "rtmp_util.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


static void
answers_a_plain_handshake(void **state)
{
    static const uint8_t  zeros[8];

    size_t    i, len;
    test_t   *t;
    uint8_t  *bin;

    (void) state;

    bin = wire_load("obs-rtmp-client.bin", &len);
    t = test_open();

    assert_int_equal(feed(t, bin, HELLO_LEN - 1, WIRE_RANDOM), STN_AGAIN);
    assert_int_equal(t->s.out.len, 0);
    assert_int_equal(feed(t, bin + HELLO_LEN - 1, 1, WIRE_WHOLE), STN_AGAIN);
    assert_int_equal(t->s.out.len, ANSWER_LEN);
    assert_int_equal(t->s.out.data[0], 3);
    assert_memory_equal(t->s.out.data + 1, zeros, 8);
    assert_memory_equal(t->s.out.data + HELLO_LEN, bin + 1, STN_RTMP_C2_LEN);

    /* the random bytes are no pattern */

    for (i = 64; i < HELLO_LEN - 64; i += 32) {
        assert_memory_not_equal(t->s.out.data + i, t->s.out.data + i + 32, 32);
    }

    test_close(t);
    free(bin);
}


/* The digest of all of c1 but the 32 bytes behind gap. */

static void
hmac(const void *key, size_t len, const uint8_t *c1, size_t gap, uint8_t *out)
{
    uint8_t  rest[STN_RTMP_C1_LEN - 32];

    memcpy(rest, c1, gap);
    memcpy(rest + gap, c1 + gap + 32, sizeof(rest) - gap);
    assert_non_null(HMAC(EVP_sha256(), key, (int) len, rest, sizeof(rest),
                         out, NULL));
}


static size_t
digest_place(const uint8_t *c1, size_t base)
{
    return base + 4 + (c1[base] + c1[base + 1] + c1[base + 2] + c1[base + 3])
                      % 728;
}


static void
answers_digests_in_both_places(void **state)
{
    static const size_t   bases[] = { 8, 772 };
    static const uint8_t  tail[] =
        "\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57"
        "\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";

    size_t    i, place;
    test_t   *t;
    uint8_t   hello[HELLO_LEN] = { 3 }, *s1, *s2;
    uint8_t   digest[32], key[36 + 32];
    uint32_t  x = 77;
    unsigned  j;

    (void) state;

    memcpy(key, "Genuine Adobe Flash Media Server 001", 36);
    memcpy(key + 36, tail, 32);

    for (i = 0; i < stn_nelems(bases); i++) {
        for (j = 1; j < HELLO_LEN; j++) {
            hello[j] = (uint8_t) wire_random(&x);
        }

        place = digest_place(hello + 1, bases[i]);
        hmac("Genuine Adobe Flash Player 001", 30, hello + 1, place,
             hello + 1 + place);

        t = test_open();
        assert_int_equal(feed(t, hello, sizeof(hello), WIRE_BYTES), STN_AGAIN);
        assert_int_equal(t->s.out.len, ANSWER_LEN);

        s1 = t->s.out.data + 1;
        s2 = t->s.out.data + HELLO_LEN;
        assert_int_not_equal(s1[4], 0);

        hmac(key, 36, s1, digest_place(s1, bases[i]), digest);
        assert_memory_equal(s1 + digest_place(s1, bases[i]), digest, 32);

        assert_non_null(HMAC(EVP_sha256(), key, 68, hello + 1 + place, 32,
                             digest, NULL));
        hmac(digest, 32, s2, STN_RTMP_C2_LEN - 32, digest);
        assert_memory_equal(s2 + STN_RTMP_C2_LEN - 32, digest, 32);
        test_close(t);
    }
}


/* A version that promises a digest, and none in either place. */

static void
goes_plain_without_a_digest(void **state)
{
    test_t    *t;
    uint8_t    hello[HELLO_LEN] = { 3, 0, 0, 0, 0, 9, 0, 124, 2 };

    (void) state;

    t = test_open();
    assert_int_equal(feed(t, hello, sizeof(hello), WIRE_WHOLE), STN_AGAIN);
    assert_int_equal(t->s.out.len, ANSWER_LEN);
    assert_int_equal(t->s.out.data[5], 0);
    assert_memory_equal(t->s.out.data + HELLO_LEN, hello + 1, STN_RTMP_C2_LEN);
    test_close(t);
}


static void
refuses_other_protocols_at_the_first_byte(void **state)
{
    test_t  *t;

    (void) state;

    t = test_open();
    assert_int_equal(feed(t, (const uint8_t *) "GET /", 5, WIRE_WHOLE),
                     STN_ERROR);
    assert_string_equal(t->s.reason, "not an RTMP client");
    assert_int_equal(t->s.out.len, 0);
    test_close(t);

    t = test_open();
    assert_int_equal(feed(t, (const uint8_t *) "\x06", 1, WIRE_WHOLE),
                     STN_ERROR);
    assert_string_equal(t->s.reason, "RTMPE is not spoken here");
    assert_int_equal(stn_rtmp_feed(&t->s, (const uint8_t *) "\x03", 1),
                     STN_ERROR);
    assert_int_equal(stn_rtmp_accept_connect(&t->s), STN_ERROR);
    assert_int_equal(stn_rtmp_reject_publish(&t->s, "x", "y"), STN_ERROR);
    test_close(t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(answers_a_plain_handshake),
        cmocka_unit_test(answers_digests_in_both_places),
        cmocka_unit_test(goes_plain_without_a_digest),
        cmocka_unit_test(refuses_other_protocols_at_the_first_byte)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
