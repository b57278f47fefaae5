/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Bounded bytes: a read cursor over somebody else's memory and a growing
 * write buffer with a cap fixed at init.  Both keep a sticky error, so that a
 * run of gets or puts is written straight and checked once at its end.
 */

#ifndef STN_BUF_H
#define STN_BUF_H

#include "stn_base.h"


/* A read cursor.  Reading past the end returns zeros and sets failed. */

typedef struct {
    const uint8_t  *pos;
    const uint8_t  *last;
    unsigned        failed;    /* boolean */
} stn_cur_t;

void stn_cur_init(stn_cur_t *c, const void *data, size_t len);

/* Bytes left to read. */
size_t stn_cur_left(const stn_cur_t *c);

uint8_t stn_cur_u8(stn_cur_t *c);
uint16_t stn_cur_be16(stn_cur_t *c);
uint32_t stn_cur_be24(stn_cur_t *c);
uint32_t stn_cur_be32(stn_cur_t *c);
uint64_t stn_cur_be64(stn_cur_t *c);

/* An IEEE 754 double, big endian (AMF0 section 2.2). */
double stn_cur_double(stn_cur_t *c);

/* Steps over n bytes and returns where they start; NULL when fewer are left. */
const uint8_t *stn_cur_bytes(stn_cur_t *c, size_t n);


/* A bit cursor, most significant bit first.  Reading past the end returns
 * zeros and sets failed. */

typedef struct {
    const uint8_t  *data;
    size_t          nbits;     /* in all */
    size_t          pos;       /* bits read */
    unsigned        failed;    /* boolean */
} stn_bits_t;

void stn_bits_init(stn_bits_t *b, const void *data, size_t len);

/* The next n bits (0..32) as an unsigned number. */
uint32_t stn_bits_get(stn_bits_t *b, unsigned n);

/* Bits left to read. */
size_t stn_bits_left(const stn_bits_t *b);


/* A bit writer into fixed memory; writing past the end sets failed. */

typedef struct {
    uint8_t   *data;
    size_t     nbits;          /* room */
    size_t     pos;            /* bits written */
    unsigned   failed;         /* boolean */
} stn_bitw_t;

/* Zeroes the len bytes at data and starts writing there. */
void stn_bitw_init(stn_bitw_t *w, void *data, size_t len);

/* Appends the low n bits (0..32) of v. */
void stn_bitw_put(stn_bitw_t *w, uint32_t v, unsigned n);

/* Whole bytes written so far, the last one padded with zeros. */
size_t stn_bitw_bytes(const stn_bitw_t *w);


/* A growing buffer that never holds more than cap bytes. */

typedef struct {
    uint8_t   *data;
    size_t     len;
    size_t     size;           /* allocated */
    size_t     cap;
    int        failed;         /* STN_OK, STN_NOMEM or STN_LIMIT; sticky */
} stn_buf_t;

/* Allocates nothing yet. */
void stn_buf_init(stn_buf_t *b, size_t cap);

void stn_buf_free(stn_buf_t *b);

/* Forgets the bytes and the error, keeps the memory. */
void stn_buf_reset(stn_buf_t *b);

/* Drops the first n bytes (at most all). */
void stn_buf_drain(stn_buf_t *b, size_t n);

/* Makes room for n more bytes and returns where they go (the caller adds to
 * len what it wrote); NULL, with failed set, over the cap or out of memory. */
uint8_t *stn_buf_reserve(stn_buf_t *b, size_t n);

/* Each returns STN_OK, or the sticky error, having written nothing. */
int stn_buf_put(stn_buf_t *b, const void *data, size_t n);
int stn_buf_u8(stn_buf_t *b, uint8_t v);
int stn_buf_be16(stn_buf_t *b, uint16_t v);
int stn_buf_be24(stn_buf_t *b, uint32_t v);
int stn_buf_be32(stn_buf_t *b, uint32_t v);
int stn_buf_be64(stn_buf_t *b, uint64_t v);
int stn_buf_double(stn_buf_t *b, double v);
int stn_buf_str(stn_buf_t *b, const char *s);
int stn_buf_printf(stn_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* STN_BUF_H */
