/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Loops of hold audio (see ngx_stentor_hold.h).  The list is under a mutex
 * that is held for a walk through it; a loop that is ready never changes, so
 * live threads read it without.  Memory is given back when the worker exits.
 */

#include "ngx_stentor_hold.h"
#include "ngx_stentor_thread.h"
#include "pack/stn_cmaf.h"

#include <pthread.h>


/* Bits a second and channel: better than what most broadcasters send, so
 * that nothing is lost by encoding. */
#define NGX_STENTOR_HOLD_BITRATE  80000

/* How often somebody who waits for a loop looks. */
#define NGX_STENTOR_HOLD_LOOK_MS  10


typedef enum {
    NGX_STENTOR_HOLD_MAKING = 0,
    NGX_STENTOR_HOLD_READY,
    NGX_STENTOR_HOLD_FAILED
} ngx_stentor_hold_state_e;


typedef struct {
    ngx_stentor_holds_t     *holds;
    ngx_str_t                file;
    stn_format_t             format;
    stn_hold_t               loop;
    ngx_atomic_t             state;      /* ngx_stentor_hold_state_e */
    pthread_t                thread;
} ngx_stentor_hold_t;


struct ngx_stentor_holds_s {
    pthread_mutex_t          mutex;
    ngx_uint_t               n;
    ngx_stentor_hold_t       holds[NGX_STENTOR_HOLDS];
    volatile int             stop;       /* atomic */
    ngx_log_t                log;
};


static ngx_stentor_hold_t *ngx_stentor_hold_find(ngx_stentor_holds_t *holds,
    ngx_str_t *file, const stn_format_t *format);
static ngx_stentor_hold_t *ngx_stentor_hold_begin(ngx_stentor_holds_t *holds,
    ngx_str_t *file, const stn_format_t *format);
static void *ngx_stentor_hold_make(void *data);
static const char *ngx_stentor_hold_file(ngx_stentor_hold_t *hold);
static u_char *ngx_stentor_hold_read(ngx_str_t *file, size_t *size,
    ngx_log_t *log);
static u_char *ngx_stentor_hold_read_fd(ngx_fd_t fd, size_t *size,
    ngx_log_t *log);


ngx_str_t  ngx_stentor_comfort = ngx_string("");


ngx_stentor_holds_t *
ngx_stentor_holds_create(ngx_cycle_t *cycle)
{
    ngx_stentor_holds_t  *holds;

    holds = ngx_pcalloc(cycle->pool, sizeof(ngx_stentor_holds_t));
    if (holds == NULL) {
        return NULL;
    }

    pthread_mutex_init(&holds->mutex, NULL);
    holds->log = *cycle->log;

    return holds;
}


void
ngx_stentor_holds_exit(ngx_stentor_holds_t *holds)
{
    ngx_uint_t  i;

    __atomic_store_n(&holds->stop, 1, __ATOMIC_RELAXED);

    for (i = 0; i < holds->n; i++) {
        pthread_join(holds->holds[i].thread, NULL);
        stn_hold_free(&holds->holds[i].loop);
    }

    pthread_mutex_destroy(&holds->mutex);
}


const stn_hold_t *
ngx_stentor_hold_get(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format)
{
    const stn_hold_t  *loop;

    (void) ngx_stentor_hold_ask(holds, file, format, &loop);

    return loop;
}


ngx_int_t
ngx_stentor_hold_ask(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format, const stn_hold_t **loop)
{
    ngx_stentor_hold_t  *hold;

    pthread_mutex_lock(&holds->mutex);

    hold = ngx_stentor_hold_find(holds, file, format);

    if (hold == NULL) {
        hold = ngx_stentor_hold_begin(holds, file, format);
    }

    pthread_mutex_unlock(&holds->mutex);

    *loop = NULL;

    if (hold == NULL) {
        return NGX_DECLINED;
    }

    switch (__atomic_load_n(&hold->state, __ATOMIC_ACQUIRE)) {

    case NGX_STENTOR_HOLD_READY:
        *loop = &hold->loop;
        return NGX_OK;

    case NGX_STENTOR_HOLD_MAKING:
        return NGX_AGAIN;

    default: /* NGX_STENTOR_HOLD_FAILED */
        return NGX_DECLINED;
    }
}


const stn_hold_t *
ngx_stentor_hold_wait(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format, ngx_msec_t ms)
{
    ngx_int_t          rc;
    ngx_msec_t         waited;
    const stn_hold_t  *loop;

    for (waited = 0; /* void */ ; waited += NGX_STENTOR_HOLD_LOOK_MS) {
        rc = ngx_stentor_hold_ask(holds, file, format, &loop);

        if (rc != NGX_AGAIN || waited >= ms
            || __atomic_load_n(&holds->stop, __ATOMIC_RELAXED))
        {
            return loop;
        }

        ngx_msleep(NGX_STENTOR_HOLD_LOOK_MS);
    }
}


static ngx_stentor_hold_t *
ngx_stentor_hold_find(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format)
{
    ngx_uint_t           i;
    ngx_stentor_hold_t  *hold;

    for (i = 0; i < holds->n; i++) {
        hold = &holds->holds[i];

        if (hold->file.len == file->len
            && ngx_memcmp(hold->file.data, file->data, file->len) == 0
            && stn_format_same(&hold->format, format))
        {
            return hold;
        }
    }

    return NULL;
}


/* Signals are for the event loop: the thread is born with all of them
 * blocked. */

static ngx_stentor_hold_t *
ngx_stentor_hold_begin(ngx_stentor_holds_t *holds, ngx_str_t *file,
    const stn_format_t *format)
{
    ngx_err_t            err;
    ngx_stentor_hold_t  *hold;

    if (holds->n == NGX_STENTOR_HOLDS) {
        return NULL;
    }

    hold = &holds->holds[holds->n];

    hold->holds = holds;
    hold->file = *file;
    hold->format = *format;

    err = ngx_stentor_thread(&hold->thread, ngx_stentor_hold_make, hold);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &holds->log, err,
                      "pthread_create() failed for hold audio \"%V\"", file);
        return NULL;
    }

    holds->n++;

    return hold;
}


static void *
ngx_stentor_hold_make(void *data)
{
    ngx_stentor_hold_t *hold = data;

    const char  *reason;

    reason = ngx_stentor_hold_file(hold);

    if (reason && !__atomic_load_n(&hold->holds->stop, __ATOMIC_RELAXED)) {
        ngx_log_error(NGX_LOG_ERR, &hold->holds->log, 0,
                      "hold audio \"%V\" %s%s", &hold->file, reason,
                      hold->file.len ? ": comfort plays instead" : "");
    }

    __atomic_store_n(&hold->state, reason ? NGX_STENTOR_HOLD_FAILED
                                          : NGX_STENTOR_HOLD_READY,
                     __ATOMIC_RELEASE);
    return NULL;
}


/* Returns why not, or NULL. */

static const char *
ngx_stentor_hold_file(ngx_stentor_hold_t *hold)
{
    int               rc;
    u_char           *data;
    const char       *reason;
    stn_hold_conf_t   conf;

    if (hold->file.len == 0) {
        return stn_hold_comfort(&hold->loop, &hold->format) == STN_OK
               ? NULL : "cannot be made";
    }

    data = ngx_stentor_hold_read(&hold->file, &conf.len, &hold->holds->log);
    if (data == NULL) {
        return "cannot be read";
    }

    conf.format = &hold->format;
    conf.bitrate = NGX_STENTOR_HOLD_BITRATE
                   * ngx_max(hold->format.channels, 1);
    conf.data = data;
    conf.stop = &hold->holds->stop;

    reason = "was not made to the end";
    rc = stn_hold_file(&hold->loop, &conf, &reason);

    ngx_free(data);

    return rc == STN_OK ? NULL : reason;
}


static u_char *
ngx_stentor_hold_read(ngx_str_t *file, size_t *size, ngx_log_t *log)
{
    u_char    *data;
    ngx_fd_t   fd;

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", file->data);
        return NULL;
    }

    data = ngx_stentor_hold_read_fd(fd, size, log);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", file->data);
    }

    return data;
}


static u_char *
ngx_stentor_hold_read_fd(ngx_fd_t fd, size_t *size, ngx_log_t *log)
{
    u_char           *data;
    size_t            got;
    ssize_t           n;
    ngx_file_info_t   fi;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi)
        || ngx_file_size(&fi) > NGX_STENTOR_HOLD_SIZE)
    {
        return NULL;
    }

    *size = ngx_file_size(&fi);

    data = ngx_alloc(ngx_max(*size, 1), log);
    if (data == NULL) {
        return NULL;
    }

    for (got = 0; got < *size; got += n) {
        n = ngx_read_fd(fd, data + got, *size - got);

        if (n <= 0) {
            ngx_free(data);
            return NULL;
        }
    }

    return data;
}


ngx_int_t
ngx_stentor_hold_check(ngx_conf_t *cf, ngx_str_t *file)
{
    int          rc;
    size_t       size;
    u_char      *data;
    uint32_t     ms;
    const char  *reason;

    data = ngx_stentor_hold_read(file, &size, cf->log);

    if (data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "hold audio \"%V\" cannot be read", file);
        return NGX_ERROR;
    }

    stn_cmaf_quiet();

    reason = "cannot be decoded";
    rc = stn_hold_check(data, size, &ms, &reason);

    ngx_free(data);

    if (rc != STN_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "hold audio \"%V\" %s", file,
                           reason);
        return NGX_ERROR;
    }

    return NGX_OK;
}
