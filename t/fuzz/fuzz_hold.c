/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: hold audio files.  The input is the file.  What is taken must
 * be as long as it may be, what is refused has its reason, and a loop is made
 * of exactly what is taken; long ones are only checked, to be fast.
 */

#include <stdlib.h>
#include <string.h>

#include "pack/stn_cmaf.h"
#include "programme/stn_hold.h"
#include "wire/stn_aac_format.h"


#define FUZZ_INPUT_MAX  65536

/* What is encoded, too. */
#define FUZZ_MS  3000


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
check_loop(const stn_hold_t *h)
{
    uint32_t  i;
    size_t    len;

    check(h->bytes != NULL && h->frames > 1 && h->offset[0] == 0);

    for (i = 0; i < h->frames; i++) {
        check(stn_hold_frame(h, i, &len) == h->bytes + h->offset[i]);
        check(h->offset[i] < h->offset[i + 1]);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int              rc;
    uint32_t         ms = 0;
    stn_hold_t       h;
    const char      *reason = NULL;
    stn_format_t     f;
    stn_hold_conf_t  conf = { &f, 16000, data, len, NULL };

    if (len > FUZZ_INPUT_MAX) {
        return 0;
    }

    stn_cmaf_quiet();

    /* AAC-LC, 8 kHz, mono */

    check(stn_aac_format(&f, (const uint8_t *) "\x15\x88", 2, &reason)
          == STN_OK);

    rc = stn_hold_check(data, len, &ms, &reason);

    if (rc != STN_OK) {
        check(rc == STN_ERROR && reason != NULL);
        check(stn_hold_file(&h, &conf, &reason) == rc && h.bytes == NULL);
        return 0;
    }

    check(ms >= STN_HOLD_MIN_MS && ms <= STN_HOLD_MAX_S * 1000);

    if (ms <= FUZZ_MS) {
        check(stn_hold_file(&h, &conf, &reason) == STN_OK);
        check_loop(&h);
        stn_hold_free(&h);
    }

    return 0;
}
