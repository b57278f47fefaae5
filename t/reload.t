#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# "nginx -s reload" with a live broadcaster and listening listeners: no part
# is lost, nobody sees an error, and old workers go when their broadcaster
# does.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;


need('ffmpeg');

my ($node, $b) = on_air(reuseport => 1);
my @old = $node->worker_pids();

my @listeners = map {
    Stentor::Listener->fork_run(120, port => $node->port_http(),
                                edge => 1, delta => $_ % 2)
} 1 .. 6;

ok($node->wait_status(sub ($s) { $s->{hls}{waiters} >= 4 }, 5, 'parked'),
   'listeners are parked');

for my $round (1 .. 3) {
    my @new = $node->reload();
    is(scalar(@new), 2, "reload $round: new workers");

    my $parts = $node->stream('live/studio1')->{parts};
    ok($node->wait_stream('live/studio1', sub ($st) {
        return $st && $st->{state} eq 'live' && $st->{parts} >= $parts + 4;
    }), "reload $round: live, and parts go on");

    my $l = listener($node);
    ok($l->parts(6), "reload $round: a new listener");
    conforms("reload $round: hears a clean programme",
             @{ $l->{violations} });
}

ok(!$b->closed(0.01), 'the broadcaster was never dropped');

my %heard;

my $end = $node->stream('live/studio1')->{parts} + 12;
$node->wait_stream('live/studio1', sub ($st) { $st->{parts} >= $end });

for my $l (@listeners) {
    my $report = $l->join();
    conforms('a listener: no error, no gap', @{ $report->{violations} });
    is($report->{missed}, 0, 'a listener: no part was lost');
    cmp_ok(scalar(@{ $report->{parts} }), '>', 15, 'a listener: many parts');
    cmp_ok(scalar(keys %{ $report->{workers} }), '>', 1,
           'a listener: heard from more than one worker');

    for my $part (@{ $report->{parts} }) {
        $heard{"$part->{msn}.$part->{part}"}{"$part->{tfdt} $part->{bytes}"}
            = 1;
    }
}

is(scalar(grep { keys %$_ > 1 } values %heard), 0,
   'all heard the same parts');

# a second broadcaster comes after the reloads, the first one leaves
my $second = broadcaster($node, name => 'studio2');
$b->stop();

ok($node->wait_until(sub { !grep { my $p = $_; grep { $p == $_ } @old }
                           $node->worker_pids(1) }, 20),
   'old workers go when their broadcaster has gone');

my $l = listener($node, path => '/live/studio2');
ok($l->parts(6), 'the second broadcaster is heard');
conforms('clean', @{ $l->{violations} });

# the zone keeps its size: a reload with another configuration
Stentor::Node::spew($node->dir() . '/nginx.conf',
    Stentor::Node::slurp($node->dir() . '/nginx.conf')
        =~ s/grace 400ms/grace 800ms/r);
$node->reload();
ok($l->parts(6), 'a reload with a changed configuration');
conforms('clean too', @{ $l->{violations} });

$second->stop();
$node->done();
done_testing();
