/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The queue of access units beside a plain model of one: what comes out, in
 * which order, and when it says that there is no room.
 */

#include "wire_util.h"

#include "stn_fifo.h"


/* What a unit takes at least, and at most beyond its bytes. */
#define SPAN_MIN   24
#define SPAN_OVER  31

#define MODEL_MAX  4096


/* AddressSanitizer asks for this; malloc() may fail as it does without. */
const char *__asan_default_options(void);


typedef struct {
    uint32_t  seed;            /* its bytes follow from it */
    size_t    len;
    int64_t   ts;
} model_unit_t;

typedef struct {
    model_unit_t  units[MODEL_MAX];
    size_t        head;
    size_t        tail;
} model_t;


static void
fill(uint8_t *data, size_t len, uint32_t seed)
{
    seed |= 1;

    while (len--) {
        *data++ = (uint8_t) wire_random(&seed);
    }
}


static int
put(stn_fifo_t *f, const void *data, size_t len, int64_t ts)
{
    stn_au_t  au;

    au.data = data;
    au.len = len;
    au.ts = ts;
    au.level = (int32_t) -len;

    return stn_fifo_put(f, &au);
}


/* The oldest unit is the model's, byte for byte, and lies inside. */

static void
assert_head(const stn_fifo_t *f, const model_t *m)
{
    uint8_t              data[1024];
    stn_au_t             au;
    const model_unit_t  *u;

    assert_int_equal(f->count, m->tail - m->head);

    if (m->head == m->tail) {
        assert_int_equal(stn_fifo_peek(f, &au), STN_AGAIN);
        return;
    }

    u = &m->units[m->head];

    assert_int_equal(stn_fifo_peek(f, &au), STN_OK);
    assert_int_equal(au.len, u->len);
    assert_true(au.ts == u->ts);
    assert_int_equal(au.level, -(int32_t) u->len);
    assert_true(au.data >= f->data && au.data + au.len <= f->data + f->size);

    fill(data, u->len, u->seed);
    assert_memory_equal(au.data, data, u->len);
}


static void
model_put(stn_fifo_t *f, model_t *m, uint32_t *x, size_t longest)
{
    int            rc;
    size_t         len;
    uint8_t        data[1024];
    model_unit_t  *u;

    u = &m->units[m->tail];
    u->seed = wire_random(x);
    u->ts = (int64_t) wire_random(x) - INT32_MAX;
    u->len = wire_random(x) % (longest + 1);

    len = u->len;
    fill(data, len, u->seed);

    rc = put(f, data, len, u->ts);

    if (rc == STN_OK) {
        m->tail++;
        return;
    }

    /* no room is said only when there is none, but for the end of the block
     * that is too short for this one and the bytes of a hole before head */

    assert_int_equal(rc, STN_LIMIT);
    assert_true((m->tail - m->head) * (longest + SPAN_OVER)
                + 2 * (len + SPAN_OVER) > f->size);
}


static void
model_run(size_t size, size_t longest, uint32_t seed)
{
    model_t     *m;
    uint32_t     x, pace;
    unsigned     i;
    stn_fifo_t   f;

    m = calloc(1, sizeof(*m));
    assert_non_null(m);
    assert_int_equal(stn_fifo_init(&f, size), STN_OK);

    x = seed;
    pace = 1;

    for (i = 0; i < MODEL_MAX - 1; i++) {

        /* now it fills, now it drains, now it is thrown away */

        if (i % 64 == 0) {
            pace = 1 + wire_random(&x) % 7;
        }

        if (wire_random(&x) % 8 < pace) {
            model_put(&f, m, &x, longest);

        } else {
            stn_fifo_drop(&f);
            m->head += m->head < m->tail;
        }

        if (wire_random(&x) % 512 == 0) {
            stn_fifo_reset(&f);
            m->head = m->tail;
        }

        assert_head(&f, m);
    }

    for ( ; m->head < m->tail; m->head++) {
        assert_head(&f, m);
        stn_fifo_drop(&f);
    }

    assert_int_equal(f.count, 0);

    stn_fifo_free(&f);
    free(m);
}


static void
does_what_a_model_does(void **state)
{
    size_t    size;
    uint32_t  seed;

    (void) state;

    for (seed = 1; seed <= 16; seed++) {
        for (size = 64; size <= 4096; size += 61 * seed) {
            model_run(size, 1 + size / 9, seed * 7919);
        }

        model_run(2048, 1000, seed);
        model_run(1024, 0, seed);
    }
}


static void
takes_what_fits_and_no_more(void **state)
{
    size_t       size, n;
    uint8_t     *data;
    stn_fifo_t   f;

    (void) state;

    data = calloc(1, 300);
    assert_non_null(data);

    for (size = 0; size <= 256; size++) {
        assert_int_equal(stn_fifo_init(&f, size), STN_OK);

        for (n = 0; n <= 300; n++) {
            stn_fifo_reset(&f);

            if (n + SPAN_OVER <= size) {
                assert_int_equal(put(&f, data, n, 0), STN_OK);
            }

            if (n + SPAN_MIN > size) {
                assert_int_equal(put(&f, data, n, 0), STN_LIMIT);
                assert_int_equal(f.count, 0);
            }
        }

        stn_fifo_free(&f);
    }

    assert_int_equal(stn_fifo_init(&f, 64), STN_OK);
    assert_int_equal(put(&f, data, (size_t) -1, 0), STN_LIMIT);
    assert_int_equal(put(&f, data, (size_t) -16, 0), STN_LIMIT);
    assert_int_equal(put(&f, data, (size_t) -33, 0), STN_LIMIT);
    stn_fifo_free(&f);

    free(data);
}


static void
holds_units_up_to_its_last_byte(void **state)
{
    unsigned    i;
    uint8_t     data[48] = { 0 };
    stn_au_t    au;
    stn_fifo_t  f;

    (void) state;

    assert_int_equal(stn_fifo_init(&f, 4 * (SPAN_MIN + sizeof(data))),
                     STN_OK);

    for (i = 0; i < 4; i++) {
        assert_int_equal(put(&f, data, sizeof(data), i), STN_OK);
    }

    assert_int_equal(put(&f, data, sizeof(data), i), STN_LIMIT);
    assert_int_equal(put(&f, data, 0, i), STN_LIMIT);

    /* around the end for many rounds, full all the time */

    for (i = 0; i < 1000; i++) {
        assert_int_equal(stn_fifo_peek(&f, &au), STN_OK);
        assert_int_equal(au.ts, i);

        stn_fifo_drop(&f);
        assert_int_equal(put(&f, data, sizeof(data), i + 4), STN_OK);
        assert_int_equal(put(&f, data, 0, 0), STN_LIMIT);
        assert_int_equal(f.count, 4);
    }

    stn_fifo_free(&f);
}


static void
keeps_a_unit_in_place_until_it_is_dropped(void **state)
{
    uint8_t     data[16] = "first";
    stn_au_t    au, again;
    stn_fifo_t  f;

    (void) state;

    assert_int_equal(stn_fifo_init(&f, 256), STN_OK);
    assert_int_equal(put(&f, data, sizeof(data), 1), STN_OK);
    assert_int_equal(stn_fifo_peek(&f, &au), STN_OK);

    memcpy(data, "other", 5);

    while (put(&f, data, sizeof(data), 2) == STN_OK) { /* void */ }

    assert_int_equal(stn_fifo_peek(&f, &again), STN_OK);
    assert_ptr_equal(again.data, au.data);
    assert_string_equal((const char *) au.data, "first");

    stn_fifo_free(&f);
}


static void
is_empty_when_told_so(void **state)
{
    stn_au_t    au;
    stn_fifo_t  f;

    (void) state;

    assert_int_equal(stn_fifo_init(&f, 256), STN_OK);
    assert_int_equal(stn_fifo_peek(&f, &au), STN_AGAIN);

    stn_fifo_drop(&f);
    stn_fifo_drop(&f);
    assert_int_equal(f.count, 0);

    assert_int_equal(put(&f, "x", 1, 1), STN_OK);
    stn_fifo_reset(&f);
    assert_int_equal(stn_fifo_peek(&f, &au), STN_AGAIN);

    /* a unit without bytes is a unit */

    assert_int_equal(put(&f, "", 0, 7), STN_OK);
    assert_int_equal(stn_fifo_peek(&f, &au), STN_OK);
    assert_int_equal(au.len, 0);
    assert_int_equal(au.ts, 7);

    stn_fifo_free(&f);
    stn_fifo_free(&f);
    assert_null(f.data);
}


const char *
__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}


static void
says_when_there_is_no_memory(void **state)
{
    stn_fifo_t  f;

    (void) state;

    assert_int_equal(stn_fifo_init(&f, PTRDIFF_MAX), STN_NOMEM);
    stn_fifo_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(does_what_a_model_does),
        cmocka_unit_test(takes_what_fits_and_no_more),
        cmocka_unit_test(holds_units_up_to_its_last_byte),
        cmocka_unit_test(keeps_a_unit_in_place_until_it_is_dropped),
        cmocka_unit_test(is_empty_when_told_so),
        cmocka_unit_test(says_when_there_is_no_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
