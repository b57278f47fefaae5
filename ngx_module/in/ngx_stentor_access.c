/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Key files and who has a key (see ngx_stentor_access.h).  A file belongs to
 * its configuration and is wiped with it.  Nothing that a broadcaster brings
 * is logged here.
 */

#include "ngx_stentor_access.h"
#include "store/ngx_stentor_admission.h"

#include <openssl/rand.h>


struct ngx_stentor_keys_s {
    stn_keys_t  keys;
    uint8_t     secret[STN_ADOBE_SECRET_LEN];   /* of Adobe's dialogue */
};


static ngx_int_t ngx_stentor_access_read(ngx_conf_t *cf, ngx_str_t *file,
    ngx_stentor_keys_t *k);
static void ngx_stentor_access_warn(ngx_conf_t *cf, ngx_str_t *file,
    ngx_file_info_t *fi);
static void ngx_stentor_access_cleanup(void *data);
static ngx_int_t ngx_stentor_access_encrypted(ngx_stentor_access_t *a);
static ngx_int_t ngx_stentor_access_refuse(ngx_stentor_access_t *a,
    stn_access_e verdict);
static ngx_int_t ngx_stentor_access_wait(ngx_stentor_access_t *a);
static int64_t ngx_stentor_access_now(void);


char *
ngx_stentor_access_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stentor_app_t *app = conf;

    ngx_str_t            file, *value;
    ngx_pool_cleanup_t  *cln;
    ngx_stentor_keys_t  *k;

    if (app->keys) {
        return "is duplicate";
    }

    value = cf->args->elts;
    file = value[1];

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_stentor_keys_t));

    if (cln == NULL || ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    k = cln->data;
    ngx_memzero(k, sizeof(ngx_stentor_keys_t));

    cln->handler = ngx_stentor_access_cleanup;

    if (RAND_bytes(k->secret, sizeof(k->secret)) != 1) {
        return "cannot be had: no random bytes";
    }

    if (ngx_stentor_access_read(cf, &file, k) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    app->keys = k;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stentor_access_read(ngx_conf_t *cf, ngx_str_t *file,
    ngx_stentor_keys_t *k)
{
    int               rc;
    u_char           *text;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    n = -1;
    text = NULL;

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", file);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        ngx_stentor_access_warn(cf, file, &fi);

        text = ngx_alloc(STN_KEYS_FILE_MAX + 1, cf->log);
        n = text ? ngx_read_fd(fd, text, STN_KEYS_FILE_MAX + 1) : -1;
    }

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "reading \"%V\" failed", file);
        rc = STN_ERROR;

    } else {
        rc = stn_keys_read(&k->keys, text, (size_t) n);
    }

    if (text) {
        ngx_explicit_memzero(text, n > 0 ? n : 0);
        ngx_free(text);
    }

    (void) ngx_close_file(fd);

    if (n != -1 && rc != STN_OK && k->keys.line) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\", line %ui: %s", file,
                           (ngx_uint_t) k->keys.line, k->keys.reason);

    } else if (n != -1 && rc != STN_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", file,
                           k->keys.reason);
    }

    return rc == STN_OK ? NGX_OK : NGX_ERROR;
}


static void
ngx_stentor_access_warn(ngx_conf_t *cf, ngx_str_t *file, ngx_file_info_t *fi)
{
    if (ngx_file_access(fi) & (S_IROTH|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" has secrets, and everybody may read it",
                           file);
    }
}


static void
ngx_stentor_access_cleanup(void *data)
{
    ngx_stentor_keys_t *k = data;

    stn_keys_free(&k->keys);
    ngx_explicit_memzero(k->secret, sizeof(k->secret));
}


ngx_int_t
ngx_stentor_access_check(ngx_stentor_access_t *a)
{
    stn_str_t         app, name;
    stn_access_e      verdict;
    const stn_keys_t *keys;

    if (a->app->keys == NULL) {
        return ngx_stentor_access_encrypted(a);
    }

    keys = &a->app->keys->keys;
    app = ngx_stentor_access_str(&a->app->name);
    name = ngx_stentor_access_str(a->name);

    if (a->user.len) {
        verdict = stn_keys_user_may(keys, &a->user, &app, &name);

    } else if (a->params->user.len && a->params->pass.len
               && ngx_stentor_admission_waits(a->scf->store, a->address))
    {
        return ngx_stentor_access_wait(a);

    } else {
        verdict = stn_keys_check(keys, &app, &name, a->params,
                                 ngx_stentor_access_now());
    }

    if (verdict == STN_ACCESS_OK) {
        return NGX_OK;
    }

    return (verdict == STN_ACCESS_NO_KEY && a->encrypted)
           ? ngx_stentor_access_encrypted(a)
           : ngx_stentor_access_refuse(a, verdict);
}


/* Who needs no key.  If it is a passphrase that he needs, that can be guessed,
 * as a password can. */

static ngx_int_t
ngx_stentor_access_encrypted(ngx_stentor_access_t *a)
{
    return (a->encrypted
            && ngx_stentor_admission_waits(a->scf->store, a->address))
           ? ngx_stentor_access_wait(a) : NGX_OK;
}


static ngx_int_t
ngx_stentor_access_refuse(ngx_stentor_access_t *a, stn_access_e verdict)
{
    if (ngx_stentor_admission_waits(a->scf->store, a->address)) {
        return ngx_stentor_access_wait(a);
    }

    ngx_stentor_admission_fail(a->scf->store, a->address);

    a->verdict = verdict;
    a->reason = stn_access_reason(verdict);
    a->counter = NGX_STENTOR_INGEST_REFUSED_KEY;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_stentor_access_wait(ngx_stentor_access_t *a)
{
    a->verdict = STN_ACCESS_FAILED;
    a->reason = "too many failed attempts from this address: try again later";
    a->counter = NGX_STENTOR_INGEST_REFUSED_ATTEMPTS;

    return NGX_DECLINED;
}


ngx_int_t
ngx_stentor_access_connect(ngx_stentor_access_t *a, char *description)
{
    stn_adobe_t   adobe;
    stn_access_e  verdict;

    if (a->app->keys == NULL) {
        return NGX_OK;
    }

    adobe.keys = &a->app->keys->keys;
    adobe.secret = a->app->keys->secret;

    /* a response is a password's */

    if (a->params->response.len
        && ngx_stentor_admission_waits(a->scf->store, a->address))
    {
        (void) ngx_stentor_access_wait(a);
        ngx_cpystrn((u_char *) description, (u_char *) a->reason,
                    STN_ADOBE_DESCRIPTION_MAX);
        return NGX_DECLINED;
    }

    verdict = stn_adobe_connect(&adobe, a->params, ngx_stentor_access_now());

    if (verdict == STN_ACCESS_NO_KEY) {
        return NGX_OK;
    }

    if (verdict == STN_ACCESS_OK) {
        a->user = a->params->user;
        return NGX_OK;
    }

    ngx_cpystrn((u_char *) description, (u_char *) adobe.description,
                STN_ADOBE_DESCRIPTION_MAX);

    if (verdict == STN_ACCESS_NEED_AUTH) {
        a->verdict = verdict;
        a->reason = stn_access_reason(verdict);
        a->counter = NGX_STENTOR_COUNTERS;
        return NGX_DECLINED;
    }

    return ngx_stentor_access_refuse(a, verdict);
}


int
ngx_stentor_access_passphrase(ngx_stentor_app_t *app, ngx_str_t *name,
    stn_str_t *value)
{
    stn_str_t  a, n;

    if (app->keys == NULL) {
        return STN_KEYS_NONE;
    }

    a = ngx_stentor_access_str(&app->name);
    n = ngx_stentor_access_str(name);

    return stn_keys_passphrase(&app->keys->keys, &a, &n, value);
}


stn_str_t
ngx_stentor_access_str(const ngx_str_t *s)
{
    stn_str_t  str;

    str.data = (const char *) s->data;
    str.len = s->len;

    return str;
}


/* Not nginx's cached time: other threads ask, too. */

static int64_t
ngx_stentor_access_now(void)
{
    return ngx_stentor_store_wall() / 1000;
}
