/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fault points: included before everything else of a build of the module for
 * t/fault/inject, it puts a question before each call that can fail for want
 * of memory, descriptors, threads or the like.  The question is answered by
 * fault.c, which is preloaded: "no" nearly always, and "yes" where and when
 * the test has said so.  The headers come first, so that what they define
 * themselves is left alone.
 */

#ifndef STENTOR_FAULT_H
#define STENTOR_FAULT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include <curl/curl.h>
#include <ebur128.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <srt/srt.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <zlib.h>


/* Whether the call named so at that place is to fail now; *id is -1 at first,
 * and the place's own from then on.  errno is set when it is. */
int stentor_fault(int *id, const char *file, int line, const char *call);


#define FAULT(name, result, call)                                            \
    __extension__ ({                                                         \
        static int  fault_id_ = -1;                                          \
        stentor_fault(&fault_id_, __FILE__, __LINE__, name) ? (result)       \
                                                            : (call);        \
    })


/* the heap */

#define malloc(n)      FAULT("malloc", (void *) NULL, malloc(n))
#define calloc(n, s)   FAULT("calloc", (void *) NULL, calloc(n, s))
#define realloc(p, n)  FAULT("realloc", (void *) NULL, realloc(p, n))
#define strdup(s)      FAULT("strdup", (char *) NULL, strdup(s))

/* nginx: pools, shared memory, connections, events */

#define ngx_alloc(n, l)   FAULT("ngx_alloc", (void *) NULL, ngx_alloc(n, l))
#define ngx_calloc(n, l)  FAULT("ngx_calloc", (void *) NULL, ngx_calloc(n, l))
#define ngx_palloc(p, n)  FAULT("ngx_palloc", (void *) NULL, ngx_palloc(p, n))
#define ngx_pcalloc(p, n)                                                    \
    FAULT("ngx_pcalloc", (void *) NULL, ngx_pcalloc(p, n))
#define ngx_pnalloc(p, n)                                                    \
    FAULT("ngx_pnalloc", (void *) NULL, ngx_pnalloc(p, n))
#define ngx_create_pool(n, l)                                                \
    FAULT("ngx_create_pool", (ngx_pool_t *) NULL, ngx_create_pool(n, l))
#define ngx_pool_cleanup_add(p, n)                                           \
    FAULT("ngx_pool_cleanup_add", (ngx_pool_cleanup_t *) NULL,               \
          ngx_pool_cleanup_add(p, n))
#define ngx_http_cleanup_add(r, n)                                           \
    FAULT("ngx_http_cleanup_add", (ngx_http_cleanup_t *) NULL,               \
          ngx_http_cleanup_add(r, n))
#define ngx_list_push(l)                                                     \
    FAULT("ngx_list_push", (void *) NULL, ngx_list_push(l))
#define ngx_array_push(a)                                                    \
    FAULT("ngx_array_push", (void *) NULL, ngx_array_push(a))
#define ngx_array_create(p, n, s)                                            \
    FAULT("ngx_array_create", (ngx_array_t *) NULL,                          \
          ngx_array_create(p, n, s))
#define ngx_create_temp_buf(p, n)                                            \
    FAULT("ngx_create_temp_buf", (ngx_buf_t *) NULL,                         \
          ngx_create_temp_buf(p, n))
#define ngx_alloc_chain_link(p)                                              \
    FAULT("ngx_alloc_chain_link", (ngx_chain_t *) NULL,                      \
          ngx_alloc_chain_link(p))
#define ngx_slab_alloc(p, n)                                                 \
    FAULT("ngx_slab_alloc", (void *) NULL, ngx_slab_alloc(p, n))
#define ngx_slab_calloc(p, n)                                                \
    FAULT("ngx_slab_calloc", (void *) NULL, ngx_slab_calloc(p, n))
#define ngx_slab_alloc_locked(p, n)                                          \
    FAULT("ngx_slab_alloc_locked", (void *) NULL, ngx_slab_alloc_locked(p, n))
#define ngx_slab_calloc_locked(p, n)                                         \
    FAULT("ngx_slab_calloc_locked", (void *) NULL,                           \
          ngx_slab_calloc_locked(p, n))
#define ngx_get_connection(s, l)                                             \
    FAULT("ngx_get_connection", (ngx_connection_t *) NULL,                   \
          ngx_get_connection(s, l))

#undef ngx_add_event
#define ngx_add_event(ev, event, flags)                                      \
    FAULT("ngx_add_event", (ngx_int_t) NGX_ERROR,                            \
          ngx_event_actions.add(ev, event, flags))

/* threads, descriptors, files, sockets */

#define pthread_create(t, a, f, d)                                           \
    FAULT("pthread_create", EAGAIN, pthread_create(t, a, f, d))
#define pthread_mutex_init(m, a)                                             \
    FAULT("pthread_mutex_init", ENOMEM, pthread_mutex_init(m, a))
#define pthread_cond_init(c, a)                                              \
    FAULT("pthread_cond_init", ENOMEM, pthread_cond_init(c, a))
#define eventfd(n, f)         FAULT("eventfd", -1, eventfd(n, f))
#define socket(d, t, p)       FAULT("socket", -1, socket(d, t, p))
#define bind(s, a, n)         FAULT("bind", -1, bind(s, a, n))
#define listen(s, n)          FAULT("listen", -1, listen(s, n))
#define setsockopt(s, l, o, v, n)                                            \
    FAULT("setsockopt", -1, setsockopt(s, l, o, v, n))
#define fcntl(...)            FAULT("fcntl", -1, fcntl(__VA_ARGS__))
#define open(...)             FAULT("open", -1, open(__VA_ARGS__))
#define write(f, p, n)        FAULT("write", (ssize_t) -1, write(f, p, n))
#define pread(f, p, n, o)     FAULT("pread", (ssize_t) -1, pread(f, p, n, o))
#define pwrite(f, p, n, o)    FAULT("pwrite", (ssize_t) -1, pwrite(f, p, n, o))
#define mmap(a, n, p, f, d, o)                                               \
    FAULT("mmap", MAP_FAILED, mmap(a, n, p, f, d, o))
#define fsync(f)              FAULT("fsync", -1, fsync(f))
#define fdatasync(f)          FAULT("fdatasync", -1, fdatasync(f))
#define ftruncate(f, n)       FAULT("ftruncate", -1, ftruncate(f, n))
#define rename(a, b)          FAULT("rename", -1, rename(a, b))
#define mkdir(a, m)           FAULT("mkdir", -1, mkdir(a, m))

/* libav */

#define av_malloc(n)     FAULT("av_malloc", (void *) NULL, av_malloc(n))
#define av_mallocz(n)    FAULT("av_mallocz", (void *) NULL, av_mallocz(n))
#define av_packet_alloc()                                                    \
    FAULT("av_packet_alloc", (AVPacket *) NULL, av_packet_alloc())
#define av_frame_alloc()                                                     \
    FAULT("av_frame_alloc", (AVFrame *) NULL, av_frame_alloc())
#define av_frame_get_buffer(f, a)                                            \
    FAULT("av_frame_get_buffer", AVERROR(ENOMEM), av_frame_get_buffer(f, a))
#define av_new_packet(p, n)                                                  \
    FAULT("av_new_packet", AVERROR(ENOMEM), av_new_packet(p, n))
#define avcodec_alloc_context3(c)                                            \
    FAULT("avcodec_alloc_context3", (AVCodecContext *) NULL,                 \
          avcodec_alloc_context3(c))
#define avcodec_open2(c, d, o)                                               \
    FAULT("avcodec_open2", AVERROR(ENOMEM), avcodec_open2(c, d, o))
#define avcodec_send_packet(c, p)                                            \
    FAULT("avcodec_send_packet", AVERROR(ENOMEM), avcodec_send_packet(c, p))
#define avcodec_receive_frame(c, f)                                          \
    FAULT("avcodec_receive_frame", AVERROR(ENOMEM),                          \
          avcodec_receive_frame(c, f))
#define avcodec_send_frame(c, f)                                             \
    FAULT("avcodec_send_frame", AVERROR(ENOMEM), avcodec_send_frame(c, f))
#define avcodec_receive_packet(c, p)                                         \
    FAULT("avcodec_receive_packet", AVERROR(ENOMEM),                         \
          avcodec_receive_packet(c, p))
#define avformat_alloc_context()                                             \
    FAULT("avformat_alloc_context", (AVFormatContext *) NULL,                \
          avformat_alloc_context())
#define avformat_new_stream(c, d)                                            \
    FAULT("avformat_new_stream", (AVStream *) NULL, avformat_new_stream(c, d))
#define avformat_write_header(c, o)                                          \
    FAULT("avformat_write_header", AVERROR(ENOMEM),                          \
          avformat_write_header(c, o))
#define avio_alloc_context(b, n, w, d, r, p, s)                              \
    FAULT("avio_alloc_context", (AVIOContext *) NULL,                        \
          avio_alloc_context(b, n, w, d, r, p, s))
#define av_write_frame(c, p)                                                 \
    FAULT("av_write_frame", AVERROR(ENOMEM), av_write_frame(c, p))
#define swr_alloc()      FAULT("swr_alloc", (SwrContext *) NULL, swr_alloc())
#define swr_init(s)      FAULT("swr_init", AVERROR(ENOMEM), swr_init(s))
#define ebur128_init(c, r, m)                                                \
    FAULT("ebur128_init", (ebur128_state *) NULL, ebur128_init(c, r, m))

/* other libraries */

#define curl_easy_init()   FAULT("curl_easy_init", (CURL *) NULL,            \
                                 curl_easy_init())
#define curl_multi_init()  FAULT("curl_multi_init", (CURLM *) NULL,          \
                                 curl_multi_init())
#define curl_multi_add_handle(m, e)                                          \
    FAULT("curl_multi_add_handle", CURLM_OUT_OF_MEMORY,                      \
          curl_multi_add_handle(m, e))
#define curl_slist_append(l, s)                                              \
    FAULT("curl_slist_append", (struct curl_slist *) NULL,                   \
          curl_slist_append(l, s))
#define json_object()      FAULT("json_object", (json_t *) NULL,             \
                                 json_object())
#define json_string(s)     FAULT("json_string", (json_t *) NULL,             \
                                 json_string(s))
#define json_stringn(s, n)                                                   \
    FAULT("json_stringn", (json_t *) NULL, json_stringn(s, n))
#define json_pack(...)                                                       \
    FAULT("json_pack", (json_t *) NULL, json_pack(__VA_ARGS__))
#define json_dumps(j, f)                                                     \
    FAULT("json_dumps", (char *) NULL, json_dumps(j, f))
#define json_loadb(b, n, f, e)                                               \
    FAULT("json_loadb", (json_t *) NULL, json_loadb(b, n, f, e))
#define redisReaderCreate()                                                  \
    FAULT("redisReaderCreate", (redisReader *) NULL, redisReaderCreate())
#define redisReaderFeed(r, p, n)                                             \
    FAULT("redisReaderFeed", REDIS_ERR, redisReaderFeed(r, p, n))
#define SSL_CTX_new(m)     FAULT("SSL_CTX_new", (SSL_CTX *) NULL,            \
                                 SSL_CTX_new(m))
#define SSL_new(c)         FAULT("SSL_new", (SSL *) NULL, SSL_new(c))
#define HMAC(m, k, kn, d, dn, o, on)                                         \
    FAULT("HMAC", (unsigned char *) NULL, HMAC(m, k, kn, d, dn, o, on))
#define EVP_Digest(d, n, o, on, t, e)                                        \
    FAULT("EVP_Digest", 0, EVP_Digest(d, n, o, on, t, e))
#define RAND_bytes(p, n)   FAULT("RAND_bytes", 0, RAND_bytes(p, n))
#define srt_create_socket()                                                  \
    FAULT("srt_create_socket", SRT_ERROR, srt_create_socket())
#define srt_epoll_create() FAULT("srt_epoll_create", SRT_ERROR,              \
                                 srt_epoll_create())
#define srt_epoll_add_usock(e, s, v)                                         \
    FAULT("srt_epoll_add_usock", SRT_ERROR, srt_epoll_add_usock(e, s, v))
#define srt_accept(s, a, n)                                                  \
    FAULT("srt_accept", SRT_ERROR, srt_accept(s, a, n))
#define deflateInit2_(z, l, m, w, e, s, v, n)                                \
    FAULT("deflateInit2", Z_MEM_ERROR, deflateInit2_(z, l, m, w, e, s, v, n))


#endif /* STENTOR_FAULT_H */
