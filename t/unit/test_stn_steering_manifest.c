/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steering manifests, to the byte: the least there is, one with all that there
 * may be in it, and that whoever has no pathway to make clones of is not told
 * to.  And one that does not fit.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audience/stn_steering_manifest.h"


static const char *const  renditions[] = { "128k", "48k" };

static const stn_steering_pathway_t  pathways[] = {
    { "edge-b", "https://b.example.com/live/one/" },
    { "edge-a", "" },
    { "edge-c", "https://c.example.com/live/one/" }
};


static void
assert_manifest(const stn_steering_manifest_t *m, const char *want)
{
    stn_buf_t  b;

    stn_buf_init(&b, STN_STEERING_MANIFEST_MAX);

    assert_int_equal(stn_steering_manifest(m, &b), STN_OK);
    stn_buf_u8(&b, '\0');
    assert_string_equal((const char *) b.data, want);

    stn_buf_free(&b);
}


static void
names_the_own_pathway_alone(void **state)
{
    stn_steering_manifest_t  m = {
        .ttl = 10, .reload = "", .pathways = &pathways[1], .npathways = 1,
        .clone = "edge-a", .renditions = renditions, .nrenditions = 2,
        .suffix = ""
    };

    (void) state;

    assert_manifest(&m, "{\"VERSION\":1,\"TTL\":10,"
                        "\"PATHWAY-PRIORITY\":[\"edge-a\"]}\n");
}


static void
names_others_and_how_to_make_them(void **state)
{
    stn_steering_manifest_t  m = {
        .ttl = 300, .reload = "https://b.example.com/live/one/steering.json",
        .pathways = pathways, .npathways = 3, .clone = "edge-c",
        .renditions = renditions, .nrenditions = 2, .suffix = "-std"
    };

    (void) state;

    assert_manifest(&m, "{\"VERSION\":1,\"TTL\":300,"
        "\"RELOAD-URI\":\"https://b.example.com/live/one/steering.json\","
        "\"PATHWAY-PRIORITY\":[\"edge-b\",\"edge-a\",\"edge-c\"],"
        "\"PATHWAY-CLONES\":[{\"BASE-ID\":\"edge-c\",\"ID\":\"edge-b\","
        "\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{"
        "\"128k\":\"https://b.example.com/live/one/128k-std.m3u8\","
        "\"48k\":\"https://b.example.com/live/one/48k-std.m3u8\"}}}]}\n");

    m.clone = "edge-a";
    m.nrenditions = 1;
    m.reload = "";
    m.suffix = "";

    assert_manifest(&m, "{\"VERSION\":1,\"TTL\":300,"
        "\"PATHWAY-PRIORITY\":[\"edge-b\",\"edge-a\",\"edge-c\"],"
        "\"PATHWAY-CLONES\":[{\"BASE-ID\":\"edge-a\",\"ID\":\"edge-b\","
        "\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{"
        "\"128k\":\"https://b.example.com/live/one/128k.m3u8\"}}},"
        "{\"BASE-ID\":\"edge-a\",\"ID\":\"edge-c\","
        "\"URI-REPLACEMENT\":{\"PER-VARIANT-URIS\":{"
        "\"128k\":\"https://c.example.com/live/one/128k.m3u8\"}}}]}\n");

    m.clone = "";

    assert_manifest(&m, "{\"VERSION\":1,\"TTL\":300,"
        "\"PATHWAY-PRIORITY\":[\"edge-b\",\"edge-a\",\"edge-c\"]}\n");
}


static void
says_when_there_is_no_room(void **state)
{
    size_t                   cap;
    stn_buf_t                b;
    stn_steering_manifest_t  m = {
        .ttl = 10, .reload = "", .pathways = pathways, .npathways = 3,
        .clone = "edge-a", .renditions = renditions, .nrenditions = 2,
        .suffix = ""
    };

    (void) state;

    for (cap = 0; cap < 400; cap++) {
        stn_buf_init(&b, cap);
        assert_int_equal(stn_steering_manifest(&m, &b), STN_LIMIT);
        assert_true(b.len <= cap);
        stn_buf_free(&b);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names_the_own_pathway_alone),
        cmocka_unit_test(names_others_and_how_to_make_them),
        cmocka_unit_test(says_when_there_is_no_room),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
