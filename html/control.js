/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The dashboard's hands: whether this page may open and close streams, and
 * doing so.  The control location says who may (it refuses other addresses and
 * pages of other sites); where it does not answer there are no buttons.
 */

const TIMEOUT_MS = 12000;         /* control itself waits for 10 s */


export class Control {
    /* said: where outcomes are told; confirm: the dialog before a close;
       done is called after each. */
    constructor(url, said, confirm, done) {
        this.url = url;
        this.said = said;
        this.confirm = confirm;
        this.done = done;
        this.allowed = false;
        this.busy = new Set();
        this.closing = null;

        confirm.addEventListener('click', (e) => {
            if (e.target.value) {
                confirm.close(e.target.value);
            }
        });

        confirm.addEventListener('close', () => {
            if (confirm.returnValue === 'yes') {
                this.post('close', this.closing);
            }
        });
    }

    async check() {
        let allowed = false;

        if (!this.url) {
            return;
        }

        try {
            const response = await this.fetch('streams');

            allowed = response.ok
                      && Array.isArray((await response.json()).streams);
        } catch (e) {
            /* nobody there, or somebody else */
        }

        if (this.allowed !== allowed) {
            this.allowed = allowed;
            this.done();
        }
    }

    fetch(verb, options) {
        return fetch(new URL(verb, this.url), {
            cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS),
            ...options
        });
    }

    /* To be confirmed, if it cannot be taken back. */
    act(verb, stream) {
        if (verb === 'open') {
            this.post(verb, stream);
            return;
        }

        this.closing = stream;
        this.confirm.returnValue = '';
        this.confirm.querySelector('h2').textContent = 'Close ' + stream + '?';
        this.confirm.showModal();
    }

    async post(verb, stream) {
        if (this.busy.has(stream)) {
            return;
        }

        this.busy.add(stream);
        this.said.textContent = stream + ': asked to ' + verb + '.';

        try {
            const response = await this.fetch(verb, {
                method: 'POST', body: JSON.stringify({stream})
            });
            const json = await response.json();

            this.said.textContent = stream + ': '
                                    + (response.ok ? 'is ' + json.state
                                                   : json.error) + '.';
        } catch (e) {
            this.said.textContent = stream + ': the node did not say whether'
                                    + ' it was done.';
        }

        this.busy.delete(stream);
        this.done();
    }
}
