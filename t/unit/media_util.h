/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the tests of segmenter/programme and segmenter/pack share: formats
 * made from AudioSpecificConfigs, and a reader of the boxes that a part is
 * made of.  Functions are static inline, as in wire_util.h.
 */

#ifndef MEDIA_UTIL_H
#define MEDIA_UTIL_H

#include "wire_util.h"

#include "wire/stn_aac_format.h"


/* An AudioSpecificConfig of AAC-LC in two bytes, by rate index and channel
 * configuration. */
#define MEDIA_ASC(rate_index, channel_config)                                 \
    ((const uint8_t []) { (uint8_t) (0x10 | (rate_index) >> 1),               \
                          (uint8_t) (((rate_index) & 1) << 7                  \
                                     | (channel_config) << 3) })

#define MEDIA_48000  3
#define MEDIA_44100  4


/* What a moof + mdat says. */

typedef struct {
    unsigned  boxes;           /* on the top level */
    uint32_t  seq;             /* mfhd */
    uint32_t  tfhd_flags;
    uint8_t   tfdt_version;
    uint64_t  tfdt;
    uint32_t  samples;         /* trun */
    uint64_t  bytes;           /* of all samples */
    uint64_t  duration;        /* of all samples */
    uint32_t  data_offset;     /* from the moof's first byte */
    size_t    moof;            /* box sizes */
    size_t    mdat;
} media_part_t;


static inline void
media_format(stn_format_t *f, const uint8_t *asc, size_t len)
{
    const char  *reason;

    reason = "none";

    if (stn_aac_format(f, asc, len, &reason) != STN_OK) {
        fail_msg("format refused: %s", reason);
    }
}


/* The same from hex digits. */

static inline void
media_format_hex(stn_format_t *f, const char *hex)
{
    size_t    n;
    unsigned  v;
    uint8_t   asc[STN_FORMAT_CONFIG_MAX];

    for (n = 0; hex[2 * n]; n++) {
        assert_int_equal(sscanf(hex + 2 * n, "%2x", &v), 1);
        asc[n] = (uint8_t) v;
    }

    media_format(f, asc, n);
}


/* Takes the next box off c: its type into name, its content into box.
 * Returns 0 at the end; fails the test on a broken box. */

static inline unsigned
media_next(stn_cur_t *c, char name[5], stn_cur_t *box)
{
    uint32_t        size;
    const uint8_t  *p;

    if (stn_cur_left(c) == 0) {
        return 0;
    }

    size = stn_cur_be32(c);
    p = stn_cur_bytes(c, 4);
    assert_non_null(p);
    assert_true(size >= 8);

    memcpy(name, p, 4);
    name[4] = '\0';

    p = stn_cur_bytes(c, size - 8);
    assert_non_null(p);
    stn_cur_init(box, p, size - 8);

    return 1;
}


/* Finds the box at path ("moov/trak/mdia"), skip bytes into those on the way
 * that have fields of their own ("stsd+8").  Returns 0 when it is not there. */

static inline unsigned
media_find(const void *data, size_t len, const char *path, stn_cur_t *box)
{
    char       name[5];
    size_t     skip;
    stn_cur_t  c;

    stn_cur_init(&c, data, len);

    for ( ;; ) {
        do {
            if (!media_next(&c, name, box)) {
                return 0;
            }
        } while (strncmp(name, path, 4) != 0);

        path += 4;
        skip = *path == '+' ? strtoul(path, (char **) &path, 10) : 0;
        (void) stn_cur_bytes(box, skip);

        if (*path++ == '\0') {
            return 1;
        }

        c = *box;
    }
}


static inline void
media_tfhd(media_part_t *m, stn_cur_t *c, uint32_t *duration, uint32_t *size)
{
    m->tfhd_flags = stn_cur_be32(c);
    (void) stn_cur_be32(c);                        /* track */

    (void) stn_cur_bytes(c, m->tfhd_flags & 0x01 ? 8 : 0);
    (void) stn_cur_bytes(c, m->tfhd_flags & 0x02 ? 4 : 0);

    *duration = m->tfhd_flags & 0x08 ? stn_cur_be32(c) : 0;
    *size = m->tfhd_flags & 0x10 ? stn_cur_be32(c) : 0;
}


static inline void
media_trun(media_part_t *m, stn_cur_t *c, uint32_t duration, uint32_t size)
{
    uint32_t  flags, i;

    flags = stn_cur_be32(c);
    m->samples = stn_cur_be32(c);
    m->data_offset = flags & 0x01 ? stn_cur_be32(c) : 0;
    (void) stn_cur_bytes(c, flags & 0x04 ? 4 : 0);

    for (i = 0; i < m->samples; i++) {
        m->duration += flags & 0x100 ? stn_cur_be32(c) : duration;
        m->bytes += flags & 0x200 ? stn_cur_be32(c) : size;
        (void) stn_cur_bytes(c, flags & 0x400 ? 4 : 0);
        (void) stn_cur_bytes(c, flags & 0x800 ? 4 : 0);
    }

    assert_int_equal(c->failed, 0);
    assert_int_equal(stn_cur_left(c), 0);
}


static inline void
media_parse_part(media_part_t *m, const void *data, size_t len)
{
    char       name[5];
    uint32_t   duration, size;
    stn_cur_t  c, box;

    memset(m, 0, sizeof(*m));

    stn_cur_init(&c, data, len);

    assert_true(media_next(&c, name, &box));
    assert_string_equal(name, "moof");
    m->moof = stn_cur_left(&box) + 8;

    assert_true(media_next(&c, name, &box));
    assert_string_equal(name, "mdat");
    m->mdat = stn_cur_left(&box) + 8;

    for (m->boxes = 2; media_next(&c, name, &box); m->boxes++) { /* void */ }

    assert_true(media_find(data, len, "moof/mfhd", &box));
    (void) stn_cur_be32(&box);
    m->seq = stn_cur_be32(&box);

    assert_true(media_find(data, len, "moof/traf/tfhd", &box));
    media_tfhd(m, &box, &duration, &size);

    assert_true(media_find(data, len, "moof/traf/tfdt", &box));
    m->tfdt_version = (uint8_t) (stn_cur_be32(&box) >> 24);
    m->tfdt = m->tfdt_version ? stn_cur_be64(&box) : stn_cur_be32(&box);

    assert_true(media_find(data, len, "moof/traf/trun", &box));
    media_trun(m, &box, duration, size);
}


/* The size of each sample of a part, most of them at most; returns how many
 * there are. */

static inline uint32_t
media_sizes(const void *data, size_t len, size_t *sizes, uint32_t most)
{
    uint32_t      flags, n, i, duration, size;
    stn_cur_t     box;
    media_part_t  m;

    assert_true(media_find(data, len, "moof/traf/tfhd", &box));
    media_tfhd(&m, &box, &duration, &size);

    assert_true(media_find(data, len, "moof/traf/trun", &box));
    flags = stn_cur_be32(&box);
    n = stn_cur_be32(&box);
    (void) stn_cur_bytes(&box, flags & 0x01 ? 4 : 0);
    (void) stn_cur_bytes(&box, flags & 0x04 ? 4 : 0);

    assert_true(n <= most);

    for (i = 0; i < n; i++) {
        (void) stn_cur_bytes(&box, flags & 0x100 ? 4 : 0);
        sizes[i] = flags & 0x200 ? stn_cur_be32(&box) : size;
        (void) stn_cur_bytes(&box, flags & 0x400 ? 4 : 0);
        (void) stn_cur_bytes(&box, flags & 0x800 ? 4 : 0);
    }

    return n;
}


#endif /* MEDIA_UTIL_H */
