/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The leader (see ngx_stentor_leader.h), as long as there is no client of
 * Redis: it finds Redis down after its time-out, so that everybody goes on
 * without it.
 */

#include "ngx_stentor_leader.h"


struct ngx_stentor_leader_s {
    ngx_stentor_cluster_t  *cl;
    ngx_event_t             timer;
};


static void ngx_stentor_leader_timer(ngx_event_t *ev);


ngx_stentor_leader_t *
ngx_stentor_leader_create(ngx_stentor_cluster_t *cl, ngx_log_t *log)
{
    ngx_stentor_leader_t  *leader;

    leader = ngx_calloc(sizeof(ngx_stentor_leader_t), log);
    if (leader == NULL) {
        return NULL;
    }

    leader->cl = cl;

    leader->timer.handler = ngx_stentor_leader_timer;
    leader->timer.data = cl->scf->worker.wake->connection;
    leader->timer.log = log;
    leader->timer.cancelable = 1;

    ngx_add_timer(&leader->timer, cl->conf->redis_timeout);

    return leader;
}


static void
ngx_stentor_leader_timer(ngx_event_t *ev)
{
    ngx_stentor_leader_t  *leader;

    leader = ngx_stentor_container(ev, ngx_stentor_leader_t, timer);

    ngx_stentor_save(&leader->cl->map->redis, NGX_STENTOR_REDIS_DOWN);
}


void
ngx_stentor_leader_destroy(ngx_stentor_leader_t *leader)
{
    if (leader->timer.timer_set) {
        ngx_del_timer(&leader->timer);
    }

    ngx_free(leader);
}


void
ngx_stentor_leader_look(ngx_stentor_leader_t *leader)
{
}
