#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Nodes that wait for a stream which comes, but is not for them, or is over at
# once: each is told so, and those beside them on the same node have theirs.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Kit;
use Stentor::Relay;
use Stentor::Tier;


need('ffmpeg');

my $nobody = 'http://127.0.0.1:' . Stentor::Node::free_port() . '/relay/';
my $node = pulls_from([$nobody], id => 'origin-2', role => 'origin');


# Some of each sort that wait for a stream, in both workers.

sub waiting($name, %o) {
    my @all = map {
        Stentor::Relay->new(port => $node->port_http(), name => "live/$name",
                            %o)
    } 1 .. 8;

    ok(Stentor::Relay::wait_all(\@all, sub ($r) { $r->of('beat') }),
       "$name: they wait");
    return @all;
}


for my $n (1 .. 6) {
    my @later = waiting("late-$n", epoch => 999);
    my @loop = waiting("late-$n", node => 'origin-2');
    my @good = waiting("late-$n");

    $node->control('open', "live/late-$n");
    ok(Stentor::Relay::wait_all(\@loop, sub ($r) { $r->{end} }),
       "$n: those whom it is not for are told");
    is(scalar(grep { $_->{end} ne 'lost' } @loop), 0,
       "$n: to look elsewhere");

    # without a Redis there is no other owner: the epoch is taken on, then
    ok(Stentor::Relay::wait_all(\@later, sub ($r) {
        return ($r->{end} // '') eq 'lost' || $r->news();
    }), "$n: as those who know of a later owner, till it is known here");
    ok(Stentor::Relay::wait_all(\@good, sub ($r) { $r->news() >= 2 }),
       "$n: others have it");

    my @short = waiting("short-$n");
    $node->control($_, "live/short-$n") for qw(open close);
    ok(Stentor::Relay::wait_all(\@short, sub ($r) { $r->{end} }),
       "$n: one that is over at once has its end");

    $node->control('close', "live/late-$n");
    ok(Stentor::Relay::wait_all(\@good, sub ($r) { $r->{end} }),
       "$n: as has the other");
    $_->close() for @later, @loop, @good, @short;
}

ok($node->wait_status(sub ($s) { $s->{relay}{sessions} == 0 }),
   'no session is left');
$node->done('TERM');
done_testing();
