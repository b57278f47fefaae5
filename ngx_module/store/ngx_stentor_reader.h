/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The reader: a worker's view of one stream.  Each part is copied out of the
 * store once, into memory of the worker's own that counts its references, and
 * all listeners of the worker are given the same bytes.  A reader also keeps
 * what is rendered from its parts, so that a version is rendered once, and
 * the requests that wait for the next one.  Event loop only.
 *
 *     shelf -- reader "live/a" -- view "audio" -- segments -- parts -> bytes
 *           `- reader "live/b"               `--- pages (rendered) -> bytes
 */

#ifndef _NGX_STENTOR_READER_H_INCLUDED_
#define _NGX_STENTOR_READER_H_INCLUDED_


#include "ngx_stentor_wake.h"


/* Things rendered from a view; out/ says which is which. */
#define NGX_STENTOR_PAGES  10

#define NGX_STENTOR_ETAG_MAX  64


/* Bytes shared by all responses that carry them. */

typedef struct {
    ngx_uint_t               refs;
    size_t                   len;
    ngx_str_t                etag;       /* quoted; points into etag_data */
    u_char                   etag_data[NGX_STENTOR_ETAG_MAX];
    u_char                   data[];
} ngx_stentor_bytes_t;


typedef struct {
    uint32_t                 duration;   /* samples */
    ngx_stentor_bytes_t     *bytes;
} ngx_stentor_view_part_t;


typedef struct {
    ngx_atomic_uint_t        record;     /* of its first part */
    uint64_t                 msn;
    int64_t                  pos;        /* tfdt */
    size_t                   len;        /* bytes of all its parts */
    uint32_t                 duration;   /* samples of all its parts */
    uint32_t                 rate;       /* of pos and duration */
    uint32_t                 init;
    uint32_t                 next_init;  /* of what follows; 0: the same */
    uint32_t                 discontinuities;   /* ever, up to it */
    ngx_uint_t               nparts;
    ngx_uint_t               complete;   /* boolean */
    ngx_stentor_view_part_t  parts[NGX_STENTOR_PARTS_MAX];
} ngx_stentor_segment_t;


/* An init segment, as long as the reader lives. */

typedef struct {
    uint32_t                 id;
    char                     codecs[NGX_STENTOR_CODECS_MAX];
    ngx_stentor_bytes_t     *bytes;      /* NULL: no init segment here */
} ngx_stentor_view_init_t;


/* One rendition as this worker sees it. */

typedef struct {
    ngx_stentor_rendition_t  rend;       /* copied at opening */
    ngx_stentor_rendition_t *shared;     /* whose head and reserved move */
    ngx_atomic_uint_t        next;       /* record to read next */
    ngx_stentor_segment_t   *segments;   /* oldest first */
    ngx_uint_t               nsegments;
    ngx_uint_t               max_segments;
    ngx_stentor_view_init_t  inits[NGX_STENTOR_INITS];
    ngx_uint_t               ninits;     /* ever taken: a ring */
    ngx_stentor_bytes_t     *pages[NGX_STENTOR_PAGES];  /* of this version */
} ngx_stentor_view_t;


typedef struct {
    ngx_str_node_t           node;           /* in the shelf, by name */
    ngx_queue_t              queue;          /* in the shelf, all of them */
    ngx_stentor_shelf_t     *shelf;
    ngx_stentor_stream_t    *stream;
    ngx_atomic_uint_t        incarnation;
    ngx_uint_t               nviews;
    ngx_stentor_view_t      *views;
    ngx_uint_t               ended;          /* boolean: no more parts */
    ngx_uint_t               defunct;        /* boolean: not the stream now */
    ngx_uint_t               pins;           /* out/'s that must not lose it */
    ngx_msec_t               used;           /* when it was last asked for */
    ngx_queue_t              waiting;        /* requests; out/ owns them */
    u_char                   name_data[NGX_STENTOR_NAME_MAX];
} ngx_stentor_reader_t;


/* Called when a reader has something new (or is defunct). */
typedef void (*ngx_stentor_shelf_pt)(void *data, ngx_stentor_reader_t *rd);


struct ngx_stentor_shelf_s {
    ngx_stentor_store_t     *store;
    ngx_stentor_wake_t      *wake;
    ngx_queue_t              readers;        /* defunct ones included */
    ngx_rbtree_t             names;          /* those that are not */
    ngx_rbtree_node_t        sentinel;
    ngx_stentor_reader_t   **streams;        /* likewise, by stream */
    ngx_event_t              expire;         /* drops idle readers */
    ngx_stentor_shelf_pt     handler;
    void                    *data;
    ngx_log_t               *log;
};


/* Makes the worker's shelf; NULL on failure. */
ngx_stentor_shelf_t *ngx_stentor_shelf_create(ngx_cycle_t *cycle,
    ngx_stentor_store_t *store, ngx_stentor_wake_t *wake);

/* The worker exits: frees every reader. */
void ngx_stentor_shelf_exit(ngx_stentor_shelf_t *shelf);

/*
 * The reader of the stream of that full name, with all that the store has of
 * it now; opened at its first use.  Returns NULL when there is no such stream
 * (or no memory for its reader).
 */
ngx_stentor_reader_t *ngx_stentor_reader_get(ngx_stentor_shelf_t *shelf,
    ngx_str_t *name);

/* The view of that name, or NULL. */
ngx_stentor_view_t *ngx_stentor_reader_view(ngx_stentor_reader_t *rd,
    ngx_str_t *name);

/* The init segment of that id, or NULL; find looks among those only that
 * parts have brought along. */
ngx_stentor_view_init_t *ngx_stentor_view_find_init(ngx_stentor_view_t *v,
    uint32_t id);
ngx_stentor_view_init_t *ngx_stentor_view_init(ngx_stentor_reader_t *rd,
    ngx_stentor_view_t *v, uint32_t id);

/* The segment with that number, or NULL. */
ngx_stentor_segment_t *ngx_stentor_view_segment(ngx_stentor_view_t *v,
    uint64_t msn);

/* The newest segment, perhaps still being built; NULL before the first. */
ngx_stentor_segment_t *ngx_stentor_view_last(ngx_stentor_view_t *v);

/* Bytes with one reference and room for len; NULL out of memory. */
ngx_stentor_bytes_t *ngx_stentor_bytes_create(size_t len, ngx_log_t *log);

/* Gives a reference back; the last one frees. */
void ngx_stentor_bytes_release(ngx_stentor_bytes_t *b);


#endif /* _NGX_STENTOR_READER_H_INCLUDED_ */
