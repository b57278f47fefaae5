/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard's streams: a card for each, the gravest first, with who listens,
 * what comes in and how loud, the time bar of what was heard, where it comes
 * from, what is the matter, and what the operator may do.
 */

import {spark, bar} from './plot.js';
import {
    DASH, element, put, rounded, short, bits, count, time, ms
} from './words.js';

/* More cards than that nobody can look through. */
const CARDS = 100;

const FLOOR_DB = -60;

const ALARMS = {
    'dead_air': 'dead air', 'one_ear': 'one ear only', 'clipping': 'clipping'
};

const REPLAYS = {
    'waiting': 'waits for the first live part', 'writing': 'is being written',
    'failing': 'the disk fails'
};

/* In the order in which an operator wants to see them. */
const GRAVITY = ['source lost', 'dead air', 'hold', 'live', 'closed'];


/* The state in a word: what is the matter goes before what is heard. */
export function stateOf(st) {
    const alarms = st.level ? st.level.alarms : [];

    return st.state === 'closed' ? 'closed'
           : st.verdict === 'source lost' ? 'source lost'
           : alarms.includes('dead_air') || st.verdict === 'silent'
             ? 'dead air'
           : st.state;
}


/* Rewrites a list of nodes only when its text is another: what is being read
   or pointed at stays. */
function relist(parent, key, nodes) {
    if (parent.dataset.key !== key) {
        parent.dataset.key = key;
        parent.replaceChildren(...nodes());
    }
}


const minus = (n, digits) => n.toFixed(digits).replace('-', '\u2212');

/* Nothing is below -120 dB: that is none at all. */
const loud = (n) => n > -119 ? minus(n, 1) : '\u2212\u221e';


/* A row a channel, and the true peak of both. */
function showMeters(root, level) {
    const rms = level ? level.rms_db : [];
    const share = (db) => Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
    const n = Math.max(rms.length, 1);

    while (root.children.length < n) {
        root.append(element('span', '', {class: 'meter'}));
        root.lastChild.append(element('span', '', {class: 'fill'}),
                              element('span', '', {class: 'peak'}));
    }

    while (root.children.length > n) {
        root.lastChild.remove();
    }

    [...root.children].forEach((meter, i) => {
        const peak = level ? share(level.true_peak_db) : 0;

        meter.firstChild.style.clipPath = 'inset(0 '
            + (100 - 100 * share(rms[i] === undefined ? FLOOR_DB : rms[i]))
            + '% 0 0)';
        meter.lastChild.style.left = 100 * peak + '%';
        meter.lastChild.hidden = peak === 0;
    });

    root.setAttribute('aria-label', level
        ? 'Level ' + rms.map((db) => minus(db, 0)).join(' and ') + ' dB, true'
          + ' peak ' + minus(level.true_peak_db, 1) + ' dB' : 'No level');
}


/* Where it comes from: [what, words]. */
function sourceOf(st, status) {
    const here = status.cluster ? status.cluster.node : 'here';
    const s = st.session;
    const r = st.relay;

    if (r) {
        return r.chain.length ? ['Way', [...r.chain, here].join(' \u2192 ')]
                              : ['Way', 'from nobody now'];
    }

    return s ? ['Broadcaster', s.protocol + ', ' + (s.encoder || 'unknown')
                               + ', ' + s.address + ', for '
                               + time(s.since_s)]
             : ['Broadcaster', 'none'];
}


function factsOf(st, status) {
    const facts = [sourceOf(st, status)];
    const late = st.renditions.map((r) => r.late_ms)
                              .filter((n) => n !== undefined);
    const r = st.repairs;
    const repaired = r.gaps_filled + r.stale_dropped + r.broken;

    if (st.relay) {
        facts.push(['Behind', ms(st.relay.behind_ms) + ', the last step '
                              + ms(st.relay.lag_ms) + ' more than its least']);
    }

    if (st.level) {
        facts.push(['Loudness', 'now ' + loud(st.level.momentary_lufs)
                    + ', in all ' + loud(st.level.integrated_lufs)
                    + ' LUFS; peak ' + loud(st.level.true_peak_db)
                    + ' dBTP']);
    }

    facts.push(['Part', 'made ' + (late.length ? ms(Math.max(...late)) : DASH)
                        + ' late']);
    facts.push(['Open', 'for ' + time(st.opened_s) + ', by '
                        + (st.opened_by === 'broadcaster' ? 'its broadcaster'
                           : 'the ' + (st.opened_by === 'config'
                                       ? 'configuration' : 'operator'))]);
    facts.push(['Listened', 'by ' + short(st.unique)
                + (st.unique_cluster === null ? ''
                   : ', ' + short(st.unique_cluster) + ' on all nodes')
                + ' so far']);

    if (repaired || r.dead_airs) {
        facts.push(['Repaired', count(repaired, 'frame') + '; '
                                + count(r.dead_airs, 'dead air')]);
    }

    if (REPLAYS[st.replay]) {
        facts.push(['Replay', REPLAYS[st.replay]]);
    }

    return facts;
}


/* What is the matter, beside the state. */
function alarmsOf(st, alive) {
    const alarms = alive && st.level ? st.level.alarms : [];

    return [...alarms.filter((a) => a !== 'dead_air')
                     .map((a) => ALARMS[a] || a),
            ...(alive && st.replay === 'failing' ? ['replay fails'] : [])];
}


export class Streams {
    /* o: list, template (elements), history, rates, control */
    constructor(o) {
        Object.assign(this, o);
        this.cards = new Map();
        this.figures = new Map();
        this.shown = [];

        this.list.addEventListener('click', (e) => {
            const {verb, stream} = e.target.dataset;

            if (verb) {
                this.control.act(verb, stream);
            }
        });
    }

    /* Remembers what a status says of them, at t. */
    sample(status, t) {
        this.figures.clear();

        for (const st of status.streams) {
            const name = 'stream ' + st.name;
            const bytes = st.session ? st.session.bytes
                          : st.relay ? st.relay.bytes : null;
            const rate = this.rates.of(name, t, bytes,
                                       st.session ? st.session.id : 0);

            this.figures.set(st.name, rate);
            this.history.add(name + ' listeners', t, st.listeners);
            this.history.add(name + ' rate', t, rounded(rate));
            this.history.mark(name, t, stateOf(st));
        }
    }

    show(status, alive, view) {
        const all = status ? status.streams : [];
        const list = [...all].sort((a, b) =>
            GRAVITY.indexOf(stateOf(a)) - GRAVITY.indexOf(stateOf(b))
            || (a.name < b.name ? -1 : 1)).slice(0, CARDS);
        const names = new Set(list.map((st) => st.name));

        for (const [name, card] of this.cards) {
            if (!names.has(name)) {
                card.remove();
                this.cards.delete(name);
            }
        }

        list.forEach((st, i) => {
            const card = this.card(st);

            if (this.list.children[i] !== card) {
                this.list.insertBefore(card, this.list.children[i] || null);
            }

            this.fill(card, st, status, alive, view);
        });

        this.shown = list.map((st) => [st.name,
                                       alive ? stateOf(st) : 'unseen']);
    }

    card(st) {
        let card = this.cards.get(st.name);

        if (!card) {
            card = this.template.content.firstElementChild.cloneNode(true);
            card.querySelector('h3').textContent = st.name;
            this.cards.set(st.name, card);
        }

        return card;
    }

    fill(card, st, status, alive, view) {
        const $ = (selector) => card.querySelector(selector);
        const name = 'stream ' + st.name;
        const state = alive ? stateOf(st) : 'unseen';
        const rate = this.figures.get(st.name);
        const known = alive && st.level;
        const span = view.to - view.from;

        card.dataset.state = state;
        put($('.pill'), alive ? state : 'not known');
        put($('.listeners'), alive ? st.listeners.toLocaleString('en') : DASH);
        put($('.rate'), alive && rate !== null ? bits(rate) : DASH);
        put($('.lufs'), known ? loud(st.level.short_term_lufs) : DASH);

        showMeters($('.meters'), known ? st.level : null);
        spark($('.spark'), this.history.points(name + ' listeners', span,
                                               view.to), view);
        bar($('.track'), this.history.periods(name, span, view.to), view,
            false);
        $('.track').setAttribute('aria-label', 'What was heard of ' + st.name);

        const alarms = alarmsOf(st, alive);
        const facts = alive ? factsOf(st, status) : [];

        relist($('.alarms'), alarms.join('\n'), () =>
               alarms.map((a) => element('li', a)));
        relist($('dl'), JSON.stringify(facts), () => facts.flatMap(
               ([what, words]) => [element('dt', what),
                                   element('dd', words)]));
        this.showButtons($('.buttons'), st, alive);
    }

    showButtons(root, st, alive) {
        const may = this.control.allowed && alive;
        const closed = st.state === 'closed';
        const verbs = !may ? []
            : closed ? [['open', 'Open again']]
            : st.opened_by === 'control' ? [['close', 'Close']]
            : [['open', 'Keep open'], ['close', 'Close']];
        const listen = closed ? [] : [['', 'Listen']];

        relist(root, JSON.stringify([verbs, listen]), () => [
            ...listen.map(([, words]) => element('a', words, {
                href: 'listen/' + st.name.split('/').map(encodeURIComponent)
                                         .join('/')
            })),
            ...verbs.map(([verb, words]) => element('button', words, {
                'type': 'button', 'data-verb': verb, 'data-stream': st.name,
                'aria-label': words + ' ' + st.name,
                'title': verb === 'open' ? 'Hold audio plays while nobody sends'
                                         : 'Ends it for its listeners'
            }))
        ]);
    }
}
