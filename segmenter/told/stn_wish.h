/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the operator wishes by the control's requests: the JSON object that is
 * posted, {"stream": "application/name"}.
 */

#ifndef STN_WISH_H
#define STN_WISH_H

#include "stn_name.h"


typedef struct {
    size_t   len;
    uint8_t  name[STN_NAME_MAX];   /* of the stream, no zero behind it */
} stn_wish_t;


/* Reads the body of a request.  Returns NULL, or what is wrong with it. */
const char *stn_wish_read(stn_wish_t *wish, const char *body, size_t len);


#endif /* STN_WISH_H */
