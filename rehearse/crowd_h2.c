/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * HTTP/2 on a connection of a crowd (see crowd_h2.h).  nghttp2 is told what
 * has come and asked what is to be sent; its callbacks put the answer
 * together in the wire's crowd_http_t, whose body begins at once: it has no
 * head.
 */

#include "crowd_h2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>


#define CROWD_H2_WINDOW  (1024 * 1024)   /* B; a part or segment fits */

#define crowd_h2_name(name, value, len)                                      \
    { (uint8_t *) (uintptr_t) name, (uint8_t *) (uintptr_t) value,           \
      sizeof(name) - 1, len, NGHTTP2_NV_FLAG_NONE }


struct crowd_h2_s {
    nghttp2_session  *session;
    int32_t           stream;        /* of the request that is under way */
    unsigned          whole;         /* booleans: its answer is, */
    unsigned          broken;        /* or never will be */
};


static int crowd_h2_flush(crowd_wire_t *w);
static int crowd_h2_header(nghttp2_session *s, const nghttp2_frame *frame,
    nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *data);
static int crowd_h2_data(nghttp2_session *s, uint8_t flags, int32_t stream,
    const uint8_t *p, size_t len, void *data);
static int crowd_h2_frame(nghttp2_session *s, const nghttp2_frame *frame,
    void *data);
static int crowd_h2_closed(nghttp2_session *s, int32_t stream, uint32_t error,
    void *data);


static nghttp2_session_callbacks  *crowd_h2_callbacks;


crowd_h2_t *
crowd_h2_open(crowd_wire_t *w)
{
    crowd_h2_t                     *h;
    nghttp2_session_callbacks      *cb;
    static nghttp2_settings_entry   settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CROWD_H2_WINDOW }
    };

    if (crowd_h2_callbacks == NULL) {
        if (nghttp2_session_callbacks_new(&cb) != 0) {
            return NULL;
        }

        nghttp2_session_callbacks_set_on_header_callback2(cb,
                                                          crowd_h2_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb,
                                                          crowd_h2_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb,
                                                          crowd_h2_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb,
                                                          crowd_h2_closed);
        crowd_h2_callbacks = cb;
    }

    h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return NULL;
    }

    w->h2 = h;

    if (nghttp2_session_client_new(&h->session, crowd_h2_callbacks, w) == 0
        && nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, 2)
           == 0
        && nghttp2_session_set_local_window_size(h->session,
               NGHTTP2_FLAG_NONE, 0, CROWD_H2_WINDOW) == 0
        && crowd_h2_flush(w) == STN_OK)
    {
        return h;
    }

    w->h2 = NULL;
    crowd_h2_close(h);

    return NULL;
}


static int
crowd_h2_flush(crowd_wire_t *w)
{
    ssize_t         n;
    const uint8_t  *p;

    for ( ;; ) {
        n = nghttp2_session_mem_send(w->h2->session, &p);

        if (n == 0) {
            return STN_OK;
        }

        if (n < 0
            || crowd_wire_send(w, (const char *) p, (size_t) n) != STN_OK)
        {
            return STN_ERROR;
        }
    }
}


int
crowd_h2_get(crowd_wire_t *w, const char *path, unsigned gzip)
{
    nghttp2_nv   nv[] = {
        crowd_h2_name(":method", "GET", 3),
        crowd_h2_name(":scheme", "https", 5),
        crowd_h2_name(":authority", w->edge->host, strlen(w->edge->host)),
        crowd_h2_name(":path", path, strlen(path)),
        crowd_h2_name("user-agent", "stentor-rehearse", 16),
        crowd_h2_name("accept-encoding", "gzip", 4)
    };
    crowd_h2_t  *h;

    h = w->h2;
    h->whole = 0;
    h->broken = 0;
    h->stream = nghttp2_submit_request(h->session, NULL, nv, gzip ? 6 : 5,
                                       NULL, NULL);

    return h->stream > 0 ? crowd_h2_flush(w) : STN_ERROR;
}


int
crowd_h2_fed(crowd_wire_t *w, const char *data, size_t len)
{
    ssize_t      n;
    crowd_h2_t  *h;

    h = w->h2;
    n = nghttp2_session_mem_recv(h->session, (const uint8_t *) data, len);

    if (n < 0 || crowd_h2_flush(w) != STN_OK || h->broken) {
        w->answer.lost = 1;
        return STN_ERROR;
    }

    if (h->whole) {
        h->whole = 0;
        w->answer.body = w->answer.len;
        return STN_OK;
    }

    if (!nghttp2_session_want_read(h->session)) {
        w->answer.lost = 1;
        return STN_ERROR;
    }

    return STN_AGAIN;
}


static int
crowd_h2_header(nghttp2_session *s, const nghttp2_frame *frame,
    nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *data)
{
    const char     *v;
    crowd_wire_t   *w;
    nghttp2_vec     n;

    (void) s;
    (void) flags;

    w = data;
    n = nghttp2_rcbuf_get_buf(name);
    v = (const char *) nghttp2_rcbuf_get_buf(value).base;

    if (frame->hd.stream_id != w->h2->stream) {
        return 0;
    }

    if (n.len == 7 && memcmp(n.base, ":status", 7) == 0) {
        w->answer.status = (unsigned) atoi(v);
        w->answer.retry_after = -1;

    } else if (n.len == 11 && memcmp(n.base, "retry-after", 11) == 0) {
        w->answer.retry_after = atol(v);

    } else if (n.len == 16 && memcmp(n.base, "content-encoding", 16) == 0) {
        w->answer.gzip = strcmp(v, "gzip") == 0;
    }

    return 0;
}


static int
crowd_h2_data(nghttp2_session *s, uint8_t flags, int32_t stream,
    const uint8_t *p, size_t len, void *data)
{
    char          *room;
    size_t         size, n;
    crowd_wire_t  *w;

    (void) s;
    (void) flags;

    w = data;

    while (len && stream == w->h2->stream) {
        room = crowd_http_room(&w->answer, &size);
        if (room == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }

        n = stn_min(size, len);
        memcpy(room, p, n);
        w->answer.len += n;
        p += n;
        len -= n;
    }

    return 0;
}


static int
crowd_h2_frame(nghttp2_session *s, const nghttp2_frame *frame, void *data)
{
    crowd_wire_t  *w;

    (void) s;

    w = data;

    if (frame->hd.type == NGHTTP2_GOAWAY) {
        w->answer.close = 1;
    }

    return 0;
}


static int
crowd_h2_closed(nghttp2_session *s, int32_t stream, uint32_t error,
    void *data)
{
    crowd_wire_t  *w;

    (void) s;

    w = data;

    if (stream == w->h2->stream) {
        w->h2->whole = error == NGHTTP2_NO_ERROR;
        w->h2->broken = !w->h2->whole;
        w->h2->stream = 0;
    }

    return 0;
}


void
crowd_h2_close(crowd_h2_t *h)
{
    nghttp2_session_del(h->session);
    free(h);
}
