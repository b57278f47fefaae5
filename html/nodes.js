/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard's table of all nodes, as this one has them from Redis, and of
 * the streams that it knows of and does not have itself.
 */

import {put} from './words.js';


/* A node's own dashboard, where it says where listeners find it. */
function link(node, here) {
    const name = document.createElement(node.listen && !here ? 'a' : 'span');

    if (name.localName === 'a') {
        try {
            const url = new URL('/dashboard', node.listen);

            if (/^https?:$/.test(url.protocol)) {
                name.href = url.href;
            }
        } catch (e) {
            /* it says something else */
        }
    }

    name.textContent = node.id + (here ? ' (this one)' : '');
    return name;
}


function row(node, here) {
    const tr = document.createElement('tr');
    const share = node.capacity ? ' of ' + node.capacity.toLocaleString('en')
                                : '';
    const cells = [link(node, here), node.role, node.region,
                   node.listeners.toLocaleString('en') + share,
                   (node.load * 100).toFixed(0) + ' %', node.streams,
                   node.version];

    for (const cell of cells) {
        tr.append(document.createElement('td'));
        tr.lastChild.append(cell);
    }

    tr.toggleAttribute('data-here', here);
    return tr;
}


export class Nodes {
    constructor(at) {
        this.at = at;
        this.written = '';
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

        const here = new Set(status.streams.map((st) => st.name));
        const away = c.leases.filter((l) => !here.has(l.stream) && l.owner);
        const nodes = fresh ? c.nodes : [];
        const text = JSON.stringify([nodes, fresh ? away : []]);

        if (text === this.written) {
            return;
        }

        this.written = text;
        at('nodes').replaceChildren(...nodes.map((n) => row(n,
                                                            n.id === c.node)));
        at('elsewhere-title').hidden = !(fresh && away.length);
        at('elsewhere').replaceChildren(...(fresh ? away : []).map((l) => {
            const li = document.createElement('li');

            li.textContent = l.stream + ', made by ' + l.owner;
            return li;
        }));
    }
}
