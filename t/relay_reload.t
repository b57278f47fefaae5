#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Reloads that change what a node is to others, while it has a stream of
# theirs: one that takes it out of the cluster, one that puts it in, one that
# gives it another name.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Relay;
use Stentor::Tier;


need('ffmpeg');

my $PLAYLIST = '/live/studio1/audio.m3u8';
my $reloads = 0;


# A reload with another configuration, after which all workers are to live on
# while something of theirs is made here.

sub becomes($node, $what, %o) {
    @$node{keys %o} = values %o;
    $node->write_conf();

    my @workers = $node->reload();
    my $name = 'local-' . ++$reloads;
    my $b = broadcaster($node, name => $name);
    my $parts = $node->stream("live/$name")->{parts};

    ok($node->wait_stream("live/$name", sub ($st) {
        return $st && $st->{parts} >= $parts + 8;
    }), "$what: what is made here goes on");
    is_deeply([$node->worker_pids()], \@workers, "$what: workers live");
    $b->stop();
}


# Whether it has the stream from others, as id.

sub pulls_as($node, $id, $origin, $what) {
    ok($node->wait_until(sub {
        $node->get($PLAYLIST);
        my $relay = from($node);
        return $relay && "@{ $relay->{chain} }" eq 'origin-1';
    }), "$what: the stream comes from others") or diag($node->log());
    ok($node->wait_until(sub { !differs($node, $origin) }),
       "$what: and is the same");
    is($node->status()->{cluster}{node}, $id, "$what: its name");

    my $r = Stentor::Relay->new(port => $node->port_http(), node => 'other');
    ok($r->wait_parts(1), "$what: it is given on");
    is("@{ $r->{stream}{chain} }", "origin-1 $id", "$what: in that name");
    $r->close();
}


my $origin = origin();
my $b = broadcaster($origin);
my $edge = pulls_from([$origin]);
my %in = map { $_ => $edge->{$_} } qw(stentor http_server);

pulls_as($edge, 'edge-1', $origin, 'at first');

becomes($edge, 'out of the cluster', stentor => '', http_server => '');
ok(!$edge->status()->{cluster}, 'out of the cluster: it is in none');
like($edge->get($PLAYLIST)->{status}, qr/^(?:200|404)$/,
     'out of the cluster: an answer to who wants the stream');

becomes($edge, 'in the cluster', %in);
pulls_as($edge, 'edge-1', $origin, 'in the cluster');

becomes($edge, 'another name', stentor => $in{stentor} =~ s/edge-1/edge-9/r);
pulls_as($edge, 'edge-9', $origin, 'another name');

# one that never was in a cluster, and has a stream of its own

my $plain = Stentor::Node->new();
my $own = broadcaster($plain);
becomes($plain, 'in a cluster now',
        stentor => $in{stentor} =~ s/edge-1/edge-2/r,
        http_server => $in{http_server});
is($plain->stream('live/studio1')->{relay}, undef,
   'in a cluster now: it makes its stream as before');

$_->stop() for $b, $own;
$_->done('TERM') for $plain, $edge, $origin;
done_testing();
