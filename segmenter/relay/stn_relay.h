/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What goes from node to node: one stream as a row of records, in the body of
 * one long HTTP response.
 *
 *     magic   "StnRelay" version(1) 0 0 0                        (once, first)
 *     record  type(1) 0 0 0  length(4)  payload(length)
 *
 *     STREAM INIT.. PART PART .. EDGE  PART HEARTBEAT PART .. INIT PART .. END
 *     `--- what the puller lacks of the window ---'`--- as it is made ------->
 *
 * All numbers are big endian, texts have their length (1 byte) before them.
 * A zero above that is none is of something that no reader of ours must read.
 * A reader passes over types that it does not know, and over what a payload
 * has behind what it knows: a later version may add both.
 */

#ifndef STN_RELAY_H
#define STN_RELAY_H

#include "stn_buf.h"
#include "stn_str.h"


#define STN_RELAY_VERSION     1
#define STN_RELAY_HEAD        8          /* bytes before a payload */

/* Limits: whoever sends more is not one of us. */
#define STN_RELAY_RENDITIONS  8
#define STN_RELAY_HOPS        8          /* nodes between origin and listener */
#define STN_RELAY_PARTS       32         /* a segment */
#define STN_RELAY_WINDOW_MAX  1024       /* segments */
#define STN_RELAY_PART_MAX_S  60         /* seconds that a part lasts */
#define STN_RELAY_ID_MAX      63         /* a node's */
#define STN_RELAY_NAME_MAX    31         /* a rendition's */
#define STN_RELAY_CODECS_MAX  15
#define STN_RELAY_CONFIG_MAX  64
#define STN_RELAY_INIT_MAX    2048
#define STN_RELAY_PART_MAX    (8 * 1024 * 1024)   /* a payload of PART, or of a
                                                     type that is passed over */
#define STN_RELAY_OTHER_MAX   65536      /* a payload of the other types */

/* Numbers of parts, positions, times and epochs are below that, so that one
 * may add to them. */
#define STN_RELAY_BIG         ((int64_t) 1 << 62)
#define STN_RELAY_EPOCHS      ((uint64_t) 1 << 52)   /* whole ones in Lua */
#define STN_RELAY_POS_MAX_S   ((int64_t) 1 << 36)    /* since 1970 */


typedef enum {
    STN_RELAY_STREAM = 1,    /* what the stream is, and whose; after EDGE
                                again, not whole, when that has changed */
    STN_RELAY_INIT = 2,      /* an init segment, before what needs it */
    STN_RELAY_PART = 3,      /* a part, in all renditions */
    STN_RELAY_EDGE = 4,      /* that was the window; what follows is news */
    STN_RELAY_HEARTBEAT = 5, /* nothing is new, but the sender lives */
    STN_RELAY_END = 6        /* the last record, see stn_relay_end_e */
} stn_relay_e;


typedef enum {
    STN_RELAY_END_STREAM = 0,    /* the stream has ended: EXT-X-ENDLIST */
    STN_RELAY_END_ABSENT = 1,    /* there is no such stream anywhere */
    STN_RELAY_END_LOST = 2,      /* the sender does not get it any more */
    STN_RELAY_END_EXIT = 3,      /* the sender's worker ends: ask it again */
    STN_RELAY_END_AGAIN = 4      /* what was sent is void: ask it again */
} stn_relay_end_e;


typedef struct {
    stn_str_t   name;
    uint32_t    rate;            /* Hz, as it was opened with */
    uint32_t    part;            /* samples a part, likewise */
    uint32_t    parts;           /* a segment */
    uint32_t    window;          /* whole segments listed */
    uint32_t    bandwidth;       /* bit/s, peak */
    uint32_t    average;         /* bit/s */
    uint32_t    max_bandwidth;   /* bit/s, what a ring must carry */
} stn_relay_rendition_t;


typedef struct {
    uint64_t               epoch;       /* of the lease of who makes it */
    unsigned               whole;       /* boolean: the window from its
                                           beginning follows, for what the
                                           puller has is of another history */
    stn_str_t              chain[STN_RELAY_HOPS];   /* ids of the nodes that it
                                           came through: the origin first, the
                                           sender last */
    unsigned               hops;        /* of them; at least 1 */
    stn_relay_rendition_t  renditions[STN_RELAY_RENDITIONS];
    unsigned               n;           /* of them; at least 1 */
} stn_relay_stream_t;


typedef struct {
    unsigned    rendition;
    uint32_t    id;              /* names it, not 0 */
    uint32_t    rate;            /* Hz */
    uint32_t    channels;
    stn_str_t   codecs;          /* RFC 6381 */
    stn_str_t   config;          /* of the decoder */
    stn_str_t   data;            /* the init segment */
} stn_relay_init_t;


/* A part of one rendition. */

typedef struct {
    int64_t     pos;             /* tfdt */
    uint32_t    duration;        /* samples */
    uint32_t    rate;            /* of pos and duration */
    uint32_t    init;
    uint32_t    next_init;       /* of what follows; 0: the same */
    uint32_t    len;             /* bytes */
} stn_relay_piece_t;


typedef struct {
    uint64_t           msn;
    uint32_t           part;
    uint32_t           discontinuities;
    unsigned           last;     /* boolean: ends its segment */
    unsigned           live;     /* boolean: not hold audio */
    unsigned           silent;   /* boolean: the broadcaster was */
    int64_t            made_us;  /* Unix time by the stream's clock */
    int64_t            sent_us;  /* likewise by the sender's, as it was when
                                    the response began */
    stn_relay_piece_t  pieces[STN_RELAY_RENDITIONS];
    unsigned           n;
    stn_str_t          data;     /* all pieces' bytes, in their order */
} stn_relay_part_t;


typedef struct {
    int64_t            sent_us;
    uint64_t           epoch;
    stn_str_t          chain[STN_RELAY_HOPS];   /* as in the stream's record */
    unsigned           hops;     /* 0: the sender has no upstream now */
} stn_relay_beat_t;


typedef struct {
    stn_relay_e        type;
    union {
        stn_relay_stream_t  stream;
        stn_relay_init_t    init;
        stn_relay_part_t    part;
        stn_relay_beat_t    beat;
        stn_relay_end_e     end;     /* an unknown reason is told as LOST */
    } u;
} stn_relay_record_t;


/*
 * Each appends to out.  Returns STN_OK; or, with nothing appended, STN_LIMIT
 * when it is nothing that a reader would take, or out's error.  Of a part all
 * but its data is written, with the lengths as if it were: the caller sends
 * the bytes behind it, and data.data need not be set.
 *
 * Names and ids are letters, digits, '.', '_' and '-'; codecs printable ASCII
 * without quotes and backslashes.  Nothing else is empty or 0 but what may
 * be: hops of a heartbeat, config, next_init, bandwidths.
 */

int stn_relay_put_magic(stn_buf_t *out);
int stn_relay_put_stream(stn_buf_t *out, const stn_relay_stream_t *s);
int stn_relay_put_init(stn_buf_t *out, const stn_relay_init_t *i);
int stn_relay_put_part(stn_buf_t *out, const stn_relay_part_t *p);
int stn_relay_put_edge(stn_buf_t *out);
int stn_relay_put_beat(stn_buf_t *out, const stn_relay_beat_t *b);
int stn_relay_put_end(stn_buf_t *out, stn_relay_end_e reason);


/* Reads records out of bytes that come in pieces of any size. */

typedef struct {
    stn_buf_t           in;
    size_t              used;    /* of it, by records that have been read */
    size_t              skip;    /* to come of one that is passed over */
    unsigned            begun;   /* boolean: the magic has been read */
    unsigned            n;       /* renditions of the stream; 0: not told */
    int                 failed;  /* STN_OK, STN_ERROR or STN_LIMIT */
    const char         *reason;  /* static; why it failed */
} stn_relay_reader_t;


/* Allocates nothing yet; holds no more than an unfinished record and what was
 * put last. */
void stn_relay_reader_init(stn_relay_reader_t *r);
void stn_relay_reader_free(stn_relay_reader_t *r);

/* Forgets everything: another response is to come. */
void stn_relay_reader_reset(stn_relay_reader_t *r);

/* Takes bytes, any number of them, when next() has returned STN_AGAIN or
 * nothing was put yet.  Returns STN_OK, STN_NOMEM, what next() failed with, or
 * STN_LIMIT when too much of what came before has not been read. */
int stn_relay_reader_put(stn_relay_reader_t *r, const void *data, size_t n);

/*
 * The next record, whose texts and data lie in the reader until its next call.
 * Returns STN_OK; STN_AGAIN when more bytes are needed; or with r->reason
 * STN_ERROR (not our records, or broken) and STN_LIMIT, which are for good.
 * All of a record has been checked: every count is in its limits, the lengths
 * of a part's pieces are those of its data, it has as many as the stream has
 * renditions, and no INIT or PART comes before the STREAM that it is of.
 */
int stn_relay_reader_next(stn_relay_reader_t *r, stn_relay_record_t *record);


#endif /* STN_RELAY_H */
