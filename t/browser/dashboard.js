/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * A real headless Chromium that a test steers, for Stentor::Page: reads one
 * JSON array a line from standard input and answers each with a line of JSON,
 * {"value": ...} or {"error": "..."}.
 *
 *     ["open", url]               goes there
 *     ["size", width, height]     of the window
 *     ["scheme", "dark"]          what the system prefers, or "light"
 *     ["wait", expression, ms]    till it is true in the page
 *     ["eval", expression]        its value
 *     ["click", selector]         as a finger would
 *     ["type", selector, text]
 *     ["shot", file, whole]       a picture, of the whole page or the window
 *     ["errors"]                  what the console has had, and forgets it
 *     ["quit"]                    ends it
 */

'use strict';

const {PATH, FLAGS} = require('./chromium.js');


const PATIENCE_MS = 60000;


/* What a page whose node is away logs of its requests is no error of its. */
function watch(page, errors) {
    page.on('console', (m) => {
        if (m.type() === 'error'
            && !/^Failed to load resource/.test(m.text()))
        {
            errors.push(m.text());
        }
    });
    page.on('pageerror', (e) => errors.push(String(e)));
}


/*
 * Not waitForFunction(): that evaluates in the page, whose policy forbids it.
 * What cannot be said yet, for its script has not run, is not true yet.
 */
async function wait(page, expression, ms) {
    const end = Date.now() + ms;

    let why = 'it is not true';
    const look = () => page.evaluate(expression).catch((e) => {
        why = String(e.message).split('\n')[0];
        return false;
    });

    while (!await look()) {
        if (Date.now() > end) {
            throw new Error(why);
        }

        await page.waitForTimeout(200);
    }

    return true;
}


function verbs(page, errors) {
    const timeout = PATIENCE_MS;

    return {
        open: (url) => page.goto(url, {timeout}).then(() => true),
        size: (width, height) => page.setViewportSize({width, height}),
        scheme: (colorScheme) => page.emulateMedia({colorScheme}),
        wait: (expression, ms) => wait(page, expression, ms || timeout),
        eval: (expression) => page.evaluate(expression),
        click: (selector) => page.locator(selector).first().click({timeout}),
        type: (selector, text) => page.locator(selector).fill(text, {timeout}),
        shot: (path, fullPage) => page.screenshot({path, fullPage: !!fullPage})
                                      .then(() => true),
        errors: () => errors.splice(0)
    };
}


async function main() {
    const {chromium} = require('playwright-core');
    const browser = await chromium.launch({
        executablePath: PATH,
        args: FLAGS
    });
    const page = await browser.newPage();
    const errors = [];
    const verb = verbs(page, errors);
    const lines = require('readline').createInterface({input: process.stdin});

    watch(page, errors);

    for await (const line of lines) {
        const [name, ...args] = JSON.parse(line);
        let answer;

        if (name === 'quit') {
            break;
        }

        try {
            const value = await verb[name](...args);

            answer = {value: value === undefined ? null : value};
        } catch (e) {
            answer = {error: String(e.message).split('\n')[0]};
        }

        process.stdout.write(JSON.stringify(answer) + '\n');
    }

    process.stdin.destroy();
    await browser.close();
}


main().catch((e) => {
    process.stderr.write(String(e && e.stack || e) + '\n');
    process.exitCode = 2;
});
