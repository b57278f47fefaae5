/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Stream keys in nginx: "publish_key_file" of an application, read by the
 * master, and the question whether somebody has a key for a stream, which any
 * thread may ask (an event loop for RTMP, a thread of libsrt's for SRT).  What
 * is in the file and what is good is the library's (access/stn_keys.h).
 */

#ifndef _NGX_STENTOR_ACCESS_H_INCLUDED_
#define _NGX_STENTOR_ACCESS_H_INCLUDED_


#include "ngx_stentor.h"
#include "access/stn_adobe.h"
#include "store/ngx_stentor_store.h"


/* Who asks, for what, and with what. */

typedef struct {
    ngx_stentor_conf_t      *scf;
    ngx_stentor_app_t       *app;
    ngx_str_t               *name;      /* of the stream */
    const stn_params_t      *params;
    stn_str_t                user;      /* as who he is known; or empty */
    ngx_uint_t               encrypted; /* boolean: a passphrase is all that he
                                           needs, and without it libsrt
                                           refuses him */
    uint32_t                 address;   /* ngx_stentor_admission_key() */

    /* why he may not */

    stn_access_e             verdict;
    const char              *reason;    /* static; has no piece of a key */
    ngx_stentor_counter_e    counter;
} ngx_stentor_access_t;


/* publish_key_file FILE; a directive's handler, conf is the application. */
char *ngx_stentor_access_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whether he may publish.  An application without a key file lets in anybody.
 * Failures are counted by address; from one that has too many of them passwords
 * and passphrases are not even tried, since only they can be guessed.  Returns
 * NGX_OK, or NGX_DECLINED with the reason.
 */
ngx_int_t ngx_stentor_access_check(ngx_stentor_access_t *a);

/*
 * What came with connect, of an RTMP encoder that may have a user and a
 * password (stn_adobe.h).  Returns NGX_OK; a->user is set if he has proved who
 * he is; NGX_DECLINED: he is to be rejected with what description says
 * (STN_ADOBE_DESCRIPTION_MAX bytes), which may be the next word of a dialogue:
 * a->counter is NGX_STENTOR_COUNTERS then.
 */
ngx_int_t ngx_stentor_access_connect(ngx_stentor_access_t *a,
    char *description);

/* nginx's text as the library has it. */
stn_str_t ngx_stentor_access_str(const ngx_str_t *s);

/* The passphrase of a stream; see stn_keys_passphrase(), whose value this
 * returns. */
int ngx_stentor_access_passphrase(ngx_stentor_app_t *app, ngx_str_t *name,
    stn_str_t *value);


#endif /* _NGX_STENTOR_ACCESS_H_INCLUDED_ */
