/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dialogue authmod=adobe over its three connections.  The challenge and
 * the responses were made with the openssl command, as librtmp (own challenge
 * in base64) and ffmpeg (in hexadecimal) make them:
 *
 *     T=$(printf %08x 1800000000)
 *     C=$T$(printf %s ${T}joe | openssl dgst -sha256 -hmac SECRET | ...)
 *     H=$(printf %s joeNaClopensesame | openssl dgst -md5 -binary | base64)
 *     R=$(printf %s $H$C'jCBkaw==' | openssl dgst -md5 -binary | base64)
 */

#include "access_util.h"

#include <stdio.h>

#include "access/stn_adobe.h"


#define NOW        1800000000
#define SECRET     "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define CHALLENGE  "6b49d2008257764f8fac557cf5d2c1b8"
#define CHALLENGE_OF_ANN  "6b49d2000e78fda9a79d39b769f29fc7"

#define REJECT     "[ AccessManager.Reject ] : "

#define BY_LIBRTMP                                                            \
    "authmod=adobe&user=joe&challenge=jCBkaw=="                               \
    "&response=hFl07BZpsf8mcUJGXrOxzw==&opaque=" CHALLENGE
#define BY_FFMPEG                                                             \
    "authmod=adobe&user=joe&challenge=1a2b3c4d"                               \
    "&response=D+M74fDrc3wkgxA/NDfobw==&opaque=" CHALLENGE

#define USERS                                                                 \
    "user joe NaCl:o0gkiQdlYxF4U1LFE+fHbg==\n"                                \
    "user ann pepper:yJMfWiCNQ/MSi2pVc+Biiw==\n"


static stn_keys_t   keys;
static stn_adobe_t  a;


static int
setup(void **state)
{
    (void) state;

    a.keys = &keys;
    a.secret = (const uint8_t *) SECRET;

    return stn_keys_read(&keys, USERS, strlen(USERS));
}


static int
teardown(void **state)
{
    (void) state;

    stn_keys_free(&keys);

    return 0;
}


static void
expect(const char *query, int64_t now_s, stn_access_e verdict,
    const char *description)
{
    stn_params_t  p;

    access_params(&p, query);

    assert_int_equal(stn_adobe_connect(&a, &p, now_s), verdict);
    assert_string_equal(a.description, description);
}


static void
holds_the_dialogue(void **state)
{
    (void) state;

    expect("", NOW, STN_ACCESS_NEED_AUTH,
           REJECT "[ code=403 need auth; authmod=adobe ] :");

    expect("authmod=adobe&user=joe", NOW, STN_ACCESS_NEED_AUTH,
           REJECT "[ authmod=adobe ] : ?reason=needauth&user=joe&salt=NaCl"
           "&challenge=" CHALLENGE "&opaque=" CHALLENGE);

    expect(BY_LIBRTMP, NOW, STN_ACCESS_OK, "");
    expect(BY_FFMPEG, NOW + 2, STN_ACCESS_OK, "");
}


static void
holds_it_behind_a_query(void **state)
{
    (void) state;

    expect("user=joe?" BY_LIBRTMP, NOW, STN_ACCESS_OK, "");
    expect("track=2&" BY_LIBRTMP, NOW, STN_ACCESS_OK, "");
}


static void
ends_it_for_a_wrong_password(void **state)
{
    const char  *failed = REJECT "[ authmod=adobe ] : ?reason=authfailed";

    (void) state;

    expect("authmod=adobe&user=joe&challenge=1a2b3c4d"
           "&response=ifoXDAcDpNIrW1Aq+63tPA==&opaque=" CHALLENGE, NOW,
           STN_ACCESS_BAD_PASSWORD, failed);
    expect("authmod=adobe&user=joe&challenge=1a2b3c4e"
           "&response=D+M74fDrc3wkgxA/NDfobw==&opaque=" CHALLENGE, NOW,
           STN_ACCESS_BAD_PASSWORD, failed);
    expect("authmod=adobe&user=joe&challenge=1a2b3c4d&response=short"
           "&opaque=" CHALLENGE, NOW, STN_ACCESS_BAD_PASSWORD, failed);
    expect("authmod=adobe&user=joe&response=D+M74fDrc3wkgxA/NDfobw=="
           "&opaque=" CHALLENGE "&challenge="
           "01234567890123456789012345678901234567890123456789"
           "012345678901234567890123456789", NOW, STN_ACCESS_BAD_PASSWORD,
           failed);
}


static void
ends_it_for_an_unknown_user(void **state)
{
    const char  *nobody = REJECT "[ authmod=adobe ] : ?reason=nosuchuser";

    (void) state;

    expect("authmod=adobe&user=bob", NOW, STN_ACCESS_BAD_USER, nobody);
    expect("authmod=adobe", NOW, STN_ACCESS_BAD_USER, nobody);
}


static void
takes_only_fresh_challenges_of_its_own(void **state)
{
    const char  *failed = REJECT "[ authmod=adobe ] : ?reason=authfailed";

    (void) state;

    expect(BY_LIBRTMP, NOW + STN_ADOBE_TTL_S, STN_ACCESS_OK, "");
    expect(BY_LIBRTMP, NOW + STN_ADOBE_TTL_S + 1, STN_ACCESS_STALE, failed);
    expect(BY_LIBRTMP, NOW - STN_ADOBE_TTL_S, STN_ACCESS_OK, "");
    expect(BY_LIBRTMP, NOW - STN_ADOBE_TTL_S - 1, STN_ACCESS_STALE, failed);
    expect(BY_LIBRTMP, NOW + 0x100000000, STN_ACCESS_OK, "");

    expect("authmod=adobe&user=ann&challenge=jCBkaw=="
           "&response=hFl07BZpsf8mcUJGXrOxzw==&opaque=" CHALLENGE, NOW,
           STN_ACCESS_STALE, failed);
    expect("authmod=adobe&user=joe&challenge=jCBkaw=="
           "&response=hFl07BZpsf8mcUJGXrOxzw==&opaque=" CHALLENGE_OF_ANN,
           NOW, STN_ACCESS_STALE, failed);
    expect("authmod=adobe&user=joe&challenge=x&response=y", NOW,
           STN_ACCESS_STALE, failed);
    expect("authmod=adobe&user=joe&challenge=x&response=y"
           "&opaque=6b49d2zz8257764f8fac557cf5d2c1b8", NOW, STN_ACCESS_STALE,
           failed);
}


static void
is_verified_by_who_knows_the_secret(void **state)
{
    const char  *failed = REJECT "[ authmod=adobe ] : ?reason=authfailed";

    (void) state;

    a.secret = (const uint8_t *) "another secret, of a later reload";
    expect(BY_LIBRTMP, NOW, STN_ACCESS_STALE, failed);
    a.secret = (const uint8_t *) SECRET;
}


static void
asks_only_who_must_answer(void **state)
{
    const char  *ask = REJECT "[ code=403 need auth; authmod=adobe ] :";
    const char  *mixed = USERS "secret 0123456789abcdef\n";
    const char  *none = "secret 0123456789abcdef\n";

    (void) state;

    expect("user=joe&pass=opensesame", NOW, STN_ACCESS_NO_KEY, "");

    stn_keys_free(&keys);
    assert_int_equal(stn_keys_read(&keys, mixed, strlen(mixed)), STN_OK);

    expect("", NOW, STN_ACCESS_NO_KEY, "");
    expect("exp=1&sig=2", NOW, STN_ACCESS_NO_KEY, "");
    expect("user=joe", NOW, STN_ACCESS_NEED_AUTH, ask);
    expect(BY_FFMPEG, NOW, STN_ACCESS_OK, "");

    stn_keys_free(&keys);
    assert_int_equal(stn_keys_read(&keys, none, strlen(none)), STN_OK);

    expect("", NOW, STN_ACCESS_NO_KEY, "");
    expect("user=joe", NOW, STN_ACCESS_NO_KEY, "");

    stn_keys_free(&keys);
    assert_int_equal(setup(NULL), 0);
}


/* The longest of all: the encoder must get the whole of it. */

static void
fits_what_encoders_read(void **state)
{
    char         line[128];
    const char  *query;

    (void) state;

    stn_keys_free(&keys);

    snprintf(line, sizeof(line), "user %s %s:o0gkiQdlYxF4U1LFE+fHbg==\n",
             "abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwx");
    assert_int_equal(stn_keys_read(&keys, line, strlen(line)), STN_OK);

    query = "authmod=adobe&user=abcdefghijklmnopqrstuvwxyz012345";

    expect(query, NOW, STN_ACCESS_NEED_AUTH,
           REJECT "[ authmod=adobe ] : ?reason=needauth"
           "&user=abcdefghijklmnopqrstuvwxyz012345"
           "&salt=abcdefghijklmnopqrstuvwx"
           "&challenge=6b49d2000953f6306323840230c5615c"
           "&opaque=6b49d2000953f6306323840230c5615c");

    stn_keys_free(&keys);
    assert_int_equal(setup(NULL), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(holds_the_dialogue),
        cmocka_unit_test(holds_it_behind_a_query),
        cmocka_unit_test(ends_it_for_a_wrong_password),
        cmocka_unit_test(ends_it_for_an_unknown_user),
        cmocka_unit_test(takes_only_fresh_challenges_of_its_own),
        cmocka_unit_test(is_verified_by_who_knows_the_secret),
        cmocka_unit_test(asks_only_who_must_answer),
        cmocka_unit_test(fits_what_encoders_read)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
