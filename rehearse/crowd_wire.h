/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Connections of a crowd: TCP, TLS by OpenSSL, and on them HTTP/1.1 with
 * keep-alive, or HTTP/2 (crowd_h2.c); one request at a time.  What stands
 * here knows neither playlists nor listeners.  A process has one crowd_net_t
 * for all of its connections and one thread, so they share memory to read
 * into.
 */

#ifndef CROWD_WIRE_H
#define CROWD_WIRE_H

#include "crowd_http.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>


#define CROWD_WIRE_ADDRS    8        /* of one name */
#define CROWD_WIRE_SOURCES  64       /* addresses that connections come from */
#define CROWD_WIRE_NAME     128
#define CROWD_WIRE_READ     (64 * 1024)
#define CROWD_WIRE_REQUEST  1024     /* bytes of one */


/* Whom to ask. */

typedef struct {
    char                     host[CROWD_WIRE_NAME];  /* and :port, unless it
                                                        is the scheme's own */
    char                     name[CROWD_WIRE_NAME];  /* of TLS (SNI) */
    unsigned                 tls;    /* boolean */
    unsigned                 port;
    unsigned                 naddrs;
    struct sockaddr_storage  addrs[CROWD_WIRE_ADDRS];
    socklen_t                lens[CROWD_WIRE_ADDRS];
} crowd_edge_t;


typedef struct {
    int                      ep;
    SSL_CTX                 *ssl;
    unsigned                 http2;      /* booleans: asked for over TLS, */
    unsigned                 insecure;   /* certificates are not looked at, */
    unsigned                 resume;     /* sessions of TLS are resumed */
    unsigned                 nsources;
    struct in_addr           sources[CROWD_WIRE_SOURCES];
    char                     in[CROWD_WIRE_READ];
    char                     body[CROWD_WIRE_READ];  /* of HTTP/2's answers */
} crowd_net_t;


typedef enum {
    crowd_wire_closed = 0,
    crowd_wire_connecting,
    crowd_wire_shaking,      /* hands, by TLS */
    crowd_wire_open
} crowd_wire_state_e;


/* Zeroed memory is a good start. */

typedef struct crowd_h2_s  crowd_h2_t;

typedef struct {
    crowd_wire_state_e       state;
    int                      fd;         /* of use unless closed */
    const crowd_edge_t      *edge;
    void                    *data;       /* of its epoll events */
    SSL                     *ssl;
    SSL_SESSION             *session;    /* of the last connection */
    crowd_h2_t              *h2;
    crowd_http_t             answer;
    size_t                   pace;       /* B it may read at a time; 0: all */
    size_t                   left;       /* of that */
    unsigned                 paused;     /* boolean: it does not read */
    unsigned                 resumed;    /* boolean: its TLS session is */
} crowd_wire_t;


/* Reads [http://|https://]HOST[:PORT], or a mere port of 127.0.0.1, up to a
 * slash or the end, and resolves the name (this may block).  STN_OK or
 * STN_ERROR. */
int crowd_edge_read(crowd_edge_t *e, const char *text, size_t len);

/* What TLS needs, if an edge wants it.  STN_OK or STN_ERROR. */
int crowd_net_init(crowd_net_t *n);

/* Connects without waiting; number picks among addresses.  Its events come
 * to n->ep with data.  STN_OK or STN_ERROR. */
int crowd_wire_connect(crowd_net_t *n, crowd_wire_t *w, unsigned number);

/* Its descriptor is ready, or (a wire that is paused) may be read again.
 * STN_OK: it has just been opened, or an answer is whole; STN_AGAIN;
 * STN_ERROR: it is of no more use, and w->answer.lost tells whether it ended
 * or said what no server may say. */
int crowd_wire_event(crowd_net_t *n, crowd_wire_t *w);

/* Asks for a path, w being open; gzip says whether the answer may be
 * compressed.  STN_OK or STN_ERROR. */
int crowd_wire_get(crowd_wire_t *w, const char *path, unsigned gzip);

/* Sends bytes as they are.  STN_OK or STN_ERROR, also when not all of them
 * could be sent at once. */
int crowd_wire_send(crowd_wire_t *w, const char *data, size_t len);

/* What has come of an answer is forgotten. */
void crowd_wire_done(crowd_wire_t *w);

/* Closes it, if it is not closed. */
void crowd_wire_drop(const crowd_net_t *n, crowd_wire_t *w);


#endif /* CROWD_WIRE_H */
