/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The event that is no stream's: the node's verdict has become another one.
 * It comes from the event loop of the worker that takes samples; see
 * ngx_stentor_pulse.h.
 */

#include "ngx_stentor_notify.h"
#include "ngx_stentor_outbox.h"
#include "store/ngx_stentor_wake.h"
#include "audience/stn_verdict_json.h"


void
ngx_stentor_notify_verdict(ngx_cycle_t *cycle, stn_verdict_e was,
    const stn_verdict_t *verdict, const stn_verdict_figures_t *f)
{
    char                 text[STN_VERDICT_TEXT_MAX];
    stn_buf_t            out;
    ngx_stentor_conf_t  *scf;

    scf = ngx_stentor_conf(cycle);

    if (scf->on_event.len == 0) {
        return;
    }

    stn_verdict_text(verdict, f, text);

    stn_buf_init(&out, NGX_STENTOR_OUTBOX_MEMBERS_MAX);

    stn_buf_printf(&out, "\"old\":\"%s\",\"new\":\"%s\",\"text\":\"%s\","
                   "\"listeners\":%u,\"attacks\":", stn_verdict_states[was],
                   stn_verdict_states[verdict->state], text, f->listeners);
    stn_verdict_json_attacks(verdict, &out);
    stn_buf_str(&out, ",\"figures\":");
    stn_verdict_json_figures(f, &out);

    /* out of memory it is short, and no JSON: better untold than that */

    if (out.failed) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "event \"verdict\" of the node is lost: out of memory");
        ngx_stentor_store_count(scf->store, scf->worker.wake->slot,
                                NGX_STENTOR_NOTIFY_DROPPED, 1);

    } else {
        (void) ngx_stentor_notify_event(scf->worker.notify,
                                        (const char *) scf->on_event.data,
                                        NULL, "verdict", "%.*s",
                                        (int) out.len, (char *) out.data);
    }

    stn_buf_free(&out);
}
