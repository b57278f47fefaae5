/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What listeners ask for: paths of all kinds and what is none, directives of
 * playlists, encodings.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "audience/stn_target.h"


static stn_str_t
str(const char *s)
{
    return (stn_str_t) { s, strlen(s) };
}


static const char *
read_path(stn_target_t *t, const char *s)
{
    stn_str_t  path = str(s);

    memset(t, 0, sizeof(*t));
    return stn_target_path(t, &path);
}


static const char *
read_query(stn_target_t *t, const char *s)
{
    stn_str_t  query = str(s);

    memset(t, 0, sizeof(*t));
    return stn_target_query(t, &query);
}


static int
gzip(const char *s)
{
    stn_str_t  accept = str(s);

    return stn_target_gzip(&accept);
}


static void
paths_name_things(void **state)
{
    stn_target_t  t;
    size_t        i;

    static const struct {
        const char         *path;
        stn_target_kind_e   kind;
        int                 classic;
        const char         *name;
        const char         *rendition;
        uint64_t            msn;
        uint64_t            part;
        uint32_t            init;
    } good[] = {
        { "a/index.m3u8", STN_TARGET_INDEX, 0, "a", "", 0, 0, 0 },
        { "/a/index-std.m3u8", STN_TARGET_INDEX, 1, "a", "", 0, 0, 0 },
        { "//a/b/x.m3u8", STN_TARGET_PLAYLIST, 0, "a/b", "x", 0, 0, 0 },
        { "a/x-std.m3u8", STN_TARGET_PLAYLIST, 1, "a", "x", 0, 0, 0 },
        { "a/index-std-std.m3u8", STN_TARGET_PLAYLIST, 1, "a", "index-std",
          0, 0, 0 },
        { "a/steering.json", STN_TARGET_STEERING, 0, "a", "", 0, 0, 0 },
        { "a/steering-std.json", STN_TARGET_STEERING, 1, "a", "", 0, 0, 0 },
        { "a/x/17.m4s", STN_TARGET_SEGMENT, 0, "a", "x", 17, 0, 0 },
        { "a/b/x/17.3.m4s", STN_TARGET_PART, 0, "a/b", "x", 17, 3, 0 },
        { "a/x/999999999999999999.0.m4s", STN_TARGET_PART, 0, "a", "x",
          999999999999999999ull, 0, 0 },
        { "a/x/init-00aBcDeF.mp4", STN_TARGET_INIT, 0, "a", "x", 0, 0,
          0xabcdef },
        { "a/x/init-ffffffff.mp4", STN_TARGET_INIT, 0, "a", "x", 0, 0,
          0xffffffff },
    };

    for (i = 0; i < stn_nelems(good); i++) {
        assert_null(read_path(&t, good[i].path));
        assert_int_equal(t.kind, good[i].kind);
        assert_int_equal(t.classic, good[i].classic);
        assert_true(stn_str_is(&t.name, good[i].name));
        assert_true(stn_str_is(&t.rendition, good[i].rendition));
        assert_int_equal(t.msn, good[i].msn);
        assert_int_equal(t.part, good[i].part);
        assert_int_equal(t.init, good[i].init);
    }
}


static void
other_paths_name_nothing(void **state)
{
    stn_target_t  t;
    size_t        i;

    static const char  *bad[] = {
        "", "/", "//", "index.m3u8", "/index.m3u8", "a/", "a/.m3u8",
        "a/-std.m3u8", "a/x", "a/x.m3u", "a/other.json", "a/.json", "a/x/.m4s",
        "a/x/1..m4s", "a/x/1.2.3.m4s", "a/x/.1.m4s", "a/x/-1.m4s",
        "a/x/1.m4s ", "a/x/1000000000000000000.m4s", "a/1.m4s", "x/1.m4s",
        "a/x/init-.mp4", "a/x/init-0000000g.mp4", "a/x/init-000000000.mp4",
        "a/x/INIT-00000000.mp4", "/x/1.m4s"
    };

    for (i = 0; i < stn_nelems(bad); i++) {
        assert_non_null(read_path(&t, bad[i]));
    }
}


static void
queries_have_directives(void **state)
{
    stn_target_t  t;

    assert_null(read_query(&t, "_HLS_msn=17&_HLS_part=0&_HLS_skip=YES"));
    assert_int_equal(t.msn, 17);
    assert_int_equal(t.part, 0);
    assert_true(t.has_msn && t.has_part && t.skip);

    assert_null(read_query(&t, "&&x&=&_HLS_&_HLS_other=1&_hls_msn=1&_HLS_ms"));
    assert_false(t.has_msn || t.has_part || t.skip);

    assert_null(read_query(&t, "_HLS_msn=1&_HLS_skip=YES&_HLS_skip=no"));
    assert_false(t.skip);
    assert_null(read_query(&t, "_HLS_skip=v2"));
    assert_true(t.skip);

    assert_non_null(read_query(&t, "_HLS_msn"));
    assert_non_null(read_query(&t, "_HLS_msn="));
    assert_non_null(read_query(&t, "_HLS_msn=1x"));
    assert_non_null(read_query(&t, "_HLS_msn=-1"));
    assert_non_null(read_query(&t, "_HLS_part=1000000000000000000"));
    assert_non_null(read_query(&t, "a=b&_HLS_part=%"));
}


static void
directives_may_be_encoded(void **state)
{
    stn_target_t  t;

    assert_null(read_query(&t, "%5fHLS_msn=%31%37&_HLS%5Fskip=%59ES"));
    assert_int_equal(t.msn, 17);
    assert_true(t.has_msn && t.skip);

    assert_non_null(read_query(&t, "_HLS_msn=%31%00"));
    assert_non_null(read_query(&t, "_HLS_msn=%3"));
    assert_non_null(read_query(&t, "_HLS_msn=%3g"));

    /* longer than whatever means something */
    assert_null(read_query(&t, "_HLS_msn%20%20%20%20%20%20%20%20%20%20%20%20"
                               "%20%20%20%20%20=x"));
    assert_false(t.has_msn);
    assert_non_null(read_query(&t, "_HLS_msn=%31%31%31%31%31%31%31%31%31%31"
                                   "%31%31%31%31%31%31%31%31%31%31%31%31%31"
                                   "%31%31%31"));
}


static void
gzip_is_taken_where_it_is_accepted(void **state)
{
    assert_true(gzip("gzip"));
    assert_true(gzip("deflate, GZip"));
    assert_true(gzip("br;q=1.0, gzip;q=0.001"));
    assert_true(gzip("gzip ; q=0.5"));
    assert_true(gzip("*"));
    assert_true(gzip("identity;q=0.5,*;q=0.1"));
    assert_true(gzip("*;q=0, gzip"));

    assert_false(gzip(""));
    assert_false(gzip("identity"));
    assert_false(gzip("gzip;q=0"));
    assert_false(gzip("gzip;Q=0.000, *"));
    assert_false(gzip("*;q=0"));
    assert_false(gzip("gzi"));
    assert_false(gzip("xgzip, gzipx, , ,"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_name_things),
        cmocka_unit_test(other_paths_name_nothing),
        cmocka_unit_test(queries_have_directives),
        cmocka_unit_test(directives_may_be_encoded),
        cmocka_unit_test(gzip_is_taken_where_it_is_accepted),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
