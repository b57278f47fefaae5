/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The player: keeps one live stream sounding for as long as the listener wants
 * it.  In: the address of a multivariant playlist, play() and pause().  Out:
 * sound in an <audio> element and a state, told through onstate().  Off air and
 * broken connections are waited out with a jittered back-off, because a whole
 * audience meets the same failure in the same second.
 *
 * Two engines hide the difference between hls.js and the HLS that is built into
 * Apple's WebKit.  An engine has start(url), stop(), latency() and ended, and
 * calls lost(why) at most once per start: 'missing' (no such stream), 'ended',
 * 'network' or 'media'.  Nothing here touches the page.
 */

const TICK_MS = 250;

/* Sound has stopped when the element's clock stands still for this long. */
const STILL_MS = 1500;

/* A connection that brings no sound for this long is made anew. */
const GIVE_UP_MS = 12000;

/* This much unbroken sound makes a connection good: failures are forgotten. */
const GOOD_MS = 5000;

const RETRY_FIRST_MS = 2000;
const RETRY_LAST_MS = 15000;

/*
 * Where there are other nodes, one that fails is left at once: what is buffered
 * lasts for some seconds, and the next node has the same audio.  Where there
 * are none, it is worth some patience (hls.js's own).
 */
const STEERED = {
    playlistLoadPolicy: {default: {
        maxTimeToFirstByteMs: 10000,
        maxLoadTimeMs: 20000,
        timeoutRetry: null,
        errorRetry: {maxNumRetry: 1, retryDelayMs: 200, maxRetryDelayMs: 200}
    }},
    fragLoadPolicy: {default: {
        maxTimeToFirstByteMs: 4000,
        maxLoadTimeMs: 20000,
        timeoutRetry: {maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0},
        errorRetry: {maxNumRetry: 8, retryDelayMs: 200, maxRetryDelayMs: 1000}
    }}
};

/* recoverMediaError() helps once; sooner than this again, start over. */
const RECOVER_MS = 5000;


/*
 * Built-in HLS is chosen on Apple's WebKit only: Chromium has one too, but
 * without low latency, and WebKitGTK's is silent on a clock that counts from
 * 1970.
 */
export function hasAppleHls(audio) {
    return /Apple/.test(navigator.vendor)
           && /Mac|iPhone|iPad|iPod/.test(navigator.platform)
           && audio.canPlayType('application/vnd.apple.mpegurl') !== '';
}


/* Milliseconds before the n-th retry: doubling, most of it by chance. */
export function backoff(n) {
    const full = Math.min(RETRY_FIRST_MS * 2 ** Math.min(n, 10),
                          RETRY_LAST_MS);

    return full * (0.2 + 0.8 * Math.random());
}


class HlsEngine {
    constructor(audio, lost) {
        this.audio = audio;
        this.lost = lost;
        this.hls = null;
        this.ended = false;
        this.recovered = 0;
    }

    start(url) {
        const hls = new window.Hls({
            maxLiveSyncPlaybackRate: 1.06,
            backBufferLength: 30,
            enableWorker: false
        });

        this.stop();
        this.hls = hls;
        this.ended = false;

        hls.on(window.Hls.Events.MANIFEST_LOADED, (name, data) => {
            if (data.contentSteering) {
                Object.assign(hls.config, STEERED);
            }
        });
        hls.on(window.Hls.Events.LEVEL_LOADED, (name, data) => {
            this.loaded(data.details);
        });
        hls.on(window.Hls.Events.ERROR, (name, data) => {
            if (data.fatal && this.hls === hls) {
                this.failed(data);
            }
        });

        hls.attachMedia(this.audio);
        hls.loadSource(url);
    }

    stop() {
        if (this.hls) {
            this.hls.destroy();
            this.hls = null;
        }
    }

    /*
     * The limit after which hls.js jumps to the edge is set here and not in
     * the constructor, where it would override the server's PART-HOLD-BACK.
     */
    loaded(details) {
        const hls = this.hls;

        if (!hls) {
            return;
        }

        if (details.live) {
            hls.config.liveMaxLatencyDuration =
                Math.max(6, (hls.targetLatency || 0) + 3);
            return;
        }

        this.ended = true;

        if (this.audio.played.length === 0) {
            /* it was over before we came: do not play what is left of it */
            this.lost('ended');
        }
    }

    failed(data) {
        const types = window.Hls.ErrorTypes;
        const code = data.response ? data.response.code : 0;
        const playlist = /^(manifest|level|audioTrack)Load/.test(data.details);
        const now = performance.now();

        if (data.type === types.NETWORK_ERROR) {
            this.lost(playlist && (code === 404 || code === 410)
                      ? 'missing' : 'network');
            return;
        }

        if (data.type === types.MEDIA_ERROR
            && now - this.recovered > RECOVER_MS)
        {
            this.recovered = now;
            this.hls.recoverMediaError();
            this.audio.play().catch(() => {});
            return;
        }

        this.lost('media');
    }

    latency() {
        return this.hls && this.hls.latency > 0 ? this.hls.latency : null;
    }
}


class NativeEngine {
    constructor(audio, lost) {
        this.audio = audio;
        this.lost = lost;
        this.url = '';
        this.ended = false;

        audio.addEventListener('error', () => this.failed());
        audio.addEventListener('loadedmetadata', () => {
            if (this.url && Number.isFinite(audio.duration)) {
                this.lost('ended');
            }
        });
    }

    start(url) {
        this.url = url;
        this.audio.src = url;
    }

    stop() {
        if (this.url) {
            this.url = '';
            this.audio.removeAttribute('src');
            this.audio.load();
        }
    }

    /* The element does not tell a status: ask for it once more. */
    failed() {
        const url = this.url;

        if (!url) {
            return;
        }

        fetch(url, {method: 'HEAD', cache: 'no-store'}).then(
            (r) => (r.status === 404 || r.status === 410) ? 'missing'
                                                          : 'network',
            () => 'network'
        ).then((why) => {
            if (this.url === url) {
                this.lost(why);
            }
        });
    }

    /* From the playlist's dates, so only as true as the device's clock. */
    latency() {
        const start = this.audio.getStartDate ? this.audio.getStartDate() : NaN;
        const s = (Date.now() - start) / 1000 - this.audio.currentTime;

        return s > 0 && s < 60 ? s : null;
    }
}


/*
 * States: 'ready' (not wanted), 'connecting', 'playing', 'stalled' (was
 * playing or could have been, and is being mended) and 'off air' (looked for
 * until it comes back).
 */
export class Player {
    constructor(audio, onstate) {
        const lost = (why) => this.lost(why);

        this.audio = audio;
        this.onstate = onstate;
        this.native = hasAppleHls(audio);
        this.engine = this.native ? new NativeEngine(audio, lost)
                                  : new HlsEngine(audio, lost);
        this.url = null;
        this.wanted = false;
        this.state = 'ready';
        this.blocked = false;

        this.failures = 0;
        this.retry = 0;           /* timer of the next attempt, 0: none */
        this.began = 0;           /* when this attempt or this stretch began */
        this.moved = 0;           /* when the element's clock last moved */
        this.clock = 0;

        audio.addEventListener('ended', () => this.lost('ended'));
        audio.addEventListener('pause', () => this.paused());
        setInterval(() => this.tick(performance.now()), TICK_MS);
        window.addEventListener('online', () => this.hurry());
        document.addEventListener('visibilitychange', () => this.hurry());
    }

    /* To be called from a click: it is what lets the browser make sound. */
    play() {
        this.wanted = true;
        this.blocked = false;
        this.failures = 0;
        this.set('connecting');
        this.connect();
    }

    pause() {
        this.wanted = false;
        this.disconnect();
        this.set('ready');
    }

    /* Takes another stream, or null; goes on playing if it was. */
    open(url) {
        this.url = url;

        if (this.wanted) {
            this.play();
        }
    }

    get latency() {
        return this.state === 'playing' ? this.engine.latency() : null;
    }

    set(state) {
        if (this.state !== state) {
            this.state = state;
            this.onstate(state);
        }
    }

    connect() {
        clearTimeout(this.retry);
        this.retry = 0;
        this.began = this.moved = performance.now();

        if (!this.url) {
            this.set('off air');
            return;
        }

        this.engine.start(this.url);
        this.clock = this.audio.currentTime;

        this.audio.play().catch((e) => {
            if (e.name === 'NotAllowedError') {
                this.blocked = true;
                this.pause();
            }
        });
    }

    disconnect() {
        clearTimeout(this.retry);
        this.retry = 0;
        this.audio.pause();
        this.engine.stop();
    }

    lost(why) {
        if (!this.wanted || this.retry) {
            return;
        }

        this.disconnect();
        this.retry = setTimeout(() => this.connect(), backoff(this.failures));
        this.failures++;
        this.set(why === 'missing' || why === 'ended' ? 'off air' : 'stalled');
    }

    /*
     * A pause that is not ours: the headphones were pulled out, another app
     * took the sound.  Playing on by ourselves would be rude.
     */
    paused() {
        if (this.wanted && !this.retry && this.audio.paused
            && !this.audio.ended)
        {
            this.pause();
        }
    }

    /* The network or the listener came back: do not sit out the back-off. */
    hurry() {
        if (this.wanted && this.retry && !document.hidden) {
            this.failures = 0;
            clearTimeout(this.retry);
            this.retry = setTimeout(() => this.connect(),
                                    Math.random() * RETRY_FIRST_MS);
        }
    }

    tick(now) {
        if (!this.wanted || !this.url || this.retry) {
            return;
        }

        if (this.audio.currentTime !== this.clock && !this.audio.seeking) {
            this.clock = this.audio.currentTime;
            this.sounding(now);
            return;
        }

        if (now - this.moved < STILL_MS) {
            return;
        }

        if (this.engine.ended) {
            this.lost('ended');

        } else if (now - this.moved > GIVE_UP_MS) {
            this.lost('network');

        } else if (this.state === 'playing') {
            this.set('stalled');
        }
    }

    sounding(now) {
        this.moved = now;

        if (this.audio.played.length === 0) {
            return;               /* a seek to the edge, not yet sound */
        }

        if (this.state !== 'playing') {
            this.began = now;
            this.set('playing');

        } else if (now - this.began > GOOD_MS) {
            this.failures = 0;
        }
    }
}
