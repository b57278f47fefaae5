/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Pages: the playlists of a view's present version, rendered and compressed
 * at most once a version and worker, and then shared by all who ask.  The
 * text is the library's (stn_playlist); this file lends it the reader's
 * segments.  Event loop only; a page belongs to its view.
 */

#include "ngx_http_stentor_steering.h"

#include <zlib.h>


/* gzip's own format, at the window size that zlib prefers. */
#define NGX_HTTP_STENTOR_GZIP_BITS   (15 + 16)
#define NGX_HTTP_STENTOR_GZIP_LEVEL  6

/* CODECS of as many formats as a window may have. */
#define NGX_HTTP_STENTOR_CODECS_MAX  (NGX_STENTOR_INITS                       \
                                      * NGX_STENTOR_CODECS_MAX)


static void ngx_http_stentor_hls_describe(ngx_stentor_view_t *v,
    stn_playlist_t *pl);
static ngx_int_t ngx_http_stentor_hls_render(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, ngx_http_stentor_page_e page, stn_buf_t *out);
static ngx_int_t ngx_http_stentor_hls_media(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, stn_playlist_e kind, stn_buf_t *out);
static void ngx_http_stentor_hls_lend(ngx_stentor_view_t *v,
    stn_playlist_segment_t *lent);
static ngx_uint_t ngx_http_stentor_hls_reports(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, stn_playlist_report_t *reports);
static void ngx_http_stentor_hls_codecs(ngx_stentor_view_t *v, char *codecs);
static ngx_uint_t ngx_http_stentor_hls_has(const char *list,
    const char *codec);
static ngx_int_t ngx_http_stentor_hls_index_page(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, const char *suffix, stn_buf_t *out);
static ngx_stentor_bytes_t *ngx_http_stentor_hls_bytes(stn_buf_t *text,
    ngx_log_t *log);
static ngx_stentor_bytes_t *ngx_http_stentor_hls_gzip(
    ngx_stentor_bytes_t *plain, ngx_log_t *log);


static const char  *ngx_http_stentor_hls_tags[] = {
    "f", "d", "s", "i", "j"
};


ngx_stentor_bytes_t *
ngx_http_stentor_hls_page(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_page_e page, ngx_uint_t gzip)
{
    ngx_log_t                      *log;
    stn_buf_t                       text;
    ngx_stentor_bytes_t            *b, **plain, **zipped;
    ngx_stentor_segment_t          *seg;
    ngx_http_stentor_hls_worker_t  *w;

    w = ngx_http_stentor_hls_worker();

    if (page >= NGX_HTTP_STENTOR_PAGE_INDEX) {
        ngx_http_stentor_steering_refresh(w);
    }

    plain = &v->pages[page * 2];
    zipped = &v->pages[page * 2 + 1];

    b = gzip ? *zipped : *plain;
    if (b) {
        return b;
    }

    log = rd->shelf->log;
    seg = ngx_stentor_view_last(v);

    if (*plain == NULL) {
        stn_buf_init(&text, STN_PLAYLIST_MAX);

        if (ngx_http_stentor_hls_render(rd, v, page, &text) == NGX_OK) {
            *plain = ngx_http_stentor_hls_bytes(&text, log);
        }

        stn_buf_free(&text);

        if (*plain == NULL) {
            return NULL;
        }

        (*plain)->etag.len = ngx_sprintf((*plain)->etag_data,
                                         "\"%08xD-%uL.%ui%s%s\"",
                                         ngx_crc32_long((*plain)->data,
                                                        (*plain)->len),
                                         seg->msn, seg->nparts,
                                         ngx_http_stentor_hls_tags[page],
                                         rd->ended ? "e" : "")
                             - (*plain)->etag_data;

        ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_RENDERS);
    }

    if (!gzip) {
        return *plain;
    }

    *zipped = ngx_http_stentor_hls_gzip(*plain, log);

    ngx_http_stentor_hls_count(w, NGX_STENTOR_HLS_GZIP_RENDERS);

    return *zipped;
}


static ngx_int_t
ngx_http_stentor_hls_render(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    ngx_http_stentor_page_e page, stn_buf_t *out)
{
    switch (page) {

    case NGX_HTTP_STENTOR_PAGE_FULL:
        return ngx_http_stentor_hls_media(rd, v, STN_PLAYLIST_LOW_LATENCY,
                                          out);

    case NGX_HTTP_STENTOR_PAGE_DELTA:
        return ngx_http_stentor_hls_media(rd, v, STN_PLAYLIST_DELTA, out);

    case NGX_HTTP_STENTOR_PAGE_CLASSIC:
        return ngx_http_stentor_hls_media(rd, v, STN_PLAYLIST_CLASSIC, out);

    case NGX_HTTP_STENTOR_PAGE_INDEX:
        return ngx_http_stentor_hls_index_page(rd, v, "", out);

    default: /* NGX_HTTP_STENTOR_PAGE_INDEX_CLASSIC */
        return ngx_http_stentor_hls_index_page(rd, v, "-std", out);
    }
}


/* All of a description but its segments. */

static void
ngx_http_stentor_hls_describe(ngx_stentor_view_t *v, stn_playlist_t *pl)
{
    ngx_memzero(pl, sizeof(stn_playlist_t));

    pl->rendition = v->rend.name;
    pl->window = v->rend.window;
    pl->rate = v->rend.rate;
    pl->part = v->rend.part;
    pl->parts = v->rend.parts;
}


ngx_uint_t
ngx_http_stentor_hls_target(ngx_stentor_view_t *v)
{
    stn_playlist_t  pl;

    ngx_http_stentor_hls_describe(v, &pl);

    return stn_playlist_target(&pl);
}


ngx_uint_t
ngx_http_stentor_hls_advance(ngx_stentor_view_t *v)
{
    stn_playlist_t  pl;

    ngx_http_stentor_hls_describe(v, &pl);

    return stn_playlist_advance(&pl);
}


static ngx_int_t
ngx_http_stentor_hls_media(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    stn_playlist_e kind, stn_buf_t *out)
{
    ngx_int_t                rc;
    stn_playlist_t           pl;
    stn_playlist_report_t    reports[NGX_STENTOR_RENDITIONS];
    stn_playlist_segment_t  *lent;

    lent = ngx_calloc(v->nsegments * sizeof(stn_playlist_segment_t),
                      rd->shelf->log);
    if (lent == NULL) {
        return NGX_ERROR;
    }

    ngx_http_stentor_hls_lend(v, lent);
    ngx_http_stentor_hls_describe(v, &pl);

    pl.segments = lent;
    pl.nsegments = v->nsegments;
    pl.discontinuities = v->segments[0].discontinuities
                         - lent[0].discontinuity;
    pl.next_init = ngx_stentor_view_last(v)->next_init;
    pl.reports = reports;
    pl.nreports = ngx_http_stentor_hls_reports(rd, v, reports);
    pl.ended = rd->ended;

    rc = stn_playlist_media(&pl, kind, out) == STN_OK ? NGX_OK : NGX_ERROR;

    ngx_free(lent);

    return rc;
}


static void
ngx_http_stentor_hls_lend(ngx_stentor_view_t *v, stn_playlist_segment_t *lent)
{
    ngx_uint_t              i, k;
    ngx_stentor_segment_t  *seg;

    for (i = 0; i < v->nsegments; i++) {
        seg = &v->segments[i];

        lent[i].msn = seg->msn;
        lent[i].pos = seg->pos;
        lent[i].rate = seg->rate;
        lent[i].init = seg->init;
        lent[i].duration = seg->duration;
        lent[i].nparts = seg->nparts;
        lent[i].complete = seg->complete;
        lent[i].discontinuity = i && seg->discontinuities
                                     != seg[-1].discontinuities;

        for (k = 0; k < seg->nparts; k++) {
            lent[i].parts[k] = seg->parts[k].duration;
        }
    }
}


/* The newest parts of all other renditions. */

static ngx_uint_t
ngx_http_stentor_hls_reports(ngx_stentor_reader_t *rd, ngx_stentor_view_t *v,
    stn_playlist_report_t *reports)
{
    ngx_uint_t              i, n;
    ngx_stentor_view_t     *other;
    ngx_stentor_segment_t  *last;

    for (i = 0, n = 0; i < rd->nviews; i++) {
        other = &rd->views[i];
        last = ngx_stentor_view_last(other);

        if (other == v || last == NULL) {
            continue;
        }

        reports[n].rendition = other->rend.name;
        reports[n].msn = last->msn;
        reports[n].part = last->nparts - 1;
        n++;
    }

    return n;
}


static ngx_int_t
ngx_http_stentor_hls_index_page(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, const char *suffix, stn_buf_t *out)
{
    stn_playlist_index_t      index;
    ngx_stentor_segment_t    *last;
    ngx_http_stentor_offer_t  offer;

    ngx_memzero(&index, sizeof(stn_playlist_index_t));

    last = ngx_stentor_view_last(v);
    index.suffix = suffix;

    ngx_http_stentor_steering_offer(rd, &index, &offer,
                                    (unsigned) (last->msn * v->rend.parts
                                                + last->nparts));

    return ngx_http_stentor_hls_index(rd, &index, out);
}


ngx_int_t
ngx_http_stentor_hls_index(ngx_stentor_reader_t *rd,
    stn_playlist_index_t *index, stn_buf_t *out)
{
    char                    codecs[NGX_STENTOR_RENDITIONS]
                                  [NGX_HTTP_STENTOR_CODECS_MAX];
    ngx_uint_t              i;
    stn_playlist_variant_t  variants[NGX_STENTOR_RENDITIONS];

    index->variants = variants;
    index->nvariants = rd->nviews;

    for (i = 0; i < rd->nviews; i++) {
        ngx_http_stentor_hls_codecs(&rd->views[i], codecs[i]);

        variants[i].rendition = rd->views[i].rend.name;
        variants[i].codecs = codecs[i];

        /* the writer raises these as it measures */
        variants[i].bandwidth = rd->views[i].shared->bandwidth;
        variants[i].average = rd->views[i].shared->average;
    }

    return stn_playlist_multivariant(index, out)
           == STN_OK ? NGX_OK : NGX_ERROR;
}


/* CODECS has every format that is in the playlist (RFC 8216bis section
 * 4.4.6.2): there are several after a change of audio parameters. */

static void
ngx_http_stentor_hls_codecs(ngx_stentor_view_t *v, char *codecs)
{
    u_char                   *p, *last;
    uint32_t                  init;
    ngx_uint_t                i;
    ngx_stentor_view_init_t  *vi;

    init = 0;
    p = (u_char *) codecs;
    last = p + NGX_HTTP_STENTOR_CODECS_MAX - 1;
    *p = '\0';

    for (i = v->nsegments; i > 0; i--) {

        if (v->segments[i - 1].init == init) {
            continue;
        }

        init = v->segments[i - 1].init;
        vi = ngx_stentor_view_find_init(v, init);

        if (vi && !ngx_http_stentor_hls_has(codecs, vi->codecs)) {
            p = ngx_slprintf(p, last, "%s%s", *codecs ? "," : "", vi->codecs);
            *p = '\0';
        }
    }
}


/* Whether a list of codecs has one, as a whole word. */

static ngx_uint_t
ngx_http_stentor_hls_has(const char *list, const char *codec)
{
    size_t  len;

    len = ngx_strlen(codec);

    for ( ;; ) {
        if (ngx_strncmp(list, codec, len) == 0
            && (list[len] == ',' || list[len] == '\0'))
        {
            return 1;
        }

        list = strchr(list, ',');
        if (list == NULL) {
            return 0;
        }

        list++;
    }
}


static ngx_stentor_bytes_t *
ngx_http_stentor_hls_bytes(stn_buf_t *text, ngx_log_t *log)
{
    ngx_stentor_bytes_t  *b;

    b = ngx_stentor_bytes_create(text->len, log);
    if (b) {
        ngx_memcpy(b->data, text->data, text->len);
    }

    return b;
}


/* The tag differs from the plain page's: they are not the same bytes. */

static ngx_stentor_bytes_t *
ngx_http_stentor_hls_gzip(ngx_stentor_bytes_t *plain, ngx_log_t *log)
{
    int                   rc;
    z_stream              z;
    ngx_stentor_bytes_t  *b;

    ngx_memzero(&z, sizeof(z_stream));

    if (deflateInit2(&z, NGX_HTTP_STENTOR_GZIP_LEVEL, Z_DEFLATED,
                     NGX_HTTP_STENTOR_GZIP_BITS, 8, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        return NULL;
    }

    b = ngx_stentor_bytes_create(deflateBound(&z, plain->len), log);
    if (b == NULL) {
        deflateEnd(&z);
        return NULL;
    }

    z.next_in = plain->data;
    z.avail_in = plain->len;
    z.next_out = b->data;
    z.avail_out = b->len;

    rc = deflate(&z, Z_FINISH);
    b->len = z.total_out;

    deflateEnd(&z);

    if (rc != Z_STREAM_END) {
        ngx_stentor_bytes_release(b);
        return NULL;
    }

    b->etag.len = ngx_sprintf(b->etag_data, "%*s-z\"", plain->etag.len - 1,
                              plain->etag.data)
                  - b->etag_data;

    return b;
}
