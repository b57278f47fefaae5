/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Answers as the rehearsal's listeners take them: whole or byte by byte, of a
 * known length or in chunks, in lent memory or their own; and their timers.
 */

#include "../../rehearse/crowd_http.h"
#include "../../rehearse/crowd_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>


#define LENGTH                                                               \
    "HTTP/1.1 503 Service Unavailable\r\nServer: x\r\n"                       \
    "Retry-After: 7\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

#define CHUNKS                                                               \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"                       \
    "Content-Encoding: gzip\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


static int feed(crowd_http_t *a, const char *text, size_t len, size_t step);
static void check(const char *text, unsigned status);
static int fails(const char *text);


/* What the last piece says; each piece but the last has to say STN_AGAIN. */

static int
feed(crowd_http_t *a, const char *text, size_t len, size_t step)
{
    int     rc;
    char   *p;
    size_t  n, size;

    rc = STN_AGAIN;

    while (len && rc == STN_AGAIN) {
        p = crowd_http_room(a, &size);
        assert_non_null(p);

        n = stn_min(stn_min(step, len), size);
        memcpy(p, text, n);
        rc = crowd_http_fed(a, n);
        text += n;
        len -= n;
    }

    assert_int_equal(len, 0);

    return rc;
}


static void
check(const char *text, unsigned status)
{
    char          lent[32];
    size_t        step;
    crowd_http_t  a;

    memset(&a, 0, sizeof(a));

    for (step = 1; step <= strlen(text); step++) {
        if (step % 2) {
            crowd_http_lend(&a, lent, sizeof(lent));
        }

        assert_int_equal(feed(&a, text, strlen(text), step), STN_OK);
        assert_int_equal(a.status, status);
        assert_int_equal(a.body, 5);
        assert_memory_equal(crowd_http_body(&a), "hello", 5);
        crowd_http_free(&a);
    }
}


static void
length(void **state)
{
    crowd_http_t  a;

    check(LENGTH, 503);

    memset(&a, 0, sizeof(a));
    assert_int_equal(feed(&a, LENGTH, sizeof(LENGTH) - 1, 1000), STN_OK);
    assert_int_equal(a.retry_after, 7);
    assert_int_equal(a.close, 1);
    assert_int_equal(a.gzip, 0);
    assert_int_equal(a.worker, -1);
    crowd_http_free(&a);
}


static void
chunks(void **state)
{
    crowd_http_t  a;

    check(CHUNKS, 200);

    memset(&a, 0, sizeof(a));
    assert_int_equal(feed(&a, CHUNKS, sizeof(CHUNKS) - 1, 1), STN_OK);
    assert_int_equal(a.gzip, 1);
    assert_int_equal(a.retry_after, -1);
    crowd_http_free(&a);
}


/* What is there before it is all there moves out of lent memory. */

static void
lent_memory(void **state)
{
    char          lent[sizeof(LENGTH)];
    crowd_http_t  a;

    memset(&a, 0, sizeof(a));
    crowd_http_lend(&a, lent, sizeof(lent));
    assert_int_equal(feed(&a, LENGTH, 60, 60), STN_AGAIN);
    assert_ptr_equal(a.buf, lent);
    assert_int_equal(crowd_http_keep(&a), STN_OK);
    memset(lent, 'x', sizeof(lent));

    assert_int_equal(feed(&a, LENGTH + 60, sizeof(LENGTH) - 61, 1000),
                     STN_OK);
    assert_memory_equal(crowd_http_body(&a), "hello", 5);
    crowd_http_reset(&a);
    assert_non_null(a.buf);
    crowd_http_free(&a);
}


static int
fails(const char *text)
{
    int           rc;
    crowd_http_t  a;

    memset(&a, 0, sizeof(a));
    rc = feed(&a, text, strlen(text), strlen(text));
    crowd_http_free(&a);

    return rc == STN_ERROR;
}


static void
broken(void **state)
{
    assert_true(fails("SSH-2.0-x\r\nanything\r\n\r\n"));
    assert_true(fails("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"));
    assert_true(fails("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"));
    assert_true(fails("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"));
    assert_true(fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "zz\r\n"));
    assert_true(fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "ffffffff\r\n"));
}


static void
timers(void **state)
{
    int64_t        now, s;
    crowd_timer_t  soon, late, far;
    crowd_wheel_t  w;

    now = 5000 * CROWD_WHEEL_NS;
    s = CROWD_WHEEL_NS;
    memset(&soon, 0, sizeof(soon));
    late = far = soon;

    crowd_wheel_init(&w, now);
    crowd_wheel_set(&w, &soon, now + 5 * s);
    crowd_wheel_set(&w, &late, now + 3 * s);
    crowd_wheel_set(&w, &late, now + 20 * s);           /* put off */
    crowd_wheel_set(&w, &far, now + 3000 * s);          /* rounds away */

    assert_null(crowd_wheel_due(&w, now + 4 * s));
    assert_ptr_equal(crowd_wheel_due(&w, now + 7 * s), &soon);
    assert_null(crowd_wheel_due(&w, now + 19 * s));

    crowd_wheel_set(&w, &soon, now + 100 * s);
    crowd_wheel_set(&w, &soon, now + 21 * s);           /* and nearer */
    assert_ptr_equal(crowd_wheel_due(&w, now + 22 * s), &late);
    assert_ptr_equal(crowd_wheel_due(&w, now + 30 * s), &soon);

    assert_null(crowd_wheel_due(&w, now + 2999 * s));
    assert_ptr_equal(crowd_wheel_due(&w, now + 3002 * s), &far);
    assert_null(crowd_wheel_due(&w, now + 9000 * s));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(length),
        cmocka_unit_test(chunks),
        cmocka_unit_test(lent_memory),
        cmocka_unit_test(broken),
        cmocka_unit_test(timers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
