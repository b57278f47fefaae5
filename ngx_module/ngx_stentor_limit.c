/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading limits of listeners and bandwidth (see ngx_stentor_limit.h).  Runs
 * in the master, and for nginx -t; both directives are the same but for the
 * unit, and in both contexts but for the place.
 */

#include "ngx_stentor_limit.h"
#include "cluster/ngx_stentor_cluster.h"


static char *ngx_stentor_limit(ngx_conf_t *cf, ngx_stentor_limit_t *limit,
    ngx_uint_t bits);
static ngx_int_t ngx_stentor_limit_param(ngx_str_t *value, const char *name,
    ngx_uint_t bits, uint64_t *n);


char *
ngx_stentor_limit_listeners(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_stentor_limit(cf, (void *) ((u_char *) conf + cmd->offset), 0);
}


char *
ngx_stentor_limit_bandwidth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_stentor_limit(cf, (void *) ((u_char *) conf + cmd->offset), 1);
}


static char *
ngx_stentor_limit(ngx_conf_t *cf, ngx_stentor_limit_t *limit, ngx_uint_t bits)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (limit->soft || limit->hard) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_stentor_limit_param(&value[i], "soft=", bits, &limit->soft)
            != NGX_OK
            && ngx_stentor_limit_param(&value[i], "hard=", bits, &limit->hard)
               != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (limit->soft && limit->hard && limit->soft > limit->hard) {
        return "has a \"soft\" limit above its \"hard\" one";
    }

    return NGX_CONF_OK;
}


/* "name=" and a number above 0, once; of bits it may end with k, m or g, which
 * are thousands where bits are counted. */

static ngx_int_t
ngx_stentor_limit_param(ngx_str_t *value, const char *name, ngx_uint_t bits,
    uint64_t *n)
{
    size_t      len, unit;
    u_char     *p;
    ngx_int_t   number;

    len = ngx_strlen(name);

    if (*n || value->len <= len || ngx_strncmp(value->data, name, len) != 0) {
        return NGX_DECLINED;
    }

    p = value->data + len;
    len = value->len - len;
    unit = 1;

    if (bits) {
        switch (p[len - 1] | 0x20) {

        case 'g':
            unit *= 1000;
            /* fall through */

        case 'm':
            unit *= 1000;
            /* fall through */

        case 'k':
            unit *= 1000;
            len--;
        }
    }

    number = ngx_atoi(p, len);

    if (number < 1 || (size_t) number > NGX_MAX_UINT32_VALUE) {
        return NGX_DECLINED;
    }

    *n = (uint64_t) number * unit;

    return NGX_OK;
}


void
ngx_stentor_limit_capacity(ngx_stentor_conf_t *scf)
{
    ngx_stentor_limit_t  *limit;

    limit = &scf->limits.listeners;

    if (scf->cluster->capacity == 0) {
        scf->cluster->capacity = limit->hard ? limit->hard : limit->soft;
    }
}
