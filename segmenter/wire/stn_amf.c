/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AMF0 in and out (see stn_amf.h; section numbers are those of the AMF0
 * specification).  The reader keeps its place in nested objects in a small
 * array, not on the C stack.  Called by the RTMP session in the event loop.
 */

#include "wire/stn_amf.h"

#include <string.h>


/* In left[]: properties up to an end marker, not counted elements. */
#define STN_AMF_KEYED  0xffffffff

#define STN_AMF_STRING_MAX  0xffff


/* Type markers (2.1). */

#define STN_AMF_M_NUMBER        0x00
#define STN_AMF_M_BOOLEAN       0x01
#define STN_AMF_M_STRING        0x02
#define STN_AMF_M_OBJECT        0x03
#define STN_AMF_M_NULL          0x05
#define STN_AMF_M_UNDEFINED     0x06
#define STN_AMF_M_REFERENCE     0x07
#define STN_AMF_M_ECMA_ARRAY    0x08
#define STN_AMF_M_OBJECT_END    0x09
#define STN_AMF_M_STRICT_ARRAY  0x0a
#define STN_AMF_M_DATE          0x0b
#define STN_AMF_M_LONG_STRING   0x0c
#define STN_AMF_M_UNSUPPORTED   0x0d
#define STN_AMF_M_XML           0x0f
#define STN_AMF_M_TYPED_OBJECT  0x10
#define STN_AMF_M_AMF3          0x11


static int stn_amf_fail(stn_amf_t *a, int rc, const char *reason);
static int stn_amf_inside(stn_amf_t *a, stn_amf_value_t *v);
static int stn_amf_value(stn_amf_t *a, stn_amf_value_t *v);
static int stn_amf_complex(stn_amf_t *a, stn_amf_value_t *v, unsigned marker);
static int stn_amf_open(stn_amf_t *a, stn_amf_value_t *v,
    stn_amf_type_e type);
static void stn_amf_text(stn_cur_t *c, size_t len, stn_str_t *s);
static void stn_amf_field(const stn_amf_value_t *v,
    const stn_amf_field_t *fields, size_t n);
static void stn_amf_put_text(stn_buf_t *b, const void *data, size_t len);


void
stn_amf_init(stn_amf_t *a, const void *data, size_t len)
{
    memset(a, 0, sizeof(*a));
    stn_cur_init(&a->cur, data, len);
}


static int
stn_amf_fail(stn_amf_t *a, int rc, const char *reason)
{
    a->reason = reason;

    return rc;
}


int
stn_amf_next(stn_amf_t *a, stn_amf_value_t *v)
{
    int  rc;

    memset(v, 0, sizeof(*v));

    if (a->depth == 0 && stn_cur_left(&a->cur) == 0) {
        return STN_AGAIN;
    }

    if (a->values++ == STN_AMF_VALUES_MAX) {
        a->values--;
        return stn_amf_fail(a, STN_LIMIT, "too many AMF values");
    }

    rc = a->depth ? stn_amf_inside(a, v) : stn_amf_value(a, v);

    if (a->cur.failed) {
        return stn_amf_fail(a, STN_ERROR, "AMF value cut short");
    }

    return rc;
}


/* The next property or element, or the end, of the innermost object. */

static int
stn_amf_inside(stn_amf_t *a, stn_amf_value_t *v)
{
    uint32_t  *left;

    left = &a->left[a->depth - 1];

    if (*left == STN_AMF_KEYED) {
        stn_amf_text(&a->cur, stn_cur_be16(&a->cur), &v->key);

        /* an empty name is a name, unless the end marker follows */

        if (v->key.len == 0 && stn_cur_left(&a->cur)
            && *a->cur.pos == STN_AMF_M_OBJECT_END)
        {
            (void) stn_cur_u8(&a->cur);
            v->type = STN_AMF_END;
            a->depth--;
            return STN_OK;
        }

        return stn_amf_value(a, v);
    }

    if (*left == 0) {
        v->type = STN_AMF_END;
        a->depth--;
        return STN_OK;
    }

    (*left)--;

    return stn_amf_value(a, v);
}


static int
stn_amf_value(stn_amf_t *a, stn_amf_value_t *v)
{
    unsigned    marker;
    stn_cur_t  *c;

    c = &a->cur;
    marker = stn_cur_u8(c);

    switch (marker) {

    case STN_AMF_M_NUMBER:
        v->type = STN_AMF_NUMBER;
        v->number = stn_cur_double(c);
        return STN_OK;

    case STN_AMF_M_BOOLEAN:
        v->type = STN_AMF_BOOLEAN;
        v->number = stn_cur_u8(c) != 0;
        return STN_OK;

    case STN_AMF_M_STRING:
        v->type = STN_AMF_STRING;
        stn_amf_text(c, stn_cur_be16(c), &v->str);
        return STN_OK;

    case STN_AMF_M_LONG_STRING:
    case STN_AMF_M_XML:
        v->type = STN_AMF_STRING;
        stn_amf_text(c, stn_cur_be32(c), &v->str);
        return STN_OK;

    case STN_AMF_M_NULL:
        v->type = STN_AMF_NULL;
        return STN_OK;

    case STN_AMF_M_UNDEFINED:
        v->type = STN_AMF_UNDEFINED;
        return STN_OK;

    case STN_AMF_M_REFERENCE:
        v->type = STN_AMF_REFERENCE;
        v->number = stn_cur_be16(c);
        return STN_OK;

    case STN_AMF_M_DATE:
        v->type = STN_AMF_DATE;
        v->number = stn_cur_double(c);
        (void) stn_cur_be16(c);                    /* time zone, reserved */
        return STN_OK;

    default:
        return stn_amf_complex(a, v, marker);
    }
}


/* What has values in it, and what cannot be read. */

static int
stn_amf_complex(stn_amf_t *a, stn_amf_value_t *v, unsigned marker)
{
    stn_cur_t  *c;

    c = &a->cur;

    switch (marker) {

    case STN_AMF_M_TYPED_OBJECT:
        stn_amf_text(c, stn_cur_be16(c), &v->str);
        return stn_amf_open(a, v, STN_AMF_OBJECT);

    case STN_AMF_M_OBJECT:
        return stn_amf_open(a, v, STN_AMF_OBJECT);

    case STN_AMF_M_ECMA_ARRAY:
        v->number = stn_cur_be32(c);
        return stn_amf_open(a, v, STN_AMF_ECMA_ARRAY);

    case STN_AMF_M_STRICT_ARRAY:
        v->number = stn_cur_be32(c);
        return stn_amf_open(a, v, STN_AMF_STRICT_ARRAY);

    case STN_AMF_M_AMF3:

        /* its length cannot be told without a parser of AMF3 */

        (void) stn_cur_bytes(c, stn_cur_left(c));
        a->depth = 0;

        /* fall through */

    case STN_AMF_M_UNSUPPORTED:
        v->type = STN_AMF_UNSUPPORTED;
        return STN_OK;

    default:
        return stn_amf_fail(a, STN_ERROR, "unknown AMF type");
    }
}


static int
stn_amf_open(stn_amf_t *a, stn_amf_value_t *v, stn_amf_type_e type)
{
    v->type = type;

    if (a->depth == STN_AMF_DEPTH_MAX) {
        return stn_amf_fail(a, STN_LIMIT, "AMF objects nested too deep");
    }

    a->left[a->depth] = STN_AMF_KEYED;

    if (type == STN_AMF_STRICT_ARRAY) {

        /* each element takes a byte at least */

        if (v->number > (double) stn_cur_left(&a->cur)) {
            return stn_amf_fail(a, STN_ERROR, "AMF array longer than its "
                                "message");
        }

        a->left[a->depth] = (uint32_t) v->number;
    }

    a->depth++;

    return STN_OK;
}


static void
stn_amf_text(stn_cur_t *c, size_t len, stn_str_t *s)
{
    s->data = (const char *) stn_cur_bytes(c, len);
    s->len = s->data ? len : 0;
}


int
stn_amf_skip(stn_amf_t *a, const stn_amf_value_t *v)
{
    int              rc;
    unsigned         depth;
    stn_amf_value_t  inner;

    if (v->type != STN_AMF_OBJECT && v->type != STN_AMF_ECMA_ARRAY
        && v->type != STN_AMF_STRICT_ARRAY)
    {
        return STN_OK;
    }

    for (depth = a->depth; a->depth >= depth; ) {
        rc = stn_amf_next(a, &inner);
        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


int
stn_amf_string(stn_amf_t *a, stn_str_t *s)
{
    int              rc;
    stn_amf_value_t  v;

    rc = stn_amf_next(a, &v);
    if (rc != STN_OK) {
        return rc;
    }

    if (v.type == STN_AMF_STRING) {
        *s = v.str;
        return STN_OK;
    }

    rc = stn_amf_skip(a, &v);

    return rc == STN_OK ? STN_AGAIN : rc;
}


int
stn_amf_number(stn_amf_t *a, double *d)
{
    int              rc;
    stn_amf_value_t  v;

    rc = stn_amf_next(a, &v);
    if (rc != STN_OK) {
        return rc;
    }

    if (v.type == STN_AMF_NUMBER || v.type == STN_AMF_BOOLEAN) {
        *d = v.number;
        return STN_OK;
    }

    rc = stn_amf_skip(a, &v);

    return rc == STN_OK ? STN_AGAIN : rc;
}


int
stn_amf_fields(stn_amf_t *a, const stn_amf_field_t *fields, size_t n)
{
    int              rc;
    unsigned         depth;
    stn_amf_value_t  v;

    rc = stn_amf_next(a, &v);
    if (rc != STN_OK) {
        return rc == STN_AGAIN ? STN_OK : rc;
    }

    if (v.type != STN_AMF_OBJECT && v.type != STN_AMF_ECMA_ARRAY) {
        return stn_amf_skip(a, &v);
    }

    for (depth = a->depth; a->depth >= depth; ) {
        rc = stn_amf_next(a, &v);

        if (rc == STN_OK) {
            stn_amf_field(&v, fields, n);
            rc = stn_amf_skip(a, &v);
        }

        if (rc != STN_OK) {
            return rc;
        }
    }

    return STN_OK;
}


static void
stn_amf_field(const stn_amf_value_t *v, const stn_amf_field_t *fields,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!stn_str_is(&v->key, fields[i].name)) {
            continue;
        }

        if (v->type == STN_AMF_STRING && fields[i].str) {
            *fields[i].str = v->str;
        }

        if (v->type <= STN_AMF_STRICT_ARRAY && v->type != STN_AMF_STRING
            && fields[i].number)
        {
            *fields[i].number = v->number;
        }
    }
}


void
stn_amf_put_number(stn_buf_t *b, double d)
{
    stn_buf_u8(b, STN_AMF_M_NUMBER);
    stn_buf_double(b, d);
}


void
stn_amf_put_boolean(stn_buf_t *b, int v)
{
    stn_buf_u8(b, STN_AMF_M_BOOLEAN);
    stn_buf_u8(b, v != 0);
}


void
stn_amf_put_string(stn_buf_t *b, const char *s)
{
    stn_buf_u8(b, STN_AMF_M_STRING);
    stn_amf_put_text(b, s, strlen(s));
}


void
stn_amf_put_str(stn_buf_t *b, const stn_str_t *s)
{
    stn_buf_u8(b, STN_AMF_M_STRING);
    stn_amf_put_text(b, s->data, s->len);
}


static void
stn_amf_put_text(stn_buf_t *b, const void *data, size_t len)
{
    len = stn_min(len, STN_AMF_STRING_MAX);

    stn_buf_be16(b, (uint16_t) len);
    stn_buf_put(b, data, len);
}


void
stn_amf_put_null(stn_buf_t *b)
{
    stn_buf_u8(b, STN_AMF_M_NULL);
}


void
stn_amf_put_undefined(stn_buf_t *b)
{
    stn_buf_u8(b, STN_AMF_M_UNDEFINED);
}


void
stn_amf_put_object(stn_buf_t *b)
{
    stn_buf_u8(b, STN_AMF_M_OBJECT);
}


void
stn_amf_put_key(stn_buf_t *b, const char *key)
{
    stn_amf_put_text(b, key, strlen(key));
}


void
stn_amf_put_end(stn_buf_t *b)
{
    stn_buf_be16(b, 0);
    stn_buf_u8(b, STN_AMF_M_OBJECT_END);
}


void
stn_amf_put_array(stn_buf_t *b, uint32_t n)
{
    stn_buf_u8(b, STN_AMF_M_STRICT_ARRAY);
    stn_buf_be32(b, n);
}
