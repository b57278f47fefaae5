/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a codec and its config on the wire to the format that the programme
 * keeps: the one place where what an ingest heard becomes what the rest of
 * the pipe works by.
 */

#ifndef STN_WIRE_FORMAT_H
#define STN_WIRE_FORMAT_H

#include "stn_format.h"


/*
 * Fills f from the config of len bytes that came for codec:
 *
 *     AAC     an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)
 *     Opus    an OpusHead (RFC 7845, section 5.1) of mapping family 0 or 1;
 *             from nothing, that of stereo
 *     FLAC    a STREAMINFO block without its header (RFC 9639, section 8.2)
 *     others  not looked at: rate, channels and frame stay 0
 *
 * f->config is that config, less what follows an OpusHead and what STREAMINFO
 * says of the stream as a whole.  frame is 0 where it varies.
 *
 * Returns STN_OK; STN_ERROR or STN_LIMIT for a broken config; STN_UNSUPPORTED
 * for a kind of AAC or Opus that Stentor does not carry.  On failure *reason
 * says why in a static string; f->codec is set all the same.
 */
int stn_wire_format(stn_format_t *f, stn_codec_e codec, const uint8_t *config,
    size_t len, const char **reason);

/* What people call the codec: "AAC", "E-AC-3"; a static string. */
const char *stn_wire_codec(stn_codec_e codec);


#endif /* STN_WIRE_FORMAT_H */
