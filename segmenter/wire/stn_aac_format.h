/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the AudioSpecificConfig on the wire to the format that the programme
 * keeps.  An ingest, which may hear other codecs too, asks stn_wire_format().
 */

#ifndef STN_AAC_FORMAT_H
#define STN_AAC_FORMAT_H

#include "stn_format.h"


/*
 * Fills f from the AudioSpecificConfig of len bytes at asc (ISO/IEC 14496-3
 * 1.6.2.1).  Returns STN_OK; STN_ERROR or STN_LIMIT for a broken one;
 * STN_UNSUPPORTED for AAC that Stentor does not carry.  On failure *reason
 * says why in a static string.
 */
int stn_aac_format(stn_format_t *f, const uint8_t *asc, size_t len,
    const char **reason);


#endif /* STN_AAC_FORMAT_H */
