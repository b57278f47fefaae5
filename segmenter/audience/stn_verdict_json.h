/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A verdict as JSON: what the status and the event "verdict" have in common.
 * Nothing in it has to be escaped.
 */

#ifndef STN_VERDICT_JSON_H
#define STN_VERDICT_JSON_H

#include "audience/stn_verdict.h"
#include "stn_buf.h"


/* The names of the attacks that there are, as an array. */
void stn_verdict_json_attacks(const stn_verdict_t *v, stn_buf_t *out);

/* The figures, as an object. */
void stn_verdict_json_figures(const stn_verdict_figures_t *f, stn_buf_t *out);


#endif /* STN_VERDICT_JSON_H */
