/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The listener page: reads the stream's name from the address, wires button,
 * player and meter together and says in words what is going on.  Without a
 * name it asks the status what is on air: one stream is taken at once, several
 * are offered as a list.
 *
 * For tests and for the curious, window.stentor is read-only:
 *
 *     state       'choose', 'ready', 'connecting', 'live', 'hold', 'stalled'
 *                 or 'off air'
 *     stream      'live/studio1', or null
 *     wanted      true from pressing play to pressing pause
 *     engine      'hls.js' or 'native'
 *     latency     seconds behind the live edge, or null
 *     level       RMS in dBFS before the volume, or null
 *     sampleRate  of the audio graph, or null
 *     spectrum()  a copy of the graph's getFloatFrequencyData(), or null
 */

import {Player, backoff} from './player.js';
import {Ear, Picture} from './meter.js';

const root = document.documentElement;
const at = (id) => document.getElementById(id);

/* How often the status is asked, half of it by chance; never when hidden. */
const STATUS_SOON_MS = 8000;
const STATUS_LIVE_MS = 20000;

const SHOW_MS = 500;

const audio = new Audio();
const player = new Player(audio, () => show());
const ear = new Ear(audio, player.native);
const picture = new Picture(at('ring'), at('bar'), ear);

let stream = null;                /* name, or null: to be found */
let named = false;                /* the address named it */
let seen = null;                  /* its state by the status, or null */
let heard = false;                /* it has been live on this page */
let choosing = false;
let asking = 0;                   /* timer of the next question */
let misses = 0;


/* lamp, hint; the key is a state, or a state and what the status adds to it */
const WORDS = {
    'ready': ['Ready', 'Press play to listen. Browsers make no sound before'
              + ' a click.'],
    'ready live': ['On air', 'Press play to listen. Browsers make no sound'
                   + ' before a click.'],
    'ready hold': ['Starting soon', 'Press play and stay: the programme starts'
                   + ' by itself.'],
    'ready closed': ['Off air', 'Nothing is being broadcast. Press play and'
                     + ' it starts by itself when there is.'],
    'ready again': ['Paused', 'Play takes you straight back to live.'],
    'ready blocked': ['Ready', 'The browser held the sound back. Press play'
                      + ' once more.'],
    'connecting': ['Connecting', 'Tuning in to the live edge.'],
    'live': ['Live', 'You are listening live.'],
    'hold': ['Starting soon', 'The programme has not begun yet. Stay: it'
             + ' starts by itself.'],
    'hold again': ['Back in a moment', 'The studio is away for a moment. Stay:'
                   + ' the programme comes back by itself.'],
    'stalled': ['Reconnecting', 'The connection broke off. It is being made'
                + ' again.'],
    'off air': ['Off air', 'Nothing is being broadcast. This page keeps'
                + ' looking, and plays as soon as there is.'],
    'wrong': ['No such stream', 'The address of this page does not name a'
              + ' stream.'],
    'unable': ['Cannot play', 'This browser cannot play the stream. Open it in'
               + ' another player.']
};


/*
 * The stream of this address: null if none is named, false if the name cannot
 * be one.  A name is two or more path components and never leaves this site.
 */
function streamOf(address) {
    const m = /\/listen\/(.+?)\/?$/.exec(address.pathname);
    let name = address.searchParams.get('stream');

    try {
        name = name || (m && decodeURIComponent(m[1]));
    } catch (e) {
        return false;
    }

    if (!name) {
        return null;
    }

    const parts = name.split('/');
    const good = (part) => /^[^\\?#%\s\x00-\x1f]{1,128}$/.test(part)
                           && part !== '.' && part !== '..';

    return parts.length > 1 && parts.every(good) ? name : false;
}


function urlOf(name) {
    const path = name.split('/').map(encodeURIComponent).join('/');

    return new URL(path + '/index.m3u8', document.baseURI).href;
}


/* 'live/morning-show' -> 'morning show' */
function titleOf(name) {
    return name.slice(name.lastIndexOf('/') + 1).replace(/[-_]+/g, ' ').trim()
           || name;
}


/* What the page is doing, in the words of window.stentor. */
function stateNow() {
    if (choosing) {
        return 'choose';
    }

    if (player.state === 'playing') {
        return seen === 'hold' ? 'hold' : 'live';
    }

    return player.state;
}


/* Which of WORDS says it best. */
function wordsNow(state) {
    if (root.dataset.fault) {
        return root.dataset.fault;
    }

    if (state === 'hold') {
        return heard ? 'hold again' : 'hold';
    }

    if (state === 'ready') {
        return player.blocked ? 'ready blocked'
               : seen === 'closed' ? 'ready closed'
               : heard ? 'ready again'
               : seen ? 'ready ' + seen : 'ready';
    }

    return state;
}


/* Writes only what changed: a live region reads out what is written. */
function put(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}


function show() {
    const state = stateNow();

    if (choosing) {
        return;
    }

    heard = state !== 'off air' && (heard || state === 'live');

    const [lamp, hint] = WORDS[wordsNow(state)];

    root.dataset.lamp = root.dataset.fault ? 'off air'
                        : state === 'ready' && seen && !heard ? seen : state;

    if (root.dataset.state !== state || picture.lamp !== root.dataset.lamp) {
        root.dataset.state = state;
        picture.set(state, root.dataset.lamp);
    }

    root.toggleAttribute('data-wanted', player.wanted);
    put(at('state'), lamp);
    put(at('hint'), hint);
    at('play').setAttribute('aria-label', player.wanted ? 'Pause' : 'Play');

    document.title = (stream ? titleOf(stream) + ' \u00b7 ' : '') + lamp;

    if (navigator.mediaSession) {
        navigator.mediaSession.playbackState =
            player.wanted ? 'playing' : 'paused';
    }
}


function showFigures() {
    const latency = player.latency;
    const level = player.state === 'playing' ? ear.level() : null;

    put(at('latency'), latency === null ? '\u2013'
                                        : latency.toFixed(1) + ' s');
    put(at('level'), level === null ? '\u2013'
                     : level < -90 ? 'silence'
                     : level.toFixed(0).replace('-', '\u2212') + ' dB');
}


function pressPlay() {
    if (player.wanted) {
        player.pause();
        return;
    }

    if (at('play').disabled) {
        return;                   /* a media key before there is a player */
    }

    ear.open();
    player.play();
    ask();
}


/* Takes a stream; null while there is none to take. */
function take(name) {
    stream = name;
    seen = null;
    heard = false;
    choosing = false;

    at('choose').hidden = true;
    at('stage').hidden = false;
    put(at('name'), name ? titleOf(name) : 'Stentor');
    at('address').hidden = !name;

    if (name) {
        at('address').href = urlOf(name);
        player.open(urlOf(name));

        if (navigator.mediaSession && window.MediaMetadata) {
            navigator.mediaSession.metadata =
                new MediaMetadata({title: titleOf(name), artist: 'Live'});
        }
    }

    show();
}


/* Offers several streams as links; each is a page of its own. */
function choose(streams) {
    const key = JSON.stringify(streams.map((st) => [st.name, st.state]));

    if (at('list').dataset.key === key) {
        return;                   /* leave the keyboard's focus where it is */
    }

    choosing = true;
    at('list').dataset.key = key;
    root.dataset.state = 'choose';
    root.dataset.lamp = 'live';
    document.title = 'On air';
    at('choose').hidden = false;
    at('stage').hidden = true;

    at('list').replaceChildren(...streams.map((st) => {
        const item = document.createElement('li');
        const link = document.createElement('a');
        const name = document.createElement('strong');
        const state = document.createElement('span');

        link.href = './?stream=' + encodeURIComponent(st.name)
                                   .replaceAll('%2F', '/');
        link.dataset.lamp = st.state;
        name.textContent = titleOf(st.name);
        state.textContent = st.state === 'live' ? 'Live' : 'Starting soon';
        state.className = 'lamp';

        link.append(name, state);
        item.append(link);
        return item;
    }));
}


/* The status: what is here, and whether there are other nodes. */
async function fetchStatus() {
    const r = await fetch(new URL(root.dataset.status, document.baseURI),
                          {cache: 'no-store', credentials: 'same-origin'});

    if (!r.ok) {
        throw Object.assign(new Error('status'), {code: r.status});
    }

    return r.json();
}


/* What is not here may be at another node, which is asked when somebody wants
 * to listen. */
function learn({streams, cluster}) {
    const open = streams.filter((st) => st.state !== 'closed');
    const own = () => open.find((st) => st.name === stream);

    if (choosing || (!stream && !player.wanted && open.length > 1)) {
        choose(open);
        return;
    }

    if (open.length > 0 && !named && !own() && (!stream || !player.wanted)) {
        take(open[0].name);
    }

    seen = own() ? own().state : cluster ? null : 'closed';
    at('others').hidden = open.length < (own() ? 2 : 1);
    show();

    if (own() && player.state === 'off air') {
        player.hurry();
    }
}


/* No status to be had: a page without a name has nothing to play. */
function unknown() {
    if (!stream) {
        fault('wrong');
    }
}


/*
 * Asks the status now and again later.  It is a help and no more: where it is
 * not served or not open to listeners, the page goes by the playlists alone.
 */
async function ask() {
    clearTimeout(asking);
    asking = 0;

    if (!root.dataset.status) {
        unknown();
        return;
    }

    if (document.hidden) {
        return;
    }

    try {
        learn(await fetchStatus());
        misses = 0;

    } catch (e) {
        seen = null;
        show();

        if (e.code >= 400 && e.code < 500 && e.code !== 429) {
            unknown();
            return;
        }

        misses++;
    }

    const period = seen === 'live' ? STATUS_LIVE_MS : STATUS_SOON_MS;

    clearTimeout(asking);
    asking = setTimeout(ask, misses ? backoff(misses)
                                    : period * (0.5 + Math.random() / 2));
}


function fault(key) {
    root.dataset.fault = key;
    at('play').disabled = true;
    show();
}


/* hls.js is fetched only where it is needed. */
function loadHls() {
    const script = document.createElement('script');

    return new Promise((resolve, reject) => {
        script.onload = () => {
            if (window.Hls && window.Hls.isSupported()) {
                resolve();
            } else {
                reject(new Error('no Media Source Extensions'));
            }
        };
        script.onerror = () => reject(new Error('no hls.js'));
        script.src = 'vendor/hls.min.js';
        document.head.append(script);
    });
}


function wireVolume() {
    const slider = at('volume');
    const mute = at('mute');
    let muted = false;

    const apply = () => {
        const v = muted ? 0 : slider.value / 100;

        ear.setVolume(v);
        mute.setAttribute('aria-pressed', String(v === 0));
        slider.style.setProperty('--value', (muted ? 0 : slider.value) + '%');
    };

    slider.addEventListener('input', () => {
        muted = false;
        apply();
    });

    mute.addEventListener('click', () => {
        muted = slider.value > 0 && !muted;
        slider.value = slider.value > 0 ? slider.value : 100;
        apply();
    });

    apply();

    /* iPhones keep volume to their own buttons and ignore what is set. */
    audio.volume = 0.5;
    at('volume-row').hidden = audio.volume !== 0.5;
    audio.volume = 1;
    at('level-fact').hidden = at('bar').hidden = player.native;
}


function wire() {
    at('play').addEventListener('click', pressPlay);
    wireVolume();

    document.addEventListener('visibilitychange', () => {
        if (!document.hidden && !asking) {
            ask();
        }
    });

    for (const action of ['play', 'pause', 'stop']) {
        try {
            navigator.mediaSession.setActionHandler(action, () => {
                if (player.wanted !== (action === 'play')) {
                    pressPlay();
                }
            });
        } catch (e) {
            /* a browser without media keys, or without this one */
        }
    }

    setInterval(showFigures, SHOW_MS);
}


async function open() {
    const name = streamOf(new URL(location.href));

    named = name !== null;
    wire();
    take(name || null);

    if (name === false) {
        fault('wrong');
        return;
    }

    if (!player.native) {
        at('play').disabled = true;

        try {
            await loadHls();
            at('play').disabled = false;

        } catch (e) {
            fault('unable');
            return;
        }
    }

    ask();
}


Object.defineProperty(window, 'stentor', {value: Object.freeze({
    get state() { return stateNow(); },
    get stream() { return stream; },
    get wanted() { return player.wanted; },
    get engine() { return player.native ? 'native' : 'hls.js'; },
    get latency() { return player.latency; },
    get level() { return ear.level(); },
    get sampleRate() { return ear.sampleRate; },
    spectrum: () => {
        const bins = ear.spectrum();

        return bins && bins.slice();
    }
})});

open();
