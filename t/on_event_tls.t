#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Events over HTTPS go to nobody whose certificate no authority vouches for.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;


need('ffmpeg', 'openssl');

my $port = Stentor::Node::free_port();
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my ($pem, $key) = Stentor::Authority->new(dir => $dir)->issue('localhost');

# the receiver is the node itself
my $node = Stentor::Node->new(
    workers => 1,
    application => "on_event https://localhost:$port/hook;",
    http => "server { listen 127.0.0.1:$port ssl;"
            . " ssl_certificate $pem;"
            . " ssl_certificate_key $key;"
            . ' location / { return 200; } }',
);

my @sessions = map { broadcaster($node) } 1, 2;

ok($node->wait_status(sub ($s) { $s->{events}{retries} >= 2 }),
   'the event is tried');
is($node->status()->{events}{sent}, 0, 'and not posted');
like($node->log(), qr{events\ for\ https://localhost:$port/hook\ are\ delayed:
                      \ SSL\ peer\ certificate}x,
     'because of the certificate');
unlike(Stentor::Node::slurp($node->dir() . '/access.log'), qr{POST /hook},
       'nothing came through');

$sessions[1]->stop();
$node->done('TERM');
done_testing();
