/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Queries as they come behind an application or a stream's name: what is read
 * from them, in which order, and what is not taken.
 */

#include "access_util.h"


static int
read_query(stn_params_t *p, const char *data, size_t len)
{
    stn_str_t  s;

    s.data = data;
    s.len = len;

    stn_params_init(p);

    return stn_params_read(p, &s);
}


static void
reads_what_it_knows(void **state)
{
    stn_params_t  p;

    (void) state;

    access_params(&p, "exp=1800000000&sig=ab12&key=k&token=t&user=joe&pass=w"
                      "&track=2&authmod=adobe&challenge=c&response=r==&opaque="
                      "o&vhost=x&keys=1&ke=2");

    access_is(&p.exp, "1800000000");
    access_is(&p.sig, "ab12");
    access_is(&p.key, "k");
    access_is(&p.token, "t");
    access_is(&p.user, "joe");
    access_is(&p.pass, "w");
    access_is(&p.track, "2");
    access_is(&p.authmod, "adobe");
    access_is(&p.challenge, "c");
    access_is(&p.response, "r==");
    access_is(&p.opaque, "o");
}


static void
reads_nothing_from_nothing(void **state)
{
    stn_params_t  p;

    (void) state;

    assert_int_equal(read_query(&p, NULL, 0), STN_OK);
    access_is(&p.key, "");

    access_params(&p, "&&=&=x&key&?&track");
    access_is(&p.key, "");
    access_is(&p.track, "");
    assert_int_equal(p.used, 0);
}


static void
decodes_percents_and_nothing_else(void **state)
{
    stn_params_t  p;

    (void) state;

    access_params(&p, "key=a%20b%2Bc+d%26%3d&pass=100%&user=%zz%4&token=%c3%Bc"
                      "&track=%");

    access_is(&p.key, "a b+c+d&=");
    access_is(&p.pass, "100%");
    access_is(&p.user, "%zz%4");
    access_is(&p.token, "\xc3\xbc");
    access_is(&p.track, "%");
}


static void
leaves_alone_what_is_decoded(void **state)
{
    stn_str_t     query = access_str("key=%41");
    stn_params_t  p;

    (void) state;

    stn_params_init(&p);
    p.decoded = 1;

    assert_int_equal(stn_params_read(&p, &query), STN_OK);
    access_is(&p.key, "%41");
}


static void
takes_the_first_of_a_name(void **state)
{
    stn_str_t     more = access_str("key=third&user=joe&track=2");
    stn_params_t  p;

    (void) state;

    access_params(&p, "key=first&key=second&track=");
    assert_int_equal(stn_params_read(&p, &more), STN_OK);

    access_is(&p.key, "first");
    access_is(&p.user, "joe");
    access_is(&p.track, "2");
}


static void
reads_what_librtmp_appends(void **state)
{
    stn_params_t  p;

    (void) state;

    access_params(&p, "user=joe?authmod=adobe&user=joe&challenge=jCBkaw=="
                      "&response=abc+/w==&opaque=1f");

    access_is(&p.user, "joe");
    access_is(&p.authmod, "adobe");
    access_is(&p.challenge, "jCBkaw==");
    access_is(&p.response, "abc+/w==");
    access_is(&p.opaque, "1f");

    access_params(&p, "pass=what?ever&key=a?authmodest=1");
    access_is(&p.pass, "what?ever");
    access_is(&p.key, "a?authmodest=1");
}


static void
refuses_what_is_no_text(void **state)
{
    stn_params_t  p;

    (void) state;

    assert_int_equal(read_query(&p, ACCESS_BYTES("key=a%00b")), STN_ERROR);
    assert_non_null(p.reason);
    access_is(&p.key, "");

    assert_int_equal(read_query(&p, ACCESS_BYTES("key=a\0b")), STN_ERROR);
    assert_int_equal(read_query(&p, ACCESS_BYTES("user=%0d%0a")), STN_ERROR);
    assert_int_equal(read_query(&p, ACCESS_BYTES("pass=%ff")), STN_ERROR);

    /* what nobody reads does no harm */

    assert_int_equal(read_query(&p, ACCESS_BYTES("x=%00&key=k")), STN_OK);
    access_is(&p.key, "k");
}


static void
keeps_to_its_limit(void **state)
{
    char          long_key[STN_PARAMS_MAX + 1];
    stn_str_t     name = access_str("key"), value, user = access_str("user"),
                  one = access_str("x");
    stn_params_t  p;

    (void) state;

    memset(long_key, 'k', sizeof(long_key));
    value.data = long_key;
    value.len = sizeof(long_key);

    stn_params_init(&p);
    assert_int_equal(stn_params_add(&p, &name, &value), STN_LIMIT);
    assert_non_null(p.reason);
    access_is(&p.key, "");

    value.len--;
    assert_int_equal(stn_params_add(&p, &name, &value), STN_OK);
    assert_int_equal(p.key.len, STN_PARAMS_MAX);
    assert_int_equal(stn_params_add(&p, &user, &one), STN_LIMIT);
}


static void
tells_pairs_one_by_one(void **state)
{
    char       out[16];
    stn_str_t  query, name, value;

    (void) state;

    query.data = "&&a=b%20c&d&=e&f=g=h&";
    query.len = strlen(query.data);

    assert_true(stn_params_pair(&query, &name, &value));
    access_is(&name, "a");
    access_is(&value, "b%20c");
    assert_int_equal(stn_params_decode(&value, out), 3);
    assert_memory_equal(out, "b c", 3);

    assert_true(stn_params_pair(&query, &name, &value));
    access_is(&name, "d");
    access_is(&value, "");

    assert_true(stn_params_pair(&query, &name, &value));
    access_is(&name, "");
    access_is(&value, "e");

    assert_true(stn_params_pair(&query, &name, &value));
    access_is(&name, "f");
    access_is(&value, "g=h");

    assert_false(stn_params_pair(&query, &name, &value));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(tells_pairs_one_by_one),
        cmocka_unit_test(reads_what_it_knows),
        cmocka_unit_test(reads_nothing_from_nothing),
        cmocka_unit_test(decodes_percents_and_nothing_else),
        cmocka_unit_test(leaves_alone_what_is_decoded),
        cmocka_unit_test(takes_the_first_of_a_name),
        cmocka_unit_test(reads_what_librtmp_appends),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(keeps_to_its_limit)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
