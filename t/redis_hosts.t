#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# A name that has several addresses, as localhost has where /etc/hosts names
# ::1, too: Redis is found at the one that it listens at, whichever that is,
# without a rest and without a word of those that it is not at; over TLS by the
# name, whatever the address; and trouble is told when none of them is it.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Authority;
use Stentor::Kit;
use Stentor::Redis;

need('redis-server', 'openssl', 'unshare');
plan(skip_all => 'needs mounts of its own: root')
    if !Stentor::Node::has(Stentor::Node::may_mount(), 'mounts of its own');

my $dir = File::Temp::tempdir('stentor-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $ca = Stentor::Authority->new(dir => $dir);

# it listens at 127.0.0.1 alone
my $redis = Stentor::Redis->new(authority => $ca,
                                certificate => [ $ca->issue('localhost') ]);

my $IPV6 = -e '/proc/net/if_inet6';
my $BOTH = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n";
my $V6_FIRST = "::1 localhost ip6-localhost\n127.0.0.1 localhost\n";
my $MANY = join('', map { "127.0.0.$_ localhost\n" } 5, 4, 3, 2, 1);


sub node($hosts, $redis, %o) {
    return Stentor::Node->new(workers => 1, hosts => $hosts,
        stentor => 'cluster { node a; role origin; lease 1500ms;'
                   . ' relay http://127.0.0.1:1/relay/;'
                   . " redis $redis timeout=500ms; }", %o);
}


sub is_found($node, $what) {
    my $says;

    ok($node->wait_until(sub {
        $says = $node->status()->{cluster}{redis};
        return $says->{state} eq 'up';
    }), $what) or diag(explain($says));

    return $says;
}


my $plain = 'localhost:' . $redis->{port};
my $tls = 'localhost:' . $redis->tls_port() . " tls ca=$ca->{pem}";

for my $case ([ $BOTH, 'of both kinds' ], [ $V6_FIRST, 'IPv6 first' ],
              [ $MANY, 'of five addresses' ])
{
    my ($hosts, $what) = @$case;

  SKIP: {
        skip('needs IPv6', 8) if $hosts =~ /::1/ && !$IPV6;

        my $node = node($hosts, $plain);
        my $says = is_found($node, "$what: it is found");
        is($says->{failures}, 0, 'no failure');
        unlike($node->log(), qr/\[error\].*Redis/, 'nor any word of one');
        $node->done();

        $node = node($hosts, $tls);
        is_found($node, "$what: over TLS, too");
        $node->done();
    }
}

# --- lost, and found again where it was

my $node = node($MANY, $plain, expected => qr/\[error\].*Redis/);
is_found($node, 'found');
$redis->kill_it();
ok($node->wait_until(sub {
    my $says = $node->status()->{cluster}{redis};
    return $says->{state} eq 'down' && $says->{trouble} =~ /refused/;
}), 'it is nowhere: trouble');
$redis->start();
is_found($node, 'it is back');
$node->done();

done_testing();
