#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Events over HTTPS go to nobody whose certificate no authority vouches for.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg', 'openssl');

my $port = Stentor::Node::free_port();
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -addext subjectAltName=DNS:localhost -keyout $dir/key.pem"
       . " -out $dir/cert.pem 2> $dir/openssl.log") == 0
    or die Stentor::Node::slurp("$dir/openssl.log");

# the receiver is the node itself
my $node = Stentor::Node->new(
    workers => 1,
    application => "on_event https://localhost:$port/hook;",
    http => "server { listen 127.0.0.1:$port ssl;"
            . " ssl_certificate $dir/cert.pem;"
            . " ssl_certificate_key $dir/key.pem;"
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
