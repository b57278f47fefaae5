/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What every ingest does with what a session sends, once it has been let in:
 * a codec's config makes it the broadcaster of its stream, units are fed to
 * that stream, and who is told to wait for it waits.  Event loop only.
 */

#ifndef _NGX_STENTOR_SOURCE_H_INCLUDED_
#define _NGX_STENTOR_SOURCE_H_INCLUDED_


#include "ngx_stentor_live.h"


/* What a ladder decodes: bits of stn_codec_e. */
#define NGX_STENTOR_SOURCE_CODECS                                             \
    (1 << STN_CODEC_AAC | 1 << STN_CODEC_OPUS | 1 << STN_CODEC_MP3            \
     | 1 << STN_CODEC_AC3 | 1 << STN_CODEC_EAC3 | 1 << STN_CODEC_FLAC)


/* The codecs that an application can do with, likewise: one that passes audio
 * through can with AAC alone. */
ngx_uint_t ngx_stentor_source_codecs(ngx_stentor_app_t *app);

/*
 * From here on the source, whose app and name are set, sends units of codec,
 * with the config that stn_wire_format() takes.  One that is repeated changes
 * nothing; another one makes him come anew.  Returns NGX_OK; NGX_DECLINED when
 * he is to be refused, with source->reason and counter; NGX_ERROR.
 */
ngx_int_t ngx_stentor_source_config(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source, stn_codec_e codec, const uint8_t *config,
    size_t len);

/*
 * Feeds a unit.  Returns NGX_OK; NGX_AGAIN when there is no room, and ROOM
 * will be told; NGX_DECLINED and NGX_ERROR as for the config.  While he waits
 * for a stream that is fought for, units are dropped.
 */
ngx_int_t ngx_stentor_source_unit(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source, const stn_au_t *au);


#endif /* _NGX_STENTOR_SOURCE_H_INCLUDED_ */
