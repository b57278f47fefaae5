#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Run by "make asan" only: what a worker has not given back when it exits.
# nginx itself leaves some things to the system, so a node with nothing to do
# is the measure for one that had broadcasters and listeners.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Stentor::Kit;


need('ffmpeg');

$ENV{ASAN_OPTIONS} = 'detect_leaks=1';

# The most allocations that any process of a node has left behind.

sub left($node) {
    $node->stop('QUIT');
    my $said = $node->stderr() . $node->log();
    my @counts = $said =~ /byte\(s\) leaked in (\d+) allocation/g;

    return (sort { $b <=> $a } @counts)[0] // 0;
}

my $idle = left(Stentor::Node->new());

my $node = Stentor::Node->new(linger => '500ms');
my @b = map { broadcaster($node, name => "s$_") } 1 .. 3;

for my $n (1 .. 3) {
    for my $l (listener($node, path => "/live/s$n"),
               listener($node, path => "/live/s$n", delta => 1))
    {
        ok($l->parts(12), "a listener of stream $n");
    }
}

$node->get('/live/s1/audio-std.m3u8', 'Accept-Encoding' => 'gzip');
$node->get('/live/nobody/index.m3u8');
$b[0]->kill_it();
$_->stop() for @b[1, 2];

cmp_ok($idle, '>', 0, 'the measure works: an idle node leaves something');
cmp_ok(left($node), '<=', $idle, 'a busy node leaves no more');

done_testing();
