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


/* Answers a request for a steering manifest.  Returns what a content handler
 * returns. */
ngx_int_t ngx_http_stentor_steering(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);

/*
 * Answers a request for a multivariant playlist with one that has the pathways
 * of other nodes alone, those that have room, best first: who joins is sent
 * away.  rd: the stream's, with parts.  It counts nothing.  Returns what a
 * content handler returns; NGX_DECLINED, with nothing sent: there is no such
 * node.
 */
ngx_int_t ngx_http_stentor_steering_away(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);


#endif /* _NGX_HTTP_STENTOR_STEERING_H_INCLUDED_ */
