/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * AAC as broadcasters send it: the AudioSpecificConfig (ISO/IEC 14496-3
 * 1.6.2.1) read into what a packager must know, written back with its
 * extensions spelled out, and a frame of digital silence to go with it.
 * Pure functions over the caller's memory; nothing is allocated.
 */

#ifndef STN_AAC_H
#define STN_AAC_H

#include "stn_base.h"


/* The longest AudioSpecificConfig that is read, and room enough for any that
 * is written. */
#define STN_AAC_ASC_MAX  64

/* The rates that AAC has indexes for, lowest to highest (1.6.3.4); an
 * explicit rate must lie between them. */
#define STN_AAC_RATE_MIN  7350
#define STN_AAC_RATE_MAX  96000

/* Enough for any string of stn_aac_codecs() with its ending zero. */
#define STN_AAC_CODECS_MAX  16

/* Enough for any frame of stn_aac_silence(). */
#define STN_AAC_SILENCE_MAX  64

/* Elements that a program_config_element may name: front, side, back, LFE. */
#define STN_AAC_ELEMENTS_MAX  (3 * 15 + 3)


/* Audio object types (table 1.17) that have a name here. */

#define STN_AOT_MAIN   1
#define STN_AOT_LC     2
#define STN_AOT_SSR    3
#define STN_AOT_LTP    4
#define STN_AOT_SBR    5
#define STN_AOT_ER_LC  17
#define STN_AOT_ER_LD  23
#define STN_AOT_PS     29
#define STN_AOT_ELD    39
#define STN_AOT_USAC   42


typedef struct {
    uint8_t      object_type;      /* of the core: never SBR or PS */
    uint8_t      ext_object_type;  /* 0, STN_AOT_SBR or STN_AOT_PS */
    uint8_t      explicit_ext;     /* boolean: hierarchical signalling */
    uint8_t      sbr_absent;       /* boolean: a sync extension says no SBR */
    uint8_t      ps_absent;        /* boolean: likewise no PS */
    uint8_t      channel_config;   /* as coded; 0: a program_config_element */
    uint8_t      channels;         /* of the output, 1..64 */
    uint16_t     core_frame;       /* core samples per access unit */
    uint32_t     core_rate;        /* Hz */
    uint32_t     rate;             /* Hz, of the output */
    uint32_t     frame_samples;    /* output samples per access unit */
    uint8_t      nelements;        /* of a program_config_element */
    uint8_t      elements[STN_AAC_ELEMENTS_MAX];    /* type << 4 | tag */
    uint16_t     nbits;            /* of the config, less a sync extension */
    const char  *reason;           /* static; why parse or carried failed */
} stn_aac_t;


/*
 * Reads the AudioSpecificConfig of len bytes at asc into a (1.6.2.1): all
 * three ways of signalling SBR and PS, explicit rates, escaped object types,
 * GASpecificConfig with its program_config_element (4.4.1), and as much of
 * ELDSpecificConfig and UsacConfig as tells rate, channels and frame length.
 * Bytes after it are ignored.
 *
 * Returns STN_OK; STN_ERROR when broken or cut short; STN_LIMIT over
 * STN_AAC_ASC_MAX bytes; STN_UNSUPPORTED for object types that are not read
 * (object_type says which).  On failure a->reason says why.
 */
int stn_aac_parse(stn_aac_t *a, const uint8_t *asc, size_t len);

/*
 * Whether Stentor carries this audio: AAC Main, LC and LTP, alone or under
 * SBR (HE-AAC) and PS (HE-AAC v2).  Returns STN_OK, or STN_UNSUPPORTED with
 * a->reason.
 */
int stn_aac_carried(stn_aac_t *a);

/*
 * Whether frames of a may hold SBR or PS that the config does not announce
 * (implicit signalling, 1.6.5.3), so that only decoding can tell.  Returns 1
 * or 0.
 */
int stn_aac_implicit(const stn_aac_t *a);

/*
 * Writes the CODECS string (RFC 6381) "mp4a.40.2", ".5" or ".29" to out,
 * ended by a zero.  Returns STN_OK, or STN_LIMIT when size bytes are too few
 * (STN_AAC_CODECS_MAX always suffice).
 */
int stn_aac_codecs(const stn_aac_t *a, char *out, size_t size);

/*
 * Writes one raw_data_block (4.4.2.1) of digital silence for a, its length in
 * bytes to *len.  Returns STN_OK; STN_UNSUPPORTED unless the core is Main, LC
 * or LTP with channel configuration 1..7 or a program_config_element;
 * STN_LIMIT when size bytes are too few (STN_AAC_SILENCE_MAX suffice for ten
 * elements).
 */
int stn_aac_silence(const stn_aac_t *a, uint8_t *out, size_t size,
    size_t *len);

/*
 * Writes an AudioSpecificConfig for the core of a under the extension ext,
 * signalled explicitly and hierarchically (1.6.5.2), its length to *len:
 * ext is STN_AOT_SBR or STN_AOT_PS, or 0 for the core alone.  The rate of the
 * output is a->rate if a announced the extension, else twice the core's.
 *
 * Returns STN_OK; STN_ERROR for any other ext, PS over a core that is not
 * mono, or an output rate over STN_AAC_RATE_MAX; STN_UNSUPPORTED unless the
 * core is Main, LC or LTP with a channel configuration other than 0;
 * STN_LIMIT when size bytes are too few (STN_AAC_ASC_MAX always suffice).
 */
int stn_aac_explicit(const stn_aac_t *a, uint8_t ext, uint8_t *out,
    size_t size, size_t *len);


#endif /* STN_AAC_H */
