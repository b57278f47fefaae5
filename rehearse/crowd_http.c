/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * An HTTP client's answers (see crowd_http.h): one receive buffer, lent or
 * kept from answer to answer; of the headers only those are looked at that a
 * listener wants, since most of a load generator's time would otherwise go
 * there.
 */

#include "crowd_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>


/* The first allocation: a part of 128 kbit/s and 1 s fits twice. */
#define CROWD_HTTP_FIRST  (40 * 1024)

/* "HTTP/1.1 200" */
#define CROWD_HTTP_STATUS_LEN  12


static int crowd_http_fail(crowd_http_t *a, const char *reason);
static int crowd_http_head(crowd_http_t *a);
static void crowd_http_line(crowd_http_t *a, const char *line, size_t len);
static const char *crowd_http_value(const char *line, size_t len,
    const char *name);
static int crowd_http_chunks(crowd_http_t *a);


static int
crowd_http_fail(crowd_http_t *a, const char *reason)
{
    a->reason = reason;

    return STN_ERROR;
}


void
crowd_http_lend(crowd_http_t *a, char *buf, size_t size)
{
    if (a->buf == NULL) {
        a->buf = buf;
        a->size = size;
        a->lent = 1;
    }
}


char *
crowd_http_room(crowd_http_t *a, size_t *size)
{
    char    *p;
    size_t   want;

    if (a->len == a->size) {
        if (a->lent && crowd_http_keep(a) != STN_OK) {
            return NULL;
        }

        want = a->size ? a->size * 2 : CROWD_HTTP_FIRST;
        if (want > CROWD_HTTP_MAX) {
            a->reason = "answer too large";
            return NULL;
        }

        p = realloc(a->buf, want);
        if (p == NULL) {
            a->reason = "out of memory";
            return NULL;
        }

        a->buf = p;
        a->size = want;
    }

    *size = a->size - a->len;

    return a->buf + a->len;
}


int
crowd_http_keep(crowd_http_t *a)
{
    char    *p;
    size_t   size;

    if (!a->lent) {
        return STN_OK;
    }

    if (a->len == 0) {
        a->buf = NULL;
        a->size = 0;
        a->lent = 0;
        return STN_OK;
    }

    /* what is known to come has room */

    size = a->len;

    if (a->head && !a->chunked && a->head + a->body > size) {
        size = a->head + a->body;
    }

    p = malloc(size);
    if (p == NULL) {
        a->reason = "out of memory";
        return STN_NOMEM;
    }

    memcpy(p, a->buf, a->len);
    a->buf = p;
    a->size = size;
    a->lent = 0;

    return STN_OK;
}


int
crowd_http_fed(crowd_http_t *a, size_t n)
{
    int  rc;

    a->len += n;

    if (a->head == 0) {
        rc = crowd_http_head(a);
        if (rc != STN_OK) {
            return rc;
        }
    }

    if (a->chunked) {
        return crowd_http_chunks(a);
    }

    if (a->len > a->head + a->body) {
        return crowd_http_fail(a, "body longer than its Content-Length");
    }

    return a->len == a->head + a->body ? STN_OK : STN_AGAIN;
}


/* STN_AGAIN until the empty line is there. */

static int
crowd_http_head(crowd_http_t *a)
{
    const char  *p, *end, *eol;

    end = memmem(a->buf, a->len, "\r\n\r\n", 4);
    if (end == NULL) {
        return STN_AGAIN;
    }

    if (end - a->buf < CROWD_HTTP_STATUS_LEN
        || memcmp(a->buf, "HTTP/1.1 ", 9) != 0)
    {
        return crowd_http_fail(a, "not an HTTP/1.1 answer");
    }

    a->status = (unsigned) ((a->buf[9] - '0') * 100 + (a->buf[10] - '0') * 10
                            + a->buf[11] - '0');
    a->body = SIZE_MAX;
    a->worker = -1;
    a->retry_after = -1;

    for (p = a->buf; p < end; p = eol + 2) {
        eol = memchr(p, '\r', (size_t) (end + 2 - p));
        crowd_http_line(a, p, (size_t) (eol - p));
    }

    a->head = (size_t) (end + 4 - a->buf);
    a->scan = a->head;

    if (a->chunked || a->status == 204 || a->status == 304) {
        a->body = 0;
    }

    if (a->body > CROWD_HTTP_MAX) {
        return crowd_http_fail(a, "no Content-Length, or an absurd one");
    }

    return STN_OK;
}


static void
crowd_http_line(crowd_http_t *a, const char *line, size_t len)
{
    const char  *v;

    /* most headers are told apart by their first byte */

    switch (line[0] | 0x20) {

    case 'c':
        if ((v = crowd_http_value(line, len, "Content-Length:"))) {
            a->body = strtoul(v, NULL, 10);

        } else if ((v = crowd_http_value(line, len, "Connection:"))) {
            a->close = strncasecmp(v, " close", 6) == 0;

        } else if ((v = crowd_http_value(line, len, "Content-Encoding:"))) {
            a->gzip = strncasecmp(v, " gzip", 5) == 0;
        }

        return;

    case 'r':
        if ((v = crowd_http_value(line, len, "Retry-After:"))) {
            a->retry_after = strtol(v, NULL, 10);
        }

        return;

    case 't':
        if ((v = crowd_http_value(line, len, "Transfer-Encoding:"))) {
            a->chunked = strncasecmp(v, " chunked", 8) == 0;
        }

        return;

    case 'x':
        if ((v = crowd_http_value(line, len, "X-Worker:"))) {
            a->worker = strtol(v, NULL, 10);
        }

        return;
    }
}


static const char *
crowd_http_value(const char *line, size_t len, const char *name)
{
    size_t  n;

    n = strlen(name);

    return len > n && strncasecmp(line, name, n) == 0 ? line + n : NULL;
}


/* Moves each chunk that is whole to the end of the body so far. */

static int
crowd_http_chunks(crowd_http_t *a)
{
    char    *p, *eol, *end;
    size_t   size, left;

    for ( ;; ) {
        p = a->buf + a->scan;
        left = a->len - a->scan;

        eol = memmem(p, left, "\r\n", 2);
        if (eol == NULL) {
            return STN_AGAIN;
        }

        size = strtoul(p, &end, 16);
        if (end == p || size > CROWD_HTTP_MAX) {
            return crowd_http_fail(a, "a chunk that is none");
        }

        eol += 2;
        if (left < (size_t) (eol - p) + size + 2) {
            return STN_AGAIN;
        }

        if (size == 0) {
            return STN_OK;
        }

        memmove(a->buf + a->head + a->body, eol, size);
        a->body += size;
        a->scan = (size_t) (eol + size + 2 - a->buf);
    }
}


const char *
crowd_http_body(const crowd_http_t *a)
{
    return a->buf + a->head;
}


void
crowd_http_reset(crowd_http_t *a)
{
    char    *buf;
    size_t   size;

    buf = a->lent ? NULL : a->buf;
    size = a->lent ? 0 : a->size;

    memset(a, 0, sizeof(*a));
    a->buf = buf;
    a->size = size;
}


void
crowd_http_free(crowd_http_t *a)
{
    if (!a->lent) {
        free(a->buf);
    }

    memset(a, 0, sizeof(*a));
}


size_t
crowd_http_get(char *out, size_t size, const char *host, const char *uri,
    const char *headers)
{
    int  n;

    n = snprintf(out, size,
                 "GET %s HTTP/1.1\r\n"
                 "Host: %s\r\n"
                 "User-Agent: stentor-rehearse\r\n"
                 "Accept: */*\r\n"
                 "%s\r\n", uri, host, headers);

    return n < 0 || (size_t) n >= size ? 0 : (size_t) n;
}


int64_t
crowd_now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}
