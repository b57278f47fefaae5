/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the dashboard remembers: the node has no history of its own, so the
 * page keeps what it has seen, and gives it to the browser's local storage now
 * and then, for the next time.  Nothing here asks the node or touches the page.
 *
 * A series is figures, thinned as they grow old: a bucket of each tier has the
 * least, the most and the last of its time.  A track is periods of a state.
 * Of time that nobody has seen there is nothing: null, a gap.
 *
 *     series  [[bucket, low, high, last], ...] for each tier, oldest first
 *     track   [[from, to, state or null], ...], oldest first
 */

export const TIERS = [
    {step: 1000, keep: 420},
    {step: 10000, keep: 420},
    {step: 60000, keep: 780}
];

const KEEP_MS = 12 * 3600 * 1000;
const PERIODS = 600;              /* of a track, at most */

/* Looks further apart than this have time between them that nobody saw: a
   browser wakes a page that is not looked at once a minute. */
const UNSEEN_MS = 70000;

const SAVED = 1;                  /* version of what is stored */
const SAVED_STREAMS = 24;         /* the rest is forgotten with the page */


class Series {
    constructor(tiers) {
        this.tiers = tiers || TIERS.map(() => []);
    }

    /* v is null when it is not known. */
    add(t, v) {
        TIERS.forEach(({step, keep}, i) => {
            const tier = this.tiers[i];
            const k = Math.floor(t / step);

            while (tier.length && tier[tier.length - 1][0] > k) {
                tier.pop();                   /* the clock was set back */
            }

            const last = tier[tier.length - 1];

            if (!last || last[0] !== k) {
                tier.push([k, v, v, v]);

            } else if (v !== null) {
                last[1] = last[1] === null ? v : Math.min(last[1], v);
                last[2] = last[2] === null ? v : Math.max(last[2], v);
                last[3] = v;
            }

            if (tier.length > keep) {
                tier.splice(0, tier.length - keep);
            }
        });
    }

    /* From the finest tier that reaches as far back as span. */
    points(span, now) {
        let i = TIERS.findIndex(({step, keep}) => step * keep >= span);

        i = i < 0 ? TIERS.length - 1 : i;

        const {step} = TIERS[i];
        const points = [];
        let before = null;

        for (const [k, low, high, last] of this.tiers[i]) {
            const t = (k + 0.5) * step;

            if (t < now - span) {
                continue;
            }

            if (before !== null && t - before > Math.max(2.5 * step,
                                                         UNSEEN_MS))
            {
                points.push({t: before + step, low: null});
            }

            points.push({t: Math.min(t, now), low, high, last});
            before = t;
        }

        return points;
    }
}


export class History {
    constructor(key) {
        this.key = key;
        this.series = new Map();
        this.tracks = new Map();
        this.load();
    }

    add(name, t, v) {
        if (!this.series.has(name)) {
            if (v === null) {
                return;
            }

            this.series.set(name, new Series());
        }

        this.series.get(name).add(t, v);
    }

    points(name, span, now) {
        const series = this.series.get(name);

        return series ? series.points(span, now) : [];
    }

    /* Of what the first thing that is remembered is; now if there is none. */
    oldest(name, now) {
        const series = this.series.get(name);
        const {step} = TIERS[TIERS.length - 1];
        const first = series && series.tiers[TIERS.length - 1][0];

        return first ? Math.min(first[0] * step, now) : now;
    }

    mark(name, t, state) {
        const track = this.tracks.get(name) || [];

        while (track.length && track[track.length - 1][0] > t) {
            track.pop();
        }

        const last = track[track.length - 1];
        const seen = last && t - last[1] < UNSEEN_MS;

        if (seen) {
            last[1] = t;
        }

        if (!seen || last[2] !== state) {
            track.push([t, t, state]);
        }

        while (track.length > PERIODS
               || (track.length && track[0][1] < t - KEEP_MS))
        {
            track.shift();
        }

        this.tracks.set(name, track);
    }

    periods(name, span, now) {
        return (this.tracks.get(name) || [])
               .filter(([, to, state]) => state && to > now - span);
    }

    /* Names of tracks and series that begin so. */
    names(prefix) {
        return [...this.tracks.keys()].filter((n) => n.startsWith(prefix));
    }

    /* The page could not look: whatever there is has a gap now. */
    blind(t) {
        for (const series of this.series.values()) {
            series.add(t, null);
        }

        for (const name of this.tracks.keys()) {
            this.mark(name, t, null);
        }
    }

    /* What has not been seen for long is of no use any more. */
    forget(now) {
        for (const [name, track] of this.tracks) {
            const last = track.filter(([, , state]) => state).pop();

            if (!last || last[1] < now - KEEP_MS) {
                this.tracks.delete(name);
                [...this.series.keys()].filter((n) => n.startsWith(name + ' '))
                                       .forEach((n) => this.series.delete(n));
            }
        }
    }

    save() {
        const streams = this.names('stream ').slice(-SAVED_STREAMS);
        const may = (name) => !name.startsWith('stream ')
                              || streams.some((s) => name === s
                                              || name.startsWith(s + ' '));
        const data = {
            saved: SAVED,
            series: [...this.series].filter(([name]) => may(name))
                                    .map(([name, s]) => [name, s.tiers]),
            tracks: [...this.tracks].filter(([name]) => may(name))
        };

        try {
            localStorage.setItem(this.key, JSON.stringify(data));
        } catch (e) {
            /* full, or not allowed: then it is kept as long as the page is */
        }
    }

    load() {
        let data = null;

        try {
            data = JSON.parse(localStorage.getItem(this.key));
        } catch (e) {
            return;
        }

        if (!data || data.saved !== SAVED) {
            return;
        }

        data.series.forEach(([name, tiers]) =>
                            this.series.set(name, new Series(tiers)));
        this.tracks = new Map(data.tracks);
    }
}
