/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The ear and the picture of it.  Ear: the page's WebAudio graph
 *
 *     <audio> --> source --+--> gain (volume) --> destination
 *                          +--> analyser (before the volume)
 *
 * made at the first click, because no browser lets it run earlier.  Apple's
 * built-in HLS gives no samples to WebAudio: there the graph is not made, and
 * volume is the element's own.  Picture: the crown of cilia around the play
 * button (the animal Stentor is a trumpet with such a crown), where low tones
 * move the bottom and high tones the top, and a row of strokes for the level.
 */

const FLOOR_DB = -60;
const LOW_HZ = 55;
const HIGH_HZ = 13000;

const CILIA = 144;                /* all round; left mirrors right */
const BANDS = CILIA / 2;
const STROKES = 48;
const PEAK_HOLD_MS = 1200;
const PEAK_FALL_DB_S = 14;

const TURN = 2 * Math.PI;


export class Ear {
    constructor(audio, native) {
        this.audio = audio;
        this.native = native;
        this.context = null;
        this.analyser = null;
        this.gain = null;
        this.volume = 1;
    }

    /* From a click.  Safe to call again: wakes a graph that was put to sleep */
    open() {
        const Context = window.AudioContext || window.webkitAudioContext;

        if (this.native || !Context) {
            return;
        }

        if (!this.context) {
            this.build(new Context({latencyHint: 'playback'}));
        }

        if (this.context.state !== 'running') {
            this.context.resume().catch(() => {});
        }
    }

    build(context) {
        const source = context.createMediaElementSource(this.audio);

        this.context = context;
        this.gain = context.createGain();
        this.gain.gain.value = this.volume ** 2;

        this.analyser = context.createAnalyser();
        this.analyser.fftSize = 8192;
        this.analyser.smoothingTimeConstant = 0.5;

        this.bins = new Float32Array(this.analyser.frequencyBinCount);
        this.wave = new Float32Array(2048);

        source.connect(this.analyser);
        source.connect(this.gain).connect(context.destination);
    }

    /* 0 to 1; squared, so that half way sounds like half. */
    setVolume(v) {
        this.volume = v;

        if (this.gain) {
            this.gain.gain.setTargetAtTime(v ** 2, this.context.currentTime,
                                           0.02);
        } else {
            this.audio.volume = this.native ? v : 1;
        }
    }

    /* dB per bin, each sampleRate / 2 / length wide; null without a graph. */
    spectrum() {
        if (!this.analyser) {
            return null;
        }

        this.analyser.getFloatFrequencyData(this.bins);
        return this.bins;
    }

    /* RMS of the last 43 ms in dBFS, -Infinity for digital silence. */
    level() {
        let sum = 0;

        if (!this.analyser) {
            return null;
        }

        this.analyser.getFloatTimeDomainData(this.wave);

        for (const x of this.wave) {
            sum += x * x;
        }

        return 10 * Math.log10(sum / this.wave.length);
    }

    get sampleRate() {
        return this.context ? this.context.sampleRate : null;
    }
}


/* A canvas that is as sharp as the screen; gives back its CSS size. */
function fit(canvas, g) {
    const scale = window.devicePixelRatio || 1;
    const w = canvas.clientWidth;
    const h = canvas.clientHeight;

    if (canvas.width !== Math.round(w * scale)
        || canvas.height !== Math.round(h * scale))
    {
        canvas.width = Math.round(w * scale);
        canvas.height = Math.round(h * scale);
    }

    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, w, h);

    return [w, h];
}


/*
 * What the cilia do without sound: mood -> [rest, swing, speed], rest and
 * swing as shares of the full length, speed in turns a second around the ring.
 */
const MOODS = {
    'ready':      [0.16, 0.05, 0.03],
    'connecting': [0.14, 0.22, 0.35],
    'live':       [0.10, 0.03, 0.05],
    'hold':       [0.16, 0.10, 0.08],
    'stalled':    [0.10, 0.14, 0.20],
    'off air':    [0.03, 0.00, 0.00]
};


export class Picture {
    constructor(ring, bar, ear) {
        this.ring = ring;
        this.bar = bar;
        this.ear = ear;
        this.mood = 'ready';
        this.lamp = '';
        this.bands = new Float32Array(BANDS);
        this.length = new Float32Array(BANDS);
        this.level = FLOOR_DB;
        this.peak = FLOOR_DB;
        this.peaked = 0;
        this.last = 0;
        this.frame = 0;
        this.still = window.matchMedia('(prefers-reduced-motion: reduce)');

        this.restyle = () => {
            const style = getComputedStyle(document.documentElement);

            this.ink = style.getPropertyValue('--faint').trim();
            this.accent = style.getPropertyValue('--accent').trim();
            this.wake();
        };

        window.matchMedia('(prefers-color-scheme: dark)')
              .addEventListener('change', this.restyle);
        window.addEventListener('resize', () => this.wake());
        this.restyle();
    }

    set(mood, lamp) {
        this.mood = mood;
        this.lamp = lamp;
        this.restyle();
    }

    wake() {
        if (!this.frame) {
            this.frame = requestAnimationFrame((now) => this.draw(now));
        }
    }

    draw(now) {
        const dt = Math.min((now - this.last) / 1000, 0.1);
        const sound = this.mood === 'live' || this.mood === 'hold';

        this.last = now;
        this.frame = 0;

        if (sound && !this.still.matches) {
            crown(this.ear.spectrum(), this.ear.sampleRate, this.bands);
        } else {
            this.bands.fill(0);
        }

        const moving = this.follow(now / 1000, dt);

        this.hear(now, dt, sound);
        this.drawRing(this.still.matches ? 0 : now / 1000);
        this.drawBar();

        if (sound || moving) {
            this.wake();
        }
    }

    /* Moves each cilium towards its band; true while there is any motion. */
    follow(t, dt) {
        const deaf = this.mood === 'live' && !this.ear.analyser;
        const [rest, swing, speed] = MOODS[deaf ? 'hold' : this.mood];
        let moving = swing > 0 && !this.still.matches;

        for (let i = 0; i < BANDS; i++) {
            const wave = moving ? Math.sin(TURN * (t * speed * 2
                                                   + 1.5 * i / BANDS)) : 0;
            const goal = Math.max(rest + swing * (0.5 + 0.5 * wave),
                                  this.bands[i]);
            const d = goal - this.length[i];

            this.length[i] += d * (1 - Math.exp(-dt / (d > 0 ? 0.05 : 0.22)));
            moving = moving || Math.abs(d) > 0.004;
        }

        return moving;
    }

    hear(now, dt, sound) {
        const db = sound ? this.ear.level() : null;
        const level = Math.max(db === null ? FLOOR_DB : db, FLOOR_DB);

        this.level += (level - this.level)
                      * (1 - Math.exp(-dt / (level > this.level ? 0.03 : 0.2)));

        if (db === null || level >= this.peak) {
            this.peak = level;
            this.peaked = now;

        } else if (now - this.peaked > PEAK_HOLD_MS) {
            this.peak = Math.max(this.peak - PEAK_FALL_DB_S * dt, FLOOR_DB);
        }
    }

    /* Each cilium is a bent stroke whose tip lags behind its foot. */
    drawRing(t) {
        const g = this.ring.getContext('2d');
        const [w, h] = fit(this.ring, g);
        const foot = 0.33 * w;
        const reach = 0.16 * w;

        g.translate(w / 2, h / 2);
        g.lineCap = 'round';

        for (let i = 0; i < CILIA; i++) {
            const b = i < BANDS ? i : CILIA - 1 - i;
            const side = i < BANDS ? 1 : -1;
            const a = TURN * (0.25 + (i + 0.5) / CILIA);
            const len = this.length[b];
            const bend = side * len * (0.10 + 0.09 * Math.sin(t * 1.3 + b / 5));
            const r = foot + len * reach;

            const glow = Math.min(Math.max((len - 0.12) / 0.22, 0), 1);

            g.lineWidth = w / 190 * (1 + 0.3 * len);
            g.beginPath();
            g.moveTo(foot * Math.cos(a), foot * Math.sin(a));
            g.quadraticCurveTo((foot + r) / 2 * Math.cos(a),
                               (foot + r) / 2 * Math.sin(a),
                               r * Math.cos(a + bend), r * Math.sin(a + bend));
            g.globalAlpha = 0.75 * (1 - glow);
            g.strokeStyle = this.ink;
            g.stroke();
            g.globalAlpha = glow;
            g.strokeStyle = this.accent;
            g.stroke();
        }
    }

    drawBar() {
        const g = this.bar.getContext('2d');
        const [w, h] = fit(this.bar, g);
        const at = (db) => Math.round((1 - db / FLOOR_DB) * STROKES) - 1;
        const step = w / STROKES;

        for (let i = 0; i < STROKES; i++) {
            const on = i <= at(this.level);

            g.fillStyle = on || i === at(this.peak) ? this.accent : this.ink;
            g.globalAlpha = on ? 0.55 + 0.45 * i / STROKES
                               : i === at(this.peak) ? 1 : 0.5;
            g.fillRect(i * step, 0, Math.max(step * 0.36, 1.5), h);
        }
    }
}


/*
 * Loudness of the i-th of BANDS between LOW_HZ and HIGH_HZ as 0 to 1.  Music
 * falls by some 4 dB an octave: high bands are lifted by as much.
 */
function band(bins, i, rate) {
    const octaves = Math.log2(HIGH_HZ / LOW_HZ);
    const edge = (k) => LOW_HZ * 2 ** (octaves * k / BANDS)
                        / (rate / 2) * bins.length;
    const from = Math.floor(edge(i));
    const to = Math.min(Math.max(Math.ceil(edge(i + 1)), from + 1),
                        bins.length);
    let max = -Infinity;

    for (let k = from; k < to; k++) {
        max = Math.max(max, bins[k]);
    }

    const db = max + 4 * octaves * i / BANDS;

    return Math.min(Math.max((db + 78) / 62, 0), 1) ** 1.4;
}


/* All bands into out; a loud one lifts its neighbors, as cilia do. */
function crown(bins, rate, out) {
    if (!bins) {
        out.fill(0);
        return;
    }

    for (let i = 0; i < BANDS; i++) {
        out[i] = band(bins, i, rate);
    }

    for (let i = 1; i < BANDS; i++) {
        out[i] = Math.max(out[i], out[i - 1] * 0.74);
    }

    for (let i = BANDS - 2; i >= 0; i--) {
        out[i] = Math.max(out[i], out[i + 1] * 0.74);
    }
}
