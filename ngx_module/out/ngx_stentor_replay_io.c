/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Files of a replay: the bare acts (see ngx_stentor_replay_files.h).  Small
 * files are written beside and renamed, so that whoever reads them finds
 * either of two versions, whole.
 */

#include "ngx_stentor_replay_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>


/* Files are removed in so many turns. */
#define NGX_STENTOR_REPLAY_TURNS  3


static ngx_uint_t ngx_stentor_replay_turn(const char *name);


/* The directory above all of them is the operator's: one that is not there is
 * a disk that is not there, and must not be made up on another one. */

int
ngx_stentor_replay_home(ngx_stentor_replay_files_t *f, ngx_uint_t make)
{
    int      fd, next;
    size_t   len;
    char     level[NGX_STENTOR_NAME_MAX + 1];
    u_char  *p, *last, *slash;

    fd = open((char *) f->conf->dir.data, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    f->what = (fd == -1) ? "the directory of \"replay\" is not there" : NULL;

    p = f->stream.data;
    last = p + f->stream.len;

    while (fd != -1 && p < last) {
        slash = ngx_strlchr(p, last, '/');
        len = (slash ? slash : last) - p;

        ngx_cpystrn((u_char *) level, p, len + 1);
        p += len + 1;

        if (make && mkdirat(fd, level, 0755) == -1 && ngx_errno != NGX_EEXIST)
        {
            (void) close(fd);
            return -1;
        }

        next = openat(fd, level, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        (void) close(fd);
        fd = next;
    }

    return fd;
}


ngx_int_t
ngx_stentor_replay_write(int fd, const void *data, size_t len,
    uint64_t offset)
{
    ssize_t        n;
    const u_char  *p;

    for (p = data; len; p += n, len -= n, offset += n) {
        n = pwrite(fd, p, len, (off_t) offset);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


int
ngx_stentor_replay_read(void *data, uint64_t offset, uint8_t *buf, size_t len)
{
    int *fd = data;

    ssize_t  n;

    for ( /* void */ ; len; buf += n, len -= n, offset += n) {
        n = pread(*fd, buf, len, (off_t) offset);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            return STN_ERROR;
        }
    }

    return STN_OK;
}


ngx_int_t
ngx_stentor_replay_put(ngx_stentor_replay_files_t *f, const char *name,
    const void *data, size_t len, ngx_uint_t sync)
{
    int        fd;
    char       beside[STN_REPLAY_NAME_MAX + 8];
    ngx_err_t  err;

    (void) ngx_snprintf((u_char *) beside, sizeof(beside), ".%s.new%Z", name);

    fd = openat(f->dir, beside, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644);
    if (fd == -1) {
        return NGX_ERROR;
    }

    if (ngx_stentor_replay_write(fd, data, len, 0) == NGX_OK
        && (!sync || !f->conf->fsync || fdatasync(fd) == 0)
        && renameat(f->dir, beside, f->dir, name) == 0)
    {
        (void) close(fd);
        return NGX_OK;
    }

    err = ngx_errno;

    (void) close(fd);
    (void) unlinkat(f->dir, beside, 0);

    ngx_set_errno(err);

    return NGX_ERROR;
}


/* There are file systems that do not know of it, and write names at once. */

ngx_int_t
ngx_stentor_replay_sync_names(ngx_stentor_replay_files_t *f, int dir)
{
    return f->conf->fsync && fsync(dir) == -1 && ngx_errno != NGX_EINVAL
           ? NGX_ERROR : NGX_OK;
}


/* The bytes of a file that has at most size - 1; -1 on failure. */

ssize_t
ngx_stentor_replay_get(int dir, const char *name, u_char *buf, size_t size)
{
    int      fd;
    ssize_t  n;

    fd = openat(dir, name, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    n = read(fd, buf, size);

    if (n == (ssize_t) size) {
        ngx_set_errno(EFBIG);
        n = -1;
    }

    (void) close(fd);

    return n;
}


ngx_int_t
ngx_stentor_replay_fail(ngx_stentor_replay_files_t *f, const char *what)
{
    f->what = what;

    return NGX_ERROR;
}


/* All of its files; whoever reads one of them reads on.  First what leads to
 * the others, last what says that it is a replay that has ended: whatever
 * fails on the way, it can be tried again. */

ngx_int_t
ngx_stentor_replay_remove(int home, const char *start)
{
    int             fd;
    DIR            *dir;
    ngx_err_t       err;
    ngx_int_t       rc;
    ngx_uint_t      turn;
    struct dirent  *de;

    fd = openat(home, start, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    dir = (fd == -1) ? NULL : fdopendir(fd);

    if (dir == NULL) {

        if (fd != -1) {
            (void) close(fd);
        }

        return NGX_ERROR;
    }

    rc = NGX_OK;
    err = 0;

    for (turn = 0; turn < NGX_STENTOR_REPLAY_TURNS && rc == NGX_OK; turn++) {
        rewinddir(dir);

        while ((de = readdir(dir))) {
            if (ngx_stentor_replay_turn(de->d_name) == turn
                && unlinkat(fd, de->d_name, 0) == -1
                && ngx_errno != NGX_ENOENT)
            {
                err = ngx_errno;
                rc = NGX_ERROR;
            }
        }
    }

    (void) closedir(dir);

    if (rc != NGX_OK) {
        ngx_set_errno(err);
        return NGX_ERROR;
    }

    return unlinkat(home, start, AT_REMOVEDIR) == 0 ? NGX_OK : NGX_ERROR;
}


/* When a file is removed; what is none of these is no file. */

static ngx_uint_t
ngx_stentor_replay_turn(const char *name)
{
    size_t  len;

    len = ngx_strlen(name);

    if (ngx_strcmp(name, ".") == 0 || ngx_strcmp(name, "..") == 0) {
        return NGX_STENTOR_REPLAY_TURNS;
    }

    if (len > 5 && ngx_strcmp(name + len - 5, ".m3u8") == 0) {
        return 0;
    }

    return ngx_strcmp(name, ".plan") == 0 ? NGX_STENTOR_REPLAY_TURNS - 1 : 1;
}
