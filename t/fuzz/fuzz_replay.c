/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: what lies on disk of a replay.  The first byte says what the
 * rest is: a plan, an init segment, a part, or a media file that is walked
 * along, put into a log and completed.  What is read must be within the
 * limits, and a plan the same when it is written and read again.
 */

#include <stdlib.h>
#include <string.h>

#include "stn_format.h"
#include "replay/stn_replay_codecs.h"
#include "replay/stn_replay_index.h"
#include "replay/stn_replay_plan.h"
#include "replay/stn_replay_text.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static int
read_bytes(void *data, uint64_t offset, uint8_t *buf, size_t len)
{
    stn_cur_t *c = data;

    check(offset <= stn_cur_left(c) && len <= stn_cur_left(c) - offset);
    memcpy(buf, c->pos + offset, len);

    return STN_OK;
}


static void
plan(const uint8_t *data, size_t len)
{
    stn_buf_t          out;
    stn_replay_plan_t  p, again;

    if (stn_replay_plan_get((const char *) data, len, &p) != STN_OK) {
        return;
    }

    stn_buf_init(&out, STN_REPLAY_PLAN_MAX);
    check(stn_replay_plan_put(&out, &p) == STN_OK);
    check(stn_replay_plan_get((char *) out.data, out.len, &again) == STN_OK);
    check(memcmp(&p, &again, sizeof(p)) == 0);
    stn_buf_free(&out);
}


static void
init(const uint8_t *data, size_t len)
{
    char       codecs[STN_FORMAT_CODECS_MAX];
    uint8_t    room[STN_REPLAY_ROOM];
    stn_buf_t  out;

    stn_buf_init(&out, 1024 * 1024);
    check((stn_replay_codecs(data, len, codecs) == STN_OK)
          == (codecs[0] != '\0'));

    if (stn_replay_head(&out, data, len) == STN_OK) {
        check(out.len == len + STN_REPLAY_ROOM);
        check(stn_replay_room_at(data) < len);
        stn_replay_room(room, data, out.len);
    }

    stn_buf_free(&out);
}


/* All that a part says of its samples lies within it. */

static void
part(const uint8_t *data, size_t len)
{
    uint32_t           i;
    uint64_t           sum;
    uint8_t           *copy;
    stn_replay_part_t  p;

    if (stn_replay_part_read(data, len, &p) != STN_OK) {
        return;
    }

    check(p.moof <= len && p.tfdt + 8 <= p.moof && p.nsamples > 0);

    for (sum = 0, i = 0; i < p.nsamples && (p.sizes || i < 1000); i++) {
        sum += stn_replay_part_size(&p, i);
    }

    copy = malloc(len);
    check(copy != NULL);
    memcpy(copy, data, len);
    stn_replay_part_settle(copy, &p, sum);
    check(stn_replay_part_read(copy, len, &p) == STN_OK);
    free(copy);
}


static void
texts(stn_replay_log_t *log)
{
    uint32_t   peak, average;
    stn_buf_t  out;

    stn_buf_init(&out, STN_REPLAY_TEXT_MAX);
    stn_replay_playlist(log, 0, "20260101T200000Z", "audio", &out);
    stn_replay_listed((char *) out.data, out.len, "audio.m4a");
    stn_replay_chapters(log, "live/a", &out);
    stn_replay_bandwidth(log, 0, &peak, &average);
    check(peak >= average / 2);
    stn_replay_log_end(log);
    stn_replay_playlist(log, 0, "20260101T200000Z", "audio", &out);
    stn_replay_chapters(log, "live/a", &out);
    stn_buf_free(&out);
}


/* A box of its own length before the parts is what the index is made with. */

static void
file(const uint8_t *data, size_t len)
{
    size_t              at, body;
    uint32_t            type;
    stn_buf_t           out;
    stn_cur_t           c;
    stn_replay_log_t   *log;
    stn_replay_conf_t   conf;
    stn_replay_walk_t   w;

    at = 0;
    stn_cur_init(&c, data, len);

    if (stn_replay_box(data, len, &at, &type, &body) == NULL) {
        return;
    }

    memset(&conf, 0, sizeof(conf));
    conf.n = 1;
    conf.part_us = 1000000;
    conf.parts = 6;
    conf.dead_us = 5000000;

    log = malloc(sizeof(*log));
    check(log != NULL);
    stn_replay_log_init(log, &conf);
    stn_replay_walk_init(&w, read_bytes, &c, at, len);

    while (stn_replay_walk_next(&w) == STN_OK) {
        check(w.at <= len && w.at > w.start);
        stn_replay_log_add(log, &w.record, &w.start, 0);
    }

    stn_replay_walk_free(&w);
    texts(log);
    stn_replay_log_free(log);
    free(log);

    stn_buf_init(&out, 1024 * 1024);
    stn_replay_walk_init(&w, read_bytes, &c, at, len);
    stn_replay_index(&w, data, at, &out);
    stn_replay_walk_free(&w);
    stn_buf_free(&out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0) {
        return 0;
    }

    switch (data[0] % 4) {

    case 0:
        plan(data + 1, len - 1);
        break;

    case 1:
        init(data + 1, len - 1);
        break;

    case 2:
        part(data + 1, len - 1);
        break;

    default:
        file(data + 1, len - 1);
    }

    return 0;
}
