/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Those in a crowd who only seem to listen, and never ask for anything in
 * earnest: they connect and say nothing, send a request a byte at a time, or
 * what is no request.  Whom the server throws out comes again within a second
 * (crowd_listener.c).
 */

#include "crowd.h"

#include <stdlib.h>
#include <string.h>


#define CROWD_IDLE_MS   60000
#define CROWD_LORIS_MS  2000
#define CROWD_ODD_MS    1000


static void crowd_bot_say(crowd_t *c, crowd_listener_t *l, const char *text,
    double ms);


/* Requests that no player sends. */

static const char  *crowd_bot_lines[] = {
    "GET /\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "BREW /live HTTP/1.1\r\nHost: x\r\n\r\n",
    "\x16\x03\x01\x02\xff\x01\xfc\x03\x03",
    "GET /live/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
};

#define CROWD_BOT_LINES  (sizeof(crowd_bot_lines) / sizeof(char *))


void
crowd_bot(crowd_t *c, crowd_listener_t *l)
{
    l->state = crowd_botting;

    switch (l->kind) {

    case crowd_bot_loris:
        crowd_bot_say(c, l, l->tries++ ? "a" : "GET / HTTP/1.1\r\nX-Slow: ",
                      CROWD_LORIS_MS);
        return;

    case crowd_bot_odd:
        crowd_bot_say(c, l, crowd_bot_lines[l->tries++ % CROWD_BOT_LINES],
                      CROWD_ODD_MS);
        return;

    default: /* crowd_bot_idle */
        crowd_wheel_set(&c->wheel, &l->timer,
                        c->now + CROWD_IDLE_MS * CROWD_MS);
        return;
    }
}


static void
crowd_bot_say(crowd_t *c, crowd_listener_t *l, const char *text, double ms)
{
    if (l->wire.state != crowd_wire_open
        || crowd_wire_send(&l->wire, text, strlen(text)) != STN_OK)
    {
        crowd_wire_drop(&c->net, &l->wire);
        crowd_wait(c, l, ms * drand48());
        return;
    }

    crowd_stat(c, l)->requests++;
    crowd_wheel_set(&c->wheel, &l->timer, c->now + (int64_t) (ms * CROWD_MS));
}
