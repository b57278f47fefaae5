/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard's table of all nodes, as this one has them from Redis, and of
 * the streams that are elsewhere: those that this node knows who makes, and
 * where the operator has made the statuses of the others reachable on this
 * host, all of theirs.
 */

import {stateOf} from './streams.js';
import {DASH, element, put, count} from './words.js';

const TIMEOUT_MS = 4000;
const STALE_MS = 12000;


/* A node's own dashboard, where it says where listeners find it. */
function link(node, here) {
    const name = element('a', node.id + (here ? ' (this one)' : ''));

    try {
        const url = new URL('/dashboard', node.listen);

        if (!here && /^https?:$/.test(url.protocol)) {
            name.href = url.href;
        }
    } catch (e) {
        /* it does not say, or something else */
    }

    return name;
}


function row(node, here, verdict) {
    const tr = document.createElement('tr');
    const share = node.capacity ? ' of ' + node.capacity.toLocaleString('en')
                                : '';
    const cells = [link(node, here), node.role, node.region,
                   node.listeners.toLocaleString('en') + share,
                   (node.load * 100).toFixed(0) + ' %', node.streams,
                   node.version, verdict];

    for (const cell of cells) {
        tr.append(document.createElement('td'));
        tr.lastChild.append(cell);
    }

    tr.toggleAttribute('data-here', here);
    return tr;
}


function item({name, where, state}) {
    const li = element('li', name + ', ' + where + ' ');

    if (state) {
        li.append(element('span', state));
        li.lastChild.className = 'pill';
        li.lastChild.dataset.state = state;
    }

    return li;
}


export class Nodes {
    /* pattern: the address of a node's status; '' if they are not to be had */
    constructor(at, pattern) {
        this.at = at;
        this.pattern = pattern;
        this.others = new Map();      /* id -> {t, status} */
        this.written = '';
    }

    /* Asks the others; status is that of this node, or null. */
    async ask(status) {
        const c = status && status.cluster;

        if (!this.pattern || !c) {
            return;
        }

        await Promise.all(c.nodes.filter((n) => n.id !== c.node).map((n) =>
            this.askOne(n.id).catch(() => this.others.delete(n.id))));
    }

    async askOne(id) {
        const path = this.pattern.replace('{node}', encodeURIComponent(id));
        const response = await fetch(new URL(path, document.baseURI), {
            cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS)
        });
        const status = await response.json();

        if (!response.ok || !Array.isArray(status.streams)) {
            throw new Error('no status');
        }

        this.others.set(id, {t: performance.now(), status});
    }

    /* What a node said just now, or null. */
    of(id) {
        const other = this.others.get(id);

        return other && performance.now() - other.t < STALE_MS ? other.status
                                                               : null;
    }

    verdict(node, status) {
        const s = node.id === status.cluster.node ? status : this.of(node.id);

        return s && s.verdict ? s.verdict.state : DASH;
    }

    /* Streams that are not here: [{name, where, state}]. */
    elsewhere(status) {
        const c = status.cluster;
        const here = new Set(status.streams.map((st) => st.name));
        const list = [];
        const told = new Set();

        for (const {id} of c.nodes.filter((n) => n.id !== c.node)) {
            const other = this.of(id);

            for (const st of other ? other.streams : []) {
                told.add(st.name);
                list.push({name: st.name, state: stateOf(st), where: 'at '
                           + id + ': ' + count(st.listeners, 'listener')});
            }
        }

        return list.concat(c.leases.filter((l) => l.owner && !here.has(l.stream)
                                                  && !told.has(l.stream))
                                   .map((l) => ({name: l.stream, state: null,
                                                 where: 'made by ' + l.owner})))
                   .sort((a, b) => a.name < b.name ? -1 : 1);
    }

    show(status, fresh) {
        const at = this.at;
        const c = status && status.cluster;

        at('cluster').hidden = !c;

        if (!c) {
            return;
        }

        const age = c.redis.answered_ms;

        put(at('redis'), !fresh ? 'Not known now: this node does not answer.'
            : c.redis.state === 'up' ? ''
            : 'Redis is ' + c.redis.state + (c.redis.trouble ? ' ('
              + c.redis.trouble + ')' : '') + (age >= 0 ? '; this is what it'
              + ' said ' + Math.round(age / 1000) + ' s ago.' : '.'));

        const nodes = fresh ? c.nodes : [];
        const verdicts = nodes.map((n) => this.verdict(n, status));
        const list = fresh ? this.elsewhere(status) : [];
        const text = JSON.stringify([nodes, verdicts, list]);

        if (text === this.written) {
            return;
        }

        this.written = text;
        at('nodes').replaceChildren(...nodes.map((n, i) =>
            row(n, n.id === c.node, verdicts[i])));
        at('elsewhere-title').hidden = list.length === 0;
        at('elsewhere').replaceChildren(...list.map(item));
    }
}
