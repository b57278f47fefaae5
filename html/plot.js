/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard's drawings, in SVG so that style sheets color them and screens
 * of any density show them sharp: figures over time, periods on a time bar, and
 * small lines without axes.  All take points and periods as history.js has
 * them, and a view {from, to} in Unix milliseconds.
 */

import {clock, short} from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

const LEFT = 52;                  /* room for the figures of the axis, */
const BOTTOM = 22;                /* and for its times */
const TOP = 10;

const MINUTE = 60000;
const TIME_STEPS = [1, 5, 15, 30, 60, 120, 180].map((m) => m * MINUTE);
const TIME_LABEL = 90;            /* pixels that one wants */


function make(parent, name, attributes, text) {
    const node = document.createElementNS(SVG, name);

    for (const [key, value] of Object.entries(attributes)) {
        node.setAttribute(key, value);
    }

    if (text !== undefined) {
        node.textContent = text;
    }

    return parent.appendChild(node);
}


/* Empties it, makes it as large as it is shown; gives back its size. */
function clear(svg) {
    const w = svg.clientWidth || 300;
    const h = svg.clientHeight || 100;

    svg.replaceChildren();
    svg.setAttribute('viewBox', '0 0 ' + w + ' ' + h);

    return [w, h];
}


/* The least of 1, 2, 5, 10, 20 ... that cuts most into at most n pieces. */
function niceStep(most, n) {
    const unit = 10 ** Math.floor(Math.log10(most / n));

    return [1, 2, 5, 10].map((k) => k * unit).find((s) => most / s <= n);
}


function timeAxis(svg, view, x, y, right) {
    const width = right - LEFT;
    const span = view.to - view.from;
    const step = TIME_STEPS.find((s) => span / s * TIME_LABEL <= width)
                 || TIME_STEPS[TIME_STEPS.length - 1];
    const zone = new Date(view.to).getTimezoneOffset() * MINUTE;

    for (let t = Math.ceil((view.from - zone) / step) * step + zone;
         t < view.to;
         t += step)
    {
        make(svg, 'line', {class: 'grid', x1: x(t), x2: x(t), y1: TOP, y2: y});
        make(svg, 'text', {class: 'tick', x: x(t), y: y + 16,
                           'text-anchor': x(t) > right - 20 ? 'end'
                                                            : 'middle'},
             clock(t));
    }
}


/* Cuts where there is a gap. */
function pieces(points) {
    const all = [[]];

    for (const p of points) {
        if (p.low === null) {
            all.push([]);
        } else {
            all[all.length - 1].push(p);
        }
    }

    return all.filter((piece) => piece.length);
}


function line(piece, x, y) {
    return piece.map((p) => x(p.t).toFixed(1) + ' ' + y(p).toFixed(1))
                .join('L');
}


/* Figures over time, from 0 up; the area is what is below the most of each
   bucket, the line its last. */
export function plot(svg, points, view) {
    const [w, h] = clear(svg);
    const bottom = h - BOTTOM;
    const known = points.filter((p) => p.low !== null);
    const most = Math.max(5, ...known.map((p) => p.high)) * 1.08;
    const x = (t) => LEFT + (t - view.from) / (view.to - view.from)
                            * (w - LEFT - 4);
    const y = (v) => bottom - v / most * (bottom - TOP);
    const step = niceStep(most, 5);

    timeAxis(svg, view, x, bottom, w);

    for (let v = 0; v <= most; v += step) {
        make(svg, 'line', {class: v ? 'grid' : 'axis', x1: LEFT, x2: w,
                           y1: y(v), y2: y(v)});
        make(svg, 'text', {class: 'tick', x: LEFT - 8, y: y(v) + 4,
                           'text-anchor': 'end'}, short(v));
    }

    for (const piece of pieces(points)) {
        const first = x(piece[0].t).toFixed(1);
        const end = x(piece[piece.length - 1].t).toFixed(1);

        make(svg, 'path', {class: 'area', d: 'M' + first + ' ' + bottom + 'L'
             + line(piece, x, (p) => y(p.high)) + 'L' + end + ' ' + bottom
             + 'Z'});
        make(svg, 'path', {class: 'line',
                           d: 'M' + line(piece, x, (p) => y(p.last))});
    }

    const last = known[known.length - 1];

    if (last && points[points.length - 1] === last) {
        make(svg, 'circle', {class: 'now', cx: x(last.t), cy: y(last.last),
                             r: 4});
    }
}


/* Without axes. */
export function spark(svg, points, view) {
    const [w, h] = clear(svg);
    const known = points.filter((p) => p.low !== null);
    const most = Math.max(1e-9, ...known.map((p) => p.high)) * 1.1;
    const x = (t) => (t - view.from) / (view.to - view.from) * w;

    for (const piece of pieces(points)) {
        make(svg, 'path', {class: 'line', d: 'M' + line(piece, x, (p) =>
             h - 2 - p.high / most * (h - 4))});
    }
}


/* Periods; what nobody has seen is left bare.  axis: it lies below a plot, and
   begins where its axis does. */
export function bar(svg, periods, view, axis) {
    const [w, h] = clear(svg);
    const left = axis ? LEFT : 0;
    const x = (t) => left + (Math.max(t, view.from) - view.from)
                            / (view.to - view.from) * (w - left - 4 * axis);

    make(svg, 'rect', {class: 'unseen', x: left, y: 0, rx: 3, height: h,
                       width: w - left - 4 * axis});

    for (const [from, to, state] of periods) {
        make(svg, 'rect', {class: 'period', 'data-state': state, x: x(from),
                           width: Math.max(x(to) - x(from), 1.5), y: 0,
                           height: h});
    }
}
