/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * libcurl's multi interface on nginx's events (see ngx_stentor_fetch.h).
 *
 *     libcurl -- socket: watch, or do not ->  a connection on its descriptor
 *             -- timer: wake me then ------>  an event
 *     events -> curl_multi_socket_action() -> body ..., then done
 *
 * libcurl opens and closes its sockets; the connections only lend nginx their
 * numbers.  done is called when libcurl has returned, so that it may begin
 * and end fetches.
 */

#include "ngx_stentor_fetch.h"
#include "notify/ngx_stentor_post.h"

#include <signal.h>


/* What libcurl has for each response: a part takes a few reads. */
#define NGX_STENTOR_FETCH_BUFFER  4096L

/* Connections kept for the next fetch, which mostly come to nothing. */
#define NGX_STENTOR_FETCH_KEPT  16L

/* Probes of a silent connection, s: whoever fetches notices before, but what
 * is kept idle has nobody who would. */
#define NGX_STENTOR_FETCH_PROBE_S  5L

/* A body that is not wanted may have so much. */
#define NGX_STENTOR_FETCH_WASTE  65536

/* The status whose body is wanted. */
#define NGX_STENTOR_FETCH_OK  200


struct ngx_stentor_fetches_s {
    CURLM        *multi;
    ngx_event_t   timer;
    ngx_queue_t   fetches;     /* under way */
    ngx_log_t    *log;
};


static int ngx_stentor_fetch_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket);
static void ngx_stentor_fetch_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t on);
static ngx_connection_t *ngx_stentor_fetch_connection(
    ngx_stentor_fetches_t *fetches, curl_socket_t fd);
static void ngx_stentor_fetch_unwatch(ngx_connection_t *c);
static int ngx_stentor_fetch_timeout(CURLM *multi, long ms, void *data);
static void ngx_stentor_fetch_event(ngx_event_t *ev);
static void ngx_stentor_fetch_timer(ngx_event_t *ev);
static void ngx_stentor_fetch_ended(ngx_stentor_fetches_t *fetches);
static ngx_int_t ngx_stentor_fetch_header(ngx_stentor_fetch_t *f);
static ngx_int_t ngx_stentor_fetch_options(ngx_stentor_fetch_t *f);
static int ngx_stentor_fetch_connect_options(ngx_stentor_fetch_t *f);
static size_t ngx_stentor_fetch_write(char *data, size_t size, size_t n,
    void *arg);


ngx_stentor_fetches_t *
ngx_stentor_fetches_create(ngx_log_t *log)
{
    int                     rc;
    ngx_stentor_fetches_t  *fetches;

    if (ngx_stentor_post_init(log) != NGX_OK) {
        return NULL;
    }

    fetches = ngx_calloc(sizeof(ngx_stentor_fetches_t), log);
    if (fetches == NULL) {
        goto failed;
    }

    fetches->multi = curl_multi_init();
    if (fetches->multi == NULL) {
        goto failed;
    }

    ngx_queue_init(&fetches->fetches);

    fetches->log = log;
    fetches->timer.handler = ngx_stentor_fetch_timer;
    fetches->timer.data = fetches;
    fetches->timer.log = log;
    fetches->timer.cancelable = 1;

    rc = 0;

    rc |= curl_multi_setopt(fetches->multi, CURLMOPT_SOCKETFUNCTION,
                            ngx_stentor_fetch_socket);
    rc |= curl_multi_setopt(fetches->multi, CURLMOPT_SOCKETDATA, fetches);
    rc |= curl_multi_setopt(fetches->multi, CURLMOPT_TIMERFUNCTION,
                            ngx_stentor_fetch_timeout);
    rc |= curl_multi_setopt(fetches->multi, CURLMOPT_TIMERDATA, fetches);
    rc |= curl_multi_setopt(fetches->multi, CURLMOPT_MAXCONNECTS,
                            NGX_STENTOR_FETCH_KEPT);

    if (rc == 0) {
        return fetches;
    }

failed:

    if (fetches) {
        curl_multi_cleanup(fetches->multi);
        ngx_free(fetches);
    }

    ngx_stentor_post_exit();

    return NULL;
}


void
ngx_stentor_fetches_exit(ngx_stentor_fetches_t *fetches)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&fetches->fetches)) {
        q = ngx_queue_head(&fetches->fetches);
        ngx_stentor_fetch_end(ngx_queue_data(q, ngx_stentor_fetch_t, queue));
    }

    curl_multi_cleanup(fetches->multi);

    if (fetches->timer.timer_set) {
        ngx_del_timer(&fetches->timer);
    }

    ngx_free(fetches);

    ngx_stentor_post_exit();
}


/* libcurl wants a socket watched for what it says, or no more; socket is what
 * we have assigned to it.  To fail here would end all fetches: one that nobody
 * watches runs into its time-out. */

static int
ngx_stentor_fetch_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket)
{
    ngx_connection_t       *c = socket;
    ngx_stentor_fetches_t  *fetches = data;

    if (what == CURL_POLL_REMOVE) {
        if (c) {
            ngx_stentor_fetch_unwatch(c);
            curl_multi_assign(fetches->multi, fd, NULL);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_stentor_fetch_connection(fetches, fd);
        if (c == NULL) {
            return 0;
        }

        curl_multi_assign(fetches->multi, fd, c);
    }

    ngx_stentor_fetch_watch(c->read, NGX_READ_EVENT, what & CURL_POLL_IN);
    ngx_stentor_fetch_watch(c->write, NGX_WRITE_EVENT, what & CURL_POLL_OUT);

    return 0;
}


static void
ngx_stentor_fetch_watch(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!on && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


static ngx_connection_t *
ngx_stentor_fetch_connection(ngx_stentor_fetches_t *fetches, curl_socket_t fd)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, fetches->log);
    if (c == NULL) {
        return NULL;
    }

    c->data = fetches;
    c->log = fetches->log;
    c->read->log = fetches->log;
    c->write->log = fetches->log;
    c->read->handler = ngx_stentor_fetch_event;
    c->write->handler = ngx_stentor_fetch_event;

    return c;
}


/* The socket stays open: it is libcurl's.  One that had not connected yet
 * libcurl has closed before it says so, and the kernel has forgotten its
 * events. */

static void
ngx_stentor_fetch_unwatch(ngx_connection_t *c)
{
    ngx_uint_t  flags;

    flags = fcntl(c->fd, F_GETFD) == -1 ? NGX_CLOSE_EVENT : 0;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;
}


/* A timer that is set already is not moved by a little (it would do for
 * time-outs): so it is set anew. */

static int
ngx_stentor_fetch_timeout(CURLM *multi, long ms, void *data)
{
    ngx_stentor_fetches_t  *fetches = data;

    if (fetches->timer.timer_set) {
        ngx_del_timer(&fetches->timer);
    }

    if (ms >= 0) {
        ngx_add_timer(&fetches->timer, (ngx_msec_t) ms);
    }

    return 0;
}


/* The connection may be gone when libcurl returns. */

static void
ngx_stentor_fetch_event(ngx_event_t *ev)
{
    int                     running;
    ngx_connection_t       *c;
    ngx_stentor_fetches_t  *fetches;

    c = ev->data;
    fetches = c->data;

    (void) curl_multi_socket_action(fetches->multi, c->fd,
                                    ev->write ? CURL_CSELECT_OUT
                                              : CURL_CSELECT_IN, &running);
    ngx_stentor_fetch_ended(fetches);
}


/* Here transfers begin, and with them threads of libcurl's resolver: signals
 * are for the event loop, and blocked in those. */

static void
ngx_stentor_fetch_timer(ngx_event_t *ev)
{
    int                     running;
    sigset_t                all, set;
    ngx_stentor_fetches_t  *fetches;

    fetches = ev->data;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &set);

    (void) curl_multi_socket_action(fetches->multi, CURL_SOCKET_TIMEOUT, 0,
                                    &running);

    pthread_sigmask(SIG_SETMASK, &set, NULL);

    ngx_stentor_fetch_ended(fetches);
}


static void
ngx_stentor_fetch_ended(ngx_stentor_fetches_t *fetches)
{
    int                   left;
    long                  status;
    CURLMsg              *msg;
    CURLcode              rc;
    ngx_stentor_fetch_t  *f;

    while ((msg = curl_multi_info_read(fetches->multi, &left)) != NULL) {

        rc = msg->data.result;
        status = 0;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &f);
        curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE, &status);

        ngx_stentor_fetch_end(f);

        f->done(f->data, (ngx_uint_t) status,
                rc == CURLE_OK ? NULL : curl_easy_strerror(rc));
    }
}


ngx_int_t
ngx_stentor_fetch_begin(ngx_stentor_fetches_t *fetches, ngx_stentor_fetch_t *f)
{
    f->fetches = fetches;
    f->headers = NULL;
    f->waste = 0;
    f->easy = curl_easy_init();

    if (f->easy == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&fetches->fetches, &f->queue);

    if (ngx_stentor_fetch_header(f) == NGX_OK
        && ngx_stentor_fetch_options(f) == NGX_OK
        && curl_multi_add_handle(fetches->multi, f->easy) == CURLM_OK)
    {
        return NGX_OK;
    }

    ngx_stentor_fetch_end(f);

    return NGX_ERROR;
}


static ngx_int_t
ngx_stentor_fetch_header(ngx_stentor_fetch_t *f)
{
    stn_buf_t  line;

    if (f->authorization == NULL) {
        return NGX_OK;
    }

    stn_buf_init(&line, 1024);

    if (stn_buf_printf(&line, "Authorization: %s", f->authorization) == STN_OK
        && stn_buf_u8(&line, 0) == STN_OK)
    {
        f->headers = curl_slist_append(NULL, (char *) line.data);
    }

    stn_buf_free(&line);

    return f->headers ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_stentor_fetch_options(ngx_stentor_fetch_t *f)
{
    int    rc;
    CURL  *e;

    e = f->easy;
    rc = ngx_stentor_fetch_connect_options(f);

    rc |= curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    rc |= curl_easy_setopt(e, CURLOPT_URL, f->url);
    rc |= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    rc |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    rc |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(e, CURLOPT_USERAGENT,
                           "Stentor/" NGX_STENTOR_VERSION);
    rc |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ngx_stentor_fetch_write);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEDATA, f);

    return rc ? NGX_ERROR : NGX_OK;
}


/* QUICK_EXIT: a name that is being resolved when its fetch ends is left to
 * its thread. */

static int
ngx_stentor_fetch_connect_options(ngx_stentor_fetch_t *f)
{
    int    rc;
    CURL  *e;

    e = f->easy;
    rc = 0;

    rc |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    rc |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_BUFFERSIZE, NGX_STENTOR_FETCH_BUFFER);
    rc |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) f->connect_timeout);
    rc |= curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, NGX_STENTOR_FETCH_PROBE_S);
    rc |= curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL,
                           NGX_STENTOR_FETCH_PROBE_S);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);

    if (f->ca) {
        rc |= curl_easy_setopt(e, CURLOPT_CAINFO, f->ca);
        rc |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }

    return rc;
}


static size_t
ngx_stentor_fetch_write(char *data, size_t size, size_t n, void *arg)
{
    long                  status;
    ngx_stentor_fetch_t  *f = arg;

    status = 0;
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);

    if (status != NGX_STENTOR_FETCH_OK) {
        f->waste += size * n;

        return f->waste > NGX_STENTOR_FETCH_WASTE ? 0 : size * n;
    }

    return f->body(f->data, (u_char *) data, size * n) == NGX_OK
           ? size * n : 0;
}


void
ngx_stentor_fetch_end(ngx_stentor_fetch_t *f)
{
    if (f->easy) {
        (void) curl_multi_remove_handle(f->fetches->multi, f->easy);
        curl_easy_cleanup(f->easy);
        f->easy = NULL;
        ngx_queue_remove(&f->queue);
    }

    curl_slist_free_all(f->headers);
    f->headers = NULL;
}
