/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the status share: how texts and metrics are written, and
 * what is added to both formats by ngx_http_stentor_status_cluster.c (the
 * other nodes, leases, and how streams come from there), by
 * ngx_http_stentor_status_audience.c (the verdict, and who listens), and by
 * ngx_http_stentor_status_process.c (what the workers take).
 */

#ifndef _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_
#define _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_


#include "ngx_stentor.h"
#include "store/ngx_stentor_store.h"
#include "stn_buf.h"


/* Appends a JSON string. */
void ngx_http_stentor_status_text(stn_buf_t *out, const char *s);

/* Appends the HELP and TYPE lines of a metric. */
void ngx_http_stentor_status_metric(stn_buf_t *out, const char *name,
    const char *type, const char *help);

/* The streams that there are, one by one: *i goes from 0; NULL: no more. */
ngx_stentor_stream_t *ngx_http_stentor_status_next(ngx_stentor_store_t *store,
    ngx_uint_t *i);


/* ngx_http_stentor_status_cluster.c */

/* Appends "cluster": {...}, or null without a cluster {} block. */
void ngx_http_stentor_status_cluster(ngx_stentor_conf_t *scf, stn_buf_t *out);

/* Appends what a stream's entry has of its lease and its relay. */
void ngx_http_stentor_status_relay(ngx_stentor_stream_t *st, stn_buf_t *out);

/* The same as metrics. */
void ngx_http_stentor_status_cluster_metrics(ngx_stentor_conf_t *scf,
    stn_buf_t *out);


/* ngx_http_stentor_status_audience.c */

/* Appends "verdict": {...}, or null before there is one. */
void ngx_http_stentor_status_verdict(ngx_stentor_store_t *store,
    stn_buf_t *out);

/* Appends what a stream's entry has of its listeners. */
void ngx_http_stentor_status_listeners(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, stn_buf_t *out);

/* The same as metrics. */
void ngx_http_stentor_status_audience_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out);


/* ngx_http_stentor_status_process.c */

/* Appends "processes": [...], the workers. */
void ngx_http_stentor_status_processes(ngx_stentor_store_t *store,
    stn_buf_t *out);

/* The same as metrics, in sum. */
void ngx_http_stentor_status_process_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out);


#endif /* _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_ */
