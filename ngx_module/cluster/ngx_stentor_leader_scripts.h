/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What Redis is asked to do in one go: Lua scripts, called by their SHA1 with
 * EVALSHA.  An error about one key is that name's: the others of the call go
 * on.  That the server is a replica is an error of the whole call.
 */

#ifndef _NGX_STENTOR_LEADER_SCRIPTS_H_INCLUDED_
#define _NGX_STENTOR_LEADER_SCRIPTS_H_INCLUDED_


typedef enum {
    /*
     * This node lives, and who else does.
     *
     *   KEYS   the hash of nodes
     *   ARGV   id, its JSON, ms until it expires, how many are wanted
     *
     * Returns what was wrong (or an empty string), and of each node that lives
     * its id and its JSON, in a row.
     */
    NGX_STENTOR_SCRIPT_BEAT,

    /*
     * Leases of some names.
     *
     *   KEYS   of each name the key of its lease and that of its last epoch
     *   ARGV   ms that a lease lasts, node, its relay URL, the channel; then of
     *          each name: the name, verb, fed ("0" or "1"), epoch
     *
     *   take   the lease, with an epoch above that one and all that were: if
     *          nobody has it, or this node, or one that is not fed while this
     *          one is
     *   keep   it by that epoch; also when there is none, or an older one: this
     *          node went on while Redis was away, or has forgotten
     *   quit   it, if it is of that epoch
     *
     * Returns of each name "held EPOCH", "other EPOCH FED NODE URL" (who has it
     * now), "other EPOCH" (nobody, but somebody had), "quit" or "error TEXT".
     * What changes is told on the channel: "lease NAME EPOCH NODE" or "quit
     * NAME EPOCH NODE".
     */
    NGX_STENTOR_SCRIPT_LEASE,

    NGX_STENTOR_SCRIPTS
} ngx_stentor_script_e;


/* The texts, in that order. */
extern const char  *ngx_stentor_scripts[NGX_STENTOR_SCRIPTS];


#endif /* _NGX_STENTOR_LEADER_SCRIPTS_H_INCLUDED_ */
