/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sources on their way to a live stream (see ngx_stentor_source.h).  Knows
 * nothing of the protocol they came by: whoever calls tells the broadcaster.
 */

#include "ngx_stentor_source.h"
#include "wire/stn_wire_format.h"


static ngx_int_t ngx_stentor_source_decline(ngx_stentor_source_t *source,
    ngx_stentor_counter_e counter, const char *reason);
static ngx_int_t ngx_stentor_source_attach(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source);
static ngx_int_t ngx_stentor_source_waits(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source);


ngx_uint_t
ngx_stentor_source_codecs(ngx_stentor_app_t *app)
{
    return app->nrenditions ? NGX_STENTOR_SOURCE_CODECS : 1 << STN_CODEC_AAC;
}


ngx_int_t
ngx_stentor_source_config(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source, stn_codec_e codec, const uint8_t *config,
    size_t len)
{
    int            rc;
    const char    *reason;
    stn_format_t   format;

    rc = stn_wire_format(&format, codec, config, len, &reason);

    if (!(ngx_stentor_source_codecs(source->app) & (1 << format.codec))) {
        ngx_snprintf((u_char *) source->text, sizeof(source->text),
                     "%s audio is not passed through: configure a "
                     "rendition%Z", stn_wire_codec(format.codec));

        return ngx_stentor_source_decline(source,
                                          NGX_STENTOR_INGEST_REFUSED_CODEC,
                                          source->text);
    }

    if (rc != STN_OK) {
        return ngx_stentor_source_decline(source,
                                          NGX_STENTOR_INGEST_REFUSED_CODEC,
                                          reason);
    }

    /* encoders repeat it; who waits goes on waiting */

    if (source->waiting) {
        source->format = format;
        return NGX_OK;
    }

    if (source->live && stn_format_same(&source->live->format, &format)) {
        return NGX_OK;
    }

    /* or another one in mid-session: he goes on with that */

    source->format = format;

    return ngx_stentor_source_attach(lives, source);
}


static ngx_int_t
ngx_stentor_source_decline(ngx_stentor_source_t *source,
    ngx_stentor_counter_e counter, const char *reason)
{
    source->counter = counter;
    source->reason = reason;

    return NGX_DECLINED;
}


/* Takes the stream, or is told how long to wait for it. */

static ngx_int_t
ngx_stentor_source_attach(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source)
{
    ngx_int_t  rc;

    rc = ngx_stentor_live_attach(lives, source);

    source->waiting = (rc == NGX_AGAIN);

    if (source->waiting) {
        source->due = ngx_current_msec + source->wait;
        return NGX_OK;
    }

    if (rc == NGX_BUSY) {
        return ngx_stentor_source_decline(source,
                                          NGX_STENTOR_INGEST_REFUSED_FULL,
                                          "the node has as many streams as it "
                                          "may");
    }

    return rc;
}


ngx_int_t
ngx_stentor_source_unit(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source, const stn_au_t *au)
{
    ngx_int_t  rc;

    if (source->waiting) {
        rc = ngx_stentor_source_waits(lives, source);

        if (rc != NGX_OK || source->waiting) {
            return rc;
        }
    }

    /* whoever has been sent away may not know it yet */

    return source->live ? ngx_stentor_live_feed(source, au) : NGX_OK;
}


/* What he sends meanwhile would be old when his turn comes: in time, or when
 * whoever has the stream has gone. */

static ngx_int_t
ngx_stentor_source_waits(ngx_stentor_lives_t *lives,
    ngx_stentor_source_t *source)
{
    if ((ngx_msec_int_t) (source->due - ngx_current_msec) > 0
        && ngx_stentor_live_taken_by(lives, source->app, &source->name))
    {
        return NGX_OK;
    }

    return ngx_stentor_source_attach(lives, source);
}
