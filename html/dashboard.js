/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard: asks the status once a second, tells the verdict and who
 * listens so that it is read from across the room, and below it everything
 * else.  What the node said too long ago is not shown: figures become dashes
 * until it answers again, and what the page remembers of it stays.
 *
 * For tests and for the curious, window.stentor is read-only and
 * as shown:
 *
 *     verdict    the state of the node, 'no answer', or 'none' at first
 *     fresh      whether what is shown is of now
 *     listeners  on this node, or null
 *     streams    [name, state] of each, as shown
 *     samples    good answers so far
 *     control    whether this page may open and close streams
 */

import {History} from './history.js';
import {plot, spark, bar} from './plot.js';
import {Streams} from './streams.js';
import {Control} from './control.js';
import {Nodes} from './nodes.js';
import {backoff} from './player.js';
import {DASH, put, rounded, clock, exactClock, short, count, bits, size, time,
        ms} from './words.js';

const root = document.documentElement;
const at = (id) => document.getElementById(id);
const address = (name) => new URL(root.dataset[name], document.baseURI).href;

const ASK_MS = 1000;
const ASK_HIDDEN_MS = 5000;
const TIMEOUT_MS = 5000;
const STALE_MS = 4000;
const SHOW_MS = 500;
const SAVE_MS = 15000;
const CONTROL_MS = 30000;
const NODES_MS = 5000;

/* Rates are the mean of so long. */
const RATE_MS = 4500;

const LEAST_MS = 2 * 60000;       /* that are shown */
const PEAK_MS = 12 * 3600 * 1000;

const STATUS = address('status');


/* How fast counters grow. */
class Rates {
    constructor() {
        this.seen = new Map();
    }

    /* A second; null where it is not known yet.  Another id: another counter */
    of(name, t, n, id) {
        let list = this.seen.get(name) || [];
        const last = list[list.length - 1];

        if (n === undefined || n === null) {
            this.seen.delete(name);
            return null;
        }

        if (last && (n < last.n || id !== last.id)) {
            list = [];
        }

        list = list.filter((s) => s.t >= t - RATE_MS);
        list.push({t, n, id});
        this.seen.set(name, list);

        const span = (t - list[0].t) / 1000;

        return span > 0.5 ? (n - list[0].n) / span : null;
    }
}


const history = new History('stentor-dashboard ' + STATUS);
const rates = new Rates();
const control = new Control(root.dataset.control ? address('control') : null,
                            at('said'), at('confirm'), () => ask());
const streams = new Streams({list: at('streams'), template: at('stream'),
                             history, rates, control});
const nodes = new Nodes(at, root.dataset.nodes);

let status = null;                /* the last good answer, */
let answered = null;              /* and when it came, by both clocks */
let trouble = '';                 /* why there is none, in words */
let figures = {};                 /* sampled from it */
let misses = 0;
let next = 0;                     /* when the node is asked again */
let timer = 0;
let asking = false;
let samples = 0;
let span = 5 * 60000;


/* Milliseconds since the last good answer, also after a sleep. */
function age() {
    return answered === null ? Infinity
           : Math.max(performance.now() - answered.tick,
                      Date.now() - answered.t);
}


const fresh = () => age() < STALE_MS;


async function fetchStatus() {
    const response = await fetch(STATUS, {
        cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS)
    });

    if (!response.ok) {
        throw new Error('the status answers ' + response.status);
    }

    const json = await response.json();

    if (!json || !json.hls || !Array.isArray(json.streams)) {
        throw new Error('what answers is no status of Stentor');
    }

    return json;
}


async function ask() {
    if (asking) {
        return;
    }

    asking = true;
    clearTimeout(timer);

    try {
        status = await fetchStatus();
        answered = {tick: performance.now(), t: Date.now()};
        trouble = '';
        misses = 0;
        samples++;
        sample(answered.t);

    } catch (e) {
        trouble = e.name === 'TimeoutError' ? 'it does not answer in time'
                  : e.name === 'TypeError' ? 'it cannot be reached'
                  : e.name === 'SyntaxError' ? 'what it answers is no JSON'
                  : e.message;
        history.blind(Date.now());
        misses++;
    }

    asking = false;

    const wait = misses ? backoff(misses - 1)
                 : document.hidden ? ASK_HIDDEN_MS : ASK_MS;

    next = performance.now() + wait;
    timer = setTimeout(ask, wait);
    show();
}


const sum = (list, f) => list.reduce((n, x) => n + (f(x) || 0), 0);


/* Listeners and broadcasters that were turned away. */
function refusals() {
    const refused = Object.entries(status.ingest)
                          .filter(([name]) => name.startsWith('refused_'));

    return {listeners: status.hls.refused,
            broadcasters: sum(refused, ([, n]) => n),
            why: refused.filter(([, n]) => n)
                        .map(([name, n]) => name.slice(8) + ' ' + n)};
}


/* What is remembered of the last answer. */
function sample(t) {
    const f = status.verdict ? status.verdict.figures : {};
    const processes = status.processes || [];
    const r = refusals();
    const late = status.streams.filter((st) => st.state !== 'closed')
                               .flatMap((st) => st.renditions)
                               .map((rend) => rend.late_ms)
                               .filter((ms) => ms !== undefined);

    figures = {
        listeners: status.hls.listeners,
        in: rates.of('in', t, status.ingest.bytes),
        out: rates.of('out', t, status.hls.bytes),
        refused: rates.of('refused', t, r.listeners + r.broadcasters),
        cpu: f.busy === undefined ? null : f.busy * 100,
        cores: rates.of('cores', t, sum(processes, (p) => p.cpu_s),
                        processes.map((p) => p.pid).join()),
        memory: sum(processes, (p) => p.rss_bytes) || null,
        late: late.length ? Math.max(...late) : null,
        wake: f.wake_late_ms === undefined ? null : f.wake_late_ms,
        loop: f.late_ms === undefined ? null : f.late_ms,
        open: f.open === undefined ? null : f.open
    };

    for (const [name, value] of Object.entries(figures)) {
        history.add(name, t, rounded(value));
    }

    history.mark('verdict', t, status.verdict ? status.verdict.state : null);
    streams.sample(status, t);

    if (status.cluster) {
        history.add('all listeners', t, status.cluster.listeners);
    }
}


/* --- the head */

function verdict() {
    return answered === null ? (misses ? 'no answer' : 'none')
           : !fresh() ? 'no answer'
           : status.verdict ? status.verdict.state : 'none';
}


/* Without what is above it in large letters. */
function inShort(text, state) {
    return text.replace(state + ': ', '').replace(/(; )?\d+ listeners$/, '');
}


function showHead() {
    const state = verdict();
    const alive = fresh();
    const v = alive && status.verdict;
    const attacks = v && v.attacks.length ? ': ' + v.attacks.join(', ') : '';

    root.dataset.verdict = state;
    root.toggleAttribute('data-stale', !alive);

    put(at('verdict'), state === 'none' ? 'Asking' : state);
    put(at('since'), v ? 'for ' + time(v.since_s) : '');
    put(at('text'), !alive ? excuse()
                    : v ? inShort(v.text, state) : '');
    put(at('listeners'), alive ? status.hls.listeners.toLocaleString('en')
                               : DASH);

    const c = alive && status.cluster;

    put(at('listening'), c ? 'listening here, '
                             + c.listeners.toLocaleString('en')
                             + ' on all nodes' : 'listening now');
    put(at('node'), status ? [status.cluster && status.cluster.node,
                              location.host].filter(Boolean).join(' \u00b7 ')
                           : location.host);

    document.title = state + attacks
                     + (alive ? ' \u00b7 ' + short(status.hls.listeners) : '')
                     + ' \u00b7 Stentor';
}


function excuse() {
    const again = Math.ceil((next - performance.now()) / 1000);

    if (answered === null) {
        return misses ? 'The node: ' + trouble + '. ' + retry(again) : '';
    }

    return 'The last figures are of '
           + exactClock(answered.t) + ', '
           + time(age() / 1000) + ' ago, and not shown any more'
           + (trouble ? ': ' + trouble : '') + '. ' + retry(again);
}


function retry(seconds) {
    return asking || seconds < 1 ? 'Trying again.'
           : 'Trying again in ' + seconds + ' s.';
}


/* --- tiles: name -> [title, figure, what else, series] */

function tiles() {
    const f = figures;
    const r = refusals();
    const zone = status.store.zone_bytes;
    const known = (n, words) => n === null || n === undefined ? DASH
                                                              : words(n);

    return {
        in: ['Coming in', known(f.in, bits),
             count(status.ingest.sessions, 'broadcaster') + ', '
             + count(status.relay.pulls, 'stream') + ' from other nodes'],
        out: ['Going out', known(f.out, bits), status.hls.joining
              + ' joining, ' + status.hls.trying + ' trying, '
              + status.hls.leaving + ' leaving'],
        refused: ['Refused', known(f.refused, (n) => n.toFixed(n < 10 ? 1 : 0)
                                                    + ' /s'),
                  'in all ' + count(r.listeners, 'listener') + ', '
                  + count(r.broadcasters, 'broadcaster')
                  + (r.why.length ? ' (' + r.why.join(', ') + ')' : '')],
        late: ['Parts late', known(f.late, ms), 'made so long after their '
               + 'last sample, the latest of all streams'],
        wake: ['Wake-ups late', known(f.wake, ms), 'till a worker sees that '
               + 'there is a part; event loops held up '
               + known(f.loop, ms)],
        cpu: ['CPU', known(f.cpu, (n) => n.toFixed(0) + ' %'),
              'of a core, the busiest event loop; '
              + count(status.workers, 'worker') + ' and their threads: '
              + known(f.cores, (n) => n.toFixed(2)) + ' cores'],
        memory: ['Memory', known(f.memory, size), 'of all workers; zone '
                 + size(zone - status.store.free_bytes) + ' of ' + size(zone)
                 + ' in use'],
        open: ['Connections', known(f.open, short),
               (status.verdict ? (status.verdict.figures.connections_used
                                  * 100).toFixed(0) + ' % of places used at '
                                 + 'the fullest worker' : '')]
    };
}


function showTiles(view) {
    if (!status) {
        return;
    }

    for (const [name, [title, figure, more]] of Object.entries(tiles())) {
        let tile = at('tile-' + name);

        if (!tile) {
            tile = at('tile').content.firstElementChild.cloneNode(true);
            tile.id = 'tile-' + name;
            put(tile.querySelector('h3'), title);
            at('tiles').append(tile);
        }

        put(tile.querySelector('.figure'), fresh() ? figure : DASH);
        put(tile.querySelector('.more'), fresh() ? more : '');
        spark(tile.querySelector('svg'),
              history.points(name, view.to - view.from, view.to), view);
    }
}


/* --- all of it */

function showPlots(view) {
    const shown = view.to - view.from;
    const points = history.points('listeners', shown, view.to);
    const peak = history.points('listeners', PEAK_MS, view.to)
                        .filter((p) => p.low !== null)
                        .reduce((most, p) => !most || p.high > most.high
                                             ? p : most, null);

    plot(at('plot'), points, view);
    bar(at('verdicts'), history.periods('verdict', shown, view.to), view, true);

    put(at('peak'), peak ? 'most ' + peak.high.toLocaleString('en') + ', at '
                           + clock(peak.t) : '');
}


/* As long a time as was chosen, or as is remembered. */
function viewNow() {
    const to = Date.now();
    const known = to - history.oldest('listeners', to);

    return {from: to - Math.min(span, Math.max(known, LEAST_MS)), to};
}


function show() {
    const view = viewNow();

    showHead();

    if (document.hidden) {
        return;
    }

    at('open').hidden = !(control.allowed && fresh());
    at('no-streams').hidden = !(fresh() && status.streams.length === 0);

    showTiles(view);
    showPlots(view);
    streams.show(status, fresh(), view);
    nodes.show(status, fresh());
}


/* --- the tools */

function press(group, button) {
    for (const b of group.querySelectorAll('button')) {
        b.setAttribute('aria-pressed', b === button);
    }
}


/* Storage may be forbidden: then nothing is remembered. */
function remember(key, value) {
    try {
        if (value !== undefined) {
            localStorage.setItem(key, value);
        }

        return localStorage.getItem(key);
    } catch (e) {
        return null;
    }
}


function choose(group, key, otherwise, act) {
    const pick = (value) => [...group.querySelectorAll('button')].find((b) =>
        Object.values(b.dataset)[0] === value);
    const take = (button) => {
        press(group, button);
        act(Object.values(button.dataset)[0]);
    };

    group.addEventListener('click', (e) => {
        if (e.target.localName === 'button') {
            take(e.target);
            remember(key, Object.values(e.target.dataset)[0]);
            show();
        }
    });

    take(pick(remember(key)) || pick(otherwise));
}


choose(at('spans'), 'stentor-dashboard span', '60', (minutes) => {
    span = minutes * 60000;
});

choose(at('themes'), 'stentor-dashboard theme', '', (theme) => {
    root.dataset.theme = theme;
});

at('open').addEventListener('submit', (e) => {
    e.preventDefault();
    control.act('open', at('open-name').value.trim());
});

document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
        ask();
    }
});

window.addEventListener('pagehide', () => history.save());

setInterval(() => {
    history.forget(Date.now());
    history.save();
}, SAVE_MS);

setInterval(() => control.check(), CONTROL_MS);
setInterval(() => nodes.ask(fresh() ? status : null), NODES_MS);
setInterval(show, SHOW_MS);

window.stentor = {
    get verdict() { return root.dataset.verdict; },
    get fresh() { return !root.hasAttribute('data-stale'); },
    get listeners() { return this.fresh ? status.hls.listeners : null; },
    get streams() { return streams.shown; },
    get samples() { return samples; },
    get control() { return control.allowed; }
};

control.check();
ask();
