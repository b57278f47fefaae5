/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * CMAF by libavformat: an init segment for a format, and from frames one
 * moof + mdat a part (ISO/IEC 23000-19, RFC 8216bis section 3.1.2).  The
 * caller says which frames make a part; no file or clock is touched.
 */

#ifndef STN_CMAF_H
#define STN_CMAF_H

#include "stn_buf.h"
#include "stn_format.h"


/* The longest part or init segment: five seconds at 1.5 Mbit/s. */
#define STN_CMAF_MAX  (1024 * 1024)


typedef struct stn_cmaf_s  stn_cmaf_t;


/* Keeps libav from writing to standard error, for the whole process: what it
 * has to say comes back as return codes.  Called before any thread. */
void stn_cmaf_quiet(void);

/* Opens a muxer for AAC or Opus and writes its init segment (ftyp, moov) to
 * stn_cmaf_out().  Returns NULL out of memory or when libavformat refuses the
 * format. */
stn_cmaf_t *stn_cmaf_open(const stn_format_t *f);

void stn_cmaf_close(stn_cmaf_t *m);

/* Adds a frame of len bytes at data that starts at sample pos.  Returns
 * STN_OK, or STN_ERROR when libavformat refuses it. */
int stn_cmaf_frame(stn_cmaf_t *m, const uint8_t *data, size_t len,
    int64_t pos);

/*
 * Ends the part that the frames since the last call make: stn_cmaf_out() then
 * holds one moof with tfdt and a rising sequence number (mfhd) set to seq,
 * and one mdat.  Returns STN_OK, or STN_ERROR.
 */
int stn_cmaf_flush(stn_cmaf_t *m, uint32_t seq);

/* The bytes that the last open or flush made; the caller resets it. */
stn_buf_t *stn_cmaf_out(stn_cmaf_t *m);


#endif /* STN_CMAF_H */
