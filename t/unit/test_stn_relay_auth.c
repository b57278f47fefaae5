/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How nodes sign their requests: one way to write it, good for one request of
 * one node, for a while, with the secret of now or the one before.
 */

#include "access_util.h"

#include "relay/stn_relay_auth.h"
#include "stn_buf.h"


#define NOW   1780000000
#define URI   "/relay/live/studio?node=edge-1&after=296.3:01ab23cd"
#define NODE  "edge-1"


/* With OpenSSL's own tool: printf '1780000060\nURI\nNODE' |
 * openssl dgst -sha256 -hmac "a secret of the cluster" */
#define SIG   "9accbf01450b7d3ecc1addbb190d43ae"                             \
              "c74c48d9a8073f1967166dbc6d3e719b"


static const char  *secret = "a secret of the cluster";


static const char *
check_for(const char *value, const char *uri, const char *node, int64_t now)
{
    stn_str_t  v = access_str(value), u = access_str(uri),
               n = access_str(node);

    const stn_str_t  secrets[2] = { access_str(secret), { NULL, 0 } };

    return stn_relay_auth_check(&v, secrets, &u, &n, now);
}


static const char *
check(const char *value)
{
    return check_for(value, URI, NODE, NOW);
}


static int
sign(stn_buf_t *out, const char *by, const char *uri, const char *node,
    int64_t exp)
{
    stn_str_t  s = access_str(by), u = access_str(uri), n = access_str(node);

    return stn_relay_auth_sign(out, &s, &u, &n, exp);
}


static void
signs_as_others_do(void **state)
{
    stn_buf_t  out;
    stn_str_t  value;

    (void) state;

    stn_buf_init(&out, 256);
    assert_int_equal(sign(&out, secret, URI, NODE, NOW + 60), STN_OK);

    value.data = (const char *) out.data;
    value.len = out.len;
    access_is(&value, "Stentor exp=1780000060, sig=" SIG);

    stn_buf_free(&out);
}


static void
takes_what_is_good_and_nothing_else(void **state)
{
    (void) state;

    assert_null(check("Stentor exp=1780000060, sig=" SIG));

    assert_string_equal(check_for("Stentor exp=1780000060, sig=" SIG,
                                  URI "0", NODE, NOW), "wrong signature");
    assert_string_equal(check_for("Stentor exp=1780000060, sig=" SIG,
                                  URI, "edge-2", NOW), "wrong signature");
    assert_string_equal(check("Stentor exp=1780000061, sig=" SIG),
                        "wrong signature");

    secret = "a secret of the clusteR";
    assert_string_equal(check("Stentor exp=1780000060, sig=" SIG),
                        "wrong signature");
    secret = "a secret of the cluster";
}


static void
is_good_for_a_while(void **state)
{
    const char  *value = "Stentor exp=1780000060, sig=" SIG;

    (void) state;

    assert_null(check_for(value, URI, NODE, NOW + 60));
    assert_string_equal(check_for(value, URI, NODE, NOW + 61),
                        "expired signature");
    assert_null(check_for(value, URI, NODE, NOW - 60));
    assert_string_equal(check_for(value, URI, NODE, NOW - 61),
                        "signature too far ahead");

    /* who has no good one is not told */

    assert_string_equal(check_for(value, URI "0", NODE, NOW + 61),
                        "wrong signature");
    assert_string_equal(check_for(value, URI "0", NODE, NOW - 61),
                        "wrong signature");
}


static void
reads_one_way_to_write_it(void **state)
{
    size_t  i;

    static const char  *malformed[] = {
        "Stentor",
        "Bearer abc",
        "Stentor exp=1780000060",
        "Stentor exp=1780000060,",
        "Stentor exp=1780000060, sig=",
        "Stentor exp=1780000060,sig=" SIG,
        "Stentor  exp=1780000060, sig=" SIG,
        "Stentor sig=" SIG ", exp=1780000060",
        "Stentor exp=01780000060, sig=" SIG,
        "Stentor exp=-1780000060, sig=" SIG,
        "Stentor exp=, sig=" SIG,
        "Stentor exp=99999999999999999999, sig=" SIG,
        "Stentor exp=1780000060 , sig=" SIG,
        "Stentor exp=1780000060, sig=" SIG " ",
        "Stentor exp=1780000060, sig=" SIG "00",
        "Stentor exp=1780000060, sig=" SIG ", sig=" SIG,
        " Stentor exp=1780000060, sig=" SIG,
        "stentor exp=1780000060, sig=" SIG
    };

    (void) state;

    for (i = 0; i < stn_nelems(malformed); i++) {
        assert_string_equal(check(malformed[i]), "malformed signature");
    }

    assert_string_equal(check(""), "no signature");
}


static void
misses_no_digit_of_it(void **state)
{
    char         value[] = "Stentor exp=1780000060, sig=" SIG;
    char         c;
    size_t       i;
    const char  *reason;

    (void) state;

    for (i = 0; i < sizeof(value) - 1; i++) {
        c = value[i];
        value[i] ^= 1;
        reason = check(value);
        value[i] = c;

        assert_non_null(reason);
    }

    assert_null(check(value));
}


static void
takes_the_secret_before(void **state)
{
    unsigned    i;
    stn_str_t   uri = access_str(URI), node = access_str(NODE), value;
    stn_str_t   secrets[2];
    stn_buf_t   out;

    static const char  *by[] = { "the secret of now", "the one before it" };

    (void) state;

    secrets[0] = access_str(by[0]);
    secrets[1] = access_str(by[1]);

    for (i = 0; i < 2; i++) {
        stn_buf_init(&out, 256);
        assert_int_equal(sign(&out, by[i], URI, NODE, NOW), STN_OK);
        value.data = (const char *) out.data;
        value.len = out.len;

        assert_null(stn_relay_auth_check(&value, secrets, &uri, &node, NOW));

        /* and when it is no more */

        secrets[1].len = 0;
        assert_true((stn_relay_auth_check(&value, secrets, &uri, &node, NOW)
                     == NULL) == (i == 0));
        secrets[1] = access_str(by[1]);

        stn_buf_free(&out);
    }

    /* without any there is nothing that could be good */

    value = access_str("Stentor exp=1780000060, sig=" SIG);
    secrets[0].len = 0;
    secrets[1].len = 0;
    assert_string_equal(stn_relay_auth_check(&value, secrets, &uri, &node,
                                             NOW), "wrong signature");
}


static void
signs_nothing_that_is_ambiguous(void **state)
{
    char       longest[4096];
    stn_buf_t  out;

    (void) state;

    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';

    stn_buf_init(&out, 256);

    assert_int_equal(sign(&out, "fifteen letters", URI, NODE, NOW), STN_LIMIT);
    assert_int_equal(sign(&out, secret, "", NODE, NOW), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI, "", NOW), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI "\nedge", NODE, NOW), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI, "edge\n1", NOW), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI, NODE, 0), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI, NODE, -1), STN_LIMIT);
    assert_int_equal(sign(&out, secret, URI, NODE, INT64_MAX), STN_LIMIT);
    assert_int_equal(sign(&out, secret, longest, NODE, NOW), STN_LIMIT);
    assert_int_equal(out.len, 0);

    assert_string_equal(check_for("Stentor exp=1780000060, sig=" SIG,
                                  URI "\nedge", NODE, NOW),
                        "nothing that could be signed");

    stn_buf_free(&out);

    stn_buf_init(&out, 50);
    assert_int_equal(sign(&out, secret, URI, NODE, NOW), STN_LIMIT);
    stn_buf_free(&out);
}


/* What Python's hmac makes of it. */

static void
makes_keys_of_the_secret(void **state)
{
    uint8_t    key[STN_DIGEST_SHA256_LEN], other[STN_DIGEST_SHA256_LEN];
    stn_str_t  now = access_str("the secret of now");
    stn_str_t  brief = access_str("fifteen letters");

    static const uint8_t  first[] = {
        0x4c, 0x24, 0x6a, 0xaa, 0xdb, 0x21, 0x6e, 0x10,
        0x3b, 0x16, 0x3f, 0x49, 0x3b, 0xf6, 0x57, 0x95
    };

    (void) state;

    assert_int_equal(stn_relay_auth_key(&now, "unique listeners", key),
                     STN_OK);
    assert_memory_equal(key, first, sizeof(first));

    assert_int_equal(stn_relay_auth_key(&now, "other", other), STN_OK);
    assert_memory_not_equal(key, other, sizeof(key));

    assert_int_equal(stn_relay_auth_key(&brief, "other", other), STN_LIMIT);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(signs_as_others_do),
        cmocka_unit_test(takes_what_is_good_and_nothing_else),
        cmocka_unit_test(is_good_for_a_while),
        cmocka_unit_test(reads_one_way_to_write_it),
        cmocka_unit_test(misses_no_digit_of_it),
        cmocka_unit_test(takes_the_secret_before),
        cmocka_unit_test(signs_nothing_that_is_ambiguous),
        cmocka_unit_test(makes_keys_of_the_secret)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
