#!/usr/bin/perl

# Copyright (c) 2026, the Stentor authors
# SPDX-License-Identifier: BSD-2-Clause

# Two origins whose clocks are half a minute apart: the one that goes on with
# a stream goes on by the clock that it has been made by, and so does the first
# one when it has it again.  A shield whose clock is set is not left for being
# slow.

use v5.36;

use Test::More;

use FindBin;
use lib "$FindBin::Bin/lib";

use Stentor::Cluster;
use Stentor::Kit;
use Stentor::Player;

use File::Temp ();
use List::Util qw(max);
use Time::HiRes qw(time);


need(qw(ffmpeg redis-server));
plan(skip_all => 'needs libfaketime')
    if !Stentor::Node::has(Stentor::Node::libfaketime(), 'libfaketime');

my $NEAR = 10;
my $NAME = 'live/studio1';
my $media = Stentor::Media::fixture(freq => 880);
my $dir = File::Temp->newdir('stentor-XXXXXX', TMPDIR => 1);

my $cluster = Stentor::Cluster->new(origins => 2, shields => 1, edges => 1,
    linger => '30s', grace => '1s', part_duration => '200ms', window => '24s',
    node => { 'origin-1' => { clock => 0 }, 'shield-1' => { clock => 0 } });


# Both have the broadcaster, as long as they are there.

my %b;

sub broadcast() {
    for my $n (grep { $_->{pid} } $cluster->nodes('origin')) {
        next if $b{ $n->{id} } && !$b{ $n->{id} }->gone();
        $b{ $n->{id} } = eval {
            Stentor::Broadcaster->start(port => $n->port_rtmp(),
                                        media => $media)
        } // delete($b{ $n->{id} });
    }
}


# The stream at a node, when it is made there, by its own broadcaster.

sub made_at($n) {
    return $n->wait_until(sub {
        broadcast();
        my $st = eval { $n->stream($NAME) } // return 0;
        return $st->{state} eq 'live' && !$st->{relay} && $st->{parts} > 10;
    }, 40);
}


sub on_time($n, $what) {
    my $st = $n->stream($NAME);
    my $off = $st->{renditions}[0]{edge_ms} / 1000 - time();

    cmp_ok(abs($off), '<', $NEAR, "$what: by the first one's clock");
}


my ($one, $two) = $cluster->nodes('origin');
$b{ $one->{id} } = broadcaster($one, media => $media);
ok(made_at($one), 'an origin makes it');
broadcast();
ok($two->wait_stream($NAME, sub ($st) {
    return $st && $st->{relay} && $st->{parts} > 10;
}), 'another stands by');

my $edge = $cluster->edge();
my $player = Stentor::Player->start(port => $edge->port_http(), dir => "$dir",
    name => 'player', playlist => "/$NAME/audio.m3u8");
$edge->wait_stream($NAME, sub ($st) { $st && $st->{parts} > 10 });
on_time($edge, 'an edge');

# --- a shield whose clock is set

my $shield = $cluster->shield();

for my $off (20, -20, 0) {
    my $was = $edge->stream($NAME);
    $shield->set_clock($off);
    ok($edge->wait_stream($NAME, sub ($st) {
        return $st->{parts} > $was->{parts} + 30;
    }, 20), "a shield's clock is $off s off: an edge goes on");
    is($edge->stream($NAME)->{relay}{switches}, $was->{relay}{switches},
       'with it');
}

# --- an origin whose clock is

$one->set_clock(30);

for my $n ($one, $two, $shield, $edge) {
    my $from = $n->stream($NAME)->{parts};
    $n->wait_stream($NAME, sub ($st) { $st->{parts} > $from + 10 });
    on_time($n, "$n->{id}, an origin's clock is set");
}

$one->kill_it();
ok(made_at($two), 'the other one goes on');
on_time($two, 'with a clock of its own');

$one->start();
ok($one->wait_until(sub {
    broadcast();
    my $st = eval { $one->stream($NAME) } // return 0;
    return $st->{relay} && @{ $st->{relay}{chain} // [] }
           && $st->{parts} > 10;
}, 30), 'the first one is back, half a minute ahead of time');
$two->kill_it();
ok(made_at($one), 'and goes on');
on_time($one, 'by a clock that is not its own');

my $from = $edge->stream($NAME)->{parts};
ok($edge->wait_stream($NAME, sub ($st) { $st->{parts} > $from + 20 }, 20),
   'who listens has it');
my $heard = $player->join(0);
conforms('one unbroken programme', @{ $heard->{violations} });

$_->kill_it() for grep { $_ } values %b;
$two->start();
$cluster->done();
done_testing();
