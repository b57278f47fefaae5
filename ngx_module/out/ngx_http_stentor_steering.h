/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Content steering towards listeners: pathways in multivariant playlists, the
 * steering manifest, and the page for who cannot be let in here.  What is
 * offered is ngx_stentor_steering's; here it gets the stream's URLs.  Event
 * loop only.
 */

#ifndef _NGX_HTTP_STENTOR_STEERING_H_INCLUDED_
#define _NGX_HTTP_STENTOR_STEERING_H_INCLUDED_


#include "ngx_http_stentor_hls.h"
#include "cluster/ngx_stentor_steering.h"


/* Pathways that are offered at once. */
#define NGX_HTTP_STENTOR_PATHWAYS  4

/* A stream's URL at a node, and a file's below it. */
#define NGX_HTTP_STENTOR_BASE_MAX                                             \
    (STN_NODE_URL_MAX + NGX_STENTOR_NAME_MAX + 2)
#define NGX_HTTP_STENTOR_MANIFEST_MAX  (NGX_HTTP_STENTOR_BASE_MAX + 64)


/* Where the texts of an index with pathways lie. */

typedef struct {
    stn_playlist_pathway_t   pathways[NGX_HTTP_STENTOR_PATHWAYS];
    char                     bases[NGX_HTTP_STENTOR_PATHWAYS]
                                  [NGX_HTTP_STENTOR_BASE_MAX];
    char                     manifest[NGX_HTTP_STENTOR_MANIFEST_MAX];
} ngx_http_stentor_offer_t;


/* Answers a request for a steering manifest.  Returns what a content handler
 * returns. */
ngx_int_t ngx_http_stentor_steering(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);

/*
 * Answers a request for a multivariant playlist with one that has the pathways
 * of other nodes alone, those that have room, best first: who joins is sent
 * away.  rd: the stream's, with parts.  It counts nothing.  Returns what a
 * content handler returns; NGX_DECLINED, with nothing sent: there is no such
 * node, or something else was asked for.
 */
ngx_int_t ngx_http_stentor_steering_away(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);

/* Puts the pathways of a stream into an index whose suffix is set: this node,
 * then others, which are spread over versions of the page; none when there is
 * no other node.  They are good until the worker looks again. */
void ngx_http_stentor_steering_offer(ngx_stentor_reader_t *rd,
    stn_playlist_index_t *index, ngx_http_stentor_offer_t *offer,
    unsigned version);

/* Drops pages with pathways that have changed since they were rendered. */
void ngx_http_stentor_steering_refresh(ngx_http_stentor_hls_worker_t *w);


#endif /* _NGX_HTTP_STENTOR_STEERING_H_INCLUDED_ */
