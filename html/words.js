/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the dashboard writes figures, and puts what is written into the page.
 */

/* What is not known, or not any more. */
export const DASH = '\u2013';


const minutes = new Intl.DateTimeFormat([], {
    hour: '2-digit', minute: '2-digit', hourCycle: 'h23'
});

const seconds = new Intl.DateTimeFormat([], {
    hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'
});


/* The time of day, to the minute or the second. */
export const clock = (t) => minutes.format(t);
export const exactClock = (t) => seconds.format(t);


/* Writes only what changed: a live region reads out what is written. */
export function put(node, text) {
    if (node.textContent !== text) {
        node.textContent = text;
    }
}


/* A new element with that text. */
export function element(name, text, attributes) {
    const node = document.createElement(name);

    node.textContent = text;

    for (const [key, value] of Object.entries(attributes || {})) {
        node.setAttribute(key, value);
    }

    return node;
}


/* Three digits are enough to be remembered; null stays. */
export function rounded(n) {
    return n === null || Number.isInteger(n) ? n : Number(n.toPrecision(3));
}


/* 1234 -> '1,234'; thousands and millions in short where there is no room. */
export function short(n) {
    const [size, letter] = n >= 1e6 ? [1e6, 'M'] : n >= 1e4 ? [1e3, 'k']
                                                            : [1, ''];

    return (n / size).toLocaleString('en', {maximumFractionDigits: 1}) + letter;
}


export function bits(bytes) {
    const n = bytes * 8;

    return n >= 1e9 ? (n / 1e9).toFixed(2) + ' Gbit/s'
           : n >= 1e6 ? (n / 1e6).toFixed(1) + ' Mbit/s'
           : (n / 1e3).toFixed(0) + ' kbit/s';
}


export function size(bytes) {
    return bytes >= 2 ** 30 ? (bytes / 2 ** 30).toFixed(1) + ' GB'
           : (bytes / 2 ** 20).toFixed(0) + ' MB';
}


export function time(seconds) {
    const s = Math.max(0, Math.round(seconds));
    const two = (n) => String(n).padStart(2, '0');

    return s < 60 ? s + ' s'
           : s < 3600 ? Math.floor(s / 60) + ' min ' + two(s % 60) + ' s'
           : s < 86400 ? Math.floor(s / 3600) + ' h ' + two(Math.floor(s / 60)
                                                          % 60) + ' min'
           : Math.floor(s / 86400) + ' d ' + Math.floor(s / 3600) % 24 + ' h';
}


export function ms(n) {
    return n.toFixed(Math.abs(n) < 1 ? 2 : Math.abs(n) < 10 ? 1 : 0) + ' ms';
}


/* 1, 'stream' -> '1 stream'; 2 -> '2 streams' */
export function count(n, thing) {
    return short(n) + ' ' + thing + (n === 1 ? '' : 's');
}
