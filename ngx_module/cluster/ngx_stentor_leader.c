/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The leader (see ngx_stentor_leader.h): its connection to Redis and the
 * scripts there, its beat, and what it says of Redis in the map.  Redis is up
 * from the first good beat on; what goes wrong is logged when it is another
 * thing than before.  Event loop; all memory is the leader's own.
 */

#include "ngx_stentor_leader_parts.h"


/* Each second it says that this node lives, up to a tenth of it earlier; who
 * has not said so for so long does not. */
#define NGX_STENTOR_BEAT_MS     1000
#define NGX_STENTOR_EXPIRES_MS  3500

/* The map is not gone through more often than that. */
#define NGX_STENTOR_LOOK_MS     10


static ngx_int_t ngx_stentor_leader_memory(ngx_stentor_leader_t *leader);
static char *ngx_stentor_leader_name(ngx_stentor_leader_t *leader,
    const char *name);
static void ngx_stentor_leader_state(void *data, ngx_uint_t up,
    const char *reason);
static void ngx_stentor_leader_load(ngx_stentor_leader_t *leader);
static void ngx_stentor_leader_loaded(void *data, redisReply *reply);
static void ngx_stentor_leader_beat(ngx_event_t *ev);
static void ngx_stentor_leader_beaten(void *data, redisReply *reply);
static void ngx_stentor_leader_nodes(ngx_stentor_leader_t *leader,
    redisReply *reply);
static void ngx_stentor_leader_set(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_e state, const char *trouble);
static void ngx_stentor_leader_told(void *data, const char *text, size_t len);
static void ngx_stentor_leader_scan(ngx_event_t *ev);
static ngx_uint_t ngx_stentor_leader_is_strings(redisReply *reply);


ngx_stentor_leader_t *
ngx_stentor_leader_create(ngx_stentor_cluster_t *cl, ngx_log_t *log)
{
    ngx_stentor_leader_t  *leader;

    leader = ngx_calloc(sizeof(ngx_stentor_leader_t), log);
    if (leader == NULL) {
        return NULL;
    }

    leader->cl = cl;
    leader->map = cl->map;
    leader->log = log;
    ngx_queue_init(&leader->batches);

    if (ngx_stentor_leader_memory(leader) != NGX_OK) {
        ngx_stentor_leader_destroy(leader);
        return NULL;
    }

    leader->beat.handler = ngx_stentor_leader_beat;
    leader->beat.data = leader;
    leader->beat.log = log;
    leader->beat.cancelable = 1;

    leader->scan.handler = ngx_stentor_leader_scan;
    leader->scan.data = leader;
    leader->scan.log = log;
    leader->scan.cancelable = 1;

    ngx_stentor_redis_subscribe(leader->redis, leader->channel,
                                ngx_stentor_leader_told, leader);

    ngx_add_timer(&leader->scan, NGX_STENTOR_LEADER_MS);

    return leader;
}


static ngx_int_t
ngx_stentor_leader_memory(ngx_stentor_leader_t *leader)
{
    leader->nodes = ngx_stentor_leader_name(leader, "nodes");
    leader->channel = ngx_stentor_leader_name(leader, "events");
    leader->names = ngx_calloc(leader->map->nleases
                               * sizeof(ngx_stentor_leader_name_t),
                               leader->log);

    if (leader->nodes == NULL || leader->channel == NULL
        || leader->names == NULL)
    {
        return NGX_ERROR;
    }

    leader->redis = ngx_stentor_redis_create(leader->cl->conf, leader->log,
                                             ngx_stentor_leader_state, leader);

    return leader->redis ? NGX_OK : NGX_ERROR;
}


/* With our prefix. */

static char *
ngx_stentor_leader_name(ngx_stentor_leader_t *leader, const char *name)
{
    char       *p;
    ngx_str_t  *prefix;

    prefix = &leader->cl->conf->prefix;

    p = ngx_alloc(prefix->len + ngx_strlen(name) + 1, leader->log);

    if (p) {
        (void) ngx_sprintf((u_char *) p, "%V%s%Z", prefix, name);
    }

    return p;
}


void
ngx_stentor_leader_destroy(ngx_stentor_leader_t *leader)
{
    if (leader->redis) {
        ngx_stentor_redis_destroy(leader->redis);
    }

    if (leader->beat.timer_set) {
        ngx_del_timer(&leader->beat);
    }

    if (leader->scan.timer_set) {
        ngx_del_timer(&leader->scan);
    }

    ngx_stentor_leader_lease_free(leader);

    free(leader->names);
    free(leader->channel);
    free(leader->nodes);
    ngx_free(leader);
}


void
ngx_stentor_leader_look(ngx_stentor_leader_t *leader)
{
    int64_t  since;

    since = ngx_stentor_map_now() - leader->scanned_ms;

    if (since >= NGX_STENTOR_LOOK_MS) {
        ngx_stentor_leader_scan(&leader->scan);
        return;
    }

    /* nginx would keep a timer that is about to be over */

    if (leader->scan.timer_set) {
        ngx_del_timer(&leader->scan);
    }

    ngx_add_timer(&leader->scan, (ngx_msec_t) (NGX_STENTOR_LOOK_MS - since));
}


/* A connection that is lost may be this process's own fault, which was paused:
 * Redis is down when it cannot be reached again. */

static void
ngx_stentor_leader_state(void *data, ngx_uint_t up, const char *reason)
{
    ngx_stentor_leader_t *leader = data;

    ngx_stentor_map_t  *map;

    map = leader->map;

    if (up) {
        (void) ngx_atomic_fetch_add(&map->connects, 1);
        ngx_stentor_leader_load(leader);
        return;
    }

    leader->up = 0;

    if (leader->beat.timer_set) {
        ngx_del_timer(&leader->beat);
    }

    (void) ngx_atomic_fetch_add(&map->failures, 1);

    if (ngx_stentor_load(&map->redis) == NGX_STENTOR_REDIS_UP) {
        ngx_stentor_save(&map->starting_ms, ngx_stentor_map_now());
        ngx_stentor_leader_set(leader, NGX_STENTOR_REDIS_STARTING, reason);
        return;
    }

    ngx_stentor_leader_set(leader, NGX_STENTOR_REDIS_DOWN, reason);
}


static void
ngx_stentor_leader_load(ngx_stentor_leader_t *leader)
{
    ngx_uint_t                   i;
    ngx_stentor_redis_command_t  cmd;

    leader->up = 0;
    leader->loading = 0;

    for (i = 0; i < NGX_STENTOR_SCRIPTS; i++) {
        ngx_stentor_redis_begin(&cmd);
        ngx_stentor_redis_word(&cmd, "SCRIPT");
        ngx_stentor_redis_word(&cmd, "LOAD");
        ngx_stentor_redis_word(&cmd, "%s", ngx_stentor_scripts[i]);

        if (ngx_stentor_leader_send(leader, &cmd, ngx_stentor_leader_loaded,
                                    leader)
            != NGX_OK)
        {
            /* the replies that come would be taken for other scripts' */

            ngx_stentor_redis_drop(leader->redis, "no memory");
            return;
        }

        leader->loading++;
    }
}


/* Replies come in the order of the scripts. */

static void
ngx_stentor_leader_loaded(void *data, redisReply *reply)
{
    ngx_uint_t             i;
    ngx_stentor_leader_t  *leader;

    leader = data;

    if (reply == NULL || leader->loading == 0) {
        return;
    }

    if (reply->type != REDIS_REPLY_STRING
        || reply->len != NGX_STENTOR_SHA1_HEX)
    {
        leader->loading = 0;
        (void) ngx_atomic_fetch_add(&leader->map->failures, 1);
        ngx_stentor_leader_set(leader, NGX_STENTOR_REDIS_DOWN,
                               reply->type == REDIS_REPLY_ERROR
                               ? reply->str : "it did not load a script");
        ngx_add_timer(&leader->beat, NGX_STENTOR_BEAT_MS);
        return;
    }

    i = NGX_STENTOR_SCRIPTS - leader->loading;
    ngx_memcpy(leader->sha[i], reply->str, NGX_STENTOR_SHA1_HEX);

    if (--leader->loading == 0) {
        leader->up = 1;

        if (ngx_stentor_load(&leader->map->redis) == NGX_STENTOR_REDIS_DOWN) {
            leader->back_ms = ngx_stentor_map_now();
        }

        ngx_stentor_leader_lease_again(leader);
        ngx_stentor_leader_beat(&leader->beat);
    }
}


void
ngx_stentor_leader_script(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_script_e script,
    ngx_uint_t nkeys)
{
    ngx_stentor_redis_begin(cmd);
    ngx_stentor_redis_word(cmd, "EVALSHA");
    ngx_stentor_redis_word(cmd, "%s", leader->sha[script]);
    ngx_stentor_redis_word(cmd, "%lu", (unsigned long) nkeys);
}


ngx_int_t
ngx_stentor_leader_send(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_command_t *cmd, ngx_stentor_redis_reply_pt reply,
    void *data)
{
    ngx_int_t  rc;

    rc = ngx_stentor_redis_send(leader->redis, cmd, reply, data);

    if (rc == NGX_OK) {
        (void) ngx_atomic_fetch_add(&leader->map->commands, 1);
    }

    return rc;
}


ngx_int_t
ngx_stentor_leader_reply(ngx_stentor_leader_t *leader, redisReply *reply,
    ngx_uint_t elements, const char **text)
{
    if (reply == NULL) {
        return NGX_DECLINED;
    }

    if (reply->type == REDIS_REPLY_ARRAY
        && (elements == 0 || reply->elements == elements)
        && ngx_stentor_leader_is_strings(reply))
    {
        ngx_stentor_save(&leader->map->answered_ms, ngx_stentor_map_now());
        return NGX_OK;
    }

    (void) ngx_atomic_fetch_add(&leader->map->failures, 1);

    if (reply->type != REDIS_REPLY_ERROR) {
        *text = "its reply makes no sense";
        return NGX_ERROR;
    }

    if (ngx_strncmp(reply->str, "NOSCRIPT", 8) == 0) {

        if (leader->up) {
            ngx_stentor_leader_load(leader);
        }

        return NGX_DECLINED;
    }

    *text = reply->str;

    return NGX_ERROR;
}


static ngx_uint_t
ngx_stentor_leader_is_strings(redisReply *reply)
{
    size_t  i;

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING
            && reply->element[i]->type != REDIS_REPLY_NIL)
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_stentor_leader_beat(ngx_event_t *ev)
{
    char                         *json;
    ngx_stentor_leader_t         *leader;
    ngx_stentor_cluster_conf_t   *conf;
    ngx_stentor_redis_command_t   cmd;

    leader = ev->data;
    conf = leader->cl->conf;

    if (!leader->up) {
        ngx_stentor_leader_load(leader);
        return;
    }

    ngx_add_timer(ev, NGX_STENTOR_BEAT_MS
                      - ngx_random() % (NGX_STENTOR_BEAT_MS / 10));

    json = ngx_stentor_leader_node_text(leader->cl);
    if (json == NULL) {
        return;
    }

    ngx_stentor_leader_script(leader, &cmd, NGX_STENTOR_SCRIPT_BEAT, 1);
    ngx_stentor_redis_word(&cmd, "%s", leader->nodes);
    ngx_stentor_redis_word(&cmd, "%.*s", (int) conf->node.len,
                           (char *) conf->node.data);
    ngx_stentor_redis_word(&cmd, "%s", json);
    ngx_stentor_redis_word(&cmd, "%d", NGX_STENTOR_EXPIRES_MS);
    ngx_stentor_redis_word(&cmd, "%d", NGX_STENTOR_NODES);

    free(json);

    (void) ngx_stentor_leader_send(leader, &cmd, ngx_stentor_leader_beaten,
                                   leader);
}


static void
ngx_stentor_leader_beaten(void *data, redisReply *reply)
{
    ngx_int_t              rc;
    const char            *text;
    ngx_stentor_leader_t  *leader;

    leader = data;

    rc = ngx_stentor_leader_reply(leader, reply, 0, &text);

    if (rc == NGX_ERROR) {
        ngx_stentor_leader_set(leader, NGX_STENTOR_REDIS_DOWN, text);
    }

    if (rc != NGX_OK || reply->elements == 0) {
        return;
    }

    if (reply->elements > 1) {
        ngx_stentor_leader_nodes(leader, reply);
    }

    text = reply->element[0]->str;
    ngx_stentor_leader_set(leader, NGX_STENTOR_REDIS_UP, text ? text : "");
}


static void
ngx_stentor_leader_nodes(ngx_stentor_leader_t *leader, redisReply *reply)
{
    size_t       i;
    ngx_uint_t   n;
    redisReply  *id, *text;
    stn_node_t  *nodes;

    nodes = ngx_alloc(NGX_STENTOR_NODES * sizeof(stn_node_t),
                      leader->log);
    if (nodes == NULL) {
        return;
    }

    n = 0;

    for (i = 1; i + 1 < reply->elements && n < NGX_STENTOR_NODES; i += 2) {
        id = reply->element[i];
        text = reply->element[i + 1];

        if (id->str && text->str
            && stn_node_read(&nodes[n], id->str, text->str, text->len)
               == STN_OK)
        {
            n++;
        }
    }

    ngx_stentor_map_set_nodes(leader->map, nodes, n);
    ngx_free(nodes);
}


/* Who waits for a lease waits for this as well. */

static void
ngx_stentor_leader_set(ngx_stentor_leader_t *leader,
    ngx_stentor_redis_e state, const char *trouble)
{
    char                  text[sizeof(leader->map->trouble)];
    ngx_stentor_redis_e   was;

    ngx_stentor_redis_printable(text, sizeof(text), trouble);

    was = ngx_stentor_load(&leader->map->redis);

    if (*text && ngx_strcmp(text, leader->map->trouble) != 0) {
        ngx_log_error(NGX_LOG_ERR, leader->log, 0, "Redis: %s", text);

    } else if (*text == '\0' && (was != state || *leader->map->trouble)) {
        ngx_log_error(NGX_LOG_NOTICE, leader->log, 0, "Redis answers");
    }

    ngx_stentor_map_set_trouble(leader->map, text);

    if (was != state) {
        ngx_stentor_save(&leader->map->redis, state);
        ngx_stentor_wake_all(leader->cl->scf->store);

        if (state == NGX_STENTOR_REDIS_UP) {
            ngx_stentor_leader_look(leader);
        }
    }
}


static void
ngx_stentor_leader_told(void *data, const char *text, size_t len)
{
    ngx_stentor_leader_t *leader = data;

    if (ngx_stentor_leader_verdict_told(leader, text, len)) {
        ngx_stentor_leader_look(leader);
    }
}


static void
ngx_stentor_leader_scan(ngx_event_t *ev)
{
    ngx_stentor_leader_t *leader = ev->data;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, NGX_STENTOR_LEADER_MS);

    leader->scanned_ms = ngx_stentor_map_now();

    if (leader->up) {
        ngx_stentor_leader_lease_scan(leader);
        ngx_stentor_leader_unique_scan(leader);
    }
}
