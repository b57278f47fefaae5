/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A node as it tells of itself: a JSON object with id, region, role, relay,
 * listen, version, capacity, listeners, streams and load.  Others may be of
 * another version: what is missing is empty or 0, what is not known is passed
 * over.  What does not fit, or no URL could be, makes a node that is not there.
 */

#ifndef STN_NODE_H
#define STN_NODE_H

#include "stn_base.h"


/* Bytes of an id or a region, of a URL and of a version, each with a zero. */
#define STN_NODE_MAX          64
#define STN_NODE_URL_MAX      256
#define STN_NODE_VERSION_MAX  16


typedef enum {
    STN_NODE_ORIGIN = 1,
    STN_NODE_SHIELD,
    STN_NODE_EDGE
} stn_node_role_e;


/* Texts end with a zero. */

typedef struct {
    char             id[STN_NODE_MAX];
    char             region[STN_NODE_MAX];
    char             relay[STN_NODE_URL_MAX];    /* where nodes, */
    char             listen[STN_NODE_URL_MAX];   /* and listeners find it; may
                                                    be empty */
    char             version[STN_NODE_VERSION_MAX];
    stn_node_role_e  role;
    uint32_t         capacity;   /* listeners; 0: not told */
    uint32_t         listeners;
    uint32_t         streams;
    uint32_t         load;       /* thousandths of its cores */
} stn_node_t;


/* Reads what the node with that id (which ends with a zero) told.  Returns
 * STN_OK, or STN_ERROR: it makes no sense. */
int stn_node_read(stn_node_t *node, const char *id, const char *text,
    size_t len);

/* What a role is called. */
const char *stn_node_role(stn_node_role_e role);

/* Whether text, which ends with a zero, is printable ASCII without a blank,
 * or empty; and whether it is a URL that a path may be put behind, or empty.
 * Returns 1 or 0. */
int stn_node_is_word(const char *text);
int stn_node_is_url(const char *text);


#endif /* STN_NODE_H */
