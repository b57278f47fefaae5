/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The key file and its verdicts.  Signatures and hashes were made with the
 * openssl and sha256sum commands, not with the code that is tested:
 *
 *     printf %s 'live/studio1?exp=1800000000' |
 *         openssl dgst -sha256 -hmac SECRET
 *     printf %s SALTKEY | sha256sum
 *     printf %s NAMESALTPASSWORD | openssl dgst -md5 -binary | openssl base64
 */

#include "access_util.h"

#include <stdio.h>

#include "stn_buf.h"
#include "access/stn_keys.h"


#define NOW   1800000000
#define DAY   (24 * 3600)

#define SECRET_1  "0123456789abcdef0123456789abcdef"
#define SECRET_2  "ffffffffeeeeeeeeddddddddcccccccc"

/* "live/studio1?exp=1800000000" under each of them. */
#define SIG_1     \
    "5296a6dd3b2d682ddb237ebadd773682cd49192531e54a98572092869523759f"
#define SIG_2     \
    "65fad9f583fed5a4c28c924d3aa06ab1e25a6daa3c21038b632efc5cace9675f"

/* The same with exp=1900000000, 1800000000000 and 01800000000, and for the
 * stream live/a/b, under the first. */
#define SIG_FAR   \
    "9b6e5eee21db69767e3d7e3b4a4b5488c6359ccef6d1f1a63c9f13888fb12154"
#define SIG_MS    \
    "71e713bcba069abb3333713bf5038631f0a2758118cd0db056a3bcf819f6b8fb"
#define SIG_ZERO  \
    "7984bf6fca8159d587c22658f2a7935203439281a110f223d32b2f08c916b739"
#define SIG_DEEP  \
    "2f46a88b85ed4be9ff6c2c8e0f95e0ca9bee4fe95cf4e2c7ec9b08fde0ad7b91"

#define ANY_STREAM  \
    "ab7184314278425b07cba485dbe6e31053773f77b885c16d95841585a0ac3345"
#define ANY_LIVE    \
    "3f6fc0919ed6819094c42041ed2a7c20169d5549a9cab191758c6d6f83a20c33"
#define BY_NAME     \
    "e08cde5405e86cbcfea7bab7933aa8e435141bb936f1a65ee3415b09432e3692"
#define IN_FULL     \
    "03ceb38f53d1eeb2a9172e14a22a1436ad4a0b5b1cbcfbb1100bf88bb751ac47"


static const char  file[] =
    "# who may publish\n"
    "\n"
    "secret " SECRET_1 "\n"
    "  secret\t" SECRET_2 "  \r\n"
    "   # keys\n"
    "key * a1:" ANY_STREAM "\n"
    "key live/* b2:" ANY_LIVE "\n"
    "key studio1 c3:" BY_NAME "\n"
    "key live/studio2 d4:" IN_FULL "\n"
    "user joe NaCl:o0gkiQdlYxF4U1LFE+fHbg==\n"
    "user ann pepper:yJMfWiCNQ/MSi2pVc+Biiw== live/studio2  news/*\n"
    "passphrase * for everybody\n"
    "passphrase live/*   for all of live \n"
    "passphrase studio1 # of studio 1\n"
    "passphrase live/studio1 of this studio alone";


static stn_keys_t  keys;


static int
setup(void **state)
{
    (void) state;

    return stn_keys_read(&keys, file, strlen(file));
}


static int
teardown(void **state)
{
    (void) state;

    stn_keys_free(&keys);

    return 0;
}


/* The verdict for "app/name" (the name after the first slash) and a query. */

static stn_access_e
check(const char *stream, const char *query)
{
    stn_str_t     s = access_str(stream), app, name;
    stn_params_t  p;

    access_params(&p, query);
    stn_str_cut(&s, '/', &app, &name);

    return stn_keys_check(&keys, &app, &name, &p, NOW);
}


static void
reads_every_kind_of_line(void **state)
{
    (void) state;

    assert_int_equal(keys.nsecrets, 2);
    assert_int_equal(keys.nkeys, 4);
    assert_int_equal(keys.nwild, 2);
    assert_int_equal(keys.nusers, 2);
    assert_int_equal(keys.npassphrases, 4);
    assert_int_equal(keys.n, 12);
    assert_int_equal(keys.line, 0);
}


static void
takes_signed_keys(void **state)
{
    (void) state;

    assert_int_equal(check("live/studio1", "exp=1800000000&sig=" SIG_1),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/studio1", "exp=1800000000&sig=" SIG_2),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/studio1", "track=2&sig=5296A6DD3B2D682DDB237"
                           "EBADD773682CD49192531E54A98572092869523759F"
                           "&exp=1800000000"), STN_ACCESS_OK);
    assert_int_equal(check("live/a/b", "exp=1800000000&sig=" SIG_DEEP),
                     STN_ACCESS_OK);
}


static void
refuses_them_for_anything_else(void **state)
{
    (void) state;

    assert_int_equal(check("live/studio2", "exp=1800000000&sig=" SIG_1),
                     STN_ACCESS_BAD_SIGNATURE);
    assert_int_equal(check("news/studio1", "exp=1800000000&sig=" SIG_1),
                     STN_ACCESS_BAD_SIGNATURE);
    assert_int_equal(check("live/studio1", "exp=1800000001&sig=" SIG_1),
                     STN_ACCESS_BAD_SIGNATURE);
    assert_int_equal(check("live/studio1", "exp=1800000000&sig=" SIG_FAR),
                     STN_ACCESS_BAD_SIGNATURE);
}


static void
refuses_malformed_ones(void **state)
{
    unsigned  i;

    static const char  *bad[] = {
        "exp=1800000000",
        "sig=" SIG_1,
        "sig=" SIG_1 "0&exp=1800000000",
        "sig=g" "&exp=1800000000",
        "exp=01800000000&sig=" SIG_ZERO,
        "exp=+1800000000&sig=" SIG_1,
        "exp=1800000000%20&sig=" SIG_1,
        "exp=1800000000000&sig=" SIG_MS,
        "exp=-1&sig=" SIG_1,

        /* a good key beside a bad signature */

        "exp=1&sig=" SIG_1 "&key=wild-key-000000000000001"
    };

    (void) state;

    for (i = 0; i < stn_nelems(bad); i++) {
        if (check("live/studio1", bad[i]) != STN_ACCESS_BAD_SIGNATURE) {
            fail_msg("%s", bad[i]);
        }
    }
}


static void
looks_at_the_time(void **state)
{
    stn_str_t     app = access_str("live"), name = access_str("studio1");
    stn_params_t  p;

    (void) state;

    access_params(&p, "exp=1800000000&sig=" SIG_2);

    assert_int_equal(stn_keys_check(&keys, &app, &name, &p, NOW + 1),
                     STN_ACCESS_EXPIRED);
    assert_int_equal(stn_keys_check(&keys, &app, &name, &p, NOW - 366 * DAY),
                     STN_ACCESS_OK);
    assert_int_equal(stn_keys_check(&keys, &app, &name, &p,
                                    NOW - 366 * DAY - 1),
                     STN_ACCESS_TOO_LONG);

    /* nobody is told whether what he made up would have expired */

    access_params(&p, "exp=1700000000&sig=" SIG_2);
    assert_int_equal(stn_keys_check(&keys, &app, &name, &p, NOW),
                     STN_ACCESS_BAD_SIGNATURE);
}


static void
takes_static_keys_by_their_pattern(void **state)
{
    (void) state;

    assert_int_equal(check("news/x/y", "key=wild-key-000000000000001"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/x", "key=live-key-000000000000002"),
                     STN_ACCESS_OK);
    assert_int_equal(check("news/x", "key=live-key-000000000000002"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("livex/x", "key=live-key-000000000000002"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("news/studio1", "token=name-key-000000000000003"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/studio1", "pass=name-key-000000000000003"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/x/studio1", "key=name-key-000000000000003"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("live/studio2", "key=full-key-000000000000004"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/studio22", "key=full-key-000000000000004"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("news/studio2", "key=full-key-000000000000004"),
                     STN_ACCESS_BAD_KEY);
}


static void
refuses_other_keys(void **state)
{
    char          long_key[STN_KEYS_KEY_MAX + 1];
    stn_str_t     app = access_str("live"), name = access_str("x");
    stn_params_t  p;

    (void) state;

    assert_int_equal(check("live/x", ""), STN_ACCESS_NO_KEY);
    assert_int_equal(check("live/x", "user=joe&track=2"), STN_ACCESS_NO_KEY);
    assert_int_equal(check("live/x", "key=wild-key-000000000000002"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("live/x", "key=a1wild-key-000000000000001"),
                     STN_ACCESS_BAD_KEY);
    assert_int_equal(check("live/x", "key=" ANY_STREAM), STN_ACCESS_BAD_KEY);

    memset(long_key, 'k', sizeof(long_key));
    stn_params_init(&p);
    p.key.data = long_key;
    p.key.len = sizeof(long_key);

    assert_int_equal(stn_keys_check(&keys, &app, &name, &p, NOW),
                     STN_ACCESS_BAD_KEY);
}


static void
takes_users_with_their_password(void **state)
{
    (void) state;

    assert_int_equal(check("live/x", "user=joe&pass=opensesame"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/x", "user=joe&pass=opensesam"),
                     STN_ACCESS_BAD_PASSWORD);
    assert_int_equal(check("live/x", "user=jo&pass=opensesame"),
                     STN_ACCESS_BAD_USER);
    assert_int_equal(check("live/studio2", "user=ann&pass=p@ss%20word"),
                     STN_ACCESS_OK);
    assert_int_equal(check("news/x", "user=ann&pass=p@ss%20word"),
                     STN_ACCESS_OK);
    assert_int_equal(check("live/studio1", "user=ann&pass=p@ss%20word"),
                     STN_ACCESS_NOT_HIS);

    /* what is in the file does not do for a password */

    assert_int_equal(check("live/x", "user=joe&pass=o0gkiQdlYxF4U1LFE+fHbg=="),
                     STN_ACCESS_BAD_PASSWORD);
}


static void
says_whose_a_stream_is(void **state)
{
    stn_str_t  joe = access_str("joe"), ann = access_str("ann"),
               bob = access_str("bob"), live = access_str("live"),
               studio1 = access_str("studio1"), salt, hash;

    (void) state;

    assert_int_equal(stn_keys_user_may(&keys, &joe, &live, &studio1),
                     STN_ACCESS_OK);
    assert_int_equal(stn_keys_user_may(&keys, &ann, &live, &studio1),
                     STN_ACCESS_NOT_HIS);
    assert_int_equal(stn_keys_user_may(&keys, &bob, &live, &studio1),
                     STN_ACCESS_BAD_USER);

    assert_int_equal(stn_keys_user(&keys, &ann, &salt, &hash), 1);
    access_is(&salt, "pepper");
    access_is(&hash, "yJMfWiCNQ/MSi2pVc+Biiw==");
    assert_int_equal(stn_keys_user(&keys, &bob, &salt, &hash), 0);
}


static void
finds_the_passphrase_that_fits_best(void **state)
{
    stn_str_t  live = access_str("live"), news = access_str("news"),
               studio1 = access_str("studio1"), x = access_str("x"), value;

    (void) state;

    assert_int_equal(stn_keys_passphrase(&keys, &live, &studio1, &value),
                     STN_KEYS_OWN);
    access_is(&value, "of this studio alone");

    assert_int_equal(stn_keys_passphrase(&keys, &news, &studio1, &value),
                     STN_KEYS_OWN);
    access_is(&value, "# of studio 1");

    assert_int_equal(stn_keys_passphrase(&keys, &live, &x, &value),
                     STN_KEYS_SHARED);
    access_is(&value, "for all of live");

    assert_int_equal(stn_keys_passphrase(&keys, &news, &x, &value),
                     STN_KEYS_SHARED);
    access_is(&value, "for everybody");
}


static void
knows_nothing_from_an_empty_file(void **state)
{
    stn_str_t     app = access_str("live"), name = access_str("x"), value;
    stn_keys_t    k;
    stn_params_t  p;

    (void) state;

    assert_int_equal(stn_keys_read(&k, NULL, 0), STN_OK);

    access_params(&p, "key=k");
    assert_int_equal(stn_keys_check(&k, &app, &name, &p, NOW),
                     STN_ACCESS_BAD_KEY);

    access_params(&p, "exp=1800000000&sig=" SIG_1);
    assert_int_equal(stn_keys_check(&k, &app, &name, &p, NOW),
                     STN_ACCESS_BAD_SIGNATURE);
    assert_int_equal(stn_keys_passphrase(&k, &app, &name, &value),
                     STN_KEYS_NONE);

    stn_keys_free(&k);

    memset(&k, 0, sizeof(k));
    stn_keys_free(&k);
}


static const char  *bad_lines[] = {
    "sceret " SECRET_1,
    "secret",
    "secret 0123456789abcde",
    "secret " SECRET_1 " more",
    "key",
    "key studio1",
    "key studio1 c3",
    "key studio1 c3:",
    "key studio1 :" BY_NAME,
    "key studio1 c3:" BY_NAME "0",
    "key studio1 c3:" BY_NAME " more",
    "key studio1 c+:" BY_NAME,
    "key studio1 0123456789012345678901234:" BY_NAME,
    "key /studio1 c3:" BY_NAME,
    "key live/ c3:" BY_NAME,
    "key ** c3:" BY_NAME,
    "key live* c3:" BY_NAME,
    "key /* c3:" BY_NAME,
    "key live?/x c3:" BY_NAME,
    "user",
    "user joe",
    "user j&e NaCl:o0gkiQdlYxF4U1LFE+fHbg==",
    "user abcdefghijklmnopqrstuvwxyz0123456 "
        "NaCl:o0gkiQdlYxF4U1LFE+fHbg==",
    "user joe NaCl:o0gkiQdlYxF4U1LFE+fHbg=",
    "user joe NaCl:o0gkiQdlYxF4U1LFE+fHbgXX",
    "user joe NaCl:o0gkiQdlYxF4U1!FE+fHbg==",
    "user joe NaCl:o0gkiQdlYxF4U1LFE+fHbg== live/",
    "user ann NaCl:o0gkiQdlYxF4U1LFE+fHbg==",
    "passphrase",
    "passphrase studio1",
    "passphrase studio1 ninechars",
    "passphrase studio1 \x01 is no text",
    "passphrase live/ ten characters",
    "passphrase live/x ten characters",
    "passphrase studio1 "
        "01234567890123456789012345678901234567890123456789"
        "012345678901234567890123456789"
};


static void
says_which_line_is_wrong(void **state)
{
    char        text[512];
    unsigned    i;
    stn_keys_t  k;

    (void) state;

    for (i = 0; i < stn_nelems(bad_lines); i++) {
        snprintf(text, sizeof(text),
                 "# first\n"
                 "user ann pepper:yJMfWiCNQ/MSi2pVc+Biiw==\n"
                 "passphrase live/x is there already\n"
                 "%s\n"
                 "nor is this one\n", bad_lines[i]);

        if (stn_keys_read(&k, text, strlen(text)) != STN_ERROR
            || k.line != 4 || k.reason == NULL || k.text || k.n)
        {
            fail_msg("%s", bad_lines[i]);
        }
    }
}


static void
keeps_to_its_limits(void **state)
{
    int         i;
    char        line[128];
    stn_buf_t   b;
    stn_keys_t  k;

    (void) state;

    stn_buf_init(&b, STN_KEYS_FILE_MAX + 1);

    for (i = 0; i <= STN_KEYS_WILD_MAX; i++) {
        stn_buf_printf(&b, "key live/%d s:" ANY_LIVE "\n", i);
    }

    assert_int_equal(stn_keys_read(&k, b.data, b.len), STN_OK);
    stn_keys_free(&k);

    for (i = 0; i <= STN_KEYS_WILD_MAX; i++) {
        stn_buf_printf(&b, "key app%d/* s:" ANY_LIVE "\n", i);
    }

    assert_int_equal(stn_keys_read(&k, b.data, b.len), STN_LIMIT);
    assert_int_equal(k.line, 2 * (STN_KEYS_WILD_MAX + 1));

    stn_buf_reset(&b);

    for (i = 0; i <= STN_KEYS_SECRETS_MAX; i++) {
        snprintf(line, sizeof(line), "secret " SECRET_1 "%d\n", i);
        stn_buf_str(&b, line);
    }

    assert_int_equal(stn_keys_read(&k, b.data, b.len), STN_LIMIT);
    assert_int_equal(k.line, STN_KEYS_SECRETS_MAX + 1);

    stn_buf_reset(&b);
    memset(stn_buf_reserve(&b, STN_KEYS_LINES_MAX + 1), '\n',
           STN_KEYS_LINES_MAX + 1);

    assert_int_equal(stn_keys_read(&k, b.data, STN_KEYS_LINES_MAX), STN_OK);
    stn_keys_free(&k);
    assert_int_equal(stn_keys_read(&k, b.data, STN_KEYS_LINES_MAX + 1),
                     STN_LIMIT);
    assert_int_equal(stn_keys_read(&k, b.data, STN_KEYS_FILE_MAX + 1),
                     STN_LIMIT);

    stn_buf_free(&b);
}


static void
has_a_reason_for_every_verdict(void **state)
{
    stn_access_e  v;

    (void) state;

    for (v = STN_ACCESS_OK; v <= STN_ACCESS_FAILED; v++) {
        assert_non_null(stn_access_reason(v));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_every_kind_of_line),
        cmocka_unit_test(takes_signed_keys),
        cmocka_unit_test(refuses_them_for_anything_else),
        cmocka_unit_test(refuses_malformed_ones),
        cmocka_unit_test(looks_at_the_time),
        cmocka_unit_test(takes_static_keys_by_their_pattern),
        cmocka_unit_test(refuses_other_keys),
        cmocka_unit_test(takes_users_with_their_password),
        cmocka_unit_test(says_whose_a_stream_is),
        cmocka_unit_test(finds_the_passphrase_that_fits_best),
        cmocka_unit_test(knows_nothing_from_an_empty_file),
        cmocka_unit_test(says_which_line_is_wrong),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(has_a_reason_for_every_verdict)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
