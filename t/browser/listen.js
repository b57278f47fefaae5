/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * Opens the listener page in a real headless Chromium, clicks play as a
 * listener would and proves by the page's own WebAudio graph that the
 * broadcaster's tone comes out.
 *
 *     node t/browser/listen.js [options] URL FREQUENCY
 *
 * FREQUENCY is in Hz, or - to hear nothing in particular.  While it runs it
 * prints a line "# <ms> <state>" for every change of the page's state, so that
 * a test can do something to the stream at the right moment; the last line of
 * output is one JSON object.  Exit status: 0 all held, 1 something did not, 2
 * it could not be tried.
 */

'use strict';

const {PATH, FLAGS} = require('./chromium.js');

const USAGE = `usage: node t/browser/listen.js [options] URL FREQUENCY
    --wait-state STATE       the state to wait for after the click (live)
    --then-wait-state STATE  then this one; may be given several times
    --timeout SECONDS        for each of the waits (30)
    --max-latency SECONDS    behind the live edge, as the page shows it (5)
    --no-click               do not press play
    --screenshot FILE        of the last state
    --viewport WxH           (1280x800)
    --scheme dark|light      (light)
    --chromium PATH          (/usr/bin/chromium, or CHROMIUM)`;

const TOLERANCE_HZ = 15;
const QUIET_DB = -60;
const LISTENS = 9;                /* spectra looked at, 150 ms apart */
const PATIENCE_MS = 10000;


function readOptions(argv) {
    const o = {waits: ['live'], timeout: 30, maxLatency: 5, click: true,
               screenshot: null, viewport: '1280x800', scheme: 'light',
               chromium: PATH,
               rest: []};
    const take = {
        '--wait-state': (v) => { o.waits[0] = v; },
        '--then-wait-state': (v) => { o.waits.push(v); },
        '--timeout': (v) => { o.timeout = Number(v); },
        '--max-latency': (v) => { o.maxLatency = Number(v); },
        '--screenshot': (v) => { o.screenshot = v; },
        '--viewport': (v) => { o.viewport = v; },
        '--scheme': (v) => { o.scheme = v; },
        '--chromium': (v) => { o.chromium = v; }
    };

    for (let i = 0; i < argv.length; i++) {
        if (argv[i] === '--no-click') {
            o.click = false;
        } else if (take[argv[i]] && i + 1 < argv.length) {
            take[argv[i]](argv[++i]);
        } else {
            o.rest.push(argv[i]);
        }
    }

    [o.url, o.frequency] = o.rest;
    o.size = /^(\d+)x(\d+)$/.exec(o.viewport);

    if (o.rest.length !== 2 || o.url.startsWith('-') || !o.size
        || !(o.timeout > 0)
        || (o.frequency !== '-' && !(Number(o.frequency) > 0)))
    {
        return null;
    }

    return o;
}


/*
 * Runs in the page: the strongest tone of each of several spectra, refined by
 * a parabola through the bin and its neighbors, and the level beside it.
 */
async function listenInPage(times) {
    const heard = [];

    for (let i = 0; i < times; i++) {
        await new Promise((resolve) => setTimeout(resolve, 150));

        const bins = window.stentor.spectrum();

        if (!bins) {
            return null;
        }

        const width = window.stentor.sampleRate / 2 / bins.length;
        let top = Math.ceil(40 / width);

        for (let k = top; k < bins.length - 1; k++) {
            top = bins[k] > bins[top] ? k : top;
        }

        const [a, b, c] = [bins[top - 1], bins[top], bins[top + 1]];
        const shift = (a - c) / 2 / (a - 2 * b + c) || 0;

        heard.push({hz: (top + shift) * width, level: window.stentor.level,
                    latency: window.stentor.latency});
    }

    return heard;
}


function median(numbers) {
    return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}


const rounded = (x, n) => x === null || !Number.isFinite(x)
                          ? null : Number(x.toFixed(n));


/* Fills in what was heard and adds to result.failed what should not be. */
async function listen(page, o, result) {
    const end = Date.now() + PATIENCE_MS;
    let heard;

    /* who listens closely behind the broadcaster's arrival hears the end of
       the hold audio first: the tone may take a little to come */

    do {
        heard = await page.evaluate(listenInPage, LISTENS);

        if (!heard) {
            result.failed.push('the page has no audio graph');
            return;
        }

        result.frequency_hz = rounded(median(heard.map((h) => h.hz)), 1);
    } while (o.frequency !== '-' && Date.now() < end
             && Math.abs(result.frequency_hz - o.frequency) > TOLERANCE_HZ);

    result.level_db = rounded(median(heard.map((h) => h.level)), 1);
    result.latency_s = rounded(median(heard.map((h) => h.latency)), 2);
    result.latency_shown = await page.textContent('#latency');

    if (!(result.level_db > QUIET_DB)) {
        result.failed.push('silence');

    } else if (o.frequency !== '-'
               && Math.abs(result.frequency_hz - o.frequency) > TOLERANCE_HZ)
    {
        result.failed.push('another frequency');
    }

    if (!(parseFloat(result.latency_shown) < o.maxLatency)) {
        result.failed.push('too far behind live');
    }
}


async function waitState(page, state, o) {
    await page.waitForFunction((s) => window.stentor
                                      && window.stentor.state === s,
                               state, {timeout: o.timeout * 1000,
                                       polling: 50});
}


/*
 * A stream that is away is a 404, which Chromium reports on the console: no
 * error of the page's where the test asks for a stream that is away.
 */
function watchConsole(page, o, result) {
    const away = o.waits.some((s) => s !== 'live' && s !== 'ready');

    page.on('console', (m) => {
        if (m.type() === 'error'
            && !(away && /^Failed to load resource/.test(m.text())))
        {
            result.console_errors.push(m.text() + ' ' + m.location().url);
        }
    });
    page.on('pageerror', (e) => result.console_errors.push(String(e)));
}


/* Prints every change of state as it happens, timed from the click. */
async function watchState(page, clock, result) {
    await page.exposeFunction('stentorState', (state) => {
        const ms = Math.round(performance.now() - clock.zero);

        result.states.push([ms, state]);
        process.stdout.write('# ' + ms + ' ' + state + '\n');
    });

    await page.evaluate(() => {
        const root = document.documentElement;
        const tell = () => window.stentorState(window.stentor.state);

        new MutationObserver(tell)
            .observe(root, {attributeFilter: ['data-state']});
        tell();
    });
}


async function run(page, o, result) {
    const clock = {zero: performance.now()};

    watchConsole(page, o, result);
    await page.goto(o.url, {timeout: o.timeout * 1000});
    await page.waitForFunction(() => window.stentor, null,
                               {timeout: o.timeout * 1000});
    await watchState(page, clock, result);

    if (o.click) {
        const play = page.locator('#play');

        await play.waitFor({timeout: o.timeout * 1000});
        clock.zero = performance.now();
        await play.click({timeout: o.timeout * 1000});
    }

    for (const state of o.waits) {
        await waitState(page, state, o);
        result.waited.push([Math.round(performance.now() - clock.zero), state]);

        if (state === 'live' && o.click) {
            await listen(page, o, result);
        }
    }
}


async function main() {
    const o = readOptions(process.argv.slice(2));
    let chromium;

    if (!o) {
        process.stderr.write(USAGE + '\n');
        return 2;
    }

    try {
        chromium = require('playwright-core').chromium;
    } catch (e) {
        process.stderr.write('no playwright-core: scripts/build-html --dev\n');
        return 2;
    }

    const browser = await chromium.launch({executablePath: o.chromium,
                                           args: FLAGS});
    const page = await browser.newPage({
        viewport: {width: Number(o.size[1]), height: Number(o.size[2])},
        colorScheme: o.scheme
    });
    const result = {ok: false, expected_hz: Number(o.frequency) || null,
                    waited: [], states: [], console_errors: [], failed: []};

    try {
        await run(page, o, result);
    } catch (e) {
        result.failed.push(String(e.message).split('\n')[0]);
    }

    if (o.screenshot) {
        await page.waitForTimeout(600);
        await page.screenshot({path: o.screenshot});
    }

    result.engine = await page.evaluate(() => window.stentor
                                              && window.stentor.engine)
                              .catch(() => null);
    await browser.close();

    if (result.console_errors.length > 0) {
        result.failed.push('errors on the console');
    }

    result.ok = result.failed.length === 0;
    process.stdout.write(JSON.stringify(result) + '\n');

    return result.ok ? 0 : 1;
}


main().then((status) => { process.exitCode = status; }, (e) => {
    process.stderr.write(String(e && e.stack || e) + '\n');
    process.exitCode = 2;
});
