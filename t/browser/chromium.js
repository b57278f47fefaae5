/* Copyright (c) 2026, the Stentor authors
 * SPDX-License-Identifier: BSD-2-Clause */

/*
 * The Chromium that the scripts of this directory start: where it is, and what
 * it is told so that it asks nobody but the nodes of the test.
 */

'use strict';

exports.PATH = process.env.CHROMIUM || '/usr/bin/chromium';

exports.FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update',
    '--disable-sync', '--disable-default-apps', '--disable-extensions'
];
