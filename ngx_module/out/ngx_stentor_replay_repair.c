/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A replay is gone on with (see ngx_stentor_replay_files.h): after a crash, a
 * failure of the disk, or because another worker has the stream now.  All
 * renditions are walked along side by side; what not all of them have whole is
 * cut off.
 */

#include "ngx_stentor_replay_files.h"
#include "replay/stn_replay_codecs.h"
#include "replay/stn_replay_index.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>


static ngx_int_t ngx_stentor_replay_get_plan(ngx_stentor_replay_files_t *f,
    int64_t *end_us);
static ngx_int_t ngx_stentor_replay_repair(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_has(ngx_stentor_replay_files_t *f,
    unsigned file);
static ngx_int_t ngx_stentor_replay_stat(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, unsigned file);
static ngx_int_t ngx_stentor_replay_listed(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, const char *media, uint64_t *end);
static ngx_int_t ngx_stentor_replay_open_file(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, stn_replay_walk_t *w);
static ngx_int_t ngx_stentor_replay_walk(ngx_stentor_replay_files_t *f,
    stn_replay_walk_t *w);
static ngx_int_t ngx_stentor_replay_step(ngx_stentor_replay_files_t *f,
    stn_replay_walk_t *w);
static ngx_int_t ngx_stentor_replay_may_cut(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, stn_replay_walk_t *w);
static ngx_int_t ngx_stentor_replay_damage(ngx_stentor_replay_files_t *f,
    ngx_err_t err, const char *what);
static ngx_int_t ngx_stentor_replay_set_aside(ngx_stentor_replay_files_t *f);


ngx_int_t
ngx_stentor_replay_resume(ngx_stentor_replay_files_t *f, int64_t *end_us)
{
    int        home;
    char       start[NGX_STENTOR_REPLAY_START];
    ngx_int_t  rc;

    *end_us = 0;

    home = ngx_stentor_replay_home(f, 0);

    if (home == -1) {

        if (f->what) {
            return NGX_ERROR;
        }

        return ngx_errno == NGX_ENOENT ? NGX_DECLINED
                    : ngx_stentor_replay_fail(f, "it cannot be looked for");
    }

    rc = ngx_stentor_replay_newest(home, start);

    if (rc == NGX_OK) {
        rc = ngx_stentor_replay_open(f, home, start, end_us);

    } else if (rc == NGX_ERROR) {
        f->what = "it cannot be looked for";
    }

    if (rc != NGX_OK) {
        (void) close(home);
    }

    return rc;
}


/* They are named so that the newest is the last. */

ngx_int_t
ngx_stentor_replay_newest(int home, char *start)
{
    int             fd;
    DIR            *dir;
    struct dirent  *de;

    *start = '\0';

    fd = openat(home, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    dir = (fd == -1) ? NULL : fdopendir(fd);

    if (dir == NULL) {

        if (fd != -1) {
            (void) close(fd);
        }

        return NGX_ERROR;
    }

    while ((de = readdir(dir))) {
        if (ngx_stentor_replay_is_start(de->d_name)
            && ngx_strcmp(de->d_name, start) > 0)
        {
            ngx_memcpy(start, de->d_name, NGX_STENTOR_REPLAY_START);
        }
    }

    (void) closedir(dir);

    return *start ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_stentor_replay_open(ngx_stentor_replay_files_t *f, int home,
    const char *start, int64_t *end_us)
{
    ngx_int_t  rc;
    ngx_err_t  err;

    f->dir = openat(home, start, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    ngx_memcpy(f->start, start, NGX_STENTOR_REPLAY_START);

    rc = (f->dir == -1) ? ngx_stentor_replay_fail(f, "it cannot be opened")
                        : ngx_stentor_replay_get_plan(f, end_us);

    if (rc == NGX_OK) {
        rc = ngx_stentor_replay_repair(f);
    }

    if (rc == NGX_OK) {
        f->home = home;
        f->tries = 0;
        return NGX_OK;
    }

    if (rc == NGX_ERROR && f->damaged
        && ++f->tries >= NGX_STENTOR_REPLAY_TRIES)
    {
        rc = ngx_stentor_replay_set_aside(f);
    }

    err = ngx_errno;
    ngx_stentor_replay_close(f);
    ngx_set_errno(err);

    return rc;
}


/* One without a plan has never been begun. */

static ngx_int_t
ngx_stentor_replay_get_plan(ngx_stentor_replay_files_t *f, int64_t *end_us)
{
    ssize_t  n;
    u_char   text[STN_REPLAY_PLAN_MAX];

    f->lock = openat(f->dir, ".plan", O_RDWR|O_CLOEXEC);

    if (f->lock == -1) {
        return ngx_errno == NGX_ENOENT ? NGX_DECLINED
                            : ngx_stentor_replay_fail(f, "it has no plan");
    }

    if (flock(f->lock, LOCK_EX|LOCK_NB) == -1) {
        return ngx_errno == EWOULDBLOCK ? NGX_AGAIN
                    : ngx_stentor_replay_fail(f, "its plan cannot be locked");
    }

    n = ngx_stentor_replay_get(f->dir, ".plan", text, sizeof(text));

    if (n == -1) {
        return ngx_stentor_replay_fail(f, "its plan cannot be read");
    }

    if (stn_replay_plan_get((char *) text, n, &f->plan) != STN_OK) {
        return NGX_DECLINED;
    }

    *end_us = f->plan.end_us;

    return *end_us ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_stentor_replay_repair(ngx_stentor_replay_files_t *f)
{
    uint64_t           end;
    ngx_int_t          rc;
    ngx_uint_t         i, n;
    stn_replay_walk_t  w[NGX_STENTOR_RENDITIONS];

    n = f->plan.conf.n;
    stn_replay_log_init(&f->segments, &f->plan.conf);

    for (f->file = 0; ; f->file++) {
        rc = ngx_stentor_replay_has(f, f->file);

        if (rc != NGX_OK) {
            break;
        }

        for (i = 0; i < n; i++) {
            if (ngx_stentor_replay_open_file(f, i, &w[i]) != NGX_OK) {
                rc = NGX_ERROR;
            }
        }

        if (rc == NGX_OK) {
            rc = ngx_stentor_replay_walk(f, w);
        }

        for (i = 0; i < n; i++) {
            stn_replay_walk_free(&w[i]);
        }

        if (rc != NGX_OK) {
            return f->what ? NGX_ERROR
                        : ngx_stentor_replay_fail(f, "it cannot be repaired");
        }
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (f->file) {
        f->file--;
    }

    for (i = 0; f->segments.nsegments == 0 && i < n; i++) {

        if (ngx_stentor_replay_listed(f, i, NULL, &end) != NGX_OK) {
            return NGX_ERROR;
        }

        if (end) {
            return ngx_stentor_replay_damage(f, NGX_ENOENT,
                                             "its media have vanished");
        }
    }

    return NGX_OK;
}


/*
 * Whether all renditions have a file of that number: NGX_OK or NGX_DECLINED.
 * They are begun one after the other, and nothing is written before all of
 * them are: whoever was killed in between has left heads only.  Any other file
 * that is not there was taken away, and what is left is not to be touched.
 */

static ngx_int_t
ngx_stentor_replay_has(ngx_stentor_replay_files_t *f, unsigned file)
{
    ngx_int_t   rc;
    ngx_uint_t  i, missing, used;

    missing = 0;
    used = 0;

    for (i = 0; i < f->plan.conf.n; i++) {
        rc = ngx_stentor_replay_stat(f, i, file);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        missing += (rc == NGX_DECLINED);
        used += (rc == NGX_OK);
    }

    if (missing == 0) {
        return NGX_OK;
    }

    for (i = 0; used == 0 && i < f->plan.conf.n; i++) {
        rc = ngx_stentor_replay_stat(f, i, file + 1);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        used = (rc != NGX_DECLINED);
    }

    return used ? ngx_stentor_replay_damage(f, NGX_ENOENT,
                                            "a media file is missing")
                : NGX_DECLINED;
}


/* A media file: NGX_OK; NGX_DONE: it has no more than its head; NGX_DECLINED:
 * it is not there, which only one error says. */

static ngx_int_t
ngx_stentor_replay_stat(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    unsigned file)
{
    char         name[STN_REPLAY_NAME_MAX];
    struct stat  media, init;

    stn_replay_media_name(name, f->plan.names[i], file);

    if (fstatat(f->dir, name, &media, 0) == -1) {
        return ngx_errno == NGX_ENOENT ? NGX_DECLINED
                    : ngx_stentor_replay_damage(f, ngx_errno,
                                           "a media file cannot be looked at");
    }

    stn_replay_init_name(name, f->plan.names[i], file);

    if (fstatat(f->dir, name, &init, 0) == -1) {
        return media.st_size ? NGX_OK : NGX_DONE;
    }

    return media.st_size > init.st_size + STN_REPLAY_ROOM ? NGX_OK : NGX_DONE;
}


/* How far a rendition's playlist lists that media file, or any if it is NULL;
 * nothing if there is no playlist yet. */

static ngx_int_t
ngx_stentor_replay_listed(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    const char *media, uint64_t *end)
{
    int          fd;
    char         name[STN_REPLAY_NAME_MAX];
    u_char      *text;
    ngx_int_t    rc;
    struct stat  st;

    *end = 0;

    (void) ngx_snprintf((u_char *) name, sizeof(name), "%s.m3u8%Z",
                        f->plan.names[i]);

    fd = openat(f->dir, name, O_RDONLY|O_CLOEXEC);

    if (fd == -1 && ngx_errno == NGX_ENOENT) {
        return NGX_OK;
    }

    rc = NGX_ERROR;
    stn_buf_reset(&f->text);

    if (fd != -1 && fstat(fd, &st) == 0) {
        text = stn_buf_reserve(&f->text, (size_t) st.st_size + 1);

        if (text == NULL) {
            ngx_set_errno(ENOMEM);

        } else if (ngx_stentor_replay_read(&fd, 0, text, (size_t) st.st_size)
                   == STN_OK)
        {
            *end = stn_replay_listed((char *) text, (size_t) st.st_size,
                                     media);
            rc = NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        (void) ngx_stentor_replay_damage(f, ngx_errno,
                                         "a playlist cannot be read");
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


static ngx_int_t
ngx_stentor_replay_open_file(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    stn_replay_walk_t *w)
{
    char                        name[STN_REPLAY_NAME_MAX];
    u_char                      init[NGX_STENTOR_INIT_MAX + 1];
    ssize_t                     n;
    struct stat                 st;
    ngx_stentor_replay_file_t  *file;

    file = &f->files[i];

    if (file->fd != -1) {
        (void) close(file->fd);
    }

    stn_replay_media_name(name, f->plan.names[i], f->file);
    file->fd = openat(f->dir, name, O_RDWR|O_CLOEXEC);

    stn_replay_init_name(name, f->plan.names[i], f->file);
    n = ngx_stentor_replay_get(f->dir, name, init, sizeof(init));

    stn_replay_walk_init(w, ngx_stentor_replay_read, &file->fd, 0, 0);
    stn_buf_reset(&f->text);

    if (file->fd == -1 || fstat(file->fd, &st) == -1) {
        return ngx_stentor_replay_fail(f, "a media file cannot be opened");
    }

    if (n == -1) {
        return ngx_stentor_replay_damage(f, ngx_errno,
                                         "an init segment cannot be read");
    }

    if (stn_replay_head(&f->text, init, n) != STN_OK) {
        return ngx_stentor_replay_damage(f, f->text.failed ? ENOMEM
                                                           : NGX_EINVAL,
                                         "an init segment is none");
    }

    /* whoever has died may have been about to complete it, or to begin */

    if (ngx_stentor_replay_write(file->fd, f->text.data, f->text.len, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    file->size = f->text.len;
    file->time = 0;
    file->id = 0;
    file->init = stn_replay_crc(0, init, n);
    (void) stn_replay_codecs(init, n, file->codecs);

    stn_replay_walk_init(w, ngx_stentor_replay_read, &file->fd, f->text.len,
                         ngx_max((uint64_t) st.st_size, f->text.len));

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_replay_walk(ngx_stentor_replay_files_t *f, stn_replay_walk_t *w)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    do {
        rc = ngx_stentor_replay_step(f, w);
    } while (rc == NGX_OK);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        if (ngx_stentor_replay_may_cut(f, i, &w[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        if (w[i].size != f->files[i].size
            && ftruncate(f->files[i].fd, (off_t) f->files[i].size) == -1)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The next part of all renditions; NGX_DONE when not all of them have it. */

static ngx_int_t
ngx_stentor_replay_step(ngx_stentor_replay_files_t *f, stn_replay_walk_t *w)
{
    int                  rc;
    uint64_t             offsets[NGX_STENTOR_RENDITIONS];
    ngx_uint_t           i;
    stn_replay_record_t  records[NGX_STENTOR_RENDITIONS];

    for (i = 0; i < f->plan.conf.n; i++) {
        rc = stn_replay_walk_next(&w[i]);

        if (rc == STN_ERROR) {
            return ngx_stentor_replay_damage(f, EIO,
                                             "a media file cannot be read");
        }

        if (rc != STN_OK) {
            return rc == STN_AGAIN ? NGX_DONE : NGX_ERROR;
        }

        records[i] = w[i].record;
        offsets[i] = w[i].start;

        if (records[i].msn != records[0].msn
            || records[i].part != records[0].part)
        {
            return NGX_DONE;
        }
    }

    rc = stn_replay_log_add(&f->segments, records, offsets, f->file);

    if (rc != STN_OK) {
        return rc == STN_LIMIT ? NGX_DONE : NGX_ERROR;
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        f->files[i].size = w[i].at;
        f->files[i].time += records[i].duration;
    }

    return NGX_OK;
}


/*
 * What is torn off is what was written last.  Behind a part that must have
 * reached the disk long ago, or that a playlist lists, is good audio: the file
 * is damaged there, not torn.  A file that was completed has its moov there.
 */

static ngx_int_t
ngx_stentor_replay_may_cut(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    stn_replay_walk_t *w)
{
    char      name[STN_REPLAY_NAME_MAX];
    u_char    head[8];
    uint64_t  end, size;

    size = f->files[i].size;

    stn_replay_media_name(name, f->plan.names[i], f->file);

    if (ngx_stentor_replay_listed(f, i, name, &end) != NGX_OK) {
        return NGX_ERROR;
    }

    if (size < w->from
        && (ngx_stentor_replay_read(&f->files[i].fd, size, head, sizeof(head))
            != STN_OK
            || ngx_memcmp(head + 4, "moov", 4) != 0))
    {
        end = w->from;
    }

    return end <= size ? NGX_OK
             : ngx_stentor_replay_damage(f, EIO,
                                         "a media file is damaged");
}


/* What is there is the matter, not that it cannot be had now: if it stays so,
 * the replay is not gone on with.  But a node may be short of something. */

static ngx_int_t
ngx_stentor_replay_damage(ngx_stentor_replay_files_t *f, ngx_err_t err,
    const char *what)
{
    f->damaged = (err != ENOMEM && err != NGX_EMFILE && err != NGX_ENFILE);
    ngx_set_errno(err);

    return ngx_stentor_replay_fail(f, what);
}


/* Without a plan by that name nobody ends it, goes on with it or removes it:
 * whatever there is of it stays, where it was. */

static ngx_int_t
ngx_stentor_replay_set_aside(ngx_stentor_replay_files_t *f)
{
    ngx_err_t  err;

    err = ngx_errno;

    if (renameat(f->dir, ".plan", f->dir, NGX_STENTOR_REPLAY_ASIDE) == -1) {
        return NGX_ERROR;
    }

    f->tries = 0;

    ngx_log_error(NGX_LOG_CRIT, f->log, err,
                  "replay of stream \"%V\" of %s is set aside: %s", &f->stream,
                  f->start, f->what);

    return NGX_DECLINED;
}
