/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The sweeper of a node's replays (see ngx_stentor_replay.h): a thread of one
 * worker that ends, in a while, those that nobody has gone on with, and
 * removes the oldest that have ended when they are older or larger together
 * than the operator wants.  What is being written it does not touch: its plan
 * is locked.
 */

#include "ngx_stentor_replay_thread.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>


#define NGX_STENTOR_SWEEP_MS  10000

/* Replays of an application that are kept account of. */
#define NGX_STENTOR_SWEEP_MAX  100000

/* What stays wrong is told once in so many sweeps: an hour's. */
#define NGX_STENTOR_SWEEP_TELL  360

/* Those that are to end later are remembered: to find out again takes a walk
 * along all of their parts.  One whose end fails is tried again after so long,
 * ms. */
#define NGX_STENTOR_SWEEP_WAITS  256
#define NGX_STENTOR_SWEEP_AGAIN  60000

/* A directory that is empty for so many seconds is none that is being begun. */
#define NGX_STENTOR_SWEEP_EMPTY  60

/* Levels of directories that names may have. */
#define NGX_STENTOR_SWEEP_DEPTH  (NGX_STENTOR_NAME_MAX / 2)


/* A replay that has ended. */

typedef struct {
    char                    path[2 * NGX_STENTOR_NAME_MAX];   /* of its home,
                                                below the application's */
    char                    start[NGX_STENTOR_REPLAY_START];
    int64_t                 end_us;
    off_t                   size;
} ngx_stentor_sweep_t;


/* A replay that is not looked at for a while, by its plan as it is. */

typedef struct {
    dev_t                   dev;
    ino_t                   ino;
    struct timespec         written;
    int64_t                 until_ms;    /* of ngx_stentor_writer_now() */
} ngx_stentor_sweep_wait_t;


typedef struct {
    ngx_stentor_replays_t  *replays;
    ngx_stentor_app_t      *app;
    ngx_log_t               log;
    int                     root;        /* directory of the application */
    ngx_stentor_sweep_t    *ended;
    ngx_uint_t              n;
    ngx_uint_t              size;        /* of ended, allocated */
    off_t                   total;
    ngx_stentor_sweep_wait_t  waits[NGX_STENTOR_SWEEP_WAITS];   /* by inode */
    ngx_uint_t              trouble;     /* boolean: in this sweep; */
    ngx_uint_t              troubles;    /* sweeps in a row before, with some */
} ngx_stentor_sweeper_t;


static ngx_uint_t ngx_stentor_sweeper_sleep(ngx_stentor_replays_t *replays);
static int ngx_stentor_sweeper_lock(ngx_stentor_sweeper_t *sw);
static void ngx_stentor_sweeper_app(ngx_stentor_sweeper_t *sw);
static void ngx_stentor_sweeper_walk(ngx_stentor_sweeper_t *sw, int dir,
    const char *path, ngx_uint_t depth);
static void ngx_stentor_sweeper_look(ngx_stentor_sweeper_t *sw, int home,
    const char *path, const char *start);
static int64_t ngx_stentor_sweeper_now(ngx_stentor_sweeper_t *sw,
    ngx_str_t *name);
static ngx_uint_t ngx_stentor_sweeper_own(ngx_stentor_sweeper_t *sw,
    ngx_str_t *stream);
static ngx_uint_t ngx_stentor_sweeper_waits(ngx_stentor_sweeper_t *sw,
    int home, const char *start);
static void ngx_stentor_sweeper_wait(ngx_stentor_sweeper_t *sw, int plan,
    int64_t ms);
static void ngx_stentor_sweeper_clear(int home, const char *start);
static int64_t ngx_stentor_sweeper_end(ngx_stentor_sweeper_t *sw,
    ngx_stentor_replay_files_t *f);
static void ngx_stentor_sweeper_add(ngx_stentor_sweeper_t *sw, int home,
    const char *path, const char *start, int64_t end_us);
static off_t ngx_stentor_sweeper_size(int home, const char *start);
static void ngx_stentor_sweeper_remove(ngx_stentor_sweeper_t *sw);
static void ngx_stentor_sweeper_take(ngx_stentor_sweeper_t *sw,
    ngx_stentor_sweep_t *s, int home, const char *why);
static ngx_uint_t ngx_stentor_sweeper_tells(ngx_stentor_sweeper_t *sw);
static int ngx_stentor_sweeper_order(const void *one, const void *two);


void *
ngx_stentor_sweeper_run(void *data)
{
    ngx_stentor_replays_t *replays = data;

    int                     lock;
    ngx_uint_t              i;
    ngx_stentor_app_t      *app;
    ngx_stentor_sweeper_t   sw;

    ngx_memzero(&sw, sizeof(sw));
    sw.replays = replays;
    sw.log = *replays->log;
    app = replays->scf->apps.elts;

    do {
        sw.trouble = 0;

        for (i = 0; i < replays->scf->apps.nelts; i++) {

            if (app[i].replay.dir.len == 0) {
                continue;
            }

            sw.app = &app[i];
            lock = ngx_stentor_sweeper_lock(&sw);

            if (lock != -1) {
                ngx_stentor_sweeper_app(&sw);
                (void) close(lock);
            }
        }

        sw.troubles = sw.trouble ? sw.troubles + 1 : 0;

    } while (!ngx_stentor_sweeper_sleep(replays));

    ngx_free(sw.ended);

    return NULL;
}


static ngx_uint_t
ngx_stentor_sweeper_sleep(ngx_stentor_replays_t *replays)
{
    ngx_uint_t       quit;
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += NGX_STENTOR_SWEEP_MS / 1000;

    pthread_mutex_lock(&replays->mutex);

    if (!replays->quit) {
        pthread_cond_timedwait(&replays->cond, &replays->mutex, &ts);
    }

    quit = replays->quit;

    pthread_mutex_unlock(&replays->mutex);

    return quit;
}


/* Of two workers, one sweeps.  The application's directory is the lock. */

static int
ngx_stentor_sweeper_lock(ngx_stentor_sweeper_t *sw)
{
    ngx_stentor_replay_files_t  f;

    ngx_stentor_replay_init(&f, &sw->app->replay, &sw->app->name, &sw->log);
    sw->root = ngx_stentor_replay_home(&f, 0);

    if (sw->root != -1 && flock(sw->root, LOCK_EX|LOCK_NB) == -1) {
        (void) close(sw->root);
        sw->root = -1;
    }

    return sw->root;
}


static void
ngx_stentor_sweeper_app(ngx_stentor_sweeper_t *sw)
{
    int  dir;

    sw->n = 0;
    sw->total = 0;

    dir = dup(sw->root);

    if (dir != -1) {
        ngx_stentor_sweeper_walk(sw, dir, "", 0);
    }

    if (sw->n) {
        qsort(sw->ended, sw->n, sizeof(ngx_stentor_sweep_t),
              ngx_stentor_sweeper_order);
    }

    ngx_stentor_sweeper_remove(sw);
}


/* dir, which it closes, lies at path below the application's. */

static void
ngx_stentor_sweeper_walk(ngx_stentor_sweeper_t *sw, int dir, const char *path,
    ngx_uint_t depth)
{
    int             next;
    DIR            *d;
    char            below[2 * NGX_STENTOR_NAME_MAX];
    size_t          len;
    struct dirent  *de;

    d = fdopendir(dir);

    if (d == NULL) {
        (void) close(dir);
        return;
    }

    rewinddir(d);

    while ((de = readdir(d))) {

        if (ngx_stentor_replay_is_start(de->d_name)) {
            ngx_stentor_sweeper_look(sw, dir, path, de->d_name);
            continue;
        }

        len = ngx_strlen(path) + ngx_strlen(de->d_name) + 2;

        if (de->d_name[0] == '.' || len > sizeof(below)
            || depth == NGX_STENTOR_SWEEP_DEPTH)
        {
            continue;
        }

        (void) ngx_sprintf((u_char *) below, "%s%s/%Z", path, de->d_name);

        next = openat(dir, de->d_name,
                      O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);

        if (next != -1) {
            ngx_stentor_sweeper_walk(sw, next, below, depth + 1);
        }
    }

    (void) closedir(d);
}


static void
ngx_stentor_sweeper_look(ngx_stentor_sweeper_t *sw, int home,
    const char *path, const char *start)
{
    int                          fd;
    u_char                       name[3 * NGX_STENTOR_NAME_MAX];
    int64_t                      end_us;
    ngx_int_t                    rc;
    ngx_str_t                    stream;
    ngx_stentor_replay_files_t  *f;

    if (ngx_stentor_sweeper_waits(sw, home, start)) {
        return;
    }

    f = ngx_alloc(sizeof(ngx_stentor_replay_files_t), &sw->log);
    if (f == NULL) {
        return;
    }

    stream.data = name;
    stream.len = ngx_sprintf(name, "%V/%s%Z", &sw->app->name, path) - name - 1;

    if (stream.data[stream.len - 1] == '/') {
        stream.data[--stream.len] = '\0';
    }

    if (!ngx_stentor_sweeper_own(sw, &stream)) {
        ngx_free(f);
        return;
    }

    fd = dup(home);
    end_us = 0;

    ngx_stentor_replay_init(f, &sw->app->replay, &stream, &sw->log);

    /* nobody waits for it: damage is damage */

    f->tries = NGX_STENTOR_REPLAY_TRIES - 1;

    rc = (fd == -1) ? NGX_ERROR
                    : ngx_stentor_replay_open(f, fd, start, &end_us);

    if (rc == NGX_OK) {
        ngx_stentor_sweeper_wait(sw, f->lock, ngx_stentor_sweeper_end(sw, f));
        ngx_stentor_replay_close(f);

    } else if (fd != -1) {
        (void) close(fd);
    }

    if (rc == NGX_DECLINED && end_us == 0) {
        ngx_stentor_sweeper_clear(home, start);

    } else if (rc == NGX_DECLINED
               && (f->conf->keep || f->conf->max_size))
    {
        ngx_stentor_sweeper_add(sw, home, path, start, end_us);
    }

    ngx_free(f);
}


/* Unix time in ms by which a stream is dated, or was: one that is open goes
 * by its own clock, whatever has become of ours. */

static int64_t
ngx_stentor_sweeper_now(ngx_stentor_sweeper_t *sw, ngx_str_t *name)
{
    ngx_stentor_stream_t  *st;

    st = ngx_stentor_store_lookup(sw->replays->store, name);

    return (st && ngx_stentor_load(&st->state) == NGX_STENTOR_OPEN)
           ? ngx_stentor_store_stream_now(st) : ngx_stentor_store_wall();
}


/* Below an application's directory there may be another one's, as live/a is
 * below live: what becomes of that is not this one's to say. */

static ngx_uint_t
ngx_stentor_sweeper_own(ngx_stentor_sweeper_t *sw, ngx_str_t *stream)
{
    ngx_str_t  name;

    return ngx_stentor_app_split(sw->replays->scf, stream, &name) == sw->app;
}


static ngx_uint_t
ngx_stentor_sweeper_waits(ngx_stentor_sweeper_t *sw, int home,
    const char *start)
{
    char                       name[NGX_STENTOR_REPLAY_START + 8];
    struct stat                st;
    ngx_stentor_sweep_wait_t  *wait;

    (void) ngx_sprintf((u_char *) name, "%s/.plan%Z", start);

    if (fstatat(home, name, &st, 0) == -1) {
        return 0;
    }

    wait = &sw->waits[st.st_ino % NGX_STENTOR_SWEEP_WAITS];

    return wait->dev == st.st_dev && wait->ino == st.st_ino
           && wait->written.tv_sec == st.st_mtim.tv_sec
           && wait->written.tv_nsec == st.st_mtim.tv_nsec
           && ngx_stentor_writer_now() < wait->until_ms;
}


static void
ngx_stentor_sweeper_wait(ngx_stentor_sweeper_t *sw, int plan, int64_t ms)
{
    struct stat                st;
    ngx_stentor_sweep_wait_t  *wait;

    if (ms <= 0 || fstat(plan, &st) == -1) {
        return;
    }

    wait = &sw->waits[st.st_ino % NGX_STENTOR_SWEEP_WAITS];

    wait->dev = st.st_dev;
    wait->ino = st.st_ino;
    wait->written = st.st_mtim;
    wait->until_ms = ngx_stentor_writer_now() + ms;
}


/* Whoever was to begin it has died when it had a directory, and no more.  One
 * that has anything in it stays. */

static void
ngx_stentor_sweeper_clear(int home, const char *start)
{
    struct stat  st;

    if (fstatat(home, start, &st, AT_SYMLINK_NOFOLLOW) == 0
        && ngx_abs(time(NULL) - st.st_mtime) > NGX_STENTOR_SWEEP_EMPTY)
    {
        (void) unlinkat(home, start, AT_REMOVEDIR);
    }
}


/* One that has not ended, and that no writer has: he may come yet.  Returns for
 * how many ms it is not to be looked at again. */

static int64_t
ngx_stentor_sweeper_end(ngx_stentor_sweeper_t *sw,
    ngx_stentor_replay_files_t *f)
{
    char     last[NGX_STENTOR_REPLAY_START];
    int64_t  age, end;

    /* one of the future is of a clock that was set back: nobody goes on with
     * that, either */

    age = ngx_stentor_sweeper_now(sw, &f->stream)
          - f->segments.mark.end_us / 1000;
    end = (int64_t) sw->app->replay.end;

    if (f->plan.over_us == 0 && ngx_abs(age) <= end) {
        return end - age;
    }

    /* one that another has followed is not the latest by that it is ended */

    f->shown = (ngx_stentor_replay_newest(f->home, last) != NGX_OK
                || ngx_strcmp(last, f->start) != 0);

    if (ngx_stentor_replay_end(f) != NGX_OK) {

        if (ngx_stentor_sweeper_tells(sw)) {
            ngx_log_error(NGX_LOG_CRIT, &sw->log, ngx_errno,
                          "replay of stream \"%V\" of %s cannot be ended: %s",
                          &f->stream, f->start, f->what);
        }

        return NGX_STENTOR_SWEEP_AGAIN;
    }

    if (f->segments.nsegments) {
        ngx_stentor_replays_ended(sw->replays, sw->app, f);
    }

    return 0;
}


static void
ngx_stentor_sweeper_add(ngx_stentor_sweeper_t *sw, int home,
    const char *path, const char *start, int64_t end_us)
{
    ngx_stentor_sweep_t  *s;

    if (sw->n == NGX_STENTOR_SWEEP_MAX) {

        if (ngx_stentor_sweeper_tells(sw)) {
            ngx_log_error(NGX_LOG_WARN, &sw->log, 0,
                          "application \"%V\" has more replays than are kept "
                          "account of, %d", &sw->app->name,
                          NGX_STENTOR_SWEEP_MAX);
        }

        return;
    }

    if (sw->n == sw->size) {
        s = realloc(sw->ended, (2 * sw->size + 64) * sizeof(*s));
        if (s == NULL) {
            return;
        }

        sw->ended = s;
        sw->size = 2 * sw->size + 64;
    }

    s = &sw->ended[sw->n++];

    ngx_cpystrn((u_char *) s->path, (u_char *) path, sizeof(s->path));
    ngx_memcpy(s->start, start, sizeof(s->start));
    s->end_us = end_us;
    s->size = sw->app->replay.max_size ? ngx_stentor_sweeper_size(home, start)
                                       : 0;

    sw->total += s->size;
}


/* What it takes on disk. */

static off_t
ngx_stentor_sweeper_size(int home, const char *start)
{
    int             fd;
    DIR            *d;
    off_t           size;
    struct stat     st;
    struct dirent  *de;

    fd = openat(home, start, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    d = (fd == -1) ? NULL : fdopendir(fd);

    if (d == NULL) {

        if (fd != -1) {
            (void) close(fd);
        }

        return 0;
    }

    for (size = 0; (de = readdir(d)); ) {
        if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
        {
            size += st.st_size;
        }
    }

    (void) closedir(d);

    return size;
}


static int
ngx_stentor_sweeper_order(const void *one, const void *two)
{
    const ngx_stentor_sweep_t  *a = one, *b = two;

    return (a->end_us > b->end_us) - (a->end_us < b->end_us);
}


/* The oldest first, as long as there is a reason. */

static void
ngx_stentor_sweeper_remove(ngx_stentor_sweeper_t *sw)
{
    int                         home;
    int64_t                     now;
    ngx_uint_t                  i, old, much;
    ngx_stentor_sweep_t        *s;
    ngx_stentor_replay_conf_t  *conf;

    now = ngx_stentor_store_wall();
    conf = &sw->app->replay;

    for (i = 0; i < sw->n; i++) {
        s = &sw->ended[i];

        old = conf->keep && now - s->end_us / 1000
                            > (int64_t) conf->keep * 1000;
        much = conf->max_size && sw->total > conf->max_size;

        if (!old && !much) {
            return;
        }

        home = openat(sw->root, *s->path ? s->path : ".",
                      O_RDONLY|O_DIRECTORY|O_CLOEXEC);

        if (home == -1) {
            continue;
        }

        ngx_stentor_sweeper_take(sw, s, home, old ? "too old" : "too much");

        (void) close(home);
    }
}


/* Of one that cannot be removed there may be less. */

static void
ngx_stentor_sweeper_take(ngx_stentor_sweeper_t *sw, ngx_stentor_sweep_t *s,
    int home, const char *why)
{
    ngx_err_t  err;

    if (ngx_stentor_replay_remove(home, s->start) == NGX_OK) {
        sw->total -= s->size;
        ngx_stentor_store_count(sw->replays->store, sw->replays->slot,
                                NGX_STENTOR_REPLAY_REMOVED, 1);
        ngx_log_error(NGX_LOG_NOTICE, &sw->log, 0,
                      "replay \"%V/%s%s\" is removed: %s", &sw->app->name,
                      s->path, s->start, why);
        return;
    }

    err = ngx_errno;

    if (s->size) {
        sw->total -= s->size - ngx_stentor_sweeper_size(home, s->start);
    }

    if (ngx_stentor_sweeper_tells(sw)) {
        ngx_log_error(NGX_LOG_CRIT, &sw->log, err,
                      "replay \"%V/%s%s\" cannot be removed: %s",
                      &sw->app->name, s->path, s->start, why);
    }
}


/* Something is wrong, and most likely stays so. */

static ngx_uint_t
ngx_stentor_sweeper_tells(ngx_stentor_sweeper_t *sw)
{
    sw->trouble = 1;

    return sw->troubles % NGX_STENTOR_SWEEP_TELL == 0;
}
