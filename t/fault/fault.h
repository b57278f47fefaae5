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
#include <dirent.h>
#include <ebur128.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <srt/srt.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zlib.h>


/* A place in the sources; its id is -1 until somebody comes by it. */
typedef struct {
    int          id;
    int          line;
    const char  *file;
    const char  *function;
} stentor_fault_t;


/* Whether the call named so at that place is to fail now.  errno is set when
 * it is. */
int stentor_fault(stentor_fault_t *place, const char *call);


#define FAULT_HERE(name)                                                     \
    __extension__ ({                                                         \
        static stentor_fault_t  place_ = { -1, __LINE__, __FILE__, NULL };   \
        place_.function = __func__;                                          \
        stentor_fault(&place_, name);                                        \
    })

#define FAULT(name, result, call)                                            \
    __extension__ (FAULT_HERE(name) ? (result) : (call))

/* What nginx's own functions say when they have no memory. */

#define FAULT_NOMEM(name, result, call)                                      \
    __extension__ (FAULT_HERE(name)                                          \
                   ? (ngx_log_error_core(NGX_LOG_EMERG, ngx_cycle->log,       \
                                         ENOMEM, "malloc() failed"),         \
                      (result))                                              \
                   : (call))

#define FAULT_SLAB(name, result, call)                                       \
    __extension__ (FAULT_HERE(name)                                          \
                   ? (ngx_log_error_core(NGX_LOG_CRIT, ngx_cycle->log, 0,    \
                                         "ngx_slab_alloc() failed: "         \
                                         "no memory"),                       \
                      (result))                                              \
                   : (call))

/* Names that members of structures have as well: what fails is told a
 * descriptor that is none, if its first argument is a descriptor. */

#define FAULT_FD(name, f)                                                    \
    __builtin_choose_expr(                                                   \
        __builtin_types_compatible_p(__typeof__(f), int),                    \
        (FAULT_HERE(name) ? (__typeof__(f)) -1 : (f)), (f))


/* the heap */

#define malloc(n)      FAULT("malloc", (void *) NULL, malloc(n))
#define calloc(n, s)   FAULT("calloc", (void *) NULL, calloc(n, s))
#define realloc(p, n)  FAULT("realloc", (void *) NULL, realloc(p, n))
#define strdup(s)      FAULT("strdup", (char *) NULL, strdup(s))

/* nginx: pools, shared memory, connections, events */

#define ngx_alloc(n, l)                                                      \
    FAULT_NOMEM("ngx_alloc", (void *) NULL, ngx_alloc(n, l))
#define ngx_calloc(n, l)                                                     \
    FAULT_NOMEM("ngx_calloc", (void *) NULL, ngx_calloc(n, l))
#define ngx_palloc(p, n)                                                     \
    FAULT_NOMEM("ngx_palloc", (void *) NULL, ngx_palloc(p, n))
#define ngx_pcalloc(p, n)                                                    \
    FAULT_NOMEM("ngx_pcalloc", (void *) NULL, ngx_pcalloc(p, n))
#define ngx_pnalloc(p, n)                                                    \
    FAULT_NOMEM("ngx_pnalloc", (void *) NULL, ngx_pnalloc(p, n))
#define ngx_create_pool(n, l)                                                \
    FAULT_NOMEM("ngx_create_pool", (ngx_pool_t *) NULL, ngx_create_pool(n, l))
#define ngx_pool_cleanup_add(p, n)                                           \
    FAULT_NOMEM("ngx_pool_cleanup_add", (ngx_pool_cleanup_t *) NULL,         \
          ngx_pool_cleanup_add(p, n))
#define ngx_http_cleanup_add(r, n)                                           \
    FAULT_NOMEM("ngx_http_cleanup_add", (ngx_http_cleanup_t *) NULL,         \
          ngx_http_cleanup_add(r, n))
#define ngx_list_push(l)                                                     \
    FAULT_NOMEM("ngx_list_push", (void *) NULL, ngx_list_push(l))
#define ngx_array_push(a)                                                    \
    FAULT_NOMEM("ngx_array_push", (void *) NULL, ngx_array_push(a))
#define ngx_array_create(p, n, s)                                            \
    FAULT_NOMEM("ngx_array_create", (ngx_array_t *) NULL,                    \
          ngx_array_create(p, n, s))
#define ngx_create_temp_buf(p, n)                                            \
    FAULT_NOMEM("ngx_create_temp_buf", (ngx_buf_t *) NULL,                   \
          ngx_create_temp_buf(p, n))
#define ngx_alloc_chain_link(p)                                              \
    FAULT_NOMEM("ngx_alloc_chain_link", (ngx_chain_t *) NULL,                \
          ngx_alloc_chain_link(p))
#define ngx_slab_alloc(p, n)                                                 \
    FAULT_SLAB("ngx_slab_alloc", (void *) NULL, ngx_slab_alloc(p, n))
#define ngx_slab_calloc(p, n)                                                \
    FAULT_SLAB("ngx_slab_calloc", (void *) NULL, ngx_slab_calloc(p, n))
#define ngx_slab_alloc_locked(p, n)                                          \
    FAULT_SLAB("ngx_slab_alloc_locked", (void *) NULL,                       \
          ngx_slab_alloc_locked(p, n))
#define ngx_slab_calloc_locked(p, n)                                         \
    FAULT_SLAB("ngx_slab_calloc_locked", (void *) NULL,                      \
          ngx_slab_calloc_locked(p, n))
#define ngx_get_connection(s, l)                                             \
    FAULT("ngx_get_connection", (ngx_connection_t *) NULL,                   \
          ngx_get_connection(s, l))

#define ngx_array_init(a, p, n, s)                                           \
    FAULT_NOMEM("ngx_array_init", (ngx_int_t) NGX_ERROR,                     \
          ngx_array_init(a, p, n, s))
#define ngx_list_init(l, p, n, s)                                            \
    FAULT_NOMEM("ngx_list_init", (ngx_int_t) NGX_ERROR,                      \
          ngx_list_init(l, p, n, s))
#define ngx_shared_memory_add(c, n, s, t)                                    \
    FAULT_NOMEM("ngx_shared_memory_add", (ngx_shm_zone_t *) NULL,            \
          ngx_shared_memory_add(c, n, s, t))
#define ngx_conf_full_name(c, n, p)                                          \
    FAULT_NOMEM("ngx_conf_full_name", (ngx_int_t) NGX_ERROR,                 \
          ngx_conf_full_name(c, n, p))
#define ngx_http_read_client_request_body(r, h)                              \
    FAULT("ngx_http_read_client_request_body",                               \
          (ngx_int_t) NGX_HTTP_INTERNAL_SERVER_ERROR,                        \
          ngx_http_read_client_request_body(r, h))
#define ngx_http_send_header(r)                                              \
    FAULT("ngx_http_send_header", (ngx_int_t) NGX_ERROR,                     \
          ngx_http_send_header(r))
#define ngx_http_output_filter(r, c)                                         \
    FAULT("ngx_http_output_filter", (ngx_int_t) NGX_ERROR,                   \
          ngx_http_output_filter(r, c))
#define ngx_handle_read_event(ev, f)                                         \
    FAULT("ngx_handle_read_event", (ngx_int_t) NGX_ERROR,                    \
          ngx_handle_read_event(ev, f))
#define ngx_handle_write_event(ev, f)                                        \
    FAULT("ngx_handle_write_event", (ngx_int_t) NGX_ERROR,                   \
          ngx_handle_write_event(ev, f))

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
#define pthread_condattr_init(a)                                             \
    FAULT("pthread_condattr_init", ENOMEM, pthread_condattr_init(a))
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
#define pwrite(f, p, n, o)                                                   \
    FAULT("pwrite", (ssize_t) -1, pwrite(f, p, n, o))
#define mmap(a, n, p, f, d, o)                                               \
    FAULT("mmap", MAP_FAILED, mmap(a, n, p, f, d, o))
#define fsync(f)              FAULT("fsync", -1, fsync(f))
#define fdatasync(f)          FAULT("fdatasync", -1, fdatasync(f))
#define ftruncate(f, n)       FAULT("ftruncate", -1, ftruncate(f, n))
#define rename(a, b)          FAULT("rename", -1, rename(a, b))
#define mkdir(a, m)           FAULT("mkdir", -1, mkdir(a, m))
#define connect(s, a, n)      FAULT("connect", -1, connect(s, a, n))
#define getsockopt(s, l, o, v, n)                                            \
    FAULT("getsockopt", -1, getsockopt(s, l, o, v, n))
#define dup(f)                FAULT("dup", -1, dup(f))
#define flock(f, o)           FAULT("flock", -1, flock(f, o))
#define fstat(f, s)           FAULT("fstat", -1, fstat(f, s))
#define fstatat(f, n, s, o)   FAULT("fstatat", -1, fstatat(f, n, s, o))
#define faccessat(f, n, m, o)                                                \
    FAULT("faccessat", -1, faccessat(f, n, m, o))
#define openat(...)           FAULT("openat", -1, openat(__VA_ARGS__))
#define mkdirat(f, n, m)      FAULT("mkdirat", -1, mkdirat(f, n, m))
#define renameat(f, a, g, b)  FAULT("renameat", -1, renameat(f, a, g, b))
#define symlinkat(a, f, b)    FAULT("symlinkat", -1, symlinkat(a, f, b))
#define unlinkat(f, n, o)     FAULT("unlinkat", -1, unlinkat(f, n, o))
#define fdopendir(f)          FAULT("fdopendir", (DIR *) NULL, fdopendir(f))
#define recv(f, ...)          recv(FAULT_FD("recv", f), __VA_ARGS__)
#define send(f, ...)          send(FAULT_FD("send", f), __VA_ARGS__)
#define read(f, ...)          read(FAULT_FD("read", f), __VA_ARGS__)

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
#define av_strdup(s)     FAULT("av_strdup", (char *) NULL, av_strdup(s))
#define av_audio_fifo_alloc(f, c, n)                                         \
    FAULT("av_audio_fifo_alloc", (AVAudioFifo *) NULL,                       \
          av_audio_fifo_alloc(f, c, n))
#define av_audio_fifo_write(f, d, n)                                         \
    FAULT("av_audio_fifo_write", AVERROR(ENOMEM),                            \
          av_audio_fifo_write(f, d, n))
#define av_channel_layout_copy(a, b)                                         \
    FAULT("av_channel_layout_copy", AVERROR(ENOMEM),                         \
          av_channel_layout_copy(a, b))
#define av_dict_set(d, k, v, f)                                              \
    FAULT("av_dict_set", AVERROR(ENOMEM), av_dict_set(d, k, v, f))
#define av_opt_set(o, n, v, f)                                               \
    FAULT("av_opt_set", AVERROR(ENOMEM), av_opt_set(o, n, v, f))
#define av_frame_make_writable(f)                                            \
    FAULT("av_frame_make_writable", AVERROR(ENOMEM),                         \
          av_frame_make_writable(f))
#define av_read_frame(c, p)                                                  \
    FAULT("av_read_frame", AVERROR(ENOMEM), av_read_frame(c, p))
#define av_probe_input_buffer2(p, f, u, l, o, m)                             \
    FAULT("av_probe_input_buffer2", AVERROR(ENOMEM),                         \
          av_probe_input_buffer2(p, f, u, l, o, m))
#define avcodec_parameters_to_context(c, p)                                  \
    FAULT("avcodec_parameters_to_context", AVERROR(ENOMEM),                  \
          avcodec_parameters_to_context(c, p))
#define avformat_alloc_output_context2(c, f, n, u)                           \
    FAULT("avformat_alloc_output_context2",                                  \
          (*(c) = NULL, AVERROR(ENOMEM)),                                    \
          avformat_alloc_output_context2(c, f, n, u))
#define avformat_open_input(c, u, f, o)                                      \
    FAULT("avformat_open_input",                                             \
          (avformat_free_context(*(c)), *(c) = NULL, AVERROR(ENOMEM)),       \
          avformat_open_input(c, u, f, o))
#define avformat_find_stream_info(c, o)                                      \
    FAULT("avformat_find_stream_info", AVERROR(ENOMEM),                      \
          avformat_find_stream_info(c, o))
#define swr_alloc_set_opts2(s, a, b, c, d, e, f, g, h)                       \
    FAULT("swr_alloc_set_opts2", (swr_free(s), AVERROR(ENOMEM)),             \
          swr_alloc_set_opts2(s, a, b, c, d, e, f, g, h))
#define swr_set_matrix(s, m, n)                                              \
    FAULT("swr_set_matrix", AVERROR(ENOMEM), swr_set_matrix(s, m, n))
#define swr_set_compensation(s, d, n)                                        \
    FAULT("swr_set_compensation", AVERROR(ENOMEM),                           \
          swr_set_compensation(s, d, n))
#define swr_convert(s, o, n, i, m)                                           \
    FAULT("swr_convert", AVERROR(ENOMEM), swr_convert(s, o, n, i, m))
#define ebur128_change_parameters(s, c, r)                                   \
    FAULT("ebur128_change_parameters", EBUR128_ERROR_NOMEM,                  \
          ebur128_change_parameters(s, c, r))
#define ebur128_add_frames_float(s, p, n)                                    \
    FAULT("ebur128_add_frames_float", EBUR128_ERROR_NOMEM,                   \
          ebur128_add_frames_float(s, p, n))
#define swr_alloc()      FAULT("swr_alloc", (SwrContext *) NULL, swr_alloc())
#define swr_init(s)      FAULT("swr_init", AVERROR(ENOMEM), swr_init(s))
#define ebur128_init(c, r, m)                                                \
    FAULT("ebur128_init", (ebur128_state *) NULL, ebur128_init(c, r, m))

/* other libraries */

#undef curl_easy_setopt
#define curl_easy_setopt(e, o, v)                                            \
    (__builtin_classify_type(v) == 5                                         \
     ? FAULT("curl_easy_setopt", CURLE_OUT_OF_MEMORY,                        \
             (curl_easy_setopt)(e, o, v))                                    \
     : (curl_easy_setopt)(e, o, v))
#undef curl_multi_setopt
#define curl_multi_setopt(m, o, v)                                           \
    FAULT("curl_multi_setopt", CURLM_OUT_OF_MEMORY,                          \
          (curl_multi_setopt)(m, o, v))
#define curl_url()         FAULT("curl_url", (CURLU *) NULL, curl_url())
#define curl_url_set(u, p, s, f)                                             \
    FAULT("curl_url_set", CURLUE_OUT_OF_MEMORY, curl_url_set(u, p, s, f))
#define curl_multi_perform(m, n)                                             \
    FAULT("curl_multi_perform", CURLM_OUT_OF_MEMORY,                         \
          curl_multi_perform(m, n))
#define curl_multi_poll(m, f, n, t, r)                                       \
    FAULT("curl_multi_poll", CURLM_OUT_OF_MEMORY,                            \
          curl_multi_poll(m, f, n, t, r))
#define curl_multi_socket_action(m, f, e, n)                                 \
    FAULT("curl_multi_socket_action", CURLM_OUT_OF_MEMORY,                   \
          curl_multi_socket_action(m, f, e, n))
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
#define json_array()       FAULT("json_array", (json_t *) NULL, json_array())
#define json_object_set_new(o, k, v)                                         \
    FAULT("json_object_set_new", (json_decref(v), -1),                       \
          json_object_set_new(o, k, v))
#define json_array_append_new(a, v)                                          \
    FAULT("json_array_append_new", (json_decref(v), -1),                     \
          json_array_append_new(a, v))
#define json_sprintf(...)                                                    \
    FAULT("json_sprintf", (json_t *) NULL, json_sprintf(__VA_ARGS__))
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
#define redisReaderGetReply(r, p)                                            \
    FAULT("redisReaderGetReply", (*(p) = NULL, REDIS_ERR),                   \
          redisReaderGetReply(r, p))
#define SSL_CTX_new(m)     FAULT("SSL_CTX_new", (SSL_CTX *) NULL,            \
                                 SSL_CTX_new(m))
#define SSL_new(c)         FAULT("SSL_new", (SSL *) NULL, SSL_new(c))
#define SSL_set_fd(s, f)   FAULT("SSL_set_fd", 0, SSL_set_fd(s, f))
#define SSL_CTX_load_verify_locations(c, f, p)                               \
    FAULT("SSL_CTX_load_verify_locations", 0,                                \
          SSL_CTX_load_verify_locations(c, f, p))
#define HMAC(m, k, kn, d, dn, o, on)                                         \
    FAULT("HMAC", (unsigned char *) NULL, HMAC(m, k, kn, d, dn, o, on))
#define EVP_Digest(d, n, o, on, t, e)                                        \
    FAULT("EVP_Digest", 0, EVP_Digest(d, n, o, on, t, e))
#define RAND_bytes(p, n)   FAULT("RAND_bytes", 0, RAND_bytes(p, n))
#define srt_create_socket()                                                  \
    FAULT("srt_create_socket", SRT_ERROR, srt_create_socket())
#define srt_bind_acquire(s, f)                                               \
    FAULT("srt_bind_acquire", SRT_ERROR, srt_bind_acquire(s, f))
#define srt_listen(s, n)   FAULT("srt_listen", SRT_ERROR, srt_listen(s, n))
#define srt_listen_callback(s, f, d)                                         \
    FAULT("srt_listen_callback", SRT_ERROR, srt_listen_callback(s, f, d))
#define srt_setsockflag(s, o, v, n)                                          \
    FAULT("srt_setsockflag", SRT_ERROR, srt_setsockflag(s, o, v, n))
#define srt_getsockflag(s, o, v, n)                                          \
    FAULT("srt_getsockflag", SRT_ERROR, srt_getsockflag(s, o, v, n))
#define srt_recvmsg(s, p, n)                                                 \
    FAULT("srt_recvmsg", SRT_ERROR, srt_recvmsg(s, p, n))
#define srt_epoll_create() FAULT("srt_epoll_create", SRT_ERROR,              \
                                 srt_epoll_create())
#define srt_epoll_add_usock(e, s, v)                                         \
    FAULT("srt_epoll_add_usock", SRT_ERROR, srt_epoll_add_usock(e, s, v))
#define srt_accept(s, a, n)                                                  \
    FAULT("srt_accept", SRT_ERROR, srt_accept(s, a, n))
#define deflateInit2_(z, l, m, w, e, s, v, n)                                \
    FAULT("deflateInit2", Z_MEM_ERROR, deflateInit2_(z, l, m, w, e, s, v, n))

#define deflate(z, f)      FAULT("deflate", Z_BUF_ERROR, deflate(z, f))


#endif /* STENTOR_FAULT_H */
