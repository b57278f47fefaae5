/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The files of one replay.  A thread of its own has them; any call may wait
 * for the disk, and may fail.  Then the files are closed, and resumed as after
 * a crash.  In DIR/APPLICATION/NAME/20260101T200000Z/:
 *
 *     index.m3u8, REND.m3u8          REND.m3u8 names byte ranges of REND.m4a
 *     REND.m4a, REND~init.mp4        after a change of format REND~2.m4a, ...
 *     chapters.json, .plan           the plan is locked by its owner
 */

#ifndef _NGX_STENTOR_REPLAY_FILES_H_INCLUDED_
#define _NGX_STENTOR_REPLAY_FILES_H_INCLUDED_


#include "store/ngx_stentor_store.h"
#include "replay/stn_replay_plan.h"
#include "replay/stn_replay_text.h"
#include "replay/stn_replay_walk.h"


/* "20260101T200000Z", and a zero; and as strftime() knows it. */
#define NGX_STENTOR_REPLAY_START  17
#define NGX_STENTOR_REPLAY_NAME   "%Y%m%dT%H%M%SZ"

/* A replay that is found damaged so many times is set aside: its plan is
 * renamed to that. */
#define NGX_STENTOR_REPLAY_TRIES  5
#define NGX_STENTOR_REPLAY_ASIDE  ".plan.aside"


/* A rendition's media file. */

typedef struct {
    int                         fd;          /* -1: none */
    uint64_t                    size;        /* of what is whole */
    uint64_t                    time;        /* samples so far */
    uint32_t                    init;        /* crc of its init segment */
    uint32_t                    id;          /* the store's name of it; 0: not
                                                known yet */
    char                        codecs[NGX_STENTOR_CODECS_MAX];
    uint32_t                    bandwidth;   /* as it was last told */
} ngx_stentor_replay_file_t;


typedef struct {
    ngx_stentor_replay_conf_t  *conf;
    ngx_str_t                   stream;      /* application/name */
    ngx_log_t                  *log;
    int                         home;        /* directory of the stream */
    int                         dir;         /* of the replay; -1: none */
    int                         lock;        /* its plan */
    char                        start[NGX_STENTOR_REPLAY_START];
    stn_replay_plan_t           plan;
    unsigned                    file;        /* number of those open */
    ngx_stentor_replay_file_t   files[NGX_STENTOR_RENDITIONS];
    ngx_uint_t                  listed;      /* segments, when last told */
    ngx_uint_t                  shown;       /* boolean: latest is this */
    stn_replay_log_t            segments;
    stn_buf_t                   text;
    const char                 *what;        /* that failed, in words */
    ngx_uint_t                  damaged;     /* boolean: that is what is on
                                                disk, which may stay so */
    ngx_uint_t                  tries;       /* that found it damaged */
} ngx_stentor_replay_files_t;


/* A part in all renditions, ready to be written. */

typedef struct {
    stn_replay_record_t         records[NGX_STENTOR_RENDITIONS];
    uint32_t                    inits[NGX_STENTOR_RENDITIONS];
    u_char                     *data[NGX_STENTOR_RENDITIONS];
} ngx_stentor_replay_part_t;


/* Nothing is open yet; stream is not copied. */
void ngx_stentor_replay_init(ngx_stentor_replay_files_t *f,
    ngx_stentor_replay_conf_t *conf, ngx_str_t *stream, ngx_log_t *log);

/*
 * Opens the stream's newest replay if it has not ended, and repairs it; one
 * whose plan.over_us says that it is over can only be ended, once more.
 * Returns NGX_OK; NGX_DECLINED: there is none, and *end_us is where the last
 * one ended (Unix time; 0: there was none, or it was damaged and is set aside);
 * NGX_AGAIN while somebody else has it; NGX_ERROR with errno and f->what.
 */
ngx_int_t ngx_stentor_replay_resume(ngx_stentor_replay_files_t *f,
    int64_t *end_us);

/* The same for the replay of that start, whose stream's directory is home.  It
 * takes home over, if it returns NGX_OK. */
ngx_int_t ngx_stentor_replay_open(ngx_stentor_replay_files_t *f, int home,
    const char *start, int64_t *end_us);

/* Begins a replay by that plan.  Returns NGX_OK, or NGX_ERROR with errno and
 * f->what. */
ngx_int_t ngx_stentor_replay_begin(ngx_stentor_replay_files_t *f,
    stn_replay_plan_t *plan, int64_t start_us);

/* All renditions go on with these init segments: in the files that there are
 * if they are theirs, else in new ones.  Likewise. */
ngx_int_t ngx_stentor_replay_format(ngx_stentor_replay_files_t *f,
    ngx_stentor_init_t *inits);

/* Writes a part, whose records want their len only; its data is changed.
 * Likewise; NGX_DECLINED when it is none; NGX_DONE when the replay is as long
 * as may be, and the part has to begin another one. */
ngx_int_t ngx_stentor_replay_append(ngx_stentor_replay_files_t *f,
    ngx_stentor_replay_part_t *part);

/* Whether a segment is there that no playlist has. */
ngx_uint_t ngx_stentor_replay_news(ngx_stentor_replay_files_t *f);

/* Writes the playlists and chapters, with what is behind them synced before if
 * that is configured.  Returns NGX_OK, or NGX_ERROR with errno and f->what. */
ngx_int_t ngx_stentor_replay_tell(ngx_stentor_replay_files_t *f);

/* Ends the replay: cuts off what does not count, tells, completes the media
 * files.  Likewise; the files stay open. */
ngx_int_t ngx_stentor_replay_end(ngx_stentor_replay_files_t *f);

/* Lets go of it, whatever state it is in. */
void ngx_stentor_replay_close(ngx_stentor_replay_files_t *f);

/* The start of the newest replay in a stream's directory, home.  Returns
 * NGX_OK; NGX_DECLINED: there is none; NGX_ERROR. */
ngx_int_t ngx_stentor_replay_newest(int home, char *start);

/* Whether name is one of a replay's directory. */
ngx_uint_t ngx_stentor_replay_is_start(const char *name);

/* Bytes of all media. */
uint64_t ngx_stentor_replay_bytes(ngx_stentor_replay_files_t *f);

/*
 * The bare acts, in ngx_stentor_replay_io.c: a replay removed from the
 * directory home; the stream's directory opened, and made if it shall; bytes
 * written, read (a stn_replay_read_pt, data an int *); a small file put, with
 * its bytes on disk before its name if it shall be synced, and got (which fails
 * if it has size bytes or more); the names in a directory synced; a reason
 * kept.  Nothing is synced that is not to be by the configuration.
 */
ngx_int_t ngx_stentor_replay_remove(int home, const char *start);
int ngx_stentor_replay_home(ngx_stentor_replay_files_t *f, ngx_uint_t make);
ngx_int_t ngx_stentor_replay_write(int fd, const void *data, size_t len,
    uint64_t offset);
int ngx_stentor_replay_read(void *data, uint64_t offset, uint8_t *buf,
    size_t len);
ngx_int_t ngx_stentor_replay_put(ngx_stentor_replay_files_t *f,
    const char *name, const void *data, size_t len, ngx_uint_t sync);
ngx_int_t ngx_stentor_replay_sync_names(ngx_stentor_replay_files_t *f,
    int dir);
ssize_t ngx_stentor_replay_get(int dir, const char *name, u_char *buf,
    size_t size);
ngx_int_t ngx_stentor_replay_fail(ngx_stentor_replay_files_t *f,
    const char *what);


#endif /* _NGX_STENTOR_REPLAY_FILES_H_INCLUDED_ */
