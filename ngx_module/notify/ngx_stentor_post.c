/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Posts with libcurl's multi interface (see ngx_stentor_post.h): one thread
 * runs any number of them at once.  The event loop comes here to check URLs
 * and to start, wake and join that thread.
 */

#include "ngx_stentor_post.h"
#include "ngx_stentor_thread.h"



/* When libcurl cannot even wait. */
#define NGX_STENTOR_POST_BROKEN_MS  100


static void ngx_stentor_post_pin(void);
static ngx_int_t ngx_stentor_post_headers(ngx_stentor_post_t *post);
static ngx_int_t ngx_stentor_post_header(ngx_stentor_post_t *post,
    const char *line);
static ngx_int_t ngx_stentor_post_options(ngx_stentor_post_t *post);
static size_t ngx_stentor_post_answer(char *data, size_t size, size_t n,
    void *arg);


ngx_int_t
ngx_stentor_post_init(ngx_log_t *log)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        ngx_stentor_post_pin();
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "stentor: curl_global_init() failed");

    return NGX_ERROR;
}


/* A thread of libcurl's resolver may outlive everything else that is here
 * (CURLOPT_QUICK_EXIT), and nginx unloads its modules when it exits: libcurl
 * must stay where it is. */

static void
ngx_stentor_post_pin(void)
{
    Dl_info  info;

    if (dladdr((void *) curl_multi_init, &info)) {
        (void) dlopen(info.dli_fname, RTLD_NOW|RTLD_NOLOAD|RTLD_NODELETE);
    }
}


void
ngx_stentor_post_exit(void)
{
    curl_global_cleanup();
}


/* libcurl itself is lenient: it would take "http:/host" and "http:///host".
 * It finds out about all the rest. */

ngx_int_t
ngx_stentor_post_check(const char *url)
{
    CURLU       *u;
    CURLUcode    rc;
    const char  *host;

    if (ngx_strncasecmp((u_char *) url, (u_char *) "http://", 7) == 0) {
        host = url + 7;

    } else if (ngx_strncasecmp((u_char *) url, (u_char *) "https://", 8)
               == 0)
    {
        host = url + 8;

    } else {
        return NGX_DECLINED;
    }

    if (*host == '/') {
        return NGX_DECLINED;
    }

    u = curl_url();
    if (u == NULL) {
        return NGX_DECLINED;
    }

    rc = curl_url_set(u, CURLUPART_URL, url, 0);
    curl_url_cleanup(u);

    return rc == CURLUE_OK ? NGX_OK : NGX_DECLINED;
}


/* The URL without user, password, query and fragment (RFC 3986 section 3.2:
 * the authority ends at the first '/', '?' or '#'). */

void
ngx_stentor_post_label(char *label, const char *url)
{
    size_t       scheme;
    const char  *p, *host, *end;

    p = strstr(url, "://");
    host = p ? p + 3 : url;
    scheme = host - url;
    end = host + strcspn(host, "/?#");

    for (p = host; p < end; p++) {
        if (*p == '@') {
            host = p + 1;
        }
    }

    end += strcspn(end, "?#");

    ngx_memcpy(label, url, scheme);
    ngx_memcpy(label + scheme, host, end - host);
    label[scheme + (end - host)] = '\0';
}


/* Signals are for the event loop: the thread, and those of libcurl's
 * resolver, are born with all of them blocked. */

ngx_int_t
ngx_stentor_post_start(ngx_stentor_poster_t *poster, void *(*run)(void *),
    void *data)
{
    if (poster->multi) {
        return NGX_OK;
    }

    poster->multi = curl_multi_init();
    if (poster->multi == NULL) {
        return NGX_ERROR;
    }

    if (ngx_stentor_thread(&poster->thread, run, data) != 0) {
        curl_multi_cleanup(poster->multi);
        poster->multi = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_stentor_post_join(ngx_stentor_poster_t *poster)
{
    if (poster->multi) {
        pthread_join(poster->thread, NULL);
        curl_multi_cleanup(poster->multi);
    }
}


void
ngx_stentor_post_wake(ngx_stentor_poster_t *poster)
{
    if (poster->multi) {
        curl_multi_wakeup(poster->multi);
    }
}


ngx_int_t
ngx_stentor_post_begin(ngx_stentor_poster_t *poster, ngx_stentor_post_t *post)
{
    post->easy = curl_easy_init();

    if (post->easy
        && ngx_stentor_post_headers(post) == NGX_OK
        && ngx_stentor_post_options(post) == NGX_OK
        && curl_multi_add_handle(poster->multi, post->easy) == CURLM_OK)
    {
        return NGX_OK;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_stentor_post_headers(ngx_stentor_post_t *post)
{
    char  key[64];

    if (ngx_stentor_post_header(post, "Content-Type: application/json")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (post->id == NULL) {
        return NGX_OK;
    }

    ngx_snprintf((u_char *) key, sizeof(key), "Idempotency-Key: %s%Z",
                 post->id);

    return ngx_stentor_post_header(post, key);
}


static ngx_int_t
ngx_stentor_post_header(ngx_stentor_post_t *post, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(post->headers, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    post->headers = list;

    return NGX_OK;
}


/*
 * QUICK_EXIT: a name that is being resolved when its post ends is left to its
 * thread.  Without it libcurl would wait for the resolver there, and all
 * other URLs with it.
 */

static ngx_int_t
ngx_stentor_post_options(ngx_stentor_post_t *post)
{
    int    rc;
    CURL  *e;

    e = post->easy;
    rc = 0;

    rc |= curl_easy_setopt(e, CURLOPT_PRIVATE, post);
    rc |= curl_easy_setopt(e, CURLOPT_URL, post->url);
    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    rc |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    rc |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_USERAGENT,
                           "Stentor/" NGX_STENTOR_VERSION);
    rc |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, post->headers);
    rc |= curl_easy_setopt(e, CURLOPT_POST, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, post->body);
    rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long) post->len);
    rc |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) post->connect_timeout);
    rc |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long) post->timeout);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ngx_stentor_post_answer);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEDATA, post);

    return rc ? NGX_ERROR : NGX_OK;
}


static size_t
ngx_stentor_post_answer(char *data, size_t size, size_t n, void *arg)
{
    ngx_stentor_post_t *post = arg;

    post->answered += size * n;

    if (post->answered > post->answer_max
        || (post->answer
            && stn_buf_put(post->answer, data, size * n) != STN_OK))
    {
        return 0;
    }

    return size * n;
}


void
ngx_stentor_post_perform(ngx_stentor_poster_t *poster)
{
    int  running;

    curl_multi_perform(poster->multi, &running);
}


ngx_stentor_post_t *
ngx_stentor_post_next(ngx_stentor_poster_t *poster)
{
    int                  left;
    CURLMsg             *msg;
    ngx_stentor_post_t  *post;

    msg = curl_multi_info_read(poster->multi, &left);
    if (msg == NULL) {
        return NULL;
    }

    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **) &post);
    curl_easy_getinfo(msg->easy_handle, CURLINFO_RESPONSE_CODE,
                      &post->status);
    post->rc = msg->data.result;

    return post;
}


void
ngx_stentor_post_wait(ngx_stentor_poster_t *poster, int ms)
{
    if (curl_multi_poll(poster->multi, NULL, 0, ms, NULL) != CURLM_OK) {
        ngx_msleep(NGX_STENTOR_POST_BROKEN_MS);
    }
}


void
ngx_stentor_post_reason(ngx_stentor_post_t *post,
    char reason[NGX_STENTOR_POST_REASON])
{
    if (post->status) {
        ngx_snprintf((u_char *) reason, NGX_STENTOR_POST_REASON,
                     "status %l%Z", post->status);
        return;
    }

    ngx_cpystrn((u_char *) reason, (u_char *) curl_easy_strerror(post->rc),
                NGX_STENTOR_POST_REASON);
}


void
ngx_stentor_post_end(ngx_stentor_poster_t *poster, ngx_stentor_post_t *post)
{
    if (post->easy) {
        curl_multi_remove_handle(poster->multi, post->easy);
        curl_easy_cleanup(post->easy);
        post->easy = NULL;
    }

    curl_slist_free_all(post->headers);
    post->headers = NULL;
}
