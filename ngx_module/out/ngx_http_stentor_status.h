/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the status share: how texts and metrics are written, what
 * is copied out of the store for both formats, and what is added to them by
 * ngx_http_stentor_status_cluster.c (the other nodes, leases, and how streams
 * come from there), by ngx_http_stentor_status_audience.c (the verdict, and who
 * listens), by ngx_http_stentor_status_process.c (what the workers take), and
 * by ngx_http_stentor_status_metrics.c (gauges for Prometheus).
 */

#ifndef _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_
#define _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_


#include "ngx_stentor.h"
#include "store/ngx_stentor_store.h"
#include "stn_buf.h"


/* A gauge of the node. */

typedef struct {
    const char  *name;                   /* behind "stentor_" */
    const char  *help;
    double       value;
} ngx_http_stentor_status_gauge_t;


/* Appends a JSON string. */
void ngx_http_stentor_status_text(stn_buf_t *out, const char *s);

/* Appends the HELP and TYPE lines of a metric. */
void ngx_http_stentor_status_metric(stn_buf_t *out, const char *name,
    const char *type, const char *help);

/* The streams that there are, one by one: *i goes from 0; NULL: no more. */
ngx_stentor_stream_t *ngx_http_stentor_status_next(ngx_stentor_store_t *store,
    ngx_uint_t *i);

/* Copies a stream's session.  Returns NGX_OK, or NGX_DECLINED: there is none,
 * or it is being written. */
ngx_int_t ngx_http_stentor_status_session_copy(ngx_stentor_stream_t *st,
    ngx_stentor_session_t *s);

/* Copies the newest part's record, and returns where the part ends, in Unix
 * milliseconds; 0, and zeros: there is none. */
int64_t ngx_http_stentor_status_edge(ngx_stentor_store_t *store,
    ngx_stentor_rendition_t *rend, ngx_stentor_record_t *last);

/* Requests that wait for the next part of a stream, by its index, or of all:
 * NGX_CONF_UNSET_UINT. */
uint64_t ngx_http_stentor_status_waiters(ngx_stentor_store_t *store,
    ngx_uint_t index);

/* Workers that live, old ones of a reload included. */
ngx_uint_t ngx_http_stentor_status_workers(ngx_stentor_store_t *store);


/* ngx_http_stentor_status_cluster.c */

/* Appends "cluster": {...}, or null without a cluster {} block. */
void ngx_http_stentor_status_cluster(ngx_stentor_conf_t *scf, stn_buf_t *out);

/* Appends what a stream's entry has of its lease and its relay. */
void ngx_http_stentor_status_relay(ngx_stentor_stream_t *st, stn_buf_t *out);

/* Copies how a stream comes from another node.  Returns NGX_OK, or
 * NGX_DECLINED: it is being written. */
ngx_int_t ngx_http_stentor_status_relay_copy(ngx_stentor_stream_t *st,
    ngx_stentor_relay_t *relay);

/* Appends metrics of the cluster; none without a cluster {} block. */
void ngx_http_stentor_status_cluster_metrics(ngx_stentor_conf_t *scf,
    stn_buf_t *out);


/* ngx_http_stentor_status_audience.c */

/* Appends "verdict": {...}, or null before there is one. */
void ngx_http_stentor_status_verdict(ngx_stentor_store_t *store,
    stn_buf_t *out);

/* Appends what a stream's entry has of its listeners. */
void ngx_http_stentor_status_listeners(ngx_stentor_store_t *store,
    ngx_stentor_stream_t *st, stn_buf_t *out);

/* Appends metrics of the verdict; none before there is one. */
void ngx_http_stentor_status_verdict_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out);


/* ngx_http_stentor_status_metrics.c */

/* Appends what is known of the node's store and of each stream, beyond the
 * counters that both formats have. */
void ngx_http_stentor_status_gauges(ngx_stentor_store_t *store,
    stn_buf_t *out);

/* Appends gauges of the node, n of them. */
void ngx_http_stentor_status_list(const ngx_http_stentor_status_gauge_t *g,
    ngx_uint_t n, stn_buf_t *out);


/* ngx_http_stentor_status_process.c */

/* Appends "processes": [...], the workers. */
void ngx_http_stentor_status_processes(ngx_stentor_store_t *store,
    stn_buf_t *out);

/* The same as metrics, in sum. */
void ngx_http_stentor_status_process_metrics(ngx_stentor_store_t *store,
    stn_buf_t *out);


#endif /* _NGX_HTTP_STENTOR_STATUS_H_INCLUDED_ */
