/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Listens to the listener page in a real headless Chromium while the nodes
 * behind it change: which of them audio comes from, how long it stood still,
 * what hls.js said.
 *
 *     node t/browser/steering.js URL
 *
 * It prints a line "# <ms> from <host>" whenever audio comes from another
 * node, "# <ms> <state>" for every change of the page's state, and goes on
 * until its standard input ends; the last line of output is a JSON object.
 * Exit status: 0, or 2 if it could not be tried.
 */

'use strict';

const {PATH, FLAGS} = require('./chromium.js');

const TIMEOUT_MS = 30000;
const LOOK_MS = 20;


/* Runs in the page before its own scripts: gets hold of what it makes. */
function lieInWait(lookMs) {
    const seen = window.seen = {audio: null, still: 0, errors: [],
                                pathways: []};
    const RealAudio = window.Audio;
    let moved = 0;
    let clock = 0;
    let hls;

    window.Audio = function (...args) {
        seen.audio = new RealAudio(...args);
        return seen.audio;
    };

    Object.defineProperty(window, 'Hls', {
        get: () => hls,
        set: (made) => {
            const load = made.prototype.loadSource;

            made.prototype.loadSource = function (url) {
                this.on(made.Events.ERROR, (name, data) => {
                    seen.errors.push([data.details, data.fatal]);
                });
                this.on(made.Events.STEERING_MANIFEST_LOADED, (name, data) => {
                    seen.pathways.push(
                        data.steeringManifest['PATHWAY-PRIORITY'][0]);
                });
                return load.call(this, url);
            };
            hls = made;
        }
    });

    /* the longest time that the element's clock stood, once it ran */
    setInterval(() => {
        const now = performance.now();

        if (seen.audio && seen.audio.currentTime !== clock) {
            seen.still = Math.max(seen.still, moved ? now - moved : 0);
            clock = seen.audio.currentTime;
            moved = seen.audio.played.length ? now : 0;
        }
    }, lookMs);
}


/* What is known in the end; the clock may be standing still. */
function tell() {
    return {still_ms: Math.round(window.seen.still),
            clock: window.seen.audio.currentTime,
            errors: window.seen.errors, pathways: window.seen.pathways,
            level: window.stentor.level, state: window.stentor.state};
}


function say(clock, what) {
    process.stdout.write('# ' + Math.round(performance.now() - clock) + ' '
                         + what + '\n');
}


async function listen(page, url, clock) {
    let host = '';

    page.on('requestfinished', (r) => {
        const at = new URL(r.url());

        if (/\.m4s$/.test(at.pathname) && at.host !== host) {
            host = at.host;
            say(clock, 'from ' + host);
        }
    });

    await page.addInitScript(lieInWait, LOOK_MS);
    await page.goto(url, {timeout: TIMEOUT_MS});
    await page.waitForFunction(() => window.stentor, null,
                               {timeout: TIMEOUT_MS});
    await page.exposeFunction('stentorState', (state) => say(clock, state));
    await page.evaluate(() => {
        const root = document.documentElement;

        new MutationObserver(() => window.stentorState(window.stentor.state))
            .observe(root, {attributeFilter: ['data-state']});
    });

    await page.locator('#play').click({timeout: TIMEOUT_MS});
}


async function main() {
    const url = process.argv[2];
    let chromium;

    try {
        chromium = require('playwright-core').chromium;
    } catch (e) {
        process.stderr.write('no playwright-core: scripts/build-html --dev\n');
        return 2;
    }

    const browser = await chromium.launch({executablePath: PATH, args: FLAGS});

    try {
        const page = await browser.newPage();
        const over = new Promise((resolve) => {
            process.stdin.on('end', resolve).resume();
        });

        await listen(page, url, performance.now());
        await over;
        process.stdout.write(JSON.stringify(await page.evaluate(tell)) + '\n');

    } finally {
        await browser.close();
    }

    return 0;
}


main().then((status) => { process.exitCode = status; }, (e) => {
    process.stderr.write(String(e && e.stack || e) + '\n');
    process.exitCode = 2;
});
