/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * See ngx_stentor_relay_link.h.  The request is
 *
 *     GET {relay}APP/NAME?node=ID[&after=MSN.PART:CRC][&epoch=N]
 *
 * signed with the cluster's secret when there is one.
 */

#include "ngx_stentor_relay_link.h"
#include "relay/stn_relay_auth.h"


/* A signature is good for so long: as much as clocks may differ. */
#define NGX_STENTOR_LINK_EXPIRE_S  60

/* The longest URL, and the longest header. */
#define NGX_STENTOR_LINK_URL_MAX   1024

/* The least that a part took is of one to two of these. */
#define NGX_STENTOR_LINK_LEAST_MS  30000


static int ngx_stentor_link_url(ngx_stentor_link_t *link,
    ngx_stentor_link_ask_t *ask, stn_buf_t *url);
static int ngx_stentor_link_sign(ngx_stentor_link_ask_t *ask, stn_buf_t *url,
    stn_buf_t *sign);
static ngx_int_t ngx_stentor_link_body(void *data, u_char *bytes, size_t n);
static void ngx_stentor_link_measure(ngx_stentor_link_t *link,
    stn_relay_part_t *part);
static void ngx_stentor_link_done(void *data, ngx_uint_t status,
    const char *reason);
static void ngx_stentor_link_status(ngx_stentor_link_t *link,
    ngx_uint_t status, const char *reason);


ngx_stentor_link_t *
ngx_stentor_link_create(ngx_stentor_store_t *store, ngx_uint_t slot,
    ngx_log_t *log)
{
    ngx_stentor_link_t  *link;

    link = ngx_calloc(sizeof(ngx_stentor_link_t), log);
    if (link == NULL) {
        return NULL;
    }

    link->store = store;
    link->slot = slot;

    stn_relay_reader_init(&link->reader);

    return link;
}


ngx_int_t
ngx_stentor_link_begin(ngx_stentor_link_t *link, ngx_stentor_link_ask_t *ask)
{
    ngx_int_t  rc;
    stn_buf_t  url, sign;

    stn_buf_init(&url, NGX_STENTOR_LINK_URL_MAX);
    stn_buf_init(&sign, NGX_STENTOR_LINK_URL_MAX);

    rc = NGX_ERROR;

    if (ngx_stentor_link_url(link, ask, &url) != STN_OK
        || ngx_stentor_link_sign(ask, &url, &sign) != STN_OK)
    {
        goto done;
    }

    link->begun = ngx_current_msec;
    link->heard = ngx_current_msec;
    link->parted = ngx_current_msec;
    link->least_since = ngx_current_msec;
    link->least_us[0] = NGX_MAX_INT_T_VALUE;
    link->least_us[1] = NGX_MAX_INT_T_VALUE;

    link->fetch.url = (const char *) url.data;
    link->fetch.authorization = (const char *) sign.data;
    link->fetch.ca = (const char *) ask->conf->ca.data;
    link->fetch.connect_timeout = ask->conf->relay_timeout;
    link->fetch.body = ngx_stentor_link_body;
    link->fetch.done = ngx_stentor_link_done;
    link->fetch.data = link;

    rc = ngx_stentor_fetch_begin(ask->fetches, &link->fetch);

    ngx_stentor_store_count(link->store, link->slot,
                            NGX_STENTOR_RELAY_CONNECTS, 1);

done:

    stn_buf_free(&url);
    stn_buf_free(&sign);

    return rc;
}


/* Names and ids have no characters that a URL minds. */

static int
ngx_stentor_link_url(ngx_stentor_link_t *link, ngx_stentor_link_ask_t *ask,
    stn_buf_t *url)
{
    stn_buf_printf(url, "%s%.*s?node=%.*s", link->up.relay,
                   (int) ask->name->len, (char *) ask->name->data,
                   (int) ask->conf->node.len, (char *) ask->conf->node.data);

    if (ask->after) {
        stn_buf_printf(url, "&after=%llu.%u:%08x",
                       (unsigned long long) ask->after->msn, ask->after->part,
                       ask->after->crc);
    }

    if (ask->epoch) {
        stn_buf_printf(url, "&epoch=%llu", (unsigned long long) ask->epoch);
    }

    return stn_buf_u8(url, 0);
}


/* Writes the header's value; nothing without a secret. */

static int
ngx_stentor_link_sign(ngx_stentor_link_ask_t *ask, stn_buf_t *url,
    stn_buf_t *sign)
{
    char       *p;
    stn_str_t   secret, uri, node;

    secret.data = (char *) ask->conf->secrets[0].data;
    secret.len = ask->conf->secrets[0].len;

    if (secret.len == 0) {
        return STN_OK;
    }

    p = strstr((char *) url->data, "://");
    p = p ? strchr(p + 3, '/') : NULL;

    if (p == NULL) {
        return STN_ERROR;
    }

    uri.data = p;
    uri.len = strlen(p);
    node.data = (char *) ask->conf->node.data;
    node.len = ask->conf->node.len;

    if (stn_relay_auth_sign(sign, &secret, &uri, &node,
                            ngx_time() + NGX_STENTOR_LINK_EXPIRE_S)
        != STN_OK)
    {
        return STN_ERROR;
    }

    return stn_buf_u8(sign, 0);
}


static ngx_int_t
ngx_stentor_link_body(void *data, u_char *bytes, size_t n)
{
    ngx_stentor_link_t *link = data;

    int                 rc;
    stn_relay_record_t  record;

    if (link->retired) {
        return NGX_ERROR;
    }

    link->bytes += n;

    ngx_stentor_store_count(link->store, link->slot,
                            NGX_STENTOR_RELAY_BYTES_IN, (int64_t) n);

    rc = stn_relay_reader_put(&link->reader, bytes, n);

    while (rc == STN_OK) {
        rc = stn_relay_reader_next(&link->reader, &record);

        if (rc != STN_OK) {
            break;
        }

        link->heard = ngx_current_msec;

        if (record.type == STN_RELAY_PART) {
            ngx_stentor_link_measure(link, &record.u.part);
        }

        if (link->record(link, &record) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (rc == STN_AGAIN) {
        return NGX_OK;
    }

    return ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED,
                                  link->reader.reason ? link->reader.reason
                                                      : "out of memory");
}


/* Those of the window were not made just now, and all come at once. */

static void
ngx_stentor_link_measure(ngx_stentor_link_t *link, stn_relay_part_t *part)
{
    int64_t  now, took;

    now = ngx_stentor_store_us(CLOCK_MONOTONIC);

    link->parted = ngx_current_msec;
    link->clock_us = part->made_us - now;

    ngx_stentor_store_count(link->store, link->slot,
                            NGX_STENTOR_RELAY_PARTS_IN, 1);

    if (!link->edged) {
        return;
    }

    took = now - part->sent_us;

    if (ngx_current_msec - link->least_since > NGX_STENTOR_LINK_LEAST_MS) {
        link->least_since = ngx_current_msec;
        link->least_us[1] = link->least_us[0];
        link->least_us[0] = took;
    }

    link->least_us[0] = ngx_min(link->least_us[0], took);

    link->lag_us = took - ngx_min(link->least_us[0], link->least_us[1]);
    link->behind_us = ngx_stentor_store_us(CLOCK_REALTIME) - part->made_us;
}


ngx_int_t
ngx_stentor_link_judge(ngx_stentor_link_t *link, ngx_stentor_link_e end,
    const char *reason)
{
    link->judged = 1;
    link->end = end;
    link->reason = reason;

    return NGX_ERROR;
}


static void
ngx_stentor_link_done(void *data, ngx_uint_t status, const char *reason)
{
    ngx_stentor_link_t *link = data;

    if (!link->judged) {
        ngx_stentor_link_status(link, status, reason);
    }

    link->ended(link);
}


static void
ngx_stentor_link_status(ngx_stentor_link_t *link, ngx_uint_t status,
    const char *reason)
{
    switch (status) {

    case 0:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED, reason);
        break;

    case 200:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED,
                                      "the response has broken off");
        break;

    case 403:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED,
                                      "this node is not let in (403)");
        break;

    case 404:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_ABSENT,
                                      "nobody has the stream");
        break;

    case 409:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                      "it made the stream before (409)");
        break;

    case 503:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                      "it has no room, or exits (503)");
        break;

    case 508:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_LOST,
                                      "it has the stream from here (508)");
        break;

    default:
        (void) ngx_stentor_link_judge(link, NGX_STENTOR_LINK_FAILED,
                                      "it is no relay: another status");
    }
}


void
ngx_stentor_link_cut(ngx_stentor_link_t *link, ngx_stentor_link_e end,
    const char *reason)
{
    (void) ngx_stentor_link_judge(link, end, reason);

    ngx_stentor_fetch_end(&link->fetch);

    link->ended(link);
}


void
ngx_stentor_link_free(ngx_stentor_link_t *link)
{
    ngx_stentor_fetch_end(&link->fetch);
    stn_relay_reader_free(&link->reader);
    ngx_free(link);
}
