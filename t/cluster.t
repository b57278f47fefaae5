#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Seven nodes as the examples of the documentation configure them: a stream
# comes to each once, whatever the number of listeners, and is the same on all
# of them, part by part and playlist by playlist.  t/bench/cluster measures.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Kit;
use Stentor::Tier;

need('redis-server', 'cc');

my $c = Stentor::Cluster->new(origins => 2, shields => 2, edges => 3,
    part_duration => '200ms', node => { edge => { workers => 2 } });
my @nodes = $c->nodes();
my @edges = $c->nodes('edge');

is(scalar(@nodes), 7, 'seven nodes know each other');
is_deeply([ sort map { $_->{id} }
                 @{ $c->edge(3)->status()->{cluster}{nodes} } ],
          [ sort map { $_->{id} } @nodes ], 'by their names');

my $b = broadcaster($c->origin(1));
my $crowd = Stentor::Crowd->new([ map { $_->port_http() } @edges ],
                                listeners => 6);

ok($crowd->hears(), 'a listener at each worker of each edge hears it');


# What there is between nodes, while the crowd has so many listeners.

sub between() {
    my $of = sub ($field, @n) {
        my $sum = 0;
        $sum += $_->status()->{relay}{$field} for @n;
        return $sum;
    };

    return {
        'relays of the origin' => $of->('sessions', $c->origin(1)),
        'relays of shields' => $of->('sessions', $c->nodes('shield')),
        'pulls of edges' => $of->('pulls', @edges),
        'pulls of shields' => $of->('pulls', $c->nodes('shield')),
        'requests to the origin' => $of->('requests', $c->origin(1)),
        'requests to shields' => $of->('requests', $c->nodes('shield')),
    };
}


# One shield has the stream, for all edges; a pull is settled when it has been
# there for a while.

my $few = between();
is_deeply($few, { 'relays of the origin' => 1, 'relays of shields' => 3,
                  'pulls of edges' => 3, 'pulls of shields' => 1,
                  'requests to the origin' => 1, 'requests to shields' => 3 },
          'one relay a tier, of as many as there may be');

$crowd->end();
$crowd = Stentor::Crowd->new([ map { $_->port_http() } @edges ],
                             listeners => 600, hold_back => 3);
ok($crowd->hears(), 'six hundred hear it');
is_deeply(between(), $few, 'and there is not one relay more');

my $seen = $crowd->wait(sub ($s) { return $s->{parts} >= 12000 });
ok($seen, 'they go on hearing it');
is($seen->{wrong}, 0, 'every part once, and the same everywhere');
is($seen->{stalls}, 0, 'without a stall');


# --- the same bytes, the same playlists

is_deeply([ differs($c->origin(1), $_) ], [],
          "$_->{id} has the bytes of the origin")
    for grep { $_ != $c->origin(1) } @nodes;


# The playlists of all nodes when each has the same part last.

sub lists() {
    my @http = map { $_->http() } @nodes;

    for (1 .. 50) {
        my $p = playlist($c->origin(1));
        my $query = "_HLS_msn=" . ($p->{open}{msn} + 1) . '&_HLS_part=0';

        $_->request('GET', "/live/studio1/audio.m3u8?$query") for @http;
        my @texts = map { $_->{text} } Stentor::HTTP::wait_all(\@http);
        my %hints = map { /PRELOAD-HINT.*/g => 1 } @texts;
        return @texts if keys(%hints) == 1;
    }

    return 1 .. @nodes;
}


my ($first, @others) = lists();
is($_, $first, 'playlists are equal') for @others;


# --- an origin that stands by, and a node that joins

my $b2 = Stentor::Broadcaster->start(port => $c->origin(2)->port_rtmp());
$c->origin(2)->wait_status(sub ($s) {
    my ($lease) = grep { $_->{stream} eq 'live/studio1' }
                  @{ $s->{cluster}{leases} };
    return $lease && $lease->{fed} && $lease->{state} eq 'other';
}, $Stentor::Node::PATIENCE, 'the second origin stands by');
is_deeply(from($c->origin(2))->{chain}, ['origin-1'],
          'the second origin stands by, and has the stream from the first');

$c->edge(2)->kill_it();
$c->wait_met(6);
$c->edge(2)->start();
$c->wait_met(7);
is($c->edge(2)->get('/live/studio1/index.m3u8')->{status}, 200,
   'a node that died and is back has the stream');

is($crowd->end()->{wrong}, 0, 'nothing was wrong all the time');
$_->stop() for $b, $b2;
is_deeply($c->redis()->ask('ACL', 'LOG'), [],
          "nodes do nothing that Redis's example does not let them");
$c->done();
done_testing();
