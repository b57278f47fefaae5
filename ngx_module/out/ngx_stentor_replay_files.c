/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A replay as it grows (see ngx_stentor_replay_files.h).  What is written goes
 * behind what is whole, and counts when all renditions have it: whatever
 * fails on the way, nothing that was there before is touched.
 */

#include "ngx_stentor_replay_files.h"
#include "replay/stn_replay_index.h"
#include "pack/stn_playlist.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>



static ngx_int_t ngx_stentor_replay_directory(ngx_stentor_replay_files_t *f,
    int64_t start_us);
static ngx_int_t ngx_stentor_replay_claim(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_plan(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_create(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, ngx_stentor_init_t *init);
static ngx_int_t ngx_stentor_replay_piece(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, ngx_stentor_replay_part_t *part);
static ngx_uint_t ngx_stentor_replay_there(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_sync(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_variants(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_latest(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_cut(ngx_stentor_replay_files_t *f);
static ngx_int_t ngx_stentor_replay_complete(ngx_stentor_replay_files_t *f,
    ngx_uint_t i, unsigned file);
static ngx_int_t ngx_stentor_replay_index(ngx_stentor_replay_files_t *f,
    int fd, uint64_t size, stn_buf_t *init, stn_buf_t *moov);


void
ngx_stentor_replay_init(ngx_stentor_replay_files_t *f,
    ngx_stentor_replay_conf_t *conf, ngx_str_t *stream, ngx_log_t *log)
{
    ngx_uint_t  i;

    ngx_memzero(f, sizeof(ngx_stentor_replay_files_t));

    f->conf = conf;
    f->stream = *stream;
    f->log = log;
    f->home = -1;
    f->dir = -1;
    f->lock = -1;

    for (i = 0; i < NGX_STENTOR_RENDITIONS; i++) {
        f->files[i].fd = -1;
    }

    stn_buf_init(&f->text, STN_REPLAY_TEXT_MAX);
}


ngx_int_t
ngx_stentor_replay_begin(ngx_stentor_replay_files_t *f,
    stn_replay_plan_t *plan, int64_t start_us)
{
    ngx_err_t  err;

    f->plan = *plan;
    f->plan.end_us = 0;
    stn_replay_log_init(&f->segments, &plan->conf);

    f->home = ngx_stentor_replay_home(f, 1);

    if (f->home == -1) {
        return f->what ? NGX_ERROR
                  : ngx_stentor_replay_fail(f, "its directory cannot be made");
    }

    if (ngx_stentor_replay_directory(f, start_us) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_stentor_replay_claim(f) == NGX_OK) {
        return NGX_OK;
    }

    /* it is tried again, and is not to leave a directory each time */

    err = ngx_errno;
    (void) ngx_stentor_replay_remove(f->home, f->start);
    ngx_set_errno(err);

    return NGX_ERROR;
}


/* Whoever looks for the newest one goes by names.  So one that begins when the
 * clock was set back, or in the second of the one before, is called as if it
 * had begun right behind that. */

static ngx_int_t
ngx_stentor_replay_directory(ngx_stentor_replay_files_t *f, int64_t start_us)
{
    char       last[NGX_STENTOR_REPLAY_START];
    time_t     sec;
    struct tm  tm;

    sec = (time_t) (start_us / 1000000);
    ngx_memzero(&tm, sizeof(tm));

    if (ngx_stentor_replay_newest(f->home, last) == NGX_OK
        && strptime(last, NGX_STENTOR_REPLAY_NAME, &tm))
    {
        sec = ngx_max(sec, timegm(&tm) + 1);
    }

    gmtime_r(&sec, &tm);

    if (strftime(f->start, sizeof(f->start), NGX_STENTOR_REPLAY_NAME, &tm) == 0
        || mkdirat(f->home, f->start, 0755) == -1)
    {
        return ngx_stentor_replay_fail(f, "its directory cannot be made");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_replay_claim(ngx_stentor_replay_files_t *f)
{
    f->dir = openat(f->home, f->start, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (f->dir == -1) {
        return ngx_stentor_replay_fail(f, "its directory cannot be opened");
    }

    f->lock = openat(f->dir, ".plan", O_RDWR|O_CREAT|O_CLOEXEC, 0644);

    /* the sweeper may be looking at it, for a moment */

    if (f->lock == -1 || flock(f->lock, LOCK_EX) == -1) {
        return ngx_stentor_replay_fail(f, "its plan cannot be locked");
    }

    if (ngx_stentor_replay_plan(f) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_stentor_replay_sync_names(f, f->home) == NGX_OK ? NGX_OK
             : ngx_stentor_replay_fail(f, "its directory cannot be synced");
}


/* Written in place, for the lock is on this file; it is whole when its last
 * line is. */

static ngx_int_t
ngx_stentor_replay_plan(ngx_stentor_replay_files_t *f)
{
    stn_buf_reset(&f->text);

    if (stn_replay_plan_put(&f->text, &f->plan) != STN_OK
        || ngx_stentor_replay_write(f->lock, f->text.data, f->text.len, 0)
           != NGX_OK
        || (f->conf->fsync && fsync(f->lock) == -1))
    {
        return ngx_stentor_replay_fail(f, "its plan cannot be written");
    }

    return NGX_OK;
}


ngx_int_t
ngx_stentor_replay_format(ngx_stentor_replay_files_t *f,
    ngx_stentor_init_t *inits)
{
    ngx_uint_t                 i, same;
    ngx_stentor_replay_file_t  *file;

    same = 1;

    for (i = 0; i < f->plan.conf.n; i++) {
        same = same && f->files[i].fd != -1
               && f->files[i].init == stn_replay_crc(0, inits[i].data,
                                                     inits[i].len);
    }

    if (!same && f->files[0].fd != -1) {
        f->file++;
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        file = &f->files[i];

        if (!same && ngx_stentor_replay_create(f, i, &inits[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        file->id = inits[i].id;
        ngx_memcpy(file->codecs, inits[i].codecs, sizeof(file->codecs));
    }

    if (!same && ngx_stentor_replay_sync_names(f, f->dir) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "its directory cannot be synced");
    }

    return NGX_OK;
}


/* Begins a media file; of one that was left over nothing stays. */

static ngx_int_t
ngx_stentor_replay_create(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    ngx_stentor_init_t *init)
{
    char                        name[STN_REPLAY_NAME_MAX];
    ngx_stentor_replay_file_t  *file;

    file = &f->files[i];

    if (file->fd != -1) {
        (void) close(file->fd);
        file->fd = -1;
    }

    stn_replay_init_name(name, f->plan.names[i], f->file);

    /* playlists name it, and without it nobody can go on */

    if (ngx_stentor_replay_put(f, name, init->data, init->len, 1) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "an init segment cannot be written");
    }

    stn_buf_reset(&f->text);

    if (stn_replay_head(&f->text, init->data, init->len) != STN_OK) {
        ngx_set_errno(EINVAL);
        return ngx_stentor_replay_fail(f, "the init segment is none");
    }

    stn_replay_media_name(name, f->plan.names[i], f->file);
    file->fd = openat(f->dir, name, O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC, 0644);

    if (file->fd == -1
        || ngx_stentor_replay_write(file->fd, f->text.data, f->text.len, 0)
           != NGX_OK)
    {
        return ngx_stentor_replay_fail(f, "a media file cannot be made");
    }

    file->size = f->text.len;
    file->time = 0;
    file->init = stn_replay_crc(0, init->data, init->len);

    return NGX_OK;
}


ngx_int_t
ngx_stentor_replay_append(ngx_stentor_replay_files_t *f,
    ngx_stentor_replay_part_t *part)
{
    int                    rc;
    uint64_t               offsets[NGX_STENTOR_RENDITIONS];
    ngx_uint_t             i;
    stn_replay_record_t   *r;

    for (i = 0; i < f->plan.conf.n; i++) {
        rc = ngx_stentor_replay_piece(f, i, part);

        if (rc != NGX_OK) {
            return rc;
        }

        offsets[i] = f->files[i].size;
    }

    rc = stn_replay_log_add(&f->segments, part->records, offsets, f->file);

    if (rc == STN_LIMIT) {
        return NGX_DONE;
    }

    if (rc != STN_OK) {
        ngx_set_errno(ENOMEM);
        return ngx_stentor_replay_fail(f, "out of memory");
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        r = &part->records[i];
        f->files[i].size += STN_REPLAY_RECORD_LEN + r->len;
        f->files[i].time += r->duration;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stentor_replay_piece(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    ngx_stentor_replay_part_t *part)
{
    u_char                     *data;
    stn_replay_part_t           moof;
    stn_replay_record_t        *r;
    ngx_stentor_replay_file_t  *file;

    r = &part->records[i];
    data = part->data[i];
    file = &f->files[i];

    if (stn_replay_part_read(data, r->len, &moof) != STN_OK
        || (uint64_t) moof.moof + moof.mdat != r->len)
    {
        f->what = "a part is none";
        return NGX_DECLINED;
    }

    stn_replay_part_settle(data, &moof, file->time);
    r->crc = stn_replay_crc(0, data, r->len);

    stn_buf_reset(&f->text);
    stn_replay_record_put(&f->text, r);
    stn_buf_put(&f->text, data, r->len);

    if (f->text.failed) {
        ngx_set_errno(ENOMEM);
        return ngx_stentor_replay_fail(f, "out of memory");
    }

    if (ngx_stentor_replay_write(file->fd, f->text.data, f->text.len,
                                 file->size)
        != NGX_OK)
    {
        return ngx_stentor_replay_fail(f, "a part cannot be written");
    }

    return NGX_OK;
}


ngx_uint_t
ngx_stentor_replay_news(ngx_stentor_replay_files_t *f)
{
    return stn_replay_log_listed(&f->segments) != f->listed;
}


ngx_int_t
ngx_stentor_replay_tell(ngx_stentor_replay_files_t *f)
{
    char         name[STN_REPLAY_NAME_MAX];
    ngx_uint_t   i;
    const char  *rend;

    if (!ngx_stentor_replay_there(f)) {
        ngx_set_errno(NGX_ENOENT);
        return ngx_stentor_replay_fail(f, "its files have vanished");
    }

    if (ngx_stentor_replay_sync(f) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "its media cannot be synced");
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        rend = f->plan.names[i];
        stn_buf_reset(&f->text);
        (void) ngx_snprintf((u_char *) name, sizeof(name), "%s.m3u8%Z", rend);

        if (stn_replay_playlist(&f->segments, i, f->start, rend, &f->text)
            != STN_OK
            || ngx_stentor_replay_put(f, name, f->text.data, f->text.len,
                                      f->segments.ended)
               != NGX_OK)
        {
            return ngx_stentor_replay_fail(f, "a playlist cannot be written");
        }
    }

    stn_buf_reset(&f->text);

    if (stn_replay_chapters(&f->segments, (char *) f->stream.data, &f->text)
        != STN_OK
        || ngx_stentor_replay_put(f, "chapters.json", f->text.data,
                                  f->text.len, f->segments.ended)
           != NGX_OK)
    {
        return ngx_stentor_replay_fail(f, "the chapters cannot be written");
    }

    f->listed = stn_replay_log_listed(&f->segments);

    if (ngx_stentor_replay_variants(f) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "a playlist cannot be written");
    }

    return ngx_stentor_replay_latest(f);
}


/* A file that somebody has removed takes what is written, and keeps none of
 * it. */

static ngx_uint_t
ngx_stentor_replay_there(ngx_stentor_replay_files_t *f)
{
    ngx_uint_t   i;
    struct stat  st;

    if (fstat(f->lock, &st) == -1 || st.st_nlink == 0) {
        return 0;
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        if (f->files[i].fd != -1
            && (fstat(f->files[i].fd, &st) == -1 || st.st_nlink == 0))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_stentor_replay_sync(ngx_stentor_replay_files_t *f)
{
    ngx_uint_t  i;

    for (i = 0; f->conf->fsync && i < f->plan.conf.n; i++) {
        if (f->files[i].fd != -1 && fdatasync(f->files[i].fd) == -1) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Only when a bandwidth has grown, and at the end. */

static ngx_int_t
ngx_stentor_replay_variants(ngx_stentor_replay_files_t *f)
{
    ngx_uint_t                  i, news;
    ngx_stentor_replay_file_t  *file;
    stn_playlist_index_t        index;
    stn_playlist_variant_t      variants[NGX_STENTOR_RENDITIONS];
    char                        names[NGX_STENTOR_RENDITIONS]
                                     [STN_REPLAY_NAME_MAX];

    news = f->segments.ended;

    for (i = 0; i < f->plan.conf.n; i++) {
        file = &f->files[i];

        (void) ngx_snprintf((u_char *) names[i], STN_REPLAY_NAME_MAX,
                            "../%s/%s%Z", f->start, f->plan.names[i]);

        variants[i].rendition = names[i];
        variants[i].codecs = file->codecs;
        stn_replay_bandwidth(&f->segments, i, &variants[i].bandwidth,
                             &variants[i].average);

        if (variants[i].bandwidth > file->bandwidth) {
            file->bandwidth = variants[i].bandwidth;
            news = 1;
        }
    }

    if (!news) {
        return NGX_OK;
    }

    ngx_memzero(&index, sizeof(index));
    index.variants = variants;
    index.nvariants = f->plan.conf.n;
    index.suffix = "";

    stn_buf_reset(&f->text);

    if (stn_playlist_multivariant(&index, &f->text) != STN_OK) {
        ngx_set_errno(ENOMEM);
        return NGX_ERROR;
    }

    return ngx_stentor_replay_put(f, "index.m3u8", f->text.data, f->text.len,
                                  f->segments.ended);
}


/* Once there is something to be had. */

static ngx_int_t
ngx_stentor_replay_latest(ngx_stentor_replay_files_t *f)
{
    if (f->shown || f->listed == 0) {
        return NGX_OK;
    }

    (void) unlinkat(f->home, ".latest.new", 0);

    if (symlinkat(f->start, f->home, ".latest.new") == -1
        || renameat(f->home, ".latest.new", f->home, "latest") == -1)
    {
        return ngx_stentor_replay_fail(f, "\"latest\" cannot be set");
    }

    f->shown = 1;

    return NGX_OK;
}


ngx_int_t
ngx_stentor_replay_end(ngx_stentor_replay_files_t *f)
{
    unsigned    file;
    ngx_uint_t  i;

    stn_replay_log_end(&f->segments);

    /* of one that was torn off in its first part nothing is left */

    if (f->segments.nsegments == 0) {
        return ngx_stentor_replay_remove(f->home, f->start) == NGX_OK ? NGX_OK
                        : ngx_stentor_replay_fail(f, "it cannot be removed");
    }

    /* first what listeners wait for, then what they do not */

    if (ngx_stentor_replay_cut(f) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "a media file cannot be cut");
    }

    /* what listeners have been told is not taken back, whatever comes of it */

    f->plan.over_us = ngx_max(f->segments.end_us, 1);

    if (ngx_stentor_replay_plan(f) != NGX_OK
        || ngx_stentor_replay_tell(f) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        for (file = 0; file <= f->file; file++) {
            if (ngx_stentor_replay_complete(f, i, file) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    /* whoever reads that it has ended does not look at it again */

    if (ngx_stentor_replay_sync_names(f, f->dir) != NGX_OK) {
        return ngx_stentor_replay_fail(f, "its directory cannot be synced");
    }

    f->plan.end_us = f->plan.over_us;

    return ngx_stentor_replay_plan(f);
}


/* Takes from the files what is behind the last part that counts, and the files
 * that have nothing else. */

static ngx_int_t
ngx_stentor_replay_cut(ngx_stentor_replay_files_t *f)
{
    char                        name[STN_REPLAY_NAME_MAX];
    unsigned                    last;
    ngx_uint_t                  i;
    stn_replay_log_t           *segments;
    ngx_stentor_replay_file_t  *file;

    segments = &f->segments;
    last = segments->segments[segments->nsegments - 1].file;

    for ( /* void */ ; f->file > last; f->file--) {

        for (i = 0; i < f->plan.conf.n; i++) {
            stn_replay_media_name(name, f->plan.names[i], f->file);
            (void) unlinkat(f->dir, name, 0);
            stn_replay_init_name(name, f->plan.names[i], f->file);
            (void) unlinkat(f->dir, name, 0);

            (void) close(f->files[i].fd);
            f->files[i].fd = -1;
        }
    }

    for (i = 0; i < f->plan.conf.n; i++) {
        file = &f->files[i];

        if (file->fd == -1) {
            stn_replay_media_name(name, f->plan.names[i], last);
            file->fd = openat(f->dir, name, O_RDWR|O_CLOEXEC);
        }

        file->size = stn_replay_log_size(segments, i, last);

        if (file->fd == -1 || ftruncate(file->fd, (off_t) file->size) == -1) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Makes an ordinary file of a media file, whose parts end where the log says.
 * The head of its mdat comes last: until then it is what it was. */

static ngx_int_t
ngx_stentor_replay_complete(ngx_stentor_replay_files_t *f, ngx_uint_t i,
    unsigned file)
{
    int        fd;
    char       name[STN_REPLAY_NAME_MAX];
    u_char     data[NGX_STENTOR_INIT_MAX + 1];
    ssize_t    n;
    ngx_int_t  rc;
    stn_buf_t  init, moov;

    stn_replay_init_name(name, f->plan.names[i], file);
    n = ngx_stentor_replay_get(f->dir, name, data, sizeof(data));

    stn_replay_media_name(name, f->plan.names[i], file);
    fd = openat(f->dir, name, O_RDWR|O_CLOEXEC);

    stn_buf_init(&init, NGX_STENTOR_INIT_MAX);
    stn_buf_init(&moov, STN_REPLAY_INDEX_MAX);

    rc = (fd != -1 && n > 0 && stn_buf_put(&init, data, n) == STN_OK)
         ? ngx_stentor_replay_index(f, fd,
                                    stn_replay_log_size(&f->segments, i, file),
                                    &init, &moov)
         : NGX_ERROR;

    stn_buf_free(&init);
    stn_buf_free(&moov);

    if (fd != -1) {
        (void) close(fd);
    }

    return rc == NGX_OK ? NGX_OK
           : ngx_stentor_replay_fail(f, "a media file cannot be completed");
}


static ngx_int_t
ngx_stentor_replay_index(ngx_stentor_replay_files_t *f, int fd,
    uint64_t size, stn_buf_t *init, stn_buf_t *moov)
{
    int                rc;
    u_char             head[STN_REPLAY_ROOM];
    ngx_err_t          err;
    struct stat        st;
    stn_replay_walk_t  w;

    if (fstat(fd, &st) == -1) {
        return NGX_ERROR;
    }

    size = size ? size : init->len + STN_REPLAY_ROOM;

    stn_replay_walk_init(&w, ngx_stentor_replay_read, &fd,
                         init->len + STN_REPLAY_ROOM, (uint64_t) st.st_size);

    rc = stn_replay_index(&w, init->data, init->len, moov);

    /* playlists list what is behind a part that is bad by now */

    if (rc == STN_OK && w.at != size) {
        rc = STN_ERROR;
    }

    stn_replay_walk_free(&w);

    if (rc != STN_OK) {
        ngx_set_errno(rc == STN_NOMEM ? ENOMEM : EIO);
        return NGX_ERROR;
    }

    if (ngx_stentor_replay_write(fd, moov->data, moov->len, size) != NGX_OK
        || ftruncate(fd, (off_t) (size + moov->len)) == -1
        || (f->conf->fsync && fdatasync(fd) == -1))
    {
        /* half of it would be one too many for players */

        err = ngx_errno;
        (void) ftruncate(fd, (off_t) size);
        ngx_set_errno(err);

        return NGX_ERROR;
    }

    stn_replay_room(head, init->data, size);

    if (ngx_stentor_replay_write(fd, head, sizeof(head),
                                 stn_replay_room_at(init->data))
        != NGX_OK
        || (f->conf->fsync && fdatasync(fd) == -1))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_stentor_replay_close(ngx_stentor_replay_files_t *f)
{
    ngx_str_t    stream;
    ngx_uint_t   i, tries;
    const char  *what;

    for (i = 0; i < NGX_STENTOR_RENDITIONS; i++) {
        if (f->files[i].fd != -1) {
            (void) close(f->files[i].fd);
        }
    }

    if (f->lock != -1) {
        (void) close(f->lock);
    }

    if (f->dir != -1) {
        (void) close(f->dir);
    }

    if (f->home != -1) {
        (void) close(f->home);
    }

    stn_replay_log_free(&f->segments);
    stn_buf_free(&f->text);

    what = f->what;
    tries = f->tries;
    stream = f->stream;

    ngx_stentor_replay_init(f, f->conf, &stream, f->log);

    f->what = what;
    f->tries = tries;
}


ngx_uint_t
ngx_stentor_replay_is_start(const char *name)
{
    ngx_uint_t  i;

    static const char  form[] = "dddddddd" "T" "dddddd" "Z";

    for (i = 0; i < NGX_STENTOR_REPLAY_START - 1; i++) {
        if (form[i] == 'd' ? (name[i] < '0' || name[i] > '9')
                           : name[i] != form[i])
        {
            return 0;
        }
    }

    return name[i] == '\0';
}


uint64_t
ngx_stentor_replay_bytes(ngx_stentor_replay_files_t *f)
{
    size_t                       i, k;
    uint64_t                     bytes;
    const stn_replay_segment_t  *seg;

    for (bytes = 0, k = 0; k < f->segments.nsegments; k++) {
        seg = &f->segments.segments[k];

        for (i = 0; i < f->plan.conf.n; i++) {
            bytes += seg->pieces[i].len;
        }
    }

    return bytes;
}
