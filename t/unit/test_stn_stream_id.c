/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * SRT stream ids in every form that broadcasters have been taught by one
 * server or another.
 */

#include "access_util.h"

#include "access/stn_stream_id.h"


#define UNKNOWN  STN_STREAM_ID_UNKNOWN
#define PUBLISH  STN_STREAM_ID_PUBLISH
#define REQUEST  STN_STREAM_ID_REQUEST


static void
expect(stn_stream_id_t *id, const char *text, stn_stream_id_mode_e mode,
    const char *path)
{
    int  rc;

    rc = stn_stream_id_read(id, text, strlen(text));

    if (rc != STN_OK) {
        fail_msg("\"%s\": %s", text, id->reason);
    }

    if (id->mode != mode) {
        fail_msg("\"%s\": mode %d", text, id->mode);
    }

    access_is(&id->path, path);
}


static void
refuse(int rc, const char *data, size_t len)
{
    stn_stream_id_t  id;

    assert_int_equal(stn_stream_id_read(&id, data, len), rc);
    assert_non_null(id.reason);
}


static void
reads_the_guidelines_form(void **state)
{
    stn_stream_id_t  id;

    (void) state;

    expect(&id, "#!::r=live/name,m=publish", PUBLISH, "live/name");
    access_is(&id.host, "");

    expect(&id, "#!::h=radio.example.com,m=publish,r=/live/name/,u=joe,s=pw,"
                "t=stream,token=t,key=k,exp=18,sig=ab,track=2,x=1,user_q=2",
           PUBLISH, "live/name");
    access_is(&id.host, "radio.example.com");
    access_is(&id.params.user, "joe");
    access_is(&id.params.pass, "pw");
    access_is(&id.params.token, "t");
    access_is(&id.params.key, "k");
    access_is(&id.params.exp, "18");
    access_is(&id.params.sig, "ab");
    access_is(&id.params.track, "2");

    expect(&id, "#!::r=name", UNKNOWN, "name");
    expect(&id, "#!::m=request,r=name", REQUEST, "name");
    expect(&id, "#!::", UNKNOWN, "");
    expect(&id, "#!::,m=publish,", PUBLISH, "");
    expect(&id, "#!::r=first,r=second,m=publish,m=request", PUBLISH, "first");

    expect(&id, "#!::r=live/name?key=k&track=3,m=publish", PUBLISH,
           "live/name");
    access_is(&id.params.key, "k");
    access_is(&id.params.track, "3");
}


static void
reads_it_percent_encoded(void **state)
{
    stn_stream_id_t  id;

    (void) state;

    expect(&id, "%23!::r=live%2Fname,m=publish,key=a%25b", PUBLISH,
           "live/name");
    access_is(&id.params.key, "a%b");

    expect(&id, "%23%21%3A%3Ar%3Dlive%2fname%2Cm%3Dpublish%2Ckey%3Dk",
           PUBLISH, "live/name");
    access_is(&id.params.key, "k");

    /* once, not twice */

    expect(&id, "%23!::r=name,key=%2541", UNKNOWN, "name");
    access_is(&id.params.key, "%41");

    expect(&id, "#!::r=live%2Fname,m=publish,key=a%2Cb", PUBLISH,
           "live/name");
    access_is(&id.params.key, "a,b");

    expect(&id, "live%2Fname%3Fexp%3D18%26sig%3Dab", UNKNOWN, "live/name");
    access_is(&id.params.exp, "18");
    access_is(&id.params.sig, "ab");

    expect(&id, "live%2Fname", UNKNOWN, "live/name");
}


static void
reads_verbs(void **state)
{
    stn_stream_id_t  id;

    (void) state;

    expect(&id, "publish:live/name", PUBLISH, "live/name");
    expect(&id, "publish:live/name#feedbackplay", PUBLISH, "live/name");
    expect(&id, "publish:", PUBLISH, "");
    expect(&id, "read:name", REQUEST, "name");
    expect(&id, "request:name", REQUEST, "name");

    expect(&id, "publish:name:joe:secret", PUBLISH, "name");
    access_is(&id.params.user, "joe");
    access_is(&id.params.pass, "secret");

    expect(&id, "publish:name:joe:p%3Aw:track=2&token=a:b", PUBLISH, "name");
    access_is(&id.params.user, "joe");
    access_is(&id.params.pass, "p:w");
    access_is(&id.params.track, "2");
    access_is(&id.params.token, "a:b");

    expect(&id, "publish:name:key=k&track=2", PUBLISH, "name");
    access_is(&id.params.key, "k");
    access_is(&id.params.track, "2");

    expect(&id, "publish:name:token=a:b", PUBLISH, "name");
    access_is(&id.params.token, "a:b");
    access_is(&id.params.user, "");

    expect(&id, "publish:live/name?token=a:b&key=k", PUBLISH, "live/name");
    access_is(&id.params.token, "a:b");
    access_is(&id.params.key, "k");
}


static void
reads_plain_paths(void **state)
{
    stn_stream_id_t  id;

    (void) state;

    expect(&id, "", UNKNOWN, "");
    expect(&id, "name", UNKNOWN, "name");
    expect(&id, "app/name", UNKNOWN, "app/name");
    expect(&id, "vhost/app/name", UNKNOWN, "vhost/app/name");
    expect(&id, "//app/name/", UNKNOWN, "app/name");
    expect(&id, "/", UNKNOWN, "");
    expect(&id, "name#feedbackplay", UNKNOWN, "name");
    expect(&id, "\xc3\xbc" "ber", UNKNOWN, "\xc3\xbc" "ber");

    expect(&id, "app/name?key=k&track=2&x=y", UNKNOWN, "app/name");
    access_is(&id.params.key, "k");
    access_is(&id.params.track, "2");

    expect(&id, "radio.example.com/app/name?exp=18&sig=ab,c", UNKNOWN,
           "radio.example.com/app/name");
    access_is(&id.params.exp, "18");
    access_is(&id.params.sig, "ab,c");
}


static void
reads_colon_pairs(void **state)
{
    stn_stream_id_t  id;

    (void) state;

    expect(&id, "xxx.stream,mode:publish,token:abc", PUBLISH, "xxx.stream");
    access_is(&id.params.token, "abc");

    expect(&id, "live/name,token:a?b,mode:request", REQUEST, "live/name");
    access_is(&id.params.token, "a?b");

    expect(&id, "name,", UNKNOWN, "name");
}


static void
refuses_what_it_cannot_do(void **state)
{
    (void) state;

    refuse(STN_UNSUPPORTED, ACCESS_BYTES("#!:{r=live/name}"));
    refuse(STN_UNSUPPORTED, ACCESS_BYTES("#!::r=f.csv,t=file,m=publish"));
    refuse(STN_UNSUPPORTED, ACCESS_BYTES("#!::r=name,m=bidirectional"));
    refuse(STN_UNSUPPORTED, ACCESS_BYTES("name,mode:listen"));
    refuse(STN_UNSUPPORTED, ACCESS_BYTES("#!::r=name,m="));
}


static void
refuses_what_is_broken(void **state)
{
    (void) state;

    refuse(STN_ERROR, ACCESS_BYTES("#!"));
    refuse(STN_ERROR, ACCESS_BYTES("#!:r=name"));
    refuse(STN_ERROR, ACCESS_BYTES("#!/bin/sh"));
    refuse(STN_ERROR, ACCESS_BYTES("#!::r=name,m"));
    refuse(STN_ERROR, ACCESS_BYTES("m=publish,r=live/name"));
    refuse(STN_ERROR, ACCESS_BYTES("live\0name"));
    refuse(STN_ERROR, ACCESS_BYTES("live/name\n"));
    refuse(STN_ERROR, ACCESS_BYTES("live/\xff"));
    refuse(STN_ERROR, ACCESS_BYTES("live/%00"));
    refuse(STN_ERROR, ACCESS_BYTES("%23!::r=a%1b"));
    refuse(STN_ERROR, ACCESS_BYTES("#!::r=name,h=%7f"));
    refuse(STN_ERROR, ACCESS_BYTES("publish:name:%01:pass"));
    refuse(STN_ERROR, ACCESS_BYTES("publish:name:user:%01"));
    refuse(STN_ERROR, ACCESS_BYTES("name?key=%0a"));
}


static void
keeps_to_its_limit(void **state)
{
    char             text[STN_STREAM_ID_MAX + 1];
    stn_stream_id_t  id;

    (void) state;

    memset(text, 'a', sizeof(text));

    refuse(STN_LIMIT, text, sizeof(text));

    assert_int_equal(stn_stream_id_read(&id, text, STN_STREAM_ID_MAX),
                     STN_OK);
    assert_int_equal(id.path.len, STN_STREAM_ID_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_the_guidelines_form),
        cmocka_unit_test(reads_it_percent_encoded),
        cmocka_unit_test(reads_verbs),
        cmocka_unit_test(reads_plain_paths),
        cmocka_unit_test(reads_colon_pairs),
        cmocka_unit_test(refuses_what_it_cannot_do),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(keeps_to_its_limit)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
