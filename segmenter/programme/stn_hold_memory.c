/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Files in memory (see stn_hold_memory.h).  What is done here to the bytes
 * before libavformat sees them is what it does not do, or not well: tags with
 * large pictures, and WAV files that were cut off.
 */

#include "programme/stn_hold_memory.h"

#include <libavformat/avformat.h>

#include <string.h>


/* libavformat's read buffer. */
#define STN_HOLD_MEMORY_IO  32768

#define STN_HOLD_MEMORY_ID3V2         10      /* bytes of its header */
#define STN_HOLD_MEMORY_ID3V2_FOOTER  0x10

#define STN_HOLD_MEMORY_RIFF      8           /* bytes of its header */
#define STN_HOLD_MEMORY_RIFF_MAX  0x7fff0000


static void stn_hold_memory_skip_tag(stn_hold_memory_t *m);
static unsigned stn_hold_memory_cut(const stn_hold_memory_t *m);
static int stn_hold_memory_read(void *opaque, uint8_t *buf, int size);
static int64_t stn_hold_memory_seek(void *opaque, int64_t offset, int whence);


int
stn_hold_memory_open(stn_hold_memory_t *m, const uint8_t *data, size_t len,
    volatile int *stop)
{
    uint8_t  *buf;

    memset(m, 0, sizeof(*m));

    m->data = data;
    m->len = (int64_t) len;
    m->stop = stop;

    stn_hold_memory_skip_tag(m);
    m->cut = stn_hold_memory_cut(m);

    buf = av_malloc(STN_HOLD_MEMORY_IO);
    if (buf == NULL) {
        return STN_NOMEM;
    }

    m->io = avio_alloc_context(buf, STN_HOLD_MEMORY_IO, 0, m,
                               stn_hold_memory_read, NULL,
                               stn_hold_memory_seek);
    if (m->io == NULL) {
        av_free(buf);
        return STN_NOMEM;
    }

    return STN_OK;
}


void
stn_hold_memory_close(stn_hold_memory_t *m)
{
    if (m->io) {
        av_freep(&m->io->buffer);
        avio_context_free(&m->io);
    }
}


int
stn_hold_memory_stopped(void *opaque)
{
    const stn_hold_memory_t  *m = opaque;

    return m->stop && __atomic_load_n(m->stop, __ATOMIC_RELAXED);
}


/*
 * Steps over an ID3v2 tag (id3v2.4.0-structure 3.1): its pictures are of no
 * use, and whatever is behind large ones is taken for MP3.
 */

static void
stn_hold_memory_skip_tag(stn_hold_memory_t *m)
{
    int64_t         size;
    const uint8_t  *p;

    p = m->data;

    if (m->len < STN_HOLD_MEMORY_ID3V2 || memcmp(p, "ID3", 3) != 0
        || ((p[6] | p[7] | p[8] | p[9]) & 0x80))
    {
        return;
    }

    size = STN_HOLD_MEMORY_ID3V2
           + ((int64_t) p[6] << 21 | p[7] << 14 | p[8] << 7 | p[9]);

    if (p[5] & STN_HOLD_MEMORY_ID3V2_FOOTER) {
        size += STN_HOLD_MEMORY_ID3V2;
    }

    if (size < m->len) {
        m->data += size;
        m->len -= size;
    }
}


/*
 * Whether much of a WAV file is missing: libavformat takes what is there for
 * all.  Recorders that cannot seek write a size that none can be.
 */

static unsigned
stn_hold_memory_cut(const stn_hold_memory_t *m)
{
    int64_t         size;
    const uint8_t  *p;

    p = m->data;

    if (m->len < STN_HOLD_MEMORY_RIFF || memcmp(p, "RIFF", 4) != 0) {
        return 0;
    }

    size = (int64_t) p[7] << 24 | p[6] << 16 | p[5] << 8 | p[4];

    return size < STN_HOLD_MEMORY_RIFF_MAX
           && size / 100 * STN_HOLD_MEMORY_COMPLETE_PERCENT > m->len;
}


static int
stn_hold_memory_read(void *opaque, uint8_t *buf, int size)
{
    int64_t             n;
    stn_hold_memory_t  *m = opaque;

    if (stn_hold_memory_stopped(m)) {
        return AVERROR_EXIT;
    }

    n = stn_min(size, m->len - m->at);
    if (n <= 0) {
        return AVERROR_EOF;
    }

    memcpy(buf, m->data + m->at, (size_t) n);
    m->at += n;

    return (int) n;
}


static int64_t
stn_hold_memory_seek(void *opaque, int64_t offset, int whence)
{
    stn_hold_memory_t  *m = opaque;

    switch (whence & ~AVSEEK_FORCE) {

    case AVSEEK_SIZE:
        return m->len;

    case SEEK_SET:
        break;

    case SEEK_CUR:
        offset += m->at;
        break;

    case SEEK_END:
        offset += m->len;
        break;

    default:
        return AVERROR(EINVAL);
    }

    if (offset < 0 || offset > m->len) {
        return AVERROR(EINVAL);
    }

    m->at = offset;

    return offset;
}
