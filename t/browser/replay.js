/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Plays a replay in a real headless Chromium: over HLS with hls.js, or a file
 * as it is; begins where it begins, then seeks, and says what it saw.
 *
 *     node t/browser/replay.js URL [SECONDS ...]
 *
 * SECONDS are places to seek to; each must play on from there.  The last line
 * of output is one JSON object: duration, start (where it began to play),
 * places (where it has been after each seek) and failed, a list.  Exit status:
 * 0 all held, 1 something did not, 2 it could not be tried.
 */

'use strict';

const {PATH, FLAGS} = require('./chromium.js');


/* Runs in the page. */
async function playInPage([url, seeks]) {
    const audio = document.createElement('audio');
    const result = {failed: [], places: []};
    const hls = url.endsWith('.m3u8') ? new window.Hls() : null;

    audio.muted = true;
    document.body.append(audio);

    if (hls) {
        hls.on(window.Hls.Events.ERROR, (event, data) => {
            if (data.fatal) {
                result.failed.push('hls.js: ' + data.details);
            }
        });
        hls.loadSource(url);
        hls.attachMedia(audio);

    } else {
        audio.src = url;
    }

    /* resolves when it plays on from at or later, for a second */
    const plays = async (at, what) => {
        for (let i = 0; i < 300; i++) {
            await new Promise((resolve) => setTimeout(resolve, 50));

            if (!audio.seeking && audio.currentTime > at + 1) {
                return audio.currentTime;
            }
        }

        result.failed.push(what + ' does not play: at ' + audio.currentTime
                           + (audio.error ? ', ' + audio.error.message : ''));
        return audio.currentTime;
    };

    audio.addEventListener('playing', () => {
        result.start ??= audio.currentTime;
    });

    audio.play().catch((e) => result.failed.push(String(e)));

    await plays(0, 'the beginning');
    result.duration = Number.isFinite(audio.duration) ? audio.duration : null;

    for (const at of seeks) {
        audio.currentTime = at;
        result.places.push(await plays(at, 'second ' + at));
    }

    return result;
}


async function main(argv) {
    const [url, ...seeks] = argv;
    let chromium;

    if (!url) {
        process.stderr.write('usage: node t/browser/replay.js URL '
                             + '[SECONDS ...]\n');
        return 2;
    }

    try {
        chromium = require('playwright-core').chromium;
    } catch (e) {
        process.stderr.write('no playwright-core: run npm ci\n');
        return 2;
    }

    const browser = await chromium.launch({
        executablePath: PATH,
        args: [...FLAGS, '--autoplay-policy=no-user-gesture-required']
    });

    try {
        const page = await browser.newPage();

        await page.goto(new URL('/status', url).href);
        await page.addScriptTag({path: require.resolve('hls.js/dist/'
                                                       + 'hls.min.js')});

        const result = await page.evaluate(playInPage,
                                           [url, seeks.map(Number)]);

        process.stdout.write(JSON.stringify(result) + '\n');

        return result.failed.length ? 1 : 0;

    } finally {
        await browser.close();
    }
}


main(process.argv.slice(2)).then((code) => process.exit(code), (e) => {
    process.stderr.write(String(e) + '\n');
    process.exit(2);
});
