#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Different listeners of a stream on two nodes: each counts its own, Redis all,
# and who listens to both counts once.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Crowd;
use Stentor::Kit;

need('ffmpeg', 'cc', 'redis-server');


my $c = Stentor::Cluster->new(origins => 1, edges => 1);
my ($origin, $edge) = ($c->origin(), $c->edge());
my $b = broadcaster($origin);

ok($edge->wait_until(sub {
    return $edge->get('/live/studio1/index.m3u8')->{status} == 200;
}), 'the edge has the stream');


# As many listeners as there are names get a segment of a node.

sub listen_as($node, @agents) {
    my $uri = playlist($node)->{segments}[-1]{uri};

    return grep {
        $node->get("/live/studio1/$uri", 'User-Agent' => $_)->{status} == 200
    } @agents;
}


sub counts($node, $own, $all, $what) {
    return ok($node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{unique} == $own
               && ($st->{unique_cluster} // -1) == $all;
    }, 20, $what), $what);
}


is(scalar(listen_as($origin, 1 .. 20)), 20, 'twenty listen to the origin');
is(scalar(listen_as($edge, 11 .. 40)), 30, 'thirty to the edge');

counts($origin, 20, 40, 'the origin has had twenty, all have had forty');
counts($edge, 30, 40, 'the edge thirty, and forty as well');

my $key = 'stentor:unique:live/studio1';
is($c->redis()->ask('PFCOUNT', $key), 40, 'Redis has them');
cmp_ok($c->redis()->ask('TTL', $key), '>', 86000, 'for a day');

my $crowd = Stentor::Crowd->new([ $edge->port_http() ], listeners => 7);
ok($origin->wait_status(sub ($s) { $s->{cluster}{listeners} == 7 }),
   'listeners of all nodes are told');
$crowd->end();

$c->done();
done_testing();
