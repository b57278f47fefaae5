/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Multivariant playlists: of a node that is alone, and of one of several,
 * whose variants are redundant ones.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pack/stn_playlist.h"


#define HEAD   "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n"
#define AUDIO  "#EXT-X-STREAM-INF:BANDWIDTH=141000,AVERAGE-BANDWIDTH=132000," \
               "CODECS=\"mp4a.40.2\""
#define LOW    "#EXT-X-STREAM-INF:BANDWIDTH=52000,AVERAGE-BANDWIDTH=50000,"   \
               "CODECS=\"mp4a.40.5\""

#define OTHER  "https://b.example.com/live/one/"


static const stn_playlist_variant_t  variants[] = {
    { "audio", "mp4a.40.2", 141000, 132000 },
    { "48k", "mp4a.40.5", 52000, 50000 }
};

static const stn_playlist_pathway_t  pathways[] = {
    { "edge-a", "" },
    { "edge-b", OTHER }
};


static void
assert_index(const stn_playlist_index_t *index, const char *want)
{
    stn_buf_t  b;

    stn_buf_init(&b, STN_PLAYLIST_MAX);

    assert_int_equal(stn_playlist_multivariant(index, &b), STN_OK);
    stn_buf_u8(&b, '\0');
    assert_string_equal((const char *) b.data, want);

    stn_buf_free(&b);
}


static void
lists_the_renditions_of_a_node(void **state)
{
    stn_playlist_index_t  index = {
        .variants = variants, .nvariants = 1, .suffix = ""
    };

    (void) state;

    assert_index(&index, HEAD AUDIO "\naudio.m3u8\n");

    index.nvariants = 2;
    index.suffix = "-std";

    assert_index(&index, HEAD AUDIO "\naudio-std.m3u8\n"
                         LOW "\n48k-std.m3u8\n");
}


static void
lists_the_pathways_of_several(void **state)
{
    stn_playlist_index_t  index = {
        .variants = variants, .nvariants = 2, .suffix = "-std",
        .pathways = pathways, .npathways = 2, .steering = "steering-std.json"
    };

    (void) state;

    assert_index(&index, HEAD
        "#EXT-X-CONTENT-STEERING:SERVER-URI=\"steering-std.json\","
        "PATHWAY-ID=\"edge-a\"\n"
        AUDIO ",STABLE-VARIANT-ID=\"audio\",PATHWAY-ID=\"edge-a\"\n"
        "audio-std.m3u8\n"
        LOW ",STABLE-VARIANT-ID=\"48k\",PATHWAY-ID=\"edge-a\"\n"
        "48k-std.m3u8\n"
        AUDIO ",STABLE-VARIANT-ID=\"audio\",PATHWAY-ID=\"edge-b\"\n"
        OTHER "audio-std.m3u8\n"
        LOW ",STABLE-VARIANT-ID=\"48k\",PATHWAY-ID=\"edge-b\"\n"
        OTHER "48k-std.m3u8\n");
}


/* Who is sent away begins elsewhere, and never comes here. */

static void
lists_others_alone(void **state)
{
    stn_playlist_index_t  index = {
        .variants = variants, .nvariants = 1, .suffix = "",
        .pathways = pathways + 1, .npathways = 1,
        .steering = OTHER "steering.json"
    };

    (void) state;

    assert_index(&index, HEAD
        "#EXT-X-CONTENT-STEERING:SERVER-URI=\"" OTHER "steering.json\","
        "PATHWAY-ID=\"edge-b\"\n"
        AUDIO ",STABLE-VARIANT-ID=\"audio\",PATHWAY-ID=\"edge-b\"\n"
        OTHER "audio.m3u8\n");
}


static void
says_when_there_is_no_room(void **state)
{
    size_t                cap;
    stn_buf_t             b;
    stn_playlist_index_t  index = {
        .variants = variants, .nvariants = 2, .suffix = "",
        .pathways = pathways, .npathways = 2, .steering = "steering.json"
    };

    (void) state;

    for (cap = 0; cap < 600; cap += 7) {
        stn_buf_init(&b, cap);
        assert_int_equal(stn_playlist_multivariant(&index, &b), STN_LIMIT);
        assert_true(b.len <= cap);
        stn_buf_free(&b);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(lists_the_renditions_of_a_node),
        cmocka_unit_test(lists_the_pathways_of_several),
        cmocka_unit_test(lists_others_alone),
        cmocka_unit_test(says_when_there_is_no_room),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
