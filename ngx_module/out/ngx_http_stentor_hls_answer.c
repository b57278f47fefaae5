/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Answering a target from its reader: the rules of delivery directives (RFC
 * 8216bis section 6.2.5), of preload hints (6.2.6), and of HTTP around them.
 * Bodies are the reader's own bytes, handed on without a copy; a response
 * keeps a reference to each until its request is gone.
 */

#include "ngx_http_stentor_audience.h"
#include "ngx_http_stentor_steering.h"


/* Whole segments beyond the last one that a reload may ask for (6.2.5.2). */
#define NGX_HTTP_STENTOR_AHEAD  2

/* A preflight's answer may be kept for a day. */
#define NGX_HTTP_STENTOR_PREFLIGHT  "86400"


typedef struct {
    ngx_str_t                type;
    ngx_str_t                cache;
    ngx_uint_t               gzip;       /* boolean: it is compressed */
    ngx_uint_t               vary;       /* boolean: on Accept-Encoding */
    ngx_uint_t               ranges;     /* boolean: may be had in pieces */
    ngx_str_t               *etag;       /* NULL: none */
    ngx_table_elt_t         *sent;       /* Cache-Control as it went out */
    ngx_http_stentor_piece_t  *piece;    /* of media; or NULL */
} ngx_http_stentor_head_t;


typedef struct {
    ngx_http_stentor_sent_t  sent;
    ngx_uint_t               n;
    ngx_stentor_bytes_t     *bytes[];
} ngx_http_stentor_lease_t;


static ngx_int_t ngx_http_stentor_hls_init(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_missing(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_playlist(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_playlist_page(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_http_stentor_page_e ngx_http_stentor_hls_which(
    ngx_stentor_reader_t *rd, ngx_http_stentor_target_t *t);
static const char *ngx_http_stentor_hls_absurd(ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_uint_t ngx_http_stentor_hls_listed(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_part(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_uint_t ngx_http_stentor_hls_hinted(ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static ngx_int_t ngx_http_stentor_hls_segment(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t);
static void ngx_http_stentor_hls_count_media(ngx_stentor_reader_t *rd,
    ngx_stentor_counter_e counter);
static ngx_int_t ngx_http_stentor_hls_media(ngx_http_request_t *r,
    ngx_http_stentor_piece_t *piece, ngx_stentor_bytes_t **bytes,
    ngx_uint_t n);
static ngx_int_t ngx_http_stentor_hls_send(ngx_http_request_t *r,
    ngx_http_stentor_head_t *head, ngx_stentor_bytes_t **bytes,
    ngx_uint_t n);
static ngx_int_t ngx_http_stentor_hls_head(ngx_http_request_t *r,
    ngx_http_stentor_head_t *head);
static ngx_int_t ngx_http_stentor_hls_cors(ngx_http_request_t *r);
static ngx_table_elt_t *ngx_http_stentor_hls_header(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *value);
static ngx_chain_t *ngx_http_stentor_hls_chain(ngx_http_request_t *r,
    ngx_http_stentor_head_t *head, ngx_stentor_bytes_t **bytes, ngx_uint_t n);
static void ngx_http_stentor_hls_release(void *data);


static ngx_str_t  ngx_http_stentor_type_playlist =
    ngx_string("application/vnd.apple.mpegurl");
static ngx_str_t  ngx_http_stentor_type_media = ngx_string("audio/mp4");

/* A plain playlist is news for about a part; one asked for by its number for
 * good, but it is worth nothing soon; media never change. */
static ngx_str_t  ngx_http_stentor_cache_plain =
    ngx_string("public, max-age=1");
static ngx_str_t  ngx_http_stentor_cache_numbered =
    ngx_string("public, max-age=6");
static ngx_str_t  ngx_http_stentor_cache_media =
    ngx_string("public, max-age=3600, immutable");
static ngx_str_t  ngx_http_stentor_cache_error =
    ngx_string("public, max-age=1");
static ngx_str_t  ngx_http_stentor_cache_never = ngx_string("no-store");

static ngx_str_t  ngx_http_stentor_key_cache = ngx_string("Cache-Control");
static ngx_str_t  ngx_http_stentor_key_etag = ngx_string("ETag");
static ngx_str_t  ngx_http_stentor_key_vary = ngx_string("Vary");
static ngx_str_t  ngx_http_stentor_key_encoding =
    ngx_string("Content-Encoding");
static ngx_str_t  ngx_http_stentor_key_origin =
    ngx_string("Access-Control-Allow-Origin");
static ngx_str_t  ngx_http_stentor_key_expose =
    ngx_string("Access-Control-Expose-Headers");
static ngx_str_t  ngx_http_stentor_key_methods =
    ngx_string("Access-Control-Allow-Methods");
static ngx_str_t  ngx_http_stentor_key_headers =
    ngx_string("Access-Control-Allow-Headers");
static ngx_str_t  ngx_http_stentor_key_age =
    ngx_string("Access-Control-Max-Age");
static ngx_str_t  ngx_http_stentor_key_allow = ngx_string("Allow");

static ngx_str_t  ngx_http_stentor_any = ngx_string("*");
static ngx_str_t  ngx_http_stentor_exposed = ngx_string("Age, Date");
static ngx_str_t  ngx_http_stentor_exposed_busy =
    ngx_string("Age, Date, Retry-After");
static ngx_str_t  ngx_http_stentor_methods =
    ngx_string("GET, HEAD, OPTIONS");
static ngx_str_t  ngx_http_stentor_headers = ngx_string("Range");
static ngx_str_t  ngx_http_stentor_preflight =
    ngx_string(NGX_HTTP_STENTOR_PREFLIGHT);
static ngx_str_t  ngx_http_stentor_gzip = ngx_string("gzip");
static ngx_str_t  ngx_http_stentor_accept_encoding =
    ngx_string("Accept-Encoding");


ngx_int_t
ngx_http_stentor_hls_answer(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t)
{
    ngx_stentor_view_t             *v;
    ngx_stentor_reader_t           *rd;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    rd = ngx_stentor_reader_get(w->scf->worker.shelf, &t->name);
    if (rd == NULL) {
        return ngx_http_stentor_hls_missing(r, t);
    }

    v = (t->ask.kind <= STN_TARGET_STEERING)
        ? &rd->views[0] : ngx_stentor_reader_view(rd, &t->rendition);

    if (v == NULL) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);
        return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                          "no such rendition");
    }

    if (ngx_stentor_view_last(v) == NULL) {
        return ngx_http_stentor_hls_hold(r, rd, t);
    }

    switch (t->ask.kind) {

    case STN_TARGET_INDEX:
    case STN_TARGET_PLAYLIST:
        return ngx_http_stentor_hls_playlist(r, rd, v, t);

    case STN_TARGET_STEERING:
        return ngx_http_stentor_steering(r, rd, t);

    case STN_TARGET_PART:
        return ngx_http_stentor_hls_part(r, rd, v, t);

    case STN_TARGET_SEGMENT:
        return ngx_http_stentor_hls_segment(r, rd, v, t);

    default: /* STN_TARGET_INIT */
        return ngx_http_stentor_hls_init(r, rd, v, t);
    }
}


static ngx_int_t
ngx_http_stentor_hls_init(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_target_t *t)
{
    ngx_stentor_view_init_t        *vi;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    vi = t->ask.init ? ngx_stentor_view_init(rd, v, t->ask.init) : NULL;

    if (vi == NULL) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);
        return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                          "no such init segment");
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_INITS);

    return ngx_http_stentor_hls_media(r, NULL, &vi->bytes, 1);
}


/* A stream that is not there may be on its way: a request for its playlist is
 * held, as long as not too many are.  In a cluster so is one for media, and
 * others are asked for it: a node that has just come up must not answer those
 * who were listening that there is no such thing. */

static ngx_int_t
ngx_http_stentor_hls_missing(ngx_http_request_t *r,
    ngx_http_stentor_target_t *t)
{
    ngx_stentor_cluster_t          *cl;
    ngx_http_stentor_hls_conf_t    *hcf;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    cl = w->scf->worker.cluster;
    hcf = ngx_http_get_module_loc_conf(r, ngx_http_stentor_hls_module);

    /* who is told that nobody has it is held, too: it may begin */

    if (cl && w->npending < hcf->pending_max) {
        (void) ngx_stentor_cluster_want(cl, &t->name);
    }

    if ((t->ask.kind <= STN_TARGET_PLAYLIST || cl) && hcf->pending_time) {

        if (w->npending < hcf->pending_max) {
            return ngx_http_stentor_hls_hold(r, NULL, t);
        }

        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_PENDING_REFUSED);
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);

    return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                      "no such stream");
}


ngx_uint_t
ngx_http_stentor_hls_ready(ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t)
{
    ngx_stentor_view_t  *v;

    if (rd->defunct || rd->ended) {
        return 1;
    }

    v = (t->ask.kind <= STN_TARGET_STEERING)
        ? &rd->views[0] : ngx_stentor_reader_view(rd, &t->rendition);

    if (v == NULL || ngx_stentor_view_last(v) == NULL) {
        return v == NULL;
    }

    if (t->ask.kind == STN_TARGET_PART) {
        return !ngx_http_stentor_hls_hinted(v, t);
    }

    return ngx_http_stentor_hls_listed(rd, v, t);
}


static ngx_int_t
ngx_http_stentor_hls_playlist(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_target_t *t)
{
    ngx_int_t    rc;
    const char  *reason;

    rc = ngx_http_stentor_admit(r, rd, t);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* the directives are those of low-latency playlists */

    if (t->ask.kind == STN_TARGET_PLAYLIST && !t->ask.classic) {

        reason = rd->ended ? NULL : ngx_http_stentor_hls_absurd(v, t);

        if (reason) {
            ngx_http_stentor_hls_count(ngx_http_stentor_hls_worker(),
                                       NGX_STENTOR_HLS_BAD_REQUESTS);
            return ngx_http_stentor_hls_error(r, NGX_HTTP_BAD_REQUEST, reason);
        }

        if (!ngx_http_stentor_hls_listed(rd, v, t)) {
            return ngx_http_stentor_hls_hold(r, rd, t);
        }
    }

    return ngx_http_stentor_hls_playlist_page(r, rd, v, t);
}


static ngx_int_t
ngx_http_stentor_hls_playlist_page(ngx_http_request_t *r,
    ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t)
{
    ngx_stentor_bytes_t            *b;
    ngx_http_stentor_head_t         head;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    b = ngx_http_stentor_hls_page(rd, v, ngx_http_stentor_hls_which(rd, t),
                                  t->gzip);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_PLAYLISTS);

    if (rd->ended) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_ENDED_PLAYLISTS);
    }

    head.type = ngx_http_stentor_type_playlist;
    head.cache = (t->ask.has_msn && !t->ask.classic)
                 ? ngx_http_stentor_cache_numbered
                 : ngx_http_stentor_cache_plain;
    head.gzip = t->gzip;
    head.vary = 1;
    head.ranges = 0;
    head.etag = &b->etag;
    head.piece = NULL;

    if (t->shed) {
        head.cache = ngx_http_stentor_cache_never;
    }

    return ngx_http_stentor_hls_send(r, &head, &b, 1);
}


static ngx_http_stentor_page_e
ngx_http_stentor_hls_which(ngx_stentor_reader_t *rd,
    ngx_http_stentor_target_t *t)
{
    if (t->ask.kind == STN_TARGET_INDEX) {
        return t->ask.classic ? NGX_HTTP_STENTOR_PAGE_INDEX_CLASSIC
                              : NGX_HTTP_STENTOR_PAGE_INDEX;
    }

    if (t->ask.classic) {
        return NGX_HTTP_STENTOR_PAGE_CLASSIC;
    }

    return (t->ask.skip && !rd->ended) ? NGX_HTTP_STENTOR_PAGE_DELTA
                                       : NGX_HTTP_STENTOR_PAGE_FULL;
}


/* Why a blocking reload cannot be meant, or NULL (6.2.5.2). */

static const char *
ngx_http_stentor_hls_absurd(ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t)
{
    uint64_t                parts, whole, at, edge;
    ngx_stentor_segment_t  *last;

    if (!t->ask.has_msn) {
        return t->ask.has_part ? "_HLS_part without _HLS_msn" : NULL;
    }

    last = ngx_stentor_view_last(v);
    whole = last->complete ? last->msn : last->msn - 1;

    if (t->ask.msn > whole + NGX_HTTP_STENTOR_AHEAD) {
        return "_HLS_msn is too far in the future";
    }

    if (!t->ask.has_part || t->ask.msn <= whole) {
        return NULL;
    }

    /* parts from the one after the last to the one that is asked for */

    parts = v->rend.parts;
    edge = last->complete ? (last->msn + 1) * parts
                          : last->msn * parts + last->nparts;
    at = t->ask.msn * parts + t->ask.part;

    if (t->ask.part > NGX_STENTOR_PARTS_MAX + parts
        || (at >= edge && at - edge + 1 > ngx_http_stentor_hls_advance(v)))
    {
        return "_HLS_part is too far in the future";
    }

    return NULL;
}


/* Whether the playlist has what the reload waits for: the whole segment, or
 * the part or anything later.  A part past the end of its segment means the
 * first one of the next (6.2.5.2). */

static ngx_uint_t
ngx_http_stentor_hls_listed(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t)
{
    uint64_t                msn, part;
    ngx_stentor_segment_t  *last;

    if (!t->ask.has_msn || rd->ended) {
        return 1;
    }

    last = ngx_stentor_view_last(v);

    if (!t->ask.has_part) {
        return t->ask.msn < last->msn
               || (t->ask.msn == last->msn && last->complete);
    }

    msn = t->ask.msn;
    part = t->ask.part;

    if (part >= v->rend.parts) {
        msn++;
        part = 0;
    }

    return msn < last->msn || (msn == last->msn && part < last->nparts);
}


static ngx_int_t
ngx_http_stentor_hls_part(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_target_t *t)
{
    ngx_stentor_segment_t          *seg;
    ngx_http_stentor_piece_t        piece;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    seg = ngx_stentor_view_segment(v, t->ask.msn);

    if (seg && t->ask.part < seg->nparts) {
        ngx_http_stentor_hls_count_media(rd, NGX_STENTOR_HLS_PARTS);
        ngx_http_stentor_audience_piece(&piece, rd, v, seg, t);
        return ngx_http_stentor_hls_media(r, &piece,
                                          &seg->parts[t->ask.part].bytes, 1);
    }

    if (!rd->ended && ngx_http_stentor_hls_hinted(v, t)) {
        return ngx_http_stentor_hls_hold(r, rd, t);
    }

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);

    return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND, "no such part");
}


/* Whether the part is the one that EXT-X-PRELOAD-HINT names. */

static ngx_uint_t
ngx_http_stentor_hls_hinted(ngx_stentor_view_t *v,
    ngx_http_stentor_target_t *t)
{
    ngx_stentor_segment_t  *last;

    last = ngx_stentor_view_last(v);

    if (last->complete) {
        return t->ask.msn == last->msn + 1 && t->ask.part == 0;
    }

    return t->ask.msn == last->msn && t->ask.part == last->nparts;
}


static ngx_int_t
ngx_http_stentor_hls_segment(ngx_http_request_t *r, ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_target_t *t)
{
    ngx_uint_t                      i;
    ngx_stentor_bytes_t            *bytes[NGX_STENTOR_PARTS_MAX];
    ngx_stentor_segment_t          *seg;
    ngx_http_stentor_piece_t        piece;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    seg = ngx_stentor_view_segment(v, t->ask.msn);

    if (seg == NULL || !(seg->complete || rd->ended)) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_NOT_FOUND);
        return ngx_http_stentor_hls_error(r, NGX_HTTP_NOT_FOUND,
                                          "no such segment");
    }

    for (i = 0; i < seg->nparts; i++) {
        bytes[i] = seg->parts[i].bytes;
    }

    ngx_http_stentor_hls_count_media(rd, NGX_STENTOR_HLS_SEGMENTS);
    ngx_http_stentor_audience_piece(&piece, rd, v, seg, t);

    return ngx_http_stentor_hls_media(r, &piece, bytes, seg->nparts);
}


static void
ngx_http_stentor_hls_count_media(ngx_stentor_reader_t *rd,
    ngx_stentor_counter_e counter)
{
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();
    ngx_http_stentor_hls_count(w, counter);

    if (rd->ended) {
        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_ENDED_MEDIA);
    }
}


static ngx_int_t
ngx_http_stentor_hls_media(ngx_http_request_t *r,
    ngx_http_stentor_piece_t *piece, ngx_stentor_bytes_t **bytes, ngx_uint_t n)
{
    ngx_http_stentor_head_t  head;

    head.type = ngx_http_stentor_type_media;
    head.cache = ngx_http_stentor_cache_media;
    head.gzip = 0;
    head.vary = 0;
    head.ranges = 1;
    head.piece = piece;

    /* a segment that is whole is known by its last part */
    head.etag = &bytes[n - 1]->etag;

    return ngx_http_stentor_hls_send(r, &head, bytes, n);
}


ngx_int_t
ngx_http_stentor_hls_text(ngx_http_request_t *r, ngx_str_t *type,
    ngx_stentor_bytes_t *b)
{
    ngx_http_stentor_head_t  head;

    head.type = *type;
    head.cache = ngx_http_stentor_cache_never;
    head.gzip = 0;
    head.vary = 0;
    head.ranges = 0;
    head.etag = NULL;
    head.piece = NULL;

    return ngx_http_stentor_hls_send(r, &head, &b, 1);
}


static ngx_int_t
ngx_http_stentor_hls_send(ngx_http_request_t *r, ngx_http_stentor_head_t *head,
    ngx_stentor_bytes_t **bytes, ngx_uint_t n)
{
    off_t         len;
    ngx_int_t     rc;
    ngx_uint_t    i;
    ngx_chain_t  *out;

    for (len = 0, i = 0; i < n; i++) {
        len += bytes[i]->len;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = len;
    r->headers_out.last_modified_time = -1;

    if (ngx_http_stentor_hls_head(r, head) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* taken before the head goes out: filters may keep what they are given */

    out = ngx_http_stentor_hls_chain(r, head, bytes, n);
    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (r->headers_out.status == NGX_HTTP_NOT_MODIFIED) {
        ngx_http_stentor_hls_count(ngx_http_stentor_hls_worker(),
                                   NGX_STENTOR_HLS_NOT_MODIFIED);
    }

    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        head->sent->value = ngx_http_stentor_cache_error;
    }

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


static ngx_int_t
ngx_http_stentor_hls_head(ngx_http_request_t *r, ngx_http_stentor_head_t *head)
{
    ngx_table_elt_t  *h;

    r->headers_out.content_type = head->type;
    r->headers_out.content_type_len = head->type.len;
    r->allow_ranges = head->ranges;
    r->single_range = 1;

    head->sent = ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_cache,
                                             &head->cache);

    if (head->sent == NULL || ngx_http_stentor_hls_cors(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (head->etag) {
        h = ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_etag,
                                        head->etag);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.etag = h;
    }

    if (head->vary
        && ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_vary,
                                       &ngx_http_stentor_accept_encoding)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (head->gzip) {
        h = ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_encoding,
                                        &ngx_http_stentor_gzip);
        if (h == NULL) {
            return NGX_ERROR;
        }

        r->headers_out.content_encoding = h;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_stentor_hls_cors(ngx_http_request_t *r)
{
    ngx_str_t  *exposed;

    exposed = (r->headers_out.status == NGX_HTTP_SERVICE_UNAVAILABLE)
              ? &ngx_http_stentor_exposed_busy : &ngx_http_stentor_exposed;

    if (ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_origin,
                                    &ngx_http_stentor_any) == NULL
        || ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_expose,
                                       exposed) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_stentor_hls_header(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *key;
    h->value = *value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


/* The bytes as a chain of buffers, leased until the request is gone. */

static ngx_chain_t *
ngx_http_stentor_hls_chain(ngx_http_request_t *r,
    ngx_http_stentor_head_t *head, ngx_stentor_bytes_t **bytes, ngx_uint_t n)
{
    ngx_buf_t                 *b;
    ngx_uint_t                 i;
    ngx_chain_t               *out;
    ngx_pool_cleanup_t        *cln;
    ngx_http_stentor_lease_t  *lease;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_stentor_lease_t)
                                        + n * sizeof(ngx_stentor_bytes_t *));
    out = ngx_palloc(r->pool, n * sizeof(ngx_chain_t));
    b = ngx_pcalloc(r->pool, n * sizeof(ngx_buf_t));

    if (cln == NULL || out == NULL || b == NULL) {
        return NULL;
    }

    lease = cln->data;
    lease->n = n;

    lease->sent.request = r;
    lease->sent.last = &b[n - 1];
    lease->sent.len = r->headers_out.content_length_n;
    lease->sent.piece.audio.stream = 0;

    if (head->piece) {
        lease->sent.piece = *head->piece;
    }

    for (i = 0; i < n; i++) {
        lease->bytes[i] = bytes[i];
        bytes[i]->refs++;

        b[i].pos = bytes[i]->data;
        b[i].last = bytes[i]->data + bytes[i]->len;
        b[i].memory = 1;

        out[i].buf = &b[i];
        out[i].next = &out[i + 1];
    }

    b[n - 1].last_buf = (r == r->main);
    b[n - 1].last_in_chain = 1;
    out[n - 1].next = NULL;

    cln->handler = ngx_http_stentor_hls_release;

    return out;
}


static void
ngx_http_stentor_hls_release(void *data)
{
    ngx_http_stentor_lease_t *lease = data;

    ngx_uint_t  i;

    ngx_http_stentor_audience_sent(&lease->sent);

    for (i = 0; i < lease->n; i++) {
        ngx_stentor_bytes_release(lease->bytes[i]);
    }
}


ngx_int_t
ngx_http_stentor_hls_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *reason)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "hls request is answered %ui: %s", status, reason);

    r->headers_out.status = status;
    r->headers_out.content_length_n = ngx_strlen(reason) + 1;
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_http_stentor_hls_cors(r) != NGX_OK
        || ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_cache,
                                       status == NGX_HTTP_NOT_FOUND
                                       ? &ngx_http_stentor_cache_error
                                       : &ngx_http_stentor_cache_never)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (status == NGX_HTTP_NOT_ALLOWED
        && ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_allow,
                                       &ngx_http_stentor_methods) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_create_temp_buf(r->pool, ngx_strlen(reason) + 1);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->last, "%s\n", reason);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_stentor_hls_options(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->headers_out.content_length_n = -1;
    r->header_only = 1;

    if (ngx_http_stentor_hls_cors(r) != NGX_OK
        || ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_methods,
                                       &ngx_http_stentor_methods) == NULL
        || ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_headers,
                                       &ngx_http_stentor_headers) == NULL
        || ngx_http_stentor_hls_header(r, &ngx_http_stentor_key_age,
                                       &ngx_http_stentor_preflight) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    return rc > NGX_OK ? rc : NGX_OK;
}
