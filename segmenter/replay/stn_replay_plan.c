/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Plans of replays (see stn_replay_plan.h).  One that is not whole to its last
 * line feed was being written when somebody died.
 */

#include "replay/stn_replay_plan.h"
#include "stn_str.h"

#include <inttypes.h>
#include <string.h>


/* Longer parts, segments and silences than anybody may configure. */
#define STN_REPLAY_PLAN_PART_US  10000000
#define STN_REPLAY_PLAN_PARTS    64
#define STN_REPLAY_PLAN_DEAD_US  INT64_C(86400000000)


static int stn_replay_plan_head(const stn_str_t *line,
    stn_replay_plan_t *plan);
static int64_t stn_replay_plan_time(const stn_str_t *line, const char *word);
static int64_t stn_replay_plan_number(stn_str_t *rest, int64_t max);
static int stn_replay_plan_name(const stn_str_t *line,
    stn_replay_plan_t *plan);


int
stn_replay_plan_put(stn_buf_t *out, const stn_replay_plan_t *plan)
{
    unsigned                  i;
    const stn_replay_conf_t  *conf;

    conf = &plan->conf;

    stn_buf_printf(out, "StnReplay 1 %" PRIu32 " %" PRIu32 " %" PRId64 " %u\n",
                   conf->part_us, conf->parts, conf->dead_us,
                   (unsigned) conf->trim);

    for (i = 0; i < conf->n; i++) {
        stn_buf_printf(out, "%s\n", plan->names[i]);
    }

    if (plan->over_us) {
        stn_buf_printf(out, "over %" PRId64 "\n", plan->over_us);
    }

    if (plan->end_us) {
        stn_buf_printf(out, "end %" PRId64 "\n", plan->end_us);
    }

    return out->failed;
}


int
stn_replay_plan_get(const char *text, size_t len, stn_replay_plan_t *plan)
{
    stn_str_t  rest, line;

    memset(plan, 0, sizeof(*plan));

    rest.data = text;
    rest.len = len;

    if (len == 0 || text[len - 1] != '\n'
        || !stn_str_cut(&rest, '\n', &line, &rest)
        || stn_replay_plan_head(&line, plan) != STN_OK)
    {
        return STN_ERROR;
    }

    while (rest.len) {
        (void) stn_str_cut(&rest, '\n', &line, &rest);

        if (plan->over_us == 0) {
            plan->over_us = stn_replay_plan_time(&line, "over ");

            if (plan->over_us) {
                continue;
            }
        }

        plan->end_us = stn_replay_plan_time(&line, "end ");

        if (plan->end_us) {
            return rest.len == 0 && plan->conf.n ? STN_OK : STN_ERROR;
        }

        if (plan->over_us || stn_replay_plan_name(&line, plan) != STN_OK) {
            return STN_ERROR;
        }
    }

    return plan->conf.n ? STN_OK : STN_ERROR;
}


static int
stn_replay_plan_head(const stn_str_t *line, stn_replay_plan_t *plan)
{
    int64_t    part_us, parts, dead_us, trim;
    stn_str_t  word, rest;

    (void) stn_str_cut(line, ' ', &word, &rest);

    if (!stn_str_is(&word, "StnReplay")
        || stn_replay_plan_number(&rest, 1) != 1)
    {
        return STN_ERROR;
    }

    part_us = stn_replay_plan_number(&rest, STN_REPLAY_PLAN_PART_US);
    parts = stn_replay_plan_number(&rest, STN_REPLAY_PLAN_PARTS);
    dead_us = stn_replay_plan_number(&rest, STN_REPLAY_PLAN_DEAD_US);
    trim = stn_replay_plan_number(&rest, 1);

    if (part_us < 1 || parts < 1 || dead_us < 0 || trim < 0 || rest.len) {
        return STN_ERROR;
    }

    plan->conf.part_us = (uint32_t) part_us;
    plan->conf.parts = (uint32_t) parts;
    plan->conf.dead_us = dead_us;
    plan->conf.trim = (trim == 1);

    return STN_OK;
}


/* What a line of that word says; 0: it is none, or says nothing. */

static int64_t
stn_replay_plan_time(const stn_str_t *line, const char *word)
{
    size_t     n;
    int64_t    us;
    stn_str_t  rest;

    n = strlen(word);

    if (line->len <= n || memcmp(line->data, word, n) != 0) {
        return 0;
    }

    rest.data = line->data + n;
    rest.len = line->len - n;
    us = stn_replay_plan_number(&rest, INT64_MAX / 2);

    return rest.len == 0 ? stn_max(us, 0) : 0;
}


/* The number up to the next blank; -1: there is none of 0 to max. */

static int64_t
stn_replay_plan_number(stn_str_t *rest, int64_t max)
{
    size_t     i;
    int64_t    n;
    stn_str_t  word;

    (void) stn_str_cut(rest, ' ', &word, rest);

    if (word.len == 0 || word.len > 18) {
        return -1;
    }

    for (n = 0, i = 0; i < word.len; i++) {

        if (word.data[i] < '0' || word.data[i] > '9') {
            return -1;
        }

        n = n * 10 + (word.data[i] - '0');
    }

    return n <= max ? n : -1;
}


/* Names become names of files: nothing that leads elsewhere. */

static int
stn_replay_plan_name(const stn_str_t *line, stn_replay_plan_t *plan)
{
    size_t  i, dots;

    if (plan->conf.n == STN_REPLAY_RENDITIONS || line->len == 0
        || line->len >= STN_REPLAY_REND_MAX)
    {
        return STN_ERROR;
    }

    for (dots = 0, i = 0; i < line->len; i++) {

        if (line->data[i] <= ' ' || line->data[i] >= 127
            || strchr("/\\\"~", line->data[i]))
        {
            return STN_ERROR;
        }

        dots += (line->data[i] == '.');
    }

    if (dots == line->len) {
        return STN_ERROR;
    }

    memcpy(plan->names[plan->conf.n++], line->data, line->len);

    return STN_OK;
}


int
stn_replay_plan_same(const stn_replay_plan_t *a, const stn_replay_plan_t *b)
{
    unsigned  i;

    if (a->conf.n != b->conf.n || a->conf.parts != b->conf.parts
        || stn_replay_log_target(&a->conf) != stn_replay_log_target(&b->conf))
    {
        return 0;
    }

    for (i = 0; i < a->conf.n; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0) {
            return 0;
        }
    }

    return 1;
}
