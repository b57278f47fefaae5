#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# TLS to Redis: a lease over it, by a Sentinel as well; and with nobody whom no
# authority vouches for, who has another name, who does not answer, or who does
# not want this node: which is trouble in words, and a node that goes on alone.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;
use Stentor::Redis;

use File::Temp ();


need('redis-server', 'redis-sentinel', 'openssl');

my $SECRET = 'open-sesame';
my $KEY = 'stentor:lease:live/studio1';
my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);

my $ca = Stentor::Authority->new(dir => $dir);
my $other = Stentor::Authority->new(dir => $dir, name => 'other');
my @host = $ca->issue('localhost');
my @address = $ca->issue('127.0.0.1');
my ($cert, $key) = $ca->issue('node');
my ($foreign_cert, $foreign_key) = $other->issue('node');


# A node on the air whose redis is that.

sub node($redis) {
    return on_air(
        stentor => 'cluster { node a; role origin; lease 1500ms;'
                   . ' relay http://127.0.0.1:1/relay/;'
                   . " redis $redis password=$SECRET; }",
        workers => 1, linger => '1s', expected => qr/\[error\].*Redis/);
}


sub server(@certificate) {
    return Stentor::Redis->new(password => $SECRET, authority => $ca,
                               certificate => \@certificate);
}


sub lease($node) {
    my ($l) = grep { $_->{stream} eq 'live/studio1' }
              @{ $node->status()->{cluster}{leases} };
    return $l;
}


sub wait_redis($node, $state, $trouble, $what) {
    my $says;

    my $ok = $node->wait_until(sub {
        $says = $node->status()->{cluster}{redis};
        return $says->{state} eq $state && $says->{trouble} =~ $trouble;
    });

    ok($ok, $what) or diag(explain($says));
    note($says->{trouble});
}


sub is_held($node, $redis, $what) {
    wait_redis($node, 'up', qr/^$/, $what);

    my $ok = $redis->wait_until(sub {
        return ($redis->ask('GET', $KEY) // '') =~ /^\d+ 1 a /
               && lease($node)->{state} eq 'held';
    });

    ok($ok, "$what: its lease is there");
}


# The stream goes on by itself, and nobody's secrets are told.

sub is_alone($node, $trouble, $what) {
    wait_redis($node, 'down', $trouble, $what);
    ok($node->wait_until(sub { lease($node)->{state} eq 'alone' }),
       "$what: alone");

    my $made = $node->stream('live/studio1')->{renditions}[0]{edge_ms};

    $node->wait_stream('live/studio1', sub ($st) {
        return $st->{state} eq 'live'
               && $st->{renditions}[0]{edge_ms} > $made + 400;
    }, $Stentor::Node::PATIENCE, "$what: the stream goes on");

    unlike($node->log(), qr/\Q$SECRET\E|\[(?:crit|alert)\]/,
           "$what: and nothing else is told");
}


sub ends($node, $b) {
    $b->stop();
    $node->done('TERM');
}


# --- as it should be

my $redis = server(@host);
my $at = 'localhost:' . $redis->tls_port();

my ($node, $b) = node("$at tls ca=$ca->{pem}");
is_held($node, $redis, 'a name');
ok($redis->wait_until(sub { $redis->info('pubsub_channels') }),
   'it hears what is told');

# what is longer than a record, and than what a socket takes at once
my $long = 'x' x 100_000;
$redis->ask('HSET', 'stentor:nodes', "long$_", "1 $long") for 1 .. 20;
is_held($node, $redis, 'long replies');
my $connects = $node->status()->{cluster}{redis}{connects};

# --- lost, and found again

$redis->kill_it();
is_alone($node, qr/./, 'lost');
$redis->start();
is_held($node, $redis, 'back');
cmp_ok($node->status()->{cluster}{redis}{connects}, '>', $connects,
       'by another connection');

# --- that stops in the middle of it: the kernel accepts, nobody answers

$redis->freeze();
is_alone($node, qr/^no TLS handshake in 200 ms$/, 'no handshake');
$redis->thaw();
is_held($node, $redis, 'as it was');
ends($node, $b);

# --- whose certificate is not the right one

my $not = qr/^TLS: certificate verify failed/;

for my $case (
    ['another authority', "$at tls ca=$other->{pem}", qr/$not: \w/],
    ['none of its own', "$at tls", qr/$not: \w/],
    ['another name', "$at tls ca=$ca->{pem} tls_name=redis.example",
     qr/$not: hostname mismatch/],
    ['an address', '127.0.0.1:' . $redis->tls_port() . " tls ca=$ca->{pem}",
     qr/$not: IP address mismatch/],
    # Redis 8 answers what is no command of its own, those before wait for more
    ['no TLS there', "localhost:$redis->{port} tls ca=$ca->{pem}",
     qr/^(?:no TLS handshake in 200 ms|TLS: wrong version number)$/],
) {
    my ($what, $parameters, $trouble) = @$case;

    my $seen = $redis->monitor();
    ($node, $b) = node($parameters);
    is_alone($node, $trouble, $what);
    is_deeply([ grep { $_->[0] !~ /^(?:GET|INFO)$/i } $seen->seen() ], [],
              "$what: nothing was said to it");
    ends($node, $b);
}

# --- called otherwise than it is found

($node, $b) = node('127.0.0.1:' . $redis->tls_port()
                   . " tls ca=$ca->{pem} tls_name=localhost");
is_held($node, $redis, 'a name that is told');
ends($node, $b);

# --- that wants to know who asks

$redis->ask('CONFIG', 'SET', 'tls-auth-clients', 'yes');

($node, $b) = node("$at tls ca=$ca->{pem} cert=$cert key=$key");
is_held($node, $redis, 'a certificate of its own');
ends($node, $b);

for my $case (
    ['no certificate', '', 'certificate required'],
    ["another authority's certificate", "cert=$foreign_cert key=$foreign_key",
     'unknown ca'],
) {
    my ($what, $parameters, $alert) = @$case;

    ($node, $b) = node("$at tls ca=$ca->{pem} $parameters");
    is_alone($node, qr/^TLS: .*alert $alert/, $what);
    ends($node, $b);
}

$redis->remove();

# --- TLS 1.2

$redis = Stentor::Redis->new(
    password => $SECRET, authority => $ca, certificate => \@host,
    clients => 'yes', options => ['tls-protocols TLSv1.2']);
$at = 'localhost:' . $redis->tls_port();

($node, $b) = node("$at tls ca=$ca->{pem} cert=$cert key=$key");
is_held($node, $redis, 'TLS 1.2');
ends($node, $b);

($node, $b) = node("$at tls ca=$ca->{pem}");
is_alone($node, qr/^TLS: .*alert/, 'TLS 1.2 without a certificate');
ends($node, $b);
$redis->remove();

# --- Sentinels, who tell addresses

my $master = server(@address);
my $sentinel = Stentor::Redis->sentinel(master => $master, authority => $ca,
                                        certificate => \@address);

$sentinel->wait_until(sub { $sentinel->info('master0') =~ /status=ok/ });
($node, $b) = node('127.0.0.1:' . $sentinel->tls_port()
                   . " master=stentor tls ca=$ca->{pem}");
is_held($node, $master, 'by a Sentinel');
ends($node, $b);

($node, $b) = node('127.0.0.1:' . $sentinel->tls_port()
                   . " master=stentor tls ca=$other->{pem}");
is_alone($node, qr/^Sentinel: TLS: certificate verify failed/,
         'by one of another authority');
ends($node, $b);
$_->remove() for $sentinel, $master;

done_testing();
