/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reading application {} blocks (see ngx_stentor_app.h).  Runs in the master,
 * and for nginx -t: what an operator got wrong is said here, before it is
 * needed, in words that name the directive.
 */

#include "ngx_stentor_app.h"
#include "in/ngx_stentor_hold.h"
#include "notify/ngx_stentor_post.h"


/* Below this is silence where "dead_air" does not say; hundredths of a dB. */
#define NGX_STENTOR_APP_SILENCE  -6000

/* How long "on_publish" may wait for an answer, and does if it says nothing:
 * encoders give up, too. */
#define NGX_STENTOR_APP_ASK_MIN  100
#define NGX_STENTOR_APP_ASK_MAX  30000
#define NGX_STENTOR_APP_ASK      2000

/* Less than any audio is a mistake; bit/s. */
#define NGX_STENTOR_APP_INGEST_MIN  8000


static ngx_int_t ngx_stentor_app_hold_file(ngx_conf_t *cf, ngx_str_t *file);
static char *ngx_stentor_app_rendition_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_stentor_rendition_conf_t *r);
static char *ngx_stentor_app_rendition_check(ngx_conf_t *cf,
    ngx_stentor_rendition_conf_t *r);
static ngx_int_t ngx_stentor_app_param(ngx_str_t *value, const char *name,
    ngx_uint_t *n);
static ngx_int_t ngx_stentor_app_ask_param(ngx_str_t *value,
    ngx_stentor_ask_conf_t *ask);
static ngx_uint_t ngx_stentor_app_aac_rate(ngx_uint_t rate);
static char *ngx_stentor_app_check(ngx_conf_t *cf, ngx_stentor_app_t *app);
static char *ngx_stentor_app_window(ngx_conf_t *cf, ngx_stentor_app_t *app);


ngx_int_t
ngx_stentor_app_init(ngx_conf_t *cf, ngx_stentor_app_t *app, ngx_str_t *name)
{
    ngx_memzero(app, sizeof(ngx_stentor_app_t));

    app->name = *name;
    app->dead_level = NGX_CONF_UNSET;
    app->part_duration = NGX_CONF_UNSET_MSEC;
    app->segment_parts = NGX_CONF_UNSET_UINT;
    app->window = NGX_CONF_UNSET_MSEC;
    app->grace = NGX_CONF_UNSET_MSEC;
    app->linger = NGX_CONF_UNSET_MSEC;
    app->max_bitrate = NGX_CONF_UNSET_SIZE;
    app->rate = NGX_CONF_UNSET_UINT;
    app->channels = NGX_CONF_UNSET_UINT;
    app->ingest_max_bitrate = NGX_CONF_UNSET_SIZE;

    return ngx_array_init(&app->streams, cf->pool, 4,
                          sizeof(ngx_stentor_stream_conf_t));
}


char *
ngx_stentor_app_stream(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_stentor_stream_conf_t  *stream;

    value = cf->args->elts;

    if (ngx_stentor_name_check(&value[1]) != NGX_OK
        || app->name.len + 1 + value[1].len > NGX_STENTOR_NAME_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid stream name \"%V\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    stream = app->streams.elts;

    for (i = 0; i < app->streams.nelts; i++) {
        if (stream[i].name.len == value[1].len
            && ngx_memcmp(stream[i].name.data, value[1].data, value[1].len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate stream \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    stream = ngx_array_push(&app->streams);
    if (stream == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(stream, sizeof(ngx_stentor_stream_conf_t));
    stream->name = value[1];

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "hold=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    stream->hold.data = value[2].data + 5;
    stream->hold.len = value[2].len - 5;

    return ngx_stentor_app_hold_file(cf, &stream->hold) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_stentor_app_hold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t  *value;

    if (app->hold.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    app->hold = value[1];

    return ngx_stentor_app_hold_file(cf, &app->hold) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* A file is tried at once: better now than when it is needed. */

static ngx_int_t
ngx_stentor_app_hold_file(ngx_conf_t *cf, ngx_str_t *file)
{
    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_stentor_hold_check(cf, file);
}


/* rendition NAME bitrate=.. [codec=aac|opus] [channels=..] [rate=..] */

char *
ngx_stentor_app_rendition(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    char                          *rv;
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_stentor_rendition_conf_t  *r;

    value = cf->args->elts;

    if (app->nrenditions == NGX_STENTOR_RENDITIONS) {
        return "has been given too often: at most 8 renditions";
    }

    if (ngx_stentor_name_check(&value[1]) != NGX_OK
        || ngx_strlchr(value[1].data, value[1].data + value[1].len, '/')
        || value[1].len >= NGX_STENTOR_RENDITION_MAX
        || ngx_strcmp(value[1].data, "index") == 0
        || (value[1].len > 4
            && ngx_strcmp(value[1].data + value[1].len - 4, "-std") == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rendition name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < app->nrenditions; i++) {
        if (ngx_strcmp(app->renditions[i].name.data, value[1].data) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate rendition \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    r = &app->renditions[app->nrenditions++];

    r->name = value[1];
    r->channels = 2;
    r->rate = 48000;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_stentor_app_rendition_param(cf, &value[i], r);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_stentor_app_rendition_check(cf, r);
}


static char *
ngx_stentor_app_rendition_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_stentor_rendition_conf_t *r)
{
    ssize_t    size;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "bitrate=", 8) == 0) {
        s.data = value->data + 8;
        s.len = value->len - 8;

        size = ngx_parse_size(&s);

        if (size != NGX_ERROR) {

            /* "k" is a thousand where bits are counted */

            r->bitrate = (s.len && (s.data[s.len - 1] | 0x20) == 'k')
                         ? size / 1024 * 1000 : size;
            return NGX_CONF_OK;
        }

    } else if (ngx_strcmp(value->data, "codec=aac") == 0) {
        r->opus = 0;
        return NGX_CONF_OK;

    } else if (ngx_strcmp(value->data, "codec=opus") == 0) {
        r->opus = 1;
        return NGX_CONF_OK;

    } else if (ngx_stentor_app_param(value, "channels=", &r->channels) == NGX_OK
               || ngx_stentor_app_param(value, "rate=", &r->rate) == NGX_OK)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       value);
    return NGX_CONF_ERROR;
}


static char *
ngx_stentor_app_rendition_check(ngx_conf_t *cf,
    ngx_stentor_rendition_conf_t *r)
{
    const char  *reason;

    reason = NULL;

    if (r->bitrate < 8000 || r->bitrate > 512000) {
        reason = "needs a \"bitrate\" between 8k and 512k";

    } else if (r->channels < 1 || r->channels > 2) {
        reason = "has 1 or 2 \"channels\"";

    } else if (r->opus && r->rate != 48000) {
        reason = "of Opus has a \"rate\" of 48000";

    } else if (r->rate != 48000 && r->rate != 32000 && r->rate != 24000
               && r->rate != 16000)
    {
        reason = "has a \"rate\" of 48000, 32000, 24000 or 16000: others do "
                 "not fit into the same parts";
    }

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "rendition \"%V\" %s",
                           &r->name, reason);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* dead_air LEVEL TIME [hold]: LEVEL as "-50dB". */

char *
ngx_stentor_app_dead_air(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    size_t      len;
    ngx_int_t   level;
    ngx_str_t  *value;

    if (app->dead_level != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    len = value[1].len;

    if (len > 2 && ngx_strncasecmp(value[1].data + len - 2, (u_char *) "dB", 2)
                   == 0)
    {
        len -= 2;
    }

    level = (len > 1 && value[1].data[0] == '-')
            ? ngx_atofp(value[1].data + 1, len - 1, 2) : NGX_ERROR;

    if (level == NGX_ERROR || level < 1000 || level > 10000) {
        return "needs a level between -100dB and -10dB";
    }

    app->dead_level = -level;
    app->dead_time = ngx_parse_time(&value[2], 0);

    if (app->dead_time == (ngx_msec_t) NGX_ERROR || app->dead_time < 500) {
        return "needs a time of at least 500ms";
    }

    if (cf->args->nelts == 4) {

        if (ngx_strcmp(value[3].data, "hold") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[3]);
            return NGX_CONF_ERROR;
        }

        app->dead_hold = 1;
    }

    return NGX_CONF_OK;
}


/* audio [rate=..] [channels=..] */

char *
ngx_stentor_app_audio(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_stentor_app_param(&value[i], "rate=", &app->rate) != NGX_OK
            && ngx_stentor_app_param(&value[i], "channels=", &app->channels)
               != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* Reads "name=number".  Returns NGX_OK, NGX_DECLINED for another name, or
 * NGX_ERROR for no number. */

static ngx_int_t
ngx_stentor_app_param(ngx_str_t *value, const char *name, ngx_uint_t *n)
{
    size_t     len;
    ngx_int_t  number;

    len = ngx_strlen(name);

    if (value->len <= len || ngx_strncmp(value->data, name, len) != 0) {
        return NGX_DECLINED;
    }

    number = ngx_atoi(value->data + len, value->len - len);
    if (number == NGX_ERROR) {
        return NGX_ERROR;
    }

    *n = (ngx_uint_t) number;

    return NGX_OK;
}


/* Does not say which URL it is: there may be a password in it. */

char *
ngx_stentor_app_on_event(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *url = data;

    return ngx_stentor_post_check((char *) url->data) == NGX_OK
           ? NGX_CONF_OK : "has no valid http:// or https:// URL";
}


/* on_publish URL [timeout=..] [fail=open|closed] */

char *
ngx_stentor_app_on_publish(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_stentor_ask_conf_t  *ask;

    ask = &app->on_publish;

    if (ask->url.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_stentor_post_check((char *) value[1].data) != NGX_OK) {
        return "has no valid http:// or https:// URL";
    }

    ask->url = value[1];
    ask->timeout = NGX_STENTOR_APP_ASK;

    ask->label.data = ngx_pnalloc(cf->pool, ask->url.len + 1);
    if (ask->label.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_stentor_post_label((char *) ask->label.data, (char *) ask->url.data);
    ask->label.len = ngx_strlen(ask->label.data);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_stentor_app_ask_param(&value[i], ask) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (ask->timeout < NGX_STENTOR_APP_ASK_MIN
        || ask->timeout > NGX_STENTOR_APP_ASK_MAX)
    {
        return "needs a \"timeout\" between 100ms and 30s";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stentor_app_ask_param(ngx_str_t *value, ngx_stentor_ask_conf_t *ask)
{
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "timeout=", 8) == 0) {
        s.data = value->data + 8;
        s.len = value->len - 8;

        ask->timeout = ngx_parse_time(&s, 0);

        return ask->timeout == (ngx_msec_t) NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (ngx_strcmp(value->data, "fail=open") == 0) {
        ask->open = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "fail=closed") == 0) {
        ask->open = 0;
        return NGX_OK;
    }

    return NGX_ERROR;
}


char *
ngx_stentor_app_defaults(ngx_conf_t *cf, ngx_stentor_app_t *app)
{
    ngx_conf_init_value(app->dead_level, NGX_STENTOR_APP_SILENCE);
    ngx_conf_init_msec_value(app->part_duration, 1000);
    ngx_conf_init_uint_value(app->segment_parts, 6);
    ngx_conf_init_msec_value(app->window, 60000);
    ngx_conf_init_msec_value(app->grace, 1000);
    ngx_conf_init_msec_value(app->linger, 30000);
    ngx_conf_init_size_value(app->max_bitrate, 320000);
    ngx_conf_init_size_value(app->ingest_max_bitrate, 0);

    ngx_conf_init_uint_value(app->rate, 48000);
    ngx_conf_init_uint_value(app->channels, 2);

    return ngx_stentor_app_check(cf, app);
}


/* The others can be announced, but no encoder makes hold audio at them. */

static ngx_uint_t
ngx_stentor_app_aac_rate(ngx_uint_t rate)
{
    ngx_uint_t  i;

    static const ngx_uint_t  rates[] = {
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000,
        11025, 8000
    };

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (rates[i] == rate) {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_stentor_app_check(ngx_conf_t *cf, ngx_stentor_app_t *app)
{
    if (!ngx_stentor_app_aac_rate(app->rate)
        || app->channels < 1 || app->channels > 6)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"audio\" has one of AAC's rates, 8000 to 96000, "
                           "and 1 to 6 channels");
        return NGX_CONF_ERROR;
    }

    if (app->part_duration < NGX_STENTOR_PART_MIN_MS
        || app->part_duration > NGX_STENTOR_PART_MAX_MS)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"part_duration\" must be between 200ms and 5s");
        return NGX_CONF_ERROR;
    }

    if (app->segment_parts < NGX_STENTOR_PARTS_MIN
        || app->segment_parts > NGX_STENTOR_PARTS_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"segment_parts\" must be between 2 and 32");
        return NGX_CONF_ERROR;
    }

    if (app->max_bitrate < 8000 || app->max_bitrate > 3000 * 1024) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"max_bitrate\" must be between 8k and 3000k");
        return NGX_CONF_ERROR;
    }

    if (app->ingest_max_bitrate
        && app->ingest_max_bitrate < NGX_STENTOR_APP_INGEST_MIN)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ingest_max_bitrate\" must be at least 8000, or "
                           "0 for none");
        return NGX_CONF_ERROR;
    }

    return ngx_stentor_app_window(cf, app);
}


static char *
ngx_stentor_app_window(ngx_conf_t *cf, ngx_stentor_app_t *app)
{
    ngx_msec_t  segment, target;

    segment = app->part_duration * app->segment_parts;

    if (app->window < segment * NGX_STENTOR_SEGMENTS_MIN
        || app->window > segment * NGX_STENTOR_SEGMENTS_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"window\" must be between 6 and 300 segments of "
                           "%Mms", segment);
        return NGX_CONF_ERROR;
    }

    /* EXT-X-TARGETDURATION is in whole seconds, and at least one */

    target = ngx_max((segment + 500) / 1000, 1) * 1000;

    if (app->window < NGX_STENTOR_TARGETS_MIN * target) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"window\" must be at least %Mms: three target "
                           "durations of segments of %Mms, which are "
                           "\"part_duration\" times \"segment_parts\"",
                           NGX_STENTOR_TARGETS_MIN * target, segment);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
