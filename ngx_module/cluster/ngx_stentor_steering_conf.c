/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The static list of nodes that listeners may be at: "pathway" directives of
 * the stentor {} block.  One of them is this node, if no cluster {} block has
 * a name for it.  Called while the configuration is read, by the master.
 */

#include "ngx_stentor_steering.h"
#include "ngx_stentor_cluster_conf.h"


#define NGX_STENTOR_STEERING_TTL_MIN  1000
#define NGX_STENTOR_STEERING_TTL_MAX  3600000


static ngx_int_t ngx_stentor_steering_parameter(ngx_conf_t *cf,
    ngx_str_t *value, ngx_stentor_pathway_t *p);


/* pathway ID URL|self [region=NAME] [capacity=NUMBER] */

char *
ngx_stentor_steering_pathway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_conf_t *scf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_array_t            *a;
    ngx_stentor_pathway_t  *p, *other;

    a = &scf->steering.pathways;
    value = cf->args->elts;

    if (a->nelts == STN_STEERING_NODES) {
        return "is there more than 64 times";
    }

    p = ngx_array_push(a);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(p, sizeof(ngx_stentor_pathway_t));
    p->id = value[1];

    if (ngx_stentor_cluster_check_id(&p->id) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid pathway id \"%V\"",
                           &p->id);
        return NGX_CONF_ERROR;
    }

    other = a->elts;

    for (i = 0; i < a->nelts - 1; i++) {
        if (other[i].id.len == p->id.len
            && ngx_memcmp(other[i].id.data, p->id.data, p->id.len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate pathway \"%V\"", &p->id);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_strcmp(value[2].data, "self") != 0) {
        rv = ngx_stentor_cluster_url_read(cf, &value[2], &p->url);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_stentor_steering_parameter(cf, &value[i], p) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stentor_steering_parameter(ngx_conf_t *cf, ngx_str_t *value,
    ngx_stentor_pathway_t *p)
{
    ngx_int_t  n;

    if (ngx_strncmp(value->data, "region=", 7) == 0) {
        p->region.data = value->data + 7;
        p->region.len = value->len - 7;

        return ngx_stentor_cluster_check_id(&p->region);
    }

    if (ngx_strncmp(value->data, "capacity=", 9) == 0) {
        n = ngx_atoi(value->data + 9, value->len - 9);

        if (n == NGX_ERROR || (uint64_t) n > NGX_MAX_UINT32_VALUE) {
            return NGX_ERROR;
        }

        p->capacity = (uint32_t) n;

        return NGX_OK;
    }

    return NGX_ERROR;
}


char *
ngx_stentor_steering_conf_check(ngx_conf_t *cf, ngx_stentor_conf_t *scf)
{
    ngx_uint_t              i, own;
    ngx_stentor_pathway_t  *p;

    ngx_conf_init_value(scf->steering.on, 1);
    ngx_conf_init_msec_value(scf->steering.ttl, 10000);

    if (scf->steering.ttl < NGX_STENTOR_STEERING_TTL_MIN
        || scf->steering.ttl > NGX_STENTOR_STEERING_TTL_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"steering_ttl\" must be between 1s and 1h");
        return NGX_CONF_ERROR;
    }

    p = scf->steering.pathways.elts;

    for (i = 0, own = 0; i < scf->steering.pathways.nelts; i++) {
        own += (p[i].url.len == 0);
    }

    if (scf->cluster && own) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "with a \"cluster\" its \"node\" is what this node "
                           "is called: no \"pathway\" may be \"self\"");
        return NGX_CONF_ERROR;
    }

    if (scf->cluster == NULL && i && own != 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "one \"pathway\" has to be \"self\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
