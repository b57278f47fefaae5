/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AMF0 (Adobe Action Message Format 0, 2007), the values inside RTMP
 * commands and metadata.  The reader hands out one token after the other over
 * memory that stays the caller's; it allocates nothing, does not recurse, and
 * stops at a named depth and number of values.  The writer appends to a
 * stn_buf_t, whose sticky error is checked once at the end.
 */

#ifndef STN_AMF_H
#define STN_AMF_H

#include "stn_buf.h"
#include "stn_str.h"


/* Objects and arrays inside each other; metadata nests twice at most. */
#define STN_AMF_DEPTH_MAX   16

/* Values in one message, those inside objects counted one by one. */
#define STN_AMF_VALUES_MAX  1024


typedef enum {
    STN_AMF_NUMBER = 0,        /* number */
    STN_AMF_BOOLEAN,           /* number: 0 or 1 */
    STN_AMF_STRING,            /* str; long strings and XML too */
    STN_AMF_OBJECT,            /* its properties follow, then STN_AMF_END */
    STN_AMF_ECMA_ARRAY,        /* as an object; number: how many, a hint */
    STN_AMF_STRICT_ARRAY,      /* its elements follow, then STN_AMF_END */
    STN_AMF_END,               /* of the innermost of the three above */
    STN_AMF_NULL,
    STN_AMF_UNDEFINED,
    STN_AMF_DATE,              /* number: ms since 1970 */
    STN_AMF_REFERENCE,         /* number: index of an earlier object */
    STN_AMF_UNSUPPORTED        /* no value; ends the message when AMF3 */
} stn_amf_type_e;


/* One token.  Both strings point into the message. */

typedef struct {
    stn_amf_type_e  type;
    stn_str_t       key;       /* of a property; empty elsewhere */
    stn_str_t       str;
    double          number;
} stn_amf_value_t;


typedef struct {
    stn_cur_t    cur;
    unsigned     depth;
    unsigned     values;       /* handed out */
    uint32_t     left[STN_AMF_DEPTH_MAX];
                               /* elements to come, or STN_AMF_KEYED */
    const char  *reason;       /* static; why a call failed */
} stn_amf_t;


/* What stn_amf_fields() is to find: a property of the given name.  A string
 * goes to str, a number or boolean to number, and likewise how many elements
 * an array says it has, and 0 for an object; what is NULL is not wanted. */

typedef struct {
    const char  *name;
    stn_str_t   *str;
    double      *number;
} stn_amf_field_t;


/* Starts reading the len bytes at data, which stay the caller's. */
void stn_amf_init(stn_amf_t *a, const void *data, size_t len);

/*
 * Reads one token into v (section 2).  Returns STN_OK; STN_AGAIN at the end
 * of the message, outside all objects; STN_ERROR when broken or cut short;
 * STN_LIMIT over STN_AMF_DEPTH_MAX or STN_AMF_VALUES_MAX.  On failure
 * a->reason says why.  What follows the AMF3 marker cannot be read: it is one
 * STN_AMF_UNSUPPORTED value and the end of the message.
 */
int stn_amf_next(stn_amf_t *a, stn_amf_value_t *v);

/*
 * Steps over what is inside v, the token read last, when it opens an object
 * or array; over nothing else.  Returns as stn_amf_next() does, but for
 * STN_AGAIN.
 */
int stn_amf_skip(stn_amf_t *a, const stn_amf_value_t *v);

/*
 * Reads the next value, whole, and its text or number if it is a string, or
 * a number or boolean.  Returns STN_OK; STN_AGAIN when there is no such value:
 * the message ended or the value, stepped over, is of another type; negative
 * as stn_amf_next() does.  *s or *d is untouched unless STN_OK.
 */
int stn_amf_string(stn_amf_t *a, stn_str_t *s);
int stn_amf_number(stn_amf_t *a, double *d);

/*
 * Reads the next value, whole; from an object or ECMA array it fills the n
 * fields (own properties only, the last of a name wins), from anything else
 * none.  What is not found, or of another type, stays untouched.  Returns
 * STN_OK, at the end of the message too, or negative as stn_amf_next() does,
 * with what was found before the fault filled in.
 */
int stn_amf_fields(stn_amf_t *a, const stn_amf_field_t *fields, size_t n);


/* The writer.  Strings must be shorter than 64 KiB; longer ones are cut. */

void stn_amf_put_number(stn_buf_t *b, double d);
void stn_amf_put_boolean(stn_buf_t *b, int v);
void stn_amf_put_string(stn_buf_t *b, const char *s);
void stn_amf_put_str(stn_buf_t *b, const stn_str_t *s);
void stn_amf_put_null(stn_buf_t *b);
void stn_amf_put_undefined(stn_buf_t *b);

/* Properties are a key, then a value, between object and end. */
void stn_amf_put_object(stn_buf_t *b);
void stn_amf_put_key(stn_buf_t *b, const char *key);
void stn_amf_put_end(stn_buf_t *b);

/* A strict array: its n elements follow, and no end. */
void stn_amf_put_array(stn_buf_t *b, uint32_t n);


#endif /* STN_AMF_H */
