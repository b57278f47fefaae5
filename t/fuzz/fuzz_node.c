/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Fuzz target: a node as it tells of itself: its id up to the first line's end,
 * then the JSON.  What is taken can stand in a log, and have a path behind it
 * where it is a URL.
 */

#include <stdlib.h>
#include <string.h>

#include "stn_str.h"
#include "told/stn_node.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(int ok)
{
    if (!ok) {
        abort();
    }
}


static void
word(const char *text, size_t size)
{
    const char  *end;

    end = memchr(text, '\0', size);

    check(end != NULL && stn_node_is_word(text));
}


static void
url(const char *text, size_t size)
{
    word(text, size);
    check(*text == '\0'
          || (strncmp(text, "http", 4) == 0 && text[strlen(text) - 1] == '/'));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char        *id;
    stn_str_t    all, head, rest;
    stn_node_t   node;

    all.data = (const char *) data;
    all.len = len;

    stn_str_cut(&all, '\n', &head, &rest);

    id = malloc(head.len + 1);
    check(id != NULL);

    if (head.len) {
        memcpy(id, head.data, head.len);
    }

    id[head.len] = '\0';

    if (stn_node_read(&node, id, rest.data, rest.len) == STN_OK) {
        word(node.id, sizeof(node.id));
        url(node.relay, sizeof(node.relay));
        url(node.listen, sizeof(node.listen));
        check(strcmp(node.id, id) == 0 && node.id[0] != '\0');
        check(memchr(node.region, '\0', sizeof(node.region)) != NULL);
        check(memchr(node.version, '\0', sizeof(node.version)) != NULL);
        check(node.role >= STN_NODE_ORIGIN && node.role <= STN_NODE_EDGE);
        check(stn_node_role(node.role)[0] != '\0');
    }

    free(id);

    return 0;
}
